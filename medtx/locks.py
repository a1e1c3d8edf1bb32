"""One writer at a time: a lock that ends with its process, so none is ever stale."""

import os
import shutil
import stat
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from io import FileIO
from pathlib import Path

try:
    import fcntl
except ImportError:  # Windows
    fcntl = None  # type: ignore[assignment]

from medtx.errors import MedtxError, printable, reason
from medtx.files import private_folder

_BUSY = "another process writes there: wait until it is done, or write to another place"


def lock(number: int, unknown: bool = True) -> bool:
    """Whether this process now is the only one that writes there; ``unknown``, where nobody can know."""
    if fcntl is None:
        return _lock_windows(number)
    try:
        fcntl.flock(number, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError:  # a file system without locks
        return unknown
    return True


def _lock_windows(number: int) -> bool:
    import msvcrt

    try:
        os.lseek(number, 1 << 40, os.SEEK_SET)  # beyond all text: a locked byte cannot be read
        msvcrt.locking(number, msvcrt.LK_NBLCK, 1)  # type: ignore[attr-defined]
        os.lseek(number, 0, os.SEEK_SET)
    except OSError:
        return False
    return True


def open_alone(path: Path) -> FileIO:
    """A file to write, readable by its owner only, that no other process writes; what it holds stays.

    Raises `MedtxError` where another one does, and for a link, or what is no file.
    """
    name = printable(str(path))
    try:
        private_folder(path.parent)
        while True:
            number = os.open(path, os.O_RDWR | os.O_CREAT | getattr(os, "O_NOFOLLOW", 0) | _AT_ONCE, 0o600)
            try:
                if not stat.S_ISREG(os.fstat(number).st_mode) or path.is_symlink():
                    raise MedtxError(f"{name}: expected a file to write, found a link or a device")
                if not lock(number):
                    raise MedtxError(f"{name}: {_BUSY}")
                if _same(path, number):
                    os.chmod(path, 0o600)
                    return FileIO(number, "r+")
            except BaseException:
                os.close(number)
                raise
            os.close(number)  # it was taken away between the two: there is a new one
    except OSError as error:
        if path.is_symlink():
            raise MedtxError(f"{name}: expected a file to write, found a link or a device") from None
        raise MedtxError(f"{name}: cannot be written: {reason(error)}") from None


_AT_ONCE = getattr(os, "O_NONBLOCK", 0)  # a pipe that nobody reads would wait


def _same(path: Path, number: int) -> bool:
    try:
        there, held = path.stat(), os.fstat(number)
    except FileNotFoundError:
        return False
    return (there.st_dev, there.st_ino) == (held.st_dev, held.st_ino)


def remove_left(files: list[Path]) -> None:
    """Take away what a process that was killed left; what a living one writes stays."""
    for path in files:
        try:
            number = os.open(path, os.O_RDWR | getattr(os, "O_NOFOLLOW", 0))
        except OSError:
            continue
        try:
            if lock(number, unknown=False):
                path.unlink(missing_ok=True)  # while it is held: nobody else begins it now
        finally:
            os.close(number)


class Folder:
    """``with Folder(path):`` nobody else writes tables there. Raises `MedtxError` where one does."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._number: int | None = None

    def __enter__(self) -> None:
        if fcntl is None:  # Windows locks no folders: there the manifest tells of a mixture
            return
        self._number = os.open(self.path, os.O_RDONLY)
        if not lock(self._number):
            os.close(self._number)
            raise MedtxError(f"{printable(str(self.path))}: {_BUSY}")

    def __exit__(self, *_: object) -> None:
        if self._number is not None:
            os.close(self._number)


_NEW = 60.0
"""Seconds in which a process that has just made its folder has surely locked it."""


@contextmanager
def scratch(name: str) -> Iterator[Path]:
    """A folder for this user only that goes at the end; those of processes that were killed go first."""
    if fcntl:
        for left in Path(tempfile.gettempdir()).glob(f"medtx-{name}-*"):
            _sweep(left)
    with tempfile.TemporaryDirectory(prefix=f"medtx-{name}-") as made, Folder(Path(made)):
        yield Path(made)


def _sweep(folder: Path) -> None:
    with suppress(OSError):
        info = folder.lstat()
        if info.st_uid != os.getuid() or time.time() - info.st_mtime < _NEW:
            return
        number = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
        try:
            if lock(number, unknown=False):
                shutil.rmtree(folder, ignore_errors=True)
        finally:
            os.close(number)
