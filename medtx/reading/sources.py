"""What ``read`` was given -> single sources, each with its name and where it lies."""

import os
import re
import zipfile
from collections import deque
from collections.abc import Iterable, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from os import PathLike, fspath
from pathlib import Path, PurePath
from typing import Any, NamedTuple

from medtx.errors import InputError, ReadError, kind_of
from medtx.files import BROKEN_ZIP, bounded, bounded_archive, find, find_remote, is_remote, largest, load
from medtx.reading import formats, references, streaming
from medtx.reading.parquet import from_parquet
from medtx.reading.texts import is_text
from medtx.transcripts import Transcripts

LINES = (".jsonl", ".ndjson")
RESULTS = (".json", *LINES)
_AT_ONCE = 16
"""Objects of a remote store that are fetched side by side: each is mostly waiting."""


class Source(NamedTuple):
    name: str  # for the recording, where the result has none
    path: str
    data: Any = None  # bytes, an object, or the error that keeps it from being read; None: in the file


def kind(path: str) -> str:
    """The suffix that says how to read it: that of ``a.json.gz`` is ``.json``, of Kaldi's text ``.kaldi``."""
    path = path.partition("?")[0] if is_remote(path) else path
    file = PurePath(path.lower().removesuffix(".gz"))
    is_kaldi = re.fullmatch(r"text(_\w+)?|.*\.trans\.txt", file.name)
    return ".kaldi" if is_kaldi else file.suffix


_JSON = re.compile(r"\s*(\{\s*[\"}]|\[\s*[\[{\"\]])")


def expand(source: Any) -> Iterator[Source]:
    """Each single source."""
    if isinstance(source, bytearray | memoryview):
        source = bytes(source)
    if isinstance(source, bytes | Mapping | Transcripts) or streaming.is_event(source):
        yield Source("memory", "", source)
    elif hasattr(source, "read"):
        yield _opened(source)
    elif isinstance(source, str | PathLike):
        name = fspath(source)
        if not name:
            raise InputError("expected a path, got an empty one")
        if _JSON.match(name):
            raise InputError("expected a path, got text that looks like JSON: pass it as bytes, or parsed")
        if is_text(name):
            raise InputError("expected a path, got text: medtx.from_text takes texts, by name")
        try:
            yield from _found(name)
        except ReadError as error:  # handed on, so that the sources after it are still read
            yield Source("", name, error)
    elif isinstance(source, Iterable):
        sources = list(source)
        if not sources:
            raise InputError("nothing to read: an empty list")
        # What one file may hold as a list: a stream's events, an engine's messages, SegLST.
        if streaming.is_event(sources) or formats.is_one(sources):
            yield Source("memory", "", sources)
            return
        for one in sources:
            yield from expand(one)
    else:
        raise InputError(f"cannot read {kind_of(source)}: expected a path, bytes or what a result holds")


def _opened(file: Any) -> Source:
    """What a file holds that somebody else has opened."""
    name = str(getattr(file, "name", ""))
    try:
        data = file.read()
        data = data.encode() if isinstance(data, str) else data
    except BROKEN_ZIP as error:  # it may be packed
        return Source("", name, ReadError(name or "the open file", f"cannot be read: {str(error).lower()}"))
    return Source(_name(Path(name)) or "memory", name, data)


def fetched(sources: Iterable[Source]) -> Iterator[Source]:
    """The same sources, those of remote stores with their bytes, a few fetched ahead."""
    waiting: deque[tuple[Source, Future[bytes] | None]] = deque()

    def first() -> Source:
        source, coming = waiting.popleft()
        try:
            return source if coming is None else source._replace(data=coming.result())
        except ReadError as error:
            return source._replace(data=error)

    with ThreadPoolExecutor(_AT_ONCE) as pool:
        for source in sources:
            remote = source.data is None and is_remote(source.path)
            waiting.append((source, pool.submit(load, source.path) if remote else None))
            if not remote or len(waiting) > _AT_ONCE:
                yield first()
        while waiting:
            yield first()


def _found(name: str) -> Iterator[Source]:
    nothing = f"no {_expected()} file in this folder"
    if is_remote(name):
        for uri in find_remote(name, _wanted, nothing):
            yield Source(_name(PurePath(uri.partition("?")[0])), uri)
        return
    if os.path.isfile(os.path.join(name, "recordings.parquet")):
        if any(kind(file) in RESULTS for file in os.listdir(name)):
            raise ReadError(name, "holds kept tables and results, which may be the same: keep them apart")
        yield Source("", name, from_parquet(Path(name)))
        return
    found = find(name, _wanted, nothing)
    for failure in found.failures:
        yield Source("", failure.source, failure)
    for file in found.files:
        if file.suffix.lower() == ".zip":
            yield from _members(file)
        else:
            yield Source(_name(file), str(file))


def _name(file: PurePath) -> str:
    return file.with_suffix("").stem if file.suffix.lower() == ".gz" else file.stem


def _members(file: Path) -> Iterator[Source]:
    """What a folder of the same content would give."""
    try:
        with zipfile.ZipFile(file) as archive:
            bounded_archive(archive, os.path.getsize(file), str(file))
            inside: dict[PurePath, list[zipfile.ZipInfo]] = {}
            for info in archive.infolist():
                if not info.is_dir() and not info.filename.startswith("__MACOSX/"):
                    inside.setdefault(PurePath(info.filename), []).append(info)
            wanted = _wanted(inside)
            if not wanted:
                raise ReadError(str(file), f"no {_expected()} file in this archive")
            for member in wanted:
                for info in inside[member]:
                    path = str(file / member)
                    try:
                        bounded(info.file_size, path)
                        with archive.open(info) as packed:
                            data = packed.read(largest() + 1)
                        bounded(len(data), path)
                        yield Source(_name(member), path, data)
                    except ReadError as error:
                        yield Source("", path, error)
                    except BROKEN_ZIP as error:
                        yield Source("", path, ReadError(path, f"cannot be unpacked: {str(error).lower()}"))
    except BROKEN_ZIP as error:
        raise ReadError(str(file), f"expected a ZIP archive: {str(error).lower()}") from None


def _texts() -> list[str]:
    known = (*references.READERS, *references.BINARY)
    return [suffix for suffix in known if suffix not in (".csv", ".tsv")]


def _expected() -> str:
    return ", ".join((*RESULTS, *_texts()))


def _wanted(files: Iterable[PurePath]) -> list[PurePath]:
    """The results among these, or the references where there is none."""
    seen = sorted(file for file in files if not file.name.startswith((".", "~$")))  # ~$: Word has it open
    results = [file for file in seen if kind(file.name) in RESULTS]
    return results or [file for file in seen if kind(file.name) in _texts()]
