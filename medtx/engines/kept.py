"""Keep a result where its caller wants it."""

from functools import partial
from pathlib import Path

from medtx.errors import MedtxError, ReadError, printable
from medtx.files import save


def keep(path: Path, answer: bytes) -> ReadError | None:
    """Keep a result; where that fails, as on a full disk, why: the result itself is still given."""
    try:
        save(path, partial(Path.write_bytes, data=answer))
    except MedtxError as error:
        why = str(error).removeprefix(f"{printable(str(path))}: ")
        return ReadError(printable(str(path)), f"{why}; its result is in memory only")
    return None
