"""Speaker labels and time stamps in running text -> utterances with speakers and times.

Forms: ``D: text``, ``[00:03] Patient: text``, ``Dr Smith (00:01:02): text``, ``doctor<TAB>text``,
``[doctor] text``, and a line of its own (``Speaker 1   00:15``) before the text. A heading of a
dictation (``Assessment: ...``) looks alike, so a label needs evidence: it is the name of a role,
or it recurs and alternates with another. What stays doubtful is told.
"""

import re
from collections import Counter
from collections.abc import Iterator
from typing import NamedTuple

from medtx.reading.utterances import Utterance, seconds

TAKEN = "few lines begin with a label; it was taken for a speaker (speakers=False keeps it as words)"
LEFT = "some lines begin with a label that may be a speaker; it was kept as words (speakers=True takes it)"

_MARK = re.compile(r"[:：\t\[]")
_TIME = r"(?:\d{1,3}:)?\d{1,2}:(?:\d{1,2}[.,]\d{1,3}|\d{2})"
_SPAN = rf"(?P<start>{_TIME})(?:\s*(?:-->|->|[-–—]|to)\s*(?P<end>{_TIME}))?"
_LEAD = re.compile(rf"(?P<open>[\[(<]?)\s*{_SPAN}\s*(?P<close>[\])>]?)(?=[\s:,;|–-]|$)\s*(?:[-–|:,]\s+)?")
_NAME = r"[^\W\d_][^:：\t\n\[\]<>?!;,]{0,39}?"
_COLON = re.compile(rf"\[?(?P<label>{_NAME})\]?\s*(?:[\[(]\s*{_SPAN}\s*[\])])?\s*[:：](?![\d/\\])\s*")
_OWN = re.compile(rf"\[?(?P<label>{_NAME})\]?[\s,|–-]*[\[(]?\s*{_SPAN}\s*[\])]?")
_TAB = re.compile(rf"(?P<label>{_NAME})[ ]*\t\s*(?=\S)")
_BRACKET = re.compile(r"\[(?P<label>[^\W\d_][^\[\]:]{0,30})\]:?\s*")
_INSIDE = re.compile(rf"\[\s*(?P<start>{_TIME})\s*\]")

_MACHINE = re.compile(
    r"(?:spk|spkr|speaker|participant|person|voice|channel|ch)[ _-]?(?:\d+|[a-z])|unknown(?: speaker)?[ _]?\d*"
)
_ROLE = re.compile(
    r"(?:doctor|doc|dr|physician|clinician|gp|consultant|surgeon|nurse|pharmacist|therapist|physio"
    r"|counsell?or|psychologist|psychiatrist|dentist|midwife|paramedic|provider|practitioner|examiner|student"
    r"|patient|pt|client|caller|customer|agent|operator|host|guest|interviewer|interviewee|interpreter"
    r"|translator|moderator|mother|mum|mom|father|dad|parent|wife|husband|partner|son|daughter|carer"
    r"|caregiver|relative|family member|child|speaker|male|female|man|woman|question|answer)(?:[ _-]?\d+)?"
)
_TITLE = re.compile(r"(?:dr|doctor|mr|mrs|ms|miss|prof|professor|nurse|sister)\b\.? .*")
_HEADINGS = frozenset(
    "abdomen,addendum,address,admission,age,allergies,allergy,assessment,assessment and plan,back,background"
    ",bp,blood pressure,breast,cardiac,cardiovascular,cc,chest,chief complaint,clinical history,comment"
    ",comments,comparison,complaint,complications,conclusion,condition,consultation,course,cranial nerves"
    ",current medications,cvs,date,date of birth,diagnoses,diagnosis,diet,disposition,dob,dosage,dose,drug history"
    ",ears,ekg,ecg,exam,examination,extremities,eyes,family history,findings,follow up,follow-up,from"
    ",gender,general,gi,genitourinary,gu,habits,head,heart,heart rate,heent,height,history,hospital course"
    ",hpi,hr,imaging,immunizations,impression,indication,indications,instructions,investigations,labs"
    ",laboratory,laboratory data,location,lungs,management,meds,medication,medications,mood,mrn,msk"
    ",musculoskeletal,name,neck,neuro,neurologic,neurological,nose,note,notes,number,o2,object,objective,observations,oe"
    ",operation,oxygen saturation,past medical history,past surgical history,past history,pain,pe,pelvis"
    ",physical exam,physical examination,plan,pmh,postoperative diagnosis,preoperative diagnosis"
    ",present illness,prescription,problem,problems,procedure,procedures,prognosis,psych,psychiatric"
    ",psychosocial,pulse,re,reason,reason for visit,recommendation,recommendations,reference,referral"
    ",resp,respiratory,respiratory rate,result,results,review of systems,ros,rr,rx,sats,sex,skin"
    ",social history,sh,fh,spo2,subject,subjective,summary,surgical history,symptoms,technique,temp"
    ",temperature,test,tests,throat,time,title,to,treatment,type,vitals,vital signs,warning,weight".split(",")
)
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
    if speakers is False or not _MARK.search(text):
        return [Utterance(line) for line in text.splitlines() if line.strip()], ""
    lines = [line for line in _BRACKET.sub(_own_line, text).splitlines() if line.strip()]
    heads = _below([_head(line.strip()) for line in lines])
    labels, doubt = _accepted(heads, speakers)
    times = _are_times(heads, labels)
    return list(_turns(lines, heads, labels, times)), doubt


def _own_line(found: "re.Match[str]") -> str:
    return f"\n{found[0]}" if _kind(found["label"]) in ("machine", "role") else found[0]


def _head(line: str) -> Head:
    start = end = None
    rest, sure = line, False
    if lead := _LEAD.match(line):
        rest = line[lead.end() :]
        start, end = _span(lead)
        sure = bool(lead["open"] and lead["close"]) or end is not None
    if (own := _OWN.fullmatch(rest)) and start is None and _is_name(own["label"]):
        return Head(own["label"].strip(), *_span(own), "", True, True)
    for pattern in (_COLON, _TAB, _BRACKET):
        if (found := pattern.match(rest)) and _is_name(found["label"]):
            label, said = found["label"].strip(), rest[found.end() :]
            colon = pattern is _COLON or (sure and pattern is _TAB)
            if pattern is _COLON and found["start"]:
                return Head(label, *_span(found), said, True, colon)
            if colon or _kind(label) in ("machine", "role") or pattern is _TAB:
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
    kinds = {_kind(heads[n].said) for n in under}
    again = len({heads[n].said.casefold() for n in under}) < len(under)
    if under and len(under) == len(times) and (again or kinds <= {"machine", "role"}):
        for n in under:
            time = heads[n - 1]
            heads[n - 1 : n + 1] = [Head(), Head(heads[n].said, time.start, time.end, "", True, True)]
    return heads


def _kind(label: str) -> str:
    key = " ".join(label.casefold().replace(".", "").split())
    if key in _HEADINGS:
        return "heading"
    if _MACHINE.fullmatch(key):
        return "machine"
    if _ROLE.fullmatch(key) or _TITLE.fullmatch(label.casefold()):
        return "role"
    return "letter" if len(key) == 1 else "other"


def _accepted(heads: list[Head], speakers: bool | None) -> tuple[set[str], str]:
    """The labels that are speakers, in small letters, and what is doubtful."""
    lines = [(head, head.label.casefold()) for head in heads if head.label]
    if speakers:
        return {key for _, key in lines}, ""
    count = Counter(key for _, key in lines)
    kinds = {key: _kind(key) for key in count}
    size = Counter(kinds[key] for key in count.elements())
    all_of_them = len(lines) == sum(bool(head.label or head.said) for head in heads)
    taken = {key for key, kind in kinds.items() if kind == "machine"}
    taken |= {key for head, key in lines if head.stamped and head.start is not None and kinds[key] != "heading"}
    roles = {key for key, kind in kinds.items() if kind == "role"}
    dialogue = not size["heading"] or (size["role"] >= 4 and size["role"] >= 2 * size["heading"])
    doubt = ""
    if roles and dialogue and (size["role"] > 1 or taken or all_of_them):
        taken |= roles
        doubt = TAKEN if len(lines) == 1 and not lines[0][0].stamped else ""
    letters = {key for key, kind in kinds.items() if kind == "letter"}
    if letters and not size["heading"] and not any(letters >= soap for soap in _SOAP):
        again = len(letters) > 1 and size["letter"] > len(letters)
        if again or (all_of_them and letters in ({"d", "p"}, {"q", "a"})):
            taken |= letters
        elif all_of_them and letters <= {"d", "p"}:
            taken, doubt = taken | letters, TAKEN
    form = {key for head, key in lines if head.colon and kinds[key] == "other"}
    named = {key for key in form if count[key] > 1}
    if len(named | taken) > 1 and 2 * sum(count[key] for key in named | taken) >= len(heads):
        taken |= named if dialogue and _alternate([key for _, key in lines], named | taken) else set()
    if taken and all_of_them and not size["heading"]:
        taken |= form
    tabs = {key for head, key in lines if not head.colon and kinds[key] == "other" and count[key] > 1}
    if all_of_them and len(tabs | taken) > 1 and len(lines) >= 4:
        taken |= tabs
    left = [key for key in count if key not in taken and kinds[key] != "heading"]
    often = any(count[key] > 1 or kinds[key] in ("role", "letter") for key in left)
    if often or (len(left) > 1 and all_of_them and not size["heading"]):
        doubt = LEFT
    return taken, doubt


def _alternate(labels: list[str], known: set[str]) -> bool:
    """Whether another label follows in most cases, as turns do."""
    turns = [label for label in labels if label in known]
    changes = sum(a != b for a, b in zip(turns, turns[1:]))
    return 2 * changes >= len(turns) - 1


def _are_times(heads: list[Head], labels: set[str]) -> bool:
    """Whether bare clock times at the begin of lines are stamps: most lines have one, in order."""
    bare = [head.start for head in heads if head.start is not None and not head.stamped]
    ordered = all(a <= b for a, b in zip(bare, bare[1:]))
    alone = all(head.label.casefold() in labels for head in heads if head.start is not None and head.label)
    return ordered and (2 * len(bare) >= len(heads) > 1 or (alone and bool(labels)))


def _turns(lines: list[str], heads: list[Head], labels: set[str], times: bool) -> Iterator[Utterance]:
    names = Counter(head.label for head in heads if head.label.casefold() in labels)
    shown: dict[str, str] = {}
    for name, _ in names.most_common():
        shown.setdefault(name.casefold(), name)
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
        re.compile(rf"(?i:({some}))\s*[:：;]\s*{slip}"),
        re.compile(rf"(?<=[.?!…\"”])\s+({some})\s*[:：](?=\s)|\[({some})\]:?"),
    )


def _matched(found: "re.Match[str]") -> str:
    return next(group for group in found.groups() if group)


def _pieces(
    line: str, inline: "re.Pattern[str] | None"
) -> Iterator[tuple[str, str, float | None]]:
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
