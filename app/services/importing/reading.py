"""Turns an uploaded file into a table, whatever kind of file it is."""

from pathlib import PurePath

from app.domain.errors import BadInput
from app.domain.importing.grid import CellError
from app.services.importing.tables import Table, cell_text, read_csv, table_from_rows
from app.services.importing.working import Telling, no_telling
from app.services.memory import collector_paused
from app.services.spreadsheets import pick_sheet, read_bytes

BOOK_STARTS = (b"PK\x03\x04", b"\xd0\xcf\x11\xe0")
BOOK_SUFFIXES = frozenset({".xlsx", ".xlsm", ".xls", ".ods"})


@collector_paused()
def read_table(file: str, data: bytes, sheet: str | None = None, telling: Telling = no_telling) -> Table:
    """Return the table in a file; ``sheet`` names the sheet of a workbook, else the first one with cells is taken.

    What the file is, is told from its content. ``telling`` hears how many rows of how many are read.
    Raises BadInput with one sentence for anything that cannot be read.
    """
    if not data:
        raise BadInput("%(file)s is empty.", file=file)
    if data[:4] in BOOK_STARTS or PurePath(file).suffix.lower() in BOOK_SUFFIXES:
        return _book_table(file, data, sheet, telling)
    if sheet is not None:
        raise BadInput("%(file)s is a text file and has no sheets.", file=file)
    return read_csv(file, data)


def _book_table(file: str, data: bytes, sheet: str | None, telling: Telling) -> Table:
    """Return one sheet of a workbook as a table; the workbook is opened in a process of its own."""

    def tick(done: int, total: int) -> bool:
        telling("reading", done, total)
        return True

    grids = read_bytes(file, data, tick=tick)
    if sheet is not None:
        grid = pick_sheet(grids, sheet, file)[0]
    else:
        grid = next((one for one in grids if one.visible and one.rows), None) or grids[0]
    texts = [cell_text(value) for value in grid.values]
    broken = {number: str(value) for number, value in enumerate(grid.values) if isinstance(value, CellError)}
    table = table_from_rows(file, grid.name, data, ([texts[number] for number in row] for row in grid.rows))
    if broken:
        table.broken = [
            (line, column, broken[number])
            for line, row in enumerate(grid.rows, 1)
            for column, number in enumerate(row)
            if number in broken
        ]
    return table
