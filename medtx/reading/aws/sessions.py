"""One log may hold several streams: each becomes a recording of its own."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from medtx.reading.aws.events import Event

_OVERLAP = 0.1
"""Seconds by which a result may begin before the one before it has ended."""
_BEGINNING = 10.0


@dataclass
class Session:
    """The events of one stream, and what was asked of it."""

    name: str | None = None
    asked: dict[str, Any] = field(default_factory=dict)
    events: list[Event] = field(default_factory=list)
    ends: dict[Any, float] = field(default_factory=dict)  # of each voice: where its last final ends
    seen: set[Any] = field(default_factory=set)

    def restarts(self, event: Event) -> bool:
        """Whether this result's time lies before what was said already: the clock begins anew.

        A log of medtx has one clock, over all sessions that it took.
        """
        result = event.result
        if self.asked.get("medtx") or not isinstance(result, dict) or self._key(result) in self.seen:
            return False
        start, end = result.get("StartTime"), self.ends.get(self._voice(result))
        if not isinstance(start, int | float) or end is None:
            return False
        return start < end - _OVERLAP and start < max(_BEGINNING, end / 2)

    def add(self, event: Event) -> None:
        self.events.append(event)
        if (result := event.result) is None or not isinstance(result, dict):
            return
        self.seen.add(self._key(result))
        end = result.get("EndTime")
        if result.get("IsPartial") is not True and isinstance(end, int | float):
            voice = self._voice(result)
            self.ends[voice] = max(end, self.ends.get(voice, 0.0))

    @staticmethod
    def _voice(result: dict[str, Any]) -> Any:
        return str(result.get("ChannelId")), str(result.get("Speaker"))

    def _key(self, result: dict[str, Any]) -> Any:
        return str(result.get("ResultId")), self._voice(result)


def sessions(events: Iterable[Event]) -> list[Session]:
    """The streams of a log, in the order in which they begin.

    They are told apart by their session's id; by the answer to the start of a stream; or by
    times that begin anew.
    """
    current = Session()
    found = [current]
    by_name: dict[str, Session] = {}
    for event in events:
        if event.session is not None and event.session != current.name:
            if event.session in by_name:
                current = by_name[event.session]
            elif current.name is not None or _spoke(current):
                current = Session(event.session)
                found.append(current)
            current.name = event.session
            by_name[event.session] = current
        elif event.asked is not None and event.session is None and _begins(event) and _spoke(current):
            current = Session()
            found.append(current)
        if event.result is not None and current.restarts(event):
            current = Session(current.name, dict(current.asked))
            found.append(current)
            if current.name is not None:
                by_name[current.name] = current
        if event.asked is not None:
            current.asked |= event.asked
        else:
            current.add(event)
    return found


def _spoke(session: Session) -> bool:
    return any(event.result is not None or event.failure is not None for event in session.events)


def _begins(event: Event) -> bool:
    return bool(event.asked and (event.asked.get("begins") or event.asked.get("medtx")))
