"""NIST's marks: totals equal those of sclite, from Debian's package sctk, which .ci/run installs."""

import re
from itertools import product
from pathlib import Path

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

import medtx
from medtx.errors import ReadError
from medtx.reading import nist
from tests.conftest import job
from tests.sclite import sclite


def scored(folder: Path, ref: str, hyp: str) -> list[tuple[int, ...]]:
    """Correct, substituted, deleted and inserted words of each utterance, words that may go with -D."""
    kinds = [name.rsplit(".", 1)[1] for name in (ref, hyp)]
    files = ("-r", folder / ref, kinds[0], "-h", folder / hyp, kinds[1])
    told = sclite(*files, "-i", "spu_id", "-D", "-o", "pralign", "stdout")
    found = re.findall(r"^Scores: \(#C #S #D #I\) (\d+) (\d+) (\d+) (\d+)", told, re.M)
    assert found, told
    return [tuple(map(int, row)) for row in found]


def ours(a: medtx.Alignment) -> tuple[int, int, int, int]:
    total = a.counts.sum()
    return tuple(int(total[c]) for c in ("hits", "substitutions", "deletions", "insertions"))  # type: ignore


def tried(folder: Path, ref: str, hyp: str) -> tuple[int, int, int, int]:
    return ours(medtx.align(references=folder / ref, hypotheses=folder / hyp, normalize="none"))


# Each piece of a reference is what is written, and the lists of words that it may stand for.
word = st.sampled_from(["a", "b", "c", "no", "pain"]).map(lambda w: (w, [[w]]))
optional = st.sampled_from(["(a)", "(uh)", "(b-)"]).map(lambda w: (w, [[w]]))
nothing = st.just(("@", [[]]))


def in_a_row(some):
    ways = [[w for way in one for w in way] for one in product(*(ways for _, ways in some))]
    return " ".join(text for text, _ in some), ways


def one_of(some):
    return "{ " + " / ".join(text for text, _ in some) + " }", [way for _, ways in some for way in ways]


text = st.lists(st.one_of(word, word, optional), min_size=1, max_size=2).map(in_a_row)
choice = st.one_of(text, nothing)
flat = st.lists(choice, min_size=2, max_size=3).map(one_of)
nested = st.tuples(st.tuples(text, flat).map(in_a_row), choice).map(one_of)
marked = st.lists(st.one_of(word, word, word, optional, flat, nested), min_size=1, max_size=5).map(in_a_row)
heard = st.lists(st.sampled_from(["a", "b", "c", "no", "pain", "uh", "x"]), max_size=7)


def weighed(
    ways: list[list[str]], hyp: list[str], weights: tuple[int, int, int], sign: int
) -> tuple[int, int]:
    """The least weight of substitutions, other errors and words left out, and the errors with it."""
    substituted, other, left_out = weights

    def way(ref: list[str]) -> tuple[int, int]:
        best = [(j * other, sign * j) for j in range(len(hyp) + 1)]
        for said in ref:
            may_go = said.startswith("(")
            cost = (left_out, 0) if may_go else (other, sign)
            row = [(best[0][0] + cost[0], best[0][1] + cost[1])]
            for j, got in enumerate(hyp, 1):
                step = (0, 0) if said.strip("()") == got else (substituted, sign)
                row.append(
                    min(
                        (before[0] + more[0], before[1] + more[1])
                        for before, more in ((best[j - 1], step), (best[j], cost), (row[-1], (other, sign)))
                    )
                )
            best = row
        return best[-1]

    weight, errors = min(map(way, ways))
    return weight, sign * errors


@settings(deadline=None, max_examples=60)
@given(st.lists(st.tuples(marked, heard), min_size=1, max_size=8))
@example([(("{ (a) (b) (a) (b) / a }", [["(a)", "(b)", "(a)", "(b)"], ["a"]]), [])])  # many ways
def test_marks_of_trn(tmp_path_factory, pairs):
    """Errors are the fewest of all; and sclite's are, where its weights (4, 3, 2) leave it no choice."""
    folder = tmp_path_factory.mktemp("trn")
    refs = [f"{ref} (spk-{n})\n" for n, ((ref, _), _) in enumerate(pairs)]
    (folder / "r.trn").write_text(";; a comment\n" + "".join(refs))
    (folder / "h.trn").write_text("".join(f"{' '.join(hyp)} (spk-{n})\n" for n, (_, hyp) in enumerate(pairs)))
    theirs = scored(folder, "r.trn", "h.trn")
    counts = medtx.align(references=folder / "r.trn", hypotheses=folder / "h.trn", normalize="none").counts
    for n, ((_, ways), hyp) in enumerate(pairs):
        row = counts.loc[f"spk-{n}"]
        mine = int(row[["substitutions", "deletions", "insertions"]].sum())
        assert mine == weighed(ways, hyp, (1, 1, 0), 1)[1]
        low, high = (weighed(ways, hyp, (4, 3, 2), sign)[1] for sign in (1, -1))
        assert low <= sum(theirs[n][1:]) <= high
        if mine == low == high:
            assert mine == sum(theirs[n][1:])


@pytest.mark.parametrize(
    ("ref", "hyp"),
    [
        ("i { have / i've } chest pain", "i i've chest pain"),
        ("i {have/i've} (uh) chest pain {NOISE}", "i have chest pain"),
        ("a { b / c d / @ } e", "a c d e"),
        ("a { b / c d / @ } e", "a e"),
        ("a { @ / uh } e", "a uh e"),
        ("a { b / { c / d e } } f", "a d e f"),
        ("a { b { x / y } / c } d", "a b y d"),
        ("a { (uh) yes / no } b", "a yes b"),
        ("a { b / } c", "a c"),
        ("a { @ / b c }", "a b"),
        ("(uh) a { @ / b c } d { e f / @ }", "a b d e"),
        ("a (uh) b", "a uh b"),
        ("a (a-) b", "a a- b"),
        ("a (a-) b", "a b"),
        ("a b @ c", "a b c"),
        ("a (%hesitation) [noise] <unk> b", "a b"),
        ("a %hesitation b", "a %hesitation b"),
        ("a 1/2 b", "a 1/2 b"),
        ("(uh) (um) (er)", "yes no no"),
        ("a b", "b c"),
    ],
)
def test_marks_by_example_equal_sclite(tmp_path, ref, hyp):
    (tmp_path / "r.trn").write_text(f"{ref} (s-1)\n")
    (tmp_path / "h.trn").write_text(f"{hyp} (s-1)\n")
    assert tried(tmp_path, "r.trn", "h.trn") == scored(tmp_path, "r.trn", "h.trn")[0]
    (tmp_path / "r.stm").write_text(f"s 1 s 0.0 9.0 <o,f0,m> {ref}\n")
    lines = [f"s 1 {n / 2} 0.3 {word} 0.9\n" for n, word in enumerate(hyp.split())]
    (tmp_path / "h.ctm").write_text("".join(lines))
    assert tried(tmp_path, "r.stm", "h.ctm") == scored(tmp_path, "r.stm", "h.ctm")[0]


STM = """;; CATEGORY "0" "" ""
;; LABEL "O" "Overall" "all of it"
visit 1 doctor 0.0 2.0 <O,F0,M> any { chest / thoracic } pain
visit 1 inter 2.0 4.0 <O,,> {tag}
visit 1 patient 4.0 6.0 <O,F0,F> (uh) no
"""
CTM = """;; a comment
visit 1 0.1 0.3 any 0.9
visit 1 0.5 0.3 thoracic 0.9
visit 1 0.9 0.3 pain 0.9
visit 1 1.9 0.3 cough 0.9
visit 1 2.5 0.3 hello 0.9
visit 1 3.9 0.3 no 0.9
visit 1 4.5 0.3 now 0.9
"""


@pytest.mark.parametrize("tag", [nist.IGNORED, nist.IGNORED.lower(), f"x {nist.IGNORED}", "hello there"])
def test_segments_out_of_scoring_equal_sclite(tmp_path, tag):
    (tmp_path / "r.stm").write_text(STM.replace("{tag}", tag))
    (tmp_path / "h.ctm").write_text(CTM)
    theirs = scored(tmp_path, "r.stm", "h.ctm")
    assert tried(tmp_path, "r.stm", "h.ctm") == tuple(map(sum, zip(*theirs)))


@settings(deadline=None, max_examples=60)
@given(
    st.lists(
        st.tuples(st.sampled_from(["said", "ignored", "gap"]), st.integers(1, 4)), min_size=1, max_size=6
    ),
    st.lists(st.floats(0, 20), max_size=12),
)
def test_generated_segments_out_of_scoring_equal_sclite(tmp_path_factory, plan, times):
    """Different words on both sides of each segment's border, so that no alignment can cross it."""
    folder, at, stm = tmp_path_factory.mktemp("stm"), 0, []
    for n, (kind, size) in enumerate(plan):
        if kind != "gap":
            said = nist.IGNORED if kind == "ignored" else " ".join(f"w{n}_{k}" for k in range(size))
            stm.append((at, at + size, said))
        at += size
    if not any(said != nist.IGNORED for *_, said in stm):
        stm.append((at, at + 1, "last"))
    (folder / "r.stm").write_text("".join(f"v 1 s {a} {b} {said}\n" for a, b, said in stm))
    starts = sorted({round(t, 2) for t in times} | {0.1})
    (folder / "h.ctm").write_text("".join(f"v 1 {t:.2f} 0.0 z{n} 0.5\n" for n, t in enumerate(starts)))
    theirs = tuple(map(sum, zip(*scored(folder, "r.stm", "h.ctm"))))
    a = medtx.align(references=folder / "r.stm", hypotheses=folder / "h.ctm", normalize="none")
    mine = ours(a)
    assert mine[0] + mine[1] + mine[2] == theirs[0] + theirs[1] + theirs[2]  # words of the reference
    assert mine[1] + mine[3] == theirs[1] + theirs[3]  # words of the hypothesis that are scored


def test_alternatives_of_ctm_equal_sclite(tmp_path):
    (tmp_path / "r.ctm").write_text(
        "f 1 0.5 .2 a\nf 1 * * <ALT_BEGIN>\nf 1 1.5 .2 x\nf 1 * * <ALT>\nf 1 1.5 .2 b\nf 1 2.5 .2 c\n"
        "f 1 * * <ALT>\nf 1 * * <ALT_END>\nf 1 5.5 .2 (d)\nf 1 9.5 .2 e\n"
    )
    for hyp in (["a", "b", "c", "d", "e"], ["a", "e"], ["a", "x", "e"], ["a", "b", "c", "e"]):
        lines = [f"f 1 {n + 0.5} .2 {word} .9\n" for n, word in enumerate(hyp)]
        (tmp_path / "h.ctm").write_text("".join(lines))
        assert tried(tmp_path, "r.ctm", "h.ctm") == scored(tmp_path, "r.ctm", "h.ctm")[0]


def test_the_tables_show_the_first_choice(tmp_path):
    path = tmp_path / "r.stm"
    path.write_text("v 1 s 0 2 i {have / i've} { @ / well } (uh) see {NOISE}\n")
    t = medtx.read(path)
    assert t.text()["v"] == "i have well (uh) see NOISE"
    marks = t.words.set_index("content")["variants"].dropna().to_dict()
    assert marks == {"have": "{ have / i've }", "well": "{ @ / well }", "(uh)": "(uh)"}
    assert t.segments["transcript"].tolist() == ["i have well (uh) see NOISE"]
    a = medtx.align(references=t, hypotheses={"v": "i i've see noise"})
    assert a.pairs["reference"].tolist() == ["i", "i've", "uh", "see", "noise"]
    assert a.pairs["op"].eq("equal").all()
    assert a.pairs["reference_position"].tolist() == [0, 1, 3, 4, 5]
    assert a.rates(replicates=10).loc["TOTAL", ["wer", "cer"]].tolist() == [0, 0]


def test_written_marks_are_read_back(tmp_path):
    (tmp_path / "r.stm").write_text(
        f"v 1 s 0 2 i {{ have / i've got / @ }} (uh) pain\nv 1 s 2 4 {nist.IGNORED}\n"
    )
    t = medtx.read(tmp_path / "r.stm")
    again = medtx.read(t.to_stm(tmp_path / "again.stm"))
    for table in ("words", "segments"):
        assert getattr(t, table).equals(getattr(again, table))
    kept = medtx.read(t.to_parquet(tmp_path / "kept"))
    assert kept.words["variants"].astype(object).equals(t.words["variants"].astype(object))


@pytest.mark.parametrize("normalize", ["plain", "medical", "none"])
def test_normalisers_see_what_was_chosen(tmp_path, normalize):
    (tmp_path / "r.stm").write_text("v 1 s 0 2 takes { five hundred / 500 } mg (uh) daily\n")
    a = medtx.align(
        references=tmp_path / "r.stm", hypotheses={"v": "takes 500 mg daily"}, normalize=normalize
    )
    assert a.rates(replicates=10).loc["TOTAL", "wer"] == 0


def test_a_long_recording_is_cut_and_counted_the_same(tmp_path, monkeypatch):
    from medtx.scoring import lattice

    said = " ".join(
        f"w{n % 37} {'{ x / y }' if n % 9 == 0 else ''} {'(uh)' if n % 50 == 0 else ''}" for n in range(900)
    )
    (tmp_path / "r.stm").write_text(f"v 1 s 0 900 {said}\n")
    hyp = {
        "v": " ".join(
            f"w{n % 37} {'y' if n % 9 == 0 and n % 2 else 'x' if n % 9 == 0 else ''}" for n in range(900)
        )
    }
    for far in (10_000, 5, 200):
        monkeypatch.setattr(lattice, "FAR", far)
        monkeypatch.setattr(lattice, "ANCHOR", 4)
        a = medtx.align(references=tmp_path / "r.stm", hypotheses=hyp, normalize="none")
        assert a.rates(replicates=10).loc["TOTAL", "wer"] == 0
        assert a.pairs["hypothesis"].isna().sum() == 18


def test_sweeps_and_calibration_know_that_nothing_was_heard(tmp_path):
    (tmp_path / "r.stm").write_text("v 1 s 0 2 a (uh) b c\n")
    (tmp_path / "h.ctm").write_text("v 1 0.1 .1 a .9\nv 1 0.5 .1 b .8\nv 1 0.9 .1 x .4\n")
    a = medtx.align(references=tmp_path / "r.stm", hypotheses=tmp_path / "h.ctm", normalize="none")
    curve = medtx.sweep(a).curve()
    assert curve["review_words"].max() == 3
    assert curve["deletions"].max() == 0
    assert medtx.calibration(a).loc["TOTAL", "words"] == 3


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("r.stm", "v 1 s 0 2 a { b / c\n", "expected a } for each {"),
        ("r.stm", "v 1 s 0 2 a } b\n", "expected a } for each {"),
        ("r.trn", "a b c\n", "expected text and a name in round brackets"),
        ("r.trn", "a (x-1)\nb (x-1)\n", "found one again"),
        ("r.ctm", "v 1 * * <ALT_BEGIN>\nv 1 0 1 a\n", "expected <ALT_END> after <ALT_BEGIN>"),
        ("r.ctm", "v 1 * * <ALT>\nv 1 0 1 a\n", "in this order"),
        ("r.ctm", "v 1 0 1\n", "expected recording, channel, start"),
        (
            "r.stm",
            "v 1 s 0 2 " + "{ { a / b } { a / b } { a / b } { c / d } { e / f } { g / h } { i / j } / x }",
            "64",
        ),
    ],
)
def test_what_is_not_whole_is_refused(tmp_path, name, content, message):
    (tmp_path / name).write_text(content)
    with pytest.raises(ReadError, match=re.escape(message)):
        medtx.read(tmp_path / name)


KALDI = "utt_01 no chest pain\nutt_02 no fever\n"


@pytest.mark.parametrize("name", ["text", "84-121.trans.txt", "text_ref"])
def test_kaldi_text_is_known_by_its_name(tmp_path, name, recwarn):
    (tmp_path / name).write_text("a no chest pain\nb no fever\nc\n")
    t = medtx.read(tmp_path / name)
    assert t.recordings["recording"].tolist() == ["a", "b", "c"]
    assert t.text().tolist() == ["no chest pain", "no fever", ""]
    assert not recwarn


@pytest.mark.parametrize(
    "content",
    [
        KALDI,
        "84-121123-0000 GO DO YOU HEAR\n84-121123-0001 BUT\n",
        "FABM2bh_14 a b\nMLGD2af_03 c\n",
        "utt1 a\nutt10 b\n",
    ],
)
def test_a_text_whose_lines_begin_with_names_is_kaldis(tmp_path, content):
    (tmp_path / "x.txt").write_text(content)
    with pytest.warns(UserWarning, match="each line begins with a name"):
        assert len(medtx.read(tmp_path / "x.txt")) == 2


@pytest.mark.parametrize(
    "content",
    [
        "no pain\nno fever",
        "2 mg daily\n3 mg at night",
        "B12 low\nT4 raised",
        "T4 low\nT3 low",
        "follow-up\nwell-being x",
        "COVID-19 positive",
    ],
)
def test_other_texts_are_not(tmp_path, content, recwarn):
    (tmp_path / "x.txt").write_text(content)
    assert len(medtx.read(tmp_path / "x.txt")) == 1
    assert not recwarn


def test_alternatives_of_a_hypothesis_equal_sclite(tmp_path):
    """As ROVER and confusion networks give them: the best of them counts."""
    (tmp_path / "h.ctm").write_text(
        "f 1 0.5 .2 a .9\nf 1 * * <ALT_BEGIN>\nf 1 1.5 .2 x .6\nf 1 * * <ALT>\nf 1 1.5 .2 b .3\n"
        "f 1 1.7 .2 c .3\nf 1 * * <ALT>\nf 1 * * <ALT_END>\nf 1 5.5 .2 d .9\n"
    )
    for ref in ("a x d", "a b c d", "a d", "a { y / b } { c / d }", "a b d"):
        (tmp_path / "r.stm").write_text(f"f 1 s 0 9 {ref}\n")
        theirs = scored(tmp_path, "r.stm", "h.ctm")[0]
        a = medtx.align(references=tmp_path / "r.stm", hypotheses=tmp_path / "h.ctm", normalize="none")
        assert sum(ours(a)[1:]) == sum(theirs[1:])
        assert "{" in ref or ours(a)[0] == theirs[0]
        assert a.rates("speaker", replicates=10).loc["TOTAL", "reference_words"] == sum(theirs[:3])
        assert medtx.sweep(a).curve()["review_words"].max() == (a.pairs["op"] != "delete").sum()


written = st.lists(st.text(st.sampled_from("ab{}/@()<>*;1"), min_size=1, max_size=4), min_size=1, max_size=8)


@settings(deadline=None, max_examples=60)
@given(written)
def test_any_words_written_as_stm_and_ctm_are_read_back(tmp_path_factory, words):
    folder = tmp_path_factory.mktemp("written")
    t = medtx.read(job(*((word, 0.5) for word in words)))
    for path in (t.to_stm(folder / "x.stm"), t.to_ctm(folder / "x.ctm")):
        again = medtx.read(path)
        for pair in ((t, again), (again, t)):
            sides = [
                medtx.Transcripts(side.recordings.assign(engine=None), side.words, side.segments)
                for side in pair
            ]
            a = medtx.align(references=sides[0], hypotheses=sides[1])
            assert (
                a.rates(replicates=10).loc["TOTAL", ["substitutions", "deletions", "insertions"]].sum() == 0
            )
