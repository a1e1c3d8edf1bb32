"""The endpoint on loopback with 200 short recordings, and what the tests of its clients ask of it."""

import hashlib
import json
import os
from pathlib import Path

import boto3
import numpy as np
import pytest
from botocore.retries.standard import ExponentialBackoff

import medtx
from medtx import aws
from medtx.engines import TranscribeMedical, jobs
from medtx.service import running
from tests.conftest import job
from tests.test_engines import write

KIND = {"specialty": "primary care", "type": "conversation", "progress": False}
BUCKET = "clinic-audio"


@pytest.fixture
def account(monkeypatch, tmp_path):
    """No settings of AWS but those of the test."""
    for name in list(os.environ):
        if name.startswith("AWS_"):
            monkeypatch.delenv(name)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "none"))
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "none"))
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))


@pytest.fixture
def quick(monkeypatch):
    """Without the waits, which are not what is tested: 200 jobs under faults would take a minute."""
    monkeypatch.setattr(ExponentialBackoff, "delay_amount", lambda self, context: 0.01)
    monkeypatch.setattr(aws, "LONGEST_WAIT", 0.5)
    monkeypatch.setattr(jobs, "QUOTAS", dict.fromkeys(jobs.QUOTAS, 2000.0))


@pytest.fixture(scope="session")
def recorded(tmp_path_factory) -> Path:
    """200 short recordings in ``audio``, and what was heard in each in ``results``: a word of its own."""
    folder = tmp_path_factory.mktemp("recorded")
    for part in ("audio", "results"):
        (folder / part).mkdir()
    for n in range(200):
        noise = np.random.default_rng(n).normal(0, 500, 9600)
        audio = write(folder / "audio" / f"visit-{n:03}.wav", noise)
        heard = job((f"word{n}", 0.9), ("here", 0.8), name="recorded")
        heard["medtx"] = {"engine": "recorded", "audio": hashlib.sha256(audio.read_bytes()).hexdigest()}
        (folder / "results" / f"visit-{n:03}.json").write_text(json.dumps(heard))
    return folder


@pytest.fixture
def files(recorded) -> list[Path]:
    return sorted((recorded / "audio").iterdir())


def login(monkeypatch, endpoint) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", endpoint.access_key)
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", endpoint.secret_key)
    monkeypatch.setenv("AWS_DEFAULT_REGION", endpoint.region)


@pytest.fixture
def endpoint(recorded, account, monkeypatch):
    with running(recorded / "results", buckets=[BUCKET], pending=0.01) as made:
        login(monkeypatch, made)
        yield made


@pytest.fixture
def engine(endpoint, quick):
    return lambda **settings: TranscribeMedical(
        **{"bucket": BUCKET, "endpoint_url": endpoint.endpoint_url, "poll": 0.1, **settings}
    )


def started(endpoint) -> list[str]:
    """The names of all jobs that the service has."""
    client = boto3.client("transcribe", **endpoint.client)
    names, more = [], {}
    while True:
        page = client.list_medical_transcription_jobs(MaxResults=100, **more)
        names += [one["MedicalTranscriptionJobName"] for one in page["MedicalTranscriptionJobSummaries"]]
        if "NextToken" not in page:
            return names
        more = {"NextToken": page["NextToken"]}


def stored(endpoint) -> list[str]:
    s3 = boto3.client("s3", **endpoint.client)
    return sorted(one["Key"] for one in s3.list_objects_v2(Bucket=BUCKET).get("Contents", []))


def whole(t: medtx.Transcripts, files: list[Path]) -> None:
    """Each recording is there once, with its own words."""
    assert t.recordings["recording"].tolist() == [file.stem for file in files]
    assert t.text().to_dict() == {file.stem: f"word{int(file.stem[-3:])} here" for file in files}
    assert not len(t.failures)
