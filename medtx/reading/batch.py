"""Batch results of Transcribe and Transcribe Medical: one JSON object a recording.

Numbers come as strings; keys come and go with the service's age and the job's settings.
"""

from bisect import bisect_right
from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

from medtx.errors import ReadError
from medtx.reading.aws.common import left_out, tell_left_out
from medtx.reading.build import Parsed, alternatives, check, phi
from medtx.reading.job import (
    Alternative,
    Channel,
    Item,
    Job,
    Made,
    Phi,
    Results,
    Segment,
    SpeakerLabels,
)


def parse(job: Job, source: str) -> Parsed:
    results = job.results
    if results is None or not results.is_transcript():
        raise ReadError(source, "expected a transcript with items", "results")
    channels = (results.channel_labels.channels if results.channel_labels else None) or []
    items = results.items or [item for channel in channels for item in channel.items]
    if not items:  # only the text was kept
        said = " ".join(t.transcript or "" for t in results.transcripts or ()).split()
        items = [Item("pronunciation", [Alternative(word)]) for word in said]
    elif results.transcripts and all(item.alternatives for item in items):
        items = _completed(items, " ".join(t.transcript or "" for t in results.transcripts), source)
    choices = [item.alternatives for item in items]
    if not all(choices):
        place = f"results.items[{choices.index([])}].alternatives"
        raise ReadError(source, "expected at least one", place)
    best = [several[0] for several in choices]
    kinds = [item.type for item in items]
    sure = [one.confidence for one in best]
    for n in [n for n, kind in enumerate(kinds) if kind == "punctuation"]:
        sure[n] = None
    words: dict[str, Any] = {
        "start": [item.start_time for item in items],
        "end": [item.end_time for item in items],
        "content": [one.content for one in best],
        "kind": kinds,
        "confidence": sure,
    }
    languages = [item.language_code for item in items]
    for column, values in (
        ("channel", _channel_labels(items, channels)),
        ("speaker", _speaker_labels(items, results.speaker_labels)),
        ("language", languages),
        ("filtered", _filtered(items, best, words["content"])),
    ):
        if any(values):
            words[column] = values
    check(words, "results.items", source)
    segments = _segments(results, words)
    check(segments, "segments", source)
    words["segment"] = _segment_numbers(results, items, words, segments)
    _complete(segments, words, results)
    made = job.medtx or Made("amazon-transcribe", channels=max(len(channels), 1))
    asked = made.settings
    codes = results.language_codes or ()
    language = made.language or results.language_code or next((code.language_code for code in codes), None)
    parsed = Parsed(
        name=job.job_name or "",
        recording={
            "engine": made.engine,
            "mode": "batch",
            "specialty": asked.specialty if asked else None,
            "type": asked.type if asked else None,
            "language": language or max(filter(None, languages), key=languages.count, default=None),
            "duration": _last(words["end"], segments["end"]) if made.duration is None else made.duration,
            "channels": made.channels,
            "status": job.status or None,
            "redacted": bool(job.redacted),
        },
        tables={"words": words, "segments": segments},
    )
    if results.segments or max(map(len, choices), default=0) > 1:
        parsed.tables["alternatives"] = _alternatives(results.segments or (), items, words)
    entities = [*(results.entities or ())]
    if "redacted" in words.get("filtered", ()):
        entities += _redactions(items, best)
    if entities:
        parsed.tables["phi"] = phi(entities, words)
    return parsed


def _completed(items: list[Item], text: str, source: str) -> list[Item]:
    """With the words that only the recording's text has."""
    missing = left_out([item.alternatives[0].content for item in items], text)
    if missing:
        tell_left_out(len(missing), source)
        items = [*items]
        for at, word in reversed(missing):
            items.insert(at, Item("pronunciation", [Alternative(word)]))
    return items


def _last(*ends: np.ndarray) -> float:
    return max((float(np.fmax.reduce(end, initial=0.0)) for end in ends if len(end)), default=0.0)


def _filtered(items: list[Item], best: list[Alternative], said: list[str]) -> list[str | None]:
    """What a vocabulary filter, or the redaction of identifying words, did to each."""
    redacted, tagged = [one.redactions for one in best], [item.tagged for item in items]
    if not any(redacted) and not any(tagged) and not any(hidden in said for hidden in _HIDDEN):
        return []
    return [
        _HIDDEN.get(content) or ("redacted" if out else "tagged" if tag else None)
        for content, out, tag in zip(said, redacted, tagged)
    ]


_HIDDEN = {"***": "masked", "[PII]": "redacted"}


def _redactions(items: list[Item], best: list[Alternative]) -> list[Phi]:
    return [
        Phi(one.content, r.type or r.category or "", item.start_time, item.end_time, r.confidence)
        for item, one in zip(items, best)
        for r in one.redactions or ()
    ]


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


def _segments(results: Results, words: dict[str, Any]) -> dict[str, Any]:
    """The finest segments that the result marks, or each channel as one."""
    marked = _marked(results)
    if not marked:
        channel = words.get("channel") or [None] * len(words["content"])
        labels = sorted(set(channel), key=lambda label: label or "")
        times = [
            (start[~np.isnan(start)], end[~np.isnan(end)])
            for label in labels
            for mine in [np.array([c == label for c in channel], dtype=bool)]
            for start, end in [(words["start"][mine], words["end"][mine])]
        ]
        return {
            "segment": list(range(len(labels))),
            "start": [start.min() if len(start) else None for start, _ in times],
            "end": [end.max() if len(end) else None for _, end in times],
            "speaker": [None] * len(labels),
            "channel": labels,
            "transcript": [None] * len(labels),
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


def _complete(segments: dict[str, Any], words: dict[str, Any], results: Results) -> None:
    """What the result does not say of its segments, as far as their words agree."""
    if segments["transcript"] == [None] and results.transcripts:  # the recording is one segment
        segments["transcript"] = [" ".join(t.transcript or "" for t in results.transcripts)]
    if None in segments["transcript"]:
        texts = [""] * len(segments["segment"])
        for n, kind, content in zip(words["segment"], words["kind"], words["content"]):
            texts[n] += content if kind == "punctuation" or not texts[n] else f" {content}"
        segments["transcript"] = [
            text if given is None else given for given, text in zip(segments["transcript"], texts)
        ]
    for column in ("speaker", "channel"):
        if column in words and None in segments[column]:
            voices: list[set[str | None]] = [set() for _ in segments["segment"]]
            for n, label in zip(words["segment"], words[column]):
                voices[n].add(label)
            segments[column] = [
                given or (next(iter(mine)) if len(mine) == 1 else None)
                for given, mine in zip(segments[column], voices)
            ]


def _marked(results: Results) -> list[Any]:
    spoken = (results.speaker_labels and results.speaker_labels.segments) or []
    return results.segments or results.audio_segments or [s for s in spoken if s.items]


def _segment_numbers(
    results: Results, items: list[Item], words: dict[str, Any], segments: dict[str, Any]
) -> Sequence[int] | np.ndarray:
    """Each word's segment: as the result lists them, else by time among those of its voice."""
    if len(segments["segment"]) <= 1:
        return np.zeros(len(items), dtype=int)
    if not _marked(results):
        return list(map(segments["channel"].index, words["channel"]))
    numbers = [-1] * len(items)
    audio = results.audio_segments or []
    if segments["start"].tolist() == [
        s.start_time for s in audio
    ]:  # these are the segments, or lie beside them
        by_id = {id: n for n, s in enumerate(audio) for id in s.items}
        numbers = [-1 if item.id is None else by_id.get(item.id, -1) for item in items]
    elif not results.segments:
        by_time = {
            (i.start_time, i.end_time): n for n, s in enumerate(_marked(results)) for i in s.items or ()
        }
        numbers = [by_time.get((item.start_time, item.end_time), -1) for item in items]
    voices: dict[tuple[Any, Any], tuple[list[float], list[int]]] = {}
    nobody = [None] * len(items)
    channel, speaker = words.get("channel", nobody), words.get("speaker", nobody)
    last = 0
    for i, number in enumerate(numbers):
        if number < 0 and items[i].start_time is not None:
            voice = channel[i], speaker[i]
            if voice not in voices:
                voices[voice] = _of_voice(segments, *voice)
            starts, mine = voices[voice]
            numbers[i] = mine[max(bisect_right(starts, words["start"][i] + 1e-6) - 1, 0)]
        elif number < 0:  # marks have no time: they follow their word
            numbers[i] = last
        last = numbers[i]
    return numbers


def _of_voice(
    segments: dict[str, Any], channel: str | None, speaker: str | None
) -> tuple[list[float], list[int]]:
    """Start and number of the segments that can hold a word of this voice, in order of time."""
    labels = zip(segments["start"], segments["segment"], segments["channel"], segments["speaker"])
    every = [(start, n) for start, n, c, s in labels if c in (None, channel) and s in (None, speaker)]
    chosen = sorted(every or zip(segments["start"], segments["segment"]))
    return [start for start, _ in chosen], [n for _, n in chosen]


def _alternatives(
    segments: Iterable[Segment], items: list[Item], words: dict[str, Any]
) -> dict[str, list[Any]]:
    """The hypotheses of the segments; or of single words, as old results have them."""
    rows = [
        (n, rank, position, item.content, None if item.start_time is None else item.confidence)
        + (item.start_time, item.end_time)
        for n, segment in enumerate(segments)
        for rank, hypothesis in enumerate(segment.alternatives)
        for position, item in enumerate(hypothesis.items)
    ]
    if not rows:
        before: Counter[int] = Counter()  # items of each segment
        for n, item in zip(words["segment"], items):
            if len(item.alternatives) > 1:
                span = (item.start_time, item.end_time)
                rows += [
                    (n, rank, before[n], one.content, one.confidence, *span)
                    for rank, one in enumerate(item.alternatives)
                ]
            before[n] += 1
    return alternatives(rows)
