"""An alignment to look at: coloured HTML for notebooks, plain text for everything else."""

from html import escape
from typing import TYPE_CHECKING

import pandas as pd

from medtx.errors import InputError

if TYPE_CHECKING:
    from medtx.scoring.alignment import Alignment

SHOWN = 20
"""Recordings in the HTML view, those with the most errors first."""

_STYLE = """
.medtx-a { font: 14px/1.9 system-ui, sans-serif; max-width: 60rem }
.medtx-a details { border-bottom: 1px solid #8884; padding: .2rem 0 }
.medtx-a summary { cursor: pointer } .medtx-a .key { opacity: .75; font-size: .9em }
.medtx-a b { font-weight: 600; border-radius: 3px; padding: 0 .2em }
.medtx-a .s { background: #e69f0055 } .medtx-a .d { background: #0072b244; text-decoration: line-through }
.medtx-a .i { background: #cc79a755 }
.medtx-a .fold { display: none } .medtx-a .open .fold { display: inline }
.medtx-a input { font: inherit; padding: .1rem .4rem; margin: .3rem 0; width: 16rem }
"""

_SCRIPT = """
(root => { const box = root.querySelector('input');
  box.addEventListener('keydown', e => e.stopPropagation());
  box.addEventListener('input', () => { const q = box.value.trim().toLowerCase();
    root.querySelectorAll('details').forEach(d => { let hit = false;
      d.querySelectorAll('[data-w]').forEach(w => {
        const yes = q && w.dataset.w.includes(q); hit ||= yes;
        w.style.outline = yes ? '2px solid #d55e00' : ''; });
      d.hidden = q && !hit;
      if (q) { d.open = hit; d.classList.toggle('open', hit); } }); });
})(document.currentScript.parentElement)
"""

AROUND = 6
"""Right words that stay in sight on each side of an error; longer stretches are folded."""


def as_html(alignment: "Alignment") -> str:
    """Colours by operation, confidence on hover, long stretches of right words folded, search."""
    counts = alignment.counts
    errors = (counts["substitutions"] + counts["deletions"] + counts["insertions"]).sort_values(
        ascending=False, kind="stable"
    )
    parts = [
        f'<div class="medtx-a"><style>{_STYLE}</style><p>{escape(repr(alignment)[1:-1])}</p>'
        '<p class="key">A row of words as they were recognised: <b class="s">substituted</b> (the reference '
        'in brackets), <b class="d">deleted</b>, <b class="i">inserted</b>; confidence on hover.</p>'
        '<input placeholder="search words" aria-label="search words">'
    ]
    by_name = dict(iter(alignment.pairs.groupby("recording", observed=True)))
    for n, (name, wrong) in enumerate(errors.head(SHOWN).items()):
        rows = by_name.get(name, alignment.pairs[:0])
        words = counts.loc[name, "reference_words"]
        rate = f"WER {wrong / words:.3f}, " if words else ""
        head = f"<summary>{escape(str(name))}: {rate}{wrong} errors in {words} reference words</summary>"
        parts.append(f"<details{' open' if n == 0 else ''}>{head}{_words(rows)}</details>")
    if len(errors) > SHOWN:
        parts.append(f'<p class="key">{len(errors) - SHOWN} more recordings have fewer errors.</p>')
    return "".join([*parts, f"<script>{_SCRIPT}</script></div>"])


def _words(rows: pd.DataFrame) -> str:
    found: list[str] = []
    right: list[str] = []

    def fold(last: bool) -> None:
        head = AROUND if found else 0
        tail = 0 if last else AROUND
        if len(right) > head + tail + AROUND:
            hidden = right[head : len(right) - tail]
            found.extend(right[:head])
            opener = "this.parentElement.classList.toggle('open')"
            found.append(
                f'<a class="key" onclick="{opener}" style="cursor:pointer">[{len(hidden)} right]</a>'
            )
            found.append(f'<span class="fold">{" ".join(hidden)}</span>')
            found.extend(right[len(right) - tail :] if tail else [])
        else:
            found.extend(right)
        right.clear()

    part = 0
    for row in rows.itertuples():
        if row.part != part:  # another channel
            fold(last=True)
            found.append("<br>")
            part = row.part
        sure = f' title="confidence {row.confidence:.2f}"' if row.confidence == row.confidence else ""
        hyp = escape(row.hypothesis) if isinstance(row.hypothesis, str) else ""
        ref = escape(row.reference) if isinstance(row.reference, str) else ""
        key = (hyp if row.op == "equal" else f"{ref} {hyp}").strip().lower()
        if row.op == "equal":
            right.append(f'<span data-w="{key}"{sure}>{hyp}</span>')
            continue
        fold(last=False)
        shown = {"substitute": f"{hyp} [{ref}]", "delete": ref, "insert": hyp}[row.op]
        found.append(f'<b class="{row.op[0]}" data-w="{key}"{sure}>{shown}</b>')
    fold(last=True)
    return " ".join(found)


def as_text(alignment: "Alignment", recording: str, width: int) -> str:
    if recording not in set(alignment.recordings["recording"]):
        raise InputError(f"no recording {recording!r} in this alignment")
    rows = alignment.pairs[alignment.pairs["recording"] == recording]
    lines: list[list[str]] = [["REF:", "HYP:", "    "]]
    blocks = []
    part = 0
    for row in rows.itertuples():
        ref = row.reference if isinstance(row.reference, str) else ""
        hyp = row.hypothesis if isinstance(row.hypothesis, str) else ""
        size = max(len(ref), len(hyp))
        mark = "" if row.op == "equal" else row.op[0].upper()
        cells = [(ref or "*" * size).ljust(size), (hyp or "*" * size).ljust(size), mark.ljust(size)]
        full = len(lines[0][0]) + size + 1 > width or row.part != part
        part = row.part
        if full and len(lines[0][0]) > 4:
            blocks.append(lines[0])
            lines = [["REF:", "HYP:", "    "]]
        lines[0] = [f"{line} {cell}" for line, cell in zip(lines[0], cells)]
    return "\n\n".join("\n".join(line.rstrip() for line in block) for block in [*blocks, lines[0]])
