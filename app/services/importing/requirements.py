"""Imports rows of the matrix (MTX-1, MTX-2).

A row is found again by item, the set of its units and its start; where several rows share these, by the framework. Any
other difference restates it. ``units`` are joined with ``+`` and must all be held: ``job_function:OPERATOR +
department:STERILE``.
"""

import re
from collections.abc import Iterator
from functools import partial
from typing import Any, NamedTuple

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.domain.dates import FOREVER, calendar_of
from app.domain.text import Phrase
from app.models.matrix import PROOFS, Requirement, RequirementUnit
from app.safeguards import bulk
from app.services.importing import lookups
from app.services.importing.lookups import KnownItem, KnownUnit, chunks, find_in, find_unit, unit_kind
from app.services.importing.plan import FactChanges, Plan, Recorded, Touched, Wanted, Writing, compare, start_of
from app.services.importing.sheet import (
    BadCell,
    Columns,
    Sheet,
    day_or_instant,
    one_of,
    required,
    text_up_to,
    whole_number,
)

COLUMNS = Columns(
    ("item", "units", "from"),
    (
        *("to", "recurrence_months", "days_to_complete", "grace_days", "revision_grace_days", "framework", "proof"),
        "recurrence_fixed",
    ),
)
VALUES = (
    *("ends_at", "recurrence_months", "recurrence_fixed", "days_to_complete"),
    *("grace_days", "revision_grace_days", "framework", "proof"),
)
FRAMEWORK = VALUES.index("framework")
PROOF_WORDS = {proof: proof for proof in PROOFS} | {
    "read_quiz": "quiz",
    "read_and_understood": "read",
    "r&u": "read",
    "on_the_job": "ojt",
    "on_the_job_training": "ojt",
    "exam": "quiz",
    "test": "quiz",
    "classroom": "class",
}
_JOINT = re.compile(r"\s*[+;]\s*(?=\w[\w ]*:)")


class Units(NamedTuple):
    """The units of one row: ids, the zone whose days count, and the client that the row belongs to."""

    ids: tuple[int, ...]
    zone: str | None
    client_id: int | None


def parse_units(text: str, known: dict[tuple[str, str], KnownUnit]) -> Units:
    """Return the units named by a cell. Raises BadCell for an unknown one, or when there is none."""
    if not text:
        raise BadCell("the cell is empty. Name at least one unit, such as job_function:OPERATOR.")
    found: dict[int, KnownUnit] = {}
    for part in _JOINT.split(text):
        kind, colon, code = (piece.strip() for piece in part.partition(":"))
        if not colon:
            raise BadCell("%(value)s is not a unit like job_function:OPERATOR.", value=part)
        unit = find_unit(known, unit_kind(kind), code)
        found[unit.id] = unit
    zone = next((unit.zone for unit in found.values() if unit.zone), None)
    client = next((unit.client_id for unit in found.values() if unit.client_id), None)
    return Units(tuple(sorted(found)), zone, client)


def month_day(text: str) -> str | None:
    """Return a calendar day as MM-DD, or None for an empty cell."""
    if not text:
        return None
    if not re.fullmatch(r"(0[1-9]|1[0-2])-(0[1-9]|[12]\d|3[01])", text) or text in {"02-30", "02-31"}:
        raise BadCell("%(value)s is not a day of the year like 01-31.", value=text)
    return text


def plan(session: Session, sheet: Sheet) -> Plan:
    """Check a file of matrix rows against what is recorded; write nothing."""
    result = Plan("requirements", sheet)
    found = lookups.items(session, (code for code in sheet.texts("item") if code))
    items = sheet.parse("item", find_in(found, "item"))
    units = sheet.parse("units", partial(parse_units, known=lookups.units(session)))
    starts = sheet.parse("from", required(day_or_instant))
    ends = sheet.parse("to", day_or_instant)
    values = _values(sheet)
    wanted = []
    for position in list(sheet.good()):
        item, held = items[position], units[position]
        assert item is not None
        assert held is not None
        days = calendar_of(held.zone or sheet.zone)
        start, end = start_of(starts[position], days), start_of(ends[position], days)
        if end <= start:
            sheet.wrong(position, "to", Phrase('it ends before it starts; "to" is the first day after it.'))
            continue
        if values[0][position] is not None and values[1][position] is not None:
            sheet.wrong(position, "recurrence_fixed", Phrase("a row repeats after months or on a fixed day, not both."))
            continue
        line = (end, *(column[position] for column in values))
        wanted.append(Wanted(position, (item.id, held.ids, start), line, {"client_id": _client(item, held)}))
    changes = FactChanges(sheet, Requirement, ("item_id", "units", "starts_at"), VALUES)
    recorded = list(_recorded(session, {one.key[0] for one in wanted}))
    columns = [sheet.texts(name) for name in ("item", "units", "from")]
    compare(
        result,
        "requirement",
        changes,
        wanted,
        recorded,
        lambda position: " · ".join(texts[position] for texts in columns),
        _same_framework,
    )
    result.write = partial(_write, changes=changes)
    return result


def _client(item: KnownItem, units: Units) -> int | None:
    return item.client_id if item.client_id is not None else units.client_id


def _values(sheet: Sheet) -> list[list[Any]]:
    """Return the columns of ``VALUES`` after the first, one list each."""
    return [
        sheet.parse("recurrence_months", whole_number(None, least=1, most=1200)),
        sheet.parse("recurrence_fixed", month_day),
        sheet.parse("days_to_complete", whole_number(14)),
        sheet.parse("grace_days", whole_number(0)),
        sheet.parse("revision_grace_days", whole_number(0)),
        [text or None for text in sheet.parse("framework", text_up_to(40))],
        sheet.parse("proof", one_of(PROOF_WORDS, default="read")),
    ]


def _same_framework(new: Wanted, old: Recorded) -> bool:
    before, after = old.values[FRAMEWORK], new.values[FRAMEWORK]
    return before == after or before is None or after is None


def _recorded(session: Session, items: set[int]) -> Iterator[Recorded]:
    held: dict[int, list[int]] = {}
    for part in chunks(items):
        query = (
            select(RequirementUnit.requirement_id, RequirementUnit.unit_id)
            .join(Requirement, RequirementUnit.requirement_id == Requirement.id)
            .where(Requirement.item_id.in_(part), Requirement.voided_at == FOREVER)
            .order_by(RequirementUnit.unit_id)
        )
        for requirement, unit in session.execute(query):
            held.setdefault(requirement, []).append(unit)
    names = ("id", "item_id", "starts_at", *VALUES)
    columns = [getattr(Requirement, name) for name in names]
    for row in lookups.select_by(session, columns, Requirement.item_id, items, Requirement.voided_at == FOREVER):
        yield Recorded(row[0], (row[1], tuple(held.get(row[0], ())), row[2]), tuple(row[3:]))


def _write(writing: Writing, changes: FactChanges) -> Touched:
    """Write the rows without their units, then the units under the new ids."""
    units = {one.position: one.key[1] for one in changes.lines}
    plain = FactChanges(changes.sheet, Requirement, ("item_id", "starts_at"), VALUES)
    plain.adds = [one._replace(key=(one.key[0], one.key[2])) for one in changes.adds]
    plain.restated = [(old, one._replace(key=(one.key[0], one.key[2]))) for old, one in changes.restated]
    written = plain.write(writing)
    rows = [{"requirement_id": one, "unit_id": unit} for line, one in written for unit in units[line.position]]
    bulk.insert_many(writing.session, RequirementUnit, rows)
    return Touched(None, {line.key[0] for line, _ in written})
