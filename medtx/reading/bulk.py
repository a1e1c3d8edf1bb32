"""Many plain texts at once, as people have them in a dict: each column is filled in one go."""

from collections.abc import Mapping, Sequence
from itertools import chain

import numpy as np
import pandas as pd

from medtx.reading.build import without_gc
from medtx.tables import frame, labels
from medtx.transcripts import Transcripts


def of_lines(texts: Mapping[str, Sequence[str]]) -> Transcripts:
    """Recording -> lines of its text, as tables: a line is an utterance, a word what stands between blanks.

    Equal to reading each text by itself, and many times quicker. It knows neither times nor
    speakers: a text that has any is read by `medtx.reading.utterances.recording`.
    """
    with without_gc():
        lines = [[line for line in said if line.strip()] for said in texts.values()]
        words = [line.split() for line in chain.from_iterable(lines)]
        count = np.fromiter(map(len, words), int, len(words))
        owner, segment = _numbered(np.fromiter(map(len, lines), int, len(lines)))
        line, _ = _numbered(count)
        names = pd.Categorical.from_codes(np.arange(len(lines)), list(map(str, texts)))
        tables = {"recordings": frame("recordings", {"recording": names, "source": [""] * len(lines)})}
        tables["recordings"]["channels"] = np.ones(len(lines), np.int32)
        if len(words):
            _, position = _numbered(np.bincount(owner, count, len(lines)).astype(int))
            tables["words"] = frame(
                "words",
                {
                    "recording": pd.Categorical.from_codes(owner[line], dtype=names.dtype),
                    "position": position,
                    "segment": segment[line],
                    "content": list(chain.from_iterable(words)),
                    "kind": labels(["pronunciation"]).repeat(len(line)),
                },
            )
            tables["segments"] = frame(
                "segments",
                {
                    "recording": pd.Categorical.from_codes(owner, dtype=names.dtype),
                    "segment": segment,
                    "transcript": list(map(" ".join, words)),
                },
            )
        del lines, words
    return Transcripts(**tables)


def _numbered(sizes: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Of groups of these sizes, one after the other: each member's group, and its number in it.

    >>> _numbered(np.array([2, 0, 1]))
    (array([0, 0, 2]), array([0, 1, 0]))
    """
    group = np.repeat(np.arange(len(sizes)), sizes)
    return group, np.arange(len(group)) - np.repeat(np.cumsum(sizes) - sizes, sizes)
