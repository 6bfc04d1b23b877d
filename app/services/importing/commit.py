"""Writes a checked import: all or nothing, with the file as evidence, reconciled in the same transaction."""

import json
from collections.abc import Callable
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from app.domain.errors import NotAllowed, RuleBroken
from app.models.importing import ImportRun
from app.models.trail import AuditLink
from app.safeguards.context import because, current
from app.safeguards.database import take_turns
from app.services import files, reconciler
from app.services.importing.plan import Plan, Touched, Writing
from app.services.importing.runs import add_run
from app.services.importing.working import Telling, no_telling
from app.services.memory import collector_paused

COMMIT = ("imports", "commit")
"""The permission to write an import."""


TRIGGERS = {
    "people": "hire",
    "memberships": "role_change",
    "requirements": "matrix_change",
    "documents": "revision",
    "orders": "order",
}
"""Kind of list → trigger of the assignments that follow from it; the others are told as an import."""

IMPORT_LOCK = 7_125_301
"""The key of PostgreSQL's advisory lock: one import writes at a time."""


def check_and_write(
    session: Session, check: Callable[[], Plan], reason: str, telling: Telling = no_telling
) -> tuple[Plan, ImportRun | None]:
    """Check, and write when nothing is wrong; return the plan and the record of the import, if anything changed.

    The check runs without holding anybody up. Then the write lock is taken; if anything was written by others in
    between, the check is made again under the lock, so that two imports of one file at once count once.
    """
    before = trail_head(session)
    plan = check()
    if plan.errors or not plan.changes:
        return plan, None
    telling("writing", 0, 0)
    with session.begin_nested():
        take_turns(session, IMPORT_LOCK)
        if trail_head(session) != before:
            session.expire_all()
            plan = check()
        return plan, write(session, plan, reason)


def trail_head(session: Session) -> int | None:
    """The number of the newest link of the trail: while it stands, nothing was written; None before the first."""
    return session.scalar(select(func.max(AuditLink.seq)))


@collector_paused()
def write(
    session: Session, plan: Plan, reason: str, *, signature_id: int | None = None, run: ImportRun | None = None
) -> ImportRun | None:
    """Write what ``plan`` found out; return the record of the import, or None when the file changes nothing.

    ``run`` is the record that an upload already made; without it one is made here.

    1. refuse without permission, reason, or with mistakes in the file; 2. keep the file under its SHA-256; 3. write
    the facts, all recorded at one instant; 4. reconcile the people and items concerned. The caller commits.
    Raises NotAllowed, RuleBroken, or BadInput naming the first wrong cell.
    """
    context = current()
    if not context.may(*COMMIT):
        raise NotAllowed("%(name)s may not write imports.", name=context.printed_name)
    if not reason.strip():
        raise RuleBroken("Say why this is imported.", field="reason")
    plan.sheet.refuse()
    if not plan.changes:
        return None
    table, at = plan.sheet.table, context.now()
    with because(reason):
        file = files.store(session, table.data, table.file)
        if run is None:
            run = add_run(session, plan.kind, file, table.file, "committing")
        run.file_id, run.file_name = file.id, files.clean_name(table.file)
        run.reason, run.signature_id = reason, signature_id
        run.state, run.progress = "committed", 100
        run.summary = json.dumps({noun: dict(counts) for noun, counts in plan.counts.items()})
        touched = plan.write(Writing(session, at, reason, file.id))
        reconcile(session, touched, _trigger(plan), table.file)
        run.finished_at = context.now()
        session.flush()
    return run


def reconcile(session: Session, touched: Touched, trigger: str = "import", source: str | None = None) -> Any:
    """Bring the assignments of exactly the people and items concerned up to date; nothing when nobody is."""
    people, items = touched.people, touched.items
    if people == set() or items == set():
        return None
    return reconciler.reconcile(session, people=people, items=items, trigger=trigger, source=source)


def _trigger(plan: Plan) -> str:
    """Return what happened in the company when such a list changes (MTX-5), as the same change by form would say."""
    if plan.kind == "memberships" and set(plan.sheet.texts("kind")) == {"equipment"}:
        return "equipment"
    return TRIGGERS.get(plan.kind, "import")


def as_json(plan: Plan, run: ImportRun | None, committed: bool) -> dict[str, Any]:
    """Return the result of a dry run or an import as the command line prints it."""
    table = plan.sheet.table
    return {
        "file": table.file,
        "sha256": table.sha256,
        "kind": plan.kind,
        "rows": len(table.rows),
        "changes": {noun: dict(counts) for noun, counts in plan.counts.items()},
        "details": [detail.as_json() for detail in plan.details],
        "details_left_out": plan.left_out,
        "errors": [
            {"place": one.place, "row": one.row, "column": one.column, "value": one.value, "problem": str(one.phrase)}
            for one in plan.errors
        ],
        "warnings": [{"place": one.place, "problem": str(one.phrase)} for one in plan.warnings],
        "committed": committed,
        "import_id": run.id if run is not None else None,
    }
