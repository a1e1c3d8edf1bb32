"""What the caller of `medtx.read` says of files that do not say it themselves."""

import codecs
from dataclasses import dataclass, fields
from inspect import signature
from typing import Any

from medtx.errors import InputError


@dataclass(frozen=True)
class Options:
    """Settings of readers; a reader takes those that its parameters name."""

    encoding: str | None = None
    tiers: str | tuple[str, ...] | None = None
    speakers: bool | None = None
    column: str | None = None

    def __post_init__(self) -> None:
        if self.encoding is not None:
            try:
                codecs.lookup(self.encoding)
            except (LookupError, TypeError):
                raise InputError(f"encoding={self.encoding!r} is not an encoding, such as 'cp1252'") from None
        if self.speakers not in (None, True, False):
            raise InputError(f"speakers={self.speakers!r} is not one of True, False or None")
        if self.column is not None and not isinstance(self.column, str):
            raise InputError(f"column={self.column!r} is not the name of a column")
        named = (self.tiers,) if isinstance(self.tiers, str) else self.tiers
        if named is not None and not (
            isinstance(named, list | tuple) and named and all(isinstance(one, str) for one in named)
        ):
            raise InputError(f"tiers={self.tiers!r} is not a name, or a list of names")
        if named is not None:
            object.__setattr__(self, "tiers", tuple(named))

    def of(self, reader: Any) -> dict[str, Any]:
        """The settings that this reader has a parameter for."""
        known = signature(reader).parameters
        return {f.name: getattr(self, f.name) for f in fields(self) if f.name in known}
