"""Streaming on the embedded engine: partial results while audio flows, finals at pauses.

Events have the shape of Transcribe Medical's streams, so whatever reads those reads these. A
final is recognised from the whole utterance, with a decoder that remembers nothing of what was
before: so it does not depend on how the audio came in pieces, nor on where a stream began.
"""

import threading
from typing import Any
from uuid import uuid4

import numpy as np

from medtx.engines import embedded, written
from medtx.engines.audio import RATE, Resampler
from medtx.engines.models import Chosen
from medtx.engines.utterances import Utterances
from medtx.errors import InputError

EVERY = 0.3
"""Seconds of audio between partial results of an utterance."""
HOLD = 0.12
"""Seconds for which a word that has just ended is held back: most of these become others."""

Event = dict[str, Any]


class Live:
    """Feed audio as it comes, get events: ``{"Transcript": {"Results": [...]}}``, one result each.

    ``rate`` is that of the samples. ``channels`` are recognised apart, and named as the service names
    them (``ch_0``, ``ch_1``). ``chosen`` is the language model, and a vocabulary.
    An utterance has one ``ResultId``: partial results, whenever its text has changed (words
    without confidence), and one final. Times are in seconds since the first sample.

    >>> live = Live()
    >>> live.feed(np.zeros(16000, np.int16)) + live.close()
    []
    """

    def __init__(
        self,
        channels: int = 1,
        *,
        rate: int = RATE,
        every: float = EVERY,
        chosen: Chosen = embedded.STOCK_MODEL,
    ) -> None:
        if channels < 1 or rate < 8000:
            raise InputError(f"channels={channels!r} is below 1, or rate={rate!r} below 8000")
        self._voices = [
            _Voice(f"ch_{i}" if channels > 1 else None, rate, round(every * RATE), chosen)
            for i in range(channels)
        ]

    def feed(self, samples: np.ndarray) -> list[Event]:
        """The events that these int16 samples bring, of shape (n,) or (channels, n).

        Raises `InputError` for another shape or type.
        """
        rows = np.atleast_2d(samples)
        if rows.dtype != np.int16 or rows.ndim != 2 or len(rows) != len(self._voices):
            raise InputError(
                f"samples are {rows.dtype} of shape {np.shape(samples)}, "
                f"not int16 of {len(self._voices)} channel(s)"
            )
        return [event for voice, row in zip(self._voices, rows) for event in voice.feed(row)]

    def close(self) -> list[Event]:
        """The finals of what was still being said."""
        return [event for voice in self._voices for event in voice.close()]


class _Voice:
    """One channel. It has a decoder only while somebody speaks."""

    def __init__(self, channel: str | None, rate: int, every: int, chosen: Chosen) -> None:
        self._channel, self._every, self._chosen = channel, every, chosen
        self._resampler = None if rate == RATE else Resampler(rate)
        self._cutter = Utterances()
        self._decoder: Any = None
        self._start = self._heard = 0  # first sample of the utterance; how many the decoder has
        self._id = self._shown = ""  # of the utterance; its text in the last partial result
        self._mean = ""  # cepstral, of the utterance before: a good guess while this one is open

    def feed(self, samples: np.ndarray) -> list[Event]:
        if self._resampler:
            samples = self._resampler.feed(samples)
        events = self._finals(self._cutter.feed(samples))
        if (open_now := self._cutter.pending()) is None:
            return events
        start, said = open_now
        if self._decoder is None:
            self._begin(start)
        if len(said) - self._heard >= self._every:
            self._decoder.process_raw(said[self._heard :].tobytes())
            self._heard = len(said)
            words = embedded.words(self._decoder, start)
            words = [word for word in words if word["end"] <= (start + len(said)) / RATE - HOLD]
            words = embedded.shown(words, words[-1]["end"], self._chosen) if words else []
            text = written.text(words)
            if text and text != self._shown:
                self._shown = text
                events.append(self._event(words, start + len(said), partial=True))
        return events

    def close(self) -> list[Event]:
        return self._finals(self._cutter.close())

    def _begin(self, start: int) -> None:
        self._decoder = _borrow(self._chosen)
        self._decoder.reinit_feat()
        if self._mean:
            self._decoder.set_cmn(self._mean)
        self._decoder.start_utt()
        self._start, self._heard, self._id, self._shown = start, 0, str(uuid4()), ""

    def _finals(self, ended: list[tuple[int, np.ndarray]]) -> list[Event]:
        events = []
        for start, said in ended:
            if self._decoder is None:
                self._begin(start)
            decoder, self._decoder = self._decoder, None
            decoder.end_utt()
            decoder.reinit_feat()
            words = embedded.recognise(decoder, start, said)
            words = embedded.shown(words, (start + len(said)) / RATE, self._chosen)
            self._mean = decoder.get_cmn()
            _give_back(self._chosen, decoder)
            if words or self._shown:  # what was shown must end, if only as nothing
                events.append(self._event(words, start + len(said), partial=False))
        return events

    def _event(self, words: list[dict[str, Any]], end: int, *, partial: bool) -> Event:
        items: list[dict[str, Any]] = []
        for word in words:
            if "start" not in word:
                at = items[-1]["EndTime"]
                items.append(
                    {"StartTime": at, "EndTime": at, "Type": "punctuation", "Content": word["content"]}
                )
                continue
            times = {"StartTime": round(word["start"], 3), "EndTime": round(word["end"], 3)}
            items.append(times | {"Type": "pronunciation", "Content": word["content"]})
            if not partial:
                items[-1]["Confidence"] = round(word["confidence"], 4)
        result = {
            "ResultId": self._id,
            "StartTime": round(self._start / RATE, 3),
            "EndTime": round(end / RATE, 3),
            "IsPartial": partial,
            "Alternatives": [{"Transcript": written.text(words), "Items": items}],
        }
        if self._channel:
            result["ChannelId"] = self._channel
        return {"Transcript": {"Results": [result]}}


_free: list[tuple[Chosen, Any]] = []
"""Decoders that no utterance needs: each takes 90 MB and 0.3 s to make."""
_KEPT = 8
_lock = threading.Lock()


def _borrow(chosen: Chosen) -> Any:
    with _lock:
        for n, (known, _) in enumerate(_free):
            if known == chosen:
                return _free.pop(n)[1]
    return embedded._new_decoder(chosen)


def _give_back(chosen: Chosen, decoder: Any) -> None:
    with _lock:
        _free.append((chosen, decoder))
        del _free[:-_KEPT]
