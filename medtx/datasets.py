"""The small corpora that ship with medtx, made by this project."""

from pathlib import Path
from typing import NamedTuple

import pandas as pd

from medtx.errors import expect, not_one_of
from medtx.reading import read
from medtx.transcripts import Transcripts

_PLACES = (Path(__file__).parent / "_datasets", Path(__file__).parents[1] / "datasets")


class Dataset(NamedTuple):
    transcripts: Transcripts  # what the embedded engine made of the audio
    references: Transcripts  # what was said
    audio: pd.Series  # recording -> path
    metadata: pd.DataFrame


def load_dataset(name: str = "dictations") -> Dataset:
    """A corpus that ships with medtx: results, references, audio files, metadata.

    ``dictations``: 72 dictations of six specialties and 6 conversations, in synthetic
    voices, no patients; the results are the embedded engine's, not Amazon's.

    >>> d = load_dataset("dictations")
    >>> len(d.transcripts), len(d.references), len(d.audio)
    (78, 78, 78)
    """
    expect(name, str, name="name")
    folders = [place / name for place in _PLACES if (place / name / "metadata.csv").exists()]
    if not folders:
        raise not_one_of("name", name, names())
    folder = folders[0]
    metadata = pd.read_csv(folder / "metadata.csv")
    audio = metadata["file_name"].map(lambda file: str(folder / file))
    return Dataset(
        transcripts=read(folder / "results", metadata=metadata),
        references=read(folder / "references"),
        audio=audio.set_axis(metadata["recording"]).rename("path"),
        metadata=metadata,
    )


def names() -> list[str]:
    """The corpora that are here."""
    return sorted({p.parent.name for place in _PLACES for p in place.glob("*/metadata.csv")})
