"""The one page that every HTML file is: what it rests on, and a style for screen, dark and paper.

What a colour says stands in an element or a sign, too: `<del>`, `<ins>`, `<mark>` keep their meaning
where styles are taken away, in print and without colour.
"""

import hashlib
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from html import escape
from importlib.metadata import version

import numpy as np
import pandas as pd

MARKS = """
mark, ins, del { border-radius: 3px; padding: 0 .15em; color: inherit }
mark { background: #e69f0055 } ins { background: #cc79a755 } del { background: #0072b244 }
"""
"""Okabe & Ito's palette, shining through, so that it does on light and on dark."""

_STYLE = """
:root { color-scheme: light dark }
body { font: 15px/1.5 system-ui, sans-serif; color: #222; background: #fff; max-width: 60rem;
  margin: 2rem auto; padding: 1rem; overflow-wrap: break-word }
h1 { font-size: 1.5rem; margin-bottom: .2rem } h2 { font-size: 1.15rem; margin-top: 2.2rem }
table { border-collapse: collapse; font-size: .87rem; font-variant-numeric: tabular-nums }
th, td { padding: .25rem .6rem; text-align: right; border-bottom: 1px solid #8886 }
th:first-child, td:first-child { text-align: left }
img { max-width: 100%; background: #fff } .note, .made { opacity: .8; font-size: .9em }
.choice { border-left: 4px solid #c33; padding-left: 1rem } .wide { overflow-x: auto }
@media (prefers-color-scheme: dark) { body { color: #ddd; background: #16181c } }
@media print {
  :root { color-scheme: light }
  body { color: #000; background: #fff; max-width: none; margin: 0; padding: 0; font-size: 10pt }
  .wide { overflow: visible } table { font-size: 8.5pt }
  h2 { break-after: avoid } tr, img { break-inside: avoid }
  thead { display: table-header-group } input, output { display: none }
  details::details-content { content-visibility: visible; height: auto }
}
"""


def page(
    title: str, parts: Sequence[str], facts: Mapping[str, str], *, style: str = "", lang: str = "en"
) -> str:
    """A whole document with ``parts`` as its body; ``facts`` stand under the title, with date and version."""
    now = datetime.now(UTC)
    known = {"made": f"{now:%Y-%m-%d %H:%M} UTC", "medtx": version("medtx"), **facts}
    told = "; ".join(f"{escape(name)}: {escape(value)}" for name, value in known.items())
    head = (
        '<meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">'
        f'<meta name="generator" content="medtx {version("medtx")}">'
        f'<meta name="date" content="{now.isoformat(timespec="seconds")}">'
        f"<title>{escape(title)}</title><style>{_STYLE}{MARKS}{style}</style>"
    )
    body = "\n".join([f"<h1>{escape(title)}</h1>", f'<p class="made">{told}</p>', *parts])
    return f'<!doctype html>\n<html lang="{lang}"><head>{head}</head><body>\n{body}\n</body></html>\n'


def fingerprint(rows: pd.DataFrame) -> str:
    """A hash of a table: the same rows give the same, in whatever order.

    >>> rows = pd.DataFrame({"word": ["chest", "pain"]})
    >>> fingerprint(rows) == fingerprint(rows[::-1]), len(fingerprint(rows))
    (True, 16)
    """
    plain = rows.astype(
        {name: str for name, kind in rows.dtypes.items() if str(kind) in ("category", "object")}
    )
    each = np.sort(pd.util.hash_pandas_object(plain, index=False).to_numpy())
    return hashlib.sha256(each.tobytes()).hexdigest()[:16]


def table(rows: pd.DataFrame, index: bool = True) -> str:
    """A table as it stands in a page, blanks for what there is not."""
    shown = rows.rename(columns=lambda name: str(name).replace("_", " "))
    return f'<div class="wide">{shown.to_html(index=index, border=0, na_rep="")}</div>'
