"""Adds lines to a matrix for the people, job functions and items that are new since it was imported."""

from dataclasses import dataclass
from datetime import date
from typing import Any

from app.domain.dates import add_months
from app.domain.importing import Item
from app.domain.text import Phrase
from app.services.matrix_import.looks import label_like, months_like, name_like
from app.services.matrix_import.writeback import Sheet
from app.services.matrix_import.writeback_matrix import MatrixWriter

Insert = tuple[int, int, int]


@dataclass(frozen=True, slots=True)
class Block:
    """The lines of one item: several where date and level stand side by side. ``main`` is where a cell says that the
    item is required or held, ``expiry`` where it says until when."""

    lines: tuple[int, ...]
    main: int
    expiry: int | None = None


class Grower:
    """Adds new lines behind the last ones, looking like them. Use :meth:`run` after the cells have been updated."""

    def __init__(self, sheet: Sheet, writer: MatrixWriter) -> None:
        self.sheet, self.writer, self.reading = sheet, writer, sheet.reading
        self.in_rows = sheet.reading.orientation != "subjects_in_columns"
        self.subject_lines: dict[int, int] = {}
        item_lines: dict[int, dict[int, str]] = {}
        for place in writer.places:
            subject, item = (place.row, place.column) if self.in_rows else (place.column, place.row)
            self.subject_lines[place.subject] = subject
            item_lines.setdefault(place.item, {})[item] = place.sub
        self.item_lines = item_lines
        self.stacked = len({min(lines) for lines in item_lines.values()}) < len(item_lines) or len(
            set(self.subject_lines.values())
        ) < len(self.subject_lines)

    def run(self) -> None:
        """Find what belongs on the sheet, make room, write headings and cells."""
        if not self.writer.places or self.stacked:
            return
        grow = self.sheet.options.grow
        items = self._items() if "items" in grow else []
        subjects = self._subjects(items) if "subjects" in grow else []
        if not items and not subjects:
            return
        last_item, last_subject = max(self.item_lines), max(self.subject_lines)
        block = self._block(last_item)
        subject_line = max(self.subject_lines.values())
        if self.in_rows and self.reading.last_data_row is not None:
            subject_line = max(subject_line, self.reading.last_data_row)
        item_at, subject_at = block.lines[-1] + 1, subject_line + 1
        item_inserts: list[Insert] = [(item_at, 1, like) for _ in items for like in block.lines]
        subject_inserts: list[Insert] = [(subject_at, len(subjects), subject_line)] if subjects else []
        rows, columns = (subject_inserts, item_inserts) if self.in_rows else (item_inserts, subject_inserts)
        self.sheet.edits.insert(rows, columns)
        width = len(block.lines)
        shift = width * len(items)
        for number, subject in enumerate(subjects):
            self._head_subject(subject, subject_at + number, last_subject, number, (item_at, shift))
            for index in self.item_lines:
                code = self.writer.items[index]
                if code is not None:
                    own = self._block(index)
                    away = shift if own.main >= item_at else 0
                    self._cell(subject, code, subject_at + number, own, away, index)
        for number, item in enumerate(items):
            away = item_at + number * width - block.lines[0]
            self._head_item(item, last_item, block, away)
            for index, line in self.subject_lines.items():
                code = self.writer.subjects[index]
                if code is not None:
                    self._cell(code, item, line, block, away, last_item)
            for position, subject in enumerate(subjects):
                self._cell(subject, item, subject_at + position, block, away, last_item)

    # -- what belongs on the sheet ------------------------------------------------------------------------------------

    def _items(self) -> list[str]:
        recorded, here = self.sheet.recorded, {code for code in self.writer.subjects if code}
        functions = recorded.functions_of(here) if self.sheet.by_person else here
        return [item for item in recorded.new_items if any((one, item) in recorded.new_pairs for one in functions)]

    def _subjects(self, new_items: list[str]) -> list[str]:
        recorded, here = self.sheet.recorded, {code for code in self.writer.subjects if code}
        items = [code for code in [*self.writer.items, *new_items] if code]
        if not self.sheet.by_person:
            return [one for one in recorded.new_functions if any((one, item) in recorded.needs for item in items)]
        functions = recorded.functions_of(here)
        if functions:
            return [one for one in recorded.new_people if recorded.held.get(one, set()) & functions]
        return [one for one in recorded.new_people if any((one, item) in recorded.days for item in items)]

    # -- cells --------------------------------------------------------------------------------------------------------

    def _block(self, item: int) -> Block:
        subs = self.item_lines[item]
        first = min(subs)
        lines = tuple(sorted(subs))
        if self.in_rows:
            following = [line for line in self.reading.item_lines if line > first]
            others = {line for other, known in self.item_lines.items() if other != item for line in known}
            silent = [line for line in following if line not in subs and line not in others]
            lines = tuple(sorted({*subs, *(line for line in silent if all(o < first or o > line for o in others))}))
        main = next((line for line, sub in sorted(subs.items()) if sub == "date"), None)
        if main is None:
            main = next((line for line, sub in sorted(subs.items()) if not sub), first)
        return Block(lines, main, next((line for line, sub in subs.items() if sub == "expiry"), None))

    def _at(self, subject_line: int, item_line: int) -> tuple[int, int]:
        return (subject_line, item_line) if self.in_rows else (item_line, subject_line)

    def _cell(self, subject: str, item: str, line: int, block: Block, away: int, index: int) -> None:
        sheet = self.sheet
        place = self._at(line, block.main + away)
        if not sheet.by_person:
            text = self.writer.required(subject, item)
            if text is None:
                return
            value, like = sheet.sign(text)
            sheet.fill(place, int(text) if sheet.signs.counted() else value, like and self._moved(like))
            return
        day = sheet.recorded.latest(subject, item)
        value = self.writer.trained(day) if day else None
        if day is None or value is None:
            return
        sheet.fill(place, value, self._look(value))
        months = self.reading.items[index].valid_months
        if block.expiry is not None and months:
            ends = sheet.dates.write(add_months(day, months))
            sheet.fill(self._at(line, block.expiry + away), ends, self._look(ends))

    def _look(self, value: Any) -> tuple[int, int] | None:
        sample = self.sheet.dates.sample
        return self._moved(sample) if isinstance(value, date) and sample else None

    def _moved(self, place: tuple[int, int]) -> tuple[int, int]:
        edits = self.sheet.edits
        rows = sum(count for at, count, _ in edits.rows if at <= place[0])
        columns = sum(count for at, count, _ in edits.columns if at <= place[1])
        return place[0] + rows, place[1] + columns

    # -- headings -----------------------------------------------------------------------------------------------------

    def _head_item(self, item: str, last: int, block: Block, away: int) -> None:
        """Label a new item in the way in which the last one is labelled."""
        model, title = self.reading.items[last], self.sheet.recorded.items[item]
        unique = list(self.sheet.recorded.items.values()).count(title) == 1
        named = None
        for offset, line in enumerate(block.lines):
            for across in self._heads(of_item=True):
                text = self.sheet.text(*self._head(across, line))
                label = label_like(text, model, item, title, unique=unique)
                if label is not None and offset == 0:
                    self._name(self._head(across, line + away), label, named is None)
                    named = label
                elif text and len(block.lines) > 1 and (offset or label is None):
                    self.sheet.fill(self._head(across, line + away), text)
        heads = self._heads(of_item=True)
        if named is None and heads:
            place = self._head(heads[-1 if len(block.lines) == 1 else 0], block.lines[0] + away)
            self._name(place, title if unique and not model.code else f"{item} {title}", True)
        for span in self.sheet.grid.merges:
            wide = span.left == block.lines[0] < block.lines[-1] == span.right and span.top == span.bottom
            if self.in_rows and wide and span.top in heads:
                self.sheet.edits.merges.append((span.top, span.left + away, span.bottom, span.right + away))
        self._validity(item, model, block.lines[0], away)

    def _heads(self, *, of_item: bool) -> list[int]:
        """Lines across which label the items, or the subjects: rows of the header, or columns beside the matrix."""
        reading = self.reading
        if of_item == self.in_rows:
            return reading.header_rows
        fields = {"item", "item_title", "item_code", "person", "role", "name"}
        beside = [c for c, what in reading.metadata_columns.items() if what in fields]
        return sorted({*beside, *([reading.key_column] if reading.key_column is not None else [])})

    def _head(self, across: int, line: int) -> tuple[int, int]:
        """The cell where the line crosses a line of headings; items cross header rows when they stand in columns."""
        return (across, line) if self.in_rows else (line, across)

    def _name(self, place: tuple[int, int], text: str, first: bool) -> None:
        if first:
            self.sheet.put(place, text, Phrase("new since the file was imported."))
        else:
            self.sheet.fill(place, text)

    def _validity(self, item: str, model: Item, line: int, away: int) -> None:
        lines = self.reading.metadata_rows if self.in_rows else self.reading.metadata_columns
        across = next((one for one, what in lines.items() if what == "validity"), None)
        months = {need.months for (_, code), need in self.sheet.recorded.needs.items() if code == item}
        if across is None or len(months) != 1 or not (only := next(iter(months))):
            return
        row, column = self._head(across, line)
        value = months_like(self.sheet.grid.value(row, column), model.valid_months, only)
        place = self._head(across, line + away)
        if self.in_rows:
            place = (self._moved((across, 0))[0], place[1])
        self.sheet.fill(place, value)

    def _head_subject(self, code: str, line: int, last: int, number: int, items: tuple[int, int]) -> None:
        """Label a new person or job function in the way in which the last one is labelled."""
        sheet, new = self.sheet, self.sheet.named(code)
        subject, model_code = self.reading.subjects[last], self.writer.subjects[last]
        model = sheet.named(model_code) if model_code else (subject.key, subject.name)
        old_line = self.subject_lines[last]
        named = False
        for across in self._heads(of_item=False) if not self.in_rows else self._beside():
            old = (old_line, across) if self.in_rows else (across, old_line)
            shift = items[1] if self.in_rows and across >= items[0] else 0
            place = (line, across + shift) if self.in_rows else (across, line)
            value = self._beside_value(code, across, old, number) if self.in_rows else None
            if value is None:
                value = name_like(sheet.text(*old), model, new, person=sheet.by_person)
            if value is None and self.in_rows and across == self.reading.key_column:
                value = self._key(new)
            if isinstance(value, str) and not named:
                self._name(place, value, True)
                named = True
            elif value is not None:
                sheet.fill(place, value, self._look(value))
        if not named and not self.in_rows:
            self._name((self.reading.header_rows[-1], line), new[1], True)

    def _beside(self) -> list[int]:
        key = self.reading.key_column
        return [*([key] if key is not None else []), *(c for c in self.reading.metadata_columns if c != key)]

    def _key(self, new: tuple[str, str]) -> str:
        first_names = "first_name" in self.reading.metadata_columns.values()
        return new[1].rpartition(" ")[2] if self.sheet.by_person and first_names else new[1]

    def _beside_value(self, code: str, column: int, old: tuple[int, int], number: int) -> Any:
        """What stands in a column beside the matrix for somebody new; ``None`` where nobody knows."""
        what = self.reading.metadata_columns.get(column)
        if column == self.reading.key_column:
            return None
        if what == "sequence":
            before = self.sheet.grid.value(*old)
            return before + number + 1 if isinstance(before, int) else None
        if not self.sheet.by_person:
            return code if what == "item_code" else None
        someone = self.sheet.recorded.people[code]
        first, _, last = someone.name.rpartition(" ")
        functions = sorted(self.sheet.recorded.held.get(code, ()))
        known = {
            "employee_no": someone.number,
            "email": someone.email or None,
            "login": someone.email.partition("@")[0] or None,
            "first_name": first or None,
            "last_name": last,
            "hire_date": self.sheet.dates.write(someone.hired) if someone.hired and self.sheet.dates.dated else None,
            "role": self.sheet.recorded.functions[functions[0]] if len(functions) == 1 else None,
        }
        return known.get(what or "")
