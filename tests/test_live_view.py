"""The live view of a stream, without a browser."""

import re
import threading

import pytest

import medtx
from medtx.engines import TranscribeMedical
from medtx.errors import InputError, MedtxError
from medtx.service import running
from tests.endpoint import account, login  # noqa: F401
from tests.test_stream import FAST, KIND, heard, served  # noqa: F401

HERE = {**KIND, "engine": "embedded", "model": "stock"}


def plain(html: str) -> str:
    return re.sub(r"<style>.*?</style>|<[^>]*>", "", html, flags=re.S)


def test_it_shows_what_the_stream_gives(served, monkeypatch):  # noqa: F811
    serve, audio, whole, log_in = served
    with serve() as made:
        log_in(made)
        service = TranscribeMedical(streaming_url=made.streaming_url)
        view = medtx.live(audio, **KIND, engine=service, pace=FAST)
        seen: list[str] = []
        view._text.observe(lambda change: seen.append(change["new"]), "value")
        with pytest.raises(MedtxError, match="the stream has not ended, it is not started"):
            view.transcripts  # noqa: B018
        t = view.wait(60)
    assert t is view.transcripts
    assert t.words["content"].tolist() == whole.words["content"].tolist()
    said = whole.text().iloc[0]
    assert re.sub(r"\d+:\d\d", " ", plain(view.html)).split() == said.split()
    assert any('class="partial"' in one for one in seen)
    assert 'class="partial"' not in view.html
    words = whole.words["kind"].eq("pronunciation").sum()
    assert repr(view) == f"<LiveView: ended, {words} words>"
    assert max(said.split(), key=len) not in str(view._repr_mimebundle_().values())


def test_it_is_stopped_and_started_again(heard):  # noqa: F811
    view = medtx.live(heard[1], **HERE, pace=4)
    final = threading.Event()
    view._text.observe(lambda change: final.set() if "final" in change["new"] else None, "value")
    view.start()
    view.start()  # does nothing
    assert final.wait(60)
    assert (view._start.disabled, view._stop.disabled) == (True, False)
    view._stop.click()
    first = view.wait(60)
    assert 0 < len(first.words) < len(heard[2].words)
    assert (view.state, view._start.disabled, view._stop.disabled) == ("ended", False, True)
    view._start.click()
    view.stop()
    assert len(view.wait(60).words) < len(heard[2].words)


def test_a_source_that_is_used_up_is_not_started_again():
    view = medtx.live([bytes(32000)], **HERE)
    assert len(view.wait().words) == 0
    assert view._start.disabled


def test_what_goes_wrong_stands_in_the_panel(tmp_path, account, monkeypatch):  # noqa: F811
    with pytest.raises(InputError, match="transport='udp' is not one of"):
        medtx.live("a.wav", **KIND, transport="udp")
    (tmp_path / "<b>.wav").write_text("no audio")
    view = medtx.live(tmp_path / "<b>.wav", **HERE)
    with pytest.raises(MedtxError, match="expected audio"):
        view.wait()
    assert view._status.value.startswith("failed: ")
    assert "&lt;b&gt;.wav" in view._status.value
    assert "<b>" not in view._status.value
    with running() as made:
        login(monkeypatch, made)
    gone = TranscribeMedical(streaming_url=made.streaming_url, retry_for=0.5)  # nobody answers there any more
    view = medtx.live([bytes(3200)], **KIND, engine=gone)
    with pytest.raises(MedtxError, match=r"cannot be reached|came to nothing"):
        view.wait(60)
    assert view._status.value.startswith("failed: ")


def test_what_a_broken_connection_left_open_goes_when_it_is_heard_again():
    view = medtx.live([b""], **HERE)
    for name, partial in (("one", True), ("two", True), ("three", False)):
        item = {"Type": "pronunciation", "Content": name, "StartTime": 0, "EndTime": 1}
        result = {"ResultId": name, "StartTime": 0, "EndTime": 1, "IsPartial": partial}
        result["Alternatives"] = [{"Transcript": name, "Items": [item]}]
        view._take({"t": 1000, "data": {"Transcript": {"Results": [result]}}})
        assert plain(view.html) == f"0:00{name}"


def test_words_cannot_be_markup_and_long_streams_stay_short():
    view = medtx.live([b""], **HERE)
    item = {"Type": "pronunciation", "Content": "<script>", "StartTime": 0, "EndTime": 1, "Confidence": 0.25}
    mark = {"Type": "punctuation", "Content": ".", "StartTime": 1, "EndTime": 1}
    for n in range(1000):
        result = {
            "ResultId": str(n),
            "StartTime": n,
            "EndTime": n + 1,
            "IsPartial": False,
            "ChannelId": "<i>",
        }
        result["Alternatives"] = [{"Transcript": "<script>.", "Items": [item, mark]}]
        view._take({"t": 1000 * n + 1500, "data": {"Transcript": {"Results": [result]}}})
    assert "<script>" not in view.html
    assert "<i>" not in view.html
    assert view.html.count("&lt;script&gt;</u>.") == 30
    assert "970 results before" in view.html
    assert '<u style="background: rgb(230 159 0 / 0.64)"' in view.html
    assert len(view.html) < 10_000
    assert repr(view) == "<LiveView: not started, 1,000 words>"
