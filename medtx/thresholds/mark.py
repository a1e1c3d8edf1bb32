"""Transcripts -> which words a threshold sends to review, and the stretches of sound to hear."""

import warnings

import numpy as np
import pandas as pd

from medtx.errors import InputError
from medtx.listening import check_context, ends_of, joined
from medtx.scoring.classes import classes_of
from medtx.thresholds.units import check_unknown, extent, numbered, spread
from medtx.transcripts import Transcripts


def mark(
    transcripts: Transcripts, limits: np.ndarray, unit: str | int, unknown: str, context: float
) -> pd.DataFrame:
    """The words with what becomes of each; ``limits`` has the threshold of each word.

    =====================  ===================================================================
    review                 whether a person hears the word
    doubtful               whether it is the word itself that is below the threshold, not one
                           of its unit
    hear_start, hear_end   of a doubtful word: what is to be played, with its context
    =====================  ===================================================================
    """
    check_unknown(unknown)
    context = check_context(context)
    words = transcripts.words
    spoken = (words["kind"] == "pronunciation").to_numpy()
    confidence = words["confidence"].to_numpy()
    none = np.isnan(confidence)
    doubtful = spoken & np.where(none, (limits == np.inf) | (unknown == "review"), confidence < limits)
    recording = words["recording"].cat.codes.to_numpy()
    unit_of = numbered(unit, recording, words["segment"] if unit == "segment" else None)
    score = spread(np.where(doubtful, 0.0, 1.0), spoken, recording, unit, unit_of)
    start, end = np.full((2, len(words)), np.nan)
    told = [words[name].to_numpy()[spoken] for name in ("start", "end")]
    segment = None if unit_of is None else unit_of[spoken]
    first, last = extent(unit, told[0], told[1], recording[spoken], segment)
    ends = ends_of(transcripts.recordings, words)[recording[spoken]]
    start[spoken] = np.maximum(first - context, 0)
    end[spoken] = np.maximum(np.minimum(last + context, ends), start[spoken])
    hear = {"hear_start": np.where(doubtful, start, np.nan), "hear_end": np.where(doubtful, end, np.nan)}
    return words.assign(review=score < 1, doubtful=doubtful, **hear)


def tell_unknown(marked: pd.DataFrame) -> None:
    """Warn of words that have no confidence and are not heard."""
    words = marked[marked["kind"] == "pronunciation"]
    none = words["confidence"].isna()
    left = int((none & ~words["review"]).sum())
    if left and none.all():
        warnings.warn(without(len(words)), stacklevel=3)
    elif left:
        warnings.warn(
            f"{left:,} of {len(words):,} words have no confidence and are not sent to review: "
            "unknown='review' sends them",
            stacklevel=3,
        )


def without(words: int) -> str:
    return (
        f"none of these {words:,} words has a confidence, so no threshold sends any to review: "
        "unknown='review' sends all"
    )


def groups_of(transcripts: Transcripts, by: str) -> pd.Series:
    """The group of each word, as text."""
    words, recordings = transcripts.words, transcripts.recordings
    if by == "class_heard":
        spoken = words["content"].where(words["kind"] == "pronunciation")
        return classes_of(spoken, words["recording"])
    if by in recordings:
        known = recordings.set_index(recordings["recording"].astype(str))[by]
        found = words["recording"].astype(str).map(known)
    elif by in words:
        found = words[by]
    else:
        raise InputError(f"the thresholds are by {by!r}, which neither recordings nor words have")
    return found.astype(object).fillna("(none)").astype(str)


def to_hear(marked: pd.DataFrame) -> pd.DataFrame:
    """The stretches to listen to, from what ``apply`` gives: what overlaps is one.

    ==============  ======================================================================
    start, end      what to play, in seconds: the words or units in doubt with the context
                    that ``apply`` gave them; blank where words have no times
    speaker         of the first word to review
    text            what was recognised, from the first word to review to the last
    doubtful        the words in doubt
    words           how many are to be reviewed
    confidence      the least of those in doubt
    first, last     positions of the first and the last word to review
    positions       of the words in doubt, by which a correction finds them again
    ==============  ======================================================================

    >>> import medtx
    >>> t = medtx.sweep(example()).operating_point(0.85)
    >>> to_hear(t.apply(example_result()))[["start", "end", "text", "doubtful", "positions"]]
       start  end        text     doubtful positions
    0    0.0  2.5  chess pain  chess, pain    [1, 2]
    """
    words = marked[marked["kind"] == "pronunciation"].reset_index(drop=True)
    number = _stretch_of(words)
    inside = words.assign(number=number)[number >= 0]
    review, doubt = (inside[inside[name].to_numpy()].groupby("number") for name in ("review", "doubtful"))
    table = pd.DataFrame(
        {
            "recording": review["recording"].first(),
            "start": doubt["hear_start"].min(),
            "end": doubt["hear_end"].max(),
            "speaker": review["speaker"].first(),
            "text": inside.groupby("number")["content"].agg(" ".join),
            "doubtful": doubt["content"].agg(", ".join),
            "words": review.size(),
            "confidence": doubt["confidence"].min(),
            "first": review["position"].min(),
            "last": review["position"].max(),
            "positions": doubt["position"].agg(list),
        }
    )
    table = table.sort_values(["recording", "start", "first"], kind="stable", ignore_index=True)
    return table.assign(recording=table["recording"].astype(str))


def _stretch_of(words: pd.DataFrame) -> np.ndarray:
    """The number of each word's stretch; -1 outside, or before its first or after its last word to review."""
    recording = words["recording"].cat.codes.to_numpy()
    start, end, low, high = (words[c].to_numpy() for c in ("start", "end", "hear_start", "hear_end"))
    review = words["review"].to_numpy()
    last = np.fmax(end, high)
    ends = np.zeros(recording.max(initial=-1) + 1)
    np.fmax.at(ends, recording, last)
    timed = np.flatnonzero(~np.isnan(low))
    heard = joined(recording[timed], low[timed], high[timed], ends, 0.0)
    number = np.full(len(words), -1)
    if len(heard.start):
        shift = np.cumsum(ends + 1) - ends
        at = np.searchsorted(heard.start + shift[heard.recording], start + shift[recording], side="right") - 1
        within = (at >= 0) & (heard.recording[at] == recording) & (end <= heard.end[at])
        first, most = np.full(len(heard.start), np.inf), np.full(len(heard.start), -np.inf)
        some = within & review
        np.minimum.at(first, at[some], start[some])
        np.maximum.at(most, at[some], end[some])
        within &= (start >= first[at]) & (end <= most[at])
        number[within] = at[within]
    return _without_times(words, number, len(heard.start))


def _without_times(words: pd.DataFrame, number: np.ndarray, size: int) -> np.ndarray:
    """Words without times go with their neighbours, or, to be reviewed, with those of their kind."""
    review = words["review"]
    own = words["start"].isna() | words["end"].isna()
    known = pd.Series(number, words.index).where(~own)
    by = words["recording"].cat.codes
    before, after = known.groupby(by).ffill(), known.groupby(by).bfill()
    key = [by, words["segment"], review]
    run = pd.Series(np.any([(k != k.shift()).to_numpy() for k in key], axis=0).cumsum(), words.index)
    beside = known.where(review).groupby(run).ffill().groupby(run).bfill()
    found = known.fillna(before.where(before == after)).fillna(-1)
    found = found.where(~(own & review & (found < 0)), beside.fillna(size + run))
    return np.asarray(found, int)
