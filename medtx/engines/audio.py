"""Audio in any common format -> 16 kHz samples, a block at a time."""

import io
import os
import wave
from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np

from medtx.errors import ReadError, optional, reason

RATE = 16000
FORMATS = (".wav", ".flac", ".ogg", ".opus", ".mp3", ".mp4", ".m4a", ".webm", ".amr", ".aac", ".aiff")
"""What a folder of recordings is searched for; a file named outright may be of any format."""


def blocks(path: str, *, split: bool = False) -> Iterator[np.ndarray]:
    """The samples of ``path`` as int16 blocks of shape (channels, n), n at most a few seconds.

    Channels are mixed into one unless ``split``.

    Raises `ReadError` for a missing, empty, unknown or cut file, and for one without sound.
    """
    av = optional("av", "embedded")
    _check_file(path)
    decoded, loudest, declared = 0, 0, None
    try:
        with av.open(f"file:{path}") as container:  # never a protocol: "visit:1.wav" is a file
            if not container.streams.audio:
                raise ReadError(path, "expected audio, found none in this file")
            stream = container.streams.audio[0]
            channels = stream.codec_context.channels if split else 1
            if container.duration and container.format.name in _TELL_DURATION:
                declared = container.duration / av.time_base
            resampler = av.AudioResampler(format="s16", layout=None if split else "mono", rate=RATE)
            for frame in _and_then_none(container.decode(stream)):
                for part in resampler.resample(frame):
                    block = part.to_ndarray().reshape(-1, channels).T
                    decoded += block.shape[1]
                    loudest = max(loudest, int(np.abs(block.astype(np.int32)).max(initial=0)))
                    yield block
    except (av.error.FFmpegError, ValueError) as error:  # ValueError: its layout or rate changes midway
        place = f"{decoded / RATE:.1f} s" if decoded else ""
        problem = getattr(error, "strerror", None) or str(error)
        raise ReadError(path, f"expected audio: {problem.lower()}", place) from None
    if not decoded:
        raise ReadError(path, "the audio has no samples")
    end = f"{decoded / RATE:.1f} s"
    if declared is not None and decoded / RATE < 0.98 * declared - 0.2:
        raise ReadError(path, f"the audio is cut: {declared:.1f} s were promised", end)
    if missing := _missing_bytes(path):
        raise ReadError(path, f"the audio is cut: {missing} more were promised", end)
    if loudest < 8:  # -72 dB: below the dither of any microphone
        raise ReadError(path, f"the {end} of audio are silent")


class Resampler:
    """Mono int16 samples of another rate, as they come, to `RATE`."""

    def __init__(self, rate: int) -> None:
        self._av = optional("av", "embedded")
        self._rate = rate
        self._resampler = self._av.AudioResampler(format="s16", layout="mono", rate=RATE)

    def feed(self, samples: np.ndarray) -> np.ndarray:
        frame = self._av.AudioFrame.from_ndarray(
            np.ascontiguousarray(samples)[None], format="s16", layout="mono"
        )
        frame.sample_rate = self._rate
        parts = [part.to_ndarray()[0] for part in self._resampler.resample(frame)]
        return np.concatenate(parts) if parts else np.empty(0, np.int16)


def clip(path: str, start: float, end: float) -> bytes:
    """A stretch of ``path``, in seconds, as a WAV file of 16 kHz, mixed to one channel.

    Raises `ReadError` where the audio ends before it starts.
    """
    first, last, at, kept = round(start * RATE), round(end * RATE), 0, []
    for block in blocks(path):
        samples = block[0]
        kept.append(samples[max(first - at, 0) : max(last - at, 0)])
        at += len(samples)
        if at >= last:
            break
    sound = np.concatenate(kept)
    if not len(sound):
        raise ReadError(path, f"the audio ends before {start:.1f} s", f"{at / RATE:.1f} s")
    held = io.BytesIO()
    with wave.open(held, "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(RATE)
        file.writeframes(sound.astype("<i2").tobytes())
    return held.getvalue()


_TELL_DURATION = ("flac", "mov,mp4,m4a,3gp,3g2,mj2", "matroska,webm")
"""Containers whose header says how long they are; the others guess."""


def _check_file(path: str) -> None:
    try:
        with open(path, "rb") as file:
            if not file.read(1):
                raise ReadError(path, "the file is empty")
    except OSError as error:
        raise ReadError(path, reason(error)) from None


class Facts(NamedTuple):
    """What the header of a file says of it; ``format`` is FFmpeg's name of the container."""

    format: str
    rate: int
    channels: int
    seconds: float
    size: int  # bytes


def probe(path: str) -> Facts:
    """What a file holds, without decoding it. Raises `ReadError` for one that is no audio."""
    av = optional("av", "embedded")
    _check_file(path)
    try:
        with av.open(f"file:{path}") as container:
            if not container.streams.audio:
                raise ReadError(path, "expected audio, found none in this file")
            stream = container.streams.audio[0]
            context, name = stream.codec_context, container.format.name
            seconds = container.duration / av.time_base if container.duration else 0.0
            if not seconds:  # the header does not say: the last packet does
                ends = [p.pts + (p.duration or 0) for p in container.demux(stream) if p.pts is not None]
                seconds = float(max(ends, default=0) * stream.time_base)
            return Facts(name, int(context.rate), int(context.channels), seconds, os.path.getsize(path))
    except (av.error.FFmpegError, ValueError) as error:
        problem = getattr(error, "strerror", None) or str(error)
        raise ReadError(path, f"expected audio: {problem.lower()}") from None


def channels(path: str) -> int:
    """How many channels a file that can be decoded has."""
    with optional("av", "embedded").open(f"file:{path}") as container:
        return int(container.streams.audio[0].codec_context.channels)


def _and_then_none(frames: Iterator[Any]) -> Iterator[Any]:
    yield from frames
    yield None  # flushes the resampler


def _missing_bytes(path: str) -> str:
    """What a cut file lacks, where FFmpeg takes what there is; empty for a whole one."""
    with open(path, "rb") as file:
        head = file.read(8)
        size = file.seek(0, os.SEEK_END)
        if head[:4] == b"OggS":
            file.seek(max(0, size - 2**17))
            tail = file.read()
            last = tail.rfind(b"OggS")
            # The header type of the last page, one byte after the version: 4 is the end of the stream.
            return "" if last >= 0 and len(tail) > last + 5 and tail[last + 5] & 4 else "Ogg pages"
    if head[:4] not in (b"RIFF", b"FORM"):
        return ""
    promised = int.from_bytes(head[4:], "little" if head[:4] == b"RIFF" else "big") + 8
    if promised >= 2**31:  # a recorder that streams does not know, and says so
        return ""
    return f"{promised - size:,} bytes" if promised > size else ""
