"""Words out of what engines write: out of pieces of words, and out of a text beside its list of words."""

import re
from collections.abc import Iterable, Iterator
from difflib import SequenceMatcher
from typing import Any, NamedTuple

from medtx.reading.build import Word


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
        ours = [letters(word.content) for word in words]
        if not isinstance(text, str) or "".join(ours) == letters(text):
            return words
        spoken = [(token, plain) for token in text.split() if (plain := letters(token))]
        theirs = [plain for _, plain in spoken]
        made: list[Word] = []
        for op, i, j, k, m in SequenceMatcher(None, ours, theirs, autojunk=False).get_opcodes():
            here, there = words[i:j], [token for token, _ in spoken[k:m]]
            if op == "insert":
                made += self._kept(there, words, i)
            elif op == "replace" and (place := _within("".join(ours[i:j]), theirs[k:m])):
                before, after = place
                made += [
                    *self._kept(there[:before], words, i),
                    *here,
                    *self._kept(there[after:], words, j - 1),
                ]
            else:
                self.other += op == "replace"
                made += here
        return made

    def _kept(self, tokens: list[str], words: list[Word], at: int) -> list[Word]:
        self.kept += len(tokens)
        near = words[min(at, len(words) - 1)] if words else Word("")
        return [
            Word(token, segment=near.segment, speaker=near.speaker, channel=near.channel) for token in tokens
        ]

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


def _within(said: str, tokens: list[str]) -> tuple[int, int] | None:
    """Where whole tokens make up what was said; None: nowhere."""
    for i in range(len(tokens) + 1):
        for j in range(i, len(tokens) + 1):
            if "".join(tokens[i:j]) == said:
                return i, j
    return None
