"""What holds a version in its state and what follows from its steps: gates and effects of ``lifecycles.VERSION``."""

from collections.abc import Iterable, Iterator

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.domain.dates import add_months
from app.domain.text import Phrase
from app.models.documents import Release, Retirement, Version
from app.models.matrix import Completion
from app.models.people import Person
from app.models.signing import Approver, Transition
from app.safeguards.context import current
from app.services import announcements, effective, facts, signing, training_gate, versions
from app.services.workflow import Move, effect, gate, perform_by_rule

TYPE = "versions"

# --- gates -----------------------------------------------------------------------------------------------------------


@gate(TYPE, "has_content")
def has_content(session: Session, move: Move) -> Iterator[Phrase]:
    """A version has a file or text."""
    if move.record.file_id is None:
        yield Phrase("It has no content yet: upload a file or write the text.")


@gate(TYPE, "verdicts_explained")
def verdicts_explained(session: Session, move: Move) -> Iterator[Phrase]:
    """A decision to train less than the revision class asks for says why (DOC-4)."""
    usual = versions.default_verdict(session, move.record)
    for impact in versions.impacts(session, move.record):
        if impact.stated and impact.verdict != usual and not impact.reason:
            yield Phrase("Say why the training impact for %(function)s is what it is.", function=impact.function.name)


@gate(TYPE, "not_the_author")
def not_the_author(session: Session, move: Move) -> Iterator[Phrase]:
    """Nobody reviews or approves what he or she wrote (21 CFR 11.10(g), four eyes)."""
    me = current().user_id
    author = session.get(Person, move.record.author_id) if move.record.author_id else None
    wrote = author is not None and author.user_id is not None and author.user_id == me
    authors = {one.signature.signer_id for one in _since_submission(session, move.record, "authorship")}
    if wrote or me in authors:
        yield Phrase("You wrote this version. Somebody else has to review and approve it.")


@gate(TYPE, "reviewed")
def reviewed(session: Session, move: Move) -> Iterator[Phrase]:
    """A review was signed on exactly this content, by everybody who was asked, where the type wants a review."""
    version: Version = move.record
    for person in asked_to_review(session, version):
        yield Phrase("The review of %(name)s is missing.", name=person.name)
    document_type = version.item.type
    if document_type is not None and not document_type.needs_review:
        return
    if not _since_submission(session, version, "review", step="review"):
        yield Phrase("Nobody has signed the review of this content yet.")


def asked_to_review(session: Session, version: Version) -> list[Person]:
    """Return the people who were asked to review a version and have not signed yet."""
    query = select(Person).join(Approver, Approver.person_id == Person.id).where(
        Approver.record_type == TYPE, Approver.record_id == version.id, Approver.step == "review",
        Approver.signature_id.is_(None),
    )  # fmt: skip
    return list(session.scalars(query.order_by(Person.name)))


def _since_submission(session: Session, version: Version, meaning: str, step: str | None = None) -> list[signing.Seen]:
    """Return valid signatures of one meaning since the version was last submitted, of one step if named."""
    steps = select(Transition).where(Transition.record_type == TYPE, Transition.record_id == version.id)
    taken = session.scalars(steps.order_by(Transition.at, Transition.id)).all()
    last = max((index for index, one in enumerate(taken) if one.name == "submit"), default=0)
    ids = {one.signature_id for one in taken[last:] if step is None or one.name == step}
    seen = signing.signatures_of(session, version)
    return [
        one for one in seen if one.signature.id in ids and one.signature.meaning == meaning and one.status == "valid"
    ]


@gate(TYPE, "dated_when_gated")
def dated_when_gated(session: Session, move: Move) -> Iterator[Phrase]:
    """Train-before-effective needs time between approval and the effective date (DOC-6)."""
    version: Version = move.record
    document_type = version.item.type
    if document_type is None or not document_type.train_before_effective:
        return
    if version.planned_effective_at is None or version.planned_effective_at <= current().now():
        yield Phrase("People are trained before it takes effect: give a planned effective date in the future.")


@gate(TYPE, "in_order")
def in_order(session: Session, move: Move) -> Iterator[Phrase]:
    """Versions take effect in the order of their numbers; one waiting version at a time."""
    query = select(Version).where(
        Version.item_id == move.record.item_id, Version.id != move.record.id, Version.state == "approved"
    )
    for other in session.scalars(query):
        yield Phrase("Version %(label)s is approved and waits to take effect. Cancel it or wait.", label=other.label)


@gate(TYPE, "date_reached")
def date_reached(session: Session, move: Move) -> Iterator[Phrase]:
    """The effective date has come."""
    start = versions.effective_from(session, move.record)
    if start is None or start > current().now():
        yield Phrase("Its effective date has not come yet.")


@gate(TYPE, "people_trained")
def people_trained(session: Session, move: Move) -> Iterator[Phrase]:
    """Enough of those concerned are trained, where the type asks for it (DOC-6)."""
    yield from training_gate.unmet(session, move.record)


@gate(TYPE, "somebody_untrained")
def somebody_untrained(session: Session, move: Move) -> Iterator[Phrase]:
    """An override makes sense only where the gate holds a version whose planned date has come."""
    planned = move.record.planned_effective_at
    if planned is not None and planned > current().now():
        yield Phrase("Its planned effective date has not come yet.")
    elif not training_gate.unmet(session, move.record):
        yield Phrase("Nothing holds it: it takes effect by itself.")


# --- effects ---------------------------------------------------------------------------------------------------------


@effect(TYPE, "answer_request")
def answer_request(session: Session, move: Move) -> None:
    """Note on the request for this person's review that it was signed."""
    assert move.signature is not None, "the step asks for a signature"
    query = select(Approver).join(Person, Person.id == Approver.person_id).where(
        Approver.record_type == TYPE, Approver.record_id == move.record.id, Approver.step == "review",
        Approver.signature_id.is_(None), Person.user_id == move.signature.signer_id,
    )  # fmt: skip
    for request in session.scalars(query):
        request.signature_id = move.signature.id


@effect(TYPE, "release")
def release(session: Session, move: Move) -> None:
    """Approval: training may begin now; in force from the planned date, or from now without one."""
    now = current().now()
    version: Version = move.record
    start = max(version.planned_effective_at or now, now)
    facts.record(
        session, Release, item_id=version.item_id, version_id=version.id, training_from=now, effective_from=start
    )


@effect(TYPE, "credit_authors")
def credit_authors(session: Session, move: Move) -> None:
    """Author and approvers count as trained on what they signed, when the type says so (DOC-11)."""
    version: Version = move.record
    if version.item.type is None or not version.item.type.author_credit:
        return
    signed = {one.signature.signer_id: one.signature.id for one in signing.signatures_of(session, version)
              if one.status == "valid" and one.signature.meaning in {"authorship", "review", "approval"}}  # fmt: skip
    for person in session.scalars(select(Person).where(Person.user_id.in_(signed)).order_by(Person.id)):
        facts.record(
            session, Completion, person_id=person.id, item_id=version.item_id, version_id=version.id,
            client_id=version.client_id, completed_at=current().now(), method="author", result="passed",
            origin="author credit", signature_id=signed[person.user_id or 0],
        )  # fmt: skip


@effect(TYPE, "assign")
def assign(session: Session, move: Move) -> None:
    """Hand out, re-date and withdraw assignments for everybody whom the step concerns, and write to them."""
    version: Version = move.record
    source = f"{version.item.code} v{version.label}"
    announcements.reconcile(session, items=[version.item_id], trigger="revision", source=source)


@effect(TYPE, "take_effect_if_due")
def take_effect_if_due(session: Session, move: Move) -> None:
    """Let a version without a later date and without a gate that holds it take effect in the same act."""
    effective.apply(session, move.record)


@effect(TYPE, "supersede_former")
def supersede_former(session: Session, move: Move) -> None:
    """Put the version in force so far out of force at the same instant."""
    query = select(Version).where(
        Version.item_id == move.record.item_id, Version.id != move.record.id, Version.state == "effective"
    )
    for former in session.scalars(query).all():
        perform_by_rule(session, former, "supersede", reason=f"Superseded by version {move.record.label}")


@effect(TYPE, "schedule_review")
def schedule_review(session: Session, move: Move) -> None:
    """Set the day of the next periodic review (DOC-8)."""
    item = move.record.item
    months = item.type.review_months if item.type is not None else None
    item.review_due_on = add_months(current().now().date(), months) if months else None


@effect(TYPE, "release_now")
def release_now(session: Session, move: Move) -> None:
    """A signed override: in force from now, whatever the gate says."""
    effective.move_release(session, move.record, current().now(), "Released by a signed override of the training gate")


@effect(TYPE, "withdraw_release")
def withdraw_release(session: Session, move: Move) -> None:
    """A version that is canceled before it takes effect was never released."""
    released = versions.release_of(session, move.record)
    if released is not None:
        facts.withdraw(session, released, move.reason or "Canceled before it took effect")


@effect(TYPE, "retire_item")
def retire_item(session: Session, move: Move) -> None:
    """Take the whole document out of use."""
    facts.record(session, Retirement, item_id=move.record.item_id, retired_at=current().now(), reason=move.reason)


def request_reviews(session: Session, version: Version, people: Iterable[Person]) -> None:
    """Ask people to review a version; the approval then waits for every one of them."""
    versions.ensure_editable(version)
    wanted = {person.id for person in people}
    query = select(Approver).where(
        Approver.record_type == TYPE, Approver.record_id == version.id, Approver.step == "review",
        Approver.signature_id.is_(None),
    )  # fmt: skip
    for request in session.scalars(query).all():
        if request.person_id in wanted:
            wanted.discard(request.person_id)
        else:
            session.delete(request)
    for person_id in sorted(wanted):
        session.add(Approver(record_type=TYPE, record_id=version.id, step="review", person_id=person_id,
                             client_id=version.client_id))  # fmt: skip
    session.flush()
