"""Results of other engines, and of AWS's other transcription jobs: words, times, confidences.

Each is known by its keys. Where an engine writes marks onto its words they stay there;
normalisers know how to take them off.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, NamedTuple

from medtx.errors import ReadError
from medtx.reading.build import Parsed, check


class Word(NamedTuple):
    content: str
    start: float | None = None
    end: float | None = None
    confidence: float | None = None
    segment: int = 0
    speaker: str | None = None
    channel: str | None = None
    kind: str = "pronunciation"


def recording(
    engine: str,
    words: Iterable[Word],
    source: str,
    *,
    name: str = "",
    language: str | None = None,
    duration: float | None = None,
    status: str | None = None,
) -> Parsed:
    """A recording of words; consecutive numbers in ``segment`` make its segments."""
    said = list(words)
    if not all(isinstance(word.content, str) and isinstance(word.kind, str) for word in said):
        raise TypeError  # whoever called says which engine's result it is not
    columns: dict[str, list[Any]] = {field: [getattr(word, field) for word in said] for field in Word._fields}
    renumbered = {number: n for n, number in enumerate(dict.fromkeys(columns["segment"]))}
    columns["segment"] = [renumbered[number] for number in columns["segment"]]
    columns["position"] = list(range(len(said)))
    check(columns, "words", source)
    spans: list[list[Word]] = [[] for _ in renumbered]
    for word in said:
        spans[renumbered[word.segment]].append(word)
    ends = [word.end for word in said if word.end is not None]
    known = {
        "engine": engine,
        "mode": "batch",
        "language": language,
        "duration": max(ends, default=0.0) if duration is None else duration,
        "channels": len(set(columns["channel"])),
        "status": status,
    }
    return Parsed(known, {"words": columns, "segments": _segments(spans)}, name)


def _segments(spans: list[list[Word]]) -> dict[str, list[Any]]:
    def one(values: Iterable[Any]) -> Any:
        distinct = set(values)
        return distinct.pop() if len(distinct) == 1 else None

    return {
        "segment": list(range(len(spans))),
        "start": [min((w.start for w in span if w.start is not None), default=None) for span in spans],
        "end": [max((w.end for w in span if w.end is not None), default=None) for span in spans],
        "speaker": [one(w.speaker for w in span) for span in spans],
        "channel": [one(w.channel for w in span) for span in spans],
        "transcript": [
            "".join(("" if w.kind == "punctuation" else " ") + w.content for w in span).strip()
            for span in spans
        ],
    }


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
    return recording("whisper", words(), source, language=language)


def deepgram(data: Any, source: str) -> Parsed:
    """Deepgram's answer for a file; one segment a channel and speaker in turn."""

    def words() -> Iterator[Word]:
        number, several = -1, len(data["results"]["channels"]) > 1
        for c, channel in enumerate(data["results"]["channels"]):
            before: Any = number  # never a speaker: each channel begins a segment
            for word in channel["alternatives"][0]["words"]:
                speaker = _label(word.get("speaker"))
                if speaker != before:
                    number, before = number + 1, speaker
                yield _deepgram(word, number, speaker, f"ch_{c}" if several else None)

    duration = _number(data.get("metadata", {}).get("duration"))
    return recording("deepgram", words(), source, duration=duration)


def _deepgram(word: Mapping[str, Any], segment: int, speaker: str | None, channel: str | None) -> Word:
    content = word.get("punctuated_word") or word["word"]
    sure = _number(word.get("confidence"))
    return Word(content, float(word["start"]), float(word["end"]), sure, segment, speaker, channel)


def deepgram_live(data: Any, source: str) -> Parsed:
    """Deepgram's live messages: the final ones."""
    messages = data if isinstance(data, list) else [data]
    finals = [m for m in messages if m.get("is_final") and "channel" in m]
    several = len({m["channel_index"][0] for m in finals if m.get("channel_index")}) > 1

    def words() -> Iterator[Word]:
        for n, message in enumerate(finals):
            channel = f"ch_{message['channel_index'][0]}" if several else None
            for word in message["channel"]["alternatives"][0]["words"]:
                yield _deepgram(word, n, _label(word.get("speaker")), channel)

    ends = [message["start"] + message["duration"] for message in messages if "duration" in message]
    return recording("deepgram", words(), source, duration=max(ends, default=None))


def assemblyai(data: Any, source: str) -> Parsed:
    """AssemblyAI: times in milliseconds; a segment a turn of one speaker."""

    def words() -> Iterator[Word]:
        number, before = -1, object()
        for word in data["words"] or []:
            voice = (word.get("speaker"), word.get("channel"))
            if voice != before:
                number, before = number + 1, voice
            start, end = float(word["start"]) / 1000, float(word["end"]) / 1000
            speaker, channel = map(_label, voice)
            yield Word(word["text"], start, end, _number(word.get("confidence")), number, speaker, channel)

    return recording(
        "assemblyai",
        words(),
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
    return recording("vosk", words, source)


def kaldi(data: Any, source: str) -> Parsed:
    """The words of Kaldi's Gentle-like JSON: time and duration."""

    def words() -> Iterator[Word]:
        for word in data["words"]:
            start = float(word["time"])
            yield Word(word["word"], start, start + float(word["duration"]), _number(word.get("confidence")))

    return recording("kaldi", words(), source)


def call_analytics(data: Any, source: str) -> Parsed:
    """Transcribe Call Analytics: turns with their role; redacted words have no confidence."""

    def words() -> Iterator[Word]:
        for n, turn in enumerate(data["Transcript"]):
            for item in turn["Items"]:
                marked = item["Type"] == "punctuation"
                start = None if marked else _number(item.get("BeginOffsetMillis"), 1000)
                end = None if marked else _number(item.get("EndOffsetMillis"), 1000)
                sure = None if marked else _number(item.get("Confidence"))
                role = _label(turn.get("ParticipantRole"))
                yield Word(item["Content"], start, end, sure, n, role, None, item["Type"])

    milliseconds = data.get("ConversationCharacteristics", {}).get("TotalConversationDurationMillis")
    return recording(
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
            marked = kind == "punctuation"
            start = None if marked else _number(item.get("BeginAudioTime"))
            end = None if marked else _number(item.get("EndAudioTime"))
            while (
                start is not None
                and number + 1 < len(segments)
                and float(segments[number + 1]["BeginAudioTime"]) <= start + 1e-6
            ):
                number += 1
            role = roles[number] if roles else None
            sure = None if marked else _number(best.get("Confidence"))
            yield Word(best["Content"], start, end, sure, number, role, None, kind)

    name = str(talk.get("JobName") or talk.get("ConversationId") or "")
    return recording(
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
