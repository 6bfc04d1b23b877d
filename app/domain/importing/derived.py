"""Rows and columns that are computed from the matrix: totals, averages, counts, percentages, differences, targets.

They are known by their words ("No. of people ≥ 2"), or by their numbers: a last row whose numbers are the sums, means
or counts of the cells above it is no person, in whatever language it is labelled.
"""

import re
from collections.abc import Callable, Sequence
from typing import Any

from app.domain.importing.lexis import (
    CODE,
    DATE,
    DATE_TEXT,
    EMPTY,
    ERROR,
    MARK,
    NUMBER,
    SERIAL,
    SMALL,
    STATUS,
    number_of,
)
from app.domain.importing.rows import Body
from app.domain.importing.sheet import Sheet
from app.domain.importing.tables import Table
from app.domain.importing.vocabulary import Vocabulary, normal

_SIGNS = re.compile(r"[≥≤Σ∑Øø⌀]\s?|[<>]\s?=?\s?\d|(?<!\d)(?<!\d\s)%|^#\s|\bn\s?=")
_NUMERIC = (SMALL, NUMBER, ERROR)
# Edges are looked at this far; nobody keeps more lines of totals than that.
_DEEP = 10
_MOST_ROWS = 400


def sums_up(text: str, vocabulary: Vocabulary) -> bool:
    """Whether a label says that its line counts, averages or compares the others."""
    if not text or len(text) > 60:
        return False
    if _SIGNS.search(text) or vocabulary.names_field(text, "total", "target_level"):
        return True
    return vocabulary.starts_word("summary", text) or vocabulary.ends_word("summary", text)


def trim_rows(sheet: Sheet, table: Table, body: Body) -> None:
    """Take computed rows at both ends out of the body; they become rows of the foot."""
    for row in reversed(body.rows[-_DEEP:]):
        if not _computed_row(sheet, table, body, row):
            if row != body.rows[-1] and not _speaks(sheet, table, row):
                break
            continue
        _to_foot(body, row)
    for row in body.rows[:2]:
        if len(body.rows) > 3 and _worded_row(sheet, table, body, row):
            _to_foot(body, row)


def _to_foot(body: Body, row: int) -> None:
    body.rows.remove(row)
    body.keys.pop(row, None)
    body.foot[row] = "total"


def _speaks(sheet: Sheet, table: Table, row: int) -> bool:
    return any(sheet.kinds.at(row, column) != EMPTY for column in table.columns)


def _worded_row(sheet: Sheet, table: Table, body: Body, row: int) -> bool:
    key = body.keys.get(row, "")
    return sums_up(key, sheet.vocabulary) and _numeric_share([sheet.kinds.at(row, c) for c in table.columns]) >= 0.8


def _computed_row(sheet: Sheet, table: Table, body: Body, row: int) -> bool:
    kinds = [sheet.kinds.at(row, column) for column in table.columns]
    if _numeric_share(kinds) < 0.8:
        return False
    if sums_up(body.keys.get(row, ""), sheet.vocabulary):
        return True
    above = [other for other in body.rows if other < row][-_MOST_ROWS:]
    lines = {c: [sheet.grid.value(other, c) for other in above] for c in table.columns[:60]}
    return _computed([(sheet.grid.value(row, c), line) for c, line in lines.items()])


def trim_columns(sheet: Sheet, table: Table, body: Body, rows: list[int]) -> None:
    """Take computed columns at the right and left edge out of the matrix; ``rows`` are the rows with the labels."""
    if len(table.columns) < 4 or len(body.rows) < 2:
        return
    for edge in (-1, 0):
        for _ in range(4):
            column = table.columns[edge]
            if len(table.columns) < 4 or not _computed_column(sheet, table, body, column, rows):
                break
            table.columns.remove(column)
            table.fields[column] = "total"


def _computed_column(sheet: Sheet, table: Table, body: Body, column: int, rows: list[int]) -> bool:
    sample = body.rows[:_MOST_ROWS]
    kinds = [sheet.kinds.at(row, column) for row in sample]
    filled = [kind for kind in kinds if kind != EMPTY]
    if not filled:
        return False
    others = [c for c in table.columns if c != column]
    texts = [text for row in rows if (text := sheet.spread(row, column))]
    numeric = _numeric_share(kinds) >= 0.8
    if any(sums_up(text, sheet.vocabulary) for text in texts[-2:]) and (
        numeric or _like(sheet, sample, others, filled)
    ):
        return True
    if _alone_dated(sheet, sample, others, filled):
        return True
    if not numeric:
        return False
    if _numeric_share([sheet.kinds.at(row, c) for row in sample for c in others[:30]]) < 0.1 and len(others) > 2:
        values = [number for row in sample if (number := number_of(sheet.grid.value(row, column))) is not None]
        if sum(number != int(number) for number in values) >= 0.4 * len(values):
            return True
    pairs = [(sheet.grid.value(row, column), [sheet.grid.value(row, c) for c in others]) for row in sample]
    return _computed(pairs[:60])


def _like(sheet: Sheet, rows: list[int], others: list[int], filled: list[int]) -> bool:
    """Whether a column of a total or target holds codes as the matrix does: "Required level: N3"."""
    return sum(kind in (CODE, SMALL, STATUS, MARK) for kind in filled) >= 0.8 * len(filled) and len(others) > 2


def _alone_dated(sheet: Sheet, rows: list[int], others: list[int], filled: list[int]) -> bool:
    """A column of dates beside columns without any, such as the day of the last update."""
    dates = (DATE, DATE_TEXT, SERIAL)
    if sum(kind in dates for kind in filled) < 0.8 * len(filled) or len(filled) < 2:
        return False
    around = [kind for row in rows for c in others if (kind := sheet.kinds.at(row, c)) != EMPTY]
    return len(others) > 2 and len(around) > 5 and sum(kind in dates for kind in around) < 0.02 * len(around)


def _numeric_share(kinds: Sequence[int]) -> float:
    filled = [kind for kind in kinds if kind != EMPTY]
    return sum(kind in _NUMERIC for kind in filled) / len(filled) if filled else 0.0


def _computed(pairs: list[tuple[Any, list[Any]]]) -> bool:
    """Whether the first of each pair is always the same function of the second: its sum, its mean, a count."""
    known = [(number, line) for value, line in pairs if (number := number_of(value)) is not None]
    known = [(number, line) for number, line in known if sum(value is not None for value in line) >= 3]
    if len(known) < 3 or len({number for number, _ in known}) < 2:
        return False
    return any(_fits(function, known) for function in _FUNCTIONS)


def _fits(function: Callable[[list[float], int], float], known: list[tuple[float, list[Any]]]) -> bool:
    wrong = 0
    for number, line in known:
        numbers = [n for value in line if (n := number_of(value)) is not None]
        filled = sum(value is not None and value != "" for value in line)
        wrong += abs(function(numbers, filled) - number) > 0.051
        if wrong > 0.1 * len(known):
            return False
    return True


def _count_from(least: int) -> Callable[[list[float], int], float]:
    return lambda numbers, filled: sum(n >= least for n in numbers)


_FUNCTIONS: tuple[Callable[[list[float], int], float], ...] = (
    lambda numbers, filled: sum(numbers) if numbers else -1,
    lambda numbers, filled: sum(numbers) / len(numbers) if numbers else -1,
    lambda numbers, filled: filled,
    *(_count_from(least) for least in (1, 2, 3, 4)),
)


def vacant(text: str, vocabulary: Vocabulary) -> bool:
    """Whether a name stands for nobody: ``Vacant``, ``Vacant (QC Analyst II)``, ``N.N.``"""
    bare = re.sub(r"\s*[(\[].*", "", normal(text)).strip(" -–:0123456789#")
    return vocabulary.is_word("placeholder", bare) and bare not in ("new hire", "spare", "placeholder")
