"""Streaming results of Transcribe Medical: the events of one session, in order.

Taken as bare Results, as recordings of them (``{"t": milliseconds, "data": Result}``), or
in the envelopes that the service and its guides put around them; as one JSON array or as
JSON lines; with the protocol's capital keys or the Java SDK's small ones.
"""

from collections.abc import Iterator
from typing import Any

import msgspec

from medtx.errors import ReadError
from medtx.reading.build import Parsed, check, phi


class Item(msgspec.Struct, rename="pascal"):
    type: str
    start_time: float
    end_time: float
    content: str | None = None
    confidence: float | None = None
    speaker: str | None = None


class Entity(msgspec.Struct, rename="pascal"):
    content: str = ""
    category: str = ""
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


ENVELOPES = ("TranscriptResultStream", "TranscriptEvent", "Transcript", "Results")
"""Keys that hold results further in."""


def is_event(data: Any) -> bool:
    """Whether ``data`` looks like an event, or a list of events, of a stream."""
    if isinstance(data, list):  # of events: a list of lists is several streams
        return bool(data) and isinstance(data[0], dict) and is_event(data[0])
    return isinstance(data, dict) and not {"ResultId", "resultId", "data", *ENVELOPES}.isdisjoint(data)


def _results(data: Any, place: str, arrival: float | None) -> Iterator[tuple[str, float | None, Any]]:
    """Each result with its place in the file and its arrival in seconds."""
    if isinstance(data, list):
        for i, one in enumerate(data):
            yield from _results(one, f"{place}[{i}]", arrival)
    elif isinstance(data, dict) and "data" in data:
        if isinstance(time := data.get("t"), int | float) and 0 <= time < 1e15:
            arrival = time / 1000
        yield from _results(data["data"], f"{place}.data", arrival)
    elif isinstance(data, dict) and (inner := [key for key in ENVELOPES if key in data]):
        for key in inner:
            yield from _results(data[key], f"{place}.{key}", arrival)
    elif isinstance(data, dict) and "resultId" in data:
        yield place, arrival, _capitalised(data)
    else:
        yield place, arrival, data


def _capitalised(data: Any) -> Any:
    if isinstance(data, list):
        return [_capitalised(one) for one in data]
    if isinstance(data, dict):
        return {key[:1].upper() + key[1:]: _capitalised(value) for key, value in data.items()}
    return data


def parse(data: Any, source: str) -> Parsed:
    """The finals become words and segments; every event becomes a row of events."""
    words: dict[str, list[Any]] = {
        column: []
        for column in ("segment", "start", "end", "content", "kind", "confidence", "speaker", "channel")
    }
    segments: dict[str, list[Any]] = {
        column: [] for column in ("segment", "start", "end", "speaker", "channel", "transcript")
    }
    events: dict[str, list[Any]] = {
        column: [] for column in ("arrival", "result", "partial", "start", "end", "transcript")
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
        _add(
            events,
            arrival,
            result.result_id,
            result.is_partial,
            result.start_time,
            result.end_time,
            best.transcript or "",
        )
        end, partial = max(end, result.end_time), result.is_partial
        if result.is_partial or (result.result_id, result.channel_id) in finals:  # or sent again
            continue
        finals.add((result.result_id, result.channel_id))
        number = len(segments["segment"])
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
        for item in best.items or ():
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
            )
        if len(result.alternatives) > 1:
            alternatives += [
                (number, rank, position, item.content or "", item.confidence, item.start_time, item.end_time)
                for rank, hypothesis in enumerate(result.alternatives)
                for position, item in enumerate(hypothesis.items or ())
            ]
        entities += best.entities or []
    for place, columns in (("words", words), ("results", segments), ("events", events)):
        check(columns, place, source)
    tables = {"words": words, "segments": segments, "events": events}
    if alternatives:
        names = ("segment", "rank", "position", "content", "confidence", "start", "end")
        tables["alternatives"] = dict(zip(names, map(list, zip(*alternatives))))
    if entities:
        tables["phi"] = phi(entities)
    row = {
        "engine": "amazon-transcribe",
        "mode": "streaming",
        "duration": end,
        "channels": len(set(segments["channel"]) - {None}),
        "status": "IN_PROGRESS" if partial else "COMPLETED",  # cut before the last result was final
    }
    return Parsed(recording=row, tables=tables)


def _add(columns: dict[str, list[Any]], *row: Any) -> None:
    for column, value in zip(columns.values(), row):
        column.append(value)


def _speaker(label: str | None) -> str | None:
    """Streams say "0" where batch results say "spk_0"."""
    return f"spk_{label}" if label and label.isdigit() else label or None
