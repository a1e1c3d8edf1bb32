"""No confidence is unknown, not low: nothing is made of it unless that is asked for."""

import json
import warnings

import docx
import numpy as np
import pandas as pd
import pytest

import medtx
from medtx.cli import main
from medtx.clinical import save_worklist
from medtx.errors import InputError, MedtxError
from medtx.reports import slipped
from medtx.thresholds import to_hear
from tests.conftest import ROOT, job

FOLDER = ROOT / "datasets" / "dictations"
NOTE = "a rash after starting warfarin 500 mg daily. Takes amlodipine. Takes 20 mg."


@pytest.fixture
def mixed() -> medtx.Alignment:
    """Three words with a confidence, one of them wrong; two without, one of them wrong."""
    t = medtx.read(job(("take", 0.9), ("two", None), ("fifty", None), ("chess", 0.4), ("pain", 0.8)))
    return medtx.align(hypotheses=t, references={"visit": "take two sixty chest pain"}, normalize="none")


def test_the_safety_list_of_text_rests_on_nothing_that_is_not_there(tmp_path):
    e = medtx.entities(medtx.from_text({"visit": NOTE}))
    assert e.table["asr_confidence"].isna().all()
    assert not e.review(0.99).any()
    for threshold in (0.8, 1.0):
        worklist = medtx.safety(e, threshold=threshold)
        assert not worklist["kind"].str.startswith("unsure").any()
        assert not worklist["why"].str.contains("low").any()
    assert {"drug-event", "implausible dose", "no dose"} <= set(worklist["kind"])
    page = save_worklist(worklist, tmp_path / "list.html").read_text()
    assert "low speech" not in page
    assert "unknown" in page  # in the column of the confidence
    asked = medtx.safety(e, unknown="review")
    unsure = asked[asked["kind"].str.startswith("unsure")]
    assert len(unsure)
    assert unsure["why"].str.contains("unknown speech confidence").all()
    assert e.review(np.inf).all()  # everything
    with pytest.raises(InputError, match="unknown='low' is not one of"):
        medtx.safety(e, unknown="low")
    assert "<mark" not in e.show("visit").html


def test_a_dose_whose_number_has_no_confidence_is_heard_if_that_is_asked_for():
    """An engine that gives numbers no confidence: the unit's stands beside it."""
    t = medtx.read(job(("takes", 0.9), ("warfarin", 0.95), ("50", None), ("mg", 0.8)))
    e = medtx.entities(t)
    dose = e.table["type"].isin(["DOSAGE", "STRENGTH"])
    assert e.table.loc[dose, "asr_confidence"].tolist() == [0.8]
    assert e.review(0.85)[dose].tolist() == [True]
    assert e.review(0.7)[dose].tolist() == [False]
    assert e.review(0.7, unknown="review")[dose].tolist() == [True]


def test_a_known_low_confidence_comes_before_an_unknown_one():
    t = medtx.read(
        [
            job(("takes", 0.9), ("warfarin", 0.3), name="low"),
            job(("takes", 0.9), ("warfarin", None), name="none"),
            job(("takes", 0.9), ("warfarin", 0.95), name="sure"),
        ]
    )
    worklist = medtx.safety(medtx.entities(t))
    assert worklist.loc[worklist["kind"] == "unsure drug", "recording"].tolist() == ["low"]
    same = worklist[worklist["kind"] == "no dose"]
    assert same["recording"].tolist() == ["low", "sure", "none"]


def test_a_sweep_counts_what_it_knows_nothing_of(mixed):
    s = medtx.sweep(mixed)
    assert s.table["threshold"].tolist() == [0.4, 0.8, 0.9, 1.0, np.inf]
    rows = s.table.set_index("threshold")
    assert rows["review_words"].tolist() == [0, 1, 2, 3, 5]
    assert rows["review_share"].tolist() == [0, 0.2, 0.4, 0.6, 1]
    assert rows["errors_missed"].tolist() == [2, 1, 1, 1, 0]
    assert (rows["without_confidence"] == 2).all()
    always = medtx.sweep(mixed, unknown="review")
    assert always.at(0.4)["review_words"].item() == 2
    assert always.at(0.5)["errors_missed"].item() == 0
    assert always.at(0.5)["without_confidence"].item() == 2
    with pytest.raises(InputError, match="unknown='low' is not one of skip, review"):
        medtx.sweep(mixed, unknown="low")
    with pytest.raises(InputError, match=r"differ in unknown \(skip, review\)"):
        s + always
    for unit, heard in ((3, 4), ("segment", 5), ("recording", 5)):
        # "chess" is in doubt: "fifty" and "pain" are in its window, and all are in its segment.
        found = medtx.sweep(mixed, unit=unit).at(0.5)["review_words"].item()
        assert found == (3 if unit == 3 else heard)


def test_a_threshold_says_what_slips_through_unknown(mixed):
    point = medtx.sweep(mixed).operating_point(0.5)
    assert (point.without_confidence, point.unknown_words, point.unknown_errors) == (2, 2, 1)
    assert point.errors_missed == 1
    assert "2 of the words have no confidence: 2 not reviewed, 1 of that wrong." in str(point)
    always = medtx.sweep(mixed, unknown="review").operating_point(0.5)
    assert (always.unknown_words, always.unknown_errors, always.errors_missed) == (0, 0, 0)
    assert "2 of the words have no confidence: all of that is reviewed." in str(always)
    missed = slipped(mixed, point)
    assert missed["recognised"].tolist() == ["fifty"]
    assert medtx.calibration(mixed).loc["TOTAL", ["words", "without_confidence"]].tolist() == [3, 2]


def test_a_promise_counts_unknown_words_as_not_reviewed():
    """A fifth of the words is wrong and has no confidence: no threshold keeps to a tenth."""
    words = [("right", 0.9)] * 4 + [("wrong", None)]
    names = [f"r{n}" for n in range(120)]
    t = medtx.read([job(*words, name=name) for name in names])
    a = medtx.align(hypotheses=t, references=dict.fromkeys(names, "right right right right said"))
    skipped = medtx.sweep(a).choose(max_error=0.1)
    assert np.isinf(skipped.value)
    assert not skipped.holds
    assert skipped.errors_missed == 0  # everything is reviewed, then
    assert medtx.sweep(a).choose(max_error=0.3).errors_missed == 120
    always = medtx.sweep(a, unknown="review").choose(max_error=0.1)
    assert always.holds
    assert (always.value, always.review_share) == (0.9, 0.2)


def test_marks_on_new_results(tmp_path):
    t = medtx.read(job(("take", 0.9), ("250", None), ("mg", 0.4)))
    a = medtx.align(hypotheses=t, references={"visit": "take 250 mg"})
    point = medtx.sweep(a).operating_point(0.5)
    with pytest.warns(UserWarning, match="^1 of 3 words have no confidence and are not sent to review"):
        marked = point.apply(t)
    assert marked["review"].tolist() == [False, False, True]
    assert point.apply(t, unknown="review")["review"].tolist() == [False, True, True]
    kept = medtx.load_threshold(
        medtx.sweep(a, unknown="review").operating_point(0.5).save(tmp_path / "t.json")
    )
    assert kept.apply(t)["review"].tolist() == [False, True, True]
    text = medtx.from_text({"visit": "take 250 mg"})
    with pytest.warns(UserWarning, match="^none of these 3 words has a confidence"):
        nothing = point.apply(text)
    assert not nothing["review"].any()
    assert to_hear(nothing).empty
    everything = medtx.sweep(a).operating_point(np.inf)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        rows = to_hear(everything.apply(text))
    assert (rows["text"].item(), rows["words"].item()) == ("take 250 mg", 3)
    with pytest.raises(InputError, match="unknown='no'"):
        point.apply(t, unknown="no")


def test_thresholds_by_group_do_the_same():
    t = medtx.read([job(("so", 0.9), ("on", 0.2), ("it", None), name=f"r{n}") for n in range(90)])
    t.recordings["noise"] = ["quiet", "loud"] * 45
    a = medtx.align(hypotheses=t, references={f"r{n}": "so off it" for n in range(90)})
    each = medtx.sweep(a, "noise").choose_each(max_error=0.3)
    with pytest.warns(UserWarning, match="90 of 270 words have no confidence"):
        marked = each.apply(t)
    assert marked["review"].sum() == 90
    assert each.apply(t, unknown="review")["review"].sum() == 180


def test_a_record_that_was_kept_before_reviews_unknown_words(tmp_path, mixed):
    """It was measured so; and its minutes were of bare words."""
    from medtx.thresholds.record import _check

    path = medtx.sweep(mixed, unknown="review").operating_point(0.5).save(tmp_path / "t.json")
    data = json.loads(path.read_text())
    new = "unknown context word_minutes without_confidence unknown_words unknown_errors check".split()
    old = {name: value for name, value in data.items() if name not in new} | {"review_minutes": 0.5}
    path.write_text(json.dumps(old | {"check": _check(old)}))
    kept = medtx.load_threshold(path)
    assert (kept.unknown, kept.word_minutes) == ("review", 0.5)
    assert np.isnan(kept.review_minutes)


def test_nothing_is_marked_in_documents_and_tasks(tmp_path):
    text = medtx.from_text({"visit": "no chest pain"})
    path = text.to_docx(tmp_path, threshold=0.9)[0]
    document = docx.Document(str(path))
    assert not [r for p in document.paragraphs for r in p.runs if r.font.highlight_color or r.font.underline]
    assert any("these words have no confidences" in p.text for p in document.paragraphs)
    some = medtx.read(job(("take", 0.9), ("250", None), ("mg", 0.4)))
    document = docx.Document(str(some.to_docx(tmp_path, threshold=0.5)[0]))
    assert [r.text for p in document.paragraphs for r in p.runs if r.font.highlight_color] == ["mg"]
    assert "1 of 3 have a confidence below 0.5. 1 have no confidence" in document.paragraphs[2].text
    nowhere = medtx.read(job(("take", None), ("250", None)))
    tasks = nowhere.to_label_studio(tmp_path / "t.json", audio="a.wav", threshold=0.9)
    labels = [
        label
        for task in json.loads(tasks.read_text())
        for region in task["predictions"][0]["result"]
        for label in region["value"].get("labels", [])
    ]
    assert set(labels) == {"speech"}


@pytest.fixture
def text_results(tmp_path):
    folder = tmp_path / "texts"
    folder.mkdir()
    for path in sorted((FOLDER / "references").glob("*"))[:9]:
        (folder / path.name).write_bytes(path.read_bytes())
    return folder


def test_the_report_leaves_out_what_it_cannot_say(tmp_path, text_results, capsys):
    t = medtx.from_text({f"r{n}": "denies chess pain now" for n in range(10)})
    a = medtx.align(hypotheses=t, references={f"r{n}": "denies chest pain now" for n in range(10)})
    page = medtx.report(a, tmp_path / "r.html", by=None).read_text()
    assert page.count("have no word confidences") == 1
    assert "A confidence threshold" not in page
    assert "Can the confidences" not in page
    assert "chess" in page
    for call in (medtx.sweep, medtx.explore):
        with pytest.raises(MedtxError, match="these words have no confidences, so no threshold can"):
            call(a)
    main(["report", str(text_results), str(FOLDER / "references"), "--out", str(tmp_path / "c.html")])
    main(["score", str(text_results), str(FOLDER / "references"), "--format", "html"])
    assert "Error rates" in capsys.readouterr().out
    with pytest.raises(SystemExit):
        main(["threshold", str(text_results), str(FOLDER / "references")])
    assert capsys.readouterr().err.splitlines()[-1].startswith("medtx: these words have no confidences")


def test_review_of_results_without_confidences_is_one_sentence(tmp_path, text_results, capsys, mixed):
    kept = str(medtx.sweep(mixed).operating_point(0.5).save(tmp_path / "t.json"))
    with pytest.raises(SystemExit):
        main(["review", kept, str(text_results)])
    err = capsys.readouterr().err.strip().splitlines()
    assert len([line for line in err if "has a confidence, so no threshold" in line]) == 1
    assert "--unknown review sends all" in err[-1]
    out = tmp_path / "hear.csv"
    main(["review", kept, str(text_results), "--unknown", "review", "--out", str(out)])
    said = capsys.readouterr().out
    assert "minutes not known for want of times" in said
    assert pd.read_csv(out)["words"].sum() > 100
