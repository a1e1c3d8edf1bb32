"""Which reader takes a JSON that is not Transcribe's: known by its keys, the first that fits."""

from collections.abc import Callable, Mapping
from typing import Any

from medtx.errors import InputError, ReadError, shown
from medtx.reading import aws, references
from medtx.reading.build import Parsed
from medtx.reading.others import (
    assemblyai,
    azure,
    deepgram,
    deepgram_live,
    google,
    kaldi,
    vosk,
    whisper,
)


def _has(data: Any, *keys: str) -> bool:
    return isinstance(data, Mapping) and all(key in data for key in keys)


def _first(data: Any) -> Any:
    return data[0] if isinstance(data, list) and data else data


def _some(data: Any, *keys: str) -> bool:
    """Whether one of the first objects of a list has these keys: silence or a greeting may come before."""
    return any(_has(one, *keys) for one in (data[:50] if isinstance(data, list) else [data]))


Fits = Callable[[Any], bool]
Reader = Callable[[Any, str], Any]

FORMATS: list[tuple[Fits, Reader]] = [
    *((fits, reader) for _, fits, reader in aws.FORMATS),
    (lambda d: _has(d, "results") and _has(d["results"], "channels"), deepgram),
    (lambda d: _some(d, "channel", "is_final"), deepgram_live),
    (lambda d: _has(d, "segments") and _has(_first(d["segments"]) or {"text": ""}, "text"), whisper),
    (lambda d: isinstance(d, list) and _has(_first(d), "start", "end", "text"), whisper),
    (lambda d: _has(d, "words", "audio_duration"), assemblyai),
    (lambda d: _has(d, "text", "words") and _has(_first(d["words"]), "word", "start", "end"), whisper),
    (lambda d: _has(d, "words") and _has(_first(d["words"]), "time", "duration", "word"), kaldi),
    (lambda d: _some(d, "result", "text"), vosk),
    (lambda d: _has(d, "recognizedPhrases") or _has(d, "phrases", "durationMilliseconds"), azure),
    (lambda d: _some(d, "RecognitionStatus", "Offset"), azure),
    (lambda d: _is_google(d) or (_has(d, "response") and _is_google(d["response"])), google),
]
"""How a format is known, and its reader; the first that fits is taken."""


def _is_google(data: Any) -> bool:
    return (
        _has(data, "results")
        and isinstance(data["results"], list)
        and _has(_first(data["results"]) or {"alternatives": []}, "alternatives")
    )


def register(known: str | Fits) -> Callable[[Reader], Reader]:
    """Decorate a reader of a format of your own; it goes before those of other engines.

    ``known`` is the suffix of its files (``".xyz"``), or a function that says of decoded JSON
    whether it is of this format; Transcribe's batch results are known before. The reader gets
    the text or the JSON, and the name of its source; it gives what `of_words` makes, or a
    list of these. What it raises where something is missing or of another type becomes a
    `ReadError` of that source. Raises `InputError` for a suffix without a point.
    """
    if not callable(known) and not (isinstance(known, str) and known[:1] == "."):
        raise InputError(f"known={known!r} is not a suffix such as '.xyz'")

    def taken(reader: Reader) -> Reader:
        if isinstance(known, str):
            references.READERS[known.lower()] = lambda text, source: _run(reader, text, source)
        else:
            FORMATS.insert(0, (known, reader))
        return reader

    return taken


def _reader(data: Any) -> Reader | None:
    for fits, reader in FORMATS:
        try:
            if isinstance(data, Mapping | list) and fits(data):
                return reader
        except (LookupError, TypeError, ValueError, AttributeError):  # of a user's own
            continue
    return None


def is_one(data: list[Any]) -> bool:
    """Whether a list is what one file holds: the messages of an engine, SegLST, NeMo's manifest."""
    first = data[0] if data else None
    known = isinstance(first, Mapping) and not {"session_id", "audio_filepath"}.isdisjoint(first)
    return known or (isinstance(first, Mapping) and _reader(data) is not None)


def parse(data: Any, source: str) -> list[Parsed] | None:
    """The recordings, if ``data`` is of one of these formats."""
    reader = _reader(data)
    return None if reader is None else _run(reader, data, source)


def _run(reader: Reader, data: Any, source: str) -> list[Parsed]:
    name = getattr(reader, "__name__", "a format of your own").replace("_", " ")
    try:
        made = reader(data, source)
    except (LookupError, TypeError, ValueError, AttributeError, OverflowError) as error:
        key = shown(error.args) if isinstance(error, KeyError) else ""
        what = f"no {key!r}" if key else type(error).__name__
        raise ReadError(source, f"looks like a result of {name}, but is not whole: {what}") from None
    made = made if isinstance(made, list) else [made]
    if not all(isinstance(one, Parsed) for one in made):
        raise ReadError(source, f"the reader of {name} gave something else than of_words makes")
    return made
