"""Google Speech-to-Text, versions 1 and 2, with the protocol's names or Python's.

Where speakers were asked for, version 1 repeats all words with their speakers in a last
result: then that one alone is taken. Of a stream, the final results are.

References
----------
https://cloud.google.com/speech-to-text/docs/reference/rest/v1/speech/recognize,
https://cloud.google.com/speech-to-text/v2/docs/reference/rest/v2/projects.locations.recognizers/recognize
"""

from collections.abc import Mapping
from pathlib import PurePath
from typing import Any

from medtx.reading.build import Parsed, Word, of_words
from medtx.reading.foreign.common import any_of, first, has, keys, label, need, number, only, untimed
from medtx.reading.foreign.tokens import Texts

_RESULT = keys(
    "alternatives channelTag channel_tag resultEndTime result_end_time resultEndOffset result_end_offset"
    " languageCode language_code isFinal is_final stability"
)
_ALTERNATIVE = keys("transcript confidence words")
_WORD = keys(
    "word startTime endTime start_time end_time startOffset endOffset start_offset end_offset confidence"
    " speakerTag speaker_tag speakerLabel speaker_label"
)
_WHOLE = keys(
    "results @type totalBilledTime total_billed_time speechAdaptationInfo speech_adaptation_info requestId"
    " request_id outputConfig outputError metadata usingLegacyModels using_legacy_models speechEventType"
    " speechEventTime speech_event_type speech_event_time error"
)
KEYS = _RESULT | _ALTERNATIVE | _WORD | keys("seconds nanos")


def fits(data: Any) -> bool:
    if isinstance(data, list):
        return bool(data) and all(map(_is_google, data)) and any(map(_is_stream, data))
    return any(_is_google(one) for one in _answers(data).values())


def _is_stream(data: Any) -> bool:
    """Whether it is a message of a stream, whose results may still change."""
    return any(not {"isFinal", "is_final", "stability"}.isdisjoint(one) for one in data.get("results") or ())


def _answers(data: Any) -> dict[str, Any]:
    """The answer, or that of each file of a batch of version 2, which an operation may hold."""
    data = next((data[key] for key in ("response", "result") if has(data, key)), data)
    results = data.get("results") if isinstance(data, Mapping) else None
    if not isinstance(results, Mapping):
        return {"": data}
    files = {uri: one for uri, one in results.items() if has(one, "inlineResult") or has(one, "transcript")}
    return {
        uri: (one.get("inlineResult") or one).get("transcript") or {"results": []}
        for uri, one in files.items()
    }


def _is_google(data: Any) -> bool:
    if not has(data, "results"):
        kind = data.get("@type") if isinstance(data, Mapping) else None
        return "google.cloud.speech" in str(kind) or (has(data, "totalBilledTime") and only(data, _WHOLE))
    if not only(data, _WHOLE) or not isinstance(data["results"], list):
        return False
    result: Any = next((one for one in data["results"] if has(one, "alternatives")), {"alternatives": []})
    best = first(result["alternatives"]) or {}
    return only(result, _RESULT) and only(best, _ALTERNATIVE) and _has_words(best)


def _has_words(best: Any) -> bool:
    word = first(best.get("words")) or {"word": ""}
    return has(word, "word") and only(word, _WORD)


def read(data: Any, source: str) -> list[Parsed]:
    if isinstance(data, list):
        data = {"results": [result for one in data for result in one.get("results") or ()]}
    answers = _answers(data)
    return [_answer(one, source, PurePath(uri).stem) for uri, one in answers.items()]


def _answer(data: Any, source: str, name: str) -> Parsed:
    held = data.get("results") or []
    live = _is_stream(data)
    finals = [r for r in held if not live or any_of(r, "isFinal", "is_final")]
    results = [r for r in finals if r.get("alternatives")]
    codes = [code for r in results if (code := any_of(r, "languageCode", "language_code"))]
    tagged = [
        any(any_of(word, "speakerTag", "speaker_tag") for word in r["alternatives"][0].get("words") or ())
        for r in results
    ]
    if len(results) > 1 and tagged[-1] and not any(tagged[:-1]):
        results = results[-1:]
    several = len({any_of(result, "channelTag", "channel_tag") for result in results}) > 1
    texts = Texts()
    words: list[Word] = []
    for n, result in enumerate(results):
        best = result["alternatives"][0]
        if best:
            need(best, "alternative", "transcript|words")
        channel = f"ch_{any_of(result, 'channelTag', 'channel_tag')}" if several else None
        heard = [_word(word, n, channel) for word in best.get("words") or ()]
        text = best.get("transcript")
        words += texts.complete(heard, text) if heard else untimed(text, n, channel=channel)
    language = label(codes[0]) if codes else None
    return of_words("google", words, source, name=name, language=language, notes=texts.notes())


def _word(word: Any, segment: int, channel: str | None) -> Word:
    need(word, "word", "word")
    start, end = (
        _seconds(any_of(word, f"{side}Time", f"{side}Offset", f"{side}_time", f"{side}_offset"))
        for side in ("start", "end")
    )
    if start is None and end is not None:
        start = 0.0  # protobuf leaves out what is zero
    tags = ("speakerLabel", "speaker_label", "speakerTag", "speaker_tag")
    speaker = next((word[tag] for tag in tags if word.get(tag)), None)  # "" and 0: nobody
    sure = number(word.get("confidence") or None)  # 0: not set
    turn = None if speaker else segment
    return Word(word["word"], start, end, sure, turn, label(speaker), channel)


def _seconds(time: Any) -> float | None:
    """Google's times: "1.300s", or a number of seconds and one of nanoseconds.

    >>> _seconds("1.300s"), _seconds({"seconds": "2", "nanos": 500000000})
    (1.3, 2.5)
    """
    if isinstance(time, Mapping):
        return float(time.get("seconds") or 0) + float(time.get("nanos") or 0) / 1e9
    return None if time is None else float(str(time).removesuffix("s"))
