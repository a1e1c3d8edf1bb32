"""Logs of streams: how they end, how many sessions they hold, what medtx writes, and how late words came.

The inputs are our own, built after the API reference of Transcribe's streams and aws-sdk-connecthealth's
model, whose event botocore knows too.
"""

import json
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest
from amazon_transcribe.exceptions import BadRequestException
from hypothesis import given, settings
from hypothesis import strategies as st

import medtx
from medtx.errors import ReadError
from tests.test_aws_formats import as_modelled


def result(text: str, at: float = 0.0, name: str = "a", partial: bool = False, **more: Any) -> dict[str, Any]:
    """A result with words of half a second each, from ``at``."""
    said = text.split()
    items = [
        {"Type": "pronunciation", "Content": word, "StartTime": at + n / 2, "EndTime": at + n / 2 + 0.5}
        | ({} if partial else {"Confidence": 0.75})
        for n, word in enumerate(said)
    ]
    times = {"StartTime": at, "EndTime": at + len(said) / 2}
    best = {"Transcript": text, "Items": items}
    return {"ResultId": name, "IsPartial": partial, "Alternatives": [best], **times, **more}


def event(*given: Any, **more: Any) -> dict[str, Any]:
    return {"Transcript": {"Results": [result(*given, **more)]}}


def lines(*events: Any) -> bytes:
    return "\n".join(map(json.dumps, events)).encode()


# The exception that ends a stream

MESSAGE = "Your request timed out because no new audio was received for 15 seconds."
ENDS = {
    "member of the stream": {"BadRequestException": {"Message": MESSAGE}},
    "as Java and Connect Health write it": {"badRequestException": {"message": MESSAGE}},
    "in the stream's envelope": {"TranscriptResultStream": {"BadRequestException": {"Message": MESSAGE}}},
    "with the headers": {
        ":message-type": "exception",
        ":exception-type": "BadRequestException",
        "Message": MESSAGE,
    },
    "a message of JavaScript": {
        "headers": {":exception-type": {"type": "string", "value": "BadRequestException"}},
        "body": json.dumps({"Message": MESSAGE}),
    },
    "as JSON services do": {"__type": "com.amazon.transcribe#BadRequestException", "message": MESSAGE},
    "with a type": {"Type": "BadRequestException", "Message": MESSAGE},
    "an error of JavaScript": {"name": "BadRequestException", "$fault": "client", "message": MESSAGE},
    "an error of boto3": {
        "Error": {"Code": "BadRequestException", "Message": MESSAGE},
        "ResponseMetadata": {},
    },
    "recorded": {"t": 15000, "data": {"BadRequestException": {"Message": MESSAGE}}},
    "an object": BadRequestException(MESSAGE),
}


@pytest.mark.parametrize("way", ENDS)
def test_the_words_before_an_exception_are_kept(way, tmp_path):
    log = [event("no pain"), ENDS[way]]
    sources = [log] if way == "an object" else [log, lines(*log), json.dumps(log).encode()]
    for source in sources:
        with pytest.warns(UserWarning, match="the service ended its stream .*BadRequestException"):
            t = medtx.read(source)
        assert t.text().tolist() == ["no pain"]
        assert t.recordings["status"].tolist() == ["FAILED"]
        assert t.recordings["reason"].tolist() == [f"BadRequestException: {MESSAGE}"]
    aligned = medtx.align(references={"memory": "no pain"}, hypotheses=t, normalize="plain")
    assert aligned.rates().loc["TOTAL", "wer"] == 0  # what was recognised is scored


@pytest.mark.parametrize(
    "code",
    [
        "LimitExceededException",
        "InternalFailureException",
        "ConflictException",
        "ServiceUnavailableException",
        "UnrecognizedClientException",
        "ThrottlingException",
    ],
)
def test_each_exception_of_the_service(code):
    with pytest.warns(UserWarning, match=code):
        t = medtx.read(lines(event("no"), {code: {"Message": ""}}))
    assert t.recordings[["status", "reason"]].iloc[0].tolist() == ["FAILED", code]
    with pytest.warns(UserWarning, match=code):  # before any word
        t = medtx.read([{code: {"Message": "x"}}])
    assert (len(t), len(t.words), t.recordings["reason"].tolist()) == (1, 0, [f"{code}: x"])


def test_an_exception_in_the_guides_compiled_output_is_none():
    """There each possible exception stands empty beside the event."""
    empty = dict.fromkeys(("BadRequestException", "ConflictException", "InternalFailureException"))
    whole = {"TranscriptResultStream": {**{key: {} for key in empty}, "TranscriptEvent": event("no pain")}}
    t = medtx.read(json.dumps(whole).encode())
    assert (t.text().tolist(), t.recordings["status"].tolist()) == (["no pain"], ["COMPLETED"])


def test_a_stream_that_goes_on_after_an_exception_has_not_failed():
    log = [event("no"), {"ServiceUnavailableException": {"Message": "x"}}, event("pain", at=0.5, name="b")]
    t = medtx.read(log)
    assert t.text().tolist() == ["no pain"]
    assert t.recordings[["status", "reason"]].iloc[0].tolist() == [
        "COMPLETED",
        "ServiceUnavailableException: x",
    ]


def test_odd_events_cost_themselves_only():
    log = [event("no"), {"HeartbeatEvent": {"n": 1}}, event("pain", at=0.5, name="b")]
    with pytest.warns(UserWarning, match=r"1 event that holds no result left out, the first at \[1\]"):
        t = medtx.read(log)
    assert t.text().tolist() == ["no pain"]
    odd = event("hm pain")
    odd["Transcript"]["Results"][0]["Alternatives"][0]["Items"][0]["Type"] = "laughter"
    assert medtx.read([odd]).words["kind"].tolist() == ["laughter", "pronunciation"]
    with pytest.raises(ReadError, match=r"at \[0\]: expected a streaming result"):
        medtx.read([{"ResultId": "a"}])


# Several sessions

OPENED = {
    "RequestId": "r",
    "LanguageCode": "en-US",
    "MediaSampleRateHertz": 16000,
    "MediaEncoding": "pcm",
    "Specialty": "CARDIOLOGY",
    "Type": "DICTATION",
}
HEADERS = {
    "x-amzn-transcribe-language-code": "en-US",
    "x-amzn-transcribe-sample-rate": "16000",
    "x-amzn-transcribe-specialty": "CARDIOLOGY",
    "x-amzn-transcribe-type": "DICTATION",
}


def two(way: str) -> list[Any]:
    first, second = event("no pain"), event("any fever today", name="b")
    if way == "times":
        return [first, second]
    if way == "answers":
        return [
            OPENED | {"SessionId": "s-1"},
            first,
            OPENED | {"SessionId": "s-2"},
            event("any fever today", 5, "b"),
        ]
    if way == "headers":
        session = "x-amzn-transcribe-session-id"
        return [HEADERS | {session: "s-1"}, first, HEADERS | {session: "s-2"}, second]
    if way == "mixed":
        one, other = event("no", name="c"), event("pain", 0.5, "d")
        return [one | {"SessionId": "s-1"}, second | {"SessionId": "s-2"}, other | {"SessionId": "s-1"}]
    return [first | {"SessionId": "s-1"}, second | {"SessionId": "s-2"}]


@pytest.mark.parametrize("way", ["times", "answers", "headers", "events", "mixed"])
def test_two_sessions_are_two_recordings(way, tmp_path):
    path = tmp_path / "log.jsonl"
    path.write_bytes(lines(*two(way)))
    t = medtx.read(path)
    names = ["log", "log#2"] if way == "times" else ["s-1", "s-2"]
    assert t.recordings["recording"].tolist() == names
    assert t.text().to_dict() == dict(zip(names, ["no pain", "any fever today"]))
    if way in ("answers", "headers"):
        about = t.recordings[["engine", "specialty", "type", "language", "sample_rate"]]
        want = ["amazon-transcribe-medical", "CARDIOLOGY", "DICTATION", "en-US", 16000]
        assert about.to_numpy().tolist() == [want, want]


def test_one_session_has_the_name_of_its_file(tmp_path):
    path = tmp_path / "visit.jsonl"
    path.write_bytes(lines(OPENED | {"SessionId": "s-1"}, event("no"), event("pain", 0.5, "b")))
    assert medtx.read(path).text().to_dict() == {"visit": "no pain"}


def test_voices_that_overlap_are_one_session():
    log = [event("one two three", ChannelId="ch_0"), event("four", 0.5, "b", ChannelId="ch_1")]
    assert len(medtx.read(log)) == 1
    late = [event("one two", 100), event("three", 100.5, "b")]  # a little before the end of the other
    assert len(medtx.read(late)) == 1


@settings(deadline=None)
@given(
    st.lists(
        st.lists(st.sampled_from(["no pain", "fever", "any cough today"]), min_size=1, max_size=4),
        min_size=1,
        max_size=4,
    ),
    st.booleans(),
)
def test_no_word_of_any_session_is_lost(streams, failing):
    log: list[Any] = []
    for n, said in enumerate(streams):
        at = 0.0
        for m, text in enumerate(said):
            log.append(event(text, at, f"{n}/{m}"))
            at += len(text.split()) / 2
    if failing:
        log.append({"ConflictException": {"Message": "x"}})
        with pytest.warns(UserWarning, match="ConflictException"):
            t = medtx.read(log)
    else:
        t = medtx.read(log)
    assert t.text().tolist() == [" ".join(said) for said in streams]
    assert t.recordings["status"].tolist()[-1] == ("FAILED" if failing else "COMPLETED")


# The other services' streams


def scribe(
    text: str, at: float, per: float, name: str = "s-0", partial: bool = False, **more: Any
) -> dict[str, Any]:
    held = result(text, at, name, partial)
    items = [
        {
            "BeginAudioTime": one["StartTime"] * per,
            "EndAudioTime": one["EndTime"] * per,
            **{key: value for key, value in one.items() if key not in ("StartTime", "EndTime")},
        }
        for one in held["Alternatives"][0]["Items"]
    ]
    times = {"BeginAudioTime": at * per, "EndAudioTime": held["EndTime"] * per}
    segment = {"SegmentId": name, "Content": text, "Items": items, "IsPartial": partial, **times, **more}
    return {"TranscriptEvent": {"TranscriptSegment": segment}}


@pytest.mark.parametrize("per", [1, 1000])
@pytest.mark.parametrize("with_items", [True, False])
def test_healthscribe_times_are_seconds_in_either_unit(per, with_items):
    """The reference says milliseconds, of Transcribe's streams too, which send seconds."""
    log = [scribe("any", 0.5, per, partial=True), scribe("any pain", 0.5, per), scribe("no", 90, per, "s-1")]
    if not with_items:
        for one in log:
            one["TranscriptEvent"]["TranscriptSegment"]["Items"] = []
    t = medtx.read(lines(*log))
    assert t.recordings[["engine", "mode"]].iloc[0].tolist() == ["amazon-healthscribe", "streaming"]
    assert t.segments[["start", "end"]].to_numpy().tolist() == [[0.5, 1.5], [90, 90.5]]
    assert t.events["start"].tolist() == [0.5, 0.5, 90]
    assert t.events["partial"].tolist() == [True, False, False]
    assert t.events["result"].tolist() == ["s-0", "s-0", "s-1"]
    assert t.words["content"].tolist() == ["any", "pain", "no"]
    if with_items:
        assert t.words["start"].tolist() == [0.5, 1, 90]
        assert t.words["confidence"].tolist() == [0.75] * 3


def test_healthscribe_channels_have_their_roles():
    roles = [{"ChannelId": 0, "ParticipantRole": "CLINICIAN"}, {"ChannelId": 1, "ParticipantRole": "PATIENT"}]
    asked = {"ConfigurationEvent": {"ChannelDefinitions": roles}}
    log = [asked, scribe("any pain", 0, 1, ChannelId="0"), scribe("no", 0.5, 1, "s-1", ChannelId="1")]
    t = medtx.read(log)
    assert t.words["speaker"].tolist() == ["CLINICIAN", "CLINICIAN", "PATIENT"]
    assert t.words["channel"].tolist() == ["0", "0", "1"]
    assert t.recordings["channels"].tolist() == [2]


def health(text: str, at: float, per: float, name: str = "s-0", partial: bool = False) -> dict[str, Any]:
    times = {"audioBeginOffset": at * per, "audioEndOffset": (at + len(text.split()) / 2) * per}
    held = {"segmentId": name, "content": text, "isPartial": partial, "channelId": "ch_0", **times}
    made = {"transcriptEvent": {"transcriptSegment": held}}
    return as_modelled("connecthealth", "MedicalScribeOutputStream", made)


@pytest.mark.parametrize("per", [1, 1000])
def test_connect_health_has_segments_with_times_and_words_without(per):
    checklist = {"checklistEvent": {"snapshotVersion": 1, "checklists": []}}
    log = [
        health("any", 1, per, partial=True),
        checklist,
        health("any pain", 1, per),
        health("no", 9, per, "s-1"),
    ]
    for source in (log, lines(*log)):
        t = medtx.read(source)
        assert t.recordings["engine"].tolist() == ["amazon-connect-health"]
        assert t.segments[["start", "end"]].to_numpy().tolist() == [[1, 2], [9, 9.5]]
        assert t.words["content"].tolist() == ["any", "pain", "no"]
        assert t.words[["start", "confidence"]].isna().all(axis=None)
        assert t.words["channel"].tolist() == ["ch_0"] * 3
        assert t.events["partial"].tolist() == [True, False, False]
    with pytest.warns(UserWarning, match="InternalFailureException: x"):
        t = medtx.read([*log, {"internalFailureException": {"message": "x"}}])
    assert t.recordings["status"].tolist() == ["FAILED"]


def utterance(
    text: str, at: float, role: str, name: str, partial: bool = False, **more: Any
) -> dict[str, Any]:
    def timed(one: dict[str, Any]) -> dict[str, Any]:
        start, end = round(1000 * one.pop("StartTime")), round(1000 * one.pop("EndTime"))
        return {"BeginOffsetMillis": start, "EndOffsetMillis": end} | one

    held = result(text, at, name, partial)
    items = [timed(one) for one in held["Alternatives"][0]["Items"]]
    times = timed({"StartTime": at, "EndTime": held["EndTime"]})
    about = {"UtteranceId": name, "ParticipantRole": role, "IsPartial": partial, "Transcript": text}
    return {"UtteranceEvent": {**about, **times, "Items": items, "Sentiment": "NEUTRAL", **more}}


def test_call_analytics_stream():
    pii = {
        "Content": "Ann",
        "Category": "PII",
        "Type": "NAME",
        "BeginOffsetMillis": 1000,
        "EndOffsetMillis": 1500,
    }
    pii["Confidence"] = 0.5
    issue = [{"CharacterOffsets": {"BeginOffsetChar": 0, "EndOffsetChar": 2}}]
    log = [
        {"CategoryEvent": {"MatchedCategories": [], "MatchedDetails": {}}},
        utterance("I", 0, "AGENT", "u-0", partial=True),
        utterance("I am Ann", 0, "AGENT", "u-0", Entities=[pii], IssuesDetected=issue),
        utterance("yes", 0.5, "CUSTOMER", "u-1"),  # while the agent speaks
    ]
    t = medtx.read(lines(*log))
    assert t.recordings[["engine", "mode"]].to_numpy().tolist() == [
        ["amazon-transcribe-call-analytics", "streaming"]
    ]
    assert t.text(speakers=True)["memory"] == "AGENT: I am Ann\nCUSTOMER: yes"
    assert t.words["start"].tolist() == [0, 0.5, 1, 0.5]
    assert t.words["confidence"].tolist() == [0.75] * 4
    assert t.phi[["start", "end", "content", "category"]].iloc[0].tolist() == [1, 1.5, "Ann", "NAME"]
    assert t.words["phi"].tolist()[2] == "NAME"
    assert t.events["partial"].tolist() == [True, False, False]


@dataclass
class MedicalScribeTranscriptSegment:  # as in aws-sdk-transcribe-streaming 0.12, which needs Python 3.12
    segment_id: str
    begin_audio_time: float
    end_audio_time: float
    content: str
    items: list[Any]
    is_partial: bool = False
    channel_id: str | None = None


@dataclass
class Event:
    transcript_segment: Any


@dataclass
class Member:
    value: Any


def test_the_objects_of_the_sdks():
    segment = MedicalScribeTranscriptSegment("s", 0.0, 1.0, "no pain", [])
    t = medtx.read([Member(Event(segment))])
    assert t.text().tolist() == ["no pain"]
    assert t.segments["end"].tolist() == [1]
    with pytest.warns(UserWarning, match="BadRequestException"):
        t = medtx.read([Member(Event(segment)), Member(BadRequestException("x"))])
    assert t.recordings["reason"].tolist() == ["BadRequestException: x"]


def test_segments_of_live_call_analytics():
    """AWS's sample solution of that name documents its events on Kinesis."""
    about = {"CallId": "c-1", "EventType": "ADD_TRANSCRIPT_SEGMENT", "Channel": "AGENT"}
    log = [
        {"CallId": "c-1", "EventType": "START"},
        about | {"SegmentId": "a", "StartTime": 0.5, "EndTime": 1, "Transcript": "no", "IsPartial": True},
        about
        | {"SegmentId": "a", "StartTime": 0.5, "EndTime": 1.5, "Transcript": "no pain", "IsPartial": False},
        {"CallId": "c-1", "EventType": "END"},
    ]
    t = medtx.read(log)
    assert t.text(speakers=True).tolist() == ["AGENT: no pain"]
    assert t.segments[["start", "end"]].to_numpy().tolist() == [[0.5, 1.5]]


# What medtx itself records


def test_a_record_reads_back_as_what_it_is(tmp_path):
    path = tmp_path / "visit.jsonl"
    silence = [bytes(32000)] * 2
    stream = medtx.stream(silence, specialty="UROLOGY", type="DICTATION", engine="embedded", record=path)
    t = stream.run()
    again = medtx.read(path)
    same = ["engine", "mode", "specialty", "type", "language", "sample_rate", "status", "duration"]
    assert again.recordings[same].astype(str).equals(t.recordings[same].astype(str))
    assert again.recordings[["specialty", "type", "sample_rate"]].iloc[0].tolist() == [
        "UROLOGY",
        "DICTATION",
        16000,
    ]
    first = json.loads(path.read_text().splitlines()[0])
    assert first["data"]["Transcript"]["Results"] == []  # for those who look for results only


def test_a_record_of_several_sessions_is_one_recording():
    header = {
        "t": 0,
        "data": {"Transcript": {"Results": []}},
        "medtx": {"engine": "e", "specialty": "ONCOLOGY"},
    }
    log = [header, event("no pain"), event("pain today", 0.5, "b")]
    t = medtx.read(log)
    assert t.recordings[["recording", "engine", "specialty"]].to_numpy().tolist() == [
        ["memory", "e", "ONCOLOGY"]
    ]
    assert medtx.read([header]).recordings["engine"].tolist() == ["e"]  # nothing was said


# How late words came


def sent(t: float, audio: float | None, *given: Any, **more: Any) -> dict[str, Any]:
    clock = {"t": 1000 * t} | ({} if audio is None else {"sent": 1000 * audio})
    return clock | {"data": event(*given, **more)}


def test_latency_counts_from_when_the_audio_was_sent():
    """Ten seconds of sound were sent in one: the word that ends at 9 was sent at .9."""
    log = [sent(1.0, 10.0, "no", 8.5, partial=True), sent(1.5, 10.0, "no", 8.5)]
    words = medtx.streaming_metrics(medtx.read(log), per="word")
    assert words["first_latency"].tolist() == pytest.approx([0.1])
    assert words["final_latency"].tolist() == pytest.approx([0.6])
    real = [sent(9.2, 9.2, "no", 8.5, partial=True), sent(9.5, 9.5, "no", 8.5)]  # at the pace of speech
    assert medtx.streaming_metrics(medtx.read(real), per="word")["final_latency"].tolist() == pytest.approx(
        [0.5]
    )
    bare = [sent(9.2, None, "no", 8.5, partial=True), sent(9.5, None, "no", 8.5)]
    assert medtx.streaming_metrics(medtx.read(bare), per="word")["final_latency"].tolist() == pytest.approx(
        [0.5]
    )


def test_latency_is_not_known_where_words_come_before_they_were_said():
    log = [sent(0.5, None, "no", 0), sent(1.0, None, "pain", 30, "b")]
    t = medtx.read(log)
    with pytest.warns(UserWarning, match="sent faster than speech"):
        table = medtx.streaming_metrics(t)
    assert table["final_latency"].isna().all()
    assert table["words"].tolist() == [2, 2]


@settings(deadline=None)
@given(
    st.lists(st.tuples(st.floats(0, 5), st.floats(0, 5)), min_size=1, max_size=12),
    st.floats(0.1, 20),
)
def test_latency_is_never_negative(steps, pace):
    """However the audio is sent, and however late its words come."""
    clock = audio = 0.0
    log = []
    for n, (pause, heard) in enumerate(steps):
        clock += pause
        audio += heard * pace
        log.append(sent(clock, audio, "no", max(audio - 0.5, 0.0), f"r{n}"))
    words = medtx.streaming_metrics(medtx.read(log), per="word")
    assert (words["final_latency"] >= 0).all()
    assert (words["first_latency"] <= words["final_latency"]).all()


def test_a_stream_as_fast_as_it_goes_has_no_negative_latency():
    path = medtx.load_dataset("dictations").audio.iloc[0]
    t = medtx.stream(path, specialty="CARDIOLOGY", type="DICTATION", engine="embedded").run()
    words = medtx.streaming_metrics(t, per="word")
    assert len(words)
    assert (words["final_latency"] >= 0).all()
    assert np.isfinite(words["final_latency"]).all()
