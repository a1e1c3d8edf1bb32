"""What stands behind the endpoint: the embedded engine, or results that were recorded before."""

import asyncio
import os
from collections.abc import Iterable
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from medtx.engines.models import Chosen, choose
from medtx.engines.models.custom import Entry
from medtx.engines.workers import end_with_parent
from medtx.errors import ReadError, optional


@dataclass(frozen=True)
class Wanted:
    """What a job asks of an engine."""

    names: tuple[str, ...]  # what the recording may be called
    specialty: str = "PRIMARYCARE"
    vocabulary: tuple[Entry, ...] = ()
    alternatives: int = 1
    split_channels: bool = False
    format: str | None = None  # that the client says its audio has
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

    def live(self, rate: int, specialty: str, vocabulary: tuple[Entry, ...] = ()) -> Live:
        """For one channel of a stream with ``rate`` samples a second."""

    def close(self) -> None:
        """Ends what it started."""


class Embedded:
    """medtx's own engine: jobs in processes of their own, so that recognising does not hold up answers.

    ``model`` is that of `medtx.transcribe`: each specialty's own, or one for all, such as ``"stock"``.
    """

    def __init__(self, model: str | os.PathLike[str] | None = None) -> None:
        self._model = model if model is None else choose(model, "")
        self._loky = optional("loky", "embedded")
        self._pool: Any = None
        self._slots = asyncio.Semaphore(self._loky.cpu_count())

    def slot(self) -> AbstractAsyncContextManager[Any]:
        return self._slots

    async def results(self, path: Path, wanted: Wanted) -> dict[str, Any]:
        if self._pool is None:
            self._pool = self._loky.ProcessPoolExecutor(
                self._loky.cpu_count(), initializer=end_with_parent, initargs=(os.getpid(),)
            )
        return await asyncio.wrap_future(self._pool.submit(_recognised, str(path), wanted, self._model))

    def live(self, rate: int, specialty: str, vocabulary: tuple[Entry, ...] = ()) -> Live:
        from medtx.engines import live

        return live.Live(rate=rate, chosen=Chosen(choose(self._model, specialty), vocabulary))

    def close(self) -> None:
        if self._pool is not None:
            self._pool.shutdown(kill_workers=True)


def _recognised(path: str, wanted: Wanted, model: str | None) -> dict[str, Any]:
    """In a process of the pool."""
    from medtx.engines import embedded

    _check(path, wanted)
    chosen = Chosen(choose(model, wanted.specialty), wanted.vocabulary)
    made = embedded.transcribe(
        path, alternatives=wanted.alternatives, split_channels=wanted.split_channels, chosen=chosen
    )
    said = {"engine": embedded.name(chosen), "language": "en-US", "duration": round(made["duration"], 3)}
    said |= {"channels": made["channels"], "channels_mixed": made["channels_mixed"]}
    return {"results": made["results"], "medtx": said}


_CONTAINERS = {  # as FFmpeg names them
    "wav": ("wav",),
    "flac": ("flac",),
    "ogg": ("ogg",),
    "mp3": ("mp3",),
    "amr": ("amr",),
    "mov,mp4,m4a,3gp,3g2,mj2": ("mp4", "m4a"),
    "matroska,webm": ("webm",),
}


def _check(path: str, wanted: Wanted) -> None:
    """Raises `ReadError` in the service's words for audio that it does not take."""
    av = optional("av", "embedded")
    if os.path.getsize(path) > 2 * 2**30:
        raise ReadError(path, "Invalid file size: file size too large")
    try:
        with av.open(f"file:{path}") as container:
            formats = _CONTAINERS.get(container.format.name, ())
            stream = container.streams.audio[0]
            rate, channels = stream.rate, stream.codec_context.channels
            seconds = (container.duration or 0) / av.time_base
    except (av.error.FFmpegError, IndexError):
        raise ReadError(path, "Unsupported media format") from None
    if not formats:
        raise ReadError(path, "Unsupported media format")
    if wanted.format not in (None, *formats):
        raise ReadError(path, "The media format provided does not match the detected media format")
    if not 16_000 <= rate <= 48_000:
        raise ReadError(path, "Invalid sample rate for audio file")
    if wanted.rate not in (None, rate):
        raise ReadError(path, "The sample rate provided does not match the detected sample rate")
    if channels > 2:
        raise ReadError(path, "Invalid number of channels: number of channels too large")
    if 0 < seconds < 0.5:
        raise ReadError(path, "Invalid file size: the audio is shorter than 0.5 seconds")
    if seconds > 4 * 3600:
        raise ReadError(path, "Invalid file size: the audio is longer than 4 hours")
