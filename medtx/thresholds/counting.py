"""What each position of an alignment counts for in a sweep, and how long it takes to listen."""

from typing import Any

import numpy as np
import pandas as pd

from medtx.listening import Times, by_score, ends_of
from medtx.scoring import Alignment
from medtx.tables import is_heard
from medtx.thresholds.units import Scored, extent, neighbours

BLOCK = 65_536
"""Rows that are summed at a time: so many stay in a processor's cache."""


def counts_of(pairs: pd.DataFrame, scored: Scored, group: np.ndarray) -> dict[str, Any]:
    """What each position counts for."""
    heard = is_heard(pairs)
    columns: dict[str, Any] = {
        "group": group,
        "recording": pairs["recording"].cat.codes.to_numpy(),
        "score": scored.token,
        "words": pairs["words"].to_numpy(),
        "tokens": heard,
        "errors": heard & (pairs["op"] != "equal").to_numpy(),
        "deletions": (pairs["op"] == "delete").to_numpy(),
        "reference": (pairs["op"] != "insert").to_numpy(),
        "word_minutes": _word_minutes(pairs, scored),
        "unknown": heard & pairs["confidence"].isna().to_numpy(),
    }
    several = columns["words"] > 1
    if not several.any():
        return columns
    alone = several[scored.row]  # each of several words of a token goes to review by itself
    row = scored.row[alone]
    none = np.zeros(len(row), bool)
    columns["words"] = np.where(several, 0, columns["words"])
    more = {
        **{name: columns[name][row] for name in ("group", "recording")},
        "score": scored.word[alone],
        "words": np.ones(len(row), int),
        **dict.fromkeys(("tokens", "errors", "deletions", "reference"), none),
        "word_minutes": (scored.end - scored.start)[alone] / 60 if scored.unit is None else none / 60,
        "unknown": np.isnan(scored.sure[alone]),
    }
    return {name: np.concatenate([columns[name], more[name]]) for name in columns}


def listening_of(
    alignment: Alignment,
    scored: Scored,
    unit: str | int,
    context: float,
    group: np.ndarray | None,
    groups: int,
) -> dict[str, Any]:
    """Minutes by recording, group and score: of all words together (group -1), and of each group."""
    pairs = alignment.pairs
    recording = pairs["recording"].cat.codes.to_numpy()[scored.row].astype(int)
    ends = ends_of(alignment.recordings, pairs)
    segment = None if scored.unit is None or unit == "recording" else scored.unit[scored.row]
    start, end = extent(unit, scored.start, scored.end, recording, segment)
    found = by_score(recording, start, end, scored.own, ends, context)
    columns = {"recording": found.owner, "group": np.full(len(found.owner), -1), **_score(found)}
    if group is None:
        return columns
    mine = group[scored.row].astype(int)
    word = np.arange(len(mine))
    if scored.unit is None:  # a window is heard for the groups of all its words
        near = [(word[inside], mine[at[inside]]) for at, inside in neighbours(unit, recording)]
        word, mine = np.divmod(np.unique(np.concatenate([w * groups + g for w, g in near])), groups)
    score = (scored.own if scored.unit is None else scored.word)[word]
    owners, owner = np.unique(recording[word] * groups + mine, return_inverse=True)
    each = by_score(owner, start[word], end[word], score, ends[owners // groups], context)
    more = {
        "recording": (owners // groups)[each.owner],
        "group": (owners % groups)[each.owner],
        **_score(each),
    }
    return {name: np.concatenate([columns[name], more[name]]) for name in columns}


def _score(times: Times) -> dict[str, np.ndarray]:
    return {"score": times.score, "minutes": times.minutes}


def _word_minutes(pairs: pd.DataFrame, scored: Scored) -> np.ndarray:
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


def sums_of(rows: pd.DataFrame, size: int) -> dict[str, np.ndarray]:
    """What falls on each of ``size`` scores: rows, words, errors, deletions and minutes of bare words."""
    names = ("words", "errors", "deletions", "word_minutes")
    found = {name: np.zeros(size) for name in ("rows", *names)}
    columns = {name: rows[name].to_numpy() for name in ("place", *names)}
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
        found["word_minutes"] += np.bincount(place, weights=block["word_minutes"], minlength=size)
    return found
