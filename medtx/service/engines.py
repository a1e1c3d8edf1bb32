"""What stands behind the endpoint: the embedded engine, or results that were recorded before."""

import asyncio
from collections.abc import Iterable
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from medtx.errors import optional


@dataclass(frozen=True)
class Wanted:
    """What a job asks of an engine."""

    names: tuple[str, ...]  # what the recording may be called
    alternatives: int = 1
    split_channels: bool = False
    speakers: bool = False
    phi: bool = False
    format: str | None = None
    rate: int | None = None


class Live(Protocol):
    """One channel of one stream; events are the service's, ``{"Transcript": {"Results": [...]}}``."""

    def feed(self, samples: np.ndarray) -> Iterable[dict[str, Any]]:
        """The events that these 16-bit samples bring."""

    def close(self) -> Iterable[dict[str, Any]]:
        """The events that are left when the audio has ended."""


class Engine(Protocol):
    """Jobs and streams; both kinds below have these."""

    def slot(self) -> AbstractAsyncContextManager[Any]:
        """Held while one job runs."""

    async def results(self, path: Path, wanted: Wanted) -> dict[str, Any]:
        """``results`` in the service's shape, and in ``medtx`` what made them. Raises `ReadError`."""

    def live(self, rate: int) -> Live:
        """For one channel of a stream with ``rate`` samples a second."""

    def close(self) -> None:
        """Ends what it started."""


class Embedded:
    """medtx's own engine: jobs in processes of their own, so that recognising does not hold up answers."""

    def __init__(self) -> None:
        self._loky = optional("loky", "embedded")
        self._pool: Any = None
        self._slots = asyncio.Semaphore(self._loky.cpu_count())

    def slot(self) -> AbstractAsyncContextManager[Any]:
        return self._slots

    async def results(self, path: Path, wanted: Wanted) -> dict[str, Any]:
        if self._pool is None:
            self._pool = self._loky.ProcessPoolExecutor(self._loky.cpu_count())
        return await asyncio.wrap_future(self._pool.submit(_recognised, str(path), wanted))

    def live(self, rate: int) -> Live:
        from medtx.engines.live import Live as Recogniser

        made: Live = Recogniser(rate=rate)
        return made

    def close(self) -> None:
        if self._pool is not None:
            self._pool.shutdown(kill_workers=True)


def _recognised(path: str, wanted: Wanted) -> dict[str, Any]:
    """In a process of the pool."""
    from medtx.engines import embedded

    made = embedded.transcribe(path, alternatives=wanted.alternatives, split_channels=wanted.split_channels)
    said = {"engine": embedded.name(), "language": "en-US", "duration": round(made["duration"], 3)}
    said |= {"channels": made["channels"], "channels_mixed": made["channels_mixed"]}
    return {"results": made["results"], "medtx": said}
