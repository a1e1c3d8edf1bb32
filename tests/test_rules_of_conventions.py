"""The tables of fillers, compounds and spellings: nothing in them can touch a dose or an answer."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import medtx
from medtx.scoring.compare import _differences
from medtx.scoring.conventions import rewritten, spelled
from medtx.scoring.medical import Medical
from medtx.scoring.rates import LARGE
from medtx.scoring.rules import rules
from medtx.scoring.spoken import is_unit

KNOWN = rules()
NEGATIONS = frozenset("no not non never none without un dis a an".split())
CALENDAR = frozenset("day days week time times".split())
"""Units, but no dose: "week end" is "weekend"."""


@pytest.mark.parametrize("pair", sorted(KNOWN.compounds))
def test_no_compound_holds_a_number_a_unit_or_a_negation(pair):
    for word in pair:
        assert word.isalpha()
        assert not {word} & {*KNOWN.kind, *KNOWN.parts, *NEGATIONS}
        assert word in CALENDAR or not (is_unit(word) or word in KNOWN.units)


def test_a_compound_is_the_same_as_its_one_word():
    for one, other in KNOWN.compounds:
        written = [[one, other], [f"{one}-{other}"], [one + other]]
        for normalize in ("plain, compounds=True, spelling=True", "medical"):
            a = medtx.align(
                references=dict(enumerate([" ".join(written[0])] * 2)),
                hypotheses=dict(enumerate(w[0] for w in written[1:])),
                normalize=normalize,
            )
            assert (a.pairs["op"] == "equal").all(), (one, other, normalize)


def test_spelling_changes_no_number_and_no_unit():
    for word in (*KNOWN.kind, *KNOWN.parts, *KNOWN.units, *KNOWN.counted):
        assert spelled(word) == word or Medical()([word]).text == Medical()([spelled(word)]).text, word
    for british, american in KNOWN.spelled.items():
        assert spelled(american) == american, british


def test_fillers_are_no_answers_and_no_words_of_medicine():
    answers = "mm-hm mmhm uh-huh uh-uh mm-mm yeah yes no ah oh hm mm er ok okay".split()
    assert not KNOWN.fillers & {*answers, *KNOWN.units, *KNOWN.kind, "er", "mm"}
    for answer in ("mm-hm", "uh-huh", "uh-uh", "um-hum", "nuh-uh", "uh huh", "mm hmm"):
        for normalize in ("plain, fillers=False", "medical, fillers=False"):
            a = medtx.align({"a": answer}, {"a": "no"}, normalize=normalize)
            assert (a.pairs["reference"].notna()).sum() > 0, (answer, normalize)


words = st.lists(
    st.sampled_from(
        [
            *sorted(KNOWN.fillers),
            *"huh hum hmm nuh mm-hm uh-huh pain mum five hundred mg bp 120 over 80 one twenty and".split(),
            *(word for pair in sorted(KNOWN.compounds)[:20] for word in pair),
        ]
    ),
    max_size=15,
)


@settings(deadline=None)
@given(words)
def test_without_fillers_is_the_same_less_the_fillers(said):
    """So the rate without fillers is that of such an alignment, whatever stands between fillers."""
    everything, less = Medical()(said), Medical(fillers=False)(said)
    kept = [row for row in zip(*everything) if row[0] not in KNOWN.fillers]
    assert kept == list(zip(*less))


@settings(deadline=None)
@given(words, st.booleans(), st.booleans(), st.booleans())
def test_what_is_rewritten_covers_all_but_fillers(said, fillers, compounds, spelling):
    found = rewritten(said, fillers=fillers, compounds=compounds, spelling=spelling)
    spans = [range(first, last) for _, first, last in found]
    covered = [n for span in spans for n in span]
    assert covered == sorted(set(covered))
    assert {said[n] for n in range(len(said)) if n not in covered} <= (set() if fillers else KNOWN.fillers)


def test_many_recordings_are_compared_as_few_are():
    """Above so many, groups of recordings are drawn: the interval is that of the normal approximation."""
    rng = np.random.default_rng(0)
    size = 10 * LARGE
    words = rng.integers(20, 60, size)
    one, other = (rng.binomial(words, rng.beta(2, 8, size)) for _ in range(2))
    parts = tuple(pd.DataFrame({"errors": errors, "words": words}) for errors in (one, other + 1))
    for paired in (True, False):
        [row] = _differences([parts], paired, 0.95, 2000)
        gap = (one - other - 1) - (one.sum() - other.sum() - size) / words.sum() * words
        if paired:
            spread = np.sqrt((gap**2).sum()) / words.sum()
            assert (row["high"] - row["low"]) / 2 == pytest.approx(1.96 * spread, rel=0.1)
        assert row["difference"] == pytest.approx((one.sum() - other.sum() - size) / words.sum())
        assert row["low"] < row["difference"] < row["high"] < 0
        assert row["p"] == pytest.approx(2 / 2001)
