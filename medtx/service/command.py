"""``medtx serve``: the endpoint until Ctrl-C, and what to set so that clients find it."""

import argparse
import signal
import threading
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from medtx.service.engines import Embedded
from medtx.service.faults import CHARACTERS, RATES, Faults, Quotas
from medtx.service.server import Endpoint, running


def run(args: argparse.Namespace, wait: Callable[[], object] | None = None) -> None:
    """Serves until ``wait`` returns; without it, until the process is told to end."""
    if wait is None:
        told = threading.Event()
        signal.signal(signal.SIGTERM, lambda *_: told.set())
        wait = told.wait
    faults = Faults(
        throttled=args.throttled,
        failed=args.failed,
        lost=args.lost,
        slow=args.slow,
        drop_after=args.drop_after,
        drops=args.drops,
        bad_frames=args.bad_frames,
        seed=args.seed,
    )
    with running(
        args.results or Embedded(args.model),
        speed=args.speed,
        audio=args.audio,
        buckets=args.bucket,
        storage=args.storage,
        check_signatures=not args.any_key,
        quotas=Quotas(calls=RATES, characters=CHARACTERS) if args.quotas else None,
        faults=faults,
        region=args.region,
        port=args.port,
        tls_port=args.tls_port,
    ) as endpoint:
        print(told_of(endpoint, args.results), flush=True)
        with suppress(KeyboardInterrupt):
            wait()
    print("stopped" + ("" if args.storage else "; what was uploaded is gone"))


def told_of(endpoint: Endpoint, results: str | None) -> str:
    """Lines for a shell; what explains them are comments."""
    behind = f"the recorded results in {Path(results)}" if results else "the embedded engine: not AWS"
    return f"""\
# medtx serve answers with {behind}. It ends with Ctrl-C.
export AWS_ENDPOINT_URL={endpoint.endpoint_url}
export AWS_ACCESS_KEY_ID={endpoint.access_key}
export AWS_SECRET_ACCESS_KEY={endpoint.secret_key}
export AWS_DEFAULT_REGION={endpoint.region}
# streams by WebSocket: {endpoint.streaming_url}
# streams by HTTP/2:    {endpoint.https_url}, trusting {endpoint.certificate}"""
