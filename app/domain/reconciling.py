"""Which assignment a person should have, compared with the one that exists (MTX-5, MTX-8).

For every required item that is not covered, or covered with something waiting to be trained, there is exactly one
open assignment. It is opened, re-dated, completed or withdrawn when the facts say so. Deciding twice on the same facts
changes nothing the second time.
"""

from datetime import date, datetime
from typing import NamedTuple

from app.domain import compliance as rule
from app.domain.compliance import Decision
from app.domain.dates import FOREVER
from app.domain.facts import Completion
from app.domain.text import Phrase


class OpenAssignment(NamedTuple):
    """The open assignment of one person for one item, as it stands. ``reasons`` is the stored text."""

    id: int
    person: int
    item: int
    version: int | None
    opened_at: datetime
    due_at: datetime | None
    proof: str
    reasons: str


class Wanted(NamedTuple):
    """What an open assignment has to say. ``cause`` is the trigger that the facts name by themselves, if they do."""

    version: int | None
    due_at: datetime | None
    due_on: date | None
    proof: str
    reasons: str
    cause: str | None


class Step(NamedTuple):
    """What to do for one person and item. At most one of complete/withdraw/redate, and perhaps an opening after it."""

    complete: Completion | None = None
    withdraw: Phrase | None = None
    redate: Wanted | None = None
    open: Wanted | None = None

    def __bool__(self) -> bool:
        return any(part is not None for part in self)


NOTHING = Step()


def wanted(decision: Decision, reasons: str) -> Wanted | None:
    """Return what an open assignment has to say for this decision, or None when there is to be none."""
    waiting = decision.to_train
    if waiting is None:
        return None
    calendar, version = decision.terms.calendar, waiting.version
    return Wanted(
        version.id if version else None,
        waiting.due_at,
        calendar.last_day(waiting.due_at) if waiting.due_at else None,
        decision.terms.proof(version),
        reasons,
        waiting.cause,
    )


def decide_assignment(decision: Decision, existing: OpenAssignment | None, reasons: str) -> Step:
    """Compare what is wanted with what exists and return the difference; ``NOTHING`` when they agree."""
    target = wanted(decision, reasons)
    if existing is None:
        return Step(open=target) if target else NOTHING
    done = _answer(decision, existing)
    if target is None:
        return Step(complete=done) if done else Step(withdraw=_why_withdrawn(decision))
    if target.version == existing.version or done is None:
        return NOTHING if _agrees(target, existing) else Step(redate=target)
    return Step(complete=done, open=target)


def _agrees(target: Wanted, existing: OpenAssignment) -> bool:
    return (target.version, target.due_at, target.proof, target.reasons) == (
        existing.version,
        existing.due_at,
        existing.proof,
        existing.reasons,
    )


def _answer(decision: Decision, existing: OpenAssignment) -> Completion | None:
    """Return the training that answers the assignment: news since it was opened, not what was known before.

    Training on the named version counts first, then whatever covers now, if it was recorded, or began to count, after
    the assignment was opened.
    """
    if decision.status in (rule.NOT_REQUIRED, rule.EXEMPT) and decision.cover is None:
        return None
    named = [
        one
        for one in decision.history.completions.get(decision.item, ())
        if one.version == existing.version and one.completed_at <= decision.at and one.recorded_at >= existing.opened_at
    ]
    if named:
        return max(named, key=lambda one: (one.completed_at, one.id))
    cover = decision.cover
    if cover and (cover.completion.recorded_at >= existing.opened_at or cover.start >= existing.opened_at):
        return cover.completion
    return None


def _why_withdrawn(decision: Decision) -> Phrase:
    code = decision.terms.item.code
    if decision.status == rule.EXEMPT:
        return Phrase("Exempt from %(item)s.", item=code)
    if decision.status != rule.NOT_REQUIRED:
        return Phrase("Training already on record counts for %(item)s; nothing is waiting.", item=code)
    if not decision.history.employed_at(decision.at):
        return Phrase("No longer employed.")
    if decision.book.retired.get(decision.item, FOREVER) <= decision.at:
        return Phrase("%(item)s was retired.", item=code)
    return Phrase("%(item)s is no longer required of this person.", item=code)
