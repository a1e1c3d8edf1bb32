"""How far the two texts of each recording are apart, in words or in characters.

These are counts beside the aligned words: no pairs are made of them.
"""

import sys
from collections.abc import Sequence
from itertools import pairwise
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import pandas as pd
from rapidfuzz.distance import Levenshtein

from medtx.errors import InputError
from medtx.reading.build import without_gc
from medtx.scoring.order import Order, part_of, with_marks
from medtx.tables import is_heard

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


class ByPart(NamedTuple):
    """What each part of an alignment holds on both sides, and whose it is."""

    owner: np.ndarray  # of each part: the number of its recording in the alignment
    reference: list[Any]
    hypothesis: list[Any]

    def counted(self, size: int) -> tuple[np.ndarray, np.ndarray]:
        """The sizes of the references of ``size`` recordings, and how many of that are wrong."""
        sizes = [len(said) for said in self.reference]
        wrong = distances(self.reference, self.hypothesis)
        return added(self.owner, sizes, size), added(self.owner, wrong, size)


def added(owner: np.ndarray, values: Any, size: int) -> np.ndarray:
    """The values of parts, added up over each of ``size`` recordings."""
    found: np.ndarray = np.bincount(owner, weights=values, minlength=size).astype(int)
    return found


class Coded(NamedTuple):
    """The tokens of one side: each a number, and the part that it is of."""

    codes: np.ndarray
    names: np.ndarray  # of each number: the token
    part: np.ndarray

    def parts_with(self, wanted: np.ndarray, size: int) -> np.ndarray:
        """Which of ``size`` parts hold a token whose number is wanted."""
        held: np.ndarray = np.bincount(self.part[wanted[self.codes]], minlength=size) > 0
        return held

    def texts(self, wanted: np.ndarray) -> list[list[str]]:
        """The tokens of each of the parts that are wanted."""
        kept = wanted[self.part]
        with without_gc():
            tokens = self.names[self.codes[kept]].tolist()
            return grouped(tokens, (np.cumsum(wanted) - 1)[self.part[kept]], int(wanted.sum()))


def coded_by_part(alignment: "Alignment") -> tuple[np.ndarray, list[Coded]]:
    """The recording of each part, and both sides' tokens, without optional words that were left out."""
    pairs = alignment.pairs
    part = part_of(pairs)
    first = np.flatnonzero(np.diff(part, prepend=-1))
    owner = _numbers(alignment, pairs["recording"].cat.categories)[
        pairs["recording"].cat.codes.to_numpy()[first]
    ]
    counted = ((pairs["op"] == "delete") | is_heard(pairs)).to_numpy()
    sides = []
    for side in ("reference", "hypothesis"):
        rows = np.flatnonzero(pairs[side].notna().to_numpy() & counted)
        codes, names = pd.factorize(pairs[side].array[rows])
        sides.append(Coded(codes, names.to_numpy(dtype=object), part[rows]))
    return owner, sides


def tokens_by_part(alignment: "Alignment") -> ByPart:
    """The tokens of each part, without optional words that were left out."""
    owner, sides = coded_by_part(alignment)
    return ByPart(owner, *(side.texts(np.ones(len(owner), bool)) for side in sides))


def of_characters(alignment: "Alignment") -> tuple[np.ndarray, np.ndarray]:
    """Characters of each reference, its tokens joined by blanks, and how many of them are wrong."""
    parts = tokens_by_part(alignment)
    texts = (list(map(" ".join, side)) for side in parts[1:])
    return ByPart(parts.owner, *texts).counted(len(alignment.recordings))


def of_raw_words(alignment: "Alignment") -> tuple[np.ndarray, np.ndarray]:
    """Words of each reference as they were before they were normalised, and how many are wrong."""
    parts = alignment.parts
    known = _numbers(alignment, pd.Index(parts.names))[parts.recording]
    kept = np.flatnonzero(known >= 0)
    held = [
        _raw(words, order, len(known))
        for words, order in ((alignment.reference, parts.reference), (alignment.hypothesis, parts.hypothesis))
    ]
    ids, _ = pd.factorize(pd.concat([content for content, _ in held], ignore_index=True))
    sides = np.split(ids, [len(held[0][0])])
    texts = [grouped(as_characters(one), part, len(known)) for one, (_, part) in zip(sides, held)]
    refs, hyps = ([side[n] for n in kept] for side in texts)
    return ByPart(known[kept], refs, hyps).counted(len(alignment.recordings))


def _raw(words: pd.DataFrame, order: Order, size: int) -> tuple[pd.Series, np.ndarray]:
    """The words of each part with the marks after them, and the part that each is of."""
    said: Any = words["content"].array[order.rows]
    if (words["kind"] == "punctuation").any():
        said = with_marks(words, order.rows, said)
    content = pd.Series(said, dtype="str")
    part = np.repeat(np.arange(size), np.diff(order.begins))
    if any(word and word.split() != [word] for word in content.unique()):  # several words in one item
        pieces = content.str.split()
        part, content = np.repeat(part, pieces.str.len()), pieces.explode(ignore_index=True).astype("str")
    return content, part


def _numbers(alignment: "Alignment", names: pd.Index) -> np.ndarray:
    """The number of each of these recordings in the alignment; -1 where it is not there."""
    known = pd.Index(alignment.recordings["recording"].astype(str))
    found: np.ndarray = known.get_indexer(names.astype(str))
    return found
