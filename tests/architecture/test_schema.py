"""The migrations and the models say the same, on both databases."""

from collections.abc import Callable

import pytest
from sqlalchemy import create_engine, inspect

from app.services import schema


def migrated_twice(url: str) -> list[object]:
    engine = create_engine(url)
    with engine.begin() as connection:
        before, after = schema.migrate(connection)
        assert before is None
        assert after == schema.head_revision()
        assert schema.migrate(connection) == (after, after)
        return schema.differences(connection)


def test_the_migrations_make_exactly_the_tables_of_the_models_on_sqlite(tmp_path) -> None:
    assert migrated_twice(f"sqlite:///{tmp_path / 'new.db'}") == []


@pytest.mark.postgresql
def test_the_migrations_make_exactly_the_tables_of_the_models_on_postgresql(postgresql: Callable[[str], str]) -> None:
    assert migrated_twice(postgresql("schema")) == []


def test_a_migration_that_fails_half_way_leaves_nothing_behind(tmp_path, monkeypatch) -> None:
    real = schema.command.upgrade

    def fail_after(*args: object) -> None:
        real(*args)
        raise OSError("the disk is full")

    monkeypatch.setattr(schema.command, "upgrade", fail_after)
    engine = create_engine(f"sqlite:///{tmp_path / 'new.db'}", isolation_level=None)
    with engine.connect() as connection:
        connection.exec_driver_sql("BEGIN IMMEDIATE")
        with pytest.raises(OSError, match="disk is full"):
            schema.migrate(connection)
        connection.exec_driver_sql("ROLLBACK")
        assert inspect(connection).get_table_names() == []
