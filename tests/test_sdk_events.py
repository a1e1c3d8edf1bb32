"""Event objects of aws-sdk-transcribe-streaming 0.12, made by its own deserialisers, with their enums."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import ROOT
from tests.sdk_events import STREAMS


def interpreter() -> str | None:
    """One that has the package, which needs Python 3.12: this one, or what ``make sdk`` made."""
    for path in (os.environ.get("MEDTX_SDK_PYTHON"), sys.executable, ROOT / ".venv-sdk" / "bin" / "python"):
        if path and Path(path).exists():
            asked = [str(path), "-c", "import aws_sdk_transcribe_streaming, smithy_json"]
            if subprocess.run(asked, capture_output=True, check=False).returncode == 0:
                return str(path)
    return None


@pytest.fixture(scope="module")
def read() -> dict:
    python = interpreter()
    if python is None:
        pytest.skip("no Python 3.12 or newer with aws-sdk-transcribe-streaming: make sdk")
    asked = [python, "-m", "tests.sdk_events"]
    done = subprocess.run(
        asked, cwd=ROOT, env=os.environ | {"PYTHONPATH": str(ROOT)}, capture_output=True, check=False
    )
    assert done.returncode == 0, done.stderr.decode()
    return json.loads(done.stdout)


@pytest.mark.parametrize("stream", STREAMS)
def test_the_events_of_the_sdk_are_read(read, stream):
    assert tuple(read["python"]) >= (3, 12)
    found = read["streams"][stream]
    assert [word["content"] for word in found["words"]] == ["No", "pain", "."]
    assert [word["kind"] for word in found["words"]] == ["pronunciation", "pronunciation", "punctuation"]
    assert [word["start"] for word in found["words"]] == [0.5, 1.0, None]
    assert [word["confidence"] for word in found["words"]] == [0.75, 0.5, None]
    assert found["partial"] == [True, False]
    assert found["same"]  # as the same events in the protocol's JSON
    (recording,) = found["recordings"]
    assert recording["status"] == "FAILED"
    assert recording["reason"] == "BadRequestException: too quiet"
    assert any("1 event that holds no result left out" in one for one in found["told"])
