"""Every threshold at once: what a reviewer hears, what that catches, what slips through.

A word is sent to review when its confidence is below the threshold, or when it has none; with
a larger unit (a window, a segment, a recording), when that is so of any word of its unit. A
word is wrong when it was substituted or inserted. A deletion has no word: a reviewer who hears
single words never meets it, one who hears what is around may. Deletions stand beside every row.
"""

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from medtx.errors import InputError
from medtx.scoring import Alignment
from medtx.scoring.alignment import By
from medtx.scoring.rates import name_of, of_words, rows_by
from medtx.thresholds.choose import Threshold, choose, first_tokens

if TYPE_CHECKING:
    from matplotlib.axes import Axes


class Sweep:
    """All thresholds of an alignment.

    ``table`` has a row for each group (``by``) and distinct confidence, and one at
    infinity, where everything is reviewed:

    ==================  ==========================================================
    review_words        words that a reviewer hears
    review_share        of all recognised words
    review_minutes      of audio, as long as these words, or their units, last
    errors_caught       wrong words among them
    errors_missed       wrong words that nobody hears
    precision, recall   of flagging: wrong words among those heard; wrong words heard
    deletions_heard     missing words inside what is heard, but for its edges
    deletions           missing words out of reach
    wer_after_review    WER if the reviewer puts right what is heard (``reviewer``)
    ==================  ==========================================================

    ``scores`` holds, for each row of the alignment's pairs, the threshold above which it is
    heard.
    """

    def __init__(
        self,
        table: pd.DataFrame,
        alignment: Alignment,
        by: str | None,
        scores: np.ndarray,
        unit: str | int,
    ) -> None:
        self.table = table
        self.alignment = alignment
        self.by = by
        self.scores = scores
        self.unit = unit

    def at(self, *thresholds: float) -> pd.DataFrame:
        """The rows in force at these thresholds, for each group.

        >>> import medtx
        >>> s = medtx.sweep(example())  # "denies [chess] pain" for "denies any chest pain"
        >>> s.at(0.5)[["threshold", "review_words", "errors_caught", "errors_missed", "deletions"]]
           threshold  review_words  errors_caught  errors_missed  deletions
        0        0.5             1              1              0          1
        """
        if not thresholds or not all(0 <= t <= 1 or t == np.inf for t in thresholds):
            raise InputError(f"thresholds {thresholds} are not confidences between 0 and 1")
        found = []
        for _, rows in self.table.groupby("group", sort=False):
            first = np.searchsorted(rows["threshold"].to_numpy(), thresholds, side="left")
            found.append(rows.iloc[first].assign(threshold=thresholds))
        return pd.concat(found, ignore_index=True)

    def choose(
        self, *, max_error: float, confidence: float | None = 0.95, unit: str = "recording"
    ) -> Threshold:
        """The threshold with the least review that keeps what slips through below a limit.

        ``max_error`` limits the expected share of a recording's recognised words that are
        wrong and not reviewed. The limit holds with probability ``confidence`` over the
        draw of these recordings, for new recordings like them: a risk-controlling choice
        (Bates et al. 2021, "Distribution-free, risk-controlling prediction sets") with
        the recording as its unit, each loss bounded by the betting argument of
        Waudby-Smith & Ramdas 2023. All groups are pooled. Where several recordings share
        what makes them go wrong together, ``unit`` names the column that says so
        (``"speaker"``). With ``confidence=None`` the share is only measured on these
        recordings, and promises nothing for others.

        The threshold's ``value`` is infinite (review everything) where these recordings
        are too few or too poor to defend a lower one; ``reason`` then says which.
        """
        return choose(self.alignment, self.scores, self.unit, max_error, confidence, unit)

    def plot(self, ax: "Axes | None" = None, *, mark: Threshold | None = None) -> "Axes":
        """WER after review against the share of words reviewed, on ``ax`` or a new one."""
        from medtx.plots import plot_sweep

        return plot_sweep(self, ax, mark)

    def __repr__(self) -> str:
        names = self.table["group"].unique()
        return f"<Sweep: {len(self.table):,} thresholds, groups: {', '.join(names)}>"

    def _repr_html_(self) -> str:
        return str(self.at(0.5, 0.7, 0.8, 0.9, 0.95, 0.99).to_html(index=False))


def sweep(alignment: Alignment, by: By = None, *, unit: str | int = "word", reviewer: float = 1.0) -> Sweep:
    """Every threshold of an alignment, by group; exact over the distinct confidences.

    ``by`` is what `Alignment.rates` takes. ``unit`` is what a reviewer hears at a time:
    ``"word"``, a number of words (a window around each doubtful one), ``"segment"`` or
    ``"recording"``. ``reviewer`` is the share of the errors heard that are put right.

    Raises `InputError` where no word has a confidence.
    """
    pairs = alignment.pairs
    if pairs["confidence"].isna().all():
        raise InputError("these words have no confidences, so no threshold can tell them apart")
    if not 0 <= reviewer <= 1:
        raise InputError(f"reviewer={reviewer!r} is not a share between 0 and 1")
    heard = (pairs["op"] != "delete").to_numpy()
    unit_of = _units(alignment, unit)
    scores = _scores(pairs, unit, heard, unit_of)
    minutes = _minutes(pairs, heard, unit_of)
    rows = {
        "score": scores,
        "heard": heard,
        "wrong": (pairs["op"] != "equal").to_numpy() & heard,
        "word": first_tokens(pairs) & heard,  # a word of several tokens is heard once
        "minutes": minutes,
        "reference": (pairs["op"] != "insert").to_numpy(),
    }
    groups = rows_by(alignment, by) if by is not None else [("TOTAL", np.ones(len(pairs), dtype=bool))]
    parts = [_curve({k: v[mask] for k, v in rows.items()}, name, reviewer) for name, mask in groups]
    return Sweep(pd.concat(parts, ignore_index=True), alignment, name_of(by), scores, unit)


def _units(alignment: Alignment, unit: str | int) -> np.ndarray | None:
    """The number of the segment or recording that each row belongs to; None for words."""
    pairs = alignment.pairs
    if unit == "recording":
        return np.asarray(pairs["recording"].cat.codes, dtype=int)
    if unit == "segment":
        label = of_words(alignment, "segment", sides=("hypothesis",))
        both = pd.MultiIndex.from_arrays([pairs["recording"].cat.codes, label])
        codes: np.ndarray = pd.factorize(both)[0]
        return codes
    if unit != "word" and (not isinstance(unit, int) or unit < 1):
        raise InputError(f"unit={unit!r} is not 'word', 'segment', 'recording' or a number of words")
    return None


def _scores(
    pairs: pd.DataFrame, unit: str | int, heard: np.ndarray, unit_of: np.ndarray | None
) -> np.ndarray:
    """The threshold above which each row is heard: infinite where none is."""
    own = np.where(heard, pairs["confidence"].fillna(-1.0), np.inf)  # no confidence: always heard
    if unit_of is not None:
        least = np.full(unit_of.max(initial=-1) + 1, np.inf)
        np.minimum.at(least, unit_of, own)
        return np.asarray(least[unit_of])
    if unit == "word":
        return np.asarray(own)
    half = int(unit) // 2
    recording = pairs["recording"].cat.codes.to_numpy()
    said = np.flatnonzero(heard)
    after = np.searchsorted(said, np.arange(len(pairs)))  # of each row: the first word at or after it
    found = own.copy()
    for step in range(-half, half + 1):
        # A word has as many neighbours on each side; a gap lies between its two.
        at = after + np.where(heard, step, step if step < 0 else step - 1)
        inside = (at >= 0) & (at < len(said)) & (heard | (step != 0))
        other = said[np.clip(at, 0, len(said) - 1)]
        inside &= recording[other] == recording
        found = np.where(inside, np.minimum(found, own[other]), found)
    return np.asarray(found)


def _minutes(pairs: pd.DataFrame, heard: np.ndarray, unit_of: np.ndarray | None) -> np.ndarray:
    """Of each row: how long it lasts; of a unit, its first word bears all of it."""
    start, end = pairs["start"].to_numpy(), pairs["end"].to_numpy()
    if unit_of is None:
        return np.where(heard, end - start, 0.0) / 60
    spans = pd.DataFrame({"unit": unit_of[heard], "start": start[heard], "end": end[heard]})
    by_unit = spans.groupby("unit")
    length = by_unit["end"].max() - by_unit["start"].min()
    lasts = np.zeros(len(pairs))
    first = np.flatnonzero(heard)[~spans["unit"].duplicated().to_numpy()]
    lasts[first] = length.reindex(unit_of[first]).to_numpy() / 60
    return lasts


def _curve(rows: dict[str, np.ndarray], group: str, reviewer: float) -> pd.DataFrame:
    score, heard, wrong, word = (rows[name] for name in ("score", "heard", "wrong", "word"))
    values = np.unique(score[(score >= 0) & (score < np.inf)])
    place = np.searchsorted(values, score)
    place[score < 0] = -1

    def below(weights: np.ndarray) -> np.ndarray:
        """The sum of those heard at each threshold: row k those below values[k]; the last, all."""
        within = score < np.inf
        sums = np.bincount(place[within] + 1, weights=weights[within], minlength=len(values) + 1)
        return np.asarray(sums.cumsum())

    review, caught = below(word).astype(int), below(wrong).astype(int)
    deleted = below(~heard).astype(int)
    missed, deletions = int(wrong.sum()) - caught, int((~heard).sum()) - deleted
    reference_words, words = int(rows["reference"].sum()), int(word.sum())
    left = missed + deletions + (1 - reviewer) * (caught + deleted)
    with np.errstate(invalid="ignore", divide="ignore"):
        return pd.DataFrame(
            {
                "group": group,
                "threshold": np.append(values, np.inf),
                "review_words": review,
                "review_share": review / words if words else np.nan,
                "review_minutes": below(rows["minutes"]),
                "errors_caught": caught,
                "errors_missed": missed,
                "precision": caught / review,
                "recall": caught / wrong.sum() if wrong.any() else np.nan,
                "deletions_heard": deleted,
                "deletions": deletions,
                "wer_after_review": left / reference_words if reference_words else np.nan,
            }
        )
