"""Imports as records: the one door that adds them, and what holds for lists and matrices alike (IMP-2, IMP-3)."""

from collections.abc import Collection

from sqlalchemy import Select, select
from sqlalchemy.orm import Session

from app.domain.errors import NotFound, RuleBroken
from app.models.files import StoredFile
from app.models.importing import ImportRun
from app.safeguards.context import current
from app.services import files

OPEN_STATES = ("ready", "uploaded")
LAST_NUMBER = 2**31 - 1
"""The largest number that the databases keep as one."""


def add_run(session: Session, kind: str, file: StoredFile, name: str, state: str) -> ImportRun:
    """Begin the record of an import in the name of the one who acts; the only place that adds one. Does not flush."""
    context = current()
    run = ImportRun(
        kind=kind,
        file_id=file.id,
        file_name=files.clean_name(name),
        state=state,
        started_at=context.now(),
        username=context.username,
        printed_name=context.printed_name,
        progress=0,
    )
    session.add(run)
    return run


def visible_runs() -> Select[ImportRun]:
    """The imports that the one who acts may know of.

    A file speaks of any client, so a login that is limited to some clients knows of the files it brought itself only.
    """
    context, query = current(), select(ImportRun)
    return query if context.clients is None else query.where(ImportRun.username == context.username)


def find_run(session: Session, number: int, kinds: Collection[str] | None = None) -> ImportRun:
    """The import with this number, of one of these kinds if any are named. Raises NotFound, also out of scope."""
    if number > LAST_NUMBER:
        raise NotFound("There is no such import.")
    query = visible_runs().where(ImportRun.id == number)
    run = session.scalar(query if kinds is None else query.where(ImportRun.kind.in_(kinds)))
    if run is None:
        raise NotFound("There is no such import.")
    return run


def still_open(run: ImportRun) -> None:
    """Raise RuleBroken when the import is finished or given up, or its file is not read yet."""
    if run.state == "reading":
        raise RuleBroken("The file is still being read. Wait until that is done.")
    if run.state not in OPEN_STATES:
        raise RuleBroken("This import is finished. Upload the file again to go on.")


def to_write(session: Session, run: ImportRun, signature_id: int) -> bool:
    """Tell whether the signed import is still to be written; False when this very signature wrote it already.

    Reads the import again, since the same form may have been sent twice at once. Raises RuleBroken when the import
    was finished otherwise.
    """
    session.refresh(run)
    if run.state == "committed" and run.signature_id == signature_id:
        return False
    still_open(run)
    return True


def give_up(run: ImportRun) -> None:
    """End an import without writing anything of it, also while its file is being read."""
    if run.state != "reading":
        still_open(run)
    run.state, run.finished_at, run.cancel_asked = "cancelled", current().now(), True


def file_read(run: ImportRun) -> None:
    """The file of an import that was begun while it was still being read can be looked at now."""
    run.state, run.progress = "ready", 100


def file_refused(run: ImportRun, sentence: str) -> None:
    """The file cannot be read, for the reason in ``sentence``; nothing can come of this import any more."""
    run.state, run.message, run.finished_at = "failed", sentence, current().now()


def file_bytes(run: ImportRun) -> bytes:
    """The bytes of the stored file, checked against the digest that it is kept under."""
    return files.read(run.file)
