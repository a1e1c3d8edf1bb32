"""What an alignment knows: its pairs, counts, rates, and what was said for what."""

from collections.abc import Iterable, Iterator, Sequence
from functools import cached_property
from typing import TYPE_CHECKING, TypeAlias

import numpy as np
import pandas as pd

from medtx.scoring.distances import of_characters, of_raw_words
from medtx.scoring.normalize import Normalizer
from medtx.scoring.order import Parts, whole
from medtx.scoring.rates import COUNTS, rates
from medtx.scoring.turns import WITHOUT_FILLERS, under
from medtx.tables import OPS
from medtx.transcripts import picked_names

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from medtx.scoring.keywords import Terms

By: TypeAlias = "str | pd.Series | Sequence[str | pd.Series] | None"


class Alignment:
    """Hypotheses aligned with references.

    ``pairs`` has a row an aligned position, ``counts`` a row a recording, ``recordings``
    what is known of each, ``only_hypothesis`` and ``only_reference`` the recordings that
    had no partner and are in no figure. ``hypothesis`` and ``reference`` are the words of
    both sides, as they were before they were normalised, ``normalize`` the name of what did that.
    """

    def __init__(
        self,
        pairs: pd.DataFrame,
        recordings: pd.DataFrame,
        only_hypothesis: list[str],
        only_reference: list[str],
        hypothesis: pd.DataFrame,
        reference: pd.DataFrame,
        normalizer: Normalizer,
        normalize: str = "",
        parts: Parts | None = None,
    ) -> None:
        self.pairs = pairs
        self.recordings = recordings
        self.only_hypothesis = only_hypothesis
        self.only_reference = only_reference
        self.hypothesis = hypothesis
        self.reference = reference
        self.normalizer = normalizer
        self.normalize = normalize
        self._parts = parts

    @property
    def parts(self) -> Parts:
        """What was aligned by itself: the recordings, or their channels."""
        if self._parts is None:
            self._parts = whole(self.reference, self.hypothesis, list(self.recordings["recording"]))
        return self._parts

    def with_pairs(self, pairs: pd.DataFrame) -> "Alignment":
        """The same with other pairs: new confidences, say, or the rows of some recordings."""
        known = self.recordings[self.recordings["recording"].isin(pairs["recording"].cat.categories)]
        sides = (self.only_hypothesis, self.only_reference, self.hypothesis, self.reference)
        known = known.reset_index(drop=True)
        return Alignment(pairs, known, *sides, self.normalizer, self.normalize, self._parts)

    def select(self, recordings: str | Iterable[str]) -> "Alignment":
        """Only this recording, or these, in their old order.

        Raises `InputError` for a recording that is not here.
        """
        wanted = picked_names(recordings, self)
        kept = self.pairs[self.pairs["recording"].astype(str).isin(wanted).to_numpy()]
        order = [name for name in self if name in wanted]
        return self.with_pairs(kept.assign(recording=kept["recording"].cat.set_categories(order)))

    def __len__(self) -> int:
        return len(self.recordings)

    def __iter__(self) -> Iterator[str]:
        """The names of the recordings, as a mapping's keys."""
        return iter(self.recordings["recording"].astype(str).tolist())

    def __contains__(self, name: object) -> bool:
        return isinstance(name, str) and bool((self.recordings["recording"] == name).any())

    def __getitem__(self, recordings: str | Iterable[str]) -> "Alignment":
        """The same as `select`: ``a["visit"]`` holds that recording alone."""
        return self.select(recordings)

    def rates(self, by: By = None, *, unit: str = "recording", replicates: int = 2000) -> pd.DataFrame:
        """Error rates with 95 % intervals: one row a group, then TOTAL.

        ``by`` names one or more columns: of ``recordings`` (specialty, engine, ...), or of the
        words (speaker, channel, phi, ... of the reference word, or of the recognised one where
        references have no such labels; ``"confidence"`` in tenths, ``"start"`` in minutes), or
        is a label for each row of ``pairs``, as a Series. Counts are added over the recordings
        of a group before a ratio is taken.

        ===================  ==============================================================
        wer                  (substitutions + deletions + insertions) / reference words
        wer_without_fillers  the same without "um" and "uh" on either side; answers such as
                             "mm-hm" stay; NaN for groups of words
        cer                  the same of characters, of the normalised texts joined by blanks
        mer, wil             match error rate, word information lost (Morris et al. 2004)
        accuracy             hits / reference words
        ser                  share of recordings with any error
        raw_wer              WER of the words and marks as they are, neither side normalised
        ===================  ==============================================================

        ``wer_low`` and ``wer_high`` are a
        bootstrap interval with the recording as its unit (Bisani & Ney 2004), studentised
        because groups of a dozen recordings are common; NaN below eight recordings. Where
        several recordings share what makes them go wrong together, ``unit`` names the column
        of ``recordings`` that says so (``"speaker"``), and whole speakers are drawn. A group
        without reference words has NaN rates.

        >>> import medtx
        >>> a = medtx.align({"a": "no chest pain", "b": "a mild fever"},
        ...                 {"a": "no chest pain", "b": "mild fever"})
        >>> a.rates()[["recordings", "reference_words", "deletions", "wer"]]
               recordings  reference_words  deletions       wer
        TOTAL           2                6          1  0.166667
        """
        return rates(self, by, unit, replicates)

    def plot(self, by: By = None, ax: "Axes | None" = None) -> "Axes":
        """Word error rate by group with its interval, on ``ax`` or a new one."""
        from medtx.plots import plot_rates

        return plot_rates(self.rates(by), ax)

    @cached_property
    def word_counts(self) -> pd.DataFrame:
        """Those of `counts` that are known from the pairs alone, which is quick."""
        recording = self.pairs["recording"].cat.codes.to_numpy().astype(int)
        counts = count(self.pairs["op"].cat.codes.to_numpy(), recording, len(self.recordings))
        return counts.set_axis(pd.Index(self.recordings["recording"].astype(str).tolist()))

    @cached_property
    def counts(self) -> pd.DataFrame:
        """One row a recording, all of it counts, so that any group is a sum."""
        counts = self.word_counts.copy()
        counts["reference_characters"], counts["character_errors"] = of_characters(self)
        [(words, errors)] = under(self, [WITHOUT_FILLERS])
        counts["words_without_fillers"], counts["errors_without_fillers"] = words, errors
        counts["raw_reference_words"], counts["raw_errors"] = of_raw_words(self)
        return counts[COUNTS]

    def confusions(self, most: int | None = 20) -> pd.DataFrame:
        """What was heard for what: the commonest errors, with their counts and mean confidence.

        Blank references are insertions, blank hypotheses deletions.

        >>> import medtx
        >>> medtx.align({"a": "chest pain now"}, {"a": "chess pain"}).confusions()
          reference hypothesis  count  confidence
        0     chest      chess      1         NaN
        1       now                 1         NaN
        """
        wrong = self.pairs[self.pairs["op"] != "equal"]
        keys = [wrong[side].astype(object).fillna("") for side in ("reference", "hypothesis")]
        found = wrong["confidence"].groupby(keys).agg(["size", "mean"]).reset_index()
        found.columns = pd.Index(["reference", "hypothesis", "count", "confidence"])
        found = found.sort_values(["count", "reference", "hypothesis"], ascending=[False, True, True])
        return found.head(len(found) if most is None else most).reset_index(drop=True)

    def keywords(self, terms: "Terms", *, by: str = "category") -> pd.DataFrame:
        """Recall, precision and F1 of terms, such as drug names; see `medtx.scoring.keywords`."""
        from medtx.scoring.keywords import keywords

        return keywords(self, terms, by=by)

    def missed_keywords(self, terms: "Terms") -> pd.DataFrame:
        """What each missed term became; see `medtx.scoring.keywords`."""
        from medtx.scoring.keywords import missed_keywords

        return missed_keywords(self, terms)

    def text(self, recording: str, width: int = 100) -> str:
        """The alignment of a recording as text: reference above hypothesis, errors marked S, D, I."""
        from medtx.scoring.view import as_text

        return as_text(self, recording, width)

    def __repr__(self) -> str:
        alone = len(self.only_hypothesis) + len(self.only_reference)
        without = f", {alone} without a partner" if alone else ""
        op = self.pairs["op"]
        words = int((op != "insert").sum())
        wer = (op != "equal").sum() / words if words else np.nan
        return (
            f"<Alignment: {len(self.recordings)} recordings, WER {wer:.3f} of "
            f"{words:,} reference words{without}>"
        )

    def _repr_html_(self) -> str:
        from medtx.scoring.view import as_html

        return as_html(self)


def count(op: np.ndarray, owner: np.ndarray, size: int) -> pd.DataFrame:
    """Words, hits and errors of each of ``size`` owners, from the operation codes of their positions."""
    table = np.bincount(owner * len(OPS) + op, minlength=size * len(OPS))
    equal, substituted, deleted, inserted = table.reshape(size, len(OPS)).T
    return pd.DataFrame(
        {
            "reference_words": equal + substituted + deleted,
            "hits": equal,
            "substitutions": substituted,
            "deletions": deleted,
            "insertions": inserted,
        }
    )
