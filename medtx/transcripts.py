"""Transcripts: the set of tables that every reader returns."""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, fields, replace
from functools import partial
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING, Any, overload

import pandas as pd

from medtx.errors import InputError, expect, kind_of, no_recording, optional
from medtx.kept import check_recordings, read_kept
from medtx.tables import frame, stack

if TYPE_CHECKING:
    from medtx.names import Names


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
    notes: pd.DataFrame = field(default_factory=partial(frame, "notes", {}))
    failures: pd.DataFrame = field(default_factory=partial(frame, "failures", {}))

    def __post_init__(self) -> None:
        if not isinstance(self.recordings, pd.DataFrame):
            raise InputError(
                f"Transcripts are made by medtx.read(files) or medtx.from_text({{name: text}}), "
                f"not of {kind_of(self.recordings)}"
            )

    def __len__(self) -> int:
        return len(self.recordings)

    def __iter__(self) -> Iterator[str]:
        """The names of the recordings, as a mapping's keys."""
        return iter(self.recordings["recording"].astype(str).tolist())

    def __contains__(self, name: object) -> bool:
        return isinstance(name, str) and bool((self.recordings["recording"] == name).any())

    def __getitem__(self, recordings: str | Iterable[str]) -> "Transcripts":
        """The same as `select`: ``t["visit"]`` holds that recording alone.

        >>> import medtx
        >>> t = medtx.from_text({"a": "No fever.", "b": "Cough."})
        >>> t["a"], list(t), "c" in t
        (<Transcripts: 1 recordings, 2 words>, ['a', 'b'], False)
        """
        return self.select(recordings)

    def __repr__(self) -> str:
        said = int((self.words["kind"] == "pronunciation").sum())
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
        wanted = picked_names(recordings, self)
        return replace(
            self,
            **{
                name: table[table["recording"].isin(wanted)].reset_index(drop=True)
                for name, table in self.tables().items()
                if name != "failures"
            },
        )

    def summary(self) -> pd.DataFrame:
        """What is here, a row for each engine, mode, specialty, type and status.

        ``minutes`` of audio, ``words`` (without marks), how many have a ``confidence`` and its
        mean, and the rows of the other tables.

        >>> import medtx
        >>> medtx.from_text({"a": "No fever.", "b": "Cough."}).summary()[["recordings", "words"]]
           recordings  words
        0           2      3
        """
        keys = ["engine", "mode", "specialty", "type", "status"]
        said = self.words[self.words["kind"] == "pronunciation"]
        by = said["recording"]
        sure = said["confidence"].groupby(by, observed=False)
        counts = {
            "words": by.value_counts(),
            "confidence": sure.count(),
            "mean": sure.sum(),
        } | {
            name: table["recording"].value_counts()
            for name, table in self.tables().items()
            if name not in ("recordings", "words", "failures")
        }
        known = self.recordings[keys].assign(recordings=1, minutes=self.recordings["duration"] / 60)
        for name, count in counts.items():
            count.index = count.index.astype(str)
            known[name] = self.recordings["recording"].astype(str).map(count).fillna(0).to_numpy()
        summed = known.groupby(keys, observed=True, dropna=False).sum().reset_index()
        summed["mean"] = (summed["mean"] / summed["confidence"].where(summed["confidence"] > 0)).round(3)
        whole = summed.columns.difference([*keys, "minutes", "mean"], sort=False)
        return summed.astype(dict.fromkeys(whole, int)).round({"minutes": 1})

    @overload
    def text(self, recording: None = ..., *, punctuation: bool = ..., speakers: bool = ...) -> pd.Series: ...
    @overload
    def text(self, recording: str, *, punctuation: bool = ..., speakers: bool = ...) -> str: ...
    def text(
        self, recording: str | None = None, *, punctuation: bool = True, speakers: bool = False
    ) -> pd.Series | str:
        """The running text of each recording, as the service writes it; or of one, as a string.

        Without ``punctuation`` the marks that are items of their own are left out (other
        engines write them onto the words: normalisers take them off). With ``speakers``
        each turn is a line, ``speaker: text``.

        >>> import medtx
        >>> t = medtx.from_text({"visit": "Denies chest pain."})
        >>> t.text()["visit"], t.text("visit", speakers=True)
        ('Denies chest pain.', 'unknown: Denies chest pain.')
        """
        if recording is not None:
            expect(recording, str, name="recording")
            return str(self[recording].text(punctuation=punctuation, speakers=speakers).iloc[0])
        words = self.words[self.words["kind"] != "speaker-change"]
        if not punctuation:
            words = words[words["kind"] != "punctuation"]
        key = [words["recording"].cat.codes]
        if speakers:
            who = words["speaker"].astype(object).fillna("unknown")
            turn = (who != who.shift()) | (key[0] != key[0].shift())
            key.append(turn.cumsum())
        joined = glued(words, key).str.removeprefix(" ")
        if speakers:
            joined = who[turn].to_numpy() + ": " + joined
            joined = joined.groupby(level=0).agg("\n".join)
        names = words["recording"].cat.categories[joined.index].astype(str)
        said = joined.set_axis(names)
        return said.reindex(self.recordings["recording"].astype(str), fill_value="").rename("text")

    def play(
        self,
        what: "pd.Series | Mapping[str, Any]",
        audio: "str | Mapping[str, str] | pd.Series",
        *,
        around: float = 0.5,
    ) -> Any:
        """The audio of an entity, a word, or any row with recording, start and end, to play in a notebook.

        ``audio`` is the file, or says it for each recording by name (`medtx.load_dataset` gives
        such a Series). ``around`` seconds before and after are heard too.

        Raises `InputError` where the row has no times or the recording no audio, and
        `ReadError` where the file cannot be decoded.
        """
        from medtx.engines.audio import clip

        if not isinstance(what, Mapping | pd.Series) or not {"recording", "start", "end"} <= set(what.keys()):
            raise InputError(f"expected a row with recording, start and end, not {kind_of(what)}")
        name, start, end = str(what["recording"]), float(what["start"]), float(what["end"])
        if start != start or end != end:
            raise InputError(f"{name}: this has no times to play")
        path = audio if isinstance(audio, str) else audio.get(name)
        if path is None:
            raise InputError(f"{name}: no audio is given for this recording")
        display = optional("IPython.display", "notebook")
        return display.Audio(clip(str(path), max(0.0, start - around), end + around))

    def merge(self, name: Callable[[str], str]) -> "Transcripts":
        """Put recordings together whose new names, given by ``name``, are the same.

        Utterances come in order of time. For speakers or channels that were recognised, or
        transcribed, in files of their own: a speaker whose label says nothing (there is none, or
        it stands in several of these files) is named by what tells the old names apart.

        >>> import medtx
        >>> t = medtx.from_text({"visit_doctor": "Any pain?", "visit_patient": "No."})
        >>> t.merge(lambda name: name.split("_")[0]).text(speakers=True)["visit"]
        'doctor: Any pain?\\npatient: No.'
        """
        from medtx.merging import merge

        return merge(self, name)

    def rename(self, names: "Names") -> "Transcripts":
        """Call recordings otherwise: ``names`` is what `medtx.read` takes.

        Raises `InputError` where two recordings would share a name, and where ``names`` says
        nothing of any.

        >>> import medtx
        >>> list(medtx.from_text({"visit1_hyp": "No fever."}).rename("{name}_hyp"))
        ['visit1']
        """
        from medtx.names import rename

        return rename(self, names)

    def redact(self, entities: Any = None) -> "Transcripts":
        """Without protected health information: each span becomes its category, as in ``[NAME]``.

        The spans are those of the table ``phi`` (``TranscribeMedical(phi=True)`` asks for them) and,
        if given, of `medtx.entities` of these transcripts (``phi=True`` there finds more). A span is
        one word, with the least confidence, in words, segments and alternatives, so rows are
        numbered anew; in recordings that have any, the texts of partial events are left out, since
        the service marks only final ones, and those of notes, which say it in other words. A span
        that cannot be found is warned of.

        Only these tables are redacted: the files that were read, such as the service's results in
        ``out``, are kept verbatim, and ``source`` still names them.

        >>> import medtx
        >>> t = medtx.from_text({"visit": "Doctor Smith saw her on March third 2019."})
        >>> t.redact(medtx.entities(t)).text()["visit"]
        'Doctor [NAME] saw her on [DATE]'
        """
        from medtx.redaction import redact

        return redact(self, entities)

    def to_parquet(self, folder: str | PathLike[str]) -> Path:
        """Write each table to ``folder`` as Parquet; `medtx.read` of the folder gives them back.

        Files are readable by their owner only, as are those of the other writers.
        """
        from medtx.writing.tables import to_parquet

        return to_parquet(self, folder)

    def to_csv(self, folder: str | PathLike[str]) -> Path:
        """Write each table to ``folder`` as CSV, for other programs."""
        from medtx.writing.tables import to_csv

        return to_csv(self, folder)

    def to_vtt(self, folder: str | PathLike[str]) -> list[Path]:
        """Write WebVTT captions, ``<recording>.vtt`` each; speakers, or else channels, are voices.

        A cue holds at most two lines of 42 characters, of one voice, and at most seven seconds; a
        pause of a second and a half ends it. Words without times share those of their segment.
        Raises `InputError` where segments have none either.
        """
        from medtx.writing.captions import to_vtt

        return to_vtt(self, folder)

    def to_srt(self, folder: str | PathLike[str]) -> list[Path]:
        """Write SubRip captions, ``<recording>.srt`` each; as `to_vtt`."""
        from medtx.writing.captions import to_srt

        return to_srt(self, folder)

    def to_ctm(self, path: str | PathLike[str], *, punctuation: bool = True) -> Path:
        """Write the words of all recordings as NIST's CTM, the hypotheses that sclite takes.

        Marks that are items of their own stand on the word before, as in `to_stm`: sclite counts
        "pain." for "pain" as an error, so both files must have them or neither. Without
        ``punctuation`` they are left out. A word that begins before the one that it follows gets
        its start, since a CTM is in order of time.

        Raises `InputError` for a word without a time.
        """
        from medtx.writing.nist import to_ctm

        return to_ctm(self, path, punctuation)

    def to_stm(self, path: str | PathLike[str], *, punctuation: bool = True) -> Path:
        """Write the segments of all recordings as NIST's STM, the references that sclite takes.

        ``punctuation`` is that of `to_ctm`.
        A segment without a speaker has its channel's label.

        Raises `InputError` for a segment without times.
        """
        from medtx.writing.nist import to_stm

        return to_stm(self, path, punctuation)

    def to_seglst(self, path: str | PathLike[str], *, punctuation: bool = True) -> Path:
        """Write the segments of all recordings as SegLST JSON, which meeteval takes.

        ``punctuation`` is that of `to_ctm`. A segment without a speaker has its channel's label.
        """
        from medtx.writing.seglst import to_seglst

        return to_seglst(self, path, punctuation)

    def to_docx(self, folder: str | PathLike[str], *, threshold: float | None = None) -> list[Path]:
        """Write a Word document for each recording, its words below ``threshold`` marked.

        Needs the extra ``docx``. A turn of a speaker is a paragraph with its time.
        """
        from medtx.writing.docx import to_docx

        return to_docx(self, folder, threshold)

    def to_label_studio(
        self, path: str | PathLike[str], *, audio: str, threshold: float | None = None
    ) -> Path:
        """Write tasks for Label Studio: each segment a region with its text to correct.

        ``audio`` is the address of a recording's audio, with ``{recording}`` for its name.
        With ``threshold``, segments that hold a word below it are labelled ``listen``, and regions
        ``play`` are what is heard to judge these words: 1.5 s around each, what overlaps joined. The
        task's ``minutes_to_listen`` is how long they last. The
        labelling interface that the tasks are for is written beside them, as ``.xml``.

        Source: https://labelstud.io/guide/predictions
        """
        from medtx.writing.label_studio import to_label_studio

        return to_label_studio(self, path, audio, threshold)


def picked_names(recordings: object, known: Iterable[str]) -> set[str]:
    """The recordings that were asked for, one or several; raises `InputError` for one that is not there."""
    if isinstance(recordings, Iterable):
        wanted = [recordings] if isinstance(recordings, str) else list(recordings)
    else:
        wanted = [recordings]
    names = list(known)
    there = set(names)
    if unknown := [name for name in wanted if not isinstance(name, str) or name not in there]:
        raise no_recording(unknown[0], names)
    return set(wanted)


def glued(words: pd.DataFrame, by: list[pd.Series]) -> pd.Series:
    """The text of each group of words: a blank before each, but not before a mark."""
    pieces = words["content"].astype(object)
    spaced = pieces.where(words["kind"] == "punctuation", " " + pieces)
    return spaced.groupby(by, observed=True).agg("".join)


def concat(parts: Iterable[Transcripts]) -> Transcripts:
    """One `Transcripts` of several; raises `InputError` where two have a recording of the same name.

    >>> import medtx
    >>> concat([medtx.from_text({"a": "No fever."}), medtx.from_text({"b": "Cough."})])
    <Transcripts: 2 recordings, 3 words>
    """
    if isinstance(parts, Transcripts | str) or not isinstance(parts, Iterable):
        raise InputError(f"expected several Transcripts, in a list, not {kind_of(parts)}")
    parts = list(parts)
    for part in parts:
        expect(part, Transcripts)
    names = [name for part in parts for name in part.recordings["recording"]]
    if again := [name for name, count in Counter(names).items() if count > 1]:
        raise InputError(
            f"recording {again[0]!r} is in more than one of these: Transcripts.rename gives it another name"
        )
    dtype = pd.CategoricalDtype(pd.Index(names, dtype="str"))
    tables = {}
    for table in Transcripts().tables():
        held = [rows for part in parts if len(rows := part.tables()[table])]
        if held:
            rows = stack(held)
            keyed = "recording" in rows  # not failures
            tables[table] = rows.assign(recording=rows["recording"].astype(dtype)) if keyed else rows
    return Transcripts(**tables)


def from_parquet(folder: Path) -> Transcripts:
    """The tables that `Transcripts.to_parquet` wrote; raises `ReadError` for what is wrong with them."""
    tables = {table: read_kept(folder / f"{table}.parquet", table) for table in Transcripts().tables()}
    check_recordings(tables, folder)
    return Transcripts(**tables)
