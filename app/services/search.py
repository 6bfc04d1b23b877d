"""Search over people, organization and documents: only what the one who asks may see, within the client scope."""

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import or_, select
from sqlalchemy.orm import Session

from app.models.base import Record
from app.models.documents import Item
from app.models.organization import Unit
from app.models.people import Person
from app.safeguards.context import current
from app.services import documents
from app.services.people import matching

MOST_OF_A_KIND = 20
LONGEST_QUESTION = 200


@dataclass(frozen=True)
class Found:
    """One record that was found; the words around the match, where the match is in a document's text."""

    record: Record
    note: str = ""
    before: str = ""
    match: str = ""
    after: str = ""


@dataclass(frozen=True)
class Group:
    """What was found of one kind: ``people``, ``documents``, ``items`` or ``units``."""

    kind: str
    rows: Sequence[Found]


def search(session: Session, question: str) -> list[Group]:
    """Return what contains every word of the question, by kind; kinds that the person may not read are left out."""
    words = question[:LONGEST_QUESTION]
    if not words.strip():
        return []
    context = current()
    groups = []
    if context.may("people", "read"):
        groups.append(Group("people", _people(session, words)))
    if context.may("documents", "read"):
        effective = _documents(session, words)
        groups.append(Group("documents", effective))
        groups.append(Group("items", _items(session, words, {found.record.id for found in effective})))
    if context.may("units", "read"):
        groups.append(Group("units", _units(session, words)))
    return [group for group in groups if group.rows]


def _people(session: Session, words: str) -> list[Found]:
    query = select(Person).where(*matching(words)).order_by(Person.name).limit(MOST_OF_A_KIND)
    return [Found(person, person.employee_no) for person in session.scalars(query)]


def _documents(session: Session, words: str) -> list[Found]:
    return [
        Found(hit.version.item, hit.version.label, hit.before, hit.match, hit.after)
        for hit in documents.search(session, words, MOST_OF_A_KIND)
    ]


def _items(session: Session, words: str, shown: set[int]) -> list[Found]:
    """Items by code and title, effective or not, that are not among the documents shown already."""
    query = select(Item)
    for word in words.split()[:6]:
        query = query.where(
            or_(Item.code.icontains(word, autoescape=True), Item.title.icontains(word, autoescape=True))
        )
    found = session.scalars(query.order_by(Item.code).limit(2 * MOST_OF_A_KIND))
    return [Found(item) for item in found if item.id not in shown][:MOST_OF_A_KIND]


def _units(session: Session, words: str) -> list[Found]:
    query = select(Unit)
    for word in words.split()[:6]:
        query = query.where(or_(Unit.code.icontains(word, autoescape=True), Unit.name.icontains(word, autoescape=True)))
    return [Found(unit) for unit in session.scalars(query.order_by(Unit.code).limit(MOST_OF_A_KIND))]
