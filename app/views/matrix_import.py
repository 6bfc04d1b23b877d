"""The pages of the matrix import: what was understood, names matched, dry run, signature, the matrix written back."""

from datetime import date
from functools import partial
from typing import Any

from flask import current_app, redirect, request, url_for
from flask.typing import ResponseReturnValue
from flask_appbuilder import AppBuilder, BaseView, expose
from flask_babel import gettext
from sqlalchemy.orm import Session

from app.domain.dates import calendar_of
from app.domain.errors import RuleBroken
from app.extensions import db
from app.models.importing import ImportRun
from app.models.signing import Signature
from app.safeguards.context import current
from app.services import matrix_import
from app.services.importing import runs as imports
from app.services.importing.working import Telling
from app.services.matrix_import import copies, effects, runs
from app.services.matrix_import.recognizing import Recognized
from app.views import background, import_signing
from app.views import import_checks as checks
from app.views.downloads import download
from app.views.guard import permitted
from app.views.import_grid import guesses, legend_rows, picture, read_form, verdict_label
from app.views.import_models import decided, groups, model_of, summary_model
from app.views.import_open import as_typed, in_words, open_fields, open_model, read_takings, with_places
from app.views.import_progress import not_while_reading
from app.views.look import say
from app.views.refusals import sentence
from app.views.transaction import transaction

ORDER = 61
KINDS = ("matrix",)
LARGE = 50_000
"""Cells that say something; with more, the dry run may take longer than a page."""


def today() -> date:
    """The day it is for the company."""
    return calendar_of(zone()).day(current().now())


def zone() -> str:
    """The zone of the company's days."""
    return str(current_app.config["TIME_ZONE"])


class MatrixImportView(BaseView):
    """One import of a matrix, step by step. Nothing is written before the signature."""

    route_base = "/import/matrix"
    resource = "imports"
    default_view = "review"

    @expose("/<int:number>/", methods=["GET", "POST"])
    @permitted("add")
    def review(self, number: int) -> ResponseReturnValue:
        """Show a sheet with what was understood laid over it; take corrections by form."""
        run, errors = _find(number), ""
        if elsewhere := not_while_reading(run):
            return elsewhere
        found = recognized(run, "review")
        if request.method == "POST":
            imports.still_open(run)
            try:
                reading = next(sheet for sheet in found.reading.sheets if sheet.name == _chosen(found))
                given = read_form(run, reading, request.form)
                given[reading.name] = read_takings(given[reading.name], request.form, today(), reading.name)
                mapping = runs.checked_mapping(found, given)
            except RuleBroken as refusal:
                errors = sentence(refusal)
            else:
                with transaction():
                    runs.keep_mapping(_find(number), mapping)
                if request.form.get("do") == "next":
                    return redirect(url_for(".match", number=number))
                found = recognized(_find(number), "review")
        return self._review(run, found, errors), 422 if errors else 200

    def _review(self, run: ImportRun, found: Recognized, error: str) -> str:
        name = _chosen(found)
        position = next((i for i, sheet in enumerate(found.reading.sheets) if sheet.name == name), 0)
        reading, grid = found.reading.sheets[position], found.grids[position]
        typed = request.form if error else {}
        return self.render_template(
            "importing/review.html",
            run_label=run.file_name,
            step=2,
            step_urls=_way_back(run),
            sheets=[
                {
                    "name": one.name,
                    "verdict_label": verdict_label(one.verdict),
                    "chosen": one.name == name,
                    "url": url_for(".review", number=run.id, sheet=one.name),
                }
                for one in found.reading.sheets
            ],
            confidence=reading.confidence,
            error=error,
            reasons=[say(reason) for reason in reading.reasons],
            guesses=as_typed(guesses(reading, found.mapping.get(name, {})), typed),
            legend=as_typed(legend_rows(reading), typed),
            takings=as_typed(open_fields(_left_open(run, found), name, found.mapping.get(name, {})), typed),
            grid=picture(grid, reading),
            shown_of=gettext("The first %(rows)s of %(all)s rows", rows=min(grid.height, 60), all=grid.height)
            if grid.height > 60
            else "",
            action_url=url_for(".review", number=run.id, sheet=name),
            next_url=url_for(".match", number=run.id),
        )

    @expose("/<int:number>/match", methods=["GET", "POST"])
    @permitted("add")
    def match(self, number: int) -> ResponseReturnValue:
        """Decide about names that were not found, one by one or in bulk."""
        run = _find(number)
        if elsewhere := not_while_reading(run):
            return elsewhere
        model = _checked(run, "match")
        if request.method == "POST":
            choices = decided(runs.decisions(run), model["names"], request.form)
            with transaction():
                runs.keep_decisions(_find(number), choices)
            again = bool(request.form.get("bulk"))
            return redirect(url_for(".match" if again else ".check", number=number))
        return self.render_template(
            "importing/matching.html",
            run_label=run.file_name,
            step_urls=_way_back(run),
            groups=groups(model["names"], runs.decisions(run)),
            action_url=url_for(".match", number=number),
            open_count=model["open"],
            back_url=url_for(".review", number=number),
        )

    @expose("/<int:number>/check")
    @permitted("add")
    def check(self, number: int) -> ResponseReturnValue:
        """Show the dry run; after the commit, what was imported."""
        run = _find(number)
        if elsewhere := not_while_reading(run):
            return elsewhere
        committed = _committed(run)
        model = summary_model(run) if committed else _checked(run, "check")
        refused = model["refused"]
        can_sign = not refused and not committed and model["writes"] and current().may("imports", "commit")
        return self.render_template(
            "importing/dry_run.html",
            run_label=run.file_name,
            step_urls=_way_back(run),
            file_name=run.file_name,
            sha256=run.file.sha256,
            **{name: model[name] for name in ("totals", "problems", "change_groups", "effect")},
            left_open=with_places(run, model["left_open"]),
            compared_at=checks.compared_at(model),
            again_url=url_for("ImportProgressView.again", number=number, to="check"),
            annotated_url=url_for(".findings", number=number),
            sign_url=url_for(".sign", number=number) if can_sign and run.state == "ready" else None,
            refused=refused,
            cancel_url=url_for("ImportProgressView.cancel", number=number) if run.state == "ready" else None,
            export_url=url_for("MatrixExportView.index") if committed else None,
            committed=committed,
        )

    @expose("/<int:number>/findings.xlsx")
    @permitted("add")
    def findings(self, number: int) -> ResponseReturnValue:
        """A copy of the file with every question as a comment in its cell."""
        run = _find(number)
        if elsewhere := not_while_reading(run):
            return elsewhere
        found = recognized(run, "check")
        result = runs.check(db.session(), run, found, zone())
        more = effects.findings(result)
        copy = copies.findings_copy(found, result.matches, imports.file_bytes(run), more, in_words)
        return download(copy, f"findings-{_stem(run)}")

    @expose("/<int:number>/sign", methods=["GET", "POST"])
    @permitted("commit")
    def sign(self, number: int) -> ResponseReturnValue:
        """Sign the import; the signature and everything imported are written together."""

        def write(session: Session, run: ImportRun, signature: Signature, reason: str) -> ImportRun | None:
            found = runs.recognized(run)
            _, written = matrix_import.commit(
                session,
                found,
                imports.file_bytes(run),
                reason=reason,
                zone=zone(),
                choices=runs.decisions(run),
                signature_id=signature.id,
                run=run,
            )
            if written is not None:
                matrix_import.remember(session, runs.layout_of(run), run.file_name, found.mapping)
            return written

        here, back = url_for(".sign", number=number), url_for(".check", number=number)
        return import_signing.sign(number, KINDS, write, here=here, back=back)


def _find(number: int) -> ImportRun:
    return imports.find_run(db.session(), number, KINDS)


def recognized(run: ImportRun, to: str) -> Recognized:
    """The file of an import as it is understood; of a large one, after the progress page, which leads to ``to``."""
    source, mapping = runs.source_of(run), runs.mapping_of(run)
    found = source.at_hand(mapping)
    if found is not None:
        return found
    worked_out: Recognized = background.need(run, source.task(mapping), to, partial(source.recognized, mapping))
    return worked_out


def _checked(run: ImportRun, to: str) -> checks.Model:
    """The dry run as the pages show it."""
    if (kept := checks.kept_model(run)) is not None:
        return kept
    found = recognized(run, to)

    def build(session: Session, run: ImportRun, telling: Telling) -> checks.Model:
        telling("comparing", 0, 0)
        return model_of(session, found, runs.check(session, run, found, zone()), zone())

    return checks.checked(run, to, build, runs.cells_of(found) > LARGE, db.session())


def _left_open(run: ImportRun, found: Recognized) -> checks.Model:
    """What the sheets leave open."""

    def build(session: Session, run: ImportRun, telling: Telling) -> checks.Model:
        telling("counting", 0, 0)
        return open_model(found)

    return checks.checked(run, "review", build, runs.cells_of(found) > LARGE, db.session(), about="open")


def _way_back(run: ImportRun) -> dict[int, str]:
    """The steps of the import that one can go back to: none once it is finished."""
    if run.state != "ready":
        return {}
    return {2: url_for("MatrixImportView.review", number=run.id), 3: url_for("MatrixImportView.match", number=run.id)}


def _stem(run: ImportRun) -> str:
    return run.file_name.rsplit(".", 1)[0][:80]


def _chosen(found: Recognized) -> str:
    names = [sheet.name for sheet in found.reading.sheets]
    asked = request.args.get("sheet")
    if asked in names:
        return str(asked)
    useful = [sheet.name for sheet in found.reading.sheets if sheet.subjects]
    return (useful or names)[0]


def _committed(run: ImportRun) -> dict[str, Any] | None:
    if run.state != "committed":
        return None
    return {"at": run.finished_at, "printed_name": run.printed_name, "reason": run.reason}


def register(appbuilder: AppBuilder) -> None:
    """Put the pages in place; the menu entry is the upload page."""
    appbuilder.add_view_no_menu(MatrixImportView())
