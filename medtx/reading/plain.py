"""Plain text: a recording a file, or a line a recording; and Word documents."""

import re
from collections.abc import Iterator
from io import BytesIO
from typing import Any
from zipfile import ZipFile

import msgspec

from medtx.errors import ReadError, optional
from medtx.files import BROKEN_ZIP, OWN_DOCUMENT, bounded_archive
from medtx.reading import nist, turns
from medtx.reading.build import Parsed
from medtx.reading.captions import captions, is_captions
from medtx.reading.manifests import timed
from medtx.reading.told import tell
from medtx.reading.utterances import Utterance, recording

_TIMED = re.compile(r"\s*\d+[.]\d+\s+\d+[.]\d+\s+\S")


def _is_json(text: str) -> bool:
    if text.lstrip()[:1] not in ("{", "["):
        return False
    try:
        return isinstance(msgspec.json.decode(text), dict | list)
    except (msgspec.DecodeError, RecursionError):
        return False


def plain(text: str, source: str, *, speakers: bool | None = None) -> list[Parsed]:
    """One recording, a line an utterance; or ``recording<TAB>text`` lines, each a recording.

    Speaker labels and time stamps become speakers and times (`medtx.reading.turns`).
    """
    if is_captions(text):
        return captions(text, source, speakers=speakers)
    if _is_json(text):
        raise ReadError(source, "holds JSON, no running text: name it .json")
    lines = [(n, line) for n, line in enumerate(text.splitlines(), 1) if line.strip()]
    rows = [(n, line.split("\t")) for n, line in lines]
    if lines and all(_TIMED.match(line) for _, line in lines):
        rows = [(n, line.split(None, 2)) for n, line in lines]
    if rows and (found := timed([row for _, row in rows])) and len(found) == len(rows):
        return [recording(found, source)]  # Audacity's labels
    tabbed = [(n, line) for n, line in lines if "\t" in line.strip()]
    said, doubt = turns.utterances(text, speakers)
    if speakers is not False and any(u.speaker or u.start is not None for u in said):
        tabbed = []
    if tabbed and len(tabbed) == len(lines):
        return _keyed(tabbed, source, speakers)
    if tabbed and 2 * len(tabbed) > len(lines):
        without = next(n for n, line in lines if (n, line) not in tabbed)
        raise ReadError(source, "expected recording, tab and text as in most lines", f"line {without}")
    if nist.is_kaldi(text):
        tell(source, "each line begins with a name, so these are recordings")
        return nist.kaldi(text, source)
    if doubt:
        tell(source, doubt)
    return [recording(said, source)]


def _keyed(lines: list[tuple[int, str]], source: str, speakers: bool | None) -> list[Parsed]:
    texts: dict[str, str] = {}
    for number, line in lines:
        name, _, said = line.partition("\t")
        if not name.strip():
            raise ReadError(source, "expected recording, tab and text", f"line {number}")
        if name.strip() in texts:  # not shown: it may be text
            raise ReadError(source, "expected each recording once, found one again", f"line {number}")
        texts[name.strip()] = said
    return [recording(spoken(said, source, speakers), source, name) for name, said in texts.items()]


def spoken(text: str, source: str, speakers: bool | None = None) -> list[Utterance]:
    """The utterances of a text; what is doubtful of its labels is told."""
    said, doubt = turns.utterances(text, speakers)
    if doubt:
        tell(source, doubt)
    return said


_TITLES = frozenset(
    "# no no. time times timestamp timestamps timecode start end speaker speakers role name text transcript"
    " transcription utterance content words".split()
)
_WORD = "{http://schemas.openxmlformats.org/wordprocessingml/2006/main}"
_SKIPPED = {
    _WORD + tag for tag in ("del", "moveFrom", "pPr", "rPr", "tblPr", "sectPr", "instrText", "delText")
}
_FALLBACK = "{http://schemas.openxmlformats.org/markup-compatibility/2006}Fallback"
_SIGNS = {"tab": "\t", "br": "\n", "cr": "\n", "noBreakHyphen": "-", "ptab": "\t"}


def docx(data: bytes, source: str, *, speakers: bool | None = None) -> list[Parsed]:
    """A Word document: its paragraphs and the rows of its tables are lines.

    Text that was inserted while changes were tracked counts, deleted text does not. Headers,
    footers, footnotes and comments are left out. Needs the extra ``docx``.
    """
    library = optional("docx", "docx")
    try:
        with ZipFile(BytesIO(data)) as archive:
            bounded_archive(archive, len(data), source)
        document = library.Document(BytesIO(data))
        body, own = document.element.body, document.core_properties.category == OWN_DOCUMENT
        if own:
            return [_own(document, source)]
        lines = list(_lines(body))
    except (*BROKEN_ZIP, SyntaxError, TypeError, AttributeError) as error:
        raise ReadError(source, f"expected a Word document (.docx), found {type(error).__name__}") from None
    titles = (
        n for n, line in enumerate(lines) if "\t" in line and _TITLES.issuperset(line.lower().split("\t"))
    )
    if (first := next(titles, None)) is not None:  # of a table's columns
        del lines[first]
    text = "\n".join(lines)
    return [recording(spoken(text, source, speakers), source)]


def _lines(node: Any) -> Iterator[str]:
    """The text of each paragraph; the cells of a table's row are parted by tabs."""
    for child in node:
        if child.tag == _WORD + "p":
            yield "".join(_pieces(child))
        elif child.tag == _WORD + "tr":
            cells = [" ".join(" ".join(_lines(cell)).split()) for cell in _cells(child)]
            yield "\t".join(cell for cell in cells if cell)
        elif child.tag not in _SKIPPED and child.tag != _FALLBACK:
            yield from _lines(child)


def _cells(row: Any) -> Iterator[Any]:
    """Of a row, also those within a content control; a cell's own tables are read with the cell."""
    for child in row:
        if child.tag == _WORD + "tc":
            yield child
        elif child.tag not in _SKIPPED:
            yield from _cells(child)


def _pieces(node: Any) -> Iterator[str]:
    for child in node:
        if child.tag in _SKIPPED or child.tag == _FALLBACK:
            continue
        if child.tag == _WORD + "t":
            yield child.text or ""
        elif child.tag == _WORD + "p":  # in a text box
            yield "\n" + "".join(_pieces(child)) + "\n"
        elif isinstance(child.tag, str) and (sign := _SIGNS.get(child.tag.removeprefix(_WORD))):
            yield sign
        else:
            yield from _pieces(child)


_HEADING = re.compile(r"(?:(\d\d+):(\d\d):(\d\d))?\s*(.*)", re.S)


def _own(document: Any, source: str) -> Parsed:
    """What `Transcripts.to_docx` wrote: a paragraph begins with its time and speaker in bold type."""
    said, name = [], ""
    for paragraph in document.paragraphs:
        style = paragraph.style.name
        if style.startswith(("Heading", "Title")):
            name = paragraph.text
        if style.startswith(("Heading", "Title", "Subtitle")) or not paragraph.runs:
            continue
        first = paragraph.runs[0]
        heading = first.text if first.bold else ""
        hours, minutes, rest, speaker = _HEADING.fullmatch(heading).groups()  # type: ignore[union-attr]
        start = 3600.0 * int(hours) + 60 * int(minutes) + int(rest) if hours else None
        text = "".join(_pieces(paragraph._p))[len(heading) :]
        said.append(Utterance(text, start, None, speaker.strip() or None))
    return recording(said, source, name)
