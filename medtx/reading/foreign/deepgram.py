"""Deepgram."""

from collections.abc import Iterator, Mapping
from typing import Any

from medtx.reading.build import Parsed, Word, of_words
from medtx.reading.foreign.common import has, label, number, some, untimed


def fits(data: Any) -> bool:
    return has(data, "results") and has(data["results"], "channels")


def fits_live(data: Any) -> bool:
    return some(data, "channel", "is_final")


def read(data: Any, source: str) -> Parsed:
    """Deepgram's answer for a file; one segment a channel and speaker in turn."""

    channels = data["results"]["channels"]

    def words() -> Iterator[Word]:
        for c, channel in enumerate(channels):
            label = f"ch_{c}" if len(channels) > 1 else None
            best = channel["alternatives"][0]
            for word in best.get("words") or ():
                yield _deepgram(word, label)
            if not best.get("words"):
                yield from untimed(best.get("transcript"), channel=label)

    duration = number(data.get("metadata", {}).get("duration"))
    return of_words("deepgram", words(), source, duration=duration)


def _deepgram(word: Mapping[str, Any], channel: str | None, segment: int | None = None) -> Word:
    content = word.get("punctuated_word") or word["word"]
    start, end, sure = float(word["start"]), float(word["end"]), number(word.get("confidence"))
    return Word(content, start, end, sure, segment, label(word.get("speaker")), channel)


def read_live(data: Any, source: str) -> Parsed:
    """Deepgram's live messages: the final ones."""
    messages = data if isinstance(data, list) else [data]
    finals = [m for m in messages if m.get("is_final") and isinstance(m.get("channel"), Mapping)]
    several = len({m["channel_index"][0] for m in finals if m.get("channel_index")}) > 1

    def words() -> Iterator[Word]:
        for n, message in enumerate(finals):
            channel = f"ch_{message['channel_index'][0]}" if several else None
            best = message["channel"]["alternatives"][0]
            for word in best.get("words") or ():
                yield _deepgram(word, channel, n)
            if not best.get("words"):
                yield from untimed(best.get("transcript"), n, channel=channel)

    ends = [float(m["start"]) + float(m["duration"]) for m in finals if "duration" in m]
    return of_words("deepgram", words(), source, duration=max(ends, default=None))
