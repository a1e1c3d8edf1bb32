"""Results of other engines: real files where there are some, the documented shape elsewhere."""

import contextlib
import copy
import json
import warnings

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import medtx
from medtx.errors import ReadError
from tests.test_reading import check

WHISPER = {
    "text": " No chest pain.",
    "language": "en",
    "segments": [
        {
            "id": 0,
            "start": 0.0,
            "end": 1.2,
            "text": " No chest",
            "words": [
                {"word": " No", "start": 0.0, "end": 0.3, "probability": 0.9},
                {"word": " chest", "start": 0.3, "end": 1.2, "probability": 0.8},
            ],
        },
        {
            "id": 1,
            "start": 1.2,
            "end": 1.6,
            "text": " pain.",
            "words": [{"word": " pain.", "start": 1.2, "end": 1.6, "probability": 0.4}],
        },
    ],
}
TIMESTAMPED = copy.deepcopy(WHISPER)
for _segment in TIMESTAMPED["segments"]:
    for _word in _segment["words"]:
        _word["text"] = _word.pop("word").strip()
        _word["confidence"] = _word.pop("probability")
ASSEMBLYAI = {
    "id": "a1",
    "status": "completed",
    "audio_duration": 2,
    "language_code": "en_us",
    "words": [
        {"text": "No", "start": 0, "end": 300, "confidence": 0.9, "speaker": "A"},
        {"text": "chest", "start": 300, "end": 1200, "confidence": 0.8, "speaker": "A"},
        {"text": "pain.", "start": 1200, "end": 1600, "confidence": 0.4, "speaker": "B"},
    ],
}
VOSK = [
    {
        "result": [
            {"conf": 0.9, "start": 0.0, "end": 0.3, "word": "No"},
            {"conf": 0.8, "start": 0.3, "end": 1.2, "word": "chest"},
        ],
        "text": "No chest",
    },
    {"text": ""},
    {"result": [{"conf": 0.4, "start": 1.2, "end": 1.6, "word": "pain."}], "text": "pain."},
]


def _scribe(content: str, start: float, end: float, confidence: float, kind: str = "PRONUNCIATION") -> dict:
    best = [{"Confidence": confidence, "Content": content}]
    return {"Alternatives": best, "BeginAudioTime": start, "EndAudioTime": end, "Type": kind}


HEALTHSCRIBE = {
    "Conversation": {
        "ConversationId": "visit",
        "LanguageCode": "en-US",
        "TranscriptItems": [
            _scribe("No", 0.0, 0.3, 0.9),
            _scribe("chest", 0.3, 1.2, 0.8),
            _scribe(".", 0, 0, 0, "PUNCTUATION"),
            _scribe("pain", 1.2, 1.6, 0.4),
        ],
        "TranscriptSegments": [
            {
                "BeginAudioTime": 0.0,
                "EndAudioTime": 1.2,
                "ParticipantDetails": {"ParticipantRole": "CLINICIAN_0"},
            },
            {
                "BeginAudioTime": 1.2,
                "EndAudioTime": 1.6,
                "ParticipantDetails": {"ParticipantRole": "PATIENT_0"},
            },
        ],
    }
}
SHAPES = {
    "openai-whisper": (WHISPER, "whisper"),
    "faster-whisper": (WHISPER["segments"], "whisper"),
    "whisper-timestamped": (TIMESTAMPED, "whisper"),
    "assemblyai": (ASSEMBLYAI, "assemblyai"),
    "vosk": (VOSK, "vosk"),
    "healthscribe": (HEALTHSCRIBE, "amazon-healthscribe"),
}


@pytest.mark.parametrize("name", SHAPES)
def test_words_times_and_confidences_are_where_they_belong(name, tmp_path):
    data, engine = SHAPES[name]
    path = tmp_path / "visit.json"
    path.write_text(json.dumps(data))
    t = medtx.read(path)
    check(t)
    assert t.recordings.loc[0, ["recording", "engine", "mode"]].tolist() == ["visit", engine, "batch"]
    words = t.words[t.words["kind"] == "pronunciation"]
    assert [word.rstrip(".") for word in words["content"]] == ["No", "chest", "pain"]
    assert words["start"].tolist() == [0.0, 0.3, 1.2]
    assert words["end"].tolist() == [0.3, 1.2, 1.6]
    assert words["confidence"].tolist() == [0.9, 0.8, 0.4]
    assert words["segment"].tolist() == [0, 0, 1]
    memory = data if isinstance(data, dict) else json.dumps(data).encode()  # a list is several sources
    assert medtx.read(memory).text().tolist() == t.text().tolist()


def test_speakers_are_kept():
    assert medtx.read(ASSEMBLYAI).words["speaker"].tolist() == ["A", "A", "B"]
    speakers = medtx.read(HEALTHSCRIBE).words["speaker"].tolist()
    assert speakers == ["CLINICIAN_0", "CLINICIAN_0", "CLINICIAN_0", "PATIENT_0"]


def test_whisper_without_word_times_has_words_without_times():
    plain = copy.deepcopy(WHISPER)
    for segment in plain["segments"]:
        del segment["words"]
    t = medtx.read(plain)
    assert t.text().tolist() == ["No chest pain."]
    assert t.words["start"].isna().all()
    assert t.words["confidence"].isna().all()


def test_deepgrams_real_answers(shared):
    for path in sorted((shared / "deepgram").glob("*-response.json")):
        t = medtx.read(path)
        check(t)
        raw = json.loads(path.read_text())
        best = (raw["results"]["channels"][0] if "results" in raw else raw["channel"])["alternatives"][0]
        assert t.text().iloc[0] == best["transcript"], path.name
        assert t.words["confidence"].tolist() == [word["confidence"] for word in best["words"]]
        assert t.words["start"].tolist() == [word["start"] for word in best["words"]]
        assert t.recordings["engine"].item() == "deepgram"


def test_two_deepgram_channels_stay_apart(shared):
    raw = json.loads(next((shared / "deepgram").glob("b00dc*29e7*-response.json")).read_text())
    raw["results"]["channels"] *= 2
    t = medtx.read(raw)
    check(t)
    assert t.recordings["channels"].item() == 2
    assert t.segments["channel"].tolist() == ["ch_0", "ch_1"]


def test_call_analytics_real_result(shared):
    path = shared / "call-analytics" / "example-call.json"
    t = medtx.read(path)
    check(t)
    raw = json.loads(path.read_text())
    assert t.segments["transcript"].tolist() == [turn["Content"] for turn in raw["Transcript"]]
    assert t.words["content"].tolist() == [i["Content"] for turn in raw["Transcript"] for i in turn["Items"]]
    assert set(t.segments["speaker"]) == {"AGENT", "CUSTOMER"}
    redacted = t.words["content"] == "[PII]"
    assert redacted.any()
    assert t.words.loc[redacted, "confidence"].isna().all()
    assert t.recordings.loc[0, ["status", "duration"]].tolist() == ["COMPLETED", 182.89]


def test_kaldi_and_transcribe_on_the_same_audio(shared):
    """They can be compared with each other, for want of a reference."""
    folder = shared / "transcribe-batch" / "aws-and-kaldi"
    kaldi, aws = medtx.read(folder / "kaldi_transcript.json"), medtx.read(folder / "aws_transcribe.json")
    assert kaldi.recordings["engine"].item() == "kaldi"
    assert len(kaldi.words) == 48
    texts = [{"same": t.text().iloc[0]} for t in (kaldi, aws)]
    assert medtx.align(*texts[::-1], normalize="none").rates().loc["TOTAL", "reference_words"] == 47


def paths(value, at=()):
    """Every place in a nested object."""
    yield at
    for key in value if isinstance(value, dict) else range(len(value)) if isinstance(value, list) else ():
        yield from paths(value[key], (*at, key))


@settings(max_examples=300, deadline=None)
@given(st.data())
def test_damaged_results_give_tables_or_one_clear_error(data):
    broken = copy.deepcopy(SHAPES[data.draw(st.sampled_from(sorted(SHAPES)))][0])
    at = data.draw(st.sampled_from([p for p in paths(broken) if p]))
    inside = broken
    for key in at[:-1]:
        inside = inside[key]
    other = st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.just([]) | st.just({})
    inside[at[-1]] = data.draw(other)
    with contextlib.suppress(ReadError), warnings.catch_warnings(action="ignore"):
        check(medtx.read(json.dumps(broken).encode()))


def test_half_a_result_is_named():
    for data, message in (
        (
            {"segments": [{"text": "a", "words": [{"start": 1}]}]},
            "looks like a result of whisper, but is not whole",
        ),
        ({"words": [{"text": "a"}], "audio_duration": 1}, "of assemblyai, but is not whole: no 'start'"),
        ({"results": {"channels": [{}]}}, "of deepgram, but is not whole: no 'alternatives'"),
    ):
        with pytest.raises(ReadError, match=message):
            medtx.read(data)


GOOGLE = {
    "results": [
        {
            "alternatives": [
                {
                    "transcript": "no fever",
                    "confidence": 0.9,
                    "words": [
                        {"endTime": "0.300s", "word": "no", "confidence": 0.8},
                        {"startTime": "0.300s", "endTime": "1.100s", "word": "fever", "confidence": 0.7},
                    ],
                }
            ],
            "resultEndTime": "1.200s",
            "languageCode": "en-us",
        },
        {
            "alternatives": [
                {
                    "words": [
                        {"endTime": "0.300s", "word": "no", "confidence": 0.8, "speakerTag": 1},
                        {
                            "startTime": "0.300s",
                            "endTime": "1.100s",
                            "word": "fever",
                            "confidence": 0.7,
                            "speakerTag": 2,
                        },
                    ]
                }
            ]
        },
    ]
}  # speech:recognize of version 1: https://cloud.google.com/speech-to-text/docs/multiple-voices


def test_google_version_1_repeats_its_words_with_speakers():
    for data in (GOOGLE, {"name": "123", "response": GOOGLE}, json.dumps(GOOGLE).encode()):
        t = medtx.read(data)
        check(t)
        assert t.words[["content", "start", "end", "confidence", "speaker"]].to_numpy().tolist() == [
            ["no", 0.0, 0.3, 0.8, "1"],
            ["fever", 0.3, 1.1, 0.7, "2"],
        ]
        assert t.recordings[["engine", "language"]].to_numpy().tolist() == [["google", "en-us"]]
        assert len(t.segments) == 2
    plain = medtx.read({"results": GOOGLE["results"][:1]})
    assert plain.words["speaker"].isna().all()
    assert plain.segments["transcript"].tolist() == ["no fever"]


def test_google_version_2_and_pythons_names():
    """Offsets in place of times, labels in place of tags; snake case and numbers from `MessageToDict`."""
    words = [
        {"startOffset": "1s", "endOffset": "1.5s", "word": "left", "speakerLabel": "A"},
        {"start_offset": "1.5s", "end_offset": "2s", "word": "knee", "speaker_label": "A"},
        {"start_time": {"seconds": 2}, "end_time": {"seconds": 2, "nanos": 500000000}, "word": "pain"},
    ]
    channels = [
        {"alternatives": [{"words": words}], "channelTag": 1},
        {"alternatives": [{"transcript": "right knee"}], "channel_tag": 2},
        {"resultEndOffset": "9s"},
    ]
    t = medtx.read({"results": channels})
    check(t)
    assert t.words["start"].tolist()[:3] == [1, 1.5, 2]
    assert t.words["content"].tolist() == ["left", "knee", "pain", "right", "knee"]
    assert t.words["channel"].tolist() == ["ch_1"] * 3 + ["ch_2"] * 2
    assert medtx.read({"results": []}).words.empty  # silence


def test_azure_batch_fast_and_recogniser():
    """https://learn.microsoft.com/azure/ai-services/speech-service/batch-transcription-get"""
    lexical = [
        {"word": "hello", "offsetInTicks": 7600000.0, "durationInTicks": 7600000.0, "confidence": 0.9},
        {"word": "world", "offsetInTicks": 15200000.0, "durationInTicks": 5600000.0, "confidence": 0.4},
    ]
    shown = [
        {"displayText": "Hello", "offsetInTicks": 7600000.0, "durationInTicks": 7600000.0},
        {"displayText": "world.", "offsetInTicks": 15200000.0, "durationInTicks": 5600000.0},
    ]
    best = {"confidence": 0.5, "lexical": "hello world", "display": "Hello world.", "words": lexical}
    phrase = {"recognitionStatus": "Success", "channel": 0, "speaker": 1, "locale": "en-US"}
    batch = {"source": "a.wav", "durationInTicks": 25800000, "combinedRecognizedPhrases": []}
    fast = [
        {"text": "Hello", "offsetMilliseconds": 760, "durationMilliseconds": 760},
        {"text": "world.", "offsetMilliseconds": 1520, "durationMilliseconds": 560},
    ]
    live = [
        {"Word": "hello", "Offset": 7600000, "Duration": 7600000, "Confidence": 0.9},
        {"Word": "world", "Offset": 15200000, "Duration": 5600000, "Confidence": 0.4},
    ]
    detailed = {"RecognitionStatus": "Success", "Offset": 7600000, "Duration": 13200000, "Channel": 0}
    for data, words, sure in (
        (batch | {"recognizedPhrases": [phrase | {"nBest": [best]}]}, ["hello", "world"], [0.9, 0.4]),
        (
            batch | {"recognizedPhrases": [phrase | {"nBest": [best | {"displayWords": shown}]}]},
            ["Hello", "world."],
            [0.9, 0.4],
        ),
        (
            {"durationMilliseconds": 2580, "combinedPhrases": [], "phrases": [phrase | {"words": fast}]},
            ["Hello", "world."],
            [None, None],
        ),
        ([detailed | {"NBest": [{"Confidence": "0.5", "Words": live}]}], ["hello", "world"], [0.9, 0.4]),
    ):
        t = medtx.read(data)
        check(t)
        assert t.recordings["engine"].tolist() == ["azure"]
        assert t.words["content"].tolist() == words
        assert t.words["start"].tolist() == [0.76, 1.52]
        assert t.words["end"].tolist() == pytest.approx([1.52, 2.08])
        assert (
            t.words["confidence"].astype(object).where(t.words["confidence"].notna(), None).tolist() == sure
        )
    simple = medtx.read(detailed | {"DisplayText": "Hello world."})
    assert simple.text().tolist() == ["Hello world."]
    assert simple.words["start"].isna().all()


def test_a_format_of_ones_own(tmp_path):
    from medtx.reading import Word, formats, of_words, references, register

    def known(data: object) -> bool:
        return "utterances" in data

    @register(known)
    def dictaphone(data, source):
        return of_words("dictaphone", (Word(u["w"], u["at"]) for u in data["utterances"]), source)

    @register(".dict")
    def lines(text, source):
        return [
            of_words("lines", map(Word, line.split()), source, name=line[:1]) for line in text.split("\n")
        ]

    try:
        t = medtx.read({"utterances": [{"w": "Hello", "at": 0.5}]})
        check(t)
        assert t.recordings["engine"].tolist() == ["dictaphone"]
        with pytest.raises(ReadError, match="looks like a result of dictaphone, but is not whole: no 'at'"):
            medtx.read({"utterances": [{"w": "Hello"}]})
        (tmp_path / "a.dict").write_text("a b\nc d e")
        assert medtx.read(tmp_path).text().to_dict() == {"a": "a b", "c": "c d e"}
        assert medtx.read({"results": {"items": []}}).words.empty  # the others are read as before
    finally:
        formats.OWN.clear()
        del references.READERS[".dict"]
