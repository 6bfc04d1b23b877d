"""Imports people with their employment (ORG-2).

A person is found again by ``employee_no``. A person who left and came back has one line per employment. An employment
is found again by its start; one that overlaps a recorded employment restates it.
"""

import re
from collections.abc import Iterator
from datetime import datetime
from functools import partial
from itertools import pairwise
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.domain.dates import FOREVER, Calendar, calendar_of
from app.domain.text import Phrase
from app.models.people import Employment, Person
from app.safeguards import bulk
from app.services.importing.lookups import chunks, select_by, units
from app.services.importing.plan import FactChanges, Plan, Recorded, Touched, Wanted, Writing, compare, start_of
from app.services.importing.sheet import BadCell, Columns, Sheet, day_or_instant, did_you_mean, text_up_to

COLUMNS = Columns(("employee_no", "name"), ("email", "site", "supervisor_no", "languages", "hired_on", "left_on"))


def email(text: str) -> str | None:
    """Return an e-mail address, or None for an empty cell."""
    if not text:
        return None
    if len(text) > 320 or not re.fullmatch(r"[^@\s]+@[^@\s]+", text):
        raise BadCell("%(value)s is not an e-mail address.", value=text)
    return text


def languages(text: str) -> str:
    """Return language codes separated by semicolons, such as ``es;en``."""
    codes = [code.strip() for code in text.split(";") if code.strip()]
    for code in codes:
        if not re.fullmatch(r"[A-Za-z]{2,3}([-_][A-Za-z0-9]{2,8})*", code):
            raise BadCell("%(value)s is not a language code like es or pt-BR.", value=code)
    return text_up_to(100)(";".join(codes))


def plan(session: Session, sheet: Sheet) -> Plan:
    """Check a file of people against what is recorded; write nothing."""
    numbers = sheet.parse("employee_no", text_up_to(60, required=True))
    known_people = {number: one for number, one in _people(session, [number for number in numbers if number])}
    sites = {code: unit for (kind, code), unit in units(session).items() if kind == "site"}
    by_number = _numbers_of_supervisors(session, sheet, numbers)
    lines = {
        "name": sheet.parse("name", text_up_to(200, required=True)),
        "email": sheet.parse("email", email),
        "site": sheet.parse("site", partial(_one_of, known=set(sites), noun="site")),
        "supervisor_no": sheet.parse("supervisor_no", partial(_one_of, known=by_number, noun="person")),
        "languages": sheet.parse("languages", languages),
    }
    hired = sheet.parse("hired_on", day_or_instant)
    left = sheet.parse("left_on", day_or_instant)
    wanted = {name: values for name, values in lines.items() if sheet.has(name)}
    _check_same_person(sheet, numbers, wanted)
    _check_chain(sheet, numbers, wanted, known_people)
    result = Plan("people", sheet)
    new, changed = _persons(result, numbers, wanted, known_people)

    def calendar(position: int) -> Calendar:
        """The home site as it will be decides what a day is."""
        known = known_people.get(numbers[position] or "", {})
        code = lines["site"][position] if sheet.has("site") else known.get("site")
        unit = sites.get(code or "")
        return calendar_of((unit.zone if unit else None) or sheet.zone)

    employments = _employments(session, result, numbers, hired, left, calendar)
    result.write = partial(_write, new=new, changed=changed, employments=employments)
    return result


def _one_of(text: str, known: set[str], noun: str) -> str | None:
    if text and text not in known:
        raise BadCell("there is no %(noun)s %(value)s.%(hint)s", noun=noun, value=text, hint=did_you_mean(text, known))
    return text or None


def _people(session: Session, numbers: list[str]) -> Iterator[tuple[str, dict[str, Any]]]:
    site_codes = {unit.id: code for (kind, code), unit in units(session).items() if kind == "site"}
    rows = [
        row
        for part in chunks(numbers)
        for row in session.execute(
            select(
                Person.id,
                Person.employee_no,
                Person.name,
                Person.email,
                Person.site_id,
                Person.supervisor_id,
                Person.languages,
            ).where(Person.employee_no.in_(part))
        )
    ]
    chiefs = dict(select_by(session, (Person.id, Person.employee_no), Person.id, [row.supervisor_id for row in rows]))
    for row in rows:
        yield (
            row.employee_no,
            {
                "id": row.id,
                "name": row.name,
                "email": row.email,
                "site": site_codes.get(row.site_id),
                "supervisor_no": chiefs.get(row.supervisor_id),
                "languages": row.languages,
            },
        )


def _numbers_of_supervisors(session: Session, sheet: Sheet, numbers: list[str | None]) -> set[str]:
    """Return the employee numbers that may stand in supervisor_no: those in this file and those recorded."""
    known = {number for number in numbers if number}
    for part in chunks(text for text in sheet.texts("supervisor_no") if text):
        known.update(session.scalars(select(Person.employee_no).where(Person.employee_no.in_(part))))
    return known


def _check_same_person(sheet: Sheet, numbers: list[str | None], wanted: dict[str, list[Any]]) -> None:
    """Several lines of one person may differ in their employment only."""
    first_of: dict[str, int] = {}
    for position in list(sheet.good()):
        number = numbers[position] or ""
        first = first_of.setdefault(number, position)
        for name, values in wanted.items():
            if values[first] != values[position]:
                phrase = Phrase(
                    "%(number)s is in row %(row)s already, with another %(column)s.",
                    number=number,
                    row=sheet.table.rows[first][0],
                    column=name,
                )
                sheet.wrong(position, name, phrase)
                break


def _check_chain(
    sheet: Sheet, numbers: list[str | None], wanted: dict[str, list[Any]], known: dict[str, dict[str, Any]]
) -> None:
    """Nobody supervises himself, not even through others."""
    if "supervisor_no" not in wanted:
        return
    chief = {number: one["supervisor_no"] for number, one in known.items()}
    chief |= {number: wanted["supervisor_no"][position] for position, number in enumerate(numbers) if number}
    safe: set[str] = set()
    for position in list(sheet.good()):
        path: list[str] = []
        number: str | None = numbers[position]
        while number and number not in safe and number not in path:
            path.append(number)
            number = chief.get(number)
        if number in path and number == numbers[position]:
            phrase = Phrase("%(number)s would be his or her own supervisor in the end.", number=number)
            sheet.wrong(position, "supervisor_no", phrase)
        elif number not in path:
            safe.update(path)


def _persons(
    result: Plan, numbers: list[str | None], wanted: dict[str, list[Any]], known: dict[str, dict[str, Any]]
) -> tuple[dict[str, dict[str, Any]], dict[str, dict[str, Any]]]:
    """Return the new people and the changed fields of known ones, by employee number."""
    new: dict[str, dict[str, Any]] = {}
    changed: dict[str, dict[str, Any]] = {}
    done: set[str] = set()
    for position in result.sheet.good():
        number = numbers[position] or ""
        if number in done:
            continue
        done.add(number)
        line = {name: values[position] for name, values in wanted.items()}
        what = f"{number} {line['name']}"
        if number not in known:
            new[number] = line
            result.note("person", "add", position, what)
            continue
        now = known[number]
        differing = {name: (now[name], line[name]) for name in line if now[name] != line[name]}
        if differing:
            changed[number] = {"id": now["id"], **{name: line[name] for name in differing}}
        result.note("person", "change" if differing else "unchanged", position, what, differing)
    return new, changed


def _employments(
    session: Session, result: Plan, numbers: list[str | None], hired: list[Any], left: list[Any], calendar: Any
) -> FactChanges:
    sheet = result.sheet
    changes = FactChanges(sheet, Employment, ("employee_no",), ("starts_at", "ends_at"))
    if not sheet.has("hired_on"):
        return changes
    recorded = list(_recorded_employments(session, [number for number in numbers if number]))
    known_end = {(fact.key[0], fact.values[0]): fact.values[1] for fact in recorded}
    wanted: list[Wanted] = []
    for position in list(sheet.good()):
        number = numbers[position] or ""
        if hired[position] is None:
            if left[position] is not None:
                sheet.wrong(position, "hired_on", Phrase("the day of leaving is there, the day of hiring is not."))
            continue
        days = calendar(position)
        start = start_of(hired[position], days)
        end = start_of(left[position], days) if sheet.has("left_on") else known_end.get((number, start), FOREVER)
        if end <= start:
            sheet.wrong(position, "left_on", Phrase("the person leaves before being hired."))
            continue
        wanted.append(Wanted(position, (number,), (start, end)))
    _check_overlaps(sheet, wanted)

    def what(position: int) -> str:
        return f"{numbers[position]} from {sheet.texts('hired_on')[position]}"

    return compare(result, "employment", changes, wanted, recorded, what, _overlapping)


def _overlapping(new: Wanted, old: Recorded) -> bool:
    return bool(new.values[0] < old.values[1] and old.values[0] < new.values[1])


def _check_overlaps(sheet: Sheet, wanted: list[Wanted]) -> None:
    by_person: dict[str, list[tuple[datetime, datetime, int]]] = {}
    for one in wanted:
        by_person.setdefault(one.key[0], []).append((*one.values, one.position))
    for spans in by_person.values():
        spans.sort()
        for (start, end, first), (next_start, next_end, second) in pairwise(spans):
            if next_start < end and (start, end) != (next_start, next_end):
                phrase = Phrase("this employment overlaps the one in row %(row)s.", row=sheet.table.rows[first][0])
                sheet.wrong(second, "hired_on", phrase)


def _recorded_employments(session: Session, numbers: list[str]) -> Iterator[Recorded]:
    for part in chunks(numbers):
        query = (
            select(Employment.id, Person.employee_no, Employment.starts_at, Employment.ends_at)
            .join(Person, Employment.person_id == Person.id)
            .where(Person.employee_no.in_(part), Employment.voided_at == FOREVER)
            .order_by(Employment.starts_at)
        )
        for one, number, start, end in session.execute(query):
            yield Recorded(one, (number,), (start, end))


def _write(
    writing: Writing,
    new: dict[str, dict[str, Any]],
    changed: dict[str, dict[str, Any]],
    employments: FactChanges,
) -> Touched:
    """Write new people, supervisors before those they supervise; then changed people; then employments."""
    session = writing.session
    sites = {code: unit.id for (kind, code), unit in units(session).items() if kind == "site"}
    named = [one["supervisor_no"] for one in (*new.values(), *changed.values()) if one.get("supervisor_no")]
    ids = _ids(session, [*named, *(one.key[0] for one in employments.lines)])
    waiting = dict(new)
    while waiting:
        ready = [number for number, line in waiting.items() if line.get("supervisor_no") not in waiting]
        rows = [{"employee_no": number, **_row(waiting.pop(number), sites, ids)} for number in ready]
        ids |= zip(ready, bulk.insert_many(session, Person, rows), strict=True)
    bulk.update_many(session, Person, [{"id": line["id"], **_row(line, sites, ids)} for line in changed.values()])
    changes = FactChanges(employments.sheet, Employment, ("person_id",), employments.value_fields)
    changes.adds = [one._replace(key=(ids[one.key[0]],)) for one in employments.adds]
    changes.restated = [(old, one._replace(key=(ids[one.key[0]],))) for old, one in employments.restated]
    changes.write(writing)
    people = {one.key[0] for one in changes.lines}
    moved = {line["id"] for line in changed.values() if "site" in line}
    return Touched(people | moved, None)


def _row(line: dict[str, Any], sites: dict[str, int], ids: dict[str, int]) -> dict[str, Any]:
    row = {name: value for name, value in line.items() if name in {"name", "email", "languages"}}
    if "site" in line:
        row["site_id"] = sites.get(line["site"])
    if "supervisor_no" in line:
        row["supervisor_id"] = ids.get(line["supervisor_no"])
    return row


def _ids(session: Session, numbers: list[str]) -> dict[str, int]:
    return {
        number: one
        for part in chunks(numbers)
        for number, one in session.execute(select(Person.employee_no, Person.id).where(Person.employee_no.in_(part)))
    }
