"""Transcripts -> clinical entities, each tied to its words, their time and their speech confidence."""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property, partial
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, overload

import numpy as np
import pandas as pd

from medtx.clinical.text import Chunk, Spoken, chunks, spoken
from medtx.errors import InputError, MedtxError, expect, kind_of, no_recording, not_one_of
from medtx.files import save_text
from medtx.names import called, with_names
from medtx.tables import frame, rows_at
from medtx.thresholds import Threshold, Thresholds
from medtx.thresholds.units import check_unknown
from medtx.transcripts import Transcripts

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from medtx.clinical.comprehend import ComprehendMedical
    from medtx.clinical.view import Shown

ENGINES = ("embedded", "comprehend-medical")
ONTOLOGIES = {"icd10cm": "infer_icd10_cm", "rxnorm": "infer_rx_norm", "snomedct": "infer_snomedct"}
UNMAPPED = "UNMAPPED"
"""The relationship of an attribute that belongs to no entity: a dose whose drug was not recognised, say."""

_CONCEPTS = {"ICD10CMConcepts": "ICD10CM", "RxNormConcepts": "RXNORM", "SNOMEDCTConcepts": "SNOMEDCT"}


@dataclass(frozen=True, eq=False)
class Entities:
    """Clinical entities of transcripts.

    ``table`` has a row for each entity and attribute (``medtx.tables.describe("entities")``),
    ``responses`` the engine's answers as they came: recording -> [(offset, operation, answer)].
    ``failures`` lists parts of the text that were not answered.
    """

    table: pd.DataFrame
    transcripts: Transcripts
    engine: str
    responses: dict[str, list[tuple[int, str, dict[str, Any]]]] = field(repr=False)
    failures: pd.DataFrame = field(default_factory=partial(frame, "failures", {}))

    def __len__(self) -> int:
        return len(self.table)

    def called(self, new: Mapping[str, str]) -> "Entities":
        """The same of recordings under new names (old -> new)."""
        return replace(
            self,
            table=self.table.assign(recording=called(self.table["recording"], new)),
            transcripts=with_names(self.transcripts, new),
            responses={new.get(name, name): answers for name, answers in self.responses.items()},
        )

    def review(self, threshold: "float | Threshold | Thresholds", *, unknown: str | None = None) -> pd.Series:
        """Whether each entity has a word that a threshold sends to review.

        ``unknown`` says what becomes of words without a confidence: ``"skip"`` or ``"review"``; if it
        is not given, what the threshold says, and "skip" where that is a number.

        >>> import medtx
        >>> e = medtx.entities(medtx.from_text({"visit": "takes warfarin"}), engine="embedded")
        >>> e.review(0.9).tolist(), e.review(0.9, unknown="review").tolist()
        ([False], [True])
        """
        if unknown is not None:
            check_unknown(unknown)
        if isinstance(threshold, int | float) and not isinstance(threshold, bool):
            if not (0 <= threshold <= 1 or threshold == np.inf):
                raise InputError(f"threshold={threshold!r} is not a confidence between 0 and 1")
            words = self.transcripts.words
            low = words["confidence"] < threshold
            if unknown == "review" or threshold == np.inf:
                low |= words["confidence"].isna()
            words = words.assign(review=low & (words["kind"] == "pronunciation"))
        elif isinstance(threshold, Threshold | Thresholds):
            words = threshold.apply(self.transcripts, unknown=unknown)
        else:
            raise InputError(f"threshold={threshold!r} is neither a confidence nor what Sweep.choose gives")
        upto = np.append(0, words["review"].cumsum())
        first, last = (rows_at(words, self.table["recording"], self.table[at]) for at in ("first", "last"))
        return pd.Series(upto[last + 1] > upto[first], index=self.table.index, name="review")

    @property
    def top(self) -> "pd.Series[bool]":
        """Which rows are entities: the others are attributes."""
        return (self.table["parent"] < 0) & (self.table["relationship"] != UNMAPPED)

    @cached_property
    def texts(self) -> pd.Series:
        """The text that the offsets count in."""
        return self.transcripts.text()

    def show(self, recording: str, threshold: "float | Threshold | Thresholds" = 0.8) -> "Shown":
        """A recording's text with its entities in colour, those below the threshold marked; for notebooks.

        Raises `InputError` for a recording that is not here.
        """
        from medtx.clinical.view import Shown, as_html

        if recording not in self.transcripts:
            raise no_recording(recording, self.transcripts)
        return Shown(as_html(self, recording, self.review(threshold)))

    def plot(self, recording: str, ax: "Axes | None" = None) -> "Axes":
        """When each entity of a recording was said, by category, on ``ax`` or a new one."""
        from medtx.plots import plot_timeline

        if recording not in self.transcripts:
            raise no_recording(recording, self.transcripts)
        mine = self.table[self.top & (self.table["recording"].astype(str) == recording)]
        return plot_timeline(mine, ax)

    def to_json(self, folder: str | PathLike[str]) -> Path:
        """The raw answers, a file a recording, readable by their owner only; gives the folder."""
        folder = Path(folder)
        for n, (name, answers) in enumerate(self.responses.items()):
            rows = [{"offset": at, "operation": op, "response": answer} for at, op, answer in answers]
            stem = "".join(c if c.isalnum() or c in "-_." else "_" for c in name)[:100]
            data = {"recording": name, "answers": rows}
            save_text(folder / f"{n:04}-{stem}.json", json.dumps(data, ensure_ascii=False, indent=1))
        return folder

    def __repr__(self) -> str:
        top = self.top
        failed = f", {len(self.failures)} parts failed" if len(self.failures) else ""
        return (
            f"<Entities: {int(top.sum()):,} entities and {int((~top).sum()):,} attributes of "
            f"{len(self.transcripts)} recordings, {self.engine}{failed}>"
        )

    def _repr_html_(self) -> str:
        shown = ["recording", "start", "category", "type", "text", "traits", "score", "asr_confidence"]
        counts = self.table[self.top].groupby("category", observed=True).size()
        head = counts.rename("entities").to_frame().T.to_html()
        return f"<p>{repr(self)[1:-1]}</p>{head}{self.table[shown].head(10).to_html()}"


@overload
def entities(
    transcripts: Transcripts,
    engine: "str | ComprehendMedical" = ...,
    *,
    ontologies: Sequence[str] = ...,
    phi: bool = ...,
    dry_run: Literal[False] = ...,
    errors: str = ...,
) -> Entities: ...
@overload
def entities(
    transcripts: Transcripts,
    engine: "str | ComprehendMedical" = ...,
    *,
    ontologies: Sequence[str] = ...,
    phi: bool = ...,
    dry_run: Literal[True],
    errors: str = ...,
) -> pd.DataFrame: ...
def entities(
    transcripts: Transcripts,
    engine: "str | ComprehendMedical" = "embedded",
    *,
    ontologies: Sequence[str] = (),
    phi: bool = False,
    dry_run: bool = False,
    errors: str = "raise",
) -> Entities | pd.DataFrame:
    """Clinical entities: drugs with their doses, conditions, tests, anatomy, times, and who was meant.

    ``engine`` is ``"embedded"`` (rules and lexicons of this project: no account, no network) or
    ``"comprehend-medical"`` (Amazon's service, through boto3), or a
    `medtx.clinical.ComprehendMedical` with settings of its own (region, cache, spending limit).
    ``ontologies`` adds codes: ``"icd10cm"``, ``"rxnorm"``, ``"snomedct"`` (the service only);
    ``phi`` asks for protected health information by an operation of its own.

    Text is cut at the service's limits, where segments end, and offsets count in the whole
    text of the recording. With ``dry_run`` nothing is sent, and the estimate of what it would
    cost is given. ``errors="collect"`` keeps the rest where a part is not answered, and lists
    it in ``failures``.

    Raises `InputError` for an unknown engine or ontology.

    >>> import medtx
    >>> e = entities(medtx.from_text({"visit": "Denies chest pain. Takes warfarin 5 mg daily."}))
    >>> e.table[["category", "text", "traits", "parent"]].query("category == 'MEDICATION'")["text"].tolist()
    ['warfarin', '5 mg', 'daily']
    """
    expect(transcripts, Transcripts)
    if not isinstance(errors, str) or errors not in ("raise", "collect"):
        raise not_one_of("errors", errors, ("raise", "collect"))
    if isinstance(ontologies, str) or not isinstance(ontologies, Iterable):
        raise InputError(f"ontologies: expected a list, such as ['rxnorm'], not {kind_of(ontologies)}")
    for name in ontologies:
        if not isinstance(name, str) or name not in ONTOLOGIES:
            raise not_one_of("ontologies", name, ONTOLOGIES)
    operations = ["detect_entities_v2", *(["detect_phi"] if phi else [])]
    operations += [ONTOLOGIES[name] for name in ontologies]
    if not isinstance(engine, str) and not hasattr(engine, "detect_many"):
        raise not_one_of("engine", engine, ENGINES, " or a medtx.clinical.ComprehendMedical")
    said = spoken(transcripts)
    if engine == "embedded":
        if ontologies:
            raise InputError("the embedded engine has no codes: engine='comprehend-medical' has")
        from medtx.clinical import embedded

        known = {"detect_entities_v2": embedded.detect, "detect_phi": embedded.detect_phi}
        asked = [(op, chunk) for op in operations for s in said for chunk in chunks(s, None)]
        if dry_run:
            raise InputError("dry_run is for services that cost: the embedded engine runs here")
        answers: list[dict[str, Any] | Exception] = [
            known[op](chunk.text, chunk.turns) for op, chunk in asked
        ]
        return _gather(transcripts, "medtx-embedded", said, asked, answers, errors)
    if isinstance(engine, str):
        if engine != "comprehend-medical":
            raise not_one_of("engine", engine, ENGINES)
        from medtx.clinical.comprehend import ComprehendMedical

        engine = ComprehendMedical()
    from medtx.clinical.comprehend import OPERATIONS

    asked = [(op, chunk) for op in operations for s in said for chunk in chunks(s, OPERATIONS[op].limit)]
    requests = [(op, chunk.text) for op, chunk in asked]
    if dry_run:
        return engine.estimate(requests)
    return _gather(transcripts, engine.name, said, asked, engine.detect_many(requests), errors)


def _gather(
    transcripts: Transcripts,
    engine: str,
    said: list[Spoken],
    asked: list[tuple[str, Chunk]],
    answers: Sequence[dict[str, Any] | Exception],
    errors: str,
) -> Entities:
    failures = []
    responses: dict[str, list[tuple[int, str, dict[str, Any]]]] = {s.recording: [] for s in said}
    for (operation, chunk), answer in zip(asked, answers):
        if isinstance(answer, Exception):
            if errors == "raise":
                raise answer
            failures.append((chunk.recording, f"{operation} from character {chunk.offset}", str(answer)))
        else:
            responses[chunk.recording].append((chunk.offset, operation, answer))
    table = tied(transcripts, said, responses)
    columns = {name: [row[n] for row in failures] for n, name in enumerate(("source", "place", "problem"))}
    failed = frame("failures", columns)
    return Entities(table, transcripts, engine, responses, failed)


def from_responses(
    transcripts: Transcripts, responses: dict[str, dict[str, Any]], *, operation: str = "detect_entities_v2"
) -> Entities:
    """Answers of Comprehend Medical that are already there, each for the whole text of a recording.

    Raises `MedtxError` for an answer that is not shaped as the service's, and where an offset does not
    give the entity's text; `InputError` for a recording that is not there.
    """
    said = spoken(transcripts)
    if unknown := set(responses) - {one.recording for one in said}:
        raise InputError(f"there is no recording {min(unknown)!r} ({len(unknown)} such of {len(responses)})")
    known = {name: [(0, operation, answer)] for name, answer in responses.items()}
    try:
        table = tied(transcripts, said, known)
    except (KeyError, TypeError, AttributeError) as error:
        missing = f": there is no {error}" if isinstance(error, KeyError) else ""
        raise MedtxError(f"expected answers as {operation} gives them{missing}") from None
    return Entities(table, transcripts, "comprehend-medical", known)


def tied(
    transcripts: Transcripts,
    said: Iterable[Spoken],
    responses: dict[str, list[tuple[int, str, dict[str, Any]]]],
) -> pd.DataFrame:
    """The table of entities; offsets are those of the whole text, numbers unique in a recording."""
    rows: list[dict[str, Any]] = []
    for one in said:
        number = 0
        for offset, operation, answer in responses.get(one.recording, ()):
            for entity in answer.get("Entities") or ():
                parent, number = number, number + 1
                rows.append(_row(one, offset, operation, entity, parent, -1))
                for attribute in entity.get("Attributes") or ():
                    kind = {"Category": entity["Category"], **_without_none(attribute)}
                    rows.append(_row(one, offset, operation, kind, number, parent))
                    number += 1
            for loose in answer.get("UnmappedAttributes") or ():
                kind = {"Category": loose.get("Type", ""), **_without_none(loose["Attribute"])}
                kind["RelationshipType"] = UNMAPPED
                rows.append(_row(one, offset, operation, kind, number, -1))
                number += 1
    columns = {name: [row[name] for row in rows] for name in rows[0]} if rows else {}
    return _with_words(frame("entities", columns), transcripts, [row["rows"] for row in rows])


def _without_none(fields: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in fields.items() if value is not None}


def _row(
    said: Spoken, offset: int, operation: str, entity: dict[str, Any], number: int, parent: int
) -> dict[str, Any]:
    begin, end = entity["BeginOffset"] + offset, entity["EndOffset"] + offset
    text, rows = said.text[begin:end], said.words_of(begin, end)
    if not len(rows) or not 0 <= begin < end <= len(said.text) or text != entity.get("Text", text):
        # PHI: neither the text nor what was found may stand in a message.
        raise MedtxError(
            f"{said.recording}: an entity's offsets {entity['BeginOffset']} to {entity['EndOffset']} of "
            f"{operation} do not give its text: expected code points of the text that was sent"
        )
    codes = [
        {
            "ontology": ontology,
            "code": concept.get("Code"),
            "description": concept.get("Description"),
            "score": concept.get("Score"),
        }
        for key, ontology in _CONCEPTS.items()
        for concept in entity.get(key) or ()
    ]
    return {
        "recording": said.recording,
        "entity": number,
        "parent": parent,
        "category": entity["Category"],
        "type": entity["Type"],
        "text": text,
        "begin_offset": begin,
        "end_offset": end,
        "score": entity.get("Score", np.nan),
        "relationship": entity.get("RelationshipType"),
        "traits": [trait["Name"] for trait in entity.get("Traits") or ()],
        "codes": codes,
        "operation": operation,
        "rows": rows,
    }


def _with_words(table: pd.DataFrame, transcripts: Transcripts, rows: list[np.ndarray]) -> pd.DataFrame:
    """What the words of each entity know: time, speaker, confidence."""
    if not rows:
        return table
    words = transcripts.words
    size = np.array([len(r) for r in rows])
    flat = np.concatenate(rows)
    owner = np.repeat(np.arange(len(rows)), size)
    begins = np.cumsum(size) - size
    sure = pd.Series(words["confidence"].to_numpy()[flat]).groupby(owner)
    times = {name: pd.Series(words[name].to_numpy()[flat]).groupby(owner) for name in ("start", "end")}
    speaker = words["speaker"].cat
    found = table.assign(
        start=times["start"].min().to_numpy(),
        end=times["end"].max().to_numpy(),
        asr_confidence=sure.min().to_numpy(),
        asr_confidence_mean=sure.mean().to_numpy(),
        first=words["position"].to_numpy()[flat[begins]],
        last=words["position"].to_numpy()[flat[begins + size - 1]],
        speaker=pd.Categorical.from_codes(speaker.codes.to_numpy()[flat[begins]], speaker.categories),
    )
    return found[list(table)]
