"""Rehearses an import: writes it in a savepoint, asks the rule of qualification, takes everything back.

So the effect that is shown before signing is what the rule will say afterwards, and what an importer would refuse is
known before. Nothing remains: rows, trail entries and ids of the savepoint are gone, the file is not stored, and no
assignment or message is made. Large files are rehearsed for the first people only, within ``ROWS`` and ``PEOPLE``.
"""

from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.domain.dates import FOREVER
from app.domain.errors import RuleBroken
from app.domain.text import Phrase
from app.models.documents import Item
from app.models.matrix import Requirement
from app.models.organization import Unit
from app.models.people import Membership, Person
from app.safeguards.context import Context, acting, current
from app.services import compliance
from app.services.importing.commit import COMMIT
from app.services.importing.completions import MIGRATION
from app.services.importing.lookups import chunks
from app.services.importing.plan import Writing
from app.services.matrix_import.changes import Change, Changes
from app.services.matrix_import.commit import write_changes

ROWS, PEOPLE = 20_000, 2_000
"""Changes that are written, and people who are looked at, in one rehearsal."""

PERSONAL = ("people", "memberships", "completions", "orders")
TRAINED, LATE, OPEN = frozenset("qd"), frozenset("oe"), frozenset("aoe")
NOT_ASKED = frozenset((compliance.TRAINED_ONLY, ".", ""))


@dataclass(slots=True)
class Outcome:
    """Numbers of items: newly required, and what becomes of those; ``qualified`` and ``late`` are parts of ``new``.

    ``cleared`` were open before and are covered by the imported records; ``lost`` were qualified and are not any more;
    ``dropped`` are no longer required; ``held`` are recorded although nobody requires them.
    """

    new: int = 0
    qualified: int = 0
    late: int = 0
    to_train: int = 0
    cleared: int = 0
    lost: int = 0
    dropped: int = 0
    held: int = 0

    def add(self, before: str, after: str) -> None:
        """Count one person and item by the letters of ``compliance.CODES`` before and after."""
        if before == after:
            return
        if after in NOT_ASKED:
            self.dropped += before not in NOT_ASKED
            self.held += after == compliance.TRAINED_ONLY and before in NOT_ASKED
        elif before in NOT_ASKED:
            self.new += 1
            self.qualified += after in TRAINED
            self.late += after in LATE
            self.to_train += after == "a"
        elif after in TRAINED and before in OPEN:
            self.cleared += 1
        elif after in OPEN and before in TRAINED:
            self.lost += 1

    def __iadd__(self, other: "Outcome") -> "Outcome":
        for name in self.__slots__:
            setattr(self, name, getattr(self, name) + getattr(other, name))
        return self

    def as_json(self) -> dict[str, int]:
        """The numbers by name."""
        return {name: getattr(self, name) for name in self.__slots__}


@dataclass(slots=True)
class Group:
    """What an import does to a job function, or to one person."""

    code: str
    name: str
    people: int = 0
    outcome: Outcome = field(default_factory=Outcome)


@dataclass(slots=True)
class Effect:
    """What an import does to compliance at the instant of the rehearsal.

    ``people`` is how many were looked at, ``affected`` how many of them it changes anything for, ``left_out`` how many
    were not looked at. ``refusal`` is why it could not be written, with the cell; then there are no numbers.
    """

    people: int = 0
    affected: int = 0
    left_out: int = 0
    total: Outcome = field(default_factory=Outcome)
    functions: list[Group] = field(default_factory=list)
    top: list[Group] = field(default_factory=list)
    refusal: Phrase | None = None


@dataclass(frozen=True, slots=True)
class Part:
    """The part of an import that is rehearsed: its changes, the employee numbers, and how many people are left out."""

    changes: Changes
    people: tuple[str, ...]
    left_out: int


def rehearse(session: Session, changes: Changes, file: str, zone: str, *, top: int = 10) -> Effect:
    """Return what the changes do to compliance; nothing stays written.

    ``file`` names the file in refusals, ``zone`` is the IANA zone of the company's days, ``top`` how many people are
    named. A part of a large import is rehearsed as a whole, or refused as a whole.
    """
    if not changes.rows:
        return Effect()
    part = part_of(session, changes)
    at = current().now()
    items = _items(session, part)
    before = _picture(session, part.people, items, at)
    try:
        with _taken_back(session), acting(_rehearsing(current())):
            write_changes(Writing(session, at, "Rehearsal", None), part.changes, file, b"", zone)
            after = _picture(session, part.people, items, at)
            return _compare(session, part, before, after, at, top)
    except RuleBroken as refusal:
        return Effect(refusal=refusal.phrase)


def _rehearsing(context: Context) -> Context:
    """The one who asks, with what an import needs where he or she may only look: nothing stays written.

    Whoever may sign is not given more, so that a right that is missing shows before the signature.
    """
    rights = context.permissions if context.may(*COMMIT) else context.permissions | {COMMIT, MIGRATION}
    return replace(context, reason="Rehearsal", permissions=frozenset(rights))


@contextmanager
def _taken_back(session: Session) -> Iterator[None]:
    """A savepoint that is rolled back whatever happens."""
    savepoint = session.begin_nested()
    try:
        yield
    finally:
        savepoint.rollback()


# --- what is rehearsed -----------------------------------------------------------------------------------------------


def part_of(session: Session, changes: Changes) -> Part:
    """The people of the file in its order, then the members of the job functions that it speaks of, within limits.

    Requirements of job functions without any of these people change nothing for anybody and are not written.
    """
    rows: dict[str, list[Change]] = {}
    for kind in PERSONAL:
        for change in changes.of(kind):
            rows.setdefault(change.line["employee_no"], []).append(change)
    needs = changes.of("requirements")
    functions = {_function(change) for change in needs}
    members = _members(session, functions)
    for change in changes.of("memberships"):
        members.setdefault(change.line["employee_no"], set()).add(change.line["code"])
    chosen: list[str] = []
    written = 0
    everybody = list(dict.fromkeys((*rows, *members)))
    for number in everybody:
        written += len(rows.get(number, ()))
        if len(chosen) >= PEOPLE or (written > ROWS and chosen):
            break
        chosen.append(number)
    concerned = {function for number in chosen for function in members.get(number, ())}
    mine = set(chosen)
    kept = [row for kind in PERSONAL for row in changes.of(kind) if row.line["employee_no"] in mine]
    kept += [row for row in needs if _function(row) in concerned]
    return Part(Changes(_with_names(changes, kept)), tuple(chosen), len(everybody) - len(chosen))


def _function(change: Change) -> str:
    return change.line["units"].partition(":")[2]


def _with_names(changes: Changes, kept: list[Change]) -> list[Change]:
    """The changes with the new units and items that they refer to."""
    items = {row.line["item"] for row in kept if "item" in row.line}
    units = {(row.line["kind"], row.line["code"]) for row in kept if row.kind == "memberships"}
    units |= {("job_function", _function(row)) for row in kept if row.kind == "requirements"}
    names = [row for row in changes.of("units") if (row.line["kind"], row.line["code"]) in units]
    return names + [row for row in changes.of("documents") if row.line["code"] in items] + kept


def _members(session: Session, functions: set[str]) -> dict[str, set[str]]:
    """The job functions, of these, that everybody holds now, by employee number."""
    now = current().now()
    query = (
        select(Person.employee_no, Unit.code)
        .join(Membership, Membership.person_id == Person.id)
        .join(Unit, Unit.id == Membership.unit_id)
        .where(Unit.kind == "job_function", Membership.voided_at == FOREVER)
        .where(Membership.starts_at <= now, Membership.ends_at > now)
        .order_by(Person.employee_no)
    )
    found: dict[str, set[str]] = {}
    for number, code in session.execute(query):
        if code in functions:
            found.setdefault(number, set()).add(code)
    return found


def _items(session: Session, part: Part) -> frozenset[str]:
    """Codes of the items of the part, and of everything that any row of the matrix requires."""
    query = select(Item.code).join(Requirement, Requirement.item_id == Item.id).where(Requirement.voided_at == FOREVER)
    named = {row.line["item"] for row in part.changes.rows if "item" in row.line}
    return frozenset(session.scalars(query.distinct())) | named


# --- before and after ------------------------------------------------------------------------------------------------

Picture = tuple[tuple[str, ...], dict[str, str]]
"""Codes of items in their order, and the letters of each person, by employee number."""


def _picture(session: Session, people: Iterable[str], items: frozenset[str], at: datetime) -> Picture:
    numbers, codes = _ids(session, Person.id, Person.employee_no, people), _ids(session, Item.id, Item.code, items)
    if not numbers or not codes:
        return (), {}
    found = compliance.heatmap(session, list(numbers), list(codes), at)
    return tuple(codes[item] for item in found.items), {numbers[one]: text for one, text in found.cells.items()}


def _ids(session: Session, key: Any, text: Any, wanted: Iterable[str]) -> dict[int, str]:
    return {
        one: name for part in chunks(wanted) for one, name in session.execute(select(key, text).where(text.in_(part)))
    }


def _compare(session: Session, part: Part, before: Picture, after: Picture, at: datetime, top: int) -> Effect:
    """Count the differences; called while the import is still written."""
    effect = Effect(people=len(part.people), left_out=part.left_out)
    position = {code: index for index, code in enumerate(before[0])}
    old_of_new = [position.get(code) for code in after[0]]
    outcomes: dict[str, Outcome] = {}
    for number, letters in after[1].items():
        old = before[1].get(number, "")
        outcome = Outcome()
        for index, letter in zip(old_of_new, letters, strict=True):
            outcome.add("" if index is None or not old else old[index], letter)
        if any(outcome.as_json().values()):
            outcomes[number] = outcome
            effect.total += outcome
    effect.affected = len(outcomes)
    effect.functions = _by_function(session, outcomes, at)
    effect.top = _top(session, outcomes, top)
    return effect


def _by_function(session: Session, outcomes: dict[str, Outcome], at: datetime) -> list[Group]:
    query = (
        select(Person.employee_no, Unit.code, Unit.name)
        .join(Membership, Membership.person_id == Person.id)
        .join(Unit, Unit.id == Membership.unit_id)
        .where(Unit.kind == "job_function", Membership.voided_at == FOREVER)
        .where(Membership.starts_at <= at, Membership.ends_at > at)
        .distinct()
    )
    groups: dict[str, Group] = {}
    for number, code, name in session.execute(query):
        if number in outcomes:
            group = groups.setdefault(code, Group(code, name))
            group.people += 1
            group.outcome += outcomes[number]
    return sorted(groups.values(), key=lambda one: (-one.outcome.late, -one.outcome.new, one.name))


def _top(session: Session, outcomes: dict[str, Outcome], top: int) -> list[Group]:
    """The people who would have most to do: late items first, then items to train."""
    load = Counter({number: one.late + one.to_train + one.lost for number, one in outcomes.items()})
    worst = sorted((number for number, much in load.items() if much), key=lambda n: (-outcomes[n].late, -load[n], n))
    names = dict(
        session.execute(select(Person.employee_no, Person.name).where(Person.employee_no.in_(worst[:top]))).all()
    )
    return [Group(number, names[number], 1, outcomes[number]) for number in worst[:top]]
