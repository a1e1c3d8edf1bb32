"""Each table as a file: Parquet, which `medtx.read` takes, and CSV for other programs.

The files of one folder are seen together or not at all: all of them are written beside before the
first takes its place. Before that comes the list of their digests, so that a mixture of old and new,
as a crash between two of them leaves it, is refused by `medtx.read`.
"""

import os
import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path

import pandas as pd

from medtx.errors import MedtxError, printable, reason
from medtx.files import private_folder, save
from medtx.locks import Folder
from medtx.reading.parquet import DIGESTS, digest
from medtx.transcripts import Transcripts
from medtx.writing.common import Target, no_formula


def to_parquet(t: Transcripts, folder: Target) -> Path:
    return _tables(t, Path(folder), "parquet", lambda rows, path: rows.to_parquet(path, index=False))


def to_csv(t: Transcripts, folder: Target, safe: bool = False) -> Path:
    def write(rows: pd.DataFrame, path: Path) -> None:
        (no_formula(rows) if safe else rows).to_csv(path, index=False)

    return _tables(t, Path(folder), "csv", write)


def _tables(t: Transcripts, folder: Path, suffix: str, write: Callable[[pd.DataFrame, Path], None]) -> Path:
    shown = printable(str(folder))
    try:
        private_folder(folder)
        with Folder(folder):
            part = Path(tempfile.mkdtemp(dir=folder, prefix=".writing-"))
            try:
                for name, rows in t.tables().items():
                    path = part / f"{name}.{suffix}"
                    try:
                        save(path, lambda file, rows=rows: write(rows, file))  # type: ignore[misc]
                    except (ValueError, TypeError, NotImplementedError):
                        told = f"{shown}/{path.name}: a column that was added holds what {suffix} cannot"
                        raise MedtxError(told) from None
                _placed(part, folder, suffix)
            finally:
                shutil.rmtree(part, ignore_errors=True)
    except OSError as error:
        raise MedtxError(f"{shown}: cannot be written: {reason(error)}") from None
    return folder


def _placed(part: Path, folder: Path, suffix: str) -> None:
    made = sorted(part.iterdir())
    if suffix == "parquet":
        sums = "".join(f"{digest(file)}  {file.name}\n" for file in made)
        save(part / DIGESTS, lambda file: file.write_text(sums, encoding="utf-8", newline="\n"))
        made.insert(0, part / DIGESTS)
    for file in made:
        os.replace(file, folder / file.name)
