"""Texts that are read many at once are the same tables as those that are read one by one."""

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import medtx
from medtx.errors import InputError
from medtx.reading.build import Builder
from medtx.reading.references import Utterance, recording
from medtx.transcripts import Transcripts

BLANKS = " \t\n\r\v\f\x1c\x1d\x1e\x1f\x85\xa0\u1680\u2003\u2028\u2029\u202f\u205f\u3000\u200b\ufeff"
"""All that Python takes for a blank or for the end of a line, and two that it does not."""

texts = st.dictionaries(
    st.text("ab-é1 ", max_size=3),
    st.text(st.sampled_from(BLANKS) | st.sampled_from("ab.,é\U0001f600"), max_size=25),
    max_size=6,
)


def one_by_one(said: dict[str, str]) -> Transcripts:
    builder = Builder()
    for name, text in said.items():
        lines = (Utterance(line) for line in text.splitlines() if line.strip())
        builder.add(recording(lines, name), name=name)
    return builder.transcripts()


def same(one: Transcripts, other: Transcripts) -> None:
    for name, table in one.tables().items():
        pd.testing.assert_frame_equal(table, other.tables()[name], check_exact=True)
        for column, values in table.items():
            if isinstance(values.dtype, pd.CategoricalDtype):
                assert values.cat.codes.dtype == other.tables()[name][column].cat.codes.dtype


@settings(deadline=None, max_examples=200)
@given(texts)
def test_every_table_is_the_same(said):
    same(medtx.from_text(said), one_by_one(said))


@pytest.mark.parametrize("count", [127, 128, 129, 300])
def test_many_recordings_are_the_same(count):
    said = {f"r{n}": "no chest pain\n\nnow" * (n % 3) for n in range(count)}
    same(medtx.from_text(said), one_by_one(said))


def test_words_are_what_python_splits():
    said = {"a": BLANKS.join("chest"), "b": " \u3000 ", "c": "\ud800 pain"}
    t = medtx.from_text(said)
    words = t.words.groupby("recording", observed=False)["content"].agg(list)
    assert words["a"] == said["a"].split()
    assert words["b"] == []
    assert words["c"] == ["?", "pain"]  # half of a character, as broken JSON holds it


def test_names_that_are_no_text_are_told_apart():
    assert medtx.from_text({1: "a", "1": "b"}).recordings["recording"].tolist() == ["1", "1#2"]
    assert medtx.from_text({1: "a", 2: "b"}).recordings["recording"].tolist() == ["1", "2"]


def test_what_is_no_text_is_refused_by_name():
    with pytest.raises(InputError, match="recording 'b' has int"):
        medtx.from_text({"a": "x", "b": 5})
