"""Who acts, for which clients, at what instant, and why: one object per request, job or command.

The edges fill it; everything below asks it. Nothing below the edges reads the clock, the request or the login.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from uuid import uuid4

from app.domain import permissions
from app.domain.errors import RuleBroken


def system_clock() -> datetime:
    """Return the instant of the machine's clock, in UTC. The only place below the edges that reads it."""
    return datetime.now(UTC)


@dataclass(frozen=True, slots=True)
class Context:
    """One act of one person (or of a job on behalf of one).

    ``clients`` are the ids of the clients whose records may be seen, or None for all of them; records without a
    client are always within scope. ``zone`` is the IANA zone in which the person saw the clock,
    ``home_zone`` that of the installation, whose days count where no site says otherwise. ``source`` names the
    edge ("web", "cli", "job:effective-dates", "api").
    """

    user_id: int | None
    username: str
    printed_name: str
    clients: frozenset[int] | None = None
    zone: str = "UTC"
    home_zone: str = "UTC"
    reason: str | None = None
    source: str = "web"
    on_behalf_of: str | None = None
    session_id: str | None = None
    address: str | None = None
    permissions: frozenset[tuple[str, str]] = frozenset()
    request_id: str = field(default_factory=lambda: uuid4().hex)
    clock: Callable[[], datetime] = system_clock

    def now(self) -> datetime:
        """Return the instant of this act, in UTC."""
        return self.clock()

    def may(self, resource: str, action: str) -> bool:
        """Tell whether the person holds the permission ``action`` on ``resource``.

        Raises LookupError for one that ``domain.permissions`` does not know: a button behind it would never show.
        """
        if not permissions.known(resource, action):
            raise LookupError(f"There is no permission {action!r} on {resource!r} in domain.permissions")
        return (resource, action) in self.permissions


_current: ContextVar[Context | None] = ContextVar("qualgate_context", default=None)


def current() -> Context:
    """Return the context of this act.

    Raises RuleBroken when there is none: no context, no read of protected records and no write.
    """
    context = _current.get()
    if context is None:
        raise RuleBroken("Nobody is named as acting here. Start the work through a page, a job or a command.")
    return context


def current_or_none() -> Context | None:
    """Return the context of this act, or None outside of any."""
    return _current.get()


@contextmanager
def acting(context: Context) -> Iterator[Context]:
    """Make ``context`` the current one for the length of a ``with`` block."""
    token = _current.set(context)
    try:
        yield context
    finally:
        _current.reset(token)


@contextmanager
def because(reason: str) -> Iterator[Context]:
    """Give the current act a reason (Annex 11 clause 9) for the length of a ``with`` block."""
    with acting(replace(current(), reason=reason)) as context:
        yield context


@contextmanager
def within_all_clients() -> Iterator[Context]:
    """Lift the client scope for a computation whose result does not show other clients' records.

    The reconciler needs it: whether a person is qualified does not depend on who asks.
    """
    with acting(replace(current(), clients=None)) as context:
        yield context
