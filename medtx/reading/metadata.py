"""Join what is known of the recordings (specialty, type, speaker, ...) to their table."""

import io
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import replace
from os import PathLike, fspath
from pathlib import PureWindowsPath
from typing import Any

import msgspec
import pandas as pd

from medtx.errors import InputError, MedtxError, ReadError, did_you_mean, kind_of, nearest, shown
from medtx.files import load
from medtx.specialties import specialty
from medtx.tables import TABLES, labels
from medtx.transcripts import Transcripts


def join(transcripts: Transcripts, metadata: Any, former: Sequence[str] | None = None) -> Transcripts:
    """Add the columns of ``metadata`` to ``recordings``; its values win where both have one.

    The key is ``recording``, or the stem of ``file_name``; where it is none of these recordings, it
    may be one of their ``former`` names, in the same order. A ``reference`` column stays
    out: references are read as Transcripts of their own.

    Raises `ReadError` for a missing or repeated key, or where no recording is in it.
    """
    if not isinstance(metadata, str | PathLike | pd.DataFrame):
        raise InputError(f"metadata is {kind_of(metadata)}, not a path or a DataFrame")
    source = "the metadata" if isinstance(metadata, pd.DataFrame) else fspath(metadata)
    try:
        table = metadata if isinstance(metadata, pd.DataFrame) else _load(source)
        return _joined(transcripts, table, source, former)
    except UnicodeEncodeError:
        raise ReadError(source, "expected text, found half of a UTF-16 pair") from None


def _joined(
    transcripts: Transcripts, table: pd.DataFrame, source: str, former: Sequence[str] | None
) -> Transcripts:
    if table.columns.has_duplicates or table.columns.nlevels > 1:
        raise ReadError(source, "expected columns with a name each", "its header")
    if "recording" in table:
        key = table["recording"].astype(str)
    elif "file_name" in table:  # from Windows too
        key = table["file_name"].map(lambda name: PureWindowsPath(str(name)).stem)
    else:
        found = shown(table.columns) or "others"
        hint = _misspelt("recording", table) or _misspelt("file_name", table)
        problem = f"expected a column recording or file_name, found {found}{hint}"
        raise ReadError(source, problem, "its header")
    if key.duplicated().any():
        raise ReadError(source, f"recording {key[key.duplicated()].iloc[0]!r} stands there twice")
    added = table.drop(columns=["recording", "reference"], errors="ignore").set_index(key)
    recordings = transcripts.recordings.copy()
    names = recordings["recording"].astype(str)
    if former is not None and not names.isin(key).any():
        names = pd.Series(list(former), index=names.index, dtype="str")
    if len(names) and not names.isin(key).any():
        first = key.iloc[0] if len(key) else ""
        raise ReadError(
            source,
            f"none of its {len(key)} recordings (such as {first!r}) is among the {len(names)} that were "
            f"read (such as {names.iloc[0]!r}){did_you_mean(first, names)}",
        )
    if "specialty" in added:
        added["specialty"] = added["specialty"].map(_specialty)
    unknown = names[~names.isin(key)]
    if len(unknown):
        warnings.warn(
            f"{source}: no row for {len(unknown)} of {len(names)} recordings (such as {unknown.iloc[0]!r})",
            stacklevel=3,
        )
    for column in added:
        new = names.map(added[column])
        if column in recordings:
            new = new.where(new.notna(), recordings[column].astype(object))
        spec = TABLES["recordings"].get(str(column))
        text = new.dtype == object or isinstance(new.dtype, pd.StringDtype)
        dtype = spec.dtype if spec else "category" if text else new.dtype
        if dtype == "category" or new.dtype == object:  # lists, or numbers among text
            new = new.map(str, na_action="ignore")
        try:
            made = labels(new.tolist()) if dtype == "category" else new.astype(dtype)
            if spec and dtype in ("int32", "bool") and not (made.astype(object) == new.astype(object)).all():
                raise ValueError
        except UnicodeEncodeError:
            raise
        except (ValueError, TypeError):
            raise ReadError(source, f"expected {dtype} values", f"column {column}") from None
        recordings[column] = made
    return replace(transcripts, recordings=recordings)


def _misspelt(column: str, table: pd.DataFrame) -> str:
    """A column that may be meant by ``column``, as the end of a sentence."""
    found = nearest(column, shown(table.columns, most=None).split(", "))
    return f": is {found!r} meant as {column!r}?" if found else ""


def _specialty(name: object) -> object:
    """The service's spelling, so that "cardiology" and "CARDIOLOGY" are one group; others stay."""
    try:
        return specialty(str(name)) if pd.notna(name) else name
    except InputError:
        return name


def _load(source: str) -> pd.DataFrame:
    data = load(source)
    try:
        return _table(data, source)
    except MedtxError:
        raise
    except (LookupError, TypeError, ValueError, AttributeError, OverflowError, RecursionError) as error:
        raise ReadError(source, f"expected rows of one value a column ({type(error).__name__})") from None


def _table(data: bytes, source: str) -> pd.DataFrame:
    if data.lstrip(b"\xef\xbb\xbf \t\r\n")[:1] in (b"{", b"["):
        return _load_json(data.removeprefix(b"\xef\xbb\xbf"), source)
    try:
        with warnings.catch_warnings(action="error", category=pd.errors.ParserWarning):
            table = pd.read_csv(io.BytesIO(data), index_col=False)
        for name in table.columns.intersection(["recording", "file_name"]):  # "NA" and "007" are names
            names = pd.read_csv(
                io.BytesIO(data), usecols=[name], dtype=str, keep_default_na=False, skip_blank_lines=True
            )
            table[name] = names[name].array
        return table
    except pd.errors.ParserWarning:
        raise ReadError(source, "expected as many fields in each row as in the header") from None
    except (pd.errors.ParserError, pd.errors.EmptyDataError, UnicodeDecodeError) as error:
        raise ReadError(source, f"expected CSV in UTF-8: {str(error).lower().strip()}") from None


def _load_json(data: bytes, source: str) -> pd.DataFrame:
    """A list of rows, a row a line, or descriptions of jobs."""
    try:
        held = msgspec.json.decode(data)
    except msgspec.DecodeError:
        try:
            held = [msgspec.json.decode(line) for line in data.splitlines() if line.strip()]
        except msgspec.DecodeError as error:
            raise ReadError(source, f"expected JSON: {str(error).lower()}") from None
    jobs = {row["recording"]: row for row in describe_jobs(held)}  # the last word on each
    rows = list(jobs.values()) or (held if isinstance(held, list) else [held])
    if not rows or not all(isinstance(row, Mapping) for row in rows):
        raise ReadError(source, "expected a list of objects, one a recording, or descriptions of jobs")
    return pd.DataFrame(rows)


JOBS = {
    "MedicalTranscriptionJob": "amazon-transcribe-medical",
    "TranscriptionJob": "amazon-transcribe",
    "CallAnalyticsJob": "amazon-transcribe-call-analytics",
    "MedicalScribeJob": "amazon-healthscribe",
}
"""How the service's answers begin their keys -> the engine."""


def is_job(data: Any) -> bool:
    """Whether ``data`` describes a job or jobs, or is a batch result."""
    if not isinstance(data, Mapping):
        return False
    if isinstance(data.get("results"), Mapping):
        return True
    keys = {f"{key}{end}" for key in JOBS for end in ("", "Name", "Summaries")}
    return not keys.isdisjoint(data) or bool(describe_jobs(data))


def describe_jobs(data: Any) -> list[dict[str, Any]]:
    """A row for each job in an answer of Get...Job or List...Jobs, or in a job's EventBridge event.

    >>> describe_jobs({"MedicalTranscriptionJob": {"MedicalTranscriptionJobName": "visit",
    ...     "TranscriptionJobStatus": "FAILED", "FailureReason": "no speech"}})
    ... # doctest: +NORMALIZE_WHITESPACE
    [{'recording': 'visit', 'engine': 'amazon-transcribe-medical', 'mode': 'batch', 'status': 'FAILED',
      'reason': 'no speech'}]
    """
    if isinstance(data, list):
        return [row for one in data for row in describe_jobs(one)]
    if not isinstance(data, Mapping):
        return []
    for key, engine in JOBS.items():
        if isinstance(name := data.get(f"{key}Name"), str):
            return [_described(data, name, engine)]
        for inner in (data.get(key), data.get(f"{key}Summaries")):
            if inner and (rows := describe_jobs(inner)):
                return rows
    return describe_jobs(data.get("detail"))


def _described(job: Mapping[str, Any], name: str, engine: str) -> dict[str, Any]:
    def within(key: str, inner: str) -> Any:
        held = job.get(key)
        return held.get(inner) if isinstance(held, Mapping) else None

    status = next((value for key, value in job.items() if str(key).endswith("JobStatus")), None)
    known = {
        "recording": name,
        "engine": engine,
        "mode": "batch",
        "specialty": job.get("Specialty"),
        "type": job.get("Type"),
        "language": job.get("LanguageCode"),
        "status": status,
        "reason": job.get("FailureReason"),
        "media": within("Media", "MediaFileUri"),
        "vocabulary": within("Settings", "VocabularyName"),
        "created": job.get("CreationTime"),
        "completed": job.get("CompletionTime"),
    }
    return {column: str(value) for column, value in known.items() if value is not None}
