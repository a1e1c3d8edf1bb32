"""What was sent to the service, and how far it came: a SQLite file that survives a crash.

It holds names of recordings, never audio or text, and is readable by its owner only.
"""

import os
import sqlite3
import threading
import time
from pathlib import Path
from typing import Any

from medtx.errors import MedtxError, reason

STATES = ("UPLOADED", "STARTING", "QUEUED", "IN_PROGRESS", "COMPLETED", "FAILED", "KEPT")
"""In their order; STREAMING comes before KEPT for a stream. KEPT: the result is a file here."""

_TABLE = """
create table if not exists jobs (
    job text primary key, recording text, mode text, specialty text, type text, seconds real,
    attempt integer, state text, reason text, changed real
)"""


class Journal:
    """One row a job; every change is on disk when `note` returns. Threads and processes may share it.

    Raises `MedtxError` where the file cannot be used.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._lock = threading.Lock()
        try:
            path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            os.close(os.open(path, os.O_CREAT | os.O_RDWR, 0o600))
        except OSError as error:
            raise MedtxError(f"{path}: cannot be used as a journal: {reason(error)}") from None
        self._base = sqlite3.connect(path, timeout=60, isolation_level=None, check_same_thread=False)
        self._base.row_factory = sqlite3.Row
        self._do(_TABLE)

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
        rows = self._do("select * from jobs where job = ?", job)
        return dict(rows[0]) if rows else {}

    def close(self) -> None:
        self._base.close()

    def _do(self, command: str, *values: Any) -> list[sqlite3.Row]:
        try:
            with self._lock:
                return self._base.execute(command, values).fetchall()
        except sqlite3.Error as error:
            raise MedtxError(f"{self.path}: expected a journal of medtx: {error}") from None
