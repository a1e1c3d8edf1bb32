"""Whisper by faster-whisper (CTranslate2), with a model in a folder of the user's.

Such a model knows no specialties: ``specialty`` and ``type`` are only noted. It writes figures and
marks itself, gives one hypothesis, and may make up words where nobody speaks. A recording is held in
memory whole, 230 MB an hour and channel.

Source: https://github.com/SYSTRAN/faster-whisper
"""

import os
from collections.abc import Iterable
from functools import lru_cache
from importlib.metadata import version
from typing import Any

import numpy as np

from medtx.engines.audio import blocks
from medtx.engines.folder import Folder, files_of, with_marks
from medtx.engines.models.custom import Entry
from medtx.engines.result import Utterance, made
from medtx.errors import InputError, optional

NAME = "faster-whisper"
FILES = ("config.json", "model.bin", "tokenizer.json")  # without the last, it would be downloaded

LOOP = 10
"""Tokens that do not come again in the same order within 30 s: what ends a loop without sampling."""


def choose(
    model: str | os.PathLike[str] | None, specialty: str, vocabulary: tuple[Entry, ...] = ()
) -> Folder:
    """The model in a folder; the vocabulary becomes hotwords, as it is written.

    Raises `InputError` for what is no folder with a model.
    """
    folder, there = files_of(NAME, model)
    if missing := [file for file in FILES if file not in there]:
        raise InputError(
            f"model={folder!r} holds no {', '.join(missing)}: expected a Whisper model of CTranslate2, "
            f"with {', '.join(FILES)}"
        )
    optional("faster_whisper", NAME)
    return Folder(folder, FILES, __name__, vocabulary)


def name(chosen: Folder) -> str:
    """What stands as ``engine`` in the results."""
    return f"faster-whisper {version('faster-whisper')} ({chosen.identity()})"


@lru_cache(maxsize=1)
def load(folder: str) -> Any:
    whisper = optional("faster_whisper", NAME)
    return whisper.WhisperModel(folder, device="auto", compute_type="auto", local_files_only=True)


def transcribe(path: str, *, alternatives: int, split_channels: bool, chosen: Folder) -> dict[str, Any]:
    """Recognise one file; see `medtx.engines.embedded.transcribe`."""
    sound = np.concatenate(list(blocks(path, split=split_channels)), axis=1)
    spoken: list[Utterance] = []
    for channel, samples in enumerate(sound):
        segments, _ = load(chosen.folder).transcribe(
            samples.astype(np.float32) / 32768,
            language="en",
            temperature=0,  # the others sample: no two runs would be alike
            condition_on_previous_text=False,  # else a loop goes on to the end
            no_repeat_ngram_size=LOOP,
            word_timestamps=True,
            hotwords=", ".join(entry.shown for entry in chosen.vocabulary) or None,
        )
        for segment in segments:
            words = [item for word in _words(segment.words or ()) for item in with_marks(word)]
            if words:
                times = {"start": float(segment.start), "end": float(segment.end)}
                spoken.append({**times, "channel": channel, "hypotheses": [words]})
    return made(path, spoken, len(sound), sound.shape[1], split_channels, alternatives)


def _words(given: Iterable[Any]) -> list[dict[str, Any]]:
    """Whisper's words; one without a blank before it goes on with the one before: "1" and ".5"."""
    words: list[dict[str, Any]] = []
    for one in given:
        end, sure = float(one.end), float(one.probability)
        if words and not one.word.startswith(" "):
            before = words[-1]
            before |= {"end": end, "confidence": min(before["confidence"], sure)}
            before["content"] += one.word.rstrip()
        elif one.word.strip():
            said = {"content": one.word.strip(), "start": float(one.start), "end": end}
            words.append(said | {"confidence": sure})
    return words
