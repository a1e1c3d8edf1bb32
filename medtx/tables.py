"""Every table that medtx hands out: its columns, dtypes, units and meaning.

Times are seconds (float64) from the start of the recording, in half-open intervals.
Confidences are floats in [0, 1], NaN where the service gave none. Labels are
categorical. ``recording`` is the key that ties the tables together.
"""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from medtx.errors import InputError


class Column(NamedTuple):
    dtype: str
    meaning: str


_RECORDING = Column("category", "key: job name, session id or file stem")
_SEGMENT = Column("int32", "number of the utterance or result, from 0 within the recording")
_START = Column("float64", "seconds from the start of the recording; NaN where not given")
_END = Column("float64", "seconds from the start of the recording, exclusive")
_CONTENT = Column("str", "the text as the service wrote it")
_CONFIDENCE = Column("float64", "0 to 1; NaN where the service gave none")
_SPEAKER = Column("category", "speaker label")
_CHANNEL = Column("category", "channel label")
_TRANSCRIPT = Column("str", "the text of the whole result")

TABLES: dict[str, dict[str, Column]] = {
    "recordings": {
        "recording": _RECORDING,
        "source": Column("str", "the file it came from; empty for results in memory"),
        "engine": Column("category", "what recognised it; NaN for a reference"),
        "mode": Column("category", "batch or streaming; NaN for a reference"),
        "specialty": Column("category", "as the service spells it"),
        "type": Column("category", "DICTATION or CONVERSATION"),
        "language": Column("category", "language code"),
        "duration": Column("float64", "seconds; end of the last result where not given"),
        "channels": Column("int32", "number of audio channels that were kept apart"),
        "status": Column("category", "state of the job"),
    },
    "words": {
        "recording": _RECORDING,
        "position": Column("int32", "number of the row, from 0 within the recording"),
        "segment": _SEGMENT,
        "start": _START,
        "end": _END,
        "content": _CONTENT,
        "kind": Column("category", "pronunciation, punctuation or speaker-change"),
        "confidence": _CONFIDENCE,
        "speaker": _SPEAKER,
        "channel": _CHANNEL,
    },
    "segments": {
        "recording": _RECORDING,
        "segment": _SEGMENT,
        "start": _START,
        "end": _END,
        "speaker": _SPEAKER,
        "channel": _CHANNEL,
        "transcript": _TRANSCRIPT,
    },
    "alternatives": {
        "recording": _RECORDING,
        "segment": _SEGMENT,
        "rank": Column("int32", "0 is the best hypothesis"),
        "position": Column("int32", "number of the row, from 0 within the hypothesis"),
        "content": _CONTENT,
        "confidence": _CONFIDENCE,
        "start": _START,
        "end": _END,
    },
    "phi": {
        "recording": _RECORDING,
        "start": _START,
        "end": _END,
        "content": _CONTENT,
        "category": Column("category", "kind of protected health information"),
        "confidence": _CONFIDENCE,
    },
    "events": {
        "recording": _RECORDING,
        "event": Column("int32", "number of the event, from 0 within the recording"),
        "arrival": Column("float64", "seconds, on the clock of the recording of the stream"),
        "result": Column("category", "ResultId"),
        "partial": Column("bool", "whether the result may still change"),
        "start": _START,
        "end": _END,
        "transcript": _TRANSCRIPT,
    },
    "pairs": {
        "recording": _RECORDING,
        "op": Column("category", "equal, substitute, delete or insert"),
        "reference": Column("str", "normalised reference token; NaN for an insertion"),
        "hypothesis": Column("str", "normalised hypothesis token; NaN for a deletion"),
        "reference_position": Column("int32", "position in the reference's words; -1: none"),
        "position": Column("int32", "position in the hypothesis' words; -1: none"),
        "start": _START,
        "end": _END,
        "confidence": _CONFIDENCE,
        "speaker": _SPEAKER,
    },
    "failures": {
        "source": Column("str", "the file that could not be used"),
        "place": Column("str", "where in it; empty for the whole"),
        "problem": Column("str", "what was expected"),
    },
}

OPS = ["equal", "substitute", "delete", "insert"]
"""Alignment operations, in the order of their codes."""

_BLANK = {"category": None, "str": None, "float64": np.nan, "int32": 0, "bool": False}


def frame(name: str, columns: Mapping[str, Sequence[Any] | np.ndarray | pd.Categorical]) -> pd.DataFrame:
    """The table ``name`` from ``columns``; those not given are blank.

    >>> frame("phi", {"recording": ["visit"], "content": ["Bertrand"]}).dtypes["start"]
    dtype('float64')
    """
    size = len(next(iter(columns.values()))) if columns else 0
    data = {}
    for column, (dtype, _) in TABLES[name].items():
        values = columns.get(column)
        if values is None:
            values = [_BLANK[dtype]] * size
        if dtype == "category":
            data[column] = pd.Categorical(values)
        elif dtype == "str":
            data[column] = pd.array(values, dtype="str")
        else:
            data[column] = np.asarray(values, dtype=dtype)
    return pd.DataFrame(data)


def describe(name: str) -> pd.DataFrame:
    """What each column of a table means.

    >>> describe("words").loc["confidence", "meaning"]
    '0 to 1; NaN where the service gave none'
    """
    if name not in TABLES:
        raise InputError(f"table {name!r} is not one of {', '.join(TABLES)}")
    rows = [(column, *spec) for column, spec in TABLES[name].items()]
    return pd.DataFrame(rows, columns=["column", "dtype", "meaning"]).set_index("column")
