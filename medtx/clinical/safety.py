"""What a drug-safety analyst should listen to first. A worklist for trained people, not a finding."""

import re
from bisect import bisect_left
from functools import cache
from html import escape
from os import PathLike
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from medtx.clinical import lexicon
from medtx.clinical.entities import UNMAPPED, Entities
from medtx.clinical.synonyms import amounts, medicine, plain, standard
from medtx.errors import InputError, expect, optional
from medtx.files import save, save_text
from medtx.html import fingerprint, page, table
from medtx.tables import minutes
from medtx.thresholds import Threshold, Thresholds
from medtx.writing.common import for_excel, no_formula

CAUTION = (
    "A worklist of what to listen to first, made by rules from recognised speech. It is no finding: it does "
    "not say that a drug caused an event or that a dose is wrong, and it does not hold everything. Trained "
    "people decide, on the audio."
)

KINDS = {
    "drug-event": 1,
    "allergy": 2,
    "implausible dose": 1,
    "unsure drug": 2,
    "unsure dose": 2,
    "dose alone": 2,
    "look-alike": 3,
    "no dose": 4,
}
"""What stands in the list, and how urgent it is by itself: 1 first."""

_DOSES = ("DOSAGE", "STRENGTH")
_CUE = re.compile(
    r"\b(due to|because of|attributed to|caus\w+|induced|secondary to|(?:after|since) (?:starting|taking)|"
    r"started (?:on|taking)|reactions?|allerg\w+|adverse|side effects?|intoleran\w+|developed|gave|"
    r"made (?:him|her|me))\b",
    re.IGNORECASE,
)
_LEADING = re.compile(
    r"\s*(?:on|from|with|to|after|while (?:on|taking))\s*(?:the|her|his|my|a)?\s*", re.IGNORECASE
)
_TREATS = re.compile(
    r".*\b(?:for|to treat|to prevent|controls?|controlled (?:with|by|on)|treated with)\b.*", re.IGNORECASE
)
_DENIED = re.compile(
    r"\b(?:no|not|denies|denied|without|never)\s+(?:known |any |prior |other |adverse |further )*$",
    re.IGNORECASE,
)
_ALLERGY = re.compile(r"\b(?:allerg(?:ic|y|ies)|anaphyla\w+|intoleran(?:t|ce))\b", re.IGNORECASE)
_SENTENCE = re.compile(r"[.!?]\s")
_BEFORE = 40
"""Characters before a drug and its event in which a word such as "developed" may stand."""

_ONCE = ("drug-event", "allergy", "look-alike", "no dose")
"""Kinds that say the same of each mention: one row stands for all in a recording."""

_COLUMNS = "priority kind recording start end drug with_ negated speaker asr_confidence context why".split()


def safety(
    found: Entities,
    *,
    threshold: "float | Threshold | Thresholds" = 0.8,
    near: int = 200,
    unknown: str | None = None,
) -> pd.DataFrame:
    """What to listen to first: a row a suspicion, the most urgent first.

    ================  ==============================================================
    drug-event        a drug and the sign or symptom nearest to it, at most ``near``
                      characters apart; before others with a word such as "since
                      starting" in their sentence, and not denied
    allergy           a drug named in a sentence that speaks of an allergy
    implausible dose  a single dose outside the usual range of the drug, or
                      methotrexate every day
    unsure drug,      its speech confidence is below ``threshold`` (a confidence, or
    unsure dose       what `Sweep.choose` gave); one without a confidence is not among
                      them, unless ``unknown="review"``
    dose alone        a dose with which no drug was recognised: perhaps a misheard one
    look-alike        other drugs' names look or sound like it; last where it is sure
    no dose           a drug that is taken, without strength or dose wherever it is named
    ================  ==============================================================

    Of drug-event, allergy, look-alike and no dose, what several mentions in a recording share
    stands once, with the most urgent and least sure of them. Events of the family are left out,
    and such as may come ("if you develop ...") come last.

    Columns: ``priority`` (1 first), ``kind``, ``recording``, ``start`` and ``end`` of what to
    play, ``drug``, ``with_`` (the event, dose or other names), ``negated``, ``speaker``,
    ``asr_confidence``, ``context`` and ``why``. It is a worklist for trained people, not a finding.

    Raises `InputError` for a threshold or a distance that is none.

    >>> import medtx
    >>> e = medtx.entities(medtx.from_text({"visit": "a rash after starting warfarin 500 mg daily"}))
    >>> sorted(safety(e)["kind"])
    ['drug-event', 'implausible dose', 'look-alike']
    >>> sorted(set(safety(e, unknown="review")["kind"]) - set(safety(e)["kind"]))
    ['unsure dose', 'unsure drug']
    """
    expect(found, Entities)
    if not isinstance(near, int) or near < 0:
        raise InputError(f"near={near!r} is not a number of characters")
    review = found.review(threshold, unknown=unknown)
    known = found.table.assign(recording=found.table["recording"].astype(str), review=review, top=found.top)
    known = known[known["operation"] == "detect_entities_v2"]
    rows: list[dict[str, object]] = []
    for name, mine in known.groupby("recording", sort=False):
        rows += _of_recording(list(mine.itertuples()), found.texts[name], near)
    list_ = pd.DataFrame(rows, columns=_COLUMNS).astype({"priority": int, "negated": bool})
    order = ["priority", "asr_confidence", "recording", "start"]
    list_ = list_.sort_values(order, kind="stable", na_position="last")
    same = [list_["kind"], list_["recording"], list_["drug"].str.lower(), list_["with_"].str.lower()]
    again = pd.concat(same, axis=1).duplicated() & list_["kind"].isin(_ONCE)
    return list_[~again].reset_index(drop=True)


Row = Any  # of the table of entities, a named tuple


def _of_recording(entities: list[Row], text: str, near: int) -> list[dict[str, object]]:
    own: dict[int, list[Row]] = {}
    for row in entities:
        if row.parent >= 0:
            own.setdefault(row.parent, []).append(row)
    tops = sorted((row for row in entities if row.top), key=lambda row: row.begin_offset)
    drugs = [row for row in tops if row.category == "MEDICATION"]
    doses = {drug.entity: [row for row in own.get(drug.entity, ()) if row.type in _DOSES] for drug in drugs}
    dosed = {medicine(drug.text) for drug in drugs if doses[drug.entity]}
    rows = []
    for drug in drugs:
        rows += _of_drug(drug, own.get(drug.entity, []), text, medicine(drug.text) in dosed)
    begins = [drug.begin_offset for drug in drugs]
    for event in tops:
        if event.category == "MEDICAL_CONDITION":
            at = bisect_left(begins, event.begin_offset)
            rows += [
                row for drug in drugs[max(at - 1, 0) : at + 1] if (row := _event(drug, event, text, near))
            ]
    for dose in entities:
        if dose.relationship == UNMAPPED and dose.type in _DOSES:
            why = "a dose was said, and no drug was recognised with it"
            rows.append(_line("dose alone", dose, [], dose.text, text, why))
    return rows


def _of_drug(drug: Row, own: list[Row], text: str, dosed: bool) -> list[dict[str, object]]:
    rows = []
    if drug.review:
        why = f"the name was recognised with {_sureness(drug)} speech confidence"
        rows.append(_line("unsure drug", drug, [], "", text, why))
    for dose in own:
        if dose.type in _DOSES:
            if dose.review:
                why = f"the dose was recognised with {_sureness(dose)} speech confidence"
                rows.append(_line("unsure dose", drug, [dose], dose.text, text, why))
            if usual := _implausible(drug.text, dose.text):
                rows.append(_line("implausible dose", drug, [dose], dose.text, text, usual))
        elif dose.type == "FREQUENCY" and _too_often(drug.text, dose.text):
            why = "methotrexate is taken once a week, but in cancer"
            rows.append(_line("implausible dose", drug, [dose], dose.text, text, why))
    allergy = _ALLERGY.search(_around(drug, drug, text))
    if allergy:
        why = f'said with "{allergy[0].lower()}"'
        rows.append(_line("allergy", drug, [], "", text, why))
    if others := _alike().get(plain(drug.text), ()):
        line = _line("look-alike", drug, [], ", ".join(others), text, "the names look or sound alike")
        sure = not drug.review and drug.asr_confidence == drug.asr_confidence
        rows.append(line | {"priority": KINDS["look-alike"] + sure})
    if not (dosed or allergy or "NEGATION" in drug.traits):
        rows.append(_line("no dose", drug, [], "", text, "no strength or dose was said or recognised"))
    return rows


def _sureness(row: Row) -> str:
    return "low" if row.asr_confidence == row.asr_confidence else "unknown"


def _around(first: Row, second: Row, text: str) -> str:
    """The sentence before two entities, what is between them, and the first words after."""
    before = _SENTENCE.split(text[max(0, first.begin_offset - _BEFORE) : first.begin_offset])[-1]
    after = _SENTENCE.split(text[second.end_offset : second.end_offset + _BEFORE])[0]
    return before + text[first.begin_offset : second.end_offset] + after


def _event(drug: Row, event: Row, text: str, near: int) -> dict[str, object] | None:
    first, second = sorted((drug, event), key=lambda entity: entity.begin_offset)
    between = text[first.end_offset : second.begin_offset]
    if len(between) > near or "PERTAINS_TO_FAMILY" in event.traits:
        return None
    apart = _SENTENCE.search(between) is not None
    around = _around(first, second, text)
    cue = next((c for c in _CUE.finditer(around) if not _DENIED.search(around[: c.start()])), None)
    led = first is event and _LEADING.fullmatch(between)
    if apart or not (cue or led):
        # A condition that a drug is taken for is no event, nor is a diagnosis that stands near.
        if _TREATS.fullmatch(between) or not {"SIGN", "SYMPTOM"} & set(event.traits):
            return None
        why, priority = "said near each other", 3
    else:
        why, priority = f'said with "{(cue[0] if cue else between.strip()).lower()}"', 1
    line = _line("drug-event", drug, [event], event.text, text, why)
    line["negated"] = "NEGATION" in event.traits
    line["priority"] = 4 if "HYPOTHETICAL" in event.traits else priority + bool(line["negated"])
    return line


def _line(kind: str, drug: Row, more: list[Row], with_: str, text: str, why: str) -> dict[str, object]:
    every = [drug, *more]
    begin, end = min(row.begin_offset for row in every), max(row.end_offset for row in every)
    starts, ends, sure = (
        [value for row in every if (value := getattr(row, name)) == value]
        for name in ("start", "end", "asr_confidence")
    )
    return {
        "priority": KINDS[kind],
        "kind": kind,
        "recording": drug.recording,
        "start": min(starts, default=np.nan),
        "end": max(ends, default=np.nan),
        "drug": "" if kind == "dose alone" else drug.text,
        "with_": with_,
        "negated": "NEGATION" in drug.traits,
        "speaker": drug.speaker,
        "asr_confidence": min(sure, default=np.nan),
        "context": text[max(0, begin - 60) : end + 60].strip(),
        "why": why,
    }


def _too_often(drug: str, frequency: str) -> bool:
    return medicine(drug) == "methotrexate" and "daily" in standard(tuple(plain(frequency).split()))


def _implausible(drug: str, dose: str) -> str:
    """What is usual, where the dose, or an end of its range, is outside of it."""
    name = medicine(drug)
    usual = _doses().get(name) or _doses().get(name.split(" ")[0])
    if usual is None:
        return ""
    text = "{:g} to {:g} {}".format(*usual)
    (least, unit), (most, _) = amounts(text)
    said = plain(dose)
    if re.fullmatch(r"[0-9.]+", said):  # "warfarin 50"
        said += f" {usual[2]}"
    if all(least <= amount <= most for amount, of in amounts(said) if of == unit):
        return ""
    return f"usual single doses are {text}"


@cache
def _doses() -> dict[str, tuple[float, float, str]]:
    return {
        medicine(name): (float(least), float(most), unit)
        for name, least, most, unit in lexicon.table("doses")
    }


@cache
def _alike() -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for one, other in lexicon.table("alike"):
        for name, partner in ((one, other), (other, one)):
            names = found.setdefault(plain(name), [])
            if partner not in names:
                names.append(partner)
    return found


def save_worklist(
    worklist: pd.DataFrame, path: str | PathLike[str], *, title: str = "Safety worklist"
) -> Path:
    """Write the list as ``.html``, ``.csv`` or ``.xlsx``, readable by its owner only; gives the path.

    ``play`` says where to listen, as minutes and seconds. In a CSV or Excel file a text that a
    spreadsheet would take for a formula gets an apostrophe before it.

    Raises `InputError` for another suffix.
    """
    path = Path(path)
    played = [_clock(start, end) for start, end in zip(worklist["start"], worklist["end"])]
    shown = worklist.assign(play=played)
    if path.suffix == ".html":
        return save_text(path, _page(shown, title))
    if path.suffix not in (".csv", ".xlsx"):
        raise InputError(f"{path}: expected a name that ends in .html, .csv or .xlsx")
    shown = no_formula(shown)
    if path.suffix == ".csv":
        return save_text(path, shown.to_csv(index=False))
    optional("openpyxl", "excel")
    return save(path, lambda part: for_excel(shown).to_excel(part, index=False, sheet_name="worklist"))


def _page(worklist: pd.DataFrame, title: str) -> str:
    denied = worklist["negated"].map({True: " (denied)", False: ""})
    event = worklist["kind"] == "drug-event"  # elsewhere it is the drug that is denied
    who = worklist["speaker"].astype(object).fillna("").map(lambda name: f" {name}" if name else "")
    sure = worklist["asr_confidence"].map(lambda value: "unknown" if np.isnan(value) else f"{value:.2f}")
    shown = pd.DataFrame(
        {
            "priority": worklist["priority"],
            "kind": worklist["kind"],
            "where": worklist["recording"] + who,
            "play": worklist["play"],
            "drug": worklist["drug"] + denied.where(~event, ""),
            "with": worklist["with_"] + denied.where(event, ""),
            "speech confidence": sure,
            "why": worklist["why"],
            "in context": worklist["context"],
        }
    )
    style = "body { max-width: 90rem } th, td { text-align: left; vertical-align: top } "
    style += "th:last-child { width: 36% } td:nth-child(4) { white-space: nowrap } "
    style += "@media screen { td:last-child { min-width: 14rem } } "
    style += "@page { size: landscape }"
    recordings = worklist["recording"].nunique()
    parts = [
        f"<p class='note'>{escape(CAUTION)}</p>",
        f"<p>{len(worklist)} rows of {recordings} recordings; 1 is the most urgent.</p>",
        table(shown, index=False),
    ]
    rows = worklist.drop(columns="play")
    facts = {
        "normaliser": "none, the text is as it was recognised",
        "data": f"fingerprint {fingerprint(rows)}",
    }
    return page(title, parts, facts, style=style)


def _clock(start: float, end: float) -> str:
    """
    >>> _clock(72.4, 75.0), _clock(float("nan"), float("nan"))
    ('1:12 to 1:15', '')
    """
    return "" if np.isnan(start) or np.isnan(end) else f"{minutes(start)} to {minutes(end)}"
