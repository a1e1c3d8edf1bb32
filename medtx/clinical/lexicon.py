"""Text to tokens, and tokens to the terms of the tables in ``rules``: the floor of the embedded engine.

A text is cut into tokens once. Their keys are lower case, American in spelling, without apostrophes
("'s" is a token of its own); letters and digits part ("q12h" is q, 12, h) and a hyphen within a word
is a gap, so that what is written and what is said meet. All tables share one trie over the keys, so a
text is walked once however many terms there are.
"""

import re
from collections.abc import Iterator, Sequence
from functools import cache
from typing import Any, NamedTuple

from medtx.scoring.rules import rows_of, rules

_TOKEN = re.compile(
    r"(?:[A-Za-z]\.){2,}(?:[A-Za-z]\b)?|(?<!\w)\.\d+|\d+(?:[.,]\d+)*|['’]s\b|[^\W\d_]+(?:['’](?!s\b)[^\W\d_]+)*|\S"  # noqa: RUF001
)
_BRITISH = re.compile("ae|oe|our|tre|lys|is|ulph|nium|euc|yre|aev")
_NUMBER_WORDS = frozenset(word for word, _, kind in rows_of("numbers") if kind not in ("ordinal", "part"))
_SCALES = frozenset(["hundred", "thousand", "million"])
_ABBREVIATED = frozenset("dr mr mrs ms prof st vs approx".split())
_PLURALS = frozenset(["conditions", "tests", "procedures", "treatments", "forms"])
_ROOT_END = ""  # no token has an empty key: under it a trie's node keeps what ends there


class Tokens(NamedTuple):
    """The tokens of a text: where they begin and end, their keys, and the number of their sentence."""

    text: str
    start: list[int]
    end: list[int]
    key: list[str]
    sentence: list[int]
    numbers: dict[int, int]

    def said(self, i: int, j: int) -> str:
        return self.text[self.start[i] : self.end[j - 1]]


class Match(NamedTuple):
    """A term of a table: tokens i to j (exclusive), and the rest of its row."""

    i: int
    j: int
    row: tuple[str, ...]


def tokens_of(text: str, turns: Sequence[int] = ()) -> Tokens:
    """The tokens of a text; a sentence ends where somebody else speaks, at the offsets ``turns``.

    >>> t = tokens_of("Pt. takes 2.5mg p.o. q4-6h")
    >>> t.key
    ['pt', '.', 'takes', '2.5', 'mg', 'po', 'q', '4', '6', 'h']
    >>> [t.said(i, j) for i, j in t.numbers.items()]
    ['2.5', '4-6']
    """
    start: list[int] = []
    end: list[int] = []
    key: list[str] = []
    sentence: list[int] = []
    known: dict[str, str] = {}
    number, last, size = 0, 0, len(text)
    later = iter(turns)
    turn = next(later, size)
    for found in _TOKEN.finditer(text):
        word = found.group()
        begin, stop = found.span()
        glued = begin == last and begin and stop < size
        if word == "-" and glued and text[begin - 1].isalnum() and text[stop].isalnum():
            last = stop
            continue
        while begin >= turn:
            number, turn = number + 1, next(later, size)
        name = known.get(word)
        if name is None:
            name = known[word] = _key(word)
        if begin - last > 1 or (begin > last and text[last] == "\n"):
            number += _breaks(text, last, begin)
        start.append(begin)
        end.append(stop)
        key.append(name)
        sentence.append(number)
        if name in ".!?;" and (name != "." or len(key) < 2 or key[-2] not in _ABBREVIATED):
            number += 1
        last = stop
    tokens = Tokens(text, start, end, key, sentence, {})
    i, n = 0, len(key)
    while i < n:
        stop = _number(tokens, i)
        if stop > i:
            tokens.numbers[i] = stop
        i = max(stop, i + 1)
    return tokens


def _key(word: str) -> str:
    if len(word) == 1:
        return word.lower()
    if word in ("'s", "’s"):  # noqa: RUF001
        return "'s"
    if "." in word and word[0].isalpha():
        return word.replace(".", "").lower()
    return american(word.lower().replace("'", "").replace("’", ""))  # noqa: RUF001


def american(word: str) -> str:
    """The American spelling of a word; what is too long for a word stays."""
    if word in rules().spelled:
        return rules().spelled[word]
    if len(word) < 40 and _BRITISH.search(word):
        for pattern, replacement in rules().spelling:
            found = pattern.fullmatch(word)
            if found:
                return found.expand(replacement)
    return word


def _breaks(text: str, last: int, begin: int) -> int:
    """1 if the gap between two tokens ends a sentence: an empty line, or a new line that begins anew."""
    lines = text.count("\n", last, begin)
    return int(lines > 1 or (lines == 1 and (text[begin].isupper() or not text[begin].isalpha())))


def is_number(key: str) -> bool:
    return key[0].isdigit() or (key[0] == "." and len(key) > 1) or key in _NUMBER_WORDS


def _number(tokens: Tokens, i: int) -> int:
    """Where the number that begins at token i ends: a range and a ratio are one number; i if none does."""
    stop = _plain_number(tokens, i)
    while stop > i and stop + 1 < len(tokens.key):
        key = tokens.key[stop]
        if key in ("to", "or", "/", "over") or key in "-–":  # noqa: RUF001
            more = _plain_number(tokens, stop + 1)
            if more > stop + 1:
                stop = more
                continue
        if tokens.text[tokens.end[stop - 1] : tokens.start[stop]] == "-":  # "1-2"
            more = _plain_number(tokens, stop)
            if more > stop:
                stop = more
                continue
        break
    return stop


def _plain_number(tokens: Tokens, i: int) -> int:
    key, n = tokens.key, len(tokens.key)
    if i >= n:
        return i
    if key[i] == "half" or (key[i] in ("a", "one") and i + 1 < n and key[i + 1] == "half"):
        stop = i + 1 + (key[i] != "half")
        return stop + (key[stop : stop + 1] == ["a"])  # "half a tablet"
    if key[i] in ("point", "oh"):  # "point five", "oh point one two five"
        at = i + (key[i] == "oh")
        fraction = key[at : at + 1] == ["point"] and at + 1 < n and is_number(key[at + 1])
        return _digits(key, at + 1) if fraction else i
    if not is_number(key[i]):
        return i
    j = i + 1
    digits = key[i] not in _NUMBER_WORDS
    if digits and j < n and key[j] in ("st", "nd", "rd", "th") and tokens.end[i] == tokens.start[j]:
        return i  # an ordinal counts nothing
    while j < n:
        if key[j] in _SCALES or (not digits and key[j] in _NUMBER_WORDS):
            j += 1
        elif key[j] == "point" and j + 1 < n and is_number(key[j + 1]):
            j = _digits(key, j + 1)
        elif key[j + 1 : j + 2] == ["/"] and key[i].isdigit() and j == i + 1 and _fraction(key[j : j + 3]):
            return j + 3
        elif key[j] == "oh" and not digits and j + 1 < n and key[j + 1] in _NUMBER_WORDS:
            j += 2
        elif key[j] == "and" and key[j + 1 : j + 3] in (["a", "half"], ["one", "half"], ["a", "quarter"]):
            return j + 3
        elif key[j] == "and" and key[j - 1] in _SCALES and j + 1 < n and key[j + 1] in _NUMBER_WORDS:
            j += 2
        else:
            break
    return j


def _digits(key: list[str], j: int) -> int:
    """Where the digits after a point end."""
    j += 1
    while j < len(key) and key[j] in _NUMBER_WORDS:
        j += 1
    return j


def _fraction(key: list[str]) -> bool:
    return key[0] in ("1", "2", "3") and key[2:] in (["2"], ["3"], ["4"])


def table(name: str) -> Iterator[tuple[str, ...]]:
    """The rows of a table in ``rules``: the term, and what is known of it."""
    return map(tuple, rows_of(name, "medtx.clinical.rules"))


@cache
def _trie() -> dict[str, Any]:
    root: dict[str, Any] = {}
    brands = {term for (term,) in table("brands")}
    for (term,) in rows_of("drugs"):
        _add(root, "drug", term, (term, "BRAND_NAME" if term in brands else "GENERIC_NAME"))
    for name in ("drugs_more", "brands"):
        for (term,) in table(name):
            _add(root, "drug", term, (term, "BRAND_NAME" if name == "brands" else "GENERIC_NAME"))
    directions = {term for (term,) in table("directions")}
    for source in (rows_of("anatomy"), table("anatomy_more")):
        for row in source:
            if row[0] not in directions and not row[0].endswith(" sided"):
                _add(root, "anatomy", row[0], tuple(row))
    for name in ("conditions", "tests", "procedures", "treatments", "context", "words"):
        for row in table(name):
            layer = row[1] if name == "words" else name
            _add(root, layer, row[0], row)
            if layer in _PLURALS and len(row[0]) > 3 and "cased" not in row:
                _add(root, layer, _plural(row[0]), row)
    for term in directions:
        _add(root, "direction", term, (term,))
    return root


def _plural(term: str) -> str:
    if term.endswith(("s", "ing", "ed")) or term[-1].isdigit():
        return term
    if term.endswith("y") and term[-2] not in "aeiou":
        return term[:-1] + "ies"
    return term + ("es" if term.endswith(("x", "ch", "sh")) else "s")


def _add(root: dict[str, Any], layer: str, term: str, row: tuple[str, ...]) -> None:
    keys = tokens_of(term).key
    forms = [keys]
    if any(key.isdigit() for key in keys):  # "covid 19" is also said "covid nineteen"
        forms.append([word for key in keys for word in _spoken(key)])
    if "'s" in term:  # "Crohn disease", as the guides of style have it, and "crohns", as recognisers do
        forms += [tokens_of(term.replace("'s", "")).key, tokens_of(term.replace("'s", "s")).key]
    for form in forms:
        node = root
        for key in form:
            node = node.setdefault(key, {})
        node.setdefault(_ROOT_END, {}).setdefault(layer, row)


def _spoken(key: str) -> list[str]:
    if not key.isdigit() or int(key) > 99:
        return [key]
    words = {int(value): word for word, value, kind in rows_of("numbers") if kind in ("digit", "teen", "ten")}
    words[40] = "forty"
    number = int(key)
    return [words[number]] if number in words else [words[number // 10 * 10], words[number % 10]]


def matches(tokens: Tokens) -> dict[str, list[Match]]:
    """The terms in a text by layer; the longest that begins first, none overlapping another of its layer.

    >>> found = matches(tokens_of("chest pain, no shortness of breath"))
    >>> [m.row[0] for m in found["conditions"]]
    ['chest pain', 'shortness of breath']
    """
    root = _trie()
    found: dict[str, list[Match]] = {}
    key, n = tokens.key, len(tokens.key)
    free: dict[str, int] = {}
    for i in range(n):
        node = root.get(key[i])
        if node is None:
            continue
        best: dict[str, tuple[int, tuple[str, ...]]] = {}
        j = i + 1
        while True:
            ends = node.get(_ROOT_END)
            if ends:
                for layer, row in ends.items():
                    best[layer] = (j, row)
            if j >= n:
                break
            node = node.get(key[j])
            if node is None:
                break
            j += 1
        for layer, (stop, row) in best.items():
            if free.get(layer, 0) <= i:
                free[layer] = stop
                found.setdefault(layer, []).append(Match(i, stop, row))
    return found
