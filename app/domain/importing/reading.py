"""What was understood of a workbook: sheets, subjects, items, legend, meanings, and why.

Positions count from 0 in here; ``to_dict`` gives the JSON contract of the command line, which counts like Excel.
"""

from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import date
from typing import Any, NamedTuple

from app.domain.importing.grid import address, column_letters
from app.domain.importing.meanings import COUNTERS, CodeMeaning
from app.domain.text import Phrase

VERDICTS = (
    "role_item",
    "person_item",
    "person_level",
    "long",
    "sheet_per_person",
    "block_per_person",
    "ragged",
    "list_in_cell",
    "relational",
    "raci",
    "sign_in",
    "snapshot",
    "not_a_matrix",
    "empty",
)
IN_ROWS, IN_COLUMNS = "subjects_in_rows", "subjects_in_columns"


@dataclass(slots=True)
class Subject:
    """A person or a job function. ``line`` is its row or column; ``number`` the employee number when a column holds
    one."""

    key: str
    name: str
    line: int
    details: dict[str, str] = field(default_factory=dict)


@dataclass(slots=True)
class Item:
    """Something to be trained on, as the file names it."""

    code: str | None
    title: str | None
    line: int
    hours: float | None = None
    valid_months: int | None = None
    version: str | None = None
    group: str | None = None
    details: dict[str, str] = field(default_factory=dict)

    @property
    def label(self) -> str:
        """Code and title as one text."""
        return " ".join(part for part in (self.code, self.title) if part)


class Fact(NamedTuple):
    """One cell: what it says about which subject and which item, and where it stands."""

    row: int
    column: int
    subject: int
    item: int
    meaning: str
    detail: str
    text: str
    day: date | None = None
    level: int | None = None
    expires: date | None = None


class Place(NamedTuple):
    """Where the cell of a subject and an item is, filled or not."""

    row: int
    column: int
    subject: int
    item: int
    sub: str


class Question(NamedTuple):
    """Something the file does not tell; asked, never guessed silently."""

    row: int | None
    column: int | None
    value: str
    problem: Phrase
    suggestions: tuple[str, ...] = ()


@dataclass(slots=True)
class SheetReading:
    """Everything concluded about one sheet. ``facts`` walks the cells on demand, so that big sheets stay small."""

    name: str
    verdict: str
    confidence: float
    reasons: list[Phrase] = field(default_factory=list)
    orientation: str | None = None
    header_rows: list[int] = field(default_factory=list)
    metadata_rows: dict[int, str] = field(default_factory=dict)
    metadata_columns: dict[int, str] = field(default_factory=dict)
    key_column: int | None = None
    first_data_row: int | None = None
    last_data_row: int | None = None
    item_lines: list[int] = field(default_factory=list)
    subjects: list[Subject] = field(default_factory=list)
    items: list[Item] = field(default_factory=list)
    legend: dict[str, CodeMeaning] = field(default_factory=dict)
    cells: Counter[str] = field(default_factory=Counter)
    questions: list[Question] = field(default_factory=list)
    provenance: dict[str, str] = field(default_factory=dict)
    placeholders: int = 0
    hidden_rows: int = 0
    facts: Callable[[], Iterator[Fact]] = field(default=lambda: iter(()))
    places: Callable[[], Iterator[Place]] = field(default=lambda: iter(()))
    date_order: str | None = None
    subject_kind: str | None = None
    listed: bool = False

    @property
    def items_in_rows(self) -> bool:
        """Whether the line of an item is a row although subjects stand in rows, too: in lists, however judged since."""
        return self.listed or self.verdict in _ITEMS_IN_ROWS

    def to_dict(self) -> dict[str, Any]:
        """The sheet as in the contract of the command line."""
        in_rows = self.orientation != IN_COLUMNS
        return {
            "name": self.name,
            "verdict": self.verdict,
            "orientation": self.orientation,
            "header_rows": [row + 1 for row in self.header_rows],
            "first_data_row": None if self.first_data_row is None else self.first_data_row + 1,
            "subjects": [
                {"key": subject.key, "name": subject.name, "row_or_column": _line(subject.line, in_rows)}
                for subject in self.subjects
            ],
            "items": [self._item(item, not in_rows or self.items_in_rows) for item in self.items],
            "legend": {code: meaning.meaning for code, meaning in self.legend.items()},
            "legend_details": {code: meaning.detail for code, meaning in self.legend.items()},
            "cells": {name: self.cells.get(name, 0) for name in COUNTERS},
            "confidence": round(self.confidence, 2),
            "reasons": [str(reason) for reason in self.reasons],
            "metadata_rows": {str(row + 1): what for row, what in sorted(self.metadata_rows.items())},
            "metadata_columns": {column_letters(c): what for c, what in sorted(self.metadata_columns.items())},
            "key_column": None if self.key_column is None else column_letters(self.key_column),
            "date_order": self.date_order,
            "provenance": dict(self.provenance),
            "placeholder_rows": self.placeholders,
            "hidden_rows": self.hidden_rows,
        }

    def _item(self, item: Item, in_rows: bool) -> dict[str, Any]:
        row: dict[str, Any] = {
            "code": item.code,
            "title": item.title,
            "row_or_column": _line(item.line, in_rows),
            "hours": item.hours,
            "valid_months": item.valid_months or None,
        }
        if item.version:
            row["version"] = item.version
        if item.group:
            row["group"] = item.group
        return row

    def unresolved(self) -> list[dict[str, Any]]:
        """The open questions as in the contract of the command line, with the sentence of each as a phrase."""
        return [
            {
                "sheet": self.name,
                "cell": None if q.row is None or q.column is None else address(q.row, q.column),
                "value": q.value,
                "problem": q.problem,
                "suggestions": list(q.suggestions),
            }
            for q in self.questions
        ]


# In these layouts items stand in rows although subjects do, too.
_ITEMS_IN_ROWS = frozenset(
    {"long", "sheet_per_person", "block_per_person", "ragged", "list_in_cell", "relational", "sign_in"}
)


def _line(line: int, is_row: bool) -> int | str:
    return line + 1 if is_row else column_letters(line)


@dataclass(slots=True)
class WorkbookReading:
    """All sheets of a workbook, in their order."""

    sheets: list[SheetReading] = field(default_factory=list)

    def unresolved(self) -> list[dict[str, Any]]:
        """Open questions of all sheets."""
        return [question for sheet in self.sheets for question in sheet.unresolved()]
