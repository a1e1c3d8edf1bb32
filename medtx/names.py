"""What recordings are called, and how to call them otherwise.

A name is turned into another by a mapping (old -> new), a function, or a pattern such as
``"{name}_hyp"``: the part of a name that stands where ``{name}`` does is the new name. Other
words in braces stand for what is left out: ``"{name}_{date}"``.
"""

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

import pandas as pd

from medtx.errors import InputError, ReadError, did_you_mean, kind_of, not_a_column
from medtx.files import is_text

if TYPE_CHECKING:
    from medtx.transcripts import Transcripts

Names: TypeAlias = str | Mapping[str, str] | Callable[[str], str] | pd.Series | pd.DataFrame
"""What ``names=`` takes."""


def is_column(names: Names | None) -> bool:
    """Whether it names a column, of which each recording has its new name."""
    return isinstance(names, str) and "{" not in names


def pattern(text: str) -> re.Pattern[str]:
    """The names that fit a pattern; its group ``name`` is the new name.

    >>> pattern("{name}_{date}").fullmatch("visit_1_2024")["name"]
    'visit_1'

    Raises `InputError` for a pattern without ``{name}``, or with one that cannot be read.
    """
    parts = re.split(r"\{(\w+)\}", text)
    fields = parts[1::2]
    odd = any("{" in part or "}" in part for part in parts[::2])
    if odd or fields.count("name") != 1 or len(set(fields)) < len(fields):
        raise InputError(
            f"names={text!r}: expected a pattern with {{name}} in it once, such as '{{name}}_hyp'"
            + did_you_mean(text, ["{name}"])
        )
    made = [
        re.escape(part) if n % 2 == 0 else "(?P<name>.+)" if part == "name" else ".+?"
        for n, part in enumerate(parts)
    ]
    return re.compile("".join(made), re.DOTALL)


def renamed(names: Names, old: Iterable[str], recordings: pd.DataFrame) -> dict[str, str]:
    """The new name of each recording: its own where ``names`` says nothing of it.

    Raises `InputError` for a new name that is no text.
    """
    old = list(old)
    new: dict[str, Any]
    if isinstance(names, str) and is_column(names):
        if names not in recordings:
            raise not_a_column("names", names, recordings, "recordings")
        column = recordings[names].astype(object)
        new = {one: value for one, value in zip(old, column) if not pd.isna(value)}
    elif isinstance(names, str):
        fits = pattern(names)
        new = {one: found["name"] for one in old if (found := fits.fullmatch(one))}
    elif callable(names):
        new = {one: _call(names, one) for one in old}
    else:
        given = mapping(names)
        new = {one: given[one] for one in old if one in given}
    if odd := [one for one, value in new.items() if not isinstance(value, str) or not value.strip()]:
        raise InputError(f"names= gives {odd[0]!r} {kind_of(new[odd[0]])} as its new name, not a name")
    if odd := [name for name in new if not is_text(new[name])]:
        raise InputError(f"names= gives {odd[0]!r} a new name that is not UTF-8")
    return {one: new.get(one, one) for one in old}


def _call(function: Callable[[str], str], name: str) -> str:
    try:
        return function(name)
    except Exception as error:  # whatever a function of the user's raises
        raise InputError(f"names= cannot be used on {name!r}: {type(error).__name__}: {error}") from None


def mapping(names: Names) -> dict[str, str]:
    """Old -> new, of a mapping, a Series, or the two columns of a DataFrame."""
    if isinstance(names, pd.DataFrame):
        columns = ["recording", "reference"] if {"recording", "reference"} <= set(names) else list(names)
        if len(columns) != 2:
            raise InputError(
                "names: expected two columns, the name as it is and the new one, or recording and reference; "
                f"found {len(columns)}"
            )
        if names[columns[0]].duplicated().any():
            raise InputError("names: a recording stands there twice")
        names = names.set_index(columns[0])[columns[1]]
    if isinstance(names, pd.Series):
        names = {str(old): new for old, new in names.items()}
    if not isinstance(names, Mapping):
        raise InputError(
            f"names is {kind_of(names)}: expected a mapping (old -> new), a function, a column, "
            "or a pattern such as '{name}_hyp'"
        )
    return dict(names)


def apart(new: Mapping[str, str], side: str = "") -> None:
    """Refuse a name that two recordings would share."""
    taken: dict[str, str] = {}
    for old, name in new.items():
        if name in taken:
            raise InputError(
                f"names= gives {side}{taken[name]!r} and {old!r} the same name {name!r}: names must differ "
                "(Transcripts.merge puts recordings together)"
            )
        taken[name] = old


def rename(transcripts: "Transcripts", names: Names) -> "Transcripts":
    """See `medtx.Transcripts.rename`."""
    old = transcripts.recordings["recording"].astype(str).tolist()
    new = renamed(names, old, transcripts.recordings)
    if isinstance(names, str) and not is_column(names) and old and not pattern_fits(names, old):
        raise InputError(f"names={names!r} fits none of these {len(old)} recordings, such as {old[0]!r}")
    if isinstance(names, Mapping | pd.Series | pd.DataFrame) and old:
        given = mapping(names)
        if given.keys().isdisjoint(old):
            first = next(iter(given), "")
            hint = did_you_mean(first, old)
            raise InputError(f"names= holds none of these {len(old)} recordings, such as {old[0]!r}{hint}")
    return with_names(transcripts, new)


def pattern_fits(text: str, names: Iterable[str]) -> bool:
    fits = pattern(text)
    return any(fits.fullmatch(name) for name in names)


def with_names(transcripts: "Transcripts", new: Mapping[str, str], side: str = "") -> "Transcripts":
    """The same recordings under other names, in their old order."""
    apart(new, side)
    if all(old == name for old, name in new.items()):
        return transcripts
    return replace(
        transcripts,
        **{
            table: rows.assign(recording=called(rows["recording"], new))
            for table, rows in transcripts.tables().items()
            if "recording" in rows
        },
    )


def called(column: pd.Series, new: Mapping[str, str]) -> pd.Series:
    """The labels of recordings under their new names."""
    used = column.astype("category").cat.remove_unused_categories()
    return used.cat.rename_categories([new.get(str(old), str(old)) for old in used.cat.categories])


def load_names(text: str) -> Names:
    """What ``--names`` gives: a pattern, a column, or a CSV file of two columns: old and new names."""
    if "{" in text or Path(text).suffix.lower() not in (".csv", ".tsv"):
        return text
    try:
        table = pd.read_csv(text, sep=None, engine="python", dtype=str, keep_default_na=False)
    except OSError as error:
        raise ReadError(text, f"cannot be read: {error.strerror}") from None
    except (ValueError, pd.errors.ParserError) as error:
        raise ReadError(text, f"expected a table of two columns: {str(error).lower()}") from None
    try:
        return mapping(table)
    except InputError as error:
        raise ReadError(text, str(error)) from None
