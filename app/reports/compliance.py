"""Compliance of a part of the company as of an instant: one line per person and item (RPT-1)."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.domain import compliance as rule
from app.domain.errors import NotFound
from app.domain.text import Phrase
from app.models.documents import Item
from app.models.organization import Unit
from app.models.people import Person
from app.reports.tables import Column, Report, Section
from app.reports.words import STATUSES
from app.safeguards.context import current
from app.services import compliance
from app.services.compliance import Row

GOOD = (rule.QUALIFIED, rule.DUE_SOON, rule.EXEMPT)
UNIT_FILTERS = ("site", "department", "job_function", "equipment", "special_function", "shift", "product_line", "study")
NOUNS = {
    "site": Phrase("Site"),
    "department": Phrase("Department"),
    "job_function": Phrase("Job function"),
    "equipment": Phrase("Equipment"),
    "special_function": Phrase("Special function"),
    "shift": Phrase("Shift"),
    "product_line": Phrase("Product line"),
    "study": Phrase("Study"),
    "client": Phrase("Client"),
    "person": Phrase("Person"),
    "item": Phrase("Item"),
    "version": Phrase("Version"),
}
COLUMNS = (
    Column(Phrase("Employee no.")),
    Column(Phrase("Person")),
    Column(Phrase("Item")),
    Column(Phrase("Title")),
    Column(Phrase("Version in force")),
    Column(Phrase("Status")),
    Column(Phrase("Due")),
    Column(Phrase("Completed")),
    Column(Phrase("Version completed")),
    Column(Phrase("Why"), 0.26),
)


@dataclass(frozen=True, slots=True)
class Question:
    """What is asked: codes of units, a client, a person, an item; None means all. ``at`` None means now."""

    at: datetime | None = None
    known_at: datetime | None = None
    units: tuple[tuple[str, str], ...] = ()
    client: str | None = None
    person: str | None = None
    item: str | None = None
    not_required: bool = False
    version: str | None = None
    unit_kind: str = "department"


def ask(session: Session, question: Question) -> list[Row]:
    """Return the answer's lines. Raises NotFound naming the code that does not exist."""
    now = current().now()
    return compliance.evaluate(
        session,
        at=question.at or now,
        known_at=question.known_at,
        include_not_required=question.not_required,
        **narrowed(session, question),
    )


def narrowed(session: Session, question: Question) -> dict[str, Any]:
    """Return the ids behind the codes of a question, as ``services.compliance`` takes them."""
    return {
        "people": _one(session, Person.id, Person.employee_no, question.person, "person"),
        "items": _one(session, Item.id, Item.code, question.item, "item"),
        "unit_ids": [unit_id(session, kind, code) for kind, code in question.units],
        "client_id": unit_id(session, "client", question.client) if question.client else None,
    }


def _one(session: Session, column: Any, key: Any, code: str | None, noun: str) -> list[int] | None:
    if code is None:
        return None
    found = session.scalar(select(column).where(key == code))
    if found is None:
        raise NotFound("There is no %(noun)s %(code)s.", noun=noun, code=code)
    return [found]


def unit_id(session: Session, kind: str, code: str) -> int:
    """Return the id of a unit. Raises NotFound naming the code that does not exist."""
    found = session.scalar(select(Unit.id).where(Unit.kind == kind, Unit.code == code))
    if found is None:
        raise NotFound("There is no %(noun)s %(code)s.", noun=kind.replace("_", " "), code=code)
    return found


def report(rows: Iterable[Row], question: Question, *, why: bool = True) -> Report:
    """Return the lines as a report: counts first, then every person and item."""
    lines = list(rows)
    counts = Counter(row.status for row in lines)
    required = sum(number for status, number in counts.items() if status != rule.NOT_REQUIRED)
    good = sum(counts[status] for status in GOOD)
    summary: list[tuple[Any, Any]] = [(STATUSES[status], counts[status]) for status in rule.STATUSES if counts[status]]
    summary.append((Phrase("Compliant (%)"), round(100 * good / required, 1) if required else None))
    columns = COLUMNS if why else COLUMNS[:-1]
    body = [
        (
            row.employee_no,
            row.person,
            row.item,
            row.title,
            row.required_version,
            STATUSES[row.status],
            row.due_on,
            row.completed_on,
            row.completed_version,
            *([row.explanation] if why else []),
        )
        for row in lines
    ]
    return Report(
        Phrase("Training compliance"),
        (
            Section(Phrase("By person and item"), columns, body),
            Section(Phrase("Counts"), (Column(Phrase("Status")), Column(Phrase("Number"))), summary),
        ),
        filters=tuple(filters_of(question)),
        as_of=question.at or current().now(),
        known_at=question.known_at,
        file_name="compliance",
    )


def filters_of(question: Question) -> Iterable[tuple[Any, str]]:
    """Yield what was asked, in words."""
    for kind, code in question.units:
        yield NOUNS.get(kind, kind), code
    for noun in ("client", "person", "item", "version"):
        if value := getattr(question, noun):
            yield NOUNS[noun], value


def by_unit(session: Session, question: Question) -> Report:
    """Return how many obligations of the people in each unit of a kind have which status, and the share in order."""
    at, kind = question.at or current().now(), question.unit_kind
    counts = compliance.counts_by_unit(session, kind, at=at, known_at=question.known_at)
    units = session.execute(select(Unit.id, Unit.code, Unit.name).where(Unit.kind == kind).order_by(Unit.code))
    shown = [status for status in rule.STATUSES if status != rule.NOT_REQUIRED]
    rows = []
    for one, code, name in units:
        numbers = counts.get(one, Counter())
        total = sum(numbers[status] for status in shown)
        share = round(100 * sum(numbers[status] for status in GOOD) / total, 1) if total else None
        rows.append((code, name, total, *(numbers[status] for status in shown), share))
    columns = (
        Column(NOUNS[kind]),
        Column(Phrase("Name")),
        Column(Phrase("Obligations")),
        *(Column(STATUSES[status]) for status in shown),
        Column(Phrase("Compliant (%)")),
    )
    return Report(
        Phrase("Compliance by unit"),
        (Section(Phrase("By unit"), columns, rows),),
        filters=((Phrase("Units"), NOUNS[kind]),),
        as_of=at,
        known_at=question.known_at,
        file_name=f"compliance-by-{kind}",
    )
