"""When people are reminded of training (JOB-1, JOB-2): pure rules over days."""

from datetime import date, datetime, time, timedelta

BEFORE = (7, 1, 0)
"""Days before the due day on which a person is reminded; 0 is the due day itself."""

EVERY_WHEN_LATE = 7
"""An overdue training is mentioned on the first day late and then again every so many days."""


def reminds(due_on: date, since: date, today: date) -> bool:
    """Tell whether a reminder falls on one of the days after ``since`` up to and including ``today``.

    ``since`` is the day of the last run: days on which the system was down are caught up, once.
    """
    days = max(0, min((today - since).days, 60))
    return any(_reminds_on((due_on - (today - timedelta(days=back))).days) for back in range(days))


def _reminds_on(days_left: int) -> bool:
    if days_left >= 0:
        return days_left in BEFORE
    return (-days_left) % EVERY_WHEN_LATE == 1


def parsed_time(text: str | None, otherwise: time) -> time:
    """Return the local time that ``HH:MM`` means, or ``otherwise`` where there is none that can be read."""
    try:
        return time.fromisoformat(text) if text else otherwise
    except ValueError:
        return otherwise


def starts_within(start: time, before: datetime, now: datetime) -> bool:
    """Tell whether the local time of day ``start`` came in the half-open time ``(before, now]`` of one zone.

    Both instants carry the zone of the shift. A shift that a clock change skips starts with the first instant after.
    """
    day = before.date()
    while day <= now.date():
        instant = datetime.combine(day, start, tzinfo=now.tzinfo)
        if before < instant <= now:
            return True
        day += timedelta(days=1)
    return False
