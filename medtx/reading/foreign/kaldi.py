"""Kaldi: words with their time and duration; and Gentle, which aligns a text that is given.

References
----------
https://github.com/strob/gentle (``gentle/transcription.py``),
https://github.com/AudiovisualMetadataPlatform/amp_mgms (Kaldi's output as JSON)
"""

from typing import Any

from medtx.reading.build import Parsed, Word, of_words
from medtx.reading.foreign.common import first, has, keys, listed, need, number, only
from medtx.reading.foreign.tokens import Texts

KEYS = keys(
    "words word time duration confidence transcript alignedWord case start end startOffset endOffset phones"
    " phone"
)
_GENTLE = ("word", "case")


def fits(data: Any) -> bool:
    word = first(data.get("words")) if isinstance(data, dict) else None
    if has(word, *_GENTLE) or (word == [] and has(data, "transcript")):
        return has(data, "transcript")
    return has(word, "time", "duration", "word") and only(word, KEYS)


def read(data: Any, source: str) -> Parsed:
    aligned = has(first(data["words"]), *_GENTLE)
    words = [(_aligned if aligned else _word)(word) for word in listed(data, "words")]
    texts = Texts()
    if aligned:
        words = texts.complete(words, data["transcript"])
    return of_words("gentle" if aligned else "kaldi", words, source, notes=texts.notes())


def _word(word: Any) -> Word:
    need(word, "word", "word", "time", "duration")
    start, length = number(word["time"]), number(word["duration"])
    end = None if start is None or length is None else start + length
    return Word(word["word"], start, end, number(word.get("confidence")))


def _aligned(word: Any) -> Word:
    """A word that Gentle did not find in the sound has no time."""
    need(word, "word", "word", "case")
    if word["case"] == "success":
        need(word, "word", "word", "start", "end")
    return Word(word["word"], number(word.get("start")), number(word.get("end")))
