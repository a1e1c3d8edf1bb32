"""TranscribeAudio: Transcribe's synchronous answer, which has no confidences.

References
----------
https://docs.aws.amazon.com/transcribe/latest/APIReference/API_TranscribeAudio.html
"""

from collections.abc import Iterator, Mapping
from typing import Any

from medtx.errors import ReadError
from medtx.reading.aws.common import Entity, hidden, label, left_out, mark, number, tell_left_out
from medtx.reading.build import Parsed, Word, of_words

_RESULTS = ("Results", "RedactedResults")


def _response(data: Any) -> Any:
    return data.get("TranscriptResponse", data) if isinstance(data, Mapping) else None


def fits(data: Any) -> bool:
    """The response, or what lies in it (as it may be written to S3)."""
    held = _response(data)
    if not isinstance(held, Mapping):
        return False
    results = [held[key] for key in _RESULTS if isinstance(held.get(key), Mapping)]
    whole = bool(results) and all({"Transcript", "Items"} & set(one) for one in results)
    empty = "TranscriptResponse" in data and "Metadata" in held
    return whole or empty or _elsewhere(data)


def _elsewhere(data: Mapping[str, Any]) -> bool:
    to = data.get("OutputConfiguration")
    return isinstance(to, Mapping) and "OutputMediaFileUri" in to and "TranscriptResponse" not in data


def read(data: Any, source: str) -> Parsed:
    """The words as they were said; those of the redacted transcript where no other is there.

    What was redacted goes to the phi table in both cases.
    """
    if _elsewhere(data):
        raise ReadError(
            source,
            "the answer holds no transcript: it was written to its OutputMediaFileUri, so read that",
            "OutputConfiguration",
        )
    held = _response(data)
    about = held.get("Metadata") or {}
    plain, redacted = (held.get(key) for key in _RESULTS)
    results = plain if plain is not None else redacted or {}
    items = [item for item in results.get("Items") or () if item.get("Content")]
    missing = left_out([item["Content"] for item in items], results.get("Transcript") or "")
    tell_left_out(len(missing), source)
    for at, word in reversed(missing):
        items.insert(at, {"Content": word})
    languages = [code.get("LanguageCode") for code in about.get("LanguageCodes") or ()]
    parsed = of_words(
        "amazon-transcribe",
        map(_word, items),
        source,
        language=label(about.get("LanguageCode") or next(iter(languages), None)),
        status="COMPLETED",
    )
    parsed.recording["channels"] = about.get("NumberOfChannels") or max(parsed.recording["channels"], 1)
    parsed.recording["redacted"] = plain is None and redacted is not None
    codes = [item.get("LanguageCode") for item in items]
    if any(codes):
        parsed.tables["words"]["language"] = codes
    return mark(parsed, list(_redactions(redacted or {})), list(map(_filtered, items)))


def _filtered(item: Mapping[str, Any]) -> str | None:
    return hidden(item["Content"]) or ("tagged" if item.get("VocabularyFilterMatch") else None)


def _redactions(results: Mapping[str, Any]) -> Iterator[Entity]:
    for item in results.get("Items") or ():
        for one in item.get("Redactions") or ():
            start, end = number(item.get("StartTime")), number(item.get("EndTime"))
            yield Entity(item["Content"], one.get("Type") or "PII", start, end, None)


def _word(item: Mapping[str, Any]) -> Word:
    """The model has no type for items: a mark is what holds no letter and no digit."""
    content = str(item["Content"])
    spoken = any(sign.isalnum() for sign in content) or content == "***"
    return Word(
        content,
        number(item.get("StartTime")),
        number(item.get("EndTime")),
        None,
        None,
        label(item.get("SpeakerLabel")),
        label(item.get("ChannelLabel")),
        "pronunciation" if spoken else "punctuation",
    )
