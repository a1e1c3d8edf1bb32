"""Transducers, CTC models and Whisper by sherpa-onnx, with a model in a folder of the user's.

Such a model knows no specialties: ``specialty`` and ``type`` are only noted. It gives one hypothesis.
Utterances are cut as for the embedded engine, so memory does not grow with a recording's length. Only
transducers give probabilities, and a word has the product of its tokens': the words of other models
have no confidence. A word begins with its
first token; when it ends, only some models tell: elsewhere it is `TOKEN` after its last token began.

Source: https://k2-fsa.github.io/sherpa/onnx/
"""

import math
import os
import re
from functools import lru_cache, partial
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np

from medtx.engines.audio import RATE
from medtx.engines.folder import Folder, files_of, with_marks
from medtx.engines.models.custom import Entry
from medtx.engines.result import Utterance, by_utterance
from medtx.errors import InputError, optional

NAME = "sherpa-onnx"
TOKEN = 0.1
"""Seconds of a token whose length the model does not tell."""
CTC = {
    "EncDecCTCModel": "nemo_ctc",
    "EncDecCTCModelBPE": "nemo_ctc",
    "EncDecHybridRNNTCTCBPEModel": "nemo_ctc",
    "medasr_ctc": "medasr_ctc",
    "tdnn": "tdnn_ctc",
    "wenet_ctc": "wenet_ctc",
    "zipformer2_ctc": "zipformer_ctc",
}
"""``model_type`` in a CTC model's metadata -> the recogniser that takes it."""
_KINDS = (
    ("encoder", "decoder", "joiner", "tokens"),
    ("encoder", "decoder", "tokens"),
    ("model", "tokens"),
)
_STARTS = ("\u2581", " ", "|")  # a token that begins with one of these begins a word


def choose(
    model: str | os.PathLike[str] | None, specialty: str, vocabulary: tuple[Entry, ...] = ()
) -> Folder:
    """The model in a folder. Raises `InputError` for what is none, and for a vocabulary."""
    folder, there = files_of(NAME, model)
    optional("sherpa_onnx", NAME)
    if vocabulary:
        raise InputError(f"vocabulary: engine={NAME!r} takes none, embedded and faster-whisper do")
    return Folder(folder, tuple(file for _, file in _parts(folder, there)), __name__)


def _parts(folder: str, there: list[str]) -> list[tuple[str, str]]:
    """(what sherpa-onnx calls it, file name) of each part of the model; whole numbers before halved ones."""
    for kind in _KINDS:
        found = []
        for part in kind:
            ending = ".txt" if part == "tokens" else ".onnx"
            files = [file for file in there if part in file and file.endswith(ending)]
            found += [(part, min(files, key=lambda file: ("int8" in file, len(file))))] if files else []
        if len(found) == len(kind):
            return found
    raise InputError(
        f"model={folder!r}: expected a model of sherpa-onnx, which is tokens.txt with encoder, decoder and "
        "joiner, with encoder and decoder (Whisper), or with model (CTC), each .onnx"
    )


def name(chosen: Folder) -> str:
    """What stands as ``engine`` in the results."""
    return f"sherpa-onnx {version('sherpa-onnx')} ({chosen.identity()})"


@lru_cache(maxsize=1)
def load(folder: str) -> Any:
    make = optional("sherpa_onnx", NAME).OfflineRecognizer
    parts = {part: str(Path(folder, file)) for part, file in _parts(folder, sorted(os.listdir(folder)))}
    if "joiner" in parts:
        return make.from_transducer(**parts, model_type="")  # it looks at the metadata itself
    if "encoder" in parts:
        return make.from_whisper(**parts, enable_token_timestamps=True)
    kind = _kind(parts["model"])
    if kind not in CTC:
        raise InputError(f"its model_type is {kind!r}, not one of {', '.join(sorted(CTC))}")
    return getattr(make, f"from_{CTC[kind]}")(**parts)


def _kind(model: str) -> str:
    """``model_type`` in the metadata of an ONNX file, which stand at its end."""
    with open(model, "rb") as file:
        file.seek(max(0, file.seek(0, os.SEEK_END) - (1 << 16)))
        found = re.search(rb"\n\x0amodel_type\x12(.)", file.read(), re.S)
        tail = b"" if found is None else found.string[found.end() : found.end() + found[1][0]]
    return tail.decode("utf-8", "replace")


def transcribe(path: str, *, alternatives: int, split_channels: bool, chosen: Folder) -> dict[str, Any]:
    """Recognise one file; see `medtx.engines.embedded.transcribe`."""
    recognise = partial(_recognise, load(chosen.folder))
    return by_utterance(path, split_channels, alternatives, recognise)


def _recognise(recognizer: Any, start: int, samples: np.ndarray, channel: int) -> list[Utterance]:
    stream = recognizer.create_stream()
    stream.accept_waveform(RATE, samples.astype(np.float32) / 32768)
    recognizer.decode_stream(stream)
    end = (start + len(samples)) / RATE
    words = [item for word in _words(stream.result, start / RATE, end) for item in with_marks(word)]
    return [{"start": start / RATE, "end": end, "channel": channel, "hypotheses": [words]}] if words else []


def _words(result: Any, begin: float, end: float) -> list[dict[str, Any]]:
    """Tokens with times, joined to words."""
    times, lengths, sure = list(result.timestamps), list(result.durations), list(result.ys_log_probs)
    words: list[dict[str, Any]] = []
    fresh = True
    for n, (token, time) in enumerate(zip(result.tokens, times)):
        bare = token.strip("".join(_STARTS))
        fresh |= token.startswith(_STARTS)
        if not bare:
            continue
        at = min(begin + time, end)
        if fresh or not words:
            words.append({"content": "", "start": at, "p": []})
        words[-1]["content"] += bare
        words[-1]["end"] = min(at + (lengths[n] if len(lengths) == len(times) else TOKEN), end)
        words[-1]["p"] += sure[n : n + 1]
        fresh = False
    for word, after in zip(words, [*words[1:], {"start": end}]):
        word["end"] = max(min(word["end"], after["start"]), word["start"])
        if p := word.pop("p"):
            word["confidence"] = math.exp(min(sum(p), 0))
    return words
