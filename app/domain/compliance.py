"""The one rule of the product: is this person qualified on this item at this instant, and until when?

``docs/compliance.md`` states the rule in prose. Lists, gates, mails, reports, the API and what-if previews all ask
here. Everything is a pure function of facts (``facts``, ``history``), shared terms (``terms``) and an instant.
"""

from collections.abc import Iterable, Iterator
from datetime import date, datetime
from typing import NamedTuple

from app.domain.dates import BEGINNING, FOREVER, Span, common, merged, plus, span_at
from app.domain.facts import Completion, Exemption, Extension, Order
from app.domain.history import History, Stop
from app.domain.terms import Rulebook, Terms, Version

QUALIFIED = "qualified"
DUE_SOON = "due_soon"
ASSIGNED = "assigned"
OVERDUE = "overdue"
EXPIRED = "expired"
EXEMPT = "exempt"
ON_LEAVE = "on_leave"
NOT_REQUIRED = "not_required"

STATUSES = (QUALIFIED, DUE_SOON, ASSIGNED, OVERDUE, EXPIRED, EXEMPT, ON_LEAVE, NOT_REQUIRED)

RECURRENCE = "recurrence"
REVISION = "revision"
ORDER = "order"


class Cover(NamedTuple):
    """One completion and the interval ``[start, end)`` over which it counts."""

    completion: Completion
    start: datetime
    end: datetime


class ToTrain(NamedTuple):
    """What is to be trained next, before when, and the trigger that the facts name for it (None: first training).

    ``version`` is None when the item has none yet, ``due_at`` when no day is set.
    """

    version: Version | None
    due_at: datetime | None
    cause: str | None


class Decision:
    """What the rule says about one person and one item at one instant.

    ``due_at`` is the first instant that is too late (None: no day is set) and ``due_on`` the last day in time.
    ``cover`` is the training that counts now and ends last; ``lapsed`` the one that counted last, when none counts
    now. ``good_until`` is the end of ``cover``. ``orders`` are the open orders, ``terms.rows`` the matrix rows: both
    are reasons. ``pending`` are the versions in their training period that are yet to be trained.
    """

    __slots__ = ("book", "cover", "due_at", "exemption", "history", "lapsed", "orders", "pending", "status", "terms")

    def __init__(self, book: Rulebook, history: History, terms: Terms) -> None:
        self.book = book
        self.history = history
        self.terms = terms
        self.status = NOT_REQUIRED
        self.cover: Cover | None = None
        self.lapsed: Cover | None = None
        self.due_at: datetime | None = None
        self.orders: list[Order] = []
        self.pending: list[Version] = []
        self.exemption: Exemption | None = None

    def __repr__(self) -> str:
        return f"Decision(person={self.person}, item={self.item!r}, {self.status}, due_on={self.due_on})"

    @property
    def person(self) -> int:
        return self.history.person

    @property
    def item(self) -> int:
        return self.terms.item.id

    @property
    def at(self) -> datetime:
        return self.book.at

    @property
    def required(self) -> bool:
        return self.status != NOT_REQUIRED

    @property
    def permits(self) -> bool:
        """Whether this item stands in nobody's way: qualified, due soon, exempt, or not required but covered."""
        if self.status == NOT_REQUIRED:
            return self.cover is not None
        return self.status in (QUALIFIED, DUE_SOON, EXEMPT)

    @property
    def good_until(self) -> datetime | None:
        return self.cover.end if self.cover else None

    @property
    def due_on(self) -> date | None:
        """The last day in time, in the person's zone."""
        return self.terms.calendar.last_day(self.due_at) if self.due_at else None

    @property
    def good_through(self) -> date | None:
        """The last day on which the training still counts, in the person's zone; None when it does not end."""
        return self.terms.calendar.last_day(self.cover.end) if self.cover else None

    @property
    def required_version(self) -> Version | None:
        """The version in force, or before any is, the first to come."""
        return self.terms.in_force or self.terms.first

    @property
    def extension(self) -> Extension | None:
        """The extension that sets the day of the first training, if one was granted for this obligation."""
        since = self.required_since
        return _granted(self, since) if since else None

    @property
    def to_train(self) -> ToTrain | None:
        """What waits to be trained; None when nothing does."""
        if self.status in (NOT_REQUIRED, EXEMPT):
            return None
        return _next_training(self, self.cover) if self.cover else _missing_training(self)

    @property
    def completion(self) -> Completion | None:
        """The training that counts now; where none does, the last one there is."""
        if self.cover:
            return self.cover.completion
        done = [one for one in _trained(self.history, self.terms) if one.completed_at <= self.at]
        return max(done, key=_when_completed, default=None)

    @property
    def completed_on(self) -> date | None:
        return self.terms.calendar.day(self.completion.completed_at) if self.completion else None

    @property
    def completed_version(self) -> str | None:
        """Label of the version of ``completion``."""
        return self.book.label(self.completion.version) if self.completion else None

    @property
    def required_since(self) -> datetime | None:
        """Start of the unbroken time during which the item has been required, for whatever reason."""
        return required_since(self.book, self.history, self.terms) if self.required else None

    @property
    def cause(self) -> str | None:
        """What ends, or has ended, the training that counts or counted last; None when nothing does."""
        cover = self.cover or self.lapsed
        return cause_of_end(self.history, self.terms, cover) if cover else None


def decide_all(book: Rulebook, history: History, *, items: Iterable[int] | None = None) -> Iterator[Decision]:
    """Decide every item the person is required to be trained on; with ``items``, exactly those, required or not."""
    at = book.at
    profile = book.profile(history.units_at(at), history.calendar) if history.employed_at(at) else {}
    if items is None:
        for terms in profile.values():
            yield decide(book, history, terms)
        items = [item for item in history.orders if item not in profile and item in book.items]
        for item in items:
            decision = decide(book, history, book.terms(item, (), history.calendar))
            if decision.required:
                yield decision
        return
    for item in items:
        yield decide(book, history, profile.get(item) or book.terms(item, (), history.calendar))


def trained_only(book: Rulebook, history: History) -> Iterator[Decision]:
    """Decide the items that the person was trained on and is not required to be."""
    done = [
        item
        for item, found in history.completions.items()
        if item in book.items and any(one.completed_at <= book.at for one in found)
    ]
    return (decision for decision in decide_all(book, history, items=done) if not decision.required)


def decide(book: Rulebook, history: History, terms: Terms) -> Decision:
    """Decide one item for one person.

    ``terms`` are those of the person's profile, or terms without rows where no matrix row applies. The steps are those
    of the page: required at all, exempt, covered, on leave, lapsed, never covered.
    """
    at = book.at
    item = terms.item.id
    decision = Decision(book, history, terms)
    best, last = _covers(history, terms, at)
    decision.cover = best
    if item in history.orders:
        decision.orders = _orders_in_use(book, history, terms)
    if not (terms.rows or decision.orders) or not history.employed_at(at):
        decision.orders = []
        return decision
    if history.exemptions and (exemption := history.exemption(item, at)):
        decision.status, decision.exemption = EXEMPT, exemption
        return decision
    if terms.pending:
        decision.pending = _untrained(history, terms, at)
    if best is not None:
        _decide_covered(decision, best)
    else:
        _decide_uncovered(decision, last)
    return decision


def _covers(history: History, terms: Terms, at: datetime) -> tuple[Cover | None, Cover | None]:
    """Return the covering training that ends last, and otherwise the lapsed training that ended last."""
    best: Cover | None = None
    last: Cover | None = None
    for completion in _trained(history, terms):
        limit = terms.limits.get(completion.version)
        if limit is None:
            continue
        start, end, _ender = limit
        if completion.completed_at > start:
            start = completion.completed_at
        if start > at:
            continue
        if terms.recurs and (expiry := terms.expiry(completion.completed_at)) < end:
            end = expiry
        if history.stops and (stop := _first_stop(history, terms, completion)) and stop.at < end:
            end = stop.at
        if start >= end:
            continue
        if end > at:
            if best is None or _outlasts(end, completion, best):
                best = Cover(completion, start, end)
        elif last is None or _outlasts(end, completion, last):
            last = Cover(completion, start, end)
    return best, (None if best else last)


def _trained(history: History, terms: Terms) -> Iterable[Completion]:
    if not terms.counting:
        return history.completions.get(terms.item.id, ())
    return history.trained((terms.item.id, *terms.counting))


def _outlasts(end: datetime, completion: Completion, other: Cover) -> bool:
    return (end, *_when_completed(completion)) > (other.end, *_when_completed(other.completion))


def _when_completed(completion: Completion) -> tuple[datetime, int]:
    return completion.completed_at, completion.id


def _first_stop(history: History, terms: Terms, completion: Completion) -> Stop | None:
    """Return what first took the worth of ``completion`` away: on the item itself, or on the one that counts for it."""
    stops = [
        stop
        for item in {terms.item.id, completion.item}
        for stop in history.stops.get(item, ())
        if stop.at > completion.completed_at
    ]
    return min(stops, key=lambda stop: (stop.at, stop.cause), default=None)


def cause_of_end(history: History, terms: Terms, cover: Cover) -> str | None:
    """Return what ends a cover. Where several things end it at the same instant recurrence is named first."""
    if cover.end >= FOREVER:
        return None
    completion = cover.completion
    if terms.recurs and terms.expiry(completion.completed_at) == cover.end:
        return RECURRENCE
    if terms.limits[completion.version].end == cover.end:
        return REVISION
    stop = _first_stop(history, terms, completion)
    return stop.cause if stop else None


def _orders_in_use(book: Rulebook, history: History, terms: Terms) -> list[Order]:
    """Return the open orders for the item, none once it is retired."""
    if book.retired.get(terms.item.id, FOREVER) <= book.at:
        return []
    return history.open_orders(terms.item.id, terms.counting, book.at)


def _untrained(history: History, terms: Terms, at: datetime) -> list[Version]:
    done = {one.version for one in history.completions.get(terms.item.id, ()) if one.completed_at <= at}
    return [version for version in terms.pending if version.id not in done]


def _decide_covered(decision: Decision, cover: Cover) -> None:
    """Covered: qualified, or due soon when the end is near, a version waits to be trained or an order is open."""
    terms = decision.terms
    if cover.end > terms.horizon and not decision.pending and not decision.orders:
        decision.status = QUALIFIED
        return
    decision.status = DUE_SOON
    through = terms.calendar.through
    dues = [cover.end]
    dues += [terms.grace_end(version) for version in decision.pending]
    dues += [through(order.due_on) for order in decision.orders]
    decision.due_at = min(dues)


def _decide_uncovered(decision: Decision, last: Cover | None) -> None:
    """Not covered: away, lapsed since it was required, or never yet trained since then."""
    book, history, terms = decision.book, decision.history, decision.terms
    decision.lapsed = last
    if history.leaves and history.on_leave(book.at):
        decision.status = ON_LEAVE
        return
    since = required_since(book, history, terms)
    if last is not None and last.end > since:
        decision.due_at = last.end
        decision.status = EXPIRED if cause_of_end(history, terms, last) == RECURRENCE else OVERDUE
        return
    decision.lapsed = None
    decision.due_at = _first_due(decision, since)
    late = terms.in_force is not None and decision.due_at is not None and decision.due_at <= book.at
    decision.status = OVERDUE if late else ASSIGNED


def _first_due(decision: Decision, since: datetime) -> datetime | None:
    """Return when first training is due: days to complete plus leave, an order's day, or the day of an extension."""
    history, terms = decision.history, decision.terms
    calendar = terms.calendar
    start = max(since, terms.first.effective_from) if terms.first else None
    if granted := _granted(decision, since):
        return calendar.through(granted.due_on)
    dues = [calendar.through(order.due_on) for order in decision.orders]
    if terms.rows and start is not None and start < FOREVER:
        days = terms.days + history.days_of_leave(start, max(start, decision.at))
        dues.append(calendar.through(plus(calendar.day(start), days)))
    return min(dues, default=None)


def _granted(decision: Decision, since: datetime) -> Extension | None:
    """Return the extension granted last; one that lies before the obligation began belonged to an earlier one."""
    granted = decision.history.extensions.get(decision.item, ())
    calendar = decision.terms.calendar
    later = [one for one in granted if calendar.through(one.due_on) > since]
    return max(later, key=lambda one: (one.recorded_at, one.due_on), default=None)


def _missing_training(decision: Decision) -> ToTrain:
    """Not covered: the version in force, or the first to come."""
    cause = decision.cause
    if cause is None and not decision.terms.rows:
        cause = ORDER
    return ToTrain(decision.required_version, decision.due_at, cause)


def _next_training(decision: Decision, cover: Cover) -> ToTrain | None:
    """Covered: what ends first of a version to come, an open order, a revision in its grace, a recurrence nearby."""
    terms = decision.terms
    waiting = [ToTrain(version, terms.grace_end(version), REVISION) for version in decision.pending]
    waiting += [ToTrain(terms.in_force, terms.calendar.through(order.due_on), ORDER) for order in decision.orders]
    cause = cause_of_end(decision.history, terms, cover)
    if cause == RECURRENCE and cover.end <= terms.horizon:
        waiting.append(ToTrain(terms.in_force, cover.end, RECURRENCE))
    ender = terms.limits[cover.completion.version].ender
    if cause == REVISION and ender and ender.effective_from <= decision.at:
        waiting.append(ToTrain(terms.in_force, cover.end, REVISION))
    soonest = min(waiting, key=lambda one: one.due_at or FOREVER, default=None)
    return soonest._replace(due_at=None) if soonest and soonest.due_at == FOREVER else soonest


def required_since(book: Rulebook, history: History, terms: Terms) -> datetime:
    """Return the start of the unbroken time, up to the instant asked about, during which the item was required.

    Matrix rows and orders, of today and of earlier, join into one time as long as they leave no gap.
    """
    item = terms.item.id
    employed = history.employed()
    spans: list[Span] = []
    for row in book.rows.get(item, ()):
        units = [history.held(unit) for unit in row.units]
        if row.start < row.end and all(units):
            held = common(employed, [(row.start, row.end)])
            for unit in units:
                held = common(held, unit)
            spans += held
    retired = book.retired.get(item, FOREVER)
    for order in history.orders.get(item, ()):
        start, end = history.order_span(order, (item, *terms.counting))
        spans += common(employed, [(start, min(end, retired))]) if start < retired else []
    current = span_at(merged(spans), book.at)
    return current[0] if current else BEGINNING
