"""Which reader takes a JSON that is not Transcribe's: known by its own keys, or refused."""

from collections.abc import Callable, Mapping
from typing import Any

from medtx.errors import InputError, ReadError, shown
from medtx.reading import references
from medtx.reading.build import Parsed
from medtx.reading.foreign import amazon, assemblyai, azure, deepgram, google, kaldi, vosk, whisper

Fits = Callable[[Any], bool]
Reader = Callable[[Any, str], Any]
Format = tuple[str, Fits, Reader]

FORMATS: list[Format] = [
    ("call analytics", amazon.is_call_analytics, amazon.call_analytics),
    ("healthscribe", amazon.is_healthscribe, amazon.healthscribe),
    ("assemblyai", assemblyai.fits, assemblyai.read),
    ("azure", azure.fits, azure.read),
    ("deepgram", deepgram.fits, deepgram.read),
    ("deepgram live", deepgram.fits_live, deepgram.read_live),
    ("google", google.fits, google.read),
    ("kaldi", kaldi.fits, kaldi.read),
    ("whisper", whisper.fits, whisper.read),
    ("vosk", vosk.fits, vosk.read),
]
"""A format's name, how it is known, and its reader. Exactly one fits: their order does not matter."""

OWN: list[Format] = []
"""Those that `register` added: they go before the others, the last one first."""


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
            references.READERS[known.lower()] = lambda text, source: _run(_name(reader), reader, text, source)
        else:
            OWN.insert(0, (_name(reader), known, reader))
        return reader

    return taken


def _found(data: Any, formats: list[Format]) -> list[Format]:
    found = []
    for one in formats:
        try:
            if isinstance(data, Mapping | list) and one[1](data):
                found.append(one)
        except (LookupError, TypeError, ValueError, AttributeError):  # not of this format
            continue
    return found


def _name(reader: Reader) -> str:
    return getattr(reader, "__name__", "a format of your own").replace("_", " ")


def is_one(data: list[Any]) -> bool:
    """Whether a list is what one file holds: the messages of an engine, SegLST, NeMo's manifest."""
    first = data[0] if data else None
    known = isinstance(first, Mapping) and not {"session_id", "audio_filepath"}.isdisjoint(first)
    return known or (isinstance(first, Mapping) and bool(_found(data, [*OWN, *FORMATS])))


def parse(data: Any, source: str) -> list[Parsed] | None:
    """The recordings, if ``data`` is of one of these formats. Raises `ReadError` if it may be of several."""
    found = _found(data, OWN)[:1] or _found(data, FORMATS)
    if len(found) > 1:
        names = " or ".join(name for name, *_ in found)
        raise ReadError(source, f"may be a result of {names}: its keys do not tell which")
    return None if not found else _run(found[0][0], found[0][2], data, source)


def _run(name: str, reader: Reader, data: Any, source: str) -> list[Parsed]:
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
