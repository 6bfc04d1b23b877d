"""Writes a matrix back: cells brought up to what is recorded now, new people, job functions and items as new lines."""

from collections import defaultdict
from collections.abc import Iterable, Iterator
from datetime import date
from typing import Any

from app.domain.dates import add_months
from app.domain.importing import Fact, Place
from app.domain.importing.belonging import belongings
from app.domain.importing.vocabulary import normal
from app.domain.text import Phrase
from app.services.matrix_import.looks import months_like
from app.services.matrix_import.writeback import Sheet

Where = tuple[int, int]


class MatrixWriter:
    """Brings the cells of a matrix up to date. Use :meth:`run`."""

    def __init__(self, sheet: Sheet) -> None:
        self.sheet = sheet
        self.subjects, self.items = sheet.subjects(), sheet.items()
        self.places = list(sheet.reading.places())
        self.facts: dict[Where, Fact] = {(fact.row, fact.column): fact for fact in sheet.facts}
        self.subs = {place.sub for place in self.places}

    def run(self) -> None:
        """Change what differs from the records."""
        update_validity(self.sheet, self._validity_cells())
        if not self.sheet.by_person:
            for place in self.places:
                self._role(place)
            return
        cells: dict[tuple[int, int], list[Place]] = defaultdict(list)
        for place in self.places:
            cells[place.subject, place.item].append(place)
        for (subject, item), group in cells.items():
            person, code = self.subjects[subject], self.items[item]
            if person is not None and code is not None:
                self._person(person, code, group)
        update_belongings(self.sheet)

    def _validity_cells(self) -> Iterator[tuple[int, Where]]:
        """Where the validity of the items is stated, by position of the item."""
        reading = self.sheet.reading
        in_rows = reading.orientation != "subjects_in_columns"
        lines = reading.metadata_rows if in_rows else reading.metadata_columns
        for line in (line for line, what in lines.items() if what == "validity"):
            for position, item in enumerate(reading.items):
                yield position, (line, item.line) if in_rows else (item.line, line)

    # -- job functions ------------------------------------------------------------------------------------------------

    def _role(self, place: Place) -> None:
        function, item = self.subjects[place.subject], self.items[place.item]
        if function is None or item is None:
            return
        sheet, where = self.sheet, (place.row, place.column)
        fact, need = self.facts.get(where), sheet.recorded.needs.get((function, item))
        says = fact is not None and fact.meaning == "required"
        old = fact.text if fact else ""
        if need is None:
            if says:
                sign = sheet.signs.no_longer(len(self.places))
                value, like = sheet.sign(sign) if sign else (None, None)
                sheet.put(where, value, Phrase("no longer required."), old=old, like=like)
            return
        text = self.required(function, item, fact)
        if text is not None and text != old:
            value, like = sheet.sign(text)
            since = Phrase("required since %(day)s.", day=need.since.isoformat())
            sheet.put(where, int(text) if fact_days(fact, sheet) else value, since, old=old, like=like)

    def required(self, function: str, item: str, fact: Fact | None = None) -> str | None:
        """What a cell says about a recorded requirement; ``None`` when it says enough already."""
        need = self.sheet.recorded.needs.get((function, item))
        if need is None:
            return None
        signs = self.sheet.signs
        if fact is not None and fact.meaning == "required":
            if fact.detail == "days":
                return str(need.days)
            own = {"ojt": "training", "read": "read"}.get(need.proof)
            differs = fact.detail in ("training", "read") and own and fact.detail != own
            return signs.most(own) if differs and own else None
        return str(need.days) if signs.counted() else signs.required(need.proof)

    # -- people -------------------------------------------------------------------------------------------------------

    def _person(self, person: str, item: str, group: list[Place]) -> None:
        dated = [place for place in group if place.sub == "date"] or [place for place in group if not place.sub]
        if not dated:
            return
        facts = [self.facts.get((place.row, place.column)) for place in dated]
        recorded = self.sheet.recorded.days.get((person, item), [])
        stated = [fact.day for fact in facts if fact is not None and fact.day is not None]
        for place, fact in zip(dated, facts, strict=True):
            if fact is None or not self._withdrawn(person, item, fact, recorded):
                continue
            self._day(place, recorded[-1] if recorded else None, fact)
            return
        if not recorded or (stated and max(stated) >= recorded[-1]):
            return
        target = next(
            (p for p, f in zip(dated, facts, strict=True) if stated and f is not None and f.day == max(stated)),
            dated[0],
        )
        self._trained(target, person, item, recorded[-1], group)

    def _withdrawn(self, person: str, item: str, fact: Fact, recorded: list[date]) -> bool:
        """Whether the training that a cell states was recorded once and has been withdrawn since."""
        withdrawn = self.sheet.recorded.withdrawn
        if fact.day is not None:
            return fact.day not in recorded and (person, item, fact.day) in withdrawn
        return fact.meaning == "held" and not recorded and any(one[:2] == (person, item) for one in withdrawn)

    def _trained(self, place: Place, person: str, item: str, day: date, group: list[Place]) -> None:
        fact = self.facts.get((place.row, place.column))
        text = self.trained(day, fact)
        if text is None:
            return
        self._day(place, day, fact, text)
        for other in group:
            if other.sub == "expiry":
                self._expiry(other, item, person, fact, day)

    def trained(self, day: date, fact: Fact | None = None) -> Any:
        """What a cell says about a recorded training: the day, or the sheet's mark; ``None`` when it says enough."""
        sheet = self.sheet
        if fact is not None and fact.meaning == "level":
            return None
        if sheet.dates.dated or not sheet.facts:
            return sheet.dates.write(day)
        if fact is not None and fact.meaning == "held":
            return None
        mark = sheet.signs.most("held", "equivalent", "teaches")
        if mark is None and sheet.reading.verdict == "person_level":
            return None
        return sheet.sign(mark)[0] if mark else sheet.dates.write(day)

    def _day(self, place: Place, day: date | None, fact: Fact | None, value: Any = None) -> None:
        sheet, old = self.sheet, fact.text if fact else ""
        if day is None:
            sheet.put((place.row, place.column), None, Phrase("the training of this day was withdrawn."), old=old)
            return
        value = sheet.dates.write(day) if value is None else value
        like = self.like(place.row, place.column, value)
        sheet.put(
            (place.row, place.column), value, Phrase("trained on %(day)s.", day=day.isoformat()), old=old, like=like
        )

    def like(self, row: int, column: int, value: Any) -> Where | None:
        """A cell whose format a date takes over: one with a day in the same column, else any."""
        if not isinstance(value, date):
            return self.sheet.sign(value)[1] if isinstance(value, str) and value.startswith("fill:") else None
        if self.sheet.dates.sample is None:
            return None
        own = self.facts.get((row, column))
        return None if own is not None and own.day is not None else self.sheet.dates.sample

    def _expiry(self, place: Place, item: str, person: str, before: Fact | None, day: date) -> None:
        """The day on which the training ends moves with the training; without a known validity the cell is emptied."""
        sheet, fact = self.sheet, self.facts.get((place.row, place.column))
        months = sheet.reading.items[place.item].valid_months
        if months is None and fact is not None and fact.expires and before is not None and before.day:
            months = (fact.expires.year - before.day.year) * 12 + fact.expires.month - before.day.month
        if months:
            ends = add_months(day, months)
            value = sheet.dates.write(ends)
            like = self.like(place.row, place.column, value)
            why = Phrase("valid until %(day)s.", day=ends.isoformat())
            sheet.put((place.row, place.column), value, why, old=fact.text if fact else "", like=like)
        elif fact is not None:
            sheet.put((place.row, place.column), None, Phrase("the training was repeated."), old=fact.text)


def update_validity(sheet: Sheet, cells: Iterable[tuple[int, Where]]) -> None:
    """Where the recurrence of an item is stated and now is another, say so; where it differs between functions, the
    cell is emptied, because it can say only one. ``cells`` are positions of items with a cell that states it."""
    codes = sheet.items()
    known: dict[str, set[int | None]] = defaultdict(set)
    for (_, code), need in sheet.recorded.needs.items():
        known[code].add(need.months)
    for position, where in cells:
        item, months = sheet.reading.items[position], known.get(codes[position] or "", set())
        value = sheet.grid.value(*where)
        if value is None or item.valid_months is None or not months or months == {item.valid_months}:
            continue
        only = next(iter(months)) if len(months) == 1 else None
        why = Phrase("recorded now: every month.")
        if only != 1:
            why = Phrase("recorded now: every %(number)s months.", number=only)
        if only is None:
            why = Phrase("recorded now: not for all, or not for all the same.")
        new = months_like(value, item.valid_months, only) if only else None
        sheet.put(where, new, why, old=sheet.text(*where))


def update_belongings(sheet: Sheet) -> None:
    """Job functions and departments that stand beside people: those that they do not hold any more are replaced."""
    people, recorded = sheet.subjects(), sheet.recorded
    cells: dict[tuple[Where, str, str], list[tuple[str, bool]]] = defaultdict(list)
    for found in belongings(sheet.grid, sheet.reading):
        person = people[found.subject]
        known = recorded.codes.functions if found.kind == "job_function" else recorded.codes.departments
        code = known.get(normal(found.text))
        if person is not None:
            holds = code is None or (found.kind, code) in recorded.belongs.get(person, ())
            cells[(found.row, found.column), found.kind, person].append((found.text, holds))
    for (where, kind, person), texts in cells.items():
        if all(holds for _, holds in texts):
            continue
        kept = [text for text, holds in texts if holds]
        names = recorded.functions if kind == "job_function" else recorded.departments
        now = [names[unit] for one, unit in recorded.belongs.get(person, ()) if one == kind and unit in names]
        value = "; ".join(kept or (now if len(now) == 1 else [])) or None
        old = sheet.text(*where)
        if value or old:
            sheet.put(where, value, Phrase("held now: %(name)s.", name=value or "–"), old=old)


def fact_days(fact: Fact | None, sheet: Sheet) -> bool:
    """Whether the cell is a number of days."""
    return fact.detail == "days" if fact is not None and fact.meaning == "required" else sheet.signs.counted()
