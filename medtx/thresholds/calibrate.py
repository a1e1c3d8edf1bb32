"""How far a confidence can be believed: does 0.9 mean nine of ten?"""

from collections.abc import Sequence

import numpy as np
import pandas as pd

from medtx.errors import InputError
from medtx.scoring import Alignment
from medtx.scoring.rates import groups

BINS = 10
FLOOR = 1e-4  # results carry four decimals: 1.0000 is "0.9999 or more"


def calibration(alignment: Alignment, by: str | Sequence[str] | None = None) -> pd.DataFrame:
    """Calibration of word confidences against the reference: one row a group, then TOTAL.

    Words are those with a confidence; one is correct when it was aligned as equal.

    ========  ==================================================================
    auroc     chance that a correct word has a higher confidence than a wrong one
    nce       normalised cross entropy (NIST): 1 perfect, 0 no better than the
              share of correct words, negative worse; confidences are kept 0.0001
              from 0 and 1
    ece       expected calibration error over ten equally wide bins
    brier     mean squared difference between confidence and correctness
    ========  ==================================================================
    """
    pairs = alignment.pairs[alignment.pairs["confidence"].notna()]
    if pairs.empty:
        raise InputError("these words have no confidences to be calibrated")
    rows = {
        name: _row(pairs[pairs["recording"].isin(members)])
        for name, members in groups(alignment.recordings, by)
    }
    return pd.DataFrame.from_dict({**rows, "TOTAL": _row(pairs)}, orient="index")


def _row(pairs: pd.DataFrame) -> dict[str, float]:
    confidence = pairs["confidence"].to_numpy()
    correct = (pairs["op"] == "equal").to_numpy()
    if not len(pairs):
        return dict.fromkeys(("words", "correct", "confidence", "auroc", "nce", "ece", "brier"), np.nan)
    return {
        "words": len(pairs),
        "correct": correct.mean(),
        "confidence": confidence.mean(),
        "auroc": _auroc(confidence, correct),
        "nce": _nce(confidence, correct),
        "ece": _ece(confidence, correct),
        "brier": np.square(confidence - correct).mean(),
    }


def _auroc(confidence: np.ndarray, correct: np.ndarray) -> float:
    """The rank sum of the correct words; ties count a half."""
    good = int(correct.sum())
    bad = len(correct) - good
    if not good or not bad:
        return np.nan
    ranks = pd.Series(confidence).rank().to_numpy()
    return float((ranks[correct].sum() - good * (good + 1) / 2) / (good * bad))


def _nce(confidence: np.ndarray, correct: np.ndarray) -> float:
    share = correct.mean()
    if share in (0, 1):
        return np.nan
    clipped = np.clip(confidence, FLOOR, 1 - FLOOR)
    entropy = -np.log(np.where(correct, clipped, 1 - clipped)).sum()
    most = -(np.log(share) * correct.sum() + np.log(1 - share) * (~correct).sum())
    return float(1 - entropy / most)


def _ece(confidence: np.ndarray, correct: np.ndarray) -> float:
    bins = np.minimum((confidence * BINS).astype(int), BINS - 1)
    gap = np.bincount(bins, weights=confidence - correct, minlength=BINS)
    return float(np.abs(gap).sum() / len(confidence))
