"""Azure Speech: a batch or fast transcription, or the detailed results of a recogniser.

The words are the displayed ones where those have times, and else the lexical ones. Only the
lexical ones have confidences: a displayed word has the least of those that it lies over in time.

References
----------
https://learn.microsoft.com/azure/ai-services/speech-service/batch-transcription-get,
https://learn.microsoft.com/azure/ai-services/speech-service/fast-transcription-create,
https://learn.microsoft.com/azure/ai-services/speech-service/get-speech-recognition-results
"""

import re
from collections.abc import Mapping
from typing import Any

from medtx.reading.build import Parsed, Word, of_words
from medtx.reading.foreign.common import any_of, has, keys, label, need, number, some, untimed
from medtx.reading.foreign.tokens import Texts

KEYS = keys(
    "source timestamp duration durationInTicks durationMilliseconds durationInMs offset offsetInTicks"
    " offsetMilliseconds offsetInMs combinedRecognizedPhrases recognizedPhrases combinedPhrases phrases"
    " channel speaker recognitionStatus locale nBest confidence lexical itn maskedITN display words"
    " displayWords word displayText text RecognitionStatus Offset Duration Channel SpeakerId NBest"
    " Confidence Lexical ITN MaskedITN Display DisplayText DisplayWords Words Word Id Type PrimaryLanguage"
    " Language sentiment PronunciationAssessment AccuracyScore ErrorType Syllables Phonemes"
)
_WORD = ("displayText", "DisplayText", "text", "word", "Word", "Display")


_DURATION = re.compile(r"P(?:(\d+)D)?(?:T(?:(\d+)H)?(?:(\d+)M)?(?:([\d.]+)S)?)?")


def fits(data: Any) -> bool:
    return (
        has(data, "recognizedPhrases")
        or (has(data, "phrases") and (has(data, "durationMilliseconds") or has(data, "combinedPhrases")))
        or some(data, "RecognitionStatus", "Offset")
    )


def read(data: Any, source: str) -> Parsed:
    phrases = data if isinstance(data, list) else data.get("recognizedPhrases", data.get("phrases"))
    phrases = [data] if phrases is None else phrases
    if not phrases and isinstance(data, Mapping):
        phrases = data.get("combinedRecognizedPhrases") or data.get("combinedPhrases") or []
    several = len({any_of(phrase, "channel", "Channel") for phrase in phrases}) > 1
    texts = Texts()
    words: list[Word] = []
    for n, phrase in enumerate(phrases):
        channel = f"ch_{any_of(phrase, 'channel', 'Channel')}" if several else None
        words += _phrase(phrase, n, channel, texts)
    whole = data if isinstance(data, Mapping) and "Offset" not in data else {}
    language = label(next((phrase["locale"] for phrase in phrases if phrase.get("locale")), None))
    starts = [(_ticks(phrase, "offset"), _ticks(phrase, "duration")) for phrase in phrases]
    times = [(s, None if s is None or d is None else s + d) for s, d in starts]
    duration = _ticks(whole, "duration")
    return of_words(
        "azure", words, source, language=language, duration=duration, times=times, notes=texts.notes()
    )


def _phrase(phrase: Any, n: int, channel: str | None, texts: Texts) -> list[Word]:
    best = (any_of(phrase, "nBest", "NBest") or [phrase])[0]
    speaker = label(any_of(phrase, "speaker", "SpeakerId"))
    lexical = [_word(word, n, speaker, channel) for word in any_of(best, "words", "Words") or []]
    shown = [_word(word, n, speaker, channel) for word in any_of(best, "displayWords", "DisplayWords") or []]
    display = any_of(best, "display", "Display", "text", "DisplayText")
    if shown:
        return texts.complete([_sure(word, lexical) for word in shown], display)
    if lexical:
        said = any_of(best, "lexical", "Lexical", "text")
        return texts.complete(lexical, said)
    return list(untimed(display or any_of(best, "lexical", "Lexical"), n, speaker, channel))


def _word(word: Any, segment: int, speaker: str | None, channel: str | None) -> Word:
    need(word, "word", "|".join(_WORD), "offsetInTicks|offsetMilliseconds|offsetInMs|offset|Offset")
    need(word, "word", "durationInTicks|durationMilliseconds|durationInMs|duration|Duration")
    start, length = _ticks(word, "offset"), _ticks(word, "duration")
    end = None if start is None or length is None else start + length
    sure = number(any_of(word, "confidence", "Confidence"))
    return Word(any_of(word, *_WORD), start, end, sure, segment, speaker, channel)


def _sure(shown: Word, lexical: list[Word]) -> Word:
    """With the least confidence of the lexical words that it lies over: half of it, or half of them."""
    known = [word.confidence for word in lexical if word.confidence is not None and _over(shown, word)]
    return shown if not known else shown._replace(confidence=min(known))


def _over(a: Word, b: Word) -> bool:
    if a.start is None or a.end is None or b.start is None or b.end is None:
        return False
    both = min(a.end, b.end) - max(a.start, b.start)
    shorter = min(a.end - a.start, b.end - b.start)
    return both >= shorter / 2 - 1e-9 and (both > 1e-9 or shorter < 1e-9)


def _ticks(data: Mapping[str, Any], side: str) -> float | None:
    """Azure's times, in 100 ns, in milliseconds or as ISO 8601 has them, under any of its names."""
    for name, per in (
        (f"{side}Milliseconds", 1e3),
        (f"{side}InMs", 1e3),
        (f"{side}InTicks", 1e7),
        (side.title(), 1e7),
    ):
        if data.get(name) is not None:
            return number(data[name], per)
    written = data.get(side)
    return _iso(written) if isinstance(written, str) else None


def _iso(written: str) -> float:
    """Seconds of a duration such as ``PT1M2.5S``."""
    found = _DURATION.fullmatch(written)
    if not found:
        raise ValueError
    days, hours, minutes, rest = (float(part or 0) for part in found.groups())
    return 86400 * days + 3600 * hours + 60 * minutes + rest
