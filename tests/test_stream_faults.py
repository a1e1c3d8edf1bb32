"""Streams when the network, the service or the disk fails: what was heard is given."""

import asyncio
import json
import resource
import threading
import time
from contextlib import aclosing, contextmanager, nullcontext
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from urllib.parse import urlsplit

import botocore.auth
import pytest
import websockets
from amazon_transcribe.auth import Credentials as TheirCredentials
from amazon_transcribe.eventstream import EventSigner, EventStreamMessageSerializer
from botocore.credentials import Credentials

import medtx
from medtx.aws import Unusable
from medtx.engines import TranscribeMedical
from medtx.engines.frames import encode
from medtx.engines.streaming import connection, http2, websocket
from medtx.engines.streaming.session import waits
from medtx.errors import InputError, MedtxError
from medtx.service import running
from tests.endpoint import account, login  # noqa: F401
from tests.proxy import proxy
from tests.test_stream import FAST, KIND, minute  # noqa: F401

ALL = [f"w{n}" for n in range(30)]


@pytest.fixture
def behind(minute, account, monkeypatch):  # noqa: F811
    """The minute of noise, what asks the endpoint for its words through a proxy, and the proxy."""
    folder, audio = minute

    @contextmanager
    def serve(transport="websocket", **settings):
        with running(folder / "results", audio=folder / "audio", speed=FAST) as made:
            login(monkeypatch, made)
            monkeypatch.setenv("AWS_CA_BUNDLE", made.certificate)
            url = made.streaming_url if transport == "websocket" else made.https_url
            with proxy(urlsplit(url).port) as between:
                url = url.replace(f":{urlsplit(url).port}", f":{between.port}")
                service = TranscribeMedical(streaming_url=url, endpoint_url=made.endpoint_url, **settings)
                yield audio, {**KIND, "engine": service}, between

    return serve


def after(finals, do):
    """What to do once so many final results have come."""
    seen = []

    def each(event):
        for result in event["data"]["Transcript"]["Results"]:
            if not result["IsPartial"]:
                seen.append(result)
                if len(seen) == finals:
                    do()

    return each


# Outages


def test_retries_are_spread_over_more_than_a_minute_unless_told_otherwise():
    default = list(waits(TranscribeMedical().retry_for))
    assert 90 <= sum(default) <= 100
    assert sum(wait for wait in default if wait < 8) > 10  # an outage of 30 s ends between two of them
    assert max(default) == 8
    assert sum(waits(5)) < 10
    for wrong in (-1, float("nan"), float("inf"), "soon"):
        with pytest.raises(InputError, match="retry_for"):
            TranscribeMedical(retry_for=wrong)


@pytest.mark.parametrize("transport", ["websocket", "http2"])
def test_an_outage_of_some_seconds_loses_no_word_and_doubles_none(behind, transport):
    with behind(transport) as (audio, ask, between):
        cut = after(8, lambda: between.cut_for(3))
        t = medtx.stream(audio, **ask, transport=transport, pace=FAST).run(cut)
    assert t.words["content"].tolist() == ALL
    assert t.recordings["status"].tolist() == ["COMPLETED"]
    assert between.connections > 4


@pytest.mark.parametrize("transport", ["websocket", "http2"])
def test_a_cable_that_is_cut_is_noticed(behind, monkeypatch, transport):
    """The socket stays open, and nothing comes any more: only a ping that is not answered tells."""
    assert connection.PING + connection.PONG < 45
    for module in (websocket, http2):
        monkeypatch.setattr(module, "PING", 0.3)
        monkeypatch.setattr(module, "PONG", 0.7)

    def freeze(between):
        between.frozen = True
        count = between.connections

        def thaw():
            while between.connections == count:  # until it is given up, and another one is made
                time.sleep(0.02)
            between.frozen = False

        threading.Thread(target=thaw, daemon=True).start()

    with behind(transport) as (audio, ask, between):
        cut = after(8, lambda: freeze(between))
        t = medtx.stream(audio, **ask, transport=transport, pace=FAST).run(cut)
    assert t.words["content"].tolist() == ALL
    assert not between.frozen


@pytest.mark.parametrize("transport", ["websocket", "http2"])
def test_a_reset_in_the_handshake_is_tried_again(behind, transport):
    with behind(transport) as (audio, ask, between):
        between.resets = 3
        t = medtx.stream(audio, **ask, transport=transport, pace=FAST).run()
    assert t.words["content"].tolist() == ALL
    assert between.connections == 4


@pytest.mark.parametrize("transport", ["websocket", "http2"])
def test_a_wrong_clock_is_named(behind, monkeypatch, transport):
    now = botocore.auth.get_current_datetime  # the clock by which botocore signs
    monkeypatch.setattr(botocore.auth, "get_current_datetime", lambda *a: now(*a) + timedelta(hours=1))
    with (
        behind(transport) as (audio, ask, _),
        pytest.raises(Unusable, match="the clock of this machine is wrong"),
    ):
        medtx.stream(audio, **ask, transport=transport, pace=FAST).run()


def test_a_clock_is_wrong_by_the_date_of_the_answer():
    for minutes, message in ((90, "is wrong: it differs by 90 minutes"), (3, "check key and secret")):
        date = format_datetime(datetime.now(UTC) - timedelta(minutes=minutes, seconds=1))
        told = connection.failure("InvalidSignatureException", "The signature does not match.", 403, date)
        assert message in str(told)


def test_a_service_without_http2_is_told(behind):
    with behind() as (audio, ask, between):
        plain = TranscribeMedical(streaming_url=f"https://localhost:{between.port}", retry_for=0)
        with pytest.raises(MedtxError, match="cannot be reached"):  # no TLS there
            medtx.stream(audio, **ask | {"engine": plain}, transport="http2").run()


def test_frames_are_signed_as_amazons_own_client_signs_them():
    """amazon-transcribe's signer, over the same payloads and times, from the same first signature."""
    who = connection.Account(Credentials("AKIDEXAMPLE", "secret"), "us-east-1")
    ours = http2.Signed(who, "https://localhost:8443/medical-stream-transcription", {"a": "b"})
    before = bytes.fromhex(ours.headers["authorization"].rpartition("Signature=")[2])
    now = datetime(2026, 1, 31, 23, 59, 59, tzinfo=UTC)
    signer = EventSigner("transcribe", "us-east-1", utc_now=lambda: now)
    keys = TheirCredentials("AKIDEXAMPLE", "secret")
    for payload in (b"first", bytes(3200), b""):
        headers = signer.sign(payload, before, keys)
        before = headers[":chunk-signature"]
        assert ours.message(payload, now) == EventStreamMessageSerializer().serialize(headers, payload)


# A stream that fails in the end


def check_failed(t, reason=r"cannot be reached.*came to nothing"):
    assert t.words["content"].tolist() == ALL[:8]
    assert t.recordings["status"].tolist() == ["FAILED"]
    assert t.recordings["reason"].str.contains(reason).all()


@pytest.mark.parametrize("transport", ["websocket", "http2"])
def test_what_was_heard_before_the_end_is_given(behind, tmp_path, transport):
    record = tmp_path / "visit.jsonl"
    with behind(transport, retry_for=0.1) as (audio, ask, between):
        stream = medtx.stream(audio, **ask, transport=transport, pace=FAST, record=record)
        with pytest.warns(
            UserWarning, match=r"minute: the stream ended early: .*what was heard before is given"
        ):
            t = stream.run(after(8, between.cut))
    check_failed(t)
    with pytest.warns(UserWarning, match="the service ended its stream"):
        check_failed(medtx.read(record))


def test_the_live_view_gives_it_too(behind):
    with behind(retry_for=0.1) as (audio, ask, between):
        view = medtx.live(audio, **ask, pace=FAST)
        cut = after(8, between.cut)
        taken = view._take
        view._take = lambda event: (taken(event), cut(event))
        with pytest.warns(UserWarning, match="the stream ended early"):
            t = view.wait(60)
    check_failed(t)
    assert t is view.transcripts
    assert view.state == "failed"
    assert "came to nothing" in view._status.value
    assert "w7" in view.html


def test_transcribe_gives_it_too_and_asks_again_the_next_time(behind, tmp_path):
    with behind(retry_for=0.1) as (audio, ask, between):
        ask |= {"out": tmp_path / "out", "progress": False}
        kept = tmp_path / "out" / "minute.jsonl"

        def cut():
            while not kept.exists() or kept.read_text().count('"IsPartial": false') < 1:
                pass
            between.cut()

        threading.Thread(target=cut, daemon=True).start()
        with pytest.warns(UserWarning, match=r"minute.wav: the stream ended early: .*came to nothing"):
            t = medtx.transcribe(audio, **ask)
        assert t.recordings["status"].tolist() == ["FAILED"]
        assert t.words["content"].tolist() == ALL[: len(t.words)] != []


def test_a_source_that_fails_gives_what_it_said(tmp_path):
    def source():
        yield from [bytes(3200)] * 10
        raise OSError("the line is dead")

    with pytest.raises(OSError, match="the line is dead"):  # nothing was heard
        medtx.stream(source(), **KIND, engine="embedded", model="stock").run()


# Values that cannot be right


def final(n, **more):
    item = {"StartTime": n + 0.1, "EndTime": n + 0.5, "Type": "pronunciation", "Content": f"w{n}"}
    item |= {"Confidence": 0.5} | more.pop("item", {})
    times = {"StartTime": n, "EndTime": n + 0.6}
    best = {"Transcript": f"w{n}", "Items": [item]}
    return {"ResultId": f"r{n}", **times, "IsPartial": False, "Alternatives": [best], **more}


ODD = {
    "confidence 7": (final(1, item={"Confidence": 7}), "Confidence 7"),
    "confidence text": (final(1, item={"Confidence": "sure"}), "Confidence that is a str"),
    "an end beyond the audio": (final(1, EndTime=9999), "EndTime 9999"),
    "a word beyond the audio": (final(1, item={"EndTime": 1e300}), "EndTime 1e\\+300"),
    "no start": (final(1, StartTime="soon"), "StartTime that is a str"),
    "an end before the start": (final(1, StartTime=1.5, EndTime=0.5), "EndTime 0.5 before StartTime 1.5"),
    "a speaker of another kind": (final(1, item={"Speaker": ["Anna"]}), "Speaker that is a list"),
    "entities of another kind": (
        final(1, Alternatives=[final(1)["Alternatives"][0] | {"Entities": "none"}]),
        "Entities that are no list of objects",
    ),
}


@contextmanager
def saying(messages):
    """A service over WebSocket that says these frames after three seconds of audio, and ends."""
    ready, stop = threading.Event(), threading.Event()
    found = []

    async def answer(socket):
        heard = 0
        while heard < 3 * 32_000:
            heard += len(await socket.recv())
        for message in messages:
            await socket.send(message)
        while len(await socket.recv()) > 200:
            pass

    async def serve():
        async with websockets.serve(answer, "127.0.0.1", 0) as server:
            found.append(server.sockets[0].getsockname()[1])
            ready.set()
            while not stop.is_set():
                await asyncio.sleep(0.05)

    thread = threading.Thread(target=asyncio.run, args=[serve()])
    thread.start()
    ready.wait()
    try:
        yield f"ws://127.0.0.1:{found[0]}"
    finally:
        stop.set()
        thread.join()


def frame(payload, kind="TranscriptEvent"):
    headers = {":message-type": "event", ":event-type": kind, ":content-type": "application/json"}
    return encode(headers, payload if isinstance(payload, bytes) else json.dumps(payload).encode())


def said(*results):
    return frame({"Transcript": {"Results": list(results)}})


@pytest.fixture
def keys(account, monkeypatch):  # noqa: F811
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "example")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")


@contextmanager
def odd_stream(messages, record=None):
    with saying(messages) as url:
        service = TranscribeMedical(streaming_url=url, retry_for=0)
        sound = [bytes(32_000)] * 4
        yield medtx.stream(sound, **KIND, engine=service, pace=200, record=record)


@pytest.mark.parametrize("way", ODD)
def test_an_odd_value_costs_itself(keys, tmp_path, way):
    odd, message = ODD[way]
    with (
        odd_stream([said(final(0)), said(odd), said(final(0.7))], tmp_path / "e.jsonl") as stream,
        pytest.warns(UserWarning, match=f"stream: left out what cannot be right: {message}"),
    ):
        t = stream.run()
    assert t.words["content"].tolist() == ["w0", "w1", "w0.7"]
    assert t.recordings["status"].tolist() == ["COMPLETED"]
    assert t.words["confidence"].notna().tolist() == [True, "confidence" not in way, True]
    assert (
        medtx.read(tmp_path / "e.jsonl")
        .words.drop(columns="recording")
        .equals(t.words.drop(columns="recording"))
    )
    told = {"an end beyond the audio": None, "a word beyond the audio": "look like milliseconds"}
    about = told.get(way, "cannot be right left out")
    with pytest.warns(UserWarning, match=about) if about else nullcontext():
        log = medtx.read([final(0), odd, final(2)])  # a log of another program
    assert log.words["content"].tolist() == ["w0", "w1", "w2"]


@pytest.mark.parametrize(
    ("message", "told"),
    [
        (frame({"Anything": 1}, "Unknown"), "an event of the type Unknown"),
        (frame(b"{no JSON"), "an event that cannot be read"),
        (frame({"Transcript": {"Results": [5]}}), "a result that is no object"),
        (frame({"Transcript": {"Results": "no list"}}), "a result that is no object"),
    ],
    ids=["type", "JSON", "result", "results"],
)
def test_an_odd_event_costs_itself(keys, message, told):
    with (
        odd_stream([said(final(0)), message, message, said(final(0.7))]) as stream,
        pytest.warns(UserWarning, match="cannot be right") as warned,
    ):
        t = stream.run()
    assert t.words["content"].tolist() == ["w0", "w0.7"]
    assert [str(one.message) for one in warned] == [
        f"stream: left out what cannot be right: {told}",
        "stream: 1 more values or events that cannot be right were left out",
    ]


# The record


def test_a_record_that_was_cut_says_so(keys, tmp_path):
    record = tmp_path / "visit.jsonl"
    with odd_stream([said(final(0)), said(final(0.7))], record) as stream:
        assert stream.run().recordings["status"].tolist() == ["COMPLETED"]
    whole = record.read_bytes()
    assert medtx.read(record).recordings["status"].tolist() == ["COMPLETED"]
    lines = whole.splitlines(keepends=True)
    for count in range(1, len(lines)):  # between two events
        record.write_bytes(b"".join(lines[:count]))
        with pytest.warns(UserWarning, match=r"visit.jsonl: cut before its stream ended"):
            t = medtx.read(record)
        assert t.recordings["status"].tolist() == ["CUT"]
        assert len(t.words) == max(count - 1, 0)


def test_a_stream_that_is_left_early_leaves_a_cut_record(keys, tmp_path):
    async def first(stream):
        async with aclosing(aiter(stream)) as events:
            async for event in events:
                if event["data"]["Transcript"]["Results"]:
                    break

    with odd_stream([said(final(0)), said(final(0.7))], tmp_path / "visit.jsonl") as stream:
        asyncio.run(first(stream))
    with pytest.warns(UserWarning, match="cut before its stream ended"):
        assert medtx.read(tmp_path / "visit.jsonl").recordings["status"].tolist() == ["CUT"]


@contextmanager
def full_after(size):
    """No file of this process may grow beyond this, as if the disk were full."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


@pytest.mark.parametrize("size", [0, 700])
def test_a_full_disk_ends_the_record_and_not_the_stream(keys, tmp_path, size):
    record = tmp_path / "visit.jsonl"
    with (
        odd_stream([said(final(0)), said(final(0.7))], record) as stream_,
        pytest.warns(
            UserWarning, match=r"visit.jsonl: cannot be written: file too large; the stream goes on"
        ),
        full_after(size),
    ):
        t = stream_.run()
    assert t.words["content"].tolist() == ["w0", "w0.7"]
    assert record.stat().st_size == size
    assert not stream_.recorded


def test_a_record_is_one_streams_and_no_link(keys, tmp_path):
    link, record = tmp_path / "link.jsonl", tmp_path / "visit.jsonl"
    link.symlink_to(tmp_path / "elsewhere")
    with (
        odd_stream([], link) as stream,
        pytest.raises(MedtxError, match=r"link.jsonl: expected a file to write, found a link"),
    ):
        stream.run()
    assert not (tmp_path / "elsewhere").exists()
    record.write_text("")
    record.chmod(0o644)
    with odd_stream([said(final(0))], record) as stream:

        def another(event):
            with pytest.raises(MedtxError, match=r"visit.jsonl: another process writes there"):
                medtx.stream([], **KIND, engine="embedded", record=record, model="stock").run()

        stream.run(another)
    assert record.stat().st_mode & 0o777 == 0o600


def test_a_service_that_is_down_leaves_an_earlier_record(keys, tmp_path):
    record = tmp_path / "visit.jsonl"
    with odd_stream([said(final(0))], record) as stream:
        stream.run()
    before = record.read_bytes()
    gone = TranscribeMedical(streaming_url="ws://127.0.0.1:9", retry_for=0)
    with pytest.raises(MedtxError, match="cannot be reached"):
        medtx.stream([bytes(3200)], **KIND, engine=gone, record=record).run()
    assert record.read_bytes() == before
