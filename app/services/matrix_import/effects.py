"""What an import would do to compliance, told before it is signed."""

from collections import Counter

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from app.domain.dates import FOREVER
from app.domain.text import Phrase
from app.models.organization import Unit
from app.models.people import Membership
from app.safeguards.context import current
from app.services.matrix_import.commit import DryRun


def sentences(session: Session, result: DryRun) -> list[Phrase]:
    """Who gets how much to do, which requirements end, and what cannot be recorded, in sentences."""
    added: Counter[str] = Counter()
    at_once: Counter[str] = Counter()
    for change in result.changes.of("requirements"):
        function = change.line["units"].partition(":")[2]
        if change.action == "add":
            added[function] += 1
            at_once[function] += change.line["days_to_complete"] == "0"
    people = members(session, set(added))
    told = [
        Phrase(
            "%(people)s people in %(function)s get up to %(number)s new items to train.",
            people=people[function],
            function=function,
            number=number,
        )
        for function, number in added.most_common()
        if people[function]
    ]
    overdue = sum(people[function] for function, number in at_once.items() if number)
    if overdue:
        told.append(Phrase("%(people)s people would be overdue at once, because 0 days are allowed.", people=overdue))
    ended = len([change for change in result.changes.of("requirements") if change.action == "end"])
    if ended:
        told.append(Phrase("%(number)s requirements end today; what was trained stays on record.", number=ended))
    if result.contents.undated:
        told.append(
            Phrase(
                "%(number)s cells say “trained” without a day. They are not imported as training records, because a "
                "record needs its day; write the day into the cell.",
                number=result.contents.undated,
            )
        )
    if result.contents.personal:
        told.append(
            Phrase(
                "%(number)s cells ask a single person for training. Give the person a job function that requires it.",
                number=result.contents.personal,
            )
        )
    return told


def members(session: Session, functions: set[str]) -> Counter[str]:
    """How many people hold each of these job functions now."""
    now = current().now()
    query = (
        select(Unit.code, func.count(Membership.person_id.distinct()))
        .join(Membership, Membership.unit_id == Unit.id)
        .where(Unit.kind == "job_function", Membership.voided_at == FOREVER)
        .where(Membership.starts_at <= now, Membership.ends_at > now)
        .group_by(Unit.code)
    )
    return Counter({code: number for code, number in session.execute(query) if code in functions})
