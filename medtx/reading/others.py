"""Results of other engines, and of AWS's other transcription jobs: words, times, confidences.

Each is known by its keys. Where an engine writes marks onto its words they stay there;
normalisers know how to take them off.
"""

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from medtx.errors import ReadError
from medtx.reading.build import Parsed, Word, of_words


def _number(value: Any, per: int = 1) -> float | None:
    return None if value is None else float(value) / per


def _label(value: Any) -> str | None:
    return None if value is None else str(value)


def whisper(data: Any, source: str) -> Parsed:
    """openai-whisper, faster-whisper, whisper-timestamped and WhisperX, with word times or without."""
    segments = data if isinstance(data, list) else data["segments"]

    def words() -> Iterator[Word]:
        for n, segment in enumerate(segments):
            speaker = _label(segment.get("speaker"))
            spoken = segment.get("words") or [{"word": word} for word in segment["text"].split()]
            for word in spoken:
                content = (word["word"] if "word" in word else word["text"]).strip()
                sure = next((word[k] for k in ("probability", "confidence", "score") if k in word), None)
                start, end = _number(word.get("start")), _number(word.get("end"))
                yield Word(content, start, end, _number(sure), n, _label(word.get("speaker")) or speaker)

    language = None if isinstance(data, list) else _label(data.get("language"))
    return of_words("whisper", words(), source, language=language)


def deepgram(data: Any, source: str) -> Parsed:
    """Deepgram's answer for a file; one segment a channel and speaker in turn."""

    channels = data["results"]["channels"]
    words = (
        _deepgram(word, f"ch_{c}" if len(channels) > 1 else None)
        for c, channel in enumerate(channels)
        for word in channel["alternatives"][0]["words"]
    )
    duration = _number(data.get("metadata", {}).get("duration"))
    return of_words("deepgram", words, source, duration=duration)


def _deepgram(word: Mapping[str, Any], channel: str | None, segment: int | None = None) -> Word:
    content = word.get("punctuated_word") or word["word"]
    start, end, sure = float(word["start"]), float(word["end"]), _number(word.get("confidence"))
    return Word(content, start, end, sure, segment, _label(word.get("speaker")), channel)


def deepgram_live(data: Any, source: str) -> Parsed:
    """Deepgram's live messages: the final ones."""
    messages = data if isinstance(data, list) else [data]
    finals = [m for m in messages if m.get("is_final") and "channel" in m]
    several = len({m["channel_index"][0] for m in finals if m.get("channel_index")}) > 1

    def words() -> Iterator[Word]:
        for n, message in enumerate(finals):
            channel = f"ch_{message['channel_index'][0]}" if several else None
            for word in message["channel"]["alternatives"][0]["words"]:
                yield _deepgram(word, channel, n)

    ends = [message["start"] + message["duration"] for message in messages if "duration" in message]
    return of_words("deepgram", words(), source, duration=max(ends, default=None))


def assemblyai(data: Any, source: str) -> Parsed:
    """AssemblyAI: times in milliseconds; a segment a turn of one speaker."""

    words = (
        Word(
            word["text"],
            float(word["start"]) / 1000,
            float(word["end"]) / 1000,
            _number(word.get("confidence")),
            speaker=_label(word.get("speaker")),
            channel=_label(word.get("channel")),
        )
        for word in data["words"] or []
    )
    return of_words(
        "assemblyai",
        words,
        source,
        language=_label(data.get("language_code")),
        duration=_number(data.get("audio_duration")),
        status=_label(data.get("status")),
    )


def vosk(data: Any, source: str) -> Parsed:
    """Vosk's final results, one or several; partial and empty ones have no words."""
    results = data if isinstance(data, list) else [data]
    words = (
        Word(word["word"], float(word["start"]), float(word["end"]), _number(word.get("conf")), n)
        for n, result in enumerate(results)
        for word in result.get("result") or []
    )
    return of_words("vosk", words, source)


def kaldi(data: Any, source: str) -> Parsed:
    """The words of Kaldi's Gentle-like JSON: time and duration."""

    def words() -> Iterator[Word]:
        for word in data["words"]:
            start = float(word["time"])
            yield Word(word["word"], start, start + float(word["duration"]), _number(word.get("confidence")))

    return of_words("kaldi", words(), source)


def call_analytics(data: Any, source: str) -> Parsed:
    """Transcribe Call Analytics: turns with their role; redacted words have no confidence."""

    def words() -> Iterator[Word]:
        for n, turn in enumerate(data["Transcript"]):
            for item in turn["Items"]:
                start, end = (_number(item.get(f"{side}OffsetMillis"), 1000) for side in ("Begin", "End"))
                sure, role = _number(item.get("Confidence")), _label(turn.get("ParticipantRole"))
                yield Word(item["Content"], start, end, sure, n, role, kind=item["Type"])

    milliseconds = data.get("ConversationCharacteristics", {}).get("TotalConversationDurationMillis")
    return of_words(
        "amazon-transcribe-call-analytics",
        words(),
        source,
        name=str(data.get("JobName") or ""),
        language=_label(data.get("LanguageCode")),
        duration=_number(milliseconds, 1000),
        status=_label(data.get("JobStatus")),
    )


def healthscribe(data: Any, source: str) -> Parsed:
    """HealthScribe's transcript: items in order of time, segments with the participant's role."""
    talk = data["Conversation"]
    segments = talk.get("TranscriptSegments") or []
    roles = [_label((segment.get("ParticipantDetails") or {}).get("ParticipantRole")) for segment in segments]

    def words() -> Iterator[Word]:
        number = 0
        for item in talk["TranscriptItems"]:
            best, kind = item["Alternatives"][0], item["Type"].lower()
            start, end = _number(item.get("BeginAudioTime")), _number(item.get("EndAudioTime"))
            while (
                start is not None
                and kind != "punctuation"  # some marks have a time, of no meaning
                and number + 1 < len(segments)
                and float(segments[number + 1]["BeginAudioTime"]) <= start + 1e-6
            ):
                number += 1
            role = roles[number] if roles else None
            yield Word(best["Content"], start, end, _number(best.get("Confidence")), number, role, kind=kind)

    name = str(talk.get("JobName") or talk.get("ConversationId") or "")
    return of_words(
        "amazon-healthscribe", words(), source, name=name, language=_label(talk.get("LanguageCode"))
    )


def _has(data: Any, *keys: str) -> bool:
    return isinstance(data, Mapping) and all(key in data for key in keys)


def _first(data: Any) -> Any:
    return data[0] if isinstance(data, list) and data else data


FORMATS: list[tuple[Callable[[Any], bool], Callable[[Any, str], Parsed]]] = [
    (lambda d: _has(d, "Transcript", "JobName") and isinstance(d["Transcript"], list), call_analytics),
    (lambda d: _has(d, "Conversation") and _has(d["Conversation"], "TranscriptItems"), healthscribe),
    (lambda d: _has(d, "results") and _has(d["results"], "channels"), deepgram),
    (lambda d: _has(_first(d), "channel", "is_final"), deepgram_live),
    (lambda d: _has(d, "segments") and _has(_first(d["segments"]) or {"text": ""}, "text"), whisper),
    (lambda d: isinstance(d, list) and _has(_first(d), "start", "end", "text"), whisper),
    (lambda d: _has(d, "words", "audio_duration"), assemblyai),
    (lambda d: _has(d, "words") and _has(_first(d["words"]), "time", "duration", "word"), kaldi),
    (lambda d: _has(_first(d), "result", "text"), vosk),
]
"""How a format is known, and its reader; the first that fits is taken."""


def parse(data: Any, source: str) -> Parsed | None:
    """The recording, if ``data`` is of one of these formats."""
    for fits, reader in FORMATS:
        if fits(data):
            try:
                return reader(data, source)
            except (LookupError, TypeError, ValueError, AttributeError, OverflowError) as error:
                what = f"no {error}" if isinstance(error, KeyError) else type(error).__name__
                name = reader.__name__.replace("_", " ")
                raise ReadError(source, f"looks like a result of {name}, but is not whole: {what}") from None
    return None
