"""The text of a recording with its entities in colour; what is denied or in doubt is said in words, too."""

from html import escape
from typing import TYPE_CHECKING, Any

from medtx.clinical.entities import Entities
from medtx.html import MARKS

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


_TRAITS = {"NEGATION": "denied", "PERTAINS_TO_FAMILY": "family", "HYPOTHETICAL": "hypothetical"}
"""Without these words a text says another thing."""


def as_html(found: Entities, recording: str, doubtful: "pd.Series[bool]") -> str:
    """The text with each entity underlined in the colour of its category, the doubtful ones marked."""
    text = found.texts[recording]
    mine = (found.table["recording"].astype(str) == recording).to_numpy()
    rows = found.table[mine].assign(doubtful=doubtful[mine].to_numpy())
    rows = rows.sort_values(["begin_offset", "end_offset"], ascending=[True, False], kind="stable")
    parts, at = [], 0
    for row in rows.itertuples():
        if row.begin_offset < at:  # within another, or found by another operation too
            continue
        parts.append(escape(text[at : row.begin_offset]))
        parts.append(_entity(row, escape(text[row.begin_offset : row.end_offset])))
        at = row.end_offset
    parts.append(escape(text[at:]))
    shown = [name for name in COLOURS if (rows["category"] == name).any()]
    key = " ".join(
        f'<u style="text-decoration:underline 2px {COLOURS[name]}">{name.replace("_", " ").lower()}</u>'
        for name in shown
    )
    note = "In brackets: what is denied, of the family or hypothetical; and the speech confidence of what is "
    note += "marked, to be heard."
    style = f"<style>{MARKS}</style>"
    body = f"<p>{''.join(parts)}</p><p>{key}</p><p><small>{note}</small></p>"
    return f'{style}<div style="line-height:1.8;max-width:50em">{body}</div>'


def _entity(row: Any, text: str) -> str:
    """One entity, with what must not be lost in brackets after it."""
    known = row.asr_confidence == row.asr_confidence
    title = ", ".join([str(row.category), str(row.type), *row.traits])
    title += f", speech confidence {row.asr_confidence:.2f}" if known else ""
    signs = [name for trait, name in _TRAITS.items() if trait in row.traits]
    if row.doubtful:
        signs.append(f"unsure: {row.asr_confidence:.2f}" if known else "confidence unknown")
        text = f"<mark>{text}</mark>"
    colour = COLOURS.get(str(row.category), "#666666")
    style = f"text-decoration:underline 2px {colour}"
    said = f" <small>[{', '.join(signs)}]</small>" if signs else ""
    return f'<u title="{escape(title)}" style="{style}">{text}</u>{said}'


class Shown:
    """HTML that a notebook displays."""

    def __init__(self, html: str) -> None:
        self.html = html

    def _repr_html_(self) -> str:
        return self.html
