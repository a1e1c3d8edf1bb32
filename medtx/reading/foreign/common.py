"""What the readers of other engines' results share."""

import math
from collections.abc import Iterator, Mapping
from typing import Any

from medtx.reading.build import Word


class Unlike(ValueError):
    """An object that lacks keys of its format. Raised by `need`; the registry names the source."""

    def __init__(self, what: str, missing: str, found: list[str], expected: tuple[str, ...]) -> None:
        self.what, self.missing, self.found, self.expected = what, missing, found, expected
        super().__init__(what)


def need(one: Any, what: str, *keys: str) -> None:
    """Refuse an object that lacks one of these keys; "a|b" is one of two. Raises `Unlike`."""
    for key in keys:
        if type(one) is dict and key in one:  # nearly always
            continue
        if not isinstance(one, Mapping) or not any(name in one for name in key.split("|")):
            found = [str(name) for name in one] if isinstance(one, Mapping) else []
            raise Unlike(what, key.replace("|", " or "), found, keys)


def has(data: Any, *keys: str) -> bool:
    return isinstance(data, Mapping) and all(key in data for key in keys)


def only(data: Any, keys: frozenset[str]) -> bool:
    """Whether it is an object with no key but these."""
    return isinstance(data, Mapping) and keys.issuperset(data)


def first(data: Any) -> Any:
    return data[0] if isinstance(data, list) and data else data


def listed(data: Any, key: str) -> list[Any]:
    """The objects in a list; null and a missing key are an empty one."""
    held = data.get(key) if isinstance(data, Mapping) else None
    if held is None:
        return []
    if not isinstance(held, list):
        raise TypeError
    return held


def some(data: Any, *keys: str) -> bool:
    """Whether one of the first objects of a list has these keys: silence or a greeting may come before."""
    return any(has(one, *keys) for one in (data[:50] if isinstance(data, list) else [data]))


def any_of(data: Mapping[str, Any], *keys: str) -> Any:
    """The first of these that is there: the same field has several names."""
    return next((data[key] for key in keys if data.get(key) is not None), None)


def number(value: Any, per: float = 1) -> float | None:
    """A number, or a number as text; null and NaN, which Python writes, are unknown."""
    if type(value) is float and value == value:  # nearly always
        return value / per
    if value is None or isinstance(value, bool):
        return None
    value = float(value) / per
    return None if math.isnan(value) else value


def probability(log: Any) -> float | None:
    """Of a natural logarithm."""
    value = number(log)
    return None if value is None else math.exp(value)


def label(value: Any) -> str | None:
    return None if value is None else str(value)


def untimed(
    text: Any, segment: int | None = None, speaker: Any = None, channel: Any = None
) -> Iterator[Word]:
    """The words of a text, where an engine was not asked for words."""
    for word in str(text or "").split():
        yield Word(word, segment=segment, speaker=label(speaker), channel=channel)


def keys(names: str) -> frozenset[str]:
    """Names in one string, as a format's documentation lists them."""
    return frozenset(names.split())
