"""What a reviewer hears at a time: a word, a window of words, a segment or a recording.

Each position gets a score: it is heard at every threshold above it. A word's own score is its
confidence. Where the service gave none the word is neither sure nor unsure: it is heard only
when everything is, or always, as is asked.
"""

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
import pandas as pd

from medtx.errors import not_one_of
from medtx.scoring import Alignment
from medtx.scoring.order import part_of
from medtx.scoring.rates import of_words
from medtx.tables import is_heard, rows_at

UNKNOWN = {"skip": 2.0, "review": -1.0}
"""Own score of a word without a confidence: above every threshold but infinity, or below all."""


class Scored(NamedTuple):
    """The scores of an alignment's words and gaps."""

    token: np.ndarray  # of each row of pairs; infinite where no threshold reaches it
    unit: np.ndarray | None  # of each row of pairs: the number of its segment or recording
    row: np.ndarray  # of each recognised word: the row of pairs that it belongs to
    word: np.ndarray  # of each recognised word: its own score
    own: np.ndarray  # of each recognised word: its score if it were heard alone
    sure: np.ndarray  # of each recognised word: its confidence
    start: np.ndarray  # of each recognised word
    end: np.ndarray


def scores_of(alignment: Alignment, unit: str | int, unknown: str = "skip") -> Scored:
    """Scores by unit. A token of several recognised words is heard when any of these is."""
    check(unit)
    check_unknown(unknown)
    pairs = alignment.pairs
    gap = ~is_heard(pairs)
    words = pairs["words"].to_numpy()
    size = np.where(gap, 1, words)  # a token that shares its word with the one before has no place of its own
    row = np.repeat(np.arange(len(pairs)), size)
    heard = ~gap[row]
    sure, start, end = (pairs[c].to_numpy()[row] for c in ("confidence", "start", "end"))
    if (words > 1).any():  # each of several words has its own confidence
        own = _rows_of(alignment, row)
        several = (words > 1)[row]
        told = alignment.hypothesis
        sure, start, end = (
            np.where(several, told[c].to_numpy()[own], v)
            for c, v in (("confidence", sure), ("start", start), ("end", end))
        )
    recording = pairs["recording"].cat.codes.to_numpy()
    segment = of_words(alignment, "segment", sides=("hypothesis",)) if unit == "segment" else None
    unit_of = numbered(unit, recording, segment)
    own_score = np.where(heard, np.where(np.isnan(sure), UNKNOWN[unknown], sure), np.inf)
    units = None if unit_of is None else unit_of[row]
    score = spread(own_score, heard, part_of(pairs)[row], unit, units)
    if (size == 1).all():  # as nearly always
        token = score
    else:
        token = np.full(len(pairs), np.inf)
        np.minimum.at(token, row, score)
        shares = np.flatnonzero(size == 0)  # the last word before it
        last = np.maximum.accumulate(np.where(heard, np.arange(len(row)), 0))
        token[shares] = score[last[np.cumsum(size)[shares] - 1]]
    each = (values[heard] for values in (row, score, own_score, sure, start, end))
    return Scored(token, unit_of, *each)


def _rows_of(alignment: Alignment, row: np.ndarray) -> np.ndarray:
    """The row in the hypothesis' words of each recognised word of ``row``, as there are several a token."""
    pairs, told = alignment.pairs, alignment.hypothesis
    spoken = alignment.parts.hypothesis.rows  # the words of a token follow each other here
    place = np.zeros(len(told), int)
    place[spoken] = np.arange(len(spoken))
    at = place[rows_at(told, pairs["recording"], pairs["position"])]
    step = np.arange(len(row)) - np.searchsorted(row, row)
    found: np.ndarray = spoken[np.minimum(at[row] + step, len(spoken) - 1)]
    return found


def check(unit: str | int) -> None:
    named = isinstance(unit, str) and unit in ("word", "segment", "recording")
    if not named and (not isinstance(unit, int) or isinstance(unit, bool) or unit < 1):
        raise not_one_of("unit", unit, ("word", "segment", "recording"), " or a number of words")


def check_unknown(unknown: str) -> None:
    if unknown not in UNKNOWN:
        raise not_one_of("unknown", unknown, UNKNOWN)


def extent(
    unit: str | int, start: np.ndarray, end: np.ndarray, recording: np.ndarray, unit_of: np.ndarray | None
) -> tuple[np.ndarray, np.ndarray]:
    """From when to when the unit around each word is heard; NaN where none of its words has times.

    ``unit_of`` has the number of each word's segment. A recording is heard from its start to
    its end, which is given as infinity.
    """
    if unit == "word":
        return start, end
    if unit == "recording":
        return np.zeros(len(start)), np.full(len(start), np.inf)
    if unit_of is not None:
        size = unit_of.max(initial=-1) + 1
        first, last = np.full(size, np.nan), np.full(size, np.nan)
        np.fmin.at(first, unit_of, start)
        np.fmax.at(last, unit_of, end)
        return first[unit_of], last[unit_of]
    first, last = start, end
    for near, inside in neighbours(unit, recording):
        first = np.where(inside, np.fmin(first, start[near]), first)
        last = np.where(inside, np.fmax(last, end[near]), last)
    return first, last


def neighbours(unit: str | int, recording: np.ndarray) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Of each word: the words of the window around it, one after the other, and whether each is there."""
    half = 0 if unit == "word" else int(unit) // 2
    here = np.arange(len(recording))
    for step in range(-half, half + 1):
        near = np.clip(here + step, 0, max(len(recording) - 1, 0))
        yield near, (near == here + step) & (recording[near] == recording)


def numbered(unit: str | int, recording: np.ndarray, segment: pd.Series | None) -> np.ndarray | None:
    if unit == "recording":
        return recording.astype(int)
    if unit == "segment":
        codes: np.ndarray = pd.factorize(pd.MultiIndex.from_arrays([recording, segment]))[0]
        return codes
    return None


def spread(
    own: np.ndarray, heard: np.ndarray, recording: np.ndarray, unit: str | int, unit_of: np.ndarray | None
) -> np.ndarray:
    """The least score of each position's unit. ``heard`` are words; the others are gaps between them."""
    if unit_of is not None:
        least = np.full(unit_of.max(initial=-1) + 1, np.inf)
        np.minimum.at(least, unit_of, own)
        return np.asarray(least[unit_of])
    if unit == "word":
        return own
    half = int(unit) // 2
    said = np.flatnonzero(heard)
    after = np.searchsorted(said, np.arange(len(own)))  # of each position: the first word at or after it
    found = own.copy()
    for step in range(-half, half + 1):
        # A word has as many neighbours on each side; a gap lies between its two.
        at = after + np.where(heard, step, step if step < 0 else step - 1)
        inside = (at >= 0) & (at < len(said)) & (heard | (step != 0))
        other = said[np.clip(at, 0, len(said) - 1)]
        inside &= recording[other] == recording
        found = np.where(inside, np.minimum(found, own[other]), found)
    return np.asarray(found)
