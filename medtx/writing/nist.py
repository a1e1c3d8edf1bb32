"""NIST's STM and CTM, the references and hypotheses that sclite takes.

Both hold the same words: marks that are items of their own stand in both, or in neither. The words
of a segment keep their order. What sclite would take for one of its marks is written in another way.

References: https://github.com/usnistgov/SCTK/blob/master/doc/infmts.htm
"""

import re
from dataclasses import replace
from operator import itemgetter
from pathlib import Path

import numpy as np
import pandas as pd

from medtx.errors import InputError
from medtx.files import save_text
from medtx.reading.nist import IGNORED, as_written
from medtx.reading.nist_words import safe
from medtx.transcripts import Transcripts
from medtx.writing.common import Said, Target, field, utterances, voice


def _names(t: Transcripts) -> dict[str, str]:
    """Each recording's name without blanks."""
    names = {name: re.sub("^;;", "_;", field(name, "_")) for name in t.recordings["recording"].astype(str)}
    if len(set(names.values())) < len(names):
        raise InputError("two recordings have the same name once their blanks are underscores")
    return names


def to_ctm(t: Transcripts, path: Target, punctuation: bool = True) -> Path:
    names, lines = _names(t), []
    for word in _words(t, punctuation).itertuples():
        if not (word.start == word.start and word.end == word.end):
            raise InputError(f"recording {word.recording!r} has a word without times: CTM cannot hold it")
        pieces = word.content.split()  # of one item, as "New York": they share its time
        length = max(word.end - word.start, 0) / max(len(pieces), 1)
        sure = "NA" if word.confidence != word.confidence else f"{word.confidence:.4f}"
        name, channel = names[word.recording], field(word.channel, "1")
        for n, piece in enumerate(pieces):
            start = word.start + n * length
            line = f"{name} {channel} {start:.3f} {length:.3f} {piece} {sure}\n"
            lines.append(((name, channel, start), line))  # sclite wants them in this order
    return save_text(Path(path), "".join(line for _, line in sorted(lines, key=itemgetter(0))))


def _words(t: Transcripts, punctuation: bool) -> pd.DataFrame:
    """The words, with the marks after them or without; none begins before the one that it follows."""
    words = t.words[t.words["kind"].isin(["pronunciation", "punctuation"])]
    words = words.assign(content=words["content"].map(safe))
    spoken = (words["kind"] == "pronunciation").to_numpy()
    said = words[spoken]
    if punctuation:
        item = np.cumsum(spoken)
        own = words["recording"].cat.codes.to_numpy()
        follows = item > 0
        follows[follows] = own[follows] == own[np.flatnonzero(spoken)[item[follows] - 1]]
        glued = words["content"].astype(object)[follows].groupby(item[follows]).agg("".join)
        said = said.assign(content=glued.to_numpy())
    latest = said.groupby(["recording", "segment"], observed=True)["start"].cummax()
    return said.assign(start=latest, end=np.maximum(latest, said["end"]))


def to_stm(t: Transcripts, path: Target, punctuation: bool = True) -> Path:
    names, lines = _names(t), []
    written = replace(t, words=as_written(t.words))
    for s in utterances(written, timed="STM cannot hold it", punctuation=punctuation):
        name, channel, text = names[s.recording], field(s.channel, "1"), " ".join(s.text.split())
        text = f"<> {text}" if text.startswith("<") else text  # it would be taken for the label
        who = field(voice(s.speaker, s.channel), "unknown")
        line = f"{name} {channel} {who} {s.start:.3f} {_end(s):.3f} {text}\n"
        lines.append(((name, channel, s.start), line))
    for ignored in t.segments[t.segments["transcript"] == IGNORED].itertuples():
        name, channel = names[ignored.recording], field(ignored.channel, "1")
        who = field(ignored.speaker, "unknown")
        line = f"{name} {channel} {who} {ignored.start:.3f} {ignored.end:.3f} {IGNORED}\n"
        lines.append(((name, channel, ignored.start), line))
    return save_text(Path(path), "".join(line for _, line in sorted(lines, key=itemgetter(0))))


def _end(s: Said) -> float:
    """The end of a segment, after the middles of its words: else sclite puts them into the next one."""
    start = s.words["start"].cummax()
    middle = (start.round(3) + (np.maximum(s.words["end"], start) - start).round(3) / 2).max()
    return max(s.end, middle + 0.001) if middle == middle else s.end
