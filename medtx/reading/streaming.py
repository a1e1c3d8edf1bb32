"""Streaming results of Transcribe Medical: the events of one session, in order.

Taken as bare Results, as recordings of them (``{"t": milliseconds, "data": Result}``), or
in the envelopes that the service and its guides put around them; as one JSON array or as
JSON lines; with the protocol's capital keys or the Java SDK's small ones; or as the event
objects of amazon-transcribe and aws-sdk-transcribe-streaming.
"""

import re
from collections.abc import Iterator
from typing import Any

import msgspec

from medtx.errors import ReadError
from medtx.reading import build
from medtx.reading.build import Parsed, check, phi


class Item(msgspec.Struct, rename="pascal"):
    type: str
    start_time: float | None
    end_time: float | None
    content: str | None = None
    confidence: float | None = None
    speaker: str | None = None
    vocabulary_filter_match: bool | None = None


class Entity(msgspec.Struct, rename="pascal"):
    content: str = ""
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
    start_time: float
    end_time: float
    is_partial: bool
    alternatives: list[Alternative] = []
    channel_id: str | None = None
    language_code: str | None = None


ENVELOPES = ("TranscriptResultStream", "TranscriptEvent", "Transcript", "Results")
"""Keys that hold results further in; the Java SDK writes them small."""
_INSIDE = (*ENVELOPES, *(key[:1].lower() + key[1:] for key in ENVELOPES))
_REDACTED = re.compile(r"\[[A-Z_]+\]")


def is_event(data: Any) -> bool:
    """Whether ``data`` looks like an event, or a list of events, of a stream."""
    if isinstance(data, list):  # of events: a list of lists is several streams
        return bool(data) and not isinstance(data[0], list) and is_event(data[0])
    if isinstance(data, dict):
        small = data.get("transcript")
        return not {"ResultId", "resultId", "data", *ENVELOPES}.isdisjoint(data) or (
            isinstance(small, dict) and "results" in small
        )
    return _is_object(data)


def _is_object(data: Any) -> bool:
    """Whether it is an event of an SDK; aws-sdk-transcribe-streaming has a ``value`` around it."""
    data = getattr(data, "value", data)
    return hasattr(data, "__dict__") and (hasattr(data, "transcript") or hasattr(data, "result_id"))


def _plain(data: Any) -> Any:
    """An SDK's object as the protocol's JSON."""
    if isinstance(data, list):
        return [_plain(one) for one in data]
    if not hasattr(data, "__dict__"):
        return data
    return {
        "Type" if key == "item_type" else key.title().replace("_", ""): _plain(value)
        for key, value in vars(data).items()
    }


def _results(data: Any, place: str, arrival: float | None) -> Iterator[tuple[str, float | None, Any]]:
    """Each result with its place in the file and its arrival in seconds."""
    if isinstance(data, list):
        for i, one in enumerate(data):
            yield from _results(one, f"{place}[{i}]", arrival)
    elif _is_object(data):
        yield from _results(_plain(getattr(data, "value", data)), place, arrival)
    elif isinstance(data, dict) and "data" in data:
        if isinstance(time := data.get("t"), int | float) and 0 <= time < 1e15:
            arrival = time / 1000
        yield from _results(data["data"], f"{place}.data", arrival)
    elif isinstance(data, dict) and "resultId" in data:
        yield place, arrival, _capitalised(data)
    elif isinstance(data, dict) and (inner := [key for key in _INSIDE if key in data]):
        for key in inner:
            yield from _results(data[key], f"{place}.{key}", arrival)
    else:
        yield place, arrival, data


def _capitalised(data: Any) -> Any:
    if isinstance(data, list):
        return [_capitalised(one) for one in data]
    if isinstance(data, dict):
        return {key[:1].upper() + key[1:]: _capitalised(value) for key, value in data.items()}
    return data


WORDS = ("segment", "start", "end", "content", "kind", "confidence", "speaker", "channel")


def parse(data: Any, source: str, cut: bool = False) -> Parsed:
    """The finals become words and segments; every event becomes a row of events.

    ``cut`` says that the file ends in the middle of an event.
    """
    words: dict[str, list[Any]] = {column: [] for column in (*WORDS, "language", "filtered")}
    segments: dict[str, list[Any]] = {
        column: [] for column in ("segment", "start", "end", "speaker", "channel", "transcript")
    }
    events: dict[str, list[Any]] = {
        column: []
        for column in ("arrival", "result", "channel", "segment", "partial", "start", "end", "transcript")
    }
    alternatives: list[tuple[Any, ...]] = []
    entities: list[Entity] = []
    end, partial = 0.0, False
    finals: set[tuple[str, str | None]] = set()
    for place, arrival, raw in _results(data, "", None):
        try:
            result = msgspec.convert(raw, Result, strict=False)
        except msgspec.ValidationError as error:
            raise ReadError(source, f"expected a streaming result: {error}", place.lstrip(".")) from None
        best = result.alternatives[0] if result.alternatives else Alternative()
        again = (result.result_id, result.channel_id) in finals  # a final that was sent twice
        number = -1 if result.is_partial or again else len(segments["segment"])
        span = (result.start_time, result.end_time)
        _add(
            events,
            arrival,
            result.result_id,
            result.channel_id,
            number,
            result.is_partial,
            *span,
            best.transcript or "",
        )
        end, partial = max(end, result.end_time), result.is_partial
        if number < 0:
            continue
        finals.add((result.result_id, result.channel_id))
        speakers = {item.speaker for item in best.items or () if item.speaker}
        only = _speaker(speakers.pop()) if len(speakers) == 1 else None
        _add(
            segments,
            number,
            result.start_time,
            result.end_time,
            only,
            result.channel_id,
            best.transcript or "",
        )
        spoken = best.items or [
            Item("pronunciation", None, None, word) for word in (best.transcript or "").split()
        ]
        for item in spoken:
            marked = item.type == "punctuation"
            start, stop = (None, None) if marked else (item.start_time, item.end_time)
            confidence = None if marked else item.confidence
            speaker = _speaker(item.speaker) or (
                words["speaker"][-1] if marked and words["speaker"] else None
            )
            _add(
                words,
                number,
                start,
                stop,
                item.content or "",
                item.type,
                confidence,
                speaker,
                result.channel_id,
                result.language_code,
                _filtered(item),
            )
        if len(result.alternatives) > 1:
            alternatives += [
                (number, rank, position, item.content or "", item.confidence, item.start_time, item.end_time)
                for rank, hypothesis in enumerate(result.alternatives)
                for position, item in enumerate(hypothesis.items or ())
            ]
        for entity in best.entities or ():
            entity.category = entity.type or entity.category or ""
            entities.append(entity)
    for place, columns in (("words", words), ("results", segments), ("events", events)):
        check(columns, place, source)
    tables = {"words": words, "segments": segments, "events": events}
    if alternatives:
        tables["alternatives"] = build.alternatives(alternatives)
    if entities:
        tables["phi"] = phi(entities, words)
    row = {
        "engine": "amazon-transcribe",
        "mode": "streaming",
        "duration": end,
        "channels": len(set(segments["channel"]) - {None}),
        "language": max(filter(None, words["language"]), key=words["language"].count, default=None),
        # IN_PROGRESS: the stream stopped before its last result was final
        "status": CUT if cut else "IN_PROGRESS" if partial else "COMPLETED",
    }
    return Parsed(recording=row, tables=tables)


CUT = "CUT"
"""Status of a recording whose file ends in the middle of an event."""


def _filtered(item: Item) -> str | None:
    if item.content and _REDACTED.fullmatch(item.content):
        return "redacted"
    return "masked" if item.content == "***" else "tagged" if item.vocabulary_filter_match else None


def _add(columns: dict[str, list[Any]], *row: Any) -> None:
    for column, value in zip(columns.values(), row):
        column.append(value)


def _speaker(label: str | None) -> str | None:
    """Streams say "0" where batch results say "spk_0"."""
    return f"spk_{label}" if label and label.isdigit() else label or None
