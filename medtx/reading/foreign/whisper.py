"""Whisper."""

from collections.abc import Iterator, Mapping
from typing import Any

from medtx.reading.build import Parsed, Word, of_words
from medtx.reading.foreign.common import first, has, label, number, untimed


def fits(data: Any) -> bool:
    return (
        (has(data, "segments") and has(first(data["segments"]) or {"text": ""}, "text"))
        or (isinstance(data, list) and has(first(data), "start", "end", "text"))
        or (has(data, "text", "words") and has(first(data["words"]), "word", "start", "end"))
    )


def read(data: Any, source: str) -> Parsed:
    """openai-whisper, faster-whisper, whisper-timestamped, WhisperX, OpenAI's API; word times or none."""
    segments = data if isinstance(data, list) else data.get("segments") or []
    apart = [] if isinstance(data, list) else data.get("words") or []  # OpenAI's API keeps them so

    def words() -> Iterator[Word]:
        for word in apart:
            start = float(word["start"])
            n = sum(float(segment["start"]) <= start + 1e-6 for segment in segments) - 1
            yield _whisper(word, max(n, 0), None)
        for n, segment in enumerate([] if apart else segments):
            for word in segment.get("words") or ():
                yield _whisper(word, n, segment.get("speaker"))
            if not segment.get("words"):
                yield from untimed(segment["text"], n, segment.get("speaker"))
        if not segments and not apart:
            yield from untimed(data.get("text") if isinstance(data, Mapping) else "", 0)

    language = None if isinstance(data, list) else label(data.get("language"))
    times = [(number(s.get("start")), number(s.get("end"))) for s in segments]
    return of_words("whisper", words(), source, language=language, times=times)


def _whisper(word: Mapping[str, Any], segment: int, speaker: Any) -> Word:
    content = (word["word"] if "word" in word else word["text"]).strip()
    sure = next((word[k] for k in ("probability", "confidence", "score") if k in word), None)
    who = label(word.get("speaker")) or label(speaker)
    return Word(content, number(word.get("start")), number(word.get("end")), number(sure), segment, who)
