"""A curve that is drawn once, and an operating point that moves on it."""

from io import BytesIO
from typing import Any

import numpy as np
import pandas as pd

from medtx.errors import optional


class Picture:
    """WER after review against the share of words reviewed. ``curve`` is `Sweep.curve`."""

    def __init__(self, curve: pd.DataFrame) -> None:
        figure = optional("matplotlib.figure", "plots").Figure(figsize=(6, 4), dpi=120, layout="constrained")
        self.canvas = optional("matplotlib.backends.backend_agg", "plots").FigureCanvasAgg(figure)
        ax = self.ax = figure.subplots()
        x, y = 100 * curve["review_share"], 100 * curve["wer_after_review"]
        ax.plot(x, y, label="WER after review")
        ax.axhline(y.iloc[-1], color="C0", linestyle="--", linewidth=0.8, label="missing words out of reach")
        ax.set_xlim(0, 100)
        ax.set_ylim(0, 1.1 * max(1.0, np.nanmax(y, initial=0)))
        ax.set_xlabel("words that a reviewer hears, %")
        ax.set_ylabel("WER after review, %")
        ax.legend(frameon=False, loc="upper right")
        ax.spines[["top", "right"]].set_visible(False)
        ax.grid(alpha=0.2)
        moves: dict[str, Any] = {"color": "C3", "animated": True, "in_layout": False}
        (self.marker,) = ax.plot([], [], "o", markersize=9, clip_on=False, **moves)
        self.label = ax.text(0.98, 0.8, "", transform=ax.transAxes, ha="right", va="top", **moves)
        self.canvas.draw()
        self.background = self.canvas.copy_from_bbox(figure.bbox)

    def png(self, threshold: float, share: float, wer: float) -> bytes:
        """The picture with the operating point: only that is drawn."""
        x, y = 100 * share, 100 * wer
        self.canvas.restore_region(self.background)
        if np.isfinite([x, y]).all():
            self.marker.set_data([x], [y])
            self.label.set_text(f"below {threshold:.4g}: {x:.0f} % of words,\nWER {y:.1f} %")
            self.ax.draw_artist(self.marker)
            self.ax.draw_artist(self.label)
        held = BytesIO()
        pixels = np.asarray(self.canvas.buffer_rgba())[..., :3]
        optional("PIL.Image", "plots").fromarray(pixels).save(held, "png", compress_level=1)
        return held.getvalue()
