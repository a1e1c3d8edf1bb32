"""HealthScribe's two files: the transcript, and the clinical document with its evidence.

References
----------
https://docs.aws.amazon.com/transcribe/latest/dg/health-scribe-transcript.html
https://docs.aws.amazon.com/transcribe/latest/dg/health-scribe-insights.html
"""

from collections.abc import Mapping
from typing import Any

from medtx.errors import ReadError
from medtx.reading.aws.common import completed, label, number, tell_left_out
from medtx.reading.build import Parsed, Word, of_words

ENGINE = "amazon-healthscribe"
NO_TRANSCRIPT = "NO_TRANSCRIPT"
"""Status of a recording of which only the clinical document was read."""


def fits(data: Any) -> bool:
    return isinstance(data, Mapping) and (_is_transcript(data) or _is_document(data))


def _is_transcript(data: Mapping[str, Any]) -> bool:
    held = data.get("Conversation")
    return isinstance(held, Mapping) and not {"TranscriptItems", "TranscriptSegments"}.isdisjoint(held)


def _is_document(data: Mapping[str, Any]) -> bool:
    held = data.get("ClinicalDocumentation")
    return isinstance(held, Mapping) and "Sections" in held


def read(data: Any, source: str) -> list[Parsed]:
    """The recording; and the notes of its clinical document, which the builder adds to it."""
    made = []
    if _is_transcript(data):
        made.append(_transcript(data["Conversation"], source))
    if _is_document(data):
        made.append(_document(data["ClinicalDocumentation"], source))
    return made


def _transcript(talk: Mapping[str, Any], source: str) -> Parsed:
    """Items come in order of time; segments have the participant's role."""
    segments = talk.get("TranscriptSegments") or []
    items = _by_segment(talk.get("TranscriptItems") or [], segments)
    words: list[Word] = []
    for n, held in enumerate(items):
        role = _role(segments[n]) if segments else None
        text = segments[n].get("Content") if segments else None
        one = Word("", segment=n, speaker=role)
        words += completed([word._replace(speaker=role) for word in held], text, one)
    tell_left_out(len(words) - sum(map(len, items)), source)
    spoken = {word.segment for word in words}
    kept = [n for n in range(len(segments)) if n in spoken]
    parsed = of_words(
        ENGINE,
        words,
        source,
        name=str(talk.get("JobName") or talk.get("ConversationId") or ""),
        language=label(talk.get("LanguageCode")),
        status="COMPLETED",
        times=[(number(s.get("BeginAudioTime")), number(s.get("EndAudioTime"))) for s in segments],
    )
    parsed.ids = tuple(str(segments[n].get("SegmentId") or "") for n in kept)
    parsed.session = label(talk.get("SessionId"))
    return parsed


def _role(segment: Mapping[str, Any]) -> str | None:
    return label((segment.get("ParticipantDetails") or {}).get("ParticipantRole"))


def _by_segment(items: list[Any], segments: list[Any]) -> list[list[Word]]:
    """The words of each segment; marks follow their word, as some of their times mean nothing."""
    found: list[list[Word]] = [[] for _ in segments or [None]]
    at = 0
    for item in items:
        best, kind = item["Alternatives"][0], str(item.get("Type") or "pronunciation").lower()
        start, end = number(item.get("BeginAudioTime")), number(item.get("EndAudioTime"))
        while (
            start is not None
            and kind != "punctuation"
            and at + 1 < len(segments)
            and float(segments[at + 1]["BeginAudioTime"]) <= start + 1e-6
        ):
            at += 1
        found[at].append(Word(best["Content"], start, end, number(best.get("Confidence")), at, kind=kind))
    return found


def _document(held: Mapping[str, Any], source: str) -> Parsed:
    """A row for each sentence and segment that it rests on; one for a sentence without evidence."""
    notes: dict[str, list[Any]] = {"section": [], "sentence": [], "text": [], "evidence": []}
    count = 0
    for n, section in enumerate(held["Sections"] or ()):
        if not isinstance(section.get("Summary") or [], list):
            raise ReadError(source, "expected a list", f"ClinicalDocumentation.Sections[{n}].Summary")
        for sentence in section.get("Summary") or ():
            links = [str(link["SegmentId"]) for link in sentence.get("EvidenceLinks") or ()]
            for link in links or [None]:  # type: ignore[list-item]
                row = (section.get("SectionName"), count, sentence.get("SummarizedSegment") or "", link)
                for column, value in zip(notes.values(), row, strict=True):
                    column.append(value)
            count += 1
    known = {"engine": ENGINE, "mode": "batch", "status": NO_TRANSCRIPT, "duration": 0.0}
    return Parsed(known, {"notes": notes}, document=True, session=label(held.get("SessionId")))
