"""How much of the harmful error a threshold catches, by the labels of Ufonia's clinicians.

Ellis et al. 2025 (arXiv:2511.16544): clinicians labelled what patients said in PriMock57, as Deepgram heard
it, by clinical impact (0 none, 1 minimal, 2 significant). Confidences are published for six of the
consultations: 36 labelled answers, each of one or more utterances with a confidence.
"""

import csv
import json
import string
from collections.abc import Iterator
from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import roc_auc_score

import medtx
from medtx.reading import Word, of_words
from medtx.reading.build import Builder


def bare(text: str) -> str:
    return " ".join(text.lower().translate(str.maketrans("", "", string.punctuation)).split())


@pytest.fixture(scope="module")
def ufonia(shared):
    return shared / "corpora" / "ufonia-wer-is-unaware"


@pytest.fixture(scope="module")
def labelled(ufonia) -> list[dict[str, str]]:
    with open(
        ufonia / "llm_judge/dataset/primock_data_final_outcomes.csv", newline="", encoding="utf-8"
    ) as f:
        return list(csv.DictReader(f))


def utterances(folder: Any, row: dict[str, str]) -> list[dict[str, Any]] | None:
    """Of one labelled answer: the utterances that the engine heard; None for a consultation without them."""
    name = f"{row['call_id'].replace('_', '-')}-combined_deepgram.json"
    heard = folder / "alignment/data/asr-transcripts" / f"patient_{name}"
    if not heard.exists():
        return None
    said = json.loads(heard.read_text())
    known = json.loads(
        (folder / f"alignment/data/groundtruth-alignments/groundtruth_alignment_{name}").read_text()
    )
    for pair in known["alignments"]:
        if bare(pair["asr_text"]) == bare(row["patient_hypothesis"]):
            return [said[n] for n in pair["asr_indices"]]
    return []


def words(parts: list[dict[str, Any]]) -> Iterator[Word]:
    for n, part in enumerate(parts):
        yield from (Word(word, confidence=part["confidence"], segment=n) for word in part["text"].split())


@pytest.fixture(scope="module")
def alignment(ufonia, labelled) -> medtx.Alignment:
    builder, references, harm = Builder(), {}, {}
    for row in labelled:
        name = row["composite_key"]
        parts = utterances(ufonia, row)
        if parts is not None:
            builder.add(of_words("deepgram", words(parts), "ufonia", name=name), name)
            references[name], harm[name] = row["patient_ground_truth"], int(row["final_outcome"])
    a = medtx.align(references, builder.transcripts(), normalize="medical")
    a.recordings["harm"] = a.recordings["recording"].astype(str).map(harm)
    return a


def test_what_each_threshold_catches_of_harmful_error(alignment):
    """The table in docs/thresholds.md."""
    assert len(alignment.recordings) == 36
    assert alignment.recordings["harm"].value_counts().to_dict() == {0: 20, 2: 11, 1: 5}
    s = medtx.sweep(alignment, "harm", unit="segment")
    thresholds = (0.9, 0.95, 0.98, 0.99, 0.995, 0.998)
    table = s.at(*thresholds)
    everything = s.curve().set_index("threshold")["review_share"]
    rows = []
    for threshold in thresholds:
        rate = table[table["threshold"] == threshold].set_index("group")
        harmful = rate.loc[["1", "2"]]
        caught, missed = harmful["errors_caught"].sum(), harmful["errors_missed"].sum()
        at = np.searchsorted(everything.index, threshold)
        rows.append((threshold, everything.iloc[at], caught, caught + missed, caught / (caught + missed)))
    found = pd.DataFrame(rows, columns=["threshold", "reviewed", "caught", "harmful", "share"])
    print(found.round(3).to_string())
    # The engine is sure of what harms: only a very strict threshold does better than a blind draw.
    by_threshold = found.set_index("threshold")
    assert (found["harmful"] == 34).all()
    assert by_threshold.loc[0.98, "share"] < by_threshold.loc[0.98, "reviewed"]
    assert by_threshold.loc[0.995, "share"] > 0.85 > by_threshold.loc[0.995, "reviewed"] + 0.15
    never = s.at(np.inf).set_index("group").loc[["1", "2"], ["deletions", "deletions_heard"]].sum()
    print(never)
    assert never.sum() > 34  # more was lost than misheard


def test_the_number_of_errors_says_more_of_harm_than_their_rate(labelled):
    """All 175 labelled answers; classes of words add nothing that can be seen here."""
    names = [row["composite_key"] for row in labelled]
    hypotheses, references = (
        dict(zip(names, (row[column] for row in labelled)))
        for column in ("patient_hypothesis", "patient_ground_truth")
    )
    a = medtx.align(references, hypotheses, normalize="medical")
    harmful = np.array([row["final_outcome"] != "0" for row in labelled])
    counts = a.counts.loc[names]
    errors = counts["substitutions"] + counts["deletions"] + counts["insertions"]
    by_rate = roc_auc_score(harmful, errors / counts["reference_words"].clip(lower=1))
    by_number = roc_auc_score(harmful, errors)
    print(by_rate, by_number)
    assert by_number > 0.75 > by_rate
