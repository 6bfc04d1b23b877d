"""Documents: the list, the page of one document with its versions, and new documents (DOC-1 to DOC-7)."""

from dataclasses import replace
from typing import Any

from flask import current_app, redirect, request, url_for
from flask.typing import ResponseReturnValue
from flask_appbuilder import AppBuilder, expose
from flask_babel import gettext
from flask_babel import lazy_gettext as _l
from flask_wtf import FlaskForm
from sqlalchemy import Select
from sqlalchemy.orm import selectinload
from wtforms import RadioField

from app.domain.errors import RuleBroken
from app.extensions import db
from app.models.base import Record
from app.models.documents import REVISION_CLASSES, VERSION_STATES, DocumentType, Item, Version
from app.services import documents, effective, files, versions
from app.views import document_page
from app.views.base import RecordView
from app.views.columns import calculated, column
from app.views.guard import permitted
from app.views.refusals import show_on
from app.views.transaction import transaction

ORDER = 40


def in_force(item: Item) -> str | None:
    """Return the label of the version in force."""
    return next((one.label for one in reversed(item.versions) if one.state == "effective"), None)


def under_way(item: Item) -> str | None:
    """Return state and label of a version that is not in force yet, if there is one."""
    coming = next((one for one in reversed(item.versions) if one.state in {"draft", "review", "approved"}), None)
    return f"{VERSION_STATES[coming.state]} · {coming.label}" if coming else None


class NewVersionForm(FlaskForm):
    """How much a new version changes."""

    revision_class = RadioField(
        _l("Revision class"),
        choices=[(code, label) for code, label in REVISION_CLASSES.items()],
        default="major",
        description=_l("Major: people are trained. Minor: they are told. Editorial: nothing changes for them."),
    )


class ItemView(RecordView):
    """Documents and everything else that people are trained on."""

    model = Item
    resource = "documents"
    route_base = "/documents"
    title = _l("Documents")
    title_one = _l("Document")
    lead = _l("Controlled documents and courses. Only the version in force is for use.")
    icon = "file-text"
    version = calculated("version", _l("In force"), in_force)
    coming = calculated("coming", _l("Under way"), under_way)
    list_columns = ("code", "title", "type_id", version, coming, "owner_id", "department_id", "client_id")
    search_columns = ("code", "title")
    filter_columns = ("kind", "type_id", "department_id", "owner_id", "client_id", "category_id", "review_due_on")
    show_columns = (
        "code", "title", "kind", "type_id", "category_id", "owner_id", "department_id", "client_id", "product_line_id",
        "minutes", "review_due_on",
    )  # fmt: skip
    details = ("owner_id", "department_id", "client_id", "product_line_id", "minutes")
    add_columns = (
        replace(column(Item, "type_id"), nullable=False),
        "title",
        replace(column(Item, "code"), nullable=True, help=_l("Leave it empty to take the next number of the type")),
        *details,
    )
    edit_columns = ("title", "type_id", "category_id", *details, "review_due_on")
    order = ("code",)

    def base_query(self) -> Select[Any]:
        """Documents with their versions, for the columns that tell of them."""
        told = (Version.item_id, Version.label, Version.state, Version.sequence)
        return super().base_query().options(selectinload(Item.versions).load_only(*told))

    def create(self, session: Any, values: dict[str, Any]) -> Record:
        """Make the document, numbered by its type, and its first draft."""
        chosen = session.get(DocumentType, values.pop("type_id", None) or 0)
        if chosen is None:
            raise RuleBroken("Choose the type of the document.", field="type_id")
        item = documents.new_document(session, chosen, values.pop("title") or "", values.pop("code", None), **values)
        versions.new_version(session, item)
        return item

    def given(self) -> dict[str, Any]:
        """Whoever adds a document owns it, unless another owner is named."""
        person = documents.person_of(db.session())
        return ({"owner_id": person.id} if person else {}) | super().given()

    @expose("/show/<int:pk>")
    @permitted("read")
    def show(self, pk: int) -> ResponseReturnValue:
        """Show a document: the version in force or the one asked for, its workflow, who is trained."""
        item = self.record(pk)
        chosen = request.args.get("version", type=int)
        values = document_page.values(item, chosen)
        return self.render_template(
            "documents/document.html",
            title=str(item),
            crumbs=[(self.title, self.list_url()), (item.code, None)],
            facts=self.facts(item),
            edit_url=document_page.edit_address(item, values["version_record"]),
            record_tabs=[*document_page.steps_tab(values["version_record"]), *self._common_tabs(item)],
            **values,
        )

    @expose("/new-version/<int:pk>", methods=["GET", "POST"])
    @permitted("submit")
    def new_version(self, pk: int) -> ResponseReturnValue:
        """Begin a new version from the text of the newest one."""
        item = self.record(pk)
        form = NewVersionForm()
        if form.validate_on_submit():
            try:
                with transaction() as session:
                    version = versions.new_version(session, item, form.revision_class.data or "major")
                return redirect(url_for("VersionView.edit", pk=version.id))
            except RuleBroken as refusal:
                show_on(form, refusal)
        return self._form_page(
            "form_page.html", gettext("New version of %(code)s", code=item.code), form, cancel=self.url_of(item)
        )


def honor_effective_dates() -> None:
    """Let versions take effect whose day has come, on the first request after it, if no job was faster (DOC-7)."""
    if request.endpoint in {None, "static", "appbuilder.static"} or not effective.due(db.session()):
        return
    try:
        with transaction() as session:
            effective.apply_due(session)
    except RuleBroken:
        # somebody else does the same at this moment, or a rule holds one: the request itself goes on
        current_app.logger.warning("Effective dates could not be honored by a request", exc_info=True)


def register(appbuilder: AppBuilder) -> None:
    """Register the documents, the file store that holds them, and the look at effective dates."""
    files.configure(current_app.config["FILE_FOLDER"])
    current_app.before_request(honor_effective_dates)
    appbuilder.add_view(
        ItemView(),
        "documents",
        icon=ItemView.icon,
        label=ItemView.title,
        category="Documents",
        category_icon="files",
        category_label=_l("Documents"),
    )
