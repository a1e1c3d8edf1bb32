"""An alignment to look at: HTML for notebooks and pages, plain text for everything else."""

import json
from collections.abc import Iterator
from html import escape
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from medtx.errors import no_recording
from medtx.html import MARKS

if TYPE_CHECKING:
    from medtx.scoring.alignment import Alignment

HOVER = 20_000
"""Words, of the recordings with the most errors, whose confidence shows on hover though they are right."""
LARGEST = 2_000_000
"""Characters of recordings that are shown in full; the search of the others has an index."""
INDEX = 6_000_000
"""Characters of that index, about."""
NAMED = 1000
"""Recordings beyond those in full that are listed."""
AROUND = 6
"""Right words that stay in sight on each side of an error; longer stretches are folded."""

_STYLE = f"""{MARKS}
.medtx-a {{ font: 14px/1.9 system-ui, sans-serif; max-width: 60rem }}
.medtx-a .rec {{ border-bottom: 1px solid #8884; padding: .2rem 0 }}
.medtx-a summary {{ cursor: pointer }} .medtx-a .key {{ opacity: .8; font-size: .9em }}
.medtx-a .fold, .medtx-a .fold summary {{ display: inline }} .medtx-a .fold summary {{ opacity: .7 }}
.medtx-a input {{ font: inherit; padding: .1rem .4rem; margin: .3rem .6rem .3rem 0; width: 16rem }}
::highlight(medtx-found) {{ background: #d55e00; color: #fff }}
"""

_SCRIPT = """
((root, total, others, words) => {
  const box = document.createElement('input'), told = document.createElement('output');
  box.placeholder = 'search words'; box.ariaLabel = 'search words';
  root.querySelector('.search').append(box, told);
  box.addEventListener('keydown', e => e.stopPropagation());
  const marked = (node, q) => { const found = [];
    const walk = document.createTreeWalker(node, NodeFilter.SHOW_TEXT);
    for (let text; (text = walk.nextNode()) && found.length < 500;) {
      const low = text.data.toLowerCase();
      for (let at = low.indexOf(q); at >= 0; at = low.indexOf(q, at + q.length)) {
        const range = new Range(); range.setStart(text, at); range.setEnd(text, at + q.length);
        found.push(range); } }
    return found; };
  box.addEventListener('input', () => { const q = box.value.trim().toLowerCase();
    let here = 0, ranges = [];
    root.querySelectorAll('.rec').forEach(rec => {
      const said = rec.querySelector('.said'), hit = q && said.textContent.toLowerCase().includes(q);
      here += hit ? 1 : 0; rec.hidden = q && !hit;
      if (!q) return;
      rec.open = hit;
      rec.querySelectorAll('.fold').forEach(f => f.open = hit && f.textContent.toLowerCase().includes(q));
      if (hit && ranges.length < 5000)
        ranges = ranges.concat(...q.split(/\\s+/).map(part => marked(said, part))); });
    const holding = part => new Set(Object.keys(words).filter(w => w.includes(part)).flatMap(w => words[w]));
    const each = q && words ? q.split(/\\s+/).map(holding) : [new Set()];
    const names = others.filter((_, n) => each.every(some => some.has(n)));
    const more = `; not shown here, with these words: ${names.slice(0, 50).join(', ')}`;
    told.textContent = !q ? '' : `in ${here + names.length} of ${total} recordings` +
      (names.length ? more : '') + (names.length > 50 ? ', ...' : '');
    if (window.CSS && CSS.highlights) q ? CSS.highlights.set('medtx-found', new Highlight(...ranges))
      : CSS.highlights.delete('medtx-found'); });
})
"""


def as_html(alignment: "Alignment") -> str:
    """All recordings, those with the most errors first: errors marked, right words folded, search.

    Recordings are shown in full up to `LARGEST` characters; of the others the search has an index.
    """
    counts = alignment.counts
    errors = (counts["substitutions"] + counts["deletions"] + counts["insertions"]).sort_values(
        ascending=False, kind="stable"
    )
    recording = alignment.pairs["recording"].cat
    order = np.argsort(recording.codes.to_numpy(), kind="stable")
    ends = np.searchsorted(recording.codes.to_numpy()[order], np.arange(len(recording.categories) + 1))
    places = dict(zip(recording.categories.astype(str), map(slice, ends[:-1], ends[1:])))
    shown: list[str] = []
    size, words = 0, 0
    for name, wrong in errors.items():
        rows = alignment.pairs.iloc[order[places[str(name)]]]
        words += len(rows)
        said = _words(rows, hover=words <= HOVER)
        size += len(said)
        if size > LARGEST and shown:
            break
        head = f"<summary>{escape(str(name))}: {_rate(wrong, counts.loc[name, 'reference_words'])}</summary>"
        first = " open" if not shown else ""
        shown.append(f'<details class="rec"{first}>{head}<div class="said">{said}</div></details>')
    left = errors.iloc[len(shown) :]
    index = _index(alignment.pairs, list(map(str, left.index)))
    parts = [
        f'<div class="medtx-a"><style>{_STYLE}</style><p>{escape(repr(alignment)[1:-1])}</p>',
        '<p class="key">The words as they were recognised. <mark>heard</mark> [said]: substituted; '
        "<del>[&minus;said]</del>: deleted, it was not recognised; <ins>[+heard]</ins>: inserted, it was not "
        "said. Confidence on hover.</p>",
        '<p class="search"></p>',
        *shown,
        *_others(left, counts, index is not None),
    ]
    named = list(map(str, left.index)) if index else []
    told = json.dumps([named, index], separators=(",", ":"))
    data = told.replace("<", "\\u003c")
    script = f"{_SCRIPT.strip()}(document.currentScript.parentElement, {len(errors)}, ...{data})"
    return "\n".join([*parts, f"<script>{script}</script></div>"])


def _rate(wrong: int, words: int) -> str:
    rate = f"WER {wrong / words:.3f}, " if words else ""
    return f"{rate}{wrong:,} errors in {words:,} reference words"


def _others(left: pd.Series, counts: pd.DataFrame, searched: bool) -> list[str]:
    """What is told of recordings that are not shown in full."""
    if left.empty:
        return []
    search = "The search covers them, too." if searched else "They are too many for the search."
    lines = [
        f"<li>{escape(str(name))}: {_rate(wrong, counts.loc[name, 'reference_words'])}</li>"
        for name, wrong in left.head(NAMED).items()
    ]
    more = f"<li>and {len(left) - NAMED:,} more</li>" if len(left) > NAMED else ""
    return [
        f"<details><summary>{len(left):,} more recordings have fewer errors, and are not shown in full. "
        f"{search} <code>alignment.select(name)</code> shows one.</summary>"
        f"<ul>{''.join(lines)}{more}</ul></details>"
    ]


def _index(pairs: pd.DataFrame, names: list[str]) -> dict[str, list[int]] | None:
    """In which of these recordings each word is, by number; None where that is too much to carry."""
    codes = pd.Index(names).get_indexer(pairs["recording"].cat.categories.astype(str))
    number = codes[pairs["recording"].cat.codes.to_numpy()]
    held = []
    for side in ("reference", "hypothesis"):
        there = (number >= 0) & pairs[side].notna().to_numpy()
        held.append(pd.DataFrame({"word": pairs[side][there], "number": number[there]}))
    each = pd.concat(held).drop_duplicates()
    if 5 * len(each) > INDEX:
        return None
    found: dict[str, list[int]] = each.groupby("word")["number"].agg(list).to_dict()
    return found


def _words(rows: pd.DataFrame, hover: bool) -> str:
    """The words of a recording, each channel or voice by itself."""
    return "<br>".join(_of_part(part, hover) for _, part in rows.groupby("part", sort=False))


def _of_part(rows: pd.DataFrame, hover: bool) -> str:
    """Its words; long stretches of right ones folded."""
    found: list[str] = []
    right: list[str] = []
    for op, text in _marked(rows, hover):
        if op == "equal":
            right.append(text)
            continue
        found += _folded(right, AROUND if found else 0, AROUND)
        right.clear()
        found.append(text)
    found += _folded(right, AROUND if found else 0, 0)
    return " ".join(found)


def _folded(right: list[str], head: int, tail: int) -> list[str]:
    if len(right) <= head + tail + AROUND:
        return right.copy()
    upto = len(right) - tail
    hidden = right[head:upto]
    fold = f'<details class="fold"><summary>[{len(hidden)} right]</summary> {" ".join(hidden)}</details>'
    return [*right[:head], fold, *right[upto:]]


def _marked(rows: pd.DataFrame, hover: bool) -> Iterator[tuple[str, str]]:
    """Each position's operation and HTML. Signs say what elements say, for where these are lost."""
    columns = (rows[name].to_numpy(object) for name in ("op", "reference", "hypothesis", "confidence"))
    for op, said, heard, sure in zip(*columns):
        ref, hyp = (escape(text) if isinstance(text, str) else "" for text in (said, heard))
        title = f' title="confidence {sure:.2f}"' if sure == sure else ""
        if op == "equal":
            yield op, f"<span{title}>{hyp}</span>" if hover and title else hyp
        elif op == "substitute":
            yield op, f"<mark{title}>{hyp}</mark> [{ref}]"
        elif op == "delete":
            yield op, f"<del>[&minus;{ref}]</del>"
        else:
            yield op, f"<ins{title}>[+{hyp}]</ins>"


def as_text(alignment: "Alignment", recording: str, width: int) -> str:
    if recording not in alignment:
        raise no_recording(recording, alignment)
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
