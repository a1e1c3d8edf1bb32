"""The entities of a text by themselves: what the tables name, where it is, and what was found there."""

import re
from dataclasses import dataclass, field

from medtx.clinical.lexicon import Match, Tokens, is_number

SCORES = {"drug": 0.95, "brand": 0.95, "stem": 0.6, "conditions": 0.85, "merged": 0.8, "sign": 0.55}
SCORES |= {"tests": 0.8, "valued": 0.95, "procedures": 0.7, "treatments": 0.6, "anatomy": 0.8}
SCORES |= {"direction": 0.8, "social": 0.8, "time": 0.5, "phi": 0.85, "attribute": 0.85, "trait": 0.85}
_LAYERS = {  # table: category and type; what comes first wins an equal length
    "drug": ("MEDICATION", ""),
    "conditions": ("MEDICAL_CONDITION", "DX_NAME"),
    "procedures": ("TEST_TREATMENT_PROCEDURE", "PROCEDURE_NAME"),
    "tests": ("TEST_TREATMENT_PROCEDURE", "TEST_NAME"),
    "treatments": ("TEST_TREATMENT_PROCEDURE", "TREATMENT_NAME"),
    "social": ("BEHAVIORAL_ENVIRONMENTAL_SOCIAL", ""),
}
_STEMS = re.compile(
    r"[a-z]{3,}(?:zumab|ximab|tinib|ciclib|rafenib|gliptin|gliflozin|glutide|vastatin|sartan|olol|dipine|oxacin|"
    r"cillin|conazole|prazole|setron|triptan|parib|zomib|lisib|xaban|parin|platin|rubicin|mycin|cycline|azepam|"
    r"zolamide|thiazide|semide|coxib|dronate|fibrate|glitazone|lukast|barbital|vudine|tegravir|previr|buvir)"
)
_CASED = frozenset(["T", "P", "R", "K", "Na", "Cr", "Mg", "Ca", "Cl", "HR", "RR"])
_SALTS = frozenset("potassium calcium magnesium iron zinc testosterone".split())
COPULAS = frozenset("is are was were appears appear remains remain seems looks has been".split())
ADVERBS = frozenset(
    "very more less quite really somewhat fairly grossly otherwise also and , now still".split()
)
_ADJECTIVE = re.compile(r".*(?:al|ar|ic|ous|ary|eal|ine)")
_PLACED = frozenset("my his her the your their lower upper mid left right of and a".split())


@dataclass(slots=True)
class Found:
    """An entity: tokens i to j (exclusive); its attributes are (type, i, j, category, relation)."""

    i: int
    j: int
    category: str
    type: str
    score: float
    traits: list[str] = field(default_factory=list)
    attributes: list[tuple[str, int, int, str, str]] = field(default_factory=list)
    row: tuple[str, ...] = ()


def named(tokens: Tokens, words: dict[str, list[Match]]) -> list[Found]:
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
            one = Found(match.i, j, category, kind, SCORES[layer], row=match.row)
            if layer == "conditions":
                one.traits.append(match.row[1])
            found.append(one)
    for i, key in enumerate(tokens.key):
        if len(key) > 6 and i not in used and _STEMS.fullmatch(key):
            found.append(Found(i, i + 1, "MEDICATION", "GENERIC_NAME", SCORES["stem"]))
        elif (
            len(key) < 3
            and i not in used
            and tokens.said(i, i + 1) in _CASED
            and "".join(tokens.key[i + 1 : i + 2])[:1].isdigit()
            and (i == 0 or not is_number(tokens.key[i - 1]))
        ):
            found.append(Found(i, i + 1, "TEST_TREATMENT_PROCEDURE", "TEST_NAME", SCORES["tests"]))
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


def join_places(tokens: Tokens, words: dict[str, list[Match]], found: list[Found]) -> None:
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
            one.i, one.score = before.i, SCORES["merged"]
            before = ends.get(one.i)
    found[:] = [one for one in found if one.row[-1:] != ("needs",) or one.score == SCORES["merged"]]


def places_of(
    tokens: Tokens, words: dict[str, list[Match]], found: list[Found], taken: set[int]
) -> list[Found]:
    """The places of the body: by themselves, and as nouns within a condition ("lung" in "lung cancer")."""
    inside = {at: one for one in found for at in range(one.i, one.j)}
    hidden = {at for match in words.get("ignored", ()) for at in range(match.i, match.j)}
    directions = {at for match in words.get("direction", ()) for at in range(match.i, match.j)}
    places: list[Found] = []
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
        places.append(Found(i, j, "ANATOMY", "SYSTEM_ORGAN_SITE", SCORES["anatomy"]))
    return places


def signs(
    tokens: Tokens, words: dict[str, list[Match]], found: list[Found], places: list[Found]
) -> list[Found]:
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
            if tokens.key[j] not in COPULAS and tokens.key[j] not in ADVERBS:
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
            Found(i, j, "MEDICAL_CONDITION", "DX_NAME", SCORES["sign"], ["SIGN"])
            for i, j in spans
            if used.isdisjoint(range(i, j))
        ]
        used.update(at for i, j in spans for at in range(i, j))
    return signs
