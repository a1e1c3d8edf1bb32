"""References in the formats that corpora use: real files, small examples, and round trips."""

import json
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

import medtx
from medtx.errors import ReadError
from medtx.reading import references
from tests.conftest import ROOT
from tests.test_reading import check

DICTATIONS = ROOT / "datasets" / "dictations"


def test_primock57_is_read_whole(shared):
    """57 consultations, two tiers each: every word outside a tag, in its speaker's time."""
    folder = shared / "corpora" / "primock57" / "transcripts"
    t = medtx.read(folder)
    check(t)
    assert len(t) == 114
    assert set(t.words["speaker"]) == {"Doctor", "Patient", "Speaker"}  # a tier that was not renamed
    said = []
    for path in sorted(folder.glob("*.TextGrid")):
        for text in re.findall(r'text = "((?:[^"]|"")*)"', path.read_text()):
            said += re.sub(r"</?[A-Z_]+/?>", " ", text).replace('""', '"').split()
    assert t.words["content"].tolist() == said
    assert (t.segments["end"] > t.segments["start"]).all()
    assert not t.words["content"].str.contains("[<>]").any()


def test_the_shipped_references_are_the_same_in_every_form(dictations, tmp_path):
    want = dictations.references.text().sort_index()
    stm = medtx.read(DICTATIONS / "references.stm")
    check(stm)
    assert stm.text().sort_index().equals(want)
    assert set(stm.words["speaker"]) == {"doctor", "patient"}
    assert stm.segments["start"].notna().all()
    assert medtx.read(DICTATIONS / "metadata.csv").text().sort_index().equals(want)

    (tmp_path / "all.txt").write_text("".join(f"{name}\t{text}\n" for name, text in want.items()))
    rows = [{"audio_filepath": f"a/{name}.wav", "text": text, "duration": 1} for name, text in want.items()]
    (tmp_path / "nemo.jsonl").write_text("\n".join(map(json.dumps, rows)))
    keys = {"recording": "session_id", "start": "start_time", "end": "end_time", "transcript": "words"}
    segments = stm.segments.rename(columns=keys)[[*keys.values(), "speaker"]]
    (tmp_path / "all.json").write_text(segments.astype(object).to_json(orient="records"))
    for name in ("all.txt", "nemo.jsonl", "all.json"):
        assert medtx.read(tmp_path / name).text().sort_index().equals(want), name


SHORT = """File type = "ooTextFile"
Object class = "TextGrid"

0
2
<exists>
2
"IntervalTier"
"Ann"
0
2
2
0
1
""
1
2
"say ""ah"" 5"
"TextTier"
"Marks"
0
2
1
0.5
"cough"
"""


def test_a_manifest_with_an_hours_long_text(tmp_path):
    (tmp_path / "m.csv").write_text('recording;text\nNA;"' + "very " * 100_000 + '; long"\n')
    t = medtx.read(tmp_path / "m.csv")
    assert t.recordings["recording"].tolist() == ["NA"]
    assert len(t.words) == 100_002


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
def test_praats_short_textgrid(tmp_path, encoding):
    path = tmp_path / "visit.TextGrid"
    path.write_text(SHORT, encoding=encoding)
    with pytest.warns(UserWarning, match="left out 'Marks'"):
        t = medtx.read(path)
    assert t.segments[["start", "end", "speaker", "transcript"]].to_numpy().tolist() == [
        [1.0, 2.0, "Ann", 'say "ah" 5'],
    ]


def test_ctm_has_a_time_and_a_confidence_for_each_word(tmp_path):
    path = tmp_path / "all.ctm"
    lines = [
        ";; by hand",
        "visit A 0.50 0.20 chest 0.9",
        "visit B 0.1 0.3 yes NA",
        "visit A 0.7 0.3 pain 0.4",
    ]
    path.write_text("\n".join(lines))
    t = medtx.read(path)
    check(t)
    assert t.words[["content", "start", "end", "channel"]].to_numpy().tolist() == [
        ["chest", 0.5, 0.7, "A"],
        ["pain", 0.7, 1.0, "A"],
        ["yes", 0.1, 0.4, "B"],
    ]
    assert t.words["confidence"].isna().tolist() == [False, False, True]
    assert t.recordings[["duration", "channels"]].iloc[0].tolist() == [1.0, 2]


CUES = {
    "visit.vtt": """WEBVTT

NOTE by hand

1
00:01.000 --> 00:02.500 align:start
<v Dr. Low>Any <i>pain</i>?</v>

00:02.500 --> 00:03.000
<v Ann>No &amp; no
fever.</v>
""",
    "visit.srt": """1
00:00:01,000 --> 00:00:02,500
Any pain?

2
00:00:02,500 --> 00:00:03,000
No & no
fever.
""".replace("\n", "\r\n"),
}


@pytest.mark.parametrize("name", CUES)
def test_captions(tmp_path, name):
    (tmp_path / name).write_text(CUES[name], newline="")
    t = medtx.read(tmp_path)
    check(t)
    assert t.segments["transcript"].tolist() == ["Any pain?", "No & no fever."]
    assert t.segments["start"].tolist() == [1.0, 2.5]
    assert t.segments["end"].tolist() == [2.5, 3.0]
    speakers = t.segments["speaker"].tolist()
    assert speakers == ["Dr. Low", "Ann"] if name.endswith("vtt") else t.segments["speaker"].isna().all()


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("a.TextGrid", SHORT[:-30], "tier 1, its last: expected a whole TextGrid"),
        ("a.TextGrid", "hello", "expected a whole TextGrid"),
        ("a.stm", "visit 1 doctor 0 end hello", "line 1: expected recording, channel, speaker, start, end"),
        ("a.stm", "visit 1 doctor -3 1 hello", r"utterances\[0\].start_time: expected seconds, 0 or more"),
        ("a.ctm", ";; x\nvisit A 0.5", "line 2: expected recording, channel, start, duration, word"),
        ("a.ctm", "visit A 0.5 1 word 7", "expected a number from 0 to 1, got 7"),
        ("a.vtt", "WEBVTT", "expected at least one cue"),
        ("a.srt", "1\n00:00 --> later\nhello", "line 2: expected 00:00:00.000"),
        ("a.csv", "name,words\na,b", "line 1: expected a header with a recording"),
        ("a.csv", "file_name,text\na.wav,x\na.wav,y", "line 3: expected each recording once"),
        ("a.txt", "one\tx\none\ty", "line 2: expected each recording once"),
        (
            "a.json",
            '[{"session_id": "a", "start_time": 0}]',
            r"at \[0\]: expected session_id, words and times",
        ),
        ("a.jsonl", '{"audio_filepath": "a.wav"}', "entry 1: expected in each row a recording"),
    ],
)
def test_broken_references_are_named_with_the_place(tmp_path, name, text, message):
    (tmp_path / name).write_text(text)
    with pytest.raises(ReadError, match=message):
        medtx.read(tmp_path / name)


texts = st.text(st.characters(codec="utf-8", exclude_categories=["Cc", "Zl", "Zp"]), max_size=20)
spoken = st.lists(
    st.tuples(texts, st.integers(0, 999), st.integers(1, 50), st.sampled_from("AB")), max_size=8
)


@given(spoken)
def test_a_textgrid_gives_back_what_was_written(said):
    """Whatever stands between quotes is kept, apart from blanks and tags in capitals."""
    lines = [
        'File type = "ooTextFile"',
        'Object class = "TextGrid"',
        "xmin = 0",
        "xmax = 2000",
        "tiers? <exists>",
    ]
    lines += [
        "size = 1",
        "item []:",
        "    item [1]:",
        'class = "IntervalTier"',
        'name = "x"',
        "xmin = 0",
        "xmax = 9",
    ]
    lines.append(f"intervals: size = {len(said)}")
    for n, (text, start, length, _) in enumerate(said, 1):
        quoted = text.replace('"', '""')
        lines += [f"intervals [{n}]:", f"xmin = {start}", f"xmax = {start + length}", f'text = "{quoted}"']
    t = references.textgrid("\n".join(lines), "x")[0].tables
    ordered = sorted(said, key=lambda one: one[1])
    want = [word for text, *_ in ordered for word in re.sub(r"</?[A-Z_]+/?>", " ", text).split()]
    assert t["words"]["content"] == want


@given(st.sampled_from(sorted(references.READERS)), st.text(max_size=60))
def test_any_text_gives_tables_or_one_clear_error(suffix, text):
    try:
        parsed = references.READERS[suffix](text, "somewhere")
    except ReadError as error:
        assert str(error).startswith("somewhere: ")  # noqa: PT017
        return
    for one in parsed:
        assert len(one.tables["words"]["content"]) == len(one.tables["words"]["segment"])
