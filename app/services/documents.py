"""Controlled documents: numbering, who may read what, search, views, controlled copies (DOC-1, DOC-3, DOC-10)."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import func, or_, select
from sqlalchemy.orm import Session, contains_eager, defer, joinedload

from app.domain.errors import NotAllowed, NotFound, RuleBroken
from app.domain.numbering import code_from
from app.models.documents import ControlledCopy, DocumentType, DocumentView, Item, Version
from app.models.people import Person
from app.safeguards.context import current, within_all_clients
from app.safeguards.scope import ensure_visible

UNPUBLISHED = frozenset({"draft", "review"})
PAST = frozenset({"superseded", "obsolete"})
SEARCH_LIMIT = 50
SNIPPET = 120
"""Characters shown on each side of a word that was found."""


def person_of(session: Session) -> Person | None:
    """Return the person behind the current login, or None for a login without one, a job or a command."""
    user_id = current().user_id
    return session.scalar(select(Person).where(Person.user_id == user_id)) if user_id is not None else None


def myself(session: Session) -> Person:
    """Return the person behind the current login. Raises NotAllowed when there is none."""
    person = person_of(session)
    if person is None:
        raise NotAllowed("Your login is not tied to a person, so it has no training of its own. Ask a coordinator.")
    return person


# --- documents -------------------------------------------------------------------------------------------------------


def new_document(
    session: Session, document_type: DocumentType, title: str, code: str | None = None, **values: Any
) -> Item:
    """Add a controlled document and return it; without ``code`` it gets the next number of its type.

    ``values`` are further columns such as ``owner_id`` or ``client_id``. Raises RuleBroken for a code that is taken.
    """
    if not title.strip():
        raise RuleBroken("Give the document a title.", field="title")
    chosen = (code or "").strip()
    if chosen and code_is_taken(session, chosen):
        raise RuleBroken("The code “%(code)s” is taken. Choose another, or leave it empty for the next number.",
                         field="code", code=chosen)  # fmt: skip
    item = Item(
        code=chosen or next_code(session, document_type),
        title=title.strip(),
        kind="document",
        type_id=document_type.id,
        **({"category_id": document_type.category_id} | values),
    )
    session.add(item)
    session.flush()
    return item


def next_code(session: Session, document_type: DocumentType) -> str:
    """Take and return the next free code of a type; two people at once get two codes."""
    session.refresh(document_type, with_for_update=True)
    number = document_type.next_number
    while code_is_taken(session, code := code_from(document_type.numbering, number, type=document_type.code)):
        number += 1
    document_type.next_number = number + 1
    session.flush()
    return code


def code_is_taken(session: Session, code: str) -> bool:
    """Tell whether any item, of whatever client, has this code."""
    with within_all_clients():
        return session.scalar(select(Item.id).where(Item.code == code)) is not None


# --- who may read which version --------------------------------------------------------------------------------------


def may_read(version: Version, person: Person | None) -> bool:
    """Tell whether the current login may open ``version`` (DOC-3).

    Drafts are for those who write, review and approve; superseded and obsolete versions for those who may read such.
    """
    may = current().may
    if version.state in UNPUBLISHED:
        wrote = person is not None and version.author_id == person.id
        return wrote or any(may("documents", action) for action in ("edit", "submit", "review", "approve"))
    if version.state in PAST:
        return may("documents", "superseded")
    return may("documents", "read") or may("own", "read")


def readable(session: Session, version_id: int) -> Version:
    """Return a version that the current login may open. Raises NotFound or NotAllowed."""
    version = session.get(Version, version_id)
    if version is None:
        raise NotFound("There is no such document.")
    ensure_visible(version)
    if not may_read(version, person_of(session)):
        if version.state in UNPUBLISHED:
            raise NotFound("There is no such document.")
        raise NotAllowed("This version is no longer in force. Only the effective version is for use.")
    return version


def visible_versions(session: Session, item: Item) -> list[Version]:
    """Return the versions of an item that the current login may open, the newest first."""
    person = person_of(session)
    query = select(Version).where(Version.item_id == item.id).order_by(Version.sequence.desc())
    query = query.options(defer(Version.text), joinedload(Version.file), joinedload(Version.author))
    return [version for version in session.scalars(query) if may_read(version, person)]


# --- search ----------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Hit:
    """A document that was found, with the words around the first match in its text, if the match is there."""

    version: Version
    before: str
    match: str
    after: str


def search(session: Session, words: str, limit: int = SEARCH_LIMIT) -> list[Hit]:
    """Return effective documents that contain every word in code, title or text, by code (DOC-10).

    Only documents within the client scope are found; nothing tells that there are others.
    """
    terms = [word for word in words.split() if word][:8]
    if not terms:
        return []
    query = select(Version).join(Version.item).options(contains_eager(Version.item)).where(Version.state == "effective")
    for term in terms:
        query = query.where(
            or_(
                Item.code.icontains(term, autoescape=True),
                Item.title.icontains(term, autoescape=True),
                Version.text.icontains(term, autoescape=True),
            )
        )
    found = session.scalars(query.order_by(Item.code).limit(min(limit, SEARCH_LIMIT)))
    return [_hit(version, terms) for version in found]


def _hit(version: Version, terms: Sequence[str]) -> Hit:
    text = version.text or ""
    lowered = text.lower()
    for term in terms:
        place = lowered.find(term.lower())
        if place >= 0:
            end = place + len(term)
            return Hit(version, text[max(0, place - SNIPPET) : place], text[place:end], text[end : end + SNIPPET])
    return Hit(version, text[: 2 * SNIPPET], "", "")


# --- views and controlled copies -------------------------------------------------------------------------------------


def record_view(session: Session, version: Version, purpose: str = "view") -> DocumentView:
    """Record that the current login opened or printed a version."""
    context = current()
    view = DocumentView(
        version_id=version.id, username=context.username, printed_name=context.printed_name, viewed_at=context.now(),
        purpose=purpose,
    )  # fmt: skip
    session.add(view)
    session.flush()
    return view


def issue_copy(session: Session, version: Version, issued_to: str) -> ControlledCopy:
    """Issue the next numbered paper copy of an effective version. Raises NotAllowed or RuleBroken."""
    if not current().may("documents", "print"):
        raise NotAllowed("You may not issue controlled copies.")
    if version.state != "effective":
        raise RuleBroken("Only the effective version is issued on paper.")
    if not issued_to.strip():
        raise RuleBroken("Name the person or place that the copy is issued to.", field="issued_to")
    session.refresh(version, with_for_update=True)
    highest = session.scalar(select(func.max(ControlledCopy.number)).where(ControlledCopy.version_id == version.id))
    copy = ControlledCopy(
        version_id=version.id, number=(highest or 0) + 1, issued_to=issued_to.strip(), issued_at=current().now()
    )
    session.add(copy)
    session.flush()
    record_view(session, version, "print")
    return copy


def recall_copy(session: Session, copy_id: int, note: str) -> ControlledCopy:
    """Note that a controlled copy came back or was destroyed. Raises NotFound, NotAllowed or RuleBroken."""
    if not current().may("documents", "print"):
        raise NotAllowed("You may not recall controlled copies.")
    copy = session.get(ControlledCopy, copy_id)
    if copy is None:
        raise NotFound("There is no such copy.")
    ensure_visible(session.get(Version, copy.version_id))
    if copy.recalled_at is not None:
        raise RuleBroken("Copy %(number)s was recalled before.", number=copy.number)
    if not note.strip():
        raise RuleBroken("Say what happened to the copy.", field="recall_note")
    copy.recalled_at = current().now()
    copy.recall_note = note.strip()
    session.flush()
    return copy


def copies_of(session: Session, item_id: int) -> list[ControlledCopy]:
    """Return every numbered paper copy of a document's versions, those still out first."""
    query = (
        select(ControlledCopy).join(Version, Version.id == ControlledCopy.version_id)
        .where(Version.item_id == item_id)
        .order_by(ControlledCopy.recalled_at.is_not(None), Version.sequence.desc(), ControlledCopy.number)
    )  # fmt: skip
    return list(session.scalars(query))


def copies_out(session: Session, item_id: int) -> list[ControlledCopy]:
    """Return paper copies of versions no longer in force that were not recalled yet."""
    query = (
        select(ControlledCopy).join(Version, Version.id == ControlledCopy.version_id)
        .where(Version.item_id == item_id, Version.state.in_(PAST), ControlledCopy.recalled_at.is_(None))
        .order_by(Version.sequence, ControlledCopy.number)
    )  # fmt: skip
    return list(session.scalars(query))
