"""What names a person: titles and the names after them, dates, ages, numbers and addresses.

A list of patterns, not a promise of de-identification: names without a title are not found.
"""

import re
from typing import NamedTuple

from medtx.clinical.lexicon import Match, Tokens, is_number

_TITLES = frozenset("dr mr mrs miss doctor mister nurse professor prof".split())
_NAMED = frozenset(["named", "name", "called"])
_MONTHS = frozenset(
    "january february march april may june july august september october november december "
    "jan feb mar apr jun jul aug sept sep oct nov dec".split()
)
_ANY = frozenset("the a an my your his her our their another any this that".split())
_STREETS = frozenset(
    "street st avenue ave road rd drive lane ln boulevard blvd court place terrace highway "
    "parkway way".split()
)
_PEOPLE = frozenset(
    "he she mother father wife husband patient brother sister son daughter grandmother grandfather".split()
)
_RECORDS = frozenset("mrn record account chart ssn accession nhs insurance policy".split())
_ORDINALS = frozenset(
    "first second third fourth fifth sixth seventh eighth ninth tenth eleventh twelfth thirteenth fourteenth "
    "fifteenth sixteenth seventeenth eighteenth nineteenth twentieth thirtieth".split()
)
_PLAIN = re.compile(r"[^\W\d_]+(?:['’-][^\W\d_]+)*")  # noqa: RUF001
_WRITTEN = [
    (
        "EMAIL",
        re.compile(r"(?<![\w.+-])[A-Za-z0-9][\w.+-]{0,63}@[A-Za-z0-9-]{1,63}(?:\.[A-Za-z0-9-]{1,63}){1,5}"),
    ),
    ("URL", re.compile(r"\b(?:https?://|www\.)[^\s<>\"']{1,2000}[^\s<>\"'.,;:!?)]")),
    ("ID", re.compile(r"(?<![\d-])\d{3}-\d{2}-\d{4}(?![\d-])")),
    (
        "PHONE_OR_FAX",
        re.compile(r"(?<![\w-])(?:\+?1[ .-]?)?(?:\(\d{3}\) ?|\d{3}[ .-])\d{3}[ .-]\d{4}(?![\w-])"),
    ),
    ("PHONE_OR_FAX", re.compile(r"(?<![\w-])\d{3}-\d{4}(?![\w-])")),
    ("DATE", re.compile(r"(?<![\w/.-])\d{1,2}([/.-])\d{1,2}\1(?:\d{4}|\d{2})(?![\w/-]|\.\d)")),
    ("DATE", re.compile(r"(?<![\w/.-])(?:19|20)\d\d-\d\d-\d\d(?![\w/-])")),
]


class Span(NamedTuple):
    """A span of characters and its type."""

    type: str
    begin: int
    end: int


def spans(tokens: Tokens, words: dict[str, list[Match]], common: set[int]) -> list[Span]:
    """The spans of a text, in order; the tokens in ``common`` are words of medicine and no names.

    >>> from medtx.clinical.lexicon import tokens_of
    >>> said = "doctor smith saw this sixty seven year old on march third 2019 record number 40 51 22"
    >>> text = tokens_of(said)
    >>> [(span.type, said[span.begin : span.end]) for span in spans(text, {}, set())]
    [('NAME', 'smith'), ('AGE', 'sixty seven'), ('DATE', 'march third 2019'), ('ID', '40 51 22')]
    """
    text = tokens.text
    found: list[Span] = []
    for kind, pattern in _WRITTEN:
        found += [Span(kind, *match.span()) for match in pattern.finditer(text)]
    ordinary = common | {match.i for layer in ("context", "words") for match in words.get(layer, ())}
    for i, key in enumerate(tokens.key):
        if key in _TITLES or (
            key == "ms" and text[tokens.start[i]] == "M" and text[tokens.end[i] - 1] == "s"
        ):
            found += _name(tokens, i + 1, ordinary)
        elif key in _NAMED and i and (key != "called" or tokens.key[i - 1] == "patient"):
            skip = key == "name" and i + 1 < len(tokens.key) and tokens.key[i + 1] == "is"
            if key != "name" or skip:
                found += _name(tokens, i + 1 + skip, ordinary)
        elif key == "patient" and text[tokens.start[i]] == "P":
            found += _name(tokens, i + 1, ordinary, cased=True)
        elif key in _MONTHS:
            found += _date(tokens, i)
        elif key in _RECORDS:
            found += _record(tokens, i)
    for i, j in tokens.numbers.items():
        found += _aged(tokens, i, j) or _address(tokens, i, j) or _year(tokens, i, j)
    found += _professions(tokens, words)
    found.sort(key=lambda span: (span.begin, -span.end))
    kept: list[Span] = []
    for span in found:
        if not kept or span.begin >= kept[-1].end:
            kept.append(span)
    return kept


def _span(tokens: Tokens, kind: str, i: int, j: int) -> list[Span]:
    return [Span(kind, tokens.start[i], tokens.end[j - 1])]


def _name(tokens: Tokens, i: int, ordinary: set[int], cased: bool = False) -> list[Span]:
    """One name after a title, or as many as four where they are capitalised."""
    n = len(tokens.key)
    if i < n and tokens.key[i] == "." and not cased:
        i += 1
    j = i
    while j < n and j - i < 4 and _names(tokens, j, ordinary):
        upper = tokens.text[tokens.start[j]].isupper()
        if (cased or j > i) and not upper:
            break
        if j > i and tokens.sentence[j] != tokens.sentence[i]:
            break
        j += 1
        if not upper:
            break
    return _span(tokens, "NAME", i, j) if j > i + (cased and 1) else []


def _names(tokens: Tokens, j: int, ordinary: set[int]) -> bool:
    key = tokens.key[j]
    return (
        len(key) > 1
        and j not in ordinary
        and key not in _COMMON
        and (tokens.text[tokens.start[j]].isupper() or not key.endswith(("ly", "ing")))
        and not is_number(key)
        and _PLAIN.fullmatch(tokens.said(j, j + 1)) is not None
    )


_COMMON = frozenset(
    "the a an and or but if then so to of in on at by for from with as is was are were be been "
    "has had have he "
    "she it they we you who that this these those said says told saw seen will would should can "
    "could may might "
    "must did does do not no yes also about her his their my your our its practitioner practitioners station "
    "home care aide manager calls called call came come patient patients visit visits office appointment "
    "appointments clinic note notes me him them us when what where which how why there here today tomorrow "
    "yesterday again because before after please thank thanks prescribed recommended ordered reports states "
    "denies presents all any some again up down out over just now time i im ive gave give "
    "anesthetist midwife "
    "uh um er erm oh ok okay hi hello nice work school appreciate telling doctor doctors or off "
    "out sorry well "
    "reviewed assessed examined found noted led specialist consult consulted".split()
)


def _date(tokens: Tokens, i: int) -> list[Span]:
    """A month with a day or a year, as written or said."""
    key, n = tokens.key, len(tokens.key)
    j, first = i + 1, i
    if j < n and key[j] == "." and j + 1 < n and key[j + 1].isdigit():
        j += 1
    if j < n and (key[j] in _ORDINALS or (key[j].isdecimal() and int(key[j][:6]) <= 31)):
        j += 1 + (j + 1 < n and key[j + 1] in ("st", "nd", "rd", "th"))
    elif j < n and key[j] in ("twenty", "thirty") and j + 1 < n and key[j + 1] in _ORDINALS:
        j += 2
    elif i and key[i - 1].isdigit() and len(key[i - 1]) <= 2:
        first = i - 1
    elif i > 1 and key[i - 1] == "of" and key[i - 2] in ("st", "nd", "rd", "th"):
        first = i - 3 if i > 2 else i
    stop = j
    if stop < n and key[stop] == "," and j > i + 1:
        stop += 1
    if stop < n and _is_year(key[stop]):
        j = stop + 1
    elif stop + 1 < n and key[stop] == "of" and _is_year(key[stop + 1]):
        j = stop + 2
    elif j < n and key[j : j + 1] == ["two"] and key[j + 1 : j + 2] == ["thousand"]:
        j = tokens.numbers.get(j, j)
    if j > i + 1 or first < i:
        return _span(tokens, "DATE", first, j)
    before = key[i - 1] if i else ""
    clear = key[i] not in ("may", "march", "mar", "dec", "sep")
    return _span(tokens, "DATE", i, j) if clear and before in ("in", "since", "last", "until", "this") else []


def _is_year(key: str) -> bool:
    return len(key) == 4 and key.isascii() and key.isdigit() and key[:2] in ("19", "20")


def _year(tokens: Tokens, i: int, j: int) -> list[Span]:
    before = tokens.key[i - 1] if i else ""
    if j == i + 1 and _is_year(tokens.key[i]) and before in ("in", "since", "until", "from", "of"):
        return _span(tokens, "DATE", i, j)
    return []


def _record(tokens: Tokens, i: int) -> list[Span]:
    key, n = tokens.key, len(tokens.key)
    j = i + 1
    while (
        j < n and j - i < 5 and (key[j] in ("number", "no", "#", ":", "is", "id", "record", "security", "."))
    ):
        j += 1
    if j == i + 1 and key[i] not in ("mrn", "ssn"):
        return []
    first = j
    while j < n and (is_number(key[j]) or (len(key[j]) == 1 and key[j].isalpha())):
        if j > first and tokens.sentence[j] != tokens.sentence[first]:
            break
        j += 1
    return _span(tokens, "ID", first, j) if j > first and any(map(is_number, key[first:j])) else []


def _aged(tokens: Tokens, i: int, j: int) -> list[Span]:
    key = tokens.key
    after = key[j : j + 3]
    before = key[max(i - 2, 0) : i]
    if after[:2] in (["year", "old"], ["years", "old"], ["yr", "old"], ["y", "o"], ["month", "old"]):
        return _span(tokens, "AGE", i, j)
    if after in (["years", "of", "age"], ["y", "/", "o"]) or after[:1] in (["yo"], ["yof"], ["yom"]):
        return _span(tokens, "AGE", i, j)
    if (
        before[-1:] == ["is"]
        and before[0] in _PEOPLE
        and (after[:1] or ["."])[0] in (".", ",", "and", "years")
    ):
        return _span(tokens, "AGE", i, j)
    if before[-1:] in (["age"], ["aged"]) or before == ["age", "of"] or before == ["age", ":"]:
        return _span(tokens, "AGE", i, j)
    return []


def _address(tokens: Tokens, i: int, j: int) -> list[Span]:
    key, n = tokens.key, len(tokens.key)
    for stop in range(j + 1, min(j + 4, n)):
        if key[stop] in _STREETS and tokens.sentence[stop] == tokens.sentence[i]:
            if not all(_PLAIN.fullmatch(tokens.said(at, at + 1)) for at in range(j, stop)):
                return []
            if any(key[at] in _COMMON for at in range(j, stop)):
                return []
            stop += 1
            while stop + 1 < n and key[stop] == "," and tokens.text[tokens.start[stop + 1]].isupper():
                stop += 2
                while stop < n and tokens.text[tokens.start[stop]].isupper():
                    stop += 1
            if stop < n and key[stop].isdigit() and len(key[stop]) == 5:
                stop += 1
            return _span(tokens, "ADDRESS", i, stop)
    return []


def _professions(tokens: Tokens, words: dict[str, list[Match]]) -> list[Span]:
    found = []
    for match in words.get("profession", ()):
        before = tokens.key[max(match.i - 3, 0) : match.i]
        if before[-1:] in (["a"], ["an"], ["retired"]) and set(before) & {"is", "as", "am", "was", "retired"}:
            found += _span(tokens, "PROFESSION", match.i, match.j)
    return found
