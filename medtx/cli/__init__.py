"""The same verbs on the command line: ``medtx --help``."""

import os
import sys
import warnings
from collections.abc import Sequence

from medtx.cli import analyse
from medtx.cli.parser import parser
from medtx.errors import MedtxError
from medtx.files import printable

__all__ = ["main"]


def main(argv: Sequence[str] | None = None) -> None:
    """Run one verb; a `MedtxError` ends it with one line and exit status 1."""
    args = parser().parse_args(argv)
    warnings.showwarning = lambda message, *_: print(f"medtx: {_shown(message)}", file=sys.stderr)
    try:
        args.run(args)
    except MedtxError as error:
        print(f"medtx: {_shown(error)}", file=sys.stderr)
        sys.exit(2 if args.run is analyse.read else 1)
    except BrokenPipeError:  # the reader of the output has gone, as after "| head"
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    except KeyboardInterrupt:
        sys.exit(130)


def _shown(message: object) -> str:
    """A message in lines that move no cursor: names in it come from outside."""
    return "\n".join(map(printable, str(message).split("\n")))
