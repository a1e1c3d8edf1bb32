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


def traits(
    tokens: Tokens, context: list[Match], spans: list[tuple[int, int]], quiet: frozenset[int] = frozenset()
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
    stops: dict[str, list[int]] = {name: [] for name in TRAITS}
    triggers: dict[str, list[int]] = {name: [] for name in TRAITS}
    for match in context:
        for name, classes in _STOPS.items():
            if match.row[1] in classes:
                stops[name].append(match.i)
        if match.row[1] in triggers and match.row[2] in ("pre", "both"):
            triggers[match.row[1]].append(match.i)
    marks = _Marks(tokens, spans, [i for i, _ in spans], quiet, [[] for _ in spans])
    for match in context:
        name = match.row[1]
        if name not in _STOPS:
            continue
        if match.row[2] in ("pre", "both"):
            # The next trigger of its kind takes over.
            marks.forward(name, match, min(_next(stops[name], match.j), _next(triggers[name], match.j)))
        if match.row[2] in ("post", "both"):
            marks.backward(name, match)
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
    found: list[list[str]]

    def forward(self, name: str, match: Match, limit: int) -> None:
        """Mark the entities after a trigger, up to ``limit``."""
        at = bisect_left(self.starts, match.j)
        sentence, last = self.tokens.sentence[match.j - 1], match.j
        heading = match.j < len(self.tokens.key) and self.tokens.key[match.j] == ":"
        reach = 40 if heading else _REACH.get(name, 6)
        while at < len(self.spans):
            i, j = self.spans[at]
            if i >= limit or self.tokens.sentence[i] != sentence or self._words(last, i) > reach:
                break
            self._mark(at, name)
            last = max(last, j)
            at += 1

    def backward(self, name: str, match: Match) -> None:
        """Mark the entity before a trigger, and those listed with it."""
        at = bisect_left(self.starts, match.i) - 1
        first, gap = match.i, 3
        while at >= 0:
            i, j = self.spans[at]
            if self.tokens.sentence[i] != self.tokens.sentence[match.i] or first - j > gap:
                break
            if first != match.i and not all(key in _LIST for key in self.tokens.key[j:first]):
                break
            self._mark(at, name)
            first, gap = i, 2
            at -= 1

    def _mark(self, at: int, name: str) -> None:
        if name not in self.found[at]:
            self.found[at].append(name)

    def _words(self, i: int, j: int) -> int:
        return j - i if not self.quiet or j - i > 20 else sum(at not in self.quiet for at in range(i, j))
