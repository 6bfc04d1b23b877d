"""Rules of units that are about one unit: the zone of a site, the start of a shift, the client of a client."""

import re
from collections.abc import Mapping
from typing import Any
from zoneinfo import available_timezones

from sqlalchemy.orm import Session

from app.domain.errors import RuleBroken
from app.models.organization import UNIT_KINDS, Unit

CLOCK = re.compile(r"^([01]\d|2[0-3]):[0-5]\d$")


def check_unit(values: Mapping[str, Any]) -> None:
    """Refuse an unknown kind, time zone or clock time. Raises RuleBroken naming the field."""
    kind = values.get("kind")
    if kind not in UNIT_KINDS:
        raise RuleBroken("There are no units of the kind %(kind)s.", kind=kind, field="kind")
    zone = values.get("time_zone")
    if zone and zone not in available_timezones():
        raise RuleBroken(
            "There is no time zone “%(zone)s”. Use a name such as Europe/Berlin or America/New_York.",
            zone=zone,
            field="time_zone",
        )
    starts = values.get("shift_starts")
    if starts and not CLOCK.match(starts):
        raise RuleBroken("Enter the start of the shift as hours and minutes, such as 06:00.", field="shift_starts")


def add_unit(session: Session, values: Mapping[str, Any]) -> Unit:
    """Add a unit. A client belongs to itself, so that only people with this client in scope see it."""
    check_unit(values)
    unit = Unit(**values)
    session.add(unit)
    session.flush()
    if unit.kind == "client":
        unit.client_id = unit.id
        session.flush()
    return unit
