"""WebVTT and SRT captions: every line of text belongs to a cue, or is refused.

The cues are read by webvtt-py. Real files break the rules that it keeps (a cue without a number,
blank lines inside a cue or none between cues), so their lines are put in order first.

https://www.w3.org/TR/webvtt1/
"""

import re
from collections.abc import Iterator
from html import unescape
from itertools import pairwise

import webvtt

from medtx.errors import ReadError
from medtx.reading import turns
from medtx.reading.build import Parsed
from medtx.reading.repeats import Cue, once
from medtx.reading.told import tell
from medtx.reading.utterances import Utterance, recording, seconds

_TIME = r"(?:\d+:)?\d{1,2}:\d{1,2}(?:[.,]\d{1,3})?"
_TIMING = re.compile(rf"\s*({_TIME})\s*-->\s*({_TIME})(?![\d:.,])")
_ALONE = re.compile(rf"{_TIME}\s*-->\s*{_TIME}(?:\s+\w+:.*)?")
_TAG = re.compile(
    r"</?(?:c|i|b|u|s|v|em|ruby|rt|lang|font|span|strong|br|p|div|big|small|sub|sup|mark)(?=[\s.>/])[^<>]*>"
    rf"|<(?P<time>{_TIME})>|(?P<override>\{{\\[^}}]*\}})|(?P<line>\\[Nh])",
    re.IGNORECASE,
)
_ENTITY = re.compile(r"&(?:[A-Za-z][A-Za-z0-9]{1,30}|#\d{1,7}|#[xX][0-9a-fA-F]{1,6});")
_DASH = re.compile(r"\s*(?:[-\u2010-\u2014](?!\d)\s*|>>+\s*)(?=\S)")
_BLOCK = re.compile(r"NOTE(?:[ \t].*)?|STYLE\s*|REGION\s*")
_HEAD = re.compile(r"WEBVTT(?:[ \t].*)?|X-TIMESTAMP-MAP\s*=.*")


def captions(text: str, source: str, *, speakers: bool | None = None) -> list[Parsed]:
    """WebVTT or SRT: a cue is an utterance; voice tags and labels are speakers.

    Words keep the times that stand inside cues. Text that is shown again (captions that roll up
    or grow, or that mark one word after the other) counts once.
    """
    found = sorted(_cues(text, source), key=lambda cue: cue.start)
    kept, doubtful = once(found)
    if doubtful:
        tell(source, "many cues repeat text of the cue before them, which was counted each time")
    if not found:
        raise ReadError(source, "expected at least one cue with -->")
    return [recording(_spoken([u for cue in kept for u in _voices(cue)], source, speakers), source)]


def is_captions(text: str) -> bool:
    """Whether a text is one of captions, whatever its name: numbers above its times, or WebVTT's head.

    >>> is_captions("1\\n00:00:01,000 --> 00:00:02,000\\nTake two")
    True
    """
    if "-->" not in text:
        return False
    lines = [line.strip() for line in re.split(r"\r\n|\r|\n", text.removeprefix("\ufeff")) if line.strip()]
    above = [before for before, line in pairwise(["", *lines]) if _ALONE.fullmatch(line)]
    return bool(above) and (lines[0].startswith("WEBVTT") or all(before.isdecimal() for before in above))


def _cues(text: str, source: str) -> Iterator[Cue]:
    blocks = list(_blocks(text, source))
    tidy = "".join(f"\n{timing}\n" + "".join(f"{line}\n" for line in lines) for timing, lines in blocks)
    captions = webvtt.from_string("WEBVTT\n" + tidy).captions
    if [caption.lines for caption in captions] != [lines for _, lines in blocks]:
        raise ReadError(source, "expected captions, found times or text that cannot be read as such")
    for caption in captions:
        yield _marked(seconds(caption.start), seconds(caption.end), caption.raw_text)


def _blocks(text: str, source: str) -> Iterator[tuple[str, list[str]]]:
    """The timing of each cue, as WebVTT writes it, and its lines of text."""
    lines = re.split(r"\r\n|\r|\n", text.removeprefix("\ufeff"))
    times = [n for n, line in enumerate(lines) if "-->" in line]
    structure = _structure(lines, times)
    for at, end in zip([-1, *times], [*times, len(lines)]):
        inside = [n for n in range(at + 1, end) if lines[n].strip() and n not in structure]
        if at < 0:
            if inside:
                raise ReadError(source, "expected a cue with --> before any text", f"line {inside[0] + 1}")
            continue
        timing = _TIMING.match(lines[at])
        try:
            start, stop = (_written(seconds(time)) for time in timing.groups()) if timing else ("", "")
        except ValueError:
            timing = None
        if timing is None:
            raise ReadError(source, "expected 00:00:00.000 --> 00:00:00.000", f"line {at + 1}")
        yield f"{start} --> {stop}", [lines[n].replace("\u0085", " ") for n in inside]


def _written(time: float) -> str:
    thousands = round(time * 1000)
    minutes, rest = divmod(thousands, 60_000)
    return f"{minutes // 60:02}:{minutes % 60:02}:{rest // 1000:02}.{rest % 1000:03}"


def _structure(lines: list[str], times: list[int]) -> set[int]:
    """The lines that are not said: headers, notes, styles, and the number or name above a timing."""
    found: set[int] = set()
    vtt = next((line for line in lines if line.strip()), "").startswith("WEBVTT")
    block = False
    if vtt:
        for n, line in enumerate(lines):
            if "-->" in line or not line.strip():
                block = False
            elif block or ((n == 0 or not lines[n - 1].strip()) and (_BLOCK.fullmatch(line) or _head(line))):
                block = True
                found.add(n)
    above = [n - 1 for n in times if n and lines[n - 1].strip() and n - 1 not in found]
    first = [n for n in above if n == 0 or not lines[n - 1].strip() or "-->" in lines[n - 1]]
    numbered = bool(times) and times[0] - 1 in above and lines[times[0] - 1].strip().isdecimal()
    named = vtt and 2 * len(first) >= len(times)
    found.update(n for n in above if lines[n].strip().isdecimal() and (numbered or n in first))
    return found | (set(first) if named else set())


def _head(line: str) -> bool:
    return _HEAD.fullmatch(line) is not None


def _marked(start: float, end: float, raw: str) -> Cue:
    """A cue without its tags, with what they say of its words."""
    words: list[str] = []
    breaks, voices, times = [0], [], []
    lit: set[int] = set()
    tags = 0
    glue = True  # whether the next piece goes on with the word before
    for line in raw.split("\n"):
        dash = _DASH.match(unescape(line) if "&gt;&gt;" in line else line)
        line = (unescape(line) if "&gt;&gt;" in line else line)[dash.end() :] if dash else line
        breaks.append(len(words)) if words else None
        if dash:
            voices.append((len(words), ""))
        glue, at = False, 0
        for tag in [*_TAG.finditer(line), None]:
            piece = _plain(line[at : tag.start() if tag else len(line)])
            pieces = piece.split()
            if pieces and glue and not piece[:1].isspace() and words:
                words[-1] += pieces.pop(0)
            if tags:
                lit.update(range(len(words), len(words) + len(pieces)))
            words += pieces
            glue = bool(piece.strip()) and not piece[-1:].isspace() if piece else glue
            if tag is None:
                break
            at = tag.end()
            name = tag[0][1:].lower()
            if tag["time"]:
                times.append((len(words), seconds(tag["time"])))
            elif tag["line"] or re.match(r"/?(br|rt|p|div)\b", name):
                glue = False
            elif re.match(r"(u|b|font|c)\b", name):
                tags += 1
            elif re.match(r"/(u|b|font|c)\b", name):
                tags = max(0, tags - 1)
            elif re.match(r"v[\s.]", name):
                voices.append((len(words), _plain(tag[0][1:-1].partition(" ")[2]).strip()))
                glue = False
            elif name.startswith("/v"):
                voices.append((len(words), ""))
                glue = False
    return Cue(start, end, words, breaks, voices, times, set() if times else lit)


def _plain(text: str) -> str:
    return _ENTITY.sub(lambda e: re.sub("[\u200e\u200f]", "", unescape(e[0])), text)


def _voices(cue: Cue) -> Iterator[Utterance]:
    """The words of a cue that are new, an utterance for each voice."""
    cuts = sorted({0, *(n for n, _ in cue.voices), len(cue.words)})
    voice = dict(cue.voices)
    who = ""
    for begin, stop in pairwise(cuts):
        who = voice.get(begin, who)
        begin = max(begin, cue.new)
        if begin < stop:
            words = cue.words[begin:stop]
            spans = tuple(cue.spans[begin:stop]) if cue.spans else ()
            yield Utterance(" ".join(words), cue.start, cue.end, who or None, None, spans)


def _spoken(said: list[Utterance], source: str, speakers: bool | None) -> list[Utterance]:
    """Labels at the begin of cues (``DOCTOR: any pain?``) become speakers."""
    if speakers is False or any(u.speaker for u in said) or not any(":" in u.text for u in said):
        return said
    found, doubt = turns.utterances("\n".join(u.text for u in said), speakers)
    if len(found) != len(said):
        return said
    if doubt:
        tell(source, doubt)
    labelled = [bool(f.speaker) and f.text != u.text for f, u in zip(found, said)]
    return [
        u._replace(text=f.text, speaker=f.speaker, words=u.words[len(u.words) - len(f.text.split()) :])
        if one
        else u
        for u, f, one in zip(said, found, labelled)
    ]
