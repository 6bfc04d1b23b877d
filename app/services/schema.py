"""The tables of an installation: made and brought up to date by one command, never by a starting web worker."""

from pathlib import Path

from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from flask_appbuilder import Model
from sqlalchemy import Connection

MIGRATIONS = Path(__file__).resolve().parent.parent / "migrations"


def alembic_config(connection: Connection) -> Config:
    """Return the settings with which Alembic works on ``connection``, inside its transaction."""
    settings = Config()
    settings.set_main_option("script_location", str(MIGRATIONS).replace("%", "%%"))
    settings.attributes["connection"] = connection
    return settings


def current_revision(connection: Connection) -> str | None:
    """Return the revision that the database is at, or None when it is empty."""
    return MigrationContext.configure(connection).get_current_revision()


def head_revision() -> str | None:
    """Return the revision that this code expects."""
    settings = Config()
    settings.set_main_option("script_location", str(MIGRATIONS).replace("%", "%%"))
    return ScriptDirectory.from_config(settings).get_current_head()


def migrate(connection: Connection) -> tuple[str | None, str | None]:
    """Bring the database up to this code's revision; return the revisions before and after.

    Runs in the transaction of ``connection``: SQLite and PostgreSQL both undo a migration that fails half-way.
    """
    before = current_revision(connection)
    command.upgrade(alembic_config(connection), "head")
    return before, current_revision(connection)


def differences(connection: Connection) -> list[object]:
    """Return what the models have and the database lacks, or the other way round; empty when they agree."""
    context = MigrationContext.configure(connection, opts={"compare_type": True})
    return list(compare_metadata(context, Model.metadata))
