"""TextGrids: words are taken, phones, notes and pitch are not, and what was left out is told.

The files are written by praatio, in Praat's long and short form; names of tiers are those of the
Montreal Forced Aligner, MAUS and PriMock57.
"""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from praatio import textgrid as praat

import medtx
from medtx.errors import InputError, ReadError
from medtx.reading.textgrid import textgrid

FORMS = ["long_textgrid", "short_textgrid"]


def write(path, tiers, form=FORMS[0]):
    grid = praat.Textgrid(0, 100)
    for name, entries in tiers.items():
        kind = praat.IntervalTier if len(entries[0]) == 3 else praat.PointTier
        grid.addTier(kind(name, entries, 0, 100))
    grid.save(str(path), form, includeBlankSpaces=True, reportingMode="silence")
    return path


def rows(t):
    return list(zip(t.words["content"], t.words["start"], t.words["end"], t.words["speaker"].astype(object)))


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("name", ["words", "Word", "ORT-MAU", "orthography"])
def test_the_tier_of_words_is_taken_with_its_times(tmp_path, form, name):
    tiers = {
        "phones": [(0, 0.2, "T"), (0.2, 0.5, "EY1")],
        name: [(0, 0.5, "take"), (0.5, 1, "two"), (1, 2, "sil"), (2, 3, "daily")],
        "pitch": [(0.1, "120.5")],
        "notes": [(0, 1, "door slams")],
    }
    path = write(tmp_path / "v.TextGrid", tiers, form)
    with pytest.warns(UserWarning, match=f"took the tiers {name!r} for words and left out 'phones', 'pitch'"):
        t = medtx.read(path)
    assert [row[:3] for row in rows(t)] == [("take", 0, 0.5), ("two", 0.5, 1), ("daily", 2, 3)]
    assert t.segments[["start", "end"]].to_numpy().tolist() == [[0, 1], [2, 3]]
    assert t.words["speaker"].isna().all()
    only = medtx.read(path, tiers="phones")  # no warning: it was asked for
    assert only.words["content"].tolist() == ["T", "EY1"]
    with pytest.raises(ReadError, match="no tier 'wrods': it has 'phones', "):
        medtx.read(path, tiers="wrods")
    with pytest.raises(InputError, match="is not a name, or a list of names"):
        medtx.read(path, tiers=[])


def test_words_and_phones_of_several_speakers(tmp_path):
    tiers = {
        "Ann - words": [(0, 1, "any"), (1, 2, "pain")],
        "Ann - phones": [(0, 1, "EH1")],
        "Bob - words": [(2, 3, "no")],
        "Bob - phones": [(2, 3, "N")],
    }
    path = write(tmp_path / "v.TextGrid", tiers)
    with pytest.warns(UserWarning, match="left out 'Ann - phones', 'Bob - phones'"):
        t = medtx.read(path)
    assert rows(t) == [("any", 0, 1, "Ann"), ("pain", 1, 2, "Ann"), ("no", 2, 3, "Bob")]
    assert rows(medtx.read(path, tiers="words")) == rows(t)
    assert rows(medtx.read(path, tiers=["Bob - words"])) == [("no", 2, 3, "Bob")]


def test_tiers_of_utterances_are_speakers(tmp_path):
    tiers = {"Doctor": [(0, 2, "Any pain?")], "Patient": [(1, 3, "Not now")], "Notes": [(0, 1, "loud")]}
    with pytest.warns(UserWarning, match="left out 'Notes'"):
        t = medtx.read(write(tmp_path / "v.TextGrid", tiers))
    assert t.segments[["start", "end", "speaker"]].to_numpy().tolist() == [
        [0, 2, "Doctor"],
        [1, 3, "Patient"],
    ]
    assert "start" in t.words
    assert t.words["start"].isna().all()


def test_the_same_words_in_two_tiers_count_once(tmp_path):
    tiers = {"utterances": [(0, 2, "take two")], "words": [(0, 1, "take"), (1, 2, "two")]}
    with pytest.warns(UserWarning, match="took the tiers 'words' for words and left out 'utterances'"):
        assert medtx.read(write(tmp_path / "v.TextGrid", tiers)).text().iloc[0] == "take two"


@pytest.mark.parametrize(
    ("tiers", "message"),
    [
        ({"phones": [(0, 1, "T")]}, "expected a tier of words, found 'phones': tiers= chooses"),
        ({"f0": [(0.5, "120")]}, "expected a tier of words, found 'f0'"),
        ({"A": [(n / 8, n / 8 + 0.1, "AH") for n in range(12)]}, "expected a tier of words, found 'A'"),
    ],
)
def test_no_words_are_made_of_other_tiers(tmp_path, tiers, message):
    with pytest.raises(ReadError, match=message):
        medtx.read(write(tmp_path / "v.TextGrid", tiers))


def test_what_is_not_whole_is_refused(tmp_path):
    path = tmp_path / "v.TextGrid"
    path.write_bytes(b"ooBinaryFile\x08TextGrid\x00\xff\x01")
    with pytest.raises(ReadError, match="is a binary TextGrid: save it in Praat as a text file"):
        medtx.read(path)
    for form in FORMS:
        whole = write(path, {"words": [(0, 1, "take"), (1, 2, "two")]}, form).read_text()
        for at in range(5, len(whole.rstrip()) - 1, 7):
            path.write_text(whole[:at])
            with pytest.raises(ReadError, match="expected a whole TextGrid"):
                medtx.read(path)


def test_small_and_negative_numbers(tmp_path):
    text = write(tmp_path / "v.TextGrid", {"words": [(0, 1, "take")]}).read_text()
    tiny = text.replace("xmin = 0", "xmin = 2.5e-13")
    assert textgrid(tiny, "x")[0].tables["words"]["start"].tolist() == [0.0]
    with pytest.raises(ReadError, match="expected seconds, 0 or more"):
        textgrid(text.replace("xmin = 0", "xmin = -0.5"), "x")


label = st.text(st.characters(codec="utf-8", exclude_categories=["Cc", "Cn", "Zl", "Zp"]), max_size=15)
hard = st.sampled_from(
    ['"', "item [2]:", 'class = "IntervalTier"', "intervals [1]:", 'text = "a"', "xmin = 3"]
)


@settings(deadline=None, max_examples=50)
@given(st.lists(st.one_of(label, hard), min_size=1, max_size=6), st.sampled_from(FORMS))
def test_no_label_vanishes(tmp_path_factory, labels, form):
    """Whatever a label holds, in either form."""
    entries = [(n, n + 1, f"{text} ok") for n, text in enumerate(labels)]
    path = write(tmp_path_factory.mktemp("grid") / "v.TextGrid", {"Ann": entries}, form)
    words = medtx.read(path).words["content"].tolist()
    assert words == [word for text in labels for word in f"{text} ok".split()]
