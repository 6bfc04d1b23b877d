"""Finds records as one types, for reference fields and filters (``/lookup/MODEL?q=``), within scope and permission."""

from typing import Any

from flask import jsonify, request
from flask.typing import ResponseReturnValue
from flask_appbuilder import AppBuilder, BaseView, expose
from flask_appbuilder.security.sqla.models import User
from sqlalchemy import or_, select

from app.domain.errors import NotFound
from app.extensions import db
from app.models.base import FOREVER, Fact
from app.models.configuration import ChoiceList
from app.models.documents import Category, DocumentType, Item, Version
from app.models.organization import Unit
from app.models.people import Person
from app.safeguards.context import current
from app.views.guard import signed_in
from app.views.listing import LONGEST_TEXT, contains

ORDER = 20
MOST = 20

LOOKUPS: dict[str, tuple[Any, tuple[str, ...], tuple[tuple[str, str], ...]]] = {
    "people": (Person, ("name", "employee_no", "email"), (("people", "read"),)),
    "units": (Unit, ("code", "name"), (("units", "read"), ("documents", "read"))),
    "items": (Item, ("code", "title"), (("documents", "read"),)),
    "versions": (Version, ("label",), (("documents", "read"),)),
    "categories": (Category, ("code", "name"), (("documents", "read"), ("configuration", "read"))),
    "document_types": (DocumentType, ("code", "name"), (("documents", "read"), ("configuration", "read"))),
    "choice_lists": (ChoiceList, ("code", "name"), (("configuration", "read"),)),
    "ab_user": (User, ("username", "first_name", "last_name"), (("users", "read"),)),
}
"""Table → class, columns that are searched, permissions of which one is needed. Another view adds its own here."""


class LookupView(BaseView):
    """Answers reference fields."""

    route_base = "/lookup"
    default_view = "find"

    @expose("/<string:model>")
    @signed_in
    def find(self, model: str) -> ResponseReturnValue:
        """Return up to 20 records whose columns contain every word of ``q``, as JSON."""
        if model not in LOOKUPS:
            raise NotFound("There is nothing to look up here.")
        target, names, permissions = LOOKUPS[model]
        if not any(current().may(*permission) for permission in permissions):
            raise NotFound("There is nothing to look up here.")
        query = select(target)
        for word in request.args.get("q", "")[:LONGEST_TEXT].split()[:6]:
            query = query.where(or_(*(contains(getattr(target, name), word) for name in names)))
        kind = request.args.get("kind")
        if target is Unit and kind:
            query = query.where(Unit.kind == kind)
        if hasattr(target, "active"):
            query = query.where(target.active)
        if issubclass(target, Fact):
            query = query.where(target.voided_at == FOREVER)
        rows = db.session.scalars(query.order_by(getattr(target, names[0])).limit(MOST))
        return jsonify([{"id": row.id, "text": str(row)} for row in rows])


def register(appbuilder: AppBuilder) -> None:
    """Register the look-up address."""
    appbuilder.add_view_no_menu(LookupView())
