"""One source -> its recordings: what it is, is known by its suffix and its keys."""

import json
from collections.abc import Mapping
from contextlib import suppress
from typing import Any

import msgspec

from medtx.errors import MedtxError, ReadError, shown
from medtx.files import load, unpack
from medtx.reading import batch, formats, job, manifests, references, streaming
from medtx.reading.build import Parsed
from medtx.reading.foreign import guard
from medtx.reading.metadata import describe_jobs, is_job
from medtx.reading.options import Options
from medtx.reading.sources import LINES, kind


def parse(path: str, data: Any, options: Options = Options()) -> list[Parsed]:  # noqa: B008  frozen
    """The recordings of a file, or of what was in memory. Raises `ReadError`."""
    made = _parse(path, data, options)
    for parsed in made:  # other engines' results were refused before
        if wrong := guard.wrong_unit(parsed):
            parsed.notes.append(wrong)
    return made


def _parse(path: str, data: Any, options: Options) -> list[Parsed]:
    if isinstance(data, ReadError):
        raise data
    source = path or "the result in memory"
    try:
        return _by_kind(path, data, source, options)
    except MedtxError:
        raise
    except RecursionError:
        raise ReadError(source, "is nested too deeply") from None
    except (LookupError, TypeError, ValueError, AttributeError, OverflowError) as error:
        # What the readers did not foresee is of a kind that their format does not have.
        raise ReadError(
            source, f"holds something that its format does not have ({type(error).__name__})"
        ) from None


def _by_kind(path: str, data: Any, source: str, options: Options) -> list[Parsed]:
    suffix = kind(path)
    if data is None:
        data = load(path)
    elif isinstance(data, bytes):
        data = unpack(data, source)
    if isinstance(data, bytes):
        if not data:
            hint = "; one for silence holds an empty line" if suffix == ".txt" else ""
            raise ReadError(source, f"the file is empty{hint}")
        if suffix in references.REFUSED:
            raise ReadError(source, references.REFUSED[suffix])
        if reader := references.BINARY.get(suffix):
            return reader(data, source, **options.of(reader))
        if reader := references.READERS.get(suffix):
            return reader(text(data, source, options.encoding), source, **options.of(reader))
        if options.encoding:
            data = text(data, source, options.encoding).encode()
    try:
        if not isinstance(data, bytes):
            return _parse_object(_whole_text(data), source, options)
        data = data.removeprefix(b"\xef\xbb\xbf").strip()
        if suffix in LINES or _is_lines(data):
            return _parse_lines(data, source, options)
        if data[:1] == b"{":
            try:
                result = job.decode(data)
            except msgspec.ValidationError:
                if _is_transcribes(other := decoded(data)):
                    raise
                return _parse_object(other, source, options)
            except msgspec.DecodeError:
                return _parse_object(decoded(data), source, options)
            if result.results is not None and result.results.is_transcript():
                return [batch.parse(result, source)]
        return _parse_object(decoded(data), source, options)
    except msgspec.ValidationError as error:
        expected, _, place = str(error).partition(" - at `$")
        raise ReadError(source, expected.lower(), place.strip(".`")) from None
    except UnicodeDecodeError as error:
        raise ReadError(source, f"expected UTF-8 text, found byte {error.object[error.start]:#x}") from None
    except RecursionError:
        raise ReadError(source, "expected a result, found JSON nested too deeply") from None
    except msgspec.DecodeError as error:
        if streaming.is_event(events := _whole(data)):
            return streaming.parse(events, source, cut=True)
        cut = "truncated" in str(error)
        place = f"byte {len(data)}, its end" if cut else ""
        raise ReadError(source, f"expected JSON: {str(error).lower()}", place) from None


def decoded(data: bytes) -> Any:
    """JSON, also with NaN, which is null, as Python writes it; of objects one after another, their list.

    >>> decoded(b'{"a": NaN} {"a": 2}')
    [{'a': None}, {'a': 2}]
    """
    try:
        return msgspec.json.decode(data)
    except msgspec.DecodeError:
        said = data.decode()
        decoder = json.JSONDecoder(parse_constant=lambda name: None if name == "NaN" else float(name))
        found = []
        at = 0
        try:
            while at < len(said):
                one, at = decoder.raw_decode(said, at)
                found.append(one)
                while at < len(said) and said[at].isspace():
                    at += 1
        except json.JSONDecodeError:
            found = []
        if not found or (len(found) > 1 and not all(isinstance(one, dict) for one in found)):
            raise
        return _whole_text(found[0] if len(found) == 1 else found)


def _whole_text(data: Any) -> Any:
    r"""The same, with a mark in place of halves of UTF-16 pairs, which no table can hold.

    >>> _whole_text({"text": "no \ud83d pain"})
    {'text': 'no ? pain'}
    """
    try:
        msgspec.json.encode(data)  # a quick look: this fails at the first half
    except UnicodeEncodeError:
        return _replaced(data)
    except (TypeError, ValueError, OverflowError):  # not JSON, such as the objects of an SDK
        pass
    return data


def _replaced(data: Any) -> Any:
    if isinstance(data, str):
        return data.encode("utf-8", "replace").decode()
    if isinstance(data, Mapping):
        return {_replaced(key): _replaced(value) for key, value in data.items()}
    return [_replaced(one) for one in data] if isinstance(data, list) else data


def text(data: bytes, source: str, encoding: str | None = None) -> str:
    """In this encoding; or UTF-8, or the UTF-16 that Praat and Windows write with a mark."""
    hint = "" if encoding else ": encoding= names another, such as encoding='cp1252'"
    if encoding is None and data[:12] == b"ooBinaryFile":
        return "ooBinaryFile"  # its reader says what to do
    wide = data[:2] in (b"\xff\xfe", b"\xfe\xff")
    try:
        said = data.decode(encoding or ("utf-16" if wide else "utf-8-sig"))
    except UnicodeDecodeError as error:
        wanted = encoding or ("UTF-16" if wide else "UTF-8")
        byte = f"found byte {data[error.start]:#04x}" if error.start < len(data) else "found its end"
        raise ReadError(source, f"expected {wanted} text, {byte}{hint}", f"byte {error.start}") from None
    if "\0" in said:
        hint = hint.replace("cp1252", "utf-16-le")
        raise ReadError(source, f"expected text, found a zero byte{hint}", f"character {said.index(chr(0))}")
    return said.removeprefix("\ufeff")


def _is_lines(data: bytes) -> bool:
    """Whether the first line is an object by itself, and another follows."""
    first, _, more = data.partition(b"\n")
    return first[:1] == b"{" and first.rstrip()[-1:] == b"}" and more.lstrip()[:1] == b"{"


def _parse_lines(data: bytes, source: str, options: Options) -> list[Parsed]:
    objects = []
    lines = [(number, line) for number, line in enumerate(data.splitlines(), 1) if line.strip()]
    for number, line in lines:
        try:
            objects.append(msgspec.json.decode(line))
        except msgspec.DecodeError as error:
            with suppress(msgspec.DecodeError):
                return _parse_object(decoded(data), source, options)
            if number == lines[-1][0] and streaming.is_event(objects):  # the stream was cut as it was written
                return streaming.parse(objects, source, cut=True)
            raise ReadError(source, f"expected JSON: {str(error).lower()}", f"line {number}") from None
    return _parse_object(objects, source, options)


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


def _heard(made: list[Parsed], data: Any, source: str) -> list[Parsed]:
    """Refuse what has text, but no event of a stream: it is something else."""
    if not any(parsed.tables.get("events", {}).get("transcript") for parsed in made) and guard.speaks(data):
        raise ReadError(source, f"expected streaming events with results, found {formats.unknown(data)}")
    return made


def _is_transcribes(data: Any) -> bool:
    results = data.get("results") if isinstance(data, Mapping) else None
    return isinstance(results, Mapping) and not {"items", "channel_labels"}.isdisjoint(results)


def _parse_object(data: Any, source: str, options: Options) -> list[Parsed]:
    if _is_transcribes(data):
        return [batch.parse(job.convert(data), source)]
    if other := formats.parse(data, source):
        return other
    if isinstance(data, Mapping) and isinstance(data.get("results"), Mapping):
        return [batch.parse(job.convert(data), source)]
    if data == [] or streaming.is_event(data):
        return _heard(streaming.parse(data, source), data, source)
    if isinstance(data, list) and all(isinstance(one, Mapping) for one in data) and is_job(data[0]):
        return [
            parsed
            for n, one in enumerate(data)
            for parsed in _parse_object(one, f"{source}, entry {n}", options)
        ]
    if is_job(data):
        if not describe_jobs(data) and not any(str(key).endswith("Summaries") for key in data):
            raise ReadError(source, "expected a description of a job with its name")
        return [Parsed(one, name=one["recording"], described=True) for one in describe_jobs(data)]
    first = data[0] if isinstance(data, list) else data
    if isinstance(data, list) and isinstance(first, Mapping) and "session_id" in first:
        return references.seglst(data, source)
    if manifests.is_row(first):
        rows = [(f"entry {n}", row) for n, row in enumerate(data if isinstance(data, list) else [data], 1)]
        times, _ = guard.unread([row for _, row in rows], manifests.keys_read(first))
        if times:  # a result of some engine, and no table of texts
            raise ReadError(
                source, f"looks like a table of texts, whose times do not stand in {shown(times)}"
            )
        return manifests.of_rows(rows, source, **options.of(manifests.of_rows))
    if isinstance(data, list) and formats.each(data):
        return [
            parsed
            for n, one in enumerate(data)
            for parsed in formats.parse(one, f"{source}, entry {n}") or ()
        ]
    raise ReadError(
        source,
        f"expected Transcribe's batch result or streaming events, found JSON with {formats.unknown(data)};"
        " no engine's result that is known has these keys",
    )
