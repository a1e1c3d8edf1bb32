"""Who said what: error rates of conversations whose speakers were told apart."""

from typing import Any

import numpy as np
import pandas as pd
from rapidfuzz.distance import Levenshtein

from medtx.scoring.align import Side, normalizer_of, sides
from medtx.scoring.matching import assign
from medtx.scoring.normalize import Normalizer
from medtx.scoring.order import columns, in_time, spoken, with_marks
from medtx.scoring.pairing import Pairing, nothing_shared
from medtx.scoring.rates import interval
from medtx.transcripts import Transcripts

__all__ = ["cpwer"]


def cpwer(
    references: Side,
    hypotheses: Side,
    *,
    normalize: str | Normalizer = "plain",
    names: Pairing | None = None,
) -> pd.DataFrame:
    """Concatenated minimum-permutation WER: one row a recording, then TOTAL.

    The words of each speaker are put together in order of time; recognised speakers are then
    assigned to those of the reference, one to one, so that errors are fewest (Watanabe et al.
    2020, "CHiME-6 challenge"). Right words given to the wrong speaker are errors. Where words
    have no speaker label their channel is their speaker; those without either are a speaker of
    their own, and a label that stands on several channels is a speaker on each. ``speakers`` says
    who was taken for whom; ``cpwer_low`` and ``cpwer_high`` are in the TOTAL, by recording.
    ``normalize`` and ``names`` are those of `medtx.align`.

    Raises `InputError` where no recording is on both sides.

    >>> import medtx
    >>> ref = medtx.from_text({"v_doctor": "any pain", "v_patient": "no"}).merge(lambda name: "v")
    >>> hyp = medtx.from_text({"v_1": "no", "v_2": "any pains"}).merge(lambda name: "v")
    >>> cpwer(ref, hyp)[["reference_words", "errors", "cpwer", "speakers"]]
           reference_words  errors     cpwer                speakers
    v                    3       1  0.333333  doctor=2, patient=1
    TOTAL                3       1  0.333333
    """
    normalizer = normalizer_of(normalize)
    ref, hyp = sides(references, hypotheses, names)
    there = set(hyp) & set(ref)
    if not there:
        raise nothing_shared(list(ref), list(hyp))
    shared = [name for name in ref.recordings["recording"].astype(str) if name in there]
    texts = [_by_speaker(side, shared, normalizer) for side in (ref, hyp)]
    rows: dict[str, dict[str, Any]] = {}
    for name, said, heard in zip(shared, *texts):
        size = max(len(said), len(heard))
        refs = [*said.values(), *[[]] * (size - len(said))]
        hyps = [*heard.values(), *[[]] * (size - len(heard))]
        cost = np.array([[Levenshtein.distance(r, h) for h in hyps] for r in refs], dtype=float)
        chosen = assign(cost.reshape(size, size))
        who = [
            f"{speaker}={list(heard)[j] if j < len(heard) else '(nobody)'}"
            for speaker, j in zip(said, chosen)
        ]
        rows[name] = {
            "reference_words": sum(map(len, said.values())),
            "errors": int(sum(cost[i, j] for i, j in enumerate(chosen))),
            "reference_speakers": len(said),
            "speakers_found": len(heard),
            "speakers": ", ".join(who),
        }
    table = pd.DataFrame.from_dict(rows, orient="index")
    low, high = interval(table["errors"].to_numpy(), table["reference_words"].to_numpy())
    numbers = ["reference_words", "errors", "reference_speakers", "speakers_found"]
    total = pd.DataFrame({**table[numbers].sum().to_dict(), "speakers": ""}, index=["TOTAL"])
    table = pd.concat([table.rename(index={"TOTAL": "TOTAL *"}), total])
    words = table["reference_words"].where(table["reference_words"] > 0)
    table.insert(2, "cpwer", table["errors"] / words)
    table.insert(3, "cpwer_low", [np.nan] * len(rows) + [low])
    table.insert(4, "cpwer_high", [np.nan] * len(rows) + [high])
    return table


def _by_speaker(side: Transcripts, names: list[str], normalizer: Normalizer) -> list[dict[str, list[str]]]:
    """Of each recording: the tokens of each speaker, in order of time."""
    order, said = spoken(side.words, names), columns(side.words, side.segments)
    marked = dict(
        zip(
            order.rows.tolist(),
            with_marks(side.words, order.rows, side.words["content"].array[order.rows]),
        )
    )
    found = []
    for n in range(len(names)):
        voices = _voices(side.words.iloc[order.of(n)], order.of(n))
        timed = {voice: in_time(said, rows, by_word=False).tolist() for voice, rows in voices.items()}
        found.append(
            {voice: list(normalizer([marked[row] for row in mine]).text) for voice, mine in timed.items()}
        )
    return found


def _voices(words: pd.DataFrame, rows: np.ndarray) -> dict[str, np.ndarray]:
    """The rows of each speaker of a recording. Engines number those of each channel from the same number."""
    speaker, channel = (words[column].astype(object) for column in ("speaker", "channel"))
    label = speaker.fillna(channel).fillna("(no label)")
    again = channel.groupby(label).transform("nunique") > 1
    label = label.where(~again, label + " " + channel.fillna("(no channel)"))
    return {str(voice): rows[(label == voice).to_numpy()] for voice in label.unique()}
