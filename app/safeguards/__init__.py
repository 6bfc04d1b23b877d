"""What happens to every record, whatever its kind: the only code that listens to the session.

``install`` is called once, by ``create_app`` or a test, for a session factory and its engine.
"""

from typing import Any
from weakref import WeakKeyDictionary, WeakSet

from flask_appbuilder import Model
from sqlalchemy import Engine, event
from sqlalchemy.orm import ORMExecuteState, Session, SessionTransaction, scoped_session
from sqlalchemy.orm.unitofwork import UOWTransaction

from app.models.base import Fact
from app.safeguards import audit, closing, governed, scope
from app.safeguards.context import current
from app.safeguards.database import close_door, open_door, prepare_engine
from app.safeguards.keys import Signer


def install(sessions: Any, engine: Engine, signer: Signer | None = None) -> None:
    """Put every session of ``sessions`` (a session class, sessionmaker or scoped_session) under the safeguards.

    ``signer`` holds the application's key; without one the links stay unsigned, which the verifier reports once any
    link was signed. Calling it again for the same engine replaces the signer and changes nothing else.
    """
    prepare_engine(engine)
    if engine not in _SIGNERS:
        event.listen(engine, "before_execute", audit.collect_association)
    _SIGNERS[engine] = signer
    factory = _session_class(sessions)
    if factory not in _GUARDED:
        _GUARDED.add(factory)
        for name, listener in _SESSION_EVENTS.items():
            event.listen(factory, name, listener)
    if Model not in _GUARDED:
        _GUARDED.add(Model)
        for name, capture in _ROW_EVENTS.items():
            event.listen(Model, name, capture, propagate=True)


_SIGNERS: WeakKeyDictionary[Engine, Signer | None] = WeakKeyDictionary()
_GUARDED: WeakSet[type[Any]] = WeakSet()
"""What listens already; ``event.contains`` goes by memory address and mistakes a new class for one that is gone."""


def _session_class(sessions: Any) -> type[Session]:
    factory = getattr(sessions, "session_factory", sessions)
    return getattr(factory, "class_", factory)


def signer_of(session: Session | scoped_session[Session]) -> Signer | None:
    """Return the signer of the database that the session writes to, if any."""
    bind = session.get_bind()
    return _SIGNERS.get(bind.engine)


def _before_flush(session: Session, flush: UOWTransaction, instances: Any) -> None:
    _date_facts(session)
    scope.check_flush(session)
    governed.check_flush(session)
    connection = session.connection()
    open_door(connection)
    audit.begin_capture(session, connection)


def _date_facts(session: Session) -> None:
    """A fact is recorded at the instant of the act that records it; nobody has to say so."""
    for record in session.new:
        if isinstance(record, Fact) and record.recorded_at is None:
            record.recorded_at = current().now()


def _after_flush(session: Session, flush: UOWTransaction) -> None:
    connection = session.connection()
    audit.end_capture(session, connection)
    close_door(connection)


def _before_commit(session: Session) -> None:
    if session.in_nested_transaction():
        return
    session.flush()
    closing.close_transaction(session, signer_of(session))


def _after_soft_rollback(session: Session, previous: SessionTransaction) -> None:
    state = session.info.get(audit.STATE)
    if state is not None:
        state.reread = True


def _after_transaction_end(session: Session, transaction: SessionTransaction) -> None:
    if transaction.parent is None:
        session.info.pop(audit.STATE, None)


def _do_orm_execute(state: ORMExecuteState) -> None:
    scope.limit_statement(state)


_SESSION_EVENTS: dict[str, Any] = {
    "before_flush": _before_flush,
    "after_flush": _after_flush,
    "before_commit": _before_commit,
    "after_soft_rollback": _after_soft_rollback,
    "after_transaction_end": _after_transaction_end,
    "do_orm_execute": _do_orm_execute,
}
_ROW_EVENTS: dict[str, Any] = {
    "after_insert": audit.after_insert,
    "before_update": audit.before_update,
    "after_update": audit.after_update,
    "before_delete": audit.before_delete,
}
