"""A table as text -> rows of cells with their lines. Quotes are CSV's only where they are kept to.

https://www.rfc-editor.org/rfc/rfc4180
"""

import csv
import re
from collections.abc import Iterable
from typing import NamedTuple

from medtx.errors import ReadError
from medtx.reading.told import tell


class Row(NamedTuple):
    line: int  # where it begins, from 1
    cells: list[str]


def rows(text: str, source: str) -> list[Row]:
    """Rows of equally many cells, whatever parts them: comma, semicolon or tab. Blank lines are none."""
    lines = re.split(r"\r\n|\r|\n", text)
    first = next((n for n, line in enumerate(lines) if line.strip()), 0)
    if re.fullmatch(r"sep=.", lines[first].strip()):  # Excel's
        mark, first = lines[first].strip()[-1], first + 1
    else:
        mark = max(",;\t", key=lines[first].count)
    found = _unquoted(lines, first) if mark == "\t" else None
    found = found or _quoted(lines, first, mark, source)
    width = len(found[0].cells) if found else 0
    for row in found:
        if len(row.cells) != width:
            problem = f"expected {width} fields as in the first row, found {len(row.cells)}"
            raise ReadError(source, problem, f"line {row.line}")
    return found


def _unquoted(lines: list[str], first: int) -> list[Row] | None:
    """Lines cut at tabs, if that gives equally many cells in each; without quotes around whole columns."""
    found = [Row(n, line.split("\t")) for n, line in enumerate(lines[first:], first + 1) if line.strip()]
    if len({len(row.cells) for row in found}) != 1:
        return None
    columns = list(zip(*(row.cells for row in found)))
    bare = [cell for column in columns for cell in column if '"' in cell]
    kept_to = all(_QUOTED.fullmatch(cell) for cell in bare) and any('""' in cell[1:-1] for cell in bare)
    quoted = [kept_to or all(_QUOTED.fullmatch(cell) for cell in column[1:] or column) for column in columns]
    return [
        Row(line, [_bare(cell) if bare else cell for cell, bare in zip(cells, quoted)])
        for line, cells in found
    ]


_QUOTED = re.compile(r'"(?:[^"]|"")*"')


def _bare(cell: str) -> str:
    return cell[1:-1].replace('""', '"') if _QUOTED.fullmatch(cell) else cell


def _quoted(lines: list[str], first: int, mark: str, source: str) -> list[Row]:
    """Rows by CSV's rules: a cell in quotes may hold the mark, and line ends."""
    limit = csv.field_size_limit(2**31 - 1)
    reader = csv.reader(_ended(lines[first:]), delimiter=mark, strict=True)
    found: list[Row] = []
    at = first
    try:
        for cells in reader:
            line, at = at + 1, first + reader.line_num
            if cells and not (len(cells) == 1 and not cells[0].strip()):
                found.append(Row(line, cells))
    except csv.Error:
        problem = "expected quotation marks in pairs, as CSV has them"
        raise ReadError(source, problem, f"line {at + 1}") from None
    finally:
        csv.field_size_limit(limit)
    if found:
        _check_swallowed(lines, found, mark, source)
    return found


def _ended(lines: Iterable[str]) -> Iterable[str]:
    return (f"{line}\n" for line in lines)


def _check_swallowed(lines: list[str], found: list[Row], mark: str, source: str) -> None:
    """A quotation mark that is closed in a later row makes one row of several."""
    width = len(found[0].cells)
    shapes = {_shape(row.cells[0]) for row in found[1:]}
    for row, after in zip(found, [*found[1:], Row(len(lines) + 1, [])]):
        inside = [line for line in lines[row.line - 1 : after.line - 1] if line.strip()]
        if len(inside) > 1 and width > 1 and all(one.count(mark) == width - 1 for one in inside):
            name = _shape(inside[1].partition(mark)[0])
            if name in shapes and not name.isalpha():
                problem = "a quotation mark is closed in a later row only: write it twice, or close it"
                raise ReadError(source, problem, f"line {row.line}")
            tell(source, f"line {row.line}: a quoted field runs over {len(inside)} lines that look like rows")


def _shape(name: str) -> str:
    """
    >>> _shape("visit12.wav")
    'a0.a'
    """
    return re.sub(r"\d+", "0", re.sub(r"[^\W\d_]+", "a", name.strip()))
