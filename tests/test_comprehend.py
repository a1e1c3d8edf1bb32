"""Comprehend Medical through the real boto3, against a server on loopback that speaks its protocol."""

import json
import logging
import os
import re
import socket
import stat
import subprocess
import sys
import threading
import time
import uuid
import warnings
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import boto3
import pytest
from botocore.validate import ParamValidator
from moto.server import ThreadedMotoServer

from medtx.aws import Unusable
from medtx.clinical import comprehend, jobs
from medtx.clinical.comprehend import OPERATIONS, ComprehendMedical, Operation
from medtx.clinical.jobs import run_job
from medtx.errors import InputError, MedtxError

LOGIN = {"aws_access_key_id": "test", "aws_secret_access_key": "test", "region_name": "us-east-1"}
MODEL = boto3.client("comprehendmedical", **LOGIN).meta.service_model
ROLE = "arn:aws:iam::123456789012:role/reads-medtx"
SECRET = "Xanthippe"  # stands in every text that must not be seen elsewhere


class Service(ThreadingHTTPServer):
    """Finds the drugs that end in "in"; checks what it is sent against botocore's own model."""

    daemon_threads = True
    request_queue_size = 200

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.lock = threading.Lock()
        self.calls: list[tuple[str, dict, float]] = []  # operation, input, when
        self.answered: Counter[str] = Counter()  # by text
        self.fail = lambda name, asked, nth: None  # -> (status, error code) or None
        self.delay = 0.0
        self.jobs: dict[str, dict] = {}
        self.tokens: dict[str, str] = {}
        self.s3 = None
        self.lost: set[bytes] = set()  # texts of jobs that are not answered
        self.ends = "COMPLETED"
        threading.Thread(target=self.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"

    def names(self) -> list[str]:
        return [name for name, _, _ in self.calls]

    def answer(self, name: str, asked: dict) -> dict:
        if "Text" in asked:
            with self.lock:
                self.answered[asked["Text"]] += 1
            return found(asked["Text"])
        with self.lock:
            kind = re.sub(r"^(Start|Describe|List)|s$", "", name)
            if name.startswith("Start"):
                job = self.tokens.setdefault(asked["ClientRequestToken"], uuid.uuid4().hex)
                known = {k: v for k, v in asked.items() if k != "ClientRequestToken"}
                self.jobs.setdefault(
                    job,
                    known | {"JobId": job, "JobStatus": "SUBMITTED", "SubmitTime": time.time(), "Kind": kind},
                )
                return {"JobId": job}
            if name.startswith("Describe"):
                return {"ComprehendMedicalAsyncJobProperties": self.moved(asked["JobId"])}
            mine = [shown(job) for job in self.jobs.values() if job["Kind"] == kind]
            mine = [job for job in mine if job["JobName"] == asked["Filter"]["JobName"]]
            return {"ComprehendMedicalAsyncJobPropertiesList": mine}

    def moved(self, number: str) -> dict:
        """Each look moves a job on; the last writes its files."""
        job = self.jobs[number]
        if job["JobStatus"] == "SUBMITTED":
            job["JobStatus"] = "IN_PROGRESS"
        elif job["JobStatus"] == "IN_PROGRESS":
            job["JobStatus"] = self.ends
            if self.ends == "FAILED":
                job["Message"] = "NO_READ_ACCESS_TO_INPUT: check the role"
            else:
                self.write(job)
        return shown(job)

    def write(self, job: dict) -> None:
        place, out = job["InputDataConfig"], job["OutputDataConfig"]
        folder = f"{out['S3Key']}123456789012-{job['Kind'].removesuffix('Job')}-{job['JobId']}/"
        put = {"Bucket": out["S3Bucket"]}
        for one in self.s3.list_objects_v2(Bucket=place["S3Bucket"], Prefix=place["S3Key"])["Contents"]:
            got = self.s3.get_object(Bucket=place["S3Bucket"], Key=one["Key"])
            assert got["ServerSideEncryption"] == ("aws:kms" if "KMSKey" in job else "AES256")
            data = got["Body"].read()
            if data not in self.lost:
                name = one["Key"].rpartition("/")[2]
                body = json.dumps(found(data.decode())).encode()
                self.s3.put_object(Key=f"{folder}{name}.out", Body=body, **put)
        for manifest in ("Manifest", "Success", "Unprocessed"):
            self.s3.put_object(Key=folder + manifest, Body=b"{}", **put)


def shown(job: dict) -> dict:
    return {k: v for k, v in job.items() if k != "Kind"}


def found(text: str) -> dict:
    entities = [
        {
            "Id": n,
            "BeginOffset": m.start(),
            "EndOffset": m.end(),
            "Score": 0.9876543,
            "Text": m[0],
            "Category": "MEDICATION",
            "Type": "GENERIC_NAME",
            "Traits": [],
        }
        for n, m in enumerate(re.finditer(r"\w+in\b", text))
    ]
    return {"Entities": entities, "ModelVersion": "3.0.0"}


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: Service

    def do_POST(self) -> None:
        name = self.headers["X-Amz-Target"].removeprefix("ComprehendMedical_20181030.")
        assert self.headers["Content-Type"] == "application/x-amz-json-1.1"
        asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        report = ParamValidator().validate(asked, MODEL.operation_model(name).input_shape)
        with self.server.lock:
            self.server.calls.append((name, asked, time.monotonic()))
            nth = len(self.server.calls)
        time.sleep(self.server.delay)
        failed = self.server.fail(name, asked, nth)
        if report.has_errors():
            failed = 400, "SerializationException"
        if failed:
            # like the service, which may quote the value that it refuses
            body = {"__type": f"com.amazonaws.comprehendmedical#{failed[1]}", "Message": f"Value: {asked}"}
            self.send(failed[0], json.dumps(body).encode())
        else:
            self.send(200, json.dumps(self.server.answer(name, asked)).encode())

    def send(self, status: int, body: bytes) -> None:
        self.send_response(status)
        self.send_header("Content-Type", "application/x-amz-json-1.1")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def service():
    server = Service()
    yield server
    server.shutdown()
    server.server_close()


@pytest.fixture(autouse=True)
def _account(monkeypatch, tmp_path):
    for name in list(os.environ):
        if name.startswith("AWS_"):
            monkeypatch.delenv(name)
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "test")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "test")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "none"))
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "none"))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))


@pytest.fixture
def asker(service):
    return lambda **settings: ComprehendMedical(endpoint_url=service.url, **settings)


def no_text(*errors: BaseException) -> None:
    """Neither in the message nor in what the exception carries along."""
    for error in errors:
        while error is not None:
            assert SECRET not in f"{error!r} {error} {error.args} {getattr(error, 'response', '')}"
            assert "\n" not in str(error)
            error = error.__cause__ or error.__context__


def test_the_operations_are_those_of_the_service():
    client = boto3.client("comprehendmedical", **LOGIN)
    for name, operation in OPERATIONS.items():
        shape = MODEL.operation_model(client.meta.method_to_api_mapping[name]).input_shape
        assert list(shape.members) == ["Text"]
        assert operation.limit <= shape.members["Text"].metadata["max"]
        for verb, plural in (("start", ""), ("describe", ""), ("list", "s")):
            assert hasattr(client, f"{verb}_{jobs.JOBS[name]}{plural}")


def test_boto3_is_not_imported_before_it_is_used():
    code = "import sys, medtx.clinical.comprehend, medtx.clinical.jobs; assert 'boto3' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True)


@pytest.mark.parametrize("operation", OPERATIONS)
def test_an_answer_is_paid_for_once(service, asker, operation):
    text = "Takes warfarin, and Größe 5 😀 heparin."
    first = asker()
    answer = first.detect(operation, text)
    assert [text[e["BeginOffset"] : e["EndOffset"]] for e in answer["Entities"]] == ["warfarin", "heparin"]
    assert set(answer) == {"Entities", "ModelVersion"}
    assert first.spent == pytest.approx(OPERATIONS[operation].dollars)
    again = asker()  # as after a restart
    assert again.detect(operation, text) == answer
    assert again.detect_many([(operation, text)] * 3, progress=False) == [answer] * 3
    assert again.spent == 0
    assert asker(region="eu-west-1").detect(operation, text) == answer
    assert len(service.calls) == 1


def test_operations_texts_and_endpoints_are_kept_apart(service, asker):
    asker().detect("detect_phi", "warfarin")
    asker().detect("infer_rx_norm", "warfarin")
    asker().detect("detect_phi", "warfarin ")
    assert len(service.calls) == 3
    elsewhere = Service()
    try:
        ComprehendMedical(endpoint_url=elsewhere.url).detect("detect_phi", "warfarin")
        assert len(elsewhere.calls) == 1  # what an emulator said is not what the service says
    finally:
        elsewhere.shutdown()
        elsewhere.server_close()


def test_answers_of_amazon_are_read_without_an_account(monkeypatch, tmp_path):
    asker = ComprehendMedical()
    key = asker._key("detect_phi", "warfarin")
    (tmp_path / "cache/medtx/comprehend-medical").mkdir(parents=True)
    (tmp_path / "cache/medtx/comprehend-medical" / f"{key}.json").write_text('{"Entities": [{"Id": 7}]}')
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_DEFAULT_REGION"):
        monkeypatch.delenv(name)
    for asker in (ComprehendMedical(), ComprehendMedical(region="eu-west-2")):
        assert asker.detect("detect_phi", "warfarin") == {"Entities": [{"Id": 7}]}


def test_an_address_of_the_environment_counts(service, monkeypatch):
    monkeypatch.setenv("AWS_ENDPOINT_URL_COMPREHENDMEDICAL", service.url)
    ComprehendMedical().detect("detect_phi", "warfarin")
    assert len(service.calls) == 1
    monkeypatch.setenv("AWS_ENDPOINT_URL_COMPREHENDMEDICAL", "http://192.0.2.1:80")
    with pytest.raises(InputError, match="in clear"):
        ComprehendMedical().detect("detect_phi", SECRET)


@pytest.mark.parametrize("cache", [None, False])
def test_the_same_text_at_the_same_time_is_asked_for_once(service, asker, cache):
    service.delay = 0.3
    one = asker(cache=cache)
    with ThreadPoolExecutor(12) as pool:
        answers = list(pool.map(lambda _: one.detect("detect_phi", "gives insulin"), range(12)))
    assert answers == [found("gives insulin")] * 12
    answers[0]["Entities"].clear()  # no two share an answer that one could change
    assert answers[1]["Entities"]
    assert one.detect_many([("infer_rx_norm", "heparin")] * 20, progress=False) == [found("heparin")] * 20
    assert service.answered == {"gives insulin": 1, "heparin": 1}
    assert one.spent == pytest.approx(0.0014 + 0.00025)


def test_without_a_cache_nothing_is_written(service, asker, tmp_path):
    asker(cache=False).detect("detect_phi", "warfarin")
    assert not (tmp_path / "cache").exists()


def test_only_the_owner_reads_the_cache(service, asker, tmp_path):
    old = os.umask(0)
    try:
        asker().detect("detect_phi", SECRET)
        asker(cache=tmp_path / "own").detect("detect_phi", SECRET)
    finally:
        os.umask(old)
    for folder in (tmp_path / "cache/medtx/comprehend-medical", tmp_path / "own"):
        assert stat.S_IMODE(folder.stat().st_mode) == 0o700
        (file,) = folder.iterdir()
        assert stat.S_IMODE(file.stat().st_mode) == 0o600
        assert re.fullmatch(r"[0-9a-f]{64}\.json", file.name)


@pytest.mark.parametrize("damage", [b"", b'{"Entities": [', b"[1]", b"\xff\x00", b'{"Entities": null}'])
def test_a_damaged_answer_is_asked_for_again(service, asker, tmp_path, damage):
    answer = asker(cache=tmp_path / "own").detect("detect_phi", "warfarin")
    (file,) = (tmp_path / "own").iterdir()
    file.write_bytes(damage)
    assert asker(cache=tmp_path / "own").detect("detect_phi", "warfarin") == answer
    assert asker(cache=tmp_path / "own").detect("detect_phi", "warfarin") == answer
    assert len(service.calls) == 2


def test_two_processes_leave_whole_files(service, tmp_path):
    code = (
        "import sys; from medtx.clinical.comprehend import ComprehendMedical as C; "
        "C(endpoint_url=sys.argv[1]).detect_many([('detect_phi', f'warfarin {i}') for i in range(30)], False)"
    )
    running = [subprocess.Popen([sys.executable, "-c", code, service.url]) for _ in range(2)]
    assert [one.wait(60) for one in running] == [0, 0]
    files = list((tmp_path / "cache/medtx/comprehend-medical").iterdir())
    assert len(files) == 30
    assert all(len(json.loads(file.read_text())["Entities"]) == 1 for file in files)


def test_nothing_is_paid_that_cannot_be_kept(service, asker, tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(MedtxError, match="cannot be used as a folder"):
        asker(cache=tmp_path / "file").detect("detect_phi", SECRET)
    assert not service.calls


def test_an_answer_is_not_lost_where_the_disk_is_full(service, asker, monkeypatch):
    one = asker()
    monkeypatch.setattr(comprehend, "save_text", full)
    with pytest.warns(UserWarning, match="could not be kept in the cache: /x: no space left"):
        answers = one.detect_many([("detect_phi", "warfarin"), ("detect_phi", "heparin")], progress=False)
    assert answers == [found("warfarin"), found("heparin")]
    assert one.detect("detect_phi", "warfarin") == found("warfarin")
    assert len(service.calls) == 2


def full(path: Path, text: str) -> None:
    raise MedtxError("/x: no space left on device")


def test_throttled_calls_are_repeated(service, asker):
    texts = [f"warfarin {i}" for i in range(42)]
    refused: Counter[str] = Counter()

    def fail(name: str, asked: dict, nth: int) -> tuple[int, str] | None:
        """The first call of a third of the texts, the first two of another third: half of all calls."""
        with service.lock:
            refused[asked["Text"]] += 1
            often = refused[asked["Text"]] <= texts.index(asked["Text"]) % 3
        return (429, "TooManyRequestsException") if often else None

    service.fail = fail
    one = asker(workers=20)
    answers = one.detect_many([("detect_entities_v2", text) for text in texts], progress=False)
    assert answers == [found(text) for text in texts]
    assert service.answered == dict.fromkeys(texts, 1)
    assert one.spent == pytest.approx(0.42)
    assert len(service.calls) == 84


def test_where_boto3_gives_up_throttled_calls_still_go_on(service, monkeypatch):
    client = boto3.client(
        "comprehendmedical",
        endpoint_url=service.url,
        config=boto3.session.Config(retries={"mode": "standard", "total_max_attempts": 1}),
    )
    service.fail = lambda name, asked, nth: (400, "ThrottlingException") if nth < 3 else None
    assert ComprehendMedical(client).detect("detect_phi", "warfarin") == found("warfarin")
    assert len(service.calls) == 3
    monkeypatch.setattr(comprehend, "ROUNDS", 2)
    service.fail = lambda name, asked, nth: (429, "TooManyRequestsException")
    one = ComprehendMedical(client)
    with pytest.raises(MedtxError, match=r"detect_phi: too many requests \(HTTP status 429\)") as caught:
        one.detect("detect_phi", SECRET)
    no_text(caught.value)
    assert one.spent == 0


@pytest.mark.parametrize(
    ("status", "code", "words"),
    [
        (400, "InvalidRequestException", "invalid request"),
        (400, "TextSizeLimitExceededException", "text size limit exceeded"),
        (400, f"{SECRET} takes warfarin", "unknown error"),
    ],
)
def test_one_refused_text_does_not_stop_the_others(service, asker, status, code, words):
    service.fail = lambda name, asked, nth: (status, code) if SECRET in asked["Text"] else None
    one = asker()
    requests = [("detect_phi", f"warfarin {i}") for i in range(5)]
    requests.insert(2, ("detect_phi", f"{SECRET} takes warfarin"))
    answers = one.detect_many(requests, progress=False)
    assert isinstance(answers[2], MedtxError)
    assert str(answers[2]) == f"Comprehend Medical, detect_phi: {words} (HTTP status 400)"
    no_text(answers[2])
    assert answers[:2] + answers[3:] == [found(text) for _, text in requests if SECRET not in text]
    assert one.spent == pytest.approx(5 * 0.0014)
    service.fail = lambda name, asked, nth: None
    assert one.detect_many(requests, progress=False)[2] == found(requests[2][1])
    assert len(service.calls) == 7


def test_an_answer_of_another_kind_is_no_answer(service, asker):
    service.answer = lambda name, asked: {"Text": asked["Text"]}
    with pytest.raises(MedtxError, match="no list of Entities") as caught:
        asker().detect("detect_phi", SECRET)
    no_text(caught.value)


def test_an_answer_that_is_not_json_does_not_show_the_text(asker, monkeypatch):
    def send(self: Handler, status: int, body: bytes, whole=Handler.send) -> None:
        whole(self, status, f"<html>{SECRET}".encode())

    monkeypatch.setattr(Handler, "send", send)
    with pytest.raises(MedtxError, match="no list of Entities") as caught:
        asker().detect("detect_phi", SECRET)
    no_text(caught.value)


def test_the_spending_limit_is_not_passed(service, asker):
    one = asker(max_cost=0.03)
    one.detect("detect_entities_v2", "w" * 150)  # two units
    with pytest.raises(MedtxError) as caught:
        one.detect("detect_entities_v2", SECRET + "w" * 150)
    assert str(caught.value) == (
        "detect_entities_v2 of 159 characters was not sent: its $0.0200 and the $0.0200 already spent "
        "would pass max_cost=$0.0300"
    )
    assert one.spent == pytest.approx(0.02)
    assert one.detect("detect_entities_v2", "w" * 150)  # kept answers are free
    answers = one.detect_many([("detect_entities_v2", f"w{i}") for i in range(10)], progress=False)
    assert sum(isinstance(answer, dict) for answer in answers) == 1
    assert sum("max_cost" in str(answer) for answer in answers) == 9
    assert one.spent == pytest.approx(0.03)
    assert len(service.calls) == 2
    with pytest.raises(MedtxError, match="max_cost"):
        asker(max_cost=0).detect("infer_rx_norm", "w")


def test_the_estimate_is_what_is_then_spent(service, asker):
    one = asker()
    one.detect("detect_phi", "warfarin")
    spent = one.spent
    requests = [("detect_phi", "warfarin"), ("detect_phi", " \n"), ("infer_rx_norm", "é" * 201)]
    requests += [("detect_entities_v2", "heparin"), ("detect_entities_v2", "heparin")]
    estimate = one.estimate(requests)
    assert len(service.calls) == 1
    assert estimate.to_dict("index") == {
        "detect_entities_v2": row(2, 0, 7, 1, 0.01),
        "detect_phi": row(2, 1, 0, 0, 0.0),
        "infer_rx_norm": row(1, 0, 201, 3, 0.00075),
        "TOTAL": row(5, 1, 208, 4, 0.01075),
    }
    assert [str(kind) for kind in estimate.dtypes] == ["int64"] * 4 + ["float64"]
    one.detect_many(requests, progress=False)
    assert one.spent - spent == pytest.approx(estimate.loc["TOTAL", "dollars"])
    assert one.estimate(requests).loc["TOTAL"].tolist() == [5, 4, 0, 0, 0]
    assert one.estimate([]).index.tolist() == ["TOTAL"]
    with pytest.raises(InputError, match="20,001 bytes"):
        one.estimate([("detect_phi", "w" * 20_001)])


def row(requests: int, cached: int, characters: int, units: int, dollars: float) -> dict:
    return {
        "requests": requests,
        "cached": cached,
        "characters": characters,
        "units": units,
        "dollars": pytest.approx(dollars),
    }


@pytest.mark.parametrize("operation", OPERATIONS)
def test_the_limit_counts_bytes(service, asker, operation):
    limit = OPERATIONS[operation].limit
    one = asker()
    for letter in "wé€😀":
        size = len(letter.encode())
        text = letter * (limit // size)
        assert one.detect(operation, text)["Entities"] == []
        over = text + "w" * (limit % size + 1)
        with pytest.raises(InputError, match=f"{operation}.* {limit + 1:,} bytes .* {limit:,}"):
            one.detect(operation, over)
    over = SECRET * limit
    answers = one.detect_many([(operation, over), (operation, "heparin")], progress=False)
    assert isinstance(answers[0], InputError)
    assert answers[1] == found("heparin")
    no_text(answers[0])


def test_blank_and_odd_texts(service, asker):
    one = asker()
    for text in ("", " \n\t", "\u3000"):
        assert one.detect("detect_phi", text) == {"Entities": []}
    assert one.detect_many([("detect_phi", "")], progress=False) == [{"Entities": []}]
    assert one.detect_many([]) == []
    assert not service.calls
    for text in ("e\u0301 warfarin", "\u202ewarfarin", "\x00 warfarin", "\ufeffwarfarin", "👩‍⚕️ warfarin"):
        assert one.detect("detect_phi", text) == found(text)
    with pytest.raises(InputError, match="half a surrogate pair at character 10") as caught:
        one.detect("detect_phi", f"{SECRET} \ud83d")
    no_text(caught.value)
    with pytest.raises(InputError, match="expected a text, not NoneType"):
        one.detect("detect_phi", None)
    with pytest.raises(InputError, match=r"detect_entities.* is not one of detect_entities_v2, "):
        one.detect_many([("detect_entities", "w")])


def test_settings_that_cannot_be_are_refused():
    for settings, message in (
        ({"max_cost": -1}, "max_cost=-1"),
        ({"max_cost": float("nan")}, "max_cost=nan"),
        ({"workers": 0}, "workers=0"),
        ({"endpoint_url": "http://comprehendmedical.us-east-1.amazonaws.com"}, "in clear: use https"),
        ({"endpoint_url": "http://10.0.0.7:80"}, "in clear"),
        ({"endpoint_url": "http://localhost.example.org"}, "in clear"),
        ({"endpoint_url": "ftp://127.0.0.1"}, "not an address"),
        ({"endpoint_url": "nonsense"}, "not an address"),
        ({"endpoint_url": "https://[::1"}, "not an address"),
    ):
        with pytest.raises(InputError, match=message):
            ComprehendMedical(**settings)
    for url in ("http://localhost:1", "http://127.0.0.7:1", "http://[::1]:1", "https://vpce-1.example.org"):
        ComprehendMedical(endpoint_url=url)
    client = boto3.client("comprehendmedical", endpoint_url="http://192.0.2.1", **LOGIN)
    with pytest.raises(InputError, match="in clear"):
        ComprehendMedical(client)


@pytest.mark.parametrize(
    ("status", "code", "message"),
    [
        (400, "UnrecognizedClientException", "does not know these credentials"),
        (400, "InvalidSignatureException", "does not know these credentials"),
        (400, "ExpiredTokenException", "have expired"),
        (400, "AccessDeniedException", "may not do that"),
        (403, "Forbidden", "may not do that"),
    ],
)
def test_what_no_other_call_would_survive_stops_all_at_once(service, asker, status, code, message):
    service.fail = lambda name, asked, nth: (status, code)
    start = time.monotonic()
    one = asker(workers=2)
    with pytest.raises(Unusable, match=message) as caught:
        one.detect_many([("detect_phi", f"{SECRET} {i}") for i in range(500)], progress=False)
    assert time.monotonic() - start < 10
    assert len(service.calls) < 20
    assert code in str(caught.value)
    no_text(caught.value)
    time.sleep(0.2)
    assert one.spent == 0


def stops(one: ComprehendMedical, message: str, seconds: float = 15) -> None:
    start = time.monotonic()
    with pytest.raises(Unusable, match=message) as caught:
        one.detect_many([("detect_phi", f"{SECRET} {i}") for i in range(50)], progress=False)
    assert time.monotonic() - start < seconds
    no_text(caught.value)
    with pytest.raises(Unusable, match=message) as caught:
        one.detect("infer_rx_norm", SECRET)
    no_text(caught.value)


def test_no_credentials(service, monkeypatch):
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    stops(ComprehendMedical(endpoint_url=service.url), "no AWS credentials that can be used .NoCredentials")
    monkeypatch.delenv("AWS_SECRET_ACCESS_KEY")
    stops(ComprehendMedical(endpoint_url=service.url), "no AWS credentials")
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "half")
    stops(ComprehendMedical(endpoint_url=service.url), "no AWS credentials")
    assert not service.calls


def test_no_region_and_no_profile(monkeypatch):
    stops(ComprehendMedical(profile="nobody"), "the AWS profile is not in the configuration")
    stops(ComprehendMedical(region="not a region"), "the AWS settings cannot be used .InvalidRegionError")
    monkeypatch.delenv("AWS_DEFAULT_REGION")
    stops(ComprehendMedical(), "no AWS region is set")


def test_nobody_at_the_address():
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))  # bound, and nobody listens
        url = f"http://127.0.0.1:{taken.getsockname()[1]}"
        stops(ComprehendMedical(endpoint_url=url), f"{url} cannot be reached .EndpointConnectionError")


def test_a_region_without_the_service(monkeypatch):
    monkeypatch.setattr(socket, "getaddrinfo", unknown)
    for region, hint in (
        ("eu-north-9", "eu-north-9 is not among its regions .*eu-west-2"),
        ("eu-west-2", "$"),
    ):
        stops(
            ComprehendMedical(region=region),
            rf"https://comprehendmedical.{region}.* reached .*\){hint}|: {hint}",
        )


def unknown(*_: object, **__: object) -> None:
    raise socket.gaierror(-2, "Name or service not known")


def test_a_connection_that_breaks_is_tried_again(service, asker, monkeypatch):
    """Only a service that was never reached is given up soon."""
    broken = []

    def send(self: Handler, status: int, body: bytes, whole=Handler.send) -> None:
        if len(broken) < 4:
            broken.append(1)
            self.close_connection = True
        else:
            whole(self, status, body)

    one = asker()
    one.detect("detect_phi", "heparin")
    monkeypatch.setattr(Handler, "send", send)
    assert one.detect("detect_phi", "warfarin") == found("warfarin")
    assert len(broken) == 4


@pytest.mark.parametrize(("tps", "cps"), [(20, 1e9), (1e9, 2000)])
def test_the_quotas_are_kept(service, asker, monkeypatch, tps, cps):
    monkeypatch.setitem(OPERATIONS, "infer_snomedct", Operation(5000, tps, cps, 0.0075))
    requests = [("infer_snomedct", f"{i:03} " + "w" * 96) for i in range(40)]
    requests += [("detect_phi", f"{i}") for i in range(40)]
    one = asker(workers=30)
    start = time.monotonic()
    answers = one.detect_many(requests, progress=False)
    took = time.monotonic() - start
    assert all(isinstance(answer, dict) for answer in answers)
    times = sorted(when for name, _, when in service.calls if name == "InferSNOMEDCT")
    assert len(times) == 40
    # 20 a second from the first on; a busy machine can only make a call later
    assert all(when >= start + 0.05 * n - 0.01 for n, when in enumerate(times))
    assert took < 20
    others = [when for name, _, when in service.calls if name == "DetectPHI"]
    assert max(others) < max(times)  # not kept waiting by the slow operation


def test_nothing_of_a_text_is_logged_or_shown(service, asker, caplog, capfd):
    caplog.set_level(logging.DEBUG, "medtx")
    service.fail = lambda name, asked, nth: (500, "InternalServerException") if nth == 1 else None
    one = asker()
    one.detect_many([("detect_phi", f"{SECRET} {i}") for i in range(3)], progress=True)
    assert logging.getLogger("botocore").level == logging.NOTSET
    assert SECRET not in caplog.text
    shown = capfd.readouterr()
    assert SECRET not in shown.out + shown.err
    assert "asking" in shown.err
    assert SECRET not in repr(one)


@pytest.fixture(scope="module")
def bucket():
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0)
    server.start()
    host, port = server.get_host_and_port()
    s3 = boto3.client("s3", endpoint_url=f"http://{host}:{port}", **LOGIN)
    s3.create_bucket(Bucket="corpus")
    yield s3
    server.stop()


@pytest.fixture
def job(service, bucket):
    """run_job with what does not change; each test has its own prefix."""
    service.s3 = bucket
    client = boto3.client("comprehendmedical", endpoint_url=service.url, **LOGIN)
    fixed = {"bucket": "corpus", "role_arn": ROLE, "client": client, "s3": bucket, "poll": 0.01}
    fixed["prefix"] = f"medtx/{uuid.uuid4().hex}"
    return lambda texts, operation="detect_entities_v2", **other: run_job(texts, operation, **(fixed | other))


TEXTS = {
    "visit-1": "Takes warfarin.",
    "a/b\\c ../d\n'\"?#%20&é😀\udc80.json.out": "Größe: heparin",
    "": "insulin",
    "blank": " \n",
    f"{SECRET}": "the same", "twin": "the same",
}  # fmt: skip


@pytest.mark.parametrize("operation", OPERATIONS)
def test_a_job_answers_every_recording(service, bucket, job, operation):
    answers = job(TEXTS, operation)
    assert list(answers) == list(TEXTS)
    assert answers == {
        name: found(text) if text.strip() else {"Entities": []} for name, text in TEXTS.items()
    }
    start = next(asked for name, asked, _ in service.calls if name.startswith("Start"))
    assert start["LanguageCode"] == "en"
    assert re.fullmatch(r"[a-zA-Z0-9-]{1,64}", start["ClientRequestToken"])
    assert re.fullmatch(r"[\w.:/=+\-%@]{1,256}", start["JobName"])
    assert "//" not in start["InputDataConfig"]["S3Key"] + start["OutputDataConfig"]["S3Key"]
    listed = bucket.list_objects_v2(Bucket="corpus", Prefix=start["InputDataConfig"]["S3Key"])["Contents"]
    assert len(listed) == 5
    assert all(re.fullmatch(r"[0-9a-f]{32}\.txt", one["Key"].rpartition("/")[2]) for one in listed)
    calls = len(service.calls)
    assert job(dict(reversed(TEXTS.items())), operation) == answers  # the outputs are there
    assert len(service.calls) == calls


def test_a_second_run_finds_the_running_job(service, job):
    with pytest.raises(MedtxError, match=r"job \w+: IN_PROGRESS after 0.001 s of waiting; it goes on"):
        job({"a": "warfarin"}, timeout=0.001)
    assert job({"a": "warfarin"}) == {"a": found("warfarin")}
    assert service.names().count("StartEntitiesDetectionV2Job") == 1
    job({"a": "warfarin"}, "infer_rx_norm")
    job({"a": "warfarin!"})
    job({"b": "warfarin"})
    assert len(service.jobs) == 4


def test_two_at_once_start_one_job(service, job):
    service.delay = 0.05
    with ThreadPoolExecutor(2) as pool:
        answers = list(pool.map(lambda _: job({"a": "warfarin"}), range(2)))
    assert answers == [{"a": found("warfarin")}] * 2
    assert len(service.jobs) == 1


def test_a_failed_job_gives_the_message_and_can_be_repeated(service, job):
    service.ends = "FAILED"
    for _ in range(2):
        with pytest.raises(MedtxError, match=r"FAILED: NO_READ_ACCESS_TO_INPUT: check the role") as caught:
            job({"a": SECRET})
        no_text(caught.value)
    service.ends = "COMPLETED"
    assert job({"a": SECRET}, role_arn=ROLE + "-better") == {"a": found(SECRET)}
    assert len(service.jobs) == 3
    service.ends = "STOPPED"
    with pytest.raises(MedtxError, match=r"STOPPED$"):
        job({"b": SECRET})


def test_recordings_without_an_answer_are_listed(service, job):
    service.ends, service.lost = "PARTIAL_SUCCESS", {b"broken"}
    texts = {"good": "warfarin", "bad one": "broken", "blank": ""}
    for _ in range(2):
        with pytest.warns(UserWarning, match="no answer .* for 1 of 2 recordings: 'bad one'; run_job"):
            assert job(texts) == {"good": found("warfarin"), "blank": {"Entities": []}}
    assert len(service.jobs) == 1
    with pytest.raises(MedtxError, match="for 1 of 1 recordings: 'bad one'; with another prefix"):
        job({"bad one": "broken"})


def test_a_damaged_output_is_listed(service, bucket, job):
    job({"a": "warfarin", "b": "heparin"})
    start = next(asked for name, asked, _ in service.calls if name.startswith("Start"))
    keys = [
        one["Key"]
        for one in bucket.list_objects_v2(Bucket="corpus", Prefix=start["OutputDataConfig"]["S3Key"])[
            "Contents"
        ]
    ]
    bucket.put_object(Bucket="corpus", Key=next(k for k in keys if k.endswith(".out")), Body=b'{"Ent')
    with pytest.warns(UserWarning, match="for 1 of 2 recordings"):
        assert len(job({"a": "warfarin", "b": "heparin"})) == 1


def test_a_key_encrypts_what_goes_in_and_out(service, job):
    key = "arn:aws:kms:us-east-1:123456789012:key/1"
    assert job({"a": "warfarin"}, kms_key=key) == {"a": found("warfarin")}  # the service looks at the input
    assert next(asked for name, asked, _ in service.calls if name.startswith("Start"))["KMSKey"] == key


def test_many_recordings_pass_the_pages_of_s3(service, bucket, job, monkeypatch):
    texts = {f"visit-{i}": f"warfarin {i}" for i in range(30)}
    listing = bucket.list_objects_v2
    assert len(job(texts)) == 30
    monkeypatch.setattr(bucket, "list_objects_v2", lambda **asked: listing(**asked, MaxKeys=7))
    assert job(texts) == {name: found(text) for name, text in texts.items()}
    assert len(service.jobs) == 1


def test_what_a_job_does_not_take(service, job):
    for texts, settings, message in (
        ({"a": "é" * 35_001}, {}, "'a': 70,002 bytes are above the limit of 70,000"),
        ({"a": "\ud800"}, {}, "'a': the text has half a surrogate"),
        ({"a": 1}, {}, "expected a text"),
        ({1: "a"}, {}, "expected names"),
        ({"a": "b"}, {"operation": "detect"}, "operation='detect' is not one of"),
        ({"a": "b"}, {"bucket": "s3://corpus"}, "not the name of a bucket"),
        ({"a": "b"}, {"role_arn": "me"}, "role_arn='me'"),
        ({"a": "b"}, {"prefix": "a//b"}, "prefix"),
        ({"a": "b"}, {"poll": 0}, "poll=0"),
    ):
        with pytest.raises(InputError, match=message):
            job(texts, **settings)
    assert job({}) == {}
    assert job({"a": " "}) == {"a": {"Entities": []}}
    assert not service.calls


def test_a_job_that_may_not_start_or_write(service, job):
    service.fail = lambda name, asked, nth: (400, "AccessDeniedException")
    with pytest.raises(Unusable, match=r"ComprehendMedical, list_phi_detection_jobs: .* may not do that"):
        job({"a": SECRET}, "detect_phi")
    with pytest.raises(MedtxError, match="S3, list_objects_v2: no such bucket") as caught:
        job({"a": SECRET}, bucket="nobodys")
    no_text(caught.value)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        service.fail = lambda name, asked, nth: (
            (400, "InvalidRequestException") if name.startswith("Start") else None
        )
        with pytest.raises(MedtxError, match="start_phi_detection_job: invalid request") as caught:
            job({"a": SECRET}, "detect_phi")
    no_text(caught.value)
