"""Tables that `Transcripts.to_parquet` kept are input like any other.

Their size, columns and values are checked, and that they were written together.
"""

from hashlib import file_digest
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa

from medtx.errors import ReadError, reason
from medtx.files import bounded
from medtx.tables import TABLES, labels
from medtx.transcripts import Transcripts

DIGESTS = "SHA256SUMS"
"""The file beside Parquet tables that says which belong together; ``sha256sum -c`` takes it."""
_BROKEN = (
    *(OSError, ValueError, LookupError, TypeError, AttributeError, NotImplementedError, OverflowError),
    *(MemoryError, RuntimeError, pa.ArrowException),
)
"""What a damaged Parquet file raises."""


def from_parquet(folder: Path) -> Transcripts:
    """The tables that `Transcripts.to_parquet` wrote; raises `ReadError` for what is wrong with them."""
    belongs = _digests(folder)
    tables = {}
    for table in Transcripts().tables():
        path = folder / f"{table}.parquet"
        tables[table] = _read(path, table)
        if belongs.get(path.name, "") not in ("", digest(path)):
            raise ReadError(
                str(path),
                f"it was not written together with the other tables, by what {DIGESTS} says: write "
                f"them anew, or delete {DIGESTS} if you changed it yourself",
            )
    _check_recordings(tables, folder)
    return Transcripts(**tables)


def digest(path: Path) -> str:
    with open(path, "rb") as file:
        return file_digest(file, "sha256").hexdigest()


def _digests(folder: Path) -> dict[str, str]:
    """What each table's digest must be; empty for tables that medtx did not write."""
    try:
        lines = (folder / DIGESTS).read_text(encoding="utf-8").splitlines()
    except FileNotFoundError:
        return {}
    except (OSError, ValueError) as error:
        raise ReadError(str(folder / DIGESTS), reason(error)) from None
    return {name: sum for sum, _, name in (line.partition("  ") for line in lines)}


def _read(path: Path, table: str) -> pd.DataFrame:
    """The rows of one table; raises `ReadError` for a file that is missing, damaged, or of other columns."""
    from pyarrow import parquet  # only where a folder of tables is read

    source = str(path)
    try:
        with parquet.ParquetFile(path) as file:
            about = file.metadata
            groups = [about.row_group(n).total_byte_size for n in range(about.num_row_groups)]
            bounded(max(about.num_rows * about.num_columns * 8, sum(groups)), source)
            rows = file.read().to_pandas()
    except FileNotFoundError:
        raise ReadError(source, "no such file or directory") from None
    except _BROKEN as error:
        problem = " ".join(str(error).lower().split())[:200]
        raise ReadError(source, f"expected a Parquet file: {problem}") from None
    if missing := [column for column in TABLES[table] if column not in rows]:
        raise ReadError(source, f"expected the column {missing[0]}")
    if rows.columns.has_duplicates:
        raise ReadError(source, "expected each column once")
    return _typed(rows.reset_index(drop=True), table, source)


def _typed(rows: pd.DataFrame, table: str, source: str) -> pd.DataFrame:
    made: dict[str, Any] = {}
    for column, values in rows.items():
        spec = TABLES[table].get(str(column))
        try:
            made[str(column)] = _as(spec.dtype, values) if spec else _added(values)
        except (ValueError, TypeError, OverflowError):
            wanted = spec.dtype if spec else "readable"
            raise ReadError(source, f"expected {wanted} values", f"column {column}") from None
        if spec and spec.dtype == "float64":
            _check_range(made[str(column)], str(column), source)
    typed = pd.DataFrame(made, copy=False)
    if {"start", "end"} <= made.keys() and (typed["end"] < typed["start"] - 0.05).any():
        raise ReadError(source, "expected an end after the start in each row", "column end")
    return typed


def _as(dtype: str, values: pd.Series) -> Any:
    """Raises ValueError, or TypeError, for values of another type."""
    if dtype == "object":
        return values
    nothing = values.isna()
    if dtype in ("category", "str"):
        held = values.cat.categories if isinstance(values.dtype, pd.CategoricalDtype) else values[~nothing]
        if not isinstance(held.dtype, pd.StringDtype) and not all(isinstance(one, str) for one in held):
            raise TypeError
        if dtype == "str":
            return values.astype("str")
        if isinstance(values.dtype, pd.CategoricalDtype) and isinstance(held.dtype, pd.StringDtype):
            return values
        return labels([None if missing else one for one, missing in zip(values, nothing)])
    if values.dtype == object and nothing.all() and dtype == "float64":
        return np.full(len(values), np.nan)
    if dtype == "bool":
        if values.dtype != bool:
            raise TypeError
        return values
    if not pd.api.types.is_numeric_dtype(values.dtype) or values.dtype == bool:
        raise TypeError
    numbers = values.astype("float64")
    if dtype == "float64":
        return numbers
    if not ((numbers == np.floor(numbers)) & (numbers.abs() < 2**31)).all():
        raise ValueError
    return values.astype(dtype)


def _added(values: pd.Series) -> Any:
    """A column of the user's own; Parquet forgets what kind of nothing an empty one holds."""
    if isinstance(values.dtype, pd.CategoricalDtype) and not len(values.cat.categories):
        return labels([None] * len(values))
    return labels([None] * len(values)) if values.dtype == object and values.isna().all() else values


def _check_range(values: Any, column: str, source: str) -> None:
    top = 1.0 if column in ("confidence", "score") else np.inf
    numbers = np.asarray(values, dtype=float)
    bad = np.isinf(numbers) | (numbers < 0) | (numbers > top)
    if bad.any():
        wanted = "numbers from 0 to 1" if top == 1 else "finite numbers, 0 or more"
        raise ReadError(source, f"expected {wanted}", f"column {column}, row {int(np.argmax(bad))}")


def _check_recordings(tables: dict[str, pd.DataFrame], folder: Path) -> None:
    """Each recording once, and no row of a recording that is not there."""
    names = tables["recordings"]["recording"]
    if names.isna().any() or names.duplicated().any():
        raise ReadError(
            str(folder / "recordings.parquet"), "expected each recording once", "column recording"
        )
    known = set(names)
    for table, rows in tables.items():
        if "recording" not in rows:  # failures
            continue
        there = rows["recording"]
        if there.isna().any() or not known.issuperset(there.unique()):
            path = str(folder / f"{table}.parquet")
            raise ReadError(path, "expected only recordings of recordings.parquet", "column recording")
