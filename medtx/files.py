"""Find the files that a name stands for (a file, a folder, a glob, here or in S3); keep one."""

import glob
import gzip
import lzma
import os
import re
import stat
import struct
import tempfile
import warnings
import zipfile
import zlib
from collections.abc import Callable, Iterable
from fnmatch import fnmatchcase
from functools import cache
from io import BytesIO
from pathlib import Path, PurePath, PurePosixPath
from typing import TYPE_CHECKING, Any, NamedTuple

from medtx.errors import MedtxError, ReadError, printable, reason

if TYPE_CHECKING:
    from pyarrow.fs import FileSystem

OWN_DOCUMENT = "medtx transcript"
"""The category of Word documents that medtx writes; so they are known when they are read."""

Wanted = Callable[[Iterable[PurePath]], list[PurePath]]


class Found(NamedTuple):
    """What a name stands for; what of it cannot be read."""

    files: list[Path]
    failures: list[ReadError]


def find(name: str, wanted: Wanted, nothing: str) -> Found:
    """The file of that name, what ``wanted`` picks from the folder and below, or what the glob matches.

    Each file is found once, however many links lead to it. A missing file is given as it is:
    whoever opens it says so. A folder inside that cannot be looked into, and a file whose name is
    not UTF-8, are failures; the rest is found. Raises `ReadError` with ``nothing`` as its problem
    for a folder that holds none, and for a glob without a match.
    """
    path = Path(name)
    failures: list[ReadError] = []
    try:
        if path.is_dir():
            files = [Path(file) for file in wanted(_below(path, failures))]
            nothing = nothing if not failures else failures[0].problem
        elif not path.exists() and glob.has_magic(name):
            files = _once(
                _below_matching(name, failures) if "**" in name else [Path(f) for f in glob.glob(name)]
            )
            nothing = "no file matches"
        else:
            files = [path]
    except (OSError, ValueError) as error:  # ValueError: a NUL in the name
        raise ReadError(printable(name[:200]), reason(error)) from None
    readable = [file for file in files if is_text(str(file))]
    failures += [
        ReadError(printable(str(file)), "its name is not UTF-8") for file in files if not is_text(str(file))
    ]
    if not readable and not failures:
        raise ReadError(name, nothing)
    return Found(readable, failures)


def _below(top: Path, failures: list[ReadError]) -> list[Path]:
    """The regular files in a folder and below, each once: a link may lead back to where it lies."""
    seen: set[tuple[int, int]] = set()
    files, linked, special = list[Path](), list[Path](), list[Path]()
    folders, links = [top], list[Path]()
    while folders or links:  # what a link leads to may lie in a folder of its own, which comes first
        folder = folders.pop() if folders else links.pop(0)
        try:
            info = folder.stat()
            if (info.st_dev, info.st_ino) in seen:
                continue
            seen.add((info.st_dev, info.st_ino))
            entries = sorted(os.scandir(folder), key=lambda entry: entry.name, reverse=True)
        except OSError as error:
            failures.append(ReadError(printable(str(folder)), reason(error)))
            continue
        for entry in entries:
            if entry.is_dir():
                (links if entry.is_symlink() else folders).append(folder / entry.name)
            elif entry.is_file() or not os.path.exists(entry):  # a link to nothing is told when it is opened
                (linked if entry.is_symlink() else files).append(folder / entry.name)
            else:
                special.append(folder / entry.name)
    if special:
        warnings.warn(
            f"{printable(str(top))}: passed over {len(special)} that are no files, such as "
            f"{printable(special[0].name)}",
            stacklevel=2,
        )
    return [*files, *_once(linked, files)]


def _once(found: Iterable[Path], there: Iterable[Path] = ()) -> list[Path]:
    """Those that are not ``there``, in order of their names, and each once: a file before a link to it."""
    held = {os.path.realpath(file): file for file in there} if found else {}
    known = set(held.values())
    for file in sorted(found, key=lambda file: (file.is_symlink(), len(file.parts), file)):
        held.setdefault(os.path.realpath(file), file)
    return sorted(set(held.values()) - known)


def _below_matching(pattern: str, failures: list[ReadError]) -> list[Path]:
    """The files that a glob with ``**`` matches."""
    parts = Path(pattern).parts
    fixed = next(n for n, part in enumerate(parts) if glob.has_magic(part))
    top = Path(*parts[:fixed])
    below = _below(top, failures) if top.is_dir() else []
    return [file for file in below if _matches(file.relative_to(top).parts, parts[fixed:])]


def _matches(parts: tuple[str, ...], patterns: tuple[str, ...]) -> bool:
    """Whether the parts of a path are those of a glob; ``**`` is any number of folders."""
    if not patterns:
        return not parts
    first, rest = patterns[0], patterns[1:]
    hidden = parts[:1] and parts[0].startswith(".") and not first.startswith(".")
    if first == "**" and _matches(parts, rest):
        return True
    if not parts or hidden:
        return False
    return (
        _matches(parts[1:], patterns)
        if first == "**"
        else (fnmatchcase(parts[0], first) and _matches(parts[1:], rest))
    )


def is_text(name: str) -> bool:
    """Whether a name is UTF-8; Python gives other bytes of a name as halves of surrogate pairs."""
    try:
        name.encode()
    except UnicodeEncodeError:
        return False
    return True


_URI = re.compile(r"([a-z][a-z0-9+.-]+://)([^?]*)(\?.*)?", re.S)


def is_remote(name: str) -> bool:
    """Whether the name is a URI such as ``s3://bucket/key``."""
    return _URI.fullmatch(name) is not None


def find_remote(name: str, wanted: Wanted, nothing: str) -> list[str]:
    """As `find`, for a URI that pyarrow's file systems know; ``*`` and ``**`` make it a glob."""
    from pyarrow.fs import FileSelector, FileType

    try:
        files, scheme, path, query = _store(name)
        path = path.rstrip("/")
        star = "*" in path
        folder = path.partition("*")[0].rpartition("/")[0] if star else path
        if not star and files.get_file_info(path).type == FileType.File:
            return [name]
        deep = not star or "**" in path or "*" in path.rpartition("/")[0]
        inside = files.get_file_info(FileSelector(folder, recursive=deep))
    except (OSError, ValueError) as error:
        raise ReadError(name[:200], reason(error)) from None
    paths = [one.path for one in inside if one.type == FileType.File]
    if star:
        held = re.escape(path).replace(r"\*\*/", "(?:.*/)?").replace(r"\*\*", ".*").replace(r"\*", "[^/]*")
        found = sorted(one for one in paths if re.fullmatch(held, one))
    else:
        found = [one.as_posix() for one in wanted(map(PurePosixPath, paths))]
    if not found:
        raise ReadError(name, "no file matches" if star else nothing)
    return [scheme + one + query for one in found]


def _store(name: str) -> "tuple[FileSystem, str, str, str]":
    """The file system of a URI, and its parts: scheme, path, query."""
    scheme, path, query = _URI.fullmatch(name).groups("")  # type: ignore[union-attr]
    return _filesystem(scheme + path.partition("/")[0] + query), scheme, path, query


@cache
def _filesystem(root: str) -> "FileSystem":
    """Of a bucket; made once, as it may ask the store where the bucket lies."""
    from pyarrow.fs import FileSystem

    return FileSystem.from_uri(root)[0]


def load(name: str) -> bytes:
    """What the file, or the object behind the URI, holds; unpacked if it is gzipped. Raises `ReadError`."""
    try:
        if not is_remote(name):
            return unpack(_content(Path(name)), name)
        files, _, path, _ = _store(name)
        with files.open_input_stream(path, compression=None) as stream:
            data = bytes(stream.read(largest() + 1))
        bounded(len(data), name)
        return unpack(data, name)
    except (OSError, ValueError) as error:
        raise ReadError(name[:200], reason(error)) from None


def _content(path: Path) -> bytes:
    with open(path, "rb", opener=_opener) as file:
        info = os.fstat(file.fileno())
        if not stat.S_ISREG(info.st_mode) and not stat.S_ISDIR(info.st_mode):
            raise ReadError(str(path), "expected a file; what comes from a pipe is read as bytes")
        bounded(info.st_size, str(path))
        return file.read()


def _opener(path: str, flags: int) -> int:
    return os.open(path, flags | getattr(os, "O_NONBLOCK", 0))  # a pipe that nobody writes to would wait


LARGEST = 1 << 30
"""Bytes that a file may hold, once it is unpacked; MEDTX_LARGEST_FILE is another limit."""


def largest() -> int:
    given = os.environ.get("MEDTX_LARGEST_FILE", "")
    return int(given) if given.isdecimal() else LARGEST


def bounded(size: int, source: str) -> None:
    if size > largest():
        raise ReadError(
            source, f"holds more than {largest():,} bytes: set MEDTX_LARGEST_FILE, in bytes, to read it"
        )


def unpack(data: bytes, source: str) -> bytes:
    if data[:2] != b"\x1f\x8b":
        return data
    try:
        with gzip.open(BytesIO(data)) as file:
            opened = file.read(largest() + 1)
    except (OSError, EOFError, zlib.error) as error:
        raise ReadError(source, f"expected a whole gzip file: {str(error).lower()}") from None
    bounded(len(opened), source)
    return opened


def bounded_archive(archive: zipfile.ZipFile, size: int, source: str) -> None:
    """Refuse an archive of ``size`` bytes that opens to more than the limit, and to 100 times of itself."""
    opened = sum(info.file_size for info in archive.infolist())
    if opened > 100 * size:
        bounded(opened, source)


BROKEN_ZIP = (
    *(OSError, zipfile.BadZipFile, zlib.error, lzma.LZMAError, EOFError, LookupError),
    *(NotImplementedError, RuntimeError, ValueError, OverflowError, struct.error),
)
"""What a damaged archive raises; RuntimeError: it asks for a password."""


def save(path: Path, write: Callable[[Path], Any]) -> Path:
    """Write a file whole or not at all, readable by its owner only: a transcript is health data.

    Raises `MedtxError` where the file system does not let us.
    """
    part = ""
    try:
        private_folder(path.parent)
        number, part = tempfile.mkstemp(dir=path.parent, prefix=".", suffix=path.suffix)
        os.close(number)
        write(Path(part))
        with open(part, "rb") as file:
            os.fsync(file.fileno())  # else a loss of power may leave a whole name with half a file
        os.replace(part, path)
        part = ""
    except OSError as error:
        raise MedtxError(f"{printable(str(path))}: cannot be written: {reason(error)}") from None
    finally:
        if part:
            os.unlink(part)
    return path


def save_text(path: Path, text: str) -> Path:
    return save(path, lambda part: part.write_text(text, encoding="utf-8", newline="\n"))


def private_folder(path: Path) -> None:
    """Make a folder, and those above it that are not there, for its owner only, whatever the umask."""
    missing = []
    while not path.is_dir():
        missing.append(path)
        if path == path.parent:
            break
        path = path.parent
    for folder in reversed(missing):
        try:
            folder.mkdir(mode=0o700)
        except FileExistsError:  # another was quicker; or it is a file, and what follows says so
            if not folder.is_dir():
                raise
            continue
        folder.chmod(0o700)  # a umask may take even what the owner needs


def cache_folder(name: str) -> Path:
    """Where what can be made again is kept for this user; not made yet."""
    home = os.environ.get("XDG_CACHE_HOME")
    return (Path(home) if home else Path.home() / ".cache") / "medtx" / name
