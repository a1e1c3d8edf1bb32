"""The statistics of a choice: limits, what recordings lose at each threshold, what can be promised."""

from bisect import bisect_left
from collections.abc import Mapping
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from medtx.errors import InputError, check_number

FOLDS = 5

MOST = 100_000
"""Recordings above which "how many would do" is not looked for."""


@dataclass(frozen=True)
class Limits:
    """What a threshold is chosen by."""

    error: float | None
    review: float | None
    cost_review: float
    cost_error: float | Mapping[str, float] | None
    confidence: float | None
    worst: float = 1.0

    @classmethod
    def of(
        cls,
        max_error: float | None,
        max_missed_per_1000: float | None,
        max_review: float | None,
        cost_review: float,
        cost_error: float | Mapping[str, float] | None,
        confidence: float | None,
        worst: float = 1.0,
    ) -> "Limits":
        if max_error is not None and max_missed_per_1000 is not None:
            raise InputError("max_error and max_missed_per_1000 are the same limit: give one")
        numbers = {"max_error": max_error, "max_missed_per_1000": max_missed_per_1000}
        numbers |= {"max_review": max_review, "confidence": confidence}
        for name, number in numbers.items():
            if number is not None:
                check_number(name, number)
        given = cost_error.values() if isinstance(cost_error, Mapping) else [cost_error]
        costs = [0.0 if cost is None else cost for cost in given]
        for name, number in (("worst", worst), *(("a cost", cost) for cost in (cost_review, *costs))):
            check_number(name, number)
        if max_missed_per_1000 is not None:
            max_error = max_missed_per_1000 / 1000
        max_error, max_review = (None if v is None else float(v) for v in (max_error, max_review))
        if max_error is None and max_review is None and cost_error is None:
            raise InputError("give a limit (max_error, max_missed_per_1000, max_review) or cost_error")
        for name, share in (("max_error", max_error), ("max_review", max_review)):
            if share is not None and not 0 < share < 1:
                raise InputError(f"{name}={share:g} is not a share between 0 and 1")
        if confidence is not None and not 0 < confidence < 1:
            raise InputError(f"confidence={confidence:g} is not a probability between 0 and 1")
        if not (max_error or 0.0) < worst <= 1:
            raise InputError(f"worst={worst:g} is not a share above max_error, up to 1")
        if not all(0 <= cost < np.inf for cost in (cost_review, *costs)):
            raise InputError("a cost is a finite number of 0 or more")
        return cls(max_error, max_review, cost_review, cost_error, confidence, worst)

    def level(self, tests: int) -> float:
        """The chance of a false claim that each of the limits is given, of so many ``tests``."""
        together = tests * ((self.error is not None) + (self.review is not None))
        return (1 - (self.confidence or 0)) / max(together, 1)


class Losses(NamedTuple):
    """What each unit of chance (a row) loses at each threshold of ``grid`` (a column)."""

    grid: np.ndarray
    missed: np.ndarray  # wrong words that nobody hears
    heard: np.ndarray  # words to review
    cost: np.ndarray  # of the missed ones
    words: np.ndarray  # of each unit: those that can be heard
    tokens: np.ndarray  # and these as they were normalised: those that can be wrong

    def of(self, units: np.ndarray) -> "Losses":
        return Losses(self.grid, *(part[units] for part in self[1:]))

    @property
    def error(self) -> np.ndarray:
        """The share of each unit's tokens that are wrong and not heard."""
        shares: np.ndarray = self.missed / self.tokens[:, None]
        return shares

    @property
    def review(self) -> np.ndarray:
        """The share of each unit's words that are heard."""
        shares: np.ndarray = self.heard / np.maximum(self.words, 1)[:, None]
        return shares


def decide(losses: Losses, limits: Limits, level: float) -> tuple[int, bool]:
    """The column of the threshold, and whether it keeps to the limits."""
    last = len(losses.grid) - 1
    low, high = 0, last
    if limits.error is not None:  # from the strictest down, to the first that fails
        # Losses of at most ``worst`` are losses within [0, 1] in another unit.
        shares = losses.error[:, ::-1] / limits.worst
        fails = _failing(shares, limits.error / limits.worst, limits.confidence, level)
        low = min(last - fails + 1, last)
    if limits.review is not None:  # from the laxest up, to the first that fails
        fails = _failing(losses.review, limits.review, limits.confidence, level)
        high = fails - 1
    if low > high:
        return (last if limits.error is not None else 0), False
    if limits.cost_error is not None:
        best = low + int(cost_of(losses, limits)[low : high + 1].argmin())
    else:
        best = low if limits.error is not None else high
    return best, limits.error is None or low < last


def cost_of(losses: Losses, limits: Limits) -> np.ndarray:
    """Of a recognised word, at each threshold."""
    total = limits.cost_review * losses.heard.sum(axis=0) + losses.cost.sum(axis=0)
    each: np.ndarray = total / losses.words.sum()
    return each


def _failing(losses: np.ndarray, limit: float, confidence: float | None, level: float) -> int:
    """The first column whose mean loss cannot be said to be within the limit; their number if all can."""
    if confidence is None:
        fails = losses.mean(axis=0) > limit
        return int(fails.argmax()) if fails.any() else int(fails.size)
    step = max(16, 2_000_000 // len(losses))  # memory stays bounded, and most columns are never looked at
    for at in range(0, losses.shape[1], step):
        fails = p_values(losses[:, at : at + step], limit, level) > level
        if fails.any():
            return at + int(fails.argmax())
    return int(losses.shape[1])


def p_values(losses: np.ndarray, limit: float, level: float) -> np.ndarray:
    """For each column: evidence against a mean loss above ``limit``; losses within [0, 1].

    The hedged capital of Waudby-Smith & Ramdas 2023 ("Estimating means of bounded random
    variables by betting", eq. 17 and 26), betting at ``level``. Recordings come in a fixed
    random order, since the order in which they were given may mean something.
    """
    n = len(losses)
    losses = losses[np.random.default_rng(0).permutation(n)]
    count = np.arange(1, n + 1)[:, None]
    mean = (0.5 + losses.cumsum(axis=0)) / (1 + count)
    variance = (0.25 + np.square(losses - mean).cumsum(axis=0)) / (1 + count)
    before = np.vstack([np.full((1, losses.shape[1]), 0.25), variance[:-1]])
    bet = np.minimum(np.sqrt(2 * np.log(1 / level) / (n * before)), 0.99 / (1 - limit))
    capital = np.log1p(-bet * (losses - limit)).cumsum(axis=0).max(axis=0)
    p: np.ndarray = np.exp(-np.maximum(capital, 0))
    return p


def held_out(losses: Losses, limits: Limits, level: float) -> tuple[float, float, tuple[float, float]]:
    """What choices made on four fifths of the recordings do on the others."""
    n = len(losses.words)
    fold = np.random.default_rng(1).permutation(n) % min(FOLDS, n)
    missed, heard, values = np.empty(n), np.empty(n), []
    for k in range(fold.max() + 1):
        best, _ = decide(losses.of(fold != k), limits, level)
        missed[fold == k], heard[fold == k] = losses.missed[fold == k, best], losses.heard[fold == k, best]
        values.append(float(losses.grid[best]))
    share = float((missed / losses.tokens).mean())
    return share, float(heard.sum() / losses.words.sum()), (min(values), max(values))


def recordings_needed(losses: np.ndarray, limit: float, level: float) -> int | None:
    """How many recordings like these would defend ``limit`` four times of five; None if no number would."""
    if losses.mean() >= limit:
        return None

    def enough(n: int) -> bool:
        drawn = np.random.default_rng(2).choice(losses, size=(n, 25))
        return bool((p_values(drawn, limit, level) <= level).mean() >= 0.8)

    most = 8
    while not enough(most):
        most *= 2
        if most > MOST:
            return None
    return bisect_left(range(most), True, lo=most // 2, key=enough)
