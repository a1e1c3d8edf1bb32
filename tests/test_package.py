"""Promises of the package as a whole."""

import importlib
import pkgutil
import re
import subprocess
import sys

import pytest

import medtx
from medtx.errors import MissingExtraError, optional
from tests.conftest import ROOT


def fresh(code: str) -> str:
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout


def test_the_face_is_lazy():
    heavy = "{'pandas', 'numpy', 'matplotlib', 'pocketsphinx', 'av', 'boto3', 'ipywidgets', 'rapidfuzz'}"
    assert fresh(f"import sys, medtx; print(sorted({heavy} & set(sys.modules)))") == "[]\n"
    core = "import sys, medtx; medtx.read; medtx.align; medtx.sweep; medtx.transcribe; medtx.report\n"
    later = "{'matplotlib', 'pocketsphinx', 'av', 'loky', 'tqdm', 'boto3', 'ipywidgets', 'scipy', 'sklearn'}"
    assert fresh(f"{core}print(sorted({later} & set(sys.modules)))") == "[]\n"


def test_every_name_of_the_face_is_there():
    for module in pkgutil.walk_packages(medtx.__path__, "medtx."):
        if not module.name.endswith("__main__"):
            importlib.import_module(module.name)  # a module of the same name would hide a verb
    for name in medtx.__all__:
        assert name in medtx._ROOMS or name == "__version__" or callable(getattr(medtx, name)), name
    assert dir(medtx) == medtx.__all__
    with pytest.raises(AttributeError, match="has no attribute 'transcibe': did you mean 'transcribe'"):
        medtx.transcibe  # noqa: B018


def test_a_missing_extra_is_one_line():
    with pytest.raises(MissingExtraError, match=r"nosuch is not installed: pip install 'medtx\[plots\]'"):
        optional("nosuch.module", "plots")


def test_nothing_imports_upward():
    floors = [
        {"tables", "errors", "files", "locks", "aws", "specialties", "listening", "html"},
        {"transcripts", "names"},
        {"reading", "writing", "redaction", "merging"},
        {"engines", "scoring", "datasets"},
        {"thresholds"},
        {"clinical"},
        {"service"},
        {"plots", "widgets", "reports", "demo", "cli"},
    ]
    floor = {room: n for n, rooms in enumerate(floors) for room in rooms}
    for path in (ROOT / "medtx").rglob("*.py"):
        room = path.relative_to(ROOT / "medtx").parts[0].removesuffix(".py")
        if room.startswith("__"):
            continue
        for line in path.read_text().splitlines():
            # Imports inside a function or for types alone may look up: a method that plots, say.
            found = re.match(r"from medtx(?:\.(\w+))?[\w.]* import (\w+)", line)
            if found:
                other = found[1] or found[2]
                assert floor[other] <= floor[room], f"{path}: {line}"


def test_errors_survive_a_process_boundary():
    import pickle

    from medtx.errors import ReadError

    error = pickle.loads(pickle.dumps(ReadError("a.json", "expected JSON", "byte 3")))
    assert str(error) == "a.json: at byte 3: expected JSON"
