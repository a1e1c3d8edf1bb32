"""Many files through Transcribe Medical at once: planned, priced, sent by the way of each, and read."""

import asyncio
import hashlib
import os
import sys
import threading
import warnings
from collections import Counter
from collections.abc import Iterator, Sequence
from concurrent.futures import CancelledError, ThreadPoolExecutor, as_completed
from pathlib import Path

import msgspec
import pandas as pd

from medtx.aws import Unusable
from medtx.engines import vocabulary
from medtx.engines.audio import probe
from medtx.engines.jobs import JOBS, Batch
from medtx.engines.journal import Journal
from medtx.engines.kept import keep
from medtx.engines.medical import STREAMS, Ask, Wanted, check_audio, estimate, job_name, named
from medtx.engines.streaming import Stream, ended_early
from medtx.engines.streaming import stream as medtx_stream
from medtx.errors import InputError, MedtxError, ReadError, optional, reason
from medtx.files import save_text
from medtx.locks import remove_left
from medtx.reading import batch
from medtx.reading.build import Parsed
from medtx.reading.job import decode
from medtx.reading.parse import parse

JOURNAL = "medtx.sqlite"
STREAMED_AT_ONCE = 5
_AGAIN = "overwrite it, or use another out"


Results = list[Parsed | ReadError]


class Sending:
    """The files of one call: ``asks``, and ``refused``, by their index."""

    def __init__(
        self,
        wanted: Wanted,
        files: Sequence[str],
        names: Sequence[str],
        kinds: Sequence[tuple[str, str]],
        folder: Path | None,
        overwrite: bool,
    ) -> None:
        optional("av", "streaming")  # the extra that brings all that the service needs
        routes = {specialty: wanted.service.route(specialty) for specialty in {one for one, _ in kinds}}
        wanted.check([mode for mode, _ in routes.values()])
        if wanted.service.clean and folder is None:
            raise InputError("clean=True would delete the only copy of the results: name out, too")
        self.wanted, self.folder, self.overwrite = wanted, folder, overwrite
        self.journal = Journal((folder or _state_folder()) / JOURNAL)
        self.answers = {mode: wanted.service.answers(mode) for mode in {mode for mode, _ in routes.values()}}
        self.names, self.sources = names, list(files)
        self.stop = threading.Event()
        self.asks: dict[int, Ask] = {}
        self.refused: dict[int, ReadError] = {}
        self.kept: dict[int, Path] = {}  # results that are there already
        for i, (file, name, kind) in enumerate(zip(files, names, kinds)):
            try:
                one = self.asks[i] = self._ask(file, name, *kind, *routes[kind[0]])
                if folder:
                    self.sources[i] = str(self._path(one))
                if not overwrite and self._is_kept(one):
                    self.kept[i] = self._path(one)
            except ReadError as error:
                self.asks.pop(i, None)
                self.refused[i] = error

    def _ask(self, file: str, name: str, specialty: str, type: str, mode: str, why: str) -> Ask:
        facts = probe(file)
        check_audio(file, facts, mode, self.wanted.split_channels)
        try:
            with open(file, "rb") as held:
                audio = hashlib.file_digest(held, "sha256").hexdigest()
        except OSError as error:
            raise ReadError(file, reason(error)) from None
        job = job_name(self.wanted, self.answers[mode], audio, specialty, type, mode)
        return Ask(file, name, specialty, type, mode, why, facts, job)

    def _path(self, one: Ask) -> Path:
        """Where its result is kept; of a stream, its events as they came."""
        return (self.folder or Path()) / (one.name + (".json" if one.mode == "batch" else ".jsonl"))

    def _is_kept(self, one: Ask) -> bool:
        """Whether a result is there already; raises `ReadError` if it is not of this audio, asked so."""
        path = self._path(one)
        if self.folder is None or not path.exists():
            return False
        if one.mode == "streaming":
            known = self.journal.get(one.job).get("state")
            if known == "STREAMING":  # it was cut off
                return False
            if known == "KEPT":
                return True
            raise ReadError(str(path), f"medtx has no record of this earlier result in {JOURNAL}: {_AGAIN}")
        try:
            name = decode(path.read_bytes()).job_name or ""
        except OSError as error:
            raise ReadError(str(path), reason(error)) from None
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
            raise ReadError(str(path), f"expected an earlier result ({error}): {_AGAIN}") from None
        if not name.startswith(one.job):
            raise ReadError(
                str(path), f"this earlier result is of other audio, settings or another engine: {_AGAIN}"
            )
        return True

    def estimate(self) -> pd.DataFrame:
        """What is still to be paid for; see `medtx.engines.medical.estimate`."""
        paid = {self.asks[i].job: f"is already in {self.folder}" for i in self.kept}
        for one in self.asks.values():
            state = self.journal.get(one.job).get("state")
            if not self.overwrite and one.mode == "batch" and state in ("QUEUED", "IN_PROGRESS", "COMPLETED"):
                paid[one.job] = "its job is already under way or done"
        refused = {self.names[i]: error.problem for i, error in self.refused.items()}
        return estimate(list(self.asks.values()), paid, refused)

    def routes(self) -> str:
        """Which way the files go, and why, as a line to show."""
        counts = Counter((one.mode, one.reason) for i, one in self.asks.items() if i not in self.kept)
        return "; ".join(
            f"{count} file{'s' if count > 1 else ''} by {mode}: {why}"
            for (mode, why), count in counts.items()
        )

    def run(self, workers: int | None, progress: bool) -> Iterator[tuple[int, Parsed | ReadError]]:
        """(index, tables or why there are none) of each file, as they end.

        Raises `Unusable` for what would fail for all files; what was begun goes on at the service,
        and the next run finds it. `MedtxError` where it would cost more than ``max_cost``.
        """
        yield from self.refused.items()
        remove_left([self._part(one) for one in self.asks.values()] if self.folder else [])
        for i, path in self.kept.items():
            yield i, self._read(self.asks[i], path.read_bytes())
            if self.journal.get(self.asks[i].job).get("state") != "KEPT":  # cut off before it could say so
                self._note(self.asks[i], state="KEPT")
        todo = {i: one for i, one in self.asks.items() if i not in self.kept}
        if not todo:
            return
        self._affordable()
        if progress:
            print(f"medtx: {self.routes()}", file=sys.stderr)
        if self.wanted.service.vocabulary:
            vocabulary.wait(self.wanted.service.vocabulary, self.wanted.service)
        jobs = None
        if any(one.mode == "batch" for one in todo.values()):
            jobs = Batch(self.wanted, self.journal, self.overwrite, self.stop)
        copies = Counter(one.job for one in todo.values())  # of the same audio: they share a job
        streams = threading.Semaphore(min(workers or STREAMED_AT_ONCE, STREAMS))
        pool = ThreadPoolExecutor(min(workers or len(todo), len(todo), JOBS), "medtx-transcribe")
        bar = optional("tqdm.auto", "aws").tqdm(
            total=len(todo), desc="transcribing", unit="file", disable=not progress
        )
        with bar:
            try:
                futures = {pool.submit(self._one, one, jobs, streams): i for i, one in todo.items()}
                for future in as_completed(futures):
                    i = futures[future]
                    for result in future.result():
                        yield i, result
                    bar.update()
                    copies[todo[i].job] -= 1
                    over = self._path(todo[i]).exists() or self._failed(todo[i])
                    if jobs and self.wanted.service.clean and not copies[todo[i].job] and over:
                        jobs.clean(todo[i])
            finally:
                self.stop.set()  # what waits, ends; what is under way at the service goes on there
                pool.shutdown(cancel_futures=True)
                self.describe()

    def _failed(self, one: Ask) -> bool:
        """Whether its job has ended, without a result: another one needs its audio again."""
        return self.journal.get(one.job).get("state") == "FAILED"

    def _affordable(self) -> None:
        limit = self.wanted.service.max_cost
        cost = float(self.estimate().loc["TOTAL", "dollars"])
        if limit is not None and cost > limit + 1e-7:
            raise MedtxError(
                f"nothing was sent: by the list price it costs ${cost:.4f}, above max_cost=${limit:.4f}"
            )

    def _one(self, one: Ask, jobs: Batch | None, streams: threading.Semaphore) -> Results:
        """Its tables; where these could not be kept, why; or only why there are none."""
        try:
            self._note(one)
            if one.mode == "streaming":
                with streams:
                    return self._streamed(one)
            assert jobs is not None
            answer = jobs.result(one)
            failure = keep(self._path(one), answer) if self.folder else None
            parsed = self._read(one, answer)
            return self._ended(one, parsed, failure)
        except (Unusable, CancelledError):
            raise
        except ReadError as error:
            return [error]
        except MedtxError as error:
            return [ReadError(one.file, str(error))]

    def _ended(self, one: Ask, parsed: Parsed, failure: ReadError | None) -> Results:
        """What was heard is given also where it, or a word of it in the journal, could not be kept."""
        try:
            self.journal.note(one.job, state="COMPLETED" if failure or not self.folder else "KEPT")
        except MedtxError as error:
            failure = failure or ReadError(one.file, str(error))
        return [parsed, failure] if failure else [parsed]

    def _note(self, one: Ask, **state: str) -> None:
        known = {"recording": one.name, "mode": one.mode, "specialty": one.specialty, "type": one.type}
        self.journal.note(one.job, **known, seconds=one.facts.seconds, **state)

    def _streamed(self, one: Ask) -> Results:
        """The stream's events are written as they come; so a run that was cut off is seen as such.

        Where an earlier result is, they are written beside it, and replace it as a whole. Of a stream
        that failed, what was heard is given, with status FAILED; the next run asks for it again.
        """
        path = self._path(one) if self.folder else None
        there = path is not None and path.exists()
        part = self._part(one) if there else path
        stream = medtx_stream(
            one.file,
            specialty=one.specialty,
            type=one.type,
            engine=self.wanted.service,
            split_channels=self.wanted.split_channels,
            record=part,
        )
        if not there or self.journal.get(one.job).get("state") != "KEPT":
            self.journal.note(one.job, state="STREAMING")
        try:
            parsed = self._described(one, asyncio.run(self._listened(stream)))
            if parsed.recording["status"] == "FAILED":
                warnings.warn(f"{one.file}: {ended_early(parsed.recording['reason'])}", stacklevel=2)
                return [parsed]
            failure = None
            if path and part and stream.recorded:
                part.replace(path)
            elif path:  # the disk is full
                failure = ReadError(str(path), "could not be written; its result is in memory only")
            return self._ended(one, parsed, failure)
        except OSError as error:
            raise ReadError(str(path), f"cannot be written: {reason(error)}") from None
        finally:
            if part and there:
                part.unlink(missing_ok=True)

    def _part(self, one: Ask) -> Path:
        path = self._path(one)
        return path.with_name(f".{path.stem}.writing{path.suffix}")

    async def _listened(self, stream: Stream) -> Parsed:
        """To the end of the stream, or until the others are stopped."""
        heard = asyncio.create_task(stream.gather())
        while not heard.done():
            if self.stop.is_set():
                heard.cancel()
            await asyncio.wait({heard}, timeout=0.2)
        if heard.cancelled():
            raise CancelledError
        return heard.result()

    def _read(self, one: Ask, answer: bytes) -> Parsed:
        """The tables of a result, by the readers of `medtx.read`."""
        if one.mode == "streaming":
            (parsed,) = parse(str(self._path(one)), None)
            return self._described(one, parsed)
        job = decode(answer)
        source = str(self._path(one)) if self.folder else one.file
        return self._described(one, batch.parse(job, source), told=job.medtx is not None)

    def _described(self, one: Ask, parsed: Parsed, told: bool = False) -> Parsed:
        """With what is known of the recording; a job of a local endpoint tells what recognised it."""
        if not told:
            engine = named(self.answers[one.mode])
            parsed.recording |= {"engine": engine, "duration": one.facts.seconds, "language": "en-US"}
        parsed.mixed = one.facts.channels > 1 and not self.wanted.split_channels
        parsed.recording |= {"specialty": one.specialty, "type": one.type}
        if parsed.recording.get("status") != "FAILED":  # else it is why it failed
            parsed.recording["reason"] = one.reason
        return parsed

    def describe(self) -> None:
        """Beside the results, what is known of each: ``medtx.read(out, metadata=...)`` takes it."""
        columns = ["recording", "specialty", "type", "mode"]
        here = [
            one._asdict() | {"recording": one.name} for one in self.asks.values() if self._path(one).exists()
        ]
        rows = [[row[column] for column in columns] for row in [*self.journal.kept(), *here]]
        if self.folder and rows:
            table = pd.DataFrame(rows, columns=columns).drop_duplicates("recording", keep="last")
            save_text(self.folder / "recordings.csv", table.to_csv(index=False))


def _state_folder() -> Path:
    """Where the journal is, when no results are kept."""
    home = os.environ.get("XDG_STATE_HOME")
    return (Path(home) if home else Path.home() / ".local" / "state") / "medtx"
