"""Which reader takes a reference, by the suffix of its file; STM, CTM and SegLST.

A word is what stands between blanks, exactly as written. Times and speakers are kept
where the format has them.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import pandas as pd

from medtx.errors import InputError, ReadError, printable
from medtx.files import is_text
from medtx.reading import nist, turns
from medtx.reading.build import Builder, Parsed
from medtx.reading.bulk import of_lines
from medtx.reading.captions import captions
from medtx.reading.manifests import manifest
from medtx.reading.plain import docx, plain
from medtx.reading.textgrid import textgrid
from medtx.reading.texts import by_name
from medtx.reading.told import collected, tell, warn
from medtx.reading.utterances import Utterance, by_recording, recording
from medtx.transcripts import Transcripts


def seglst(segments: list[Mapping[str, Any]], source: str) -> list[Parsed]:
    """SegLST, the segment-wise JSON of the CHiME challenges and meeteval."""
    utterances = []
    for n, segment in enumerate(segments):
        try:
            start, end = (
                None if segment.get(key) is None else float(segment[key])
                for key in ("start_time", "end_time")
            )
            speaker = None if segment.get("speaker") is None else str(segment["speaker"])
            channel = None if segment.get("channel") is None else str(segment["channel"])
            said = Utterance(str(segment["words"]), start, end, speaker, channel)
            utterances.append((str(segment["session_id"]), said))
        except (KeyError, TypeError, ValueError, AttributeError, OverflowError):
            raise ReadError(source, "expected session_id, words and times in seconds", f"[{n}]") from None
    return by_recording(utterances, source)


READERS: dict[str, Callable[..., list[Parsed]]] = {
    ".txt": plain,
    ".csv": manifest,
    ".tsv": manifest,
    ".textgrid": textgrid,
    **nist.READERS,
    ".vtt": captions,
    ".srt": captions,
}
"""Suffix, in small letters -> reader of the text of such a file."""

BINARY: dict[str, Callable[..., list[Parsed]]] = {".docx": docx}
"""Suffix -> reader of the bytes of such a file."""

REFUSED = {
    ".doc": "is an old Word document: save it as .docx or .txt",
    ".rtf": "is Rich Text: save it as .docx or .txt",
    ".odt": "is an OpenDocument text: save it as .docx or .txt",
    ".pdf": "is a PDF: a transcript is needed as .docx or .txt",
    ".xls": "is an old Excel table: save it as .csv",
    ".xlsx": "is an Excel table: save it as .csv",
}
"""Suffix -> why it is not read, and what to do."""


def from_text(
    texts: Mapping[str, str] | Sequence[str] | pd.Series, *, speakers: bool | None = None
) -> Transcripts:
    """References (or hypotheses without times) from plain text: recording -> what was said.

    The recordings of a list are named ``"0"``, ``"1"``, ... Lines are utterances. Words are
    what stands between blanks, exactly as written; times and confidences are NaN. Labels
    (``D: ...``, ``[00:03] Patient: ...``) become speakers and times where they recur or name a
    role; ``speakers`` True takes every label, False none.

    >>> from_text({"visit": "Denies chest pain.\\nNo fever."}).words[["segment", "content"]]
       segment content
    0        0  Denies
    1        0   chest
    2        0   pain.
    3        1      No
    4        1  fever.
    >>> from_text({"visit": "D: Any pain?\\nP: No."}).words[["speaker", "content"]]
      speaker content
    0       D     Any
    1       D   pain?
    2       P     No.
    """
    held = by_name(texts)
    for name, said in held.items():
        if not is_text(str(name)):
            raise InputError(f"a recording's name is not UTF-8: {printable(str(name))[:60]}")
        if not isinstance(said, str):
            raise InputError(f"recording {name!r} has {type(said).__name__} where its text should be")
    with collected() as told:
        found = {
            name: turns.utterances(said, speakers) for name, said in held.items() if turns.MARK.search(said)
        }
        for name, (_, doubt) in found.items():
            if doubt:
                tell(f"recording {name!r}", doubt)
    warn(told, stacklevel=2)
    labelled = any(u.speaker or u.start is not None for lines, _ in found.values() for u in lines)
    if not labelled and len(set(map(str, held))) == len(held):
        bare = {name: [u.text for u in lines] for name, (lines, _) in found.items()}
        return of_lines({name: bare.get(name) or said.splitlines() for name, said in held.items()})
    builder = Builder()
    for name, said in held.items():
        lines = found[name][0] if name in found else turns.utterances(said)[0]
        builder.add(recording(lines, str(name)), name=str(name))
    return builder.transcripts()
