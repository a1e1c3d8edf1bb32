"""What must hold of any engine's result: nothing is lost in silence, and times are seconds."""

import re
from collections.abc import Mapping
from typing import Any

import numpy as np

from medtx.reading.build import Parsed

_TIMES = (
    "start started starts end ended ends begin begins beg from to time times timestamp timestamps stamp"
    " offset offsets duration onset ts ms"
)
_OTHERS = "speaker spk channel confidence conf score prob probability logprob"
LIKE_TIMES, LIKE_OTHERS = frozenset(_TIMES.split()), frozenset(_OTHERS.split())
TEXT = frozenset(
    "text word transcript content display displaytext lexical punctuated_word full_transcript value token"
    " utterance sentence".split()
)


def shapes(data: Any) -> set[tuple[Any, ...]]:
    """The keys of each object that stands in a list, or within one that does."""
    found: set[tuple[Any, ...]] = set()
    waiting = [(data, False)]
    while waiting:
        held, listed = waiting.pop()
        if isinstance(held, dict):
            if listed:
                found.add(tuple(held))
            waiting += [(value, listed) for value in held.values() if isinstance(value, dict | list)]
        elif isinstance(held, list):
            waiting += [(value, True) for value in held if isinstance(value, dict | list)]
    return found


def unread(data: Any, known: frozenset[str]) -> tuple[list[str], list[str]]:
    """Keys beside texts that are not known: what looks like times; like speakers, channels, confidences."""
    told = (shape for shape in shapes(data) if any(_plain(key) in TEXT for key in shape))
    times, others = [], []
    for key in sorted({str(key) for shape in told for key in shape} - known):
        parts = set(re.findall(r"[a-z]+", re.sub(r"([a-z])([A-Z])", r"\1 \2", key).lower()))
        if parts & LIKE_TIMES:
            times.append(key)
        elif parts & LIKE_OTHERS:
            others.append(key)
    return times, others


def _plain(key: Any) -> str:
    return str(key).lower()


def speaks(data: Any) -> bool:
    """Whether there is text that looks like what was said."""
    if isinstance(data, list):
        return any(map(speaks, data))
    if not isinstance(data, Mapping):
        return False
    return any(
        (isinstance(value, str) and _plain(key) in TEXT and re.search(r"\w", value) is not None)
        or (isinstance(value, list) and _plain(key) == "words" and any(isinstance(one, str) for one in value))
        or (isinstance(value, Mapping | list) and speaks(value))
        for key, value in data.items()
    )


def wrong_unit(parsed: Parsed) -> str:
    """What is wrong with times that cannot be seconds; empty if nothing is.

    People say two or three words a second. Milliseconds read as seconds give less than one a minute,
    and seconds read as milliseconds give hundreds in each.
    """
    words, segments = parsed.tables.get("words", {}), parsed.tables.get("segments", {})
    said = len(words.get("content", ()))
    if not said:
        return ""
    start, end = (np.asarray(words.get(side, [np.nan]), dtype=float) for side in ("start", "end"))
    length = end - start
    count, spoken = int(np.count_nonzero(length > 0)), float(np.nansum(length[length > 0]))
    if not count and "start" in segments:
        start, end = (np.asarray(segments[side], dtype=float) for side in ("start", "end"))
        count, spoken = said, float(np.nansum(end - start))
    if count and spoken > 60 and count / spoken < 1 / 50:
        return f"{count} words last {spoken:.6g} s: expected seconds, these look like milliseconds"
    if count >= 5 and spoken > 0 and count / spoken > 100:
        return f"{count} words last {spoken:.3f} s: expected seconds, these look like thousandths of them"
    last, whole = np.nanmax(end, initial=-1), parsed.recording.get("duration")
    if last > 1e6:
        return f"words at {last:.0f} s: expected seconds from the begin of the recording"
    if whole and last > 10 * whole + 30:
        return f"words at {last:.0f} s of a recording of {whole:.0f} s: expected seconds within it"
    return ""


def mute(made: list[Parsed]) -> bool:
    """Whether no recording has a word, and none says that its text is no speech."""
    return not any(parsed.silent or parsed.tables.get("words", {}).get("content") for parsed in made)


def untimed(made: list[Parsed]) -> bool:
    """Whether there are words and none has a time."""
    held = [parsed.tables["words"] for parsed in made if parsed.tables.get("words", {}).get("content")]
    return bool(held) and all(np.isnan(np.asarray(words["start"], dtype=float)).all() for words in held)
