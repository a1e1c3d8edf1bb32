"""What identifies a person is taken out, everywhere that it stands."""

import json

import pandas as pd
import pytest

import medtx
from tests.conftest import job

SECRETS = ("Xanthippe", "Smith", "1970")


def visit(**more) -> dict:
    """Said: patient Xanthippe, Smith, born 1970 well. The names in two words and a mark."""
    made = job(
        ("patient", 0.9), ("Xanthippe", 0.8), ("Smith", 0.4), ("born", 0.9), ("1970", 0.7), ("well", 0.9)
    )
    items = made["results"]["items"]
    items.insert(2, {"type": "punctuation", "alternatives": [{"content": ","}]})
    made["results"]["entities"] = [
        {
            "content": "Xanthippe, Smith",
            "category": "NAME",
            "startTime": 0.52,
            "endTime": 1.43,
            "confidence": 0.9,
        },
        {
            "content": "1970",
            "category": "PHI*-Personal*",
            "startTime": 2.0,
            "endTime": 2.41,
            "confidence": 0.9,
        },
    ]
    said = "patient Xanthippe, Smith born 1970 well"
    made["results"]["transcripts"] = [{"transcript": said}]
    made["results"] |= more
    return made


def clean(t: medtx.Transcripts) -> None:
    for name, table in t.tables().items():
        held = table.drop(columns="source", errors="ignore").to_csv()
        assert not [word for word in SECRETS if word in held], name


def test_a_span_becomes_its_category_wherever_it_stands():
    hypotheses = [
        {"content": one, "start_time": str(i / 2), "end_time": str(i / 2 + 0.4), "confidence": "0.5"}
        for i, one in enumerate(["patient", "Xanthippe", "Smith", "borne", "1970", "well"])
    ]
    segments = [
        {
            "start_time": "0",
            "end_time": "2.9",
            "alternatives": [
                {"transcript": "patient Xanthippe, Smith born 1970 well", "items": hypotheses},
                {"transcript": "x", "items": [h | {"content": h["content"].upper()} for h in hypotheses]},
            ],
        }
    ]
    t = medtx.read(visit(segments=segments))
    r = t.redact()
    clean(r)
    assert r.text()["visit"] == "patient [NAME] born [PHI-PERSONAL] well"
    assert r.segments["transcript"].tolist() == ["patient [NAME] born [PHI-PERSONAL] well"]
    name = r.words.iloc[1]
    assert name[["position", "start", "end", "confidence"]].tolist() == [1, 0.5, 1.4, 0.4]
    assert (name["kind"], name["filtered"], name["phi"]) == ("pronunciation", "redacted", "NAME")
    assert r.words["position"].tolist() == [0, 1, 2, 3, 4]
    assert r.alternatives.groupby("rank")["content"].agg(" ".join).tolist() == [
        "patient [NAME] borne [PHI-PERSONAL] well",
        "PATIENT [NAME] BORNE [PHI-PERSONAL] WELL",
    ]
    assert r.phi["content"].tolist() == ["[NAME]", "[PHI-PERSONAL]"]
    assert r.recordings["redacted"].tolist() == [True]
    assert t.recordings["redacted"].tolist() == [False]  # the other is as it was
    assert t.words["content"].tolist()[1] == "Xanthippe"
    assert {c: str(d) for c, d in r.words.dtypes.items()} == {c: str(d) for c, d in t.words.dtypes.items()}
    clean(r.redact())


def test_recordings_without_phi_stay_as_they_are():
    other = job(("no", 0.9), ("fever", 0.8), name="other")
    t = medtx.read([other, visit()])
    r = t.redact()
    pd.testing.assert_frame_equal(
        r.select("other").words, t.select("other").words, check_dtype=False, check_categorical=False
    )
    assert r.recordings["redacted"].tolist() == [False, True]
    plain = medtx.read(other)
    for name, table in plain.redact().tables().items():
        pd.testing.assert_frame_equal(table, plain.tables()[name])


def test_a_stream_is_redacted_with_its_partials():
    def result(partial: bool, *words: str) -> dict:
        items = [
            {"Type": "pronunciation", "Content": w, "StartTime": i / 2, "EndTime": i / 2 + 0.4}
            | ({} if partial else {"Confidence": 0.9})
            for i, w in enumerate(words)
        ]
        found = [
            {"StartTime": 0.5, "EndTime": 0.9, "Category": "PHI", "Content": words[1], "Confidence": 0.9}
        ]
        one = {"Transcript": " ".join(words), "Items": items, "Entities": [] if partial else found}
        return {
            "ResultId": "r1",
            "StartTime": 0.0,
            "EndTime": len(words) / 2,
            "IsPartial": partial,
            "Alternatives": [one],
        }

    t = medtx.read([result(True, "hello", "Xanthippa"), result(False, "hello", "Xanthippe", "again")])
    assert len(t.events) == 2
    r = t.redact()
    clean(r)
    assert r.text().iloc[0] == "hello [PHI] again"
    assert r.events["transcript"].tolist() == ["", "hello [PHI] again"]


def test_entities_find_more_and_need_no_times():
    t = medtx.from_text({"visit": "Doctor Xanthippe saw her on March third 1970."})
    assert t.redact().text()["visit"] == t.text()["visit"]
    r = t.redact(medtx.entities(t))
    clean(r)
    assert r.text()["visit"] == "Doctor [NAME] saw her on [DATE]"


def test_a_span_without_times_is_found_by_its_words_or_warned_of():
    made = visit()
    for one in made["results"]["entities"]:
        del one["startTime"], one["endTime"]
    made["results"]["entities"][0]["content"] = "Xanthippe"
    made["results"]["entities"].append({"content": "Smith", "category": "NAME"})
    clean(medtx.read(made).redact())
    made["results"]["entities"].append({"content": "Socrates", "category": "NAME"})
    with pytest.warns(UserWarning, match="1 spans of PHI could not be found") as warned:
        clean(medtx.read(made).redact())
    assert "Socrates" not in str(warned[0].message)


def test_what_is_written_of_a_redacted_transcript_is_clean(tmp_path):
    r = medtx.read(visit()).redact()
    r.to_vtt(tmp_path / "vtt")
    r.to_csv(tmp_path / "csv")
    r.to_seglst(tmp_path / "all.json")
    for file in tmp_path.rglob("*.*"):
        assert not [word for word in SECRETS if word in file.read_text()], file
    assert json.loads((tmp_path / "all.json").read_text())
