"""What a recognized workbook says, taken together: people, job functions, items, what is required, what is held.

Facts of several sheets are joined: the same name on two sheets is one person. Everything keeps the address of its cell.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date

from app.domain.importing import Fact, Item, SheetReading, Subject, WorkbookReading, address
from app.domain.importing.vocabulary import normal

# Sheets of these kinds say what job functions need, or what people hold.
USED = (
    "role_item",
    "raci",
    "person_item",
    "person_level",
    "long",
    "sheet_per_person",
    "block_per_person",
    "ragged",
    "list_in_cell",
    "sign_in",
    "snapshot",
)


@dataclass(slots=True)
class Named:
    """A person, job function or item as the file names it: what identifies it, its name, its first cell, how often."""

    kind: str
    key: str
    name: str
    place: str
    count: int = 0
    details: dict[str, str] = field(default_factory=dict)
    hours: float | None = None
    valid_months: int | None = None
    version: str | None = None
    code: str | None = None


@dataclass(frozen=True, slots=True)
class Need:
    """A job function needs an item."""

    function: str
    item: str
    place: str
    detail: str
    days: int | None = None


@dataclass(frozen=True, slots=True)
class Held:
    """A person was trained on an item on a day."""

    person: str
    item: str
    day: date
    place: str


@dataclass(slots=True)
class Contents:
    """Everything a workbook says. Keys of people, functions and items are normalized texts."""

    people: dict[str, Named] = field(default_factory=dict)
    functions: dict[str, Named] = field(default_factory=dict)
    items: dict[str, Named] = field(default_factory=dict)
    needs: dict[tuple[str, str], Need] = field(default_factory=dict)
    denied: dict[tuple[str, str], str] = field(default_factory=dict)
    held: dict[tuple[str, str, date], Held] = field(default_factory=dict)
    undated: int = 0
    personal: int = 0
    axes: set[tuple[str, str]] = field(default_factory=set)


def place_of(sheet: SheetReading, row: int, column: int) -> str:
    """Address of a cell with its sheet: ``Matrix!C5``."""
    return f"{sheet.name}!{address(row, column)}"


def contents_of(reading: WorkbookReading) -> Contents:
    """Gather what the sheets say. Only the last snapshot counts for requirements; dates count from all of them."""
    contents = Contents()
    for sheet in reading.sheets:
        if sheet.verdict not in USED:
            continue
        person = sheet.subject_kind == "person"
        subjects = [_subject(contents, sheet, subject, person) for subject in sheet.subjects]
        items = [_item(contents, sheet, item) for item in sheet.items]
        if not person:
            contents.axes.update((function, item) for function in subjects for item in items)
        for fact in sheet.facts():
            _add(contents, sheet, fact, subjects[fact.subject], items[fact.item], person)
    return contents


def _where(sheet: SheetReading, line: int, is_row: bool) -> str:
    column = sheet.key_column or 0
    return place_of(sheet, line, column) if is_row else place_of(sheet, (sheet.header_rows or [0])[-1], line)


def _subject(contents: Contents, sheet: SheetReading, subject: Subject, person: bool) -> str:
    known = contents.people if person else contents.functions
    key = normal(subject.key) or normal(subject.name)
    place = _where(sheet, subject.line, sheet.orientation != "subjects_in_columns")
    kind = "person" if person else "function"
    known.setdefault(key, Named(kind, subject.key, subject.name, place, details=dict(subject.details)))
    return key


def _item(contents: Contents, sheet: SheetReading, item: Item) -> str:
    key = normal(item.code or item.title or "")
    in_rows = sheet.orientation == "subjects_in_columns" or sheet.verdict not in (
        "role_item",
        "person_item",
        "person_level",
        "raci",
        "snapshot",
    )
    place = _where(sheet, item.line, in_rows)
    named = contents.items.setdefault(
        key, Named("item", item.code or item.title or "", item.title or item.code or "", place, code=item.code)
    )
    named.hours = named.hours if named.hours is not None else item.hours
    named.valid_months = named.valid_months if named.valid_months is not None else item.valid_months
    named.version = named.version or item.version
    return key


def _add(contents: Contents, sheet: SheetReading, fact: Fact, subject: str, item: str, person: bool) -> None:
    known = contents.people if person else contents.functions
    known[subject].count += 1
    contents.items[item].count += 1
    place = place_of(sheet, fact.row, fact.column)
    if person:
        if fact.meaning == "held_with_date" and fact.day:
            contents.held.setdefault((subject, item, fact.day), Held(subject, item, fact.day, place))
        elif fact.meaning in ("held", "level", "held_with_date"):
            contents.undated += 1
        elif fact.meaning == "required":
            contents.personal += 1
    elif fact.meaning == "required":
        days = int(fact.text) if fact.detail == "days" and fact.text.isdigit() else None
        contents.needs.setdefault((subject, item), Need(subject, item, place, fact.detail, days))
    elif fact.meaning in ("not_required", "not_applicable"):
        contents.denied.setdefault((subject, item), place)


def code_from(text: str, length: int) -> str:
    """A code for something that the file only names: capitals, digits and hyphens."""
    code = re.sub(r"[^\w]+", "-", text.strip()).strip("-").upper()
    return code[:length].strip("-") or "X"


def names_of(reading: WorkbookReading) -> Iterator[str]:
    """Names of the sheets that are used."""
    return (sheet.name for sheet in reading.sheets if sheet.verdict in USED)
