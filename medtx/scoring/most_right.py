"""Of alignments with equally few errors one with the most right words, and of these the nearest in time.

"a b" heard as "b c" is two substitutions, or a deletion, a right word and an insertion: two errors
either way, and the second says more. Edit distance alone does not choose.
"""

from itertools import pairwise

import numpy as np

from medtx.scoring.ties import DELETE, EQUAL, INSERT, SUBSTITUTE, Times

REACH = 8
"""Words to both sides in which a word's equal is looked for: the most errors that one tie may hold."""

PIECE = 128
"""Aligned positions beyond which a stretch is cut, and each piece is settled by itself."""

_STEP = 1024
"""What an error costs, so that a substitution, at one more, decides only where errors are equal."""

_SCALE = 1 << 21
"""What that is multiplied by where times are known, so that milliseconds decide last."""

_FAR = 16_000
"""Milliseconds beyond which two words are equally far apart: `PIECE` times this is less than `_SCALE`."""

Ids = tuple[np.ndarray, np.ndarray]


def most_right(
    op: np.ndarray, ids: Ids, ends: np.ndarray, times: tuple[Times, Times] | None = None
) -> np.ndarray:
    """The operations of paths with as few errors, the most right words among these, and the nearest in time.

    ``op`` has the operations of all recordings one after the other, ``ids`` the tokens of the
    references and of the hypotheses, ``ends`` where each recording ends in ``op``, ``times`` when
    each token was said. The answer is exact where a tie holds no more than `REACH` errors and
    `PIECE` positions.

    >>> ids = np.array([1, 2]), np.array([2, 3])
    >>> most_right(np.array([SUBSTITUTE, SUBSTITUTE], dtype=np.int8), ids, np.array([2])).tolist()
    [2, 0, 3]
    """
    seen = [np.append(0, np.cumsum(op != other)) for other in (INSERT, DELETE)]  # tokens of each side
    first, last = _stretches(op, ids, seen, ends, times is not None)
    spans = [(tokens[first], tokens[last] - tokens[first]) for tokens in seen]
    swapped = np.append(0, np.cumsum(op == SUBSTITUTE))
    worth = (spans[0][1] > 0) & (spans[1][1] > 0)
    if times is None:  # a path with more right words has two substitutions less, or four ...
        worth &= swapped[last] - swapped[first] >= 2
    first, last = first[worth], last[worth]
    if not len(first):
        return op
    spans = [(start[worth], length[worth]) for start, length in spans]
    wrong = np.append(0, np.cumsum(op != EQUAL))
    now = _STEP * (wrong[last] - wrong[first]) + swapped[last] - swapped[first]
    if times is not None:
        both = (op == EQUAL) | (op == SUBSTITUTE)
        apart = np.zeros(len(op) + 1, np.int64)
        apart[1:][both] = _apart(times, seen[0][:-1][both], seen[1][:-1][both])
        apart = np.cumsum(apart)
        now = now * _SCALE + apart[last] - apart[first]
    size = np.maximum(spans[0][1], spans[1][1])
    better: dict[int, np.ndarray] = {}
    for low, high in pairwise([0, 3, 5, 8, 16, 32, 64, PIECE]):
        some = np.flatnonzero((size > low) & (size <= high))
        for part in np.array_split(some, 1 + len(some) * high * high // 1_000_000):
            lengths = [length[part] for _, length in spans]
            pair, same = _pairs(ids, [(start[part], length[part]) for start, length in spans], times)
            step = _STEP if times is None else _STEP * _SCALE
            cost = _costs(pair, step)
            found = np.flatnonzero(cost[np.arange(len(part)), lengths[0], lengths[1]] < now[part])
            steps = _steps(
                cost[found], pair[found], same[found], step, *(length[found] for length in lengths)
            )
            better |= {part[n]: row[row >= 0] for n, row in zip(found, steps)}
    pieces, at = [], 0
    for n in sorted(better):
        pieces += [op[at : first[n]], better[n]]
        at = last[n]
    return np.concatenate([*pieces, op[at:]])


def _stretches(
    op: np.ndarray, ids: Ids, seen: list[np.ndarray], ends: np.ndarray, timed: bool
) -> tuple[np.ndarray, np.ndarray]:
    """Where another path with as few errors may be better: first positions, and ends.

    Between two points that both paths pass, a right word of this path is right in the other one
    only if an equal word was heard near by. So in such a stretch there are more wrong words with an
    equal near by than right words without. For as many right words, which times may prefer, there
    are no fewer of these; wrong recognised words count then too.
    """
    ref, hyp = ids
    wrong = np.flatnonzero((op == SUBSTITUTE) | (op == DELETE))
    said, place = ref[seen[0][wrong]], seen[1][wrong]
    near = np.zeros(len(wrong), bool)
    padded = np.concatenate([np.full(REACH, -1), hyp, np.full(REACH + 1, -1)])
    for shift in range(2 * REACH + 1):
        near |= padded[shift:][place] == said
    if not (timed or near.any()):
        return wrong[:0], wrong[:0]
    twin = np.zeros(len(hyp), np.int8)
    for shift in range(1, REACH + 1):
        same = hyp[shift:] == hyp[:-shift]
        twin[shift:] |= same
        twin[:-shift] |= same
    plus, minus = (3, 2) if timed else (1, 1)  # with times, a stretch of as many of both counts too
    score = np.zeros(len(op), np.int8)
    score[op != DELETE] = minus * (twin - 1)
    score[op == INSERT] = 0
    score[op == SUBSTITUTE] = 0
    score[wrong[near]] = plus
    if timed:
        heard = np.flatnonzero((op == INSERT) | (op == SUBSTITUTE))
        score[heard[twin[seen[1][heard]] > 0]] = plus
    size = np.diff(ends, prepend=0)
    cuts = np.zeros(len(op) + 1, np.int32)  # nothing goes on from one recording to the next
    np.add.at(cuts, ends, plus * (size + np.append(size[1:], 0)) + 1)
    after = np.cumsum(score, dtype=np.int32) - np.cumsum(cuts[:-1], dtype=np.int32)
    before = after - score
    highest = np.maximum.accumulate(after[::-1])[::-1]
    inside = highest - np.minimum.accumulate(before) >= 1
    begins = inside & ~np.append(False, inside[:-1])
    ends = ends[ends < len(op)]
    begins[ends] = inside[ends]
    first = np.flatnonzero(begins)
    stops = np.append(~inside | begins, True)
    edges = np.flatnonzero(stops)
    last = edges[np.searchsorted(edges, first, side="right")]
    long = np.flatnonzero(last - first > PIECE)
    if len(long):
        more = np.concatenate([np.arange(first[n] + PIECE, last[n], PIECE) for n in long])
        first = np.sort(np.append(first, more))
        edges = np.sort(np.append(last, more))
        last = edges
    return first, last


def _apart(times: tuple[Times, Times], i: np.ndarray, j: np.ndarray) -> np.ndarray:
    """Milliseconds between reference tokens and the middles of recognised ones; 0 where not known."""
    ref, hyp = times
    middle = (hyp.start[j] + hyp.end[j]) / 2
    gap = np.maximum(ref.start[i] - middle, middle - ref.end[i])
    apart: np.ndarray = np.rint(1000 * np.clip(np.nan_to_num(gap), 0, _FAR / 1000)).astype(np.int64)
    return apart


def _pairs(
    ids: Ids, spans: list[tuple[np.ndarray, np.ndarray]], times: tuple[Times, Times] | None
) -> tuple[np.ndarray, np.ndarray]:
    """Of each pair of tokens of each stretch: what it costs to align them, and whether they are equal.

    What is beyond the end of a stretch is never looked at.
    """
    at = [
        np.minimum(start[:, None] + np.arange(length.max(initial=0)), len(side) - 1)
        for side, (start, length) in zip(ids, spans)
    ]
    i, j = at[0][:, :, None], at[1][:, None, :]
    same = ids[0][i] == ids[1][j]
    pair = ~same * np.int32(_STEP + 1)
    return (pair if times is None else pair * np.int64(_SCALE) + _apart(times, i, j)), same


def _costs(pair: np.ndarray, step: int) -> np.ndarray:
    """What it costs to align the first i with the first j tokens of each stretch, all side by side."""
    count, rows, columns = pair.shape
    along = step * np.arange(columns + 1, dtype=pair.dtype)
    cost = np.empty((count, rows + 1, columns + 1), pair.dtype)
    cost[:, 0] = along
    for i in range(rows):
        here = cost[:, i] + pair.dtype.type(step) - along
        np.minimum(here[:, 1:], cost[:, i, :-1] + pair[:, i] - along[1:], out=here[:, 1:])
        np.add(np.minimum.accumulate(here, axis=1), along, out=cost[:, i + 1])
    return cost


def _steps(
    cost: np.ndarray, pair: np.ndarray, same: np.ndarray, step: int, i: np.ndarray, j: np.ndarray
) -> np.ndarray:
    """The operations on the way back from i and j tokens, a row a stretch; -1 before its first."""
    n = np.arange(len(cost))
    steps = np.full((len(cost), pair.shape[1] + pair.shape[2]), -1, np.int8)
    for at in range(steps.shape[1] - 1, -1, -1):
        more = (i > 0) | (j > 0)
        a, b = np.maximum(i - 1, 0), np.maximum(j - 1, 0)
        now = cost[n, i, j]
        both = (i > 0) & (j > 0) & (now == cost[n, a, b] + pair[n, a, b])
        gone = ~both & (i > 0) & (now == cost[n, a, j] + step)
        done = np.where(both, np.where(same[n, a, b], EQUAL, SUBSTITUTE), np.where(gone, DELETE, INSERT))
        steps[more, at] = done[more]
        i, j = i - (both | gone), j - (more & ~gone)
    return steps
