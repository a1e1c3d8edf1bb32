"""Jobs, vocabularies, tags and entities, by boto3 and the AWS CLI."""

import json
import os
import subprocess
import sys
import time
import urllib.error
import urllib.request
import uuid
import wave
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pandas as pd
import pytest
from botocore.config import Config
from botocore.exceptions import WaiterError
from hypothesis import given
from hypothesis import strategies as st

import medtx
from medtx.clinical.comprehend import ComprehendMedical
from medtx.clinical.embedded import detect, detect_phi
from medtx.engines.audio import clip
from medtx.service import Faults, Quotas, running
from medtx.service.vocabularies import problem
from tests.conftest import ROOT
from tests.test_service import client, code

AUDIO = ROOT / "datasets" / "dictations" / "audio" / "primarycare-01.opus"
RESULTS = ROOT / "datasets" / "dictations" / "results"
RESULT = RESULTS / "primarycare-01.json"
NOT_CHECKED = Config(parameter_validation=False, retries={"total_max_attempts": 1})
TABLE = "Phrase\tIPA\tSoundsLike\tDisplayAs\nmetoprolol\t\tmeh-toe-pro-lawl\tMetoprolol\nL.V.E.F.\t\t\tLVEF\n"


@pytest.fixture(scope="module")
def endpoint():
    with running(RESULT, buckets=["audio", "out"]) as one:
        client(one).upload_file(str(AUDIO), "audio", "in/primarycare-01.opus")
        yield one


@pytest.fixture(scope="module")
def s3(endpoint):
    return client(endpoint)


@pytest.fixture(scope="module")
def transcribe(endpoint):
    return client(endpoint, "transcribe", NOT_CHECKED)


def asked(name: str | None = None, **other: object) -> dict:
    settings = {
        "MedicalTranscriptionJobName": name or uuid.uuid4().hex,
        "LanguageCode": "en-US",
        "Media": {"MediaFileUri": "s3://audio/in/primarycare-01.opus"},
        "OutputBucketName": "out",
        "Specialty": "PRIMARYCARE",
        "Type": "DICTATION",
    }
    return {key: value for key, value in (settings | other).items() if value is not None}


def ended(transcribe, name: str, other: str = "medical_transcription_job", seconds: float = 300) -> dict:
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        found = transcribe.get_medical_transcription_job(MedicalTranscriptionJobName=name)
        if found["MedicalTranscriptionJob"]["TranscriptionJobStatus"] in ("COMPLETED", "FAILED"):
            return found["MedicalTranscriptionJob"]
        time.sleep(0.02)
    raise AssertionError("the job did not end")


def done(transcribe, **other: object) -> dict:
    settings = asked(**other)
    transcribe.start_medical_transcription_job(**settings)
    return ended(transcribe, settings["MedicalTranscriptionJobName"])


def fetched(s3, job: dict) -> dict:
    _, bucket, key = urlsplit(job["Transcript"]["TranscriptFileUri"]).path.split("/", 2)
    return json.loads(s3.get_object(Bucket=bucket, Key=unquote(key))["Body"].read())


def test_a_job_from_upload_to_table(s3, transcribe):
    tags = [{"Key": "study", "Value": "1"}]
    settings = asked("visit-1", Tags=tags, Settings={"ShowAlternatives": True, "MaxAlternatives": 5})
    started = transcribe.start_medical_transcription_job(**settings)["MedicalTranscriptionJob"]
    assert started["TranscriptionJobStatus"] in ("QUEUED", "IN_PROGRESS")
    waiter = transcribe.get_waiter("medical_transcription_job_completed")
    waiter.wait(MedicalTranscriptionJobName="visit-1", WaiterConfig={"Delay": 0.1, "MaxAttempts": 200})
    job = ended(transcribe, "visit-1")
    assert job["TranscriptionJobStatus"] == "COMPLETED"
    assert (
        job["Transcript"]["TranscriptFileUri"]
        == "https://s3.us-east-1.amazonaws.com/out/medical/visit-1.json"
    )
    assert (job["Settings"], job["Tags"]) == (settings["Settings"], tags)
    assert job["CreationTime"] <= job["StartTime"] <= job["CompletionTime"]
    content = fetched(s3, job)
    assert (content["jobName"], content["status"]) == ("visit-1", "COMPLETED")
    ours, theirs = medtx.read(content), medtx.read(RESULT)
    for table in ("words", "segments", "alternatives"):
        drop = ["recording"]
        pd.testing.assert_frame_equal(
            getattr(ours, table).drop(columns=drop), getattr(theirs, table).drop(columns=drop)
        )


@pytest.mark.parametrize(
    ("given", "key"),
    [
        (None, "medical/{}.json"),
        ("x.json", "x.json"),
        ("a/b", "a/b/{}.json"),
        ("a/b/", "a/b/{}.json"),
        ("a (1)'s.json", None),  # no spaces
        ("visit(1)'s.json", "visit(1)'s.json"),
    ],
)
def test_output_keys(s3, transcribe, given, key):
    name = uuid.uuid4().hex
    if key is None:
        with code("BadRequestException", 400):
            transcribe.start_medical_transcription_job(**asked(name, OutputKey=given))
        return
    job = done(transcribe, name=name, OutputKey=given, OutputEncryptionKMSKeyId="key-1")
    assert fetched(s3, job)["jobName"] == name
    head = s3.head_object(Bucket="out", Key=key.format(name))
    assert (head["ServerSideEncryption"], head["SSEKMSKeyId"]) == ("aws:kms", "key-1")


def test_speakers_and_phi(s3, transcribe):
    settings = {"ShowSpeakerLabels": True, "MaxSpeakerLabels": 2}
    job = done(transcribe, Settings=settings, ContentIdentificationType="PHI")
    found = medtx.read(fetched(s3, job))
    assert set(found.words["speaker"].dropna()) == {"spk_0"}
    content = fetched(s3, job)["results"]
    assert content["speaker_labels"]["speakers"] == 1
    text = medtx.read(RESULT).segments["transcript"]
    assert [one["content"] for one in content["entities"]] == [
        entity["Text"] for one in text for entity in detect_phi(one)["Entities"]
    ]
    assert content["entities"]
    assert len(found.phi) == len(content["entities"])


@pytest.mark.parametrize(
    "wrong",
    [
        {"Specialty": "CARDIOLOGY"},
        {"Specialty": None},
        {"Type": "LETTER"},
        {"LanguageCode": "de-DE"},
        {"LanguageCode": "en-GB"},
        {"MediaFormat": "aiff"},
        {"MediaSampleRateHertz": 8000},
        {"MediaSampleRateHertz": 48_001},
        {"MediaSampleRateHertz": "many"},
        {"Media": {}},
        {"Media": {"MediaFileUri": "audio/in/primarycare-01.opus"}},
        {"Media": {"MediaFileUri": "s3://audio"}},
        {"Media": {"MediaFileUri": "s3://audio/nothing.wav"}},
        {"Media": {"MediaFileUri": "s3://nobodys/a.wav"}},
        {"OutputBucketName": "nobodys"},
        {"OutputBucketName": "s3://out"},
        {"OutputBucketName": None},
        {"name": "a b"},
        {"name": "a" * 201},
        {"Settings": {"ShowAlternatives": True}},
        {"Settings": {"ShowAlternatives": True, "MaxAlternatives": 11}},
        {"Settings": {"ShowAlternatives": True, "MaxAlternatives": 1}},
        {"Settings": {"MaxSpeakerLabels": 2}},
        {"Settings": {"ShowSpeakerLabels": True, "MaxSpeakerLabels": 31}},
        {"Settings": {"ShowSpeakerLabels": True, "MaxSpeakerLabels": 2, "ChannelIdentification": True}},
        {"Settings": {"ShowSpeakerLabels": "yes", "MaxSpeakerLabels": 2}},
        {"Settings": {"VocabularyName": "nobodys"}},
        {"ContentIdentificationType": "PII"},
        {"OutputKey": "a?b"},
        {"Tags": [{"Key": "a"}]},
    ],
    ids=lambda wrong: str(wrong)[:60],
)
def test_what_a_job_does_not_take(transcribe, wrong):
    with code("BadRequestException", 400):
        transcribe.start_medical_transcription_job(**asked(**wrong))


def test_names_are_taken_once_and_found_again(transcribe):
    name = f"twice-{uuid.uuid4().hex}"
    done(transcribe, name=name)
    with code("ConflictException", 409):
        transcribe.start_medical_transcription_job(**asked(name))
    listed = transcribe.list_medical_transcription_jobs(JobNameContains="TWICE", Status="COMPLETED")
    (summary,) = listed["MedicalTranscriptionJobSummaries"]
    assert (summary["MedicalTranscriptionJobName"], summary["OutputLocationType"]) == (
        name,
        "CUSTOMER_BUCKET",
    )
    transcribe.delete_medical_transcription_job(MedicalTranscriptionJobName=name)
    with code("NotFoundException", 404):
        transcribe.get_medical_transcription_job(MedicalTranscriptionJobName=name)
    with code("BadRequestException", 400):
        transcribe.delete_medical_transcription_job(MedicalTranscriptionJobName=name)
    with code("UnknownOperationException"):
        transcribe.list_transcription_jobs()


def test_lists_have_pages(transcribe):
    names = [f"page-{n}-{uuid.uuid4().hex}" for n in range(7)]
    for name in names:
        done(transcribe, name=name)
    found, token = [], {}
    while token is not None:
        page = transcribe.list_medical_transcription_jobs(JobNameContains="page-", MaxResults=3, **token)
        found += [one["MedicalTranscriptionJobName"] for one in page["MedicalTranscriptionJobSummaries"]]
        token = {"NextToken": page["NextToken"]} if "NextToken" in page else None
    assert found == names[::-1]
    with code("BadRequestException"):
        transcribe.list_medical_transcription_jobs(NextToken="x")


def test_jobs_under_way_are_limited_and_stay(tmp_path):
    with running(RESULT, buckets=["audio", "out"], pending=3600, quotas=Quotas(jobs=1)) as slow:
        client(slow).put_object(Bucket="audio", Key="in/primarycare-01.opus", Body=b"x")
        transcribe = client(slow, "transcribe")
        transcribe.start_medical_transcription_job(**asked("first"))
        with code("LimitExceededException", 429):
            transcribe.start_medical_transcription_job(**asked("second"))
        with code("BadRequestException"):
            transcribe.delete_medical_transcription_job(MedicalTranscriptionJobName="first")
        job = transcribe.get_medical_transcription_job(MedicalTranscriptionJobName="first")
        assert job["MedicalTranscriptionJob"]["TranscriptionJobStatus"] == "QUEUED"


def test_a_start_whose_answer_was_lost_is_there(endpoint, transcribe):
    endpoint.set_faults(Faults(lost=1, operations=("StartMedicalTranscriptionJob",)))
    with code("InternalFailureException", 500):
        transcribe.start_medical_transcription_job(**asked("lost"))
    endpoint.set_faults(Faults())
    assert ended(transcribe, "lost")["TranscriptionJobStatus"] == "COMPLETED"


@pytest.fixture(scope="module")
def embedded(tmp_path_factory):
    folder = tmp_path_factory.mktemp("audio")
    (folder / "a.wav").write_bytes(clip(str(AUDIO), 0, 4))
    (folder / "text.wav").write_bytes(b"no audio")
    for name, rate, channels, seconds in (
        ("low", 8000, 1, 1),
        ("three", 16000, 3, 1),
        ("short", 16000, 1, 0.2),
    ):
        with wave.open(str(folder / f"{name}.wav"), "wb") as file:
            file.setparams((channels, 2, rate, 0, "NONE", ""))
            file.writeframes(os.urandom(round(rate * seconds) * 2 * channels))
    with running(buckets=["audio", "out"]) as one:
        for file in folder.iterdir():
            client(one).upload_file(str(file), "audio", file.name)
        yield one, folder


def test_the_embedded_engine_recognises(embedded):
    one, folder = embedded
    transcribe = client(one, "transcribe")
    job = done(
        transcribe, Media={"MediaFileUri": "s3://audio/a.wav"}, MediaFormat="wav", MediaSampleRateHertz=16000
    )
    assert job["TranscriptionJobStatus"] == "COMPLETED", job
    ours = medtx.read(fetched(client(one), job))
    assert ours.recordings["engine"].iloc[0].startswith("medtx-embedded")
    theirs = medtx.transcribe(
        folder / "a.wav", specialty="PRIMARYCARE", type="DICTATION", workers=1, progress=False
    )
    assert len(ours.words) > 5
    pd.testing.assert_frame_equal(
        ours.words.drop(columns="recording"), theirs.words.drop(columns="recording")
    )


def test_the_embedded_engine_knows_the_words_of_a_vocabulary(embedded):
    one, folder = embedded
    transcribe, table = client(one, "transcribe"), "Phrase\tDisplayAs\nbus-driver\tBUS DRIVER\n"
    client(one).put_object(Bucket="audio", Key="words.txt", Body=table.encode())
    transcribe.create_medical_vocabulary(
        VocabularyName="words", LanguageCode="en-US", VocabularyFileUri="s3://audio/words.txt"
    )
    assert settled(transcribe, "words")["VocabularyState"] == "READY"
    media = {"Media": {"MediaFileUri": "s3://audio/a.wav"}, "Settings": {"VocabularyName": "words"}}
    ours = medtx.read(fetched(client(one), done(transcribe, name="known", **media)))
    (folder / "words.txt").write_text(table)
    kind = {"specialty": "PRIMARYCARE", "type": "DICTATION", "workers": 1, "progress": False}
    theirs = medtx.transcribe(folder / "a.wav", **kind, vocabulary=folder / "words.txt")
    assert ours.words["content"].tolist() == theirs.words["content"].tolist()
    assert "BUS" in set(ours.words["content"])


@pytest.mark.parametrize(
    ("name", "said", "why"),
    [
        ("text", {}, "Unsupported media format"),
        ("low", {}, "Invalid sample rate for audio file"),
        ("three", {}, "Invalid number of channels: number of channels too large"),
        ("short", {}, "Invalid file size: the audio is shorter than 0.5 seconds"),
        ("a", {"MediaFormat": "mp3"}, "The media format provided does not match the detected media format"),
        (
            "a",
            {"MediaSampleRateHertz": 44100},
            "The sample rate provided does not match the detected sample rate",
        ),
    ],
)
def test_a_job_that_fails_says_why(embedded, name, said, why):
    transcribe = client(embedded[0], "transcribe")
    job = done(transcribe, Media={"MediaFileUri": f"s3://audio/{name}.wav"}, **said)
    assert (job["TranscriptionJobStatus"], job["FailureReason"]) == ("FAILED", why)
    with pytest.raises(WaiterError):
        transcribe.get_waiter("medical_transcription_job_completed").wait(
            MedicalTranscriptionJobName=job["MedicalTranscriptionJobName"]
        )


def test_a_recording_without_a_result_fails(s3, transcribe):
    s3.put_object(Bucket="audio", Key="in/other.wav", Body=b"other")
    job = done(transcribe, Media={"MediaFileUri": "s3://audio/in/other.wav"}, name="other-job")
    assert job["FailureReason"] == "No recorded result is named other or other-job"
    s3.put_object(Bucket="audio", Key="in/renamed.opus", Body=AUDIO.read_bytes())  # known by its content
    job = done(transcribe, Media={"MediaFileUri": "s3://audio/in/renamed.opus"})
    assert job["TranscriptionJobStatus"] == "COMPLETED"


def settled(transcribe, name: str) -> dict:
    until = time.monotonic() + 30
    while time.monotonic() < until:
        found = transcribe.get_medical_vocabulary(VocabularyName=name)
        if found["VocabularyState"] != "PENDING":
            return found
        time.sleep(0.02)
    raise AssertionError("the vocabulary did not settle")


def test_a_vocabulary_from_table_to_job(s3, transcribe):
    s3.put_object(Bucket="audio", Key="drugs.txt", Body=TABLE.encode())
    made = {"VocabularyName": "drugs", "LanguageCode": "en-US", "VocabularyFileUri": "s3://audio/drugs.txt"}
    created = transcribe.create_medical_vocabulary(**made, Tags=[{"Key": "a", "Value": "b"}])
    assert created["VocabularyState"] == "PENDING"
    with code("ConflictException", 409):
        transcribe.create_medical_vocabulary(**made)
    found = settled(transcribe, "drugs")
    assert found["VocabularyState"] == "READY"
    assert found["DownloadUri"].endswith("/audio/drugs.txt")
    assert done(transcribe, Settings={"VocabularyName": "drugs"})["TranscriptionJobStatus"] == "COMPLETED"
    listed = transcribe.list_medical_vocabularies(StateEquals="READY", NameContains="DRU")
    assert [one["VocabularyName"] for one in listed["Vocabularies"]] == ["drugs"]

    s3.put_object(Bucket="audio", Key="drugs.txt", Body=b"heart rate\n")
    transcribe.update_medical_vocabulary(**made)
    found = settled(transcribe, "drugs")
    assert found["VocabularyState"] == "FAILED"
    assert found["FailureReason"].startswith("Line 1: the header")
    with code("BadRequestException"):
        transcribe.start_medical_transcription_job(**asked(Settings={"VocabularyName": "drugs"}))

    arn = "arn:aws:transcribe:us-east-1:000000000000:medical-vocabulary/drugs"
    transcribe.tag_resource(ResourceArn=arn, Tags=[{"Key": "c", "Value": "d"}])
    transcribe.untag_resource(ResourceArn=arn, TagKeys=["a"])
    assert transcribe.list_tags_for_resource(ResourceArn=arn)["Tags"] == [{"Key": "c", "Value": "d"}]
    transcribe.delete_medical_vocabulary(VocabularyName="drugs")
    for call in (
        lambda: transcribe.get_medical_vocabulary(VocabularyName="drugs"),
        lambda: transcribe.delete_medical_vocabulary(VocabularyName="drugs"),
        lambda: transcribe.update_medical_vocabulary(**made),
        lambda: transcribe.list_tags_for_resource(ResourceArn=arn),
    ):
        with code("NotFoundException", 404):
            call()


@pytest.mark.parametrize(
    ("table", "why"),
    [
        (b"", "Line 1: the header"),
        (b"Phrase\tSounds\n", "Line 1: the header"),
        (b"Phrase\n", "no phrases"),
        (b"Phrase\n\xff\n", "not UTF-8"),
        (b"Phrase\nheart rate\n", "Line 2: a phrase holds"),
        (b"Phrase\nP450\n", "Line 2: a phrase holds"),
        (b"Phrase\n" + b"a" * 257, "Line 2: a phrase is longer than 256"),
        (b"Phrase\tDisplayAs\naspirin\n", "Line 2: 1 columns where the header has 2"),
        (b"Phrase\tIPA\tSoundsLike\na\tb\tc\n", "not both"),
        (b"Phrase\tSoundsLike\na\tb c\n", "SoundsLike is of letters"),
        (b"Phrase\n" + b"aspirin\n" * 7000, "larger than 50 KB"),
    ],
)
def test_tables_of_vocabularies_that_fail(table, why):
    assert why in problem(table)


@given(st.binary(max_size=200) | st.text(alphabet="Phrase\t\nIPA SoundsLike-é", max_size=60).map(str.encode))
def test_any_table_has_an_answer_without_its_words(table):
    assert isinstance(problem(b"Phrase\tDisplayAs\n" + table), str)
    assert isinstance(problem(table), str)


@pytest.fixture(scope="module")
def comprehend(endpoint):
    return client(endpoint, "comprehendmedical", NOT_CHECKED)


NOTE = "Mr. John Smith denies chest pain, takes metoprolol 5 mg daily. MRI of the left knee."


def test_entities_are_those_of_the_embedded_engine(comprehend):
    found = comprehend.detect_entities_v2(Text=NOTE)
    assert {k: found[k] for k in ("Entities", "UnmappedAttributes", "ModelVersion")} == detect(NOTE)
    assert comprehend.detect_phi(Text=NOTE)["Entities"] == detect_phi(NOTE)["Entities"]
    for call, key, category in (
        ("infer_icd10_cm", "ICD10CMConcepts", {"MEDICAL_CONDITION"}),
        ("infer_rx_norm", "RxNormConcepts", {"MEDICATION"}),
        ("infer_snomedct", "SNOMEDCTConcepts", {"MEDICAL_CONDITION", "ANATOMY", "TEST_TREATMENT_PROCEDURE"}),
    ):
        entities = getattr(comprehend, call)(Text=NOTE)["Entities"]
        assert {one["Category"] for one in entities} == category
        assert all(one[key] == [] for one in entities)


def test_medtx_reads_entities_through_the_endpoint(endpoint, tmp_path):
    service = ComprehendMedical(client(endpoint, "comprehendmedical"), cache=tmp_path / "cache")
    t = medtx.read(RESULT)
    ours = medtx.entities(t, service, ontologies=["rxnorm"]).table
    theirs = medtx.entities(t, "embedded").table
    columns = ["text", "category", "type", "start", "end"]
    pd.testing.assert_frame_equal(ours[columns], theirs[columns], check_categorical=False)


@pytest.mark.parametrize(
    ("call", "text", "wanted"),
    [
        ("detect_entities_v2", "é" * 10_001, "TextSizeLimitExceededException"),
        ("infer_snomedct", "a" * 10_001, "TextSizeLimitExceededException"),
        ("detect_phi", "", "ValidationException"),
        ("detect_phi", 1, "ValidationException"),
        ("detect_phi", None, "ValidationException"),
        ("detect_phi", "\ud800", "InvalidEncodingException"),
        ("detect_entities", "a", "UnknownOperationException"),
    ],
)
def test_what_comprehend_does_not_take(comprehend, call, text, wanted):
    with code(wanted, 400):
        getattr(comprehend, call)(Text=text)


@pytest.mark.parametrize("body", [b"[1", b"[]", b"1", b"[" * 100_000, b'{"Text": "\xff"}'])
def test_bodies_that_are_no_json(body):
    with running(RESULT, check_signatures=False) as unchecked:
        for target in ("Transcribe.ListMedicalVocabularies", "ComprehendMedical_20181030.DetectPHI"):
            sent = urllib.request.Request(unchecked.endpoint_url, body, {"X-Amz-Target": target})
            with pytest.raises(urllib.error.HTTPError, match="400") as caught:
                urllib.request.urlopen(sent)
            wanted = "InvalidEncoding" if b"\xff" in body and "Comprehend" in target else "Serialization"
            assert json.loads(caught.value.read())["__type"] == f"{wanted}Exception"
            caught.value.close()


def test_the_aws_cli_from_upload_to_transcript(endpoint, tmp_path):
    environment = os.environ | {
        "AWS_ENDPOINT_URL": endpoint.endpoint_url,
        "AWS_ACCESS_KEY_ID": endpoint.access_key,
        "AWS_SECRET_ACCESS_KEY": endpoint.secret_key,
        "AWS_DEFAULT_REGION": endpoint.region,
        "AWS_CONFIG_FILE": str(tmp_path / "none"),
    }

    def aws(*words: str) -> str:
        command = [str(Path(sys.executable).parent / "aws"), *words]
        return subprocess.run(command, env=environment, capture_output=True, text=True, check=True).stdout

    aws("s3", "cp", str(AUDIO), "s3://audio/cli/primarycare-01.opus")
    start = asked(
        "by-cli", Media={"MediaFileUri": "s3://audio/cli/primarycare-01.opus"}, OutputKey="cli.json"
    )
    aws("transcribe", "start-medical-transcription-job", "--cli-input-json", json.dumps(start))
    ended(client(endpoint, "transcribe"), "by-cli")
    job = json.loads(
        aws("transcribe", "get-medical-transcription-job", "--medical-transcription-job-name", "by-cli")
    )
    assert job["MedicalTranscriptionJob"]["TranscriptionJobStatus"] == "COMPLETED"
    aws("s3", "cp", "s3://out/cli.json", str(tmp_path / "cli.json"))
    assert medtx.read(tmp_path / "cli.json").text().tolist() == medtx.read(RESULT).text().tolist()
    found = json.loads(aws("comprehendmedical", "detect-phi", "--text", NOTE))
    assert found["Entities"] == detect_phi(NOTE)["Entities"]
