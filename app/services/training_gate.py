"""The gate "train before effective": who is concerned by a version, who is trained, is that enough (DOC-6)."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.domain.compliance import EXEMPT, ON_LEAVE, Decision
from app.domain.text import Phrase
from app.models.base import FOREVER
from app.models.documents import Version
from app.models.matrix import Completion
from app.models.people import Person
from app.safeguards.context import current, within_all_clients
from app.services import compliance, notifications, shown, versions
from app.services.wording import preferred

INSTANT = timedelta(microseconds=1)
NAMED = 20
"""Names that a sentence lists; the page and the signed record list all of them."""


@dataclass(frozen=True, slots=True)
class Readiness:
    """How far the training on a version that is not in force yet has come."""

    trained: tuple[Person, ...]
    untrained: tuple[Person, ...]
    wanted_percent: int

    @property
    def concerned(self) -> int:
        """How many people have to be trained; those exempt or on leave are not asked for."""
        return len(self.trained) + len(self.untrained)

    @property
    def percent(self) -> int:
        """Percentage trained, rounded down; 100 when nobody is concerned."""
        return 100 * len(self.trained) // self.concerned if self.concerned else 100

    @property
    def ready(self) -> bool:
        """Tell whether enough are trained; never by rounding up."""
        return 100 * len(self.trained) >= self.wanted_percent * self.concerned


def readiness(session: Session, version: Version) -> Readiness:
    """Return who is and who is not trained on ``version``, as of now or, once its date is past, just before it."""
    with within_all_clients():
        at = _instant(session, version)
        decisions = compliance.decisions(session, items=[version.item_id], at=at)
        trained_ids = set(session.scalars(_trained(version, at)))
        required = {one.person for one in decisions if one.required and one.status not in (EXEMPT, ON_LEAVE)}
        waiting = {one.person for one in decisions if one.person in required and _waits(one, version)}
        named = session.scalars(
            select(Person).where(Person.id.in_(waiting | (required & trained_ids))).order_by(Person.name, Person.id)
        ).all()
        percent = version.item.type.trained_percent if version.item.type is not None else 100
        return Readiness(
            tuple(one for one in named if one.id not in waiting),
            tuple(one for one in named if one.id in waiting),
            percent,
        )


def _instant(session: Session, version: Version) -> datetime:
    now = current().now()
    start = versions.effective_from(session, version)
    return now if start is None or start > now else start - INSTANT


def _waits(decision: Decision, version: Version) -> bool:
    return any(pending.id == version.id for pending in decision.pending)


def _trained(version: Version, at: datetime) -> Any:
    return select(Completion.person_id).where(
        Completion.version_id == version.id, Completion.result == "passed", Completion.voided_at == FOREVER,
        Completion.completed_at <= at,
    )  # fmt: skip


def unmet(session: Session, version: Version) -> list[Phrase]:
    """Return what the gate misses, naming people; nothing for a type that has no such gate."""
    document_type = version.item.type
    if document_type is None or not document_type.train_before_effective:
        return []
    found = readiness(session, version)
    if found.ready:
        return []
    names = ", ".join(person.name for person in found.untrained[:NAMED])
    return [
        Phrase(
            "%(trained)s of %(all)s people concerned are trained (%(percent)s %% of the %(wanted)s %% needed). Not "
            "trained: %(names)s.",
            trained=len(found.trained),
            all=found.concerned,
            percent=found.percent,
            wanted=found.wanted_percent,
            names=names + (" …" if len(found.untrained) > NAMED else ""),
        )
    ]


@shown.circumstances_of("versions", "release_untrained")
def named_untrained(session: Session, version: Version) -> dict[str, Any]:
    """Name in the signed override everybody who is not trained and therefore barred from the work (DOC-6)."""
    found = readiness(session, version)
    return {
        "trained": len(found.trained),
        "concerned": found.concerned,
        "untrained": [{"employee_no": person.employee_no, "name": person.name} for person in found.untrained],
    }


def tell_owner(session: Session, version: Version) -> None:
    """Write to the owner of a document that its new version is held, once for each day that it is."""
    owner = version.item.owner
    if owner is None or not owner.email:
        return
    missing = unmet(session, version)
    notifications.write(
        session,
        to=owner.email,
        subject=Phrase("%(code)s v%(label)s does not take effect yet", code=version.item.code, label=version.label),
        body=missing[0] if missing else Phrase("Its training gate is closed."),
        record=version,
        language=preferred(owner.languages),
    )
