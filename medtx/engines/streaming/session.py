"""One recording over as many sessions as it takes: paced, resumed after a break, with one time.

A new session begins where the last final ended, so that no word is lost and none comes twice; where the
old one was full, its last audio is sent again, as it may end within a word. Times of a session restart at
0; here they are seconds of the source.
"""

import asyncio
import random
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Iterator, Mapping
from typing import Any
from uuid import uuid4

from medtx.engines.streaming.connection import DOING, Asked, Connection, Dropped
from medtx.engines.streaming.tape import Places, Tape
from medtx.errors import MedtxError
from medtx.reading.aws.values import mended

PART = 0.1
"""Seconds of audio in a frame; the service takes at most one."""
PATIENCE = 0.5
"""Seconds without audio after which silence is sent: the service ends a stream after 15."""
ROLL_OVER = 3.9 * 3600
"""Seconds after which a new session takes over: the service ends one after four hours."""
UNHEARD = 5.0
"""Seconds of audio of which the service may have said nothing yet."""
LATE = 1.0
"""Seconds without an event after which a full session is left."""
LAST_ANSWER = 60.0
"""Seconds to wait for what is still to come when all audio was sent."""
FIRST_WAIT, LONGEST_WAIT = 0.2, 8.0
"""Seconds before a connection that broke is made anew: twice as long each time, up to the longest."""
AHEAD = 1.0
"""Seconds by which a time may lie beyond the audio that was sent."""

Connect = Callable[[Asked, str], Awaitable[Connection]]
Tell = Callable[[str], None]


def waits(total: float) -> Iterator[float]:
    """The waits before new connections where nothing is heard: together ``total`` seconds or more.

    >>> [round(wait, 1) for wait in waits(10)]
    [0.2, 0.4, 0.8, 1.6, 3.2, 6.4]
    >>> sum(waits(90)) >= 90, list(waits(0))
    (True, [])
    """
    spent, wait = 0.0, FIRST_WAIT
    while spent < total:
        yield wait
        spent, wait = spent + wait, min(2 * wait, LONGEST_WAIT)


async def listen(
    connect: Connect, asked: Asked, tape: Tape, pace: float, tell: Tell
) -> AsyncGenerator[dict[str, Any], None]:
    """The events, with times of the source; ``tell`` is called with what in them cannot be right.

    Raises `MedtxError` for what the service refuses, and where the connection breaks again and again.
    """
    position, broken = 0, 0  # where the next session begins, in samples; how many broke since the last final
    left = waits(asked.service.retry_for)
    while True:
        places, done = Places(asked.rate, position), position
        open_since: dict[str | None, float] = {}  # by channel: where what is not final yet begins
        tape.forget(position)
        connection: Connection | None = None
        sender: asyncio.Task[int | None] | None = None
        try:
            connection = await connect(asked, str(uuid4()))
            sender = asyncio.create_task(_send(connection, tape, places, position, asked, pace))
            async for event in _receive(connection, sender):
                results = _usable(event, places.sent / asked.rate, tell)
                for result in results:
                    _place(result, places)
                    channel, end = result.get("ChannelId"), _end(result)
                    if result["IsPartial"]:
                        open_since.setdefault(channel, result["StartTime"] or done / asked.rate)
                    else:
                        open_since.pop(channel, None)
                        broken, left = 0, waits(asked.service.retry_for)
                        done = max(done, min(round(end * asked.rate), places.position))
                tape.forget(done)
                if results or not event["Transcript"]["Results"]:
                    yield {"Transcript": {"Results": results}}
            sent = await sender
            if sent is None:
                return
            again = min([sent / asked.rate - UNHEARD, *open_since.values()])
            position = max(done, round(again * asked.rate))
        except Dropped as error:
            broken += 1
            if (wait := next(left, None)) is None:
                count = f"{broken} sessions one after another" if broken > 1 else "one session"
                raise MedtxError(f"{DOING}: {error}; {count} came to nothing") from None
            position = done
            await asyncio.sleep(wait * random.uniform(1, 1.25))  # not all streams at once
        finally:
            if sender is not None:
                sender.cancel()
                await asyncio.wait({sender}, timeout=2)
            if connection is not None:
                await connection.close()


async def _send(
    connection: Connection, tape: Tape, places: Places, position: int, asked: Asked, pace: float
) -> int | None:
    """Audio at the pace of speech; where the session is full, how far it came, None at the end."""
    loop = asyncio.get_running_loop()
    begun, part = loop.time(), round(PART * asked.rate)
    while places.sent <= ROLL_OVER * asked.rate:
        audio = await tape.read(position, part, PATIENCE)
        if audio == b"":
            await connection.end()
            return None
        size = part if audio is None else len(audio) // (2 * asked.channels)
        places.add(size, position, silence=audio is None)
        position += 0 if audio is None else size
        await connection.send(audio or bytes(2 * asked.channels * part))
        tape.sent = max(tape.sent, position)
        await asyncio.sleep(max(places.sent / asked.rate / pace - (loop.time() - begun), 0))
    return position


async def _receive(
    connection: Connection, sender: "asyncio.Task[int | None]"
) -> AsyncIterator[dict[str, Any]]:
    """Events to the end of the session, or until it is full; a sender that fails ends it, too."""
    while True:
        receiver = asyncio.ensure_future(connection.receive())
        try:
            await asyncio.wait({receiver, sender}, return_when=asyncio.FIRST_COMPLETED)
            if not receiver.done() and sender.exception() is None and sender.result() is not None:
                await asyncio.wait({receiver}, timeout=LATE)  # it may be behind with what it has
                if not receiver.done():
                    return
            if not receiver.done():  # all is sent; or the connection broke, and the service may say why
                await asyncio.wait({receiver}, timeout=1 if sender.exception() else LAST_ANSWER)
            if not receiver.done():
                sender.result()
                raise Dropped(f"no answer came in {LAST_ANSWER:g} s")
            event = receiver.result()
        finally:
            receiver.cancel()
        if event is None:
            if not sender.done():
                raise Dropped("the service ended the stream")
            sender.result()
            return
        yield event


def _usable(event: dict[str, Any], sent: float, tell: Tell) -> list[dict[str, Any]]:
    """The results of an event, in the shape that all who read them expect; ``sent`` seconds were sent."""
    if odd := event.get("odd"):
        tell(odd)
    found = []
    given = event["Transcript"]["Results"]
    for one in given if isinstance(given, list) else [given]:
        if not isinstance(one, Mapping):
            tell("a result that is no object")
            continue
        result, odd = mended(one, sent + AHEAD)
        for value in odd:
            tell(value)
        result = {"ResultId": None, "StartTime": None, "EndTime": None} | result
        result["ResultId"] = result["ResultId"] or str(uuid4())
        result["IsPartial"] = bool(result.get("IsPartial"))
        result["Alternatives"] = result.get("Alternatives") or []
        for alternative in result["Alternatives"]:
            alternative["Transcript"] = alternative.get("Transcript") or ""
            items = alternative["Items"] = alternative.get("Items") or []
            for n, item in enumerate(items):
                whole = {"Type": "pronunciation", "Content": "", "StartTime": None, "EndTime": None}
                items[n] = whole | {name: value for name, value in item.items() if value is not None}
        found.append(result)
    return found


def _end(result: dict[str, Any]) -> float:
    """Where it ends, by its words if it does not say so itself; 0 where nothing says it."""
    items = [item for one in result["Alternatives"][:1] for item in one["Items"]]
    if result["EndTime"] is not None:
        return float(result["EndTime"])
    return max((float(item["EndTime"]) for item in items if item["EndTime"] is not None), default=0.0)


def _place(result: dict[str, Any], places: Places) -> None:
    """Times of the source for those of the session."""
    timed = [result]
    for alternative in result.get("Alternatives") or ():
        timed += [*(alternative.get("Items") or ()), *(alternative.get("Entities") or ())]
    for one in timed:
        for name in ("StartTime", "EndTime"):
            if one.get(name) is not None:
                one[name] = round(places.source(float(one[name])), 3)
