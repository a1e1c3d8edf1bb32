"""Clinical documents meet the transcript that they were written from: the table of notes."""

import warnings
from pathlib import PurePath
from typing import Any

import numpy as np
import pandas as pd

from medtx.tables import frame

Notes = list[tuple[int, dict[str, list[Any]], tuple[str, ...]]]
"""Of each document: the number of its recording, its columns, the names of that recording's segments."""


def joined(builder: Any) -> Notes:
    """Each document with its recording; one whose transcript was not read is a recording without words."""
    notes: Notes = []
    for parsed, name, source in builder.documents:
        number = _transcript_of(parsed, source, builder)
        if number is None:
            number = len(builder.rows)
            builder.rows.append(parsed.recording | {"source": source})
            builder.names.append((parsed.name, name))
        ids = builder.segment_ids[number].ids if number in builder.segment_ids else ()
        notes.append((number, parsed.tables["notes"], ids))
    builder.documents = []
    return notes


def _transcript_of(document: Any, source: str, builder: Any) -> int | None:
    """The recording of the same session; else the one that holds most of its segments.

    Of several that hold as many, the one in the same folder: HealthScribe writes both files there.
    """
    links = {link for link in document.tables["notes"]["evidence"] if link}
    found: dict[tuple[bool, int, bool], list[int]] = {}
    for number, one in builder.segment_ids.items():
        both = bool(one.session and document.session)
        same, shared = both and one.session == document.session, len(links.intersection(one.ids))
        if same or (shared and not both):
            there = builder.rows[number].get("source", "")
            near = bool(source) and PurePath(source).parent == PurePath(there).parent
            found.setdefault((same, shared, near), []).append(number)
    best = found[max(found)] if found else []
    if len(best) > 1:
        warnings.warn(
            f"{source or 'the clinical document in memory'}: it may belong to any of {len(best)} transcripts "
            "that name the same segments, so it is kept apart from them",
            stacklevel=4,
        )
    return best[0] if len(best) == 1 else None


def table(notes: Notes, segments: pd.DataFrame, dtype: Any) -> pd.DataFrame:
    """The notes of all documents, with the times and speakers of the segments that they rest on."""
    columns: dict[str, list[Any]] = {c: [] for c in ("section", "sentence", "text", "evidence")}
    recording: list[int] = []
    number: list[int] = []
    counts: dict[int, int] = {}
    for of, held, ids in sorted(notes, key=lambda one: one[0]):
        place = {name: n for n, name in enumerate(ids)}
        number += [place.get(link, -1) for link in held["evidence"]]
        recording += [of] * len(held["evidence"])
        first = counts.get(of, 0)  # a recording may have several documents
        columns["sentence"] += [n + first for n in held["sentence"]]
        counts[of] = first + (max(held["sentence"], default=-1) + 1)
        for column in ("section", "text", "evidence"):
            columns[column] += held[column]
    keys = pd.MultiIndex.from_arrays([segments["recording"].cat.codes, segments["segment"]])
    rows = keys.get_indexer(pd.MultiIndex.from_arrays([recording, number])) if recording else np.empty(0, int)
    whole = {**columns, "recording": pd.Categorical.from_codes(recording, dtype=dtype), "segment": number}
    for column, blank in (("start", np.nan), ("end", np.nan), ("speaker", None)):
        values = segments[column].astype(object).to_numpy()
        whole[column] = [values[row] if row >= 0 else blank for row in rows]
    return frame("notes", whole)
