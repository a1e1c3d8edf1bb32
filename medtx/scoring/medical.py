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
from functools import cache

from medtx.scoring.normalize import Tokens, name_with_options
from medtx.scoring.rules import rules
from medtx.scoring.spoken import INTEGER, UNITS, Reader, is_unit, plain_number
from medtx.scoring.written import ROMAN, tokens_as_spelled, tokens_of

_ROMAN_LETTER = re.compile(r"([ivx]+)([abc]?)")
_LISTED = frozenset(("through", "to", "and", "or"))
_SPINE = re.compile(r"([ctls])(\d{1,2})")
_BEFORE_NUMBER = frozenset("bcdhklmnostv")
"""Letters that join the number after them: B12, C5, D3, L5, M0, O2, V6; not "a" or "i"."""

_PREFIXES = frozenset(
    "anti extra infra intra micro multi non para peri post pre retro sub supra trans".split()
)

_NEGATIVE = ("minus", "negative")
_BETWEEN = frozenset("of is was at around about are were".split())
"""What may stand between a vital sign and its number."""
_DATED = frozenset("in since on from until by of during before after through year early late mid".split())
"""What stands before a date."""
_STAGED = frozenset("type types stage stages grade class".split())
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

    ``normalize="medical, fillers=False"`` is the same as ``normalize=Medical(fillers=False)``.

    ``fillers=False`` leaves "um" and "uh" out; answers such as "mm-hm" always stay.
    ``compounds=False`` keeps "hay fever" and "hayfever" apart, ``spelling=False`` "mum" and "mom",
    "oedema" and "edema".
    ``spoken_punctuation=True`` leaves out marks that were dictated ("full stop", "new line"), but
    not "period" and "colon", which are clinical words too.

    >>> said = "blood pressure one twenty over eighty, give five hundred milligrams".split()
    >>> Medical()(said).text
    ['bp', '120/80', 'give', '500', 'mg']
    >>> Medical()("BP 120/80. Give 500mg".split())
    Tokens(text=['bp', '120/80', 'give', '500', 'mg'], start=[0, 1, 2, 3, 3], stop=[1, 2, 3, 4, 4])
    """

    fillers: bool = True
    compounds: bool = True
    spelling: bool = True
    spoken_punctuation: bool = False

    @property
    def name(self) -> str:
        """What ``normalize=`` takes for it.

        >>> Medical(fillers=False).name
        'medical, fillers=False'
        """
        return name_with_options("medical", self)

    def __call__(self, words: Sequence[str]) -> Tokens:
        split = tokens_of if self.spelling else tokens_as_spelled
        tokens: list[str] = []
        owner: list[int] = []
        for i, word in enumerate(words):
            for token in split(word):
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
            *known.phrases_apart,
            *known.kind,
            *known.units,
            *_PREFIXES,
            *_NEGATIVE,
            *known.fillers,
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
        self.phrases = rules().phrases if options.compounds else rules().phrases_apart
        self.found: list[tuple[str, int, int]] = []  # token, and the span of those that it stands for
        self.fillers: list[tuple[str, int, int]] = []  # which no rule sees

    def run(self) -> list[tuple[str, int, int]]:
        triggers, found, known = _triggers(), self.found, rules()
        starts = known.compound_starts if self.options.compounds else frozenset()
        i, n = 0, len(self.tokens)
        while i < n:
            token = self.tokens[i]
            # A roman numeral, with a letter perhaps, begins with i, v or x.
            if len(token) > 1 and token not in triggers and token[0] not in _LOOK:
                size = 2 if token in starts and (token, self.ahead[i + 1]) in known.compounds else 1
                found.append((token if size == 1 else token + self.ahead[i + 1], i, i + size))
                i += size
            else:
                i = self.step(token, i)
        if not self.options.fillers:  # also one that was spelled: "u m"
            return [one for one in found if one[0] not in rules().fillers]
        return sorted([*found, *self.fillers], key=lambda one: one[1:]) if self.fillers else found

    def before(self, back: int = 1) -> str:
        return self.found[-back][0] if len(self.found) >= back else ""

    def emit(self, text: str, first: int, last: int) -> int:
        self.found.append((text, first, last))
        return last

    def merge(self, text: str, last: int) -> int:
        """The last token, and what follows up to ``last``, become ``text``."""
        _, first, _ = self.found.pop()
        return self.emit(text, first, last)

    def step(self, token: str, i: int) -> int:
        """Apply the first rule that fits at ``i``; give the token after it."""
        if token == _PAUSE:
            return i + 1
        if self.options.spoken_punctuation:
            for size in (1, 2):
                if tuple(self.ahead[i : i + size]) in _SAID_MARKS:
                    return i + size
        spelled = self.letters(i) if len(token) == 1 and token.isalpha() else i
        for said, written in self.phrases.get(token, ()):
            fits = tuple(self.ahead[i : i + len(said)]) == said
            if fits and i + len(said) >= spelled:  # "p m" is no part of "p m h"
                for text in written:
                    self.emit(text, i, i + len(said))
                return i + len(said)
        if token in rules().fillers:
            self.fillers.append((token, i, i + 1))
            return i + 1
        if spelled > i + 1 and self.before() in _PREFIXES and self.found[-1][2] == i:
            return self.merge(self.before() + "".join(self.tokens[i:spelled]), spelled)  # "postCABG"
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
        if (self.roman(1) or listed) and (roman := _ROMAN_LETTER.fullmatch(token)) and roman[1] in ROMAN:
            return self.emit(ROMAN[roman[1]] + roman[2], i, i + 1)
        staged = before.isdigit() and self.before(2) in _STAGED and self.found[-1][2] == i
        if token in ("b", "c", "d") and staged:
            return self.merge(before + token, i + 1)
        if token in _PREFIXES and self.ahead[i + 1].isalpha() and len(self.ahead[i + 1]) > 2:
            return self.emit(token + self.ahead[i + 1], i, i + 2)
        return self.emit(token, i, i + 1)
