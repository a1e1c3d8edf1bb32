"""The same verbs on the command line: ``medtx --help``."""

import io
import os
import re
import sys
import warnings
from collections.abc import Sequence
from contextlib import redirect_stdout
from typing import TextIO

from medtx.cli import analyse
from medtx.cli.parser import parser
from medtx.errors import MedtxError, printable

__all__ = ["main"]


def main(argv: Sequence[str] | None = None) -> None:
    """Run one verb; a `MedtxError` ends it with one line and exit status 1."""
    args = parser().parse_args(argv)
    warnings.showwarning = lambda message, *_: print(f"medtx: {message}", file=_Plain(sys.stderr))
    try:
        with redirect_stdout(_Plain(sys.stdout)):
            args.run(args)
    except MedtxError as error:
        print(f"medtx: {error}", file=sys.stderr)
        sys.exit(2 if args.run is analyse.read else 1)
    except BrokenPipeError:  # the reader of the output has gone, as after "| head"
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    except KeyboardInterrupt:
        sys.exit(130)


_MOVES = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069\ud800-\udfff]")
"""What moves a cursor, turns the direction of writing round, or cannot be written."""


class _Plain(io.TextIOBase):
    """What is printed, with nothing in it that moves a cursor: names and texts come from outside."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def write(self, text: str) -> int:
        self._stream.write(_MOVES.sub(lambda found: printable(found[0]), text))
        return len(text)

    def flush(self) -> None:
        self._stream.flush()

    def fileno(self) -> int:
        return self._stream.fileno()
