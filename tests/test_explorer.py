"""The explorer in a kernel without a browser: what it shows is what the sweep says."""

import base64
import json
import re
from io import BytesIO

import nbformat
import numpy as np
import pandas as pd
import pytest
from nbclient import NotebookClient
from nbconvert import HTMLExporter
from PIL import Image

import medtx
from medtx.errors import InputError, MedtxError
from medtx.tables import OPS, frame
from medtx.thresholds.slips import slips
from medtx.thresholds.units import scores_of
from medtx.widgets import explore
from tests.conftest import ROOT, job
from tests.test_thresholds import aligned

RED = [214, 39, 40]


@pytest.fixture(scope="module")
def alignment(dictations):
    return medtx.align(dictations.references, dictations.transcripts)


def numbers(html: str) -> list[float]:
    return [float(n.replace(",", "")) for n in re.findall(r"\d[\d,]*\.?\d*", plain(html))]


def plain(html: str) -> str:
    return re.sub("<style>.*</style>|<[^>]+>", " ", html, flags=re.DOTALL)


def press(explorer, label: str) -> str:
    """Press a button of the panel; what the panel then says."""
    (button,) = [part for part in parts(explorer.panel) if getattr(part, "description", "") == label]
    button.click()
    return plain(explorer._said.value).strip()


def parts(widget):
    yield widget
    for child in getattr(widget, "children", ()):
        yield from parts(child)


def agrees(explorer, row: pd.Series, words: int, wer: float) -> None:
    """The sentence, the picture and the list are those of this row of a sweep."""
    found = numbers(explorer._words.value)
    errors = row["errors_caught"] + row["errors_missed"]
    share, after = 100 * row["review_share"], 100 * row["wer_after_review"]
    assert found[:4] == [row["review_words"], words, round(share), round(row["review_minutes"], 1)]
    assert found[4:7] == [errors, row["errors_caught"], row["errors_missed"]]
    heard, beyond = row["deletions_heard"], row["deletions"]
    assert found[7:-2] == ([heard + beyond, heard, beyond] if heard else [beyond])
    assert found[-2:] == [pytest.approx(100 * wer, abs=0.051), pytest.approx(after, abs=0.051)]
    picture = np.asarray(Image.open(BytesIO(explorer._picture.value)))
    x, y = explorer._view.picture.ax.transData.transform((share, after)).round().astype(int)
    assert picture[len(picture) - 1 - y, x].tolist() == RED  # the marker is where the numbers are
    rows = explorer._list.value.count("<tr>") - 1
    assert max(rows, 0) == min(15, row["errors_missed"])


@pytest.mark.parametrize("unit", ["word", 5, "segment", "recording"])
def test_what_is_shown_is_what_the_sweep_says(alignment, unit):
    explorer = explore(alignment, unit=unit)
    s = medtx.sweep(alignment, unit=unit)
    words = s.at(np.inf)["review_words"].item()
    pictures = set()
    for value in (0.0, 0.2, 0.7529, 0.95, 1.0):
        explorer.value = value
        agrees(explorer, s.at(value).iloc[0], words, alignment.rates(replicates=10).loc["TOTAL", "wer"])
        pictures.add(explorer._picture.value)
        assert str(explorer.threshold()) == str(s.operating_point(value))
    assert len(pictures) == 5
    assert explorer.sweep.unit == unit


def test_slider_and_number_are_one(alignment):
    explorer = explore(alignment)
    explorer._slider.value = 0.3
    assert explorer.value == 0.3
    explorer._box.value = 0.75
    assert explorer._slider.value == 0.75
    explorer.value = 0.7529
    assert explorer._slider.value == 0.753  # as a browser rounds it
    explorer._slider.value = 0.753
    assert explorer.value == 0.7529
    for wrong in (-0.1, 1.1, float("nan")):
        with pytest.raises(InputError, match="is not a confidence between 0 and 1"):
            explorer.value = wrong


def test_groups_and_units_can_be_chosen(alignment):
    explorer = explore(alignment, by="specialty")
    rates = alignment.rates("specialty", replicates=10)
    for unit, name in (("word", "word"), ("window of 5 words", 5)):
        explorer._unit.label = unit
        s = medtx.sweep(alignment, "specialty", unit=name)
        everything = s.at(np.inf).set_index("group")["review_words"]
        rows = s.at(explorer.value).set_index("group")
        for group in s.groups:
            explorer._group.label = group
            agrees(explorer, rows.loc[group], everything[group], rates.loc[group, "wer"])
            assert f"specialty {group}" in repr(explorer)
            shown = re.findall(r"<tr><td>(\S+?)-\d", explorer._list.value)
            assert set(shown) <= {group.lower(), *(["conversation"] if group == "PRIMARYCARE" else [])}
    explorer._group.label = "all"
    s = medtx.sweep(alignment, unit=5)
    agrees(explorer, s.at(0.5).iloc[0], everything.sum(), rates.loc["TOTAL", "wer"])
    assert str(explorer.threshold()) == str(s.operating_point(0.5))


def test_a_unit_that_cannot_be_had_is_told():
    pairs = frame(
        "pairs",
        {
            "recording": ["a", "a"],
            "op": pd.Categorical(["equal", "insert"], OPS),
            "hypothesis": ["so", "on"],
            "position": [0, 1],
            "words": [1, 1],
            "confidence": [0.9, 0.4],
        },
    )
    known = frame("recordings", {"recording": ["a"]})
    explorer = explore(medtx.Alignment(pairs, known, [], [], pairs, pairs, None))
    shown = explorer._words.value
    explorer._unit.label = "segment"
    assert "segment" in plain(explorer._said.value)
    assert explorer._unit.label == "word"
    assert explorer.sweep.unit == "word"
    assert explorer._words.value == shown


def test_the_least_cost_is_that_of_the_whole_table(alignment):
    explorer = explore(alignment, by="type")
    for group, hear, miss in (
        ("all", 1, 20),
        ("all", 1, 3),
        ("DICTATION", 2, 5),
        ("all", 1, 0),
        ("all", 0, 9),
    ):
        explorer._group.label = group
        explorer._hear.value, explorer._miss.value = hear, miss
        table = medtx.sweep(alignment, None if group == "all" else "type").table
        if group != "all":
            table = table[table["group"] == group]
        costs = (
            1000
            * (hear * table["review_words"] + miss * table["errors_missed"])
            / table["review_words"].max()
        )
        least = table["threshold"].iloc[int(costs.to_numpy().argmin())]
        now = costs.to_numpy()[int((table["threshold"] < explorer.value).sum())]
        place = "with everything reviewed" if np.isinf(least) else f"at {least:.4g}"
        said = f"cost per 1,000 words: {now:,.0f}; least {place}: {costs.min():,.0f}"
        assert plain(explorer._cost.value).strip() == said


def test_a_suggestion_keeps_its_guarantee_until_it_is_moved(alignment):
    explorer = explore(alignment, max_error=0.1)
    chosen = medtx.sweep(alignment).choose(max_error=0.1)
    assert press(explorer, "Suggest") == str(chosen)
    assert explorer.value == chosen.value
    assert str(explorer.threshold()) == str(chosen)
    explorer.value = 0.4
    assert explorer._said.value == ""
    assert str(explorer.threshold()) == str(medtx.sweep(alignment).operating_point(0.4))
    press(explorer, "Suggest")
    explorer._unit.label = "recording"  # what was chosen was for words
    assert explorer.threshold().unit == "recording"
    explorer._limit.value = 0
    assert "max_error=0" in press(explorer, "Suggest")


def test_a_suggestion_of_everything_leaves_the_slider():
    explorer = explore(aligned(*[[(True, 0.9), (False, 0.2)]] * 10), max_error=0.05)
    assert "too few" in press(explorer, "Suggest")
    assert explorer.value == 0.5


def test_a_threshold_is_saved(alignment, tmp_path):
    explorer = explore(alignment)
    press(explorer, "Suggest")
    explorer._signed.value, explorer._note.value = "Dr Ada Example", "for the pilot"
    explorer._file.value = str(tmp_path / "kept.json")
    assert press(explorer, "Save") == f"saved as {(tmp_path / 'kept.json').resolve()}"
    kept = json.loads((tmp_path / "kept.json").read_text())
    assert (kept["value"], kept["signed_by"], kept["note"]) == (
        explorer.value,
        "Dr Ada Example",
        "for the pilot",
    )
    explorer._file.value = str(tmp_path / "kept.json" / "inside.json")
    assert "cannot be written" in press(explorer, "Save")


def test_it_is_shown_with_a_picture_for_where_nothing_runs(alignment):
    explorer = explore(alignment)
    data = explorer._repr_mimebundle_()
    assert data["application/vnd.jupyter.widget-view+json"]["model_id"] == explorer.panel.model_id
    assert base64.b64decode(data["image/png"]) == explorer._picture.value
    assert data["text/plain"] == repr(explorer)
    assert repr(explorer).startswith("<Explorer: word below 0.5: review 3,2")


def test_a_notebook_keeps_the_picture():
    notebook = nbformat.read(ROOT / "tests" / "data" / "explorer.ipynb", as_version=4)
    NotebookClient(notebook, store_widget_state=False).execute()
    (output,) = notebook.cells[-1].outputs
    assert {"application/vnd.jupyter.widget-view+json", "image/png", "text/plain"} == set(output.data)
    page = HTMLExporter().from_notebook_node(notebook)[0]
    assert f'src="data:image/png;base64,{output.data["image/png"].strip()[:500]}' in page


def test_words_cannot_be_markup():
    results = job(("<b>", 0.9), ("a&b", 0.8), ("<script>", 0.7), name="<i>visit</i>")
    explorer = explore(medtx.align({"<i>visit</i>": "b <c> script"}, medtx.read(results), normalize="none"))
    for text in ("&lt;b&gt;", "a&amp;b", "&lt;script&gt;", "&lt;c&gt;", "&lt;i&gt;visit&lt;/i&gt;"):
        assert text in explorer._list.value
    assert not re.search("<script|<i>|<c>|<b><b>", explorer._list.value)


def test_without_confidences_there_is_one_clear_error():
    with pytest.raises(MedtxError, match="these words have no confidences"):
        explore(medtx.align({"a": "no pains"}, {"a": "no pain"}))


def test_nothing_slips_through_of_words_that_are_right():
    explorer = explore(aligned([(True, 0.9), (True, 0.2)]))
    assert plain(explorer._list.value).strip() == "no error slips through"
    assert explorer._words.value


def test_slips_against_a_plain_reading(alignment):
    pairs = alignment.pairs
    for unit in ("word", 5):
        scores = scores_of(alignment, unit).token
        found = slips(alignment, scores, 0.6, most=None)
        wanted = pairs[pairs["op"].isin(["substitute", "insert"]) & (scores >= 0.6)]
        assert len(found) == len(wanted) == medtx.sweep(alignment, unit=unit).at(0.6)["errors_missed"].item()
        wanted = wanted.sort_values("confidence", ascending=False, kind="stable")
        assert found["heard"].tolist() == wanted["hypothesis"].tolist()
        assert found["said"].tolist() == wanted["reference"].fillna("").tolist()
        for column in ("recording", "start", "confidence"):
            assert found[column].tolist() == wanted[column].tolist()
        by_name = dict(iter(pairs[pairs["op"] != "delete"].groupby("recording", observed=True)))
        for (label, row), slip in zip(wanted.iterrows(), found.itertuples()):
            spoken = by_name[row["recording"]]
            n = spoken.index.get_loc(label)
            words = spoken["hypothesis"].tolist()
            assert slip.before == " ".join(words[max(0, n - 4) : n])
            assert slip.after == " ".join(words[n + 1 : n + 5])
        first = slips(alignment, scores, 0.6)
        pd.testing.assert_frame_equal(first, found.head(15))
    assert slips(alignment, scores, np.inf).empty
