"""The embedded engine: pocketsphinx with the model in its wheel. No account, no network.

It is weaker than the service and says so: its name stands in every result. Confidences
are word posteriors of the decoder's lattice; they saturate, so take them as uncalibrated.
"""

import difflib
import os
import re
import threading
from functools import partial
from importlib.metadata import version
from itertools import islice
from typing import Any

import numpy as np

from medtx.engines import written
from medtx.engines.audio import RATE
from medtx.engines.models import STOCK, Chosen, custom
from medtx.engines.models import choose as choose_model
from medtx.engines.models.custom import Entry
from medtx.engines.result import by_utterance
from medtx.errors import optional

STOCK_MODEL = Chosen()
HOP = 0.01  # seconds a decoder frame
NBEST_SEARCHED = 100  # most hypotheses differ in pauses only, and fall together
_VARIANT = re.compile(r"\(\d+\)$")  # "the(2)" is another pronunciation of "the"


def choose(
    model: str | os.PathLike[str] | None, specialty: str, vocabulary: tuple[Entry, ...] = ()
) -> Chosen:
    """What is asked of the engine. Raises `InputError` for a model that is none."""
    return Chosen(choose_model(model, specialty), vocabulary)


def name(chosen: Chosen = STOCK_MODEL) -> str:
    """What stands as ``engine`` in the results."""
    return f"medtx-embedded (pocketsphinx {version('pocketsphinx')}, {chosen.identity() or 'en-us'})"


def transcribe(
    path: str, *, alternatives: int = 5, split_channels: bool = False, chosen: Chosen = STOCK_MODEL
) -> dict[str, Any]:
    """Recognise one file; gives the ``results`` of a batch job, its duration and channels.

    Audio streams through: memory does not grow with its length, apart from the result.
    Raises `ReadError` for audio that cannot be used.
    """
    return by_utterance(
        path,
        split_channels,
        alternatives,
        partial(_recognise, chosen, alternatives),
        lambda channel: _decoder(channel, chosen).reinit_feat(),  # else the file before colours this one
    )


_own = threading.local()


def _decoder(channel: int, chosen: Chosen) -> Any:
    """One decoder a thread and channel: loading the model takes longer than a sentence.

    Those of another model go first: each takes more than 100 MB.
    """
    if _own.__dict__.get("chosen") != chosen:
        _own.chosen, _own.decoders = chosen, {}
    if channel not in _own.decoders:
        _own.decoders[channel] = _new_decoder(chosen)
    return _own.decoders[channel]


def _new_decoder(chosen: Chosen = STOCK_MODEL) -> Any:
    # Without the flat pass and with fewer active states it is twice as quick as stock, and no
    # worse: on ten dictations WER .474 for .528, AUROC of the confidences .80 for .82.
    settings = {"fwdflat": False, "maxhmmpf": 5000, "loglevel": "FATAL"}
    decoder = optional("pocketsphinx", "embedded").Decoder(**settings, **chosen.settings())
    if chosen.vocabulary:
        custom.add(decoder, chosen.vocabulary)
    return decoder


def _recognise(
    chosen: Chosen, alternatives: int, start: int, samples: np.ndarray, channel: int
) -> list[dict[str, Any]]:
    """The words of one utterance: none, or one entry with its hypotheses, best first."""
    decoder = _decoder(channel, chosen)
    best = recognise(decoder, start, samples)
    at, end = start / RATE, (start + len(samples)) / RATE
    if not best:
        return []
    hypotheses = [best]
    if alternatives > 1:
        seen = {tuple(word["content"] for word in best)}
        for hypothesis in islice(decoder.nbest() or (), NBEST_SEARCHED):
            if hypothesis is None:
                break
            tokens = [token for token in hypothesis.hypstr.split(" ") if token and _is_word(token)]
            words = tuple(word for token in tokens for word in _said(token))
            if words and words not in seen:
                seen.add(words)
                hypotheses.append(_placed(words, best))
                if len(hypotheses) == alternatives:
                    break
    forms = {written.text(form): form for form in (shown(words, end, chosen) for words in hypotheses)}
    if alternatives > 1 and written.text(best) not in forms:  # what was said stands last
        forms = dict(islice(forms.items(), alternatives - 1)) | {written.text(best): best}
    return [{"start": at, "end": end, "channel": channel, "hypotheses": list(forms.values())}]


def shown(words: list[dict[str, Any]], end: float, chosen: Chosen) -> list[dict[str, Any]]:
    """The words of an utterance until ``end``, as they are written; the stock model's as they were said."""
    return words if chosen.model == STOCK else written.utterance(words, end)


def recognise(decoder: Any, start: int, samples: np.ndarray) -> list[dict[str, Any]]:
    """The words of a whole utterance whose first sample is ``start``, with times and confidences."""
    decoder.start_utt()
    decoder.process_raw(samples.tobytes(), full_utt=True)
    decoder.end_utt()
    return words(decoder, start)


def words(decoder: Any, start: int) -> list[dict[str, Any]]:
    """What the decoder has heard; its confidences mean something once the utterance has ended."""
    at = start / RATE
    heard = []
    for segment in decoder.seg() or ():
        if not _is_word(segment.word):
            continue
        said = _said(segment.word)
        begins, ends = at + segment.start_frame * HOP, at + (segment.end_frame + 1) * HOP
        step = (ends - begins) / len(said)
        confidence = min(max(segment.prob, 0.0), 1.0)
        heard += [
            {
                "content": word,
                "start": begins + k * step,
                "end": ends if k == len(said) - 1 else begins + (k + 1) * step,
                "confidence": confidence,
            }
            for k, word in enumerate(said)
        ]
    return heard


def _said(word: str) -> list[str]:
    return custom.said(_VARIANT.sub("", word))


def _is_word(word: str) -> bool:
    return word[0] not in "<[+"


def _placed(words: tuple[str, ...], best: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """An n-best hypothesis with times: the decoder gives only its words.

    Where it agrees with the best one it takes time and confidence from there; elsewhere
    its words share the time of those they replace, and have no confidence.
    """
    placed: list[dict[str, Any]] = []
    before = [word["content"] for word in best]
    matcher = difflib.SequenceMatcher(None, before, words, autojunk=False)
    for tag, i1, i2, j1, j2 in matcher.get_opcodes():
        if tag == "equal":
            placed += best[i1:i2]
            continue
        first = best[i1]["start"] if i1 < len(best) else best[-1]["end"]
        last = best[i2 - 1]["end"] if i2 > i1 else first
        step = (last - first) / max(j2 - j1, 1)
        placed += [
            {"content": word, "start": first + k * step, "end": first + (k + 1) * step}
            for k, word in enumerate(words[j1:j2])
        ]
    return placed
