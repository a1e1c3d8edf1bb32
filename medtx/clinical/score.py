"""What recognition errors do to entities: found, changed, missed, invented, and how bad that is.

Entities of the hypothesis meet those of the reference through the word alignment, so that
"war fare in" stands where "warfarin" was said. Only entities count, with their attributes as
part of them: a drug whose dose changed is a changed drug.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import pandas as pd

from medtx.clinical.entities import Entities
from medtx.clinical.mentions import Heard, Mention, Value, mentions_of
from medtx.errors import expect, not_a_column
from medtx.scoring import Alignment, align
from medtx.scoring.normalize import Normalizer
from medtx.scoring.order import part_of
from medtx.scoring.pairing import Pairing, pair
from medtx.scoring.rates import interval
from medtx.tables import is_heard

OUTCOMES = ("found", "changed", "missed", "invented")

_DOSES = ("DOSAGE", "STRENGTH", "RATE")
_SIDES = frozenset(
    "left right bilateral bilaterally both upper lower anterior posterior lateral medial proximal distal "
    "superior inferior dorsal ventral radial ulnar".split()
)

SEVERITY: Mapping[str, tuple[int, str]] = {
    "drug": (4, "another drug than was said"),
    "dose": (4, "the dose or its unit is another"),
    "negation": (4, "what was denied is affirmed, or the other way round"),
    "invented drug": (4, "a drug that nobody named"),
    "laterality": (4, "the side is another"),
    "missed drug": (3, "a drug was lost"),
    "lost dose": (3, "the dose was lost"),
    "test value": (3, "a measured value is another"),
    "condition": (3, "another condition than was said"),
    "missed condition": (3, "a condition was lost"),
    "invented condition": (3, "a condition that nobody named"),
    "frequency": (3, "how often, how or how long a drug is taken is another"),
    "trait": (2, "history, family or certainty is another"),
    "text": (2, "said differently"),
    "missed": (2, "lost"),
    "invented": (2, "nobody said it"),
    "": (0, ""),
}
"""How bad each change is, 4 worst, and why: a ranking for review, not a clinical judgement."""


@dataclass(frozen=True, eq=False)
class EntityScore:
    """What became of each entity. ``table`` has a row for each entity said or invented.

    ==================  ===========================================================
    outcome             found, changed, missed or invented
    change              what is another: drug, dose, negation, laterality, ...
    said, heard         the texts; ``said_detail``, ``heard_detail`` what differs
    severity, reason    4 worst; a ranking for review, not a clinical judgement
    start, end          of what was heard there, in seconds: of a change, of the words
                        that went wrong (the dose, the "no" that was put in)
    asr_confidence      the least of these words; NaN where nothing was heard
    ==================  ===========================================================
    """

    table: pd.DataFrame
    alignment: Alignment

    def rates(self, by: str = "category") -> pd.DataFrame:
        """Recall, precision and F1 by ``category``, ``type`` or ``specialty``, with a TOTAL.

        An entity that changed is not found. Bounds of recall are 95 %, by recording.
        """
        groups = {str(name): rows for name, rows in self.table.groupby(self._column(by), observed=True)}
        return pd.DataFrame.from_dict(
            {name: self._rate(rows) for name, rows in {**groups, "TOTAL": self.table}.items()}, orient="index"
        ).astype(dict.fromkeys(OUTCOMES, int))

    def _column(self, by: str) -> Any:
        if by in self.table:
            return by
        known = self.alignment.recordings
        if by not in known:
            raise not_a_column("by", by, [*self.table, *known], "the table or of recordings")
        return self.table["recording"].map(known.set_index(known["recording"].astype(str))[by])

    def _rate(self, rows: pd.DataFrame) -> dict[str, float]:
        counts = {name: int((rows["outcome"] == name).sum()) for name in OUTCOMES}
        said = counts["found"] + counts["changed"] + counts["missed"]
        heard = counts["found"] + counts["changed"] + counts["invented"]
        recording = rows["recording"].astype(str)
        known = rows["outcome"] != "invented"
        each = (
            pd.DataFrame({"lost": known & (rows["outcome"] != "found"), "said": known})
            .groupby(recording)
            .sum()
        )
        low, high = interval(each["lost"].to_numpy(), each["said"].to_numpy())
        recall = counts["found"] / said if said else np.nan
        precision = counts["found"] / heard if heard else np.nan
        both = recall + precision
        return {
            **counts,
            "recall": recall,
            "recall_low": max(1 - high, 0.0),
            "recall_high": 1 - low,
            "precision": precision,
            "f1": 2 * recall * precision / both if both else both,
        }

    def worst(self, most: int | None = 20) -> pd.DataFrame:
        """The changes, the most severe first, and of these what the engine was surest of."""
        changed = self.table[self.table["severity"] > 0]
        order = changed.sort_values(["severity", "asr_confidence"], ascending=[False, False], kind="stable")
        return order.head(len(order) if most is None else most).reset_index(drop=True)

    @cached_property
    def confusions(self) -> pd.DataFrame:
        """What each drug or condition was taken for, the commonest first."""
        changed = self.table[self.table["change"].isin(["drug", "condition"])]
        counted = changed.groupby(["category", "said", "heard"], observed=True).size().rename("count")
        return counted.reset_index().sort_values("count", ascending=False, ignore_index=True)

    def caught(self, *thresholds: float, severity: int = 3) -> pd.DataFrame:
        """How much of the harmful change each threshold would have sent to review.

        A change is caught when a word heard in its place is below the threshold or has no
        confidence; where nothing was heard no threshold reaches it (``out_of_reach``).
        ``review_share`` is of all recognised words.
        """
        bad = self.table[self.table["severity"] >= severity]
        sure = self.alignment.pairs["confidence"][is_heard(self.alignment.pairs)]
        rows = []
        for threshold in thresholds:
            hit = bad["heard_words"] & ~(bad["asr_confidence"] >= threshold)
            rows.append(
                {
                    "threshold": threshold,
                    "review_share": (~(sure >= threshold)).mean() if len(sure) else np.nan,
                    "harmful": len(bad),
                    "caught": int(hit.sum()),
                    "missed": int((bad["heard_words"] & ~hit).sum()),
                    "out_of_reach": int((~bad["heard_words"]).sum()),
                    "caught_share": hit.mean() if len(bad) else np.nan,
                }
            )
        return pd.DataFrame(rows)

    def __repr__(self) -> str:
        counts = self.table["outcome"].value_counts()
        said = ", ".join(f"{counts.get(name, 0):,} {name}" for name in OUTCOMES)
        return f"<EntityScore: {said}>"

    def _repr_html_(self) -> str:
        return f"<p>{repr(self)[1:-1]}</p>{self.rates().round(3).to_html()}"


def score_entities(
    reference: Entities,
    hypothesis: Entities,
    *,
    normalize: str | Normalizer = "medical",
    names: Pairing | None = None,
) -> EntityScore:
    """What became of each entity of the reference in the hypothesis.

    Both sides should come from the same entity engine; texts are compared after ``normalize``.
    ``names`` pairs recordings that are named differently, as in `medtx.align`.

    >>> import medtx
    >>> said = medtx.entities(medtx.from_text({"visit": "no chest pain, takes warfarin 5 mg daily"}))
    >>> heard = medtx.entities(medtx.from_text({"visit": "chest pain, takes warfarin 50 mg daily"}))
    >>> score_entities(said, heard).table[["said", "heard", "outcome", "change", "severity"]]
             said       heard  outcome    change  severity
    0  chest pain  chest pain  changed  negation         4
    1       chest       chest    found                   0
    2    warfarin    warfarin  changed      dose         4
    """
    for side, name in ((reference, "reference"), (hypothesis, "hypothesis")):
        expect(side, Entities, name=name)
    if names is not None:
        found = pair(reference.transcripts.recordings, hypothesis.transcripts.recordings, names)
        reference, hypothesis = reference.called(found.references), hypothesis.called(found.hypotheses)
    a = align(reference.transcripts, hypothesis.transcripts, normalize=normalize)
    refs = mentions_of(reference, a, "reference_position")
    hyps = mentions_of(hypothesis, a, "position")
    pairs = a.pairs
    columns_ = (pairs[name].to_numpy() for name in ("hypothesis", "start", "end", "confidence"))
    heard = Heard(pairs["op"].astype(str).to_numpy(), part_of(pairs), *columns_)
    rows: list[dict[str, Any]] = []
    for name in a.recordings["recording"].astype(str):
        rows += _recording(name, refs.get(name, []), hyps.get(name, []), heard)
    columns = (
        "recording category type outcome change said heard said_detail heard_detail severity reason "
        "start end asr_confidence heard_words"
    ).split()
    table = pd.DataFrame(rows, columns=columns)
    return EntityScore(table.astype({"severity": int, "heard_words": bool}), a)


def _recording(name: str, refs: list[Mention], hyps: list[Mention], heard: Heard) -> list[dict[str, Any]]:
    on_row: dict[int, list[Mention]] = {}
    for hyp in hyps:
        for at in hyp.rows:
            on_row.setdefault(at, []).append(hyp)
    taken: dict[int, Mention] = {}  # hypothesis' entity -> the reference's
    partners: dict[int, Mention] = {}
    for exact in (True, False):  # the same text first, so that a neighbour does not take its place
        for ref in refs:
            if ref.row in partners:
                continue
            near = {h.row: h for at in ref.rows for h in on_row.get(at, ()) if h.category == ref.category}
            free = [h for h in near.values() if h.row not in taken and (h.tokens == ref.tokens or not exact)]
            if free:
                best = max(free, key=lambda h: (len(h.rows & ref.rows), -h.row))
                taken[best.row], partners[ref.row] = ref, best
    rows = []
    for ref in refs:
        partner = partners.get(ref.row)
        what = (_kind("missed", ref), ("", "")) if partner is None else _change(ref, partner)
        rows.append(_outcome(name, ref, partner, *what, heard))
    loose = (h for h in hyps if h.row not in taken)
    return rows + [_outcome(name, None, h, _kind("invented", h), ("", ""), heard) for h in loose]


def _kind(what: str, item: Mention) -> str:
    return what + {"MEDICATION": " drug", "MEDICAL_CONDITION": " condition"}.get(item.category, "")


def _change(ref: Mention, hyp: Mention) -> tuple[str, tuple[str, str]]:
    """What is another in the entity that was heard: the worst of it, and both sides of that."""

    def listed(values: list[Value]) -> str:
        return ", ".join(value.text for value in values)

    found: list[tuple[str, tuple[str, str]]] = []
    said, heard = (_direction(item) for item in (ref, hyp))
    if said != heard:
        found.append(("laterality", (" ".join(said), " ".join(heard))))
    bare = [tuple(t for t in item.tokens if t not in _SIDES) for item in (ref, hyp)]
    if bare[0] != bare[1]:
        name = {"MEDICATION": "drug", "MEDICAL_CONDITION": "condition"}.get(ref.category, "text")
        found.append((name, ("", "")))
    if ("NEGATION" in ref.traits) != ("NEGATION" in hyp.traits):
        told = ("denied" if "NEGATION" in item.traits else "affirmed" for item in (ref, hyp))
        found.append(("negation", (next(told), next(told))))
    elif ref.traits != hyp.traits:
        found.append(("trait", (", ".join(sorted(ref.traits)), ", ".join(sorted(hyp.traits)))))
    for kind in sorted({*ref.attributes, *hyp.attributes} - {"DIRECTION"}):
        said_, heard_ = ref.attributes.get(kind, []), hyp.attributes.get(kind, [])
        if [value.standard for value in said_] == [value.standard for value in heard_]:
            continue
        if kind in _DOSES:
            change = "dose" if heard_ else "lost dose"
        elif kind in ("TEST_VALUE", "TEST_UNIT"):
            change = "test value"
        elif ref.category == "MEDICATION":
            change = "frequency"
        else:
            change = "text"
        found.append((change, (listed(said_), listed(heard_))))
    return max(found, key=lambda change: SEVERITY[change[0]][0], default=("", ("", "")))


def _direction(item: Mention) -> list[str]:
    """The sides of an entity, in the order they were said; a side of its own name, once."""
    own = [token for token in item.tokens if token in _SIDES]
    more = [t for value in item.attributes.get("DIRECTION", ()) for t in value.standard if t in _SIDES]
    return own if sorted(own) == sorted(more) else own + more


def _outcome(
    name: str, ref: Mention | None, hyp: Mention | None, change: str, detail: tuple[str, str], heard: Heard
) -> dict[str, Any]:
    known = ref or hyp
    assert known is not None
    places = sorted((ref.rows if ref else frozenset()) | (hyp.rows if hyp else frozenset()))
    if hyp is None:
        places = heard.with_inserted(places)
    elif change:
        places = heard.wrong(sorted((ref.around if ref else frozenset()) | hyp.around)) or places
    at = [place for place in places if heard.op[place] != "delete"]
    said = hyp.text if hyp else " ".join(heard.hypothesis[at])
    severity, reason = SEVERITY[change]
    return {
        "recording": name,
        "category": known.category,
        "type": known.kind,
        "outcome": "found" if not change else "missed" if hyp is None else "changed" if ref else "invented",
        "change": change,
        "said": ref.text if ref else "",
        "heard": said,
        "said_detail": detail[0],
        "heard_detail": detail[1],
        "severity": severity,
        "reason": reason,
        "start": np.fmin.reduce(heard.start[at], initial=np.nan),
        "end": np.fmax.reduce(heard.end[at], initial=np.nan),
        "asr_confidence": np.fmin.reduce(heard.confidence[at], initial=np.nan),
        "heard_words": len(at) > 0,
    }
