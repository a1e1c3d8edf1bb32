"""Arguments checked against the service's own model, as botocore ships it: names, lengths, patterns, enums.

botocore's clients check little of this themselves; the service refuses the rest.
"""

import re
from functools import cache
from typing import Any

from botocore.model import OperationModel, Shape
from botocore.session import get_session

_TYPES: dict[str, Any] = {
    "structure": dict,
    "map": dict,
    "list": list,
    "string": str,
    "boolean": bool,
    "integer": int,
    "long": int,
    "float": (int, float),
    "double": (int, float),
}


@cache
def operation(service: str, name: str) -> OperationModel | None:
    """The model of an operation; None where the service has no such."""
    model = get_session().get_service_model(service)
    return model.operation_model(name) if name in model.operation_names else None


def problem(shape: Shape, value: Any, place: str = "") -> str:
    """What the service would say of a value that it does not take; empty for one that it does.

    The value itself stands in the message only where the model lists what it may be.
    """
    kind = shape.type_name
    if not isinstance(value, _TYPES.get(kind, object)) or (isinstance(value, bool) and kind != "boolean"):
        return f"Value at '{place or 'input'}' failed to satisfy constraint: Member must be a {kind}"
    if kind == "structure":
        for name in shape.required_members:
            if value.get(name) is None:
                where = _small(place, name)
                return f"Value null at '{where}' failed to satisfy constraint: Member must not be null"
        for name, inner in value.items():
            if name not in shape.members or inner is None:
                continue
            if found := problem(shape.members[name], inner, _small(place, name)):
                return found
        return ""
    if kind == "list":
        for number, inner in enumerate(value):
            if found := problem(shape.member, inner, f"{place}.{number + 1}.member"):
                return found
    if kind == "map":
        for inner in value.values():
            if found := problem(shape.value, inner, f"{place}.value"):
                return found
    must = _must(shape, value)
    return f"Value {must[0]}at '{place}' failed to satisfy constraint: Member must {must[1]}" if must else ""


def _must(shape: Shape, value: Any) -> tuple[str, str] | None:
    limits = shape.metadata
    if (allowed := limits.get("enum")) and value not in allowed:
        shown = f"'{value}' " if re.fullmatch(r"[\w.-]{1,40}", value) else ""
        return shown, f"satisfy enum value set: [{', '.join(allowed)}]"
    number = isinstance(value, int | float)
    size = value if number else len(value)
    what = "have value" if number else "have length"
    if size < limits.get("min", size):
        return "", f"{what} greater than or equal to {limits['min']}"
    if size > limits.get("max", size):
        return "", f"{what} less than or equal to {limits['max']}"
    pattern = limits.get("pattern")  # of the whole, whether or not it says so
    if pattern and not re.fullmatch(pattern.removeprefix("^").removesuffix("$"), value):
        return "", f"satisfy regular expression pattern: {pattern}"
    return None


def _small(place: str, name: str) -> str:
    """Places as the service writes them: settings.maxAlternatives."""
    name = name[:1].lower() + name[1:]
    return f"{place}.{name}" if place else name
