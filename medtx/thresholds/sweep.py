"""Every threshold at once: what a reviewer hears, what that catches, what slips through.

A word is sent to review when its confidence is below the threshold, or when it has none; with
a larger unit (a window, a segment, a recording), when that is so of any word of its unit. A
word is wrong when it was substituted or inserted. A deletion has no word: a reviewer who hears
single words never meets it, one who hears what is around may. Deletions stand beside every row.
"""

import hashlib
from collections.abc import Mapping
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from medtx.errors import InputError
from medtx.scoring import Alignment
from medtx.scoring.alignment import By
from medtx.scoring.rates import name_of, rows_by
from medtx.tables import is_heard, stack
from medtx.thresholds.choose import choose, choose_each, choose_for, measured
from medtx.thresholds.guarantee import Limits
from medtx.thresholds.record import Threshold, Thresholds
from medtx.thresholds.units import Scored, scores_of

if TYPE_CHECKING:
    from matplotlib.axes import Axes


BLOCK = 65_536
"""Rows that are summed at a time: so many stay in a processor's cache."""


class Sweep:
    """All thresholds of an alignment, by group.

    ``table`` has a row for each group (``by``) and distinct confidence, and one at
    infinity, where everything is reviewed:

    ==================  ==========================================================
    review_words        recognised words that a reviewer hears
    review_share        of all recognised words
    review_minutes      of audio, as long as these words, or their units, last
    errors_caught       wrong words among them
    errors_missed       wrong words that nobody hears
    precision, recall   of flagging: wrong words among those heard; wrong words heard
    deletions_heard     missing words inside what is heard, but for its edges
    deletions           missing words out of reach
    wer_after_review    WER if the reviewer puts right what is heard (``reviewer``)
    ==================  ==========================================================

    ``counts`` is what all of it is made of, a row an aligned position: ``group``,
    ``recording``, ``place`` (in ``values``, the distinct scores from -1, always heard, to
    infinity, never), and how many recognised ``words``, ``tokens`` (these as they were
    normalised), ``errors``, ``deletions``, ``reference`` words and ``minutes`` it stands for.
    They add: sweeps of shards are joined with ``+`` or ``sum``.
    """

    def __init__(
        self,
        counts: pd.DataFrame,
        values: np.ndarray,
        recordings: pd.DataFrame,
        by: str | None,
        unit: str | int,
        reviewer: float,
        normalize: str = "",
    ) -> None:
        self.counts = counts
        self.values = values
        self.recordings = recordings
        self.by = by
        self.unit = unit
        self.reviewer = reviewer
        self.normalize = normalize

    @property
    def groups(self) -> list[str]:
        return [str(name) for name in self.counts["group"].cat.categories]

    @cached_property
    def table(self) -> pd.DataFrame:
        return pd.concat([self.curve(group) for group in self.groups], ignore_index=True)

    def curve(self, group: str | None = None) -> pd.DataFrame:
        """The rows of ``table`` of one group; of all words together where none is named."""
        rows = self.counts if group is None or self.by is None else self.rows_of(group)
        group = group or "TOTAL"
        sums, reference = _sums(rows, len(self.values)), int(rows["reference"].sum())
        # Row k of the table: what is heard below values[k + 1].
        review, caught, deleted = (
            sums[c][:-1].cumsum().astype(int) for c in ("words", "errors", "deletions")
        )
        words, wrong, deletions = (int(sums[c].sum()) for c in ("words", "errors", "deletions"))
        present = sums["rows"][1:] > 0
        present[-1] = True
        missed, beyond = wrong - caught, deletions - deleted
        left = missed + beyond + (1 - self.reviewer) * (caught + deleted)
        nothing = np.full(len(review), np.nan)
        with np.errstate(invalid="ignore", divide="ignore"):
            columns = {
                "threshold": self.values[1:],
                "review_words": review,
                "review_share": review / words if words else nothing,
                "review_minutes": sums["minutes"][:-1].cumsum(),
                "errors_caught": caught,
                "errors_missed": missed,
                "precision": caught / review,
                "recall": caught / wrong if wrong else nothing,
                "deletions_heard": deleted,
                "deletions": beyond,
                "wer_after_review": left / reference if reference else nothing,
            }
        kept = {name: values[present] for name, values in columns.items()}
        return pd.DataFrame({"group": group, **kept}, copy=False)

    def rows_of(self, group: str) -> pd.DataFrame:
        """The rows of ``counts`` of one group.

        Raises `InputError` for a group that is not here.
        """
        if group not in self._places:
            raise InputError(f"group {group!r} is not one of {', '.join(self.groups)}")
        return self.counts.iloc[self._places[group]]

    @cached_property
    def _places(self) -> dict[str, np.ndarray]:
        code = self.counts["group"].cat.codes.to_numpy()
        order = np.argsort(code, kind="stable")
        ends = np.searchsorted(code[order], np.arange(len(self.groups) + 1))
        return {name: order[ends[n] : ends[n + 1]] for n, name in enumerate(self.groups)}

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
        self,
        *,
        max_error: float | Mapping[str, float] | None = None,
        max_missed_per_1000: float | Mapping[str, float] | None = None,
        max_review: float | None = None,
        cost_review: float = 1.0,
        cost_error: float | Mapping[str, float] | None = None,
        confidence: float | None = 0.95,
        worst: float = 1.0,
        unit: str = "recording",
    ) -> Threshold:
        """The threshold with the least review that keeps to its limits, with its evidence.

        ======================  ==========================================================
        max_error               the expected share of a recording's recognised words that
                                are wrong and not reviewed; or, by name, of the words of
                                some groups: one threshold then keeps them all
        max_missed_per_1000     the same limit, of 1,000 recognised words
        max_review              the expected share of a recording's words that are
                                reviewed; alone, the strictest threshold within it is taken
        cost_review             of a word that is heard, and
        cost_error              of a wrong word that slips through (of each group, by
                                name): within the limits, the least cost is taken
        ======================  ==========================================================

        The limits hold with probability ``confidence`` over the draw of these recordings,
        for new recordings like them. The recording is the unit of chance: words of one
        recording go wrong together. Where several recordings share what makes them do so,
        ``unit`` names the column that says so (``"speaker"``). Thresholds are tested in a
        fixed order from the safe end (Learn then Test, Angelopoulos et al. 2021,
        arXiv:2110.01052; for monotone losses also Bates et al. 2021), each by the betting
        argument of Waudby-Smith & Ramdas 2023, exact for any distribution of losses. With
        ``confidence=None`` shares are only measured on these recordings. A cost alone is only
        measured, too.

        Few recordings cannot rule out that a rare one is wrong from end to end: a limit of 5 %
        takes about 60 even if nothing slips through. If it is known that in no recording more
        than a share ``worst`` of the words can be wrong, fewer will do; the guarantee then leans
        on that.

        Beside the guarantee stands what the same choice did on recordings that it had not
        seen (``held_out_error``, ``held_out_review``: five-fold cross-fitting). ``value`` is
        infinite (review everything) where no lower threshold can be defended; ``reason``
        says whether more recordings would do, and how many. All groups are pooled: a group
        that suffers from that is named in ``warning``.

        Raises `InputError` for limits outside 0 to 1, or where none is given.
        """
        if isinstance(max_error, Mapping) or isinstance(max_missed_per_1000, Mapping):
            if max_review is not None or cost_error is not None:
                raise InputError("limits by group go with neither max_review nor cost_error")
            limits = self._limits(max_error, max_missed_per_1000, None, 1.0, None, confidence, worst)
            return choose_for(self, limits, unit)
        limit = Limits.of(
            max_error, max_missed_per_1000, max_review, cost_review, cost_error, confidence, worst
        )
        return choose(self, limit, unit)

    def choose_each(
        self,
        *,
        max_error: float | Mapping[str, float] | None = None,
        max_missed_per_1000: float | Mapping[str, float] | None = None,
        max_review: float | Mapping[str, float] | None = None,
        cost_review: float = 1.0,
        cost_error: float | Mapping[str, float] | None = None,
        confidence: float | None = 0.95,
        worst: float = 1.0,
        unit: str = "recording",
    ) -> Thresholds:
        """A threshold for each group; a limit may be one number or one for each group by name.

        All of them hold together with probability ``confidence``: each is tested at 1 -
        (1 - ``confidence``) / groups (Bonferroni). Else as `Sweep.choose`, for each group by
        itself. Groups of words (``by="class_heard"``) need ``unit="word"`` in the sweep.
        """
        named = (max_error, max_missed_per_1000, max_review)
        limits = self._limits(*named, cost_review, cost_error, confidence, worst)
        if missing := set(self._spoken) - set(
            limits
        ):  # "(none)", of missing words alone, has nothing to review
            raise InputError(f"there is no limit for {', '.join(sorted(missing))}")
        return choose_each(self, limits, unit)

    def _limits(
        self,
        max_error: float | Mapping[str, float] | None,
        max_missed_per_1000: float | Mapping[str, float] | None,
        max_review: float | Mapping[str, float] | None,
        cost_review: float,
        cost_error: float | Mapping[str, float] | None,
        confidence: float | None,
        worst: float,
    ) -> dict[str, Limits]:
        """The limits of each group with words that has any."""
        given = (max_error, max_missed_per_1000, max_review)
        named = {group for limit in given if isinstance(limit, Mapping) for group in limit}
        there = self._spoken
        if unknown := named - set(there):
            raise InputError(f"limits for {', '.join(sorted(unknown))}, but groups are {', '.join(there)}")
        found = {}
        for group in there:
            if not named or group in named:
                own = (m.get(group) if isinstance(m, Mapping) else m for m in given)
                error, missed, review = own
                found[group] = Limits.of(error, missed, review, cost_review, cost_error, confidence, worst)
        return found

    @cached_property
    def _spoken(self) -> list[str]:
        """The groups that have words."""
        words = self.counts.groupby("group", observed=True)["tokens"].sum()
        return [str(group) for group in words.index[words > 0]]

    def operating_point(self, value: float) -> Threshold:
        """What a threshold that was picked by hand does on these recordings; it promises nothing.

        >>> import medtx
        >>> print(medtx.sweep(example()).operating_point(0.5))
        Review words below 0.5: 33% of 3 words; of 1 wrong words 1 are caught and 0 slip through; 1 more
        are missing altogether; WER 50.0% before review, 25.0% after. Picked by hand: measured on these
        recordings (1), and promises nothing for others.
        """
        if not (0 <= value <= 1 or value == np.inf):
            raise InputError(f"value={value!r} is not a confidence between 0 and 1")
        return measured(self, value)

    def plot(self, ax: "Axes | None" = None, *, mark: Threshold | None = None) -> "Axes":
        """WER after review against the share of words reviewed, on ``ax`` or a new one."""
        from medtx.plots import plot_sweep

        return plot_sweep(self, ax, mark)

    @cached_property
    def fingerprint(self) -> str:
        """A hash of the counts: the same recordings give the same, in whatever order."""
        rows = self.counts
        names = rows["recording"].cat.rename_categories(str).astype(str)
        score = self.values[rows["place"].to_numpy()]
        table = rows.drop(columns=["place", "group"]).assign(recording=names, score=score)
        each = np.sort(pd.util.hash_pandas_object(table, index=False).to_numpy())
        return hashlib.sha256(each.tobytes()).hexdigest()[:16]

    def __add__(self, other: "Sweep | int") -> "Sweep":
        if not isinstance(other, Sweep):
            return self if other == 0 else NotImplemented  # the 0 that sum() starts with
        mine, theirs = ((s.by, s.unit, s.reviewer, s.normalize) for s in (self, other))
        if mine != theirs:
            raise InputError(f"these sweeps differ in by, unit, reviewer or normalize: {mine} and {theirs}")
        twice = set(self.recordings["recording"]) & set(other.recordings["recording"])
        if twice:
            raise InputError(f"recordings in both sweeps: {', '.join(sorted(twice)[:3])}")
        values = np.union1d(self.values, other.values)
        parts = []
        for s in (self, other):
            new = np.searchsorted(values, s.values)
            parts.append(s.counts.assign(place=new[s.counts["place"].to_numpy()]))
        recordings = stack([self.recordings, other.recordings])
        return Sweep(stack(parts), values, recordings, *mine)

    __radd__ = __add__

    def __repr__(self) -> str:
        thresholds = len(self.values) - 1
        return f"<Sweep: {thresholds:,} thresholds, groups: {', '.join(self.groups)}>"

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
    scored = scores_of(alignment, unit)
    heard = is_heard(pairs)
    groups = rows_by(alignment, by) if by is not None else [("TOTAL", np.ones(len(pairs), dtype=bool))]
    group = np.zeros(len(pairs), np.int32)
    for n, (_, mask) in enumerate(groups):
        group[mask] = n
    columns: dict[str, Any] = {
        "group": group,
        "recording": pairs["recording"].cat.codes.to_numpy(),
        "score": scored.token,
        "words": pairs["words"].to_numpy(),
        "tokens": heard,
        "errors": heard & (pairs["op"] != "equal").to_numpy(),
        "deletions": (pairs["op"] == "delete").to_numpy(),
        "reference": (pairs["op"] != "insert").to_numpy(),
        "minutes": _minutes(pairs, scored),
    }
    several = columns["words"] > 1
    if several.any():  # each of several words of a token goes to review by itself
        alone = several[scored.row]
        row = scored.row[alone]
        none = np.zeros(len(row), bool)
        columns["words"] = np.where(several, 0, columns["words"])
        more = {
            **{name: columns[name][row] for name in ("group", "recording")},
            "score": scored.word[alone],
            "words": np.ones(len(row), int),
            **dict.fromkeys(("tokens", "errors", "deletions", "reference"), none),
            "minutes": scored.minutes[alone] if scored.unit is None else none / 60,
        }
        columns = {name: np.concatenate([columns[name], more[name]]) for name in columns}
    code, distinct = pd.factorize(columns.pop("score"))
    values = np.union1d(distinct, [-1.0, np.inf])
    counts = pd.DataFrame(
        {
            **columns,
            "group": pd.Categorical.from_codes(columns["group"], [name for name, _ in groups]),
            "recording": pd.Categorical.from_codes(columns["recording"], dtype=pairs["recording"].dtype),
            "place": np.searchsorted(values, distinct)[code],
        }
    )
    return Sweep(counts, values, alignment.recordings, name_of(by), unit, reviewer, alignment.normalize)


def _sums(rows: pd.DataFrame, size: int) -> dict[str, np.ndarray]:
    """What falls on each of ``size`` scores: rows, words, errors, deletions and minutes."""
    found = {name: np.zeros(size) for name in ("rows", "words", "errors", "deletions", "minutes")}
    columns = {name: rows[name].to_numpy() for name in ("place", "words", "errors", "deletions", "minutes")}
    step = max(BLOCK, 8 * size)
    for first in range(0, len(rows), step):
        block = {name: values[first : first + step] for name, values in columns.items()}
        place = block["place"]
        here = np.bincount(place, minlength=size)
        found["rows"] += here
        found["words"] += here
        for name, usual in (("words", 1), ("errors", 0), ("deletions", 0)):  # only what is unusual is summed
            weights = block[name]
            odd = np.flatnonzero(weights != usual if usual else weights)
            found[name] += np.bincount(place[odd], weights=weights[odd] - usual, minlength=size)
        found["minutes"] += np.bincount(place, weights=block["minutes"], minlength=size)
    return found


def _minutes(pairs: pd.DataFrame, scored: Scored) -> np.ndarray:
    """Of each row: how long its word lasts; of a unit, its first word bears all of it."""
    heard = is_heard(pairs)
    start, end = pairs["start"].to_numpy(), pairs["end"].to_numpy()
    if scored.unit is None:  # a word of several tokens lasts once; several words last one by one
        return np.where(pairs["words"].to_numpy() == 1, end - start, 0.0) / 60
    spans = pd.DataFrame({"unit": scored.unit[heard], "start": start[heard], "end": end[heard]})
    by_unit = spans.groupby("unit")
    length = by_unit["end"].max() - by_unit["start"].min()
    lasts = np.zeros(len(pairs))
    first = np.flatnonzero(heard)[~spans["unit"].duplicated().to_numpy()]
    lasts[first] = length.reindex(scored.unit[first]).to_numpy() / 60
    return lasts
