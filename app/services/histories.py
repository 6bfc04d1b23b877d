"""Fetches the facts about people: employment, memberships, leave, training, exemptions, orders …"""

import json
from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator
from datetime import datetime
from typing import Any

from sqlalchemy import (
    ARRAY,
    BigInteger,
    ColumnElement,
    String,
    column,
    exists,
    func,
    literal,
    select,
    type_coerce,
    union_all,
)
from sqlalchemy.orm import Session, aliased

from app.domain import facts as known
from app.domain.dates import FOREVER, calendar_of
from app.domain.history import History
from app.models.matrix import Completion, Exemption, Extension, Revocation, TrainingOrder
from app.models.organization import Unit
from app.models.people import Employment, Leave, Membership, Person
from app.safeguards.context import current
from app.services.rulebooks import Question, known_then, narrowed


def fetch(
    session: Session, question: Question, items: Collection[int] | None, units: Collection[int] | None
) -> dict[int, History]:
    """Return the histories of the people asked about, without their training.

    ``items`` are those whose facts matter (None: all), ``units`` those whose memberships matter (None: all).
    """
    histories = _people(session, question)
    parsed = Instants()
    for model, name in ((Employment, "employments"), (Leave, "leaves")):
        query = select(model.person_id, *instants(session, model.starts_at, model.ends_at))
        query = query.where(*known_then(model, question), *narrowed(model.person_id, question.people))
        for person, start, end in session.execute(query):
            if person in histories:
                getattr(histories[person], name).append((parsed[start], parsed[end]))
    held = select(
        Membership.person_id, Membership.unit_id, *instants(session, Membership.starts_at, Membership.ends_at)
    )
    held = held.where(*known_then(Membership, question), *narrowed(Membership.person_id, question.people))
    if question.items is not None:
        held = held.where(*narrowed(Membership.unit_id, units))
    for person, unit, start, end in session.execute(held):
        if (units is None or unit in units) and person in histories:
            histories[person].memberships.append((unit, parsed[start], parsed[end]))
    _add_rare(session, question, items, histories)
    return histories


def _people(session: Session, question: Question) -> dict[int, History]:
    site = aliased(Unit)
    query = select(Person.id, site.time_zone).outerjoin(site, Person.site_id == site.id)
    query = query.where(*narrowed(Person.id, question.people)).order_by(Person.id)
    home = current().home_zone
    return {
        one: History(one, calendar_of(zone or home))
        for one, zone in session.execute(query)
        if question.people is None or one in question.people
    }


def _add_rare(
    session: Session, question: Question, items: Collection[int] | None, histories: dict[int, History]
) -> None:
    """Add what few people have: exemptions, extensions, revocations, orders."""
    for name, model, fact, columns in _existing_rare(session, question, items):
        query = select(*(getattr(model, column) for column in columns)).where(
            *known_then(model, question),
            *narrowed(model.person_id, question.people),
            *narrowed(model.item_id, items),
        )
        found: dict[int, list[Any]] = defaultdict(list)
        for row in session.execute(query):
            made = fact(*row)
            if items is None or made.item in items:
                found[made.person].append(made)
        for person, added in found.items():
            if person in histories:
                histories[person].add(**{name: added})


def _existing_rare(session: Session, question: Question, items: Collection[int] | None) -> list[Any]:
    """Return the kinds of rare facts that there are at all, by one statement: for most people there are none."""
    questions = [
        select(literal(index)).where(
            exists(select(model.id).where(*narrowed(model.person_id, question.people), *narrowed(model.item_id, items)))
        )
        for index, (_, model, _, _) in enumerate(_RARE)
    ]
    return [_RARE[index] for index in session.scalars(union_all(*questions))]


_RARE: tuple[tuple[str, Any, Any, tuple[str, ...]], ...] = (
    ("exemptions", Exemption, known.Exemption, ("person_id", "item_id", "starts_at", "ends_at", "reason")),
    ("extensions", Extension, known.Extension, ("person_id", "item_id", "due_on", "recorded_at")),
    ("revocations", Revocation, known.Revocation, ("person_id", "item_id", "revoked_at")),
    (
        "orders",
        TrainingOrder,
        known.Order,
        ("id", "person_id", "item_id", "placed_at", "due_on", "suspends", "source"),
    ),
)


def add_training(
    session: Session, question: Question, items: Collection[int] | None, histories: dict[int, History]
) -> None:
    """Add the training of all the people asked about, on ``items`` (None: all)."""
    conditions = [*narrowed(Completion.person_id, question.people), *narrowed(Completion.item_id, items)]
    for completion in _training(session, question, conditions):
        history = histories.get(completion.person)
        if history is not None and (items is None or completion.item in items):
            history.completions.setdefault(completion.item, []).append(completion)


def add_training_of_pairs(
    session: Session, question: Question, pairs: Iterable[tuple[int, int]], histories: dict[int, History]
) -> None:
    """Add the training of these pairs of person and item alone."""
    if not (listed := sorted(pairs)):
        return
    person, item = _listed(session, listed)
    wanted = [Completion.person_id == person, Completion.item_id == item]
    for completion in _training(session, question, wanted):
        histories[completion.person].completions.setdefault(completion.item, []).append(completion)


def _listed(session: Session, pairs: list[tuple[int, int]]) -> tuple[ColumnElement[int], ColumnElement[int]]:
    """Return two columns of a table made of ``pairs`` alone, handed over as one value.

    Both databases then look each pair up in an index; for a condition that lists thousands of pairs they do not.
    """
    if session.get_bind().dialect.name == "postgresql":
        columns = [literal(list(ids), ARRAY(BigInteger)) for ids in zip(*pairs, strict=True)]
        table = func.unnest(*columns).table_valued(column("person", BigInteger), column("item", BigInteger))
        table = table.render_derived()
        return table.c.person, table.c.item
    pair = func.json_each(json.dumps(pairs)).table_valued("value").c.value
    return func.json_extract(pair, "$[0]"), func.json_extract(pair, "$[1]")


def _training(
    session: Session, question: Question, conditions: list[ColumnElement[bool]]
) -> Iterator[known.Completion]:
    parsed = Instants()
    query = select(
        Completion.id,
        Completion.person_id,
        Completion.item_id,
        Completion.version_id,
        *instants(session, Completion.completed_at, Completion.recorded_at),
    ).where(Completion.result == "passed", *known_then(Completion, question), *conditions)
    return (
        known.Completion(number, person, item, version, parsed[done], parsed[recorded], FOREVER)
        for number, person, item, version, done, recorded in session.execute(query)
    )


def instants(session: Session, *columns: Any) -> list[Any]:
    """Return columns of instants the way the driver hands them out; ``Instants`` turns their values into instants.

    SQLite keeps instants as texts, of which most are the same few; reading a million of them one by one through the
    column's type costs seconds.
    """
    if session.get_bind().dialect.name == "sqlite":
        return [type_coerce(column, String) for column in columns]
    return list(columns)


class Instants(dict[Any, datetime]):
    """What the driver hands out for an instant → the instant, each worked out once."""

    def __missing__(self, raw: str | datetime) -> datetime:
        instant = datetime.fromisoformat(raw + "+00:00") if isinstance(raw, str) else raw
        self[raw] = instant
        return instant
