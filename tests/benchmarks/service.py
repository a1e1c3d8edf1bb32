"""How batch jobs end under faults, on the local endpoint: python -m tests.benchmarks.service

Three figures: 200 jobs while half of all calls fail; a run of 50 files that is killed twice; and how
soon what cannot work ends.
"""

import hashlib
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

import medtx
from medtx.engines import TranscribeMedical
from medtx.errors import MedtxError
from medtx.service import Faults, running
from tests.conftest import job
from tests.endpoint import BUCKET, started
from tests.test_engines import write

KIND = {"specialty": "PRIMARYCARE", "type": "DICTATION", "progress": False}
CODE = (
    "import sys, medtx; from medtx.engines import TranscribeMedical as T; "
    "medtx.transcribe(sys.argv[4:], specialty='PRIMARYCARE', type='DICTATION', progress=False, "
    "out=sys.argv[3], engine=T(bucket=sys.argv[2], endpoint_url=sys.argv[1], poll=1))"
)


def recordings(folder: Path, count: int) -> list[Path]:
    files = []
    (folder / "results").mkdir()
    for n in range(count):
        files.append(write(folder / f"visit-{n:03}.wav", np.random.default_rng(n).normal(0, 500, 9600)))
        heard = job((f"word{n}", 0.9))
        heard["medtx"] = {"engine": "recorded", "audio": hashlib.sha256(files[-1].read_bytes()).hexdigest()}
        (folder / "results" / f"visit-{n:03}.json").write_text(json.dumps(heard))
    return files


def faulty(endpoint, files: list[Path]) -> None:
    endpoint.set_faults(Faults(throttled=0.25, failed=0.15, lost=0.1))
    begun = time.monotonic()
    t = medtx.transcribe(
        files, engine=TranscribeMedical(bucket=BUCKET, endpoint_url=endpoint.endpoint_url, poll=1), **KIND
    )
    took = time.monotonic() - begun
    endpoint.set_faults(Faults())
    names = started(endpoint)
    right = sum(t.text()[file.stem] == f"word{n}" for n, file in enumerate(files))
    print(
        f"{len(files)} jobs, half of all calls failing: {right} right results, {len(t.failures)} failures, "
        f"{len(names)} jobs at the service, {len(names) - len(set(names))} doubled, {took:.0f} s"
    )


def killed(endpoint, files: list[Path], out: Path) -> None:
    command = [sys.executable, "-c", CODE, endpoint.endpoint_url, BUCKET, str(out), *map(str, files)]
    before = len(started(endpoint))
    done = []
    endpoint.set_faults(Faults(slow=0.05))
    for least in (10, 25):
        one = subprocess.Popen(command)
        while one.poll() is None and len(list(out.glob("*.json"))) < least:
            time.sleep(0.01)
        one.send_signal(signal.SIGKILL)
        one.wait()
        done.append(f"{len(list(out.glob('*.json')))} results, {len(started(endpoint)) - before} jobs")
    subprocess.run(command, check=True)
    names = started(endpoint)
    print(
        f"{len(files)} files, killed at {' and at '.join(done)}; then {len(list(out.glob('*.json')))} "
        "results, "
        f"{len(names) - before} jobs, {len(names) - len(set(names))} doubled"
    )


def hopeless(endpoint, file: Path) -> None:
    known = {"bucket": BUCKET, "endpoint_url": endpoint.endpoint_url}
    secret = os.environ["AWS_SECRET_ACCESS_KEY"]
    for what, settings, key in (
        ("wrong secret", known, "wrong"),
        ("unknown region", {"bucket": BUCKET, "region": "us-nowhere-1"}, secret),
        ("missing bucket", known | {"bucket": "nobodys"}, secret),
        ("untrusted certificate", known | {"endpoint_url": endpoint.https_url}, secret),
    ):
        os.environ["AWS_SECRET_ACCESS_KEY"] = key
        begun = time.monotonic()
        try:
            medtx.transcribe(file, engine=TranscribeMedical(**settings), **KIND)
        except MedtxError as error:
            print(f"{what}: {time.monotonic() - begun:.1f} s: {error}")


def main() -> None:
    with tempfile.TemporaryDirectory() as held:
        folder = Path(held)
        files = recordings(folder, 250)
        os.environ["XDG_STATE_HOME"] = str(folder / "state")
        with running(folder / "results", buckets=[BUCKET]) as endpoint:
            os.environ["AWS_ACCESS_KEY_ID"] = endpoint.access_key
            os.environ["AWS_SECRET_ACCESS_KEY"] = endpoint.secret_key
            os.environ["AWS_DEFAULT_REGION"] = endpoint.region
            faulty(endpoint, files[:200])
            killed(endpoint, files[200:], folder / "out")
            hopeless(endpoint, write(folder / "other.wav", np.random.default_rng(999).normal(0, 500, 9600)))


if __name__ == "__main__":
    main()
