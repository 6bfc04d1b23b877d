"""Reads lists: one row per person and course (long), several values in one cell, ragged rows, JSON in a cell."""

import json
import re
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date
from typing import Any

from app.domain.importing import meanings as m
from app.domain.importing.codes import Resolver, profile_of
from app.domain.importing.dates import day_first
from app.domain.importing.grid import as_text
from app.domain.importing.headers import provenance
from app.domain.importing.labels import split_key, split_label
from app.domain.importing.legend import Outside, entry_meanings, find_entries
from app.domain.importing.lexis import CODE, DATE, DATE_TEXT, EMPTY, JSON, LIST, MARK, SERIAL, SMALL, STATUS, split_list
from app.domain.importing.listtables import PERSON_FIELDS, ROLE_FIELDS, ListTable
from app.domain.importing.matrix import day_of
from app.domain.importing.meanings import CodeMeaning, code_meaning
from app.domain.importing.measures import hours_of, months_of
from app.domain.importing.reading import IN_ROWS, Fact, Item, Question, SheetReading, Subject
from app.domain.importing.sheet import Sheet
from app.domain.importing.vocabulary import normal


@dataclass(slots=True)
class Record:
    """One row of a list, or one entry of a list inside a cell."""

    row: int
    column: int
    subject: str
    item: str
    value: Any = None
    kind: int = EMPTY
    day: date | None = None
    expires: date | None = None


@dataclass(slots=True)
class Gathered:
    """Subjects and items in the order in which they appear, and the records between them."""

    subjects: dict[str, Subject] = field(default_factory=dict)
    items: dict[str, Item] = field(default_factory=dict)
    records: list[Record] = field(default_factory=list)

    def subject(self, key: str, name: str, row: int) -> str:
        """Remember a subject; return what identifies it."""
        known = normal(key)
        self.subjects.setdefault(known, Subject(key, name, row))
        return known

    def item(self, code: str | None, title: str | None, row: int) -> str:
        """Remember an item; return what identifies it."""
        known = normal(code or title or "")
        self.items.setdefault(known, Item(code, title, row))
        if title and not self.items[known].title:
            self.items[known].title = title
        return known


class ListReader:
    """Turns the rows of a list into records and those into a reading."""

    def __init__(self, sheet: Sheet, table: ListTable, legends: Mapping[str, CodeMeaning]) -> None:
        self.sheet, self.table = sheet, table
        self.person = table.first(*PERSON_FIELDS)
        self.role = table.first(*ROLE_FIELDS)
        self.by_person = self.person is not None
        self.gathered = Gathered()
        outside = Outside(table.header or 0, table.rows[-1], max(table.fields))
        entries = find_entries(sheet, outside)
        self.resolver = Resolver(sheet.vocabulary, self.by_person, epoch1904=sheet.grid.epoch1904)
        self.resolver.legend = {**legends, **entry_meanings(entries, sheet.vocabulary)}
        self.resolver.chosen = dict(sheet.choices.get("legend", {}))
        self._prepare()

    def _prepare(self) -> None:
        sheet, table = self.sheet, self.table
        dates = [c for c, f in table.fields.items() if f in ("date", "expiry", "planned")]
        texts = [sheet.text(r, c) for c in dates for r in table.rows if sheet.kinds.at(r, c) == DATE_TEXT]
        chosen = sheet.choices.get("date_order")
        self.resolver.dmy = str(chosen).startswith("day") if chosen else day_first(texts)
        columns = [c for c, f in table.fields.items() if f in ("status", "level", "required", "score")]
        counts = Counter(sheet.grid.rows[r][c] for c in columns for r in table.rows)
        counts.pop(0, None)
        kinds, values = sheet.kinds.of_code, sheet.grid.values
        self.resolver.profile = profile_of(((values[c], kinds[c], n) for c, n in counts.items()), sheet.vocabulary)

    def subject_of(self, row: int, previous: tuple[str, str]) -> tuple[str, str]:
        """Key and name of the person or job function of a row; the one above where the cell is empty."""
        table, sheet = self.table, self.sheet
        if not self.by_person:
            text = sheet.spread(row, self.role) if self.role is not None else ""
            label = split_key(text)
            return (label.code or text, label.title or text) if text else previous
        first, last = table.first("first_name"), table.first("last_name")
        full = table.first("person")
        name = sheet.spread(row, full) if full is not None else ""
        if not name:
            name = " ".join(sheet.spread(row, c) for c in (first, last) if c is not None).strip()
        number = table.first("employee_no", "login", "email", "initials")
        key = sheet.spread(row, number) if number is not None else ""
        if not key and not name:
            return previous
        return key or name, name or key

    def item_of(self, row: int) -> tuple[str | None, str | None]:
        """Code and title of the item of a row."""
        table, sheet = self.table, self.sheet
        code_column = table.first("item_code")
        title_column = table.first("item", "item_title")
        code = sheet.spread(row, code_column) if code_column is not None else ""
        title = sheet.spread(row, title_column) if title_column is not None else ""
        second = table.first("item_title") if table.first("item") is not None else None
        if second is not None and not code_column:
            code, title = title, sheet.spread(row, second)
        if not code and title:
            label = split_label(title)
            return label.code, label.title
        return code or None, title or None

    def long(self) -> None:
        """One record per row."""
        previous = ("", "")
        for row in self.table.rows:
            previous = self.subject_of(row, previous)
            code, title = self.item_of(row)
            if previous[0] and (code or title):
                self._record(row, previous, code, title)

    def _record(self, row: int, who: tuple[str, str], code: str | None, title: str | None) -> None:
        subject = self.gathered.subject(*who, row)
        item = self.gathered.item(code, title, row)
        self._describe_item(row, self.gathered.items[item])
        column = (
            self.table.first(
                "date", "status", "level", "required", "expiry", "score", "item_code", "item", "item_title"
            )
            or 0
        )
        record = Record(row, column, subject, item)
        self._fill(record)
        self.gathered.records.append(record)

    def _describe_item(self, row: int, item: Item) -> None:
        for what in ("hours", "validity", "version"):
            column = self.table.first(what)
            if column is None:
                continue
            value = self.sheet.grid.value(row, column)
            if what == "hours" and item.hours is None:
                item.hours = hours_of(value, self.sheet.vocabulary)
            elif what == "validity" and item.valid_months is None:
                item.valid_months = months_of(value, self.sheet.vocabulary)
            elif what == "version" and value is not None:
                item.version = as_text(value)

    def _fill(self, record: Record) -> None:
        sheet, table = self.sheet, self.table
        for name in ("date", "expiry"):
            column = table.first(name)
            if column is None:
                continue
            kind = sheet.kinds.at(record.row, column)
            if kind in (DATE, DATE_TEXT, SERIAL):
                day = day_of(sheet.grid.value(record.row, column), kind, self.resolver)
                if name == "date":
                    record.day = day
                else:
                    record.expires = day
        for name in ("level", "status", "required", "score"):
            column = table.first(name)
            if column is not None and sheet.kinds.at(record.row, column) != EMPTY:
                record.value, record.kind = sheet.grid.value(record.row, column), sheet.kinds.at(record.row, column)
                if name != "score":
                    break

    def inside_cells(self) -> None:
        """Several records per row, from a list in one of its cells."""
        lists = list_columns(self.sheet, self.table)
        previous = ("", "")
        for row in self.table.rows:
            previous = self.subject_of(row, previous)
            code, title = self.item_of(row)
            for column in lists:
                self._entries(row, column, previous, (code, title))

    def _entries(self, row: int, column: int, who: tuple[str, str], item: tuple[str | None, str | None]) -> None:
        raw = self.sheet.grid.value(row, column)
        if raw is None:
            return
        named_subjects = self.table.fields.get(column) in (*PERSON_FIELDS, *ROLE_FIELDS)
        for text, day in entries_of(raw if isinstance(raw, str) else as_text(raw)):
            if named_subjects and (item[0] or item[1]):
                subject, known = self.gathered.subject(text, text, row), self.gathered.item(*item, row)
                self._describe_item(row, self.gathered.items[known])
            elif who[0]:
                label = split_label(text)
                subject, known = self.gathered.subject(*who, row), self.gathered.item(label.code, label.title, row)
            else:
                continue
            self.gathered.records.append(Record(row, column, subject, known, day=day))

    # -- the reading --------------------------------------------------------------------------------------------------

    def meaning(self, record: Record) -> CodeMeaning:
        """What a record says."""
        if record.value is not None:
            found = self.resolver.meaning(record.value, record.kind)
            if found.meaning == m.HELD and record.day:
                return code_meaning("date", found.confidence, found.why)
            if found.meaning != m.UNKNOWN or not record.day:
                return found
        if record.day or record.expires:
            return code_meaning("date", 0.9, "a date")
        if self.table.has("date") and self.by_person:
            return code_meaning("not_started", 0.7, "no date in the column of dates")
        if self.by_person and not self.table.has("status", "level"):
            return code_meaning("held", 0.55, "listed beside a person")
        return code_meaning(
            "required", 0.75, "listed beside a job function" if not self.by_person else "listed without a status"
        )

    def reading(self, verdict: str, confidence: float, reasons: list[str]) -> SheetReading:
        """The reading with everything gathered."""
        table, gathered = self.table, self.gathered
        reading = SheetReading(self.sheet.grid.name, verdict, confidence, reasons, IN_ROWS)
        reading.header_rows = [] if table.header is None else [table.header]
        reading.first_data_row, reading.last_data_row = table.rows[0], table.rows[-1]
        reading.metadata_columns = {c: f for c, f in table.fields.items() if f != "?"}
        reading.subjects, reading.items = list(gathered.subjects.values()), list(gathered.items.values())
        reading.provenance = provenance(self.sheet, table.header or 0)
        reading.key_column = self.person if self.by_person else self.role
        reading.subject_kind = "person" if self.by_person else "role"
        self._count(reading)
        subjects = {key: position for position, key in enumerate(gathered.subjects)}
        items = {key: position for position, key in enumerate(gathered.items)}
        reading.facts = lambda: self._facts(subjects, items)
        return reading

    def _count(self, reading: SheetReading) -> None:
        asked: set[str] = set()
        for record in self.gathered.records:
            meaning = self.meaning(record)
            reading.cells[meaning.meaning] += 1
            text = as_text(record.value)
            if text and record.kind in (MARK, CODE, STATUS, SMALL):
                reading.legend[text] = meaning
            if meaning.confidence < 0.5 and text not in asked and len(asked) < 50:
                asked.add(text)
                reading.questions.append(Question(record.row, record.column, text, f"“{text[:40]}”: {meaning.why}."))

    def _facts(self, subjects: dict[str, int], items: dict[str, int]) -> Iterator[Fact]:
        for record in self.gathered.records:
            meaning = self.meaning(record)
            yield Fact(
                record.row,
                record.column,
                subjects[record.subject],
                items[record.item],
                meaning.meaning,
                meaning.detail,
                as_text(record.value),
                record.day,
                meaning.level,
                record.expires,
            )


def list_columns(sheet: Sheet, table: ListTable) -> list[int]:
    """Columns of subjects or items whose cells hold lists or JSON."""
    found = []
    for column, what in table.fields.items():
        kinds = Counter(sheet.kinds.at(row, column) for row in table.rows)
        total = sum(kinds.values()) - kinds[EMPTY]
        listed = kinds[LIST] + kinds[JSON]
        if what in ROLE_FIELDS:
            listed = sum(any(sign in sheet.text(row, column) for sign in ",;") for row in table.rows)
        everyone = sum(sheet.vocabulary.is_word("everyone", sheet.text(row, column)) for row in table.rows)
        subject_or_item = what in (*ROLE_FIELDS, "person", "item", "item_code", "item_title", "?")
        if total and subject_or_item and listed and listed + everyone >= 2 and listed + everyone >= 0.25 * total:
            found.append(column)
    return found


def entries_of(raw: str) -> list[tuple[str, date | None]]:
    """Entries of a list in a cell, JSON included, with the day beside an entry where there is one."""
    text = raw.strip()
    if text[:1] in "[{":
        try:
            return [entry for entry in _json_entries(json.loads(text)) if entry[0]]
        except ValueError:
            pass
    return [(" ".join(part.split()), None) for part in split_list(raw)]


def _json_entries(data: Any) -> Iterator[tuple[str, date | None]]:
    if isinstance(data, dict):
        named = next(
            (data[k] for k in ("code", "course", "item", "name", "title", "id", "sop", "training") if k in data), None
        )
        if named is not None and not isinstance(named, list | dict):
            yield as_text(named), _json_day(data)
            return
        for key, value in data.items():
            if isinstance(value, list | dict) and value and not isinstance(value, dict):
                yield from _json_entries(value)
            elif value not in (False, None, 0, ""):
                yield as_text(key), _json_day({"date": value}) if isinstance(value, str) else None
    elif isinstance(data, list):
        for entry in data:
            yield from _json_entries(entry) if isinstance(entry, list | dict) else [(as_text(entry), None)]


def _json_day(data: Mapping[str, Any]) -> date | None:
    for value in data.values():
        if isinstance(value, str) and re.fullmatch(r"\d{4}-\d{2}-\d{2}.*", value):
            try:
                return date.fromisoformat(value[:10])
            except ValueError:
                return None
    return None
