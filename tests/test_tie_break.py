"""Of alignments with equally few errors the one with most right words, then the nearest in time."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import medtx
from medtx.scoring import most_right as module
from medtx.scoring.most_right import most_right
from medtx.tables import OPS


def by_hand(ref: list[str], hyp: list[str]) -> tuple[int, int]:
    """Fewest errors, and the most right words with as few: the textbook's table, every cell of it."""
    best = [[(j, 0) for j in range(len(hyp) + 1)]]
    for i, said in enumerate(ref, 1):
        row = [(i, 0)]
        for j, heard in enumerate(hyp, 1):
            errors, right = best[i - 1][j - 1]
            across = (errors, right - 1) if said == heard else (errors + 1, right)
            above, left = best[i - 1][j], row[j - 1]
            row.append(min(across, (above[0] + 1, above[1]), (left[0] + 1, left[1])))
        best.append(row)
    errors, right = best[-1][-1]
    return errors, -right


def counted(a: medtx.Alignment, name: str) -> tuple[int, int]:
    row = a.counts.loc[name]
    return int(row[["substitutions", "deletions", "insertions"]].sum()), int(row["hits"])


words = st.lists(st.sampled_from("abcde"), max_size=14)


@settings(deadline=None, max_examples=100)
@given(st.lists(st.tuples(words, words), min_size=1, max_size=5))
def test_most_right_words_of_all_alignments(pairs):
    refs, hyps = ({f"r{n}": " ".join(p[side]) for n, p in enumerate(pairs)} for side in (0, 1))
    a = medtx.align(references=refs, hypotheses=hyps, normalize="none")
    for n, (ref, hyp) in enumerate(pairs):
        assert counted(a, f"r{n}") == by_hand(ref, hyp)
        mine = a.pairs[a.pairs["recording"] == f"r{n}"]
        assert mine["reference"].dropna().tolist() == ref
        assert mine["hypothesis"].dropna().tolist() == hyp


@settings(deadline=None, max_examples=60)
@given(st.integers(0, 2**32 - 1), st.integers(2, 30), st.floats(0, 0.6), st.floats(0, 0.4))
def test_most_right_words_of_longer_texts(seed, vocabulary, swapped, gone):
    rng = np.random.default_rng(seed)
    said = rng.integers(0, vocabulary, rng.integers(1, 90))
    heard = np.where(rng.random(len(said)) < swapped, rng.integers(0, vocabulary, len(said)), said)
    heard = heard[rng.random(len(said)) >= gone]
    ref, hyp = ([f"w{n}" for n in side] for side in (said, heard))
    a = medtx.align(references={"r": " ".join(ref)}, hypotheses={"r": " ".join(hyp)}, normalize="none")
    assert counted(a, "r") == by_hand(ref, hyp)


def test_a_right_word_between_a_deletion_and_an_insertion():
    a = medtx.align(references={"r": "a b"}, hypotheses={"r": "b c"}, normalize="none")
    assert a.pairs["op"].tolist() == ["delete", "equal", "insert"]


def test_then_the_nearest_in_time(tmp_path):
    """Which of two equal words was left out is open once right words are most, and times say it."""
    (tmp_path / "r.ctm").write_text("v 1 0 .4 a\nv 1 1 .4 b\nv 1 3 .4 d\nv 1 5 .4 no\nv 1 6 .4 no\n")
    for at, ops in ((5, ["equal", "delete"]), (6, ["delete", "equal"])):
        (tmp_path / "h.ctm").write_text(f"v 1 1 .4 b .5\nv 1 2 .4 c .5\nv 1 3 .4 d .5\nv 1 {at} .4 no .5\n")
        pairs = medtx.align(
            references=tmp_path / "r.ctm", hypotheses=tmp_path / "h.ctm", normalize="none"
        ).pairs
        assert pairs["op"].tolist() == ["delete", "equal", "insert", "equal", *ops]


def test_stretches_beyond_a_piece_lose_no_word_and_gain_no_error(monkeypatch):
    monkeypatch.setattr(module, "PIECE", 7)
    rng = np.random.default_rng(0)
    ref, hyp = rng.integers(0, 3, 60), rng.integers(0, 3, 55)
    before = medtx.align(
        references={"r": " ".join(map(str, ref))}, hypotheses={"r": " ".join(map(str, hyp))}, normalize="none"
    )
    errors, right = by_hand([str(n) for n in ref], [str(n) for n in hyp])
    assert counted(before, "r")[0] == errors
    assert counted(before, "r")[1] <= right


@pytest.mark.parametrize("empty", [0, 1])
def test_nothing_to_settle(empty):
    ids = [np.array([1, 2]), np.array([1, 2])]
    ids[empty] = ids[empty][:0]
    op = np.full(2, OPS.index("delete" if empty else "insert"), np.int8)
    assert most_right(op, (ids[0], ids[1]), np.array([2])).tolist() == op.tolist()


def nearest(ref: list[tuple[str, float]], hyp: list[tuple[str, float]]) -> tuple[int, int, int]:
    """Fewest errors, then most right words, then fewest milliseconds between words that stand together."""
    best = [[(j, 0, 0) for j in range(len(hyp) + 1)]]
    for i, (said, then) in enumerate(ref, 1):
        row = [(i, 0, 0)]
        for j, (heard, when) in enumerate(hyp, 1):
            errors, right, apart = best[i - 1][j - 1]
            apart += round(1000 * max(then - when - 0.1, when + 0.1 - then - 0.2, 0))
            across = (errors, right - 1, apart) if said == heard else (errors + 1, right, apart)
            above, left = best[i - 1][j], row[j - 1]
            row.append(min(across, (above[0] + 1, *above[1:]), (left[0] + 1, *left[1:])))
        best.append(row)
    return best[-1][-1]


timed = st.lists(st.tuples(st.sampled_from("abcd"), st.integers(1, 30)), min_size=1, max_size=9)


@settings(deadline=None, max_examples=150)
@given(timed, timed)
def test_nearest_in_time_of_all_alignments(tmp_path_factory, ref, hyp):
    folder = tmp_path_factory.mktemp("timed")
    said = []
    for name, words in (("r.ctm", ref), ("h.ctm", hyp)):
        starts = np.cumsum([gap for _, gap in words]) / 10
        said.append([(word, float(at)) for (word, _), at in zip(words, starts)])
        lines = [f"v 1 {at:.1f} 0.2 {word}{' 0.5' if name == 'h.ctm' else ''}\n" for word, at in said[-1]]
        (folder / name).write_text("".join(lines))
    a = medtx.align(references=folder / "r.ctm", hypotheses=folder / "h.ctm", normalize="none")
    errors, right, apart = nearest(*said)
    assert counted(a, "v") == (errors, -right)
    both = a.pairs[a.pairs["op"].isin(["equal", "substitute"])]
    pairs = [(said[0][i][1], said[1][j][1]) for i, j in zip(both["reference_position"], both["position"])]
    mine = sum(round(1000 * max(r - h - 0.1, h + 0.1 - r - 0.2, 0)) for r, h in pairs)
    assert abs(mine - apart) <= 1
