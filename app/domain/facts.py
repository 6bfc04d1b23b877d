"""The facts from which qualification is computed (see docs/compliance.md).

Frozen tuples, so that half a million of them stay cheap. Instants are in UTC, intervals half-open. Every fact is known
over ``[recorded_at, voided_at)``: ending an interval withdraws the old fact and records a new one, so the state of
knowledge at any past instant can be asked for.
"""

from collections.abc import Iterable
from datetime import date, datetime
from typing import NamedTuple, Protocol, TypeVar

from app.domain.dates import BEGINNING, FOREVER


class Known(Protocol):
    """Anything that became known at one instant and was perhaps withdrawn at another."""

    @property
    def recorded_at(self) -> datetime: ...

    @property
    def voided_at(self) -> datetime: ...


AnyFact = TypeVar("AnyFact", bound=Known)


def known(facts: Iterable[AnyFact], at: datetime) -> list[AnyFact]:
    """Return the facts that had been recorded, and not yet withdrawn, by the instant ``at``."""
    return [fact for fact in facts if fact.recorded_at <= at < fact.voided_at]


class Item(NamedTuple):
    """Something a person is trained on. ``lead_days``: how long before its end training counts as due soon."""

    id: int
    code: str
    title: str = ""
    lead_days: int = 30


class Retirement(NamedTuple):
    """An item is out of use from ``retired_at``: from then on nobody is required to be trained on it."""

    item: int
    retired_at: datetime
    recorded_at: datetime = BEGINNING
    voided_at: datetime = FOREVER


class Release(NamedTuple):
    """A version of an item: trained from ``training_from`` (approval), in force from ``effective_from``."""

    id: int
    item: int
    sequence: int
    label: str
    revision_class: str
    training_from: datetime
    effective_from: datetime
    recorded_at: datetime = BEGINNING
    voided_at: datetime = FOREVER


class Verdict(NamedTuple):
    """What a version demands of one job function: ``none``, ``notice``, ``read``, ``read_quiz`` or ``ojt``."""

    version: int
    function: int
    verdict: str
    recorded_at: datetime = BEGINNING
    voided_at: datetime = FOREVER


class Requirement(NamedTuple):
    """A row of the matrix: whoever holds all ``units`` needs ``item`` over ``[start, end)``.

    ``functions`` are those of the units that are job functions. ``months``: repeat every so many months from one's own
    completion; ``yearly``: repeat on this (month, day) instead.
    """

    id: int
    item: int
    units: tuple[int, ...]
    functions: tuple[int, ...]
    start: datetime
    end: datetime = FOREVER
    months: int | None = None
    yearly: tuple[int, int] | None = None
    days_to_complete: int = 14
    grace_days: int = 0
    revision_grace_days: int = 0
    proof: str = "read"
    framework: str | None = None
    recorded_at: datetime = BEGINNING
    voided_at: datetime = FOREVER


class Equivalence(NamedTuple):
    """Training on ``counting_item`` counts for ``item`` over ``[start, end)``."""

    item: int
    counting_item: int
    start: datetime
    end: datetime = FOREVER
    recorded_at: datetime = BEGINNING
    voided_at: datetime = FOREVER


class Person(NamedTuple):
    """A person and the IANA time zone of his or her site."""

    id: int
    zone: str = "UTC"


class Employment(NamedTuple):
    """A person is employed over ``[start, end)``."""

    person: int
    start: datetime
    end: datetime = FOREVER
    recorded_at: datetime = BEGINNING
    voided_at: datetime = FOREVER


class Membership(NamedTuple):
    """A person belongs to a unit over ``[start, end)``."""

    person: int
    unit: int
    start: datetime
    end: datetime = FOREVER
    recorded_at: datetime = BEGINNING
    voided_at: datetime = FOREVER


class Leave(NamedTuple):
    """A person is away over ``[start, end)``."""

    person: int
    start: datetime
    end: datetime = FOREVER
    recorded_at: datetime = BEGINNING
    voided_at: datetime = FOREVER


class Completion(NamedTuple):
    """A person passed training on one version of an item at ``completed_at``. Failed attempts are not given."""

    id: int
    person: int
    item: int
    version: int
    completed_at: datetime
    recorded_at: datetime = BEGINNING
    voided_at: datetime = FOREVER


class Exemption(NamedTuple):
    """A person need not be trained on an item over ``[start, end)``."""

    person: int
    item: int
    start: datetime
    end: datetime = FOREVER
    reason: str = ""
    recorded_at: datetime = BEGINNING
    voided_at: datetime = FOREVER


class Extension(NamedTuple):
    """A new last day in time for one person's first training on an item."""

    person: int
    item: int
    due_on: date
    recorded_at: datetime = BEGINNING
    voided_at: datetime = FOREVER


class Revocation(NamedTuple):
    """A person's qualification on an item was taken away at ``revoked_at``."""

    person: int
    item: int
    revoked_at: datetime
    recorded_at: datetime = BEGINNING
    voided_at: datetime = FOREVER


class Order(NamedTuple):
    """A person must be trained on an item by the end of ``due_on`` because of another record (``source``).

    Open from ``placed_at`` until trained after placing. With ``suspends`` earlier training stops counting.
    """

    id: int
    person: int
    item: int
    placed_at: datetime
    due_on: date
    suspends: bool = False
    source: str = ""
    recorded_at: datetime = BEGINNING
    voided_at: datetime = FOREVER
