"""Whether the tables hold what the trail tells: every entry replayed, and the outcome compared with the live rows.

This finds what was changed behind the application's back: a raw UPDATE, INSERT or DELETE, a NULL made empty text, a
lost update (AUD-3). It does not judge whether what the application wrote was right.
"""

from collections.abc import Iterable, Iterator
from typing import Any

from sqlalchemy import (
    Column,
    ColumnElement,
    Connection,
    DateTime,
    MetaData,
    String,
    Table,
    inspect,
    select,
    type_coerce,
)
from sqlalchemy.exc import SQLAlchemyError

from app.domain.chain import canonical
from app.domain.text import Phrase
from app.models.base import UtcDateTime
from app.safeguards.audit import mapped
from app.safeguards.values import Encoder, TableForm, class_of, form_of, is_audited
from app.services.trail_chain import (
    ACTION,
    AFTER,
    BATCH,
    BEFORE,
    ID,
    KIND,
    RECORD,
    TABLE,
    ChainState,
    Entry,
    parsed,
    written,
)

Recorded = str | dict[str, Any]
"""What the trail says that a row holds: the canonical text as inserted or, once changed, its values by column."""


class Replay:
    """Applies entries one after the other and keeps, for each table, what its rows should hold."""

    def __init__(self, state: ChainState) -> None:
        self.state = state
        self.tables: dict[str, dict[str, Recorded]] = {}
        self.revision: str | None = None
        self.checkpoints: set[tuple[Any, Any]] = set()

    def visit(self, entry: Entry) -> None:
        """Apply one entry."""
        action, table, row = entry[ACTION], entry[TABLE], entry[RECORD]
        if action == "I":
            rows = self.tables.get(table)
            if rows is None:
                rows = self.tables[table] = {}
            if row in rows:
                self._disagree(entry, Phrase("Entry %(entry)s creates a row that was there already.", entry=entry[ID]))
            rows[row] = entry[AFTER]
        elif action == "U":
            self._update(entry)
        elif action == "D":
            held = self.tables.get(table, {}).pop(row, None)
            if held is None or _text(held) != entry[BEFORE]:
                self._disagree(
                    entry, Phrase("Entry %(entry)s deletes a row that held something else.", entry=entry[ID])
                )
        elif action == "S":
            self._migrate(entry)
        elif entry[KIND] == "checkpoint":
            told = parsed(entry[AFTER])
            self.checkpoints.add((told.get("seq"), told.get("head")))

    def _update(self, entry: Entry) -> None:
        rows = self.tables.get(entry[TABLE], {})
        held = rows.get(entry[RECORD])
        if held is None:
            self._disagree(entry, Phrase("Entry %(entry)s changes a row that was not there.", entry=entry[ID]))
            return
        values = parsed(held) if isinstance(held, str) else held
        for name, old in parsed(entry[BEFORE]).items():
            if name not in values or values[name] != old or type(values[name]) is not type(old):
                self._disagree(entry, Phrase(
                    "Entry %(entry)s says that %(column)s was %(old)s, but before it was %(held)s.",
                    entry=entry[ID], column=name, old=canonical(old), held=canonical(values.get(name))))  # fmt: skip
        values.update(parsed(entry[AFTER]))
        rows[entry[RECORD]] = values

    def _migrate(self, entry: Entry) -> None:
        """Apply what an upgrade did to the shape of tables (see ``safeguards.migrating``)."""
        told = parsed(entry[AFTER])
        self.revision = told.get("to", self.revision)
        for table, change in told.get("tables", {}).items():
            reshape(self.tables.get(table, {}), change)
        for table in told.get("dropped_tables", ()):
            self.tables.pop(table, None)

    def _disagree(self, entry: Entry, what: Phrase) -> None:
        self.state.find("history_disagrees", what, entry[TABLE], entry[RECORD], entry[ID])


def reshape(rows: dict[str, Recorded], change: dict[str, Any]) -> None:
    """Take the dropped columns from all rows of a table and give them the added ones."""
    for key, held in rows.items():
        values = parsed(held) if isinstance(held, str) else held
        for name in change.get("dropped", ()):
            values.pop(name, None)
        values.update(change.get("added", {}))
        rows[key] = values


def _text(held: Recorded) -> str:
    return held if isinstance(held, str) else written(held)


def audited_tables(connection: Connection, metadata: MetaData) -> list[Table]:
    """Return the audited tables of ``metadata`` that exist, by name."""
    present = set(inspect(connection).get_table_names())
    return sorted(
        (table for table in metadata.tables.values() if table.name in present and is_audited(table)),
        key=lambda table: table.name,
    )


def live_rows(connection: Connection, form: TableForm) -> Iterator[tuple[str, str]]:
    """Yield record id and canonical text of every row as it is now.

    Raises what the driver or a column type raises when a value cannot even be read.
    """
    quick = connection.dialect.name == "sqlite"
    readers = [_reader(column, encode, quick) for column, encode in zip(form.columns, form.encoders, strict=True)]
    query = select(*(wanted for wanted, _ in readers))
    place = [form.columns.index(column) for column in form.identity]
    result = connection.execute(query, execution_options={"stream_results": True, "yield_per": BATCH})
    for part in result.partitions(BATCH):
        vectors = list(zip(*part, strict=True))
        encoded = [mapped(encode, vector) for (_, encode), vector in zip(readers, vectors, strict=True)]
        texts = map(form.template.__mod__, zip(*encoded, strict=True))
        if len(place) == 1:
            keys: Iterable[str] = map(str, vectors[place[0]])
        else:
            keys = (canonical(list(values)) for values in zip(*(vectors[p] for p in place), strict=True))
        yield from zip(keys, texts, strict=True)


def _reader(column: Column[Any], encode: Encoder, quick: bool) -> tuple[ColumnElement[Any], Encoder]:
    """Return what to select for a column and how to encode what comes; instants on SQLite are texts already."""
    if isinstance(column.type, UtcDateTime):
        if quick:
            return type_coerce(column, String()), _instant_text
        return type_coerce(column, DateTime(timezone=True)), encode
    return column, encode


def _instant_text(value: str | None) -> str:
    if value is None:
        return "null"
    if len(value) == 26 and value[10] == " ":
        return f'"{value[:10]}T{value[11:]}Z"'
    raise ValueError("This is no instant.")


def compare(connection: Connection, replay: Replay, metadata: MetaData) -> int:
    """Compare every audited table with what the replay holds for it; return the number of live rows.

    Every difference becomes a finding of the replay's state.
    """
    count = 0
    state = replay.state
    for table in audited_tables(connection, metadata):
        recorded = replay.tables.pop(table.name, {})
        form = form_of(table, class_of(table) is not None)
        try:
            for key, text in live_rows(connection, form):
                count += 1
                held = recorded.pop(key, None)
                if held is None or _text(held) != text:
                    _tell_difference(connection, state, table.name, key, text, held)
        except (ValueError, TypeError, ArithmeticError, SQLAlchemyError):
            _name_unreadable(connection, state, form)
            continue
        for key in recorded:
            what = Phrase(
                "Row %(row)s of %(table)s is on the trail but not in the table: it was deleted.",
                row=key,
                table=table.name,
            )
            state.find("row_missing", what, table.name, key, _last_entry(connection, table.name, key))
    for name, rows in replay.tables.items():
        for key in rows:
            what = Phrase("Row %(row)s of %(table)s is on the trail, but the table is gone.", row=key, table=name)
            state.find("row_missing", what, name, key, _last_entry(connection, name, key))
    return count


def _tell_difference(
    connection: Connection, state: ChainState, table: str, key: str, text: str, recorded: Recorded | None
) -> None:
    if recorded is None:
        what = Phrase("Row %(row)s of %(table)s is not on the trail: it was inserted.", row=key, table=table)
        state.find("row_unrecorded", what, table, key)
        return
    told, held = (parsed(recorded) if isinstance(recorded, str) else recorded), parsed(text)
    entry = _last_entry(connection, table, key)
    for name in sorted(told.keys() | held.keys()):
        if name not in told or name not in held or canonical(told[name]) != canonical(held[name]):
            what = Phrase(
                "Row %(row)s of %(table)s holds %(held)s in %(column)s; the trail says %(told)s.",
                row=key, table=table, column=name, held=_show(held, name), told=_show(told, name),
            )  # fmt: skip
            state.find("row_changed", what, table, key, entry)


def _show(values: dict[str, Any], name: str) -> str:
    return canonical(values[name]) if name in values else "nothing"


def _name_unreadable(connection: Connection, state: ChainState, form: TableForm) -> None:
    """Read a table one column at a time to name the one that cannot be read."""
    for column in form.columns:
        try:
            for value in connection.execute(select(column)).scalars():
                form.by_name[column.name](value)
        except (ValueError, TypeError, ArithmeticError, SQLAlchemyError):
            what = Phrase(
                "The column %(column)s of %(table)s holds something that cannot be read.",
                column=column.name,
                table=form.table.name,
            )
            state.find("row_unreadable", what, form.table.name)


def _last_entry(connection: Connection, table: str, key: str) -> int | None:
    mark = "?" if connection.dialect.paramstyle == "qmark" else "%s"
    query = f"SELECT max(id) FROM audit_entries WHERE table_name = {mark} AND record_id = {mark}"  # noqa: S608
    found: int | None = connection.exec_driver_sql(query, (table, key)).scalar()
    return found
