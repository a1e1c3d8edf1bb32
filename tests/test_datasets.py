"""What the shipped dictations promise."""

import hashlib
import json
import re

import numpy as np
import pandas as pd

from medtx.specialties import SPECIALTIES, SUB_SPECIALTIES
from tests.conftest import ROOT

FOLDER = ROOT / "datasets" / "dictations"


def test_the_design_is_balanced(dictations):
    metadata = dictations.metadata
    spoken = metadata[metadata["type"] == "DICTATION"]
    assert spoken["specialty"].value_counts().to_dict() == dict.fromkeys(SPECIALTIES, 12)
    # Each specialty in the same voices and noise: what differs between them is the words.
    treatments = spoken.groupby("specialty")[["speaker", "noise"]].agg(lambda s: "".join(sorted(s)))
    assert (treatments.nunique() == 1).all()
    assert set(spoken["speaker"]) == {"rms", "slt", "awb", "kal16", "slt-hts"}
    assert (spoken["noise"] == "room").mean() == 1 / 3
    primary = spoken[spoken["specialty"] == "PRIMARYCARE"]
    assert primary["sub_specialty"].value_counts().to_dict() == dict.fromkeys(SUB_SPECIALTIES, 3)
    talks = metadata[metadata["type"] == "CONVERSATION"]
    assert len(talks) == 6
    assert (talks["specialty"] == "PRIMARYCARE").all()
    assert talks["speaker"].str.match(r"^[\w-]+\+[\w-]+$").all()


def test_references_are_what_is_spoken(dictations):
    metadata = dictations.metadata.set_index("recording")
    for path in sorted((FOLDER / "references").glob("*.txt")):
        text = path.read_text()
        assert re.fullmatch(r"[A-Za-z' .,?\n]+", text), path.name  # no digits: words as spoken
        assert 60 <= len(text.split()) <= 120, path.name
        assert metadata.loc[path.stem, "reference"] == " ".join(text.splitlines())
    lines = [line for path in (FOLDER / "references").glob("*.txt") for line in path.read_text().splitlines()]
    assert len(set(lines)) == len(lines)


def test_the_language_is_that_of_notes(dictations):
    said = " ".join(dictations.metadata["reference"]).lower()
    for pattern, least in {
        r"\bmilligrams?\b": 60,
        r"\b(denies|no evidence|without|no)\b": 60,
        r"\b(left|right|bilateral)": 60,
        r"\b\w+(olol|pril|sartan|statin|mab|nib|cillin|cycline)\b": 20,
        r"\b(hypo|hyper)\w+": 20,
        r"\b(daily|twice|every)\b": 50,
        r"\btwenty twenty\b": 5,
    }.items():
        assert len(re.findall(pattern, said)) >= least, pattern


def test_turns_are_timed(dictations):
    columns = ["recording", "channel", "speaker", "start", "end", "text"]
    rows = [line.split(" ", 5) for line in (FOLDER / "references.stm").read_text().splitlines()]
    stm = pd.DataFrame(rows, columns=columns).astype({"start": float, "end": float})
    assert (stm["end"] > stm["start"]).all()
    said = stm.groupby("recording")["text"].agg(" ".join)
    assert said.to_dict() == dictations.metadata.set_index("recording")["reference"].to_dict()
    durations = dictations.transcripts.recordings.set_index("recording")["duration"]
    last = stm.groupby("recording")["end"].max()
    assert np.all(last.to_numpy() < durations.loc[last.index].to_numpy())


def test_the_results_are_of_this_audio():
    for path in (FOLDER / "results").glob("*.json"):
        made = json.loads(path.read_text())["medtx"]
        audio = FOLDER / "audio" / f"{path.stem}.opus"
        assert made["audio"] == hashlib.sha256(audio.read_bytes()).hexdigest(), path.name


def test_it_is_small():
    sizes = [p.stat().st_size for p in (FOLDER / "audio").iterdir()]
    assert len(sizes) == 78
    assert sum(sizes) < 15e6
    assert sum(p.stat().st_size for p in (FOLDER / "results").iterdir()) < 8e6
