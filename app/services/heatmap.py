"""The matrix as a picture: people × items with a letter for each status, for any instant (MTX-10)."""

from collections import Counter
from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.domain.compliance import NOT_REQUIRED
from app.models.documents import Item
from app.models.people import Person
from app.safeguards.context import current
from app.services.compliance import CODES, TRAINED_ONLY, heatmap, people_in_units

PROBLEMS = frozenset("oe")
SOON = PROBLEMS | frozenset("da")
NOTHING = "."
STATUS_OF = {letter: status for status, letter in CODES.items()} | {TRAINED_ONLY: NOT_REQUIRED}


@dataclass(frozen=True, slots=True)
class Picture:
    """What is shown: people and items that have something to show, and one letter for each pair.

    ``people`` are (id, name, employee number); ``items`` are (id, code, title); ``rows[i][j]`` is the letter of
    person i and item j (see ``compliance.CODES``).
    """

    at: datetime
    known_at: datetime | None
    people: list[tuple[int, str, str]]
    items: list[tuple[int, str, str]]
    rows: list[str]

    @property
    def counts(self) -> Counter[str]:
        """How many pairs have each status."""
        letters = Counter("".join(self.rows))
        return Counter({STATUS_OF[letter]: count for letter, count in letters.items() if letter != NOTHING})


def picture(
    session: Session,
    *,
    at: datetime,
    known_at: datetime | None = None,
    unit_ids: Collection[int] = (),
    client_id: int | None = None,
    letters: frozenset[str] | None = None,
) -> Picture:
    """Return the picture of the people who belong to all of ``unit_ids`` at ``at``, and a client's items if named.

    ``letters`` narrows to people and items that have at least one of these. People and items without anything to show
    are left out. Everything within the asker's scope.
    """
    chosen = people_in_units(session, None, unit_ids, at, known_at or current().now())
    people = _people(session, chosen)
    items = _items(session, client_id)
    found = heatmap(session, list(people), list(items), at, known_at)
    wanted = (lambda letter: letter in letters) if letters else (lambda letter: letter != NOTHING)
    rows = {person: cells for person, cells in found.cells.items() if any(map(wanted, cells))}
    columns = [index for index in range(len(found.items)) if any(wanted(cells[index]) for cells in rows.values())]
    kept = [person for person in people if person in rows]
    return Picture(
        at,
        known_at,
        [(person, *people[person]) for person in kept],
        [(found.items[index], *items[found.items[index]]) for index in columns],
        ["".join([rows[person][index] for index in columns]) for person in kept],
    )


def _people(session: Session, chosen: Collection[int] | None) -> dict[int, tuple[str, str]]:
    query = select(Person.id, Person.name, Person.employee_no).order_by(Person.name, Person.id)
    return {
        person: (name, number) for person, name, number in session.execute(query) if chosen is None or person in chosen
    }


def _items(session: Session, client_id: int | None) -> dict[int, tuple[str, str]]:
    query = select(Item.id, Item.code, Item.title).order_by(Item.code)
    if client_id is not None:
        query = query.where(Item.client_id == client_id)
    return {item: (code, title) for item, code, title in session.execute(query)}
