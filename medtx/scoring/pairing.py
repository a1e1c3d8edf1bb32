"""Which hypothesis belongs to which reference, and what to propose where names differ.

Names are equal, or ``names=`` says how they differ. Where they do not meet, a way to make them
is looked for: an affix that one side has, a difference of spelling, and at last the nearest names.
"""

import re
import unicodedata
import warnings
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import PureWindowsPath
from typing import NamedTuple, TypeAlias

import pandas as pd
from rapidfuzz import fuzz, process

from medtx.errors import InputError, did_you_mean, not_a_column
from medtx.names import Names, apart, is_column, mapping, renamed, with_names
from medtx.transcripts import Transcripts

Pairing: TypeAlias = Names | Sequence[Names | None]
"""What ``names=`` takes where two sides meet: for the hypotheses, or for both sides."""

ALIKE = "alike"

_SIDES = ("the reference ", "the hypothesis ")


class Renamed(NamedTuple):
    """Old name -> new name of each side."""

    references: dict[str, str]
    hypotheses: dict[str, str]

    @property
    def shared(self) -> int:
        return len(set(self.references.values()) & set(self.hypotheses.values()))


def paired(ref: Transcripts, hyp: Transcripts, names: Pairing | None) -> tuple[Transcripts, Transcripts]:
    """Both sides, under names by which they meet."""
    if names is None:
        return ref, hyp
    found = pair(ref.recordings, hyp.recordings, names)
    return with_names(ref, found.references, _SIDES[0]), with_names(hyp, found.hypotheses, _SIDES[1])


def pair(ref: pd.DataFrame, hyp: pd.DataFrame, names: Pairing) -> Renamed:
    """The new names of both sides' recordings.

    Raises `InputError` where ``names`` cannot be used, or pairs nothing.
    """
    refs, hyps = (side["recording"].astype(str).tolist() for side in (ref, hyp))
    same = Renamed({name: name for name in refs}, {name: name for name in hyps})
    if isinstance(names, list | tuple):
        if len(names) != 2:
            raise InputError(f"names: expected two, for references and hypotheses, got {len(names)}")
        one, other = names
        found = Renamed(
            same.references if one is None else renamed(one, refs, ref),
            same.hypotheses if other is None else renamed(other, hyps, hyp),
        )
    elif isinstance(names, str) and names == ALIKE:
        found = Renamed(same.references, _alike(refs, hyps))
    elif isinstance(names, str) and is_column(names):
        found = _by_column(names, ref, hyp, same)
    elif isinstance(names, str) or callable(names):
        found = _by_rule(names, same)
    else:
        found = _by_mapping(mapping(names), same)
    for new_names, side in zip(found, _SIDES):
        apart(new_names, side)
    if not found.shared:
        raise nothing_shared(
            refs, hyps, f"names={names!r} pairs" if isinstance(names, str) else "names= pairs"
        )
    return found


def _by_rule(rule: Names, same: Renamed) -> Renamed:
    """A pattern or function: for the hypotheses, the references, or both, as most are paired."""
    new: list[dict[str, str] | None] = []
    refused: list[InputError] = []
    for side in same:
        try:
            new.append(renamed(rule, side, pd.DataFrame()))
        except InputError as error:  # it need not know the other side's names
            new.append(None)
            refused.append(error)
    refs, hyps = new
    if refs is None and hyps is None:
        raise refused[-1]
    ways = [same._replace(hypotheses=hyps)] if hyps else []
    ways += [same._replace(references=refs)] if refs else []
    ways += [Renamed(refs, hyps)] if refs and hyps else []
    return max(ways, key=lambda way: way.shared)


def _by_column(column: str, ref: pd.DataFrame, hyp: pd.DataFrame, same: Renamed) -> Renamed:
    """A column of the hypotheses' metadata that names the reference, or the other way round."""
    if column not in hyp and column not in ref:
        known = [ALIKE, *dict.fromkeys([*hyp, *ref])]
        raise not_a_column("names", column, known, "recordings (or a pattern such as '{name}_hyp')")
    if column in hyp:
        return same._replace(hypotheses=_of_column(column, hyp, same.references))
    to_hypothesis = _of_column(column, ref, same.hypotheses)
    return _by_mapping({old: new for old, new in to_hypothesis.items() if old != new}, same)


def _of_column(column: str, side: pd.DataFrame, others: Mapping[str, str]) -> dict[str, str]:
    """What the column says; of a file's name, its stem, where that is the other side's name."""
    said = renamed(column, side["recording"].astype(str), side)
    stems = {old: PureWindowsPath(new).stem for old, new in said.items()}
    return {
        old: stems[old] if new not in others and stems[old] in others else new for old, new in said.items()
    }


def _by_mapping(given: Mapping[str, str], same: Renamed) -> Renamed:
    """Hypothesis -> reference, or reference -> hypothesis where that is how it reads."""
    refs, hyps = same.references, same.hypotheses
    if given and not any(old in hyps or old in refs for old in given):
        first = next(iter(given))
        problem = f"names= names none of these recordings: {first!r} is neither a hypothesis nor a reference"
        raise InputError(problem + did_you_mean(first, [*hyps, *refs]))
    forward = sum(old in hyps and new in refs for old, new in given.items())
    backward = [(new, old) for old, new in given.items() if old in refs and new in hyps]
    if backward and not forward:
        if len(dict(backward)) < len(backward):
            twice = next(new for new, count in Counter(new for new, _ in backward).items() if count > 1)
            raise InputError(f"names= pairs the hypothesis {twice!r} with more than one reference")
        given = dict(backward)
    return same._replace(hypotheses={name: given.get(name, name) for name in hyps})


_FILES = re.compile(
    r"\.(wav|mp3|mp4|m4a|flac|ogg|opus|amr|webm|jsonl?|txt|csv|tsv|stm|ctm|trn|textgrid|vtt|srt|docx|gz)$"
)


def spelling(name: str) -> str:
    """What stays of a name without folder, extension, case, marks between words and leading zeros.

    >>> spelling("wards/Visit 07.WAV"), spelling("visit_7"), spelling("1-2")
    ('visit7', 'visit7', '1 2')
    """
    bare = unicodedata.normalize("NFKC", name).casefold().replace("\\", "/").rstrip("/").rpartition("/")[2]
    while (shorter := _FILES.sub("", bare)) != bare:
        bare = shorter
    parts = re.findall(r"\d+|[^\W\d_]+", bare)
    plain = " ".join(str(int(part)) if part.isdecimal() else part for part in parts)
    return re.sub(r"(?<!\d) | (?!\d)", "", plain) or bare  # "1 2" is not "12"


def _by_spelling(names: Iterable[str]) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for name in names:
        found.setdefault(spelling(name), []).append(name)
    return found


def _alike(refs: list[str], hyps: list[str]) -> dict[str, str]:
    """Each hypothesis' new name: that of the one reference that differs in spelling only."""
    known = set(refs)
    spelt = _by_spelling(refs)
    new = {}
    for name in hyps:
        found = [name] if name in known else spelt.get(spelling(name), [])
        if len(found) > 1:
            raise InputError(f"names='alike': {name!r} is like {found[0]!r} and like {found[1]!r}")
        new[name] = found[0] if found else name
    return new


# What to propose ------------------------------------------------------------------------------


class Proposal(NamedTuple):
    """A way to pair names: as it is written, and the pairs that it makes (reference, hypothesis)."""

    names: str
    pairs: list[tuple[str, str]]

    def __str__(self) -> str:
        shown = ", ".join(f"{hyp!r} with {ref!r}" for ref, hyp in self.pairs[:3])
        more = f", ... ({len(self.pairs)} in all)" if len(self.pairs) > 3 else ""
        return f"did you mean names={self.names}? It pairs {shown}{more}"


def nothing_shared(refs: Sequence[str], hyps: Sequence[str], start: str = "") -> InputError:
    """What to raise where no recording is on both sides, with what would pair some."""
    problem = start + " nothing" if start else "no recording is on both sides, and names must be equal"
    sides = (
        f"{len(hyps)} hypotheses such as {list(hyps[:1])}, {len(refs)} references such as {list(refs[:1])}"
    )
    found = propose(refs, hyps)
    return InputError(f"{problem}: {sides}" + (f"; {found}" if found else ""))


def warn_of_partners(only_ref: Sequence[str], only_hyp: Sequence[str]) -> None:
    """Tell of recordings that were left without a partner but for how they are named."""
    if only_ref and only_hyp and (found := propose(only_ref, only_hyp)):
        warnings.warn(
            f"{len(only_hyp)} hypotheses and {len(only_ref)} references have no partner, and some of their "
            f"names are alike: {found}",
            stacklevel=3,
        )


def propose(refs: Sequence[str], hyps: Sequence[str]) -> Proposal | None:
    """The best way to pair these names, or None."""
    found = [one for one in (_by_pattern(refs, hyps), _by_likeness(refs, hyps)) if one and one.pairs]
    plainest = max(found, key=lambda one: (len(one.pairs), not one.names.startswith("(")), default=None)
    return plainest or _nearest(refs, hyps)


_SAMPLE = 100
"""Names that are looked at for an affix; the pattern is then tried on all."""


class _Affixes(NamedTuple):
    ref: tuple[str, str]  # before and after the name
    hyp: tuple[str, str]

    @property
    def size(self) -> int:
        return sum(map(len, self.ref + self.hyp))


def _by_pattern(refs: Sequence[str], hyps: Sequence[str]) -> Proposal | None:
    """An affix that the names of one side have, or one of each side."""
    votes = Counter(_affixes(refs, hyps))
    tried: dict[tuple[str, str], list[tuple[str, str]]] = {}
    for affixes, _ in sorted(votes.items(), key=lambda vote: (-vote[1], vote[0].size))[:8]:
        for loose in (False, True):
            ways = (_pattern(affixes.ref, loose), _pattern(affixes.hyp, loose))
            if ways not in tried:
                tried[ways] = _met(refs, hyps, ways)
    if not tried:
        return None
    ways, pairs = max(tried.items(), key=lambda one: (len(one[1]), -sum(map(len, one[0]))))
    both = "{name}" not in ways
    core = min((len(re.sub(r"\W", "", ref)) for ref, _ in pairs), default=0)
    if len(pairs) < 2 and (both or core < 3):  # one pair may be chance
        return None
    written = repr(ways) if both else repr(ways[0] if ways[1] == "{name}" else ways[1])
    return Proposal(written, pairs)


def _affixes(refs: Sequence[str], hyps: Sequence[str]) -> Iterator[_Affixes]:
    """Every affix by which one of the first names meets one of the other side."""
    for one, other, turned in ((refs, hyps, False), (hyps, refs, True)):
        whole = set(one)
        for name in other[:_SAMPLE]:
            for i, j in _cuts(name, range(len(name) + 1)):
                if name[i:j] in whole:
                    ends = name[:i], name[j:]
                    yield _Affixes(ends, ("", "")) if turned else _Affixes(("", ""), ends)
    parts: dict[str, list[tuple[str, str]]] = {}
    for name in refs[:_SAMPLE]:
        for i, j in _cuts(name, _edges(name)):
            if name[i].isalnum() and name[j - 1].isalnum():
                parts.setdefault(name[i:j], []).append((name[:i], name[j:]))
    for name in hyps[:_SAMPLE]:
        for i, j in _cuts(name, _edges(name)):
            for ends in parts.get(name[i:j], ()):
                mine = name[:i], name[j:]
                longer = any(end and end == own for end, own in zip(ends, mine))  # the name goes on
                if any(ends) and any(mine) and not longer:
                    yield _Affixes(ends, mine)


def _cuts(name: str, places: Sequence[int]) -> Iterator[tuple[int, int]]:
    """Every part of a name between two places, but for the whole."""
    if len(name) <= 100:
        for n, i in enumerate(places):
            yield from ((i, j) for j in places[n + 1 :] if j - i < len(name))


def _edges(name: str) -> list[int]:
    """Where a name may be cut: its ends, and beside the marks between words."""
    return sorted({0, len(name), *(at for m in re.finditer(r"[\W_]+", name) for at in m.span())})


def _pattern(affixes: tuple[str, str], loose: bool) -> str:
    """As it is written; a ``loose`` one lets what has digits, such as a date, be anything."""
    before, after = affixes
    if loose and re.search(r"\d", after) and re.match(r"[\W_]", after):
        after = after[0] + "{rest}"
    if loose and re.search(r"\d", before) and re.search(r"[\W_]$", before):
        before = "{start}" + before[-1]
    return f"{before}{{name}}{after}"


def _met(refs: Sequence[str], hyps: Sequence[str], ways: tuple[str, str]) -> list[tuple[str, str]]:
    """The pairs that two patterns make; none where names would no longer differ."""
    nothing = pd.DataFrame()
    try:
        new = [renamed(way, side, nothing) for way, side in zip(ways, (refs, hyps))]
        for names in new:
            apart(names)
    except InputError:  # braces in a name, or names that would be the same
        return []
    by_name = {name: old for old, name in new[0].items()}
    return [(by_name[name], old) for old, name in new[1].items() if name in by_name]


def _by_likeness(refs: Sequence[str], hyps: Sequence[str]) -> Proposal | None:
    """Names that differ in spelling only."""
    spelt, heard = _by_spelling(refs), _by_spelling(hyps)
    pairs = [
        (spelt[key][0], same[0]) for key, same in heard.items() if len(same) == 1 == len(spelt.get(key, ()))
    ]
    return Proposal(repr(ALIKE), pairs) if pairs else None


_NEAR = 80
"""Likeness, of 100, of names that may be misspellings of each other."""


def _nearest(refs: Sequence[str], hyps: Sequence[str]) -> Proposal | None:
    """The nearest names, with the same numbers and initials in them."""
    by_mark: dict[tuple[str, ...], list[str]] = {}
    for ref in refs:
        by_mark.setdefault(_marks(ref), []).append(ref)
    pairs: list[tuple[str, str]] = []
    taken: set[str] = set()
    for hyp in hyps[:_SAMPLE]:
        near = [ref for ref in by_mark.get(_marks(hyp), ()) if ref not in taken]
        found = process.extractOne(hyp, near, scorer=fuzz.ratio, processor=spelling, score_cutoff=_NEAR)
        if found:
            pairs.append((found[0], hyp))
            taken.add(found[0])
    if not pairs:
        return None
    shown = {hyp: ref for ref, hyp in pairs[:3]}
    more = ", ...}" if len(pairs) > 3 else "}"
    return Proposal(repr(shown)[:-1] + more, pairs)


def _marks(name: str) -> tuple[str, ...]:
    """The parts of a name that tell recordings apart by themselves: numbers and single letters.

    >>> _marks("Visit_07_b"), _marks("vist 7 B")
    (('7', 'b'), ('7', 'b'))
    """
    parts = re.findall(r"\d+|[^\W\d_]+", name.casefold())
    return tuple(
        str(int(part)) if part.isdecimal() else part for part in parts if part.isdecimal() or len(part) < 3
    )
