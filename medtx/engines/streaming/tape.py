"""The audio of a stream: where it comes from, how long it is kept, and where each moment of it lies."""

import asyncio
from collections.abc import AsyncIterable, AsyncIterator, Iterable, Iterator, Mapping
from os import PathLike, fspath
from typing import Any

from medtx.engines.audio import RATE, blocks
from medtx.errors import InputError, MedtxError, ReadError, kind_of, optional

MICROPHONE = "microphone"
Source = str | PathLike[str] | AsyncIterable[bytes] | Iterable[bytes]


def pcm(source: Source, rate: int, channels: int) -> AsyncIterator[bytes]:
    """Samples of 16 bits, little-endian, interleaved. Raises `InputError` for what is no source."""
    if isinstance(source, str | PathLike):
        if rate != RATE:
            raise InputError(
                f"rate={rate!r} is for PCM of your own: a file or a microphone is taken at {RATE}"
            )
        path = fspath(source)
        return _microphone(channels) if path == MICROPHONE else _in_thread(_file(path, channels))
    if isinstance(source, AsyncIterable):
        return aiter(source)
    odd = isinstance(source, bytes | bytearray | memoryview | Mapping) or hasattr(source, "recordings")
    if isinstance(source, Iterable) and not odd:
        return _in_thread(iter(source))
    raise InputError(f"source is {kind_of(source)}, not a file, an iterator of PCM bytes, or 'microphone'")


def _file(path: str, channels: int) -> Iterator[bytes]:
    for block in blocks(path, split=channels > 1):
        if len(block) != channels:
            raise ReadError(path, f"{len(block)} channel(s), and split_channels needs {channels}")
        yield block.T.astype("<i2").tobytes()


async def _in_thread(parts: Iterator[bytes]) -> AsyncIterator[bytes]:
    while (part := await asyncio.to_thread(next, parts, None)) is not None:
        yield part


async def _microphone(channels: int) -> AsyncIterator[bytes]:
    try:
        sounddevice = optional("sounddevice", "microphone")
    except OSError:
        raise MedtxError(
            "the microphone needs the PortAudio library: apt-get install libportaudio2"
        ) from None
    loop, heard = asyncio.get_running_loop(), asyncio.Queue[bytes]()

    def take(data: Any, *_: Any) -> None:
        loop.call_soon_threadsafe(heard.put_nowait, bytes(data))

    try:
        device = sounddevice.RawInputStream(
            samplerate=RATE, channels=channels, dtype="int16", blocksize=RATE // 10, callback=take
        )
        with device:
            while True:
                yield await heard.get()
    except sounddevice.PortAudioError as error:
        raise MedtxError(f"the microphone cannot be used: {error}") from None


class Tape:
    """What the source gave, from where it may be needed again. Positions are samples of each channel."""

    def __init__(self, parts: AsyncIterator[bytes], width: int) -> None:
        self._parts, self._width = parts, width
        self._kept, self._first = bytearray(), 0
        self._next: asyncio.Task[bytes] | None = None
        self._ended = False
        self.sent = 0
        """The position up to which audio was handed to the engine."""
        self.error: Exception | None = None
        """Why the source ended, if not by itself."""

    @property
    def end(self) -> int:
        return self._first + len(self._kept) // self._width

    async def read(self, position: int, size: int, patience: float) -> bytes | None:
        """At most ``size`` samples from there; none at the end, None if the source pauses so long."""
        while self.end - position < size and not self._ended:
            if self._next is None:
                self._next = asyncio.ensure_future(anext(self._parts))
            await asyncio.wait({self._next}, timeout=patience)  # a part that is late is not lost
            if not self._next.done():
                break
            self._take(self._next)
            self._next = None
        at = (position - self._first) * self._width
        found = bytes(self._kept[at : at + min(size, self.end - position) * self._width])
        return found or (b"" if self._ended else None)

    def _take(self, done: "asyncio.Task[bytes]") -> None:
        try:
            part = done.result()
            if not isinstance(part, bytes | bytearray | memoryview):
                raise InputError(f"the source gave a {type(part).__name__}, not bytes of PCM")
            self._kept += part
        except StopAsyncIteration:
            self._ended = True
        except Exception as error:  # what was heard is still recognised, then it is raised
            self._ended, self.error = True, error

    def stop(self) -> None:
        self._ended = True

    def forget(self, before: int) -> None:
        if (size := (before - self._first) * self._width) > 0:
            del self._kept[:size]
            self._first = before

    async def close(self) -> None:
        if self._next is not None:
            self._next.cancel()
            await asyncio.wait({self._next}, timeout=1)
        if (close := getattr(self._parts, "aclose", None)) is not None and (
            self._next is None or self._next.done()
        ):
            await close()


class Places:
    """Where in the source a moment of a session lies: silence that was put in takes no time there."""

    def __init__(self, rate: int, start: int) -> None:
        self._rate = rate
        self._runs = [
            (0, start, True)
        ]  # since which sample of the session, where in the source, whether it moves
        self.sent = 0
        self.position = start
        """The end, in the source, of what was sent."""

    def add(self, size: int, position: int, silence: bool = False) -> None:
        if self._runs[-1][2] == silence:
            self._runs.append((self.sent, position, not silence))
        self.sent += size
        self.position = position + (0 if silence else size)

    def source(self, seconds: float) -> float:
        moment = seconds * self._rate
        begun, position, moves = next(run for run in reversed(self._runs) if run[0] <= moment or run[0] == 0)
        return (position + (moment - begun if moves else 0)) / self._rate
