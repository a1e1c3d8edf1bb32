"""The embedded engine's language models: texts, arithmetic, pronunciations, vocabularies, adaptation."""

import itertools
import multiprocessing
import re
import stat
from functools import cache
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import medtx
from medtx.cli import main
from medtx.engines import embedded, models
from medtx.engines.models import adapt, custom, ngrams, text, words
from medtx.errors import InputError, MedtxError, ReadError
from medtx.specialties import SPECIALTIES
from tests.conftest import ROOT

FOLDER = ROOT / "datasets" / "dictations"
SENTENCES = st.lists(st.lists(st.sampled_from("abcde"), min_size=1, max_size=6), min_size=1, max_size=20)
VOCABULARY = sorted([ngrams.START, ngrams.END, *"abcdef"])


@pytest.fixture(autouse=True, scope="module")
def small():
    """Fewer of the stock model's words: the tests build several models."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(models, "GENERAL", 2000)
        yield


@pytest.fixture(scope="module")
def empty_cache(tmp_path_factory):
    """A cache of its own, so that models are really built."""
    folder = tmp_path_factory.mktemp("cache")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_CACHE_HOME", str(folder))
        models.identity.cache_clear()
        yield folder
    models.identity.cache_clear()


def keys(model: ngrams.Model, *grams: str) -> np.ndarray:
    ids = {word: n for n, word in enumerate(model.words)}
    size = len(model.words)
    return np.array(
        [sum(ids[word] * size**k for k, word in enumerate(reversed(gram.split()))) for gram in grams]
    )


def test_witten_bell_is_as_computed_by_hand():
    model = ngrams.witten_bell([["a", "b"], ["a", "c"]], sorted([ngrams.START, ngrams.END, *"abc"]))
    # Six words of four kinds over a uniform 1/4: p(b) = (1 + 4/4) / (6 + 4).
    assert model.prob(keys(model, "b"), 1) == pytest.approx([0.2])
    # After "a" two words of two kinds: p(b | a) = (1 + 2 * 0.2) / (2 + 2).
    assert model.prob(keys(model, "a b"), 2) == pytest.approx([0.35])
    assert model.prob(keys(model, "<s> a b", "c a b"), 3) == pytest.approx([(1 + 2 * 0.35) / 4, 0.35])


@given(SENTENCES, SENTENCES, st.floats(0.05, 0.95))
@settings(max_examples=40, deadline=None)
def test_every_history_sums_to_one(one, other, weight):
    domain = ngrams.witten_bell(one, VOCABULARY)
    general = ngrams.witten_bell(other, VOCABULARY, order=2)
    size = len(VOCABULARY)
    every = np.arange(size)
    for model in (domain, ngrams.mix(domain, general, weight)):
        assert model.prob(every, 1).sum() == pytest.approx(1)
        for history in range(size):
            assert model.prob(history * size + every, 2).sum() == pytest.approx(1)
        for history in (0, 7, size * size - 1, *(domain.orders[1].keys[:5])):
            assert model.prob(history * size + every, 3).sum() == pytest.approx(1)


def test_a_mixture_is_a_mixture_where_it_lists_words():
    domain = ngrams.witten_bell([["a", "b"], ["a", "c"]], VOCABULARY)
    general = ngrams.witten_bell([["a", "d"], ["b", "a"]], VOCABULARY, order=2)
    mixed = ngrams.mix(domain, general, 0.7)
    both = 0.7 * domain.prob(keys(domain, "a d"), 2) + 0.3 * general.prob(keys(domain, "a d"), 2)
    assert mixed.prob(keys(mixed, "a d"), 2) == pytest.approx(both)


def test_pocketsphinx_reads_the_same_probabilities(tmp_path):
    import pocketsphinx

    model = ngrams.witten_bell([["a", "b"], ["a", "c", "d"], ["b", "a", "b"]], VOCABULARY)
    ngrams.write_arpa(model, tmp_path / "words.arpa")
    models._pack(tmp_path / "words.arpa", tmp_path / "words.bin")
    for path in (tmp_path / "words.arpa", tmp_path / "words.bin"):
        scale = pocketsphinx.LogMath()
        read = pocketsphinx.NGramModel(pocketsphinx.Config(loglevel="FATAL"), scale, str(path))
        for gram in ("b", "f", "a b", "c b", "<s> a b", "b a b", "d a c", "c d </s>"):
            said = gram.split()
            expected = model.prob(keys(model, gram), len(said))[0]
            assert scale.exp(read.prob(said[::-1])) == pytest.approx(expected, rel=2e-3)


def test_perplexity_and_unknown_words():
    model = ngrams.witten_bell([["a"]], sorted([ngrams.START, ngrams.END, "a"]))
    perplexity, unknown = ngrams.perplexity(model, [["a"], ["a", "x"]])
    assert unknown == pytest.approx(1 / 3)
    known = [model.prob(keys(model, g), len(g.split()))[0] for g in ("<s> a", "<s> a </s>", "<s> a", "</s>")]
    assert perplexity == pytest.approx(np.exp(-np.log(known).mean()))


def test_texts_are_rich_equal_and_the_same_every_time():
    for name in SPECIALTIES:
        sentences = text.expand(name)
        assert len(sentences) == len(set(sentences)) == text.SENTENCES >= 3000
        assert not [
            s for s in sentences if not re.fullmatch(r"[a-z]+(?:'[a-z]+)*(?: [a-z]+(?:'[a-z]+)*)*", s)
        ]
    assert sentences == text.expand(name)
    assert len(models.sentences(models.POOLED)) == text.SENTENCES


def test_every_template_can_be_filled():
    for name in SPECIALTIES:
        parts = text._parts(name.lower())
        for lines in (parts["sentences"], text._parts("common")["sentences"], text._parts("common")["sweep"]):
            decks = text._Decks(text._parts("common") | parts, text.Random(0))
            for template in lines:
                assert re.fullmatch(r"[a-z' ]+", decks.fill(template)), template


def test_the_texts_are_not_the_references():
    """Only numbers are shown: the dictations stay unread."""
    written = {name: text.expand(name) for name in SPECIALTIES}
    said = {path.stem: references_of(path.stem) for path in (FOLDER / "references").glob("*.txt")}
    sentences = {sentence for lines in written.values() for sentence in lines}
    runs = {run for sentence in sentences for run in runs_of(sentence.split())}
    shared = sum(sentence in sentences for spoken in said.values() for sentence in spoken)
    spoken_runs = [run for spoken in said.values() for s in spoken for run in runs_of(s.split())]
    share = sum(run in runs for run in spoken_runs) / len(spoken_runs)
    print(f"shared sentences {shared}; of {len(spoken_runs)} runs of six words {share:.2%} are in the texts")
    assert (len(said), shared) == (78, 0)
    assert share < 0.04  # "blood pressure one hundred twenty over", and the like


def references_of(name: str) -> list[str]:
    parts = re.split(r"(?<=[.?!])\s+", (FOLDER / "references" / f"{name}.txt").read_text(encoding="utf-8"))
    spoken = (words.as_said(part) for part in parts)
    return [sentence for sentence in spoken if len(sentence.split()) > 3]


def runs_of(sentence: list[str]) -> list[tuple[str, ...]]:
    return [tuple(sentence[k : k + 6]) for k in range(len(sentence) - 5)]


@cache
def phones() -> set[str]:
    return {phone for known in words.stock().values() for one in known for phone in one.split()}


def test_every_word_of_the_texts_has_sounds_of_the_acoustic_model():
    shipped = words.shipped()
    assert not text.every_word() - shipped.keys() - words.stock().keys()
    assert {phone for known in shipped.values() for one in known for phone in one.split()} <= phones()
    assert words.pronounce("metoprolol")[0] == "M AH T OW P R AH L AO L"  # by hand, before espeak-ng's


@given(st.text("abcdefghijklmnopqrstuvwxyz", min_size=1, max_size=20))
@settings(deadline=None)
def test_any_spelling_has_a_sound(word):
    assert set(words.by_letters(word).split()) <= phones()
    assert words.by_letters(word)


def test_a_word_is_pronounced_without_espeak(monkeypatch):
    monkeypatch.setenv("PATH", "")
    assert words.espeak("zolvitrane") is None
    assert words.pronounce("zolvitrane") == ["Z OW L V IH T R AE N"]
    with pytest.raises(ValueError, match="character 2 of the IPA"):
        words.from_ipa("mø")


def test_vocabularies_in_the_services_format(tmp_path):
    table = pd.DataFrame(
        [["zolvitrane", "", "", ""], ["C.O.P.D.", "", "", "COPD"], ["Xarel", "z ə ɹ ɛ l", "", ""]]
        + [["dorzal-gen", "", "door-zall-jen", "DorzalGen"]],
        columns=["Phrase", "IPA", "SoundsLike", "DisplayAs"],
    )
    path = tmp_path / "words.txt"
    table.to_csv(path, sep="\t", index=False)
    plain, spelled, ipa, like = custom.entries(path)
    assert custom.entries(table) == (plain, spelled, ipa, like)
    assert spelled == ("COPD", ("S IY OW P IY D IY",))
    assert ipa == ("Xarel", ("Z AH R EH L",))
    assert like.shown == "DorzalGen"
    assert like.phones[0].startswith("D AO R ")
    assert plain.shown == "zolvitrane"
    assert custom.fingerprint((plain,)) != custom.fingerprint((ipa,))
    with pytest.raises(InputError, match="model and vocabulary are for the embedded engine"):
        medtx.transcribe(
            path, specialty="urology", type="dictation", engine="transcribe-medical", vocabulary=path
        )


def test_a_vocabulary_brings_words_that_the_stock_model_lacks():
    """Counts only: the words themselves are not shown."""
    names = [path.stem for path in (FOLDER / "references").glob("oncology-*.txt")]
    said = {n: {w for s in references_of(n) for w in s.split()} - words.stock().keys() for n in sorted(names)}
    name = max(said, key=lambda one: len(said[one]))
    shipped = medtx.read(FOLDER / "results" / f"{name}.json")
    assert not said[name] & set(shipped.words["content"])
    entries = (*custom.entries(sorted(said[name])), custom.Entry("Patient Was", ("P EY SH AH N T W AA Z",)))
    made = embedded.transcribe(
        str(FOLDER / "audio" / f"{name}.opus"), alternatives=3, chosen=models.Chosen("STOCK", entries)
    )
    items = made["results"]["items"]
    heard = [item["alternatives"][0]["content"] for item in items]
    assert len(said[name] & set(heard)) > len(said[name]) / 3
    assert not [word for word in heard if "phrase:" in word]
    for first, second in itertools.pairwise(items):
        assert float(first["start_time"]) < float(first["end_time"]) <= float(second["start_time"]) + 1e-9


def test_a_phrase_of_several_words_has_a_time_for_each():
    assert custom.said("phrase:atrial\N{NO-BREAK SPACE}fibrillation") == ["atrial", "fibrillation"]
    assert custom.said("fibrillation") == ["fibrillation"]

    class Heard:
        def seg(self):
            yield SimpleNamespace(word="<sil>", start_frame=0, end_frame=9, prob=1.0)
            word = "phrase:atrial\N{NO-BREAK SPACE}fibrillation(2)"
            yield SimpleNamespace(word=word, start_frame=10, end_frame=109, prob=1.2)

    first, second = embedded.words(Heard(), 16000)
    assert first == {"content": "atrial", "start": 1.1, "end": 1.6, "confidence": 1.0}
    assert second == {"content": "fibrillation", "start": 1.6, "end": 2.1, "confidence": 1.0}


def test_a_specialtys_model_is_built_once_and_named_in_the_result(empty_cache, tmp_path, capfd):
    kind = {"specialty": "urology", "type": "dictation", "progress": False, "workers": 1}
    audio, out = FOLDER / "audio" / "urology-02.opus", tmp_path / "out"
    special = medtx.transcribe(audio, out=out, **kind)
    assert capfd.readouterr().err.count("building the urology language model") == 1
    assert re.search(r"pocketsphinx [\d.]+, urology-[0-9a-f]{12}\)", special.recordings["engine"].iloc[0])
    (folder,) = (empty_cache / "medtx" / "models").iterdir()
    for path in (folder, *folder.iterdir()):
        assert stat.S_IMODE(path.stat().st_mode) & 0o077 == 0
    again = medtx.transcribe(audio, out=out, **kind)
    assert capfd.readouterr().err == ""
    assert again.words.equals(special.words)
    with pytest.raises(
        ReadError, match=r"made with UROLOGY.*urology-\w+ model, not .* stock model: overwrite"
    ):
        medtx.transcribe(audio, out=out, model="stock", **kind)
    stock = medtx.transcribe(audio, model="stock", **kind)
    assert stock.recordings["engine"].iloc[0].endswith("en-us)")
    references = medtx.read(FOLDER / "references" / "urology-02.txt")
    wer = [
        medtx.align(references, t, normalize="medical").rates().loc["TOTAL", "wer"] for t in (special, stock)
    ]
    assert wer[0] < wer[1]


def build_small(folder: str) -> str:
    models.GENERAL = 500
    return str(models.build(["the patient denies chest pain"], Path(folder)))


def test_processes_that_build_at_once_do_not_disturb_each_other(tmp_path):
    with multiprocessing.get_context("spawn").Pool(2) as pool:
        made = pool.map(build_small, [str(tmp_path / "model")] * 2)
    assert set(made) == {str(tmp_path / "model")}
    assert sorted(path.name for path in tmp_path.iterdir()) == ["model"]
    assert sorted(path.name for path in (tmp_path / "model").iterdir()) == [models.DICT, models.LM]
    assert models.choose(tmp_path / "model", "UROLOGY") == str(tmp_path / "model")


def test_a_model_of_own_notes(tmp_path, capsys):
    notes = tmp_path / "notes.txt"
    lines = text.expand("oncology", 4000)[-400:]
    notes.write_text("\n".join(f"{line}. Zolvitrane 2.5 mg daily." for line in lines))
    out = tmp_path / "mine"
    main(["models", "build", "--specialty", "urology", "--text", str(notes), "--out", str(out)])
    printed = capsys.readouterr().out
    before, after = (
        [float(value) for value in re.search(rf"{row} +(\S+) +(\S+)", printed).groups()]
        for row in ("before", "after")
    )
    assert after[0] < before[0]
    assert after[1] < before[1]
    assert "zolvitrane " in (out / models.DICT).read_text()
    assert "zolvitrane" not in printed
    with pytest.raises(MedtxError, match="is there already"):
        adapt.adapt("urology", notes, out)


def test_errors_are_one_line(tmp_path, capsys):
    few = tmp_path / "few.txt"
    few.write_text("one note\n" * 20)
    with pytest.raises(
        ReadError, match=r"few.txt: expected at least 100 sentences beside every tenth line, found 18"
    ):
        adapt.adapt("urology", few, tmp_path / "out")
    (tmp_path / "bytes.txt").write_bytes(b"note \xff")
    with pytest.raises(ReadError, match="at byte 5: expected text in UTF-8"):
        adapt.adapt("urology", tmp_path / "bytes.txt", tmp_path / "out")
    with pytest.raises(ReadError, match="no such file"):
        adapt.adapt("urology", tmp_path / "none.txt", tmp_path / "out")
    with pytest.raises(InputError, match="model='nosuch' is not one of 'stock', 'pooled' or a specialty"):
        medtx.transcribe(few, specialty="urology", type="dictation", model="nosuch")
    for wrong in (["--text", "x"], ["--out", "x"], ["--specialty", "surgery"]):
        with pytest.raises(SystemExit):
            main(["models", "build", *wrong])
    assert capsys.readouterr().err.count("medtx: ") == 3
