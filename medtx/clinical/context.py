"""Denied, doubted, past, somebody else's: which entities the words around them change, and how.

After NegEx (Chapman 2001) and ConText (Harkema 2009), over own tables: a trigger reaches the entities
after it,
or before it, in its sentence, until a word that ends its scope or too many words that are no entity.
Recognised
speech often has no sentence ends, so verbs and pronouns end a scope as well, and a list ("no fever chills or
cough") carries it from entity to entity. The longest phrase wins, so "no increase in" (a
pseudo-negation, which
does nothing) hides "no".
"""

from bisect import bisect_left

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
    found: list[list[str]] = [[] for _ in spans]
    starts = [i for i, _ in spans]
    inside = {at for i, j in spans for at in range(i, j)}
    context = [_whole(tokens, match, inside) for match in context if match.i not in inside]
    stops: dict[str, list[int]] = {name: [] for name in TRAITS}
    for match in context:
        if match.row[1] in ("STOP", "SUBJECT", "VERB"):
            for name, classes in _STOPS.items():
                if match.row[1] in classes:
                    stops[name].append(match.i)
    triggers: dict[str, list[int]] = {name: [] for name in TRAITS}
    for match in context:
        if match.row[1] in triggers and match.row[2] in ("pre", "both"):
            triggers[match.row[1]].append(match.i)
    for match in context:
        name = match.row[1]
        if name not in _STOPS:
            continue
        if match.row[2] in ("pre", "both"):
            later = bisect_left(triggers[name], match.j)
            limit = triggers[name][later] if later < len(triggers[name]) else len(tokens.key)
            _forward(tokens, match, name, spans, starts, stops[name], found, quiet, limit)
        if match.row[2] in ("post", "both"):
            _backward(tokens, match, name, spans, starts, stops[name], found)
    return found


def _whole(tokens: Tokens, match: Match, inside: set[int]) -> Match:
    """Of a trigger that runs into an entity ("without difficulty" + "difficulty breathing") the negation."""
    if match.j - 1 in inside and tokens.key[match.i] in ("no", "not", "without"):
        return Match(match.i, match.i + 1, (tokens.key[match.i], "NEGATION", "pre"))
    return match


def _forward(
    tokens: Tokens,
    match: Match,
    name: str,
    spans: list[tuple[int, int]],
    starts: list[int],
    stops: list[int],
    found: list[list[str]],
    quiet: frozenset[int],
    limit: int,
) -> None:
    """Mark the entities after a trigger, up to ``limit``, where the next one of its kind takes over."""
    at = bisect_left(starts, match.j)
    stop = bisect_left(stops, match.j)
    limit = min(limit, stops[stop]) if stop < len(stops) else limit
    sentence, last = tokens.sentence[match.j - 1], match.j
    heading = match.j < len(tokens.key) and tokens.key[match.j] == ":"
    reach = 40 if heading else _REACH.get(name, 6)
    while at < len(spans):
        i, j = spans[at]
        if i >= limit or tokens.sentence[i] != sentence or _words(last, i, quiet) > reach:
            break
        if name not in found[at]:
            found[at].append(name)
        last = max(last, j)
        at += 1


def _words(i: int, j: int, quiet: frozenset[int]) -> int:
    return j - i if not quiet or j - i > 20 else sum(at not in quiet for at in range(i, j))


def _backward(
    tokens: Tokens,
    match: Match,
    name: str,
    spans: list[tuple[int, int]],
    starts: list[int],
    stops: list[int],
    found: list[list[str]],
) -> None:
    at = bisect_left(starts, match.i) - 1
    first = match.i
    gap = 3
    while at >= 0:
        i, j = spans[at]
        if tokens.sentence[i] != tokens.sentence[match.i] or first - j > gap:
            break
        if first != match.i and not all(key in _LIST for key in tokens.key[j:first]):
            break
        if name not in found[at]:
            found[at].append(name)
        first, gap = i, 2
        at -= 1
