"""The table of all scheduled work (JOB-1): a name, a label, a schedule and a function of ``app.jobs.tasks``."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import time

from sqlalchemy.orm import Session

from app.domain.text import Phrase
from app.jobs import tasks
from app.jobs.schedule import Daily, Every
from app.jobs.tasks import Turn


def always(session: Session, turn: Turn) -> bool:
    """A job without a cheaper question is ready whenever its turn comes."""
    return True


@dataclass(frozen=True, slots=True)
class Job:
    """One kind of scheduled work.

    ``ready`` is a cheap question asked before a turn is claimed: a job with nothing to do leaves no row behind.
    """

    name: str
    label: Phrase
    when: Every | Daily
    work: Callable[[Session, Turn], str]
    ready: Callable[[Session, Turn], bool] = always


JOBS: tuple[Job, ...] = (
    Job("effective-dates", Phrase("Versions take effect"), Every(1), tasks.take_effect, tasks.something_takes_effect),
    Job("reconcile", Phrase("Nightly check of all assignments"), Daily(time(0, 5)), tasks.reconcile_everybody),
    Job("verify-trail", Phrase("Verification of the audit trail"), Daily(time(2, 0)), tasks.verify_trail),
    Job("checkpoint", Phrase("Signed checkpoint of the trail"), Every(15), tasks.checkpoint, tasks.trail_has_news),
    Job("reminders", Phrase("Reminders of due and overdue training"), Daily(time(5, 30)), tasks.remind_people),
    Job("digests", Phrase("Digests for supervisors"), Every(15), tasks.send_digests, tasks.somebody_starts),
)
