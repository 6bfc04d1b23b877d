"""The lease on work that goes on apart from any page: claimed once, kept alive by a heartbeat, taken up when it ends.

The instants come from the edge that does the work, since a lease is about the machine's real time and not about the
instant of an act. All changes are single statements that name the worker, so two processes cannot both hold one.
"""

from datetime import datetime, timedelta
from typing import Any, cast

from sqlalchemy import CursorResult, delete, insert, or_, select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from app.domain.text import Phrase
from app.models.importing import ImportRun, ImportWork

LEASE = timedelta(seconds=15)
"""A worker that gave no sign of life for so long is dead."""
TRIES = 3
"""Work that was interrupted so often is not tried again: it may be what kills the process."""
INTERRUPTED = Phrase("The work on this file was interrupted three times. Split the file, or tell your administrator.")


def find(session: Session, run_id: int, task: str) -> ImportWork | None:
    """The work as it stands in the database now."""
    query = select(ImportWork).where(ImportWork.run_id == run_id, ImportWork.task == task)
    return session.scalar(query.execution_options(populate_existing=True))


def alive(work: ImportWork | None, now: datetime) -> bool:
    """Tell whether somebody is at it."""
    return work is not None and work.worker is not None and work.beat_at > now - LEASE


def claim(session: Session, run_id: int, task: str, worker: str, now: datetime) -> bool:
    """Take the lease, unless somebody alive has it or the work failed for good. The caller commits at once."""
    mine = (ImportWork.run_id == run_id, ImportWork.task == task)
    free = or_(ImportWork.worker.is_(None), ImportWork.beat_at <= now - LEASE)
    open_to_all = (*mine, ImportWork.message.is_(None), free)
    worn_out = update(ImportWork).where(*open_to_all, ImportWork.tries >= TRIES)
    if _count(session, worn_out.values(worker=None, message=str(INTERRUPTED))):
        return False
    taken = update(ImportWork).where(*open_to_all)
    if _count(session, taken.values(worker=worker, beat_at=now, started_at=now, tries=ImportWork.tries + 1)):
        return True
    if session.scalar(select(ImportWork.id).where(*mine)) is not None:
        return False
    try:
        with session.begin_nested():
            session.execute(
                insert(ImportWork).values(run_id=run_id, task=task, worker=worker, beat_at=now, started_at=now)
            )
    except IntegrityError:
        return False
    return True


def beat(session: Session, run_id: int, task: str, worker: str, now: datetime, how: tuple[str, int, int]) -> bool:
    """Give a sign of life with phase, done and total; False when the lease is lost or the import was given up."""
    phase, done, total = how
    kept = _count(session, _of(run_id, task, worker).values(beat_at=now, phase=phase, done=done, total=total))
    state = session.scalar(select(ImportRun.state).where(ImportRun.id == run_id))
    return kept and state not in ("cancelled", "failed")


def finish(session: Session, run_id: int, task: str, worker: str) -> bool:
    """Give the lease back because the work is done; False when it was lost, and nothing of it may be written."""
    return _count(
        session,
        delete(ImportWork).where(ImportWork.run_id == run_id, ImportWork.task == task, ImportWork.worker == worker),
    )


def fail(session: Session, run_id: int, task: str, worker: str, message: str) -> bool:
    """Give the lease back because the work cannot be done, and say why."""
    return _count(session, _of(run_id, task, worker).values(worker=None, message=message))


def forget(session: Session, run_id: int) -> None:
    """Forget all work on an import; whoever is at it notices with the next heartbeat."""
    session.execute(delete(ImportWork).where(ImportWork.run_id == run_id))


def orphans(session: Session, now: datetime) -> list[int]:
    """The imports whose file nobody is reading although it has not been read."""
    living = select(ImportWork.run_id).where(ImportWork.worker.is_not(None), ImportWork.beat_at > now - LEASE)
    query = select(ImportRun.id).where(ImportRun.state == "reading", ImportRun.id.not_in(living))
    return list(session.scalars(query.order_by(ImportRun.id)))


def _of(run_id: int, task: str, worker: str) -> Any:
    return update(ImportWork).where(ImportWork.run_id == run_id, ImportWork.task == task, ImportWork.worker == worker)


def _count(session: Session, statement: Any) -> bool:
    options = {"synchronize_session": False}
    return bool(cast(CursorResult[Any], session.execute(statement, execution_options=options)).rowcount)
