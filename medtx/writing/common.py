"""What the writers share: a file a recording, and the words as they go into it.

Files are readable by their owner only: they are health data.
"""

import re
from collections.abc import Callable, Iterator
from hashlib import sha256
from os import PathLike
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import quote

import pandas as pd

from medtx.errors import InputError
from medtx.transcripts import Transcripts, glued

Target = str | PathLike[str]


class One(NamedTuple):
    name: str
    words: pd.DataFrame
    segments: pd.DataFrame
    path: Path


def each(t: Transcripts, folder: Target, suffix: str) -> Iterator[One]:
    """Each recording by itself, and the file that it goes to."""
    words, segments = (
        dict(iter(table.groupby("recording", observed=True))) for table in (t.words, t.segments)
    )
    for name in t.recordings["recording"].astype(str):
        stem = quote(name, safe=" ")  # a name may be a path
        stem = f"%2E{stem[1:]}" if stem.startswith(".") else stem  # not hidden
        if len(stem) > 200:  # more than file systems take
            stem = f"{stem[:180]}-{sha256(name.encode()).hexdigest()[:16]}"
        path = Path(folder) / f"{stem}.{suffix}"
        yield One(name, words.get(name, t.words[:0]), segments.get(name, t.segments[:0]), path)


def check_threshold(threshold: float | None) -> None:
    if threshold is not None and not 0 <= threshold <= 1:
        raise InputError(f"threshold={threshold!r} is not between 0 and 1")


def field(label: Any, otherwise: str) -> str:
    """A label without blanks, as formats with columns need it."""
    return re.sub(r"\s+", "_", label.strip()) if isinstance(label, str) and label.strip() else otherwise


def voice(speaker: Any, channel: Any) -> str | None:
    """Who speaks: the speaker, or else the channel; None where neither is known."""
    known = (" ".join(label.split()) for label in (speaker, channel) if isinstance(label, str))
    return next(filter(None, known), None)


class Said(NamedTuple):
    recording: str
    start: float
    end: float
    speaker: Any
    channel: Any
    text: str
    least: float  # confidence of its words
    words: pd.DataFrame


def utterances(t: Transcripts, timed: str = "", *, punctuation: bool = True) -> Iterator[Said]:
    """Each segment, in order of time within its recording, with the words that the table has for it.

    A segment of several channels is one for each. Without ``punctuation`` marks that are items of
    their own are left out. With ``timed``, a segment without times is an `InputError` that says so.
    """
    words = t.words[t.words["kind"].isin(["pronunciation", "punctuation"][: 1 + punctuation])]
    channel = words["channel"].cat.codes.to_numpy()
    labels = [*words["channel"].cat.categories, None]  # a blank has the code -1
    by = [words["recording"], words["segment"], channel]
    texts = glued(words, by).str.strip()
    held: dict[tuple[Any, Any], list[tuple[Any, pd.DataFrame]]] = {}
    for (name, segment, code), rows in words.groupby(by, observed=True):
        held.setdefault((name, segment), []).append((code, rows))
    for s in t.segments.sort_values(["recording", "start"], kind="stable").itertuples():
        there = held.get((s.recording, s.segment), [])
        for code, rows in there:
            start, end, label = s.start, s.end, s.channel
            if len(there) > 1:
                start, end, label = rows["start"].min(), rows["end"].max(), labels[code]
            if timed and not (start == start and end == end):
                raise InputError(f"recording {s.recording!r} has a segment without times: {timed}")
            text, least = texts[(s.recording, s.segment, code)], rows["confidence"].min()
            yield Said(s.recording, start, end, s.speaker, label, text, least, rows)


_FORMULA = ("=", "+", "-", "@", "\t", "\r")


def no_formula(table: pd.DataFrame) -> pd.DataFrame:
    """Texts that a spreadsheet would take for a formula get an apostrophe before them.

    Source: https://owasp.org/www-community/attacks/CSV_Injection
    """

    def guarded(value: Any) -> Any:
        return f"'{value}" if isinstance(value, str) and value.startswith(_FORMULA) else value

    return _texts(table, guarded)


NOT_XML = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
"""What Word and Excel files cannot hold."""


def for_excel(table: pd.DataFrame) -> pd.DataFrame:
    """Texts as Excel files hold them: what they cannot is shown as the sign for that."""
    return _texts(table, lambda value: NOT_XML.sub("\ufffd", value) if isinstance(value, str) else value)


def _texts(table: pd.DataFrame, change: Callable[[Any], Any]) -> pd.DataFrame:
    texts = table.select_dtypes(exclude=["number", "bool", "datetime"])
    return table.assign(**{name: texts[name].astype(object).map(change) for name in texts})
