"""Results, in files or in memory -> Transcripts."""

import glob
from collections.abc import Iterator, Mapping
from os import PathLike, fspath
from pathlib import Path
from typing import Any

import msgspec
import pandas as pd

from medtx.errors import InputError, ReadError
from medtx.reading import batch, references, streaming
from medtx.reading.build import Builder, Parsed, without_gc
from medtx.reading.metadata import join
from medtx.transcripts import Transcripts

RESULTS = (".json", ".jsonl")
Source = str | PathLike[str] | bytes | Mapping[str, Any] | list[Any]


def read(
    source: Source,
    *,
    metadata: str | PathLike[str] | pd.DataFrame | None = None,
    errors: str = "raise",
) -> Transcripts:
    """Read recognition results or references into tables.

    ``source`` is a file, a folder, a glob, the bytes or the object of a result, or a list
    of these. Results are batch JSON (Transcribe, Transcribe Medical, medtx's own engines)
    or streaming events (a JSON array or JSON lines); references are plain text, one file a
    recording, a line an utterance. From a folder its results are read, or its ``.txt``
    where it has none.

    A recording is named by its job, or by its file where several jobs share a name.
    ``metadata`` (CSV or DataFrame with a column ``recording`` or ``file_name``) adds its
    columns to ``recordings``.

    Raises `ReadError`, naming file and place, at the first source that cannot be read;
    with ``errors="collect"`` the others are read and ``failures`` lists it.

    >>> job = {"jobName": "visit", "status": "COMPLETED", "results": {"items": [{
    ...     "start_time": "0.5", "end_time": "0.9", "type": "pronunciation",
    ...     "alternatives": [{"content": "Hello", "confidence": "0.98"}]}]}}
    >>> read(job).words[["recording", "start", "content", "confidence"]]
      recording  start content  confidence
    0     visit    0.5   Hello        0.98
    """
    if errors not in ("raise", "collect"):
        raise InputError(f"errors={errors!r} is not one of 'raise' or 'collect'")
    builder = Builder()
    with without_gc():
        for name, path, data in _expand(source):
            try:
                builder.add(_parse(path, data), name, path)
            except ReadError as error:
                if errors == "raise":
                    raise
                builder.failures.append((error.source, error.place, error.problem))
        read = builder.transcripts()
    return read if metadata is None else join(read, metadata)


def _expand(source: Source) -> Iterator[tuple[str, str, Any]]:
    """Each single source as (name for the recording, path, data or None)."""
    if isinstance(source, list) and not streaming.is_event(source):
        for one in source:
            yield from _expand(one)
        return
    if not isinstance(source, str | PathLike):
        yield "memory", "", source
        return
    path = Path(source)
    if path.is_dir():
        inside = sorted(p for p in path.rglob("*") if p.is_file() and not p.name.startswith("."))
        files = [p for p in inside if p.suffix in RESULTS] or [p for p in inside if p.suffix == ".txt"]
        if not files:
            raise ReadError(str(path), "no .json, .jsonl or .txt file in this folder")
    elif path.exists():
        files = [path]
    elif glob.has_magic(fspath(source)):
        files = sorted(Path(p) for p in glob.glob(fspath(source), recursive=True))
        if not files:
            raise ReadError(str(source), "no file matches")
    else:
        files = [path]  # missing: the reader says so, and others may still be read
    for file in files:
        yield file.stem, str(file), None


def _parse(path: str, data: Any) -> Parsed:
    source = path or "the result in memory"
    if data is None:
        try:
            data = Path(path).read_bytes()
        except OSError as error:
            raise ReadError(source, (error.strerror or str(error)).lower()) from None
        if not data:
            raise ReadError(source, "the file is empty")
        if path.endswith(".txt"):
            try:
                return references.parse(data.decode("utf-8-sig"))
            except UnicodeDecodeError as error:
                raise ReadError(source, "expected UTF-8 text", f"byte {error.start}") from None
    try:
        if not isinstance(data, bytes):
            return _parse_object(data, source)
        data = data.removeprefix(b"\xef\xbb\xbf").strip()
        if data[:1] == b"{" and not path.endswith(".jsonl"):
            job = batch.decode(data)
            if job.results is not None:
                return batch.parse(job, source)
            return _parse_object(msgspec.json.decode(data), source)
        if path.endswith(".jsonl"):
            return _parse_object(_lines(data, source), source)
        return _parse_object(msgspec.json.decode(data), source)
    except msgspec.ValidationError as error:
        expected, _, place = str(error).partition(" - at `$")
        raise ReadError(source, expected.lower(), place.strip(".`")) from None
    except UnicodeDecodeError as error:
        raise ReadError(source, f"expected UTF-8 text, found byte {error.object[error.start]:#x}") from None
    except RecursionError:
        raise ReadError(source, "expected a result, found JSON nested too deeply") from None
    except msgspec.DecodeError as error:
        cut = "truncated" in str(error)
        place = f"byte {len(data)}, its end" if cut else ""
        raise ReadError(source, f"expected JSON: {str(error).lower()}", place) from None


def _lines(data: bytes, source: str) -> list[Any]:
    events = []
    for number, line in enumerate(data.splitlines(), 1):
        if line.strip():
            try:
                events.append(msgspec.json.decode(line))
            except msgspec.DecodeError as error:
                raise ReadError(source, f"expected JSON: {str(error).lower()}", f"line {number}") from None
    return events


def _parse_object(data: Any, source: str) -> Parsed:
    if isinstance(data, Mapping) and data.get("results") is not None:
        return batch.parse(batch.convert(data), source)
    if data == [] or streaming.is_event(data):
        return streaming.parse(data, source)
    keys = ", ".join(map(str, list(data)[:4])) if isinstance(data, Mapping) else type(data).__name__
    raise ReadError(
        source,
        f"expected Transcribe's batch result or streaming events, found JSON with {keys or 'nothing in it'}",
    )
