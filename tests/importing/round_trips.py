"""Imports a matrix, records more, takes the matrix back to Excel, reads it again: what round-trip tests share."""

from datetime import datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

from sqlalchemy.orm import Session

from app.models.importing import ImportRun
from app.safeguards.context import acting
from app.services import files, importing, matrix_import
from app.services.importing import commit as lists
from app.services.importing.reading import read_table
from app.services.importing.runs import add_run
from app.services.matrix_import import copies, runs
from app.services.matrix_import.changes import Changes
from app.services.spreadsheets_writing import Written
from tests.acts import somebody
from tests.cast import NOW

ZONE = "UTC"
LATER = NOW + timedelta(days=2)


def opened_run(session: Session, data: bytes, name: str = "matrix.xlsx") -> ImportRun:
    """Upload a matrix, as its page does."""
    run = add_run(session, "matrix", files.store(session, data, name), name, "ready")
    session.flush()
    runs.begin(session, run, runs.read_upload(name, data))
    return run


def bring(session: Session, data: bytes, name: str = "matrix.xlsx") -> ImportRun:
    """Upload and sign a matrix at ``NOW``; names that are only alike are created."""
    with acting(somebody(session, "cora", NOW)):
        run = opened_run(session, data, name)
        runs.keep_decisions(run, decisions(session, run))
        matrix_import.commit(
            session, runs.recognized(run), data, reason="test", zone=ZONE, choices=runs.decisions(run), run=run
        )
        matrix_import.remember(session, runs.layout_of(run), name, runs.recognized(run).mapping)
        run.state, run.finished_at = "committed", run.finished_at or NOW
        session.flush()
    return run


def decisions(session: Session, run: ImportRun) -> dict[str, str]:
    """Create everybody and everything that is not known for sure."""
    result = runs.check(session, run, runs.recognized(run), ZONE)
    return {f"{kind}:{key}": "create" for kind, key, match in result.matches.all() if match.open}


def record(session: Session, kind: str, *lines: str, at: datetime = LATER) -> None:
    """Write rows of a list, the header first, at a later instant."""
    with acting(somebody(session, "cora", at)):
        table = read_table(f"{kind}.csv", "\n".join(lines).encode())
        plan, _ = lists.check_and_write(session, partial(importing.check, session, kind, table, ZONE, Path()), "test")
        assert not plan.errors, [str(problem) for problem in plan.errors]
        session.flush()


def take_back(session: Session, run: ImportRun, **more: Any) -> Written:
    """The file of the import with what is recorded."""
    with acting(somebody(session, "cora", LATER)):
        return copies.copy_of_run(session, run, LATER, ZONE, **more)


def read_back(session: Session, data: bytes, name: str = "matrix.xlsx") -> Changes:
    """What reading a file would change, with the choices that were confirmed for its layout."""
    with acting(somebody(session, "cora", LATER)):
        again = opened_run(session, data, name)
        return runs.check(session, again, runs.recognized(again), ZONE).changes


def told(changes: Changes) -> list[tuple[str, str, str]]:
    """Changes in short."""
    return [(row.action, row.kind, row.what) for row in changes.rows]
