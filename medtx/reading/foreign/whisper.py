"""Whisper: openai-whisper, faster-whisper, whisper-timestamped, WhisperX, OpenAI's verbose form.

Words have times, and confidences under ``probability``, ``score`` or ``confidence``. Where a
segment has no words its text is split, without times. The API keeps words beside the segments.

References
----------
https://github.com/openai/whisper (``transcribe.py``), https://github.com/SYSTRAN/faster-whisper,
https://github.com/linto-ai/whisper-timestamped, https://github.com/m-bain/whisperX,
https://platform.openai.com/docs/api-reference/audio/verbose-json-object
"""

from collections.abc import Iterator, Mapping
from typing import Any

from medtx.reading.build import Parsed, Word, of_words
from medtx.reading.foreign.common import first, has, keys, label, listed, need, number, only, untimed
from medtx.reading.foreign.tokens import Texts

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
    if not has(segment, "text") or str(segment.get("type")).startswith("transcript."):
        return False
    apart = first(data.get("words")) if isinstance(data, Mapping) else None
    word = first(segment.get("words")) or apart or {}
    if not _SURE.isdisjoint(segment) or has(data, "word_segments") or has(word, "word", "probability"):
        return True
    whole = not isinstance(data, Mapping) or only(data, _WHOLE)
    return whole and only(segment, _SEGMENT) and only(word, _WORD) and (not apart or "word" in word)


def read(data: Any, source: str) -> Parsed:
    segments = data if isinstance(data, list) else listed(data, "segments")
    apart = [] if isinstance(data, list) else listed(data, "words")
    texts = Texts()
    words: list[Word] = []
    for n, segment in enumerate(segments):
        need(segment, "segment", "text", "start", "end")
        spoken = [_word(word, n, segment.get("speaker")) for word in listed(segment, "words")]
        if apart:
            spoken = [_word(word, n, segment.get("speaker")) for word in _between(apart, segments, n)]
        if spoken:
            words += texts.complete(spoken, segment["text"])
        else:
            words += untimed(segment["text"], n, segment.get("speaker"))
    if not segments and apart:
        words = texts.complete([_word(word, 0, None) for word in apart], data.get("text"))
    elif not segments:
        words = list(untimed(data.get("text") if isinstance(data, Mapping) else "", 0))
    whole = data if isinstance(data, Mapping) else {}
    return of_words(
        "whisper",
        words,
        source,
        language=label(whole.get("language")),
        duration=number(whole.get("duration")),
        times=[(number(segment["start"]), number(segment["end"])) for segment in segments],
        notes=texts.notes(),
    )


def _between(words: list[Any], segments: list[Any], n: int) -> Iterator[Any]:
    """The words that begin in a segment: before the next one begins, and the first has what is before it."""
    begin = number(segments[n]["start"]) or 0.0
    end = number(segments[n + 1].get("start")) if n + 1 < len(segments) else None
    for word in words:
        need(word, "word", "word|text", "start", "end")
        at = number(word["start"]) or 0.0
        if (n == 0 or at >= begin - 1e-6) and (end is None or at < end - 1e-6):
            yield word


def _word(word: Any, segment: int, speaker: Any) -> Word:
    need(word, "word", "word|text")
    content = (word["word"] if "word" in word else word["text"]).strip()
    sure = next((word[key] for key in ("probability", "confidence", "score") if key in word), None)
    who = label(word.get("speaker")) or label(speaker)
    return Word(content, number(word.get("start")), number(word.get("end")), number(sure), segment, who)
