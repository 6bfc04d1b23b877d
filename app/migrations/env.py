"""Alembic's entry: migrate the database that the caller connected to (see ``app.services.schema``)."""

from typing import Any, Literal

from alembic import context
from flask_appbuilder import Model
from flask_appbuilder.security.sqla import models as security_models
from sqlalchemy import Connection

import app.models
from app.models.base import UtcDateTime

MAPPED = (security_models, app.models)
"""Importing these modules is what fills the metadata."""


def render_item(kind: str, item: Any, autogen_context: Any) -> str | Literal[False]:
    """Write our column types by their plain SQL type, so that an old migration never depends on new code."""
    if kind == "type" and isinstance(item, UtcDateTime):
        return "sa.DateTime(timezone=True)"
    return False


def run() -> None:
    """Run the migrations in the connection and transaction of the caller."""
    connection: Connection = context.config.attributes["connection"]
    context.configure(
        connection=connection,
        target_metadata=Model.metadata,
        render_as_batch=connection.dialect.name == "sqlite",
        compare_type=True,
        render_item=render_item,
    )
    context.run_migrations()


run()
