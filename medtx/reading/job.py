"""The JSON of batch results, as types: decoding checks them and turns text into numbers.

Field names: the developer guide's pages on batch output.
"""

from typing import Annotated, Any

import msgspec


class Redaction(msgspec.Struct, gc=False):
    type: str | None = None
    category: str | None = None
    confidence: float | None = None


class Alternative(msgspec.Struct, gc=False):
    content: str = ""
    confidence: float | None = None
    redactions: list[Redaction] | None = None


class Item(msgspec.Struct, gc=False):
    type: str
    alternatives: list[Alternative]
    start_time: float | None = None
    end_time: float | None = None
    id: int | None = None
    speaker_label: str | None = None
    channel_label: str | None = None
    language_code: str | None = None
    tagged: bool | None = msgspec.field(default=None, name="vocabularyFilterMatch")


class FlatItem(msgspec.Struct, gc=False):
    content: str = ""
    confidence: float | None = None
    start_time: float | None = None
    end_time: float | None = None


class Hypothesis(msgspec.Struct, gc=False):
    transcript: str | None = None
    items: list[FlatItem] = []


class Segment(msgspec.Struct, gc=False):
    start_time: float
    end_time: float
    alternatives: list[Hypothesis] = []
    channel_label: str | None = None


class AudioSegment(msgspec.Struct, gc=False):
    start_time: float
    end_time: float
    transcript: str | None = None
    speaker_label: str | None = None
    channel_label: str | None = None
    items: list[int] = []


class SpokenItem(msgspec.Struct, gc=False):
    start_time: float
    end_time: float
    speaker_label: str | None = None


class SpeakerSegment(msgspec.Struct, gc=False):
    start_time: float
    end_time: float
    speaker_label: str | None = None
    items: list[SpokenItem] | None = None


class SpeakerLabels(msgspec.Struct, gc=False):
    segments: list[SpeakerSegment] | None = None


class Channel(msgspec.Struct, gc=False):
    channel_label: str
    items: list[Item] = []


class ChannelLabels(msgspec.Struct, gc=False):
    channels: list[Channel] | None = None


class Transcript(msgspec.Struct, gc=False):
    transcript: str | None = None


class Phi(msgspec.Struct, rename="camel"):
    content: str = ""
    category: str = ""
    start_time: float | None = None
    end_time: float | None = None
    confidence: float | None = None


class Language(msgspec.Struct, gc=False):
    language_code: str | None = None


class Results(msgspec.Struct, gc=False):
    items: list[Item] | None = None
    transcripts: list[Transcript] | None = None
    segments: list[Segment] | None = None
    audio_segments: list[AudioSegment] | None = None
    speaker_labels: SpeakerLabels | None = None
    channel_labels: ChannelLabels | None = None
    entities: list[Phi] | None = None
    language_code: str | None = None
    language_codes: list[Language] | None = None  # in the order of how long each was spoken

    def is_transcript(self) -> bool:
        return self.items is not None or self.channel_labels is not None


class Settings(msgspec.Struct, frozen=True, omit_defaults=True):
    """What was asked for."""

    engine: str
    specialty: str
    type: str
    alternatives: int
    split_channels: bool
    model: str = ""  # the language model's name and fingerprint; empty for the stock one
    vocabulary: str = ""  # a fingerprint

    def brief(self) -> str:
        apart = "channels apart" if self.split_channels else "channels mixed"
        with_words = f", vocabulary {self.vocabulary}" if self.vocabulary else ""
        return (
            f"{self.specialty}, {self.type}, {self.alternatives} alternatives, {apart}, "
            f"{self.model or 'stock'} model{with_words}"
        )


class Made(msgspec.Struct):
    """What an engine of medtx says of itself, beside the service's own keys."""

    engine: str
    language: str | None = None
    duration: Annotated[float, msgspec.Meta(ge=0)] | None = None
    channels: Annotated[int, msgspec.Meta(ge=1, le=256)] = 1
    channels_mixed: int = 0
    audio: str = ""  # SHA-256 of the file
    settings: Settings | None = None


class Job(msgspec.Struct, gc=False):
    results: Results | None = None
    job_name: str | None = msgspec.field(default=None, name="jobName")
    status: str | None = None
    redacted: bool | None = msgspec.field(default=None, name="isRedacted")
    medtx: Made | None = None


_DECODER = msgspec.json.Decoder(Job, strict=False)


def decode(data: bytes) -> Job:
    """Raises msgspec.ValidationError where the JSON is of another shape."""
    return _DECODER.decode(data)


def convert(data: Any) -> Job:
    return msgspec.convert(data, Job, strict=False)
