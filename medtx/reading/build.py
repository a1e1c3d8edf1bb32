"""Many parsed recordings -> one set of tables, each column filled in bulk."""

import gc
import re
import warnings
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import chain, groupby
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from medtx.errors import ReadError
from medtx.reading import documents
from medtx.reading.told import Told, tell
from medtx.tables import TABLES, frame, labels, stack
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
    described: bool = False  # a job's description: it belongs to the result of that name
    mixed: bool = False  # whether channels were mixed into one
    silent: bool = False  # whether the reader saw that the text there is says no word
    notes: list[str] = field(default_factory=list)  # what to tell of it, without any text
    number: int = 1  # among the recordings of one file, where these have no names of their own
    ids: tuple[str, ...] = ()  # the service's names of the segments: what a clinical document rests on
    session: str | None = None
    document: bool = False  # a clinical document: its notes belong to the recording of its segments


ALIGNED = 2_000_000_000
"""Pairs of words, of a list and of a text, that are held side by side at most: a bit each."""


def comparable(ours: Sequence[str], theirs: Sequence[str]) -> bool:
    """Whether two lists of words can be aligned in little memory; what both begin and end with costs none."""
    same = next((n for n, (a, b) in enumerate(zip(ours, theirs)) if a != b), min(len(ours), len(theirs)))
    pairs = zip(reversed(ours[same:]), reversed(theirs[same:]))
    end = next((n for n, (a, b) in enumerate(pairs) if a != b), min(len(ours), len(theirs)) - same)
    return (len(ours) - same - end) * (len(theirs) - same - end) <= ALIGNED


ROUNDING = {"start": 0.05, "end": 0.05, "confidence": 1e-3}
"""How far out of its range a value may be by rounding: it is clipped then. Times are in seconds."""


def check(columns: dict[str, Any], place: str, source: str) -> None:
    """Times are finite, not negative and in order, confidences between 0 and 1; they become arrays.

    What is out of range by rounding is clipped.
    """
    for column, name, top in (
        ("start", "start_time", np.inf),
        ("end", "end_time", np.inf),
        ("confidence", "alternatives[0].confidence", 1.0),
    ):
        if column not in columns:
            continue
        near = ROUNDING[column]
        given = columns[column]
        values = columns[column] = np.array(given, dtype=float)
        bad = ~((values >= -near) & (values <= top + near) & np.isfinite(values))
        for i in np.flatnonzero(bad):
            if given[i] is None:
                continue
            wanted = "a number from 0 to 1" if top == 1 else "seconds, 0 or more"
            raise ReadError(source, f"expected {wanted}, got {values[i]:g}", f"{place}[{i}].{name}")
        np.clip(values, 0, top, out=values)
    if "start" in columns and "end" in columns:
        start, end = columns["start"], columns["end"]
        bad = end < start - ROUNDING["end"] - 1e-9
        for i in np.flatnonzero(bad):
            wanted = f"expected an end after the start at {start[i]:g} s, got {end[i]:g}"
            raise ReadError(source, wanted, f"{place}[{i}].end_time")
        columns["end"] = np.where(end < start, start, end)


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
    times: Sequence[tuple[float | None, float | None]] = (),
    notes: Iterable[str] = (),
) -> Parsed:
    """A recording of words; a reference has no engine. Marks have neither time nor confidence.

    ``times`` are those of the segments that the words name, where the words have none.
    ``notes`` are told in a warning: they say nothing of the text.
    """
    said = [
        word if word.kind != "punctuation" else word._replace(start=None, end=None, confidence=None)
        for word in words
        if word.content != "" and (not isinstance(word.content, str) or not word.content.isspace())
    ]
    if not all(isinstance(word.content, str) and isinstance(word.kind, str) for word in said):
        raise TypeError  # whoever called says which engine's result it is not
    columns: dict[str, list[Any]] = {name: [getattr(word, name) for word in said] for name in Word._fields}
    for column in ("start", "end", "confidence"):  # NaN is unknown
        columns[column] = [None if value != value else value for value in columns[column]]
    check(columns, "words", source)
    runs = groupby(said, key=lambda w: (w.segment, w.speaker, w.channel) if w.segment is None else w.segment)
    spans = [list(run) for _, run in runs]
    columns["segment"] = [n for n, span in enumerate(spans) for _ in span]
    segments = _segments(spans)
    for n, span in enumerate(spans):
        number = span[0].segment
        if segments["start"][n] is None and number is not None and number < len(times):
            segments["start"][n], segments["end"][n] = times[number]
    check(segments, "segments", source)
    ends = [float(end) for end in segments["end"] if not np.isnan(end)]
    known = {
        "engine": engine,
        "mode": engine and "batch",
        "language": language,
        "duration": max(ends, default=None) if duration is None else duration,
        "channels": len(set(columns["channel"])),
        "status": status,
    }
    return Parsed(known, {"words": columns, "segments": segments}, name, notes=list(notes))


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


def phi(entities: Iterable[Any], words: dict[str, Any]) -> dict[str, list[Any]]:
    """The phi table's columns from a result's entities; each word that they cover learns its category.

    The spans of entities and words end a little differently: a word belongs to a span that
    holds its middle.
    """
    fields = ("start_time", "end_time", "content", "category", "confidence")
    found = [[getattr(entity, field) for field in fields] for entity in entities]
    middle = (np.asarray(words["start"], dtype=float) + np.asarray(words["end"], dtype=float)) / 2
    covered = words.setdefault("phi", [None] * len(middle))
    for start, end, _, category, _ in found:
        if start is not None and end is not None:
            for i in np.flatnonzero((middle >= start) & (middle <= end)):
                covered[i] = category or "PHI"
    return dict(zip(("start", "end", "content", "category", "confidence"), map(list, zip(*found))))


def alternatives(rows: Sequence[tuple[Any, ...]]) -> dict[str, list[Any]]:
    """The alternatives table's columns from its rows."""
    columns = ("segment", "rank", "position", "content", "confidence", "start", "end")
    return dict(zip(columns, map(list, zip(*rows)))) or {column: [] for column in columns}


_DERIVED = re.compile(r"medtx-[0-9a-f]{32}(-\d+)?")
"""A job's name that medtx made from its content says nothing to people: their file's name does."""

_NUMBERED = {"words": "position", "events": "event"}
"""Columns that number the rows of a recording, from 0."""

PART = 100_000
"""Words after which what was parsed becomes a part of the tables, which take a tenth of the memory."""


class Builder:
    """Collects recordings; `transcripts` gives their tables.

    Its ``parts`` are tables whose ``recording`` is a number. So a builder that was filled in
    another process can be added to this one.
    """

    def __init__(self) -> None:
        self.rows: list[dict[str, Any]] = []  # of the recordings
        self.names: list[tuple[str, str]] = []  # of each: the result's own, and that of its file
        self.parsed: list[Parsed] = []  # not yet in a part
        self.parts: list[dict[str, pd.DataFrame]] = []
        self.failures: list[tuple[str, str, str]] = []
        self.jobs: dict[str, dict[str, Any]] = {}  # descriptions
        self.kept: list[Transcripts] = []  # tables that were there already
        self.segment_ids: dict[int, Parsed] = {}  # of recordings whose segments a document may rest on
        self.documents: list[tuple[Parsed, str, str]] = []  # each with the name and path of its file
        self.told: Told = []  # what is doubtful
        self.waiting = 0

    def add(self, parsed: Parsed, name: str, source: str = "") -> None:
        if parsed.described:
            self.describe(parsed.name, parsed.recording | {"source": source})
            return
        if parsed.document:
            self.documents.append((parsed, name, source))
            return
        if any(parsed.ids):
            self.segment_ids[len(self.rows)] = Parsed(ids=parsed.ids, session=parsed.session)
        self.rows.append(parsed.recording | {"source": source})
        self.names.append((parsed.name, name))
        self.parsed.append(parsed)
        if parsed.notes:
            tell(source or name, "; ".join(parsed.notes))
        self.waiting += len(parsed.tables.get("words", {}).get("content", ()))
        if self.waiting >= PART:
            self.flush()

    def describe(self, name: str, job: dict[str, Any]) -> None:
        """The same job may have been asked for while it ran, and when it was done."""
        before = self.jobs.get(name, {})
        done = before.get("status") in ("COMPLETED", "FAILED")
        self.jobs[name] = job | before if done else before | job

    def extend(self, other: "Builder") -> None:
        """What ``other`` holds, after what is here."""
        self.flush()
        other.flush()
        for part in other.parts:
            self.parts.append(
                {n: t.assign(recording=t["recording"] + len(self.rows)) for n, t in part.items()}
            )
        self.segment_ids |= {n + len(self.rows): one for n, one in other.segment_ids.items()}
        self.documents += other.documents
        self.rows += other.rows
        self.names += other.names
        self.failures += other.failures
        for name, job in other.jobs.items():
            self.describe(name, job)
        self.kept += other.kept
        self.told += other.told

    def flush(self) -> None:
        part: dict[str, pd.DataFrame] = {}
        first = len(self.rows) - len(self.parsed)
        for table, spec in TABLES.items():
            held = [parsed.tables.get(table, {}) for parsed in self.parsed]
            sizes = [len(next(iter(columns.values()), ())) for columns in held]
            if not any(sizes):
                continue
            columns: dict[str, Any] = {
                "recording": np.repeat(np.arange(first, len(self.rows), dtype=np.int32), sizes)
            }
            if table in _NUMBERED:
                columns[_NUMBERED[table]] = np.concatenate([np.arange(size) for size in sizes])
            for column, (dtype, _) in spec.items():
                if column not in columns and any(column in one for one in held):
                    columns[column] = _joined([one.get(column) for one in held], sizes, dtype)
            part[table] = frame(table, columns)
        if part:
            self.parts.append(part)
        self.parsed, self.waiting = [], 0

    def transcripts(self) -> Transcripts:
        self.flush()
        notes = documents.joined(self)
        self._describe()
        names = self._unique_names()
        rows = {c: [row.get(c) for row in self.rows] for c in TABLES["recordings"] if c != "recording"}
        rows["channels"] = [c or 1 for c in rows["channels"]]
        recordings = pd.Categorical.from_codes(np.arange(len(names)), names)
        known = frame("recordings", {"recording": recordings, **rows})
        for column in sorted({key for row in self.rows for key in row if key not in known}):
            values = [row.get(column) for row in self.rows]
            text = all(value is None or isinstance(value, str) for value in values)
            known[column] = labels(values) if text else np.array(values, dtype=float)
        tables = {"recordings": known}
        for name in TABLES:
            if parts := [part[name] for part in self.parts if name in part]:
                table = stack(parts)
                named = pd.Categorical.from_codes(table["recording"].to_numpy(), dtype=recordings.dtype)
                tables[name] = table.assign(recording=named)
        if notes:
            segments = tables.get("segments", frame("segments", {}))
            tables["notes"] = documents.table(notes, segments, recordings.dtype)
        failures = dict(zip(("source", "place", "problem"), zip(*self.failures)))
        return Transcripts(**tables, failures=frame("failures", failures))

    def _describe(self) -> None:
        """What descriptions say of the jobs that were read; the others, unless done, have no words."""
        for row, (own, _) in zip(self.rows, self.names):
            if job := self.jobs.get(own):
                own_stays = ("recording", "source", "status" if row.get("status") else "")
                row |= {key: value for key, value in job.items() if key not in own_stays}
        there = {own for own, _ in self.names}.union(*(t.recordings["recording"] for t in self.kept))
        alone = [job for name, job in self.jobs.items() if name not in there]
        for job in alone:
            if job.get("status") != "COMPLETED":
                self.rows.append({key: value for key, value in job.items() if key != "recording"})
                self.names.append((job["recording"], job["recording"]))
        if done := [job["recording"] for job in alone if job.get("status") == "COMPLETED"]:
            warnings.warn(
                f"no result was read of {len(done)} jobs described as completed (such as {done[0]!r})",
                stacklevel=4,
            )
        self.jobs = {}

    def _unique_names(self) -> list[str]:
        """The result's own name, unless several share it; then the file's, then its path."""
        shared = Counter(own for own, _ in self.names)
        names = [
            own if own and shared[own] == 1 and not _DERIVED.fullmatch(own) else name
            for own, name in self.names
        ]
        kept = [name for t in self.kept for name in t.recordings["recording"]]
        again = Counter([*names, *kept])
        names = [name if again[name] == 1 else row["source"] or name for row, name in zip(self.rows, names)]
        taken = {*names, *kept}
        seen = set(kept)
        for i, name in enumerate(names):
            number = 1
            while names[i] in seen or (number > 1 and names[i] in taken):
                number += 1
                names[i] = f"{name}#{number}"
            seen.add(names[i])
        return names


def _joined(columns: list[Any], sizes: list[int], dtype: str) -> Any:
    """One column of several recordings; blank for those that do not have it."""
    if dtype == "float64":
        return np.concatenate(
            [np.full(n, np.nan) if c is None else np.asarray(c, dtype=float) for c, n in zip(columns, sizes)]
        )
    if len(columns) == 1:
        return columns[0]
    return list(chain.from_iterable([None] * n if c is None else c for c, n in zip(columns, sizes)))
