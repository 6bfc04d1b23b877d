"""People: the list, the page of one person with the training record, and the catch-up list after leave (ORG-2 to 4)."""

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from flask import g, request, url_for
from flask.typing import ResponseReturnValue
from flask_appbuilder import AppBuilder, BaseView, expose
from flask_babel import gettext
from flask_babel import lazy_gettext as _l
from sqlalchemy import Select, func, select
from wtforms import DateField
from wtforms.validators import Optional

from app.domain import compliance as rule
from app.extensions import db
from app.models.base import FOREVER, Record
from app.models.matrix import COMPLETION_METHODS, RESULTS, Assignment, Completion
from app.models.organization import UNIT_KINDS, Unit
from app.models.people import Membership, Person
from app.reports import compliance as paper
from app.reports import writing
from app.safeguards import audit
from app.safeguards.context import current
from app.services import compliance, people
from app.views.arguments import whole_number
from app.views.base import RecordView
from app.views.columns import Column, calculated
from app.views.exports import download, produced
from app.views.fields import as_day
from app.views.guard import permitted
from app.views.look import safe_url
from app.views.transaction import transaction

ORDER = 150
WORST_FIRST = ("overdue", "expired", "due_soon", "assigned", "on_leave", "qualified", "exempt", "not_required")
CATCH_UP = timedelta(days=30)
NEWEST = 200


def functions_of(person: Person) -> str:
    """Return the job functions that a listed person holds now; ``prepare`` has fetched them."""
    return ", ".join(g.get("functions", {}).get(person.id, ()))


class PersonView(RecordView):
    """Everybody who is trained or supervises, with or without a login."""

    model = Person
    resource = "people"
    route_base = "/people"
    icon = "users"
    title = _l("People")
    title_one = _l("Person")
    list_columns = (
        "name",
        "employee_no",
        calculated("functions", _l("Job functions"), functions_of),
        "site_id",
        "supervisor_id",
        "email",
    )
    show_columns = ("employee_no", "name", "email", "site_id", "supervisor_id", "languages")
    search_columns = ("name", "employee_no", "email")
    filter_columns = ("site_id", "supervisor_id")
    add_columns = ("employee_no", "name", "email", "site_id", "supervisor_id", "languages")
    order = ("name",)
    show_template = "people/person.html"

    def filters(self) -> list[Column]:
        """Site, supervisor, and any unit that people belong to."""
        unit = Column("unit", _l("Belongs to"), kind="reference", target=Unit, attribute=None)
        return [*super().filters(), unit]

    def selected(self, ask: Any) -> Select[Any]:
        """Narrow to the members of a unit where one is chosen."""
        chosen = [
            number for name, _, value in ask.filters if name == "unit" and (number := whole_number(value)) is not None
        ]
        rest = tuple(one for one in ask.filters if one[0] != "unit")
        query = super().selected(type(ask)(ask.text, ask.sort, ask.down, ask.page, ask.size, rest))
        if any(one[0] == "unit" for one in ask.filters):
            now = current().now()
            query = query.where(
                Person.id.in_(
                    select(Membership.person_id).where(
                        Membership.unit_id.in_(chosen),
                        Membership.voided_at == FOREVER,
                        Membership.starts_at <= now,
                        Membership.ends_at > now,
                    )
                )
            )
        return query

    def prepare(self, records: Sequence[Any]) -> None:
        """Fetch the job functions of the listed people in one statement."""
        now = current().now()
        rows = db.session.execute(
            select(Membership.person_id, Unit.name)
            .join(Unit, Unit.id == Membership.unit_id)
            .where(
                Membership.person_id.in_([one.id for one in records]),
                Membership.voided_at == FOREVER,
                Membership.starts_at <= now,
                Membership.ends_at > now,
                Unit.kind == "job_function",
            )
            .order_by(Unit.name)
        )
        g.functions = {}
        for person, name in rows:
            g.functions.setdefault(person, []).append(name)

    # --- forms -------------------------------------------------------------------------------------------------------

    def more_fields(self, record: Any) -> dict[str, Any]:
        """A new person is asked for the day of hire."""
        if record is not None:
            return {}
        return {"hired_on": DateField(_l("Hired on"), [Optional()], description=_l("First day of employment."))}

    def create(self, session: Any, values: dict[str, Any]) -> Record:
        """Add the person and the employment."""
        day = as_day(request.form.get("hired_on", ""))
        return people.add_person(session, values, day)

    def change(self, session: Any, record: Any, values: dict[str, Any], reason: str) -> Record:
        """Change what is no fact over time."""
        people.change_person(session, record, values)
        return record

    # --- page --------------------------------------------------------------------------------------------------------

    def show_extra(self, record: Any) -> dict[str, Any]:
        """Return what the page of a person shows beside the common parts."""
        session, now = db.session(), current().now()
        at = moment_asked(record, now)
        standing = people.standing(session, record.id, at)
        page: dict[str, Any] = {
            "name": record.name,
            "employee_no": record.employee_no,
            "status_line": {"on_leave": standing.on_leave, "left": not standing.employed},
            "memberships": list(_memberships(record, at)),
            "as_of": request.args.get("as_of", "") if as_day(request.args.get("as_of")) else "",
            "actions": list(_actions(record)),
        }
        if current().may("training", "read"):
            page |= {"completions": _completions(record)}
        if current().may("compliance", "read"):
            rows = compliance.evaluate(session, at=at, people=[record.id])
            page |= {"obligations": _obligations(rows), "numbers": _numbers(rows), "downloads": _downloads(record)}
        return page

    @expose("/record/<int:pk>/<string:form>")
    @permitted("export", "compliance")
    def training_record(self, pk: int, form: str) -> ResponseReturnValue:
        """Send the training record of a person as PDF, Excel or CSV (RPT-1)."""
        person = self.record(pk if current().may("people", "read") else 0)
        question = paper.Question(
            at=moment_asked(person, current().now()), person=person.employee_no, not_required=True
        )
        session = db.session()
        report = produced(paper.report(paper.ask(session, question), question))
        file = writing.write(report, form, translate=gettext)
        with transaction() as session:
            audit.note(session, "export", person, report="training record", form=form, digest=file.digest)
        return download(file)


def moment_asked(person: Person, now: datetime) -> datetime:
    """Return the end of the day that is asked about, in the zone of the person's site; now when none is."""
    day = as_day(request.args.get("as_of"))
    if day is None or not 1900 < day.year < 9000:
        return now
    return min(people.calendar_for(person).through(day) - timedelta(microseconds=1), FOREVER - timedelta(days=1))


def _obligations(rows: Sequence[compliance.Row]) -> list[dict[str, Any]]:
    order = {status: place for place, status in enumerate(WORST_FIRST)}
    ranked = sorted(rows, key=lambda row: (order.get(row.status, 9), row.item))
    as_of: dict[str, Any] = {"as_of": request.args["as_of"]} if as_day(request.args.get("as_of")) else {}
    return [
        {
            "code": row.item,
            "title": row.title,
            "item_url": safe_url("ItemView.show", pk=row.item_id),
            "status": row.status,
            "version": row.required_version,
            "due_on": row.due_on,
            "completed_on": row.completed_on,
            "explain_url": safe_url("HeatmapView.explain", person=row.person_id, item=row.item_id, **as_of),
        }
        for row in ranked
    ]


def _numbers(rows: Sequence[compliance.Row]) -> dict[str, int]:
    numbers = dict.fromkeys(rule.STATUSES, 0)
    for row in rows:
        numbers[row.status] += 1
    return numbers | {"total": len(rows)}


def _downloads(person: Person) -> dict[str, str]:
    if not current().may("compliance", "export"):
        return {}
    as_of: dict[str, Any] = {"as_of": request.args["as_of"]} if as_day(request.args.get("as_of")) else {}
    return {
        form: url_for("PersonView.training_record", pk=person.id, form=form, **as_of) for form in ("pdf", "xlsx", "csv")
    }


def _memberships(person: Person, at: datetime) -> Iterable[dict[str, Any]]:
    calendar = people.calendar_for(person)
    for one in people.memberships_of(db.session(), person.id):
        yield {
            "unit": str(one.unit),
            "kind_label": UNIT_KINDS[one.unit.kind],
            "starts_at": calendar.day(one.starts_at),
            "ends_at": calendar.last_day(one.ends_at),
            "current": one.starts_at <= at < one.ends_at,
            "url": url_for("MembershipView.show", pk=one.id),
        }


def _completions(person: Person) -> list[dict[str, Any]]:
    query = (
        select(Completion)
        .where(Completion.person_id == person.id, Completion.voided_at == FOREVER)
        .order_by(Completion.completed_at.desc(), Completion.id.desc())
        .limit(NEWEST)
    )
    zone = ZoneInfo(people.calendar_for(person).zone)
    return [
        {
            "code": one.item.code,
            "title": one.item.title,
            "version": one.version.label,
            "completed_on": one.completed_at.astimezone(zone).date(),
            "method_label": COMPLETION_METHODS.get(one.method, one.method),
            "result_label": RESULTS.get(one.result, one.result),
            "evaluator": str(one.evaluator) if one.evaluator else None,
        }
        for one in db.session.scalars(query)
    ]


def _actions(person: Person) -> Iterable[dict[str, Any]]:
    wanted = (
        ("MembershipView.add", ("people", "edit"), gettext("Add membership"), "user-plus"),
        ("LeaveView.add", ("people", "edit"), gettext("Add leave"), "beach"),
        ("EmploymentView.add", ("people", "edit"), gettext("Add employment"), "briefcase"),
        ("OrderView.add", ("orders", "add"), gettext("Order training"), "flag"),
    )
    for endpoint, permission, label, icon in wanted:
        url = safe_url(endpoint, person_id=person.id) if current().may(*permission) else None
        if url:
            yield {"label": label, "url": url, "icon": icon, "primary": False}


class CatchUpView(BaseView):
    """Who came back from leave, or soon will, and what has piled up for each (ORG-4)."""

    route_base = "/people/catch-up"
    resource = "people"
    default_view = "show"

    @expose("/")
    @permitted("read")
    def show(self) -> ResponseReturnValue:
        """Show the list."""
        session, now = db.session(), current().now()
        leaves = people.returned(session, now - CATCH_UP, now)
        ids = [leave.person_id for leave in leaves]
        open_ones = (
            select(Assignment.person_id, func.count())
            .where(Assignment.person_id.in_(ids), Assignment.state == "open")
            .group_by(Assignment.person_id)
        )
        waiting = {person: number for person, number in session.execute(open_ones)}
        rows = [
            {
                "name": str(leave.person),
                "url": url_for("PersonView.show", pk=leave.person_id),
                "back_on": people.calendar_for(leave.person).day(min(leave.ends_at, datetime(9000, 1, 1, tzinfo=UTC))),
                "is_back": leave.ends_at <= now,
                "waiting": waiting.get(leave.person_id, 0),
            }
            for leave in leaves
        ]
        return self.render_template("people/catch_up.html", title=gettext("Back from leave"), rows=rows)


def register(appbuilder: AppBuilder) -> None:
    """Register the pages of people."""
    group = {"category": "People", "category_icon": "users", "category_label": _l("People")}
    appbuilder.add_view(PersonView(), "people", icon="users", label=_l("People"), **group)
    appbuilder.add_view(CatchUpView(), "catch up", icon="beach", label=_l("Back from leave"), **group)
