"""The import pages for lists, and the door to all imports: choose a kind, upload, check, sign (IMP-2, IMP-3, UX-5)."""

import json
from pathlib import Path
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
from app.services import importing, shelf
from app.services.importing import commit
from app.services.importing import runs as imports
from app.services.importing.plan import Plan
from app.services.importing.reading import read_table
from app.services.importing.working import Telling, no_telling
from app.views import background, import_signing
from app.views import import_checks as checks
from app.views.arguments import whole_number
from app.views.guard import permitted
from app.views.import_progress import home_of, not_while_reading
from app.views.look import say
from app.views.refusals import sentence

ORDER = 60
SHOWN = 300
LARGE = 500_000
"""Bytes of a list whose dry run may take longer than a page."""

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
        failed = whole_number(request.args.get("failed"))
        if request.method == "GET" and failed is not None:
            run = imports.find_run(db.session(), failed)
            kind, errors["file"] = run.kind, background.unpacked(run.message)
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
        return page, 422 if errors and request.method == "POST" else 200

    def _take(self, kind: str) -> str:
        """Keep the uploaded file and begin its import; return where it goes on."""
        upload = request.files.get("file")
        if kind not in KINDS:
            raise BadInput("Choose what is in the file.", field="kind")
        if upload is None or not upload.filename:
            raise BadInput("Choose a file.", field="file")
        name, data = upload.filename.replace("\\", "/").rsplit("/", 1)[-1][:200], upload.read()
        return home_of(background.take_in(kind, name, data))

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
        if elsewhere := not_while_reading(run):
            return elsewhere
        done = run.state == "committed"
        model = _written(run) if done else checks.checked(run, "check", _model, run.file.size > LARGE, db.session())
        refused, changes = model.get("refused", ""), model.get("writes", 0)
        can_sign = run.state == "ready" and not refused and changes and current().may("imports", "commit")
        return self.render_template(
            "importing/dry_run.html",
            run_label=f"{say(KINDS[run.kind][0])}: {run.file_name}",
            file_name=run.file_name,
            sha256=run.file.sha256,
            totals=model["totals"],
            problems=model.get("problems", []),
            changes=model.get("changes", []),
            shown_of="",
            effect=None,
            compared_at=checks.compared_at(model),
            again_url=url_for("ImportProgressView.again", number=number, to="check"),
            sign_url=url_for(".sign", number=number) if can_sign else None,
            refused=refused,
            cancel_url=url_for("ImportProgressView.cancel", number=number) if run.state == "ready" else None,
            committed={"at": run.finished_at, "printed_name": run.printed_name, "reason": run.reason} if done else None,
        )

    @expose("/list/<int:number>/sign", methods=["GET", "POST"])
    @permitted("commit")
    def sign(self, number: int) -> ResponseReturnValue:
        """Sign the import of a list; everything is written in the transaction of the signature."""

        def write(session: Session, run: ImportRun, signature: Signature, reason: str) -> ImportRun | None:
            return commit.write(session, plan_of(session, run), reason, signature_id=signature.id, run=run)

        here, back = url_for(".sign", number=number), url_for(".check", number=number)
        return import_signing.sign(number, importing.KINDS, write, here=here, back=back)


def plan_of(session: Session, run: ImportRun, telling: Telling = no_telling) -> Plan:
    """What importing the stored list would do now."""
    table = read_table(run.file_name, imports.file_bytes(run), telling=telling)
    telling("comparing", 0, 0)
    return importing.check(session, run.kind, table, current_app.config["TIME_ZONE"])


def _model(session: Session, run: ImportRun, telling: Telling) -> checks.Model:
    """The dry run of a list as its page shows it."""
    plan = plan_of(session, run, telling)
    return {
        "totals": _totals({noun: dict(counts) for noun, counts in plan.counts.items()}),
        "problems": [
            {"place": one.place, "value": str(one.value), "text": str(say(one.phrase)), "suggestions": []}
            for one in [*plan.errors, *plan.warnings][:SHOWN]
        ],
        "changes": [
            {"kind": one.action, "label": "", "text": one.what, "place": one.place} for one in plan.details[:SHOWN]
        ],
        "refused": gettext("Correct the cells named below and upload the file again.") if plan.errors else "",
        "writes": plan.changes,
    }


def _written(run: ImportRun) -> checks.Model:
    """What was imported, as it was counted then."""
    return {"totals": _totals(json.loads(run.summary or "{}"))}


def _find(session: Session, number: int) -> ImportRun:
    return imports.find_run(session, number, importing.KINDS)


def _totals(counts: dict[str, dict[str, int]]) -> list[dict[str, Any]]:
    return [
        {
            "label": noun,
            "add": n.get("add", 0),
            "change": n.get("change", 0),
            "end": n.get("end", 0) + n.get("withdraw", 0),
            "same": n.get("unchanged", 0),
        }
        for noun, n in counts.items()
    ]


def _earlier(session: Session) -> list[ImportRun]:
    return list(session.scalars(imports.visible_runs().order_by(ImportRun.id.desc()).limit(15)))


def _shown(run: ImportRun) -> dict[str, Any]:
    label, _, _ = KINDS.get(run.kind, (run.kind, "", ""))
    return {
        "label": run.file_name,
        "kind_label": say(label),
        "state": run.state,
        "state_label": say(IMPORT_STATES[run.state]),
        "started_at": run.started_at,
        "printed_name": run.printed_name,
        "url": home_of(run),
    }


def register(appbuilder: AppBuilder) -> None:
    """Put the upload page into the menu, and say where what is worked out of large files is kept meanwhile."""
    config = appbuilder.app.config
    key = str(config["SECRET_KEY"]).encode()
    shelf.configure(Path(config["INSTANCE_FOLDER"]) / "import-cache", key, config["IMPORT_CACHE_MB"] * 1_000_000)
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
