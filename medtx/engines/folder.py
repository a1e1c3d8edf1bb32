"""Models that lie in a folder of the user's: which one, and how the words of such an engine are read."""

import hashlib
import os
import re
import subprocess
import sys
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

from medtx.engines.models.custom import Entry
from medtx.errors import InputError, reason

_ENDS = 1 << 20  # bytes at each end of a file that its fingerprint is made of
_WORD = re.compile(r"(.*?)([.,;:!?]+)$", re.S)


class Folder(NamedTuple):
    """A model's folder, the files in it that matter, the module of its engine, and a vocabulary."""

    folder: str
    files: tuple[str, ...]
    module: str
    vocabulary: tuple[Entry, ...] = ()

    def identity(self) -> str:
        """What stands in the results: the folder's name and a fingerprint of its files' sizes and ends."""
        sum = hashlib.sha256()
        for name in self.files:
            with open(Path(self.folder, name), "rb") as file:
                size = file.seek(0, os.SEEK_END)
                sum.update(f"{name} {size} ".encode())
                for at in (0, max(0, size - _ENDS)):
                    file.seek(at)
                    sum.update(file.read(_ENDS))
        return f"{Path(self.folder).name}-{sum.hexdigest()[:12]}"

    def ready(self) -> None:
        """Load the model once, elsewhere. Raises `InputError` with the engine's reason where that fails."""
        _tried(self.module, self.folder, self.identity())


@cache
def _tried(module: str, folder: str, identity: str) -> None:
    # In a process of its own: what sherpa-onnx cannot use ends the process that asks for it.
    load = "import importlib, sys; importlib.import_module(sys.argv[1]).load(sys.argv[2])"
    command = [sys.executable, "-c", load, module, folder]
    done = subprocess.run(command, capture_output=True, text=True, errors="replace", check=False)
    if done.returncode:
        why = (done.stderr.strip().splitlines() or ["it gives no reason"])[-1]
        raise InputError(f"model={folder!r} cannot be loaded: {why[:300]}")


def files_of(engine: str, model: str | os.PathLike[str] | None) -> tuple[str, list[str]]:
    """The folder that ``model=`` names, and what is in it. Raises `InputError` for what is no folder."""
    if model is None:
        raise InputError(f"engine={engine!r} needs model=, the folder of a model (see docs/engines.md)")
    folder = os.path.abspath(model)
    if not os.path.isdir(folder):
        raise InputError(f"model={os.fspath(model)!r} is not a folder; nothing is downloaded")
    try:
        return folder, sorted(os.listdir(folder))
    except OSError as error:
        raise InputError(f"model={os.fspath(model)!r}: {reason(error)}") from None


def with_marks(word: dict[str, Any]) -> list[dict[str, Any]]:
    """A word as such engines write it, and the marks at its end as items of their own, as in Transcribe.

    >>> [one["content"] for one in with_marks({"content": "x-ray,", "start": 0, "end": 1})]
    ['x-ray', ',']
    >>> [one["content"] for one in with_marks({"content": "p.m.", "start": 0, "end": 1})]
    ['p.m.']
    """
    found = _WORD.fullmatch(word["content"])
    if not found or ("." in found[1] and found[2] == "."):
        return [word]
    marks = [{"content": mark} for mark in found[2]]
    return [word | {"content": found[1]}, *marks] if found[1] else marks
