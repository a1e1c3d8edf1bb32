"""Vosk: the results of a recogniser, final ones with words, alternatives or text alone, and partial ones.

The confidence of an alternative is no probability and is not taken.

References
----------
https://alphacephei.com/vosk (``KaldiRecognizer``: Result, PartialResult, FinalResult),
https://github.com/alphacep/vosk-api/blob/master/src/recognizer.cc
"""

from typing import Any

from medtx.errors import ReadError
from medtx.reading.build import Parsed, Word, of_words
from medtx.reading.foreign.common import first, has, keys, listed, need, number, only, untimed
from medtx.reading.foreign.tokens import Texts

_RESULT = keys("result text partial partial_result alternatives spk spk_frames")
KEYS = _RESULT | keys("word start end conf confidence")


def fits(data: Any) -> bool:
    results = data if isinstance(data, list) else [data]
    if not results or not all(only(one, _RESULT) and one for one in results):
        return False
    if all(list(one) == ["text"] and not str(one["text"]).strip() for one in results):
        return True  # silence
    return any(
        "partial" in one
        or (has(one, "result", "text") and isinstance(one["result"], list))
        or has(first(one.get("alternatives")), "text", "confidence")
        for one in results
    )


def read(data: Any, source: str) -> Parsed:
    results = data if isinstance(data, list) else [data]
    final = [one for one in results if not has(one, "partial")]
    if not final and any(str(one["partial"]).strip() for one in results):
        raise ReadError(source, "holds partial results alone: expected a final one, with text")
    texts = Texts()
    words: list[Word] = []
    for n, result in enumerate(final):
        best = first(result.get("alternatives")) or result
        need(best, "result", "text")
        spoken = [_word(word, n) for word in listed(best, "result")]
        words += texts.complete(spoken, best["text"]) if spoken else untimed(best["text"], n)
    cut = has(results[-1], "partial") and str(results[-1]["partial"]).strip() != ""
    return of_words("vosk", words, source, status="IN_PROGRESS" if cut else None, notes=texts.notes())


def _word(word: Any, segment: int) -> Word:
    need(word, "word", "word", "start", "end")
    return Word(word["word"], number(word["start"]), number(word["end"]), number(word.get("conf")), segment)
