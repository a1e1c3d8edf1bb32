"""Fillers, compounds and spelling: named in text, shown beside the rate, told where a verdict turns."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import medtx
from medtx.cli import main
from medtx.errors import InputError
from medtx.scoring.medical import Medical
from medtx.scoring.normalize import Plain

WORDS = "um uh umm erm uh-huh mm-hm no pain hay fever hayfever mum mom oedema edema fifty mg check up".split()
TEXT = st.lists(st.sampled_from(WORDS), max_size=12).map(" ".join)


@pytest.mark.parametrize(
    ("text", "normalizer"),
    [
        ("medical, fillers=False", Medical(fillers=False)),
        ("Medical,FILLERS = no", Medical(fillers=False)),
        ("medical, compounds=False, spelling=False", Medical(compounds=False, spelling=False)),
        ("plain, fillers=False, spelling=True", Plain(fillers=False, spelling=True)),
    ],
)
def test_a_normaliser_is_named_with_its_options(text, normalizer):
    said = {"a": "Um, my mum has hay fever and oedema."}
    heard = {"a": "my mom has hayfever and edema"}
    one, other = (medtx.align(said, heard, normalize=n) for n in (text, normalizer))
    assert one.normalize == other.normalize
    assert one.pairs.equals(other.pairs)
    assert medtx.align(said, heard, normalize=one.normalize).pairs.equals(one.pairs)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("medcal, fillers=False", "did you mean"),
        ("medical, filler=False", "did you mean 'fillers"),
        ("medical, fillers=maybe", "expected fillers=True or fillers=False"),
        ("medical, fillers=False, fillers=True", "given twice"),
        ("none, fillers=False", "none has no options"),
    ],
)
def test_an_option_that_is_not_one_is_refused(text, message):
    with pytest.raises(InputError, match=message):
        medtx.align({"a": "no"}, {"a": "no"}, normalize=text)


@pytest.mark.parametrize(
    ("normalize", "without"),
    [("plain", "plain, fillers=False"), ("medical", "medical, fillers=False")],
)
@settings(max_examples=60)
@given(st.lists(st.tuples(TEXT, TEXT), min_size=1, max_size=4))
def test_the_rate_without_fillers_is_that_of_such_an_alignment(normalize, without, texts):
    refs, hyps = ({f"r{n}": pair[side] for n, pair in enumerate(texts)} for side in (0, 1))
    beside = medtx.align(refs, hyps, normalize=normalize).rates(replicates=10)["wer_without_fillers"]
    anew = medtx.align(refs, hyps, normalize=without).rates(replicates=10)["wer"]
    assert beside.tolist() == pytest.approx(anew.tolist(), nan_ok=True)


def test_answers_are_no_fillers():
    for normalize in ("plain, fillers=False", "medical, fillers=False"):
        total = medtx.align({"a": "uh-huh um mm-hm"}, {"a": ""}, normalize=normalize).rates().loc["TOTAL"]
        assert total["deletions"] >= 2


def test_a_verdict_that_turns_with_fillers_says_so():
    """One engine writes every "um", the other none, and has fewer other errors."""
    refs = {f"r{n}": "um any chest pain um at night um or cough today um " * 3 for n in range(12)}
    one = {n: t.replace("cough", "coffee", 1 + int(n[1:]) % 2) for n, t in refs.items()}
    other = {
        n: t.replace("um ", "") if int(n[1:]) % 3 else t.replace("um ", "").replace("night", "light", 1)
        for n, t in refs.items()
    }
    table = medtx.compare({"with": medtx.align(refs, one), "without": medtx.align(refs, other)})
    assert "with has a lower WER than without" in table["verdict"].item()
    assert "with fillers left out: without has a lower WER than with" in table["turns"].item()
    same = medtx.compare({"with": medtx.align(refs, one), "again": medtx.align(refs, one)})
    assert same["turns"].tolist() == [""]


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("hay fever", "hayfever"),
        ("check-up", "checkup"),
        ("my mum", "my mom"),
        ("oedema of the oesophagus", "edema of the esophagus"),
    ],
)
def test_the_same_word_written_otherwise(one, other):
    for normalize in ("medical", "plain, compounds=True, spelling=True"):
        assert medtx.align({"a": one}, {"a": other}, normalize=normalize).rates().loc["TOTAL", "wer"] == 0
    apart = medtx.align({"a": one}, {"a": other}, normalize="none").rates().loc["TOTAL", "wer"]
    assert apart > 0


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("in active", "inactive"),
        ("a symptomatic patient", "asymptomatic patient"),
        ("able to walk", "unable to walk"),
        ("two mg", "20 mg"),
        ("one five mg", "1.5 mg"),
        ("hypo tension", "hypertension"),
    ],
)
def test_no_convention_makes_what_differs_the_same(one, other):
    for normalize in ("medical", "plain, fillers=False, compounds=True, spelling=True"):
        assert medtx.align({"a": one}, {"a": other}, normalize=normalize).rates().loc["TOTAL", "wer"] > 0


def test_the_command_line_takes_the_same_text(tmp_path, capsys):
    for side, text in (("ref", "um no pain"), ("hyp", "no pain")):
        (tmp_path / side).mkdir()
        (tmp_path / side / "visit.txt").write_text(text)
    main(["score", str(tmp_path / "hyp"), str(tmp_path / "ref"), "--normalize", "plain, fillers=False"])
    assert " 0.0 " in capsys.readouterr().out
