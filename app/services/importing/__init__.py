"""Imports of lists: people, units, documents, the matrix, training records (IMP-3, IMP-5, IMP-6).

Two steps, and nothing else: ``check`` reads a file and says everything that it would do and everything that is wrong
with it; ``write`` does it, all or nothing, keeps the file with its SHA-256 as evidence, and reconciles exactly the
people and items concerned in the same transaction. Column by column: ``docs/import-files.md``.
"""

from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from sqlalchemy.orm import Session

from app.domain.errors import BadInput
from app.services.importing import completions, documents, memberships, orders, people, requirements, units
from app.services.importing.plan import Plan
from app.services.importing.sheet import Columns, Sheet
from app.services.importing.tables import Table
from app.services.memory import collector_paused


class Kind(NamedTuple):
    """A kind of list: its columns, and the function that checks it."""

    columns: Columns
    plan: Callable[..., Plan]


KINDS: dict[str, Kind] = {
    "units": Kind(units.COLUMNS, units.plan),
    "people": Kind(people.COLUMNS, people.plan),
    "memberships": Kind(memberships.MEMBERSHIPS, memberships.plan_memberships),
    "documents": Kind(documents.COLUMNS, documents.plan),
    "requirements": Kind(requirements.COLUMNS, requirements.plan),
    "completions": Kind(completions.COLUMNS, completions.plan),
    "exemptions": Kind(orders.EXEMPTIONS, orders.plan_exemptions),
    "leaves": Kind(memberships.LEAVES, memberships.plan_leaves),
    "orders": Kind(orders.ORDERS, orders.plan_orders),
}
"""In the order in which a new installation takes them: each finds what it refers to."""


@collector_paused()
def check(session: Session, kind: str, table: Table, zone: str, folder: Path | None = None) -> Plan:
    """Return what importing ``table`` as ``kind`` would do; write nothing.

    ``zone`` is the IANA zone of days where no site says otherwise; ``folder`` is where a documents list finds the
    files it names. Raises BadInput for an unknown kind. Mistakes in the file are in the plan's ``errors``.
    """
    if kind not in KINDS:
        raise BadInput("There is no import of %(kind)s. Possible are: %(kinds)s.", kind=kind, kinds=", ".join(KINDS))
    sheet = Sheet(table, KINDS[kind].columns, zone)
    if sheet.errors:
        return Plan(kind, sheet)
    if kind == "documents":
        return KINDS[kind].plan(session, sheet, folder)
    return KINDS[kind].plan(session, sheet)


def template(kind: str) -> str:
    """Return the header row of an empty list of this kind, as CSV."""
    return ",".join(KINDS[kind].columns.all) + "\r\n"
