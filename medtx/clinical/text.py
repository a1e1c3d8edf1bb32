"""The text of a recording, cut to a service's limits, and the way back from characters to words."""

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

from medtx.transcripts import Transcripts

_ENDS = (".", "?", "!")


class Spoken(NamedTuple):
    """The text of a recording as `Transcripts.text` gives it, and where its words stand in it."""

    recording: str
    text: str
    rows: np.ndarray  # of each piece: its row in the words
    begin: np.ndarray  # in code points
    end: np.ndarray
    last: np.ndarray  # whether a segment ends with it
    turns: np.ndarray  # where another speaker begins, in code points

    def words_of(self, begin: int, end: int) -> np.ndarray:
        """The rows of the words that share a character with the span."""
        first = np.searchsorted(self.end, begin, side="right")
        return self.rows[first : np.searchsorted(self.begin, end, side="left")]


class Chunk(NamedTuple):
    """A part of a recording's text that is asked for at once."""

    recording: str
    offset: int
    text: str
    turns: tuple[int, ...] = ()  # where another speaker begins, in code points of ``text``


def spoken(transcripts: Transcripts) -> list[Spoken]:
    """The text of each recording, in order; those without words have an empty one."""
    words = transcripts.words
    kept = np.flatnonzero((words["kind"] != "speaker-change").to_numpy())
    content = words["content"].to_numpy(dtype=object)[kept].tolist()
    mark = (words["kind"] == "punctuation").to_numpy()[kept]
    codes = words["recording"].cat.codes.to_numpy()[kept]
    segment = words["segment"].to_numpy()[kept]
    speaker = words["speaker"].cat.codes.to_numpy()[kept]
    of_code = {name: n for n, name in enumerate(words["recording"].cat.categories.astype(str))}
    order = np.argsort(codes, kind="stable")
    found = []
    for name in transcripts.recordings["recording"].astype(str):
        code = of_code.get(name, -2)
        first, stop = np.searchsorted(codes[order], [code, code + 1])
        mine = order[first:stop]
        pieces: list[str] = []
        begin: list[int] = []
        at = 0
        for n in mine.tolist():
            blank = "" if mark[n] or not pieces else " "
            pieces.append(blank + content[n])
            begin.append(at + len(blank))
            at += len(pieces[-1])
        ends = np.cumsum([len(piece) for piece in pieces], dtype=int)
        last = np.append(segment[mine][1:] != segment[mine][:-1], True)[: len(mine)]
        begins = np.array(begin, int)
        turns = begins[1:][speaker[mine][1:] != speaker[mine][:-1]]
        found.append(Spoken(name, "".join(pieces), kept[mine], begins, ends, last, turns))
    return found


def chunks(said: Spoken, limit: int | None) -> Iterator[Chunk]:
    """Parts of at most ``limit`` bytes of UTF-8, cut where a segment ends, or a sentence, or a word.

    A single word above the limit is cut within.

    >>> said = Spoken("visit", "No pain. Mild fever", np.arange(5), np.array([0, 3, 7, 9, 14]),
    ...               np.array([2, 7, 8, 13, 19]), np.array([False] * 4 + [True]), np.array([], int))
    >>> [(chunk.offset, chunk.text) for chunk in chunks(said, 12)]
    [(0, 'No pain.'), (9, 'Mild fever')]
    """
    if not said.text.strip():
        return
    if limit is None or len(said.text.encode("utf-8", "replace")) <= limit:
        yield Chunk(said.recording, 0, said.text, tuple(said.turns.tolist()))
        return
    sizes = [len(said.text[b:e].encode("utf-8", "replace")) for b, e in zip(said.begin, said.end)]
    gaps = [0, *(said.begin[1:] - said.end[:-1]).tolist()]
    first = 0
    while first < len(sizes):
        stop, size = first, 0
        while stop < len(sizes) and size + sizes[stop] + (gaps[stop] if stop > first else 0) <= limit:
            size += sizes[stop] + (gaps[stop] if stop > first else 0)
            stop += 1
        if stop == first:
            yield from _within(said, first, limit)
            first += 1
            continue
        if stop < len(sizes):
            stop = _cut(said, first, stop)
        begin = int(said.begin[first])
        yield Chunk(said.recording, begin, said.text[begin : said.end[stop - 1]])
        first = stop


def _cut(said: Spoken, first: int, stop: int) -> int:
    """The best place to cut up to ``stop``: the last end of a segment, or of a sentence."""
    half = first + (stop - first) // 2  # no tiny parts for the sake of a better place
    for n in range(stop, half, -1):
        if said.last[n - 1]:
            return n
    for n in range(stop, half, -1):
        if said.text[said.end[n - 1] - 1] in _ENDS:
            return n
    return stop


def _within(said: Spoken, word: int, limit: int) -> Iterator[Chunk]:
    step = max(1, limit // 4)  # no character has more than four bytes
    for begin in range(int(said.begin[word]), int(said.end[word]), step):
        yield Chunk(said.recording, begin, said.text[begin : min(begin + step, int(said.end[word]))])
