"""What words, numbers and contexts mean to the medical normaliser: tables, a row a line."""

import re
from functools import cache
from importlib.resources import files
from typing import NamedTuple

Phrases = dict[str, list[tuple[tuple[str, ...], tuple[str, ...]]]]
"""First word -> the phrases that begin with it, the longest first, and what stands for each."""

_ANSWERS = {"mmhm", "uhhuh", "uh-uh", "mm-mm"}


class Rules(NamedTuple):
    words: dict[str, tuple[str, ...]]
    phrases: "Phrases"
    phrases_apart: "Phrases"  # without the compounds
    compounds: frozenset[tuple[str, ...]]  # two words that are also written as one
    compound_starts: frozenset[str]
    fillers: frozenset[str]
    answers: frozenset[tuple[str, ...]]  # two sounds that are an answer, though one alone may be a filler
    units: dict[str, str]
    spelling: list[tuple[re.Pattern[str], str]]  # British -> American, of words with these parts
    british: re.Pattern[str]  # what is in every word that such a row fits
    spelled: dict[str, str]  # and of whole words
    value: dict[str, int]
    kind: dict[str, str]
    parts: dict[str, int]
    contexts: dict[str, str]
    months: list[str]
    counted: frozenset[str]


def rows_of(name: str, package: str = __name__) -> list[list[str]]:
    """The rows of a table of ``package``, without its comments."""
    text = files(package).joinpath(f"{name}.tsv").read_text(encoding="utf-8")
    return [line.split("\t") for line in text.splitlines() if line and not line.startswith("#")]


@cache
def rules() -> Rules:
    numbers = rows_of("numbers")
    phrases = [(tuple(said.split()), tuple(written.split())) for said, written in rows_of("phrases")]
    compounds = [tuple(said.split()) for said, *_ in rows_of("compounds")]
    spelling, pieces = [], []
    spelled = {}
    for british, american in rows_of("spelling"):
        if "*" not in british:
            spelled[british] = american
            continue
        pieces.append(re.escape(max(british.split("*"), key=len)))
        pattern = "(.*)".join(map(re.escape, british.split("*")))
        first, *more = american.split("*")
        replacement = first + "".join(f"\\g<{n}>{piece}" for n, piece in enumerate(more, 1))
        spelling.append((re.compile(pattern), replacement))
    contexts = dict(rows_of("contexts"))
    return Rules(
        words={said: tuple(written.split()) for said, written in rows_of("words")},
        phrases=_by_first([*phrases, *((said, ("".join(said),)) for said in compounds)]),
        phrases_apart=_by_first(phrases),
        compounds=frozenset(compounds),
        compound_starts=frozenset(said[0] for said in compounds),
        fillers=frozenset(row[0] for row in rows_of("fillers")),
        answers=frozenset(said for said, written in phrases if written[0] in _ANSWERS),
        units=dict(rows_of("units")),
        spelling=spelling,
        british=re.compile("|".join(pieces)),
        spelled=spelled,
        value={word: int(value) for word, value, kind in numbers if kind != "part"},
        kind={word: kind for word, _, kind in numbers if kind != "part"},
        parts={word: int(value) for word, value, kind in numbers if kind == "part"},
        contexts=contexts,
        months=[word for word, kind in contexts.items() if kind == "month"],
        counted=frozenset(row[0] for row in rows_of("counted")),
    )


def _by_first(phrases: list[tuple[tuple[str, ...], tuple[str, ...]]]) -> Phrases:
    found: Phrases = {}
    for said, written in phrases:
        found.setdefault(said[0], []).append((said, written))
    for rows in found.values():
        rows.sort(key=lambda row: -len(row[0]))
    return found
