"""Choose a threshold with a guarantee that counts recordings, not words."""

from bisect import bisect_left
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import pandas as pd

from medtx.errors import InputError
from medtx.scoring.rates import units_of
from medtx.thresholds.record import Threshold, Thresholds, engines_of, review_range

if TYPE_CHECKING:
    from medtx.thresholds.sweep import Sweep

GRID = 1000
"""Thresholds that are tried: quantiles of the confidences."""

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
        costs = cost_error.values() if isinstance(cost_error, Mapping) else [cost_error or 0.0]
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


def choose(
    sweep: "Sweep", limits: Limits, unit: str, *, group: str | None = None, tests: int = 1
) -> Threshold:
    """See `medtx.Sweep.choose`; of one group, as one of several ``tests``."""
    losses = losses_of(sweep, limits.cost_error, unit, group)
    n = len(losses.words)
    if not n:
        raise InputError(f"there is no recognised word{f' of {group}' if group else ''} to choose on")
    if (most := losses.error.max()) > limits.worst:
        raise InputError(f"worst={limits.worst:g}, but {most:.2f} of the words of a {unit} here are wrong")
    level = limits.level(tests)
    best, holds = decide(losses, limits, level)
    error, review, values = _held_out(losses, limits, level) if holds and n > 1 else (None, None, None)
    return measured(
        sweep,
        float(losses.grid[best]),
        group=group,
        reason=_reason(losses, holds, limits, level, unit, tests, _whose(sweep, group)),
        holds=holds,
        max_error=limits.error,
        max_review=limits.review,
        confidence=limits.confidence,
        worst=limits.worst,
        chance=unit,
        cost_review=None if limits.cost_error is None else limits.cost_review,
        cost_error=dict(limits.cost_error) if isinstance(limits.cost_error, Mapping) else limits.cost_error,
        cost_per_1000=None if limits.cost_error is None else float(1000 * _cost(losses, limits)[best]),
        held_out_error=error,
        held_out_review=review,
        held_out_values=values,
        warning=_warning(sweep, losses.grid[best], limits, unit) if group is None else "",
    )


def choose_each(sweep: "Sweep", limits: Mapping[str, Limits], unit: str) -> Thresholds:
    """See `medtx.Sweep.choose_each`."""
    if sweep.by is None:
        raise InputError("the sweep has no groups: medtx.sweep(alignment, by=...)")
    of_recordings = sweep.by in sweep.recordings
    if sweep.unit != "word" and not of_recordings:
        raise InputError(f"groups of words, by {sweep.by!r}, need unit='word': here it is {sweep.unit!r}")
    if not of_recordings and sweep.by not in ("class_heard", "speaker", "channel"):
        raise InputError(
            f"thresholds by {sweep.by!r} could not be put to new results: group by a column of recordings, "
            "by speaker, channel or class_heard; or give choose() a limit for each group"
        )
    found = {group: choose(sweep, of, unit, group=group, tests=len(limits)) for group, of in limits.items()}
    return Thresholds(sweep.by, found)


def choose_for(sweep: "Sweep", limits: Mapping[str, Limits], unit: str) -> Threshold:
    """One threshold that keeps the limits of several groups: the strictest of theirs."""
    each = {group: choose(sweep, of, unit, group=group, tests=len(limits)) for group, of in limits.items()}
    strictest = max(each.values(), key=lambda t: t.value)
    holds = all(t.holds for t in each.values())
    reasons = [f"{group}: {t.reason}" for group, t in each.items() if holds or not t.holds]
    return measured(
        sweep,
        strictest.value,
        reason=" ".join(reasons),
        holds=holds,
        max_error={group: of.error for group, of in limits.items()},
        confidence=strictest.confidence,
        worst=strictest.worst,
        chance=unit,
    )


def measured(sweep: "Sweep", value: float, *, group: str | None = None, **evidence: object) -> Threshold:
    """What a threshold does on these recordings, with the evidence for it."""
    rows = _rows(sweep, group)
    heard = rows["place"].to_numpy() < np.searchsorted(sweep.values, value)
    recording = rows["recording"].cat.codes.to_numpy()
    words = np.bincount(recording, rows["words"])
    shares = np.bincount(recording, rows["words"] * heard)[words > 0] / words[words > 0]
    total, reached = rows.drop(columns=["group", "recording", "place"]), {}
    for column in total:
        reached[column] = total[column].to_numpy()[heard].sum()
    all_ = total.sum()
    known = {
        "reason": f"Picked by hand: measured on these recordings ({len(words[words > 0])}), "
        "and promises nothing for others.",
        "holds": False,
        **evidence,
    }
    return Threshold(
        value=float(value),
        unit=sweep.unit,
        group=group,
        recordings=int((words > 0).sum()),
        words=int(all_["words"]),
        review_words=int(reached["words"]),
        review_minutes=float(reached["minutes"]),
        errors_caught=int(reached["errors"]),
        errors_missed=int(all_["errors"] - reached["errors"]),
        deletions=int(all_["deletions"] - reached["deletions"]),
        deletions_heard=int(reached["deletions"]),
        reference_words=int(all_["reference"]),
        review_range=review_range(shares),
        engine=engines_of(sweep.recordings),
        normalize=sweep.normalize,
        fingerprint=sweep.fingerprint,
        **known,  # type: ignore[arg-type]
    )


def _rows(sweep: "Sweep", group: str | None) -> pd.DataFrame:
    return sweep.counts if group is None else sweep.rows_of(group)


def _owners(sweep: "Sweep", rows: pd.DataFrame, unit: str) -> tuple[np.ndarray, int]:
    """The number of the unit of chance that each row belongs to, and how many there are."""
    owner, names = pd.factorize(units_of(sweep.recordings, unit))
    known = pd.Series(owner, sweep.recordings["recording"].astype(str))
    of_category = known.reindex(rows["recording"].cat.categories.astype(str)).fillna(-1).to_numpy(int)
    return of_category[rows["recording"].cat.codes.to_numpy()], len(names)


def losses_of(
    sweep: "Sweep", cost_error: float | Mapping[str, float] | None, unit: str, group: str | None
) -> Losses:
    """The losses of each unit of chance that has words; the last threshold of the grid is infinity."""
    rows = _rows(sweep, group)
    mine, n = _owners(sweep, rows, unit)
    place = rows["place"].to_numpy()
    scored = place[(place > 0) & (place < len(sweep.values) - 1)]
    at = np.unique(scored)
    if len(at) > GRID:
        at = np.unique(np.quantile(scored, np.linspace(0, 1, GRID), method="nearest"))
    slot = np.searchsorted(at, place, side="right")  # a word is heard at this column and all after it
    size = len(at) + 1

    def heard(weights: np.ndarray) -> np.ndarray:
        cells = np.bincount(mine * (size + 1) + slot, weights=weights, minlength=n * (size + 1))
        return cells.reshape(n, size + 1)[:, :size].cumsum(axis=1)

    errors = rows["errors"].to_numpy()
    words, tokens = (np.bincount(mine, weights=rows[c].to_numpy(), minlength=n) for c in ("words", "tokens"))
    review, caught = heard(rows["words"].to_numpy()), heard(errors)
    missed = caught[:, -1:] - caught
    if isinstance(cost_error, Mapping):
        each = np.array([cost_error.get(name, np.nan) for name in sweep.groups])
        wrong = np.bincount(rows["group"].cat.codes, weights=errors, minlength=len(each))
        if missing := [name for name, n, price in zip(sweep.groups, wrong, each) if n and np.isnan(price)]:
            raise InputError(f"cost_error has no cost for {', '.join(missing)}")
        each = np.nan_to_num(each)
        priced = heard(errors * each[rows["group"].cat.codes.to_numpy()])
        cost = priced[:, -1:] - priced
    else:
        cost = missed * (cost_error or 0.0)
    grid = np.append(sweep.values[at], np.inf)
    some = tokens > 0  # an empty recording has no share of words to lose
    return Losses(grid, *(part[some] for part in (missed, review, cost, words, tokens)))


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
        best = low + int(_cost(losses, limits)[low : high + 1].argmin())
    else:
        best = low if limits.error is not None else high
    return best, limits.error is None or low < last


def _cost(losses: Losses, limits: Limits) -> np.ndarray:
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


def _held_out(losses: Losses, limits: Limits, level: float) -> tuple[float, float, tuple[float, float]]:
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


def _whose(sweep: "Sweep", group: str | None) -> tuple[str, str]:
    """What stands before "words" and before "recording", for a group of either."""
    if group is None:
        return "", ""
    return ("", f"{group} ") if sweep.by in sweep.recordings else (f"{group} ", "")


def _reason(
    losses: Losses,
    holds: bool,
    limits: Limits,
    level: float,
    unit: str,
    tests: int,
    whose: tuple[str, str],
) -> str:
    n = len(losses.words)
    error, review = limits.error, limits.review
    if error is None and review is None:
        return f"The least cost on these {n} {unit}s; nothing is promised for others."
    if not holds:
        return _refusal(losses, limits, level, unit)
    if limits.confidence is None:
        return f"Measured on these {n} {unit}s; promises nothing for others."
    promises = []
    if error is not None:
        of = f"the {whose[0]}words of a new {whose[1]}{unit} like these {n}"
        promises.append(f"at most {_percent(error)} of {of} are wrong and not reviewed")
    if review is not None:
        of = "its words" if promises else f"the {whose[0]}words of a new {whose[1]}{unit} like these {n}"
        promises.append(f"at most {_percent(review)} of {of} are reviewed")
    if limits.worst < 1:
        promises[0] += f" (if in none more than {_percent(limits.worst)} are)"
    together = f" (for all {tests} groups together)" if tests > 1 else ""
    return f"With {_percent(limits.confidence)} confidence{together}, on average {' and '.join(promises)}."


def _refusal(losses: Losses, limits: Limits, level: float, unit: str) -> str:
    """Why no threshold can be defended, and what would help."""
    n = len(losses.words)
    error, review = limits.error, limits.review
    if error is None:
        share = losses.review[:, 0]
        needed = _needed(share, review or 0.0, level) if limits.confidence is not None else None
        advice = _advice(needed, n, unit)
        return f"{n} {unit}s do not defend a review of {_percent(review or 0.0)} at any threshold{advice}."
    strictest = losses.error[:, -2] if len(losses.grid) > 1 else np.ones(n)
    needed = (
        _needed(strictest / limits.worst, error / limits.worst, level)
        if limits.confidence is not None
        else None
    )
    alone, _ = decide(losses, replace(limits, review=None, cost_error=None), level)
    if review is not None and alone < len(losses.grid) - 1:
        mean = losses.review[:, alone].mean()
        needs = f"at most {_percent(error)} slipping through needs a review of some {mean:.1%} of the words"
        if mean < review:
            return f"{n} {unit}s are too few to promise both limits: {needs}, too near to {_percent(review)}."
        return f"No threshold keeps both limits: {needs}, and at most {_percent(review)} were allowed."
    if needed is None:
        return f"No lower threshold keeps what slips through within {_percent(error)} here."
    advice = _advice(needed, n, unit)
    return f"{n} {unit}s are too few to defend a limit of {_percent(error)} at any threshold{advice}."


def _percent(share: float) -> str:
    """As it was given, not rounded.

    >>> _percent(0.05), _percent(0.999), _percent(0.005)
    ('5%', '99.9%', '0.5%')
    """
    return f"{100 * share:.6g}%"


def _advice(needed: int | None, n: int, unit: str) -> str:
    return "" if needed is None else f": about {max(needed, n + 1):,} {unit}s like these would be needed"


def _needed(losses: np.ndarray, limit: float, level: float) -> int | None:
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


def _warning(sweep: "Sweep", value: float, limits: Limits, unit: str) -> str:
    """Names the groups for which a pooled threshold lets more slip through than the limit."""
    if limits.error is None or sweep.by is None:
        return ""
    at = np.searchsorted(sweep.values, value)
    code = sweep.counts["group"].cat.codes.to_numpy().astype(int)
    mine, n = _owners(sweep, sweep.counts, unit)
    cell, size = code * n + mine, len(sweep.groups) * n
    tokens = np.bincount(cell, sweep.counts["tokens"], size).reshape(-1, n)
    missed = np.bincount(cell, sweep.counts["errors"] * (sweep.counts["place"] >= at), size).reshape(-1, n)
    over = []
    for group, wrong, said in zip(sweep.groups, missed, tokens):
        if said.any() and (mean := (wrong[said > 0] / said[said > 0]).mean()) > limits.error:
            over.append((mean, group))
    if not over:
        return ""
    worst = sorted(over, reverse=True)
    more = f" and {len(worst) - 5} more" if len(worst) > 5 else ""
    named = ", ".join(f"{group} {mean:.1%}" for mean, group in worst[:5]) + more
    return (
        f"Pooling misleads: at this threshold more than {_percent(limits.error)} slipped through in "
        f"{named}; choose_each() sets one for each."
    )
