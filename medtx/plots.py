"""Pictures of what the tables say. Every function draws on ``ax``, or a new one, and returns it."""

from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from medtx.errors import optional

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from medtx.thresholds import Sweep, Threshold


def _axes(ax: "Axes | None", width: float, height: float) -> "Axes":
    if ax is not None:
        return ax
    pyplot = optional("matplotlib.pyplot", "plots")
    axes: Axes = pyplot.subplots(figsize=(width, height), layout="constrained")[1]
    return axes


def _literal(name: object) -> str:
    """A name as it is: between two dollars matplotlib would read mathematics."""
    return str(name).replace("$", r"\$")


def plot_rates(rates: pd.DataFrame, ax: "Axes | None" = None) -> "Axes":
    """Word error rate by group with its 95 % interval; the grey line is TOTAL."""
    groups = rates.drop(index="TOTAL") if len(rates) > 1 else rates
    groups = groups.sort_values("wer", ascending=False)
    ax = _axes(ax, 7, 0.9 + 0.4 * len(groups))
    y = np.arange(len(groups))
    wer, low, high = (100 * groups[c].to_numpy() for c in ("wer", "wer_low", "wer_high"))
    ax.axvline(100 * rates.loc["TOTAL", "wer"], color="0.8", zorder=0)
    ax.hlines(y, low, high, color="C0", linewidth=2)
    ax.plot(wer, y, "o", color="C0")
    ax.set_yticks(y, [f"{_literal(name)}  (n={n})" for name, n in zip(groups.index, groups["recordings"])])
    ax.set_ylim(-0.7, len(groups) - 0.3)
    ax.set_xlim(0, 1.06 * max(np.nanmax(wer, initial=1), np.nanmax(high, initial=1)))
    ax.set_xlabel("WER, words wrong per 100 reference words, 95 % interval by recording")
    _clean(ax)
    return ax


def plot_sweep(sweep: "Sweep", ax: "Axes | None" = None, mark: "Threshold | None" = None) -> "Axes":
    """WER after review against the share of words reviewed; what no threshold reaches is dashed."""
    ax = _axes(ax, 7, 4.5)
    for i, (name, rows) in enumerate(sweep.table.groupby("group", sort=False)):
        floor = 100 * rows["wer_after_review"].iloc[-1]
        x, y = 100 * rows["review_share"], 100 * rows["wer_after_review"]
        ax.plot(x, y, color=f"C{i}", label=_literal(name) if sweep.by else "WER after review")
        label = None if sweep.by else "deletions: no threshold reaches them"
        ax.axhline(floor, color=f"C{i}", linestyle="--", linewidth=0.8, label=label)
    if mark is not None:
        x, y = 100 * mark.review_share, 100 * mark.wer_after
        ax.plot(x, y, "o", color="C3", label="chosen operating point", zorder=3)
        at = "everything" if np.isinf(mark.value) else f"below {mark.value:.3g}"
        right = x > 60
        ax.annotate(
            f"review {at}:\n{x:.0f} % of words, WER {y:.1f} %",
            (x, y),
            (-10 if right else 10, 14),
            textcoords="offset points",
            ha="right" if right else "left",
        )
    ax.set_xlim(0, 100)
    ax.set_ylim(bottom=0)
    ax.set_xlabel("words that a reviewer hears, %")
    ax.set_ylabel("WER after review, %")
    ax.legend(frameon=False, title=_literal(sweep.by) if sweep.by else None)
    _clean(ax)
    return ax


def plot_reliability(table: pd.DataFrame, ax: "Axes | None" = None) -> "Axes":
    """What share of words is correct at each confidence, as `medtx.reliability` gives it, by group.

    Bars are 95 % intervals by recording; dots are as large as their bins are full.
    """
    ax = _square(ax, "mean confidence", "share of words correct", 0)
    for i, (name, rows) in enumerate(table[table["words"] > 0].groupby("group", sort=False)):
        x, y = rows["confidence"], rows["correct"]
        ax.vlines(x, rows["correct_low"], rows["correct_high"], color=f"C{i}", linewidth=1.5)
        label = "words" if table["group"].nunique() == 1 else _literal(name)
        ax.plot(x, y, color=f"C{i}", linewidth=0.8, label=label)
        ax.scatter(x, y, s=12 + 150 * rows["words"] / rows["words"].max(), color=f"C{i}")
    ax.legend(frameon=False)
    return ax


def plot_drift(calibration: pd.DataFrame, ax: "Axes | None" = None) -> "Axes":
    """Mean confidence against the share of correct words, a dot a row of `medtx.calibration`."""
    rows = calibration.drop(index="TOTAL")
    low = np.floor(10 * np.nanmin(rows[["correct", "confidence"]])) / 10
    ax = _square(ax, "share of words correct", "mean confidence", low)
    ax.scatter(
        rows["correct"], rows["confidence"], s=18, alpha=0.7, label=_literal(rows.index.name or "group")
    )
    ax.legend(frameon=False)
    return ax


def plot_timeline(entities: pd.DataFrame, ax: "Axes | None" = None) -> "Axes":
    """Entities over the time of a recording, a line a category; the paler, the less sure the speech.

    Dotted where the speech confidence is not known.
    """
    known = entities[entities["start"].notna()]
    names = [str(name) for name in known["category"].unique()]
    ax = _axes(ax, 9, 1 + 0.45 * max(len(names), 1))
    for y, name in enumerate(names):
        rows = known[known["category"] == name]
        alpha = 0.25 + 0.75 * rows["asr_confidence"].fillna(1).to_numpy()
        dots = np.where(rows["asr_confidence"].isna(), ":", "-").tolist()
        look: dict[str, Any] = {"color": f"C{y}", "linewidth": 9, "alpha": alpha, "linestyle": dots}
        ax.hlines(np.full(len(rows), y), rows["start"], rows["end"], **look)
        for row in rows.itertuples():
            ax.annotate(row.text, (row.start, y + 0.22), fontsize=7, rotation=20)
    ax.set_yticks(range(len(names)), [name.replace("_", " ").lower() for name in names])
    ax.set_ylim(-0.5, len(names))
    ax.set_xlabel("seconds")
    _clean(ax)
    return ax


def _square(ax: "Axes | None", x: str, y: str, low: float) -> "Axes":
    """Axes from ``low`` to 1, with the line on which confidences are what they say."""
    ax = _axes(ax, 5.5, 5)
    ax.plot([0, 1], [0, 1], color="0.7", linestyle="--", linewidth=0.8, label="as they say")
    ax.set_xlim(low, 1)
    ax.set_ylim(low, 1)
    ax.set_xlabel(x)
    ax.set_ylabel(y)
    _clean(ax)
    return ax


def _clean(ax: "Axes") -> None:
    ax.spines[["top", "right"]].set_visible(False)
    ax.grid(alpha=0.2)
