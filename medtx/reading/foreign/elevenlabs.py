"""ElevenLabs Scribe: the API's answer, for one channel or several, and what its web page exports.

A word's confidence is e to the power of its ``logprob``. Blanks and sounds, such as a cough, are
no words. The export has segments, no confidences, and blanks as words.

References
----------
https://elevenlabs.io/docs/api-reference/speech-to-text/convert
"""

from typing import Any

from medtx.reading.build import Parsed, Word, of_words
from medtx.reading.foreign.common import first, has, keys, label, listed, need, number, probability, untimed
from medtx.reading.foreign.tokens import Texts, letters

KEYS = keys(
    "language_code language_probability text words start end type speaker_id logprob characters"
    " channel_index transcripts transcription_id entities additional_formats segments start_time end_time"
    " speaker id name audio_duration_secs entity_type start_char end_char content"
)
_TYPES = ("word", "spacing", "audio_event")


def fits(data: Any) -> bool:
    if has(data, "transcripts"):
        return isinstance(data["transcripts"], list) and all(map(_fits, data["transcripts"]))
    return _fits(data)


def _fits(data: Any) -> bool:
    if not has(data, "language_code"):
        return False
    if has(data, "language_probability", "text"):
        return True
    if "segments" in data:
        return has(first(data["segments"]) or {"text": "", "start_time": 0}, "text", "start_time")
    return has(data, "text", "words") and (first(data["words"]) or {}).get("type") in _TYPES


def read(data: Any, source: str) -> Parsed:
    several = data["transcripts"] if has(data, "transcripts") else [data]
    texts = Texts()
    words: list[Word] = []
    sounds = False
    for n, one in enumerate(several):
        if "segments" in one:
            words += _exported(one, texts)
            continue
        held = listed(one, "words")
        channel = f"ch_{one.get('channel_index', n)}" if len(several) > 1 else None
        heard = [
            _word(word, channel) for word in held if word.get("type") != "spacing" or letters(word["text"])
        ]
        heard = texts.complete(heard, one["text"]) if held else list(untimed(one["text"], channel=channel))
        sounds = sounds or any(word.kind == "audio_event" for word in heard)
        words += [word for word in heard if word.kind != "audio_event"]
    language = label(several[0].get("language_code")) if several else None
    duration = number(data.get("audio_duration_secs"))
    parsed = of_words("elevenlabs", words, source, language=language, duration=duration, notes=texts.notes())
    parsed.silent = sounds
    return parsed


def _word(word: Any, channel: str | None) -> Word:
    need(word, "word", "text", "start", "end")
    kind = "audio_event" if word.get("type") == "audio_event" else "pronunciation"
    if channel is None and word.get("channel_index") is not None:
        channel = f"ch_{word['channel_index']}"
    return Word(
        word["text"].strip(),
        number(word["start"]),
        number(word["end"]),
        probability(word.get("logprob")),
        speaker=label(word.get("speaker_id")),
        channel=channel,
        kind=kind,
    )


def _exported(data: Any, texts: Texts) -> list[Word]:
    words: list[Word] = []
    for n, segment in enumerate(listed(data, "segments")):
        need(segment, "segment", "text", "start_time", "end_time")
        who = segment.get("speaker")
        who = label(who.get("id") or who.get("name")) if isinstance(who, dict) else label(who)
        heard = []
        for word in listed(segment, "words"):
            need(word, "word", "text", "start_time", "end_time")
            if word["text"].strip():
                start, end = number(word["start_time"]), number(word["end_time"])
                heard.append(Word(word["text"].strip(), start, end, None, n, who))
        words += texts.complete(heard, segment["text"]) if heard else untimed(segment["text"], n, who)
    return words
