"""Audio -> results, in Transcribe Medical's own batch JSON whatever the engine."""

import hashlib
import os
import warnings
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import BrokenExecutor, Executor, Future, as_completed
from importlib import import_module
from os import PathLike, fspath
from pathlib import Path, PurePath
from typing import Any, Literal, overload

import msgspec
import pandas as pd

from medtx import specialties
from medtx.engines.audio import FORMATS
from medtx.engines.folder import Folder
from medtx.engines.kept import keep
from medtx.engines.medical import NAME, TranscribeMedical, Wanted
from medtx.engines.models import Chosen, custom
from medtx.engines.vocabulary import Source
from medtx.engines.workers import end_with_parent
from medtx.errors import InputError, MedtxError, ReadError, expect, kind_of, not_one_of, optional, reason
from medtx.files import find, private_folder
from medtx.reading import batch
from medtx.reading.build import Builder, Parsed
from medtx.reading.job import Job, Settings, decode
from medtx.transcripts import Transcripts

__all__ = ["ENGINES", "TranscribeMedical", "transcribe"]

ENGINES = {
    "embedded": "medtx.engines.embedded",
    "faster-whisper": "medtx.engines.faster_whisper",
    "sherpa-onnx": "medtx.engines.sherpa_onnx",
}
"""Engine -> the module with its ``name()`` and ``transcribe(path, ...)``."""

ALTERNATIVES = 5
"""What engines that run here give, where nothing is said."""

Paths = str | PathLike[str] | Sequence[str | PathLike[str]]


@overload
def transcribe(
    paths: Paths,
    *,
    specialty: str | Sequence[str],
    type: str | Sequence[str],
    engine: str | TranscribeMedical = ...,
    out: str | PathLike[str] | None = ...,
    workers: int | Executor | None = ...,
    alternatives: int | None = ...,
    split_channels: bool = ...,
    overwrite: bool = ...,
    errors: str = ...,
    progress: bool = ...,
    model: str | PathLike[str] | None = ...,
    vocabulary: Source | None = ...,
    dry_run: Literal[False] = ...,
) -> Transcripts: ...
@overload
def transcribe(
    paths: Paths,
    *,
    specialty: str | Sequence[str],
    type: str | Sequence[str],
    engine: str | TranscribeMedical = ...,
    out: str | PathLike[str] | None = ...,
    workers: int | Executor | None = ...,
    alternatives: int | None = ...,
    split_channels: bool = ...,
    overwrite: bool = ...,
    errors: str = ...,
    progress: bool = ...,
    model: str | PathLike[str] | None = ...,
    vocabulary: Source | None = ...,
    dry_run: Literal[True],
) -> pd.DataFrame: ...
def transcribe(
    paths: Paths,
    *,
    specialty: str | Sequence[str],
    type: str | Sequence[str],
    engine: str | TranscribeMedical = "embedded",
    out: str | PathLike[str] | None = None,
    workers: int | Executor | None = None,
    alternatives: int | None = None,
    split_channels: bool = False,
    overwrite: bool = False,
    errors: str = "collect",
    progress: bool = True,
    model: str | PathLike[str] | None = None,
    vocabulary: Source | None = None,
    dry_run: bool = False,
) -> Transcripts | pd.DataFrame:
    """Recognise audio and read the results.

    ``paths`` is a file, a folder, a glob or a list of files, in any format that FFmpeg
    decodes. ``specialty`` and ``type`` are the service's (``"CARDIOLOGY"``,
    ``"DICTATION"``), one for all or one for each file of a list. ``engine`` is
    ``"embedded"``, which runs here, as do ``"faster-whisper"`` and ``"sherpa-onnx"``; or
    ``"transcribe-medical"``, or a
    `medtx.engines.TranscribeMedical` with settings of its own: Amazon's service, to which the
    audio is sent, in batch or by streaming as it offers the specialty (the columns ``mode`` and
    ``reason`` of ``recordings`` say which and why).

    ``out`` is a folder that keeps each result as ``<recording>.json`` (of a stream its events, as
    ``.jsonl``), readable by its owner only; a recording whose result is already there is not
    recognised again, unless ``overwrite``. A result that is there but was made from other audio
    or with other settings is a failure.

    ``workers`` is a number of processes (default: the cores) or any
    `concurrent.futures.Executor`; of the service, how many files are under way at once.
    ``alternatives`` is how many hypotheses to keep for an utterance (the service: none unless
    given, and in batch only). Channels are mixed unless ``split_channels``. With ``dry_run``
    nothing is sent, and what the service would cost is given, a row a recording.

    ``model`` and ``vocabulary`` are not for the service. ``engine="faster-whisper"`` and
    ``"sherpa-onnx"`` need the folder of a model of their kind, and only note specialty and
    type. The embedded engine's language model is the one of each file's specialty, built
    once (about 15 s) into the user's cache; or ``"stock"``, the general one in
    pocketsphinx's wheel, ``"pooled"``, or a folder that ``medtx models build`` made.
    ``vocabulary`` is a table in the service's own format (see
    `medtx.engines.vocabulary.read_table`), as a file, DataFrame or list of terms.

    A file that cannot be used is warned of and listed in ``failures``, and the others go
    on; with ``errors="raise"``, or where no file can be used, its `ReadError` is raised
    at the end. Raises `InputError` for what the engine or the service does not take.
    """
    if not isinstance(errors, str) or errors not in ("raise", "collect"):
        raise not_one_of("errors", errors, ("raise", "collect"))
    if out is not None:
        expect(out, str, PathLike, name="out")
    if workers is not None and (isinstance(workers, bool) or not isinstance(workers, int | Executor)):
        raise InputError(f"workers: expected a whole number or an executor, not {kind_of(workers)}")
    service = TranscribeMedical() if isinstance(engine, str) and engine == NAME else engine
    if isinstance(service, TranscribeMedical):
        if model is not None or vocabulary is not None:
            raise InputError(
                "model and vocabulary are for the embedded engine: "
                "the service takes TranscribeMedical(vocabulary=NAME), once `medtx vocabulary create` made it"
            )
        if isinstance(workers, Executor):
            raise InputError("workers: of the service, expected how many files are under way at once")
    elif not isinstance(service, str) or service not in ENGINES:
        raise not_one_of("engine", engine, [*ENGINES, NAME])
    elif dry_run:
        raise InputError(f"dry_run is for services that cost: the engine {engine} runs here")
    else:
        alternatives = ALTERNATIVES if alternatives is None else alternatives
        if not isinstance(alternatives, int) or not 1 <= alternatives <= 10:
            raise InputError(f"alternatives={alternatives!r} is not a whole number between 1 and 10")
    if isinstance(workers, int) and workers < 1:
        raise InputError(f"workers={workers} is not 1 or more")
    files = _files(paths)
    kinds = [
        (specialties.specialty(s), specialties.audio_type(t))
        for s, t in zip(_each(specialty, files, "specialty"), _each(type, files, "type"))
    ]
    names = _names(files)
    folder = None if out is None else Path(out)
    if folder:
        try:
            private_folder(folder)
        except OSError as error:
            raise MedtxError(f"{folder}: cannot be used as a folder: {reason(error)}") from None

    done: dict[int, Parsed] = {}
    failed: dict[int, ReadError] = {}
    if isinstance(service, TranscribeMedical):
        from medtx.engines.dispatch import Sending

        sending = Sending(
            Wanted(service, alternatives, split_channels), files, names, kinds, folder, overwrite
        )
        if dry_run:
            return sending.estimate()
        sources, found = sending.sources, sending.run(workers, progress)  # type: ignore[arg-type]
    else:
        sources = [str(folder / f"{job}.json") if folder else file for job, file in zip(names, files)]
        entries = () if vocabulary is None else custom.entries(vocabulary)
        known = custom.fingerprint(entries)
        choose = import_module(ENGINES[service]).choose
        chosen = [choose(model, specialty, entries) for specialty, _ in kinds]
        settings = [
            Settings(service, *kind, alternatives or ALTERNATIVES, split_channels, one.identity(), known)
            for kind, one in zip(kinds, chosen)
        ]
        jobs = list(zip(files, names, settings, chosen))
        found = _here(jobs, folder, sources, overwrite, workers, progress)
    for i, one in found:
        if isinstance(one, ReadError):
            failed[i] = one
        else:
            done[i] = one

    builder = Builder()
    for i, parsed in sorted(done.items()):
        builder.add(parsed, names[i], sources[i])
    mixed = [files[i] for i, parsed in sorted(done.items()) if parsed.mixed]
    if mixed:
        warnings.warn(
            f"{mixed[0]}: its channels were mixed into one ({len(mixed)} such files); "
            "split_channels=True keeps them apart",
            stacklevel=2,
        )
    for i, failure in sorted(failed.items()):
        if (errors == "raise" and i not in done) or (len(failed) == len(files) and not done):
            raise failure
        warnings.warn(str(failure), stacklevel=2)
        builder.failures.append((failure.source, failure.place, failure.problem))
    return builder.transcripts()


def _here(
    jobs: list[tuple[str, str, Settings, Chosen | Folder]],
    folder: Path | None,
    sources: list[str],
    overwrite: bool,
    workers: int | Executor | None,
    progress: bool,
) -> Iterator[tuple[int, Parsed | ReadError]]:
    """(index, tables or why there are none) of each file, by an engine that runs here."""
    todo = []

    def taken(i: int, job: Job) -> tuple[int, Parsed]:
        parsed = batch.parse(job, sources[i])
        parsed.mixed = bool(job.medtx and job.medtx.channels_mixed > 1)
        return i, parsed

    for i, (file, name, wanted, chosen) in enumerate(jobs):
        if folder and not overwrite and os.path.exists(sources[i]):
            try:
                yield taken(i, _kept(sources[i], file, wanted))
            except ReadError as error:
                yield i, error
        else:
            todo.append((i, (file, name, wanted, chosen)))
    for _, job in todo:
        job[-1].ready()  # builds what is not there: before the workers, so that it is said once
    for i, answer in _run(todo, workers, progress):
        if isinstance(answer, ReadError):
            yield i, answer
            continue
        if folder and (failure := keep(Path(sources[i]), answer)):
            yield i, failure
        yield taken(i, decode(answer))


def _files(paths: Paths) -> list[str]:
    if not isinstance(paths, str | PathLike):
        if isinstance(paths, bytes | Mapping) or not isinstance(paths, Iterable):
            raise InputError(
                f"paths: expected a file, a folder, a glob or a list of files, not {kind_of(paths)}"
            )
        listed = list(paths)
        if odd := [path for path in listed if not isinstance(path, str | PathLike)]:
            raise InputError(f"paths: expected files, and one of these is {kind_of(odd[0])}")
        if not listed:
            raise InputError("paths: expected files, got an empty list")
        return [fspath(path) for path in listed]
    nothing = f"no audio in this folder ({', '.join(FORMATS)})"
    found = find(fspath(paths), _audio, nothing)
    for failure in found.failures:
        warnings.warn(str(failure), stacklevel=3)
    return [str(file) for file in found.files]


def _audio(files: Iterable[PurePath]) -> list[PurePath]:
    return sorted(file for file in files if file.suffix.lower() in FORMATS)


def _each(value: str | Sequence[str], files: list[str], name: str) -> list[str]:
    if isinstance(value, str):
        return [value] * len(files)
    if not isinstance(value, Sequence):
        raise InputError(f"{name}={value!r} is not a name, or a list of names")
    if len(value) != len(files):
        raise InputError(f"{name} has {len(value)} values for {len(files)} files")
    return list(value)


def _names(files: list[str]) -> list[str]:
    """The files' stems, as their references will be named; those that share one keep their folders."""
    stems = Counter(Path(file).stem for file in files)
    names = []
    for path in map(Path, files):
        alone = stems[path.stem] == 1
        names.append(path.stem if alone else "-".join(path.with_suffix("").parts).strip("/-"))
    for name, count in Counter(names).items():
        if count > 1:
            same = ", ".join(file for file, other in zip(files, names) if other == name)
            raise InputError(f"these files would share the name {name!r}: {same}")
    return names


def _run(
    todo: list[tuple[int, tuple[Any, ...]]], workers: int | Executor | None, progress: bool
) -> Iterator[tuple[int, bytes | ReadError]]:
    """(index, result or error) of each job, as they end."""
    if not todo:
        return
    bar = optional("tqdm.auto", "embedded").tqdm(
        total=len(todo), desc="transcribing", unit="file", disable=not progress
    )
    with bar:
        if isinstance(workers, Executor):
            pool = workers
        else:
            loky = optional("loky", "embedded")
            count = min(workers or loky.cpu_count(), len(todo))
            if count == 1:
                for i, job in todo:
                    yield i, _job(*job)
                    bar.update()
                return
            pool = loky.get_reusable_executor(
                max_workers=count, initializer=end_with_parent, initargs=(os.getpid(),)
            )
        futures: dict[Future[bytes | ReadError], int] = {}
        try:
            futures = {pool.submit(_job, *job): i for i, job in todo}
            for future in as_completed(futures):
                yield futures[future], future.result()
                bar.update()
        except BrokenExecutor:
            raise MedtxError(
                "a worker process died, perhaps for want of memory; the results so far are kept: "
                "run it again, with fewer workers"
            ) from None
        finally:
            for future in futures:
                future.cancel()


def _job(path: str, job: str, wanted: Settings, chosen: Chosen | Folder) -> bytes | ReadError:
    """One file, in whichever process: the JSON of its result, or why there is none."""
    module = import_module(ENGINES[wanted.engine])
    try:
        made = module.transcribe(
            path, alternatives=wanted.alternatives, split_channels=wanted.split_channels, chosen=chosen
        )
        audio = _digest(path)
    except ReadError as error:
        return error
    except (OSError, RuntimeError) as error:  # of the engine: the other files go on
        return ReadError(path, f"could not be recognised: {type(error).__name__}")
    result = {
        "jobName": job,
        "accountId": "",
        "status": "COMPLETED",
        "results": made["results"],
        "medtx": {
            "engine": module.name(chosen),
            "language": "en-US",
            "duration": round(made["duration"], 3),
            "channels": made["channels"],
            "channels_mixed": made["channels_mixed"],
            "audio": audio,
            "settings": wanted,
        },
    }
    return msgspec.json.encode(result)


def _digest(path: str) -> str:
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _kept(path: str, audio: str, wanted: Settings) -> Job:
    """An earlier result, if it is what would be made now."""
    try:
        job = decode(Path(path).read_bytes())
    except OSError as error:
        raise ReadError(path, reason(error)) from None
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise ReadError(path, f"expected an earlier result ({error}); overwrite makes it anew") from None
    made = job.medtx
    if made is None or made.settings != wanted:
        what = f"made with {made.settings.brief()}" if made and made.settings else "not made by medtx"
        raise ReadError(
            path,
            f"this earlier result was {what}, not {wanted.brief()}: overwrite it, or use another out",
        )
    if Path(audio).is_file() and made.audio != _digest(audio):
        raise ReadError(path, f"this earlier result is of other audio than {audio}: overwrite it")
    return job
