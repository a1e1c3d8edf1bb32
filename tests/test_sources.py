"""Where results come from: S3, many processes, job descriptions, thousands of files."""

import gzip
import json
import subprocess
import sys
import zipfile
from concurrent.futures import ProcessPoolExecutor
from datetime import UTC, datetime
from multiprocessing import get_context

import boto3
import pandas as pd
import pytest
from moto.server import ThreadedMotoServer

import medtx
from medtx.errors import InputError, ReadError
from tests.conftest import ROOT, job
from tests.test_reading import check


def same(a: medtx.Transcripts, b: medtx.Transcripts) -> None:
    for name, table in a.tables().items():
        pd.testing.assert_frame_equal(table, b.tables()[name])


@pytest.fixture(scope="module")
def s3():
    """A client of a real server of S3's protocol on loopback, and the query that leads there."""
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0)
    server.start()
    host, port = server.get_host_and_port()
    login = {"aws_access_key_id": "test", "aws_secret_access_key": "test", "region_name": "us-east-1"}
    client = boto3.client("s3", endpoint_url=f"http://{host}:{port}", **login)
    client.create_bucket(Bucket="visits")
    for n in range(40):
        client.put_object(
            Bucket="visits",
            Key=f"medical/{n // 20}/visit-{n:02}.json",
            Body=json.dumps(job((f"word{n}", 0.9), name=f"visit-{n:02}")).encode(),
        )
    client.put_object(Bucket="visits", Key="medical/extra.json.gz", Body=gzip.compress(b'{"results"'))
    client.put_object(Bucket="visits", Key="notes/readme.md", Body=b"nothing to read")
    client.put_object(Bucket="visits", Key="known.csv", Body=b"recording,specialty\nvisit-03,cardiology\n")
    yield f"?endpoint_override={host}:{port}&scheme=http&region=us-east-1"
    server.stop()


@pytest.fixture
def _key(monkeypatch):
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "test")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "test")


@pytest.mark.usefixtures("_key")
def test_results_are_read_from_s3(s3):
    one = medtx.read(f"s3://visits/medical/0/visit-03.json{s3}", metadata=f"s3://visits/known.csv{s3}")
    assert one.text().to_dict() == {"visit-03": "word3"}
    assert one.recordings["specialty"].tolist() == ["CARDIOLOGY"]
    assert one.recordings["source"].tolist() == [f"s3://visits/medical/0/visit-03.json{s3}"]
    for source, count in (
        ("medical", 40),
        ("medical/", 40),
        ("medical/1/*.json", 20),
        ("**/visit-*0.json", 4),
    ):
        t = medtx.read(f"s3://visits/{source}{s3}", errors="collect")
        assert len(t) == count, source
        assert t.text().tolist() == [f"word{int(n[-2:])}" for n in t.recordings["recording"]]
    assert medtx.read(f"s3://visits{s3}", errors="collect").failures["source"].tolist() == [
        f"s3://visits/medical/extra.json.gz{s3}"
    ]


@pytest.mark.usefixtures("_key")
def test_what_is_not_on_s3_is_said(s3):
    for source, message in (
        ("visits/none.json", "path does not exist|no such|not found"),
        ("visits/notes", "no .json, .jsonl"),
        ("visits/none-*.json", "no file matches"),
    ):
        with pytest.raises(ReadError, match=f"(?i){message}") as caught:
            medtx.read(f"s3://{source}{s3}")
        assert str(caught.value).startswith(f"s3://{source}")
        assert "\n" not in str(caught.value)
    with pytest.raises(ReadError, match="nowhere://"):
        medtx.read("nowhere://visits/a.json")


def test_descriptions_of_jobs_join_their_results(tmp_path):
    """As `aws transcribe get-medical-transcription-job` saves them, and as boto3 hands them out."""
    (tmp_path / "visit.json").write_text(json.dumps(job(("pain", 0.9), name="visit")))
    described = {
        "MedicalTranscriptionJob": {
            "MedicalTranscriptionJobName": "visit",
            "TranscriptionJobStatus": "COMPLETED",
            "LanguageCode": "en-US",
            "Media": {"MediaFileUri": "s3://audio/visit.flac"},
            "Settings": {"VocabularyName": "drugs"},
            "Specialty": "PRIMARYCARE",
            "Type": "CONVERSATION",
        }
    }
    (tmp_path / "visit.job.json").write_text(json.dumps(described))
    failed = {
        "MedicalTranscriptionJobName": "broken",
        "TranscriptionJobStatus": "FAILED",
        "FailureReason": "The audio is too short.",
        "CreationTime": datetime(2026, 1, 1, tzinfo=UTC),
    }
    t = medtx.read([tmp_path, {"MedicalTranscriptionJobSummaries": [failed]}])
    check(t)
    rows = t.recordings.set_index("recording")
    assert rows.loc["visit", ["engine", "specialty", "type", "language", "status"]].tolist() == [
        "amazon-transcribe-medical",
        "PRIMARYCARE",
        "CONVERSATION",
        "en-US",
        "COMPLETED",
    ]
    assert rows.loc["visit", ["media", "vocabulary"]].tolist() == ["s3://audio/visit.flac", "drugs"]
    assert rows.loc["broken", ["status", "reason"]].tolist() == ["FAILED", "The audio is too short."]
    assert rows.loc["broken", "created"] == "2026-01-01 00:00:00+00:00"
    a = medtx.align({"visit": "pain", "broken": "no pain"}, t)  # it is no empty result: 2 deletions would lie
    assert (len(a.recordings), a.only_reference) == (1, ["broken"])
    by_metadata = medtx.read(tmp_path / "visit.json", metadata=tmp_path / "visit.job.json").recordings
    assert by_metadata["specialty"].tolist() == ["PRIMARYCARE"]
    event = {
        "detail-type": "Transcribe Job State Change",
        "detail": {"TranscriptionJobName": "x", "TranscriptionJobStatus": "IN_PROGRESS"},
    }
    assert medtx.read(event).recordings["status"].tolist() == ["IN_PROGRESS"]
    with pytest.warns(
        UserWarning, match="no result was read of 1 jobs described as completed .such as 'visit'"
    ):
        assert len(medtx.read(described)) == 0
    later = {"MedicalTranscriptionJobName": "broken", "TranscriptionJobStatus": "IN_PROGRESS"}
    assert medtx.read([failed, later]).recordings["status"].tolist() == ["FAILED"]


def test_metadata_as_json(tmp_path):
    results = [job(("a", 0.9), name="one"), job(("b", 0.9), name="two")]
    rows = [{"recording": "one", "site": "north"}, {"recording": "two", "site": "south"}]
    for name, text in (("m.json", json.dumps(rows)), ("m.jsonl", "\n".join(map(json.dumps, rows)))):
        (tmp_path / name).write_text(text)
        assert medtx.read(results, metadata=tmp_path / name).recordings["site"].tolist() == ["north", "south"]
    for text, message in (("[1]", "expected a list of objects"), ('{"a": ', "expected JSON")):
        (tmp_path / "m.json").write_text(text)
        with pytest.raises(ReadError, match=message):
            medtx.read(results, metadata=tmp_path / "m.json")


def test_engines_can_be_named(tmp_path):
    (tmp_path / "a.txt").write_text("no pain")
    assert medtx.read(tmp_path, engine="large-v3").recordings["engine"].tolist() == ["large-v3"]


def test_ten_thousand_files_one_in_a_hundred_broken(tmp_path):
    for n in range(10_000):
        data = json.dumps(job((f"word{n}", 0.5), ("pain", 0.9), name=f"visit-{n}"))
        (tmp_path / f"{n:05}.json").write_text(data[: len(data) // 2] if n % 100 == 7 else data)
    t = medtx.read(tmp_path, errors="collect")
    check(t)
    assert (len(t), len(t.words), len(t.failures)) == (9_900, 19_800, 100)
    assert t.failures["source"].str.endswith("07.json").all()
    assert t.failures["place"].str.startswith("byte ").all()
    spawn = get_context("spawn")  # as on every system but Linux
    with ProcessPoolExecutor(2, mp_context=spawn) as executor:
        same(t, medtx.read(tmp_path, errors="collect", executor=executor))
        with pytest.raises(ReadError, match=r"00007.json: at byte"):
            medtx.read(tmp_path, executor=executor)


def test_many_words_in_parts_are_the_same(monkeypatch, shared):
    variants = shared / "transcribe-batch" / "variants"
    whole = medtx.read([variants, shared / "transcribe-medical-stream"])
    monkeypatch.setattr("medtx.reading.build.PART", 1)
    same(whole, medtx.read([variants, shared / "transcribe-medical-stream"]))


def test_a_million_words_take_little_memory(tmp_path):
    """Peak of the process over what the interpreter and its libraries take."""
    words = [(f"word{n % 700}", 0.5) for n in range(1000)]
    for n in range(1000):
        (tmp_path / f"{n}.json").write_text(json.dumps(job(*words, name=f"visit-{n}")))
    code = (
        "import resource, sys, medtx; medtx.read({'results': {'items': []}});"
        "peak = lambda: resource.getrusage(resource.RUSAGE_SELF).ru_maxrss; before = peak();"
        "t = medtx.read(sys.argv[1]); print(len(t.words), (peak() - before) // 1024)"
    )
    out = subprocess.run(
        [sys.executable, "-c", code, str(tmp_path)], capture_output=True, text=True, check=True, cwd=ROOT
    ).stdout.split()
    assert int(out[0]) == 1_000_000
    assert int(out[1]) <= 400, f"{out[1]} MB"


def test_recordings_of_the_same_name_are_not_mixed():
    one = medtx.from_text({"a": "No fever."})
    assert len(medtx.concat([one, medtx.from_text({"b": "Cough."})])) == 2
    with pytest.raises(InputError, match="recording 'a' is in more than one"):
        medtx.concat([one, one])
    assert len(medtx.concat([])) == 0


def test_concat_leaves_its_parts_alone():
    one, two = medtx.from_text({"a": "No fever."}), medtx.from_text({"b": "Cough."})
    before = one.words.copy()
    medtx.concat([two, one])
    pd.testing.assert_frame_equal(one.words, before)


def test_kept_tables_beside_new_results(tmp_path):
    kept = medtx.read(job(("pain", 0.9), name="visit")).to_parquet(tmp_path / "tables")
    (tmp_path / "new.json").write_text(json.dumps(job(("fever", 0.9), name="visit")))
    described = {"MedicalTranscriptionJobName": "visit", "TranscriptionJobStatus": "COMPLETED"}
    t = medtx.read([kept, tmp_path / "new.json", described])
    assert t.text().to_dict() == {"visit": "pain", str(tmp_path / "new.json"): "fever"}


def test_odd_names_of_files(tmp_path):
    (tmp_path / "what?.txt").write_text("no pain")
    assert medtx.read(tmp_path / "what?.txt").text().to_dict() == {"what?": "no pain"}
    assert medtx.read(tmp_path).text().to_dict() == {"what?": "no pain"}
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        archive.writestr("./a.json", json.dumps(job(("pain", 0.9))))
    assert len(medtx.read(tmp_path / "a.zip")) == 1
    (tmp_path / "m.csv.gz").write_bytes(gzip.compress(b"recording,site\nvisit,north\n"))
    t = medtx.read(job(("pain", 0.9)), metadata=tmp_path / "m.csv.gz")
    assert t.recordings["site"].tolist() == ["north"]
