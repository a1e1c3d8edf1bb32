"""Of alignments with equally few errors, one with the most right words.

"a b" heard as "b c" is two substitutions, or a deletion, a right word and an insertion: two errors
either way, and the second says more. Edit distance alone does not choose.
"""

from itertools import pairwise

import numpy as np

from medtx.scoring.ties import DELETE, EQUAL, INSERT, SUBSTITUTE

REACH = 8
"""Words to both sides in which a word's equal is looked for: the most errors that one tie may hold."""

PIECE = 128
"""Aligned positions beyond which a stretch is cut, and each piece is settled by itself."""

_STEP = 1024
"""What an error costs, so that a substitution, at one more, decides only where errors are equal."""


def most_right(op: np.ndarray, ids: tuple[np.ndarray, np.ndarray], ends: np.ndarray) -> np.ndarray:
    """The operations of paths with as few errors, and the most right words among these.

    ``op`` has the operations of all recordings one after the other, ``ids`` the tokens of the
    references and of the hypotheses, ``ends`` where each recording ends in ``op``. The answer is
    exact where a tie holds no more than `REACH` errors and `PIECE` positions.

    >>> ids = np.array([1, 2]), np.array([2, 3])
    >>> most_right(np.array([SUBSTITUTE, SUBSTITUTE], dtype=np.int8), ids, np.array([2])).tolist()
    [2, 0, 3]
    """
    seen = [np.append(0, np.cumsum(op != other)) for other in (INSERT, DELETE)]  # tokens of each side
    first, last = _stretches(op, ids, seen, ends)
    swapped = np.append(0, np.cumsum(op == SUBSTITUTE))
    worth = swapped[last] - swapped[first] >= 2  # a path with more right words has two of them less
    first, last = first[worth], last[worth]
    if not len(first):
        return op
    wrong = np.append(0, np.cumsum(op != EQUAL))
    now = _STEP * (wrong[last] - wrong[first]) + swapped[last] - swapped[first]
    spans = [(tokens[first], tokens[last] - tokens[first]) for tokens in seen]
    size = np.maximum(spans[0][1], spans[1][1])
    better: dict[int, np.ndarray] = {}
    for low, high in pairwise([0, 3, 5, 8, 16, 32, 64, 2 * PIECE]):
        some = np.flatnonzero((size > low) & (size <= high))
        for part in np.array_split(some, 1 + len(some) * high * high // 2_000_000):
            sides = [_table(side, start[part], length[part]) for side, (start, length) in zip(ids, spans)]
            sizes = [length[part] for _, length in spans]
            cost = _costs(*sides)
            found = np.flatnonzero(cost[np.arange(len(part)), sizes[0], sizes[1]] < now[part])
            steps = _steps(
                cost[found], *(side[found] for side in sides), *(length[found] for length in sizes)
            )
            better |= {part[n]: row[row >= 0] for n, row in zip(found, steps)}
    pieces, at = [], 0
    for n in sorted(better):
        pieces += [op[at : first[n]], better[n]]
        at = last[n]
    return np.concatenate([*pieces, op[at:]])


def _stretches(
    op: np.ndarray, ids: tuple[np.ndarray, np.ndarray], seen: list[np.ndarray], ends: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Where another path with as few errors may have more right words: first positions, and ends.

    Between two points that both paths pass, a right word of this path is right in the other one
    only if an equal word was heard near by. So in such a stretch there are more wrong words with an
    equal near by than right words without.
    """
    ref, hyp = ids
    wrong = np.flatnonzero((op == SUBSTITUTE) | (op == DELETE))
    said, place = ref[seen[0][wrong]], seen[1][wrong]
    near = np.zeros(len(wrong), bool)
    padded = np.concatenate([np.full(REACH, -1), hyp, np.full(REACH + 1, -1)])
    for shift in range(2 * REACH + 1):
        near |= padded[shift:][place] == said
    if not near.any():
        return wrong[:0], wrong[:0]
    twin = np.zeros(len(hyp), np.int8)
    for shift in range(1, REACH + 1):
        same = hyp[shift:] == hyp[:-shift]
        twin[shift:] |= same
        twin[:-shift] |= same
    score = np.zeros(len(op), np.int8)
    score[op != DELETE] = twin - 1
    score[op == INSERT] = 0
    score[op == SUBSTITUTE] = 0
    score[wrong[near]] = 1
    size = np.diff(ends, prepend=0)
    cuts = np.zeros(len(op) + 1, np.int32)  # nothing goes on from one recording to the next
    np.add.at(cuts, ends, size + np.append(size[1:], 0) + 1)
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


def _table(side: np.ndarray, start: np.ndarray, length: np.ndarray) -> np.ndarray:
    """The tokens of each stretch in a row; what is beyond its end is never looked at."""
    at = start[:, None] + np.arange(length.max(initial=0))
    found: np.ndarray = side[np.minimum(at, len(side) - 1)]
    return found


def _costs(ref: np.ndarray, hyp: np.ndarray) -> np.ndarray:
    """What it costs to align the first i with the first j tokens of each stretch, all side by side."""
    count, rows, columns = len(ref), ref.shape[1], hyp.shape[1]
    along = _STEP * np.arange(columns + 1, dtype=np.int32)
    cost = np.empty((count, rows + 1, columns + 1), np.int32)
    cost[:, 0] = along
    for i in range(rows):
        here = cost[:, i] + np.int32(_STEP) - along
        across = cost[:, i, :-1] + (ref[:, i, None] != hyp) * np.int32(_STEP + 1) - along[1:]
        np.minimum(here[:, 1:], across, out=here[:, 1:])
        np.add(np.minimum.accumulate(here, axis=1), along, out=cost[:, i + 1])
    return cost


def _steps(cost: np.ndarray, ref: np.ndarray, hyp: np.ndarray, i: np.ndarray, j: np.ndarray) -> np.ndarray:
    """The operations on the way back from i and j tokens, a row a stretch; -1 before its first."""
    n = np.arange(len(cost))
    steps = np.full((len(cost), ref.shape[1] + hyp.shape[1]), -1, np.int8)
    for at in range(steps.shape[1] - 1, -1, -1):
        more = (i > 0) | (j > 0)
        a, b = np.maximum(i - 1, 0), np.maximum(j - 1, 0)
        same = ref[n, a] == hyp[n, b]
        now = cost[n, i, j]
        both = (i > 0) & (j > 0) & (now == cost[n, a, b] + np.where(same, 0, _STEP + 1))
        gone = ~both & (i > 0) & (now == cost[n, a, j] + _STEP)
        step = np.where(both, np.where(same, EQUAL, SUBSTITUTE), np.where(gone, DELETE, INSERT))
        steps[more, at] = step[more]
        i, j = i - (both | gone), j - (more & ~gone)
    return steps
