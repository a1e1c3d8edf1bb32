"""Alignment and rates: equal to jiwer on the same tokens, and honest where there is little to go on."""

import csv
import random

import jiwer
import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

import medtx
from medtx.errors import InputError
from medtx.scoring.compare import _differences
from medtx.scoring.medical import Medical
from medtx.scoring.normalize import Tokens, plain
from medtx.scoring.rates import interval
from medtx.tables import TABLES
from tests.conftest import job

sentences = st.lists(
    st.sampled_from(["no", "chest", "pain", "fever", "1.5", "15", "mg", "left"]), max_size=12
)


@given(st.lists(st.tuples(sentences, sentences), min_size=1, max_size=6))
def test_rates_equal_jiwer(pairs):
    refs = {f"r{i}": " ".join(ref) for i, (ref, _) in enumerate(pairs)}
    hyps = {f"r{i}": " ".join(hyp) for i, (_, hyp) in enumerate(pairs)}
    a = medtx.align(refs, hyps, normalize="none")
    assert len(a.counts) == len(pairs)
    total = a.rates(replicates=10).loc["TOTAL"]
    spoken = [name for name, text in refs.items() if text]  # jiwer refuses an empty reference
    if not spoken:
        assert np.isnan(total["wer"])
        assert total["insertions"] == sum(len(hyp) for _, hyp in pairs)
        return
    ours = a.counts.loc[spoken].sum()
    theirs = jiwer.process_words([refs[n] for n in spoken], [hyps[n] for n in spoken])
    counts = (theirs.hits, theirs.substitutions, theirs.deletions, theirs.insertions)
    # Optimal alignments differ in labels; the edits and the words they leave over do not.
    assert ours[["substitutions", "deletions", "insertions"]].sum() == sum(counts[1:])
    assert ours["reference_words"] == sum(counts[:3])
    assert ours["insertions"] - ours["deletions"] == counts[3] - counts[2]
    if len(spoken) == len(pairs):
        assert total["wer"] == pytest.approx(theirs.wer)
        assert total["cer"] == pytest.approx(jiwer.cer(list(refs.values()), list(hyps.values())))


@given(sentences, sentences)
def test_pairs_rebuild_both_sides(ref, hyp):
    pairs = medtx.align({"r": " ".join(ref)}, {"r": " ".join(hyp)}, normalize="none").pairs
    assert pairs.loc[pairs["op"] != "insert", "reference"].tolist() == ref
    assert pairs.loc[pairs["op"] != "delete", "hypothesis"].tolist() == hyp
    assert pairs.loc[pairs["op"] != "insert", "reference_position"].tolist() == list(range(len(ref)))
    assert pairs.loc[pairs["op"] != "delete", "position"].tolist() == list(range(len(hyp)))
    equal = pairs["op"] == "equal"
    assert (pairs.loc[equal, "reference"] == pairs.loc[equal, "hypothesis"]).all()
    changed = pairs["op"] == "substitute"
    assert (pairs.loc[changed, "reference"] != pairs.loc[changed, "hypothesis"]).all()
    assert {c: str(t) for c, t in pairs.dtypes.items()} == {c: s.dtype for c, s in TABLES["pairs"].items()}


def test_rates_equal_jiwer_on_real_conversations(shared):
    """aci-bench: a service's transcripts and people's, of the same visits."""
    folder = shared / "corpora" / "aci-bench" / "data" / "src_experiment_data"
    texts = []
    for side in ("asr", "humantrans"):
        with open(folder / f"valid_virtscribe_{side}.csv", newline="") as file:
            texts.append({row["id"]: " ".join(row["dialogue"].split()) for row in csv.DictReader(file)})
    hyps, refs = texts
    sides = [medtx.from_text(side, speakers=False) for side in (refs, hyps)]  # "[doctor]" stays a word
    a = medtx.align(*sides, normalize="none")
    names = a.counts.index
    theirs = jiwer.process_words([refs[n] for n in names], [hyps[n] for n in names])
    rates = a.rates()
    assert rates.loc["TOTAL", "wer"] == pytest.approx(theirs.wer)
    assert rates.loc["TOTAL", "cer"] == pytest.approx(
        jiwer.cer([refs[n] for n in names], [hyps[n] for n in names])
    )
    tokens = [{n: " ".join(plain(t[n].split()).text) for n in names} for t in (hyps, refs)]
    theirs = jiwer.process_words([tokens[1][n] for n in names], [tokens[0][n] for n in names])
    assert medtx.align(*sides).rates().loc["TOTAL", "wer"] == pytest.approx(theirs.wer)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("1.5", "15"),
        ("0.5", "5"),
        (".5", "5"),
        ("12/80", "128/0"),
        ("1,5", "15"),
        ("-5", "5"),
        ("5%", "5"),
        (">5", "5"),
        ("10-20", "1020"),
        ("T1-2", "T12"),
        ("2:30", "230"),
        ("1,000.5", "10005"),
        ("hypotension", "hypertension"),
        ("mg", "mcg"),
        ("no", "know"),
        ("\u2265 90", "\u2264 90"),
        ("\u00b1 5", "5"),
        ("- 5", "5"),
        ("120 / 80", "120 80"),
        ("5'", '5"'),
        ("5'", "5"),
    ],
)
def test_plain_never_makes_what_differs_equal(one, other):
    assert plain(one.split()).text != plain(other.split()).text
    assert plain(f"({one}),".split()).text == plain(one.split()).text


@given(st.text(max_size=12))
def test_plain_keeps_every_digit_and_letter(word):
    kept = "".join(c for c in word.lower() if c.isalnum())
    assert "".join(c for c in "".join(plain(word.split()).text) if c.isalnum()) == kept


def test_a_token_knows_the_words_it_came_from():
    t = medtx.read(job(("Follow-up", 0.5), ("--", 0.9), ("Tuesday.", 0.8)))
    pairs = medtx.align({"visit": "follow up on Tuesday"}, t).pairs
    assert pairs["position"].tolist() == [0, 0, -1, 2]
    assert pairs["confidence"].tolist() == pytest.approx([0.5, 0.5, np.nan, 0.8], nan_ok=True)
    assert pairs["start"].tolist() == pytest.approx([0.0, 0.0, np.nan, 1.0], nan_ok=True)


def test_recordings_without_a_partner_are_listed_and_counted_nowhere():
    a = medtx.align({"b": "y", "c": "z"}, {"a": "x", "b": "y"})
    assert (a.only_hypothesis, a.only_reference) == (["a"], ["c"])
    assert a.rates().loc["TOTAL", "recordings"] == 1
    assert "2 without a partner" in repr(a)
    with pytest.raises(InputError, match="no recording is on both sides"):
        medtx.align({"b": "x"}, {"a": "x"})


def test_an_empty_hypothesis_counts_as_deletions():
    a = medtx.align({"a": "no chest pain", "b": "fine"}, {"a": "", "b": "fine"})
    assert a.counts.loc["a", ["deletions", "hits"]].tolist() == [3, 0]
    assert a.rates().loc["TOTAL", "wer"] == 0.75


def test_an_empty_reference_gives_nan_with_its_counts():
    a = medtx.align({"a": ""}, {"a": "noise"})
    assert np.isnan(a.rates().loc["TOTAL", "wer"])
    assert a.rates().loc["TOTAL", "insertions"] == 1


def test_groups_add_up(dictations):
    a = medtx.align(dictations.references, dictations.transcripts)
    for by in ("specialty", ["specialty", "type"], "sub_specialty", "noise"):
        rates = a.rates(by, replicates=50)
        groups = rates.drop(index="TOTAL")
        for column in ("recordings", "reference_words", "substitutions", "deletions", "insertions"):
            assert groups[column].sum() == rates.loc["TOTAL", column], (by, column)
    assert "(none)" in a.rates("sub_specialty", replicates=50).index
    with pytest.raises(InputError, match="by='speciality' is not a column of recordings"):
        a.rates("speciality")


def test_order_of_recordings_does_not_matter():
    texts = {f"r{i}": " ".join(random.Random(i).choices(["a", "b", "c", "d"], k=9)) for i in range(8)}
    said = {name: text[::-1] for name, text in texts.items()}
    one = medtx.align(texts, said).counts
    other = medtx.align(texts, dict(reversed(said.items()))).counts
    pd.testing.assert_frame_equal(one, other.loc[one.index])


def test_the_interval_covers_as_it_says():
    """Twelve recordings that differ: a percentile bootstrap covers 0.90 here, ours more."""
    rng = np.random.default_rng(5)
    covered, tries = 0, 300
    for _ in range(tries):
        words = rng.integers(60, 120, 12)
        errors = rng.binomial(words, rng.beta(7, 13, 12))
        low, high = interval(errors, words, replicates=500)
        covered += low <= 0.35 <= high
    assert 0.90 <= covered / tries <= 0.98


def test_whole_speakers_can_be_the_unit_of_chance():
    """Recordings of one speaker that go wrong together: the interval by recording is too narrow."""
    said = {f"r{i}": "a b c d e f g h i j" for i in range(80)}
    heard = {name: "x " * (i // 8) + said[name][2 * (i // 8) :] for i, name in enumerate(said)}
    metadata = pd.DataFrame({"recording": list(said), "speaker": [f"s{i // 8}" for i in range(80)]})
    a = medtx.align(said, heard)
    a.recordings = a.recordings.merge(metadata)
    by_recording, by_speaker = a.rates().loc["TOTAL"], a.rates(unit="speaker").loc["TOTAL"]
    assert by_recording["wer"] == by_speaker["wer"]
    width = [row["wer_high"] - row["wer_low"] for row in (by_recording, by_speaker)]
    assert width[1] > 2 * width[0]
    with pytest.raises(InputError, match="unit='clinician' is not a column"):
        a.rates(unit="clinician")


def test_swapped_sides_are_noticed():
    hyp, ref = medtx.read(job(("fine", 0.9), name="a")), medtx.from_text({"a": "fine"})
    assert medtx.align(ref, hyp).rates().loc["TOTAL", "wer"] == 0
    with pytest.raises(InputError, match="the reference comes first"):
        medtx.align(hyp, ref)


def test_a_token_of_several_words_has_their_times_and_least_confidence():
    def joined(words):
        return Tokens(["75"] if len(words) == 2 else list(words), [0], [len(words)])

    t = medtx.read(job(("seventy", 0.99), ("five", 0.11)))
    pairs = medtx.align({"visit": "15"}, t, normalize=joined).pairs
    assert pairs[["start", "end", "confidence"]].iloc[0].tolist() == [0.0, 0.9, 0.11]
    for wrong, message in (
        (lambda words: list(words), "must give Tokens"),
        (lambda words: Tokens(list(words), [], []), "must give Tokens"),
        (lambda words: Tokens(["x"], [0], [9]), "outside its words"),
    ):
        with pytest.raises(InputError, match=message):
            medtx.align({"visit": "15"}, t, normalize=wrong)


def test_groups_keep_their_names_apart():
    a = medtx.align({"a": "x", "b": "y", "c": "q"}, {"a": "x", "b": "y", "c": "z"})
    a.recordings["site"] = ["TOTAL", "p / q", "p"]
    a.recordings["ward"] = ["w", "r", "q / r"]
    assert a.rates("site")["recordings"].to_dict() == {"TOTAL *": 1, "p": 1, "p / q": 1, "TOTAL": 3}
    assert len(a.rates(["site", "ward"])) == 4


def test_one_bad_recording_gives_no_upper_bound():
    for errors, words in (([0] * 19 + [50], [50] * 20), ([1] * 11 + [20], [20] * 12)):
        low, high = interval(np.array(errors), np.array(words))
        assert low < sum(errors) / sum(words)
        assert np.isnan(high)


def test_no_interval_from_too_little():
    assert np.isnan(interval(np.array([1, 2]), np.array([10, 10]))).all()
    assert np.isnan(interval(np.zeros(9, int), np.full(9, 10))).all()


def test_unknown_normaliser_is_named():
    with pytest.raises(
        InputError, match="normalize='medcal' is not one of plain, none, medical, whisper or a function"
    ):
        medtx.align({"a": "x"}, {"a": "x"}, normalize="medcal")


def test_ties_are_settled_by_time():
    """ "no no" against "no": which one was left out, and which of two was heard as "fewer"?"""

    def said(*words: tuple[str, float]) -> medtx.Transcripts:
        result = job(*((word, 0.9) for word, _ in words))
        for item, (_, start) in zip(result["results"]["items"], words):
            item |= {"start_time": str(start), "end_time": str(start + 0.4)}
        return medtx.read(result)

    for at, ops in ((0.1, ["equal", "delete"]), (5.1, ["delete", "equal"])):
        pairs = medtx.align(said(("no", 0), ("no", 5)), said(("no", at)), normalize="none").pairs
        assert pairs["op"].tolist() == ops
        pairs = medtx.align(said(("no", at)), said(("no", 0), ("no", 5)), normalize="none").pairs
        assert pairs["op"].tolist() == ["insert" if op == "delete" else op for op in ops]
    for at, wrong in ((0.1, ["chest", None]), (5.1, [None, "chest"])):
        pairs = medtx.align(said(("any", 0), ("fever", 5)), said(("chest", at)), normalize="none").pairs
        assert pairs["hypothesis"].astype(object).where(pairs["hypothesis"].notna(), None).tolist() == wrong
    untimed = medtx.align({"a": "no no"}, {"a": "no"}, normalize="none").pairs
    assert (
        untimed["op"].tolist()
        == medtx.align({"a": "no no"}, {"a": "no"}, normalize="none").pairs["op"].tolist()
    )


timed = st.lists(
    st.tuples(st.sampled_from(["no", "chest", "pain", "fever"]), st.floats(0.1, 3)), min_size=1, max_size=14
)


@given(timed, timed)
def test_settling_ties_changes_no_count_but_the_labels(ref, hyp):
    def said(words: list[tuple[str, float]]) -> medtx.Transcripts:
        result = job(*((word, 0.9) for word, _ in words))
        at = 0.0
        for item, (_, gap) in zip(result["results"]["items"], words):
            item |= {"start_time": str(at), "end_time": str(at + gap / 2)}
            at += gap
        return medtx.read(result)

    a = medtx.align(said(ref), said(hyp), normalize="none")
    b = medtx.align(
        {"visit": " ".join(w for w, _ in ref)}, {"visit": " ".join(w for w, _ in hyp)}, normalize="none"
    )
    for one in (a, b):
        pairs = one.pairs
        assert pairs.loc[pairs["op"] != "insert", "reference"].tolist() == [w for w, _ in ref]
        assert pairs.loc[pairs["op"] != "delete", "hypothesis"].tolist() == [w for w, _ in hyp]
        equal = pairs["op"] == "equal"
        assert (pairs.loc[equal, "reference"] == pairs.loc[equal, "hypothesis"]).all()
    assert (a.pairs["op"] != "equal").sum() == (b.pairs["op"] != "equal").sum()

    def apart(pairs: pd.DataFrame) -> float:
        """Seconds between the words that stand together."""
        starts = np.append(np.cumsum([0] + [gap for _, gap in ref]), 0)
        both = pairs[pairs["op"].isin(["equal", "substitute"])]
        began = starts[both["reference_position"]]
        ended = began + np.array([gap for _, gap in ref])[both["reference_position"]] / 2
        said_at = np.cumsum([0] + [gap for _, gap in hyp])[both["position"]]
        middle = said_at + np.array([gap for _, gap in hyp])[both["position"]] / 4
        return float(np.maximum(np.maximum(began - middle, middle - ended), 0).sum())

    assert apart(a.pairs) <= apart(b.pairs) + 1e-6


def test_rates_by_labels_of_words(dictations):
    a = medtx.align(dictations.references, dictations.transcripts)
    total = a.rates(replicates=10).loc["TOTAL"]
    errors = ["substitutions", "deletions", "insertions", "hits", "reference_words"]
    for by in ("confidence", "start", "segment", ["specialty", "confidence"], a.pairs["op"]):
        rates = a.rates(by, replicates=10)
        assert rates.drop(index="TOTAL")[errors].sum().to_dict() == total[errors].to_dict(), by
    sure = a.rates("confidence", replicates=10)
    assert sure.loc["(none)", "deletions"] == total["deletions"]  # no word, no confidence
    assert sure.loc["0.0-0.1", "accuracy"] < 0.5 < sure.loc["0.9-1.0", "accuracy"]
    assert a.rates(replicates=10).loc["TOTAL", "ser"] == 1.0
    with pytest.raises(InputError, match="by has 1 labels for"):
        a.rates(pd.Series(["x"]))


def test_rates_by_the_speaker_of_the_reference():
    ref = medtx.from_text({"v_doctor": "any chest pain", "v_patient": "no"}).merge(lambda name: "v")
    a = medtx.align(ref, {"v": "any chess pain right no"})
    rates = a.rates("speaker")
    assert rates.loc["doctor", ["substitutions", "insertions", "reference_words"]].tolist() == [1, 1, 3]
    assert rates.loc["patient", ["substitutions", "reference_words"]].tolist() == [0, 1]
    assert rates["wer"].round(3).to_dict() == {"doctor": 0.667, "patient": 0.0, "TOTAL": 0.5}


def test_match_error_rate_and_information_lost():
    total = (
        medtx.align({"a": "no chest pain"}, {"a": "no chess pain today x"}, normalize="none")
        .rates()
        .loc["TOTAL"]
    )
    out = jiwer.process_words("no chest pain", "no chess pain today x")
    assert total["mer"] == pytest.approx(out.mer)
    assert total["wil"] == pytest.approx(out.wil)
    assert total["accuracy"] == pytest.approx(2 / 3)
    nothing = medtx.align({"a": "no"}, {"a": ""}).rates().loc["TOTAL"]
    assert (nothing["wil"], nothing["mer"], nothing["accuracy"]) == (1, 1, 0)


def test_keywords_by_hand():
    a = medtx.align(
        {"a": "blood pressure fine no heparin", "b": "blood pressure then warfarin", "c": "warfarin"},
        {"a": "blood pressure fine no warfarin", "b": "blood and pressure then war for in", "c": "warfarin"},
    )
    lexicon = pd.DataFrame(
        {
            "term": ["blood pressure", "pressure", "Warfarin", "heparin"],
            "category": ["sign"] * 2 + ["drug"] * 2,
        }
    )
    by_term = a.keywords(lexicon, by="term")
    columns = ["reference", "found", "missed", "invented", "hypothesis"]
    assert by_term.loc["blood pressure", columns].tolist() == [2, 1, 1, 0, 1]
    assert by_term.loc["pressure", columns].tolist() == [0, 0, 0, 0, 1]  # right, though said in a longer term
    assert by_term.loc["Warfarin", columns].tolist() == [2, 1, 1, 1, 2]
    assert by_term.loc["heparin", columns].tolist() == [1, 0, 1, 0, 0]
    drug = a.keywords(lexicon).loc["drug"]
    assert drug[["recall", "precision", "f1"]].tolist() == pytest.approx([1 / 3, 1 / 2, 0.4])
    missed = a.missed_keywords(lexicon).set_index("term")["heard"].to_dict()
    assert missed == {"Warfarin": "war for in", "blood pressure": "blood and pressure", "heparin": "warfarin"}
    for wrong, message in (([], "no term"), ("warfarin", "a list of terms"), (pd.DataFrame(), "column term")):
        with pytest.raises(InputError, match=message):
            a.keywords(wrong)


def test_keywords_are_normalised_as_the_texts_are():
    a = medtx.align(
        {"a": "blood pressure one twenty over eighty five mg"}, {"a": "BP 120/80, 5mg"}, normalize="medical"
    )
    found = a.keywords(["Blood pressure", "five milligrams"], by="term")
    assert found.loc["Blood pressure", "found"] == 1


@given(
    st.integers(1, 5).flatmap(
        lambda n: st.lists(st.lists(st.integers(0, 9), min_size=n, max_size=n), min_size=n, max_size=n)
    )
)
def test_assignment_is_the_best_of_all_permutations(rows):
    from itertools import permutations

    from medtx.scoring.matching import assign

    cost = np.array(rows, dtype=float)
    chosen = assign(cost)
    assert sorted(chosen) == list(range(len(cost)))
    best = min(sum(cost[i, j] for i, j in enumerate(p)) for p in permutations(range(len(cost))))
    assert sum(cost[i, j] for i, j in enumerate(chosen)) == best


def test_cpwer_on_real_consultations(shared):
    """Speaker-wise references of PriMock57; a hypothesis with swapped and one with merged speakers."""
    folder = shared / "corpora" / "primock57" / "transcripts"
    ref = medtx.read(sorted(folder.glob("day1*"))).merge(lambda name: name.rsplit("_", 1)[0])
    perfect = medtx.cpwer(ref, ref)
    assert perfect.loc["TOTAL", "errors"] == 0
    names = {"doctor": "spk_1", "Doctor": "spk_1", "patient": "spk_0", "Patient": "spk_0"}
    words = ref.words.assign(speaker=ref.words["speaker"].map(names).astype("category"))
    swapped = medtx.cpwer(ref, medtx.Transcripts(ref.recordings, words, ref.segments))
    assert swapped.loc["TOTAL", "errors"] == 0
    assert swapped["speakers"].iloc[0] in ("Doctor=spk_1, Patient=spk_0", "Patient=spk_0, Doctor=spk_1")
    alone = words.assign(speaker=pd.Categorical(["spk_0"] * len(words)))
    merged = medtx.cpwer(ref, medtx.Transcripts(ref.recordings, alone, ref.segments))
    assert 0.3 < merged.loc["TOTAL", "cpwer"] < 1.1
    assert (
        medtx.align(ref, medtx.Transcripts(ref.recordings, alone, ref.segments)).rates().loc["TOTAL", "wer"]
        == 0
    )
    with pytest.raises(InputError, match="no recording is on both sides"):
        medtx.cpwer({"c": "d"}, {"a": "b"})


def made_up(rates_: np.ndarray, seed: int) -> tuple[dict[str, str], dict[str, str]]:
    """Hypotheses with these error rates, a recording each, of 50 words."""
    rng = np.random.default_rng(seed)
    refs = {f"r{i}": " ".join(["word"] * 50) for i in range(len(rates_))}
    hyps = {
        f"r{i}": " ".join(np.where(rng.random(50) < rate, "wrong", "word")) for i, rate in enumerate(rates_)
    }
    return refs, hyps


def test_paired_systems_are_told_apart_where_groups_are_not():
    hard = np.random.default_rng(1).beta(2, 8, 40)
    refs, hyps = made_up(hard, 0)
    _, better = made_up(hard * 0.8, 1)
    one, other = medtx.align(refs, hyps), medtx.align(refs, better)
    row = medtx.compare({"old": one, "new": other}).iloc[0]
    assert row["difference"] > 0
    assert row["low"] > 0
    assert row["p_adjusted"] < 0.05
    assert row["verdict"].startswith("new has a lower WER than old, by ")
    both = medtx.align(
        {**refs, **{f"{n}-b": t for n, t in refs.items()}},
        {**hyps, **{f"{n}-b": t for n, t in better.items()}},
    )
    half = both.recordings["recording"].astype(str).str.endswith("-b").map({True: "new", False: "old"})
    both.recordings["system"] = half.astype("category")
    unpaired = medtx.compare(both, by="system").iloc[0]
    assert abs(unpaired["difference"]) == pytest.approx(row["difference"])
    assert unpaired["high"] - unpaired["low"] > 1.3 * (row["high"] - row["low"])
    assert unpaired["p"] > 10 * row["p"]


def test_comparisons_say_what_is_missing(dictations):
    a = medtx.align(dictations.references, dictations.transcripts)
    table = medtx.compare(a, by="specialty", replicates=500)
    assert len(table) == 15
    assert (table["p_adjusted"] >= table["p"]).all()
    assert (table["low"] <= table["difference"]).all()
    few = (
        a.recordings["recording"]
        .astype(str)
        .isin(a.recordings["recording"].astype(str)[:5])
        .map({True: "few", False: "many"})
    )
    a.recordings["size"] = few.astype("category")
    assert medtx.compare(a, by="size").loc[0, "verdict"] == "too few recordings to compare few with many"
    for bad, message in (
        (lambda: medtx.compare(a), "by= must name"),
        (lambda: medtx.compare(a, by="engine"), "only one to compare: medtx-embedded"),
        (lambda: medtx.compare({"a": a, "b": a}, by="engine"), "compares groups of one"),
        (lambda: medtx.compare({"a": a, "b": medtx.align({"x": "y"}, {"x": "y"})}), "share no recording"),
        (lambda: medtx.sample_size(a, difference=2), "is not a number between 0 and 1"),
        (lambda: medtx.sample_size({"a": a}, difference=0.1), "expected two alignments"),
    ):
        with pytest.raises(InputError, match=message):
            bad()


def test_sample_size_has_the_power_it_says():
    """Simulated: with so many recordings, about four in five studies find the difference."""
    rng = np.random.default_rng(0)
    pilot = medtx.align(*made_up(rng.beta(2, 8, 300), 0))
    n = medtx.sample_size(pilot, difference=0.05)
    found = 0
    for _ in range(100):
        spread = [rng.beta(2, 8, n) * 50, rng.beta(2, 8, n) * 50]
        one, other = (
            rng.binomial(50, np.clip(s / 50 + shift, 0, 1)) / 50 for s, shift in zip(spread, (0, 0.05))
        )
        gap = other.mean() - one.mean()
        found += abs(gap) > 1.96 * np.sqrt(one.var(ddof=1) / n + other.var(ddof=1) / n)
    assert 68 <= found <= 92


def test_intervals_cover_as_often_as_they_say():
    """95 % intervals of rates and of paired differences, on recordings that differ a lot."""
    rng = np.random.default_rng(0)
    covered = {"rate": 0, "difference": 0}
    runs = 400
    for _ in range(runs):
        hard = rng.beta(2, 8, 40)
        words = rng.integers(50, 400, 40)
        one = rng.binomial(words, hard)
        low, high = interval(one, words, replicates=999)
        truth = 0.2
        covered["rate"] += low <= truth <= high
        other = rng.binomial(words, hard * 0.9)
        parts = [pd.DataFrame({"errors": e, "words": words}) for e in (one, other)]
        [row] = _differences([tuple(parts)], paired=True, confidence=0.95, replicates=999)
        covered["difference"] += row["low"] <= truth * 0.1 <= row["high"]
    for name, count in covered.items():
        assert 0.92 <= count / runs <= 0.98, (name, count)


def test_ten_thousand_recordings_are_bootstrapped_in_groups():
    rng = np.random.default_rng(0)
    words = rng.integers(50, 400, 10_000)
    errors = rng.binomial(words, rng.beta(2, 8, 10_000))
    low, high = interval(errors, words, replicates=10_000)
    rate = errors.sum() / words.sum()
    spread = np.sqrt(((errors - rate * words) ** 2).sum()) / words.sum()
    assert (high - low) / 2 == pytest.approx(1.96 * spread, rel=0.1)


def test_views_show_every_word_once_and_escape_it():
    ref = " ".join(f"word{n}" for n in range(80))
    a = medtx.align(
        {"a<b": f"no {ref}", "b": "fine"}, {"a<b": f"<script> {ref} end", "b": "fine"}, normalize="none"
    )
    html = a._repr_html_()
    assert html.count("<script>") == 1  # our own
    assert "&lt;script&gt;" in html
    assert "a&lt;b" in html
    assert html.count("word40") == 1
    assert "right]</summary>" in html  # long stretches are folded
    text = a.text("a<b", width=60)
    assert all(len(line) <= 75 for line in text.splitlines())
    assert "S" in text.splitlines()[2]
    joined = " ".join(line[5:] for line in text.splitlines() if line.startswith("REF:"))
    assert [w for w in joined.split() if set(w) != {"*"}] == f"no {ref}".split()
    with pytest.raises(InputError, match="no recording 'x'"):
        a.text("x")


def test_what_does_not_vary_says_so():
    """Ten recordings of the same rate say nothing of others, however floats are rounded."""
    for wrong, words in ((1, 3), (1, 5), (2, 7), (1, 10)):
        assert np.isnan(interval(np.full(10, wrong), np.full(10, words))).all()
    ref = {f"r{i}": "no chest pain today please" for i in range(12)}
    perfect, worse = medtx.align(ref, ref), medtx.align(ref, dict.fromkeys(ref, "x chest pain today please"))
    row = medtx.compare({"a": perfect, "b": worse}).iloc[0]
    assert np.isnan(row["p"])
    assert row["verdict"] == "a and b differ by the same in every recording: nothing is known of others"
    with pytest.raises(InputError, match="do not vary"):
        medtx.sample_size(perfect, difference=0.1)


def test_bad_arguments_are_named(dictations):
    a = medtx.align(dictations.references, dictations.transcripts)
    for bad, message in (
        (lambda: a.rates(by=5), "by= is a number"),
        (lambda: a.rates(replicates=0), "replicates=0"),
        (lambda: medtx.compare(a, by="specialty", confidence=95), "confidence=95"),
        (lambda: medtx.compare(a, by="specialty", replicates=1), "replicates=1"),
        (lambda: a.keywords([5]), "a term is int"),
        (lambda: a.keywords({"Pain": "sign", "pain": "symptom"}), "is in sign and in symptom"),
    ):
        with pytest.raises(InputError, match=message):
            bad()


def test_systems_are_paired_by_unit(dictations):
    """Not by the order in which their units come."""
    a = medtx.align(dictations.references, dictations.transcripts)
    names = a.recordings["recording"].astype(str).tolist()
    reverse = medtx.align(dictations.references, dictations.transcripts.select(names[::2] + names[1::2]))
    row = medtx.compare({"a": a, "b": reverse}, unit="recording").iloc[0]
    assert row["difference"] == 0
    assert "differ by the same in every recording" in row["verdict"]


def test_long_runs_of_wrong_words_take_no_time():
    def said(word: str, n: int) -> medtx.Transcripts:
        return medtx.read(job(*((f"{word}{i}", 0.5) for i in range(n))))

    a = medtx.align(said("b", 4000), said("a", 3000), normalize="none")
    assert a.counts[["substitutions", "deletions"]].to_numpy().tolist() == [[3000, 1000]]
    assert len(Medical()(["a"] * 20_000 + ["one"] * 20_000 + ["hundred"]).text) > 10
