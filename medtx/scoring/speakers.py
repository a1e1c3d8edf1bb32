"""Who said what: error rates of conversations whose speakers were told apart."""

from typing import Any

import numpy as np
import pandas as pd
from rapidfuzz.distance import Levenshtein

from medtx.scoring.align import Side, normalizer_of, sides, with_marks
from medtx.scoring.normalize import Normalizer
from medtx.scoring.pairing import Pairing, nothing_shared
from medtx.scoring.rates import interval

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
    2020, "CHiME-6 challenge"). Right words given to the wrong speaker are errors. Words
    without a speaker label are a speaker of their own. ``speakers`` says who was taken for
    whom; ``wer_low`` and ``wer_high`` are in the TOTAL, by recording. ``normalize`` and
    ``names`` are those of `medtx.align`.

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
    texts = [_by_speaker(side.words, normalizer) for side in (ref, hyp)]
    rows: dict[str, dict[str, Any]] = {}
    for name in (one for one in ref.recordings["recording"] if one in there):
        said, heard = texts[0].get(name, {}), texts[1].get(name, {})
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


def _by_speaker(words: pd.DataFrame, normalizer: Normalizer) -> dict[str, dict[str, list[str]]]:
    """Recording -> speaker -> tokens, in the order of the words."""
    rows = np.flatnonzero(words["kind"] == "pronunciation")
    said = words.iloc[rows]
    said = said.assign(content=with_marks(words, rows, said["content"].array))
    who = said["speaker"].astype(object).fillna("(no label)")
    found: dict[str, dict[str, list[str]]] = {}
    for (name, speaker), content in said["content"].groupby(
        [said["recording"], who], observed=True, sort=False
    ):
        found.setdefault(name, {})[speaker] = list(normalizer(content.tolist()).text)
    return found


def assign(cost: np.ndarray) -> list[int]:
    """The column of each row that makes the sum of a square matrix least.

    Kuhn 1955, in the form of shortest augmenting paths (Jonker & Volgenant 1987).

    >>> assign(np.array([[4.0, 1, 3], [2, 0, 5], [3, 2, 2]]))
    [1, 0, 2]
    """
    n = len(cost)
    row_price, column_price = np.zeros(n + 1), np.zeros(n + 1)
    owner = np.zeros(n + 1, dtype=int)  # the row of each column, from 1; 0: free
    for row in range(1, n + 1):
        owner[0], column = row, 0
        least = np.full(n + 1, np.inf)
        before = np.zeros(n + 1, dtype=int)
        used = np.zeros(n + 1, dtype=bool)
        while owner[column] or column == 0:
            used[column] = True
            here = owner[column]
            slack = np.append(np.inf, cost[here - 1] - row_price[here] - column_price[1:])
            better = ~used & (slack < least)
            least[better], before[better] = slack[better], column
            free = np.where(used, np.inf, least)
            free[0] = np.inf
            column_next = int(np.argmin(free))
            step = free[column_next]
            row_price[owner[used]] += step
            column_price[used] -= step
            least[~used] -= step
            column = column_next
        while column:
            owner[column] = owner[before[column]]
            column = before[column]
    result = [0] * n
    for column in range(1, n + 1):
        result[owner[column] - 1] = column - 1
    return result
