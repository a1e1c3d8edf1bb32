"""What was sent to the service, and how far it came: a SQLite file that survives a crash.

It holds names of recordings, never audio or text, and is readable by its owner only. The states
of a job are UPLOADED, STARTING, QUEUED, IN_PROGRESS, COMPLETED or FAILED, and KEPT when its result
is a file here; a stream is STREAMING before it is KEPT.
"""

import os
import sqlite3
import time
from contextlib import closing
from pathlib import Path
from typing import Any

from medtx.errors import MedtxError, reason
from medtx.files import private_folder

_TABLE = """
create table if not exists jobs (
    job text primary key, recording text, mode text, specialty text, type text, seconds real,
    attempt integer, state text, reason text, changed real
)"""


class Journal:
    """One row a job; a change is on disk when `note` returns. Threads and processes may share it.

    The file is made by the first change. Raises `MedtxError` where it cannot be used.
    """

    def __init__(self, path: Path) -> None:
        self.path = path

    def note(self, job: str, **values: Any) -> None:
        """Keep these values of a job; the others stay."""
        values["changed"] = time.time()
        names = ", ".join(values)
        marks = ", ".join("?" * len(values))
        update = ", ".join(f"{name} = excluded.{name}" for name in values)
        self._do(
            f"insert into jobs (job, {names}) values (?, {marks}) on conflict (job) do update set {update}",
            job,
            *values.values(),
        )

    def get(self, job: str) -> dict[str, Any]:
        """What is known of a job; empty where nothing is."""
        return next(iter(self._rows("where job = ?", job)), {})

    def kept(self) -> list[dict[str, Any]]:
        """The jobs whose results are files here, in the order in which they became so."""
        return self._rows("where state = 'KEPT' order by changed")

    def _rows(self, which: str, *values: Any) -> list[dict[str, Any]]:
        if not self.path.exists():
            return []
        return [dict(row) for row in self._do(f"select * from jobs {which}", *values)]

    def _do(self, command: str, *values: Any) -> list[sqlite3.Row]:
        try:
            if not self.path.exists():
                private_folder(self.path.parent)
                os.close(os.open(self.path, os.O_CREAT | os.O_RDWR, 0o600))
            with closing(sqlite3.connect(self.path, timeout=60, isolation_level=None)) as base:
                base.row_factory = sqlite3.Row
                base.execute(_TABLE)
                return base.execute(command, values).fetchall()
        except OSError as error:
            raise MedtxError(f"{self.path}: cannot be used as a journal: {reason(error)}") from None
        except sqlite3.OperationalError as error:  # a disk that is full, a folder without rights, a lock
            raise MedtxError(f"{self.path}: the journal cannot be written: {error}") from None
        except sqlite3.Error as error:
            raise MedtxError(f"{self.path}: expected a journal of medtx: {error}") from None
