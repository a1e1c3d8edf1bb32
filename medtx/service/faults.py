"""What can be made to go wrong, and what the service's quotas would refuse."""

import random
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass, field, fields

from medtx.errors import InputError

RATES: Mapping[str, float] = {
    "StartMedicalTranscriptionJob": 25,
    "GetMedicalTranscriptionJob": 30,
    "ListMedicalTranscriptionJobs": 5,
    "DeleteMedicalTranscriptionJob": 5,
    "CreateMedicalVocabulary": 10,
    "GetMedicalVocabulary": 20,
    "ListMedicalVocabularies": 5,
    "UpdateMedicalVocabulary": 10,
    "DeleteMedicalVocabulary": 5,
    "DetectEntitiesV2": 100,
    "DetectPHI": 100,
    "InferICD10CM": 100,
    "InferRxNorm": 100,
    "InferSNOMEDCT": 2,
}
"""Calls a second that the service takes by default."""

CHARACTERS: Mapping[str, float] = {
    "DetectEntitiesV2": 40_000,
    "DetectPHI": 40_000,
    "InferICD10CM": 40_000,
    "InferRxNorm": 40_000,
    "InferSNOMEDCT": 5_000,
}
"""Characters a second, of the operations that count them, too."""


@dataclass(frozen=True)
class Faults:
    """What goes wrong, and how often; the same seed gives the same faults to the same calls.

    ``throttled``, ``failed`` and ``lost`` are shares of calls, from 0 to 1: refused for being too many;
    answered with status 500 and not done; done, but answered with status 500. ``operations`` limits
    them to these (``"StartMedicalTranscriptionJob"``, ``"PutObject"``, ...). ``slow`` is how many
    seconds each answer takes longer. Streams: ``drop_after`` cuts the connection after so many audio
    frames, for the next ``drops`` streams; ``bad_frames`` is the share of frames with a wrong checksum.

    Raises `InputError` for a share that is none.

    >>> Faults(throttled=0.5, operations=("StartMedicalTranscriptionJob",)).drops
    1
    """

    throttled: float = 0.0
    failed: float = 0.0
    lost: float = 0.0
    operations: tuple[str, ...] = ()
    slow: float = 0.0
    drop_after: int | None = None
    drops: int = 1
    bad_frames: float = 0.0
    seed: int = 0

    def __post_init__(self) -> None:
        for name in ("throttled", "failed", "lost", "bad_frames"):
            if not 0 <= getattr(self, name) <= 1:
                raise InputError(f"{name}={getattr(self, name)!r} is not a share between 0 and 1")
        if self.throttled + self.failed + self.lost > 1:
            raise InputError("throttled, failed and lost are shares of the same calls: together above 1")
        if not 0 <= self.slow < 3600:
            raise InputError(f"slow={self.slow!r} is not a number of seconds")
        if self.drop_after is not None and self.drop_after < 0:
            raise InputError(f"drop_after={self.drop_after!r} is not a number of frames")


@dataclass(frozen=True)
class Quotas:
    """What is refused for being too much.

    ``calls`` are calls a second by operation (`RATES` are the service's; empty: as many as come), and
    ``characters`` characters a second. ``streams`` and ``jobs`` may be under way at once;
    ``stream_seconds`` of audio may be in one stream, and ``silence`` seconds pass without any.
    """

    calls: Mapping[str, float] = field(default_factory=dict)
    characters: Mapping[str, float] = field(default_factory=dict)
    streams: int = 25
    jobs: int = 250
    stream_seconds: float = 4 * 3600.0
    silence: float = 15.0

    def __post_init__(self) -> None:
        for one in fields(self):
            value = getattr(self, one.name)
            for number in value.values() if isinstance(value, Mapping) else (value,):
                if not number > 0:
                    raise InputError(f"{one.name}={value!r} is not above 0")


class Dice:
    """The faults of one server, in the order in which its calls come."""

    def __init__(self, faults: Faults) -> None:
        self.faults = faults
        self._random = random.Random(faults.seed)
        self._drops = faults.drops

    def call(self, operation: str) -> str:
        """What goes wrong with this call: ``"throttled"``, ``"failed"``, ``"lost"`` or nothing."""
        if self.faults.operations and operation not in self.faults.operations:
            return ""
        drawn = self._random.random()
        for name in ("throttled", "failed", "lost"):
            drawn -= getattr(self.faults, name)
            if drawn < 0:
                return name
        return ""

    def drop(self) -> int | None:
        """After how many audio frames this stream is cut, if it is."""
        if self.faults.drop_after is None or self._drops == 0:
            return None
        self._drops -= 1
        return self.faults.drop_after

    def spoil(self, frame: bytes) -> bytes:
        if self._random.random() >= self.faults.bad_frames:
            return frame
        return frame[:-1] + bytes([frame[-1] ^ 0xFF])  # the last byte of the checksum


class Buckets:
    """Token buckets, each as deep as one second fills it."""

    def __init__(self, rates: Mapping[str, float]) -> None:
        self.rates = rates
        self._left: dict[str, tuple[float, float]] = {}
        self._lock = threading.Lock()

    def take(self, name: str, amount: float = 1) -> bool:
        rate = self.rates.get(name)
        if rate is None:
            return True
        with self._lock:
            now = time.monotonic()
            left, before = self._left.get(name, (max(rate, 1.0), now))
            left = min(max(rate, 1.0), left + (now - before) * rate)
            allowed = bool(left >= amount)
            self._left[name] = (left - amount if allowed else left, now)
        return allowed
