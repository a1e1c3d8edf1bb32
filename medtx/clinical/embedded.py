"""Clinical entities without account or network: own rules over own tables, in Comprehend Medical's own shape.

``detect`` answers like DetectEntitiesV2 and ``detect_phi`` like DetectPHI; offsets count code points.
There are
no codes (ICD-10, RxNorm, SNOMED): those are the service's. Written for recognised speech, which often has
neither capitals nor punctuation.

A score says which kind of rule found an entity, and no more: one constant a kind, after the share of such
entities that the service's real responses had too (``tests/benchmarks/entities.py``), lower where a rule was
seen at work on one note only. It orders kinds of finding; it is no probability of this one.
"""

import re
from bisect import bisect_left
from dataclasses import dataclass, field
from typing import Any

from medtx.clinical import context, medication, phi
from medtx.clinical.lexicon import Match, Tokens, is_number, matches, tokens_of

VERSION = "medtx-embedded-1"
_SCORES = {"drug": 0.95, "brand": 0.95, "stem": 0.6, "conditions": 0.85, "merged": 0.8, "sign": 0.55}
_SCORES |= {"tests": 0.8, "valued": 0.95, "procedures": 0.7, "treatments": 0.6, "anatomy": 0.8}
_SCORES |= {"direction": 0.8, "social": 0.8, "time": 0.5, "phi": 0.85, "attribute": 0.85, "trait": 0.85}
_LAYERS = {  # table: category and type; what comes first wins an equal length
    "drug": ("MEDICATION", ""),
    "conditions": ("MEDICAL_CONDITION", "DX_NAME"),
    "procedures": ("TEST_TREATMENT_PROCEDURE", "PROCEDURE_NAME"),
    "tests": ("TEST_TREATMENT_PROCEDURE", "TEST_NAME"),
    "treatments": ("TEST_TREATMENT_PROCEDURE", "TREATMENT_NAME"),
    "social": ("BEHAVIORAL_ENVIRONMENTAL_SOCIAL", ""),
}
_TIMES = {
    "DX_NAME": "TIME_TO_DX_NAME",
    "TEST_NAME": "TIME_TO_TEST_NAME",
    "PROCEDURE_NAME": "TIME_TO_PROCEDURE_NAME",
    "TREATMENT_NAME": "TIME_TO_TREATMENT_NAME",
    "GENERIC_NAME": "TIME_TO_MEDICATION_NAME",
    "BRAND_NAME": "TIME_TO_MEDICATION_NAME",
}
_STEMS = re.compile(
    r"[a-z]{3,}(?:zumab|ximab|tinib|ciclib|rafenib|gliptin|gliflozin|glutide|vastatin|sartan|olol|dipine|oxacin|"
    r"cillin|conazole|prazole|setron|triptan|parib|zomib|lisib|xaban|parin|platin|rubicin|mycin|cycline|azepam|"
    r"zolamide|thiazide|semide|coxib|dronate|fibrate|glitazone|lukast|barbital|vudine|tegravir|previr|buvir)"
)
_CASED = frozenset(["T", "P", "R", "K", "Na", "Cr", "Mg", "Ca", "Cl", "HR", "RR"])
_SALTS = frozenset("potassium calcium magnesium iron zinc testosterone".split())
_LINKS = frozenset(
    "is was are were of at = : , to in a an the about approximately around level levels reading "
    "readings came "
    "back as today yesterday currently now again measured measures measuring up down still running "
    "between from greater less than > < on and with last this morning value count rate result results being "
    "recorded noted".split()
)
_PLACES = frozenset("in of to on at over around across along under behind involving from within into".split())
_SMALL = frozenset("the a an his her my your their its both , - this that one".split())
_COPULAS = frozenset("is are was were appears appear remains remain seems looks has been".split())
_ADVERBS = frozenset(
    "very more less quite really somewhat fairly grossly otherwise also and , now still".split()
)
_AGO = frozenset(["ago", "prior", "earlier", "before", "later"])
_UNITS = frozenset(
    "day days week weeks month months year years hour hours minute minutes night nights".split()
)
_SOME = frozenset("several few couple many some".split())
_ADJECTIVE = re.compile(r".*(?:al|ar|ic|ous|ary|eal|ine)")


@dataclass(slots=True)
class _Found:
    """An entity: tokens i to j (exclusive); its attributes are (type, i, j, category, relation)."""

    i: int
    j: int
    category: str
    type: str
    score: float
    traits: list[str] = field(default_factory=list)
    attributes: list[tuple[str, int, int, str, str]] = field(default_factory=list)
    row: tuple[str, ...] = ()


def detect(text: str) -> dict[str, Any]:
    """The entities of a text, as DetectEntitiesV2 answers.

    >>> found = detect("denies chest pain, takes metoprolol five milligrams twice a day")
    >>> [(e["Type"], e["Text"], [t["Name"] for t in e["Traits"]]) for e in found["Entities"]]
    [('DX_NAME', 'chest pain', ['SYMPTOM', 'NEGATION']), ('SYSTEM_ORGAN_SITE', 'chest', []),
     ('GENERIC_NAME', 'metoprolol', [])]
    >>> [(a["Type"], a["Text"]) for a in found["Entities"][2]["Attributes"]]
    [('DOSAGE', 'five milligrams'), ('FREQUENCY', 'twice a day')]
    """
    tokens = tokens_of(text)
    words = matches(tokens)
    found = _named(tokens, words)
    persons = phi.spans(tokens, words, {at for one in found for at in range(one.i, one.j)})
    taken = _tokens_in(tokens, persons)
    found = [one for one in found if taken.isdisjoint(range(one.i, one.j))]
    _join_places(tokens, words, found)
    places = _places(tokens, words, found, taken)
    found += _signs(tokens, words, found, places)
    found.sort(key=lambda one: one.i)
    taken |= _values(tokens, words, found, taken)
    rest = _doses(tokens, words, found, taken)
    filled = taken | {at for one in found for a in one.attributes for at in range(a[1], a[2])}
    filled |= {at for phrase in rest for at in range(phrase.i, phrase.j)}
    places = [place for place in places if place.i not in filled]  # "by mouth", "6 feet"
    _sides(tokens, words, found, places)
    _describe(tokens, words, found)
    found = _habits(tokens, words, found)
    quiet = frozenset(
        at
        for name in ("acuity", "quality", "direction")
        for m in words.get(name, ())
        for at in range(m.i, m.j)
    )
    spans = [(one.i, one.j) for one in found]
    for one, traits in zip(found, context.traits(tokens, words.get("context", []), spans, quiet)):
        one.traits += [name for name in traits if _fits(name, one)]
    found += _times(tokens, words, found, rest)
    return _answer(tokens, found + places, rest, persons)


def detect_phi(text: str) -> dict[str, Any]:
    """What names a person in a text, as DetectPHI answers.

    >>> [(e["Type"], e["Text"]) for e in detect_phi("Dr. Jane Roe, 555-123-4567")["Entities"]]
    [('NAME', 'Jane Roe'), ('PHONE_OR_FAX', '555-123-4567')]
    """
    tokens = tokens_of(text)
    words = matches(tokens)
    common = {at for one in _named(tokens, words) for at in range(one.i, one.j)}
    answer = _answer(tokens, [], [], phi.spans(tokens, words, common))
    del answer["UnmappedAttributes"]
    return answer


def _named(tokens: Tokens, words: dict[str, list[Match]]) -> list[_Found]:
    """The terms of the tables that are entities, in order; of terms that overlap the longest."""
    every = []
    for rank, layer in enumerate(_LAYERS):
        for match in words.get(layer, ()):
            if "cased" not in match.row or tokens.said(match.i, match.j).isupper():
                every.append((match.i - match.j, rank, match, layer))
    every.sort(key=lambda one: (one[0], one[1], one[2].i))
    hidden = {at for match in words.get("ignored", ()) for at in range(match.i, match.j)}
    units = {match.i for match in words.get("unit", ()) if match.row[2] == "dose"}
    used: set[int] = set()
    found = []
    for _, _, match, layer in every:
        span = range(match.i, match.j)
        if used.isdisjoint(span) and not hidden.issuperset(span) and not _per(tokens, match):
            used.update(span)
            category, kind = _LAYERS[layer]
            j = match.j
            if layer == "drug":
                kind = match.row[1]
                if _measured(tokens, j, match.row[0], units):
                    category, kind = "TEST_TREATMENT_PROCEDURE", "TEST_NAME"
                elif j < len(tokens.key) and tokens.key[j] in ("level", "levels", "concentration"):
                    category, kind, j = "TEST_TREATMENT_PROCEDURE", "TEST_NAME", j + 1
            elif layer == "social":
                kind = match.row[2]
            one = _Found(match.i, j, category, kind, _SCORES[layer], row=match.row)
            if layer == "conditions":
                one.traits.append(match.row[1])
            found.append(one)
    for i, key in enumerate(tokens.key):
        if len(key) > 6 and i not in used and _STEMS.fullmatch(key):
            found.append(_Found(i, i + 1, "MEDICATION", "GENERIC_NAME", _SCORES["stem"]))
        elif (
            len(key) < 3
            and i not in used
            and tokens.said(i, i + 1) in _CASED
            and "".join(tokens.key[i + 1 : i + 2])[:1].isdigit()
            and (i == 0 or not is_number(tokens.key[i - 1]))
        ):
            found.append(_Found(i, i + 1, "TEST_TREATMENT_PROCEDURE", "TEST_NAME", _SCORES["tests"]))
    found.sort(key=lambda one: one.i)
    return found


def _per(tokens: Tokens, match: Match) -> bool:
    """Whether a term is the end of a rate: "hr" in "18 units/kg/hr" is no heart rate."""
    return match.j == match.i + 1 and match.i > 0 and tokens.key[match.i - 1] in ("/", "per")


def _measured(tokens: Tokens, j: int, term: str, units: set[int]) -> bool:
    """Whether a salt is a result: "potassium 4.2", and not "potassium 20 meq"."""
    if term not in _SALTS:
        return False
    j += "".join(tokens.key[j : j + 1]) in ("is", "was", "of")
    return j in tokens.numbers and tokens.numbers[j] not in units


def _tokens_in(tokens: Tokens, spans: list[phi.Span]) -> set[int]:
    taken: set[int] = set()
    for span in spans:
        i = bisect_left(tokens.start, span.begin)
        while i < len(tokens.start) and tokens.start[i] < span.end:
            taken.add(i)
            i += 1
    return taken


def _join_places(tokens: Tokens, words: dict[str, list[Match]], found: list[_Found]) -> None:
    """Make "abdominal" + "pain", "viral" + "sinusitis" one condition each, as the service does."""
    ends = {match.j: match for name in ("anatomy", "modifier") for match in words.get(name, ())}
    used = {at for one in found for at in range(one.i, one.j)}
    for one in found:
        if one.type not in ("DX_NAME", "PROCEDURE_NAME"):
            continue
        before = ends.get(one.i)
        while before is not None and tokens.sentence[before.i] == tokens.sentence[one.i]:
            if not used.isdisjoint(range(before.i, before.j)):
                break
            if one.type == "PROCEDURE_NAME" and one.row[-1] not in ("joined", "needs"):
                break
            one.i, one.score = before.i, _SCORES["merged"]
            before = ends.get(one.i)
    found[:] = [one for one in found if one.row[-1:] != ("needs",) or one.score == _SCORES["merged"]]


def _places(
    tokens: Tokens, words: dict[str, list[Match]], found: list[_Found], taken: set[int]
) -> list[_Found]:
    """The places of the body: by themselves, and as nouns within a condition ("lung" in "lung cancer")."""
    inside = {at: one for one in found for at in range(one.i, one.j)}
    hidden = {at for match in words.get("ignored", ()) for at in range(match.i, match.j)}
    directions = {at for match in words.get("direction", ()) for at in range(match.i, match.j)}
    places: list[_Found] = []
    for match in words.get("anatomy", ()):
        i, j = match.i, match.j
        if i in taken or i in hidden:
            continue
        owner = inside.get(i)
        if owner is not None and (
            owner.category == "MEDICATION"
            or owner.type == "TEST_NAME"
            or match.j > owner.j
            or _ADJECTIVE.fullmatch(tokens.key[j - 1])
        ):
            continue
        if match.row[-1] == "placed" and (i == 0 or tokens.key[i - 1] not in _PLACED):
            continue
        while j - i > 1 and i in directions:
            i += 1
        last = places[-1] if places else None
        beside = last and last.j == i and i not in inside and last.j - 1 not in inside
        if last and beside and _ADJECTIVE.fullmatch(tokens.key[i - 1]):  # "nasal" + "mucosa"
            last.j = j
            continue
        places.append(_Found(i, j, "ANATOMY", "SYSTEM_ORGAN_SITE", _SCORES["anatomy"]))
    return places


_PLACED = frozenset("my his her the your their lower upper mid left right of and a".split())


def _signs(
    tokens: Tokens, words: dict[str, list[Match]], found: list[_Found], places: list[_Found]
) -> list[_Found]:
    """Findings of an examination: a place and how it is ("lungs clear", "pupils are round and equal")."""
    normal = {match.i: match for match in words.get("normal", ())}
    used = {at for one in found for at in range(one.i, one.j)}
    n = len(tokens.key)
    signs = []
    for place in places:
        if place.i in used:
            continue
        j = place.j
        headed = j < n and tokens.key[j] == ":"
        j += headed
        while j < n and j not in normal and j - place.j < 3:
            if tokens.key[j] not in _COPULAS and tokens.key[j] not in _ADVERBS:
                break
            j += 1
        run = []
        while j in normal and j not in used and tokens.sentence[j] == tokens.sentence[place.i]:
            run.append(normal[j])
            j = normal[j].j
            while j < n and tokens.key[j] in (",", "and"):
                j += 1
        spans = [(match.i, match.j) for match in run]
        if len(spans) == 1 and not headed:
            spans = [(place.i, spans[0][1])]
        signs += [
            _Found(i, j, "MEDICAL_CONDITION", "DX_NAME", _SCORES["sign"], ["SIGN"])
            for i, j in spans
            if used.isdisjoint(range(i, j))
        ]
        used.update(at for i, j in spans for at in range(i, j))
    return signs


def _values(tokens: Tokens, words: dict[str, list[Match]], found: list[_Found], taken: set[int]) -> set[int]:
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
            one.score = _SCORES["valued"]
            used.update(range(stop, end))
            if one.attributes[-1][0] != "TEST_UNIT":
                break
            j, first = end, False  # "6 feet 2 inches"
            if j not in tokens.numbers:
                break
    return used


def _doses(
    tokens: Tokens, words: dict[str, list[Match]], found: list[_Found], taken: set[int]
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


def _sides(tokens: Tokens, words: dict[str, list[Match]], found: list[_Found], places: list[_Found]) -> None:
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


def _describe(tokens: Tokens, words: dict[str, list[Match]], found: list[_Found]) -> None:
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
                    tokens.key[k - 1] not in _COPULAS
                    and tokens.key[k - 1] not in _ADVERBS
                    and k - 1 not in marked
                ):
                    break
                k -= 1
            if k in ends and k < match.i and tokens.sentence[k - 1] == tokens.sentence[match.i]:
                target = ends[k]
        if target is not None:
            target.attributes.append((kind, match.i, match.j, "MEDICAL_CONDITION", kind))


def _habits(tokens: Tokens, words: dict[str, list[Match]], found: list[_Found]) -> list[_Found]:
    """Give tobacco, alcohol and drugs their amount and frequency ("one pack a day")."""
    kept: list[_Found] = []
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


def _fits(trait: str, one: _Found) -> bool:
    """Whether the service uses a trait for such an entity."""
    if trait == "FUTURE":
        return one.category == "TEST_TREATMENT_PROCEDURE"
    if trait in ("PERTAINS_TO_FAMILY", "LOW_CONFIDENCE"):
        return one.category == "MEDICAL_CONDITION"
    return True


def _times(
    tokens: Tokens, words: dict[str, list[Match]], found: list[_Found], rest: list[medication.Phrase]
) -> list[_Found]:
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
    times: list[_Found] = []
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
            time = _Found(i, j, "TIME_EXPRESSION", _TIMES[one.type], _SCORES["time"])
            time.attributes.append((one.type, one.i, one.j, one.category, "OVERLAP"))
            times.append(time)
    return times


def _ago(tokens: Tokens, i: int, j: int) -> dict[int, int]:
    """A count of days and "ago" ("two months ago", "a couple of weeks earlier")."""
    key, n = tokens.key, len(tokens.key)
    if j + 1 < n and key[j] in _UNITS and key[j + 1] in _AGO and tokens.sentence[i] == tokens.sentence[j]:
        return {i - (i > 0 and key[i - 1] == "a"): j + 2}
    return {}


def _answer(
    tokens: Tokens, found: list[_Found], rest: list[medication.Phrase], persons: list[phi.Span]
) -> dict[str, Any]:
    """The response: entities in order of their begin, every row with its own id."""
    rows: list[tuple[int, int, _Found | phi.Span]] = []
    rows += [(tokens.start[one.i], tokens.end[one.j - 1], one) for one in found]
    rows += [(span.begin, span.end, span) for span in persons]
    rows.sort(key=lambda row: (row[0], -row[1]))
    number = 0
    entities: list[dict[str, Any]] = []

    def place(begin: int, end: int) -> dict[str, Any]:
        nonlocal number
        number += 1
        return {"Id": number - 1, "BeginOffset": begin, "EndOffset": end, "Text": tokens.text[begin:end]}

    def attribute(kind: str, i: int, j: int, category: str, relation: str) -> dict[str, Any]:
        score = _SCORES["attribute"]
        row = {"Type": kind, "Score": score, "RelationshipScore": score, "RelationshipType": relation}
        return row | place(tokens.start[i], tokens.end[j - 1]) | {"Category": category, "Traits": []}

    for begin, end, one in rows:
        row = place(begin, end)
        if isinstance(one, phi.Span):
            row |= {"Score": _SCORES["phi"], "Category": "PROTECTED_HEALTH_INFORMATION", "Type": one.type}
            entities.append(row | {"Traits": [], "Attributes": []})
            continue
        row |= {"Score": one.score, "Category": one.category, "Type": one.type}
        row["Traits"] = [{"Name": name, "Score": _SCORES["trait"]} for name in one.traits]
        ordered = sorted(set(one.attributes), key=lambda a: (a[1], a[2], a[0]))
        row["Attributes"] = [attribute(*a) for a in ordered]
        entities.append(row)
    unmapped = [
        {"Type": "MEDICATION", "Attribute": attribute(p.type, p.i, p.j, "MEDICATION", p.type)}
        for p in rest
        if p.type in ("DOSAGE", "STRENGTH", "RATE")
    ]
    return {"Entities": entities, "UnmappedAttributes": unmapped, "ModelVersion": VERSION}
