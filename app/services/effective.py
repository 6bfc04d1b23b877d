"""Effective dates: an approved version takes effect when its day has come (DOC-7).

A job sees to it, and so does the first request after the instant, whichever comes first.

Both call ``apply_due``; it asks one cheap question when there is nothing to do, and doing it twice changes nothing.
"""

from dataclasses import replace
from datetime import datetime, timedelta

from sqlalchemy import exists, select
from sqlalchemy.orm import Session

from app.domain.workflow import GateClosed
from app.models.base import FOREVER
from app.models.documents import Release, Version
from app.models.signing import Transition
from app.safeguards import audit
from app.safeguards.context import Context, acting, current, within_all_clients
from app.services import facts, training_gate, versions
from app.services.workflow import perform_by_rule

HOLD = timedelta(days=1)
"""A version whose training gate is closed on its day is looked at again after this; its effective date moves along."""


def due(session: Session) -> bool:
    """Tell whether some approved version's effective date has come; one indexed question."""
    query = exists().where(
        Version.state == "approved", Release.version_id == Version.id, Release.voided_at == FOREVER,
        Release.effective_from <= current().now(),
    )  # fmt: skip
    with within_all_clients():
        return bool(session.scalar(select(query)))


def apply_due(session: Session) -> list[Version]:
    """Let every approved version take effect whose day has come, in the order of those days; return those that did.

    A version that its training gate holds stays approved: its effective date moves on by a day at a time, the former
    version stays in force, and the trail says why.
    """
    if not due(session):
        return []
    with within_all_clients():
        query = (
            select(Version).join(Release, Release.version_id == Version.id)
            .where(
                Version.state == "approved", Release.voided_at == FOREVER, Release.effective_from <= current().now()
            ).order_by(Release.effective_from, Version.id)
        )  # fmt: skip
        return [version for version in session.scalars(query).unique().all() if apply(session, version)]


def apply(session: Session, version: Version) -> bool:
    """Let one version take effect if its day has come and nothing holds it; return whether it did."""
    with acting(by_the_clock()):
        session.refresh(version, with_for_update=True)
        start = versions.effective_from(session, version)
        if version.state != "approved" or start is None or start > current().now():
            return False
        try:
            perform_by_rule(session, version, "take_effect", reason="Its effective date has come",
                            cause=_approver(session, version))  # fmt: skip
        except GateClosed as held:
            _hold(session, version, start, str(held))
            return False
        return True


def by_the_clock() -> Context:
    """Return the context in which a date, and no person, decides; the act's instant and source stay as they are."""
    return replace(
        current(), user_id=None, username="system", printed_name="Qualgate", clients=None, permissions=frozenset(),
        reason="Its effective date has come",
    )  # fmt: skip


def _approver(session: Session, version: Version) -> str | None:
    query = select(Transition.printed_name).where(
        Transition.record_type == "versions", Transition.record_id == version.id, Transition.name == "approve"
    ).order_by(Transition.at.desc())  # fmt: skip
    return session.scalars(query).first()


def _hold(session: Session, version: Version, start: datetime, why: str) -> None:
    """Move the effective date to the next day at the same time, as often as it takes to lie in the future."""
    now = current().now()
    days = int((now - start) / HOLD) + 1
    move_release(session, version, start + days * HOLD, why)
    audit.note(session, "gate_held", version, why=why)
    training_gate.tell_owner(session, version)


def move_release(session: Session, version: Version, start: datetime, why: str) -> None:
    """Restate the release of a version with another effective date; nothing is edited."""
    released = versions.release_of(session, version)
    assert released is not None, "an approved version has a release"
    facts.restate(session, released, why, effective_from=start)
