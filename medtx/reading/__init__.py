"""Results, in files or in memory -> Transcripts."""

import gzip
import re
import zipfile
import zlib
from collections.abc import Iterable, Iterator, Mapping
from os import PathLike, fspath
from pathlib import Path
from typing import Any

import msgspec
import pandas as pd

from medtx.errors import InputError, ReadError, reason
from medtx.reading import batch, others, references, streaming
from medtx.reading.build import Builder, Parsed, without_gc
from medtx.reading.files import find
from medtx.reading.metadata import join
from medtx.transcripts import Transcripts

LINES = (".jsonl", ".ndjson")
RESULTS = (".json", *LINES)
TEXTS = tuple(kind for kind in references.READERS if kind not in (".csv", ".tsv"))
_EXPECTED = f"{', '.join((*RESULTS, *TEXTS))} file"
_JSON_LINES = re.compile(rb"\{[^\r\n]*\}[ \t]*\r?\n\s*\{")
Source = str | PathLike[str] | bytes | Mapping[str, Any] | Iterable[Any]


def read(
    source: Source,
    *,
    metadata: str | PathLike[str] | pd.DataFrame | None = None,
    errors: str = "raise",
) -> Transcripts:
    """Read recognition results or references into tables.

    ``source`` is a file, a folder, a glob, a ZIP archive, an open file, the bytes or the
    object of a result, or a list of these; files may be gzipped. Results are batch JSON
    (Transcribe, Transcribe Medical, Call Analytics, HealthScribe, medtx's own engines),
    streaming events (a JSON array or JSON lines), or what Whisper, Deepgram, AssemblyAI,
    Vosk and Kaldi write. References are plain text (one file a recording, a line an utterance;
    or ``recording<TAB>text`` lines), manifests (CSV, or NeMo's JSON lines), TextGrid, STM,
    CTM, SegLST, WebVTT or SRT, known by their suffix. From a folder its results are read,
    or its references where it has none; manifests must be named.

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
                for parsed in _parse(path, data):
                    builder.add(parsed, name, path)
            except ReadError as error:
                if errors == "raise":
                    raise
                builder.failures.append((error.source, error.place, error.problem))
        read = builder.transcripts()
    return read if metadata is None else join(read, metadata)


def _expand(source: Any) -> Iterator[tuple[str, str, Any]]:
    """Each single source as (name for the recording, path, data or None)."""
    if isinstance(source, bytes | Mapping) or streaming.is_event(source):
        yield "memory", "", source
        return
    if hasattr(source, "read"):
        data = source.read()
        name = str(getattr(source, "name", ""))
        yield _name(Path(name)) or "memory", name, data.encode() if isinstance(data, str) else data
        return
    if not isinstance(source, str | PathLike):
        for one in source:
            yield from _expand(one)
        return
    name = fspath(source)
    if name.lstrip()[:1] in ("{", "["):
        raise InputError("expected a path, got text that looks like JSON: pass it as bytes, or parsed")
    try:
        yield from _found(name)
    except ReadError as error:  # handed on, so that the sources after it are still read
        yield "", name, error


def _found(name: str) -> Iterator[tuple[str, str, Any]]:
    for file in find(name, _wanted, f"no {_EXPECTED} in this folder"):
        if file.suffix.lower() == ".zip":
            yield from _members(file)
        else:
            yield _name(file), str(file), None


def _name(file: Path) -> str:
    return file.with_suffix("").stem if file.suffix.lower() == ".gz" else file.stem


def _kind(path: str) -> str:
    """The suffix that says how to read it: that of ``a.json.gz`` is ``.json``."""
    return Path(path.lower().removesuffix(".gz")).suffix


def _members(file: Path) -> Iterator[tuple[str, str, bytes]]:
    """What a folder of the same content would give."""
    try:
        with zipfile.ZipFile(file) as archive:
            inside = [m.filename for m in archive.infolist() if not m.is_dir()]
            wanted = _wanted(Path(m) for m in inside if not m.startswith("__MACOSX/"))
            if not wanted:
                raise ReadError(str(file), f"no {_EXPECTED} in this archive")
            for member in wanted:
                yield _name(member), str(file / member), archive.read(member.as_posix())
    except (OSError, zipfile.BadZipFile, zlib.error, NotImplementedError, RuntimeError) as error:
        # RuntimeError: it asks for a password
        raise ReadError(str(file), f"expected a ZIP archive: {str(error).lower()}") from None


def _wanted(files: Iterable[Path]) -> list[Path]:
    """The results among these, or the references where there is none."""
    seen = sorted(file for file in files if not file.name.startswith("."))
    results = [file for file in seen if _kind(file.name) in RESULTS]
    return results or [file for file in seen if _kind(file.name) in TEXTS]


def _parse(path: str, data: Any) -> list[Parsed]:
    if isinstance(data, ReadError):
        raise data
    source = path or "the result in memory"
    kind = _kind(path)
    if data is None:
        try:
            data = Path(path).read_bytes()
        except (OSError, ValueError) as error:
            raise ReadError(source[:200], reason(error)) from None
    if isinstance(data, bytes):
        if data[:2] == b"\x1f\x8b":
            try:
                data = gzip.decompress(data)
            except (OSError, EOFError, zlib.error) as error:
                raise ReadError(source, f"expected a whole gzip file: {str(error).lower()}") from None
        if not data:
            hint = "; one for silence holds an empty line" if kind == ".txt" else ""
            raise ReadError(source, f"the file is empty{hint}")
        if kind in references.READERS:
            return references.READERS[kind](_text(data, source), source)
    try:
        if not isinstance(data, bytes):
            return _parse_object(data, source)
        data = data.removeprefix(b"\xef\xbb\xbf").strip()
        if kind in LINES or _JSON_LINES.match(data):
            return _parse_object(_lines(data, source), source)
        if data[:1] == b"{":
            try:
                job = batch.decode(data)
            except msgspec.ValidationError:
                if other := others.parse(msgspec.json.decode(data), source):
                    return [other]
                raise
            if job.results is not None and job.results.is_transcript():
                return [batch.parse(job, source)]
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


def _text(data: bytes, source: str) -> str:
    """UTF-8, or the UTF-16 that Praat and Windows write with a mark."""
    wide = data[:2] in (b"\xff\xfe", b"\xfe\xff")
    try:
        return data.decode("utf-16" if wide else "utf-8-sig")
    except UnicodeDecodeError as error:
        raise ReadError(source, "expected UTF-8 text", f"byte {error.start}") from None


def _parse_object(data: Any, source: str) -> list[Parsed]:
    if other := others.parse(data, source):
        return [other]
    if isinstance(data, Mapping) and data.get("results") is not None:
        return [batch.parse(batch.convert(data), source)]
    if data == [] or streaming.is_event(data):
        return [streaming.parse(data, source)]
    first = data[0] if isinstance(data, list) else data
    if isinstance(data, list) and isinstance(first, Mapping) and "session_id" in first:
        return references.seglst(data, source)
    if isinstance(first, Mapping) and "audio_filepath" in first:  # NeMo's manifest
        rows = data if isinstance(data, list) else [data]
        return references.rows_of(references.entries(rows, source, "entry"), source)
    keys = ", ".join(map(str, list(data)[:4])) if isinstance(data, Mapping) else type(data).__name__
    raise ReadError(
        source,
        f"expected Transcribe's batch result or streaming events, found JSON with {keys or 'nothing in it'}",
    )
