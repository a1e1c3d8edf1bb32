"""Sweeps against counting by hand, calibration against scikit-learn, guarantees against simulation."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import brier_score_loss, roc_auc_score

import medtx
from medtx.errors import InputError
from medtx.tables import OPS, frame
from tests.conftest import job

scored = st.lists(
    st.tuples(st.booleans(), st.none() | st.sampled_from([0.0, 0.25, 0.5, 0.9, 1.0])), min_size=1, max_size=20
)


def aligned(*recordings: list[tuple[bool, float | None]], missing: int = 0) -> medtx.Alignment:
    """Recordings of words that are right or wrong, with these confidences."""
    results, references = [], {}
    for k, words in enumerate(recordings):
        said = [f"w{i}" for i in range(len(words))]
        heard = [(word if right else f"x{i}", c) for i, (word, (right, c)) in enumerate(zip(said, words))]
        results.append(job(*heard, name=f"r{k}"))
        references[f"r{k}"] = " ".join([*said, *["lost"] * missing])
    return medtx.align(medtx.read(results), references)


@given(scored, st.integers(0, 3))
def test_every_row_is_what_counting_gives(words, missing):
    a = aligned(words, missing=missing)
    if all(c is None for _, c in words):
        with pytest.raises(InputError, match="no confidences"):
            medtx.sweep(a)
        return
    s = medtx.sweep(a)
    assert s.table["threshold"].tolist() == [*sorted({c for _, c in words if c is not None}), np.inf]
    for row in s.table.itertuples():
        reviewed = [right for right, c in words if c is None or c < row.threshold]
        kept = [right for right, c in words if not (c is None or c < row.threshold)]
        assert row.review_words == len(reviewed)
        assert row.errors_caught == reviewed.count(False)
        assert row.errors_missed == kept.count(False)
        assert row.deletions == missing
        assert row.wer_after_review == pytest.approx((kept.count(False) + missing) / (len(words) + missing))
    for threshold in (0.0, 0.3, 0.5, 0.95):
        reviewed = [right for right, c in words if c is None or c < threshold]
        assert s.at(threshold)["review_words"].item() == len(reviewed)


def test_groups_add_up(dictations):
    a = medtx.align(dictations.transcripts, dictations.references)
    by = medtx.sweep(a, "specialty").at(0.3, 0.9).drop(columns="group").groupby("threshold").sum()
    total = medtx.sweep(a).at(0.3, 0.9).set_index("threshold")
    for column in ("review_words", "errors_caught", "errors_missed", "deletions"):
        assert by[column].tolist() == total[column].tolist()
    assert np.isfinite(medtx.sweep(a).table["wer_after_review"]).all()


def test_calibration_equals_scikit_learn(dictations):
    a = medtx.align(dictations.transcripts, dictations.references)
    heard = a.pairs[a.pairs["op"] != "delete"]
    right = (heard["op"] == "equal").to_numpy()
    row = medtx.calibration(a).loc["TOTAL"]
    assert row["auroc"] == pytest.approx(roc_auc_score(right, heard["confidence"]))
    assert row["brier"] == pytest.approx(brier_score_loss(right, heard["confidence"]))
    assert row["words"] == len(heard)
    perfect = medtx.calibration(aligned([(True, 1.0), (False, 0.0)])).loc["TOTAL"]
    assert perfect["auroc"] == 1
    assert perfect["ece"] == 0
    assert perfect["nce"] == pytest.approx(1, abs=1e-3)


def test_the_embedded_engines_confidences_tell_right_from_wrong(dictations):
    a = medtx.align(dictations.transcripts, dictations.references)
    assert medtx.calibration(a, by="specialty")["auroc"].min() > 0.7


def test_a_choice_is_the_least_review_that_meets_the_limit():
    a = aligned(*[[(True, 0.9), (False, 0.2), (True, 0.6), (False, 0.7)] * 5] * 60, missing=1)
    chosen = medtx.sweep(a).choose(max_error=0.2)
    assert chosen.value == 0.9  # 0.7 would let 25 % slip through
    assert (chosen.errors_caught, chosen.errors_missed, chosen.deletions) == (600, 0, 60)
    plug_in = medtx.sweep(a).choose(max_error=0.25, confidence=None)
    assert plug_in.value == 0.6
    assert plug_in.wer_after == pytest.approx((300 + 60) / 1260)
    assert "promises nothing" in plug_in.reason
    assert "60 more are missing altogether" in str(chosen)


def test_too_few_recordings_are_told_how_many_would_do():
    a = aligned(*[[(True, 0.9), (False, 0.2)]] * 10)
    chosen = medtx.sweep(a).choose(max_error=0.05)
    assert np.isinf(chosen.value)
    assert chosen.review_share == 1
    needed = int(chosen.reason.split("at least ")[1].split()[0])
    assert 59 <= needed <= 80  # 0.95 ** 59 < 0.05: nobody can do with fewer
    fewer = medtx.sweep(aligned(*[[(True, 0.9), (False, 0.2)]] * (needed - 1))).choose(max_error=0.05)
    assert np.isinf(fewer.value)
    enough = medtx.sweep(aligned(*[[(True, 0.9), (False, 0.2)]] * needed)).choose(max_error=0.05)
    assert enough.value == 0.9


def test_whole_speakers_can_be_the_unit_of_a_guarantee():
    a = aligned(*[[(True, 0.9), (False, 0.2)]] * 80)
    a.recordings["speaker"] = [f"s{i // 8}" for i in range(80)]
    assert medtx.sweep(a).choose(max_error=0.05).value == 0.9
    by_speaker = medtx.sweep(a).choose(max_error=0.05, unit="speaker")
    assert np.isinf(by_speaker.value)
    assert "10 speakers are too few" in by_speaker.reason


def test_a_limit_that_no_threshold_meets_says_so():
    a = aligned(*[[(False, 1.0), (True, 0.5)]] * 80)
    chosen = medtx.sweep(a).choose(max_error=0.2)
    assert np.isinf(chosen.value)
    assert "No lower threshold keeps what slips through within 20.0%" in chosen.reason


def test_a_word_of_several_tokens_is_reviewed_once():
    t = medtx.read(job(("follow-up", 0.1), ("mg/dl/x", 0.2), ("fine", 0.9)))
    s = medtx.sweep(medtx.align(t, {"visit": "follow up mg dl x fine"}))
    row = s.at(0.5).iloc[0]
    assert (row["review_words"], row["review_share"]) == (2, pytest.approx(2 / 3))
    assert s.choose(max_error=0.5, confidence=None).words == 3


def test_the_row_of_a_choice_can_be_asked_for():
    s = medtx.sweep(aligned([(True, 0.9), (False, 0.2)]))
    chosen = s.choose(max_error=0.05)
    assert s.at(chosen.value)["review_words"].item() == 2


def test_limits_are_checked():
    s = medtx.sweep(aligned([(True, 0.9)]))
    for wrong in ((), (70,), (float("nan"),)):
        with pytest.raises(InputError, match="are not confidences between 0 and 1"):
            s.at(*wrong)
    with pytest.raises(InputError, match="max_error=2 is not a share"):
        s.choose(max_error=2)
    with pytest.raises(InputError, match="confidence=1 is not a probability"):
        s.choose(max_error=0.1, confidence=1)


def test_the_guarantee_holds_where_words_of_a_recording_go_wrong_together():
    """A simulated world with bad and good recordings: the limit is broken in at most 5 % of draws."""
    rng = np.random.default_rng(7)
    limit, tries, broken, useful = 0.15, 120, 0, 0

    def world(n: int) -> list[list[tuple[bool, float]]]:
        out = []
        for share in rng.beta(1.2, 4.8, n):
            wrong = rng.random(40) < share
            confidence = np.clip(np.round(rng.normal(np.where(wrong, 0.45, 0.75), 0.2), 2), 0, 1)
            out.append([(not w, c) for w, c in zip(wrong.tolist(), confidence.tolist())])
        return out

    fresh = world(4000)
    wrong = np.array([[not right for right, _ in words] for words in fresh])
    scores = np.array([[c for _, c in words] for words in fresh])
    for _ in range(tries):
        chosen = medtx.sweep(aligned(*world(50))).choose(max_error=limit, confidence=0.95)
        risk = (wrong & (scores >= chosen.value)).mean(axis=1).mean()
        broken += risk > limit
        useful += np.isfinite(chosen.value)
    assert useful > tries / 2
    assert broken / tries <= 0.05 + 2 * np.sqrt(0.05 * 0.95 / tries)


talks = st.lists(
    st.lists(
        st.tuples(st.sampled_from(["equal", "substitute", "delete", "insert"]), st.integers(0, 9)),
        min_size=1,
        max_size=12,
    ),
    min_size=1,
    max_size=3,
)


@given(talks, st.sampled_from(["word", 1, 3, 4, 5, "recording"]), st.integers(1, 10))
def test_what_a_reviewer_hears_by_any_unit(talk, unit, tenth):
    """Against a plain reading of what a unit is, position by position."""
    threshold = tenth / 10
    rows = [
        (name, op, None if op == "delete" else sure / 10)
        for name, said in zip("abc", talk)
        for op, sure in said
    ]
    if all(op == "delete" for _, op, _ in rows):
        return
    pairs = frame(
        "pairs",
        {
            "recording": [name for name, _, _ in rows],
            "op": pd.Categorical([op for _, op, _ in rows], OPS),
            "position": [-1 if op == "delete" else n for n, (_, op, _) in enumerate(rows)],
            "confidence": [sure for _, _, sure in rows],
            "start": [None if op == "delete" else n for n, (_, op, _) in enumerate(rows)],
            "end": [None if op == "delete" else n + 0.5 for n, (_, op, _) in enumerate(rows)],
        },
    )
    names = sorted({name for name, _, _ in rows})
    known = frame("recordings", {"recording": names})
    a = medtx.Alignment(pairs, known, [], [], pairs, pairs, None)

    def heard(at: int) -> bool:
        name, op, _ = rows[at]
        mine = [n for n, row in enumerate(rows) if row[0] == name and row[1] != "delete"]
        if unit == "recording":
            near = mine
        elif unit == "word":
            near = [at] if op != "delete" else []
        else:
            half = unit // 2
            before = [n for n in mine if n < at][::-1][:half]
            near = before + ([at] if op != "delete" else []) + [n for n in mine if n > at][:half]
        return any(rows[n][2] < threshold for n in near)

    row = medtx.sweep(a, unit=unit).at(threshold).iloc[0]
    told = [heard(n) for n in range(len(rows))]
    words = [op != "delete" for _, op, _ in rows]
    wrong = [op in ("substitute", "insert") for _, op, _ in rows]
    assert row["review_words"] == sum(t and w for t, w in zip(told, words))
    assert row["errors_caught"] == sum(t and w for t, w in zip(told, wrong))
    assert row["deletions_heard"] == sum(t and not w for t, w in zip(told, words))
    assert row["deletions"] + row["deletions_heard"] == sum(not w for w in words)
    if unit in ("word", 1):
        assert row["review_minutes"] == pytest.approx(row["review_words"] * 0.5 / 60)


def test_units_on_the_shipped_dictations(dictations):
    a = medtx.align(dictations.transcripts, dictations.references)
    rows = {unit: medtx.sweep(a, unit=unit).at(0.5).iloc[0] for unit in ("word", 5, "segment", "recording")}
    shares = [row["review_share"] for row in rows.values()]
    assert shares == sorted(shares)
    assert rows["recording"]["review_minutes"] <= a.recordings["duration"].sum() / 60
    assert rows["word"]["deletions_heard"] == 0 < rows["segment"]["deletions_heard"]
    lazy = medtx.sweep(a, reviewer=0.5).at(0.5)["wer_after_review"].item()
    assert rows["word"]["wer_after_review"] < lazy < a.rates(replicates=10).loc["TOTAL", "wer"]
    by_sure = medtx.sweep(a, by="confidence").at(0.5)
    assert by_sure["errors_caught"].sum() == rows["word"]["errors_caught"]
    chosen = medtx.sweep(a, unit="segment").choose(max_error=0.1)
    assert chosen.deletions + chosen.deletions_heard == rows["word"]["deletions"]
    assert str(chosen).startswith("Review segments with a word below 0.")
    assert str(medtx.sweep(a, unit=5).choose(max_error=0.1)).startswith("Review 5 words around each below 0.")
    for wrong, message in (
        ({"unit": "page"}, "unit='page'"),
        ({"unit": 0}, "unit=0"),
        ({"reviewer": 2}, "reviewer=2"),
    ):
        with pytest.raises(InputError, match=message):
            medtx.sweep(a, **wrong)
