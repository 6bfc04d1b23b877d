"""The pages of the matrix import: what was understood, names matched, dry run, signature, the matrix written back."""

from collections import Counter
from datetime import date
from typing import Any

from flask import current_app, redirect, request, url_for
from flask.typing import ResponseReturnValue
from flask_appbuilder import AppBuilder, BaseView, expose
from flask_babel import gettext, ngettext
from sqlalchemy.orm import Session

from app.domain.dates import calendar_of
from app.domain.errors import RuleBroken
from app.domain.text import Phrase
from app.extensions import db
from app.models.importing import ImportRun
from app.models.signing import Signature
from app.safeguards.context import current
from app.services import matrix_import
from app.services.matrix_import import copies, effects, runs
from app.services.matrix_import.commit import DryRun
from app.services.matrix_import.recognizing import Recognized
from app.services.matrix_import.rehearsal import Effect
from app.views import signing
from app.views.downloads import download
from app.views.guard import permitted
from app.views.import_grid import guesses, legend_rows, picture, read_form, verdict_label
from app.views.import_open import left_open, open_fields, problems, read_takings, shown_effect, translated
from app.views.look import safe_url, say
from app.views.refusals import sentence
from app.views.transaction import transaction

ORDER = 61
SHOWN = 300
"""Changes and problems listed on a page; the Excel copy holds all problems."""
ALWAYS = 3
"""The first kinds are shown in the totals even when nothing happens to them."""


def zone() -> str:
    """The zone of the company's days."""
    return str(current_app.config["TIME_ZONE"])


def today() -> date:
    """The day it is for the company."""
    return calendar_of(zone()).day(current().now())


class MatrixImportView(BaseView):
    """One import of a matrix, step by step. Nothing is written before the signature."""

    route_base = "/import/matrix"
    resource = "imports"
    default_view = "review"

    @expose("/<int:number>/", methods=["GET", "POST"])
    @permitted("add")
    def review(self, number: int) -> ResponseReturnValue:
        """Show a sheet with what was understood laid over it; take corrections by form."""
        run = runs.find_run(db.session(), number)
        found, errors = runs.recognized(run), ""
        if request.method == "POST":
            runs.still_open(run)
            try:
                reading = next(sheet for sheet in found.reading.sheets if sheet.name == _chosen(found))
                mapping = read_form(run, reading, request.form)
                mapping[reading.name] = read_takings(mapping[reading.name], request.form, today())
                found = runs.recognized(run, mapping)
            except RuleBroken as refusal:
                errors = sentence(refusal)
            else:
                with transaction():
                    runs.keep_mapping(runs.find_run(db.session(), number), found.mapping)
                if request.form.get("do") == "next":
                    return redirect(url_for(".match", number=number))
        return self._review(run, found, errors), 422 if errors else 200

    def _review(self, run: ImportRun, found: Recognized, error: str) -> str:
        name = _chosen(found)
        position = next((i for i, sheet in enumerate(found.reading.sheets) if sheet.name == name), 0)
        reading, grid = found.reading.sheets[position], found.grids[position]
        reasons = [error] if error else []
        return self.render_template(
            "importing/review.html",
            run_label=run.file_name,
            step=2,
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
            reasons=reasons + reading.reasons,
            guesses=guesses(reading, found.mapping.get(name, {})),
            legend=legend_rows(reading),
            takings=open_fields(found, reading),
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
        run = runs.find_run(db.session(), number)
        _, result = runs.check(db.session(), run, zone())
        if request.method == "POST":
            choices = _decided(runs.decisions(run), result)
            with transaction():
                runs.keep_decisions(runs.find_run(db.session(), number), choices)
            again = bool(request.form.get("bulk"))
            return redirect(url_for(".match" if again else ".check", number=number))
        return self.render_template(
            "importing/matching.html",
            run_label=run.file_name,
            groups=_groups(result, runs.decisions(run)),
            action_url=url_for(".match", number=number),
            open_count=result.open,
            back_url=url_for(".review", number=number),
        )

    @expose("/<int:number>/check")
    @permitted("add")
    def check(self, number: int) -> ResponseReturnValue:
        """Show the dry run; after the commit, what was imported."""
        session = db.session()
        run = runs.find_run(session, number)
        found, result = runs.check(session, run, zone())
        committed = _committed(session, run)
        effect = None if committed or result.open else effects.effect_of(session, found, result, zone())
        refused = _refused(result, effect)
        can_sign = not refused and not committed and result.changes.rows and current().may("imports", "commit")
        return self.render_template(
            "importing/dry_run.html",
            run_label=run.file_name,
            file_name=run.file_name,
            sha256=run.file.sha256,
            totals=_totals(result),
            problems=problems(found, result)[:SHOWN],
            changes=_changes(result),
            shown_of=_shown_of(len(result.changes.rows)),
            effect=shown_effect(result, effect),
            left_open=left_open(run, result),
            annotated_url=url_for(".findings", number=number),
            sign_url=url_for(".sign", number=number) if can_sign and run.state == "ready" else None,
            refused=refused,
            cancel_url=url_for(".cancel", number=number) if run.state == "ready" else None,
            export_url=url_for("MatrixExportView.index") if committed else None,
            committed=committed,
        )

    @expose("/<int:number>/findings.xlsx")
    @permitted("add")
    def findings(self, number: int) -> ResponseReturnValue:
        """A copy of the file with every question as a comment in its cell."""
        run = runs.find_run(db.session(), number)
        found, result = runs.check(db.session(), run, zone())
        more = translated(effects.findings(result))
        copy = copies.findings_copy(found, result.matches, runs.file_bytes(run), more)
        return download(copy, f"findings-{_stem(run)}")

    @expose("/<int:number>/sign", methods=["GET", "POST"])
    @permitted("commit")
    def sign(self, number: int) -> ResponseReturnValue:
        """Sign the import; the signature and everything imported are written together."""
        run = runs.find_run(db.session(), number)
        if request.method == "GET":
            runs.still_open(run)

        def write(session: Session, signature: Signature, reason: str | None) -> str:
            mine = runs.find_run(session, number)
            if not runs.to_write(session, mine, signature.id):
                return url_for(".check", number=number)
            found = runs.recognized(mine)
            _, written = matrix_import.commit(
                session,
                found,
                runs.file_bytes(mine),
                reason=reason or "",
                zone=zone(),
                choices=runs.decisions(mine),
                signature_id=signature.id,
                run=mine,
            )
            if written is None:
                raise RuleBroken("By now everything in this file is recorded already. Nothing was signed.")
            matrix_import.remember(session, runs.layout_of(found), mine.file_name, found.mapping)
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

    @expose("/<int:number>/cancel", methods=["POST"])
    @permitted("add")
    def cancel(self, number: int) -> ResponseReturnValue:
        """Give the import up."""
        with transaction() as session:
            runs.give_up(runs.find_run(session, number))
        return redirect(safe_url("ImportView.index") or "/")


def _refused(result: DryRun, effect: Effect | None) -> str:
    """Why the import cannot be signed as it stands; empty when it can."""
    if result.open:
        return ngettext("One name still needs your decision.", "%(num)s names still need your decision.", result.open)
    if effect is not None and effect.refusal is not None:
        return say(Phrase("It cannot be imported as it is. %(problem)s", problem=effect.refusal))
    return ""


def _stem(run: ImportRun) -> str:
    return run.file_name.rsplit(".", 1)[0][:80]


def _chosen(found: Recognized) -> str:
    names = [sheet.name for sheet in found.reading.sheets]
    asked = request.args.get("sheet")
    if asked in names:
        return str(asked)
    useful = [sheet.name for sheet in found.reading.sheets if sheet.subjects]
    return (useful or names)[0]


def _groups(result: DryRun, chosen: dict[str, str]) -> list[dict[str, Any]]:
    labels = {
        "people": gettext("People"),
        "functions": gettext("Job functions"),
        "departments": gettext("Departments"),
        "items": gettext("Courses and documents"),
    }
    groups: dict[str, list[dict[str, Any]]] = {}
    for kind, key, match in result.matches.all():
        if match.how in ("exact", "normalized") and f"{kind}:{key}" not in chosen:
            continue
        choice = chosen.get(f"{kind}:{key}") or ("create" if match.how == "new" else "")
        groups.setdefault(kind, []).append(
            {
                "key": key,
                "text": match.named.name,
                "place": match.named.place,
                "count": match.named.count,
                "choice": choice,
                "suggestions": match.suggestions,
                "certain": not match.open,
            }
        )
    return [
        {"kind": kind, "label": labels[kind], "rows": sorted(rows, key=lambda row: bool(row["choice"]))[:SHOWN]}
        for kind, rows in groups.items()
    ]


def _decided(choices: dict[str, str], result: DryRun) -> dict[str, str]:
    """Decisions of the form laid over those there are; a bulk button decides for all open ones of its kind."""
    known = {f"{kind}:{key}": match for kind, key, match in result.matches.all()}
    for field, value in request.form.items():
        name = field.removeprefix("match:")
        if field.startswith("match:") and name in known:
            if value:
                choices[name] = value
            else:
                choices.pop(name, None)
    what, _, kind = request.form.get("bulk", "").partition(":")
    for name, match in known.items():
        if not name.startswith(f"{kind}:") or not what or name in choices or not match.open:
            continue
        if what == "best" and match.how == "like":
            choices[name] = match.suggestions[0][0]
        elif what in ("create", "ignore"):
            choices[name] = what
    return choices


def _totals(result: DryRun) -> list[dict[str, Any]]:
    counts, same = result.changes.counts(), result.changes.same
    units = Counter(change.line["kind"] for change in result.changes.of("units"))
    rows = [
        (gettext("Requirements"), counts["requirements"], same["requirements"]),
        (gettext("Training records"), counts["completions"], same["completions"]),
        (gettext("People"), counts["people"], 0),
        (gettext("Memberships"), counts["memberships"], same["memberships"]),
        (gettext("Training orders"), counts["orders"], same["orders"]),
        (gettext("Job functions"), {"add": units["job_function"]}, 0),
        (gettext("Departments"), {"add": units["department"]}, 0),
        (gettext("Courses and documents"), counts["items"], 0),
    ]
    return [
        {"label": label, **numbers, "same": unchanged}
        for place, (label, numbers, unchanged) in enumerate(rows)
        if place < ALWAYS or unchanged or any(numbers.values())
    ]


def _changes(result: DryRun) -> list[dict[str, Any]]:
    labels = {
        "units": gettext("Unit"),
        "people": gettext("Person"),
        "memberships": gettext("Membership"),
        "orders": gettext("Training order"),
        "documents": gettext("Course or document"),
        "requirements": gettext("Requirement"),
        "completions": gettext("Training record"),
    }
    return [
        {"kind": row.action, "label": labels[row.kind], "text": row.what, "place": row.place}
        for row in result.changes.rows[:SHOWN]
    ]


def _shown_of(number: int) -> str:
    return gettext("The first %(shown)s of %(all)s", shown=SHOWN, all=number) if number > SHOWN else ""


def _committed(session: Session, run: ImportRun) -> dict[str, Any] | None:
    if run.state != "committed":
        return None
    return {"at": run.finished_at, "printed_name": run.printed_name, "reason": run.reason}


def register(appbuilder: AppBuilder) -> None:
    """Put the pages in place; the menu entry is the upload page."""
    appbuilder.add_view_no_menu(MatrixImportView())
