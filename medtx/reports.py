"""One self-contained HTML file: the rates, the thresholds, the pictures, and what they rest on."""

import base64
from collections.abc import Iterable, Sequence
from html import escape
from io import BytesIO
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from medtx.errors import expect, optional
from medtx.files import save_text
from medtx.html import fingerprint, page, table
from medtx.scoring import Alignment
from medtx.scoring.alignment import By
from medtx.thresholds import Sweep, Threshold, calibration, sweep

if TYPE_CHECKING:
    from matplotlib.axes import Axes

THRESHOLDS = (0.1, 0.3, 0.5, 0.7, 0.9, 0.95, 0.99)
"""Shown in tables; every other one is in ``Sweep.table``."""


def report(
    alignment: Alignment,
    path: str | PathLike[str],
    *,
    by: str | Sequence[str] | None = "specialty",
    max_error: float = 0.1,
    confidence: float = 0.95,
    title: str = "Speech recognition against references",
) -> Path:
    """Write rates, calibration, thresholds and their pictures to ``path``; gives the path.

    ``by`` groups the recordings, ``max_error`` and ``confidence`` are those of
    `medtx.Sweep.choose`. Of results without any confidence, thresholds and calibration are left
    out, and the page says so. The file needs nothing beside it, and holds single wrong words
    but no transcript; it is readable by its owner only.
    """
    expect(alignment, Alignment)
    expect(path, str, PathLike, name="path")
    engines = ", ".join(map(str, alignment.recordings["engine"].dropna().unique())) or "not named"
    alone = [*alignment.only_hypothesis, *alignment.only_reference]
    left_out = f" Left out, for want of a result or a reference: {', '.join(alone)}." if alone else ""
    parts = [
        f"<p>{len(alignment.counts)} recordings, engine: {escape(engines)}.{escape(left_out)}</p>",
        "<h2>Word error rate</h2>",
        table(rates_table(alignment, by)),
        _image(alignment.plot(by, _blank(7, 4))),
        '<p class="note">WER = (substitutions + deletions + insertions) / reference words. Intervals: '
        "95 %, studentised bootstrap over recordings, none below eight; the grey line is TOTAL. "
        "Groups whose intervals overlap widely may well not differ.</p>",
    ]
    if alignment.pairs["confidence"].isna().all():
        parts += [
            "<p>These results have no word confidences: what a threshold would catch, and whether "
            "confidences can be believed, cannot be said.</p>",
            "<h2>Commonest errors</h2>",
            table(alignment.confusions(12).drop(columns="confidence"), index=False),
        ]
    else:
        parts += _of_confidences(alignment, by, max_error, confidence)
    path = Path(path)
    if path.is_dir():
        path = path / "report.html"
    return save_text(path, page(title, parts, facts_of(alignment)))


def _of_confidences(
    alignment: Alignment, by: str | Sequence[str] | None, max_error: float, confidence: float
) -> list[str]:
    """The part of the report that confidences are needed for."""
    curves = sweep(alignment)
    chosen = curves.choose(max_error=max_error, confidence=confidence)
    slips = slipped(alignment, chosen)
    return [
        "<h2>A confidence threshold</h2>",
        f'<p class="choice">{escape(str(chosen))}</p>',
        _image(curves.plot(_blank(7, 4.5), mark=chosen)),
        table(threshold_table(curves, at=[chosen.value]), index=False),
        '<p class="note">A word is reviewed when its confidence is below the threshold. Deletions are '
        "words that were said and not recognised: they have no confidence, so no threshold catches them. "
        "WER after review assumes that every reviewed word is put right. Minutes are what must be heard: "
        f"words with {chosen.context:g} s around, what overlaps once. The record's fingerprint is "
        f"{chosen.fingerprint}.</p>",
        "<h2>Can the confidences be believed?</h2>",
        table(calibration(alignment, by).round(3)),
        '<p class="note">AUROC: chance that a right word has a higher confidence than a wrong one. NCE: '
        "1 perfect, 0 no better than always giving the share of right words. ECE: mean gap between "
        "confidence and share of right words. Brier: mean squared error. Words: recognised words that "
        "have a confidence.</p>",
        "<h2>What slips through most often</h2>",
        "<p>Nothing: everything is reviewed.</p>" if slips.empty else table(slips, index=False),
    ]


def score_page(alignment: Alignment, by: By = None) -> str:
    """The rates, the commonest errors, and the aligned words, as a page of HTML."""
    parts = [
        table(rates_table(alignment, by)),
        "<p class='note'>Raw WER: of the words as they are. Intervals: 95 %, by recording.</p>",
        "<h2>Commonest errors</h2>",
        table(alignment.confusions().round({"confidence": 2}), index=False),
        "<h2>Words</h2>",
        alignment._repr_html_(),
    ]
    return page("Error rates", parts, facts_of(alignment))


def facts_of(alignment: Alignment) -> dict[str, str]:
    """What a page on an alignment rests on."""
    rows = alignment.pairs[["recording", "op", "reference", "hypothesis", "start", "confidence"]]
    return {
        "normaliser": alignment.normalize or "not named",
        "data": f"{len(alignment.recordings):,} recordings, fingerprint {fingerprint(rows)}",
    }


def rates_table(alignment: Alignment, by: By) -> pd.DataFrame:
    """The rates as they are shown: in percent, with the interval in one column."""
    rates = alignment.rates(by)
    shown = rates[["recordings", "reference_words", "substitutions", "deletions", "insertions"]].copy()
    shown["WER %"] = (100 * rates["wer"]).round(1)
    shown["95 % interval"] = [_span(low, high) for low, high in zip(rates["wer_low"], rates["wer_high"])]
    shown["without fillers"] = (100 * rates["wer_without_fillers"]).round(1)
    shown["raw WER %"] = (100 * rates["raw_wer"]).round(1)
    shown["CER %"] = (100 * rates["cer"]).round(1)
    return shown.rename(columns={"reference_words": "words"})


def _span(low: float, high: float) -> str:
    """
    >>> _span(0.332, 0.442), _span(0.028, float("nan")), _span(float("nan"), float("nan"))
    ('33.2 to 44.2', '2.8 or more', 'too few recordings')
    """
    if pd.isna(low):
        return "too few recordings" if pd.isna(high) else f"at most {100 * high:.1f}"
    return f"{100 * low:.1f} or more" if pd.isna(high) else f"{100 * low:.1f} to {100 * high:.1f}"


def threshold_table(curves: Sweep, *, at: Iterable[float] = ()) -> pd.DataFrame:
    """What some thresholds cost and miss, in percent; ``at`` are more of them."""
    rows = curves.at(*sorted({*THRESHOLDS, *at} - {np.inf}))
    shown = rows.assign(
        **{
            "review %": (100 * rows["review_share"]).round(1),
            "WER after %": (100 * rows["wer_after_review"]).round(1),
        }
    ).drop(columns=["review_share", "wer_after_review"])
    shown[["review_minutes", "word_minutes"]] = shown[["review_minutes", "word_minutes"]].round(1)
    unknown = ["without_confidence"] if shown["without_confidence"].any() else []
    order = [
        "threshold",
        "review_words",
        "review %",
        "review_minutes",
        "word_minutes",
        "errors_caught",
        "errors_missed",
        "deletions",
        "WER after %",
        *unknown,
    ]
    shown["threshold"] = shown["threshold"].round(4)
    return shown[["group", *order] if curves.by else order]


def slipped(alignment: Alignment, threshold: Threshold, most: int = 12) -> pd.DataFrame:
    """The wrong words that are not below the threshold, the commonest first."""
    pairs = alignment.pairs
    wrong = pairs["op"].isin(["substitute", "insert"])
    heard = (pairs["confidence"] < threshold.value) | (threshold.value == np.inf)
    missed = pairs[wrong & ~heard]
    said = missed["reference"].fillna("(nothing)").rename("said")
    heard = missed["hypothesis"].rename("recognised")
    found = missed.groupby([said, heard])["confidence"].agg(["size", "mean"]).reset_index()
    found = found.sort_values(["size", "mean"], ascending=False, kind="stable").head(most)
    return found.rename(columns={"size": "times", "mean": "mean confidence"}).round(3)


def _blank(width: float, height: float) -> "Axes":
    """Axes on a figure of their own, which no pyplot keeps."""
    figure = optional("matplotlib.figure", "plots").Figure(figsize=(width, height), layout="constrained")
    axes: Axes = figure.subplots()
    return axes


def _image(axes: "Axes") -> str:
    buffer = BytesIO()
    figure: Any = axes.figure
    figure.savefig(buffer, format="svg", metadata={"Date": None})
    data = base64.b64encode(buffer.getvalue()).decode()
    return f'<p><img alt="{escape(axes.get_xlabel())}" src="data:image/svg+xml;base64,{data}"></p>'
