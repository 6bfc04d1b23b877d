"""Our own layouts of the matrix: job functions × items, and people × items with days; read back as they were written.

A sheet named "Legend" explains the codes and names the layout, so that reading needs no guess.
"""

from datetime import date, datetime
from datetime import time as clock_time
from io import BytesIO
from typing import Any

import xlsxwriter
from sqlalchemy import select
from sqlalchemy.orm import Session

from app.domain.dates import FOREVER, Calendar
from app.domain.importing.stock import BESIDE, CODES, FIRST, LAYOUTS, LEGEND, MARK, MATRIX, TITLES
from app.models.documents import Item
from app.models.organization import Unit
from app.models.people import Employment, Person
from app.services.matrix_import.changes import Codes, recorded_days, recorded_requirements

__all__ = ["LAYOUTS", "stock_copy"]


def stock_copy(session: Session, layout: str, now: datetime, calendar: Calendar) -> bytes:
    """The matrix as recorded at ``now`` in one of ``LAYOUTS``, as the bytes of a workbook."""
    items = [(code, title) for code, title in session.execute(select(Item.code, Item.title).order_by(Item.code))]
    if layout == "functions":
        units = select(Unit.code, Unit.name).where(Unit.kind == "job_function").order_by(Unit.name, Unit.code)
        subjects = [(code, name) for code, name in session.execute(units)]
        codes = Codes({}, {code: code for code, _ in subjects}, {code: code for code, _ in items})
        cells: dict[tuple[str, str], Any] = dict.fromkeys(recorded_requirements(session, codes, now), "X")
    else:
        subjects = _employed(session, now)
        codes = Codes({number: number for number, _ in subjects}, {}, {code: code for code, _ in items})
        cells = {(person, item): day for person, item, day in sorted(recorded_days(session, codes, calendar))}
    return _write(layout, subjects, items, cells, calendar.day(now))


def _employed(session: Session, now: datetime) -> list[tuple[str, str]]:
    query = (
        select(Person.employee_no, Person.name)
        .join(Employment, Employment.person_id == Person.id)
        .where(Employment.voided_at == FOREVER, Employment.starts_at <= now, Employment.ends_at > now)
        .distinct()
        .order_by(Person.name, Person.employee_no)
    )
    return [(number, name) for number, name in session.execute(query)]


def _write(
    layout: str,
    subjects: list[tuple[str, str]],
    items: list[tuple[str, str]],
    cells: dict[tuple[str, str], Any],
    today: date,
) -> bytes:
    target = BytesIO()
    book = xlsxwriter.Workbook(
        target, {"constant_memory": True, "strings_to_formulas": False, "strings_to_urls": False}
    )
    sheet = book.add_worksheet(MATRIX)
    bold = book.add_format({"bold": True})
    head = book.add_format({"bold": True, "text_wrap": True, "valign": "top", "bg_color": "#EEF1F4", "border": 1})
    day = book.add_format({"num_format": "yyyy-mm-dd", "align": "center"})
    middle = book.add_format({"align": "center"})
    sheet.write_string(0, 0, f"Training matrix, as recorded on {today.isoformat()}", bold)
    first = ("Code", "Job function") if layout == "functions" else ("Employee no.", "Name")
    for row, part in ((CODES, 0), (TITLES, 1)):
        sheet.write_string(row, 0, first[0] if part else "", head)
        sheet.write_string(row, 1, first[1] if part else "", head)
        for column, item in enumerate(items, BESIDE):
            sheet.write_string(row, column, item[part], head)
    columns = {code: column for column, (code, _) in enumerate(items, BESIDE)}
    lines: dict[str, list[tuple[int, Any]]] = {}
    for (subject, code), value in cells.items():
        lines.setdefault(subject, []).append((columns[code], value))
    for row, (code, name) in enumerate(subjects, FIRST):
        sheet.write_string(row, 0, code)
        sheet.write_string(row, 1, name)
        for column, value in sorted(lines.get(code, ())):
            if isinstance(value, date):
                sheet.write_datetime(row, column, datetime.combine(value, clock_time()), day)
            else:
                sheet.write_string(row, column, value, middle)
    sheet.freeze_panes(FIRST, BESIDE)
    sheet.set_column(0, 0, 14)
    sheet.set_column(1, 1, 30)
    sheet.set_column(2, len(items) + 1, 14)
    _legend(book, layout, bold)
    book.close()
    return target.getvalue()


def _legend(book: Any, layout: str, bold: Any) -> None:
    sheet = book.add_worksheet(LEGEND)
    meaning = ("X", "Required") if layout == "functions" else ("Date", "Trained on this day, the last one")
    lines = [
        (f"{MARK} {layout}", ""),
        meaning,
        ("", "Empty: not required" if layout == "functions" else "Empty: no training recorded"),
        ("", "Change cells on the sheet Matrix and import the file: only what you changed will change."),
        ("", "Keep this sheet and the three rows of headings, so that no question is asked."),
    ]
    for row, (left, right) in enumerate(lines):
        sheet.write_string(row, 0, left, bold if row == 0 else None)
        sheet.write_string(row, 1, right)
    sheet.set_column(0, 0, 34)
    sheet.set_column(1, 1, 90)
