"""OpenAI's API: JSON with the tokens' log probabilities, and the form with speakers.

A word has the least probability of its tokens, those of its marks left out, and no time. The
form with word times (``verbose_json``) is Whisper's. A text alone does not say what recognised it.

References
----------
https://platform.openai.com/docs/api-reference/audio/json-object,
https://platform.openai.com/docs/api-reference/audio/diarized-json-object
"""

from collections.abc import Iterator
from typing import Any

from medtx.reading.build import Parsed, Word, of_words
from medtx.reading.foreign.common import (
    first,
    has,
    keys,
    label,
    listed,
    need,
    number,
    only,
    probability,
    untimed,
)
from medtx.reading.foreign.tokens import Piece, Texts, joined

KEYS = keys(
    "text logprobs token bytes logprob usage task duration segments type id start end speaker languages code"
)
_TEXT = keys("text logprobs usage languages")


def fits(data: Any) -> bool:
    if has(data, "text", "logprobs"):
        return only(data, _TEXT) and has(first(data["logprobs"]) or {"token": ""}, "token")
    if has(data, "segments"):
        return str((first(data["segments"]) or {}).get("type")).startswith("transcript.text.segment")
    return has(data, "text", "usage") and only(data, _TEXT)


def read(data: Any, source: str) -> Parsed:
    texts = Texts()
    segments = listed(data, "segments")
    words: list[Word] = []
    for n, segment in enumerate(segments):
        need(segment, "segment", "text", "start", "end", "speaker")
        words += untimed(segment["text"], n, segment["speaker"])
    if not segments and (tokens := listed(data, "logprobs")):
        words = texts.complete(list(joined(_pieces(tokens), 0)), data["text"])
    elif not segments:
        words = list(untimed(data.get("text"), 0))
    return of_words(
        "openai",
        words,
        source,
        language=label((first(data.get("languages")) or {}).get("code")),
        duration=number(data.get("duration")),
        times=[(number(segment["start"]), number(segment["end"])) for segment in segments],
        notes=texts.notes(),
    )


def _pieces(tokens: list[Any]) -> Iterator[Piece]:
    """Its tokens. A letter may be spread over several, which have parts of it in their bytes."""
    held, least = b"", 0.0
    for token in tokens:
        need(token, "token", "token", "logprob")
        held += bytes(token.get("bytes") or token["token"].encode())
        least = min(least, float(token["logprob"]))
        try:
            yield Piece(held.decode(), confidence=probability(least))
        except UnicodeDecodeError:
            continue
        held, least = b"", 0.0
    if held:
        yield Piece(held.decode(errors="replace"), confidence=probability(least))


def fits_text(data: Any) -> bool:
    return (
        has(data, "text") and len(data) == 1 and isinstance(data["text"], str) and data["text"].strip() != ""
    )


def read_text(data: Any, source: str) -> Parsed:
    """A text alone, as Vosk and OpenAI's API write it: its keys do not say which."""
    note = "a text alone does not say what recognised it: name it with engine="
    return of_words("unknown", untimed(data["text"], 0), source, notes=[note])
