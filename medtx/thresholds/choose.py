"""Choose a threshold with a guarantee that counts recordings, not words."""

from bisect import bisect_left
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from medtx.errors import InputError
from medtx.scoring.rates import units_of

if TYPE_CHECKING:
    from medtx.scoring import Alignment

GRID = 1000  # thresholds that are tried: quantiles of the confidences


@dataclass(frozen=True)
class Threshold:
    """An operating point with its evidence: words below ``value`` go to review, or what ``hears`` says."""

    value: float
    max_error: float
    confidence: float | None
    reason: str
    recordings: int
    words: int
    review_words: int
    errors_caught: int
    errors_missed: int
    deletions: int
    deletions_heard: int
    reference_words: int
    hears: str | int = "word"

    @property
    def review_share(self) -> float:
        """Of the recognised words, those that a reviewer hears."""
        return self.review_words / self.words if self.words else np.nan

    @property
    def wer_before(self) -> float:
        errors = self.errors_caught + self.errors_missed + self.deletions + self.deletions_heard
        return errors / self.reference_words if self.reference_words else np.nan

    @property
    def wer_after(self) -> float:
        """If every reviewed word is put right."""
        return (
            (self.errors_missed + self.deletions) / self.reference_words if self.reference_words else np.nan
        )

    def __str__(self) -> str:
        hears = {
            "word": "Review words",
            "segment": "Review segments with a word",
            "recording": "Review recordings with a word",
        }.get(str(self.hears), f"Review {self.hears} words around each")
        what = "Review everything" if np.isinf(self.value) else f"{hears} below {self.value:.4g}"
        errors = self.errors_caught + self.errors_missed
        return (
            f"{what}: {self.review_share:.0%} of {self.words:,} words; of {errors:,} wrong words "
            f"{self.errors_caught:,} are caught and {self.errors_missed:,} slip through; "
            f"{self.deletions:,} more are missing altogether; WER {self.wer_before:.1%} before review, "
            f"{self.wer_after:.1%} after. {self.reason}"
        )


def choose(
    alignment: "Alignment",
    scores: np.ndarray,
    hears: str | int,
    max_error: float,
    confidence: float | None,
    unit: str,
) -> Threshold:
    """See `medtx.Sweep.choose`."""
    if not 0 < max_error < 1:
        raise InputError(f"max_error={max_error:g} is not a share between 0 and 1")
    if confidence is not None and not 0 < confidence < 1:
        raise InputError(f"confidence={confidence:g} is not a probability between 0 and 1")
    heard = (alignment.pairs["op"] != "delete").to_numpy()
    pairs, score = alignment.pairs[heard], scores[heard]
    wrong = (pairs["op"] != "equal").to_numpy()
    owner, _ = pd.factorize(units_of(alignment.recordings, unit))
    recording = owner[pairs["recording"].cat.codes]
    n = int(owner.max()) + 1
    word = first_tokens(alignment.pairs)[heard]
    words = np.bincount(recording, weights=word, minlength=n)
    values = np.unique(score[score >= 0])
    if len(values) > GRID:
        values = np.unique(np.quantile(values, np.linspace(0, 1, GRID), method="nearest"))
    grid = np.append(values, np.inf)
    # missed[i, k]: wrong words of recording i with a confidence of grid[k] or more
    last = np.searchsorted(grid, score[wrong], side="right") - 1
    cells = recording[wrong].astype(int) * (len(grid) + 1) + last + 1
    at = np.bincount(cells, minlength=n * (len(grid) + 1)).reshape(n, -1)[:, 1:]
    missed = at[:, ::-1].cumsum(axis=1)[:, ::-1]
    losses = missed / np.maximum(words, 1)[:, None]
    if confidence is None:
        fails = losses.mean(axis=0) > max_error
        reason = f"Measured on these {n} {unit}s; promises nothing for others."
    else:
        fails = _p_values(losses, max_error, 1 - confidence) > 1 - confidence
        reason = (
            f"With {confidence:.0%} confidence, on average at most {max_error:.1%} of the words of a "
            f"new {unit} like these {n} are wrong and not reviewed."
        )
    # From the strictest threshold down, up to the first that fails (fixed-sequence testing).
    best = int(np.flatnonzero(fails)[-1]) + 1 if fails.any() else 0
    if best >= len(grid) - 1:
        best = len(grid) - 1
        needed = _recordings_needed(max_error, confidence) if confidence is not None else 0
        reason = (
            f"{n} {unit}s are too few to defend a limit of {max_error:.1%} at any threshold: "
            f"at least {needed} would be needed, even if nothing slipped through in them."
            if n < needed
            else f"No lower threshold keeps what slips through within {max_error:.1%} here."
        )
    reviewed = score < grid[best]
    return Threshold(
        value=float(grid[best]),
        max_error=max_error,
        confidence=confidence,
        reason=reason,
        recordings=len(alignment.recordings),
        words=int(word.sum()),
        review_words=int((reviewed & word).sum()),
        errors_caught=int((wrong & reviewed).sum()),
        errors_missed=int((wrong & ~reviewed).sum()),
        deletions=int((scores[~heard] >= grid[best]).sum()),
        deletions_heard=int((scores[~heard] < grid[best]).sum()),
        reference_words=int((alignment.pairs["op"] != "insert").sum()),
        hears=hears,
    )


def first_tokens(pairs: pd.DataFrame) -> np.ndarray:
    """Whether each row is the first of its recognised word: normalisers may split one."""
    position = pairs["position"].to_numpy()
    recording = pairs["recording"].cat.codes.to_numpy()
    new: np.ndarray = np.ones(len(pairs), dtype=bool)
    heard = np.flatnonzero(position >= 0)
    same = (position[heard][1:] == position[heard][:-1]) & (recording[heard][1:] == recording[heard][:-1])
    new[heard[1:]] = ~same
    return new


def _p_values(losses: np.ndarray, limit: float, level: float) -> np.ndarray:
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


def _recordings_needed(limit: float, confidence: float) -> int:
    """The fewest recordings that could defend ``limit`` if nothing at all slipped through."""

    def enough(n: int) -> bool:
        return bool(_p_values(np.zeros((n, 1)), limit, 1 - confidence)[0] <= 1 - confidence)

    most = 1
    while not enough(most):
        most *= 2
    return bisect_left(range(most), True, key=enough)
