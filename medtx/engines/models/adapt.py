"""A model from a user's own notes, and what it gains on notes that it has not seen."""

import re
from os import PathLike
from pathlib import Path

import pandas as pd

from medtx.engines import models
from medtx.engines.models import ngrams, words
from medtx.errors import MedtxError, ReadError, reason
from medtx.specialties import specialty as known

LEAST = 100
"""Sentences of notes, below which there is nothing to learn."""
HELD_OUT = 10
"""Every tenth note is kept back to measure on."""
MOST_REPEATS = 5
"""How often a small text may be said, to weigh as much as the specialty's."""

_UNITS = {
    "mg": "milligrams",
    "mcg": "micrograms",
    "ug": "micrograms",
    "g": "grams",
    "gm": "grams",
    "kg": "kilograms",
    "ml": "milliliters",
    "cc": "cubic centimeters",
    "dl": "deciliter",
    "l": "liters",
    "mm": "millimeters",
    "cm": "centimeters",
    "m": "meters",
    "mmhg": "millimeters of mercury",
    "meq": "milliequivalents",
    "iu": "international units",
    "lb": "pounds",
    "lbs": "pounds",
    "hr": "hour",
    "hrs": "hours",
    "min": "minutes",
    "%": "percent",
}
_UNIT = re.compile(rf"(?<=\d)\s*({'|'.join(sorted(_UNITS, key=len, reverse=True))})(?![a-z])", re.I)
_DECIMAL = re.compile(r"(?<![\d.])(\d*)\.(\d+)(?![\d.])")
_END = re.compile(r"[.!?;:]+(?=\s|$)")


def adapt(specialty: str, text: str | PathLike[str], out: str | PathLike[str]) -> pd.DataFrame:
    """Build a model from notes, one a line, and a specialty's own text, into the folder ``out``.

    Numbers and abbreviations of the notes are learned as they are said. Gives the perplexity
    (of the words that the model knows) and the share of words that it does not know, on every
    tenth note, kept back: with the specialty's model and with the new one, which in the end
    learns these too.

    The model holds words and phrases of the notes, so it is health data as they are; its files
    are readable by their owner only. Raises `ReadError` for a text that cannot be used, and
    `MedtxError` where ``out`` is there already.
    """
    name, folder, source = known(specialty), Path(out), str(text)
    if folder.exists():
        raise MedtxError(f"{folder}: is there already: name another folder, or remove it")
    try:
        lines = Path(text).read_text(encoding="utf-8-sig").splitlines()
    except UnicodeDecodeError as error:
        raise ReadError(source, "expected text in UTF-8", f"byte {error.start}") from None
    except OSError as error:
        raise ReadError(source, reason(error)) from None
    notes = [spoken(line) for line in lines]
    notes = [note for note in notes if note]
    heard = [sentence for n, note in enumerate(notes) if n % HELD_OUT for sentence in note]
    unseen = [sentence.split() for note in notes[::HELD_OUT] for sentence in note]
    if len(heard) < LEAST:
        raise ReadError(
            source, f"expected at least {LEAST} sentences beside every tenth line, found {len(heard)}"
        )
    own = models.sentences(name)
    rows = {
        "before": ngrams.perplexity(models.mixed(own), unseen),
        "after": ngrams.perplexity(models.mixed(own + _weighed(heard, own)), unseen),
    }
    models.build(own + _weighed([sentence for note in notes for sentence in note], own), folder)
    return pd.DataFrame.from_dict(rows, orient="index", columns=["perplexity", "out_of_vocabulary"])


def spoken(line: str) -> list[str]:
    """The sentences of a line of notes, as they would be said.

    >>> spoken("BP 120/80. Lisinopril 2.5 mg daily.")
    ['b p one hundred twenty over eighty', 'lisinopril two point five milligrams daily']
    """
    line = _UNIT.sub(lambda unit: f" {_UNITS[unit[1].lower()]}", line)
    line = re.sub(r"(\d)\s*/\s*(?=\d)", r"\1 over ", line)
    line = _DECIMAL.sub(lambda number: f"{number[1] or 0} point {' '.join(number[2])}", line)
    return [said for part in _END.split(line) if (said := words.as_said(part))]


def _weighed(notes: list[str], own: list[str]) -> list[str]:
    size = sum(len(sentence.split()) for sentence in notes)
    repeats = round(sum(len(sentence.split()) for sentence in own) / size)
    return notes * min(max(repeats, 1), MOST_REPEATS)
