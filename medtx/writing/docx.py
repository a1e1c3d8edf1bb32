"""A transcript as a Word document, what to listen to marked."""

from pathlib import Path

import pandas as pd

from medtx.errors import optional
from medtx.files import OWN_DOCUMENT, save
from medtx.transcripts import Transcripts
from medtx.writing.captions import clock
from medtx.writing.common import NOT_XML, Target, check_threshold, each, voice


def to_docx(t: Transcripts, folder: Target, threshold: float | None) -> list[Path]:
    docx = optional("docx", "docx")
    check_threshold(threshold)
    known = t.recordings.set_index("recording")
    made = []
    for name, words, _, path in each(t, folder, "docx"):
        document = docx.Document()
        document.core_properties.category = OWN_DOCUMENT
        document.add_heading(NOT_XML.sub("", name), 1)
        about = [known[column].get(name) for column in ("engine", "specialty", "type", "language")]
        document.add_paragraph(", ".join(str(value) for value in about if pd.notna(value)), "Subtitle")
        below = words["confidence"] < (0 if threshold is None else threshold)
        if threshold is not None:
            document.add_paragraph(_note(words, int(below.sum()), threshold), "Subtitle")
        words = words[words["kind"] != "speaker-change"]
        several = words["channel"].nunique() > 1
        before, gap = None, ""
        for word, mark in zip(words.itertuples(), below[words.index]):
            turn = (word.segment, voice(word.speaker, word.channel if several else None) or "")
            if turn != before:
                paragraph = document.add_paragraph()
                at = f"{clock(word.start)[:8]} " if word.start == word.start else ""
                heading = NOT_XML.sub("", f"{at}{turn[1]}".strip())
                paragraph.add_run(heading).bold = True
                before, gap = turn, " " if heading else ""
            if word.kind != "punctuation" and gap:
                paragraph.add_run(gap)
            gap = " "
            run = paragraph.add_run(NOT_XML.sub("\ufffd", word.content))
            if mark:  # a line for print without colour; a sign would be read back as a word
                run.font.underline = docx.enum.text.WD_UNDERLINE.WAVY
                run.font.highlight_color = docx.enum.text.WD_COLOR_INDEX.YELLOW
        made.append(save(path, document.save))
    return made


def _note(words: pd.DataFrame, marked: int, threshold: float) -> str:
    """What the marks mean, and how many words they say nothing of."""
    said = words[words["kind"] == "pronunciation"]
    none, count = int(said["confidence"].isna().sum()), len(said)
    if none == count:
        return "No word is marked: these words have no confidences."
    aside = f" {none} have no confidence, and are not marked." if none else ""
    return (
        f"Listen to the marked words: {marked} of {count} have a confidence below {threshold:g}.{aside} "
        "A word that was left out has none."
    )
