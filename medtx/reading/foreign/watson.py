"""IBM Watson Speech to Text: results with timestamps, word confidences and speaker labels.

References
----------
https://cloud.ibm.com/apidocs/speech-to-text#recognize
"""

from typing import Any

from medtx.reading.build import Parsed, Word, of_words
from medtx.reading.foreign.common import first, has, keys, label, listed, need, number
from medtx.reading.foreign.tokens import Texts

KEYS = keys(
    "result_index results final alternatives transcript confidence timestamps word_confidence"
    " speaker_labels from to speaker keywords_result word_alternatives start_time end_time word"
    " normalized_text end_of_utterance warnings"
)


def fits(data: Any) -> bool:
    if not has(data, "results") or not isinstance(data["results"], list):
        return False
    best = first((first(data["results"]) or {}).get("alternatives"))
    return (
        "result_index" in data
        or has(first(data["results"]), "alternatives", "final")
        or has(best, "timestamps")
    )


def read(data: Any, source: str) -> Parsed:
    speakers = {(one["from"], one["to"]): label(one["speaker"]) for one in listed(data, "speaker_labels")}
    texts = Texts()
    words: list[Word] = []
    finals = [one for one in data["results"] if one.get("final") is not False]
    for n, result in enumerate(finals):
        need(result, "result", "alternatives")
        best = first(result["alternatives"]) or {"transcript": ""}
        need(best, "alternative", "transcript")
        words += texts.complete(_heard(best, None if speakers else n, speakers), best["transcript"])
    return of_words("ibm-watson", words, source, notes=texts.notes())


def _heard(best: Any, segment: int | None, speakers: Any) -> list[Word]:
    """Times and confidences stand in two lists, each with the words."""
    sure = listed(best, "word_confidence")
    timed = listed(best, "timestamps") or [(word, None, None) for word in best["transcript"].split()]
    alike = [word for word, _ in sure] == [word for word, *_ in timed]
    known = [number(value) for _, value in sure] if alike else [None] * len(timed)
    return [
        Word(word, number(start), number(end), one, segment, speakers.get((start, end)))
        for (word, start, end), one in zip(timed, known)
    ]
