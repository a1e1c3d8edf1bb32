"""Damaged input of every format gives tables or one MedtxError: never anything else, and never a hang.

About 500 inputs are tried each day, 20,000 by ``pytest -m slow``; bombs and what grows too fast stand below.
"""

import contextlib
import json
import random
import shutil
import signal
import warnings
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

import medtx
from medtx.errors import MedtxError, ReadError
from medtx.reading import formats, references
from medtx.reading.sources import kind
from tests import damage
from tests.conftest import job
from tests.test_reading import check

LONGEST = 20
"""Seconds that one input of the slow test may take, on a busy machine."""


class TookTooLong(BaseException):
    """Not an Exception: nobody takes it for a fault of the input."""


@contextlib.contextmanager
def limited(seconds: float) -> Iterator[None]:
    def ring(*_: Any) -> None:
        raise TookTooLong

    before = signal.signal(signal.SIGALRM, ring)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


@pytest.fixture(scope="session")
def samples(tmp_path_factory: pytest.TempPathFactory) -> list[damage.Sample]:
    return damage.samples(tmp_path_factory.mktemp("samples"))


def test_every_format_has_a_sample_that_is_read(samples, tmp_path):
    known: set[str] = set()
    suffixes = set()
    for one in samples:
        path = tmp_path / one.file
        path.write_bytes(one.data)
        with warnings.catch_warnings(action="ignore"):
            check(medtx.read(path))
        suffixes.add(kind(one.file))
        known |= {found.name for found in formats._found(one.held, formats.FORMATS)}
    assert known >= {one.name for one in formats.FORMATS}
    assert suffixes >= {*references.READERS, *references.BINARY, ".json", ".jsonl", ".zip"}


def outcome(source: Any, **more: Any) -> str:
    """What reading gives; an error is one line, and holds no text of a patient."""
    try:
        with warnings.catch_warnings(action="ignore"):
            read = medtx.read(source, **more)
    except MedtxError as error:
        said = str(error)
        fine = "\n" not in said and not any(word in said for word in ("fever", "chest pain", "chess"))
        return "error" if fine else said
    check(read)
    return "tables"


def damaged(draw: random.Random, one: damage.Sample, folder: Path, stretch: bool) -> Any:
    """A source: a file with damage in it, or an object with other values in it."""
    path = folder / one.file
    if one.held is not None and draw.random() < 0.4:
        made = damage.damaged_object(draw, one.held)
        with contextlib.suppress(ValueError, RecursionError):
            path.write_text(json.dumps(made), encoding="utf-8")
            if draw.random() < 0.5:
                return path
        return made
    changed = damage.stretched if stretch and draw.random() < 0.03 else damage.damaged_bytes
    path.write_bytes(changed(draw, one.data))
    return path


def test_damage_to_any_format_gives_tables_or_one_error(samples, tmp_path):
    draw = random.Random(0)
    outcomes = Counter(outcome(damaged(draw, samples[n % len(samples)], tmp_path, False)) for n in range(400))
    assert outcomes.keys() == {"tables", "error"}
    assert min(outcomes.values()) > 30


@pytest.mark.slow
@pytest.mark.parametrize("part", range(20))
def test_twenty_thousand_damaged_inputs(samples, kept, tmp_path, part):
    """Also pieces said 300,000 times over; ``-k`` runs a part of them."""
    draw = random.Random(part + 1)
    outcomes: Counter[str] = Counter()
    for n in range(880):
        one = samples[(n + 880 * part) % len(samples)]
        source = damaged(draw, one, tmp_path, True)
        try:
            with limited(LONGEST):
                outcomes[outcome(source)] += 1
        except BaseException as error:
            error.add_note(f"part {part}, input {n}: {one.name}, kept as {tmp_path}")
            raise
    for _ in range(60):
        outcomes[of_metadata(draw, tmp_path)] += 1
        outcomes[of_tables(draw, kept, tmp_path)] += 1
    assert outcomes.keys() == {"tables", "error"}
    assert sum(outcomes.values()) == 1000


# Metadata, and tables that were kept

METADATA = [
    b"recording,specialty,duration,note\nvisit,cardiology,1.5,x\nother,urology,2,y\n",
    b'[{"recording": "visit", "specialty": "cardiology", "duration": 1.5}, {"recording": "other"}]',
    b'{"MedicalTranscriptionJob": {"MedicalTranscriptionJobName": "visit", "Type": "DICTATION"}}',
]


def of_metadata(draw: random.Random, folder: Path) -> str:
    path = folder / "metadata.csv"
    path.write_bytes(damage.damaged_bytes(draw, draw.choice(METADATA)))
    return outcome(job(("no", 0.9)), metadata=path)


@pytest.fixture(scope="session")
def kept(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Tables of several kinds, as `to_parquet` writes them."""
    log = [{**damage.logs.event("no pain"), "SessionId": "s"}]
    with warnings.catch_warnings(action="ignore"):
        return medtx.read([damage.full_job(), log]).to_parquet(tmp_path_factory.mktemp("kept"))


def sound(t: medtx.Transcripts) -> None:
    """What must hold of tables that were kept: their owner may have left rows out."""
    for name, table in t.tables().items():
        for column, spec in medtx.tables.TABLES[name].items():
            assert str(table[column].dtype) == spec.dtype, (name, column)
    assert t.words["confidence"].dropna().between(0, 1).all()
    assert np.isfinite(t.words["end"].dropna()).all()
    assert t.words["recording"].isin(t.recordings["recording"]).all()
    t.text(), t.summary()


def of_tables(draw: random.Random, kept: Path, folder: Path) -> str:
    path = folder / "kept"
    shutil.rmtree(path, ignore_errors=True)
    shutil.copytree(kept, path)
    name = draw.choice(sorted(path.glob("*.parquet")))
    if draw.random() < 0.3:
        name.write_bytes(damage.damaged_bytes(draw, name.read_bytes()))
    else:
        with contextlib.suppress(ValueError, TypeError, NotImplementedError):  # no file can hold it
            damage.damaged_table(draw, pd.read_parquet(name)).to_parquet(name, index=False)
    try:
        read = medtx.read(path)
    except ReadError as error:
        return "error" if error.source.startswith(str(path)) else str(error)
    sound(read)
    return "tables"


def test_damage_to_metadata_and_to_tables_that_were_kept(kept, tmp_path):
    draw = random.Random(0)
    outcomes = Counter(
        [
            *(of_metadata(draw, tmp_path) for _ in range(40)),
            *(of_tables(draw, kept, tmp_path) for _ in range(60)),
        ]
    )
    assert outcomes.keys() == {"tables", "error"}
    assert min(outcomes.values()) > 20
