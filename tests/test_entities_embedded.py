# ruff: noqa: E501, RUF001  sentences stay whole, and odd characters are meant
"""The embedded clinical entities: Comprehend Medical's shape for any text, and what is found in texts of our own."""

import re
from typing import Any

import pytest
from botocore import loaders
from hypothesis import example, given, settings
from hypothesis import strategies as st

from medtx.clinical.embedded import detect, detect_phi
from medtx.clinical.lexicon import matches, table, tokens_of

CATEGORIES = {
    "MEDICATION",
    "MEDICAL_CONDITION",
    "PROTECTED_HEALTH_INFORMATION",
    "TEST_TREATMENT_PROCEDURE",
    "ANATOMY",
    "TIME_EXPRESSION",
    "BEHAVIORAL_ENVIRONMENTAL_SOCIAL",
}
TRAITS = set(
    "SIGN SYMPTOM DIAGNOSIS NEGATION PERTAINS_TO_FAMILY HYPOTHETICAL LOW_CONFIDENCE PAST_HISTORY FUTURE".split()
)
WORDS = (
    "no fever cough chest pain left knee warfarin insulin five 5 mg milligrams twice a day daily for 7 days with "
    "in the mother history of BP 120/80 ago . , - / x-ray smokes two packs beers every hours possible if Dr. Smith "
    "denies but was ruled out 2019 march third per hr 40 % of and or to point half per"
).split(" ")
ODD = st.text(
    st.characters(codec="utf-8") | st.sampled_from("\0\u0301\u200d\ufe0f👩🏽‍⚕️²½Ⅷ٣İßﬁ'’-./\n\t "), max_size=80
)
SPOKEN = st.lists(st.sampled_from(WORDS) | ODD, max_size=40).map(" ".join)


def holds(text: str, response: dict[str, Any]) -> None:
    """Whatever the text, the response is one that the service could have given."""
    ids = []
    last = 0
    rows = [(e, {"Attributes"}) for e in response["Entities"]]
    for entity in response["Entities"]:
        assert entity["Category"] in CATEGORIES
        assert {trait["Name"] for trait in entity["Traits"]} <= TRAITS
        assert last <= entity["BeginOffset"]
        last = entity["BeginOffset"]
        rows += [(a, {"RelationshipScore", "RelationshipType"}) for a in entity["Attributes"]]
    for unmapped in response.get("UnmappedAttributes", []):
        assert set(unmapped) == {"Type", "Attribute"}
        rows.append((unmapped["Attribute"], {"RelationshipScore", "RelationshipType"}))
    for row, more in rows:
        keys = {"Id", "BeginOffset", "EndOffset", "Score", "Text", "Category", "Type", "Traits"}
        assert set(row) == keys | more
        assert 0 <= row["BeginOffset"] < row["EndOffset"] <= len(text)
        assert text[row["BeginOffset"] : row["EndOffset"]] == row["Text"]
        assert 0 < row["Score"] <= 1
        ids.append(row["Id"])
    assert len(ids) == len(set(ids))
    assert response["ModelVersion"] == "medtx-embedded-1"


@given(SPOKEN | ODD)
@example("")
@example("\0")
@example("No chest pa\u0301in 👩🏽‍⚕️ and no fever\0")
@example("a" * 100_000)
@example("a.b." * 20_000)
@example("²½ mg of warfarin ٣ mg on march ²")
@example("1-1-1-1-1 mg")
@settings(deadline=None, max_examples=300)
def test_any_text_gives_a_response_of_the_services_shape(text: str) -> None:
    holds(text, detect(text))
    phi = detect_phi(text)
    holds(text, phi)
    assert set(phi) == {"Entities", "ModelVersion"}
    assert detect(text) == detect(text)


@pytest.mark.parametrize(
    "part", ["no cough ", "for 3 days ", "cough and ", "5 mg ", "warfarin 5 mg ", "knee ", "1 "]
)
def test_repetition_is_no_burden(part: str) -> None:
    text = part * 5_000
    holds(text, detect(text))


def test_detect_is_what_botocore_knows() -> None:
    shapes = loaders.Loader().load_service_model("comprehendmedical", "service-2")["shapes"]
    types = set(shapes["EntitySubType"]["enum"])
    relations = set(shapes["RelationshipType"]["enum"])
    found = detect(
        "she smokes one pack a day takes warfarin 5 mg by mouth daily for 7 days severe acute pain in the left knee "
        "two days ago BP 120/80 mmHg, x-ray yesterday. Dr. Smith 555-123-4567"
    )["Entities"]
    assert {e["Type"] for e in found} | {a["Type"] for e in found for a in e["Attributes"]} <= types
    assert {a["RelationshipType"] for e in found for a in e["Attributes"]} <= relations
    assert set(shapes["AttributeName"]["enum"]) >= TRAITS


def entities(text: str, category: str = "") -> dict[str, dict[str, Any]]:
    found = detect(text)["Entities"]
    return {e["Text"]: e for e in found if not category or e["Category"] == category}


def traits(text: str) -> dict[str, set[str]]:
    """The traits of context of all but places."""
    kinds = {"SIGN", "SYMPTOM", "DIAGNOSIS"}
    found = [e for e in detect(text)["Entities"] if e["Category"] not in ("ANATOMY", "TIME_EXPRESSION")]
    return {e["Text"]: {t["Name"] for t in e["Traits"]} - kinds for e in found if e["Type"] != "DATE"}


def attributes(text: str, of: str) -> list[tuple[str, str]]:
    return [(a["Type"], a["Text"]) for a in entities(text)[of]["Attributes"]]


@pytest.mark.parametrize(
    ("text", "drug", "expected"),
    [
        ("warfarin 5 mg PO BID", "warfarin", "DOSAGE 5 mg|ROUTE_OR_MODE PO|FREQUENCY BID"),
        (
            "warfarin five milligrams by mouth twice a day",
            "warfarin",
            "DOSAGE five milligrams|ROUTE_OR_MODE by mouth|FREQUENCY twice a day",
        ),
        ("Levothyroxine 125 micrograms p.o. once daily", "Levothyroxine", "DOSAGE 125 micrograms|ROUTE_OR_MODE p.o.|FREQUENCY once daily"),
        ("1-2 tabs Tylenol q4-6h prn", "Tylenol", "DOSAGE 1-2 tabs|FREQUENCY q4-6h prn"),
        ("insulin glargine twenty units at night", "insulin glargine", "DOSAGE twenty units|FREQUENCY at night"),
        ("five milligrams of warfarin", "warfarin", "DOSAGE five milligrams"),
        ("give .5 mg of ativan", "ativan", "DOSAGE .5 mg"),
        ("IV vancomycin 1 g q12h for 14 days", "vancomycin", "ROUTE_OR_MODE IV|DOSAGE 1 g|FREQUENCY q12h|DURATION 14 days"),
        ("heparin drip at 18 units/kg/hr", "heparin", "FORM drip|RATE 18 units/kg/hr"),
        ("amoxicillin 250 mg/5 ml suspension 10 ml twice daily", "amoxicillin", "STRENGTH 250 mg/5 ml|FORM suspension|DOSAGE 10 ml|FREQUENCY twice daily"),
        ("benzonatate 100mg oral tablet", "benzonatate", "STRENGTH 100mg|FORM oral tablet"),
        ("hydrocortisone 1% cream", "hydrocortisone", "STRENGTH 1%|FORM cream"),
        ("albuterol two puffs every four to six hours as needed", "albuterol", "DOSAGE two puffs|FREQUENCY every four to six hours as needed"),
        ("metoprolol fifty twice a day", "metoprolol", "DOSAGE fifty|FREQUENCY twice a day"),
        ("lasix one and a half milligrams", "lasix", "DOSAGE one and a half milligrams"),
        ("digoxin zero point one two five milligrams", "digoxin", "DOSAGE zero point one two five milligrams"),
    ],
)  # fmt: skip
def test_doses_written_and_said(text: str, drug: str, expected: str) -> None:
    assert "|".join(" ".join(a) for a in attributes(text, drug)) == expected


def test_each_drug_keeps_its_own_dose() -> None:
    text = "metoprolol 25 mg po bid lisinopril 10 mg daily and aspirin 81 mg plavix 75 mg"
    found = entities(text, "MEDICATION")
    doses = {name: [a["Text"] for a in e["Attributes"] if a["Type"] == "DOSAGE"] for name, e in found.items()}
    assert doses == {
        "metoprolol": ["25 mg"],
        "lisinopril": ["10 mg"],
        "aspirin": ["81 mg"],
        "plavix": ["75 mg"],
    }
    assert {name: e["Type"] for name, e in found.items()}["plavix"] == "BRAND_NAME"


def test_a_dose_without_a_drug_is_unmapped() -> None:
    unmapped = detect("take tumor ring 5 mg twice a day")["UnmappedAttributes"]
    assert [(u["Type"], u["Attribute"]["Type"], u["Attribute"]["Text"]) for u in unmapped] == [
        ("MEDICATION", "DOSAGE", "5 mg")
    ]


@pytest.mark.parametrize(
    ("text", "negated", "affirmed"),
    [
        ("no fever chills or cough", "fever|chills|cough", ""),
        ("denies fever chills night sweats or weight loss she does have a cough", "fever|chills|night sweats|weight loss", "cough"),
        ("No chest pain with exertion, orthopnea, or PND. He has edema.", "chest pain|orthopnea|PND", "edema"),
        ("no history of diabetes but has hypertension", "diabetes", "hypertension"),
        ("without difficulty breathing", "difficulty breathing", ""),
        ("I don't have any headaches or nausea", "headaches|nausea", ""),
        ("he does not smoke or drink alcohol", "smoke|drink alcohol", ""),
        ("patient is not taking metformin", "metformin", ""),
        ("pneumonia was ruled out", "pneumonia", ""),
        ("chest pain is denied", "chest pain", ""),
        ("there is no increase in pain", "", "pain"),
        ("gram negative sepsis", "", "sepsis"),
        ("not only nausea", "", "nausea"),
        ("no change in cough", "", "cough"),
        ("nausea no vomiting yes diarrhea", "vomiting", "nausea|diarrhea"),
        ("Were no signs or symptoms of blood loss", "blood loss", ""),
        ("no abdominal pain he has nausea", "abdominal pain", "nausea"),
    ],
)  # fmt: skip
def test_negation(text: str, negated: str, affirmed: str) -> None:
    found = traits(text)
    assert {name for name, of in found.items() if "NEGATION" in of} == set(filter(None, negated.split("|")))
    assert {name for name, of in found.items() if "NEGATION" not in of} == set(
        filter(None, affirmed.split("|"))
    )


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("mother has diabetes and she has asthma", {"diabetes": {"PERTAINS_TO_FAMILY"}, "asthma": set()}),
        ("family history of breast cancer", {"breast cancer": {"PERTAINS_TO_FAMILY"}}),
        (
            "past medical history hypertension and copd",
            {"hypertension": {"PAST_HISTORY"}, "copd": {"PAST_HISTORY"}},
        ),
        ("two week history of cough", {"cough": set()}),
        ("status post appendectomy", {"appendectomy": {"PAST_HISTORY"}}),
        ("she stopped taking lipitor", {"lipitor": {"PAST_HISTORY"}}),
        ("possible pneumonia", {"pneumonia": {"LOW_CONFIDENCE"}}),
        ("not certain whether she has asthma", {"asthma": {"LOW_CONFIDENCE"}}),
        ("if you develop chest pain call me", {"chest pain": {"HYPOTHETICAL"}}),
        ("we will schedule a colonoscopy", {"colonoscopy": {"FUTURE"}}),
    ],
)
def test_family_past_doubt_and_plans(text: str, expected: dict[str, set[str]]) -> None:
    assert traits(text) == expected


@pytest.mark.parametrize(
    ("text", "test", "expected"),
    [
        ("BP 120/80", "BP", "TEST_VALUE 120/80"),
        ("blood pressure one twenty over eighty", "blood pressure", "TEST_VALUE one twenty over eighty"),
        ("temperature of 101.2 degrees", "temperature", "TEST_VALUE 101.2|TEST_UNIT degrees"),
        ("hemoglobin 9.2", "hemoglobin", "TEST_VALUE 9.2"),
        (
            "ejection fraction of thirty five percent",
            "ejection fraction",
            "TEST_VALUE thirty five|TEST_UNIT percent",
        ),
        (
            "His height is 6 feet 2 inches",
            "height",
            "TEST_VALUE 6|TEST_UNIT feet|TEST_VALUE 2|TEST_UNIT inches",
        ),
        ("troponin negative", "troponin", "TEST_VALUE negative"),
        ("P 72, T 98.6", "T", "TEST_VALUE 98.6"),
        ("potassium 4.2", "potassium", "TEST_VALUE 4.2"),
        ("digoxin level 1.1", "digoxin level", "TEST_VALUE 1.1"),
        ("CT shows 2 cm mass", "CT", ""),
    ],
)
def test_measurements(text: str, test: str, expected: str) -> None:
    found = entities(text)[test]
    assert (found["Category"], found["Type"]) == ("TEST_TREATMENT_PROCEDURE", "TEST_NAME")
    assert "|".join(" ".join(a) for a in attributes(text, test)) == expected


def test_sides_places_and_kinds_of_a_condition() -> None:
    pain = attributes("severe acute pain in the left knee for 3 weeks", "pain")
    expected = {
        ("QUALITY", "severe"),
        ("ACUITY", "acute"),
        ("DIRECTION", "left"),
        ("SYSTEM_ORGAN_SITE", "knee"),
    }
    assert set(pain) == expected
    assert attributes("right knee replacement", "knee replacement") == [("DIRECTION", "right")]
    assert attributes("pain in the left arm", "arm") == [("DIRECTION", "left")]
    assert "left" not in str(entities("she left the hospital"))
    assert "back" not in entities("he came back")
    assert "back" in entities("his back hurts")


def test_conditions_take_the_place_before_them() -> None:
    assert set(entities("abdominal pain and lung cancer", "MEDICAL_CONDITION")) == {
        "abdominal pain",
        "lung cancer",
    }
    assert set(entities("viral sinusitis", "MEDICAL_CONDITION")) == {"viral sinusitis"}
    assert set(entities("crohns disease, Alzheimer disease, diarrhoea")) == {
        "crohns disease",
        "Alzheimer disease",
        "diarrhoea",
    }


def test_times_tell_of_the_nearest() -> None:
    found = entities("cough started three days ago", "TIME_EXPRESSION")["three days ago"]
    assert found["Type"] == "TIME_TO_DX_NAME"
    assert [(a["Type"], a["Text"], a["RelationshipType"]) for a in found["Attributes"]] == [
        ("DX_NAME", "cough", "OVERLAP")
    ]
    assert entities("started lisinopril last week")["last week"]["Type"] == "TIME_TO_MEDICATION_NAME"


def test_habits() -> None:
    text = "she smokes one pack a day and denies drug use"
    assert attributes(text, "smokes") == [("AMOUNT", "one pack"), ("FREQUENCY", "a day")]
    assert traits(text)["drug use"] == {"NEGATION"}


def test_phi() -> None:
    text = (
        "Dr. Smith saw Mr. John Doe, a 49-year-old, on March 3, 2019. MRN: 1234567. Call 555-123-4567 or "
        "j.doe@example.com, see www.example.com/a. He lives at 12 Oak Street, Springfield. He works as a carpenter."
    )
    assert [(e["Type"], e["Text"]) for e in detect_phi(text)["Entities"]] == [
        ("NAME", "Smith"),
        ("NAME", "John Doe"),
        ("AGE", "49"),
        ("DATE", "March 3, 2019"),
        ("ID", "1234567"),
        ("PHONE_OR_FAX", "555-123-4567"),
        ("EMAIL", "j.doe@example.com"),
        ("URL", "www.example.com/a"),
        ("ADDRESS", "12 Oak Street, Springfield"),
        ("PROFESSION", "carpenter"),
    ]
    assert entities("doctor jones saw this sixty seven year old").keys() == {"jones", "sixty seven"}
    assert not entities("the doctor said so, and the nurse came")


def test_capitals_and_no_capitals_mean_the_same_but_where_only_capitals_do() -> None:
    assert "all" not in entities("that is all as before")
    assert "MS" in entities("history of MS")
    assert entities("AFIB").keys() == {"AFIB"}


@pytest.mark.parametrize(
    "name", ["conditions", "tests", "procedures", "treatments", "brands", "words", "context"]
)
def test_every_row_of_the_tables_is_found_and_said_once(name: str) -> None:
    rows = list(table(name))
    keys = [row[:2] if name == "words" else row[:1] for row in rows]
    assert len(keys) == len(set(keys))
    for row in rows:
        assert row[0] == row[0].strip()
        assert not re.search(r"\s\s", row[0])
        layer = {"brands": "drug", "words": row[1] if name == "words" else ""}.get(name, name)
        tokens = tokens_of(row[0])
        assert [(m.i, m.j) for m in matches(tokens)[layer]] == [(0, len(tokens.key))], row


def test_the_lexicons_are_as_large_as_promised() -> None:
    size = {name: len(list(table(name))) for name in ("conditions", "tests", "procedures", "treatments")}
    assert size["conditions"] >= 1500
    assert size["tests"] >= 400
    assert size["procedures"] + size["treatments"] >= 500
