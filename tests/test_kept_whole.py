"""What is kept is seen whole or not at all: full disks, two writers, folders half written, links."""

import json
import os
import stat
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import medtx
from medtx.cli import main
from medtx.engines.streaming.record import Record
from medtx.errors import MedtxError, ReadError
from medtx.files import private_folder, save_text
from medtx.locks import Folder, open_alone, remove_left

WORDS = medtx.from_text({"a": "BP < 120 and temp > 80.", "b": "No fever."})


def limited(code: str, size: int, *args: str) -> str:
    """What a process prints that can write no file larger than ``size``."""
    limit = f"import resource; resource.setrlimit(resource.RLIMIT_FSIZE, ({size}, {size}))\n"
    ran = subprocess.run([sys.executable, "-c", limit + code, *args], capture_output=True, text=True)
    assert "Traceback" not in ran.stderr, ran.stderr
    return ran.stdout + ran.stderr


TO_PARQUET = """
import sys, medtx
try:
    medtx.from_text({f"v{n}": "Denies chest pain. " * 40 for n in range(400)}).to_parquet(sys.argv[1])
except medtx.MedtxError as error:
    print("told:", error)
"""


def test_a_full_disk_leaves_the_older_tables(tmp_path: Path) -> None:
    WORDS.to_parquet(tmp_path)
    there = sorted(os.listdir(tmp_path))
    told = limited(TO_PARQUET, 12_000, str(tmp_path))
    assert told.startswith("told: ")
    assert told.count("\n") == 1
    assert "file too large" in told
    assert sorted(os.listdir(tmp_path)) == there
    assert medtx.read(str(tmp_path)).text().tolist() == WORDS.text().tolist()


def test_old_and_new_tables_are_not_mixed(tmp_path: Path) -> None:
    old, new = WORDS.to_parquet(tmp_path / "old"), medtx.from_text({"a": "Cough."}).to_parquet(tmp_path / "n")
    (old / "words.parquet").write_bytes((new / "words.parquet").read_bytes())
    with pytest.raises(ReadError, match=r"words\.parquet: it was not written together with the other"):
        medtx.read(str(old))
    (new / "SHA256SUMS").replace(old / "SHA256SUMS")  # killed between the list and the first table
    with pytest.raises(ReadError, match="not written together"):
        medtx.read(str(old))
    (old / "SHA256SUMS").write_bytes(b"\xff\xfe")
    with pytest.raises(ReadError, match="SHA256SUMS"):
        medtx.read(str(old))


def test_the_digests_are_those_of_sha256sum(tmp_path: Path) -> None:
    folder = WORDS.to_parquet(tmp_path / "kept")
    checked = subprocess.run(["sha256sum", "--strict", "-c", "SHA256SUMS"], cwd=folder, capture_output=True)
    assert checked.returncode == 0
    assert checked.stdout.count(b": OK") == 8


def test_two_do_not_write_tables_into_one_folder(tmp_path: Path) -> None:
    with Folder(tmp_path), pytest.raises(MedtxError, match="another process writes there"):
        WORDS.to_parquet(tmp_path)
    WORDS.to_parquet(tmp_path)


def test_two_do_not_write_one_record(tmp_path: Path) -> None:
    path = tmp_path / "visit.jsonl"
    header = event = {"t": 0, "data": {"Transcript": {"Results": []}}}
    record = Record(path, header)
    with pytest.raises(MedtxError, match=r"visit\.jsonl: another process writes there"):
        Record(path, header)
    remove_left([path])
    record.write(event)
    record.close()
    held = path.read_text()
    assert held.count("\n") == 2
    again = Record(path, header)  # before its first event nothing is lost
    assert path.read_text() == held
    again.end(event, heard=True)
    again.close()
    assert path.read_text().count("\n") == 2
    remove_left([path])
    assert not path.exists()


def test_a_record_is_owner_only_and_no_link(tmp_path: Path) -> None:
    path = tmp_path / "visit.jsonl"
    path.write_text("")
    path.chmod(0o644)
    open_alone(path).close()
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    other = tmp_path / "other"
    other.write_text("mine")
    (tmp_path / "link").symlink_to(other)
    os.mkfifo(tmp_path / "pipe")
    for name in ("link", "pipe"):
        with pytest.raises(MedtxError, match="a link or a device"):
            open_alone(tmp_path / name)
    with pytest.raises(MedtxError, match="a link or a device"):
        open_alone(Path("/dev/null"))
    assert other.read_text() == "mine"


RECORDED = """
import json, sys, warnings
from pathlib import Path
from medtx.engines.streaming.record import Record
with warnings.catch_warnings(record=True) as told:
    warnings.simplefilter("always")
    record = Record(Path(sys.argv[1]), {"t": 0, "data": {"Transcript": {"Results": []}}})
    for n in range(200):
        record.write({"t": n, "data": {"Transcript": {"Results": []}}})
print(record.whole, len(told), told[0].message)
"""


def test_a_full_disk_ends_the_record_and_not_the_stream(tmp_path: Path) -> None:
    path = tmp_path / "visit.jsonl"
    told = limited(RECORDED, 4000, str(path))
    assert told.startswith("False 1 ")
    assert told.count("\n") == 1
    assert "cannot be written: file too large; the stream goes on" in told
    assert json.loads(path.read_text().splitlines()[0])["t"] == 0


TRANSCRIBED = """
import sys, medtx, warnings
warnings.simplefilter("ignore")
t = medtx.transcribe(sys.argv[1], specialty="cardiology", type="dictation", engine="embedded",
    out=sys.argv[2], overwrite=True, workers=1, progress=False)
print(len(t), t.failures["problem"].tolist())
"""


def test_a_full_disk_gives_the_result_and_keeps_the_older_one(tmp_path: Path) -> None:
    import wave

    with wave.open(str(tmp_path / "visit.wav"), "wb") as file:
        file.setnchannels(1), file.setsampwidth(2), file.setframerate(16000)
        file.writeframes(np.random.default_rng(1).integers(-900, 900, 8000).astype("<i2").tobytes())
    out = tmp_path / "out"
    save_text(out / "visit.json", "older")
    told = limited(TRANSCRIBED, 100, str(tmp_path / "visit.wav"), str(out))
    assert told.startswith("1 ['cannot be written: file too large; its result is in memory only']"), told
    assert (out / "visit.json").read_text() == "older"
    assert os.listdir(out) == ["visit.json"]


JOURNAL = """
import sys, medtx
from pathlib import Path
from medtx.engines.journal import Journal
try:
    Journal(Path(sys.argv[1])).note("job", state="QUEUED")
except medtx.MedtxError as error:
    print("told:", error)
"""


def test_a_full_disk_of_the_journal_is_one_sentence(tmp_path: Path) -> None:
    told = limited(JOURNAL, 1000, str(tmp_path / "medtx.sqlite"))
    assert told.startswith("told: ")
    assert told.count("\n") == 1
    assert "the journal cannot be written" in told


@pytest.mark.parametrize("umask", [0o000, 0o077, 0o777])
def test_folders_are_owner_only_whatever_the_umask(tmp_path: Path, umask: int) -> None:
    before = os.umask(umask)
    try:
        private_folder(tmp_path / "a" / "b")
    finally:
        os.umask(before)
    assert [stat.S_IMODE((tmp_path / one).stat().st_mode) for one in ("a", "a/b")] == [0o700, 0o700]


def test_csv_has_no_formulas_where_it_is_asked(tmp_path: Path) -> None:
    t = medtx.from_text({"a": "=HYPERLINK(1) -5 @x fever"})
    plain = pd.read_csv(t.to_csv(tmp_path / "plain") / "words.csv")
    safe = pd.read_csv(t.to_csv(tmp_path / "safe", no_formulas=True) / "words.csv")
    assert plain["content"].tolist() == ["=HYPERLINK(1)", "-5", "@x", "fever"]
    assert safe["content"].tolist() == ["'=HYPERLINK(1)", "'-5", "'@x", "fever"]
    assert plain["start"].equals(safe["start"])


def test_excel_takes_control_characters(tmp_path: Path) -> None:
    openpyxl = pytest.importorskip("openpyxl")
    from medtx.clinical.safety import save_worklist

    listed = medtx.safety(medtx.entities(medtx.from_text({"a": "Took warfarin 5 mg and had a bleeding."})))
    odd = listed.assign(**dict.fromkeys(("recording", "why"), "x\x0b\x1b�y"))
    path = save_worklist(odd, tmp_path / "list.xlsx")
    cells = [cell.value for row in openpyxl.load_workbook(path).active.iter_rows() for cell in row]
    assert "x\ufffd\ufffd\ufffdy" in cells


def test_names_move_no_cursor(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "visit\x1b[2J.json").write_text("{")
    with pytest.raises(SystemExit):
        main(["read", str(tmp_path / "visit\x1b[2J.json")])
    told = capsys.readouterr()
    assert "\x1b" not in told.out + told.err
    assert r"visit\x1b[2J.json" in told.err


def test_marks_of_captions_come_back(tmp_path: Path) -> None:
    said = r"BP < 120 and temp > 80 {\an8} \N &lt; <b> x --> y"
    t = medtx.from_text({"a": said})
    timed = medtx.read(str(t.to_parquet(tmp_path / "t")))
    segments = timed.segments.assign(start=0.0, end=9.0)
    timed = medtx.Transcripts(timed.recordings, timed.words, segments)
    for path in [*timed.to_vtt(tmp_path / "vtt"), *timed.to_srt(tmp_path / "srt")]:
        assert medtx.read(str(path)).text().tolist() == [said]


def test_a_name_is_no_mathematics(tmp_path: Path) -> None:
    pyplot = pytest.importorskip("matplotlib.figure")
    from medtx.plots import plot_rates

    numbers = {"recordings": [1, 1], "wer": [0.1, 0.1], "wer_low": [0.0, 0.0], "wer_high": [0.2, 0.2]}
    figure = pyplot.Figure()
    plot_rates(pd.DataFrame(numbers, index=[r"$\frac{$", "TOTAL"]), ax=figure.subplots())
    figure.savefig(tmp_path / "rates.png")


ROOM = """
import sys
from pathlib import Path
from medtx.engines.models import _has_room
path = Path(sys.argv[1])
path.write_bytes(bytes(5000))
try:
    _has_room(path)
except OSError as error:
    print("told:", error.strerror)
"""


def test_half_a_model_is_told(tmp_path: Path) -> None:
    assert limited(ROOM, 5000, str(tmp_path / "model")) == "told: File too large\n"
    assert limited(ROOM, 2 << 20, str(tmp_path / "model")) == ""
    assert (tmp_path / "model").stat().st_size == 5000
