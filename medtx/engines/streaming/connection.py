"""What a transport of Transcribe Medical's streams is: where it goes, what is asked, how it fails."""

import json
import os
import re
import ssl
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any, NamedTuple, Protocol
from urllib.parse import urlsplit

from medtx.aws import Unusable, checked_endpoint, told
from medtx.engines.medical import TranscribeMedical
from medtx.errors import InputError, MedtxError, optional, reason, shown

DOING = "Transcribe Medical, stream"
CONNECTING = 8.0
"""Seconds to wait for a connection."""
SENDING = 30.0
"""Seconds to wait until a frame is on its way."""
PING, PONG = 15.0, 20.0
"""Seconds between two pings, and to wait for the answer to one: so a cut cable is noticed in 35."""
NOTHING: Mapping[str, Any] = {"Transcript": {"Results": []}}
"""An event without results."""


class Dropped(Exception):
    """The connection broke, or the service asks to try again: the stream goes on over a new one."""


class Connection(Protocol):
    """One session of the service. Each method raises `Dropped`, or `MedtxError` for what is final."""

    async def send(self, audio: bytes) -> None: ...

    async def end(self) -> None:
        """No more audio comes."""

    async def receive(self) -> dict[str, Any] | None:
        """The next event, ``{"Transcript": {"Results": [...]}}``; None when the service has ended."""

    async def close(self) -> None: ...


@dataclass(frozen=True)
class Asked:
    """What a session is asked, the same over each transport."""

    specialty: str
    type: str
    rate: int
    channels: int
    service: TranscribeMedical

    def parameters(self, session: str) -> dict[str, str]:
        """By their names in a WebSocket's query, which are the ends of HTTP/2's headers."""
        asked = {
            "language-code": "en-US",
            "media-encoding": "pcm",
            "sample-rate": str(self.rate),
            "specialty": self.specialty,
            "type": self.type,
            "session-id": session,
        }
        if self.service.vocabulary:
            asked["vocabulary-name"] = self.service.vocabulary
        if self.service.speakers:
            asked["show-speaker-label"] = "true"
        if self.channels == 2:
            asked |= {"enable-channel-identification": "true", "number-of-channels": "2"}
        if self.service.phi:
            asked["content-identification-type"] = "PHI"
        return asked


class Account(NamedTuple):
    credentials: Any  # botocore's
    region: str


def account(service: TranscribeMedical) -> Account:
    """Raises `MedtxError` where there are no credentials, or no region."""
    boto3, exceptions = optional("boto3", "streaming"), optional("botocore.exceptions", "streaming")
    failed = None
    try:
        session = boto3.Session(profile_name=service.profile, region_name=service.region)
        found = session.get_credentials()
        if not found:
            raise exceptions.NoCredentialsError
        if not session.region_name:
            raise exceptions.NoRegionError
        credentials = found.get_frozen_credentials()
    except Exception as error:
        failed = error
    if failed is not None:
        raise told(failed, DOING)
    if not re.fullmatch(r"[a-z]{2,3}(-[a-z]+)+-\d+", session.region_name):
        raise InputError(f"region={session.region_name!r} is not the name of a region, such as us-east-1")
    return Account(credentials, session.region_name)


def address(service: TranscribeMedical, region: str, scheme: str, port: str) -> str:
    """Where the streams go: ``scheme`` is "ws" or "http", with an s behind it unless it is this machine."""
    given = service.streaming_url or service.endpoint_url
    if given is None:
        return f"{scheme}s://transcribestreaming.{region}.amazonaws.com{port}"
    # the local endpoint has one port for http and WebSockets
    url = re.sub(r"^(ws|http)(?=s?://)", "http", given)
    checked_endpoint(url)
    return re.sub(r"^http", scheme, url).rstrip("/")


def authority() -> str | None:
    """The certificates to trust beside the system's, where AWS's programs find them, too."""
    return os.environ.get("AWS_CA_BUNDLE") or None


def trust() -> ssl.SSLContext:
    """Raises `Unusable` for an AWS_CA_BUNDLE that holds no certificates."""
    try:
        return ssl.create_default_context(cafile=authority())
    except OSError as error:  # which SSLError is, too
        problem = "no certificates in it" if isinstance(error, ssl.SSLError) else reason(error)
        raise Unusable(f"{DOING}: AWS_CA_BUNDLE={authority()}: {problem}") from None


def untrusted(url: str) -> Unusable:
    return Unusable(
        f"{DOING}: the certificate of {place(url)} is not trusted: name the authority that signed it in "
        "AWS_CA_BUNDLE"
    )


def place(url: str) -> str:
    return urlsplit(url).netloc.rpartition("@")[2]


def event(headers: Mapping[str, Any], payload: bytes) -> dict[str, Any]:
    """What a message of the service holds; raises what an exception in it means.

    A message of another kind, or one that cannot be read, holds no results: ``"odd"`` says what it is.
    """
    kind, name = headers.get(":message-type"), str(headers.get(":event-type") or "unknown")
    if kind in ("exception", "error"):
        code = str(headers.get(":exception-type") or headers.get(":error-code") or "unknown error")
        raise failure(code, _said(payload).get("message", ""), 400)
    if kind != "event" or name != "TranscriptEvent":
        return {**NOTHING, "odd": f"an event of the type {shown([name]) or 'unknown'}"}
    try:
        results = json.loads(payload)["Transcript"].get("Results") or []
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return {**NOTHING, "odd": "an event that cannot be read"}
    return {"Transcript": {"Results": results}}


def _wrong_by(date: str | None) -> int:
    """How many minutes this machine's clock differs from that; 0 where it is less than a signature allows."""
    try:
        seconds = abs((parsedate_to_datetime(date or "") - datetime.now(UTC)).total_seconds())
    except (TypeError, ValueError):
        return 0
    return round(seconds / 60) if seconds > 240 else 0


def _said(body: bytes) -> dict[str, str]:
    """What the body of a refusal or an exception holds, by names in small letters."""
    try:
        return {name.lower(): str(value or "") for name, value in json.loads(body).items()}
    except (ValueError, AttributeError):
        return {}


def refusal(headers: Mapping[str, str], status: int, body: bytes) -> Dropped | MedtxError:
    """What the answer means that came instead of a stream."""
    said = _said(body)
    code = headers.get("x-amzn-errortype") or said.get("__type", "")
    return failure(code, said.get("message", ""), status, headers.get("date"))


_AGAIN = {
    "LimitExceededException",
    "InternalFailureException",
    "ServiceUnavailableException",
    "ThrottlingException",
    "TooManyRequestsException",
}


def failure(code: str, message: str, status: int, date: str | None = None) -> Dropped | MedtxError:
    """What the service's exception means: try again, or one clear sentence.

    ``date`` is the service's own clock, as HTTP writes it: a signature of another time is refused.
    The message is quoted: requests and answers of streams that fail hold no text.
    """
    code = re.split(r"[:#]", code)[-1 if "#" in code else 0] or "unknown error"
    if code in _AGAIN or status == 429 or status >= 500 or "no new audio was received" in message:
        return Dropped(f"{code}: {message[:300]}" if message else code)
    if status == 403 and (minutes := _wrong_by(date)):
        return Unusable(
            f"{DOING}: the clock of this machine is wrong: it differs by {minutes} minutes from the service's"
        )
    client_error = optional("botocore.exceptions", "streaming").ClientError
    answer = {"Error": {"Code": code, "Message": message}, "ResponseMetadata": {"HTTPStatusCode": status}}
    return told(client_error(answer, "stream"), DOING, quoted=True)
