"""Tables in which every column has a name of its own: people, courses, dates side by side; the ground of all list
layouts."""

import re
from collections import Counter
from dataclasses import dataclass, field

from app.domain.importing.lexis import (
    DATE,
    DATE_TEXT,
    EMAIL,
    EMPTY,
    IDENT,
    ITEM_CODE,
    JSON,
    LABEL,
    LIST,
    NAME,
    NUMBER,
    SERIAL,
    STATUS,
)
from app.domain.importing.measures import read_measure
from app.domain.importing.sheet import Sheet
from app.domain.importing.tables import ATTRIBUTES
from app.domain.importing.vocabulary import normal

PERSON_FIELDS = ("person", "last_name", "employee_no", "login", "email", "initials", "first_name")
ROLE_FIELDS = ("role", "user_group", "department")
ITEM_FIELDS = ("item_code", "item", "item_title")
FACT_FIELDS = ("date", "expiry", "status", "score", "level", "planned", "required")


@dataclass(slots=True)
class ListTable:
    """The header row and what each column is. ``rows`` hold data; ``share`` is the part of the header that is
    understood."""

    header: int | None
    fields: dict[int, str]
    rows: list[int] = field(default_factory=list)
    share: float = 0.0

    def first(self, *names: str) -> int | None:
        """The column of the first of these fields that the table has."""
        for name in names:
            for column, what in self.fields.items():
                if what == name:
                    return column
        return None

    def has(self, *names: str) -> bool:
        """Whether the table has one of these fields."""
        return self.first(*names) is not None


def find_list(sheet: Sheet) -> ListTable | None:
    """The list on the sheet by its header row, or by its contents when it has no header."""
    best: ListTable | None = None
    best_score = 0.0
    for row in range(min(sheet.height, 40)):
        filled = sheet.filled(row)
        if len(filled) < 2 and not (len(filled) == 1 and sheet.width == 1):
            continue
        fields = _fields_of(sheet, row, filled)
        understood = len([f for f in fields.values() if f != "?"])
        below = any(sheet.filled(r) for r in range(row + 1, min(sheet.height, row + 4)))
        score = understood * (understood / len(filled)) * (1.0 - 0.01 * row)
        if understood >= 2 and understood * 2 >= len(filled) and below and score > best_score:
            best, best_score = ListTable(row, fields, share=understood / len(filled)), score
    if best is None:
        best = _headerless(sheet)
    if best is None:
        return None
    best.rows = _data_rows(sheet, best)
    _settle_by_content(sheet, best)
    _settle_curricula(sheet, best)
    return best if best.rows else None


def _fields_of(sheet: Sheet, row: int, filled: list[int]) -> dict[int, str]:
    vocabulary = sheet.vocabulary
    texts = Counter(normal(sheet.text(row, column)) for column in filled)
    fields: dict[int, str] = {}
    taken: set[str] = set()
    for column in filled:
        text = sheet.text(row, column)
        names = vocabulary.field_names(text)
        if not names or texts[normal(text)] > 1 or len(text) > 60:
            fields[column] = "?"
            continue
        ranked = [name for name in _RANK if name in names]
        name = next((n for n in ranked if n not in taken), ranked[0] if ranked else "?")
        fields[column] = name
        taken.add(name)
    return fields


_RANK = (
    "person",
    "first_name",
    "last_name",
    "employee_no",
    "item",
    "item_title",
    "role",
    "user_group",
    "item_code",
    *[
        n
        for n in ATTRIBUTES
        if n
        not in (
            "person",
            "first_name",
            "last_name",
            "employee_no",
            "item",
            "item_title",
            "role",
            "user_group",
            "item_code",
        )
    ],
)


def _headerless(sheet: Sheet) -> ListTable | None:
    """A list without header: its columns are told by what they hold, from the first row on."""
    if not 2 <= sheet.width <= 12 or sheet.height < 3 or len(sheet.filled(0)) < 2:
        return None
    fields: dict[int, str] = {}
    for column in range(sheet.width):
        kinds = Counter(kind for kind in sheet.kinds.column(column) if kind != EMPTY)
        total = sum(kinds.values())
        if not total:
            continue
        first = sheet.kinds.at(0, column)
        top, number = kinds.most_common(1)[0]
        if number < 0.6 * total or first not in (top, *_ALIKE.get(top, ())):
            continue
        fields[column] = {
            NAME: "person",
            ITEM_CODE: "item_code",
            DATE: "date",
            DATE_TEXT: "date",
            SERIAL: "date",
            IDENT: "employee_no",
            NUMBER: "number",
            EMAIL: "email",
            STATUS: "status",
            LABEL: "item",
            LIST: "item",
        }.get(top, "?")
    _settle_numbers(sheet, fields)
    known = set(fields.values())
    if "person" in known and known & {"item_code", "item"} and len(fields) >= 0.6 * sheet.width:
        return ListTable(None, fields, share=0.6)
    return None


def _settle_numbers(sheet: Sheet, fields: dict[int, str]) -> None:
    """Without a header: a number that always goes with the same name is the person's; of two days the later is the
    expiry."""
    person = next((c for c, what in fields.items() if what == "person"), None)
    rows = range(sheet.height) if person is not None else range(0)
    for column in [c for c, what in fields.items() if what in ("number", "employee_no")]:
        pairs = {(sheet.text(row, column), sheet.text(row, person or 0)) for row in rows}
        fields[column] = "employee_no" if pairs and len({number for number, _ in pairs}) == len(pairs) else "?"
    days = [c for c, what in fields.items() if what == "date"]
    for column in days[1:]:
        fields[column] = "expiry" if len(days) == 2 else "?"


_ALIKE = {DATE_TEXT: (DATE, SERIAL), DATE: (DATE_TEXT,), LIST: (ITEM_CODE, LABEL)}


def _data_rows(sheet: Sheet, table: ListTable) -> list[int]:
    """Rows below the header with something in a column that counts; repeated headers, notes and totals left out."""
    start = 0 if table.header is None else table.header + 1
    keyed = [c for c, f in table.fields.items() if f in (*PERSON_FIELDS, *ROLE_FIELDS, *ITEM_FIELDS)] or list(
        table.fields
    )
    header = {} if table.header is None else {c: normal(sheet.text(table.header, c)) for c in table.fields}
    rows, gap = [], 0
    for row in range(start, sheet.height):
        filled = sheet.filled(row)
        if not filled:
            gap += 1
            continue
        if any(c in keyed for c in filled) and not _is_header_again(sheet, row, header):
            if _is_foot(sheet, table, row, filled, gap):
                continue
            rows.append(row)
            gap = 0
    return rows


def _is_foot(sheet: Sheet, table: ListTable, row: int, filled: list[int], gap: int) -> bool:
    """Totals, lines for signatures, "Approved by: …", notes: rows that are no entry of the list."""
    texts = [sheet.text(row, c) for c in filled]
    if any(_BLANK_LINE.search(text) for text in texts):
        return True
    if all(text.endswith((":", "：")) for text in texts):
        return True
    if gap and len(texts) > 1 and all(_ENTRY.match(text) for text in texts):
        return True
    if len(filled) * 2 > len(table.fields) + 1:
        return False
    vocabulary = sheet.vocabulary
    single = len(filled) == 1 and len(table.fields) > 2
    if gap > 1 and single:
        return True
    footer = vocabulary.starts_word("footer", texts[0]) or vocabulary.exact_field(texts[0], "total")
    return footer and (single or bool(gap) or vocabulary.exact_field(texts[0].rstrip(":"), "total"))


_BLANK_LINE = re.compile(r"_{4,}|\.{6,}|…{2,}")
_ENTRY = re.compile(r"^[^:：]{2,40}[:：]\s*\S")


def _is_header_again(sheet: Sheet, row: int, header: dict[int, str]) -> bool:
    same = sum(bool(text) and normal(sheet.text(row, column)) == text for column, text in header.items())
    return bool(header) and same >= 0.6 * len(header)


def _settle_by_content(sheet: Sheet, table: ListTable) -> None:
    """Where a header allows two readings, the contents decide: a name column of courses, an id column of people."""
    for column, what in list(table.fields.items()):
        kinds = Counter(sheet.kinds.at(row, column) for row in table.rows[:300])
        kinds.pop(EMPTY, None)
        total = sum(kinds.values())
        if not total:
            continue
        share = {kind: number / total for kind, number in kinds.items()}
        if share.get(JSON, 0) > 0.5 and not table.has("item", "item_code"):
            table.fields[column] = "item"
        elif what in ("?", "category") and not table.has("validity") and _periods(sheet, table, column):
            table.fields[column] = "validity"
        elif what == "?":
            table.fields[column] = _unnamed(sheet, table, column, share)
        else:
            table.fields[column] = _renamed(sheet, table, column, share)


def _periods(sheet: Sheet, table: ListTable, column: int) -> bool:
    """Whether a column says how often: "annual", "every 2 years", "once"."""
    texts = sheet.distinct(column, table.rows[:300])
    measures = [read_measure(text, sheet.vocabulary) for text in texts]
    return len(texts) > 1 and all(measure is not None and measure.months is not None for measure in measures)


def _unnamed(sheet: Sheet, table: ListTable, column: int, share: dict[int, float]) -> str:
    """What a column is whose header says nothing."""
    if table.header is None and share.get(NAME, 0) > 0.6 and not table.has("person", "last_name"):
        return "person"
    if share.get(ITEM_CODE, 0) > 0.6 and not table.has("item_code") and _lettered(sheet, table, column):
        return "item_code"
    if share.get(DATE, 0) + share.get(DATE_TEXT, 0) > 0.6 and not table.has("date"):
        return "date"
    return "?"


def _renamed(sheet: Sheet, table: ListTable, column: int, share: dict[int, float]) -> str:
    """What a column is whose header could mean two things."""
    what, coded = table.fields[column], share.get(ITEM_CODE, 0) > 0.6
    if what == "person":
        if coded and not table.has("item", "item_code"):
            return "item_code"
        if _generic_name(sheet, table, column) and share.get(NAME, 0) < 0.2 and _items(sheet, table, column):
            return "item_title" if table.has("item") else "item"
        if _roles_or_all(sheet, table, column) and not table.has("role", "user_group"):
            return "user_group"
    elif what == "hire_date" and table.has("item", "item_code", "item_title") and not table.has("date"):
        return "date"
    elif what == "employee_no" and coded and not table.has("person") and table.has("item", "item_title"):
        return "item_code"
    elif what == "item_title" and _roles(sheet, table, column) and not table.has("role"):
        return "role"
    return what


def _settle_curricula(sheet: Sheet, table: ListTable) -> None:
    """Of two columns of items, one that names the same thing in many rows is a curriculum: it groups the other."""
    columns = [column for column, what in table.fields.items() if what == "item"]
    if len(columns) < 2 or table.has(*PERSON_FIELDS, "role", "user_group"):
        return
    distinct = {column: len(sheet.distinct(column, table.rows)) for column in columns}
    fewest = min(columns, key=lambda column: distinct[column])
    if distinct[fewest] < max(distinct.values()):
        table.fields[fewest] = "user_group"


def _generic_name(sheet: Sheet, table: ListTable, column: int) -> bool:
    return table.header is not None and normal(sheet.text(table.header, column)) in (
        "name",
        "nome",
        "nombre",
        "nom",
        "names",
    )


def _roles_or_all(sheet: Sheet, table: ListTable, column: int) -> bool:
    """Whether a column that could name people names job functions, or "all staff"."""
    texts = [text for row in table.rows[:100] if (text := sheet.text(row, column))]
    role = sum(sheet.vocabulary.has_word("role", t) or sheet.vocabulary.is_word("everyone", t) for t in texts)
    names = sum(sheet.kinds.at(row, column) == NAME for row in table.rows[:100])
    return role > 0.6 * len(texts) and names < 0.2 * len(texts)


def _lettered(sheet: Sheet, table: ListTable, column: int) -> bool:
    texts = [sheet.text(row, column) for row in table.rows[:100]]
    return sum(any(c.isalpha() for c in text) for text in texts) > 0.5 * len(texts)


def _roles(sheet: Sheet, table: ListTable, column: int) -> bool:
    texts = [text for row in table.rows[:100] if (text := sheet.text(row, column))]
    role = sum(sheet.vocabulary.has_word("role", text) for text in texts)
    item = sum(sheet.vocabulary.has_word("item", text) for text in texts)
    return role > max(item, 0.5 * len(texts)) and not table.has("item_code", "item")


def _items(sheet: Sheet, table: ListTable, column: int) -> bool:
    texts = [sheet.text(row, column) for row in table.rows[:100]]
    item = sum(sheet.vocabulary.has_word("item", text) for text in texts)
    role = sum(sheet.vocabulary.has_word("role", text) for text in texts)
    return item > role and item > 0.25 * len(texts)
