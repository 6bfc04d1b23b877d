"""Where people belong, as the columns beside a matrix say: their job function, their department."""

import re
from collections.abc import Iterator
from typing import NamedTuple

from app.domain.importing.grid import Grid
from app.domain.importing.reading import IN_COLUMNS, SheetReading
from app.domain.importing.vocabulary import normal

KINDS = {"role": "job_function", "role_code": "job_function", "user_group": "job_function", "department": "department"}
"""Field of a column → kind of unit that its texts name."""

_BESIDE = ("person_item", "person_level", "snapshot")
_LISTS = ("long", "sign_in")
_SAYS_NOTHING = frozenset({"", "-", "--", "–", "?", "0", "n/a", "na", "none", "nil", "tbd", "x", "vacant"})
_SEVERAL = re.compile(r"\s*[;|\n]\s*")
LONGEST = 120
"""A longer text is a remark, no name."""


class Belonging(NamedTuple):
    """A person (position among the subjects) belongs to a unit of this kind and name, as a cell says."""

    subject: int
    kind: str
    text: str
    row: int
    column: int


def belongings(grid: Grid, reading: SheetReading) -> Iterator[Belonging]:
    """Everything that the columns (rows, where people stand in columns) beside a matrix of people say."""
    if reading.subject_kind != "person":
        return
    if reading.verdict in _LISTS:
        yield from _of_list(grid, reading)
    elif reading.verdict in _BESIDE:
        yield from _of_matrix(grid, reading)


def unit_names(text: str) -> list[str]:
    """The names in a cell: one, or several parted by semicolons or line breaks; none in a cell that says nothing."""
    found = [" ".join(part.split()) for part in _SEVERAL.split(text)]
    return [part for part in found if normal(part) not in _SAYS_NOTHING and len(part) <= LONGEST]


def _of_matrix(grid: Grid, reading: SheetReading) -> Iterator[Belonging]:
    across = reading.orientation == IN_COLUMNS
    lines = reading.metadata_rows if across else reading.metadata_columns
    for line, field in sorted(lines.items()):
        if field not in KINDS or (field == "role_code" and "role" in lines.values()):
            continue
        alone = list(lines.values()).count(field) == 1
        for position, subject in enumerate(reading.subjects):
            row, column = (line, subject.line) if across else (subject.line, line)
            text = grid.text(row, column) or (subject.details.get(field, "") if alone else "")
            for name in unit_names(text):
                yield Belonging(position, KINDS[field], name, row, column)


def _of_list(grid: Grid, reading: SheetReading) -> Iterator[Belonging]:
    """In a list a column describes the person only when it says the same in all rows of that person."""
    columns = [column for column, field in sorted(reading.metadata_columns.items()) if field in ("role", "department")]
    if not columns:
        return
    rows: dict[int, set[int]] = {}
    for fact in reading.facts():
        rows.setdefault(fact.subject, set()).add(fact.row)
    for column in columns:
        for subject, mine in sorted(rows.items()):
            first = min(mine)
            texts = {normal(grid.text(row, column)) for row in mine}
            if len(texts) == 1:
                for name in unit_names(grid.text(first, column)):
                    yield Belonging(subject, KINDS[reading.metadata_columns[column]], name, first, column)
