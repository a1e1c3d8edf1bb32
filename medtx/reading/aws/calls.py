"""Turns of a call: Transcribe Call Analytics' result, and the files of Connect's Contact Lens.

References
----------
https://docs.aws.amazon.com/transcribe/latest/dg/tca-output-batch.html
https://docs.aws.amazon.com/connect/latest/adminguide/contact-lens-example-output-files.html
"""

import re
from collections.abc import Iterator, Mapping
from typing import Any

from medtx.errors import ReadError
from medtx.reading.aws.common import (
    REDACTED,
    Entity,
    completed,
    hidden,
    is_list_of,
    label,
    mark,
    number,
    tell_left_out,
)
from medtx.reading.aws.services import CALL_ANALYTICS, CONTACT_LENS
from medtx.reading.build import Parsed, Word, of_words


def fits(data: Any) -> bool:
    if not isinstance(data, Mapping) or not is_list_of(data.get("Transcript"), "Content"):
        return False
    own = {"JobName", "JobStatus", "Participants", "ContentMetadata", "ConversationCharacteristics"}
    return not own.isdisjoint(data)


def read(data: Any, source: str) -> Parsed:
    """Words with times and confidences in Call Analytics; in Contact Lens only turns have times."""
    turns = data["Transcript"]
    if data.get("Channel") == "CHAT" or any("AbsoluteTime" in turn for turn in turns):
        raise ReadError(source, "this is Contact Lens' transcript of a chat: nothing was spoken", "Channel")
    analytics = "JobName" in data or any("Items" in turn for turn in turns)
    roles = {
        who["ParticipantId"]: who.get("ParticipantRole")
        for who in data.get("Participants") or ()
        if "ParticipantId" in who
    }
    speakers = [_speaker(turn, roles) for turn in turns]
    words: list[Word] = []
    missing = 0
    for n, (turn, speaker) in enumerate(zip(turns, speakers)):
        # Call Analytics takes recordings in which each participant is on a channel of their own.
        one = Word("", segment=n, speaker=speaker, channel=speaker if analytics else None)
        items = list(_items(turn, one))
        whole = list(completed(items, turn.get("Content"), one))
        missing += len(whole) - len(items) if items else 0
        words += whole
    tell_left_out(missing, source)
    about = data.get("ConversationCharacteristics") or {}
    parsed = of_words(
        CALL_ANALYTICS if analytics else CONTACT_LENS,
        words,
        source,
        name=_name(data),
        language=label(data.get("LanguageCode")),
        duration=number(about.get("TotalConversationDurationMillis"), 1000),
        status=label(data.get("JobStatus")),
        times=[_times(turn) for turn in turns],
    )
    output = str((data.get("ContentMetadata") or {}).get("Output"))
    parsed.recording["redacted"] = output.lower() == "redacted"
    spans = [span for turn in turns for span in _spans(turn)]
    return mark(parsed, spans, [hidden(word.content) for word in words])


def _name(data: Mapping[str, Any]) -> str:
    contact = data.get("CustomerMetadata") or {}
    return str(data.get("JobName") or contact.get("ContactId") or "")


def _speaker(turn: Mapping[str, Any], roles: Mapping[str, Any]) -> str | None:
    """The role; or the participant, where several have the same role or none has one."""
    who = str(turn.get("ParticipantId") or "")
    role = turn.get("ParticipantRole") or roles.get(who)
    alone = list(roles.values()).count(role) < 2
    return label(role if role and alone else who or role)


def _times(one: Mapping[str, Any]) -> tuple[float | None, float | None]:
    return number(one.get("BeginOffsetMillis"), 1000), number(one.get("EndOffsetMillis"), 1000)


def _items(turn: Mapping[str, Any], one: Word) -> Iterator[Word]:
    for item in turn.get("Items") or ():
        start, end = _times(item)
        sure = number(item.get("Confidence"))
        kind = str(item.get("Type") or "pronunciation").lower()
        yield one._replace(content=item["Content"], start=start, end=end, confidence=sure, kind=kind)


def _spans(turn: Mapping[str, Any]) -> Iterator[Entity]:
    """What was redacted, with its times: those of its item, or those that the turn lists in order."""
    for item in turn.get("Items") or ():
        if REDACTED.fullmatch(str(item["Content"])):
            kinds = [r.get("Type") or r.get("Category") for r in item.get("Redactions") or ()]
            for kind in kinds or [item["Content"].strip("[]")]:
                yield Entity(item["Content"], kind or "PII", *_times(item), None)
    listed = (turn.get("Redaction") or {}).get("RedactedTimestamps") or ()
    named = re.findall(r"\[[A-Z_]+\]", turn.get("Content") or "")
    if not turn.get("Items"):
        for n, one in enumerate(listed):
            what = named[n] if len(named) == len(listed) else "[PII]"
            yield Entity(what, what.strip("[]"), *_times(one), None)
