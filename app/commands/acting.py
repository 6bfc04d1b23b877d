"""Who acts on the command line, why, and in which transaction; and how a refusal is told."""

import getpass
import logging
import os
import signal
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import wraps
from threading import current_thread, main_thread
from typing import Any, TypeVar

import click
from flask import Flask, current_app, has_app_context
from flask_appbuilder.security.sqla.models import User
from sqlalchemy import select
from sqlalchemy.exc import DBAPIError, IntegrityError
from sqlalchemy.orm import Session
from sqlalchemy.orm.exc import StaleDataError

from app import create_app
from app.domain import permissions
from app.domain.errors import RuleBroken
from app.extensions import db
from app.safeguards.context import Context, acting, system_clock
from app.services import access, logins

Command = TypeVar("Command", bound=Callable[..., Any])
HANDED_OUT_BY_SHELL = permissions.permissions_of({permissions.ADMIN, permissions.COORDINATOR})
"""What the operating-system account may do while there is no login yet: it owns the files of the installation."""


class Commands(click.Group):
    """A group whose usage errors, too, are one clear line (exit code 2)."""

    written = False
    """Whether the command that runs has written what it was to write."""
    stopped = False
    """Whether Ctrl-C was pressed. A database that is interrupted in a callback only says that something failed."""

    def main(self, args: Sequence[str] | None = None, prog_name: str | None = None, **extra: Any) -> Any:  # type: ignore[override]
        """Run a command; print a refusal as one line and leave with its exit code."""
        logging.getLogger("flask_appbuilder").setLevel(logging.ERROR)
        standalone = extra.pop("standalone_mode", True)
        extra["standalone_mode"] = False
        prog_name = "qualgate"
        Commands.written = False
        if not standalone:
            return super().main(args, prog_name, **extra)
        _listen_for_ctrl_c()
        try:
            code = super().main(args, prog_name, **extra)
        except click.UsageError as error:
            command = error.ctx.command_path if error.ctx else "qualgate"
            click.echo(f"{error.format_message()} (See {command} --help)", err=True)
            sys.exit(error.exit_code)
        except click.ClickException as error:
            error.show()
            sys.exit(error.exit_code)
        except (click.Abort, KeyboardInterrupt):
            told = (
                "Stopped, after everything had been written." if Commands.written else "Stopped; nothing was written."
            )
            click.echo(told, err=True)
            sys.exit(130)
        sys.exit(code if isinstance(code, int) else 0)


class Refused(click.ClickException):
    """One clear line on the error stream, exit code 1."""

    def show(self, file: Any = None) -> None:
        """Print the sentence without click's "Error:" in front."""
        click.echo(" ".join(self.message.split()), err=True)


def options(command: Command) -> Command:
    """Add ``--as`` and ``--reason`` to a command that writes."""
    command = click.option(
        "--as",
        "username",
        metavar="USERNAME",
        envvar="QUALGATE_OPERATOR",
        help="The login in whose name this is done. Default: QUALGATE_OPERATOR, else the first administrator.",
    )(command)
    return click.option("--reason", metavar="TEXT", help="Why this is done; kept on the audit trail.")(command)


def told(function: Callable[..., None]) -> Callable[..., None]:
    """Turn refusals of rules and of the database into one line and exit code 1."""

    @wraps(function)
    def wrapper(*args: Any, **values: Any) -> Any:
        try:
            return _unless_stopped(function, *args, **values)
        except RuleBroken as refusal:
            raise Refused(str(refusal)) from refusal
        except StaleDataError as error:
            raise Refused("Somebody else changed a record meanwhile. Nothing was written; try again.") from error
        except IntegrityError as error:
            raise Refused(f"The database refuses a value, nothing was written: {_first_line(error)}") from error
        except DBAPIError as error:
            raise Refused(_about_database(error)) from error
        except OSError as error:
            raise Refused(f"{error.strerror or error}: {error.filename or ''}".rstrip(": ")) from error

    return wrapper


def _listen_for_ctrl_c() -> None:
    """Remember that Ctrl-C was pressed, whatever becomes of the exception that it raises."""

    def stop(*_: Any) -> None:
        Commands.stopped = True
        raise KeyboardInterrupt

    Commands.stopped = False
    if current_thread() is main_thread() and signal.getsignal(signal.SIGINT) is signal.default_int_handler:
        signal.signal(signal.SIGINT, stop)


def _unless_stopped(function: Callable[..., Any], /, *args: Any, **values: Any) -> Any:
    """Call the function; what fails because of Ctrl-C is no failure of the database."""
    try:
        return function(*args, **values)
    except Exception as error:
        if Commands.stopped:
            raise KeyboardInterrupt from error
        raise


def _about_database(error: DBAPIError) -> str:
    text = str(error.orig).lower()
    if "no such table" in text or "does not exist" in text or "no such column" in text:
        return "The database has no tables of this version yet. Run: qualgate init"
    return f"The database does not answer: {_first_line(error)}"


def _first_line(error: DBAPIError) -> str:
    return str(error.orig).strip().split("\n", 1)[0]


@contextmanager
def operating(
    app: Flask, username: str | None, reason: str | None, needs: permissions.Permission | None = None
) -> Iterator[Session]:
    """Act as an operator for the length of a ``with`` block and commit what it did, once; undo it when it fails.

    Without ``username`` the first active login that holds ``needs`` acts, else the first administrator, else, while
    there is no login at all, the operating-system account. Raises RuleBroken for an unknown or ended login.
    """
    with app.app_context():
        session = db.session()
        with acting(_context(session, username, reason, needs)):
            try:
                yield session
                _commit(session, writes=reason is not None)
            except BaseException:
                session.rollback()
                raise
            finally:
                db.session.remove()


def _commit(session: Session, writes: bool) -> None:
    """Commit; Ctrl-C waits until it is certain whether that was done, so that nobody is told a wrong thing."""
    stopped: list[Any] = []
    in_front = current_thread() is main_thread()
    before = signal.signal(signal.SIGINT, lambda *found: stopped.append(found)) if in_front else None
    try:
        session.commit()
        Commands.written = writes
    finally:
        if in_front:
            signal.signal(signal.SIGINT, before or signal.default_int_handler)
    if stopped:
        raise KeyboardInterrupt


def the_app() -> Flask:
    """Return the application: the one that is in use already, else a new one from the settings."""
    return current_app._get_current_object() if has_app_context() else create_app()  # type: ignore[attr-defined]


def shell_context(reason: str | None) -> Context:
    """Return the context of the operating-system account, for set-up and while there is no login at all."""
    account, zone = getpass.getuser(), current_app.config["TIME_ZONE"]
    return Context(
        user_id=None,
        username=f"os:{account}",
        printed_name=f"{account} (operating-system account)",
        zone=zone,
        home_zone=zone,
        reason=reason,
        source="cli",
        permissions=HANDED_OUT_BY_SHELL,
        clock=current_app.config.get("CLOCK") or system_clock,
    )


def _context(
    session: Session, username: str | None, reason: str | None, needs: permissions.Permission | None
) -> Context:
    user = _named(session, username) if username else _default(session, needs)
    if user is None:
        return shell_context(reason)
    zone = current_app.config["TIME_ZONE"]
    return Context(
        user_id=user.id,
        username=user.username,
        printed_name=f"{user.first_name} {user.last_name}".strip(),
        zone=zone,
        home_zone=zone,
        reason=reason,
        source="cli",
        clients=access.clients_of(session, logins.account_of(session, user)),
        permissions=access.permissions_of_user(session, user.id),
        address=os.uname().nodename,
        clock=current_app.config.get("CLOCK") or system_clock,
    )


def _named(session: Session, username: str) -> User:
    user = logins.find_user(session, username)
    if user is None:
        raise RuleBroken("There is no login %(name)s.", name=username)
    if not user.active:
        raise RuleBroken("The login %(name)s is deactivated.", name=username)
    return user


def _default(session: Session, needs: permissions.Permission | None) -> User | None:
    users = list(session.scalars(select(User).where(User.active.is_(True)).order_by(User.id)))
    if needs is not None:
        for user in users:
            if needs in access.permissions_of_user(session, user.id):
                return user
    first = next((user for user in users if any(role.name == permissions.ADMIN for role in user.roles)), None)
    if first is None and users:
        raise RuleBroken("Name the login in whose name this is done: --as USERNAME.")
    return first


def need_reason(reason: str | None) -> str:
    """Return the reason. Raises a usage error when there is none."""
    if not (reason or "").strip():
        raise click.UsageError("Say why with --reason TEXT; it is kept on the audit trail.")
    assert reason is not None
    return reason.strip()
