"""Damaged input of every format gives tables or one MedtxError: never anything else, and never a hang.

About 500 inputs are tried each day, 20,000 by ``pytest -m slow``; bombs and what grows too fast stand below.
"""

import contextlib
import gzip
import json
import random
import shutil
import signal
import warnings
import zipfile
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

import medtx
from medtx.errors import InputError, MedtxError, ReadError
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
    outcomes = Counter(outcome(damaged(draw, samples[n % len(samples)], tmp_path, False)) for n in range(430))
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
    shutil.copytree(kept, path, ignore=shutil.ignore_patterns("SHA256SUMS"))  # else none would be looked into
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
            *(of_tables(draw, kept, tmp_path) for _ in range(30)),
        ]
    )
    assert outcomes.keys() == {"tables", "error"}
    assert min(outcomes.values()) > 10


# Bombs, and work that grows faster than what is read


@pytest.mark.parametrize("key", ["detail", "MedicalTranscriptionJob", "results", "Transcript", "data", "["])
@pytest.mark.parametrize("depth", [400, 100_000])
def test_nested_json_is_refused_in_little_time(key, depth, tmp_path):
    opening, closing = ("[", "]") if key == "[" else (f'{{"{key}":', "}")
    path = tmp_path / "a.json"
    path.write_text(opening * depth + "1" + closing * depth)
    with pytest.raises(ReadError):
        medtx.read(path)
    with pytest.raises(ReadError):
        medtx.read(job(("no", 0.9)), metadata=path)


def test_objects_in_memory_may_be_nested_or_hold_themselves():
    nested: Any = 1
    for _ in range(5000):
        nested = {"results": [nested]}
    around: dict[str, Any] = {}
    around["Transcript"] = around["results"] = around
    for held in (nested, around):
        with pytest.raises(ReadError, match="nested too deeply"):
            medtx.read(held)


def test_marks_of_sclite_inside_each_other_are_refused(tmp_path):
    path = tmp_path / "a.trn"
    path.write_text("no " + "{ a / " * 30_000 + "b" + " }" * 30_000 + " (ann-1)")
    with pytest.raises(ReadError, match="at most 20 braces inside each other"):
        medtx.read(path)


def test_counts_and_times_beyond_any_number_are_refused(tmp_path):
    grid = damage.TEXTS["long.TextGrid"]
    for n, (said, other) in enumerate((("size = 2", "size = 1e999"), ("xmax = 3", "xmax = 1e999"))):
        path = tmp_path / f"{n}.TextGrid"
        path.write_text(grid.replace(said, other))
        with pytest.raises(ReadError):
            medtx.read(path)
    path = tmp_path / "a.csv"
    path.write_text(f"recording,start,end,text\na,0,{'9' * 400},no pain\n")
    with pytest.raises(ReadError):
        medtx.read(path)


def test_halves_of_surrogate_pairs_become_a_mark(tmp_path):
    made = job(("no\ud83d", 0.9), ("pain", 0.8), name="a\udc00")
    path = tmp_path / "a.json"
    path.write_text(json.dumps(made))
    for source in (made, path):
        t = medtx.read(source)
        assert t.words["content"].tolist() == ["no?", "pain"]
        assert t.recordings["recording"].tolist() == ["a?"]
    event = {"Transcript": {"Results": [damage.logs.result("no\ud83d pain")]}}
    assert medtx.read([event]).text().tolist() == ["no? pain"]
    with pytest.raises(InputError, match="not UTF-8"):
        medtx.from_text({"a\udc00": "no pain"})
    with pytest.raises(InputError, match="not UTF-8"):
        medtx.read(job(("no", 0.9)), names={"visit": "a\udc00"})
    table = pd.DataFrame({"recording": ["visit"], "note": ["a\udc00"]}, dtype=object)
    with pytest.raises(ReadError, match="the metadata: expected text, found half of a UTF-16 pair"):
        medtx.read(job(("no", 0.9)), metadata=table)


@pytest.mark.parametrize("name", ["a.docx", "a.zip"])
def test_archives_that_open_to_more_than_the_limit_are_refused(samples, tmp_path, monkeypatch, name):
    """All members count: none of these is too large by itself."""
    monkeypatch.setenv("MEDTX_LARGEST_FILE", "1000000")
    path = tmp_path / name
    path.write_bytes(next(one.data for one in samples if one.file == name))
    with zipfile.ZipFile(path, "a", zipfile.ZIP_DEFLATED) as archive:
        for n in range(80):
            archive.writestr(f"word/{n}.json", b" " * 900_000)
    with pytest.raises(ReadError, match="more than 1,000,000 bytes: set MEDTX_LARGEST_FILE"):
        medtx.read(path)


def test_kept_tables_that_open_to_more_than_the_limit_are_refused(kept, tmp_path, monkeypatch):
    shutil.copytree(kept, tmp_path / "kept", ignore=shutil.ignore_patterns("SHA256SUMS"))
    path = tmp_path / "kept" / "words.parquet"
    rows = pd.read_parquet(path)
    rows.iloc[[0] * 200_000].to_parquet(path, index=False)
    monkeypatch.setenv("MEDTX_LARGEST_FILE", "1000000")
    assert path.stat().st_size < 1_000_000
    with pytest.raises(ReadError, match="more than 1,000,000 bytes"):
        medtx.read(tmp_path / "kept")


def test_text_among_the_times_of_kept_tables_is_refused(kept, tmp_path):
    shutil.copytree(kept, tmp_path / "kept", ignore=shutil.ignore_patterns("SHA256SUMS"))
    path = tmp_path / "kept" / "words.parquet"
    rows = pd.read_parquet(path)
    for column, value, expected in (
        ("start", "soon", "expected float64 values"),
        ("confidence", 7.0, "expected numbers from 0 to 1"),
        ("end", -3.0, "expected finite numbers"),
        ("speaker", 1.5, "expected category values"),
        ("position", 2**40, "expected int32 values"),
        ("recording", "nobody", "expected only recordings of recordings.parquet"),
    ):
        rows.assign(**{column: [value] * len(rows)}).to_parquet(path, index=False)
        with pytest.raises(ReadError, match=rf"words.parquet: at column {column}.*: {expected}"):
            medtx.read(tmp_path / "kept")
    rows.drop(columns="content").to_parquet(path, index=False)
    with pytest.raises(ReadError, match="expected the column content"):
        medtx.read(tmp_path / "kept")


def test_an_open_file_that_is_damaged_is_a_listed_failure(tmp_path):
    path = tmp_path / "a.json.gz"
    path.write_bytes(gzip.compress(json.dumps(job(("no", 0.9))).encode())[:-20])
    with gzip.open(path) as file:
        t = medtx.read([file, job(("fine", 0.9))], errors="collect")
    assert t.text().tolist() == ["fine"]
    assert t.failures["problem"].str.startswith("cannot be read").all()


LONG = {
    "digits in a TextGrid": ("a.TextGrid", damage.TEXTS["short.TextGrid"] + "1" * 200_000),
    "dots in a TextGrid": ("a.TextGrid", damage.TEXTS["short.TextGrid"] + "." * 200_000),
    "braces": ("a.trn", "no " + "{" * 200_000 + " (ann-1)\n"),
    "lines of one cue": ("a.srt", "1\n00:00:00,000 --> 00:00:01,000\n" + "2\n" * 60_000
                         + "\n2\n00:00:01,000 --> 00:00:02,000\n" + "2\n" * 60_000),
}  # fmt: skip


@pytest.mark.parametrize("name", LONG)
def test_long_texts_end(name, tmp_path):
    """Each of these took minutes, or a power of its size: a minute is far more than it takes."""
    file, said = LONG[name]
    path = tmp_path / file
    path.write_text(said)
    with limited(60):
        assert outcome(path) in ("tables", "error")


def test_a_text_unlike_its_list_of_words_takes_little_memory(monkeypatch):
    """The words that only the text has are kept, after all others."""
    monkeypatch.setattr("medtx.reading.build.ALIGNED", 10)
    made = job(*((f"a{n}", 0.9) for n in range(5)))
    made["results"]["transcripts"] = [{"transcript": "b1 b2 b3 b4 b5"}]
    with pytest.warns(UserWarning, match="5 words of the texts are not in its list"):
        assert medtx.read(made).text().tolist() == ["a0 a1 a2 a3 a4 b1 b2 b3 b4 b5"]
