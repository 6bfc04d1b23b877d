"""Reads ragged lists that run downwards: job functions or people beside each other, the entries of each below."""

from collections.abc import Iterator

from app.domain.importing.axes import judge_axis
from app.domain.importing.labels import split_label
from app.domain.importing.lexis import ITEM_CODE, LABEL, LIST, NAME, NUMBER
from app.domain.importing.meanings import DETAILS
from app.domain.importing.reading import IN_COLUMNS, Fact, Item, SheetReading, Subject
from app.domain.importing.sheet import Sheet
from app.domain.text import Phrase


def find_columns(sheet: Sheet) -> int | None:
    """The header row of such a list: at least two names, below each entries without gaps, to different lengths, some of
    them under several names."""
    if not 2 <= sheet.width <= 200:
        return None
    for row in range(min(10, sheet.height - 2)):
        columns = sheet.filled(row)
        if len(columns) >= 2 and _packed(sheet, row, columns):
            return row if _named(sheet, row, columns) else None
    return None


def _packed(sheet: Sheet, row: int, columns: list[int]) -> bool:
    lengths, entries = [], []
    for column in columns:
        codes = [line[column] for line in sheet.grid.rows[row + 1 :]]
        length = len(codes) - codes.count(0)
        texts = codes[:length]
        if not length or not all(texts) or len(set(texts)) < length:
            return False
        if sum(sheet.kinds.of_code[code] in (ITEM_CODE, LABEL, NAME, NUMBER, LIST) for code in texts) < 0.8 * length:
            return False
        lengths.append(length)
        entries += texts
    return len(set(lengths)) > 1 and len(entries) >= 6 and len(set(entries)) < len(entries)


def _named(sheet: Sheet, row: int, columns: list[int]) -> bool:
    """Whether the heads are people or job functions and the entries are not."""
    vocabulary = sheet.vocabulary
    heads = [sheet.text(row, column) for column in columns]
    if any(vocabulary.field_names(head) for head in heads):
        return False
    texts = list(dict.fromkeys(sheet.text(r, c) for r in range(row + 1, sheet.height) for c in columns))
    above, below = judge_axis(heads, [], vocabulary), judge_axis([t for t in texts if t], [], vocabulary)
    return above.subject > 0.5 and above.subject > below.subject and below.item > above.item


def read_columns(sheet: Sheet, header: int) -> SheetReading:
    """The reading: every entry says that the person has it, or that the job function needs it."""
    columns = sheet.filled(header)
    heads = [sheet.text(header, column) for column in columns]
    person = judge_axis(heads, [], sheet.vocabulary).kind == "person"
    detail = "held" if person else "required"
    reading = SheetReading(sheet.grid.name, "ragged", 0.75, [], IN_COLUMNS)
    reading.subject_kind = "person" if person else "role"
    reading.subjects = [Subject(head, head, column) for head, column in zip(heads, columns, strict=True)]
    places = [(r, c) for r in range(header + 1, sheet.height) for c in columns if sheet.text(r, c)]
    index: dict[str, int] = {}
    for row, column in places:
        text = sheet.text(row, column)
        if text not in index:
            index[text] = len(reading.items)
            label = split_label(text)
            reading.items.append(Item(label.code, label.title, row))
    reading.header_rows, reading.first_data_row, reading.last_data_row = [header], header + 1, places[-1][0]
    reading.cells[DETAILS[detail]] = len(places)
    reading.reasons = [
        Phrase("Names stand beside each other, each with its own list of entries below, to different lengths.")
    ]

    def facts() -> Iterator[Fact]:
        for row, column in places:
            text = sheet.text(row, column)
            yield Fact(row, column, columns.index(column), index[text], DETAILS[detail], detail, text)

    reading.facts = facts
    return reading
