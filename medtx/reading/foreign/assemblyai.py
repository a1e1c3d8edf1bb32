"""AssemblyAI."""

from collections.abc import Iterable
from typing import Any

from medtx.reading.build import Parsed, Word, of_words
from medtx.reading.foreign.common import has, label, number, untimed


def fits(data: Any) -> bool:
    return has(data, "words", "audio_duration")


def read(data: Any, source: str) -> Parsed:
    """AssemblyAI: times in milliseconds; a segment a turn of one speaker."""

    words: Iterable[Word] = (
        Word(
            word["text"],
            float(word["start"]) / 1000,
            float(word["end"]) / 1000,
            number(word.get("confidence")),
            speaker=label(word.get("speaker")),
            channel=label(word.get("channel")),
        )
        for word in data["words"] or []
    )
    if not data["words"]:
        words = untimed(data.get("text"))
    return of_words(
        "assemblyai",
        words,
        source,
        language=label(data.get("language_code")),
        duration=number(data.get("audio_duration")),
        status={"error": "FAILED"}.get(data.get("status"), str(data.get("status", "")).upper()) or None,
    )
