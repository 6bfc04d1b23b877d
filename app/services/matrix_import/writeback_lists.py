"""Writes lists back: a row per training or requirement, blocks and sheets of one person, several entries in a cell."""

import re
from collections import defaultdict
from datetime import date
from typing import Any

from app.domain.dates import add_months
from app.domain.importing import Fact
from app.domain.importing.lexis import split_list
from app.domain.importing.listtables import ITEM_FIELDS, PERSON_FIELDS, ROLE_FIELDS
from app.domain.importing.vocabulary import normal
from app.domain.text import Phrase
from app.services.matrix_import.writeback import Sheet
from app.services.matrix_import.writeback_matrix import update_belongings, update_validity

_OF_ITEM = (*ITEM_FIELDS, "hours", "validity", "version", "category", "type")
_SAYS = ("required", "status", "level")


class ListWriter:
    """Brings the rows of a list up to date and adds rows for what it does not hold yet. Use :meth:`run`."""

    def __init__(self, sheet: Sheet) -> None:
        self.sheet, self.reading = sheet, sheet.reading
        self.fields = dict(sheet.reading.metadata_columns)
        self.subjects, self.items = sheet.subjects(), sheet.items()
        self.rows: dict[tuple[str, str], list[Fact]] = defaultdict(list)
        self.row_of_subject: dict[str, list[int]] = defaultdict(list)
        self.row_of_item: dict[str, list[int]] = defaultdict(list)
        for fact in sheet.facts:
            subject, item = self.subjects[fact.subject], self.items[fact.item]
            if subject is not None and item is not None:
                self.rows[subject, item].append(fact)
                self.row_of_subject[subject].append(fact.row)
                self.row_of_item[item].append(fact.row)
        self.added: list[tuple[int, str, str, Any]] = []
        self.date, self.expiry = self._column("date"), self._column("expiry")
        self.owned = sheet.reading.verdict in ("sheet_per_person", "block_per_person")

    def _column(self, *names: str) -> int | None:
        return next((column for name in names for column, what in self.fields.items() if what == name), None)

    def run(self) -> None:
        """Change what differs from the records; then add the new rows."""
        if not self.sheet.facts:
            return
        if self.sheet.by_person:
            self._people()
        else:
            self._functions()
        update_validity(self.sheet, validity_cells(self.sheet))
        self._add_rows()

    # -- people -------------------------------------------------------------------------------------------------------

    def _people(self) -> None:
        recorded = self.sheet.recorded
        if self.date is None:
            return
        several = any(len(facts) > 1 for facts in self.rows.values())
        for pair, facts in list(self.rows.items()):
            days = recorded.days.get(pair, [])
            stated = {fact.day for fact in facts if fact.day}
            for fact in facts:
                if fact.day and fact.day not in days and (*pair, fact.day) in recorded.withdrawn:
                    left = [day for day in days if day not in stated]
                    self._day(fact, left[-1] if left else None)
                    stated.update(left[-1:])
            newer = [day for day in days if day not in stated and day > max(stated, default=date.min)]
            if not newer:
                continue
            open_row = next((fact for fact in facts if fact.day is None), None)
            if open_row is not None or not several:
                self._day(open_row or facts[-1], newer[-1])
            else:
                self.added += [(max(fact.row for fact in facts), *pair, day) for day in newer]
        self._news(set(self.row_of_subject))

    def _news(self, here: set[str]) -> None:
        """Trainings of people and items that the list does not hold together yet."""
        recorded, grow = self.sheet.recorded, self.sheet.options.grow
        functions = recorded.functions_of(here)
        new = [] if self.owned else [p for p in recorded.new_people if recorded.held.get(p, set()) & functions]
        new = [person for person in new if "subjects" in grow and self._nameable(person)]
        update_belongings(self.sheet)
        for (person, item), days in recorded.days.items():
            known = item in self.row_of_item or ("items" in grow and (item in recorded.new_items or self.owned))
            if (person, item) not in self.rows and known and (person in here or person in new):
                at = max(self.row_of_subject[person]) if self.owned else self._last()
                self.added.append((at, person, item, days[-1]))

    def _nameable(self, subject: str) -> bool:
        """Whether a column that names people, or job functions, has something to say about somebody new."""
        kinds = PERSON_FIELDS if self.sheet.by_person else ROLE_FIELDS
        if any(self._named(what, subject) for what in self.fields.values() if what in kinds):
            return True
        note = Phrase(
            "%(name)s is missing on the sheet “%(sheet)s”: what it names people by is not recorded.",
            name=self.sheet.named(subject)[1],
            sheet=self.reading.name,
        )
        self.sheet.notes.append(note)
        return False

    def _day(self, fact: Fact, day: date | None) -> None:
        sheet, old = self.sheet, fact.text
        assert self.date is not None
        place = (fact.row, self.date)
        old = sheet.text(*place)
        if day is None:
            sheet.put(place, None, Phrase("the training of this day was withdrawn."), old=old)
            return
        value = sheet.dates.write(day)
        sheet.put(place, value, Phrase("trained on %(day)s.", day=day.isoformat()), old=old, like=self._like(value))
        status = self._column("status")
        mark = sheet.signs.most("date", "held")
        if status is not None and fact.meaning == "required" and mark and not mark[:1].isdigit():
            value = sheet.sign(mark)[0]
            sheet.put((fact.row, status), value, Phrase("trained."), old=sheet.text(fact.row, status))
        if self.expiry is not None:
            self._expires(fact, day)

    def _expires(self, fact: Fact, day: date) -> None:
        assert self.expiry is not None
        months = self.reading.items[fact.item].valid_months
        if months is None and fact.expires and fact.day:
            months = (fact.expires.year - fact.day.year) * 12 + fact.expires.month - fact.day.month
        place, old = (fact.row, self.expiry), self.sheet.text(fact.row, self.expiry)
        value = self.sheet.dates.write(add_months(day, months)) if months else None
        if value is not None or old:
            why = Phrase("the training was repeated.")
            self.sheet.put(place, value, why, old=old, like=self._like(value))

    def _like(self, value: Any) -> tuple[int, int] | None:
        if not isinstance(value, date) or self.date is None:
            return None
        dated = next((fact.row for fact in self.sheet.facts if fact.day), None)
        return None if dated is None else (dated, self.date)

    # -- job functions ------------------------------------------------------------------------------------------------

    def _functions(self) -> None:
        recorded, sheet = self.sheet.recorded, self.sheet
        says = self._column(*_SAYS)
        for pair, facts in list(self.rows.items()):
            required = [fact for fact in facts if fact.meaning == "required"]
            if pair in recorded.needs and not required and says is not None:
                since = recorded.needs[pair].since.isoformat()
                value = sheet.sign(sheet.signs.required(recorded.needs[pair].proof))[0]
                why = Phrase("required since %(day)s.", day=since)
                sheet.put((facts[0].row, says), value, why, old=sheet.text(facts[0].row, says))
            elif pair not in recorded.needs:
                for fact in required:
                    self._end(fact, says)
        grow = sheet.options.grow
        functions = {*self.row_of_subject, *(recorded.new_functions if "subjects" in grow else ())}
        items = {*self.row_of_item, *(recorded.new_items if "items" in grow else ())}
        for function, item in recorded.needs:
            if (function, item) not in self.rows and function in functions and item in items:
                self.added.append((self._last(), function, item, None))

    def _end(self, fact: Fact, says: int | None) -> None:
        """A row about a requirement that ended says so in the sheet's own code, or is emptied."""
        sheet, why = self.sheet, Phrase("no longer required.")
        code = sheet.signs.most("not_required", "not_applicable")
        if says is not None and code is not None:
            sheet.put((fact.row, says), sheet.sign(code)[0], why, old=sheet.text(fact.row, says))
            return
        for column in self.fields:
            if sheet.grid.value(fact.row, column) is not None:
                sheet.put((fact.row, column), None, why, old=sheet.text(fact.row, column))

    # -- new rows -----------------------------------------------------------------------------------------------------

    def _last(self) -> int:
        return max(fact.row for fact in self.sheet.facts)

    def _add_rows(self) -> None:
        if not self.added:
            return
        self.added.sort(key=lambda row: row[0])
        counts: dict[int, int] = defaultdict(int)
        for at, *_ in self.added:
            counts[at] += 1
        self.sheet.edits.insert([(at + 1, count, at) for at, count in sorted(counts.items())], [])
        shift, previous, number = 0, -1, 0
        for at, subject, item, day in self.added:
            if at != previous:
                shift, previous, number = shift + number, at, 0
            number += 1
            self._row(at + shift + number, at, number, (subject, item), day)

    def _row(self, row: int, like: int, number: int, pair: tuple[str, str], day: date | None) -> None:
        sheet, marked = self.sheet, False
        for column, what in self.fields.items():
            value = self._value(column, what, like, number, pair, day)
            if isinstance(value, str) and not marked and what in _OF_ITEM:
                sheet.put((row, column), value, Phrase("new since the file was imported."))
                marked = True
            else:
                look = self._like(value)
                sheet.fill((row, column), value, (self._moved(look[0]), look[1]) if look else None)

    def _moved(self, row: int) -> int:
        return row + sum(count for at, count, _ in self.sheet.edits.rows if at <= row)

    def _value(self, column: int, what: str, like: int, number: int, pair: tuple[str, str], day: date | None) -> Any:
        """What a column says about a new pair, taken from a row about the same person, function or item."""
        subject, item = pair
        grid, recorded = self.sheet.grid, self.sheet.recorded
        if what == "sequence":
            before = grid.value(like, column)
            return before + number if isinstance(before, int) else None
        if what == "date":
            return self.sheet.dates.write(day) if day else None
        if what in _SAYS:
            return self._says(day, recorded.needs.get(pair))
        if what == "validity":
            need = recorded.needs.get(pair)
            return f"{need.months} months" if need and need.months else None
        if what in _OF_ITEM:
            known = self._known(self.row_of_item.get(item, ()), column)
            title = recorded.items[item]
            named = {"item_code": item, "item_title": title}
            named["item"] = title if self._column("item_code") is not None else item
            if self._column("item_title", "item_code") is None:
                named["item"] = f"{item} {title}" if any(one.code for one in self.reading.items) else title
            return known if known is not None else named.get(what)
        if what in (*PERSON_FIELDS, *ROLE_FIELDS) and not self.owned:
            known = self._known(self.row_of_subject.get(subject, ()), column)
            return known if known is not None else self._named(what, subject)
        return None

    def _says(self, day: date | None, need: Any) -> Any:
        signs = self.sheet.signs
        text = signs.most("date", "held") if day else signs.required(need.proof) if need else None
        if text is None or text not in signs.samples or (not day and text == ""):
            return None
        value = signs.samples[text][0]
        return value if text and normal(str(value)) == normal(text) else text or None

    def _known(self, rows: Any, column: int) -> Any:
        return next((value for row in rows if (value := self.sheet.grid.value(row, column)) is not None), None)

    def _named(self, what: str, subject: str) -> Any:
        code, name = self.sheet.named(subject)
        if not self.sheet.by_person:
            return name if what in ("role", "user_group") else None
        first, _, last = name.rpartition(" ")
        mail = self.sheet.recorded.people[subject].email
        functions = sorted(self.sheet.recorded.held.get(subject, ()))
        known = {"person": name, "employee_no": code, "first_name": first, "last_name": last, "email": mail}
        known["role"] = self.sheet.recorded.functions[functions[0]] if len(functions) == 1 else ""
        known["login"] = mail.partition("@")[0]
        return known.get(what) or None


def validity_cells(sheet: Sheet) -> list[tuple[int, tuple[int, int]]]:
    """Where a list states how long an item is valid: in each of its rows."""
    column = next((c for c, what in sheet.reading.metadata_columns.items() if what == "validity"), None)
    if column is None:
        return []
    return list(dict.fromkeys((fact.item, (fact.row, column)) for fact in sheet.facts))


def write_entries(sheet: Sheet) -> None:
    """Bring lists inside cells up to date: entries that are no longer required go, new ones are added."""
    subjects, items = sheet.subjects(), sheet.items()
    update_validity(sheet, validity_cells(sheet))
    cells: dict[tuple[int, int], list[Fact]] = defaultdict(list)
    for fact in sheet.facts:
        cells[fact.row, fact.column].append(fact)
    written: set[tuple[str, str]] = set()
    for place, facts in cells.items():
        raw = sheet.grid.value(*place)
        if not isinstance(raw, str) or raw.strip()[:1] in "[{":
            continue
        of_subject = sheet.reading.metadata_columns.get(place[1]) not in ROLE_FIELDS
        kept: list[str] = []
        dropped: list[str] = []
        texts = split_list(raw)
        if len(texts) != len(facts):
            continue
        for text, fact in zip(texts, facts, strict=True):
            pair = (subjects[fact.subject] or "", items[fact.item] or "")
            ended = all(pair) and pair not in sheet.recorded.needs and fact.meaning == "required"
            (dropped if ended else kept).append(text)
            written.add(pair)
        fixed = subjects[facts[0].subject] if of_subject else items[facts[0].item]
        here = {(subjects[f.subject], items[f.item]) for f in sheet.facts}
        missing = [
            pair
            for pair in sorted(sheet.recorded.needs)
            if pair[0 if of_subject else 1] == fixed and pair not in here and pair not in written
        ]
        written.update(missing)
        added = [_entry(sheet, pair, of_subject) for pair in missing]
        if dropped or added:
            between = re.search(r"\s*[,;|\n]\s*", raw)
            separator = between[0] if between else ", "
            why = Phrase(
                "no longer required: %(gone)s; new: %(new)s.",
                gone=", ".join(dropped) or "–",
                new=", ".join(added) or "–",
            )
            sheet.put(place, separator.join([*kept, *added]) or None, why, old=raw)


def _entry(sheet: Sheet, pair: tuple[str, str], item: bool) -> str:
    """An entry for a pair as the other entries are written."""
    if not item:
        known = next(
            (s.key for s, code in zip(sheet.reading.subjects, sheet.subjects(), strict=True) if code == pair[0]), None
        )
        return known or sheet.recorded.functions[pair[0]]
    known = next(
        (i.code or i.title for i, code in zip(sheet.reading.items, sheet.items(), strict=True) if code == pair[1]), None
    )
    return known or (pair[1] if any(one.code for one in sheet.reading.items) else sheet.recorded.items[pair[1]])
