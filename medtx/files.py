"""Find the files that a name stands for (a file, a folder, a glob, here or in S3); keep one."""

import glob
import gzip
import os
import re
import tempfile
import zlib
from collections.abc import Callable, Iterable
from functools import cache
from pathlib import Path, PurePath, PurePosixPath
from typing import TYPE_CHECKING, Any

from medtx.errors import MedtxError, ReadError, reason

if TYPE_CHECKING:
    from pyarrow.fs import FileSystem

OWN_DOCUMENT = "medtx transcript"
"""The category of Word documents that medtx writes; so they are known when they are read."""

Wanted = Callable[[Iterable[PurePath]], list[PurePath]]


def find(name: str, wanted: Wanted, nothing: str) -> list[Path]:
    """The file of that name, what ``wanted`` picks from the folder and below, or what the glob matches.

    A missing file is given as it is: whoever opens it says so. Raises `ReadError` for a
    folder that cannot be looked into, with ``nothing`` as its problem for one that holds
    none, and for a glob without a match.
    """
    path = Path(name)
    try:
        if path.is_dir():
            walk = os.walk(path, onerror=_stop, followlinks=True)
            files = [Path(file) for file in wanted(Path(root) / f for root, _, files in walk for f in files)]
            if not files:
                raise ReadError(name, nothing)
            return files
        if not path.exists() and glob.has_magic(name):
            files = sorted(Path(file) for file in glob.glob(name, recursive=True))
            if not files:
                raise ReadError(name, "no file matches")
            return files
    except (OSError, ValueError) as error:  # ValueError: a NUL in the name
        raise ReadError(name[:200], reason(error)) from None
    return [path]


def _stop(error: OSError) -> None:
    raise error


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
            return unpack(Path(name).read_bytes(), name)
        files, _, path, _ = _store(name)
        with files.open_input_stream(path, compression=None) as stream:
            return unpack(bytes(stream.readall()), name)
    except (OSError, ValueError) as error:
        raise ReadError(name[:200], reason(error)) from None


def unpack(data: bytes, source: str) -> bytes:
    if data[:2] != b"\x1f\x8b":
        return data
    try:
        return gzip.decompress(data)
    except (OSError, EOFError, zlib.error) as error:
        raise ReadError(source, f"expected a whole gzip file: {str(error).lower()}") from None


def save(path: Path, write: Callable[[Path], Any]) -> Path:
    """Write a file whole or not at all, readable by its owner only: a transcript is health data.

    Raises `MedtxError` where the file system does not let us.
    """
    part = ""
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        number, part = tempfile.mkstemp(dir=path.parent, prefix=".", suffix=path.suffix)
        os.close(number)
        write(Path(part))
        os.replace(part, path)
        part = ""
    except OSError as error:
        raise MedtxError(f"{path}: cannot be written: {reason(error)}") from None
    finally:
        if part:
            os.unlink(part)
    return path


def save_text(path: Path, text: str) -> Path:
    return save(path, lambda part: part.write_text(text, encoding="utf-8", newline="\n"))


def cache_folder(name: str) -> Path:
    """Where what can be made again is kept for this user; not made yet."""
    home = os.environ.get("XDG_CACHE_HOME")
    return (Path(home) if home else Path.home() / ".cache") / "medtx" / name
