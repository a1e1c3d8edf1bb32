"""Folders with links, pipes and odd names; files that are too large; each read once, the rest told."""

import gzip
import json
import os
import subprocess
import sys
import tempfile
import warnings
import zipfile
from pathlib import Path

import pytest

import medtx
from medtx.errors import MedtxError, ReadError
from medtx.locks import scratch
from tests.conftest import job


def write(folder: Path, *names: str) -> None:
    for name in names:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(job((path.stem, 0.9), name=path.stem)))


def names(t: medtx.Transcripts) -> list[str]:
    return sorted(t.recordings["recording"])


@pytest.mark.parametrize("source", ["", "*.json", "**/*.json", "**"])
def test_a_link_to_a_folder_above_is_walked_once(tmp_path, source):
    write(tmp_path, "a.json", "sub/b.json")
    (tmp_path / "latest").symlink_to(".")
    (tmp_path / "sub" / "again").symlink_to("..")
    (tmp_path / "sub" / "more").symlink_to("../sub")
    t = medtx.read(str(tmp_path / source))
    assert names(t) == (["a"] if source == "*.json" else ["a", "b"])


def test_a_file_and_links_to_it_are_one_recording(tmp_path):
    write(tmp_path / "kept", "a.json")
    write(tmp_path / "folder", "b.json")
    for link, target in (("x", "b.json"), ("y", "../kept/a.json"), ("z", "../kept/a.json")):
        (tmp_path / "folder" / f"{link}.json").symlink_to(target)
    t = medtx.read(tmp_path / "folder")
    assert names(t) == ["a", "b"]
    assert [Path(s).name for s in t.recordings["source"]] == ["b.json", "y.json"]


def test_pipes_are_passed_over_in_a_folder_and_refused_by_name(tmp_path):
    write(tmp_path, "a.json")
    os.mkfifo(tmp_path / "pipe.json")
    with pytest.warns(UserWarning, match=r"passed over 1 that are no files, such as pipe\.json"):
        assert names(medtx.read(tmp_path)) == ["a"]
    with pytest.raises(ReadError, match="expected a file"):
        medtx.read(tmp_path / "pipe.json")
    with pytest.raises(ReadError, match="expected a file"):
        medtx.read("/dev/zero")


def test_a_name_that_is_not_utf8_is_a_listed_failure(tmp_path):
    write(tmp_path, "a.json")
    odd = os.fsencode(tmp_path) + b"/b\xff.json"
    Path(os.fsdecode(odd)).write_text("{}")
    t = medtx.read(tmp_path, errors="collect")
    assert names(t) == ["a"]
    assert t.failures["problem"].tolist() == ["its name is not UTF-8"]
    assert t.failures["source"].item().endswith("b\\udcff.json")
    with pytest.raises(ReadError, match="not UTF-8"):
        medtx.read(os.fsdecode(odd))


@pytest.mark.skipif(os.geteuid() == 0, reason="root may look into every folder")
def test_a_closed_folder_is_a_listed_failure(tmp_path):
    write(tmp_path, "a.json", "closed/b.json")
    (tmp_path / "closed").chmod(0)
    t = medtx.read(tmp_path, errors="collect")
    (tmp_path / "closed").chmod(0o700)
    assert names(t) == ["a"]
    assert t.failures["problem"].tolist() == ["permission denied"]


def test_a_link_to_nothing_is_told(tmp_path):
    write(tmp_path, "a.json")
    (tmp_path / "gone.json").symlink_to("nowhere")
    t = medtx.read(tmp_path, errors="collect")
    assert names(t) == ["a"]
    assert t.failures["problem"].tolist() == ["no such file or directory"]


def test_a_glob_finds_what_glob_finds(tmp_path):
    write(tmp_path, "a.json", "x/a1.json", "x/y/a2.json", ".hidden/a3.json", "x/.a4.json", "z/b.txt")
    for pattern in ("**/*.json", "x/**/*.json", "**/y/*.json", "*/**/a?.json", "**/[xy]/*"):
        wanted = sorted(
            Path(f).stem
            for f in __import__("glob").glob(str(tmp_path / pattern), recursive=True)
            if Path(f).is_file()
        )
        assert names(medtx.read(str(tmp_path / pattern))) == wanted, pattern


@pytest.mark.parametrize("packed", ["gz", "zip", "json"])
def test_a_file_that_opens_to_more_than_the_limit_is_refused(tmp_path, monkeypatch, packed):
    monkeypatch.setenv("MEDTX_LARGEST_FILE", "100000")
    path = tmp_path / f"a.{packed}"
    if packed == "gz":
        path.write_bytes(gzip.compress(b" " * 10_000_000))
    elif packed == "zip":
        with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
            archive.writestr("a.json", b" " * 10_000_000)
    else:
        path.write_bytes(b" " * 100_001)
    with pytest.raises(ReadError, match="more than 100,000 bytes: set MEDTX_LARGEST_FILE"):
        medtx.read(path)


def test_damaged_members_of_an_archive_are_listed(tmp_path):
    path = tmp_path / "a.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_LZMA) as archive:
        archive.writestr("a.json", json.dumps(job(("fine", 0.9))))
        archive.writestr("b.json", json.dumps(job(("fine", 0.9), name="b")))
    data = bytearray(path.read_bytes())
    data[60:90] = b"x" * 30
    path.write_bytes(data)
    t = medtx.read(path, errors="collect")
    assert (names(t), len(t.failures)) == (["b"], 1)
    assert t.failures["problem"].str.startswith("cannot be unpacked").all()


def test_nested_json_costs_what_its_size_says():
    for key in ("detail", "MedicalTranscriptionJob", "results", "data"):
        nested = f'{{"{key}":'.encode() * 400 + b"1" + b"}" * 400
        with pytest.raises(MedtxError):
            medtx.read(nested)


def test_what_is_kept_is_whole_on_disk(tmp_path, monkeypatch):
    synced = []
    real = os.fsync
    monkeypatch.setattr(os, "fsync", lambda number: (synced.append(number), real(number))[1])
    with warnings.catch_warnings():
        medtx.from_text({"a": "no pain"}).to_seglst(tmp_path / "a.json")
    assert synced


def test_what_a_killed_process_left_goes_at_the_next_start(tmp_path, monkeypatch):
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    hold = (
        "import time; from medtx.locks import scratch\n"
        "with scratch('try') as folder: print(folder, flush=True); time.sleep(60)"
    )
    other = subprocess.Popen(
        [sys.executable, "-c", hold],
        env=os.environ | {"TMPDIR": str(tmp_path)},
        stdout=subprocess.PIPE,
        text=True,
    )
    left = Path(other.stdout.readline().strip())
    (left / "visit.wav").write_bytes(b"said")
    assert left.stat().st_mode & 0o777 == 0o700
    (tmp_path / "medtx-try-link").symlink_to(tmp_path / "elsewhere")
    (tmp_path / "elsewhere").mkdir()
    os.utime(left, (0, 0))
    with scratch("try") as mine:
        assert left.exists()  # the other one lives
        other.kill()
        other.wait()
        os.utime(mine, (0, 0))
        with scratch("try"):
            assert not left.exists()
            assert mine.exists()
    assert not mine.exists()
    assert (tmp_path / "elsewhere").exists()
