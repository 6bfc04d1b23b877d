"""Fetches the facts that are common to all people: items, versions and their verdicts, matrix rows, equivalences."""

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator
from datetime import datetime
from typing import Any, NamedTuple

from sqlalchemy import ColumnElement, exists, or_, select
from sqlalchemy.orm import Session, aliased

from app.domain import facts as known
from app.domain.terms import Rulebook
from app.models.documents import Category, DocumentType, Item, Release, Retirement, Verdict, Version
from app.models.matrix import Equivalence, Requirement, RequirementUnit
from app.models.organization import Unit

IN_LIST = 15_000
"""Longest list of ids put into one statement (two fit below SQLite's limit); a longer one is narrowed here instead."""

LEAD_DAYS = 30
"""How long before its end training counts as due soon, where no category says otherwise."""


class Question(NamedTuple):
    """What is asked: about whom and which items (None: everybody, everything), as of when, as known when."""

    at: datetime
    known_at: datetime
    people: frozenset[int] | None = None
    items: frozenset[int] | None = None


class Hypothesis(NamedTuple):
    """Facts that are only supposed: what a preview adds to what is known."""

    releases: tuple[known.Release, ...] = ()
    verdicts: tuple[known.Verdict, ...] = ()


NO_HYPOTHESIS = Hypothesis()


def narrowed(column: Any, ids: Collection[int] | None) -> list[ColumnElement[bool]]:
    """Return the condition that ``column`` is one of ``ids``; none when that is everything or too many to list."""
    return [column.in_(sorted(ids))] if ids is not None and len(ids) <= IN_LIST else []


def known_then(model: Any, question: Question) -> tuple[ColumnElement[bool], ColumnElement[bool]]:
    """Return the conditions that a fact had been recorded, and not withdrawn, by the state of knowledge asked for."""
    return model.recorded_at <= question.known_at, model.voided_at > question.known_at


def rulebook(
    session: Session,
    question: Question,
    requirements: Iterable[known.Requirement],
    equivalences: Iterable[known.Equivalence],
    ids: Collection[int] | None,
    supposed: Hypothesis = NO_HYPOTHESIS,
) -> Rulebook:
    """Return the rulebook of the items ``ids`` (None: all)."""
    replaced = {release.id for release in supposed.releases}
    released = [one for one in _releases(session, question, ids) if one.id not in replaced]
    verdicts = [one for one in _verdicts(session, question, ids) if one.version not in replaced]
    return Rulebook(
        question.at,
        items=_items(session, ids),
        releases=[*released, *supposed.releases],
        verdicts=[*verdicts, *supposed.verdicts],
        retirements=_retirements(session, question, ids),
        requirements=requirements,
        equivalences=equivalences,
    )


def equivalences(session: Session, question: Question) -> list[known.Equivalence]:
    """Return which items count for the items asked about."""
    query = select(Equivalence.item_id, Equivalence.counting_item_id, Equivalence.starts_at, Equivalence.ends_at)
    query = query.where(*known_then(Equivalence, question), *narrowed(Equivalence.item_id, question.items))
    found = (known.Equivalence(*row) for row in session.execute(query))
    return [one for one in found if question.items is None or one.item in question.items]


def _items(session: Session, ids: Collection[int] | None) -> Iterator[known.Item]:
    of_type = aliased(Category)
    query = (
        select(Item.id, Item.code, Item.title, Category.lead_days, of_type.lead_days)
        .outerjoin(Category, Item.category_id == Category.id)
        .outerjoin(DocumentType, Item.type_id == DocumentType.id)
        .outerjoin(of_type, DocumentType.category_id == of_type.id)
        .where(*narrowed(Item.id, ids))
    )
    for one, code, title, own, inherited in session.execute(query):
        if ids is None or one in ids:
            lead = own if own is not None else inherited
            yield known.Item(one, code, title, LEAD_DAYS if lead is None else lead)


def _releases(session: Session, question: Question, ids: Collection[int] | None) -> Iterator[known.Release]:
    query = (
        select(
            Version.id,
            Version.item_id,
            Version.sequence,
            Version.label,
            Version.revision_class,
            Release.training_from,
            Release.effective_from,
        )
        .join(Release, Release.version_id == Version.id)
        .where(*known_then(Release, question), *narrowed(Release.item_id, ids))
    )
    return (known.Release(*row) for row in session.execute(query) if ids is None or row.item_id in ids)


def _verdicts(session: Session, question: Question, ids: Collection[int] | None) -> Iterator[known.Verdict]:
    query = select(Verdict.version_id, Verdict.function_id, Verdict.verdict).where(*known_then(Verdict, question))
    if conditions := narrowed(Version.item_id, ids):
        query = query.join(Version, Verdict.version_id == Version.id).where(*conditions)
    return (known.Verdict(*row) for row in session.execute(query))


def _retirements(session: Session, question: Question, ids: Collection[int] | None) -> Iterator[known.Retirement]:
    query = select(Retirement.item_id, Retirement.retired_at)
    query = query.where(*known_then(Retirement, question), *narrowed(Retirement.item_id, ids))
    return (known.Retirement(*row) for row in session.execute(query))


def requirements(session: Session, question: Question, held: Collection[int] | None = None) -> list[known.Requirement]:
    """Return the matrix rows for the items asked about; with ``held``, those that may concern who holds these units."""
    conditions = [*known_then(Requirement, question), *narrowed(Requirement.item_id, question.items)]
    if held is not None:
        named = exists().where(RequirementUnit.requirement_id == Requirement.id)
        conditions.append(or_(named.where(*narrowed(RequirementUnit.unit_id, held)), ~named))
    units, functions = _row_units(session, conditions)
    query = select(
        Requirement.id,
        Requirement.item_id,
        Requirement.starts_at,
        Requirement.ends_at,
        Requirement.recurrence_months,
        Requirement.recurrence_fixed,
        Requirement.days_to_complete,
        Requirement.grace_days,
        Requirement.revision_grace_days,
        Requirement.proof,
        Requirement.framework,
    ).where(*conditions)
    return [
        known.Requirement(
            one, item, tuple(units[one]), tuple(functions[one]), start, end, months, _month_day(fixed), *terms
        )
        for one, item, start, end, months, fixed, *terms in session.execute(query)
        if question.items is None or item in question.items
    ]


def _month_day(text: str | None) -> tuple[int, int] | None:
    """Return ``MM-DD`` as numbers."""
    if not text:
        return None
    month, day = text.split("-")
    return int(month), int(day)


def _row_units(
    session: Session, conditions: list[ColumnElement[bool]]
) -> tuple[dict[int, list[int]], dict[int, list[int]]]:
    """Return the units of the matrix rows, and those among them that are job functions."""
    query = (
        select(RequirementUnit.requirement_id, RequirementUnit.unit_id, Unit.kind)
        .join(Unit, RequirementUnit.unit_id == Unit.id)
        .where(RequirementUnit.requirement_id.in_(select(Requirement.id).where(*conditions)))
        .order_by(RequirementUnit.requirement_id, RequirementUnit.unit_id)
    )
    units: dict[int, list[int]] = defaultdict(list)
    functions: dict[int, list[int]] = defaultdict(list)
    for row, unit, kind in session.execute(query):
        units[row].append(unit)
        if kind == "job_function":
            functions[row].append(unit)
    return units, functions
