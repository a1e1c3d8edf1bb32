"""Vosk."""

from collections.abc import Iterator
from typing import Any

from medtx.reading.build import Parsed, Word, of_words
from medtx.reading.foreign.common import number, some, untimed


def fits(data: Any) -> bool:
    return some(data, "result", "text")


def read(data: Any, source: str) -> Parsed:
    """Vosk's final results, one or several; partial and empty ones have no words."""
    results = [one for one in (data if isinstance(data, list) else [data]) if "partial" not in one]

    def words() -> Iterator[Word]:
        for n, result in enumerate(results):
            for word in result.get("result") or ():
                sure = number(word.get("conf"))
                yield Word(word["word"], float(word["start"]), float(word["end"]), sure, n)
            if not result.get("result"):
                yield from untimed(result.get("text"), n)

    return of_words("vosk", words(), source)
