"""Put recordings together: speakers or channels that lie in files of their own."""

import os
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from medtx.errors import InputError, kind_of
from medtx.tables import labels

if TYPE_CHECKING:
    from medtx.transcripts import Transcripts


def merge(transcripts: "Transcripts", name: Callable[[str], str]) -> "Transcripts":
    """See `medtx.Transcripts.merge`."""
    if not callable(name):
        raise InputError(f"expected a function from a name to the new one, not {kind_of(name)}")
    old = transcripts.recordings["recording"].astype(str)
    new = {one: name(one) for one in old}
    if odd := [one for one, given in new.items() if not isinstance(given, str)]:
        raise InputError(f"the new name of {odd[0]!r} is not text")
    names = list(dict.fromkeys(new.values()))
    dtype = pd.CategoricalDtype(pd.Index(names, dtype="str"))
    own = _apart(new)
    said = transcripts.words[["recording", "speaker"]].drop_duplicates().dropna()
    voices = Counter((new[one], who) for one, who in said.itertuples(index=False))
    several = Counter(said["recording"])

    def voice(one: str, who: object) -> object:
        if one not in own or (several[one] and not isinstance(who, str)):
            return who
        if several[one] and voices[new[one], who] < 2:
            return who
        return f"{own[one]} {who}" if several[one] > 1 else own[one]

    tables = {}
    for table, rows in transcripts.tables().items():
        if "recording" in rows:
            label = rows["recording"].astype(str)
            if "speaker" in rows:
                rows = rows.assign(speaker=labels(list(map(voice, label, rows["speaker"]))))
            rows = rows.assign(recording=label.map(new).astype(dtype), old=label)
        tables[table] = rows
    segments = tables["segments"].sort_values(["recording", "start"], kind="stable", ignore_index=True)
    number = segments.groupby("recording", observed=True).cumcount().astype("int32")
    where = pd.Series(number.to_numpy(), index=pd.MultiIndex.from_frame(segments[["old", "segment"]]))
    for table, rows in tables.items():
        if "segment" in rows and table != "segments":
            keys = pd.MultiIndex.from_frame(rows[["old", "segment"]])
            rows = rows.assign(segment=where.reindex(keys, fill_value=-1).to_numpy())
            order = {"events": "arrival", "notes": "recording"}.get(table, "segment")
            tables[table] = rows.sort_values(["recording", order], kind="stable", ignore_index=True)
    tables["segments"] = segments.assign(segment=number)
    for table, column in (("words", "position"), ("events", "event")):
        count = tables[table].groupby("recording", observed=True).cumcount().astype("int32")
        tables[table] = tables[table].assign(**{column: count})
    notes = tables["notes"]
    sentence = notes.groupby(["recording", "old", "sentence"], observed=True, sort=False).ngroup()
    first = sentence.groupby(notes["recording"], observed=True).transform("min")
    tables["notes"] = notes.assign(sentence=(sentence - first).astype("int32"))
    channels = tables["segments"].groupby("recording", observed=False)["channel"].nunique()
    whole = tables["recordings"].drop(columns="old").groupby("recording", observed=False)
    tables["recordings"] = (
        whole.first()
        .assign(
            duration=whole["duration"].max(),
            channels=np.maximum(channels, whole["channels"].max()).astype("int32"),
            redacted=whole["redacted"].any(),
        )
        .reset_index()
    )
    return replace(
        transcripts, **{table: rows.drop(columns="old", errors="ignore") for table, rows in tables.items()}
    )


def _apart(merged: Mapping[str, str]) -> dict[str, str]:
    """Of each old name that is put together with others, what tells it from them.

    >>> _apart({"day1_doctor": "day1", "day1_patient": "day1", "day2": "day2"})
    {'day1_doctor': 'doctor', 'day1_patient': 'patient'}
    """
    groups: dict[str, list[str]] = {}
    for name, new in merged.items():
        groups.setdefault(new, []).append(name)
    apart: dict[str, str] = {}
    for group in groups.values():
        if len(group) > 1:
            prefix = os.path.commonprefix(group)  # noqa: RUF071  names, not paths
            start = max(prefix.rfind(mark) for mark in "_-. /") + 1  # whole words only
            apart |= {name: name[start:] or name for name in group}
    return apart
