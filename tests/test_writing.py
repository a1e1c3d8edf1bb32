"""Tables to files of other programs, and back."""

import json
import stat
import xml.etree.ElementTree as ET
from itertools import pairwise

import docx
import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

import medtx
from medtx.errors import InputError, MedtxError, ReadError
from tests.conftest import job
from tests.test_sources import same


@pytest.fixture(scope="module")
def real(shared):
    """Every kind of result that there is: speakers, channels, n-best, streams, PHI, other engines."""
    return medtx.read(
        [
            shared / "transcribe-batch" / "variants",
            shared / "transcribe-medical-stream",
            shared / "call-analytics",
            shared / "transcribe-batch" / "aws-and-kaldi",
        ]
    )


def test_parquet_gives_every_table_back(real, tmp_path):
    known = pd.DataFrame(
        {
            "recording": real.recordings["recording"].astype(str),
            "site": "north",
            "beds": 3,
            "date": pd.Timestamp("2026-01-01", tz="UTC"),
            "share": np.linspace(0, 1, len(real)),
        }
    )
    t = medtx.reading.join(real, known)
    folder = t.to_parquet(tmp_path / "tables")
    again = medtx.read(folder)
    same(t, again)
    assert {p.name for p in folder.iterdir()} == {"SHA256SUMS", *(f"{name}.parquet" for name in t.tables())}
    for file in folder.iterdir():
        assert stat.S_IMODE(file.stat().st_mode) == 0o600
    more = medtx.read([folder, job(("pain", 0.9), name="another")])
    assert len(more) == len(t) + 1
    assert more.text()["another"] == "pain"
    pd.testing.assert_frame_equal(more.words[: len(t.words)], t.words, check_categorical=False)
    empty = medtx.read(medtx.Transcripts().to_parquet(tmp_path / "none"))
    same(medtx.Transcripts(), empty)
    (folder / "words.parquet").write_bytes(b"PAR1 and no more")
    with pytest.raises(ReadError, match=r"words.parquet: expected a Parquet file"):
        medtx.read(folder)
    (folder / "words.parquet").unlink()
    with pytest.raises(ReadError, match=r"words.parquet: no such file"):
        medtx.read(folder)
    t.segments.to_parquet(folder / "words.parquet")
    with pytest.raises(ReadError, match=r"words.parquet: expected the column position"):
        medtx.read(folder)


def test_csv_for_other_programs(real, tmp_path):
    folder = real.to_csv(tmp_path)
    words = pd.read_csv(folder / "words.csv", keep_default_na=False)
    assert words["content"].tolist() == real.words["content"].tolist()
    (tmp_path / "file").write_text("")
    with pytest.raises(MedtxError, match="cannot be written"):
        real.to_csv(tmp_path / "file")


def test_text_is_the_services_own_on_every_real_file(shared, real):
    said = real.text()
    count = 0
    for path in sorted((shared / "transcribe-batch").rglob("*.json")):
        raw = json.loads(path.read_text())
        if "transcripts" in raw.get("results", {}):
            assert medtx.read(path).text().iloc[0] == raw["results"]["transcripts"][0]["transcript"], path
            count += 1
    assert count >= 14
    call = json.loads(next((shared / "call-analytics").glob("*.json")).read_text())
    assert said[call["JobName"]] == " ".join(turn["Content"] for turn in call["Transcript"])
    for path in (shared / "transcribe-medical-stream").glob("*.json"):
        finals = [e["data"] for e in json.loads(path.read_text()) if not e["data"]["IsPartial"]]
        assert said[path.stem] == " ".join(r["Alternatives"][0]["Transcript"] for r in finals)


def test_text_without_marks_and_with_speakers(real):
    name = "03-speaker-identification"
    one = real.select(name)
    assert not set(".,?") & set(one.text(punctuation=False)[name])
    turns = one.text(speakers=True)[name].split("\n")
    assert all(turn.startswith(("spk_0: ", "spk_1: ", "spk_2: ")) for turn in turns)
    assert " ".join(turn[7:] for turn in turns) == one.text()[name]
    assert all(a[:5] != b[:5] for a, b in pairwise(turns))
    empty = medtx.read({"jobName": "quiet", "results": {"items": []}})
    assert empty.text(speakers=True).to_dict() == {"quiet": ""}


def test_captions_are_read_as_they_were_said(real, tmp_path):
    timed = real
    paths = timed.to_vtt(tmp_path / "vtt")
    assert len(paths) == len(real)
    for path in paths:
        name = path.stem
        back = medtx.read(path)
        assert sorted(back.text().iloc[0].split()) == sorted(timed.text()[name].split()), name
        words = timed.words[timed.words["recording"] == name]
        voices = words["speaker"] if words["speaker"].notna().any() else words["channel"]
        assert set(back.words["speaker"].dropna()) == set(voices.dropna()), name
        assert (back.segments["start"] <= back.segments["end"]).all()
        assert back.segments["start"].min() == pytest.approx(words["start"].min(), abs=0.001)
    for path in timed.select("01-plain").to_srt(tmp_path / "srt"):
        assert medtx.read(path).text().iloc[0] == timed.text()["01-plain"]
        assert path.read_text().startswith("1\n00:00:00,")


def test_captions_of_references_use_their_segments(tmp_path):
    stm = tmp_path / "a.stm"
    stm.write_text('visit 1 doctor 0.5 2.25 Any <pain> & "fever"?\nvisit 1 patient 2.5 3 No.\n')
    path = medtx.read(stm).to_vtt(tmp_path)[0]
    assert path.read_text() == (
        "WEBVTT\n\n"
        '00:00:00.500 --> 00:00:02.250\n<v doctor>Any &lt;pain&gt; &amp; "fever"?\n\n'
        "00:00:02.500 --> 00:00:03.000\n<v patient>No.\n"
    )
    with pytest.raises(InputError, match="recording 'a' has words without times"):
        medtx.from_text({"a": "No fever."}).to_srt(tmp_path)


def test_stm_ctm_and_seglst_round_trip(real, tmp_path):
    t = real.select(["03-speaker-identification", "09-channel-identification-alternative-results"])
    stm, seglst = medtx.read(t.to_stm(tmp_path / "a.stm")), medtx.read(t.to_seglst(tmp_path / "a.json"))
    for back in (stm, seglst):
        assert back.text().str.split().map(sorted).to_dict() == t.text().str.split().map(sorted).to_dict()
        assert back.segments["start"].tolist() == pytest.approx(
            t.segments.sort_values(["recording", "start"])["start"].tolist(), abs=0.001
        )
        assert set(back.words["speaker"]) == {"spk_0", "spk_1", "spk_2", "ch_0", "ch_1"}
    assert set(seglst.words["channel"].dropna()) == {"ch_0", "ch_1"}
    ctm = medtx.read(t.to_ctm(tmp_path / "a.ctm", punctuation=False))
    assert ctm.recordings["engine"].tolist() == ["ctm", "ctm"]
    for name in t.recordings["recording"]:
        said = t.words[(t.words["recording"] == name) & (t.words["kind"] == "pronunciation")]
        said = said.sort_values(["channel", "start"], kind="stable")
        ours = ctm.words[ctm.words["recording"] == name]
        pieces = [p for w in said["content"] for p in w.split()]
        assert ours["content"].tolist() == pieces
        assert ours["end"].max() == pytest.approx(said["end"].max(), abs=0.002)
    with pytest.raises(InputError, match="recording 'a' has a word without times"):
        medtx.from_text({"a": "b"}).to_ctm(tmp_path / "b.ctm")
    with pytest.raises(InputError, match="recording 'a' has a segment without times"):
        medtx.from_text({"a": "b"}).to_stm(tmp_path / "b.stm")
    with pytest.raises(InputError, match="the same name once their blanks are underscores"):
        medtx.from_text({"a b": "b", "a_b": "c"}).to_stm(tmp_path / "b.stm")


def test_documents_mark_what_to_listen_to(real, tmp_path):
    t = real.select("03-speaker-identification")
    path = t.to_docx(tmp_path, threshold=0.9)[0]
    document = docx.Document(str(path))
    runs = [run for paragraph in document.paragraphs for run in paragraph.runs]
    marked = [run.text for run in runs if run.font.highlight_color is not None]
    below = t.words[t.words["confidence"] < 0.9]
    assert marked == below["content"].tolist()
    assert f"{len(below)} of 354 have a confidence below 0.9" in document.paragraphs[2].text
    turns = [p.text for p in document.paragraphs[3:]]
    assert turns[0].startswith("00:00:00 spk_0")
    said = " ".join(turn.split(" ", 2)[2] for turn in turns)
    assert said == t.text().iloc[0]
    plain = t.to_docx(tmp_path / "plain")[0]
    assert not [r for p in docx.Document(str(plain)).paragraphs for r in p.runs if r.font.highlight_color]
    with pytest.raises(InputError, match="threshold=2 is not between"):
        t.to_docx(tmp_path, threshold=2)


def test_tasks_for_label_studio(real, tmp_path):
    t = real.select(["01-plain", "04-alternative-results"])
    path = t.to_label_studio(tmp_path / "tasks.json", audio="https://host/{recording}.wav", threshold=0.5)
    tasks = json.loads(path.read_text())
    assert [task["data"]["audio"] for task in tasks] == [
        "https://host/01-plain.wav",
        "https://host/04-alternative-results.wav",
    ]
    names = {tag.get("name"): tag for tag in ET.parse(path.with_suffix(".xml")).getroot()}
    assert names["audio"].get("value") == "$audio"
    said = {"01-plain": [], "04-alternative-results": []}
    listen = 0
    for task in tasks:
        for region in task["predictions"][0]["result"]:
            assert region["from_name"] in names
            assert region["to_name"] == "audio"
            assert region["value"]["start"] < region["value"]["end"]
            said[task["data"]["recording"]] += region["value"].get("text", [])
            listen += region["value"].get("labels") == ["listen"]
    assert {name: " ".join(texts) for name, texts in said.items()} == t.text().to_dict()
    below = t.words[t.words["confidence"] < 0.5].drop_duplicates(["recording", "segment"])
    assert listen == len(below) > 0
    with pytest.raises(InputError, match=r"has no \{recording\}, and there are 2"):
        t.to_label_studio(tmp_path / "tasks.json", audio="a.wav")


def test_consultations_of_two_files_become_one(shared):
    """PriMock57 has a TextGrid a speaker; the audio that engines hear is mixed."""
    folder = shared / "corpora" / "primock57" / "transcripts"
    t = medtx.read(folder)
    whole = t.merge(lambda name: name.rsplit("_", 1)[0])
    assert (len(t), len(whole)) == (114, 57)
    assert len(whole.words) == len(t.words)
    assert set(whole.words["speaker"].str.lower()) == {"doctor", "patient"}
    assert (whole.words.groupby("recording", observed=True)["speaker"].nunique() == 2).all()
    for table in (whole.segments, whole.words):
        assert table["recording"].is_monotonic_increasing
    first = whole.select("day1_consultation01")
    assert first.words["position"].tolist() == list(range(len(first.words)))
    assert first.segments["start"].is_monotonic_increasing
    assert first.words["segment"].is_monotonic_increasing
    said = first.words.groupby("segment")["content"].agg(" ".join)
    assert said.tolist() == first.segments["transcript"].tolist()
    ends = t.recordings.set_index("recording")["duration"]
    pair = ends[["day1_consultation01_doctor", "day1_consultation01_patient"]]
    assert first.recordings["duration"].tolist() == [pair.max()]


def test_channels_in_files_of_their_own_become_one(real):
    """Results too: with confidences, alternatives and events."""
    t = real.select(["04-alternative-results", "sample-1"])
    whole = t.merge(lambda name: "both")
    assert len(whole.words) == len(t.words)
    assert whole.words["confidence"].sum() == pytest.approx(t.words["confidence"].sum())
    assert set(whole.words["speaker"]) == {"04-alternative-results", "sample-1"}
    assert len(whole.alternatives) == len(t.alternatives)
    assert whole.events["event"].tolist() == list(range(len(t.events)))


names = st.text(st.characters(codec="utf-8", exclude_categories=["Cs", "Cc"]), min_size=1, max_size=20)


@given(names, st.text(st.characters(codec="utf-8", exclude_categories=["Cs", "Cc", "Zl", "Zp"]), max_size=40))
def test_any_name_and_text_survive_captions_and_tables(tmp_path_factory, name, said):
    folder = tmp_path_factory.mktemp("any")
    t = medtx.read(job(*[(word, 0.5) for word in said.split()] or [("x", None)], name=name))
    same(t, medtx.read(t.to_parquet(folder / "tables")))
    (path,) = t.to_vtt(folder / "vtt")
    assert medtx.read(path).text().iloc[0] == t.text().iloc[0]
    back = medtx.read(t.to_seglst(folder / "a.json"))
    assert back.text().to_dict() == t.text().to_dict()
