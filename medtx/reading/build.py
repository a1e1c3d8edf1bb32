"""Many parsed recordings -> one set of tables, each column filled in one go."""

import gc
from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import chain, groupby
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from medtx.errors import ReadError
from medtx.tables import TABLES, frame
from medtx.transcripts import Transcripts


@contextmanager
def without_gc() -> Iterator[None]:
    """Millions of small lists make Python look for cycles again and again; here are none."""
    was = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was:
            gc.enable()


@dataclass(eq=False)
class Parsed:
    """One recording, as a reader gives it: its row, and columns of the other tables."""

    recording: dict[str, Any] = field(default_factory=dict)
    tables: dict[str, dict[str, list[Any]]] = field(default_factory=dict)
    name: str = ""  # the result's own name for the recording, where it has one


def check(columns: dict[str, list[Any]], place: str, source: str) -> None:
    """Times are finite and not negative, confidences between 0 and 1."""
    for column, name, top in (
        ("start", "start_time", np.inf),
        ("end", "end_time", np.inf),
        ("confidence", "alternatives[0].confidence", 1.0),
    ):
        given = columns.get(column, [])
        values = np.array(given, dtype=float)
        bad = ~((values >= 0) & (values <= top) & np.isfinite(values))
        for i in np.flatnonzero(bad):
            if given[i] is not None:
                wanted = "a number from 0 to 1" if top == 1 else "seconds, 0 or more"
                raise ReadError(source, f"expected {wanted}, got {values[i]:g}", f"{place}[{i}].{name}")


class Word(NamedTuple):
    content: str
    start: float | None = None
    end: float | None = None
    confidence: float | None = None
    segment: int | None = None  # None: a segment is a run of one speaker on one channel
    speaker: str | None = None
    channel: str | None = None
    kind: str = "pronunciation"


def of_words(
    engine: str | None,
    words: Iterable[Word],
    source: str,
    *,
    name: str = "",
    language: str | None = None,
    duration: float | None = None,
    status: str | None = None,
) -> Parsed:
    """A recording of words; a reference has no engine. Marks have neither time nor confidence."""
    said = [
        word if word.kind != "punctuation" else word._replace(start=None, end=None, confidence=None)
        for word in words
    ]
    if not all(isinstance(word.content, str) and isinstance(word.kind, str) for word in said):
        raise TypeError  # whoever called says which engine's result it is not
    columns: dict[str, list[Any]] = {name: [getattr(word, name) for word in said] for name in Word._fields}
    check(columns, "words", source)
    runs = groupby(said, key=lambda w: (w.segment, w.speaker, w.channel) if w.segment is None else w.segment)
    spans = [list(run) for _, run in runs]
    columns["segment"] = [n for n, span in enumerate(spans) for _ in span]
    ends = [word.end for word in said if word.end is not None]
    known = {
        "engine": engine,
        "mode": engine and "batch",
        "language": language,
        "duration": max(ends, default=0.0) if duration is None else duration,
        "channels": len(set(columns["channel"])),
        "status": status,
    }
    return Parsed(known, {"words": columns, "segments": _segments(spans)}, name)


def _segments(spans: list[list[Word]]) -> dict[str, list[Any]]:
    def one(values: Iterable[Any]) -> Any:
        distinct = set(values)
        return distinct.pop() if len(distinct) == 1 else None

    return {
        "segment": list(range(len(spans))),
        "start": [min((w.start for w in span if w.start is not None), default=None) for span in spans],
        "end": [max((w.end for w in span if w.end is not None), default=None) for span in spans],
        "speaker": [one(w.speaker for w in span) for span in spans],
        "channel": [one(w.channel for w in span) for span in spans],
        "transcript": [
            "".join(("" if w.kind == "punctuation" else " ") + w.content for w in span).strip()
            for span in spans
        ],
    }


def phi(entities: Iterable[Any]) -> dict[str, list[Any]]:
    """The phi table's columns from entities of a batch or a streaming result."""
    fields = ("start_time", "end_time", "content", "category", "confidence")
    found = [[getattr(entity, field) for field in fields] for entity in entities]
    return dict(zip(("start", "end", "content", "category", "confidence"), map(list, zip(*found))))


_NUMBERED = {"words": "position", "events": "event"}
"""Columns that number the rows of a recording, from 0."""


class Builder:
    def __init__(self) -> None:
        self.parsed: list[Parsed] = []
        self.names: list[str] = []  # from the source, for results that do not say
        self.failures: list[tuple[str, str, str]] = []

    def add(self, parsed: Parsed, name: str, source: str = "") -> None:
        parsed.recording["source"] = source
        self.parsed.append(parsed)
        self.names.append(name)

    def transcripts(self) -> Transcripts:
        names = self._unique_names()
        rows = {
            column: [p.recording.get(column) for p in self.parsed]
            for column in TABLES["recordings"]
            if column != "recording"
        }
        rows["duration"] = [np.nan if d is None else d for d in rows["duration"]]
        rows["channels"] = [c or 1 for c in rows["channels"]]
        tables = {"recordings": frame("recordings", {"recording": names, **rows})}
        for table, spec in TABLES.items():
            parts = [p.tables.get(table, {}) for p in self.parsed]
            sizes = [len(next(iter(part.values()), ())) for part in parts]
            if table in ("recordings", "pairs", "failures") or not any(sizes):
                continue
            columns: dict[str, Any] = {
                "recording": pd.Categorical.from_codes(np.repeat(np.arange(len(names)), sizes), names)
            }
            if table in _NUMBERED:
                columns[_NUMBERED[table]] = np.concatenate([np.arange(size) for size in sizes])
            for column in spec:
                if column not in columns and any(column in part for part in parts):
                    blank = np.nan if spec[column].dtype == "float64" else None
                    columns[column] = list(
                        chain.from_iterable(part.get(column) or [blank] * n for part, n in zip(parts, sizes))
                    )
            tables[table] = frame(table, columns)
        failures = dict(zip(("source", "place", "problem"), zip(*self.failures)))
        return Transcripts(**tables, failures=frame("failures", failures))

    def _unique_names(self) -> list[str]:
        """The result's own name, unless several share it; then the file's, then its path."""
        own = Counter(p.name for p in self.parsed)
        names = [p.name if p.name and own[p.name] == 1 else name for p, name in zip(self.parsed, self.names)]
        again = Counter(names)
        names = [
            name if again[name] == 1 else p.recording["source"] or name for p, name in zip(self.parsed, names)
        ]
        taken = set(names)
        seen: set[str] = set()
        for i, name in enumerate(names):
            number = 1
            while names[i] in seen or (number > 1 and names[i] in taken):
                number += 1
                names[i] = f"{name}#{number}"
            seen.add(names[i])
        return names
