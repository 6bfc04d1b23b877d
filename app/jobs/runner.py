"""Runs the table of jobs: claims a turn, does the work, records the result, once, whoever else is running (JOB-4).

The claim, the work and the result are one transaction: a turn that was interrupted was never claimed, and of two
schedulers one waits for the other and then finds the turn taken. Mail is sent apart from it (``app.jobs.mail``).
"""

import logging
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from apscheduler.executors.pool import ThreadPoolExecutor
from apscheduler.schedulers.blocking import BlockingScheduler
from sqlalchemy import func, select
from sqlalchemy.exc import IntegrityError, OperationalError
from sqlalchemy.orm import Session
from sqlalchemy.orm.exc import StaleDataError

from app.domain.errors import RuleBroken
from app.domain.text import Phrase
from app.extensions import db
from app.jobs import mail
from app.jobs.schedule import Slot
from app.jobs.table import JOBS, Job
from app.jobs.tasks import TrailBroken, Turn, last_done
from app.models.jobs import JobRun
from app.safeguards import audit
from app.safeguards.context import Context, acting, current, system_clock
from app.services import alerts
from app.services import jobs as requests

LOG = logging.getLogger("qualgate.jobs")
TICK_SECONDS = 20
MAX_FAILURES = 5
"""A turn that failed so often is left alone; the next turn tries again."""
RETRY_AFTER = timedelta(minutes=5)

CONFLICTS = (IntegrityError, StaleDataError, OperationalError)
"""What a database says when two schedulers do the same at the same time."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of one job at one tick."""

    job: str
    slot: str
    state: str
    result: str


def system_context(job: str, clock: Callable[[], datetime] = system_clock, zone: str = "UTC") -> Context:
    """Return the context in which a job acts: the system itself, for all clients, with no person's permission."""
    return Context(
        user_id=None,
        username="system",
        printed_name="Qualgate",
        clients=None,
        zone=zone,
        reason=f"Scheduled: {job}",
        source=f"job:{job}",
        clock=clock,
    )


def tick(
    session: Session, settings: Any, jobs: Iterable[Job] = JOBS, clock: Callable[[], datetime] = system_clock
) -> list[Outcome]:
    """Run every job whose turn has come and that nobody did yet; return what was done.

    This is an edge: it commits, once for each job. A job that fails is recorded and does not stop the others.
    """
    table = tuple(jobs)
    outcomes = _run_asked_for(session, settings, table, clock)
    for job in table:
        with acting(system_context(job.name, clock, settings["TIME_ZONE"])):
            outcome = _run_turn(session, settings, job, job.when.slot(clock(), settings["TIME_ZONE"]))
        if outcome is not None:
            outcomes.append(outcome)
    return outcomes


def _run_asked_for(
    session: Session, settings: Any, table: Iterable[Job], clock: Callable[[], datetime]
) -> list[Outcome]:
    """Run what somebody asked for by hand, each once, in the system's name and on behalf of who asked."""
    jobs = {job.name: job for job in table}
    outcomes = []
    for number in requests.asked_for(session):
        session.rollback()
        run = session.get(JobRun, number, with_for_update=True, populate_existing=True)
        if run is None or run.state != requests.ASKED or run.job not in jobs:
            continue
        context = replace(system_context(run.job, clock, settings["TIME_ZONE"]), on_behalf_of=run.result)
        with acting(context):
            outcome = _attempt(session, settings, jobs[run.job], Slot(run.slot, run.started_at), run)
        if outcome is not None:
            outcomes.append(outcome)
    session.rollback()
    return outcomes


def _run_turn(session: Session, settings: Any, job: Job, slot: Slot) -> Outcome | None:
    try:
        if _taken(session, job, slot) or not job.ready(session, _turn(session, settings, job)):
            return None
    finally:
        session.rollback()
    return _attempt(session, settings, job, slot)


def _turn(session: Session, settings: Any, job: Job) -> Turn:
    now = current().now()
    return Turn(last_done(session, job.name, now), now, settings)


def _taken(session: Session, job: Job, slot: Slot) -> bool:
    """Tell whether the turn was done, or failed too often or just now."""
    if session.scalar(select(JobRun.id).where(JobRun.job == job.name, JobRun.slot == slot.name)) is not None:
        return True
    failures, latest = session.execute(
        select(func.count(), func.max(JobRun.started_at)).where(
            JobRun.job == job.name,
            JobRun.state == "failed",
            JobRun.slot.startswith(f"{slot.name} failed", autoescape=True),
        )
    ).one()
    return bool(failures >= MAX_FAILURES or (latest is not None and current().now() - latest < RETRY_AFTER))


def _attempt(session: Session, settings: Any, job: Job, slot: Slot, asked: JobRun | None = None) -> Outcome | None:
    """Claim the turn and do the work in one transaction; None when another scheduler has it.

    ``asked`` is the request that the run answers; a request that fails is answered as well, and not tried again.
    """
    started = current().now()
    turn = _turn(session, settings, job)
    number = asked.id if asked is not None else None
    try:
        run = asked or JobRun(job=job.name, slot=slot.name)
        run.state, run.started_at = "running", started
        session.add(run)
        session.flush()
        run.result = job.work(session, turn)
        run.state, run.finished_at = "done", current().now()
        session.commit()
    except CONFLICTS as conflict:
        session.rollback()
        LOG.info("%s %s is being done elsewhere (%s)", job.name, slot.name, type(conflict).__name__)
        return None
    except Exception as error:
        session.rollback()
        LOG.exception("%s %s failed", job.name, slot.name)
        return _failed(session, job, slot, started, error, number)
    return Outcome(job.name, slot.name, "done", run.result or "")


def _failed(session: Session, job: Job, slot: Slot, started: datetime, error: Exception, asked: int | None) -> Outcome:
    """Record a failed run beside the turn, which stays open, and tell security of what touches the trail."""
    what = str(error) if isinstance(error, RuleBroken | TrailBroken) else f"{type(error).__name__}: {error}"
    name = f"{slot.name} failed"
    if asked is not None:
        run = session.get_one(JobRun, asked, populate_existing=True)
    else:
        earlier = select(func.count()).where(JobRun.job == job.name, JobRun.slot.startswith(name, autoescape=True))
        run = JobRun(job=job.name, slot=f"{name} {(session.scalar(earlier) or 0) + 1}"[-40:])
    run.state, run.started_at, run.finished_at, run.result = "failed", started, current().now(), what[:4000]
    session.add(run)
    session.flush()
    audit.note(session, "job_failed", run, why=what[:1000])
    if isinstance(error, TrailBroken):
        _alert(session, run, what)
    session.commit()
    return Outcome(job.name, run.slot, "failed", what)


def _alert(session: Session, run: JobRun, what: str) -> None:
    alerts.alert(
        session,
        Phrase("The audit trail does not hold"),
        Phrase(
            "The nightly verification found:\n\n%(what)s\n\nStop, keep a copy of the database, and call quality "
            "assurance.",
            what=what,
        ),
        run,
    )


def run_scheduler(app: Any) -> None:
    """Run until interrupted: every ``TICK_SECONDS`` one look at the table, then the mail. Several may run at once."""
    scheduler = BlockingScheduler(executors={"default": ThreadPoolExecutor(1)}, timezone="UTC")
    scheduler.add_job(lambda: one_round(app), "interval", seconds=TICK_SECONDS, max_instances=1, coalesce=True,
                      next_run_time=system_clock())  # fmt: skip
    try:
        scheduler.start()
    except (KeyboardInterrupt, SystemExit):
        LOG.info("The scheduler ends.")


def one_round(app: Any) -> None:
    """Look at the table once and send what waits in the outbox. A database that is away is tried again next time."""
    with app.app_context():
        try:
            for outcome in tick(db.session(), app.config):
                LOG.info("%s %s: %s %s", outcome.job, outcome.slot, outcome.state, outcome.result)
            sent = mail.send_waiting(db.session(), mail.smtp_sender(app.config))
            if sent:
                LOG.info("outbox: %s sent", sent)
        except OperationalError:
            LOG.exception("The database does not answer; trying again in %s seconds", TICK_SECONDS)
        finally:
            db.session.remove()
