"""The medical normaliser: what means the same becomes the same, what could harm never does."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

import medtx
from medtx.scoring.medical import Medical
from medtx.scoring.rules import rules
from tests.conftest import ROOT, job

MEDICAL = Medical()


def pairs(name: str) -> list[list[str]]:
    text = (ROOT / "tests" / "data" / f"{name}.tsv").read_text(encoding="utf-8")
    return [line.split("\t") for line in text.splitlines() if line and not line.startswith("#")]


def tokens(text: str) -> list[str]:
    return MEDICAL(text.split()).text


def test_the_suite_is_as_large_as_it_should_be():
    assert len(pairs("same")) >= 350
    assert len(pairs("different")) >= 350


def test_nearly_all_that_mean_the_same_become_the_same():
    """What is still missed must be harmless, and is written here."""
    missed = [said for said, written in pairs("same") if tokens(said) != tokens(written)]
    assert missed == [
        "one hundred milliliters of omnipaque three fifty",
        "grade four vesico-ureteral reflux",
        "cranial nerves two through twelve are intact",
        "strength is five out of five throughout",
        "she had a t i a in march of twenty nineteen",
        "mini mental state exam twenty eight out of thirty",
        "t two n one m zero",
        "e r positive p r positive her two negative",
        "s u v max of eight point seven",
    ]


@pytest.mark.parametrize(("one", "other"), pairs("different"))
def test_different(one, other):
    assert tokens(one) != tokens(other)


ONES = "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen".split()
ONES += "sixteen seventeen eighteen nineteen".split()
TENS = "twenty thirty forty fifty sixty seventy eighty ninety".split()


def spelled(n: int) -> str:
    """A number in words, as it is dictated."""
    if n < 20:
        return ONES[n]
    if n < 100:
        return TENS[n // 10 - 2] + (f" {ONES[n % 10]}" if n % 10 else "")
    if n < 1000:
        return f"{ONES[n // 100]} hundred" + (f" {spelled(n % 100)}" if n % 100 else "")
    size, name = (1000, "thousand") if n < 10**6 else (10**6, "million")
    return f"{spelled(n // size)} {name}" + (f" {spelled(n % size)}" if n % size else "")


@given(st.integers(0, 10**9 - 1))
def test_every_number_in_words_is_its_digits(n):
    assert tokens(spelled(n)) == tokens(str(n)) == tokens(f"{n:,}") == [str(n)]


@given(st.integers(0, 999), st.text("0123456789", min_size=1, max_size=3))
def test_every_decimal_in_words_is_its_digits(whole, decimals):
    said = f"{spelled(whole)} point {' '.join(ONES[int(d)] for d in decimals)} mg"
    assert tokens(said) == tokens(f"{whole}.{decimals} mg")


doses = st.decimals(0, 5000, places=3).map(lambda d: f"{d.normalize():f}")


@given(doses, doses)
def test_no_two_doses_become_the_same(one, other):
    if float(one) != float(other):
        assert tokens(f"take {one} mg") != tokens(f"take {other} mg")


number = st.integers(1, 300)


@given(st.lists(number, min_size=1, max_size=4), st.lists(number, min_size=1, max_size=4))
def test_runs_of_numbers_in_words_are_not_confused(one, other):
    """However numbers follow each other, other numbers do not become the same without a context."""
    for word in (" mg and ", " to ", " of "):
        said, heard = word.join(map(spelled, one)), word.join(map(str, other))
        assert (tokens(said) == tokens(heard)) == (one == other)


said_words = st.lists(
    st.sampled_from(
        [
            *rules().kind,
            *rules().units,
            *rules().contexts,
            *rules().words,
            *(word for rows in rules().phrases.values() for said, _ in rows for word in said),
            *"120/80 5-10 .5 1,000 -5 98.6F L4-5 $1.15 3/3/2024 8:30 a A1c x3 2+ mg/dL".split(),
            *", . - / o'clock über é 5'10\"".split(),
            *"point over and minus percent dollars cents a pain o l c at of".split(),
        ]
    ),
    max_size=25,
)


@given(said_words, st.booleans(), st.booleans())
def test_every_token_knows_its_words_and_no_word_is_lost(words, fillers, marks):
    found = Medical(fillers=fillers, spoken_punctuation=marks)(words)
    spans = list(zip(found.start, found.stop))
    assert all(0 <= start < stop <= len(words) for start, stop in spans)
    assert spans == sorted(spans)
    assert all(text and text == text.lower() and " " not in text for text in found.text)
    if fillers and not marks:
        covered = {i for start, stop in spans for i in range(start, stop)}
        assert not [w for i, w in enumerate(words) if i not in covered and any(c.isalnum() for c in w)]
    assert found == Medical(fillers=fillers, spoken_punctuation=marks)(words)


@given(said_words)
def test_what_is_normalised_stays_as_it_is_when_signs_and_letters_are_settled(words):
    """Twice is as good as once, but for what reads anew: letters and numbers that came to stand together."""
    once = MEDICAL(words).text
    twice = MEDICAL(once).text
    assert MEDICAL(twice).text == MEDICAL(MEDICAL(twice).text).text or len(twice) <= len(once)


def test_the_way_back_to_the_raw_words():
    a = medtx.align(
        {"visit": "Blood pressure one twenty over eighty, give five hundred milligrams of ampicillin."},
        {"visit": "BP 120/80. Give 500mg of amoxicillin"},
        normalize="medical",
    )
    assert a.pairs["op"].tolist() == ["equal"] * 6 + ["substitute"]
    assert a.pairs["position"].tolist() == [0, 1, 2, 3, 3, 4, 5]
    assert a.pairs["reference_position"].tolist() == [0, 2, 6, 7, 9, 10, 11]
    rates = a.rates()
    assert rates.loc["TOTAL", "wer"] == pytest.approx(1 / 7)


def test_confidences_of_several_words_are_the_least():
    words = [("five", 0.9), ("hundred", 0.4), ("milligrams", 0.8)]
    a = medtx.align({"visit": "500 mg"}, medtx.read(job(*words)), normalize="medical")
    assert a.pairs["confidence"].tolist() == [0.4, 0.8]
    assert a.pairs["start"].tolist() == [0.0, 1.0]
    assert a.pairs["end"].tolist() == [0.9, 1.4]


def test_fillers_and_spoken_marks_are_options():
    assert tokens("um no uh mm-hm") == ["um", "no", "uh", "mmhm"]
    assert Medical(fillers=False)("um no uh mm-hm".split()).text == ["no", "mmhm"]
    said = "no fever full stop new line next comma".split()
    assert MEDICAL(said).text == said
    assert Medical(spoken_punctuation=True)(said).text == ["no", "fever", "next"]


def test_the_tables_do_not_contradict_themselves():
    known = rules()
    for said, written in known.words.items():
        assert written, said
        for word in written:
            assert known.words.get(word, (word,)) in ((word,), written), (said, word)
    for rows in known.phrases.values():
        sizes = [len(said) for said, _ in rows]
        assert all(a >= b for a, b in pairwise(sizes))
        assert len({said for said, _ in rows}) == len(rows)
