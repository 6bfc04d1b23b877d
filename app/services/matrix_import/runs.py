"""An import on its way through the pages: the stored file, its corrections and decisions, kept on the import's
record."""

import hashlib
import json
import tempfile
from collections import OrderedDict
from collections.abc import Collection, Mapping
from datetime import datetime
from pathlib import Path
from threading import Lock
from typing import Any

from sqlalchemy import Select, select
from sqlalchemy.orm import Session

from app.domain.errors import NotFound, RuleBroken
from app.domain.importing import Grid, recognize
from app.models.documents import Item
from app.models.files import StoredFile
from app.models.importing import ImportRun
from app.models.organization import Unit
from app.safeguards.context import current
from app.services import files
from app.services.matrix_import.changes import Codes, recorded_requirements
from app.services.matrix_import.commit import DryRun, dry_run
from app.services.matrix_import.mapping import fingerprint, load_mapping
from app.services.matrix_import.recognizing import Recognized, recognize_grids
from app.services.matrix_import.stock import stock_mapping
from app.services.spreadsheets import read_workbook
from app.services.vocabularies import load_vocabulary

# Grids of the files that somebody works on, so that each page does not open the file again. Only a cache: any worker
# can read the file anew from the store.
_KEPT = 3
_CELLS = 2_000_000
_grids: "OrderedDict[str, list[Grid]]" = OrderedDict()
_lock = Lock()


def open_run(session: Session, name: str, data: bytes) -> ImportRun:
    """Keep an uploaded file and begin an import of it; corrections confirmed for the same layout before are taken over.

    Raises BadInput with one sentence when the file cannot be read; then nothing is kept. The caller commits.
    """
    context = current()
    grids = _read(name, data)
    file = files.store(session, data, name)
    run = ImportRun(
        kind="matrix",
        file_id=file.id,
        file_name=files.clean_name(name),
        state="ready",
        started_at=context.now(),
        username=context.username,
        printed_name=context.printed_name,
        progress=0,
    )
    layout = fingerprint(grids, recognize(grids, load_vocabulary()))
    run.mapping = json.dumps(load_mapping(session, layout) or stock_mapping(grids), ensure_ascii=False)
    run.choices = "{}"
    session.add(run)
    session.flush()
    return run


def visible_runs() -> Select[ImportRun]:
    """The imports that the one who acts may know of.

    A file speaks of any client, so a login that is limited to some clients knows of the files it brought itself only.
    """
    context, query = current(), select(ImportRun)
    return query if context.clients is None else query.where(ImportRun.username == context.username)


def find_run(session: Session, number: int, kinds: Collection[str] = ("matrix",)) -> ImportRun:
    """The import with this number and of one of these kinds. Raises NotFound, also when it is out of scope."""
    run = session.scalar(visible_runs().where(ImportRun.id == number, ImportRun.kind.in_(kinds)))
    if run is None:
        raise NotFound("There is no such import.")
    return run


def still_open(run: ImportRun) -> None:
    """Raise RuleBroken when the import is finished or given up."""
    if run.state not in ("ready", "uploaded"):
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


def file_bytes(run: ImportRun) -> bytes:
    """The bytes of the stored file."""
    with files.open_file(run.file) as stream:
        return stream.read()


def recognized(run: ImportRun, mapping: Mapping[str, Any] | None = None) -> Recognized:
    """The file recognized with the corrections of the import, or with others that are not kept."""
    grids = _known(run.file, run.file_name)
    given = json.loads(run.mapping or "{}") if mapping is None else mapping
    return recognize_grids(run.file_name, run.file.sha256, grids, given)


def decisions(run: ImportRun) -> dict[str, str]:
    """Decisions about names, by ``KIND:KEY``."""
    return dict(json.loads(run.choices or "{}"))


def check(session: Session, run: ImportRun, zone: str) -> tuple[Recognized, DryRun]:
    """What the import would do as it stands."""
    found = recognized(run)
    return found, dry_run(session, found, decisions(run), zone)


def keep_mapping(run: ImportRun, mapping: Mapping[str, Any]) -> None:
    """Keep corrections on the import; they have been checked by ``recognized``."""
    still_open(run)
    run.mapping = json.dumps(mapping, ensure_ascii=False)


def keep_decisions(run: ImportRun, choices: Mapping[str, str]) -> None:
    """Keep decisions about names on the import."""
    still_open(run)
    run.choices = json.dumps(dict(choices), ensure_ascii=False)


def give_up(run: ImportRun) -> None:
    """End an import without writing anything of it."""
    still_open(run)
    run.state, run.finished_at = "cancelled", current().now()


def layout_of(found: Recognized) -> str:
    """Fingerprint of the layout of a file."""
    return fingerprint(found.grids, recognize(found.grids, load_vocabulary()))


def _known(file: StoredFile, name: str) -> list[Grid]:
    with _lock:
        grids = _grids.get(file.sha256)
    if grids is None:
        with files.open_file(file) as stream:
            grids = _read(name, stream.read())
    return grids


def _read(name: str, data: bytes) -> list[Grid]:
    with tempfile.TemporaryDirectory(prefix="qualgate-import-") as folder:
        path = Path(folder) / "upload"
        path.write_bytes(data)
        grids = read_workbook(path, name=name)
    with _lock:
        if sum(grid.height * grid.width for grid in grids) <= _CELLS:
            _grids[hashlib.sha256(data).hexdigest()] = grids
        while len(_grids) > _KEPT:
            _grids.popitem(last=False)
    return grids


def last_committed(session: Session) -> ImportRun | None:
    """The latest import of a matrix that was written."""
    query = visible_runs().where(ImportRun.kind == "matrix", ImportRun.state == "committed")
    return session.scalar(query.order_by(ImportRun.id.desc()).limit(1))


def stock(session: Session, now: datetime) -> tuple[list[tuple[str, str]], list[tuple[str, str]], set[tuple[str, str]]]:
    """Job functions, items and who needs what, for a matrix in our own layout."""
    functions = [
        (code, name)
        for code, name in session.execute(
            select(Unit.code, Unit.name).where(Unit.kind == "job_function").order_by(Unit.name)
        )
    ]
    items = [(code, title) for code, title in session.execute(select(Item.code, Item.title).order_by(Item.code))]
    codes = Codes({}, {code: code for code, _ in functions}, {code: code for code, _ in items})
    return functions, items, set(recorded_requirements(session, codes, now))
