"""One recording over as many sessions as it takes: paced, resumed after a break, with one time.

A new session begins where the last final ended, so that no word is lost and none comes twice; where the
old one was full, its last audio is sent again, as it may end within a word. Times of a session restart at
0; here they are seconds of the source.
"""

import asyncio
import random
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any
from uuid import uuid4

from medtx.engines.streaming.connection import DOING, Asked, Connection, Dropped
from medtx.engines.streaming.tape import Places, Tape
from medtx.errors import MedtxError

PART = 0.1
"""Seconds of audio in a frame; the service takes at most one."""
PATIENCE = 0.5
"""Seconds without audio after which silence is sent: the service ends a stream after 15."""
ROLL_OVER = 3.9 * 3600
"""Seconds after which a new session takes over: the service ends one after four hours."""
UNHEARD = 5.0
"""Seconds of audio of which the service may have said nothing yet."""
LAST_ANSWER = 60.0
"""Seconds to wait for what is still to come when all audio was sent."""
TRIES = 6
"""Sessions that may break one after another without a final result."""

Connect = Callable[[Asked, str], Awaitable[Connection]]


async def listen(connect: Connect, asked: Asked, tape: Tape, pace: float) -> AsyncIterator[dict[str, Any]]:
    """The events, with times of the source.

    Raises `MedtxError` for what the service refuses, and where the connection breaks again and again.
    """
    position, broken = 0, 0  # where the next session begins, in samples; how many broke since the last final
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
                for result in event["Transcript"]["Results"]:
                    _place(result, places)
                    if result["IsPartial"]:
                        open_since.setdefault(result.get("ChannelId"), result["StartTime"])
                    else:
                        open_since.pop(result.get("ChannelId"), None)
                        done, broken = max(done, round(result["EndTime"] * asked.rate)), 0
                tape.forget(done)
                yield event
            sent = await sender
            if sent is None:
                return
            again = min([sent / asked.rate - UNHEARD, *open_since.values()])
            position = max(done, round(again * asked.rate))
        except Dropped as error:
            broken += 1
            if broken == TRIES:
                why = f"{error}; {TRIES} sessions one after another came to nothing"
                raise MedtxError(f"{DOING}: {why}") from None
            position = done
            await asyncio.sleep(min(0.1 * 2**broken, 8.0) * random.uniform(0.5, 1))
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


def _place(result: dict[str, Any], places: Places) -> None:
    """Times of the source for those of the session."""
    timed = [result]
    for alternative in result.get("Alternatives") or ():
        timed += [*(alternative.get("Items") or ()), *(alternative.get("Entities") or ())]
    for one in timed:
        for name in ("StartTime", "EndTime"):
            if one.get(name) is not None:
                one[name] = round(places.source(one[name]), 3)
