"""The ground of writing a sheet back: what it says, what is recorded, the cells to change and the lines to add."""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import date
from typing import Any

from app.domain.importing import Fact, Grid, SheetReading
from app.domain.importing.grid import as_text
from app.domain.importing.vocabulary import normal
from app.domain.text import Phrase
from app.services.matrix_import.looks import DateLook, Signs
from app.services.matrix_import.recorded import Recorded
from app.services.spreadsheets_writing import CellEdit, SheetEdits

Say = Callable[[Phrase], str]


@dataclass(slots=True)
class Options:
    """How to write: the day of the copy, whether changed cells are marked, which lines are added, the language."""

    today: date
    marks: bool = True
    grow: tuple[str, ...] = ("items", "subjects")
    say: Say = str


@dataclass(slots=True)
class Sheet:
    """One sheet on its way back to Excel."""

    reading: SheetReading
    grid: Grid
    recorded: Recorded
    options: Options
    facts: list[Fact] = field(default_factory=list)
    edits: SheetEdits = field(default_factory=SheetEdits)
    notes: list[Phrase] = field(default_factory=list)
    signs: Signs = field(default_factory=Signs)
    dates: DateLook = field(default_factory=DateLook)

    @classmethod
    def of(cls, reading: SheetReading, grid: Grid, recorded: Recorded, options: Options) -> "Sheet":
        """Count what the sheet says once."""
        facts = list(reading.facts())
        sheet = cls(reading, grid, recorded, options, facts)
        sheet.signs = Signs.of(facts, grid)
        sheet.dates = DateLook.of(facts, grid, reading.date_order)
        return sheet

    @property
    def by_person(self) -> bool:
        """Whether the subjects are people rather than job functions."""
        return self.reading.subject_kind == "person"

    def subjects(self) -> list[str | None]:
        """Codes of the records of the subjects; ``None`` for who is left out."""
        known = self.recorded.codes.people if self.by_person else self.recorded.codes.functions
        return [known.get(normal(one.key) or normal(one.name)) for one in self.reading.subjects]

    def items(self) -> list[str | None]:
        """Codes of the records of the items."""
        known = self.recorded.codes.items
        return [known.get(normal(one.code or one.title or "")) for one in self.reading.items]

    def named(self, subject: str) -> tuple[str, str]:
        """Code and name of a subject."""
        if self.by_person:
            return subject, self.recorded.people[subject].name
        return subject, self.recorded.functions[subject]

    def put(self, place: tuple[int, int], value: Any, why: Phrase, *, old: str = "", like: Any = None) -> None:
        """Change a cell, marked and with a comment that says why and what stood there before."""
        text = f"{self.options.today.isoformat()}: {self.options.say(why)}"
        if old and not old.startswith("fill:"):
            text += " " + self.options.say(Phrase("Before: “%(text)s”.", text=old))
        marked = self.options.marks
        mark = ("emptied" if value is None else "changed") if marked else None
        colored = isinstance(value, str) and value.startswith("fill:")
        if colored:  # the color of the cell is what it says
            value, mark = None, None
        elif value is None and old.startswith("fill:"):
            mark = mark or "plain"
        if like is not None and not colored and not isinstance(value, date):
            like = None
        self.edits.cells[place] = CellEdit(value, mark, text if marked else None, like)

    def fill(self, place: tuple[int, int], value: Any, like: Any = None) -> None:
        """Write a cell of a new line, without a mark of its own."""
        if value is None or value == "":
            return
        if isinstance(value, str) and value.startswith("fill:"):
            value = None
        elif not isinstance(value, date):
            like = None
        self.edits.cells[place] = CellEdit(value, None, None, like)

    def sign(self, text: str) -> tuple[Any, Any]:
        """The raw value of a code as the sheet holds it, and a cell that shows it."""
        if text.startswith("fill:"):
            return text, self.signs.samples.get(text, (None, None))[1]
        raw, sample = self.signs.samples.get(text, (text, None))
        return raw, sample

    def text(self, row: int, column: int) -> str:
        """Text of a cell of the original."""
        return as_text(self.grid.value(row, column))
