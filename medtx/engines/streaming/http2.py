"""Streams over HTTP/2, by h2: it can use port 443, where others are blocked. Each frame of audio is signed.

The frames' signatures: a message around each audio event, signed over the signature before it.

References
----------
https://docs.aws.amazon.com/transcribe/latest/dg/streaming-setting-up.html#streaming-http2
"""

import asyncio
import hashlib
import ssl
from contextlib import suppress
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlsplit

from medtx.aws import Unusable
from medtx.engines import frames
from medtx.engines.streaming.connection import (
    CONNECTING,
    DOING,
    PING,
    PONG,
    SENDING,
    Account,
    Asked,
    Dropped,
    account,
    address,
    event,
    place,
    refusal,
    trust,
    untrusted,
)
from medtx.errors import MedtxError, optional

PATH = "/medical-stream-transcription"
_LONGEST_ANSWER = 65_536
"""Bytes of an answer that refuses the stream."""
_STAMP = "%Y%m%dT%H%M%SZ"


async def connect(asked: Asked, session: str) -> "HTTP2":
    """Raises `Dropped` where another try may help, and `MedtxError` where it would not."""
    optional("h2", "http2")
    who = account(asked.service)
    url = address(asked.service, who.region, "http", "")
    if not url.startswith("https://"):
        raise Unusable(
            f"{DOING}: HTTP/2 needs an https:// address, not {place(url)}: name it as streaming_url"
        )
    headers = {"content-type": "application/vnd.amazon.eventstream"} | {
        f"x-amzn-transcribe-{name}": value for name, value in asked.parameters(session).items()
    }
    signed = Signed(who, url + PATH, headers)
    context = trust()
    context.set_alpn_protocols(["h2"])
    where = urlsplit(url)
    made: HTTP2 | None = None
    try:
        async with asyncio.timeout(CONNECTING):
            reader, writer = await asyncio.open_connection(where.hostname, where.port or 443, ssl=context)
            if writer.get_extra_info("ssl_object").selected_alpn_protocol() != "h2":
                writer.transport.abort()
                raise Unusable(f"{DOING}: {place(url)} does not speak HTTP/2: use transport='websocket'")
            made = HTTP2(reader, writer, signed)
            await made.open(place(url))
    except ssl.SSLCertVerificationError:
        raise untrusted(url) from None
    except (OSError, TimeoutError) as error:
        if made:
            await made.close()
        raise Dropped(f"{place(url)} cannot be reached ({type(error).__name__})") from None
    except (Dropped, MedtxError):
        if made:
            await made.close()
        raise
    return made


class Signed:
    """The signed headers of a request, and the messages that follow: each signed over the one before."""

    def __init__(self, who: Account, url: str, headers: dict[str, str]) -> None:
        self._request = optional("botocore.awsrequest", "http2").AWSRequest
        self._signer = optional("botocore.auth", "http2").SigV4Auth(who.credentials, "transcribe", who.region)
        request = self._request("POST", url, headers=headers)
        self._signer.add_auth(request)
        self.headers = {name.lower(): value for name, value in request.headers.items()}
        self._before = self.headers["authorization"].rpartition("Signature=")[2]

    def message(self, payload: bytes, now: datetime | None = None) -> bytes:
        """``payload`` in a signed message."""
        date = (now or datetime.now(UTC)).replace(microsecond=0)
        signed = self._request()
        signed.context["timestamp"] = date.strftime(_STAMP)
        lines = [
            "AWS4-HMAC-SHA256-PAYLOAD",
            signed.context["timestamp"],
            self._signer.credential_scope(signed),
            self._before,
            hashlib.sha256(frames.header(":date", date)).hexdigest(),
            hashlib.sha256(payload).hexdigest(),
        ]
        self._before = self._signer.signature("\n".join(lines), signed)
        return frames.encode({":date": date, ":chunk-signature": bytes.fromhex(self._before)}, payload)


class HTTP2:
    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, signed: Signed) -> None:
        self._reader, self._writer, self._signed = reader, writer, signed
        self._h2 = optional("h2.connection", "http2").H2Connection(
            optional("h2.config", "http2").H2Configuration(client_side=True, header_encoding="utf-8")
        )
        self._events, self._odd = optional("h2.events", "http2"), optional("h2.exceptions", "http2")
        eventstream = optional("botocore.eventstream", "http2")
        self._frames, self._unreadable = eventstream.EventStreamBuffer(), eventstream.ParserError
        self._stream = 0
        self._heard: asyncio.Queue[bytes | Dropped | None] = asyncio.Queue()
        self._begun: asyncio.Future[dict[str, str]] = asyncio.get_running_loop().create_future()
        self._broken: Dropped | None = None
        self._room, self._pong = asyncio.Event(), asyncio.Event()
        self._tasks: list[asyncio.Task[None]] = []

    async def open(self, authority: str) -> None:
        """Ask for the stream. Raises what the service's refusal means."""
        self._h2.initiate_connection()
        self._stream = self._h2.get_next_available_stream_id()
        asked = {name: value for name, value in self._signed.headers.items() if name != "host"}
        first = {":method": "POST", ":scheme": "https", ":authority": authority, ":path": PATH}
        self._h2.send_headers(self._stream, list((first | asked).items()))
        await self._flush()
        self._tasks = [asyncio.create_task(self._listen()), asyncio.create_task(self._probe())]
        answer = await self._begun
        if (status := int(answer[":status"])) != 200:
            raise refusal(answer, status, await self._body())

    async def _body(self) -> bytes:
        found = b""
        while len(found) < _LONGEST_ANSWER and isinstance(part := await self._heard.get(), bytes):
            found += part
        return found

    async def send(self, audio: bytes) -> None:
        await self._send(self._signed.message(frames.audio(audio)))

    async def end(self) -> None:
        await self._send(self._signed.message(b""), last=True)

    async def _send(self, data: bytes, last: bool = False) -> None:
        """As the other side has room for it."""
        try:
            async with asyncio.timeout(SENDING):
                while data:
                    if self._broken:
                        raise self._broken
                    room = self._h2.local_flow_control_window(self._stream)
                    room = min(room, self._h2.max_outbound_frame_size)
                    if room <= 0:
                        self._room.clear()
                        await self._room.wait()
                        continue
                    part, data = data[:room], data[room:]
                    self._h2.send_data(self._stream, part, end_stream=last and not data)
                    await self._flush()
        except (OSError, TimeoutError, self._odd.ProtocolError) as error:
            raise Dropped(f"the connection broke ({type(error).__name__})") from None

    async def _flush(self) -> None:
        if data := self._h2.data_to_send():
            self._writer.write(data)
            await self._writer.drain()

    async def receive(self) -> dict[str, Any] | None:
        while True:
            try:
                if (message := next(self._frames, None)) is not None:
                    return event(message.headers, message.payload)
            except self._unreadable as error:
                raise Dropped(f"a frame that cannot be read ({type(error).__name__})") from None
            heard = await self._heard.get()
            if isinstance(heard, bytes):
                self._frames.add_data(heard)
                continue
            self._heard.put_nowait(heard)  # it stays so
            if heard is not None:
                raise heard
            return None

    async def _listen(self) -> None:
        try:
            while data := await self._reader.read(65_536):
                for one in self._h2.receive_data(data):
                    self._take(one)
                await self._flush()
            self._fail("the connection broke")
        except (OSError, self._odd.ProtocolError) as error:
            self._fail(f"the connection broke ({type(error).__name__})")

    def _take(self, one: Any) -> None:
        known = self._events
        if isinstance(one, known.ResponseReceived):
            if not self._begun.done():
                self._begun.set_result(dict(one.headers))
        elif isinstance(one, known.DataReceived):
            self._h2.acknowledge_received_data(one.flow_controlled_length, one.stream_id)
            self._heard.put_nowait(one.data)
        elif isinstance(one, known.StreamEnded):
            self._heard.put_nowait(None)
        elif isinstance(one, known.StreamReset | known.ConnectionTerminated):
            self._fail("the service broke the connection")
        elif isinstance(one, known.PingAckReceived):
            self._pong.set()
        elif isinstance(one, known.WindowUpdated | known.RemoteSettingsChanged):
            self._room.set()

    async def _probe(self) -> None:
        """A connection may be cut without a sign: then no answer comes to a ping."""
        while not self._broken:
            await asyncio.sleep(PING)
            self._pong.clear()
            try:
                async with asyncio.timeout(PONG):
                    self._h2.ping(b"medtx   ")
                    await self._flush()
                    await self._pong.wait()
            except TimeoutError:
                self._fail(f"the service did not answer a ping in {PONG:g} s")
            except (OSError, self._odd.ProtocolError) as error:
                self._fail(f"the connection broke ({type(error).__name__})")

    def _fail(self, why: str) -> None:
        if self._broken:
            return
        self._broken = Dropped(why)
        self._heard.put_nowait(self._broken)
        self._room.set()
        if not self._begun.done():
            self._begun.set_exception(self._broken)
        self._writer.transport.abort()

    async def close(self) -> None:
        for task in self._tasks:
            task.cancel()
        if self._tasks:
            await asyncio.wait(self._tasks, timeout=1)
        with suppress(self._odd.ProtocolError):
            self._h2.close_connection()
            self._writer.write(self._h2.data_to_send())
        self._writer.transport.abort()
        if self._begun.done():
            self._begun.exception()  # else asyncio would complain that nobody asked
