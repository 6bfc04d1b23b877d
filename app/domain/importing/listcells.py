"""Columns whose cells hold several entries each."""

import re
from collections import Counter

from app.domain.importing.entries import entries_of
from app.domain.importing.grid import as_text
from app.domain.importing.lexis import EMPTY, JSON, LIST
from app.domain.importing.listed import ITEM_FIELDS, PERSON_FIELDS, ROLE_FIELDS, ListTable
from app.domain.importing.sheet import Sheet
from app.domain.importing.vocabulary import normal


def list_columns(sheet: Sheet, table: ListTable) -> list[int]:
    """Columns of subjects or items whose cells hold lists or JSON, and columns of further items of the same kind."""
    found = [column for column in table.fields if _holds_lists(sheet, table, column)]
    people = [column for column in found if table.fields[column] == "person"]
    if people:
        known = _entries_in(sheet, table, people)
        more = [c for c, what in table.fields.items() if what == "person" and c not in found]
        return sorted([*found, *(c for c in more if _entries_in(sheet, table, [c]) & known)])
    if not found or any(table.fields[column] in (*PERSON_FIELDS, *ROLE_FIELDS) for column in found):
        return found
    known = _entries_in(sheet, table, found)
    for column, what in table.fields.items():
        if column in found or what in (*PERSON_FIELDS, *ROLE_FIELDS):
            continue
        own = _entries_in(sheet, table, [column])
        counted = what not in ("?", *ITEM_FIELDS) and all(text.isdigit() for text in own)
        heading = sheet.text(table.header, column) if table.header is not None else ""
        said = bool(sheet.vocabulary.detail(heading, whole=False)) and bool(own & known)
        if own and not counted and (said or len(own & known) * 2 >= len(own)):
            found.append(column)
    return sorted(found)


def _holds_lists(sheet: Sheet, table: ListTable, column: int) -> bool:
    what = table.fields[column]
    kinds = Counter(sheet.kinds.at(row, column) for row in table.rows)
    total = sum(kinds.values()) - kinds[EMPTY]
    listed = kinds[LIST] + kinds[JSON]
    if what in ROLE_FIELDS:
        listed = sum(any(sign in sheet.text(row, column) for sign in ",;") for row in table.rows)
    everyone = sum(sheet.vocabulary.is_word("everyone", sheet.text(row, column)) for row in table.rows)
    subject_or_item = what in (*ROLE_FIELDS, "person", "item", "item_code", "item_title", "?")
    return bool(total and subject_or_item and listed and listed + everyone >= 2 and listed + everyone >= 0.25 * total)


def _entries_in(sheet: Sheet, table: ListTable, columns: list[int]) -> set[str]:
    values = (sheet.grid.value(row, column) for column in columns for row in table.rows)
    texts = (value if isinstance(value, str) else as_text(value) for value in values if value is not None)
    return {normal(entry.text) for text in texts for entry in entries_of(text, sheet.vocabulary)}


def alternatives(text: str, known: set[str]) -> list[str]:
    """The parts of ``Technician / Analyst`` where one of them is known alone; the whole text otherwise."""
    parts = [part.strip() for part in re.split(r"\s/\s|/", text) if part.strip()]
    return parts if len(parts) > 1 and any(normal(part) in known for part in parts) else [text]
