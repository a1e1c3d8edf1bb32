"""No worker outlives its parent, however that ends."""

import os
import subprocess
import sys
import time
from pathlib import Path

from tests.conftest import ROOT

RUN = """
from pathlib import Path
import medtx
audio = sorted(Path("datasets/dictations/audio").glob("*.opus"))[:20]
ask = {"specialty": "CARDIOLOGY", "type": "DICTATION", "model": "stock"}
medtx.transcribe(audio, workers=2, progress=False, **ask)
"""


def workers(parent: int) -> set[int]:
    found = set()
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            status, command = (folder / "status").read_text(), (folder / "cmdline").read_text()
        except OSError:
            continue
        if f"PPid:\t{parent}\n" in status and "LokyProcess" in command:
            found.add(int(folder.name))
    return found


def alive(pid: int) -> bool:
    try:
        return "Z" not in Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return False


def test_workers_end_when_their_parent_is_killed():
    run = subprocess.Popen([sys.executable, "-c", RUN], cwd=ROOT, stderr=subprocess.DEVNULL, env=os.environ)
    try:
        until = time.monotonic() + 300
        while len(left := workers(run.pid)) < 2:
            assert time.monotonic() < until
            assert run.poll() is None
            time.sleep(0.1)
    finally:
        run.kill()
        run.wait()
    while any(map(alive, left)):
        assert time.monotonic() < until, "a worker goes on"
        time.sleep(0.2)
