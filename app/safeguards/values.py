"""How a row is written down in the trail: one canonical JSON text per column value, whatever the database.

The same functions encode what a change hands over and what the verifier reads back from the live row, so that
replay can compare text with text.
"""

import json
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from decimal import ROUND_HALF_UP, Decimal
from enum import Enum
from functools import lru_cache
from hashlib import sha256
from json.encoder import encode_basestring
from typing import Any

from flask_appbuilder import Model
from sqlalchemy import Boolean, Column, Date, DateTime, Float, Integer, Numeric, String, Table
from sqlalchemy import types as sqltypes
from sqlalchemy.types import TypeEngine

from app.domain.chain import canonical
from app.models.base import UtcDateTime
from app.models.trail import AuditCheckpoint, AuditEntry, AuditKey, AuditLink

Encoder = Callable[[Any], str]

SECRET_COLUMNS = frozenset(
    {
        ("ab_user", "password"),
        ("ab_register_user", "password"),
        ("ab_register_user", "registration_hash"),
        ("ab_api_key", "key_hash"),
        ("ab_api_key", "lookup_hash"),
    }
)
"""Secrets of Flask-AppBuilder's tables; our own columns say ``info={"secret": True}``."""


def _integer(value: Any) -> str:
    return "null" if value is None else str(int(value))


def _boolean(value: Any) -> str:
    return "null" if value is None else "true" if value else "false"


def _text(value: Any) -> str:
    if value is None:
        return "null"
    if isinstance(value, Enum):
        value = value.name
    return encode_basestring(value if isinstance(value, str) else str(value))


def _instant(value: datetime | None) -> str:
    if value is None:
        return "null"
    moment = value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)
    return f'"{moment.isoformat(timespec="microseconds")[:-6]}Z"'


def _naive_instant(value: datetime | None) -> str:
    return "null" if value is None else f'"{value.replace(tzinfo=None).isoformat(timespec="microseconds")}"'


def _day(value: date | None) -> str:
    if value is None:
        return "null"
    return f'"{(value.date() if isinstance(value, datetime) else value).isoformat()}"'


def _real(value: Any) -> str:
    return "null" if value is None else canonical(float(value))


def _secret(value: Any) -> str:
    """Encode a secret by its digest: a change shows, the secret does not."""
    if value is None:
        return "null"
    data = value if isinstance(value, bytes) else str(value).encode()
    return f'"secret:{sha256(data).hexdigest()}"'


def _decimal(scale: int | None) -> Encoder:
    step = None if scale is None else Decimal(1).scaleb(-scale)

    def encode(value: Any) -> str:
        if value is None:
            return "null"
        number = value if isinstance(value, Decimal) else Decimal(str(value))
        return f'"{number if step is None else number.quantize(step, ROUND_HALF_UP):f}"'

    return encode


def _any(value: Any) -> str:
    return canonical(value)


def encoder_for(column: Column[Any]) -> Encoder:
    """Return the function that writes a Python value of ``column`` as its canonical JSON text."""
    if column.info.get("secret") or (column.table.name, column.name) in SECRET_COLUMNS:
        return _secret
    kind: TypeEngine[Any] = column.type
    if isinstance(kind, Numeric) and not isinstance(kind, Float):
        return _decimal(kind.scale)
    for base, encode in (
        (UtcDateTime, _instant), (Boolean, _boolean), (Integer, _integer), (DateTime, _naive_instant),
        (Date, _day), (Float, _real), (sqltypes.Enum, _text), (String, _text),
    ):  # fmt: skip
        if isinstance(kind, base):
            return encode
    return _any


TRAIL: tuple[Table, ...] = tuple(model.__table__ for model in (AuditEntry, AuditLink, AuditKey, AuditCheckpoint))
"""The trail's own tables."""


@dataclass(frozen=True, slots=True)
class TableForm:
    """How the rows of one table are written down: columns in the order of their names, one encoder each.

    ``identity`` are the columns that name a row: the primary key or, for a table between two records, the columns
    that name its two ends (its own number, if it has one, means nothing and is left out).
    """

    table: Table
    columns: tuple[Column[Any], ...]
    encoders: tuple[Encoder, ...]
    identity: tuple[Column[Any], ...]
    association: bool
    template: str = field(init=False)
    by_name: dict[str, Encoder] = field(init=False)

    def __post_init__(self) -> None:
        names = [column.name for column in self.columns]
        parts = ",".join(f"{json.dumps(name, ensure_ascii=False)}:%s" for name in names).replace("%%", "%")
        object.__setattr__(self, "template", "{" + parts + "}")
        object.__setattr__(self, "by_name", dict(zip(names, self.encoders, strict=True)))

    def row_text(self, values: Sequence[Any]) -> str:
        """Return the canonical JSON of one full row, its values given in the order of ``columns``."""
        return self.template % tuple([encode(value) for encode, value in zip(self.encoders, values, strict=True)])

    def part_text(self, values: dict[str, Any]) -> str:
        """Return the canonical JSON of some columns of a row, given by column name."""
        by_name = self.by_name
        return joined((name, by_name[name](values[name])) for name in sorted(values))

    def record_id(self, values: dict[str, Any]) -> str:
        """Return the text that names the row: its number, or the canonical array of a composite key."""
        if len(self.identity) == 1:
            return str(values[self.identity[0].name])
        return canonical([values[column.name] for column in self.identity])


def joined(fragments: Iterable[tuple[str, str]]) -> str:
    """Return the JSON object of ready-made value texts; the names must come sorted."""
    return "{" + ",".join(f"{json.dumps(name, ensure_ascii=False)}:{text}" for name, text in fragments) + "}"


def is_association(table: Table) -> bool:
    """Tell whether the table only ties two records together: nothing but foreign keys and perhaps a number."""
    named = [column for column in table.columns if not column.primary_key or column.foreign_keys]
    return len(named) >= 2 and all(column.foreign_keys for column in named)


@lru_cache(maxsize=1024)
def class_of(table: Table) -> type[Any] | None:
    """Return the class that stands for the rows of ``table``, or None."""
    found = [mapper.class_ for mapper in Model.registry.mappers if mapper.local_table is table]
    return found[0] if found else None


@lru_cache(maxsize=1024)
def is_audited(table: Table) -> bool:
    """Tell whether changes of the table go on the trail: all do, save those whose class says ``__audited__ = False``.

    A class says so for what a person does not look at afterwards: a session's last sign of life, the trail itself.
    """
    if table.name == "alembic_version" or table.name.startswith("_alembic_tmp_"):
        return False
    return bool(getattr(class_of(table), "__audited__", True))


def is_protected(table: Table) -> bool:
    """Tell whether only the safeguards may write the table: what is audited, and the trail itself."""
    return is_audited(table) or table in TRAIL


@lru_cache(maxsize=1024)
def form_of(table: Table, mapped: bool) -> TableForm:
    """Return how rows of ``table`` are written down; ``mapped`` tells that a class stands for its rows."""
    association = not mapped and is_association(table)
    columns = [c for c in table.columns if not (association and c.primary_key and not c.foreign_keys)]
    columns.sort(key=lambda column: column.name)
    identity = tuple(columns) if association else tuple(table.primary_key.columns)
    return TableForm(table, tuple(columns), tuple(encoder_for(column) for column in columns), identity, association)
