"""A wrong thing in a right place: every public function says what it expected, and raises nothing else."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import medtx
from medtx.cli import main
from medtx.errors import InputError, MedtxError, nearest
from tests.conftest import job

SECRET = "Denies chest pain and fever"


@pytest.fixture(scope="module")
def made():
    results = [job(("no", 0.9), ("fever", 0.4), name="a"), job(("a", 0.8), ("rash", 0.9), name="b")]
    t = medtx.read(results)
    r = medtx.from_text({"a": "no fever", "b": "the rash"})
    a = medtx.align(references=r, hypotheses=t)
    s = medtx.sweep(a)
    e = medtx.entities(t)
    return {"T": t, "R": r, "A": a, "S": s, "E": e, "Th": s.operating_point(0.5)}


WRONG = {
    "None": None,
    "a number": 3,
    "True": True,
    "text": SECRET,
    "a list": [1, 2],
    "an empty list": [],
    "a mapping": {"x": 1},
    "a DataFrame": pd.DataFrame({"x": [1]}),
    "a Series": pd.Series([1, 2]),
    "an array": np.arange(3),
    "bytes": b"abc",
    "a class": medtx.Transcripts,
    "an object": object(),
    "a path": Path("/nowhere/at/all.json"),
    **{name: name for name in ("T", "A", "S", "E", "Th")},
}
ASK = {"specialty": "cardiology", "type": "dictation", "engine": "embedded"}
ONE = job(("no", 0.9), name="x")

PLACES = {
    "read": (lambda m, x: medtx.read(x), "T"),
    "read(metadata=)": (lambda m, x: medtx.read(ONE, metadata=x), "None"),
    "read(names=)": (lambda m, x: medtx.read(ONE, names=x), "None"),
    "read(engine=)": (lambda m, x: medtx.read(ONE, engine=x), "None,text"),
    "read(errors=)": (lambda m, x: medtx.read(ONE, errors=x), ""),
    "read(executor=)": (lambda m, x: medtx.read(ONE, executor=x), "None"),
    "from_text": (lambda m, x: medtx.from_text(x), "an empty list"),
    "from_text({name: })": (lambda m, x: medtx.from_text({"v": x}), "text"),
    "concat": (lambda m, x: medtx.concat(x), "an empty list"),
    "streaming_metrics": (lambda m, x: medtx.streaming_metrics(x), ""),
    "align(references=)": (lambda m, x: medtx.align(references=x, hypotheses=m["T"]), "T"),
    "align(hypotheses=)": (lambda m, x: medtx.align(references=m["R"], hypotheses=x), "T"),
    "align(normalize=)": (lambda m, x: medtx.align(references=m["R"], hypotheses=m["T"], normalize=x), ""),
    "align(names=)": (lambda m, x: medtx.align(references=m["R"], hypotheses=m["T"], names=x), "None"),
    "cpwer": (lambda m, x: medtx.cpwer(references=m["R"], hypotheses=x), "T"),
    "compare": (lambda m, x: medtx.compare(x), ""),
    "compare({name: })": (lambda m, x: medtx.compare({"a": m["A"], "b": x}), "A"),
    "compare(by=)": (lambda m, x: medtx.compare(m["A"], by=x), ""),
    "compare(confidence=)": (lambda m, x: medtx.compare(m["A"], "source", confidence=x), ""),
    "sample_size": (lambda m, x: medtx.sample_size(x, difference=0.1), "A"),
    "sample_size(difference=)": (lambda m, x: medtx.sample_size(m["A"], difference=x), ""),
    "sweep": (lambda m, x: medtx.sweep(x), "A"),
    "sweep(by=)": (lambda m, x: medtx.sweep(m["A"], by=x), "None"),
    "sweep(unit=)": (lambda m, x: medtx.sweep(m["A"], unit=x), "a number"),
    "sweep(reviewer=)": (lambda m, x: medtx.sweep(m["A"], reviewer=x), ""),
    "calibration": (lambda m, x: medtx.calibration(x), "A"),
    "reliability": (lambda m, x: medtx.reliability(x), "A"),
    "reliability(bins=)": (lambda m, x: medtx.reliability(m["A"], bins=x), "a number,True"),
    "recalibrate": (lambda m, x: medtx.recalibrate(x), "A"),
    "recalibrate(method=)": (lambda m, x: medtx.recalibrate(m["A"], x), ""),
    "load_threshold": (lambda m, x: medtx.load_threshold(x), ""),
    "explore": (lambda m, x: medtx.explore(x), "A"),
    "explore(unit=)": (lambda m, x: medtx.explore(m["A"], unit=x), "a number"),
    "explore(max_error=)": (lambda m, x: medtx.explore(m["A"], max_error=x), ""),
    "entities": (lambda m, x: medtx.entities(x), "T"),
    "entities(engine=)": (lambda m, x: medtx.entities(m["T"], engine=x), ""),
    "entities(ontologies=)": (lambda m, x: medtx.entities(m["T"], ontologies=x), "an empty list"),
    "score_entities(reference)": (lambda m, x: medtx.score_entities(x, m["E"]), "E"),
    "score_entities(hypothesis)": (lambda m, x: medtx.score_entities(m["E"], x), "E"),
    "safety": (lambda m, x: medtx.safety(x), "E"),
    "safety(threshold=)": (lambda m, x: medtx.safety(m["E"], threshold=x), "Th"),
    "load_dataset": (lambda m, x: medtx.load_dataset(x), ""),
    "report": (lambda m, x: medtx.report(x, "/tmp/not-written.html"), "A"),
    "report(path)": (lambda m, x: medtx.report(m["A"], x), "text,a path"),
    "transcribe": (lambda m, x: medtx.transcribe(x, **ASK), ""),
    "transcribe(specialty=)": (lambda m, x: medtx.transcribe("/no.wav", **ASK | {"specialty": x}), ""),
    "transcribe(engine=)": (lambda m, x: medtx.transcribe("/no.wav", **ASK | {"engine": x}), ""),
    "transcribe(out=)": (lambda m, x: medtx.transcribe("/no.wav", **ASK, out=x), "text,a path"),
    "transcribe(workers=)": (lambda m, x: medtx.transcribe("/no.wav", **ASK, workers=x), ""),
    "stream": (
        lambda m, x: medtx.stream(x, **ASK),
        "text,a path,a list,an empty list,a Series,an array,a DataFrame",
    ),
    "stream(type=)": (lambda m, x: medtx.stream([b""], **ASK | {"type": x}), ""),
    "stream(engine=)": (lambda m, x: medtx.stream([b""], **ASK | {"engine": x}), ""),
    "stream(transport=)": (lambda m, x: medtx.stream([b""], **ASK, transport=x), ""),
    "stream(pace=)": (lambda m, x: medtx.stream([b""], **ASK, pace=x), "None,a number"),
    "live": (lambda m, x: medtx.live([b""], **ASK | {"specialty": x}), ""),
    "Transcripts": (lambda m, x: medtx.Transcripts(x), "a DataFrame"),
    "t[]": (lambda m, x: m["T"][x], "T,A,an empty list"),
    "t.text": (lambda m, x: m["T"].text(x), "None"),
    "t.rename": (lambda m, x: m["T"].rename(x), ""),
    "t.merge": (lambda m, x: m["T"].merge(x), "a class"),
    "t.play": (lambda m, x: m["T"].play(x, "a.wav"), ""),
    "t.redact": (lambda m, x: m["T"].redact(x), "None,E"),
    "a[]": (lambda m, x: m["A"][x], "T,A,an empty list"),
    "a.text": (lambda m, x: m["A"].text(x), ""),
    "a.rates(by=)": (lambda m, x: m["A"].rates(x), "None"),
    "a.rates(unit=)": (lambda m, x: m["A"].rates(unit=x), ""),
    "a.keywords": (lambda m, x: m["A"].keywords(x), "T,A,a mapping,an empty list"),
    "s.at": (lambda m, x: m["S"].at(x), "True"),
    "s.curve": (lambda m, x: m["S"].curve(x), "None"),
    "s.choose(max_error=)": (lambda m, x: m["S"].choose(max_error=x), ""),
    "s.choose(confidence=)": (lambda m, x: m["S"].choose(max_error=0.1, confidence=x), "None"),
    "threshold.apply": (lambda m, x: m["Th"].apply(x), "T"),
    "e.show": (lambda m, x: m["E"].show(x), ""),
    "e.review": (lambda m, x: m["E"].review(x), "Th"),
    "describe": (lambda m, x: medtx.tables.describe(x), ""),
}


SAID = {"read", "from_text", "align(references=)", "align(hypotheses=)", "cpwer", "concat", "entities", "t[]"}
"""Where a text may stand by mistake: it is never shown."""


@pytest.mark.parametrize("place", PLACES)
def test_a_wrong_thing_gets_a_plain_answer(made, place, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    function, right = PLACES[place]
    for name, value in WRONG.items():
        if name in right.split(","):
            continue
        with pytest.raises(MedtxError) as error:
            function(made, made[value] if isinstance(value, str) and value in made else value)
        assert len(str(error.value)) > 15
        if place in SAID:
            assert SECRET not in str(error.value), (place, name)


def test_the_face_is_tried_as_a_whole():
    functions = {name for name in medtx._FACE if name[0].islower()}
    assert functions <= {place.partition("(")[0] for place in PLACES}


EXPECTED = [
    (lambda m: medtx.sweep(m["T"]), r"expected an Alignment, which medtx.align\(.*gives, not Transcripts"),
    (
        lambda m: medtx.safety(m["T"]),
        r"expected Entities, which medtx.entities\(transcripts\) gives, not Trans",
    ),
    (lambda m: medtx.entities(m["A"]), r"expected Transcripts, which medtx.read.*not an Alignment"),
    (lambda m: medtx.compare(m["T"]), r"or several of them by name, {'one': a, 'other': b}"),
    (
        lambda m: medtx.cpwer(m["A"], m["T"]),
        r"references: expected Transcripts, texts by name.*not an Alignment",
    ),
    (lambda m: medtx.align(pd.DataFrame(), m["T"]), r"references: expected Transcripts.*not a DataFrame"),
    (
        lambda m: medtx.align("no pain at all", "no pain"),
        r"references: expected.*{'visit': 'No fever.'}.*not text",
    ),
    (lambda m: medtx.read("no pain at all"), r"expected a path, got text: medtx.from_text takes texts"),
    (lambda m: medtx.from_text("refs/"), r"expected texts by name.*not text; medtx.read takes paths"),
    (lambda m: medtx.read([]), "nothing to read: an empty list"),
    (lambda m: medtx.concat(m["T"]), "expected several Transcripts, in a list, not Transcripts"),
    (lambda m: medtx.Transcripts("refs/"), r"made by medtx.read\(files\)"),
    (lambda m: medtx.load_dataset("dictation"), "did you mean 'dictations'"),
    (lambda m: m["T"]["A"], "no recording 'A' among these 2: did you mean 'a'"),
    (lambda m: m["A"].rates("speciality"), "did you mean 'specialty'"),
    (lambda m: m["A"].rates(unit="speeker"), "unit='speeker' is not a column of recordings"),
    (lambda m: medtx.align(m["R"], m["T"], normalize="medcal"), "did you mean 'medical'"),
    (lambda m: medtx.read(ONE, errors="colect"), "did you mean 'collect'"),
    (lambda m: medtx.sweep(m["A"], unit="segments"), "did you mean 'segment'"),
    (lambda m: medtx.recalibrate(m["A"], "logistics"), "did you mean 'logistic'"),
    (lambda m: medtx.entities(m["T"], "embeded"), "did you mean 'embedded'"),
    (lambda m: medtx.entities(m["T"], ontologies=["icd10"]), "did you mean 'icd10cm'"),
    (lambda m: medtx.transcribe("a.wav", **ASK | {"specialty": "cardio"}), "did you mean 'CARDIOLOGY'"),
    (lambda m: medtx.transcribe("a.wav", **ASK | {"type": "dictations"}), "did you mean 'DICTATION'"),
    (lambda m: medtx.stream([b""], **ASK, transport="http"), "did you mean 'http2'"),
    (lambda m: medtx.tables.describe("word"), "did you mean 'words'"),
]


@pytest.mark.parametrize(("call", "match"), EXPECTED)
def test_the_answer_names_what_was_expected(made, call, match):
    with pytest.raises(InputError, match=match):
        call(made)


def test_a_column_of_metadata_that_is_misspelt():
    table = pd.DataFrame({"recordng": ["x"], "site": ["n"]})
    with pytest.raises(MedtxError, match="is 'recordng' meant as 'recording'"):
        medtx.read(ONE, metadata=table)
    with pytest.raises(MedtxError, match="did you mean 'x'"):
        medtx.read(ONE, metadata=pd.DataFrame({"recording": ["X"], "site": ["n"]}))


def test_transcripts_and_alignments_are_looked_up_by_name(made):
    for held in (made["T"], made["A"]):
        assert list(held) == ["a", "b"]
        assert len(held) == 2
        assert "a" in held
        assert "c" not in held
        assert 3 not in held
        assert list(held["b"]) == ["b"]
        assert list(held[["b", "a"]]) == ["a", "b"]
        assert all(len(held[name]) == 1 for name in held)
    assert made["T"].text("a") == "no fever"
    assert made["T"].text("a", speakers=True) == "unknown: no fever"
    assert made["T"].text().to_dict() == {"a": "no fever", "b": "a rash"}


def test_lists_of_texts_are_paired_by_their_order():
    jiwer = pytest.importorskip("jiwer")
    refs, hyps = ["no fever today", "yes", ""], ["no fever", "yes yes", "oh"]
    a = medtx.align(references=refs, hypotheses=hyps)
    assert list(a) == ["0", "1", "2"]
    wanted = jiwer.process_words(refs[:2], hyps[:2])
    two = a.select(["0", "1"]).rates().loc["TOTAL"]
    assert two["wer"] == wanted.wer
    assert medtx.align(references=tuple(refs), hypotheses=pd.Series(hyps, ["0", "1", "2"])).counts.equals(
        a.counts
    )
    with pytest.raises(InputError, match="lists are paired by their order: 3 references, 1 hypotheses"):
        medtx.align(references=refs, hypotheses=["no fever"])
    t = medtx.from_text({"v": "no fever"})
    assert medtx.align(references=t.text(), hypotheses=t).rates().loc["TOTAL", "wer"] == 0


def test_lists_of_paths_are_read(tmp_path):
    for name in ("a", "b"):
        (tmp_path / f"{name}.txt").write_text("no fever")
    files = sorted(map(str, tmp_path.glob("*.txt")))
    assert list(medtx.align(references=files, hypotheses=files)) == ["a", "b"]
    with pytest.raises(MedtxError, match=r"gone\.txt"):
        medtx.align(references=[*files, str(tmp_path / "gone.txt")], hypotheses=files)
    assert list(medtx.align(references=medtx.from_text({"x": "no"}), hypotheses=ONE)) == ["x"]


COMMANDS = [
    ("scroe a b", "did you mean 'score'"),
    ("score a b --metdata m.csv", "unrecognized option: --metdata: did you mean '--metadata'"),
    ("score a --refrences b", "references stands without a name: medtx score results references"),
    ("score a b --format jsn", "did you mean 'json'"),
    ("transcribe a.wav --speciality x --type y", "did you mean '--specialty'"),
    ("transcribe a.wav --specialty cardio --type dictation", "did you mean 'CARDIOLOGY'"),
    ("vocabulary chek x", "did you mean 'check'"),
    ("models bild", "did you mean 'build'"),
    ("serve --prot 1", "did you mean '--port'"),
    ("score {d}/results {d}/references --by speciality", "did you mean 'specialty'"),
    ("score {d}/results {d}/references --normalize medcal", "did you mean 'medical'"),
    ("threshold {d}/results {d}/references --unit wrod", "did you mean 'word'"),
    ("entities {d}/results --engine embeded", "did you mean 'embedded'"),
    ("entities {d}/results --ontology rxnrm", "did you mean 'rxnorm'"),
    ("review gone.json {d}/results", "gone.json: cannot be read: No such file"),
    ("report {d}/results {d}/references --out x.html --by spec", "did you mean 'specialty'"),
]


@pytest.mark.parametrize(("command", "answer"), COMMANDS)
def test_misspelt_commands(command, answer, capsys):
    folder = Path(medtx.__file__).parents[1] / "datasets" / "dictations"
    with pytest.raises(SystemExit) as ended:
        main([part.format(d=folder) for part in command.split()])
    assert ended.value.code in (1, 2)
    assert answer in capsys.readouterr().err


def test_nothing_far_away_is_meant():
    assert nearest("zebra", ["plain", "medical"]) is None
    assert nearest("", ["plain"]) is None
    assert nearest(None, ["plain"]) is None
