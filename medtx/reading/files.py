"""Find the files that a name stands for: a file, a folder, a glob."""

import glob
import os
from collections.abc import Callable, Iterable
from pathlib import Path

from medtx.errors import ReadError, reason


def find(name: str, wanted: Callable[[Iterable[Path]], list[Path]], nothing: str) -> list[Path]:
    """The file of that name, what ``wanted`` picks from the folder and below, or what the glob matches.

    A missing file is given as it is: whoever opens it says so. Raises `ReadError` for a
    folder that cannot be looked into, with ``nothing`` as its problem for one that holds
    none, and for a glob without a match.
    """
    path = Path(name)
    try:
        if path.is_dir():
            walk = os.walk(path, onerror=_stop, followlinks=True)
            files = wanted(Path(root) / file for root, _, files in walk for file in files)
            if not files:
                raise ReadError(name, nothing)
            return files
        if not path.exists() and glob.has_magic(name):
            files = sorted(Path(file) for file in glob.glob(name, recursive=True))
            if not files:
                raise ReadError(name, "no file matches")
            return files
    except (OSError, ValueError) as error:  # ValueError: a NUL in the name
        raise ReadError(name[:200], reason(error)) from None
    return [path]


def _stop(error: OSError) -> None:
    raise error
