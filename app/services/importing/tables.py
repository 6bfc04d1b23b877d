"""Reads a table from a file: comma-separated text of any usual encoding, or one sheet of a workbook.

The first row names the columns. Every cell becomes text, so that both kinds of file are judged by the same rules:
whole numbers lose their decimal point, dates become ISO days.
"""

import csv
import hashlib
import io
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import date, datetime, time
from typing import Any

from charset_normalizer import from_bytes

from app.domain.errors import BadInput
from app.domain.importing.grid import column_letters

DELIMITERS = ",;\t|"
WESTERN_SIGNS = frozenset("’‘“”–—…€§°®™©·\u00a0¿¡«»½²³µ±")
MAX_ROWS = 2_000_000
"""More lines than this are refused: an import is checked as a whole before anything is written."""


@dataclass(slots=True)
class Table:
    """What a file says: ``rows`` are (row number as the spreadsheet shows it, cells as text)."""

    file: str
    sheet: str | None
    sha256: str
    data: bytes
    header: list[str]
    rows: list[tuple[int, list[str]]]
    broken: list[tuple[int, int, str]] = field(default_factory=list)
    """Cells that hold an error of the spreadsheet, such as #N/A: (row number, column from 0, error)."""
    guessed_encoding: str | None = None
    """The encoding of a text file that is not in Unicode, which can only be guessed."""

    def place(self, number: int, column: int | None = None) -> str:
        """Return where a row or cell is, in words: ``people.csv, cell C14`` or ``book.xlsx, sheet "2026", row 7``."""
        file = self.file if self.sheet is None else f'{self.file}, sheet "{self.sheet}"'
        return f"{file}, row {number}" if column is None else f"{file}, cell {column_letters(column)}{number}"


def table_from_rows(file: str, sheet: str | None, data: bytes, rows: Iterable[list[str]]) -> Table:
    """Return the table whose first non-empty row is the header. Empty rows are passed over but counted.

    Raises BadInput when there is no header, or a column name is missing or repeated.
    """
    numbered = ((number, cells) for number, cells in enumerate(rows, 1) if any(cells))
    first = next(numbered, None)
    if first is None:
        raise BadInput("%(file)s is empty. The first row must name the columns.", file=file)
    header = [name.strip().lower().lstrip("\ufeff") for name in first[1]]
    while header and not header[-1]:
        header.pop()
    table = Table(file, sheet, hashlib.sha256(data).hexdigest(), data, header, [])
    _check_header(table, first[0])
    width = len(header)
    for number, cells in numbered:
        if len(table.rows) >= MAX_ROWS:
            raise BadInput("%(file)s has more than %(limit)s rows. Split it.", file=file, limit=MAX_ROWS)
        if len(cells) != width:
            cells = _fitted(table, number, cells, width)
        table.rows.append((number, cells))
    return table


def _check_header(table: Table, number: int) -> None:
    for column, name in enumerate(table.header):
        if not name:
            raise BadInput("%(place)s: the column has no name.", place=table.place(number, column))
        if name in table.header[:column]:
            raise BadInput(
                "%(place)s: the column %(name)s is there twice.", place=table.place(number, column), name=name
            )


def _fitted(table: Table, number: int, cells: list[str], width: int) -> list[str]:
    extra = next((column for column in range(width, len(cells)) if cells[column]), None)
    if extra is not None:
        raise BadInput(
            "%(place)s: %(value)s stands beyond the last named column. Is a delimiter missing its quotes?",
            place=table.place(number, extra),
            value=cells[extra][:60],
        )
    return cells[:width] + [""] * (width - len(cells))


def read_csv(file: str, data: bytes) -> Table:
    """Return the table of a text file; encoding and delimiter are found out.

    Raises BadInput when the bytes are no text, or a row cannot be split into cells.
    """
    text, guessed = _decode(file, data)
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=_delimiter(text), strict=True)
    try:
        table = table_from_rows(file, None, data, (_stripped(cells) for cells in reader))
    except csv.Error as error:
        raise BadInput(
            "%(file)s, line %(line)s cannot be split into cells: %(error)s.",
            file=file,
            line=reader.line_num,
            error=str(error),
        ) from error
    table.guessed_encoding = guessed
    return table


def _stripped(cells: list[str]) -> list[str]:
    return [cell if cell[:1] != "'" else _unguarded(cell) for cell in map(str.strip, cells)]


def _unguarded(cell: str) -> str:
    """Return the text without the apostrophe that our exports put before ``= + - @`` (see reports.cells)."""
    return cell[1:] if len(cell) > 1 and cell[0] == "'" and cell[1] in "=+-@" else cell


def _decode(file: str, data: bytes) -> tuple[str, str | None]:
    """Return the text, and the name of its encoding when that was guessed: the legacy ones cannot be told for sure."""
    encoding = "utf-16" if data.startswith((b"\xff\xfe", b"\xfe\xff")) else "utf-8-sig"
    with suppress(UnicodeDecodeError):
        return _text_only(file, data.decode(encoding)), None
    if b"\0" in data[:4096]:
        raise BadInput("%(file)s is not a text file. Save the sheet as CSV or as an Excel workbook.", file=file)
    guess = _legacy_encoding(data)
    try:
        return data.decode(guess), guess
    except (UnicodeDecodeError, LookupError) as error:
        raise BadInput("%(file)s: its encoding cannot be told. Save it as UTF-8.", file=file) from error


def _legacy_encoding(data: bytes) -> str:
    """Return Western Windows unless it yields signs that stand in no name or title; else what the bytes look like."""
    with suppress(UnicodeDecodeError):
        beyond = {char for char in data.decode("cp1252") if ord(char) > 127}
        if all(char.isalpha() or char in WESTERN_SIGNS for char in beyond):
            return "cp1252"
    best = from_bytes(data[:1_000_000]).best()
    return best.encoding if best else "cp1252"


def _text_only(file: str, text: str) -> str:
    if "\0" in text:
        raise BadInput("%(file)s holds a zero byte and is no text file. Save it again as CSV.", file=file)
    return text


def _delimiter(text: str) -> str:
    """Return the delimiter that splits the header into the most names; a comma when there is only one column."""
    header = text.lstrip("\ufeff\r\n ").split("\n", 1)[0]
    return max(DELIMITERS, key=header.count)


def cell_text(value: Any) -> str:
    """Return a typed cell of a workbook as the text that the same cell of a CSV file would hold."""
    if value is None:
        return ""
    if isinstance(value, str):
        return value.strip()
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return str(int(value)) if value.is_integer() else repr(value)
    if isinstance(value, datetime):
        return value.date().isoformat() if value.time() == time() else value.isoformat()
    if isinstance(value, date):
        return value.isoformat()
    return str(value)
