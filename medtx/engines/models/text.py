"""The specialties' texts: templates and word lists (``texts/*.txt``) -> sentences.

A file has parts, each headed ``= name``. ``= sentences`` holds one template a line; every
other part is a list, its entries separated by commas or line ends. In either, ``{name}``
stands for an entry of a list, ``{@name}`` for one of the project's own lexicons,
``{5..90/5}`` and ``{1.0..9.9}`` for a number as it is said, ``{year}`` for a year, and
``{one|other}`` for one of these. Everything is written as it is said: "five milligrams".
"""

import re
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path
from random import Random

from medtx.errors import MedtxError
from medtx.specialties import SPECIALTIES

SENTENCES = 12_000
"""Of each specialty: equal, since more text alone makes a better model."""

SHARES = {"own": 0.5, "common": 0.3, "sweep": 0.2}
"""Of a specialty's sentences: from its own templates, from those that all share, and from those
that go through the project's lexicons."""

FOLDER = Path(__file__).parent
_RULES = FOLDER.parents[1]
_LEXICONS = {
    "drugs": ("scoring/rules/drugs.tsv", "clinical/rules/drugs_more.tsv", "clinical/rules/brands.tsv"),
    "anatomy": ("scoring/rules/anatomy.tsv",),
    "conditions": ("clinical/rules/conditions.tsv",),
    "procedures": ("clinical/rules/procedures.tsv",),
    "tests": ("clinical/rules/tests.tsv",),
    "treatments": ("clinical/rules/treatments.tsv",),
}
"""Read as data, not imported: these rooms stand above this one."""

_SLOT = re.compile(r"\{([^{}]+)\}")
_RANGE = re.compile(r"(\d+(?:\.\d+)?)\.\.(\d+(?:\.\d+)?)(?:/(\d+))?")
_SMALL = (
    "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen "
    "seventeen eighteen nineteen"
).split()
_TENS = "twenty thirty forty fifty sixty seventy eighty ninety".split()


def say(number: int) -> str:
    """A whole number below a million as it is said.

    >>> say(120), say(2500)
    ('one hundred twenty', 'two thousand five hundred')
    """
    for size, name in ((1000, "thousand"), (100, "hundred")):
        if number >= size:
            rest = number % size
            return f"{say(number // size)} {name}" + (f" {say(rest)}" if rest else "")
    if number < 20:
        return _SMALL[number]
    return _TENS[number // 10 - 2] + (f" {_SMALL[number % 10]}" if number % 10 else "")


def _year(draw: Random) -> str:
    year = draw.randrange(1990, 2026)
    if 2000 <= year < 2010:
        return f"two thousand {say(year - 2000)}" if year > 2000 else "two thousand"
    last = year % 100
    return f"{say(year // 100)} {say(last)}"


@cache
def _parts(name: str) -> dict[str, list[str]]:
    parts: dict[str, list[str]] = {}
    into: list[str] = []
    for line in (FOLDER / "texts" / f"{name}.txt").read_text(encoding="utf-8").splitlines():
        if line.startswith("="):
            part = line[1:].strip()
            into = parts.setdefault(part, [])
        elif line.strip() and not line.startswith("#"):
            into += (
                [line.strip()]
                if part in ("sentences", "sweep")
                else filter(None, map(str.strip, line.split(",")))
            )
    return parts


@cache
def _lexicon(name: str) -> list[str]:
    from medtx.engines.models.words import as_said

    terms = set()
    for file in _LEXICONS[name]:
        for line in (_RULES / file).read_text(encoding="utf-8").splitlines():
            if not line.startswith("#"):
                terms.add(as_said(line.partition("\t")[0]))
    return sorted(terms - {""})


def lexicon_files() -> list[Path]:
    return [_RULES / file for files in _LEXICONS.values() for file in files]


class _Decks:
    """Entries of each list in shuffled order, again and again: every entry comes as often as the others."""

    def __init__(self, lists: dict[str, list[str]], draw: Random) -> None:
        self._lists, self._draw = lists, draw
        self._left: dict[str, list[str]] = {}

    def next(self, name: str) -> str:
        if not self._left.get(name):
            if name.startswith("@"):
                entries = _lexicon(name[1:])
            elif name in self._lists:
                entries = self._lists[name]
            else:
                raise MedtxError(f"the texts of the specialties have no list {name!r}")
            self._left[name] = self._draw.sample(entries, len(entries))
        return self._left[name].pop()

    def fill(self, template: str) -> str:
        while _SLOT.search(template):
            template = _SLOT.sub(lambda slot: self._slot(slot[1]), template)
        return " ".join(template.split())

    def _slot(self, slot: str) -> str:
        if slot == "year":
            return _year(self._draw)
        if "|" in slot:
            return self._draw.choice(slot.split("|"))
        if not (span := _RANGE.fullmatch(slot)):
            return self.next(slot)
        low, high, step = span.groups()
        if "." not in low:
            return say(self._draw.randrange(int(low), int(high) + 1, int(step or 1)))
        digits = len(low.partition(".")[2])
        value = self._draw.randint(round(float(low) * 10**digits), round(float(high) * 10**digits))
        whole, _, rest = f"{value / 10**digits:.{digits}f}".partition(".")
        return f"{say(int(whole))} point {' '.join(_SMALL[int(digit)] for digit in rest)}"


def expand(name: str, count: int = SENTENCES) -> list[str]:
    """``count`` different sentences of a specialty, the same ones every time."""
    own, common = _parts(name.lower()), _parts("common")
    draw = Random(f"medtx {name}")
    decks = _Decks(common | own, draw)
    seen: dict[str, None] = {}
    templates = {"own": own["sentences"], "common": common["sentences"], "sweep": common["sweep"]}
    cycles = {source: _cycle(lines, draw) for source, lines in templates.items()}
    sources = draw.choices(list(SHARES), list(SHARES.values()), k=20 * count)
    for source in sources:
        sentence = decks.fill(next(cycles[source]))
        seen.setdefault(sentence)
        if len(seen) == count:
            return list(seen)
    raise MedtxError(f"the texts of {name} make only {len(seen):,} different sentences, not {count:,}")


def _cycle(templates: list[str], draw: Random) -> Iterator[str]:
    while True:
        yield from draw.sample(templates, len(templates))


def pooled(names: list[str], each: Callable[[str], list[str]] = expand) -> list[str]:
    """As many sentences as one specialty has, from all of them alike."""
    draw = Random("medtx pooled")
    texts = [draw.sample(text, len(text)) for text in map(each, names)]
    found = dict.fromkeys(sentence for row in zip(*texts) for sentence in row)
    return list(found)[: len(texts[0])]


def every_word() -> set[str]:
    """Every word that the texts can say."""
    found = " ".join(
        [
            *(entry for name in SPECIALTIES for part in _parts(name.lower()).values() for entry in part),
            *(entry for part in _parts("common").values() for entry in part),
            *(entry for name in _LEXICONS for entry in _lexicon(name)),
        ]
    )
    return set(re.findall(r"[a-z]+(?:'[a-z]+)*", _SLOT.sub(lambda s: s[1].replace("|", " "), found)))
