"""Streams: the objects of the SDKs, streams that were cut, batch results of the same content, metrics."""

import json
from dataclasses import dataclass

import numpy as np
import pandas as pd
import pytest
from amazon_transcribe.deserialize import TranscribeStreamingEventParser
from hypothesis import given
from hypothesis import strategies as st

import medtx
from medtx.errors import InputError, ReadError
from tests.test_reading import check


def event(
    text: str, *, t: float = 0, at: int = 0, partial: bool = False, result: str = "a", **more: object
) -> dict:
    """An event with words of one second each from ``at``, arriving ``t`` seconds after the start."""
    items = [
        {"Type": "pronunciation", "StartTime": i, "EndTime": i + 1, "Content": word}
        | ({} if partial else {"Confidence": 0.5})
        for i, word in enumerate(text.split(), at)
    ]
    times = {"StartTime": at, "EndTime": at + len(items), "IsPartial": partial}
    alternative = {"Transcript": text, "Items": items}
    return {"t": 1000 * t, "data": {"ResultId": result, "Alternatives": [alternative], **times, **more}}


@pytest.fixture
def streams(shared):
    folder = shared / "transcribe-medical-stream"
    return {path: json.loads(path.read_text()) for path in sorted(folder.glob("*.json"))}


def words_of(source: object) -> pd.DataFrame:
    return medtx.read(source).words.drop(columns="recording")


def test_finals_are_the_words_of_a_batch_result(streams):
    """The same content, written as the batch service writes it: numbers as text, ids, audio segments."""
    for path, events in streams.items():
        finals = [e["data"] for e in events if not e["data"]["IsPartial"]]
        items, segments = [], []
        for result in finals:
            ids = []
            for item in result["Alternatives"][0]["Items"]:
                ids.append(len(items))
                alternative = {"content": item["Content"], "confidence": str(item.get("Confidence", "0.0"))}
                spoken = item["Type"] == "pronunciation"
                times = {"start_time": str(item["StartTime"]), "end_time": str(item["EndTime"])}
                label = {"speaker_label": f"spk_{item['Speaker']}"} if "Speaker" in item else {}
                kind = {"id": len(items), "type": item["Type"]}
                items.append(kind | (times if spoken else {}) | {"alternatives": [alternative]} | label)
            span = {"start_time": str(result["StartTime"]), "end_time": str(result["EndTime"])}
            transcript = result["Alternatives"][0]["Transcript"]
            segments.append({"id": len(segments), "transcript": transcript, "items": ids} | span)
        batch = {"jobName": path.stem, "results": {"items": items, "audio_segments": segments}}
        ours, theirs = medtx.read(path), medtx.read(batch)
        pd.testing.assert_frame_equal(ours.words, theirs.words)
        pd.testing.assert_frame_equal(ours.segments, theirs.segments)


def test_the_objects_of_amazon_transcribe(streams):
    parser = TranscribeStreamingEventParser()
    for path, events in streams.items():
        objects = [parser._parse_transcript_event({"Transcript": {"Results": [e["data"]]}}) for e in events]
        want = medtx.read(path)
        t = medtx.read(objects)
        assert t.recordings["recording"].tolist() == ["memory"]
        pd.testing.assert_frame_equal(t.words.drop(columns="recording"), words_of(path))
        assert t.events["transcript"].tolist() == want.events["transcript"].tolist()
        timed = medtx.read([{"t": e["t"], "data": o} for e, o in zip(events, objects)])
        assert timed.events["arrival"].tolist() == want.events["arrival"].tolist()
    assert medtx.read(objects[-1]).recordings["mode"].tolist() == ["streaming"]


@dataclass
class MedicalItem:  # as in aws-sdk-transcribe-streaming 0.12, which needs Python 3.12
    start_time: float = 0
    end_time: float = 0
    type: str | None = None
    content: str | None = None
    confidence: float | None = None
    speaker: str | None = None


@dataclass
class MedicalTranscriptEvent:
    transcript: object


@dataclass
class MedicalTranscript:
    results: list


@dataclass
class MedicalResult:
    result_id: str
    start_time: float
    end_time: float
    is_partial: bool
    alternatives: list
    channel_id: str | None = None


@dataclass
class MedicalAlternative:
    transcript: str
    items: list
    entities: list | None = None


@dataclass
class TranscriptEvent:
    value: object


def test_the_objects_of_aws_sdk_transcribe_streaming(streams):
    """Its classes are plain dataclasses, written out here by its source: 3.12 is not everywhere."""
    for path, events in streams.items():
        objects = []
        for e in events:
            best = e["data"]["Alternatives"][0]
            names = {"Type": "type", "Content": "content", "Confidence": "confidence", "Speaker": "speaker"}
            names |= {"StartTime": "start_time", "EndTime": "end_time"}
            items = [MedicalItem(**{names[k]: v for k, v in item.items()}) for item in best["Items"]]
            result = MedicalResult(
                e["data"]["ResultId"],
                e["data"]["StartTime"],
                e["data"]["EndTime"],
                e["data"]["IsPartial"],
                [MedicalAlternative(best["Transcript"], items)],
            )
            objects.append(TranscriptEvent(MedicalTranscriptEvent(MedicalTranscript([result]))))
        pd.testing.assert_frame_equal(words_of(objects), words_of(path))


def test_java_envelopes_in_small_letters():
    small = {
        "transcript": {
            "results": [
                {
                    "resultId": "a",
                    "startTime": 0,
                    "endTime": 1,
                    "isPartial": False,
                    "alternatives": [
                        {
                            "transcript": "yes",
                            "items": [
                                {"type": "pronunciation", "startTime": 0, "endTime": 1, "content": "yes"}
                            ],
                        }
                    ],
                }
            ]
        }
    }
    assert medtx.read([small]).text().tolist() == ["yes"]
    assert medtx.read(json.dumps(small).encode()).text().tolist() == ["yes"]


def test_streams_that_were_cut_are_read_up_to_there(streams, tmp_path):
    events = next(iter(streams.values()))
    whole = "\n".join(map(json.dumps, events)).encode()
    array = json.dumps(events).encode()
    for name, data in (("a.jsonl", whole), ("a.json", array)):
        cut = tmp_path / name
        for size in (len(data) // 2, len(data) - 5):
            cut.write_bytes(data[:size])
            with pytest.warns(UserWarning, match=f"{name}: cut before its stream ended"):
                t = medtx.read(cut)
            check(t)
            assert t.recordings["status"].tolist() == ["CUT"]
            count = data[:size].count(b'{"t":') - 1
            said = [e["data"]["Alternatives"][0]["Transcript"] for e in events[:count]]
            assert t.events["transcript"].tolist() == said
    cut.write_bytes(b"[" + b'{"hello": 1}, {"he')  # an array, but not of events
    with pytest.raises(ReadError, match="expected JSON: input data was truncated"):
        medtx.read(cut)
    with pytest.warns(UserWarning, match="cut before its stream ended|no result of this stream was final"):
        stopped = medtx.read(events[:3])  # whole events, but the last is not final
    assert stopped.recordings["status"].tolist() == ["CUT"]


def test_what_a_stream_says_of_its_words():
    items = [
        {"Type": "pronunciation", "StartTime": 0, "EndTime": 1, "Content": "***", "Confidence": 0.9},
        {"Type": "pronunciation", "StartTime": 1, "EndTime": 2, "Content": "[NAME]"},
        {
            "Type": "pronunciation",
            "StartTime": 2,
            "EndTime": 3,
            "Content": "hm",
            "VocabularyFilterMatch": True,
        },
    ]
    entity = {"StartTime": 1, "EndTime": 2, "Category": "PII", "Type": "NAME", "Content": "[NAME]"}
    final = event("", LanguageCode="en-US")["data"]
    final["Alternatives"] = [{"Transcript": "", "Items": items, "Entities": [entity | {"Confidence": 0.8}]}]
    t = medtx.read(final)
    assert t.words["filtered"].tolist() == ["masked", "redacted", "tagged"]
    assert t.words["phi"].astype(object).fillna("").tolist() == ["", "NAME", ""]
    assert t.phi[["category", "confidence"]].to_numpy().tolist() == [["NAME", 0.8]]
    assert t.recordings["language"].tolist() == ["en-US"]


def test_metrics_by_hand():
    stream = [
        event("No", t=1.5, partial=True),
        event("Know pain", t=2.5, partial=True),
        event("No pain to day", t=4.5, partial=True),
        event("No pain today", t=5, result="a"),
        event("", t=6, at=3, partial=True, result="b"),
        event("Fever", t=9, at=3, result="b"),
    ]
    t = medtx.read(stream)
    words = medtx.streaming_metrics(t, per="word")
    assert words["content"].tolist() == ["No", "pain", "today", "Fever"]
    assert words["first_latency"].tolist() == [0.5, 0.5, 1.5, 5]
    assert words["final_latency"].tolist() == [4, 3, 2, 5]
    assert words["revisions"].tolist() == [2, 0, 1, 0]
    total = medtx.streaming_metrics(t).loc["TOTAL"]
    assert total[["words", "revisions", "changed", "withdrawn"]].tolist() == [4, 0.75, 0.5, 1]
    later = medtx.streaming_metrics(t, start={"memory": 0.5}).loc["TOTAL"]
    assert later["first_latency"] == total["first_latency"] - 0.5
    bare = medtx.streaming_metrics(medtx.read([e["data"] for e in stream])).loc["TOTAL"]
    assert np.isnan(bare["first_latency"])
    assert bare["changed"] == 0.5


def test_metrics_of_real_streams(streams):
    t = medtx.read(list(streams))
    words = medtx.streaming_metrics(t, per="word")
    said = t.words[t.words["kind"] == "pronunciation"]
    assert words["position"].tolist() == said["position"].tolist()
    assert (words["first_latency"] <= words["final_latency"]).all()
    assert (words["first_latency"] > 0).all()
    rates = medtx.streaming_metrics(t)
    assert rates.index.tolist() == ["sample-1", "sample-2", "sample-3", "TOTAL"]
    assert rates.loc["TOTAL", "words"] == len(said)


def test_metrics_say_what_they_lack():
    with pytest.raises(InputError, match="no streaming events"):
        medtx.streaming_metrics(medtx.from_text({"a": "b"}))
    t = medtx.read([event("No", t=1.7e9)])
    with pytest.raises(InputError, match="arrivals are times of day"):
        medtx.streaming_metrics(t)
    assert medtx.streaming_metrics(t, start=1.7e9 - 2).loc["TOTAL", "final_latency"] == pytest.approx(1)
    with pytest.raises(InputError, match="per='x'"):
        medtx.streaming_metrics(t, per="x")


@given(
    st.lists(st.lists(st.sampled_from(["no", "know", "pain", "pains"]), max_size=6), min_size=1, max_size=6)
)
def test_metrics_account_for_every_word(shown):
    """Words that were shown are final or withdrawn; latencies never run backwards."""
    events = [event(" ".join(w), t=10 + n, partial=n < len(shown) - 1) for n, w in enumerate(shown)]
    t = medtx.read(events)
    words = medtx.streaming_metrics(t, per="word")
    assert len(words) == len(shown[-1])
    assert (words["first_latency"] <= words["final_latency"]).all()
    assert (words["revisions"] < len(shown)).all()


def test_metrics_keep_channels_apart():
    stream = [
        event("one two", t=2, ChannelId="ch_0"),
        event("three four", t=3, ChannelId="ch_1"),
        event("five six", t=11, at=2, ChannelId="ch_0", result="b"),
    ]
    words = medtx.streaming_metrics(medtx.read(stream), per="word")
    assert words["content"].tolist() == ["one", "two", "three", "four", "five", "six"]
    assert words["final_latency"].tolist() == [1, 0, 2, 1, 8, 7]
    with pytest.warns(UserWarning, match="before they can have been said"):
        late = medtx.streaming_metrics(medtx.read(stream), start=np.int64(1))
    assert late.loc["TOTAL", "words"] == 6
    assert np.isnan(late.loc["TOTAL", "final_latency"])


def test_damage_is_not_taken_for_a_cut(streams):
    data = json.dumps(next(iter(streams.values()))[:6]).encode()
    middle = len(data) // 2
    for damaged in (
        data + b" x",
        data[:middle] + b"}" + data[middle:],
        data[:middle] + b"}" + data[middle:-9],
    ):
        with pytest.raises(ReadError, match="expected"):
            medtx.read(damaged)


def test_events_of_a_generator_are_one_stream():
    t = medtx.read(e for e in [event("No", t=1, partial=True), event("No pain", t=2)])
    assert (len(t), len(t.events), t.text().tolist()) == (1, 2, ["No pain"])
