"""Days, months and intervals, as the rules of qualification mean them.

Instants are in UTC. A *day* is a day in the time zone of a person's site, and "through day D" means until the local
midnight that ends D, so a day may last 23 or 25 hours. Intervals are half-open, ``[start, end)``; an open end is
``FOREVER``.
"""

from bisect import bisect_right
from calendar import monthrange
from collections.abc import Iterable
from datetime import UTC, date, datetime, timedelta
from functools import cache
from zoneinfo import ZoneInfo

FOREVER = datetime(9999, 12, 31, tzinfo=UTC)
"""The open end of an interval. Nothing lies after it: arithmetic that would pass it stops at it."""

BEGINNING = datetime(1, 1, 2, tzinfo=UTC)
"""Before every fact."""

_LAST_DAY = date(9999, 12, 30)
_ONE_DAY = timedelta(days=1)
_INSTANT = timedelta(microseconds=1)

Span = tuple[datetime, datetime]


def add_months(day: date, months: int) -> date:
    """Return the same day ``months`` calendar months later, or the last day of that month where there is no such day.

    31 January + 1 month is 28 or 29 February. Stops at the last representable day.
    """
    year, month = divmod(day.year * 12 + day.month - 1 + months, 12)
    if year > _LAST_DAY.year:
        return _LAST_DAY
    return date(year, month + 1, min(day.day, monthrange(year, month + 1)[1]))


def next_yearly(day: date, month_day: tuple[int, int]) -> date:
    """Return the first occurrence of the calendar day ``(month, day)`` strictly after ``day``.

    29 February falls on 28 February in common years.
    """
    month, number = month_day
    for year in range(day.year, min(day.year + 2, _LAST_DAY.year) + 1):
        candidate = date(year, month, min(number, monthrange(year, month)[1]))
        if candidate > day:
            return candidate
    return _LAST_DAY


def plus(day: date, days: int) -> date:
    """Return the day ``days`` later, stopping at the last representable day."""
    return _LAST_DAY if (_LAST_DAY - day).days <= days else day + timedelta(days=days)


def merged(spans: Iterable[Span]) -> list[Span]:
    """Return the union of ``spans`` as sorted, separate intervals; touching intervals become one."""
    result: list[Span] = []
    for start, end in sorted(span for span in spans if span[0] < span[1]):
        if result and start <= result[-1][1]:
            if end > result[-1][1]:
                result[-1] = (result[-1][0], end)
        else:
            result.append((start, end))
    return result


def common(left: list[Span], right: list[Span]) -> list[Span]:
    """Return where both unions of intervals hold. Both are sorted and separate, as ``merged`` returns them."""
    result: list[Span] = []
    i = j = 0
    while i < len(left) and j < len(right):
        start, end = max(left[i][0], right[j][0]), min(left[i][1], right[j][1])
        if start < end:
            result.append((start, end))
        if left[i][1] <= right[j][1]:
            i += 1
        else:
            j += 1
    return result


def span_at(spans: list[Span], at: datetime) -> Span | None:
    """Return the interval of the sorted union ``spans`` that holds at the instant ``at``, or None."""
    index = bisect_right(spans, (at, FOREVER)) - 1
    return spans[index] if index >= 0 and spans[index][0] <= at < spans[index][1] else None


class Calendar:
    """Day arithmetic in one time zone, remembered, because millions of dates fall on a few thousand days."""

    def __init__(self, zone: str) -> None:
        self.zone = zone
        self._info = ZoneInfo(zone)
        self._midnights: dict[date, datetime] = {}
        self._days: dict[date, tuple[tuple[datetime, ...], tuple[date, ...]]] = {}

    def __repr__(self) -> str:
        return f"Calendar({self.zone!r})"

    def midnight(self, day: date) -> datetime:
        """Return the instant at which ``day`` begins.

        Where the clock jumps over midnight the day begins with the jump; where midnight comes twice, with the first.
        """
        known = self._midnights.get(day)
        if known is None:
            if day > _LAST_DAY:
                return FOREVER
            known = datetime(day.year, day.month, day.day, tzinfo=self._info).astimezone(UTC)
            self._midnights[day] = known
        return known

    def through(self, day: date) -> datetime:
        """Return the end of "through ``day``": the local midnight that ends it."""
        return FOREVER if day >= _LAST_DAY else self.midnight(day + _ONE_DAY)

    def day(self, instant: datetime) -> date:
        """Return the local day on which ``instant`` falls."""
        utc_day = instant.date()
        known = self._days.get(utc_day)
        if known is None:
            known = self._days[utc_day] = self._split(utc_day)
        bounds, days = known
        index = 0
        for bound in bounds:
            if instant < bound:
                break
            index += 1
        return days[index]

    def _split(self, utc_day: date) -> tuple[tuple[datetime, ...], tuple[date, ...]]:
        """Return the local midnights within one UTC day and the local days before, between and after them."""
        start = datetime(utc_day.year, utc_day.month, utc_day.day, tzinfo=UTC)
        first = start.astimezone(self._info).date()
        if utc_day > _LAST_DAY:
            return (), (first,)
        last = (start + _ONE_DAY - _INSTANT).astimezone(self._info).date()
        days = [first]
        while days[-1] < last:
            days.append(days[-1] + _ONE_DAY)
        return tuple(self.midnight(day) for day in days[1:]), tuple(days)

    def shifted(self, instant: datetime, days: int) -> datetime:
        """Return the same local clock time ``days`` days later: what "+ N days" means for an instant."""
        if days == 0 or instant >= FOREVER:
            return instant
        local = instant.astimezone(self._info)
        day = plus(local.date(), days)
        if day >= _LAST_DAY:
            return FOREVER
        return datetime.combine(day, local.timetz()).astimezone(UTC)

    def last_day(self, end: datetime) -> date | None:
        """Return the last day in time for something that must happen before ``end``; None when it never ends."""
        return None if end >= FOREVER else self.day(end - _INSTANT)


@cache
def calendar_of(zone: str) -> Calendar:
    """Return the calendar of an IANA zone, one object per zone.

    Raises zoneinfo.ZoneInfoNotFoundError for an unknown name.
    """
    return Calendar(zone)
