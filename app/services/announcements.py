"""Mail about training: what was assigned, what is due, and a supervisor's digest (JOB-1, JOB-2)."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from sqlalchemy import Select, select
from sqlalchemy.orm import Session

from app.domain.text import Phrase
from app.models.documents import Item, Version
from app.models.matrix import Assignment
from app.models.people import Person
from app.safeguards.context import within_all_clients
from app.services import reconciler
from app.services.notifications import Letter, write_many
from app.services.reconciler import Changes
from app.services.wording import preferred

IN_LIST = 900
LISTED = 30
"""Lines that a mail lists; the page shows all."""


@dataclass(frozen=True, slots=True)
class Line:
    """One piece of training in a mail."""

    person_id: int
    employee: str
    email: str | None
    languages: str
    code: str
    title: str
    version: str | None
    due_on: date | None
    due_at: datetime | None


def assignment_lines(session: Session, query: Select[Any] | None = None, ids: Sequence[int] = ()) -> list[Line]:
    """Return what mails say of open assignments: those of ``query`` (a select of ids), or those with ``ids``."""
    columns = (
        select(
            Person.id, Person.name, Person.email, Person.languages, Item.code, Item.title, Version.label,
            Assignment.due_on, Assignment.due_at,
        )
        .join(Person, Person.id == Assignment.person_id)
        .join(Item, Item.id == Assignment.item_id)
        .outerjoin(Version, Version.id == Assignment.version_id)
        .order_by(Person.id, Assignment.due_at, Item.code)
    )  # fmt: skip
    with within_all_clients():
        if query is not None:
            return [Line(*row) for row in session.execute(columns.where(Assignment.id.in_(query)))]
        found: list[Line] = []
        for start in range(0, len(ids), IN_LIST):
            part = ids[start : start + IN_LIST]
            found += [Line(*row) for row in session.execute(columns.where(Assignment.id.in_(part)))]
        return found


def reconcile(
    session: Session,
    people: Iterable[int] | None = None,
    items: Iterable[int] | None = None,
    *,
    trigger: str,
    source: str | None = None,
) -> Changes:
    """Reconcile, and write to those who were assigned something, in the same transaction."""
    changes = reconciler.reconcile(session, people, items, trigger=trigger, source=source)
    tell_assigned(session, changes)
    return changes


def tell_assigned(session: Session, changes: Changes) -> int:
    """Write to everybody who was assigned something, one mail a person; return how many mails."""
    lines = assignment_lines(session, ids=changes.opened) if changes.opened else []
    letters = [
        Letter(
            to=email,
            subject=Phrase("New training: %(what)s", what=_what(found)),
            body=Phrase("You were assigned training:\n\n%(lines)s\n\nOpen My page to do it.", lines=listed(found)),
            record_type="people",
            record_id=found[0].person_id,
            language=preferred(found[0].languages),
        )
        for email, found in _by_mail(lines).items()
    ]
    return write_many(session, letters)


def _by_mail(lines: Iterable[Line]) -> dict[str, list[Line]]:
    """People without an address get no mail; two people who share one get one mail with both."""
    found: dict[str, list[Line]] = defaultdict(list)
    for line in lines:
        if line.email:
            found[line.email].append(line)
    return found


def _what(lines: Sequence[Line]) -> Phrase | str:
    if len(lines) == 1:
        return lines[0].code
    return Phrase("%(count)s items", count=len(lines))


def listed(lines: Sequence[Line], with_names: bool = False) -> str:
    """Return the lines of a mail, each with its due day, cut to ``LISTED``."""
    shown = [_line(one, with_names) for one in lines[:LISTED]]
    if len(lines) > LISTED:
        shown.append(f"… + {len(lines) - LISTED}")
    return "\n".join(shown)


def _line(one: Line, with_names: bool) -> str:
    version = f" v{one.version}" if one.version else ""
    due = f" — {one.due_on.isoformat()}" if one.due_on else ""
    name = f"{one.employee}: " if with_names else ""
    return f"· {name}{one.code}{version} {one.title}{due}"


def tell_due(session: Session, lines: Iterable[Line], today: date) -> int:
    """Remind people of training that is due soon or overdue, one mail a person."""
    letters = []
    for email, found in _by_mail(lines).items():
        late = [line for line in found if line.due_on is not None and line.due_on < today]
        subject = (
            Phrase("Overdue training: %(what)s", what=_what(late))
            if late
            else Phrase("Training due soon: %(what)s", what=_what(found))
        )
        body = Phrase("This training waits for you:\n\n%(lines)s\n\nOpen My page to do it.", lines=listed(found))
        letters.append(Letter(email, subject, body, "people", found[0].person_id, preferred(found[0].languages)))
    return write_many(session, letters)


def tell_supervisors(session: Session, supervisors: Iterable[Person], today: date, horizon: date) -> int:
    """Send each supervisor one digest of the team: what is overdue first, then what is due by ``horizon``."""
    letters = []
    for supervisor in supervisors:
        query = select(Assignment.id).join(Person, Person.id == Assignment.person_id).where(
            Person.supervisor_id == supervisor.id, Assignment.state == "open", Assignment.due_on <= horizon
        )  # fmt: skip
        lines = assignment_lines(session, query)
        if not lines or not supervisor.email:
            continue
        lines.sort(key=lambda line: (line.due_on or horizon, line.employee, line.code))
        late = sum(line.due_on is not None and line.due_on < today for line in lines)
        letters.append(
            Letter(
                supervisor.email,
                Phrase("Your team: %(late)s overdue, %(soon)s due soon", late=late, soon=len(lines) - late),
                Phrase("What matters first:\n\n%(lines)s\n\nOpen My team for the reasons and what to do.",
                       lines=listed(lines, with_names=True)),
                "people",
                supervisor.id,
                preferred(supervisor.languages),
            )
        )  # fmt: skip
    return write_many(session, letters)
