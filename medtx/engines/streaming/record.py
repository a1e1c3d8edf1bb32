"""The record of a stream: each event a line, written when it comes."""

import json
import os
import warnings
from contextlib import suppress
from pathlib import Path
from typing import IO, Any

from medtx.errors import printable, reason
from medtx.locks import open_alone

Event = dict[str, Any]


class Record:
    """A file that no other process writes. An older one is replaced when the first event is there.

    A disk that is full ends the record, with a warning, and not the stream: ``broken`` says so.
    Raises `MedtxError` for a file that cannot be opened.
    """

    def __init__(self, path: Path, header: Event) -> None:
        self.path, self.broken = path, False
        self._file: IO[str] | None = open_alone(path)
        self._header, self._begun = header, False
        self._new = os.fstat(self._file.fileno()).st_size == 0
        if self._new:
            self._begin()

    def add(self, event: Event) -> None:
        self._begin()
        self._write(event)

    def _begin(self) -> None:
        if self._begun or self._file is None:
            return
        self._begun = True
        self._file.truncate(0)
        self._write(self._header)

    def _write(self, event: Event) -> None:
        if self._file is None:
            return
        try:
            self._file.write(json.dumps(event) + "\n")
            self._file.flush()
        except OSError as error:
            self._break(error)

    def _break(self, error: OSError) -> None:
        """What is whole stays, so that the file is read as a stream that was cut."""
        self.broken = True
        warnings.warn(
            f"{printable(str(self.path))}: cannot be written any more: {reason(error)}; "
            "what is heard from now on is in memory only",
            stacklevel=4,
        )
        file, self._file = self._file, None
        _close(file)

    def end(self) -> None:
        """The stream came to its end: also one without an event replaces what was there."""
        self._begin()

    def close(self) -> None:
        file, self._file = self._file, None
        _close(file)


def _close(file: IO[str] | None) -> None:
    if file is not None:
        with suppress(OSError):  # what could not be flushed was told
            file.close()
