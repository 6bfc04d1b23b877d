"""What is required of whom, and on what terms: the part of the rule that many people share.

A ``Rulebook`` holds the facts about items as they were known, for one instant asked about. ``Terms`` are what the
matrix rows that apply to a person demand together for one item: where they differ, the strictest counts. People who
hold the same units share one set of terms, so a whole company is some hundred of these.
"""

from collections import defaultdict
from collections.abc import Iterable
from datetime import date, datetime
from typing import NamedTuple

from app.domain.dates import BEGINNING, FOREVER, Calendar, add_months, next_yearly, plus
from app.domain.facts import Equivalence, Item, Release, Requirement, Retirement, Verdict

TRAINED = frozenset({"read", "read_quiz", "ojt"})
"""Verdicts that end the worth of earlier training; ``none`` and ``notice`` leave it good."""

DEFAULT_VERDICT = {"editorial": "none", "minor": "notice", "major": "read"}

_STRICTNESS = {"none": 0, "notice": 1, "read": 2, "read_quiz": 3, "ojt": 4}
_PROOF_STRENGTH = {"read": 0, "quiz": 1, "class": 2, "ojt": 3, "certificate": 4}
_FORTY_YEARS = 14_610  # days
_VERDICT_PROOF = {"read_quiz": "quiz", "ojt": "ojt"}


class Version:
    """One released version of an item with what it demands of each job function."""

    __slots__ = ("default", "effective_from", "id", "item", "label", "sequence", "training_from", "verdicts")

    def __init__(self, release: Release, verdicts: dict[int, str], first: bool) -> None:
        self.id = release.id
        self.item = release.item
        self.sequence = release.sequence
        self.label = release.label
        self.training_from = release.training_from
        self.effective_from = release.effective_from
        self.default = DEFAULT_VERDICT[release.revision_class]
        self.verdicts = verdicts
        if first:  # nobody can have been trained before, so the first version is always trained
            self.default = _at_least_read(self.default)
            self.verdicts = {function: _at_least_read(verdict) for function, verdict in verdicts.items()}

    def __repr__(self) -> str:
        return f"Version {self.label}"

    def verdict(self, functions: Iterable[int], anyone: bool) -> str:
        """Return the strictest verdict over the job ``functions``; ``anyone`` adds everything the version demands."""
        if not self.verdicts:
            return self.default
        found = [self.verdicts.get(function, self.default) for function in functions]
        if anyone:
            found += [self.default, *self.verdicts.values()]
        return max(found, key=_STRICTNESS.__getitem__)


def _at_least_read(verdict: str) -> str:
    return verdict if verdict in TRAINED else "read"


class Limit(NamedTuple):
    """From when training on a version counts, and which later version ends it when (``FOREVER``: none so far)."""

    effective_from: datetime
    end: datetime
    ender: Version | None


class Terms:
    """What the ``rows`` together demand for one item, in one zone; without rows, what the item demands of anyone."""

    __slots__ = (
        "_anyone",
        "_at",
        "_expiries",
        "_fresh",
        "_fresh_key",
        "_functions",
        "_proofs",
        "calendar",
        "counting",
        "days",
        "first",
        "grace",
        "horizon",
        "in_force",
        "item",
        "limits",
        "months",
        "pending",
        "recurs",
        "revision_grace",
        "rows",
        "yearly",
    )

    def __init__(self, book: "Rulebook", item: int, rows: tuple[Requirement, ...], calendar: Calendar) -> None:
        self.item = book.items[item]
        self.rows = rows
        self.calendar = calendar
        self.months = min((row.months for row in rows if row.months), default=None)
        self.yearly = tuple(sorted({row.yearly for row in rows if row.yearly}))
        self.recurs = self.months is not None or bool(self.yearly)
        self.days = min((row.days_to_complete for row in rows), default=0)
        self.grace = min((row.grace_days for row in rows), default=0)
        self.revision_grace = min((row.revision_grace_days for row in rows), default=0)
        self._functions = frozenset(function for row in rows for function in row.functions)
        self._anyone = not rows or any(not row.functions for row in rows)
        self._at = book.at
        self._proofs: dict[int | None, str] = {}
        self.horizon = book.horizon(calendar, self.item.lead_days)
        recurrence = (self.months, self.yearly, self.grace, calendar.zone)
        self._expiries = book.expiries.setdefault(recurrence, {})
        self._fresh = book.fresh
        self._fresh_key = (*recurrence, self.item.lead_days)
        self._take_versions(book)

    def _take_versions(self, book: "Rulebook") -> None:
        versions = book.versions.get(item := self.item.id, ())
        in_force = [version for version in versions if version.effective_from <= book.at]
        self.in_force = in_force[-1] if in_force else None
        self.first = versions[0] if versions else None
        self.pending = tuple(
            version
            for version in versions
            if version.training_from <= book.at < version.effective_from and self.trains(version)
        )
        self.counting = book.counting.get(item, ())
        self.limits: dict[int, Limit] = {}
        for each in (item, *self.counting):
            self._add_limits(book.versions.get(each, ()))

    def _add_limits(self, versions: tuple[Version, ...]) -> None:
        """Note for each version when the first later one that must be trained takes effect, grace included."""
        ender: Version | None = None
        for version in reversed(versions):
            end = self.grace_end(ender) if ender else FOREVER
            self.limits[version.id] = Limit(version.effective_from, end, ender)
            if self.trains(version) and (ender is None or version.effective_from <= ender.effective_from):
                ender = version

    def proof(self, version: Version | None) -> str:
        """Return the strongest proof that the rows, or the verdict of the version, ask for."""
        known = self._proofs.get(version.id if version else None)
        if known is None:
            proofs = [row.proof for row in self.rows] or ["read"]
            if version:
                proofs.append(_VERDICT_PROOF.get(version.verdict(self._functions, self._anyone), "read"))
            known = max(proofs, key=lambda proof: _PROOF_STRENGTH.get(proof, 0))
            self._proofs[version.id if version else None] = known
        return known

    def trains(self, version: Version) -> bool:
        """Tell whether ``version`` must be trained by a person who is required on these terms."""
        return version.verdict(self._functions, self._anyone) in TRAINED

    def grace_end(self, version: Version) -> datetime:
        """Return until when training on the versions before ``version`` stays good."""
        return self.calendar.shifted(version.effective_from, self.revision_grace)

    def expiry(self, completed_at: datetime) -> datetime:
        """Return when recurrence ends training of ``completed_at``: through the anniversary day, then the grace."""
        return self._day_expiry(self.calendar.day(completed_at))

    def _day_expiry(self, day: date) -> datetime:
        known = self._expiries.get(day)
        if known is None:
            known = self._expiries[day] = self.calendar.through(plus(self.anniversary(day), self.grace))
        return known

    def safe_since(self) -> dict[int, datetime]:
        """Return the versions whose training surely leaves a person qualified, and from which completion on.

        That is: training on the version, completed at or after the instant given and by now, covers now and ends after
        the lead time. It holds for people without an exemption, revocation or order for the item. Surveys of the whole
        company use it to leave out what needs no closer look; whoever is not found this way is decided in full.
        """
        if self.pending:
            return {}
        since = self._fresh_since() if self.recurs else BEGINNING
        return {
            version: since
            for version, limit in self.limits.items()
            if limit.effective_from <= self._at and limit.end > self.horizon
        }

    def _fresh_since(self) -> datetime:
        """Return the first instant, within forty years, whose training does not expire within the lead time."""
        known = self._fresh.get(self._fresh_key)
        if known is None:
            known = self._fresh[self._fresh_key] = self._search_fresh()
        return known

    def _search_fresh(self) -> datetime:
        today = self.calendar.day(self._at)
        if self._day_expiry(today) <= self.horizon:
            return FOREVER
        late = today.toordinal()
        early = late - _FORTY_YEARS
        while early < late:
            middle = (early + late) // 2
            if self._day_expiry(date.fromordinal(middle)) > self.horizon:
                late = middle
            else:
                early = middle + 1
        return self.calendar.midnight(date.fromordinal(late))

    def anniversary(self, day: date) -> date:
        """Return the last day for which training of ``day`` is good before any grace; the terms must recur."""
        ends = [next_yearly(day, month_day) for month_day in self.yearly]
        if self.months is not None:
            ends.append(add_months(day, self.months))
        return min(ends)


class Rulebook:
    """The facts about items as they were known, and the instant ``at`` that is asked about.

    Give it facts of one state of knowledge (see ``facts.known``). It answers for any number of people.
    """

    def __init__(
        self,
        at: datetime,
        *,
        items: Iterable[Item],
        releases: Iterable[Release],
        requirements: Iterable[Requirement],
        verdicts: Iterable[Verdict] = (),
        retirements: Iterable[Retirement] = (),
        equivalences: Iterable[Equivalence] = (),
    ) -> None:
        self.at = at
        self.items = {item.id: item for item in items}
        self.versions = _versions(releases, verdicts)
        self._labels = {one.id: one.label for versions in self.versions.values() for one in versions}
        self.retired: dict[int, datetime] = {}
        for retirement in retirements:
            earliest = self.retired.get(retirement.item, FOREVER)
            self.retired[retirement.item] = min(earliest, retirement.retired_at)
        counting: dict[int, set[int]] = defaultdict(set)
        for one in equivalences:
            if one.start <= at < one.end and one.counting_item != one.item:
                counting[one.item].add(one.counting_item)
        self.counting = {item: tuple(sorted(others)) for item, others in counting.items()}
        self.rows: dict[int, list[Requirement]] = defaultdict(list)
        self._active_by_unit: dict[int | None, list[Requirement]] = defaultdict(list)
        for row in sorted(requirements, key=_row_id):
            self._add_row(row)
        self.expiries: dict[tuple[object, ...], dict[date, datetime]] = {}
        self.fresh: dict[tuple[object, ...], datetime] = {}
        self._horizons: dict[tuple[str, int], datetime] = {}
        self._terms: dict[tuple[int, tuple[int, ...], str], Terms] = {}
        self._profiles: dict[tuple[frozenset[int], str], dict[int, Terms]] = {}

    def _add_row(self, row: Requirement) -> None:
        end = min(row.end, self.retired.get(row.item, FOREVER))
        row = row._replace(end=end)
        self.rows[row.item].append(row)
        if row.start <= self.at < end:
            self._active_by_unit[row.units[0] if row.units else None].append(row)

    def horizon(self, calendar: Calendar, lead_days: int) -> datetime:
        """Return the end of the time within which training is due soon."""
        known = self._horizons.get((calendar.zone, lead_days))
        if known is None:
            known = self._horizons[calendar.zone, lead_days] = calendar.shifted(self.at, lead_days)
        return known

    def label(self, version: int) -> str:
        """Return the label of a version; one that was not released as far as is known has none and shows its id."""
        return self._labels.get(version, f"#{version}")

    def terms(self, item: int, rows: tuple[Requirement, ...], calendar: Calendar) -> Terms:
        """Return the terms on which ``rows`` together require ``item``; no rows: the terms for anyone."""
        key = (item, tuple(row.id for row in rows), calendar.zone)
        known = self._terms.get(key)
        if known is None:
            known = self._terms[key] = Terms(self, item, rows, calendar)
        return known

    def profile(self, units: frozenset[int], calendar: Calendar) -> dict[int, Terms]:
        """Return the terms of every item that the matrix requires of somebody who holds ``units`` at the instant."""
        key = (units, calendar.zone)
        known = self._profiles.get(key)
        if known is None:
            known = self._profiles[key] = self._match(units, calendar)
        return known

    def _match(self, units: frozenset[int], calendar: Calendar) -> dict[int, Terms]:
        rows: dict[int, list[Requirement]] = defaultdict(list)
        for unit in (None, *sorted(units)):
            for row in self._active_by_unit.get(unit, ()):
                if units.issuperset(row.units):
                    rows[row.item].append(row)
        return {item: self.terms(item, tuple(sorted(found, key=_row_id)), calendar) for item, found in rows.items()}


def _row_id(row: Requirement) -> int:
    return row.id


def _versions(releases: Iterable[Release], verdicts: Iterable[Verdict]) -> dict[int, tuple[Version, ...]]:
    by_version: dict[int, dict[int, str]] = defaultdict(dict)
    for verdict in verdicts:
        by_version[verdict.version][verdict.function] = verdict.verdict
    by_item: dict[int, list[Release]] = defaultdict(list)
    for release in releases:
        by_item[release.item].append(release)
    return {
        item: tuple(
            Version(release, by_version.get(release.id, {}), first=index == 0)
            for index, release in enumerate(sorted(found, key=lambda release: release.sequence))
        )
        for item, found in by_item.items()
    }
