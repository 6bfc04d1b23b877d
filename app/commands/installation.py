"""``qualgate init``, ``upgrade``, ``create-admin``, ``reconcile`` and ``check``: an installation and its health."""

import json
import shutil
import subprocess
import sys
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from sqlite3 import connect

import click
from flask import Flask, current_app
from flask_appbuilder.security.sqla.models import Role, User
from sqlalchemy import select
from sqlalchemy.orm import Session

from app.commands.acting import Refused, operating, options, shell_context, the_app, told
from app.domain import permissions
from app.domain.errors import RuleBroken
from app.extensions import db
from app.safeguards.context import acting, current
from app.services import effective, installation, invariants, logins, reconciler, schema


def prepare(app: Flask, reason: str) -> tuple[str | None, str | None]:
    """Make or upgrade the tables, roles and starting lists; return the revisions before and after."""
    with app.app_context(), acting(shell_context(reason)):
        session = db.session()
        try:
            revisions = installation.install(session, db.engine)
            session.commit()
        except BaseException:
            session.rollback()
            raise
        finally:
            db.session.remove()
    return revisions


@click.command("init")
@click.option("--reason", default="Set-up of the installation", metavar="TEXT", help="Kept on the audit trail.")
@told
def init(reason: str) -> None:
    """Make the database, its guards, the roles, document types and keys. Running it again changes nothing.

    Needs no server. The database is SQLite in ./instance unless QUALGATE_DATABASE_URL names another.
    """
    app = the_app()
    before, after = prepare(app, reason)
    where = _place(app)
    click.echo(f"{where}: made, revision {after}." if before is None else f"{where}: in place, revision {after}.")
    with app.app_context(), acting(shell_context(reason)):
        if not db.session.scalar(select(User.id).limit(1)):
            click.echo("There is no login yet. Next: qualgate create-admin --username NAME --name 'Full Name'")


def _place(app: Flask) -> str:
    with app.app_context():
        return db.engine.url.render_as_string(hide_password=True)


@click.command("upgrade")
@click.option("--no-backup", is_flag=True, help="Do not copy the database first; you have a backup of your own.")
@click.option("--reason", default="Upgrade of the installation", metavar="TEXT", help="Kept on the audit trail.")
@told
def upgrade(no_backup: bool, reason: str) -> None:
    """Bring the database up to this version of Qualgate, after a backup. Running it again changes nothing."""
    app = the_app()
    with app.app_context(), db.engine.connect() as connection:
        now, wanted = schema.current_revision(connection), schema.head_revision()
    if now == wanted:
        prepare(app, reason)
        click.echo(f"Up to date, revision {now}.")
        return
    if now is not None and not no_backup:
        click.echo(f"Backup: {_back_up(app)}")
    before, after = prepare(app, reason)
    click.echo(f"Upgraded from revision {before or 'none'} to {after}.")


def _back_up(app: Flask) -> Path:
    """Copy the database into ``backups`` of the instance folder; return where. Raises RuleBroken when it fails."""
    folder = Path(app.config["INSTANCE_FOLDER"]) / "backups"
    folder.mkdir(parents=True, exist_ok=True)
    stamp = f"{datetime.now(UTC):%Y%m%dT%H%M%SZ}"
    with app.app_context():
        url = db.engine.url
    if url.get_backend_name() == "sqlite":
        target = folder / f"qualgate-{stamp}.db"
        with closing(connect(str(url.database))) as source, closing(connect(target)) as copy:
            source.backup(copy)
        return target
    tool = shutil.which("pg_dump")
    if tool is None:
        raise RuleBroken("There is no pg_dump here to make a backup with. Make one yourself and use --no-backup.")
    target = folder / f"qualgate-{stamp}.dump"
    address = url.set(drivername="postgresql").render_as_string(hide_password=False)
    done = subprocess.run(  # noqa: S603  (the program is pg_dump, the address our own setting)
        [tool, "--format=custom", f"--file={target}", address], capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise RuleBroken("The backup failed: %(why)s", why=done.stderr.strip().split("\n")[-1])
    return target


@click.command("create-admin")
@click.option("--username", required=True, help="The login's name; never used again for another person.")
@click.option("--name", required=True, help="First and last name, as signatures print it.")
@click.option("--email", default="", help="Where one-time links and notices go.")
@click.option(
    "--password",
    envvar="QUALGATE_ADMIN_PASSWORD",
    help="Default: QUALGATE_ADMIN_PASSWORD, else it is asked for. Visible to others on this machine when given here.",
)
@click.option(
    "--role", "roles", multiple=True, type=click.Choice(permissions.ROLES), help="Default: Admin. May be repeated."
)
@click.option("--as", "operator", metavar="USERNAME", envvar="QUALGATE_OPERATOR", help="The login that makes it.")
@click.option("--reason", default="A login for an administrator", metavar="TEXT", help="Kept on the audit trail.")
@told
def create_admin(
    username: str,
    name: str,
    email: str,
    password: str | None,
    roles: tuple[str, ...],
    operator: str | None,
    reason: str,
) -> None:
    """Make a login that runs the system. Refused when the name is taken."""
    if password is None:
        if not sys.stdin.isatty():
            raise click.UsageError("Give the password by QUALGATE_ADMIN_PASSWORD, or run this in a terminal.")
        password = click.prompt("Password", hide_input=True, confirmation_prompt=True)
    with operating(the_app(), operator, reason, ("users", "add")) as session:
        if not current().may("users", "add"):
            raise RuleBroken("%(name)s may not make logins.", name=current().printed_name)
        _add_login(session, username, name, email, password, roles or (permissions.ADMIN,))
    click.echo(f"{username} may sign in now.")


def _add_login(session: Session, username: str, name: str, email: str, password: str, roles: tuple[str, ...]) -> None:
    if logins.find_user(session, username) is not None:
        raise RuleBroken("The name %(name)s is taken.", name=username)
    first, _, last = name.strip().partition(" ")
    if not last:
        raise RuleBroken("Give first and last name: signatures print both.")
    known = {role.name: role for role in session.scalars(select(Role))}
    user = User(
        username=username.strip(),
        first_name=first,
        last_name=last,
        email=email or f"{username.strip()}@localhost",
        active=True,
        roles=[known[role] for role in roles],
    )
    session.add(user)
    session.flush()
    logins.account_of(session, user).all_clients = True
    logins.set_password(session, user, password, current().now(), logins.AccessPolicy.of(current_app.config))


@click.command("reconcile")
@click.option("--json", "as_json", is_flag=True, help="Print the result as JSON.")
@options
@told
def reconcile(as_json: bool, username: str | None, reason: str | None) -> None:
    """Bring everybody's assignments in line with the facts. A second run changes nothing."""
    with operating(the_app(), username, reason or "Reconciled by hand", ("jobs", "run")) as session:
        if ("jobs", "run") not in current().permissions:
            raise RuleBroken("%(name)s may not run jobs by hand.", name=current().printed_name)
        effective.apply_due(session)
        result = reconciler.reconcile(session).as_json()
    if as_json:
        click.echo(json.dumps(result))
    else:
        click.echo(", ".join(f"{number} {what}" for what, number in result.items()) + ".")


@click.command("check")
@click.option("--files", "read_files", is_flag=True, help="Read every stored file and compare its SHA-256 as well.")
@click.option("--json", "as_json", is_flag=True, help="Print the result as JSON.")
@click.option("--as", "username", metavar="USERNAME", envvar="QUALGATE_OPERATOR", help="The login that asks.")
@told
def check(read_files: bool, as_json: bool, username: str | None) -> None:
    """Check what must always hold: required is assigned, nothing half-done, nothing twice. Exit 1 with each finding."""
    with operating(the_app(), username, None, ("trail", "verify")) as session:
        found = invariants.violations(session, read_files=read_files)
        session.rollback()
    if as_json:
        findings = [{"rule": one.rule, "what": str(one.what)} for one in found]
        click.echo(json.dumps({"sound": not found, "findings": findings}, ensure_ascii=False, indent=2))
    for one in found if not as_json else ():
        click.echo(f"{one.rule}: {one.what}", err=True)
    if found:
        raise Refused(f"{len(found)} findings.")
    if not as_json:
        click.echo(f"Sound: {len(invariants.RULES) + 1} rules hold.")
