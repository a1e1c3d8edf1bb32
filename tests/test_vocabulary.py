# ruff: noqa: RUF001
"""Medical vocabularies: what the table takes, and what it refuses where."""

import boto3
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from medtx.engines import TranscribeMedical, vocabulary
from medtx.engines.vocabulary import COLUMNS, PHONES, check, read_table, text_of
from medtx.errors import InputError, MedtxError, ReadError
from tests.endpoint import (  # noqa: F401  fixtures
    BUCKET,
    KIND,
    account,
    endpoint,
    engine,
    files,
    quick,
    recorded,
    started,
    whole,
)

GUIDE = """\
Phrase\tIPA\tSoundsLike\tDisplayAs
acute-respiratory-distress-syndrome\t\t\tacute respiratory distress syndrome
A.L.L.\teɪ ɛ l ɛ l\t\tALL
atrioventricular-nodal-reentrant-tachycardia\t\tay-tree-o-ven-trick-u-lar-node-al-re-entr-ant-tack-ih-card-ia\t
"""
"""The example of the developer guide."""


def written(folder, text, name="words.txt"):
    path = folder / name
    path.write_bytes(text.encode())
    return path


def test_the_guides_own_table_is_read_and_written_as_it_was(tmp_path):
    table = read_table(written(tmp_path, GUIDE))
    assert list(table.columns) == list(COLUMNS)
    assert table["DisplayAs"].tolist() == ["acute respiratory distress syndrome", "ALL", ""]
    assert text_of(table) == GUIDE
    assert read_table(table).equals(table)


@pytest.mark.parametrize(
    "text",
    [
        GUIDE.replace("\n", "\r\n"),
        "\ufeff" + GUIDE,
        GUIDE + "\n\n",
        GUIDE.replace("\tALL", "\tALL  "),
        "\n".join("\t".join(reversed(line.split("\t"))) for line in GUIDE.splitlines()),
    ],
)
def test_what_only_looks_otherwise_is_the_same_table(tmp_path, text):
    assert text_of(read_table(written(tmp_path, text))) == GUIDE


def test_other_sources_give_the_same_table(tmp_path):
    table = read_table(written(tmp_path, GUIDE))
    table.to_csv(tmp_path / "words.csv", index=False)
    assert read_table(tmp_path / "words.csv").equals(table)
    assert read_table(table.replace("", None)).equals(table)
    terms = read_table(pd.DataFrame({"Phrase": ["heparin"]}))
    assert terms.equals(read_table(["heparin"]))
    assert terms.loc[0].tolist() == ["heparin", "", "", ""]


@pytest.mark.parametrize(
    ("line", "column", "message"),
    [
        ("chest pain\t\t\t", "Phrase", "blanks: put hyphens between the words"),
        ("\t\t\tCOPD", "Phrase", "expected a phrase"),
        ("B12\t\t\t", "Phrase", r"digits \('1'\): spell them out"),
        ("naïve\t\t\t", "Phrase", r"'ï' \(U\+00EF\): only a-z"),
        ("--\t\t\t", "Phrase", "expected letters"),
        ("it\tɪ  t\t\t", "IPA", "single blanks"),
        ("it\tɪt\t\t", "IPA", r"'ɪt' \(U\+026A U\+0074\) is not one of its sounds"),
        ("it\tɪ t\tit\t", "SoundsLike", "only one of IPA and SoundsLike"),
        ("it\t\tsounds like\t", "SoundsLike", "blanks: put hyphens"),
        ("x" * 256 + "\t\t\t", "Phrase", "256 characters: at most 255"),
        ("it\t\t\ta\x00b", "DisplayAs", r"cannot be kept \(U\+0000\)"),
        ("it\t\t\t\t", "", "expected 4 columns separated by single tabs, found 5"),
        ("it", "", "expected 4 columns separated by single tabs, found 1"),
    ],
)
def test_what_the_service_would_refuse_is_named_with_its_line(tmp_path, line, column, message):
    path = written(tmp_path, "Phrase\tIPA\tSoundsLike\tDisplayAs\nheparin\t\t\t\n\n" + line + "\n")
    with pytest.raises(ReadError, match=message) as caught:
        read_table(path)
    assert caught.value.place == "line 4" + (f", {column}" if column else "")
    found = check(path)
    assert found[["line", "column"]].to_numpy().tolist() == [[4, column]]


def test_all_problems_are_listed_and_the_first_is_raised():
    wrong = pd.DataFrame({"Phrase": ["heparin", "B 12", "µg"], "DisplayAs": ["", "B12", "μg"]})
    found = check(wrong)
    assert found["line"].tolist() == [2, 2, 3]
    with pytest.raises(InputError, match=r"at row 2, Phrase: blanks: .* \(and 2 more: see `check`\)"):
        read_table(wrong)
    assert check(["heparin"]).empty


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ([], "expected at least one phrase"),
        (pd.DataFrame({"Word": ["a"]}), "expected the columns Phrase, IPA, SoundsLike, DisplayAs"),
        (pd.DataFrame({"Phrase": ["a"], "Note": ["b"]}), "expected the columns"),
        ([1, 2], "expected a file, a DataFrame or a list of terms"),
        (7, "expected a file, a DataFrame or a list of terms"),
    ],
)
def test_other_things_are_no_vocabulary(source, message):
    with pytest.raises(InputError, match=message):
        read_table(source)


def test_files_that_are_no_table(tmp_path):
    for data, message in (
        (b"", "expected the columns"),
        (b"Phrase IPA SoundsLike DisplayAs\n", "expected the columns .* separated by tabs"),
        (b"Phrase\n\xff\n", "at byte 7: expected text in UTF-8"),
    ):
        (tmp_path / "words.txt").write_bytes(data)
        with pytest.raises(ReadError, match=message):
            read_table(tmp_path / "words.txt")
    with pytest.raises(ReadError, match="no such file"):
        read_table(tmp_path / "none.txt")


def test_the_limit_of_50_kb_is_of_the_table_as_it_is_sent():
    letters = [chr(ord("a") + i) for i in range(26)]
    terms = ["x" * 40 + a + b + c for a in letters for b in letters for c in letters][:1088]
    assert len(text_of(read_table(terms))) <= vocabulary.MAX_BYTES
    with pytest.raises(InputError, match=r"51,2\d\d bytes, above the limit of 51,200"):
        read_table([*terms, "y" * 40])


WORDS = st.text("abzABZ'.-", min_size=1, max_size=30).filter(lambda w: any(c.isalpha() for c in w))
SHOWN = st.text(max_size=40).map(lambda s: "".join(c for c in s if c.isprintable()).strip(" "))
SOUNDS = st.lists(st.sampled_from(sorted(PHONES)), max_size=5).map(" ".join)


@given(st.lists(st.tuples(WORDS, SOUNDS, SHOWN), min_size=1, max_size=20))
def test_what_is_taken_comes_back_from_its_file(rows):
    table = pd.DataFrame([[w, s, "", d] for w, s, d in rows], columns=COLUMNS, dtype="str")
    taken = read_table(table)
    assert taken.to_numpy().tolist() == table.to_numpy().tolist()
    lines = [line.split("\t") for line in text_of(taken).split("\n")[1:-1]]
    assert lines == taken.to_numpy().tolist()


@given(st.text(max_size=200))
def test_no_text_is_too_odd_to_be_answered(tmp_path_factory, text):
    path = tmp_path_factory.getbasetemp() / "odd.txt"
    path.write_bytes(text.encode(errors="surrogatepass"))
    found = check(path)
    if found.empty:
        assert len(read_table(path))
    else:
        with pytest.raises(ReadError) as caught:
            read_table(path)
        assert "\n" not in str(caught.value)


def test_a_vocabulary_is_made_used_changed_and_deleted(endpoint, engine, files, tmp_path):  # noqa: F811
    s3 = boto3.client("s3", **endpoint.client)
    assert vocabulary.create("drugs-2", ["warfarin", "atrial fibrillation"], engine()) == "READY"
    there = s3.get_object(Bucket=BUCKET, Key="medtx/vocabularies/drugs-2.txt")
    assert there["Body"].read().decode() == text_of(read_table(["warfarin", "atrial fibrillation"]))
    assert there["ServerSideEncryption"] == "AES256"
    with pytest.raises(InputError, match="vocabulary drugs-2: there is one of that name: update it"):
        vocabulary.create("drugs-2", ["heparin"], engine())
    assert vocabulary.update("drugs-2", written(tmp_path, GUIDE), engine()) == "READY"
    vocabulary.create("other", ["heparin"], engine(), ready=False)
    assert vocabulary.wait("other", engine()) == "READY"
    found = vocabulary.listing(engine())
    assert found[["name", "state"]].to_numpy().tolist() == [["drugs-2", "READY"], ["other", "READY"]]
    import medtx

    whole(medtx.transcribe(files[:1], engine=engine(vocabulary="drugs-2"), **KIND), files[:1])
    client = boto3.client("transcribe", **endpoint.client)
    (name,) = started(endpoint)
    known = client.get_medical_transcription_job(MedicalTranscriptionJobName=name)["MedicalTranscriptionJob"]
    assert known["Settings"] == {"VocabularyName": "drugs-2"}
    vocabulary.delete("drugs-2", engine())
    assert vocabulary.listing(engine())["name"].tolist() == ["other"]
    assert "drugs-2" not in str(s3.list_objects_v2(Bucket=BUCKET, Prefix="medtx/vocabularies"))
    for ask in (
        lambda: vocabulary.delete("drugs-2", engine()),
        lambda: vocabulary.update("drugs-2", ["heparin"], engine()),
        lambda: medtx.transcribe(files[:1], engine=engine(vocabulary="drugs-2"), overwrite=True, **KIND),
    ):
        with pytest.raises(InputError, match="vocabulary drugs-2: the service has none of that name"):
            ask()
    assert len(started(endpoint)) == 1


def test_a_vocabulary_needs_a_name_a_bucket_and_a_table(endpoint, engine):  # noqa: F811
    for ask, message in (
        (lambda: vocabulary.create("my drugs", ["heparin"], engine()), "vocabulary='my drugs' is not a name"),
        (lambda: vocabulary.create("drugs", ["a b 1"], engine()), "at row 1, Phrase: digits"),
        (lambda: vocabulary.create("drugs", ["a"], engine(bucket=None)), "read by the service from a bucket"),
    ):
        with pytest.raises(InputError, match=message):
            ask()
    assert vocabulary.listing(engine()).empty
    with pytest.raises(MedtxError, match="no such bucket"):
        vocabulary.create("drugs", ["heparin"], TranscribeMedical(**(vars(engine()) | {"bucket": "nobodys"})))
