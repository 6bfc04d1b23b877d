"""Headings inside a body: rows that name a part of the list and hold no cells; and positions that nobody holds."""

from itertools import pairwise

from app.domain.importing.listed import PERSON_FIELDS, ListTable
from app.domain.importing.sheet import Sheet
from app.domain.importing.vocabulary import Vocabulary


def heads_the_rest(cells: list[int], width: int) -> bool:
    """Whether rows without cells head the rows below them, by the number of cells in every row that has a key.

    The first is one, two never stand together, and the other rows are well filled, narrow tables completely. Where rows
    are filled thinly, a row without cells is somebody who has nothing.
    """
    full = [number for number in cells if number]
    if len(full) < 3 or width < 2 or cells[0]:
        return False
    apart = all(above or below for above, below in pairwise(cells))
    return apart and bool(cells[-1]) and sum(full) >= (0.6 if width >= 4 else 1.0) * len(full) * width


def vacant(key: str, people: bool, vocabulary: Vocabulary) -> bool:
    """Whether a key names a position nobody holds: "Vacant", and among people also "Vacant (posted 11/2)"."""
    if vocabulary.is_word("placeholder", key):
        return True
    return people and (vocabulary.starts_word("placeholder", key) or vocabulary.has_word("placeholder", key))


def without_sections(sheet: Sheet, table: ListTable, rows: list[int]) -> list[int]:
    """The rows of a list without headings between them: texts alone in their row among rows that say more, merged
    across, in capitals, or heading the others."""
    if len(table.fields) < 3 or len(rows) < 3:
        return rows
    alone = {row: filled[0] for row in rows if len(filled := sheet.filled(row)) == 1}
    others = [row for row in rows if row not in alone]
    if not alone or len(others) < 2 or sum(len(sheet.filled(row)) > 2 for row in others) < 0.6 * len(others):
        return rows
    if any(table.fields.get(column) in PERSON_FIELDS for column in alone.values()):
        return rows
    cells = [0 if row in alone else len(table.fields) for row in rows]
    heading = heads_the_rest(cells, max(4, len(table.fields))) and all(row + 1 in rows for row in alone)
    first = {sheet.text(row, column) for column in set(alone.values()) for row in others}
    upper = sum(text.isupper() and len(text) > 5 for text in first) > 0.3 * len(first)
    sections = {
        row
        for row, column in alone.items()
        if heading or _across(sheet, row, column) or (sheet.text(row, column).isupper() and not upper)
    }
    return [row for row in rows if row not in sections]


def _across(sheet: Sheet, row: int, column: int) -> bool:
    span = sheet.merged(row, column)
    return span is not None and span.right - span.left >= 2
