"""What the readers of other engines' results share."""

from collections.abc import Iterator, Mapping
from typing import Any

from medtx.reading.build import Word


def has(data: Any, *keys: str) -> bool:
    return isinstance(data, Mapping) and all(key in data for key in keys)


def first(data: Any) -> Any:
    return data[0] if isinstance(data, list) and data else data


def some(data: Any, *keys: str) -> bool:
    """Whether one of the first objects of a list has these keys: silence or a greeting may come before."""
    return any(has(one, *keys) for one in (data[:50] if isinstance(data, list) else [data]))


def any_of(data: Mapping[str, Any], *keys: str) -> Any:
    """The first of these that is there: the same field has several names."""
    return next((data[key] for key in keys if data.get(key) is not None), None)


def number(value: Any, per: int = 1) -> float | None:
    return None if value is None else float(value) / per


def label(value: Any) -> str | None:
    return None if value is None else str(value)


def untimed(
    text: Any, segment: int | None = None, speaker: Any = None, channel: Any = None
) -> Iterator[Word]:
    """The words of a text, where an engine was not asked for words."""
    for word in str(text or "").split():
        yield Word(word, segment=segment, speaker=label(speaker), channel=channel)
