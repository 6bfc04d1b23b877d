"""Entries such as ``Name: Ana Silva`` above a table, and the person that a sheet or a block is about."""

import re
from collections.abc import Iterator
from dataclasses import dataclass

from app.domain.importing.lexis import looks_like_name
from app.domain.importing.listed import ListTable
from app.domain.importing.sheet import Sheet
from app.domain.importing.vocabulary import Vocabulary, words_of

_ENTRY = re.compile(r"^\s*([^:：]{2,60}?)\s*[:：]\s*(.*)$", re.S)
_NUMBERS = ("employee_no", "login", "email")

Entries = dict[str, tuple[str, int, int]]


@dataclass(slots=True)
class Owner:
    """The person a sheet or block is about."""

    key: str
    name: str
    row: int


def row_entries(sheet: Sheet, row: int) -> Iterator[tuple[frozenset[str], str, int]]:
    """The entries of one row: the fields that the label names, the value, the column that holds it."""
    filled = sheet.filled(row)
    vocabulary = sheet.vocabulary
    for position, column in enumerate(filled):
        text = sheet.text(row, column)
        several = _several(text, vocabulary)
        if several:
            yield from ((vocabulary.field_names(name), value, column) for name, value in several)
            continue
        match = _ENTRY.match(text)
        label, value, place = (match[1], match[2], column) if match else (text, "", column)
        names = vocabulary.field_names(label)
        if not value and position + 1 < len(filled) and (names or match):
            place = filled[position + 1]
            value = sheet.text(row, place)
            if vocabulary.field_names(value) and not looks_like_name(value, vocabulary) and not match:
                continue
            if _ENTRY.match(value):
                continue
        if value:
            yield names, value, place


def _several(text: str, vocabulary: Vocabulary) -> list[tuple[str, str]]:
    """Labels and values where one cell holds two or more: ``Name: Ana Silva  No.: 0231``."""
    parts = [part.strip() for part in re.split(r"[:：]", text)]
    if not 3 <= len(parts) <= 6:
        return []
    found, label = [], parts[0]
    for part in parts[1:-1]:
        words = part.split()
        sizes = (size for size in (3, 2, 1) if size < len(words) and vocabulary.field_names(" ".join(words[-size:])))
        size = next(sizes, 0)
        if not size:
            return []
        found.append((label, " ".join(words[:-size]).strip(" ,;|-–")))
        label = " ".join(words[-size:])
    return [*found, (label, parts[-1])]


def header_entries(sheet: Sheet, before: int, after: int = 0) -> Entries:
    """Entries above a table, by field, with the cell that holds the value. A label that means one thing outweighs one
    that could mean two."""
    found: Entries = {}
    unsure: Entries = {}
    for row in range(max(after, before - 25 if after else 0), min(before, after + 25)):
        for names, value, place in row_entries(sheet, row):
            for name in names:
                (found if len(names) == 1 else unsure).setdefault(name, (value, row, place))
    return {**unsure, **found}


def owner_of(sheet: Sheet, table: ListTable) -> Owner | None:
    """The person named in the rows above a table."""
    entries = header_entries(sheet, table.header or 0)
    name = next((entries[f] for f in ("person", "last_name") if f in entries), None)
    first = entries.get("first_name")
    number = next((entries[f] for f in _NUMBERS if f in entries), None)
    if name is None:
        name = named_like_sheet(sheet, table.header or 0)
    if name is None and number is None:
        return None
    text = name[0] if name else number[0] if number else ""
    if first and "last_name" in entries and name and not looks_like_name(text, sheet.vocabulary):
        text = f"{first[0]} {text}"
    return owner_from(text, number[0] if number else "", (name or number or ("", 0, 0))[1])


def owner_from(text: str, number: str, row: int) -> Owner:
    """An owner by name and number; ``1023 - Juan Pérez`` and ``Juan Pérez (1023)`` hold both."""
    match = re.match(r"^(?P<key>[A-Za-z]{0,3}\d[\d.\-]{1,11})\s*[-–/|]?\s+(?P<name>[^\d]{4,})$", text) or re.match(
        r"^(?P<name>[^\d(\[]{4,}?)\s*[(\[\-–/|]+\s*(?P<key>[A-Za-z]{0,3}\d[\w.\-]{1,11})\s*[)\]]?$", text
    )
    if match and not number:
        return Owner(match["key"], match["name"].strip(), row)
    return Owner(number if number and number != text else text, text, row)


def named_like_sheet(sheet: Sheet, before: int) -> tuple[str, int, int] | None:
    """A name above the table that shares a word with the name of the sheet, or stands behind a label that asks for a
    record's owner."""
    title = set(words_of(sheet.grid.name))
    for row in range(min(before, 25)):
        for column in sheet.filled(row):
            text = sheet.text(row, column)
            if looks_like_name(text, sheet.vocabulary) and {w for w in words_of(text) if len(w) > 2} & title:
                return text, row, column
    return None


def number_near(sheet: Sheet, rows: range) -> str:
    """The number of a person that an entry in these rows states; empty when there is none."""
    for row in rows:
        for names, value, _ in row_entries(sheet, row):
            if names & set(_NUMBERS) and "person" not in names and any(c.isdigit() or c in "._" for c in value):
                return value
            if names == {"sequence"} and re.fullmatch(r"[A-Za-z]{0,3}\d[\d.\-]{1,11}", value):
                return value
    return ""
