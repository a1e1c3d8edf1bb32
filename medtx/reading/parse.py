"""One source -> its recordings: what it is, is known by its suffix and its keys."""

import json
from collections.abc import Mapping
from typing import Any

import msgspec

from medtx.errors import ReadError, shown
from medtx.files import load, unpack
from medtx.reading import batch, formats, job, references, streaming
from medtx.reading.build import Parsed
from medtx.reading.metadata import describe_jobs, is_job
from medtx.reading.sources import LINES, kind


def parse(path: str, data: Any) -> list[Parsed]:
    """The recordings of a file, or of what was in memory. Raises `ReadError`."""
    if isinstance(data, ReadError):
        raise data
    source = path or "the result in memory"
    suffix = kind(path)
    if data is None:
        data = load(path)
    elif isinstance(data, bytes):
        data = unpack(data, source)
    if isinstance(data, bytes):
        if not data:
            hint = "; one for silence holds an empty line" if suffix == ".txt" else ""
            raise ReadError(source, f"the file is empty{hint}")
        if suffix in references.READERS:
            return references.READERS[suffix](text(data, source), source)
    try:
        if not isinstance(data, bytes):
            return _parse_object(data, source)
        data = data.removeprefix(b"\xef\xbb\xbf").strip()
        if suffix in LINES or _is_lines(data):
            return _parse_lines(data, source)
        if data[:1] == b"{":
            try:
                result = job.decode(data)
            except msgspec.ValidationError:
                if other := formats.parse(msgspec.json.decode(data), source):
                    return other
                raise
            if result.results is not None and result.results.is_transcript():
                return [batch.parse(result, source)]
        return _parse_object(msgspec.json.decode(data), source)
    except msgspec.ValidationError as error:
        expected, _, place = str(error).partition(" - at `$")
        raise ReadError(source, expected.lower(), place.strip(".`")) from None
    except UnicodeDecodeError as error:
        raise ReadError(source, f"expected UTF-8 text, found byte {error.object[error.start]:#x}") from None
    except RecursionError:
        raise ReadError(source, "expected a result, found JSON nested too deeply") from None
    except msgspec.DecodeError as error:
        if streaming.is_event(events := _whole(data)):
            return [streaming.parse(events, source, cut=True)]
        cut = "truncated" in str(error)
        place = f"byte {len(data)}, its end" if cut else ""
        raise ReadError(source, f"expected JSON: {str(error).lower()}", place) from None


def text(data: bytes, source: str) -> str:
    """UTF-8, or the UTF-16 that Praat and Windows write with a mark."""
    wide = data[:2] in (b"\xff\xfe", b"\xfe\xff")
    try:
        return data.decode("utf-16" if wide else "utf-8-sig")
    except UnicodeDecodeError as error:
        raise ReadError(source, "expected UTF-8 text", f"byte {error.start}") from None


def _is_lines(data: bytes) -> bool:
    """Whether the first line is an object by itself, and another follows."""
    first, _, more = data.partition(b"\n")
    return first[:1] == b"{" and first.rstrip()[-1:] == b"}" and more.lstrip()[:1] == b"{"


def _parse_lines(data: bytes, source: str) -> list[Parsed]:
    objects = []
    lines = [(number, line) for number, line in enumerate(data.splitlines(), 1) if line.strip()]
    for number, line in lines:
        try:
            objects.append(msgspec.json.decode(line))
        except msgspec.DecodeError as error:
            if number == lines[-1][0] and streaming.is_event(objects):  # the stream was cut as it was written
                return [streaming.parse(objects, source, cut=True)]
            raise ReadError(source, f"expected JSON: {str(error).lower()}", f"line {number}") from None
    return _parse_object(objects, source)


def _whole(data: bytes) -> list[Any]:
    """The first elements of a JSON array that was cut inside an element; none of one that is damaged."""
    said = data.decode(errors="replace")
    decoder = json.JSONDecoder()
    found: list[Any] = []
    at = 1 if said[:1] == "[" else len(said)
    while at < len(said) and said[at] != "]":
        if said[at] in ", \t\r\n":
            at += 1
            continue
        try:
            one, at = decoder.raw_decode(said, at)
        except json.JSONDecodeError as error:
            # A number or a word may be half there: that is the end too.
            at_end = error.pos > len(said) - 20 or error.msg.startswith("Unterminated string")
            return found if at_end else []
        except RecursionError:
            return []
        found.append(one)
    return found if at == len(said) else []


def _parse_object(data: Any, source: str) -> list[Parsed]:
    results = data.get("results") if isinstance(data, Mapping) else None
    if isinstance(results, Mapping) and not {"items", "channel_labels"}.isdisjoint(results):
        return [batch.parse(job.convert(data), source)]
    if other := formats.parse(data, source):
        return other
    if isinstance(results, Mapping):
        return [batch.parse(job.convert(data), source)]
    if data == [] or streaming.is_event(data):
        return [streaming.parse(data, source)]
    if isinstance(data, list) and all(isinstance(one, Mapping) for one in data) and is_job(data[0]):
        return [parsed for n, one in enumerate(data) for parsed in _parse_object(one, f"{source}, entry {n}")]
    if is_job(data):
        if not describe_jobs(data) and not any(str(key).endswith("Summaries") for key in data):
            raise ReadError(source, "expected a description of a job with its name")
        return [Parsed(one, name=one["recording"], described=True) for one in describe_jobs(data)]
    first = data[0] if isinstance(data, list) else data
    if isinstance(data, list) and isinstance(first, Mapping) and "session_id" in first:
        return references.seglst(data, source)
    if isinstance(first, Mapping) and "audio_filepath" in first:  # NeMo's manifest
        rows = data if isinstance(data, list) else [data]
        return references.rows_of(references.entries(rows, source, "entry"), source)
    keys = shown(data) if isinstance(data, Mapping) else type(data).__name__
    raise ReadError(
        source,
        f"expected Transcribe's batch result or streaming events, found JSON with {keys or 'no key known'}",
    )
