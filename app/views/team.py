"""My team: who may work today, who may not, why, and what to do about it (UX-2)."""

from typing import Any

from flask import request
from flask.typing import ResponseReturnValue
from flask_appbuilder import AppBuilder, BaseView, expose
from flask_babel import gettext
from flask_babel import lazy_gettext as _l

from app.domain.compliance import DUE_SOON, EXEMPT, QUALIFIED
from app.extensions import db
from app.safeguards.context import current
from app.services import compliance, documents, home
from app.services.home import Member
from app.views.guard import permitted
from app.views.look import safe_url

ORDER = 6
SHOWN_PER_PERSON = 12


class TeamView(BaseView):
    """The supervisor's page."""

    route_base = "/team"
    default_view = "team"
    resource = "compliance"

    @expose("/")
    @permitted("team")
    def team(self) -> ResponseReturnValue:
        """Show everybody below the current person, those out of date first."""
        person = documents.person_of(db.session())
        members = home.team_of(db.session(), person) if person is not None else []
        wanted = request.args.get("filter")
        return self.render_template(
            "team/team.html",
            title=gettext("My team"),
            people=[_told(one) for one in members if _matches(one, wanted)],
            numbers={
                "people": len(members),
                "in_order": sum(_matches(one, "in") for one in members),
                "out_of_date": sum(_matches(one, "out") for one in members),
                "due_soon": sum(_matches(one, "soon") for one in members),
            },
            filter=wanted,
            matrix_url=safe_url("HeatmapView.show"),
        )


def _matches(member: Member, wanted: str | None) -> bool:
    if wanted == "out":
        return member.late > 0
    if wanted == "soon":
        return member.counts[DUE_SOON] > 0
    if wanted == "in":
        return not member.late
    return True


def _told(member: Member) -> dict[str, Any]:
    person = member.person
    return {
        "name": person.name,
        "employee_no": person.employee_no,
        "url": safe_url("PersonView.show", pk=person.id),
        "functions": member.functions,
        "on_leave": member.on_leave,
        "numbers": {**member.counts, "total": sum(member.counts.values()),
                    "qualified": member.counts[QUALIFIED] + member.counts[EXEMPT]},
        "problems": [_problem(row) for row in member.problems[:SHOWN_PER_PERSON]],
    }  # fmt: skip


def _problem(row: compliance.Row) -> dict[str, Any]:
    """Return what is wrong, the whole chain of reasons, and what the supervisor can do."""
    return {
        "item": row.title,
        "code": row.item,
        "status": row.status,
        "due_on": row.due_on,
        "why": row.explanation.render(gettext),
        "actions": _actions(row),
    }


def _actions(row: compliance.Row) -> list[dict[str, Any]]:
    wanted = (
        ("training", "add", gettext("Record training"), "CompletionView.add", "clipboard-check"),
        ("extensions", "add", gettext("Extend"), "ExtensionView.add", "calendar-plus"),
        ("orders", "add", gettext("Order training"), "OrderView.add", "flag"),
    )
    found = []
    for resource, action, label, endpoint, icon in wanted:
        url = safe_url(endpoint, person_id=row.person_id, item_id=row.item_id)
        if url and current().may(resource, action):
            found.append({"label": label, "url": url, "icon": icon})
    return found


def register(appbuilder: AppBuilder) -> None:
    """Put the team into the menu."""
    appbuilder.add_view(
        TeamView(), "team", icon="users-group", label=_l("My team"), category="Training", category_label=_l("Training"),
        category_icon="school",
    )  # fmt: skip
