"""What references are made of: utterances, with times and speakers where the format has them."""

import re
from collections.abc import Iterable
from typing import Any, NamedTuple

from medtx.reading.build import Parsed, check


class Utterance(NamedTuple):
    text: str
    start: float | None = None
    end: float | None = None
    speaker: str | None = None
    channel: str | None = None
    words: tuple[tuple[float | None, float | None], ...] = ()
    """Start and end of each word, where the format has them."""


def recording(utterances: Iterable[Utterance], source: str, name: str = "") -> Parsed:
    """A recording of utterances, in order of time; one without a time stays behind the one before it."""
    said = _in_order(list(utterances))
    words = [(n, word, u) for n, u in enumerate(said) for word in u.text.split()]
    segments: dict[str, list[Any]] = {
        "segment": list(range(len(said))),
        "start": [u.start for u in said],
        "end": [u.end for u in said],
        "speaker": [u.speaker for u in said],
        "channel": [u.channel for u in said],
        "transcript": [" ".join(u.text.split()) for u in said],
    }
    check(segments, "utterances", source)
    ends = [end for end in segments["end"] if end == end and end is not None]
    columns: dict[str, list[Any]] = {
        "segment": [n for n, _, _ in words],
        "content": [word for _, word, _ in words],
        "kind": ["pronunciation"] * len(words),
        "speaker": [u.speaker for _, _, u in words],
        "channel": [u.channel for _, _, u in words],
    }
    if any(u.words for u in said):
        times = [time for u in said for time in u.words or [(None, None)] * len(u.text.split())]
        columns |= {"start": [start for start, _ in times], "end": [end for _, end in times]}
        check(columns, "words", source)
    return Parsed(
        name=name,
        recording={"duration": max(ends, default=None), "channels": len(set(segments["channel"]))},
        tables={"words": columns, "segments": segments},
    )


def _in_order(said: list[Utterance]) -> list[Utterance]:
    if all(u.start is None for u in said):
        return said
    keys, last = [], 0.0
    for u in said:
        last = last if u.start is None else u.start
        keys.append(last)
    return [said[n] for n in sorted(range(len(said)), key=keys.__getitem__)]


def by_recording(utterances: Iterable[tuple[str, Utterance]], source: str) -> list[Parsed]:
    found: dict[str, list[Utterance]] = {}
    for name, utterance in utterances:
        found.setdefault(name, []).append(utterance)
    return [recording(said, source, name) for name, said in found.items()]


_CLOCK = re.compile(r"(?:(\d+):)?(\d{1,2}):(\d{1,2}(?:[.,]\d*)?)")


def seconds(time: str) -> float:
    """Seconds of a clock or a number; raises `ValueError` for anything else.

    >>> seconds("01:02.500"), seconds("1:00:00,250"), seconds(" 2.5 "), seconds("2.5s")
    (62.5, 3600.25, 2.5, 2.5)
    """
    if clock := _CLOCK.fullmatch(time.strip()):
        hours, minutes, rest = clock.groups()
        return 3600 * int(hours or 0) + 60 * int(minutes) + float(rest.replace(",", "."))
    return float(time.strip().removesuffix("s"))
