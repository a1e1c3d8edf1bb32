"""Results of AWS's other transcription jobs: Call Analytics and HealthScribe."""

from collections.abc import Iterator
from typing import Any

from medtx.reading.build import Parsed, Word, of_words
from medtx.reading.foreign.common import has, label, number, untimed


def is_call_analytics(data: Any) -> bool:
    return has(data, "Transcript", "JobName") and isinstance(data["Transcript"], list)


def is_healthscribe(data: Any) -> bool:
    return has(data, "Conversation") and has(data["Conversation"], "TranscriptItems")


def call_analytics(data: Any, source: str) -> Parsed:
    """Transcribe Call Analytics: turns with their role; redacted words have no confidence."""

    def words() -> Iterator[Word]:
        for n, turn in enumerate(data["Transcript"]):
            if not turn["Items"]:
                yield from untimed(turn.get("Content"), n, turn.get("ParticipantRole"))
            for item in turn["Items"]:
                start, end = (number(item.get(f"{side}OffsetMillis"), 1000) for side in ("Begin", "End"))
                sure, role = number(item.get("Confidence")), label(turn.get("ParticipantRole"))
                yield Word(item["Content"], start, end, sure, n, role, kind=item["Type"])

    milliseconds = data.get("ConversationCharacteristics", {}).get("TotalConversationDurationMillis")
    return of_words(
        "amazon-transcribe-call-analytics",
        words(),
        source,
        name=str(data.get("JobName") or ""),
        language=label(data.get("LanguageCode")),
        duration=number(milliseconds, 1000),
        status=label(data.get("JobStatus")),
    )


def healthscribe(data: Any, source: str) -> Parsed:
    """HealthScribe's transcript: items in order of time, segments with the participant's role."""
    talk = data["Conversation"]
    segments = talk.get("TranscriptSegments") or []
    roles = [label((segment.get("ParticipantDetails") or {}).get("ParticipantRole")) for segment in segments]

    def words() -> Iterator[Word]:
        at = 0
        for item in talk["TranscriptItems"]:
            best, kind = item["Alternatives"][0], item["Type"].lower()
            start, end = number(item.get("BeginAudioTime")), number(item.get("EndAudioTime"))
            while (
                start is not None
                and kind != "punctuation"  # some marks have a time, of no meaning
                and at + 1 < len(segments)
                and float(segments[at + 1]["BeginAudioTime"]) <= start + 1e-6
            ):
                at += 1
            role = roles[at] if roles else None
            yield Word(best["Content"], start, end, number(best.get("Confidence")), at, role, kind=kind)

    name = str(talk.get("JobName") or talk.get("ConversationId") or "")
    return of_words(
        "amazon-healthscribe", words(), source, name=name, language=label(talk.get("LanguageCode"))
    )
