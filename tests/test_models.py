"""The embedded engine's language models: their texts, the arithmetic, pronunciations, vocabularies, adaptation."""

import multiprocessing
import re
import stat
from pathlib import Path

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

SENTENCES = st.lists(st.lists(st.sampled_from("abcde"), min_size=1, max_size=6), min_size=1, max_size=20)
VOCABULARY = sorted([ngrams.START, ngrams.END, *"abcdef"])


@pytest.fixture(autouse=True, scope="module")
def small():
    """Fewer of the stock model's words: the tests build several models."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(models, "GENERAL", 2000)
        yield


@pytest.fixture(scope="module")
def cache(tmp_path_factory):
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
        assert sentences == text.expand(name)
        assert not [
            s for s in sentences if not re.fullmatch(r"[a-z]+(?:'[a-z]+)*(?: [a-z]+(?:'[a-z]+)*)*", s)
        ]
    pooled = models.sentences(models.POOLED)
    assert len(pooled) == text.SENTENCES
    with pytest.raises(MedtxError, match="make only"):
        text.expand("urology", 10**6)


def test_every_template_can_be_filled():
    for name in SPECIALTIES:
        parts = text._parts(name.lower())
        for lines in (parts["sentences"], text._parts("common")["sentences"], text._parts("common")["sweep"]):
            decks = text._Decks(text._parts("common") | parts, text.Random(0))
            for template in lines:
                assert re.fullmatch(r"[a-z' ]+", decks.fill(template)), template


def test_the_texts_are_not_the_references(dictations):
    """Only numbers are shown: the dictations stay unread."""
    written = {name: text.expand(name) for name in SPECIALTIES}
    said = {name: references_of(dictations, name) for name in dictations.audio.index}
    sentences = {sentence for lines in written.values() for sentence in lines}
    runs = {run for sentence in sentences for run in runs_of(sentence.split())}
    shared = sum(sentence in sentences for spoken in said.values() for sentence in spoken)
    spoken_runs = [run for spoken in said.values() for s in spoken for run in runs_of(s.split())]
    share = sum(run in runs for run in spoken_runs) / len(spoken_runs)
    print(f"shared sentences {shared}; of {len(spoken_runs)} runs of six words {share:.2%} are in the texts")
    assert shared == 0 and share < 0.02, (shared, share)


def references_of(dictations: medtx.datasets.Dataset, name: str) -> list[str]:
    path = Path(dictations.audio[name]).parents[1] / "references" / f"{name}.txt"
    parts = re.split(r"(?<=[.?!])\s+", path.read_text(encoding="utf-8"))
    spoken = (words.as_said(part) for part in parts)
    return [sentence for sentence in spoken if len(sentence.split()) > 3]


def runs_of(sentence: list[str]) -> list[tuple[str, ...]]:
    return [tuple(sentence[k : k + 6]) for k in range(len(sentence) - 5)]


def test_every_word_of_the_texts_has_sounds_of_the_acoustic_model():
    phones = {phone for known in words.stock().values() for one in known for phone in one.split()}
    shipped = words.shipped()
    assert not text.every_word() - shipped.keys() - words.stock().keys()
    assert {phone for known in shipped.values() for one in known for phone in one.split()} <= phones
    assert words.pronounce("metoprolol")[0] == "M AH T OW P R AH L AO L"  # by hand, before espeak-ng's


@given(st.text("abcdefghijklmnopqrstuvwxyz", min_size=1, max_size=20))
def test_any_spelling_has_a_sound(word):
    phones = {phone for known in words.stock().values() for one in known for phone in one.split()}
    assert set(words.by_letters(word).split()) <= phones
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
    assert like.shown == "DorzalGen" and like.phones[0].startswith("D AO R ")
    assert plain.shown == "zolvitrane"
    assert custom.fingerprint((plain,)) != custom.fingerprint((ipa,))
    with pytest.raises(InputError, match="model and vocabulary are for the embedded engine"):
        medtx.transcribe(
            path, specialty="urology", type="dictation", engine="transcribe-medical", vocabulary=path
        )


def test_a_vocabulary_brings_words_that_the_stock_model_lacks(dictations):
    """Counts only: the words themselves are not shown."""
    known = words.stock()
    said = {
        name: {w for s in references_of(dictations, name) for w in s.split()} - known.keys()
        for name in dictations.audio.index
        if "oncology" in name
    }
    name = max(said, key=lambda one: len(said[one]))
    heard = {}
    for vocabulary in (None, sorted(said[name])):
        t = medtx.transcribe(
            dictations.audio[name],
            specialty="oncology",
            type="dictation",
            model="stock",
            vocabulary=vocabulary,
            progress=False,
        )
        heard[vocabulary is None] = len(said[name] & set(t.words["content"]))
        assert t.words["start"].is_monotonic_increasing
        assert t.words["confidence"].between(0, 1).all()
    assert heard[True] == 0
    assert heard[False] > len(said[name]) / 3


def test_a_phrase_of_several_words_has_a_time_for_each(dictations):
    chosen = models.Chosen(
        "STOCK", (custom.Entry("Blood Pressure", tuple(custom._sounds("blood-pressure"))),)
    )
    for name in ("primarycare-05", "primarycare-06", "cardiology-02", "cardiology-05", "cardiology-06"):
        made = embedded.transcribe(dictations.audio[name], alternatives=3, chosen=chosen)["results"]
        contents = [item["alternatives"][0]["content"] for item in made["items"]]
        places = [n for n, word in enumerate(contents) if word == "Blood"]
        if places:
            break
    first, second = made["items"][places[0] : places[0] + 2]
    assert second["alternatives"][0]["content"] == "Pressure"
    assert float(first["start_time"]) < float(first["end_time"]) == float(second["start_time"])
    assert not [word for word in contents if "phrase:" in word]


def test_a_specialtys_model_is_built_once_and_named_in_the_result(cache, dictations, tmp_path, capfd):
    kind = {"specialty": "urology", "type": "dictation", "progress": False, "workers": 1}
    audio, out = dictations.audio["urology-02"], tmp_path / "out"
    special = medtx.transcribe(audio, out=out, **kind)
    assert capfd.readouterr().err.count("building the urology language model") == 1
    assert re.search(r"pocketsphinx [\d.]+, urology-[0-9a-f]{12}\)", special.recordings["engine"].iloc[0])
    (folder,) = (cache / "medtx" / "models").iterdir()
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
    wer = [
        medtx.align(t, dictations.references, "medical").rates().loc["TOTAL", "wer"] for t in (special, stock)
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
    assert after[0] < before[0] and after[1] < before[1]
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
