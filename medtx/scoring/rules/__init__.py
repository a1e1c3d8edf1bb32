"""What words, numbers and contexts mean to the medical normaliser: tables, a row a line."""

import re
from functools import cache
from importlib.resources import files
from typing import NamedTuple


class Rules(NamedTuple):
    words: dict[str, tuple[str, ...]]
    phrases: dict[str, list[tuple[tuple[str, ...], tuple[str, ...]]]]
    units: dict[str, str]
    spelling: list[tuple[re.Pattern[str], str]]
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
    phrases: dict[str, list[tuple[tuple[str, ...], tuple[str, ...]]]] = {}
    for said, written in rows_of("phrases"):
        key = tuple(said.split())
        phrases.setdefault(key[0], []).append((key, tuple(written.split())))
    for rows in phrases.values():
        rows.sort(key=lambda row: -len(row[0]))
    spelling = []
    for british, american in rows_of("spelling"):
        pattern = "(.*)".join(map(re.escape, british.split("*")))
        pieces = american.split("*")
        replacement = pieces[0] + "".join(f"\\g<{n}>{piece}" for n, piece in enumerate(pieces[1:], 1))
        spelling.append((re.compile(pattern), replacement))
    contexts = dict(rows_of("contexts"))
    return Rules(
        words={said: tuple(written.split()) for said, written in rows_of("words")},
        phrases=phrases,
        units=dict(rows_of("units")),
        spelling=spelling,
        value={word: int(value) for word, value, kind in numbers if kind != "part"},
        kind={word: kind for word, _, kind in numbers if kind != "part"},
        parts={word: int(value) for word, value, kind in numbers if kind == "part"},
        contexts=contexts,
        months=[word for word, kind in contexts.items() if kind == "month"],
        counted=frozenset(row[0] for row in rows_of("counted")),
    )
