"""Each engine's result: its shape after the engine's documentation, and what must hold of any.

A format is known by its own keys or refused; no word, time, speaker or confidence is lost in silence.
"""

import copy
import json
import warnings

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import medtx
from medtx.errors import ReadError
from medtx.reading import Word, build, formats, of_words
from medtx.reading.foreign.tokens import Piece, Texts, joined, letters
from tests.engine_results import (
    ALL,
    ASSEMBLYAI_OLD,
    AZURE,
    DEEPGRAM,
    DEEPGRAM_LIVE,
    E1,
    E2,
    ELEVENLABS,
    ELEVENLABS_EXPORT,
    GLADIA,
    NEMO,
    OPENAI,
    OPENAI_DIARIZED,
    OPENAI_VERBOSE,
    REVAI,
    SAME,
    SONIOX,
    SONIOX_LIVE,
    SPEECHMATICS,
    WATSON,
    WHISPER_CPP,
    _sm,
    _sx,
)
from tests.test_others import ASSEMBLYAI, VOSK, WHISPER
from tests.test_reading import check


def read(data):
    return medtx.read(json.dumps(data).encode())


def turned(value):
    """The same with the keys of each object in the other order."""
    if isinstance(value, dict):
        return {key: turned(value[key]) for key in reversed(value)}
    return [turned(one) for one in value] if isinstance(value, list) else value


@pytest.mark.parametrize("name", SAME)
def test_words_times_confidences_and_the_engine(name):
    data, engine, sure = SAME[name]
    for given_ in (data, turned(data)):
        t = read(given_)
        check(t)
        assert t.recordings["engine"].tolist() == [engine]
        words = t.words[t.words["kind"] == "pronunciation"]
        assert [letters(word) for word in words["content"]] == ["no", "fever"]
        assert words["start"].tolist() == pytest.approx([0.2, 0.5])
        assert words["end"].tolist() == pytest.approx([0.4, 1.0])
        if sure is None:
            assert words["confidence"].isna().all()
        else:
            assert words["confidence"].tolist() == pytest.approx(sure)
        assert t.text().iloc[0].rstrip(".").lower() == "no fever"


@pytest.mark.parametrize("name", ALL)
def test_exactly_one_format_fits(name):
    for data in (ALL[name], turned(ALL[name])):
        assert len(formats._found(data, formats.FORMATS)) == 1


def test_what_else_they_say():
    assert read(SPEECHMATICS).recordings[["language", "duration"]].to_numpy().tolist() == [["en", 4.0]]
    assert read(GLADIA).recordings[["language", "duration", "status"]].to_numpy().tolist() == [
        ["en", 4.5, "COMPLETED"]
    ]
    assert read(NEMO).recordings["recording"].tolist() == ["visit"]
    for data in (SPEECHMATICS, REVAI, GLADIA, SONIOX, WATSON, ELEVENLABS, ELEVENLABS_EXPORT):
        assert read(data).words["speaker"].notna().all()
    t = read(OPENAI_DIARIZED)
    assert t.words["speaker"].tolist() == ["A", "A"]
    assert t.segments[["start", "end"]].to_numpy().tolist() == [[0.2, 1.0]]
    failed = {"id": "a", "status": "error", "text": None, "words": None, "error": "Download error"}
    t = read(failed)
    assert t.recordings[["engine", "status", "reason"]].to_numpy().tolist() == [
        ["assemblyai", "FAILED", "Download error"]
    ]


def test_channels_are_kept():
    two = {"transcripts": [ELEVENLABS | {"channel_index": 0}, ELEVENLABS | {"channel_index": 1}]}
    gladia = copy.deepcopy(GLADIA)
    again = copy.deepcopy(gladia["result"]["transcription"]["utterances"][0])
    gladia["result"]["transcription"]["utterances"].append(again | {"channel": 1})
    both = copy.deepcopy(SPEECHMATICS)
    both["results"] = [one | {"channel": c} for c in ("channel_1", "channel_2") for one in both["results"]]
    for data in (two, gladia, both):
        t = read(data)
        assert t.recordings["channels"].item() == 2
        assert t.words.groupby("channel", observed=True).size().nunique() == 1


def test_tokens_have_the_least_confidence_of_what_they_stand_for():
    assert read(OPENAI).words["confidence"].tolist() == pytest.approx(
        [E1, E2]
    )  # of its letters, not its mark
    entity = {
        "type": "entity",
        "entity_class": "number",
        "start_time": 0.5,
        "end_time": 1.4,
        "alternatives": [{"content": "2.5", "confidence": 0.97}],
        "spoken_form": [_sm("word", w, 0, 1, c) for w, c in (("two", 0.98), ("point", 0.2), ("five", 0.15))],
        "written_form": [_sm("word", "2.5", 0.5, 1.4, 0.97)],
    }
    t = read(SPEECHMATICS | {"results": [entity]})
    assert t.words[["content", "confidence"]].to_numpy().tolist() == [["2.5", 0.15]]


def _azure(display, lexical):
    best = copy.deepcopy(AZURE)
    words = best["recognizedPhrases"][0]["nBest"][0]
    del words["display"], words["lexical"]
    words["displayWords"] = [
        {"displayText": text, "offsetInTicks": start * 1e7, "durationInTicks": (end - start) * 1e7}
        for text, start, end in display
    ]
    words["words"] = [
        {"word": word, "offsetInTicks": start * 1e7, "durationInTicks": (end - start) * 1e7}
        | ({} if sure is None else {"confidence": sure})
        for word, start, end, sure in lexical
    ]
    return read(best).words["confidence"].tolist()


def test_azure_display_words_have_the_least_of_their_span():
    lexical = [("two", 0.3, 0.5, 0.98), ("point", 0.5, 0.7, 0.2), ("five", 0.7, 0.9, 0.15)]
    assert _azure([("2.5", 0.3, 0.9)], lexical) == [0.15]
    assert _azure([("2.5", 0.31, 0.92), ("mg", 0.92, 1.2)], [*lexical, ("milligrams", 0.9, 1.2, 0.7)]) == [
        0.15,
        0.7,
    ]
    # two shown words for one spoken one, and times that touch
    assert _azure([("can", 0.0, 0.1), ("not", 0.1, 0.2)], [("cannot", 0.0, 0.2, 0.6)]) == [0.6, 0.6]
    unknown = [("two", 0.3, 0.5, None), ("point", 0.5, 0.7, None), ("five", 0.7, 0.9, 0.15)]
    assert _azure([("2.5", 0.3, 0.9)], unknown) == [0.15]
    assert np.isnan(_azure([("2.5", 0.3, 0.9)], [("two", 0.3, 0.9, None)])).all()
    assert np.isnan(_azure([("2.5", 2.3, 2.9)], lexical)).all()


RENAMED = [
    ("speechmatics", "start_time", "begin_time"),
    ("speechmatics", "content", "text"),
    ("elevenlabs export", "start_time", "begin"),
    ("rev ai", "value", "word"),
    ("rev ai", "ts", "start"),
    ("gladia", "start", "time_begin"),
    ("gladia", "word", "w"),
    ("soniox", "start_ms", "start"),
    ("soniox", "confidence", "score"),
    ("assemblyai old", "start", "begin"),
    ("vosk", "start", "start_time"),
    ("vosk", "word", "text"),
    ("whisper", "start", "start_time"),
    ("whisper", "word", "token"),
    ("whisper.cpp", "offsets", "times"),
    ("openai", "logprob", "p"),
    ("deepgram", "start", "start_time"),
    ("deepgram", "alternatives", "options"),
    ("google", "word", "text"),
    ("google", "transcript", "text"),
    ("azure", "offsetInTicks", "begin"),
    ("watson", "transcript", "text"),
    ("nemo", "start", "start_time"),
    ("huggingface", "timestamp", "time"),
    ("kaldi", "time", "start"),
    ("gentle", "start", "begin"),
]


def renamed(value, old, new):
    if isinstance(value, dict):
        return {new if key == old else key: renamed(one, old, new) for key, one in value.items()}
    return [renamed(one, old, new) for one in value] if isinstance(value, list) else value


@pytest.mark.parametrize(("name", "old", "new"), RENAMED)
def test_other_names_of_keys_are_refused_by_their_names(name, old, new):
    data = renamed(ALL[name], old, new)
    if name == "google":
        data = {"results": data["results"][:1]}
    with pytest.raises(ReadError) as caught:
        read(data)
    assert new in str(caught.value)
    assert "fever" not in str(caught.value)


@pytest.mark.parametrize(
    ("name", "beside", "key"),
    [
        ("deepgram", "punctuated_word", "conf_adjusted"),
        ("whisper", "probability", "speaker_label"),
        ("gladia", "word", "channel_name"),
        ("assemblyai old", "confidence", "speakerId"),
        ("soniox", "start_ms", "offset_ms"),
    ],
)
def test_keys_that_were_not_read_are_told_once(name, beside, key):
    def added(value):
        if isinstance(value, dict):
            more = {key: 1} if beside in value else {}
            return {one: added(inner) for one, inner in value.items()} | more
        return [added(one) for one in value] if isinstance(value, list) else value

    with pytest.warns(UserWarning, match=f"keys of .* were not read: {key}$") as told:
        t = read(added(ALL[name]))
    assert len(told) == 1
    assert not t.words.empty


SILENT = {
    "vosk": ({"text": ""}, "vosk"),
    "vosk stream": ([{"partial": "nah"}, {"partial": ""}, {"text": ""}], "vosk"),
    "whisper": ({"text": "", "segments": [], "language": "en"}, "whisper"),
    "deepgram": (
        {
            "metadata": {"duration": 5},
            "results": {"channels": [{"alternatives": [{"transcript": "", "confidence": 0, "words": []}]}]},
        },
        "deepgram",
    ),
    "assemblyai": (ASSEMBLYAI | {"words": [], "text": ""}, "assemblyai"),
    "assemblyai null": (ASSEMBLYAI | {"words": None, "text": None}, "assemblyai"),
    "speechmatics": (SPEECHMATICS | {"results": []}, "speechmatics"),
    "elevenlabs": (ELEVENLABS | {"text": "", "words": []}, "elevenlabs"),
    "elevenlabs cough": (ELEVENLABS | {"text": "(cough)", "words": ELEVENLABS["words"][4:]}, "elevenlabs"),
    "elevenlabs export": ({"language_code": None, "segments": []}, "elevenlabs"),
    "rev ai": ({"monologues": []}, "rev-ai"),
    "openai": (OPENAI | {"text": "", "logprobs": []}, "openai"),
    "openai text": ({"text": "", "usage": {"type": "tokens"}}, "openai"),
    "whisper.cpp": (WHISPER_CPP | {"transcription": []}, "whisper.cpp"),
    "soniox": ({"id": "a", "text": "", "tokens": []}, "soniox"),
    "google": ({"results": []}, "google"),
    "google billed": ({"totalBilledTime": "15s", "requestId": "1"}, "google"),
    "watson": ({"result_index": 0, "results": []}, "ibm-watson"),
    "azure": ({"durationMilliseconds": 900, "combinedPhrases": [], "phrases": []}, "azure"),
    "huggingface": ({"text": "", "chunks": []}, "transformers"),
    "gladia": (
        {"result": {"metadata": {}, "transcription": {"utterances": [], "full_transcript": ""}}},
        "gladia",
    ),
}


@pytest.mark.parametrize("name", SILENT)
def test_silence_is_an_empty_result_of_its_engine(name):
    data, engine = SILENT[name]
    t = read(data)
    assert t.recordings["engine"].tolist() == [engine]
    assert t.words.empty
    scored = medtx.align(references={"memory": "no fever"}, hypotheses=t, normalize="none")
    assert scored.rates().loc["TOTAL", "deletions"] == 2


def test_what_a_stream_took_back_is_no_speech():
    taken = copy.deepcopy(DEEPGRAM_LIVE)
    taken[0] = copy.deepcopy(taken[1]) | {"is_final": False}
    taken[1]["channel"] = {"alternatives": [{"transcript": "", "words": []}]}
    assert read(taken).words.empty
    google = [
        {"results": [{"alternatives": [{"transcript": "no"}], "stability": 0.1}]},
        {"results": [{"alternatives": [{"transcript": "no fever"}], "isFinal": True}]},
    ]
    t = read(google)
    assert (len(t), t.text().tolist()) == (1, ["no fever"])


def test_speech_in_and_no_word_out_is_an_error():
    interim = copy.deepcopy(DEEPGRAM_LIVE)
    interim[1]["is_final"] = False
    pending = copy.deepcopy(SONIOX_LIVE[:1])
    pending[0]["tokens"] = pending[0]["tokens"][1:]
    for data in (
        interim,
        pending,
        [{"partial": "no fever"}],
        {"data": [], "text": "no"},
        ELEVENLABS | {"words": [{"type": "spacing"}]},
    ):
        with pytest.raises(ReadError):
            read(data)


def test_times_in_the_wrong_unit_are_refused():
    words = [{"word": " No", "start": 200, "end": 400, "probability": 0.9}]
    segments = [{"start": 200, "end": 1000, "text": " No", "words": words}]
    with pytest.raises(ReadError, match="expected seconds, these look like milliseconds"):
        read({"segments": segments})
    with pytest.raises(ReadError, match="expected seconds, these look like milliseconds"):
        read({"segments": [{"start": 200, "end": 100200, "text": " No fever."}], "text": " No fever."})
    seconds = copy.deepcopy(ASSEMBLYAI_OLD)
    for word in seconds["words"]:
        word["start"], word["end"] = word["start"] / 1000, word["end"] / 1000
    with pytest.raises(ReadError, match="expected whole milliseconds"):
        read(seconds)
    late = copy.deepcopy(DEEPGRAM)
    late["metadata"]["duration"] = 0.0045
    late["results"]["channels"][0]["alternatives"][0]["words"][1] |= {"start": 50, "end": 50.5}
    with pytest.raises(ReadError, match="expected seconds within it"):
        read(late)


def test_what_only_the_text_has_is_kept_in_its_place():
    gap = copy.deepcopy(DEEPGRAM)
    best = gap["results"]["channels"][0]["alternatives"][0]
    best["transcript"] = "Has no high fever."
    with pytest.warns(UserWarning, match="2 words of the texts are not in its list of words") as told:
        t = read(gap)
    assert len(told) == 1
    assert "fever" not in str(told[0].message)
    assert t.words["content"].tolist() == ["Has", "No", "high", "fever."]
    assert t.words["start"].isna().tolist() == [True, False, True, False]
    assert t.words["confidence"].isna().tolist() == [True, False, True, False]


def test_openais_words_lie_in_the_segments_whose_text_has_them():
    """Their times and those of the segments differ a little."""
    verbose = OPENAI_VERBOSE | {
        "text": "No fever. No chills.",
        "segments": [
            {"id": 0, "start": 0.0, "end": 1.2, "text": " No fever.", "avg_logprob": -0.2},
            {"id": 1, "start": 1.2, "end": 2.4, "text": " No chills.", "avg_logprob": -0.2},
        ],
        "words": [
            *OPENAI_VERBOSE["words"],
            {"word": "No", "start": 1.16, "end": 1.5},
            {"word": "chills", "start": 1.5, "end": 2.2},
        ],
    }
    t = read(verbose)
    assert t.words["segment"].tolist() == [0, 0, 1, 1]
    assert t.words["content"].tolist() == ["No", "fever", "No", "chills"]


def test_letters_that_are_spread_over_tokens():
    raw = "Ménière".encode()
    cut = raw.index(b"\xa9")  # inside the second letter
    tokens = [
        {"token": "M\\xc3", "bytes": list(raw[:cut]), "logprob": -0.9},
        {"token": "\\xa9ni", "bytes": list(raw[cut:]), "logprob": -0.1},
    ]
    t = read({"text": "Ménière", "logprobs": tokens})
    assert t.words[["content", "confidence"]].to_numpy().tolist() == [["Ménière", pytest.approx(E2)]]


def test_whisper_cpp_words_that_run_on_in_the_next_segment():
    cut = [
        {"offsets": {"from": 200, "to": 400}, "text": " No"},
        {"offsets": {"from": 500, "to": 700}, "text": " fe"},
        {"offsets": {"from": 700, "to": 1000}, "text": "ver."},
    ]
    t = read(WHISPER_CPP | {"transcription": cut})
    assert t.words["content"].tolist() == ["No", "fever."]


def test_marks_belong_where_speechmatics_says():
    results = [
        _sm("punctuation", "¿", 0.1, 0.1, 1, attaches_to="next"),
        _sm("word", "follow", 0.2, 0.4, 0.9),
        _sm("punctuation", "-", 0.4, 0.4, 1, attaches_to="both"),
        _sm("word", "up", 0.4, 0.6, 0.5),
        {"type": "speaker_change", "start_time": 0.6, "end_time": 0.6, "score": 1},
        _sm("punctuation", "?", 0.6, 0.6, 1),
    ]
    t = read(SPEECHMATICS | {"results": results})
    assert t.text().tolist() == ["¿follow-up?"]
    assert t.words[["content", "start", "end", "confidence"]].to_numpy().tolist()[0] == [
        "¿follow-up",
        0.2,
        0.6,
        0.5,
    ]


def test_python_json_and_json_one_after_another(tmp_path):
    path = tmp_path / "visit.json"
    nan = copy.deepcopy(WHISPER)
    nan["segments"][1]["words"][0]["probability"] = float("nan")
    nan["segments"][0]["avg_logprob"] = float("-inf")
    path.write_text(json.dumps(nan))
    assert medtx.read(path).words["confidence"].isna().tolist() == [False, False, True]
    for indent, suffix in ((2, ".json"), (None, ".json"), (2, ".jsonl"), (None, ".jsonl")):
        path = tmp_path / f"visit{suffix}"
        path.write_text("\n".join(json.dumps(one, indent=indent) for one in VOSK))
        t = medtx.read(path)
        assert len(t) == 1
        assert t.words["content"].tolist() == ["No", "chest", "pain."]
    path.write_text("\n".join(json.dumps(one) for one in (WHISPER, GLADIA)))  # a result a line
    assert medtx.read(path).recordings["engine"].tolist() == ["whisper", "gladia"]
    path.write_text('{"text": "no fever"}\n{"text": "no chills"}\n')  # rows of some table
    with pytest.raises(ReadError):
        medtx.read(path)


def test_a_text_alone_is_read_and_its_engine_is_not_guessed():
    with pytest.warns(UserWarning, match="name it with engine="):
        t = read({"text": "no fever"})
    assert t.text().tolist() == ["no fever"]
    assert t.recordings["engine"].tolist() == ["unknown"]


def test_null_is_unknown():
    for name, key in (
        ("deepgram", "confidence"),
        ("whisper", "end"),
        ("gladia", "speaker"),
        ("rev ai", "confidence"),
    ):
        t = read(renamed_to_null(ALL[name], key))
        column = {"speaker": "speaker", "end": "end"}.get(key, "confidence")
        assert t.words[column].isna().all()
        assert len(t.words) == len(read(ALL[name]).words)


def renamed_to_null(value, key):
    if isinstance(value, dict):
        return {
            k: None if k == key and not isinstance(v, dict) else renamed_to_null(v, key)
            for k, v in value.items()
        }
    return [renamed_to_null(one, key) for one in value] if isinstance(value, list) else value


def test_values_out_of_range_by_rounding_are_clipped():
    words = [Word("no", -0.02, 0.4, 1.0000001), Word("fever", 0.5, 0.49, -1e-9), Word("now", float("nan"))]
    parsed = of_words("x", words, "a.json")
    held = parsed.tables["words"]
    assert held["start"].tolist()[:2] == [0, 0.5]
    assert held["end"].tolist()[:2] == [0.4, 0.5]
    assert held["confidence"].tolist()[:2] == [1, 0]
    assert np.isnan(held["start"][2])
    for bad, message in (
        (Word("no", -1, 2), "seconds, 0 or more, got -1"),
        (Word("no", 0, 1, 1.2), "a number from 0 to 1, got 1.2"),
        (Word("no", 0, 1, 98.0), "a number from 0 to 1, got 98"),
        (Word("no", 2, 1), "expected an end after the start at 2 s, got 1"),
        (Word("no", float("inf"), None), "seconds, 0 or more, got inf"),
    ):
        with pytest.raises(ReadError, match=message):
            of_words("x", [bad], "a.json")
    assert build.ROUNDING["confidence"] < 0.01


def test_what_may_be_of_two_formats_is_refused():
    both = copy.deepcopy(GLADIA) | {"monologues": REVAI["monologues"]}
    with pytest.raises(ReadError, match="may be a result of gladia or rev ai"):
        read(both)


plain = st.text("abcdefghij", min_size=1, max_size=6)
WORDS = st.lists(
    st.tuples(plain, st.floats(0, 1), st.floats(0.05, 0.6), st.sampled_from(["1", "2"])),
    min_size=1,
    max_size=12,
)


def spoken(drawn):
    at = 0.0
    for word, sure, length, speaker in drawn:
        yield word, round(at, 3), round(at + length, 3), round(sure, 4), speaker
        at += length


@settings(max_examples=60, deadline=None)
@given(WORDS)
def test_words_in_are_words_out(drawn):
    """The same words in each engine's form give the same table."""
    said = list(spoken(drawn))
    text = " ".join(word for word, *_ in said)
    millis = [(w, round(a * 1000), round(b * 1000), c, s) for w, a, b, c, s in said]
    forms = [
        SPEECHMATICS | {"results": [_sm("word", w, a, b, c) for w, a, b, c, _ in said]},
        {"monologues": [{"speaker": 0, "elements": [
            {"type": "text", "value": w, "ts": a, "end_ts": b, "confidence": c} for w, a, b, c, _ in said]}]},
        {"id": "a", "text": text, "tokens": [_sx(" " + w, a, b, c) for w, a, b, c, _ in millis]},
        {"id": 1, "status": "completed", "text": text, "words": [
            {"text": w, "start": a, "end": b, "confidence": c} for w, a, b, c, _ in millis]},
        {"segments": [{"start": said[0][1], "end": said[-1][2], "text": text, "words": [
            {"word": w, "start": a, "end": b, "probability": c} for w, a, b, c, _ in said]}]},
        {"result": [{"word": w, "start": a, "end": b, "conf": c} for w, a, b, c, _ in said], "text": text},
    ]  # fmt: skip
    for data in forms:
        words = read(data).words
        assert words["content"].tolist() == [word for word, *_ in said]
        assert words["start"].tolist() == pytest.approx([a for _, a, *_ in said], abs=2e-3)
        assert words["confidence"].tolist() == pytest.approx([one[3] for one in said])


@settings(max_examples=100, deadline=None)
@given(st.lists(plain, min_size=1, max_size=12), st.data())
def test_a_list_that_lacks_words_of_its_text_gets_them_back(tokens, data):
    kept = data.draw(st.lists(st.booleans(), min_size=len(tokens), max_size=len(tokens)))
    words = [Word(token, 0.0, 0.1, 0.9) for token, there in zip(tokens, kept) if there]
    texts = Texts()
    made = texts.complete(words, " ".join(tokens))
    if words and not texts.other:
        assert "".join(word.content for word in made) == "".join(tokens)
        assert sum(word.confidence is None for word in made) == texts.kept == len(tokens) - len(words)
    assert [word for word in made if word.confidence] == words


@given(st.lists(st.tuples(st.sampled_from([" ", ""]), plain, st.floats(0, 1)), min_size=1, max_size=20))
def test_pieces_lose_no_letter(drawn):
    pieces = [Piece(blank + text, confidence=sure) for blank, text, sure in drawn]
    words = list(joined(pieces))
    assert "".join(word.content for word in words) == "".join(text for _, text, _ in drawn)
    assert min(word.confidence for word in words) == min(sure for *_, sure in drawn)


KEYS = st.sampled_from(
    "text transcript word words w s e start end start_time time ts conf confidence segments results"
    " utterances alternatives tokens channels"
    " items phrases speaker value content elements monologues chunks language"
    " result transcription nBest is_final channel status id format metadata type logprobs data"
    " Results".split()
)
LEAF = (
    st.none()
    | st.floats(0, 5).map(lambda x: round(x, 2))
    | st.sampled_from(["word", "en", "A", "spoken text"])
)
UNKNOWN = st.recursive(
    LEAF, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=5), max_leaves=25
).filter(lambda one: isinstance(one, dict) and one)


@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.filter_too_much])
@given(UNKNOWN)
def test_an_unknown_json_is_never_a_recording_without_words(data):
    said = {"text": "spoken text"} if "text" not in data else {"transcript": "spoken text"}
    data = data | {"words": [said | {"w": 1}]} if len(data) % 2 else data | said
    with warnings.catch_warnings(action="ignore"):
        t = medtx.read([json.dumps(data).encode()], errors="collect")
    assert len(t.failures) == 1 or not t.words.empty
    assert not t.failures["problem"].str.contains("spoken").any()
