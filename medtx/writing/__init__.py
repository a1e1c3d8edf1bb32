"""Transcripts -> files of other programs. Files are readable by their owner only: they are health data."""

import json
import re
from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from hashlib import sha256
from html import escape
from operator import itemgetter
from os import PathLike
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import quote

import pandas as pd

from medtx.errors import InputError, MedtxError
from medtx.files import save, save_text
from medtx.listening import CONTEXT, ends_of, joined
from medtx.reading import nist
from medtx.transcripts import Transcripts, glued

Target = str | PathLike[str]


def to_parquet(t: Transcripts, folder: Target) -> Path:
    return _tables(t, folder, "parquet")


def to_csv(t: Transcripts, folder: Target) -> Path:
    return _tables(t, folder, "csv")


def _tables(t: Transcripts, folder: Target, suffix: str) -> Path:
    for name, rows in t.tables().items():
        path = Path(folder) / f"{name}.{suffix}"
        try:
            save(path, partial(getattr(rows, f"to_{suffix}"), index=False))
        except (ValueError, TypeError, NotImplementedError):
            raise MedtxError(f"{path}: a column that was added holds what {suffix} cannot") from None
    return Path(folder)


class One(NamedTuple):
    name: str
    words: pd.DataFrame
    segments: pd.DataFrame
    path: Path


def each(t: Transcripts, folder: Target, suffix: str) -> Iterator[One]:
    """Each recording by itself, and the file that it goes to."""
    words, segments = (
        dict(iter(table.groupby("recording", observed=True))) for table in (t.words, t.segments)
    )
    for name in t.recordings["recording"].astype(str):
        stem = quote(name, safe=" ")  # a name may be a path
        stem = f"%2E{stem[1:]}" if stem.startswith(".") else stem  # not hidden
        if len(stem) > 200:  # more than file systems take
            stem = f"{stem[:180]}-{sha256(name.encode()).hexdigest()[:16]}"
        path = Path(folder) / f"{stem}.{suffix}"
        yield One(name, words.get(name, t.words[:0]), segments.get(name, t.segments[:0]), path)


def check_threshold(threshold: float | None) -> None:
    if threshold is not None and not 0 <= threshold <= 1:
        raise InputError(f"threshold={threshold!r} is not between 0 and 1")


class Cue(NamedTuple):
    start: float
    end: float
    speaker: str | None
    text: str


CUE = 84
"""Characters of a cue: two lines of 42."""


def cues(one: One) -> list[Cue]:
    """A recording in pieces that can be read at a glance, none beyond its segment or speaker."""
    segments = one.segments.set_index("segment")
    found: list[Cue] = []
    for number, said in one.words.groupby("segment"):
        held = segments.loc[number]
        pieces: list[list[Any]] = []
        for word in said.itertuples():
            mark = word.kind == "punctuation"
            if word.kind == "speaker-change":
                continue
            last = pieces[-1] if pieces else None
            content = " ".join(word.content.split())  # a blank line would end the cue
            if last and mark:
                last[3] += content
            elif last and last[2] == _label(word.speaker) and len(last[3]) + len(content) < CUE:
                last[3] += f" {content}"
                last[1] = word.end if word.end == word.end else last[1]
            else:
                pieces.append([word.start, word.end, _label(word.speaker), content])
        untimed = any(start != start or end != end for start, end, *_ in pieces)
        if untimed and len(pieces) == 1:
            pieces[0][:2] = held["start"], held["end"]
        elif untimed:
            pieces = [[held["start"], held["end"], _label(held["speaker"]), " ".join(p[3] for p in pieces)]]
        found += [Cue(*piece) for piece in pieces]
    if any(cue.start != cue.start or cue.end != cue.end for cue in found):
        raise InputError(f"recording {one.name!r} has words without times, in segments without times")
    found = [cue._replace(end=max(cue.end, cue.start + 0.001)) for cue in found]  # some words have no length
    return sorted(found, key=lambda cue: cue.start)


def _label(label: Any) -> str | None:
    return " ".join(label.split()) or None if isinstance(label, str) else None


def to_vtt(t: Transcripts, folder: Target) -> list[Path]:
    def cue(c: Cue) -> str:
        voice = f"<v {escape(c.speaker, quote=False)}>" if c.speaker else ""
        return f"{clock(c.start)} --> {clock(c.end)}\n{voice}{escape(c.text, quote=False)}\n"

    return [
        save_text(one.path, "\n".join(["WEBVTT\n", *map(cue, cues(one))])) for one in each(t, folder, "vtt")
    ]


def to_srt(t: Transcripts, folder: Target) -> list[Path]:
    def cue(n: int, c: Cue) -> str:
        voice = f"{c.speaker}: " if c.speaker else ""
        return f"{n}\n{clock(c.start, ',')} --> {clock(c.end, ',')}\n{voice}{c.text}\n"

    return [
        save_text(one.path, "\n".join(cue(n, c) for n, c in enumerate(cues(one), 1)))
        for one in each(t, folder, "srt")
    ]


def clock(seconds: float, point: str = ".") -> str:
    """
    >>> clock(3661.5), clock(0.0009, ",")
    ('01:01:01.500', '00:00:00,001')
    """
    whole, milliseconds = divmod(round(seconds * 1000), 1000)
    return f"{whole // 3600:02}:{whole // 60 % 60:02}:{whole % 60:02}{point}{milliseconds:03}"


def _field(label: Any, otherwise: str) -> str:
    """A label without blanks, as formats with columns need it."""
    return re.sub(r"\s+", "_", str(label)) if isinstance(label, str) and label.strip() else otherwise


def _fields(t: Transcripts) -> dict[str, str]:
    """Each recording's name without blanks."""
    names = {name: re.sub("^;;", "_;", _field(name, "_")) for name in t.recordings["recording"].astype(str)}
    if len(set(names.values())) < len(names):
        raise InputError("two recordings have the same name once their blanks are underscores")
    return names


def to_ctm(t: Transcripts, path: Target) -> Path:
    names, lines = _fields(t), []
    said = t.words[t.words["kind"] == "pronunciation"]
    for word in said.itertuples():
        if not (word.start == word.start and word.end == word.end):
            raise InputError(f"recording {word.recording!r} has a word without times: CTM cannot hold it")
        pieces = word.content.split()  # of one item, as "New York": they share its time
        length = max(word.end - word.start, 0) / max(len(pieces), 1)
        sure = "NA" if word.confidence != word.confidence else f"{word.confidence:.4f}"
        name, channel = names[word.recording], _field(word.channel, "1")
        for n, piece in enumerate(pieces):
            start = word.start + n * length
            piece = nist.AT if piece == "@" else piece
            line = f"{name} {channel} {start:.3f} {length:.3f} {piece} {sure}\n"
            lines.append(((name, channel, start), line))  # sclite wants them in this order
    return save_text(Path(path), "".join(line for _, line in sorted(lines, key=itemgetter(0))))


class Said(NamedTuple):
    recording: str
    start: float
    end: float
    speaker: Any
    channel: Any
    text: str
    least: float  # confidence of its words


def utterances(t: Transcripts, timed: str = "") -> Iterator[Said]:
    """Each segment, in order of time within its recording, with the words that the table has for it.

    With ``timed``, a segment without times is an `InputError` that says so.
    """
    words = t.words[t.words["kind"] != "speaker-change"]
    keys = ["recording", "segment"]
    by = [words[key] for key in keys]
    texts = glued(words, by).str.strip()
    least = words["confidence"].groupby(by, observed=True).min()
    for s in t.segments.sort_values(["recording", "start"], kind="stable").itertuples():
        key = (s.recording, s.segment)
        if key in texts.index:
            if timed and not (s.start == s.start and s.end == s.end):
                raise InputError(f"recording {s.recording!r} has a segment without times: {timed}")
            yield Said(s.recording, s.start, s.end, s.speaker, s.channel, texts[key], least[key])


def to_stm(t: Transcripts, path: Target) -> Path:
    names, lines = _fields(t), []
    for s in utterances(replace(t, words=nist.as_written(t.words)), timed="STM cannot hold it"):
        name, channel, text = names[s.recording], _field(s.channel, "1"), " ".join(s.text.split())
        text = f"<> {text}" if text.startswith("<") else text  # it would be taken for the label
        line = f"{name} {channel} {_field(s.speaker, 'unknown')} {s.start:.3f} {s.end:.3f} {text}\n"
        lines.append(((name, channel, s.start), line))
    for s in t.segments[t.segments["transcript"] == nist.IGNORED].itertuples():
        name, channel = names[s.recording], _field(s.channel, "1")
        line = f"{name} {channel} {_field(s.speaker, 'unknown')} {s.start:.3f} {s.end:.3f} {nist.IGNORED}\n"
        lines.append(((name, channel, s.start), line))
    return save_text(Path(path), "".join(line for _, line in sorted(lines, key=itemgetter(0))))


def to_seglst(t: Transcripts, path: Target) -> Path:
    rows = []
    for s in utterances(t):
        times = {"start_time": s.start, "end_time": s.end}
        row: dict[str, Any] = {"session_id": s.recording, "speaker": _field(s.speaker, "unknown")}
        row |= {key: value for key, value in times.items() if value == value}
        if isinstance(s.channel, str):
            row["channel"] = s.channel
        rows.append(row | {"words": s.text})
    return save_text(Path(path), json.dumps(rows, ensure_ascii=False, indent=1) + "\n")


INTERFACE = """\
<View>
  <Labels name="labels" toName="audio">
    <Label value="listen" background="#d62728"/>
    <Label value="speech" background="#1f77b4"/>
    <Label value="play" background="#e69f00"/>
  </Labels>
  <Audio name="audio" value="$audio"/>
  <TextArea name="transcription" toName="audio" perRegion="true" editable="true" rows="2"/>
</View>
"""


def to_label_studio(t: Transcripts, path: Target, audio: str, threshold: float | None) -> Path:
    if "{recording}" not in audio and len(t) > 1:
        raise InputError(f"audio={audio!r} has no {{recording}}, and there are {len(t)} recordings")
    check_threshold(threshold)
    if Path(path).suffix.lower() != ".json":
        raise InputError(f"path={str(path)!r} does not end in .json")
    regions: dict[str, list[dict[str, Any]]] = {name: [] for name in t.recordings["recording"]}
    for n, s in enumerate(utterances(t, timed="it cannot be a region")):
        listen = threshold is not None and s.least < threshold
        region = {"id": f"segment-{n}", "to_name": "audio"}
        value = {"start": s.start, "end": s.end}
        regions[s.recording] += [
            region
            | {"from_name": "labels", "type": "labels"}
            | {"value": value | {"labels": ["listen" if listen else "speech"]}},
            region
            | {"from_name": "transcription", "type": "textarea"}
            | {"value": value | {"text": [s.text]}},
        ]
    minutes = {} if threshold is None else _add_stretches(t, threshold, regions)
    engines = t.recordings["engine"].astype(object).fillna("reference")
    tasks = [
        {
            "data": {"audio": audio.replace("{recording}", quote(name)), "recording": name}
            | ({} if threshold is None else {"minutes_to_listen": round(minutes.get(name, 0.0), 2)}),
            "predictions": [{"model_version": engine, "result": regions[name]}],
        }
        for name, engine in zip(t.recordings["recording"], engines)
    ]
    save_text(Path(path).with_suffix(".xml"), INTERFACE)
    return save_text(Path(path), json.dumps(tasks, ensure_ascii=False, indent=1) + "\n")


def _add_stretches(
    t: Transcripts, threshold: float, regions: dict[str, list[dict[str, Any]]]
) -> dict[str, float]:
    """Add what is to be played to judge the words below the threshold; gives its minutes by recording."""
    doubt = t.words[(t.words["confidence"] < threshold) & t.words["start"].notna() & t.words["end"].notna()]
    names = t.words["recording"].cat.categories
    ends = ends_of(t.recordings, t.words)
    code, start, end = (doubt["recording"].cat.codes, doubt["start"], doubt["end"])
    heard = joined(code.to_numpy(int), start.to_numpy(), end.to_numpy(), ends, CONTEXT)
    minutes: dict[str, float] = {}
    words = doubt.groupby(heard.of)["content"].agg(", ".join)
    for n, (recording, first, last) in enumerate(zip(heard.recording, heard.start, heard.end)):
        name = names[recording]
        value = {"start": float(first), "end": float(last), "labels": ["play"]}
        region = {"id": f"play-{n}", "from_name": "labels", "to_name": "audio", "type": "labels"}
        regions[name].append(region | {"value": value, "meta": {"text": [words[n]]}})
        minutes[name] = minutes.get(name, 0.0) + (last - first) / 60
    return minutes
