"""The file that keeps the events of a stream, each as a line when it arrives."""

import json
import os
import warnings
from io import FileIO
from pathlib import Path
from typing import Any

from medtx.errors import printable, reason
from medtx.locks import open_alone


class Record:
    """Readable by its owner only, and written by one stream at a time.

    What is in it from before goes when the first event comes, so a stream of which nothing was heard
    leaves it. Where the disk is full, that is told, and the stream goes on without its file.
    Raises `MedtxError` for a file that cannot be written at all.
    """

    def __init__(self, path: Path, header: dict[str, Any]) -> None:
        self._path, self._header = path, header
        self._begun = False
        self._file: FileIO | None = open_alone(path)
        if not os.fstat(self._file.fileno()).st_size:
            self.write()

    def write(self, *events: dict[str, Any]) -> None:
        if self._file is None:
            return
        try:
            if not self._begun:
                self._begun = True
                self._file.truncate(0)
                self._line(self._header)
            for event in events:
                self._line(event)
        except OSError as error:
            self.close()
            told = f"{self._path}: cannot be written: {reason(error)}; the stream goes on, and what is heard "
            warnings.warn(printable(f"{told}from here on is not in this file"), stacklevel=2)

    def _line(self, event: dict[str, Any]) -> None:
        assert self._file is not None
        rest = memoryview((json.dumps(event) + "\n").encode())
        while rest:  # a disk that is nearly full takes a part
            rest = rest[self._file.write(rest) :]

    def end(self, event: dict[str, Any], heard: bool) -> None:
        """The last line, which says how the stream ended; a failure of which nothing was heard is none."""
        if self._file is None:
            return
        if heard or self._begun:
            self.write(event)
        if self._file is not None:
            os.fsync(self._file.fileno())

    @property
    def whole(self) -> bool:
        """Whether all that was to be written is."""
        return self._file is not None

    def close(self) -> None:
        if self._file is not None:
            self._file.close()
            self._file = None
