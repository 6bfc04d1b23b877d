"""Which changes of a record are changes at all: states move by transition, facts are withdrawn, the rest stays.

Checked when the session flushes and by the bulk door, whoever made the change (21 CFR 11.10(e), (f)).
"""

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

from sqlalchemy.orm import Session
from sqlalchemy.orm.attributes import PASSIVE_NO_INITIALIZE, get_history, instance_state
from sqlalchemy.orm.state import InstanceState

from app.domain.errors import RuleBroken
from app.models.base import FOREVER, AppendOnly, Fact, Governed

_transition_open: ContextVar[bool] = ContextVar("qualgate_transition", default=False)
_KEPT_TABLES = frozenset({"ab_user"})
"""Tables whose rows are never deleted though their class carries no marker: user names are never reused (11.100(a))."""


@contextmanager
def transition(session: Session) -> Iterator[None]:
    """Let governed columns change inside the block; for ``services.workflow`` and imports of past states alone.

    The block ends with a flush, so nothing that was left undone slips out of it.
    """
    session.flush()
    token = _transition_open.set(True)
    try:
        yield
        session.flush()
    finally:
        _transition_open.reset(token)


def is_open() -> bool:
    """Tell whether governed columns may change now."""
    return _transition_open.get()


def check_flush(session: Session) -> None:
    """Refuse what no record may do, before anything is written. Raises RuleBroken."""
    for record in session.new:
        _check_new(record)
    for record in session.dirty:
        _check_changed(record)
    for record in session.deleted:
        check_deletion(type(record))


def check_deletion(model: type[Any]) -> None:
    """Refuse to delete rows of a class whose records are kept (21 CFR 11.10(c)). Raises RuleBroken."""
    if issubclass(model, AppendOnly | Fact | Governed) or _kind(model) in _KEPT_TABLES:
        raise RuleBroken(
            "A record of the kind %(kind)s is never deleted. Withdraw it with a reason, or deactivate it.",
            kind=_kind(model),
        )


def check_columns(model: type[Any], changed: Iterable[str]) -> None:
    """Refuse changes of columns that may not change on ``model`` at this moment. Raises RuleBroken."""
    names = set(changed) - {"row_version"}
    if not names:
        return
    if issubclass(model, AppendOnly):
        raise RuleBroken("A record of the kind %(kind)s is never changed once it is written.", kind=_kind(model))
    if issubclass(model, Fact):
        fixed = sorted(names - set(model.__correctable__))
        if fixed:
            raise RuleBroken(
                "The fact in %(kind)s is never edited (%(columns)s). Withdraw it with a reason and enter it anew.",
                kind=_kind(model), columns=", ".join(fixed), field=fixed[0],
            )  # fmt: skip
    if issubclass(model, Governed) and not is_open():
        held = sorted(names & set(model.__governed__))
        if held:
            raise RuleBroken(
                "The %(column)s of a record in %(kind)s changes only through one of its transitions.",
                kind=_kind(model), column=held[0], field=held[0],
            )  # fmt: skip


def check_content(model: type[Any], state: Any, changed: Iterable[str]) -> None:
    """Refuse changes of approved content: it changes only in the states that the model names. Raises RuleBroken."""
    fixed = sorted(set(changed) & set(getattr(model, "__content__", ())))
    if fixed and not is_open() and state not in model.__content_open_in__:
        raise RuleBroken(
            "The content of a record in %(kind)s (%(columns)s) does not change while it is %(state)s.",
            kind=_kind(model), columns=", ".join(fixed), state=state, field=fixed[0],
        )  # fmt: skip


def check_withdrawal(model: type[Any], before: Any, after: Any, reason: str | None) -> None:
    """Refuse a withdrawal without a reason and any change of one that was made. Raises RuleBroken."""
    if before != FOREVER:
        raise RuleBroken("The fact in %(kind)s is withdrawn already; that stays so.", kind=_kind(model))
    if after != FOREVER and not (reason or "").strip():
        raise RuleBroken("Say why the fact is withdrawn.", field="void_reason")


def check_initial(model: type[Any], value_of: Callable[[str], Any]) -> None:
    """Refuse a new governed record that does not begin in its first state. Raises RuleBroken."""
    if not issubclass(model, Governed) or is_open():
        return
    for name in model.__governed__:
        column = model.__table__.columns[name]  # type: ignore[attr-defined]
        first = column.default.arg if column.default is not None and column.default.is_scalar else None
        value = value_of(name)
        if value is not None and first is not None and value != first:
            raise RuleBroken(
                "A new record in %(kind)s begins as %(first)s; it gets any further only by a transition.",
                kind=_kind(model), first=first, field=name,
            )  # fmt: skip


def _kind(model: Any) -> str:
    return str(model.__tablename__)


def _check_new(record: Any) -> None:
    if isinstance(record, Governed):
        check_initial(type(record), lambda name: getattr(record, name))


def _check_changed(record: Any) -> None:
    if not isinstance(record, AppendOnly | Fact | Governed):
        return
    state: InstanceState[Any] = instance_state(record)
    columns = {prop.key for prop in state.mapper.column_attrs}
    changed = [key for key in columns & state.committed_state.keys() if _really_changed(record, key)]
    check_columns(type(record), changed)
    if isinstance(record, Fact) and changed:
        before = _before(record, "voided_at")
        check_withdrawal(type(record), before, record.voided_at, record.void_reason)
    if isinstance(record, Governed) and changed:
        check_content(type(record), _before(record, type(record).__governed__[0]), changed)


def _really_changed(record: Any, key: str) -> bool:
    return bool(get_history(record, key, PASSIVE_NO_INITIALIZE).has_changes())


def _before(record: Any, key: str) -> Any:
    history = get_history(record, key, PASSIVE_NO_INITIALIZE)
    if history.deleted:
        return history.deleted[0]
    return FOREVER if history.added else getattr(record, key)
