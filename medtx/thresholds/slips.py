"""The errors that slip through at a threshold, with the words around them."""

import numpy as np
import pandas as pd

from medtx.scoring import Alignment
from medtx.scoring.order import part_of
from medtx.tables import is_heard

AROUND = 4
"""Recognised words shown on each side of an error."""


def slips(alignment: Alignment, scores: np.ndarray, value: float, most: int | None = 15) -> pd.DataFrame:
    """Wrong words that nobody hears at a threshold, the surest first: the machine's worst mistakes.

    ``scores`` has a number for each row of the alignment's pairs (``scores_of(...).token``):
    a row is reviewed when its own is below ``value``. ``said`` is blank for an inserted word.
    Words without a confidence come last. Missing words are not among them: no threshold meets them.

    >>> from medtx.thresholds.units import scores_of
    >>> a = example()  # "denies [chess] pain" for "denies any chest pain"
    >>> slips(a, scores_of(a, "word").token, 0.3)[["before", "heard", "after", "confidence"]]
       before  heard after  confidence
    0  denies  chess  pain         0.4
    """
    pairs = alignment.pairs
    heard = is_heard(pairs)
    wrong = heard & (pairs["op"] != "equal").to_numpy()
    rows = np.flatnonzero(wrong & (scores >= value))
    sure = pairs["confidence"].to_numpy()[rows]
    rows = rows[np.argsort(-sure, kind="stable")[:most]]
    # Text is made for these rows alone: there may be very many others.
    spoken = np.flatnonzero(heard)
    near = np.searchsorted(spoken, rows)[:, None] + np.arange(-AROUND, AROUND + 1)
    around = spoken[np.clip(near, 0, len(spoken) - 1)] if len(rows) else near
    part = part_of(pairs)
    inside = (near >= 0) & (near < len(spoken)) & (part[around] == part[rows][:, None])
    tokens = pairs["hypothesis"].iloc[around.ravel()].fillna("").to_numpy(dtype=object).reshape(around.shape)
    tokens[~inside] = ""
    shown = pairs.iloc[rows].reset_index(drop=True)
    return pd.DataFrame(
        {
            "recording": shown["recording"].astype(str),
            "start": shown["start"],
            "before": [" ".join(filter(None, words)) for words in tokens[:, :AROUND]],
            "heard": tokens[:, AROUND],
            "after": [" ".join(filter(None, words)) for words in tokens[:, AROUND + 1 :]],
            "said": shown["reference"].fillna(""),
            "confidence": shown["confidence"],
        }
    )
