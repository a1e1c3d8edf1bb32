"""Join what is known of the recordings (specialty, type, speaker, ...) to their table."""

import warnings
from dataclasses import replace
from os import PathLike
from pathlib import PureWindowsPath

import pandas as pd

from medtx.errors import InputError, ReadError, reason
from medtx.specialties import specialty
from medtx.tables import TABLES
from medtx.transcripts import Transcripts


def join(transcripts: Transcripts, metadata: str | PathLike[str] | pd.DataFrame) -> Transcripts:
    """Add the columns of ``metadata`` to ``recordings``; its values win where both have one.

    The key is ``recording``, or the stem of ``file_name``. A ``reference`` column stays
    out: references are read as Transcripts of their own.

    Raises `ReadError` for a missing or repeated key, or where no recording is in it.
    """
    source = "the metadata" if isinstance(metadata, pd.DataFrame) else str(metadata)
    table = metadata if isinstance(metadata, pd.DataFrame) else _load(source)
    if "recording" in table:
        key = table["recording"].astype(str)
    elif "file_name" in table:  # from Windows too
        key = table["file_name"].map(lambda name: PureWindowsPath(str(name)).stem)
    else:
        header = ", ".join(map(str, table.columns))
        raise ReadError(source, f"expected a column recording or file_name, found {header}", "its header")
    if key.duplicated().any():
        raise ReadError(source, f"recording {key[key.duplicated()].iloc[0]!r} stands there twice")
    added = table.drop(columns=["recording", "reference"], errors="ignore").set_index(key)
    recordings = transcripts.recordings.copy()
    names = recordings["recording"].astype(str)
    if len(names) and not names.isin(key).any():
        raise ReadError(
            source,
            f"none of its {len(key)} recordings (such as {key.iloc[0] if len(key) else ''!r}) is "
            f"among the {len(names)} that were read (such as {names.iloc[0]!r})",
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
        try:
            recordings[column] = new.astype(dtype)
        except (ValueError, TypeError):
            raise ReadError(source, f"expected {dtype} values", f"column {column}") from None
    return replace(transcripts, recordings=recordings)


def _specialty(name: object) -> object:
    """The service's spelling, so that "cardiology" and "CARDIOLOGY" are one group; others stay."""
    try:
        return specialty(str(name)) if pd.notna(name) else name
    except InputError:
        return name


def _load(source: str) -> pd.DataFrame:
    try:
        table = pd.read_csv(source)
        for name in table.columns.intersection(["recording", "file_name"]):  # "NA" and "007" are names
            names = pd.read_csv(
                source, usecols=[name], dtype=str, keep_default_na=False, skip_blank_lines=True
            )
            table[name] = names[name].array
        return table
    except OSError as error:
        raise ReadError(source, reason(error)) from None
    except (pd.errors.ParserError, pd.errors.EmptyDataError, UnicodeDecodeError) as error:
        raise ReadError(source, f"expected CSV in UTF-8: {str(error).lower()}") from None
