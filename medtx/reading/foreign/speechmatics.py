"""Speechmatics: the ``json-v2`` transcript of a job, and the messages of a live session.

Words, marks and entities stand in one list. An entity, such as a date, is written as it is
spelled and has the least confidence of the words that it stands for. ``UU`` is no speaker.

References
----------
https://docs.speechmatics.com/speech-to-text/batch/output,
https://docs.speechmatics.com/api-ref/realtime-transcription-websocket
"""

from typing import Any

from medtx.reading.build import Parsed, Word, of_words
from medtx.reading.foreign.common import first, has, keys, label, listed, need, number

KEYS = keys(
    "format job metadata results type start_time end_time alternatives content confidence language speaker"
    " channel attaches_to is_eos display direction volume entity_class spoken_form written_form tags score"
    " message transcript id duration summary chapters topics sentiment_analysis audio_events title text"
)
_TYPES = ("word", "punctuation", "entity", "speaker_change")
_MESSAGES = ("AddTranscript", "AddPartialTranscript", "RecognitionStarted", "EndOfTranscript")


def fits(data: Any) -> bool:
    results = data.get("results") if isinstance(data, dict) else None
    if isinstance(results, list) and "message" not in data:
        if not results:
            return has(data, "format", "metadata")
        return has(results[0], "type") and (results[0]["type"] in _TYPES or has(data, "format", "metadata"))
    return isinstance(data, dict) and data.get("message") in _MESSAGES


def fits_live(data: Any) -> bool:
    return isinstance(data, list) and any(
        has(one, "message") and one["message"] in _MESSAGES for one in data[:50]
    )


def read(data: Any, source: str) -> Parsed:
    if "message" in data:
        return read_live([data], source)
    config = (data.get("metadata") or {}).get("transcription_config") or {}
    results = data["results"]
    channels = {one.get("channel") for one in results}
    words = _marked([word for one in results for word in _words(one, None if len(channels) < 2 else one)])
    duration = number((data.get("job") or {}).get("duration"))
    return of_words("speechmatics", words, source, language=label(config.get("language")), duration=duration)


def read_live(data: Any, source: str) -> Parsed:
    finals = [one for one in data if one.get("message") == "AddTranscript"]
    several = len({one.get("channel") for one in finals}) > 1
    words: list[Word] = []
    for message in finals:
        for one in listed(message, "results"):
            words += _words(one, message if several else None)
    parsed = of_words("speechmatics", _marked(words), source)
    parsed.silent = bool(finals)
    return parsed


def _words(one: Any, channel: Any) -> list[Word]:
    """The words of a result; their kind still says what a mark belongs to."""
    need(one, "result", "type")
    if one["type"] not in _TYPES or one["type"] == "speaker_change":
        return []
    need(one, "result", "type", "start_time", "end_time", "alternatives")
    best = first(one["alternatives"]) or {}
    need(best, "alternative", "content")
    sure = [number(best.get("confidence"))]
    if one["type"] == "entity":
        spoken = [*listed(one, "spoken_form"), *listed(one, "written_form")]
        sure += [number((first(part.get("alternatives")) or {}).get("confidence")) for part in spoken]
    least = min((value for value in sure if value is not None), default=None)
    who = label(best.get("speaker"))
    kind = f"mark {one.get('attaches_to') or 'previous'}" if one["type"] == "punctuation" else "pronunciation"
    return [
        Word(
            best["content"],
            number(one["start_time"]),
            number(one["end_time"]),
            least,
            speaker=None if who == "UU" else who,
            channel=channel and label(channel.get("channel")),
            kind=kind,
        )
    ]


def _marked(words: list[Word]) -> list[Word]:
    """Marks that belong to the next word, or to both beside them, become part of a word."""
    made: list[Word] = []
    before = ""  # what the next word begins with
    for word in words:
        if word.kind == "mark next":
            before += word.content
        elif word.kind == "mark both" and made and made[-1].kind == "pronunciation":
            last = made.pop()
            made.append(last._replace(content=last.content + word.content, kind="open"))
        elif word.kind.startswith("mark"):
            made.append(word._replace(kind="punctuation"))
        elif made and made[-1].kind == "open":
            last = made.pop()
            known = [sure for sure in (last.confidence, word.confidence) if sure is not None]
            made.append(word._replace(content=last.content + word.content, start=last.start))
            made[-1] = made[-1]._replace(confidence=min(known, default=None))
        else:
            made.append(word._replace(content=before + word.content))
            before = ""
    if before:
        made.append(Word(before, kind="punctuation"))
    return [word._replace(kind="pronunciation") if word.kind == "open" else word for word in made]
