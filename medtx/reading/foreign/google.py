"""Google."""

from collections.abc import Iterator, Mapping
from typing import Any

from medtx.reading.build import Parsed, Word, of_words
from medtx.reading.foreign.common import any_of, first, has, label, number, untimed


def fits(data: Any) -> bool:
    return _is_google(data) or (has(data, "response") and _is_google(data["response"]))


def _is_google(data: Any) -> bool:
    return (
        has(data, "results")
        and isinstance(data["results"], list)
        and has(first(data["results"]) or {"alternatives": []}, "alternatives")
    )


def _seconds(time: Any) -> float | None:
    """Google's times: "1.300s", or a number of seconds and one of nanoseconds.

    >>> _seconds("1.300s"), _seconds({"seconds": "2", "nanos": 500000000})
    (1.3, 2.5)
    """
    if isinstance(time, Mapping):
        return float(time.get("seconds") or 0) + float(time.get("nanos") or 0) / 1e9
    return None if time is None else float(str(time).removesuffix("s"))


def read(data: Any, source: str) -> Parsed:
    """Google Speech-to-Text, versions 1 and 2, with the protocol's names or Python's.

    Where speakers were asked for, version 1 repeats all words with their speakers in a last
    result: then that one alone is taken. Of a stream, the final results are.
    """
    results = any_of(data, "response", "result") or data
    finals = [r for r in results["results"] if r.get("isFinal", r.get("is_final")) is not False]
    results = [r for r in finals if r.get("alternatives")]
    codes = [code for r in results if (code := any_of(r, "languageCode", "language_code"))]
    tagged = [
        any(any_of(word, "speakerTag", "speaker_tag") for word in r["alternatives"][0].get("words") or ())
        for r in results
    ]
    if len(results) > 1 and tagged[-1] and not any(tagged[:-1]):
        results = results[-1:]
    several = len({any_of(result, "channelTag", "channel_tag") for result in results}) > 1

    def words() -> Iterator[Word]:
        for n, result in enumerate(results):
            best = result["alternatives"][0]
            channel = f"ch_{any_of(result, 'channelTag', 'channel_tag')}" if several else None
            if not best.get("words"):
                yield from untimed(best.get("transcript"), n, channel=channel)
            for word in best.get("words") or ():
                start, end = (
                    _seconds(any_of(word, f"{side}Time", f"{side}Offset", f"{side}_time", f"{side}_offset"))
                    for side in ("start", "end")
                )
                if start is None and end is not None:
                    start = 0.0  # protobuf leaves out what is zero
                tags = ("speakerLabel", "speaker_label", "speakerTag", "speaker_tag")
                speaker = next((word[tag] for tag in tags if word.get(tag)), None)  # "" and 0: nobody
                sure = number(word.get("confidence") or None)  # 0: not set
                turn = None if speaker else n
                yield Word(word["word"], start, end, sure, turn, label(speaker), channel)

    return of_words("google", words(), source, language=label(codes[0]) if codes else None)
