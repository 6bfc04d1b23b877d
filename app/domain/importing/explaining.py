"""The sentences in which the reading of a matrix tells what it found."""

from collections.abc import Iterator

from app.domain.importing.reading import IN_ROWS, SheetReading
from app.domain.text import Phrase

_STATED = ("hours", "validity", "version", "days")


def columns_labeled(row: int, number: int) -> Phrase:
    """Which row labels how many columns."""
    if number == 1:
        return Phrase("Row %(row)s labels one column of marks, codes, levels or dates.", row=row)
    return Phrase("Row %(row)s labels %(number)s columns of marks, codes, levels or dates.", row=row, number=number)


def axes_named(reading: SheetReading) -> Phrase:
    """Which axis names whom, and how many stand on both."""
    numbers = {"subjects": len(reading.subjects), "items": len(reading.items)}
    people, rows = reading.subject_kind == "person", reading.orientation == IN_ROWS
    if people and rows:
        return Phrase("The rows name people: %(subjects)s. The other axis names items: %(items)s.", **numbers)
    if people:
        return Phrase("The columns name people: %(subjects)s. The other axis names items: %(items)s.", **numbers)
    if rows:
        return Phrase("The rows name job functions: %(subjects)s. The other axis names items: %(items)s.", **numbers)
    return Phrase("The columns name job functions: %(subjects)s. The other axis names items: %(items)s.", **numbers)


def rows_told(reading: SheetReading, sections: int, repeats: int) -> Iterator[Phrase]:
    """What rows other than those of people, job functions and items are."""
    for row, what in reading.metadata_rows.items():
        if what in _STATED:
            yield _states(row + 1, what)
    if sections:
        yield Phrase("Rows inside the table that are headings of sections: %(number)s.", number=sections)
    if repeats:
        yield Phrase("Rows below that repeat the header: %(number)s.", number=repeats)
    if reading.hidden_rows:
        number = reading.hidden_rows
        yield Phrase("Rows with data that are hidden in the file: %(number)s; they are included.", number=number)


def _states(row: int, what: str) -> Phrase:
    if what == "hours":
        return Phrase("Row %(row)s states the hours of the items.", row=row)
    if what == "validity":
        return Phrase("Row %(row)s states the validity of the items.", row=row)
    if what == "version":
        return Phrase("Row %(row)s states the version of the items.", row=row)
    return Phrase("Row %(row)s states the days of the items.", row=row)


def code_asked(text: str, number: int, why: Phrase) -> Phrase:
    """A code that is not understood, in how many cells it stands, and what is known about it."""
    if number == 1:
        return Phrase("“%(text)s” stands in one cell: %(why)s.", text=text, why=why)
    return Phrase("“%(text)s” stands in %(number)s cells: %(why)s.", text=text, number=number, why=why)
