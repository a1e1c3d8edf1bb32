"""One medical stream, whichever transport carries it: frames of audio in, events out."""

import asyncio
import json
import re
import uuid
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from botocore.eventstream import EventStreamBuffer, ParserError

from medtx.engines.frames import encode
from medtx.engines.models.custom import Entry
from medtx.service.beside import add_to_event
from medtx.service.engines import Engine, Live
from medtx.service.faults import Dice, Quotas
from medtx.service.protocol import Refused, bad_request
from medtx.service.signing import Chain
from medtx.specialties import SPECIALTIES, TYPES

NAME = "StartMedicalStreamTranscription"
_ENCODINGS = ("pcm", "ogg-opus", "flac")
Receive = Callable[[], Awaitable[bytes | None]]
Send = Callable[[bytes], Awaitable[None]]


class Cut(Exception):
    """The connection is to break off here."""


@dataclass(frozen=True)
class Asked:
    """The settings of a stream."""

    specialty: str
    rate: int
    session: str
    channels: int
    speakers: bool
    phi: bool
    vocabulary: str | None
    echo: tuple[tuple[str, str], ...]  # what the answer's headers repeat


def asked(given: Mapping[str, str]) -> Asked:
    """By the names of the WebSocket's query, which are the endings of HTTP/2's headers. Raises `Refused`."""
    _one_of(given, "language-code", ("en-US",))
    _one_of(given, "specialty", tuple(SPECIALTIES))
    _one_of(given, "type", TYPES)
    _one_of(given, "media-encoding", _ENCODINGS)
    if given["media-encoding"] != "pcm":
        raise bad_request("medtx serve takes media-encoding pcm only: it would have to unpack the others.")
    rate = given.get("sample-rate", "")
    if not rate.isdigit() or not 16_000 <= int(rate) <= 48_000:
        raise _invalid("sample-rate", "have value between 16000 and 48000")
    session = given.get("session-id") or str(uuid.uuid4())
    if not re.fullmatch(r"[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}", session):
        raise _invalid("session-id", "be a UUID of 36 characters")
    speakers, split = _flag(given, "show-speaker-label"), _flag(given, "enable-channel-identification")
    if speakers and split:
        raise bad_request("You can't set both show-speaker-label and enable-channel-identification.")
    if given.get("number-of-channels", "2") != "2":
        raise _invalid("number-of-channels", "have value 2")
    if split != ("number-of-channels" in given):
        raise bad_request("enable-channel-identification and number-of-channels go together.")
    if "content-identification-type" in given:
        _one_of(given, "content-identification-type", ("PHI",))
    echo = {**given, "session-id": session}
    return Asked(
        specialty=given["specialty"],
        rate=int(rate),
        session=session,
        channels=2 if split else 1,
        speakers=speakers,
        phi="content-identification-type" in given,
        vocabulary=given.get("vocabulary-name"),
        echo=tuple((f"x-amzn-transcribe-{name}", value) for name, value in echo.items()),
    )


def _one_of(given: Mapping[str, str], name: str, allowed: tuple[str, ...]) -> None:
    if given.get(name) not in allowed:
        raise _invalid(name, f"satisfy enum value set: [{', '.join(allowed)}]")


def _flag(given: Mapping[str, str], name: str) -> bool:
    value = given.get(name, "false").lower()
    if value not in ("true", "false"):
        raise _invalid(name, "be true or false")
    return value == "true"


def _invalid(name: str, must: str) -> Refused:
    return bad_request(
        f"1 validation error detected: Value at '{name}' failed to satisfy constraint: Member must {must}"
    )


def exception_frame(refused: Refused) -> bytes:
    headers = {":message-type": "exception", ":exception-type": refused.code}
    body = json.dumps({"Message": refused.message}).encode()
    return encode(headers | {":content-type": "application/json"}, body)


def event_frame(event: dict[str, Any]) -> bytes:
    headers = {":message-type": "event", ":event-type": "TranscriptEvent"}
    return encode(headers | {":content-type": "application/json"}, json.dumps(event).encode())


class Streams:
    """Those that are under way."""

    def __init__(self, engine: Engine, quotas: Quotas, phrases: Callable[[str], tuple[Entry, ...]]) -> None:
        self.engine, self.quotas, self.phrases = engine, quotas, phrases
        self._tasks: dict[str, asyncio.Task[Any]] = {}

    async def run(self, asked: Asked, dice: Dice, chain: Chain | None, receive: Receive, send: Send) -> None:
        """Answers until the audio ends. Raises `Refused`, and `Cut` for a connection that is to break.

        ``chain`` checks the frames' signatures, where they have any.
        """
        if (before := self._tasks.get(asked.session)) is not None:
            before.cancel()  # the service, too, lets the second one live
        elif len(self._tasks) >= self.quotas.streams:
            raise Refused("LimitExceededException", "You have too many streams. Try again later.")
        mine = asyncio.current_task()
        assert mine is not None
        self._tasks[asked.session] = mine
        try:
            await self._answer(asked, dice, _Audio(receive, chain, asked, self.quotas), send)
        except asyncio.CancelledError:
            if self._tasks.get(asked.session) is mine:
                raise  # the server stops
            mine.uncancel()
            message = "A new stream started with the same session ID. The current stream has been terminated."
            raise Refused("ConflictException", message) from None
        finally:
            if self._tasks.get(asked.session) is mine:
                del self._tasks[asked.session]

    async def _answer(self, asked: Asked, dice: Dice, audio: "_Audio", send: Send) -> None:
        cut = dice.drop()
        phrases = self.phrases(asked.vocabulary) if asked.vocabulary else ()
        lives = [self.engine.live(asked.rate, asked.specialty, phrases) for _ in range(asked.channels)]

        async def pass_on(step: Callable[[Live, Any], Any], blocks: Any) -> None:
            for channel, (live, block) in enumerate(zip(lives, blocks)):
                events = iter(await asyncio.to_thread(step, live, block))
                while (event := await asyncio.to_thread(next, events, None)) is not None:
                    if dice.faults.slow:
                        await asyncio.sleep(dice.faults.slow)
                    made = _marked(event, asked, channel)
                    await send(dice.spoil(event_frame(made)))

        count = 0
        while (samples := await audio.next()) is not None:
            if count == cut:
                raise Cut
            count += 1
            await pass_on(lambda live, block: live.feed(block), samples)
        await pass_on(lambda live, _: live.close(), lives)


def _marked(event: dict[str, Any], asked: Asked, channel: int) -> dict[str, Any]:
    """What was asked for beside the words: channel, speaker, PHI."""
    results = []
    for result in event["Transcript"]["Results"]:
        result = add_to_event(result, asked.speakers, asked.phi)
        if asked.channels > 1:
            own = str(uuid.uuid5(uuid.NAMESPACE_OID, f"{result['ResultId']}/{channel}"))
            result = result | {"ChannelId": f"ch_{channel}", "ResultId": own}
        results.append(result)
    return {"Transcript": {"Results": results}}


class _Audio:
    """Audio out of frames, as the channels' samples."""

    def __init__(self, receive: Receive, chain: Chain | None, asked: Asked, quotas: Quotas) -> None:
        self._receive, self._chain, self._quotas = receive, chain, quotas
        self._width = 2 * asked.channels
        self._rate, self._channels = asked.rate, asked.channels
        self._frames = EventStreamBuffer()
        self._rest = b""
        self._heard = 0

    async def next(self) -> np.ndarray | None:
        """The samples of one frame, of shape (channels, n); None at the end. Raises `Refused`."""
        while True:
            try:
                message = next(self._frames, None)
                if message is not None:
                    return self._samples(self._payload(message))
                async with asyncio.timeout(self._quotas.silence):
                    data = await self._receive()
            except TimeoutError:
                raise bad_request(
                    "Your request timed out because no new audio was received for "
                    f"{self._quotas.silence:g} seconds."
                ) from None
            except (ParserError, UnicodeDecodeError, KeyError, ValueError, OverflowError):
                raise bad_request("The event stream frame can't be decoded.") from None
            if data is None:
                raise Cut  # the client has gone
            self._frames.add_data(data)

    def _payload(self, message: Any) -> bytes:
        """What an audio event holds, out of the signed frame around it."""
        payload: bytes = message.payload
        if ":chunk-signature" in message.headers:
            if self._chain:
                self._chain.check(message.headers[":date"], message.headers[":chunk-signature"], payload)
            if not payload:
                return b""
            inner = EventStreamBuffer()
            inner.add_data(payload)
            message = next(inner)
        elif self._chain:
            raise Refused("InvalidSignatureException", "The frame is not signed.", 403)
        if message.headers.get(":event-type") != "AudioEvent":
            raise bad_request("The frame is not an AudioEvent.")
        held: bytes = message.payload
        return held

    def _samples(self, payload: bytes) -> np.ndarray | None:
        if not payload:
            return None
        if len(payload) > self._width * self._rate:
            raise bad_request("The audio of one frame is longer than 1 second.")
        data = self._rest + payload
        whole = len(data) - len(data) % self._width
        self._rest = data[whole:]
        samples = np.frombuffer(data[:whole], "<i2").reshape(-1, self._channels).T
        self._heard += samples.shape[1]
        if self._heard > self._quotas.stream_seconds * self._rate:
            raise bad_request(f"Your stream is too long: {self._quotas.stream_seconds:g} seconds at most.")
        return samples
