"""One person's facts, laid out so that the rule finds what it needs at once."""

from collections.abc import Iterable
from datetime import datetime
from typing import NamedTuple

from app.domain.dates import FOREVER, Calendar, Span, common, merged, span_at
from app.domain.facts import (
    Completion,
    Employment,
    Exemption,
    Extension,
    Leave,
    Membership,
    Order,
    Revocation,
)


class Stop(NamedTuple):
    """Something that ends the worth of all earlier training on an item: a revocation, or an order that suspends."""

    at: datetime
    cause: str
    order: int | None = None


class History:
    """The facts about one person, of one state of knowledge. ``calendar`` is that of the person's site."""

    __slots__ = (
        "_employed",
        "_held",
        "_moment",
        "calendar",
        "completions",
        "employments",
        "exemptions",
        "extensions",
        "leaves",
        "memberships",
        "orders",
        "person",
        "stops",
    )

    def __init__(self, person: int, calendar: Calendar) -> None:
        self.person = person
        self.calendar = calendar
        self.employments: list[Span] = []
        self.memberships: list[tuple[int, datetime, datetime]] = []
        self.completions: dict[int, list[Completion]] = {}
        self.exemptions: dict[int, list[Exemption]] = {}
        self.extensions: dict[int, list[Extension]] = {}
        self.leaves: list[Span] = []
        self.orders: dict[int, list[Order]] = {}
        self.stops: dict[int, list[Stop]] = {}
        self._employed: list[Span] | None = None
        self._held: dict[int, list[Span]] | None = None
        self._moment: tuple[datetime, bool, frozenset[int]] | None = None

    def add(
        self,
        *,
        employments: Iterable[Employment] = (),
        memberships: Iterable[Membership] = (),
        completions: Iterable[Completion] = (),
        exemptions: Iterable[Exemption] = (),
        extensions: Iterable[Extension] = (),
        leaves: Iterable[Leave] = (),
        revocations: Iterable[Revocation] = (),
        orders: Iterable[Order] = (),
    ) -> "History":
        """Take in facts about this person and return the history."""
        self.employments += [(one.start, one.end) for one in employments]
        self.memberships += [(one.unit, one.start, one.end) for one in memberships]
        self.leaves += [(one.start, one.end) for one in leaves]
        for completion in completions:
            self.completions.setdefault(completion.item, []).append(completion)
        for exemption in exemptions:
            self.exemptions.setdefault(exemption.item, []).append(exemption)
        for extension in extensions:
            self.extensions.setdefault(extension.item, []).append(extension)
        for revocation in revocations:
            self.stops.setdefault(revocation.item, []).append(Stop(revocation.revoked_at, "revocation"))
        for order in orders:
            self.orders.setdefault(order.item, []).append(order)
            if order.suspends:
                self.stops.setdefault(order.item, []).append(Stop(order.placed_at, "order", order.id))
        self._employed = self._held = self._moment = None
        return self

    def employed(self) -> list[Span]:
        """Return the union of the person's employments."""
        if self._employed is None:
            self._employed = merged(self.employments)
        return self._employed

    def employed_at(self, at: datetime) -> bool:
        """Tell whether the person is employed at the instant ``at``."""
        return self._at(at)[1]

    def units_at(self, at: datetime) -> frozenset[int]:
        """Return the units that the person belongs to at the instant ``at``."""
        return self._at(at)[2]

    def _at(self, at: datetime) -> tuple[datetime, bool, frozenset[int]]:
        """Remember the answers for one instant: all questions of one evaluation are about the same."""
        moment = self._moment
        if moment is None or moment[0] != at:
            units = [unit for unit, start, end in self.memberships if start <= at < end]
            employed = any(start <= at < end for start, end in self.employments)
            moment = self._moment = (at, employed, frozenset(units))
        return moment

    def held(self, unit: int) -> list[Span]:
        """Return when the person belonged to ``unit``."""
        if self._held is None:
            spans: dict[int, list[Span]] = {}
            for one, start, end in self.memberships:
                spans.setdefault(one, []).append((start, end))
            self._held = {one: merged(found) for one, found in spans.items()}
        return self._held.get(unit, [])

    def on_leave(self, at: datetime) -> bool:
        """Tell whether the person is on leave at the instant ``at``."""
        return any(start <= at < end for start, end in self.leaves)

    def days_of_leave(self, start: datetime, end: datetime) -> int:
        """Return how many local days of leave lie between two instants; overlapping leaves count once."""
        day = self.calendar.day
        return sum((day(until) - day(since)).days for since, until in common(merged(self.leaves), [(start, end)]))

    def exemption(self, item: int, at: datetime) -> Exemption | None:
        """Return an exemption from ``item`` that holds at the instant ``at``, or None."""
        return next((one for one in self.exemptions.get(item, ()) if one.start <= at < one.end), None)

    def trained(self, items: Iterable[int]) -> list[Completion]:
        """Return the completions of any of ``items``."""
        return [completion for item in items for completion in self.completions.get(item, ())]

    def order_span(self, order: Order, items: Iterable[int]) -> Span:
        """Return while what ``order`` asks for is open: until training on one of ``items`` after it was placed."""
        after = [one.completed_at for one in self.trained(items) if one.completed_at > order.placed_at]
        return (order.placed_at, min(after, default=FOREVER))

    def open_orders(self, item: int, counting: tuple[int, ...], at: datetime) -> list[Order]:
        """Return the orders for ``item`` that are open at ``at``, the oldest first.

        Training on one of the ``counting`` items answers them too.
        """
        orders = self.orders.get(item)
        if not orders:
            return []
        items = (item, *counting)
        found = [order for order in orders if span_at([self.order_span(order, items)], at)]
        return sorted(found, key=lambda order: (order.placed_at, order.id))
