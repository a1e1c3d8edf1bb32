"""Texts that are given as they are, told from the paths of files."""

import os
from collections.abc import Mapping
from os import PathLike
from pathlib import PurePath
from typing import Any

import pandas as pd

from medtx.errors import InputError, kind_of

_SUFFIXES = frozenset(
    ".json .jsonl .ndjson .zip .gz .txt .csv .tsv .textgrid .stm .ctm .trn .vtt .srt .docx .parquet".split()
)


def is_pathlike(value: object) -> bool:
    """Whether it is written as a path is: with a suffix of results or references, or folders.

    >>> [is_pathlike(v) for v in ("visit.json", "refs/visit", "s3://b/k", "No fever.", "120/80 at rest")]
    [True, True, True, False, False]
    """
    if not isinstance(value, str):
        return isinstance(value, PathLike)
    if "\n" in value:
        return False
    one_word = len(value.split()) == 1
    return PurePath(value).suffix.lower() in _SUFFIXES or (one_word and ("/" in value or os.sep in value))


def is_text(value: str) -> bool:
    """Whether it can only be what somebody said: several words, and no file of that name."""
    if is_pathlike(value) or len(value.split()) < 2:
        return False
    rooted = value.startswith(("/", "./", "../", "~"))
    return "\n" in value or not (rooted or "*" in value or "://" in value or _exists(value))


def _exists(value: object) -> bool:
    try:
        return isinstance(value, str | PathLike) and os.path.exists(value)
    except ValueError:  # a NUL in it
        return False


def are_texts(side: Any) -> bool:
    """Whether these are texts, by name or in a list: not paths, nor a result in memory."""
    if isinstance(side, Mapping):
        return not any(isinstance(value, Mapping | list) for value in side.values())
    if isinstance(side, pd.Series):
        side = side.tolist()
    if not isinstance(side, list | tuple) or not side:
        return False
    texts = all(isinstance(value, str) for value in side)
    return texts and not any(map(is_pathlike, side)) and not all(map(_exists, side))


def by_name(texts: Any) -> Mapping[Any, Any]:
    """Texts by the name of their recording; those of a list are named 0, 1, ...

    Raises `InputError` for anything else: a path, say, or one text without a name.
    """
    if isinstance(texts, Mapping):
        return texts
    if isinstance(texts, pd.Series):
        if texts.index.has_duplicates:
            raise InputError("texts: expected a name of its own for each, and the index holds one twice")
        return dict(texts.items())
    if isinstance(texts, list | tuple):
        return dict(enumerate(texts))
    hint = "; medtx.read takes paths" if isinstance(texts, str | PathLike) else ""
    expected = "texts by name, such as {'visit': 'No fever.'}, or a list of them"
    raise InputError(f"expected {expected}, not {kind_of(texts)}{hint}")
