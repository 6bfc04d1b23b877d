"""Memberships, employments and leaves by form: dated facts of one person, ended and corrected, never edited (ORG-3)."""

from collections.abc import Iterable, Sequence
from typing import Any

from flask import flash, redirect, url_for
from flask.typing import ResponseReturnValue
from flask_appbuilder import AppBuilder, expose
from flask_babel import gettext
from flask_babel import lazy_gettext as _l
from flask_wtf import FlaskForm
from sqlalchemy import Select, select
from wtforms import DateField, TextAreaField
from wtforms.validators import InputRequired, Optional

from app.domain.errors import NotFound, RuleBroken
from app.extensions import db
from app.models.base import FOREVER, Record
from app.models.organization import Unit
from app.models.people import Employment, Leave, Membership, Person
from app.safeguards.context import current
from app.services import people
from app.views.base import Button, RecordView
from app.views.columns import calculated
from app.views.fields import DayBoundField, LookupField, stripped
from app.views.guard import permitted
from app.views.refusals import show_on
from app.views.transaction import transaction

ORDER = 160
WHY = _l("Say why. The trail keeps the reason.")


class EndForm(FlaskForm):
    """The last day of something that holds now."""

    last_day = DateField(_l("Last day"), [InputRequired(_l("Enter the last day."))])
    reason = TextAreaField(_l("Reason"), [InputRequired(WHY)], filters=[stripped])


class MoveForm(FlaskForm):
    """To which unit somebody moves, and from when."""

    unit_id = LookupField(_l("New unit"), [InputRequired(_l("Choose the new unit."))], Unit)
    first_day = DateField(_l("First day there"), [InputRequired(_l("Enter the first day."))])
    reason = TextAreaField(_l("Reason"), [InputRequired(WHY)], filters=[stripped])


def first_day(fact: Any) -> Any:
    """Return the first day in the zone of the person's site."""
    return people.calendar_for(fact.person).day(fact.starts_at)


def last_day(fact: Any) -> Any:
    """Return the last day in the zone of the person's site, or None while it is open."""
    return people.calendar_for(fact.person).last_day(fact.ends_at)


FROM = calculated("first_day", _l("First day"), first_day)
TO = calculated("last_day", _l("Last day"), last_day)


class PersonalFactView(RecordView):
    """What employments, memberships and leaves have in common."""

    resource = "people"
    keeps_files = True
    order = ("-starts_at",)
    edit_columns = ("starts_at", "ends_at")
    filter_columns: Sequence[str] = ("person_id", "starts_at", "ends_at")

    def form_fields(self, record: Any) -> dict[str, Any]:
        """Days are days of the person's home site."""
        zone = people.calendar_for(record.person).zone if record is not None else None
        return {
            "starts_at": DayBoundField(_l("First day"), [InputRequired(_l("Enter the first day."))], zone=zone),
            "ends_at": DayBoundField(
                _l("Last day"), [Optional()], last=True, zone=zone, description=_l("Empty while it goes on.")
            ),
        }

    def days(self, values: dict[str, Any]) -> tuple[Any, Any]:
        """Return the typed days again; the form knew no person, so it took the reader's zone."""
        calendar = people.calendar_of(current().zone)
        return calendar.day(values["starts_at"]), calendar.last_day(values["ends_at"])

    def change(self, session: Any, record: Any, values: dict[str, Any], reason: str) -> Record:
        """Correct the days; what was known before stays readable."""
        if values["ends_at"] <= values["starts_at"]:
            raise RuleBroken("The last day lies before the first.", field="ends_at")
        changed = {name: value for name, value in values.items() if getattr(record, name) != value}
        return people.restate(session, record, reason, **changed) if changed else record

    def withdraw(self, session: Any, record: Any, reason: str) -> None:
        """Withdraw and reconcile."""
        people.withdraw(session, record, reason)

    def after_save(self, record: Any) -> str:
        """Back to the person."""
        return url_for("PersonView.show", pk=record.person_id)

    def after_withdrawal(self, record: Any) -> str:
        """Back to the person."""
        return url_for("PersonView.show", pk=record.person_id)

    def buttons(self, record: Any) -> Iterable[Button]:
        """The person, and the end of what goes on."""
        yield Button(str(record.person), url_for("PersonView.show", pk=record.person_id), "user")
        if current().may("people", "edit") and record.ends_at >= FOREVER:
            yield Button(_l("End"), url_for(f"{self.endpoint}.end", pk=record.id), "calendar-x")

    @expose("/end/<int:pk>", methods=["GET", "POST"])
    @permitted("edit")
    def end(self, pk: int) -> ResponseReturnValue:
        """End what goes on with a last day."""
        fact = self.record(pk)
        form = EndForm()
        if form.validate_on_submit():
            try:
                with transaction(form.reason.data) as session:
                    people.end(session, fact, form.last_day.data, form.reason.data or "")
                flash(gettext("Saved."), "success")
                return redirect(url_for("PersonView.show", pk=fact.person_id))
            except RuleBroken as refusal:
                show_on(form, refusal)
        title = gettext("End: %(record)s", record=str(fact))
        return self._form_page("records/form.html", title, form, cancel=self.url_of(fact))


class MembershipView(PersonalFactView):
    """Where people belong, from when to when."""

    model = Membership
    route_base = "/people/memberships"
    title = _l("Memberships")
    title_one = _l("Membership")
    icon = "user-plus"
    list_columns = ("person_id", "unit_id", FROM, TO)
    show_columns = ("person_id", "unit_id", FROM, TO, "recorded_at")
    filter_columns = ("person_id", "unit_id", "starts_at", "ends_at")
    add_columns = ("person_id", "unit_id", "starts_at", "ends_at")

    def base_query(self) -> Select[Any]:
        """A membership is seen with its unit: one in another client's unit is not."""
        return super().base_query().join(Membership.unit)

    def create(self, session: Any, values: dict[str, Any]) -> Record:
        """Let somebody belong to a unit."""
        first, last = self.days(values)
        return people.join(session, _person(values), _unit(values["unit_id"]), first, last)

    def buttons(self, record: Any) -> Iterable[Button]:
        """Moving ends one membership and begins another."""
        yield from super().buttons(record)
        if current().may("people", "edit") and record.ends_at >= FOREVER:
            yield Button(_l("Move"), url_for("MembershipView.move", pk=record.id), "arrows-exchange")

    @expose("/move/<int:pk>", methods=["GET", "POST"])
    @permitted("edit")
    def move(self, pk: int) -> ResponseReturnValue:
        """Move somebody to another unit of the same kind."""
        membership = self.record(pk)
        form = MoveForm()
        form.unit_id.unit_kind = membership.unit.kind
        if form.validate_on_submit():
            try:
                with transaction(form.reason.data) as session:
                    unit = _unit(form.unit_id.data)
                    people.move(session, membership, unit, form.first_day.data, form.reason.data or "")
                flash(gettext("Saved."), "success")
                return redirect(url_for("PersonView.show", pk=membership.person_id))
            except RuleBroken as refusal:
                show_on(form, refusal)
        title = gettext("Move: %(record)s", record=str(membership.person))
        return self._form_page("records/form.html", title, form, cancel=self.url_of(membership))


class EmploymentView(PersonalFactView):
    """When people were employed."""

    model = Employment
    route_base = "/people/employments"
    title = _l("Employments")
    title_one = _l("Employment")
    icon = "briefcase"
    list_columns = ("person_id", FROM, TO)
    show_columns = ("person_id", FROM, TO, "recorded_at")
    add_columns = ("person_id", "starts_at", "ends_at")

    def create(self, session: Any, values: dict[str, Any]) -> Record:
        """Employ somebody."""
        first, last = self.days(values)
        return people.employ(session, _person(values), first, last)


class LeaveView(PersonalFactView):
    """When people were away; due dates pause meanwhile (ORG-4)."""

    model = Leave
    route_base = "/people/leaves"
    title = _l("Leaves")
    title_one = _l("Leave")
    icon = "beach"
    list_columns = ("person_id", "kind", FROM, TO)
    show_columns = ("person_id", "kind", FROM, TO, "recorded_at")
    filter_columns = ("person_id", "kind", "starts_at", "ends_at")
    add_columns = ("person_id", "kind", "starts_at", "ends_at")

    def create(self, session: Any, values: dict[str, Any]) -> Record:
        """Record a leave."""
        first, last = self.days(values)
        return people.go_on_leave(session, _person(values), values["kind"], first, last)


def _person(values: dict[str, Any]) -> Person:
    person = db.session.get(Person, values["person_id"])
    if person is None:
        raise NotFound("There is no such person.", field="person_id")
    return person


def _unit(number: Any) -> Unit:
    found = db.session.scalar(select(Unit).where(Unit.id == number))
    if found is None:
        raise NotFound("There is no such unit.", field="unit_id")
    return found


def register(appbuilder: AppBuilder) -> None:
    """Register the lists."""
    for view in (MembershipView, EmploymentView, LeaveView):
        appbuilder.add_view(view(), view.__name__, icon=view.icon, label=view.title, category="People")
