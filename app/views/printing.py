"""Numbered copies of documents as PDF, ready for the printer (DOC-3)."""

from flask import Response
from flask_appbuilder import AppBuilder, BaseView, expose
from flask_babel import gettext
from sqlalchemy import select

from app.domain.errors import NotFound, RuleBroken
from app.extensions import db
from app.models.documents import ControlledCopy
from app.reports.copies import controlled_copy
from app.reports.writing import safe_name
from app.safeguards import audit
from app.services import documents, files
from app.views.guard import permitted
from app.views.transaction import transaction


class PrintingView(BaseView):
    """Hands out controlled copies on paper."""

    route_base = "/copies"
    resource = "documents"
    default_view = "paper"

    @expose("/<int:number>.pdf")
    @permitted("print")
    def paper(self, number: int) -> Response:
        """Send one issued copy as PDF, stamped on every page; a recalled copy is not printed again."""
        session = db.session()
        copy = session.scalar(select(ControlledCopy).where(ControlledCopy.id == number))
        if copy is None:
            raise NotFound("There is no such copy.")
        version = documents.readable(session, copy.version_id)
        if copy.recalled_at is not None:
            raise RuleBroken("Copy %(number)s was recalled. Issue a new one.", number=copy.number)
        if version.file is None:
            raise RuleBroken("This version has no file.")
        data = controlled_copy(copy, version, files.read(version.file), gettext)
        name = f"{safe_name(version.item.code)}-v{safe_name(version.label)}-copy-{copy.number}.pdf"
        with transaction() as writing:
            audit.note(writing, "print", copy, version=version.id, copy=copy.number)
        answer = Response(data, mimetype="application/pdf")
        answer.headers.set("Content-Disposition", "attachment", filename=name)
        return answer


def register(appbuilder: AppBuilder) -> None:
    """Register the address of printed copies."""
    appbuilder.add_view_no_menu(PrintingView())
