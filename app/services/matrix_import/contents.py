"""What a recognized workbook says, taken together: people, where they belong, items, what is required, what is held.

Facts of several sheets are joined: the same name on two sheets is one person. Everything keeps the address of its cell.
What the file leaves open (marks without a day, levels, what single people need) is taken as the user decided, and
counted by sheet either way.
"""

import re
from collections.abc import Mapping, Sequence
from typing import Any

from app.domain.importing import Grid, Item, SheetReading, Subject, WorkbookReading
from app.domain.importing.belonging import belongings
from app.domain.importing.vocabulary import normal
from app.services.matrix_import.aliases import Aliases, Names
from app.services.matrix_import.personal import PersonalSheet
from app.services.matrix_import.related import add_relations
from app.services.matrix_import.saying import Belongs, Contents, Named, Need, add_unit, place_of
from app.services.matrix_import.taking import Taking, taking_of

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
_MATRICES = ("role_item", "person_item", "person_level", "raci", "snapshot")


def contents_of(
    reading: WorkbookReading, grids: Sequence[Grid] = (), choices: Mapping[str, Mapping[str, Any]] | None = None
) -> Contents:
    """Gather what the sheets say. ``choices`` are the user's decisions by sheet (see ``taking``).

    Of several states of one matrix (``snapshot``) dates count from all of them, everything else from the last sheet.
    Columns beside the matrix and lists joined by a key need the ``grids``.
    """
    contents = Contents()
    aliases = Aliases.of(sheet for sheet in reading.sheets if sheet.verdict in USED)
    by_name = {grid.name: grid for grid in grids}
    last = next((sheet.name for sheet in reversed(reading.sheets) if sheet.verdict == "snapshot"), None)
    for sheet in reading.sheets:
        if sheet.verdict in USED:
            past = sheet.verdict == "snapshot" and sheet.name != last
            own = taking_of((choices or {}).get(sheet.name))
            _add_sheet(contents, sheet, by_name.get(sheet.name), own, past, aliases)
    pairs = [(by_name[sheet.name], sheet) for sheet in reading.sheets if sheet.name in by_name]
    add_relations(contents, pairs, choices or {})
    contents.settle()
    return contents


def _add_sheet(
    contents: Contents, sheet: SheetReading, grid: Grid | None, taking: Taking, past: bool, aliases: Aliases
) -> None:
    person = sheet.subject_kind == "person"
    subjects = [_subject(contents, sheet, subject, aliases) for subject in sheet.subjects]
    items = [_item(contents, sheet, item, aliases.items) for item in sheet.items]
    known = contents.people if person else contents.functions
    if person:
        own = PersonalSheet(contents, sheet, taking, past)
        for fact in own.facts():
            known[subjects[fact.subject]].count += 1
            contents.items[items[fact.item]].count += 1
            own.add(fact, subjects[fact.subject], items[fact.item])
        if grid is not None and not past:
            _belongings(contents, sheet, grid, subjects, taking.memberships)
        return
    if past:
        return
    contents.axes.append((frozenset(subjects), frozenset(items)))
    for fact in sheet.facts():
        subject, item = subjects[fact.subject], items[fact.item]
        known[subject].count += 1
        contents.items[item].count += 1
        place = place_of(sheet.name, fact.row, fact.column)
        if fact.meaning == "required":
            days = int(fact.text) if fact.detail == "days" and fact.text.isdigit() else None
            contents.needs.setdefault((subject, item), Need(subject, item, place, fact.detail, days))
        elif fact.meaning in ("not_required", "not_applicable"):
            contents.denied.setdefault((subject, item), place)


def _belongings(contents: Contents, sheet: SheetReading, grid: Grid, people: Sequence[str], taken: bool) -> None:
    for found in belongings(grid, sheet):
        place = place_of(sheet.name, found.row, found.column)
        contents.leave_open(sheet.name, "memberships", place, "" if taken else None)
        if taken:
            unit = add_unit(contents, found.kind, found.text, place)
            key = (people[found.subject], found.kind, unit)
            contents.belongs.setdefault(key, Belongs(*key, place))


def _where(sheet: SheetReading, line: int, is_row: bool) -> str:
    column = sheet.key_column or 0
    return place_of(sheet.name, line, column) if is_row else place_of(sheet.name, (sheet.header_rows or [0])[-1], line)


def _subject(contents: Contents, sheet: SheetReading, subject: Subject, aliases: Aliases) -> str:
    person = sheet.subject_kind == "person"
    known, names = (contents.people, aliases.people) if person else (contents.functions, aliases.functions)
    own = normal(subject.key) or normal(subject.name)
    key = names.key_of(own, subject.name)
    if key != own:
        contents.also.setdefault("people" if person else "functions", {})[own] = key
    place = _where(sheet, subject.line, sheet.orientation != "subjects_in_columns")
    kind = "person" if person else "function"
    known.setdefault(key, Named(kind, subject.key, subject.name, place, details=dict(subject.details)))
    known[key].twins = known[key].twins or (names.several(subject.name) and key == normal(subject.name))
    return key


def _item(contents: Contents, sheet: SheetReading, item: Item, names: Names) -> str:
    key = own = normal(item.code or item.title or "")
    if not item.code and item.title:
        key = names.key_of(own, item.title)
    if key != own:
        contents.also.setdefault("items", {})[own] = key
    in_rows = sheet.orientation == "subjects_in_columns" or sheet.verdict not in _MATRICES
    place = _where(sheet, item.line, in_rows)
    named = contents.items.setdefault(
        key, Named("item", item.code or item.title or "", item.title or item.code or "", place, code=item.code)
    )
    named.hours = named.hours if named.hours is not None else item.hours
    named.valid_months = named.valid_months if named.valid_months is not None else item.valid_months
    named.version = named.version or item.version
    return key


def code_from(text: str, length: int) -> str:
    """A code for something that the file only names: capitals, digits and hyphens."""
    code = re.sub(r"[^\w]+", "-", text.strip()).strip("-").upper()
    return code[:length].strip("-") or "X"
