"""Tasks for Label Studio: each segment a region with its text to correct."""

import json
from pathlib import Path
from typing import Any
from urllib.parse import quote

from medtx.errors import InputError
from medtx.files import save_text
from medtx.listening import CONTEXT, ends_of, joined
from medtx.transcripts import Transcripts
from medtx.writing.common import Target, check_threshold, utterances

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
