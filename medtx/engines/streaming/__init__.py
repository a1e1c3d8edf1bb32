"""Streams: audio as it comes -> events as they come, of Transcribe Medical or of the embedded engine."""

import asyncio
import threading
import time
import warnings
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Mapping
from contextlib import aclosing
from importlib import import_module
from os import PathLike
from pathlib import Path
from typing import Any

import numpy as np

from medtx import specialties
from medtx.engines import embedded
from medtx.engines.audio import RATE
from medtx.engines.medical import NAME, RATES, TranscribeMedical, named
from medtx.engines.models import Chosen, choose, custom
from medtx.engines.streaming.connection import NOTHING, Asked
from medtx.engines.streaming.record import Record
from medtx.engines.streaming.session import PART, PATIENCE, listen
from medtx.engines.streaming.tape import MICROPHONE, Tape, pcm
from medtx.engines.streaming.tape import Source as Audio
from medtx.engines.vocabulary import Source
from medtx.errors import InputError, MedtxError, check_number, expect, not_one_of
from medtx.reading import streaming
from medtx.reading.build import Builder, Parsed
from medtx.transcripts import Transcripts

TRANSPORTS = {"websocket": "medtx.engines.streaming.websocket", "http2": "medtx.engines.streaming.http2"}
Event = dict[str, Any]


def stream(
    source: Audio,
    *,
    specialty: str,
    type: str,
    engine: str | TranscribeMedical = NAME,
    transport: str = "websocket",
    rate: int = RATE,
    split_channels: bool = False,
    record: str | PathLike[str] | None = None,
    pace: float | None = None,
    model: str | PathLike[str] | None = None,
    vocabulary: Source | None = None,
) -> "Stream":
    """Recognise audio while it comes: ``async for event in stream(...)``, or ``stream(...).run()``.

    ``source`` is a file of any format, ``"microphone"``, or an iterator (asynchronous or not) of PCM
    bytes: 16 bits, little-endian, at ``rate``, of two channels where ``split_channels``. ``engine`` is
    ``"transcribe-medical"``, a `medtx.engines.TranscribeMedical` with its settings, or ``"embedded"``.
    ``transport`` is ``"websocket"`` or ``"http2"``. ``record`` is a file that gets each event as a line
    when it arrives, readable by its owner only, and read again by `medtx.read`; an older one is
    replaced once the first event is there, and no two processes write the same. If its disk is full
    there is a warning, and the stream goes on. ``pace`` is how many
    times faster than speech the audio is sent: 1 for the service, which takes no more, and as fast as
    it goes for the embedded engine. ``model`` and ``vocabulary`` are for the embedded engine, as in
    `medtx.transcribe`.

    An event is ``{"t": milliseconds, "sent": milliseconds, "data": ...}``: when it arrived, how much
    of the audio had been sent then, and what the service said, ``{"Transcript": {"Results": [...]}}``,
    with times in seconds of the source. The record's first line says what was asked, its last how the
    stream ended. A connection that breaks is made anew, from the end of the last final result, for as
    long as ``TranscribeMedical(retry_for=)`` says. A value that cannot be right, such as a confidence of
    7, is left out with a warning. A disk that is full ends the record, with a warning, not the stream.

    Raises `InputError` for what would be refused; while it runs, `ReadError` for audio that cannot be
    used and `MedtxError` for what the service refuses.

    >>> stream([bytes(32000)], specialty="cardiology", type="dictation", engine="embedded").run()
    <Transcripts: 1 recordings, 0 words>
    """
    kind = specialties.specialty(specialty), specialties.audio_type(type)
    if not isinstance(transport, str) or transport not in TRANSPORTS:
        raise not_one_of("transport", transport, TRANSPORTS)
    if not isinstance(rate, int) or not RATES[0] <= rate <= RATES[1]:
        raise InputError(f"rate={rate!r}: expected a whole number from {RATES[0]:,} to {RATES[1]:,} Hz")
    if pace is not None:
        check_number("pace", pace)
        if not pace > 0:
            raise InputError(f"pace={pace!r} is not a number above 0")
    if record is not None:
        expect(record, str, PathLike, name="record")
    if (
        engine not in (NAME, "embedded")
        if isinstance(engine, str)
        else not isinstance(engine, TranscribeMedical)
    ):
        raise not_one_of("engine", engine, (NAME, "embedded"))
    service = None if engine == "embedded" else TranscribeMedical() if isinstance(engine, str) else engine
    if service and (model is not None or vocabulary is not None):
        raise InputError(
            "model and vocabulary are for the embedded engine: "
            "the service takes TranscribeMedical(vocabulary=NAME)"
        )
    entries = () if vocabulary is None else custom.entries(vocabulary)
    chosen = None if service else Chosen(choose(model, kind[0]), entries)
    channels = 2 if split_channels else 1
    if service and service.speakers and split_channels:
        raise InputError("speakers are told apart in one channel: use either speakers or split_channels")
    asked = Asked(*kind, rate, channels, service or TranscribeMedical())
    tape = Tape(pcm(source, rate, channels), 2 * channels)
    name = Path(source).stem if isinstance(source, str | PathLike) else "stream"
    return Stream(name, asked, tape, chosen or transport, record, pace)


class Stream:
    """One stream, to be listened to once: ``async for``, or `run`."""

    def __init__(
        self,
        name: str,
        asked: Asked,
        tape: Tape,
        engine: str | Chosen,
        record: str | PathLike[str] | None,
        pace: float | None,
    ) -> None:
        self.name = name
        self._asked, self._tape, self._pace = asked, tape, pace
        self._engine = engine  # a transport to the service, or what the embedded engine knows
        self._record = None if record is None else Path(record)
        self._events: list[Event] | None = None  # kept, where they are to be read at the end
        self.recorded = False
        """Whether all of it, to its end, is in the file that was named."""
        self._heard = False
        self._failed: Exception | None = None
        self._odd = 0

    def stop(self) -> None:
        """End the audio here; what was said so far is still recognised."""
        self._tape.stop()

    def run(self, each: Callable[[Event], None] | None = None) -> Transcripts:
        """Listen to the end, and read the events; also where an event loop runs already, as in notebooks.

        ``each`` is called with every event as it comes, in the thread that listens. A stream that fails
        in the end gives what was heard before, with ``status`` FAILED and the ``reason`` in
        ``recordings``, and a warning; its error is raised where nothing was heard.
        """
        raised: list[BaseException] = []

        def work() -> None:
            try:
                asyncio.run(self.gather(each))
            except BaseException as error:
                raised.append(error)

        thread = threading.Thread(target=work, name="medtx-stream", daemon=True)
        thread.start()
        try:
            thread.join()
        except KeyboardInterrupt:
            self.stop()
            thread.join(5)
        if raised:
            raise raised[0]
        if self._failed:
            warnings.warn(f"{self.name}: {ended_early(_why(self._failed))}", stacklevel=2)
        builder = Builder()
        builder.add(self._parsed(), self.name, "")
        return builder.transcripts()

    async def gather(self, each: Callable[[Event], None] | None = None) -> Parsed:
        """As `run`, in the event loop that runs already; without the warning."""
        self._events = []
        try:
            async for event in self:
                if each:
                    each(event)
        except Exception as error:
            if error is not self._failed or not self._heard:
                raise
        return self._parsed()

    def _parsed(self) -> Parsed:
        (parsed,) = streaming.parse([self._header(), *(self._events or ())], self.name)  # it has one header
        return parsed

    def _header(self) -> Event:
        """What a record says of the stream: an event without results, to those who do not know it."""
        asked = self._asked
        if isinstance(self._engine, Chosen):
            engine = embedded.name(self._engine)
        else:
            engine = named(asked.service.answers("streaming"))
        known: dict[str, Any] = {"engine": engine, "specialty": asked.specialty, "type": asked.type}
        known |= {"language": "en-US", "sample_rate": asked.rate}
        known["ends"] = True  # the last line says how it ended
        return {"t": 0, "data": NOTHING, "medtx": known}

    async def __aiter__(self) -> AsyncIterator[Event]:
        if isinstance(self._engine, Chosen):
            await asyncio.to_thread(self._engine.ready)  # a model is built before the stream's time begins
        begun = time.monotonic()
        record = Record(self._record, self._header()) if self._record else None
        end: dict[str, str] = {}

        def kept(said: Mapping[str, Any], **more: Any) -> Event:
            sent = round(1000 * self._tape.sent / self._asked.rate)
            event = {"t": round(1000 * (time.monotonic() - begun)), "sent": sent, "data": said, **more}
            if self._events is not None:
                self._events.append(event)
            return event

        try:
            try:
                async with aclosing(self._said()) as heard:
                    async for said in heard:
                        event = kept(said)
                        self._heard = self._heard or bool(said["Transcript"]["Results"])
                        if record:
                            record.write(event)
                        yield event
            finally:
                await self._tape.close()
            if self._tape.error:
                raise self._tape.error
            end = {"end": "COMPLETED"}
        except Exception as error:
            self._failed = error
            end = {"end": "FAILED", "reason": _why(error)}
            raise
        finally:
            if (more := self._odd - 1) > 0:
                self._warn(f"{more} more values or events that cannot be right were left out")
            if end:
                last = kept(NOTHING, medtx=end)
                if record:
                    record.end(last, self._heard)
                    self.recorded = record.whole
            if record:
                record.close()

    def _tell(self, odd: str) -> None:
        """The first at once, the others are counted."""
        self._odd += 1
        if self._odd == 1:
            self._warn(f"left out what cannot be right: {odd}")

    def _warn(self, message: str) -> None:
        warnings.warn(f"{self.name}: {message}", stacklevel=2)

    def _said(self) -> AsyncGenerator[Event, None]:
        if isinstance(self._engine, Chosen):
            return self._embedded(self._engine)
        connect = import_module(TRANSPORTS[self._engine]).connect
        return listen(connect, self._asked, self._tape, self._pace or 1.0, self._tell)

    async def _embedded(self, chosen: Chosen) -> AsyncGenerator[Event, None]:
        from medtx.engines.live import Live

        channels, rate = self._asked.channels, self._asked.rate
        live, position, begun = Live(channels, rate=rate, chosen=chosen), 0, time.monotonic()
        while (audio := await self._tape.read(position, round(PART * rate), PATIENCE)) != b"":
            if audio is None:
                continue
            samples = np.frombuffer(audio, "<i2").reshape(-1, channels).T
            position += samples.shape[1]
            self._tape.forget(position)
            self._tape.sent = position
            for event in await asyncio.to_thread(live.feed, samples):
                yield event
            if self._pace:
                await asyncio.sleep(max(position / rate / self._pace - (time.monotonic() - begun), 0))
        for event in await asyncio.to_thread(live.close):
            yield event


def ended_early(why: str | None) -> str:
    return f"the stream ended early: {why}; what was heard before is given"


def _why(error: Exception) -> str:
    """Of an error that is not ours only the kind: its message may hold anything."""
    return str(error) if isinstance(error, MedtxError) else f"the source failed ({type(error).__name__})"


__all__ = ["MICROPHONE", "Stream", "stream"]
