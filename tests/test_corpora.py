"""Rates equal those of other programs: jiwer on real corpora, Whisper's normaliser, NIST's sclite."""

import csv
import json
import random
import re
from pathlib import Path

import jiwer
import pytest
from whisper_normalizer.english import EnglishTextNormalizer

import medtx
from medtx.reading import Word, of_words
from medtx.reading.build import Builder
from tests.sclite import sclite, sum_of


@pytest.fixture(scope="module")
def omi(shared):
    """PriMock57's references, and the transcripts of seven engines: engine -> recording -> text."""
    folder = shared / "corpora" / "omi-medical-STT-eval"

    def texts(paths: list[Path]) -> dict[str, str]:
        return {path.name[:19]: path.read_text() for path in paths}

    refs = texts(sorted((folder / "data" / "cleaned_transcripts").glob("*.txt")))
    engines = sorted((folder / "results" / "transcripts").iterdir())
    return refs, {e.name: texts(sorted(e.glob("*_conversation_transcript.txt"))) for e in engines}


def same_as_jiwer(hyps: dict[str, str], refs: dict[str, str], labels: str = r"\Z.") -> None:
    # jiwer parts words at blanks only, and takes a line break for part of a word.
    hyps, refs = ({n: " ".join(t.split()) for n, t in side.items()} for side in (hyps, refs))
    counts = medtx.align(refs, hyps, normalize="none").counts
    total = medtx.align(refs, hyps, normalize="none").rates(replicates=10).loc["TOTAL"]
    # It takes the labels of speakers for words, too.
    hyps, refs = ({n: " ".join(re.sub(labels, " ", t).split()) for n, t in s.items()} for s in (hyps, refs))
    for name in counts.index:
        theirs = jiwer.process_words(refs[name], hyps[name])
        ours = counts.loc[name]
        errors = ours["substitutions"] + ours["deletions"] + ours["insertions"]
        assert errors == theirs.substitutions + theirs.deletions + theirs.insertions, name
        assert ours["insertions"] - ours["deletions"] == theirs.insertions - theirs.deletions
        assert errors / ours["reference_words"] == pytest.approx(theirs.wer)
    both = [refs[n] for n in counts.index], [hyps[n] for n in counts.index]
    assert total["wer"] == total["raw_wer"] == pytest.approx(jiwer.wer(*both))
    # Alignments with equally few errors may hit more words or fewer: mer and wil are near, not equal.
    assert total["mer"] == pytest.approx(jiwer.mer(*both), abs=0.005)
    assert total["wil"] == pytest.approx(jiwer.wil(*both), abs=0.01)


def test_every_transcript_of_omi(omi):
    refs, engines = omi
    assert len(engines) == 7
    for hyps in engines.values():
        assert len(hyps) >= 55
        same_as_jiwer(hyps, {name: refs[name] for name in hyps})


def test_character_errors_of_omi(omi):
    refs, engines = omi
    hyps = dict(list(engines["openai-whisper-1"].items())[:8])
    a = medtx.align({name: refs[name] for name in hyps}, hyps, normalize="none")
    texts = [[" ".join(side[name].split()) for name in hyps] for side in (refs, hyps)]
    assert a.rates(replicates=10).loc["TOTAL", "cer"] == pytest.approx(jiwer.cer(*texts))


def test_every_dialogue_of_aci_bench(shared):
    folder = shared / "corpora" / "aci-bench" / "data" / "src_experiment_data"

    def texts(path: Path) -> dict[str, str]:
        with open(path, newline="") as file:
            return {row["id"]: row["dialogue"] for row in csv.DictReader(file)}

    count = 0
    for path in sorted(folder.glob("*_virtscribe_asr.csv")):
        human = path.with_name(path.name.replace("asr", "humantrans"))
        if human.exists():
            refs, hyps = texts(human), texts(path)
            shared_names = refs.keys() & hyps.keys()
            both = ({n: side[n] for n in shared_names} for side in (hyps, refs))
            same_as_jiwer(*both, labels=r"\[(doctor|patient|patient_guest)\]")
            count += len(shared_names)
    assert count == 28


def test_every_alignment_of_ufonia(shared):
    count = 0
    for path in sorted((shared / "corpora" / "ufonia-wer-is-unaware").rglob("*alignments/*.json")):
        rows = json.loads(path.read_text()).get("alignments", [])
        spoken = [r for r in rows if (r.get("golden_text") or "").strip() and r.get("asr_text") is not None]
        refs = {f"{n}": r["golden_text"] for n, r in enumerate(spoken)}
        hyps = {f"{n}": r["asr_text"] for n, r in enumerate(spoken)}
        if refs:
            same_as_jiwer(hyps, refs)
            count += len(refs)
    assert count > 200


def test_whispers_normaliser_gives_whispers_rates(omi):
    refs, engines = omi
    normal = EnglishTextNormalizer()
    hyps = dict(list(engines["deepgram-nova-3-medical"].items())[:10])
    a = medtx.align({n: refs[n] for n in hyps}, hyps, normalize="whisper")
    for name in hyps:
        theirs = jiwer.process_words(normal(refs[name]), normal(hyps[name]))
        ours = a.counts.loc[name]
        errors = ours["substitutions"] + ours["deletions"] + ours["insertions"]
        assert errors / ours["reference_words"] == pytest.approx(theirs.wer), name
    equal = a.pairs[a.pairs["op"] == "equal"]
    words = medtx.from_text(hyps).words.set_index(["recording", "position"])["content"].str.lower()
    raw = words.loc[list(zip(equal["recording"], equal["position"]))].str.strip(".,?!").to_numpy()
    assert (raw == equal["hypothesis"].to_numpy()).mean() > 0.85  # the others were rewritten: "it's", "it is"


def test_transforms_of_jiwer_are_normalisers(omi):
    refs, engines = omi
    hyps = dict(list(engines["openai-whisper-1"].items())[:5])
    refs = {n: refs[n] for n in hyps}
    for steps in (
        [jiwer.ToLowerCase(), jiwer.RemovePunctuation(), jiwer.RemoveMultipleSpaces(), jiwer.Strip()],
        [jiwer.ToLowerCase(), jiwer.RemovePunctuation(), jiwer.ReduceToListOfListOfWords()],
    ):
        transform = jiwer.Compose(steps)
        words = jiwer.Compose([*steps[:2], jiwer.RemoveMultipleSpaces(), jiwer.Strip()])
        ours = medtx.align(refs, hyps, normalize=transform).rates(replicates=10).loc["TOTAL", "wer"]
        theirs = jiwer.wer([words(refs[n]) for n in hyps], [words(hyps[n]) for n in hyps])
        assert ours == pytest.approx(theirs)


def test_the_medical_normaliser_on_real_engines(omi):
    """It takes away what is only writing: less error than "plain", on every engine."""
    refs, engines = omi
    for hyps in engines.values():
        few = dict(list(hyps.items())[:12])
        plain, medical = (
            medtx.align({n: refs[n] for n in few}, few, normalize=n).rates(replicates=10).loc["TOTAL", "wer"]
            for n in ("plain", "medical")
        )
        assert medical < plain


def test_totals_equal_sclite(tmp_path):
    """NIST's program from Debian's sctk, on references and hypotheses that medtx wrote itself."""
    draw = random.Random(0)
    vocabulary = [f"word{n}" for n in range(30)]
    refs, hyps = Builder(), Builder()
    for n in range(30):
        said = [draw.choice(vocabulary) for _ in range(draw.randint(5, 60))]
        heard = [w if draw.random() > 0.15 else draw.choice(vocabulary) for w in said if draw.random() > 0.1]
        for _ in range(draw.randint(0, 4)):
            heard.insert(draw.randint(0, len(heard)), draw.choice(vocabulary))
        for builder, words, engine in ((refs, said, None), (hyps, heard, "made")):
            timed = (Word(w, i / 2, i / 2 + 0.4, 0.5 if engine else None, 0) for i, w in enumerate(words))
            builder.add(of_words(engine, timed, "made", name=f"rec{n}"), f"rec{n}")
    ref, hyp = refs.transcripts(), hyps.transcripts()
    total = medtx.align(ref, hyp, normalize="none").rates(replicates=10).loc["TOTAL"]

    def trn(t: medtx.Transcripts, name: str) -> Path:
        path = tmp_path / name
        path.write_text("".join(f"{text} ({rec}-1)\n" for rec, text in t.text().items()))
        return path

    files = ("-r", trn(ref, "r.trn"), "trn", "-h", trn(hyp, "h.trn"), "trn")
    out = sclite(*files, "-i", "rm", "-o", "rsum", "stdout")
    numbers = [int(n) for n in sum_of(out).replace("|", " ").split() if n.isdigit()]
    _, words, correct, substitutions, deletions, insertions, errors, _ = numbers
    assert total["reference_words"] == words
    ours = total["substitutions"] + total["deletions"] + total["insertions"]
    # sclite weighs a substitution 4 and the others 3, so it may take more edits than are needed.
    assert ours <= errors
    assert ours == pytest.approx(errors, rel=0.03)
    assert total["insertions"] - total["deletions"] == insertions - deletions
    assert correct + substitutions + deletions == words


@pytest.mark.parametrize("extreme", [False, True])
def test_nce_equals_sclite(tmp_path, extreme):
    """Also where wrong words have a confidence of 1."""
    draw = random.Random(1)
    builder, references, stm = Builder(), {}, []
    for n in range(20):
        name = f"rec{n:02}"
        said = [f"w{draw.randint(0, 50)}" for _ in range(draw.randint(20, 60))]
        heard = []
        for i, word in enumerate(said):
            right = draw.random() < 0.8
            sure = round(draw.betavariate(*((5, 1) if right else (2, 2))), 4)
            if extreme and draw.random() < 0.1:
                sure = 1.0
            heard.append(Word(word if right else f"x{i}", i / 2, i / 2 + 0.4, sure, 0))
        builder.add(of_words("made", heard, "made", name=name), name)
        references[name] = " ".join(said)
        stm.append(f"{name} 1 {name} 0.0 {len(said) / 2 + 1:.2f} <o,f0,male> {references[name]}\n")
    hypotheses = builder.transcripts()
    (tmp_path / "r.stm").write_text("".join(stm))
    hypotheses.to_ctm(tmp_path / "h.ctm")
    files = ("-r", tmp_path / "r.stm", "stm", "-h", tmp_path / "h.ctm", "ctm")
    out = sclite(*files, "-o", "rsum", "stdout")
    theirs = float(sum_of(out).split("|")[-2])
    ours = medtx.calibration(medtx.align(references, hypotheses, normalize="none")).loc["TOTAL", "nce"]
    assert ours == pytest.approx(theirs, abs=0.0006)
