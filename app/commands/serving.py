"""``qualgate serve`` and ``qualgate demo``: the web server with the scheduler beside it, and the demo company."""

import signal
import subprocess
import sys
from collections.abc import Sequence
from typing import Any

import click
from flask import Flask
from flask_appbuilder.security.sqla.models import User
from gunicorn.app.base import BaseApplication
from sqlalchemy import select
from sqlalchemy.orm import Session

from app import create_app
from app.commands.acting import operating, shell_context, the_app, told
from app.commands.installation import prepare
from app.domain.errors import RuleBroken
from app.extensions import db
from app.jobs.runner import run_scheduler
from app.models.people import Person
from app.safeguards.context import acting, current
from app.services import demo
from app.services.demo import Login
from app.services.demo_files import DemoFiles
from app.services.demo_logins import PASSWORD
from app.services.logins import AccessPolicy
from app.views import background

SERVING: dict[str, Any] = {"worker_class": "gthread", "threads": 4, "timeout": 120, "control_socket_disable": True}
"""Threads let a worker answer others, and show that it lives, while one request writes a large import.

Nothing is written outside of the instance folder.
"""


class Server(BaseApplication):
    """gunicorn with our settings; each worker makes its own application."""

    def __init__(self, settings: dict[str, Any]) -> None:
        self.settings = settings
        super().__init__()

    def load_config(self) -> None:
        """Hand our settings to gunicorn."""
        for name, value in self.settings.items():
            self.cfg.set(name, value)

    def load(self) -> Flask:
        """Make the application of one worker, and see to imports that a dead one left behind."""
        app = create_app()
        background.keep_watch(app)
        return app


def serve_on(host: str, port: int, workers: int, jobs: bool) -> None:
    """Serve until interrupted; the scheduler runs in a process of its own and ends with the server."""
    scheduler = None
    if jobs:
        start = "from app.cli import main; main()"
        scheduler = subprocess.Popen([sys.executable, "-c", start, "scheduler"])  # noqa: S603 (our own command)
    try:
        Server({"bind": f"{host}:{port}", "workers": workers, **SERVING}).run()
    finally:
        if scheduler is not None:
            scheduler.terminate()


@click.command("scheduler")
@told
def scheduler_command() -> None:
    """Do scheduled work and send mail until interrupted, without serving pages. `serve` does this by itself."""
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda number, frame: sys.exit(0))
    run_scheduler(create_app())


@click.command("serve")
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen on.")
@click.option("--port", default=8000, show_default=True, type=click.IntRange(1, 65535))
@click.option("--workers", default=2, show_default=True, type=click.IntRange(1, 64), help="Web worker processes.")
@click.option("--no-jobs", is_flag=True, help="Leave scheduled work and mail to another host.")
@told
def serve(host: str, port: int, workers: int, no_jobs: bool) -> None:
    """Serve the pages, with scheduled work beside them."""
    app = the_app()
    with app.app_context(), acting(shell_context(None)):
        db.session.scalar(select(Person.id).limit(1))
        db.session.remove()
        db.engine.dispose()
    click.echo(f"Qualgate is at http://{host}:{port} (Ctrl+C ends it)")
    serve_on(host, port, workers, not no_jobs)


@click.command("demo")
@click.option("--serve/--no-serve", "serving", default=False, help="Serve it afterwards.")
@click.option("--host", default="127.0.0.1", show_default=True)
@click.option("--port", default=8000, show_default=True, type=click.IntRange(1, 65535))
@click.option("--workers", default=2, show_default=True, type=click.IntRange(1, 64))
@told
def demo_command(serving: bool, host: str, port: int, workers: int) -> None:
    """Load the demo company into an empty installation and print its logins. When it is there already, only those."""
    app = the_app()
    prepare(app, "Set-up of the demo installation")
    logins = _load(app)
    click.echo("Demo logins (user name, password, name, role, clients):")
    for login in logins:
        click.echo(
            f"  {login.username:12} {login.password}  {login.name}, {login.role}, {login.clients or 'all clients'}"
        )
    if serving:
        with app.app_context():
            db.engine.dispose()
        click.echo(f"Qualgate is at http://{host}:{port} (Ctrl+C ends it)")
        serve_on(host, port, workers, True)


def _load(app: Flask) -> Sequence[Login]:
    with operating(app, None, "Demo company", ("imports", "commit")) as session:
        if session.scalar(select(Person.id).limit(1)) is not None:
            return _known(session)
        click.echo("Loading the demo company: two years of history …")
        return demo.load(session, AccessPolicy.of(app.config))


def _known(session: Session) -> list[Login]:
    """Return the demo logins of an installation that was loaded before. Raises RuleBroken in a real one."""
    files = DemoFiles(demo.FOLDER, current().now().date())
    names = set(session.scalars(select(User.username)))
    found = [
        Login(row["login"], PASSWORD, f"{row['first_name']} {row['last_name']}", row["role"], row["clients"])
        for row in files.rows("users")
        if row["login"] in names
    ]
    if not found:
        raise RuleBroken("There are people in this installation already. The demo is loaded into an empty one only.")
    return found
