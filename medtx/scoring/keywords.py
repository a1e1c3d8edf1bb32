"""How well the words that matter were recognised: drugs, doses, anatomy, or any list of terms."""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from typing import NamedTuple, TypeAlias

import numpy as np
import pandas as pd

from medtx.errors import InputError, kind_of, not_one_of
from medtx.scoring.alignment import Alignment
from medtx.scoring.order import part_of
from medtx.scoring.rates import interval

Terms: TypeAlias = "Iterable[str] | Mapping[str, str] | pd.DataFrame"


class _Spot(NamedTuple):
    """A term in the tokens of one side: its positions in ``pairs``."""

    term: str
    recording: str
    rows: tuple[int, ...]


def keywords(alignment: Alignment, terms: Terms, *, by: str = "category") -> pd.DataFrame:
    """Recall, precision and F1 of terms: one row a category (or ``by="term"``), then TOTAL.

    ``terms`` is a list, a mapping from term to category, or a lexicon: a DataFrame with a
    column ``term`` and perhaps ``category``. Terms of several words count as one. Both sides
    were normalised as in the alignment, and so are the terms; where terms overlap the longest
    is taken. A term is found where all of its words were recognised, in order and nothing
    between; ``invented`` where it was recognised and not said.

    ``recall_low`` and ``recall_high`` are 95 % bounds by recording, as those of WER are.

    >>> import medtx
    >>> a = medtx.align({"a": "takes warfarin and metformin", "b": "on heparin"},
    ...                 {"a": "takes warfarin and met for men", "b": "on warfarin"})
    >>> keywords(a, ["warfarin", "metformin", "heparin"], by="term")[
    ...     ["reference", "found", "missed", "invented", "recall", "precision"]]
               reference  found  missed  invented    recall  precision
    heparin            1      0       1         0  0.000000        NaN
    metformin          1      0       1         0  0.000000        NaN
    warfarin           1      1       0         1  1.000000        0.5
    TOTAL              3      1       2         1  0.333333        0.5
    """
    known = _lexicon(alignment, terms)
    if by not in ("category", "term"):
        raise not_one_of("by", by, ("category", "term"))
    op = alignment.pairs["op"].astype(str).to_numpy()
    label = {term: category if by == "category" else term for term, (_, category) in known.items()}
    names = sorted(set(label.values()))
    recordings = alignment.recordings["recording"].astype(str).tolist()
    index = pd.MultiIndex.from_product([names, recordings], names=["group", "recording"])
    found: dict[str, Counter[tuple[str, str]]] = {}
    for side, whole, right in (("reference", "reference", "found"), ("hypothesis", "hypothesis", "right")):
        found[whole], found[right] = Counter(), Counter()
        for spot in _spots(alignment, known, side):
            key = (label[spot.term], spot.recording)
            found[whole][key] += 1
            found[right][key] += _whole(spot, op)
    counts = pd.DataFrame({name: [held[key] for key in index] for name, held in found.items()}, index=index)
    rows = {name: _row(counts.loc[name]) for name in names}
    rows["TOTAL"] = _row(counts.groupby("recording", sort=False).sum())
    table = pd.DataFrame.from_dict(rows, orient="index")
    whole_numbers = ["reference", "hypothesis", "found", "missed", "invented"]
    return table.astype(dict.fromkeys(whole_numbers, int))


def missed_keywords(alignment: Alignment, terms: Terms) -> pd.DataFrame:
    """What each missed term became: ``term``, ``category``, ``heard``, ``count``, the commonest first.

    >>> import medtx
    >>> a = medtx.align({"a": "takes metformin"}, {"a": "takes met for men"})
    >>> missed_keywords(a, {"metformin": "drug"})
            term category        heard  count
    0  metformin     drug  met for men      1
    """
    known = _lexicon(alignment, terms)
    op = alignment.pairs["op"].astype(str).to_numpy()
    part = part_of(alignment.pairs)
    heard = alignment.pairs["hypothesis"].astype(object).to_numpy()
    found = []
    for spot in _spots(alignment, known, "reference"):
        if not _whole(spot, op):
            first, last = spot.rows[0], spot.rows[-1]
            # What was put in beside it belongs to it: "met for men" is one substitution, two insertions.
            while first > 0 and op[first - 1] == "insert" and part[first - 1] == part[first]:
                first -= 1
            while last + 1 < len(op) and op[last + 1] == "insert" and part[last + 1] == part[last]:
                last += 1
            said = " ".join(word for word in heard[first : last + 1] if isinstance(word, str))
            found.append((spot.term, known[spot.term][1], said))
    table = pd.DataFrame(found, columns=["term", "category", "heard"])
    counted = table.value_counts(sort=False).rename("count").reset_index()
    order = ["count", "term", "heard"]
    return counted.sort_values(order, ascending=[False, True, True], ignore_index=True)


def _lexicon(alignment: Alignment, terms: Terms) -> dict[str, tuple[tuple[str, ...], str]]:
    """Each term with its tokens and its category."""
    if isinstance(terms, pd.DataFrame):
        if "term" not in terms:
            raise InputError("a lexicon needs a column term")
        categories = terms["category"] if "category" in terms else ["terms"] * len(terms)
        given = terms["term"].notna()
        pairs = zip(terms["term"][given].astype(str), map(str, pd.Series(categories, terms.index)[given]))
    elif isinstance(terms, Mapping):
        pairs = zip(terms, map(str, terms.values()))
    else:
        if isinstance(terms, str | bytes) or not isinstance(terms, Iterable):
            raise InputError(f"terms: expected a list of terms, not {kind_of(terms)}")
        pairs = zip(terms := list(terms), ["terms"] * len(terms))
    known: dict[str, tuple[tuple[str, ...], str]] = {}
    seen: dict[tuple[str, ...], str] = {}
    for term, category in pairs:
        if not isinstance(term, str):
            raise InputError(f"a term is {type(term).__name__}, not text")
        tokens = tuple(alignment.normalizer(term.split()).text)
        if not tokens:
            continue
        if tokens in seen and seen[tokens] != category:
            raise InputError(f"{term!r} is in {seen[tokens]} and in {category}, once it is normalised")
        if tokens not in seen:  # "haemoglobin" and "hemoglobin" are one term
            known[term] = (tokens, "TOTAL *" if category == "TOTAL" else category)
        seen[tokens] = category
    if not known:
        raise InputError("there is no term to look for")
    return known


def _spots(
    alignment: Alignment, known: Mapping[str, tuple[tuple[str, ...], str]], side: str
) -> Iterator[_Spot]:
    starts: dict[str, list[tuple[tuple[str, ...], str]]] = {}
    for term, (tokens, _) in known.items():
        starts.setdefault(tokens[0], []).append((tokens, term))
    for rows in starts.values():
        rows.sort(key=lambda row: -len(row[0]))
    pairs = alignment.pairs
    rows_ = np.flatnonzero(pairs[side].notna())
    said = pairs[side].to_numpy(dtype=object)[rows_].tolist()
    owner = pairs["recording"].astype(str).to_numpy()[rows_].tolist()
    part = part_of(pairs)[rows_].tolist()
    at, size = 0, len(said)
    while at < size:
        step = 1
        for tokens, term in starts.get(said[at], ()):
            end = at + len(tokens)
            if tuple(said[at:end]) == tokens and part[end - 1] == part[at]:
                yield _Spot(term, owner[at], tuple(rows_[at:end].tolist()))
                step = len(tokens)
                break
        at += step


def _whole(spot: _Spot, op: np.ndarray) -> bool:
    """Whether all its words were recognised, with nothing between them."""
    return bool((op[spot.rows[0] : spot.rows[-1] + 1] == "equal").all())


def _row(counts: pd.DataFrame) -> dict[str, float]:
    said, found, heard, right = counts[["reference", "found", "hypothesis", "right"]].sum()
    missed = counts["reference"] - counts["found"]
    low, high = interval(missed.to_numpy(), counts["reference"].to_numpy())
    recall = found / said if said else np.nan
    precision = right / heard if heard else np.nan
    return {
        "reference": said,
        "hypothesis": heard,
        "found": found,
        "missed": said - found,
        "invented": heard - right,
        "recall": recall,
        "recall_low": max(1 - high, 0.0),
        "recall_high": 1 - low,
        "precision": precision,
        "f1": 2 * recall * precision / (recall + precision) if recall and precision else np.nan,
    }
