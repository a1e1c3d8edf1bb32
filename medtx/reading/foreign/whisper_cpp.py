"""whisper.cpp: what ``whisper-cli --output-json`` and ``--output-json-full`` write.

Times are milliseconds. The full form has tokens with their probability ``p``: a word has the
least of its tokens'. Without tokens a segment's text is split, without times.

References
----------
https://github.com/ggml-org/whisper.cpp/blob/master/examples/cli/cli.cpp (``output_json``)
"""

from typing import Any

from medtx.reading.build import Parsed, Word, of_words
from medtx.reading.foreign.common import has, keys, label, listed, need, number, untimed
from medtx.reading.foreign.tokens import Piece, Texts, joined

KEYS = keys(
    "systeminfo model params result transcription language timestamps offsets from to text tokens id p"
    " t_dtw speaker speaker_turn_next"
)


def fits(data: Any) -> bool:
    if not has(data, "transcription") or not isinstance(data["transcription"], list):
        return False
    segments = data["transcription"]
    return has(segments[0], "offsets", "text") if segments else has(data, "result", "params")


def read(data: Any, source: str) -> Parsed:
    segments = data["transcription"]
    texts = Texts()
    words: list[Word] = []
    for n, segment in enumerate(segments):
        need(segment, "segment", "offsets", "text")
        who = None if segment.get("speaker") == "?" else label(segment.get("speaker"))
        pieces = [
            _piece(token, who) for token in listed(segment, "tokens") if not token["text"].startswith("[_")
        ]
        spoken = list(joined(pieces, n))
        words += texts.complete(spoken, segment["text"]) if spoken else untimed(segment["text"], n, who)
    times = [tuple(number(segment["offsets"][side], 1000) for side in ("from", "to")) for segment in segments]
    result = data.get("result") or {}
    return of_words(
        "whisper.cpp",
        _whole(words, segments),
        source,
        language=label(result.get("language")),
        times=[(start, end) for start, end in times],
        notes=texts.notes(),
    )


def _piece(token: Any, speaker: str | None) -> Piece:
    need(token, "token", "text", "p")
    offsets = token.get("offsets") or {}
    start, end = (number(offsets.get(side), 1000) for side in ("from", "to"))
    return Piece(token["text"], start, end, number(token["p"]), speaker)


def _whole(words: list[Word], segments: list[Any]) -> list[Word]:
    """With ``--max-len`` a word may run on in the next segment, whose text then has no blank before it."""
    blank = [not segment["text"] or segment["text"][0].isspace() for segment in segments]
    made: list[Word] = []
    for word in words:
        n = word.segment or 0
        if any(blank) and not blank[n] and made and made[-1].segment != n:
            before = made.pop()
            known = [sure for sure in (before.confidence, word.confidence) if sure is not None]
            end = before.end if word.end is None else word.end
            made.append(
                before._replace(
                    content=before.content + word.content,
                    end=end,
                    confidence=min(known, default=None),
                    segment=n,
                )
            )
        else:
            made.append(word)
    return made
