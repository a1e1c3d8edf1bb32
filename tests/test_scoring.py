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
    a = medtx.align(hyps, refs, normalize="none")
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
    pairs = medtx.align({"r": " ".join(hyp)}, {"r": " ".join(ref)}, "none").pairs
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
    a = medtx.align(hyps, refs, "none")
    names = a.counts.index
    theirs = jiwer.process_words([refs[n] for n in names], [hyps[n] for n in names])
    rates = a.rates()
    assert rates.loc["TOTAL", "wer"] == pytest.approx(theirs.wer)
    assert rates.loc["TOTAL", "cer"] == pytest.approx(
        jiwer.cer([refs[n] for n in names], [hyps[n] for n in names])
    )
    tokens = [{n: " ".join(plain(t[n].split()).text) for n in names} for t in (hyps, refs)]
    theirs = jiwer.process_words([tokens[1][n] for n in names], [tokens[0][n] for n in names])
    assert medtx.align(hyps, refs).rates().loc["TOTAL", "wer"] == pytest.approx(theirs.wer)


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
    pairs = medtx.align(t, {"visit": "follow up on Tuesday"}).pairs
    assert pairs["position"].tolist() == [0, 0, -1, 2]
    assert pairs["confidence"].tolist() == pytest.approx([0.5, 0.5, np.nan, 0.8], nan_ok=True)
    assert pairs["start"].tolist() == pytest.approx([0.0, 0.0, np.nan, 1.0], nan_ok=True)


def test_recordings_without_a_partner_are_listed_and_counted_nowhere():
    a = medtx.align({"a": "x", "b": "y"}, {"b": "y", "c": "z"})
    assert (a.only_hypothesis, a.only_reference) == (["a"], ["c"])
    assert a.rates().loc["TOTAL", "recordings"] == 1
    assert "2 without a partner" in repr(a)
    with pytest.raises(InputError, match="no recording is on both sides"):
        medtx.align({"a": "x"}, {"b": "x"})


def test_an_empty_hypothesis_counts_as_deletions():
    a = medtx.align({"a": "", "b": "fine"}, {"a": "no chest pain", "b": "fine"})
    assert a.counts.loc["a", ["deletions", "hits"]].tolist() == [3, 0]
    assert a.rates().loc["TOTAL", "wer"] == 0.75


def test_an_empty_reference_gives_nan_with_its_counts():
    a = medtx.align({"a": "noise"}, {"a": ""})
    assert np.isnan(a.rates().loc["TOTAL", "wer"])
    assert a.rates().loc["TOTAL", "insertions"] == 1


def test_groups_add_up(dictations):
    a = medtx.align(dictations.transcripts, dictations.references)
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
    one = medtx.align(said, texts).counts
    other = medtx.align(dict(reversed(said.items())), texts).counts
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
    a = medtx.align(heard, said)
    a.recordings = a.recordings.merge(metadata)
    by_recording, by_speaker = a.rates().loc["TOTAL"], a.rates(unit="speaker").loc["TOTAL"]
    assert by_recording["wer"] == by_speaker["wer"]
    width = [row["wer_high"] - row["wer_low"] for row in (by_recording, by_speaker)]
    assert width[1] > 2 * width[0]
    with pytest.raises(InputError, match="unit='clinician' is not a column"):
        a.rates(unit="clinician")


def test_swapped_sides_are_noticed():
    hyp, ref = medtx.read(job(("fine", 0.9), name="a")), medtx.from_text({"a": "fine"})
    assert medtx.align(hyp, ref).rates().loc["TOTAL", "wer"] == 0
    with pytest.raises(InputError, match="are they swapped"):
        medtx.align(ref, hyp)


def test_a_token_of_several_words_has_their_times_and_least_confidence():
    def joined(words):
        return Tokens(["75"] if len(words) == 2 else list(words), [0], [len(words)])

    t = medtx.read(job(("seventy", 0.99), ("five", 0.11)))
    pairs = medtx.align(t, {"visit": "15"}, joined).pairs
    assert pairs[["start", "end", "confidence"]].iloc[0].tolist() == [0.0, 0.9, 0.11]
    for wrong, message in (
        (lambda words: list(words), "must give Tokens"),
        (lambda words: Tokens(list(words), [], []), "must give Tokens"),
        (lambda words: Tokens(["x"], [0], [9]), "outside its words"),
    ):
        with pytest.raises(InputError, match=message):
            medtx.align(t, {"visit": "15"}, wrong)


def test_groups_keep_their_names_apart():
    a = medtx.align({"a": "x", "b": "y", "c": "z"}, {"a": "x", "b": "y", "c": "q"})
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
