"""Where assignments come from, and how late the late ones are (RPT-1)."""

import json
from collections import Counter
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.domain import compliance as rule
from app.domain.dates import calendar_of
from app.domain.text import Phrase
from app.models.documents import Item, Version
from app.models.matrix import ASSIGNMENT_STATES, TRIGGERS, Assignment
from app.models.people import Person
from app.reports import compliance
from app.reports.compliance import Question
from app.reports.people import columns
from app.reports.tables import Column, Report, Section
from app.reports.words import STATUSES
from app.safeguards.context import current
from app.services.compliance import people_in_units

BUCKETS = ((7, Phrase("1 to 7 days")), (30, Phrase("8 to 30 days")), (90, Phrase("31 to 90 days")))
LATER = Phrase("more than 90 days")


def sources(session: Session, question: Question) -> Report:
    """Return every assignment with the trigger and the reasons it was opened for, the newest first."""
    now = current().now()
    asked = compliance.narrowed(session, question)
    people = people_in_units(session, asked["people"], asked["unit_ids"], question.at or now, now)
    query = (
        select(Assignment, Person.employee_no, Person.name, Item.code, Item.client_id, Version.label)
        .join(Person, Assignment.person_id == Person.id)
        .join(Item, Assignment.item_id == Item.id)
        .outerjoin(Version, Assignment.version_id == Version.id)
        .order_by(Assignment.opened_at.desc(), Assignment.id.desc())
    )
    if question.at is not None:
        query = query.where(Assignment.opened_at <= question.at)
    if asked["items"] is not None:
        query = query.where(Assignment.item_id.in_(asked["items"]))
    if asked["client_id"] is not None:
        query = query.where(Item.client_id == asked["client_id"])
    rows = [
        (
            one.opened_at,
            number,
            name,
            code,
            label,
            TRIGGERS.get(one.trigger, one.trigger),
            one.source,
            one.due_on,
            ASSIGNMENT_STATES[one.state],
            one.closed_at,
            " ".join(reason["text"] for reason in json.loads(one.reasons or "[]")),
        )
        for one, number, name, code, _, label in session.execute(query)
        if people is None or one.person_id in people
    ]
    titles = columns(
        Phrase("Assigned"),
        Phrase("Employee no."),
        Phrase("Person"),
        Phrase("Item"),
        Phrase("Version"),
        Phrase("Trigger"),
        Phrase("Source"),
        Phrase("Due"),
        Phrase("State"),
        Phrase("Closed"),
    )
    counts = Counter(str(row[5]) for row in rows)
    return Report(
        Phrase("Assignments and their sources"),
        (
            Section(Phrase("Assignments"), (*titles, Column(Phrase("Reasons"), 0.24)), rows),
            Section(Phrase("By trigger"), columns(Phrase("Trigger"), Phrase("Number")), counts.most_common()),
        ),
        filters=tuple(compliance.filters_of(question)),
        as_of=question.at,
        file_name="assignments",
    )


def overdue(session: Session, question: Question) -> Report:
    """Return what is overdue or expired as of an instant, by how many days, the latest first."""
    at = question.at or current().now()
    today = calendar_of(current().home_zone).day(at)
    late = [
        (row, (today - row.due_on).days if row.due_on else 0)
        for row in compliance.ask(session, question)
        if row.status in {rule.OVERDUE, rule.EXPIRED}
    ]
    late.sort(key=lambda pair: (-pair[1], pair[0].employee_no, pair[0].item))
    counts = Counter(str(_bucket(days)) for _, days in late)
    rows: list[tuple[Any, ...]] = [
        (
            days,
            row.employee_no,
            row.person,
            row.item,
            row.title,
            STATUSES[row.status],
            row.due_on,
            row.required_version,
            row.completed_version,
        )
        for row, days in late
    ]
    titles = columns(
        Phrase("Days late"),
        Phrase("Employee no."),
        Phrase("Person"),
        Phrase("Item"),
        Phrase("Title"),
        Phrase("Status"),
        Phrase("Due"),
        Phrase("Version in force"),
        Phrase("Version completed"),
    )
    buckets = [word for _, word in BUCKETS] + [LATER]
    return Report(
        Phrase("Overdue training by age"),
        (
            Section(Phrase("Overdue"), titles, rows),
            Section(
                Phrase("By age"),
                columns(Phrase("Age"), Phrase("Number")),
                [(word, counts[str(word)]) for word in buckets],
            ),
        ),
        filters=tuple(compliance.filters_of(question)),
        as_of=at,
        known_at=question.known_at,
        file_name="overdue",
    )


def _bucket(days: int) -> Phrase:
    return next((word for limit, word in BUCKETS if days <= limit), LATER)
