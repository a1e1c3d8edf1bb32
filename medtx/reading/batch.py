"""Batch results of Transcribe and Transcribe Medical: one JSON object a recording.

Numbers come as strings; keys come and go with the service's age and the job's settings.
Field names: the developer guide's pages on batch output.
"""

from bisect import bisect_right
from typing import Annotated, Any

import msgspec
import numpy as np

from medtx.errors import ReadError
from medtx.reading.build import Parsed, check, phi


class Alternative(msgspec.Struct, gc=False):
    content: str = ""
    confidence: float | None = None


class Item(msgspec.Struct, gc=False):
    type: str
    alternatives: list[Alternative]
    start_time: float | None = None
    end_time: float | None = None
    id: int | None = None
    speaker_label: str | None = None
    channel_label: str | None = None


class FlatItem(msgspec.Struct, gc=False):
    content: str = ""
    confidence: float | None = None
    start_time: float | None = None
    end_time: float | None = None


class Hypothesis(msgspec.Struct, gc=False):
    transcript: str | None = None
    items: list[FlatItem] = []


class Segment(msgspec.Struct, gc=False):
    start_time: float
    end_time: float
    alternatives: list[Hypothesis] = []
    channel_label: str | None = None


class AudioSegment(msgspec.Struct, gc=False):
    start_time: float
    end_time: float
    transcript: str | None = None
    speaker_label: str | None = None
    channel_label: str | None = None
    items: list[int] = []


class SpokenItem(msgspec.Struct, gc=False):
    start_time: float
    end_time: float
    speaker_label: str | None = None


class SpeakerSegment(msgspec.Struct, gc=False):
    start_time: float
    end_time: float
    speaker_label: str | None = None
    items: list[SpokenItem] | None = None


class SpeakerLabels(msgspec.Struct, gc=False):
    segments: list[SpeakerSegment] | None = None


class Channel(msgspec.Struct, gc=False):
    channel_label: str
    items: list[Item] = []


class ChannelLabels(msgspec.Struct, gc=False):
    channels: list[Channel] | None = None


class Transcript(msgspec.Struct, gc=False):
    transcript: str | None = None


class Phi(msgspec.Struct, rename="camel"):
    content: str = ""
    category: str = ""
    start_time: float | None = None
    end_time: float | None = None
    confidence: float | None = None


class Results(msgspec.Struct, gc=False):
    items: list[Item] | None = None
    transcripts: list[Transcript] | None = None
    segments: list[Segment] | None = None
    audio_segments: list[AudioSegment] | None = None
    speaker_labels: SpeakerLabels | None = None
    channel_labels: ChannelLabels | None = None
    entities: list[Phi] | None = None

    def is_transcript(self) -> bool:
        return self.items is not None or self.channel_labels is not None


class Settings(msgspec.Struct, frozen=True):
    """What was asked for."""

    engine: str
    specialty: str
    type: str
    alternatives: int
    split_channels: bool

    def brief(self) -> str:
        apart = "channels apart" if self.split_channels else "channels mixed"
        return f"{self.specialty}, {self.type}, {self.alternatives} alternatives, {apart}"


class Made(msgspec.Struct):
    """What an engine of medtx says of itself, beside the service's own keys."""

    engine: str
    language: str | None = None
    duration: Annotated[float, msgspec.Meta(ge=0)] | None = None
    channels: Annotated[int, msgspec.Meta(ge=1, le=256)] = 1
    channels_mixed: int = 0
    audio: str = ""  # SHA-256 of the file
    settings: Settings | None = None


class Job(msgspec.Struct, gc=False):
    results: Results | None = None
    job_name: str | None = msgspec.field(default=None, name="jobName")
    status: str | None = None
    medtx: Made | None = None


_DECODER = msgspec.json.Decoder(Job, strict=False)


def decode(data: bytes) -> Job:
    """Raises msgspec.ValidationError where the JSON is of another shape."""
    return _DECODER.decode(data)


def convert(data: Any) -> Job:
    return msgspec.convert(data, Job, strict=False)


def parse(job: Job, source: str) -> Parsed:
    results = job.results
    if results is None or not results.is_transcript():
        raise ReadError(source, "expected a transcript with items", "results")
    channels = (results.channel_labels.channels if results.channel_labels else None) or []
    items = results.items or [item for channel in channels for item in channel.items]
    for i, item in enumerate(items):
        if not item.alternatives:
            raise ReadError(source, "expected at least one", f"results.items[{i}].alternatives")
    kinds = [item.type for item in items]
    words: dict[str, list[Any]] = {
        "start": [item.start_time for item in items],
        "end": [item.end_time for item in items],
        "content": [item.alternatives[0].content for item in items],
        "kind": kinds,
        "confidence": [
            None if item.type == "punctuation" else item.alternatives[0].confidence for item in items
        ],
        "channel": _channel_labels(items, channels),
        "speaker": _speaker_labels(items, results.speaker_labels),
    }
    check(words, "results.items", source)
    segments = _segments(results, words)
    check(segments, "segments", source)
    words["segment"] = _segment_numbers(results, items, words, segments)
    if segments["transcript"] == [None]:  # nothing marks the segments: the recording is one
        segments["transcript"] = [" ".join(t.transcript or "" for t in results.transcripts or ())]
    ends = [end for end in [*words["end"], *segments["end"]] if end is not None]
    made = job.medtx or Made("amazon-transcribe", channels=max(len(channels), 1))
    asked = made.settings
    parsed = Parsed(
        name=job.job_name or "",
        recording={
            "engine": made.engine,
            "mode": "batch",
            "specialty": asked.specialty if asked else None,
            "type": asked.type if asked else None,
            "language": made.language,
            "duration": max(ends, default=0.0) if made.duration is None else made.duration,
            "channels": made.channels,
            "status": job.status or None,
        },
        tables={"words": words, "segments": segments},
    )
    if results.segments:
        parsed.tables["alternatives"] = _alternatives(results.segments)
    if results.entities:
        parsed.tables["phi"] = phi(results.entities)
    return parsed


def _channel_labels(items: list[Item], channels: list[Channel]) -> list[str | None]:
    """Each item's channel: its own label, or found by walking through the channels' items."""
    labels: list[str | None] = [item.channel_label or None for item in items]
    if not channels or all(labels):
        return labels
    heads = [0] * len(channels)
    last = 0
    for i, item in enumerate(items):
        # The channel of the item before comes first: equal marks could be of either.
        for c in sorted(range(len(channels)), key=lambda c: c != last):
            there = channels[c].items
            if heads[c] < len(there) and _same(there[heads[c]], item):
                heads[c] += 1
                last = c
                labels[i] = channels[c].channel_label
                break
    return labels


def _same(a: Item, b: Item) -> bool:
    return (
        a.start_time == b.start_time and a.end_time == b.end_time and a.alternatives[:1] == b.alternatives[:1]
    )


def _speaker_labels(items: list[Item], labels: SpeakerLabels | None) -> list[str | None]:
    """Each item's speaker: its own label, or joined by time; marks follow their word."""
    own = [item.speaker_label or None for item in items]
    if labels is None or all(own):
        return own
    by_time = {
        (spoken.start_time, spoken.end_time): spoken.speaker_label or segment.speaker_label
        for segment in labels.segments or ()
        for spoken in segment.items or ()
    }
    last = None
    for i, item in enumerate(items):
        if own[i] is None and item.start_time is not None:
            own[i] = by_time.get((item.start_time, item.end_time)) or None  # type: ignore[arg-type]
        elif own[i] is None:
            own[i] = last
        last = own[i]
    return own


def _segments(results: Results, words: dict[str, list[Any]]) -> dict[str, list[Any]]:
    """The finest segments that the result marks, or the recording as one."""
    marked = _marked(results)
    if not marked:
        if not words["content"]:
            return {c: [] for c in ("segment", "start", "end", "speaker", "channel", "transcript")}
        timed = np.array([words["start"], words["end"]], dtype=float)
        known = not np.isnan(timed).all()
        return {
            "segment": [0],
            "start": [float(np.nanmin(timed)) if known else None],
            "end": [float(np.nanmax(timed)) if known else None],
            "speaker": [None],
            "channel": [None],
            "transcript": [None],
        }
    return {
        "segment": list(range(len(marked))),
        "start": [s.start_time for s in marked],
        "end": [s.end_time for s in marked],
        "speaker": [getattr(s, "speaker_label", "") or None for s in marked],
        "channel": [getattr(s, "channel_label", "") or None for s in marked],
        "transcript": [
            s.alternatives[0].transcript
            if isinstance(s, Segment) and s.alternatives
            else getattr(s, "transcript", None)
            for s in marked
        ],
    }


def _marked(results: Results) -> list[Any]:
    spoken = (results.speaker_labels and results.speaker_labels.segments) or []
    return results.segments or results.audio_segments or [s for s in spoken if s.items]


def _segment_numbers(
    results: Results, items: list[Item], words: dict[str, list[Any]], segments: dict[str, list[Any]]
) -> list[int]:
    """Each word's segment: as the result lists them, else by time among those of its voice."""
    if len(segments["segment"]) <= 1:
        return [0] * len(items)
    numbers = [-1] * len(items)
    audio = results.audio_segments or []
    if segments["start"] == [s.start_time for s in audio]:  # these are the segments, or lie beside them
        by_id = {id: n for n, s in enumerate(audio) for id in s.items}
        numbers = [-1 if item.id is None else by_id.get(item.id, -1) for item in items]
    elif not results.segments:
        by_time = {
            (i.start_time, i.end_time): n for n, s in enumerate(_marked(results)) for i in s.items or ()
        }
        numbers = [by_time.get((item.start_time, item.end_time), -1) for item in items]
    voices: dict[tuple[Any, Any], tuple[list[float], list[int]]] = {}
    last = 0
    for i, number in enumerate(numbers):
        if number < 0 and words["start"][i] is not None:
            voice = words["channel"][i], words["speaker"][i]
            if voice not in voices:
                voices[voice] = _of_voice(segments, *voice)
            starts, mine = voices[voice]
            numbers[i] = mine[max(bisect_right(starts, words["start"][i] + 1e-6) - 1, 0)]
        elif number < 0:  # marks have no time: they follow their word
            numbers[i] = last
        last = numbers[i]
    return numbers


def _of_voice(
    segments: dict[str, list[Any]], channel: str | None, speaker: str | None
) -> tuple[list[float], list[int]]:
    """Start and number of the segments that can hold a word of this voice, in order of time."""
    labels = zip(segments["start"], segments["segment"], segments["channel"], segments["speaker"])
    every = [(start, n) for start, n, c, s in labels if c in (None, channel) and s in (None, speaker)]
    chosen = sorted(every or zip(segments["start"], segments["segment"]))
    return [start for start, _ in chosen], [n for _, n in chosen]


def _alternatives(segments: list[Segment]) -> dict[str, list[Any]]:
    rows = [
        (n, rank, position, item)
        for n, segment in enumerate(segments)
        for rank, hypothesis in enumerate(segment.alternatives)
        for position, item in enumerate(hypothesis.items)
    ]
    return {
        "segment": [row[0] for row in rows],
        "rank": [row[1] for row in rows],
        "position": [row[2] for row in rows],
        "content": [row[3].content for row in rows],
        "confidence": [None if row[3].start_time is None else row[3].confidence for row in rows],
        "start": [row[3].start_time for row in rows],
        "end": [row[3].end_time for row in rows],
    }
