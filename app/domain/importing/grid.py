"""A sheet as a grid of values, kept small: every distinct value once, every cell a number that points at it.

A matrix repeats few values very often. Keeping each distinct value once makes five million cells fit into twenty
megabytes and lets the recognizer judge a value once instead of a million times. Rows and columns count from 0 in
here; :func:`address` and the JSON of the command line count the way Excel does.
"""

import re
from array import array
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:  # the process that opens files loads this module alone
    from app.domain.text import Phrase

Value = None | str | int | float | bool | date | datetime | time | timedelta


class CellError(str):
    """An error value of a spreadsheet, such as ``#N/A``; kept apart from a text that merely looks like one."""

    __slots__ = ()


@dataclass(frozen=True, slots=True)
class Span:
    """A merged range; all four edges belong to it."""

    top: int
    left: int
    bottom: int
    right: int


@dataclass(slots=True)
class Grid:
    """One sheet. ``values[0]`` is the empty cell; ``rows`` hold positions in ``values``; all rows are equally long.

    ``fills`` maps a cell to its fill color (``RRGGBB``), ``comments`` to its comment; both only when the reader read
    them. ``notes`` are sentences of the reader about what it left out.
    """

    name: str
    values: list[Any]
    rows: list["array[int]"]
    width: int
    visible: bool = True
    merges: tuple[Span, ...] = ()
    hidden_rows: frozenset[int] = frozenset()
    hidden_columns: frozenset[int] = frozenset()
    fills: dict[tuple[int, int], str] = field(default_factory=dict)
    comments: dict[tuple[int, int], str] = field(default_factory=dict)
    notes: "tuple[Phrase, ...]" = ()
    epoch1904: bool = False

    @property
    def height(self) -> int:
        """Rows, dead ones at the end not counted."""
        return len(self.rows)

    def value(self, row: int, column: int) -> Any:
        """The value of a cell; ``None`` outside the grid."""
        if 0 <= row < len(self.rows) and 0 <= column < self.width:
            return self.values[self.rows[row][column]]
        return None

    def text(self, row: int, column: int) -> str:
        """The value of a cell as a person reads it."""
        return as_text(self.value(row, column))

    def column(self, column: int, top: int = 0, bottom: int | None = None) -> Iterator[Any]:
        """The values of a column from ``top`` up to, not including, ``bottom``."""
        for row in self.rows[top:bottom]:
            yield self.values[row[column]]


def as_text(value: Any) -> str:
    """One line of text for any value: trimmed, whole numbers without a decimal point, dates as ISO days."""
    if value is None:
        return ""
    if isinstance(value, str):
        text = value.replace("\u00a0", " ").replace("\u200b", "").strip()
        return " ".join((_unbroken(text) if "\n" in text or "\r" in text else text).split())
    if isinstance(value, bool):
        return "TRUE" if value else "FALSE"
    if isinstance(value, float) and value.is_integer() and abs(value) < 1e15:
        return str(int(value))
    if isinstance(value, datetime):
        return value.date().isoformat() if value.time() == time() else value.isoformat(" ", "minutes")
    if isinstance(value, date):
        return value.isoformat()
    return str(value)


def _unbroken(text: str) -> str:
    """A text whose line breaks only fit it into a narrow cell: letters written downwards, words cut by a hyphen."""
    lines = [line.strip() for line in text.splitlines()]
    filled = [line for line in lines if line]
    if len(filled) > 1 and sum(len(line) == 1 for line in filled) >= 0.6 * len(filled) and max(map(len, filled)) <= 3:
        return "".join(line or " " for line in lines)
    return re.sub(r"(?<=\w)-\n+(?=[A-Z\d])", "-", re.sub(r"(?<=[^\W\d_]{2})-\n+(?=[a-zß-ÿ])", "", "\n".join(lines)))


class _Codes(dict[tuple[Any, type], int]):
    """Gives every distinct (value, type) the next free number. The type keeps ``1``, ``1.0`` and ``TRUE`` apart."""

    def __init__(self, empty: Sequence[Any]) -> None:
        super().__init__({(value, type(value)): 0 for value in empty})
        self.values: list[Any] = [None]  # type: ignore[assignment]  # numbers to values, in place of a method

    def __missing__(self, key: tuple[Any, type]) -> int:
        value = key[0]
        if isinstance(value, str) and not value.strip(" \t\r\n\u00a0\u200b\ufeff"):
            number = 0
        else:
            number = len(self.values)
            self.values.append(_plain(value))
        self[key] = number
        return number


def _plain(value: Any) -> Any:
    """Whole floats become integers: spreadsheets store every number as a float."""
    if type(value) is float and value.is_integer() and abs(value) < 1e15:
        return int(value)
    return value


def encode(
    rows: Iterable[Sequence[Any]], tick: Callable[[int], None] | None = None
) -> tuple[list[Any], list["array[int]"], int]:
    """Turn rows of values into (distinct values, rows of positions, width), without the empty rows at the end.

    ``tick`` is called with the number of rows read every thousand rows, so that a reader can report progress.
    """
    codes = _Codes((None, ""))
    look_up = codes.__getitem__
    coded: list[array[int]] = []
    width = 0
    for row in rows:
        numbers = array("I", map(look_up, zip(row, map(type, row), strict=True)))
        while numbers and not numbers[-1] and len(numbers) > width:
            numbers.pop()
        width = max(width, len(numbers))
        coded.append(numbers)
        if tick and not len(coded) % 1000:
            tick(len(coded))
    while coded and not any(coded[-1]):
        coded.pop()
    width = _used_width(coded, width)
    for position, numbers in enumerate(coded):
        if len(numbers) < width:
            numbers.extend([0] * (width - len(numbers)))
        elif len(numbers) > width:
            coded[position] = numbers[:width]
    return codes.values, coded, width


def _used_width(rows: Sequence["array[int]"], width: int) -> int:
    """The width without the columns at the right that are empty in every row."""
    while width and not any(len(row) >= width and row[width - 1] for row in rows):
        width -= 1
    return width


def make_grid(name: str, rows: Iterable[Sequence[Any]], **more: Any) -> Grid:
    """Build a grid from plain rows of values."""
    values, coded, width = encode(rows)
    return Grid(name, values, coded, width, **more)


def column_letters(column: int) -> str:
    """Name of a column counted from 0: 0 is ``A``, 26 is ``AA``."""
    letters = ""
    column += 1
    while column:
        column, rest = divmod(column - 1, 26)
        letters = chr(65 + rest) + letters
    return letters


def column_number(letters: str) -> int:
    """Column counted from 0 of its letters: ``A`` is 0. Raises ``ValueError`` for anything else than letters."""
    number = 0
    for letter in letters.strip().upper():
        if not "A" <= letter <= "Z":
            raise ValueError(letters)
        number = number * 26 + ord(letter) - 64
    if not number:
        raise ValueError(letters)
    return number - 1


def address(row: int, column: int) -> str:
    """Excel's name of a cell counted from 0: (0, 0) is ``A1``."""
    return f"{column_letters(column)}{row + 1}"
