"""Rows and columns beside the matrix that say something about it: totals, averages, targets, differences, last updates.

They are known here by their words ("No. of people ≥ 2") and by cells of another kind than the matrix has; what the
numbers alone tell is in ``totals.py``.
"""

import re

from app.domain.importing.bodies import Body
from app.domain.importing.lexis import CODE, DATE, DATE_TEXT, EMPTY, MARK, NUMBER, SENTENCE, SERIAL, STATUS, number_of
from app.domain.importing.sheet import Sheet
from app.domain.importing.tables import Table
from app.domain.importing.totals import numeric_share, summing_rows
from app.domain.importing.vocabulary import Vocabulary, normal

_SIGNS = re.compile(r"[≥≤Σ∑Øø⌀]\s?|[<>]\s?=?\s?\d|(?<!\d)(?<!\d\s)%|^#\s|\bn\s?=|[(≥ ]\d\s?\+")
# Edges are looked at this far; nobody keeps more lines of totals than that.
_DEEP = 10
_SAMPLE = 100


def sums_up(text: str, vocabulary: Vocabulary) -> bool:
    """Whether a label says that its line counts, averages or compares the others."""
    if not text or len(text) > 60:
        return False
    if _SIGNS.search(text) or vocabulary.names_field(text, "total", "target_level"):
        return True
    return vocabulary.starts_word("summary", text) or vocabulary.ends_word("summary", text)


def trim_rows(sheet: Sheet, table: Table, body: Body) -> None:
    """Take notes at the end, and rows of totals, known by their numbers or their names, out of the body."""
    _trim_notes(sheet, table, body)
    _to_foot(body, set(summing_rows(sheet, table.columns, body.rows)))
    called: set[int] = set()
    for row in [*body.rows[-_DEEP:], *body.rows[:2]]:
        kinds = sheet.kinds.row(row)
        if sums_up(body.keys.get(row, ""), sheet.vocabulary):
            called |= {row} if numeric_share(bytes(kinds[c] for c in table.columns)) >= 0.8 else set()
    if len(called) < len(body.rows):
        _to_foot(body, called)


def _to_foot(body: Body, rows: set[int]) -> None:
    body.rows = [row for row in body.rows if row not in rows]
    for row in rows:
        body.keys.pop(row, None)
        body.foot[row] = "total"


def _trim_notes(sheet: Sheet, table: Table, body: Body) -> None:
    """Sentences at the end, without cells, after rows that name nobody, are notes."""
    while body.rows and body.odd and body.rows[-1] > body.odd[-1]:
        line = sheet.kinds.row(body.rows[-1])
        if any(line[column] != EMPTY for column in table.columns) or line[table.key or 0] != SENTENCE:
            break
        body.keys.pop(body.rows.pop())


def trim_columns(sheet: Sheet, table: Table, body: Body, rows: list[int]) -> None:
    """Take columns at both edges that are no part of the matrix out of it; ``rows`` are the rows with the labels."""
    for edge in (-1, 0):
        for _ in range(4):
            column = table.columns[edge]
            if len(table.columns) < 4 or len(body.rows) < 2 or not _beside(sheet, table, body, column, rows):
                break
            table.columns.remove(column)
            table.fields[column] = "total"


def _beside(sheet: Sheet, table: Table, body: Body, column: int, rows: list[int]) -> bool:
    lines = [sheet.kinds.row(row) for row in body.rows[:_SAMPLE]]
    mine = bytes(line[column] for line in lines)
    filled = len(mine) - mine.count(EMPTY)
    if not filled:
        return False
    numeric = numeric_share(mine) >= 0.8
    if any(_called(sheet, table, row, column) for row in rows[-2:]):
        return numeric or sum(mine.count(kind) for kind in (CODE, STATUS, MARK)) >= 0.8 * filled
    if not numeric and _dates(mine) < 0.8 * filled:
        return False
    others = b"".join(bytes(line[c] for c in table.columns if c != column) for line in lines)
    around = len(others) - others.count(EMPTY)
    if filled > 1 and around > 5 and _dates(mine) >= 0.8 * filled and _dates(others) < 0.02 * around:
        return True
    return NUMBER in mine and numeric_share(others) < 0.1 and _fractions(sheet, body, column) >= 0.4


def _called(sheet: Sheet, table: Table, row: int, column: int) -> bool:
    """Whether a label says that its column sums up, and no other column is called the same."""
    text = sheet.spread(row, column)
    if not sums_up(text, sheet.vocabulary):
        return False
    return all(sheet.spread(row, other) != text for other in table.columns if other != column)


def _dates(kinds: bytes) -> int:
    return sum(kinds.count(kind) for kind in (DATE, DATE_TEXT, SERIAL))


def _fractions(sheet: Sheet, body: Body, column: int) -> float:
    numbers = [n for row in body.rows[:_SAMPLE] if (n := number_of(sheet.grid.value(row, column))) is not None]
    return sum(number != int(number) for number in numbers) / max(1, len(numbers))


def nobody(text: str, vocabulary: Vocabulary) -> bool:
    """Whether a name stands for nobody: ``Vacant``, ``Vacant (QC Analyst II)``, ``N.N.``"""
    bare = re.sub(r"\s*[(\[].*", "", normal(text)).strip(" -–:0123456789#")
    return vocabulary.is_word("placeholder", bare) and bare not in ("new hire", "spare", "placeholder")
