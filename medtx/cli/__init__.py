"""The same verbs on the command line: ``medtx --help``."""

import os
import sys
import warnings
from collections.abc import Sequence

from medtx.cli import analyse
from medtx.cli.parser import parser
from medtx.errors import MedtxError

__all__ = ["main"]


def main(argv: Sequence[str] | None = None) -> None:
    """Run one verb; a `MedtxError` ends it with one line and exit status 1."""
    args = parser().parse_args(argv)
    warnings.showwarning = lambda message, *_: print(f"medtx: {message}", file=sys.stderr)
    try:
        args.run(args)
    except MedtxError as error:
        print(f"medtx: {error}", file=sys.stderr)
        sys.exit(2 if args.run is analyse.read else 1)
    except BrokenPipeError:  # the reader of the output has gone, as after "| head"
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    except KeyboardInterrupt:
        sys.exit(130)
