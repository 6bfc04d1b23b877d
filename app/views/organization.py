"""The nine lists of the organization, one view class (ORG-1)."""

from typing import Any

from flask_appbuilder import AppBuilder
from flask_babel import lazy_gettext as _l
from sqlalchemy import Select

from app.models.base import Record
from app.models.organization import UNIT_KINDS, Unit
from app.services import units
from app.views.base import RecordView

ORDER = 200

PLURALS = {
    "site": (_l("Sites"), "map-pin"),
    "department": (_l("Departments"), "building"),
    "job_function": (_l("Job functions"), "briefcase"),
    "special_function": (_l("Special functions"), "star"),
    "equipment": (_l("Equipment"), "tool"),
    "product_line": (_l("Product lines"), "package"),
    "client": (_l("Clients"), "building-community"),
    "study": (_l("Studies"), "flask"),
    "shift": (_l("Shifts"), "clock"),
}

OWN_COLUMNS = {
    "site": ("code", "name", "time_zone", "description", "active"),
    "client": ("code", "name", "description", "active"),
    "shift": ("code", "name", "site_id", "shift_starts", "description", "active"),
}
USUAL_COLUMNS = ("code", "name", "site_id", "client_id", "description", "active")


class UnitView(RecordView):
    """One list of units; the nine views differ in the kind and its columns only."""

    model = Unit
    resource = "units"
    kind = ""
    search_columns = ("code", "name", "description")
    order = ("code",)

    def base_query(self) -> Select[Any]:
        """Only units of this kind."""
        return super().base_query().where(Unit.kind == self.kind)

    def covers(self, record: Any) -> bool:
        """Tell whether a unit is of this kind."""
        return isinstance(record, Unit) and record.kind == self.kind

    def custom_type(self) -> str:
        """Each kind has its own added fields."""
        return f"units:{self.kind}"

    def fixed_values(self) -> dict[str, Any]:
        """A new unit is of this list's kind."""
        return {"kind": self.kind}

    def create(self, session: Any, values: dict[str, Any]) -> Record:
        """Make the unit by the rules of the organization."""
        return units.add_unit(session, values)

    def change(self, session: Any, record: Any, values: dict[str, Any], reason: str) -> Record:
        """Change the unit by the rules of the organization."""
        units.check_unit(values | {"kind": record.kind})
        return super().change(session, record, values, reason)


def _view_of(kind: str) -> type[UnitView]:
    names = OWN_COLUMNS.get(kind, USUAL_COLUMNS)
    plural, icon = PLURALS[kind]
    listed = tuple(name for name in names if name != "description")
    members = {
        "kind": kind,
        "title": plural,
        "title_one": UNIT_KINDS[kind],
        "icon": icon,
        "route_base": f"/organization/{kind}",
        "list_columns": listed,
        "filter_columns": tuple(name for name in listed if name not in {"code", "name"}),
        "show_columns": names,
        "add_columns": names,
        "__doc__": f"The list of units of the kind {kind}.",
        "__module__": __name__,
    }
    return type("".join(word.title() for word in kind.split("_")) + "View", (UnitView,), members)


VIEWS = {kind: _view_of(kind) for kind in UNIT_KINDS}


def register(appbuilder: AppBuilder) -> None:
    """Register the nine lists."""
    for kind, view in VIEWS.items():
        appbuilder.add_view(
            view(),
            f"units {kind}",
            icon=PLURALS[kind][1],
            label=PLURALS[kind][0],
            category="Organization",
            category_icon="building",
            category_label=_l("Organization"),
        )
