"""Imports completions with their true dates and origin (IMP-5).

A completion is found again by person, version and instant; another result, score, method … of an imported completion
restates it. A completion that was signed here is never touched by a file.

An empty ``version`` means the version in force at ``completed_at``. ``recorded_at`` is what the source claims: it is
kept beside the true time of entry, and only an operator with the migration permission may bring it.
"""

from collections.abc import Iterable, Iterator
from datetime import datetime
from functools import partial
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.domain.dates import FOREVER, calendar_of
from app.domain.text import Phrase
from app.models.documents import Release
from app.models.matrix import COMPLETION_METHODS, Completion, Equivalence
from app.safeguards.context import current
from app.services.importing import lookups
from app.services.importing.lookups import KnownItem, KnownPerson, chunks, find_in, select_by
from app.services.importing.memberships import persons
from app.services.importing.plan import FactChanges, Plan, Recorded, Touched, Wanted, Writing, compare, start_of
from app.services.importing.sheet import (
    BadCell,
    Columns,
    Sheet,
    day_or_instant,
    decimal_number,
    did_you_mean,
    one_of,
    required,
    text_up_to,
)

COLUMNS = Columns(
    ("employee_no", "item", "completed_at"),
    ("version", "method", "result", "score", "evaluator_no", "language", "origin", "recorded_at"),
)
METHODS = {method: method for method in COMPLETION_METHODS} | {
    "read_and_understood": "read",
    "r&u": "read",
    "reading": "read",
    "self_study": "read",
    "read_quiz": "quiz",
    "exam": "quiz",
    "test": "quiz",
    "e_learning": "quiz",
    "elearning": "quiz",
    "online": "quiz",
    "on_the_job": "ojt",
    "on_the_job_training": "ojt",
    "observation": "ojt",
    "practical": "ojt",
    "classroom": "class",
    "course": "class",
    "session": "class",
    "external": "certificate",
    "imported": "import",
    "legacy": "import",
    "paper": "import",
}
RESULTS = {
    "passed": "passed",
    "pass": "passed",
    "ok": "passed",
    "yes": "passed",
    "completed": "passed",
    "complete": "passed",
    "failed": "failed",
    "fail": "failed",
    "no": "failed",
    "not_passed": "failed",
}
KEY = ("person_id", "item_id", "version_id", "completed_at")
VALUES = ("method", "result", "score", "evaluator_id", "language", "origin", "claimed_recorded_at")
MIGRATION = ("training", "migrate")
"""The permission to claim a time of entry."""


def plan(session: Session, sheet: Sheet) -> Plan:
    """Check a file of completions against what is recorded; write nothing."""
    result = Plan("completions", sheet)
    people = persons(session, sheet)
    found = lookups.items(session, (code for code in sheet.texts("item") if code))
    items = sheet.parse("item", find_in(found, "item"))
    when = _instants(sheet, "completed_at", people, required(day_or_instant))
    versions = _versions(session, sheet, items, when)
    values = _values(session, sheet, people)
    wanted = []
    for position in sheet.good():
        person, item = people[position], items[position]
        assert person is not None
        assert item is not None
        key = (person.id, item.id, versions[position], when[position])
        line = tuple(column[position] for column in values)
        wanted.append(Wanted(position, key, line, {"client_id": item.client_id}))
    changes = FactChanges(sheet, Completion, KEY, VALUES)
    recorded = _recorded(session, {one.key[0] for one in wanted}, {one.key[1] for one in wanted})
    words = [sheet.texts(column) for column in ("employee_no", "item", "version", "completed_at")]
    compare(
        result,
        "completion",
        changes,
        wanted,
        recorded,
        lambda position: " · ".join(text[position] for text in words if text[position]),
    )
    result.write = partial(_write, changes=changes)
    return result


def _instants(sheet: Sheet, column: str, people: list[KnownPerson | None], parser: Any) -> list[datetime | None]:
    """Return the column as instants; a day is the local midnight that starts it, at the person's home site."""
    fallback = calendar_of(sheet.zone)
    return [
        None if value is None else start_of(value, person.calendar if person else fallback)
        for value, person in zip(sheet.parse(column, parser), people, strict=True)
    ]


def _values(session: Session, sheet: Sheet, people: list[KnownPerson | None]) -> list[list[Any]]:
    """Return the columns of ``VALUES``, one list each."""
    numbers = {text for text in sheet.texts("evaluator_no") if text}
    evaluators = lookups.people(session, numbers, sheet.zone)

    def evaluator(text: str) -> int | None:
        return find_in(evaluators, "person")(text).id if text else None

    claimed = _instants(sheet, "recorded_at", people, day_or_instant)
    if not current().may(*MIGRATION):
        for position, instant in enumerate(claimed):
            if instant is not None:
                phrase = Phrase("only somebody with the permission to migrate records may say when it was recorded.")
                sheet.wrong(position, "recorded_at", phrase)
    return [
        sheet.parse("method", one_of(METHODS, default="import")),
        sheet.parse("result", one_of(RESULTS, default="passed")),
        sheet.parse("score", decimal_number),
        sheet.parse("evaluator_no", evaluator),
        [text or None for text in sheet.parse("language", text_up_to(10))],
        [text or None for text in sheet.parse("origin", text_up_to(200))],
        claimed,
    ]


def _versions(
    session: Session, sheet: Sheet, items: list[KnownItem | None], when: list[datetime | None]
) -> list[int | None]:
    """Return the version of every row: the one named, or the one in force at the time."""
    ids = {item.id for item in items if item}
    labels = lookups.versions(session, ids)
    in_force = _in_force(session, ids)
    known: dict[tuple[int, str], int | BadCell] = {}
    result: list[int | None] = []
    for position, text in enumerate(sheet.texts("version")):
        item, instant = items[position], when[position]
        if item is None or instant is None:
            result.append(None)
            continue
        found: int | BadCell | None
        if text:
            if (item.id, text) not in known:
                known[item.id, text] = _labelled(labels.get(item.id, {}), text)
            found = known[item.id, text]
        else:
            found = next((version for start, version in in_force.get(item.id, ()) if start <= instant), None)
            found = found or BadCell("no version was in force then. Name the version that the training was on.")
        if isinstance(found, BadCell):
            sheet.wrong(position, "version", found.phrase)
            found = None
        result.append(found)
    return result


def _labelled(labels: dict[str, int], text: str) -> int | BadCell:
    """Return the version with this label; a spreadsheet that made ``1`` out of ``1.0`` is understood."""
    if text in labels:
        return labels[text]
    alike = [one for label, one in labels.items() if _number(label) is not None and _number(label) == _number(text)]
    if len(alike) == 1:
        return alike[0]
    return BadCell("there is no version %(value)s of this item.%(hint)s", value=text, hint=did_you_mean(text, labels))


def _number(text: str) -> float | None:
    try:
        return float(text)
    except ValueError:
        return None


def _in_force(session: Session, item_ids: Iterable[int]) -> dict[int, list[tuple[datetime, int]]]:
    """Return (effective from, version) of each item, the latest first."""
    found: dict[int, list[tuple[datetime, int]]] = {}
    for part in chunks(item_ids):
        query = (
            select(Release.item_id, Release.effective_from, Release.version_id)
            .where(Release.item_id.in_(part), Release.voided_at == FOREVER)
            .order_by(Release.effective_from.desc(), Release.version_id.desc())
        )
        for item, start, version in session.execute(query):
            found.setdefault(item, []).append((start, version))
    return found


def _recorded(session: Session, people: set[int], items: set[int]) -> Iterator[Recorded]:
    columns = [getattr(Completion, name) for name in ("id", *KEY, *VALUES)]
    conditions = [Completion.voided_at == FOREVER, Completion.signature_id.is_(None)]
    if len(items) <= lookups.CHUNK:
        conditions.append(Completion.item_id.in_(items))
    for row in select_by(session, columns, Completion.person_id, people, *conditions):
        values = tuple(row)
        yield Recorded(values[0], values[1:5], values[5:])


def _write(writing: Writing, changes: FactChanges) -> Touched:
    changes.write(writing)
    items = {one.key[1] for one in changes.lines}
    counted = select_by(
        writing.session, (Equivalence.item_id,), Equivalence.counting_item_id, items, Equivalence.voided_at == FOREVER
    )
    return Touched({one.key[0] for one in changes.lines}, items | {item for (item,) in counted})
