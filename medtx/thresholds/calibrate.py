"""How far a confidence can be believed: does 0.9 mean nine of ten?"""

from collections.abc import Sequence
from itertools import pairwise

import numpy as np
import pandas as pd

from medtx.errors import InputError, expect, kind_of
from medtx.scoring import Alignment
from medtx.scoring.alignment import By
from medtx.scoring.rates import FEWEST, interval, name_of, rows_by, units_of
from medtx.tables import is_heard

BINS = 10
NEVER = 1e-7  # as sclite: a wrong word with a confidence of 1 must not cost all there is
REPLICATES = 1000


def calibration(alignment: Alignment, by: By = None, *, unit: str = "recording") -> pd.DataFrame:
    """Calibration of word confidences against the reference: one row a group, then TOTAL.

    Words are those with a confidence; one is correct when it was aligned as equal. ``by`` is
    what `Alignment.rates` takes; ``by="recording"`` shows how the confidences drift.

    ==================  ==================================================================
    confidence          its mean, and ``correct`` the share of correct words
    gap                 confidence - correct: above 0 the engine is too sure of itself
    auroc               chance that a correct word has a higher confidence than a wrong one
    average_precision   of finding the wrong words by low confidence (area under precision
                        and recall); a blind search has 1 - correct
    nce                 normalised cross entropy (NIST): 1 perfect, 0 no better than the
                        share of correct words, negative worse; as sclite's, which keeps
                        confidences 1e-7 from 0 and 1
    ece                 expected calibration error over ten equally wide bins, with a 95 %
                        interval by recording (or ``unit``), none below eight
    brier               mean squared difference between confidence and correctness
    without_confidence  recognised words that have none, and are in no other figure
    ==================  ==================================================================

    ``ece`` of few words is too high, since chance alone moves the bins. Its interval is a basic
    bootstrap that reaches down to 0 where confidences that mean what they say would often give
    as much.

    >>> calibration(example())[["words", "correct", "confidence", "gap", "auroc"]].round(3)
           words  correct  confidence    gap  auroc
    TOTAL      3    0.667         0.7  0.033    1.0
    """
    expect(alignment, Alignment)
    pairs = alignment.pairs
    known = pairs["confidence"].notna().to_numpy()
    if not known.any():
        raise InputError("these words have no confidences to be calibrated")
    owner = pd.factorize(units_of(alignment.recordings, unit))[0][pairs["recording"].cat.codes]
    heard = is_heard(pairs)
    confidence = pairs["confidence"].to_numpy()
    correct = (pairs["op"] == "equal").to_numpy()
    groups = rows_by(alignment, by) if by is not None else []
    rows = {
        name: _row(confidence[mask & known], correct[mask & known], owner[mask & known])
        | {"without_confidence": int((mask & heard & ~known).sum())}
        for name, mask in [*groups, ("TOTAL", np.ones(len(pairs), bool))]
    }
    table = pd.DataFrame.from_dict(rows, orient="index").astype({"words": int, "without_confidence": int})
    table.index.name = name_of(by)
    return table


def reliability(alignment: Alignment, by: By = None, *, bins: int | Sequence[float] = BINS) -> pd.DataFrame:
    """What share of words is correct at each confidence: one row a group and bin.

    ``bins`` is how many equally wide ones, or their edges. ``words`` counts those in the bin,
    ``confidence`` is their mean, ``correct`` their share of correct ones with a 95 % interval
    by recording (``correct_low``, ``correct_high``; NaN below eight recordings).

    >>> reliability(example(), bins=2)[["low", "high", "words", "confidence", "correct"]]
       low  high  words  confidence  correct
    0  0.0   0.5      1        0.40      0.0
    1  0.5   1.0      2        0.85      1.0
    """
    expect(alignment, Alignment)
    if isinstance(bins, pd.DataFrame | type):
        raise InputError(f"bins: expected a number of bins, or their edges, not {kind_of(bins)}")
    given = np.arange(bins + 1) / bins if isinstance(bins, int) and bins > 0 else bins
    edges = np.asarray(pd.to_numeric(pd.Series(given), errors="coerce"), dtype=float)
    if len(edges) < 2 or edges[0] != 0 or edges[-1] != 1 or not (np.diff(edges) > 0).all():
        raise InputError(f"bins={bins!r} is not a number of bins, or edges that rise from 0 to 1")
    pairs = alignment.pairs
    known = pairs["confidence"].notna().to_numpy()
    if not known.any():
        raise InputError("these words have no confidences to be calibrated")
    confidence = pairs["confidence"].to_numpy()
    wrong = (pairs["op"] != "equal").to_numpy()
    recording = pairs["recording"].cat.codes.to_numpy()
    place = np.searchsorted(edges[1:-1], confidence, side="right")
    rows = []
    for name, mask in rows_by(alignment, by) if by is not None else [("TOTAL", known)]:
        for n, (low, high) in enumerate(pairwise(edges.tolist())):
            inside = mask & known & (place == n)
            errors, words = (np.bincount(recording[inside], weights) for weights in (wrong[inside], None))
            least, most = interval(errors, words)
            some = words.sum() > 0
            rows.append(
                {
                    "group": name,
                    "low": low,
                    "high": high,
                    "words": int(words.sum()),
                    "confidence": confidence[inside].mean() if some else np.nan,
                    "correct": 1 - errors.sum() / words.sum() if some else np.nan,
                    "correct_low": max(1 - most, 0.0),
                    "correct_high": 1 - least,
                }
            )
    return pd.DataFrame(rows)


def _row(confidence: np.ndarray, correct: np.ndarray, owner: np.ndarray) -> dict[str, float]:
    names = (
        "correct confidence gap auroc average_precision nce ece ece_low ece_high brier"  # in this order
    ).split()
    if not len(confidence):
        return {"words": 0} | dict.fromkeys(names, np.nan)
    ece, low, high = _ece(confidence, correct, owner)
    values = (
        correct.mean(),
        confidence.mean(),
        confidence.mean() - correct.mean(),
        _auroc(confidence, correct),
        _average_precision(confidence, correct),
        _nce(confidence, correct),
        ece,
        low,
        high,
        np.square(confidence - correct).mean(),
    )
    return {"words": len(confidence)} | dict(zip(names, map(float, values)))


def _auroc(confidence: np.ndarray, correct: np.ndarray) -> float:
    """The rank sum of the correct words; ties count a half."""
    good = int(correct.sum())
    bad = len(correct) - good
    if not good or not bad:
        return np.nan
    ranks = pd.Series(confidence).rank().to_numpy()
    return float((ranks[correct].sum() - good * (good + 1) / 2) / (good * bad))


def _average_precision(confidence: np.ndarray, correct: np.ndarray) -> float:
    """Precision at each distinct confidence, the lowest first, weighted by the recall gained there."""
    if correct.all():
        return np.nan
    _, place = np.unique(confidence, return_inverse=True)
    wrong = np.bincount(place, weights=~correct)
    precision = wrong.cumsum() / np.bincount(place).cumsum()
    return float((precision * wrong).sum() / wrong.sum())


def _nce(confidence: np.ndarray, correct: np.ndarray) -> float:
    share = correct.mean()
    if share in (0, 1):
        return np.nan
    clipped = np.clip(confidence, NEVER, 1 - NEVER)
    entropy = -np.log(np.where(correct, clipped, 1 - clipped)).sum()
    most = -(np.log(share) * correct.sum() + np.log(1 - share) * (~correct).sum())
    return float(1 - entropy / most)


def _ece(confidence: np.ndarray, correct: np.ndarray, owner: np.ndarray) -> tuple[float, float, float]:
    """The error, and its basic bootstrap interval over the units of chance."""
    bins = np.searchsorted(np.arange(1, BINS) / BINS, confidence, side="right")
    _, unit = np.unique(owner, return_inverse=True)
    n = unit.max() + 1
    cell = unit * BINS + bins
    gaps = np.bincount(cell, weights=confidence - correct, minlength=n * BINS).reshape(n, BINS)
    words = np.bincount(unit, minlength=n)
    ece = float(np.abs(gaps.sum(axis=0)).sum() / words.sum())
    if n < FEWEST:
        return ece, np.nan, np.nan
    drawn = np.random.default_rng(0).multinomial(n, np.full(n, 1 / n), size=REPLICATES)
    total = drawn @ words
    found = np.abs(drawn @ gaps).sum(axis=1) / total
    least, most = np.quantile(found, [0.025, 0.975])
    # The same recordings, had their confidences meant what they say: each bin's gap taken off.
    sizes = np.bincount(cell, minlength=n * BINS).reshape(n, BINS)
    none = gaps - sizes * gaps.sum(axis=0) / np.maximum(sizes.sum(axis=0), 1)
    by_chance = np.quantile(np.abs(drawn @ none).sum(axis=1) / total, 0.975)
    low = 0.0 if ece <= by_chance else max(0.0, 2 * ece - most)
    return ece, min(low, ece), max(2 * ece - least, ece)
