# ruff: noqa: F811
"""Transcribe Medical's batch jobs through the real boto3, against the endpoint on loopback."""

import hashlib
import json
import os
import re
import signal
import sqlite3
import stat
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor

import boto3
import numpy as np
import pandas as pd
import pytest

import medtx
from medtx import aws
from medtx.aws import Unusable
from medtx.engines import TranscribeMedical, jobs
from medtx.engines.audio import Facts, probe
from medtx.engines.medical import FORMATS, check_audio
from medtx.errors import InputError, MedtxError, ReadError
from medtx.service import Faults, Quotas, running
from tests.endpoint import (  # noqa: F401  fixtures
    BUCKET,
    KIND,
    account,
    endpoint,
    engine,
    files,
    login,
    quick,
    recorded,
    started,
    stored,
    whole,
)
from tests.test_engines import encode, write

pytestmark = pytest.mark.usefixtures("account")


def test_audio_goes_up_and_its_result_comes_back(endpoint, engine, files, tmp_path):
    t = medtx.transcribe(files[:3], engine=engine(), out=tmp_path / "out", **KIND)
    whole(t, files[:3])
    known = t.recordings.iloc[0]
    assert known[["mode", "specialty", "type"]].tolist() == ["batch", "PRIMARYCARE", "CONVERSATION"]
    assert known["reason"] == "PRIMARYCARE is offered in batch"
    names = started(endpoint)
    assert len(names) == 3
    assert all(re.fullmatch("medtx-[0-9a-f]{32}", name) for name in names)
    kept = sorted(file.name for file in (tmp_path / "out").iterdir())
    assert kept == ["medtx.sqlite", "recordings.csv", *(f"{file.stem}.json" for file in files[:3])]
    assert all(stat.S_IMODE(os.stat(tmp_path / "out" / name).st_mode) == 0o600 for name in kept)
    s3 = boto3.client("s3", **endpoint.client)
    for name in names:
        there = s3.get_object(Bucket=BUCKET, Key=f"medtx/results/{name}.json")["Body"].read()
        assert there in [(tmp_path / "out" / f"{file.stem}.json").read_bytes() for file in files[:3]]
        up = s3.get_object(Bucket=BUCKET, Key=f"medtx/audio/{name}.wav")
        assert up["ServerSideEncryption"] == "AES256"
    again = medtx.read(tmp_path / "out", metadata=tmp_path / "out" / "recordings.csv")
    assert again.text().to_dict() == t.text().to_dict()
    assert set(again.recordings["specialty"]) == {"PRIMARYCARE"}


def test_nothing_of_a_name_reaches_the_service(endpoint, engine, recorded, tmp_path):
    file = tmp_path / "Jane Doe 1970-01-01 (1).wav"
    file.write_bytes((recorded / "audio" / "visit-000.wav").read_bytes())
    t = medtx.transcribe(file, engine=engine(), **KIND)
    assert t.recordings["recording"].tolist() == [file.stem]
    assert not any("Jane" in name for name in started(endpoint) + stored(endpoint))


def test_nothing_of_audio_or_text_is_logged(endpoint, files):
    """In a process of its own, which no other test has told what to log."""
    code = (
        "import logging, sys; logging.basicConfig(level=logging.DEBUG); import medtx; "
        "where = {'bucket': sys.argv[2], 'endpoint_url': sys.argv[3]}; "
        "service = medtx.engines.TranscribeMedical(**where, poll=0.1, phi=True); "
        "kind = {'specialty': 'primary care', 'type': 'conversation'}; "
        "assert medtx.transcribe(sys.argv[1], engine=service, **kind).text().tolist() == ['word0 here']"
    )
    arguments = [sys.executable, "-c", code, str(files[0]), BUCKET, endpoint.endpoint_url]
    done = subprocess.run(arguments, capture_output=True, check=False)
    seen = done.stdout + done.stderr
    assert done.returncode == 0, seen[-2000:]
    assert b"StartMedicalTranscriptionJob" in seen
    assert b"word0" not in seen
    assert repr(files[0].read_bytes()[44:60])[2:-1].encode() not in seen


def test_a_second_run_asks_for_nothing(endpoint, engine, files, tmp_path, monkeypatch):
    """With its results it needs no service; without them it finds the jobs; without these, their results."""
    out = tmp_path / "out"
    medtx.transcribe(files[:3], engine=engine(), out=out, **KIND)
    with monkeypatch.context() as offline:
        offline.delenv("AWS_ACCESS_KEY_ID")
        whole(medtx.transcribe(files[:3], engine=engine(), out=out, **KIND), files[:3])
    whole(medtx.transcribe(files[:3], engine=engine(), out=tmp_path / "elsewhere", **KIND), files[:3])
    client = boto3.client("transcribe", **endpoint.client)
    for name in started(endpoint):
        client.delete_medical_transcription_job(MedicalTranscriptionJobName=name)
    whole(medtx.transcribe(files[:3], engine=engine(), **KIND), files[:3])
    assert started(endpoint) == []
    with pytest.raises(ReadError, match="of other audio, settings or another engine: overwrite it"):
        medtx.transcribe(files[:3], engine=engine(speakers=2), out=out, **KIND)


def test_what_an_emulator_heard_is_not_what_the_service_heard(endpoint, engine, files, tmp_path, monkeypatch):
    """Also where the address stands in the environment, as `medtx serve` says to put it."""
    monkeypatch.setenv("AWS_ENDPOINT_URL", endpoint.endpoint_url)
    out = tmp_path / "out"
    whole(medtx.transcribe(files[:1], engine=engine(endpoint_url=None), out=out, **KIND), files[:1])
    whole(medtx.transcribe(files[:1], engine=engine(), out=out, **KIND), files[:1])
    monkeypatch.delenv("AWS_ENDPOINT_URL")
    with pytest.raises(ReadError, match="of other audio, settings or another engine"):
        medtx.transcribe(files[:1], engine=engine(endpoint_url=None), out=out, **KIND)


def test_overwrite_asks_again(endpoint, engine, files, tmp_path):
    for _ in range(3):
        t = medtx.transcribe(files[:2], engine=engine(), out=tmp_path / "out", overwrite=True, **KIND)
        whole(t, files[:2])
    assert sorted(name[38:] for name in started(endpoint)) == ["", "", "-2", "-2", "-3", "-3"]


def test_all_settings_reach_the_service(endpoint, engine, files):
    client = boto3.client("transcribe", **endpoint.client)
    one = engine(
        speakers=3,
        phi=True,
        tags={"study": "A"},
        kms_key="alias/notes",
        kms_context={"department": "x"},
        prefix="/team/",
        output="team/out",
    )
    medtx.transcribe(files[0], engine=one, alternatives=4, **KIND)
    medtx.transcribe(files[1], engine=engine(prefix=""), **KIND)
    (name,) = [name for name in started(endpoint) if f"team/audio/{name}.wav" in stored(endpoint)]
    known = client.get_medical_transcription_job(MedicalTranscriptionJobName=name)["MedicalTranscriptionJob"]
    assert known["Settings"] == {
        "ShowSpeakerLabels": True,
        "MaxSpeakerLabels": 3,
        "ShowAlternatives": True,
        "MaxAlternatives": 4,
    }
    assert known["ContentIdentificationType"] == "PHI"
    assert known["Tags"] == [{"Key": "study", "Value": "A"}]
    assert known["MediaFormat"] == "wav"
    assert known["Transcript"]["TranscriptFileUri"].endswith(f"/{BUCKET}/team/out/{name}.json")
    assert {key.split("/")[0] for key in stored(endpoint)} == {"team", "audio", "results"}
    s3 = boto3.client("s3", **endpoint.client)
    up = s3.head_object(Bucket=BUCKET, Key=f"team/audio/{name}.wav")
    assert (up["ServerSideEncryption"], up["SSEKMSKeyId"]) == ("aws:kms", "alias/notes")


def test_channels_are_kept_apart_or_mixed(engine, recorded, tmp_path, monkeypatch):
    both = write(tmp_path / "both.wav", np.random.default_rng(1).normal(0, 500, (9600, 2)))
    mono = recorded / "audio" / "visit-001.wav"
    heard = json.loads((recorded / "results" / "visit-000.json").read_text())
    heard["medtx"]["audio"] = hashlib.sha256(both.read_bytes()).hexdigest()
    (tmp_path / "results").mkdir()
    (tmp_path / "results" / "both.json").write_text(json.dumps(heard))
    with running(tmp_path / "results", buckets=[BUCKET], pending=0.01) as other:
        login(monkeypatch, other)
        ask = {"engine": engine(endpoint_url=other.endpoint_url), **KIND}
        with pytest.warns(UserWarning, match=r"both.wav: its channels were mixed into one"):
            medtx.transcribe(both, **ask)
        with pytest.warns(UserWarning, match=r"visit-001.wav: 1 channel, and split_channels needs 2"):
            t = medtx.transcribe([both, mono], split_channels=True, **ask)
        assert t.failures["source"].tolist() == [str(mono)]
        client = boto3.client("transcribe", **other.client)
        asked = [
            client.get_medical_transcription_job(MedicalTranscriptionJobName=name)["MedicalTranscriptionJob"]
            for name in started(other)
        ]
        assert sorted(str(one.get("Settings")) for one in asked) == [
            "None",
            "{'ChannelIdentification': True}",
        ]


def test_copies_of_a_recording_share_a_job(endpoint, engine, files, tmp_path):
    copies = [tmp_path / f"{name}.wav" for name in "abc"]
    for copy in copies:
        copy.write_bytes(files[7].read_bytes())
    out = tmp_path / "out"
    t = medtx.transcribe(copies, engine=engine(clean=True), out=out, **KIND)
    assert t.text().to_dict() == dict.fromkeys("abc", "word7 here")
    assert len(started(endpoint)) == 1
    assert stored(endpoint) == []
    assert pd.read_csv(out / "recordings.csv")["recording"].tolist() == ["a", "b", "c"]


def test_the_bucket_is_cleaned_where_asked(endpoint, engine, files, tmp_path):
    medtx.transcribe(files[:2], engine=engine(clean=True), out=tmp_path / "out", **KIND)
    assert stored(endpoint) == []
    with pytest.raises(ReadError, match="the result is not in the bucket any more: overwrite asks, and pays"):
        medtx.transcribe(files[:2], engine=engine(), out=tmp_path / "other", errors="raise", **KIND)
    assert len(started(endpoint)) == 2
    with pytest.raises(InputError, match="clean=True would delete the only copy of the results: name out"):
        medtx.transcribe(files[:2], engine=engine(clean=True), **KIND)


def test_a_job_that_failed_is_listed_with_its_reason_and_tried_again_later(
    endpoint, engine, files, recorded, tmp_path
):
    strange = write(tmp_path / "strange.wav", np.random.default_rng(999).normal(0, 500, 9600))
    for attempt in ("", "-2"):
        with pytest.warns(UserWarning, match="could not transcribe it: No recorded result"):
            t = medtx.transcribe([files[0], strange], engine=engine(), out=tmp_path / "out", **KIND)
        assert t.recordings["recording"].tolist() == ["visit-000"]
        assert t.failures["source"].tolist() == [str(strange)]
        assert t.failures["place"].str.fullmatch(f"job medtx-[0-9a-f]{{32}}{attempt}").all()
    assert len(started(endpoint)) == 3
    with pytest.raises(ReadError, match="could not transcribe it"):
        medtx.transcribe(strange, engine=engine(clean=True), out=tmp_path / "out", **KIND)
    assert sum(key.endswith(".wav") for key in stored(endpoint)) == 1  # the other recording's


def test_a_bucket_in_another_region_is_refused_before_anything_is_sent(endpoint, engine, files):
    with pytest.raises(MedtxError, match="lies in us-east-1, and Transcribe is asked in eu-west-1"):
        medtx.transcribe(files[0], engine=engine(region="eu-west-1"), **KIND)
    assert stored(endpoint) == started(endpoint) == []


def test_half_of_all_calls_fail_and_nothing_is_lost_or_doubled(endpoint, engine, files, tmp_path):
    endpoint.set_faults(Faults(throttled=0.25, failed=0.15, lost=0.1))
    t = medtx.transcribe(files, engine=engine(poll=1), out=tmp_path / "out", **KIND)
    endpoint.set_faults(Faults())
    whole(t, files)
    names = started(endpoint)
    assert len(names) == len(set(names)) == len(files)
    assert len(stored(endpoint)) == 2 * len(files)


def test_quotas_are_kept(recorded, files, monkeypatch, tmp_path):
    """The real rates: no call is refused for coming too soon."""
    calls = {"StartMedicalTranscriptionJob": 25, "GetMedicalTranscriptionJob": 30}
    with running(
        recorded / "results", buckets=[BUCKET], pending=0.01, quotas=Quotas(calls=calls, jobs=10)
    ) as made:
        login(monkeypatch, made)
        refused = []
        wait = aws.patiently

        def seen(*args, **named):
            try:
                return wait(*args, **named)
            except MedtxError as error:
                refused.append(str(error))
                raise

        monkeypatch.setattr(jobs, "patiently", seen)
        one = TranscribeMedical(bucket=BUCKET, endpoint_url=made.endpoint_url, poll=0.1)
        whole(medtx.transcribe(files[:40], engine=one, **KIND), files[:40])
    assert all("limit exceeded" in one for one in refused)  # of jobs at once, which other programs have too


def test_killed_in_the_middle_it_goes_on_where_it_was(endpoint, files, tmp_path):
    out = tmp_path / "out"
    code = (
        "import sys, medtx; from medtx.engines import TranscribeMedical as T; "
        "t = medtx.transcribe(sys.argv[4:], specialty='primarycare', type='dictation', out=sys.argv[3], "
        "progress=False, engine=T(bucket=sys.argv[2], endpoint_url=sys.argv[1], poll=0.2)); print(len(t))"
    )
    command = [sys.executable, "-c", code, endpoint.endpoint_url, BUCKET, str(out), *map(str, files[:50])]
    endpoint.set_faults(Faults(slow=0.03))
    for least in (5, 20):
        running = subprocess.Popen(command)
        while running.poll() is None and len(list(out.glob("*.json"))) < least:
            time.sleep(0.01)
        running.send_signal(signal.SIGKILL)
        running.wait()
    assert len(list(out.glob("*.json"))) < 50
    endpoint.set_faults(Faults())
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert done.stdout == "50\n"
    names = started(endpoint)
    assert len(names) == len(set(names)) == 50
    assert all(re.fullmatch("medtx-[0-9a-f]{32}", name) for name in names)
    base = sqlite3.connect(out / "medtx.sqlite")
    rows = base.execute("select state, attempt, count(*) from jobs group by state, attempt").fetchall()
    base.close()
    assert rows == [("KEPT", 1, 50)]
    assert len(medtx.read(out)) == 50


def test_two_at_once_share_their_jobs(endpoint, engine, files, tmp_path):
    with ThreadPoolExecutor(2) as pool:
        asked = [
            pool.submit(medtx.transcribe, files[:20], engine=engine(), out=tmp_path / str(n), **KIND)
            for n in range(2)
        ]
        for one in asked:
            whole(one.result(), files[:20])
    assert len(started(endpoint)) == 20


def test_the_cost_is_known_before_anything_is_sent(endpoint, engine, files, recorded, tmp_path):
    (tmp_path / "text.wav").write_text("no audio")
    ask = {"specialty": ["primarycare"] * 3 + ["urology"], "type": "dictation", "progress": False}
    some = [*files[:2], tmp_path / "text.wav", files[2]]
    cost = medtx.transcribe(some, engine=engine(), dry_run=True, **ask)
    assert cost.index.tolist() == ["visit-000", "visit-001", "visit-002", "text", "TOTAL"]
    assert cost["mode"].tolist() == ["batch", "batch", "streaming", "", ""]
    assert cost.loc["visit-002", "reason"] == "UROLOGY is offered by streaming only"
    assert cost.loc["text", "reason"].startswith("not sent: expected audio")
    assert cost.loc["TOTAL", "seconds"] == pytest.approx(1.8)
    assert cost.loc["TOTAL", "dollars"] == pytest.approx(3 * 15 / 60 * 0.075)
    with pytest.raises(MedtxError, match=r"nothing was sent: .* \$0.0375, above max_cost=\$0.0300"):
        medtx.transcribe(files[:2], engine=engine(max_cost=0.03), **KIND)
    assert started(endpoint) == stored(endpoint) == []
    assert not (tmp_path / "state").exists()
    out = tmp_path / "out"
    medtx.transcribe(files[:1], engine=engine(max_cost=0.02), out=out, **KIND)
    cost = medtx.transcribe(files[:2], engine=engine(), out=out, dry_run=True, **KIND)
    assert cost["dollars"].tolist() == [0.0, 0.01875, 0.01875]
    medtx.transcribe(files[:2], engine=engine(max_cost=0.02), out=out, **KIND)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"speakers": 1}, "speakers=1 is not a whole number from 2 to 10"),
        ({"speakers": 11}, "speakers=11 is not"),
        ({"mode": "live"}, "mode='live' is not one of batch, streaming"),
        ({"bucket": None, "mode": "batch"}, "mode='batch' needs a bucket"),
        ({"bucket": "My Bucket"}, "bucket='My Bucket' is not the name of a bucket"),
        ({"prefix": "a b"}, "the folder 'a b' holds ' '"),
        ({"prefix": "a//b"}, "prefix='a//b' is longer than 900 bytes, or holds //"),
        ({"vocabulary": "my words"}, "vocabulary='my words' is not a name"),
        ({"max_cost": -1}, "max_cost=-1 is not a number of dollars"),
        ({"poll": 0}, "expected seconds above 0"),
        ({"kms_key": "no key"}, "kms_key='no key' is not the id"),
        ({"kms_context": {"a": "b"}}, "kms_context needs a kms_key"),
        ({"tags": {}}, "tags: expected names and values, 1 to 50"),
        ({"tags": {"a": 1}}, "tags: expected names and values, 1 to 50"),
        ({"endpoint_url": "http://example.com"}, "would send texts in clear"),
    ],
)
def test_settings_that_the_service_would_refuse(settings, message):
    with pytest.raises(InputError, match=message):
        TranscribeMedical(**{"bucket": BUCKET, **settings})


def test_what_is_asked_is_checked_before_anything_is_sent(files):
    batch = TranscribeMedical(bucket=BUCKET, mode="batch")
    for ask, message in (
        (
            {"engine": batch, "specialty": "cardiology"},
            "CARDIOLOGY is offered by streaming only, not in batch: use mode='streaming'",
        ),
        ({"engine": batch, "alternatives": 1}, "alternatives=1 is not a whole number from 2 to 10"),
        ({"engine": batch, "alternatives": 11}, "alternatives=11 is not"),
        (
            {"engine": TranscribeMedical(bucket=BUCKET, speakers=2), "split_channels": True},
            "speakers and split_channels exclude each other",
        ),
        ({"engine": "transcribe-medical", "alternatives": 3}, "alternatives are offered in batch only"),
        ({"engine": "embedded", "dry_run": True}, "dry_run is for services that cost"),
        (
            {"engine": "transcribe"},
            "engine='transcribe' is not one of embedded, faster-whisper, sherpa-onnx, transcribe-medical",
        ),
        ({"engine": batch, "workers": ThreadPoolExecutor(1)}, "how many files are under way"),
    ):
        with pytest.raises(InputError, match=message):
            medtx.transcribe(files[:1], **{**KIND, **ask})


def facts(**other) -> Facts:
    return Facts("wav", 16000, 1, 60.0, 2_000_000)._replace(**other)


@pytest.mark.parametrize(
    ("other", "message"),
    [
        ({"rate": 8000}, "8,000 Hz: batch takes 16,000 to 48,000: resample it, or mode='streaming' takes it"),
        ({"rate": 96000}, "96,000 Hz"),
        ({"channels": 6}, "6 channels: batch takes 2 at most: mix them, or mode='streaming'"),
        ({"seconds": 0.2}, "lasts 0.20 s: the service takes 0.5 s or more"),
        ({"seconds": 15000.0}, "lasts 4.2 h: batch takes 4 h at most: cut it, or mode='streaming'"),
        ({"size": 3 * 10**9}, "3,000,000,000 bytes: batch takes 2 GB at most: convert it to FLAC"),
        ({"format": "aiff"}, "batch takes amr, flac, m4a, mp3, mp4, ogg, wav, webm: convert it to FLAC"),
    ],
)
def test_audio_that_batch_would_refuse(other, message):
    with pytest.raises(ReadError, match=message):
        check_audio("visit.wav", facts(**other), "batch", False)
    if "seconds" not in other or other["seconds"] > 1:
        check_audio("visit.wav", facts(**other), "streaming", False)


@pytest.mark.parametrize(
    ("name", "codec", "rate", "wanted"),
    [
        ("a.flac", "flac", 16000, "flac"),
        ("a.mp3", "mp3", 44100, "mp3"),
        ("a.m4a", "aac", 48000, "mp4"),
        ("a.ogg", "libopus", 48000, "ogg"),
        ("a.webm", "libopus", 48000, "webm"),
        ("a.wav", "pcm_s16le", 16000, "wav"),
    ],
)
def test_a_file_is_known_by_its_header(tmp_path, name, codec, rate, wanted):
    noise = np.random.default_rng(0).normal(0, 500, 32000)
    found = probe(str(encode(tmp_path / name, noise, codec, rate)))
    assert FORMATS[found.format] == wanted
    assert (found.rate, found.channels) == (rate, 1)
    assert found.seconds == pytest.approx(2, abs=0.1)


def test_the_services_own_model_has_these_formats_and_limits():
    client = boto3.client("transcribe", region_name="us-east-1")
    model = client.meta.service_model.operation_model("StartMedicalTranscriptionJob").input_shape.members
    assert set(FORMATS.values()) | {"m4a"} == set(model["MediaFormat"].enum)
    assert model["Specialty"].enum == [
        name for name, modes in medtx.specialties.SPECIALTIES.items() if "batch" in modes
    ]
    assert set(model["Type"].enum) == set(medtx.specialties.TYPES)


def test_where_nothing_can_be_sent_it_ends_soon_in_one_sentence(
    endpoint, engine, files, monkeypatch, tmp_path
):
    def ends(message: str, **settings) -> None:
        begun = time.monotonic()
        with pytest.raises(Unusable, match=message) as caught:
            medtx.transcribe(files[:3], engine=engine(**settings), **KIND)
        assert time.monotonic() - begun < 30
        assert "\n" not in str(caught.value)

    ends("S3, list_objects_v2: no such bucket: make it, or name another", bucket="nobodys")
    ends(r"certificate of https://localhost:\d+ is not trusted \(SSLError\)", endpoint_url=endpoint.https_url)
    ends("settings cannot be used|cannot be reached", endpoint_url=None, region="not a region")
    with monkeypatch.context() as wrong:
        wrong.setenv("AWS_SECRET_ACCESS_KEY", "wrong")
        ends("AWS does not know these credentials .SignatureDoesNotMatch.: check key and secret")
        wrong.delenv("AWS_SECRET_ACCESS_KEY")
        wrong.delenv("AWS_ACCESS_KEY_ID")
        ends("no AWS credentials that can be used")
    with monkeypatch.context() as wrong:
        wrong.delenv("AWS_DEFAULT_REGION")
        ends("no AWS region is set", endpoint_url=None)
    assert started(endpoint) == []


def test_a_damaged_journal_or_result_is_named(endpoint, engine, files, tmp_path):
    out = tmp_path / "out"
    out.mkdir()
    (out / "visit-000.json").write_text("{")
    with pytest.raises(ReadError, match=r"visit-000.json: expected an earlier result"):
        medtx.transcribe(files[0], engine=engine(), out=out, **KIND)
    (out / "medtx.sqlite").write_text("no database " * 100)
    with pytest.raises(MedtxError, match=r"medtx.sqlite: expected a journal of medtx"):
        medtx.transcribe(files[1], engine=engine(), out=out, **KIND)


def test_estimates_count_every_second_begun():
    from medtx.engines.medical import dollars

    assert dollars(0.5) == dollars(15) == pytest.approx(0.01875)
    assert dollars(3600) == pytest.approx(4.5)
    with pytest.raises(InputError, match="expected files, got an empty list"):
        medtx.transcribe([], engine="transcribe-medical", dry_run=True, **KIND)
