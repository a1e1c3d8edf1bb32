"""Align hypotheses with references: which word was said for which.

Minimum edit distance over whole recordings, computed by rapidfuzz on integer ids.
"""

import sys
from collections.abc import Mapping
from itertools import chain, pairwise
from os import PathLike
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from rapidfuzz.distance import Levenshtein

from medtx.errors import InputError
from medtx.reading import read
from medtx.reading.build import without_gc
from medtx.reading.references import from_text
from medtx.scoring.alignment import Alignment, hint
from medtx.scoring.lattice import chosen, in_scoring, with_left_out
from medtx.scoring.most_right import most_right
from medtx.scoring.normalize import NAMES, WORDWISE, Normalizer, Tokens, from_callable, named, none
from medtx.scoring.ties import Path, Times, settle
from medtx.tables import OPS, frame
from medtx.transcripts import Transcripts

At = tuple[pd.DataFrame, pd.DataFrame]  # words, segments
Side = Transcripts | Mapping[str, str] | str | PathLike[str]


WITHOUT_RESULT = ("FAILED", "QUEUED", "IN_PROGRESS")
"""Status of a job that has nothing to align."""


class _Side(NamedTuple):
    """All recordings of one side, one after the other."""

    ids: np.ndarray  # of each token: its number in the vocabulary that both sides share
    first: np.ndarray  # of each token: the row in words that it starts at
    last: np.ndarray  # and the one that it ends at
    confidence: np.ndarray  # of each token: the lowest of its words
    words: np.ndarray  # of each token: how many of its words no token before it came from
    offsets: np.ndarray  # of each recording: where its tokens start; one more at the end


def align(
    references: Side,
    hypotheses: Side,
    *,
    normalize: str | Normalizer = "plain",
) -> Alignment:
    """Align each recording's hypothesis with its reference. The reference comes first.

    Both sides are `Transcripts`, mappings from recording to text, or what `medtx.read`
    takes as a path. ``normalize`` is

    - ``"plain"``: case and punctuation that carries no number are ignored;
    - ``"medical"``: spoken and written forms are the same ("five hundred milligrams" and
      "500 mg"); `medtx.scoring.medical.Medical` has options;
    - ``"whisper"``: OpenAI's English normaliser (extra ``whisper``); it is not safe for doses;
    - ``"none"``: words as they are;
    - a function from the words of a recording to `medtx.scoring.normalize.Tokens`, or from
      its text to text, such as any transform of jiwer.

    Of alignments with equally few errors one with the most right words is taken, and of these
    the one nearest in time, where both sides have times (of words, or of utterances). The same
    input gives the same pairs every time.

    NIST's marks in a reference are resolved as by sclite with -D: of ``{ have / i've }`` what gives
    fewest errors is taken, and ``(uh)`` counts as a right word where it was left out (its row has no
    hypothesis). Marks in a hypothesis are resolved likewise, after those of its reference. Segments
    of IGNORE_TIME_SEGMENT_IN_SCORING count on neither side.

    A recording on one side only is in no figure, and is listed in ``only_hypothesis`` or
    ``only_reference``. Raises `InputError` where no recording is on both.

    >>> a = align({"visit": "Denies chest pain."}, {"visit": "denies chess pain now"})
    >>> a.pairs[["op", "reference", "hypothesis"]]
               op reference hypothesis
    0       equal    denies     denies
    1  substitute     chest      chess
    2       equal      pain       pain
    3      insert       NaN        now
    """
    normalizer = normalizer_of(normalize)
    hyp, ref = transcripts_of(hypotheses), transcripts_of(references)
    check_order(ref, hyp)
    silent = hyp.recordings["status"].isin(WITHOUT_RESULT)  # jobs that failed, say: not empty results
    silent &= ~hyp.recordings["recording"].isin(hyp.segments["recording"])
    if silent.any():
        hyp = hyp.select(hyp.recordings.loc[~silent, "recording"])
    hyp_names, ref_names = hyp.recordings["recording"].tolist(), ref.recordings["recording"].tolist()
    both = set(hyp_names) & set(ref_names)
    names = [name for name in hyp_names if name in both]
    only_hypothesis = [name for name in hyp_names if name not in both]
    only_reference = [name for name in ref_names if name not in both]
    if not names:
        raise InputError(
            f"no recording is on both sides, and names must be equal: {len(hyp)} hypotheses such as "
            f"{only_hypothesis[:1]}, {len(ref)} references such as {only_reference[:1]}"
        )
    given, hyp = ref, in_scoring(ref, hyp)
    ref = chosen(ref, hyp, normalizer)
    heard = chosen(hyp, ref, normalizer)
    vocabulary: dict[str, int] = {}
    with without_gc():
        ref_side = _tokenise(ref.words, names, normalizer, vocabulary)
        hyp_side = _tokenise(heard.words, names, normalizer, vocabulary)
        tokens = pd.array(list(vocabulary), dtype="str")
        sides = ((ref.words, ref.segments), (heard.words, heard.segments))
        pairs = _pairs(ref_side, hyp_side, tokens, names, *sides)
    pairs = with_left_out(pairs, ref.words, normalizer)
    known = hyp.recordings[hyp.recordings["recording"].isin(both)].reset_index(drop=True)
    for column, values in ref.recordings.items():  # what only the references' metadata says
        missing = column not in known or known[column].isna().all()
        if missing and column != "source" and values.notna().any():
            by_name = values.set_axis(ref_names)
            known[column] = by_name.loc[names].array
    alone = only_hypothesis, only_reference
    name = normalize if isinstance(normalize, str) else "of one's own"
    return Alignment(pairs, known, *alone, hyp.words, given.words, normalizer, name)


def check_order(ref: Transcripts, hyp: Transcripts) -> None:
    """Refuse results where references belong: on plain texts a swap could not be seen."""
    if hyp.recordings["engine"].isna().all() and ref.recordings["engine"].notna().any():
        engine = ref.recordings["engine"].dropna().iloc[0]
        raise InputError(
            f"the reference comes first: the first side was recognised by an engine ({engine}), "
            "and the second was not"
        )


def transcripts_of(side: Side) -> Transcripts:
    if isinstance(side, Transcripts):
        return side
    return read(side) if isinstance(side, str | PathLike) else from_text(side)


def normalizer_of(normalize: str | Normalizer) -> Normalizer:
    if callable(normalize):
        return from_callable(normalize)
    normalizer = named(normalize)
    if normalizer is None:
        raise InputError(f"normalize={normalize!r} is not one of {', '.join(NAMES)} or a function")
    return normalizer


def _tokenise(
    words: pd.DataFrame, names: list[str], normalizer: Normalizer, vocabulary: dict[str, int]
) -> _Side:
    """The tokens of each recording in the order of ``names``; new ones join the vocabulary."""
    rank = pd.Series(range(len(names)), index=names).reindex(words["recording"].cat.categories, fill_value=-1)
    owner = rank.to_numpy()[words["recording"].cat.codes]
    rows = np.flatnonzero((words["kind"] == "pronunciation").to_numpy() & (owner >= 0))
    rows = rows[np.argsort(owner[rows], kind="stable")]
    content = words["content"].array
    if len(rows) < len(words) or (np.diff(rows) != 1).any():
        content = content[rows]
    begins = np.searchsorted(owner[rows], np.arange(len(names) + 1))
    by_word = WORDWISE.get(normalizer)
    if by_word:  # each distinct word is normalised once
        codes, found = pd.factorize(content)
        distinct = found.to_numpy(dtype=object).tolist()
        if normalizer is none:
            flat = np.array([vocabulary.setdefault(word, len(vocabulary)) for word in distinct], dtype=int)
            one = np.ones(len(rows), int)
            return _Side(flat[codes], rows, rows, words["confidence"].to_numpy()[rows], one, begins)
        made = [[vocabulary.setdefault(token, len(vocabulary)) for token in by_word(w)] for w in distinct]
        sizes = np.array([len(ids) for ids in made], dtype=int)
        flat = np.array(list(chain.from_iterable(made)), dtype=int)
        if (sizes == 1).all():  # as nearly always: nothing moves
            return _Side(flat[codes], rows, rows, words["confidence"].to_numpy()[rows], sizes[codes], begins)
        count = sizes[codes]
        offsets = np.concatenate([[0], np.cumsum(count)])
        within = np.arange(offsets[-1]) - np.repeat(offsets[:-1], count)
        ids = flat[np.repeat((np.cumsum(sizes) - sizes)[codes], count) + within]
        row = np.repeat(rows, count)
        new = (within == 0).astype(int)
        return _Side(ids, row, row, words["confidence"].to_numpy()[row], new, offsets[begins])
    said = with_marks(words, rows, content)
    sure = words["confidence"].to_numpy()[rows]
    numbers: list[int] = []
    spans: list[tuple[int, int]] = []
    ends = [0]
    for first, last in pairwise(begins.tolist()):
        tokens = normalizer(said[first:last])
        if not isinstance(tokens, Tokens) or len({len(column) for column in tokens}) > 1:
            raise InputError("a normaliser must give Tokens with as many starts and stops as texts")
        if any(not 0 <= a < b <= last - first for a, b in zip(tokens.start, tokens.stop)):
            raise InputError("a normaliser gave a token whose span is empty or outside its words")
        numbers += [vocabulary.setdefault(token, len(vocabulary)) for token in tokens.text]
        spans += [(first + a, first + b) for a, b in zip(tokens.start, tokens.stop)]
        ends.append(len(numbers))
    least = [sure[a] if b == a + 1 else np.fmin.reduce(sure[a:b]) for a, b in spans]
    start, stop = np.array(spans, dtype=int).reshape(-1, 2).T
    before = np.append(0, np.maximum.accumulate(stop)[:-1])
    new = np.maximum(stop - np.maximum(start, before), 0)
    return _Side(
        np.array(numbers, dtype=int), rows[start], rows[stop - 1], np.array(least), new, np.array(ends)
    )


def with_marks(words: pd.DataFrame, rows: np.ndarray, content: Any) -> list[str]:
    """The words with the marks after them, which the service writes as items of their own."""
    said: list[str] = content.to_numpy(dtype=object).tolist()
    after = np.minimum(rows + 1, len(words) - 1)
    mark = (words["kind"] == "punctuation").to_numpy()[after]
    codes = words["recording"].cat.codes.to_numpy()
    marks = words["content"].array
    for n in np.flatnonzero(mark & (codes[after] == codes[rows])):
        said[n] += marks[after[n]]
    return said


def _edits(ref: _Side, hyp: _Side, times: tuple[Times, Times] | None) -> Path:
    """For each aligned position: operation, reference token, hypothesis token (-1: none)."""
    ref_text, hyp_text = _as_characters(ref.ids), _as_characters(hyp.ids)
    edits = [
        Levenshtein.editops(ref_text[r0:r1], hyp_text[h0:h1], score_hint=hint(r1 - r0)).as_list()
        for (r0, r1), (h0, h1) in zip(pairwise(ref.offsets.tolist()), pairwise(hyp.offsets.tolist()))
    ]
    owner = np.repeat(np.arange(len(edits)), [len(e) for e in edits])
    flat: list[Any] = list(chain.from_iterable(edits))
    tag = np.array([edit[0][0] for edit in flat], dtype="<U1")
    source = np.array([edit[1] for edit in flat], dtype=int) + ref.offsets[owner]
    inserted = source[tag == "i"]
    size = len(ref.ids)
    ref_op = np.zeros(size, np.int8)
    ref_op[source[tag == "r"]] = OPS.index("substitute")
    ref_op[source[tag == "d"]] = OPS.index("delete")
    # An insertion stands before the reference token at its source position.
    ref_row = np.arange(size) + np.searchsorted(inserted, np.arange(size), side="right")
    op = np.full(size + len(inserted), OPS.index("insert"), np.int8)
    op[ref_row] = ref_op
    sizes = np.diff(ref.offsets) + np.bincount(owner[tag == "i"], minlength=len(edits))
    op = most_right(op, (ref.ids, hyp.ids), np.cumsum(sizes), times)
    said, heard = (op != OPS.index(other) for other in ("insert", "delete"))
    ref_token, hyp_token = (np.where(there, np.cumsum(there) - 1, -1) for there in (said, heard))
    return Path(op, ref_token, hyp_token)


def _as_characters(ids: np.ndarray) -> str:
    """Ids as code points: rapidfuzz reads a string without touching Python objects."""
    if ids.max(initial=0) > sys.maxunicode:
        raise InputError(f"more than {sys.maxunicode:,} different words: align in several parts")
    return ids.astype("<u4").tobytes().decode("utf-32-le", "surrogatepass")


def _is_timed(words: pd.DataFrame, segments: pd.DataFrame) -> bool:
    return bool(words["start"].notna().any() or segments["start"].notna().any())


def _times(side: _Side, words: pd.DataFrame, segments: pd.DataFrame) -> Times:
    """Of each token: its words', or its utterance's where words have none."""
    start, end = words["start"].to_numpy()[side.first], words["end"].to_numpy()[side.last]
    missing = np.isnan(start) | np.isnan(end)
    if not missing.any() or segments["start"].isna().all():
        return Times(start, end)
    key = ["recording", "segment"]
    spans = segments.drop_duplicates(key).set_index(key)[["start", "end"]]
    said = words.iloc[side.first[missing]]
    found = spans.reindex(pd.MultiIndex.from_frame(said[key])).to_numpy()
    start, end = start.copy(), end.copy()
    start[missing], end[missing] = found.T
    return Times(start, end)


def _pairs(ref: _Side, hyp: _Side, tokens: Any, names: list[str], ref_at: At, hyp_at: At) -> pd.DataFrame:
    timed = all(_is_timed(*at) for at in (ref_at, hyp_at))
    times = (_times(ref, *ref_at), _times(hyp, *hyp_at)) if timed else None
    path = _edits(ref, hyp, times)
    op, ref_token, hyp_token = path
    owners = [np.repeat(np.arange(len(names)), np.diff(side.offsets)) for side in (ref, hyp)]
    inserted = np.flatnonzero(ref_token < 0)
    recording = np.append(owners[0], 0)[ref_token]
    recording[inserted] = owners[1][hyp_token[inserted]]
    if times is not None:
        op, ref_token, hyp_token = settle(path, (ref.ids, hyp.ids), times, recording)

    def spread(values: np.ndarray, token: np.ndarray, blank: Any) -> np.ndarray:
        """The value of each position's token; ``blank`` where it has none."""
        if blank != blank and np.isnan(values).all():  # texts have neither times nor confidences
            return np.full(len(token), np.nan)
        padded = np.append(values, np.array([blank], dtype=values.dtype))
        found: np.ndarray = padded[token]
        return found

    ref_words, hyp_words = ref_at[0], hyp_at[0]
    speaker = hyp_words["speaker"].cat
    return frame(
        "pairs",
        {
            "recording": pd.Categorical.from_codes(recording, names),
            "op": pd.Categorical.from_codes(op, OPS),
            "reference": tokens.take(spread(ref.ids, ref_token, -1), allow_fill=True),
            "hypothesis": tokens.take(spread(hyp.ids, hyp_token, -1), allow_fill=True),
            "reference_position": spread(ref_words["position"].to_numpy()[ref.first], ref_token, -1),
            "position": spread(hyp_words["position"].to_numpy()[hyp.first], hyp_token, -1),
            "start": spread(hyp_words["start"].to_numpy()[hyp.first], hyp_token, np.nan),
            "end": spread(hyp_words["end"].to_numpy()[hyp.last], hyp_token, np.nan),
            "confidence": spread(hyp.confidence, hyp_token, np.nan),
            "words": spread(hyp.words, hyp_token, 0),
            "speaker": pd.Categorical.from_codes(
                spread(speaker.codes.to_numpy()[hyp.first], hyp_token, -1), speaker.categories
            ),
        },
    )
