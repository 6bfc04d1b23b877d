"""What the database itself refuses: writes past the application, and any change of the trail (AUD-2, PART 11.10(e)).

Business tables take writes only where the application has marked the connection (SQLite: an application-defined
function) or the transaction (PostgreSQL: the setting ``qualgate.tx``). The trail and append-only records take no
UPDATE, DELETE or TRUNCATE at all, nor an insert that would replace a row. On PostgreSQL the triggers are ENABLE ALWAYS,
so that ``session_replication_role`` does not pass them by. Whoever may drop triggers still can: replay finds the rest.
"""

from collections.abc import Iterable

from flask_appbuilder import Model
from sqlalchemy import Connection, MetaData, Table, UniqueConstraint, inspect

from app.models.base import AppendOnly, Fact, Governed
from app.safeguards.database import SQLITE_MARK
from app.safeguards.values import TRAIL, class_of, is_protected

_PAST = "qualgate: this table is written by the application only"
_KEPT = "qualgate: rows of this table are kept as they are"

_POSTGRESQL_FUNCTIONS = (
    f"""
CREATE OR REPLACE FUNCTION qualgate_guard() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF coalesce(current_setting('qualgate.tx', true), '') = '' THEN
    RAISE EXCEPTION '{_PAST} (%%)', TG_TABLE_NAME USING ERRCODE = 'insufficient_privilege';
  END IF;
  RETURN NULL;
END $$""",
    f"""
CREATE OR REPLACE FUNCTION qualgate_kept() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  RAISE EXCEPTION '{_KEPT} (%%)', TG_TABLE_NAME USING ERRCODE = 'insufficient_privilege';
END $$""",
    """
CREATE OR REPLACE FUNCTION audit_close(
  p_tx bigint, p_n integer, p_root text, p_claimed timestamptz, p_actor text, p_key text, p_signature text,
  p_claim text
) RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE
  head record;
  new_seq bigint := 1;
  new_prev text := repeat('0', 64);
  new_at timestamptz := p_claimed;
  told text;
BEGIN
  PERFORM pg_advisory_xact_lock(20112025);
  SELECT seq, link, at INTO head FROM audit_links ORDER BY seq DESC LIMIT 1;
  IF FOUND THEN
    new_seq := head.seq + 1;
    new_prev := head.link;
    new_at := greatest(head.at, p_claimed);
  END IF;
  told := '[' || new_seq || ',' || p_tx || ',' || p_n || ',"' || p_root || '","'
    || to_char(new_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"') || '",' || p_claim || ']';
  INSERT INTO audit_links (seq, tx, n, root, at, claimed_at, actor, prev, link, key_id, signature)
  VALUES (new_seq, p_tx, p_n, p_root, new_at, p_claimed, p_actor, new_prev,
    encode(sha256('\\x02'::bytea || decode(new_prev, 'hex') || convert_to(told, 'UTF8')), 'hex'), p_key, p_signature);
  RETURN new_seq;
END $$""",
)


def install_guards(connection: Connection, metadata: MetaData | None = None) -> None:
    """Create, or create anew, every guard for the tables of ``metadata`` (default: all of ours) that exist.

    To be run after each migration, in its transaction; running it again changes nothing. Migrations that rebuild a
    table on SQLite drop its triggers, so this is what brings them back.
    """
    metadata = Model.metadata if metadata is None else metadata
    present = set(inspect(connection).get_table_names())
    tables = {table.name: table for table in (*metadata.sorted_tables, *TRAIL) if table.name in present}
    postgresql = connection.dialect.name == "postgresql"
    if postgresql:
        for function in _POSTGRESQL_FUNCTIONS:
            connection.exec_driver_sql(function)
    for table in tables.values():
        if is_protected(table):
            for statement in _postgresql(table) if postgresql else _sqlite(table):
                connection.exec_driver_sql(statement)


def missing_guards(connection: Connection, metadata: MetaData | None = None) -> list[str]:
    """Return the tables whose guards are not in place, for the verifier and the installation check."""
    metadata = Model.metadata if metadata is None else metadata
    present = set(inspect(connection).get_table_names())
    wanted = {
        (table.name, name)
        for table in (*metadata.sorted_tables, *TRAIL)
        if table.name in present and is_protected(table)
        for name in _names(table, connection.dialect.name)
    }
    if connection.dialect.name == "postgresql":
        query = (
            "SELECT c.relname, t.tgname FROM pg_trigger t JOIN pg_class c ON c.oid = t.tgrelid "
            "WHERE NOT t.tgisinternal AND t.tgenabled = 'A' AND c.relnamespace = current_schema()::regnamespace"
        )
    else:
        query = "SELECT tbl_name, name FROM sqlite_master WHERE type = 'trigger'"
    found = {(row[0], row[1]) for row in connection.exec_driver_sql(query)}
    return sorted({table for table, _ in wanted - found})


def kept_operations(table: Table) -> tuple[str, ...]:
    """Return the operations that the database refuses on ``table`` whoever asks."""
    model = class_of(table)
    if table in TRAIL or (model is not None and issubclass(model, AppendOnly)):
        return ("UPDATE", "DELETE")
    if model is not None and issubclass(model, Fact | Governed):
        return ("DELETE",)
    return ()


def _names(table: Table, dialect: str) -> list[str]:
    kept = kept_operations(table)
    if dialect == "postgresql":
        return ["qualgate_guard", *(["qualgate_kept"] if kept else [])]
    names = [f"{table.name}_guard_{operation.lower()}" for operation in ("INSERT", "UPDATE", "DELETE")]
    return [*names, *(f"{table.name}_kept_{operation.lower()}" for operation in (*kept, *(["INSERT"] if kept else [])))]


def _postgresql(table: Table) -> Iterable[str]:
    name = f'"{table.name}"'
    kept = kept_operations(table)
    yield f"DROP TRIGGER IF EXISTS qualgate_guard ON {name}"
    yield (
        f"CREATE TRIGGER qualgate_guard BEFORE INSERT OR UPDATE OR DELETE OR TRUNCATE ON {name} "
        "FOR EACH STATEMENT EXECUTE FUNCTION qualgate_guard()"
    )
    yield f"ALTER TABLE {name} ENABLE ALWAYS TRIGGER qualgate_guard"
    yield f"DROP TRIGGER IF EXISTS qualgate_kept ON {name}"
    if kept:
        operations = " OR ".join((*kept, "TRUNCATE"))
        yield (
            f"CREATE TRIGGER qualgate_kept BEFORE {operations} ON {name} "
            "FOR EACH STATEMENT EXECUTE FUNCTION qualgate_kept()"
        )
        yield f"ALTER TABLE {name} ENABLE ALWAYS TRIGGER qualgate_kept"


def _sqlite(table: Table) -> Iterable[str]:
    name = table.name
    kept = kept_operations(table)
    for operation in ("INSERT", "UPDATE", "DELETE"):
        trigger = f'"{name}_guard_{operation.lower()}"'
        yield f"DROP TRIGGER IF EXISTS {trigger}"
        yield (
            f'CREATE TRIGGER {trigger} BEFORE {operation} ON "{name}" WHEN {SQLITE_MARK}() IS NOT 1 '
            f"BEGIN SELECT RAISE(ABORT, '{_PAST} ({name})'); END"
        )
    for operation in ("UPDATE", "DELETE", "INSERT"):
        yield f'DROP TRIGGER IF EXISTS "{name}_kept_{operation.lower()}"'
    for operation in kept:
        yield (
            f'CREATE TRIGGER "{name}_kept_{operation.lower()}" BEFORE {operation} ON "{name}" '
            f"BEGIN SELECT RAISE(ABORT, '{_KEPT} ({name})'); END"
        )
    if kept:
        yield (
            f'CREATE TRIGGER "{name}_kept_insert" BEFORE INSERT ON "{name}" '  # noqa: S608  names of our own tables
            f'WHEN EXISTS (SELECT 1 FROM "{name}" WHERE {_same_row(table)}) '
            f"BEGIN SELECT RAISE(ABORT, '{_KEPT} ({name})'); END"
        )


def _same_row(table: Table) -> str:
    """Return the condition under which INSERT OR REPLACE would push a row out, by any key of the trail's tables.

    Business tables are asked for the id alone: the rest costs too much for bulk writes, and replay finds it.
    """
    keys = [[column.name for column in table.primary_key.columns]]
    if table in TRAIL:
        keys += [[c.name for c in item.columns] for item in table.constraints if isinstance(item, UniqueConstraint)]
    return " OR ".join("(" + " AND ".join(f'"{name}" = NEW."{name}"' for name in sorted(key)) + ")" for key in keys)
