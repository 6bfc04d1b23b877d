"""Reads attendance lists: a course and its day above, names beside a column for signatures below; once or several
times on a sheet."""

import re
from collections.abc import Mapping
from datetime import date

from app.domain.importing.labels import split_label
from app.domain.importing.lexis import DATE, DATE_TEXT, EMPTY, NUMBER, SERIAL, SMALL
from app.domain.importing.listed import PERSON_FIELDS, ListTable
from app.domain.importing.lists import ListReader, Record
from app.domain.importing.listtables import named_columns
from app.domain.importing.matrix import day_of
from app.domain.importing.meanings import CodeMeaning
from app.domain.importing.measures import hours_of
from app.domain.importing.owners import Entries, header_entries, row_entries
from app.domain.importing.reading import SheetReading
from app.domain.importing.sheet import Sheet
from app.domain.importing.vocabulary import normal
from app.domain.text import Phrase

_ENTRY = re.compile(r"^\s*([^:：]{2,40}?)\s*[:：]\s*(.*)$", re.S)
_COURSE_FIELDS = ("item", "item_title", "item_code")


class Session:
    """One attendance list: what stands above it, and its rows."""

    def __init__(self, header: int, entries: Entries) -> None:
        self.header, self.entries = header, entries
        self.rows: list[int] = []

    @property
    def course(self) -> tuple[str, int, int] | None:
        """The cell that names the course."""
        return next((self.entries[f] for f in _COURSE_FIELDS if f in self.entries), None)


def read_sign_in(sheet: Sheet, table: ListTable, legends: Mapping[str, CodeMeaning]) -> SheetReading | None:
    """An attendance list: names beside a column for signatures, the course and its day in the rows above."""
    if table.header is None or not table.has(*PERSON_FIELDS) or table.has("item", "item_code"):
        return None
    sessions = _sessions(sheet, table)
    if not sessions or not all(session.course for session in sessions):
        return None
    if not table.has("signature") and not _titled(sheet, table.header):
        return None
    return _read(sheet, [(table, sessions)], legends)


def read_halves(sheet: Sheet, legends: Mapping[str, CodeMeaning]) -> SheetReading | None:
    """An attendance list that goes on beside itself: the same columns two or three times in one row of headers."""
    for row in range(min(sheet.height, 30)):
        columns = sheet.filled(row)
        texts = [normal(sheet.text(row, column)) for column in columns]
        for period in range(2, len(texts) // 2 + 1):
            if len(texts) % period == 0 and texts == texts[:period] * (len(texts) // period):
                parts = [columns[i : i + period] for i in range(0, len(columns), period)]
                fields = [named_columns(sheet, row, part) for part in parts]
                if all("signature" in f.values() and set(f.values()) & set(PERSON_FIELDS) for f in fields):
                    tables = [ListTable(row, own, share=1.0) for own in fields]
                    lists = [(table, _sessions(sheet, table)) for table in tables]
                    course = all(session.course for _, sessions in lists for session in sessions)
                    return _read(sheet, lists, legends) if course else None
    return None


def _read(
    sheet: Sheet, lists: list[tuple[ListTable, list[Session]]], legends: Mapping[str, CodeMeaning]
) -> SheetReading | None:
    for table, sessions in lists:
        table.rows = [row for session in sessions for row in session.rows]
    lists = [(table, sessions) for table, sessions in lists if table.rows]
    if not lists:
        return None
    readers = [ListReader(sheet, table, legends) for table, _ in lists]
    signed = {row for table, _ in lists for row in _signed(sheet, table)}
    for reader, (table, sessions) in zip(readers, lists, strict=True):
        reader.gathered = readers[0].gathered
        for session in sessions:
            _attend(sheet, reader, session, _signed(sheet, table), bool(signed))
    courses = [session.course or ("", 0, 0) for session in lists[0][1][:3]]
    names = "”, “".join(course[0][:60] for course in courses)
    reasons = [
        Phrase(
            "Names stand beside a column for signatures, under the course “%(names)s”: an attendance list.", names=names
        )
    ]
    if not signed:
        reasons.append(
            Phrase("No signature is typed in; on paper they are drawn. Everybody listed counts as attending.")
        )
    return readers[0].reading("sign_in", 0.85, reasons) if readers[0].gathered.records else None


def _titled(sheet: Sheet, header: int) -> bool:
    """Whether the sheet calls itself an attendance list."""
    texts = [sheet.text(row, column) for row in range(header) for column in sheet.filled(row)]
    return any(sheet.vocabulary.starts_word("attendance", text) for text in [sheet.grid.name, *texts])


def _sessions(sheet: Sheet, table: ListTable) -> list[Session]:
    """The lists on the sheet, split where the header comes again."""
    top = table.header or 0
    header = {c: normal(sheet.text(top, c)) for c in table.fields}
    sessions = [Session(top, header_entries(sheet, top))]
    end = 0
    for row in range(top + 1, sheet.height):
        same = sum(bool(text) and normal(sheet.text(row, c)) == text for c, text in header.items())
        if same >= 0.6 * len(header):
            sessions.append(Session(row, header_entries(sheet, row, end)))
        elif _attends(sheet, table, row):
            sessions[-1].rows.append(row)
            end = row + 1
    if len(sessions) > 1 and not all(session.course for session in sessions):
        for session in sessions[1:]:  # one course, continued on the next page
            if session.course is None:
                session.entries = {**sessions[0].entries, **session.entries}
    return sessions


def _attends(sheet: Sheet, table: ListTable, row: int) -> bool:
    """Whether a row names an attendee: no entry such as ``Trainer: …``, no lone number, no line for a signature."""
    filled = [c for c in sheet.filled(row) if table.fields.get(c) != "sequence"]
    keys = [c for c in filled if table.fields.get(c) in PERSON_FIELDS]
    if not keys or all(sheet.kinds.at(row, c) in (NUMBER, SMALL) for c in filled):
        return False
    texts = [sheet.text(row, c) for c in filled]
    if any(re.search(r"_{4,}|\.{6,}|…{2,}", text) for text in texts):
        return False
    first = sheet.text(row, sheet.filled(row)[0])
    if first.endswith((":", "：")) or (_ENTRY.match(first) and sheet.vocabulary.field_names(first.split(":")[0])):
        return False
    named = any(names for names, _, _ in row_entries(sheet, row))
    alone = len(filled) == 1 and sheet.filled(row) == filled and len(table.fields) > 2
    footer = sheet.vocabulary.starts_word("footer", first) or sheet.vocabulary.has_word("legend", first)
    title = alone and (sheet.vocabulary.starts_word("attendance", first) or first.isupper())
    return not (title or (footer and len(filled) < 3) or (named and sheet.vocabulary.field_names(first)))


def _signed(sheet: Sheet, table: ListTable) -> set[int]:
    columns = [c for c, what in table.fields.items() if what == "signature"]
    return {row for row in table.rows if any(sheet.kinds.at(row, c) != EMPTY for c in columns)}


def _attend(sheet: Sheet, reader: ListReader, session: Session, signed: set[int], typed: bool) -> None:
    """Record everybody in the rows of a session. ``typed`` is whether signatures are typed in at all."""
    entries, course = session.entries, session.course
    if course is None:
        return
    label = split_label(course[0])
    code = entries["item_code"][0] if "item_code" in entries and entries["item_code"][0] != course[0] else label.code
    item = reader.gathered.item(code, label.title, course[1])
    if "hours" in entries:
        reader.gathered.items[item].hours = hours_of(entries["hours"][0], sheet.vocabulary)
    held = _day_in(sheet, reader, entries)
    signature = reader.table.first("signature") or 0
    for row in session.rows:
        who = reader.subject_of(row, ("", ""))
        if not who[0]:
            continue
        record = Record(row, signature, reader.gathered.subject(*who, row), item)
        own = reader.table.first("date")
        if own is not None and sheet.kinds.at(row, own) in (DATE, DATE_TEXT, SERIAL):
            record.day = day_of(sheet.grid.value(row, own), sheet.kinds.at(row, own), reader.resolver)
        absent = _absent(sheet, reader.table, row)
        record.day = record.day or (held if row in signed or not typed else None)
        if absent or (record.day is None and typed and row not in signed):
            record.day, record.detail = None, "not_started"
        reader.gathered.records.append(record)


def _absent(sheet: Sheet, table: ListTable, row: int) -> bool:
    """Whether a word beside the name says that the person was not there."""
    for column, what in table.fields.items():
        if what in ("signature", "status", "comment", "?"):
            text = sheet.text(row, column)
            if text and sheet.vocabulary.detail(text) in ("not_started", "not_required", "not_applicable"):
                return True
    return False


def _day_in(sheet: Sheet, reader: ListReader, entries: Entries) -> date | None:
    place = next((entries[f] for f in ("date", "planned", "effective") if f in entries), None)
    if place is None:
        return None
    value, kind = sheet.grid.value(place[1], place[2]), sheet.kinds.at(place[1], place[2])
    if isinstance(value, str):
        value, kind = place[0], DATE_TEXT
    return day_of(value, kind, reader.resolver)
