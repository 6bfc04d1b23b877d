"""Writes changes into the spreadsheet they belong to, in a process of its own, with limits on memory and time.

The original is edited, so formats, widths, merged cells, comments, hidden rows and conditional formats stay
(``spreadsheets_edit.py``). What cannot be edited (xls, ods, a file too large or too odd) is written anew from its
values and merged cells. No cell of either begins a live formula.
"""

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime
from datetime import time as clock_time
from hashlib import sha256
from io import BytesIO
from pathlib import Path
from typing import Any

import xlsxwriter
from xlsxwriter.exceptions import XlsxWriterException

from app.domain.importing import CellError, Grid
from app.domain.text import Phrase
from app.services.spreadsheets import MEMORY

CHILD = Path(__file__).with_name("spreadsheets_edit.py")
SECONDS = 120
MAX_AREA = 20_000
"""Cells of one merged range from which on it is not merged again in a copy of values."""
LARGE = 1_000_000
"""Cells of a file from which on a copy of its values is written row by row, without its merged cells."""

COLORS = {"changed": "#CBEFD3", "question": "#FFE8B4", "error": "#F8C9C5"}
_WEAVE = 16  # xlsxwriter's number of the light upward pattern, for cells that were emptied


class _Kept:
    """Stands for the value that a cell has."""


KEEP = _Kept()


@dataclass(frozen=True, slots=True)
class CellEdit:
    """What becomes of one cell: another value (or ``KEEP``), a mark, a comment, the look of another cell (row,
    column)."""

    value: Any = KEEP
    mark: str | None = None
    comment: str | None = None
    like: tuple[int, int] | None = None


@dataclass(slots=True)
class SheetEdits:
    """Changes of one sheet. Rows and columns count from 0.

    ``rows`` and ``columns`` are insertions: before which line, how many, like which line, all as in the original.
    ``cells`` and new ``merges`` (top, left, bottom, right) stand where they are after the insertions.
    """

    rows: list[tuple[int, int, int]] = field(default_factory=list)
    columns: list[tuple[int, int, int]] = field(default_factory=list)
    cells: dict[tuple[int, int], CellEdit] = field(default_factory=dict)
    merges: list[tuple[int, int, int, int]] = field(default_factory=list)

    def __bool__(self) -> bool:
        return bool(self.rows or self.columns or self.cells)

    def insert(self, rows: Sequence[tuple[int, int, int]], columns: Sequence[tuple[int, int, int]]) -> None:
        """Insert lines; the cells so far stood where they are in the original and move along."""

        def there(place: tuple[int, int]) -> tuple[int, int]:
            return moved(place[0], rows), moved(place[1], columns)

        self.rows, self.columns = list(rows), list(columns)
        self.cells = {
            there(place): replace(cell, like=there(cell.like) if cell.like else None)
            for place, cell in self.cells.items()
        }


@dataclass(frozen=True, slots=True)
class Written:
    """A written file: its bytes, the end of its name, and sentences about what it does not hold."""

    data: bytes
    suffix: str
    notes: tuple[Phrase, ...] = ()

    @property
    def digest(self) -> str:
        """SHA-256 of the bytes, as the trail keeps it of everything that leaves the house."""
        return sha256(self.data).hexdigest()


_LEFT_OUT = {
    "macros": Phrase("The macros of the file are left out: a copy that we hand out runs nothing."),
    "links": Phrase("Links to other files are left out; web links stay."),
    "pivots": Phrase("Pivot tables are left out; their values stay."),
    "names": Phrase("Names that stand for formulas or other files are left out."),
    "encoding": Phrase("The copy is encoded in UTF-8, because the old encoding has no signs for the new texts."),
}
_WHY_VALUES = {
    "old": Phrase("This kind of file cannot be edited, so the copy is an .xlsx with its values and merged cells."),
    "large": Phrase("The file is too large to be edited, so the copy has its values and merged cells, not its looks."),
    "broken": Phrase("The file could not be edited, so the copy has its values and merged cells, not its looks."),
}


def write_into(
    data: bytes,
    name: str,
    grids: Sequence[Grid],
    edits: Mapping[str, SheetEdits],
    *,
    as_workbook: bool = False,
    memory: int = MEMORY,
    seconds: int = SECONDS,
) -> Written:
    """The file ``data`` with its cells changed as ``edits`` says, by name of the sheet; ``grids`` is what it holds.

    csv and tsv stay what they are unless ``as_workbook`` (they have no comments); everything else becomes xlsx.
    """
    kind = "workbook" if data.startswith(b"PK") else "ole" if data.startswith(b"\xd0\xcf\x11\xe0") else "text"
    if kind == "workbook" and data[30:200].startswith(b"mimetypeapplication/vnd.oasis"):
        kind = "ods"
    why = "old"
    if kind == "workbook" or (kind == "text" and not as_workbook):
        answer, edited = _edited(data, kind, edits, memory, seconds)
        if edited is not None:
            suffix = _text_suffix(name) if kind == "text" else "xlsx"
            return Written(edited, suffix, tuple(_LEFT_OUT[word] for word in answer["left_out"]))
        why = "large" if answer.get("refused") in ("large", "memory", "time") else "broken"
    notes = () if kind == "text" else (_WHY_VALUES[why],)
    return Written(write_values(grids, edits), "xlsx", notes)


def _text_suffix(name: str) -> str:
    suffix = Path(name).suffix.lower().lstrip(".")
    return suffix if suffix in ("csv", "tsv", "txt") else "csv"


def _edited(
    data: bytes, kind: str, edits: Mapping[str, SheetEdits], memory: int, seconds: int
) -> tuple[dict[str, Any], bytes | None]:
    with tempfile.TemporaryDirectory(prefix="qualgate-edit-") as place:
        folder = Path(place)
        source, request, result, target = (folder / part for part in ("source", "request", "result", "target"))
        source.write_bytes(data)
        wanted = {"path": str(source), "target": str(target), "kind": kind, "memory": memory, "seconds": seconds}
        wanted["sheets"] = {name: _as_json(one) for name, one in edits.items() if one}
        request.write_text(json.dumps(wanted), "utf-8")
        command = [sys.executable, "-I", str(CHILD), str(request), str(result)]
        environment = {"PATH": os.defpath, "LANG": "C.UTF-8"}
        try:
            subprocess.run(  # noqa: S603 - our own script
                command,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                env=environment,
                timeout=seconds,
                check=False,
            )
        except subprocess.TimeoutExpired:
            return {"refused": "time"}, None
        answer = json.loads(result.read_text("utf-8")) if result.exists() else {"refused": "memory"}
        return answer, target.read_bytes() if "left_out" in answer else None


def _as_json(edits: SheetEdits) -> dict[str, Any]:
    cells = [
        [row, column, cell.value is not KEEP, _tagged(cell.value), cell.mark, cell.comment, cell.like]
        for (row, column), cell in edits.cells.items()
    ]
    return {"rows": edits.rows, "columns": edits.columns, "cells": cells, "merges": edits.merges}


def _tagged(value: Any) -> Any:
    if value is KEEP:
        return None
    if isinstance(value, datetime):
        return ["t", value.isoformat()]
    if isinstance(value, date):
        return ["d", value.isoformat()]
    return value if value is None or isinstance(value, bool | int | float) else str(value)


# -- copies of values -------------------------------------------------------------------------------------------------


def write_values(grids: Sequence[Grid], edits: Mapping[str, SheetEdits]) -> bytes:
    """The bytes of a new workbook with the values and merged cells of ``grids``, changed as ``edits`` says."""
    target = BytesIO()
    large = sum(grid.height * grid.width for grid in grids) > LARGE
    options = {"strings_to_formulas": False, "strings_to_urls": False, "strings_to_numbers": False}
    options |= {"constant_memory": True} if large else {"in_memory": True}
    book = xlsxwriter.Workbook(target, {**options, "nan_inf_to_errors": True, "remove_timezone": True})
    writer = _Values(book, merges=not large)
    taken: set[str] = set()
    for grid in grids:
        writer.sheet(sheet_name(grid.name, taken), grid, edits.get(grid.name, SheetEdits()))
    book.close()
    return target.getvalue()


def sheet_name(name: str, taken: set[str]) -> str:
    """A name that Excel accepts and that is not taken yet."""
    cleaned = "".join("_" if sign in "[]:*?/\\" else sign for sign in name)[:31].strip("'") or "Sheet"
    base, number = cleaned, 2
    while cleaned.casefold() in taken:
        cleaned, number = f"{base[:28]} {number}", number + 1
    taken.add(cleaned.casefold())
    return cleaned


class _Values:
    """Writes sheets cell by cell."""

    def __init__(self, book: Any, *, merges: bool) -> None:
        self.book, self.merges = book, merges
        self.formats: dict[tuple[str | None, bool], Any] = {}

    def style(self, mark: str | None, day: bool) -> Any:
        """The format of a mark and of days."""
        if (mark, day) not in self.formats:
            look: dict[str, Any] = {"num_format": "yyyy-mm-dd"} if day else {}
            if mark in COLORS:
                look["bg_color"] = COLORS[mark]
            elif mark == "emptied":
                look.update(pattern=_WEAVE, fg_color="#B58900")
            self.formats[mark, day] = self.book.add_format(look)
        return self.formats[mark, day]

    def sheet(self, name: str, grid: Grid, edits: SheetEdits) -> None:
        """One sheet: merged cells, values, marks, comments, hidden rows."""
        sheet = self.book.add_worksheet(name)
        if not grid.visible and len(self.book.worksheets()) > 1:
            sheet.hide()
        rows, columns = _places(grid.height, edits.rows), _places(grid.width, edits.columns)
        if self.merges:
            self._merges(sheet, grid, rows, columns)
            for edges in edits.merges:
                sheet.merge_range(*edges, "")
        row_of, column_of = _back(rows), _back(columns)
        by_row: dict[int, dict[int, CellEdit]] = {}
        for (row, column), edit in edits.cells.items():
            by_row.setdefault(row, {})[column] = edit
        for row in sorted({*rows, *by_row}):
            line, changed = row_of.get(row, -1), by_row.get(row, {})
            if line in grid.hidden_rows:
                sheet.set_row(row, None, None, {"hidden": True})
            for column in sorted({*columns, *changed}):
                value = grid.value(line, column_of.get(column, -1))
                self._cell(sheet, (row, column), value, changed.get(column))

    def _cell(self, sheet: Any, place: tuple[int, int], value: Any, edit: CellEdit | None) -> None:
        if edit is None:
            if value is not None:
                self._write(sheet, place, value, None)
            return
        self._write(sheet, place, value if edit.value is KEEP else edit.value, edit.mark)
        if edit.comment:
            sheet.write_comment(*place, edit.comment[:1000], {"x_scale": 2, "y_scale": 1.5})

    def _merges(self, sheet: Any, grid: Grid, rows: list[int], columns: list[int]) -> None:
        for span in grid.merges:
            bottom, right = min(span.bottom, grid.height - 1), min(span.right, grid.width - 1)
            area = (bottom - span.top + 1) * (right - span.left + 1)
            if area < 2 or area > MAX_AREA or bottom < span.top or right < span.left:
                continue
            try:
                sheet.merge_range(rows[span.top], columns[span.left], rows[bottom], columns[right], "")
            except XlsxWriterException:
                continue  # overlapping ranges: the values stand, the second merge does not

    def _write(self, sheet: Any, place: tuple[int, int], value: Any, mark: str | None) -> None:
        row, column = place
        plain = self.style(mark, False) if mark else None
        if value is None:
            sheet.write_blank(row, column, None, plain)
        elif isinstance(value, CellError):
            sheet.write_string(row, column, str(value), plain)
        elif isinstance(value, bool):
            sheet.write_boolean(row, column, value, plain)
        elif isinstance(value, int | float):
            sheet.write_number(row, column, value, plain)
        elif isinstance(value, datetime | date):
            at = value if isinstance(value, datetime) else datetime.combine(value, clock_time())
            if at.year < 1900:
                sheet.write_string(row, column, at.date().isoformat(), plain)
            else:
                sheet.write_datetime(row, column, at, self.style(mark, True))
        else:
            sheet.write_string(row, column, str(value)[:32_000], plain)


def moved(line: int, inserts: Sequence[tuple[int, int, int]]) -> int:
    """Where a line of the original stands after the insertions."""
    return line + sum(count for at, count, _ in inserts if at <= line)


def _places(length: int, inserts: list[tuple[int, int, int]]) -> list[int]:
    places, shift, pending = [], 0, sorted(inserts, key=lambda insert: -insert[0])
    for line in range(length):
        while pending and pending[-1][0] <= line:
            shift += pending.pop()[1]
        places.append(line + shift)
    return places


def _back(places: list[int]) -> dict[int, int]:
    return {place: line for line, place in enumerate(places)}
