"""What importing a recognized workbook would change: computed by comparison, nothing written.

Requirements of the file are compared with the recorded rows of single job functions. A row that an earlier matrix
import
brought and that the file no longer marks is ended; rows entered by hand are left alone. Training records are only
added.
"""

import re
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from app.domain.dates import FOREVER, Calendar
from app.models.documents import Item
from app.models.importing import ImportRun
from app.models.matrix import Completion, Requirement, RequirementUnit
from app.models.organization import Unit
from app.models.people import Person
from app.services.matrix_import.contents import Contents, Named, code_from
from app.services.matrix_import.matching import Match, Matches

DAYS = 30
"""Days to complete of a requirement for which the file states none."""

_PROOFS = {"training": "ojt", "read": "read"}


@dataclass(frozen=True, slots=True)
class Change:
    """One change: what is done to what, the cells of the line for the importer, and the cell of the file."""

    kind: str
    action: str
    what: str
    place: str
    line: dict[str, str] = field(default_factory=dict)


@dataclass(slots=True)
class Changes:
    """All changes in the order in which they are written."""

    rows: list[Change] = field(default_factory=list)
    same: Counter[str] = field(default_factory=Counter)

    def counts(self) -> dict[str, dict[str, int]]:
        """Numbers as in the contract of the command line."""
        numbers = Counter((row.kind, row.action) for row in self.rows)
        return {
            "requirements": {action: numbers["requirements", action] for action in ("add", "change", "end")},
            "completions": {"add": numbers["completions", "add"]},
            "people": {"add": numbers["people", "add"]},
            "items": {"add": numbers["documents", "add"]},
        }

    def of(self, kind: str) -> list[Change]:
        """Changes of one kind."""
        return [row for row in self.rows if row.kind == kind]


@dataclass(slots=True)
class Codes:
    """Codes under which people, functions and items of the file are, or will be, recorded; ``None`` where left out."""

    people: dict[str, str | None]
    functions: dict[str, str | None]
    items: dict[str, str | None]


def find_changes(
    session: Session | None, contents: Contents, matches: Matches, now: datetime, calendar: Calendar
) -> Changes:
    """Everything that the file would change, compared with what is recorded at ``now``; days are days of
    ``calendar``."""
    changes = Changes()
    codes = Codes(_codes(matches.people, 60), _codes(matches.functions, 60), _codes(matches.items, 80))
    today = calendar.day(now)
    _new_functions(changes, matches, codes)
    _new_people(changes, matches, codes, contents, today)
    _new_items(changes, matches, codes, contents, today)
    _requirements(session, changes, contents, codes, now, today)
    _completions(session, changes, contents, codes, calendar)
    return changes


def _codes(matches: dict[str, Match], length: int) -> dict[str, str | None]:
    taken = {match.code for match in matches.values() if match.code}
    codes: dict[str, str | None] = {}
    for key, match in matches.items():
        if match.code or match.how != "new":
            codes[key] = match.code
            continue
        base = code = _own_code(match.named, length)
        number = 2
        while code in taken:
            suffix = f"-{number}"
            code, number = base[: length - len(suffix)] + suffix, number + 1
        taken.add(code)
        codes[key] = code
    return codes


def _own_code(named: Named, length: int) -> str:
    """The code that the file itself gives, else one made of the name."""
    if named.code or (named.kind != "item" and named.key != named.name and len(named.key) <= length):
        return (named.code or named.key)[:length]
    return code_from(named.name, length)


def _new(matches: dict[str, Match]) -> Iterable[tuple[str, Match]]:
    return ((key, match) for key, match in matches.items() if match.how == "new")


def _new_functions(changes: Changes, matches: Matches, codes: Codes) -> None:
    for key, match in _new(matches.functions):
        line = {"kind": "job_function", "code": codes.functions[key] or "", "name": match.named.name[:200]}
        changes.rows.append(Change("units", "add", match.named.name, match.named.place, line))


def _new_people(changes: Changes, matches: Matches, codes: Codes, contents: Contents, today: date) -> None:
    """A new person counts as employed since the hire date in the file, else since the first training it records."""
    first: dict[str, date] = {}
    for held in contents.held.values():
        first[held.person] = min(held.day, first.get(held.person, held.day))
    for key, match in _new(matches.people):
        details = match.named.details
        mail = details.get("email", "")
        hired = details.get("hire_date", "")[:10]
        if not re.fullmatch(r"\d{4}-\d{2}-\d{2}", hired):
            hired = min(first.get(key, today), today).isoformat()
        line = {
            "employee_no": codes.people[key] or "",
            "name": match.named.name[:200],
            "email": mail if "@" in mail else "",
            "hired_on": hired,
        }
        changes.rows.append(Change("people", "add", match.named.name, match.named.place, line))


def _new_items(changes: Changes, matches: Matches, codes: Codes, contents: Contents, today: date) -> None:
    """A new item comes with one version, in force since the first day on which somebody was trained on it."""
    first: dict[str, date] = {}
    for held in contents.held.values():
        first[held.item] = min(held.day, first.get(held.item, held.day))
    for key, match in _new(matches.items):
        named = match.named
        since = min(first.get(key, today), today).isoformat()
        line = {
            "code": codes.items[key] or "",
            "title": (named.name or named.key)[:300],
            "version": (named.version or "1")[:40],
            "approved_on": since,
            "effective_on": since,
            "minutes": str(round(named.hours * 60)) if named.hours else "",
        }
        changes.rows.append(Change("documents", "add", f"{line['code']} {line['title']}", named.place, line))


@dataclass(frozen=True, slots=True)
class _Row:
    """A recorded requirement of one job function."""

    starts_at: datetime
    recurrence: int | None
    days: int
    proof: str
    imported: bool


def _requirements(
    session: Session | None, changes: Changes, contents: Contents, codes: Codes, now: datetime, today: date
) -> None:
    recorded = recorded_requirements(session, codes, now)
    wanted: set[tuple[str, str]] = set()
    for need in contents.needs.values():
        function, item = codes.functions.get(need.function), codes.items.get(need.item)
        if function is None or item is None or (function, item) in wanted:
            continue
        wanted.add((function, item))
        months = contents.items[need.item].valid_months
        line = {
            "item": item,
            "units": f"job_function:{function}",
            "from": today.isoformat(),
            "to": "",
            "recurrence_months": str(months) if months else "",
            "days_to_complete": str(need.days if need.days is not None else DAYS),
            "proof": _PROOFS.get(need.detail, "read"),
        }
        _compare(changes, recorded.get((function, item)), line, need.place, need.days is not None)
    for (function, item), row in recorded.items():
        place = _said_no(contents, codes, function, item)
        if (function, item) not in wanted and row.imported and place:
            line = _line_of(row, function, item) | {"to": today.isoformat()}
            changes.rows.append(Change("requirements", "end", f"{function} – {item}", place, line))


def _compare(changes: Changes, row: _Row | None, line: dict[str, str], place: str, days_stated: bool) -> None:
    what = f"{line['units'].partition(':')[2]} – {line['item']}"
    if row is None:
        changes.rows.append(Change("requirements", "add", what, place, line))
        return
    months = int(line["recurrence_months"]) if line["recurrence_months"] else None
    differs = (months is not None and months != row.recurrence) or (
        days_stated and int(line["days_to_complete"]) != row.days
    )
    if not differs:
        changes.same["requirements"] += 1
        return
    kept = _line_of(row, "", "") | {"item": line["item"], "units": line["units"]}
    kept["recurrence_months"] = line["recurrence_months"] or kept["recurrence_months"]
    kept["days_to_complete"] = line["days_to_complete"] if days_stated else kept["days_to_complete"]
    changes.rows.append(Change("requirements", "change", what, place, kept))


def _line_of(row: _Row, function: str, item: str) -> dict[str, str]:
    return {
        "item": item,
        "units": f"job_function:{function}",
        "from": row.starts_at.isoformat(),
        "to": "",
        "recurrence_months": str(row.recurrence) if row.recurrence else "",
        "days_to_complete": str(row.days),
        "proof": row.proof,
    }


def _said_no(contents: Contents, codes: Codes, function: str, item: str) -> str | None:
    """The place where the file leaves a recorded requirement out; ``None`` when the file does not speak about the
    pair."""
    for key, code in codes.functions.items():
        if code != function:
            continue
        for other, known in codes.items.items():
            if known == item and (key, other) in contents.axes:
                return contents.denied.get((key, other)) or contents.functions[key].place
    return None


def recorded_requirements(session: Session | None, codes: Codes, now: datetime) -> dict[tuple[str, str], _Row]:
    """Requirements of single job functions in force, by function and item."""
    if session is None:
        return {}
    single = select(RequirementUnit.requirement_id).group_by(RequirementUnit.requirement_id).having(func.count() == 1)
    query = (
        select(
            Unit.code,
            Item.code,
            Requirement.starts_at,
            Requirement.recurrence_months,
            Requirement.days_to_complete,
            Requirement.proof,
            ImportRun.kind,
        )
        .join(RequirementUnit, RequirementUnit.requirement_id == Requirement.id)
        .join(Unit, Unit.id == RequirementUnit.unit_id)
        .join(Item, Item.id == Requirement.item_id)
        .outerjoin(ImportRun, (ImportRun.file_id == Requirement.evidence_id) & (ImportRun.kind == "matrix"))
        .where(Requirement.voided_at == FOREVER, Requirement.ends_at > now, Unit.kind == "job_function")
        .where(Requirement.id.in_(single))
    )
    functions, items = set(codes.functions.values()), set(codes.items.values())
    return {
        (function, item): _Row(starts, months, days, proof, kind is not None)
        for function, item, starts, months, days, proof, kind in session.execute(query)
        if function in functions and item in items
    }


def _completions(
    session: Session | None, changes: Changes, contents: Contents, codes: Codes, calendar: Calendar
) -> None:
    recorded = recorded_days(session, codes, calendar)
    seen: set[tuple[str, str, date]] = set()
    for held in contents.held.values():
        person, item = codes.people.get(held.person), codes.items.get(held.item)
        if person is None or item is None or (person, item, held.day) in seen:
            continue
        seen.add((person, item, held.day))
        if (person, item, held.day) in recorded:
            changes.same["completions"] += 1
            continue
        line: dict[str, Any] = {
            "employee_no": person,
            "item": item,
            "completed_at": held.day.isoformat(),
            "method": "import",
            "result": "passed",
            "origin": held.place[:200],
        }
        changes.rows.append(
            Change("completions", "add", f"{person} – {item}: {held.day.isoformat()}", held.place, line)
        )


def recorded_days(session: Session | None, codes: Codes, calendar: Calendar) -> set[tuple[str, str, date]]:
    """Days of recorded training, by employee number and item."""
    if session is None:
        return set()
    query = (
        select(Person.employee_no, Item.code, Completion.completed_at)
        .join(Person, Person.id == Completion.person_id)
        .join(Item, Item.id == Completion.item_id)
        .where(Completion.voided_at == FOREVER)
    )
    people, items = set(codes.people.values()), set(codes.items.values())
    return {
        (number, code, calendar.day(at))
        for number, code, at in session.execute(query)
        if number in people and code in items
    }
