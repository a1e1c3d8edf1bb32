#!/usr/bin/env python3
"""Recognise audio/ again with medtx's embedded engine: writes results/, one JSON a recording."""

from pathlib import Path

import pandas as pd

import medtx

HERE = Path(__file__).parent

if __name__ == "__main__":
    metadata = pd.read_csv(HERE / "metadata.csv")
    medtx.transcribe(
        [HERE / name for name in metadata["file_name"]],
        specialty=metadata["specialty"].tolist(),
        type=metadata["type"].tolist(),
        out=HERE / "results",
        alternatives=3,
        overwrite=True,
        errors="raise",
    )
