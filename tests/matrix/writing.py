"""Writes a random history (``tests.domain.histories``) into the database, as facts with their own ids."""

from datetime import UTC, datetime
from typing import Any

from sqlalchemy.orm import Session

from app.models.documents import Category, Item, Release, Retirement, Verdict, Version
from app.models.matrix import (
    Completion,
    Equivalence,
    Exemption,
    Extension,
    Requirement,
    RequirementUnit,
    Revocation,
    TrainingOrder,
)
from app.models.organization import Unit
from app.models.people import Employment, Leave, Membership, Person
from app.safeguards.bulk import insert_many
from tests.domain.histories import FUNCTIONS, OTHER_UNITS
from tests.domain.oracle import World

EARLY = datetime(2000, 1, 1, tzinfo=UTC)


class Written:
    """A world in the database: which row each of its people, items, versions and units became."""

    def __init__(self, session: Session, world: World) -> None:
        self.session = session
        self.world = world
        zones = sorted({person.zone for person in world.people})
        sites = self._insert(
            Unit, [{"kind": "site", "code": f"w{zone}", "name": zone, "time_zone": zone} for zone in zones]
        )
        site_of = dict(zip(zones, sites, strict=True))
        self.people = self._map(
            Person,
            [one.id for one in world.people],
            [{"employee_no": f"W{one.id}", "name": f"P{one.id}", "site_id": site_of[one.zone]} for one in world.people],
        )
        self.units = self._map(
            Unit,
            [*FUNCTIONS, *OTHER_UNITS],
            [{"kind": "job_function", "code": f"w{unit}", "name": f"F{unit}"} for unit in FUNCTIONS]
            + [{"kind": "department", "code": f"w{unit}", "name": f"D{unit}"} for unit in OTHER_UNITS],
        )
        self._items()
        self._matrix()
        self._facts()

    def _insert(self, model: Any, rows: list[dict[str, Any]]) -> list[int]:
        return insert_many(self.session, model, rows)

    def _map(self, model: Any, keys: list[int], rows: list[dict[str, Any]]) -> dict[int, int]:
        return dict(zip(keys, self._insert(model, rows), strict=True))

    @staticmethod
    def known(fact: Any) -> dict[str, Any]:
        return {"recorded_at": max(fact.recorded_at, EARLY), "voided_at": fact.voided_at, "void_reason": "a test"}

    def _items(self) -> None:
        leads = sorted({item.lead_days for item in self.world.items})
        rows = [{"code": f"w{lead}", "name": f"w{lead}", "lead_days": lead} for lead in leads]
        categories = self._map(Category, leads, rows)
        items = self.world.items
        self.items = self._map(
            Item,
            [item.id for item in items],
            [{"code": item.code, "title": item.title, "category_id": categories[item.lead_days]} for item in items],
        )
        releases = self.world.releases
        self.versions = self._map(
            Version,
            [one.id for one in releases],
            [
                {
                    "item_id": self.items[one.item],
                    "sequence": one.sequence,
                    "label": one.label,
                    "revision_class": one.revision_class,
                }
                for one in releases
            ],
        )
        self._insert(
            Release,
            [
                {
                    "item_id": self.items[one.item],
                    "version_id": self.versions[one.id],
                    "training_from": one.training_from,
                    "effective_from": one.effective_from,
                    **self.known(one),
                }
                for one in releases
            ],
        )
        self._insert(
            Verdict,
            [
                {
                    "version_id": self.versions[one.version],
                    "function_id": self.units[one.function],
                    "verdict": one.verdict,
                    **self.known(one),
                }
                for one in self.world.verdicts
            ],
        )
        self._insert(
            Retirement,
            [
                {"item_id": self.items[one.item], "retired_at": one.retired_at, **self.known(one)}
                for one in self.world.retirements
            ],
        )

    def _matrix(self) -> None:
        rows = self._insert(
            Requirement,
            [
                {
                    "item_id": self.items[one.item],
                    "starts_at": one.start,
                    "ends_at": one.end,
                    "recurrence_months": one.months,
                    "recurrence_fixed": "{:02}-{:02}".format(*one.yearly) if one.yearly else None,
                    "days_to_complete": one.days_to_complete,
                    "grace_days": one.grace_days,
                    "revision_grace_days": one.revision_grace_days,
                    **self.known(one),
                }
                for one in self.world.requirements
            ],
        )
        self._insert(
            RequirementUnit,
            [
                {"requirement_id": row, "unit_id": self.units[unit]}
                for row, one in zip(rows, self.world.requirements, strict=True)
                for unit in one.units
            ],
        )
        self._insert(
            Equivalence,
            [
                {
                    "item_id": self.items[one.item],
                    "counting_item_id": self.items[one.counting_item],
                    "starts_at": one.start,
                    "ends_at": one.end,
                    **self.known(one),
                }
                for one in self.world.equivalences
            ],
        )

    def _facts(self) -> None:
        for model, facts in ((Employment, self.world.employments), (Leave, self.world.leaves)):
            self._insert(model, [self._span(one) for one in facts])
        self._insert(
            Membership, [{**self._span(one), "unit_id": self.units[one.unit]} for one in self.world.memberships]
        )
        self._insert(
            Completion,
            [
                {**self._pair(one), "version_id": self.versions[one.version], "completed_at": one.completed_at}
                for one in self.world.completions
            ],
        )
        self._insert(
            Exemption,
            [
                {**self._pair(one), "starts_at": one.start, "ends_at": one.end, "reason": "a test"}
                for one in self.world.exemptions
            ],
        )
        self._insert(
            Extension,
            [{**self._pair(one), "due_on": one.due_on, "reason": "a test"} for one in self.world.extensions],
        )
        self._insert(
            Revocation,
            [{**self._pair(one), "revoked_at": one.revoked_at, "reason": "a test"} for one in self.world.revocations],
        )
        self._insert(
            TrainingOrder,
            [
                {
                    **self._pair(one),
                    "placed_at": one.placed_at,
                    "due_on": one.due_on,
                    "suspends": one.suspends,
                    "source": one.source,
                }
                for one in self.world.orders
            ],
        )

    def _span(self, fact: Any) -> dict[str, Any]:
        person = self.people[fact.person]
        return {"person_id": person, "starts_at": fact.start, "ends_at": fact.end, **self.known(fact)}

    def _pair(self, fact: Any) -> dict[str, Any]:
        return {"person_id": self.people[fact.person], "item_id": self.items[fact.item], **self.known(fact)}
