"""Reads records of one person at a time: a block per person, a sheet per person."""

import re
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass

from app.domain.importing.lexis import DATE, DATE_TEXT, EMPTY, IDENT, NAME, looks_like_name
from app.domain.importing.listed import ITEM_FIELDS, ListTable
from app.domain.importing.lists import ListReader
from app.domain.importing.listtables import find_list, further_tables, named_columns
from app.domain.importing.meanings import CodeMeaning
from app.domain.importing.owners import Owner, number_near, owner_from, row_entries
from app.domain.importing.reading import SheetReading
from app.domain.importing.settling import settle
from app.domain.importing.sheet import Sheet
from app.domain.importing.vocabulary import normal, words_of
from app.domain.text import Phrase

_ENTRY = re.compile(r"^\s*([^:：]{2,40}?)\s*[:：]\s*(.*)$", re.S)


class OneOwnerReader(ListReader):
    """A list of courses that belong to one person, named outside the list."""

    owner: Owner

    def subject_of(self, row: int, previous: tuple[str, str]) -> tuple[str, str]:
        """The owner, whatever the row."""
        return self.owner.key, self.owner.name


def read_person_sheet(sheet: Sheet, table: ListTable, owner: Owner, legends: Mapping[str, CodeMeaning]) -> SheetReading:
    """A sheet that is the training record of one person, in one table or in several below each other."""
    tables = further_tables(sheet, table)
    readers = [_reader_for(sheet, part, owner, legends) for part in tables]
    first = readers[0]
    for reader in readers:
        reader.gathered = first.gathered
        reader.long()
        for record in reader.gathered.records:
            record.detail = record.detail or ("not_started" if reader.table.has("date") else None)
    reasons = [Phrase("The rows list courses; the sheet belongs to one person, %(name)s.", name=owner.name)]
    reading = first.reading("sheet_per_person", 0.8, reasons)
    reading.header_rows = [row for part in tables for row in part.header_rows]
    reading.last_data_row = tables[-1].rows[-1]
    for subject in reading.subjects:
        subject.line = owner.row
    return reading


def _reader_for(sheet: Sheet, table: ListTable, owner: Owner, legends: Mapping[str, CodeMeaning]) -> OneOwnerReader:
    reader = OneOwnerReader(sheet, table, legends)
    reader.owner, reader.by_person, reader.resolver.person = owner, True, True
    return reader


# -- blocks -----------------------------------------------------------------------------------------------------------


@dataclass(slots=True)
class Blocks:
    """Where every person's block begins, who it is, and which rows hold courses."""

    table: ListTable
    owners: dict[int, Owner]


class BlockReader(ListReader):
    """A list whose person stands once per block."""

    owners: dict[int, Owner]

    def subject_of(self, row: int, previous: tuple[str, str]) -> tuple[str, str]:
        """The owner of the block that the row lies in."""
        owner = self.owners[row]
        return owner.key, owner.name


def find_blocks(sheet: Sheet) -> Blocks | None:
    """A block per person: numbered courses under a name, or a name column filled only where a person begins."""
    return _sparse_names(sheet) or _headed_blocks(sheet) or _numbered_blocks(sheet)


def _headed_blocks(sheet: Sheet) -> Blocks | None:
    """A row that holds nothing but a person's name, then the rows of that person's courses, under one header."""
    table = find_list(sheet)
    if table is None or table.header is None or not table.has(*ITEM_FIELDS) or table.has("person", "last_name"):
        return None
    owners: dict[int, Owner] = {}
    above = (_heading_person(sheet, table, row) for row in range(table.header - 1, max(-1, table.header - 4), -1))
    heads: list[Owner] = [head for head in above if head][:1]
    rows = set(table.rows)
    for row in range(table.header + 1, sheet.height):
        head = _heading_person(sheet, table, row)
        if head:
            heads.append(head)
        elif row in rows:
            if not heads:
                return None
            owners[row] = heads[-1]
    if len({owner.key for owner in heads}) < 2 or len(heads) > len(owners) + 1:
        return None
    table.rows = list(owners)
    return Blocks(table, owners)


def _heading_person(sheet: Sheet, table: ListTable, row: int) -> Owner | None:
    """The person whose name stands alone in a row."""
    filled = sheet.filled(row)
    if not filled or len(filled) > 3 or (len(filled) > 1 and len(filled) * 2 > len(table.fields)):
        return None
    text = sheet.text(row, filled[0])
    if len(filled) > 1:
        named = _person_in(sheet, row) if _ENTRY.match(text) or sheet.vocabulary.field_names(text) else ""
        return owner_from(named, number_near(sheet, range(row, row + 1)), row) if named else None
    match = _ENTRY.match(text)
    if match and "person" in sheet.vocabulary.field_names(match[1]):
        text = match[2]
    owner = owner_from(text, "", row)
    return owner if looks_like_name(owner.name, sheet.vocabulary) else None


def _sparse_names(sheet: Sheet) -> Blocks | None:
    table = find_list(sheet)
    if table is None or not table.has(*ITEM_FIELDS):
        return None
    column = table.first("person", "last_name")
    items = table.first(*ITEM_FIELDS)
    if column is None or items is None or table.header is None:
        return None
    rows = [row for row in table.rows if sheet.kinds.at(row, items) != EMPTY]
    named = [row for row in table.rows if sheet.kinds.at(row, column) != EMPTY and _is_top(sheet, row, column)]
    named = [row for row in named if not sheet.vocabulary.starts_word("footer", sheet.text(row, column))]
    if len(named) < 2 or len(rows) < 4 or len(named) > 0.67 * len(rows) or named[0] > rows[0]:
        return None
    owners: dict[int, Owner] = {}
    current: Owner | None = None
    number = table.first("employee_no", "login")
    for row in table.rows:
        if row in named:
            name = re.sub(r"^\d{1,3}[.)]\s+", "", sheet.text(row, column))
            key = sheet.text(row, number) if number is not None else ""
            current = Owner(key or name, name, row)
        if current:
            owners[row] = current
    table.rows = [row for row in rows if row in owners]
    return Blocks(table, owners) if table.rows else None


def _is_top(sheet: Sheet, row: int, column: int) -> bool:
    span = sheet.merged(row, column)
    return span is None or span.top == row


def _graded(sheet: Sheet, column: int) -> bool:
    """Whether the heading over a column says that its numbers are levels or scores, which count nothing."""
    table = find_list(sheet)
    if table is None or table.header is None:
        return False
    words = words_of(sheet.text(table.header, column))
    return any(sheet.vocabulary.exact_field(word, "level", "target_level", "score") for word in words)


def _numbered_blocks(sheet: Sheet) -> Blocks | None:
    if sheet.width > 40:
        return None
    for column in range(min(4, sheet.width)):
        starts = _restarts(sheet, column) if not _graded(sheet, column) else []
        if len(starts) < 2:
            continue
        owners, rows = _owners_above(sheet, column, starts)
        if len(rows) <= len(starts):  # only ones: levels or marks, no numbering
            continue
        if len({owner.name for owner in owners.values()}) < 0.6 * len(starts) or not rows:
            continue
        used = sum(bool(sheet.filled(row)) for row in range(starts[0], sheet.height))
        if len({owner.name for owner in owners.values()}) < 2 or len(rows) < 0.45 * used:
            continue
        table = _block_table(sheet, column, starts[0], rows)
        item = table.first(*ITEM_FIELDS) if table else None
        if table and item is not None and sum(sheet.kinds.at(row, item) != EMPTY for row in rows) >= 0.8 * len(rows):
            return Blocks(table, owners)
    return None


def _restarts(sheet: Sheet, column: int) -> list[int]:
    """Rows where a numbering 1, 2, 3 … begins in a column."""
    starts = []
    numbers = [(row, sheet.grid.value(row, column)) for row in range(sheet.height)]
    for position, (row, value) in enumerate(numbers):
        if _as_int(value) == 1:
            following = next((_as_int(v) for _, v in numbers[position + 1 : position + 3] if v is not None), None)
            if following in (1, 2, None):
                starts.append(row)
    return starts


def _as_int(value: object) -> int | None:
    if isinstance(value, int) and not isinstance(value, bool):
        return value
    text = str(value).strip().rstrip(".)") if isinstance(value, str) else ""
    return int(text) if text.isdigit() and len(text) < 4 else None


def _owners_above(sheet: Sheet, column: int, starts: list[int]) -> tuple[dict[int, Owner], list[int]]:
    owners: dict[int, Owner] = {}
    rows: list[int] = []
    for position, start in enumerate(starts):
        end = starts[position + 1] if position + 1 < len(starts) else sheet.height
        owner = _owner_near(sheet, column, start, starts[position - 1] + 1 if position else 0)
        if owner is None:
            continue
        for row in range(start, end):
            if _as_int(sheet.grid.value(row, column)) is None or _names_another(sheet, row, column, owner):
                break
            owners[row] = owner
            rows.append(row)
    return owners, rows


def _names_another(sheet: Sheet, row: int, column: int, owner: Owner) -> bool:
    """Whether a row left of its number names somebody else: then it is a row of that person, not of the block."""
    texts = (sheet.text(row, left) for left in range(column))
    return any(text != owner.name and looks_like_name(text, sheet.vocabulary) for text in texts)


def _owner_near(sheet: Sheet, column: int, start: int, earliest: int) -> Owner | None:
    """The name left of a block's first row, or in the rows above it, nearest first."""
    for left in range(column):
        if looks_like_name(sheet.text(start, left), sheet.vocabulary):
            return Owner(sheet.text(start, left), sheet.text(start, left), start)
    for row in range(start - 1, max(earliest, start - 8) - 1, -1):
        text = _person_in(sheet, row)
        if text:
            return owner_from(text, number_near(sheet, range(row, start)) or _number_in(sheet, row, text), row)
    return None


def _person_in(sheet: Sheet, row: int) -> str:
    """The person that a row above a block names, by a label or by the form of a name; empty when it names nobody."""
    filled = sheet.filled(row)
    texts = [sheet.text(row, c) for c in filled]
    if any(len(re.findall(r"[:：]", text)) > 1 for text in texts):
        named = next((value for names, value, _ in row_entries(sheet, row) if "person" in names), "")
        if named:
            return named
    for position, text in enumerate(texts):
        match = _ENTRY.match(text)
        label, value = (match[1], match[2]) if match else (text, "")
        names = sheet.vocabulary.field_names(label)
        following = texts[position + 1] if position + 1 < len(texts) else ""
        if "person" in names and not value and following and not sheet.vocabulary.field_names(following):
            value = following
        if "person" in names and value:
            return value
        if looks_like_name(text, sheet.vocabulary) and len(filled) <= 3:
            return text
    return ""


def _number_in(sheet: Sheet, row: int, name: str) -> str:
    texts = (sheet.text(row, c) for c in sheet.filled(row))
    return next((text for text in texts if text != name and re.fullmatch(r"[A-Za-z]{0,3}\d{3,8}", text)), "")


def _block_table(sheet: Sheet, column: int, start: int, rows: list[int]) -> ListTable | None:
    """The columns right of the numbering: by the header row above the first block, or by what they hold."""
    fields: dict[int, str] = {column: "sequence"}
    header: int | None = None
    for row in range(start - 1, max(-1, start - 4), -1):
        names = {c: sheet.vocabulary.field_names(sheet.text(row, c)) for c in sheet.filled(row)}
        if sum(bool(n) for n in names.values()) >= 2:
            header = row
            columns = [c for c in names if c > column]
            fields.update({c: name for c, name in named_columns(sheet, row, columns).items() if name != "?"})
            break
    for c in range(column + 1, sheet.width):
        if c in fields:
            continue
        kinds = Counter(sheet.kinds.at(row, c) for row in rows)
        kinds.pop(EMPTY, None)
        if kinds:
            top = kinds.most_common(1)[0][0]
            fields[c] = "date" if top in (DATE, DATE_TEXT) else "?"
    if not any(f in ITEM_FIELDS for f in fields.values()):
        texts = [c for c in fields if c > column and sheet.column_profile(c, start)[1] > 0 and fields[c] == "?"]
        if not texts:
            return None
        fields[texts[0]] = "item"
    table = ListTable(header, fields, rows, 0.7)
    settle(sheet, table)
    return table


def read_blocks(sheet: Sheet, blocks: Blocks, legends: Mapping[str, CodeMeaning]) -> SheetReading:
    """The reading of a sheet with a block per person."""
    reader = BlockReader(sheet, blocks.table, legends)
    reader.owners, reader.by_person, reader.resolver.person = blocks.owners, True, True
    reader.long()
    names = {owner.name for owner in blocks.owners.values()}
    reason = Phrase("%(number)s names stand once each, with the rows of their courses below.", number=len(names))
    reading = reader.reading("block_per_person", 0.8, [reason])
    rows = {normal(owner.key): owner.row for owner in blocks.owners.values()}
    for subject in reading.subjects:
        subject.line = rows.get(normal(subject.key), subject.line)
    return reading


def person_like_name(name: str, sheet: Sheet) -> bool:
    """Whether the name of a sheet is the name of a person."""
    cleaned = re.sub(r"[_\d()]+", " ", name).strip()
    if looks_like_name(cleaned, sheet.vocabulary) or sheet.vocabulary.has_given_name(cleaned):
        return True
    kinds = (NAME, IDENT)
    return any(sheet.kinds.at(0, c) in kinds and normal(sheet.text(0, c)) == normal(name) for c in range(sheet.width))
