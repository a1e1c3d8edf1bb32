"""Starts and stops the endpoint: two loopback ports, one event loop in a thread of its own."""

import asyncio
import secrets
import socket
import threading
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from os import PathLike
from pathlib import Path
from typing import Any
from weakref import WeakValueDictionary

from medtx.errors import MedtxError, optional, reason
from medtx.files import private_folder
from medtx.locks import scratch
from medtx.service import certificate
from medtx.service.app import App
from medtx.service.engines import Embedded, Engine
from medtx.service.faults import Dice, Faults, Quotas
from medtx.service.recorded import Recorded
from medtx.service.signing import Keys
from medtx.service.storage import Store

HOST = "127.0.0.1"


@dataclass(frozen=True)
class Endpoint:
    """A running endpoint: where it is, and the key that it takes.

    ``endpoint_url`` (http) is for boto3 and the AWS CLI, ``streaming_url`` (ws) for WebSockets,
    ``https_url`` for HTTP/2, with ``certificate``, a PEM file, as the authority to trust.
    """

    endpoint_url: str
    streaming_url: str
    https_url: str
    certificate: str
    region: str
    access_key: str
    secret_key: str = field(repr=False)
    _app: App = field(repr=False)

    @property
    def client(self) -> dict[str, str]:
        """What a client of boto3 takes: ``boto3.client("s3", **endpoint.client)``."""
        return {
            "endpoint_url": self.endpoint_url,
            "region_name": self.region,
            "aws_access_key_id": self.access_key,
            "aws_secret_access_key": self.secret_key,
        }

    def set_faults(self, faults: Faults) -> None:
        """From now on these go wrong, counted anew."""
        self._app.dice = Dice(faults)


@contextmanager
def running(
    engine: str | PathLike[str] | Engine = "embedded",
    *,
    speed: float = 1.0,
    audio: str | PathLike[str] | None = None,
    buckets: Sequence[str] = (),
    storage: str | PathLike[str] | None = None,
    check_signatures: bool = True,
    quotas: Quotas | None = None,
    faults: Faults | None = None,
    region: str = "us-east-1",
    pending: float = 0.05,
    port: int = 0,
    tls_port: int = 0,
) -> Iterator[Endpoint]:
    """An endpoint on loopback that answers as Transcribe Medical, Comprehend Medical and S3 do.

    ``engine`` is ``"embedded"``, or a folder of recorded results that are answered again, streams
    ``speed`` times as fast as they were recorded; or an object that is like `Embedded`. ``audio`` is
    the folder of those recordings: with it, streams are answered by what they send (`Recorded`),
    without it in the order of the results' names. ``buckets`` are made at the start. Objects are kept
    in ``storage``, or in a temporary folder that goes with the endpoint; both are readable by their
    owner only. Requests must be signed with the endpoint's key, unless ``check_signatures`` is false:
    then everyone on this machine can read what was uploaded. Jobs are QUEUED and vocabularies PENDING
    for ``pending`` seconds. Port 0 is any free one.

    Raises `MedtxError` for a port or folder that cannot be used, and `InputError` for a folder
    without recorded results.

    >>> import boto3
    >>> with running(buckets=["audio"]) as endpoint:
    ...     s3 = boto3.client("s3", **endpoint.client)
    ...     [bucket["Name"] for bucket in s3.list_buckets()["Buckets"]]
    ['audio']
    """
    optional("hypercorn", "serve")
    with ExitStack() as stack:
        folder = stack.enter_context(scratch("serve"))
        store = Store(_made(Path(storage) if storage else folder / "objects"), tuple(buckets))
        if isinstance(engine, str | PathLike):
            engine = (
                Embedded()
                if engine == "embedded"
                else Recorded(Path(engine), speed, Path(audio) if audio else None)
            )
        stack.callback(engine.close)
        files = certificate.make(folder)
        key = f"MEDTX{secrets.token_hex(8)[:15].upper()}", secrets.token_urlsafe(30)
        ready = threading.Event()
        app = App(
            engine=engine,
            store=store,
            keys=Keys(*key) if check_signatures else None,
            quotas=quotas or Quotas(),
            faults=faults or Faults(),
            region=region,
            pending=pending,
            ready=ready.set,
        )
        sockets = [stack.enter_context(_listening(number)) for number in (port, tls_port)]
        plain, tls = (one.getsockname()[1] for one in sockets)
        stack.enter_context(_thread(app, sockets, files, ready))
        yield Endpoint(
            f"http://{HOST}:{plain}",
            f"ws://{HOST}:{plain}",
            f"https://localhost:{tls}",
            str(files[0]),
            region,
            *key,
            app,
        )


def _made(folder: Path) -> Path:
    try:
        private_folder(folder)
    except OSError as error:
        raise MedtxError(f"{folder}: cannot be used as a folder: {reason(error)}") from None
    return folder


def _listening(port: int) -> socket.socket:
    made = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    try:
        made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        made.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        made.bind((HOST, port))
        made.listen(128)
    except (OSError, OverflowError) as error:
        made.close()
        raise MedtxError(f"port {port} of {HOST} cannot be used: {error}") from None
    return made


class _Loop(asyncio.SelectorEventLoop):
    """Knows its connections, so that one can be cut: ASGI has no word for that."""

    def __init__(self) -> None:
        super().__init__()
        self._connections: WeakValueDictionary[Any, Any] = WeakValueDictionary()

    async def create_server(  # type: ignore[override]  # its overloads are all taken
        self, factory: Any, *args: Any, **settings: Any
    ) -> Any:
        def known() -> Any:
            protocol = factory()
            made = protocol.connection_made

            def connected(transport: Any) -> None:
                self._connections[transport.get_extra_info("peername")] = transport
                made(transport)

            protocol.connection_made = connected
            return protocol

        if settings.get("ssl"):  # else it waits half a minute for clients that stay connected
            settings["ssl_shutdown_timeout"] = 0.2
        return await super().create_server(known, *args, **settings)

    def cut(self, client: Any) -> None:
        transport = self._connections.get(tuple(client))
        if transport is not None:
            transport.abort()


@contextmanager
def _thread(
    app: App, sockets: list[socket.socket], files: tuple[Path, Path], ready: threading.Event
) -> Iterator[None]:
    config = optional("hypercorn.config", "serve").Config()
    config.insecure_bind, config.bind = ([f"fd://{one.detach()}"] for one in sockets)
    config.certfile, config.keyfile = map(str, files)
    config.accesslog = config.errorlog = None  # nothing that is received is logged
    config.include_server_header = False
    config.keep_alive_timeout = 300
    config.graceful_timeout, config.shutdown_timeout = 0.2, 2
    stopping: list[Any] = []
    failed: list[BaseException] = []

    async def serve() -> None:
        stop = asyncio.Event()
        # hypercorn complains of clients that have gone; what the application may raise, it answers
        asyncio.get_running_loop().set_exception_handler(lambda loop, context: None)
        app.cut = asyncio.get_running_loop().cut  # type: ignore[attr-defined]
        stopping.extend([asyncio.get_running_loop(), stop])
        await optional("hypercorn.asyncio", "serve").serve(app, config, shutdown_trigger=stop.wait)

    def run() -> None:
        try:
            with asyncio.Runner(loop_factory=_Loop) as runner:
                runner.run(serve())
        except BaseException as error:
            failed.append(error)
        finally:
            ready.set()

    thread = threading.Thread(target=run, name="medtx-serve", daemon=True)
    thread.start()
    ready.wait()
    if failed:
        raise MedtxError(f"the endpoint did not start: {type(failed[0]).__name__}")
    try:
        yield
    finally:
        loop, stop = stopping
        loop.call_soon_threadsafe(stop.set)
        thread.join()
