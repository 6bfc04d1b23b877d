"""The parts of what a workbook says: names, needs, training, memberships, and what it leaves open."""

from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal

from app.domain.importing import address
from app.domain.importing.labels import split_key
from app.domain.importing.vocabulary import normal

OPEN_KINDS = ("undated", "levels", "personal", "memberships")


def place_of(sheet: str, row: int, column: int) -> str:
    """Address of a cell, counted from 0, with its sheet: ``Matrix!C5``."""
    return f"{sheet}!{address(row, column)}"


@dataclass(slots=True)
class Named:
    """A person, unit or item as the file names it: what identifies it, its name, its first cell, how often.

    ``twins`` tells that several of the file have this name beside a number, and that it stands alone here.
    """

    kind: str
    key: str
    name: str
    place: str
    count: int = 0
    details: dict[str, str] = field(default_factory=dict)
    hours: float | None = None
    valid_months: int | None = None
    version: str | None = None
    code: str | None = None
    twins: bool = False


@dataclass(frozen=True, slots=True)
class Need:
    """A job function needs an item."""

    function: str
    item: str
    place: str
    detail: str
    days: int | None = None


@dataclass(frozen=True, slots=True)
class Held:
    """A person was trained on an item on a day. ``stated`` says that the user stated the day, not the file."""

    person: str
    item: str
    day: date
    place: str
    level: int | None = None
    score: Decimal | None = None
    stated: bool = False


@dataclass(frozen=True, slots=True)
class Mark:
    """A cell that says "trained" without a day, and the day that the user stated for its sheet, if any."""

    sheet: str
    person: str
    item: str
    place: str
    day: date | None
    level: int | None = None
    score: Decimal | None = None


@dataclass(frozen=True, slots=True)
class Ask:
    """A single person is asked for training: in so many days, or by the day that the file plans."""

    person: str
    item: str
    place: str
    detail: str
    days: int
    planned: date | None = None


@dataclass(frozen=True, slots=True)
class Belongs:
    """A person belongs to a unit; ``kind`` is job_function or department."""

    person: str
    kind: str
    unit: str
    place: str


@dataclass(slots=True)
class Open:
    """Cells of one sheet that the user decides about: how many, the first, whether and as what they are taken.

    ``answer`` is the day that was stated for marks, the level that counts, the days until orders are due.
    """

    sheet: str
    kind: str
    place: str
    taken: bool
    count: int = 0
    levels: set[int] = field(default_factory=set)
    answer: str = ""


@dataclass(slots=True)
class Contents:
    """Everything a workbook says. Keys of people, units and items are normalized texts.

    ``axes`` are the areas that the file speaks about: sets of job functions and of items. ``also`` maps, for people,
    functions and items, keys that stand alone on a sheet to the key of the same thing on another.
    """

    people: dict[str, Named] = field(default_factory=dict)
    functions: dict[str, Named] = field(default_factory=dict)
    departments: dict[str, Named] = field(default_factory=dict)
    items: dict[str, Named] = field(default_factory=dict)
    needs: dict[tuple[str, str], Need] = field(default_factory=dict)
    denied: dict[tuple[str, str], str] = field(default_factory=dict)
    held: dict[tuple[str, str, date], Held] = field(default_factory=dict)
    marks: dict[tuple[str, str], Mark] = field(default_factory=dict)
    asked: dict[tuple[str, str], Ask] = field(default_factory=dict)
    belongs: dict[tuple[str, str, str], Belongs] = field(default_factory=dict)
    axes: list[tuple[frozenset[str], frozenset[str]]] = field(default_factory=list)
    open: dict[tuple[str, str], Open] = field(default_factory=dict)
    also: dict[str, dict[str, str]] = field(default_factory=dict)

    def leave_open(self, sheet: str, kind: str, place: str, answer: object, level: int | None = None) -> None:
        """Count a cell that the user decides about; ``answer`` is the decision, None when it is left out."""
        found = self.open.setdefault((sheet, kind), Open(sheet, kind, place, answer is not None))
        found.answer = "" if answer is None else str(answer)
        found.count += 1
        if level is not None:
            found.levels.add(level)

    def settle(self) -> None:
        """Hold marks without a day against the dates of the whole file: where there is a date, a mark adds nothing."""
        dated = {(person, item) for person, item, _ in self.held}
        for pair, mark in self.marks.items():
            if pair in dated:
                continue
            self.leave_open(mark.sheet, "undated", mark.place, mark.day)
            if mark.day is not None:
                trained = Held(mark.person, mark.item, mark.day, mark.place, mark.level, mark.score, stated=True)
                self.held[mark.person, mark.item, mark.day] = trained

    def left_out(self, kind: str) -> int:
        """How many cells of a kind are left out."""
        return sum(one.count for one in self.open.values() if one.kind == kind and not one.taken)

    def open_ones(self) -> list[Open]:
        """What the user decides about, in the order of the sheets and of ``OPEN_KINDS``."""
        sheets = list(dict.fromkeys(sheet for sheet, _ in self.open))
        return sorted(self.open.values(), key=lambda one: (sheets.index(one.sheet), OPEN_KINDS.index(one.kind)))


def add_unit(contents: Contents, kind: str, text: str, place: str) -> str:
    """Remember a job function or department that a cell names; return its key."""
    label = split_key(text)
    key = normal(label.code or text)
    known = contents.functions if kind == "job_function" else contents.departments
    known.setdefault(
        key,
        Named("function" if kind == "job_function" else "department", label.code or text, label.title or text, place),
    )
    known[key].count += 1
    return key
