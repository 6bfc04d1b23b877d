"""Work on imports that goes on after a page has answered: waited for shortly, then handed over to a thread that keeps
the lease alive, and taken up again when the process that did it died.

Small files are done while the page waits. What takes longer gets a lease (``services.importing.works``): one worker at
a time, in whatever process; its thread beats, notices when the import is given up, and writes the end of it.
"""

import json
import logging
import os
import platform
from collections.abc import Callable
from functools import partial
from threading import Event, Lock, Thread
from typing import Any
from uuid import uuid4

from flask import Flask, abort, current_app, redirect, url_for
from flask_babel import gettext
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session

from app.domain.errors import RuleBroken
from app.domain.text import Phrase
from app.extensions import db
from app.models.importing import ImportRun
from app.safeguards.context import Context, acting, current, system_clock
from app.services import files
from app.services.importing import runs as imports
from app.services.importing import works
from app.services.importing.reading import read_table
from app.services.importing.working import Progress, Stopped, Work
from app.services.matrix_import import runs
from app.services.shelf import the_shelf
from app.views.transaction import transaction

LOG = logging.getLogger("qualgate.imports")
READ = "read"
"""The task of reading an upload for the first time; what it finds out decides what becomes of the import."""
BEAT = 0.7
"""Seconds between two signs of life."""
WATCH = 20
"""Seconds between two looks for uploads whose reader is dead."""
BROKEN = Phrase("An error in Qualgate stopped the work on this file. Try again, or tell your administrator.")
Key = tuple[int, str]

_begun: dict[Key, Work[Any]] = {}
_handed_over: set[Key] = set()
_lock = Lock()
_name = uuid4().hex[:12]


def me() -> str:
    """This process, as the lease names it; a fork has another name."""
    return f"{platform.node()[:40]}:{os.getpid()}:{_name}"


# --- uploads ---------------------------------------------------------------------------------------------------------


def take_in(kind: str, name: str, data: bytes) -> ImportRun:
    """Begin the import of an upload; its state is "reading" when that takes longer than a page may.

    Raises RuleBroken with one sentence when the file turns out to be unreadable while the page waits; then nothing is
    kept of it.
    """
    work = Work(partial(_read, kind, name, lambda: data))
    try:
        quick = work.wait(current_app.config["IMPORT_WAIT_SECONDS"])
        value = work.result() if quick else None
        with transaction() as session:
            file = files.store(session, data, name)
            run = imports.add_run(session, kind, file, name, "ready" if quick else "reading")
            session.flush()
            if quick:
                _prepare(session, run, value)
            else:
                works.claim(session, run.id, READ, me(), system_clock())
            number = run.id
    except BaseException:
        work.stop()
        raise
    if not quick:
        _attend(work, (number, READ), current())
    return imports.find_run(db.session(), number)


def _read(kind: str, name: str, fetch: Callable[[], bytes], progress: Progress) -> Any:
    """Open a file of one kind. Raises RuleBroken with one sentence when that cannot be done."""
    if kind == "matrix":
        return runs.read_upload(name, fetch(), progress)
    progress("reading")
    read_table(name, fetch(), telling=progress)
    return None


def _prepare(session: Session, run: ImportRun, value: Any) -> None:
    if run.kind == "matrix":
        runs.begin(session, run, value)


def take_up(run_id: int) -> None:
    """Go on reading an upload whose reader is dead; whoever claims it first does, exactly once."""
    run = db.session.get(ImportRun, run_id)
    if run is None or run.state != "reading" or works.alive(works.find(db.session(), run_id, READ), system_clock()):
        return
    kind, name, digest = run.kind, run.file_name, run.file.sha256
    context = _after_interruption(run.printed_name)
    with acting(context), transaction() as session:
        mine = works.claim(session, run_id, READ, me(), system_clock())
        work = works.find(session, run_id, READ)
        if not mine and work is not None and work.message:
            imports.file_refused(run, work.message)
    if mine:
        _attend(Work(partial(_read, kind, name, lambda: files.read_by_digest(digest))), (run_id, READ), context)


def take_up_all(app: Flask) -> None:
    """Take up whatever a process left behind that died; called when a server starts."""
    with app.app_context():
        try:
            with acting(_after_interruption(None)):
                for run_id in works.orphans(db.session(), system_clock()):
                    take_up(run_id)
        except Exception:  # the next look is to come whatever happened; somebody reads the log
            LOG.exception("Interrupted imports cannot be taken up now; opening their page does so later")
        finally:
            db.session.remove()


def keep_watch(app: Flask) -> None:
    """Take up what dead processes left behind, now and from time to time, for as long as this server runs."""

    def watch() -> None:
        pause = Event()
        while not pause.wait(WATCH):
            take_up_all(app)

    take_up_all(app)
    Thread(target=watch, daemon=True, name="qualgate-import-watch").start()


def _after_interruption(on_behalf_of: str | None) -> Context:
    zone = current_app.config["TIME_ZONE"]
    return Context(
        user_id=None, username="system", printed_name="Qualgate", zone=zone, home_zone=zone, source="job:import",
        reason="Reading went on after an interruption", on_behalf_of=on_behalf_of,
        clock=current_app.config.get("CLOCK") or system_clock,
    )  # fmt: skip


# --- what pages need -------------------------------------------------------------------------------------------------


def need(run: ImportRun, task: str, to: str, job: Callable[[Progress], Any]) -> Any:
    """What ``job`` works out, or the progress page, which leads back to the page ``to`` of the import.

    The job runs in a thread, without the request; it keeps its result where the next page finds it.
    """
    key = run.id, task
    page = url_for("ImportProgressView.show", number=run.id, task=task, to=to)
    work = works.find(db.session(), *key)
    if works.alive(work, system_clock()) or (work is not None and work.message):
        abort(redirect(page))
    with _lock:
        mine = _begun.get(key) or _begun.setdefault(key, Work(job))
    if mine.wait(current_app.config["IMPORT_WAIT_SECONDS"]):
        _forget(key)
        return mine.result()
    _hand_over(key, mine)
    return abort(redirect(page))


def in_app(job: Callable[[Session, Progress], Any]) -> Callable[[Progress], Any]:
    """Give a job the database and the person who acts now, in whatever thread it runs."""
    app, context = current_app._get_current_object(), current()  # type: ignore[attr-defined]

    def run(progress: Progress) -> Any:
        with app.app_context(), acting(context):
            try:
                return job(db.session(), progress)
            finally:
                db.session.remove()

    return run


def _hand_over(key: Key, work: Work[Any]) -> None:
    with _lock:
        if key in _handed_over:
            return
        _handed_over.add(key)
    with transaction() as session:
        mine = works.claim(session, *key, me(), system_clock())
    if mine:
        _attend(work, key, current())
    else:
        work.stop()
        _forget(key)


def _forget(key: Key) -> None:
    with _lock:
        _begun.pop(key, None)
        _handed_over.discard(key)


def forget_checks(run: ImportRun) -> None:
    """Throw out the dry runs of an import that are shown again."""
    if shelf := the_shelf():
        for path in shelf.folder.glob(f"check-{run.id}-*.json"):
            shelf.drop(path.name)


# --- the thread that attends to work ---------------------------------------------------------------------------------


def _attend(work: Work[Any], key: Key, context: Context) -> None:
    app = current_app._get_current_object()  # type: ignore[attr-defined]
    Thread(target=_follow, args=(app, work, key, context), daemon=True, name=f"qualgate-import-{key[0]}").start()


def _follow(app: Flask, work: Work[Any], key: Key, context: Context) -> None:
    with app.app_context(), acting(context):
        try:
            while _beat(key, work):
                if work.wait(BEAT):
                    break
            else:
                work.stop()
            work.wait(works.LEASE.total_seconds())
            _end(work, key)
        except Exception:
            LOG.exception("The lease on import %s ends by itself", key[0])
            work.stop()
        finally:
            _forget(key)
            db.session.remove()


def _beat(key: Key, work: Work[Any]) -> bool:
    """Tell how far the work is; False when it should stop. A database that is away for a moment changes nothing."""
    try:
        with transaction() as session:
            return works.beat(session, *key, me(), system_clock(), work.progress.now)
    except DBAPIError:
        LOG.warning("Import %s: no sign of life could be written", key[0], exc_info=True)
        return True
    finally:
        db.session.remove()


def _end(work: Work[Any], key: Key) -> None:
    """Write what came out, if the lease is still ours and the import was not given up."""
    run_id, task = key
    value, refusal = None, None
    try:
        value = work.result() if work.wait(0) else None
    except Stopped:
        pass
    except RuleBroken as refused:
        refusal = refused.phrase
    except Exception:
        LOG.exception("Import %s: %s failed", run_id, task)
        refusal = BROKEN
    with transaction() as session:
        if refusal and task != READ:
            works.fail(session, run_id, task, me(), packed(refusal))
            return
        if not works.finish(session, run_id, task, me()):
            return
        run = session.get(ImportRun, run_id, with_for_update=True, populate_existing=True)
        if task == READ and run is not None and run.state == "reading" and not work.progress.stopped.is_set():
            if refusal:
                imports.file_refused(run, packed(refusal))
            else:
                _prepare(session, run, value)
                imports.file_read(run)


def packed(phrase: Phrase) -> str:
    """A sentence as it is kept, to be shown in the language of whoever reads it."""
    return json.dumps([phrase.template, {name: str(value) for name, value in phrase.values.items()}])


def unpacked(text: str | None) -> str:
    """A kept sentence in the reader's language."""
    if not text:
        return ""
    if not text.startswith("["):
        return gettext(text)
    template, values = json.loads(text)
    return Phrase(template, **values).render(gettext)
