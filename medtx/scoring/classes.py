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

_STEMS = re.compile(
    r"[a-z]{2,}(?:azole|azoline|barbital|bactam|caine|cef\w*|cillin|conazole|coxib|cycline|dipine|dronate|"
    r"dronic|fibrate|floxacin|formin|gliflozin|gliptin|glitazone|glutide|lukast|mycin|nidazole|olol|oxetine|"
    r"parin|penem|platin|prazole|profen|rubicin|sartan|semide|setron|statin|taxel|thiazide|tidine|tinib|"
    r"triptan|tyline|vastatin|vudine|xaban|zepam|zolam|zumab|ximab|lizumab|tuzumab|tinib|ciclib|limus)"
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

    >>> words = pd.Series(["denies", "chest", "pain", "takes", "insulin", "glargine", "20", "units"])
    >>> classes_of(words, pd.Series(["visit"] * 8)).tolist()
    ['negation', 'anatomy', 'other', 'other', 'drug', 'drug', 'dose', 'dose']
    """
    single, phrases = _lexicon()
    codes, distinct = pd.factorize(tokens)
    said = [" ".join(plain([word]).text) for word in distinct.tolist()]
    by_word = np.array([single.get(word) or _by_shape(word) for word in said] + ["(none)"], dtype=object)
    found = by_word[codes]  # -1, for no word, is the last
    there = np.flatnonzero(codes >= 0)
    line, owner = codes[there], recording.to_numpy()[there]
    order = np.argsort(line, kind="stable")
    first = np.searchsorted(line[order], np.arange(len(said) + 1))
    code = {word: n for n, word in reversed(list(enumerate(said)))}
    same = np.array([code[word] for word in said], dtype=int)  # "Mg," and "mg" are one word
    for n, word in enumerate(said):
        for phrase, label in phrases.get(word, ()):
            wanted = [code.get(part, -1) for part in phrase]
            if -1 in wanted:
                continue
            at = order[first[n] : first[n + 1]]
            at = at[at + len(wanted) <= len(line)]
            for step, part in enumerate(wanted):
                at = at[(same[line[at + step]] == part) & (owner[at + step] == owner[at])]
            for step in range(len(wanted)):
                found[there[at + step]] = label
    return pd.Series(found, index=tokens.index)


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
