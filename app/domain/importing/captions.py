"""Texts that name the axes of a matrix: over the row keys, over the columns, in a corner, beside rows of metadata."""

import re
from dataclasses import dataclass, field

from app.domain.importing.axes import PERSON_FIELDS, ROLE_FIELDS
from app.domain.importing.headers import HeaderZone
from app.domain.importing.lexis import IDENT, ITEM_CODE, NAME, NUMBER, SERIAL, SMALL, is_abbreviated_name
from app.domain.importing.sheet import Sheet
from app.domain.importing.tables import Table

_CORNER = re.compile(r"[/\\→]")
_ITEMS = ("item", "item_code", "item_title")
_SUBJECTS = ("person", "role", "employee_no", "last_name", "login", "user_group", "department")
_NUMBERED = (IDENT, NUMBER, SMALL, SERIAL, ITEM_CODE)
# Rows with these names beside columns describe people.
_OF_PEOPLE = ("department", "hire_date", "shift", "contract", "supervisor", "grade", "role", "employee_no")


@dataclass(slots=True)
class Captions:
    """Texts that name the axes: over the row keys, over the columns, and over the columns beside the keys."""

    over_keys: list[str] = field(default_factory=list)
    over_columns: list[str] = field(default_factory=list)
    beside: list[str] = field(default_factory=list)


def axis_captions(sheet: Sheet, table: Table, zone: HeaderZone) -> Captions:
    """Collect the captions. Where several label rows have a text over the keys, the lowest names the keys, and those
    above may name the columns: "Job function" under "SOP No."."""
    vocabulary = sheet.vocabulary
    found = Captions(beside=[sheet.text(table.header, column) for column in table.fields if column != table.key])
    corners = _corners(sheet, table, zone)
    if any(vocabulary.names_field(text, *PERSON_FIELDS) for text in corners.values()):
        # a column of job functions beside people describes them
        found.beside = [text for text in found.beside if not vocabulary.names_field(text, *ROLE_FIELDS)]
    found.over_columns = [sheet.spread(row, c) for row in zone.group_rows for c in table.columns[:1]]
    for row, corner in corners.items():
        parts = [part for part in _CORNER.split(corner.replace("↓", "")) if part.strip()]
        if len(parts) == 2:
            found.over_keys.append(parts[0])
            found.over_columns.append(parts[1])
        elif _names_its_row(sheet, table, zone, row) or _names_items(sheet, corners, row):
            found.over_columns.append(corner)
        else:
            found.over_keys.append(corner)
    for row in range(zone.labels[0] - 1, max(-1, zone.labels[0] - 3), -1):
        over = [c for c in sheet.filled(row) if c >= table.columns[0]]
        if len(over) == 1:
            found.over_columns.append(sheet.text(row, over[0]))
    if table.key is not None:
        beside = [sheet.text(row, table.key) for row in zone.meta]
        found.over_columns += [text for text in beside if vocabulary.exact_field(text, *_OF_PEOPLE)]
    return found


def _names_items(sheet: Sheet, corners: dict[int, str], row: int) -> bool:
    """Whether a corner names courses or documents, and a lower one people, job functions or departments."""
    lowest = max(corners)
    names = sheet.vocabulary.names_field
    return row < lowest and names(corners[row], *_ITEMS) and names(corners[lowest], *_SUBJECTS)


def _corners(sheet: Sheet, table: Table, zone: HeaderZone) -> dict[int, str]:
    """The distinct texts over the row keys, by row."""
    corners: dict[int, str] = {}
    for row in zone.labels if table.key is not None else []:
        text = sheet.spread(row, table.key or 0)
        if text and text not in corners.values():
            corners[row] = text
    return corners


def _names_its_row(sheet: Sheet, table: Table, zone: HeaderZone, row: int) -> bool:
    """Whether a corner names what stands to its right, and not what stands below: "Clock no." before numbers."""
    vocabulary = sheet.vocabulary
    names = vocabulary.field_names(sheet.spread(row, table.key or 0))
    over = [c for c in table.columns if sheet.text(row, c)]
    below = range(zone.first_data, min(sheet.height, zone.first_data + 60))
    keys = [kind for r in below if (kind := sheet.kinds.at(r, table.key or 0))]
    if not names or not over or not keys:
        return False
    numbered = sum(sheet.kinds.at(row, c) in _NUMBERED for c in over)
    if "employee_no" in names and len(zone.labels) > 1 and numbered >= 0.8 * len(over):
        return sum(kind in _NUMBERED for kind in keys) < 0.3 * len(keys)
    named = sum(
        is_abbreviated_name(text) or vocabulary.has_given_name(text) for text in (sheet.text(row, c) for c in over)
    )
    return "person" in names and named >= 0.5 * len(over) and keys.count(NAME) < 0.3 * len(keys)
