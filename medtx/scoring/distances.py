"""How far the two texts of each recording are apart, in words or in characters.

These are counts beside the aligned words: no pairs are made of them.
"""

import sys
from collections.abc import Sequence
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from rapidfuzz.distance import Levenshtein

from medtx.errors import InputError

if TYPE_CHECKING:
    from medtx.scoring.alignment import Alignment

LONG = 4096
"""Tokens or characters above which an alignment is first tried within a narrow band."""


def hint(size: int) -> int | None:
    """How many edits to try with first: for long texts a narrow search is several times quicker."""
    return size // 5 if size > LONG else None


def as_characters(ids: np.ndarray) -> str:
    """Ids as code points: rapidfuzz reads a string without touching Python objects."""
    if ids.max(initial=0) > sys.maxunicode:
        raise InputError(f"more than {sys.maxunicode:,} different words: align in several parts")
    return ids.astype("<u4").tobytes().decode("utf-32-le", "surrogatepass")


def distances(refs: Sequence[Any], hyps: Sequence[Any]) -> np.ndarray:
    """The edit distance of each reference from its hypothesis: texts, or lists of tokens."""
    found = (Levenshtein.distance(r, h, score_hint=hint(len(r))) for r, h in zip(refs, hyps))
    return np.fromiter(found, int, len(refs))


def grouped(values: Any, owner: np.ndarray, size: int) -> list[Any]:
    """The values (a list, an array or a text) of each of ``size`` owners, in their order.

    >>> grouped(["no", "cough", "fever"], np.array([0, 2, 2]), 3)
    [['no'], [], ['cough', 'fever']]
    """
    ends = np.concatenate([[0], np.cumsum(np.bincount(owner, minlength=size))])
    return [values[first:last] for first, last in pairwise(ends.tolist())]


def tokens_by_recording(alignment: "Alignment", side: str) -> list[list[str]]:
    """The tokens of each recording on one side."""
    pairs = alignment.pairs
    rows, owner = ordered(pairs["recording"], pairs[side].notna().to_numpy(), alignment)
    values = pairs[side].array[rows].to_numpy(dtype=object).tolist()
    return grouped(values, owner, len(alignment.recordings))


def of_characters(alignment: "Alignment") -> tuple[list[int], np.ndarray]:
    """Characters of each reference, its tokens joined by blanks, and how many of them are wrong."""
    refs, hyps = (
        list(map(" ".join, tokens_by_recording(alignment, side))) for side in ("reference", "hypothesis")
    )
    return list(map(len, refs)), distances(refs, hyps)


def of_raw_words(alignment: "Alignment") -> tuple[list[int], np.ndarray]:
    """Words of each reference as they were before they were normalised, and how many are wrong."""
    held = []
    for words in (alignment.reference, alignment.hypothesis):
        rows, owner = ordered(words["recording"], (words["kind"] == "pronunciation").to_numpy(), alignment)
        held.append((pd.Series(words["content"].array[rows], dtype="str"), owner))
    ids, _ = pd.factorize(pd.concat([content for content, _ in held], ignore_index=True))
    sides = np.split(ids, [len(held[0][0])])
    size = len(alignment.recordings)
    refs, hyps = (grouped(as_characters(one), owner, size) for one, (_, owner) in zip(sides, held))
    return list(map(len, refs)), distances(refs, hyps)


def ordered(
    recording: pd.Series, wanted: np.ndarray, alignment: "Alignment"
) -> tuple[np.ndarray, np.ndarray]:
    """The wanted rows that belong to the alignment's recordings, in their order, and whose each is."""
    known = pd.Index(alignment.recordings["recording"].astype(str))
    number = np.append(known.get_indexer(recording.cat.categories.astype(str)), -1)
    owner = number[recording.cat.codes.to_numpy()]
    rows = np.flatnonzero(wanted & (owner >= 0))
    owner = owner[rows]
    if (np.diff(owner) < 0).any():
        order = np.argsort(owner, kind="stable")
        rows, owner = rows[order], owner[order]
    return rows, owner
