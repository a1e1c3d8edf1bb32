"""What medtx raises: one base class, few children, one clear sentence each."""

import difflib
import importlib
import re
from collections.abc import Iterable
from numbers import Real
from types import ModuleType
from typing import Any


def printable(name: str) -> str:
    r"""A name as it may stand in a message: without bytes that are not UTF-8, or that move a cursor.

    >>> print(printable("visit" + chr(27) + "[2J.json"))
    visit\x1b[2J.json
    """
    text = name.encode("utf-8", "backslashreplace").decode()
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)


class MedtxError(Exception):
    """Base of every error that medtx raises on purpose."""

    def __str__(self) -> str:
        return "\n".join(map(printable, super().__str__().split("\n")))  # names in it come from outside


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
        return printable(f"{self.source}: " + (f"at {self.place}: " if self.place else "") + self.problem)


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


def nearest(value: object, choices: Iterable[object]) -> str | None:
    """The choice that ``value`` may be a misspelling of, or None.

    >>> nearest("Medcal", ["plain", "medical"]), nearest("loud", ["plain", "medical"])
    ('medical', None)
    """
    known = {str(choice).casefold(): str(choice) for choice in choices}
    asked = str(value).casefold()
    if asked in known:
        return known[asked]
    found = difflib.get_close_matches(asked, known, n=1, cutoff=0.6)
    if not found:  # "dose" for "dose_change"
        found = [one for one in known if len(asked) > 2 and (one.startswith(asked) or asked.startswith(one))]
    return known[found[0]] if found else None


def did_you_mean(value: object, choices: Iterable[object]) -> str:
    """The end of a sentence that refuses ``value``; empty where no choice is like it.

    >>> did_you_mean("speciality", ["specialty", "type"])
    ": did you mean 'specialty'?"
    """
    found = nearest(value, choices)
    return f": did you mean {found!r}?" if found else ""


def not_one_of(name: str, value: object, choices: Iterable[object], more: str = "") -> InputError:
    """What to raise for a value that is none of ``choices``.

    >>> str(not_one_of("normalize", "medcal", ["plain", "medical"], " or a function"))
    "normalize='medcal' is not one of plain, medical or a function: did you mean 'medical'?"
    """
    known = [str(choice) for choice in choices]
    listed = _listed(known) + more + did_you_mean(value, known)
    return InputError(f"{name}={_given(value)} is not one of {listed}")


def not_a_column(name: str, value: object, columns: Iterable[object], of: str) -> InputError:
    """What to raise for the name of a column that a table does not have.

    >>> str(not_a_column("by", "speciality", ["specialty", "type"], "recordings"))
    "by='speciality' is not a column of recordings (specialty, type): did you mean 'specialty'?"
    """
    known = [str(column) for column in columns]
    there = f"{of} ({_listed(known)})"
    return InputError(f"{name}={_given(value)} is not a column of {there}{did_you_mean(value, known)}")


def no_recording(name: object, names: Iterable[object]) -> InputError:
    """What to raise for a recording that is not among ``names``."""
    known = [str(one) for one in names]
    return InputError(f"no recording {_given(name)} among these {len(known)}{did_you_mean(name, known)}")


_MADE_BY = {
    "Alignment": "an Alignment, which medtx.align(references, hypotheses) gives",
    "Transcripts": "Transcripts, which medtx.read(files) or medtx.from_text({name: text}) gives",
    "Entities": "Entities, which medtx.entities(transcripts) gives",
    "Sweep": "a Sweep, which medtx.sweep(alignment) gives",
    "Threshold": "a Threshold, which Sweep.choose gives",
    "Thresholds": "Thresholds, which Sweep.choose_each gives",
    "DataFrame": "a DataFrame",
    "Series": "a Series",
    "PathLike": "a path",
    "Mapping": "a mapping",
    "str": "text",
}
"""What each kind of object is called, and where it comes from."""


_LONG = 60  # characters, or five words: what is longer is no name, and may be what a patient said


_MANY = 40


def _given(value: object) -> str:
    """A value as it was given, or its kind where it may hold text."""
    short = (
        isinstance(value, str | int | float | None)
        and len(repr(value)) <= _LONG
        and len(str(value).split()) < 5
    )
    return repr(value) if short else kind_of(value)


def _listed(names: list[str]) -> str:
    return ", ".join(names[:_MANY]) + (f", ... ({len(names)} in all)" if len(names) > _MANY else "")


def kind_of(value: object) -> str:
    """What a value is, in words; never what it holds.

    >>> kind_of(None), kind_of("Denies pain."), kind_of([1]), kind_of(2.5)
    ('None', 'text', 'a list', 'a number')
    """
    if value is None:
        return "None"
    name = type(value).__name__
    kinds = {"str": "text", "bytes": "bytes", "Transcripts": name, "Entities": name, "Thresholds": name}
    if isinstance(value, type):
        return f"the class {value.__name__}"
    if isinstance(value, bool):
        return str(value)
    if isinstance(value, int | float):
        return "a number"
    return kinds.get(name, f"{'an' if name[0] in 'AEIOaeio' else 'a'} {name}")


def expect(value: object, *kinds: type[Any], name: str = "", hint: str = "") -> None:
    """Refuse a ``value`` that is none of ``kinds``, with where such a thing comes from.

    Raises `InputError`: "expected a Sweep, which medtx.sweep(alignment) gives, not text".
    """
    if isinstance(value, kinds):
        return
    wanted = " or ".join(dict.fromkeys(_MADE_BY.get(kind.__name__, kind.__name__) for kind in kinds))
    start = f"{name}: " if name else ""
    raise InputError(f"{start}expected {wanted}, not {kind_of(value)}{'; ' if hint else ''}{hint}")


def check_number(name: str, value: object) -> None:
    """Refuse a ``value`` that is no number."""
    if isinstance(value, bool) or not isinstance(value, Real):
        raise InputError(f"{name}={_given(value)} is not a number")


def check_share(name: str, value: object) -> None:
    """Refuse a ``value`` that is no number between 0 and 1, both left out."""
    check_number(name, value)
    if not 0 < float(value) < 1:  # type: ignore[arg-type]
        raise InputError(f"{name}={_given(value)} is not a number between 0 and 1")


def shown(names: Iterable[object], most: int | None = 4) -> str:
    """The names that are surely no text of a patient: single words of a program."""
    found = [str(name) for name in names if re.fullmatch(r"[A-Za-z_]\w{0,30}", str(name))]
    return ", ".join(found[:most])
