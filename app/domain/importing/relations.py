"""Joins lists that share a key: curricula with courses, curricula with user groups, people with user groups.

The recognizer says which sheets are such lists and what their columns are. Here their rows become one whole: which
group needs which item within how many days, who belongs to which group, and the names from the master lists.

A *curriculum* only bundles courses: what one sheet gives to a group and another sheet takes apart again. It is
resolved, through several levels where need be, so that what remains are groups, people and items.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from app.domain.importing.belonging import unit_names
from app.domain.importing.grid import Grid, as_text
from app.domain.importing.labels import split_key, split_label
from app.domain.importing.listtables import PERSON_FIELDS
from app.domain.importing.reading import SheetReading
from app.domain.importing.vocabulary import normal

_IDS = ("employee_no", "login", "email", "initials")
_ITEMS = ("item_code", "item", "item_title")
_GROUPS = ("role_code", "role", "user_group")
_ATTRIBUTES = ("days", "hours", "validity", "version", "email", "hire_date")


class Spot(NamedTuple):
    """A cell: name of its sheet, row and column from 0."""

    sheet: str
    row: int
    column: int


@dataclass(slots=True)
class Entry:
    """A person, group or item: what identifies it, its name, where it stands first, what else its lists say."""

    key: str
    name: str
    spot: Spot
    details: dict[str, Any] = field(default_factory=dict)


class Bond(NamedTuple):
    """Two things that belong together, as a cell says: group and item, or person and unit."""

    one: str
    other: str
    spot: Spot
    days: int | None = None
    kind: str = "job_function"


@dataclass(slots=True)
class Relations:
    """What all the lists say together; entries by their normalized key."""

    people: dict[str, Entry] = field(default_factory=dict)
    groups: dict[str, Entry] = field(default_factory=dict)
    departments: dict[str, Entry] = field(default_factory=dict)
    items: dict[str, Entry] = field(default_factory=dict)
    needs: list[Bond] = field(default_factory=list)
    members: list[Bond] = field(default_factory=list)


@dataclass(slots=True)
class _Table:
    """One list: its grid, its columns by what they are, its rows."""

    grid: Grid
    columns: list[tuple[int, str]]
    rows: range

    def of(self, *fields: str) -> list[int]:
        """Columns of these fields, in the order of the fields."""
        return [column for wanted in fields for column, what in self.columns if what == wanted]

    def text(self, row: int, columns: Sequence[int]) -> str:
        """The first text of a row in these columns."""
        return next((text for column in columns if (text := self.grid.text(row, column))), "")

    def distinct(self, column: int) -> set[str]:
        """All normalized texts of a column."""
        return {normal(text) for row in self.rows if (text := self.grid.text(row, column))}


class _Register:
    """Entries of one kind, found again by any of the texts that identify them."""

    def __init__(self) -> None:
        self.entries: list[Entry] = []
        self.by_text: dict[str, Entry] = {}

    def add(self, ids: list[str], name: str, spot: Spot) -> Entry | None:
        """Find the entry that one of the ids (the name, where there is none) identifies, or make it."""
        texts = [normal(text) for text in (ids or [name]) if text]
        if not texts:
            return None
        entry = next((self.by_text[text] for text in texts if text in self.by_text), None)
        if entry is None:
            entry = Entry((ids or [name])[0], name or ids[0], spot)
            self.entries.append(entry)
        elif name and normal(entry.name) == normal(entry.key):
            entry.name = name
        for text in texts:
            self.by_text.setdefault(text, entry)
        return entry


def join(sheets: Sequence[tuple[Grid, SheetReading]]) -> Relations:
    """Join the lists of a workbook. Sheets of other verdicts are left alone."""
    tables = [_table(grid, reading) for grid, reading in sheets if reading.verdict == "relational"]
    return _Joiner([table for table in tables if table is not None]).joined()


def _table(grid: Grid, reading: SheetReading) -> _Table | None:
    if reading.first_data_row is None or reading.last_data_row is None:
        return None
    columns = sorted(reading.metadata_columns.items())
    return _Table(grid, columns, range(reading.first_data_row, reading.last_data_row + 1))


class _Joiner:
    """Reads the lists one after the other, then resolves the curricula."""

    def __init__(self, tables: list[_Table]) -> None:
        self.tables = tables
        self.people, self.groups, self.items, self.departments = (_Register() for _ in range(4))
        self.contains: dict[str, list[tuple[str, Bond]]] = {}

    def joined(self) -> Relations:
        """Everything that the lists say."""
        found = Relations()
        pairs = [self._kind(number, table) for number, table in enumerate(self.tables)]
        bundles = self._bundles(pairs)
        for table, (group, item) in zip(self.tables, pairs, strict=True):
            for row in table.rows:
                self._row(found, table, row, group, item, bundles)
        joined_by_people = {bond.other for bond in found.members}
        for key, entry in self.groups.by_text.items():
            if key not in bundles or key in joined_by_people:
                found.groups.setdefault(normal(entry.key), entry)
                for bond in self._resolved(key, bundles, frozenset({key})):
                    found.needs.append(bond._replace(one=normal(entry.key)))
        found.people = {normal(entry.key): entry for entry in self.people.entries}
        found.items = {normal(entry.key): entry for entry in self.items.entries}
        found.departments = {normal(entry.key): entry for entry in self.departments.entries}
        return found

    def _kind(self, number: int, table: _Table) -> tuple[list[int], list[int]]:
        """Columns of the group and of the item of a list; of two columns of items the coarser one is the group."""
        groups, items = table.of(*_GROUPS), table.of(*_ITEMS)
        people = table.of(*PERSON_FIELDS)
        if not groups and not people:
            groups = table.of("department")
        codes = sorted(column for column in items if dict(table.columns)[column] != "item_title")
        if not groups and not people and len(codes) > 1:
            coarse = min(codes, key=lambda one: (-self._given(number, one), len(table.distinct(one)), one))
            repeats = len(table.distinct(coarse)) < len(table.rows)
            if repeats or (self._given(number, coarse) and dict(table.columns)[coarse] != "item_code"):
                return [coarse], [column for column in items if column != coarse]
        if len(groups) > 1 and not items and not people and not table.of("role_code"):
            finer = self._taken_apart(number, groups)
            if finer is not None:
                return [column for column in groups if column != finer], [finer]
        return groups, items

    def _given(self, number: int, column: int) -> float:
        """Which share of what this column names another list gives to groups."""
        mine = self.tables[number].distinct(column)
        shares = [
            len(mine & table.distinct(there)) / max(1, len(mine))
            for other, table in enumerate(self.tables)
            if other != number and table.of(*_GROUPS)
            for there in table.of(*_ITEMS)
        ]
        return max(shares, default=0.0)

    def _taken_apart(self, number: int, columns: list[int]) -> int | None:
        """Which of the columns holds what another list takes apart into items."""
        for column in columns:
            mine = self.tables[number].distinct(column)
            for other, table in enumerate(self.tables):
                if other != number and table.of(*_ITEMS):
                    for there in table.of(*_GROUPS):
                        if len(mine & table.distinct(there)) * 2 > len(mine):
                            return column
        return None

    def _bundles(self, pairs: list[tuple[list[int], list[int]]]) -> set[str]:
        """What one list gives to a group and another one takes apart: curricula."""
        given: dict[int, set[str]] = {}
        apart: dict[int, set[str]] = {}
        for number, (table, (group, item)) in enumerate(zip(self.tables, pairs, strict=True)):
            if group and item and not table.of(*PERSON_FIELDS):
                given[number] = set().union(*(table.distinct(column) for column in item))
                apart[number] = set().union(*(table.distinct(column) for column in group))
        return {
            key for one, keys in apart.items() for key in keys if any(key in given[two] for two in given if two != one)
        }

    def _row(
        self, found: Relations, table: _Table, row: int, group: list[int], item: list[int], bundles: set[str]
    ) -> None:
        name = table.grid.name
        person = self._person(table, row)
        groups = list(self._groups_of(table, row, group, bool(table.of(*PERSON_FIELDS)), bool(item)))
        if person is not None:
            for key, column in groups:
                found.members.append(Bond(normal(person.key), key, Spot(name, row, column)))
            for column in table.of("department") if "department" not in _kinds(table, group) else ():
                for text in unit_names(table.grid.text(row, column)):
                    entry = self.departments.add([], text, Spot(name, row, column))
                    if entry is not None:
                        spot = Spot(name, row, column)
                        found.members.append(Bond(normal(person.key), normal(entry.key), spot, None, "department"))
        code, title = _item_texts(table, row, item)
        if not (code or title):
            return
        bundled = normal(code or title) in bundles
        if not bundled:
            self._item(table, row, item, code, title)
        for key, _ in groups if person is None else ():
            spot = Spot(name, row, next(column for column in item if table.grid.text(row, column)))
            bond = Bond(key, normal(code or title), spot, _days(table, row))
            self.contains.setdefault(key, []).append((normal(code or title), bond))

    def _person(self, table: _Table, row: int) -> Entry | None:
        """The person of a row; ``None`` where the list has no people."""
        if not table.of(*PERSON_FIELDS):
            return None
        ids = [text for column in table.of(*_IDS) if (text := table.grid.text(row, column))]
        parts = [table.text(row, table.of("first_name")), table.text(row, table.of("last_name"))]
        name = table.text(row, table.of("person")) or " ".join(part for part in parts if part)
        spot = Spot(table.grid.name, row, table.of(*PERSON_FIELDS)[0])
        entry = self.people.add(ids, name, spot)
        if entry is not None:
            _describe(table, row, entry)
        return entry

    def _groups_of(
        self, table: _Table, row: int, columns: list[int], people: bool, items: bool
    ) -> Iterator[tuple[str, int]]:
        """Groups of a row. A column beside a code, or another group, is its name; a blank repeats the one above."""
        filled = [(column, text) for column in columns if (text := table.grid.text(row, column))]
        coded = bool(filled) and dict(table.columns)[filled[0][0]] == "role_code"
        if coded or (not people and len(filled) > 1 and not items):
            column, key = filled[0]
            entry = self.groups.add([key], filled[1][1] if len(filled) > 1 else "", Spot(table.grid.name, row, column))
            if entry is not None and (people or items):
                yield normal(entry.key), column
            return
        above = row
        while not people and not filled and columns and above > table.rows.start:
            above -= 1
            text = table.grid.text(above, columns[0])
            filled = [(columns[0], text)] if text else []
        for column, text in filled if people else filled[:1]:
            for part in unit_names(text):
                label = split_key(part)
                entry = self.groups.add(
                    [label.code] if label.code else [], label.title or part, Spot(table.grid.name, above, column)
                )
                if entry is not None:
                    yield normal(entry.key), column

    def _item(self, table: _Table, row: int, columns: list[int], code: str, title: str) -> None:
        spot = Spot(table.grid.name, row, next(column for column in columns if table.grid.text(row, column)))
        entry = self.items.add([code] if code else [], title, spot)
        if entry is not None:
            if code:
                entry.details.setdefault("code", code)
            _describe(table, row, entry)

    def _resolved(self, key: str, bundles: set[str], seen: frozenset[str]) -> Iterator[Bond]:
        """Every item of a group, curricula taken apart; the innermost row gives the cell and the days."""
        for item, bond in self.contains.get(key, ()):
            if item in bundles:
                if item not in seen:
                    for inner in self._resolved(item, bundles, seen | {item}):
                        yield inner if inner.days is not None else inner._replace(days=bond.days)
            else:
                entry = self.items.by_text.get(item)
                if entry is not None:
                    days = bond.days if bond.days is not None else entry.details.get("days")
                    yield bond._replace(other=normal(entry.key), days=days)


def _kinds(table: _Table, columns: list[int]) -> set[str]:
    fields = dict(table.columns)
    return {fields[column] for column in columns}


def _item_texts(table: _Table, row: int, columns: list[int]) -> tuple[str, str]:
    fields = dict(table.columns)
    code = table.text(row, [column for column in columns if fields[column] == "item_code"])
    title = table.text(row, [column for column in columns if fields[column] != "item_code"])
    if not code and title:
        label = split_label(title)
        code, title = label.code or "", label.title or ""
    return code, title


def _days(table: _Table, row: int) -> int | None:
    digits = as_text(table.text(row, table.of("days"))).split(" ")[0]
    return int(digits) if digits.isascii() and digits.isdigit() and int(digits) <= 36_500 else None


def _describe(table: _Table, row: int, entry: Entry) -> None:
    """Keep what a master list says beside a name; the first list that says it wins."""
    for what in _ATTRIBUTES:
        value = _days(table, row) if what == "days" else table.text(row, table.of(what))
        if value not in (None, ""):
            entry.details.setdefault(what, value)
