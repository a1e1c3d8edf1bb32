"""What NIST's marks in a reference come to: which of several words were said, and what is not scored.

Of the choices of a mark those are taken that give fewest errors, as in NIST's sclite with -D.
"""

import warnings
from bisect import bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import NamedTuple

import numpy as np
import pandas as pd
from rapidfuzz.distance import Levenshtein

from medtx.reading import nist
from medtx.scoring.normalize import Normalizer
from medtx.tables import frame, stack
from medtx.transcripts import Transcripts

LEFT_OUT = "left-out"
"""Kind of a word that may be left out and was."""

_STEP = 1 << 20  # what an error costs
_HEARD = _STEP + 1  # what one costs in which a word was heard, so that more of those heard are right


def in_scoring(ref: Transcripts, hyp: Transcripts) -> Transcripts:
    """The hypotheses without the words that were said in segments that are not scored.

    As in sclite, a word belongs to the first segment of its channel that ends after the word's middle,
    and to the last one where none does.
    """
    ignored = ref.segments["transcript"] == nist.IGNORED
    if not ignored.any():
        return hyp
    gone = np.zeros(len(hyp.words), bool)
    for name in ref.segments["recording"][ignored].unique():
        segments = ref.segments[ref.segments["recording"] == name]
        rows = np.flatnonzero(hyp.words["recording"] == name)
        middle = _middles(hyp, rows)
        if np.isnan(middle).any():
            warnings.warn(
                f"recording {name!r}: words without times cannot be left out of scoring", stacklevel=3
            )
        spoken = hyp.words["channel"].iloc[rows].astype(object).to_numpy()
        by_channel = set(segments["channel"].dropna()) == set(spoken[pd.notna(spoken)])
        for channel in segments["channel"].unique() if by_channel else [None]:
            mine = segments if channel is None else segments[segments["channel"] == channel]
            mine = mine.sort_values("start", kind="stable")
            there = ~np.isnan(middle) & ((spoken == channel) | (channel is None))
            ends = np.maximum.accumulate(mine["end"].to_numpy())
            at = np.minimum(np.searchsorted(ends, middle[there], side="right"), len(mine) - 1)
            gone[rows[there]] = (mine["transcript"] == nist.IGNORED).to_numpy()[at]
    return replace(hyp, words=hyp.words[~gone]) if gone.any() else hyp


def _middles(t: Transcripts, rows: np.ndarray) -> np.ndarray:
    """Of each of these words, or of its segment where it has no times: the middle, in seconds."""
    words = t.words.iloc[rows]
    middle: np.ndarray = ((words["start"] + words["end"]) / 2).to_numpy(copy=True)
    if np.isnan(middle).any():
        spans = t.segments.drop_duplicates(["recording", "segment"]).set_index(["recording", "segment"])
        keys = pd.MultiIndex.from_frame(words[["recording", "segment"]])
        held = ((spans["start"] + spans["end"]) / 2).reindex(keys).to_numpy()
        middle = np.where(np.isnan(middle), held, middle)
    return middle


def chosen(ref: Transcripts, hyp: Transcripts, normalizer: Normalizer) -> Transcripts:
    """The references with the words of each mark that give fewest errors.

    A word that may be left out and was not heard keeps its row, of the kind `LEFT_OUT`. Words of a
    choice that is not the one shown have the position of the mark's first word.
    """
    if ref.words["variants"].isna().all():
        return ref
    by_recording: dict[str, list[nist.Group]] = {}
    owner = ref.words["recording"].astype(str).to_numpy()
    for group in nist.groups(ref.words):
        by_recording.setdefault(owner[group.first], []).append(group)
    picked: list[tuple[nist.Group, list[tuple[str, bool]]]] = []
    content = ref.words["content"].array
    spoken = ref.words["kind"] == "pronunciation"
    for name, marks in by_recording.items():
        heard = hyp.words[(hyp.words["recording"] == name) & (hyp.words["kind"] == "pronunciation")]
        rows = np.flatnonzero((owner == name) & spoken)
        for mine, theirs in _channels(ref.words, rows, heard):
            wanted = set(mine.tolist())
            some = [group for group in marks if group.first in wanted]
            if some:
                said = heard["content"].array[theirs].tolist()
                picked += zip(some, _choose(content, mine, some, said, normalizer))
    return replace(ref, words=_rewritten(ref.words, sorted(picked, key=lambda one: one[0].first)))


def _channels(
    words: pd.DataFrame, rows: np.ndarray, heard: pd.DataFrame
) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Rows of the reference, and places of the hypothesis' words; by channel, if both have the same ones."""
    sides = [side.astype(object).to_numpy() for side in (words["channel"].iloc[rows], heard["channel"])]
    names = [set(side[pd.notna(side)]) for side in sides]
    if names[0] == names[1] and len(names[0]) > 1:
        for name in sorted(names[0]):
            yield rows[sides[0] == name], np.flatnonzero(sides[1] == name)
    else:
        yield rows, np.arange(len(heard))


class _Said(NamedTuple):
    """One way to say a part: its tokens, and which of its words that may be left out are in it."""

    tokens: list[str]
    words: list[tuple[str, bool]]  # each word, and whether it was said

    @property
    def extra(self) -> int:
        """Where errors are equal a word is rather another one than left out."""
        return 2 * sum(not said for _, said in self.words)


def _ways(choice: nist.Choice, normalizer: Normalizer, heard: set[str]) -> list[_Said]:
    """The ways to say a choice; a word in round brackets may be left out, or said without them.

    Of very many the first ones are taken, and the one that leaves out all that may be.
    """
    ways: list[list[tuple[str, bool]]] = [[]]
    least: list[tuple[str, bool]] = []
    for word in choice:
        forms, optional = [(word, True)], nist.is_optional(word)
        if optional:
            forms = [(word[1:-1], True), *(forms if word in heard else ()), (word, False)]
        least.append((word, not optional))
        ways = [[*way, form] for way in ways for form in forms][: nist.MOST]
    if least not in ways:
        ways.append(least)
    return [_Said(normalizer([w for w, there in way if there]).text, way) for way in ways]


def _choose(
    content: Sequence[str],
    rows: np.ndarray,
    marks: list[nist.Group],
    heard: list[str],
    normalizer: Normalizer,
) -> list[list[tuple[str, bool]]]:
    """What was said for each mark of a recording."""
    place = {int(row): n for n, row in enumerate(rows)}
    parts: list[list[_Said]] = []  # between marks there is one way
    at, known = 0, set(heard)
    for mark in marks:
        begin = place[mark.first]
        parts.append([_Said(normalizer([content[row] for row in rows[at:begin]]).text, [])])
        parts.append([way for choice in mark.choices for way in _ways(choice, normalizer, known)])
        at = begin + mark.stop - mark.first
    parts.append([_Said(normalizer([content[row] for row in rows[at:]]).text, [])])
    found = [0]
    tokens = normalizer(heard).text
    for piece, low, high in _pieces(parts, tokens):
        found = found[:-1] + _best(piece, tokens[low:high])  # a cut goes through a part: it is in both
    return [parts[n][found[n]].words for n in range(1, len(parts), 2)]


ANCHOR = 12
"""Right words in a row at which a long recording is cut."""

FAR = 200
"""Tokens that a piece of a long recording has at least."""


def _pieces(parts: list[list[_Said]], heard: list[str]) -> Iterator[tuple[list[list[_Said]], int, int]]:
    """Parts with the tokens heard for them: cut within long runs of right words outside all marks."""
    first = [part[0].tokens for part in parts]
    starts = np.append(0, np.cumsum([len(tokens) for tokens in first])).tolist()
    flat = [token for tokens in first for token in tokens]
    part = done = low = 0
    for edit in Levenshtein.opcodes(flat, heard):
        i, stop, j = edit.src_start, edit.src_end, edit.dest_start
        middle = (i + stop) // 2
        n = bisect_right(starts, middle) - 1
        if edit.tag != "equal" or stop - i < ANCHOR or middle - done < FAR or n % 2 or n == len(parts):
            continue
        if not starts[n] <= i < stop <= starts[n + 1]:
            continue
        if n == part:
            yield [[_Said(flat[done:middle], [])]], low, j + middle - i
        else:
            begin, end = flat[done : starts[part + 1]], flat[starts[n] : middle]
            yield [[_Said(begin, [])], *parts[part + 1 : n], [_Said(end, [])]], low, j + middle - i
        part, done, low = n, middle, j + middle - i
    yield [[_Said(flat[done : starts[part + 1]], [])], *parts[part + 1 :]], low, len(heard)


def _best(parts: list[list[_Said]], heard: list[str]) -> list[int]:
    """The way to say each part that gives fewest errors, and of these the most right words."""
    ids: dict[str, int] = {}
    hyp = np.array([ids.setdefault(token, len(ids)) for token in heard], dtype=np.int64)
    along = _HEARD * np.arange(len(hyp) + 1, dtype=np.int64)
    coded = [[[ids.get(token, -1) for token in way.tokens] for way in part] for part in parts]
    cost, trail = along, []
    for part, ways in zip(coded, parts):
        trail.append([_forward(cost, way, hyp, along) for way in part])
        for rows, said in zip(trail[-1], ways):
            rows[-1] = rows[-1] + said.extra
        cost = np.minimum.reduce([rows[-1] for rows in trail[-1]])
    found, j = [], len(hyp)
    for part, ways, trails in zip(reversed(coded), reversed(parts), reversed(trail)):
        way = min(range(len(part)), key=lambda n: int(trails[n][-1][j]))
        found.append(way)
        rows = trails[way]
        rows[-1] = rows[-1] - ways[way].extra
        j = _back(rows, part[way], hyp, j)
    return found[::-1]


def _forward(cost: np.ndarray, way: list[int], hyp: np.ndarray, along: np.ndarray) -> list[np.ndarray]:
    """From the cost of what is before, at each place of the hypothesis: that after each token."""
    rows = [cost]
    for token in way:
        here = rows[-1] + _STEP
        np.minimum(here[1:], rows[-1][:-1] + np.where(hyp == token, 0, _HEARD), out=here[1:])
        rows.append(np.minimum.accumulate(here - along) + along)
    return rows


def _back(rows: list[np.ndarray], way: list[int], hyp: np.ndarray, j: int) -> int:
    """Where in the hypothesis a way begins that ends at ``j``."""
    for n in range(len(way), 0, -1):
        now, before = rows[n], rows[n - 1]
        while True:
            if j and now[j] == before[j - 1] + (0 if hyp[j - 1] == way[n - 1] else _HEARD):
                j -= 1
                break
            if now[j] == before[j] + _STEP:
                break
            j -= 1
    return j


def _rewritten(words: pd.DataFrame, picked: list[tuple[nist.Group, list[tuple[str, bool]]]]) -> pd.DataFrame:
    """The words table with what was said in place of the rows of each mark."""
    take: list[np.ndarray] = []
    new: list[tuple[int, str, bool, nist.Group]] = []  # row, word, whether it was said
    at = size = 0
    for group, said in picked:
        take.append(np.arange(at, group.first))
        size += group.first - at
        for n, (word, there) in enumerate(said):
            new.append((size + n, word, there, group))
        alike = len(said) == group.stop - group.first
        take.append(np.arange(group.first, group.stop) if alike else np.full(len(said), group.first))
        size += len(said)
        at = group.stop
    take.append(np.arange(at, len(words)))
    made = words.iloc[np.concatenate(take)].reset_index(drop=True)
    content = made["content"].astype(object).to_numpy(copy=True)
    kind = made["kind"].cat.add_categories([LEFT_OUT])
    begin, end = (made[column].to_numpy(copy=True) for column in ("start", "end"))
    spans = words["start"].to_numpy(), words["end"].to_numpy()
    for row, word, there, group in new:
        content[row] = word
        if not there:
            kind.iloc[row] = LEFT_OUT
        if len(group.choices) > 1:  # some time while the mark lasts
            begin[row], end[row] = spans[0][group.first], spans[1][group.stop - 1]
    return made.assign(content=pd.array(content, dtype="str"), kind=kind, start=begin, end=end)


def with_left_out(pairs: pd.DataFrame, words: pd.DataFrame, normalizer: Normalizer) -> pd.DataFrame:
    """The pairs with a row for each word that was left out as it may be: it is right, with nothing heard."""
    kind = words["kind"]
    if LEFT_OUT not in kind.cat.categories:
        return pairs
    left = words[(kind == LEFT_OUT) & words["recording"].isin(pairs["recording"].cat.categories)]
    rows = [
        (recording, token, position)
        for recording, word, position in zip(left["recording"], left["content"], left["position"])
        for token in normalizer([word]).text
    ]
    if not rows:
        return pairs
    names, tokens, positions = zip(*rows)
    codes = pairs["recording"].cat.categories.get_indexer(pd.Index(names))
    owner = pairs["recording"].cat.codes.to_numpy(int)
    wide = int(max([*positions, pairs["reference_position"].max() if len(pairs) else 0])) + 1
    # It follows the reference word before it, or begins the recording.
    known = np.flatnonzero(pairs["reference_position"] >= 0)
    keys = owner[known] * wide + pairs["reference_position"].to_numpy()[known]
    order = np.argsort(keys, kind="stable")
    found = np.searchsorted(keys[order], codes * wide + np.array(positions), side="right") - 1
    after = np.append(known[order], -1)[found]
    mine = (after >= 0) & (np.append(owner, -1)[after] == codes)
    first = np.searchsorted(owner, codes)
    place = np.where(mine, after + 0.5, first - 0.5)
    more = frame(
        "pairs",
        {
            "recording": pd.Categorical.from_codes(codes, dtype=pairs["recording"].dtype),
            "part": np.where(mine, np.append(pairs["part"].to_numpy(), 0)[after], 0),
            "op": pd.Categorical.from_codes(np.zeros(len(rows), np.int8), dtype=pairs["op"].dtype),
            "reference": list(tokens),
            "reference_position": list(positions),
            "position": np.full(len(rows), -1),
        },
    )
    where = np.argsort(np.append(np.arange(len(pairs)), place), kind="stable")
    return stack([pairs, more]).iloc[where].reset_index(drop=True)
