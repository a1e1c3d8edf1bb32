"""Transcripts: the set of tables that every reader returns."""

from collections.abc import Iterable
from dataclasses import dataclass, field, fields, replace
from functools import partial

import pandas as pd

from medtx.errors import InputError
from medtx.tables import frame


@dataclass(frozen=True, eq=False, repr=False)
class Transcripts:
    """Recognition results, or references, as tables tied together by ``recording``.

    ``medtx.tables.describe("words")`` explains the columns of each table. ``failures``
    lists what could not be read (``errors="collect"``).
    """

    recordings: pd.DataFrame = field(default_factory=partial(frame, "recordings", {}))
    words: pd.DataFrame = field(default_factory=partial(frame, "words", {}))
    segments: pd.DataFrame = field(default_factory=partial(frame, "segments", {}))
    alternatives: pd.DataFrame = field(default_factory=partial(frame, "alternatives", {}))
    phi: pd.DataFrame = field(default_factory=partial(frame, "phi", {}))
    events: pd.DataFrame = field(default_factory=partial(frame, "events", {}))
    failures: pd.DataFrame = field(default_factory=partial(frame, "failures", {}))

    def __len__(self) -> int:
        return len(self.recordings)

    def __repr__(self) -> str:
        said = int((self.words["kind"] != "punctuation").sum())
        failed = f", {len(self.failures)} not readable" if len(self.failures) else ""
        return f"<Transcripts: {len(self)} recordings, {said:,} words{failed}>"

    def _repr_html_(self) -> str:
        sizes = pd.DataFrame(
            {name: [len(table)] for name, table in self.tables().items() if len(table)},
            index=["rows"],
        )
        return f"<p>{repr(self)[1:-1]}</p>" + str(sizes.to_html()) + str(self.recordings.head(5).to_html())

    def tables(self) -> dict[str, pd.DataFrame]:
        """The tables by name."""
        return {f.name: getattr(self, f.name) for f in fields(self)}

    def select(self, recordings: str | Iterable[str]) -> "Transcripts":
        """Only this recording, or these, in their old order, with all their tables.

        Raises `InputError` for a recording that is not here.
        """
        wanted = {recordings} if isinstance(recordings, str) else set(recordings)
        unknown = wanted - set(self.recordings["recording"])
        if unknown:
            raise InputError(f"no recording {sorted(unknown)[0]!r} among these {len(self)}")
        return replace(
            self,
            **{
                name: table[table["recording"].isin(wanted)].reset_index(drop=True)
                for name, table in self.tables().items()
                if name != "failures"
            },
        )

    def text(self) -> pd.Series:
        """The running text of each recording, punctuation set as the service sets it.

        >>> import medtx
        >>> medtx.from_text({"visit": "Denies chest pain."}).text()["visit"]
        'Denies chest pain.'
        """
        words = self.words[self.words["kind"] != "speaker-change"]
        pieces = words["content"].astype(object)
        pieces = pieces.where(words["kind"] == "punctuation", " " + pieces)
        joined = pieces.groupby(words["recording"], observed=True).agg("".join).str.removeprefix(" ")
        return joined.reindex(self.recordings["recording"].astype(str), fill_value="").rename("text")
