"""No table and no column escapes the trail, those of the framework included (T-e1)."""

import sqlite3
from pathlib import Path
from typing import Any

import pytest
from flask_appbuilder import Model
from sqlalchemy import Boolean, Column, Date, DateTime, Integer, Numeric, Table
from sqlalchemy.orm import RelationshipProperty

from app.extensions import db
from app.models.base import Record
from app.safeguards.values import TRAIL, class_of, form_of, is_association, is_audited
from app.services.trail import read_public_keys, verify
from tests.conftest import House

pytestmark = pytest.mark.req("AUD-1", "AUD-3")

NOT_ON_THE_TRAIL = {"import_works", "login_sessions", "reading_sessions", "signing_challenges"}
"""Each is explained in docs/trail.md; a new one is a decision, not an accident."""


def tables() -> list[Table]:
    """Return the tables of the application; other tests declare toys beside them."""
    return [table for table in Model.metadata.sorted_tables if not table.name.startswith("toy_")]


def test_only_the_named_tables_are_not_on_the_trail() -> None:
    left_out = {table.name for table in tables() if not is_audited(table)}
    assert left_out == NOT_ON_THE_TRAIL | {table.name for table in TRAIL}


@pytest.mark.parametrize("table", [t for t in tables() if is_audited(t)], ids=lambda table: table.name)
def test_every_column_is_written_down(table: Table) -> None:
    form = form_of(table, class_of(table) is not None)
    told = {column.name for column in form.columns}
    missing = {column.name for column in table.columns} - told
    if is_association(table) and class_of(table) is None:
        missing -= {"id"}
    assert not missing


@pytest.mark.parametrize("table", [t for t in tables() if is_audited(t)], ids=lambda table: table.name)
def test_the_database_itself_changes_no_row_of_ours(table: Table) -> None:
    if table.name.startswith("ab_"):
        return  # the framework's; what it ties is removed through the session, which the trail sees
    for key in table.foreign_keys:
        assert key.ondelete is None, f"{table.name}: a row changed by the database is not seen by the trail"
        assert key.onupdate is None


def test_no_relationship_writes_where_the_trail_does_not_look() -> None:
    for mapper in Record.registry.mappers:
        for relation in mapper.relationships:
            _check_relation(relation)


def _check_relation(relation: RelationshipProperty[Any]) -> None:
    assert not relation.post_update, f"{relation}: its second UPDATE is not seen"
    if isinstance(relation.secondary, Table) and not relation.viewonly:
        assert class_of(relation.secondary) is None, f"{relation}: the rows between are records and need their class"


def test_every_record_that_can_change_has_its_row_version() -> None:
    for mapper in Record.registry.mappers:
        if issubclass(mapper.class_, Record):
            assert mapper.version_id_col is not None, mapper.class_.__name__


def changed(column: Column[Any]) -> str:
    """Return SQL that changes a value of the column into another one of its type."""
    name, kind = f'"{column.name}"', column.type
    if isinstance(kind, Boolean):
        return f"CASE WHEN {name} IS NULL THEN 1 ELSE 1 - {name} END"
    if isinstance(kind, Integer | Numeric):
        return f"coalesce({name}, 0) + 7000001"
    if isinstance(kind, DateTime) or hasattr(kind, "impl"):
        return f"CASE WHEN {name} = '1999-01-01 00:00:00.000000' THEN '1998-01-01 00:00:00.000000' " \
               f"ELSE '1999-01-01 00:00:00.000000' END"  # fmt: skip
    if isinstance(kind, Date):
        return "'1999-01-01'"
    return f"coalesce({name}, '') || '.'"


def test_a_raw_change_of_any_column_of_any_table_is_found(house: House) -> None:
    path = Path(str(db.engine.url.database))
    keys = read_public_keys(Path(house.app.config["TRAIL_KEY_FILE"]).parent)
    with db.engine.connect() as connection:
        assert verify(connection, keys, {}).sound
    db.session.remove()
    db.engine.dispose()
    raw = sqlite3.connect(path, isolation_level=None)
    raw.execute("PRAGMA foreign_keys=OFF")
    raw.execute("PRAGMA ignore_check_constraints=ON")
    for (name,) in raw.execute("SELECT name FROM sqlite_master WHERE type = 'trigger'").fetchall():
        raw.execute(f'DROP TRIGGER "{name}"')
    attacked = set()
    for table in tables():
        row = raw.execute(f'SELECT min(rowid) FROM "{table.name}"').fetchone()[0]
        if row is None or not is_audited(table):
            continue
        for column in form_of(table, class_of(table) is not None).columns:
            if column.primary_key:
                continue
            name, value = f'"{column.name}"', changed(column)
            sql = f'UPDATE OR IGNORE "{table.name}" SET {name} = {value} WHERE rowid = {row}'
            if raw.execute(sql).rowcount:
                attacked.add((table.name, column.name))
    raw.close()
    with db.engine.connect() as connection:
        findings = verify(connection, keys, {}).findings
    told = " ".join(str(finding.what) for finding in findings)
    for name, column_name in sorted(attacked):
        ties = f"of {name} is not on the trail" in told
        assert ties or f"in {column_name};" in told, f"{name}.{column_name} was changed and nobody noticed"
    assert len({name for name, _ in attacked}) > 15
