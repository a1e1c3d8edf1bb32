"""The medical normaliser: what is said and what a medical engine writes become the same tokens.

"five hundred milligrams" and "500 mg", "blood pressure one twenty over eighty" and
"BP 120/80", "C O P D" and "COPD". Every token keeps the span of raw words that it came
from. What the words and numbers mean is in the tables of ``rules/``; here is only how
they combine. Nothing is joined that could make two doses equal: where a reading depends
on what the speaker meant ("one twenty": 120, or 1 of 20?), a context must say so, or the
words stay apart. A missed equivalence is a small error, a false one is a danger.

Source of the rewriting: Amazon Transcribe Medical developer guide, "Transcribing numbers".
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache, lru_cache
from unicodedata import category

from medtx.scoring.normalize import Tokens
from medtx.scoring.rules import rules
from medtx.scoring.spoken import INTEGER, UNITS, Reader, is_unit, plain_number

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
    "-": "-",
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
_THOUSANDS = re.compile(r"(?<![\d.,])\d{1,3}(,\d{3})+(?![\d,])")
_DOTTED = re.compile(r"(?:[^\W\d_]\.)+[^\W\d_]\.?")
_ROMAN = {"i": "1", "ii": "2", "iii": "3", "iv": "4", "v": "5", "vi": "6", "vii": "7", "viii": "8"}
_ROMAN |= {"ix": "9", "x": "10", "xi": "11", "xii": "12"}
_ROMAN_LETTER = re.compile(r"([ivx]+)([abc]?)")
_LISTED = frozenset(("through", "to", "and", "or"))
_EVERY = re.compile(r"q(\d+)h(?:rs?)?")
_SPINE = re.compile(r"([ctls])(\d{1,2})")
_BEFORE_NUMBER = frozenset("bcdhklmnostv")
"""Letters that join the number after them: B12, C5, D3, L5, M0, O2, V6; not "a" or "i"."""

_PREFIXES = frozenset(
    "anti extra infra intra micro multi non para peri post pre retro sub supra trans".split()
)


@lru_cache(maxsize=200_000)
def _tokens(raw: str) -> tuple[str, ...]:
    """The tokens of one raw word, whatever stands beside it.

    >>> [_tokens(w) for w in ("500mg,", "120/80.", "can't", "mcg/kg", "L4-5", "5-10", "Q.I.D.")]
    ... # doctest: +NORMALIZE_WHITESPACE
    [('500', 'mg'), ('120/80',), ('can', 'not'), ('mcg', 'per', 'kg'), ('l4', 'l5'),
     ('5', 'to', '10'), ('qid',)]
    """
    words = rules().words
    word = _THOUSANDS.sub(lambda m: m[0].replace(",", ""), raw.lower().translate(_MARKS))
    for written, sign in _PAIRS:
        word = word.replace(written, sign)
    parts = word.split()
    if len(parts) != 1:
        return tuple(token for part in parts for token in _tokens(part))
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
    if slash and above in _ROMAN and below in _ROMAN:
        return (f"{_ROMAN[above]}/{_ROMAN[below]}",)
    return _pieces(bare, raw)


def _pieces(word: str, raw: str) -> tuple[str, ...]:
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
            found += _word(text)
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


def _word(text: str) -> tuple[str, ...]:
    known = rules()
    if text in known.words:
        return known.words[text]
    if text[0] == "x" and text[1:].isdigit():
        return "x", text[1:]
    if every := _EVERY.fullmatch(text):
        return "q", every[1], "hr"
    text = text[:-2] + "s" if text.endswith("'s") else text
    if len(text) > 3:
        for pattern, replacement in known.spelling:
            if match := pattern.fullmatch(text):
                text = match.expand(replacement)
                break
    return known.words.get(text, (text,))


_NEGATIVE = ("minus", "negative")
_BETWEEN = frozenset("of is was at around about are were".split())
"""What may stand between a vital sign and its number."""
_DATED = frozenset("in since on from until by of during before after through year early late mid".split())
"""What stands before a date."""
_STAGED = frozenset("type types stage stages grade class".split())
_HESITATION = frozenset("um uh eh".split())
"""Not "er": it is also a place, and a receptor."""
_POINTS = frozenset(
    "this that some the a an any each every what which one entry exit end start such at from to".split()
)
"""Before "point", what makes it a place or a time."""
LONGEST = 12
"""Letters that are spelled in one go."""
_PAUSES = ",.;:?!"
_PAUSE = "\n"
_LOOK = frozenset("0123456789ivx")
_SAID_MARKS = {
    ("full", "stop"),
    ("question", "mark"),
    ("exclamation", "mark"),
    ("exclamation", "point"),
    ("new", "line"),
    ("next", "line"),
    ("new", "paragraph"),
    ("next", "paragraph"),
    ("comma",),
    ("semicolon",),
}


@dataclass(frozen=True)
class Medical:
    """The medical normaliser; ``medtx.align(..., normalize="medical")`` is one without options.

    ``fillers=False`` leaves "um" and "uh" out; answers such as "mm-hm" always stay.
    ``spoken_punctuation=True`` leaves out marks that were dictated ("full stop", "new line"), but
    not "period" and "colon", which are clinical words too.

    >>> said = "blood pressure one twenty over eighty, give five hundred milligrams".split()
    >>> Medical()(said).text
    ['bp', '120/80', 'give', '500', 'mg']
    >>> Medical()("BP 120/80. Give 500mg".split())
    Tokens(text=['bp', '120/80', 'give', '500', 'mg'], start=[0, 1, 2, 3, 3], stop=[1, 2, 3, 4, 4])
    """

    fillers: bool = True
    spoken_punctuation: bool = False

    def __call__(self, words: Sequence[str]) -> Tokens:
        tokens: list[str] = []
        owner: list[int] = []
        for i, word in enumerate(words):
            for token in _tokens(word):
                tokens.append(token)
                owner.append(i)
            if word[-1:] in _PAUSES:
                tokens.append(_PAUSE)  # "H P I, P M H" are two, and "one, two, three" three
                owner.append(i)
        found = _Rewriter(tokens, self).run()
        return Tokens(
            [text for text, _, _ in found],
            [owner[first] for _, first, _ in found],
            [owner[last - 1] + 1 for _, _, last in found],
        )


@cache
def _triggers() -> frozenset[str]:
    """Tokens that a rule may begin with; all others pass as they are."""
    known = rules()
    return frozenset(
        (
            *known.phrases,
            *known.kind,
            *known.units,
            *_PREFIXES,
            *_NEGATIVE,
            *_HESITATION,
            *(mark[0] for mark in _SAID_MARKS),
            *("half", "quarter", "point", "am", "pm", "ft"),
        )
    )


class _Rewriter:
    """Goes through the tokens of a recording once; each rule sees what was made before it."""

    def __init__(self, tokens: list[str], options: Medical) -> None:
        self.tokens, self.options = tokens, options
        self.reader = Reader(tokens)
        self.ahead = self.reader.tokens
        self.found: list[tuple[str, int, int]] = []  # token, and the span of those that it stands for

    def run(self) -> list[tuple[str, int, int]]:
        triggers, found = _triggers(), self.found
        i, n = 0, len(self.tokens)
        while i < n:
            token = self.tokens[i]
            # A roman numeral, with a letter perhaps, begins with i, v or x.
            if len(token) > 1 and token not in triggers and token[0] not in _LOOK:
                found.append((token, i, i + 1))
                i += 1
            else:
                i = self.step(token, i)
        return found

    def before(self, back: int = 1) -> str:
        return self.found[-back][0] if len(self.found) >= back else ""

    def emit(self, text: str, first: int, last: int) -> int:
        self.found.append((text, first, last))
        return last

    def merge(self, text: str, last: int, back: int = 1) -> int:
        """The last ``back`` tokens, and what follows up to ``last``, become ``text``."""
        first = self.found[-back][1]
        del self.found[-back:]
        return self.emit(text, first, last)

    def step(self, token: str, i: int) -> int:
        """Apply the first rule that fits at ``i``; give the token after it."""
        if token == _PAUSE:
            return i + 1
        if self.options.spoken_punctuation:
            for size in (1, 2):
                if tuple(self.ahead[i : i + size]) in _SAID_MARKS:
                    return i + size
        if not self.options.fillers and token in _HESITATION:
            return i + 1
        spelled = self.letters(i) if len(token) == 1 and token.isalpha() else i
        for said, written in rules().phrases.get(token, ()):
            fits = tuple(self.ahead[i : i + len(said)]) == said
            if fits and i + len(said) >= spelled:  # "p m" is no part of "p m h"
                for text in written:
                    self.emit(text, i, i + len(said))
                return i + len(said)
        if spelled > i + 1:
            return self.emit("".join(self.tokens[i:spelled]), i, spelled)
        if token in _NEGATIVE:
            text, end = self.reader.number(i + 1, "")
            if end > i + 1 and text[0].isdigit():
                return self.emit(f"-{text}", i, end)
        text, end = self.reader.number(i, self.context())
        pointed = token == "point" and (
            self.before() in _POINTS or not (self.unit(end) or self.ahead[end] == "%")
        )
        if end > i and not pointed:  # "at this point five" is no 0.5
            return self.number(text, i, end)
        return self.word(token, i)

    def letters(self, i: int) -> int:
        """The end of a run of spelled letters: "c o p d"; an article does not begin a short one."""
        end = i
        while len(self.ahead[end]) == 1 and self.ahead[end].isalpha() and end - i < LONGEST:
            end += 1
        if end > i + 1 and self.ahead[end][:1].isdigit() and self.ahead[end - 1] in ("x", "p", "r"):
            end -= 1
        if set(self.ahead[i:end]) <= {"a", "i"}:  # "I, I have": said twice, not spelled
            return i + 1
        shortest = 3 if self.ahead[i] == "a" or self.ahead[i + 1] == "a" else 2
        unit = self.before()[-1:].isdigit() and self.ahead[i] in UNITS
        return end if end - i >= shortest and not unit else i + 1

    def context(self) -> str:
        back = 1
        while self.before(back) in _BETWEEN and back < 4:
            back += 1
        if rules().contexts.get(self.before(back)) == "vital":
            return "vital"
        if self.before() == "at":
            return "clock"
        kind = rules().contexts.get(self.before(), "")
        if kind == "month":  # "may" is a verb too
            return kind if self.before() != "may" or self.before(2) in _DATED or len(self.found) == 1 else ""
        dated = rules().contexts.get(self.before(2)) == "month" and self.before().isdigit()
        return "year" if dated or self.before() in _DATED else kind

    def number(self, text: str, i: int, end: int) -> int:
        """A number and what stands beside it: letters, months, money, vital signs."""
        before = self.before()
        single = len(before) == 1 and self.found[-1][2] == i
        if before == "$":
            return self.merge(f"${text}", end)
        if self.ahead[end] in ("dollar", "dollars"):
            end += 1
            start = end + (self.ahead[end] == "and")
            cents, stop = self.reader.number(start, "")
            if stop > start and self.ahead[stop] in ("cent", "cents") and len(cents) < 3:
                return self.emit(f"${plain_number(f'{text}.{cents.zfill(2)}')}", i, stop + 1)
            return self.emit(f"${text}", i, end)
        vital = before in ("p", "r") and INTEGER.fullmatch(text) and int(text[:6]) > 7 and not self.unit(end)
        if single and (before == "x" or vital):
            times = "by" if self.before(2)[-1:].isdigit() else "times"
            self.merge({"p": "pulse", "r": "respirations", "x": times}[before], self.found[-1][2])
        elif rules().contexts.get(before) == "name" and self.found[-1][2] == i and not self.unit(end):
            return self.merge(before + text, end)
        elif INTEGER.fullmatch(text) and len(text) < 3 and not self.unit(end):
            measured = before in UNITS and self.before(2)[:1].isdigit()  # "5 m 3"
            if single and before in _BEFORE_NUMBER and not measured and self.ahead[end] != "%":
                return self.merge(before + text, end)
            spine = _SPINE.fullmatch(before)
            if spine and self.found[-1][2] == i and int(text) == int(spine[2]) + 1 <= 12:
                return self.emit(spine[1] + text, i, end)
        elif text[-1].isalpha() and self.context() == "month":
            return self.emit(text[:-2], i, end)
        return self.emit(text, i, end)

    def roman(self, back: int) -> bool:
        """Whether what stands so far back is numbered with roman numerals."""
        return rules().contexts.get(self.before(back)) == "roman"

    def unit(self, i: int) -> bool:
        """Whether a unit, or what is counted, stands at ``i``; in "L 4 L 5" none does."""
        letter = len(self.ahead[i]) == 1 and self.reader.simple(i + 1)[1] > i + 1
        return (is_unit(self.ahead[i]) and not letter) or self.ahead[i] in rules().counted

    def word(self, token: str, i: int) -> int:
        """A word whose meaning lies in what stands before it."""
        before = self.before()
        numeric = before[-1:].isdigit() or before == "per"
        if token in ("am", "pm") and before.endswith(":00"):
            self.merge(before[:-3], self.found[-1][2])
        if token in rules().units:
            unit = rules().units[token]
            if unit in ("c", "f") and before in ("degree", "degrees") and self.before(2)[-1:].isdigit():
                return self.merge(unit, i + 1)
            if numeric:
                return self.emit(unit, i, i + 1)
        if token == "h" and numeric and self.before(2) == "q":
            return self.emit("hr", i, i + 1)
        if token in ("c", "f") and before in ("degree", "degrees"):
            return self.merge(token, i + 1)
        listed = before in _LISTED and self.before(2).isdigit() and self.roman(3)
        if (self.roman(1) or listed) and (roman := _ROMAN_LETTER.fullmatch(token)) and roman[1] in _ROMAN:
            return self.emit(_ROMAN[roman[1]] + roman[2], i, i + 1)
        staged = before.isdigit() and self.before(2) in _STAGED and self.found[-1][2] == i
        if token in ("b", "c", "d") and staged:
            return self.merge(before + token, i + 1)
        if token in _PREFIXES and self.ahead[i + 1].isalpha() and len(self.ahead[i + 1]) > 2:
            return self.emit(token + self.ahead[i + 1], i, i + 2)
        return self.emit(token, i, i + 1)
