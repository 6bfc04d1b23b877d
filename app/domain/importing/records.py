"""Tells rows that are plainly data from rows that could be the header."""

from itertools import pairwise

from app.domain.importing.lexis import (
    CODE,
    DATE,
    DATE_TEXT,
    EMPTY,
    IDENT,
    MARK,
    MEASURE,
    NUMBER,
    SERIAL,
    SMALL,
    STATUS,
)
from app.domain.importing.sheet import Sheet


def is_record(sheet: Sheet, row: int) -> bool:
    """Whether a row is plainly a row of data, of marks, days or the kinds of the row below: headers are words."""
    kinds = sheet.kinds.row(row)
    filled = len(kinds) - kinds.count(EMPTY)
    if _like_the_next(sheet, row):
        return True
    if filled < 6:
        return False
    if kinds.count(MARK) + kinds.count(DATE) + kinds.count(SERIAL) >= 0.6 * filled:
        days = [sheet.grid.value(row, c) for c, kind in enumerate(kinds) if kind == DATE]
        return len(days) < 5 or any(str(b) <= str(a) for a, b in pairwise(days))
    short = sum(kinds.count(kind) for kind in (MARK, CODE, SMALL, DATE_TEXT, STATUS))
    return short >= 0.7 * filled and len(set(sheet.grid.rows[row])) <= 0.4 * filled and not _names_fields(sheet, row)


def _like_the_next(sheet: Sheet, row: int) -> bool:
    """Whether a row holds the same kinds of cells as the row below it, dates and numbers among them: a record."""
    following = next((r for r in range(row + 1, min(row + 3, sheet.height)) if sheet.filled(r)), None)
    if following is None:
        return False
    here, below = sheet.kinds.row(row), sheet.kinds.row(following)
    all_filled = len(here) - here.count(EMPTY)
    filled = [c for c, kind in enumerate(here) if kind != EMPTY and below[c] != EMPTY]
    same = [here[c] for c in filled if here[c] == below[c]]
    if len(filled) < 0.6 * all_filled:
        return False
    telling = sum(kind in (DATE, DATE_TEXT, SERIAL, NUMBER, IDENT, MEASURE) for kind in same)
    telling += telling > 0 and STATUS in same
    return len(filled) >= 4 and len(same) >= 0.8 * len(filled) and telling >= 2 and telling < len(same)


def _names_fields(sheet: Sheet, row: int) -> bool:
    """Whether short words of a row are names of columns, as in repeated sub-headings."""
    texts = {sheet.text(row, column) for column in range(min(sheet.width, 12))}
    return sum(bool(sheet.vocabulary.field_names(text)) for text in texts if len(text) > 2) >= 2
