"""Tables that `Transcripts.to_parquet` kept, and what says that they belong together."""

from hashlib import file_digest
from pathlib import Path

import pandas as pd

from medtx.errors import ReadError, reason
from medtx.tables import TABLES, labels
from medtx.transcripts import Transcripts

DIGESTS = "SHA256SUMS"
"""The file beside Parquet tables that says which belong together; ``sha256sum -c`` takes it."""


def from_parquet(folder: Path) -> Transcripts:
    """The tables that `Transcripts.to_parquet` wrote; raises `ReadError` for what is missing in them."""
    tables = {}
    belongs = _digests(folder)
    for table in Transcripts().tables():
        path = folder / f"{table}.parquet"
        try:
            rows = tables[table] = pd.read_parquet(path)
        except FileNotFoundError:
            raise ReadError(str(path), "no such file or directory") from None
        except (OSError, ValueError) as error:
            raise ReadError(str(path), f"expected a Parquet file: {str(error).lower()[:200]}") from None
        if missing := [column for column in TABLES[table] if column not in rows]:
            raise ReadError(str(path), f"expected the column {missing[0]}")
        if belongs.get(path.name, "") not in ("", digest(path)):
            raise ReadError(
                str(path),
                f"it was not written together with the other tables, by what {DIGESTS} says: write "
                f"them anew, or delete {DIGESTS} if you changed it yourself",
            )
        for column, values in rows.items():  # Parquet forgets what kind of nothing an empty one holds
            label = isinstance(values.dtype, pd.CategoricalDtype) and not len(values.cat.categories)
            if label or (values.dtype == object and values.isna().all()):
                rows[column] = labels([None] * len(rows))
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
