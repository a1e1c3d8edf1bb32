"""The text of a recording with its entities in colour, and the doubtful ones marked."""

from html import escape
from typing import TYPE_CHECKING

from medtx.clinical.entities import Entities

if TYPE_CHECKING:
    import pandas as pd

COLOURS = {
    "MEDICATION": "#0072b2",
    "MEDICAL_CONDITION": "#d55e00",
    "TEST_TREATMENT_PROCEDURE": "#009e73",
    "ANATOMY": "#8a6d00",
    "TIME_EXPRESSION": "#666666",
    "PROTECTED_HEALTH_INFORMATION": "#cc79a7",
    "BEHAVIORAL_ENVIRONMENTAL_SOCIAL": "#5d3a9b",
}
"""Okabe & Ito's palette: told apart without red and green."""


def as_html(found: Entities, recording: str, doubtful: "pd.Series[bool]") -> str:
    """The text with each entity underlined in the colour of its category, the doubtful ones shaded."""
    text = found.texts[recording]
    mine = (found.table["recording"].astype(str) == recording).to_numpy()
    rows = found.table[mine].assign(doubtful=doubtful[mine].to_numpy())
    rows = rows.sort_values(["begin_offset", "end_offset"], ascending=[True, False], kind="stable")
    parts, at = [], 0
    for row in rows.itertuples():
        if row.begin_offset < at:  # within another, or found by another operation too
            continue
        parts.append(escape(text[at : row.begin_offset]))
        colour = COLOURS.get(str(row.category), "#666666")
        shade = ";background:#e69f0055" if row.doubtful else ""
        denied = ";text-decoration-style:wavy" if "NEGATION" in row.traits else ""
        title = ", ".join([str(row.category), str(row.type), *row.traits])
        if row.asr_confidence == row.asr_confidence:
            title += f", speech confidence {row.asr_confidence:.2f}"
        parts.append(
            f'<span title="{escape(title)}" style="text-decoration:underline 2px {colour}{denied}{shade}">'
            f"{escape(text[row.begin_offset : row.end_offset])}</span>"
        )
        at = row.end_offset
    parts.append(escape(text[at:]))
    shown = [name for name in COLOURS if (rows["category"] == name).any()]
    key = " ".join(
        f'<span style="color:{COLOURS[name]}">{name.replace("_", " ").lower()}</span>' for name in shown
    )
    note = "wavy: denied; shaded: below the threshold"
    return f'<div style="line-height:1.8;max-width:50em"><p>{"".join(parts)}</p><p>{key} ({note})</p></div>'


class Shown:
    """HTML that a notebook displays."""

    def __init__(self, html: str) -> None:
        self.html = html

    def _repr_html_(self) -> str:
        return self.html
