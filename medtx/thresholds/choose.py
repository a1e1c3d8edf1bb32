"""Choose a threshold with a guarantee that counts recordings, not words."""

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from medtx.errors import InputError
from medtx.scoring.rates import units_of
from medtx.thresholds.guarantee import Limits, Losses, cost_of, decide, held_out
from medtx.thresholds.reasons import percent, reason_of
from medtx.thresholds.record import Threshold, Thresholds, engines_of, review_range

if TYPE_CHECKING:
    from medtx.thresholds.sweep import Sweep

GRID = 1000
"""Thresholds that are tried: quantiles of the confidences."""


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
    error, review, values = held_out(losses, limits, level) if holds and n > 1 else (None, None, None)
    return measured(
        sweep,
        float(losses.grid[best]),
        group=group,
        reason=reason_of(losses, holds, limits, level, unit, tests, _whose(sweep, group)),
        holds=holds,
        max_error=limits.error,
        max_review=limits.review,
        confidence=limits.confidence,
        worst=limits.worst,
        chance=unit,
        cost_review=None if limits.cost_error is None else limits.cost_review,
        cost_error=dict(limits.cost_error) if isinstance(limits.cost_error, Mapping) else limits.cost_error,
        cost_per_1000=None if limits.cost_error is None else float(1000 * cost_of(losses, limits)[best]),
        held_out_error=error,
        held_out_review=review,
        held_out_values=values,
        warning=_warning(sweep, losses.grid[best], limits, unit) if group is None else "",
    )


def _whose(sweep: "Sweep", group: str | None) -> tuple[str, str]:
    """What stands before "words" and before "recording", for a group of either."""
    if group is None:
        return "", ""
    return ("", f"{group} ") if sweep.by in sweep.recordings else (f"{group} ", "")


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
    unknown = rows["unknown"].to_numpy()
    aside = rows[unknown & ~heard]
    listening = sweep.heard(group)
    listened = listening["minutes"][listening["place"].to_numpy() < np.searchsorted(sweep.values, value)]
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
        review_minutes=float(listened.to_numpy().sum()),
        word_minutes=float(reached["word_minutes"]),
        errors_caught=int(reached["errors"]),
        errors_missed=int(all_["errors"] - reached["errors"]),
        deletions=int(all_["deletions"] - reached["deletions"]),
        deletions_heard=int(reached["deletions"]),
        reference_words=int(all_["reference"]),
        without_confidence=int(rows["words"].to_numpy()[unknown].sum()),
        unknown_words=int(aside["words"].sum()),
        unknown_errors=int(aside["errors"].sum()),
        unknown=sweep.unknown,
        context=sweep.context,
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
    scored = place[(place > 0) & (sweep.values[place] <= 1)]
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
        f"Pooling misleads: at this threshold more than {percent(limits.error)} slipped through in "
        f"{named}; choose_each() sets one for each."
    )
