"""Every threshold at once: what a reviewer hears, what that catches, what slips through.

A word is sent to review when its confidence is below the threshold, or when it has none.
A word is wrong when it was substituted or inserted. A deletion has no word, so no
threshold can catch it: deletions stand beside every row.
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from medtx.errors import InputError
from medtx.scoring import Alignment
from medtx.scoring.rates import groups
from medtx.thresholds.choose import Threshold, choose, first_tokens

if TYPE_CHECKING:
    from matplotlib.axes import Axes


class Sweep:
    """All thresholds of an alignment.

    ``table`` has a row for each group (``by``) and distinct confidence, and one at
    infinity, where everything is reviewed:

    ==================  ==========================================================
    review_words        words with a confidence below the threshold, or with none
    review_share        of all recognised words
    errors_caught       wrong words among them
    errors_missed       wrong words at or above the threshold
    deletions           reference words with no recognised word: out of reach
    wer_after_review    WER if every reviewed word is put right
    ==================  ==========================================================
    """

    def __init__(self, table: pd.DataFrame, alignment: Alignment, by: str | None) -> None:
        self.table = table
        self.alignment = alignment
        self.by = by

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
        return choose(self.alignment, max_error, confidence, unit)

    def plot(self, ax: "Axes | None" = None, *, mark: Threshold | None = None) -> "Axes":
        """WER after review against the share of words reviewed, on ``ax`` or a new one."""
        from medtx.plots import plot_sweep

        return plot_sweep(self, ax, mark)

    def __repr__(self) -> str:
        names = self.table["group"].unique()
        return f"<Sweep: {len(self.table):,} thresholds, groups: {', '.join(names)}>"

    def _repr_html_(self) -> str:
        return str(self.at(0.5, 0.7, 0.8, 0.9, 0.95, 0.99).to_html(index=False))


def sweep(alignment: Alignment, by: str | Sequence[str] | None = None) -> Sweep:
    """Every threshold of an alignment, by group; exact over the distinct confidences.

    ``by`` names columns of ``recordings``. Raises `InputError` where no word has a
    confidence.
    """
    pairs = alignment.pairs
    if pairs["confidence"].isna().all():
        raise InputError("these words have no confidences, so no threshold can tell them apart")
    parts = [
        _curve(pairs[pairs["recording"].isin(members)], name)
        for name, members in groups(alignment.recordings, by)
    ]
    name = by if by is None or isinstance(by, str) else " / ".join(by)
    return Sweep(pd.concat(parts or [_curve(pairs, "TOTAL")], ignore_index=True), alignment, name)


def _curve(pairs: pd.DataFrame, group: str) -> pd.DataFrame:
    op = pairs["op"].astype(str).to_numpy()
    heard = op != "delete"
    confidence = pairs["confidence"].to_numpy()[heard]
    wrong = op[heard] != "equal"
    # A word of several tokens is heard once; each of its tokens can be wrong.
    word = first_tokens(pairs)[heard]
    scored = ~np.isnan(confidence)
    values, place = np.unique(confidence[scored], return_inverse=True)
    words_at = np.bincount(place, weights=word[scored], minlength=len(values)).astype(int)
    wrong_at = np.bincount(place, weights=wrong[scored], minlength=len(values)).astype(int)
    # Row k has the words below values[k]; the last row, at infinity, has them all.
    review = np.concatenate([[0], np.cumsum(words_at)]) + word[~scored].sum()
    caught = np.concatenate([[0], np.cumsum(wrong_at)]) + wrong[~scored].sum()
    missed = wrong.sum() - caught
    deletions = int((op == "delete").sum())
    reference_words = int((op != "insert").sum())
    return pd.DataFrame(
        {
            "group": group,
            "threshold": np.append(values, np.inf),
            "review_words": review,
            "review_share": review / word.sum() if heard.any() else np.nan,
            "errors_caught": caught,
            "errors_missed": missed,
            "deletions": deletions,
            "wer_after_review": (missed + deletions) / reference_words if reference_words else np.nan,
        }
    )
