"""Amazon Transcribe Medical: what it is asked, by which way, at what cost; checked before anything is sent.

Limits, quotas and prices: the service's developer guide and price list, and botocore's model.
Times are in seconds, prices in dollars.
"""

import hashlib
import json
import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import pandas as pd

from medtx.aws import checked_bucket, checked_endpoint, connect, where
from medtx.engines.audio import Facts
from medtx.errors import InputError, MedtxError, ReadError, check_number, not_one_of
from medtx.specialties import SPECIALTIES

NAME = "transcribe-medical"
ENGINE = "amazon-transcribe-medical"
"""What stands as ``engine`` in the tables."""

DOLLARS_A_MINUTE = 0.075
SHORTEST_BILLED = 15.0

FORMATS = {
    "mp3": "mp3",
    "wav": "wav",
    "flac": "flac",
    "ogg": "ogg",
    "amr": "amr",
    "matroska,webm": "webm",
    "mov,mp4,m4a,3gp,3g2,mj2": "mp4",
}
"""FFmpeg's name of a container -> the service's, for batch jobs."""

RATES = (16_000, 48_000)
MAX_CHANNELS = 2
SHORTEST, LONGEST = 0.5, 4 * 3600.0
MAX_BYTES = 2 * 1024**3
SPEAKERS = (2, 10)
ALTERNATIVES = (2, 10)
STREAMS = 25
"""How many streams an account may have at once."""


def named(by: str) -> str:
    """``engine`` in the tables by who answers, as `TranscribeMedical.answers` tells: "aws" or an address."""
    return ENGINE if by == "aws" else f"{ENGINE} at {by}"


@dataclass(frozen=True, kw_only=True)
class TranscribeMedical:
    """How Transcribe Medical is asked: the engine of `medtx.transcribe` and `medtx.stream`.

    A specialty that the service offers in batch is sent through ``bucket``, the others, and all
    where no bucket is named, are streamed; ``mode`` ("batch" or "streaming") decides it otherwise.

    ``region``, ``profile`` and ``endpoint_url`` (of Transcribe and S3; ``streaming_url`` of
    streams) are as AWS's own settings say, unless given.

    In the bucket, audio and results lie below ``prefix`` and stay there, unless ``clean``: then
    they are deleted when the result is kept here. ``output`` is another folder of the bucket for
    results. Both are encrypted with ``kms_key`` (results with ``kms_context`` too), or by S3's own.

    ``speakers`` (2 to 10) tells voices apart, ``vocabulary`` is the name of one that
    `medtx.engines.vocabulary` made, ``phi`` marks protected health information, ``tags`` are put
    on the jobs. ``max_cost`` in dollars: nothing is sent where the estimate is above it.

    A job is looked at after ``poll`` seconds, then ever more rarely, and given up (here, not
    there) after ``timeout``. A stream whose connection breaks makes new ones for ``retry_for``
    seconds and more, from the last final result on, before it is given up.

    Raises `InputError` for what the service would refuse.

    >>> TranscribeMedical(bucket="my-audio", speakers=1)
    Traceback (most recent call last):
    medtx.errors.InputError: speakers=1 is not a whole number from 2 to 10
    """

    bucket: str | None = None
    prefix: str = "medtx"
    output: str | None = None
    region: str | None = None
    profile: str | None = None
    endpoint_url: str | None = None
    streaming_url: str | None = None
    kms_key: str | None = None
    kms_context: Mapping[str, str] | None = None
    speakers: int | None = None
    vocabulary: str | None = None
    phi: bool = False
    tags: Mapping[str, str] | None = None
    mode: str | None = None
    clean: bool = False
    max_cost: float | None = None
    poll: float = 10.0
    timeout: float = 86_400.0
    retry_for: float = 90.0

    def __post_init__(self) -> None:
        _whole("speakers", self.speakers, SPEAKERS)
        if self.mode not in (None, "batch", "streaming"):
            raise not_one_of("mode", self.mode, ("batch", "streaming"))
        if self.mode == "batch" and self.bucket is None:
            raise InputError("mode='batch' needs a bucket for audio and results: bucket='...'")
        if self.bucket is not None:
            for prefix in (self.prefix, self.output or ""):
                checked_bucket(self.bucket, prefix)
                if odd := re.search(r"[^0-9a-zA-Z_.!*'()/-]", prefix):
                    raise InputError(
                        f"the folder {prefix!r} holds {odd[0]!r}: use letters, digits and -_.!*'()/"
                    )
        if self.vocabulary is not None:
            checked_name("vocabulary", self.vocabulary)
        if self.max_cost is not None and not self.max_cost >= 0:
            raise InputError(f"max_cost={self.max_cost!r} is not a number of dollars, 0 or more")
        if not (self.poll > 0 and self.timeout > 0):
            raise InputError(f"poll={self.poll!r} and timeout={self.timeout!r}: expected seconds above 0")
        check_number("retry_for", self.retry_for)
        if not 0 <= self.retry_for <= 86_400:
            raise InputError(f"retry_for={self.retry_for!r} is not a number of seconds, from 0 to a day")
        if self.kms_context is not None and not self.kms_key:
            raise InputError("kms_context needs a kms_key")
        if self.kms_key is not None and not re.fullmatch(
            r"[A-Za-z0-9][A-Za-z0-9:_/+=,@.-]{0,2047}", self.kms_key
        ):
            raise InputError(f"kms_key={self.kms_key!r} is not the id, alias or ARN of a key")
        for name, held, most in (("tags", self.tags, 50), ("kms_context", self.kms_context, 10)):
            if held is not None and not (
                1 <= len(held) <= most and all(isinstance(one, str) for pair in held.items() for one in pair)
            ):
                raise InputError(f"{name}: expected names and values, 1 to {most}")
        checked_endpoint(self.endpoint_url)

    def answers(self, mode: str) -> str:
        """Who does: ``"aws"``, or the address that AWS's own settings, or these, name in its place."""
        if mode == "streaming" and self.streaming_url:
            return where(self.streaming_url)
        try:
            client = connect("transcribe", self.region, self.endpoint_url, self.profile)
        except MedtxError:  # what was kept can be read without boto3 and without an account
            return where(self.endpoint_url)
        return where(client.meta.endpoint_url)

    def route(self, specialty: str) -> tuple[str, str]:
        """Whether a specialty goes by batch or streaming, and why.

        Raises `InputError` for one that ``mode`` does not offer.

        >>> TranscribeMedical(bucket="my-audio").route("PRIMARYCARE")
        ('batch', 'PRIMARYCARE is offered in batch')
        >>> TranscribeMedical(bucket="my-audio").route("CARDIOLOGY")
        ('streaming', 'CARDIOLOGY is offered by streaming only')
        """
        offered = SPECIALTIES[specialty]
        if self.mode is not None:
            if self.mode not in offered:
                raise InputError(
                    f"{specialty} is offered by {' and '.join(offered)} only, not in {self.mode}: "
                    f"use mode={offered[0]!r}, or leave mode out"
                )
            return self.mode, f"mode={self.mode!r} was asked for"
        if "batch" not in offered:
            return "streaming", f"{specialty} is offered by streaming only"
        if self.bucket is None:
            return "streaming", "no bucket is named, which batch needs"
        return "batch", f"{specialty} is offered in batch"


def checked_name(what: str, name: str) -> str:
    if not isinstance(name, str) or not re.fullmatch(r"[0-9a-zA-Z._-]{1,200}", name):
        raise InputError(f"{what}={name!r} is not a name of 1 to 200 letters, digits, points, hyphens and _")
    return name


def _whole(what: str, value: object, limits: tuple[int, int]) -> None:
    low, high = limits
    if value is not None and not (
        isinstance(value, int) and not isinstance(value, bool) and low <= value <= high
    ):
        raise InputError(f"{what}={value!r} is not a whole number from {low} to {high}")


class Wanted(NamedTuple):
    """What is asked of all files of a call."""

    service: TranscribeMedical
    alternatives: int | None = None
    split_channels: bool = False

    def check(self, modes: Sequence[str]) -> None:
        """Raises `InputError` for settings that these modes do not take together."""
        _whole("alternatives", self.alternatives, ALTERNATIVES)
        if self.split_channels and self.service.speakers:
            raise InputError(
                "speakers and split_channels exclude each other: a speaker on each channel needs "
                "split_channels alone, several on one channel speakers alone"
            )
        if self.alternatives and "streaming" in modes:
            raise InputError("alternatives are offered in batch only: leave them out for streams")


class Ask(NamedTuple):
    """One file that is to be recognised."""

    file: str
    name: str
    specialty: str
    type: str
    mode: str
    reason: str
    facts: Facts
    job: str  # the name of its job: the same for the same audio, asked in the same way

    @property
    def dollars(self) -> float:
        return dollars(self.facts.seconds)


def dollars(seconds: float) -> float:
    """By the public list price: each second begun, 15 at least.

    >>> dollars(3), dollars(60.2)
    (0.01875, 0.07625)
    """
    return max(math.ceil(seconds), SHORTEST_BILLED) / 60 * DOLLARS_A_MINUTE


def job_name(wanted: Wanted, endpoint: str, audio: str, specialty: str, type: str, mode: str) -> str:
    """Derived from the audio's digest and all that changes the result, and from who answers.

    So a second run finds the first one's job. The recording's own name is not in it, since names
    of people may stand there.
    """
    service = wanted.service
    settings = [wanted.alternatives, wanted.split_channels, service.speakers, service.vocabulary, service.phi]
    content = [1, endpoint, audio, specialty, type, mode, settings]
    return "medtx-" + hashlib.sha256(json.dumps(content).encode()).hexdigest()[:32]


def check_audio(file: str, facts: Facts, mode: str, split_channels: bool) -> None:
    """Raises `ReadError` for audio that the service would refuse, with the nearest thing that works."""
    if facts.seconds < SHORTEST:
        raise ReadError(
            file, f"the audio lasts {facts.seconds:.2f} s: the service takes {SHORTEST} s or more"
        )
    if split_channels and facts.channels != MAX_CHANNELS:
        count = "1 channel" if facts.channels == 1 else f"{facts.channels} channels"
        raise ReadError(file, f"{count}, and split_channels needs 2: leave it out for this file")
    if mode == "streaming":
        return  # it is decoded here, to 16 kHz
    streamed = "mode='streaming' takes it"
    if facts.format not in FORMATS:
        known = ", ".join(sorted({*FORMATS.values(), "m4a"}))
        raise ReadError(file, f"batch takes {known}: convert it to FLAC, or {streamed}")
    if not RATES[0] <= facts.rate <= RATES[1]:
        raise ReadError(
            file, f"{facts.rate:,} Hz: batch takes {RATES[0]:,} to {RATES[1]:,}: resample it, or {streamed}"
        )
    if facts.channels > MAX_CHANNELS:
        raise ReadError(file, f"{facts.channels} channels: batch takes 2 at most: mix them, or {streamed}")
    if facts.seconds > LONGEST:
        hours = facts.seconds / 3600
        raise ReadError(
            file, f"the audio lasts {hours:.1f} h: batch takes 4 h at most: cut it, or {streamed}"
        )
    if facts.size > MAX_BYTES:
        raise ReadError(file, f"{facts.size:,} bytes: batch takes 2 GB at most: convert it to FLAC or MP3")


def estimate(asks: Sequence[Ask], paid: Mapping[str, str], refused: Mapping[str, str]) -> pd.DataFrame:
    """A row a recording, and a TOTAL: ``mode``, ``reason``, ``seconds`` and ``dollars``.

    ``paid`` says of jobs why they cost nothing more, ``refused`` of recordings why they are not sent.
    """
    rows: dict[str, list[Any]] = {
        one.name: [one.mode, paid.get(one.job, one.reason), one.facts.seconds]
        + [0.0 if one.job in paid else one.dollars]
        for one in asks
    } | {name: ["", f"not sent: {why}", 0.0, 0.0] for name, why in refused.items()}
    table = pd.DataFrame.from_dict(rows, orient="index", columns=["mode", "reason", "seconds", "dollars"])
    table = table.rename_axis("recording").astype({"seconds": "float64", "dollars": "float64"})
    table.loc["TOTAL"] = ["", "by the public list price", table["seconds"].sum(), table["dollars"].sum()]
    return table
