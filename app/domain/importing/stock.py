"""Reads the matrix in a layout of our own, exactly: nothing is guessed. ``app.services.matrix_import.stock`` writes it.

A sheet named "Legend" says in its first cell which layout it is. The sheet "Matrix" has a title, a row with codes of
the items, a row with their titles, then a row for each job function or person with code and name in front.
"""

from collections.abc import Iterator, Sequence
from datetime import date, datetime

from app.domain.importing.dates import read_date
from app.domain.importing.grid import Grid, address, as_text
from app.domain.importing.meanings import CodeMeaning, code_meaning
from app.domain.importing.reading import IN_ROWS, Fact, Item, Place, Question, SheetReading, Subject
from app.domain.importing.vocabulary import Vocabulary
from app.domain.text import Phrase

LAYOUTS = ("functions", "people")
LEGEND, MATRIX, MARK = "Legend", "Matrix", "Qualgate stock layout:"
CODES, TITLES, FIRST, BESIDE = 1, 2, 3, 2
"""Rows, from 0, of the codes, of the titles and of the first job function or person; columns in front of the cells."""


def stock_layout(grids: Sequence[Grid]) -> str | None:
    """Which of our layouts a file is in."""
    legend = next((grid for grid in grids if grid.name == LEGEND), None)
    if legend is None or not legend.text(0, 0).startswith(MARK):
        return None
    layout = legend.text(0, 0).removeprefix(MARK).strip()
    return layout if layout in LAYOUTS else None


class StockReader:
    """Reads the sheet "Matrix" of one of our layouts."""

    def __init__(self, grid: Grid, layout: str, vocabulary: Vocabulary) -> None:
        self.grid, self.vocabulary, self.by_person = grid, vocabulary, layout == "people"
        named = range(BESIDE, grid.width)
        self.columns = [c for c in named if grid.text(CODES, c) or grid.text(TITLES, c)]
        self.rows = [r for r in range(FIRST, grid.height) if grid.text(r, 0) or grid.text(r, 1)]

    def read(self) -> SheetReading:
        """The reading; cells that mean nothing in the layout become questions."""
        grid, kind = self.grid, "person" if self.by_person else "role"
        reading = SheetReading(
            grid.name, f"{kind}_item", 0.99, [Phrase("The sheet “Legend” says that it is a layout of ours.")]
        )
        reading.orientation, reading.subject_kind, reading.key_column = IN_ROWS, kind, 0
        reading.header_rows, reading.first_data_row = [CODES, TITLES], FIRST
        reading.last_data_row = self.rows[-1] if self.rows else FIRST
        reading.metadata_columns = {1: "person" if self.by_person else "role"}
        reading.item_lines = list(self.columns)
        reading.subjects = [
            Subject(grid.text(r, 0) or grid.text(r, 1), grid.text(r, 1) or grid.text(r, 0), r) for r in self.rows
        ]
        reading.items = [Item(grid.text(CODES, c) or None, grid.text(TITLES, c) or None, c) for c in self.columns]
        reading.facts, reading.places = self.facts, self.places
        if not self.by_person:
            reading.legend["X"] = code_meaning("required", 1.0, Phrase("the legend on sheet “Legend”"))
        for fact in self.facts():
            reading.cells[fact.meaning] += 1
            if fact.meaning == "unknown":
                reading.questions.append(Question(fact.row, fact.column, fact.text, self._strange(fact)))
        return reading

    def _strange(self, fact: Fact) -> Phrase:
        values = {"text": fact.text[:40], "cell": address(fact.row, fact.column)}
        if self.by_person:
            return Phrase("“%(text)s” in %(cell)s: this layout knows days only.", **values)
        return Phrase("“%(text)s” in %(cell)s: this layout knows X only.", **values)

    def facts(self) -> Iterator[Fact]:
        """Every cell that says something."""
        for place in self.places():
            value = self.grid.value(place.row, place.column)
            if value is not None:
                meaning, day = self._meaning(value)
                text = as_text(value)
                yield Fact(*place[:4], meaning.meaning, meaning.detail, text, day)

    def places(self) -> Iterator[Place]:
        """The cell of every subject and item."""
        for subject, row in enumerate(self.rows):
            for item, column in enumerate(self.columns):
                yield Place(row, column, subject, item, "")

    def _meaning(self, value: object) -> tuple[CodeMeaning, date | None]:
        text, why = as_text(value), Phrase("our layout")
        if not self.by_person:
            known = "required" if text.upper() == "X" else "unknown"
            return code_meaning(known, 1.0 if known == "required" else 0.1, why), None
        if isinstance(value, datetime):
            return code_meaning("date", 1.0, why), value.date()
        if isinstance(value, date):
            return code_meaning("date", 1.0, why), value
        read = read_date(text, self.vocabulary)
        if read is None or read.ambiguous or read.unknown:
            return code_meaning("unknown", 0.1, why), None
        return code_meaning("date", 1.0, why), read.day


def read_stock(grids: Sequence[Grid], vocabulary: Vocabulary) -> dict[str, SheetReading]:
    """The reading of the sheet "Matrix" of a file in one of our layouts, by name; nothing for any other file."""
    layout = stock_layout(grids)
    if layout is None:
        return {}
    return {grid.name: StockReader(grid, layout, vocabulary).read() for grid in grids if grid.name == MATRIX}
