"""An operating point with its evidence: what is signed, kept as a small file, and put to new results."""

import hashlib
import json
import math
import warnings
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields, replace
from datetime import UTC, datetime
from functools import partial
from html import escape
from importlib.metadata import version
from os import PathLike
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pandas as pd

from medtx.errors import ReadError, expect, not_one_of
from medtx.files import save_text
from medtx.listening import CONTEXT, check_context, long
from medtx.scoring.rates import FEWEST
from medtx.thresholds.mark import groups_of, mark, tell_unknown
from medtx.thresholds.units import check, check_unknown
from medtx.transcripts import Transcripts

_FORM = "medtx-threshold-1"
_EVERYTHING = "everything"
_HEARS = {
    "word": "Review words",
    "segment": "Review segments with a word",
    "recording": "Review recordings with a word",
}


@dataclass(frozen=True)
class Threshold:
    """What goes to review, and what that was measured to do.

    Words below ``value`` are reviewed, or the ``unit`` around them; an infinite value means
    everything. ``holds`` says whether the limits asked for are kept, ``reason`` how that is
    known. Counts are of the recordings that it was chosen on; ``held_out_error`` (mean share of
    a recording's words) and ``held_out_review`` (share of all words) of recordings that the same
    choice had not seen, and ``held_out_values`` the least and greatest threshold it then made.

    ``review_minutes`` are what must be heard, with ``context`` seconds around, ``word_minutes``
    the bare words or units. Words ``without_confidence`` are always reviewed, or never
    (``unknown``): ``unknown_words`` of them are not heard, and ``unknown_errors`` of these are
    wrong, which ``errors_missed`` counts too.
    """

    value: float
    unit: str | int
    reason: str
    holds: bool
    recordings: int
    words: int
    review_words: int
    review_minutes: float
    word_minutes: float
    errors_caught: int
    errors_missed: int
    deletions: int
    deletions_heard: int
    reference_words: int
    without_confidence: int = 0
    unknown_words: int = 0
    unknown_errors: int = 0
    unknown: str = "skip"
    context: float = CONTEXT
    max_error: float | dict[str, float] | None = None
    max_review: float | None = None
    confidence: float | None = None
    worst: float = 1.0
    chance: str = "recording"
    cost_review: float | None = None
    cost_error: float | dict[str, float] | None = None
    cost_per_1000: float | None = None
    held_out_error: float | None = None
    held_out_review: float | None = None
    held_out_values: tuple[float, float] | None = None
    review_range: tuple[float, float] | None = None
    group: str | None = None
    warning: str = ""
    engine: str = ""
    normalize: str = ""
    fingerprint: str = ""
    signed_by: str = ""
    signed_at: str = ""
    note: str = ""
    version: str = field(default_factory=partial(version, "medtx"))

    @property
    def review_share(self) -> float:
        """Of the recognised words, those that a reviewer hears."""
        return self.review_words / self.words if self.words else np.nan

    @property
    def wer_before(self) -> float:
        errors = self.errors_caught + self.errors_missed + self.deletions + self.deletions_heard
        return errors / self.reference_words if self.reference_words else np.nan

    @property
    def wer_after(self) -> float:
        """If everything wrong that is heard is put right."""
        left = self.errors_missed + self.deletions
        return left / self.reference_words if self.reference_words else np.nan

    def apply(
        self, transcripts: Transcripts, *, unknown: str | None = None, context: float | None = None
    ) -> pd.DataFrame:
        """The words of new results with a column ``review``.

        ``unknown`` ("skip" or "review") says what becomes of words without a confidence, and
        ``context`` how many seconds are heard around those in doubt; both are as in the sweep that
        it was chosen on, if they are not given. Words beside ``review``: ``doubtful`` (it is
        itself below the threshold), and ``hear_start`` and ``hear_end`` of what to play for it.
        `medtx.thresholds.to_hear` makes a list of stretches to listen to of it.

        Warns of words without a confidence that are not sent to review, and where these results are
        unlike those that the threshold was chosen on: another engine, or a share to review that
        none of its recordings had.
        """
        expect(transcripts, Transcripts)
        limits = np.full(len(transcripts.words), self.value)
        marked = mark(transcripts, limits, self.unit, unknown or self.unknown, _given(context, self.context))
        tell_unknown(marked)
        _same_engine(self.engine, transcripts)
        if unknown in (None, self.unknown):
            self._compare(marked)
        return marked

    def _compare(self, marked: pd.DataFrame) -> None:
        where = f" for {self.group}" if self.group else ""
        words = marked[marked["kind"] == "pronunciation"]
        if self.review_range and words["confidence"].notna().any():
            share, (low, high) = words["review"].mean(), self.review_range
            if not low <= share <= high:
                warnings.warn(
                    f"{share:.1%} of these words are to be reviewed{where}; the recordings that the "
                    f"threshold was chosen on had {low:.1%} to {high:.1%}: measure again first",
                    stacklevel=3,
                )

    def save(self, path: str | PathLike[str], *, signed_by: str = "", note: str = "") -> Path:
        """Keep it as JSON, with who signed it and when; `medtx.load_threshold` reads it.

        A file that is there is replaced only if it is a record that nobody signed. Else the new
        one goes beside it, as ``<name>-2.json``. The path is given.
        """
        return save_text(_beside(Path(path)), _json(asdict(self._signed(signed_by, note))))

    def _repr_html_(self) -> str:
        return f"<p>{escape(str(self))}</p>"

    def _price(self) -> str:
        """What it takes to listen."""
        if not self.review_words:
            return ""
        if np.isnan(self.review_minutes):
            return ", minutes not known for want of times"
        around = f" with {self.context:g} s around" if self.context else ""
        heard, bare = long(self.review_minutes), long(self.word_minutes)
        return f", {heard} to listen{around} ({bare} of bare words)"

    def _unknown(self) -> str:
        """What becomes of words without a confidence."""
        if not self.without_confidence:
            return ""
        have = "has" if self.without_confidence == 1 else "have"
        told = f" {self.without_confidence:,} of the words {have} no confidence"
        if not self.unknown_words:
            return f"{told}: all of that is reviewed."
        return f"{told}: {self.unknown_words:,} not reviewed, {self.unknown_errors:,} of that wrong."

    def _signed(self, by: str, note: str) -> "Threshold":
        return replace(
            self, signed_by=by, note=note, signed_at=datetime.now(UTC).isoformat(timespec="seconds")
        )

    def __str__(self) -> str:
        hears = _HEARS.get(str(self.unit), f"Review {self.unit} words around each")
        what = "Review everything" if np.isinf(self.value) else f"{hears} below {self.value:.4g}"
        errors = self.errors_caught + self.errors_missed
        missing = (
            f"of {self.deletions + self.deletions_heard:,} missing words {self.deletions_heard:,} lie within "
            f"what is heard and {self.deletions:,} are out of reach"
            if self.deletions_heard
            else f"{self.deletions:,} more are missing altogether"
        )
        said = (
            f"{what}: {self.review_share:.0%} of {self.words:,} words{self._price()}; "
            f"of {errors:,} wrong words {self.errors_caught:,} are caught and {self.errors_missed:,} slip "
            f"through; {missing}; WER {self.wer_before:.1%} before review, {self.wer_after:.1%} after."
            f"{self._unknown()} {self.reason}"
        )
        if self.held_out_error is not None and self.held_out_review is not None and self.held_out_values:
            low, high = (f"{v:.3g}" for v in self.held_out_values)
            span = f"at {low}" if low == high else f"at {low} to {high}"
            said += (
                f" Chosen in the same way on four fifths of them ({span}), it let {self.held_out_error:.1%} "
                f"through and sent {self.held_out_review:.0%} to review in the last fifth."
            )
        signed = f" Signed by {self.signed_by}, {self.signed_at}." if self.signed_by else ""
        note = f" Note: {self.note}" if self.note else ""
        return f"{said} {self.warning}".strip() + signed + note


@dataclass(frozen=True)
class Thresholds:
    """A threshold for each group of ``by``, all of which hold together."""

    by: str
    each: dict[str, Threshold]

    def __getitem__(self, group: str) -> Threshold:
        if group not in self.each:
            raise not_one_of("group", group, self.each)
        return self.each[group]

    @property
    def table(self) -> pd.DataFrame:
        """One row a group."""
        rows = [
            {
                "threshold": t.value,
                "holds": t.holds,
                "recordings": t.recordings,
                "words": t.words,
                "review_share": t.review_share,
                "review_minutes": t.review_minutes,
                "errors_caught": t.errors_caught,
                "errors_missed": t.errors_missed,
                "deletions": t.deletions,
                "held_out_error": t.held_out_error,
                "held_out_review": t.held_out_review,
                "reason": t.reason,
            }
            for t in self.each.values()
        ]
        return pd.DataFrame(rows, index=pd.Index(self.each, name=self.by))

    def apply(
        self, transcripts: Transcripts, *, unknown: str | None = None, context: float | None = None
    ) -> pd.DataFrame:
        """As `Threshold.apply`; words of a group that has no threshold are reviewed."""
        expect(transcripts, Transcripts)
        first = next(iter(self.each.values()))
        group = groups_of(transcripts, self.by)
        limits = group.map({name: t.value for name, t in self.each.items()}).fillna(np.inf).to_numpy(float)
        settings = unknown or first.unknown, _given(context, first.context)
        marked = mark(transcripts, limits, first.unit, *settings)
        tell_unknown(marked)
        if new := sorted(set(group[marked["kind"] == "pronunciation"]) - set(self.each)):
            warnings.warn(f"no threshold for {self.by} {', '.join(new)}: all of it is reviewed", stacklevel=2)
        for name, threshold in self.each.items():
            if unknown in (None, first.unknown):
                threshold._compare(marked[(group == name).to_numpy()])
        _same_engine(first.engine, transcripts)
        return marked

    def save(self, path: str | PathLike[str], *, signed_by: str = "", note: str = "") -> Path:
        """Keep them as JSON, with who signed them and when, as `Threshold.save`."""
        each = {name: asdict(t._signed(signed_by, note)) for name, t in self.each.items()}
        return save_text(_beside(Path(path)), _json({"by": self.by, "each": each}))

    def __str__(self) -> str:
        lines = []
        for name, t in self.each.items():
            what = "review everything" if np.isinf(t.value) else f"below {t.value:.4g}, {t.review_share:.0%}"
            lines.append(f"{name}: {what}; {t.errors_missed:,} wrong words slip through. {t.reason}")
        return "\n".join(lines)

    def _repr_html_(self) -> str:
        return str(self.table.to_html())


def load_threshold(path: str | PathLike[str]) -> Threshold | Thresholds:
    """A threshold that was kept, or those of several groups.

    Raises `ReadError` where the file is not such a record.
    """
    expect(path, str, PathLike, name="path")
    try:
        data = json.loads(Path(path).read_text(encoding="utf-8"))
        form = data.get("form") if isinstance(data, dict) else None
        if form != _FORM:
            raise ReadError(
                str(path), f"expected a threshold saved by medtx (form {_FORM!r}), found {form!r}"
            )
        if data.pop("check", None) != _check(data):
            raise ReadError(str(path), "expected a threshold as medtx saved it: this one was changed since")
        del data["form"]
        if "each" not in data:
            return _threshold(data)
        if not data["each"]:
            raise ValueError("it holds none")
        return Thresholds(str(data["by"]), {name: _threshold(each) for name, each in data["each"].items()})
    except OSError as error:
        raise ReadError(str(path), f"cannot be read: {error.strerror}") from None
    except (
        ValueError,
        KeyError,
        TypeError,
        AttributeError,
        RecursionError,
        msgspec.ValidationError,
    ) as error:
        raise ReadError(str(path), f"expected a threshold saved by medtx: {error}") from None


def _threshold(data: Any) -> Threshold:
    if not isinstance(data, dict):
        raise ValueError("a threshold is an object")
    unknown = set(data) - {f.name for f in fields(Threshold)}
    if unknown:
        raise ValueError(f"unknown fields {', '.join(sorted(unknown))}")
    if "unknown" not in data:  # kept when unknown words were always heard, and minutes were of bare words
        old = {"unknown": "review", "word_minutes": data.get("review_minutes"), "review_minutes": None}
        data = data | old
    number = {_EVERYTHING: math.inf, None: math.nan}
    names = ("value", "review_minutes", "word_minutes")
    numbers: dict[str, Any] = {name: number.get(data.get(name), data.get(name)) for name in names}
    if held := data.get("held_out_values"):
        numbers["held_out_values"] = [number.get(value, value) for value in held]
    found = msgspec.convert(data | numbers, Threshold)
    if not (0 <= found.value <= 1 or found.value == math.inf):
        raise ValueError(f"value {found.value} is not a confidence between 0 and 1")
    check(found.unit)
    check_unknown(found.unknown)
    check_context(found.context)
    return found


def _beside(path: Path) -> Path:
    """The path, or where it is taken (by a record that was signed, or another file) the next free one."""
    free, n = path, 1
    while free.exists() and not free.is_dir() and not _unsigned(free):
        n += 1
        free = path.with_name(f"{path.stem}-{n}{path.suffix}")
    return free


def _unsigned(path: Path) -> bool:
    try:
        kept = load_threshold(path)
    except ReadError:
        return False
    each = [kept] if isinstance(kept, Threshold) else kept.each.values()
    return not any(one.signed_by for one in each)


def _given(value: float | None, otherwise: float) -> float:
    return otherwise if value is None else value


def _json(data: Any) -> str:
    """JSON has neither infinity nor NaN."""

    def plain(value: Any) -> Any:
        if isinstance(value, Mapping):
            return {name: plain(v) for name, v in value.items()}
        if isinstance(value, tuple):
            return [plain(v) for v in value]
        if isinstance(value, float) and not math.isfinite(value):
            return _EVERYTHING if value > 0 else None
        return value

    kept = {"form": _FORM, **plain(data)}
    return json.dumps({**kept, "check": _check(kept)}, indent=2, ensure_ascii=False, allow_nan=False) + "\n"


def _check(kept: dict[str, Any]) -> str:
    """Tells a record that was changed by hand; it is no proof against someone who means to forge one."""
    text = json.dumps(kept, sort_keys=True, ensure_ascii=False)
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:16]


def _same_engine(engine: str, transcripts: Transcripts) -> None:
    engines = engines_of(transcripts.recordings)
    if engine and engines and engines != engine:
        warnings.warn(
            f"the threshold was chosen on results of {engine}, these are of {engines}", stacklevel=3
        )


def engines_of(recordings: pd.DataFrame) -> str:
    return ", ".join(sorted(map(str, recordings["engine"].dropna().unique())))


def review_range(shares: np.ndarray) -> tuple[float, float] | None:
    """The least and the largest share of a recording that goes to review."""
    if len(shares) < FEWEST:
        return None
    return float(shares.min()), float(shares.max())
