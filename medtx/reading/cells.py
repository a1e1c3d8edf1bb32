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
            raise ReadError(
                source, f"expected {width} fields as in the first row, found {len(row.cells)}", f"line {row.line}"
            )
    return found


def _unquoted(lines: list[str], first: int) -> list[Row] | None:
    """Lines cut at tabs, if that gives equally many cells in each; quotes around whole columns are taken off."""
    found = [Row(n, line.split("\t")) for n, line in enumerate(lines[first:], first + 1) if line.strip()]
    if len({len(row.cells) for row in found}) != 1:
        return None
    columns = list(zip(*(row.cells for row in found)))
    bare = [cell for column in columns for cell in column if '"' in cell]
    kept_to = all(_QUOTED.fullmatch(cell) for cell in bare) and any('""' in cell[1:-1] for cell in bare)
    quoted = [kept_to or all(_QUOTED.fullmatch(cell) for cell in column[1:] or column) for column in columns]
    return [Row(row.line, [_bare(cell) if q else cell for cell, q in zip(row.cells, quoted)]) for row in found]


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
                _check_swallowed(lines[line - 1 : at], found[0], line, mark, source)
    except csv.Error:
        raise ReadError(source, "expected quotation marks in pairs, as CSV has them", f"line {at + 1}") from None
    finally:
        csv.field_size_limit(limit)
    return found


def _ended(lines: Iterable[str]) -> Iterable[str]:
    return (f"{line}\n" for line in lines)


def _check_swallowed(inside: list[str], header: Row, line: int, mark: str, source: str) -> None:
    """A quotation mark that is closed in a later row makes one row of several."""
    width = len(header.cells)
    if len(inside) > 1 and width > 1 and all(one.count(mark) == width - 1 for one in inside):
        tell(source, f"line {line}: a quoted field runs over {len(inside)} lines that look like rows each")
