"""Imports units: sites, departments, job functions, equipment, clients … (ORG-1).

A line is found again by ``kind`` and ``code``; a different name, site or client changes the unit.
"""

import re
from functools import partial
from typing import Any
from zoneinfo import available_timezones

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.domain.text import Phrase
from app.models.organization import Unit
from app.safeguards import bulk
from app.services.importing.lookups import unit_kind
from app.services.importing.plan import Plan, Touched, Writing
from app.services.importing.sheet import BadCell, Columns, Sheet, did_you_mean, text_up_to

COLUMNS = Columns(("kind", "code", "name"), ("site", "client", "time_zone", "shift_starts", "description"))
HIGHER = ("client", "site")
"""Kinds that other units refer to; they are written first."""


def time_zone(text: str) -> str | None:
    """Return the name of an IANA time zone, or None for an empty cell."""
    if not text:
        return None
    if text not in available_timezones():
        raise BadCell(
            "there is no time zone %(value)s.%(hint)s", value=text, hint=did_you_mean(text, available_timezones())
        )
    return text


def clock_time(text: str) -> str | None:
    """Return a time of day as HH:MM, or None for an empty cell."""
    if not text:
        return None
    if not re.fullmatch(r"([01]?\d|2[0-3]):[0-5]\d(:00)?", text):
        raise BadCell("%(value)s is not a time of day like 06:30.", value=text)
    hours, minutes = text.split(":")[:2]
    return f"{int(hours):02d}:{minutes}"


def plan(session: Session, sheet: Sheet) -> Plan:
    """Check a file of units against what is recorded; write nothing."""
    kinds = sheet.parse("kind", unit_kind)
    codes = sheet.parse("code", text_up_to(60, required=True))
    plain = {
        "name": sheet.parse("name", text_up_to(200, required=True)),
        "time_zone": sheet.parse("time_zone", time_zone),
        "shift_starts": sheet.parse("shift_starts", clock_time),
        "description": [text or None for text in sheet.texts("description")],
    }
    result = Plan("units", sheet)
    known = {(unit.kind, unit.code): unit for unit in session.scalars(select(Unit))}
    here = {(kind, code) for kind, code in zip(kinds, codes, strict=True) if kind and code}
    _check_references(sheet, "site", known.keys() | here)
    _check_references(sheet, "client", known.keys() | here)
    _check_repeats(sheet, kinds, codes)
    lines: list[dict[str, Any]] = []
    for position in sheet.good():
        line: dict[str, Any] = {"position": position, "kind": kinds[position], "code": codes[position]}
        line |= {name: values[position] for name, values in plain.items() if sheet.has(name)}
        for column in ("site", "client"):
            if sheet.has(column):
                line[column] = sheet.texts(column)[position] or None
        lines.append(line)
    changed = [line for line in lines if _describe(result, line, known.get((line["kind"], line["code"])), known)]
    result.write = partial(_write, lines=changed)
    return result


def _check_references(sheet: Sheet, column: str, known: set[tuple[str, str]]) -> None:
    codes = {code for kind, code in known if kind == column}

    def exists(text: str) -> str:
        if text and text not in codes:
            raise BadCell(
                "there is no %(noun)s %(value)s.%(hint)s", noun=column, value=text, hint=did_you_mean(text, codes)
            )
        return text

    sheet.parse(column, exists)


def _check_repeats(sheet: Sheet, kinds: list[str | None], codes: list[str | None]) -> None:
    seen: dict[tuple[str | None, str | None], int] = {}
    for position in list(sheet.good()):
        key = (kinds[position], codes[position])
        first = seen.setdefault(key, position)
        if first != position and sheet.table.rows[first][1] != sheet.table.rows[position][1]:
            phrase = Phrase("this unit is in row %(row)s already, differently.", row=sheet.table.rows[first][0])
            sheet.wrong(position, "code", phrase)


def _describe(result: Plan, line: dict[str, Any], unit: Unit | None, known: dict[tuple[str, str], Unit]) -> bool:
    """Note what the line does; tell whether it does anything."""
    what = f"{line['kind']} {line['code']}"
    if unit is None:
        result.note("unit", "add", line["position"], what)
        return True
    by_id = {other.id: other.code for other in known.values()}
    now = {
        "name": unit.name,
        "time_zone": unit.time_zone,
        "shift_starts": unit.shift_starts,
        "description": unit.description,
        "site": by_id.get(unit.site_id or 0),
        "client": None if unit.kind == "client" else by_id.get(unit.client_id or 0),
    }
    differing = {
        name: (now[name], line[name]) for name in now if name in line and (line[name] or None) != (now[name] or None)
    }
    if unit.kind == "client":
        differing.pop("client", None)
    result.note("unit", "change" if differing else "unchanged", line["position"], what, differing)
    return bool(differing)


def _write(writing: Writing, lines: list[dict[str, Any]]) -> Touched:
    """Write clients, then sites, then the rest, so that each finds what it refers to."""
    session = writing.session
    for stage in (*HIGHER, None):
        ids = {(kind, code): one for one, kind, code in session.execute(select(Unit.id, Unit.kind, Unit.code))}
        part = {}
        for line in lines:
            if line["kind"] == stage or (stage is None and line["kind"] not in HIGHER):
                part[line["kind"], line["code"]] = line
        rows = {key: _row(line, ids) for key, line in part.items()}
        bulk.insert_many(session, Unit, [row | {"active": True} for key, row in rows.items() if key not in ids])
        bulk.update_many(session, Unit, [row | {"id": ids[key]} for key, row in rows.items() if key in ids])
        if stage == "client":
            _own_themselves(session)
    return Touched()


def _row(line: dict[str, Any], ids: dict[tuple[str, str], int]) -> dict[str, Any]:
    row = {name: value for name, value in line.items() if name not in {"position", "site", "client"}}
    if "site" in line:
        row["site_id"] = ids.get(("site", line["site"]))
    if "client" in line and line["kind"] != "client":
        row["client_id"] = ids.get(("client", line["client"]))
    return row


def _own_themselves(session: Session) -> None:
    """A client belongs to itself, so that only those who may see the client see the unit."""
    query = select(Unit.id).where(Unit.kind == "client", Unit.client_id.is_(None))
    bulk.update_many(session, Unit, [{"id": one, "client_id": one} for one in session.scalars(query)])
