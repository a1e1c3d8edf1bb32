"""Many texts at once are read as each by itself would be."""

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

import medtx
from medtx.reading.build import Builder
from medtx.reading.bulk import of_lines
from medtx.reading.utterances import Utterance, recording

BLANKS = " \t\u00a0\u2003\u3000\x1f"
SAID = st.text(st.sampled_from("ab\u00e9\U0001d11e.,\n\r\x0b\x0c\x1c\x85\u2028" + BLANKS), max_size=20)


def one_by_one(texts: dict[str, str]) -> medtx.Transcripts:
    builder = Builder()
    for name, said in texts.items():
        lines = (Utterance(line) for line in said.splitlines() if line.strip())
        builder.add(recording(lines, name), name=name)
    return builder.transcripts()


@given(st.dictionaries(st.text(st.sampled_from("ab1 "), min_size=1, max_size=4), SAID, max_size=6))
def test_all_at_once_equals_one_by_one(texts):
    slow, quick = one_by_one(texts), of_lines({name: said.splitlines() for name, said in texts.items()})
    for name, table in slow.tables().items():
        pd.testing.assert_frame_equal(quick.tables()[name], table, obj=name)


@pytest.mark.parametrize("labelled", [{}, {"b": "D: Any pain?\nP: No."}])
def test_texts_with_and_without_speakers_come_together(labelled):
    t = medtx.from_text({"a": "no fever: 38", **labelled, "c": "cough"})
    assert t.text("a") == "no fever: 38"
    assert t.text("c") == "cough"
    assert t.words["speaker"].dropna().unique().tolist() == (["D", "P"] if labelled else [])
