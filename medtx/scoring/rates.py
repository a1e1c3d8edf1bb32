"""Error rates of groups of recordings: counts are added, a ratio is taken last."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from medtx.errors import InputError, kind_of, not_a_column
from medtx.scoring.order import part_of
from medtx.tables import picked, rows_at

if TYPE_CHECKING:
    from medtx.scoring.alignment import Alignment

FEWEST = 8
"""Units (recordings) below which no interval is given: too few to show how they differ."""

LARGE = 1000
"""Units above which a bootstrap draws groups of them."""

TINY = 1e-9
"""Standard error below which recordings do not differ, but for rounding."""

WIDEST = 10
"""Standard errors beyond which a bound is no longer given."""

COUNTS = [
    "reference_words",
    "hits",
    "substitutions",
    "deletions",
    "insertions",
    "reference_characters",
    "character_errors",
    "words_without_fillers",
    "errors_without_fillers",
    "raw_reference_words",
    "raw_errors",
]


def rates(alignment: "Alignment", by: Any, unit: str, replicates: int) -> pd.DataFrame:
    """See `medtx.Alignment.rates`."""
    if not isinstance(replicates, int) or replicates < 10:
        raise InputError(f"replicates={replicates!r} is not a whole number of 10 or more")
    units = units_of(alignment.recordings, unit)
    parts = [*counts_by(alignment, by, alignment.counts), ("TOTAL", alignment.counts)]
    drawn = [
        by_unit(errors_and_words(counts), units) if len(counts) >= FEWEST else None for _, counts in parts
    ]
    known = [part for part in drawn if part is not None]
    spans = iter(
        intervals([(part["errors0"].to_numpy(), part["words0"].to_numpy()) for part in known], replicates)
    )
    none = np.nan, np.nan
    rows = [_row(counts, none if part is None else next(spans)) for (_, counts), part in zip(parts, drawn)]
    table = pd.DataFrame(rows, index=pd.Index([name for name, _ in parts], name=name_of(by)))
    whole = [c for c in ("recordings", *COUNTS) if table[c].notna().all()]
    return table.astype(dict.fromkeys(whole, int))


def _columns(by: Any) -> list[Any]:
    """What to group by, as a list."""
    if not isinstance(by, str | pd.Series | Sequence | None):
        raise InputError(f"by= is {kind_of(by)}: expected a column, a list of columns or a Series")
    if isinstance(by, Sequence) and not len(by):
        raise InputError("by: expected a column, got an empty list")
    return [] if by is None else [by] if isinstance(by, str | pd.Series) else list(by)


def name_of(by: Any) -> str | None:
    named = [c if isinstance(c, str) else str(c.name or "label") for c in _columns(by)]
    return " / ".join(named) or None


def rows_by(alignment: "Alignment", by: Any) -> list[tuple[str, np.ndarray]]:
    """Each group's name, and which rows of the pairs are of it."""
    columns = _columns(by)
    if are_known(by, alignment.recordings):
        recording = alignment.pairs["recording"]
        found = groups(alignment.recordings, columns)
        return [(name, recording.isin(members).to_numpy()) for name, members in found]
    label = _label(alignment, columns)
    return [(str(name), (label == name).to_numpy()) for name in sorted(label.unique())]


def counts_by(alignment: "Alignment", by: Any, counts: pd.DataFrame) -> list[tuple[str, pd.DataFrame]]:
    """Each group's name, and its counts by recording; ``counts`` are those of whole recordings."""
    columns = _columns(by)
    if are_known(by, alignment.recordings):
        found = groups(alignment.recordings.reset_index(drop=True), columns or None)
        return [(name, counts.iloc[rows.index]) for name, rows in found]
    return _counts_by_word(alignment, _label(alignment, columns))


def are_known(by: Any, recordings: pd.DataFrame) -> bool:
    """Whether all that ``by`` names are columns of recordings."""
    return all(isinstance(column, str) and column in recordings for column in _columns(by))


def _label(alignment: "Alignment", columns: list[Any]) -> pd.Series:
    """The label of each row of the pairs by several columns."""
    labels = [_labels(alignment, column) for column in columns]
    return labels[0].str.cat(labels[1:], sep=" / ") if len(labels) > 1 else labels[0]


def _counts_by_word(alignment: "Alignment", label: pd.Series) -> list[tuple[str, pd.DataFrame]]:
    from medtx.scoring.alignment import count

    code, names = pd.factorize(label, sort=True)
    recording = alignment.pairs["recording"].cat.codes.to_numpy().astype(int)
    known = alignment.recordings["recording"].astype(str)
    size = len(known)
    op = alignment.pairs["op"].cat.codes.to_numpy()
    table = count(op, code * size + recording, len(names) * size)
    found = []
    for n, name in enumerate(names):
        part = table.iloc[n * size : (n + 1) * size].set_axis(pd.Index(known))
        said = part.sum(axis=1) > 0
        blank = {c: np.nan for c in COUNTS if c not in part}  # texts are of whole recordings
        found.append((f"{name} *" if name == "TOTAL" else str(name), part[said].assign(**blank)))
    return found


def _labels(alignment: "Alignment", column: Any) -> pd.Series:
    """A label for each row of the pairs; "(none)" where there is none."""
    pairs = alignment.pairs
    if isinstance(column, pd.Series):
        if len(column) != len(pairs):
            raise InputError(f"by has {len(column)} labels for {len(pairs)} rows of pairs")
        found = column.set_axis(pairs.index)
    elif column in alignment.recordings:
        known = alignment.recordings.set_index(alignment.recordings["recording"].astype(str))[column]
        found = pairs["recording"].astype(str).map(known)
    elif column == "confidence":
        tenth = np.minimum(np.floor(pairs["confidence"] * 10), 9)
        found = tenth.map(lambda t: f"{t / 10:.1f}-{(t + 1) / 10:.1f}", na_action="ignore")
    elif column == "start":
        minute = np.floor(_filled(pairs, "start") / 60)
        found = minute.map(lambda m: f"{int(m):02}-{int(m) + 1:02} min", na_action="ignore")
    elif column in ("class", "class_heard"):
        from medtx.scoring.classes import classes_of

        if column == "class_heard":  # of the word as it is, which is all that new results have
            told = alignment.hypothesis
            spoken = told["content"].where(told["kind"] == "pronunciation")
            known = classes_of(spoken, told["recording"]).to_numpy()
            found = pd.Series(picked(known, rows_at(told, pairs["recording"], pairs["position"])))
        else:
            part = pd.Series(part_of(pairs))
            heard = classes_of(pairs["hypothesis"], part)
            said = classes_of(pairs["reference"], part)
            found = said.where(pairs["reference"].notna(), heard)
    else:
        found = of_words(alignment, column)
    return found.astype(object).fillna("(none)").astype(str)


def _filled(pairs: pd.DataFrame, column: str) -> pd.Series:
    """The column, with the value before it (or after) in its part where a position has none."""
    by = part_of(pairs)
    return pairs[column].groupby(by, observed=True).ffill().groupby(by, observed=True).bfill()


def of_words(
    alignment: "Alignment", column: str, sides: Sequence[str] = ("reference", "hypothesis")
) -> pd.Series:
    """The label of the reference word, or of the recognised word where references have no labels.

    What has no word on that side belongs to the word before it.
    """
    pairs = alignment.pairs
    for side in sides:
        words = getattr(alignment, side)
        position = pairs["reference_position" if side == "reference" else "position"]
        if column in words and words[column].notna().any():
            at = rows_at(words, pairs["recording"], position)
            label = picked(words[column].to_numpy(), at)
            return _filled(pairs[["recording", "part"]].assign(label=label), "label")
    known = {*alignment.recordings, *alignment.hypothesis, "class", "class_heard"} - {"content", "position"}
    raise not_a_column("by", column, sorted(known), "recordings or words")


def groups(recordings: pd.DataFrame, by: str | Sequence[str] | None) -> list[tuple[str, pd.Series]]:
    """Each group's name and its recordings; those without a value form the group "(none)"."""
    if by is None:
        return []
    columns = [by] if isinstance(by, str) else list(by)
    for column in columns:
        if column not in recordings:
            raise not_a_column("by", column, recordings, "recordings")
    labels = [recordings[c].astype(object).fillna("(none)").astype(str) for c in columns]
    found: dict[str, pd.Series] = {}
    for values, members in recordings["recording"].groupby(labels):
        name = " / ".join(values)
        while name in found or name == "TOTAL":  # that name is the last row's
            name += " *"
        found[name] = members
    return list(found.items())


def units_of(recordings: pd.DataFrame, unit: str) -> pd.Series:
    """The unit of chance of each recording: itself, or what ``unit`` says it shares with others."""
    if not isinstance(unit, str) or unit not in recordings:
        raise not_a_column("unit", unit, recordings, "recordings")
    names = recordings["recording"].astype(str)
    shared = recordings[unit].astype(object)
    return shared.where(shared.notna(), names).astype(str).set_axis(names)


def errors_of(counts: pd.DataFrame) -> pd.Series:
    return counts["substitutions"] + counts["deletions"] + counts["insertions"]


def errors_and_words(counts: pd.DataFrame) -> pd.DataFrame:
    return pd.DataFrame({"errors0": errors_of(counts), "words0": counts["reference_words"]})


def by_unit(table: pd.DataFrame, units: pd.Series) -> pd.DataFrame:
    """What is counted of each recording, added over each unit of chance."""
    return table.groupby(units).sum()


def _row(counts: pd.DataFrame, span: tuple[float, float]) -> dict[str, float]:
    total = dict(zip(COUNTS, counts[COUNTS].to_numpy(float).sum(axis=0)))
    words, hits = total["reference_words"], total["hits"]
    heard = hits + total["substitutions"] + total["insertions"]
    errors = errors_of(counts).to_numpy()

    def share(part: float, whole: float) -> float:
        return part / whole if words and whole else np.nan

    return {
        "recordings": len(counts),
        **total,
        "wer": share(errors.sum(), words),
        "wer_low": span[0],
        "wer_high": span[1],
        "wer_without_fillers": share(total["errors_without_fillers"], total["words_without_fillers"]),
        "cer": share(total["character_errors"], total["reference_characters"]),
        "mer": share(errors.sum(), hits + errors.sum()),
        "wil": 1 - hits / words * hits / heard if words and heard else 1.0 if words else np.nan,
        "accuracy": share(hits, words),
        "ser": share((errors > 0).sum(), len(counts)),
        "raw_wer": share(total["raw_errors"], total["raw_reference_words"]),
    }


def interval(
    errors: np.ndarray, words: np.ndarray, replicates: int = 2000, confidence: float = 0.95
) -> tuple[float, float]:
    """Studentised bootstrap interval of sum(errors) / sum(words) over recordings.

    Whole recordings are drawn with replacement, always in the same way; Efron &
    Tibshirani 1993, ch. 12. NaN below eight recordings with words, where all have the
    same rate, and for a bound that one or two recordings alone decide: nothing is known
    then of how others would differ.

    >>> low, high = interval(np.array([3, 1, 4, 2, 5, 1, 2, 2]), np.full(8, 20))
    >>> 0 <= low < 20 / 160 < high
    True
    """
    return intervals([(errors, words)], replicates, confidence)[0]


def intervals(
    parts: Sequence[tuple[np.ndarray, np.ndarray]], replicates: int, confidence: float = 0.95
) -> list[tuple[float, float]]:
    """`interval` of each part's errors and words; parts of one size share what is drawn."""
    found = [(np.nan, np.nan)] * len(parts)
    sums: dict[int, np.ndarray] = {}
    for at, (errors, words) in enumerate(parts):
        if (words > 0).sum() >= FEWEST:
            e, w = in_groups(np.stack([errors, words], axis=1).astype(float)).T
            sums[at] = np.stack([e, w, e * e, e * w, w * w], axis=1)
    for size, which in together({at: min(len(parts[at][1]), LARGE + 1) for at in sums}).items():
        rng = np.random.default_rng(0)
        drawn = resampled([sums[at] for at in which], replicates, rng, size > LARGE)
        for at, one in zip(which, drawn):
            found[at] = _interval(sums[at], one, confidence)
    return found


def together(keys: Mapping[int, Any]) -> dict[Any, list[int]]:
    """Which have the same key.

    >>> together({0: 8, 1: 9, 2: 8})
    {8: [0, 2], 9: [1]}
    """
    found: dict[Any, list[int]] = {}
    for at, key in keys.items():
        found.setdefault(key, []).append(at)
    return found


def in_groups(terms: np.ndarray) -> np.ndarray:
    """Terms of more units than are drawn: groups of units by chance, whose sums vary as units do."""
    if len(terms) <= LARGE:
        return terms
    group = np.random.default_rng(0).permutation(len(terms)) % LARGE
    return np.stack([np.bincount(group, column) for column in terms.T], axis=1)


def resampled(
    parts: Sequence[np.ndarray], replicates: int, rng: np.random.Generator, large: bool
) -> list[np.ndarray]:
    """Sums of the terms of units (rows) drawn with replacement; all parts have as many units.

    ``large`` says that the units are groups: those are drawn in a way that is quicker.
    """
    n = len(parts[0])
    terms = np.concatenate(parts, axis=1)
    step = max(1, (2_000_000 if large else 20_000_000) // n)  # replicates at a time, to bound memory
    drawn = []
    for first in range(0, replicates, step):
        size = min(step, replicates - first)
        if large:
            unit = rng.integers(0, n, size=(size, n), dtype=np.uint16) + np.arange(size)[:, None] * n
            times = np.bincount(unit.ravel(), minlength=size * n).reshape(size, n)
        else:
            times = rng.multinomial(n, np.full(n, 1 / n), size=size)
        drawn.append(times @ terms)
    ends = np.cumsum([part.shape[1] for part in parts])[:-1]
    return np.split(np.concatenate(drawn), ends, axis=1)


def _interval(sums: np.ndarray, drawn: np.ndarray, confidence: float) -> tuple[float, float]:
    n = len(sums)
    rate, error = _rate(sums.sum(axis=0)[None], n)
    if error[0] < TINY:
        return np.nan, np.nan
    rates_, errors_ = _rate(drawn, n)
    with np.errstate(divide="ignore", invalid="ignore"):
        t = np.nan_to_num((rates_ - rate[0]) / errors_, nan=0.0)  # infinite where all drawn are alike
    tail = (1 - confidence) / 2
    low, high = rate[0] - error[0] * np.quantile(t, [1 - tail, tail], method="nearest")
    # A few recordings that hold nearly all the errors say nothing of how large others may be.
    known = np.abs(np.array([low, high]) - rate[0]) <= WIDEST * error[0]
    return max(0.0, float(low)) if known[0] else np.nan, float(high) if known[1] else np.nan


def _rate(sums: np.ndarray, n: int) -> tuple[np.ndarray, np.ndarray]:
    """The ratio of the sums and its linearised standard error."""
    e, w, ee, ew, ww = sums.T
    with np.errstate(invalid="ignore", divide="ignore"):
        rate = e / w
        spread = ee - 2 * rate * ew + rate**2 * ww
        return rate, np.sqrt(np.maximum(spread, 0) * n / (n - 1)) / w
