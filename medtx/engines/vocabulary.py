"""Custom vocabularies: the words that an engine should know, how they are spoken and written.

The table is Transcribe Medical's own: tab-separated, with the columns Phrase, IPA, SoundsLike
and DisplayAs. `read_table` serves every engine; `create` and the others ask the service.
Source of its rules: the developer guide, "Creating a text file for your medical
custom vocabulary" and "Character set for Amazon Transcribe Medical".
"""

import csv
import io
import re
import threading
from collections.abc import Iterator, Sequence
from os import PathLike, fspath
from pathlib import Path
from typing import Any, TypeAlias

import pandas as pd

from medtx.aws import Refused, checked_bucket, connect, encryption, pages, patiently, wait_for
from medtx.engines.medical import TranscribeMedical, checked_name
from medtx.errors import InputError, MedtxError, ReadError
from medtx.files import load

COLUMNS = ("Phrase", "IPA", "SoundsLike", "DisplayAs")
MAX_BYTES = 50 * 1024
MAX_LENGTH = 255  # characters of one value

PHONES = frozenset(
    "aʊ aɪ b d eɪ f g h i j k l l̩ m n n̩ oʊ p s t u v w z æ ð ŋ ɑ ɔ ɔɪ ə ɛ ɝ ɡ ɪ ɹ ʃ ʊ ʌ ʍ ʒ ʤ ʧ θ".split()  # noqa: RUF001
)
"""What may stand in IPA, one sound each, separated by single spaces."""

Source: TypeAlias = str | PathLike[str] | pd.DataFrame | Sequence[str]


def read_table(source: Source) -> pd.DataFrame:
    """A vocabulary as a checked table: Phrase, IPA, SoundsLike and DisplayAs, blank where not given.

    ``source`` is a file in the service's format (tab-separated, UTF-8; ``.csv`` with commas is
    read too), a DataFrame with these columns (only Phrase must be there), or a list of terms. A
    term of several words is joined by hyphens, and displayed as it was given.

    Raises `ReadError` for a file and `InputError` for other sources, with the first line and
    column that the service would refuse, the reason, and how many more there are; `check` lists all.

    >>> read_table(["warfarin", "atrial fibrillation"])[["Phrase", "DisplayAs"]]
                    Phrase            DisplayAs
    0             warfarin
    1  atrial-fibrillation  atrial fibrillation
    """
    table, name, problems = _read(source)
    if problems:
        line, column, problem = problems[0]
        where = f"{'line' if name else 'row'} {line}" if line else ""
        place = ", ".join(filter(None, [where, column]))
        more = f" (and {len(problems) - 1} more: see `check`)" if len(problems) > 1 else ""
        if name:
            raise ReadError(name, problem + more, place)
        raise InputError("vocabulary: " + (f"at {place}: " if place else "") + problem + more)
    return table


def check(source: Source) -> pd.DataFrame:
    """Everything that the service would refuse in a vocabulary, a row each: line, column, problem.

    Lines of a file count from 1, the header being the first, as an editor shows them; for other
    sources they are its rows, from 1. The line is 0 for what concerns the whole table.

    >>> check(["warfarin 5", "COPD"])[["line", "column", "problem"]]
       line  column                                            problem
    0     1  Phrase  digits ('5'): spell them out, as in vitamin-B-...
    """
    _, _, problems = _read(source)
    return pd.DataFrame(problems, columns=["line", "column", "problem"])


def text_of(table: pd.DataFrame) -> str:
    """The table as the service takes it: tabs, LF at the end of each line, no byte-order mark."""
    rows = [COLUMNS, *table[list(COLUMNS)].itertuples(index=False)]
    return "".join("\t".join(row) + "\n" for row in rows)


Problem = tuple[int, str, str]


def _read(source: Source) -> tuple[pd.DataFrame, str, list[Problem]]:
    name = ""
    if isinstance(source, pd.DataFrame):
        header, rows = [str(column) for column in source.columns], _of_frame(source)
    elif isinstance(source, str | PathLike):
        name = fspath(source)
        header, *rows = _of_file(name)
    elif isinstance(source, Sequence) and all(isinstance(term, str) for term in source):
        header = ["Phrase", "DisplayAs"]
        terms = [" ".join(term.split()) for term in source]
        rows = [["-".join(term.split()), term if " " in term else ""] for term in terms]
    else:
        raise InputError("vocabulary: expected a file, a DataFrame or a list of terms")
    first = 2 if name else 1  # a file has a header
    numbered = [(n, row) for n, row in enumerate(rows, first) if any(row)]
    if problem := _header_problem(header):
        return pd.DataFrame(columns=COLUMNS, dtype="str"), name, [(first - 1, "", problem)]
    problems = [
        (n, "", f"expected {len(header)} columns separated by single tabs, found {len(row)}")
        for n, row in numbered
        if len(row) != len(header)
    ]
    whole = [(n, dict(zip(header, row))) for n, row in numbered if len(row) == len(header)]
    problems += [(n, column, problem) for n, row in whole for column, problem in _row_problems(row)]
    problems.sort(key=lambda found: found[0])
    table = pd.DataFrame(
        [[row.get(column, "") for column in COLUMNS] for _, row in whole], columns=COLUMNS, dtype="str"
    )
    size = len(text_of(table).encode(errors="replace"))
    if not numbered:
        problems.append((0, "", "expected at least one phrase"))
    elif size > MAX_BYTES:
        problems.append(
            (0, "", f"the table has {size:,} bytes, above the limit of {MAX_BYTES:,}: make several")
        )
    return table, name, problems


def _of_frame(source: pd.DataFrame) -> list[list[str]]:
    values = source.astype(object).where(source.notna(), "")
    return [[str(value).strip(" ") for value in row] for row in values.itertuples(index=False)]


def _of_file(name: str) -> list[list[str]]:
    """The rows of a file, its header first; a trailing blank, or CRLF, does not matter to us."""
    try:
        text = load(name).decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise ReadError(name, "expected text in UTF-8", f"byte {error.start}") from None
    if Path(name).suffix.lower() == ".csv":
        rows = list(csv.reader(io.StringIO(text, newline="")))
    else:
        rows = [line.rstrip("\r").split("\t") for line in text.split("\n")]
    return [[value.strip(" ") for value in row] for row in rows or [[""]]]


def _header_problem(header: list[str]) -> str:
    unknown = [column for column in header if column not in COLUMNS]
    if unknown or "Phrase" not in header or len(set(header)) < len(header):
        return f"expected the columns {', '.join(COLUMNS)}, separated by tabs, in a header"
    return ""


def _row_problems(row: dict[str, str]) -> Iterator[tuple[str, str]]:
    for column, value in row.items():
        if len(value) > MAX_LENGTH:
            yield column, f"{len(value)} characters: at most {MAX_LENGTH} are taken"
        if control := re.search(r"[\x00-\x1f\x7f\ud800-\udfff]", value):
            yield column, f"a character that cannot be kept (U+{ord(control[0]):04X})"
    if not row["Phrase"]:
        yield "Phrase", "expected a phrase"
    for column in ("Phrase", "SoundsLike"):
        value = row.get(column, "")
        if " " in value:
            yield column, "blanks: put hyphens between the words, as in atrial-fibrillation"
        if digit := re.search(r"\d", value):
            yield column, f"digits ({digit[0]!r}): spell them out, as in vitamin-B-twelve"
        if odd := re.search(r"[^A-Za-z'.\- \d\x00-\x1f\x7f\ud800-\udfff]", value):
            yield column, f"{odd[0]!r} (U+{ord(odd[0]):04X}): only a-z, A-Z, apostrophe, hyphen, full stop"
        if value and not re.search("[A-Za-z]", value) and not re.search(r"\d", value):
            yield column, "expected letters"
    sounds = row.get("IPA", "")
    if sounds and row.get("SoundsLike"):
        yield "SoundsLike", "only one of IPA and SoundsLike may be given"
    wrong = [sound for sound in sounds.split(" ") if sounds and sound not in PHONES]
    if "" in wrong:
        yield "IPA", "expected single blanks between the sounds"
    elif wrong:
        shown = " ".join(f"U+{ord(c):04X}" for c in wrong[0][:4])
        yield "IPA", f"{wrong[0][:20]!r} ({shown}) is not one of its sounds: {' '.join(sorted(PHONES))}"


def create(name: str, source: Source, engine: TranscribeMedical, *, ready: bool = True) -> str:
    """Make a vocabulary at the service, for ``TranscribeMedical(vocabulary=name)``; gives its state.

    The table is checked, written to the engine's bucket, encrypted, and read from there by the
    service. With ``ready`` it waits until it can be used. Do not put names of patients into it.

    Raises what `read_table` does, `InputError` where there is one of that name, and `MedtxError`
    where the service cannot make it, with its reason.
    """
    return _made("create_medical_vocabulary", name, source, engine, ready)


def update(name: str, source: Source, engine: TranscribeMedical, *, ready: bool = True) -> str:
    """Put another table into a vocabulary that is there; otherwise as `create`."""
    return _made("update_medical_vocabulary", name, source, engine, ready)


def listing(engine: TranscribeMedical) -> pd.DataFrame:
    """The account's vocabularies in this region: name, state (PENDING, READY or FAILED), when changed."""
    found = pages(_client(engine), "list_medical_vocabularies", "NextToken", MaxResults=100)
    keys = ["VocabularyName", "VocabularyState", "LastModifiedTime"]
    rows = [[one.get(key) for key in keys] for page in found for one in page.get("Vocabularies", [])]
    return pd.DataFrame(rows, columns=["name", "state", "changed"])


def delete(name: str, engine: TranscribeMedical) -> None:
    """Delete a vocabulary of the service, and its table in the bucket where the engine names one.

    Raises `InputError` where there is none of that name.
    """
    _asked(engine, "delete_medical_vocabulary", name)
    if engine.bucket:
        s3 = connect("s3", engine.region, engine.endpoint_url, engine.profile)
        patiently(s3, "delete_object", threading.Event(), Bucket=engine.bucket, Key=_key(name, engine))


def wait(name: str, engine: TranscribeMedical) -> str:
    """Until a vocabulary is READY, which it gives.

    Raises `InputError` where there is none of that name, and `MedtxError` where the service could
    not make it, with its reason, or it takes longer than the engine's ``timeout``.
    """

    def look() -> str | None:
        known = _asked(engine, "get_medical_vocabulary", name)
        if known["VocabularyState"] == "FAILED":
            why = " ".join(str(known.get("FailureReason", "no reason was given")).split())[:500]
            raise MedtxError(f"the service could not make the vocabulary {name}: {why}")
        return "READY" if known["VocabularyState"] == "READY" else None

    state = wait_for(look, engine.poll, engine.timeout)
    if state is None:
        raise MedtxError(f"the vocabulary {name} is not ready after {engine.timeout:g} s")
    return state


def _made(method: str, name: str, source: Source, engine: TranscribeMedical, ready: bool) -> str:
    checked_name("vocabulary", name)
    text = text_of(read_table(source))
    if engine.bucket is None:
        raise InputError("a vocabulary is read by the service from a bucket: name one")
    s3 = connect("s3", engine.region, engine.endpoint_url, engine.profile)
    key = _key(name, engine)
    put: dict[str, Any] = {"Bucket": engine.bucket, "Key": key, **encryption(engine.kms_key)}
    patiently(s3, "put_object", threading.Event(), Body=text.encode(), **put)
    place = f"s3://{engine.bucket}/{key}"
    made = _asked(engine, method, name, LanguageCode="en-US", VocabularyFileUri=place)
    return wait(name, engine) if ready else str(made.get("VocabularyState"))


def _key(name: str, engine: TranscribeMedical) -> str:
    return f"{checked_bucket(str(engine.bucket), engine.prefix)}/vocabularies/{name}.txt".lstrip("/")


def _client(engine: TranscribeMedical) -> Any:
    return connect("transcribe", engine.region, engine.endpoint_url, engine.profile)


def _asked(engine: TranscribeMedical, method: str, name: str, **arguments: Any) -> dict[str, Any]:
    checked_name("vocabulary", name)
    try:
        return patiently(_client(engine), method, threading.Event(), VocabularyName=name, **arguments)
    except Refused as error:
        if error.code == "ConflictException":
            what = (
                "there is one of that name: update it" if method.startswith("create") else "it is being made"
            )
            raise InputError(f"vocabulary {name}: {what}") from None
        if error.code == "NotFoundException" or "couldn't be found" in str(error):
            raise InputError(f"vocabulary {name}: the service has none of that name in this region") from None
        raise
