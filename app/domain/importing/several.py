"""Several matrices on one sheet: side by side, each with row keys of its own, or one under the other with other
columns. What they name in common is one subject, one item."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import chain, pairwise
from typing import TypeVar

from app.domain.importing.legend import Outside, entry_meanings, find_entries
from app.domain.importing.lexis import EMPTY, LABELISH
from app.domain.importing.matrix import read_matrix
from app.domain.importing.meanings import CodeMeaning
from app.domain.importing.merging import add_items, add_subjects
from app.domain.importing.reading import Fact, Place, SheetReading
from app.domain.importing.sheet import Sheet
from app.domain.importing.tables import DEEPEST_HEADER
from app.domain.importing.vocabulary import normal
from app.domain.text import Phrase

_KEYS = ("person", "role", "item", "item_title", "user_group", "department", "employee_no", "last_name")
Cell = TypeVar("Cell", Fact, Place)
_MATRIX = ("role_item", "person_item", "person_level", "raci")


def read_beside(sheet: Sheet, legends: Mapping[str, CodeMeaning]) -> SheetReading | None:
    """The matrices that stand side by side, read as one; ``None`` when there is only one table."""
    for starts in _splits(sheet):
        edges = [0, *starts[1:], sheet.width]
        parts = [_only(sheet, left, right) for left, right in pairwise(edges)]
        readings = _read(parts, legends)
        if len(readings) == len(parts):
            common = _legend_around(sheet, readings)
            readings = _read(parts, {**legends, **common}) if common else readings
        if len(readings) == len(parts) and len({(r.verdict, r.orientation) for r in readings}) == 1:
            return _joined(readings)
    return None


def _read(parts: Sequence[Sheet], legends: Mapping[str, CodeMeaning]) -> list[SheetReading]:
    found = [read_matrix(part, legends) for part in parts]
    return [pair[0] for pair in found if pair and _whole(pair[0])]


def _legend_around(sheet: Sheet, readings: Sequence[SheetReading]) -> dict[str, CodeMeaning]:
    """What a legend above or below all tables says; it explains the codes of each of them."""
    top = min(reading.header_rows[0] for reading in readings)
    bottom = max(reading.last_data_row or 0 for reading in readings)
    return entry_meanings(find_entries(sheet, Outside(top, bottom, sheet.width)), sheet.vocabulary)


def _whole(reading: SheetReading) -> bool:
    return reading.verdict in _MATRIX and len(reading.subjects) >= 2 and len(reading.items) >= 2


def _splits(sheet: Sheet) -> Iterator[list[int]]:
    """Columns at which tables may begin, for every row that could head them all."""
    for row in range(min(sheet.height - 2, DEEPEST_HEADER)):
        filled = sheet.filled(row)
        if len(filled) < 6 or not sheet.is_label(row, filled[0]):
            continue
        first = normal(sheet.text(row, filled[0]))
        starts = [filled[0]]
        for column in filled[3:]:
            text = sheet.text(row, column)
            again = normal(text) == first
            if not again and (sheet.text(row, column - 1) or not sheet.vocabulary.names_field(text, *_KEYS)):
                continue
            if column - starts[-1] >= 3 and _names_rows(sheet, row, column):
                starts.append(column)
        if len(starts) > 1 and len(filled) - filled.index(starts[-1]) >= 3:
            yield starts


def _names_rows(sheet: Sheet, row: int, column: int) -> bool:
    """Whether the cells below a header are names of rows: mostly words, mostly different."""
    classes = sheet.kinds.column_classes(column, row + 1)
    filled = len(classes) - classes.count(EMPTY)
    rows = list(range(row + 1, min(sheet.height, row + 100)))
    texts = sheet.distinct(column, rows)
    return filled >= 2 and classes.count(LABELISH) >= 0.7 * filled and len(texts) >= 0.7 * sum(texts.values())


def _only(sheet: Sheet, left: int, right: int) -> Sheet:
    """The sheet with nothing in it but the columns from ``left`` to before ``right``."""
    rows = []
    for line in sheet.grid.rows:
        kept = line[:]
        for column in chain(range(left), range(right, len(kept))):
            kept[column] = 0
        rows.append(kept)
    return Sheet.of(replace(sheet.grid, rows=rows), sheet.vocabulary, sheet.choices)


def _joined(readings: Sequence[SheetReading]) -> SheetReading:
    first, rest = readings[0], readings[1:]
    facts: list[tuple[Callable[[], Iterator[Fact]], dict[int, int], dict[int, int]]] = []
    places: list[tuple[Callable[[], Iterator[Place]], dict[int, int], dict[int, int]]] = []
    for more in rest:
        subjects, items = add_subjects(first.subjects, more.subjects), add_items(first.items, more.items)
        facts.append((more.facts, subjects, items))
        places.append((more.places, subjects, items))
        _add(first, more)
    own_facts, own_places = first.facts, first.places
    first.facts = lambda: chain(own_facts(), *(_moved(*part) for part in facts))
    first.places = lambda: chain(own_places(), *(_moved(*part) for part in places))
    first.reasons.append(Phrase("%(number)s matrices stand side by side; they are read as one.", number=len(readings)))
    return first


def _moved(cells: Callable[[], Iterator[Cell]], subjects: dict[int, int], items: dict[int, int]) -> Iterator[Cell]:
    for cell in cells():
        yield cell._replace(subject=subjects[cell.subject], item=items[cell.item])


def _add(first: SheetReading, more: SheetReading) -> None:
    first.header_rows = sorted({*first.header_rows, *more.header_rows})
    first.metadata_rows = {**more.metadata_rows, **first.metadata_rows}
    first.metadata_columns = {**more.metadata_columns, **first.metadata_columns}
    if first.first_data_row is not None and more.first_data_row is not None:
        first.first_data_row = min(first.first_data_row, more.first_data_row)
    if first.last_data_row is not None and more.last_data_row is not None:
        first.last_data_row = max(first.last_data_row, more.last_data_row)
    first.item_lines = sorted({*first.item_lines, *more.item_lines})
    first.cells.update(more.cells)
    first.legend = {**more.legend, **first.legend}
    first.questions += more.questions
    first.placeholders = max(first.placeholders, more.placeholders)
    first.confidence = min(first.confidence, more.confidence)
