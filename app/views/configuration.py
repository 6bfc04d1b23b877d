"""What a company sets by form: settings, choice lists, added fields, categories (UX-6)."""

from typing import Any

from flask import flash, redirect, url_for
from flask.typing import ResponseReturnValue
from flask_appbuilder import AppBuilder, BaseView, expose
from flask_babel import gettext
from flask_babel import lazy_gettext as _l
from flask_wtf import FlaskForm
from wtforms import SelectField, StringField, TextAreaField
from wtforms.validators import InputRequired, Length

from app.domain.errors import RuleBroken
from app.extensions import db
from app.models.base import Record
from app.models.configuration import Choice, ChoiceList, CustomField
from app.models.documents import Category, DocumentType
from app.safeguards.context import current
from app.services import configuration
from app.views import forms
from app.views.base import Button, RecordView
from app.views.fields import stripped
from app.views.guard import permitted
from app.views.look import say
from app.views.record_core import RecordCore
from app.views.refusals import show_on
from app.views.transaction import transaction

ORDER = 700
GROUP = {"category": "Configuration", "category_icon": "adjustments", "category_label": _l("Configuration")}


class ConfigurationView(RecordView):
    """What the lists of the configuration have in common."""

    resource = "configuration"
    keeps_files = False
    icon = "adjustments"


class ChoiceListView(ConfigurationView):
    """Named lists of choices."""

    model = ChoiceList
    route_base = "/choice-lists"
    title = _l("Choice lists")
    title_one = _l("Choice list")
    lead = _l("Lists that added fields offer. A choice is taken out of use, never deleted: old records still show it.")
    list_columns = ("code", "name")
    search_columns = ("code", "name")
    show_columns = ("code", "name")
    order = ("name",)

    def buttons(self, record: Any) -> Any:
        """The choices of the list."""
        yield Button(_l("Choices"), url_for("ChoiceView.list", **{"f.list_id": record.id}), "list-check", primary=True)


class ChoiceView(ConfigurationView):
    """The choices of all lists, to be filtered by list."""

    model = Choice
    route_base = "/choices"
    title = _l("Choices")
    title_one = _l("Choice")
    list_columns = ("label", "code", "list_id", "position", "active")
    search_columns = ("code", "label")
    filter_columns = ("list_id", "active")
    add_columns = ("list_id", "code", "label", "position", "active")
    edit_columns = ("label", "position", "active")
    order = ("list_id", "position")


class CustomFieldView(ConfigurationView):
    """Fields that the company adds to kinds of records, without code."""

    model = CustomField
    route_base = "/fields"
    title = _l("Added fields")
    title_one = _l("Added field")
    lead = _l("A field added here appears on forms, pages and exports of its kind of record from the next click.")
    list_columns = ("label", "record_type", "kind", "list_id", "required", "position", "active")
    search_columns = ("code", "label", "record_type")
    filter_columns = ("kind", "active", "required")
    add_columns = ("record_type", "code", "label", "kind", "list_id", "required", "help_text", "position", "active")
    edit_columns = ("label", "list_id", "required", "help_text", "position", "active")
    order = ("record_type", "position")

    def tune(self, form: forms.RecordForm) -> None:
        """Offer the kinds of records that have forms."""
        if "record_type" in form:
            form["record_type"].choices = record_types(self.appbuilder)

    def form_fields(self, record: Any) -> dict[str, Any]:
        """A list instead of a typed table name."""
        return {"record_type": SelectField(_l("Kind of record"), choices=[], validate_choice=True)}

    def create(self, session: Any, values: dict[str, Any]) -> Record:
        """Check what belongs together."""
        configuration.check_field(values)
        return super().create(session, values)

    def change(self, session: Any, record: Any, values: dict[str, Any], reason: str) -> Record:
        """Check what belongs together."""
        configuration.check_field(values | {"kind": record.kind, "code": record.code})
        return super().change(session, record, values, reason)


def record_types(appbuilder: AppBuilder) -> list[tuple[str, str]]:
    """Return the kinds of records to which fields can be added: name and title."""
    found = {
        view.custom_type(): str(view.title)
        for view in appbuilder.baseviews
        if isinstance(view, RecordCore) and view.may_add and view.resource not in {"configuration", "users"}
    }
    return sorted(found.items(), key=lambda pair: pair[1])


class CategoryView(ConfigurationView):
    """Groups of items with their own notice period."""

    model = Category
    route_base = "/categories"
    title = _l("Categories")
    title_one = _l("Category")
    list_columns = ("code", "name", "lead_days")
    search_columns = ("code", "name")
    order = ("code",)


class DocumentTypeView(ConfigurationView):
    """Kinds of documents: numbering, review period, gates."""

    model = DocumentType
    route_base = "/document-types"
    title = _l("Document types")
    title_one = _l("Document type")
    list_columns = ("code", "name", "numbering", "review_months", "train_before_effective", "category_id")
    search_columns = ("code", "name")
    filter_columns = ("train_before_effective", "author_credit", "needs_review", "category_id")
    order = ("code",)


class SettingsView(BaseView):
    """Settings that hold for the whole installation."""

    route_base = "/settings"
    resource = "configuration"
    default_view = "show"

    @expose("/", methods=["GET"])
    @permitted("read")
    def show(self) -> ResponseReturnValue:
        """Show the settings."""
        return self._page(_settings_form())

    @expose("/", methods=["POST"])
    @permitted("edit")
    def change(self) -> ResponseReturnValue:
        """Keep the settings, with a reason."""
        form = _settings_form()
        if form.validate_on_submit():
            try:
                with transaction(form["reason"].data) as session:
                    wanted = {key: form[key].data or "" for key in configuration.SETTINGS}
                    changed = configuration.change_settings(session, wanted)
                flash(gettext("%(n)s settings changed.", n=len(changed)), "success")
                return redirect(url_for("SettingsView.show"))
            except RuleBroken as refusal:
                show_on(form, refusal)
        return self._page(form)

    def _page(self, form: FlaskForm) -> ResponseReturnValue:
        editable = current().may("configuration", "edit")
        page = self.render_template(
            "records/settings.html",
            title=gettext("Settings"),
            form=form,
            editable=editable,
            values=[(field.label.text, field.data) for field in form if field.name in configuration.SETTINGS],
        )
        return page, 422 if form.errors or form.form_errors else 200


def _settings_form() -> FlaskForm:
    fields: dict[str, Any] = {
        key: (TextAreaField if known.longest > 200 else StringField)(
            say(known.label),
            [Length(max=known.longest, message=gettext("At most %(n)s characters.", n=known.longest))],
            description=say(known.help),
            filters=[stripped],
        )
        for key, known in configuration.SETTINGS.items()
    }
    fields["reason"] = TextAreaField(
        _l("Reason for the change"), [InputRequired(_l("Say why this changes."))], filters=[stripped]
    )
    made = type("SettingsForm", (FlaskForm,), fields)
    return made(data=configuration.settings_now(db.session()))


def register(appbuilder: AppBuilder) -> None:
    """Register the lists of the configuration and the settings."""
    for view, icon, label in (
        (CategoryView, "folders", _l("Categories")),
        (DocumentTypeView, "file-text", _l("Document types")),
        (CustomFieldView, "forms", _l("Added fields")),
        (ChoiceListView, "list-check", _l("Choice lists")),
        (SettingsView, "settings", _l("Settings")),
    ):
        appbuilder.add_view(view(), view.__name__, icon=icon, label=label, **GROUP)
    appbuilder.add_view_no_menu(ChoiceView())
