"""Soniox: a transcript of tokens, which are parts of words, and the responses of a live session.

Times are milliseconds. A word has the least confidence of its tokens, those of its marks left out.
Tokens of a translation are no words of the recording.

References
----------
https://soniox.com/docs/stt/api-reference/transcriptions/get_transcription_transcript,
https://soniox.com/docs/stt/api-reference/websocket-api
"""

from collections.abc import Iterator
from typing import Any

from medtx.reading.build import Parsed, of_words
from medtx.reading.foreign.common import first, has, keys, label, listed, need, number, untimed
from medtx.reading.foreign.tokens import Piece, joined

KEYS = keys(
    "id text tokens start_ms end_ms confidence speaker language is_final is_audio_event translation_status"
    " source_language final_audio_proc_ms total_audio_proc_ms finished"
)
_LIVE = ("final_audio_proc_ms", "total_audio_proc_ms")


def fits(data: Any) -> bool:
    if isinstance(data, list):
        return bool(data) and all(has(one, "tokens") or has(one, "finished") for one in data) and _live(data)
    if not has(data, "tokens") or not isinstance(data["tokens"], list):
        return False
    return (
        has(data, "id", "text")
        or _live([data])
        or has(first(data["tokens"]), "text", "start_ms", "confidence")
    )


def _live(data: list[Any]) -> bool:
    return any(has(one, *_LIVE) or has(first(one.get("tokens")), "text", "is_final") for one in data)


def read(data: Any, source: str) -> Parsed:
    held = data if isinstance(data, list) else [data]
    tokens = [token for one in held for token in listed(one, "tokens")]
    words = list(joined(_pieces(tokens)))
    said = data.get("text") if not isinstance(data, list) and not tokens else None
    language = label(next((token["language"] for token in tokens if token.get("language")), None))
    parsed = of_words("soniox", words or untimed(said), source, language=language)
    ends = [token for token in tokens if not _ends(token)]
    parsed.silent = bool(tokens) and not ends
    return parsed


def _ends(token: Any) -> bool:
    return token.get("text") in ("<end>", "<fin>") or bool(token.get("is_audio_event"))


def _pieces(tokens: list[Any]) -> Iterator[Piece | None]:
    for token in tokens:
        need(token, "token", "text")
        if token.get("is_final") is False or token.get("translation_status") == "translation":
            continue
        if _ends(token):
            yield None
            continue
        need(token, "token", "text", "start_ms", "end_ms", "confidence")
        start, end = number(token["start_ms"], 1000), number(token["end_ms"], 1000)
        who = label(token.get("speaker") or None)
        yield Piece(token["text"], start, end, number(token["confidence"]), who)
