"""A transcript as a Word document, what to listen to marked."""

from functools import partial
from pathlib import Path
from typing import Any

import pandas as pd

from medtx.errors import InputError, optional
from medtx.files import save
from medtx.transcripts import Transcripts
from medtx.writing import Target, clock, each


def to_docx(t: Transcripts, folder: Target, threshold: float | None) -> list[Path]:
    docx = optional("docx", "docx")
    if threshold is not None and not 0 <= threshold <= 1:
        raise InputError(f"threshold={threshold!r} is not between 0 and 1")
    known = t.recordings.set_index("recording")
    made = []
    for name, words, path in each(t, folder, "docx"):
        document = docx.Document()
        document.add_heading(name, 1)
        about = [known[column].get(name) for column in ("engine", "specialty", "type", "language")]
        document.add_paragraph(", ".join(str(value) for value in about if pd.notna(value)))
        below = words["confidence"] < (0 if threshold is None else threshold)
        if threshold is not None:
            count = int((words["kind"] == "pronunciation").sum())
            note = (
                f"Listen to the marked words: {below.sum()} of {count} have a confidence below {threshold:g}."
            )
            document.add_paragraph(f"{note} A word that was left out has none.")
        words = words[words["kind"] != "speaker-change"]
        before = None
        for word, mark in zip(words.itertuples(), below[words.index]):
            turn = (word.segment, word.speaker if isinstance(word.speaker, str) else None)
            if turn != before:
                paragraph = document.add_paragraph()
                at = f"{clock(word.start)[:8]} " if word.start == word.start else ""
                paragraph.add_run(f"{at}{turn[1] or ''}".strip()).bold = True
                before = turn
            if word.kind != "punctuation" and paragraph.text:
                paragraph.add_run(" ")
            run = paragraph.add_run(word.content)
            if mark:
                run.font.highlight_color = docx.enum.text.WD_COLOR_INDEX.YELLOW
        made.append(save(path, partial(_write, document)))
    return made


def _write(document: Any, path: Path) -> None:
    document.save(str(path))
