"""What an upgrade does to the tables goes on the trail as well, so that replay survives it (PART 11: T-e2).

An entry of action S tells the revision and, table by table, the columns that came and went. Whatever a migration
changed in rows beyond that becomes an entry of its own, kind ``migration``, with old and new values.
"""

from dataclasses import dataclass, field
from typing import Any

from flask_appbuilder import Model
from sqlalchemy import Connection, MetaData, Table, inspect

from app.domain.chain import canonical
from app.domain.errors import RuleBroken
from app.safeguards.audit import DELETE, INSERT, SCHEMA, UPDATE, Change, TrailState, write_entries
from app.safeguards.closing import close_apart
from app.safeguards.database import door
from app.safeguards.keys import Signer
from app.safeguards.values import TableForm, class_of, form_of, joined
from app.services.trail_chain import ChainState, parsed, walk
from app.services.trail_replay import Recorded, Replay, audited_tables, live_rows, reshape

KIND = "migration"


@dataclass(slots=True)
class Remembered:
    """What every audited table held before an upgrade, as the trail tells it."""

    tables: dict[str, dict[str, Recorded]] = field(default_factory=dict)


def remember(connection: Connection, metadata: MetaData | None = None) -> Remembered:
    """Replay the trail before an upgrade, and see that the tables hold what it tells.

    Raises RuleBroken when they do not: an upgrade must not launder what was changed behind the application's back.
    """
    metadata = Model.metadata if metadata is None else metadata
    if not inspect(connection).has_table("audit_entries"):
        return Remembered()
    state = ChainState()
    replay = Replay(state)
    walk(connection, state, {}, 0, replay.visit)
    for table in audited_tables(connection, metadata):
        _compare_common(connection, state, table, replay.tables.get(table.name, {}))
    if state.findings:
        raise RuleBroken(
            "The audit trail is not sound (%(what)s). Run 'qualgate audit verify' before an upgrade.",
            what=state.findings[0].what,
        )
    return Remembered(replay.tables)


def _compare_common(connection: Connection, state: ChainState, table: Table, rows: dict[str, Recorded]) -> None:
    """Compare the columns that the table has both in the database and in the new models."""
    form = _form(table)
    present = {column["name"] for column in inspect(connection).get_columns(table.name)}
    common = [place for place, column in enumerate(form.columns) if column.name in present]
    if any(column.name not in present for column in form.identity):
        return
    part = TableForm(
        table, tuple(form.columns[place] for place in common), tuple(form.encoders[place] for place in common),
        form.identity, form.association,
    )  # fmt: skip
    names = [column.name for column in part.columns]
    live = dict(live_rows(connection, part))
    for key in live.keys() | rows.keys():
        held = rows.get(key)
        told = None if held is None else canonical({name: _values(held).get(name) for name in names})
        if told != live.get(key):
            state.find("row_changed", _phrase(table.name, key), table.name, key)
            return


def _phrase(table: str, key: str) -> Any:
    return RuleBroken("row %(row)s of %(table)s differs", row=key, table=table).phrase


def _values(held: Recorded) -> dict[str, Any]:
    return parsed(held) if isinstance(held, str) else held


def _form(table: Table) -> TableForm:
    return form_of(table, class_of(table) is not None)


def record(
    connection: Connection, before: Remembered, revisions: tuple[str | None, str | None], signer: Signer | None,
    metadata: MetaData | None = None,
) -> None:  # fmt: skip
    """Write the entries of an upgrade from one revision to another, and close its transaction on the trail.

    Needs a current context. To be called after the migration, in its transaction.
    """
    metadata = Model.metadata if metadata is None else metadata
    shapes: dict[str, Any] = {}
    changes: list[Change] = []
    tables = audited_tables(connection, metadata)
    for table in tables:
        rows = before.tables.get(table.name, {})
        live = dict(live_rows(connection, _form(table)))
        shape = _shape(table, rows, live)
        if shape:
            shapes[table.name] = shape
            reshape(rows, shape)
        changes += _row_changes(table, rows, live)
    told = {
        "from": revisions[0], "to": revisions[1], "tables": shapes,
        "dropped_tables": sorted(before.tables.keys() - {table.name for table in tables}),
    }  # fmt: skip
    state = TrailState()
    with door(connection):
        schema = Change(SCHEMA, KIND, None, None, None, None, canonical(told))
        write_entries(state, connection, [schema, *changes])
    close_apart(connection, state, signer)


def _shape(table: Table, rows: dict[str, Recorded], live: dict[str, str]) -> dict[str, Any]:
    """Return the columns that came, with the value that all rows have in them, and those that went."""
    if not rows:
        return {}
    told = set(_values(next(iter(rows.values()))))
    now = {column.name for column in _form(table).columns}
    held = [parsed(text) for text in live.values()] if now - told else []
    added = {}
    for name in sorted(now - told):
        texts = {canonical(values[name]) for values in held}
        added[name] = held[0][name] if len(texts) == 1 else None
    shape = {"added": added, "dropped": sorted(told - now)}
    return {key: value for key, value in shape.items() if value}


def _row_changes(table: Table, rows: dict[str, Recorded], live: dict[str, str]) -> list[Change]:
    """Return an entry for each row that the migration changed, made or removed."""
    changes = []
    for key in sorted(rows.keys() | live.keys()):
        held, text = rows.get(key), live.get(key)
        if held is None:
            changes.append(Change(INSERT, KIND, table.name, key, None, None, text))
        elif text is None:
            changes.append(Change(DELETE, KIND, table.name, key, None, canonical(_values(held)), None))
        elif held != text and canonical(_values(held)) != text:
            old, new = _values(held), parsed(text)
            names = sorted(name for name in new if canonical(old.get(name)) != canonical(new[name]))
            before, after = (joined((name, canonical(side.get(name))) for name in names) for side in (old, new))
            changes.append(Change(UPDATE, KIND, table.name, key, new.get("client_id"), before, after))
    return changes
