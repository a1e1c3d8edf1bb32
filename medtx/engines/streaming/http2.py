"""Streams over HTTP/2, by amazon-transcribe: it has the general operation, the medical one is added here.

It can use port 443, where others are blocked. Each frame of audio is signed.
"""

import asyncio
import ssl
from functools import cache
from typing import Any
from urllib.parse import urlsplit

from medtx.aws import Unusable
from medtx.engines.streaming.connection import (
    CONNECTING,
    DOING,
    Account,
    Asked,
    Dropped,
    account,
    address,
    authority,
    event,
    failure,
    place,
    trust,
    untrusted,
)
from medtx.errors import optional

PATH = "/medical-stream-transcription"
_trusted: set[tuple[str, str | None]] = set()
"""Addresses, and the authority by which each was found to be what it says."""


async def connect(asked: Asked, session: str) -> "HTTP2":
    """Raises `Dropped` where another try may help, and `MedtxError` where it would not."""
    errors = optional("amazon_transcribe.exceptions", "http2")
    crt = optional("awscrt.exceptions", "http2").AwsCrtError
    who = account(asked.service)
    url = address(asked.service, who.region, "http", "")
    if not url.startswith("https://"):
        raise Unusable(
            f"{DOING}: HTTP/2 needs an https:// address, not {place(url)}: name it as streaming_url"
        )
    await _check(url)
    client = _client(who, url, asked)
    try:
        async with asyncio.timeout(CONNECTING):
            stream = await client.start_stream_transcription(
                language_code="en-US",
                media_sample_rate_hz=asked.rate,
                media_encoding="pcm",
                session_id=session,
            )
    except TimeoutError:
        raise Dropped(f"{place(url)} did not answer in {CONNECTING:g} s") from None
    except errors.UnknownServiceException as error:
        raise failure(error.error_code, "", error.status_code) from None
    except errors.ServiceException as error:
        raise failure(type(error).__name__, str(error), 400) from None
    except (crt, errors.HTTPException, OSError) as error:
        name = str(getattr(error, "name", type(error).__name__))
        if "TLS" in name:
            raise Unusable(
                f"{DOING}: no safe connection to {place(url)} ({name}): name the authority that signed its "
                "certificate in AWS_CA_BUNDLE"
            ) from None
        raise Dropped(f"{place(url)} cannot be reached ({name})") from None
    return HTTP2(client, stream)


async def _check(url: str) -> None:
    """Once for each address, as awscrt takes half a minute to say that a certificate is not trusted."""
    if (url, authority()) in _trusted:
        return
    where = urlsplit(url)
    try:
        async with asyncio.timeout(CONNECTING):
            _, made = await asyncio.open_connection(where.hostname, where.port or 443, ssl=trust())
    except ssl.SSLCertVerificationError:
        raise untrusted(url) from None
    except (OSError, TimeoutError) as error:
        raise Dropped(f"{place(url)} cannot be reached ({type(error).__name__})") from None
    made.transport.abort()
    _trusted.add((url, authority()))


def _client(who: Account, url: str, asked: Asked) -> Any:
    auth = optional("amazon_transcribe.auth", "http2")
    endpoints = optional("amazon_transcribe.endpoints", "http2")
    client = _medical()(
        region=who.region,
        endpoint_resolver=endpoints.StaticEndpointResolver(url),
        credential_resolver=auth.StaticCredentialResolver(*who.credentials[:3]),
    )
    client._serializer.asked = asked
    if bundle := authority():
        io = optional("awscrt.io", "http2")
        options = io.TlsContextOptions()
        options.override_default_trust_store_from_path(ca_filepath=bundle)
        client._session_manager._tls_ctx = io.ClientTlsContext(options)
    return client


@cache
def _medical() -> type:
    """amazon-transcribe's client, for the medical operation; made here, as the package may be missing."""
    client = optional("amazon_transcribe.client", "http2")

    class Serializer(client.TranscribeStreamingSerializer):  # type: ignore[name-defined,misc]
        asked: Asked

        def serialize_start_stream_transcription_request(self, endpoint: str, request_shape: Any) -> Any:
            request = super().serialize_start_stream_transcription_request(endpoint, request_shape)
            request.path = PATH
            for name, value in self.asked.parameters(request_shape.session_id).items():
                request.headers[f"x-amzn-transcribe-{name}"] = value
            return request

    class Client(client.TranscribeStreamingClient):  # type: ignore[name-defined,misc]
        def __init__(self, **settings: Any) -> None:
            super().__init__(**settings)
            self._serializer = Serializer()

    return Client


class HTTP2:
    def __init__(self, client: Any, stream: Any) -> None:
        self._client = client
        self._audio = stream.input_stream
        self._answer = stream.output_stream._raw_stream
        eventstream = optional("botocore.eventstream", "http2")
        self._frames = eventstream.EventStreamBuffer()
        self._broken = eventstream.ParserError

    async def send(self, audio: bytes) -> None:
        if self._answer._stream.completion_future.done():
            raise Dropped("the connection broke")
        await self._audio.send_audio_event(audio)

    async def end(self) -> None:
        await self._audio.end_stream()

    async def receive(self) -> dict[str, Any] | None:
        while True:
            try:
                if (message := next(self._frames, None)) is not None:
                    return event(message.headers, message.payload)
            except self._broken as error:
                raise Dropped(f"a frame that cannot be read ({type(error).__name__})") from None
            chunk = await self._answer.get_chunk()
            if not chunk:
                if self._answer._stream.completion_future.exception() is not None:
                    raise Dropped("the connection broke")
                return None
            self._frames.add_data(chunk)

    async def close(self) -> None:
        if not self._audio._input_stream.closed:
            self._audio._input_stream.end_stream()  # else awscrt asks it for audio for ever
        for connection in self._client._session_manager._connections.values():
            connection.close()
