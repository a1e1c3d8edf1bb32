"""Speaker labels and time stamps in text: they become speakers and times, and no word of the text vanishes.

The forms are those that transcription programs export (Word's and Teams' transcripts, Zoom, Otter, Rev,
Whisper's console) and those of the OSCE interviews of Fareez et al. 2022.
"""

import docx
import pytest
from docx.oxml import OxmlElement
from docx.oxml.ns import qn
from hypothesis import given, settings
from hypothesis import strategies as st

import medtx
from medtx.errors import InputError, ReadError
from medtx.reading.turns import LEFT, TAKEN, utterances
from tests.conftest import ROOT


def turns(text, speakers=None):
    found, doubt = utterances(text, speakers)
    return [(u.speaker, u.start, u.text) for u in found], doubt


@pytest.mark.parametrize(
    ("text", "first", "second"),
    [
        ("D: Any pain?\nP: No.", ("D", None), ("P", None)),
        ("D:Any pain?\nP :No.", ("D", None), ("P", None)),
        ("Doctor: Any pain?\n\nPatient: No.", ("Doctor", None), ("Patient", None)),
        ("doctor:\tAny pain?\npatient:\tNo.", ("doctor", None), ("patient", None)),
        ("doctor\tAny pain?\npatient\tNo.", ("doctor", None), ("patient", None)),
        ("[doctor] Any pain? [patient] No.", ("doctor", None), ("patient", None)),
        ("spk_0: Any pain?\nspk_1: No.", ("spk_0", None), ("spk_1", None)),
        ("SPEAKER_00: Any pain?\nSPEAKER_01: No.", ("SPEAKER_00", None), ("SPEAKER_01", None)),
        ("Q: Any pain?\nA: No.", ("Q", None), ("A", None)),
        ("[00:03] Doctor: Any pain?\n[00:05] Patient: No.", ("Doctor", 3), ("Patient", 5)),
        ("(00:01:02) DR SMITH: Any pain?\n(00:01:05) ANN: No.", ("DR SMITH", 62), ("ANN", 65)),
        ("00:00:03 Speaker 1: Any pain?\n00:00:05 Speaker 2: No.", ("Speaker 1", 3), ("Speaker 2", 5)),
        ("Speaker 1   00:15\nAny pain?\n\nSpeaker 2   00:18\nNo.", ("Speaker 1", 15), ("Speaker 2", 18)),
        ("Speaker 1 (00:15):\nAny pain?\nSpeaker 2 (00:18):\nNo.", ("Speaker 1", 15), ("Speaker 2", 18)),
        ("[Jo Low] 0:03\nAny pain?\n[Ann] 0:05\nNo.", ("Jo Low", 3), ("Ann", 5)),
        ("[00:03.000 --> 00:05.000]  Any pain?\n[00:05.000 --> 00:06.000]  No.", (None, 3), (None, 5)),
        ("00:03 Any pain?\n00:05 No.", (None, 3), (None, 5)),
        ("Any pain? [00:01:00] No.", (None, None), (None, 60)),
        ("Dr. Low: Any pain?\nAnn: No.", ("Dr. Low", None), ("Ann", None)),
        ("D: Any pain? P: No.\nD: Good.", ("D", None), ("P", None)),
    ],
)
def test_labels_and_stamps_are_speakers_and_times(text, first, second):
    found, doubt = turns(text)
    assert found[:2] == [(*first, "Any pain?"), (*second, "No.")]
    assert doubt == ""


def test_names_below_a_time_as_teams_writes_them():
    text = "0:0:3.480 --> 0:0:5.210\nJo Low\nAny pain?\n0:0:6.5 --> 0:0:7.0\nAnn\nNo.\n"
    text += "0:0:8.0 --> 0:0:9.0\nJo Low\nOK."
    assert turns(text)[0] == [("Jo Low", 3.48, "Any pain?"), ("Ann", 6.5, "No."), ("Jo Low", 8, "OK.")]


def test_lines_go_on_and_slips_of_the_key_are_seen():
    text = "D: Any pain\nin the chest?\nP; No.\nD OK. And fever?\np: No.\nP Not now.\nD: Good"
    assert turns(text)[0] == [
        ("D", None, "Any pain"),
        ("D", None, "in the chest?"),
        ("P", None, "No."),
        ("D", None, "OK. And fever?"),
        ("P", None, "No."),
        ("P", None, "Not now."),
        ("D", None, "Good"),
    ]


@pytest.mark.parametrize(
    "text",
    [
        "Assessment: chest pain.",
        "Note: call her at 10:30",
        "BP: 120/80\nHR: 80\nAllergies: none\nPlan: home",
        "Heart: regular.\nLungs: clear.\nHeart: no murmur.\nLungs: no wheeze.",
        "She came at 10:30: too late. The ratio is 2:1.",
        "10:30 she came",
        "The plan: rest.\nIt was this: a cold.",
        "He said [sic] so. [00] And (10:30) left.",
    ],
)
def test_headings_and_clock_times_stay_words(text):
    found, doubt = turns(text)
    assert [said for *_, said in found] == text.splitlines()
    assert not doubt or "The plan" in text


@pytest.mark.parametrize(
    ("text", "doubt"),
    [
        ("Ann: hello\nBob: hi", LEFT),
        ("Patient: John Smith\nDOB: 1/2/1960\nAssessment: pain", LEFT),
        ("S: pain\nO: well\nA: flu\nP: rest", LEFT),
        ("Impression today: a cold\nno fever\nImpression today: well", LEFT),
        ("Patient: no pain", TAKEN),
        ("D: any pain?", TAKEN),
    ],
)
def test_doubt_is_told_in_both_directions(tmp_path, text, doubt):
    assert turns(text)[1] == doubt
    (tmp_path / "visit.txt").write_text(text)
    for told in (lambda **o: medtx.read(tmp_path, **o), lambda **o: medtx.from_text({"visit": text}, **o)):
        with pytest.warns(UserWarning, match=r"speakers=(True|False)"):
            told()
        assert len(told(speakers=False).words) == len(text.split())
        assert told(speakers=True).words["speaker"].notna().any()
    with pytest.raises(InputError, match="speakers='yes' is not one of"):
        medtx.read(tmp_path, speakers="yes")


def test_prefixed_references_score_as_the_bare_words(dictations):
    """What text(speakers=True) writes, read back in each way, has no error against its source."""
    source = dictations.references
    written = source.text(speakers=True)
    for back in (written.to_dict(), medtx.from_text(written.to_dict())):
        rates = medtx.align(references=source, hypotheses=back).rates()
        assert rates["wer"].iloc[0] == 0
    stm = medtx.read(ROOT / "datasets" / "dictations" / "references.stm")
    back = medtx.from_text(stm.text(speakers=True).to_dict())
    key = ["recording", "content", "speaker"]
    left, right = (t.words[key].astype(str).sort_values("recording", kind="stable") for t in (stm, back))
    assert left.to_numpy().tolist() == right.to_numpy().tolist()


def test_the_osce_interviews_have_two_speakers_and_lose_no_word(shared):
    """268 human transcripts: each label is D or P, and only labels are missing from the words."""
    total = labels = 0
    for path in sorted((shared / "osce").glob("*/*.txt")):
        t = medtx.read(path)  # a warning would be an error here
        assert set(t.words["speaker"]) == {"D", "P"}
        raw = path.read_bytes()
        said = raw.decode("utf-16" if raw[:2] in (b"\xff\xfe", b"\xfe\xff") else "utf-8-sig")
        whole, words = "".join(said.split()), "".join(t.words["content"])
        total += len(t.words)
        labels += len(whole) - len(words)  # letters and colons that became labels
        assert 0 <= len(whole) - len(words) <= 2 * len(t.segments) + 2
    assert total == 353_140
    assert labels == pytest.approx(2 * 26_393, rel=0.01)


label = st.sampled_from(["D", "P", "Dr. Low", "spk_0", "spk_1", "Ann", "Note", "BP", "Plan"])
word = st.from_regex(r"[a-z]{1,6}[.,?]?|\d{1,3}|10:30|[A-Z]", fullmatch=True)
spoken = st.lists(word, min_size=1, max_size=5).map(" ".join)


@settings(deadline=None)
@given(
    st.lists(st.tuples(st.none() | label, spoken), min_size=1, max_size=8),
    st.sampled_from([None, True, False]),
)
def test_only_labels_vanish(lines, speakers):
    text = "\n".join(f"{who}: {said}" if who else said for who, said in lines)
    found, _ = utterances(text, speakers)
    kept = "".join("".join(u.text.split()) for u in found)
    names = sum(len(who.replace(" ", "")) + 1 for who, _ in lines if who)
    whole = "".join(text.split())
    assert len(whole) - names <= len(kept) <= len(whole)
    if speakers is False:
        assert kept == whole


def paragraphs(path, *texts):
    document = docx.Document()
    for text in texts:
        document.add_paragraph(text)
    document.save(str(path))
    return document


def test_word_documents_are_read(tmp_path):
    paragraphs(tmp_path / "a.docx", "Doctor: Any pain?", "", "Patient: No,\nnot now.", "Doctor: Good.")
    paragraphs(tmp_path / "b.docx", "The heart is\tregular.", "No fever.")
    (tmp_path / "~$a.docx").write_bytes(b"Word has it open")
    t = medtx.read(tmp_path)
    assert t.text().to_dict() == {
        "a": "Any pain? No, not now. Good.",
        "b": "The heart is regular. No fever.",
    }
    assert t.select("a").segments["speaker"].tolist() == ["Doctor", "Patient", "Patient", "Doctor"]


def test_tables_changes_and_margins_of_a_word_document(tmp_path):
    document = docx.Document()
    document.sections[0].header.paragraphs[0].text = "St Elsewhere"
    table = document.add_table(rows=0, cols=3)
    for cells in (("00:03", "Doctor", "Any pain?"), ("00:05", "Patient", "No.")):
        for cell, text in zip(table.add_row().cells, cells):
            cell.text = text
    last = document.add_paragraph("Doctor: Good")._p
    for tag, text_tag, text in (("w:ins", "w:t", " then"), ("w:del", "w:delText", " bye")):
        change, run, said = OxmlElement(tag), OxmlElement("w:r"), OxmlElement(text_tag)
        said.text = text
        said.set(qn("xml:space"), "preserve")
        run.append(said)
        change.append(run)
        last.append(change)
    document.save(str(tmp_path / "v.docx"))
    t = medtx.read(tmp_path / "v.docx")
    assert t.segments[["speaker", "transcript"]].to_numpy().tolist() == [
        ["Doctor", "Any pain?"],
        ["Patient", "No."],
        ["Doctor", "Good then"],
    ]
    assert t.segments["start"].tolist()[:2] == [3, 5]


def test_documents_that_medtx_wrote_read_back(dictations, tmp_path):
    t = dictations.transcripts
    t.to_docx(tmp_path, threshold=0.9)
    back = medtx.read(tmp_path)
    assert sorted(back.recordings["recording"]) == sorted(t.recordings["recording"].astype(str))
    rates = medtx.align(references=back, hypotheses=t).rates()
    assert rates[["substitutions", "deletions", "insertions"]].iloc[0].sum() == 0
    one = t.recordings["recording"].iloc[0]
    speakers = (x.select(one).words["speaker"].astype(object).fillna("").unique().tolist() for x in (t, back))
    assert next(speakers) == next(speakers)


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("a.doc", "is an old Word document: save it as .docx or .txt"),
        ("a.rtf", "is Rich Text: save it as"),
        ("a.odt", "is an OpenDocument text"),
        ("a.docx", r"expected a Word document \(.docx\)"),
    ],
)
def test_other_documents_are_refused_by_name(tmp_path, name, message):
    (tmp_path / name).write_bytes(b"\xd0\xcf\x11\xe0 or anything")
    with pytest.raises(ReadError, match=message):
        medtx.read(tmp_path / name)
