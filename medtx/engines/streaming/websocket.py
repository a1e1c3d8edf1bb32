"""Streams over a WebSocket: signed by its address, audio in unsigned frames."""

import asyncio
import logging
import ssl
from typing import Any
from urllib.parse import urlencode

from medtx.engines import frames
from medtx.engines.streaming.connection import (
    CONNECTING,
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
from medtx.errors import optional

PATH = "/medical-stream-transcription-websocket"
EXPIRES = 300

_silent = logging.Logger("medtx.streaming", logging.CRITICAL + 1)
"""websockets would log what it carries: audio and text."""


def signed(url: str, who: Account) -> str:
    """The address with its signature, good for five minutes; the port is part of the signed host."""
    auth = optional("botocore.auth", "streaming")
    request = optional("botocore.awsrequest", "streaming").AWSRequest("GET", url)
    request.headers["host"] = place(url)
    auth.SigV4QueryAuth(who.credentials, "transcribe", who.region, EXPIRES).add_auth(request)
    return str(request.url)


async def connect(asked: Asked, session: str) -> "WebSocket":
    """Raises `Dropped` where another try may help, and `MedtxError` where it would not."""
    websockets = optional("websockets", "streaming")
    client = optional("websockets.asyncio.client", "streaming")
    who = account(asked.service)
    url = address(asked.service, who.region, "ws", ":8443")
    local = url.startswith("ws://")
    full = signed(f"{url}{PATH}?{urlencode(asked.parameters(session))}", who)
    context = None if local else trust()
    try:
        socket = await client.connect(
            full,
            ssl=context,
            open_timeout=CONNECTING,
            close_timeout=2,
            ping_interval=PING,
            ping_timeout=PONG,
            max_size=frames.MOST,
            compression=None,
            logger=_silent,
            proxy=None if local else True,
        )
    except ssl.SSLCertVerificationError:
        raise untrusted(url) from None
    except websockets.exceptions.InvalidStatus as error:
        answer = error.response
        raise refusal(answer.headers, answer.status_code, answer.body or b"") from None
    except (OSError, TimeoutError, websockets.exceptions.WebSocketException) as error:
        raise Dropped(f"{place(url)} cannot be reached ({type(error).__name__})") from None
    return WebSocket(socket)


class WebSocket:
    def __init__(self, socket: Any) -> None:
        self._socket = socket
        self._frames = optional("botocore.eventstream", "streaming").EventStreamBuffer()
        self._exceptions = optional("websockets.exceptions", "streaming")
        self._broken = optional("botocore.eventstream", "streaming").ParserError

    async def send(self, audio: bytes) -> None:
        try:
            async with asyncio.timeout(SENDING):
                await self._socket.send(frames.audio(audio))
        except (TimeoutError, self._exceptions.ConnectionClosed) as error:
            raise Dropped(f"the connection broke ({type(error).__name__})") from None

    async def end(self) -> None:
        await self.send(b"")

    async def receive(self) -> dict[str, Any] | None:
        while True:
            try:
                if (message := next(self._frames, None)) is not None:
                    return event(message.headers, message.payload)
                self._frames.add_data(await self._socket.recv(decode=False))
            except self._exceptions.ConnectionClosedOK:
                return None
            except self._exceptions.ConnectionClosed:
                raise Dropped("the connection broke") from None
            except self._broken as error:
                raise Dropped(f"a frame that cannot be read ({type(error).__name__})") from None

    async def close(self) -> None:
        await self._socket.close()
