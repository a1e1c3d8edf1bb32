"""Streams, over both transports and on the embedded engine: cuts, pauses, records, what is refused."""

import asyncio
import json
import shutil
import sys
from pathlib import Path

import numpy as np
import pytest

import medtx
from medtx.aws import Unusable
from medtx.cli import main
from medtx.engines import TranscribeMedical
from medtx.errors import InputError, MedtxError, MissingExtraError, ReadError
from medtx.service import Faults, Quotas, running
from tests.endpoint import account, login  # noqa: F401  # account is a fixture
from tests.test_engines import write

FOLDER = Path(__file__).resolve().parents[1] / "datasets" / "dictations"
KIND = {"specialty": "cardiology", "type": "dictation"}
NAME = "cardiology-01"
FAST = 20.0


@pytest.fixture(scope="module")
def heard(tmp_path_factory):
    """A shipped dictation, and the events of the embedded engine on it: what the endpoint replays."""
    folder = tmp_path_factory.mktemp("heard")
    audio = next((FOLDER / "audio").glob(f"{NAME}.*"))
    (folder / "audio").mkdir()
    shutil.copy(audio, folder / "audio")
    whole = medtx.stream(audio, **KIND, engine="embedded", record=folder / "results" / f"{NAME}.jsonl").run()
    return folder, folder / "audio" / audio.name, whole


@pytest.fixture
def served(heard, account, monkeypatch):  # noqa: F811
    folder, audio, whole = heard

    def serve(**settings):
        return running(folder / "results", audio=folder / "audio", speed=FAST, **settings)

    return serve, audio, whole, lambda made: login(monkeypatch, made)


def words(t):
    return (
        t.words[["content", "start", "end", "confidence"]]
        .round(2)
        .astype(object)
        .fillna("")
        .to_numpy()
        .tolist()
    )


def test_the_embedded_engine_streams(heard):
    whole = heard[2]
    assert whole.recordings["recording"].tolist() == [NAME]
    assert whole.recordings["mode"].tolist() == ["streaming"]
    assert len(whole.words) > 50
    assert whole.events["partial"].any()
    assert whole.words["start"].dropna().is_monotonic_increasing


@pytest.mark.parametrize("transport", ["websocket", "http2"])
def test_a_stream_gives_what_the_service_said(served, tmp_path, monkeypatch, transport):
    serve, audio, whole, log_in = served
    with serve() as made:
        log_in(made)
        url = made.streaming_url if transport == "websocket" else made.https_url
        monkeypatch.setenv("AWS_CA_BUNDLE", made.certificate)
        service = TranscribeMedical(streaming_url=url)
        record = tmp_path / "kept" / f"{NAME}.jsonl"
        t = medtx.stream(audio, **KIND, engine=service, transport=transport, pace=FAST, record=record).run()
    assert words(t) == words(whole)
    assert t.recordings["specialty"].tolist() == ["CARDIOLOGY"]
    again = medtx.read(record)
    assert words(again) == words(t)
    assert record.stat().st_mode & 0o777 == 0o600
    assert (again.events["arrival"].diff().dropna() >= 0).all()


@pytest.fixture(scope="module")
def minute(tmp_path_factory):
    """A minute of noise in which a word was heard every two seconds, and what the service said to it."""
    folder = tmp_path_factory.mktemp("minute")
    (folder / "audio").mkdir()
    audio = write(folder / "audio" / "minute.wav", np.random.default_rng(0).normal(0, 500, 60 * 16_000))
    lines = []
    for n in range(30):
        for end, partial in ((2 * n + 1.2, True), (2 * n + 1.9, False)):
            item = {
                "StartTime": 2 * n + 0.5,
                "EndTime": 2 * n + 1.0,
                "Type": "pronunciation",
                "Content": f"w{n}",
            }
            item |= {} if partial else {"Confidence": 0.5 + n / 100}
            result = {"ResultId": f"r{n}", "StartTime": 2 * n + 0.3, "EndTime": end, "IsPartial": partial}
            result["Alternatives"] = [{"Transcript": f"w{n}", "Items": [item]}]
            lines.append({"t": 1000 * end, "data": {"Transcript": {"Results": [result]}}})
    (folder / "results").mkdir()
    (folder / "results" / "minute.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    return folder, audio


@pytest.mark.parametrize("transport", ["websocket", "http2"])
def test_a_stream_cut_20_times_loses_no_word_and_doubles_none(minute, account, monkeypatch, transport):  # noqa: F811
    folder, audio = minute
    faults = Faults(drop_after=30, drops=20)
    with running(folder / "results", audio=folder / "audio", speed=FAST, faults=faults) as made:
        login(monkeypatch, made)
        monkeypatch.setenv("AWS_CA_BUNDLE", made.certificate)
        url = made.streaming_url if transport == "websocket" else made.https_url
        service = TranscribeMedical(streaming_url=url)
        t = medtx.stream(audio, **KIND, engine=service, transport=transport, pace=FAST).run()
    whole = medtx.read(folder / "results" / "minute.jsonl")
    assert t.words["content"].tolist() == whole.words["content"].tolist() == [f"w{n}" for n in range(30)]
    assert np.abs(t.words["start"] - whole.words["start"]).max() < 0.11


def test_a_full_session_is_followed_by_another_that_loses_no_word_and_doubles_none(
    minute,
    account,  # noqa: F811
    monkeypatch,
):
    monkeypatch.setattr("medtx.engines.streaming.session.ROLL_OVER", 9.3)  # within an utterance, mostly
    folder, audio = minute
    longest = Quotas(stream_seconds=10)  # a minute in one session would be refused
    with running(folder / "results", audio=folder / "audio", speed=FAST, quotas=longest) as made:
        login(monkeypatch, made)
        service = TranscribeMedical(streaming_url=made.streaming_url)
        t = medtx.stream(audio, **KIND, engine=service, pace=FAST).run()
    assert t.words["content"].tolist() == [f"w{n}" for n in range(30)]
    assert np.abs(t.words["start"] - (2 * np.arange(30) + 0.5)).max() < 0.11


def test_a_quiet_session_is_not_heard_again_as_a_whole(account, monkeypatch):  # noqa: F811
    monkeypatch.setattr("medtx.engines.streaming.session.ROLL_OVER", 20.0)
    quiet = [bytes(3200)] * 600  # a minute, of which no final result ever comes
    with running(quotas=Quotas(stream_seconds=21)) as made:
        login(monkeypatch, made)
        service = TranscribeMedical(streaming_url=made.streaming_url)
        assert len(medtx.stream(quiet, **KIND, engine=service, pace=FAST).run().words) == 0


@pytest.mark.parametrize("transport", ["websocket", "http2"])
def test_a_certificate_that_is_not_trusted_is_told_at_once(account, monkeypatch, tmp_path, transport):  # noqa: F811
    ask = {**KIND, "transport": transport}
    with running() as made:
        login(monkeypatch, made)
        url = made.https_url.replace("https", "wss") if transport == "websocket" else made.https_url
        ask["engine"] = TranscribeMedical(streaming_url=url)
        message = r"^Transcribe Medical, stream: the certificate of localhost:\d+ is not trusted: name"
        with pytest.raises(Unusable, match=message):  # no other try was needed
            medtx.stream([bytes(3200)], **ask).run()
        for content, problem in ((None, "no such file"), ("none", "no certificates in it")):
            bundle = tmp_path / f"{content}.pem"
            if content:
                bundle.write_text(content)
            monkeypatch.setenv("AWS_CA_BUNDLE", str(bundle))
            with pytest.raises(Unusable, match=f"AWS_CA_BUNDLE=.*pem: {problem}"):
                medtx.stream([bytes(3200)], **ask).run()


def microphone() -> bool:
    try:
        import sounddevice
    except OSError:  # no PortAudio
        return False
    try:
        return bool(sounddevice.query_devices(kind="input"))
    except sounddevice.PortAudioError:
        return False


def test_a_microphone_that_cannot_be_used_is_told(monkeypatch):
    ask = {**KIND, "engine": "embedded", "model": "stock"}
    if not microphone():  # else this would listen
        with pytest.raises(MedtxError, match=r"the microphone (needs the PortAudio library|cannot be used)"):
            medtx.stream("microphone", **ask).run()
    monkeypatch.setitem(sys.modules, "sounddevice", None)  # as if it were not installed
    with pytest.raises(MissingExtraError, match=r"sounddevice is not installed: .*medtx\[microphone\]"):
        medtx.stream("microphone", **ask).run()


def test_what_never_works_ends_in_a_sentence(served):
    serve, audio, _, log_in = served
    with serve(faults=Faults(drop_after=0, drops=99)) as made:
        log_in(made)
        service = TranscribeMedical(streaming_url=made.streaming_url, retry_for=0.1)
        with pytest.raises(MedtxError, match="2 sessions one after another came to nothing"):
            medtx.stream(audio, **KIND, engine=service, pace=FAST).run()
    with pytest.raises(MedtxError, match="cannot be reached"):  # it has gone
        medtx.stream(audio, **KIND, engine=service, pace=FAST).run()


def test_a_wrong_key_and_missing_keys_are_told(served, monkeypatch):
    serve, audio, _, log_in = served
    with serve() as made:
        service = TranscribeMedical(streaming_url=made.streaming_url, region="us-east-1")
        with pytest.raises(MedtxError, match="credentials"):
            medtx.stream(audio, **KIND, engine=service).run()
        log_in(made)
        monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "wrong")
        with pytest.raises(MedtxError, match=r"check key and secret|may not do that"):
            medtx.stream(audio, **KIND, engine=service).run()


def test_silence_is_sent_while_the_source_pauses(served):
    serve, audio, whole, log_in = served
    from medtx.engines.audio import blocks

    sound = np.concatenate([block[0] for block in blocks(str(audio))]).astype("<i2").tobytes()

    async def slow():
        yield sound[:64_000]
        await asyncio.sleep(2.5)
        yield sound[64_000:]

    with serve(quotas=Quotas(silence=1.5)) as made:
        log_in(made)
        service = TranscribeMedical(streaming_url=made.streaming_url)
        t = medtx.stream(slow(), **KIND, engine=service, pace=FAST).run()
    assert t.words["content"].tolist()[-5:] == whole.words["content"].tolist()[-5:]


def test_many_files_stream_through_transcribe(minute, account, monkeypatch, tmp_path):  # noqa: F811
    folder, _ = minute
    noise = np.random.default_rng(0).normal(0, 500, 60 * 16_000)
    (tmp_path / "audio").mkdir()
    for n in range(3):
        write(tmp_path / "audio" / f"part-{n}.wav", noise[96_000 * n : 96_000 * (n + 1)])
    with running(folder / "results", audio=folder / "audio", speed=FAST) as made:
        login(monkeypatch, made)
        service = TranscribeMedical(streaming_url=made.streaming_url, endpoint_url=made.endpoint_url)
        ask = {**KIND, "engine": service, "out": tmp_path / "out", "progress": False}
        with pytest.warns(UserWarning, match="cannot be right"):
            t = medtx.transcribe(tmp_path / "audio", **ask)
        # Each is answered from where its sound lies in the recording, to the recording's end.
        assert t.text().tolist() == [" ".join(f"w{k}" for k in range(3 * n, 30)) for n in range(3)]
        assert t.recordings["mode"].tolist() == ["streaming"] * 3
    again = medtx.transcribe(tmp_path / "audio", **ask)  # the endpoint has gone: kept results are read
    assert again.words.equals(t.words)


def test_the_command_shows_finals_and_keeps_events(minute, account, monkeypatch, tmp_path, capsys):  # noqa: F811
    folder, audio = minute
    with running(folder / "results", audio=folder / "audio", speed=FAST) as made:
        login(monkeypatch, made)
        kind = ["--specialty", "cardiology", "--type", "dictation", "--endpoint-url", made.streaming_url]
        main(["stream", str(audio), *kind, "--pace", str(FAST), "--out", str(tmp_path / "e.jsonl")])
    said = capsys.readouterr().out.splitlines()
    assert said[0] == "0:00 w0"
    assert len(said) == 30
    assert len(medtx.read(tmp_path / "e.jsonl").words) == 30


def test_events_come_while_audio_flows():
    async def first():
        async for event in medtx.stream(noise(), **KIND, engine="embedded"):
            return event

    async def noise():
        from medtx.engines.audio import blocks

        audio = next((FOLDER / "audio").glob(f"{NAME}.*"))
        for block in blocks(str(audio)):
            yield block[0].astype("<i2").tobytes()

    event = asyncio.run(first())
    assert event["t"] >= 0
    assert event["data"]["Transcript"]["Results"][0]["IsPartial"] is True
    json.dumps(event)


def test_bad_input_is_told(tmp_path):
    for settings, message in (
        ({"transport": "udp"}, "transport='udp' is not one of websocket, http2"),
        ({"rate": 8000}, "rate=8000"),
        ({"pace": 0}, "pace=0"),
        ({"engine": "nosuch"}, "engine='nosuch' is not one of"),
        ({"split_channels": True, "engine": TranscribeMedical(speakers=2)}, "one channel"),
    ):
        with pytest.raises(InputError, match=message):
            medtx.stream(tmp_path / "a.wav", **KIND, **settings)
    with pytest.raises(ReadError, match="no such file"):
        medtx.stream(tmp_path / "a.wav", **KIND, engine="embedded").run()
    with pytest.raises(InputError, match="gave a str, not bytes"):
        medtx.stream(["text"], **KIND, engine="embedded").run()
    with pytest.raises(InputError, match="source is bytes, not a file"):
        medtx.stream(b"1234", **KIND)
