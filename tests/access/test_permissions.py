"""Who may do what: the table, its page, and what changing it means (SEC-1, 21 CFR 11.10(g))."""

import re
from typing import Any

import pytest
from flask_appbuilder.security.sqla.models import PermissionView, Role, User
from sqlalchemy import select

from app.domain import permissions
from app.models.trail import AuditEntry
from app.safeguards.context import acting
from app.services import access
from tests.cast import CAST, context_of
from tests.conftest import House

pytestmark = pytest.mark.req("SEC-1", "11.10(g)")


def ticked(house: House) -> dict[str, str]:
    """Return the fields of the permission page as they are ticked now."""
    page = house.client("ada").get("/permissions/").text
    boxes = re.findall(r'<input[^>]*type="checkbox"[^>]*>', page)
    found = {}
    for box in boxes:
        name = re.search(r'name="([^"]+)"', box)
        if name and " checked" in box:
            found[name.group(1)] = "1"
    return found


def test_a_new_installation_has_exactly_the_roles_and_grants_of_the_table(house: House) -> None:
    with acting(context_of()):
        granted = access.granted(house.session)
    assert list(granted) == list(permissions.ROLES)
    for role, held in granted.items():
        assert held == permissions.permissions_of([role]), role


def test_bringing_roles_in_line_twice_changes_nothing(house: House) -> None:
    with acting(context_of()):
        assert access.sync_permissions(house.session) == 0
        house.session.rollback()


def test_an_upgrade_adds_what_is_new_and_keeps_what_the_company_changed(house: House, monkeypatch: Any) -> None:
    with acting(context_of()):
        granted = access.granted(house.session)
        fewer = granted["Supervisor"] - {("compliance", "export")}
        access.set_grants(house.session, {"Supervisor": fewer})
        house.session.commit()
        new = {**permissions.GRANTS, ("reports", "add"): frozenset({"QA"})}
        del new["jobs", "run"]
        monkeypatch.setattr(permissions, "GRANTS", new)
        assert access.sync_permissions(house.session) == 1
        house.session.commit()
        after = access.granted(house.session)
    assert ("reports", "add") in after["QA"]
    assert ("compliance", "export") not in after["Supervisor"], "the company took it away"
    assert all(("jobs", "run") not in held for held in after.values()), "the permission is no more"


def test_the_administrator_approves_nothing_and_quality_runs_nothing() -> None:
    for role in permissions.ROLES:
        assert not permissions.conflicts(permissions.permissions_of([role])), role
    assert permissions.conflicts(permissions.permissions_of(["Admin", "QA"]))
    assert not permissions.permissions_of(["Admin"]) & permissions.APPROVING


def test_auditors_only_read() -> None:
    assert {action for _, action in permissions.permissions_of(["Auditor"])} <= {"read", "export", "superseded"}


def test_the_page_changes_permissions_with_a_reason_and_they_count_from_the_next_click(house: House) -> None:
    tom = house.client("tom")
    assert tom.get("/people/list/").status_code == 403
    ada = house.client("ada")
    form = ticked(house) | {"Trainee:people:read": "1"}
    refused = ada.post("/permissions/", data=form)
    assert refused.status_code == 422
    assert "Say why" in refused.text
    assert ada.post("/permissions/", data=form | {"reason": "Trainees look colleagues up"}).status_code == 302
    assert tom.get("/people/list/").status_code == 200
    with acting(context_of()):
        entries = house.session.scalars(select(AuditEntry).where(AuditEntry.kind == "permission")).all()
        rows = house.session.scalars(
            select(AuditEntry).where(
                AuditEntry.table_name == "ab_permission_view_role", AuditEntry.reason == "Trainees look colleagues up"
            )
        ).all()
    assert [(entry.reason, entry.username) for entry in entries] == [("Trainees look colleagues up", "ada")]
    assert len(rows) == 1, "the row that ties role and permission is on the trail itself"


def test_nobody_locks_everybody_out(house: House) -> None:
    form = {name: value for name, value in ticked(house).items() if not name.endswith(":permissions:edit")}
    answer = house.client("ada").post("/permissions/", data=form | {"reason": "Oops"})
    assert answer.status_code == 422
    assert "nobody could change permissions" in answer.text
    assert house.client("ada").get("/permissions/").status_code == 200


@pytest.mark.parametrize(
    "member", [one for one in CAST if one.role not in {None, "Admin"}], ids=lambda one: one.username
)
def test_nobody_but_an_administrator_changes_permissions(house: House, member: Any) -> None:
    browser = house.client(member.username)
    answer = browser.post("/permissions/", data={f"{member.role}:users:edit": "1", "reason": "I want it"})
    assert answer.status_code == 403
    with acting(context_of()):
        assert access.granted(house.session) == {role: permissions.permissions_of([role]) for role in permissions.ROLES}


def test_the_table_is_printable(house: House) -> None:
    csv = house.client("quinn").get("/permissions/export/csv").text
    assert csv.splitlines()[0].lstrip("\ufeff") == "Record,Permission," + ",".join(permissions.ROLES)
    assert house.client("quinn").get("/permissions/export/pdf").data.startswith(b"%PDF")


def test_one_question_answers_for_the_whole_request(house: House) -> None:
    with acting(context_of()):
        tom = house.session.scalar(select(User).where(User.username == "tom"))
        assert tom is not None
        held = access.permissions_of_user(house.session, tom.id)
    assert held == permissions.permissions_of(["Trainee"])


def test_two_roles_add_up(house: House) -> None:
    with acting(context_of()):
        tom = house.session.scalars(select(User).where(User.username == "tom")).one()
        tom.roles.append(house.session.scalars(select(Role).where(Role.name == "Instructor")).one())
        house.session.commit()
        number = tom.id
        assert access.permissions_of_user(house.session, number) == permissions.permissions_of(
            ["Trainee", "Instructor"]
        )


def test_no_permission_of_the_shell_itself_is_left_to_grant(house: House) -> None:
    with acting(context_of()):
        rows = house.session.scalars(select(PermissionView)).all()
    names = {(row.view_menu.name, row.permission.name) for row in rows}
    assert names == {(resource, f"can_{action}") for resource, action in permissions.GRANTS}


def test_a_misspelled_permission_in_the_table_is_found_when_the_program_starts() -> None:
    for wrong in ("people fly x . . . . . . . .", "people read x x", "people read y . . . . . . . ."):
        with pytest.raises(ValueError, match="cannot be read"):
            permissions._parsed(f"resource action\n{wrong}")
    twice = "\n".join(["resource action", *["people read x . . . . . . . ."] * 2])
    with pytest.raises(ValueError, match="twice"):
        permissions._parsed(twice)
