"""The page of one record: details, history, files, remarks."""

from collections.abc import Iterable
from typing import Any

from flask import flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_appbuilder import expose
from flask_babel import gettext
from flask_babel import lazy_gettext as _l
from markupsafe import Markup

from app.domain.errors import BadInput, RuleBroken
from app.extensions import db
from app.models.base import Fact
from app.safeguards import audit
from app.safeguards.context import current
from app.services import attachments, configuration, files
from app.views import history
from app.views.columns import columns
from app.views.downloads import send
from app.views.guard import permitted
from app.views.record_core import Button, RecordCore, Tab
from app.views.refusals import sentence
from app.views.transaction import transaction
from app.views.viewing import note_view

SIZES = ("B", "kB", "MB", "GB")


class ShowPages(RecordCore):
    """Shows one record with what happened to it, and takes files and remarks for it."""

    @expose("/show/<int:pk>")
    @permitted("read")
    def show(self, pk: int) -> ResponseReturnValue:
        """Show a record: details, what the view adds, history, files and remarks."""
        record = self.record(pk)
        note_view(record)
        editable = self.may_edit and current().may(self.resource, "edit") and self.why_fixed(record) is None
        extra = self.show_extra(record)
        page = {
            "title": str(record),
            "record_title": self.heading(record),
            "lead": self.subheading(record),
            "crumbs": [(self.title, self.list_url()), (str(record), None)],
            "view": self,
            "record": record,
            "widgets": {},
            "facts": self.facts(record),
            "edit_url": url_for(f"{self.endpoint}.edit", pk=pk) if editable else None,
            "state": getattr(record, "state", None),
            "buttons": [*self.buttons(record), *self._own_buttons(record)],
            "record_tabs": [*self.tabs(record), *self._common_tabs(record)],
            "extra": extra,
        }
        return self.render_template(self.show_template, **(page | extra))

    def heading(self, record: Any) -> str:
        """Return what stands at the head of the page."""
        return str(record)

    def subheading(self, record: Any) -> str:
        """Return the line under the head of the page."""
        return ""

    def facts(self, record: Any) -> Any:
        """Return label and value of everything that the details show."""
        shown = [(one.label, one.shown(record)) for one in columns(self.model, self.show_columns)]
        fields = self.custom(with_choices=True)
        kept = configuration.values_of(db.session(), fields, [record.id]).get(record.id, {})
        return shown + [(one.label, configuration.typed(one, kept.get(one.id))) for one in fields]

    def tabs(self, record: Any) -> Iterable[Tab]:
        """Return further parts of the page, before the common ones."""
        return ()

    def buttons(self, record: Any) -> Iterable[Button]:
        """Return what else can be done with the record from its page."""
        return ()

    def show_extra(self, record: Any) -> dict[str, Any]:
        """Return what else the page template of a derived view wants to know; it may replace what stands there."""
        return {}

    def _own_buttons(self, record: Any) -> Iterable[Button]:
        for one in self.deeds().values():
            fields = (("rowid", record.id), ("back", "show"))
            address = url_for(f"{self.endpoint}.act", name=one.name)
            yield Button(one.label, address, one.icon, post=True, confirm=one.confirm, fields=fields)
        if isinstance(record, Fact) and current().may(self.resource, "void"):
            yield Button(_l("Withdraw"), url_for(f"{self.endpoint}.void", pk=record.id), "circle-minus")  # type: ignore[attr-defined]

    def _common_tabs(self, record: Any) -> Iterable[Tab]:
        told = history.entries_of(record, custom_type=self.custom_type())
        body = render_template("record/history.html", entries=told)
        yield Tab("history", _l("History"), _card(body), "history")
        if self.keeps_files and current().may("files", "read"):
            yield self._files_tab(record)
        if self.keeps_files and current().may("comments", "read"):
            yield self._comments_tab(record)

    def _files_tab(self, record: Any) -> Tab:
        found = attachments.attachments_of(db.session(), record)
        told = [
            {
                "name": one.file_name,
                "size": readable_size(one.file.size),
                "digest": one.file.sha256,
                "added_at": one.attached_at,
                "printed_name": one.attached_by,
                "description": one.note,
                "url": url_for(f"{self.endpoint}.file", pk=record.id, number=one.id),
                "take_off_url": url_for(f"{self.endpoint}.take_off", pk=record.id, number=one.id)
                if current().may("files", "void")
                else None,
            }
            for one in found
        ]
        upload = url_for(f"{self.endpoint}.attach", pk=record.id) if current().may("files", "add") else None
        body = render_template("record/attachments.html", files=told, upload_url=upload)
        return Tab("files", _l("Files"), _card(body), "paperclip", len(told))

    def _comments_tab(self, record: Any) -> Tab:
        found = attachments.remarks_of(db.session(), record)
        told = [{"text": one.text, "printed_name": one.printed_name, "at": one.written_at} for one in found]
        add = url_for(f"{self.endpoint}.remark", pk=record.id) if current().may("comments", "add") else None
        body = render_template("record/comments.html", comments=told, add_url=add)
        return Tab("comments", _l("Comments"), _card(body), "message", len(told))

    @expose("/files/<int:pk>", methods=["POST"])
    @permitted("add", "files")
    def attach(self, pk: int) -> ResponseReturnValue:
        """Attach an uploaded file to a record that one may see."""
        record = self._readable(pk)
        sent = request.files.get("file")
        try:
            if sent is None or not sent.filename:
                raise BadInput("Choose a file first.", field="file")
            with transaction() as session:
                stored = files.store(session, sent.read(), sent.filename, sent.mimetype)
                attachments.attach(session, record, stored, sent.filename, request.form.get("description"))
            flash(gettext("The file is attached."), "success")
        except RuleBroken as refusal:
            flash(sentence(refusal), "danger")
        return redirect(self.url_of(record) + "#files")

    @expose("/files/<int:pk>/<int:number>")
    @permitted("read", "files")
    def file(self, pk: int, number: int) -> ResponseReturnValue:
        """Send a file of a record, after the scope of the record was checked."""
        record = self._readable(pk)
        attachment = attachments.attachment_of(db.session(), record, number)
        with transaction() as session:
            audit.note(session, "view", record, file=attachment.file_name, sha256=attachment.file.sha256)
        return send(attachment.file, attachment.file_name)

    @expose("/files/<int:pk>/<int:number>/off", methods=["POST"])
    @permitted("void", "files")
    def take_off(self, pk: int, number: int) -> ResponseReturnValue:
        """Take a file off a record, with a reason; the file itself is kept."""
        record = self._readable(pk)
        reason = request.form.get("reason", "")
        try:
            with transaction(reason) as session:
                attachments.take_off(session, attachments.attachment_of(session, record, number), reason)
            flash(gettext("The file is taken off this record."), "success")
        except RuleBroken as refusal:
            flash(sentence(refusal), "danger")
        return redirect(self.url_of(record) + "#files")

    @expose("/comments/<int:pk>", methods=["POST"])
    @permitted("add", "comments")
    def remark(self, pk: int) -> ResponseReturnValue:
        """Add a remark to a record that one may see."""
        record = self._readable(pk)
        try:
            with transaction() as session:
                attachments.remark(session, record, request.form.get("text", ""))
        except RuleBroken as refusal:
            flash(sentence(refusal), "danger")
        return redirect(self.url_of(record) + "#comments")

    def _readable(self, pk: int) -> Any:
        """Return the record when one may see its kind at all; else not found, as for one that is not there."""
        return self.record(pk if current().may(self.resource, "read") else 0)


def _card(body: str) -> Markup:
    return Markup('<section class="card">') + Markup(body) + Markup("</section>")  # noqa: S704 (escaped when rendered)


def readable_size(size: int) -> str:
    """Return a number of bytes as people read it."""
    value, unit = float(size), SIZES[0]
    for unit in SIZES:  # noqa: B007
        if value < 1024:
            break
        value /= 1024
    return f"{value:.0f} {unit}" if unit == "B" else f"{value:.1f} {unit}"
