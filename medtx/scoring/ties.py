"""Of alignments with equally few errors, the one nearest in time.

Edit distance does not say which of two equal words was left out, nor which of three wrong
words was heard for which of two. Where both sides have times these ties are settled: a
reference word is at its own time, or anywhere within its utterance's.
"""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

LONGEST = 250_000
"""Pairs within a run of wrong words beyond which its ties stay: nothing in it is right anyhow."""

EQUAL, SUBSTITUTE, DELETE, INSERT = range(4)


class Times(NamedTuple):
    """Of each token of one side, in seconds; NaN where not known."""

    start: np.ndarray
    end: np.ndarray


class Path(NamedTuple):
    """Aligned positions: operation, token of the reference, and of the hypothesis (-1: none)."""

    op: np.ndarray
    ref: np.ndarray
    hyp: np.ndarray


def settle(
    path: Path, ids: tuple[np.ndarray, np.ndarray], times: tuple[Times, Times], owner: np.ndarray
) -> Path:
    """The path with its ties settled by time, from the token ids and times of both sides.

    ``owner`` is the recording of each position: nothing moves from one to another.
    """
    ref, hyp = times
    op, r, h = (column.copy() for column in path)
    middle = (hyp.start + hyp.end) / 2

    def cost(i: int, j: int) -> float:
        """Seconds between a reference token and a recognised one."""
        if i < 0 or j < 0:
            return 0.0
        gap = max(ref.start[i] - middle[j], middle[j] - ref.end[i], 0.0)
        return gap if gap == gap else 0.0

    wrong = np.flatnonzero(op != EQUAL)
    if not len(wrong):
        return path
    breaks = np.flatnonzero((np.diff(wrong) > 1) | (np.diff(owner[wrong]) != 0)) + 1
    for run in np.split(wrong, breaks):
        first, last = run[0], run[-1] + 1
        refs, hyps = r[first:last][r[first:last] >= 0], h[first:last][h[first:last] >= 0]
        if len(refs) and len(hyps) and len(refs) != len(hyps) and len(refs) * len(hyps) < LONGEST:
            _pair(op, r, h, first, refs, hyps, cost)
        elif len(hyps) == 0:
            _slide(Path(op, r, h), first, last, owner, ids[0], True, cost)
        elif len(refs) == 0:
            _slide(Path(op, r, h), first, last, owner, ids[1], False, cost)
    return Path(op, r, h)


Cost = Callable[[int, int], float]


def _pair(
    op: np.ndarray, r: np.ndarray, h: np.ndarray, first: int, refs: np.ndarray, hyps: np.ndarray, cost: Cost
) -> None:
    """Pair the fewer tokens with the more, in order, at the least distance in time."""
    swap = len(refs) > len(hyps)
    few, many = (hyps, refs) if swap else (refs, hyps)
    spare = len(many) - len(few)
    far = np.array([[cost(b, a) if swap else cost(a, b) for b in many] for a in few])
    best = np.zeros((len(few) + 1, spare + 1))  # of the first i pairs with k tokens left out before them
    for i in range(1, len(few) + 1):
        for k in range(spare + 1):
            here = best[i - 1, : k + 1] + far[i - 1, i - 1 + k]
            best[i, k] = here.min()
    chosen, k = [], int(np.argmin(best[len(few)]))
    for i in range(len(few), 0, -1):
        chosen.append(i - 1 + k)
        k = int(np.argmin(best[i - 1, : k + 1]))
    partner = dict(zip(reversed(chosen), range(len(few))))
    for n, token in enumerate(many):
        at = first + n
        if n in partner:
            other = few[partner[n]]
            op[at], r[at], h[at] = (SUBSTITUTE, token, other) if swap else (SUBSTITUTE, other, token)
        else:
            op[at], r[at], h[at] = (DELETE, token, -1) if swap else (INSERT, -1, token)


def _slide(
    path: Path, first: int, last: int, owner: np.ndarray, ids: np.ndarray, deleted: bool, cost: Cost
) -> None:
    """Move a run of deletions (or insertions) over equal words, to where times say it belongs.

    "no no" against "no": which of the two was left out?
    """
    op, r, h = path
    mine, other = (r, h) if deleted else (h, r)
    while last < len(op) and op[last] == EQUAL and owner[last] == owner[first]:
        if ids[mine[first]] != ids[mine[last]]:
            break
        pair = (mine[first], other[last])
        now = cost(r[last], h[last])
        then = cost(*pair) if deleted else cost(pair[1], pair[0])
        if then >= now:
            break
        # The first of the run takes the equal word's partner, and the equal word joins the run.
        other[first], other[last] = other[last], -1
        op[first], op[last] = EQUAL, DELETE if deleted else INSERT
        first, last = first + 1, last + 1
    while first > 0 and op[first - 1] == EQUAL and owner[first - 1] == owner[first]:
        if ids[mine[last - 1]] != ids[mine[first - 1]]:
            break
        now = cost(r[first - 1], h[first - 1])
        pair = (mine[last - 1], other[first - 1])
        then = cost(*pair) if deleted else cost(pair[1], pair[0])
        if then >= now:
            break
        other[last - 1], other[first - 1] = other[first - 1], -1
        op[last - 1], op[first - 1] = EQUAL, DELETE if deleted else INSERT
        first, last = first - 1, last - 1
