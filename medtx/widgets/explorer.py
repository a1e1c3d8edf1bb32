"""Move a threshold, and see at once what it sends to review and what slips through."""

import base64
from html import escape
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from medtx.errors import InputError, MedtxError, check_share, expect, optional
from medtx.listening import long
from medtx.scoring import Alignment
from medtx.tables import minutes
from medtx.thresholds import Sweep, Threshold, sweep
from medtx.thresholds.slips import slips
from medtx.thresholds.units import check, scores_of
from medtx.widgets.picture import Picture

UNITS: dict[str, str | int] = {
    "word": "word",
    "window of 5 words": 5,
    "segment": "segment",
    "recording": "recording",
}

START = 0.5
"""Where the slider stands at first."""

_STYLE = """<style>
.medtx-e { font: 14px/1.5 system-ui, sans-serif }
.medtx-e table { border-collapse: collapse; font-size: 12px; line-height: 1.4 }
.medtx-e th, .medtx-e td { text-align: left; vertical-align: top; padding: 2px 10px 2px 0 }
.medtx-e tr { border-bottom: 1px solid #8884 }
.medtx-e .context { min-width: 16em } .medtx-e td.number { white-space: nowrap }
.medtx-e mark { font-weight: 600; color: inherit; background: #e69f0055; border-radius: 3px; padding: 0 .2em }
</style>"""


def explore(
    alignment: Alignment,
    *,
    by: str | None = None,
    unit: str | int = "word",
    max_error: float = 0.1,
    confidence: float | None = 0.95,
) -> "Explorer":
    """A panel for notebooks: a threshold on a slider, and what it costs, catches and misses.

    ``by`` names a column, as in `medtx.sweep`: the panel then shows one group at a time, or all.
    ``unit`` is what a reviewer hears at a time. ``max_error`` and ``confidence`` are what
    *Suggest* gives to `Sweep.choose`.

    The picture is kept in the notebook, so it can be seen where nothing runs. The words of the
    errors are not, unless the notebook is told to keep the state of its widgets.

    Raises `InputError` where no word has a confidence.

    >>> explore(example())  # a picture of its state stands beside the panel
    <Explorer: word below 0.5: review 1 of 3 words (33 %, 2 s to listen); of 1 errors 1 are
    caught, 0 slip through; 1 more words are missing altogether>
    """
    expect(alignment, Alignment)
    check(unit)
    check_share("max_error", max_error)
    if confidence is not None:
        check_share("confidence", confidence)
    return Explorer(alignment, by, unit, max_error, confidence)


class Explorer:
    """What `explore` shows: ``panel`` is the widget, ``value`` the threshold, ``sweep`` all of them."""

    def __init__(
        self,
        alignment: Alignment,
        by: str | None,
        unit: str | int,
        max_error: float,
        confidence: float | None,
    ) -> None:
        self.alignment = alignment
        self.by = by
        self.confidence = confidence
        self._sweeps: dict[str | int, Sweep] = {}
        self._views: dict[tuple[str | int, str | None], _View] = {}
        self._chosen: Threshold | None = None  # what Suggest gave, while the slider stands there
        self._view = self._view_of(unit, None)
        self.sweep = self._sweeps[unit]
        self.panel = self._build(unit, max_error)
        self._show()

    @property
    def value(self) -> float:
        """The threshold: what is below it goes to review."""
        return float(self._box.value)

    @value.setter
    def value(self, value: float) -> None:
        if not 0 <= value <= 1:
            raise InputError(f"value={value!r} is not a confidence between 0 and 1")
        self._box.value = value

    def threshold(self) -> Threshold:
        """The present threshold with its evidence, of all groups together.

        With its guarantee, if it was suggested and has not been moved since.
        """
        return self.sweep.operating_point(self.value) if self._chosen is None else self._chosen

    def _build(self, unit: str | int, max_error: float) -> Any:
        w = optional("ipywidgets", "notebook")
        fit: dict[str, Any] = {"description_width": "initial"}

        def number(label: str, value: float, width: int, **limits: float) -> Any:
            layout = w.Layout(width=f"{width}px")
            return w.BoundedFloatText(value, description=label, style=fit, layout=layout, **limits)

        def row(*parts: Any) -> Any:
            return w.HBox(parts, layout=w.Layout(flex_flow="row wrap"))

        self._slider = w.FloatSlider(
            START,
            min=0,
            max=1,
            step=0.001,
            description="threshold",
            readout=False,
            layout=w.Layout(flex="1 1 300px"),
        )
        self._box = number("", START, 80, min=0, max=1, step=0.001)
        self._box.tooltip = "threshold"
        units = UNITS if unit in UNITS.values() else UNITS | {f"window of {unit} words": unit}
        self._unit = w.Dropdown(
            options=list(units.items()), value=unit, description="hear a", layout=w.Layout(width="240px")
        )
        groups = self.sweep.groups if self.by is not None else []
        self._group = w.Dropdown(
            options=[(name, n) for n, name in enumerate(["all", *groups])],
            description=self.by or "",
            style=fit,
            layout=w.Layout(width="240px"),
        )
        self._words, self._cost, self._said, self._list = (w.HTML() for _ in range(4))
        for part, name in ((self._words, "words"), (self._said, "said"), (self._list, "slips")):
            part.add_class(f"medtx-{name}")
        self._list.layout.flex = "1 1 560px"
        self._picture = w.Image(format="png", layout=w.Layout(max_width="100%"))
        self._hear = number("cost of hearing a word", 1, 205, min=0, max=1e9)
        self._miss = number("of an error that slips through", 20, 250, min=0, max=1e9)
        self._limit = number(
            "at most this share wrong and not heard", max_error, 335, min=0, max=1, step=0.01
        )
        button = w.Layout(width="100px")
        suggest = w.Button(
            description="Suggest", tooltip="the least review that keeps to this limit", layout=button
        )
        self._signed, self._note, self._file = (
            w.Text(value, continuous_update=False, description=label, style=fit, layout=w.Layout(width=width))
            for label, value, width in (
                ("signed by", "", "200px"),
                ("note", "", "255px"),
                ("file", "threshold.json", "220px"),
            )
        )
        save = w.Button(description="Save", tooltip="save this threshold with its evidence", layout=button)

        self._slider.observe(self._slide, "value")
        self._box.observe(self._move, "value")
        for choice in (self._unit, self._group):
            choice.observe(self._change, "value")
        for cost in (self._hear, self._miss):
            cost.observe(lambda _: self._show_cost(), "value")
        suggest.on_click(self._suggest)
        save.on_click(self._save)
        left = w.VBox(
            [
                self._picture,
                row(self._hear, self._miss),
                self._cost,
                row(self._limit, suggest),
                row(self._signed, self._note, self._file, save),
                self._said,
            ],
            layout=w.Layout(flex="0 1 480px"),
        )
        top = row(self._slider, self._box, self._unit, *([self._group] if groups else []))
        return w.VBox([top, self._words, row(left, self._list)])

    def _view_of(self, unit: str | int, group: str | None) -> "_View":
        """What a unit and a group show, worked out when it is first wanted."""
        if unit not in self._sweeps:
            self._sweeps[unit] = sweep(self.alignment, self.by, unit=unit)
        if (unit, group) not in self._views:
            self._views[unit, group] = _view(self.alignment, self._sweeps[unit], group)
        return self._views[unit, group]

    @property
    def _shown_group(self) -> str | None:
        """The group that is shown; None for all."""
        n: int = self._group.value
        return self.sweep.groups[n - 1] if n else None

    def _slide(self, _: Any) -> None:
        # The browser rounds a slider to its steps. The box holds a value that is finer.
        if round(self._slider.value, 3) != round(self.value, 3):
            self._box.value = round(self._slider.value, 3)

    def _move(self, _: Any) -> None:
        self._slider.value = round(self.value, 3)
        self._chosen = None
        self._said.value = ""
        self._show()

    def _change(self, _: Any) -> None:
        """Another unit or group."""
        unit = self._unit.value
        try:
            self._view = self._view_of(unit, self._shown_group)
        except MedtxError as error:
            self._unit.value = self.sweep.unit
            self._tell(str(error))
            return
        if unit != self.sweep.unit:
            self.sweep = self._sweeps[unit]
            self._chosen = None
        self._said.value = ""
        self._show()

    def _suggest(self, _: Any) -> None:
        try:
            chosen = self.sweep.choose(max_error=self._limit.value, confidence=self.confidence)
        except MedtxError as error:
            self._tell(str(error))
            return
        if np.isfinite(chosen.value):
            self.value = chosen.value
            self._chosen = chosen
        self._tell(str(chosen))

    def _save(self, _: Any) -> None:
        asked = Path(self._file.value)
        try:
            path = self.threshold().save(asked, signed_by=self._signed.value, note=self._note.value)
        except MedtxError as error:
            self._tell(str(error))
        else:
            kept = f"; {asked.name} was there before, and is left as it was" if path != asked else ""
            self._tell(f"saved as {path.resolve()}{kept}")

    def _tell(self, sentence: str) -> None:
        self._said.value = f'<div class="medtx-e">{escape(sentence)}</div>'

    def _show(self) -> None:
        view = self._view
        row = view.at(self.value)
        before, after = 100 * view.wer, 100 * row["wer_after_review"]
        self._words.value = (
            f'{_STYLE}<div class="medtx-e">{in_words(row, view.words)}<br>'
            f"WER {before:.1f} % before review, {after:.1f} % after</div>"
        )
        self._picture.value = view.picture.png(self.value, row["review_share"], row["wer_after_review"])
        found = slips(self.alignment, view.scores, self.value)
        self._list.value = _table(found, row["errors_missed"])
        self._show_cost()

    def _show_cost(self) -> None:
        view, hear, miss = self._view, self._hear.value, self._miss.value
        costs = view.costs(hear, miss)
        least = view.curve["threshold"].iloc[int(np.argmin(costs))]
        where = "with everything reviewed" if np.isinf(least) else f"at {least:.4g}"
        now = costs[view.place(self.value)]
        self._cost.value = (
            f'<div class="medtx-e">cost per 1,000 words: {now:,.0f}; least {where}: {costs.min():,.0f}</div>'
        )

    def __repr__(self) -> str:
        row = self._view.at(self.value)
        group = "" if self._shown_group is None else f", {self.by} {self._shown_group}"
        said = in_words(row, self._view.words)
        return f"<Explorer: {self._unit.label} below {self.value:.4g}{group}: {said}>"

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> dict[str, Any]:
        """The panel; and a picture and a sentence, for where no kernel runs."""
        still = {"image/png": base64.b64encode(self._picture.value).decode(), "text/plain": repr(self)}
        return {**self.panel._repr_mimebundle_(), **still}


class _View(NamedTuple):
    """What the panel shows of a unit and a group."""

    curve: pd.DataFrame
    scores: np.ndarray  # of each row of pairs; those of other groups are never missed
    wer: float  # before review
    picture: Picture

    @property
    def words(self) -> int:
        return int(self.curve["review_words"].iloc[-1])

    def place(self, value: float) -> int:
        return int(np.searchsorted(self.curve["threshold"].to_numpy(), value))

    def at(self, value: float) -> pd.Series:
        """The row in force, as `Sweep.at` gives it."""
        return self.curve.iloc[self.place(value)]

    def costs(self, hear: float, miss: float) -> np.ndarray:
        """Per 1,000 words, at each threshold."""
        heard, missed = (self.curve[c].to_numpy() for c in ("review_words", "errors_missed"))
        return np.asarray(1000 * (hear * heard + miss * missed) / max(1, self.words))


def _view(alignment: Alignment, swept: Sweep, group: str | None) -> _View:
    scores = scores_of(alignment, swept.unit).token
    inside = np.ones(len(scores), dtype=bool)
    if group is not None:
        inside = (swept.counts["group"] == group).to_numpy()[: len(scores)]  # pairs come first
    op = alignment.pairs["op"][inside]
    words = int((op != "insert").sum())
    wer = (op != "equal").sum() / words if words else np.nan
    curve = swept.curve(group)
    return _View(curve, np.where(inside, scores, -np.inf), wer, Picture(curve))


def in_words(row: pd.Series, words: int) -> str:
    """A row of a sweep as a sentence, of so many words: "review 14 of 100 words; of 37 errors ..."."""
    names = ("review_words", "errors_caught", "errors_missed", "deletions_heard", "deletions")
    review, caught, missed, reached, beyond = (int(row[name]) for name in names)
    share = f"{100 * row['review_share']:.0f} %"
    if np.isfinite(row["review_minutes"]):
        share += f", {long(row['review_minutes'])} to listen"
    missing = (
        f"of {reached + beyond:,} missing words {reached:,} lie within what is heard, "
        f"{beyond:,} are out of reach"
        if reached
        else f"{beyond:,} more words are missing altogether"
    )
    unknown = int(row["without_confidence"])
    aside = f"; {unknown:,} words have no confidence" if unknown else ""
    return (
        f"review {review:,} of {words:,} words{f' ({share})' if words else ''}; "
        f"of {caught + missed:,} errors {caught:,} are caught, {missed:,} slip through; {missing}{aside}"
    )


def _table(found: pd.DataFrame, total: int) -> str:
    """Errors that slip through, as HTML."""
    if found.empty:
        return '<div class="medtx-e">no error slips through</div>'
    head = f"{len(found)} of {total:,} errors that slip through, the surest first"
    columns = "".join(f"<th>{name}</th>" for name in ("recording", "time", "heard", "said", "confidence"))
    rows = []
    for slip in found.itertuples():
        time = "" if np.isnan(slip.start) else minutes(slip.start)
        before, heard, after, said = (escape(t) for t in (slip.before, slip.heard, slip.after, slip.said))
        context = f"{before} <mark>{heard}</mark> {after}"
        sure = "unknown" if np.isnan(slip.confidence) else f"{slip.confidence:.4g}"
        rows.append(
            f'<tr><td>{escape(slip.recording)}</td><td class="number">{time}</td>'
            f'<td class="context">{context}</td><td>{said}</td><td>{sure}</td></tr>'
        )
    return (
        f'<div class="medtx-e">{head}<table><thead><tr>{columns}</tr></thead>'
        f"<tbody>{''.join(rows)}</tbody></table></div>"
    )
