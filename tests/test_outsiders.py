"""Inputs of an outsider, near to what is known: each word is there once, or doubt is told."""

import json
import warnings

import docx
import numpy as np
import pytest

import medtx
from medtx.errors import ReadError
from medtx.reading.turns import OTHERS, utterances


def written(folder, name, text):
    (folder / name).write_text(text)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        return medtx.read(folder / name)


def turns(text):
    return [(u.speaker, u.start, u.text) for u in utterances(text)[0]]


@pytest.mark.parametrize(
    "text",
    [
        "Doctor - Any pain?\nPatient - No.",
        "Doctor \u2013 Any pain?\nPatient \u2013 No.",
        "**Doctor:** Any pain?\n**Patient**: No.",
        "<Doctor> Any pain?\n<Patient> No.",
        "{Doctor} Any pain?\n{Patient}: No.",
    ],
)
def test_roles_are_set_off_in_many_ways(text):
    assert turns(text) == [("Doctor", None, "Any pain?"), ("Patient", None, "No.")]


def test_times_in_seconds_and_times_after_the_label():
    text = "[0.00s -> 1.50s] Doctor: Any pain?\n[1.50s -> 2.50s]  Patient: No."
    assert turns(text) == [("Doctor", 0, "Any pain?"), ("Patient", 1.5, "No.")]
    assert [said for *_, said in turns("spk_0: 0:00 Any pain?\nspk_1: 0:02 No.")] == ["Any pain?", "No."]
    assert [said for *_, said in turns("Doctor: When?\nPatient: 10:30 tomorrow.")] == [
        "When?",
        "10:30 tomorrow.",
    ]


@pytest.mark.parametrize(
    "text",
    [
        "Patient - a man of 54 with a - normally well - heart.",
        "Right knee: normal.\nLeft knee: swollen.\nRight knee: full range.\nLeft knee: limited.",
        "Aspirin: 75 mg daily.\nRamipril: 5 mg daily.\nAspirin: stop.\nRamipril: go on.",
        "BP < 120 and temp > 80, or {so}.",
    ],
)
def test_findings_and_doses_are_no_speakers(text):
    assert turns(text) == [(None, None, line) for line in text.splitlines()]


def test_names_that_are_no_roles_are_told():
    text = "Ann: Any pain?\nBen: No.\nAnn: Good.\nBen: Thanks."
    assert utterances(text)[1] == OTHERS


@pytest.mark.parametrize("head", ["", "WEBVTT\n\n"])
def test_captions_in_a_text_file(tmp_path, head):
    cues = "1\n00:00:01,000 --> 00:00:02,000\nTake two\n\n2\n00:00:03,000 --> 00:00:04,000\ntablets\n"
    t = written(tmp_path, "a.txt", head + cues)
    assert list(t.words["content"]) == ["Take", "two", "tablets"]
    assert list(t.segments["start"]) == [1, 3]


def test_text_files_that_are_tables_or_json(tmp_path):
    t = written(tmp_path, "a.txt", "0.00 1.50 Any pain?\n1.50 2.50 No.\n")
    assert list(t.words["content"]) == ["Any", "pain?", "No."]
    assert list(t.segments["end"]) == [1.5, 2.5]
    with pytest.raises(ReadError, match=r"name it \.json"):
        written(tmp_path, "b.txt", '{"text": "take two"}')


def test_tags_and_entities_of_captions(tmp_path):
    said = "<p>take</p> two<br>tablets &eacute; BP < 120 and temp > 80 &lt;b&gt;"
    t = written(tmp_path, "a.vtt", f"WEBVTT\n\n00:01.000 --> 00:02.000\n{said}\n")
    assert " ".join(t.words["content"]) == "take two tablets \u00e9 BP < 120 and temp > 80 <b>"


def test_tables_within_tables_of_word_count_once(tmp_path):
    document = docx.Document()
    table = document.add_table(1, 2)
    table.cell(0, 0).text = "outer"
    table.cell(0, 1).add_table(1, 1).cell(0, 0).text = "inner"
    document.save(tmp_path / "a.docx")
    assert list(medtx.read(tmp_path / "a.docx").words["content"]) == ["outer", "inner"]


def test_titles_of_a_table_of_word_are_not_said(tmp_path):
    document = docx.Document()
    table = document.add_table(0, 3)
    rows = [("Time", "Speaker", "Text"), ("00:01", "Doctor", "Any pain?"), ("00:03", "Patient", "No.")]
    for row in rows:
        for cell, text in zip(table.add_row().cells, row):
            cell.text = text
    document.save(tmp_path / "a.docx")
    words = medtx.read(tmp_path / "a.docx").words
    assert list(words["content"]) == ["Any", "pain?", "No."]
    assert list(words["speaker"]) == ["Doctor", "Doctor", "Patient"]


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("a.ctm", "a 1 100 200 take 0.9\na 1 300 200 two 0.9\na 1 600 200 daily 0.9\n"),
        ("a.stm", "a 1 D 0 1000 take two\na 1 P 1000 2000 <o> no\n"),
        ("a.json", '[{"session_id": "a", "words": "no", "start_time": 0, "end_time": 2000, "speaker": "D"}]'),
        (
            "b.json",
            '[{"Transcript": {"Results": [{"ResultId": "a", "StartTime": 1700000000.1, "IsPartial": false,'
            ' "EndTime": 1700000001.1, "Alternatives": [{"Transcript": "hi", "Items": []}]}]}}]',
        ),
    ],
)
def test_times_that_are_no_seconds_are_told(tmp_path, name, text):
    with pytest.raises(UserWarning, match="expected seconds"):
        written(tmp_path, name, text)


def test_a_whole_text_says_more_than_its_segments():
    segments = [{"id": 0, "start": 0, "end": 1.5, "text": " Take two", "words": []}]
    data = {"text": "Take two tablets daily", "segments": segments, "language": "en"}
    with pytest.warns(UserWarning, match="2 words of the texts"):
        t = medtx.read(json.dumps(data).encode())
    assert list(t.words["content"]) == ["Take", "two", "tablets", "daily"]
    rates = medtx.align(medtx.from_text({"memory": "take two tablets daily"}), t).rates()
    assert rates["wer"].iloc[0] == 0


def test_azure_with_times_of_iso_8601():
    words = [
        {"word": "take", "offset": "PT59.9S", "duration": "PT0.2S", "confidence": 0.9},
        {"word": "two", "offset": "PT1M0.5S", "duration": "PT0.25S", "confidence": 0.8},
    ]
    best = {"confidence": 0.9, "display": "Take two.", "lexical": "take two", "words": words}
    phrase = {"recognitionStatus": "Success", "channel": 0, "offset": "PT59.9S", "duration": "PT0.85S"}
    t = medtx.read({"duration": "PT1M3S", "recognizedPhrases": [{**phrase, "nBest": [best]}]})
    assert np.allclose(t.words["start"], [59.9, 60.5])
    assert np.allclose(t.words["end"], [60.1, 60.75])
    assert t.recordings["duration"].iloc[0] == 63


def test_a_length_that_nothing_tells_is_not_known():
    t = medtx.read({"results": [{"alternatives": [{"transcript": "take two", "confidence": 0.9}]}]})
    assert np.isnan(t.recordings["duration"].iloc[0])


def event(name, text, start, partial=False):
    items = [{"Type": "pronunciation", "Content": text, "StartTime": start, "EndTime": start + 0.3}]
    result = {"ResultId": name, "StartTime": start, "EndTime": start + 0.3, "IsPartial": partial}
    return {"Transcript": {"Results": [{**result, "Alternatives": [{"Transcript": text, "Items": items}]}]}}


def test_a_stream_without_a_final_result_is_told():
    cut = pytest.warns(UserWarning, match="cut before its stream ended")
    with cut, pytest.warns(UserWarning, match="no result of this stream was final"):
        assert medtx.read([event("a", "one", 0.1, partial=True)]).words.empty
