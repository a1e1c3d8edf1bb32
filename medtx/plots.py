"""Pictures of what the tables say. Every function draws on ``ax``, or a new one, and returns it."""

from typing import TYPE_CHECKING

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
    ax.set_yticks(y, [f"{name}  (n={n})" for name, n in zip(groups.index, groups["recordings"])])
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
        ax.plot(x, y, color=f"C{i}", label=str(name) if sweep.by else "WER after review")
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
    ax.legend(frameon=False, title=sweep.by)
    _clean(ax)
    return ax


def _clean(ax: "Axes") -> None:
    ax.spines[["top", "right"]].set_visible(False)
    ax.grid(alpha=0.2)
