"""Imports memberships and leaves: where a person belonged, and when he or she was away (ORG-3, ORG-4).

A membership is found again by person, unit and start, a leave by person and start; another end, or kind of leave,
restates it.
"""

from collections.abc import Iterable
from functools import partial
from typing import Any

from sqlalchemy.orm import Session

from app.domain.dates import FOREVER
from app.domain.text import Phrase
from app.models.people import LEAVE_KINDS, Leave, Membership
from app.services.importing import lookups
from app.services.importing.lookups import KnownPerson, KnownUnit, find_in, find_unit, select_by, unit_kind
from app.services.importing.plan import FactChanges, Plan, Recorded, Touched, Wanted, Writing, compare, start_of
from app.services.importing.sheet import BadCell, Columns, Sheet, day_or_instant, one_of, required

MEMBERSHIPS = Columns(("employee_no", "kind", "code", "from"), ("to",))
LEAVE_WORDS = {kind: kind for kind in LEAVE_KINDS} | {
    "maternity": "parental",
    "paternity": "parental",
    "sick": "medical",
    "illness": "medical",
    "holiday": "vacation",
    "annual": "vacation",
    "sabbatical": "unpaid",
    "leave": "other",
}
LEAVES = Columns(("employee_no", "from"), ("to", "kind"))


def persons(session: Session, sheet: Sheet) -> list[KnownPerson | None]:
    """Return the person of every row; unknown employee numbers are noted as mistakes."""
    numbers = sheet.texts("employee_no")
    known = lookups.people(session, (number for number in numbers if number), sheet.zone)
    return sheet.parse("employee_no", find_in(known, "person"))


def spans(sheet: Sheet, people: list[KnownPerson | None]) -> list[tuple[Any, Any] | None]:
    """Return the interval of every row in the person's own days; one that ends before it starts is a mistake."""
    starts = sheet.parse("from", required(day_or_instant))
    ends = sheet.parse("to", day_or_instant)
    result: list[tuple[Any, Any] | None] = [None] * len(sheet)
    for position in list(sheet.good()):
        person = people[position]
        assert person is not None
        start, end = start_of(starts[position], person.calendar), start_of(ends[position], person.calendar)
        if end <= start:
            sheet.wrong(position, "to", Phrase('it ends before it starts; "to" is the first day after it.'))
        else:
            result[position] = (start, end)
    return result


def _units(session: Session, sheet: Sheet) -> list[KnownUnit | None]:
    known = lookups.units(session)
    kinds = sheet.parse("kind", unit_kind)
    codes = sheet.texts("code")
    found: dict[tuple[str | None, str], KnownUnit | BadCell] = {}
    result: list[KnownUnit | None] = []
    for position, (kind, code) in enumerate(zip(kinds, codes, strict=True)):
        if kind is None:
            result.append(None)
            continue
        if (kind, code) not in found:
            try:
                found[kind, code] = find_unit(known, kind, code)
            except BadCell as refusal:
                found[kind, code] = refusal
        unit = found[kind, code]
        if isinstance(unit, BadCell):
            sheet.wrong(position, "code", unit.phrase)
            result.append(None)
        else:
            result.append(unit)
    return result


def _row_words(sheet: Sheet, columns: Iterable[str]) -> Any:
    texts = [sheet.texts(column) for column in columns]
    return lambda position: " · ".join(text[position] for text in texts if text[position])


def plan_memberships(session: Session, sheet: Sheet) -> Plan:
    """Check a file of memberships against what is recorded; write nothing."""
    result = Plan("memberships", sheet)
    people = persons(session, sheet)
    belongs_to = _units(session, sheet)
    when = spans(sheet, people)
    wanted = []
    for position in sheet.good():
        person, unit, span = people[position], belongs_to[position], when[position]
        assert person is not None
        assert unit is not None
        assert span is not None
        wanted.append(Wanted(position, (person.id, unit.id, span[0]), (span[1],)))
    columns = (Membership.id, Membership.person_id, Membership.unit_id, Membership.starts_at, Membership.ends_at)
    recorded = (
        Recorded(one, (person, unit, start), (end,))
        for one, person, unit, start, end in select_by(
            session, columns, Membership.person_id, (one.key[0] for one in wanted), Membership.voided_at == FOREVER
        )
    )
    changes = FactChanges(sheet, Membership, ("person_id", "unit_id", "starts_at"), ("ends_at",))
    compare(result, "membership", changes, wanted, recorded, _row_words(sheet, ("employee_no", "kind", "code", "from")))
    result.write = partial(write_for_people, changes=changes)
    return result


def plan_leaves(session: Session, sheet: Sheet) -> Plan:
    """Check a file of leaves against what is recorded; write nothing."""
    result = Plan("leaves", sheet)
    people = persons(session, sheet)
    kinds = sheet.parse("kind", one_of(LEAVE_WORDS, default="other"))
    when = spans(sheet, people)
    wanted = []
    for position in sheet.good():
        person, span = people[position], when[position]
        assert person is not None
        assert span is not None
        wanted.append(Wanted(position, (person.id, span[0]), (span[1], kinds[position])))
    columns = (Leave.id, Leave.person_id, Leave.starts_at, Leave.ends_at, Leave.kind)
    recorded = (
        Recorded(one, (person, start), (end, kind))
        for one, person, start, end, kind in select_by(
            session, columns, Leave.person_id, (one.key[0] for one in wanted), Leave.voided_at == FOREVER
        )
    )
    changes = FactChanges(sheet, Leave, ("person_id", "starts_at"), ("ends_at", "kind"))
    compare(result, "leave", changes, wanted, recorded, _row_words(sheet, ("employee_no", "from")))
    result.write = partial(write_for_people, changes=changes)
    return result


def write_for_people(writing: Writing, changes: FactChanges) -> Touched:
    """Write facts whose key begins with a person; those people are concerned, with all their items."""
    changes.write(writing)
    return Touched({one.key[0] for one in changes.lines}, None)
