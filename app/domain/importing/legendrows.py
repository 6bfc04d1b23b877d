"""Rows under a matrix that explain its codes."""

from app.domain.importing.bodies import Body
from app.domain.importing.legend import pairs_in, read_pairs, understood
from app.domain.importing.lexis import CODE, EMPTY, MARK, SMALL, STATUS
from app.domain.importing.sheet import Sheet
from app.domain.importing.tables import Table


def other_kind(sheet: Sheet, table: Table, body: Body, row: int) -> bool:
    """Whether the key of a row is of another kind than the keys above: a code under names."""
    known = {sheet.kinds.at(good, table.key or 0) for good in body.rows[:200]}
    return sheet.kinds.at(row, table.key or 0) not in known


class LegendRows:
    """Recognizes the first row of a legend under a table."""

    def __init__(self, sheet: Sheet, table: Table, body: Body) -> None:
        self.sheet, self.table, self.body = sheet, table, body

    def found(self, row: int, gap: int, over: bool) -> bool:
        """A code and its description under the table, or the word "Legend" itself: the legend begins."""
        kinds = self.sheet.kinds.row(row)
        if not self.body.rows or len(kinds) - kinds.count(EMPTY) > 16:
            return False
        filled = self.sheet.filled(row)
        if not 0 < len(filled) <= 8:
            return False
        if len(filled) > 3:
            return self._pairs(row, filled, gap > 0 or over)
        first = self.sheet.text(row, filled[0])
        if self._pairs(row, filled, gap > 0 or over) or (
            gap and self.sheet.vocabulary.is_word("legend", first.rstrip(" :"))
        ):
            return True
        if len(filled) == 1:
            named = gap > 0 and self.sheet.vocabulary.is_word("legend", first.rstrip(" :"))
            return named or ("=" in first and any(read_pairs(first, self.sheet.vocabulary)))
        words = self.sheet.text(row, filled[1])
        if not (gap or over) or len(first.rstrip(" =:")) > 5 or len(words) <= 3:
            return False
        short = self.sheet.kinds.at(row, filled[0]) in (MARK, CODE, SMALL, STATUS) or other_kind(
            self.sheet, self.table, self.body, row
        )
        if (
            short
            and len(filled) == 2
            and other_kind(self.sheet, self.table, self.body, row)
            and self._body_code(row, filled[0])
        ):
            return True
        return short and understood(words.lstrip("= "), self.sheet.vocabulary)

    def _body_code(self, row: int, column: int) -> bool:
        """Whether a cell holds a code that stands in the rows of the matrix too."""
        code = self.sheet.grid.rows[row][column]
        return any(code in self.sheet.grid.rows[good] for good in self.body.rows[:60])

    def _pairs(self, row: int, filled: list[int], apart: bool) -> bool:
        """Whether the cells explain codes: ``0: not trained``, ``1: in training``."""
        good = pairs_in([self.sheet.grid.value(row, column) for column in filled], self.sheet.vocabulary)
        return good * 2 > len(filled) and (apart or good > 1)
