"""A report as an Excel workbook: one sheet per table and one that says how it came about. Never a formula."""

import io
import re
from datetime import date, datetime
from decimal import Decimal
from typing import Any

import xlsxwriter

from app.reports.tables import Printed, Section

WIDEST = 60
SAMPLE = 200
"""Rows that are looked at to choose the width of a column."""
LONGEST = 32_767
"""Characters that Excel takes in one cell."""


def write(printed: Printed, *, about: bool = True) -> bytes:
    """Return the workbook. Text is written as text, whatever it looks like (ASVS 1.2.10)."""
    out = io.BytesIO()
    options = {
        "constant_memory": True,
        "strings_to_formulas": False,
        "strings_to_urls": False,
        "strings_to_numbers": False,
        "default_date_format": "yyyy-mm-dd",
    }
    book = xlsxwriter.Workbook(out, options)
    book.set_properties({"title": printed.title, "author": printed.report.produced_by, "comments": printed.digest})
    names: set[str] = set()
    for section, source in zip(printed.sections, printed.report.sections, strict=True):
        _sheet(book, _free_name(section.title or printed.title, names), section, source)
    if about:
        _about(book, _free_name(printed.translate("About"), names), printed)
    book.close()
    return out.getvalue()


def _free_name(title: str, taken: set[str]) -> str:
    """Return a name that Excel takes for a sheet: at most 31 characters, none of ``[]:*?/\\``, not used before."""
    plain = re.sub(r"[\[\]:*?/\\']", " ", title).strip()[:31] or "Sheet"
    name, number = plain, 2
    while name.lower() in taken:
        name = f"{plain[:27]} {number}"
        number += 1
    taken.add(name.lower())
    return name


def _sheet(book: Any, name: str, section: Section, source: Section) -> None:
    sheet = book.add_worksheet(name)
    bold = book.add_format({"bold": True, "bottom": 1, "text_wrap": True, "valign": "top"})
    day = book.add_format({"num_format": "yyyy-mm-dd"})
    for number, column in enumerate(section.columns):
        longest = max((len(row[number]) for row in section.rows[:SAMPLE]), default=0)
        sheet.set_column(number, number, min(max(longest, len(column.title), 6) + 2, WIDEST))
        sheet.write_string(0, number, column.title, bold)
    sheet.freeze_panes(1, 1)
    if section.columns:
        sheet.autofilter(0, 0, max(len(section.rows), 1), len(section.columns) - 1)
    write_string = sheet.write_string
    for number, (texts, values) in enumerate(zip(section.rows, source.rows, strict=True), 1):
        for place, value in enumerate(values):
            if type(value) is str:
                if value:
                    write_string(number, place, value[:LONGEST])
            else:
                _cell(sheet, number, place, value, texts[place], day)


def _cell(sheet: Any, row: int, column: int, value: Any, text: str, day: Any) -> None:
    if value is None:
        return
    if isinstance(value, (int, float, Decimal)) and not isinstance(value, bool):
        sheet.write_number(row, column, value)
    elif isinstance(value, date) and not isinstance(value, datetime) and value.year >= 1901:
        sheet.write_datetime(row, column, value, day)
    else:
        sheet.write_string(row, column, text[:LONGEST])


def _about(book: Any, name: str, printed: Printed) -> None:
    sheet = book.add_worksheet(name)
    bold = book.add_format({"bold": True})
    sheet.set_column(0, 0, 24)
    sheet.set_column(1, 1, 80)
    sheet.write_string(0, 0, printed.title, bold)
    lines = [*printed.about, (printed.translate("SHA-256 of the content"), printed.digest)]
    for number, (label, value) in enumerate(lines, 2):
        sheet.write_string(number, 0, label, bold)
        sheet.write_string(number, 1, value)
