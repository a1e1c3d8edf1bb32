"""Every threshold at once: what a reviewer hears, what that catches, what slips through.

A word is sent to review when its confidence is below the threshold; with a larger unit (a
window, a segment, a recording), when that is so of any word of its unit. A word without a
confidence is unknown, not low: no threshold sends it to review, only "review everything" does,
and its errors count as missed (``unknown="review"``: it always is). A word is wrong when it was
substituted or inserted. A deletion has no word: a reviewer who hears single words never meets
it, one who hears what is around may. Deletions stand beside every row.
"""

from collections.abc import Mapping
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from medtx.errors import InputError, check_number, expect, not_one_of
from medtx.html import fingerprint
from medtx.listening import CONTEXT, check_context
from medtx.scoring import Alignment
from medtx.scoring.alignment import By
from medtx.scoring.rates import name_of, rows_by
from medtx.tables import stack
from medtx.thresholds.choose import choose, choose_each, choose_for, measured
from medtx.thresholds.counting import counts_of, listening_of, sums_of
from medtx.thresholds.guarantee import Limits
from medtx.thresholds.record import Threshold, Thresholds
from medtx.thresholds.units import UNKNOWN, scores_of

if TYPE_CHECKING:
    from matplotlib.axes import Axes


class Sweep:
    """All thresholds of an alignment, by group.

    ``table`` has a row for each group (``by``) and distinct confidence, and one at
    infinity, where everything is reviewed:

    ==================  ==========================================================
    review_words        recognised words that a reviewer hears
    review_share        of all recognised words
    review_minutes      of listening: the words, or their units, with ``context`` seconds
                        around each, what overlaps heard once
    word_minutes        how long the bare words, or their units, last
    errors_caught       wrong words among them
    errors_missed       wrong words that nobody hears
    precision, recall   of flagging: wrong words among those heard; wrong words heard
    deletions_heard     missing words inside what is heard, but for its edges
    deletions           missing words out of reach
    wer_after_review    WER if the reviewer puts right what is heard (``reviewer``)
    without_confidence  recognised words that have none, in every row of the group
    ==================  ==========================================================

    Minutes are NaN where a word to hear has no times.

    ``counts`` is what all of it is made of, a row an aligned position: ``group``,
    ``recording``, ``place`` (in ``values``, the distinct scores from -1, always heard, to
    infinity, never), and how many recognised ``words``, ``tokens`` (these as they were
    normalised), ``errors``, ``deletions``, ``reference`` words and ``word_minutes`` it stands
    for, and whether it is ``unknown``, without a confidence. ``listening`` has the minutes by
    ``recording``, ``group`` (blank: of all groups together, as they may be heard at the same
    time) and ``place``. They add: sweeps of shards are joined with ``+`` or ``sum``.
    """

    def __init__(
        self,
        counts: pd.DataFrame,
        listening: pd.DataFrame,
        values: np.ndarray,
        recordings: pd.DataFrame,
        by: str | None,
        unit: str | int,
        reviewer: float,
        normalize: str = "",
        unknown: str = "skip",
        context: float = CONTEXT,
    ) -> None:
        self.counts = counts
        self.listening = listening
        self.values = values
        self.recordings = recordings
        self.by = by
        self.unit = unit
        self.reviewer = reviewer
        self.normalize = normalize
        self.unknown = unknown
        self.context = context

    @property
    def groups(self) -> list[str]:
        return [str(name) for name in self.counts["group"].cat.categories]

    @cached_property
    def table(self) -> pd.DataFrame:
        return pd.concat([self.curve(group) for group in self.groups], ignore_index=True)

    def curve(self, group: str | None = None) -> pd.DataFrame:
        """The rows of ``table`` of one group; of all words together where none is named."""
        if self.by is None and group is not None and (not isinstance(group, str) or group != "TOTAL"):
            raise not_one_of("group", group, self.groups)
        rows = self.counts if group is None or self.by is None else self.rows_of(group)
        heard = self.heard(group)
        minutes = np.bincount(heard["place"], weights=heard["minutes"], minlength=len(self.values))
        sums, reference = sums_of(rows, len(self.values)), int(rows["reference"].sum())
        unknown = int(rows["words"].to_numpy()[rows["unknown"].to_numpy()].sum())
        # Row k of the table: what is heard below values[k + 1].
        names = ("words", "errors", "deletions")
        review, caught, deleted = (sums[name][:-1].cumsum().astype(int) for name in names)
        words, wrong, deletions = (int(sums[name].sum()) for name in names)
        present = sums["rows"][1:] > 0
        present[-1] = True
        thresholds = self.values[1:].copy()
        if (aside := thresholds == UNKNOWN["skip"]).any():  # all that have a confidence: below 1
            thresholds[aside] = 1.0
            present[aside] &= not (present & (self.values[1:] == 1)).any()
        missed, beyond = wrong - caught, deletions - deleted
        left = missed + beyond + (1 - self.reviewer) * (caught + deleted)
        nothing = np.full(len(review), np.nan)
        with np.errstate(invalid="ignore", divide="ignore"):
            columns = {
                "threshold": thresholds,
                "review_words": review,
                "review_share": review / words if words else nothing,
                "review_minutes": minutes[:-1].cumsum(),
                "word_minutes": sums["word_minutes"][:-1].cumsum(),
                "errors_caught": caught,
                "errors_missed": missed,
                "precision": caught / review,
                "recall": caught / wrong if wrong else nothing,
                "deletions_heard": deleted,
                "deletions": beyond,
                "wer_after_review": left / reference if reference else nothing,
                "without_confidence": np.full(len(review), unknown),
            }
        kept = {name: values[present] for name, values in columns.items()}
        return pd.DataFrame({"group": group or "TOTAL", **kept}, copy=False)

    def heard(self, group: str | None = None) -> pd.DataFrame:
        """The rows of ``listening`` of one group; of all words together where none is named."""
        code = -1 if group is None or self.by is None else self.groups.index(group)
        return self.listening[self.listening["group"].cat.codes.to_numpy() == code]

    def rows_of(self, group: str) -> pd.DataFrame:
        """The rows of ``counts`` of one group.

        Raises `InputError` for a group that is not here.
        """
        if group not in self._places:
            raise not_one_of("group", group, self.groups)
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
        for threshold in thresholds:
            check_number("a threshold", threshold)
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
        if missing := set(self._spoken) - set(limits):  # not "(none)", of missing words alone
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
        Review words below 0.5: 33% of 3 words, 2 s to listen with 1.5 s around (0 s of bare words);
        of 1 wrong words 1 are caught and 0 slip through; 1 more are missing altogether; WER 50.0%
        before review, 25.0% after. Picked by hand: measured on these recordings (1), and promises
        nothing for others.
        """
        check_number("value", value)
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
        rows = self.counts.assign(score=self.values[self.counts["place"].to_numpy()])
        rows["recording"] = rows["recording"].cat.rename_categories(str).astype(str)
        return fingerprint(rows.drop(columns=["place", "group", "unknown"]))

    def __add__(self, other: "Sweep | int") -> "Sweep":
        if not isinstance(other, Sweep):
            return self if other == 0 else NotImplemented  # the 0 that sum() starts with
        settings = ("by", "unit", "reviewer", "normalize", "unknown", "context")
        mine, theirs = ([getattr(s, name) for name in settings] for s in (self, other))
        if apart := [name for name, one, two in zip(settings, mine, theirs) if one != two]:
            named = ", ".join(f"{name} ({getattr(self, name)}, {getattr(other, name)})" for name in apart)
            raise InputError(f"these sweeps differ in {named}")
        twice = set(self.recordings["recording"]) & set(other.recordings["recording"])
        if twice:
            raise InputError(f"recordings in both sweeps: {', '.join(sorted(twice)[:3])}")
        values = np.union1d(self.values, other.values)
        parts: dict[str, list[pd.DataFrame]] = {"counts": [], "listening": []}
        for s in (self, other):
            new = np.searchsorted(values, s.values)
            for name, rows in (("counts", s.counts), ("listening", s.listening)):
                parts[name].append(rows.assign(place=new[rows["place"].to_numpy()]))
        recordings = stack([self.recordings, other.recordings])
        return Sweep(stack(parts["counts"]), stack(parts["listening"]), values, recordings, *mine)

    __radd__ = __add__

    def __repr__(self) -> str:
        thresholds = len(self.values) - 1
        return f"<Sweep: {thresholds:,} thresholds, groups: {', '.join(self.groups)}>"

    def _repr_html_(self) -> str:
        return str(self.at(0.5, 0.7, 0.8, 0.9, 0.95, 0.99).to_html(index=False))


def sweep(
    alignment: Alignment,
    by: By = None,
    *,
    unit: str | int = "word",
    reviewer: float = 1.0,
    unknown: str = "skip",
    context: float = CONTEXT,
) -> Sweep:
    """Every threshold of an alignment, by group; exact over the distinct confidences.

    ``by`` is what `Alignment.rates` takes. ``unit`` is what a reviewer hears at a time:
    ``"word"``, a number of words (a window around each doubtful one), ``"segment"`` or
    ``"recording"``. ``reviewer`` is the share of the errors heard that are put right.
    ``unknown`` says what becomes of words without a confidence: ``"skip"`` (no threshold sends
    them to review, and their errors slip through) or ``"review"`` (they always are).
    ``context`` is how many seconds are heard around each word or unit.

    Raises `InputError` where no word has a confidence.
    """
    expect(alignment, Alignment)
    pairs = alignment.pairs
    if pairs["confidence"].isna().all():
        raise InputError("these words have no confidences, so no threshold can tell them apart")
    check_number("reviewer", reviewer)
    if not 0 <= reviewer <= 1:
        raise InputError(f"reviewer={reviewer!r} is not a share between 0 and 1")
    context = check_context(context)
    scored = scores_of(alignment, unit, unknown)
    groups = rows_by(alignment, by) if by is not None else [("TOTAL", np.ones(len(pairs), dtype=bool))]
    group = np.zeros(len(pairs), np.int32)
    for n, (_, mask) in enumerate(groups):
        group[mask] = n
    columns = counts_of(pairs, scored, group)
    times = listening_of(alignment, scored, unit, context, group if by is not None else None, len(groups))
    code, distinct = pd.factorize(columns.pop("score"))
    values = np.union1d(np.union1d(distinct, times["score"]), [-1.0, np.inf])
    kind = pd.CategoricalDtype(pd.Index([name for name, _ in groups]))

    def labelled(rows: dict[str, Any], place: np.ndarray) -> pd.DataFrame:
        group = pd.Categorical.from_codes(rows["group"], dtype=kind)
        recording = pd.Categorical.from_codes(rows["recording"], dtype=pairs["recording"].dtype)
        return pd.DataFrame({**rows, "group": group, "recording": recording, "place": place})

    counts = labelled(columns, np.searchsorted(values, distinct)[code])
    listening = labelled(times, np.searchsorted(values, times.pop("score")))
    settings = (name_of(by), unit, reviewer, alignment.normalize, unknown, context)
    return Sweep(counts, listening, values, alignment.recordings, *settings)
