"""Speaker labels and time stamps in running text -> utterances with speakers and times.

Forms: ``D: text``, ``[00:03] Patient: text``, ``Dr Smith (00:01:02): text``, ``doctor<TAB>text``,
``[doctor] text``, and a line of its own (``Speaker 1   00:15``) before the text. A heading of a
dictation (``Assessment: ...``) looks alike, so a label needs evidence: it is the name of a role,
or it recurs and alternates with another. What stays doubtful is told.
"""

import re
from collections import Counter
from collections.abc import Iterator
from itertools import pairwise
from typing import NamedTuple

from medtx.reading.labels import kind
from medtx.reading.utterances import Utterance, seconds

TAKEN = "few lines begin with a label; it was taken for a speaker (speakers=False keeps it as words)"
LEFT = "some lines begin with a label that may be a speaker; it was kept as words (speakers=True takes it)"

OTHERS = (
    "labels that name no role were taken for speakers, as they alternate (speakers=False keeps them as words)"
)

MARK = re.compile(r"[:\uff1a\t\[<{]|[ \u00a0][-\u2013\u2014] ")
"""What a text with labels or times holds; one without needs no second look."""
_TIME = r"(?:(?:\d{1,3}:)?\d{1,2}:(?:\d{1,2}[.,]\d{1,3}|\d{2})|\d{1,6}[.]\d{1,3}s)"
_SPAN = rf"(?P<start>{_TIME})(?:\s*(?:-->|->|[-\u2013\u2014]|to)\s*(?P<end>{_TIME}))?"
_LEAD = re.compile(
    rf"(?P<open>[\[(<]?)\s*{_SPAN}\s*(?P<close>[\])>]?)(?=[\s:,;|\u2013-]|$)\s*(?:[-\u2013|:,]\s+)?"
)
_NAME = r"[^\W\d_][^:\uff1a\t\n\[\]<>?!;,]{0,39}?"
_COLON = re.compile(rf"\[?(?P<label>{_NAME})\]?\s*(?:[\[(]\s*{_SPAN}\s*[\])])?\s*[:\uff1a](?![\d/\\])\s*")
_OWN = re.compile(rf"\[?(?P<label>{_NAME})(?P<gap>\]?[\s,|\u2013-]*[\[(]?)\s*{_SPAN}\s*[\])]?")
_TAB = re.compile(rf"(?P<label>{_NAME})[ ]*\t\s*(?=\S)")
_BRACKET = re.compile(r"\[(?P<label>[^\W\d_][^\[\]:]{0,30})\]:?\s*")
_AFTER = re.compile(r"(?<=[.?!\u2026\"\u201d])[ \t]+(?P<label>[^\W\d_][\w. ]{0,25}?)\s?[:\uff1a](?=\s)")
_BOLD = re.compile(r"(?m)^[ \t]*(?:\*\*|__)([^\W\d_][^*:\n]{0,39}?)(?::(?:\*\*|__)|(?:\*\*|__):)[ \t]*")
_ENCLOSED = re.compile(
    r"(?m)^[ \t\u200b\ufeff]*(?:<(?=[^<>\n]+>)|\{(?=[^{}\n]+\}))(?P<label>[^\W\d_][\w .]{0,25})[>}]:?[ \t]*"
)
_DASHED = re.compile(r"(?m)^[ \t]*(?P<label>[^\W\d_][\w .]{0,25}?)[ \t\u00a0]+[-\u2013\u2014][ \t]+(?=\S)")
_INSIDE = re.compile(rf"\[\s*(?P<start>{_TIME})\s*\]")

_SURE = ("machine", "role")
_SOAP = ({"s", "o"}, {"o", "a"})


class Head(NamedTuple):
    """The begin of a line, before what is said."""

    label: str = ""
    start: float | None = None
    end: float | None = None
    said: str = ""
    stamped: bool = False  # in brackets, a span of time, or with a label on a line of its own
    colon: bool = False  # whether the label can stand by its form; a tab or a bracket needs a role


def utterances(text: str, speakers: bool | None = None) -> tuple[list[Utterance], str]:
    """The lines of a text as utterances, and what is doubtful of their labels (`TAKEN`, `LEFT` or nothing).

    ``speakers``: True takes every label for a speaker, False none.

    >>> utterances("D: Any pain?\\nP: No.")[0]
    [Utterance(text='Any pain?', start=None, end=None, speaker='D', channel=None, words=()),
     Utterance(text='No.', start=None, end=None, speaker='P', channel=None, words=())]
    >>> utterances("Assessment: chest pain.")[0][0].text
    'Assessment: chest pain.'
    """
    if speakers is False or not MARK.search(text):
        return [Utterance(line) for line in text.splitlines() if line.strip()], ""
    apart = _AFTER.sub(_own_line, _BRACKET.sub(_own_line, _with_colons(text)))
    lines = [line for line in apart.splitlines() if line.strip()]
    heads = _followed(_below([_head(line.strip()) for line in lines]), lines)
    labels, doubt = _accepted(heads, speakers)
    times = _are_times(heads, labels)
    return list(_turns(lines, heads, labels, times)), doubt


def _with_colons(text: str) -> str:
    """Other ways to set off the name of a role or a machine's label, written with a colon.

    A dash is one only where several speakers have it: a dictation may say "Patient - 54 years old".
    """
    text = _BOLD.sub(r"\1: ", text)
    text = _ENCLOSED.sub(lambda m: f"{m['label']}: " if kind(m["label"]) in _SURE else m[0], text)
    dashed = {m["label"].casefold() for m in _DASHED.finditer(text) if kind(m["label"]) in _SURE}
    if len(dashed) < 2:
        return text
    return _DASHED.sub(lambda m: f"{m['label']}: " if m["label"].casefold() in dashed else m[0], text)


def _own_line(found: "re.Match[str]") -> str:
    sure = kind(found["label"]) in (_SURE if found[0][0] == "[" else (*_SURE, "letter"))
    return f"\n{found[0].lstrip()}" if sure else found[0]


def _head(line: str) -> Head:
    start = end = None
    rest, sure = line, False
    if lead := _LEAD.match(line):
        rest = line[lead.end() :]
        start, end = _span(lead)
        sure = bool(lead["open"] and lead["close"]) or end is not None
    own = _OWN.fullmatch(rest) if start is None else None
    if own and _is_name(own["label"]) and (own["gap"] != " " or kind(own["label"]) in _SURE):
        return Head(own["label"].strip(), *_span(own), "", True, True)
    for pattern in (_COLON, _TAB, _BRACKET):
        if (found := pattern.match(rest)) and _is_name(found["label"]):
            label, said = found["label"].strip(), rest[found.end() :]
            colon = pattern is _COLON or (sure and pattern is _TAB)
            if pattern is _COLON and found["start"]:
                return Head(label, *_span(found), said, True, colon)
            if pattern is _COLON and start is None and (after := _LEAD.match(said)) and kind(label) in _SURE:
                return Head(label, *_span(after), said[after.end() :], after["end"] is not None, True)
            if colon or kind(label) in _SURE or pattern is _TAB:
                return Head(label, start, end, said, sure, colon)
    return Head("", start, end, rest, sure)


def _span(found: "re.Match[str]") -> tuple[float | None, float | None]:
    start, end = found["start"], found["end"]
    return seconds(start), seconds(end) if end else None


def _is_name(label: str) -> bool:
    words = label.split()
    return 0 < len(words) <= 5 and not label.rstrip().endswith(("...", "…"))


def _below(heads: list[Head]) -> list[Head]:
    """Names on a line of their own between a line of a time only and what is said, as Teams writes them."""

    def alone(n: int) -> bool:
        return heads[n].start is not None and not heads[n].label and not heads[n].said

    def words(n: int) -> bool:
        return n < len(heads) and heads[n].start is None and not heads[n].label

    times = [n for n in range(len(heads)) if alone(n)]
    under = [n + 1 for n in times if words(n + 1) and words(n + 2) and _is_name(heads[n + 1].said)]
    under = [n for n in under if heads[n].said[-1:] not in tuple(".?!,")]
    kinds = {kind(heads[n].said) for n in under}
    again = len({heads[n].said.casefold() for n in under}) < len(under)
    if under and len(under) == len(times) and (again or kinds <= {"machine", "role"}):
        for n in under:
            time = heads[n - 1]
            heads[n - 1 : n + 1] = [Head(), Head(heads[n].said, time.start, time.end, "", True, True)]
    return heads


def _followed(heads: list[Head], lines: list[str]) -> list[Head]:
    """A name and a time on a line of their own are a label if words follow; else they are words."""
    for n, head in enumerate(heads):
        own = head.label and head.stamped and not head.said
        if own and (n + 1 == len(heads) or heads[n + 1].label):
            heads[n] = Head(said=lines[n].strip())
    return heads


def _accepted(heads: list[Head], speakers: bool | None) -> tuple[set[str], str]:
    """The labels that are speakers, in small letters, and what is doubtful."""
    lines = [(head, head.label.casefold()) for head in heads if head.label]
    if speakers or not lines:
        return {key for _, key in lines}, ""
    count = Counter(key for _, key in lines)
    kinds = {key: kind(key) for key in count}
    whole = len(lines) == sum(bool(head.label or head.said) for head in heads)  # each line has a label
    headed = "heading" in kinds.values()
    taken, doubt = _by_form(lines, count, kinds, whole)
    others = {key for head, key in lines if head.colon and kinds[key] == "other"}
    again = {key for key in others if count[key] > 1} | taken
    half = 2 * sum(count[key] for key in again) >= len(heads)
    doses = 2 * sum(head.said[:1].isdigit() for head, key in lines if key in others) >= len(lines)
    if len(again) > 1 and half and not headed and not doses and _alternate([key for _, key in lines], again):
        doubt = doubt if taken else OTHERS
        taken = again
    if taken and whole and not headed:
        taken |= others
    tabs = {key for head, key in lines if not head.colon and kinds[key] == "other" and count[key] > 1}
    if whole and len(tabs | taken) > 1 and len(lines) >= 4:
        taken |= tabs
    left = {key for head, key in lines if head.colon and key not in taken and kinds[key] != "heading"}
    often = any(count[key] > 1 or kinds[key] in ("role", "letter") for key in left)
    return taken, LEFT if often or (len(left) > 1 and whole and not headed) else doubt


def _by_form(
    lines: list[tuple[Head, str]], count: Counter[str], kinds: dict[str, str], whole: bool
) -> tuple[set[str], str]:
    """The labels that their form, or a time beside them, shows to be speakers."""
    taken = {key for key in count if kinds[key] == "machine"}
    taken |= {
        key for head, key in lines if head.stamped and head.start is not None and kinds[key] != "heading"
    }
    alone = lines[0][1] if len(lines) == 1 and not taken else ""
    doubt = TAKEN if kinds.get(alone) == "letter" or alone in ("patient", "pt", "client") else ""
    roles = {key for key in count if kinds[key] == "role"}
    spoken = sum(count[key] for key in roles)
    headings = sum(count[key] for key in count if kinds[key] == "heading")
    dialogue = not headings or spoken >= max(4, 2 * headings)
    if roles and dialogue and (spoken > 1 or taken or whole):
        taken |= roles
    letters = {key for key in count if kinds[key] == "letter"}
    if letters and not headings and not any(letters >= soap for soap in _SOAP):
        again = len(letters) > 1 and sum(count[key] for key in letters) > len(letters)
        if again or (whole and (letters == {"q", "a"} or letters <= {"d", "p"})):
            taken |= letters
    return taken, doubt if taken else ""


def _alternate(labels: list[str], known: set[str]) -> bool:
    """Whether another label follows in most cases, as turns do."""
    turns = [label for label in labels if label in known]
    changes = sum(a != b for a, b in pairwise(turns))
    return 2 * changes >= len(turns) - 1


def _are_times(heads: list[Head], labels: set[str]) -> bool:
    """Whether bare clock times at the begin of lines are stamps: most lines have one, in order."""
    bare = [head for head in heads if head.start is not None and not head.stamped]
    starts = [head.start or 0.0 for head in bare]
    ordered = bool(bare) and all(a <= b for a, b in pairwise(starts))
    early = ordered and starts[0] < 300  # a recording begins before a consultation's clock does
    most = 2 * len(bare) >= len(heads) > 1
    return (early and most) or (ordered and all(head.label.casefold() in labels for head in bare))


def _turns(lines: list[str], heads: list[Head], labels: set[str], times: bool) -> Iterator[Utterance]:
    names = Counter(head.label for head in heads if head.label.casefold() in labels)
    shown: dict[str, str] = {}
    for name, _ in names.most_common():
        shown.setdefault(name.casefold(), name if len(name) > 1 else name.upper())
    again, inline = _patterns(set(shown.values()))
    who: str | None = None
    waiting: tuple[float | None, float | None] = (None, None)
    for line, head in zip(lines, heads):
        line = line.strip()
        timed = head.start is not None and (head.stamped or times)
        rest, mine = line, head.label.casefold() in labels and bool(head.label)
        if mine:
            who, rest = shown[head.label.casefold()], head.said
        elif timed and not head.label:
            rest = head.said
        elif timed and (lead := _LEAD.match(line)):
            rest = line[lead.end() :]  # the label stays among the words
        elif head == Head():  # a time whose name was found on the line below
            continue
        elif again and (slip := again.match(line)):
            who, rest = shown[_matched(slip).casefold()], line[slip.end() :]
        now = (head.start, head.end) if timed else waiting
        waiting = (None, None)
        if not rest.strip():
            waiting = now
            continue
        for said, speaker, start in _pieces(rest, inline):
            who = shown.get(speaker.casefold(), who) if speaker else who
            now = now if start is None else (start, None)
            if said.strip():
                known = None if who and who.casefold() == "unknown" else who
                yield Utterance(said.strip(), *now, known)
                now = (None, None)


def _patterns(labels: set[str]) -> "tuple[re.Pattern[str] | None, re.Pattern[str] | None]":
    """For labels that are known now: with a slip of the key at the begin of a line; inside a line."""
    if not labels:
        return None, None
    some = "|".join(re.escape(label) for label in sorted(labels, key=len, reverse=True))
    letters = "".join(label for label in labels if len(label) == 1 and label.isupper() and label not in "AI")
    slip = rf"|([{letters}])[.\"”]?(?=\s+[A-Z])" if letters else ""
    return (
        re.compile(rf"(?i:({some}))\s*[:\uff1a;]\s*{slip}"),
        re.compile(rf"(?<=[.?!…\"”])\s+({some})\s*[:\uff1a](?=\s)|\[({some})\]:?"),
    )


def _matched(found: "re.Match[str]") -> str:
    return next(group for group in found.groups() if group)


def _pieces(line: str, inline: "re.Pattern[str] | None") -> Iterator[tuple[str, str, float | None]]:
    """A line, cut where a known label or a time in brackets stands inside it."""
    cuts: list[tuple[int, int, str, float | None]]
    cuts = [(m.start(), m.end(), "", seconds(m["start"])) for m in _INSIDE.finditer(line)]
    if inline:
        cuts += [(m.start(), m.end(), _matched(m), None) for m in inline.finditer(line)]
    at, label, start = 0, "", None
    for begin, end, name, time in sorted(cuts, key=lambda cut: cut[:2]):
        yield line[at:begin], label, start
        at, label, start = end, name, time
    yield line[at:], label, start
