"""Words out of what engines write: out of pieces of words, and out of a text beside its list of words."""

import re
from collections import Counter
from collections.abc import Iterable, Iterator
from itertools import accumulate
from typing import Any, NamedTuple

from rapidfuzz.distance import LCSseq

from medtx.reading.build import Word, comparable


class Piece(NamedTuple):
    """A token of a recogniser: a word, a part of one, or a mark. A blank before it begins a word."""

    text: str
    start: float | None = None
    end: float | None = None
    confidence: float | None = None
    speaker: str | None = None
    channel: str | None = None


def joined(pieces: Iterable[Piece | None], segment: int | None = None) -> Iterator[Word]:
    """The words that pieces make; None ends a word.

    A word has the least of its pieces' confidences, those of its marks left out.

    >>> [one[:4] for one in joined([Piece("as", 0, 0.2, 0.9), Piece("pirin", 0.2, 0.5, 0.4), Piece(".")])]
    [('aspirin.', 0, 0.5, 0.4)]
    """
    held: list[Piece] = []
    for piece in pieces:
        if held and (piece is None or piece[4:] != held[-1][4:]):
            yield _word(held, segment)
            held = []
        for part in re.split(r"(\s+)", piece.text) if piece else ():
            if part.isspace() and held:
                yield _word(held, segment)
                held = []
            elif part.strip() and piece:
                held.append(piece._replace(text=part))
    if held:
        yield _word(held, segment)


def _word(pieces: list[Piece], segment: int | None) -> Word:
    spoken = [piece for piece in pieces if letters(piece.text)] or pieces
    return Word(
        "".join(piece.text for piece in pieces),
        min((piece.start for piece in spoken if piece.start is not None), default=None),
        max((piece.end for piece in spoken if piece.end is not None), default=None),
        min((piece.confidence for piece in spoken if piece.confidence is not None), default=None),
        segment,
        pieces[0].speaker,
        pieces[0].channel,
    )


def letters(text: str) -> str:
    """Letters and digits alone, small: what two ways of writing the same words share."""
    return re.sub(r"[\W_]", "", text).casefold()


class Texts:
    """Texts beside their lists of words: what a text has more is kept, and counted.

    >>> texts = Texts()
    >>> words = [Word("Take", 0.1, 0.3, 0.9), Word("tablets", 0.8, 1.2, 0.8)]
    >>> [one[:4] for one in texts.complete(words, "Take two tablets.")]
    [('Take', 0.1, 0.3, 0.9), ('two', None, None, None), ('tablets', 0.8, 1.2, 0.8)]
    >>> texts.notes()
    ['1 word of a text is not in its list of words: kept, without time and confidence']
    """

    def __init__(self) -> None:
        self.kept = self.other = 0

    def complete(self, words: list[Word], text: Any) -> list[Word]:
        """The words, and between them those that only the text has."""
        if not isinstance(text, str) or letters("".join(word.content for word in words)) == letters(text):
            return words
        ours = [letters(word.content) for word in words]
        spoken = [(token, plain) for token in text.split() if (plain := letters(token))]
        theirs = [plain for _, plain in spoken]
        more = Counter(theirs) - Counter(ours)  # what stands elsewhere in the list is not missing
        if not comparable(ours, theirs):
            return [*words, *self._kept(spoken, more, words, len(words))]
        made: list[Word] = []
        for i, j, k, m in _blocks(ours, theirs):
            here, there = words[i:j], spoken[k:m]
            place = (0, 0) if not here else _within("".join(ours[i:j]), theirs[k:m])
            before, after = place or (0, len(there))
            self.other += place is None and bool(there)
            made += self._kept(there[:before], more, words, i)
            made += here
            made += self._kept(there[after:], more, words, j)
        return made

    def _kept(
        self, spoken: list[tuple[str, str]], more: Counter[str], words: list[Word], at: int
    ) -> Iterator[Word]:
        near = words[min(at, len(words) - 1)] if words else Word("")
        for token, plain in spoken:
            if more[plain] > 0:
                more[plain] -= 1
                self.kept += 1
                yield Word(token, segment=near.segment, speaker=near.speaker, channel=near.channel)

    def notes(self) -> list[str]:
        """What to tell of it."""
        found = []
        if self.kept:
            many = "1 word of a text is" if self.kept == 1 else f"{self.kept} words of the texts are"
            found.append(f"{many} not in its list of words: kept, without time and confidence")
        if self.other:
            place = "1 place" if self.other == 1 else f"{self.other} places"
            found.append(f"a text and its list of words differ in {place}: the list was taken")
        return found


def _blocks(ours: list[str], theirs: list[str]) -> Iterator[tuple[int, int, int, int]]:
    """Spans of both that are equal, or that differ as a whole."""
    i = k = 0
    for op in LCSseq.opcodes(ours, theirs):
        if op.tag == "equal":
            if (i, k) != (op.src_start, op.dest_start):
                yield i, op.src_start, k, op.dest_start
            yield op.src_start, op.src_end, op.dest_start, op.dest_end
            i, k = op.src_end, op.dest_end
    if (i, k) != (len(ours), len(theirs)):
        yield i, len(ours), k, len(theirs)


def _within(said: str, tokens: list[str]) -> tuple[int, int] | None:
    """Where whole tokens make up what was said; None: nowhere."""
    begins = {at: n for n, at in enumerate(accumulate(map(len, tokens), initial=0))}
    text = "".join(tokens)
    at = text.find(said)
    while at >= 0:
        if at in begins and at + len(said) in begins:
            return begins[at], begins[at + len(said)]
        at = text.find(said, at + 1)
    return None
