"""What the service asks of a medical vocabulary: a table with tabs, of phrases and how they sound."""

import csv
import re
from io import BytesIO

import pandas as pd

from medtx.engines.models.custom import Entry, entries

COLUMNS = ("Phrase", "IPA", "SoundsLike", "DisplayAs")
LARGEST = 50 * 1024  # bytes
LONGEST = 256  # characters of a phrase
_PHRASE = re.compile(r"[A-Za-z'.-]+")
_SOUND = re.compile(r"[A-Za-z'-]+")


def problem(table: bytes) -> str:
    r"""Why a vocabulary FAILED, without its words; empty for one that will be READY.

    >>> problem(b"Phrase\tIPA\tSoundsLike\tDisplayAs\nmetoprolol\t\tmeh-toe-pro-lawl\tMetoprolol\n")
    ''
    >>> problem(b"Phrase\tDisplayAs\nheart rate\t\n")
    'Line 2: a phrase holds letters, hyphens, periods and apostrophes only, and no spaces or digits'
    """
    if len(table) > LARGEST:
        return f"The file is larger than {LARGEST // 1024} KB"
    try:
        lines = table.decode("utf-8-sig").splitlines()
    except UnicodeDecodeError:
        return "The file is not UTF-8"
    head = lines[0].split("\t") if lines else []
    if "Phrase" not in head or len(set(head)) < len(head) or not set(head) <= set(COLUMNS):
        return f"Line 1: the header should be {', '.join(COLUMNS)}, with tabs between them"
    rows = 0
    for number, line in enumerate(lines[1:], 2):
        if not line.strip():
            continue
        rows += 1
        cells = line.split("\t")
        if len(cells) != len(head):
            return f"Line {number}: {len(cells)} columns where the header has {len(head)}"
        if wrong := _wrong(dict(zip(head, (cell.strip() for cell in cells)))):
            return f"Line {number}: {wrong}"
    return "" if rows else "The file has no phrases"


def phrases(table: bytes) -> tuple[Entry, ...]:
    """What the embedded engine takes of a table without a `problem`. Raises `InputError`."""
    rows = pd.read_csv(
        BytesIO(table),
        sep="\t",
        dtype=str,
        keep_default_na=False,
        quoting=csv.QUOTE_NONE,
        encoding="utf-8-sig",
    )
    return entries(rows)


def _wrong(row: dict[str, str]) -> str:
    if not _PHRASE.fullmatch(row["Phrase"]):
        return "a phrase holds letters, hyphens, periods and apostrophes only, and no spaces or digits"
    if len(row["Phrase"]) > LONGEST:
        return f"a phrase is longer than {LONGEST} characters"
    if row.get("IPA") and row.get("SoundsLike"):
        return "a phrase has either IPA or SoundsLike, not both"
    if row.get("SoundsLike") and not _SOUND.fullmatch(row["SoundsLike"]):
        return "SoundsLike is of letters, with hyphens between the syllables"
    return ""
