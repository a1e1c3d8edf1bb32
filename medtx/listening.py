"""What a person must hear to judge words: a stretch of sound around each, and those that meet joined.

A word is judged by ear only with some sound before and after it. Its stretch is the word with
``context`` seconds on each side, never beyond the recording. Stretches of one recording that
touch or overlap are heard once. All times are seconds.
"""

from typing import NamedTuple

import numpy as np
import pandas as pd

from medtx.errors import InputError

CONTEXT = 1.5
"""Seconds that are heard before and after a word, where nothing else is said."""

_APART = 1.0
"""Seconds between two recordings that are laid end to end: what is in two of them never touches."""


def check_context(context: float) -> float:
    number = isinstance(context, int | float | np.number) and not isinstance(context, bool)
    if not number or not 0 <= context < np.inf:
        raise InputError(f"context={context!r} is not a number of seconds")
    return float(context)


def long(minutes: float) -> str:
    """
    >>> long(56.84), long(0.05)
    ('56.8 minutes', '3 s')
    """
    return f"{minutes:,.1f} minutes" if minutes >= 1 else f"{60 * minutes:.0f} s"


def ends_of(recordings: pd.DataFrame, words: pd.DataFrame) -> np.ndarray:
    """Where each recording of the words ends: its duration, or its last word if that ends later."""
    names = words["recording"].cat.categories.astype(str)
    told = recordings.set_index(recordings["recording"].astype(str))["duration"].reindex(names)
    ends: np.ndarray = np.nan_to_num(told.to_numpy(float))
    code = words["recording"].cat.codes.to_numpy()
    np.fmax.at(ends, code[code >= 0], words["end"].to_numpy()[code >= 0])
    return ends


class Stretches(NamedTuple):
    """What is heard, in order of recording and time."""

    recording: np.ndarray
    start: np.ndarray
    end: np.ndarray
    of: np.ndarray  # of each word that was asked for: the number of its stretch


def joined(
    recording: np.ndarray, start: np.ndarray, end: np.ndarray, ends: np.ndarray, context: float
) -> Stretches:
    """The stretches around words with times; ``recording`` is a number, at which ``ends`` has its end.

    >>> s = joined(np.array([0, 0, 0]), np.array([1, 3.0, 9]), np.array([1.2, 3.1, 9.5]), np.array([10.0]), 1)
    >>> s.start, s.end, s.of
    (array([0., 8.]), array([ 4.1, 10. ]), array([0, 0, 1]))
    """
    if not len(recording):
        none = np.zeros(0)
        return Stretches(none.astype(int), none, none, none.astype(int))
    low, high, shift = _widened(recording, start, end, ends, context)
    order = np.lexsort((low, recording))
    reached = np.maximum.accumulate(high[order] + shift[order])
    new = np.append(True, (low + shift)[order][1:] > reached[:-1])
    of = np.empty(len(order), int)
    of[order] = new.cumsum() - 1
    first = np.flatnonzero(new)
    most = np.maximum.reduceat(high[order], first)
    return Stretches(recording[order][first], low[order][first], most, of)


class Times(NamedTuple):
    """Pieces of time, each with the score below which it is heard."""

    owner: np.ndarray
    score: np.ndarray
    minutes: np.ndarray


def by_score(
    owner: np.ndarray,
    start: np.ndarray,
    end: np.ndarray,
    score: np.ndarray,
    ends: np.ndarray,
    context: float,
) -> Times:
    """How long is heard at every threshold at once: minutes that add, by owner and score.

    What is heard below a threshold is the union of the stretches of lower score. So each piece of
    time between the ends of stretches is heard below the least score of those that cover it. A word
    without times gives its score a piece of NaN minutes. ``owner`` is a number, such as that of the
    recording, at which ``ends`` has the end.

    >>> by_score(*map(np.array, ([0, 0], [1.0, 2.0], [1.5, 2.5], [0.3, 0.9], [60.0])), 0.0).minutes * 60
    array([0.5, 0.5])
    """
    known = ~(np.isnan(start) | np.isnan(end))
    without = np.flatnonzero(~known)
    nan = Times(owner[without], score[without], np.full(len(without), np.nan))
    if not known.any():
        return nan
    owner, score = owner[known], score[known]
    low, high, shift = _widened(owner, start[known], end[known], ends, context)
    line = np.concatenate([low + shift, high + shift])
    order = np.argsort(line, kind="stable")  # two rising runs, where words come in order of time
    place = np.empty(len(order), int)
    place[order] = np.arange(len(order))
    least = _least(place[: len(low)], place[len(low) :], score, len(line))
    length = np.append(np.diff(line[order]), 0.0)
    mine = np.concatenate([owner, owner])[order]
    some = np.flatnonzero((least < np.inf) & (length > 0))
    least, length, mine = least[some], length[some], mine[some]
    new = np.ones(len(some), bool)
    new[1:] = (least[1:] != least[:-1]) | (mine[1:] != mine[:-1])
    first = np.flatnonzero(new)
    if not len(first):
        return nan
    found = Times(mine[first], least[first], np.add.reduceat(length, first) / 60)
    return Times(*(np.concatenate(both) for both in zip(found, nan)))


def _widened(
    owner: np.ndarray, start: np.ndarray, end: np.ndarray, ends: np.ndarray, context: float
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Stretches within their recordings, and how far each is shifted if these are laid end to end."""
    low = np.maximum(start - context, 0.0)
    high = np.maximum(np.minimum(end + context, ends[owner]), low)
    return low, high, (np.cumsum(ends + _APART) - ends - _APART)[owner]


def _least(first: np.ndarray, last: np.ndarray, score: np.ndarray, size: int) -> np.ndarray:
    """Of each of ``size`` places: the least score of the ranges [first, last) that cover it.

    A range is two blocks of a power of two, which may overlap. Blocks are halved until they are places.
    """
    wide = last - first
    some = wide > 0
    first, last, score, wide = first[some], last[some], score[some], wide[some]
    level = np.frexp(wide)[1] - 1  # the greatest power of two within the range
    found = np.full(size, np.inf)
    for k in range(int(level.max(initial=0)), -1, -1):
        mine = np.flatnonzero(level == k)
        for at in (first[mine], last[mine] - (1 << k)):  # no two ranges begin, or end, at one place
            found[at] = np.minimum(found[at], score[mine])
        if k:
            half = 1 << (k - 1)
            np.minimum(found[half:], found[:-half].copy(), out=found[half:])
    return found
