"""Forms of a kind of record: new, change, withdraw. One transaction; what was typed survives every refusal.

Flask-AppBuilder commits before its last hook and drops the input when a hook says no; so its ``_add`` and ``_edit``
are not used.
"""

from typing import Any, cast

from flask import flash, redirect, request
from flask.typing import ResponseReturnValue
from flask_appbuilder import expose
from flask_babel import gettext
from flask_babel import lazy_gettext as _l
from flask_wtf import FlaskForm
from sqlalchemy.orm.attributes import flag_modified
from wtforms import TextAreaField
from wtforms.validators import InputRequired

from app.domain.errors import NotFound, RuleBroken, Stale
from app.extensions import db
from app.models.base import Fact, Record
from app.services import configuration, facts
from app.views import history
from app.views.columns import columns
from app.views.fields import stripped, value_of
from app.views.forms import VERSION, RecordForm, check_unique, form_for
from app.views.guard import permitted
from app.views.record_core import Columns, RecordCore
from app.views.refusals import show_on
from app.views.transaction import transaction


class WithdrawForm(FlaskForm):
    """Why a fact is withdrawn."""

    reason = TextAreaField(_l("Reason"), [InputRequired(_l("Say why this is withdrawn."))], filters=[stripped])


class FormPages(RecordCore):
    """Adds, changes and withdraws records by form."""

    # --- what derived views say otherwise ----------------------------------------------------------------------------

    def given(self) -> dict[str, Any]:
        """Return what a new record's form starts with; by default what the address names, such as ``?person_id=7``."""
        return {name: value for name, value in request.args.items() if name in self.add_columns}

    def form_fields(self, record: Any) -> dict[str, Any]:
        """Return form fields, by column name, that differ from what the columns alone would give.

        ``record`` is None for a new one.
        """
        return {}

    def more_fields(self, record: Any) -> dict[str, Any]:
        """Return form fields that belong to no column; ``create`` and ``change`` read them from the request."""
        return {}

    def tune(self, form: RecordForm) -> None:
        """Fill in choices, or whatever else only this request knows, before the form is checked or shown."""

    def fixed_values(self) -> dict[str, Any]:
        """Return what every new record of this view holds without being asked."""
        return {}

    def create(self, session: Any, values: dict[str, Any]) -> Record:
        """Make the record; derived views call their service instead. Raises RuleBroken."""
        record = self.model(**values)
        session.add(record)
        session.flush()
        return record

    def change(self, session: Any, record: Any, values: dict[str, Any], reason: str) -> Record:
        """Change the record; a fact is withdrawn and restated. Returns the record that holds now."""
        changed = {name: value for name, value in values.items() if getattr(record, name) != value}
        if isinstance(record, Fact):
            return cast(Record, facts.restate(session, record, reason, **changed) if changed else record)
        for name, value in changed.items():
            setattr(record, name, value)
        session.flush()
        return record

    def after_save(self, record: Any) -> str:
        """Return the address to go to after a form was saved."""
        return self.url_of(record)

    # --- new ---------------------------------------------------------------------------------------------------------

    @expose("/add", methods=["GET", "POST"])
    @permitted("add")
    def add(self) -> ResponseReturnValue:
        """Show the form for a new record, and make the record."""
        shown = columns(self.model, self.add_columns)
        form = self._form(shown, None)
        if form.validate_on_submit():
            record = self._made(form)
            if record is not None:
                flash(gettext("Saved: %(record)s", record=str(record)), "success")
                return redirect(self.after_save(record))
        title = gettext("Add: %(kind)s", kind=str(self.title_one or self.title))
        return self._form_page(self.add_template, title, form, cancel=self.list_url())

    def _form(self, shown: Columns, record: Any) -> RecordForm:
        custom = self.custom(with_choices=True)
        ask = self.asks_reason and record is not None
        form = form_for(
            shown,
            custom,
            record,
            self.given(),
            ask_reason=ask,
            other=self.form_fields(record),
            more=self.more_fields(record),
        )
        self.tune(form)
        return form

    def _made(self, form: RecordForm) -> Any:
        values = form.values() | self.fixed_values()
        if not check_unique(form, self.model, values, None):
            return None
        try:
            with transaction() as session:
                record = self.create(session, values)
                configuration.save_values(session, record.id, form.custom_values())
            return record
        except RuleBroken as refusal:
            show_on(form, refusal)
            return None

    # --- change ------------------------------------------------------------------------------------------------------

    @expose("/edit/<int:pk>", methods=["GET", "POST"])
    @permitted("edit")
    def edit(self, pk: int) -> ResponseReturnValue:
        """Show the form of a record, and change the record unless somebody else did meanwhile."""
        record = self.record(pk)
        if why := self.why_fixed(record):
            flash(why, "warning")
            return redirect(self.url_of(record))
        shown = columns(self.model, self.edit_columns)
        form = self._form(shown, record)
        title = gettext("Edit: %(record)s", record=str(record))
        cancel = self.url_of(record)
        if request.method == "POST" and form.opened_version != record.row_version:
            return self._conflict(form, record, title, cancel)
        if form.validate_on_submit():
            try:
                saved = self._changed(form, record)
            except Stale:
                return self._conflict(form, self.record(pk), title, cancel)
            if saved is not None:
                flash(gettext("Saved: %(record)s", record=str(saved)), "success")
                return redirect(self.after_save(saved))
        return self._form_page(self.edit_template, title, form, cancel=cancel)

    def _changed(self, form: RecordForm, record: Any) -> Any:
        values = form.values()
        if not check_unique(form, self.model, values, record):
            return None
        try:
            with transaction(form.reason) as session:
                saved = self.change(session, record, values, form.reason or "")
                if configuration.save_values(session, saved.id, form.custom_values()) and saved is record:
                    # The added fields belong to the record: whoever opened its form before now holds a stale one.
                    flag_modified(record, "id")
            return saved
        except Stale:
            raise
        except RuleBroken as refusal:
            show_on(form, refusal)
            return None

    def _conflict(self, form: RecordForm, record: Any, title: str, cancel: str) -> ResponseReturnValue:
        """Show what was typed beside what somebody else saved meanwhile; saving again then is a decision."""
        form.validate()
        rows = []
        for one in columns(self.model, self.edit_columns):
            if value_of(form[one.name], one) != getattr(record, one.name):
                typed = form[one.name].data
                chosen = db.session.get(one.target, typed) if one.target is not None and typed else typed
                rows.append({"label": one.label, "theirs": one.shown(record), "yours": _worded(one, chosen)})
        form[VERSION].data = record.row_version
        form[VERSION].raw_data = None
        conflict = {"rows": rows, "entry": history.last_change(record)}
        return self._form_page(self.edit_template, title, form, cancel=cancel, conflict=conflict, status=409)

    def _form_page(
        self,
        template: str,
        title: str,
        form: FlaskForm,
        *,
        cancel: str,
        conflict: dict[str, Any] | None = None,
        status: int | None = None,
    ) -> ResponseReturnValue:
        failed = bool(form.errors) or bool(form.form_errors)
        page = self.render_template(
            template,
            title=title,
            crumbs=[(self.title, self.list_url()), (title, None)],
            view=self,
            form=form,
            cancel_url=cancel,
            conflict=conflict,
        )
        return page, status or (422 if failed else 200)

    # --- withdraw ----------------------------------------------------------------------------------------------------

    @expose("/withdraw/<int:pk>", methods=["GET", "POST"])
    @permitted("void")
    def void(self, pk: int) -> ResponseReturnValue:
        """Withdraw a fact with a reason. It stays readable as what was known until now (Annex 11 clause 9)."""
        record = self.record(pk)
        form = WithdrawForm()
        if form.validate_on_submit():
            try:
                with transaction(form.reason.data) as session:
                    self.withdraw(session, record, form.reason.data or "")
                flash(gettext("Withdrawn: %(record)s", record=str(record)), "success")
                return redirect(self.after_withdrawal(record))
            except RuleBroken as refusal:
                show_on(form, refusal)
        title = gettext("Withdraw: %(record)s", record=str(record))
        return self._form_page(self.edit_template, title, form, cancel=self.url_of(record))

    def withdraw(self, session: Any, record: Any, reason: str) -> None:
        """Withdraw the fact; derived views that must reconcile call their service instead."""
        if not isinstance(record, Fact):
            raise NotFound("Records of this kind are not withdrawn.")
        facts.withdraw(session, record, reason)

    def after_withdrawal(self, record: Any) -> str:
        """Return the address to go to after a withdrawal."""
        return self.list_url()


def _worded(one: Any, value: Any) -> Any:
    if one.choices and value in one.choices:
        return one.choices[value]
    return str(value) if one.target is not None and value is not None else value
