"""One sheet on the table: its values, their kinds, and the words to judge them by."""

from collections import Counter
from dataclasses import dataclass, field, replace
from typing import Any

from app.domain.importing.grid import Grid, Span, as_text
from app.domain.importing.lexis import CELLISH, LABELISH, OTHER, STATUS, Kinds
from app.domain.importing.vocabulary import Vocabulary, normal


def with_color_codes(grid: Grid, vocabulary: Vocabulary) -> Grid:
    """A grid in which an empty cell with a color of the legend holds that color as its code.

    The legend is a colored cell with words that are understood, or with such words to its right. A grid whose colors
    explain nothing comes back as it is.
    """
    if not grid.fills:
        return grid
    explained: dict[str, tuple[int, int]] = {}
    for (row, column), color in grid.fills.items():
        own = grid.text(row, column)
        words = own or grid.text(row, column + 1)
        if (
            3 < len(words) < 60
            and vocabulary.detail(words, whole=False)
            and sum(1 for code in grid.rows[row] if code) <= 4
        ):
            explained.setdefault(color, (row, column))
    worded = Counter(color for place, color in grid.fills.items() if color in explained and len(grid.text(*place)) > 3)
    explained = {color: place for color, place in explained.items() if worded[color] <= 3}  # more is decoration
    cells = [place for place, color in grid.fills.items() if color in explained and not grid.text(*place)]
    cells = [
        place
        for place in cells
        if place != explained[grid.fills[place]] and place[0] < grid.height and place[1] < grid.width
    ]
    if len(explained) < 1 or len(cells) < 3:
        return grid
    values, rows = list(grid.values), [row[:] for row in grid.rows]
    codes: dict[str, int] = {}
    for row, column in cells:
        color = grid.fills[row, column]
        if color not in codes:
            codes[color] = len(values)
            values.append(f"fill:{color}")
        rows[row][column] = codes[color]
    return replace(grid, values=values, rows=rows)


@dataclass(slots=True)
class Sheet:
    """A grid with its kinds and the vocabulary; what every recognizer works on.

    ``choices`` are the user's corrections for this sheet; empty when nobody corrected anything. ``found`` keeps what
    several recognizers ask for, so that it is looked for once.
    """

    grid: Grid
    vocabulary: Vocabulary
    kinds: Kinds
    choices: dict[str, Any] = field(default_factory=dict)
    _merged: dict[tuple[int, int], Span] = field(default_factory=dict)
    _texts: list[str] = field(default_factory=list)
    found: dict[str, Any] = field(default_factory=dict)

    @classmethod
    def of(cls, grid: Grid, vocabulary: Vocabulary, choices: dict[str, Any] | None = None) -> "Sheet":
        """Judge all values of a grid once."""
        grid = with_color_codes(grid, vocabulary)
        sheet = cls(grid, vocabulary, Kinds(grid, vocabulary), choices or {})
        sheet._texts = [as_text(value) for value in grid.values]
        for span in grid.merges:
            area = (span.bottom - span.top + 1) * (span.right - span.left + 1)
            if area <= 20_000:
                for row in range(span.top, span.bottom + 1):
                    for column in range(span.left, span.right + 1):
                        sheet._merged[row, column] = span
        return sheet

    @property
    def height(self) -> int:
        """Number of rows."""
        return self.grid.height

    @property
    def width(self) -> int:
        """Number of columns."""
        return self.grid.width

    def text(self, row: int, column: int) -> str:
        """Trimmed text of a cell."""
        if 0 <= row < self.grid.height and 0 <= column < self.grid.width:
            return self._texts[self.grid.rows[row][column]]
        return ""

    def merged(self, row: int, column: int) -> Span | None:
        """The merged range that a cell belongs to."""
        return self._merged.get((row, column))

    def spread(self, row: int, column: int) -> str:
        """Text of a cell; for a cell inside a merged range, the text at the range's upper left corner."""
        span = self._merged.get((row, column))
        return self.text(span.top, span.left) if span else self.text(row, column)

    def filled(self, row: int) -> list[int]:
        """Columns of a row that hold something, values hidden under a merge not counted."""
        filled = [c for c, kind in enumerate(self.kinds.row(row)) if kind]
        if not self._merged:
            return filled
        merged = self._merged
        return [c for c in filled if (span := merged.get((row, c))) is None or (span.top, span.left) == (row, c)]

    def is_label(self, row: int, column: int) -> bool:
        """Whether a cell could label something: text, or a status word that is also the name of a column."""
        classes = self.kinds.classes[row * self.width + column : row * self.width + column + 1]
        if classes == LABELISH:
            return True
        if self.kinds.at(row, column) == STATUS or classes == OTHER:
            text = self.text(row, column)
            return bool(self.vocabulary.field_names(text)) or len(text) > 7
        return False

    def column_profile(self, column: int, top: int, bottom: int | None = None) -> tuple[int, int, int]:
        """How many cells of a column are cell-like, label-like, other."""
        classes = self.kinds.column_classes(column, top, bottom)
        return classes.count(CELLISH), classes.count(LABELISH), classes.count(OTHER)

    def distinct(self, column: int, rows: list[int]) -> Counter[str]:
        """How often each text occurs in a column."""
        grid = self.grid
        codes = Counter([grid.rows[row][column] for row in rows])
        codes.pop(0, None)
        texts: Counter[str] = Counter()
        for code, number in codes.items():
            texts[normal(self._texts[code])] += number
        return texts
