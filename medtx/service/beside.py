"""What can be asked for beside the words, where the engine does not give it: speakers and PHI.

There is one speaker, and PHI is what medtx's rules find (`medtx.clinical.embedded.detect_phi`).
"""

from collections.abc import Iterator
from typing import Any, NamedTuple

from medtx.clinical.embedded import detect_phi


class _Phi(NamedTuple):
    content: str
    first: int  # item
    last: int
    score: float


def _phi(contents: list[str]) -> Iterator[_Phi]:
    """In the words of one segment, which are items by their places."""
    text = " ".join(contents)
    begins = [0]
    for content in contents:
        begins.append(begins[-1] + len(content) + 1)
    for found in detect_phi(text)["Entities"]:
        inside = [
            number
            for number, content in enumerate(contents)
            if begins[number] < found["EndOffset"] and begins[number] + len(content) > found["BeginOffset"]
        ]
        yield _Phi(found["Text"], inside[0], inside[-1], found["Score"])


def add_to_job(results: dict[str, Any], speakers: bool, phi: bool) -> dict[str, Any]:
    """The ``results`` of a job, with what they lack of the two."""
    made = dict(results)
    items = {item["id"]: item for item in results.get("items", ()) if "id" in item}
    segments = results.get("audio_segments", [])
    if phi and "entities" not in made:
        made["entities"] = []
        for segment in segments:
            words = [items[id] for id in segment["items"]]
            for one in _phi([word["alternatives"][0]["content"] for word in words]):
                times = {
                    "startTime": float(words[one.first].get("start_time", segment["start_time"])),
                    "endTime": float(words[one.last].get("end_time", segment["end_time"])),
                }
                row = {"content": one.content, "category": "PHI", **times, "confidence": one.score}
                made["entities"].append(row)
    if speakers and "speaker_labels" not in made:
        label = {"speaker_label": "spk_0"}
        span = ("start_time", "end_time")
        made["items"] = [item | label for item in results.get("items", ())]
        made["audio_segments"] = [segment | label for segment in segments]
        made["speaker_labels"] = {
            "channel_label": "ch_0",
            "speakers": 1,
            "segments": [
                {key: segment[key] for key in span}
                | label
                | {
                    "items": [
                        {key: items[id][key] for key in span} | label
                        for id in segment["items"]
                        if "start_time" in items[id]
                    ]
                }
                for segment in segments
            ],
        }
    return made


def add_to_event(result: dict[str, Any], speakers: bool, phi: bool) -> dict[str, Any]:
    """A result of a stream; the service, too, says both on finals only."""
    if result["IsPartial"] or not result["Alternatives"]:
        return result
    best, *others = result["Alternatives"]
    items = best["Items"]
    if phi and "Entities" not in best:
        entities = [
            {
                "StartTime": items[one.first]["StartTime"],
                "EndTime": items[one.last]["EndTime"],
                "Category": "PHI",
                "Content": one.content,
                "Confidence": one.score,
            }
            for one in _phi([item.get("Content", "") for item in items])
        ]
        best = best | {"Entities": entities}
    if speakers:
        best = best | {"Items": [{"Speaker": "0"} | item for item in items]}
    return result | {"Alternatives": [best, *others]}
