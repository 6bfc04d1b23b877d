"""The search of the top bar: a page of results, and suggestions as JSON while one types."""

from typing import Any

from flask import jsonify, request
from flask.typing import ResponseReturnValue
from flask_appbuilder import AppBuilder, BaseView, expose
from flask_babel import gettext
from flask_babel import lazy_gettext as _l
from markupsafe import Markup, escape

from app.extensions import db
from app.models.organization import UNIT_KINDS, Unit
from app.services import search
from app.views.base import url_of
from app.views.guard import signed_in

ORDER = 30
KINDS = {
    "people": (_l("People"), "users"),
    "documents": (_l("Documents in force"), "file-text"),
    "items": (_l("Other documents and courses"), "books"),
    "units": (_l("Organization"), "building"),
}
SUGGESTIONS = 5


class SearchView(BaseView):
    """Finds people, documents and units within permission and scope."""

    route_base = "/search"
    default_view = "find"

    @expose("")
    @signed_in
    def find(self) -> ResponseReturnValue:
        """Show what contains all the words."""
        question = request.args.get("q", "").strip()[: search.LONGEST_QUESTION]
        groups = search.search(db.session(), question)
        if request.accept_mimetypes.best_match(["text/html", "application/json"]) == "application/json":
            return jsonify([row for group in groups for row in _suggestions(group)])
        told = [
            {"label": KINDS[group.kind][0], "icon": KINDS[group.kind][1], "rows": [_row(one) for one in group.rows]}
            for group in groups
        ]
        total = sum(len(group.rows) for group in groups)
        return self.render_template(
            "search/results.html", title=gettext("Search"), q=question, groups=told, total=total
        )


def _row(found: search.Found) -> dict[str, Any]:
    note = UNIT_KINDS[found.record.kind] if isinstance(found.record, Unit) else found.note
    snippet = None
    if found.match:
        snippet = (
            escape(found.before) + Markup("<mark>") + escape(found.match) + Markup("</mark>") + escape(found.after)
        )
    return {"text": str(found.record), "note": note, "url": url_of(found.record) or "#", "snippet": snippet}


def _suggestions(group: search.Group) -> list[dict[str, Any]]:
    label = str(KINDS[group.kind][0])
    rows = [_row(one) for one in group.rows[:SUGGESTIONS]]
    return [
        {"text": row["text"], "note": str(row["note"]), "url": row["url"], "kind": group.kind, "kind_label": label}
        for row in rows
    ]


def register(appbuilder: AppBuilder) -> None:
    """Register the search."""
    appbuilder.add_view_no_menu(SearchView())
