"""Which reader takes a JSON that is not Transcribe's: known by its own keys, or refused."""

from collections.abc import Callable, Iterator, Mapping
from itertools import islice
from typing import Any, NamedTuple

from medtx.errors import InputError, ReadError, shown
from medtx.reading import aws, references
from medtx.reading.build import Parsed
from medtx.reading.foreign import (
    assemblyai,
    azure,
    deepgram,
    elevenlabs,
    gladia,
    google,
    guard,
    huggingface,
    kaldi,
    nemo,
    openai,
    revai,
    soniox,
    speechmatics,
    vosk,
    watson,
    whisper,
    whisper_cpp,
)
from medtx.reading.foreign.common import Unlike

Fits = Callable[[Any], bool]
Reader = Callable[[Any, str], Any]


class Format(NamedTuple):
    """Its name, how it is known, its reader, and its keys: others that look like times are told."""

    name: str
    fits: Fits
    read: Reader
    keys: frozenset[str] | None = None


FORMATS: list[Format] = [
    *(Format(name, fits, read) for name, fits, read in aws.FORMATS),
    Format("assemblyai", assemblyai.fits, assemblyai.read, assemblyai.KEYS),
    Format("azure", azure.fits, azure.read, azure.KEYS),
    Format("deepgram", deepgram.fits, deepgram.read, deepgram.KEYS),
    Format("deepgram live", deepgram.fits_live, deepgram.read_live, deepgram.KEYS),
    Format("elevenlabs", elevenlabs.fits, elevenlabs.read, elevenlabs.KEYS),
    Format("gladia", gladia.fits, gladia.read, gladia.KEYS),
    Format("google", google.fits, google.read, google.KEYS),
    Format("huggingface", huggingface.fits, huggingface.read, huggingface.KEYS),
    Format("kaldi", kaldi.fits, kaldi.read, kaldi.KEYS),
    Format("nemo", nemo.fits, nemo.read, nemo.KEYS),
    Format("openai", openai.fits, openai.read, openai.KEYS),
    Format("a text alone", openai.fits_text, openai.read_text),
    Format("rev ai", revai.fits, revai.read, revai.KEYS),
    Format("soniox", soniox.fits, soniox.read, soniox.KEYS),
    Format("speechmatics", speechmatics.fits, speechmatics.read, speechmatics.KEYS),
    Format("speechmatics live", speechmatics.fits_live, speechmatics.read_live, speechmatics.KEYS),
    Format("vosk", vosk.fits, vosk.read, vosk.KEYS),
    Format("watson", watson.fits, watson.read, watson.KEYS),
    Format("whisper", whisper.fits, whisper.read, whisper.KEYS),
    Format("whisper.cpp", whisper_cpp.fits, whisper_cpp.read, whisper_cpp.KEYS),
]
"""Exactly one of these fits: their order does not matter."""

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
            own = Format(_name(reader), callable, reader)
            references.READERS[known.lower()] = lambda text, source: _run(own, text, source)
        else:
            OWN.insert(0, Format(_name(reader), known, reader))
        return reader

    return taken


def _found(data: Any, formats: list[Format]) -> list[Format]:
    found = []
    for one in formats:
        try:
            if isinstance(data, Mapping | list) and one.fits(data):
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


def each(data: list[Any]) -> bool:
    """Whether each entry of a list is a result by itself."""
    known = [one for one in (*OWN, *FORMATS) if one.read is not openai.read_text]  # rows of some table
    return all(isinstance(one, Mapping) and _found(one, known) for one in data)


def parse(data: Any, source: str) -> list[Parsed] | None:
    """The recordings, if ``data`` is of one of these formats. Raises `ReadError` if it may be of several."""
    found = _found(data, OWN)[:1] or _found(data, FORMATS)
    if len(found) > 1:
        names = " or ".join(one.name for one in found)
        raise ReadError(source, f"may be a result of {names}: its keys do not tell which")
    if not found:
        return None
    made = _run(found[0], data, source)
    if found[0] in FORMATS:
        _judge(found[0], data, made, source)
    return made


def _run(one: Format, data: Any, source: str) -> list[Parsed]:
    half = f"looks like a result of {one.name}, but is not whole: "
    try:
        made = one.read(data, source)
    except Unlike as error:
        found = shown(error.found, 12) or "no key known"
        expected = ", ".join(key.replace("|", " or ") for key in error.expected)
        what = f"no {error.missing!r} in a {error.what}; expected {expected}, found {found}"
        raise ReadError(source, half + what) from None
    except (LookupError, TypeError, ValueError, AttributeError, OverflowError) as error:
        key = shown(error.args) if isinstance(error, KeyError) else ""
        what = f"no {key!r}" if key else type(error).__name__
        raise ReadError(source, half + what) from None
    made = made if isinstance(made, list) else [made]
    if not all(isinstance(parsed, Parsed) for parsed in made):
        raise ReadError(source, f"the reader of {one.name} gave something else than of_words makes")
    return made


def _judge(one: Format, data: Any, made: list[Parsed], source: str) -> None:
    """Nothing was lost in silence: words, times, speakers and confidences."""
    if guard.mute(made) and guard.speaks(data):
        raise ReadError(source, f"looks like a result of {one.name}, and has text, but no word could be read")
    for parsed in made:
        if wrong := guard.wrong_unit(parsed):
            raise ReadError(source, f"looks like a result of {one.name}, but {wrong}")
    if one.keys is None:
        return
    times, others = guard.unread(data, one.keys)
    if times and guard.untimed(made):
        raise ReadError(
            source, f"looks like a result of {one.name}, whose times do not stand in {shown(times, 8)}"
        )
    if unread := shown([*times, *others], 8):
        made[0].notes.append(f"keys of {one.name} that are not known were not read: {unread}")


_EXPECTED = {
    "segments": "Whisper's segments have text, start, end, and words with word, start, end",
    "words": "words with word, start, end are Whisper's, with text, start, end AssemblyAI's",
    "results": "Google's results have alternatives with transcript, confidence, words",
    "tokens": "Soniox' tokens have text, start_ms, end_ms, confidence",
}
"""What stands in lists that several engines have, each with other keys."""


def unknown(data: Any) -> str:
    """The keys of what no format fits: those of the whole, and of the first objects in its lists."""
    whole = data[0] if isinstance(data, list) and data else data
    if not isinstance(whole, Mapping):
        return type(data).__name__
    found = "; ".join(islice(_described("", whole, 0), 6)) or "no key known"
    expected = "".join(f" ({hint})" for key, hint in _EXPECTED.items() if key in whole)
    return found + expected


def _described(name: str, one: Mapping[str, Any], depth: int) -> Iterator[str]:
    if keys := shown(one, 8):
        yield f"in {name}: {keys}" if name else keys
    for key, value in one.items() if depth < 4 else ():
        inner = value[0] if isinstance(value, list) and value else value
        if isinstance(inner, Mapping) and inner and shown([key]):
            yield from _described(f"{name}.{key}".lstrip("."), inner, depth + 1)
