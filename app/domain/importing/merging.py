"""Subjects and items that several tables of one sheet name: the same name is the same one."""

from collections.abc import Sequence

from app.domain.importing.reading import Item, Subject
from app.domain.importing.vocabulary import normal


def add_items(known: list[Item], more: Sequence[Item]) -> dict[int, int]:
    """Add the items of another table to a list; returns where each of them is now."""
    at = {_print(item): position for position, item in enumerate(known) if any(_print(item))}
    places: dict[int, int] = {}
    for position, item in enumerate(more):
        if _print(item) not in at:
            known.append(item)
        places[position] = at.get(_print(item), len(known) - 1)
    return places


def add_subjects(known: list[Subject], more: Sequence[Subject]) -> dict[int, int]:
    """Add the subjects of another table to a list; returns where each of them is now."""
    at = {(normal(subject.key), normal(subject.name)): position for position, subject in enumerate(known)}
    places: dict[int, int] = {}
    for position, subject in enumerate(more):
        key = (normal(subject.key), normal(subject.name))
        if key not in at:
            known.append(subject)
        places[position] = at.get(key, len(known) - 1)
    return places


def _print(item: Item) -> tuple[str, str]:
    return normal(item.code or ""), normal(item.title or "")
