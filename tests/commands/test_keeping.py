"""The commands that set an installation up and keep it healthy."""

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import click
import pytest
from flask_appbuilder.security.sqla.models import User
from sqlalchemy import select

from app.cli import main
from app.safeguards.context import acting
from app.services import invariants
from tests.cast import context_of
from tests.commands.conftest import Shell
from tests.conftest import House

VERIFIER = Path(__file__).resolve().parents[2] / "verify_trail.py"
CONTRACT = ["init", "demo", "serve", "reconcile", "check", "upgrade", "create-admin", "compliance", "import", "audit"]


def commands(group: click.Group, path: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    for name, command in group.commands.items():
        yield (*path, name)
        if isinstance(command, click.Group):
            yield from commands(command, (*path, name))


def test_the_commands_of_the_contract_are_there() -> None:
    assert set(CONTRACT) <= set(main.commands)
    kinds = [
        "units",
        "people",
        "memberships",
        "documents",
        "requirements",
        "completions",
        "exemptions",
        "leaves",
        "orders",
        "matrix",
    ]
    imports = main.commands["import"]
    assert isinstance(imports, click.Group)
    assert set(kinds) <= set(imports.commands)


@pytest.mark.parametrize("path", list(commands(main)), ids=" ".join)
def test_every_command_explains_itself(shell: Shell, path: tuple[str, ...]) -> None:
    result = shell(*path, "--help")
    assert result.exit_code == 0
    text = result.output.split("Options:")[0]
    assert len(text.split("\n\n", 1)[1].strip()) > 20, "says what it does"


def test_an_unknown_command_is_one_line(shell: Shell) -> None:
    result = shell("implode")
    assert result.exit_code == 2
    assert len(result.output.strip().splitlines()) == 1
    assert "No such command 'implode'." in result.output
    assert "(See qualgate --help)" in result.output


def test_init_again_changes_nothing_and_upgrade_is_up_to_date(shell: Shell) -> None:
    assert "in place" in shell("init").output
    assert "Up to date" in shell("upgrade").output


@pytest.mark.req("SEC-1")
def test_create_admin_makes_a_login_and_refuses_a_taken_name_and_a_weak_password(house: House, shell: Shell) -> None:
    asked = ("create-admin", "--username", "root2", "--name", "Rita Root", "--as", "ada")
    weak = shell(*asked, "--password", "short")
    assert weak.exit_code == 1
    assert len(weak.output.strip().splitlines()) == 1
    made = shell(*asked, env={"QUALGATE_ADMIN_PASSWORD": "seven brave otters swim"})
    assert made.exit_code == 0, made.output
    with acting(context_of()):
        user = house.session.scalar(select(User).where(User.username == "root2"))
        assert user is not None
        assert [role.name for role in user.roles] == ["Admin"]
    taken = shell(*asked, "--password", "seven brave otters swim")
    assert taken.output.strip() == "The name root2 is taken."
    refused = shell(*asked[:-1], "tom", "--password", "seven brave otters swim")
    assert "Tom Trainee may not make logins." in refused.output


@pytest.mark.req("MTX-8")
def test_reconciling_twice_changes_nothing(shell: Shell) -> None:
    shell("reconcile", "--as", "ada")
    again = shell("reconcile", "--as", "ada", "--json")
    assert set(json.loads(again.stdout).values()) == {0}


@pytest.mark.req("T-GATE")
def test_check_is_sound_and_names_what_an_assignment_lacks(house: House, shell: Shell) -> None:
    files = {
        "d.csv": "code,title,version,approved_on,effective_on\nSOP-1,One,1,2025-01-01,2025-02-01\n",
        "r.csv": "item,units,from\nSOP-1,job_function:OPERATOR,2025-03-03\n",
    }
    shell("import", "documents", "d.csv", "--commit", "--reason", "x", files=files)
    shell("import", "requirements", "r.csv", "--commit", "--reason", "x")
    sound = shell("check", "--files")
    assert sound.exit_code == 0, sound.output
    assert f"{len(invariants.RULES) + 1} rules hold" in sound.output
    raw = house.session.connection().connection.driver_connection
    for (name,) in raw.execute(
        "SELECT name FROM sqlite_master WHERE type='trigger' AND tbl_name='assignments'"
    ).fetchall():
        raw.execute(f'DROP TRIGGER "{name}"')
    raw.execute("DELETE FROM assignments WHERE id = (SELECT min(id) FROM assignments)")
    raw.commit()
    broken = shell("check", "--json")
    assert broken.exit_code == 1
    findings = json.loads(broken.stdout)["findings"]
    assert [finding["rule"] for finding in findings] == ["required-is-assigned"]
    assert "1 assignments would be opened" in findings[0]["what"]


@pytest.mark.req("AUD-3")
def test_the_trail_verifies_and_a_row_changed_behind_its_back_is_named(house: House, shell: Shell) -> None:
    sound = shell("audit", "verify")
    assert sound.exit_code == 0, sound.output
    raw = house.session.connection().connection.driver_connection
    for (name,) in raw.execute("SELECT name FROM sqlite_master WHERE type='trigger' AND tbl_name='people'").fetchall():
        raw.execute(f'DROP TRIGGER "{name}"')
    raw.execute("UPDATE people SET name = 'Somebody Else' WHERE employee_no = 'E008'")
    raw.commit()
    broken = shell("audit", "verify", "--json")
    assert broken.exit_code == 1
    verdict = json.loads(broken.stdout)
    assert verdict["sound"] is False
    assert any(finding["table"] == "people" for finding in verdict["findings"])


@pytest.mark.req("AUD-3")
def test_an_export_is_checked_without_the_application(shell: Shell, tmp_path: Path) -> None:
    target = tmp_path / "trail.jsonl"
    assert shell("audit", "export", str(target), "--as", "quinn").exit_code == 0
    alone = [sys.executable, "-I", str(VERIFIER), str(target)]
    good = subprocess.run(alone, capture_output=True, text=True, check=False)
    assert good.returncode == 0, good.stdout + good.stderr
    target.write_text(target.read_text().replace("Tom Trainee", "Tim Trainee", 1))
    bad = subprocess.run(alone, capture_output=True, text=True, check=False)
    assert bad.returncode != 0


@pytest.mark.req("SEC-1", "AUD-1")
def test_only_who_may_exports_the_trail(shell: Shell, tmp_path: Path) -> None:
    result = shell("audit", "export", str(tmp_path / "trail.jsonl"), "--as", "cora")
    assert result.exit_code == 1
    assert "may not export the audit trail" in result.output
    assert not (tmp_path / "trail.jsonl").exists()


def test_a_database_without_tables_is_told_in_one_line(tmp_path: Path) -> None:
    environment = {"PATH": "/usr/bin:/bin", "QUALGATE_INSTANCE": str(tmp_path), "PYTHONPATH": str(VERIFIER.parent)}
    command = [sys.executable, "-c", "from app.cli import main; main()", "compliance"]
    result = subprocess.run(command, capture_output=True, text=True, check=False, env=environment)
    assert result.returncode == 1
    assert result.stderr.strip() == "The database has no tables of this version yet. Run: qualgate init"
