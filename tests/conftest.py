"""What every test can ask for: a database with the cast in it, on SQLite or PostgreSQL, and signed-in browsers.

``house`` is the application on a fresh copy of a prepared SQLite database. ``both_houses`` is the same, once on each
database. A machine without PostgreSQL skips the latter, loudly; CI never skips.
"""

import os
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from hypothesis import settings
from sqlalchemy import Engine, create_engine, text
from sqlalchemy.exc import OperationalError
from sqlalchemy.orm import Session

from app.safeguards.context import acting
from tests.cast import PASSWORD, context_of, settle

# On CI the same examples run every time, so that a submission is judged by its own change; elsewhere they are random.
settings.register_profile("ci", derandomize=True)
settings.load_profile("ci" if os.environ.get("CI") else "default")

POSTGRESQL = os.environ.get("QUALGATE_TEST_POSTGRESQL", "postgresql+psycopg://postgres@127.0.0.1:5432")
"""Address of a server on which the tests may create databases, without a database name."""


@dataclass
class House:
    """A running application, its session, and ways to enter it."""

    app: Flask

    @property
    def session(self) -> Session:
        """The session of the application; works inside ``with house.app.app_context()``."""
        return self.app.extensions["sqlalchemy"].session

    def client(self, username: str | None = None, password: str = PASSWORD) -> FlaskClient:
        """Return a browser, signed in as ``username`` when one is named."""
        client = self.app.test_client()
        if username:
            answer = client.post("/login/", data={"username": username, "password": password})
            assert answer.status_code == 302, f"{username} could not sign in: {answer.status_code}"
        return client


def settings_for(folder: Path, url: str) -> dict[str, Any]:
    """Return the settings of a test installation in ``folder`` on the database ``url``."""
    return {
        "TESTING": True,
        "INSTANCE_FOLDER": folder,
        "FILE_FOLDER": folder / "files",
        "TRAIL_KEY_FILE": folder / "trail_key.pem",
        "CHECKPOINT_FOLDER": folder / "checkpoints",
        "SECRET_KEY": "only for tests, long enough to be taken",
        "SQLALCHEMY_DATABASE_URI": url,
        "FAB_PASSWORD_HASH_METHOD": "pbkdf2:sha256:1",
        "WTF_CSRF_ENABLED": False,
        "RATELIMIT_ENABLED": False,
        "PROPAGATE_EXCEPTIONS": False,
        "IMPORT_WAIT_SECONDS": 60,
    }


def prepare(app: Flask) -> None:
    """Make the tables, the roles and the cast in an empty database."""
    from app.extensions import db
    from app.services.installation import install

    with app.app_context():
        with acting(context_of()):
            install(db.session, db.engine)
            settle(db.session)
            db.session.commit()
        db.session.remove()
        db.engine.dispose()


@pytest.fixture(scope="session")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> tuple[Flask, Path]:
    """The application on SQLite, and the prepared database file that each test starts from."""
    from app import create_app

    folder = tmp_path_factory.mktemp("house")
    app = create_app(settings_for(folder, f"sqlite:///{folder / 'live.db'}"))
    prepare(app)
    shutil.copy(folder / "live.db", folder / "prepared.db")
    return app, folder


def fresh_sqlite(prepared: tuple[Flask, Path]) -> None:
    app, folder = prepared
    from app.extensions import db

    with app.app_context():
        db.session.remove()
        db.engine.dispose()
    for leftover in folder.glob("live.db*"):
        leftover.unlink()
    forget_checkpoints(app)
    shutil.copy(folder / "prepared.db", folder / "live.db")


def forget_checkpoints(app: Flask) -> None:
    """Take away the checkpoints of the test before: to them a fresh database is one whose end was cut off."""
    shutil.rmtree(app.config["CHECKPOINT_FOLDER"], ignore_errors=True)


@pytest.fixture
def house(prepared: tuple[Flask, Path]) -> Iterator[House]:
    """The application with the cast in it, on a fresh SQLite database."""
    fresh_sqlite(prepared)
    app, _ = prepared
    with app.app_context():
        yield House(app)
        app.extensions["sqlalchemy"].session.remove()


@pytest.fixture
def context(house: House) -> Iterator[Any]:
    """A test acts, in all clients' scope, at the instant ``cast.NOW``."""
    with acting(context_of()) as current:
        yield current


def server() -> Engine | None:
    """Return a connection to the PostgreSQL server, or None where there is none."""
    engine = create_engine(f"{POSTGRESQL}/postgres", isolation_level="AUTOCOMMIT")
    try:
        engine.connect().close()
    except OperationalError:
        return None
    return engine


@pytest.fixture(scope="session")
def postgresql(worker_id: str) -> Iterator[Callable[[str], str]]:
    """A function that makes an empty database (or a copy of a prepared one) and returns its address."""
    engine = server()
    if engine is None:
        if os.environ.get("CI"):
            pytest.fail("CI needs a PostgreSQL server; none answers at QUALGATE_TEST_POSTGRESQL")
        pytest.skip("NO POSTGRESQL: tests on PostgreSQL are skipped; start a server or set QUALGATE_TEST_POSTGRESQL")
    made: list[str] = []

    def make(name: str, template: str = "template0") -> str:
        full = f"qgtest_{os.getpid()}_{worker_id}_{name}"
        with engine.connect() as connection:
            connection.execute(text(f'DROP DATABASE IF EXISTS "{full}" WITH (FORCE)'))
            source = template if template == "template0" else f"qgtest_{os.getpid()}_{worker_id}_{template}"
            connection.execute(text(f'CREATE DATABASE "{full}" TEMPLATE "{source}" ENCODING \'UTF8\''))
        made.append(full)
        return f"{POSTGRESQL}/{full}"

    yield make
    with engine.connect() as connection:
        for name in made:
            connection.execute(text(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)'))
    engine.dispose()


@pytest.fixture(scope="session")
def prepared_postgresql(
    postgresql: Callable[[str], str], tmp_path_factory: pytest.TempPathFactory
) -> tuple[Flask, Callable[..., str]]:
    """The application on PostgreSQL, and the function that renews its database from the prepared one."""
    from app import create_app
    from app.extensions import db

    folder = tmp_path_factory.mktemp("house-postgresql")
    url = postgresql("live")
    app = create_app(settings_for(folder, url))
    prepare(app)
    postgresql("prepared", "live")  # type: ignore[call-arg]

    def renew() -> str:
        with app.app_context():
            db.session.remove()
            db.engine.dispose()
        forget_checkpoints(app)
        return postgresql("live", "prepared")  # type: ignore[call-arg]

    return app, renew


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.postgresql)])
def both_houses(request: pytest.FixtureRequest) -> Iterator[House]:
    """The application with the cast in it, once on SQLite and once on PostgreSQL."""
    if request.param == "sqlite":
        fresh_sqlite(request.getfixturevalue("prepared"))
        app = request.getfixturevalue("prepared")[0]
    else:
        app, renew = request.getfixturevalue("prepared_postgresql")
        renew()
    with app.app_context():
        yield House(app)
        app.extensions["sqlalchemy"].session.remove()


@pytest.fixture(scope="session")
def worker_id(request: pytest.FixtureRequest) -> str:
    """The name of this parallel worker, "main" without workers."""
    return os.environ.get("PYTEST_XDIST_WORKER", "main")
