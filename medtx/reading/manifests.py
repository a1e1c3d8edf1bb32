"""Tables of texts: a row a recording, or an utterance with its time; also recognised text beside it."""

import re
from collections.abc import Iterable, Mapping, Sequence
from pathlib import PureWindowsPath
from typing import Any, NamedTuple

from medtx.errors import ReadError, shown
from medtx.reading import cells, turns
from medtx.reading.build import Parsed
from medtx.reading.told import tell
from medtx.reading.utterances import Utterance, recording, seconds

NAMES = (
    "recording recording_id file_name filename file audio_filepath audio_file audio_path audio"
    " wav wav_filename wav_path path id utt_id uttid utterance_id key"
).split()
TEXTS = (
    "reference ref reference_text text transcript transcription sentence ground_truth truth label_text"
).split()
_RECOGNISED = re.compile(
    r"(?:pred|predicted|prediction|hyp|hypothesis|asr|stt|recogni[sz]ed|recognition|decoded|output)"
    r"(?:[ _-]?(?:text|transcript|transcription|output|result|sentence|words))?"
    r"|.*[_ -](?:hyp|pred|asr|hypothesis)",
    re.I,
)
_UNIT = r"[ _(\[]*(?P<unit>ms|s|sec|seconds)?[)\]]?"
_START = re.compile(rf"(?:start|begin|offset|onset|start_time|begin_time|starttime|from){_UNIT}", re.I)
_END = re.compile(rf"(?:end|stop|end_time|stop_time|endtime|to){_UNIT}", re.I)
_LENGTH = re.compile(rf"(?:duration|dur|length){_UNIT}", re.I)
_SUFFIX = re.compile(
    r"\.(?:wav|mp3|flac|m4a|og[ga]|opus|mp4|mpe?g|webm|aac|wma|aiff?|amr|sph|au|raw|pcm|mkv|mov|avi|3gp|caf"
    r"|txt|json|lab|docx)",
    re.I,
)


def is_row(data: Any) -> bool:
    """Whether an object is a row of a table of texts, such as NeMo's manifests have."""
    if not isinstance(data, Mapping):
        return False
    named = any(isinstance(data.get(key), str) for key in NAMES)
    said = any(key in TEXTS or _RECOGNISED.fullmatch(key) for key in data if isinstance(key, str))
    return "audio_filepath" in data or (named and said)


def keys_read(row: Mapping[Any, Any]) -> frozenset[str]:
    """The keys of a row that may say its times."""
    return frozenset(
        key for key in row if isinstance(key, str) and any(p.fullmatch(key) for p in (_START, _END, _LENGTH))
    )


class Columns(NamedTuple):
    """Which columns of a table say what; ``None`` where it has none."""

    text: str
    name: str | None
    start: str | None
    end: str | None
    length: str | None
    speaker: str | None
    channel: str | None


def manifest(
    text: str, source: str, *, column: str | None = None, speakers: bool | None = None
) -> list[Parsed]:
    """A table with a header, and a row a recording or an utterance.

    ``column`` names the column of the text, such as that of recognised text.
    """
    table = cells.rows(text, source)
    if timed := _without_header([row.cells for row in table]):
        return [recording(timed, source)]
    if not table:
        raise ReadError(source, "expected a header and rows")
    header = [cell.strip() for cell in table[0].cells]
    known = {cell.casefold() for cell in header}
    if (
        known.isdisjoint((*NAMES, *TEXTS))
        and column not in header
        and not any(map(_RECOGNISED.fullmatch, known))
    ):
        raise ReadError(source, _wanted("a header with"), "line 1")
    if len(known) < len(header):
        raise ReadError(source, "expected each column once", "line 1")
    if len(table) == 1:
        raise ReadError(source, "expected rows below the header, found none", "line 1")
    rows = [(f"line {row.line}", dict(zip(header, row.cells))) for row in table[1:]]
    return of_rows(rows, source, column=column, speakers=speakers)


def _wanted(what: str) -> str:
    names, texts = ", ".join(NAMES[:6]), ", ".join(TEXTS[:6])
    return f"expected {what} a recording ({names}, ...) and its text ({texts}, ...)"


def of_rows(
    rows: Sequence[tuple[str, Mapping[Any, Any]]],
    source: str,
    *,
    column: str | None = None,
    speakers: bool | None = None,
) -> list[Parsed]:
    """The recordings of rows (each with its place in the file), by the names of their columns."""
    columns = _columns(rows, source, column)
    scale = _scale(rows, columns, source)
    said: dict[str, list[tuple[str, Utterance]]] = {}
    for place, row in rows:
        if not isinstance(row, Mapping):
            raise ReadError(source, _wanted("in each row"), place)
        name = "" if columns.name is None else _value(row, columns.name, source, place)
        if columns.name is not None and not name.strip():
            raise ReadError(source, _wanted("in each row"), place)
        said.setdefault(name, []).append((place, _utterance(row, columns, scale, source, place)))
    parsed: list[Parsed] = []
    names = _names(list(said), columns.name) if columns.name else {"": ""}
    for key, found in said.items():
        timed = columns.start is not None and all(u.start is not None for _, u in found)
        if len(found) > 1 and not timed:  # the name is not shown: it may be text
            problem = "expected each recording once, or with a start in each row; found one again"
            raise ReadError(source, problem, found[1][0])
        parsed.append(recording(_turns([u for _, u in found], source, speakers), source, names[key]))
    return parsed


def _columns(rows: Sequence[tuple[str, Mapping[Any, Any]]], source: str, column: str | None) -> Columns:
    there = {key: None for _, row in rows if isinstance(row, Mapping) for key in row if isinstance(key, str)}
    small = {key.strip().casefold(): key for key in there}

    def first(names: Iterable[str]) -> str | None:
        return next((small[name] for name in names if name in small), None)

    def like(pattern: "re.Pattern[str]") -> str | None:
        return next((key for key in there if pattern.fullmatch(key.strip())), None)

    recognised = [key for key in there if _RECOGNISED.fullmatch(key.strip())]
    if column is not None and column not in there:
        raise ReadError(source, f"no column {column!r}: it has {shown(there) or 'none that can be shown'}")
    text = column or first(TEXTS) or next(iter(recognised), None)
    name = first(NAMES)
    start, end, length = like(_START), like(_END), like(_LENGTH)
    if text is None or (name is None and start is None):
        raise ReadError(source, _wanted("in each row"), rows[0][0])
    if column is None and (others := [key for key in recognised if key != text]):
        option = f"column={others[0]!r}"
        tell(source, f"recognised text stands beside the references: read(..., {option}) reads it")
    return Columns(text, name, start, end, length, first(("speaker", "speaker_id")), first(("channel",)))


def _value(row: Mapping[Any, Any], key: str, source: str, place: str) -> str:
    value = row.get(key)
    if isinstance(value, str):
        return value
    if isinstance(value, int | float) and not isinstance(value, bool):
        return str(value)
    raise ReadError(source, _wanted("in each row"), place)


def _utterance(row: Mapping[Any, Any], columns: Columns, scale: float, source: str, place: str) -> Utterance:
    start, end, length = (
        _time(row.get(key), scale, source, place) if key else None
        for key in (columns.start, columns.end, columns.length)
    )
    if end is None and start is not None and length is not None:
        end = start + length
    speaker, channel = (
        str(row[key]).strip() or None if key and row.get(key) is not None else None
        for key in (columns.speaker, columns.channel)
    )
    end = end if start is not None else None
    return Utterance(_value(row, columns.text, source, place), start, end, speaker, channel)


def _time(value: Any, scale: float, source: str, place: str) -> float | None:
    if value is None or (isinstance(value, str) and not value.strip()):
        return None
    try:
        return seconds(str(value)) / scale
    except ValueError:
        raise ReadError(source, "expected seconds or a time such as 0:01:02.5", place) from None


_WHISPER = {"start", "end", "text"}


def _scale(rows: Sequence[tuple[str, Mapping[Any, Any]]], columns: Columns, source: str) -> float:
    """1000 where times are milliseconds: the column says so, or they are as Whisper writes them."""
    if columns.start is None:
        return 1
    named = [p.fullmatch(key.strip()) for p, key in ((_START, columns.start), (_END, columns.end or "end"))]
    units = {(found["unit"] or "").lower() for found in named if found}
    if "ms" in units:
        return 1000
    if units - {""}:
        return 1
    found = [
        [str(row.get(key or "")) for key in (columns.start, columns.end, columns.text)] for _, row in rows
    ]
    if not all(time.isdecimal() for start, end, _ in found for time in (start, end)):
        return 1
    span = sum(float(end) - float(start) for start, end, _ in found)
    words = sum(len(said.split()) for *_, said in found)
    if words >= 0.1 * span:  # a word in ten seconds, at the least
        return 1
    if columns.name is None and {key.casefold() for _, row in rows for key in row} - {"speaker"} <= _WHISPER:
        return 1000
    problem = "times look like milliseconds: name the columns start_ms and end_ms, or give seconds"
    raise ReadError(source, problem, rows[0][0])


def timed(rows: Sequence[Sequence[str]]) -> list[Utterance]:
    """Rows of start, end and text, as Audacity and whisper-timestamped write them; or nothing."""
    try:
        found = [(seconds(start), seconds(end), said) for start, end, said in rows]
    except ValueError:
        return []
    return [Utterance(said, start, end) for start, end, said in found if start <= end]


def _without_header(rows: Sequence[Sequence[str]]) -> list[Utterance]:
    found = timed(rows)
    if len(found) != len(rows) or all("." not in cell for row in rows for cell in row[:2]):
        return []
    return found


def _turns(said: list[Utterance], source: str, speakers: bool | None) -> list[Utterance]:
    """A text without times or speakers of its own may hold labels, and lines."""
    if len(said) > 1 or said[0].start is not None or said[0].speaker is not None:
        return said
    found, doubt = turns.utterances(said[0].text, speakers)
    if doubt:
        tell(source, doubt)
    return found if any(u.speaker or u.start is not None for u in found) else said


def _names(given: Sequence[str], column: str | None) -> dict[str, str]:
    """Each recording's name: that of its file; with folders, or the suffix, where files share it.

    >>> _names(["p1/001.wav", "p2/001.wav", "b.wav"], "path")
    {'p1/001.wav': 'p1/001', 'p2/001.wav': 'p2/001', 'b.wav': 'b'}
    """
    if column is not None and column.casefold() == "recording":
        return {name: name for name in given}
    parts = {name: PureWindowsPath(name.strip()).parts or (name,) for name in given}
    names = {name: _stem(parts[name][-1]) for name in given}
    for depth in range(2, max(map(len, parts.values()), default=1) + 1):
        for name in _shared(names):
            names[name] = _stem("/".join(part.strip("\\/") for part in parts[name][-depth:]))
    for name in _shared(names):
        names[name] = "/".join(parts[name])
    return {name: name for name in given} if _shared(names) else names


def _stem(name: str) -> str:
    base, dot, suffix = name.rpartition(".")
    return base if base and _SUFFIX.fullmatch(dot + suffix) else name


def _shared(names: Mapping[str, str]) -> list[str]:
    count: dict[str, int] = {}
    for name in names.values():
        count[name] = count.get(name, 0) + 1
    return [given for given, name in names.items() if count[name] > 1]
