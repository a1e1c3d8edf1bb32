"""What the endpoint survives: bodies without end, torn storage, unsigned headers, equal beginnings."""

import http.client
import json
import socket
from urllib.parse import urlsplit

import boto3
import numpy as np
import pytest
from botocore.auth import S3SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

from medtx.engines.audio import RATE, blocks
from medtx.service import Endpoint, running
from medtx.service.app import MOST
from medtx.service.recorded import Recorded
from medtx.service.storage import Store
from tests.conftest import ROOT

DICTATIONS = ROOT / "datasets" / "dictations"
RESULT = DICTATIONS / "results" / "cardiology-01.json"


@pytest.fixture(scope="module")
def endpoint():
    with running(RESULT, buckets=["audio"]) as one:
        yield one


def put(endpoint: Endpoint, body: bytes, headers: dict[str, str], unsigned: dict[str, str] | None = None):
    """The status and body of a PUT that is signed as SDKs sign one, with ``unsigned`` headers beside."""
    url = f"{endpoint.endpoint_url}/audio/key"
    hashed = {"x-amz-content-sha256": "STREAMING-UNSIGNED-PAYLOAD-TRAILER"} if headers else {}
    request = AWSRequest("PUT", url, headers=headers | hashed, data=body)
    S3SigV4Auth(Credentials(endpoint.access_key, endpoint.secret_key), "s3", endpoint.region).add_auth(
        request
    )
    connection = http.client.HTTPConnection(urlsplit(url).netloc, timeout=60)
    connection.request("PUT", "/audio/key", body, dict(request.headers) | (unsigned or {}))
    answer = connection.getresponse()
    return answer.status, answer.read().decode()


@pytest.mark.parametrize("size", [b"-6", b"+3", b" 3", b"0x3", b"1_0", b"fffffffffffffffff", b"", b"zz"])
def test_chunks_of_odd_sizes_are_refused(endpoint, size):
    body = size + b"\r\nabc\r\n0\r\n\r\n"
    status, answer = put(endpoint, body, {"content-encoding": "aws-chunked"})
    assert (status, "IncompleteBody" in answer) == (400, True)


def test_chunks_are_put_together(endpoint):
    status, _ = put(endpoint, b"3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n", {"content-encoding": "aws-chunked"})
    assert status == 200
    s3 = boto3.client("s3", **endpoint.client)
    assert s3.get_object(Bucket="audio", Key="key")["Body"].read() == b"abcde"


@pytest.mark.parametrize(("service", "chunked"), [("s3", False), ("transcribe", False), ("transcribe", True)])
def test_a_body_that_is_too_long_is_refused_before_it_has_come(endpoint, service, chunked):
    where = urlsplit(endpoint.endpoint_url)
    target = {"s3": "", "transcribe": "x-amz-target: Transcribe.StartMedicalTranscriptionJob\r\n"}[service]
    length = "transfer-encoding: chunked" if chunked else f"content-length: {MOST[service] + 1}"
    with socket.create_connection((where.hostname, where.port), timeout=60) as client:
        client.sendall(f"PUT /audio/k HTTP/1.1\r\nhost: localhost\r\n{target}{length}\r\n\r\n".encode())
        if chunked:
            for _ in range(MOST[service] // 2**16 + 1):
                client.sendall(b"10000\r\n" + bytes(2**16) + b"\r\n")
        answer = b"".join(iter(lambda: client.recv(2**16), b""))
    assert b" 413 " in answer.splitlines()[0]
    assert b"EntityTooLarge" in answer


def test_what_a_copy_copies_must_be_signed(endpoint):
    s3 = boto3.client("s3", **endpoint.client)
    s3.put_object(Bucket="audio", Key="secret", Body=b"x")
    status, answer = put(endpoint, b"", {}, {"x-amz-copy-source": "/audio/secret"})
    assert (status, "x-amz-copy-source" in answer) == (403, True)
    s3.copy_object(Bucket="audio", Key="copy", CopySource="audio/secret")
    assert s3.get_object(Bucket="audio", Key="copy")["Body"].read() == b"x"


@pytest.mark.parametrize("tear", ["description", "object", "both"])
def test_a_torn_object_is_told_and_passed_over(tmp_path, tear):
    with running(RESULT, buckets=["audio"], storage=tmp_path) as one:
        s3 = boto3.client("s3", **one.client)
        s3.put_object(Bucket="audio", Key="good", Body=b"good")
        s3.put_object(Bucket="audio", Key="torn", Body=b"torn")
    for file in tmp_path.glob("*.json"):
        if json.loads(file.read_text())["key"] == "torn":
            if tear != "object":
                file.write_bytes(file.read_bytes()[:20])
            if tear != "description":
                file.with_suffix("").write_bytes(b"t")
    with pytest.warns(UserWarning, match="passed over, as this object is torn"):
        assert [key for _, key in Store(tmp_path).objects] == ["good"]


def test_recordings_that_begin_alike_are_told_apart():
    """The same voice begins many dictations with the same words, and so with the same samples."""
    recorded = Recorded(DICTATIONS / "results", speed=1e9, audio=DICTATIONS / "audio")
    alike = ("cardiology-01", "radiology-07", "urology-12")
    sounds = {
        n: np.concatenate([b[0] for b in blocks(str(DICTATIONS / "audio" / f"{n}.opus"))]) for n in alike
    }
    shared = sounds[alike[0]][: RATE // 2]  # as if all began with the same half second
    for name in alike:
        sound = recorded._sounds[name] = np.concatenate([shared, sounds[name]]).astype("<i2").tobytes()
        replay = recorded.live(RATE, "CARDIOLOGY")
        heard = []
        for at in range(0, len(sound), 3200):
            heard += replay.feed(np.frombuffer(sound[at : at + 3200], "<i2"))
        heard += replay.close()
        assert heard[-1] == recorded.streams[name][-1][1], name
