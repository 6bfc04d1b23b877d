"""Reads ragged lists: a person, then numbers or names of courses in as many cells as there are; headers say nothing."""

import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass

from app.domain.importing.axes import judge_axis
from app.domain.importing.labels import split_key, split_label
from app.domain.importing.lexis import (
    CODE,
    DATE,
    DATE_TEXT,
    EMAIL,
    EMPTY,
    ERROR,
    IDENT,
    ITEM_CODE,
    LABEL,
    MARK,
    NAME,
    NUMBER,
    SERIAL,
    SMALL,
    STATUS,
    YEAR,
)
from app.domain.importing.meanings import DETAILS
from app.domain.importing.reading import IN_ROWS, Fact, Item, SheetReading, Subject
from app.domain.importing.sheet import Sheet
from app.domain.importing.vocabulary import normal
from app.domain.text import Phrase

_GENERIC = re.compile(r"^\D{0,20}[ _#.\-]*\d{1,3}$")
_ITEMISH = (NUMBER, SMALL, ITEM_CODE, IDENT, LABEL, CODE, YEAR, SERIAL)


_KEYS = ("person", "last_name", "role", "employee_no", "login", "email", "initials", "user_group")


@dataclass(slots=True)
class RaggedTable:
    """First column of the entries, the key column, the header row if there is one, the rows."""

    key: int
    start: int
    header: int | None
    rows: list[int]


def find_ragged(sheet: Sheet) -> RaggedTable | None:
    """A ragged list on the sheet: rows filled from the left without gaps, to different lengths, never twice the same
    entry."""
    best: RaggedTable | None = None
    best_worth = 0.0
    for header in (*range(min(16, sheet.height)), None):
        counted = _first_counted(sheet, header) if header is not None else None
        for key in range(min(4, sheet.width - 2)):
            start = counted if counted and counted > key else key + 1
            table = _try(sheet, header, key, start)
            worth = _worth(sheet, table) if table else 0.0
            if worth > best_worth:
                best, best_worth = table, worth
    return best


def _worth(sheet: Sheet, table: RaggedTable) -> float:
    """How well a header row and a key column explain a ragged list: the header names who stands in the column, its
    other columns count, the keys are distinct, and no row below is a header itself."""
    keys = [sheet.text(row, table.key) for row in table.rows[:200]]
    worth = 1.0 + len(set(keys)) / len(keys)
    if table.header is not None:
        caption = sheet.text(table.header, table.key)
        worth += 2.0 * sheet.vocabulary.names_field(caption, *_KEYS)
        worth += 0.5 * sheet.vocabulary.names_field(caption, "person", "last_name", "role")
        worth += 0.3 * sheet.vocabulary.names_field(caption, "person", "last_name")
        worth += 1.0 * _numbered_headers(sheet, table.header)
    named = [row for row in table.rows[:8] if sheet.vocabulary.names_field(sheet.text(row, table.key), *_KEYS)]
    return worth - 1.5 * bool(named)


def _numbered_headers(sheet: Sheet, row: int) -> bool:
    """Whether a row names its columns by counting: Column1, Column2 …"""
    generic = [text for c in sheet.filled(row) if _GENERIC.match(text := sheet.text(row, c))]
    return len(generic) >= 3 and _counting(generic)


def _counting(texts: list[str]) -> bool:
    """Whether the numbers at the ends of these texts count up one by one."""
    numbers = [int(re.sub(r"^.*?(\d+)$", r"\1", text)) for text in texts]
    return not numbers or numbers == list(range(numbers[0], numbers[0] + len(numbers)))


def _numbers_items(sheet: Sheet, row: int, key: int, start: int) -> bool:
    """Whether a row numbers items beside a name: "Employee", "Skill 1", "Skill 2" …"""
    stem = re.sub(r"[\d\s_#.\-]+$", "", sheet.text(row, start))
    named = sheet.vocabulary.names_field(stem, "item") and sheet.vocabulary.names_field(sheet.text(row, key), *_KEYS)
    return named and _numbered_headers(sheet, row)


def _first_counted(sheet: Sheet, header: int) -> int | None:
    """The first of the columns that a header row numbers, where other columns stand between it and the names."""
    if not _numbered_headers(sheet, header):
        return None
    return next(c for c in sheet.filled(header) if _GENERIC.match(sheet.text(header, c)))


def _try(sheet: Sheet, header: int | None, key: int, start: int) -> RaggedTable | None:
    if header is not None and not _generic_headers(sheet, header, start):
        return None
    first = 0 if header is None else header + 1
    rows = [
        row
        for row in range(first, sheet.height)
        if sheet.kinds.at(row, key) != EMPTY and sheet.kinds.at(row, start) != EMPTY
    ]
    names = sum(sheet.kinds.at(row, key) in (NAME, LABEL, IDENT, EMAIL, CODE) for row in rows)
    if names < 0.8 * len(rows):
        return None
    if len(rows) < 3 or (header is None and first == 0 and len(rows) < 0.8 * sheet.height):
        return None
    if header is None and not _recurring(sheet, rows, start):
        return None
    _, sample_packed, sample_unique, _ = _measure(sheet, rows[:40], start)
    if min(sample_packed, sample_unique) < 0.8 * len(rows[:40]):
        return None
    lengths, packed, unique, kinds = _measure(sheet, rows, start)
    entries = sum(lengths.values())
    good = sum(kinds[kind] for kind in _ITEMISH)
    odd = sum(kinds[kind] for kind in (MARK, STATUS, DATE, DATE_TEXT, ERROR))
    if entries < 6 or odd > 0.1 * entries or good < 0.85 * entries or max(lengths.values()) < 3:
        return None
    texts = _texts(sheet, rows, start)
    shared = sum(number > 1 for number in texts.values()) / max(1, len(texts))
    varied = len(set(lengths.values())) >= 2 or (header is not None and _numbers_items(sheet, header, key, start))
    if (
        packed >= 0.9 * len(rows)
        and unique >= 0.9 * len(rows)
        and varied
        and shared >= (0.1 if header is not None else 0.3)
    ):
        return RaggedTable(key, start, header, _with_nothing(sheet, rows, key, start))
    return None


def _with_nothing(sheet: Sheet, rows: list[int], key: int, start: int) -> list[int]:
    """The rows, and those between or right below them that name somebody of the same kind without any entry."""
    kinds = Counter(sheet.kinds.at(row, key) for row in rows)
    usual = {kind for kind, number in kinds.items() if number > 1 or len(rows) < 4}
    last = rows[-1]
    while last + 1 < sheet.height and sheet.filled(last + 1) and sheet.kinds.at(last + 1, key) in usual:
        last += 1
    known = set(rows)
    return [
        row
        for row in range(rows[0], last + 1)
        if row in known or (sheet.kinds.at(row, key) in usual and not any(c >= start for c in sheet.filled(row)))
    ]


def _recurring(sheet: Sheet, rows: list[int], start: int) -> bool:
    """Whether the entries of the first row come again below; a header's do not."""
    first = {code for code in sheet.grid.rows[rows[0]][start:] if code}
    below = {code for row in rows[1:] for code in sheet.grid.rows[row][start:]}
    return bool(first) and len(first & below) * 2 >= len(first)


def _generic_headers(sheet: Sheet, header: int, start: int) -> bool:
    """Headers that only number their columns, or are missing: Column1, Course 2, blank."""
    texts = [sheet.text(header, c) for c in range(start, sheet.width)]
    filled = [text for text in texts if text]
    generic = [text for text in filled if _GENERIC.match(text)]
    if not _counting(generic):
        return False
    stems = Counter(re.sub(r"[\d\s_#.\-]+$", "", normal(text)) for text in generic)
    one_stem = not generic or stems.most_common(1)[0][1] >= 0.8 * len(generic)
    if not one_stem or len(generic) < len(filled) - 1:
        return False
    return bool(sheet.text(header, start - 1)) and (len(generic) >= 0.6 * len(texts) or len(filled) <= 1)


def _measure(sheet: Sheet, rows: list[int], start: int) -> tuple[dict[int, int], int, int, Counter[int]]:
    lengths: dict[int, int] = {}
    kinds: Counter[int] = Counter()
    packed = unique = 0
    for row in rows:
        line = sheet.grid.rows[row][start:]
        codes = [code for code in line if code]
        lengths[row] = len(codes)
        packed += all(line[: len(codes)])
        unique += len(set(codes)) == len(codes)
        kinds.update(sheet.kinds.of_code[code] for code in codes)
    return lengths, packed, unique, kinds


def _texts(sheet: Sheet, rows: list[int], start: int) -> Counter[str]:
    return Counter(
        sheet.text(row, c) for row in rows for c in range(start, sheet.width) if sheet.kinds.at(row, c) != EMPTY
    )


def _number_column(sheet: Sheet, table: RaggedTable) -> int | None:
    """The column beside the names that holds their numbers."""
    if table.header is None:
        return None
    numbers = ("employee_no", "login", "email")
    beside = (c for c in range(table.start) if c != table.key)
    return next((c for c in beside if sheet.vocabulary.names_field(sheet.text(table.header, c), *numbers)), None)


def read_ragged(sheet: Sheet, table: RaggedTable) -> SheetReading:
    """The reading of a ragged list: every entry says that the person has the course, or the job function needs it."""
    names = [sheet.text(row, table.key) for row in table.rows]
    caption = [sheet.text(table.header, table.key)] if table.header is not None else []
    person = judge_axis(names, caption, sheet.vocabulary).kind == "person"
    reading = SheetReading(sheet.grid.name, "ragged", 0.8, [], IN_ROWS)
    reading.subject_kind = "person" if person else "role"
    number = _number_column(sheet, table) if person else None
    for name, row in zip(names, table.rows, strict=True):
        label = split_key(name)
        own = sheet.text(row, number) if number is not None else ""
        reading.subjects.append(Subject(own or label.code or name, label.title or name, row))
    index: dict[str, int] = {}
    for row in table.rows:
        for column in range(table.start, sheet.width):
            text = sheet.text(row, column)
            if text and text not in index:
                index[text] = len(reading.items)
                label = split_label(text)
                reading.items.append(Item(label.code, label.title, row))
    detail = "held" if person else "required"
    reading.header_rows = [] if table.header is None else [table.header]
    reading.first_data_row, reading.last_data_row, reading.key_column = table.rows[0], table.rows[-1], table.key
    reading.cells[DETAILS[detail]] = sum(_texts(sheet, table.rows, table.start).values())
    reading.reasons = [
        Phrase(
            "Each row names somebody and then lists entries without gaps, to different lengths; no header names them."
        ),
        Phrase(
            "The same %(number)s entries recur across the columns, never twice in one row.", number=len(reading.items)
        ),
    ]

    def facts() -> Iterator[Fact]:
        for position, row in enumerate(table.rows):
            for column in range(table.start, sheet.width):
                text = sheet.text(row, column)
                if text:
                    yield Fact(row, column, position, index[text], DETAILS[detail], detail, text)

    reading.facts = facts
    return reading
