"""Finds the table on a sheet: the header row, the columns of its body, the column that names its rows.

Every row near the top is tried as header. For each, the columns below it are judged by what they hold; the header that
explains most of the sheet's cells, with distinct labels over them and names beside them, wins. Nothing here knows yet
whether people stand in rows or in columns.
"""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field

from app.domain.importing.beside import named_by_content
from app.domain.importing.columns import body_columns, is_body, marked
from app.domain.importing.lexis import (
    CELLISH,
    CODE,
    DATE,
    DATE_TEXT,
    EMPTY,
    IDENT,
    ITEM_CODE,
    LABEL,
    LABELISH,
    MARK,
    MEASURE,
    NAME,
    NUMBER,
    OTHER,
    SERIAL,
    SMALL,
    STATUS,
    YEAR,
)
from app.domain.importing.records import is_record
from app.domain.importing.sheet import Sheet
from app.domain.importing.subheadings import labelled_above, rhythm, with_subs
from app.domain.importing.totals import total_columns
from app.domain.importing.vocabulary import normal

# How far down a header row may stand. Title blocks of thirteen rows exist; forty leaves room.
DEEPEST_HEADER = 45
# Columns with these names describe a row; they are no part of the matrix.
ATTRIBUTES = (
    "employee_no",
    "login",
    "email",
    "initials",
    "department",
    "site",
    "shift",
    "category",
    "grade",
    "contract",
    "supervisor",
    "hire_date",
    "comment",
    "total",
    "sequence",
    "hours",
    "validity",
    "version",
    "effective",
    "days",
    "first_name",
    "last_name",
    "role",
    "user_group",
    "item_code",
    "item_title",
    "person",
    "item",
    "required",
    "signature",
    "date",
    "expiry",
    "status",
    "score",
    "level",
    "target_level",
    "trainer",
    "planned",
    "owner",
)
KEY_WORTH = {
    "person": 5,
    "item_title": 4,
    "item": 4,
    "role": 4,
    "last_name": 4,
    "login": 2,
    "employee_no": 1.5,
    "item_code": 2.5,
    "initials": 1.5,
    "email": 1,
    "first_name": 2,
    "user_group": 2,
    "department": 0.5,
    "category": -1,
    "sequence": -3,
    "supervisor": -4,
    "owner": -4,
    "comment": -4,
    "total": -4,
    "trainer": -4,
    "site": -1,
    "hours": -4,
    "validity": -4,
    "version": -4,
    "contract": -3,
    "grade": -3,
    "shift": -3,
    "hire_date": -4,
    "signature": -4,
    "status": -3,
    "effective": -4,
}


@dataclass(slots=True)
class Table:
    """A header row with the columns under it. Columns of the body are in ``columns``; ``fields`` names the others."""

    header: int
    columns: list[int]
    key: int | None
    fields: dict[int, str] = field(default_factory=dict)
    score: float = 0.0
    coverage: float = 0.0
    quality: float = 0.0


def find_table(sheet: Sheet) -> Table | None:
    """The best table on the sheet, or ``None`` when no row works as a header."""
    if sheet.choices.get("header_row"):
        return judge_header(sheet, int(sheet.choices["header_row"]) - 1, _Prefix(sheet))
    prefix = _Prefix(sheet)
    best: Table | None = None
    for row in prefix.rows:
        if is_record(sheet, row):
            continue
        table = judge_header(sheet, row, prefix)
        if table and (best is None or table.score > best.score * (1.0 if table.header < best.header else 1.02)):
            best = table
    return best


def judge_row(sheet: Sheet, row: int) -> Table | None:
    """The table under a row that is known to be the header."""
    return judge_header(sheet, row, _Prefix(sheet))


class _Prefix:
    """Counts of the classes in every column, from each of the upper rows down to the end, without counting twice."""

    def __init__(self, sheet: Sheet) -> None:
        self.sheet = sheet
        filled = [row for row in range(min(sheet.height, 400)) if sheet.filled(row)]
        self.rows = [row for row in filled[:DEEPEST_HEADER] if len(sheet.filled(row)) >= 2]
        self.totals = [sheet.column_profile(column, 0) for column in range(sheet.width)]
        self.cellish = sum(cell for cell, _, _ in self.totals)
        self.body_kinds = sheet.kinds.classes.count(CELLISH) + _other_body(sheet)

    def below(self, column: int, row: int) -> tuple[int, int, int]:
        above = self.sheet.kinds.column_classes(column, 0, row + 1)
        cell, label, other = self.totals[column]
        return cell - above.count(CELLISH), label - above.count(LABELISH), other - above.count(OTHER)


def _other_body(sheet: Sheet) -> int:
    """Numbers too large for levels, and measures: possible in a body, so they count a little."""
    flat = sheet.kinds.flat
    return (flat.count(NUMBER) + flat.count(MEASURE) + flat.count(YEAR)) // 2


def judge_header(sheet: Sheet, row: int, prefix: _Prefix) -> Table | None:
    """How well a row works as the header."""
    filled = sheet.filled(row)
    labels = {column: sheet.spread(row, column) for column in range(sheet.width)}
    labels = with_subs(sheet, row, {column: text for column, text in labels.items() if text})
    repeats = Counter(normal(text) for text in labels.values())
    fields = column_fields(sheet, labels, repeats)
    fields = {c: name for c, name in fields.items() if not _among_initials(c, labels, fields)}
    _add_named(sheet, row, labels, fields)
    _release_marked(sheet, row, labels, fields)
    profiles = {column: prefix.below(column, row) for column in range(sheet.width)}
    _discount_repeats(sheet, row, labels, profiles)
    key = choose_key(sheet, row, fields, profiles, labels)
    columns = body_columns(sheet, row, key, fields, profiles, labels)
    if not columns or not filled:
        return None
    explained = sum(profiles[c][0] + profiles[c][2] for c in columns)
    coverage = explained / max(1, prefix.body_kinds)
    quality = _header_quality(sheet, row, columns, labels)
    table = Table(
        row, columns, key, {c: f for c, f in fields.items() if c not in columns}, 0.0, min(1.0, coverage), quality
    )
    table.score = (
        (0.15 + min(1.0, coverage)) * quality * (1.0 if key is not None else 0.55) * _width_worth(len(columns))
    )
    return table


def _release_marked(sheet: Sheet, row: int, labels: dict[int, str], fields: dict[int, str]) -> None:
    """Give columns back to the matrix that hold its codes, one after the other: each brings the codes that it has."""
    while True:
        unnamed = [c for c in labels if c not in fields]
        named = [c for c, name in fields.items() if name not in ("total", "version")]
        found = [c for c in named if marked(sheet, c, row, unnamed)]
        if not found:
            return
        for column in found:
            del fields[column]


def _among_initials(column: int, labels: dict[int, str], fields: dict[int, str]) -> bool:
    """Whether a short name of a column stands between initials of people: "LP" is a running number in one language."""
    around = [labels.get(column + step, "") for step in (-1, 0, 1)]
    short = all(1 < len(text) <= 3 and text.isupper() for text in around)
    return short and column - 1 not in fields and column + 1 not in fields


def _add_named(sheet: Sheet, row: int, labels: dict[int, str], fields: dict[int, str]) -> None:
    """A column full of different names holds people, whatever its header says: "Operator", "Chef de ligne"."""
    if any(fields.get(c) in ("person", "last_name", "login") for c in fields):
        return
    for column in range(min(8, sheet.width)):
        if column in fields or column not in labels:
            continue
        kinds = sheet.kinds.column(column, row + 1, row + 200)
        if kinds.count(NAME) >= max(3, 0.6 * (len(kinds) - kinds.count(EMPTY))):
            fields[column] = "person"
            return


def _discount_repeats(
    sheet: Sheet, row: int, labels: dict[int, str], profiles: dict[int, tuple[int, int, int]]
) -> None:
    """Leave the labels of headers that are repeated further down out of the counts of their columns."""
    header = sheet.grid.rows[row]
    repeated = [c for c in labels if header[c] and sheet.kinds.counts[header[c]] > 1 and profiles[c][1]]
    for column in repeated if len(repeated) * 2 >= len(labels) else []:
        again = sum(line[column] == header[column] for line in sheet.grid.rows[row + 1 :])
        cell, label, other = profiles[column]
        profiles[column] = (cell, max(0, label - again), other)


def _width_worth(columns: int) -> float:
    """One column is hardly a matrix; six are as good as sixty."""
    return 0.12 if columns == 1 else min(1.0, 0.5 + columns / 6)


def column_fields(sheet: Sheet, labels: dict[int, str], repeats: Counter[str]) -> dict[int, str]:
    """Columns whose header, standing once in its row, names a known attribute."""
    fields: dict[int, str] = {}
    for column, text in labels.items():
        names = sheet.vocabulary.field_names(text)
        if names and repeats[normal(text)] <= 1:
            if names >= {"person", "employee_no"} and sheet.kinds.column(column).count(NAME) > 1:
                fields[column] = "person"
                continue
            for name in ATTRIBUTES:
                if name in names:
                    fields[column] = name
                    break
    return fields


def enrich(sheet: Sheet, table: Table, rows: list[int], first_data: int) -> None:
    """Once all label rows are known: name the columns beside the matrix by them, and choose the key column again."""
    for column in total_columns(sheet, first_data, table.columns):
        table.columns.remove(column)
        table.fields[column] = "total"
    _add_empty_columns(sheet, table, rows, first_data)
    body = set(table.columns)
    labels: dict[int, str] = {}
    ordered = sorted(rows, reverse=True)
    own = len(ordered) > 1 and not any(sheet.text(ordered[0], column) for column in body)
    for row in ordered:
        for column in range(sheet.width):
            text = sheet.spread(row, column)
            if column in body or not text or column in labels:
                continue
            if sheet.vocabulary.field_names(text) or (own and row == ordered[0]):
                labels[column] = text
    fields = column_fields(sheet, labels, Counter(normal(text) for text in labels.values()))
    renamed = {column for column in labels if own and sheet.spread(ordered[0], column)}
    table.fields = {**{c: f for c, f in table.fields.items() if c not in body | renamed}, **fields}
    profiles = {column: sheet.column_profile(column, first_data) for column in range(sheet.width)}
    key = choose_key(sheet, first_data - 1, table.fields, profiles, {c: "x" for c in body})
    if key is not None and key < table.columns[0]:
        table.key = key
    table.fields.update(named_by_content(sheet, table.key, table.columns[0], table.fields, first_data))


def _add_empty_columns(sheet: Sheet, table: Table, rows: list[int], first_data: int) -> None:
    """Columns that a label row names and nobody has filled in belong to the matrix, inside it and right behind it."""
    for column in range(table.columns[0] + 1, sheet.width):
        if column in table.columns or column in table.fields:
            continue
        labelled = sum(sheet.is_label(row, column) for row in rows)
        if labelled * 2 > len(rows) - 1 and labelled and not any(sheet.column_profile(column, first_data)):
            table.columns.append(column)
        elif column > max(table.columns):
            break
    table.columns.sort()


def choose_key(
    sheet: Sheet, row: int, fields: dict[int, str], profiles: dict[int, tuple[int, int, int]], labels: dict[int, str]
) -> int | None:
    """The column that names the rows: text, distinct, filled, near the left, with a telling header if there is one."""
    chosen = sheet.choices.get("key_column")
    if chosen is not None:
        return int(chosen)
    rows = [r for r in range(row + 1, min(sheet.height, row + 400)) if any(sheet.kinds.row(r))][:150]
    best, best_worth = None, 0.9
    first_body = next(
        (c for c in range(sheet.width) if is_body(profiles[c]) and c not in fields and c in labels), sheet.width
    )
    for column in range(min(sheet.width, 30)):
        worth = _key_worth(sheet, column, rows, profiles[column], fields.get(column), column <= first_body)
        if column > first_body + 1 and any(not any(profiles[c]) for c in range(first_body + 1, column)):
            worth -= 3.0  # behind a gap: another list
        if worth > best_worth + (0.01 if best is None else 0.05):
            best, best_worth = column, worth
    return _fuller(sheet, rows, best, range((best or 0) + 1, first_body), fields) if best is not None else None


def _fuller(sheet: Sheet, rows: list[int], best: int, others: Iterable[int], fields: dict[int, str]) -> int:
    """The key, or a column right of it that names far more rows: then the first names groups, where they begin."""
    filled = sum(sheet.distinct(best, rows).values())
    for column in others:
        texts = sheet.distinct(column, rows)
        words = sum(sheet.kinds.at(row, column) in (LABEL, NAME) for row in rows)
        number = sum(texts.values())
        named = KEY_WORTH.get(fields.get(column, ""), 0.0)
        if number >= 1.4 * filled and words >= 0.8 * number and len(texts) >= 0.9 * number and named >= 0:
            return column
    return best


def _key_worth(
    sheet: Sheet, column: int, rows: list[int], profile: tuple[int, int, int], name: str | None, left: bool
) -> float:
    cell, label, other = profile
    texts = sheet.distinct(column, rows)
    filled = sum(texts.values())
    if not filled or not rows:
        return 0.0
    kinds = Counter(sheet.kinds.at(row, column) for row in rows)
    idents = kinds[IDENT] + kinds[ITEM_CODE] + kinds[NUMBER]
    if name in ("item", "role", "user_group") and idents >= 0.6 * filled:
        name = "item_code"
    textual = min(1.0, (label + idents * 0.5) / max(1, cell + label + other))
    if left and filled > 3 and kinds[CODE] >= 0.8 * filled and len(texts) == filled:
        textual = max(textual, 0.7)  # initials, each once
    if name not in ("person", "role", "item", "item_title", "employee_no", "item_code", "login", "initials"):
        if textual < 0.5:
            return 0.0
    elif textual < 0.5 and len(texts) < 0.9 * filled:
        return 0.0
    unique = len(texts) / filled
    share = filled / len(rows)
    worth = 1.2 * textual + 1.5 * unique + 1.2 * min(1.0, share) + (0.8 if left else -1.0) - 0.02 * column
    worth += 0.9 * kinds[NAME] / max(1, filled)
    return worth + (KEY_WORTH.get(name, 0.0) * 0.5 if name else 0.0)


def _header_quality(sheet: Sheet, row: int, columns: list[int], labels: dict[int, str]) -> float:
    """Labels rather than marks, distinct, over all columns."""
    good = sum(_label_grade(sheet, row, column) for column in columns)
    names = [normal(labels[column]) for column in columns if column in labels]
    own = [c for c in columns if (span := sheet.merged(row, c)) is None or span.left == c or span.top != row]
    distinct = len(set(names)) / max(1, len(names))
    if distinct <= 0.5 and rhythm(sheet, row, columns) and labelled_above(sheet, row, columns) is not None:
        distinct = 0.97
    return (good / len(columns)) * (0.35 + 0.65 * distinct) * (0.4 + 0.6 * len(own) / len(columns))


def _label_grade(sheet: Sheet, row: int, column: int) -> float:
    span = sheet.merged(row, column)
    kind = sheet.kinds.at(span.top, span.left) if span else sheet.kinds.at(row, column)
    if span or sheet.is_label(row, column):
        return 1.0
    if kind in (CODE, YEAR, NUMBER):
        return 0.75
    if kind in (SMALL, MEASURE, DATE, DATE_TEXT, SERIAL, STATUS):
        return 0.4
    return 0.1 if kind == MARK else 0.3
