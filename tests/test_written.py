"""What was said, as the service writes it."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

import medtx
from medtx.engines import written
from medtx.engines.models import text
from medtx.scoring.medical import Medical
from medtx.scoring.rules import rules
from medtx.specialties import SPECIALTIES


def words(said: str, sure: float = 0.9) -> list[written.Word]:
    return [
        {"content": word, "start": n / 2, "end": n / 2 + 0.5, "confidence": sure}
        for n, word in enumerate(said.split())
    ]


@pytest.mark.parametrize(
    ("said", "wanted"),
    [
        ("five hundred milligrams twice a day", "500 mg twice a day"),
        ("blood pressure one twenty over eighty", "BP 120/80"),
        ("blood pressure was not taken", "blood pressure was not taken"),
        ("hemoglobin a one c is seven point two percent", "hemoglobin A1c is 7.2%"),
        ("what percent of patients", "what percent of patients"),
        ("one of five nodules grew to five to ten millimeters", "one of five nodules grew to 5 to 10 mm"),
        ("she has c o p d and takes i v fluids", "she has COPD and takes IV fluids"),
        ("on the fourth and the twenty third day", "on the fourth and the 23rd day"),
        ("heart rate eighty beats per minute", "heart rate 80 BPM"),
        ("cat scan of l five in three weeks", "CT scan of L5 in three weeks"),
        ("five milliliters of a ten milligram per deciliter solution", "5 mL of a 10 mg per dL solution"),
        ("ninety eight point two degrees fahrenheit", "98.2 degrees Fahrenheit"),
        ("i think i'm fine", "I think I'm fine"),
        ("metoprolol 25 mg daily", "metoprolol 25 mg daily"),
        ("", ""),
    ],
)
def test_as_the_service_writes(said, wanted):
    assert written.text(written.write(words(said))) == wanted


def test_pauses_are_full_stops_but_not_where_a_sentence_goes_on():
    said = words("the lungs are clear there is pain in the")
    for word in said[4:]:
        word["start"], word["end"] = word["start"] + 0.4, word["end"] + 0.4
    assert (
        written.text(written.utterance(said, said[-1]["end"])) == "The lungs are clear. there is pain in the"
    )
    assert (
        written.text(written.utterance(said, said[-1]["end"] + 0.3))
        == "The lungs are clear. there is pain in the"
    )
    assert written.text(written.utterance(said[:4], 2.3)) == "The lungs are clear."
    assert written.utterance([], 1.0) == []


def test_what_is_joined_has_the_time_of_all_its_words_and_the_least_confidence():
    said = words("take five hundred milligrams")
    said[2]["confidence"] = 0.4
    take, dose, unit = written.write(said)
    assert dose == {"content": "500", "start": 0.5, "end": 1.5, "confidence": 0.4}
    assert (take["confidence"], unit) == (0.9, {"content": "mg", "start": 1.5, "end": 2.0, "confidence": 0.9})


_WORDS = [
    *rules().value,
    *rules().units,
    *rules().phrases,
    *rules().words,
    "point",
    "over",
    "half",
    "a",
    "and",
]
_WORDS += [*"abcdilmopqrtvx", "per", "percent", "milligrams", "to", "by", "degrees", "dollars", "metoprolol"]


@given(st.lists(st.sampled_from(sorted(set(_WORDS))), max_size=12))
def test_nothing_is_written_that_is_read_as_something_else(said):
    shown = written.write(words(" ".join(said)))
    assert Medical()([word["content"] for word in shown]).text == Medical()(said).text
    assert all(one["end"] <= other["start"] for one, other in pairwise(shown))


def test_of_the_specialties_sentences_next_to_none_stays_as_it_was_said():
    kept = changed = 0
    for name in SPECIALTIES:
        for sentence in text.expand(name)[:500]:
            shown = written.text(written.write(words(sentence)))
            numbers = [word for word in sentence.split() if word in ("hundred", "point", "milligrams")]
            changed += bool(numbers)
            kept += bool(numbers) and not any(letter.isdigit() for letter in shown)
    assert changed > 500
    assert kept < changed / 100


def test_results_are_written_and_keep_what_was_said(dictations, tmp_path):
    audio = dictations.audio["cardiology-01"]
    ask = {"specialty": "CARDIOLOGY", "type": "DICTATION", "progress": False, "workers": 1}
    shown = medtx.transcribe(audio, **ask)
    marks = shown.words[shown.words["kind"] == "punctuation"]
    assert len(marks)
    assert marks[["start", "end", "confidence"]].isna().all(axis=None)
    assert shown.words["content"].str.contains(r"\d").any()
    ranks = shown.alternatives.groupby("segment")["rank"].transform("max")
    last = shown.alternatives[shown.alternatives["rank"] == ranks]["content"]
    assert not last.str.contains(r"[\d.]").any()
    said = {"cardiology-01": " ".join(last)}
    both = [medtx.align(dictations.references, one, normalize="medical").rates() for one in (shown, said)]
    assert both[0].loc["TOTAL", "wer"] == pytest.approx(both[1].loc["TOTAL", "wer"], abs=0.01)
    live = medtx.stream(audio, specialty="CARDIOLOGY", type="DICTATION", engine="embedded").run()
    pieces = shown.words["content"].tolist()
    assert live.words["content"].tolist() == pieces
    stock = medtx.transcribe(audio, **ask, model="stock")
    assert not (stock.words["kind"] == "punctuation").any()
