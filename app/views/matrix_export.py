"""The matrix back to Excel: in the layout of an import with what is recorded now, or in one of ours (IMP-4)."""

from flask import request, url_for
from flask.typing import ResponseReturnValue
from flask_appbuilder import AppBuilder, BaseView, expose
from flask_babel import gettext

from app.domain.dates import calendar_of
from app.domain.errors import NotFound
from app.extensions import db
from app.models.importing import ImportRun
from app.safeguards import audit
from app.safeguards.context import current
from app.services.importing import runs as imports
from app.services.matrix_import import copies, stock
from app.services.spreadsheets_writing import Written
from app.views.downloads import download
from app.views.guard import permitted
from app.views.look import say
from app.views.matrix_import import recognized, zone
from app.views.transaction import transaction

SHOWN = 10
"""Imports that the page offers to take back."""


def stem(run: ImportRun) -> str:
    """The name of an import's file without its end."""
    return str(run.file_name).rsplit(".", 1)[0][:80]


class MatrixExportView(BaseView):
    """What can be taken to Excel, edited there and imported again; every export is noted on the trail (AUD-1)."""

    route_base = "/import/matrix/export"
    resource = "imports"
    default_view = "index"

    @expose("/")
    @permitted("add")
    def index(self) -> ResponseReturnValue:
        """Offer the layouts, with one sentence each."""
        rows = [
            {
                "label": run.file_name,
                "at": run.finished_at,
                "url": url_for(".as_imported", number=run.id),
                "plain_url": url_for(".as_imported", number=run.id, marks="no"),
            }
            for run in copies.committed(db.session(), SHOWN)
        ]
        layouts = [
            {
                "label": gettext("Job functions × items"),
                "text": gettext("Who needs what: an X for every requirement of a single job function, with a legend."),
                "url": url_for(".stock_layout", name="functions"),
            },
            {
                "label": gettext("People × items"),
                "text": gettext("Who was trained when: the day of the last training of everybody employed now."),
                "url": url_for(".stock_layout", name="people"),
            },
        ]
        return self.render_template("importing/export.html", runs=rows, layouts=layouts)

    @expose("/<int:number>")
    @permitted("add")
    def as_imported(self, number: int) -> ResponseReturnValue:
        """The file of an import in its own layout with what is recorded now; ``marks=no`` leaves changes unmarked."""
        run = imports.find_run(db.session(), number, ("matrix",))
        if run.state == "committed":
            recognized(run, "export")
        written = copies.copy_of_run(
            db.session(), run, current().now(), zone(), marks=request.args.get("marks") != "no", say=say
        )
        with transaction() as session:
            audit.note(session, "export", run, list="matrix", form=written.suffix, digest=written.digest)
        return download(written, stem(run))

    @expose("/stock/<name>")
    @permitted("add")
    def stock_layout(self, name: str) -> ResponseReturnValue:
        """The matrix in a layout of our own."""
        if name not in stock.LAYOUTS:
            raise NotFound("There is no such layout.")
        data = stock.stock_copy(db.session(), name, current().now(), calendar_of(zone()))
        title = gettext("Training matrix") if name == "functions" else gettext("Training records")
        written = Written(data, "xlsx")
        with transaction() as session:
            audit.note(session, "export", list="matrix", layout=name, form=written.suffix, digest=written.digest)
        return download(written, title)


def register(appbuilder: AppBuilder) -> None:
    """Put the pages in place; the heat map and a finished import lead to them."""
    appbuilder.add_view_no_menu(MatrixExportView())
