"""Whether a difference between groups, or between systems, is more than the draw of recordings."""

from collections.abc import Mapping, Sequence
from itertools import combinations
from math import ceil
from statistics import NormalDist
from typing import Any

import numpy as np
import pandas as pd

from medtx.errors import InputError, check_share, expect
from medtx.scoring.alignment import Alignment, By
from medtx.scoring.rates import (
    FEWEST,
    LARGE,
    TINY,
    are_known,
    by_unit,
    counts_by,
    errors_and_words,
    in_groups,
    resampled,
    together,
    units_of,
)
from medtx.scoring.turns import Convention, conventions_of, under

REPLICATES = 10_000


def compare(
    alignments: Alignment | Mapping[str, Alignment],
    by: By = None,
    *,
    unit: str = "recording",
    confidence: float = 0.95,
    replicates: int = REPLICATES,
) -> pd.DataFrame:
    """Differences of WER, each with an interval, an adjusted p-value, and what they allow to say.

    Of one alignment, the groups of ``by`` are compared with each other. Of several (name ->
    alignment), the systems are, on the recordings that all of them share: these differences
    are paired, so they are known far better than each rate by itself.

    A row is a pair, first minus second: ``difference``, ``low``, ``high`` (a studentised
    bootstrap with the recording, or ``unit``, as its unit; Bisani & Ney 2004), ``p`` (of that
    bootstrap, two-sided), ``p_adjusted`` (Holm 1979, over all rows), and ``verdict`` in words.
    All NaN where a side has fewer than eight units.

    ``turns`` says where another convention gives another verdict: with fillers ("um", "uh") left
    out, and, of plain words, with compounds ("hay fever", "hayfever") and spelling ("mum", "mom")
    taken as the same. It is empty where the verdict stands, and where groups are of words.

    Raises `InputError` where there is nothing to compare.

    >>> import medtx
    >>> ref = {f"r{i}": "no chest pain today" for i in range(10)}
    >>> good = medtx.align(ref, {r: text if r != "r0" else "no pain" for r, text in ref.items()})
    >>> bad = medtx.align(ref, {r: "no chess pain" if r < "r5" else "no pain" for r in ref})
    >>> compare({"good": good, "bad": bad})[["first", "second", "difference"]]
      first second  difference
    0  good    bad       -0.45
    """
    _check(alignments)
    check_share("confidence", confidence)
    if not isinstance(replicates, int) or replicates < 100:
        raise InputError(f"replicates={replicates!r} is not a whole number of 100 or more")
    several = [alignments] if isinstance(alignments, Alignment) else list(alignments.values())
    of_words = isinstance(alignments, Alignment) and not are_known(by, alignments.recordings)
    others = [] if of_words else conventions_of(several)
    parts = _parts(alignments, by, unit, others)
    if len(parts) < 2:
        raise InputError(f"there is only one to compare: {', '.join(parts)}")
    names = list(combinations(parts, 2))
    cases = [
        tuple(parts[name][[f"errors{n}", f"words{n}"]].set_axis(["errors", "words"], axis=1) for name in pair)
        for n in range(len(others) + 1)
        for pair in names
    ]
    found = iter(_differences(cases, not isinstance(alignments, Alignment), confidence, replicates))
    table, *again = [_table(names, [next(found) for _ in names], confidence) for _ in range(len(others) + 1)]
    table["turns"] = [
        "; ".join(
            f"with {convention.text}: {other.loc[n, 'verdict']}"
            for convention, other in zip(others, again)
            if other.loc[n, "better"] != table.loc[n, "better"]
        )
        for n in table.index
    ]
    return table.drop(columns="better")


def _table(
    names: Sequence[tuple[str, str]], found: Sequence[dict[str, Any]], confidence: float
) -> pd.DataFrame:
    table = pd.DataFrame([{"first": one, "second": other, **row} for (one, other), row in zip(names, found)])
    table["p_adjusted"] = _holm(table["p"].to_numpy())
    table["verdict"] = [_verdict(row, confidence) for row in table.itertuples()]
    told_apart = table["p_adjusted"] <= 1 - confidence
    table["better"] = np.where(told_apart, np.sign(table["difference"]), 0)
    return table


def _parts(
    alignments: Alignment | Mapping[str, Alignment], by: By, unit: str, others: Sequence[Convention]
) -> dict[str, pd.DataFrame]:
    """Errors and words of each unit, of all that are to be compared, as given and under ``others``."""
    if isinstance(alignments, Alignment):
        if by is None:
            raise InputError("by= must name the groups to compare, or several alignments be given by name")
        units = units_of(alignments.recordings, unit)
        if not are_known(by, alignments.recordings):
            words = counts_by(alignments, by, alignments.word_counts)
            return {name: by_unit(errors_and_words(counts), units) for name, counts in words}
        found = counts_by(alignments, by, _counts(alignments, others))
        return {name: by_unit(counts, units) for name, counts in found}
    if by is not None:
        raise InputError("by= compares groups of one alignment: here are several")
    first = next(iter(alignments), "")
    shared = alignments[first].word_counts.index if alignments else pd.Index([])
    for alignment in alignments.values():
        shared = shared[alignment.word_counts.index.get_indexer(shared) >= 0]
    if not len(shared):
        raise InputError("these alignments share no recording")
    units = units_of(alignments[first].recordings, unit)  # the same for all
    return {name: by_unit(_counts(a, others).loc[shared], units) for name, a in alignments.items()}


def _counts(alignment: Alignment, others: Sequence[Convention]) -> pd.DataFrame:
    """Errors and reference words of each recording: as given (0), and under each convention (1, ...)."""
    table = errors_and_words(alignment.word_counts)
    for n, (words, errors) in enumerate(under(alignment, others), 1):
        table[f"errors{n}"], table[f"words{n}"] = errors, words
    return table


def _check(alignments: object) -> None:
    """Refuse what is neither an alignment nor several by name."""
    if isinstance(alignments, Mapping):
        for name, one in alignments.items():
            expect(one, Alignment, name=str(name))
    else:
        hint = "or several of them by name, {'one': a, 'other': b}"
        expect(alignments, Alignment, hint=hint)


def _rate(sums: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Rate and its linearised variance, from the last axis: n, e, w, ee, ew, ww."""
    n, e, w, ee, ew, ww = np.moveaxis(sums, -1, 0)
    with np.errstate(invalid="ignore", divide="ignore"):
        rate = e / w
        spread = np.maximum(ee - 2 * rate * ew + rate**2 * ww, 0)
        return rate, spread * n / (n - 1) / w**2


def _moments(e: np.ndarray, w: np.ndarray) -> np.ndarray:
    return np.stack([np.ones(len(e)), e, w, e * e, e * w, w * w], axis=1)


Case = tuple[pd.DataFrame, pd.DataFrame]  # errors and words of each unit, of the one and of the other


def _differences(
    cases: Sequence[Case], paired: bool, confidence: float, replicates: int
) -> list[dict[str, Any]]:
    """Each case's difference, interval and p; those with as many units share what is drawn."""
    rule = _paired if paired else _rate
    terms = [_terms(case, paired) for case in cases]
    sizes = [tuple(min(len(part), LARGE + 1) for part in case) for case in cases]
    found: list[dict[str, Any]] = [{}] * len(cases)
    for size, alike in together(dict(enumerate(sizes))).items():
        rng = np.random.default_rng(0)
        sides = [
            resampled([terms[at][side] for at in alike], replicates, rng, size[side] > LARGE)
            for side in range(len(terms[alike[0]]))
        ]
        for at, *drawn in zip(alike, *sides):
            observed = _joined([rule(side.sum(axis=0)[None]) for side in terms[at]])
            few = min((part["words"] > 0).sum() for part in cases[at]) < FEWEST
            found[at] = _difference(observed, _joined([rule(side) for side in drawn]), few, confidence)
    return found


def _terms(case: Case, paired: bool) -> list[np.ndarray]:
    """What is added up over the units that are drawn: of both sides together, or of each."""
    sides = [part[["errors", "words"]].to_numpy(float) for part in case]
    if paired:
        return [_pair_terms(in_groups(np.concatenate(sides, axis=1)))]
    return [_moments(*in_groups(side).T) for side in sides]


def _difference(
    observed: tuple[np.ndarray, np.ndarray],
    drawn: tuple[np.ndarray, np.ndarray],
    few: bool,
    confidence: float,
) -> dict[str, Any]:
    estimate, error = observed
    values, errors = drawn
    difference = float(estimate[0])
    nothing = {"difference": difference, "low": np.nan, "high": np.nan, "p": np.nan}
    if few or not error[0] > TINY:
        return nothing | {"verdict": "few" if few else "alike"}
    with np.errstate(invalid="ignore", divide="ignore"):
        t = np.nan_to_num((values - difference) / errors, nan=0.0)
    tail = (1 - confidence) / 2
    low, high = difference - error[0] * np.quantile(t, [1 - tail, tail], method="nearest")
    # Twice the smaller tail: below 1 - confidence just where the interval leaves zero out.
    there = difference / error[0]
    p = 2 * (1 + min((t >= there).sum(), (t <= there).sum())) / (len(t) + 1)
    return {
        "difference": difference,
        "low": float(low),
        "high": float(high),
        "p": min(float(p), 1.0),
        "verdict": "",
    }


def _joined(sides: list[tuple[np.ndarray, np.ndarray]]) -> tuple[np.ndarray, np.ndarray]:
    """Difference and standard error of two independent sides, or of the one that is paired."""
    if len(sides) == 1:
        return sides[0][0], np.sqrt(sides[0][1])
    (a, va), (b, vb) = sides
    return a - b, np.sqrt(va + vb)


def _paired(sums: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The difference of two rates on the same recordings, and its linearised variance."""
    n, e1, e2, w1, w2, *cross = np.moveaxis(sums, -1, 0)
    e1e1, e1e2, e1w1, e1w2, e2e2, e2w1, e2w2, w1w1, w1w2, w2w2 = cross
    with np.errstate(invalid="ignore", divide="ignore"):
        r1, r2 = e1 / w1, e2 / w2
        # Each recording moves the difference by (e1 - r1 w1) / W1 - (e2 - r2 w2) / W2.
        own1 = (e1e1 - 2 * r1 * e1w1 + r1**2 * w1w1) / w1**2
        own2 = (e2e2 - 2 * r2 * e2w2 + r2**2 * w2w2) / w2**2
        both = (e1e2 - r2 * e1w2 - r1 * e2w1 + r1 * r2 * w1w2) / (w1 * w2)
        return r1 - r2, np.maximum(own1 + own2 - 2 * both, 0) * n / (n - 1)


def _holm(p: np.ndarray) -> np.ndarray:
    """
    >>> _holm(np.array([0.01, 0.04, np.nan])).tolist()
    [0.02, 0.04, nan]
    """
    known = np.flatnonzero(~np.isnan(p))
    order = known[np.argsort(p[known])]
    adjusted = np.full(len(p), np.nan)
    scaled = p[order] * np.arange(len(order), 0, -1)
    adjusted[order] = np.minimum(np.maximum.accumulate(scaled), 1.0)
    return adjusted


def _verdict(row: object, confidence: float) -> str:
    first, second, difference = row.first, row.second, row.difference  # type: ignore[attr-defined]
    low, high, p = row.low, row.high, row.p_adjusted  # type: ignore[attr-defined]
    if row.verdict == "few":  # type: ignore[attr-defined]
        return f"too few recordings to compare {first} with {second}"
    if np.isnan(p):
        return f"{first} and {second} differ by the same in every recording: nothing is known of others"
    if p > 1 - confidence:
        span = f"{100 * difference:+.1f} points ({100 * low:+.1f} to {100 * high:+.1f})"
        return f"{first} and {second} cannot be told apart: {span}, adjusted p = {p:.2f}"
    better, worse = (first, second) if difference < 0 else (second, first)
    least, most = sorted((abs(low), abs(high)))
    span = f"{100 * abs(difference):.1f} ({100 * least:.1f} to {100 * most:.1f}) points"
    return f"{better} has a lower WER than {worse}, by {span}"


def sample_size(
    alignments: Alignment | Mapping[str, Alignment],
    *,
    difference: float,
    power: float = 0.8,
    confidence: float = 0.95,
    unit: str = "recording",
) -> int:
    """How many recordings like these would tell such a ``difference`` of WER from none.

    Of one alignment: in each of two groups of other recordings. Of two (name -> alignment):
    recordings that both systems recognise, where fewer do. With probability ``power``, a
    two-sided test at 1 - ``confidence`` then finds it; by the normal approximation.

    >>> import medtx
    >>> ref = {f"r{i}": "no chest pain today" for i in range(10)}
    >>> a = medtx.align(ref, {r: text if r < "r5" else "no pain" for r, text in ref.items()})
    >>> sample_size(a, difference=0.1)
    110
    """
    _check(alignments)
    for name, share in (("difference", difference), ("power", power), ("confidence", confidence)):
        check_share(name, share)
    if isinstance(alignments, Alignment):
        counts = errors_and_words(alignments.word_counts)
        part = by_unit(counts, units_of(alignments.recordings, unit))
        _, variance = _rate(_moments(*part.to_numpy(float).T).sum(axis=0)[None])
        each = 2 * float(variance[0]) * len(part)
    else:
        if len(alignments) != 2:
            raise InputError(f"expected two alignments to pair, got {len(alignments)}")
        one, other = alignments.values()
        there = set(other.word_counts.index)
        names = [name for name in one.word_counts.index if name in there]
        units = units_of(one.recordings, unit)
        parts = [by_unit(errors_and_words(a.word_counts.loc[names]), units) for a in (one, other)]
        sides = np.concatenate([part.to_numpy(float) for part in parts], axis=1)
        _, variance = _paired(_pair_terms(sides).sum(axis=0)[None])
        each = float(variance[0]) * len(parts[0])
    if not each > TINY**2:
        raise InputError("these recordings do not vary, or are too few: nothing is known of others")
    z = NormalDist().inv_cdf(1 - (1 - confidence) / 2) + NormalDist().inv_cdf(power)
    return max(ceil(z**2 * each / difference**2), FEWEST)


def _pair_terms(sides: np.ndarray) -> np.ndarray:
    """Of each unit: one, both errors and words, and the products of each two of these."""
    base = sides[:, [0, 2, 1, 3]]  # from errors and words of the one, then of the other
    products = [a * b for n, a in enumerate(base.T) for b in base.T[n:]]
    return np.concatenate([np.ones((len(base), 1)), base, np.stack(products, axis=1)], axis=1)
