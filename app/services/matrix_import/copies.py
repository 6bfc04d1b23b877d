"""Excel copies of an imported workbook: with the findings marked, or with the matrix as it is recorded now (IMP-2,
IMP-4).

The copy is written anew from the values; nothing of the original file but its values and merged cells goes into it, so
no formula, macro or link of a stranger survives. Texts are written as texts: none becomes a live formula.
"""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from datetime import time as clock_time
from io import BytesIO
from typing import Any

import xlsxwriter
from sqlalchemy.orm import Session

from app.domain.dates import Calendar
from app.domain.importing import Grid, SheetReading, column_number
from app.domain.importing.vocabulary import normal
from app.services.matrix_import.changes import Codes, recorded_days, recorded_requirements
from app.services.matrix_import.matching import Matches
from app.services.matrix_import.recognizing import Recognized

RED, AMBER, GREEN = "#F8C9C4", "#FFE8B3", "#D5EFD8"


@dataclass(slots=True)
class Marks:
    """What to change in the copy of one sheet: other values, colors, comments, by cell (row, column from 0)."""

    values: dict[tuple[int, int], Any] = field(default_factory=dict)
    colors: dict[tuple[int, int], str] = field(default_factory=dict)
    comments: dict[tuple[int, int], str] = field(default_factory=dict)


def stream(data: bytes) -> BytesIO:
    """Bytes as a stream."""
    return BytesIO(data)


def write_copy(grids: list[Grid], marks: Mapping[str, Marks]) -> bytes:
    """The bytes of a workbook with the values of ``grids``, changed and marked as ``marks`` says, by name of the
    sheet."""
    target = BytesIO()
    options = {"in_memory": True, "strings_to_formulas": False, "strings_to_urls": False, "strings_to_numbers": False}
    book = xlsxwriter.Workbook(target, {**options, "nan_inf_to_errors": True, "remove_timezone": True})
    formats: dict[tuple[str | None, bool], Any] = {}

    def style(color: str | None, day: bool) -> Any:
        if (color, day) not in formats:
            look: dict[str, Any] = {"num_format": "yyyy-mm-dd"} if day else {}
            formats[color, day] = book.add_format({**look, **({"bg_color": color} if color else {})})
        return formats[color, day]

    for grid in grids:
        _write_sheet(book.add_worksheet(_sheet_name(grid.name)), grid, marks.get(grid.name, Marks()), style)
    book.close()
    return target.getvalue()


def _sheet_name(name: str) -> str:
    cleaned = "".join("_" if c in "[]:*?/\\" else c for c in name)[:31].strip("'")
    return cleaned or "Sheet"


def _write_sheet(sheet: Any, grid: Grid, marks: Marks, style: Any) -> None:
    for row in range(grid.height):
        for column in range(grid.width):
            place = (row, column)
            value = marks.values.get(place, grid.value(row, column))
            color = marks.colors.get(place)
            if value is not None or color:
                _write(sheet, row, column, value, color, style)
    for place, value in marks.values.items():
        if place[0] >= grid.height or place[1] >= grid.width:
            _write(sheet, *place, value, marks.colors.get(place), style)
    for (row, column), text in marks.comments.items():
        sheet.write_comment(row, column, text[:1000], {"x_scale": 2, "y_scale": 1.5})


def _write(sheet: Any, row: int, column: int, value: Any, color: str | None, style: Any) -> None:
    if value is None:
        sheet.write_blank(row, column, None, style(color, False))
    elif isinstance(value, bool):
        sheet.write_boolean(row, column, value, style(color, False))
    elif isinstance(value, int | float):
        sheet.write_number(row, column, value, style(color, False))
    elif isinstance(value, datetime | date):
        at = value if isinstance(value, datetime) else datetime.combine(value, clock_time())
        sheet.write_datetime(row, column, at, style(color, True))
    else:
        sheet.write_string(row, column, str(value)[:32_000], style(color, False))


def findings_copy(found: Recognized, matches: Matches) -> bytes:
    """A copy of the file in which every open question stands as a comment in its cell."""
    marks: dict[str, Marks] = {grid.name: Marks() for grid in found.grids}
    for question in [*found.reading.unresolved(), *matches.unresolved()]:
        if not question["cell"]:
            continue
        letters = question["cell"].rstrip("0123456789")
        place = (int(question["cell"][len(letters) :]) - 1, column_number(letters))
        sheet = marks.setdefault(question["sheet"], Marks())
        hint = f" Perhaps: {', '.join(question['suggestions'])}." if question["suggestions"] else ""
        sheet.comments[place] = question["problem"] + hint
        sheet.colors[place] = AMBER
    for reading in found.reading.sheets:
        _mark_cells(reading, marks.setdefault(reading.name, Marks()))
    return write_copy(found.grids, marks)


def _mark_cells(reading: SheetReading, marks: Marks) -> None:
    for fact in reading.facts():
        if fact.meaning in ("unknown", "error"):
            marks.colors.setdefault((fact.row, fact.column), RED)


def current_copy(session: Session, found: Recognized, matches: Matches, now: datetime, calendar: Calendar) -> bytes:
    """The workbook in its own layout with what is recorded now; changed cells are green. Reading it back changes
    nothing."""
    codes = Codes(
        {key: match.code for key, match in matches.people.items()},
        {key: match.code for key, match in matches.functions.items()},
        {key: match.code for key, match in matches.items.items()},
    )
    required = set(recorded_requirements(session, codes, now))
    latest: dict[tuple[str, str], date] = {}
    days = recorded_days(session, codes, calendar)
    for person, item, day in days:
        latest[person, item] = max(day, latest.get((person, item), day))
    marks: dict[str, Marks] = {}
    for reading in found.reading.sheets:
        sheet = marks.setdefault(reading.name, Marks())
        if reading.subject_kind == "role":
            _update_roles(reading, sheet, codes, required)
        elif reading.subject_kind == "person":
            _update_people(reading, sheet, codes, latest)
    return write_copy(found.grids, marks)


def _keys(reading: SheetReading) -> tuple[list[str], list[str]]:
    subjects = [normal(subject.key) or normal(subject.name) for subject in reading.subjects]
    return subjects, [normal(item.code or item.title or "") for item in reading.items]


def _update_roles(reading: SheetReading, marks: Marks, codes: Codes, required: set[tuple[str, str]]) -> None:
    facts = {(fact.row, fact.column): fact for fact in reading.facts()}
    used = Counter(fact.text for fact in facts.values() if fact.meaning == "required")
    sign = used.most_common(1)[0][0] if used else "X"
    subjects, items = _keys(reading)
    for place in reading.places():
        function, item = codes.functions.get(subjects[place.subject]), codes.items.get(items[place.item])
        if function is None or item is None:
            continue
        fact = facts.get((place.row, place.column))
        says = fact is not None and fact.meaning == "required"
        if says != ((function, item) in required):
            marks.values[place.row, place.column] = None if says else sign
            marks.colors[place.row, place.column] = GREEN


def _update_people(reading: SheetReading, marks: Marks, codes: Codes, latest: dict[tuple[str, str], date]) -> None:
    facts = {(fact.row, fact.column): fact for fact in reading.facts()}
    subjects, items = _keys(reading)
    for place in reading.places():
        if place.sub not in ("", "date"):
            continue
        person, item = codes.people.get(subjects[place.subject]), codes.items.get(items[place.item])
        day = latest.get((person, item)) if person and item else None
        fact = facts.get((place.row, place.column))
        if day is not None and (fact is None or (fact.day is not None and fact.day < day)):
            marks.values[place.row, place.column] = day
            marks.colors[place.row, place.column] = GREEN


def stock_copy(functions: list[tuple[str, str]], items: list[tuple[str, str]], required: set[tuple[str, str]]) -> bytes:
    """The matrix of job functions in a plain layout of our own: functions in rows, codes with titles in columns."""
    rows: list[list[Any]] = [["Job function", "Name", *[f"{code} {title}" for code, title in items]]]
    for code, name in functions:
        rows.append([code, name, *["X" if (code, item) in required else None for item, _ in items]])
    target = BytesIO()
    book = xlsxwriter.Workbook(target, {"in_memory": True, "strings_to_formulas": False, "strings_to_urls": False})
    sheet, bold = book.add_worksheet("Matrix"), book.add_format({"bold": True, "text_wrap": True})
    for number, row in enumerate(rows):
        for column, value in enumerate(row):
            if value is not None:
                sheet.write_string(number, column, str(value), bold if not number else None)
    sheet.freeze_panes(1, 2)
    book.close()
    return target.getvalue()
