"""Asking for scheduled work outside of its turn: a request is a row that the next scheduler takes up (JOB-1)."""

from collections.abc import Iterable

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.models.jobs import JobRun
from app.safeguards.context import current

ASKED = "asked"


def ask_for(session: Session, names: Iterable[str]) -> int:
    """Ask for one run of each of these jobs, in the name of the current person; return how many were asked for.

    A job that somebody asked for already, and that no scheduler has taken up yet, is not asked for twice.
    """
    context, count = current(), 0
    pending = set(session.scalars(select(JobRun.job).where(JobRun.state == ASKED)))
    for name in sorted(set(names) - pending):
        slot = f"by hand {context.now().isoformat(timespec='microseconds')}"[:40]
        run = JobRun(job=name, slot=slot, state=ASKED, started_at=context.now(), result=context.printed_name)
        session.add(run)
        count += 1
    session.flush()
    return count


def asked_for(session: Session) -> list[int]:
    """Return the ids of the runs that were asked for and not taken up, the oldest first."""
    return list(session.scalars(select(JobRun.id).where(JobRun.state == ASKED).order_by(JobRun.id)))
