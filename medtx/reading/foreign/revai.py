"""Rev AI: a transcript of monologues, and the final messages of a stream.

References
----------
https://docs.rev.ai/api/asynchronous/transcripts/, https://docs.rev.ai/api/streaming/responses/
"""

from typing import Any

from medtx.reading.build import Parsed, Word, of_words
from medtx.reading.foreign.common import first, has, keys, label, listed, need, number

KEYS = keys("monologues speaker speaker_info elements type value ts end_ts confidence id display_name topics")


def fits(data: Any) -> bool:
    if has(data, "monologues"):
        return isinstance(data["monologues"], list) and has(
            first(data["monologues"]) or {"elements": []}, "elements"
        )
    return isinstance(data, list) and any(
        has(one, "type", "elements") and one["type"] in ("final", "partial") for one in data[:50]
    )


def read(data: Any, source: str) -> Parsed:
    live = isinstance(data, list)
    turns = [one for one in data if one.get("type") == "final"] if live else data["monologues"]
    words: list[Word] = []
    sounds = False
    for n, turn in enumerate(turns):
        need(turn, "monologue", "elements")
        who = label((turn.get("speaker_info") or {}).get("display_name")) or label(turn.get("speaker"))
        for element in listed(turn, "elements"):
            need(element, "element", "type", "value")
            value, kind = element["value"].strip(), element["type"]
            if kind == "punct" and value:
                words.append(Word(value, segment=n, speaker=who, kind="punctuation"))
            elif kind == "text" or (value and value[:1] + value[-1:] not in ("<>", "[]")):
                times = number(element.get("ts")), number(element.get("end_ts"))
                words.append(Word(value, *times, number(element.get("confidence")), n, who))
            else:
                sounds = sounds or bool(value)
    parsed = of_words("rev-ai", [word for word in words if word.content], source)
    parsed.silent = sounds or (live and bool(turns))
    return parsed
