"""Results that were recorded before, answered again: jobs by their audio or its name, streams in time."""

import hashlib
import itertools
import json
import threading
import time
from collections.abc import Iterator
from contextlib import AbstractAsyncContextManager, nullcontext
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from medtx.engines.audio import RATE, blocks
from medtx.engines.models.custom import Entry
from medtx.errors import InputError, ReadError, reason
from medtx.reading.streaming import is_event
from medtx.service.engines import Wanted

Events = list[tuple[float, dict[str, Any]]]
"""(seconds after the start of the stream, event of the service)"""


class Place(NamedTuple):
    """A place in a recording's sound, in bytes."""

    stem: str
    at: int


class Recorded:
    """The results in ``folder``: ``<stem>.json`` of jobs, ``.json`` or ``.jsonl`` of streams.

    A job is answered with the result whose ``medtx.audio`` is the SHA-256 of its audio, or that is
    named as the object or the job. A folder of jobs' results alone is streamed, too. ``audio`` is a
    folder with the recordings themselves: a stream of 16 kHz is then answered from the one place in them
    that all of its sound fits, so that one that was cut goes on. Others take the recordings in the
    order of their names, and begin again after the last. ``speed`` makes the time between events
    shorter; no event comes before the audio that it is of.

    Raises `InputError` where there is nothing to answer with.
    """

    def __init__(self, folder: Path, speed: float = 1.0, audio: Path | None = None) -> None:
        if not speed > 0:
            raise InputError(f"speed={speed!r} is not above 0")
        self.speed = speed
        self._audio = {file.stem: file for file in sorted(audio.iterdir())} if audio else {}
        self._sounds: dict[str, bytes] = {}
        self._lock = threading.Lock()
        self.jobs: dict[str, dict[str, Any]] = {}
        self.streams: dict[str, Events] = {}
        files = [folder] if folder.is_file() else sorted([*folder.glob("*.json"), *folder.glob("*.jsonl")])
        for file in files:
            content = _load(file)
            if isinstance(content, dict) and "results" in content:
                self.jobs[file.stem] = content
            elif is_event(content):
                self.streams[file.stem] = list(_events(content))
        if not self.jobs and not self.streams:
            raise InputError(f"{folder}: no recorded results of jobs or streams")
        self._by_audio = {job.get("medtx", {}).get("audio"): job for job in self.jobs.values()} | {"": None}
        if not self.streams:
            self.streams = {stem: list(_spoken(job["results"])) for stem, job in self.jobs.items()}
        self._next = itertools.cycle(self.streams.values())

    def slot(self) -> AbstractAsyncContextManager[Any]:
        return nullcontext()

    async def results(self, path: Path, wanted: Wanted) -> dict[str, Any]:
        with open(path, "rb") as file:
            audio = hashlib.file_digest(file, "sha256").hexdigest()
        found = self._by_audio.get(audio) or next(
            (self.jobs[name] for name in wanted.names if name in self.jobs), None
        )
        if found is None:
            raise ReadError(str(path), f"No recorded result is named {' or '.join(wanted.names)}")
        return {key: found[key] for key in ("results", "medtx") if key in found}

    def live(self, rate: int, specialty: str, vocabulary: tuple[Entry, ...] = ()) -> "Replay":
        return Replay(self, rate)

    def places(self, sound: bytes, rate: int) -> list["Place"]:
        """Where in the recordings this sound is."""
        found = []
        with self._lock:
            for stem in sorted(self._audio.keys() & self.streams.keys()) if rate == RATE else ():
                if stem not in self._sounds:
                    self._sounds[stem] = b"".join(block.tobytes() for block in blocks(str(self._audio[stem])))
                at = self._sounds[stem].find(sound)
                while at >= 0:
                    if at % 2 == 0:
                        found.append(Place(stem, at))
                    at = self._sounds[stem].find(sound, at + 1)
        return found

    def goes_on(self, place: "Place", position: int, sound: bytes) -> bool:
        """Whether the recording goes on like this, so many bytes after the place. Silence may follow it."""
        there = self._sounds[place.stem][place.at + position : place.at + position + len(sound)]
        return sound.startswith(there) and not any(sound[len(there) :])

    def any(self) -> Events:
        """Of the recordings one after the other, where no sound says which."""
        with self._lock:
            return next(self._next)

    def close(self) -> None:
        pass


class Replay:
    """The events of one recording, each when it is due and its audio was heard."""

    def __init__(self, recorded: Recorded, rate: int) -> None:
        self._recorded, self._rate = recorded, rate
        self._events: Events | None = None
        self._places: list[Place] | None = None  # those that all of the sound so far fits
        self._silence, self._sound = 0.0, 0  # seconds before the first sound, and its bytes
        self._began = time.monotonic()
        self._heard = 0.0
        self._at = 0

    def feed(self, samples: np.ndarray) -> Iterator[dict[str, Any]]:
        if self._events is None:
            self._listen(samples.astype("<i2").tobytes())
        self._heard += len(samples) / self._rate
        for due, event in (self._events or ())[self._at :]:
            if self._began + due / self._recorded.speed > time.monotonic() or _end(event) > self._heard:
                return
            self._at += 1
            yield event

    def close(self) -> Iterator[dict[str, Any]]:
        if self._events is None:
            self._begin()
        for due, event in (self._events or ())[self._at :]:
            time.sleep(max(0.0, self._began + due / self._recorded.speed - time.monotonic()))
            yield event

    def _listen(self, sound: bytes) -> None:
        """Many recordings may begin alike: it goes on until one place is left that all of the sound fits."""
        if self._places is None:
            if len(set(np.frombuffer(sound, "<i2").tolist())) < 2:
                return  # silence
            self._places, self._silence = self._recorded.places(sound, self._rate), self._heard
        else:
            self._places = [p for p in self._places if self._recorded.goes_on(p, self._sound, sound)]
        self._sound += len(sound)
        if len(self._places) < 2:
            self._begin()

    def _begin(self) -> None:
        """The first sound, after some seconds of silence, lies in the recording at an offset."""
        if not self._places:
            events, offset = self._recorded.any(), 0.0
        else:
            events, offset = self._recorded.streams[self._places[0].stem], self._places[0].at / 2 / RATE
        shift = offset - self._silence if offset else 0.0
        moved = [(due - shift, _later(event, offset, shift)) for due, event in events] if shift else events
        self._events = [(due, event) for due, event in moved if event["Transcript"]["Results"]]


def _later(event: dict[str, Any], offset: float, shift: float) -> dict[str, Any]:
    """What of an event is of words after ``offset``, its times moved by ``shift``."""
    results = []
    for result in event["Transcript"]["Results"]:
        alternatives = []
        for one in result["Alternatives"]:
            items = [dict(item) for item in one["Items"] if item["StartTime"] > offset - 0.01]
            for item in items:
                item["StartTime"], item["EndTime"] = item["StartTime"] - shift, item["EndTime"] - shift
            alternatives.append(one | {"Items": items, "Transcript": _text(items)})
        if alternatives and alternatives[0]["Items"]:
            times = {
                "StartTime": max(result["StartTime"], offset) - shift,
                "EndTime": result["EndTime"] - shift,
            }
            results.append(result | times | {"Alternatives": alternatives})
    return {"Transcript": {"Results": results}}


def _text(items: list[dict[str, Any]]) -> str:
    text = ""
    for item in items:
        text += ("" if item["Type"] == "punctuation" or not text else " ") + item.get("Content", "")
    return text


def _end(event: dict[str, Any]) -> float:
    return max((float(result["EndTime"]) for result in event["Transcript"]["Results"]), default=0.0)


def _load(file: Path) -> Any:
    try:
        text = file.read_text(encoding="utf-8")
        if file.suffix == ".jsonl":
            return [json.loads(line) for line in text.splitlines() if line.strip()]
        return json.loads(text)
    except (OSError, ValueError) as error:
        raise ReadError(str(file), f"expected JSON ({reason(error)})") from None


def _events(content: Any) -> Iterator[tuple[float, dict[str, Any]]]:
    """(seconds after the start, event), of bare results, recordings of them, or whole events."""
    for one in content if isinstance(content, list) else [content]:
        arrival = one["t"] / 1000 if "data" in one else None
        data = one.get("data", one)
        data = data.get("TranscriptEvent", data)
        event = data if "Transcript" in data else {"Transcript": {"Results": [data]}}
        if not event["Transcript"].get("Results"):  # as in the first line of a record of medtx
            continue
        yield (_end(event) if arrival is None else arrival), event


def _spoken(results: dict[str, Any]) -> Iterator[tuple[float, dict[str, Any]]]:
    """A job's result as a stream would have brought it: each word adds a partial, each segment ends final."""
    items = {item["id"]: item for item in results.get("items", ()) if "id" in item}
    for number, segment in enumerate(results.get("audio_segments", ())):
        said: list[dict[str, Any]] = []
        for item in (items[id] for id in segment["items"]):
            best = item["alternatives"][0]
            start = float(item.get("start_time", said[-1]["EndTime"] if said else segment["start_time"]))
            word = {"StartTime": start, "EndTime": float(item.get("end_time", start))}
            word |= {"Type": item["type"], "Content": best["content"]}
            if item["type"] != "punctuation" and best.get("confidence") is not None:
                word["Confidence"] = float(best["confidence"])
            said.append(word)
            heard = [{k: v for k, v in one.items() if k != "Confidence"} for one in said]
            yield word["EndTime"], _event(number, float(segment["start_time"]), word["EndTime"], heard, True)
        end = float(segment["end_time"])
        yield end, _event(number, float(segment["start_time"]), end, said, False)


def _event(
    number: int, start: float, end: float, items: list[dict[str, Any]], partial: bool
) -> dict[str, Any]:
    result = {
        "ResultId": f"00000000-0000-4000-8000-{number:012}",
        "StartTime": start,
        "EndTime": end,
        "IsPartial": partial,
        "Alternatives": [{"Transcript": _text(items), "Items": items}],
    }
    return {"Transcript": {"Results": [result]}}
