"""Deepgram: the answer for a file, and the messages of a live stream, of which the final ones count.

References
----------
https://developers.deepgram.com/reference/speech-to-text/listen-pre-recorded,
https://developers.deepgram.com/reference/speech-to-text/listen-streaming
"""

from collections.abc import Mapping
from typing import Any

from medtx.reading.build import Parsed, Word, of_words
from medtx.reading.foreign.common import first, has, keys, label, listed, need, number, untimed
from medtx.reading.foreign.tokens import Texts

KEYS = keys(
    "word start end confidence punctuated_word speaker speaker_confidence language transcript channel"
    " sentiment sentiment_score start_word end_word num_words paragraphs sentences text value"
)


def fits(data: Any) -> bool:
    results: Any = data.get("results") if isinstance(data, Mapping) else None
    if not has(results, "channels") or not isinstance(results["channels"], list):
        return False
    return not results["channels"] or not has(results["channels"][0], "channel_label")


def fits_live(data: Any) -> bool:
    messages = data[:50] if isinstance(data, list) else [data]
    return any(has(one, "channel", "is_final") and has(one["channel"], "alternatives") for one in messages)


def read(data: Any, source: str) -> Parsed:
    channels = data["results"]["channels"]
    texts = Texts()
    words: list[Word] = []
    for c, channel in enumerate(channels):
        words += _best(channel, texts, f"ch_{c}" if len(channels) > 1 else None, None)
    duration = number((data.get("metadata") or {}).get("duration"))
    return of_words("deepgram", words, source, duration=duration, notes=texts.notes())


def read_live(data: Any, source: str) -> Parsed:
    messages = data if isinstance(data, list) else [data]
    finals = [m for m in messages if m.get("is_final") and isinstance(m.get("channel"), Mapping)]
    several = len({m["channel_index"][0] for m in finals if m.get("channel_index")}) > 1
    texts = Texts()
    words: list[Word] = []
    for n, message in enumerate(finals):
        channel = f"ch_{message['channel_index'][0]}" if several else None
        words += _best(message["channel"], texts, channel, n)
    ends = [float(m["start"]) + float(m["duration"]) for m in finals if "duration" in m]
    duration = max(ends, default=None)
    parsed = of_words("deepgram", words, source, duration=duration, notes=texts.notes())
    parsed.silent = bool(finals)  # what was heard before may have been taken back
    return parsed


def _best(held: Any, texts: Texts, channel: str | None, segment: int | None) -> list[Word]:
    need(held, "channel", "alternatives")
    best = first(held["alternatives"]) or {"transcript": ""}
    need(best, "alternative", "transcript|words")
    spoken = [_word(word, channel, segment) for word in listed(best, "words")]
    text = best.get("transcript")
    return texts.complete(spoken, text) if spoken else list(untimed(text, segment, channel=channel))


def _word(word: Any, channel: str | None, segment: int | None) -> Word:
    need(word, "word", "word|punctuated_word", "start", "end")
    content = word.get("punctuated_word") or word["word"]
    start, end, sure = number(word["start"]), number(word["end"]), number(word.get("confidence"))
    return Word(content, start, end, sure, segment, label(word.get("speaker")), channel)
