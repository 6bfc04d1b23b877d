"""A box of toys: the safeguards over toy records, on SQLite and on PostgreSQL."""

import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from sqlalchemy import Engine, create_engine
from sqlalchemy.orm import Session, sessionmaker

from app.safeguards import install
from app.safeguards.context import Context, acting
from app.safeguards.database import migration
from app.safeguards.guards import install_guards
from app.safeguards.keys import Signer
from app.safeguards.values import TRAIL
from tests.safeguards.toys import METADATA, NOW, ToyClient

SIGNER = Signer.of(Ed25519PrivateKey.generate())


@dataclass
class ToyBox:
    """A database with toys under the safeguards."""

    engine: Engine
    sessions: Callable[[], Session]

    def raw(self, *statements: str) -> None:
        """Do to the database what somebody with its password can do: guards dropped, then the statements."""
        if self.engine.dialect.name == "sqlite":
            self._raw_sqlite(statements)
            return
        with self.engine.connect() as connection:
            connection.exec_driver_sql("SELECT set_config('qualgate.tx', 'forged', true)")
            for table in (*METADATA.tables, *(table.name for table in TRAIL)):
                connection.exec_driver_sql(f'ALTER TABLE "{table}" DISABLE TRIGGER USER')
            for statement in statements:
                connection.exec_driver_sql(statement)
            connection.commit()

    def _raw_sqlite(self, statements: tuple[str, ...]) -> None:
        with self.engine.connect() as connection:
            triggers = connection.exec_driver_sql("SELECT name FROM sqlite_master WHERE type = 'trigger'").fetchall()
            for (name,) in triggers:
                connection.exec_driver_sql(f'DROP TRIGGER "{name}"')
            connection.exec_driver_sql("PRAGMA foreign_keys=OFF")
            for statement in statements:
                connection.exec_driver_sql(statement)
            connection.commit()
            connection.exec_driver_sql("PRAGMA foreign_keys=ON")


def actor(**changes: Any) -> Context:
    """Return the context of a test person."""
    values: dict[str, Any] = {
        "user_id": 7, "username": "tess", "printed_name": "Tess Tester", "reason": "trying", "source": "test",
        "clock": lambda: NOW,
    }  # fmt: skip
    return Context(**(values | changes))


def open_box(url: str) -> ToyBox:
    """Put a database that has the toys' tables under the safeguards."""
    engine = create_engine(url)
    sessions = sessionmaker(engine)
    install(sessions, engine, SIGNER)
    return ToyBox(engine, sessions)


def make_box(url: str) -> ToyBox:
    """Build the toys' tables with their guards in an empty database."""
    box = open_box(url)
    with migration(box.engine) as connection:
        METADATA.create_all(connection)
        for table in TRAIL:
            table.create(connection)
        install_guards(connection, METADATA)
    with acting(actor()), box.sessions() as session:
        session.add_all([ToyClient(id=1, name="ACME"), ToyClient(id=2, name="BETA")])
        session.commit()
    return box


@pytest.fixture(scope="session")
def toys_on_sqlite(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A file with the toys' tables, made once and copied for each test."""
    path = tmp_path_factory.mktemp("toys") / "toys.db"
    make_box(f"sqlite:///{path}").engine.dispose()
    return path


@pytest.fixture(scope="session")
def toys_on_postgresql(postgresql: Callable[..., str]) -> Callable[[], str]:
    """A function that returns the address of a fresh copy of a database with the toys' tables, made once."""
    make_box(postgresql("toys_ready")).engine.dispose()
    return lambda: postgresql("toys", "toys_ready")


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.postgresql)])
def box(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[ToyBox]:
    """A fresh toy box on each database."""
    if request.param == "sqlite":
        shutil.copy(request.getfixturevalue("toys_on_sqlite"), tmp_path / "toys.db")
        url = f"sqlite:///{tmp_path / 'toys.db'}"
    else:
        url = request.getfixturevalue("toys_on_postgresql")()
    made = open_box(url)
    with acting(actor()):
        yield made
    made.engine.dispose()


@pytest.fixture
def session(box: ToyBox) -> Iterator[Session]:
    """A session of the toy box, with somebody acting."""
    with box.sessions() as made:
        yield made
