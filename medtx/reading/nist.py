"""NIST's formats of its scorer sclite, with the marks that a reference may carry; and Kaldi's text.

``{ have / i've }`` are words of which one is said (``@``: nothing), ``(uh)`` is a word that may be
left out, and a segment of IGNORE_TIME_SEGMENT_IN_SCORING is not scored on either side. The words
table shows the first choice that has words; its column ``variants`` keeps the mark.

References: https://github.com/usnistgov/SCTK/blob/master/doc/infmts.htm
"""

import re
from collections.abc import Iterable, Iterator, Mapping
from functools import lru_cache
from itertools import product
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from medtx.errors import ReadError
from medtx.reading.build import Parsed, Word, check, of_words
from medtx.reading.nist_words import escaped, is_like_mark, plain_words, safe

IGNORED = "IGNORE_TIME_SEGMENT_IN_SCORING"
"""The transcript of a segment that is not scored."""

MOST = 64
"""Ways to read one mark, beyond which it is refused."""

DEEPEST = 20
"""Braces inside each other, beyond which a mark is refused."""

_PIECE = re.compile("[{}/]|[^{}/]+")

Choice = tuple[str, ...]  # the words of a variant; one in round brackets may be left out


class Marked(NamedTuple):
    """Words of a reference, each with the mark that it is part of, or None."""

    words: list[str]
    marks: list[str | None]


def marked(text: str, source: str, place: str) -> Marked:
    """The words that are shown of a text with marks.

    >>> marked("i {have / i've} (uh) see", "x.stm", "line 1")
    Marked(words=['i', 'have', '(uh)', 'see'], marks=[None, "{ have / i've }", '(uh)', None])
    """
    words: list[str] = []
    marks: list[str | None] = []
    pieces = _pieces(text)
    try:
        for choices in _sequence(pieces, inside=0)[0]:
            mark = as_mark(choices) if len(choices) > 1 else None
            for word in shown(choices):
                words.append(word)
                marks.append(mark or (word if is_optional(word) else None))
    except ValueError:
        raise ReadError(source, "expected a } for each {", place) from None
    except OverflowError:
        raise ReadError(source, f"expected at most {MOST} ways to read one mark", place) from None
    except RecursionError:
        raise ReadError(
            source, f"expected marks of at most {DEEPEST} braces inside each other", place
        ) from None
    return Marked(words, marks)


def _pieces(text: str) -> Iterator[str]:
    """Braces, slashes within them, and words. Outside a mark only a brace before a word is one."""
    depth = 0
    for word in text.split():
        at = 0
        while at < len(word):
            inside = depth or word[at] in "{}"
            piece = _PIECE.match(word, at)[0] if inside else word[at:]  # type: ignore[index]  # it takes all
            depth += (piece == "{") - (piece == "}")
            yield piece
            at += len(piece)


def _sequence(pieces: Iterator[str], inside: int) -> list[list[list[Choice]]]:
    """What stands between slashes: each a sequence of things said, each of these a list of choices.

    ``inside`` counts the braces around it. Raises ValueError where braces do not match, and
    RecursionError for too many inside each other.
    """
    if inside > DEEPEST:
        raise RecursionError
    found: list[list[list[Choice]]] = [[]]
    for piece in pieces:
        if piece == "{":
            choices = [choice for sequence in _sequence(pieces, inside + 1) for choice in _joined(sequence)]
            found[-1].append(list(dict.fromkeys(choices)))
        elif piece == "}":
            if not inside:
                raise ValueError
            return [sequence for sequence in found if sequence]
        elif piece == "/" and inside:
            found.append([])
        elif piece != "()":
            found[-1].append([()] if piece == "@" else [(plain_words(piece),)])
    if inside:
        raise ValueError
    return found


def _joined(sequence: list[list[Choice]]) -> list[Choice]:
    """All ways to say a sequence of choices."""
    if np.prod([len(choices) for choices in sequence], dtype=float) > MOST:
        raise OverflowError
    return [tuple(word for choice in one for word in choice) for one in product(*sequence)]


def is_optional(word: str) -> bool:
    return len(word) > 2 and word[0] == "(" and word[-1] == ")"


def shown(choices: Iterable[Choice]) -> Choice:
    """The first choice that has words."""
    return next((choice for choice in choices if choice), ())


def as_mark(choices: Iterable[Choice]) -> str:
    return "{ " + " / ".join(" ".join(choice) or "@" for choice in choices) + " }"


@lru_cache(maxsize=10_000)
def choices_of(mark: str) -> tuple[Choice, ...]:
    """
    >>> choices_of("{ um / oh well / @ }"), choices_of("(uh)")
    ((('um',), ('oh', 'well'), ()), (('(uh)',),))
    """
    if not mark.startswith("{ "):
        return ((mark,),)
    return tuple(() if choice == "@" else tuple(choice.split()) for choice in mark[2:-2].split(" / "))


class Group(NamedTuple):
    """Rows ``first`` up to ``stop`` of a words table show one of these choices."""

    first: int
    stop: int
    choices: tuple[Choice, ...]


def groups(words: pd.DataFrame) -> list[Group]:
    """The marks of a words table, in its order; one whose words were changed since is none."""
    rows = np.flatnonzero(words["variants"].notna())
    marks = words["variants"].astype(object).to_numpy()[rows]
    contents, owner = words["content"].array[rows], words["recording"].cat.codes.to_numpy()[rows]
    found, at = [], 0
    while at < len(rows):
        choices = choices_of(marks[at])
        said = shown(choices)
        stop = at + len(said)
        same = stop <= len(rows) and rows[stop - 1] == rows[at] + len(said) - 1
        same = same and len(set(marks[at:stop])) == 1 and len(set(owner[at:stop])) == 1
        if said and same and tuple(contents[at:stop]) == said:
            found.append(Group(int(rows[at]), int(rows[at]) + len(said), choices))
            at = stop
        else:
            at += 1
    return found


class Segment(NamedTuple):
    start: float | None
    end: float | None
    speaker: str | None
    channel: str | None
    said: Marked
    transcript: str


def _recording(segments: list[Segment], source: str, name: str) -> Parsed:
    said = sorted(segments, key=lambda s: s.start or 0.0)
    columns: dict[str, list[Any]] = {
        "segment": list(range(len(said))),
        "start": [s.start for s in said],
        "end": [s.end for s in said],
        "speaker": [s.speaker for s in said],
        "channel": [s.channel for s in said],
        "transcript": [s.transcript for s in said],
    }
    check(columns, "utterances", source)
    rows = [(n, s, *one) for n, s in enumerate(said) for one in zip(*s.said)]
    words: dict[str, list[Any]] = {
        "segment": [n for n, *_ in rows],
        "content": [word for _, _, word, _ in rows],
        "kind": ["pronunciation"] * len(rows),
        "speaker": [s.speaker for _, s, *_ in rows],
        "channel": [s.channel for _, s, *_ in rows],
    }
    marks = [mark for *_, mark in rows]
    if any(marks):
        words["variants"] = marks
    ends = [s.end for s in said if s.end is not None]
    known = {"duration": max(ends, default=None), "channels": len({s.channel for s in said})}
    return Parsed(known, {"words": words, "segments": columns}, name)


def _lines(text: str) -> Iterator[tuple[int, str]]:
    """Each line with its number, but comments, definitions of labels and blank ones."""
    for number, line in enumerate(text.splitlines(), 1):
        bare = line.strip()
        if bare and not bare.startswith(";;"):
            yield number, bare


def stm(text: str, source: str) -> list[Parsed]:
    """NIST's segment time marks: recording, channel, speaker, start, end, <label>, text."""
    found: dict[str, list[Segment]] = {}
    for number, line in _lines(text):
        place = f"line {number}"
        fields = line.split(None, 5)
        try:
            name, channel, speaker, start, end, said = [*fields, ""][:6]
            times = float(start), float(end)
        except ValueError:
            problem = "expected recording, channel, speaker, start, end and text"
            raise ReadError(source, problem, place) from None
        said = " ".join(re.sub(r"^<[^>]*>\s*", "", said).split())
        if IGNORED in said.upper():
            segment = Segment(*times, speaker, channel, Marked([], []), IGNORED)
        else:
            words = marked(said, source, place)
            segment = Segment(*times, speaker, channel, words, " ".join(words.words))
        found.setdefault(name, []).append(segment)
    return [_recording(said, source, name) for name, said in found.items()]


def _keyed(rows: Iterable[tuple[str, Marked, int]], source: str) -> list[Parsed]:
    """One recording an utterance; each name once."""
    made: dict[str, Parsed] = {}
    for name, said, number in rows:
        if name in made:  # not shown: it may be text
            raise ReadError(source, "expected each recording once, found one again", f"line {number}")
        segment = Segment(None, None, None, None, said, " ".join(said.words))
        made[name] = _recording([segment] if said.words else [], source, name)
    return list(made.values())


def trn(text: str, source: str) -> list[Parsed]:
    """NIST's transcripts: a line an utterance, which ends in its name, ``text (name)``."""

    def rows() -> Iterator[tuple[str, Marked, int]]:
        for number, line in _lines(text):
            parts = re.fullmatch(r"(.*?)\s*\(([^()\s]+)\)", line)
            if parts is None:
                raise ReadError(source, "expected text and a name in round brackets", f"line {number}")
            yield parts[2], marked(parts[1], source, f"line {number}"), number

    return _keyed(rows(), source)


def kaldi(text: str, source: str) -> list[Parsed]:
    """The ``text`` file of Kaldi and ESPnet, or LibriSpeech's .trans.txt: ``name words`` lines."""

    def rows() -> Iterator[tuple[str, Marked, int]]:
        for number, line in enumerate(text.splitlines(), 1):
            name, *words = line.split() or [""]
            if name:
                yield name, Marked(words, [None] * len(words)), number

    return _keyed(rows(), source)


_NAME = re.compile(r"[\w.-]*\d[\w.-]*")


def is_kaldi(text: str) -> bool:
    """Whether each line begins with a name of its own, and these names are of one make.

    A name has a digit. It has a - or _ too, or all are the same but for their digits.

    >>> is_kaldi("utt1 no chest pain\\nutt2 no fever"), is_kaldi("2 mg daily\\n3 mg at night")
    (True, False)
    """
    names = [line.split(None, 1)[0] for line in text.splitlines() if line.strip()]
    if len(names) < 2 or len(set(names)) < len(names) or not all(map(_NAME.fullmatch, names)):
        return False
    joined = all(re.search(r"\w[-_]\w*\d", name) and re.search("[a-zA-Z]|-.*-", name) for name in names)
    stems = {re.sub(r"\d+", "0", name) for name in names}
    return joined or (len(stems) == 1 and bool(re.match("[a-zA-Z]{2}", names[0])))


_ALT = ("<ALT_BEGIN>", "<ALT>", "<ALT_END>")


class _Line(NamedTuple):
    number: int
    fields: list[str]  # recording, channel, start, duration, word and, if given, confidence


def _ctm_lines(text: str, source: str) -> dict[str, list[_Line]]:
    found: dict[str, list[_Line]] = {}
    for number, line in _lines(text):
        fields = line.split()
        if fields[0] == ";":
            continue
        if len(fields) < 5:
            raise ReadError(
                source, "expected recording, channel, start, duration, word and confidence", f"line {number}"
            )
        found.setdefault(fields[0], []).append(_Line(number, fields))
    return found


def _word(line: _Line, source: str) -> Word:
    try:
        _, channel, start, duration, word, *more = line.fields
        sure = float(more[0]) if more and more[0].upper() != "NA" else None
        return Word(plain_words(word), float(start), float(start) + float(duration), sure, channel=channel)
    except ValueError:
        raise ReadError(
            source, "expected recording, channel, start, duration, word and confidence", f"line {line.number}"
        ) from None


def _ctm_words(lines: list[_Line], source: str) -> list[tuple[Word, str | None]]:
    """The words of a recording in the order of the file, those of a mark in the choice that is shown."""
    found: list[tuple[Word, str | None]] = []
    open_: list[list[Word]] | None = None  # the choices of a mark, as far as they were read
    for line in lines:
        content = line.fields[4]
        tag = content.upper()
        if tag in _ALT:
            if (tag == _ALT[0]) != (open_ is None):
                raise ReadError(source, f"expected {', '.join(_ALT)} in this order", f"line {line.number}")
            if tag == _ALT[2]:
                found += _choice(open_ or [])
                open_ = None
            else:
                open_ = [*(open_ or []), []]
            continue
        if content == "@":
            continue
        word = _word(line, source)
        if open_ is None:
            found.append((word, word.content if is_optional(word.content) else None))
        else:
            open_[-1].append(word)
    if open_ is not None:
        raise ReadError(source, f"expected {_ALT[2]} after {_ALT[0]}", f"line {lines[-1].number}")
    return found


def _choice(choices: list[list[Word]]) -> list[tuple[Word, str | None]]:
    texts = list(dict.fromkeys(tuple(word.content for word in choice) for choice in choices))
    said = next((choice for choice in choices if choice), [])
    mark = as_mark(texts) if len(texts) > 1 else None
    return [(word, mark or (word.content if is_optional(word.content) else None)) for word in said]


def ctm(text: str, source: str) -> list[Parsed]:
    """NIST's or Kaldi's time marks of words: recording, channel, start, duration, word, confidence."""
    made = []
    for name, lines in _ctm_lines(text, source).items():
        said = _ctm_words(lines, source)
        said.sort(key=lambda one: (one[0].channel, one[0].start))
        words = [word for word, _ in said]
        # What was recognised has doubts; a reference has no confidences, or those of a forced alignment.
        sure = any(w.confidence is not None and w.confidence < 1 for w in words)
        parsed = of_words("ctm" if sure else None, words, source, name=name)
        if any(mark for _, mark in said):
            parsed.tables["words"]["variants"] = [mark for _, mark in said]
        made.append(parsed)
    return made


def as_written(words: pd.DataFrame) -> pd.DataFrame:
    """The words table as STM writes it: each mark whole in the row of its first word."""
    content = words["content"].astype(object).to_numpy(copy=True)
    for n in np.flatnonzero(words["content"].map(is_like_mark)):
        content[n] = safe(content[n])
    for first, stop, choices in groups(words):
        if len(choices) > 1:
            content[first] = as_mark(tuple(map(escaped, choice)) for choice in choices)
            content[first + 1 : stop] = ""
    return words.assign(content=pd.array(content, dtype="str"))


READERS: Mapping[str, Any] = {".stm": stm, ".ctm": ctm, ".trn": trn, ".kaldi": kaldi}
"""Suffix -> reader; `.kaldi` stands for files that are named ``text``."""
