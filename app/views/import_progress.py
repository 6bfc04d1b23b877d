"""The page that shows how far the work on an import is, leads on when it is done, and gives the import up (IMP-3)."""

from typing import Any

from flask import Response, jsonify, redirect, request, url_for
from flask.typing import ResponseReturnValue
from flask_appbuilder import AppBuilder, BaseView, expose
from flask_babel import gettext
from flask_babel import lazy_gettext as _l

from app.extensions import db
from app.models.importing import ImportRun, ImportWork
from app.safeguards.context import system_clock
from app.services.importing import runs as imports
from app.services.importing import works
from app.views import background
from app.views.guard import permitted
from app.views.look import say
from app.views.transaction import transaction

ORDER = 62

PHASES: dict[str, Any] = {
    "waiting": _l("Waiting for its turn"),
    "reading": _l("Reading the file"),
    "recognizing": _l("Recognizing what the sheets say"),
    "counting": _l("Counting what the sheets leave open"),
    "comparing": _l("Comparing with what is recorded"),
}
STEPS = {"review": 2, "match": 3, "check": 4, "export": 5}
"""The pages of a matrix import that may have to wait, with their step; a list has its check only."""


def progress_url(run: ImportRun, task: str = background.READ, to: str = "") -> str:
    """The address of the progress page."""
    return url_for("ImportProgressView.show", number=run.id, task=task, to=to)


def page_of(run: ImportRun, to: str = "") -> str:
    """The address of a page of an import: the one asked for, else the first one."""
    if run.kind != "matrix":
        return url_for("ImportView.check", number=run.id)
    if to == "export":
        return url_for("MatrixExportView.as_imported", number=run.id)
    return url_for(f"MatrixImportView.{to if to in STEPS else 'review'}", number=run.id)


def home_of(run: ImportRun) -> str:
    """Where an import goes on, whatever state it is in."""
    if run.state == "reading":
        return progress_url(run)
    if run.state == "failed":
        return url_for("ImportView.index", failed=run.id)
    return page_of(run, "review" if run.state == "ready" else "check")


def not_while_reading(run: ImportRun) -> ResponseReturnValue | None:
    """Send on whoever opens a page of an import whose file is not read yet, or cannot be read."""
    return redirect(home_of(run)) if run.state in ("reading", "failed") else None


class ImportProgressView(BaseView):
    """Progress, and giving up, of imports of every kind."""

    route_base = "/import"
    resource = "imports"
    default_view = "show"

    @expose("/progress/<int:number>")
    @permitted("add")
    def show(self, number: int) -> ResponseReturnValue:
        """Show how far it is; without script the page is loaded again to see."""
        run, work, on = self._look(number)
        if on is not None:
            return redirect(on)
        task, to = request.args.get("task", background.READ), request.args.get("to", "")
        failed = background.unpacked(work.message) if work is not None else ""
        return self.render_template(
            "importing/progress.html",
            title=run.file_name,
            step=1 if run.state == "reading" else STEPS.get(to, 4),
            failed=failed,
            **_told(work),
            progress_url=url_for(".state", number=number, task=task, to=to),
            again_url=url_for(".again", number=number, to=to) if failed else None,
            cancel_url=url_for(".cancel", number=number) if run.state in ("reading", *imports.OPEN_STATES) else None,
        )

    @expose("/progress/<int:number>.json")
    @permitted("add")
    def state(self, number: int) -> Response:
        """The same for the script of the page, which asks every second."""
        run, work, on = self._look(number)
        if on is None and work is not None and work.message:
            on = progress_url(run, work.task, request.args.get("to", ""))
        return jsonify({**_told(work), "finished": on is not None, "url": on})

    def _look(self, number: int) -> tuple[ImportRun, ImportWork | None, str | None]:
        """The import, the work on it, and where to go when there is nothing to wait for (any more).

        Whoever looks at an upload whose reader is dead has it taken up.
        """
        session = db.session()
        run = imports.find_run(session, number)
        task = background.READ if run.state == "reading" else request.args.get("task", background.READ)
        if run.state == "reading":
            background.take_up(number)
            session.refresh(run)
        if run.state in ("failed", "cancelled"):
            return run, None, home_of(run) if run.state == "failed" else url_for("ImportView.index")
        work = works.find(session, number, task)
        busy = run.state == "reading" or works.alive(work, system_clock()) or bool(work is not None and work.message)
        return run, work, None if busy else page_of(run, request.args.get("to", ""))

    @expose("/progress/<int:number>/again", methods=["POST"])
    @permitted("add")
    def again(self, number: int) -> ResponseReturnValue:
        """Forget what was worked out or went wrong, and begin that work anew."""
        with transaction() as session:
            run = imports.find_run(session, number)
            works.forget(session, number)
        background.forget_checks(run)
        return redirect(page_of(run, request.args.get("to", "")))

    @expose("/<int:number>/cancel", methods=["POST"])
    @permitted("add")
    def cancel(self, number: int) -> ResponseReturnValue:
        """Give an import up; whoever works on it stops within a second. Nothing has been written."""
        with transaction() as session:
            imports.give_up(imports.find_run(session, number))
        return redirect(url_for("ImportView.index"))


def _told(work: ImportWork | None) -> dict[str, Any]:
    """Phase, numbers and time in words."""
    if work is None:
        return {"done": 0, "total": 0, "text": say(PHASES["waiting"]), "detail": ""}
    seconds = max(0, int((system_clock() - work.started_at).total_seconds()))
    passed = gettext("%(seconds)s s", seconds=seconds)
    share = gettext("%(percent)s %%", percent=100 * work.done // work.total) if work.total else ""
    return {
        "done": work.done,
        "total": work.total,
        "text": say(PHASES.get(work.phase, work.phase)),
        "detail": " · ".join(part for part in (share, passed) if part),
    }


def register(appbuilder: AppBuilder) -> None:
    """Put the pages in place."""
    appbuilder.add_view_no_menu(ImportProgressView())
