"""Replay survives an upgrade of the tables, and an upgrade launders nothing (AUD-3)."""

import json
from collections.abc import Callable

import pytest
from sqlalchemy import Column, Integer, MetaData, String, select
from sqlalchemy.orm import Session

from app.domain.errors import RuleBroken
from app.models.trail import AuditEntry
from app.safeguards.database import migration
from app.safeguards.guards import install_guards
from app.services import migrating
from app.services.trail import Verdict, verify
from tests.safeguards.conftest import SIGNER, ToyBox
from tests.safeguards.toys import METADATA, Shelf, Stone, Tag


def changed_metadata(change: Callable[[MetaData], None]) -> MetaData:
    """Return the toys' tables as the next release has them."""
    copy = MetaData()
    for table in METADATA.sorted_tables:
        table.to_metadata(copy)
    change(copy)
    return copy


def upgrade(box: ToyBox, metadata: MetaData, *statements: str) -> None:
    """Do what ``qualgate upgrade`` does."""
    with migration(box.engine) as connection:
        before = migrating.remember(connection, metadata)
        for statement in statements:
            connection.exec_driver_sql(statement)
        install_guards(connection, METADATA)
        migrating.record(connection, before, ("1", "2"), SIGNER, metadata)


def verdict(box: ToyBox, metadata: MetaData) -> Verdict:
    with box.engine.connect() as connection:
        return verify(connection, {SIGNER.key_id: SIGNER.public}, {}, metadata)


@pytest.fixture
def shelves(session: Session) -> list[int]:
    """Two shelves, one of them changed once."""
    made = [Shelf(name="a", tags=[Tag(name="t")]), Shelf(name="b")]
    session.add_all(made)
    session.commit()
    made[0].name = "A"
    session.commit()
    numbers = [shelf.id for shelf in made]
    session.rollback()
    return numbers


def test_a_column_that_comes_with_one_value_for_all_needs_one_entry(
    box: ToyBox, session: Session, shelves: list[int]
) -> None:
    metadata = changed_metadata(lambda m: m.tables["toy_shelves"].append_column(Column("room", String(20))))
    upgrade(box, metadata, "ALTER TABLE toy_shelves ADD COLUMN room VARCHAR(20) DEFAULT 'R1'")
    entry = session.scalars(select(AuditEntry).where(AuditEntry.action == "S")).one()
    assert json.loads(entry.after or "")["tables"] == {"toy_shelves": {"added": {"room": "R1"}}}
    assert verdict(box, metadata).sound


def test_rows_that_a_migration_changes_are_told_with_old_and_new_values(
    box: ToyBox, session: Session, shelves: list[int]
) -> None:
    metadata = changed_metadata(lambda m: m.tables["toy_shelves"].append_column(Column("number", Integer)))
    upgrade(
        box, metadata,
        "ALTER TABLE toy_shelves ADD COLUMN number INTEGER",
        "UPDATE toy_shelves SET number = id + 100",
        "UPDATE toy_tags SET name = 'T'",
        "INSERT INTO toy_tags (name, row_version) VALUES ('new', 1)",
    )  # fmt: skip
    told = {
        (entry.action, entry.table_name, entry.after)
        for entry in session.scalars(select(AuditEntry).where(AuditEntry.kind == "migration", AuditEntry.action != "S"))
    }
    assert ("U", "toy_shelves", f'{{"number":{shelves[0] + 100}}}') in told
    assert ("U", "toy_tags", '{"name":"T"}') in told
    assert ("I", "toy_tags", '{"id":2,"name":"new","row_version":1}') in told
    assert verdict(box, metadata).sound


def test_a_column_and_a_table_that_go_stay_told(box: ToyBox, session: Session, shelves: list[int]) -> None:
    session.add(Stone(carved="x"))
    session.commit()
    session.close()

    def without(metadata: MetaData) -> None:
        metadata.remove(metadata.tables["toy_stones"])

    metadata = changed_metadata(without)
    upgrade(box, metadata, "DROP TABLE toy_stones")
    assert verdict(box, metadata).sound


def test_a_row_altered_before_the_upgrade_stops_it(box: ToyBox, session: Session, shelves: list[int]) -> None:
    metadata = changed_metadata(lambda m: m.tables["toy_shelves"].append_column(Column("room", String(20))))
    box.raw("UPDATE toy_tags SET name = 'forged'")
    with pytest.raises(RuleBroken, match="not sound"):
        upgrade(box, metadata, "ALTER TABLE toy_shelves ADD COLUMN room VARCHAR(20)")
    with box.engine.connect() as connection:
        assert connection.exec_driver_sql("SELECT name FROM toy_tags").scalar() == "forged"
        assert "room" not in list(connection.exec_driver_sql("SELECT * FROM toy_shelves").keys())


def test_after_an_upgrade_life_goes_on(box: ToyBox, session: Session, shelves: list[int]) -> None:
    upgrade(box, METADATA)
    session.get(Shelf, shelves[0]).name = "again"  # type: ignore[union-attr]
    session.commit()
    assert verdict(box, METADATA).sound
