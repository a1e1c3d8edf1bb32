"""What the events of AWS's streams say, whichever service, envelope or client wrote them.

An event is a result, in the shape that Transcribe's streams give it; or the exception that
ended the stream; or what was asked of the stream; or something that holds no words.

References
----------
https://docs.aws.amazon.com/transcribe/latest/APIReference/API_streaming_MedicalResult.html
https://docs.aws.amazon.com/transcribe/latest/APIReference/API_streaming_MedicalScribeTranscriptSegment.html
https://docs.aws.amazon.com/transcribe/latest/APIReference/API_streaming_UtteranceEvent.html
https://docs.aws.amazon.com/connecthealth/latest/APIReference/API_MedicalScribeTranscriptSegment.html
https://docs.aws.amazon.com/connect/latest/adminguide/contact-lens-real-time-event-data-model.html
"""

import json
import re
from collections.abc import Iterator, Mapping
from enum import Enum
from typing import Any, NamedTuple

from medtx.reading.aws.services import READ, TRANSCRIBE, scaled, service_of

ENVELOPES = (
    "TranscriptResultStream",
    "CallAnalyticsTranscriptResultStream",
    "MedicalScribeResultStream",
    "ResponseStream",
    "TranscriptEvent",
    "TranscriptSegment",
    "UtteranceEvent",
    "Utterance",
    "Segments",
    "Transcript",
    "Results",
)
"""Keys that hold results further in; the Java SDK and Connect Health write them small."""

WORDLESS = (
    "CategoryEvent",
    "Categories",
    "PostContactSummary",
    "ExtractedInformation",
    "AudioEvent",
    "SessionControlEvent",
    "ChecklistEvent",
    "PeriodontalChartEvent",
    "EventType",
)
"""Keys of events that are known to hold no words."""

_SETTINGS = {
    "Specialty": "specialty",
    "Type": "type",
    "LanguageCode": "language",
    "MediaSampleRateHertz": "sample_rate",
}


class Event(NamedTuple):
    place: str = ""
    arrival: float | None = None  # seconds
    sent: float | None = None  # seconds of audio that had been sent then
    session: str | None = None
    service: str | None = None  # whose result it is
    result: Any = None  # in the shape of Transcribe's
    failure: str | None = None
    asked: Mapping[str, Any] | None = None  # settings of the stream; it begins here
    end: Mapping[str, Any] | None = None  # how the stream ended: the last line of a record of medtx
    unknown: bool = False


def is_event(data: Any) -> bool:
    """Whether ``data`` looks like an event, or a list of events, of a stream."""
    if isinstance(data, list):  # of events: a list of lists is several streams
        return bool(data) and not isinstance(data[0], list) and is_event(data[0])
    if not isinstance(data, Mapping):
        return is_object(data)
    if "data" in data:
        return "t" in data or is_event(data["data"])
    return service_of(keys := _capital(data)) is not None or _is_envelope(keys) or failure(data) is not None


def _is_envelope(data: Mapping[str, Any]) -> bool:
    if "medtx" in data or _settings(data) is not None:
        return "results" not in data
    if isinstance(held := data.get("Transcript"), Mapping):
        return "Results" in _capital(held) or is_event(held)
    if "Results" in data:
        return isinstance(data["Results"], list)
    if "Segments" in data:
        return bool(data["Segments"]) and is_event(data["Segments"])
    own = {"Transcript", "Results", "Segments", "Utterance", "ResponseStream", "TranscriptSegment"}
    return not ({*ENVELOPES, *WORDLESS, "ConfigurationEvent"} - own).isdisjoint(data) or any(
        isinstance(data.get(key), Mapping) and is_event(data[key]) for key in own
    )


def is_object(data: Any) -> bool:
    """Whether it is an event of an SDK; aws-sdk-transcribe-streaming has a ``value`` around it."""
    if isinstance(data, BaseException):
        return type(data).__name__.endswith("Exception")
    if _is_unknown(data):
        return True
    data = getattr(data, "value", data)
    known = ("transcript", "result_id", "transcript_segment", "utterance_id", "matched_categories")
    if isinstance(data, BaseException):
        return type(data).__name__.endswith("Exception")
    return hasattr(data, "__dict__") and any(hasattr(data, name) for name in known)


def _is_unknown(data: Any) -> bool:
    """An event of aws-sdk-transcribe-streaming whose kind that version does not know."""
    return bool(re.fullmatch(r"\w+StreamUnknown", type(data).__name__)) and hasattr(data, "tag")


def _plain(data: Any) -> Any:
    """An SDK's object as the protocol's JSON."""
    if isinstance(data, list):
        return [_plain(one) for one in data]
    if isinstance(data, Enum):
        return data.value
    if isinstance(data, str) or not hasattr(data, "__dict__"):
        return data
    return {
        "Type" if key == "item_type" else key.title().replace("_", ""): _plain(value)
        for key, value in vars(data).items()
    }


_NOWHERE = Event()


def events(data: Any, at: Event = _NOWHERE) -> Iterator[Event]:
    """Each event, with its place in the file."""
    if isinstance(data, list):
        for i, one in enumerate(data):
            yield from events(one, at._replace(place=f"{at.place}[{i}]"))
    elif not isinstance(data, Mapping):
        yield from _of_object(data, at)
    elif "ResultId" in data:
        yield at._replace(service=TRANSCRIBE, result=dict(data), session=_session(data) or at.session)
    elif "data" in data:
        at = at._replace(arrival=_seconds(data.get("t"), at.arrival), sent=_seconds(data.get("sent")))
        at = at._replace(session=_session(data) or at.session)
        if isinstance(own := data.get("medtx"), Mapping):
            yield at._replace(end=own) if "end" in own else at._replace(asked={**own, "medtx": True})
        yield from events(data["data"], at._replace(place=f"{at.place}.data"))
    else:
        yield from _event(data, at)


def _of_object(data: Any, at: Event) -> Iterator[Event]:
    held = getattr(data, "value", data)
    if isinstance(held, BaseException):
        said = str(getattr(held, "message", None) or held)
        yield at._replace(failure=_told(type(held).__name__, said))
    elif _is_unknown(data):
        yield at._replace(unknown=True)
    elif is_object(data):
        yield from events(_plain(held), at)
    else:
        yield at._replace(service=TRANSCRIBE, result=data)


def _event(given: Mapping[str, Any], at: Event) -> Iterator[Event]:
    at = at._replace(session=_session(given) or at.session)
    data = _capital(given)
    if (service := service_of(data)) is not None:
        held = _deep(given)
        yield at._replace(service=service, result=READ[service](held) if service in READ else held)
        return
    found = False
    if (settings := _settings(data)) is not None:
        found = True
        yield at._replace(asked=settings)
    for key, name in zip(data, given):
        held = data[key]
        if key in ENVELOPES and isinstance(held, Mapping | list):
            found = True
            yield from events(held, at._replace(place=f"{at.place}.{name}"))
        elif key.endswith("Exception") and (held or len(data) == 1):  # the guides show empty ones beside
            found = True
            yield at._replace(failure=_told(key, _message(held)))
    if not found and (said := failure(given)) is not None:
        found = True
        yield at._replace(failure=said)
    if not found and data and not any(key in WORDLESS for key in data):
        complete = {"ResultId", "StartTime", "EndTime"} & set(data)
        yield at._replace(service=TRANSCRIBE, result=dict(given)) if complete else at._replace(unknown=True)


def _capital(data: Mapping[str, Any]) -> dict[str, Any]:
    return {str(key)[:1].upper() + str(key)[1:]: value for key, value in data.items()}


def _deep(data: Any) -> Any:
    if isinstance(data, list):
        return [_deep(one) for one in data]
    if isinstance(data, Mapping):
        return {key: _deep(value) for key, value in _capital(data).items()}
    return data


def _seconds(milliseconds: Any, otherwise: float | None = None) -> float | None:
    number = isinstance(milliseconds, int | float) and 0 <= milliseconds < 1e15
    return milliseconds / 1000 if number else otherwise


def _session(data: Mapping[str, Any]) -> str | None:
    names = ("SessionId", "sessionId", "x-amzn-transcribe-session-id", "ContactId", "CallId")
    return next((data[key] for key in names if isinstance(data.get(key), str) and data[key]), None)


def _settings(data: Mapping[str, Any]) -> dict[str, Any] | None:
    """What the answer to the start of a stream repeats, as an SDK's object or as HTTP headers."""
    headers = {
        "Specialty": "specialty",
        "Type": "type",
        "LanguageCode": "language-code",
        "MediaSampleRateHertz": "sample-rate",
    }
    start = "X-amzn-transcribe-"
    begun = {key: data.get(key, data.get(f"{start}{name}")) for key, name in headers.items()}
    session = f"{start}session-id" in data or "SessionId" in data
    opens = begun["MediaSampleRateHertz"] is not None and (session or "RequestId" in data)
    roles = data.get("ConfigurationEvent", data)
    roles = _deep(roles).get("ChannelDefinitions") if isinstance(roles, Mapping) else None
    if not opens and not roles:
        return None
    asked: dict[str, Any] = {
        _SETTINGS[key]: value
        for key, value in begun.items()
        if isinstance(value, str | int | float) and opens
    }
    if isinstance(roles, list):
        named = [
            one for one in roles if isinstance(one, Mapping) and isinstance(one.get("ParticipantRole"), str)
        ]
        asked["roles"] = {str(one.get("ChannelId")): one["ParticipantRole"] for one in named}
    if "sample_rate" in asked and not isinstance(rate := scaled(asked["sample_rate"], 1), float):
        del asked["sample_rate"]
    elif "sample_rate" in asked:
        asked["sample_rate"] = rate
    return asked | ({"begins": True} if opens else {})


# The exceptions that end a stream, as clients keep them.


def _told(code: str, message: str) -> str:
    code = code[:1].upper() + code[1:]
    return f"{code}: {message}" if message else code


def _message(held: Any) -> str:
    if isinstance(held, Mapping):
        return str(held.get("Message") or held.get("message") or "")
    return held if isinstance(held, str) else ""


_CODES = (":exception-type", ":error-code", "__type", "Type", "type", "name", "code", "Code", "errorType")
"""Keys that hold an exception's name: headers of a message, and what SDKs make of it."""


def failure(data: Mapping[str, Any]) -> str | None:
    """The exception that an object tells of, with its message; None if it tells of none."""
    exceptions = [key for key in data if isinstance(key, str) and key.endswith("Exception")]
    if len(exceptions) == 1 and len(data) == 1:
        return _told(exceptions[0], _message(data[exceptions[0]]))
    if exceptions:
        return next((_told(key, _message(data[key])) for key in exceptions if data[key]), None)
    headers = data.get("headers", data)
    headers = headers if isinstance(headers, Mapping) else data
    message = _message(data) or _message(_body(data))
    for key in (
        ":exception-type",
        ":error-code",
        "__type",
        "Type",
        "type",
        "name",
        "code",
        "Code",
        "errorType",
    ):
        code = headers.get(key, data.get(key))
        code = code.get("value") if isinstance(code, Mapping) else code
        if isinstance(code, str) and _is_exception(code := code.split("#")[-1].split(":")[0]):
            return _told(
                code, message or str(data.get("errorMessage") or headers.get(":error-message") or "")
            )
    for key in ("Error", "error"):
        if isinstance(inner := data.get(key), Mapping) and (told := failure(inner)) is not None:
            return told
    return None


def _is_exception(code: str) -> bool:
    return code.endswith("Exception") and code.isidentifier()


def _body(data: Mapping[str, Any]) -> Any:
    """What a message of the event stream holds, as an object or as JSON text."""
    held = data.get("body", data.get("payload"))
    try:
        return json.loads(held) if isinstance(held, str) else held
    except ValueError:
        return held
