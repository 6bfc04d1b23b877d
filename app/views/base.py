"""RecordView: what every kind of record gets without further code.

List with search, filters, order, pages and export; page with details, history, files and remarks; forms that keep what
was typed, refuse stale and double changes and ask for a reason; actions by POST only. One request, one transaction.
``docs/how-to-add-an-entity.md`` shows the use.
"""

from typing import Any

from flask import current_app

from app.views.record_core import Button, Deed, RecordCore, Tab, deed
from app.views.record_forms import FormPages
from app.views.record_lists import ListPages
from app.views.record_pages import ShowPages

__all__ = ["Button", "Deed", "RecordView", "Tab", "deed", "url_of", "view_of"]


class RecordView(ListPages, ShowPages, FormPages):
    """The pages of one kind of record. Derive from it, name ``model`` and ``resource``, and list the columns."""

    default_view = "list"


def view_of(record: Any) -> RecordCore | None:
    """Return the view that shows ``record``, or None where there is none."""
    for view in current_app.extensions["appbuilder"].baseviews:
        if isinstance(view, RecordCore) and view.covers(record):
            return view
    return None


def url_of(record: Any) -> str | None:
    """Return the address of a record's page, or None where it has none."""
    view = view_of(record)
    return view.url_of(record) if view is not None else None
