"""Training that the file brings, and training that it asks single people for, compared with what is recorded.

Training records and orders are only added. A mark without a day adds a record only where the person has no training on
the item on record; an order is placed only where none of a matrix import, and no open one, is there already.
"""

from datetime import date, datetime, timedelta

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from app.domain.dates import FOREVER, Calendar
from app.domain.text import Phrase
from app.models.documents import Item, Release
from app.models.importing import ImportRun
from app.models.matrix import Completion, TrainingOrder
from app.models.people import Person
from app.services.matrix_import.changes import Change, Changes, Codes, Refused, calendars, recorded_days
from app.services.matrix_import.matching import Matches
from app.services.matrix_import.saying import Contents, Held


class Trainings:
    """Compares what people were trained on, and are asked for, with the records."""

    def __init__(self, session: Session | None, contents: Contents, matches: Matches, codes: Codes, home: Calendar):
        self.session, self.contents, self.matches, self.codes, self.home = session, contents, matches, codes, home
        self.own = calendars(session, home)
        self.first_release = _first_releases(session, set(codes.items.values()))

    def completions(self, changes: Changes) -> None:
        """Add the training that is not on record yet."""
        recorded = recorded_days(self.session, self.codes, self.home)
        passed = {(person, item) for person, item, _ in recorded}
        seen: set[tuple[str, str, date]] = set()
        for held in self.contents.held.values():
            person, item = self.codes.people.get(held.person), self.codes.items.get(held.item)
            if person is None or item is None or (person, item, held.day) in seen:
                continue
            seen.add((person, item, held.day))
            if (person, item, held.day) in recorded or (held.stated and (person, item) in passed):
                changes.same["completions"] += 1
            elif self._too_early(person, held):
                changes.refused.append(_before_all_versions(held, item))
            else:
                changes.rows.append(self._completion(held, person, item))

    def _too_early(self, person: str, held: Held) -> bool:
        """Whether the item was recorded before, and none of its versions was in force on the day."""
        match = self.matches.items[held.item]
        if self.session is None or match.code is None:
            return False
        start = self.first_release.get(match.code, FOREVER)
        return self.own.get(person, self.home).midnight(held.day) < start

    def _completion(self, held: Held, person: str, item: str) -> Change:
        match = self.matches.items[held.item]
        line = {
            "employee_no": person,
            "item": item,
            "version": "" if match.code else version_of(match.named.version),
            "completed_at": held.day.isoformat(),
            "method": "import",
            "result": "passed",
            "score": "" if held.score is None else str(held.score),
            "origin": _origin(held),
        }
        return Change("completions", "add", f"{person} – {item}: {held.day.isoformat()}", held.place, line)

    def orders(self, changes: Changes, today: date) -> None:
        """Add the orders for what single people need."""
        if not self.contents.asked:
            return
        placed = _orders(self.session)
        for ask in self.contents.asked.values():
            person, item = self.codes.people.get(ask.person), self.codes.items.get(ask.item)
            if person is None or item is None:
                continue
            if (person, item) in placed:
                changes.same["orders"] += 1
                continue
            placed.add((person, item))
            due = today + timedelta(days=ask.days)
            if ask.planned is not None and ask.planned >= today:
                due = ask.planned
            line = {
                "employee_no": person,
                "item": item,
                "placed_at": today.isoformat(),
                "due_on": due.isoformat(),
                "suspends": "no",
                "source": f"{ask.place} ({ask.detail.replace('_', ' ')})"[-200:],
            }
            changes.rows.append(Change("orders", "add", f"{person} – {item}: {due.isoformat()}", ask.place, line))


def version_of(text: str | None) -> str:
    """The label of the one version with which a new item comes."""
    return (text or "1")[:40]


def _origin(held: Held) -> str:
    """Where a record comes from: its cell, its level, and whether the file states no day."""
    notes = [f"level {held.level}"] if held.level is not None else []
    if held.stated:
        notes.append(f"the file states no day; {held.day.isoformat()} was stated at the import")
    return (f"{held.place} ({'; '.join(notes)})" if notes else held.place)[-200:]


def _before_all_versions(held: Held, item: str) -> Refused:
    day = held.day.isoformat()
    problem = Phrase(
        "No version of %(item)s on record was in force on %(day)s, so this training is left out. Import the version "
        "that was in force then, and import this file again.",
        item=item,
        day=day,
    )
    return Refused(held.place, day, problem)


def _first_releases(session: Session | None, codes: set[str | None]) -> dict[str, datetime]:
    """When the first version of each item took effect."""
    if session is None:
        return {}
    query = (
        select(Item.code, func.min(Release.effective_from))
        .join(Release, Release.item_id == Item.id)
        .where(Release.voided_at == FOREVER)
        .group_by(Item.code)
    )
    return {code: start for code, start in session.execute(query) if code in codes}


def _orders(session: Session | None) -> set[tuple[str, str]]:
    """Person and item of every order that an import of a matrix placed, and of every other one that is open."""
    if session is None:
        return set()
    answered = (
        select(Completion.id)
        .where(
            Completion.person_id == TrainingOrder.person_id,
            Completion.item_id == TrainingOrder.item_id,
            Completion.completed_at > TrainingOrder.placed_at,
            Completion.result == "passed",
            Completion.voided_at == FOREVER,
        )
        .exists()
    )
    imported = select(ImportRun.file_id).where(ImportRun.kind == "matrix")
    query = (
        select(Person.employee_no, Item.code)
        .join(TrainingOrder, TrainingOrder.person_id == Person.id)
        .join(Item, Item.id == TrainingOrder.item_id)
        .where(TrainingOrder.voided_at == FOREVER)
        .where(TrainingOrder.evidence_id.in_(imported) | ~answered)
    )
    return {(number, code) for number, code in session.execute(query)}
