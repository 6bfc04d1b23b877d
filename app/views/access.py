"""Roles × permissions on one printable page (SEC-1), and the review of who may do what (SEC-4)."""

from typing import Any

from flask import current_app, flash, redirect, request, url_for
from flask.typing import ResponseReturnValue
from flask_appbuilder import AppBuilder, BaseView, expose
from flask_appbuilder.security.sqla.models import Role, assoc_user_role
from flask_babel import gettext
from flask_babel import lazy_gettext as _l
from sqlalchemy import func, select

from app.domain import permissions
from app.domain.errors import RuleBroken
from app.extensions import db
from app.models.access import RoleNote
from app.reports import writing
from app.safeguards import audit
from app.safeguards.context import current
from app.services import access
from app.views.exports import download, report_of
from app.views.guard import permitted
from app.views.look import say
from app.views.refusals import sentence
from app.views.transaction import transaction

ORDER = 810


class PermissionsView(BaseView):
    """Who may do what: shown, printed, exported, and changed with a reason."""

    route_base = "/permissions"
    resource = "permissions"
    default_view = "show"

    @expose("/")
    @permitted("read")
    def show(self) -> ResponseReturnValue:
        """Show the table of roles × permissions."""
        return self._page(access.granted(db.session()), {})

    @expose("/", methods=["POST"])
    @permitted("edit")
    def change(self) -> ResponseReturnValue:
        """Give and take permissions; the trail keeps each with the reason."""
        wanted = {
            role: frozenset(p for p in permissions.GRANTS if request.form.get(_field(role, p)))
            for role in access.granted(db.session())
        }
        reason = request.form.get("reason", "").strip()
        if not reason:
            return self._page(wanted, {"reason": gettext("Say why the permissions change.")})
        try:
            with transaction(reason) as session:
                changes = access.set_grants(session, wanted)
                for role, resource, action, given in changes:
                    audit.note(session, "permission", role=role, resource=resource, action=action, given=given)
        except RuleBroken as refusal:
            return self._page(wanted, {"reason": sentence(refusal)})
        flash(gettext("%(n)s permissions changed. They count from the next click.", n=len(changes)), "success")
        return redirect(url_for("PermissionsView.show"))

    def _page(self, granted: dict[str, Any], errors: dict[str, str]) -> ResponseReturnValue:
        notes = {
            name: gettext(note) if note else ""
            for name, note in db.session.execute(
                select(Role.name, RoleNote.description).join(RoleNote, RoleNote.role_id == Role.id)
            )
        }
        held = {
            name: number
            for name, number in db.session.execute(
                select(Role.name, func.count())
                .join(assoc_user_role, assoc_user_role.c.role_id == Role.id)
                .group_by(Role.name)
            )
        }
        page = self.render_template(
            "access/permissions.html",
            title=gettext("Roles and permissions"),
            roles=[{"name": role, "note": notes.get(role, ""), "people": held.get(role, 0)} for role in granted],
            groups=_groups(granted),
            editable=current().may("permissions", "edit"),
            action_url=url_for("PermissionsView.change"),
            export_url=url_for("PermissionsView.export", form="xlsx"),
            errors=errors,
        )
        return page, 422 if errors else 200

    @expose("/export/<string:form>")
    @permitted("read")
    def export(self, form: str) -> ResponseReturnValue:
        """Send the table as Excel, CSV or PDF."""
        granted = access.granted(db.session())
        rows = [_printed(granted, permission) for permission in permissions.GRANTS]
        titles = [gettext("Record"), gettext("Permission"), *granted]
        report = report_of(gettext("Roles and permissions"), titles, rows)
        file = writing.write(report, form, translate=gettext)
        with transaction() as session:
            audit.note(session, "export", list="permissions", form=form, digest=file.digest)
        return download(file)


def _printed(granted: dict[str, Any], permission: permissions.Permission) -> tuple[str, ...]:
    resource, action = permission
    marks = ("x" if permission in held else "" for held in granted.values())
    return (say(permissions.RESOURCES[resource]), say(permissions.ACTIONS[action]), *marks)


def _field(role: str, permission: permissions.Permission) -> str:
    return f"{role}:{permission[0]}:{permission[1]}"


def _groups(granted: dict[str, Any]) -> list[dict[str, Any]]:
    groups: dict[str, dict[str, Any]] = {}
    for permission in permissions.GRANTS:
        resource, action = permission
        group = groups.setdefault(
            resource, {"resource": resource, "label": say(permissions.RESOURCES[resource]), "rows": []}
        )
        cells = [
            {"role": role, "allowed": permission in held, "name": _field(role, permission)}
            for role, held in granted.items()
        ]
        group["rows"].append({"action": action, "label": say(permissions.ACTIONS[action]), "cells": cells})
    return list(groups.values())


class AccessReviewView(BaseView):
    """Every login with roles, scope, last sign-in; leavers with access and conflicts of duty stand out (SEC-4)."""

    route_base = "/access-review"
    resource = "users"
    default_view = "show"

    @expose("/")
    @permitted("read")
    def show(self) -> ResponseReturnValue:
        """Show the review."""
        rows = access.access_review(db.session(), current().now())
        return self.render_template("access/review.html", title=gettext("Access review"), rows=rows)

    @expose("/export/<string:form>")
    @permitted("export")
    def export(self, form: str) -> ResponseReturnValue:
        """Send the review as Excel, CSV or PDF."""
        titles = [
            gettext(t) for t in ("User name", "Name", "Person", "Roles", "Clients", "Active", "Last login", "Note")
        ]
        report = report_of(gettext("Access review"), titles, [_line(one) for one in self._rows()])
        file = writing.write(report, form, translate=gettext)
        with transaction() as session:
            audit.note(session, "export", list="access review", form=form, digest=file.digest)
        return download(file)

    def _rows(self) -> list[access.Reviewed]:
        return access.access_review(db.session(), current().now())


def notes_of(one: access.Reviewed) -> list[str]:
    """Return what a reviewer should look at, in words."""
    found = []
    if one.left and one.user.active:
        found.append(gettext("has left but can sign in"))
    if one.conflicting:
        found.append(gettext("runs the system and takes quality decisions"))
    if not one.roles and one.user.active:
        found.append(gettext("has no role"))
    return found


def _line(one: access.Reviewed) -> tuple[Any, ...]:
    user = one.user
    clients = gettext("All clients") if one.clients is None else ", ".join(one.clients)
    last = user.last_login.isoformat(" ", "minutes") if user.last_login else ""
    person = str(one.person) if one.person else ""
    return (
        user.username,
        user.get_full_name(),
        person,
        ", ".join(one.roles),
        clients,
        bool(user.active),
        last,
        "; ".join(notes_of(one)),
    )


def register(appbuilder: AppBuilder) -> None:
    """Register both pages."""
    appbuilder.add_view(
        PermissionsView(), "permissions", icon="lock", label=_l("Roles and permissions"), category="Administration"
    )
    appbuilder.add_view(
        AccessReviewView(), "access review", icon="shield-check", label=_l("Access review"), category="Administration"
    )
    current_app.jinja_env.globals["access_notes"] = notes_of
