"""Sends stored files so that a browser never runs them: checked type, no sniffing, kept apart from our pages."""

from flask import Response, send_file

from app.models.files import StoredFile
from app.services import files

SHOWN_IN_PAGE = frozenset({"application/pdf", "image/png", "image/jpeg", "image/gif", "text/plain", "text/csv"})


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
