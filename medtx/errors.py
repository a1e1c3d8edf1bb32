"""What medtx raises: one base class, few children, one clear sentence each."""

import importlib
import re
from collections.abc import Iterable
from types import ModuleType


class MedtxError(Exception):
    """Base of every error that medtx raises on purpose."""


class InputError(MedtxError, ValueError):
    """An argument that cannot be used; the message holds the value and what would do."""


class ReadError(MedtxError):
    """A source that cannot be read.

    ``source`` names it, ``place`` says where in it (``"results.items[3].start_time"``,
    ``"line 7"``, or empty for the whole), ``problem`` what was expected there.
    None of them holds transcript text.
    """

    def __init__(self, source: str, problem: str, place: str = "") -> None:
        self.source, self.problem, self.place = source, problem, place
        super().__init__(source, problem, place)  # all three, so that it survives pickling

    def __str__(self) -> str:
        return f"{self.source}: " + (f"at {self.place}: " if self.place else "") + self.problem


class MissingExtraError(MedtxError, ImportError):
    """An optional package is not installed; the message names the extra that brings it."""


def reason(error: OSError | ValueError) -> str:
    """Why a file could not be opened, in the system's words: "no such file or directory"."""
    return str(getattr(error, "strerror", None) or error or type(error).__name__).lower()


def optional(module: str, extra: str) -> ModuleType:
    """Import ``module``, or say which extra of medtx brings it."""
    try:
        return importlib.import_module(module)
    except ImportError as error:
        raise MissingExtraError(
            f"{module.split('.')[0]} is not installed: pip install 'medtx[{extra}]'"
        ) from error


def shown(names: Iterable[object], most: int = 4) -> str:
    """The names that are surely no text of a patient: single words of a program."""
    found = [str(name) for name in names if re.fullmatch(r"[A-Za-z_]\w{0,30}", str(name))]
    return ", ".join(found[:most])
