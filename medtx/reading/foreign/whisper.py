"""Whisper: openai-whisper, faster-whisper, whisper-timestamped, WhisperX, OpenAI's verbose form.

Words have times, and confidences under ``probability``, ``score`` or ``confidence``. Where a
segment has no words its text is split, without times. The API keeps words beside the segments.

References
----------
https://github.com/openai/whisper (``transcribe.py``), https://github.com/SYSTRAN/faster-whisper,
https://github.com/linto-ai/whisper-timestamped, https://github.com/m-bain/whisperX,
https://platform.openai.com/docs/api-reference/audio/verbose-json-object
"""

from bisect import bisect_right
from collections.abc import Mapping
from itertools import accumulate
from typing import Any

from medtx.reading.build import Parsed, Word, of_words
from medtx.reading.foreign.common import first, has, keys, label, listed, need, number, only, untimed
from medtx.reading.foreign.tokens import Texts, letters

_SURE = keys("avg_logprob no_speech_prob compression_ratio seek temperature")
"""Only Whisper's segments have these."""
_SEGMENT = _SURE | keys("id start end text tokens words speaker confidence chars language task type")
_WORD = keys("word text start end probability score confidence speaker tokens char")
_WHOLE = keys(
    "text segments language words duration task usage word_segments language_probability language_probs"
    " detected_language detected_language_probability info speech_activity"
)
KEYS = _WHOLE | _SEGMENT | _WORD | keys("t_dtw")


def fits(data: Any) -> bool:
    if isinstance(data, Mapping) and not has(data, "segments"):
        word = first(data.get("words"))
        return (
            has(data, "text")
            and has(word, "word", "start", "end")
            and only(data, _WHOLE)
            and only(word, _WORD)
        )
    segments = data if isinstance(data, list) else data["segments"] or []
    if not segments:
        return (
            isinstance(data, Mapping) and isinstance(segments, list) and only(data, _WHOLE) and len(data) > 1
        )
    segment = segments[0]
    alike = has(segment, "text") if isinstance(data, Mapping) else has(segment, "text", "start", "end")
    if not alike or str(segment.get("type")).startswith("transcript."):
        return False
    apart = first(data.get("words")) if isinstance(data, Mapping) else None
    word = first(segment.get("words")) or apart or {}
    if not _SURE.isdisjoint(segment) or has(data, "word_segments"):
        return True
    if has(word, "word", "probability") or has(word, "word", "score"):
        return True
    whole = not isinstance(data, Mapping) or only(data, _WHOLE)
    return whole and only(segment, _SEGMENT) and only(word, _WORD) and (not apart or "word" in word)


def read(data: Any, source: str) -> Parsed:
    whole = data if isinstance(data, Mapping) else {}
    segments = data if isinstance(data, list) else listed(data, "segments")
    texts = Texts()
    words: list[Word] = []
    if apart := listed(whole, "words"):
        words = _apart(apart, segments, whole.get("text"), texts)
    elif not segments:
        words = list(untimed(whole.get("text"), 0))
    for n, segment in enumerate(segments):
        need(segment, "segment", "text", "start", "end")
        who = segment.get("speaker")
        spoken = [_word(word, n, who) for word in listed(segment, "words")]
        if not apart:
            words += texts.complete(spoken, segment["text"]) if spoken else untimed(segment["text"], n, who)
    if segments and not apart:  # the whole text may say more than its segments
        words = texts.complete(words, whole.get("text"))
    return of_words(
        "whisper",
        words,
        source,
        language=label(whole.get("language")),
        duration=number(whole.get("duration")),
        times=[(number(segment["start"]), number(segment["end"])) for segment in segments],
        notes=texts.notes(),
    )


def _apart(words: list[Any], segments: list[Any], text: Any, texts: Texts) -> list[Word]:
    """Words beside segments, each in the one whose text has it, or else in the one of its time."""
    for word in words:
        need(word, "word", "word|text", "start", "end")
    said = " ".join(segment["text"] for segment in segments) if segments else text
    whole = texts.complete([_word(word, 0, None) for word in words], said)
    if not segments:
        return whole
    ends = list(accumulate(len(letters(segment["text"])) for segment in segments))
    sizes = [len(letters(word.content)) for word in whole]
    begins = [number(segment.get("start")) or 0.0 for segment in segments]
    alike = sum(sizes) == ends[-1]
    made = []
    n = at = 0
    for word, size in zip(whole, sizes):
        if alike:
            n = bisect_right(ends, at)
        elif word.start is not None:
            n = max(bisect_right(begins, word.start + 1e-6) - 1, 0)
        at += size
        n = min(n, len(segments) - 1)
        made.append(word._replace(segment=n, speaker=word.speaker or label(segments[n].get("speaker"))))
    return made


def _word(word: Any, segment: int, speaker: Any) -> Word:
    need(word, "word", "word|text")
    content = (word["word"] if "word" in word else word["text"]).strip()
    sure = next((word[key] for key in ("probability", "confidence", "score") if key in word), None)
    who = label(word.get("speaker")) or label(speaker)
    return Word(content, number(word.get("start")), number(word.get("end")), number(sure), segment, who)
