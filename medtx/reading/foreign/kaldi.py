"""Kaldi."""

from collections.abc import Iterator
from typing import Any

from medtx.reading.build import Parsed, Word, of_words
from medtx.reading.foreign.common import first, has, number


def fits(data: Any) -> bool:
    return has(data, "words") and has(first(data["words"]), "time", "duration", "word")


def read(data: Any, source: str) -> Parsed:
    """The words of Kaldi's Gentle-like JSON: time and duration."""

    def words() -> Iterator[Word]:
        for word in data["words"]:
            start = float(word["time"])
            yield Word(word["word"], start, start + float(word["duration"]), number(word.get("confidence")))

    return of_words("kaldi", words(), source)
