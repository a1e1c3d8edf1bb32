"""What a drug-safety analyst should listen to first. A worklist for trained people, not a finding."""

import re
from functools import cache
from html import escape
from os import PathLike
from pathlib import Path

import numpy as np
import pandas as pd

from medtx.clinical import lexicon
from medtx.clinical.entities import UNMAPPED, Entities
from medtx.errors import InputError
from medtx.files import save_text
from medtx.scoring.medical import Medical
from medtx.thresholds import Threshold, Thresholds

CAUTION = (
    "A worklist of what to listen to first, made by rules from recognised speech. It is no finding: it does "
    "not say that a drug caused an event or that a dose is wrong, and it does not hold everything. Trained "
    "people decide, on the audio."
)

KINDS = {
    "drug-event": 1,
    "implausible dose": 1,
    "unsure drug": 2,
    "unsure dose": 2,
    "dose alone": 2,
    "look-alike": 3,
    "no dose": 4,
}
"""What stands in the list, and how urgent it is by itself: 1 first."""

_EVENT = ("SIGN", "SYMPTOM", "DIAGNOSIS")
_CUE = re.compile(
    r"\b(due to|because of|caus\w+|induced|secondary to|(after|since) (starting|taking)|started (on|taking)|"
    r"reaction|allerg\w+|adverse|side effects?|intoleran\w+|developed|made (him|her|me))\b",
    re.IGNORECASE,
)
_DOSES = ("DOSAGE", "STRENGTH")
_AMOUNT = re.compile(r"(\d+(?:\.\d+)?) (mg|mcg|g)\b")
_IN_MG = {"mg": 1.0, "mcg": 0.001, "g": 1000.0}


def safety(
    found: Entities,
    *,
    threshold: "float | Threshold | Thresholds" = 0.8,
    near: int = 200,
) -> pd.DataFrame:
    """What to listen to first: a row a suspicion, the most urgent first.

    ================  ==============================================================
    drug-event        a drug and a sign, symptom or condition at most ``near``
                      characters apart; before others with a word such as "since
                      starting" between them, and not denied
    implausible dose  a single dose outside the usual range of the drug
    unsure drug,      its speech confidence is below ``threshold`` (a confidence, or
    unsure dose       what `Sweep.choose` gave)
    dose alone        a dose with which no drug was recognised: perhaps a misheard one
    look-alike        another drug's name looks or sounds like it
    no dose           a drug that is taken, without strength or dose
    ================  ==============================================================

    Columns: ``priority`` (1 first), ``kind``, ``recording``, ``start`` and ``end`` of what to
    play, ``drug``, ``with_`` (the event, dose or other name), ``negated``, ``speaker``,
    ``asr_confidence``, ``context`` and ``why``. It is a worklist for trained people, not a finding.

    >>> import medtx
    >>> e = medtx.entities(medtx.from_text({"visit": "a rash after starting warfarin 500 mg daily"}))
    >>> sorted(safety(e)["kind"])
    ['drug-event', 'implausible dose', 'look-alike', 'unsure dose', 'unsure drug']
    """
    if near < 0:
        raise InputError(f"near={near!r} is not a number of characters")
    table = found.table.assign(recording=found.table["recording"].astype(str), review=found.review(threshold))
    table = table[table["operation"] == "detect_entities_v2"]
    top = table[found.top.loc[table.index]]
    rows: list[dict[str, object]] = []
    for name, mine in top.groupby("recording", sort=False):
        text = found.texts[name]
        attributes = table[(table["recording"] == name) & (table["parent"] >= 0)]
        drugs = mine[mine["category"] == "MEDICATION"]
        events = mine[mine["category"] == "MEDICAL_CONDITION"]
        for drug in drugs.itertuples():
            own = attributes[attributes["parent"] == drug.entity]
            rows += _of_drug(drug, own, text)
            rows += [row for event in events.itertuples() if (row := _event(drug, event, text, near))]
    for dose in table[(table["relationship"] == UNMAPPED) & table["type"].isin(_DOSES)].itertuples():
        why = "a dose was said, and no drug was recognised with it"
        rows.append(
            _line("dose alone", dose, table.iloc[:0], dose.text, False, found.texts[dose.recording], why)
        )
    columns = (
        "priority kind recording start end drug with_ negated speaker asr_confidence context why".split()
    )
    list_ = pd.DataFrame(rows, columns=columns)
    order = ["priority", "asr_confidence", "recording", "start"]
    return list_.sort_values(order, kind="stable", na_position="first", ignore_index=True)


def _of_drug(drug: "pd.Series", own: pd.DataFrame, text: str) -> list[dict[str, object]]:  # a named row
    negated = "NEGATION" in drug.traits
    doses = own[own["type"].isin(_DOSES)]
    rows = []

    def add(kind: str, with_: str, why: str, more: pd.DataFrame = own.iloc[:0]) -> None:
        rows.append(_line(kind, drug, more, with_, negated, text, why))

    if drug.review:
        add("unsure drug", "", "the name was recognised with low speech confidence")
    for _, dose in doses.iterrows():
        if dose["review"]:
            why = "the dose was recognised with low speech confidence"
            add("unsure dose", dose["text"], why, doses.loc[[dose.name]])
        if usual := _implausible(drug.text, dose["text"]):
            add("implausible dose", dose["text"], usual, doses.loc[[dose.name]])
    for other in _alike().get(_plain(drug.text), ()):
        add("look-alike", other, "the names look or sound alike")
    if doses.empty and not negated:
        add("no dose", "", "no strength or dose was said or recognised")
    return rows


def _event(drug: "pd.Series", event: "pd.Series", text: str, near: int) -> dict[str, object] | None:
    if not set(_EVENT) & set(event.traits) and event.type != "DX_NAME":
        return None
    first, second = sorted((drug, event), key=lambda entity: entity.begin_offset)
    between = text[first.end_offset : second.begin_offset]
    if len(between) > near:
        return None
    negated = "NEGATION" in event.traits
    around = text[max(0, first.begin_offset - 40) : second.end_offset + 40]
    cue = _CUE.search(around)
    why = f'said near each other, with "{cue[0].lower()}"' if cue else "said near each other"
    line = _line("drug-event", drug, pd.DataFrame([event]), event.text, negated, text, why)
    line["priority"] = (1 if cue else 3) + negated
    return line


def _line(
    kind: str, drug: "pd.Series", more: pd.DataFrame, with_: str, negated: bool, text: str, why: str
) -> dict[str, object]:
    begins = [drug.begin_offset, *more["begin_offset"]]
    ends = [drug.end_offset, *more["end_offset"]]
    before = text[max(0, min(begins) - 60) : min(begins)]
    after = text[max(ends) : max(ends) + 60]
    times = np.array([[drug.start, drug.end], *more[["start", "end"]].to_numpy(float)], dtype=float)
    confidences = pd.Series([drug.asr_confidence, *more["asr_confidence"]])
    return {
        "priority": KINDS[kind],
        "kind": kind,
        "recording": drug.recording,
        "start": np.fmin.reduce(times[:, 0]),
        "end": np.fmax.reduce(times[:, 1]),
        "drug": "" if kind == "dose alone" else drug.text,
        "with_": with_,
        "negated": negated,
        "speaker": drug.speaker,
        "asr_confidence": confidences.min(),
        "context": f"{before}{text[min(begins) : max(ends)]}{after}".strip(),
        "why": why,
    }


def _implausible(drug: str, dose: str) -> str:
    """What is usual, where the dose is outside of it."""
    usual = _doses().get(_plain(drug))
    amount = _AMOUNT.search(" ".join(Medical()(dose.split()).text))
    if usual is None or amount is None:
        return ""
    least, most, unit = usual
    given = float(amount[1]) * _IN_MG[amount[2]]
    if least * _IN_MG[unit] <= given <= most * _IN_MG[unit]:
        return ""
    return f"usual single doses are {least:g} to {most:g} {unit}"


def _plain(name: str) -> str:
    return " ".join(Medical()(name.split()).text)


@cache
def _doses() -> dict[str, tuple[float, float, str]]:
    return {
        _plain(name): (float(least), float(most), unit) for name, least, most, unit in lexicon.table("doses")
    }


@cache
def _alike() -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for one, other in lexicon.table("alike"):
        for name, partner in ((one, other), (other, one)):
            names = found.setdefault(_plain(name), [])
            if partner not in names:
                names.append(partner)
    return found


def safety_page(worklist: pd.DataFrame, path: str | PathLike[str], *, title: str = "Safety worklist") -> Path:
    """Write the list as one HTML file, readable by its owner only; gives the path."""
    from medtx.reports import page

    denied = worklist["negated"].map({True: " (denied)", False: ""})
    who = worklist["speaker"].astype(object).fillna("").map(lambda name: f" {name}" if name else "")
    shown = pd.DataFrame(
        {
            "": worklist["priority"],
            "kind": worklist["kind"],
            "where": worklist["recording"] + who,
            "play": [_clock(start, end) for start, end in zip(worklist["start"], worklist["end"])],
            "drug": worklist["drug"],
            "with": worklist["with_"] + denied,
            "speech confidence": worklist["asr_confidence"].round(2),
            "why": worklist["why"],
            "in context": worklist["context"],
        }
    )
    style = "<style>body { max-width: 90rem } th, td { text-align: left; vertical-align: top } "
    style += "td:last-child { min-width: 22rem } td:nth-child(4) { white-space: nowrap }</style>"
    table = shown.to_html(index=False, border=0, na_rep="", escape=True)
    parts = [
        f"<h1>{escape(title)}</h1>",
        f"<p class='note'>{escape(CAUTION)}</p>",
        f"<p>{len(worklist)} rows.</p>",
        f"{style}<div class='wide'>{table}</div>",
    ]
    return save_text(Path(path), page(title, parts))


def _clock(start: float, end: float) -> str:
    """
    >>> _clock(72.4, 75.0), _clock(float("nan"), float("nan"))
    ('1:12 to 1:15', '')
    """
    if np.isnan(start) or np.isnan(end):
        return ""
    return " to ".join(f"{int(t) // 60}:{int(t) % 60:02}" for t in (start, end))
