"""Imports exemptions and training orders (MTX-5, MTX-9).

An exemption is found again by person, item and start; an order by person, item, time of placing and source.
"""

from functools import partial
from typing import Any

from sqlalchemy.orm import Session

from app.domain.dates import FOREVER
from app.domain.text import Phrase
from app.models.matrix import Exemption, TrainingOrder
from app.services.importing import lookups
from app.services.importing.lookups import KnownItem, find_in, select_by
from app.services.importing.memberships import persons, spans
from app.services.importing.plan import FactChanges, Plan, Recorded, Touched, Wanted, Writing, compare, start_of
from app.services.importing.sheet import Columns, Sheet, day, day_or_instant, required, text_up_to, yes_or_no

EXEMPTIONS = Columns(("employee_no", "item", "from", "reason"), ("to",))
ORDERS = Columns(("employee_no", "item", "placed_at", "due_on"), ("suspends", "source"))


def _items(session: Session, sheet: Sheet) -> list[KnownItem | None]:
    known = lookups.items(session, (code for code in sheet.texts("item") if code))
    return sheet.parse("item", find_in(known, "item"))


def _words(sheet: Sheet, *columns: str) -> Any:
    texts = [sheet.texts(column) for column in columns]
    return lambda position: " · ".join(text[position] for text in texts if text[position])


def plan_exemptions(session: Session, sheet: Sheet) -> Plan:
    """Check a file of exemptions against what is recorded; write nothing."""
    result = Plan("exemptions", sheet)
    people = persons(session, sheet)
    items = _items(session, sheet)
    reasons = sheet.parse("reason", text_up_to(2000, required=True))
    when = spans(sheet, people)
    wanted = []
    for position in sheet.good():
        person, item, span = people[position], items[position], when[position]
        assert person is not None
        assert item is not None
        assert span is not None
        line = Wanted(position, (person.id, item.id, span[0]), (span[1], reasons[position]))
        wanted.append(line._replace(extra={"client_id": item.client_id}))
    columns = [getattr(Exemption, name) for name in ("id", "person_id", "item_id", "starts_at", "ends_at", "reason")]
    recorded = (
        Recorded(row[0], tuple(row[1:4]), tuple(row[4:]))
        for row in select_by(
            session, columns, Exemption.person_id, (one.key[0] for one in wanted), Exemption.voided_at == FOREVER
        )
    )
    changes = FactChanges(sheet, Exemption, ("person_id", "item_id", "starts_at"), ("ends_at", "reason"))
    compare(result, "exemption", changes, wanted, recorded, _words(sheet, "employee_no", "item", "from"))
    result.write = partial(write_for_pairs, changes=changes)
    return result


def plan_orders(session: Session, sheet: Sheet) -> Plan:
    """Check a file of training orders against what is recorded; write nothing."""
    result = Plan("orders", sheet)
    people = persons(session, sheet)
    items = _items(session, sheet)
    placed = sheet.parse("placed_at", required(day_or_instant))
    due = sheet.parse("due_on", required(day))
    suspends = sheet.parse("suspends", yes_or_no)
    sources = sheet.parse("source", text_up_to(200))
    wanted = []
    for position in list(sheet.good()):
        person, item = people[position], items[position]
        assert person is not None
        assert item is not None
        at = start_of(placed[position], person.calendar)
        if person.calendar.day(at) > due[position]:  # type: ignore[operator]
            sheet.wrong(position, "due_on", Phrase("it is due before it is placed."))
            continue
        key = (person.id, item.id, at, sources[position])
        values = (due[position], suspends[position])
        wanted.append(Wanted(position, key, values, {"client_id": item.client_id}))
    names = ("id", "person_id", "item_id", "placed_at", "source", "due_on", "suspends")
    recorded = (
        Recorded(row[0], tuple(row[1:5]), tuple(row[5:]))
        for row in select_by(
            session,
            [getattr(TrainingOrder, name) for name in names],
            TrainingOrder.person_id,
            (one.key[0] for one in wanted),
            TrainingOrder.voided_at == FOREVER,
        )
    )
    changes = FactChanges(sheet, TrainingOrder, names[1:5], names[5:])
    compare(result, "order", changes, wanted, recorded, _words(sheet, "employee_no", "item", "placed_at"))
    result.write = partial(write_for_pairs, changes=changes)
    return result


def write_for_pairs(writing: Writing, changes: FactChanges) -> Touched:
    """Write facts whose key begins with a person and an item; both are concerned."""
    changes.write(writing)
    return Touched({one.key[0] for one in changes.lines}, {one.key[1] for one in changes.lines})
