"""Tables of texts: as many recordings come out as rows went in, or a refusal names the line."""

import csv
import io
import json
from concurrent.futures import ProcessPoolExecutor

import pandas as pd
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

import medtx
from medtx.errors import ReadError
from medtx.reading.manifests import manifest
from medtx.reading.told import collected

LF = "\n"


def put(folder, name, text):
    (folder / name).write_text(text, newline="")
    return folder / name


def texts(path, **options):
    return medtx.read(path, **options).text().to_dict()


def segments(path, **options):
    t = medtx.read(path, **options).segments
    return t[["recording", "start", "end", "transcript"]].astype(object).to_numpy().tolist()


def test_a_quotation_mark_in_a_tsv_swallows_no_row(tmp_path):
    path = put(tmp_path, "a.tsv", 'path\tsentence\na.wav\t"Well, she said\nb.wav\tthen "no"\nc.wav\tend"\n')
    assert texts(path) == {"a": '"Well, she said', "b": 'then "no"', "c": 'end"'}


@pytest.mark.parametrize("quoting", [csv.QUOTE_MINIMAL, csv.QUOTE_ALL])
@pytest.mark.parametrize("mark", ["\t", ",", ";"])
def test_tables_as_pandas_writes_them(tmp_path, quoting, mark):
    said = {"a": 'say "ah", once', "b": "two; parts, \t three", "c": "", "d": "NA", "e": "null"}
    table = pd.DataFrame({"id": list(said), "text": list(said.values())})
    table.to_csv(tmp_path / "a.tsv", sep=mark, index=False, quoting=quoting)
    assert texts(tmp_path / "a.tsv") == {name: " ".join(text.split()) for name, text in said.items()}


def test_lines_inside_quotes(tmp_path):
    path = put(tmp_path, "a.csv", 'id,text\r\na,"D: any pain?\r\nP: no."\r\nb,x\r\n')
    t = medtx.read(path)
    assert t.segments["speaker"].astype(object).fillna("").tolist() == ["D", "P", ""]


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("a.csv", "a.wav,hello\nb.wav,hi\n", "line 1: expected a header with a recording"),
        ("a.csv", "0,5,hello\n5,9,there\n", "line 1: expected a header with a recording"),
        ("a.tsv", "a.wav\thello\n", "line 1: expected a header with a recording"),
        ("a.csv", "id,text\n", "line 1: expected rows below the header, found none"),
        ("a.csv", "\n \n", "expected a header and rows"),
        ("a.csv", "id,text\na,x\n\nb\n", "line 4: expected 2 fields as in the first row, found 1"),
        ("a.tsv", "id\ttext\na\tx\tmore\n", "line 2: expected 2 fields as in the first row, found 3"),
        ("a.csv", 'id,text\na,"not closed\nb,x\n', "line 2: expected quotation marks in pairs"),
        (
            "a.csv",
            'id,text\nv1,"closed\nv2,later"\nv3,x\n',
            "line 2: a quotation mark is closed in a later row",
        ),
        ("a.csv", "id,text\n,x\n", "line 2: expected in each row a recording"),
        ("a.csv", "id,text,text\na,x,y\n", "line 1: expected each column once"),
        ("a.csv", "id,text\na,x\na,y\n", "line 3: expected each recording once, or with a start"),
        ("a.csv", "id,start,end,text\na,x,1,y\n", "line 2: expected seconds or a time"),
        ("a.csv", "id,start,end,text\na,0,4000,take two\n", "line 2: times look like milliseconds: name"),
        ("a.txt", "a\tx\nb\ty\nc z\n", "line 3: expected recording, tab and text as in most lines"),
        (
            "a.jsonl",
            '{"audio_filepath": "a", "text": "x"}\n{"audio_filepath": "b"}',
            "entry 2: expected in each",
        ),
        ("a.json", '{"audio_filepath": "a", "text": null}', "entry 1: expected in each row"),
        ("a.xlsx", "PK", "is an Excel table: save it as .csv"),
    ],
)
def test_what_would_lose_a_row_is_refused_with_its_line(tmp_path, name, text, message):
    with pytest.raises(ReadError, match=message):
        medtx.read(put(tmp_path, name, text))


def test_times_make_rows_utterances(tmp_path):
    want = [["a", 0.0, 2.0, "take two"], ["a", 2.0, 4.5, "tablets daily"]]
    rows = [("take two", 0, 2), ("tablets daily", 2, 4.5)]
    whisper = "start\tend\ttext\n0\t2000\ttake two\n2000\t4500\ttablets daily\n"  # milliseconds
    assert segments(put(tmp_path, "a.tsv", whisper)) == want
    assert segments(put(tmp_path, "a.csv", '0.0,2.0,"take two"\n2.0,4.5,tablets daily\n')) == want
    assert (
        segments(put(tmp_path, "a.txt", "0.0\t2.0\ttake two\n2.0\t4.5\ttablets daily\n")) == want
    )  # Audacity
    named = "file,Start (s),End (s),transcript\na.wav,0,2,take two\na.wav,0:02.0,0:04.5,tablets daily\n"
    assert segments(put(tmp_path, "b.csv", named)) == want
    in_ms = "file,start_ms,end_ms,text\na.wav,0,2000,take two\na.wav,2000,4500,tablets daily\n"
    assert segments(put(tmp_path, "b.csv", in_ms)) == want
    nemo = [{"audio_filepath": "a.wav", "offset": s, "duration": e - s, "text": text} for text, s, e in rows]
    assert segments(put(tmp_path, "b.json", LF.join(map(json.dumps, nemo)))) == want
    assert segments(put(tmp_path, "b.json", json.dumps(nemo))) == want
    assert [row[1:] for row in segments(nemo)] == [row[1:] for row in want]


def test_speakers_of_a_table(tmp_path):
    path = put(tmp_path, "a.csv", "start,end,speaker,text\n0.5,1.5,D,hello\n2,3,P,hi\n")
    assert medtx.read(path).words["speaker"].tolist() == ["D", "P"]


def test_names_are_told_apart(tmp_path):
    def names(paths):
        rows = "".join(f"{path},x\n" for path in paths)
        return list(texts(put(tmp_path, "a.csv", f"path,text\n{rows}")))

    assert names(["p1/001.wav", "p2/001.wav", "q/b.flac"]) == ["p1/001", "p2/001", "b"]
    assert names([r"C:\p1\x.wav", r"C:\p2\x.wav"]) == ["p1/x", "p2/x"]
    assert names(["a.wav", "a.mp3"]) == ["a.wav", "a.mp3"]
    assert names(["v.1", "v.2"]) == ["v.1", "v.2"]


@pytest.mark.parametrize("column", ["pred_text", "hypothesis", "asr", "Recognised text", "whisper_pred"])
def test_recognised_text_beside_references_is_told_and_read(tmp_path, column):
    rows = [{"id": "a", "text": "take two", column: "take too"}, {"id": "b", "text": "x", column: "y"}]
    pd.DataFrame(rows).to_csv(tmp_path / "a.csv", index=False)
    for path in (tmp_path / "a.csv", put(tmp_path, "a.jsonl", LF.join(map(json.dumps, rows)))):
        with pytest.warns(UserWarning, match=f"recognised text stands beside.*column={column!r}"):
            references = medtx.read(path)
        hypotheses = medtx.read(path, column=column)
        assert hypotheses.text().tolist() == ["take too", "y"]
        rates = medtx.align(references=references, hypotheses=hypotheses).rates()
        assert rates["wer"].iloc[0] == 2 / 3
        with pytest.raises(ReadError, match="no column 'hyp_text': it has id, text"):
            medtx.read(path, column="hyp_text")


def test_a_table_of_recognised_text_only(tmp_path):
    assert texts(put(tmp_path, "a.csv", "id,hypothesis\na,take too\n")) == {"a": "take too"}


def test_options_and_warnings_pass_through_worker_processes(tmp_path):
    for n in range(3):
        rows = {"audio_filepath": f"{n}.wav", "text": "x", "pred_text": "y"}
        put(tmp_path, f"{n}.jsonl", json.dumps(rows))
    with ProcessPoolExecutor(1) as pool:
        with pytest.warns(UserWarning, match=r"0\.jsonl \(and 2 more\): recognised text") as told:
            assert set(texts(tmp_path, executor=pool).values()) == {"x"}
        assert len(told) == 1
        assert set(texts(tmp_path, executor=pool, column="pred_text").values()) == {"y"}


cell = st.text(st.sampled_from("ab \",;\t\n'\u00e9"), max_size=12)


@settings(deadline=None)
@given(st.lists(cell, min_size=1, max_size=6), st.sampled_from(",;\t"), st.sampled_from([0, 1]))
def test_rows_in_are_recordings_out(said, mark, quoting):
    """Any table that Python's csv module writes gives its texts back."""
    # In a TSV, a quoted cell with a line's end and a tab cannot be told from rows with stray quotes.
    assume(mark != "\t" or not any("\n" in text and "\t" in text for text in said))
    out = io.StringIO()
    writer = csv.writer(out, delimiter=mark, quoting=quoting, lineterminator="\n")
    writer.writerow(["recording", "text"])
    writer.writerows((f"v{n}", text) for n, text in enumerate(said))
    with collected():  # a text may look like rows
        parsed = manifest(out.getvalue(), "x", speakers=False)
    assert [one.tables["words"]["content"] for one in parsed] == [text.split() for text in said]


@settings(deadline=None)
@given(st.lists(st.text(st.sampled_from("ab \",'"), max_size=12), min_size=1, max_size=6))
def test_a_tsv_without_quoting_loses_no_row(said):
    text = "recording\ttext\n" + "".join(f"v{n}\t{one}\n" for n, one in enumerate(said))
    parsed = manifest(text, "x", speakers=False)
    assert [one.name for one in parsed] == [f"v{n}" for n in range(len(said))]
    letters = [[c for c in "".join(one.tables["words"]["content"]) if c in "ab"] for one in parsed]
    assert letters == [[c for c in one if c in "ab"] for one in said]


def test_rows_whose_times_have_other_names_are_no_table_of_texts():
    rows = [{"id": "a0", "text": "Hello", "confidence": 0.9, "startedAt": "2024-01-01T00:00:00Z"}]
    with pytest.raises(ReadError, match="whose times do not stand in startedAt"):
        medtx.read(rows)
    nemo = {"audio_filepath": "a.wav", "duration": 2.0, "offset": 0.5, "text": "no fever", "speaker_id": "x"}
    assert medtx.read([nemo]).words["content"].tolist() == ["no", "fever"]
