"""Gladia, version 2: the result for a file, and the messages of a live session.

References
----------
https://docs.gladia.io/api-reference/v2/pre-recorded/get,
https://docs.gladia.io/api-reference/v2/live/message/transcript
"""

from collections.abc import Mapping
from typing import Any

from medtx.reading.build import Parsed, Word, of_words
from medtx.reading.foreign.common import first, has, keys, label, listed, need, number, untimed
from medtx.reading.foreign.tokens import Texts

KEYS = keys(
    "utterances text language start end confidence channel speaker words word sentences full_transcript"
    " languages subtitles sentence"
)


def fits(data: Any) -> bool:
    if _messages(data) or _failed(data):
        return True
    whole = _result(data)
    return has(whole, "transcription") and has(whole["transcription"], "utterances", "full_transcript")


def _result(data: Any) -> Any:
    """What holds the transcription: a job, a webhook and a live session's end have it further in."""
    for key in ("payload", "result", "data"):
        if isinstance(data, Mapping) and isinstance(data.get(key), Mapping):
            data = data[key]
    return data


def _failed(data: Any) -> bool:
    """Whether it is a job that gave no result, or none yet."""
    return has(data, "request_id", "kind", "status", "version") and data.get("result") is None


def _messages(data: Any) -> list[Any]:
    """The final utterances of a live session."""
    held = [_unpacked(one) for one in data] if isinstance(data, list) else [_unpacked(data)]
    return [
        one["data"] for one in held if has(one, "type", "data") and has(one["data"], "utterance", "is_final")
    ]


def _unpacked(one: Any) -> Any:
    return one["payload"] if has(one, "event", "payload") else one


def read(data: Any, source: str) -> Parsed:
    status = {"done": "COMPLETED", "error": "FAILED"}.get(data.get("status", "")) if has(data) else None
    if _failed(data):
        return of_words("gladia", (), source, status=status or str(data["status"]).upper())
    texts = Texts()
    if messages := _messages(data):
        utterances = [one["utterance"] for one in messages if one["is_final"]]
        language, duration = None, None
    else:
        whole = _result(data)
        utterances = listed(whole["transcription"], "utterances")
        language = label(first(whole["transcription"].get("languages")) or None)
        duration = number((whole.get("metadata") or {}).get("audio_duration"))
    several = len({one.get("channel") for one in utterances}) > 1
    words: list[Word] = []
    for n, one in enumerate(utterances):
        need(one, "utterance", "text", "start", "end")
        who = label(one.get("speaker"))
        channel = f"ch_{one.get('channel')}" if several else None
        heard = [_word(word, n, who, channel) for word in listed(one, "words")]
        words += texts.complete(heard, one["text"]) if heard else untimed(one["text"], n, who, channel)
    if not utterances and not messages:
        words = list(untimed(whole["transcription"]["full_transcript"], 0))
    times = [(number(one["start"]), number(one["end"])) for one in utterances]
    parsed = of_words(
        "gladia",
        words,
        source,
        language=language or label((first(utterances) or {}).get("language")),
        duration=duration,
        status=status,
        times=times,
        notes=texts.notes(),
    )
    parsed.silent = bool(messages and utterances)
    return parsed


def _word(word: Any, segment: int, speaker: str | None, channel: str | None) -> Word:
    need(word, "word", "word", "start", "end")
    start, end, sure = number(word["start"]), number(word["end"]), number(word.get("confidence"))
    return Word(word["word"].strip(), start, end, sure, segment, speaker, channel)
