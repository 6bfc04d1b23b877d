"""What a question about qualification is about, and how its statements ask for it.

The statements that gather facts are built once for each shape (everybody or some people, all items or some) and take
their values as parameters: building and compiling them anew costs a single person's question ten times its answer.
"""

from collections.abc import Collection
from datetime import UTC, datetime
from typing import Any, NamedTuple

from sqlalchemy import ColumnElement, DateTime, Select, String, bindparam, type_coerce
from sqlalchemy.orm import Session

Query = Select[*tuple[Any, ...]]
"""A statement whose columns its builder knows."""

IN_LIST = 15_000
"""Longest list of ids put into one statement (two fit below SQLite's limit); a longer one is narrowed here instead."""


class Question(NamedTuple):
    """What is asked: about whom and which items (None: everybody, everything), as of when, as known when."""

    at: datetime
    known_at: datetime
    people: frozenset[int] | None = None
    items: frozenset[int] | None = None

    @property
    def values(self) -> dict[str, Any]:
        """The values of the parameters that ``known_then`` and ``among`` leave open."""
        return {"at": self.at, "known_at": self.known_at, "people": listed(self.people), "items": listed(self.items)}


def listed(ids: Collection[int] | None) -> list[int]:
    """Return ids as the value of a list in a statement."""
    return sorted(ids) if few(ids) and ids else []


def few(ids: Collection[int] | None) -> bool:
    """Tell whether ``ids`` narrow a question at all and can be listed in a statement."""
    return ids is not None and len(ids) <= IN_LIST


def narrowed(column: Any, ids: Collection[int] | None) -> list[ColumnElement[bool]]:
    """Return the condition that ``column`` is one of ``ids``; none when that is everything or too many to list."""
    return [column.in_(sorted(ids))] if ids is not None and few(ids) else []


def among(column: Any, name: str, narrow: bool) -> list[ColumnElement[bool]]:
    """Return the condition that ``column`` is in the list that the parameter ``name`` will hold, if it is to narrow."""
    return [column.in_(bindparam(name, expanding=True))] if narrow else []


def known_then(model: Any) -> tuple[ColumnElement[bool], ColumnElement[bool]]:
    """Return the conditions that a fact had been recorded, and not withdrawn, by the state of knowledge asked for."""
    return model.recorded_at <= bindparam("known_at"), model.voided_at > bindparam("known_at")


def on_sqlite(session: Session) -> bool:
    """Tell whether the statements go to SQLite, which keeps instants as texts."""
    return session.get_bind().dialect.name == "sqlite"


def instants(sqlite: bool, *columns: Any) -> list[Any]:
    """Return columns of instants the way the driver hands them out; ``Instants`` turns their values into instants.

    Most are the same few; reading a million of them one by one through the column's type costs seconds.
    """
    return [type_coerce(column, String() if sqlite else DateTime(timezone=True)) for column in columns]


class Instants(dict[Any, datetime]):
    """What the driver hands out for an instant → the instant, each worked out once."""

    def __missing__(self, raw: str | datetime) -> datetime:
        instant = datetime.fromisoformat(raw + "+00:00") if isinstance(raw, str) else raw.astimezone(UTC)
        self[raw] = instant
        return instant
