"""What a reader of the live transcript sees: how late each word comes, and how often it changes.

Times in seconds on the clock of the stream's recording (``events.arrival``); a word is late by the
time since its audio was sent (``events.sent``), or since it was said where that was not recorded. Each
word of a final result is followed back through the partial results before it, each aligned with the
next by minimum edit distance; case and marks do not count as changes.
"""

import warnings
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from rapidfuzz.distance import Levenshtein

from medtx.errors import InputError, expect, not_one_of
from medtx.transcripts import Transcripts

_DAY = 86400


class _Shown(NamedTuple):
    word: str
    at: float  # arrival of the event that first had it
    changes: int = 0


def streaming_metrics(
    transcripts: Transcripts, *, start: float | Mapping[str, float] = 0.0, per: str = "recording"
) -> pd.DataFrame:
    """Latency and stability of live transcripts: one row a recording, then TOTAL.

    ``first_latency`` is the time from a word's end in the audio to the first event that shows
    it (perhaps as another word), ``final_latency`` to its final result: median and 95th
    percentile over words, NaN where no arrival was recorded. A word that is shown before it has
    ended is not late: 0. The time counts from when the audio was sent, as `medtx.stream` records
    it; other recordings are taken to have been sent at the pace of speech, and their latencies
    are NaN, with a warning, where words came before they can have been said. ``revisions`` is the mean number
    of changes of a word after it was first shown, ``changed`` the share of words with any,
    ``withdrawn`` how many words were shown and then taken back. ``start`` is when the audio
    began on the clock of the arrivals (one for all, or by recording). With ``per="word"``, a
    row a word of the final results, by its ``position``.

    Raises `InputError` where there are no events, or the arrivals are times of day and
    ``start`` does not say when the audio began.

    >>> def event(text, t, partial):
    ...     items = [{"Type": "pronunciation", "StartTime": i, "EndTime": i + 1, "Content": w}
    ...              for i, w in enumerate(text.split())]
    ...     return {"t": 1000 * t, "data": {"ResultId": "a", "StartTime": 0, "EndTime": 2,
    ...             "IsPartial": partial, "Alternatives": [{"Transcript": text, "Items": items}]}}
    >>> import medtx
    >>> t = medtx.read([event("no", 1.5, True), event("know pain", 2.5, True),
    ...                 event("no pain", 3.5, False)])
    >>> streaming_metrics(t, per="word")[["content", "first_latency", "final_latency", "revisions"]]
      content  first_latency  final_latency  revisions
    0      no            0.5            2.5          2
    1    pain            0.5            1.5          0
    """
    expect(transcripts, Transcripts)
    if per not in ("recording", "word"):
        raise not_one_of("per", per, ("recording", "word"))
    if transcripts.events.empty:
        raise InputError("these recordings have no streaming events")
    rows: list[tuple[Any, ...]] = []
    withdrawn: dict[str, int] = {}
    faster: list[Any] = []
    words = dict(iter(transcripts.words.groupby("recording", observed=True)))
    for name, events in transcripts.events.groupby("recording", observed=True):
        began = start.get(name, 0.0) if isinstance(start, Mapping) else start
        if (events["arrival"] - began).max() > 30 * _DAY:
            raise InputError(f"recording {name!r}: its arrivals are times of day: start= says when it began")
        finals, withdrawn[name] = _followed(events, words.get(name, transcripts.words[:0]))
        late = _latencies(events, finals, began)
        if late is None:
            late = [(np.nan, np.nan)] * len(finals)
            faster.append(name)
        rows += [
            (name, word.position, word.content, *pair, shown.changes)
            for (word, shown, _), pair in zip(finals, late)
        ]
    if faster:
        warnings.warn(
            f"{len(faster)} recordings (such as {faster[0]!r}) show words before they can have been said: "
            "the audio was sent faster than speech, or start= is too late; their latencies are not known",
            stacklevel=2,
        )
    columns = ["recording", "position", "content", "first_latency", "final_latency", "revisions"]
    table = pd.DataFrame(rows, columns=columns)
    if per == "word":
        return table
    groups = dict(iter(table.groupby("recording"))) | {"TOTAL": table}
    withdrawn["TOTAL"] = sum(withdrawn.values())
    summaries = {
        name: _summary(groups.get(name, table[:0])) | {"withdrawn": gone} for name, gone in withdrawn.items()
    }
    return (
        pd.DataFrame.from_dict(summaries, orient="index")
        .astype({"words": int, "withdrawn": int})
        .rename_axis("recording")
    )


def _latencies(
    events: pd.DataFrame, finals: list[tuple[Any, _Shown, float]], began: float
) -> list[tuple[float, float]] | None:
    """Of each word, until it was first shown and until it was final; None where they make no sense."""
    if events["sent"].notna().any():
        known = events[["arrival", "sent"]].dropna()
        clock = _clock(known["arrival"].to_numpy(), known["sent"].to_numpy(), began)
        heard = [clock(word.end) for word, *_ in finals]
    else:
        heard = [began + word.end for word, *_ in finals]
        for (word, shown, at), end in zip(finals, heard):
            # A word may be shown while it is being said, but is final only when it has ended.
            if at < end - _EARLY or shown.at < began + word.start - _EARLY:
                return None
    return [(_positive(shown.at - end), _positive(at - end)) for (_, shown, at), end in zip(finals, heard)]


_EARLY = 0.25
"""Seconds by which clocks and the times of words may differ."""


def _positive(seconds: float) -> float:
    return seconds if np.isnan(seconds) else max(seconds, 0.0)


def _clock(arrival: np.ndarray, sent: np.ndarray, began: float) -> Callable[[float], float]:
    """When each second of the audio was sent: even between two events that say how much had been."""
    seconds, first = np.unique(np.maximum.accumulate(sent), return_index=True)
    moments = np.maximum.accumulate(arrival[first])
    seconds, moments = np.append(0.0, seconds), np.append(min(began, moments[0]), moments)

    def when(second: float) -> float:
        return float(np.interp(second, seconds, moments))

    return when


def _summary(words: pd.DataFrame) -> dict[str, float]:
    summary: dict[str, float] = {"words": len(words)}
    for column in ("first_latency", "final_latency"):
        summary[column] = words[column].median()
        summary[f"{column}_p95"] = words[column].quantile(0.95)
    revisions = words["revisions"].astype(float)
    return summary | {
        "revisions": revisions.mean(),
        "changed": (revisions > 0).mean() if len(words) else np.nan,
    }


def _followed(events: pd.DataFrame, words: pd.DataFrame) -> tuple[list[tuple[Any, _Shown, float]], int]:
    """Each final word with how it was shown and its arrival; and how many words were withdrawn."""
    said: dict[int, list[Any]] = {}
    for word in words[words["kind"] == "pronunciation"].itertuples():
        said.setdefault(word.segment, []).append(word)
    found: list[tuple[Any, _Shown, float]] = []
    showing: dict[Any, list[_Shown]] = {}
    withdrawn = 0
    for event in events.itertuples():
        key = (event.result, event.channel if isinstance(event.channel, str) else None)
        if event.partial:
            shown = [_bare(word) for word in event.transcript.split()]
            showing[key], gone = _next(showing.get(key, []), shown, event.arrival)
            withdrawn += gone
        elif event.segment >= 0:
            final = said.get(event.segment, [])
            pieces = [(word, _bare(piece)) for word in final for piece in word.content.split() or [""]]
            shown_as, gone = _next(showing.pop(key, []), [piece for _, piece in pieces], event.arrival)
            withdrawn += gone
            by_word: dict[int, list[_Shown]] = {}
            for (word, _), one in zip(pieces, shown_as):
                by_word.setdefault(word.position, []).append(one)
            for word in final:
                mine = by_word[word.position]
                first = min(mine, key=lambda one: one.at)
                changes = max(one.changes for one in mine)
                found.append((word, first._replace(changes=changes), event.arrival))
    return found, withdrawn


def _bare(word: str) -> str:
    return word.lower().strip(".,?!;:") or word


def _next(before: list[_Shown], words: list[str], arrival: float) -> tuple[list[_Shown], int]:
    """The words of an event, each with its past; and how many of those before are gone."""
    after: list[_Shown] = []
    gone = 0
    # Backwards: of equally short edits, the one that puts new words last.
    before, words = before[::-1], words[::-1]
    for edit in Levenshtein.opcodes([one.word for one in before], words):
        old, new = before[edit.src_start : edit.src_end], words[edit.dest_start : edit.dest_end]
        if edit.tag == "insert":
            after += [_Shown(word, arrival) for word in new]
        elif edit.tag == "delete":
            gone += len(old)
        elif edit.tag == "equal":
            after += old
        else:
            after += [_Shown(word, one.at, one.changes + 1) for one, word in zip(old, new)]
    return after[::-1], gone
