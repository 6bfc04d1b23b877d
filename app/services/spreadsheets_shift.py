"""Makes room for new rows and columns in an opened workbook, and moves everything that lies behind them along.

The library that opens the workbook moves cells only; here merged ranges, heights and widths, conditional formats, data
validations, filters, tables, links, print areas and page breaks follow. Loaded by path in the editing process, so it
imports nothing of the application. Positions count from 1, as in that library.
"""

import re
from bisect import bisect_right
from copy import copy
from typing import Any

from openpyxl.cell.cell import MergedCell
from openpyxl.formatting.formatting import ConditionalFormattingList
from openpyxl.utils import column_index_from_string, get_column_letter, range_boundaries
from openpyxl.worksheet.cell_range import MultiCellRange
from openpyxl.worksheet.dimensions import ColumnDimension
from openpyxl.worksheet.merge import MergedCellRange

_REFERENCE = re.compile(r"(\$?)([A-Z]{1,3})(\$?)(\d{1,7})")


class Shift:
    """Insertions on one axis: ``(at, count, like)`` puts ``count`` lines before the line ``at``, looking like
    ``like``."""

    def __init__(self, inserts: list[tuple[int, int, int]]) -> None:
        self.inserts = sorted(inserts, key=lambda insert: insert[0])
        self.starts = [at for at, _, _ in self.inserts]
        self.sums = [0]
        for _, count, _ in self.inserts:
            self.sums.append(self.sums[-1] + count)

    def __bool__(self) -> bool:
        return bool(self.inserts)

    def moved(self, line: int) -> int:
        """Where a line of the original stands now."""
        return line + self.sums[bisect_right(self.starts, line)]

    def end(self, first: int, last: int) -> int:
        """Where a range of the body ends now: lines put right behind it belong to it."""
        if last <= first:
            return self.moved(last)
        return last + self.sums[bisect_right(self.starts, last + 1)]

    def new(self) -> list[tuple[int, int]]:
        """The new lines, each with the line (where it stands now) that it looks like."""
        lines = []
        for position, (at, count, like) in enumerate(self.inserts):
            first = at + self.sums[position]
            lines += [(first + number, self.moved(like)) for number in range(count)]
        return lines


class Mover:
    """Inserts rows and columns into one sheet."""

    def __init__(self, sheet: Any, rows: list[tuple[int, int, int]], columns: list[tuple[int, int, int]]) -> None:
        self.sheet, self.rows, self.columns = sheet, Shift(rows), Shift(columns)

    def run(self) -> None:
        """Move everything, then give the new lines the look of their neighbors."""
        if not self.rows and not self.columns:
            return
        self._ranges()
        self._cells()
        self._row_dimensions()
        self._column_dimensions()
        self._links()
        self._drawings()
        self._looks()

    def _reference(self, coord: str, body: bool = True) -> str:
        edges = range_boundaries(coord)
        if None in edges:
            return coord
        left, top, right, bottom = (edge or 1 for edge in edges)
        low = self.rows.end(top, bottom) if body else self.rows.moved(bottom)
        far = self.columns.end(left, right) if body else self.columns.moved(right)
        first = f"{get_column_letter(self.columns.moved(left))}{self.rows.moved(top)}"
        return first if (left, top) == (right, bottom) else f"{first}:{get_column_letter(far)}{low}"

    def _cells(self) -> None:
        moved = {}
        for cell in self.sheet._cells.values():
            cell.row, cell.column = self.rows.moved(cell.row), self.columns.moved(cell.column)
            moved[cell.row, cell.column] = cell
        self.sheet._cells = moved
        ranges = [self._reference(merged.coord, body=False) for merged in self.sheet.merged_cells.ranges]
        self.sheet.merged_cells = MultiCellRange([MergedCellRange(self.sheet, coord) for coord in ranges])

    def _ranges(self) -> None:
        sheet = self.sheet
        formats = ConditionalFormattingList()
        for entry in sheet.conditional_formatting:
            where = " ".join(self._reference(part.coord) for part in entry.sqref.ranges)
            for rule in entry.rules:
                formats.add(where, rule)
        sheet.conditional_formatting = formats
        for check in sheet.data_validations.dataValidation:
            check.sqref = MultiCellRange(" ".join(self._reference(part.coord) for part in check.sqref.ranges))
        if sheet.auto_filter.ref:
            sheet.auto_filter.ref = self._reference(sheet.auto_filter.ref)
        for name, table in list(sheet.tables.items()):
            left, _, right, _ = (edge or 1 for edge in range_boundaries(table.ref))
            if any(left < at <= right for at in self.columns.starts):
                del sheet.tables[name]  # a table names each of its columns; without it the cells stay as they are
                continue
            table.ref = self._reference(table.ref)
            if self.columns.end(left, right) != self.columns.moved(right):
                table.ref = self._reference(table.ref, body=False)
            if table.autoFilter is not None:
                table.autoFilter.ref = table.ref
        self._printing()

    def _printing(self) -> None:
        for holder in (self.sheet.defined_names, self.sheet.parent.defined_names):
            for name in holder.values():
                text = str(name.attr_text or "")
                own = holder is self.sheet.defined_names or text.replace("'", "").startswith(f"{self.sheet.title}!")
                if own and text.count("!") == 1:
                    head, _, where = text.rpartition("!")
                    name.attr_text = f"{head}!{_REFERENCE.sub(self._token, where)}"
        for breaks, shift in ((self.sheet.row_breaks.brk, self.rows), (self.sheet.col_breaks.brk, self.columns)):
            for one in breaks:
                one.id = shift.moved(one.id)

    def _token(self, match: "re.Match[str]") -> str:
        column = get_column_letter(self.columns.moved(column_index_from_string(match[2])))
        return f"{match[1]}{column}{match[3]}{self.rows.moved(int(match[4]))}"

    def _row_dimensions(self) -> None:
        if not self.rows:
            return
        known = sorted(self.sheet.row_dimensions.items())
        for line, _ in known:
            del self.sheet.row_dimensions[line]
        for line, dimension in known:
            dimension.index = self.rows.moved(line)
            self.sheet.row_dimensions[dimension.index] = dimension
        for line, like in self.rows.new():
            if like in self.sheet.row_dimensions:
                self.sheet.row_dimensions[line].height = self.sheet.row_dimensions[like].height

    def _column_dimensions(self) -> None:
        if not self.columns:
            return
        dimensions = self.sheet.column_dimensions
        known = [dimensions.pop(letter) for letter in list(dimensions)]
        for one in known:
            first = one.min or column_index_from_string(one.index)
            last = one.max or first
            one.min, one.max = self.columns.moved(first), self.columns.end(first, last)
            one.index = get_column_letter(one.min)
            dimensions[one.index] = one
        for line, like in self.columns.new():
            model = next((one for one in known if one.min <= like <= one.max), None)
            if model is not None and not model.min <= line <= model.max:
                letter = get_column_letter(line)
                dimensions[letter] = ColumnDimension(self.sheet, index=letter, width=model.width, customWidth=True)

    def _links(self) -> None:
        for cell in self.sheet._cells.values():
            if not isinstance(cell, MergedCell) and cell.hyperlink is not None:
                cell.hyperlink.ref = cell.coordinate

    def _drawings(self) -> None:
        for drawing in [*self.sheet._charts, *self.sheet._images]:
            for corner in (getattr(drawing.anchor, "_from", None), getattr(drawing.anchor, "to", None)):
                if corner is not None:
                    corner.row = self.rows.moved(corner.row + 1) - 1
                    corner.col = self.columns.moved(corner.col + 1) - 1

    def _looks(self) -> None:
        """New columns first, so that new rows take over their look too."""
        for shift, by_row in ((self.columns, False), (self.rows, True)):
            wanted: dict[int, list[int]] = {}
            for line, like in shift.new():
                wanted.setdefault(like, []).append(line)
            if not wanted:
                continue
            for (row, column), cell in list(self.sheet._cells.items()):
                for line in wanted.get(row if by_row else column, ()):
                    place = (line, column) if by_row else (row, line)
                    if isinstance(cell, MergedCell) or place in self.sheet._cells or not cell.has_style:
                        continue
                    self.sheet.cell(*place)._style = copy(cell._style)
