"""A small company for tests of the rule: one person, one item, facts added by name."""

from datetime import UTC, date, datetime
from typing import Any
from zoneinfo import ZoneInfo

from app.domain.compliance import Decision, decide_all
from app.domain.dates import calendar_of
from app.domain.facts import (
    Completion,
    Employment,
    Exemption,
    Extension,
    Item,
    Leave,
    Membership,
    Order,
    Person,
    Release,
    Requirement,
    Revocation,
    Verdict,
)
from app.domain.history import History
from app.domain.terms import Rulebook
from tests.domain.oracle import World

OPERATOR, LEAD, STERILE = 1, 2, 11
ALICE = 1
SOP = 1
ZONE = "Europe/Berlin"


def midnight(day: str, zone: str = ZONE) -> datetime:
    """Return the instant at which a local day, given as ISO text, begins; longer text is a local clock time."""
    return datetime.fromisoformat(day).replace(tzinfo=ZoneInfo(zone)).astimezone(UTC)


class Company:
    """Alice, hired on 3 March 2025, needs SOP-1; version 1 is in force since 2024."""

    def __init__(self, hired: str = "2025-03-03") -> None:
        self.world = World(
            people=[Person(ALICE, ZONE)],
            items=[Item(SOP, "SOP-1", "Cleaning")],
            employments=[Employment(ALICE, midnight(hired))],
        )
        self.version(1, "2024-01-01", "2024-01-01")

    def version(self, sequence: int, approved: str, effective: str, revision: str = "major", **verdicts: str) -> None:
        """Release a version; ``operator="none"`` and the like are verdicts of single functions."""
        self.world.releases.append(
            Release(sequence, SOP, sequence, str(sequence), revision, midnight(approved), midnight(effective))
        )
        for name, verdict in verdicts.items():
            self.world.verdicts.append(Verdict(sequence, {"operator": OPERATOR, "lead": LEAD}[name], verdict))

    def row(self, *units: int, since: str = "2024-01-01", **terms: Any) -> None:
        """Add a matrix row for people who hold all ``units``."""
        functions = tuple(unit for unit in units if unit < 10)
        number = len(self.world.requirements) + 1
        self.world.requirements.append(Requirement(number, SOP, units, functions, midnight(since), **terms))

    def member(self, unit: int, since: str, until: str = "9999-01-01") -> None:
        """Put Alice into a unit."""
        self.world.memberships.append(Membership(ALICE, unit, midnight(since), midnight(until)))

    def trained(self, when: str, version: int = 1, recorded: str | None = None) -> None:
        """Train Alice on a version."""
        at = midnight(when)
        known = midnight(recorded) if recorded else at
        self.world.completions.append(Completion(len(self.world.completions) + 1, ALICE, SOP, version, at, known))

    def order(self, placed: str, due: str, *, suspends: bool = False) -> None:
        """Order Alice to be trained because of CAPA-7."""
        number = len(self.world.orders) + 1
        self.world.orders.append(
            Order(number, ALICE, SOP, midnight(placed), date.fromisoformat(due), suspends, "CAPA-7")
        )

    def leave(self, since: str, until: str) -> None:
        """Send Alice away."""
        self.world.leaves.append(Leave(ALICE, midnight(since), midnight(until)))

    def revoke(self, when: str) -> None:
        """Take the qualification away."""
        self.world.revocations.append(Revocation(ALICE, SOP, midnight(when)))

    def exempt(self, since: str, until: str) -> None:
        """Exempt Alice for a while."""
        self.world.exemptions.append(Exemption(ALICE, SOP, midnight(since), midnight(until), "Has a license"))

    def extend(self, due: str) -> None:
        """Give Alice more time."""
        self.world.extensions.append(Extension(ALICE, SOP, date.fromisoformat(due)))

    def on(self, when: str, known: str | None = None) -> Decision:
        """Return what the rule says about Alice and the item as of a local day or clock time."""
        at = midnight(when)
        world = self.world.as_known_at(midnight(known) if known else midnight("2030-01-01"))
        book = Rulebook(
            at,
            items=world.items,
            releases=world.releases,
            verdicts=world.verdicts,
            retirements=world.retirements,
            requirements=world.requirements,
            equivalences=world.equivalences,
        )
        history = History(ALICE, calendar_of(ZONE)).add(
            employments=world.employments,
            memberships=world.memberships,
            completions=world.completions,
            exemptions=world.exemptions,
            extensions=world.extensions,
            leaves=world.leaves,
            revocations=world.revocations,
            orders=world.orders,
        )
        return next(decide_all(book, history, items=[SOP]))

    def says(self, when: str, known: str | None = None) -> tuple[str, str | None]:
        """Return status and last day in time, as text."""
        decision = self.on(when, known)
        return decision.status, str(decision.due_on) if decision.due_on else None
