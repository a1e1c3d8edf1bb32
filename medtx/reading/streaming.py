"""Streaming results of Transcribe Medical and AWS's other streams: the events of a log, in order.

Taken as bare Results, as recordings of them (``{"t": milliseconds, "data": Result}``), or
in the envelopes that the services and their guides put around them; as one JSON array or as
JSON lines; with the protocol's capital keys or the Java SDK's small ones; or as the event
objects of amazon-transcribe, aws-sdk-transcribe-streaming and aws-sdk-connecthealth.
"""

from collections.abc import Iterable, Mapping
from math import inf
from typing import Any

import msgspec

from medtx.errors import ReadError
from medtx.reading import build
from medtx.reading.aws.common import hidden, left_out, tell_left_out
from medtx.reading.aws.events import Event, events, is_event
from medtx.reading.aws.services import CONNECT_HEALTH, HEALTHSCRIBE, TRANSCRIBE
from medtx.reading.aws.sessions import Session, sessions
from medtx.reading.aws.values import mended
from medtx.reading.build import ROUNDING, Parsed, check, phi

__all__ = ["CUT", "is_event", "parse"]

CUT = "CUT"
"""Status of a recording whose file ends before its stream did."""

FASTEST = 0.15
"""Letters that nobody says in less than one unit of time, if that is a millisecond; in a second, all do."""


class Item(msgspec.Struct, rename="pascal"):
    start_time: float | None
    end_time: float | None
    type: str | None = None
    content: str | None = None
    confidence: float | None = None
    speaker: str | None = None
    vocabulary_filter_match: bool | None = None


class Entity(msgspec.Struct, rename="pascal"):
    content: str | None = None
    category: str | None = None
    type: str | None = None  # only Transcribe's PII has one: it says more than the category
    start_time: float | None = None
    end_time: float | None = None
    confidence: float | None = None


class Alternative(msgspec.Struct, rename="pascal"):
    transcript: str | None = None
    items: list[Item] | None = None
    entities: list[Entity] | None = None


class Result(msgspec.Struct, rename="pascal"):
    result_id: str
    start_time: float | None
    end_time: float | None
    is_partial: bool = False
    alternatives: list[Alternative] | None = None
    channel_id: str | None = None
    language_code: str | None = None
    speaker: str | None = None  # of Call Analytics and Contact Lens: the participant's role

    @property
    def best(self) -> Alternative:
        return self.alternatives[0] if self.alternatives else Alternative()


def parse(data: Any, source: str, cut: bool = False) -> list[Parsed]:
    """A recording for each stream of a log; one stream has the name of its file.

    ``cut`` says that the file ends in the middle of an event. Raises `ReadError` for a result
    that is not whole.
    """
    found = list(events(data))
    streams = sessions(found)
    ids = [stream.name for stream in streams]
    recordings = []
    for n, stream in enumerate(streams):
        last = n == len(streams) - 1
        parsed = _recording(stream, source, cut and last)
        if len(streams) > 1 and (ids[n] and ids.count(ids[n]) == 1):
            parsed.name = str(ids[n])
        elif n:
            parsed.number = n + 1
        recordings.append(parsed)
    if odd := [event.place for event in found if event.unknown]:
        what = "1 event that holds" if len(odd) == 1 else f"{len(odd)} events that hold"
        place = odd[0].lstrip(".") or "its beginning"
        recordings[0].notes.append(f"{what} no result left out, the first at {place}")
    return recordings


WORDS = (
    *("segment", "start", "end", "content", "kind", "confidence", "speaker", "channel"),
    *("language", "filtered"),
)
SEGMENTS = ("segment", "start", "end", "speaker", "channel", "transcript")
EVENTS = ("arrival", "sent", "result", "channel", "segment", "partial", "start", "end", "transcript")


class _Tables:
    """The tables of one recording, filled result by result."""

    def __init__(self, roles: dict[str, str]) -> None:
        self.words: dict[str, list[Any]] = {column: [] for column in WORDS}
        self.segments: dict[str, list[Any]] = {column: [] for column in SEGMENTS}
        self.events: dict[str, list[Any]] = {column: [] for column in EVENTS}
        self.alternatives: list[tuple[Any, ...]] = []
        self.entities: list[Entity] = []
        self.ids: list[str] = []  # of the segments
        self.left_out = 0
        self._roles = roles
        self._finals: set[tuple[str, str | None]] = set()

    def add(self, event: Event, result: Result) -> None:
        """The finals become words and segments; every result becomes a row of events."""
        again = (result.result_id, result.channel_id) in self._finals  # a final that was sent twice
        number = -1 if result.is_partial or again else len(self.ids)
        span = (result.start_time, result.end_time)
        said = result.best.transcript or ""
        row = (result.result_id, result.channel_id, number, result.is_partial, *span, said)
        _add(self.events, event.arrival, event.sent, *row)
        if number < 0:
            return
        self._finals.add((result.result_id, result.channel_id))
        self.ids.append(result.result_id)
        voices = {item.speaker for item in result.best.items or () if item.speaker}
        only = self._voice(result, voices.pop() if len(voices) == 1 else None)
        _add(self.segments, number, *span, only, result.channel_id, said)
        self._add_words(number, result)
        self._add_others(number, result)

    def _voice(self, result: Result, label: str | None) -> str | None:
        return _speaker(label) or result.speaker or self._roles.get(str(result.channel_id))

    def _add_words(self, number: int, result: Result) -> None:
        best = result.best
        items = list(best.items or ())
        if items:
            missing = left_out([item.content or "" for item in items], best.transcript or "")
            self.left_out += len(missing)
            for at, word in reversed(missing):
                items.insert(at, Item(None, None, None, word))
        else:
            items = [Item(None, None, None, word) for word in (best.transcript or "").split()]
        for item in items:
            kind = (item.type or "pronunciation").lower()
            marked = kind == "punctuation"
            span = (None, None) if marked else (item.start_time, item.end_time)
            speakers = self.words["speaker"]
            speaker = self._voice(result, item.speaker) or (speakers[-1] if marked and speakers else None)
            about = (None if marked else item.confidence, speaker, result.channel_id, result.language_code)
            _add(self.words, number, *span, item.content or "", kind, *about, _filtered(item))

    def _add_others(self, number: int, result: Result) -> None:
        several = result.alternatives or []
        if len(several) > 1:
            self.alternatives += [
                (number, rank, position, item.content or "", item.confidence, item.start_time, item.end_time)
                for rank, hypothesis in enumerate(several)
                for position, item in enumerate(hypothesis.items or ())
            ]
        for entity in result.best.entities or ():
            entity.content, entity.category = entity.content or "", entity.type or entity.category or ""
            self.entities.append(entity)

    def checked(self, source: str) -> dict[str, dict[str, Any]]:
        for place, columns in (("words", self.words), ("results", self.segments), ("events", self.events)):
            check(columns, place, source)
        tables = {"words": self.words, "segments": self.segments, "events": self.events}
        if self.alternatives:
            tables["alternatives"] = build.alternatives(self.alternatives)
        if self.entities:
            tables["phi"] = phi(self.entities, self.words)
        return tables


def _recording(stream: Session, source: str, cut: bool) -> Parsed:
    said, notes = _results(stream, source)
    services = {event.service for event, _ in said}
    if services & {HEALTHSCRIBE, CONNECT_HEALTH}:
        _to_seconds([result for _, result in said])
    asked = stream.asked
    tables = _Tables(asked.get("roles") or {"CLINICIAN": "CLINICIAN", "PATIENT": "PATIENT"})
    for event, result in said:
        tables.add(event, result)
    made = tables.checked(source)
    tell_left_out(tables.left_out, source)
    languages = tables.words["language"]
    row = {
        "engine": asked.get("engine") or _engine(services, asked),
        "mode": "streaming",
        "specialty": asked.get("specialty"),
        "type": asked.get("type"),
        "duration": max((r.end_time for _, r in said if r.end_time is not None), default=0.0),
        "channels": len(set(tables.segments["channel"]) - {None}),
        "language": max(filter(None, languages), key=languages.count, default=asked.get("language")),
        **_status(stream, cut),
    }
    if asked.get("sample_rate"):
        row["sample_rate"] = float(asked["sample_rate"])
    if not made["segments"]["transcript"] and any(made["events"]["transcript"]):
        notes.append("no result of this stream was final, so it has no words; its events have what was heard")
    return Parsed(notes=notes, recording=row, tables=made, ids=tuple(tables.ids), session=stream.name)


def _results(stream: Session, source: str) -> tuple[list[tuple[Event, Result]], list[str]]:
    """The results, and what is to be told of values that cannot be right."""
    said: list[tuple[Event, Result]] = []
    odd: list[tuple[str, str]] = []  # place and value
    for event in stream.events:
        if event.result is not None:
            result, values = _converted(event, source)
            said.append((event, result))
            odd += [(event.place.lstrip("."), value) for value in values]
    if not odd:
        return said, []
    what = "1 value" if len(odd) == 1 else f"{len(odd)} values"
    place = f" at {odd[0][0]}" if odd[0][0] else ""
    return said, [f"{what} that cannot be right left out, the first{place}: {odd[0][1]}"]


def _engine(services: Iterable[str | None], asked: dict[str, Any]) -> str:
    other = next((service for service in services if service not in (None, TRANSCRIBE)), None)
    return other or (f"{TRANSCRIBE}-medical" if asked.get("specialty") else TRANSCRIBE)


def _status(stream: Session, cut: bool) -> dict[str, str | None]:
    """FAILED: the service's exception is the last that came. CUT: the end is missing.

    It is where a record of medtx does not say how its stream ended, and where the last result
    has words that are not final.
    """
    last = next((e for e in reversed(stream.events) if e.result is not None or e.failure), None)
    failed = next((event.failure for event in reversed(stream.events) if event.failure), None)
    end = next((event.end for event in reversed(stream.events) if event.end), None)
    if end and end.get("end") == "FAILED":
        return {"status": "FAILED", "reason": str(end.get("reason"))}
    if last is not None and last.failure:
        return {"status": "FAILED", "reason": failed}
    open_still = last is not None and isinstance(last.result, dict) and _is_open(last.result)
    unsaid = stream.asked.get("ends") and not end
    return {"status": CUT if cut or open_still or unsaid else "COMPLETED", "reason": failed}


def _is_open(result: dict[str, Any]) -> bool:
    """Whether it shows words that are not final."""
    given = result.get("Alternatives")
    best = given[0] if isinstance(given, list) and given and isinstance(given[0], dict) else {}
    return result.get("IsPartial") is True and bool(best.get("Transcript") or best.get("Items"))


def _converted(event: Event, source: str) -> tuple[Result, list[str]]:
    """The result, and what of it cannot be and was left out."""
    try:
        result = msgspec.convert(event.result, Result, strict=False)
        if not _is_odd(result):
            return result, []
    except msgspec.ValidationError:
        pass
    try:
        made, odd = mended(event.result) if isinstance(event.result, Mapping) else (event.result, [])
        return msgspec.convert(made, Result, strict=False), odd
    except msgspec.ValidationError as error:
        place = event.place.lstrip(".")
        raise ReadError(source, f"expected a streaming result: {error}", place) from None


def _is_odd(result: Result) -> bool:
    """Whether a time or a confidence is out of its range."""
    timed: list[Any] = [result]
    for hypothesis in result.alternatives or ():
        timed += [*(hypothesis.items or ()), *(hypothesis.entities or ())]
    near = ROUNDING["start"]
    for one in timed:
        start, end = one.start_time, one.end_time
        sure = None if one is result else one.confidence
        if (
            (start is not None and not -near <= start < inf)
            or (end is not None and not max(-near, (start or 0) - near) <= end < inf)
            or (sure is not None and not -ROUNDING["confidence"] <= sure <= 1 + ROUNDING["confidence"])
        ):
            return True
    return False


def _to_seconds(results: list[Result]) -> None:
    """The guides say milliseconds, as they do of Transcribe's streams, which give seconds.

    So the pace of speech decides: in milliseconds nobody says more than 0.03 letters a unit,
    in seconds hardly anybody less than two.
    """
    timed = [item for result in results for item in result.best.items or () if _length(item)]
    if timed:
        pace = sum(len(item.content or "") for item in timed) / sum(map(_length, timed))
    else:  # segments, which may hold silence: the quickest of them
        pace = max((len(r.best.transcript or "") / _length(r) for r in results if _length(r)), default=1.0)
    if pace >= FASTEST:
        return
    for result in results:
        items = [item for hypothesis in result.alternatives or () for item in hypothesis.items or ()]
        timed_ones: list[Item | Result] = [result, *items]
        for one in timed_ones:
            one.start_time = None if one.start_time is None else one.start_time / 1000
            one.end_time = None if one.end_time is None else one.end_time / 1000


def _length(one: Item | Result) -> float:
    marked = isinstance(one, Item) and (one.type or "").lower() == "punctuation"
    if marked or one.start_time is None or one.end_time is None:
        return 0.0
    return max(one.end_time - one.start_time, 0.0)


def _filtered(item: Item) -> str | None:
    return hidden(item.content or "") or ("tagged" if item.vocabulary_filter_match else None)


def _add(columns: dict[str, list[Any]], *row: Any) -> None:
    for column, value in zip(columns.values(), row, strict=True):
        column.append(value)


def _speaker(label: str | None) -> str | None:
    """Streams say "0" where batch results say "spk_0"."""
    return f"spk_{label}" if label and label.isdigit() else label or None
