"""Confidences put right: fitted on recordings with references, judged on others."""

from dataclasses import dataclass, replace
from typing import TypeVar, overload

import numpy as np
import pandas as pd

from medtx.errors import InputError, expect, not_one_of, optional
from medtx.scoring import Alignment
from medtx.scoring.rates import units_of
from medtx.thresholds.calibrate import calibration
from medtx.transcripts import Transcripts

METHODS = ("isotonic", "logistic")
FOLDS = 5
FLOOR = 1e-4  # results carry four decimals: 1.0000 is "0.9999 or more"

Held = TypeVar("Held", Transcripts, Alignment)


@dataclass(frozen=True, eq=False)
class Recalibration:
    """A rising function from the engine's confidence to the share of correct words.

    ``given`` and ``correct`` are points of it, between which it is a straight line.
    ``held_out`` compares confidences as given and as recalibrated on recordings that the
    function was not fitted on (five-fold cross-fitting), in the figures of `medtx.calibration`.
    """

    method: str
    given: np.ndarray
    correct: np.ndarray
    held_out: pd.DataFrame | None = None

    def __call__(self, confidence: np.ndarray) -> np.ndarray:
        """New confidences for old; NaN stays NaN.

        >>> Recalibration("isotonic", np.array([0.0, 1.0]), np.array([0.2, 0.8]))(np.array([0.5, np.nan]))
        array([0.5, nan])
        """
        found: np.ndarray = np.interp(confidence, self.given, self.correct)
        return found

    @overload
    def apply(self, results: Transcripts) -> Transcripts: ...
    @overload
    def apply(self, results: Alignment) -> Alignment: ...
    def apply(self, results: Transcripts | Alignment) -> Transcripts | Alignment:
        """Transcripts, or an alignment, with recalibrated confidences of words."""
        expect(results, Transcripts, Alignment)
        if isinstance(results, Alignment):
            pairs = results.pairs.assign(confidence=self(results.pairs["confidence"].to_numpy()))
            changed = results.with_pairs(pairs)
            told = results.hypothesis["confidence"].to_numpy()  # of the words that a token was made of
            changed.hypothesis = results.hypothesis.assign(confidence=self(told))
            return changed
        words = results.words.assign(confidence=self(results.words["confidence"].to_numpy()))
        return replace(results, words=words)


def recalibrate(alignment: Alignment, method: str = "isotonic", *, unit: str = "recording") -> Recalibration:
    """Fit confidences to the share of correct words.

    ``method`` is ``"isotonic"`` (any rising function; Zadrozny & Elkan 2002) or ``"logistic"``
    (two numbers, on the log-odds of the confidence; Platt 1999), which wants fewer words.
    ``unit`` names what is kept together when recordings are held out (``"speaker"``, say).
    Judge it on recordings it was not fitted on: ``held_out`` does, or
    ``medtx.calibration(recalibrate(a.select(some)).apply(a.select(others)))``.

    Raises `InputError` where the words are all correct or all wrong, or the confidences say
    nothing of which are, and `MissingExtraError`
    without scikit-learn.
    """
    expect(alignment, Alignment)
    if not isinstance(method, str) or method not in METHODS:
        raise not_one_of("method", method, METHODS)
    pairs = alignment.pairs
    known = pairs["confidence"].notna().to_numpy()
    confidence = pairs["confidence"].to_numpy()[known]
    correct = (pairs["op"] == "equal").to_numpy()[known]
    if not known.any() or correct.all() or not correct.any():
        raise InputError("to fit confidences takes words with confidences, some correct and some wrong")
    whole = _fit(method, confidence, correct)
    owner, names = pd.factorize(units_of(alignment.recordings, unit))
    folds = min(FOLDS, len(names))
    if folds < 2:
        return whole
    fold = (np.random.default_rng(1).permutation(len(names)) % folds)[owner]
    of_word = fold[pairs["recording"].cat.codes.to_numpy()[known]]
    judged = confidence.copy()
    for k in range(folds):
        train = of_word != k
        if correct[train].all() or not correct[train].any():
            return whole
        judged[~train] = _fit(method, confidence[train], correct[train])(confidence[~train])
    new = pairs["confidence"].to_numpy(copy=True)
    new[known] = judged
    after = alignment.with_pairs(pairs.assign(confidence=new))
    rows = [calibration(a, unit=unit).loc["TOTAL"] for a in (alignment, after)]
    return replace(whole, held_out=pd.DataFrame(rows, index=pd.Index(["as given", method])))


def _fit(method: str, confidence: np.ndarray, correct: np.ndarray) -> Recalibration:
    if method == "isotonic":
        isotonic = optional("sklearn.isotonic", "calibration").IsotonicRegression(out_of_bounds="clip")
        isotonic.fit(confidence, correct)
        return Recalibration(method, isotonic.X_thresholds_, isotonic.y_thresholds_)
    linear = optional("sklearn.linear_model", "calibration").LogisticRegression(C=np.inf)
    linear.fit(_log_odds(confidence)[:, None], correct)
    if linear.coef_[0, 0] <= 0:
        raise InputError("these confidences do not rise with the share of correct words: nothing to fit")
    given = np.linspace(0, 1, 10_001)  # results carry four decimals
    return Recalibration(method, given, linear.predict_proba(_log_odds(given)[:, None])[:, 1])


def _log_odds(confidence: np.ndarray) -> np.ndarray:
    clipped = np.clip(confidence, FLOOR, 1 - FLOOR)
    odds: np.ndarray = np.log(clipped / (1 - clipped))
    return odds
