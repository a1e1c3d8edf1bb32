"""NeMo: a line of ``transcribe_speech.py`` with ``timestamps=True``, or the timestamps of a hypothesis.

References
----------
https://docs.nvidia.com/nemo-framework/user-guide/latest/nemotoolkit/asr/intro.html,
https://github.com/NVIDIA/NeMo/blob/main/nemo/collections/asr/parts/utils/transcribe_utils.py
"""

from pathlib import PurePath
from typing import Any

from medtx.reading.build import Parsed, Word, of_words
from medtx.reading.foreign.common import first, has, keys, listed, need, number, only
from medtx.reading.foreign.tokens import Texts

KEYS = keys(
    "audio_filepath duration text pred_text timestamps_word timestamps_segment timestamps_char timestamp"
    " word segment char start end start_offset end_offset offset lang"
)


def fits(data: Any) -> bool:
    rows = data if isinstance(data, list) else [data]
    return bool(rows) and all(
        has(row, "audio_filepath", "timestamps_word")
        or (has(row, "text", "timestamp") and has(row["timestamp"], "word") and only(row, KEYS))
        for row in rows
    )


def read(data: Any, source: str) -> list[Parsed]:
    return [_row(row, source) for row in (data if isinstance(data, list) else [data])]


def _row(row: Any, source: str) -> Parsed:
    texts = Texts()
    said = next((value for key, value in row.items() if key.startswith("pred_text")), row.get("text"))
    held = listed(row["timestamp"], "word") if "timestamp" in row else listed(row, "timestamps_word")
    words = texts.complete([_word(word) for word in held], said)
    name = PurePath(str(row.get("audio_filepath") or "")).stem
    duration = number(row.get("duration"))
    return of_words("nemo", words, source, name=name, duration=duration, notes=texts.notes())


def _word(word: Any) -> Word:
    need(word, "word", "word", "start", "end")
    held = first(word["word"])  # some versions write a list of one
    return Word(held, number(word["start"]), number(word["end"]))
