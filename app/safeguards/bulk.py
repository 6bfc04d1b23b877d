"""The one audited door for many rows at once: set-based statements, and one trail entry for each row all the same.

Per-object listeners cost forty times more (docs/trail.md, benchmarks). The same rules hold as for single records:
scope, governed columns, facts, row versions.
"""

from collections.abc import Sequence
from itertools import groupby
from typing import Any

from sqlalchemy import Column, Connection, Table, func, select
from sqlalchemy.orm import Session
from sqlalchemy.orm.util import identity_key

from app.domain.errors import NotFound, RuleBroken, Stale
from app.models.base import FOREVER, Fact, Scoped
from app.safeguards import governed
from app.safeguards.audit import INSERT, UPDATE, Change, bound_vector, insert_tuples, mapped, write_bulk
from app.safeguards.context import Context, current
from app.safeguards.database import door
from app.safeguards.scope import may_see
from app.safeguards.values import TableForm, form_of, is_audited

CHUNK = 20_000
"""Rows that are prepared together; bounds the memory."""
LOOKUP = 900
"""Ids in one IN list, below SQLite's oldest limit of parameters."""


def insert_many(session: Session, model: type[Any], rows: Sequence[dict[str, Any]]) -> list[int]:
    """Insert ``rows`` (values by column name) and return their ids in the same order.

    Defaults of the columns are filled in; ``recorded_at`` of a fact is now unless given. All in the session's
    transaction. Raises RuleBroken for an unknown column, a governed column that does not begin in its first state, or
    without a context, and NotFound for a client outside of the scope.
    """
    if not rows:
        return []
    session.flush()
    context, table = current(), model.__table__
    form = form_of(table, True)
    _refuse_unknown(table, rows)
    with door(session.connection()):
        connection = session.connection()
        ids = _new_ids(connection, table, len(rows))
        for start in range(0, len(rows), CHUNK):
            end = start + CHUNK
            _insert_chunk(session, connection, form, model, context, rows[start:end], ids[start:end])
    return ids


def _refuse_unknown(table: Table, rows: Sequence[dict[str, Any]]) -> None:
    known = set(table.columns.keys())
    for row in rows:
        if not known.issuperset(row):
            name = sorted(set(row) - known)[0]
            raise RuleBroken("The table %(table)s has no column %(column)s.", table=table.name, column=name, field=name)


def _new_ids(connection: Connection, table: Table, count: int) -> list[int]:
    """Reserve ids: from the sequence on PostgreSQL, after the highest one under SQLite's write lock."""
    if connection.dialect.name == "postgresql":
        # every key of ours is a number with the sequence that SERIAL made for it
        query = "SELECT nextval(pg_get_serial_sequence(%s, %s)) FROM generate_series(1, %s)"
        name = connection.dialect.identifier_preparer.format_table(table)
        return [row[0] for row in connection.exec_driver_sql(query, (name, "id", count))]
    top = connection.scalar(select(func.max(table.c.id))) or 0
    return list(range(top + 1, top + 1 + count))


def _insert_chunk(
    session: Session, connection: Connection, form: TableForm, model: type[Any], context: Context,
    rows: Sequence[dict[str, Any]], ids: Sequence[int],
) -> None:  # fmt: skip
    vectors = {column.name: _vector(model, column, rows, ids, context) for column in form.columns}
    clients: Sequence[int | None] = vectors["client_id"] if issubclass(model, Scoped) else [None] * len(rows)
    for client in set(clients):
        if not may_see(context, client):
            raise NotFound("There is no such record.")
    for name in getattr(model, "__governed__", ()):
        for value in set(vectors[name]):
            governed.check_initial(model, lambda _, value=value: value)  # type: ignore[misc]
    dialect, names = connection.dialect, [column.name for column in form.columns]
    bound = [bound_vector(dialect, column, vectors[column.name]) for column in form.columns]
    insert_tuples(connection, form.table, names, list(zip(*bound, strict=True)))
    if is_audited(form.table):
        change = Change(INSERT, "create", form.table.name, None, None, None, None)
        write_bulk(session, connection, change, ids, clients, None, _texts(form, list(vectors.values())))


def _vector(
    model: type[Any], column: Column[Any], rows: Sequence[dict[str, Any]], ids: Sequence[int], context: Context
) -> Sequence[Any]:
    name = column.name
    if name == "id":
        return ids
    default = column.default
    if name == "recorded_at" and issubclass(model, Fact):
        moment = context.now()
        return [moment if row.get(name) is None else row[name] for row in rows]
    if default is None:
        return [row.get(name) for row in rows]
    if default.is_scalar:
        value = default.arg  # type: ignore[attr-defined]
        return [row.get(name, value) for row in rows]
    if default.is_callable:
        make = default.arg  # type: ignore[attr-defined]
        return [row[name] if name in row else make(None) for row in rows]
    raise RuleBroken("The column %(column)s cannot be filled in bulk.", column=name)


def _texts(form: TableForm, vectors: Sequence[Sequence[Any]]) -> list[str]:
    """Return the canonical JSON of each row, encoding column by column."""
    encoded = [mapped(encode, vector) for encode, vector in zip(form.encoders, vectors, strict=True)]
    template = form.template
    return [template % fragments for fragments in zip(*encoded, strict=True)]


# --- changes ---------------------------------------------------------------------------------------------------------


def update_many(session: Session, model: type[Any], rows: Sequence[dict[str, Any]]) -> int:
    """Change many rows; each of ``rows`` holds ``id`` and the new values by column name. Returns how many changed.

    A row that holds all the values already is left alone. With ``row_version`` in a row, it must still be the stored
    one. Raises Stale otherwise, NotFound for an unknown id or one outside of the scope, and RuleBroken for columns that
    may not change.
    """
    if not rows:
        return 0
    session.flush()
    table = model.__table__
    _refuse_unknown(table, rows)
    governed.check_columns(model, {name for row in rows for name in row} - {"id", "row_version"})
    ordered = sorted(rows, key=lambda row: (sorted(row), row["id"]))
    changed = 0
    with door(session.connection()):
        for names, group in groupby(ordered, key=sorted):
            same = list(group)
            for start in range(0, len(same), CHUNK):
                changed += _update_chunk(session, model, [n for n in names if n not in {"id", "row_version"}],
                                         same[start : start + CHUNK])  # fmt: skip
    return changed


def _update_chunk(session: Session, model: type[Any], names: list[str], rows: list[dict[str, Any]]) -> int:
    connection, context, table = session.connection(), current(), model.__table__
    form = form_of(table, True)
    stored = _stored(connection, model, names, [row["id"] for row in rows])
    ids, clients, befores, afters, updates = [], [], [], [], []
    encoders = {name: form.by_name[name] for name in names}
    for row in rows:
        old = stored.get(row["id"])
        if old is None or not may_see(context, old.get("client_id")) or not may_see(context, row.get("client_id")):
            raise NotFound("There is no such record.")
        version = old["row_version"]
        if row.get("row_version", version) != version:
            raise Stale("Somebody else changed the record %(id)s in the meantime.", id=row["id"])
        changed = [name for name in names if encoders[name](old[name]) != encoders[name](row[name])]
        if not changed:
            continue
        if issubclass(model, Fact):
            governed.check_withdrawal(model, old["voided_at"], row.get("voided_at", FOREVER), row.get("void_reason"))
        changed = sorted([*changed, "row_version"])
        after = {**row, "row_version": version + 1}
        ids.append(row["id"])
        clients.append(row.get("client_id", old.get("client_id")))
        befores.append(form.part_text({name: old[name] for name in changed}))
        afters.append(form.part_text({name: after[name] for name in changed}))
        updates.append((*(row[name] for name in names), row["id"], version))
    if not updates:
        return 0
    _write(connection, table, names, updates)
    kind = "void" if issubclass(model, Fact) else "change"
    change = Change(UPDATE, kind, table.name, None, None, None, None)
    write_bulk(session, connection, change, ids, clients, befores, afters)
    _expire(session, model, ids)
    return len(updates)


def _stored(connection: Connection, model: type[Any], names: list[str], ids: list[int]) -> dict[int, dict[str, Any]]:
    """Read the rows to be changed, locked against everybody else."""
    table: Table = model.__table__
    wanted = {"id", "row_version", *names} | {name for name in ("client_id", "voided_at") if name in table.c}
    columns = [table.c[name] for name in sorted(wanted)]
    found: dict[int, dict[str, Any]] = {}
    for start in range(0, len(ids), LOOKUP):
        query = select(*columns).where(table.c.id.in_(ids[start : start + LOOKUP])).order_by(table.c.id)
        for row in connection.execute(query.with_for_update()):
            found[row.id] = row._asdict()
    return found


def _write(connection: Connection, table: Table, names: list[str], updates: list[tuple[Any, ...]]) -> None:
    """Write the new values, all under the row versions that were read under lock."""
    dialect = connection.dialect
    quote = dialect.identifier_preparer.quote
    mark = "?" if dialect.paramstyle == "qmark" else "%s"
    sets = ", ".join([*(f"{quote(name)} = {mark}" for name in names), "row_version = row_version + 1"])
    processors = [table.c[name].type.dialect_impl(dialect).bind_processor(dialect) for name in names]
    bound = [
        (*(bind(value) if bind else value for bind, value in zip(processors, row[:-2], strict=True)), *row[-2:])
        for row in updates
    ]
    target = dialect.identifier_preparer.format_table(table)
    sql = f"UPDATE {target} SET {sets} WHERE id = {mark} AND row_version = {mark}"  # noqa: S608  names are ours
    result = connection.exec_driver_sql(sql, bound)
    if result.rowcount != len(updates):
        raise Stale("Somebody else changed one of the records in the meantime.")


def _expire(session: Session, model: type[Any], ids: Sequence[int]) -> None:
    """Let objects that the session holds be read anew."""
    held = session.identity_map
    for number in ids:
        record = held.get(identity_key(model, number))
        if record is not None:
            session.expire(record)
