"""What is shown keeps its meaning: without styles and scripts, in print, and from one save to the next."""

import json
import re
import shutil
from html.parser import HTMLParser

import docx
import pytest

import medtx
from medtx.clinical import save_worklist
from medtx.html import fingerprint, page
from medtx.reports import score_page
from medtx.scoring import view
from medtx.thresholds import load_threshold
from medtx.widgets import explore
from tests.conftest import job
from tests.test_browser import BROWSERS
from tests.test_explorer import press


@pytest.fixture(scope="module")
def alignment(dictations):
    return medtx.align(
        hypotheses=dictations.transcripts, references=dictations.references, normalize="medical"
    )


class Parts(HTMLParser):
    """The elements of a page, with what each says."""

    VOID = ("meta", "img", "br", "input")

    def __init__(self, html: str) -> None:
        super().__init__()
        self.open: list[tuple[str, dict, list[str]]] = []
        self.found: list[tuple[str, dict, str]] = []
        self.text: list[str] = []
        self.feed(html)
        assert not self.open, "every element is closed"

    def handle_starttag(self, tag, attrs):
        if tag in self.VOID:
            self.found.append((tag, dict(attrs), ""))
        else:
            self.open.append((tag, dict(attrs), []))

    def handle_data(self, data):
        if not any(tag in ("style", "script") for tag, _, _ in self.open):
            self.text.append(data)
        for _, _, said in self.open:
            said.append(data)

    def handle_endtag(self, tag):
        opened, attrs, said = self.open.pop()
        assert opened == tag
        self.found.append((tag, attrs, "".join(said)))

    def all(self, tag: str) -> list[str]:
        return [said for name, _, said in self.found if name == tag]


def stripped(html: str) -> str:
    """What is left where neither styles nor scripts nor elements are let through."""
    return " ".join("".join(Parts(html).text).split())


def test_each_kind_of_error_has_its_element_and_its_sign():
    a = medtx.align(
        hypotheses={"visit": "he denies chess pain um today"},
        references={"visit": "so he denies chest pain today"},
        normalize="none",
    )
    html = a._repr_html_()
    parts = Parts(html)
    assert parts.all("mark")[1:] == ["chess"]
    assert parts.all("del")[1:] == ["[\u2212so]"]
    assert parts.all("ins")[1:] == ["[+um]"]
    assert "[\u2212so] he denies chess [chest] pain [+um] today" in stripped(html)
    key = stripped(html).split("as they were recognised. ")[1]
    assert key.startswith(
        "heard [said]: substituted; [\u2212said]: deleted, it was not recognised; [+heard]:"
    )


def test_all_recordings_are_in_the_view_and_in_its_search(alignment):
    html = alignment._repr_html_()
    parts = Parts(html)
    shown = [said for tag, attrs, said in parts.found if attrs.get("class") == "rec"]
    assert len(shown) == len(alignment.recordings) == 78
    for name, rows in alignment.pairs.groupby("recording", observed=True):
        (mine,) = [said for said in shown if said.startswith(f"{name}: ")]
        said = re.sub(r"\[\d+ right\]", " ", mine.partition("reference words")[2])
        said = re.sub(r"\[(?!\+)[^]]*\]", " ", said).replace("[+", "").replace("]", "")
        assert said.split() == " ".join(rows["hypothesis"].dropna()).split()
    assert len(html) < 1_000_000


def test_recordings_beyond_the_largest_page_are_named_and_searched(alignment, monkeypatch):
    monkeypatch.setattr(view, "LARGEST", 60_000)
    html = alignment._repr_html_()
    assert len(html) < 200_000
    shown = html.count('class="rec"')
    assert 5 < shown < 40
    assert f"{78 - shown} more recordings have fewer errors, and are not shown in full" in html
    names, index = json.loads(_data(html))
    assert len(names) == 78 - shown
    rows = alignment.pairs[alignment.pairs["recording"].astype(str).isin(names)]
    said = {*rows["hypothesis"].dropna(), *rows["reference"].dropna()}
    assert set(index) == said
    for word in sorted(said)[:50]:
        holding = rows[(rows["hypothesis"] == word) | (rows["reference"] == word)]["recording"]
        assert {names[n] for n in index[word]} == set(holding.astype(str))
    monkeypatch.setattr(view, "INDEX", 100)
    assert "They are too many for the search." in alignment._repr_html_()


def _data(html: str) -> str:
    """What the script of the view is given beyond the page."""
    return html.rsplit("...", 1)[1].partition(")</script>")[0]


def test_the_search_finds_what_is_there(alignment, monkeypatch, tmp_path):
    from playwright.sync_api import sync_playwright

    browser = next(filter(None, map(shutil.which, BROWSERS)), None)
    if browser is None:
        pytest.skip("no chromium here: apt-get install chromium")
    text = alignment.pairs["hypothesis"].fillna("") + " " + alignment.pairs["reference"].fillna("")
    there = set(alignment.pairs["recording"][text.str.contains("heparin")].astype(str))
    for largest in (view.LARGEST, 60_000):
        monkeypatch.setattr(view, "LARGEST", largest)
        path = tmp_path / "score.html"
        path.write_text(score_page(alignment))
        with sync_playwright() as play:
            args = ["--no-sandbox", "--disable-dev-shm-usage", "--disable-gpu"]
            chromium = play.chromium.launch(executable_path=browser, args=args)
            shown = chromium.new_page()
            shown.goto(path.as_uri())
            shown.fill("input", "heparin")
            told = shown.inner_text("output")
            seen = shown.locator(".rec:visible summary").all_inner_texts()
            chromium.close()
        assert told.startswith(f"in {len(there)} of 78 recordings")
        named = {line.split(":")[0] for line in seen} | set(told.partition("words: ")[2].split(", "))
        assert named - {""} == there


def test_what_is_denied_or_in_doubt_is_said():
    t = medtx.read(job(("denies", 0.9), ("fever", 0.9), ("takes", 0.9), ("warfarin", 0.3)))
    html = medtx.entities(t).show("visit", 0.5).html
    text = stripped(html)
    assert "fever [denied]" in text
    assert "warfarin [unsure: 0.30]" in text
    assert Parts(html).all("mark") == ["warfarin"]
    assert "In brackets: what is denied" in text


def test_a_denied_drug_and_a_denied_event_are_told_apart(tmp_path):
    e = medtx.entities(medtx.from_text({"visit": "Denies rash after starting amoxicillin 500 mg."}))
    text = stripped(save_worklist(medtx.safety(e), tmp_path / "list.html").read_text())
    assert "amoxicillin rash (denied)" in " ".join(text.split())


def test_marks_of_a_document_are_seen_without_colour(tmp_path):
    t = medtx.read(job(("take", 0.9), ("fifty", 0.4), ("now", 0.8)))
    document = docx.Document(str(t.to_docx(tmp_path, threshold=0.5)[0]))
    runs = [run for paragraph in document.paragraphs for run in paragraph.runs]
    marked = [run.text for run in runs if run.font.underline == docx.enum.text.WD_UNDERLINE.WAVY]
    assert marked == ["fifty"]
    assert "take fifty now" in " ".join(p.text for p in document.paragraphs)  # no sign is read as a word


def test_every_page_says_what_it_rests_on(alignment, tmp_path):
    e = medtx.entities(medtx.from_text({"visit": "takes warfarin"}))
    pages = {
        "report": medtx.report(alignment, tmp_path / "r.html").read_text(),
        "score": score_page(alignment, "specialty"),
        "safety": save_worklist(medtx.safety(e), tmp_path / "s.html").read_text(),
    }
    for name, html in pages.items():
        parts = Parts(html)
        metas = {attrs.get("name"): attrs.get("content") for tag, attrs, _ in parts.found if tag == "meta"}
        assert metas["viewport"].startswith("width=device-width"), name
        assert metas["generator"] == f"medtx {medtx.__version__}"
        assert re.match(r"20\d\d-\d\d-\d\dT", metas["date"])
        assert html.startswith('<!doctype html>\n<html lang="en">')
        for style in ("@media print", "prefers-color-scheme: dark", "color-scheme: light dark"):
            assert style in html
        (facts,) = [said for _, attrs, said in parts.found if attrs.get("class") == "made"]
        assert re.search(r"made: 20\d\d-\d\d-\d\d \d\d:\d\d UTC; medtx: \d", facts)
        assert re.search(r"fingerprint [0-9a-f]{16}", facts)
        assert ("normaliser: none" if name == "safety" else "normaliser: medical") in facts
        assert len(parts.all("h1")) == len(parts.all("title")) == 1
    threshold = medtx.sweep(alignment).choose(max_error=0.1)
    assert f"The record's fingerprint is {threshold.fingerprint}" in pages["report"]


def test_a_fingerprint_is_of_the_data(alignment):
    rows = alignment.pairs[["recording", "op", "hypothesis", "confidence"]]
    assert fingerprint(rows) == fingerprint(rows[::-1])
    assert fingerprint(rows) != fingerprint(rows[1:])
    assert fingerprint(rows) != fingerprint(rows.assign(confidence=rows["confidence"] + 1e-9))
    assert "<b>" not in page("<b>", [], {"<b>": "<b>"})


def test_a_signed_record_is_never_written_over(tmp_path, alignment):
    s = medtx.sweep(alignment)
    path = tmp_path / "threshold.json"
    assert s.operating_point(0.3).save(path) == path
    assert s.operating_point(0.5).save(path, signed_by="Dr Roe") == path  # nobody had signed the first
    kept = path.read_bytes()
    second = s.operating_point(0.7).save(path, signed_by="Dr Poe")
    third = s.operating_point(0.8).save(path)
    assert [p.name for p in (second, third)] == ["threshold-2.json", "threshold-3.json"]
    assert path.read_bytes() == kept
    assert [load_threshold(p).value for p in (path, second, third)] == [0.5, 0.7, 0.8]
    assert s.operating_point(0.9).save(path).name == "threshold-3.json"  # that was not signed
    notes = tmp_path / "notes.txt"
    notes.write_text("mine")
    assert s.operating_point(0.9).save(notes).name == "notes-2.txt"
    assert notes.read_text() == "mine"
    each = medtx.sweep(alignment, "noise").choose_each(max_error=0.3)
    first = each.save(tmp_path / "each.json", signed_by="Dr Roe")
    assert each.save(first, signed_by="Dr Poe").name == "each-2.json"
    assert {t.signed_by for t in load_threshold(first).each.values()} == {"Dr Roe"}


def test_the_explorer_keeps_what_was_signed(tmp_path, alignment):
    panel = explore(alignment)
    panel._file.value, panel._signed.value = str(tmp_path / "threshold.json"), "Dr Roe"
    press(panel, "Save")
    kept = (tmp_path / "threshold.json").read_bytes()
    panel.value = 0.9
    said = press(panel, "Save")
    assert said.endswith("threshold-2.json; threshold.json was there before, and is left as it was")
    assert (tmp_path / "threshold.json").read_bytes() == kept
    assert load_threshold(tmp_path / "threshold-2.json").value == 0.9
