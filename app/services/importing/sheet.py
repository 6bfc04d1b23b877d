"""One file being checked: its columns parsed, every mistake noted with its cell, nothing written.

Columns are parsed as wholes and every distinct text once, because half a million cells of a training matrix repeat a
few thousand values.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Decimal, InvalidOperation
from typing import Any, NamedTuple, TypeVar

from rapidfuzz import process

from app.domain.errors import BadInput
from app.domain.text import Phrase
from app.services.importing.tables import Table

Parsed = TypeVar("Parsed")

YES = {"yes", "y", "true", "1", "x"}
NO = {"no", "n", "false", "0", ""}


class BadCell(Exception):
    """The text of a cell is not what its column takes; carries the sentence that says so."""

    def __init__(self, template: str, /, **values: Any) -> None:
        self.phrase = Phrase(template, **values)
        super().__init__(str(self.phrase))


class Problem(NamedTuple):
    """A mistake or a doubt: the cell in words, the cell's address parts, its text, and what is wrong with it."""

    place: str
    row: int
    column: str | None
    value: str
    phrase: Phrase

    def __str__(self) -> str:
        return f"{self.place}: {self.phrase}"


@dataclass(frozen=True, slots=True)
class Columns:
    """The columns that a kind of file takes: those it must have, and those it may."""

    required: tuple[str, ...]
    optional: tuple[str, ...] = ()

    @property
    def all(self) -> tuple[str, ...]:
        """Every column, in the order of the template."""
        return self.required + self.optional


@dataclass(slots=True)
class Sheet:
    """A table under examination. ``errors`` stop the import; ``warnings`` do not."""

    table: Table
    columns: Columns
    zone: str
    errors: list[Problem] = field(default_factory=list)
    warnings: list[Problem] = field(default_factory=list)
    bad_rows: set[int] = field(default_factory=set)

    def __post_init__(self) -> None:
        if self.table.guessed_encoding:
            phrase = Phrase(
                "the file is not in UTF-8 and was read as %(encoding)s. Check letters with accents.",
                encoding=self.table.guessed_encoding,
            )
            self.warnings.append(Problem(self.table.file, 1, None, "", phrase))
        known = self.columns.all
        for position, name in enumerate(self.table.header):
            if name not in known:
                phrase = Phrase(
                    "there is no column %(name)s here. The columns are: %(known)s.", name=name, known=", ".join(known)
                )
                place = self.table.place(1, position)
                self.errors.append(Problem(place, 1, name, name, phrase))
        for row, position, error in self.table.broken:
            phrase = Phrase("the cell holds the error %(error)s. Put a value there.", error=error)
            header = self.table.header[position] if position < len(self.table.header) else None
            self.errors.append(Problem(self.table.place(row, position), row, header, error, phrase))
        for name in self.columns.required:
            if name not in self.table.header:
                phrase = Phrase("the column %(name)s is missing.", name=name)
                self.errors.append(Problem(self.table.file, 1, name, "", phrase))

    def has(self, column: str) -> bool:
        """Tell whether the file has the column. A missing column leaves what is recorded alone."""
        return column in self.table.header

    def __len__(self) -> int:
        return len(self.table.rows)

    def texts(self, column: str) -> list[str]:
        """Return the column as text, one entry per row; empty texts when the file lacks it."""
        if column not in self.table.header:
            return [""] * len(self.table.rows)
        index = self.table.header.index(column)
        return [cells[index] for _, cells in self.table.rows]

    def parse(self, column: str, parser: Callable[[str], Parsed]) -> list[Parsed | None]:
        """Return the column parsed, one entry per row; a cell that ``parser`` refuses is noted and becomes None."""
        if column not in self.table.header:
            absent = self._try(parser, "")
            return [None if isinstance(absent, BadCell) else absent] * len(self.table.rows)
        known: dict[str, Any] = {}
        result: list[Any] = []
        for position, text in enumerate(self.texts(column)):
            value = known.get(text, known)
            if value is known:
                value = known[text] = self._try(parser, text)
            if isinstance(value, BadCell):
                self.wrong(position, column, value.phrase)
                value = None
            result.append(value)
        return result

    @staticmethod
    def _try(parser: Callable[[str], Parsed], text: str) -> Any:
        try:
            return parser(text)
        except BadCell as refusal:
            return refusal

    def wrong(self, position: int, column: str | None, phrase: Phrase) -> None:
        """Note a mistake in the row at ``position`` (from 0 among the data rows)."""
        self.errors.append(self._problem(position, column, phrase))
        self.bad_rows.add(position)

    def doubt(self, position: int, column: str | None, phrase: Phrase) -> None:
        """Note something that a person should look at, and that does not stop the import."""
        self.warnings.append(self._problem(position, column, phrase))

    def _problem(self, position: int, column: str | None, phrase: Phrase) -> Problem:
        number, cells = self.table.rows[position]
        index = self.table.header.index(column) if column in self.table.header else None
        value = cells[index] if index is not None else ""
        return Problem(self.table.place(number, index), number, column, value, phrase)

    def good(self) -> Iterable[int]:
        """Return the positions of the rows in which no cell is wrong."""
        bad = self.bad_rows
        return (position for position in range(len(self.table.rows)) if position not in bad)

    def evidence(self, position: int) -> str:
        """Return the place of a row within the evidence file, as facts keep it."""
        number = self.table.rows[position][0]
        return f"row {number}" if self.table.sheet is None else f"{self.table.sheet}!row {number}"

    def refuse(self) -> None:
        """Raise BadInput with the first mistake and how many more there are; do nothing when there is none."""
        if not self.errors:
            return
        first = self.errors[0]
        if len(self.errors) == 1:
            raise BadInput("%(place)s: %(problem)s Nothing was imported.", place=first.place, problem=first.phrase)
        raise BadInput(
            "%(place)s: %(problem)s There are %(more)s more errors. Nothing was imported.",
            place=first.place,
            problem=first.phrase,
            more=len(self.errors) - 1,
        )


def did_you_mean(text: str, choices: Iterable[str]) -> Phrase:
    """Return a hint at the choice most like ``text``, or an empty phrase."""
    best = process.extractOne(text, list(choices), score_cutoff=70)
    return Phrase(" Did you mean %(choice)s?", choice=best[0]) if best else Phrase("")


# --- parsers of single cells -----------------------------------------------------------------------------------


def text_up_to(length: int, *, required: bool = False) -> Callable[[str], str]:
    """Return a parser for a text of at most ``length`` characters."""

    def parse(text: str) -> str:
        if required and not text:
            raise BadCell("the cell is empty.")
        if len(text) > length:
            raise BadCell("the text is longer than %(length)s characters.", length=length)
        if "\0" in text:
            raise BadCell("the text holds a zero byte.")
        return text

    return parse


def one_of(choices: Sequence[str] | dict[str, str], *, default: str | None = None) -> Callable[[str], str]:
    """Return a parser for a word of a closed list (case does not matter); a dict maps synonyms to the word meant."""
    meant = dict(choices) if isinstance(choices, dict) else {choice: choice for choice in choices}
    shown = ", ".join(dict.fromkeys(meant.values()))

    def parse(text: str) -> str:
        if not text and default is not None:
            return default
        word = text.strip().lower()
        for form in (word, word.replace(" ", "_").replace("-", "_")):
            if form in meant:
                return meant[form]
        raise BadCell("%(value)s is not known here. Possible are: %(choices)s.", value=text or "''", choices=shown)

    return parse


def whole_number(default: int | None, *, least: int = 0, most: int = 36_500) -> Callable[[str], int | None]:
    """Return a parser for a whole number between ``least`` and ``most``; an empty cell means ``default``."""

    def parse(text: str) -> int | None:
        if not text:
            return default
        try:
            number = int(text)
        except ValueError as error:
            raise BadCell("%(value)s is not a whole number.", value=text) from error
        if not least <= number <= most:
            raise BadCell("%(value)s is not between %(least)s and %(most)s.", value=text, least=least, most=most)
        return number

    return parse


def decimal_number(text: str) -> Decimal | None:
    """Return a number with at most two decimals, or None for an empty cell; a percent sign may follow it."""
    if not text:
        return None
    try:
        number = Decimal(text.rstrip("% ").replace(",", ".")).quantize(Decimal("0.01"))
    except InvalidOperation as error:
        raise BadCell("%(value)s is not a number.", value=text) from error
    if not number.is_finite() or abs(number) >= 100_000:
        raise BadCell("%(value)s is not a score.", value=text)
    return number


def yes_or_no(text: str) -> bool:
    """Return the truth of yes/no, true/false, 1/0; an empty cell means no."""
    word = text.lower()
    if word in YES:
        return True
    if word in NO:
        return False
    raise BadCell("%(value)s is neither yes nor no.", value=text)


def day(text: str) -> date | None:
    """Return an ISO day such as 2026-08-05, or None for an empty cell."""
    if not text:
        return None
    try:
        found = date.fromisoformat(text)
    except ValueError as error:
        raise BadCell("%(value)s is not a day like 2026-08-05.", value=text) from error
    return _plausible(text, found)


def day_or_instant(text: str) -> date | datetime | None:
    """Return an ISO day, or an instant such as 2026-08-05T14:30+02:00; None for an empty cell.

    A time of day without an offset is refused: which instant it means would be a guess.
    """
    if not text:
        return None
    if len(text) <= 10:
        return day(text)
    try:
        instant = datetime.fromisoformat(text)
    except ValueError as error:
        raise BadCell(
            "%(value)s is neither a day like 2026-08-05 nor an instant like 2026-08-05T14:30+02:00.", value=text
        ) from error
    if instant.tzinfo is None:
        raise BadCell(
            "%(value)s has a time of day but no offset from UTC. Write it like 2026-08-05T14:30+02:00.", value=text
        )
    _plausible(text, instant.date())
    return instant


def _plausible(text: str, found: date) -> date:
    if not 1900 <= found.year <= 9998:
        raise BadCell("%(value)s is not a plausible date.", value=text)
    return found


def required(parser: Callable[[str], Parsed]) -> Callable[[str], Parsed]:
    """Return ``parser`` with empty cells refused."""

    def parse(text: str) -> Parsed:
        if not text:
            raise BadCell("the cell is empty.")
        return parser(text)

    return parse
