"""What is said of an entity: values, doses, sides, acuity, amounts and times, as attributes of it."""

from bisect import bisect_left

from medtx.clinical import medication
from medtx.clinical.lexicon import Match, Tokens
from medtx.clinical.naming import ADVERBS, COPULAS, SCORES, Found

_TIMES = {
    "DX_NAME": "TIME_TO_DX_NAME",
    "TEST_NAME": "TIME_TO_TEST_NAME",
    "PROCEDURE_NAME": "TIME_TO_PROCEDURE_NAME",
    "TREATMENT_NAME": "TIME_TO_TREATMENT_NAME",
    "GENERIC_NAME": "TIME_TO_MEDICATION_NAME",
    "BRAND_NAME": "TIME_TO_MEDICATION_NAME",
}
_LINKS = frozenset(
    "is was are were of at = : , to in a an the about approximately around level levels reading "
    "readings came "
    "back as today yesterday currently now again measured measures measuring up down still running "
    "between from greater less than > < on and with last this morning value count rate result results being "
    "recorded noted".split()
)
_PLACES = frozenset("in of to on at over around across along under behind involving from within into".split())
_SMALL = frozenset("the a an his her my your their its both , - this that one".split())
_AGO = frozenset(["ago", "prior", "earlier", "before", "later"])
_UNITS = frozenset(
    "day days week weeks month months year years hour hours minute minutes night nights".split()
)
_SOME = frozenset("several few couple many some".split())


def values(tokens: Tokens, words: dict[str, list[Match]], found: list[Found], taken: set[int]) -> set[int]:
    """Give tests their values and units; the tokens used."""
    units = {match.i: match for match in words.get("unit", ())}
    values = {match.i: match for match in words.get("value", ())}
    starts = {one.i for one in found}
    used: set[int] = set()
    n = len(tokens.key)
    for one in found:
        if one.type != "TEST_NAME":
            continue
        j, first = one.j, True
        while True:
            stop, steps = j, 0
            while stop < n and steps < 6 and stop not in tokens.numbers and stop not in values:
                if (
                    tokens.key[stop] not in _LINKS
                    or stop in starts
                    or (not first and tokens.key[stop] == "and")
                ):
                    break
                stop, steps = stop + 1, steps + 1
            if (
                stop >= n
                or tokens.sentence[stop] != tokens.sentence[one.i]
                or stop in taken
                or stop in starts
            ):
                break
            if stop in tokens.numbers:
                end = tokens.numbers[stop]
                if end < n and (
                    tokens.key[end] in _UNITS or tokens.key[end] in ("times", "mg", "milligrams")
                ):
                    break
                one.attributes.append(("TEST_VALUE", stop, end, one.category, "TEST_VALUE"))
                unit = units.get(end)
                if unit is not None:
                    one.attributes.append(("TEST_UNIT", end, unit.j, one.category, "TEST_UNIT"))
                    end = unit.j
            elif stop in values and first:
                end = values[stop].j
                one.attributes.append(("TEST_VALUE", stop, end, one.category, "TEST_VALUE"))
            else:
                break
            one.score = SCORES["valued"]
            used.update(range(stop, end))
            if one.attributes[-1][0] != "TEST_UNIT":
                break
            j, first = end, False  # "6 feet 2 inches"
            if j not in tokens.numbers:
                break
    return used


def doses(
    tokens: Tokens, words: dict[str, list[Match]], found: list[Found], taken: set[int]
) -> list[medication.Phrase]:
    """Give drugs their doses; the phrases left over."""
    drugs = [one for one in found if one.category == "MEDICATION"]
    busy = taken | {at for one in found for at in range(one.i, one.j)}
    phrases = medication.phrases(tokens, words, busy)
    begins = {phrase.i for phrase in phrases}
    known = begins | busy
    for one in drugs:  # "metoprolol fifty twice a day"
        if one.j in tokens.numbers and one.j not in known and tokens.numbers[one.j] in begins:
            phrases.append(medication.Phrase("DOSAGE", one.j, tokens.numbers[one.j]))
    mine, rest = medication.link(tokens, [Match(one.i, one.j, ()) for one in drugs], phrases)
    for one, of in zip(drugs, mine):
        one.attributes += [(p.type, p.i, p.j, one.category, p.type) for p in of]
    return rest


def sides(tokens: Tokens, words: dict[str, list[Match]], found: list[Found], places: list[Found]) -> None:
    """Give conditions and procedures their place, and places their side."""
    sides = {match.j: match for match in words.get("direction", ())}
    after = {match.i: match for match in words.get("direction", ())}
    for place in places:
        for match in _chain(tokens, sides, place.i):
            place.attributes.append(("DIRECTION", match.i, match.j, "ANATOMY", "DIRECTION"))
        behind = after.get(place.j)
        if behind is not None and tokens.key[behind.i] in ("bilaterally", "bilateral"):
            place.attributes.append(("DIRECTION", behind.i, behind.j, "ANATOMY", "DIRECTION"))
    starts = [place.i for place in places]
    for one in found:
        if one.type not in ("DX_NAME", "PROCEDURE_NAME", "TEST_NAME"):
            continue
        for match in _chain(tokens, sides, one.i):
            one.attributes.append(("DIRECTION", match.i, match.j, "ANATOMY", "DIRECTION"))
        behind = after.get(one.j)
        if behind is not None and tokens.key[behind.i] in ("bilaterally", "bilateral"):
            one.attributes.append(("DIRECTION", behind.i, behind.j, "ANATOMY", "DIRECTION"))
        if one.type == "TEST_NAME":
            continue
        at = bisect_left(starts, one.j)
        seen, reach = 0, one.j
        while at < len(places) and seen < 2:
            place = places[at]
            gap = tokens.key[reach : min(place.i, reach + 7)]
            near = len(gap) <= 6 and tokens.sentence[place.i] == tokens.sentence[one.i]
            fits = seen or any(key in _PLACES or key == "," for key in gap)
            small = all(
                key in _PLACES or key in _SMALL or key == "and" or _is_side(after, sides, reach + k)
                for k, key in enumerate(gap)
            )
            if not (near and fits and small):
                break
            one.attributes.append(("SYSTEM_ORGAN_SITE", place.i, place.j, "ANATOMY", "SYSTEM_ORGAN_SITE"))
            one.attributes += [side for side in place.attributes if side[0] == "DIRECTION"]
            reach, seen, at = place.j, seen + 1, at + 1


def _is_side(after: dict[int, Match], sides: dict[int, Match], at: int) -> bool:
    return at in after or at + 1 in sides


def _chain(tokens: Tokens, sides: dict[int, Match], i: int) -> list[Match]:
    """The directions straight before token i, in order ("left lower" before "lobe")."""
    chain: list[Match] = []
    while i in sides and tokens.key[sides[i].i] != "bilaterally":
        chain.insert(0, sides[i])
        i = sides[i].i
    return chain


def describe(tokens: Tokens, words: dict[str, list[Match]], found: list[Found]) -> None:
    """Give conditions their acuity and quality: the words before them, or after "is"."""
    marks = [
        (match, kind)
        for name, kind in (("acuity", "ACUITY"), ("quality", "QUALITY"))
        for match in words.get(name, ())
    ]
    conditions = [one for one in found if one.type == "DX_NAME"]
    starts = [one.i for one in conditions]
    ends = {one.j: one for one in conditions}
    inside = {at for one in conditions for at in range(one.i, one.j)}
    marked = {at for match, _ in marks for at in range(match.i, match.j)}
    sides = {at for match in words.get("direction", ()) for at in range(match.i, match.j)}
    places = {at for match in words.get("anatomy", ()) for at in range(match.i, match.j)}
    for match, kind in sorted(marks):
        if match.i in inside:
            continue
        at = bisect_left(starts, match.j)
        target = None
        if at < len(conditions) and conditions[at].i - match.j <= 4:
            gap = range(match.j, conditions[at].i)
            same = tokens.sentence[match.i] == tokens.sentence[conditions[at].i]
            if same and all(
                k in marked or k in sides or k in places or tokens.key[k] in (",", "and") for k in gap
            ):
                target = conditions[at]
        if target is None:
            k = match.i
            while k > 0 and k not in ends and match.i - k < 5:
                if (
                    tokens.key[k - 1] not in COPULAS
                    and tokens.key[k - 1] not in ADVERBS
                    and k - 1 not in marked
                ):
                    break
                k -= 1
            if k in ends and k < match.i and tokens.sentence[k - 1] == tokens.sentence[match.i]:
                target = ends[k]
        if target is not None:
            target.attributes.append((kind, match.i, match.j, "MEDICAL_CONDITION", kind))


def habits(tokens: Tokens, words: dict[str, list[Match]], found: list[Found]) -> list[Found]:
    """Give tobacco, alcohol and drugs their amount and frequency ("one pack a day")."""
    kept: list[Found] = []
    numbers = {j: i for i, j in tokens.numbers.items()}
    often = {match.i: match for match in words.get("frequency", ())}
    for one in found:
        if one.category != "BEHAVIORAL_ENVIRONMENTAL_SOCIAL":
            kept.append(one)
            continue
        counted = "amount" in one.row
        i = numbers.get(one.i, one.i)
        owner = one
        if counted:
            earlier = next((k for k in reversed(kept[-3:]) if k.type == one.type and one.i - k.j <= 6), None)
            if earlier is not None:
                owner = earlier
            elif i == one.i:
                continue  # "a glass" of nothing said
            if i < one.i:
                owner.attributes.append(("AMOUNT", i, one.j, one.category, "AMOUNT"))
        j = one.j
        if j + 1 < len(tokens.key) and tokens.key[j] in ("a", "per", "each", "/", "every"):
            if tokens.key[j + 1] in ("day", "week", "night", "month", "weekend", "year"):
                owner.attributes.append(("FREQUENCY", j, j + 2, one.category, "FREQUENCY"))
        elif j in often:
            owner.attributes.append(("FREQUENCY", j, often[j].j, one.category, "FREQUENCY"))
        if owner is one:
            kept.append(one)
    return kept


def times(
    tokens: Tokens, words: dict[str, list[Match]], found: list[Found], rest: list[medication.Phrase]
) -> list[Found]:
    """The expressions of time, and what each tells the time of: the nearest in its sentence."""
    spans = {match.i: match.j for match in words.get("time", ())}
    for i, j in tokens.numbers.items():
        spans.update(_ago(tokens, i, j))
    for i, key in enumerate(tokens.key):
        if key in _SOME:
            spans.update(_ago(tokens, i, i + 1 + (tokens.key[i + 1 : i + 2] == ["of"])))
        elif key in ("past", "last"):
            j = i + 1
            j = tokens.numbers.get(j, j + (tokens.key[j : j + 1] != [] and tokens.key[j] in _SOME))
            if j < len(tokens.key) and tokens.key[j] in _UNITS:
                spans[i] = j + 1
    for phrase in rest:
        if phrase.type == "DURATION":
            i = phrase.i - (phrase.i > 0 and tokens.key[phrase.i - 1] == "for")
            spans.setdefault(i, phrase.j)
    targets = [one for one in found if one.type in _TIMES]
    starts = [one.i for one in targets]
    times: list[Found] = []
    inside = {at for one in found for at in range(one.i, one.j)}
    inside |= {at for one in found for a in one.attributes for at in range(a[1], a[2])}
    for i, j in sorted(spans.items()):
        if not inside.isdisjoint(range(i, j)) or (times and i < times[-1].j):
            continue
        at = bisect_left(starts, i)
        near = [k for k in targets[max(at - 1, 0) : at + 1] if tokens.sentence[k.i] == tokens.sentence[i]]
        near = [k for k in near if max(i - k.j, k.i - j) <= 12]
        if near:
            one = min(near, key=lambda k: max(i - k.j, k.i - j))
            time = Found(i, j, "TIME_EXPRESSION", _TIMES[one.type], SCORES["time"])
            time.attributes.append((one.type, one.i, one.j, one.category, "OVERLAP"))
            times.append(time)
    return times


def _ago(tokens: Tokens, i: int, j: int) -> dict[int, int]:
    """A count of days and "ago" ("two months ago", "a couple of weeks earlier")."""
    key, n = tokens.key, len(tokens.key)
    if j + 1 < n and key[j] in _UNITS and key[j + 1] in _AGO and tokens.sentence[i] == tokens.sentence[j]:
        return {i - (i > 0 and key[i - 1] == "a"): j + 2}
    return {}
