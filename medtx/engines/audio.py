"""Audio in any common format -> 16 kHz samples, a block at a time."""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from medtx.errors import ReadError, optional

RATE = 16000
FORMATS = (".wav", ".flac", ".ogg", ".opus", ".mp3", ".mp4", ".m4a", ".webm", ".amr", ".aac", ".aiff")
"""What a folder of recordings is searched for; a file named outright may be of any format."""


def blocks(path: str, *, split: bool = False) -> Iterator[np.ndarray]:
    """The samples of ``path`` as int16 blocks of shape (channels, n), n at most a few seconds.

    Channels are mixed into one unless ``split``.

    Raises `ReadError` for a missing, empty, unknown or cut file, and for one without sound.
    """
    av = optional("av", "embedded")
    if not Path(path).is_file():
        raise ReadError(path, "no such file")
    if not Path(path).stat().st_size:
        raise ReadError(path, "the file is empty")
    decoded, loudest, declared = 0, 0, None
    try:
        with av.open(path) as container:
            if not container.streams.audio:
                raise ReadError(path, "expected audio, found none in this file")
            stream = container.streams.audio[0]
            channels = stream.codec_context.channels if split else 1
            # Other containers guess their duration, or do not know it.
            if stream.duration and container.format.name in ("flac", "mov,mp4,m4a,3gp,3g2,mj2"):
                declared = float(stream.duration * stream.time_base)
            layout = None if split else "mono"
            resampler = av.AudioResampler(format="s16", layout=layout, rate=RATE)
            for frame in _and_then_none(container.decode(stream)):
                for part in resampler.resample(frame):
                    block = part.to_ndarray().reshape(-1, channels).T
                    decoded += block.shape[1]
                    loudest = max(loudest, int(np.abs(block.astype(np.int32)).max(initial=0)))
                    yield block
    except av.error.FFmpegError as error:
        place = f"{decoded / RATE:.1f} s" if decoded else ""
        raise ReadError(path, f"expected audio: {error.strerror.lower()}", place) from None
    if not decoded:
        raise ReadError(path, "the audio has no samples")
    if declared is not None and decoded / RATE < 0.98 * declared - 0.2:
        raise ReadError(path, f"the audio is cut: {declared:.1f} s were promised", f"{decoded / RATE:.1f} s")
    if missing := _missing_bytes(path):
        raise ReadError(
            path, f"the audio is cut: {missing:,} more bytes were promised", f"{decoded / RATE:.1f} s"
        )
    if loudest < 8:  # -72 dB: below the dither of any microphone
        raise ReadError(path, f"the {decoded / RATE:.1f} s of audio are silent")


def channels(path: str) -> int:
    """How many channels a file that can be decoded has."""
    with optional("av", "embedded").open(path) as container:
        return int(container.streams.audio[0].codec_context.channels)


def _and_then_none(frames: Iterator[Any]) -> Iterator[Any]:
    yield from frames
    yield None  # flushes the resampler


def _missing_bytes(path: str) -> int:
    """How much shorter a WAV file is than its header says: FFmpeg takes what there is."""
    with open(path, "rb") as file:
        head = file.read(8)
        size = file.seek(0, os.SEEK_END)
    promised = int.from_bytes(head[4:], "little") + 8
    if head[:4] != b"RIFF" or promised >= 2**31:  # a recorder that streams does not know, and says so
        return 0
    return max(promised - size, 0)
