"""The file that keeps the events of a stream, each as a line when it arrives."""

import json
import os
import stat
import warnings
from pathlib import Path
from typing import Any

from medtx.errors import MedtxError, reason

try:
    import fcntl
except ImportError:  # Windows
    fcntl = None  # type: ignore[assignment]

_FLAGS = os.O_WRONLY | os.O_CREAT | getattr(os, "O_NOFOLLOW", 0)  # a link would lead words elsewhere


class Record:
    """Readable by its owner only, and written by one stream at a time.

    What is in it from before goes when the first event comes, so a stream of which nothing was heard
    leaves it. Where the disk is full, that is told, and the stream goes on without its file.
    Raises `MedtxError` for a file that cannot be written at all.
    """

    def __init__(self, path: Path, header: dict[str, Any]) -> None:
        self._path, self._header = path, header
        self._begun = False
        self._file: int | None = None
        try:
            path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            self._file = os.open(path, _FLAGS, 0o600)
            self._regular = stat.S_ISREG(os.fstat(self._file).st_mode)
            if fcntl and self._regular:
                fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            self.close()
            raise MedtxError(f"{path}: cannot be written: another stream is recorded there") from None
        except OSError as error:
            why = "it is a link" if path.is_symlink() else reason(error)
            raise MedtxError(f"{path}: cannot be written: {why}") from None
        if not os.fstat(self._file).st_size:
            self.write()

    def write(self, *events: dict[str, Any]) -> None:
        if self._file is None:
            return
        try:
            if not self._begun:
                self._begun = True
                if self._regular:
                    os.fchmod(self._file, 0o600)
                    os.ftruncate(self._file, 0)
                self._line(self._header)
            for event in events:
                self._line(event)
        except OSError as error:
            self.close()
            warnings.warn(
                f"{self._path}: cannot be written: {reason(error)}; the stream goes on, and what is heard "
                "from here on is not in this file",
                stacklevel=2,
            )

    def _line(self, event: dict[str, Any]) -> None:
        assert self._file is not None
        rest = memoryview((json.dumps(event) + "\n").encode())
        while rest:  # a disk that is nearly full takes a part
            rest = rest[os.write(self._file, rest) :]

    def end(self, event: dict[str, Any], heard: bool) -> None:
        """The last line, which says how the stream ended; a failure of which nothing was heard is none."""
        if self._file is None:
            return
        if heard or self._begun:
            self.write(event)

    @property
    def whole(self) -> bool:
        """Whether all that was to be written is."""
        return self._file is not None

    def close(self) -> None:
        if self._file is not None:
            os.close(self._file)
            self._file = None
