"""The entities of one side of an alignment, with the words and the rows that each of them stands on."""

from typing import Any, NamedTuple

import numpy as np

from medtx.clinical.entities import Entities
from medtx.clinical.synonyms import standard
from medtx.scoring import Alignment

_KINDS = frozenset(["SIGN", "SYMPTOM", "DIAGNOSIS"])  # of a condition: said in other words, it may be another
_BEFORE, _AFTER = 8, 4
"""Words around an entity in which what denied or placed it may have gone wrong."""


class Value(NamedTuple):
    standard: tuple[str, ...]
    text: str


class Mention(NamedTuple):
    row: int  # in the entities' table
    text: str
    category: str
    kind: str
    tokens: tuple[str, ...]
    traits: frozenset[str]
    attributes: dict[str, list[Value]]  # in the order they were said
    rows: frozenset[int]  # of the alignment's pairs
    around: frozenset[int]  # with those of its attributes


class Heard(NamedTuple):
    """The columns of the alignment's pairs, quick to reach one by one."""

    op: np.ndarray
    part: np.ndarray
    hypothesis: np.ndarray
    start: np.ndarray
    end: np.ndarray
    confidence: np.ndarray

    def with_inserted(self, places: list[int]) -> list[int]:
        """What was put in beside it belongs to it: "met for men" is one substitution, two insertions."""
        first = places[0]
        mine = self.part[first]
        last = [place for place in places if self.part[place] == mine][-1]
        while first > 0 and self.op[first - 1] == "insert" and self.part[first - 1] == mine:
            first -= 1
        while last + 1 < len(self.op) and self.op[last + 1] == "insert" and self.part[last + 1] == mine:
            last += 1
        return list(range(first, last + 1))

    def wrong(self, places: list[int]) -> list[int]:
        """The places that went wrong: of these, or else near them, where a "no" or a side may stand."""
        found = [place for place in places if self.op[place] != "equal"]
        if found:
            return found
        first, last = places[0], places[-1]
        near = range(max(first - _BEFORE, 0), min(last + _AFTER + 1, len(self.op)))
        mine = self.part[first]
        return [at for at in near if self.op[at] != "equal" and self.part[at] == mine]


def mentions_of(found: Entities, alignment: Alignment, position: str) -> dict[str, list[Mention]]:
    """The entities of each recording, in order, with the rows of the alignment that they stand on."""
    pairs = alignment.pairs
    at = pairs[position].to_numpy()
    codes = pairs["recording"].cat.codes.to_numpy()  # in order, recording by recording
    names = pairs["recording"].cat.categories.astype(str).tolist()
    ends = np.searchsorted(codes, np.arange(len(names) + 1))
    begins: dict[str, tuple[np.ndarray, np.ndarray]] = {}
    for n, name in enumerate(names):
        rows = ends[n] + np.flatnonzero(at[ends[n] : ends[n + 1]] >= 0)
        if len(rows):
            rows = rows[np.argsort(at[rows], kind="stable")]  # channels come one after the other
            begins[name] = rows, at[rows]

    def rows_of(row: Any) -> frozenset[int]:
        rows, positions = begins[row.recording]
        # A token that several words were made of stands at the first of them.
        first = max(np.searchsorted(positions, row.first, side="right") - 1, 0)
        while first > 0 and positions[first - 1] == positions[first]:
            first -= 1
        stop = np.searchsorted(positions, row.last, side="right")
        return frozenset(rows[first : max(stop, first + 1)].tolist())

    def tokens_of(text: str) -> tuple[str, ...]:
        return tuple(alignment.normalizer(text.split()).text)

    plain = found.table.assign(recording=found.table["recording"].astype(str))
    plain = plain[plain["recording"].isin(list(begins))]
    attributes: dict[tuple[str, int], list[Any]] = {}
    for row in plain[plain["parent"] >= 0].sort_values("begin_offset", kind="stable").itertuples():
        attributes.setdefault((row.recording, row.parent), []).append(row)
    items: dict[str, list[Mention]] = {}
    seen: set[tuple[str, str, int, int]] = set()
    for row in plain[found.top.loc[plain.index]].itertuples():
        key = (row.recording, str(row.category), row.begin_offset, row.end_offset)
        if key in seen:  # another operation found it too
            continue
        seen.add(key)
        own = attributes.get((row.recording, row.entity), ())
        by_type: dict[str, list[Value]] = {}
        for one in own:
            by_type.setdefault(str(one.type), []).append(Value(standard(tokens_of(one.text)), one.text))
        rows = rows_of(row)
        items.setdefault(row.recording, []).append(
            Mention(
                row.Index,
                row.text,
                str(row.category),
                str(row.type),
                standard(tokens_of(row.text)),
                frozenset(row.traits) - _KINDS,
                by_type,
                rows,
                rows.union(*map(rows_of, own)),
            )
        )
    return items
