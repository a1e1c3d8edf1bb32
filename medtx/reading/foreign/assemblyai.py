"""AssemblyAI: a transcript, of the first generation (no ``audio_duration``) and the present one.

Times are milliseconds, but ``audio_duration`` is in seconds. A segment is a turn of one speaker.

References
----------
https://www.assemblyai.com/docs/api-reference/transcripts/get
"""

from typing import Any

from medtx.errors import ReadError
from medtx.reading.build import Parsed, Word, of_words
from medtx.reading.foreign.common import has, keys, label, listed, need, number, untimed
from medtx.reading.foreign.tokens import Texts

KEYS = keys(
    "id status text words start end confidence speaker channel utterances segments audio_duration error"
    " sentiment entity_type headline gist summary timestamp timestamps labels rank count"
    " relevance language language_confidence translated_texts severity sentences_idx_start sentences_idx_end"
)
_OWN = keys("audio_duration audio_url acoustic_model language_model speech_model speech_models speaker_count")


def fits(data: Any) -> bool:
    if not has(data, "words") and not has(data, "status", "error"):
        return False
    held = data.get("words")
    alike = not held or (isinstance(held, list) and has(held[0], "text"))
    return alike and (has(data, "id", "status", "text") or not _OWN.isdisjoint(data))


def read(data: Any, source: str) -> Parsed:
    held = listed(data, "words")
    held = held or [word for one in listed(data, "utterances") for word in listed(one, "words")]
    texts = Texts()
    words = texts.complete([_word(word, source) for word in held], data.get("text"))
    status = {"error": "FAILED", None: None}.get(data.get("status"), str(data.get("status")).upper())
    parsed = of_words(
        "assemblyai",
        words if held else untimed(data.get("text")),
        source,
        language=label(data.get("language_code")),
        duration=number(data.get("audio_duration")),
        status=status,
        notes=texts.notes(),
    )
    if data.get("error"):
        parsed.recording["reason"] = str(data["error"])
    return parsed


def _word(word: Any, source: str) -> Word:
    need(word, "word", "text", "start", "end")
    start, end = number(word["start"], 1000), number(word["end"], 1000)
    if any(isinstance(word[side], float) and not word[side].is_integer() for side in ("start", "end")):
        raise ReadError(
            source, "looks like a result of assemblyai: expected whole milliseconds, got parts of them"
        )
    sure, who = number(word.get("confidence")), label(word.get("speaker"))
    return Word(word["text"], start, end, sure, speaker=who, channel=label(word.get("channel")))
