"""Killed at any statement, or right after the commit, nothing is half-done and nothing is done twice (T-GATE).

A child process does the work and is killed with SIGKILL at the n-th SQL statement; the parent then looks at the
database as a restarted server would, checks the trail and the business invariants, and does the work again.
``QUALGATE_CRASH_EVERY=1`` tries every single statement; otherwise a few, spread over the work, and every
commit.
"""

import os
import shutil
import signal
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from flask_appbuilder import Model
from sqlalchemy import event, func, select
from sqlalchemy.orm import Session

from app.extensions import db
from app.models.matrix import Assignment
from app.models.people import Membership
from app.models.signing import Signature
from app.safeguards.context import acting
from app.safeguards.values import class_of, form_of
from app.services import effective, facts, files, importing, invariants, reconciler, signing, workflow
from app.services.importing.commit import check_and_write
from app.services.importing.tables import read_csv
from app.services.trail import read_public_keys, verify
from app.services.trail_replay import audited_tables, live_rows
from tests.acts import POLICY, person, somebody, take
from tests.cast import NOW, PASSWORD, context_of
from tests.conftest import House
from tests.records.test_documents import DAY, approve, new_sop, unit, write

pytestmark = pytest.mark.req("AUD-1", "DOC-7", "IMP-2", "MTX-8", "SIG-1")

POINTS = 5

Work = Callable[[Session], None]


@dataclass
class Yard:
    """A house that can be put back as it was, and in which work can be killed."""

    house: House
    keep: Callable[[], None]
    put_back: Callable[[], None]
    now: datetime = NOW

    def run(self, work: Work, kill_at: int = 0) -> tuple[bool, int, list[int]]:
        """Do the work in a child process; tell whether it was killed, how many points it has and which are commits."""
        db.session.remove()
        db.engine.dispose()
        reader, writer = os.pipe()
        child = os.fork()
        if child == 0:
            _work(work, kill_at, writer)
        os.close(writer)
        with os.fdopen(reader) as pipe:
            told = pipe.read().split()
        _, status = os.waitpid(child, 0)
        killed = os.WIFSIGNALED(status) and os.WTERMSIG(status) == signal.SIGKILL
        assert killed or os.WEXITSTATUS(status) == 0, "the work failed by itself"
        return killed, int(told[0]) if told else 0, [int(number) for number in told[1:]]

    def rows(self) -> dict[str, dict[str, str]]:
        """Return every row of every audited table."""
        with db.engine.connect() as connection:
            return {
                table.name: dict(live_rows(connection, form_of(table, class_of(table) is not None)))
                for table in audited_tables(connection, Model.metadata)
            }

    def check(self, also_invariants: bool) -> None:
        """What must hold after any crash."""
        keys = read_public_keys(Path(self.house.app.config["TRAIL_KEY_FILE"]).parent)
        with db.engine.connect() as connection:
            verdict = verify(connection, keys, {})
        assert verdict.sound, [str(finding) for finding in verdict.findings]
        if also_invariants:
            with acting(context_of(clock=lambda: self.now)):
                violations = invariants.violations(db.session())
                db.session.rollback()
            assert not violations, [str(one.what) for one in violations]


def _work(work: Work, kill_at: int, writer: int) -> None:
    """Do the work in the child and end it, one way or the other."""
    status, count, commits = 1, 0, []

    def point() -> None:
        nonlocal count
        count += 1
        if count == kill_at:
            os.kill(os.getpid(), signal.SIGKILL)

    def statement(*_: Any) -> None:
        point()

    def committed(session: Session) -> None:
        if session.get_transaction() is None or not session.in_nested_transaction():
            commits.append(count + 1)
            point()

    try:
        event.listen(db.engine, "before_cursor_execute", statement)
        event.listen(db.session, "after_commit", committed)
        work(db.session())
        os.write(writer, " ".join(map(str, [count, *commits])).encode())
        status = 0
    finally:
        os._exit(status)


@pytest.fixture
def yard(both_houses: House, request: pytest.FixtureRequest, tmp_path: Path) -> Yard:
    """The house on both databases, with a way to put it back."""
    files.configure(tmp_path / "files")
    url = db.engine.url
    if url.get_backend_name() == "sqlite":
        assert url.database is not None
        live, kept = Path(url.database), tmp_path / "kept.db"

        def keep() -> None:
            shutil.copy(live, kept)

        def put_back() -> None:
            for leftover in live.parent.glob(live.name + "*"):
                leftover.unlink()
            shutil.copy(kept, live)
    else:
        make = request.getfixturevalue("postgresql")

        def keep() -> None:
            make("kept", "live")

        def put_back() -> None:
            make("live", "kept")

    def quietly(do: Callable[[], None]) -> Callable[[], None]:
        def alone() -> None:
            db.session.remove()
            db.engine.dispose()
            do()

        return alone

    return Yard(both_houses, quietly(keep), quietly(put_back))


def crash_everywhere(yard: Yard, work: Work, *, invariants_before: bool = True) -> None:
    """Kill the work at many points; each time nothing or all of it is there, and doing it again completes it once."""
    yard.keep()
    before = yard.rows()
    _, total, commits = yard.run(work)
    after = yard.rows()
    assert before != after, "the work does something"
    yard.check(True)
    yard.put_back()
    every = int(os.environ.get("QUALGATE_CRASH_EVERY", "0")) or max(1, total // POINTS)
    for point in sorted({*range(1, total + 1, every), *commits, total}):
        killed, _, _ = yard.run(work, point)
        assert killed, f"point {point} of {total}"
        found = yard.rows()
        yard.check(invariants_before or found != before)
        if found == before:
            continue
        _same_outcome(found, after)
        yard.run(work)
        _same_outcome(yard.rows(), after)
        yard.check(True)
        yard.put_back()
    yard.run(work)
    _same_outcome(yard.rows(), after)


def _same_outcome(found: dict[str, dict[str, str]], after: dict[str, dict[str, str]]) -> None:
    """Row numbers may differ on PostgreSQL, whose sequences do not go back; how many rows there are may not."""
    assert {name: len(rows) for name, rows in found.items()} == {name: len(rows) for name, rows in after.items()}


def test_an_import_is_written_whole_and_once(yard: Yard) -> None:
    with acting(context_of()):
        new_sop(db.session(), functions=("OPERATOR", "LEAD"))
        new_sop(db.session(), title="Weighing", functions=("OPERATOR",))
        for title in ("Cleaning of vessels", "Weighing"):
            approve(db.session(), write(db.session(), _item(db.session(), title), f"# {title}"))
    lines = [f"E{number:03d},job_function,OPERATOR,2026-01-01," for number in (1, 3, 4, 5)]
    data = ("employee_no,kind,code,from,to\n" + "\n".join(lines) + "\n").encode()

    def work(session: Session) -> None:
        with acting(somebody(session, "ada", permissions=frozenset({("imports", "commit")}))):
            check_and_write(
                session,
                lambda: importing.check(session, "memberships", read_csv("memberships.csv", data), "Europe/Berlin"),
                "The new operators",
            )
            session.commit()

    crash_everywhere(yard, work)
    with acting(context_of()):
        query = select(func.count()).select_from(Assignment).where(Assignment.trigger == "role_change")
        assert db.session.scalar(query) == 8


def _item(session: Session, title: str) -> Any:
    return session.scalars(select(importing.documents.Item).where(importing.documents.Item.title == title)).one()


def test_an_approval_signs_releases_and_assigns_whole_and_once(yard: Yard) -> None:
    with acting(context_of()):
        session = db.session()
        version = write(session, new_sop(session), "# Cleaning\n\nRinse.")
        reconciler.reconcile(session)
        with acting(somebody(session, "sue")):
            take(session, version, "review", "sue")
            session.commit()
        with acting(somebody(session, "quinn")):
            token = signing.open_challenge(session, version, "approve").token
            session.commit()
        number = version.id

    def work(session: Session) -> None:
        with acting(somebody(session, "quinn")):
            signature = signing.sign(session, signing.Act(token=token, username="quinn", password=PASSWORD), POLICY)
            record = session.get(type(version), number)
            workflow.perform(session, record, "approve", signature=signature)
            session.commit()

    crash_everywhere(yard, work)
    with acting(context_of()):
        assert db.session.scalar(select(func.count()).select_from(Signature)) == 3
        assert db.session.scalar(select(func.count()).select_from(Assignment)) == 4


def test_an_effective_date_supersedes_and_assigns_whole_and_once(yard: Yard) -> None:
    with acting(context_of()):
        session = db.session()
        item = new_sop(session)
        approve(session, write(session, item, "# One"))
        second = write(session, item, "# Two", at=NOW + DAY, planned_effective_at=NOW + 9 * DAY)
        approve(session, second, at=NOW + DAY)
    yard.now = NOW + 10 * DAY

    def work(session: Session) -> None:
        with acting(somebody(session, "tom", yard.now)):
            effective.apply_due(session)
            session.commit()

    crash_everywhere(yard, work, invariants_before=False)


def test_reconciling_is_whole_and_once(yard: Yard) -> None:
    with acting(context_of()):
        session = db.session()
        for title in ("Cleaning", "Weighing", "Labeling"):
            approve(session, write(session, new_sop(session, title), f"# {title}"))
        operator = unit(session, "OPERATOR").id
        for name in ("quinn", "dora", "max", "cora", "ivan"):
            facts.record(
                session, Membership, person_id=person(session, name).id, unit_id=operator,
                starts_at=NOW - timedelta(days=3),
            )  # fmt: skip
        session.commit()

    def work(session: Session) -> None:
        with acting(context_of()):
            reconciler.reconcile(session)
            session.commit()

    crash_everywhere(yard, work, invariants_before=False)
