"""Denied, doubted, past, somebody else's: which entities the words around them change, and how.

After NegEx (Chapman 2001) and ConText (Harkema 2009), over own tables: a trigger reaches the entities
after it, or before it, in its sentence, until a word that ends its scope or too many words that are no
entity. Recognised speech often has no sentence ends, so verbs and pronouns end a scope as well, and a
list ("no fever chills or cough") carries it from entity to entity. The longest phrase wins, so "no
increase in" (a pseudo-negation, which does nothing) hides "no".
"""

import sys
from bisect import bisect_left
from typing import NamedTuple

from medtx.clinical.lexicon import Match, Tokens

TRAITS = ("NEGATION", "PERTAINS_TO_FAMILY", "HYPOTHETICAL", "LOW_CONFIDENCE", "PAST_HISTORY", "FUTURE")
_STOPS = {  # the classes of words that end the scope of a trait
    "NEGATION": frozenset(["STOP", "SUBJECT", "VERB"]),
    "LOW_CONFIDENCE": frozenset(["STOP", "SUBJECT", "VERB"]),
    "PAST_HISTORY": frozenset(["STOP", "SUBJECT", "VERB"]),
    "PERTAINS_TO_FAMILY": frozenset(["STOP", "SUBJECT"]),
    "HYPOTHETICAL": frozenset(["STOP"]),
    "FUTURE": frozenset(["STOP", "SUBJECT"]),
}
_REACH = {"NEGATION": 6, "LOW_CONFIDENCE": 4, "PAST_HISTORY": 5, "PERTAINS_TO_FAMILY": 8, "HYPOTHETICAL": 8}
_LIST = frozenset(", and or nor / any the a an of other".split())
_GOES_ON = frozenset("persists persisted present worse worsening improving positive continues".split())
_EXPOSED = frozenset("on with after while from despite".split())
_NEW_START = frozenset(
    ", . ? ! ; any do did does have has are is was how what when and not i he she but okay ok it just so "
    "yes".split()
)
_ASKED = frozenset(["any", "you", "your"])


class Said(NamedTuple):
    """What is known of the spans before their traits are: the indices of the spans."""

    drugs: frozenset[int] = frozenset()
    stated: frozenset[int] = frozenset()  # by themselves: a test with a value, "lungs clear"


_NOTHING = Said()


def traits(
    tokens: Tokens,
    context: list[Match],
    spans: list[tuple[int, int]],
    quiet: frozenset[int] = frozenset(),
    known: Said = _NOTHING,
) -> list[list[str]]:
    """The traits of each span of tokens (in order of their begin); ``quiet`` tokens are no words of a gap.

    >>> from medtx.clinical.lexicon import matches, tokens_of
    >>> text = tokens_of("no fever chills or cough but she has nausea, mother had asthma")
    >>> found = matches(text)
    >>> spans = [(m.i, m.j) for m in found["conditions"]]
    >>> [(text.said(*span), of) for span, of in zip(spans, traits(text, found["context"], spans))]
    [('fever', ['NEGATION']), ('chills', ['NEGATION']), ('cough', ['NEGATION']), ('nausea', []),
     ('asthma', ['PERTAINS_TO_FAMILY'])]
    """
    inside = {at for i, j in spans for at in range(i, j)}
    context = [_whole(tokens, match, inside) for match in context if match.i not in inside]
    marks = _Marks(tokens, spans, [i for i, _ in spans], quiet, known, [[] for _ in spans])
    placed = [(match, match.row[1], marks.side(match)) for match in context]
    stops: dict[str, list[int]] = {name: [] for name in TRAITS}
    triggers: dict[str, list[int]] = {name: [] for name in TRAITS}
    for match, kind, side in placed:
        for name, classes in _STOPS.items():
            if kind in classes:
                stops[name].append(match.i)
        if kind in triggers and side in ("pre", "both"):
            triggers[kind].append(match.i)
    for match, kind, side in placed:
        if kind not in _STOPS:
            continue
        if side in ("pre", "both"):
            # The next trigger of its kind takes over.
            marks.forward(kind, match, min(_next(stops[kind], match.j), _next(triggers[kind], match.j)))
        if side in ("post", "both"):
            marks.backward(kind, match)
        if side == "answer":
            marks.answered(match.i)
    return marks.found


def _next(places: list[int], at: int) -> int:
    later = bisect_left(places, at)
    return places[later] if later < len(places) else sys.maxsize


def _whole(tokens: Tokens, match: Match, inside: set[int]) -> Match:
    """Of a trigger that runs into an entity ("without difficulty" + "difficulty breathing") the negation."""
    if match.j - 1 in inside and tokens.key[match.i] in ("no", "not", "without"):
        return Match(match.i, match.i + 1, (tokens.key[match.i], "NEGATION", "pre"))
    return match


class _Marks(NamedTuple):
    """The traits of each span so far, and what a trigger needs to find its spans."""

    tokens: Tokens
    spans: list[tuple[int, int]]
    starts: list[int]
    quiet: frozenset[int]
    known: Said
    found: list[list[str]]

    def side(self, match: Match) -> str:
        """Which way a trigger reaches: pre, post, both, answer, or none."""
        side, key = match.row[2], self.tokens.key
        before = bisect_left(self.starts, match.i) - 1
        gap = match.i - self.spans[before][1] if before >= 0 else sys.maxsize
        same = before >= 0 and self.tokens.sentence[self.spans[before][0]] == self.tokens.sentence[match.i]
        if side == "touching":
            return "post" if same and gap == 0 else ""
        if side == "either":  # "lisinopril 10 mg held", and "held lisinopril"
            near = same and gap <= 4 and not any(k in _LIST for k in key[match.i - gap : match.i])
            return "post" if near else "pre"
        if side == "answer":
            ends = match.j >= len(key) or self.tokens.sentence[match.j] != self.tokens.sentence[match.i]
            alone = ends or key[match.j] in _NEW_START
            if alone and self._question(match.i, before):
                return "answer"
            if match.row[1] == "ANSWER" or (not ends and key[match.j] in (",", "any")):
                return ""  # "no, aspirin 81": it answers what is not here
            return "pre"
        return side

    def _question(self, i: int, before: int) -> bool:
        """Whether token i follows a question, a turn or a heading that ends with the entity before."""
        if before < 0 or i - self.spans[before][1] > 6:
            return False
        if self.tokens.key[i - 1] in "?:":
            return True
        first = self.spans[before][0]
        asked = range(max(0, first - 10), first)
        sentence = self.tokens.sentence
        return any(self.tokens.key[k] in _ASKED for k in asked if sentence[k] == sentence[first])

    def answered(self, i: int) -> None:
        """Mark the entity that was asked for, and those listed with it."""
        at = bisect_left(self.starts, i) - 1
        self._back("NEGATION", at, i, 8, self.tokens.sentence[self.spans[at][0]])

    def forward(self, name: str, match: Match, limit: int) -> None:
        """Mark the entities after a trigger, up to ``limit``."""
        key = self.tokens.key
        at = first = bisect_left(self.starts, match.j)
        sentence, last = self.tokens.sentence[match.j - 1], match.j
        heading = match.j < len(key) and key[match.j] == ":"
        reach = 40 if heading else _REACH.get(name, 6)
        while at < len(self.spans):
            i, j = self.spans[at]
            if i >= limit or self.tokens.sentence[i] != sentence or self._words(last, i) > reach:
                break
            # In a list: does this one still belong to it?
            if name == "NEGATION" and at > first and i >= last and self._on_its_own(at, last):
                break
            self._mark(at, name)
            last = max(last, j)
            at += 1

    def _on_its_own(self, at: int, last: int) -> bool:
        """Whether "no bleeding on warfarin", "no fever cough persists", "no cough lungs clear" ends there."""
        i, j = self.spans[at]
        if at in self.known.drugs and not _EXPOSED.isdisjoint(self.tokens.key[last:i]):
            return True
        around = self.tokens.key[last:i] + self.tokens.key[j : j + 1]
        return at in self.known.stated or not _GOES_ON.isdisjoint(around)

    def backward(self, name: str, match: Match) -> None:
        """Mark the entity before a trigger, and those listed with it."""
        at, gap = bisect_left(self.starts, match.i) - 1, 4 if match.row[2] == "either" else 3
        self._back(name, at, match.i, gap, self.tokens.sentence[match.i])

    def _back(self, name: str, at: int, first: int, gap: int, sentence: int) -> None:
        began = first
        while at >= 0:
            i, j = self.spans[at]
            if self.tokens.sentence[i] != sentence or first - j > gap:
                break
            if first != began and not all(key in _LIST for key in self.tokens.key[j:first]):
                break
            if at not in self.known.stated:
                self._mark(at, name)
            first, gap = i, 2
            at -= 1

    def _mark(self, at: int, name: str) -> None:
        if name not in self.found[at]:
            self.found[at].append(name)

    def _words(self, i: int, j: int) -> int:
        return j - i if not self.quiet or j - i > 20 else sum(at not in self.quiet for at in range(i, j))
