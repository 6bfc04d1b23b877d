"""The import pages for lists, and the door to all imports: choose a kind, upload, check, sign (IMP-2, IMP-3, UX-5)."""

import json
from typing import Any

from flask import Response, current_app, redirect, request, url_for
from flask.typing import ResponseReturnValue
from flask_appbuilder import AppBuilder, BaseView, expose
from flask_babel import gettext
from flask_babel import lazy_gettext as _l
from sqlalchemy.orm import Session

from app.domain.errors import BadInput, NotFound, RuleBroken
from app.extensions import db
from app.models.importing import IMPORT_STATES, ImportRun
from app.models.signing import Signature
from app.safeguards.context import current
from app.services import files, importing
from app.services.importing import commit
from app.services.importing.plan import Plan
from app.services.importing.reading import read_table
from app.services.matrix_import import runs
from app.views import signing
from app.views.guard import permitted
from app.views.look import safe_url, say
from app.views.refusals import sentence
from app.views.transaction import transaction

ORDER = 60
SHOWN = 300

KINDS: dict[str, tuple[Any, Any, str]] = {
    "matrix": (
        _l("Training matrix, as it is"),
        _l("The workbook you have: who needs or has which training"),
        "table-options",
    ),
    "units": (_l("Organization"), _l("Sites, departments, job functions, equipment, clients"), "sitemap"),
    "people": (_l("People"), _l("Employee number, name, e-mail, dates of employment"), "users"),
    "memberships": (_l("Memberships"), _l("Who belongs to which job function or department, from when"), "users-group"),
    "documents": (_l("Documents"), _l("Documents and courses with their versions"), "files"),
    "requirements": (_l("Requirements"), _l("Rows of the matrix, one a line"), "list-check"),
    "completions": (_l("Training records"), _l("Training that took place, with its true day"), "certificate"),
    "exemptions": (_l("Exemptions"), _l("Who need not be trained, why, until when"), "user-off"),
    "leaves": (_l("Leaves"), _l("Absences of people"), "calendar-off"),
    "orders": (_l("Training orders"), _l("Training ordered for single people"), "clipboard-text"),
}


class ImportView(BaseView):
    """Upload and earlier imports; dry run and signature of lists."""

    route_base = "/import"
    resource = "imports"
    default_view = "index"

    @expose("/", methods=["GET", "POST"])
    @permitted("add")
    def index(self) -> ResponseReturnValue:
        """Choose what is in the file and upload it."""
        errors: dict[str, str] = {}
        kind = request.form.get("kind") or request.args.get("kind", "matrix")
        if request.method == "POST":
            try:
                return redirect(self._take(kind))
            except RuleBroken as refusal:
                errors["file"] = sentence(refusal)
        page = self.render_template(
            "importing/upload.html",
            kinds=[
                {
                    "kind": name,
                    "label": say(label),
                    "text": say(text),
                    "icon": icon,
                    "chosen": name == kind,
                    "template_urls": {} if name == "matrix" else {"csv": url_for(".template", kind=name)},
                }
                for name, (label, text, icon) in KINDS.items()
            ],
            errors=errors,
            max_mb=current_app.config["MAX_CONTENT_LENGTH"] // (1024 * 1024),
            runs=[_shown(run) for run in _earlier(db.session())],
        )
        return page, 422 if errors else 200

    def _take(self, kind: str) -> str:
        """Keep the uploaded file and begin its import; return where it goes on."""
        upload = request.files.get("file")
        if kind not in KINDS:
            raise BadInput("Choose what is in the file.", field="kind")
        if upload is None or not upload.filename:
            raise BadInput("Choose a file.", field="file")
        name, data = upload.filename.replace("\\", "/").rsplit("/", 1)[-1][:200], upload.read()
        with transaction() as session:
            if kind == "matrix":
                return url_for("MatrixImportView.review", number=runs.open_run(session, name, data).id)
            read_table(name, data)
            context = current()
            run = ImportRun(
                kind=kind,
                file_id=files.store(session, data, name).id,
                file_name=files.clean_name(name),
                state="ready",
                started_at=context.now(),
                username=context.username,
                printed_name=context.printed_name,
            )
            session.add(run)
            session.flush()
            return url_for(".check", number=run.id)

    @expose("/template/<string:kind>.csv")
    @permitted("add")
    def template(self, kind: str) -> ResponseReturnValue:
        """The header row of an empty list."""
        if kind not in importing.KINDS:
            raise NotFound("There is no such list.")
        name = f"attachment; filename={kind}.csv"
        return Response(importing.template(kind), mimetype="text/csv", headers={"Content-Disposition": name})

    @expose("/list/<int:number>/")
    @permitted("add")
    def check(self, number: int) -> ResponseReturnValue:
        """The dry run of a list; after the commit, what was imported."""
        run = _find(db.session(), number)
        plan = plan_of(db.session(), run)
        done = run.state == "committed"
        can_sign = run.state == "ready" and not plan.errors and plan.changes and current().may("imports", "commit")
        return self.render_template(
            "importing/dry_run.html",
            run_label=f"{say(KINDS[run.kind][0])}: {run.file_name}",
            file_name=run.file_name,
            sha256=run.file.sha256,
            totals=_totals(plan),
            problems=[
                {"place": one.place, "value": one.value, "text": say(one.phrase), "suggestions": []}
                for one in [*plan.errors, *plan.warnings][:SHOWN]
            ],
            changes=[
                {"kind": one.action, "label": "", "text": one.what, "place": one.place} for one in plan.details[:SHOWN]
            ],
            shown_of="",
            effect=None,
            sign_url=url_for(".sign", number=number) if can_sign else None,
            refused=gettext("Correct the cells named below and upload the file again.") if plan.errors else "",
            cancel_url=url_for(".cancel", number=number) if run.state == "ready" else None,
            committed={"at": run.finished_at, "printed_name": run.printed_name, "reason": run.reason} if done else None,
        )

    @expose("/list/<int:number>/sign", methods=["GET", "POST"])
    @permitted("commit")
    def sign(self, number: int) -> ResponseReturnValue:
        """Sign the import of a list; everything is written in the transaction of the signature."""
        run = _find(db.session(), number)
        if request.method == "GET":
            runs.still_open(run)

        def write(session: Session, signature: Signature, reason: str | None) -> str:
            mine = _find(session, number)
            if runs.to_write(session, mine, signature.id):
                plan = plan_of(session, mine)
                if commit.write(session, plan, reason or "", signature_id=signature.id, run=mine) is None:
                    raise RuleBroken("By now everything in this file is recorded already. Nothing was signed.")
            return url_for(".check", number=number)

        return signing.ask(
            run,
            "commit",
            write,
            title=gettext("Import %(file)s", file=run.file_name),
            action_url=url_for(".sign", number=number),
            cancel_url=url_for(".check", number=number),
            needs_reason=True,
            done=gettext("Signed and imported."),
        )

    @expose("/list/<int:number>/cancel", methods=["POST"])
    @permitted("add")
    def cancel(self, number: int) -> ResponseReturnValue:
        """Give the import of a list up."""
        with transaction() as session:
            runs.give_up(_find(session, number))
        return redirect(url_for(".index"))


def plan_of(session: Session, run: ImportRun) -> Plan:
    """What importing the stored list would do now."""
    table = read_table(run.file_name, runs.file_bytes(run))
    return importing.check(session, run.kind, table, current_app.config["TIME_ZONE"])


def _find(session: Session, number: int) -> ImportRun:
    return runs.find_run(session, number, importing.KINDS)


def _totals(plan: Plan) -> list[dict[str, Any]]:
    return [
        {
            "label": noun,
            "add": n.get("add", 0),
            "change": n.get("change", 0),
            "end": n.get("end", 0) + n.get("withdraw", 0),
            "same": n.get("unchanged", 0),
        }
        for noun, n in plan.counts.items()
    ]


def _earlier(session: Session) -> list[ImportRun]:
    return list(session.scalars(runs.visible_runs().order_by(ImportRun.id.desc()).limit(15)))


def _shown(run: ImportRun) -> dict[str, Any]:
    view = "MatrixImportView" if run.kind == "matrix" else "ImportView"
    step = "review" if run.kind == "matrix" and run.state == "ready" else "check"
    label, _, _ = KINDS.get(run.kind, (run.kind, "", ""))
    return {
        "label": run.file_name,
        "kind_label": say(label),
        "state": run.state,
        "state_label": say(IMPORT_STATES[run.state]),
        "started_at": run.started_at,
        "printed_name": run.printed_name,
        "url": safe_url(f"{view}.{step}", number=run.id),
        "summary": json.loads(run.summary or "{}"),
    }


def register(appbuilder: AppBuilder) -> None:
    """Put the upload page into the menu."""
    appbuilder.add_view(
        ImportView(),
        "import",
        href="ImportView.index",
        icon="upload",
        label=_l("Import"),
        category="Administration",
        category_icon="settings",
        category_label=_l("Administration"),
    )
