"""What is written and read back is what it was: no errors against its source, and none by sclite."""

import json
import warnings
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

import medtx
from medtx.reading.build import Builder, Word, of_words
from medtx.reading.references import Utterance, recording
from tests.sclite import sclite, sum_of

FILES = {"stm": "t.stm", "ctm": "t.ctm", "seglst": "t.json", "vtt": ".", "srt": ".", "parquet": "."}
NORMALIZERS = ("none", "plain", "medical")


def back(t, kind, folder):
    """Written and read back, under the names it had."""
    folder = folder / kind
    folder.mkdir()
    path = folder / FILES[kind]
    getattr(t, f"to_{kind}")(path)
    read = medtx.read(path)
    names = dict(zip(read.recordings["recording"], t.recordings["recording"]))
    return read.merge(names.get) if len(names) == 1 else read


def wrong(ref, hyp, normalize):
    total = medtx.align(references=ref, hypotheses=hyp, normalize=normalize).rates(replicates=10).loc["TOTAL"]
    return int(total[["substitutions", "deletions", "insertions", "character_errors", "raw_errors"]].sum())


def check(t, kind, folder):
    again = back(t, kind, folder)
    result = t.recordings["engine"].notna().any()
    for normalize in NORMALIZERS:
        assert wrong(again, t, normalize) == 0, (kind, normalize, "as reference")
        if not result or again.recordings["engine"].notna().any():
            assert wrong(t, again, normalize) == 0, (kind, normalize, "as hypothesis")


def by_sclite(t, folder, **options):
    """Right words, and errors, that sclite counts between the two files."""
    ref = t.to_stm(folder / "sclite.stm", **options)
    hyp = t.to_ctm(folder / "sclite.ctm", **options)
    out = sclite("-r", ref, "stm", "-h", hyp, "ctm", "-o", "rsum", "stdout")
    row = sum_of(out).replace("|", " ").split()
    _, _, _, right, *_ = row
    return int(right), int(row[7])


@pytest.fixture(scope="module")
def real(shared):
    """Each real result by itself: they share names."""
    found = []
    for folder, pattern in (
        ("transcribe-batch", "*.json"),
        ("transcribe-medical-stream", "*.json"),
        ("call-analytics", "*.json"),
        ("deepgram", "*response.json"),
    ):
        for path in sorted((shared / folder).rglob(pattern)):
            with warnings.catch_warnings(action="ignore"):  # a job's description without its result
                read = medtx.read(path, errors="collect")
            if len(read.words):
                found.append(read)
    assert len(found) >= 34
    return found


@pytest.mark.parametrize("kind", FILES)
def test_every_real_result(real, tmp_path, kind):
    for n, t in enumerate(real):
        folder = tmp_path / str(n)
        folder.mkdir()
        check(t, kind, folder)


def test_every_real_result_by_sclite(real, tmp_path):
    for t in real:
        words = int((t.words["kind"] == "pronunciation").sum())
        for punctuation in (True, False):
            assert by_sclite(t, tmp_path, punctuation=punctuation) == (words, 0), t.recordings["source"]


@pytest.mark.parametrize("kind", ["stm", "seglst", "vtt", "srt", "parquet"])
def test_real_references(shared, tmp_path, kind):
    """PriMock57's TextGrids, in which doctor and patient talk at once."""
    t = medtx.read(shared / "corpora" / "primock57" / "transcripts")
    names = list(t.recordings["recording"])[:12]
    check(t.select(names).merge(lambda name: name.rsplit("_", 1)[0]), kind, tmp_path)


def made(turns, channels, speakers, times=True):
    """A result of turns (words, start, length, voice), a mark after each."""
    builder = Builder()
    words = []
    for n, (said, start, length, voice) in enumerate(sorted(turns, key=lambda turn: turn[1])):
        step = length / len(said)
        labels = (f"spk_{voice}" if speakers else None, f"ch_{voice}" if channels else None)
        for i, word in enumerate(said):
            at = (start + i * step, start + (i + 1) * step) if times else (None, None)
            words.append(Word(word, *at, 0.9, n, *labels))
        words.append(Word(".", None, None, None, n, *labels, kind="punctuation"))
    spans = [(start, start + length) for _, start, length, _ in sorted(turns, key=lambda turn: turn[1])]
    builder.add(of_words("made", words, "made", name="visit 1", times=spans), "visit 1")
    return builder.transcripts()


WORDS = "no pain fever 5 mg New~York 120/80 -5 (wait) [NAME] <unk> a/b 50% Note: *** it's x@y".split()
MARKS = [
    "{",
    "}",
    "{NOISE}",
    "a{b}",
    "@",
    "/",
    "()",
    "<ALT_BEGIN>",
    "<alt>",
    ";;",
    "%u0040",
    "<o>",
    "-",
    ">>",
]
ODD = st.sampled_from([word.replace("~", " ") for word in [*WORDS, *MARKS]])
talks = st.lists(
    st.tuples(
        st.lists(ODD, min_size=1, max_size=6),
        st.integers(0, 12).map(lambda n: n / 4),
        st.integers(0, 12).map(lambda n: n / 4),
        st.integers(0, 1),
    ),
    min_size=1,
    max_size=6,
)


@settings(deadline=None, max_examples=30)
@given(talks, st.booleans(), st.booleans(), st.sampled_from(["stm", "ctm", "seglst", "vtt", "srt"]))
@example([(["no"], 0.0, 2.0, 0), (["yes", "{"], 1.0, 2.0, 1), (["@"], 1.5, 0.0, 0)], True, False, "stm")
def test_any_talk(tmp_path_factory, turns, channels, speakers, kind):
    """With people who talk at once, words of no length, and words that look like marks."""
    if kind == "ctm" and not channels:  # it has no speakers: who talks at once is mixed
        turns = [turn for turn in turns if turn[3] == 0]
    if kind in ("vtt", "srt") and not channels and not speakers:
        turns = [turn for turn in turns if turn[3] == 0]
    ends, said = [0.0, 0.0], []
    for words, gap, length, voice in turns:  # nobody talks to themselves at once
        said.append((words, ends[voice] + gap, length, voice))
        ends[voice] += gap + length
    if said:
        check(made(said, channels, speakers), kind, tmp_path_factory.mktemp("talk"))


apart = st.lists(
    st.tuples(st.lists(ODD, min_size=1, max_size=5), st.integers(1, 8), st.integers(0, 1)),
    min_size=1,
    max_size=6,
)


@settings(deadline=None, max_examples=30)
@given(apart, st.booleans(), st.booleans())
def test_sclite_finds_no_error_in_any_talk(tmp_path_factory, turns, channels, punctuation):
    """One after the other on each channel; "@" is no word for sclite, so there is none here."""
    ends, said = [0.0, 0.0], []
    for words, length, voice in turns:
        voice = voice if channels else 0
        said.append((words, ends[voice], length / 2, voice))
        ends[voice] += length / 2 + 0.25
    t = made(said, channels, speakers=False)
    assert by_sclite(t, tmp_path_factory.mktemp("sclite"), punctuation=punctuation)[1] == 0


@pytest.mark.parametrize("kind", ["vtt", "srt"])
def test_captions_end_at_pauses(kind, tmp_path):
    """Nobody reads a sentence a minute before it is said."""
    words = [("press", 0.1), ("gently", 0.5), ("here", 0.9), ("breathe", 64.0), ("out", 64.4)]
    builder = Builder()
    said = [Word(word, start, start + 0.3, 0.9, 0) for word, start in words]
    builder.add(of_words("made", said, "made", name="v"), "v")
    t = builder.transcripts()
    cues = back(t, kind, tmp_path).segments
    assert cues["start"].tolist() == pytest.approx([0.1, 64.0], abs=0.001)
    assert cues["end"].tolist() == pytest.approx([1.2, 64.7], abs=0.001)


@pytest.mark.parametrize("kind", ["vtt", "srt"])
@pytest.mark.parametrize("speaker", [None, "spk_0"])
def test_captions_are_two_lines_of_42_for_at_most_seven_seconds(kind, speaker, tmp_path):
    said = [word + n for n in "abcdefghijkl" for word in "she takes acetylsalicylic acid since March".split()]
    builder = Builder()
    words = [Word(word, n / 2, n / 2 + 0.4, 0.9, 0, speaker) for n, word in enumerate(said)]
    builder.add(of_words("made", words, "made", name="v"), "v")
    (path,) = getattr(builder.transcripts(), f"to_{kind}")(tmp_path)
    blocks = [block.split("\n") for block in path.read_text().strip().split("\n\n")]
    blocks = [block[1:] if kind == "srt" else block for block in blocks if "-->" in "".join(block)]
    texts = [[line.replace("<v spk_0>", "") for line in block[1:]] for block in blocks]
    assert all(len(lines) <= 2 and max(map(len, lines)) <= 42 for lines in texts)
    assert any(len(lines) == 2 for lines in texts)
    shown = [word for lines in texts for line in lines for word in line.removeprefix("spk_0: ").split()]
    assert shown == said
    cues = medtx.read(path).segments
    assert (cues["end"] - cues["start"]).max() <= 7.0
    assert all(a <= b for a, b in pairwise(cues["start"]))


@pytest.mark.parametrize("kind", ["vtt", "srt"])
def test_words_without_times_share_those_of_their_segment(kind, tmp_path):
    builder = Builder()
    text = " ".join(["one two three four five six seven eight nine ten"] * 6)
    builder.add(recording([Utterance(text, 10.0, 40.0, "doctor")], "made", "v"), "v")
    t = builder.transcripts()
    cues = back(t, kind, tmp_path)
    assert cues.text().iloc[0].replace("doctor: ", "") == text
    assert cues.segments["start"].iloc[0] == 10.0
    assert cues.segments["end"].iloc[-1] == 40.0
    gaps = cues.segments["start"].to_numpy()[1:] - cues.segments["end"].to_numpy()[:-1]
    assert np.abs(gaps).max() <= 0.002


LITERAL = ["BP < 120 and temp > 80", "a --> b", "Q&A", "x &lt; y", "<b> bold", "<00:01.000>", "R&D; then"]
LITERAL += [r"C:\new \Notes \hi \HI", r"{\an8} x {y}"]


@pytest.mark.parametrize("text", LITERAL)
def test_signs_of_captions_stay_words(text, tmp_path):
    builder = Builder()
    builder.add(recording([Utterance(text, 0.0, 2.0)], "made", "v"), "v")
    t = builder.transcripts()
    assert back(t, "vtt", tmp_path).text().iloc[0] == text
    (path,) = t.to_srt(tmp_path)
    assert path.read_text().count("-->") == 1
    if text == LITERAL[0]:
        assert path.read_text().endswith(f"\n{text}\n")  # players show an escape as it is


def test_voices_are_speakers_or_else_channels(tmp_path):
    turns = [(["any", "pain"], 0.0, 1.0, 0), (["no"], 0.5, 1.0, 1)]
    for speakers, voices in ((True, {"spk_0", "spk_1"}), (False, {"ch_0", "ch_1"})):
        t = made(turns, channels=True, speakers=speakers)
        folder = tmp_path / str(speakers)
        folder.mkdir()
        assert set(back(t, "vtt", folder).words["speaker"]) == voices
        assert {row["speaker"] for row in json.loads(t.to_seglst(folder / "s.json").read_text())} == voices
        assert set(back(t, "stm", folder).words["speaker"]) == voices


def test_marks_stand_in_both_files_or_in_neither(tmp_path):
    t = made([(["any", "pain"], 0.0, 1.0, 0)], channels=False, speakers=False)
    for options, word in (({}, "pain."), ({"punctuation": False}, "pain")):
        assert f" {word}\n" in t.to_stm(tmp_path / "a.stm", **options).read_text()
        assert f" {word} 0.9000\n" in t.to_ctm(tmp_path / "a.ctm", **options).read_text()
        assert by_sclite(t, tmp_path, **options) == (2, 0)
    assert json.loads(t.to_seglst(tmp_path / "a.json").read_text())[0]["words"] == "any pain."
