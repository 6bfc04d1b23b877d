"""Reports: asked by form, shown in the page, sent as PDF, Excel or CSV (RPT-1, RPT-2, RPT-4)."""

from collections.abc import Iterable, Sequence
from itertools import groupby
from typing import Any

from flask import Response, request, url_for
from flask.typing import ResponseReturnValue
from flask_appbuilder import AppBuilder, BaseView, expose
from flask_babel import gettext
from flask_babel import lazy_gettext as _l
from sqlalchemy import select
from wtforms import DateTimeLocalField, Form, SelectField, StringField

from app.domain.errors import NotFound
from app.domain.text import Phrase
from app.extensions import db
from app.models.base import Record
from app.models.documents import Item
from app.models.organization import UNIT_KINDS, Unit
from app.models.people import Person
from app.reports import catalog, trail, writing
from app.reports.catalog import Entry
from app.reports.compliance import NOUNS, Question
from app.reports.tables import Report
from app.reports.words import STATUSES, framed
from app.safeguards import audit
from app.safeguards.context import current
from app.views import exports
from app.views.arguments import LARGEST_ID, whole_number
from app.views.guard import permitted
from app.views.heatmap import instant
from app.views.look import say
from app.views.transaction import transaction

ORDER = 70
PAGE = 100
CODE_OF = {phrase.template: status for status, phrase in STATUSES.items()}
LABELS = {
    "at": _l("As of"),
    "known_at": _l("As known at"),
    "client": _l("Client"),
    "person": _l("Person"),
    "item": _l("Item"),
    "version": _l("Version"),
    "unit_kind": _l("By"),
}
ARGUMENT = {"at": "as_of", "person": "person_id", "item": "item_id"}
"""Field of the question → name in the address, where they differ."""


class ReportsView(BaseView):
    """The list of reports, and each of them."""

    route_base = "/reports"
    default_view = "index"
    resource = "reports"

    @expose("/")
    @permitted("read")
    def index(self) -> ResponseReturnValue:
        """List the reports there are."""
        groups = [
            {"label": say(label), "reports": [_tile(entry) for entry in entries]}
            for label, entries in groupby(catalog.ENTRIES, key=lambda entry: entry.group)
        ]
        return self.render_template("reports/index.html", title=gettext("Reports"), groups=groups)

    @expose("/<string:name>/")
    @permitted("read")
    def show(self, name: str) -> ResponseReturnValue:
        """Show one report with its filters and downloads."""
        entry = catalog.entry(name)
        asked = {key: value for key, value in request.args.items() if value and key != "page"}
        complete = all(request.args.get(field) or request.args.get(ARGUMENT.get(field, field)) for field in entry.needs)
        report = _framed(entry) if complete else None
        downloads = {form: _download_url(name, form, asked) for form in writing.CONTENT_TYPES}
        return self.render_template(
            "reports/report.html",
            title=say(report.title if report else entry.title),
            lead=say(entry.text),
            filter_form=_form(entry),
            downloads=downloads if report and current().may("compliance", "export") else {},
            empty_text=None if complete else gettext("Choose what is asked for, then press “Show”."),
            **(_shown(report) if report else {"headings": [], "rows": []}),
        )

    @expose("/<string:name>.<string:form>")
    @permitted("export", "compliance")
    def download(self, name: str, form: str) -> Response:
        """Send one report as a file; that it was made is noted on the trail with its digest."""
        return _send(_framed(catalog.entry(name)), form)

    @expose("/trail/<string:table>/<int:pk>.<string:form>")
    @permitted("export", "trail")
    def record_trail(self, table: str, pk: int, form: str) -> Response:
        """Send the audit trail of one record."""
        record = _record_of(table, pk)
        paper = trail.record_trail(db.session(), table, str(pk), str(record))
        return _send(framed(db.session(), paper, exports.company()), form)


def _download_url(name: str, form: str, asked: dict[str, Any]) -> str:
    return url_for(".download", name=name, form=form, **asked)


def _send(report: Report, form: str) -> Response:
    file = writing.write(report, form, translate=gettext)
    with transaction() as session:
        audit.note(
            session,
            "export",
            list="report",
            title=str(report.title),
            form=form,
            digest=file.digest,
            filters=[f"{name}: {value}" for name, value in report.filters],
        )
    return exports.download(file)


def _framed(entry: Entry) -> Report:
    session = db.session()
    return framed(session, entry.build(session, _question(entry)), exports.company())


def _tile(entry: Entry) -> dict[str, Any]:
    return {
        "title": say(entry.title),
        "text": say(entry.text),
        "icon": entry.icon,
        "url": url_for(".show", name=entry.name),
    }


def _question(entry: Entry) -> Question:
    """Read the query string. Raises BadInput for a bad date, NotFound for a record that is not there."""
    units = tuple((kind, code) for kind in catalog.UNITS if kind in entry.asks and (code := request.args.get(kind)))
    kind = request.args.get("unit_kind", "department")
    return Question(
        at=instant("as_of"),
        known_at=instant("known_at"),
        units=units,
        client=request.args.get("client") or None,
        person=_code(Person, Person.employee_no, "person"),
        item=_code(Item, Item.code, "item"),
        version=request.args.get("version") or None,
        unit_kind=kind if kind in NOUNS else "department",
    )


def _code(model: Any, column: Any, name: str) -> str | None:
    """Return the code of the record that the address names by id (``item_id=7``) or by code (``item=SOP-1``)."""
    typed = request.args.get(f"{name}_id", "")
    if not typed:
        return request.args.get(name) or None
    number = whole_number(typed)
    found = db.session.scalar(select(column).where(model.id == number)) if number is not None else None
    if found is None:
        raise NotFound("There is no such record, or it is not within your client scope.")
    return str(found)


def _form(entry: Entry) -> Form:
    """Return the form with the fields that this report can be asked by, filled from the address."""
    fields = {ARGUMENT.get(name, name): _field(name, name in entry.needs) for name in entry.asks}
    form = type("Filters", (Form,), fields)(request.args)
    for name, model in (("person_id", Person), ("item_id", Item)):
        number = whole_number(form[name].data) if name in form else None
        if number is not None:
            record = db.session.scalar(select(model).where(model.id == number))
            form[name].choices = [("", "")] + ([(str(record.id), str(record))] if record else [])
    return form


def _field(name: str, needed: bool) -> Any:
    label = LABELS.get(name) or UNIT_KINDS[name]
    if name in {"at", "known_at"}:
        return DateTimeLocalField(label, format=["%Y-%m-%dT%H:%M", "%Y-%m-%d"])
    if name in {"person", "item"}:
        url = url_for("LookupView.find", model={"person": "people", "item": "items"}[name])
        keywords = {"data-lookup": url} | ({"required": True} if needed else {})
        return SelectField(label, choices=[("", "")], validate_choice=False, render_kw=keywords)
    if name == "version":
        return StringField(label, description=_l("Empty: the version in force"))
    if name == "unit_kind":
        kinds = ("department", "job_function", "site", "client", "equipment", "product_line", "study", "shift")
        return SelectField(label, choices=[(kind, UNIT_KINDS[kind]) for kind in kinds], validate_choice=False)
    units = db.session.scalars(select(Unit).where(Unit.kind == name, Unit.active).order_by(Unit.name))
    return SelectField(label, choices=[("", gettext("All")), *((unit.code, unit.name) for unit in units)])


def _shown(report: Report) -> dict[str, Any]:
    """Return what the page shows: one page of the first table, the counts as tiles, the answer, and who made it."""
    main, *others = report.sections
    pages = max(1, -(-len(main.rows) // PAGE))
    number = min(whole_number(request.args.get("page", "0")) or 0, pages - 1)
    printed = report.rendered(gettext)
    rows = _cells(main.rows[number * PAGE : (number + 1) * PAGE], printed)
    counts = [(say(row[0]), row[1], None) for section in others if len(section.columns) == 2 for row in section.rows]
    return {
        "headings": [say(column.title) for column in main.columns],
        "rows": rows,
        "count": len(main.rows),
        "page": number,
        "pages": pages,
        "summary": [(label, value, icon) for label, value, icon in counts if value is not None],
        "verdict": {"ok": report.answer[0], "text": say(report.answer[1])} if report.answer else None,
        "produced": gettext(
            "Produced %(when)s by %(name)s · SHA-256 %(digest)s…",
            when=printed.text(report.produced_at),
            name=report.produced_by,
            digest=printed.digest[:16],
        ),
    }


def _cells(rows: Sequence[Sequence[Any]], printed: Any) -> list[list[Any]]:
    return [[_cell(value, printed) for value in row] for row in rows]


def _cell(value: Any, printed: Any) -> Any:
    if isinstance(value, Phrase) and value.template in CODE_OF:
        return {"status": CODE_OF[value.template]}
    return printed.text(value)


def _record_of(table: str, pk: int) -> Any:
    """Return the record of a table by its number, within the reader's scope."""
    models: Iterable[Any] = (mapper.class_ for mapper in Record.registry.mappers)
    model = next((one for one in models if one.__tablename__ == table), None)
    record = None
    if model is not None and pk < LARGEST_ID:
        record = db.session.scalar(select(model).where(model.id == pk))
    if record is None:
        raise NotFound("There is no such record, or it is not within your client scope.")
    return record


def register(appbuilder: AppBuilder) -> None:
    """Put the reports into the menu."""
    appbuilder.add_view(
        ReportsView, "Reports", label=_l("Reports"), icon="report", category="Reporting", category_label=_l("Reporting")
    )
