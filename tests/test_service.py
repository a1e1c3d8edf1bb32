"""The endpoint itself, by boto3: keys, S3, faults, quotas, what is left behind; and `medtx serve`."""

import dataclasses
import logging
import os
import re
import signal
import subprocess
import sys
import urllib.error
import urllib.request
import uuid
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from urllib.parse import urlsplit

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError
from hypothesis import given, settings
from hypothesis import strategies as st

from medtx.errors import InputError, MedtxError
from medtx.service import RATES, Endpoint, Faults, Quotas, running
from tests.conftest import ROOT

RESULTS = ROOT / "datasets" / "dictations" / "results"
ONCE = Config(retries={"total_max_attempts": 1})
SECRET = "warfarin for Jane Roe"


def client(endpoint: Endpoint, service: str = "s3", config: Config = ONCE, **other: str):
    return boto3.client(service, config=config, **(endpoint.client | other))


def code(wanted: str, status: int | None = None):
    """The call inside must be refused with this code."""

    class Refused:
        def __enter__(self):
            self.raises = pytest.raises(ClientError)
            self.caught = self.raises.__enter__()

        def __exit__(self, *error):
            done = self.raises.__exit__(*error)
            if done:
                response = self.caught.value.response
                assert response["Error"]["Code"] == wanted
                assert status in (None, response["ResponseMetadata"]["HTTPStatusCode"])
            return done

    return Refused()


@pytest.fixture(scope="module")
def endpoint():
    with running(RESULTS / "cardiology-01.json", buckets=["audio"]) as one:
        yield one


@pytest.fixture(scope="module")
def s3(endpoint):
    return client(endpoint)


@pytest.fixture
def bucket(s3):
    name = f"test-{uuid.uuid4().hex}"
    s3.create_bucket(Bucket=name)
    return name


def test_a_wrong_key_is_refused_as_the_services_do(endpoint):
    for service, call, wrong, unknown in (
        ("s3", "list_buckets", "SignatureDoesNotMatch", "InvalidAccessKeyId"),
        (
            "transcribe",
            "list_medical_vocabularies",
            "InvalidSignatureException",
            "UnrecognizedClientException",
        ),
        ("comprehendmedical", "detect_phi", "InvalidSignatureException", "UnrecognizedClientException"),
    ):
        asked = {"Text": SECRET} if call == "detect_phi" else {}
        getattr(client(endpoint, service), call)(**asked)
        with code(wrong):
            getattr(client(endpoint, service, aws_secret_access_key="wrong"), call)(**asked)
        with code(unknown):
            getattr(client(endpoint, service, aws_access_key_id="AKIAEXAMPLE"), call)(**asked)


def test_requests_that_are_not_signed_late_or_changed(endpoint, s3):
    with pytest.raises(urllib.error.HTTPError, match="403") as caught:
        urllib.request.urlopen(endpoint.endpoint_url)
    assert b"AccessDenied" in caught.value.read()
    caught.value.close()
    s3.put_object(Bucket="audio", Key="a b", Body=b"1")
    signer = client(endpoint, config=Config(signature_version="s3v4"))
    link = signer.generate_presigned_url("get_object", {"Bucket": "audio", "Key": "a b"}, ExpiresIn=60)
    with urllib.request.urlopen(link) as answer:
        assert answer.read() == b"1"
    for changed in (link.replace("a%20b", "ab"), link.replace("X-Amz-Expires=60", "X-Amz-Expires=61")):
        assert changed != link
        with pytest.raises(urllib.error.HTTPError, match="403") as caught:
            urllib.request.urlopen(changed)
        assert b"SignatureDoesNotMatch" in caught.value.read()
        caught.value.close()

    def age(request, **_):
        request.headers["X-Amz-Date"] = "20200101T000000Z"

    def change(request, **_):
        request.body = b"another"

    late = client(endpoint)
    late.meta.events.register("before-send.s3", age)
    with code("RequestTimeTooSkewed", 403):
        late.list_buckets()
    other = client(endpoint)
    other.meta.events.register("before-send.s3.PutObject", change)
    with code("XAmzContentSHA256Mismatch"):
        other.put_object(Bucket="audio", Key="k", Body=b"as long")


def test_any_key_will_do_where_signatures_are_not_checked():
    with running(RESULTS / "cardiology-01.json", check_signatures=False) as open_to_all:
        found = client(open_to_all, aws_access_key_id="any", aws_secret_access_key="key").list_buckets()
        assert found["Buckets"] == []


def test_a_large_file_goes_up_in_parts_and_comes_back(s3, bucket, tmp_path):
    data = os.urandom(20 * 2**20 + 7)
    file = tmp_path / "visit.wav"
    file.write_bytes(data)
    asked = {"ServerSideEncryption": "aws:kms", "SSEKMSKeyId": "key", "Metadata": {"a": "b"}}
    s3.upload_file(str(file), bucket, "in/visit (1).wav", ExtraArgs=asked)
    head = s3.head_object(Bucket=bucket, Key="in/visit (1).wav")
    assert head["ContentLength"] == len(data)
    assert head["ETag"].endswith('-3"')
    assert (head["ServerSideEncryption"], head["SSEKMSKeyId"], head["Metadata"]) == (
        "aws:kms",
        "key",
        {"a": "b"},
    )
    s3.download_file(bucket, "in/visit (1).wav", str(tmp_path / "back"))
    assert (tmp_path / "back").read_bytes() == data
    part = s3.get_object(Bucket=bucket, Key="in/visit (1).wav", Range="bytes=5-9")
    assert part["Body"].read() == data[5:10]
    assert s3.get_object(Bucket=bucket, Key="in/visit (1).wav", Range="bytes=-3")["Body"].read() == data[-3:]
    with code("InvalidRange", 416):
        s3.get_object(Bucket=bucket, Key="in/visit (1).wav", Range=f"bytes={len(data)}-")
    s3.copy_object(Bucket=bucket, Key="copy", CopySource=f"{bucket}/in/visit (1).wav")
    assert s3.head_object(Bucket=bucket, Key="copy")["ContentLength"] == len(data)


def test_an_upload_in_parts_that_is_wrong(s3, bucket):
    number = s3.create_multipart_upload(Bucket=bucket, Key="k")["UploadId"]
    asked = {"Bucket": bucket, "Key": "k", "UploadId": number}
    etags = [s3.upload_part(PartNumber=n, Body=b"small", **asked)["ETag"] for n in (1, 2)]

    def complete(*parts):
        listed = [{"PartNumber": n, "ETag": etag} for n, etag in parts]
        s3.complete_multipart_upload(MultipartUpload={"Parts": listed}, **asked)

    with code("EntityTooSmall"):
        complete((1, etags[0]), (2, etags[1]))
    with code("InvalidPartOrder"):
        complete((2, etags[1]), (1, etags[0]))
    with code("InvalidPart"):
        complete((3, etags[0]))
    s3.abort_multipart_upload(**asked)
    with code("NoSuchUpload", 404):
        complete((1, etags[0]))
    with code("NoSuchKey", 404):
        s3.get_object(Bucket=bucket, Key="k")


KEYS = st.text(st.characters(exclude_categories=["Cs", "Cc"]), min_size=1, max_size=40)


@settings(deadline=None, max_examples=15)
@given(st.sets(KEYS, min_size=1, max_size=8), st.sampled_from(["", "a", "a/"]))
def test_listings_hold_every_key_once(s3, keys, prefix):
    bucket = f"listed-{uuid.uuid4().hex}"
    s3.create_bucket(Bucket=bucket)
    wanted = sorted({prefix + key for key in keys}, key=str.encode)
    wanted = [key for key in wanted if not {".", ".."} & set(key.split("/"))]
    for key in wanted:
        s3.put_object(Bucket=bucket, Key=key, Body=key.encode())
    for operation in ("list_objects_v2", "list_objects"):
        pages = s3.get_paginator(operation).paginate(
            Bucket=bucket, Prefix=prefix, PaginationConfig={"PageSize": 3}
        )
        assert [one["Key"] for page in pages for one in page.get("Contents", [])] == wanted
    for key in wanted:
        assert s3.get_object(Bucket=bucket, Key=key)["Body"].read() == key.encode()
    if wanted:
        s3.delete_objects(Bucket=bucket, Delete={"Objects": [{"Key": key} for key in wanted]})
    s3.delete_bucket(Bucket=bucket)


def test_listings_show_folders(s3, bucket):
    for key in ("a", "b/1", "b/2", "b/c/3", "d/"):
        s3.put_object(Bucket=bucket, Key=key, Body=b"")
    found = s3.list_objects_v2(Bucket=bucket, Delimiter="/")
    assert [one["Key"] for one in found["Contents"]] == ["a"]
    assert [one["Prefix"] for one in found["CommonPrefixes"]] == ["b/", "d/"]
    found = s3.list_objects_v2(Bucket=bucket, Delimiter="/", Prefix="b/")
    assert [one["Key"] for one in found["Contents"]] == ["b/1", "b/2"]
    assert [one["Prefix"] for one in found["CommonPrefixes"]] == ["b/c/"]
    with code("BucketNotEmpty", 409):
        s3.delete_bucket(Bucket=bucket)


def test_what_s3_refuses(s3, bucket):
    for call, asked, wanted in (
        ("get_object", {"Bucket": "nobodys", "Key": "k"}, "NoSuchBucket"),
        ("put_object", {"Bucket": "nobodys", "Key": "k"}, "NoSuchBucket"),
        ("list_objects_v2", {"Bucket": "nobodys"}, "NoSuchBucket"),
        ("get_object", {"Bucket": bucket, "Key": "k"}, "NoSuchKey"),
        ("head_object", {"Bucket": bucket, "Key": "k"}, "404"),
        ("create_bucket", {"Bucket": bucket}, "BucketAlreadyOwnedByYou"),
        ("create_bucket", {"Bucket": "A_B"}, "InvalidBucketName"),
        ("put_object", {"Bucket": bucket, "Key": "k" * 1025}, "KeyTooLongError"),
        ("put_object", {"Bucket": bucket, "Key": "k", "ContentMD5": "AAAAAAAAAAAAAAAAAAAAAA=="}, "BadDigest"),
        ("get_object_acl", {"Bucket": bucket, "Key": "k"}, "NotImplemented"),
        ("get_bucket_policy", {"Bucket": bucket}, "NotImplemented"),
    ):
        with code(wanted):
            getattr(s3, call)(**asked)
    s3.put_object(Bucket=bucket, Key="k", Body=b"1", IfNoneMatch="*")
    with code("PreconditionFailed", 412):
        s3.put_object(Bucket=bucket, Key="k", Body=b"2", IfNoneMatch="*")


def test_https_is_the_same_store(endpoint, s3, bucket):
    s3.put_object(Bucket=bucket, Key="k", Body=b"1" * 100_000)
    asked = endpoint.client | {"endpoint_url": endpoint.https_url.replace("localhost", "127.0.0.1")}
    tls = boto3.client("s3", verify=endpoint.certificate, config=ONCE, **asked)
    assert tls.get_object(Bucket=bucket, Key="k")["Body"].read() == b"1" * 100_000
    tls.put_object(Bucket=bucket, Key="chunked", Body=b"2" * 100_000)  # with its checksum behind it
    assert s3.get_object(Bucket=bucket, Key="chunked")["Body"].read() == b"2" * 100_000


def test_a_bucket_may_be_in_the_host(endpoint, s3, bucket):
    s3.put_object(Bucket=bucket, Key="k", Body=b"1")
    local = endpoint.endpoint_url.replace("127.0.0.1", "localhost")
    virtual = client(
        endpoint,
        config=Config(signature_version="s3v4", s3={"addressing_style": "virtual"}),
        endpoint_url=local,
    )
    link = urlsplit(virtual.generate_presigned_url("get_object", {"Bucket": bucket, "Key": "k"}))
    assert link.hostname == f"{bucket}.localhost"
    # the name itself does not resolve everywhere
    asked = urllib.request.Request(
        f"{endpoint.endpoint_url}{link.path}?{link.query}", headers={"Host": link.netloc}
    )
    with urllib.request.urlopen(asked) as answer:
        assert answer.read() == b"1"


def outcomes(endpoint: Endpoint, calls: int = 40) -> list[str]:
    transcribe, found = client(endpoint, "transcribe"), []
    for _ in range(calls):
        try:
            transcribe.list_medical_vocabularies()
            found.append("")
        except ClientError as error:
            found.append(error.response["Error"]["Code"])
    return found


def test_faults_come_as_often_as_asked_and_the_same_again(endpoint):
    for seed in (1, 2):
        faults = Faults(throttled=0.3, failed=0.3, seed=seed)
        endpoint.set_faults(faults)
        first = outcomes(endpoint)
        endpoint.set_faults(faults)
        assert outcomes(endpoint) == first
        assert 5 <= first.count("ThrottlingException") <= 20
        assert 5 <= first.count("InternalFailureException") <= 20
        assert set(first) == {"", "ThrottlingException", "InternalFailureException"}
    endpoint.set_faults(Faults(throttled=1, operations=("DetectPHI", "PutObject")))
    assert set(outcomes(endpoint, 3)) == {""}
    with code("TooManyRequestsException", 429):
        client(endpoint, "comprehendmedical").detect_phi(Text="a")
    with code("SlowDown", 503):
        client(endpoint).put_object(Bucket="audio", Key="k", Body=b"")
    endpoint.set_faults(Faults(failed=1))
    with code("InternalServerException", 500):
        client(endpoint, "comprehendmedical").detect_phi(Text="a")
    endpoint.set_faults(Faults())


def test_a_lost_answer_was_done(endpoint, s3):
    endpoint.set_faults(Faults(lost=1, operations=("PutObject",)))
    with code("InternalError", 500):
        s3.put_object(Bucket="audio", Key="lost", Body=b"done")
    endpoint.set_faults(Faults())
    assert s3.get_object(Bucket="audio", Key="lost")["Body"].read() == b"done"


def test_boto3_gets_through_half_of_its_calls_failing(endpoint):
    endpoint.set_faults(Faults(throttled=0.25, failed=0.25, seed=3))
    patient = Config(retries={"mode": "standard", "max_attempts": 12})
    s3 = client(endpoint, config=patient)
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda n: s3.put_object(Bucket="audio", Key=f"n/{n}", Body=b"x"), range(12)))
    endpoint.set_faults(Faults())
    assert len(s3.list_objects_v2(Bucket="audio", Prefix="n/")["Contents"]) == 12


def test_quotas_throttle_as_the_service_does():
    quotas = Quotas(calls=RATES, characters={"DetectPHI": 100})
    with running(RESULTS / "cardiology-01.json", quotas=quotas) as strict:
        found = outcomes(strict, 12)  # 5 a second
        assert found[:5] == [""] * 5
        assert "ThrottlingException" in found[5:]
        comprehend = client(strict, "comprehendmedical")
        comprehend.detect_phi(Text="a" * 90)
        with code("TooManyRequestsException", 429):
            comprehend.detect_phi(Text="a" * 90)


def test_what_faults_and_quotas_do_not_take():
    for wrong in ({"throttled": 2}, {"failed": -1}, {"bad_frames": 1.1}, {"slow": -1}, {"drop_after": -1}):
        with pytest.raises(InputError, match=next(iter(wrong))):
            Faults(**wrong)
    with pytest.raises(InputError, match="together above 1"):
        Faults(throttled=0.6, failed=0.6)
    for wrong in ({"streams": 0}, {"silence": -1}, {"calls": {"DetectPHI": 0}}):
        with pytest.raises(InputError, match=next(iter(wrong))):
            Quotas(**wrong)
    assert dataclasses.replace(Faults(), slow=1).slow == 1


def test_nothing_received_is_logged_or_left(caplog, capfd, tmp_path):
    caplog.set_level(logging.DEBUG)
    for name in ("botocore", "boto3", "urllib3", "s3transfer"):  # the client's own logs are the client's
        logging.getLogger(name).setLevel(logging.WARNING)
    before = set(Path(os.environ.get("TMPDIR", "/tmp")).glob("medtx-serve-*"))
    with running(RESULTS / "cardiology-01.json", buckets=["audio"]) as one:
        (mine,) = set(Path(os.environ.get("TMPDIR", "/tmp")).glob("medtx-serve-*")) - before
        client(one).put_object(Bucket="audio", Key=SECRET, Body=SECRET.encode())
        client(one, "comprehendmedical").detect_entities_v2(Text=SECRET)
        with code("TextSizeLimitExceededException"):
            client(one, "comprehendmedical").detect_entities_v2(Text=SECRET * 1000)
        assert mine.stat().st_mode & 0o777 == 0o700
        for path in mine.rglob("*"):
            assert path.stat().st_mode & 0o777 == (0o700 if path.is_dir() else 0o600), path
            assert SECRET not in path.name
    assert not mine.exists()
    shown = capfd.readouterr()
    assert "warfarin" not in shown.out + shown.err + caplog.text
    assert one.secret_key not in repr(one)


def test_a_folder_keeps_what_was_uploaded(tmp_path):
    for body in (b"1", b"2"):
        with running(RESULTS / "cardiology-01.json", storage=tmp_path / "kept", buckets=["audio"]) as one:
            s3 = client(one)
            if body == b"2":
                assert s3.get_object(Bucket="audio", Key="k")["Body"].read() == b"1"
            s3.put_object(Bucket="audio", Key="k", Body=body, Metadata={"n": "1"})
    assert (tmp_path / "kept").stat().st_mode & 0o777 == 0o700
    assert {path.stat().st_mode & 0o777 for path in (tmp_path / "kept").iterdir()} == {0o600}


def test_what_cannot_be_started(endpoint, tmp_path):
    taken = urlsplit(endpoint.endpoint_url).port
    with pytest.raises(MedtxError, match=f"port {taken} of 127.0.0.1 cannot be used"):
        running(RESULTS / "cardiology-01.json", port=taken).__enter__()
    with pytest.raises(InputError, match="no recorded results"):
        running(tmp_path).__enter__()
    with pytest.raises(InputError, match="speed=0"):
        running(RESULTS, speed=0).__enter__()
    (tmp_path / "a.json").write_text("{")
    with pytest.raises(MedtxError, match=r"a\.json: expected JSON"):
        running(tmp_path).__enter__()
    with pytest.raises(MedtxError, match=r"a\.json: cannot be used as a folder"):
        running(RESULTS / "cardiology-01.json", storage=tmp_path / "a.json").__enter__()


def test_serve_tells_what_to_set_and_ends_when_told():
    command = [sys.executable, "-m", "medtx", "serve", "--results", str(RESULTS), "--port", "0"]
    with subprocess.Popen(
        [*command, "--tls-port", "0", "--bucket", "audio"],
        stdout=subprocess.PIPE,
        text=True,
        preexec_fn=lambda: signal.signal(
            signal.SIGINT, signal.SIG_DFL
        ),  # ignored where tests run in the background
    ) as process:
        try:
            lines = [process.stdout.readline() for _ in range(7)]
            told = dict(re.findall(r"export (\w+)=(\S+)", "".join(lines)))
            s3 = boto3.client(
                "s3",
                endpoint_url=told["AWS_ENDPOINT_URL"],
                region_name=told["AWS_DEFAULT_REGION"],
                aws_access_key_id=told["AWS_ACCESS_KEY_ID"],
                aws_secret_access_key=told["AWS_SECRET_ACCESS_KEY"],
            )
            assert [one["Name"] for one in s3.list_buckets()["Buckets"]] == ["audio"]
            assert "trusting /" in lines[-1]
        finally:
            process.send_signal(signal.SIGINT)
        assert process.stdout.read() == "stopped; what was uploaded is gone\n"
    assert process.returncode == 0
