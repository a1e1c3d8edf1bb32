"""What a reader found doubtful: told once for all files, from worker processes too."""

import warnings
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar

from medtx.errors import printable

Told = list[tuple[str, str]]
"""Source and what is to be said of it."""

_LISTENING: ContextVar[Told | None] = ContextVar("told", default=None)


def tell(source: str, message: str) -> None:
    """Say ``message`` of a source: to whoever collects, or else as a warning at once."""
    listening = _LISTENING.get()
    if listening is None:
        warnings.warn(printable(f"{source}: {message}"), stacklevel=3)
    else:
        listening.append((source, message))


@contextmanager
def collected() -> Iterator[Told]:
    """A list of what is told inside."""
    told: Told = []
    token = _LISTENING.set(told)
    try:
        yield told
    finally:
        _LISTENING.reset(token)


def warn(told: Iterable[tuple[str, str]], stacklevel: int) -> None:
    """One warning for each message, which names the first source and counts the others."""
    sources: dict[str, list[str]] = {}
    for source, message in told:
        sources.setdefault(message, []).append(source)
    for message, named in sources.items():
        others = f" (and {len(named) - 1} more)" if len(named) > 1 else ""
        warnings.warn(printable(f"{named[0]}{others}: {message}"), stacklevel=stacklevel + 1)
