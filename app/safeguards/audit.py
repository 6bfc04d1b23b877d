"""The trail's listener: every change of every protected row becomes an entry in the same transaction.

1. While a flush runs, each inserted, changed or deleted row is written down as the database has it.
2. When the flush ends, the entries are inserted at once, so a savepoint that is rolled back takes them along.
3. Before the transaction commits, one link ties its entries to the chain (``app.safeguards.closing``).

If any of this fails the change fails with it (21 CFR 11.10(e)). Nothing here can be switched off.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from importlib.metadata import PackageNotFoundError, version
from itertools import chain
from secrets import randbits
from typing import Any

from sqlalchemy import Column, Connection, Dialect, Row, Table, select
from sqlalchemy.orm import Mapper, Session, object_mapper
from sqlalchemy.orm.base import NO_VALUE, LoaderCallableStatus
from sqlalchemy.orm.state import InstanceState

from app.domain.chain import canonical, instant_text, leaf_hash
from app.domain.errors import RuleBroken
from app.models.base import FOREVER
from app.models.trail import AuditEntry
from app.safeguards.context import Context, current
from app.safeguards.database import door
from app.safeguards.values import TableForm, class_of, form_of, is_association, is_audited

STATE = "qualgate.trail"
COLLECTED = "qualgate.collected"
OLDS = "qualgate.olds"
INSERT, UPDATE, DELETE, EVENT, SCHEMA = "I", "U", "D", "E", "S"
COPY_FROM = 500
"""From so many entries on, PostgreSQL takes them through COPY instead of INSERT."""
TOGETHER = 100
"""Rows in one INSERT on SQLite, where a statement on a table with guard triggers costs more than the row itself."""

try:
    CODE_VERSION = version("qualgate")
except PackageNotFoundError:  # run from a bare checkout
    CODE_VERSION = "0"

_ENTRIES: Table = AuditEntry.__table__
_COLUMNS = tuple(column.name for column in _ENTRIES.columns if column.name != "id")


@dataclass(frozen=True, slots=True)
class Change:
    """One entry before it has its place in the transaction."""

    action: str
    kind: str
    table: str | None
    record_id: str | None
    client_id: int | None
    before: str | None
    after: str | None


@dataclass(slots=True)
class TrailState:
    """What this session has put on the trail since its transaction began."""

    tx: int = field(default_factory=lambda: randbits(62))
    n: int = 0
    leaves: list[str] = field(default_factory=list)
    reread: bool = False
    linked: bool = False
    pending: list[Change] = field(default_factory=list)


def state_of(session: Session) -> TrailState:
    """Return the trail state of the session's transaction, begun if need be."""
    state = session.info.get(STATE)
    if state is None:
        state = session.info[STATE] = TrailState()
    return state


# --- writing entries -------------------------------------------------------------------------------------------------


def write_changes(session: Session, connection: Connection, changes: Sequence[Change]) -> None:
    """Insert the entries of ``changes`` now, in order. Raises RuleBroken when nobody is named as acting."""
    if changes:
        write_entries(state_of(session), connection, changes)


def write_entries(state: TrailState, connection: Connection, changes: Sequence[Change]) -> None:
    """Insert the entries of ``changes`` in the transaction that ``state`` stands for."""
    context = current()
    if state.linked:
        raise RuleBroken("The transaction is closed on the audit trail already; this change came too late.")
    at = context.now()
    stored_at = bound_vector(connection.dialect, _ENTRIES.c.at, [at])[0]
    rows = [_entry_row(state, context, at, stored_at, change) for change in changes]
    insert_tuples(connection, _ENTRIES, _COLUMNS, rows)


def _entry_row(state: TrailState, context: Context, at: datetime, stored_at: Any, change: Change) -> tuple[Any, ...]:
    state.n += 1
    fields = _fields(state.tx, state.n, context, at, change)
    leaf = leaf_hash(canonical(fields), change.before, change.after)
    state.leaves.append(leaf)
    return (*fields[:2], stored_at, *fields[3:], change.before, change.after, leaf)


def _fields(tx: int, n: int, context: Context, at: datetime, change: Change) -> tuple[Any, ...]:
    """Return the values of ``chain.HEADER_FIELDS`` for one entry."""
    # a bare str: SQLAlchemy's own kind of name costs sqlite3 more than all other values of the entry together
    table = None if change.table is None else str(change.table)
    return (
        tx, n, at, change.action, change.kind, table, change.record_id, change.client_id, context.user_id,
        context.username, context.printed_name, context.on_behalf_of, context.reason, context.request_id,
        context.session_id, context.address, context.source, context.zone, CODE_VERSION,
    )  # fmt: skip


def write_bulk(
    session: Session, connection: Connection, change: Change, ids: Sequence[int], clients: Sequence[int | None],
    befores: Sequence[str] | None, afters: Sequence[str],
) -> None:  # fmt: skip
    """Insert one entry for each row of a set; ``change`` gives what they have in common.

    The same header text as for single entries, put together from its constant parts (a test compares them).
    """
    context = current()
    state = state_of(session)
    if state.linked:
        raise RuleBroken("The transaction is closed on the audit trail already; this change came too late.")
    at = context.now()
    sample = _fields(state.tx, 0, context, at, change)
    lead = f"[{state.tx},"
    middle = "," + canonical([instant_text(at), *sample[3:6]])[1:-1] + ',"'
    tail = "," + canonical(list(sample[8:]))[1:]
    fixed, rest, rows = sample[3:6], sample[8:], []
    n, leaves, tx = state.n, state.leaves, state.tx
    stored_at = bound_vector(connection.dialect, _ENTRIES.c.at, [at])[0]
    for place, (number, client, after) in enumerate(zip(ids, clients, afters, strict=True)):
        n += 1
        before = None if befores is None else befores[place]
        header = f'{lead}{n}{middle}{number}",{"null" if client is None else client}{tail}'
        leaf = leaf_hash(header, before, after)
        leaves.append(leaf)
        rows.append((tx, n, stored_at, *fixed, str(number), client, *rest, before, after, leaf))
    state.n = n
    insert_tuples(connection, _ENTRIES, _COLUMNS, rows)


def insert_tuples(connection: Connection, table: Table, names: Sequence[str], rows: Sequence[tuple[Any, ...]]) -> None:
    """Insert rows, their values bound already, in the fastest way that the database has."""
    dialect = connection.dialect
    quote = dialect.identifier_preparer.quote
    columns = ", ".join(quote(name) for name in names)
    target = dialect.identifier_preparer.format_table(table)
    if dialect.name == "postgresql" and len(rows) >= COPY_FROM:
        raw = connection.connection.cursor()
        with raw.copy(f"COPY {target} ({columns}) FROM STDIN") as copy:
            for row in rows:
                copy.write_row(row)
        raw.close()
        return
    mark = "?" if dialect.paramstyle == "qmark" else "%s"
    marks = f"({', '.join([mark] * len(names))})"
    head = f"INSERT INTO {target} ({columns}) VALUES "  # noqa: S608  quoted names of our own tables
    whole = len(rows) - len(rows) % TOGETHER if dialect.name == "sqlite" else 0
    if whole:
        parts = [tuple(chain.from_iterable(rows[start : start + TOGETHER])) for start in range(0, whole, TOGETHER)]
        connection.exec_driver_sql(head + ", ".join([marks] * TOGETHER), parts)
    if whole < len(rows):
        connection.exec_driver_sql(head + marks, list(rows[whole:]))


def bound_vector(dialect: Dialect, column: Column[Any], values: Sequence[Any]) -> Sequence[Any]:
    """Return a column of values as the driver wants them; equal neighbors (one instant for all) are converted once."""
    bind = column.type.dialect_impl(dialect).bind_processor(dialect)
    return values if bind is None else mapped(bind, values)


def mapped(convert: Callable[[Any], Any], values: Sequence[Any]) -> list[Any]:
    """Return ``convert`` of each value, asked once for each different one: many rows share instants and references."""
    if len(set(map(type, values)) - {type(None)}) > 1:  # True equals 1 and must not be taken for it
        return [convert(value) for value in values]
    try:
        table = {value: convert(value) for value in set(values)}
    except TypeError:  # lists and dicts of JSON columns
        return [convert(value) for value in values]
    return list(map(table.__getitem__, values))


# --- capture ---------------------------------------------------------------------------------------------------------


def begin_capture(session: Session, connection: Connection) -> None:
    """Start a flush: forget what a failed one left behind."""
    state_of(session).pending = []
    session.info[OLDS] = {}
    connection.info[COLLECTED] = []


def end_capture(session: Session, connection: Connection) -> None:
    """End a flush: insert the entries of everything it wrote."""
    state = state_of(session)
    pending, state.pending = state.pending, []
    write_changes(session, connection, [*pending, *connection.info.pop(COLLECTED, [])])


def after_insert(mapper: Mapper[Any], connection: Connection, target: Any) -> None:
    """Write down a new row in full."""
    session = _session_of(target)
    for table in _audited_tables(mapper):
        form = form_of(table, True)
        values = _values(mapper, connection, form, target)
        after = form.row_text([values[column.name] for column in form.columns])
        _pend(session, INSERT, "create", form, values, None, after)


def before_update(mapper: Mapper[Any], connection: Connection, target: Any) -> None:
    """Remember what the row held before the change."""
    state: InstanceState[Any] = target._sa_instance_state
    olds = _session_of(target).info[OLDS]
    olds[id(target)] = {
        table: _old_values(mapper, connection, form_of(table, True), state) for table in _audited_tables(mapper)
    }


def after_update(mapper: Mapper[Any], connection: Connection, target: Any) -> None:
    """Write down the columns that a change really changed."""
    session = _session_of(target)
    for table, old in session.info[OLDS].pop(id(target)).items():
        form = form_of(table, True)
        new = _values(mapper, connection, form, target, known=old)
        text = form.by_name
        changed = [name for name in old if name in new and text[name](old[name]) != text[name](new[name])]
        if not changed:
            continue
        before = form.part_text({name: old[name] for name in changed})
        after = form.part_text({name: new[name] for name in changed})
        kind = "void" if "voided_at" in changed and old["voided_at"] == FOREVER else "change"
        _pend(session, UPDATE, kind, form, new, before, after)


def before_delete(mapper: Mapper[Any], connection: Connection, target: Any) -> None:
    """Write down in full the row that is about to go."""
    session = _session_of(target)
    for table in reversed(_audited_tables(mapper)):
        form = form_of(table, True)
        values = _stored_row(connection, form, _identity(mapper, target._sa_instance_state, form))
        if values is not None:
            text = form.row_text([values[column.name] for column in form.columns])
            _pend(session, DELETE, "delete", form, values, text, None)


def collect_association(
    connection: Connection, clause: Any, multiparams: Any, params: Any, execution_options: Any
) -> None:
    """Write down rows of tables that only tie records together, such as the roles of a user, as a flush sends them."""
    collected = connection.info.get(COLLECTED)
    if collected is None or not getattr(clause, "is_dml", False) or not _is_tie(clause.table):
        return
    form = form_of(clause.table, False)
    if clause.is_update:
        raise RuleBroken("A link between two records is removed and added anew, never changed.")
    for values in multiparams or [params]:
        row = {column.name: values[column.key] for column in form.columns}
        text = form.row_text([row[column.name] for column in form.columns])
        if clause.is_insert:
            collected.append(Change(INSERT, "create", form.table.name, form.record_id(row), None, None, text))
        else:
            collected.append(Change(DELETE, "delete", form.table.name, form.record_id(row), None, text, None))


def _is_tie(table: Table) -> bool:
    return is_audited(table) and is_association(table) and class_of(table) is None


def _audited_tables(mapper: Mapper[Any]) -> list[Table]:
    return [table for table in mapper.tables if isinstance(table, Table) and is_audited(table)]


def _session_of(target: Any) -> Session:
    session: Session = target._sa_instance_state.session
    return session


def _pend(
    session: Session, action: str, kind: str, form: TableForm, values: dict[str, Any], before: str | None,
    after: str | None,
) -> None:  # fmt: skip
    client = values.get("client_id")
    name = form.table.name
    state_of(session).pending.append(Change(action, kind, name, form.record_id(values), client, before, after))


def _values(
    mapper: Mapper[Any], connection: Connection, form: TableForm, target: Any, known: dict[str, Any] | None = None
) -> dict[str, Any]:
    """Return what the row holds now, by column name; what the object does not know is read from the database."""
    state: InstanceState[Any] = target._sa_instance_state
    held, missing = {}, False
    for column in form.columns:
        key = mapper.get_property_by_column(column).key
        if key in state.dict:
            held[column.name] = state.dict[key]
        elif known is None or column.name in known:
            missing = True
    if missing:
        stored = _stored_row(connection, form, _identity(mapper, state, form))
        assert stored is not None, "a row that was just written can be read"
        return stored
    for column in form.identity:
        held.setdefault(column.name, state.key[1][0] if state.key else None)
    return held


def _old_values(
    mapper: Mapper[Any], connection: Connection, form: TableForm, state: InstanceState[Any]
) -> dict[str, Any]:
    """Return what the row held before this flush, by column name.

    A row without a version column is read again under lock: what the session remembers of it may be out of date, and
    a trail that tells a wrong old value is found by replay.
    """
    identity = _identity(mapper, state, form)
    old: dict[str, Any] = {}
    if mapper.version_id_col is None:
        return _stored_row(connection, form, identity, lock=True) or {}
    for column in form.columns:
        key = mapper.get_property_by_column(column).key
        value = state.committed_state.get(key, state.dict.get(key, NO_VALUE))
        if isinstance(value, LoaderCallableStatus):
            if key in state.committed_state:
                return _stored_row(connection, form, identity, lock=True) or {}
            continue
        old[column.name] = value
    return old


def _identity(mapper: Mapper[Any], state: InstanceState[Any], form: TableForm) -> dict[str, Any]:
    values = state.key[1] if state.key else mapper.primary_key_from_instance(state.obj())
    return {column.name: value for column, value in zip(form.table.primary_key.columns, values, strict=True)}


def _stored_row(
    connection: Connection, form: TableForm, identity: dict[str, Any], lock: bool = False
) -> dict[str, Any] | None:
    query = select(*form.columns).where(*(form.table.c[name] == value for name, value in identity.items()))
    row: Row[Any] | None = connection.execute(query.with_for_update() if lock else query).first()
    return None if row is None else dict(zip((column.name for column in form.columns), row, strict=True))


# --- events ----------------------------------------------------------------------------------------------------------


def note(session: Session, kind: str, record: Any = None, *, client_id: int | None = None, **details: Any) -> None:
    """Put something on the trail that is no change of a row: a login, a refusal, a view, an export, a signature.

    ``record`` is what it was about, if anything; ``details`` are kept as canonical JSON. The entry is inserted now, in
    the session's transaction; the edge commits it. After a refusal that rolled back, note it in a new transaction.
    """
    session.flush()
    table = record_id = None
    if record is not None:
        mapper = object_mapper(record)
        table = str(mapper.local_table.name)  # type: ignore[attr-defined]
        record_id = ",".join(str(value) for value in mapper.primary_key_from_instance(record))
        client_id = getattr(record, "client_id", None) if client_id is None else client_id
    after = canonical(details) if details else None
    change = Change(EVENT, kind, table, record_id, client_id, None, after)
    write_within_door(session, [change])


def write_within_door(session: Session, changes: Sequence[Change]) -> None:
    """Insert entries outside of a flush."""
    connection = session.connection()
    with door(connection):
        write_changes(session, connection, changes)
