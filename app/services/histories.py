"""Fetches the facts about people: employment, memberships, leave, training, exemptions, orders …"""

import json
from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator
from functools import cache
from typing import Any

from sqlalchemy import ARRAY, BigInteger, bindparam, cast, column, func, literal, null, select, union_all
from sqlalchemy.orm import Session, aliased

from app.domain import facts as known
from app.domain.dates import calendar_of
from app.domain.history import History
from app.models.base import BigId
from app.models.matrix import Completion, Exemption, Extension, Revocation, TrainingOrder
from app.models.organization import Unit
from app.models.people import Employment, Leave, Membership, Person
from app.safeguards.context import current
from app.services.questions import Instants, Query, Question, among, few, instants, known_then, listed, on_sqlite


def fetch(
    session: Session,
    question: Question,
    items: Collection[int] | None,
    units: Collection[int] | None,
    rare: Collection[Any],
) -> dict[int, History]:
    """Return the histories of the people asked about, without their training.

    ``items`` are those whose facts matter (None: all), ``units`` those whose memberships matter (None: all), ``rare``
    the kinds of rare facts that there are.
    """
    histories = _people(session, question)
    parsed = Instants()
    query = _span_query(on_sqlite(session), few(question.people), question.items is not None and few(units))
    for person, unit, leave, start, end in session.execute(query, question.values | {"units": listed(units)}).all():
        history = histories.get(person)
        if history is None:
            continue
        if unit is None:
            (history.leaves if leave else history.employments).append((parsed[start], parsed[end]))
        elif units is None or unit in units:
            history.memberships.append((unit, parsed[start], parsed[end]))
    _add_rare(session, question, items, histories, rare)
    return histories


def _people(session: Session, question: Question) -> dict[int, History]:
    home = current().home_zone
    return {
        one: History(one, calendar_of(zone or home))
        for one, zone in session.execute(_people_query(few(question.people)), question.values)
        if question.people is None or one in question.people
    }


@cache
def _people_query(some_people: bool) -> Query:
    site = aliased(Unit)
    query: Query = select(Person.id, site.time_zone).outerjoin(site, Person.site_id == site.id)
    return query.where(*among(Person.id, "people", some_people)).order_by(Person.id)


@cache
def _span_query(sqlite: bool, some_people: bool, some_units: bool) -> Any:
    """Return employments, leaves and memberships: person, unit (memberships alone), whether it is a leave, from, to."""
    spans = [
        select(
            model.person_id, unit, literal(model is Leave).label("leave"),
            *instants(sqlite, model.starts_at, model.ends_at),
        ).where(
            *known_then(model),
            *among(model.person_id, "people", some_people),
            *(among(unit, "units", some_units) if model is Membership else ()),
        )
        for model, unit in (
            (Employment, cast(null(), BigId)), (Leave, cast(null(), BigId)), (Membership, Membership.unit_id)
        )
    ]  # fmt: skip
    return union_all(*spans)


def _add_rare(
    session: Session,
    question: Question,
    items: Collection[int] | None,
    histories: dict[int, History],
    rare: Collection[Any],
) -> None:
    """Add what few people have: exemptions, extensions, revocations, orders."""
    values = question.values | {"items": listed(items)}
    for index, (name, model, fact, _) in enumerate(_RARE):
        if model not in rare:
            continue
        found: dict[int, list[Any]] = defaultdict(list)
        for row in session.execute(_rare_query(index, few(question.people), few(items)), values):
            made = fact(*row)
            if items is None or made.item in items:
                found[made.person].append(made)
        for person, added in found.items():
            if person in histories:
                histories[person].add(**{name: added})


@cache
def _rare_query(index: int, some_people: bool, some_items: bool) -> Query:
    _, model, _, columns = _RARE[index]
    return select(*(getattr(model, name) for name in columns)).where(
        *known_then(model),
        *among(model.person_id, "people", some_people),
        *among(model.item_id, "items", some_items),
    )


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
    query = _training_query(on_sqlite(session), few(question.people), few(items))
    for completion in _training(session, query, question.values | {"items": listed(items)}):
        history = histories.get(completion.person)
        if history is not None and (items is None or completion.item in items):
            history.completions.setdefault(completion.item, []).append(completion)


def add_training_of_pairs(
    session: Session, question: Question, pairs: Iterable[tuple[int, int]], histories: dict[int, History]
) -> None:
    """Add the training of these pairs of person and item alone."""
    wanted = sorted(pairs)
    if not wanted:
        return
    sqlite = on_sqlite(session)
    people, items = (list(ids) for ids in zip(*wanted, strict=True))
    values = {"pairs": json.dumps(wanted)} if sqlite else {"of": people, "on": items}
    for completion in _training(session, _pairs_query(sqlite), question.values | values):
        histories[completion.person].completions.setdefault(completion.item, []).append(completion)


def _training(session: Session, query: Query, values: dict[str, Any]) -> Iterator[known.Completion]:
    parsed, make = Instants(), known.Completion
    for number, person, item, version, done, recorded in session.execute(query, values):
        yield make(number, person, item, version, parsed[done], parsed[recorded])


@cache
def _training_query(sqlite: bool, some_people: bool, some_items: bool) -> Query:
    return select(
        Completion.id,
        Completion.person_id,
        Completion.item_id,
        Completion.version_id,
        *instants(sqlite, Completion.completed_at, Completion.recorded_at),
    ).where(
        Completion.result == "passed",
        *known_then(Completion),
        *among(Completion.person_id, "people", some_people),
        *among(Completion.item_id, "items", some_items),
    )


@cache
def _pairs_query(sqlite: bool) -> Query:
    """Return the statement for pairs that are handed over as one value, a table of its own.

    Both databases then look each pair up in an index; for a condition that lists thousands of pairs they do not.
    """
    if sqlite:
        pair = func.json_each(bindparam("pairs")).table_valued("value").c.value
        columns: Any = (func.json_extract(pair, "$[0]"), func.json_extract(pair, "$[1]"))
    else:
        of, on = (bindparam(name, type_=ARRAY(BigInteger)) for name in ("of", "on"))
        table = func.unnest(of, on).table_valued(column("person", BigInteger), column("item", BigInteger))
        columns = table.render_derived().c
    person, item = columns
    return _training_query(sqlite, False, False).where(Completion.person_id == person, Completion.item_id == item)
