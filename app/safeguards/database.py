"""How a connection behaves: SQLite's settings, when the write lock is taken, and the door for protected writes.

SQLite in its own mode takes no lock for reads here: every read stands alone (as READ COMMITTED on PostgreSQL) and the
first write of a transaction begins it with BEGIN IMMEDIATE. So readers never block, and a transaction that has read
before it writes cannot fail with a stale snapshot; the row versions find what changed in between.
"""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from weakref import WeakSet

from sqlalchemy import Connection, Engine, event, func, select
from sqlalchemy.orm import Session

from app.domain.errors import RuleBroken
from app.safeguards.values import is_protected

DOOR = "qualgate.door"
MARK = "qualgate.mark"
SQLITE_MARK = "qualgate_writer"
_WRITES = re.compile(r"\s*(INSERT|UPDATE|DELETE|REPLACE|CREATE|ALTER|DROP|SAVEPOINT|VACUUM INTO)\b", re.IGNORECASE)
_WRITES_IN_WITH = re.compile(r"\b(INSERT|UPDATE|DELETE|REPLACE)\b", re.IGNORECASE)
_PREPARED: WeakSet[Engine] = WeakSet()
PATIENCE = "PRAGMA busy_timeout=30000"
PRAGMAS = (
    "PRAGMA journal_mode=WAL",
    "PRAGMA foreign_keys=ON",
    PATIENCE,
    "PRAGMA synchronous=FULL",
    "PRAGMA recursive_triggers=ON",
    "PRAGMA cache_size=-65536",
)


def prepare_engine(engine: Engine) -> None:
    """Register what every connection of ``engine`` needs. Calling it twice changes nothing."""
    if engine in _PREPARED:
        return
    _PREPARED.add(engine)
    event.listen(engine, "before_execute", _refuse_unseen_writes)
    for name in ("commit", "rollback"):
        event.listen(engine, name, _forget_marks)
    event.listen(engine, "rollback_savepoint", _close_door_after_savepoint)
    if engine.dialect.name == "sqlite":
        event.listen(engine, "connect", _set_up_sqlite)
        event.listen(engine, "before_cursor_execute", _begin_before_write)
        event.listen(engine, "savepoint", _begin_before_savepoint)
        engine.dispose()


def _set_up_sqlite(connection: Any, record: Any) -> None:
    connection.isolation_level = None
    cursor = connection.cursor()
    for pragma in PRAGMAS:
        cursor.execute(pragma)
    cursor.close()
    info = record.info
    connection.create_function(SQLITE_MARK, 0, lambda: 1 if info.get(DOOR) else 0)


def _begin_before_write(
    connection: Connection, cursor: Any, statement: str, parameters: Any, context: Any, many: bool
) -> None:
    if cursor.connection.in_transaction:
        return
    if _WRITES.match(statement) or (statement.lstrip()[:4].upper() == "WITH" and _WRITES_IN_WITH.search(statement)):
        cursor.execute("BEGIN IMMEDIATE")


def _begin_before_savepoint(connection: Connection, name: str) -> None:
    begin_write(connection)


def begin_write(connection: Connection) -> None:
    """Take SQLite's write lock now, if the transaction does not hold it yet; waits up to 30 seconds for it."""
    if connection.dialect.name != "sqlite":
        return
    raw = connection.connection.driver_connection
    if raw is not None and not raw.in_transaction:
        raw.execute("BEGIN IMMEDIATE")


@contextmanager
def without_waiting(session: Session) -> Iterator[None]:
    """Let a write inside the block fail at once with OperationalError while somebody else writes to SQLite.

    For what is not worth a wait, let alone a failed page. PostgreSQL locks rows, not the database.
    """
    connection = session.connection()
    if connection.dialect.name != "sqlite":
        yield
        return
    connection.exec_driver_sql("PRAGMA busy_timeout=0")
    try:
        yield
    finally:
        connection.exec_driver_sql(PATIENCE)


@contextmanager
def snapshot(connection: Connection) -> Iterator[Connection]:
    """Let all reads inside the block see one and the same state of the database.

    To be entered before the transaction's first statement; on PostgreSQL the transaction becomes REPEATABLE READ.
    """
    if connection.dialect.name == "sqlite":
        raw = connection.connection.driver_connection
        opened = raw is not None and not raw.in_transaction
        if opened:
            connection.exec_driver_sql("BEGIN")
        yield connection
        if opened:
            connection.exec_driver_sql("COMMIT")
        return
    connection.exec_driver_sql("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
    yield connection


def take_turns(session: Session, lock: int) -> None:
    """Wait until no other transaction holds ``lock``, and hold it to the end of this one.

    To be called inside a savepoint: beginning it took SQLite's write lock; PostgreSQL has an advisory lock for it.
    """
    if session.connection().dialect.name == "postgresql":
        session.execute(select(func.pg_advisory_xact_lock(lock)))


def open_door(connection: Connection) -> None:
    """Let protected tables be written on this connection until ``close_door`` or the end of the transaction.

    On PostgreSQL the transaction is marked with ``qualgate.tx`` once, for the guard triggers; on SQLite the triggers
    ask the function ``qualgate_writer``, which answers from here.
    """
    info = connection.info
    info[DOOR] = info.get(DOOR, 0) + 1
    begin_write(connection)
    if connection.dialect.name == "postgresql" and not info.get(MARK):
        connection.exec_driver_sql("SELECT set_config('qualgate.tx', 'open', true)")
        info[MARK] = True


def close_door(connection: Connection) -> None:
    """End one ``open_door``."""
    info = connection.info
    info[DOOR] = max(info.get(DOOR, 0) - 1, 0)


@contextmanager
def door(connection: Connection) -> Iterator[None]:
    """Hold the door open for the length of a ``with`` block."""
    open_door(connection)
    try:
        yield
    finally:
        close_door(connection)


@contextmanager
def migration(engine: Engine) -> Iterator[Connection]:
    """Yield a connection in one transaction in which tables may be rebuilt and rows transformed.

    Foreign keys are off meanwhile on SQLite, where rebuilding a table drops the old one, and checked at the end.
    Raises RuleBroken, and undoes everything, when a row then points nowhere.
    """
    with engine.connect() as connection:
        sqlite = connection.dialect.name == "sqlite"
        if sqlite:
            connection.exec_driver_sql("PRAGMA foreign_keys=OFF")
        try:
            with door(connection):
                yield connection
            broken = connection.exec_driver_sql("PRAGMA foreign_key_check").first() if sqlite else None
            if broken is not None:
                raise RuleBroken(
                    "After the upgrade a row of %(table)s points to nothing; it was undone.", table=broken[0]
                )
            connection.commit()
        finally:
            if sqlite:
                connection.rollback()
                connection.exec_driver_sql("PRAGMA foreign_keys=ON")


def _forget_marks(connection: Connection) -> None:
    connection.info.pop(DOOR, None)
    connection.info.pop(MARK, None)


def _close_door_after_savepoint(connection: Connection, name: str, context: Any) -> None:
    connection.info.pop(DOOR, None)
    # A mark that was set inside the savepoint went with it: it is set anew at the next write.
    connection.info.pop(MARK, None)


def _refuse_unseen_writes(
    connection: Connection, clause: Any, multiparams: Any, params: Any, execution_options: Any
) -> None:
    """Refuse a Core statement that would change a protected table past the trail."""
    if not getattr(clause, "is_dml", False) or connection.info.get(DOOR):
        return
    table = clause.table
    if is_protected(table):
        raise RuleBroken(
            "The table %(table)s is written through its records or the audited bulk door only, "
            "because a direct statement would leave no trace in the audit trail.",
            table=table.name,
        )
