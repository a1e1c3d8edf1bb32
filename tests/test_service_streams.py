"""Medical streams over WebSocket (websockets, botocore's signer) and HTTP/2 (amazon-transcribe)."""

import asyncio
import http.client
import json
import time
import uuid
from collections.abc import Iterable
from urllib.parse import urlencode, urlsplit

import awscrt.io
import numpy as np
import pandas as pd
import pytest
import websockets
from amazon_transcribe.auth import StaticCredentialResolver
from amazon_transcribe.client import TranscribeStreamingClient
from amazon_transcribe.endpoints import StaticEndpointResolver
from amazon_transcribe.exceptions import BadRequestException, UnknownServiceException
from amazon_transcribe.serialize import TranscribeStreamingSerializer
from botocore.auth import SigV4QueryAuth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from botocore.eventstream import ChecksumMismatch, EventStreamBuffer

import medtx
from medtx.engines.audio import blocks
from medtx.engines.frames import encode
from medtx.service import Endpoint, Faults, Quotas, running
from tests.conftest import ROOT

FOLDER = ROOT / "datasets" / "dictations"
NAMES = ("cardiology-01", "urology-02")
RATE = 16000
HEADERS = {":message-type": "event", ":event-type": "AudioEvent", ":content-type": "application/octet-stream"}
ASKED = {
    "language-code": "en-US",
    "media-encoding": "pcm",
    "sample-rate": str(RATE),
    "specialty": "CARDIOLOGY",
    "type": "DICTATION",
}


def sound(name: str, seconds: float = 1e9) -> np.ndarray:
    parts = np.concatenate([block[0] for block in blocks(str(FOLDER / "audio" / f"{name}.opus"))])
    return parts[: int(min(seconds * RATE, len(parts)))]


def chunks(samples: np.ndarray, seconds: float = 0.5) -> list[bytes]:
    step = int(seconds * RATE)
    return [samples[at : at + step].astype("<i2").tobytes() for at in range(0, len(samples), step)]


@pytest.fixture(scope="module")
def results(tmp_path_factory):
    folder = tmp_path_factory.mktemp("results")
    for name in NAMES:
        (folder / f"{name}.json").write_bytes((FOLDER / "results" / f"{name}.json").read_bytes())
    return folder


@pytest.fixture(scope="module")
def endpoint(results):
    with running(results, speed=1e6, audio=FOLDER / "audio") as one:
        yield one


def address(endpoint: Endpoint, secret: str = "", key: str = "", expires: int = 300, **other: str) -> str:
    asked = {key: value for key, value in (ASKED | other).items() if value}
    url = f"{endpoint.streaming_url}/medical-stream-transcription-websocket?{urlencode(asked)}"
    request = AWSRequest("GET", url)
    keys = Credentials(key or endpoint.access_key, secret or endpoint.secret_key)
    SigV4QueryAuth(keys, "transcribe", endpoint.region, expires=expires).add_auth(request)
    return request.url


class Refused(Exception):
    """An exception in a stream: its type, and what came before it."""

    def __init__(self, kind: str, message: str, events: list[dict]) -> None:
        super().__init__(kind, message)
        self.kind, self.message, self.events = kind, message, events


async def websocket(url: str, audio: Iterable[bytes], end: bool = True, raw: bool = False) -> list[dict]:
    events: list[dict] = []
    async with websockets.connect(url, proxy=None, close_timeout=0.5) as socket:

        async def send() -> None:
            for chunk in audio:
                await socket.send(chunk if raw else encode(HEADERS, chunk))
            if end:
                await socket.send(encode(HEADERS, b""))

        sending = asyncio.create_task(send())
        try:
            async for message in socket:
                frames = EventStreamBuffer()
                frames.add_data(message)
                for frame in frames:
                    body = json.loads(frame.payload)
                    if frame.headers[":message-type"] == "exception":
                        raise Refused(frame.headers[":exception-type"], body["Message"], events)
                    assert frame.headers[":event-type"] == "TranscriptEvent"
                    events.append(body)
        finally:
            sending.cancel()
            await asyncio.gather(sending, return_exceptions=True)
    return events


class Medical(TranscribeStreamingSerializer):
    """amazon-transcribe knows Transcribe's stream only; this is all that the medical one adds."""

    def __init__(self, **more: str) -> None:
        self.more = {"specialty": "CARDIOLOGY", "type": "DICTATION"} | more

    def serialize_start_stream_transcription_request(self, endpoint, request_shape):
        request = super().serialize_start_stream_transcription_request(endpoint, request_shape)
        request.path = "/medical-stream-transcription"
        for name, value in self.more.items():
            request.headers[f"x-amzn-transcribe-{name}"] = value
        return request


async def http2(endpoint: Endpoint, audio: list[bytes], secret: str = "", **more: str) -> list:
    client = TranscribeStreamingClient(
        region=endpoint.region,
        endpoint_resolver=StaticEndpointResolver(endpoint.https_url),
        credential_resolver=StaticCredentialResolver(endpoint.access_key, secret or endpoint.secret_key),
    )
    client._serializer = Medical(**more)
    trust = awscrt.io.TlsContextOptions()
    trust.override_default_trust_store_from_path(None, endpoint.certificate)
    trust.alpn_list = ["h2"]
    client._session_manager._tls_ctx = awscrt.io.ClientTlsContext(trust)
    stream = await client.start_stream_transcription(
        language_code="en-US", media_sample_rate_hz=RATE, media_encoding="pcm"
    )
    assert uuid.UUID(stream.response.session_id)

    async def send() -> None:
        for chunk in audio:
            await stream.input_stream.send_audio_event(audio_chunk=chunk)
        await stream.input_stream.end_stream()

    sending = asyncio.create_task(send())
    try:
        return [event async for event in stream.output_stream]
    finally:
        sending.cancel()
        await asyncio.gather(sending, return_exceptions=True)


def run(work, seconds: float = 60):
    return asyncio.run(asyncio.wait_for(work, seconds))


def words(source: object) -> pd.DataFrame:
    return medtx.read(source).words.drop(columns="recording")


def test_both_transports_give_equal_tables(endpoint):
    for name in NAMES:
        audio = chunks(sound(name))
        first, second = run(websocket(address(endpoint), audio)), run(http2(endpoint, audio))
        pd.testing.assert_frame_equal(words(first), words(second))
        ours, theirs = medtx.read(first), medtx.read(second)
        columns = ["result", "partial", "start", "end", "transcript"]
        pd.testing.assert_frame_equal(ours.events[columns], theirs.events[columns])
        wanted = medtx.read(FOLDER / "results" / f"{name}.json")
        assert ours.text().tolist() == wanted.text().tolist()
        assert ours.words["confidence"].tolist() == wanted.words["confidence"].tolist()
        assert ours.events["partial"].sum() > len(wanted.segments)


def test_the_embedded_engine_recognises_over_both():
    audio = chunks(sound("cardiology-01", 8))
    with running() as live:
        first = run(websocket(address(live), audio))
        second = run(http2(live, audio))
        pd.testing.assert_frame_equal(words(first), words(second))
        assert len(words(first)) > 10
        assert medtx.read(first).events["partial"].any()
        high = np.repeat(sound("cardiology-01", 8), 3)  # 48 kHz
        other = run(websocket(address(live, **{"sample-rate": "48000"}), chunks(high, 1)))
        assert len(words(other)) > 10


def test_streams_side_by_side_are_each_their_own(endpoint):
    async def all_at_once() -> list[list[dict]]:
        streams = [websocket(address(endpoint), chunks(sound(name))) for name in NAMES * 3]
        return await asyncio.gather(*streams)

    for name, events in zip(NAMES * 3, run(all_at_once())):
        wanted = medtx.read(FOLDER / "results" / f"{name}.json").text().tolist()
        assert medtx.read(events).text().tolist() == wanted


def test_a_stream_goes_on_where_it_was_cut(endpoint):
    samples = sound("urology-02")
    whole = medtx.read(FOLDER / "results" / "urology-02.json")
    segments = whole.segments
    for number in range(len(segments) - 1):
        begin = int(segments["end"][number] * RATE)
        lead = np.zeros(RATE // 2, np.int16)  # silence before it is counted, too
        events = run(websocket(address(endpoint), chunks(np.concatenate([lead, samples[begin:]]))))
        rest = medtx.read(events).words
        wanted = whole.words[whole.words["segment"] > number]
        assert rest["content"].tolist() == wanted["content"].tolist()
        assert np.allclose(rest["start"] - 0.5, wanted["start"] - begin / RATE)


def test_events_come_at_their_time_and_not_before_their_audio(results):
    audio = chunks(sound("cardiology-01", 6))
    with running(results, speed=4) as paced:

        async def timed() -> list[tuple[float, float]]:
            seen = []
            async with websockets.connect(address(paced), proxy=None, close_timeout=0.5) as socket:
                began = time.monotonic()

                async def send() -> None:
                    for chunk in [*audio, *[b"\0" * 320] * 10_000]:
                        await socket.send(encode(HEADERS, chunk))
                        await asyncio.sleep(0.01)

                sending = asyncio.create_task(send())
                async for message in socket:
                    frames = EventStreamBuffer()
                    frames.add_data(message)
                    (result,) = json.loads(next(frames).payload)["Transcript"]["Results"]
                    seen.append((result["EndTime"], time.monotonic() - began))
                    if len(seen) == 6:
                        break
                sending.cancel()
            return seen

        for end, arrived in run(timed()):
            assert arrived >= end / 4


def test_channels_speakers_and_phi(endpoint):
    two = np.stack([sound("cardiology-01", 20), sound("urology-02", 20)], axis=1).reshape(-1)
    split = {"enable-channel-identification": "true", "number-of-channels": "2"}
    t = medtx.read(run(websocket(address(endpoint, **split), chunks(two, 1))))
    assert set(t.words["channel"]) == {"ch_0", "ch_1"}
    for channel, name in zip(("ch_0", "ch_1"), NAMES):
        said = t.words[t.words["channel"] == channel]["content"].tolist()
        assert said == medtx.read(FOLDER / "results" / f"{name}.json").words["content"].tolist()

    marked = {"show-speaker-label": "true", "content-identification-type": "PHI"}
    for events in (
        run(websocket(address(endpoint, **marked), chunks(sound("cardiology-01")))),
        run(http2(endpoint, chunks(sound("cardiology-01")), **marked)),
    ):
        t = medtx.read(events)
        assert set(t.words["speaker"]) == {"spk_0"}
        assert set(t.phi["category"]) <= {"PHI"}
    finals = [
        e["Transcript"]["Results"][0]
        for e in run(websocket(address(endpoint, **marked), chunks(sound(NAMES[0]))))
    ]
    assert all(("Entities" in one["Alternatives"][0]) != one["IsPartial"] for one in finals)


@pytest.mark.parametrize(
    "wrong",
    [
        {"specialty": "DENTISTRY"},
        {"specialty": ""},
        {"type": "LETTER"},
        {"language-code": "en-GB"},
        {"media-encoding": "mp3"},
        {"media-encoding": "flac"},
        {"sample-rate": "8000"},
        {"sample-rate": "fast"},
        {"session-id": "visit-1"},
        {"number-of-channels": "3"},
        {"number-of-channels": "2"},
        {"enable-channel-identification": "true"},
        {"enable-channel-identification": "maybe"},
        {"show-speaker-label": "true", "enable-channel-identification": "true", "number-of-channels": "2"},
        {"content-identification-type": "PII"},
        {"vocabulary-name": "nobodys"},
    ],
    ids=str,
)
def test_what_a_stream_does_not_take(endpoint, wrong):
    with pytest.raises(Refused, match="BadRequestException"):
        run(websocket(address(endpoint, **wrong), []))


def test_http2_refuses_before_it_begins(endpoint):
    with pytest.raises(BadRequestException, match="specialty"):
        run(http2(endpoint, [], specialty="DENTISTRY"))
    with pytest.raises(UnknownServiceException, match="InvalidSignatureException"):
        run(http2(endpoint, [], secret="wrong"))


def test_http1_is_refused_on_the_path_of_http2(endpoint):
    connection = http.client.HTTPConnection(urlsplit(endpoint.endpoint_url).netloc)
    connection.request("POST", "/medical-stream-transcription", b"audio")
    answer = connection.getresponse()
    assert answer.status == 505
    assert "Streams need HTTP/2" in json.loads(answer.read())["message"]
    connection.close()


def test_a_wrong_key_opens_no_websocket(endpoint):
    for wrong in ({"secret": "wrong"}, {"expires": 301}):
        with pytest.raises(websockets.InvalidStatus) as caught:
            run(websocket(address(endpoint, **wrong), []))
        assert caught.value.response.status_code == 403
        assert caught.value.response.headers["x-amzn-errortype"] == "InvalidSignatureException"
    with pytest.raises(Refused, match="UnrecognizedClientException"):
        run(websocket(address(endpoint, key="AKIAEXAMPLE"), []))
    changed = address(endpoint).replace("CARDIOLOGY", "UROLOGY")
    with pytest.raises(websockets.InvalidStatus):
        run(websocket(changed, []))
    with pytest.raises(websockets.InvalidStatus) as caught:
        run(websocket(address(endpoint).replace("-websocket", ""), []))
    assert caught.value.response.status_code == 404


def test_frames_that_cannot_be_used(endpoint):
    good = encode(HEADERS, b"\0" * 3200)
    for frames, why in (
        ([encode(HEADERS, b"\0" * (2 * RATE + 2))], "longer than 1 second"),
        ([good[:-1] + bytes([good[-1] ^ 1])], "can't be decoded"),
        ([b"no frame at all, but long enough to be one"], "can't be decoded"),
        ([encode({**HEADERS, ":event-type": "Other"}, b"a")], "not an AudioEvent"),
    ):
        with pytest.raises(Refused, match=why):
            run(websocket(address(endpoint), frames, raw=True))
    whole = b"".join(encode(HEADERS, chunk) for chunk in chunks(sound("cardiology-01")))
    pieces = [whole[at : at + 9999] for at in range(0, len(whole), 9999)]  # frames in pieces are as good
    got = run(websocket(address(endpoint), [*pieces, encode(HEADERS, b"")], end=False, raw=True))
    assert len(words(got)) == 112


def test_http2_checks_the_signature_of_each_frame(endpoint, monkeypatch):
    from amazon_transcribe.eventstream import EventSigner

    signed = EventSigner.sign

    def wrong(self, payload, prior_signature, credentials):
        return signed(self, payload, bytes(32), credentials)

    monkeypatch.setattr(EventSigner, "sign", wrong)  # the client's, as one of another secret would do
    with pytest.raises(Exception, match="signature of a frame does not match"):
        run(http2(endpoint, chunks(sound("cardiology-01", 5))))


def test_silence_length_and_number_are_limited(results):
    with running(results, speed=1e6, quotas=Quotas(silence=0.3, stream_seconds=2, streams=1)) as strict:
        with pytest.raises(Refused, match=r"no new audio was received for 0\.3 seconds"):
            run(websocket(address(strict), [b"\0" * 3200], end=False))
        with pytest.raises(Refused, match="too long"):
            run(websocket(address(strict), chunks(sound("cardiology-01", 4))))

        async def two() -> list:
            return await asyncio.gather(
                *(websocket(address(strict), [], end=False) for _ in range(2)), return_exceptions=True
            )

        assert sorted(one.kind for one in run(two())) == ["BadRequestException", "LimitExceededException"]


def test_a_second_stream_of_a_session_ends_the_first(endpoint):
    session = {"session-id": str(uuid.uuid4())}

    async def two() -> list:
        first = asyncio.create_task(websocket(address(endpoint, **session), [b"\0" * 3200], end=False))
        await asyncio.sleep(0.5)
        second = await websocket(address(endpoint, **session), chunks(sound("cardiology-01")))
        return [await asyncio.gather(first, return_exceptions=True), second]

    (first,), second = run(two())
    assert first.kind == "ConflictException"
    assert len(words(second)) == 112


def test_streams_are_cut_as_often_as_asked(endpoint):
    audio = chunks(sound("cardiology-01"))
    endpoint.set_faults(Faults(drop_after=20, drops=3))
    for _ in range(2):
        with pytest.raises(websockets.ConnectionClosedError):
            run(websocket(address(endpoint), audio))
    cut = run(http2(endpoint, audio))  # this client says nothing of it
    with pytest.warns(UserWarning, match="cut before its stream ended"):
        assert len(words(cut)) < 112
    assert len(words(run(websocket(address(endpoint), audio)))) == 112
    endpoint.set_faults(Faults())


def test_other_faults_of_streams(endpoint):
    audio = chunks(sound("cardiology-01"))
    for faults, kind in (
        (Faults(throttled=1), "LimitExceededException"),
        (Faults(failed=1), "InternalFailureException"),
    ):
        endpoint.set_faults(faults)
        with pytest.raises(Refused, match=kind):
            run(websocket(address(endpoint), audio))
    endpoint.set_faults(Faults(bad_frames=1))
    with pytest.raises(ChecksumMismatch):
        run(websocket(address(endpoint), audio))
    endpoint.set_faults(Faults(slow=0.01))
    assert len(words(run(websocket(address(endpoint), audio)))) == 112
    endpoint.set_faults(Faults())


def test_recorded_events_of_the_service_are_replayed(shared, tmp_path):
    path = sorted((shared / "transcribe-medical-stream").glob("*.json"))[0]
    with running(path, speed=1e6) as one:
        events = run(websocket(address(one), [b"\0" * 2 * RATE] * 5))
    pd.testing.assert_frame_equal(words(events), words(path))
    assert len(events) == len(json.loads(path.read_text()))
