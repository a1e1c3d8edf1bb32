"""Recordings whose names differ: renamed when read, paired when aligned, proposed where they do not meet."""

import json
import warnings

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import medtx
from medtx.cli import main
from medtx.errors import InputError, ReadError
from medtx.scoring.pairing import propose, spelling

TEXTS = {"visit1": "no fever today", "visit2": "takes aspirin", "visit3": "denies chest pain"}


def called(names):
    """The same texts under other names."""
    return dict(zip(names, TEXTS.values()))


HYP = called([f"{name}_hyp" for name in TEXTS])


@pytest.mark.parametrize(
    "names",
    [
        "{name}_hyp",
        lambda name: name.removesuffix("_hyp"),
        {f"{name}_hyp": name for name in TEXTS},
        {name: f"{name}_hyp" for name in TEXTS},  # the other way round
        pd.Series({f"{name}_hyp": name for name in TEXTS}),
        pd.DataFrame({"recording": list(HYP), "reference": list(TEXTS), "site": "north"}),
        pd.DataFrame({"this": list(HYP), "that": list(TEXTS)}),
        (None, "{name}_hyp"),
    ],
)
def test_names_pair_what_is_named_differently(names):
    a = medtx.align(references=TEXTS, hypotheses=HYP, names=names)
    assert list(a) == list(TEXTS)
    assert a.rates().loc["TOTAL", "wer"] == 0
    assert not a.only_hypothesis
    assert not a.only_reference
    table = medtx.cpwer(references=TEXTS, hypotheses=HYP, names=names)
    assert table.loc["TOTAL", "reference_words"] == 8


def test_a_pattern_may_be_the_references_or_both_sides():
    gold = called([f"{name}_gold" for name in TEXTS])
    assert list(medtx.align(references=gold, hypotheses=TEXTS, names="{name}_gold")) == list(TEXTS)
    both = ("{name}_gold", "{name}_hyp")
    assert list(medtx.align(references=gold, hypotheses=HYP, names=both)) == list(TEXTS)
    cut = lambda name: name.split("_")[0]  # noqa: E731
    assert list(medtx.align(references=gold, hypotheses=HYP, names=cut)) == list(TEXTS)


def test_other_words_in_braces_are_left_out():
    dated = called(["visit1_20240101", "visit2_20240215", "visit3_20240301"])
    assert list(medtx.align(references=TEXTS, hypotheses=dated, names="{name}_{date}")) == list(TEXTS)


def test_a_column_of_the_metadata_names_the_reference(tmp_path):
    for name, said in HYP.items():
        (tmp_path / f"{name}.txt").write_text(said)
    files = [f"refs/{name}.txt" for name in TEXTS]
    metadata = pd.DataFrame({"recording": list(HYP), "reference_file": files, "site": "north"})
    hyp = medtx.read(tmp_path, metadata=metadata)
    a = medtx.align(references=TEXTS, hypotheses=hyp, names="reference_file")
    assert list(a) == list(TEXTS)
    assert set(a.recordings["site"]) == {"north"}
    ref = medtx.from_text(TEXTS)
    named = ref.recordings.assign(result=list(HYP))
    ref = medtx.Transcripts(recordings=named, words=ref.words, segments=ref.segments)
    assert len(medtx.align(references=ref, hypotheses=HYP, names="result")) == 3


@pytest.mark.parametrize(
    "names",
    [
        ["Visit1", "VISIT2", "visit3"],
        ["visit1.wav", "visit2.wav.json", "visit3"],
        ["wards/a/visit1", "wards/b/visit2", "C:\\data\\visit3.wav"],
        ["visit 1", "visit-2", "visit_3"],
        ["visit01", "visit002", "visit3"],
    ],
)
def test_alike_names_differ_in_spelling_only(names):
    hyp = called(names)
    assert list(medtx.align(references=TEXTS, hypotheses=hyp, names="alike")) == list(TEXTS)
    if not set(names) & set(TEXTS):
        with pytest.raises(InputError, match="did you mean names="):
            medtx.align(references=TEXTS, hypotheses=hyp)


def test_alike_refuses_what_is_like_two():
    refs = {"visit 1": "no fever", "visit_1": "no pain"}
    with pytest.raises(InputError, match=r"'Visit-1' is like 'visit 1' and like 'visit_1'"):
        medtx.align(references=refs, hypotheses={"Visit-1": "no fever"}, names="alike")
    assert spelling("visit_1_2") != spelling("visit_12")


def test_two_recordings_never_share_a_name(tmp_path):
    for name in ("visit_a", "visit_b"):
        (tmp_path / f"{name}.txt").write_text("no fever")
    with pytest.raises(InputError, match=r"'visit_a' and 'visit_b' the same name 'visit'.*merge"):
        medtx.read(tmp_path, names="{name}_{take}")
    with pytest.raises(InputError, match="the hypothesis 'a_1' and 'a_2' the same name 'a'"):
        medtx.align(references={"a": "x"}, hypotheses={"a_1": "x", "a_2": "x"}, names="{name}_{n}")
    with pytest.raises(InputError, match="the hypothesis 'h' with more than one reference"):
        medtx.align(references={"a": "x", "b": "y"}, hypotheses={"h": "x"}, names={"a": "h", "b": "h"})


def test_read_renames_every_table():
    result = {
        "jobName": "visit1_hyp",
        "status": "COMPLETED",
        "results": {
            "transcripts": [{"transcript": "Hello"}],
            "items": [
                {
                    "start_time": "0.5",
                    "end_time": "0.9",
                    "type": "pronunciation",
                    "alternatives": [{"content": "Hello", "confidence": "0.98"}],
                }
            ],
        },
    }
    t = medtx.read(result, names="{name}_hyp")
    assert list(t) == ["visit1"]
    for table in t.tables().values():
        if "recording" in table and len(table):
            assert set(table["recording"]) == {"visit1"}
    assert t.text("visit1") == "Hello"


@pytest.mark.parametrize("key", ["{name}", "{name}_hyp"])
def test_metadata_may_hold_the_new_names_or_the_old(tmp_path, key):
    for name, said in HYP.items():
        (tmp_path / f"{name}.txt").write_text(said)
    recordings = [key.replace("{name}", name) for name in TEXTS]
    metadata = pd.DataFrame({"recording": recordings, "site": ["n", "s", "w"], "nick": ["a", "b", "c"]})
    t = medtx.read(tmp_path, metadata=metadata, names="{name}_hyp")
    assert t.recordings.set_index("recording")["site"].to_dict() == {
        "visit1": "n",
        "visit2": "s",
        "visit3": "w",
    }
    if key == "{name}_hyp":
        assert list(medtx.read(tmp_path, metadata=metadata, names="nick")) == ["a", "b", "c"]


@pytest.mark.parametrize(
    ("names", "problem"),
    [
        ("{nam}_hyp", "expected a pattern with {name} in it once"),
        ("{name}{name}", "expected a pattern with {name} in it once"),
        ("{name", "expected a pattern with {name} in it once"),
        ("{name}_gold", "fits none of these 3 recordings, such as 'visit1_hyp'"),
        ("engin", "did you mean 'engine'"),
        ({"vist1_hyp": "a"}, "holds none of these 3 recordings.*did you mean 'visit1_hyp'"),
        ({"visit1_hyp": None}, "gives 'visit1_hyp' None as its new name"),
        ({"visit1_hyp": " "}, "gives 'visit1_hyp' text as its new name, not a name"),
        (lambda name: name[99], "cannot be used on 'visit1_hyp': IndexError"),
        (3, "names is a number: expected a mapping"),
        (["a", "b"], "names is a list: expected a mapping"),
    ],
)
def test_names_that_cannot_be_used_are_refused(names, problem):
    with pytest.raises(InputError, match=problem):
        medtx.from_text(HYP).rename(names)


def test_names_that_pair_nothing_are_refused():
    with pytest.raises(InputError, match=r"names='{name}_x' pairs nothing.*names='{name}_hyp'"):
        medtx.align(references=TEXTS, hypotheses=HYP, names="{name}_x")
    with pytest.raises(InputError, match="neither a hypothesis nor a reference: did you mean 'visit1'"):
        medtx.align(references=TEXTS, hypotheses=TEXTS, names={"vist1": "x"})
    with pytest.raises(InputError, match=r"not a column of recordings.*did you mean 'alike'"):
        medtx.align(references=TEXTS, hypotheses=HYP, names="alik")


PROPOSED = [
    (["visit1_hyp", "visit2_hyp"], ["visit1", "visit2"], "'{name}_hyp'", 2),
    (["visit1hyp"], ["visit1"], "'{name}hyp'", 1),
    (["job-visit1", "job-visit2"], ["visit1", "visit2"], "'job-{name}'", 2),
    (["visit1"], ["gold_visit1"], "'gold_{name}'", 1),
    (["visit1_20240101", "visit2_20240215"], ["visit1", "visit2"], "'{name}_{rest}'", 2),
    (["v1_hyp", "v2_hyp"], ["v1_ref", "v2_ref"], "('{name}_ref', '{name}_hyp')", 2),
    (["a/visit1.wav", "b/visit2.wav"], ["visit1", "visit2"], "'alike'", 2),
    (["Visit 1", "Visit 2"], ["visit_1", "visit_2"], "'alike'", 2),
    (["vist12", "visitt13"], ["visit12", "visit13"], "{'vist12': 'visit12', 'visitt13': 'visit13'}", 2),
]


@pytest.mark.parametrize(("hyps", "refs", "names", "count"), PROPOSED)
def test_the_nearest_pairs_are_proposed_as_they_are_written(hyps, refs, names, count):
    found = propose(refs, hyps)
    assert found.names == names
    assert len(found.pairs) == count
    texts = {ref: f"text of {n}" for n, ref in enumerate(refs)}
    said = dict(zip(hyps, texts.values()))
    with pytest.raises(InputError) as error:
        medtx.align(references=texts, hypotheses=said)
    assert f"did you mean names={names}? It pairs" in str(error.value)
    a = medtx.align(references=texts, hypotheses=said, names=eval(names))  # what is proposed works
    assert len(a) == count
    assert a.rates().loc["TOTAL", "wer"] == 0


@pytest.mark.parametrize(
    ("hyps", "refs"),
    [
        (["visit7", "visit8"], ["visit9", "visit10"]),
        (["ward_a", "ward_b"], ["ward_c", "ward_d"]),
        (["day1_patient3"], ["day2_patient3"]),
        (["cardiology"], ["a"]),
    ],
)
def test_nothing_is_proposed_for_names_of_others(hyps, refs):
    assert propose(refs, hyps) is None


def test_recordings_left_over_are_told_where_a_partner_seems_there():
    refs, hyps = TEXTS | {"visit4": "no cough"}, TEXTS | {"visit4_hyp": "no cough"}
    with pytest.warns(UserWarning, match=r"names='{name}_hyp'\? It pairs 'visit4_hyp' with 'visit4'"):
        a = medtx.align(references=refs, hypotheses=hyps)
    assert a.only_hypothesis == ["visit4_hyp"]
    assert a.only_reference == ["visit4"]
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        medtx.align(references=TEXTS | {"visit8": "x"}, hypotheses=TEXTS | {"visit9": "x"})
        medtx.align(references=TEXTS | {"visit8": "x"}, hypotheses=TEXTS)


def test_many_names_are_proposed_for():
    refs = [f"patient_{n:05}_visit" for n in range(5000)]
    found = propose(refs, [f"{name}_hyp" for name in refs])
    assert found.names == "'{name}_hyp'"
    assert len(found.pairs) == 5000


WORDS = st.text(alphabet="abcXYZ019_- .", min_size=1, max_size=12).filter(lambda s: s.strip())


@settings(deadline=None, max_examples=25)
@given(st.lists(WORDS, min_size=1, max_size=8, unique=True), st.sampled_from(["_hyp", ".out", "-x"]))
def test_as_many_recordings_come_out_as_went_in(names, suffix):
    t = medtx.from_text({f"{name}{suffix}": "no fever" for name in names})
    renamed = t.rename(f"{{name}}{suffix}")
    assert list(renamed) == names
    assert len(renamed.words) == len(t.words)
    refs = dict.fromkeys(names, "no fever")
    assert list(medtx.align(references=refs, hypotheses=t, names=f"{{name}}{suffix}")) == names


def test_entities_are_scored_under_names_that_differ():
    said = medtx.entities(medtx.from_text({"visit": "takes warfarin 5 mg daily"}))
    heard = medtx.entities(medtx.from_text({"visit_hyp": "takes warfarin 50 mg daily"}))
    score = medtx.score_entities(said, heard, names="{name}_hyp")
    assert score.table["change"].tolist() == ["dose"]
    assert set(score.table["recording"]) == {"visit"}


def test_names_on_the_command_line(tmp_path, capsys):
    for folder, texts in (("ref", TEXTS), ("hyp", HYP)):
        (tmp_path / folder).mkdir()
        for name, said in texts.items():
            (tmp_path / folder / f"{name}.txt").write_text(said)
    ref, hyp = str(tmp_path / "ref"), str(tmp_path / "hyp")
    table = tmp_path / "names.csv"
    table.write_text("result,reference\n" + "".join(f"{name}_hyp,{name}\n" for name in TEXTS))
    for names in (["{name}_hyp"], [str(table)], ["{name}", "{name}_hyp"]):
        options = [part for one in names for part in ("--names", one)]
        main(["score", hyp, ref, "--format", "json", *options])
        assert json.loads(capsys.readouterr().out)["TOTAL"]["recordings"] == 3
    with pytest.raises(SystemExit):
        main(["score", hyp, ref])
    assert "did you mean names='{name}_hyp'?" in capsys.readouterr().err
    main(["read", hyp, "--names", "{name}_hyp", "--csv", str(tmp_path / "out")])
    assert pd.read_csv(tmp_path / "out" / "recordings.csv")["recording"].tolist() == list(TEXTS)


def test_a_file_of_names_that_is_no_table_is_refused(tmp_path, capsys):
    from medtx.names import load_names

    (tmp_path / "wide.csv").write_text("a,b,c\n1,2,3\n")
    with pytest.raises(ReadError, match="expected two columns"):
        load_names(str(tmp_path / "wide.csv"))
    with pytest.raises(ReadError, match=r"gone\.csv: cannot be read: No such file"):
        load_names(str(tmp_path / "gone.csv"))
