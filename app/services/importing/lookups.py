"""Finds what the codes of a file mean: a few set-based queries per file, never one per row."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any, NamedTuple, TypeVar

from sqlalchemy import select
from sqlalchemy.orm import InstrumentedAttribute, Session, aliased

from app.domain.dates import Calendar, calendar_of
from app.models.documents import Item, Version
from app.models.organization import UNIT_KINDS, Unit
from app.models.people import Person
from app.services.importing.sheet import BadCell, did_you_mean

CHUNK = 500
"""Values in one IN list; SQLite and PostgreSQL both take far more, plans stay simple."""

Value = TypeVar("Value")


def chunks(values: Iterable[Value], size: int = CHUNK) -> Iterator[list[Value]]:
    """Yield ``values`` without repetition, in lists of at most ``size``."""
    distinct = list(dict.fromkeys(values))
    for start in range(0, len(distinct), size):
        yield distinct[start : start + size]


class KnownPerson(NamedTuple):
    """A person as far as an import needs one: id and the calendar of the home site."""

    id: int
    calendar: Calendar


class KnownUnit(NamedTuple):
    """A unit as far as an import needs one; ``zone`` is the site's own or that of the site it lies on."""

    id: int
    kind: str
    code: str
    client_id: int | None
    zone: str | None


class KnownItem(NamedTuple):
    """An item as far as an import needs one."""

    id: int
    client_id: int | None


def people(session: Session, numbers: Iterable[str], zone: str) -> dict[str, KnownPerson]:
    """Return the people with these employee numbers; days of people without a site are days of ``zone``."""
    site = aliased(Unit)
    found: dict[str, KnownPerson] = {}
    for part in chunks(numbers):
        query = (
            select(Person.employee_no, Person.id, site.time_zone)
            .outerjoin(site, Person.site_id == site.id)
            .where(Person.employee_no.in_(part))
        )
        for number, one, own_zone in session.execute(query):
            found[number] = KnownPerson(one, calendar_of(own_zone or zone))
    return found


def units(session: Session) -> dict[tuple[str, str], KnownUnit]:
    """Return every unit by kind and code; companies have hundreds of them, not millions."""
    site = aliased(Unit)
    query = select(Unit.id, Unit.kind, Unit.code, Unit.client_id, Unit.time_zone, site.time_zone).outerjoin(
        site, Unit.site_id == site.id
    )
    return {
        (kind, code): KnownUnit(one, kind, code, client, own or of_site)
        for one, kind, code, client, own, of_site in session.execute(query)
    }


def items(session: Session, codes: Iterable[str]) -> dict[str, KnownItem]:
    """Return the items with these codes."""
    found: dict[str, KnownItem] = {}
    for part in chunks(codes):
        for code, one, client in session.execute(select(Item.code, Item.id, Item.client_id).where(Item.code.in_(part))):
            found[code] = KnownItem(one, client)
    return found


def versions(session: Session, item_ids: Iterable[int]) -> dict[int, dict[str, int]]:
    """Return label → version id for each of these items, in the order of their sequence."""
    found: dict[int, dict[str, int]] = {}
    for part in chunks(item_ids):
        query = (
            select(Version.item_id, Version.label, Version.id)
            .where(Version.item_id.in_(part))
            .order_by(Version.item_id, Version.sequence)
        )
        for item, label, one in session.execute(query):
            found.setdefault(item, {})[label] = one
    return found


def select_by(
    session: Session, columns: Sequence[Any], key: InstrumentedAttribute[int], ids: Iterable[int], *conditions: Any
) -> Iterator[Any]:
    """Yield rows of ``columns`` where ``key`` is one of ``ids``, chunk by chunk."""
    for part in chunks(ids):
        yield from session.execute(select(*columns).where(key.in_(part), *conditions))


def find_in(known: dict[str, Value], noun: str) -> Callable[[str], Value]:
    """Return a parser that finds the cell's text in ``known``; a miss suggests the nearest."""

    def parse(text: str) -> Value:
        if not text:
            raise BadCell("the cell is empty.")
        try:
            return known[text]
        except KeyError:
            raise BadCell(
                "there is no %(noun)s %(value)s.%(hint)s", noun=noun, value=text, hint=did_you_mean(text, known)
            ) from None

    return parse


def unit_kind(text: str) -> str:
    """Return the kind of unit that a cell names. Raises BadCell for any other word."""
    word = text.strip().lower().replace(" ", "_")
    if word in UNIT_KINDS:
        return word
    raise BadCell(
        "%(value)s is not a kind of unit. Possible are: %(kinds)s.", value=text or "''", kinds=", ".join(UNIT_KINDS)
    )


def find_unit(known: dict[tuple[str, str], KnownUnit], kind: str, code: str) -> KnownUnit:
    """Return the unit of this kind and code. Raises BadCell with the nearest code of the kind."""
    if unit := known.get((kind, code)):
        return unit
    if not code:
        raise BadCell("the cell is empty.")
    codes = [other for of_kind, other in known if of_kind == kind]
    raise BadCell(
        "there is no %(kind)s %(code)s.%(hint)s",
        kind=kind.replace("_", " "),
        code=code,
        hint=did_you_mean(code, codes),
    )
