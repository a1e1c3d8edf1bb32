"""Clinical entities without account or network: own rules over own tables, in Comprehend Medical's own shape.

``detect`` answers like DetectEntitiesV2 and ``detect_phi`` like DetectPHI; offsets count code points.
There are no codes (ICD-10, RxNorm, SNOMED): those are the service's. Written for recognised speech,
which often has neither capitals nor punctuation.

A score says which kind of rule found an entity, and no more: one constant a kind, after the share of
such entities that the service's real responses had too (``tests/benchmarks/entities.py``), lower where
a rule was seen at work on one note only. It orders kinds of finding; it is no probability of this one.
"""

from bisect import bisect_left
from typing import Any

from medtx.clinical import context, medication, phi
from medtx.clinical.details import describe, doses, habits, sides, times, values
from medtx.clinical.lexicon import Tokens, matches, tokens_of
from medtx.clinical.naming import SCORES, Found, join_places, named, places_of, signs

VERSION = "medtx-embedded-1"


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
    found = named(tokens, words)
    persons = phi.spans(tokens, words, {at for one in found for at in range(one.i, one.j)})
    taken = _tokens_in(tokens, persons)
    found = [one for one in found if taken.isdisjoint(range(one.i, one.j))]
    join_places(tokens, words, found)
    places = places_of(tokens, words, found, taken)
    found += signs(tokens, words, found, places)
    found.sort(key=lambda one: one.i)
    taken |= values(tokens, words, found, taken)
    rest = doses(tokens, words, found, taken)
    filled = taken | {at for one in found for a in one.attributes for at in range(a[1], a[2])}
    filled |= {at for phrase in rest for at in range(phrase.i, phrase.j)}
    places = [place for place in places if place.i not in filled]  # "by mouth", "6 feet"
    sides(tokens, words, found, places)
    describe(tokens, words, found)
    found = habits(tokens, words, found)
    quiet = frozenset(
        at
        for name in ("acuity", "quality", "direction")
        for m in words.get(name, ())
        for at in range(m.i, m.j)
    )
    spans = [(one.i, one.j) for one in found]
    for one, traits in zip(found, context.traits(tokens, words.get("context", []), spans, quiet)):
        one.traits += [name for name in traits if _fits(name, one)]
    found += times(tokens, words, found, rest)
    return _answer(tokens, found + places, rest, persons)


def detect_phi(text: str) -> dict[str, Any]:
    """What names a person in a text, as DetectPHI answers.

    >>> [(e["Type"], e["Text"]) for e in detect_phi("Dr. Jane Roe, 555-123-4567")["Entities"]]
    [('NAME', 'Jane Roe'), ('PHONE_OR_FAX', '555-123-4567')]
    """
    tokens = tokens_of(text)
    words = matches(tokens)
    common = {at for one in named(tokens, words) for at in range(one.i, one.j)}
    answer = _answer(tokens, [], [], phi.spans(tokens, words, common))
    del answer["UnmappedAttributes"]
    return answer


def _tokens_in(tokens: Tokens, spans: list[phi.Span]) -> set[int]:
    taken: set[int] = set()
    for span in spans:
        i = bisect_left(tokens.start, span.begin)
        while i < len(tokens.start) and tokens.start[i] < span.end:
            taken.add(i)
            i += 1
    return taken


def _fits(trait: str, one: Found) -> bool:
    """Whether the service uses a trait for such an entity."""
    if trait == "FUTURE":
        return one.category == "TEST_TREATMENT_PROCEDURE"
    if trait in ("PERTAINS_TO_FAMILY", "LOW_CONFIDENCE"):
        return one.category == "MEDICAL_CONDITION"
    return True


def _answer(
    tokens: Tokens, found: list[Found], rest: list[medication.Phrase], persons: list[phi.Span]
) -> dict[str, Any]:
    """The response: entities in order of their begin, every row with its own id."""
    rows: list[tuple[int, int, Found | phi.Span]] = []
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
        score = SCORES["attribute"]
        row = {"Type": kind, "Score": score, "RelationshipScore": score, "RelationshipType": relation}
        return row | place(tokens.start[i], tokens.end[j - 1]) | {"Category": category, "Traits": []}

    for begin, end, one in rows:
        row = place(begin, end)
        if isinstance(one, phi.Span):
            row |= {"Score": SCORES["phi"], "Category": "PROTECTED_HEALTH_INFORMATION", "Type": one.type}
            entities.append(row | {"Traits": [], "Attributes": []})
            continue
        row |= {"Score": one.score, "Category": one.category, "Type": one.type}
        row["Traits"] = [{"Name": name, "Score": SCORES["trait"]} for name in one.traits]
        ordered = sorted(set(one.attributes), key=lambda a: (a[1], a[2], a[0]))
        row["Attributes"] = [attribute(*a) for a in ordered]
        entities.append(row)
    unmapped = [
        {"Type": "MEDICATION", "Attribute": attribute(p.type, p.i, p.j, "MEDICATION", p.type)}
        for p in rest
        if p.type in ("DOSAGE", "STRENGTH", "RATE")
    ]
    return {"Entities": entities, "UnmappedAttributes": unmapped, "ModelVersion": VERSION}
