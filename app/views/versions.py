"""Drafts, what changed, what would follow, files and controlled copies of a version (DOC-2 to DOC-5, DOC-9, DOC-3)."""

from datetime import date, datetime
from typing import Any

from flask import Response, flash, redirect, request, url_for
from flask.typing import ResponseReturnValue
from flask_appbuilder import AppBuilder, BaseView, expose
from flask_babel import gettext
from flask_babel import lazy_gettext as _l
from flask_wtf import FlaskForm
from flask_wtf.file import FileField
from wtforms import DateField, Field, HiddenField, SelectField, StringField, TextAreaField
from wtforms.validators import InputRequired, Length, Optional

from app.domain import textdiff
from app.domain.dates import calendar_of
from app.domain.errors import RuleBroken
from app.extensions import db
from app.models.documents import REVISION_CLASSES, VERDICTS, Version
from app.models.people import Person
from app.safeguards.context import current
from app.services import documents, files, version_steps, versions, whatif
from app.views.downloads import send
from app.views.fields import LookupField, stripped
from app.views.guard import permitted
from app.views.look import safe_url
from app.views.refusals import sentence, show_on
from app.views.transaction import transaction

ORDER = 41
PDF_POLICY = (
    "default-src 'none'; object-src 'self'; style-src 'unsafe-inline'; img-src 'self' data:; frame-ancestors 'self'"
)
"""A PDF is shown by the browser's own viewer, which a sandbox would keep from starting."""


class DraftForm(FlaskForm):
    """What the author says of a draft, and its content as a file or as text."""

    label = StringField(_l("Version"), [InputRequired(), Length(max=40)], filters=[stripped])
    revision_class = SelectField(_l("Revision class"), choices=list(REVISION_CLASSES.items()))
    change_summary = TextAreaField(
        _l("What changed"),
        filters=[stripped],
        description=_l("Every trainee reads this before signing. Say what is done differently now, and why."),
        render_kw={"rows": 4},
    )
    planned = DateField(
        _l("Planned effective date"),
        [Optional()],
        description=_l("Leave it empty to make the version effective when it is approved."),
    )
    file = FileField(_l("Upload a file"), description=_l("PDF, Word (.docx) or Markdown; it replaces the content."))
    text = TextAreaField(
        _l("Or write the text here"),
        description=_l("Markdown: # heading, - list, 1. steps, | table |"),
        render_kw={"rows": 22, "class": "mono"},
    )
    row_version = HiddenField()


class CopyForm(FlaskForm):
    """Who gets a numbered paper copy."""

    issued_to = StringField(
        _l("Issued to"), [InputRequired(_l("Name the person or place."))], filters=[stripped],
        description=_l("A person or a place, such as “Line 2, board by the entrance”."),
    )  # fmt: skip


class VersionView(BaseView):
    """Pages of one version."""

    route_base = "/versions"
    default_view = "edit"
    resource = "documents"

    # --- drafting ----------------------------------------------------------------------------------------------------

    @expose("/edit/<int:pk>", methods=["GET", "POST"])
    @permitted("edit")
    def edit(self, pk: int) -> ResponseReturnValue:
        """Write a draft: content, what changed, revision class, planned date."""
        version = documents.readable(db.session(), pk)
        versions.ensure_editable(version)
        form = _draft_form(version)
        if request.method == "POST" and _stale(form, version):
            form.form_errors.append(gettext("Somebody else saved this draft meanwhile. Compare before you save again."))
            form.row_version.data = str(version.row_version)
        elif form.validate_on_submit():
            try:
                with transaction() as session:
                    _save(session, version, form)
                flash(gettext("Saved: %(record)s", record=f"{version.item.code} {version!r}"), "success")
                return redirect(_home(version))
            except RuleBroken as refusal:
                show_on(form, refusal)
        title = gettext("Draft of %(code)s, version %(label)s", code=version.item.code, label=version.label)
        return self._form(title, form, version)

    @expose("/training-impact/<int:pk>", methods=["GET", "POST"])
    @permitted("edit")
    def verdicts(self, pk: int) -> ResponseReturnValue:
        """Decide what the version demands of each job function, and say why."""
        version = documents.readable(db.session(), pk)
        versions.ensure_editable(version)
        found = versions.impacts(db.session(), version)
        form = _impact_form(found)
        if form.validate_on_submit():
            try:
                with transaction() as session:
                    versions.set_verdicts(session, version, _decided(form, found))
                flash(gettext("The training impact is saved."), "success")
                return redirect(_home(version))
            except RuleBroken as refusal:
                show_on(form, refusal)
        title = gettext("Training impact of %(code)s, version %(label)s", code=version.item.code, label=version.label)
        return self._form(title, form, version)

    @expose("/reviewers/<int:pk>", methods=["GET", "POST"])
    @permitted("edit")
    def reviewers(self, pk: int) -> ResponseReturnValue:
        """Ask people to review a draft; approval then waits for each of them."""
        version = documents.readable(db.session(), pk)
        versions.ensure_editable(version)
        form = _reviewers_form(version_steps.asked_to_review(db.session(), version))
        if form.validate_on_submit():
            ids = {field.data for name, field in form._fields.items() if name.startswith("person_") and field.data}
            with transaction() as session:
                version_steps.request_reviews(session, version, [session.get_one(Person, one) for one in sorted(ids)])
            return redirect(_home(version))
        return self._form(gettext("Who reviews %(code)s?", code=version.item.code), form, version)

    def _form(self, title: str, form: FlaskForm, version: Version) -> ResponseReturnValue:
        page = self.render_template(
            "form_page.html",
            title=title,
            form=form,
            crumbs=[
                (gettext("Documents"), url_for("ItemView.list")),
                (version.item.code, _home(version)),
                (title, None),
            ],
            cancel_url=_home(version),
        )
        return page, 422 if form.errors or form.form_errors else 200

    # --- looking -----------------------------------------------------------------------------------------------------

    @expose("/diff/<int:pk>")
    @permitted("read")
    def diff(self, pk: int) -> ResponseReturnValue:
        """Show what changed between two versions, line by line and word by word (DOC-5)."""
        version = documents.readable(db.session(), pk)
        seen = documents.visible_versions(db.session(), version.item)
        labels = {one.label: one for one in seen}
        new = labels.get(request.args.get("new", ""), version)
        old = labels.get(request.args.get("old", "")) or versions.former(db.session(), new)
        lines = versions.changes_between(old, new)
        added, removed = textdiff.count_changes(lines)
        whole = bool(request.args.get("whole"))
        return self.render_template(
            "documents/diff.html",
            title=gettext("What changed"),
            item_code=version.item.code,
            item_title=version.item.title,
            item_url=_home(version),
            old_label=old.label if old else "–",
            new_label=new.label,
            change_summary=new.change_summary,
            changed_lines=lines if whole else textdiff.condensed(lines),
            counts={"added": added, "removed": removed, "changed": sum(line.kind == "changed" for line in lines)},
            versions=[(one.label, one.label) for one in reversed(seen)],
            whole=whole,
        )

    @expose("/what-if/<int:pk>")
    @permitted("read", "matrix")
    def what_if(self, pk: int) -> ResponseReturnValue:
        """Show what approving the version would do, before anybody does it (DOC-9)."""
        version = documents.readable(db.session(), pk)
        found = whatif.preview(db.session(), version, effective_from=version.planned_effective_at)
        return self.render_template("documents/what_if.html", title=gettext("What if"), **_preview(version, found))

    @expose("/content/<int:pk>")
    @permitted("read")
    def content(self, pk: int) -> ResponseReturnValue:
        """Send a PDF for the viewer in the page; other kinds come as a download."""
        return _sent(pk, inline=True)

    @expose("/download/<int:pk>")
    @permitted("read")
    def download(self, pk: int) -> ResponseReturnValue:
        """Send the file of a version; it is recorded who took it."""
        return _sent(pk, inline=False)

    # --- paper -------------------------------------------------------------------------------------------------------

    @expose("/copies/<int:pk>", methods=["GET", "POST"])
    @permitted("print")
    def copies(self, pk: int) -> ResponseReturnValue:
        """List the numbered paper copies of a document and issue another one (DOC-3)."""
        version = documents.readable(db.session(), pk)
        form = CopyForm()
        if form.validate_on_submit():
            try:
                with transaction() as session:
                    copy = documents.issue_copy(session, version, form.issued_to.data or "")
                flash(gettext("Copy %(number)s is issued to %(to)s.", number=copy.number, to=copy.issued_to), "success")
                return redirect(url_for("VersionView.copies", pk=pk))
            except RuleBroken as refusal:
                show_on(form, refusal)
        return self.render_template(
            "documents/copies.html",
            title=gettext("Controlled copies of %(code)s", code=version.item.code),
            form=form,
            version=version,
            copies=documents.copies_of(db.session(), version.item_id),
            item_url=_home(version),
        ), 422 if form.errors or form.form_errors else 200

    @expose("/recall/<int:pk>/<int:number>", methods=["POST"])
    @permitted("print")
    def recall(self, pk: int, number: int) -> ResponseReturnValue:
        """Note that a paper copy came back or was destroyed."""
        documents.readable(db.session(), pk)
        try:
            with transaction(request.form.get("note")) as session:
                copy = documents.recall_copy(session, number, request.form.get("note", ""))
            flash(gettext("Copy %(number)s is recalled.", number=copy.number), "success")
        except RuleBroken as refusal:
            flash(sentence(refusal), "danger")
        return redirect(url_for("VersionView.copies", pk=pk))


def _home(version: Version) -> str:
    return url_for("ItemView.show", pk=version.item_id, version=version.id)


def _sent(pk: int, inline: bool) -> Response:
    version = documents.readable(db.session(), pk)
    if version.file is None:
        raise RuleBroken("This version has no file.")
    with transaction() as session:
        documents.record_view(session, version, "view" if inline else "download")
    answer = send(version.file, version.file_name or version.item.code, inline=inline)
    if inline and version.file.content_type == files.PDF:
        answer.headers["Content-Security-Policy"] = PDF_POLICY
    return answer


# --- forms -----------------------------------------------------------------------------------------------------------


def _draft_form(version: Version) -> DraftForm:
    text = version.text if version.file is None or version.file.content_type == files.MARKDOWN else ""
    planned = version.planned_effective_at
    return DraftForm(
        data={
            "label": version.label,
            "revision_class": version.revision_class,
            "change_summary": version.change_summary,
            "planned": calendar_of(current().home_zone).day(planned) if planned else None,
            "text": text or "",
            "row_version": str(version.row_version),
        }
    )


def _stale(form: DraftForm, version: Version) -> bool:
    return str(form.row_version.data) != str(version.row_version)


def _save(session: Any, version: Version, form: DraftForm) -> None:
    """Save a draft: an uploaded file goes before typed text, typed text before the content that is there."""
    versions.edit_draft(
        session,
        version,
        label=form.label.data or "",
        revision_class=form.revision_class.data,
        change_summary=form.change_summary.data,
        planned_effective_at=_midnight(form.planned.data),
    )
    upload = form.file.data
    if upload is not None and upload.filename:
        versions.set_content(session, version, upload.read(), upload.filename, upload.mimetype)
    elif (form.text.data or "").strip() and _lines(form.text.data or "") != _lines(version.text or ""):
        versions.set_markdown(session, version, form.text.data or "")


def _lines(text: str) -> list[str]:
    return text.strip().splitlines()


def _midnight(day: date | None) -> datetime | None:
    """Return when a day begins where the company is, not where the author happens to sit."""
    return calendar_of(current().home_zone).midnight(day) if day else None


def _impact_form(found: list[versions.Impact]) -> FlaskForm:
    """Return a form with a verdict and a reason for each job function."""
    fields: dict[str, Any] = {}
    data: dict[str, Any] = {}
    for one in found:
        number = one.function.id
        choices = [("", _by_class(one)), *VERDICTS.items()]
        fields[f"verdict_{number}"] = SelectField(one.function.name, choices=choices)
        fields[f"reason_{number}"] = StringField(
            gettext("Reason for %(function)s", function=one.function.name), [Length(max=2000)], filters=[stripped]
        )
        data |= {f"verdict_{number}": one.verdict if one.stated else "", f"reason_{number}": one.reason or ""}
    form: FlaskForm = type("ImpactForm", (FlaskForm,), fields)(data=data)
    return form


def _by_class(one: versions.Impact) -> str:
    if one.stated:
        return gettext("By the revision class")
    return gettext("By the revision class (%(verdict)s)", verdict=str(VERDICTS[one.verdict]))


def _decided(form: FlaskForm, found: list[versions.Impact]) -> dict[int, tuple[str, str]]:
    values = {one.function.id: form[f"verdict_{one.function.id}"].data for one in found}
    return {number: (verdict, form[f"reason_{number}"].data or "") for number, verdict in values.items() if verdict}


def _reviewers_form(asked: list[Person]) -> FlaskForm:
    """Return a form with a few places for reviewers, those already asked filled in."""
    fields: dict[str, Field] = {
        f"person_{place}": LookupField(gettext("Reviewer %(number)s", number=place + 1), [], target=Person)
        for place in range(max(3, len(asked) + 1))
    }
    form: FlaskForm = type("ReviewersForm", (FlaskForm,), fields)(
        data={f"person_{place}": person.id for place, person in enumerate(asked)}
    )
    return form


# --- preview ---------------------------------------------------------------------------------------------------------


def _preview(version: Version, found: whatif.Preview) -> dict[str, Any]:
    """Return the variables of ``documents/what_if.html``."""
    losing = {one.person_id: one for one in found.unqualified}
    told = {one.person_id: one for one in found.assignments}
    names = {one.person_id: one.person for one in found.assignments} | {
        one.person_id: one.person for one in found.unqualified
    }
    approve = url_for("SigningView.step", record_type="versions", pk=version.id, name="approve")
    return {
        "item_code": version.item.code,
        "item_title": version.item.title,
        "item_url": _home(version),
        "version_label": version.label,
        "effective_on": calendar_of(current().zone).day(found.effective_from),
        "numbers": {
            "people": len(names),
            "assignments": len(found.assignments),
            "hours": "–" if found.hours is None else f"{found.hours:.1f}",
            "unqualified": len(found.unqualified),
            "uncovered": len(found.uncovered),
        },
        "functions": [
            {"function": one.function.name, "verdict_label": str(VERDICTS[one.verdict]), "people": ""}
            for one in versions.impacts(db.session(), version)
        ],
        "people": [
            {
                "name": name,
                "url": safe_url("PersonView.show", pk=number),
                "functions": ", ".join(losing[number].units) if number in losing else "",
                "status_now": "qualified" if number in losing else "assigned",
                "status_then": "overdue" if number in losing else "assigned",
                "due_on": told[number].due_on if number in told else None,
            }
            for number, name in sorted(names.items(), key=lambda pair: pair[1])
        ],
        "uncovered": [
            gettext("%(unit)s: nobody of %(people)s would be qualified.", unit=one.unit, people=one.people)
            for one in found.uncovered
        ],
        "approve_url": approve if version.state == "review" and current().may("documents", "approve") else None,
    }


def register(appbuilder: AppBuilder) -> None:
    """Register the pages of versions."""
    appbuilder.add_view_no_menu(VersionView())
