"""Whose result an event holds, and each service's results in the shape of Transcribe's."""

from collections.abc import Callable, Mapping
from typing import Any

TRANSCRIBE = "amazon-transcribe"
HEALTHSCRIBE = "amazon-healthscribe"
CONNECT_HEALTH = "amazon-connect-health"
CALL_ANALYTICS = "amazon-transcribe-call-analytics"
CONTACT_LENS = "amazon-connect-contact-lens"
LIVE_CALL = "amazon-live-call-analytics"
"""AWS's sample solution of that name, which streams Transcribe's segments to Kinesis."""


def service_of(data: Mapping[str, Any]) -> str | None:
    """Whose result it is, by its own keys."""
    if "ResultId" in data:
        return TRANSCRIBE
    if "BeginAudioTime" in data and "Content" in data:
        return HEALTHSCRIBE
    if "AudioBeginOffset" in data or {"SegmentId", "Content", "IsPartial"} <= data.keys():
        return CONNECT_HEALTH
    if "UtteranceId" in data:
        return CALL_ANALYTICS
    if "BeginOffsetMillis" in data and not {"Content", "PartialContent"}.isdisjoint(data):
        return CONTACT_LENS
    if {"SegmentId", "StartTime", "EndTime"} <= data.keys() and isinstance(data.get("Transcript"), str):
        return LIVE_CALL
    return None


def _renamed(data: Mapping[str, Any], per: float, begin: str, end: str) -> dict[str, Any]:
    """With the times under Transcribe's names, in seconds."""
    times = {"StartTime": data.get(begin), "EndTime": data.get(end)}
    rest = {key: value for key, value in data.items() if key not in (begin, end)}
    return rest | {key: value if per == 1 else scaled(value, per) for key, value in times.items()}


def _each_renamed(held: Any, per: float, begin: str, end: str) -> Any:
    """As `_renamed`, of each of a list; what is none is refused when it becomes a result."""
    if not isinstance(held, list | tuple):
        return held
    return [_renamed(one, per, begin, end) if isinstance(one, Mapping) else one for one in held]


def scaled(value: Any, per: float) -> Any:
    """A number divided; what is none stays, and is refused when it becomes a result."""
    try:
        return float(value) / per
    except (TypeError, ValueError, OverflowError):
        return value


def _result(data: Mapping[str, Any], name: Any, text: Any, **more: Any) -> dict[str, Any]:
    best = {"Transcript": text, "Items": data.get("Items"), "Entities": data.get("Entities")}
    kept = {key: data.get(key) for key in ("StartTime", "EndTime", "ChannelId", "LanguageCode")}
    partial = {"ResultId": str(name or ""), "IsPartial": bool(data.get("IsPartial"))}
    return kept | partial | {"Alternatives": [best]} | more


def _healthscribe(data: dict[str, Any]) -> dict[str, Any]:
    items = _each_renamed(data.get("Items"), 1, "BeginAudioTime", "EndAudioTime")
    segment = _renamed(data, 1, "BeginAudioTime", "EndAudioTime") | {"Items": items}
    return _result(segment, data.get("SegmentId"), data.get("Content"))


def _connect_health(data: dict[str, Any]) -> dict[str, Any]:
    segment = _renamed(data, 1, "AudioBeginOffset", "AudioEndOffset")
    return _result(segment, data.get("SegmentId"), data.get("Content"))


def _call_analytics(data: dict[str, Any]) -> dict[str, Any]:
    times = ("BeginOffsetMillis", "EndOffsetMillis")
    both = {key: _each_renamed(data.get(key), 1000, *times) for key in ("Items", "Entities")}
    utterance = _renamed(data, 1000, "BeginOffsetMillis", "EndOffsetMillis") | both
    role = data.get("ParticipantRole")
    return _result(utterance, data.get("UtteranceId"), data.get("Transcript"), Speaker=role)


def _contact_lens(data: dict[str, Any]) -> dict[str, Any]:
    """A turn; what is shown of it before (an utterance) is partial."""
    turn = _renamed(data, 1000, "BeginOffsetMillis", "EndOffsetMillis")
    role = data.get("ParticipantRole") or data.get("ParticipantId")
    partial = "PartialContent" in data
    text = data["PartialContent"] if partial else data["Content"]
    hidden = data.get("Redaction")
    hidden = hidden.get("RedactedTimestamps") if isinstance(hidden, Mapping) else None
    spans = [one for one in hidden if isinstance(one, Mapping)] if isinstance(hidden, list) else []
    spans = _each_renamed(spans, 1000, "BeginOffsetMillis", "EndOffsetMillis")
    turn["Entities"] = [span | {"Content": "[PII]", "Category": "PII"} for span in spans]
    return _result(turn, data.get("TranscriptId") or data.get("Id"), text, Speaker=role, IsPartial=partial)


def _live_call(data: dict[str, Any]) -> dict[str, Any]:
    channel = data.get("Channel")
    speaker = data.get("Speaker") or channel
    return _result(data, data["SegmentId"], data["Transcript"], ChannelId=channel, Speaker=speaker)


READ: dict[str, Callable[[dict[str, Any]], dict[str, Any]]] = {
    LIVE_CALL: _live_call,
    HEALTHSCRIBE: _healthscribe,
    CONNECT_HEALTH: _connect_health,
    CALL_ANALYTICS: _call_analytics,
    CONTACT_LENS: _contact_lens,
}
