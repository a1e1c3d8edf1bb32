"""Which words are aligned with which, and in what order.

People who speak at the same time are told apart by channels or speakers where both sides have
them: each of these voices is a part, aligned by itself. Otherwise a recording is one part, and
both sides are in order of time.
"""

from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from rapidfuzz.distance import Levenshtein

from medtx.scoring.matching import assign
from medtx.scoring.normalize import WORDWISE, plain

PAUSE = 0.5
"""Seconds of silence on a channel that end an utterance."""


class Order(NamedTuple):
    """The spoken words of one side, part after part."""

    rows: np.ndarray  # rows of the words
    begins: np.ndarray  # of each part: where its rows start; one more at the end

    def of(self, part: int) -> np.ndarray:
        return self.rows[self.begins[part] : self.begins[part + 1]]


class Parts(NamedTuple):
    """What is aligned by itself, recording after recording."""

    names: list[str]  # of the recordings
    recording: np.ndarray  # of each part: the number of its recording
    number: np.ndarray  # of each part: its own, from 0 within the recording
    reference: Order
    hypothesis: Order


class Said(NamedTuple):
    """One side's columns, as arrays."""

    content: np.ndarray
    start: np.ndarray  # of each word
    end: np.ndarray
    segment: np.ndarray
    opening: np.ndarray  # of each word: the start of its segment
    channel: pd.Categorical
    speaker: pd.Categorical


def parts(
    reference: tuple[pd.DataFrame, pd.DataFrame],
    hypothesis: tuple[pd.DataFrame, pd.DataFrame],
    names: list[str],
) -> Parts:
    """The parts of the recordings ``names``, from the words and segments of both sides."""
    one_each = whole(reference[0], hypothesis[0], names)
    orders = one_each.reference, one_each.hypothesis
    mixed = [_mixed(*side, order, names) for side, order in zip((reference, hypothesis), orders)]
    several = mixed[0] | mixed[1]
    if not several.any():
        return one_each
    said = columns(*reference), columns(*hypothesis)
    found: list[tuple[int, int, np.ndarray, np.ndarray]] = []
    for n in range(len(names)):
        rows = orders[0].of(n), orders[1].of(n)
        split = _parts_of(said, rows) if several[n] else [rows]
        found += [(n, part, *one) for part, one in enumerate(split)]
    orders = joined([one[2] for one in found]), joined([one[3] for one in found])
    recording, number = (np.array([one[side] for one in found]) for side in (0, 1))
    return Parts(names, recording, number, *orders)


def part_of(pairs: pd.DataFrame) -> np.ndarray:
    """Of each row: the number of its part, among all parts of all recordings."""
    recording, part = pairs["recording"].cat.codes.to_numpy(), pairs["part"].to_numpy()
    other = (np.diff(recording) != 0) | (np.diff(part) != 0)
    return np.concatenate([[0], np.cumsum(other)])[: len(pairs)]


def whole(reference: pd.DataFrame, hypothesis: pd.DataFrame, names: list[str]) -> Parts:
    """Each recording as one part, in the order of the words of both sides."""
    size = len(names)
    return Parts(
        names, np.arange(size), np.zeros(size, int), spoken(reference, names), spoken(hypothesis, names)
    )


def spoken(words: pd.DataFrame, names: list[str]) -> Order:
    """The words of each recording in the order of ``names``, as the table has them."""
    rank = pd.Series(range(len(names)), index=names).reindex(words["recording"].cat.categories, fill_value=-1)
    owner = rank.to_numpy()[words["recording"].cat.codes]
    rows = np.flatnonzero((words["kind"] == "pronunciation").to_numpy() & (owner >= 0))
    rows = rows[np.argsort(owner[rows], kind="stable")]
    return Order(rows, np.searchsorted(owner[rows], np.arange(len(names) + 1)))


def with_marks(words: pd.DataFrame, rows: np.ndarray, content: Any) -> list[str]:
    """The words of these rows with the marks after them, which the service writes as items of their own."""
    said: list[str] = content.to_numpy(dtype=object).tolist()
    mark = (words["kind"] == "punctuation").to_numpy()
    codes = words["recording"].cat.codes.to_numpy()
    marks = words["content"].array
    for n in np.flatnonzero(mark[np.minimum(rows + 1, len(words) - 1)]):
        after = rows[n] + 1
        while after < len(words) and mark[after] and codes[after] == codes[rows[n]]:
            said[n] += marks[after]
            after += 1
    return said


def joined(rows: list[np.ndarray]) -> Order:
    return Order(np.concatenate(rows), np.concatenate([[0], np.cumsum([len(one) for one in rows])]))


def columns(words: pd.DataFrame, segments: pd.DataFrame) -> Said:
    return Said(
        words["content"].to_numpy(dtype=object),
        words["start"].to_numpy(),
        words["end"].to_numpy(),
        words["segment"].to_numpy(),
        _opening(words, segments),
        words["channel"].array,
        words["speaker"].array,
    )


def _opening(words: pd.DataFrame, segments: pd.DataFrame) -> np.ndarray:
    """Of each word: the start of its segment."""
    number = _codes(segments, words["recording"].cat.categories)
    wide = max(int(table["segment"].max()) if len(table) else 0 for table in (words, segments)) + 1
    key = number * wide + segments["segment"].to_numpy()
    order = np.argsort(key, kind="stable")
    wanted = words["recording"].cat.codes.to_numpy().astype(np.int64) * wide + words["segment"].to_numpy()
    at = order[np.minimum(np.searchsorted(key[order], wanted), len(order) - 1)]
    found: np.ndarray = np.where(key[at] == wanted, segments["start"].to_numpy()[at], np.nan)
    return found


def _codes(table: pd.DataFrame, names: pd.Index) -> np.ndarray:
    """The number of each row's recording among ``names``; -1 where it is not there."""
    recording = table["recording"].cat
    codes: np.ndarray = np.append(names.get_indexer(recording.categories), -1)[recording.codes]
    return codes.astype(np.int64)


def _mixed(words: pd.DataFrame, segments: pd.DataFrame, order: Order, names: list[str]) -> np.ndarray:
    """Of each recording: whether it has several channels, or is not in order of time."""
    owner = np.repeat(np.arange(len(names)), np.diff(order.begins))
    found = np.zeros(len(names), bool)

    def note(change: np.ndarray) -> None:
        found[owner[1:][change & (np.diff(owner) == 0)]] = True

    if words["channel"].notna().any():
        note(np.diff(words["channel"].cat.codes.to_numpy()[order.rows]) != 0)
    if segments["start"].notna().any():
        note(np.diff(_opening(words, segments)[order.rows]) < 0)
        found |= _overlapped(segments, names)
    if words["start"].notna().any():
        note(np.diff(words["start"].to_numpy()[order.rows]) < 0)
    return found


def _overlapped(segments: pd.DataFrame, names: list[str]) -> np.ndarray:
    """Of each recording: whether a speaker begins before another has ended."""
    found = np.zeros(len(names), bool)
    if segments["speaker"].isna().all():
        return found
    number, start, end = (
        _codes(segments, pd.Index(names)),
        segments["start"].to_numpy(),
        segments["end"].to_numpy(),
    )
    order = np.lexsort((start, number))
    number, speaker = number[order], segments["speaker"].cat.codes.to_numpy()[order]
    early = start[order][1:] < end[order][:-1]
    early &= (np.diff(speaker) != 0) & (np.diff(number) == 0) & (number[1:] >= 0)
    found[number[1:][early]] = True
    return found


Both = tuple[np.ndarray, np.ndarray]  # rows of the reference, and of the hypothesis


def _parts_of(said: tuple[Said, Said], rows: Both) -> list[Both]:
    """One recording's parts; see `medtx.align`."""
    by_word = all((~np.isnan(side.start[own])).any() for side, own in zip(said, rows))

    def sorted_(one: Both) -> Both:
        ref, hyp = (in_time(side, own, by_word) for side, own in zip(said, one))
        return ref, hyp

    whole = [sorted_(rows)]
    channels = [_labels(side.channel, own) for side, own in zip(said, rows)]
    speakers = [_labels(side.speaker, own) for side, own in zip(said, rows)]
    ref, hyp = (c if len(c) > 1 or len(s) < 2 else s for c, s in zip(channels, speakers))
    if max(len(ref), len(hyp)) < 2 or not len(ref) or not len(hyp):
        return whole
    same = list(ref) == list(hyp)
    split = [sorted_(one) for one in (_equal if same else _matched)(said, ref, hyp)]
    apart = min(map(len, channels)) > 1 and (same or len(ref) == len(hyp))
    return split if apart or _errors(said, split) < _errors(said, whole) else whole


def _labels(column: pd.Categorical, rows: np.ndarray) -> dict[str, np.ndarray]:
    """The rows of each label, in the order of labels."""
    codes = column.codes[rows]
    names = ["", *map(str, column.categories)]  # a blank has the code -1
    return {names[code + 1]: rows[codes == code] for code in np.unique(codes)}


def _equal(said: tuple[Said, Said], ref: dict[str, np.ndarray], hyp: dict[str, np.ndarray]) -> list[Both]:
    return [(rows, hyp[label]) for label, rows in ref.items()]


def _matched(said: tuple[Said, Said], ref: dict[str, np.ndarray], hyp: dict[str, np.ndarray]) -> list[Both]:
    """Each voice with the one of the other side that makes the sum of errors least."""
    size = max(len(ref), len(hyp))
    nobody = np.zeros(0, int)
    refs = [*ref.values(), *[nobody] * (size - len(ref))]
    hyps = [*hyp.values(), *[nobody] * (size - len(hyp))]
    cost = np.array([[_errors(said, [(r, h)]) for h in hyps] for r in refs], dtype=float)
    return [(refs[i], hyps[j]) for i, j in enumerate(assign(cost))]


def _errors(said: tuple[Said, Said], split: list[Both]) -> int:
    """Errors of an alignment of the parts, case and marks apart."""
    of_word = WORDWISE[plain]

    def tokens(side: Said, rows: np.ndarray) -> Iterator[str]:
        for word in side.content[rows]:
            yield from of_word(word)

    return sum(
        Levenshtein.distance(list(tokens(said[0], ref)), list(tokens(said[1], hyp))) for ref, hyp in split
    )


def in_time(side: Said, rows: np.ndarray, by_word: bool) -> np.ndarray:
    """The rows of a recording or voice in order of time: of words, or else of utterances.

    Within a segment words keep their order, whatever their times.
    """
    segment, opening = side.segment[rows], side.opening[rows]
    if len(rows) < 2 or (np.isnan(opening).all() and np.isnan(side.start[rows]).all()):
        return rows
    table = pd.DataFrame({"segment": segment, "start": side.start[rows]})
    latest = table.groupby("segment")["start"].cummax().groupby(segment).ffill().to_numpy()
    if by_word:
        key = np.where(np.isnan(latest), opening, latest)
    else:
        key = opening
        channel = side.channel.codes[rows]
        if len(np.unique(channel)) > 1 and not np.isnan(latest).any():
            key, segment = _utterances(latest, side.end[rows], channel), channel
    key = pd.Series(key).ffill().fillna(-1.0).to_numpy()
    found: np.ndarray = rows[np.argsort(key, kind="stable") if by_word else np.lexsort((segment, key))]
    return found


def _utterances(start: np.ndarray, end: np.ndarray, channel: np.ndarray) -> np.ndarray:
    """Of each word: the start of its utterance, which a pause on its channel ends.

    Segments do not say it: some results have one for a whole channel, others a new one
    whenever a word of the other channel comes between.
    """
    table = pd.DataFrame({"start": start, "end": end})
    table = table.sort_values("start", kind="stable")
    by = channel[table.index]
    first = ~(table["start"] - table.groupby(by)["end"].shift() <= PAUSE)
    number = first.groupby(by).cumsum()
    found: np.ndarray = table.groupby([by, number])["start"].transform("first").sort_index().to_numpy()
    return found
