"""Which words are aligned with which, and in what order.

People who speak at the same time are told apart by channels or speakers where both sides have
them: each of these voices is a part, aligned by itself. Otherwise a recording is one part, and
both sides are in order of time.
"""

from collections.abc import Iterator
from typing import NamedTuple

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
    reference: tuple[pd.DataFrame, pd.DataFrame], hypothesis: tuple[pd.DataFrame, pd.DataFrame], names: list[str]
) -> Parts:
    """The parts of the recordings ``names``, from the words and segments of both sides."""
    whole = spoken(reference[0], names), spoken(hypothesis[0], names)
    mixed = [_mixed(*side, order) for side, order in zip((reference, hypothesis), whole)]
    several = mixed[0] | mixed[1]
    if not several.any():
        count = np.arange(len(names))
        return Parts(names, count, np.zeros(len(names), int), *whole)
    said = columns(*reference), columns(*hypothesis)
    found: list[tuple[int, int, np.ndarray, np.ndarray]] = []
    for n in range(len(names)):
        rows = whole[0].of(n), whole[1].of(n)
        split = _parts_of(said, rows) if several[n] else [rows]
        found += [(n, part, *one) for part, one in enumerate(split)]
    orders = (joined([one[side] for one in found]) for side in (2, 3))
    recording, number = (np.array([one[side] for one in found]) for side in (0, 1))
    return Parts(names, recording, number, *orders)


def part_of(pairs: pd.DataFrame) -> np.ndarray:
    """Of each row: the number of its part, among all parts of all recordings."""
    recording, part = pairs["recording"].cat.codes.to_numpy(), pairs["part"].to_numpy()
    other = (np.diff(recording) != 0) | (np.diff(part) != 0)
    return np.concatenate([[0], np.cumsum(other)])[: len(pairs)]


def spoken(words: pd.DataFrame, names: list[str]) -> Order:
    """The words of each recording in the order of ``names``, as the table has them."""
    rank = pd.Series(range(len(names)), index=names).reindex(words["recording"].cat.categories, fill_value=-1)
    owner = rank.to_numpy()[words["recording"].cat.codes]
    rows = np.flatnonzero((words["kind"] == "pronunciation").to_numpy() & (owner >= 0))
    rows = rows[np.argsort(owner[rows], kind="stable")]
    return Order(rows, np.searchsorted(owner[rows], np.arange(len(names) + 1)))


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
    key = ["recording", "segment"]
    starts = segments.drop_duplicates(key).set_index(key)["start"]
    found: np.ndarray = starts.reindex(pd.MultiIndex.from_frame(words[key])).to_numpy(dtype=float)
    return found


def _mixed(words: pd.DataFrame, segments: pd.DataFrame, order: Order) -> np.ndarray:
    """Of each recording: whether it has several channels, or is not in order of time."""
    size = len(order.begins) - 1
    owner = np.repeat(np.arange(size), np.diff(order.begins))
    found = np.zeros(size, bool)

    def note(change: np.ndarray) -> None:
        found[owner[1:][change & (np.diff(owner) == 0)]] = True

    if words["channel"].notna().any():
        note(np.diff(words["channel"].cat.codes.to_numpy()[order.rows]) != 0)
    if segments["start"].notna().any():
        note(np.diff(_opening(words, segments)[order.rows]) < 0)
        found |= _overlapped(words, segments, order, owner)
    if words["start"].notna().any():
        note(np.diff(words["start"].to_numpy()[order.rows]) < 0)
    return found


def _overlapped(words: pd.DataFrame, segments: pd.DataFrame, order: Order, owner: np.ndarray) -> np.ndarray:
    """Of each recording: whether a speaker begins before another has ended."""
    found = np.zeros(len(order.begins) - 1, bool)
    if segments["speaker"].isna().all():
        return found
    place = pd.Series(owner, index=words["recording"].array[order.rows]).groupby(level=0, observed=True).first()
    turns = segments.sort_values(["recording", "start"], kind="stable")
    same = np.diff(turns["recording"].cat.codes) == 0
    other = np.diff(turns["speaker"].cat.codes) != 0
    early = turns["start"].to_numpy()[1:] < turns["end"].to_numpy()[:-1]
    names = turns["recording"].array[1:][same & other & early].unique()
    found[place.reindex(names).dropna().to_numpy(int)] = True
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
