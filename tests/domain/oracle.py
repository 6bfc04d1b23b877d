"""The rule of docs/compliance.md once more, slow and naive, to compare the product with.

Written from the page alone. It takes lists of facts as plain data and shares no computation with ``app``: days are
found by walking, time of being required by looking at every instant at which anything changes.
"""

from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

END = datetime(9999, 12, 31, tzinfo=UTC)
CLASS_VERDICT = {"editorial": "none", "minor": "notice", "major": "read"}
HARDNESS = ["none", "notice", "read", "read_quiz", "ojt"]


@dataclass
class World:
    """Every fact, of every state of knowledge."""

    people: list[Any] = field(default_factory=list)
    items: list[Any] = field(default_factory=list)
    releases: list[Any] = field(default_factory=list)
    verdicts: list[Any] = field(default_factory=list)
    retirements: list[Any] = field(default_factory=list)
    requirements: list[Any] = field(default_factory=list)
    equivalences: list[Any] = field(default_factory=list)
    employments: list[Any] = field(default_factory=list)
    memberships: list[Any] = field(default_factory=list)
    leaves: list[Any] = field(default_factory=list)
    completions: list[Any] = field(default_factory=list)
    exemptions: list[Any] = field(default_factory=list)
    extensions: list[Any] = field(default_factory=list)
    revocations: list[Any] = field(default_factory=list)
    orders: list[Any] = field(default_factory=list)

    def as_known_at(self, k: datetime) -> "World":
        def keep(facts):
            return [f for f in facts if not hasattr(f, "recorded_at") or (f.recorded_at <= k and not f.voided_at <= k)]

        return World(**{name: keep(facts) for name, facts in vars(self).items()})


@dataclass
class Answer:
    status: str
    due_at: datetime | None = None
    due_on: date | None = None
    good_until: datetime | None = None


def local_day(instant, zone):
    return instant.astimezone(ZoneInfo(zone)).date()


def begin_of(day, zone):
    """The first instant of a local day, found by halving the span in which it must lie."""
    low = datetime(day.year, day.month, day.day, tzinfo=UTC) - timedelta(hours=30)
    high = low + timedelta(hours=60)
    while high - low > timedelta(microseconds=1):
        middle = low + (high - low) / 2
        if local_day(middle, zone) >= day:
            high = middle
        else:
            low = middle
    return high


def end_of(day, zone):
    return begin_of(day + timedelta(days=1), zone)


def some_months_later(day, months):
    year, month = day.year, day.month
    for _ in range(months):
        month += 1
        if month == 13:
            year, month = year + 1, 1
    number = day.day
    while True:
        try:
            return date(year, month, number)
        except ValueError:
            number -= 1


def next_yearly(day, month, number):
    while True:
        day += timedelta(days=1)
        if (day.month, day.day) == (month, number):
            return day
        if (month, number, day.month, day.day) == (2, 29, 2, 28) and (day + timedelta(days=1)).day == 1:
            return day


def days_later(instant, days, zone):
    if instant == END:
        return END
    wall = instant.astimezone(ZoneInfo(zone))
    return (wall + timedelta(days=days)).astimezone(UTC)  # aware arithmetic keeps the clock on the wall


class Oracle:
    """Answers one question at a time, from scratch."""

    def __init__(self, world: World, t: datetime, k: datetime):
        self.w = world.as_known_at(k)
        self.t = t

    # --- rule 1 -----------------------------------------------------------------------------------------------
    def employed(self, p, at):
        return any(e.person == p and e.start <= at < e.end for e in self.w.employments)

    def member(self, p, unit, at):
        return any(m.person == p and m.unit == unit and m.start <= at < m.end for m in self.w.memberships)

    def retired(self, i, at):
        return any(r.item == i and r.retired_at <= at for r in self.w.retirements)

    def rows(self, p, i, at):
        if not self.employed(p, at) or self.retired(i, at):
            return []
        return [
            row
            for row in self.w.requirements
            if row.item == i and row.start <= at < row.end and all(self.member(p, unit, at) for unit in row.units)
        ]

    def counts_for(self, i):
        others = [e.counting_item for e in self.w.equivalences if e.item == i and e.start <= self.t < e.end]
        return {i, *others}

    def orders(self, p, i, at):
        if not self.employed(p, at) or self.retired(i, at):
            return []
        found = []
        for order in self.w.orders:
            if order.person == p and order.item == i and order.placed_at <= at:
                answered = [
                    c
                    for c in self.w.completions
                    if c.person == p and c.item in self.counts_for(i) and order.placed_at < c.completed_at <= at
                ]
                if not answered:
                    found.append(order)
        return found

    def required(self, p, i, at):
        return bool(self.rows(p, i, at) or self.orders(p, i, at))

    def required_since(self, p, i):
        moments = {self.t}
        for facts in (self.w.employments, self.w.memberships, self.w.requirements):
            for fact in facts:
                moments |= {fact.start, fact.end}
        moments |= {o.placed_at for o in self.w.orders} | {c.completed_at for c in self.w.completions}
        moments |= {r.retired_at for r in self.w.retirements}
        since = self.t
        for moment in sorted((m for m in moments if m <= self.t), reverse=True):
            if not self.required(p, i, moment):
                break
            since = moment
        return since

    # --- rule 2 -----------------------------------------------------------------------------------------------
    def versions(self, i):
        return sorted((r for r in self.w.releases if r.item == i), key=lambda r: r.sequence)

    def verdicts_of(self, version):
        first = self.versions(version.item)[0].id == version.id
        default = CLASS_VERDICT[version.revision_class]
        named = {v.function: v.verdict for v in self.w.verdicts if v.version == version.id}
        if first:
            default = default if default in HARDNESS[2:] else "read"
            named = {f: v if v in HARDNESS[2:] else "read" for f, v in named.items()}
        return default, named

    def must_train(self, p, i, version):
        default, named = self.verdicts_of(version)
        strictest = max([default, *named.values()], key=HARDNESS.index)
        rows = self.rows(p, i, self.t)
        verdicts = []
        for row in rows:
            for function in row.functions:
                verdicts.append(named.get(function, default))
            if not row.functions:
                verdicts.append(strictest)
        if not rows:
            verdicts.append(strictest)
        return any(verdict in ("read", "read_quiz", "ojt") for verdict in verdicts)

    def cover(self, p, i, completion, zone):
        """(start, end, what ends it)"""
        version = next((r for r in self.w.releases if r.id == completion.version), None)
        if version is None:
            return None
        ends = self.recurrence_ends(p, i, completion, zone)
        ends += self.revision_ends(p, i, version, zone)
        for revocation in self.w.revocations:
            at = revocation.revoked_at
            if revocation.person == p and revocation.item in (i, completion.item) and at > completion.completed_at:
                ends.append((at, 2, "revocation"))
        for order in self.w.orders:
            mine = order.person == p and order.item in (i, completion.item) and order.suspends
            if mine and order.placed_at > completion.completed_at:
                ends.append((order.placed_at, 3, "order"))
        start = max(completion.completed_at, version.effective_from)
        end, _, why = min(ends, default=(END, 9, ""))
        return (start, end, why) if start < end else None

    def recurrence_ends(self, p, i, completion, zone):
        rows = self.rows(p, i, self.t)
        grace = min([row.grace_days for row in rows], default=0)
        day = local_day(completion.completed_at, zone)
        lasts = [some_months_later(day, row.months) for row in rows if row.months]
        lasts += [next_yearly(day, *row.yearly) for row in rows if row.yearly]
        return [(end_of(last + timedelta(days=grace), zone), 0, "recurrence") for last in lasts]

    def revision_ends(self, p, i, version, zone):
        grace = min([row.revision_grace_days for row in self.rows(p, i, self.t)], default=0)
        later = [one for one in self.versions(version.item) if one.sequence > version.sequence]
        return [
            (days_later(one.effective_from, grace, zone), 1, "revision") for one in later if self.must_train(p, i, one)
        ]

    def covers(self, p, i, zone):
        done = [c for c in self.w.completions if c.person == p and c.item in self.counts_for(i)]
        return [cover for c in done if (cover := self.cover(p, i, c, zone))]

    # --- rule 3 -----------------------------------------------------------------------------------------------
    def answer(self, p, i) -> Answer:
        zone = next(person.zone for person in self.w.people if person.id == p)
        covers = self.covers(p, i, zone)
        good = max((end for start, end, _ in covers if start <= self.t < end), default=None)
        answer = self.status(p, i, zone, covers, good)
        answer.good_until = good
        if answer.due_at is not None and answer.due_at < END:
            answer.due_on = local_day(answer.due_at - timedelta(microseconds=1), zone)
        return answer

    def status(self, p, i, zone, covers, good) -> Answer:
        t = self.t
        if not self.required(p, i, t):
            return Answer("not_required")
        if any(e.person == p and e.item == i and e.start <= t < e.end for e in self.w.exemptions):
            return Answer("exempt")
        if good is not None:
            return self.covered(p, i, zone, good)
        if any(leave.person == p and leave.start <= t < leave.end for leave in self.w.leaves):
            return Answer("on_leave")
        since = self.required_since(p, i)
        ended = [(end, why == "recurrence") for start, end, why in covers if end <= t and end > since]
        if ended:
            end, by_recurrence = max(ended)
            return Answer("expired" if by_recurrence else "overdue", end)
        return self.never_yet(p, i, zone, since)

    def covered(self, p, i, zone, good) -> Answer:
        rows = self.rows(p, i, self.t)
        item = next(item for item in self.w.items if item.id == i)
        grace = min([row.revision_grace_days for row in rows], default=0)
        dues = [good]
        soon = good <= days_later(self.t, item.lead_days, zone)
        done = {c.version for c in self.w.completions if c.person == p and c.completed_at <= self.t}
        for version in self.versions(i):
            in_training = version.training_from <= self.t < version.effective_from
            if in_training and version.id not in done and self.must_train(p, i, version):
                soon = True
                dues.append(days_later(version.effective_from, grace, zone))
        for order in self.orders(p, i, self.t):
            soon = True
            dues.append(end_of(order.due_on, zone))
        return Answer("due_soon", min(dues)) if soon else Answer("qualified")

    def never_yet(self, p, i, zone, since) -> Answer:
        rows = self.rows(p, i, self.t)
        versions = self.versions(i)
        granted = [e for e in self.w.extensions if e.person == p and e.item == i and end_of(e.due_on, zone) > since]
        dues = [end_of(order.due_on, zone) for order in self.orders(p, i, self.t)]
        if granted:
            dues = [end_of(max(granted, key=lambda e: (e.recorded_at, e.due_on)).due_on, zone)]
        elif rows and versions and versions[0].effective_from < END:
            start = max(since, versions[0].effective_from)
            days = min(row.days_to_complete for row in rows) + self.leave_days(p, start, zone)
            dues.append(end_of(local_day(start, zone) + timedelta(days=days), zone))
        due = min(dues, default=None)
        in_force = any(version.effective_from <= self.t for version in versions)
        return Answer("overdue" if in_force and due is not None and due <= self.t else "assigned", due)

    def leave_days(self, p, start, zone):
        """Local midnights that lie within leave, since the start."""
        day = local_day(start, zone)
        count = 0
        while day < local_day(self.t, zone):
            day += timedelta(days=1)
            midnight = begin_of(day, zone)
            # the midnight that ends a leave ends its last day as well
            if any(
                leave.person == p and max(leave.start, start) < midnight <= min(leave.end, self.t)
                for leave in self.w.leaves
            ):
                count += 1
        return count
