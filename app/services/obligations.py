"""One person and one item as lists, pages and exports show it: a decision of the rule with the names that it needs."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any, NamedTuple

from app.domain.compliance import Decision
from app.domain.explanations import Explanation, explain, reasons


class PersonName(NamedTuple):
    """What to call a person."""

    employee_no: str
    name: str


@dataclass(frozen=True, slots=True)
class Row:
    """One person and one item, as lists and exports show it. Days are days of the person's site."""

    decision: Decision
    who: PersonName
    unit_names: Mapping[int, str]

    @property
    def person_id(self) -> int:
        return self.decision.person

    @property
    def item_id(self) -> int:
        return self.decision.item

    @property
    def employee_no(self) -> str:
        return self.who.employee_no

    @property
    def person(self) -> str:
        return self.who.name

    @property
    def item(self) -> str:
        return self.decision.terms.item.code

    @property
    def title(self) -> str:
        return self.decision.terms.item.title

    @property
    def status(self) -> str:
        return self.decision.status

    @property
    def required_version(self) -> str | None:
        """Label of the version in force, or before any is, of the first to come."""
        version = self.decision.required_version
        return version.label if version else None

    @property
    def due_on(self) -> date | None:
        return self.decision.due_on

    @property
    def good_through(self) -> date | None:
        return self.decision.good_through

    @property
    def completed_on(self) -> date | None:
        return self.decision.completed_on

    @property
    def completed_version(self) -> str | None:
        return self.decision.completed_version

    @property
    def completion_id(self) -> int | None:
        completion = self.decision.completion
        return completion.id if completion else None

    @property
    def reasons(self) -> list[dict[str, Any]]:
        return reasons(self.decision, self.unit_names)

    @property
    def explanation(self) -> Explanation:
        """The chain of sentences; ``str()`` is English, the edges translate its phrases."""
        return explain(self.decision, self.unit_names)

    def as_json(self) -> dict[str, Any]:
        """Return the row as the command line and the API print it (days as ISO text)."""
        return {
            "employee_no": self.employee_no,
            "person": self.person,
            "item": self.item,
            "required_version": self.required_version,
            "status": self.status,
            "due_on": _iso(self.due_on),
            "completed_on": _iso(self.completed_on),
            "completed_version": self.completed_version,
            "reasons": self.reasons,
            "explanation": str(self.explanation),
        }


def _iso(day: date | None) -> str | None:
    return day.isoformat() if day else None
