"""Reads lists: one row per person and course (long), several values in one cell, ragged rows, JSON in a cell."""

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date
from typing import Any

from app.domain.importing import meanings as m
from app.domain.importing.codes import Resolver
from app.domain.importing.dates import day_first
from app.domain.importing.entries import Entry, entries_of
from app.domain.importing.grid import as_text
from app.domain.importing.headers import provenance
from app.domain.importing.labels import split_key, split_label
from app.domain.importing.legend import Outside, entry_meanings, find_entries
from app.domain.importing.lexis import (
    CODE,
    DATE,
    DATE_TEXT,
    EMPTY,
    MARK,
    SERIAL,
    SMALL,
    STATUS,
    kind_of,
)
from app.domain.importing.listcells import alternatives, list_columns
from app.domain.importing.listed import ITEM_FIELDS, PERSON_FIELDS, ROLE_FIELDS, ListTable
from app.domain.importing.matrix import day_of
from app.domain.importing.meanings import CodeMeaning, code_meaning
from app.domain.importing.measures import hours_of, months_of, unit_of
from app.domain.importing.profile import profile_of
from app.domain.importing.reading import IN_ROWS, Fact, Item, Question, SheetReading, Subject
from app.domain.importing.sheet import Sheet
from app.domain.importing.vocabulary import normal, words_of
from app.domain.text import Phrase


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
    detail: str | None = None


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


# What an entry without a code says beside a job function, and where nobody says who it is.
_LISTED = {False: Phrase("listed beside a job function"), True: Phrase("listed without a status")}
# What a heading over a list can say about every entry in it.
_HEADING_DETAILS = {"required", "read", "before_start", "optional", "on_request"}
_HEADING_DETAILS |= {"held", "planned", "in_progress", "not_started", "expired"}


class ListReader:
    """Turns the rows of a list into records and those into a reading."""

    def __init__(self, sheet: Sheet, table: ListTable, legends: Mapping[str, CodeMeaning]) -> None:
        self.sheet, self.table = sheet, table
        self.person = table.first(*PERSON_FIELDS)
        self.role = table.first(*ROLE_FIELDS, "role_code")
        self.by_person = self.person is not None
        self.gathered = Gathered()
        outside = Outside(table.header or 0, table.rows[-1], max(table.fields))
        entries = find_entries(sheet, outside)
        self.resolver = Resolver(sheet.vocabulary, self.by_person, epoch1904=sheet.grid.epoch1904)
        self.resolver.legend = {**legends, **entry_meanings(entries, sheet.vocabulary)}
        self.resolver.chosen = dict(sheet.choices.get("legend", {}))
        self.source: int | None = None
        self.entries: Counter[Any] = Counter()
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
        self.told = counts
        self._take_profile(Counter())

    def _take_profile(self, entries: Counter[Any]) -> None:
        """Look at all that is said about people and items together: in cells of its own, and in entries of lists."""
        kinds, values, vocabulary = self.sheet.kinds.of_code, self.sheet.grid.values, self.sheet.vocabulary
        cells = [(values[c], kinds[c], n) for c, n in self.told.items()]
        said = [(value, kind_of(value, vocabulary), n) for value, n in entries.items()]
        self.resolver.profile = profile_of([*cells, *said], vocabulary)

    def subject_of(self, row: int, previous: tuple[str, str]) -> tuple[str, str]:
        """Key and name of the person or job function of a row; the one above where the cell is empty."""
        table, sheet = self.table, self.sheet
        if not self.by_person:
            text = sheet.spread(row, self.role) if self.role is not None else ""
            coded = table.first("role_code")
            if coded is not None and sheet.spread(row, coded):
                return sheet.spread(row, coded), text or sheet.spread(row, coded)
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
        carried: tuple[str | None, str | None] = (None, None)
        for row in self.table.rows:
            own = self.subject_of(row, ("", ""))
            code, title = self.item_of(row)
            if code or title:
                carried, self.source = (code, title), row
            elif own[0]:
                code, title = carried
            previous = own if own[0] else previous
            if previous[0] and (code or title):
                self._record(row, previous, code, title)

    def _place(self, row: int, column: int) -> tuple[int, int]:
        """Where the value of a cell stands: there, at the corner of its merged range, or in the row of the item."""
        span = self.sheet.merged(row, column)
        if span:
            return span.top, span.left
        if self.source is not None and self.source < row and self.sheet.kinds.at(row, column) == EMPTY:
            item = self.table.first(*ITEM_FIELDS)
            if item is not None and not self.sheet.spread(row, item):
                return self._place(self.source, column)
        return row, column

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
        self._fill_days(record)
        self._fill_status(record)
        self.gathered.records.append(record)

    def header(self, column: int) -> str:
        """Text of a column's header."""
        return self.sheet.text(self.table.header, column) if self.table.header is not None else ""

    def _describe_item(self, row: int, item: Item) -> None:
        vocabulary = self.sheet.vocabulary
        for what in ("hours", "validity", "version"):
            column = self.table.first(what)
            if column is None and what == "hours" and self.by_person and self.table.has("date"):
                column = self.table.first("days")
            if column is None:
                continue
            value = self.sheet.grid.value(*self._place(row, column))
            unit = unit_of(self.header(column), vocabulary)
            if what == "hours" and item.hours is None:
                item.hours = hours_of(value, vocabulary, unit or "hours")
            elif what == "validity" and item.valid_months is None:
                item.valid_months = months_of(value, vocabulary, unit or "months")
            elif what == "version" and value is not None:
                item.version = as_text(value)

    def _fill_days(self, record: Record) -> None:
        sheet, table = self.sheet, self.table
        for name in ("date", "expiry"):
            column = table.first(name)
            if column is None:
                continue
            place = self._place(record.row, column)
            kind = sheet.kinds.at(*place)
            if kind in (DATE, DATE_TEXT, SERIAL):
                day = day_of(sheet.grid.value(*place), kind, self.resolver)
                if name == "date":
                    record.day = day
                else:
                    record.expires = day
            elif name == "date" and kind != EMPTY:
                record.value, record.kind = sheet.grid.value(*place), kind

    def _fill_status(self, record: Record) -> None:
        sheet, table = self.sheet, self.table
        for name in ("level", "status", "required", "score"):
            column = table.first(name)
            if column is not None and sheet.kinds.at(record.row, column) != EMPTY:
                if name == "score" and (record.value is not None or self._dated_table()):
                    break
                record.value, record.kind = sheet.grid.value(record.row, column), sheet.kinds.at(record.row, column)
                if name != "score":
                    break

    def _dated_table(self) -> bool:
        """Whether days say who is trained, so that a mark or score beside them adds nothing."""
        return self.table.has("date")

    def inside_cells(self) -> None:
        """Several records per row, from a list in one of its cells."""
        lists = list_columns(self.sheet, self.table)
        details = {column: self._heading_detail(column) for column in lists}
        known = {column: self._known_entries(column) for column in lists}
        previous = ("", "")
        for row in self.table.rows:
            previous = self.subject_of(row, previous)
            if previous[0] and not any(self._names_subjects(column) for column in lists):
                self.gathered.subject(*previous, row)
            for column in lists:
                self._entries(row, column, previous, known[column], details[column])

    def under_headings(self, said: Mapping[int, str]) -> None:
        """Records of all whom the cells of these columns name, with what each column says about them."""
        known = {column: self._known_entries(column) for column in said}
        for row in self.table.rows:
            for column, detail in said.items():
                self._entries(row, column, ("", ""), known[column], detail)

    def _names_subjects(self, column: int) -> bool:
        return self.table.fields.get(column) in (*PERSON_FIELDS, *ROLE_FIELDS)

    def _heading_detail(self, column: int) -> str | None:
        """What the heading of a list says about all its entries: "Completed courses", "Optional trainings"."""
        vocabulary, heading = self.sheet.vocabulary, self.header(column)
        words = [word for word in words_of(heading) if not vocabulary.names_field(word, *ITEM_FIELDS)]
        found = (vocabulary.detail(text, whole=False) for text in (" ".join(words), heading))
        return next((detail for detail in found if detail in _HEADING_DETAILS), None)

    def tells(self, column: int) -> bool:
        """Whether the heading of a list speaks of training: of items, or of being required or done."""
        heading, vocabulary = self.header(column), self.sheet.vocabulary
        named = any(vocabulary.names_field(word, *ITEM_FIELDS) for word in (heading, *words_of(heading)))
        return named or self._heading_detail(column) is not None

    def _known_entries(self, column: int) -> set[str]:
        """Entries that stand alone between the signs of a list in the column; they settle what " / " parts."""
        if not self._names_subjects(column):
            return set()
        texts = (self.sheet.grid.value(row, column) for row in self.table.rows)
        return {
            normal(e.text) for text in texts if isinstance(text, str) for e in entries_of(text, self.sheet.vocabulary)
        }

    def _entries(self, row: int, column: int, who: tuple[str, str], known: set[str], detail: str | None) -> None:
        raw = self.sheet.grid.value(row, column)
        if raw is None:
            return
        item = self.item_of(row)
        entries = entries_of(raw if isinstance(raw, str) else as_text(raw), self.sheet.vocabulary)
        own = any(entry.day or entry.status is not None for entry in entries)
        for entry in entries:
            if self._names_subjects(column) and (item[0] or item[1]):
                for text in alternatives(entry.text, known):
                    subject, of = self.gathered.subject(text, text, row), self.gathered.item(*item, row)
                    self._describe_item(row, self.gathered.items[of])
                    self._keep(Record(row, column, subject, of, detail=detail), entry, own)
            elif who[0]:
                label = split_label(entry.text)
                code, title = (entry.text, entry.title) if entry.title else (label.code, label.title)
                subject, of = self.gathered.subject(*who, row), self.gathered.item(code, title, row)
                self._keep(Record(row, column, subject, of, detail=detail), entry, own)

    def _keep(self, record: Record, entry: Entry, own: bool) -> None:
        """Add the record of an entry; where entries state no days of their own, the day of the row is theirs."""
        if self.by_person and not own and record.detail is None:
            self._fill_days(record)
        record.day, record.expires = entry.day or record.day, entry.expires or record.expires
        if isinstance(entry.status, bool):
            record.detail = "held" if entry.status else "not_started"
        elif entry.status is not None:
            record.value, record.kind = entry.status, kind_of(entry.status, self.sheet.vocabulary)
            self.entries[entry.status] += 1
        self.gathered.records.append(record)

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
            return code_meaning("date", 0.9, Phrase("a date"))
        if record.detail:
            return code_meaning(record.detail, 0.8, Phrase("the heading of the column, or the entry itself, says so"))
        if self.table.has("date") and self.by_person:
            return code_meaning("not_started", 0.7, Phrase("no date in the column of dates"))
        if self.by_person and not self.table.has("status", "level"):
            return code_meaning("held", 0.55, Phrase("listed beside a person"))
        return code_meaning("required", 0.75, _LISTED[self.by_person])

    def reading(self, verdict: str, confidence: float, reasons: list[Phrase]) -> SheetReading:
        """The reading with everything gathered."""
        table, gathered = self.table, self.gathered
        if self.entries:
            self._take_profile(self.entries)
        reading = SheetReading(self.sheet.grid.name, verdict, confidence, reasons, IN_ROWS)
        reading.header_rows = table.header_rows
        reading.first_data_row, reading.last_data_row = table.rows[0], table.rows[-1]
        reading.metadata_columns = {c: f for c, f in table.fields.items() if f != "?"}
        reading.subjects, reading.items = list(gathered.subjects.values()), list(gathered.items.values())
        reading.provenance = provenance(self.sheet, table.header or 0)
        reading.key_column = self.person if self.by_person else self.role
        reading.subject_kind = "person" if self.by_person else "role"
        reading.listed = True
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
                problem = Phrase("“%(text)s”: %(why)s.", text=text[:40], why=meaning.why)
                reading.questions.append(Question(record.row, record.column, text, problem))

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
