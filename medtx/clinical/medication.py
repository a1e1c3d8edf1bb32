"""How much, in what form, how, how often and for how long: phrases of a dose, and the drug they belong to.

The service calls "1000 mg" a DOSAGE where it is what is taken, and a STRENGTH where it is what one tablet or
millilitre holds; the same here: a strength is an amount before a form or a count, a percentage or a
concentration.
"""

from bisect import bisect_left
from typing import NamedTuple

from medtx.clinical.lexicon import Match, Tokens

_PERIODS = frozenset(
    "hour hours hr hrs h minute minutes min mins day days d week weeks wk wks month months year years".split()
)
_LONG = _PERIODS - frozenset("h d min mins minute minutes".split()) | frozenset(
    ["doses", "cycles", "courses"]
)
_TURNS = frozenset("hour hr day daily week weekly month monthly night meal morning evening nightly".split())
_WHEN = frozenset("morning evening night day week month afternoon bedtime noon meals".split())
_EACH = frozenset(["a", "an", "per", "each", "every", "/", "in"])
_TO_DRUG = frozenset("of the oral iv his her a more generic regular dose daily".split())
_BETWEEN = 6
_WEAK = frozenset(["FREQUENCY", "ROUTE_OR_MODE", "FORM", "DURATION"])


class Phrase(NamedTuple):
    """An attribute's type and its tokens, i to j (exclusive)."""

    type: str
    i: int
    j: int


def phrases(tokens: Tokens, words: dict[str, list[Match]], taken: set[int]) -> list[Phrase]:
    """The phrases of doses in a text, in order; the tokens in ``taken`` mean something else.

    >>> from medtx.clinical.lexicon import matches, tokens_of
    >>> text = tokens_of("one to two 5 mg tablets by mouth every six hours as needed for ten days")
    >>> [(p.type, text.said(p.i, p.j)) for p in phrases(text, matches(text), set())]
    [('DOSAGE', 'one to two'), ('STRENGTH', '5 mg'), ('FORM', 'tablets'), ('ROUTE_OR_MODE', 'by mouth'),
     ('FREQUENCY', 'every six hours as needed'), ('DURATION', 'ten days')]
    """
    units = {match.i: match for match in words.get("unit", ())}
    forms = {match.i: match for match in words.get("form", ())}
    found: list[Phrase] = []
    used: set[int] = set()
    for match in words.get("frequency", ()):
        found.append(Phrase("FREQUENCY", match.i, match.j))
    for i, j in tokens.numbers.items():
        if i in taken:
            continue
        found += _counted(tokens, i, j, units, forms)
    for at, key in enumerate(tokens.key):
        if key in ("every", "q", "each"):
            stop = _every(tokens, at)
            if stop:
                found.append(Phrase("FREQUENCY", at, stop))
    found += [Phrase("ROUTE_OR_MODE", match.i, match.j) for match in words.get("route", ())]
    found += [Phrase("FORM", match.i, match.j) for match in words.get("form", ())]
    kept: list[Phrase] = []
    for phrase in sorted(found, key=lambda p: (p.i, -p.j)):
        span = range(phrase.i, phrase.j)
        if used.isdisjoint(span) and taken.isdisjoint(span):
            used.update(span)
            last = kept[-1] if kept else None
            if last and last.type == phrase.type == "FREQUENCY" and last.j == phrase.i:
                kept[-1] = Phrase("FREQUENCY", last.i, phrase.j)
            else:
                kept.append(phrase)
    return kept


def _counted(
    tokens: Tokens, i: int, j: int, units: dict[int, Match], forms: dict[int, Match]
) -> list[Phrase]:
    key, n = tokens.key, len(tokens.key)
    after = key[j] if j < n else ""
    if after == "times" or after == "x":
        turn = j + 1 + (j + 1 < n and key[j + 1] in _EACH)
        if turn < n and key[turn] in _TURNS:
            return [Phrase("FREQUENCY", i, turn + 1)]
        return []
    if after in _LONG or (after in _PERIODS and i and key[i - 1] in ("x", "for")):
        follows = key[j + 1] if j + 1 < n else ""
        before = key[i - 1] if i else ""
        if follows in ("ago", "old", "of", "prior", "before", "later", "earlier") or before in ("every", "q"):
            return []
        if before in ("last", "past", "in", "within", "after", "over", "age", "age", "since", "previous"):
            return []
        return [Phrase("DURATION", i, j + 1)]
    unit = units.get(j)
    if unit is not None and unit.row[2] == "dose":
        return _amount(tokens, i, unit.j, forms)
    form = forms.get(j)
    if form is not None and form.row[2:] == ("counted",):
        return [Phrase("DOSAGE", i, form.j)]
    if unit is None and j < n and j in tokens.numbers:  # "one to two 5 mg tablets"
        more = units.get(tokens.numbers[j])
        if more is not None and more.row[2] == "dose" and more.j in forms:
            return [Phrase("DOSAGE", i, j)]
    return []


def _amount(tokens: Tokens, i: int, j: int, forms: dict[int, Match]) -> list[Phrase]:
    """A number with a unit of dose: a rate, a strength or a dosage, and "a day" after it."""
    key, n = tokens.key, len(tokens.key)
    extra: list[Phrase] = []
    kind = "STRENGTH" if key[j - 1] in ("%", "percent") else "DOSAGE"
    while j + 1 < n and key[j] in ("/", "per", "an", "a", "every"):
        unit = key[j + 1]
        if unit in ("kg", "kilogram", "kilo", "m", "m2", "square"):
            j += 2 + (unit == "square" and j + 2 < n) + (unit == "m" and key[j + 2 : j + 3] == ["2"])
        elif unit in ("ml", "milliliter", "l", "liter", "cc", "tablet", "puff", "spray", "actuation"):
            kind, j = "STRENGTH", j + 2
        elif key[j] == "/" and j + 1 in tokens.numbers:  # "250 mg/5 ml"
            kind, j = "STRENGTH", min(tokens.numbers[j + 1] + 1, n)
        elif unit in ("hr", "hour", "h", "min", "minute"):
            kind, j = "RATE", j + 2
        elif unit in ("day", "week", "night"):
            extra = [Phrase("FREQUENCY", j, j + 2)]
            break
        else:
            break
    if kind == "DOSAGE":
        form = next((forms[at] for at in (j, j + 1) if at in forms), None)
        if (
            form is not None
            and form.row[2:] == ("counted",)
            and tokens.sentence[form.i] == tokens.sentence[i]
        ):
            kind = "STRENGTH"
    return [Phrase(kind, i, j), *extra]


def _every(tokens: Tokens, at: int) -> int:
    """Where "every six hours", "q4-6h", "each morning" ends; 0 if it is none."""
    key, n = tokens.key, len(tokens.key)
    j = at + 1
    if key[at] != "each" and j < n and key[j] in ("other", "second", "third", "single"):
        j += 1
    elif key[at] != "each" and j in tokens.numbers:
        j = tokens.numbers[j]
    if j < n and (key[j] in _PERIODS or key[j] in _WHEN or key[j] in ("am", "pm", "hs")):
        return j + 1
    return 0


def link(tokens: Tokens, drugs: list[Match], found: list[Phrase]) -> tuple[list[list[Phrase]], list[Phrase]]:
    """The phrases of each drug, and those that belong to none.

    A phrase belongs to the drug before it; to the one after it where it leads straight to it ("five
    milligrams of
    warfarin"), unless a drug before it would then be left without its dose ("aspirin 81 mg plavix 75 mg").

    >>> from medtx.clinical.lexicon import matches, tokens_of
    >>> text = tokens_of("aspirin 81 mg daily plavix 75 mg and two puffs of albuterol")
    >>> layers = matches(text)
    >>> mine, rest = link(text, layers["drug"], phrases(text, layers, set()))
    >>> [[text.said(p.i, p.j) for p in of] for of in mine], rest
    ([['81 mg', 'daily'], ['75 mg'], ['two puffs']], [])
    """
    mine: list[list[Phrase]] = [[] for _ in drugs]
    rest: list[Phrase] = []
    starts = [drug.i for drug in drugs]
    forward = [False] * len(drugs)  # whether the drug's dose stood before it
    waiting = sorted(found)
    waiting.sort(key=lambda p: p.i)
    ends = {phrase.i: phrase.j for phrase in waiting}
    reach = [drug.j for drug in drugs]  # the end of what each drug has already
    for phrase in waiting:
        after = bisect_left(starts, phrase.i)
        before = after - 1
        back = before >= 0 and _near(tokens, reach[before], phrase)
        ahead = after < len(drugs) and _leads(tokens, phrase.j, starts[after], ends)
        if ahead and back:
            adjacent = phrase.i - reach[before] <= 1 and tokens.key[phrase.i - 1] not in (",", "and", "plus")
            of = "of" in tokens.key[phrase.j : starts[after]]
            dosed = any(p.type in ("DOSAGE", "STRENGTH") for p in mine[before])
            same = phrase.type in [p.type for p in mine[before]]
            ahead = of or not adjacent or (dosed and (same or forward[before]) and phrase.type not in _WEAK)
        if ahead:
            mine[after].append(phrase)
            forward[after] = forward[after] or phrase.type in ("DOSAGE", "STRENGTH")
        elif back:
            mine[before].append(phrase)
            reach[before] = phrase.j
        else:
            rest.append(phrase)
    return mine, rest


def _near(tokens: Tokens, reach: int, phrase: Phrase) -> bool:
    gap = phrase.i - reach
    if gap > _BETWEEN or tokens.sentence[reach - 1] != tokens.sentence[phrase.i]:
        return False
    return gap <= 3 or phrase.type not in ("FORM", "ROUTE_OR_MODE", "DURATION")


def _leads(tokens: Tokens, j: int, drug: int, ends: dict[int, int]) -> bool:
    """Whether only phrases of a dose and small words stand between token j and the drug."""
    if drug - j > 12 or (j < drug and tokens.sentence[j] != tokens.sentence[drug]):
        return False
    while j < drug:
        if j in ends:
            j = ends[j]
        elif tokens.key[j] in _TO_DRUG:
            j += 1
        else:
            return False
    return tokens.sentence[j - 1] == tokens.sentence[drug]
