"""What lists joined by a key add to the contents: requirements of groups, people with their groups, names."""

from collections.abc import Mapping, Sequence
from typing import Any

from app.domain.importing import Grid, Item, SheetReading
from app.domain.importing.relations import Entry, Relations, join
from app.domain.importing.vocabulary import normal
from app.services.matrix_import.saying import Belongs, Contents, Named, Need, place_of
from app.services.matrix_import.taking import taking_of


def add_relations(
    contents: Contents, sheets: Sequence[tuple[Grid, SheetReading]], choices: Mapping[str, Mapping[str, Any]]
) -> None:
    """Join the lists among the sheets and add what they say."""
    if not any(sheet.verdict == "relational" for _, sheet in sheets):
        return
    found = join(sheets)
    _add_names(contents, found)
    _measures(contents, [item for _, sheet in sheets if sheet.verdict == "relational" for item in sheet.items])
    contents.axes.append((frozenset(found.groups), frozenset(found.items)))
    for bond in found.needs:
        need = Need(bond.one, bond.other, place_of(*bond.spot), "required", bond.days)
        contents.needs.setdefault((bond.one, bond.other), need)
        contents.functions[bond.one].count += 1
        contents.items[bond.other].count += 1
    for bond in found.members:
        place, taken = place_of(*bond.spot), taking_of(choices.get(bond.spot.sheet)).memberships
        contents.leave_open(bond.spot.sheet, "memberships", place, "" if taken else None)
        if taken:
            key = (bond.one, bond.kind, bond.other)
            contents.belongs.setdefault(key, Belongs(*key, place))
            contents.people[bond.one].count += 1


def _add_names(contents: Contents, found: Relations) -> None:
    for key, entry in found.people.items():
        contents.people.setdefault(key, _named("person", entry))
    for key, entry in found.groups.items():
        contents.functions.setdefault(key, _named("function", entry))
    for key, entry in found.departments.items():
        contents.departments.setdefault(key, _named("department", entry))
    for key, entry in found.items.items():
        contents.items.setdefault(key, _named("item", entry))


def _measures(contents: Contents, items: Sequence[Item]) -> None:
    """Hours and validity as they were read from the master list."""
    for item in items:
        named = contents.items.get(normal(item.code or item.title or ""))
        if named is not None:
            named.hours = named.hours if named.hours is not None else item.hours
            named.valid_months = named.valid_months if named.valid_months is not None else item.valid_months


def _named(kind: str, entry: Entry) -> Named:
    details = {name: str(value) for name, value in entry.details.items()}
    named = Named(kind, entry.key, entry.name, place_of(*entry.spot), details=details)
    if kind == "item":
        named.code = details.get("code")
        named.version = details.get("version")
    return named
