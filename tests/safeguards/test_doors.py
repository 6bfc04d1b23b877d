"""What no code path may do: leave the scope, skip a transition, edit a fact, or write past the trail (CLI-1, AUD-2)."""

import sqlite3
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import delete, insert, select, update
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session, selectinload

from app.domain.errors import NotFound, RuleBroken, Stale
from app.models.base import FOREVER
from app.models.trail import AuditEntry
from app.safeguards import bulk, governed
from app.safeguards.context import acting, within_all_clients
from app.safeguards.guards import install_guards, missing_guards
from app.safeguards.scope import ensure_visible
from tests.safeguards.conftest import ToyBox, actor
from tests.safeguards.toys import METADATA, NOW, Box, Case, Shelf, Stone, Tag, Truth

ACME_ONLY = actor(clients=frozenset({1}))
NO_CLIENT = actor(clients=frozenset())


@pytest.fixture
def shelf(session: Session) -> Shelf:
    """A shelf with a box of ACME, one of BETA and one of the company."""
    made = Shelf(name="s", boxes=[Box(label="acme", client_id=1), Box(label="beta", client_id=2), Box(label="own")])
    made.tags = [Tag(name="t")]
    session.add(made)
    session.commit()
    session.expunge_all()
    return made


def labels(boxes: Any) -> list[str]:
    return sorted(box.label for box in boxes)


def test_a_query_shows_what_lies_within_the_scope_and_nothing_else(session: Session, shelf: Shelf) -> None:
    for context, seen in ((ACME_ONLY, ["acme", "own"]), (NO_CLIENT, ["own"]), (actor(), ["acme", "beta", "own"])):
        session.expunge_all()
        with acting(context):
            assert labels(session.scalars(select(Box))) == seen
            assert session.scalars(select(Box.label).join(Shelf).order_by(Box.label)).all() == seen
            assert labels(session.scalars(select(Shelf)).one().boxes) == seen
            session.expunge_all()
            eager = session.scalars(select(Shelf).options(selectinload(Shelf.boxes))).one()
            assert labels(eager.boxes) == seen


def test_a_foreign_record_is_not_found_by_its_number_nor_from_memory(session: Session, shelf: Shelf) -> None:
    foreign = session.scalars(select(Box).where(Box.label == "beta")).one()
    with acting(ACME_ONLY):
        with pytest.raises(NotFound):
            ensure_visible(foreign)
        session.expunge_all()
        assert session.get(Box, foreign.id) is None


def test_the_trail_shows_only_entries_of_ones_own_clients(session: Session, shelf: Shelf) -> None:
    with acting(ACME_ONLY):
        assert {entry.client_id for entry in session.scalars(select(AuditEntry))} == {1}


def test_the_scope_can_be_lifted_for_a_computation_and_comes_back(session: Session, shelf: Shelf) -> None:
    with acting(ACME_ONLY):
        with within_all_clients():
            assert len(session.scalars(select(Box)).all()) == 3
        session.expunge_all()
        assert len(session.scalars(select(Box)).all()) == 2


def test_without_a_context_scoped_records_cannot_be_read(session: Session, shelf: Shelf) -> None:
    with acting(None):  # type: ignore[arg-type]
        with pytest.raises(RuleBroken, match="Nobody is named"):
            session.scalars(select(Box)).all()
        with pytest.raises(RuleBroken, match="Nobody is named"):
            session.scalars(select(AuditEntry)).all()


def test_a_write_outside_the_scope_is_refused(session: Session, shelf: Shelf) -> None:
    own, beta = (session.scalars(select(Box).where(Box.label == label)).one() for label in ("own", "beta"))

    def add() -> None:
        session.add(Box(label="x", client_id=2))

    def move() -> None:
        own.client_id = 2

    def take() -> None:
        beta.client_id = 1

    def remove() -> None:
        session.delete(beta)

    for attempt in (add, move, take, remove):
        with acting(ACME_ONLY):
            attempt()
            with pytest.raises(NotFound):
                session.commit()
            session.rollback()
    with acting(ACME_ONLY):
        with pytest.raises(NotFound):
            bulk.insert_many(session, Box, [{"label": "x", "client_id": 2}])
        with pytest.raises(NotFound):
            bulk.update_many(session, Box, [{"id": beta.id, "label": "y"}])


def test_a_state_changes_only_within_a_transition(session: Session) -> None:
    case = Case(title="c")
    session.add(case)
    session.commit()
    case.state = "closed"
    with pytest.raises(RuleBroken, match="only through one of its transitions"):
        session.flush()
    session.rollback()
    session.add(Case(title="d", state="closed"))
    with pytest.raises(RuleBroken, match="begins as draft"):
        session.flush()
    session.rollback()
    with pytest.raises(RuleBroken, match="transitions"):
        bulk.update_many(session, Case, [{"id": case.id, "state": "closed"}])
    with pytest.raises(RuleBroken, match="begins as draft"):
        bulk.insert_many(session, Case, [{"title": "e", "state": "closed"}])
    with governed.transition(session):
        case.state = "closed"
    session.commit()
    assert case.state == "closed"


def test_a_transition_lets_nothing_slip_out_of_its_block(session: Session) -> None:
    case = Case(title="c")
    session.add(case)
    session.commit()
    case.state = "closed"
    with pytest.raises(RuleBroken), governed.transition(session):
        pass


def test_a_fact_is_withdrawn_once_with_a_reason_and_never_edited(session: Session) -> None:
    truth = Truth(what="t", starts_at=NOW)
    session.add(truth)
    session.commit()
    assert truth.recorded_at == NOW
    later = NOW + timedelta(days=1)
    attempts: list[dict[str, Any]] = [
        {"what": "u"}, {"ends_at": later}, {"voided_at": later}, {"void_reason": "because", "what": "u"},
    ]  # fmt: skip
    for changes in attempts:
        for name, value in changes.items():
            setattr(truth, name, value)
        with pytest.raises(RuleBroken):
            session.flush()
        session.rollback()
        with pytest.raises(RuleBroken):
            bulk.update_many(session, Truth, [{"id": truth.id, **changes}])
        session.rollback()
    truth.voided_at, truth.void_reason = later, "because"
    session.commit()
    truth.voided_at, truth.void_reason = FOREVER, None
    with pytest.raises(RuleBroken, match="withdrawn already"):
        session.flush()
    session.rollback()
    assert session.scalars(select(AuditEntry).where(AuditEntry.kind == "void")).one().record_id == str(truth.id)


def test_records_that_are_kept_cannot_be_deleted(session: Session) -> None:
    for record in (Truth(what="t", starts_at=NOW), Case(title="c"), Stone(carved="x")):
        session.add(record)
        session.commit()
        session.delete(record)
        with pytest.raises(RuleBroken, match="never deleted"):
            session.flush()
        session.rollback()
    stone = session.scalars(select(Stone)).one()
    stone.carved = "y"
    with pytest.raises(RuleBroken, match="never changed"):
        session.flush()


def test_a_stale_row_version_is_refused_in_bulk(session: Session) -> None:
    ids = bulk.insert_many(session, Box, [{"label": "a"}])
    bulk.update_many(session, Box, [{"id": ids[0], "label": "b", "row_version": 1}])
    with pytest.raises(Stale):
        bulk.update_many(session, Box, [{"id": ids[0], "label": "c", "row_version": 1}])


@pytest.mark.parametrize("statement", [insert(Box), update(Box).values(label="x"), delete(Box)])
def test_bulk_statements_on_records_are_refused(session: Session, statement: Any) -> None:
    with pytest.raises(RuleBroken, match="bulk door"):
        session.execute(statement, [{"label": "x"}] if statement.is_insert else None)


@pytest.mark.parametrize(
    "statement",
    [
        insert(Box.__table__),
        update(Box.__table__).values(label="x"),
        delete(Box.__table__),
        delete(AuditEntry.__table__),
    ],
)
def test_core_statements_on_records_and_trail_are_refused(box: ToyBox, statement: Any) -> None:
    values = [{"label": "x"}] if statement.is_insert else None
    with box.sessions() as session, pytest.raises(RuleBroken, match="no trace"):
        session.connection().execute(statement, values)
    with box.engine.begin() as connection, pytest.raises(RuleBroken, match="no trace"):
        connection.execute(statement, values)


def test_saving_objects_past_the_unit_of_work_is_refused(session: Session) -> None:
    for attempt in (
        lambda: session.bulk_save_objects([Box(label="x")]),
        lambda: session.bulk_insert_mappings(Box, [{"label": "x"}]),  # type: ignore[arg-type]
    ):
        with pytest.raises(RuleBroken, match="no trace"):
            attempt()
        session.rollback()


RAW = (
    "INSERT INTO toy_shelves (name, row_version) VALUES ('x', 1)",
    "UPDATE toy_boxes SET label = 'x'",
    "DELETE FROM toy_boxes",
    "DELETE FROM toy_shelf_tags",
    "UPDATE audit_entries SET username = 'eve'",
    "DELETE FROM audit_entries",
    "UPDATE audit_links SET actor = 'eve'",
    "DELETE FROM audit_links",
)


@pytest.mark.parametrize("statement", RAW)
def test_raw_sql_is_refused_by_the_database_itself(box: ToyBox, session: Session, shelf: Shelf, statement: str) -> None:
    with box.engine.connect() as connection, pytest.raises(DBAPIError, match="qualgate: "):
        connection.exec_driver_sql(statement)


@pytest.mark.parametrize("table", ["audit_entries", "audit_links", "audit_keys", "audit_checkpoints", "toy_stones"])
def test_kept_rows_are_kept_even_from_somebody_who_bears_the_mark(box: ToyBox, session: Session, table: str) -> None:
    session.add(Stone(carved="x"))
    session.commit()
    column = {"audit_entries": "username", "audit_keys": "key_id", "toy_stones": "carved"}.get(table, "at")
    attempts = [f"UPDATE {table} SET {column} = {column}", f"DELETE FROM {table}"]
    if box.engine.dialect.name == "postgresql":
        attempts += [
            f"TRUNCATE {table}",
            f"SET session_replication_role = replica; UPDATE {table} SET {column} = {column}",
        ]
    for statement in attempts:
        with box.engine.connect() as connection:
            if box.engine.dialect.name == "postgresql":
                connection.exec_driver_sql("SELECT set_config('qualgate.tx', 'forged', true)")
            else:
                connection.info["qualgate.door"] = 1
                if table in {"audit_checkpoints"}:
                    continue  # a row trigger has nothing to refuse in an empty table
            with pytest.raises(DBAPIError, match="kept as they are"):
                connection.exec_driver_sql(statement.split("; ")[0]) if ";" not in statement else _both(
                    connection, statement
                )


def _both(connection: Any, statement: str) -> None:
    for part in statement.split("; "):
        connection.exec_driver_sql(part)


@pytest.mark.parametrize("box", ["sqlite"], indirect=True)
def test_a_replacing_insert_is_refused_whatever_the_settings(box: ToyBox, session: Session) -> None:
    session.add(Stone(carved="x"))
    session.commit()
    path = box.engine.url.database
    assert path is not None
    raw = sqlite3.connect(path)
    raw.execute("PRAGMA recursive_triggers=OFF")
    raw.create_function("qualgate_writer", 0, lambda: 1)
    with pytest.raises(sqlite3.DatabaseError, match="kept as they are"):
        raw.execute("INSERT OR REPLACE INTO audit_entries SELECT * FROM audit_entries")
    with pytest.raises(sqlite3.DatabaseError, match="kept as they are"):
        raw.execute("INSERT OR REPLACE INTO toy_stones SELECT * FROM toy_stones")
    stranger = sqlite3.connect(path)
    with pytest.raises(sqlite3.DatabaseError, match="no such function: qualgate_writer"):
        stranger.execute("INSERT INTO toy_shelves (name, row_version) VALUES ('x', 1)")


def test_missing_guards_are_noticed_and_put_back(box: ToyBox) -> None:
    with box.engine.connect() as connection:
        assert missing_guards(connection, METADATA) == []
    box.raw()
    with box.engine.begin() as connection:
        assert "toy_boxes" in missing_guards(connection, METADATA)
        install_guards(connection, METADATA)
        assert missing_guards(connection, METADATA) == []


def test_reading_takes_no_write_lock_and_reading_first_does_not_hinder_a_later_write(box: ToyBox) -> None:
    with box.sessions() as reader, box.sessions() as writer:
        assert reader.scalars(select(Shelf)).all() == []
        writer.add(Shelf(name="one"))
        writer.commit()
        reader.add(Shelf(name="two"))
        reader.commit()
        assert len(reader.scalars(select(Shelf)).all()) == 2


def test_two_writers_of_one_record_cannot_both_win(box: ToyBox, session: Session, shelf: Shelf) -> None:
    with box.sessions() as one, box.sessions() as two:
        first, second = (each.scalars(select(Box).where(Box.label == "own")).one() for each in (one, two))
        first.size, second.size = 1, 2
        one.commit()
        with pytest.raises(Exception, match="expected to update 1 row"):
            two.commit()
