"""Dry run and commit of a recognized matrix: one computation of changes, written by the importers of lists.

The commit writes through the same importers as a CSV of units, people, documents, requirements or training records, so
one set of rules decides what is acceptable. It is one transaction: file kept as evidence, facts with their cell, trail,
reconciliation of the people and items concerned. The caller commits.
"""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy.orm import Session

from app.domain.dates import calendar_of
from app.domain.errors import NotAllowed, RuleBroken
from app.models.importing import ImportRun
from app.safeguards.context import because, current
from app.safeguards.database import take_turns
from app.services import files
from app.services.importing import KINDS
from app.services.importing.commit import COMMIT, IMPORT_LOCK, reconcile
from app.services.importing.plan import Plan, Touched, Writing
from app.services.importing.runs import add_run
from app.services.importing.sheet import Sheet
from app.services.importing.tables import Table
from app.services.matrix_import.changes import Change, Changes
from app.services.matrix_import.contents import contents_of
from app.services.matrix_import.differences import find_changes
from app.services.matrix_import.matching import Matches, match
from app.services.matrix_import.recognizing import Recognized
from app.services.matrix_import.saying import Contents
from app.services.matrix_import.taking import refuse_future

ORDER = ("units", "people", "memberships", "documents", "requirements", "completions", "orders")
"""The order of writing: each kind refers to those before it."""


@dataclass(slots=True)
class DryRun:
    """What an import would do, and what it could not find."""

    contents: Contents
    matches: Matches
    changes: Changes

    @property
    def open(self) -> int:
        """How many names still need a decision."""
        return len(self.matches.unresolved())


def dry_run(session: Session, found: Recognized, choices: Mapping[str, str] | None, zone: str) -> DryRun:
    """Compare the file with what is recorded; write nothing.

    ``choices`` are the decisions about names (see ``matching.match``); ``zone`` is the IANA zone of the company's days.
    """
    return _compared(session, found, choices, zone, current().now())


def first_dry_run(found: Recognized, zone: str, now: datetime) -> DryRun:
    """Like ``dry_run`` where nothing has been installed yet: everything in the file is new."""
    return _compared(None, found, None, zone, now)


def _compared(
    session: Session | None, found: Recognized, choices: Mapping[str, str] | None, zone: str, now: datetime
) -> DryRun:
    calendar = calendar_of(zone)
    refuse_future(found.mapping, calendar.day(now))
    contents = contents_of(found.reading, found.grids, found.mapping)
    matches = match(session, contents, choices)
    return DryRun(contents, matches, find_changes(session, contents, matches, now, calendar))


class CellTable(Table):
    """A table whose rows come from cells all over a workbook; a place is the cell that the row was read from."""

    places: list[str]

    def place(self, number: int, column: int | None = None) -> str:
        """Name the file, the sheet and the cell."""
        sheet, _, cell = self.places[number].rpartition("!")
        return f'{self.file}, sheet "{sheet}", cell {cell}'


class CellSheet(Sheet):
    """A sheet whose facts carry the address of their cell as evidence."""

    def evidence(self, position: int) -> str:
        """Return sheet and cell, such as ``Matrix!C5``."""
        table = self.table
        assert isinstance(table, CellTable)
        return table.places[table.rows[position][0]][:200]


def plan_of(session: Session, kind: str, rows: list[Change], file: str, data: bytes, zone: str) -> Plan:
    """The plan of the importer of one kind for these changes. Raises BadInput naming the first cell it refuses."""
    header = list(rows[0].line)
    table = CellTable(file, None, hashlib.sha256(data).hexdigest(), data, header, [])
    table.places = [row.place for row in rows]
    table.rows = [(number, [row.line.get(name, "") for name in header]) for number, row in enumerate(rows)]
    sheet = CellSheet(table, KINDS[kind].columns, zone)
    plan = KINDS[kind].plan(session, sheet)
    sheet.refuse()
    return plan


def commit(
    session: Session,
    found: Recognized,
    data: bytes,
    *,
    reason: str,
    zone: str,
    choices: Mapping[str, str] | None = None,
    signature_id: int | None = None,
    run: ImportRun | None = None,
) -> tuple[DryRun, ImportRun | None]:
    """Write what the dry run says, all or nothing; return it with the record of the import, or None without changes.

    1. permission, reason, no open decision; 2. one import at a time; 3. compare again, under the lock; 4. keep the
    file; 5. write in the order of ``ORDER``; 6. reconcile. Raises NotAllowed, RuleBroken, or BadInput naming a cell.
    """
    context = current()
    if not context.may(*COMMIT):
        raise NotAllowed("%(name)s may not write imports.", name=context.printed_name)
    if not reason.strip():
        raise RuleBroken("Say why this is imported.", field="reason")
    if hashlib.sha256(data).hexdigest() != found.sha256:
        raise RuleBroken("The file changed since it was read. Start again with the new file.")
    with session.begin_nested(), because(reason):
        take_turns(session, IMPORT_LOCK)
        result = dry_run(session, found, choices, zone)
        if result.open:
            raise RuleBroken("Names of the file still need a decision: %(count)s.", count=result.open)
        if not result.changes.rows:
            return result, None
        written = _write(session, found, data, result, reason, zone, signature_id, run)
    return result, written


def _write(
    session: Session,
    found: Recognized,
    data: bytes,
    result: DryRun,
    reason: str,
    zone: str,
    signature_id: int | None,
    run: ImportRun | None,
) -> ImportRun:
    context = current()
    at = context.now()
    file = files.store(session, data, found.file)
    if run is None:
        run = add_run(session, "matrix", file, found.file, "committing")
    run.file_id, run.file_name = file.id, files.clean_name(found.file)
    run.reason, run.signature_id = reason, signature_id
    run.mapping = json.dumps(found.mapping, ensure_ascii=False)
    run.summary = json.dumps(result.changes.counts())
    run.state, run.progress = "committed", 100
    session.flush()
    touched = write_changes(Writing(session, at, reason, file.id), result.changes, found.file, data, zone)
    for concerned in together(touched):
        reconcile(session, concerned, source=found.file)
    run.finished_at = context.now()
    session.flush()
    return run


def write_changes(writing: Writing, changes: Changes, file: str, data: bytes, zone: str) -> list[Touched]:
    """Write the changes in their order through the importers; return whom and what each kind concerns.

    Raises BadInput naming the first cell that an importer refuses.
    """
    touched = []
    for kind in ORDER:
        rows = changes.of(kind)
        if rows:
            touched.append(plan_of(writing.session, kind, rows, file, data, zone).write(writing))
            writing.session.flush()
    return touched


def together(all_touched: list[Touched]) -> list[Touched]:
    """Join those who are concerned with all of their items, the items that concern everybody, and single pairs."""
    whole_people: set[int] = set()
    whole_items: set[int] = set()
    pairs: list[Touched] = []
    for one in all_touched:
        if one.people is None and one.items is None:
            return [one]
        if one.items is None:
            whole_people |= one.people or set()
        elif one.people is None:
            whole_items |= one.items
        else:
            pairs.append(one)
    people = set().union(*(one.people or set() for one in pairs))
    items = set().union(*(one.items or set() for one in pairs))
    return [Touched(whole_people, None), Touched(None, whole_items), Touched(people, items)]
