"""Results, in files or in memory -> Transcripts.

A format of your own takes a few lines, and is then read as the others are:

>>> @register(lambda data: "utterances" in data)
... def dictaphone(data, source):
...     return of_words("dictaphone", (Word(u["w"], u["at"]) for u in data["utterances"]), source)
>>> read({"utterances": [{"w": "Hello", "at": 0.5}]}).words[["start", "content"]]
   start content
0    0.5   Hello
"""

import warnings
from collections.abc import Iterable, Mapping
from concurrent.futures import Executor
from functools import partial
from os import PathLike
from typing import Any

import pandas as pd

from medtx.errors import ReadError, expect, not_one_of
from medtx.names import Names, is_column
from medtx.reading.build import Builder, Word, of_words, without_gc
from medtx.reading.formats import register
from medtx.reading.metadata import join
from medtx.reading.options import Options
from medtx.reading.parse import parse
from medtx.reading.sources import Source, expand, fetched
from medtx.reading.streaming import CUT
from medtx.reading.told import collected, warn
from medtx.tables import labels
from medtx.transcripts import Transcripts, concat

__all__ = ["Word", "of_words", "read", "register"]

Sources = str | PathLike[str] | bytes | Mapping[str, Any] | Iterable[Any]


def read(
    source: Sources,
    *,
    metadata: str | PathLike[str] | pd.DataFrame | None = None,
    names: Names | None = None,
    engine: str | None = None,
    errors: str = "raise",
    executor: Executor | None = None,
    encoding: str | None = None,
    tiers: str | Iterable[str] | None = None,
    speakers: bool | None = None,
    column: str | None = None,
) -> Transcripts:
    """Read recognition results or references into tables.

    ``source`` is a file, a folder, a glob (with ``*`` on ``s3://`` too), a ZIP archive, an open
    file, the bytes or the object of a result, the events of a stream, or a list of these;
    files may be gzipped. Results are batch JSON (Transcribe, Transcribe Medical, TranscribeAudio,
    Call Analytics, HealthScribe with its clinical documents, Contact Lens, medtx's own engines),
    the events of their streams and of Connect Health's (a JSON array, JSON lines, or the objects
    of an SDK; also of a stream that was cut, or that an exception ended), what Whisper, Deepgram,
    AssemblyAI, Google, Azure, Vosk and Kaldi write, and what `register` adds. References are
    plain text or Word documents (one file a recording, a line an utterance; or
    ``recording<TAB>text`` lines), manifests (CSV, or NeMo's JSON lines), TextGrid, STM, CTM or
    TRN with NIST's marks, SegLST, WebVTT or SRT, known by their suffix, and Kaldi's ``text``,
    known by its name or by its lines. From a folder its results are read, or its references
    where it has none; manifests must be named. A folder that `Transcripts.to_parquet` wrote
    gives its tables back.

    A recording is named by its job, or by its file where several jobs share a name. Each stream
    of a log is a recording, named by its session where there are several.
    Saved job descriptions (``GetMedicalTranscriptionJob`` and its like) add specialty, type and
    status to the results of their jobs; a job without a result is a recording without words.
    ``metadata`` (CSV, JSON or DataFrame with a column ``recording`` or ``file_name``, or a file
    of job descriptions) adds its columns to ``recordings``. ``engine`` names what made them.

    ``names`` calls recordings otherwise: a mapping (old -> new), a function, a pattern such as
    ``"{name}_hyp"``, or a column of the metadata. What it says nothing of keeps its name; two
    recordings never share one. ``metadata`` may hold the new names or the old ones.

    ``executor`` spreads many files over processes, here or in a cluster (formats that were
    registered must be registered there too).

    Of references, ``encoding`` is that of text files (UTF-8 if not given, or UTF-16 with its
    mark); ``tiers`` names the tiers of a TextGrid to take; ``column`` the column of a manifest
    that has the text (``"pred_text"``); ``speakers`` says whether labels such as ``D: ...`` in
    running text are speakers (None: where they recur or name a role; a warning tells of doubt).

    Raises `ReadError`, naming file and place, at the first source that cannot be read;
    with ``errors="collect"`` the others are read and ``failures`` lists it.

    >>> job = {"jobName": "visit", "status": "COMPLETED", "results": {"items": [{
    ...     "start_time": "0.5", "end_time": "0.9", "type": "pronunciation",
    ...     "alternatives": [{"content": "Hello", "confidence": "0.98"}]}]}}
    >>> read(job).words[["recording", "start", "content", "confidence"]]
      recording  start   content  confidence
    0     visit    0.5   Hello        0.98

    What is known of a recording reaches its words by a merge:

    >>> t = read(job, metadata=pd.DataFrame({"recording": ["visit"], "specialty": ["cardiology"]}))
    >>> t.words.merge(t.recordings[["recording", "specialty"]])[["content", "specialty"]]
      content   specialty
    0   Hello  CARDIOLOGY
    """
    if not isinstance(errors, str) or errors not in ("raise", "collect"):
        raise not_one_of("errors", errors, ("raise", "collect"))
    if engine is not None:
        expect(engine, str, name="engine")
    if executor is not None:
        expect(executor, Executor, name="executor")
    wanted = tiers if tiers is None or isinstance(tiers, str) else tuple(tiers)
    options = Options(encoding=encoding, tiers=wanted, speakers=speakers, column=column)
    collect = partial(_collect, errors=errors, options=options)
    if executor is None:
        builder = collect(expand(source))
    else:
        sources = list(expand(source))
        size = max(1, min(500, len(sources) // 16))
        builder = Builder()
        for part in executor.map(collect, [sources[i : i + size] for i in range(0, len(sources), size)]):
            builder.extend(part)
    warn(builder.told, stacklevel=2)
    with without_gc():
        found = builder.transcripts()
    if builder.kept:
        found = concat([*builder.kept, found])
    if engine is not None:
        found.recordings["engine"] = labels([engine] * len(found))
    if CUT in found.recordings["status"].array:
        cut = found.recordings.loc[found.recordings["status"] == CUT, "source"]
        others = f" (and {len(cut) - 1} other files)" if len(cut) > 1 else ""
        first = cut.iloc[0] or "the result in memory"
        warnings.warn(f"{first}{others}: cut before its stream ended; read up to there", stacklevel=2)
    _tell_failed(found)
    called = found if names is None or is_column(names) else found.rename(names)
    if metadata is not None:
        called = join(called, metadata, list(found))
    return called.rename(names) if names is not None and is_column(names) else called


def _tell_failed(found: Transcripts) -> None:
    """Streams that an exception of the service ended."""
    known = found.recordings
    failed = known[(known["status"] == "FAILED") & (known["mode"] == "streaming")]
    if len(failed):
        others = f" (and {len(failed) - 1} others)" if len(failed) > 1 else ""
        why = str(failed["reason"].iloc[0])[:300]
        warnings.warn(
            f"recording {failed['recording'].iloc[0]!r}{others}: the service ended its stream ({why}); "
            "read up to there",
            stacklevel=3,
        )


def _collect(sources: Iterable[Source], errors: str, options: Options) -> Builder:
    builder = Builder()
    with without_gc(), collected() as builder.told:
        for name, path, data in fetched(sources):
            if isinstance(data, Transcripts):
                builder.kept.append(data)
                continue
            try:
                for parsed in parse(path, data, options):
                    own = name if parsed.number == 1 else f"{name}#{parsed.number}"
                    builder.add(parsed, own, path)
            except ReadError as error:
                if errors == "raise":
                    raise
                builder.failures.append((error.source, error.place, error.problem))
        builder.flush()
    return builder
