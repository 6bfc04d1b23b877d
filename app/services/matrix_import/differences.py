"""What importing a recognized workbook would change: computed by comparison, nothing written.

Requirements of the file are compared with the recorded rows of single job functions. A row that an earlier matrix
import brought and that the file no longer marks is ended; rows entered by hand are left alone. Memberships, training
records and orders are only added; nobody's membership ends because a file does not name it.
"""

import re
from collections.abc import Iterable
from datetime import date, datetime

from sqlalchemy.orm import Session

from app.domain.dates import Calendar
from app.services.matrix_import.changes import (
    Change,
    Changes,
    Codes,
    Row,
    recorded_memberships,
    recorded_requirements,
)
from app.services.matrix_import.contents import code_from
from app.services.matrix_import.matching import Match, Matches
from app.services.matrix_import.saying import Contents, Named
from app.services.matrix_import.trainings import Trainings, version_of

DAYS = 30
"""Days to complete of a requirement for which the file states none."""

_PROOFS = {"training": "ojt", "read": "read"}
_ISO_DAY = re.compile(r"\d{4}-\d{2}-\d{2}")


def find_changes(
    session: Session | None, contents: Contents, matches: Matches, now: datetime, calendar: Calendar
) -> Changes:
    """Everything that the file would change, compared with what is recorded at ``now``; days are days of
    ``calendar``, for people at a site of another zone of theirs."""
    changes = Changes()
    codes = codes_of(matches)
    today = calendar.day(now)
    _new_units(changes, matches.functions, codes.functions, "job_function")
    _new_units(changes, matches.departments, codes.departments, "department")
    hired = _new_people(changes, matches, codes, contents, today)
    _memberships(session, changes, contents, codes, now, {key: max(day, today) for key, day in hired.items()}, today)
    _new_items(changes, matches, codes, contents, today)
    _requirements(session, changes, contents, codes, now, calendar)
    trainings = Trainings(session, contents, matches, codes, calendar)
    trainings.completions(changes)
    trainings.orders(changes, today)
    return changes


def codes_of(matches: Matches) -> Codes:
    """The code of everything that the file names."""
    return Codes(
        _codes(matches.people, 60),
        _codes(matches.functions, 60),
        _codes(matches.items, 80),
        _codes(matches.departments, 60),
    )


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


# --- names -----------------------------------------------------------------------------------------------------------


def _new_units(changes: Changes, matches: dict[str, Match], codes: dict[str, str | None], kind: str) -> None:
    for key, match in _new(matches):
        line = {"kind": kind, "code": codes[key] or "", "name": match.named.name[:200]}
        changes.rows.append(Change("units", "add", match.named.name, match.named.place, line))


def _new_people(changes: Changes, matches: Matches, codes: Codes, contents: Contents, today: date) -> dict[str, date]:
    """Add people; return since when the file says that each is employed.

    A new person counts as employed since the hire date in the file, else since the first training it records.
    """
    first: dict[str, date] = {}
    for held in contents.held.values():
        first[held.person] = min(held.day, first.get(held.person, held.day))
    said: dict[str, date] = {}
    for key, named in contents.people.items():
        text = named.details.get("hire_date", "")[:10]
        if _ISO_DAY.fullmatch(text):
            said[key] = date.fromisoformat(text)
    for key, match in _new(matches.people):
        mail = match.named.details.get("email", "")
        line = {
            "employee_no": codes.people[key] or "",
            "name": match.named.name[:200],
            "email": mail if "@" in mail else "",
            "hired_on": said.get(key, min(first.get(key, today), today)).isoformat(),
        }
        changes.rows.append(Change("people", "add", match.named.name, match.named.place, line))
    return said


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
            "version": version_of(named.version),
            "approved_on": since,
            "effective_on": since,
            "minutes": str(round(named.hours * 60)) if named.hours else "",
        }
        changes.rows.append(Change("documents", "add", f"{line['code']} {line['title']}", named.place, line))


# --- memberships -----------------------------------------------------------------------------------------------------


def _memberships(
    session: Session | None, changes: Changes, contents: Contents, codes: Codes, now: datetime,
    hired: dict[str, date], today: date,
) -> None:  # fmt: skip
    """Add what people do not have yet, from the day of the import, or of the hire where that comes later."""
    recorded = recorded_memberships(session, now)
    named: dict[str, set[tuple[str, str]]] = {}
    growing: set[str] = set()
    for one in contents.belongs.values():
        known = codes.functions if one.kind == "job_function" else codes.departments
        person, unit = codes.people.get(one.person), known.get(one.unit)
        if person is None or unit is None or (one.kind, unit) in named.setdefault(person, set()):
            continue
        named[person].add((one.kind, unit))
        if (one.kind, unit) in recorded.get(person, ()):
            changes.same["memberships"] += 1
            continue
        growing.add(person)
        start = hired.get(one.person, today)
        line = {"employee_no": person, "kind": one.kind, "code": unit, "from": start.isoformat(), "to": ""}
        changes.rows.append(Change("memberships", "add", f"{person} – {unit}", one.place, line))
    changes.kept_memberships = sum(_keeps_more(named[person], recorded.get(person, set())) for person in growing)


def _keeps_more(named: set[tuple[str, str]], recorded: set[tuple[str, str]]) -> bool:
    """Whether somebody stays in a unit of a kind of which the file names other ones."""
    kinds = {kind for kind, _ in named}
    return any(kind in kinds and (kind, code) not in named for kind, code in recorded)


# --- requirements ----------------------------------------------------------------------------------------------------


def _requirements(
    session: Session | None, changes: Changes, contents: Contents, codes: Codes, now: datetime, calendar: Calendar
) -> None:
    """Add, change and end requirements from today on; one that began today ends at once."""
    today = calendar.day(now)
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
    spoken = _Spoken(contents, codes)
    for (function, item), row in recorded.items():
        if (function, item) not in wanted and row.imported and (place := spoken.place(function, item)):
            if row.starts_at >= now:
                continue
            today_only = calendar.day(row.starts_at) >= today
            line = _line_of(row, function, item) | {"to": now.isoformat() if today_only else today.isoformat()}
            changes.rows.append(Change("requirements", "end", f"{function} – {item}", place, line))


def _compare(changes: Changes, row: Row | None, line: dict[str, str], place: str, days_stated: bool) -> None:
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


def _line_of(row: Row, function: str, item: str) -> dict[str, str]:
    return {
        "item": item,
        "units": f"job_function:{function}",
        "from": row.starts_at.isoformat(),
        "to": "",
        "recurrence_months": str(row.recurrence) if row.recurrence else "",
        "days_to_complete": str(row.days),
        "proof": row.proof,
    }


class _Spoken:
    """What the file speaks about: a recorded requirement that it leaves out ends only inside of that."""

    def __init__(self, contents: Contents, codes: Codes) -> None:
        self.contents = contents
        self.functions = _by_code(codes.functions)
        self.items = _by_code(codes.items)

    def place(self, function: str, item: str) -> str | None:
        """Where the file leaves the pair out; ``None`` when it does not speak about it."""
        for key in self.functions.get(function, ()):
            for other in self.items.get(item, ()):
                if any(key in functions and other in items for functions, items in self.contents.axes):
                    return self.contents.denied.get((key, other)) or self.contents.functions[key].place
        return None


def _by_code(codes: dict[str, str | None]) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for key, code in codes.items():
        if code is not None:
            found.setdefault(code, []).append(key)
    return found
