"""Writes small workbooks for tests, as a company's spreadsheet program would."""

from collections.abc import Mapping, Sequence
from datetime import date, datetime
from io import BytesIO
from typing import Any

import xlsxwriter


def workbook(
    sheets: Mapping[str, Sequence[Sequence[Any]]],
    merges: Mapping[str, Sequence[tuple[int, int, int, int]]] | None = None,
) -> bytes:
    """The bytes of a workbook with these rows; dates become real dates, ``None`` and empty texts empty cells."""
    target = BytesIO()
    book = xlsxwriter.Workbook(target, {"in_memory": True, "strings_to_formulas": False})
    day = book.add_format({"num_format": "yyyy-mm-dd"})
    for name, rows in sheets.items():
        sheet = book.add_worksheet(name)
        for edges in (merges or {}).get(name, ()):
            sheet.merge_range(*edges, "")
        for number, row in enumerate(rows):
            for column, value in enumerate(row):
                if isinstance(value, date):
                    sheet.write_datetime(number, column, datetime(value.year, value.month, value.day), day)
                elif value not in (None, ""):
                    sheet.write(number, column, value)
    book.close()
    return target.getvalue()
