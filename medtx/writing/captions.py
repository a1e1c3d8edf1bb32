"""WebVTT and SubRip captions: what was said, in pieces that can be read while it is said.

References: https://www.w3.org/TR/webvtt1/
"""

import re
from collections.abc import Iterable, Iterator
from html import escape
from pathlib import Path
from textwrap import wrap
from typing import NamedTuple

import numpy as np
import pandas as pd

from medtx.errors import InputError
from medtx.files import save_text
from medtx.transcripts import Transcripts
from medtx.writing.common import One, Target, each, voice

WIDTH = 42
"""Characters of a line; a cue has at most two."""

PAUSE = 1.5
"""Seconds of silence that end a cue."""

LONGEST = 7.0
"""Seconds that a cue stays on the screen at most, unless one word lasts longer."""


class Cue(NamedTuple):
    segment: int
    start: float
    end: float
    voice: str | None
    words: list[str]


def cues(one: One, shown: str = "") -> list[Cue]:
    """A recording in cues, in order of time, none beyond its segment or voice.

    ``shown`` is what stands before the text of a voice, as "{}: ".
    """
    found: list[Cue] = []
    for said in _words(one):
        last = found[-1] if found else None
        if last and said.segment == last.segment and _goes_on(last, said, shown):
            found[-1] = last._replace(end=max(last.end, said.end), words=[*last.words, said.text])
        else:
            found.append(Cue(said.segment, said.start, said.end, said.voice, [said.text]))
    found = [cue._replace(end=max(cue.end, cue.start + 0.001)) for cue in found]  # some words have no length
    return sorted(found, key=lambda cue: cue.start)


class _Word(NamedTuple):
    segment: int
    start: float
    end: float
    voice: str | None
    text: str


def _goes_on(cue: Cue, said: _Word, shown: str) -> bool:
    if said.voice != cue.voice or said.start - cue.end > PAUSE or said.end - cue.start > LONGEST:
        return False
    return len(lines(cue._replace(words=[*cue.words, said.text]), shown)) <= 2


def lines(cue: Cue, shown: str = "") -> list[str]:
    label = shown.format(cue.voice) if cue.voice else ""
    return wrap(label + " ".join(cue.words), WIDTH, break_long_words=False, break_on_hyphens=False)


def _words(one: One) -> Iterator[_Word]:
    """The words of each segment with the marks after them, each with times."""
    several = one.words["channel"].nunique() > 1
    segments = one.segments.drop_duplicates("segment").set_index("segment")
    for number, said in one.words[one.words["kind"] != "speaker-change"].groupby("segment", sort=True):
        texts: list[str] = []
        first: list[int] = []
        for row, (kind, content) in enumerate(zip(said["kind"], said["content"])):
            text = " ".join(content.split())  # a blank line would end the cue
            if kind == "punctuation" and texts:
                texts[-1] += text
            elif text:
                texts.append(text)
                first.append(row)
        rows = said.iloc[first]
        span = segments.loc[number, ["start", "end"]] if number in segments.index else (np.nan, np.nan)
        start, end = _times(rows, texts, *map(float, span))
        if np.isnan(start).any() or np.isnan(end).any():
            raise InputError(f"recording {one.name!r} has words without times, in segments without times")
        who = [voice(s, c if several else None) for s, c in zip(rows["speaker"], rows["channel"])]
        yield from map(_Word, [int(number)] * len(texts), start, end, who, texts)


def _times(rows: pd.DataFrame, texts: list[str], begin: float, stop: float) -> tuple[np.ndarray, np.ndarray]:
    """Start and end of each word; those without times share what is left, by their length."""
    start, end = rows["start"].to_numpy(copy=True), rows["end"].to_numpy(copy=True)
    missing = np.isnan(start) | np.isnan(end)
    if missing.any():
        size = np.array([len(text) + 1 for text in texts], dtype=float)
        right = np.cumsum(size)
        left = right - size
        known = ~missing
        place = np.concatenate([[0.0], np.column_stack([left, right])[known].ravel(), right[-1:]])
        time = np.concatenate([[begin], np.column_stack([start, end])[known].ravel(), [stop]])
        start[missing] = np.interp(left[missing], place, time)
        end[missing] = np.interp(right[missing], place, time)
    return start, end


def to_vtt(t: Transcripts, folder: Target) -> list[Path]:
    def cue(c: Cue) -> str:
        label = f"<v {escape(c.voice, quote=False)}>" if c.voice else ""
        text = [
            _unlike_a_turn(_no_arrow(_OVERRIDE.sub(_number, escape(line, quote=False)))) for line in lines(c)
        ]
        return f"{clock(c.start)} --> {clock(c.end)}\n{label}{_joined(text)}"

    return [
        save_text(one.path, "\n".join(["WEBVTT\n", *map(cue, cues(one))])) for one in each(t, folder, "vtt")
    ]


def to_srt(t: Transcripts, folder: Target) -> list[Path]:
    shown = "{}: "

    def cue(n: int, c: Cue) -> str:
        text = [_unlike_a_turn(_no_arrow(_unlike_a_tag(line))) for line in lines(c, shown)]
        return f"{n}\n{clock(c.start, ',')} --> {clock(c.end, ',')}\n{_joined(text)}"

    return [
        save_text(one.path, "\n".join(cue(n, c) for n, c in enumerate(cues(one, shown), 1)))
        for one in each(t, folder, "srt")
    ]


def _joined(text: Iterable[str]) -> str:
    return "".join(f"{line}\n" for line in text)


_OVERRIDE = re.compile(r"\{(?=\\)|\\(?=[Nh])")
"""What players take for SubStation's marks, in WebVTT too."""
_TAG = re.compile(r"<(?=/?[A-Za-z][^<>]*>|[\d:.,]+>)|&(?=#?\w+;)|\{(?=\\)|\\(?=[Nh])")


def _unlike_a_tag(line: str) -> str:
    """SubRip has no way to escape: what players and readers take for a tag is written as its number.

    >>> _unlike_a_tag("BP < 120 and temp > 80"), _unlike_a_tag("a <b> c")
    ('BP < 120 and temp > 80', 'a &#60;b> c')
    """
    return _TAG.sub(_number, line)


def _no_arrow(line: str) -> str:
    return line.replace("-->", "--&gt;").replace("&gt;&gt;", "&#62;&#62;")


def _unlike_a_turn(line: str) -> str:
    """A dash or ">>" at the begin of a line says that another person speaks."""
    return re.sub(r"^(?:[-\u2010-\u2014](?!\d)|>(?=>))", _number, line)


def _number(found: "re.Match[str]") -> str:
    return f"&#{ord(found[0])};"


def clock(seconds: float, point: str = ".") -> str:
    """
    >>> clock(3661.5), clock(0.0009, ",")
    ('01:01:01.500', '00:00:00,001')
    """
    whole, milliseconds = divmod(round(seconds * 1000), 1000)
    return f"{whole // 3600:02}:{whole // 60 % 60:02}:{whole % 60:02}{point}{milliseconds:03}"
