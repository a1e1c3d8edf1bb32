"""Every table that medtx hands out: its columns, dtypes, units and meaning.

Times are seconds (float64) from the start of the recording, in half-open intervals.
Confidences are floats in [0, 1], NaN where the service gave none. Labels are
categorical. ``recording`` is the key that ties the tables together.
"""

from collections.abc import Mapping, Sequence
from functools import cache, lru_cache
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
import pyarrow as pa

from medtx.errors import not_one_of


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
        "status": Column(
            "category",
            "state of the job; CUT: the file of a stream ends before the stream did, "
            "NO_TRANSCRIPT: only a clinical document was read",
        ),
        "reason": Column("str", "why the job or stream failed, in the service's words; NaN where it did not"),
        "redacted": Column("bool", "whether the service took identifying words out"),
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
        "language": Column("category", "language code, where the result gives one for each word"),
        "phi": Column("category", "kind of protected health information that the word is part of"),
        "filtered": Column("category", "masked or tagged by a vocabulary filter, or redacted"),
        "variants": Column(
            "category",
            "NIST's mark that the word of a reference is part of: { have / i've }, of which one is said "
            "(@: nothing), or (uh), which may be left out",
        ),
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
        "sent": Column("float64", "seconds of audio that had been sent when it arrived; NaN: not recorded"),
        "result": Column("category", "ResultId"),
        "channel": _CHANNEL,
        "segment": Column("int32", "number of the segment that a final result became; -1: none"),
        "partial": Column("bool", "whether the result may still change"),
        "start": _START,
        "end": _END,
        "transcript": _TRANSCRIPT,
    },
    "notes": {
        "recording": _RECORDING,
        "section": Column("category", "section of the clinical document, as the service names it"),
        "sentence": Column("int32", "number of the sentence, from 0 within the recording"),
        "text": Column("str", "the sentence as the service wrote it"),
        "evidence": Column("category", "SegmentId that the sentence rests on, one a row; NaN: none is named"),
        "segment": Column("int32", "number of that segment in the recording; -1: it was not read"),
        "start": _START,
        "end": _END,
        "speaker": _SPEAKER,
    },
    "pairs": {
        "recording": _RECORDING,
        "part": Column("int32", "what was aligned by itself: number of the channel or voice, from 0"),
        "op": Column(
            "category", "equal (also of an optional reference word left out), substitute, delete or insert"
        ),
        "reference": Column("str", "normalised reference token; NaN for an insertion"),
        "hypothesis": Column("str", "normalised hypothesis token; NaN for a deletion"),
        "reference_position": Column("int32", "position in the reference's words; -1: none"),
        "position": Column("int32", "position in the hypothesis' words; -1: none"),
        "start": _START,
        "end": _END,
        "confidence": _CONFIDENCE,
        "words": Column("int32", "recognised words that it stands for; 0 where the token before has them"),
        "speaker": _SPEAKER,
    },
    "entities": {
        "recording": _RECORDING,
        "entity": Column("int32", "number of the entity or attribute, from 0 within the recording"),
        "parent": Column("int32", "the entity that an attribute belongs to; -1: none"),
        "category": Column(
            "category", "MEDICATION, MEDICAL_CONDITION, ..., as Comprehend Medical names them"
        ),
        "type": Column("category", "GENERIC_NAME, DX_NAME, DOSAGE, ..."),
        "text": Column("str", "as it stands in the recording's text"),
        "begin_offset": Column("int32", "in code points of the recording's text, `Transcripts.text`"),
        "end_offset": Column("int32", "exclusive"),
        "score": Column("float64", "confidence of the entity engine, 0 to 1"),
        "relationship": Column("category", "how an attribute belongs to its parent"),
        "traits": Column("object", "list of names: NEGATION, SYMPTOM, PAST_HISTORY, ..."),
        "codes": Column("object", "list of {ontology, code, description, score}"),
        "operation": Column("category", "what found it: detect_entities_v2, infer_rx_norm, ..."),
        "start": _START,
        "end": _END,
        "speaker": _SPEAKER,
        "asr_confidence": Column("float64", "the least speech confidence of its words; NaN: none has any"),
        "asr_confidence_mean": Column("float64", "the mean of them"),
        "first": Column("int32", "position of its first word in the recording's words"),
        "last": Column("int32", "position of its last word"),
    },
    "failures": {
        "source": Column("str", "the file that could not be used"),
        "place": Column("str", "where in it; empty for the whole"),
        "problem": Column("str", "what was expected"),
    },
}

OPS = ["equal", "substitute", "delete", "insert"]
"""Alignment operations, in the order of their codes."""

_BLANK = {"float64": np.nan, "int32": 0, "bool": False}


def frame(name: str, columns: Mapping[str, Sequence[Any] | np.ndarray | pd.Categorical]) -> pd.DataFrame:
    """The table ``name`` from ``columns``; those not given are blank.

    Labels may come as text, as a categorical, or as an array of codes that get their names later.

    >>> frame("phi", {"recording": ["visit"], "content": ["Bertrand"]}).dtypes["start"]
    dtype('float64')
    """
    if not columns:
        return _empty(name).copy()
    size = len(next(iter(columns.values())))
    data: dict[str, Any] = {}
    for column, (dtype, _) in TABLES[name].items():
        values = columns.get(column)
        if dtype == "category":
            if values is None:
                values = pd.Categorical.from_codes(np.full(size, -1, np.int8), dtype=_categories(()))
            data[column] = values if isinstance(values, pd.Categorical | np.ndarray) else labels(values)
        elif dtype == "object":
            data[column] = pd.Series(list(values or []), dtype=object)
        elif dtype == "str":
            data[column] = _text([None] * size if values is None else values)
        else:
            data[column] = np.asarray(np.full(size, _BLANK[dtype]) if values is None else values, dtype=dtype)
    return pd.DataFrame(data, copy=False)


@cache
def _empty(name: str) -> pd.DataFrame:
    return frame(name, {column: [] for column in TABLES[name]})


def _text(values: Any) -> Any:
    if not isinstance(values, pd.api.extensions.ExtensionArray):
        try:  # twice as quick as by pandas alone
            values = pa.array(values, type=pa.large_string(), from_pandas=True)
        except UnicodeEncodeError:  # half of a pair of UTF-16, as broken JSON holds it
            values = [v if v is None else v.encode("utf-8", "replace").decode() for v in values]
        except pa.ArrowException:
            pass  # something else than text, which pandas writes as text
    return pd.array(values, dtype="str")


def labels(values: Sequence[Any]) -> pd.Categorical:
    """Text as a categorical, its categories sorted; several times quicker than pandas makes one.

    >>> labels(["b", None, "a", "b"])
    ['b', NaN, 'a', 'b']
    Categories (2, str): ['a', 'b']
    """
    found = dict.fromkeys(values)
    names = sorted(value for value in found if isinstance(value, str))
    code = dict.fromkeys(found, -1) | {name: n for n, name in enumerate(names)}
    size = np.int8 if len(names) < 128 else np.int32
    codes = np.fromiter(map(code.__getitem__, values), size, len(values))
    return pd.Categorical.from_codes(codes, dtype=_categories(tuple(names)))


@lru_cache(maxsize=64)
def _categories(names: tuple[str, ...]) -> pd.CategoricalDtype:
    """The same few again and again: pandas takes a while to make one."""
    return pd.CategoricalDtype(pd.Index(_text(list(names)), dtype="str"))


def stack(tables: Sequence[pd.DataFrame]) -> pd.DataFrame:
    """Tables of one kind, one after the other; columns that only some have are blank in the others."""
    if len(tables) == 1:
        return tables[0]
    for column in dict.fromkeys(column for table in tables for column in table):
        held = [table[column] for table in tables if column in table]
        if all(isinstance(values.dtype, pd.CategoricalDtype) for values in held):
            known = held[0].cat.categories
            if all(values.cat.categories.equals(known) for values in held):
                continue
            names = list(dict.fromkeys(name for values in held for name in values.cat.categories))
            if column != "recording":  # recordings keep their order
                names.sort(key=str)
            text = all(isinstance(name, str) for name in names)
            dtype = pd.CategoricalDtype(pd.Index(names, dtype="str" if text else None))
            tables = [
                table.assign(**{column: table[column].astype(dtype)}) if column in table else table
                for table in tables
            ]
    return pd.concat(tables, ignore_index=True)


def minutes(seconds: float) -> str:
    """
    >>> minutes(72.4)
    '1:12'
    """
    return f"{int(seconds) // 60}:{int(seconds) % 60:02}"


def is_heard(pairs: pd.DataFrame) -> np.ndarray:
    """Whether each pair has a recognised word: not a deletion, nor an optional word that was left out."""
    left_out = (pairs["op"] == "equal") & (pairs["position"] < 0)
    there: np.ndarray = ((pairs["op"] != "delete") & ~left_out).to_numpy()
    return there


def rows_at(words: pd.DataFrame, recording: pd.Series, position: pd.Series) -> np.ndarray:
    """The row of ``words`` at each position of each recording; -1 where there is none."""
    known, asked = words["recording"].astype("category"), recording.astype("category")
    number = known.cat.categories.astype(str).get_indexer(asked.cat.categories.astype(str))
    number = np.array([*number, -1])[asked.cat.codes]  # a blank, of code -1, is nowhere
    wide = int(words["position"].max()) + 1 if len(words) else 1
    at = position.fillna(-1).to_numpy(int)
    wanted = np.where((number >= 0) & (at >= 0) & (at < wide), number * wide + at, -1)
    rows: np.ndarray = pd.Index(known.cat.codes.to_numpy(int) * wide + words["position"]).get_indexer(wanted)
    return rows


def picked(values: np.ndarray, rows: np.ndarray) -> np.ndarray:
    """The values at the rows that `rows_at` gives; None where there is none."""
    found: np.ndarray = values.astype(object)[rows]
    found[rows < 0] = None
    return found


def describe(name: str) -> pd.DataFrame:
    """What each column of a table means.

    >>> describe("words").loc["confidence", "meaning"]
    '0 to 1; NaN where the service gave none'
    """
    if not isinstance(name, str) or name not in TABLES:
        raise not_one_of("name", name, TABLES)
    rows = [(column, *spec) for column, spec in TABLES[name].items()]
    return pd.DataFrame(rows, columns=["column", "dtype", "meaning"]).set_index("column")
