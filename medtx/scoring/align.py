"""Align hypotheses with references: which word was said for which.

Minimum edit distance over whole recordings, computed by rapidfuzz on integer ids.
"""

from collections.abc import Mapping, Sequence
from itertools import chain, pairwise
from os import PathLike
from typing import Any, NamedTuple, TypeAlias

import numpy as np
import pandas as pd
from rapidfuzz.distance import Levenshtein

from medtx.errors import InputError, kind_of, not_one_of
from medtx.reading import read
from medtx.reading.build import without_gc
from medtx.reading.references import from_text
from medtx.reading.texts import are_texts, is_text
from medtx.scoring.alignment import Alignment
from medtx.scoring.distances import as_characters, hint
from medtx.scoring.lattice import chosen, in_scoring, with_left_out
from medtx.scoring.most_right import most_right
from medtx.scoring.normalize import NAMES, WORDWISE, Normalizer, Tokens, from_callable, name_of, named, none
from medtx.scoring.order import Order, Parts, with_marks
from medtx.scoring.order import parts as parts_of
from medtx.scoring.pairing import Pairing, nothing_shared, paired, warn_of_partners
from medtx.scoring.ties import Path, Times, settle
from medtx.tables import OPS, frame
from medtx.transcripts import Transcripts

At = tuple[pd.DataFrame, pd.DataFrame]  # words, segments
Side: TypeAlias = Transcripts | Mapping[str, str] | Sequence[str] | pd.Series | str | PathLike[str]


WITHOUT_RESULT = ("FAILED", "QUEUED", "IN_PROGRESS", "NO_TRANSCRIPT")
"""Status of a job that has nothing to align."""


class _Side(NamedTuple):
    """All parts of the recordings of one side, one after the other."""

    ids: np.ndarray  # of each token: its number in the vocabulary that both sides share
    first: np.ndarray  # of each token: the row in words that it starts at
    last: np.ndarray  # and the one that it ends at
    confidence: np.ndarray  # of each token: the lowest of its words
    words: np.ndarray  # of each token: how many of its words no token before it came from
    offsets: np.ndarray  # of each part: where its tokens start; one more at the end


def align(
    references: Side,
    hypotheses: Side,
    *,
    normalize: str | Normalizer = "plain",
    names: Pairing | None = None,
) -> Alignment:
    """Align each recording's hypothesis with its reference. The reference comes first.

    Both sides are `Transcripts`, mappings from recording to text, what `medtx.read` takes
    as a path, or lists of texts, which are paired by their order. ``normalize`` is

    - ``"plain"``: case and punctuation that carries no number are ignored;
    - ``"medical"``: spoken and written forms are the same ("five hundred milligrams" and
      "500 mg");
    - ``"whisper"``: OpenAI's English normaliser (extra ``whisper``); it is not safe for doses;
    - ``"none"``: words as they are, with the marks after them, as in a text;
    - a function from the words of a recording to `medtx.scoring.normalize.Tokens`, or from
      its text to text, such as any transform of jiwer.

    ``"plain"`` and ``"medical"`` take options after a comma, as in ``"medical, fillers=False"``:
    ``fillers`` ("um" and "uh" count), ``compounds`` ("hay fever" is "hayfever") and ``spelling``
    ("mum" is "mom"); see `medtx.scoring.normalize.Plain` and `medtx.scoring.medical.Medical`.

    Where both sides have channels each channel is aligned by itself, so that people who speak at
    the same time do not mix. Channels of equal labels belong together; where labels differ, as
    many as there are are matched so that errors are fewest. Where one side has speakers and the
    other channels, or both have speakers, these voices are matched in the same way and kept apart
    if that gives fewer errors than order of time does: a speaker taken for another costs no
    word here, see `medtx.cpwer`. Else a recording is aligned as a whole, both sides in order of time:
    of words where both have times of words, and else of utterances, which a segment is, or what
    half a second of silence ends on a channel. Words of a segment keep their order, and so does a
    side without times. The column ``part`` of the pairs says what was aligned by itself.

    Of alignments with equally few errors one with the most right words is taken, and of these
    the one nearest in time, where both sides have times (of words, or of utterances). The same
    input gives the same pairs every time.

    Recordings are paired by name. Where names differ, ``names`` says what the hypotheses'
    are among the references:

    - a mapping, hypothesis -> reference (or the other way round, where only that fits);
    - a pattern such as ``"{name}_hyp"``, whose ``{name}`` is the reference's name (the
      references' names are matched with it where these fit, or both);
    - a function, used like a pattern;
    - a column of the metadata of one side that holds the other side's name, or its file;
    - ``"alike"``: folder, extension, case, marks between words and leading zeros do not count;
    - two of these, for the references' names and the hypotheses', or None for one that stays.

    NIST's marks in a reference are resolved as by sclite with -D: of ``{ have / i've }`` what gives
    fewest errors is taken, and ``(uh)`` counts as a right word where it was left out (its row has no
    hypothesis). Marks in a hypothesis are resolved likewise, after those of its reference. Segments
    of IGNORE_TIME_SEGMENT_IN_SCORING count on neither side.

    A recording on one side only is in no figure, and is listed in ``only_hypothesis`` or
    ``only_reference``; a warning says so where another name seems to be its partner's. Raises
    `InputError` where no recording is on both, and proposes how to pair them.

    >>> a = align({"visit": "Denies chest pain."}, {"visit": "denies chess pain now"})
    >>> a.pairs[["op", "reference", "hypothesis"]]
               op reference hypothesis
    0       equal    denies     denies
    1  substitute     chest      chess
    2       equal      pain       pain
    3      insert       NaN        now

    >>> len(align({"visit": "No fever."}, {"visit_hyp": "no fever"}, names="{name}_hyp"))
    1
    """
    normalizer = normalizer_of(normalize)
    ref, hyp = sides(references, hypotheses, names)
    silent = hyp.recordings["status"].isin(WITHOUT_RESULT)  # jobs that failed, say: not empty results
    silent &= ~hyp.recordings["recording"].isin(hyp.segments["recording"])
    if silent.any():
        hyp = hyp.select(hyp.recordings.loc[~silent, "recording"])
    hyp_names, ref_names = hyp.recordings["recording"].tolist(), ref.recordings["recording"].tolist()
    both = set(hyp_names) & set(ref_names)
    shared = [name for name in hyp_names if name in both]
    only_hypothesis = [name for name in hyp_names if name not in both]
    only_reference = [name for name in ref_names if name not in both]
    if not shared:
        raise nothing_shared(ref_names, hyp_names)
    warn_of_partners(only_reference, only_hypothesis)
    given, hyp = ref, in_scoring(ref, hyp)
    ref = chosen(ref, hyp, normalizer)
    heard = chosen(hyp, ref, normalizer)
    vocabulary: dict[str, int] = {}
    with without_gc():
        tables = ((ref.words, ref.segments), (heard.words, heard.segments))
        parts = parts_of(*tables, shared)
        ref_side = _tokenise(ref.words, parts.reference, normalizer, vocabulary)
        hyp_side = _tokenise(heard.words, parts.hypothesis, normalizer, vocabulary)
        tokens = pd.array(list(vocabulary), dtype="str")
        pairs = _pairs(ref_side, hyp_side, tokens, shared, parts, *tables)
    pairs = with_left_out(pairs, ref.words, normalizer)
    if ref is not given or heard is not hyp:  # marks were resolved: other words than in the tables
        parts = parts_of((given.words, given.segments), (hyp.words, hyp.segments), shared)
    known = hyp.recordings[hyp.recordings["recording"].isin(both)].reset_index(drop=True)
    for column, values in ref.recordings.items():  # what only the references' metadata says
        missing = column not in known or known[column].isna().all()
        if missing and column != "source" and values.notna().any():
            by_name = values.set_axis(ref_names)
            known[column] = by_name.loc[shared].array
    alone = only_hypothesis, only_reference
    return Alignment(pairs, known, *alone, hyp.words, given.words, normalizer, name_of(normalizer), parts)


def check_order(ref: Transcripts, hyp: Transcripts) -> None:
    """Refuse results where references belong: on plain texts a swap could not be seen."""
    if hyp.recordings["engine"].isna().all() and ref.recordings["engine"].notna().any():
        engine = ref.recordings["engine"].dropna().iloc[0]
        raise InputError(
            f"the reference comes first: the first side was recognised by an engine ({engine}), "
            "and the second was not"
        )


def sides(
    references: Side, hypotheses: Side, names: Pairing | None = None
) -> tuple[Transcripts, Transcripts]:
    """Both sides as Transcripts, their recordings under names by which they meet."""
    ref, hyp = transcripts_of(references, "references"), transcripts_of(hypotheses, "hypotheses")
    check_order(ref, hyp)
    listed = [side for side in (references, hypotheses) if isinstance(side, list | tuple)]
    if len(listed) == 2 and len(ref) != len(hyp):
        raise InputError(f"lists are paired by their order: {len(ref)} references, {len(hyp)} hypotheses")
    return paired(ref, hyp, names)


def transcripts_of(side: Side, name: str) -> Transcripts:
    """One side, whatever holds it: a path is read, texts are taken as they are."""
    if isinstance(side, Transcripts):
        return side
    if are_texts(side):
        return from_text(side)
    made = ("Alignment", "Entities", "Dataset", "DataFrame")  # of transcripts, but none
    if side is None or type(side).__name__ in made or (isinstance(side, str) and is_text(side)):
        expected = "Transcripts, texts by name such as {'visit': 'No fever.'}, a list of texts, or a path"
        raise InputError(f"{name}: expected {expected}, not {kind_of(side)}")
    return read(side)


def normalizer_of(normalize: str | Normalizer) -> Normalizer:
    if callable(normalize):
        return from_callable(normalize)
    if not isinstance(normalize, str):
        raise not_one_of("normalize", normalize, NAMES, " or a function")
    return named(normalize)


def _tokenise(words: pd.DataFrame, order: Order, normalizer: Normalizer, vocabulary: dict[str, int]) -> _Side:
    """The tokens of each part; new ones join the vocabulary."""
    rows, begins = order
    content = words["content"].array
    if len(rows) < len(words) or (np.diff(rows) != 1).any():
        content = content[rows]
    by_word = WORDWISE.get(normalizer)
    if normalizer is none and (words["kind"] == "punctuation").any():
        content = pd.array(with_marks(words, rows, content), dtype="str")
    if by_word:  # each distinct word is normalised once
        codes, found = pd.factorize(content)
        distinct = found.to_numpy(dtype=object).tolist()
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


def _edits(ref: _Side, hyp: _Side, times: tuple[Times, Times] | None) -> Path:
    """For each aligned position: operation, reference token, hypothesis token (-1: none)."""
    ref_text, hyp_text = as_characters(ref.ids), as_characters(hyp.ids)
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


def _pairs(
    ref: _Side, hyp: _Side, tokens: Any, names: list[str], parts: Parts, ref_at: At, hyp_at: At
) -> pd.DataFrame:
    timed = all(_is_timed(*at) for at in (ref_at, hyp_at))
    times = (_times(ref, *ref_at), _times(hyp, *hyp_at)) if timed else None
    path = _edits(ref, hyp, times)
    op, ref_token, hyp_token = path
    owners = [np.repeat(np.arange(len(parts.recording)), np.diff(side.offsets)) for side in (ref, hyp)]
    inserted = np.flatnonzero(ref_token < 0)
    part = np.append(owners[0], 0)[ref_token]
    part[inserted] = owners[1][hyp_token[inserted]]
    if times is not None:
        op, ref_token, hyp_token = settle(path, (ref.ids, hyp.ids), times, part)

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
            "recording": pd.Categorical.from_codes(parts.recording[part], names),
            "part": parts.number[part],
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
