"""How the embedded entities agree with Comprehend Medical's real responses.

``python tests/benchmarks/entities.py`` prints a markdown table: precision, recall and F1 by category over
spans and types, exact and overlapping, and over attributes; then how often both agree that an entity is
negated. The even-numbered dictations (and the note) were read while the rules were written; the
odd-numbered ones are the blind test. Agreement with the service, not truth: what it found wrongly counts
against us. Skips where ``../shared/data`` is absent.
"""

import json
import sys
import time
from collections import Counter, defaultdict
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pandas as pd

import medtx
from medtx.clinical.embedded import detect

SHARED = Path(__file__).resolve().parents[3] / "shared/data"
DATA = SHARED / "comprehend-medical"
PRIMOCK = SHARED / "corpora/omi-medical-STT-eval"
FLAT = {"ACUITY", "DIRECTION", "QUALITY"}  # the older responses list these beside entities, not below them
SHORT = {
    "MEDICATION": "medication",
    "MEDICAL_CONDITION": "condition",
    "TEST_TREATMENT_PROCEDURE": "test, treatment, procedure",
    "ANATOMY": "anatomy",
    "TIME_EXPRESSION": "time",
    "PROTECTED_HEALTH_INFORMATION": "PHI",
    "BEHAVIORAL_ENVIRONMENTAL_SOCIAL": "social",
}


def pairs() -> tuple[list[tuple[str, list[dict[str, Any]]]], list[tuple[str, list[dict[str, Any]]]]]:
    """Texts with the service's entities: those read while writing rules, and the blind ones."""
    both = json.loads((DATA / "mta_text_entities_pairs.derived.json").read_text(encoding="utf-8"))
    seen = [(pair["Text"], pair["Entities"]) for pair in both[::2]]
    blind = [(pair["Text"], pair["Entities"]) for pair in both[1::2]]
    note = (DATA / "fhir-integration/medical-note.txt").read_text(encoding="utf-8")
    response = json.loads((DATA / "fhir-integration/cm-output-gen-med.json").read_text(encoding="utf-8"))
    return [*seen, (note, response["Entities"])], blind


def spans(entities: list[dict[str, Any]]) -> dict[str, set[tuple[int, int, str]]]:
    """Begin, end and type by category; attributes by themselves."""
    found: dict[str, set[tuple[int, int, str]]] = defaultdict(set)
    for entity in entities:
        span = (entity["BeginOffset"], entity["EndOffset"], entity["Type"])
        found["attributes" if entity["Type"] in FLAT else SHORT[entity["Category"]]].add(span)
        for a in entity.get("Attributes") or []:
            if entity["Category"] != "TIME_EXPRESSION" and a["Type"] != "SYSTEM_ORGAN_SITE":
                found["attributes"].add((a["BeginOffset"], a["EndOffset"], a["Type"]))
    return found


def overlap(one: tuple[int, int, str], many: set[tuple[int, int, str]]) -> bool:
    return any(one[0] < b and a < one[1] and one[2] == kind for a, b, kind in many)


def counts(data: list[tuple[str, list[dict[str, Any]]]]) -> tuple[dict[str, Counter[str]], Counter[str]]:
    found: dict[str, Counter[str]] = defaultdict(Counter)
    negation: Counter[str] = Counter()
    for text, entities in data:
        ours = detect(text)["Entities"]
        one, other = spans(ours), spans(entities)
        for category in one.keys() | other.keys():
            mine, theirs = one.get(category, set()), other.get(category, set())
            for name in (category, "all but attributes") if category != "attributes" else (category,):
                found[name].update(
                    mine=len(mine),
                    theirs=len(theirs),
                    exact=len(mine & theirs),
                    mine_over=sum(overlap(span, theirs) for span in mine),
                    theirs_over=sum(overlap(span, mine) for span in theirs),
                )
        for a in (e for e in ours if e["Category"] == "MEDICAL_CONDITION"):
            for b in entities:
                same = a["BeginOffset"] < b["EndOffset"] and b["BeginOffset"] < a["EndOffset"]
                if same and b["Type"] == "DX_NAME":
                    negation[f"{negated(a)} {negated(b)}"] += 1
    return found, negation


def negated(entity: dict[str, Any]) -> bool:
    return any(trait["Name"] == "NEGATION" for trait in entity.get("Traits") or [])


def row(category: str, n: Counter[str]) -> str:
    def f1(mine: int, theirs: int) -> str:
        p = mine / n["mine"] if n["mine"] else float("nan")
        r = theirs / n["theirs"] if n["theirs"] else float("nan")
        f = 2 * p * r / (p + r) if p + r else 0.0
        return f"{p:.2f} / {r:.2f} / {f:.2f}" if n["mine"] and n["theirs"] else "-"

    exact = f1(n["exact"], n["exact"])
    return f"{n['theirs']} | {exact} | {f1(n['mine_over'], n['theirs_over'])}"


def main() -> None:
    if not DATA.exists():
        sys.exit(f"{DATA} is not here: nothing to measure against")
    seen, blind = pairs()
    (found, negation), (blind_found, blind_negation) = counts(seen), counts(blind)
    print("| category | seen: n | exact P / R / F1 | overlap P / R / F1 | blind: n | exact | overlap |")
    print("|---|---|---|---|---|---|---|")
    for category in [*SHORT.values(), "all but attributes", "attributes"]:
        one, other = found.get(category, Counter()), blind_found.get(category, Counter())
        print(f"| {category} | {row(category, one)} | {row(category, other)} |")
    for name, table in (("seen", negation), ("blind", blind_negation)):
        agreed = table["True True"] + table["False False"]
        print(f"\nNegation, {name}: {agreed} of {table.total()} conditions found by both agree ", end="")
        print(f"({table['True True']} negated by both, {table['True False']} only by us, ", end="")
        print(f"{table['False True']} only by the service).")
    text = "\n\n".join(text for text, _ in seen) + "\n\n"
    text *= 1_000_000 // len(text) + 1
    began = time.perf_counter()
    detect(text)
    took = time.perf_counter() - began
    print(
        f"\n{len(text):,} characters in one text: {took:.1f} s, {len(text) / took * 60 / 1e6:.1f} M a minute."
    )
    print(f"\n{engines().round(3).to_string()}")


def engines() -> pd.DataFrame:
    """What the errors of seven engines did to the entities of 57 consultations, said by actors."""

    def found(paths: Iterable[Path]) -> medtx.Entities:
        return medtx.entities(medtx.from_text({path.name[:19]: path.read_text() for path in sorted(paths)}))

    said = found((PRIMOCK / "data/cleaned_transcripts").glob("*.txt"))
    rows = {}
    for folder in sorted((PRIMOCK / "results/transcripts").iterdir()):
        score = medtx.score_entities(said, found(folder.glob("*_conversation_transcript.txt")))
        rates, worst = score.rates(), score.table["severity"] == 4
        rows[folder.name.partition("_")[0]] = {
            "WER": score.alignment.rates().loc["TOTAL", "wer"],
            **{
                f"drug {name}": rates.loc["MEDICATION", name]
                for name in ("recall", "recall_low", "recall_high")
            },
            "condition recall": rates.loc["MEDICAL_CONDITION", "recall"],
            "recall": rates.loc["TOTAL", "recall"],
            "precision": rates.loc["TOTAL", "precision"],
            "of severity 4": int(worst.sum()),
        }
    return pd.DataFrame.from_dict(rows, orient="index").sort_values("drug recall", ascending=False)


if __name__ == "__main__":
    main()
