"""AWS's newer shapes: TranscribeAudio, HealthScribe, Connect Health, Call Analytics, Contact Lens.

The inputs are our own. Those that botocore has models of are held against these; the others are
built after the pages of AWS's guides that the readers name.
"""

import json
import warnings
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import replace
from typing import Any

import botocore.session
import numpy as np
import pandas as pd
import pytest
from botocore.exceptions import UnknownServiceError
from botocore.model import NoShapeFoundError
from botocore.validate import ParamValidator
from hypothesis import given, settings
from hypothesis import strategies as st

import medtx
from medtx.errors import InputError, ReadError


def as_modelled(service: str, shape: str, data: Any) -> Any:
    """``data``, after botocore found it to be of that shape, without a key that is not in it.

    The oldest botocore that medtx takes does not know all of them: a newer one holds data against them.
    """
    with suppress(UnknownServiceError, NoShapeFoundError):
        model = botocore.session.get_session().get_service_model(service)
        report = ParamValidator().validate(data, model.shape_for(shape))
        assert not report.has_errors(), report.generate_report()
    return data


def words(t: medtx.Transcripts) -> list[tuple[Any, ...]]:
    held = t.words[["content", "start", "end", "confidence", "speaker", "channel"]].astype(object)
    return list(held.where(held.notna(), None).itertuples(index=False, name=None))


# TranscribeAudio


def item(n: int, content: str, start: float | None = None, **more: Any) -> dict[str, Any]:
    times = {} if start is None else {"StartTime": start, "EndTime": start + 0.25}
    return {"Id": n, "Content": content, **times, **more}


def audio(**more: Any) -> dict[str, Any]:
    results = {
        "Transcript": "Take Ozempic.",
        "Items": [item(0, "Take", 0.5), item(1, "Ozempic", 1.0), item(2, ".")],
    }
    held = {"Metadata": {"MediaFormat": "wav", "MediaSampleRateHertz": 16000}, "Results": results} | more
    return as_modelled("transcribe", "TranscribeAudioResponse", {"TranscriptResponse": held})


def test_transcribe_audio_has_words_without_confidences(tmp_path):
    t = medtx.read(audio())
    assert words(t) == [
        ("Take", 0.5, 0.75, None, None, None),
        ("Ozempic", 1.0, 1.25, None, None, None),
        (".", None, None, None, None, None),
    ]
    assert t.words["kind"].tolist() == ["pronunciation", "pronunciation", "punctuation"]
    assert t.recordings[["engine", "mode"]].iloc[0].tolist() == ["amazon-transcribe", "batch"]
    assert t.text().tolist() == ["Take Ozempic."]
    path = tmp_path / "visit.json"
    path.write_text(json.dumps(audio()["TranscriptResponse"], indent=1))  # what lies in it, as S3 may have it
    assert medtx.read(path).text()["visit"] == "Take Ozempic."


def test_transcribe_audio_keeps_labels_languages_filters_and_redactions():
    said = [item(0, "Ann", 0.5, SpeakerLabel="spk_0", ChannelLabel="ch_0", LanguageCode="en-US")]
    said += [item(1, "hola", 1.0, SpeakerLabel="spk_1", ChannelLabel="ch_1", LanguageCode="es-US")]
    said[1]["VocabularyFilterMatch"] = True
    hidden = [item(0, "[PII]", 0.5, Redactions=[{"Type": "NAME"}]), item(1, "hola", 1.0)]
    about = {"LanguageCodes": [{"LanguageCode": "en-US", "DurationInSeconds": 0.5}], "NumberOfChannels": 2}
    both = audio(
        Metadata=about,
        Results={"Transcript": "Ann hola", "Items": said},
        RedactedResults={"Transcript": "[PII] hola", "Items": hidden},
    )
    t = medtx.read(both)
    assert t.words["content"].tolist() == ["Ann", "hola"]
    assert t.words["language"].tolist() == ["en-US", "es-US"]
    assert t.words["filtered"].astype(object).where(t.words["filtered"].notna(), None).tolist() == [
        None,
        "tagged",
    ]
    assert t.words["phi"].tolist()[0] == "NAME"
    assert t.phi[["start", "end", "category"]].iloc[0].tolist() == [0.5, 0.75, "NAME"]
    assert t.recordings[["channels", "language", "redacted"]].iloc[0].tolist() == [2, "en-US", False]
    del both["TranscriptResponse"]["Results"]  # RedactionOutput=redacted
    t = medtx.read(both)
    assert t.words["content"].tolist() == ["[PII]", "hola"]
    assert t.words["filtered"].tolist()[0] == "redacted"
    assert t.recordings["redacted"].tolist() == [True]


def test_transcribe_audio_empty_or_elsewhere():
    t = medtx.read(audio(Results={"Transcript": "", "Items": []}))
    assert (len(t), len(t.words), t.recordings["engine"].tolist()) == (1, 0, ["amazon-transcribe"])
    gone = {"OutputConfiguration": {"OutputMediaFileUri": "s3://bucket/a.json"}}
    with pytest.raises(ReadError, match="written to its OutputMediaFileUri"):
        medtx.read(as_modelled("transcribe", "TranscribeAudioResponse", gone))


def test_a_word_that_only_the_text_has_is_kept_and_told():
    with pytest.warns(UserWarning, match="1 word of a text is not in its list"):
        t = medtx.read(
            audio(
                Results={"Transcript": "Take two pills", "Items": [item(0, "Take", 1), item(2, "pills", 2)]}
            )
        )
    assert [w[:4] for w in words(t)] == [
        ("Take", 1, 1.25, None),
        ("two", None, None, None),
        ("pills", 2, 2.25, None),
    ]


@settings(deadline=None)
@given(st.lists(st.text(alphabet="abc", min_size=1, max_size=3), max_size=8), st.data())
def test_speech_in_is_words_out(said, data):
    """Whichever of the text's words the list has, all come out, in order."""
    kept = [word for word in said if data.draw(st.booleans())]
    items = [item(n, word, float(n)) for n, word in enumerate(kept)]
    made = audio(Results={"Transcript": " ".join(said), "Items": items})
    if len(kept) < len(said):
        with pytest.warns(UserWarning, match="not in its list"):
            t = medtx.read(made)
    else:
        t = medtx.read(made)
    assert sorted(t.words["content"]) == sorted(said)
    assert t.words["start"].notna().sum() == len(kept)


# HealthScribe, batch


def segment(name: str, start: float, end: float, text: str, role: str = "CLINICIAN_0") -> dict[str, Any]:
    about = {"ParticipantDetails": {"ParticipantRole": role}, "SectionDetails": {"SectionName": "OBJECTIVE"}}
    return {"SegmentId": name, "BeginAudioTime": start, "EndAudioTime": end, "Content": text, **about}


def spoken(content: str, start: float, end: float, sure: float | None = 0.5) -> dict[str, Any]:
    kind = "PUNCTUATION" if content in ".,?" else "PRONUNCIATION"
    best = {"Content": content} | ({} if sure is None else {"Confidence": sure})
    return {"Alternatives": [best], "BeginAudioTime": start, "EndAudioTime": end, "Type": kind}


def conversation(ids: tuple[str, str] = ("seg-a", "seg-b"), **more: Any) -> dict[str, Any]:
    items = [spoken("Pain", 0.25, 0.5, 0.875), spoken("?", 0, 0, 0)]
    items += [spoken("No", 1, 1.5, None), spoken(".", 0, 0, 0)]
    turns = [segment(ids[0], 0.25, 0.5, "Pain?"), segment(ids[1], 1, 1.5, "No.", "PATIENT_0")]
    known = {"ConversationId": "c-1", "JobName": "visit", "LanguageCode": "en-US"} | more
    return {"Conversation": known | {"TranscriptItems": items, "TranscriptSegments": turns}}


def document(ids: tuple[str, ...] = ("seg-b", "seg-x"), **more: Any) -> dict[str, Any]:
    links = [{"SegmentId": one} for one in ids]
    complaint = [
        {"SummarizedSegment": "Denies pain.", "EvidenceLinks": links},
        {"SummarizedSegment": "Seen today.", "EvidenceLinks": []},
    ]
    sections = [
        {"SectionName": "CHIEF_COMPLAINT", "Summary": complaint},
        {"SectionName": "PLAN", "Summary": []},
        {"SectionName": "ASSESSMENT", "Summary": [{"SummarizedSegment": "Well."}]},
    ]
    return {"ClinicalDocumentation": {"Sections": sections, **more}}


def test_healthscribe_transcript():
    t = medtx.read(conversation())
    assert words(t) == [
        ("Pain", 0.25, 0.5, 0.875, "CLINICIAN_0", None),
        ("?", None, None, None, "CLINICIAN_0", None),
        ("No", 1.0, 1.5, None, "PATIENT_0", None),
        (".", None, None, None, "PATIENT_0", None),
    ]
    assert t.segments[["start", "end", "transcript"]].to_numpy().tolist() == [
        [0.25, 0.5, "Pain?"],
        [1, 1.5, "No."],
    ]
    assert t.recordings[["recording", "engine", "language"]].iloc[0].tolist() == [
        "visit",
        "amazon-healthscribe",
        "en-US",
    ]


def test_healthscribe_segments_without_items_keep_their_words():
    """As the guide's own example has them, whose items end after the third segment."""
    made = conversation()
    made["Conversation"]["TranscriptSegments"].append(segment("seg-c", 2, 3, "Any fever?"))
    with pytest.warns(UserWarning, match="2 words of the texts are not in its list"):
        t = medtx.read(made)
    assert t.text()["visit"] == "Pain? No. Any fever?"
    assert t.words["segment"].tolist() == [0, 0, 1, 1, 2, 2]
    assert t.segments["start"].tolist() == [0.25, 1, 2]
    silent = {"Conversation": {"JobName": "s", "TranscriptItems": [], "TranscriptSegments": []}}
    t = medtx.read(silent)
    assert (len(t.words), t.recordings["engine"].tolist()) == (0, ["amazon-healthscribe"])


NOTES = [
    ["CHIEF_COMPLAINT", 0, "Denies pain.", "seg-b", 1],
    ["CHIEF_COMPLAINT", 0, "Denies pain.", "seg-x", -1],
    ["CHIEF_COMPLAINT", 1, "Seen today.", None, -1],
    ["ASSESSMENT", 2, "Well.", None, -1],
]


def notes(t: medtx.Transcripts) -> list[list[Any]]:
    held = t.notes[["section", "sentence", "text", "evidence", "segment"]].astype(object)
    return held.where(held.notna(), None).to_numpy().tolist()


@pytest.mark.parametrize("way", ["two files", "document first", "one object", "executor"])
def test_a_clinical_document_joins_the_transcript_of_its_segments(tmp_path, way):
    for n in range(3):  # another two conversations beside
        other = conversation((f"a{n}", f"b{n}"), JobName=f"other{n}")
        (tmp_path / f"other{n}.json").write_text(json.dumps(other))
    if way == "one object":
        (tmp_path / "both.json").write_text(json.dumps(conversation() | document()))
    else:
        first, second = ("b.json", "a.json") if way == "document first" else ("a.json", "b.json")
        (tmp_path / first).write_text(json.dumps(conversation()))
        (tmp_path / second).write_text(json.dumps(document()))
    if way == "executor":
        with ThreadPoolExecutor(2) as pool:
            t = medtx.read(tmp_path, executor=pool)
    else:
        t = medtx.read(tmp_path)
    assert sorted(t.recordings["recording"]) == ["other0", "other1", "other2", "visit"]
    assert notes(t) == NOTES
    assert set(t.notes["recording"]) == {"visit"}
    assert t.notes[["start", "end", "speaker"]].iloc[0].tolist() == [1.0, 1.5, "PATIENT_0"]
    assert t.notes["start"].isna().tolist() == [False, True, True, True]


def test_a_clinical_document_alone_is_a_recording_without_words(tmp_path):
    path = tmp_path / "summary.json"
    path.write_text(json.dumps(document(SessionId="s-9")))
    t = medtx.read(path)
    assert t.recordings[["recording", "engine", "status"]].iloc[0].tolist() == [
        "summary",
        "amazon-healthscribe",
        "NO_TRANSCRIPT",
    ]
    assert (len(t.words), len(t.segments), len(t.notes)) == (0, 0, 4)
    assert [row[:4] for row in notes(t)] == [row[:4] for row in NOTES]
    assert set(t.notes["segment"]) == {-1}
    with pytest.raises(InputError, match="no recording is on both sides"):  # it is no empty transcript
        medtx.align(references={"summary": "Pain?"}, hypotheses=t, normalize="plain")


def test_documents_are_told_apart_by_session_and_never_guessed():
    streamed = conversation(SessionId="s-1")
    other = conversation(SessionId="s-2", JobName="later")  # the same placeholder ids
    t = medtx.read([streamed, other, document(SessionId="s-2")])
    assert set(t.notes["recording"]) == {"later"}
    with pytest.warns(UserWarning, match="may belong to any of 2 transcripts"):
        t = medtx.read([conversation(), conversation(JobName="later"), document()])
    assert len(t) == 3
    assert set(t.notes["segment"]) == {-1}


def test_notes_survive_tables(tmp_path):
    t = medtx.read([conversation(), document()])
    kept = medtx.read(t.to_parquet(tmp_path / "tables"))
    pd.testing.assert_frame_equal(kept.notes, t.notes, check_categorical=False)
    assert notes(kept.select("visit")) == NOTES
    more = medtx.read([conversation(("p", "q"), JobName="next"), document(("q",))])
    both = medtx.concat([t, more])
    assert both.notes["recording"].tolist() == ["visit"] * 4 + ["next"] * 3
    assert both.select("next").notes["evidence"].tolist()[0] == "q"
    merged = both.merge(lambda name: "day")
    assert merged.notes["sentence"].tolist() == [0, 0, 1, 2, 3, 4, 5]
    at = merged.notes.loc[merged.notes["evidence"] == "q", "segment"].iloc[0]
    assert merged.segments["transcript"][at] == "No."
    assert t.summary()["notes"].tolist() == [4]


def test_redaction_leaves_no_text_of_notes():
    t = medtx.read([conversation(), document()])
    span = {"recording": "visit", "start": 0.2, "end": 0.6, "content": "Pain", "category": "NAME"}
    marked = replace(t, phi=pd.DataFrame([span | {"confidence": np.nan}]))
    assert set(marked.redact().notes["text"]) == {""}
    assert t.redact().notes["text"].tolist() == t.notes["text"].tolist()


# Calls


def turn(content: str, role: str, start: int, end: int, **more: Any) -> dict[str, Any]:
    return {
        "Id": "t",
        "Content": content,
        "BeginOffsetMillis": start,
        "EndOffsetMillis": end,
        **role_of(role),
        **more,
    }


def role_of(role: str) -> dict[str, str]:
    return {"ParticipantId": role, "ParticipantRole": role}


def lens(*turns: dict[str, Any], **more: Any) -> dict[str, Any]:
    people = [
        {"ParticipantId": "p-1", "ParticipantRole": "AGENT"},
        {"ParticipantId": "p-2", "ParticipantRole": "CUSTOMER"},
    ]
    about = {"Version": "1.1.0", "Channel": "VOICE", "JobStatus": "COMPLETED", "LanguageCode": "en-US"}
    return about | {"Participants": people, "Transcript": list(turns)} | more


def test_contact_lens_file():
    first = turn("Ask for [PII] now.", "", 0, 2000) | {"ParticipantId": "p-1"}
    first["Redaction"] = {"RedactedTimestamps": [{"BeginOffsetMillis": 500, "EndOffsetMillis": 900}]}
    second = turn("Yes.", "", 2500, 3000) | {"ParticipantId": "p-2"}
    for one in (first, second):
        del one["ParticipantRole"]  # the file's turns name the participant only
    t = medtx.read(lens(first, second, CustomerMetadata={"ContactId": "c-7"}))
    assert t.recordings[["recording", "engine", "status"]].iloc[0].tolist() == [
        "c-7",
        "amazon-connect-contact-lens",
        "COMPLETED",
    ]
    assert t.text(speakers=True)["c-7"] == "AGENT: Ask for [PII] now.\nCUSTOMER: Yes."
    assert t.segments[["start", "end"]].to_numpy().tolist() == [[0, 2], [2.5, 3]]
    assert t.words["start"].isna().all()
    assert t.words["confidence"].isna().all()
    assert t.words["filtered"].tolist()[2] == "redacted"
    assert t.phi[["start", "end", "content", "category"]].iloc[0].tolist() == [0.5, 0.9, "[PII]", "PII"]
    empty = medtx.read(lens())
    assert (len(empty.words), empty.recordings["engine"].tolist()) == (0, ["amazon-connect-contact-lens"])
    with pytest.raises(ReadError, match="transcript of a chat: nothing was spoken"):
        medtx.read(lens(Channel="CHAT"))


def test_two_agents_of_a_call_are_two_speakers():
    people = [{"ParticipantId": name, "ParticipantRole": "AGENT"} for name in ("p-1", "p-2")]
    turns = [
        turn("Hello.", "", 0, 500) | {"ParticipantId": name, "ParticipantRole": "AGENT"}
        for name in ("p-1", "p-2")
    ]
    assert medtx.read(lens(*turns, Participants=people)).words["speaker"].tolist() == ["p-1", "p-2"]


def test_call_analytics_result():
    items = [
        {
            "Type": "pronunciation",
            "Content": "I'm",
            "BeginOffsetMillis": 100,
            "EndOffsetMillis": 300,
            "Confidence": 0.75,
        },
        {"Type": "pronunciation", "Content": "[PII]", "BeginOffsetMillis": 300, "EndOffsetMillis": 700},
        {"Type": "punctuation", "Content": ".", "Confidence": 0.0},
    ]
    made = lens(turn("I'm [PII].", "AGENT", 100, 700, Items=items), JobName="call")
    t = medtx.read(made)
    assert t.recordings[["recording", "engine"]].iloc[0].tolist() == [
        "call",
        "amazon-transcribe-call-analytics",
    ]
    assert words(t) == [
        ("I'm", 0.1, 0.3, 0.75, "AGENT", "AGENT"),
        ("[PII]", 0.3, 0.7, None, "AGENT", "AGENT"),
        (".", None, None, None, "AGENT", "AGENT"),
    ]
    assert t.phi[["start", "end", "category"]].iloc[0].tolist() == [0.3, 0.7, "PII"]
    del made["Transcript"][0]["Items"][0]["Confidence"]
    assert medtx.read(made).words["confidence"].isna().all()


def test_contact_lens_segments_while_the_call_goes_on():
    """The answer of ListRealtimeContactAnalysisSegments, and the events of its Kinesis stream."""
    said = [
        {"Transcript": turn("Take two.", "AGENT", 0, 900, Sentiment="NEUTRAL")},
        {"Transcript": turn("I will.", "CUSTOMER", 1000, 1500, Sentiment="NEUTRAL")},
    ]
    for n, one in enumerate(said):
        one["Transcript"]["Id"] = f"t-{n}"
    matched = {"Categories": {"MatchedCategories": ["x"], "MatchedDetails": {}}}
    answer = {"Segments": [*said, matched]}
    t = medtx.read(as_modelled("connect-contact-lens", "ListRealtimeContactAnalysisSegmentsResponse", answer))
    assert t.text(speakers=True)["memory"] == "AGENT: Take two.\nCUSTOMER: I will."
    assert t.segments[["start", "end"]].to_numpy().tolist() == [[0, 0.9], [1, 1.5]]
    assert t.recordings[["engine", "mode"]].iloc[0].tolist() == ["amazon-connect-contact-lens", "streaming"]
    shown = {"Utterance": {"Id": "u", "TranscriptId": "t-0", "PartialContent": "Take", **role_of("AGENT")}}
    shown["Utterance"] |= {"BeginOffsetMillis": 0, "EndOffsetMillis": 300}
    event = {"Channel": "VOICE", "ContactId": "c-7", "EventType": "SEGMENTS"}
    log = [{**event, "EventType": "STARTED"}, {**event, "Segments": [shown]}, {**event, "Segments": said}]
    t = medtx.read(log)
    assert t.events["partial"].tolist() == [True, False, False]
    assert t.text()["memory"] == "Take two. I will."


# Nothing is taken for something else


KNOWN = {
    "TranscribeAudio": audio(),
    "HealthScribe": conversation(),
    "document": document(),
    "Contact Lens": lens(turn("Take two.", "AGENT", 0, 900)),
    "Call Analytics": lens(turn("Take two.", "AGENT", 0, 900, Items=[]), JobName="call"),
}


@pytest.mark.parametrize("name", KNOWN)
def test_a_known_format_that_is_not_whole_says_what_it_is(name):
    """Whatever is taken away, the reason names this format, or it is not known; no other takes it."""
    engine = medtx.read(KNOWN[name]).recordings["engine"].tolist()

    def without(data: Any, path: tuple[Any, ...] = ()) -> Any:
        if isinstance(data, dict | list) and data:
            for key in data if isinstance(data, dict) else range(len(data)):
                yield (*path, key)
                yield from without(data[key], (*path, key))

    reasons: list[str] = []
    for path in without(KNOWN[name]):
        made = json.loads(json.dumps(KNOWN[name]))
        held = made
        for key in path[:-1]:
            held = held[key]
        del held[path[-1]]
        told = engine
        try:
            with warnings.catch_warnings(action="ignore"):
                told = medtx.read(made).recordings["engine"].tolist()
        except ReadError as error:
            reasons.append(str(error))
        assert told in (engine, ["amazon-connect-contact-lens"])
    assert not [reason for reason in reasons if "streaming result" in reason]


def test_a_batch_result_keeps_the_words_that_only_its_text_has():
    items = [
        {
            "start_time": f"{n}",
            "end_time": f"{n}.5",
            "type": "pronunciation",
            "alternatives": [{"content": word}],
        }
        for n, word in enumerate(["Take", "pills"])
    ]
    items[0]["alternatives"][0]["confidence"] = "0.5"
    made = {
        "jobName": "visit",
        "results": {"items": items, "transcripts": [{"transcript": "Take two pills"}]},
    }
    with pytest.warns(UserWarning, match="1 word of a text is not in its list"):
        t = medtx.read(made)
    assert [word[:4] for word in words(t)] == [
        ("Take", 0, 0.5, 0.5),
        ("two", None, None, None),
        ("pills", 1, 1.5, None),
    ]
