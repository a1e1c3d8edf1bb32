"""The ASGI application: which part answers, what is checked before, and what goes wrong on purpose."""

import asyncio
import json
from collections.abc import Awaitable, Callable, MutableMapping
from contextlib import suppress
from dataclasses import replace
from functools import partial
from typing import Any
from urllib.parse import parse_qsl

from medtx.service import s3, streaming
from medtx.service.comprehend import Comprehend
from medtx.service.engines import Engine
from medtx.service.faults import Buckets, Dice, Faults, Quotas
from medtx.service.jobs import Transcribe
from medtx.service.protocol import Answer, Refused, Request, json_answer, json_refusal, request_id
from medtx.service.signing import Chain, Keys
from medtx.service.storage import Store

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Any]]
Send = Callable[[Any], Awaitable[None]]

HTTP2_PATH = "/medical-stream-transcription"
WEBSOCKET_PATH = "/medical-stream-transcription-websocket"
MOST = {"transcribe": 2**20, "comprehendmedical": 2**20, "s3": 2**28}
"""Bytes of a request; larger objects come in parts, as every SDK sends them."""
_FRAMES = (("content-type", "application/vnd.amazon.eventstream"),)


class App:
    def __init__(
        self,
        engine: Engine,
        store: Store,
        keys: Keys | None,
        quotas: Quotas,
        faults: Faults,
        region: str,
        pending: float,
        ready: Callable[[], None],
    ) -> None:
        self._tasks: set[asyncio.Task[None]] = set()
        self._store, self._keys, self._ready = store, keys, ready
        self._region = region
        self._transcribe = Transcribe(store, engine, quotas, region, pending, self._spawn)
        self._comprehend = Comprehend(quotas)
        self._streams = streaming.Streams(engine, quotas, self._transcribe.ready)
        self._calls = Buckets(quotas.calls)
        self.dice = Dice(faults)
        self.cut: Callable[[Any], None] = lambda client: None  # breaks a connection, once there is a loop

    def _spawn(self, work: Any) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await self._lifespan(receive, send)
        elif scope["type"] == "websocket":
            await self._websocket(scope, receive, send)
        elif scope["path"] == HTTP2_PATH:
            await self._http2(scope, receive, send)
        else:
            await self._http(scope, receive, send)

    async def _lifespan(self, receive: Receive, send: Send) -> None:
        while True:
            message = await receive()
            if message["type"] == "lifespan.startup":
                await send({"type": "lifespan.startup.complete"})
                self._ready()
            else:
                for task in self._tasks:
                    task.cancel()
                await send({"type": "lifespan.shutdown.complete"})
                return

    async def _http(self, scope: Scope, receive: Receive, send: Send) -> None:
        request = _request(scope)
        prefix, _, name = request.headers.get("x-amz-target", "").rpartition(".")
        service = {"Transcribe": "transcribe", "ComprehendMedical_20181030": "comprehendmedical"}.get(
            prefix, "s3"
        )
        name = name if service != "s3" else s3.operation(request)
        try:
            body = await _body(request, receive, MOST[service])
            if body is None:
                return  # the client has gone
            request.body = body
            answer = await self._answered(service, name, request)
        except Exception as error:  # of others nothing is shown: they may hold what was received
            refused = error if isinstance(error, Refused) else _FAILED[service]()
            answer = s3.refusal(refused) if service == "s3" else json_refusal(refused)
        await _send_answer(answer, request.method, send)

    async def _answered(self, service: str, name: str, request: Request) -> Answer:
        if self.dice.faults.slow:
            await asyncio.sleep(self.dice.faults.slow)
        fault = self.dice.call(name)
        if fault == "failed":
            raise _FAILED[service]()
        if self._keys:
            self._keys.check(request, service)
        if fault == "throttled" or not self._calls.take(name):
            raise _TOO_MANY[service]()
        if service == "s3":
            answer = s3.answer(self._store, request)
            answer = replace(answer, headers=(*answer.headers, ("x-amz-bucket-region", self._region)))
        else:
            part = self._transcribe if service == "transcribe" else self._comprehend
            answer = json_answer(part.call(name, _json(request.body, service)))
        if fault == "lost":
            raise _FAILED[service]()
        return answer

    def _refuse_stream(self) -> None:
        fault = self.dice.call(streaming.NAME)
        if fault == "throttled":
            raise Refused("LimitExceededException", "Too many streams. Try again later.")
        if fault:
            raise Refused("InternalFailureException", "A problem occurred. Try again.")

    def _asked(self, given: dict[str, str]) -> streaming.Asked:
        asked = streaming.asked(given)
        if asked.vocabulary:
            self._transcribe.ready(asked.vocabulary)
        return asked

    async def _websocket(self, scope: Scope, receive: Receive, send: Send) -> None:
        await receive()  # websocket.connect
        request = _request(scope)
        refused: Refused | None = None
        if request.path != WEBSOCKET_PATH:
            refused = Refused("NotFoundException", f"streams are at {WEBSOCKET_PATH}")
        elif self._keys:
            try:
                self._keys.check(request, "transcribe")
            except Refused as error:
                refused = error
        if refused and refused.code != "UnrecognizedClientException":
            return await _refuse_websocket(scope, refused, send)
        await send({"type": "websocket.accept", "headers": [(b"x-amzn-requestid", request_id().encode())]})

        async def next_frame() -> bytes | None:
            message = await receive()
            if message["type"] == "websocket.disconnect":
                return None
            return message.get("bytes") or b""

        async def send_frame(frame: bytes) -> None:
            await send({"type": "websocket.send", "bytes": frame})

        try:
            if refused:
                raise refused
            self._refuse_stream()
            given = {key: value for key, value in parse_qsl(request.query) if not key.startswith("X-Amz-")}
            await self._streams.run(self._asked(given), self.dice, None, next_frame, send_frame)
        except Refused as error:
            await send_frame(streaming.exception_frame(error))
            await _drained(next_frame)
        except streaming.Cut:
            return self.cut(scope["client"])
        await send({"type": "websocket.close", "code": 1000})

    async def _http2(self, scope: Scope, receive: Receive, send: Send) -> None:
        request = _request(scope)
        chain: Chain | None = None
        try:
            if scope["http_version"] != "2":
                raise Refused(
                    "BadRequestException", "Streams need HTTP/2: use the https address, or a WebSocket.", 505
                )
            if self._keys:
                chain = self._keys.check(request, "transcribe")
            self._refuse_stream()
            prefix = "x-amzn-transcribe-"
            given = {
                key.removeprefix(prefix): value
                for key, value in request.headers.items()
                if key.startswith(prefix)
            }
            asked = self._asked(given)
        except Refused as refused:
            return await _send_answer(json_refusal(refused), "POST", send)
        headers = [*_FRAMES, ("x-amzn-request-id", request_id()), *asked.echo]
        start = {"type": "http.response.start", "status": 200}
        await send(start | {"headers": [(name.encode(), value.encode()) for name, value in headers]})
        body = {"type": "http.response.body", "body": b"", "more_body": True}
        await send(body)  # else the headers would wait for the first event

        async def next_frame() -> bytes | None:
            message = await receive()
            if message["type"] == "http.disconnect":
                return None
            data: bytes = message.get("body", b"")
            return data or (b"" if message.get("more_body") else None)

        async def send_frame(frame: bytes) -> None:
            await send(body | {"body": frame})

        try:
            await self._streams.run(asked, self.dice, chain, next_frame, send_frame)
        except Refused as refused:
            await send_frame(streaming.exception_frame(refused))
            await _drained(next_frame)
        except streaming.Cut:
            return self.cut(scope["client"])
        await send(body | {"more_body": False})


_TOO_MANY = {
    "transcribe": partial(Refused, "ThrottlingException", "Rate exceeded"),
    "comprehendmedical": partial(Refused, "TooManyRequestsException", "Rate exceeded"),
    "s3": partial(Refused, "SlowDown", "Please reduce your request rate.", 503),
}
_FAILED = {
    "transcribe": partial(Refused, "InternalFailureException", "There was an internal error. Try again."),
    "comprehendmedical": partial(Refused, "InternalServerException", "An internal server error occurred."),
    "s3": partial(Refused, "InternalError", "We encountered an internal error. Please try again.", 500),
}


async def _drained(next_frame: streaming.Receive) -> None:
    """Until the client has understood: closed on audio that still comes, it would not see why."""
    with suppress(TimeoutError):
        async with asyncio.timeout(2):
            while True:
                async with asyncio.timeout(0.2):
                    if await next_frame() is None:
                        return


async def _body(request: Request, receive: Receive, most: int) -> bytes | None:
    """All of a body; None where the client has gone. One that is too long is refused as it comes."""
    declared = request.headers.get("content-length", "")
    too_long = declared.isdecimal() and int(declared[:20]) > most
    body = bytearray()
    more = True
    while more and not too_long:
        message = await receive()
        if message["type"] == "http.disconnect":
            return None
        body += message.get("body", b"")
        more, too_long = message.get("more_body", False), len(body) > most
    if too_long:
        raise Refused("EntityTooLarge", f"The body is longer than {most:,} bytes.", 413)
    return bytes(body)


def _request(scope: Scope) -> Request:
    headers: dict[str, str] = {}
    for raw, value in scope["headers"]:
        name = raw.decode("latin-1").lower()
        text = value.decode("latin-1")
        headers[name] = f"{headers[name]},{text}" if name in headers else text
    path = (scope.get("raw_path") or scope["path"].encode()).decode("latin-1")
    query = scope["query_string"].decode("latin-1")
    return Request(scope.get("method", "GET"), scope["scheme"], path.partition("?")[0], query, headers)


def _json(body: bytes, service: str) -> dict[str, Any]:
    try:
        asked = json.loads(body.decode() or "{}")
    except UnicodeDecodeError:
        code = "InvalidEncodingException" if service == "comprehendmedical" else "SerializationException"
        raise Refused(code, "The body is not valid UTF-8.") from None
    except (ValueError, RecursionError):
        asked = None
    if not isinstance(asked, dict):
        raise Refused("SerializationException", "The body is not a JSON object.")
    return asked


async def _send_answer(answer: Answer, method: str, send: Send) -> None:
    length = len(answer.body) if answer.length is None else answer.length
    headers = [*answer.headers, ("x-amzn-requestid", request_id()), ("content-length", str(length))]
    encoded = [(name.encode(), value.encode()) for name, value in headers]
    await send({"type": "http.response.start", "status": answer.status, "headers": encoded})
    await send({"type": "http.response.body", "body": b"" if method == "HEAD" else answer.body})


async def _refuse_websocket(scope: Scope, refused: Refused, send: Send) -> None:
    answer = json_refusal(refused)
    headers = [(name.encode(), value.encode()) for name, value in answer.headers]
    await send({"type": "websocket.http.response.start", "status": answer.status, "headers": headers})
    await send({"type": "websocket.http.response.body", "body": answer.body})
