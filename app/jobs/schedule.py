"""When a job's turn comes: slots of time, each with a name that only one scheduler can claim (JOB-4).

Pure: an instant in, a slot out. A missed slot is not lost: the latest one that has begun is still open until done.
"""

from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
from zoneinfo import ZoneInfo


@dataclass(frozen=True, slots=True)
class Slot:
    """One turn of a job: ``name`` is unique for the job, ``begins`` the instant of it in UTC."""

    name: str
    begins: datetime


@dataclass(frozen=True, slots=True)
class Every:
    """A turn every so many minutes, counted from midnight UTC."""

    minutes: int

    def slot(self, now: datetime, zone: str) -> Slot:
        """Return the turn that has begun last."""
        midnight = now.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
        passed = int((now - midnight).total_seconds() // 60) // self.minutes * self.minutes
        begins = midnight + timedelta(minutes=passed)
        return Slot(begins.strftime("%Y-%m-%dT%H:%MZ"), begins)


@dataclass(frozen=True, slots=True)
class Daily:
    """A turn every day at a local time of the installation's zone."""

    at: time

    def slot(self, now: datetime, zone: str) -> Slot:
        """Return the turn that has begun last: today's, or yesterday's before the time has come.

        A time that a clock change skips comes with the first instant after it.
        """
        place = ZoneInfo(zone)
        local = now.astimezone(place)
        begins = datetime.combine(local.date(), self.at, place)
        if begins > now:
            begins = datetime.combine(local.date() - timedelta(days=1), self.at, place)
        return Slot(begins.date().isoformat(), begins.astimezone(UTC))
