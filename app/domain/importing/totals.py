"""Lines that only sum up the matrix: counts, percentages, sums, averages; told by their numbers, whatever they are
called."""

from collections.abc import Sequence
from typing import Any

from app.domain.importing.lexis import EMPTY, ERROR, MEASURE, NUMBER, SMALL
from app.domain.importing.sheet import Sheet

_NUMERIC = (SMALL, NUMBER, ERROR, MEASURE)
_COUNTED = ("required", "not_required", "held", "not_started", "in_progress", "planned", "expired")
_DEEP = 80  # lines looked at; more tell nothing new


def numeric_share(kinds: bytes) -> float:
    """Which part of the filled cells are plain numbers."""
    filled = len(kinds) - kinds.count(EMPTY)
    return sum(kinds.count(kind) for kind in _NUMERIC) / filled if filled else 0.0


def total_columns(sheet: Sheet, top: int, columns: Sequence[int]) -> list[int]:
    """Columns at the right edge of a matrix that count or sum up the others."""
    columns = list(columns)
    found: list[int] = []
    while len(columns) > 2 and len(found) < 8:
        last, rest = columns[-1], columns[:-1]
        if not _sums_up(sheet, top, last, rest):
            break
        found.append(last)
        columns = rest
    return found


def _sums_up(sheet: Sheet, top: int, column: int, rest: list[int]) -> bool:
    kinds = sheet.kinds.column(column, top)
    if numeric_share(kinds) < 0.8 or len(kinds) - kinds.count(EMPTY) < 3:
        return False
    if _names_a_status(sheet, top - 1, column, rest):
        return True
    bodies = b"".join(sheet.kinds.column(c, top, top + _DEEP) for c in rest)
    rows = [r for r in range(top, min(sheet.height, top + _DEEP)) if sheet.kinds.at(r, column) in _NUMERIC]
    numbers = [sheet.grid.value(row, column) for row in rows]
    if numeric_share(bodies) <= 0.2:  # a row of totals is still among them
        return len(set(map(str, numbers))) > 1 and not set(map(str, numbers)) <= {"0", "1"}
    lines = [[sheet.grid.value(row, c) for c in rest] for row in rows]
    return len(rows) >= 4 and calculated(numbers, lines)


def _names_a_status(sheet: Sheet, header: int, column: int, rest: list[int]) -> bool:
    """Whether numbers stand under a status word, "Overdue" or "Completed": how many of a row's cells have it."""
    label = sheet.spread(header, column)
    detail = sheet.vocabulary.detail(label)
    return detail in _COUNTED and not any(sheet.spread(header, c) == label for c in rest)


def calculated(results: Sequence[Any], lines: Sequence[Sequence[Any]]) -> bool:
    """Whether every result follows from its line of numbers: as their sum or average, or as how many they are.

    Small numbers agree by chance, so that sums and averages must bring numbers that the lines do not hold.
    """
    pairs = [
        (float(result), [float(cell) for cell in line if _is_number(cell)])
        for result, line in zip(results, lines, strict=True)
        if _is_number(result)
    ]
    pairs = [(result, numbers) for result, numbers in pairs if numbers]
    if len(pairs) < 4 or len({result for result, _ in pairs}) < 2:
        return False
    held = {number for _, numbers in pairs for number in numbers}
    if sum(result in held for result, _ in pairs) > 0.5 * len(pairs):
        many = sum(len(numbers) for _, numbers in pairs) >= 4 * len(pairs)
        return many and all(result == len(numbers) for result, numbers in pairs)
    ways = [_ways(result, numbers, len(lines[0])) for result, numbers in pairs]
    return bool(set.intersection(*ways))


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _ways(result: float, numbers: list[float], length: int) -> set[str]:
    """The ways by which a result follows from a line of numbers."""
    values = {
        "sum": sum(numbers),
        "mean": sum(numbers) / len(numbers),
        "mean of all": sum(numbers) / length,
        "count": float(len(numbers)),
        "share": len(numbers) / length,
        "percent": 100 * len(numbers) / length,
    }
    return {name for name, value in values.items() if abs(result - value) <= (0.6 if name == "percent" else 0.06)}


def summing_rows(sheet: Sheet, columns: Sequence[int], rows: Sequence[int]) -> list[int]:
    """Rows of numbers among codes, or, in a matrix of numbers, rows at the end that follow from those above."""
    numeric = [row for row in rows if _all_numbers(sheet, row, columns)]
    if not numeric:
        return []
    summing = set(numeric)
    kinds = b"".join(_line(sheet, row, columns) for row in rows[:200] if row not in summing)
    if not any(kinds):
        return []  # nothing there to sum up
    if len(rows) - len(numeric) >= 2 and len(numeric) <= 1 + 0.2 * len(rows) and numeric_share(kinds) <= 0.05:
        return numeric
    return _following(sheet, columns, rows)


def _following(sheet: Sheet, columns: Sequence[int], rows: Sequence[int]) -> list[int]:
    found: list[int] = []
    value = sheet.grid.value
    while len(rows) - len(found) > 3 and len(found) < 6:
        last, above = rows[len(rows) - len(found) - 1], rows[: len(rows) - len(found) - 1][-400:]
        lines = [[value(row, c) for row in above] for c in columns[:40]]
        if not _all_numbers(sheet, last, columns) or not calculated([value(last, c) for c in columns[:40]], lines):
            break
        found.append(last)
    return found


def _all_numbers(sheet: Sheet, row: int, columns: Sequence[int]) -> bool:
    kinds = _line(sheet, row, columns)
    filled = len(kinds) - kinds.count(EMPTY)
    return filled >= max(2, 0.5 * len(kinds)) and numeric_share(kinds) == 1.0


def _line(sheet: Sheet, row: int, columns: Sequence[int]) -> bytes:
    """The kinds of a row within the matrix."""
    kinds = sheet.kinds.row(row)
    if columns[-1] - columns[0] + 1 == len(columns):
        return kinds[columns[0] : columns[-1] + 1]
    return bytes(kinds[c] for c in columns)
