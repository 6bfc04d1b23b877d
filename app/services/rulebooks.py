"""Fetches the facts that are common to all people: items, versions and their verdicts, matrix rows, equivalences."""

from collections.abc import Collection, Iterable, Iterator
from functools import cache
from itertools import groupby
from operator import itemgetter
from typing import Any, NamedTuple

from sqlalchemy import ColumnElement, exists, func, literal, or_, select, union_all
from sqlalchemy.orm import Session, aliased

from app.domain import facts as known
from app.domain.terms import Rulebook
from app.models.documents import Category, DocumentType, Item, Release, Retirement, Verdict, Version
from app.models.matrix import (
    Equivalence,
    Exemption,
    Extension,
    Requirement,
    RequirementUnit,
    Revocation,
    TrainingOrder,
)
from app.models.organization import Unit
from app.services.questions import Instants, Query, Question, among, few, instants, known_then, listed, on_sqlite

LEAD_DAYS = 30
"""How long before its end training counts as due soon, where no category says otherwise."""


class Hypothesis(NamedTuple):
    """Facts that are only supposed: what a preview adds to what is known."""

    releases: tuple[known.Release, ...] = ()
    verdicts: tuple[known.Verdict, ...] = ()


NO_HYPOTHESIS = Hypothesis()

_PERSONAL: tuple[Any, ...] = (Exemption, Extension, Revocation, TrainingOrder)
_COMMON: tuple[Any, ...] = (Equivalence, Verdict, Retirement)


def existing(session: Session, question: Question) -> frozenset[Any]:
    """Return the rare kinds of facts that there are at all, by one statement: for most questions there are none.

    ``RequirementUnit`` among them tells that there may be matrix rows that name no unit; of the rows for a few items
    nobody needs to know.
    """
    found = session.scalars(_existing(few(question.people), few(question.items)), question.values)
    kinds = frozenset((*_PERSONAL, *_COMMON, RequirementUnit)[index] for index in found)
    return kinds | {RequirementUnit} if few(question.items) else kinds


@cache
def _existing(some_people: bool, some_items: bool) -> Any:
    asked: list[ColumnElement[bool]] = [
        exists(select(model.id).where(*among(model.person_id, "people", some_people))) for model in _PERSONAL
    ]
    asked += [exists(select(model.id)) for model in _COMMON]
    if not some_items:
        naming = select(func.count(RequirementUnit.requirement_id.distinct())).scalar_subquery()
        asked.append(select(func.count(Requirement.id)).scalar_subquery() > naming)
    return union_all(*(select(literal(index)).where(condition) for index, condition in enumerate(asked)))


def rulebook(
    session: Session,
    question: Question,
    requirements: Iterable[known.Requirement],
    equivalences: Iterable[known.Equivalence],
    ids: Collection[int] | None,
    supposed: Hypothesis = NO_HYPOTHESIS,
    rare: Collection[Any] = (*_PERSONAL, *_COMMON),
) -> Rulebook:
    """Return the rulebook of the items ``ids`` (None: all); ``rare`` are the kinds of facts that there are."""
    replaced = {release.id for release in supposed.releases}
    values = question.values | {"items": listed(ids)}
    released = [one for one in _releases(session, values, ids) if one.id not in replaced]
    found = _verdicts(session, values, ids) if Verdict in rare else ()
    verdicts = [one for one in found if one.version not in replaced]
    return Rulebook(
        question.at,
        items=_items(session, values, ids),
        releases=[*released, *supposed.releases],
        verdicts=[*verdicts, *supposed.verdicts],
        retirements=_retirements(session, values, ids) if Retirement in rare else (),
        requirements=requirements,
        equivalences=equivalences,
    )


def equivalences(session: Session, question: Question) -> list[known.Equivalence]:
    """Return which items count for the items asked about."""
    parsed = Instants()
    query = _equivalence_query(on_sqlite(session), few(question.items))
    return [
        known.Equivalence(item, counting, parsed[start], parsed[end])
        for item, counting, start, end in session.execute(query, question.values)
        if question.items is None or item in question.items
    ]


@cache
def _equivalence_query(sqlite: bool, some_items: bool) -> Query:
    return select(
        Equivalence.item_id,
        Equivalence.counting_item_id,
        *instants(sqlite, Equivalence.starts_at, Equivalence.ends_at),
    ).where(*known_then(Equivalence), *among(Equivalence.item_id, "items", some_items))


def _items(session: Session, values: dict[str, Any], ids: Collection[int] | None) -> Iterator[known.Item]:
    for one, code, title, own, inherited in session.execute(_item_query(few(ids)), values):
        if ids is None or one in ids:
            lead = own if own is not None else inherited
            yield known.Item(one, code, title, LEAD_DAYS if lead is None else lead)


@cache
def _item_query(some_items: bool) -> Query:
    of_type = aliased(Category)
    query: Query = (
        select(Item.id, Item.code, Item.title, Category.lead_days, of_type.lead_days)
        .outerjoin(Category, Item.category_id == Category.id)
        .outerjoin(DocumentType, Item.type_id == DocumentType.id)
        .outerjoin(of_type, DocumentType.category_id == of_type.id)
        .where(*among(Item.id, "items", some_items))
    )
    return query


def _releases(session: Session, values: dict[str, Any], ids: Collection[int] | None) -> Iterator[known.Release]:
    parsed = Instants()
    for row in session.execute(_release_query(on_sqlite(session), few(ids)), values):
        version, item, sequence, label, revision_class, training, effective = row
        if ids is None or item in ids:
            yield known.Release(
                version, item, sequence, label, revision_class, parsed[training], parsed[effective]
            )  # fmt: skip


@cache
def _release_query(sqlite: bool, some_items: bool) -> Query:
    return (
        select(
            Version.id,
            Version.item_id,
            Version.sequence,
            Version.label,
            Version.revision_class,
            *instants(sqlite, Release.training_from, Release.effective_from),
        )
        .join(Release, Release.version_id == Version.id)
        .where(*known_then(Release), *among(Release.item_id, "items", some_items))
    )


def _verdicts(session: Session, values: dict[str, Any], ids: Collection[int] | None) -> Iterator[known.Verdict]:
    return (known.Verdict(*row) for row in session.execute(_verdict_query(few(ids)), values))


@cache
def _verdict_query(some_items: bool) -> Query:
    query: Query = select(Verdict.version_id, Verdict.function_id, Verdict.verdict).where(*known_then(Verdict))
    if some_items:
        query = query.join(Version, Verdict.version_id == Version.id).where(*among(Version.item_id, "items", True))
    return query


def _retirements(session: Session, values: dict[str, Any], ids: Collection[int] | None) -> Iterator[known.Retirement]:
    return (known.Retirement(*row) for row in session.execute(_retirement_query(few(ids)), values))


@cache
def _retirement_query(some_items: bool) -> Query:
    query: Query = select(Retirement.item_id, Retirement.retired_at)
    return query.where(*known_then(Retirement), *among(Retirement.item_id, "items", some_items))


# --- the matrix ------------------------------------------------------------------------------------------------------


def requirements(
    session: Session, question: Question, held: Collection[int] | None = None, *, for_everyone: bool = True
) -> list[known.Requirement]:
    """Return the matrix rows for the items asked about; with ``held``, those that may concern who holds these units.

    ``for_everyone`` tells that there may be rows that name no unit.
    """
    parsed = Instants()
    query = _requirement_query(on_sqlite(session), few(question.items), few(held), for_everyone)
    found = []
    lines = session.execute(query, question.values | {"held": listed(held)})
    for one, same in groupby(lines, key=itemgetter(0)):
        named = list(same)
        _, item, start, end, months, fixed, *terms, _unit, _kind = named[0]
        if question.items is None or item in question.items:
            units = tuple(line[-2] for line in named if line[-2] is not None)
            functions = tuple(line[-2] for line in named if line[-1] == "job_function")
            found.append(
                known.Requirement(
                    one, item, units, functions, parsed[start], parsed[end], months, _month_day(fixed), *terms
                )
            )
    return found


@cache
def _requirement_query(sqlite: bool, some_items: bool, some_units: bool, for_everyone: bool) -> Query:
    """Return one line for each unit of each row, a single line for a row without any."""
    conditions = [*known_then(Requirement), *among(Requirement.item_id, "items", some_items)]
    if some_units:
        holding = select(RequirementUnit.requirement_id).where(*among(RequirementUnit.unit_id, "held", True))
        concerned = Requirement.id.in_(holding)
        conditions.append(or_(concerned, RequirementUnit.id.is_(None)) if for_everyone else concerned)
    return (
        select(
            Requirement.id,
            Requirement.item_id,
            *instants(sqlite, Requirement.starts_at, Requirement.ends_at),
            Requirement.recurrence_months,
            Requirement.recurrence_fixed,
            Requirement.days_to_complete,
            Requirement.grace_days,
            Requirement.revision_grace_days,
            Requirement.proof,
            Requirement.framework,
            RequirementUnit.unit_id,
            Unit.kind,
        )
        .outerjoin(RequirementUnit, RequirementUnit.requirement_id == Requirement.id)
        .outerjoin(Unit, RequirementUnit.unit_id == Unit.id)
        .where(*conditions)
        .order_by(Requirement.id, RequirementUnit.unit_id)
    )


def _month_day(text: str | None) -> tuple[int, int] | None:
    """Return ``MM-DD`` as numbers."""
    if not text:
        return None
    month, day = text.split("-")
    return int(month), int(day)
