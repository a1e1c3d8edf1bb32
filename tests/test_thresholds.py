"""Sweeps against counting by hand, calibration against scikit-learn, guarantees against simulation."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import average_precision_score, brier_score_loss, d2_log_loss_score, roc_auc_score

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
    return medtx.align(references, medtx.read(results))


@settings(deadline=None)
@given(scored, st.integers(0, 3), st.sampled_from(["skip", "review"]))
def test_every_row_is_what_counting_gives(words, missing, unknown):
    a = aligned(words, missing=missing)
    if all(c is None for _, c in words):
        with pytest.raises(InputError, match="no confidences"):
            medtx.sweep(a)
        return
    s = medtx.sweep(a, unknown=unknown)
    known = {c for _, c in words if c is not None}
    if unknown == "skip" and len(known) < len({c for _, c in words}):
        known.add(1.0)  # below it is every word that has a confidence, or all but the surest
    assert s.table["threshold"].tolist() == [*sorted(known), np.inf]

    def hears(c: float | None, threshold: float) -> bool:
        return threshold == np.inf or (unknown == "review" if c is None else c < threshold)

    for row in s.table.itertuples():
        reviewed = [right for right, c in words if hears(c, row.threshold)]
        kept = [right for right, c in words if not hears(c, row.threshold)]
        assert row.review_words == len(reviewed)
        assert row.errors_caught == reviewed.count(False)
        assert row.errors_missed == kept.count(False)
        assert row.deletions == missing
        assert row.without_confidence == sum(c is None for _, c in words)
        assert row.wer_after_review == pytest.approx((kept.count(False) + missing) / (len(words) + missing))
    for threshold in (0.0, 0.3, 0.5, 0.95, 1.0):
        assert s.at(threshold)["review_words"].item() == sum(hears(c, threshold) for _, c in words)


def test_groups_add_up(dictations):
    a = medtx.align(dictations.references, dictations.transcripts)
    by = medtx.sweep(a, "specialty").at(0.3, 0.9).drop(columns="group").groupby("threshold").sum()
    total = medtx.sweep(a).at(0.3, 0.9).set_index("threshold")
    for column in ("review_words", "errors_caught", "errors_missed", "deletions"):
        assert by[column].tolist() == total[column].tolist()
    assert np.isfinite(medtx.sweep(a).table["wer_after_review"]).all()


def test_calibration_equals_scikit_learn(dictations):
    a = medtx.align(dictations.references, dictations.transcripts)
    heard = a.pairs[a.pairs["op"] != "delete"]
    right = (heard["op"] == "equal").to_numpy()
    row = medtx.calibration(a).loc["TOTAL"]
    assert row["auroc"] == pytest.approx(roc_auc_score(right, heard["confidence"]))
    assert row["brier"] == pytest.approx(brier_score_loss(right, heard["confidence"]))
    assert row["average_precision"] == pytest.approx(average_precision_score(~right, -heard["confidence"]))
    clipped = heard["confidence"].clip(1e-7, 1 - 1e-7)
    assert row["nce"] == pytest.approx(d2_log_loss_score(right, np.stack([1 - clipped, clipped], axis=1)))
    assert row["ece_low"] < row["ece"] < row["ece_high"] < 0.3
    assert row["gap"] == pytest.approx(heard["confidence"].mean() - right.mean())
    assert row["words"] == len(heard)
    perfect = medtx.calibration(aligned([(True, 1.0), (False, 0.0)])).loc["TOTAL"]
    assert perfect["auroc"] == 1
    assert perfect["ece"] == 0
    assert perfect["nce"] == pytest.approx(1, abs=1e-3)


def test_the_embedded_engines_confidences_tell_right_from_wrong(dictations):
    a = medtx.align(dictations.references, dictations.transcripts)
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
    needed = int(chosen.reason.split("about ")[1].split()[0])
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
    assert "No lower threshold keeps what slips through within 20%" in chosen.reason


def test_a_word_of_several_tokens_is_reviewed_once():
    t = medtx.read(job(("follow-up", 0.1), ("mg/dl/x", 0.2), ("fine", 0.9)))
    s = medtx.sweep(medtx.align({"visit": "follow up mg dl x fine"}, t))
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


@settings(deadline=None)
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
            "words": [op != "delete" for _, op, _ in rows],
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
        assert row["word_minutes"] == pytest.approx(row["review_words"] * 0.5 / 60)


def test_units_on_the_shipped_dictations(dictations):
    a = medtx.align(dictations.references, dictations.transcripts)
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


def test_sweeps_of_shards_add(dictations):
    a = medtx.align(dictations.references, dictations.transcripts, normalize="medical")
    names = a.recordings["recording"].astype(str).tolist()
    for unit, by in (("word", None), ("segment", "specialty"), (5, "class")):
        whole = medtx.sweep(a, by, unit=unit)
        parts = [medtx.sweep(a.select(names[n::3]), by, unit=unit) for n in range(3)]
        joined = sum(parts[1:], parts[0])
        key = ["group", "threshold"]
        both = [s.table.sort_values(key, ignore_index=True) for s in (whole, joined)]
        pd.testing.assert_frame_equal(*both)
        assert joined.fingerprint == whole.fingerprint
        chosen, again = (s.choose(max_error=0.15, confidence=None) for s in (whole, joined))
        assert (chosen.value, chosen.errors_missed) == (again.value, again.errors_missed)
    with pytest.raises(InputError, match="recordings in both sweeps: cardiology-01"):
        whole + parts[0]
    with pytest.raises(InputError, match=r"differ in by \(class, None\), unit \(5, word\)$"):
        whole + medtx.sweep(a)


def test_a_merged_token_is_as_many_words_to_hear():
    t = medtx.read(job(("give", 0.9), ("five", 0.2), ("hundred", 0.3), ("mg/dl", 0.1), ("now", 0.9)))
    s = medtx.sweep(medtx.align({"visit": "give 500 mg/dl now"}, t, normalize="medical"))
    assert s.at(0.25)["review_words"].item() == 2  # "five" and "mg/dl", each by itself
    assert s.at(0.5)["review_words"].item() == 3
    assert s.at(np.inf)["review_words"].item() == 5


def test_tokens_that_share_a_word_are_heard_with_it():
    t = medtx.read(job(("follow-up", 0.2), ("fine", 0.9)))
    a = medtx.align({"visit": "follow it up fine"}, t)
    assert a.pairs["op"].tolist() == ["equal", "delete", "equal", "equal"]
    a = medtx.align({"visit": "follow it along fine"}, t)
    row = medtx.sweep(a).at(0.5).iloc[0]
    assert (row["review_words"], row["errors_caught"], row["errors_missed"]) == (1, 1, 0)


def test_a_budget_for_review_and_costs():
    rng = np.random.default_rng(3)
    recordings = []
    for _ in range(100):
        sure = np.round(rng.random(30), 2)
        recordings.append([(bool(rng.random() < c), float(c)) for c in sure])
    s = medtx.sweep(aligned(*recordings))
    within = s.choose(max_review=0.4)
    assert within.holds
    assert 0.25 < within.review_share < 0.4
    assert within.held_out_review < 0.4
    assert "at most 40% of the words of a new recording" in within.reason
    both = s.choose(max_error=0.25, max_review=0.7)
    assert both.holds
    assert both.held_out_error <= 0.25
    neither = s.choose(max_error=0.05, max_review=0.3)
    assert not neither.holds
    assert "No threshold keeps both limits" in neither.reason
    cheapest = s.choose(cost_error=4)
    table = s.table
    costs = table["review_words"] + 4 * table["errors_missed"]
    assert cheapest.value == table["threshold"][costs.idxmin()]
    assert cheapest.cost_per_1000 == pytest.approx(1000 * costs.min() / cheapest.words)
    assert 0.7 < cheapest.value < 0.8  # a word of confidence c is worth hearing if 4 (1 - c) > 1
    assert s.choose(max_missed_per_1000=250).value == s.choose(max_error=0.25).value
    assert s.choose(max_error=0.25, cost_error=4).value >= s.choose(max_error=0.25).value


def test_weights_by_class_of_word(dictations):
    a = medtx.align(dictations.references, dictations.transcripts, normalize="medical")
    s = medtx.sweep(a, "class")
    assert s.groups == ["anatomy", "dose", "drug", "negation", "other"]
    even = s.choose(cost_error=3)
    harm = s.choose(cost_error={"drug": 60, "dose": 30, "negation": 30, "anatomy": 10, "other": 1})
    caught = [s.at(t.value).set_index("group").loc["drug", "recall"] for t in (even, harm)]
    assert caught[0] < caught[1]
    with pytest.raises(InputError, match="cost_error has no cost for anatomy, dose, negation, other"):
        s.choose(cost_error={"drug": 60})
    wer = a.rates("class", replicates=10)["wer"]
    assert wer["drug"] > 1.5 * wer["other"] > 0


def test_a_threshold_for_each_group(dictations):
    a = medtx.align(dictations.references, dictations.transcripts, normalize="medical")
    s = medtx.sweep(a, "noise")
    each = s.choose_each(max_error=0.25)
    assert set(each.each) == set(s.groups)
    assert all("for all" in t.reason for t in each.each.values() if t.holds)
    assert sum(t.words for t in each.each.values()) == s.choose(max_error=0.2).words
    pooled = s.choose(max_error=0.25)
    alone = medtx.sweep(a.select(a.recordings.loc[a.recordings["noise"] == s.groups[0], "recording"]))
    one = alone.choose(max_error=0.25, confidence=1 - 0.05 / len(s.groups))
    assert one.value == each[s.groups[0]].value
    marked = each.apply(dictations.transcripts)
    for group, t in each.each.items():
        names = a.recordings.loc[a.recordings["noise"].astype(str) == group, "recording"]
        words = marked[marked["recording"].isin(names) & (marked["kind"] == "pronunciation")]
        assert words["review"].sum() == t.review_words
    assert pooled.warning == "" or "Pooling misleads" in pooled.warning
    with pytest.raises(InputError, match="the sweep has no groups"):
        medtx.sweep(a).choose_each(max_error=0.1)
    with pytest.raises(InputError, match="there is no limit for "):
        s.choose_each(max_error={s.groups[0]: 0.1})
    with pytest.raises(InputError, match="limits for nosuch, but groups are"):
        s.choose_each(max_error=dict.fromkeys([*s.groups, "nosuch"], 0.1))
    with pytest.raises(InputError, match="need unit='word'"):
        medtx.sweep(a, "class_heard", unit=5).choose_each(max_error=0.1)


def test_pooling_that_misleads_is_named():
    good = [[(True, 0.9), (True, 0.5), (True, 0.8), (False, 0.4)] * 5] * 90
    bad = [[(False, 0.9), (True, 0.5), (False, 0.8), (False, 0.4)] * 5] * 10
    a = aligned(*good, *bad)
    a.recordings["noise"] = ["quiet"] * 90 + ["loud"] * 10
    pooled = medtx.sweep(a, "noise").choose(max_error=0.2)
    assert pooled.holds
    assert pooled.warning.startswith(
        "Pooling misleads: at this threshold more than 20% slipped through in loud 50.0%"
    )
    assert medtx.sweep(a).choose(max_error=0.2).warning == ""


def test_a_signed_threshold_comes_back_and_marks_new_results(dictations, tmp_path):
    t = dictations.transcripts
    a = medtx.align(dictations.references, t, normalize="medical")
    for unit in ("word", 5, "segment", "recording"):
        chosen = medtx.sweep(a, unit=unit).choose(max_error=0.15)
        path = chosen.save(tmp_path / "t.json", signed_by="Dr Roe", note="pilot")
        again = medtx.load_threshold(path)
        assert (again.value, again.signed_by, again.note) == (chosen.value, "Dr Roe", "pilot")
        assert again.signed_at.startswith("20")
        assert again.fingerprint == medtx.sweep(a, unit=unit).fingerprint
        marked = again.apply(t)
        spoken = marked[marked["kind"] == "pronunciation"]
        assert spoken["review"].sum() == chosen.review_words, unit
        assert oct(path.stat().st_mode)[-3:] == "600"
    everything = medtx.sweep(a).choose(max_error=0.001)
    back = medtx.load_threshold(everything.save(tmp_path / "all.json"))
    assert np.isinf(back.value)
    assert not back.holds
    assert back.apply(t)["review"].sum() == (t.words["kind"] == "pronunciation").sum()
    strict = replace(chosen, held_out_values=(0.5, np.inf))  # a fold had too few recordings
    assert medtx.load_threshold(strict.save(tmp_path / "s.json")).held_out_values == (0.5, np.inf)
    classes = medtx.sweep(a, "class_heard").choose_each(
        max_error=dict.fromkeys(["drug", "dose", "negation"], 0.3) | {"anatomy": 0.2, "other": 0.15}
    )
    both = medtx.load_threshold(classes.save(tmp_path / "each.json", signed_by="Dr Roe"))
    assert both.by == "class_heard"
    assert both.apply(t)["review"].equals(classes.apply(t)["review"])


def test_results_unlike_those_it_was_chosen_on_are_told(dictations):
    t = dictations.transcripts
    a = medtx.align(dictations.references, t)
    chosen = medtx.sweep(a).choose(max_error=0.15)
    surer = t.words.assign(confidence=t.words["confidence"] ** 0.2)
    with pytest.warns(
        UserWarning, match="% of these words are to be reviewed; the recordings that the threshold"
    ):
        chosen.apply(replace(t, words=surer))
    with pytest.warns(UserWarning, match="was chosen on results of medtx-embedded.*, these are of deepgram"):
        chosen.apply(replace(t, recordings=t.recordings.assign(engine="deepgram")))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "expected a threshold saved by medtx"),
        ("[]", "found None"),
        (
            '{"form": "medtx-threshold-1", "value": 0.5}',
            "this one was changed since",
        ),
        ('{"form": "other"}', "found 'other'"),
        ('{"form": "medtx-threshold-1", "by": "x", "each": {"a": 3}}', "this one was changed since"),
    ],
)
def test_what_is_no_threshold_is_told(tmp_path, text, message):
    path = tmp_path / "t.json"
    path.write_text(text)
    with pytest.raises(medtx.MedtxError, match=message) as caught:
        medtx.load_threshold(path)
    assert str(path) in str(caught.value)
    with pytest.raises(medtx.MedtxError, match="cannot be read: No such file"):
        medtx.load_threshold(tmp_path / "none.json")


def test_recalibrated_confidences_mean_what_they_say(dictations):
    a = medtx.align(dictations.references, dictations.transcripts, normalize="medical")
    names = a.recordings["recording"].astype(str).tolist()
    fitted, judged = a.select(names[::2]), a.select(names[1::2])
    for method in ("isotonic", "logistic"):
        r = medtx.recalibrate(fitted, method)
        assert (np.diff(r(np.linspace(0, 1, 50))) >= 0).all()
        before, after = (medtx.calibration(x).loc["TOTAL"] for x in (judged, r.apply(judged)))
        assert after["ece"] < before["ece"] / 2
        assert after["nce"] > 0 > before["nce"]
        assert abs(after["auroc"] - before["auroc"]) < 0.01
        assert r.held_out.loc[method, "brier"] < r.held_out.loc["as given", "brier"]
        new = r.apply(dictations.transcripts)
        assert new.words["confidence"].isna().sum() == dictations.transcripts.words["confidence"].isna().sum()
    with pytest.raises(InputError, match="some correct and some wrong"):
        medtx.recalibrate(aligned([(True, 0.5)]))
    with pytest.raises(InputError, match="method='platt' is not one of"):
        medtx.recalibrate(a, "platt")


def test_reliability_adds_up(dictations):
    a = medtx.align(dictations.references, dictations.transcripts)
    whole = medtx.reliability(a)
    calibrated = medtx.calibration(a).loc["TOTAL"]
    assert whole["words"].sum() == calibrated["words"]
    gap = (whole["words"] * (whole["confidence"] - whole["correct"]).abs()).sum() / whole["words"].sum()
    assert gap == pytest.approx(calibrated["ece"])
    assert ((whole["correct_low"] < whole["correct"]) & (whole["correct"] < whole["correct_high"])).all()
    parts = medtx.reliability(a, "specialty", bins=[0, 0.5, 0.9, 1])
    assert len(parts) == 18
    assert parts["words"].sum() == calibrated["words"]
    with pytest.raises(InputError, match="rise from 0 to 1"):
        medtx.reliability(a, bins=[0.5, 1])


def test_a_merged_token_and_a_shared_word_in_one_text():
    """One token more and one less: the scores after them stay with their words."""
    t = medtx.read(job(("five", 0.2), ("hundred", 0.3), ("i'm", 0.9), ("ok", 0.1)))
    a = medtx.align({"visit": "500 i am ok"}, t, normalize="medical")
    s = medtx.sweep(a)
    for value in (0.15, 0.25, 0.5, 0.95):
        assert s.at(value)["review_words"].item() == s.operating_point(value).apply(t)["review"].sum()


def test_one_threshold_keeps_the_limits_of_several_groups(dictations):
    a = medtx.align(dictations.references, dictations.transcripts, normalize="medical")
    s = medtx.sweep(a, "class")
    limits = {"dose": 0.12, "drug": 0.4}
    chosen = s.choose(max_error=limits)
    assert chosen.holds
    assert chosen.max_error == limits
    assert (
        "drug: With 95% confidence (for all 2 groups together), on average at most 40% of the drug words"
        in chosen.reason
    )
    rows = s.at(chosen.value).set_index("group")
    assert (
        rows.loc["drug", "errors_missed"]
        < 0.4 * a.rates("class", replicates=10).loc["drug", "reference_words"]
    )
    assert chosen.apply(dictations.transcripts)["review"].sum() == chosen.review_words
    assert not s.choose(max_error={"drug": 0.01}).holds
    with pytest.raises(InputError, match="could not be put to new results"):
        s.choose_each(max_error=0.3)
    with pytest.raises(InputError, match="limits for drugs, but groups are anatomy, dose"):
        s.choose(max_error={"drugs": 0.1})


def test_classes_mean_the_same_for_new_results():
    heard = [[("co-codamol", 0.4), ("helps", 0.9), ("folic", 0.6), ("acid", 0.6)]] * 90
    results = medtx.read([job(*words, name=f"r{n}") for n, words in enumerate(heard)])
    a = medtx.align({f"r{n}": "co-codamol helps folic acid" for n in range(90)}, results, normalize="medical")
    s = medtx.sweep(a, "class_heard")
    assert s.groups == ["drug", "other"]
    each = s.choose_each(max_error=0.1)
    words = each.apply(results)
    assert words["review"].sum() == sum(t.review_words for t in each.each.values())
    alone = medtx.align({"visit": "paracetamol now"}, medtx.read(job(("co-codamol", 0.9))))
    assert medtx.sweep(alone, "class_heard").choose(max_error=0.5, confidence=None).words == 1


def test_recalibrated_tokens_of_several_words():
    t = medtx.read(job(("give", 0.9), ("five", 0.2), ("hundred", 0.6), ("now", 0.8)))
    refs = {"visit": "give 500 later"}
    r = medtx.thresholds.Recalibration("isotonic", np.array([0.0, 1.0]), np.array([0.4, 0.9]))
    one, other = (
        medtx.sweep(r.apply(medtx.align(refs, t, normalize="medical"))),
        medtx.sweep(medtx.align(refs, r.apply(t), normalize="medical")),
    )
    pd.testing.assert_frame_equal(one.table, other.table)


def test_what_a_promise_says_is_not_rounded():
    a = aligned(*[[(True, 0.9), (False, 0.2)]] * 300)
    s = medtx.sweep(a)
    assert "With 99.9% confidence" in s.choose(max_error=0.2, confidence=0.999).reason
    assert "at most 4.04% of" in s.choose(max_error=np.float32(0.0404)).reason
    with pytest.raises(InputError, match="finite number"):
        s.choose(cost_error=float("inf"))
    with pytest.raises(InputError, match="group='nosuch' is not one of"):
        medtx.sweep(a, "recording").curve("nosuch")


def test_confidences_that_mean_what_they_say_have_an_error_of_nought_within_the_interval():
    rng = np.random.default_rng(5)
    inside = 0
    for _ in range(60):
        recordings = []
        for _ in range(20):
            sure = np.round(rng.random(40), 3)
            recordings.append([(bool(rng.random() < c), float(c)) for c in sure])
        row = medtx.calibration(aligned(*recordings)).loc["TOTAL"]
        assert row["ece_low"] <= row["ece"] <= row["ece_high"]
        inside += row["ece_low"] == 0
    assert inside >= 54


def test_stretches_to_hear(dictations):
    a = medtx.align(dictations.references, dictations.transcripts)
    marked = medtx.sweep(a).operating_point(0.5).apply(dictations.transcripts)
    runs = medtx.thresholds.to_hear(marked)
    assert runs["words"].sum() == marked["review"].sum()
    assert (runs["end"] > runs["start"]).all()
    assert (runs["confidence"] < 0.5).all()
    assert runs["text"].str.split().str.len().sum() >= runs["words"].sum()
