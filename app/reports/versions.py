"""Who was trained on which version, and whether everyone was retrained after the last revision (RPT-1, RPT-2)."""

from collections import Counter
from datetime import date, datetime
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.domain import compliance as rule
from app.domain.dates import FOREVER, calendar_of
from app.domain.errors import BadInput, NotFound
from app.domain.text import Phrase
from app.models.documents import Item, Release, Version
from app.models.matrix import COMPLETION_METHODS, RESULTS, Completion
from app.models.people import Person
from app.models.signing import Signature
from app.reports import compliance
from app.reports.compliance import Question
from app.reports.people import columns
from app.reports.tables import Report, Section
from app.reports.words import STATUSES
from app.safeguards.context import current
from app.services.compliance import Row

RETRAINED = Phrase("Trained on the version in force")
STILL_GOOD = Phrase("Earlier training still counts")
MISSING = Phrase("Not retrained")
PENDING = Phrase("Not trained yet, still in time")
EXCUSED = Phrase("Exempt or on leave")


def trained_on(session: Session, question: Question) -> Report:
    """Return who was trained on one version of an item. Raises BadInput without an item, NotFound for a label."""
    if not question.item:
        raise BadInput("Name the item, and the version of it, that is asked about.", field="item")
    item = session.get_one(Item, compliance.narrowed(session, question)["items"][0])
    at, known = question.at or current().now(), question.known_at or current().now()
    version = _version(session, item, question.version, at)
    query = (
        select(Completion, Person.employee_no, Person.name, Signature.printed_name, Signature.signed_at)
        .join(Person, Completion.person_id == Person.id)
        .outerjoin(Signature, Completion.signature_id == Signature.id)
        .where(
            Completion.version_id == version.id,
            Completion.completed_at <= at,
            Completion.recorded_at <= known,
            Completion.voided_at > known,
        )
        .order_by(Person.employee_no, Completion.completed_at)
    )
    rows = [
        (
            number,
            name,
            one.completed_at,
            COMPLETION_METHODS.get(one.method, one.method),
            RESULTS.get(one.result, one.result),
            one.score,
            signer,
            signed,
            one.recorded_at,
        )
        for one, number, name, signer, signed in session.execute(query)
    ]
    titles = columns(
        Phrase("Employee no."),
        Phrase("Person"),
        Phrase("Completed"),
        Phrase("Method"),
        Phrase("Result"),
        Phrase("Score"),
        Phrase("Signed by"),
        Phrase("Signed"),
        Phrase("Recorded"),
    )
    missing = _untrained(session, question, {row[0] for row in rows if row[4] == RESULTS["passed"]})
    return Report(
        Phrase("Trained on %(item)s version %(label)s", item=item.code, label=version.label),
        (Section(Phrase("Trained"), titles, rows), missing),
        filters=((Phrase("Item"), f"{item.code} {item.title}"), (Phrase("Version"), version.label)),
        as_of=at,
        known_at=question.known_at,
        file_name=f"trained-on-{item.code}-{version.label}",
    )


def _version(session: Session, item: Item, label: str | None, at: datetime) -> Version:
    """Return the version with this label, or the one in force at ``at``."""
    query = select(Version).where(Version.item_id == item.id)
    if label:
        found = session.scalar(query.where(Version.label == label))
    else:
        released = query.join(Release, Release.version_id == Version.id)
        found = session.scalar(
            released.where(Release.voided_at == FOREVER, Release.effective_from <= at)
            .order_by(Release.effective_from.desc(), Version.sequence.desc())
            .limit(1)
        )
    if found is None:
        raise NotFound("%(item)s has no version %(label)s.", item=item.code, label=label or "–")
    return found


def _untrained(session: Session, question: Question, trained: set[Any]) -> Section:
    """Everyone who needs the item and was not trained on this version."""
    rows = [
        (row.employee_no, row.person, STATUSES[row.status], row.due_on, row.completed_version)
        for row in compliance.ask(session, Question(question.at, question.known_at, item=question.item))
        if row.employee_no not in trained
    ]
    titles = columns(
        Phrase("Employee no."), Phrase("Person"), Phrase("Status"), Phrase("Due"), Phrase("Version completed")
    )
    return Section(Phrase("Required, and not trained on this version"), titles, rows)


def retrained(session: Session, question: Question) -> Report:
    """Answer whether everyone concerned was retrained after the last revision of what they work by.

    A process is named by its units (department, function, equipment, product line …), a client, or an item. A person
    who need not be trained again because the revision asks nothing of his or her job function counts, and is shown so.
    """
    rows = compliance.ask(session, question)
    since = _in_force_since(session, {row.item_id for row in rows})
    lines = []
    counts: Counter[str] = Counter()
    for row in rows:
        verdict = _verdict(row)
        counts[str(verdict)] += 1
        lines.append(
            (
                row.item,
                row.title,
                row.required_version,
                since.get((row.item_id, row.required_version)),
                row.employee_no,
                row.person,
                verdict,
                row.completed_version,
                row.completed_on,
                row.due_on,
            )
        )
    lines.sort(key=lambda line: (line[6] != MISSING, line[6] != PENDING, line[0], line[4]))
    titles = columns(
        Phrase("Item"),
        Phrase("Title"),
        Phrase("Version in force"),
        Phrase("In force since"),
        Phrase("Employee no."),
        Phrase("Person"),
        Phrase("Answer"),
        Phrase("Version completed"),
        Phrase("Completed"),
        Phrase("Due"),
    )
    order = (MISSING, PENDING, RETRAINED, STILL_GOOD, EXCUSED)
    summary = [(word, counts[str(word)]) for word in order if counts[str(word)]]
    return Report(
        Phrase("Retrained after the last revision"),
        (
            Section(Phrase("By item and person"), titles, lines),
            Section(Phrase("Counts"), columns(Phrase("Answer"), Phrase("Number")), summary),
        ),
        filters=tuple(compliance.filters_of(question)),
        as_of=question.at or current().now(),
        known_at=question.known_at,
        file_name="retrained",
        answer=_answer(len(rows), counts[str(MISSING)], counts[str(PENDING)]),
    )


def _verdict(row: Row) -> Phrase:
    if row.status in {rule.EXEMPT, rule.ON_LEAVE}:
        return EXCUSED
    if row.status == rule.ASSIGNED:
        return PENDING
    if row.status not in {rule.QUALIFIED, rule.DUE_SOON}:
        return MISSING
    return RETRAINED if row.completed_version == row.required_version else STILL_GOOD


def _answer(asked: int, missing: int, pending: int) -> tuple[bool, Phrase]:
    if not asked:
        return False, Phrase("Nobody is required to be trained on anything here. Check the filters.")
    if missing:
        return False, Phrase(
            "No: %(missing)s of %(asked)s trainings are missing, %(pending)s more are not due yet.",
            missing=missing,
            asked=asked,
            pending=pending,
        )
    if pending:
        return False, Phrase(
            "Not yet: %(pending)s of %(asked)s trainings are open and still in time.", pending=pending, asked=asked
        )
    return True, Phrase("Yes: everyone is trained on what is in force (%(asked)s trainings).", asked=asked)


def _in_force_since(session: Session, items: set[int]) -> dict[tuple[int, str | None], date]:
    """Return the day from which each version of these items is in force, in the zone of the installation."""
    days = calendar_of(current().home_zone)
    query = (
        select(Version.item_id, Version.label, Release.effective_from)
        .join(Release, Release.version_id == Version.id)
        .where(Release.voided_at == FOREVER)
    )
    return {(item, label): days.day(start) for item, label, start in session.execute(query) if item in items}
