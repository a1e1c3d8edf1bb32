"""Azure."""

from collections.abc import Iterator, Mapping
from typing import Any

from medtx.reading.build import Parsed, Word, of_words
from medtx.reading.foreign.common import any_of, has, label, number, some, untimed


def fits(data: Any) -> bool:
    return (
        has(data, "recognizedPhrases")
        or has(data, "phrases", "durationMilliseconds")
        or some(data, "RecognitionStatus", "Offset")
    )


def _ticks(data: Mapping[str, Any], side: str) -> float | None:
    """Azure's times, in 100 ns or in milliseconds, under any of its names."""
    for name, per in ((f"{side}Milliseconds", 1e3), (f"{side}InTicks", 1e7), (side.title(), 1e7)):
        if data.get(name) is not None:
            return float(data[name]) / per
    return None


def read(data: Any, source: str) -> Parsed:
    """Azure Speech: a batch or fast transcription, or the detailed results of a recogniser.

    The words are the displayed ones where those have times, and else the lexical ones.
    """
    phrases = data if isinstance(data, list) else data.get("recognizedPhrases", data.get("phrases"))
    phrases = [data] if phrases is None else phrases
    if not phrases and isinstance(data, Mapping):
        phrases = data.get("combinedRecognizedPhrases") or data.get("combinedPhrases") or []
    several = len({any_of(phrase, "channel", "Channel") for phrase in phrases}) > 1

    def words() -> Iterator[Word]:
        for n, phrase in enumerate(phrases):
            best = (any_of(phrase, "nBest", "NBest") or [phrase])[0]
            channel = f"ch_{any_of(phrase, 'channel', 'Channel')}" if several else None
            speaker = label(any_of(phrase, "speaker", "SpeakerId"))
            lexical = any_of(best, "words", "Words") or []
            spoken = any_of(best, "displayWords", "DisplayWords") or lexical
            sure = {  # only the lexical words have confidences of their own
                _ticks(word, "offset"): number(any_of(word, "confidence", "Confidence")) for word in lexical
            }
            if not spoken:
                said = any_of(best, "display", "Display", "text", "DisplayText")
                yield from untimed(said, n, speaker, channel)
            for word in spoken:
                content = any_of(word, "displayText", "DisplayText", "text", "word", "Word", "Display")
                start, length = _ticks(word, "offset"), _ticks(word, "duration")
                end = None if start is None or length is None else start + length
                yield Word(content, start, end, sure.get(start), n, speaker, channel)

    whole = data if isinstance(data, Mapping) and "Offset" not in data else {}
    language = label(next((phrase["locale"] for phrase in phrases if phrase.get("locale")), None))
    starts = [(_ticks(phrase, "offset"), _ticks(phrase, "duration")) for phrase in phrases]
    times = [(s, None if s is None or d is None else s + d) for s, d in starts]
    duration = _ticks(whole, "duration")
    return of_words("azure", words(), source, language=language, duration=duration, times=times)
