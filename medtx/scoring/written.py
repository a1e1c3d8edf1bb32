"""The tokens of one written word: "500mg,", "120/80", "L4-5", "98.6F", "HIV-", "oedema"."""

import re
from functools import lru_cache
from unicodedata import category

from medtx.scoring.conventions import spelled
from medtx.scoring.normalize import THOUSANDS
from medtx.scoring.rules import rules
from medtx.scoring.spoken import is_unit, plain_number

_MARKS = str.maketrans(
    {
        **dict.fromkeys("\u2019\u2018\u2032", "'"),
        **dict.fromkeys("\u2033", '"'),
        # Hyphens and minus signs of all kinds: what they mean is read from where they stand.
        **dict.fromkeys("\u2010\u2011\u2012\u2013\u2014\u2212\uff0d\ufe63\u207b", "-"),
        **dict.fromkeys("\u2266\u2a7d", "\u2264"),
        **dict.fromkeys("\u2267\u2a7e", "\u2265"),
        "\uff1c": "<",
        "\uff1e": ">",
        "\uff0b": "+",
        "\u03bc": "\u00b5",
        "\u00b7": ".",
    }
)
_PAIRS = (("+/-", "\u00b1"), ("!=", "\u2260"), (">=", "\u2265"), ("<=", "\u2264"), ("->", "\u2192"))
_EDGE = "\"'`.,;:!?()[]{}\u201c\u201d\u2026*_|\\"
_SIGNS = {
    "%": "%",
    "+": "plus",
    "<": "less than",
    ">": "greater than",
    "=": "equals",
    "#": "number",
    "@": "at",
    "\u00b0": "degrees",
    "\u00b1": "plus or minus",
    "\u00d7": "times",
    "$": "$",
    "\u20ac": "\u20ac",
    "\u00a3": "\u00a3",
    "\u2264": "less than or equal to",
    "\u2265": "greater than or equal to",
    "/": "/",
    "&": "and",
}
_PIECE = re.compile(
    r"(?P<date>\d{1,2}/\d{1,2}/\d{4}(?![\d/]))"
    r"|(?P<spine>[ctls]\d{1,2}[-/][ctls]?\d{1,2}(?![\w.]))"
    r"|(?P<range>(?<![-\d.])\d+(?:\.\d+)?-\d+(?:\.\d+)?(?![\d/.-]))"
    r"|(?P<ratio>\d+(?:\.\d+)?(?:/\d+(?:\.\d+)?)+)"
    r"|(?P<clock>\d{1,2}:\d\d(?![\d:]))"
    r"|(?P<proportion>\d+(?::\d+)+|\d+(?:,\d+)+)"
    r"|(?P<ordinal>\d+(?:st|nd|rd|th)(?![a-z]))"
    r"|(?P<number>\d*\.?\d+)"
    r"|(?P<word>[^\W\d_]+(?:'[^\W\d_]+)*(?:\d+(?!\d*\.\d)[^\W_]*)?)"
    r"|(?P<feet>['\"])"
    r"|(?P<sign>[^\w\s])"
)
_DOTTED = re.compile(r"(?:[^\W\d_]\.)+[^\W\d_]\.?")
ROMAN = {"i": "1", "ii": "2", "iii": "3", "iv": "4", "v": "5", "vi": "6", "vii": "7", "viii": "8"}
ROMAN |= {"ix": "9", "x": "10", "xi": "11", "xii": "12"}
_EVERY = re.compile(r"q(\d+)h(?:rs?)?")


@lru_cache(maxsize=200_000)
def tokens_of(raw: str) -> tuple[str, ...]:
    """The tokens of one raw word, whatever stands beside it.

    >>> [tokens_of(w) for w in ("500mg,", "120/80.", "can't", "mcg/kg", "L4-5", "5-10", "Q.I.D.")]
    ... # doctest: +NORMALIZE_WHITESPACE
    [('500', 'mg'), ('120/80',), ('can', 'not'), ('mcg', 'per', 'kg'), ('l4', 'l5'),
     ('5', 'to', '10'), ('qid',)]
    """
    return _tokens(raw, True)


@lru_cache(maxsize=200_000)
def tokens_as_spelled(raw: str) -> tuple[str, ...]:
    """The same without British words becoming American.

    >>> tokens_of("oedema,"), tokens_as_spelled("oedema,")
    (('edema',), ('oedema',))
    """
    return _tokens(raw, False)


def _tokens(raw: str, spelling: bool) -> tuple[str, ...]:
    words = rules().words
    word = THOUSANDS.sub(lambda m: m[0].replace(",", ""), raw.lower().translate(_MARKS))
    for written, sign in _PAIRS:
        word = word.replace(written, sign)
    parts = word.split()
    if len(parts) != 1:
        return tuple(token for part in parts for token in _tokens(part, spelling))
    if word in words:
        return words[word]
    bare = word.strip(_EDGE)
    after = word[len(word.rstrip(_EDGE)) :]
    if bare[-1:].isdigit() and after[:1] in ("'", '"') and not word.startswith(after[0]):
        bare += after[0]  # feet and inches, minutes and seconds
    if re.match(r"[^\w.]*\.\d", word):
        bare = "." + bare.lstrip(".")  # ".5", also in quotes
    if _DOTTED.fullmatch(bare):
        bare = bare.replace(".", "")
    if bare in words:
        return words[bare]
    above, slash, below = bare.partition("/")
    if slash and above in ROMAN and below in ROMAN:
        return (f"{ROMAN[above]}/{ROMAN[below]}",)
    return _pieces(bare, raw, spelling)


def _pieces(word: str, raw: str, spelling: bool) -> tuple[str, ...]:
    found: list[str] = []
    matches = list(_PIECE.finditer(word))
    minus = False
    for n, match in enumerate(matches):
        kind, text = match.lastgroup, match[0]
        if kind == "date":
            month, day, year = text.split("/")
            if 1 <= int(month) <= 12:
                found += [rules().months[int(month) - 1], str(int(day)), year]
            else:
                found.append(text)
        elif kind == "spine":
            first, second = re.split("[-/]", text)
            found += [first, second if second[0].isalpha() else first[0] + second]
        elif kind == "range":
            low, high = text.split("-")
            found += [plain_number(low), "to", plain_number(high)]
        elif kind == "ratio":
            found.append("/".join(map(plain_number, text.split("/"))))
        elif kind == "number":
            found.append(plain_number(text))
        elif kind in ("clock", "ordinal", "proportion"):
            found.append(text)
        elif kind == "word":
            found += _word(text, spelling)
            counted = text[0] == "x" and text[1:].isdigit() and word[match.end() : match.end() + 1] == "-"
            if counted and word[match.end() + 1 :].isdigit():  # "x2-3"
                found += ["to", word[match.end() + 1 :]]
                break
        elif kind == "feet":
            if found and found[-1][-1:].isdigit():
                found.append("ft" if text == "'" else "inch")
        elif text == "-":
            minus = _hyphen(word, match.start(), matches, n, found, raw)
            continue
        elif text == "/" and 0 < n < len(matches) - 1:
            if is_unit(found[-1] if found else "") or is_unit(matches[n + 1][0]):
                found.append("per")
        elif text in _SIGNS:
            found += _SIGNS[text].split()
        elif category(text)[0] == "S":  # a symbol that no rule knows still says something
            found.append(text)
        if minus and found:
            found[-1] = f"-{found[-1]}"
        minus = False
    return tuple(found)


def _hyphen(word: str, at: int, matches: list[re.Match[str]], n: int, found: list[str], raw: str) -> bool:
    """Whether a hyphen is the sign of the number after it; what else it says goes to ``found``."""
    before, after = word[at - 1 : at], word[at + 1 : at + 2]
    number = n + 1 < len(matches) and matches[n + 1].lastgroup in ("number", "ratio", "proportion")
    if number and matches[n + 1].start() == at + 1:
        if not before.isalnum() or before.isdigit():
            return True
        if found and is_unit(found[-1]) and len(found) > 1 and found[-2][-1:].isdigit():
            found.append("to")  # "5mg-10mg"
            return False
        return "." in matches[n + 1][0]  # "T-score-2.5"; but "B-12"
    if len(word) == 1 or (not before and not after):
        found.append("-")
    elif not after.isalnum():
        stem = re.split(r"[^\w]", raw[: raw.rfind("-") if at == len(word) - 1 else at].rstrip("("))[-1]
        named = stem in ("A", "B", "O", "Rh") or (len(stem) > 1 and stem.isupper())
        if before == "(" or before.isdigit() or named:
            found.append("negative")  # "HIV-", "Rh(-)"; but "w- when" was broken off
    return False


def _word(text: str, spelling: bool) -> tuple[str, ...]:
    known = rules()
    if text in known.words:
        return known.words[text]
    if text[0] == "x" and text[1:].isdigit():
        return "x", text[1:]
    if every := _EVERY.fullmatch(text):
        return "q", every[1], "hr"
    text = text[:-2] + "s" if text.endswith("'s") else text
    text = spelled(text) if spelling else text
    return known.words.get(text, (text,))
