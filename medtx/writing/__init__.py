"""Transcripts -> files of other programs. Files are readable by their owner only: they are health data."""

import json
import re
from collections.abc import Iterator
from functools import partial
from html import escape
from os import PathLike
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import quote

import pandas as pd

from medtx.errors import InputError
from medtx.files import save
from medtx.transcripts import Transcripts

Target = str | PathLike[str]


def to_parquet(t: Transcripts, folder: Target) -> Path:
    for name, rows in t.tables().items():
        save(Path(folder) / f"{name}.parquet", partial(rows.to_parquet, index=False))
    return Path(folder)


def to_csv(t: Transcripts, folder: Target) -> Path:
    for name, rows in t.tables().items():
        save(Path(folder) / f"{name}.csv", partial(rows.to_csv, index=False))
    return Path(folder)


def _save_text(path: Path, text: str) -> Path:
    return save(path, lambda part: part.write_text(text, encoding="utf-8", newline="\n"))


def each(t: Transcripts, folder: Target, suffix: str) -> Iterator[tuple[str, pd.DataFrame, Path]]:
    """Each recording's name, its words, and a file of its own."""
    words = dict(iter(t.words.groupby("recording", observed=True)))
    for name in t.recordings["recording"].astype(str):
        file = Path(folder) / f"{quote(name, safe=' ')}.{suffix}"  # a name may be a path
        yield name, words.get(name, t.words[:0]), file


class Cue(NamedTuple):
    start: float
    end: float
    speaker: str | None
    text: str


CUE = 84
"""Characters of a cue: two lines of 42."""


def cues(t: Transcripts, name: str, words: pd.DataFrame) -> list[Cue]:
    """A recording in pieces that can be read at a glance, none beyond its segment or speaker."""
    segments = t.segments[t.segments["recording"] == name].set_index("segment")
    found: list[Cue] = []
    for number, said in words.groupby("segment"):
        held = segments.loc[number]
        pieces: list[list[Any]] = []
        for word in said.itertuples():
            mark = word.kind == "punctuation"
            if word.kind == "speaker-change":
                continue
            last = pieces[-1] if pieces else None
            if last and mark:
                last[3] += word.content
            elif last and last[2] == _label(word.speaker) and len(last[3]) + len(word.content) < CUE:
                last[3] += f" {word.content}"
                last[1] = word.end if word.end == word.end else last[1]
            else:
                pieces.append([word.start, word.end, _label(word.speaker), word.content])
        untimed = any(start != start or end != end for start, end, *_ in pieces)
        if untimed and len(pieces) == 1:
            pieces[0][:2] = held["start"], held["end"]
        elif untimed:
            pieces = [[held["start"], held["end"], _label(held["speaker"]), " ".join(p[3] for p in pieces)]]
        found += [Cue(*piece) for piece in pieces]
    if any(cue.start != cue.start or cue.end != cue.end for cue in found):
        raise InputError(f"recording {name!r} has words without times, in segments without times")
    return sorted(found, key=lambda cue: cue.start)


def _label(label: Any) -> str | None:
    return label if isinstance(label, str) else None


def to_vtt(t: Transcripts, folder: Target) -> list[Path]:
    def cue(c: Cue) -> str:
        voice = f"<v {escape(c.speaker, quote=False)}>" if c.speaker else ""
        return f"{clock(c.start)} --> {clock(c.end)}\n{voice}{escape(c.text, quote=False)}\n"

    return [
        _save_text(path, "\n".join(["WEBVTT\n", *map(cue, cues(t, name, words))]))
        for name, words, path in each(t, folder, "vtt")
    ]


def to_srt(t: Transcripts, folder: Target) -> list[Path]:
    def cue(n: int, c: Cue) -> str:
        voice = f"{c.speaker}: " if c.speaker else ""
        return f"{n}\n{clock(c.start, ',')} --> {clock(c.end, ',')}\n{voice}{c.text}\n"

    return [
        _save_text(path, "\n".join(cue(n, c) for n, c in enumerate(cues(t, name, words), 1)))
        for name, words, path in each(t, folder, "srt")
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
    names = {name: _field(name, "_") for name in t.recordings["recording"].astype(str)}
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
        length = (word.end - word.start) / max(len(pieces), 1)
        sure = "NA" if word.confidence != word.confidence else f"{word.confidence:.4f}"
        lines += [
            f"{names[word.recording]} {_field(word.channel, '1')} {word.start + n * length:.3f} "
            f"{length:.3f} {piece} {sure}\n"
            for n, piece in enumerate(pieces)
        ]
    return _save_text(Path(path), "".join(lines))


class Said(NamedTuple):
    recording: str
    start: float
    end: float
    speaker: Any
    channel: Any
    text: str
    least: float  # confidence of its words


def utterances(t: Transcripts) -> Iterator[Said]:
    """Each segment, in order of time within its recording, with the words that the table has for it."""
    words = t.words[t.words["kind"] != "speaker-change"]
    pieces = words["content"].astype(object).where(words["kind"] == "punctuation", " " + words["content"])
    keys = ["recording", "segment"]
    by = [words[key] for key in keys]
    texts = pieces.groupby(by, observed=True).agg("".join).str.strip()
    least = words["confidence"].groupby(by, observed=True).min()
    for s in t.segments.sort_values(["recording", "start"], kind="stable").itertuples():
        key = (s.recording, s.segment)
        if key in texts.index:
            yield Said(s.recording, s.start, s.end, s.speaker, s.channel, texts[key], least[key])


def to_stm(t: Transcripts, path: Target) -> Path:
    names, lines = _fields(t), []
    for s in utterances(t):
        if not (s.start == s.start and s.end == s.end):
            raise InputError(f"recording {s.recording!r} has a segment without times: STM cannot hold it")
        who = f"{_field(s.channel, '1')} {_field(s.speaker, 'unknown')}"
        lines.append(f"{names[s.recording]} {who} {s.start:.3f} {s.end:.3f} {' '.join(s.text.split())}\n")
    return _save_text(Path(path), "".join(lines))


def to_seglst(t: Transcripts, path: Target) -> Path:
    rows = []
    for s in utterances(t):
        times = {"start_time": s.start, "end_time": s.end}
        row: dict[str, Any] = {"session_id": s.recording, "speaker": _field(s.speaker, "unknown")}
        row |= {key: value for key, value in times.items() if value == value}
        if isinstance(s.channel, str):
            row["channel"] = s.channel
        rows.append(row | {"words": s.text})
    return _save_text(Path(path), json.dumps(rows, ensure_ascii=False, indent=1) + "\n")


INTERFACE = """\
<View>
  <Labels name="labels" toName="audio">
    <Label value="listen" background="#d62728"/>
    <Label value="speech" background="#1f77b4"/>
  </Labels>
  <Audio name="audio" value="$audio"/>
  <TextArea name="transcription" toName="audio" perRegion="true" editable="true" rows="2"/>
</View>
"""


def to_label_studio(t: Transcripts, path: Target, audio: str, threshold: float | None) -> Path:
    if "{recording}" not in audio and len(t) > 1:
        raise InputError(f"audio={audio!r} has no {{recording}}, and there are {len(t)} recordings")
    regions: dict[str, list[dict[str, Any]]] = {name: [] for name in t.recordings["recording"]}
    for n, s in enumerate(utterances(t)):
        if not (s.start == s.start and s.end == s.end):
            raise InputError(f"recording {s.recording!r} has a segment without times: it cannot be a region")
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
    engines = t.recordings["engine"].astype(object).fillna("reference")
    tasks = [
        {
            "data": {"audio": audio.replace("{recording}", quote(name)), "recording": name},
            "predictions": [{"model_version": engine, "result": regions[name]}],
        }
        for name, engine in zip(t.recordings["recording"], engines)
    ]
    _save_text(Path(path).with_suffix(".xml"), INTERFACE)
    return _save_text(Path(path), json.dumps(tasks, ensure_ascii=False, indent=1) + "\n")
