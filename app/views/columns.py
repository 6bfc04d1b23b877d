"""What a column of a record is called, of which kind it is, how its value is shown; labels are written at the model."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from typing import Any, TypeVar, cast

from flask_babel import lazy_gettext as _l
from sqlalchemy import Boolean, Date, Integer, Numeric, String, Text, inspect
from sqlalchemy.orm import RelationshipDirection, object_session

from app.domain.dates import calendar_of
from app.models.base import FOREVER, Dated, Record, UtcDateTime
from app.safeguards.context import current

REFERENCE, CHOICE, YES_NO, NUMBER, DATE, INSTANT, TEXT, LONG_TEXT = (
    "reference", "choice", "yes_no", "number", "date", "instant", "text", "long_text",
)  # fmt: skip
Function = TypeVar("Function", bound=Callable[..., Any])
DAY_FROM, DAY_TO = "day_from", "day_to"
"""The two ends of a dated record, shown as the first and the last day."""


@dataclass(frozen=True)
class Column:
    """One column of a record for lists, forms, pages and exports."""

    name: str
    label: Any
    kind: str = TEXT
    nullable: bool = True
    length: int | None = None
    help: Any = ""
    choices: Mapping[str, Any] | None = None
    target: type[Record] | None = None
    relation: str | None = None
    unit_kind: str | None = None
    default: Any = None
    attribute: Any = None
    computed: Callable[[Any], Any] | None = None

    def raw(self, record: Any) -> Any:
        """Return the value itself; of a reference the record that it leads to."""
        if self.computed is not None:
            return self.computed(record)
        value = getattr(record, self.relation or self.name)
        session = object_session(record)
        if self.relation is None and self.target is not None and value is not None and session is not None:
            return session.get(self.target, value)  # a reference without a relationship, such as the client
        return value

    def shown(self, record: Any) -> Any:
        """Return the value as people read it, still as a date, number or text for the template or the export."""
        value = self.raw(record)
        if value is None or self.kind == REFERENCE:
            return None if value is None else str(value)
        if self.kind == CHOICE and self.choices:
            return self.choices.get(value, value)
        if self.kind == DAY_FROM:
            return calendar_of(current().zone).day(value)
        if self.kind == DAY_TO:
            return calendar_of(current().zone).last_day(value)
        if isinstance(value, datetime) and value >= FOREVER:
            return None
        return value


def remembered(function: Function) -> Function:
    """Cache what ``function`` returns. (``cache`` itself is typed so that a mapped class passes for unhashable.)"""
    return cast(Function, cache(function))


def calculated(name: str, label: Any, value: Callable[[Any], Any]) -> Column:
    """Return a column whose value is worked out from the record; it can be shown and exported, not sorted."""
    return Column(name, label, computed=value)


@remembered
def column(model: type[Any], name: str) -> Column:
    """Return how column ``name`` of ``model`` is called and shown. Raises KeyError for an unknown one."""
    mapper = inspect(model)
    attribute = mapper.columns[name]
    info = attribute.info
    relation = _relation(model, name)
    default = attribute.default.arg if attribute.default is not None and attribute.default.is_scalar else None
    return Column(
        name=name,
        label=info.get("label", name),
        kind=_kind(model, name),
        nullable=bool(attribute.nullable),
        length=getattr(attribute.type, "length", None),
        help=info.get("help", ""),
        choices=info.get("choices"),
        target=_target(model, name),
        relation=relation,
        unit_kind=info.get("kind"),
        default=default,
        attribute=getattr(model, mapper.get_property_by_column(attribute).key),
    )


def _relation(model: type[Record], name: str) -> str | None:
    for one in inspect(model).relationships:
        if one.direction is RelationshipDirection.MANYTOONE and {c.name for c in one.local_columns} == {name}:
            return str(one.key)
    return None


def _target(model: type[Record], name: str) -> type[Record] | None:
    foreign = next(iter(inspect(model).columns[name].foreign_keys), None)
    if foreign is None:
        return None
    for mapper in model.registry.mappers:
        if mapper.local_table is foreign.column.table:
            return mapper.class_
    return None


def _kind(model: type[Record], name: str) -> str:
    attribute = inspect(model).columns[name]
    if attribute.foreign_keys:
        return REFERENCE
    if attribute.info.get("choices"):
        return CHOICE
    if issubclass(model, Dated) and name in {"starts_at", "ends_at"}:
        return DAY_FROM if name == "starts_at" else DAY_TO
    for base, kind in (
        (UtcDateTime, INSTANT), (Boolean, YES_NO), (Integer, NUMBER), (Numeric, NUMBER), (Date, DATE),
        (Text, LONG_TEXT), (String, TEXT),
    ):  # fmt: skip
        if isinstance(attribute.type, base):
            return kind
    return TEXT


def columns(model: type[Record], names: Any) -> list[Column]:
    """Return the columns with these names, in order; a ready ``Column`` in the list is kept as it is."""
    return [name if isinstance(name, Column) else column(model, name) for name in names]


INTERNAL = frozenset({"id", "row_version", "client_id", "replaces_id", "evidence_id", "evidence_place"})


@remembered
def user_columns(model: type[Any]) -> tuple[str, ...]:
    """Return the names of the columns that people fill in, in the order of the model."""
    return tuple(
        one.key
        for one in inspect(model).column_attrs
        if one.key not in INTERNAL | {"recorded_at", "voided_at", "void_reason"}
        and not one.columns[0].info.get("internal")
        and not one.columns[0].info.get("secret")
    )


YES_NO_CHOICES = (("1", _l("Yes")), ("0", _l("No")))
