"""What was said, written as Transcribe Medical writes it: "500 mg", "BP 120/80", "COPD", full stops.

The medical normaliser reads the words; what it makes of numbers, units and letters is
written in the service's way, and all else stays. Nothing is written that the normaliser
would not read as it reads what was said: so no rewriting can change a dose, or a rate that
is scored with ``normalize="medical"``.

Source: Amazon Transcribe Medical developer guide, "Transcribing numbers"; where the results
of the service itself differ ("98.2 degrees Fahrenheit") they are followed.
"""

from typing import Any

from medtx.scoring.medical import Medical
from medtx.scoring.rules import rules
from medtx.scoring.spoken import UNITS

PAUSE = 0.35
"""Seconds without a word that end a sentence within an utterance."""
QUIET = 0.15
"""Seconds without a word that are left at the end of an utterance which a pause has ended."""

Word = dict[str, Any]
"""``content``, ``start`` and ``end``, perhaps ``confidence``; a mark has ``content`` alone."""

_SHOWN = {"ml": "mL", "dl": "dL", "mcl": "mcL", "meq": "mEq", "mmhg": "mmHg", "iu": "IU", "a1c": "A1c"}
_SHOWN |= {"l": "L", "m2": "m2", "bpm": "BPM", "postop": "POSTOP", "i/o": "I/O", "ct scan": "CT scan"}
_TIMES = frozenset("hr min sec day week units inch c f".split())
"""Units that the service leaves as words."""
_CAPITAL = frozenset(
    "i monday tuesday wednesday thursday friday saturday sunday january february april june july august "
    "september october november december celsius fahrenheit doppler foley".split()
)
_GOES_ON = frozenset(
    "a an and are as at because between but by for from has have in into is no nor not of on or over per "
    "than that the their then this to very was were when which while who with without".split()
)
"""No sentence ends with these: the speaker only stopped for breath."""


def write(words: list[Word], *, ended: bool = False) -> list[Word]:
    """The words of one utterance as they are written, with a full stop if it has ``ended``.

    What is written for several words has the time of them all, and the least of their confidences.

    >>> said = "i gave metoprolol twenty five milligrams for blood pressure one sixty over ninety".split()
    >>> words = [{"content": w, "start": n / 2, "end": n / 2 + 0.5} for n, w in enumerate(said)]
    >>> " ".join(word["content"] for word in write(words))
    'I gave metoprolol 25 mg for BP 160/90'
    >>> write(words[3:5])
    [{'content': '25', 'start': 1.5, 'end': 2.5}]
    """
    said = [word["content"] for word in words]
    read = Medical()(said)
    groups = _groups(list(zip(read.text, read.start, read.stop)))
    shown = _shown(said, groups)
    if Medical()([text for texts, _, _ in shown for text in texts]).text != read.text:
        shown = [([text], n, n + 1) for n, text in enumerate(said)]
    found: list[Word] = []
    for texts, start, stop in shown:
        found += _placed(texts, words[start:stop])
    for word in found:
        if word["content"].partition("'")[0] in _CAPITAL:
            word["content"] = word["content"][0].upper() + word["content"][1:]
    if ended and found and said[-1] not in _GOES_ON:
        found[0]["content"] = found[0]["content"][:1].upper() + found[0]["content"][1:]
        found.append({"content": "."})
    return found


def utterance(words: list[Word], end: float) -> list[Word]:
    """The words of an utterance that lasts until ``end`` as they are written, pauses as full stops."""
    found: list[Word] = []
    first = 0
    for n, word in enumerate(words):
        last = n == len(words) - 1
        quiet = (end if last else words[n + 1]["start"]) - word["end"]
        stop = quiet >= (QUIET if last else PAUSE)
        if last or stop:
            found += write(words[first : n + 1], ended=stop)
            first = n + 1
    return found


def text(words: list[Word]) -> str:
    """The words in a line, marks beside the word before them."""
    return "".join((" " if n and "start" in word else "") + word["content"] for n, word in enumerate(words))


Group = tuple[list[str], int, int]
"""Tokens, or what is written for them, and the span of words that they stand for."""


def _groups(tokens: list[tuple[str, int, int]]) -> list[Group]:
    found: list[Group] = []
    for token, start, stop in tokens:
        if found and start < found[-1][2]:
            texts, first, last = found.pop()
            found.append(([*texts, token], first, max(last, stop)))
        else:
            found.append(([token], start, stop))
    return found


def _shown(said: list[str], groups: list[Group]) -> list[Group]:
    shown: list[Group] = []
    for n, (tokens, start, stop) in enumerate(groups):
        before = groups[n - 1][0][-1] if n else ""
        text = _text(said[start:stop], tokens, before, [group[0][0] for group in groups[n + 1 : n + 4]])
        if text == "%" and shown:
            texts, first, _ = shown.pop()
            shown.append(([*texts[:-1], texts[-1] + text], first, stop))
        else:
            shown.append((text.split() if text else said[start:stop], start, stop))
    return shown


def _text(said: list[str], tokens: list[str], before: str, after: list[str]) -> str:
    """How the service writes these tokens; empty where it leaves what was said."""
    token = " ".join(tokens)
    if [word.lower() for word in said] == tokens:
        return ""
    if token[-1:].isdigit() or token[:1].isdigit() or (token[:1] in "$-" and len(token) > 1):
        return _number(said, token, after)
    if all(len(word) == 1 for word in said) and token == "".join(said):
        return token.upper()
    numeric = before[-1:].isdigit()
    if token == "bp":
        return "BP" if after and after[0][:1].isdigit() else ""
    if token in ("bpm", "mmhg", "%", "iu", "cc") or (len(said) == 1 and token in _MEASURED):
        return _SHOWN.get(token, token) if numeric or before == "per" else ""
    return _SHOWN.get(token, "") if len(said) > 1 else ""


def _number(said: list[str], token: str, after: list[str]) -> str:
    kind = rules().kind
    if len(said) == 1 and (said[0][-1:].isdigit() or kind.get(said[0]) == "ordinal"):
        return "" if said[0][-1:].isdigit() or token in _FIRST_TEN else token
    if len(said) == 1 and token.isdecimal() and int(token) <= 10:
        if after[:1] == ["to"]:  # "five to ten milligrams"
            after = after[2:]
        return token if after and after[0] in _MEASURED else ""
    return _SHOWN.get(token, token.upper() if token[0].isalpha() else token)


_MEASURED = UNITS - _TIMES | {"%", "bpm"}
_FIRST_TEN = {"1st", "2nd", "3rd", *(f"{n}th" for n in range(4, 11))}


def _placed(texts: list[str], words: list[Word]) -> list[Word]:
    if len(texts) == len(words):
        return [word | {"content": text} for word, text in zip(words, texts)]
    sure = [word["confidence"] for word in words if "confidence" in word]
    least = {"confidence": min(sure)} if len(sure) == len(words) else {}
    start, end = words[0]["start"], words[-1]["end"]
    step = (end - start) / len(texts)
    return [
        {"content": text, "start": start + k * step, "end": start + (k + 1) * step} | least
        for k, text in enumerate(texts)
    ]
