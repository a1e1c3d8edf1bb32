"""Error rates of groups of recordings: counts are added, a ratio is taken last."""

from collections.abc import Sequence

import numpy as np
import pandas as pd

from medtx.errors import InputError

FEWEST = 8
"""Units (recordings) below which no interval is given: too few to show how they differ."""

WIDEST = 10
"""Standard errors beyond which a bound is no longer given."""

COUNTS = [
    "reference_words",
    "hits",
    "substitutions",
    "deletions",
    "insertions",
    "reference_characters",
    "character_errors",
]


def rates(
    counts: pd.DataFrame,
    recordings: pd.DataFrame,
    by: str | Sequence[str] | None,
    unit: str,
    replicates: int,
) -> pd.DataFrame:
    """See `medtx.Alignment.rates`."""
    units = units_of(recordings, unit)
    rows = {}
    for name, members in groups(recordings, by):
        rows[name] = _row(counts.loc[list(members)], units, replicates)
    rows["TOTAL"] = _row(counts, units, replicates)
    table = pd.DataFrame.from_dict(rows, orient="index")
    if by is not None:
        table.index.name = by if isinstance(by, str) else " / ".join(by)
    return table.astype(dict.fromkeys(["recordings", *COUNTS], int))


def groups(recordings: pd.DataFrame, by: str | Sequence[str] | None) -> list[tuple[str, pd.Series]]:
    """Each group's name and its recordings; those without a value form the group "(none)"."""
    if by is None:
        return []
    columns = [by] if isinstance(by, str) else list(by)
    for column in columns:
        if column not in recordings:
            raise InputError(f"by={column!r} is not a column of recordings: {', '.join(recordings)}")
    labels = [recordings[c].astype(object).fillna("(none)").astype(str) for c in columns]
    found: dict[str, pd.Series] = {}
    for values, members in recordings["recording"].groupby(labels):
        name = " / ".join(values)
        while name in found or name == "TOTAL":  # that name is the last row's
            name += " *"
        found[name] = members
    return list(found.items())


def units_of(recordings: pd.DataFrame, unit: str) -> pd.Series:
    """The unit of chance of each recording: itself, or what ``unit`` says it shares with others."""
    if unit not in recordings:
        raise InputError(f"unit={unit!r} is not a column of recordings: {', '.join(recordings)}")
    names = recordings["recording"].astype(str)
    shared = recordings[unit].astype(object)
    return shared.where(shared.notna(), names).astype(str).set_axis(names)


def _row(counts: pd.DataFrame, units: pd.Series, replicates: int) -> dict[str, float]:
    total = counts.sum()
    words = total["reference_words"]
    errors = counts["substitutions"] + counts["deletions"] + counts["insertions"]
    by_unit = pd.DataFrame({"errors": errors, "words": counts["reference_words"]}).groupby(units).sum()
    low, high = interval(by_unit["errors"].to_numpy(), by_unit["words"].to_numpy(), replicates)
    return {
        "recordings": len(counts),
        **total.to_dict(),
        "wer": errors.sum() / words if words else np.nan,
        "wer_low": low,
        "wer_high": high,
        "cer": total["character_errors"] / total["reference_characters"] if words else np.nan,
    }


def interval(
    errors: np.ndarray, words: np.ndarray, replicates: int = 2000, confidence: float = 0.95
) -> tuple[float, float]:
    """Studentised bootstrap interval of sum(errors) / sum(words) over recordings.

    Whole recordings are drawn with replacement, always in the same way; Efron &
    Tibshirani 1993, ch. 12. NaN below eight recordings with words, where all have the
    same rate, and for a bound that one or two recordings alone decide: nothing is known
    then of how others would differ.

    >>> low, high = interval(np.array([3, 1, 4, 2, 5, 1, 2, 2]), np.full(8, 20))
    >>> 0 <= low < 20 / 160 < high
    True
    """
    n = len(words)
    if (words > 0).sum() < FEWEST:
        return np.nan, np.nan
    e, w = errors.astype(float), words.astype(float)
    sums = np.stack([e, w, e * e, e * w, w * w], axis=1)
    rate, error = _rate(sums.sum(axis=0)[None], n)
    if error[0] == 0:
        return np.nan, np.nan
    rng = np.random.default_rng(0)
    drawn = []
    step = max(1, 20_000_000 // n)  # replicates at a time, so that memory stays bounded
    for first in range(0, replicates, step):
        size = min(step, replicates - first)
        weights = rng.multinomial(n, np.full(n, 1 / n), size=size)
        drawn.append(weights @ sums)
    rates_, errors_ = _rate(np.concatenate(drawn), n)
    with np.errstate(divide="ignore", invalid="ignore"):
        t = np.nan_to_num((rates_ - rate[0]) / errors_, nan=0.0)  # infinite where all drawn are alike
    tail = (1 - confidence) / 2
    low, high = rate[0] - error[0] * np.quantile(t, [1 - tail, tail], method="nearest")
    # A few recordings that hold nearly all the errors say nothing of how large others may be.
    known = np.abs(np.array([low, high]) - rate[0]) <= WIDEST * error[0]
    return max(0.0, float(low)) if known[0] else np.nan, float(high) if known[1] else np.nan


def _rate(sums: np.ndarray, n: int) -> tuple[np.ndarray, np.ndarray]:
    """The ratio of the sums and its linearised standard error."""
    e, w, ee, ew, ww = sums.T
    with np.errstate(invalid="ignore", divide="ignore"):
        rate = e / w
        spread = ee - 2 * rate * ew + rate**2 * ww
        return rate, np.sqrt(np.maximum(spread, 0) * n / (n - 1)) / w
