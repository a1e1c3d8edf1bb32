"""NIST's scorer, from Debian's package sctk, which .ci/run installs."""

import fcntl
import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

SCLITE = shutil.which("sclite") or "/usr/lib/sctk/bin/sclite"


def sclite(*arguments: object) -> str:
    """What it prints. One runs at a time: all of them use the same names of temporary files."""
    if not Path(SCLITE).exists() and not os.environ.get("CI"):
        pytest.skip("sclite is not here: apt-get install sctk")
    with open("/tmp/medtx-sclite.lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        command = [SCLITE, *map(str, arguments)]
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout


def sum_of(report: str) -> str:
    """The line of a report with the sum of all; blanks before it depend on how long names are."""
    return next(line for line in report.splitlines() if re.match(r"\s*\|\s*Sum\s", line))
