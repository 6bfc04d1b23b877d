"""Sends stored files so that a browser never runs them: checked type, no sniffing, kept apart from our pages."""

from io import BytesIO

from flask import Response, current_app, flash, send_file

from app.domain.dates import calendar_of
from app.models.files import StoredFile
from app.safeguards.context import current
from app.services import files
from app.services.spreadsheets_writing import Written
from app.views.look import say

SHOWN_IN_PAGE = frozenset({"application/pdf", "image/png", "image/jpeg", "image/gif", "text/plain", "text/csv"})

TYPES = {
    "xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
    "csv": "text/csv",
    "tsv": "text/tab-separated-values",
    "txt": "text/plain",
}


def download(written: Written, stem: str) -> Response:
    """A written spreadsheet as a download named after the day; what it does not hold is told on the next page."""
    for note in written.notes:
        flash(say(note), "warning")
    today = calendar_of(str(current_app.config["TIME_ZONE"])).day(current().now()).isoformat()
    name = f"{stem} {today}.{written.suffix}"
    data = BytesIO(written.data)
    return send_file(data, mimetype=TYPES[written.suffix], as_attachment=True, download_name=name, max_age=0)


def send(file: StoredFile, name: str, *, inline: bool = False) -> Response:
    """Return the bytes of a stored file as a download under ``name``.

    With ``inline`` the browser may show harmless kinds itself.
    """
    shown = inline and file.content_type in SHOWN_IN_PAGE
    response = send_file(
        files.open_file(file), mimetype=file.content_type, as_attachment=not shown, download_name=name, max_age=0
    )
    response.headers["Content-Security-Policy"] = "default-src 'none'; style-src 'unsafe-inline'; sandbox"
    response.headers["X-Content-Type-Options"] = "nosniff"
    response.headers["Cache-Control"] = "no-store"
    return response
