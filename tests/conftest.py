"""What several tests need. Real results of real services are read from ../shared/data, if it is there."""

import os
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

import medtx

# A busy machine is no fault of what is tested. CI draws the same cases each time.
settings.register_profile(
    "medtx",
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow],
    derandomize=bool(os.environ.get("CI")),
)
settings.load_profile("medtx")

# The small Whisper made for tests needs one arithmetic on all machines: that of 8 bits differs by processor.
os.environ.setdefault("CT2_USE_MKL", "1")

ROOT = Path(__file__).parents[1]
collect_ignore = ["benchmarks"]  # they need peers that the tests do not
SHARED = ROOT.parent / "shared" / "data"


@pytest.fixture(scope="session")
def shared() -> Path:
    if not SHARED.is_dir():
        pytest.skip(f"real results are not here: {SHARED}")
    return SHARED


@pytest.fixture(scope="session")
def dictations() -> medtx.datasets.Dataset:
    return medtx.load_dataset("dictations")


def job(*words: tuple[str, float | None], name: str = "visit") -> dict:
    """A batch result with these words and confidences, half a second each."""
    items = [
        {
            "start_time": f"{i / 2}",
            "end_time": f"{i / 2 + 0.4}",
            "type": "pronunciation",
            "alternatives": [{"content": word} | ({} if c is None else {"confidence": str(c)})],
        }
        for i, (word, c) in enumerate(words)
    ]
    text = " ".join(word for word, _ in words)
    return {
        "jobName": name,
        "accountId": "",
        "status": "COMPLETED",
        "results": {"transcripts": [{"transcript": text}], "items": items},
    }
