"""Client segregation below every view: another client's record is "not found", in reads and in writes (CLI-1).

Every ORM statement gets the criterion for every class marked ``Scoped``; relationship loads too. Without a context
protected records cannot be read at all.
"""

from typing import Any

from sqlalchemy import Table, false, or_
from sqlalchemy.orm import ORMExecuteState, Session, with_loader_criteria
from sqlalchemy.orm.attributes import get_history

from app.domain.errors import NotFound, RuleBroken
from app.models.base import Scoped
from app.models.trail import AuditEntry
from app.safeguards.context import Context, current_or_none
from app.safeguards.values import is_protected


def limit_statement(state: ORMExecuteState) -> None:
    """Add the scope to a read; refuse a bulk write that the trail would not see. The session calls it."""
    if state.is_insert or state.is_update or state.is_delete:
        _refuse_bulk_dml(state)
        return
    if not state.is_select or (state.is_column_load and not state.is_relationship_load):
        return
    context = current_or_none()
    if context is None:
        _refuse_scoped(state)
        return
    if context.clients is None:
        return
    clients = tuple(sorted(context.clients))
    state.statement = state.statement.options(
        with_loader_criteria(
            Scoped,
            lambda cls: or_(cls.client_id.is_(None), cls.client_id.in_(clients)),
            include_aliases=True,
            propagate_to_loaders=False,
        ),
        with_loader_criteria(
            AuditEntry,
            lambda cls: cls.client_id.in_(clients),
            include_aliases=True,
            propagate_to_loaders=False,
        ),
    )


def _refuse_scoped(state: ORMExecuteState) -> None:
    for mapper in state.all_mappers:
        if issubclass(mapper.class_, Scoped | AuditEntry):
            raise RuleBroken("Nobody is named as acting here. Start the work through a page, a job or a command.")
    state.statement = state.statement.options(
        with_loader_criteria(Scoped, lambda cls: false(), include_aliases=True, propagate_to_loaders=False)
    )


def _refuse_bulk_dml(state: ORMExecuteState) -> None:
    mapper = state.bind_mapper
    if mapper is not None and any(isinstance(table, Table) and is_protected(table) for table in mapper.tables):
        raise RuleBroken(
            "Rows of %(table)s are changed one record at a time or through the audited bulk door.",
            table=mapper.local_table.name,  # type: ignore[attr-defined]
        )


def may_see(context: Context, client_id: int | None) -> bool:
    """Tell whether a record of this client lies within the scope of ``context``."""
    return context.clients is None or client_id is None or client_id in context.clients


def ensure_visible(record: Any) -> Any:
    """Return ``record`` if it lies within the current scope, whatever way it was come by.

    For rows taken from the session's memory without a statement. Raises NotFound otherwise.
    """
    context = current_or_none()
    if isinstance(record, Scoped) and (context is None or not may_see(context, record.client_id)):
        raise NotFound("There is no such record.")
    return record


def check_flush(session: Session) -> None:
    """Refuse to write a record of a client outside of the scope, or to move one there or away. Raises NotFound."""
    context = current_or_none()
    if context is not None and context.clients is None:
        return
    for record in (*session.new, *session.dirty, *session.deleted):
        if isinstance(record, Scoped):
            _check_record(context, record)


def _check_record(context: Context | None, record: Scoped) -> None:
    if context is None:
        raise RuleBroken("Nobody is named as acting here. Start the work through a page, a job or a command.")
    history = get_history(record, "client_id")
    for client in (*history.added, *history.unchanged, *history.deleted):
        check_client(context, client)


def check_client(context: Context, client_id: int | None) -> None:
    """Refuse a write to a client outside of the scope. Raises NotFound."""
    if not may_see(context, client_id):
        raise NotFound("There is no such record.")
