"""Reference transcripts: plain text, tables of texts, and the formats that corpora use.

A word is what stands between blanks, exactly as written. Times and speakers are kept
where the format has them; a word has a time of its own in CTM only.
"""

import io
import re
import warnings
from collections.abc import Callable, Iterable, Mapping
from html import unescape
from pathlib import PureWindowsPath
from typing import Any, NamedTuple

import pandas as pd

from medtx.errors import InputError, ReadError
from medtx.reading.build import Builder, Parsed, Word, check, of_words
from medtx.reading.texts import of_texts
from medtx.transcripts import Transcripts


class Utterance(NamedTuple):
    text: str
    start: float | None = None
    end: float | None = None
    speaker: str | None = None
    channel: str | None = None


def recording(utterances: Iterable[Utterance], source: str, name: str = "") -> Parsed:
    """A recording of utterances, in order of time where they have one."""
    said = sorted(utterances, key=lambda u: u.start or 0.0)
    words = [(n, word, u) for n, u in enumerate(said) for word in u.text.split()]
    segments: dict[str, list[Any]] = {
        "segment": list(range(len(said))),
        "start": [u.start for u in said],
        "end": [u.end for u in said],
        "speaker": [u.speaker for u in said],
        "channel": [u.channel for u in said],
        "transcript": [" ".join(u.text.split()) for u in said],
    }
    check(segments, "utterances", source)
    ends = [end for end in segments["end"] if end is not None]
    return Parsed(
        name=name,
        recording={"duration": max(ends, default=None), "channels": len(set(segments["channel"]))},
        tables={
            "words": {
                "segment": [n for n, _, _ in words],
                "content": [word for _, word, _ in words],
                "kind": ["pronunciation"] * len(words),
                "speaker": [u.speaker for _, _, u in words],
                "channel": [u.channel for _, _, u in words],
            },
            "segments": segments,
        },
    )


def _by_recording(utterances: Iterable[tuple[str, Utterance]], source: str) -> list[Parsed]:
    found: dict[str, list[Utterance]] = {}
    for name, utterance in utterances:
        found.setdefault(name, []).append(utterance)
    return [recording(said, source, name) for name, said in found.items()]


def plain(text: str, source: str) -> list[Parsed]:
    """One recording, a line an utterance; or ``recording<TAB>text`` lines."""
    lines = [line for line in text.splitlines() if line.strip()]
    if lines and all("\t" in line for line in lines):
        rows = [line.split("\t", 1) for line in lines]
        return rows_of(((name.strip(), said) for name, said in rows), source)
    return [recording((Utterance(line) for line in lines), source)]


def rows_of(rows: Iterable[tuple[str, str]], source: str) -> list[Parsed]:
    """One recording a row; each name once."""
    texts: dict[str, str] = {}
    for number, (name, said) in enumerate(rows, 1):
        if name in texts:  # not shown: it may be text
            raise ReadError(source, "expected each recording once, found one again", f"row {number}")
        texts[name] = said
    return [recording([Utterance(said)], source, name) for name, said in texts.items()]


NAMES = ("recording", "file_name", "audio_filepath", "path", "id")
TEXTS = ("reference", "text", "transcript", "transcription", "sentence")


def manifest(text: str, source: str) -> list[Parsed]:
    """A table with a row a recording: audio-folder's metadata.csv and its like."""
    header = text.partition("\n")[0]
    try:
        with warnings.catch_warnings(action="error", category=pd.errors.ParserWarning):
            table = pd.read_csv(
                io.StringIO(text),
                sep=max(",;\t", key=header.count),
                dtype=str,
                keep_default_na=False,
                index_col=False,
            )
    except pd.errors.ParserWarning:
        raise ReadError(source, "expected as many fields in each row as in the header") from None
    except (pd.errors.ParserError, pd.errors.EmptyDataError) as error:
        raise ReadError(source, f"expected a table: {str(error).lower().strip()}") from None
    return rows_of(entries(table.to_dict("records"), source, "row"), source)


def entries(rows: Iterable[Mapping[Any, Any]], source: str, place: str) -> Iterable[tuple[str, str]]:
    """Name and text of each row of a manifest (also NeMo's, which has an object a line)."""
    for number, row in enumerate(rows, 1):
        name = next((str(row[key]) for key in NAMES if row.get(key)), None)
        said = next((row[key] for key in TEXTS if row.get(key) is not None), None)
        if name is None or said is None:
            raise ReadError(
                source,
                f"expected a recording ({', '.join(NAMES)}) and its text ({', '.join(TEXTS)})",
                f"{place} {number}",
            )
        yield PureWindowsPath(name).stem if "recording" not in row else name, str(said)


_TOKEN = re.compile(r'"(?:[^"]|"")*"|<exists>|(?<![\w\[.-])-?\d+(?:\.\d+)?(?:[eE][-+]?\d+)?(?![\w\]])')
_TAG = re.compile(r"</?[A-Z_]+/?>")  # PriMock57's <UNSURE>...</UNSURE>, <UNIN/>, <INAUDIBLE_SPEECH/>


def textgrid(text: str, source: str) -> list[Parsed]:
    """Praat's TextGrid, long or short: a tier is a speaker. Tags in capitals are taken out.

    https://www.fon.hum.uva.nl/praat/manual/TextGrid_file_formats.html
    """
    tokens = iter(_TOKEN.findall(text))

    def number() -> float:
        return float(next(tokens))

    def string() -> str:
        token = next(tokens)
        if not token.startswith('"'):
            raise ValueError
        return str(token[1:-1].replace('""', '"'))

    utterances = []
    try:
        if string() != "ooTextFile" or string() != "TextGrid":
            raise ValueError
        number(), number()
        next(tokens)
        for _ in range(int(number())):
            kind, speaker = string(), string()
            number(), number()
            for _ in range(int(number())):
                start = number()
                end = number() if kind == "IntervalTier" else start
                said = _TAG.sub(" ", string()).strip()
                if said:
                    utterances.append(Utterance(said, start, end, speaker))
    except (StopIteration, ValueError):
        where = f"after {len(utterances)} utterances"
        raise ReadError(source, "expected a whole TextGrid of tiers and intervals", where) from None
    return [recording(utterances, source)]


def stm(text: str, source: str) -> list[Parsed]:
    """NIST's segment time marks: recording, channel, speaker, start, end, <label>, text."""
    utterances = []
    for number, line in enumerate(text.splitlines(), 1):
        if not line.strip() or line.startswith(";;"):
            continue
        fields = line.split(None, 5)
        try:
            name, channel, speaker, start, end, said = [*fields, ""][:6]
            utterance = Utterance(
                re.sub(r"^<[^>]*>\s*", "", said), float(start), float(end), speaker, channel
            )
        except ValueError:
            raise ReadError(
                source, "expected recording, channel, speaker, start, end and text", f"line {number}"
            ) from None
        if utterance.text.strip().lower() != "ignore_time_segment_in_scoring":
            utterances.append((name, utterance))
    return _by_recording(utterances, source)


def ctm(text: str, source: str) -> list[Parsed]:
    """NIST's or Kaldi's time marks of words: recording, channel, start, duration, word, confidence."""
    found: dict[str, list[Word]] = {}
    for number, line in enumerate(text.splitlines(), 1):
        if not line.strip() or line.startswith(";;"):
            continue
        try:
            name, channel, start, duration, word, *more = line.split()
            sure = float(more[0]) if more and more[0].upper() != "NA" else None
            said = Word(word, float(start), float(start) + float(duration), sure, channel=channel)
        except ValueError:
            raise ReadError(
                source, "expected recording, channel, start, duration, word and confidence", f"line {number}"
            ) from None
        found.setdefault(name, []).append(said)
    return [
        # What was recognised has doubts; a reference has no confidences, or those of a forced alignment.
        of_words(
            "ctm" if any(w.confidence is not None and w.confidence < 1 for w in words) else None,
            sorted(words, key=lambda w: (w.channel, w.start)),
            source,
            name=name,
        )
        for name, words in found.items()
    ]


_CUE = re.compile(r"((?:\d+:)?\d{1,2}:\d{2}[.,]\d{1,3})\s*-->\s*((?:\d+:)?\d{1,2}:\d{2}[.,]\d{1,3})")
_VOICE = re.compile(r"<v(?:\.[^ >]*)?\s+([^>]+)>")


def captions(text: str, source: str) -> list[Parsed]:
    """WebVTT or SRT: a cue is an utterance; WebVTT's voice tags are speakers."""
    utterances: list[Utterance] = []
    for block in re.split(r"\r?\n[ \t]*\r?\n", text.strip()):
        lines = block.splitlines()
        at = next((n for n, line in enumerate(lines[:2]) if "-->" in line), None)
        if at is None:
            continue  # the header, a note, a style, or a line that was left blank
        cue = _CUE.search(lines[at])
        if cue is None:
            raise ReadError(source, "expected 00:00:00.000 --> 00:00:00.000", f"cue {len(utterances) + 1}")
        said = " ".join(lines[at + 1 :])
        voice = _VOICE.search(said)
        plain_text = unescape(re.sub(r"<[^>]*>", "", said))
        start, end = (_clock(time) for time in cue.groups())
        utterances.append(Utterance(plain_text, start, end, unescape(voice[1].strip()) if voice else None))
    if not utterances:
        raise ReadError(source, "expected at least one cue with -->")
    return [recording(utterances, source)]


def _clock(time: str) -> float:
    """
    >>> _clock("01:02.500"), _clock("1:00:00,250")
    (62.5, 3600.25)
    """
    seconds = 0.0
    for part in time.replace(",", ".").split(":"):
        seconds = 60 * seconds + float(part)
    return seconds


def seglst(segments: list[Mapping[str, Any]], source: str) -> list[Parsed]:
    """SegLST, the segment-wise JSON of the CHiME challenges and meeteval."""
    utterances = []
    for n, segment in enumerate(segments):
        try:
            start, end = (
                None if segment.get(key) is None else float(segment[key])
                for key in ("start_time", "end_time")
            )
            speaker = None if segment.get("speaker") is None else str(segment["speaker"])
            channel = None if segment.get("channel") is None else str(segment["channel"])
            said = Utterance(str(segment["words"]), start, end, speaker, channel)
            utterances.append((str(segment["session_id"]), said))
        except (KeyError, TypeError, ValueError, AttributeError, OverflowError):
            raise ReadError(source, "expected session_id, words and times in seconds", f"[{n}]") from None
    return _by_recording(utterances, source)


READERS: dict[str, Callable[[str, str], list[Parsed]]] = {
    ".txt": plain,
    ".csv": manifest,
    ".tsv": manifest,
    ".textgrid": textgrid,
    ".stm": stm,
    ".ctm": ctm,
    ".vtt": captions,
    ".srt": captions,
}
"""Suffix, in small letters -> reader of the text of such a file."""


def from_text(texts: Mapping[str, str]) -> Transcripts:
    """References (or hypotheses without times) from plain text: recording -> what was said.

    Lines are utterances. Words are what stands between blanks, exactly as written; times
    and confidences are NaN.

    >>> from_text({"visit": "Denies chest pain.\\nNo fever."}).words[["segment", "content"]]
       segment content
    0        0  Denies
    1        0   chest
    2        0   pain.
    3        1      No
    4        1  fever.
    """
    for name, said in texts.items():
        if not isinstance(said, str):
            raise InputError(f"recording {name!r} has {type(said).__name__} where its text should be")
    if len(set(map(str, texts))) == len(texts):
        return of_texts(texts)
    builder = Builder()  # names such as 1 and "1" are told apart
    for name, said in texts.items():
        lines = (Utterance(line) for line in said.splitlines() if line.strip())
        builder.add(recording(lines, str(name)), name=str(name))
    return builder.transcripts()
