"""Reads the demo company: files with the columns of the imports and dates relative to the day of loading.

``D-730`` is a day, ``D-5T14:05`` a local time on a day, ``D+0`` the day of loading. They become ISO days and instants
before an import sees them, so the demo is always of today. What each file holds: ``seed_data/demo/README.md``.
"""

import csv
import re
from collections.abc import Iterable
from datetime import UTC, date, datetime, time, timedelta
from functools import cached_property
from pathlib import Path
from zoneinfo import ZoneInfo

from app.domain.errors import BadInput

_RELATIVE = re.compile(r"D([+-]\d{1,5})(?:T([01]\d|2[0-3]):([0-5]\d))?")

Row = dict[str, str]


def day_of(text: str, today: date) -> date | None:
    """Return the day that ``text`` names, or None for an empty cell. Raises BadInput for anything else."""
    if not text:
        return None
    return today + timedelta(days=int(_matched(text)[1]))


def instant_of(text: str, today: date, zone: str, at: time = time()) -> datetime:
    """Return the instant in UTC that ``text`` names in ``zone``; ``at`` is the local time when it names only a day.

    Raises BadInput for text of another form.
    """
    found = _matched(text)
    local = time(int(found[2]), int(found[3])) if found[2] else at
    day = today + timedelta(days=int(found[1]))
    return datetime.combine(day, local, ZoneInfo(zone)).astimezone(UTC)


def _matched(text: str) -> re.Match[str]:
    found = _RELATIVE.fullmatch(text)
    if found is None:
        raise BadInput("“%(text)s” is not a relative date like D-730 or D-5T14:05.", text=text)
    return found


class DemoFiles:
    """The files of one demo company in ``folder``, seen from the day ``today`` (of the first site's zone)."""

    def __init__(self, folder: Path, today: date) -> None:
        self.folder = folder
        self.today = today
        self._rows: dict[str, list[Row]] = {}

    def rows(self, name: str) -> list[Row]:
        """Return the lines of ``name`` (without ``.csv``) as the file has them."""
        if name not in self._rows:
            path = self.folder / f"{name}.csv"
            if not path.is_file():
                raise BadInput("The demo company needs the file %(file)s.", file=str(path))
            with path.open(encoding="utf-8", newline="") as lines:
                self._rows[name] = list(csv.DictReader(lines, strict=True))
        return self._rows[name]

    @cached_property
    def zones(self) -> dict[str, str]:
        """Site code → IANA time zone; the first site is the main one."""
        return {row["code"]: row["time_zone"] for row in self.rows("units") if row["kind"] == "site"}

    @property
    def zone(self) -> str:
        """The time zone of the main site, for what belongs to no person."""
        return next(iter(self.zones.values()))

    @cached_property
    def zone_of(self) -> dict[str, str]:
        """Employee number → time zone of the home site."""
        return {row["employee_no"]: self.zones[row["site"]] for row in self.rows("people")}

    def instant(self, text: str, employee_no: str | None = None, at: time = time()) -> datetime:
        """Return the instant of ``text`` in the zone of a person, or of the main site."""
        zone = self.zone_of[employee_no] if employee_no else self.zone
        return instant_of(text, self.today, zone, at)

    def absolute(self, row: Row, columns: Iterable[str]) -> Row:
        """Return ``row`` with the relative dates of ``columns`` as ISO days, or instants where a time is given."""
        changed = dict(row)
        for column in columns:
            text = row[column]
            if "T" in text:
                changed[column] = self.instant(text, row.get("employee_no")).isoformat()
            elif text:
                changed[column] = str(day_of(text, self.today))
        return changed
