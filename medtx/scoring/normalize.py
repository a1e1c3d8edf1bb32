"""Normalisers: raw words -> the tokens that are compared, keeping the way back.

A normaliser takes the words of one recording and gives `Tokens`: each token knows the
half-open span of raw words that it came from, so times, confidences and speakers
survive whatever is rewritten.
"""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields
from functools import lru_cache
from itertools import groupby
from typing import Any, NamedTuple

from rapidfuzz.distance import Levenshtein

from medtx.errors import InputError, did_you_mean, optional
from medtx.scoring.conventions import rewritten


class Tokens(NamedTuple):
    """``text[i]`` came from the raw words ``start[i]`` up to, but not including, ``stop[i]``."""

    text: list[str]
    start: list[int]
    stop: list[int]


Normalizer = Callable[[Sequence[str]], Tokens]

_EDGE = "\"'`.,;:!?()[]{}\u201c\u201d\u2018\u2019\u2026"  # and the typographic quotes and dots
_SIGNS = set("%$\u20ac\u00a3\u00b0<>=+&@#*/~-\u2212\u00b1\u00d7\u2264\u2265\u2248\u2260")
"""What is a word by itself: "- 5" is not "5", and "\u2265 90" not "\u2264 90"."""

_HYPHEN = re.compile(r"(?<=[^\W\d_])[-\u2010-\u2014/](?=[^\W\d_])")
THOUSANDS = re.compile(r"(?<![\d.,])\d{1,3}(,\d{3})+(?![\d,])")


@lru_cache(maxsize=100_000)
def _plain_word(word: str) -> tuple[str, ...]:
    """
    >>> [_plain_word(w) for w in ("Pain,", "1.5", ".5", "-5", "120/80.", "1,000", "X-ray", "5'", "...")]
    [('pain',), ('1.5',), ('.5',), ('-5',), ('120/80',), ('1000',), ('x', 'ray'), ("5'",), ()]
    """
    word = word.lower().replace("\u2019", "'")
    if set(word) <= {"-"} and len(word) > 1:  # a dash between words
        return ()
    word = _HYPHEN.sub(" ", word)
    word = THOUSANDS.sub(lambda match: match[0].replace(",", ""), word)
    return tuple(token for part in word.split() if (token := _strip(part)))


def _strip(token: str) -> str:
    """Marks at the edges go, but not a point, sign or unit mark that belongs to a number."""
    bare = token.rstrip(_EDGE)
    left = bare.lstrip(_EDGE)
    before, after = bare[: len(bare) - len(left)], token[len(bare) :]
    if left[:1].isdigit() and before.endswith(".") and not before.endswith(".."):
        left = "." + left
    if bare[-1:].isdigit() and after[:1] in ("'", '"') and not before.startswith(after[0]):
        left += after[0]  # feet and inches, minutes and seconds
    return left if any(c.isalnum() or c in _SIGNS for c in left) else ""


def plain(words: Sequence[str]) -> Tokens:
    """Case, and punctuation that carries no number, are ignored; hyphens separate words.

    "1.5" stays apart from "15", "120/80" from "12080", "-5" from "5".

    >>> plain(["Takes", "1.5", "mg,", "follow-up."])
    Tokens(text=['takes', '1.5', 'mg', 'follow', 'up'], start=[0, 1, 2, 3, 3], stop=[1, 2, 3, 4, 4])
    """
    text: list[str] = []
    start: list[int] = []
    for i, word in enumerate(words):
        for token in _plain_word(word):
            text.append(token)
            start.append(i)
    return Tokens(text, start, [i + 1 for i in start])


def none(words: Sequence[str]) -> Tokens:
    """The words as they are; an item that holds blanks, such as "New York", is several."""
    pieces = [(piece, i) for i, word in enumerate(words) for piece in word.split()]
    start = [i for _, i in pieces]
    return Tokens([piece for piece, _ in pieces], start, [i + 1 for i in start])


WORDWISE: dict[Normalizer, Callable[[str], Sequence[str]]] = {plain: _plain_word, none: str.split}
"""Normalisers that look at one word at a time, as functions of that word: a short cut."""


@dataclass(frozen=True)
class Plain:
    """`plain` with options; ``normalize="plain, fillers=False"`` names it.

    ``fillers=False`` leaves "um" and "uh" out; answers such as "uh-huh" always stay. With
    ``compounds=True`` "hay fever" and "check-up" are "hayfever" and "checkup", with
    ``spelling=True`` "mum" is "mom" and "oedema" is "edema".

    >>> Plain(fillers=False, compounds=True)("Um, uh-huh: hay fever.".split())
    Tokens(text=['uh', 'huh', 'hayfever'], start=[1, 1, 2], stop=[2, 2, 4])
    """

    fillers: bool = True
    compounds: bool = False
    spelling: bool = False

    @property
    def name(self) -> str:
        return name_with_options("plain", self)

    def __call__(self, words: Sequence[str]) -> Tokens:
        text, start, stop = plain(words)
        options = {"fillers": self.fillers, "compounds": self.compounds, "spelling": self.spelling}
        found = rewritten(text, **options)
        return Tokens(
            [token for token, _, _ in found],
            [start[first] for _, first, _ in found],
            [stop[last - 1] for _, _, last in found],
        )


NAMES = ("plain", "none", "medical", "whisper")


def named(text: str) -> Normalizer:
    """The normaliser of this name and these options; larger ones are loaded when they are asked for.

    >>> named("Plain, fillers = no")
    Plain(fillers=False, compounds=False, spelling=False)
    """
    name, *options = (part.strip() for part in text.split(","))
    if name.lower() not in NAMES:
        meant = did_you_mean(name, NAMES)
        raise InputError(f"normalize={text!r} is not one of {', '.join(NAMES)} or a function{meant}")
    if name.lower() == "medical":
        from medtx.scoring.medical import Medical

        return Medical(**_options(text, options, Medical))
    if name.lower() == "plain":
        return Plain(**found) if (found := _options(text, options, Plain)) else plain
    if options:
        raise InputError(f"normalize={text!r}: {name.lower()} has no options; plain and medical have")
    if name.lower() == "none":
        return none
    return Whole(optional("whisper_normalizer.english", "whisper").EnglishTextNormalizer(), "whisper")


def _options(text: str, options: Sequence[str], kind: type[Any]) -> dict[str, bool]:
    """Options as they are written in a name: "fillers=False"."""
    known = [field.name for field in fields(kind)]
    found: dict[str, bool] = {}
    for option in options:
        name, _, value = (part.strip().lower() for part in option.partition("="))
        if name not in known:
            listed = f"{', '.join(known)}{did_you_mean(name, known)}"
            raise InputError(f"normalize={text!r}: {name!r} is not one of the options {listed}")
        if value not in _VALUES:
            raise InputError(
                f"normalize={text!r}: expected {name}=True or {name}=False{did_you_mean(value, _VALUES)}"
            )
        if name in found:
            raise InputError(f"normalize={text!r}: {name} is given twice")
        found[name] = _VALUES[value]
    return found


_VALUES = {"true": True, "false": False, "yes": True, "no": False}


def name_with_options(name: str, normalizer: Any) -> str:
    """The name that `named` takes, with those options that are not as they are by themselves."""
    given = [
        (f.name, getattr(normalizer, f.name))
        for f in fields(normalizer)
        if f.default != getattr(normalizer, f.name)
    ]
    return ", ".join([name, *(f"{option}={value}" for option, value in given)])


def name_of(normalizer: Normalizer) -> str:
    """What tables and records call it.

    >>> name_of(plain), name_of(Plain(fillers=False)), name_of(Whole(str.lower))
    ('plain', 'plain, fillers=False', "of one's own")
    """
    if normalizer in (plain, none):
        return str(normalizer.__name__)
    return str(getattr(normalizer, "name", "")) or "of one's own"


@dataclass(frozen=True, eq=False)
class Whole:
    """A normaliser from a function of the whole text, such as Whisper's, or a transform of jiwer.

    The tokens find the way back by an alignment with the words: those that stayed the same
    anchor those that were rewritten between them.

    >>> Whole(lambda text: text.replace("can't", "can not"))(["I", "can't", "walk"])
    Tokens(text=['I', 'can', 'not', 'walk'], start=[0, 1, 1, 2], stop=[1, 2, 2, 3])
    """

    function: Callable[[str], Any]
    name: str = ""

    def __call__(self, words: Sequence[str]) -> Tokens:
        made = self.function(" ".join(words))
        text = made.split() if isinstance(made, str) else _flat(made)
        start, stop = [0] * len(text), [0] * len(text)
        edits = Levenshtein.opcodes([_bare(word) for word in words], [_bare(token) for token in text])
        for same, block in groupby(edits, key=lambda edit: edit.tag == "equal"):
            run = list(block)
            (i, j), (k, n) = (run[0].src_start, run[-1].src_end), (run[0].dest_start, run[-1].dest_end)
            if same or j - i == n - k:
                start[k:n], stop[k:n] = range(i, j), range(i + 1, j + 1)
            else:  # all of these words gave all of these tokens; what came from nothing has a neighbour
                i, j = (i, j) if j > i else (max(i - 1, 0), max(i, 1))
                start[k:n], stop[k:n] = [i] * (n - k), [j] * (n - k)
        return Tokens(text, start, stop) if words else Tokens([], [], [])


def _bare(word: str) -> str:
    return word.lower().strip(_EDGE)


def _flat(made: Any) -> list[str]:
    """jiwer's transforms end in a list of lists of words."""
    return made.split() if isinstance(made, str) else [word for one in made for word in _flat(one)]


def from_callable(function: Callable[[Any], Any]) -> Normalizer:
    """A user's own: from words to `Tokens`, from text to text, or a transform of jiwer."""
    if type(function).__module__.startswith("jiwer."):
        return Whole(function)
    try:
        made = function(["word"])
    except Exception:  # it may want text, and raises what it likes when it gets words
        made = function("word")
    if isinstance(made, Tokens):
        return function
    if isinstance(function("word"), str):
        return Whole(function)
    raise InputError("a normaliser must give Tokens for words, or text for text")
