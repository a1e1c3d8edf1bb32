"""How far the two texts of each recording are apart, in words or in characters.

These are counts beside the aligned words: no pairs are made of them.
"""

import sys
from collections.abc import Sequence
from itertools import chain, pairwise
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import pandas as pd
from rapidfuzz.distance import Levenshtein

from medtx.errors import InputError
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


class Tokens(NamedTuple):
    """The tokens of one side, part after part, without optional words that were left out."""

    names: list[str]  # distinct tokens
    codes: np.ndarray  # of each token: its number among them
    part: np.ndarray  # of each token

    def of(self, parts: np.ndarray) -> list[list[str]]:
        """The tokens of each of these parts."""
        first, last = (np.searchsorted(self.part, parts, side) for side in ("left", "right"))
        names = np.array(self.names, dtype=object)
        return [names[self.codes[i:j]].tolist() for i, j in zip(first.tolist(), last.tolist())]


def tokens_by_part(alignment: "Alignment") -> tuple[np.ndarray, Tokens, Tokens]:
    """The recording of each part, and the tokens of both sides."""
    pairs = alignment.pairs
    part = part_of(pairs)
    first = np.flatnonzero(np.diff(part, prepend=-1))
    recording = pairs["recording"].cat
    owner = _numbers(alignment, recording.categories)[recording.codes.to_numpy()[first]]
    counted = ((pairs["op"] == "delete") | is_heard(pairs)).to_numpy()
    sides = []
    for side in ("reference", "hypothesis"):
        rows = np.flatnonzero(pairs[side].notna().to_numpy() & counted)
        codes, names = pd.factorize(pairs[side].array[rows])
        sides.append(Tokens(list(names), codes, part[rows]))
    return owner, sides[0], sides[1]


def of_characters(alignment: "Alignment") -> tuple[np.ndarray, np.ndarray]:
    """Characters of each reference, its tokens joined by blanks, and how many of them are wrong."""
    owner, *sides = alignment.tokens
    texts = (list(map(" ".join, side.of(np.arange(len(owner))))) for side in sides)
    return ByPart(owner, *texts).counted(len(alignment.recordings))


def of_raw_words(alignment: "Alignment") -> tuple[np.ndarray, np.ndarray]:
    """Words of each reference as they were before they were normalised, and how many are wrong."""
    parts = alignment.parts
    known = _numbers(alignment, pd.Index(parts.names))[parts.recording]
    kept = np.flatnonzero(known >= 0)
    vocabulary: dict[str, int] = {}
    texts = []
    for words, order in (
        (alignment.reference, parts.reference),
        (alignment.hypothesis, parts.hypothesis),
    ):
        ids, part = _raw(words, order, vocabulary)
        texts.append(grouped(as_characters(ids), part, len(known)))
    refs, hyps = ([side[n] for n in kept] for side in texts)
    return ByPart(known[kept], refs, hyps).counted(len(alignment.recordings))


def _raw(words: pd.DataFrame, order: Order, vocabulary: dict[str, int]) -> tuple[np.ndarray, np.ndarray]:
    """The words of each part with the marks after them, as numbers, and the part that each is of."""
    said: Any = words["content"].array[order.rows]
    if (words["kind"] == "punctuation").any():
        said = np.array(with_marks(words, order.rows, said), dtype=object)
    codes, names = pd.factorize(said)
    made = [[vocabulary.setdefault(word, len(vocabulary)) for word in name.split()] for name in names]
    ids, count = spread(codes, made)
    size = np.diff(order.begins)
    return ids, np.repeat(np.repeat(np.arange(len(size)), size), count)


def spread(codes: np.ndarray, made: list[list[int]]) -> tuple[np.ndarray, np.ndarray]:
    """What each code stands for, one after the other, and how many numbers each gives.

    >>> spread(np.array([1, 0, 1]), [[7], [8, 9]])
    (array([8, 9, 7, 8, 9]), array([2, 1, 2]))
    """
    sizes = np.array([len(ids) for ids in made], dtype=int)
    flat = np.array(list(chain.from_iterable(made)), dtype=int)
    count = sizes[codes]
    within = np.arange(count.sum()) - np.repeat(np.cumsum(count) - count, count)
    return flat[np.repeat((np.cumsum(sizes) - sizes)[codes], count) + within], count


def _numbers(alignment: "Alignment", names: pd.Index) -> np.ndarray:
    """The number of each of these recordings in the alignment; -1 where it is not there."""
    known = pd.Index(alignment.recordings["recording"].astype(str))
    found: np.ndarray = known.get_indexer(names.astype(str))
    return found
