"""Words by what an error in them would do: drugs, doses, negations, anatomy, and all others.

The lexicons are tables in ``rules`` (public names, listed by this project); drugs beyond them are
known by the stems that the WHO gives to their families (INN stem book, 2018).
"""

import re
from collections.abc import Sequence
from functools import cache

import numpy as np
import pandas as pd

from medtx.scoring.medical import Medical
from medtx.scoring.normalize import plain
from medtx.scoring.rules import rows_of

CLASSES = ("drug", "dose", "negation", "anatomy", "other")
_SIDES = ("left", "right")

_STEMS = re.compile(
    r"[a-z]{2,}(?:azole|azoline|barbital|bactam|caine|cillin|conazole|coxib|cycline|dipine|dronate|"
    r"dronic|fibrate|floxacin|formin|gliflozin|gliptin|glitazone|glutide|lukast|mycin|nidazole|olol|oxetine|"
    r"parin|penem|platin|prazole|profen|rubicin|sartan|semide|setron|statin|taxel|thiazide|tidine|tinib|"
    r"triptan|tyline|vudine|xaban|zepam|zolam|zumab|ximab|ciclib|limus)|cef[a-z]{4,}"
)
_NEGATIONS = frozenset(
    "no not never none nor neither without denies denied deny denying negative nothing nobody nowhere "
    "cannot absent absence non".split()
)
_NUMBERS = frozenset(
    "zero half one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen "
    "sixteen seventeen eighteen nineteen twenty thirty forty fifty sixty seventy eighty ninety hundred "
    "thousand million once twice".split()
)
_UNITS = frozenset(
    "mg mcg ug kg g gram grams milligram milligrams microgram micrograms kilogram kilograms ml l cc litre "
    "litres liter liters millilitre millilitres milliliter milliliters unit units iu meq mmol percent % puff "
    "puffs tablet tablets capsule capsules drop drops bid tid qid qd od bd tds qds prn nocte hourly daily "
    "nightly weekly monthly".split()
)


def classes_of(tokens: pd.Series, recording: pd.Series) -> pd.Series:
    """The class of each word, one of ``CLASSES``; "(none)" where there is no word.

    A word of several parts ("co-codamol") has the class that comes first in ``CLASSES``. "Left"
    and "right" are anatomy before a place only.

    >>> words = pd.Series(["all", "right", "denies", "right", "chest", "pain", "insulin", "glargine", "20"])
    >>> classes_of(words, pd.Series(["visit"] * 9)).tolist()
    ['other', 'other', 'negation', 'anatomy', 'anatomy', 'other', 'drug', 'drug', 'dose']
    """
    codes, distinct = pd.factorize(tokens)
    parts = [plain([word]).text or [""] for word in distinct.tolist()]
    size = np.array([*map(len, parts), 1])  # the last is of no word
    row = np.repeat(np.arange(len(codes)), size[codes])
    names, of_part = np.unique(np.concatenate([*parts, ["(none)"]]), return_inverse=True)
    begins = np.cumsum(size) - size
    step = np.arange(len(row)) - np.repeat(np.cumsum(size[codes]) - size[codes], size[codes])
    line = of_part[begins[codes[row]] + step] if len(row) else np.empty(0, int)
    rank = _ranks(line, names.tolist(), recording.to_numpy()[row])
    found = np.full(len(codes), len(CLASSES))
    np.minimum.at(found, row, rank)
    labels = np.array([*CLASSES, "(none)"], dtype=object)
    return pd.Series(labels[found], index=tokens.index)


def _ranks(line: np.ndarray, names: list[str], owner: np.ndarray) -> np.ndarray:
    """Of each part of a word, by its number among ``names``: the place of its class in ``CLASSES``."""
    single, phrases = _lexicon()
    by_name = [single.get(name) or ("(none)" if name == "(none)" else _by_shape(name)) for name in names]
    ranks = {label: n for n, label in enumerate((*CLASSES, "(none)"))}
    found: np.ndarray = np.array([ranks[label] for label in by_name], dtype=int)[line]
    there = np.flatnonzero(found < len(CLASSES))
    said, whose = line[there], owner[there]
    order = np.argsort(said, kind="stable")
    first = np.searchsorted(said[order], np.arange(len(names) + 1))
    number = {name: n for n, name in enumerate(names)}
    for n, name in enumerate(names):
        for phrase, label in phrases.get(name, ()):
            wanted = [number.get(part, -1) for part in phrase]
            if -1 in wanted:
                continue
            at = order[first[n] : first[n + 1]]
            at = at[at + len(wanted) <= len(said)]
            for step, part in enumerate(wanted):
                at = at[(said[at + step] == part) & (whose[at + step] == whose[at])]
            for step in range(len(wanted)):
                found[there[at + step]] = ranks[label]
    sides = np.flatnonzero(np.isin(said[:-1], [number[side] for side in _SIDES if side in number]))
    places = (found[there[sides + 1]] == ranks["anatomy"]) & (whose[sides + 1] == whose[sides])
    found[there[sides]] = np.where(places, ranks["anatomy"], ranks["other"])
    return found


def _by_shape(word: str) -> str:
    if any(c.isdigit() for c in word) or word in _NUMBERS or word in _UNITS:
        return "dose"
    if word in _NEGATIONS or word.endswith("n't"):
        return "negation"
    return "drug" if _STEMS.fullmatch(word) else "other"


@cache
def _lexicon() -> tuple[dict[str, str], dict[str, list[tuple[list[str], str]]]]:
    """The class of single words; and of phrases, by their first word, the longest last."""
    medical = Medical()
    single: dict[str, str] = {}
    phrases: dict[str, list[tuple[list[str], str]]] = {}
    for label, file in (("anatomy", "anatomy"), ("drug", "drugs")):  # a drug rather than a place
        for (term,) in rows_of(file):
            forms: list[Sequence[str]] = [plain(term.split()).text, medical(term.split()).text]
            for form in forms:
                if len(form) == 1:
                    single[form[0]] = label
                elif (list(form), label) not in phrases.setdefault(form[0], []):
                    phrases[form[0]].append((list(form), label))
    for found in phrases.values():
        found.sort(key=lambda phrase: len(phrase[0]))
    return single, phrases
