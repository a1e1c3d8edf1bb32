"""Cut a stream of samples into utterances at pauses, with a longest length."""

from collections import deque

import numpy as np

from medtx.engines.audio import RATE
from medtx.errors import optional

FRAME = 480  # 30 ms
PAUSE = 12  # frames without speech that end an utterance
LEAD = 8  # frames kept before and after speech
LONGEST = 660  # frames (20 s); a longer utterance is cut where it is quietest
SEARCH = 160  # in its last frames


class Utterances:
    """Feed blocks, get the utterances that ended: (first sample, int16 samples).

    Memory is bounded by the longest utterance, whatever the length of the audio.
    """

    def __init__(self) -> None:
        pocketsphinx = optional("pocketsphinx", "embedded")
        self._vad = pocketsphinx.Vad(pocketsphinx.Vad.MEDIUM_STRICT, RATE, FRAME / RATE)
        self._rest = np.empty(0, np.int16)
        self._lead: deque[np.ndarray] = deque(maxlen=LEAD)
        self._open: list[np.ndarray] = []
        self._quiet = 0  # frames since speech was last heard
        self._at = 0  # samples consumed

    def feed(self, samples: np.ndarray) -> list[tuple[int, np.ndarray]]:
        samples = np.concatenate([self._rest, samples])
        whole = len(samples) // FRAME * FRAME
        self._rest = samples[whole:]
        done = []
        for frame in samples[:whole].reshape(-1, FRAME):
            done += self._frame(frame)
        return done

    def pending(self) -> tuple[int, np.ndarray] | None:
        """The utterance that is open, as far as it has come."""
        if not self._open:
            return None
        samples = np.concatenate(self._open)
        return self._at - len(samples), samples

    def close(self) -> list[tuple[int, np.ndarray]]:
        """The utterance that was still open when the audio ended."""
        if not self._open:
            return []
        self._open.append(self._rest)
        self._at += len(self._rest)
        return self._end(np.concatenate(self._open))

    def _frame(self, frame: np.ndarray) -> list[tuple[int, np.ndarray]]:
        self._at += FRAME
        speech = self._vad.is_speech(frame.tobytes())
        if not self._open:
            self._lead.append(frame)
            if speech:
                self._open, self._quiet = list(self._lead), 0
                self._lead.clear()
            return []
        self._open.append(frame)
        self._quiet = 0 if speech else self._quiet + 1
        if self._quiet >= PAUSE:
            samples = np.concatenate(self._open)
            self._lead.extend(self._open[-(PAUSE - LEAD) :])
            return self._end(samples[: -(PAUSE - LEAD) * FRAME], (PAUSE - LEAD) * FRAME)
        if len(self._open) >= LONGEST:
            energy = [np.square(frame.astype(float)).sum() for frame in self._open[-SEARCH:]]
            quietest = int(np.argmin(np.convolve(energy, np.ones(3), "valid"))) + 1
            before = self._open[: quietest - SEARCH]
            after = self._open[quietest - SEARCH :]
            done = self._end(np.concatenate(before), len(after) * FRAME)
            self._open = after
            return done
        return []

    def _end(self, samples: np.ndarray, after: int = 0) -> list[tuple[int, np.ndarray]]:
        self._open = []
        return [(self._at - after - len(samples), samples)]
