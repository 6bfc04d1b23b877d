"""Lists: what the query string asks for, made safe; filters, order and page; the chips that show it.

Everything belongs to one request: no view holds filters that another request could see.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from flask_babel import gettext
from sqlalchemy import ColumnElement, Select, String, and_, cast, false, func, or_, select
from sqlalchemy.orm import aliased, joinedload
from werkzeug.datastructures import MultiDict

from app.domain.dates import calendar_of
from app.extensions import db
from app.models.base import Record
from app.safeguards.context import current
from app.views import columns as kinds
from app.views.columns import YES_NO_CHOICES, Column
from app.views.fields import as_day

PAGE_SIZES = (25, 50, 100, 200)
LONGEST_TEXT = 200
FARTHEST_PAGE = 1_000_000
_MAX_ID = 2**62


@dataclass(frozen=True)
class Asked:
    """What a query string asks of a list. Anything that cannot be meant falls back to the usual."""

    text: str = ""
    sort: str = ""
    down: bool = False
    page: int = 0
    size: int = PAGE_SIZES[0]
    filters: tuple[tuple[str, str, str], ...] = ()
    """(column, operator, value); operators are ``is``, ``has``, ``from``, ``to``."""


def asked(args: MultiDict[str, str], sortable: Iterable[str], filterable: Sequence[Column], size: int) -> Asked:
    """Read and clamp a query string: ``q``, ``sort``, ``dir``, ``page``, ``size``, ``f.COLUMN``, ``from.``, ``to.``."""
    sort = args.get("sort", "")
    wanted = _number(args.get("size"), size)
    filters = [
        (one.name, operator, value[:LONGEST_TEXT])
        for one in filterable
        for prefix, operator in _operators(one)
        for value in args.getlist(f"{prefix}.{one.name}")
        if value.strip()
    ]
    return Asked(
        text=args.get("q", "").strip()[:LONGEST_TEXT],
        sort=sort if sort in set(sortable) else "",
        down=args.get("dir") == "down",
        page=min(max(_number(args.get("page"), 0), 0), FARTHEST_PAGE),
        size=wanted if wanted in PAGE_SIZES else size,
        filters=tuple(filters),
    )


def _operators(one: Column) -> tuple[tuple[str, str], ...]:
    """The arguments of a column's filters and what they ask."""
    return ("f", "has" if one.kind in {kinds.TEXT, kinds.LONG_TEXT} else "is"), ("from", "from"), ("to", "to")


def _number(text: str | None, default: int) -> int:
    try:
        return int(text or "")
    except ValueError:
        return default


def contains(attribute: Any, text: str) -> ColumnElement[bool]:
    """Return the condition that a column contains a text, whatever its case; ``%`` and ``_`` mean themselves."""
    escaped = text.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")
    return attribute.ilike(f"%{escaped}%", escape="\\")


def condition(one: Column, operator: str, value: str) -> ColumnElement[bool]:
    """Return the condition of one filter; a value that cannot be meant matches nothing."""
    attribute = one.attribute
    if operator in {"from", "to"}:
        return _bound(one, operator, value)
    if one.kind in {kinds.DATE, kinds.INSTANT, kinds.DAY_FROM, kinds.DAY_TO}:
        return and_(_bound(one, "from", value), _bound(one, "to", value))
    if one.kind in {kinds.REFERENCE, kinds.NUMBER}:
        number = _number(value, -1)
        return attribute == number if 0 <= number < _MAX_ID else false()
    if one.kind == kinds.YES_NO:
        return attribute.is_(value == "1")
    if one.kind == kinds.CHOICE:
        return attribute == value
    return contains(attribute, value)


def _bound(one: Column, operator: str, value: str) -> ColumnElement[bool]:
    day = as_day(value)
    if day is None or one.kind not in {kinds.DATE, kinds.INSTANT, kinds.DAY_FROM, kinds.DAY_TO}:
        return false()
    if one.kind == kinds.DATE:
        return one.attribute >= day if operator == "from" else one.attribute <= day
    calendar = calendar_of(current().zone)
    if operator == "from":
        return one.attribute >= calendar.midnight(day)
    return one.attribute < calendar.through(day)


def filtered(query: Select[Any], ask: Asked, filterable: Sequence[Column], searched: Sequence[Any]) -> Select[Any]:
    """Return the query narrowed by the filters (several values of one column: any of them) and the search text."""
    by_name = {one.name: one for one in filterable}
    grouped: dict[tuple[str, str], list[ColumnElement[bool]]] = {}
    for name, operator, value in ask.filters:
        grouped.setdefault((name, operator), []).append(condition(by_name[name], operator, value))
    for conditions in grouped.values():
        query = query.where(or_(*conditions))
    for word in ask.text.split()[:8]:
        query = query.where(or_(*(contains(cast(one, String), word) for one in searched)) if searched else false())
    return query


def ordered(query: Select[Any], model: type[Record], ask: Asked, shown: Sequence[Column], usual: Any) -> Select[Any]:
    """Return the query in the asked order; the id decides between equals, so that pages never overlap."""
    one = next((one for one in shown if one.name == ask.sort), None)
    key: Any = model.id
    if one is None:
        return query.order_by(*usual, key)
    attribute = one.attribute
    if one.kind == kinds.REFERENCE and one.target is not None:
        other = aliased(one.target)
        query = query.outerjoin(other, other.id == attribute)
        attribute = _name_of(other)
    return query.order_by(attribute.desc() if ask.down else attribute.asc(), key.desc() if ask.down else key)


def _name_of(other: Any) -> Any:
    for name in ("name", "code", "title", "label", "username"):
        if hasattr(other, name):
            return getattr(other, name)
    return other.id


def loaded(query: Select[Any], model: type[Record], shown: Sequence[Column]) -> Select[Any]:
    """Return the query that brings the shown references along, so that a list costs the same for 10 or 200 rows."""
    relations = {one.relation for one in shown if one.relation}
    return query.options(*(joinedload(getattr(model, name)) for name in sorted(relations)))


@dataclass
class Chip:
    """A filter that is on: what it says, and the query argument that takes it off."""

    label: Any
    text: str
    argument: str
    value: str


@dataclass
class FilterField:
    """A filter that can be put on: its input in the filter form."""

    name: str
    label: Any
    kind: str
    choices: list[tuple[str, Any]] = field(default_factory=list)
    lookup: tuple[str, str | None] | None = None


def chips(ask: Asked, filterable: Sequence[Column]) -> list[Chip]:
    """Return the chips of all filters that are on."""
    by_name = {one.name: one for one in filterable}
    words = {"is": "f", "has": "f", "from": "from", "to": "to"}
    return [
        Chip(by_name[name].label, _chip_text(by_name[name], operator, value), f"{words[operator]}.{name}", value)
        for name, operator, value in ask.filters
    ]


def _chip_text(one: Column, operator: str, value: str) -> str:
    if operator == "from":
        return gettext("from %(day)s", day=value)
    if operator == "to":
        return gettext("through %(day)s", day=value)
    if one.kind == kinds.CHOICE:
        return str((one.choices or {}).get(value, value))
    if one.kind == kinds.YES_NO:
        return str(dict(YES_NO_CHOICES).get(value, value))
    if one.kind == kinds.REFERENCE and one.target is not None:
        number = _number(value, -1)
        key: Any = one.target.id
        row = db.session.scalar(select(one.target).where(key == number)) if 0 <= number < _MAX_ID else None
        return str(row) if row is not None else gettext("unknown")
    return f"“{value}”"


def filter_fields(filterable: Sequence[Column]) -> list[FilterField]:
    """Return the inputs of the filter form."""
    made = []
    for one in filterable:
        choices: list[tuple[str, Any]] = []
        lookup = None
        if one.kind == kinds.CHOICE:
            choices = list((one.choices or {}).items())
        elif one.kind == kinds.YES_NO:
            choices = list(YES_NO_CHOICES)
        elif one.kind == kinds.REFERENCE and one.target is not None:
            lookup = (one.target.__tablename__, one.unit_kind)
        made.append(FilterField(one.name, one.label, one.kind, choices, lookup))
    return made


def count(query: Select[Any]) -> int:
    """Return how many records match, without loading them."""
    bare = query.order_by(None).with_only_columns(func.count(), maintain_column_froms=True)
    return int(db.session.scalar(bare) or 0)
