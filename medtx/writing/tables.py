"""Each table as a file: Parquet, which `medtx.read` takes, and CSV for other programs."""

from functools import partial
from pathlib import Path

from medtx.errors import MedtxError
from medtx.files import save
from medtx.transcripts import Transcripts
from medtx.writing.common import Target


def to_parquet(t: Transcripts, folder: Target) -> Path:
    return _tables(t, folder, "parquet")


def to_csv(t: Transcripts, folder: Target) -> Path:
    return _tables(t, folder, "csv")


def _tables(t: Transcripts, folder: Target, suffix: str) -> Path:
    for name, rows in t.tables().items():
        path = Path(folder) / f"{name}.{suffix}"
        try:
            save(path, partial(getattr(rows, f"to_{suffix}"), index=False))
        except (ValueError, TypeError, NotImplementedError):
            raise MedtxError(f"{path}: a column that was added holds what {suffix} cannot") from None
    return Path(folder)
