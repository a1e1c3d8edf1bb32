"""What the same words would have counted under another convention.

An alignment keeps its tokens. Those of recordings that a convention touches are rewritten and
aligned anew, which is quick: only counts are made, no pairs.
"""

from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import pandas as pd

from medtx.scoring.conventions import rewritten, spelled
from medtx.scoring.distances import distances, grouped, ordered
from medtx.scoring.normalize import name_of, plain
from medtx.scoring.rates import errors_of
from medtx.scoring.rules import rules

if TYPE_CHECKING:
    from medtx.scoring.alignment import Alignment


class Convention(NamedTuple):
    """What else could count as equal, or not at all; ``text`` is how a verdict names it."""

    text: str
    fillers: bool = True
    compounds: bool = False
    spelling: bool = False


WITHOUT_FILLERS = Convention("fillers left out", fillers=False)
OTHER_WRITING = Convention("compounds and spelling taken as the same", compounds=True, spelling=True)


def conventions_of(alignments: Iterable["Alignment"]) -> list[Convention]:
    """Those under which the verdict of these alignments may be another one."""
    names = {name_of(alignment.normalizer) for alignment in alignments}
    found = [] if all("fillers=False" in name for name in names) else [WITHOUT_FILLERS]
    plain = all(name.partition(",")[0] == "plain" for name in names)
    return [*found, OTHER_WRITING] if plain else found


def under(alignment: "Alignment", conventions: Sequence[Convention]) -> list[tuple[np.ndarray, np.ndarray]]:
    """Reference words and errors of each recording under each of these conventions.

    They are those of an alignment with such a normaliser: "plain, fillers=False".
    """
    kind = name_of(alignment.normalizer).partition(",")[0]
    small = str if kind in ("plain", "medical") else _small
    sides = [_Side.of(alignment, side) for side in ("reference", "hypothesis")]
    counts = alignment.word_counts
    found = []
    for convention in conventions:
        words, errors = counts["reference_words"].to_numpy().copy(), errors_of(counts).to_numpy().copy()
        touched = [np.array([_touches(convention, small(t)) for t in side.names], bool) for side in sides]
        anew = np.flatnonzero(sum(side.with_any(one) for side, one in zip(sides, touched)))
        options = convention._asdict() | {"answers": kind != "medical"}
        del options["text"]
        made = [[_kept(tokens, small, options) for tokens in side.tokens(anew)] for side in sides]
        words[anew], errors[anew] = list(map(len, made[0])), distances(*made)
        found.append((words, errors))
    return found


class _Side(NamedTuple):
    codes: np.ndarray  # of each token
    names: list[str]  # of each code
    owner: np.ndarray  # of each token: the number of its recording
    size: int  # recordings

    @classmethod
    def of(cls, alignment: "Alignment", side: str) -> "_Side":
        pairs = alignment.pairs
        rows, owner = ordered(pairs["recording"], pairs[side].notna().to_numpy(), alignment)
        codes, names = pd.factorize(pairs[side].array[rows])
        return cls(codes, list(names), owner, len(alignment.recordings))

    def with_any(self, touched: np.ndarray) -> np.ndarray:
        """How many tokens of each recording are touched."""
        hit = self.owner[touched[self.codes]] if len(self.codes) else self.owner
        return np.bincount(hit, minlength=self.size)

    def tokens(self, recordings: np.ndarray) -> list[list[str]]:
        if not len(recordings):
            return []
        by_recording = grouped(np.array(self.names, dtype=object)[self.codes], self.owner, self.size)
        return [by_recording[n].tolist() for n in recordings]


def _touches(convention: Convention, token: str) -> bool:
    """Whether a token may be another one, or none, under a convention."""
    known = rules()
    return (
        (not convention.fillers and token in known.fillers)
        or (convention.compounds and token in known.compound_starts)
        or (convention.spelling and spelled(token) != token)
    )


def _small(token: str) -> str:
    """A token as it would be in small letters and without marks."""
    return " ".join(plain([token]).text)


def _kept(tokens: list[str], small: Callable[[str], str], options: dict[str, Any]) -> list[str]:
    read = [small(token) for token in tokens]
    return [
        tokens[first] if text == read[first] and last == first + 1 else text
        for text, first, last in rewritten(read, **options)
    ]
