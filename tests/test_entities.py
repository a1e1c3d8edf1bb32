"""Entities tied to words, scored through the alignment, and put on a worklist."""

import json

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

import medtx
from medtx.cli import main
from medtx.clinical import from_responses, save_worklist
from medtx.clinical.text import chunks, spoken
from medtx.errors import InputError, MedtxError
from tests.conftest import ROOT, job

FOLDER = ROOT / "datasets" / "dictations"


def timed(*words: tuple[str, float], name: str = "visit", marks: str = ".,") -> medtx.Transcripts:
    return medtx.read(job(*words, name=name))


@given(
    st.lists(st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=12), max_size=30),
    st.integers(1, 60),
)
def test_chunks_are_within_the_limit_and_lose_nothing(words, limit):
    t = medtx.from_text({"visit": " ".join("".join(w.split()) or "x" for w in words)})
    (said,) = spoken(t)
    assert said.text == t.text()["visit"]
    found = list(chunks(said, limit))
    for chunk in found:
        assert said.text[chunk.offset : chunk.offset + len(chunk.text)] == chunk.text
        assert len(chunk.text.encode()) <= max(limit, 4)
    assert "".join("".join(c.text.split()) for c in found) == "".join(said.text.split())
    for begin, end, row in zip(said.begin, said.end, said.rows):
        assert said.text[begin:end] == t.words["content"].iloc[row]
        assert said.words_of(begin, end).tolist() == [row]


def test_a_megabyte_in_one_segment():
    (said,) = spoken(medtx.from_text({"visit": "painless " * 120_000}))
    found = list(chunks(said, 20_000))
    assert max(len(c.text) for c in found) <= 20_000
    assert 54 <= len(found) <= 60
    (giant,) = spoken(medtx.from_text({"visit": "é" * 5000}))
    assert sum(len(c.text) for c in chunks(giant, 1000)) == 5000


def test_an_entity_knows_its_words():
    t = medtx.read(
        job(("takes", 0.9), ("warfarin", 0.61), ("five", 0.7), ("milligrams", 0.8), ("daily", 0.95))
    )
    e = medtx.entities(t)
    drug = e.table[e.table["text"] == "warfarin"].iloc[0]
    dose = e.table[e.table["text"] == "five milligrams"].iloc[0]
    assert (drug["category"], drug["asr_confidence"], drug["first"], drug["last"]) == (
        "MEDICATION",
        0.61,
        1,
        1,
    )
    assert (dose["parent"], dose["asr_confidence"]) == (drug["entity"], 0.7)
    assert dose["asr_confidence_mean"] == pytest.approx(0.75)
    words = t.words.set_index("position")
    assert (dose["start"], dose["end"]) == (words.loc[2, "start"], words.loc[3, "end"])
    assert e.review(0.65)[drug.name]
    assert not e.review(0.6)[drug.name]


def test_a_threshold_marks_entities(dictations):
    a = medtx.align(dictations.references, dictations.transcripts)
    e = medtx.entities(dictations.transcripts)
    for unit in ("word", "segment"):
        threshold = medtx.sweep(a, unit=unit).operating_point(0.6)
        marked = threshold.apply(dictations.transcripts)
        expected = [
            marked[(marked["recording"] == row.recording) & marked["position"].between(row.first, row.last)][
                "review"
            ].any()
            for row in e.table.itertuples()
        ]
        assert e.review(threshold).tolist() == expected
    assert e.review(0.6).sum() > 0


def test_what_becomes_of_entities():
    said = "no chest pain, takes warfarin 5 mg daily and metformin, pain in the left knee"
    heard = "chest pain, takes warfarin 50 mg daily and met for men, pain in the right knee"
    hyp, ref = (medtx.entities(medtx.from_text({"visit": text})) for text in (heard, said))
    score = medtx.score_entities(ref, hyp)
    changes = score.table.set_index("said")[["outcome", "change", "severity"]]
    assert changes.loc["chest pain"].tolist() == ["changed", "negation", 4]
    assert changes.loc["warfarin"].tolist() == ["changed", "dose", 4]
    assert changes.loc["metformin"].tolist() == ["missed", "missed drug", 3]
    assert score.table.set_index("said").loc["metformin", "heard"] == "met for men"
    assert "laterality" in set(score.table["change"])
    same = medtx.score_entities(ref, ref)
    assert (same.table["outcome"] == "found").all()
    assert same.rates().loc["TOTAL", ["recall", "precision", "f1"]].tolist() == [1, 1, 1]


@pytest.mark.parametrize(
    ("said", "heard", "change", "sure"),
    [
        ("takes warfarin 5 mg", [("takes", 1), ("warfarin", 1), ("50", 0.3), ("mg", 1)], "dose", 0.3),
        ("no chest pain", [("now", 0.3), ("chest", 1), ("pain", 1)], "negation", 0.3),
        ("no chest pain", [("chest", 1), ("pain", 1)], "negation", None),  # nothing to hear
        ("chest pain", [("no", 0.2), ("chest", 1), ("pain", 1)], "negation", 0.2),
        ("left knee pain", [("right", 0.3), ("knee", 1), ("pain", 1)], "laterality", 0.3),
        ("potassium was 4.2", [("potassium", 1), ("was", 1), ("2.4", 0.2)], "test value", 0.2),
        ("metoprolol twenty five", [("metoprolol", 1), ("fifty", 0.2)], "dose", 0.2),
        ("takes digoxin 0.125 mg", [("takes", 1), ("digoxin", 1), ("125", 1), ("mcg", 1)], "", 1),
        ("takes warfarin once a day", [("takes", 1), ("coumadin", 0.9), ("daily", 1)], "", 0.9),
        ("anterior chest pain", [("posterior", 0.4), ("chest", 1), ("pain", 1)], "laterality", 0.4),
    ],
)
def test_a_change_is_caught_by_the_words_that_went_wrong(said, heard, change, sure):
    hyp, ref = medtx.entities(medtx.read(job(*heard))), medtx.entities(medtx.from_text({"visit": said}))
    score = medtx.score_entities(ref, hyp)
    row = score.table[score.table["category"] != "ANATOMY"].iloc[0]
    assert (row["change"], row["heard_words"]) == (change, sure is not None)
    assert row["asr_confidence"] == pytest.approx(sure) or sure is None
    if change:
        caught = score.caught(0.5, severity=row["severity"]).iloc[0]
        assert caught["out_of_reach" if sure is None else "caught"] >= 1


def test_the_order_of_doses_matters():
    e = [
        medtx.entities(medtx.from_text({"visit": f"prednisone {a} mg then {b} mg"}))
        for a, b in ((40, 20), (20, 40))
    ]
    assert medtx.score_entities(*e).table["change"].tolist() == ["dose"]
    assert medtx.score_entities(*e).rates().loc["TOTAL", "f1"] == 0
    with pytest.raises(InputError, match="by='nosuch' is not a column"):
        medtx.score_entities(*e).rates("nosuch")


def test_scores_on_the_dictations_add_up(dictations):
    hyp, ref = (medtx.entities(t) for t in (dictations.transcripts, dictations.references))
    score = medtx.score_entities(ref, hyp)
    total = score.rates().loc["TOTAL"]
    by = score.rates("specialty").drop(index="TOTAL")
    for outcome in ("found", "changed", "missed", "invented"):
        assert by[outcome].sum() == total[outcome] == (score.table["outcome"] == outcome).sum()
    assert 0 < total["recall_low"] < total["recall"] < total["recall_high"] < 1
    caught = score.caught(0.3, 0.6, 0.9, 1.01)
    assert caught["caught"].is_monotonic_increasing
    assert (caught[["caught", "missed", "out_of_reach"]].sum(axis=1) == caught["harmful"]).all()
    assert caught["missed"].iloc[-1] == 0
    assert score.worst(5)["severity"].eq(4).all()


def test_the_safety_list_says_what_to_hear_first(tmp_path):
    text = "a rash after starting warfarin 500 mg daily. Takes amlodipine. Denies fever on aspirin 81 mg."
    found = medtx.entities(medtx.from_text({"<visit>": text}))
    worklist = medtx.safety(found)
    kinds = worklist.groupby("kind")["drug"].agg(set)
    assert "warfarin" in kinds["implausible dose"]
    assert "amlodipine" in kinds["no dose"]
    assert "warfarin" in kinds["drug-event"]
    assert worklist["priority"].is_monotonic_increasing
    events = worklist[worklist["kind"] == "drug-event"].set_index("with_")
    assert events.loc["rash", "priority"].min() == 1
    page = save_worklist(worklist, tmp_path / "list.html").read_text()
    assert "no finding" in page
    assert "&lt;visit&gt;" in page
    assert "<visit>" not in page
    assert medtx.safety(medtx.entities(medtx.from_text({"visit": "hello"}))).empty


@pytest.mark.parametrize(
    ("text", "kind", "priority"),
    [
        ("coumadin 50 mg", "implausible dose", 1),
        ("metoprolol succinate 2000 mg", "implausible dose", 1),
        ("metformin 5 to 5000 mg", "implausible dose", 1),
        ("insulin 1000 units", "implausible dose", 1),
        ("warfarin fifty", "implausible dose", 1),
        ("methotrexate 15 mg daily", "implausible dose", 1),
        ("allergic to penicillin", "allergy", 2),
        ("angioedema from lisinopril 10 mg", "drug-event", 1),
        ("she stopped lisinopril because it gave her a cough", "drug-event", 1),
        ("denies rash after starting amoxicillin 500 mg", "drug-event", 2),
        ("takes lisinopril for hypertension", "drug-event", None),
        ("mother had a stroke while taking warfarin", "drug-event", None),
        ("metformin 1 g twice daily", "implausible dose", None),
    ],
)
def test_suspicions(text, kind, priority):
    worklist = medtx.safety(medtx.entities(medtx.from_text({"visit": text})))
    assert worklist.loc[worklist["kind"] == kind, "priority"].tolist() == (
        [] if priority is None else [priority]
    )


def test_the_safety_list_goes_to_spreadsheets(tmp_path):
    t = medtx.from_text({"=1+1": "takes warfarin and warfarin and metformin 500 mg, refilled metformin"})
    worklist = medtx.safety(medtx.entities(t)).assign(start=72.4, end=75.0)
    kinds = worklist.groupby(["kind", "drug"]).size()
    assert kinds["no dose", "warfarin"] == 1  # once for both mentions
    assert ("no dose", "metformin") not in kinds  # its other mention has one
    for suffix, read in ((".csv", pd.read_csv), (".xlsx", pd.read_excel)):
        path = save_worklist(worklist, tmp_path / f"list{suffix}")
        assert path.stat().st_mode & 0o777 == 0o600
        table = read(path)
        assert len(table) == len(worklist)
        assert set(table["recording"]) == {"'=1+1"}  # no formula
        assert set(table["play"]) == {"1:12 to 1:15"}
    with pytest.raises(InputError, match=r"ends in \.html, \.csv or \.xlsx"):
        save_worklist(worklist, tmp_path / "list.doc")


def test_the_services_own_answers(shared):
    """Real dictations with their real responses: offsets slice, every entity finds its words."""
    pairs = json.loads((shared / "comprehend-medical" / "mta_text_entities_pairs.derived.json").read_text())
    texts = {f"{n:02}": pair["Text"] for n, pair in enumerate(pairs)}
    t = medtx.from_text(texts)
    assert t.text().to_dict() == {name: " ".join(text.split()) for name, text in texts.items()}
    whole = {n: {"Entities": p["Entities"]} for n, p in zip(texts, pairs) if p["Text"] == t.text()[n]}
    assert len(whole) >= 15
    e = from_responses(t.select(list(whole)), whole)
    assert (e.table["last"] >= e.table["first"]).all()
    tops = sum(len(p["Entities"]) for n, p in zip(texts, pairs) if n in whole)
    assert (e.table["parent"] < 0).sum() == tops
    broken = {"00": {"Entities": [{**pairs[0]["Entities"][0], "BeginOffset": 3, "EndOffset": 9}]}}
    with pytest.raises(MedtxError, match="offsets 3 to 9 of detect_entities_v2 do not give its text"):
        from_responses(t.select(["00"]), broken)


def test_bad_input_is_told():
    t = medtx.from_text({"visit": "", "other": "\u0000 \U0001f600 é"})
    assert len(medtx.entities(t)) == 0
    for call, message in (
        (lambda: medtx.entities(t, "nosuch"), "engine='nosuch' is not one of"),
        (lambda: medtx.entities(t, ontologies=["loinc"]), "not one of icd10cm"),
        (lambda: medtx.entities(t, ontologies=["rxnorm"]), "the embedded engine has no codes"),
        (lambda: medtx.entities(t, errors="ignore"), "errors='ignore'"),
        (lambda: medtx.safety(medtx.entities(t), near=-1), "near=-1"),
        (lambda: medtx.safety(medtx.entities(t), near="x"), "near='x'"),
        (lambda: medtx.safety(medtx.entities(t), threshold=np.nan), "threshold=nan is not a confidence"),
        (lambda: medtx.safety(medtx.entities(t), threshold="x"), "threshold='x' is neither"),
        (lambda: medtx.entities("text"), "expected Transcripts"),
        (lambda: from_responses(t, {"nosuch": {}}), "there is no recording 'nosuch'"),
    ):
        with pytest.raises(InputError, match=message):
            call()


def test_an_entity_can_be_played(dictations):
    e = medtx.entities(dictations.transcripts)
    row = e.table[e.table["category"] == "MEDICATION"].iloc[0]
    audio = dictations.transcripts.play(row, dictations.audio)
    seconds = (len(audio.data) - 44) / 2 / 16000
    assert seconds == pytest.approx(row["end"] - row["start"] + 1, abs=0.01)
    with pytest.raises(InputError, match="no audio is given"):
        dictations.transcripts.play(row, {})
    with pytest.raises(InputError, match="has no times"):
        dictations.transcripts.play(row.where(row.index != "start", np.nan), dictations.audio)


def test_the_command(tmp_path, capsys):
    out, page = tmp_path / "e.csv", tmp_path / "safety.html"
    main(["entities", str(FOLDER / "results"), "--out", str(out), "--safety", str(page)])
    said = capsys.readouterr().out
    assert "medtx-embedded" in said
    table = pd.read_csv(out)
    assert {"text", "start", "asr_confidence", "parent"} <= set(table)
    assert page.stat().st_mode & 0o777 == 0o600


def test_seven_engines_on_real_consultations(shared):
    """PriMock57's references against the transcripts of other engines: what errors did to entities."""
    folder = shared / "corpora" / "omi-medical-STT-eval"

    def texts(paths):
        return {path.name[:19]: path.read_text() for path in paths}

    refs = medtx.entities(medtx.from_text(texts(sorted((folder / "data/cleaned_transcripts").glob("*.txt")))))
    recall = {}
    for engine in sorted((folder / "results" / "transcripts").iterdir()):
        hyps = medtx.entities(medtx.from_text(texts(sorted(engine.glob("*_conversation_transcript.txt")))))
        rates = medtx.score_entities(refs, hyps).rates()
        recall[engine.name] = rates.loc["MEDICATION", "recall"]
        assert rates.loc["TOTAL", "recall"] > 0.3, engine.name
    print({name: round(value, 3) for name, value in recall.items()})
    assert len(recall) == 7
    assert max(recall.values()) > 0.8
