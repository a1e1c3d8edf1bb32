"""A custom vocabulary on the embedded engine: phrases, how they sound, how they are written."""

import hashlib
from itertools import product
from typing import Any, NamedTuple

from medtx.engines import vocabulary
from medtx.engines.models import words
from medtx.errors import InputError

LIKELY = 30.0
"""How many times likelier than the average word a phrase is, anywhere."""
_MARK, _BLANK = "phrase:", "\N{NO-BREAK SPACE}"
"""In the decoder's names for phrases, which may be words that it has already."""


class Entry(NamedTuple):
    """A phrase: its written form and its pronunciations."""

    shown: str
    phones: tuple[str, ...]


def entries(source: vocabulary.Source) -> tuple[Entry, ...]:
    """The phrases of a table in Transcribe Medical's format (Phrase, IPA, SoundsLike, DisplayAs).

    A phrase sounds as IPA says, else as the words of SoundsLike, else as its own. It is
    written as DisplayAs says, else as the phrase, its hyphens as blanks.

    Raises `ReadError` and `InputError` as `medtx.engines.vocabulary.read_table` does.

    >>> entries(["atrial fibrillation"])
    (Entry(shown='atrial fibrillation', phones=('EY T R IH AH L F IH B R IH L EY SH AH N',)),)
    """
    found = []
    for phrase, ipa, like, shown in vocabulary.read_table(source)[list(vocabulary.COLUMNS)].itertuples(
        index=False
    ):
        if ipa:
            try:
                sounds: tuple[str, ...] = (words.from_ipa(ipa),)
            except ValueError as error:
                raise InputError(f"vocabulary: {error}") from None
        else:
            sounds = _sounds(like or phrase)
        found.append(Entry(shown or phrase.replace("-", " "), sounds))
    return tuple(found)


def _sounds(phrase: str) -> tuple[str, ...]:
    """At most four pronunciations; capitals in a row, or letters with full stops, are spelled."""
    parts = []
    for part in phrase.split("-"):
        if "." in part or (len(part) > 1 and part.isupper()):
            parts += [words.pronounce(letter)[:1] for letter in part.lower() if letter.isalpha()]
        elif part:
            parts.append(words.pronounce(part.lower())[:2])
    return tuple(" ".join(one) for one in list(product(*parts))[:4])


def fingerprint(entries: tuple[Entry, ...]) -> str:
    return hashlib.sha256(repr(entries).encode()).hexdigest()[:12] if entries else ""


def add(decoder: Any, entries: tuple[Entry, ...]) -> None:
    """Let a decoder hear the phrases; `said` tells what its words then stand for."""
    model = decoder.get_lm(decoder.current_search())
    for n, entry in enumerate(entries):
        token = _MARK + entry.shown.replace(" ", _BLANK)
        model.add_word(token, LIKELY)
        for k, phones in enumerate(entry.phones):
            last = n == len(entries) - 1 and k == len(entry.phones) - 1
            decoder.add_word(token if k == 0 else f"{token}({k + 1})", phones, last)


def said(word: str) -> list[str]:
    """The words, as they are written, that one of the decoder's stands for."""
    return word.removeprefix(_MARK).split(_BLANK) if word.startswith(_MARK) else [word]
