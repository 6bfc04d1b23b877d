"""What the jobs do, each in one transaction that the runner commits. Every one may run twice without harm."""

from dataclasses import dataclass
from datetime import datetime, time, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import Engine, select
from sqlalchemy.orm import Session, joinedload

from app.domain import notices
from app.domain.text import Phrase
from app.models.base import FOREVER
from app.models.documents import Item
from app.models.jobs import JobRun
from app.models.matrix import Assignment
from app.models.organization import Unit
from app.models.people import Membership, Person
from app.safeguards import checkpoints, signer_of
from app.safeguards.context import current
from app.services import announcements, effective, reconciler, trail, version_steps
from app.services.notifications import write
from app.services.wording import preferred

assert version_steps.TYPE == "versions", "importing it is what makes the steps of a version known"

DIGEST_AT = time(6, 0)
"""When the digest comes to supervisors who belong to no shift, in their site's zone."""

HORIZON = timedelta(days=14)
REVIEW_NOTICE = timedelta(days=30)


@dataclass(frozen=True, slots=True)
class Turn:
    """What a job is told of its turn: since when it has not run, and the settings of the installation."""

    since: datetime
    now: datetime
    settings: Any


def last_done(session: Session, job: str, now: datetime) -> datetime:
    """Return when a job last ran well; a day ago when it never did, so that a new installation sends no flood."""
    query = (
        select(JobRun.started_at).where(JobRun.job == job, JobRun.state == "done").order_by(JobRun.started_at.desc())
    )
    return session.scalars(query.limit(1)).first() or now - timedelta(days=1)


def take_effect(session: Session, turn: Turn) -> str:
    """Let approved versions take effect whose day has come (DOC-7)."""
    done = effective.apply_due(session)
    return f"{len(done)} took effect: " + ", ".join(f"{one.item.code} v{one.label}" for one in done) if done else "0"


def something_takes_effect(session: Session, turn: Turn) -> bool:
    """Tell cheaply whether there is a version to take effect."""
    return effective.due(session)


def reconcile_everybody(session: Session, turn: Turn) -> str:
    """Compare what the facts require with the assignments there are, for everybody; open what recurs (MTX-8)."""
    changes = reconciler.reconcile(session, trigger="nightly", source="nightly check")
    mails = announcements.tell_assigned(session, changes)
    counted = ", ".join(f"{name} {count}" for name, count in changes.as_json().items())
    return f"{counted}, mails {mails}"


def remind_people(session: Session, turn: Turn) -> str:
    """Remind people of what is due soon or overdue, and owners of documents whose periodic review is near (DOC-8)."""
    horizon = (turn.now + timedelta(days=max(notices.BEFORE) + 1)).date()
    query = select(Assignment.id).where(Assignment.state == "open", Assignment.due_on <= horizon)
    zone = ZoneInfo(turn.settings["TIME_ZONE"])
    since, today = turn.since.astimezone(zone).date(), turn.now.astimezone(zone).date()
    lines = [
        line for line in announcements.assignment_lines(session, query)
        if line.due_on is not None and notices.reminds(line.due_on, since, today)
    ]  # fmt: skip
    mails = announcements.tell_due(session, lines, today)
    return f"mails {mails}, reviews {_remind_owners(session, turn)}"


def _remind_owners(session: Session, turn: Turn) -> int:
    today, last = turn.now.date(), turn.since.date()
    query = select(Item).where(Item.review_due_on.is_not(None), Item.review_due_on <= today + REVIEW_NOTICE)
    sent = 0
    for item in session.scalars(query.options(joinedload(Item.owner)).order_by(Item.code)):
        assert item.review_due_on is not None, "the query asks for those that have one"
        first = item.review_due_on - REVIEW_NOTICE
        if (
            item.owner is None
            or not item.owner.email
            or not (last < first <= today or last < item.review_due_on <= today)
        ):
            continue
        write(
            session,
            to=item.owner.email,
            subject=Phrase("Periodic review of %(code)s is due on %(day)s", code=item.code,
                           day=item.review_due_on.isoformat()),
            body=Phrase("Read “%(title)s”. Confirm with your signature that it is still valid, or begin a new version.",
                        title=item.title),
            record=item,
            language=preferred(item.owner.languages),
        )  # fmt: skip
        sent += 1
    return sent


# --- digests ---------------------------------------------------------------------------------------------------------


def somebody_starts(session: Session, turn: Turn) -> bool:
    """Tell whether some supervisor's shift began since the last digest run."""
    return bool(_starting(session, turn))


def send_digests(session: Session, turn: Turn) -> str:
    """Send each supervisor whose shift begins now one digest of the team (JOB-2)."""
    supervisors = _starting(session, turn)
    today = turn.now.astimezone(ZoneInfo(turn.settings["TIME_ZONE"])).date()
    return f"mails {announcements.tell_supervisors(session, supervisors, today, today + HORIZON)}"


def _starting(session: Session, turn: Turn) -> list[Person]:
    """Return the supervisors whose shift, or else the common hour, came since the last run."""
    team = select(Person.supervisor_id).where(Person.supervisor_id.is_not(None))
    people = session.scalars(
        select(Person).where(Person.id.in_(team), Person.email.is_not(None)).options(joinedload(Person.site))
    ).all()
    shifts = _shift_starts(session, turn.now)
    # a longer silence than a day brings one digest, not one for every day
    since = max(turn.since, turn.now - timedelta(days=1))
    found = []
    for person in people:
        zone = ZoneInfo((person.site.time_zone if person.site else None) or turn.settings["TIME_ZONE"])
        start = notices.parsed_time(shifts.get(person.id), DIGEST_AT)
        if notices.starts_within(start, since.astimezone(zone), turn.now.astimezone(zone)):
            found.append(person)
    return found


def _shift_starts(session: Session, now: datetime) -> dict[int, str | None]:
    query = (
        select(Membership.person_id, Unit.shift_starts).join(Unit, Unit.id == Membership.unit_id)
        .where(
            Unit.kind == "shift", Membership.starts_at <= now, Membership.ends_at > now,
            Membership.recorded_at <= current().now(), Membership.voided_at == FOREVER,
        )
    )  # fmt: skip
    return {person: start for person, start in session.execute(query)}


# --- trail -----------------------------------------------------------------------------------------------------------


class TrailBroken(Exception):
    """The trail or a table was changed behind the application's back; the run is recorded as failed."""


def checkpoint(session: Session, turn: Turn) -> str:
    """Sign the head of the trail and put it into the folder of checkpoints (AUD-3)."""
    signer = signer_of(session)
    assert signer is not None, "the application has its key"
    note = checkpoints.make_checkpoint(session, signer, Path(turn.settings["CHECKPOINT_FOLDER"]))
    return f"link {note.checkpoint.seq}, {note.checkpoint.head[:16]}"


def trail_has_news(session: Session, turn: Turn) -> bool:
    """Tell cheaply whether there is anything to make a checkpoint of."""
    return checkpoints.has_news(session)


def verify_trail(session: Session, turn: Turn) -> str:
    """Verify the whole trail against the live rows; what is found fails the run and goes to security (AUD-3)."""
    keys = trail.read_public_keys(Path(turn.settings["TRAIL_KEY_FILE"]).parent)
    folder = Path(turn.settings["CHECKPOINT_FOLDER"])
    notes = trail.read_notes(folder) if folder.is_dir() else {}
    engine = session.get_bind()
    assert isinstance(engine, Engine), "the session is bound to the installation's database"
    with engine.connect() as connection:
        verdict = trail.verify(connection, keys, notes)
    if not verdict.sound:
        raise TrailBroken("; ".join(str(finding.what) for finding in verdict.findings[:20]))
    return f"sound: {verdict.entries} entries, {verdict.rows} rows, seal {verdict.seal}"
