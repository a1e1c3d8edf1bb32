"""Take protected health information out of transcripts: its spans become their category, as in [NAME]."""

import re
import warnings
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd

from medtx.errors import InputError, kind_of
from medtx.tables import labels
from medtx.transcripts import Transcripts, glued

PHI = "PROTECTED_HEALTH_INFORMATION"
"""Comprehend Medical's category."""


def redact(t: Transcripts, entities: Any = None) -> Transcripts:
    """See `Transcripts.redact`."""
    marks = {name: np.full(len(t.tables()[name]), "", dtype=object) for name in ("words", "alternatives")}
    marks["words"][:] = [_label(category) if isinstance(category, str) else "" for category in t.words["phi"]]
    rows = t.phi[["recording", "start", "end", "content", "category"]].assign(first=-1, last=-1)
    if entities is not None:
        if not hasattr(entities, "responses"):
            raise InputError(
                f"expected Entities, which medtx.entities(transcripts) gives, not {kind_of(entities)}"
            )
        found = entities.table[entities.table["category"] == PHI]
        named = found[["recording", "start", "end", "first", "last"]]
        rows = pd.concat(
            [
                rows.astype({"recording": str}),
                named.assign(
                    recording=named["recording"].astype(str), content=found["text"], category=found["type"]
                ),
            ],
            ignore_index=True,
        )
    lost = 0
    where = {name: _of_recordings(t.tables()[name]) for name in marks}
    for span in rows.itertuples(index=False):
        placed = False
        for name, marked in marks.items():
            here = where[name].get(str(span.recording), np.empty(0, dtype=int))
            hit = _hits(t.tables()[name], here, span, name == "words")
            marked[hit] = _label(span.category)
            placed = placed or (name == "words" and len(hit) > 0)
        lost += not placed
    if lost:
        warnings.warn(
            f"{lost} spans of PHI could not be found among the words, and may still stand there", stacklevel=3
        )
    return _redacted(t, marks["words"], marks["alternatives"])


def _label(category: object) -> str:
    """``[NAME]``; the service's own are like ``PHI*-Personal*``."""
    said = re.sub(r"[^A-Z0-9_-]+", "", str(category).upper()) if isinstance(category, str) else ""
    return f"[{said or 'PHI'}]"


def _of_recordings(table: pd.DataFrame) -> dict[str, np.ndarray]:
    return {str(name): rows for name, rows in table.groupby("recording", observed=True).indices.items()}


def _hits(table: pd.DataFrame, here: np.ndarray, span: Any, words: bool) -> np.ndarray:
    """The rows of a recording that belong to a span, by position, by time, or else by what they say.

    Spans and words end a little differently: a word belongs to a span that overlaps half of the
    shorter of the two.
    """
    if words and span.first >= 0:
        position = table["position"].to_numpy()[here]
        hit = here[(position >= span.first) & (position <= span.last)]
        return _filled(table, here, hit)
    start, end = table["start"].to_numpy()[here], table["end"].to_numpy()[here]
    with np.errstate(invalid="ignore"):
        overlap = np.minimum(end, span.end) - np.maximum(start, span.start)
        hit = here[overlap >= 0.5 * np.minimum(end - start, span.end - span.start)]
    if len(hit):
        return _filled(table, here, hit) if words else hit
    said = [_plain(one) for one in str(span.content).split()] if isinstance(span.content, str) else []
    content = [_plain(one) for one in table["content"].to_numpy()[here]]
    n = len(said)
    first = [i for i in range(len(content) - n + 1) if n and content[i : i + n] == said]
    return here[sorted({i + k for i in first for k in range(n)})]


def _plain(word: object) -> str:
    return re.sub(r"\W+", "", str(word)).casefold()


def _filled(table: pd.DataFrame, here: np.ndarray, hit: np.ndarray) -> np.ndarray:
    """With the marks between the words, which have no times."""
    if not len(hit):
        return hit
    between = here[(here >= hit.min()) & (here <= hit.max())]
    mark = (table["kind"].to_numpy()[between] == "punctuation") & np.isin(
        table["segment"].to_numpy()[between], table["segment"].to_numpy()[hit]
    )
    return np.union1d(hit, between[mark])


def _redacted(t: Transcripts, words: np.ndarray, alternatives: np.ndarray) -> Transcripts:
    said = _collapsed(t.words, words, ["recording", "segment", "speaker", "channel"])
    if said["variants"].notna().any():  # these hold words that nobody looked at
        said["variants"] = labels([None] * len(said))
    said["position"] = said.groupby("recording", observed=True).cumcount().astype("int32")
    other = _collapsed(t.alternatives, alternatives, ["recording", "segment", "rank"])
    other["position"] = (
        other.groupby(["recording", "segment", "rank"], observed=True).cumcount().astype("int32")
    )
    touched = t.words.loc[words != "", ["recording", "segment"]].drop_duplicates()
    keys = pd.MultiIndex.from_frame(touched.astype({"recording": str}))
    names = set(touched["recording"].astype(str))
    joined = glued(said, [said["recording"].astype(str), said["segment"]]).str.removeprefix(" ")
    segments = _with_text(t.segments, keys, joined)
    events = _with_text(t.events, keys, joined)
    if len(events):
        partial = events["partial"].to_numpy() & events["recording"].astype(str).isin(names).to_numpy()
        events["transcript"] = events["transcript"].mask(partial, "")
    known = t.recordings.assign(
        redacted=t.recordings["redacted"] | t.recordings["recording"].astype(str).isin(names)
    )
    # A sentence of a clinical document says in other words what was said: no span finds it.
    hidden = t.notes["recording"].astype(str).isin(names)
    notes = t.notes.assign(text=t.notes["text"].mask(hidden, ""))
    phi = t.phi.assign(content=[_label(category) for category in t.phi["category"]])
    phi["content"] = phi["content"].astype(t.phi["content"].dtype)
    tables = {"words": said, "segments": segments, "alternatives": other, "events": events, "phi": phi}
    return replace(t, recordings=known, notes=notes, **tables)


def _collapsed(table: pd.DataFrame, marks: np.ndarray, within: list[str]) -> pd.DataFrame:
    """Each run of rows with the same mark becomes one row of that content, with the least confidence."""
    if not (marks != "").any():
        return table.copy()
    keys = [table[column].astype(object).where(table[column].notna(), None) for column in within]
    new = np.ones(len(table), dtype=bool)
    same = np.logical_and.reduce([(key == key.shift()) | (key.isna() & key.shift().isna()) for key in keys])
    new[1:] = (marks[1:] == "") | (marks[1:] != marks[:-1]) | ~same[1:]
    run = np.cumsum(new)
    kept = table[new].copy()
    times = table.groupby(run)[["end", "confidence"]].agg({"end": "max", "confidence": "min"})
    kept[["end", "confidence"]] = times.to_numpy()
    mark = marks[new]
    hidden = mark != ""
    kept["content"] = kept["content"].mask(hidden, pd.Series(mark, index=kept.index))
    if "kind" in kept:
        kind = kept["kind"].astype(object).mask(hidden, "pronunciation")
        kept["kind"] = labels(kind.tolist())
        filtered = kept["filtered"].astype(object).mask(hidden, "redacted")
        kept["filtered"] = labels(filtered.where(filtered.notna(), None).tolist())
    return kept.reset_index(drop=True)


def _with_text(table: pd.DataFrame, keys: pd.MultiIndex, joined: pd.Series) -> pd.DataFrame:
    """The segments of ``keys`` with the text of their words as it is now."""
    if not len(table) or not len(keys):
        return table.copy()
    own = pd.MultiIndex.from_arrays([table["recording"].astype(str), table["segment"]])
    text = joined.reindex(own).fillna("").to_numpy()
    return table.assign(
        transcript=table["transcript"].mask(own.isin(keys), pd.Series(text, index=table.index))
    )
