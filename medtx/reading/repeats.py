"""Captions that show text again: rolling, growing, or one cue for each word that is marked in it."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from itertools import pairwise

Span = tuple[float | None, float | None]

LINES = 50
"""Lines of a cue, from its end, that the next one may begin with; real ones show four at most."""


@dataclass(frozen=True)
class Cue:
    """A caption: its words, and what its tags say of them, by the number of a word."""

    start: float
    end: float
    words: list[str]
    breaks: list[int] = field(default_factory=list)  # where lines begin
    voices: list[tuple[int, str]] = field(default_factory=list)  # from here on this one speaks
    times: list[tuple[int, float]] = field(default_factory=list)  # this word begins at
    lit: set[int] = field(default_factory=set)  # marked words
    new: int = 0  # how many words at the begin were shown before
    spans: Sequence[Span] = ()


def once(cues: list[Cue]) -> tuple[list[Cue], bool]:
    """The cues with text that is shown again counted once; whether repeats are doubtful."""
    kept = _without_marks(cues)
    same = [0, *(_shown_before(a, b) for a, b in pairwise(kept))]
    partly = [0 < n < len(cue.words) for n, cue in zip(same, kept)]
    often, could = sum(n > 0 for n in same), sum(bool(cue.words) for cue in kept) - 1
    timed = any(cue.times for cue in kept)
    if could > 0 and any(partly) and 2 * often >= could and (timed or often > 2 or often == could):
        return [_timed(replace(cue, new=n)) for cue, n in zip(kept, same)], False
    long = sum(n > 1 for n in same)
    return [_timed(cue) for cue in kept], long > 2 and 5 * long >= could


def _shown_before(before: Cue, here: Cue) -> int:
    """How many words at the begin of a cue are whole lines that the cue before showed last."""
    if here.start > before.end + 0.5:
        return 0
    starts = [n for n in before.breaks if n < len(before.words)]
    starts = [*starts[:1], *starts[1:][-LINES:]]
    ends = {*here.breaks, len(here.words)}
    for n in starts:
        tail = before.words[n:]
        if here.words[: len(tail)] == tail and (len(tail) in ends or n == 0):
            return len(tail)
    return 0


def _without_marks(cues: Iterable[Cue]) -> list[Cue]:
    """Runs of cues of the same words, in each of which another word is marked: one cue with its times."""
    made: list[Cue] = []
    run: list[Cue] = []

    def last(cues: list[Cue]) -> int:
        return max((max(cue.lit) for cue in cues if cue.lit), default=-1)

    for cue in [*cues, Cue(0, 0, [])]:
        goes_on = run and cue.words == run[-1].words and len(cue.words) > 1
        if goes_on and (not cue.lit or min(cue.lit) > last(run)):
            run.append(cue)
            continue
        made += _joined(run)
        run = [cue]
    return made


def _joined(run: list[Cue]) -> list[Cue]:
    marked = [cue for cue in run if cue.lit and len(cue.lit) < len(cue.words)]
    if len(run) < 2 or not marked:
        return run
    spans: list[Span] = [(None, None)] * len(run[0].words)
    for cue in marked:
        if len(cue.lit) == 1:
            spans[min(cue.lit)] = (cue.start, cue.end)
    return [replace(run[0], end=max(cue.end for cue in run), times=[], spans=spans)]


def _timed(cue: Cue) -> Cue:
    """The times that stand inside a cue, for words that have one of their own."""
    if not cue.times or cue.spans:
        return cue
    marks = dict([(cue.new, cue.start), *cue.times])
    order = sorted({*marks, len(cue.words)})
    spans: list[Span] = [(None, None)] * len(cue.words)
    for begin, stop in pairwise(order):
        if stop == begin + 1:
            spans[begin] = (marks[begin], marks.get(stop, cue.end))
    return replace(cue, spans=spans)
