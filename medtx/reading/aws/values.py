"""Odd values in one result of a stream: each costs itself, and is told; the result and its words stay."""

import math
from collections.abc import Callable, Mapping
from typing import Any

from medtx.reading.build import ROUNDING

_ODD = object()
Check = Callable[[Any, float], Any]


def _number(value: Any) -> float:
    """NaN for what is none."""
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        return math.nan
    try:
        return float(value)
    except (ValueError, OverflowError):
        return math.nan


def _time(value: Any, last: float) -> Any:
    number = _number(value)
    return value if math.isfinite(number) and -ROUNDING["start"] <= number <= last else _ODD


def _share(value: Any, _: float) -> Any:
    near = ROUNDING["confidence"]
    return value if -near <= _number(value) <= 1 + near else _ODD


def _text(value: Any, _: float) -> Any:
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        return _ODD
    return str(value)


def _flag(value: Any, _: float) -> Any:
    if isinstance(value, str):
        value = {"true": True, "false": False}.get(value.lower(), value)
    return bool(value) if value in (True, False) and not isinstance(value, str) else _ODD


_TIMES: dict[str, Check] = {"StartTime": _time, "EndTime": _time}
_RESULT: dict[str, Check] = _TIMES | {
    "IsPartial": _flag,
    **dict.fromkeys(("ResultId", "ChannelId", "LanguageCode", "Speaker"), _text),
}
_BEST: dict[str, Check] = {"Transcript": _text}
_ITEM: dict[str, Check] = _TIMES | {
    "Confidence": _share,
    "VocabularyFilterMatch": _flag,
    **dict.fromkeys(("Type", "Content", "Speaker"), _text),
}
_ENTITY: dict[str, Check] = _TIMES | {
    "Confidence": _share,
    **dict.fromkeys(("Content", "Category", "Type"), _text),
}


def mended(result: Mapping[str, Any], last: float = math.inf) -> tuple[dict[str, Any], list[str]]:
    """A result in the shape of Transcribe's without what cannot be; and what that was, without any text.

    ``last`` is the time up to which there was audio. A value that is left out becomes None.

    >>> mended({"ResultId": "a", "StartTime": 1, "EndTime": 9999}, last=60)
    ({'ResultId': 'a', 'StartTime': 1, 'EndTime': None}, ['EndTime 9999'])
    """
    odd: list[str] = []
    made = _checked(result, _RESULT, last, odd)
    if result.get("Alternatives") is not None:
        made["Alternatives"] = []
        for given in _objects(result, "Alternatives", odd):
            one = _checked(given, _BEST, last, odd)
            for name, checks in (("Items", _ITEM), ("Entities", _ENTITY)):
                if given.get(name) is not None:
                    one[name] = [_checked(item, checks, last, odd) for item in _objects(given, name, odd)]
            made["Alternatives"].append(one)
    return made, odd


def _objects(holder: Mapping[str, Any], name: str, odd: list[str]) -> list[Mapping[str, Any]]:
    held = holder[name]
    found = [one for one in held if isinstance(one, Mapping)] if isinstance(held, list) else []
    if not isinstance(held, list) or len(found) < len(held):
        odd.append(f"{name} that are no list of objects")
    return found


def _checked(
    given: Mapping[str, Any], checks: Mapping[str, Check], last: float, odd: list[str]
) -> dict[str, Any]:
    made = dict(given)
    for name, check in checks.items():
        if made.get(name) is None:
            continue
        value = check(made[name], last)
        if value is _ODD:
            odd.append(f"{name} {_said(made[name])}")
            value = None
        made[name] = value
    start, end = _number(made.get("StartTime")), _number(made.get("EndTime"))
    if end < start - ROUNDING["end"]:
        odd.append(f"EndTime {end:g} before StartTime {start:g}")
        made["EndTime"] = None
    return made


def _said(value: Any) -> str:
    """A number as it is; of anything else what it is, as it may hold text."""
    number = isinstance(value, int | float) and not isinstance(value, bool)
    return f"{value:g}" if number else f"that is a {type(value).__name__}"
