"""Read and understood: the document in the page, what changed, the time in view, the signature (LRN-1, DOC-5)."""

from typing import Any

from flask import flash, jsonify, redirect, request, url_for
from flask.typing import ResponseReturnValue
from flask_appbuilder import AppBuilder, BaseView, expose
from flask_babel import gettext
from sqlalchemy.orm import Session

from app.domain import textdiff
from app.domain.errors import RuleBroken
from app.extensions import db
from app.models.documents import Version
from app.models.matrix import Completion
from app.models.signing import Signature
from app.safeguards.context import current
from app.services import compliance, contents, documents, files, learning
from app.views import signing
from app.views.guard import permitted
from app.views.look import say
from app.views.refusals import sentence
from app.views.transaction import transaction

ORDER = 42


class ReadingView(BaseView):
    """Reads a version at the point of use and, where it is one's training, signs it."""

    route_base = "/read"
    default_view = "read"
    resource = "documents"

    @expose("/<int:pk>")
    @permitted("read")
    def read(self, pk: int) -> ResponseReturnValue:
        """Show a version to read; it is recorded that it was opened, and for how long it was in view."""
        session = db.session()
        version = documents.readable(session, pk)
        with transaction():
            documents.record_view(session, version)
            reading = learning.open_reading(session, version) if _trains(session, version) else None
        return self.render_template(
            "learning/read.html",
            title=f"{version.item.code} · {version.item.title}",
            item_code=version.item.code,
            item_title=version.item.title,
            version_label=version.label,
            download_url=url_for("VersionView.download", pk=pk) if version.file else None,
            time_url=url_for("ReadingView.time", pk=reading.id) if reading else None,
            spent=reading.seconds if reading else 0,
            warning=_warning(version),
            **_content(version),
            **_lesson(session, version),
        )

    @expose("/time/<int:pk>", methods=["POST"])
    @permitted("sign", "own")
    def time(self, pk: int) -> ResponseReturnValue:
        """Count seconds in view, by the server's clock."""
        reported = request.form.get("seconds", default=0, type=int)
        with transaction() as session:
            seconds = learning.heartbeat(session, pk, reported)
        return jsonify(seconds=seconds)

    @expose("/sign/<int:pk>", methods=["GET", "POST"])
    @permitted("sign", "own")
    def sign(self, pk: int) -> ResponseReturnValue:
        """Sign that one read and understood a version, and go on to the next thing to do."""
        session = db.session()
        version = documents.readable(session, pk)
        person = documents.myself(session)
        if request.method == "GET":
            try:
                learning.ensure_by_reading(session, person, version)
            except RuleBroken as refusal:
                flash(sentence(refusal), "warning")
                return redirect(url_for("ReadingView.read", pk=pk))

        def finish(inner: Session, signature: Signature, reason: str | None) -> str:
            learning.complete_reading(inner, version, signature)
            return url_for("ReadingView.read", pk=pk)

        return signing.ask(
            version, "read", finish, title=gettext("Sign your training"), cancel_url=url_for("ReadingView.read", pk=pk),
            action_url=url_for("ReadingView.sign", pk=pk), done=gettext("Signed. Your training is on record."),
        )  # fmt: skip


def _trains(session: Session, version: Version) -> bool:
    """Tell whether the current person could be trained on this version, so that time in view matters."""
    person = documents.person_of(session)
    return person is not None and version.state in learning.TRAINABLE and current().may("own", "sign")


def _content(version: Version) -> dict[str, Any]:
    """Return the content as safe HTML, or the address of the PDF."""
    if version.file is None:
        return {"content_html": None, "content_pdf_url": None}
    if version.file.content_type == files.PDF:
        address = url_for("VersionView.content", pk=version.id)
        return {"content_html": None, "content_pdf_url": address, "content_text": (version.text or "").strip()}
    return {
        "content_html": contents.to_html(files.read(version.file), version.file.content_type),
        "content_pdf_url": None,
    }


def _lesson(session: Session, version: Version) -> dict[str, Any]:
    """Return why this person reads it, what changed since his or her last training, and whether it can be signed."""
    if not _trains(session, version):
        nothing = gettext("You are reading; there is nothing for you to sign.")
        return {"may_sign": False, "refused": nothing, "change_summary": version.change_summary}
    found = learning.lesson(session, version.id)
    person = documents.myself(session)
    rows = compliance.evaluate(session, at=current().now(), people=[person.id], items=[version.item_id])
    values = {
        "status": rows[0].status if rows else None,
        "change_summary": version.change_summary,
        "changed_lines": textdiff.condensed(found.changes) if found.compared_with else [],
        "previous_label": found.compared_with.label if found.compared_with else None,
        "due_on": found.assignment.due_on if found.assignment else None,
        "why": [say(one) for row in rows for one in row.explanation.sentences()],
        "sign_url": url_for("ReadingView.sign", pk=version.id),
        "may_sign": True,
    }
    if found.done is not None and not _again(found):
        return values | _signed(session, found.done, person.id)
    try:
        learning.ensure_by_reading(session, person, version)
    except RuleBroken as refusal:
        values |= {"may_sign": False, "refused": sentence(refusal)}
    return values


def _again(found: learning.Lesson) -> bool:
    """Tell whether the same version is to be trained once more, because it recurs or was ordered."""
    assignment = found.assignment
    return assignment is not None and assignment.version_id == found.version.id


def _warning(version: Version) -> str:
    """Return the sentence that keeps people from working by a version that is not in force, or "" (DOC-3)."""
    if version.state in documents.PAST:
        return gettext("This version is no longer in force. Do not work by it.")
    if version.state in documents.UNPUBLISHED:
        return gettext("This version is not approved yet. Do not work by it.")
    if version.state == "approved":
        return gettext(
            "This version is approved and not in force yet. Train on it, and work by the present one until then."
        )
    return ""


def _signed(session: Session, done: Completion, person_id: int) -> dict[str, Any]:
    following = learning.next_to_do(session, person_id)
    signature = session.get(Signature, done.signature_id) if done.signature_id else None
    return {
        "signed": {
            "printed_name": signature.printed_name if signature else current().printed_name,
            "meaning": gettext("Read and understood") if signature else gettext("Trained"),
            "signed_at": signature.signed_at if signature else done.completed_at,
        },
        "next_url": url_for("ReadingView.read", pk=following.version_id)
        if following is not None and following.version_id
        else "/",
    }


def register(appbuilder: AppBuilder) -> None:
    """Register the reading pages."""
    appbuilder.add_view_no_menu(ReadingView())
