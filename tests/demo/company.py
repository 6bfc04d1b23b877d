"""The demo company as plain facts, read straight from its files, for the rule to judge without a database."""

from collections import defaultdict
from datetime import date, datetime
from pathlib import Path

from app.domain.compliance import Decision, decide_all
from app.domain.dates import FOREVER, calendar_of
from app.domain.facts import (
    Completion,
    Employment,
    Equivalence,
    Exemption,
    Extension,
    Item,
    Leave,
    Membership,
    Order,
    Release,
    Requirement,
    Retirement,
    Revocation,
    Verdict,
)
from app.domain.history import History
from app.domain.terms import Rulebook
from app.services.demo_files import DemoFiles, Row, day_of

FOLDER = Path(__file__).parents[2] / "seed_data" / "demo"
LEAD_DAYS = {"GENERAL": 30, "SAFETY": 60, "CERTIFICATE": 90}
"""The categories that every installation starts with; the demo adds its own."""


class Company:
    """Codes instead of ids: the person E1020 has the id ``people["E1020"]``, and so on."""

    def __init__(self, today: date) -> None:
        self.files = DemoFiles(FOLDER, today)
        self.people = {row["employee_no"]: number for number, row in enumerate(self.files.rows("people"), 1)}
        self.units = {(row["kind"], row["code"]): number for number, row in enumerate(self.files.rows("units"), 1)}
        documents = self.files.rows("documents") + self.files.rows("revisions")
        self.items = {code: number for number, code in enumerate(dict.fromkeys(row["code"] for row in documents), 1)}
        self.versions = {(row["code"], row["version"]): number for number, row in enumerate(documents, 1)}

    def decisions(self, at: datetime) -> list[Decision]:
        """Return what the rule says at ``at`` about everybody and everything that is required."""
        book = self._rulebook(at)
        return [one for history in self._histories().values() for one in decide_all(book, history)]

    def start(self, row: Row, column: str) -> datetime:
        return self.files.instant(row[column], row.get("employee_no"))

    def end(self, row: Row, column: str) -> datetime:
        return self.start(row, column) if row[column] else FOREVER

    def _day(self, row: Row, column: str) -> date:
        found = day_of(row[column], self.files.today)
        assert found is not None
        return found

    def _rulebook(self, at: datetime) -> Rulebook:
        lead = LEAD_DAYS | {row["code"]: int(row["lead_days"]) for row in self.files.rows("categories")}
        documents = self.files.rows("documents")
        category = {row["code"]: row["category"] for row in documents}
        released = documents + [row for row in self.files.rows("revisions") if row["approved_at"]]
        return Rulebook(
            at,
            items=[Item(number, code, "", lead[category[code]]) for code, number in self.items.items()],
            releases=[self._release(row) for row in released],
            requirements=[self._requirement(*numbered) for numbered in enumerate(self.files.rows("requirements"))],
            verdicts=list(self._verdicts()),
            retirements=[
                Retirement(self.items[row["code"]], self.start(row, "retired_on"))
                for row in documents
                if row["retired_on"]
            ],
            equivalences=[
                Equivalence(self.items[row["item"]], self.items[row["counting_item"]], self.start(row, "from"))
                for row in self.files.rows("equivalences")
            ],
        )

    def _release(self, row: Row) -> Release:
        key = row["code"], row["version"]
        approved = "approved_on" if "approved_on" in row else "approved_at"
        return Release(
            self.versions[key],
            self.items[row["code"]],
            int(row["version"]),
            row["version"],
            row["revision_class"],
            self.start(row, approved),
            self.start(row, "effective_on"),
        )

    def _verdicts(self) -> list[Verdict]:
        pairs = [
            (row["code"], row["version"], *part.split("="))
            for row in self.files.rows("documents")
            for part in row["verdicts"].split(";")
            if part
        ]
        pairs += [
            (row["code"], row["version"], row["job_function"], row["verdict"])
            for row in self.files.rows("revision_verdicts")
        ]
        return [
            Verdict(self.versions[code, version], self.units["job_function", function], verdict)
            for code, version, function, verdict in pairs
        ]

    def _requirement(self, number: int, row: Row) -> Requirement:
        units = [tuple(part.strip().split(":")) for part in row["units"].split("+")]
        return Requirement(
            number,
            self.items[row["item"]],
            tuple(self.units[kind, code] for kind, code in units),
            tuple(self.units[kind, code] for kind, code in units if kind == "job_function"),
            self.start(row, "from"),
            self.end(row, "to"),
            int(row["recurrence_months"]) if row["recurrence_months"] else None,
            None,
            int(row["days_to_complete"]),
            int(row["grace_days"]),
            int(row["revision_grace_days"]),
            row["proof"],
        )

    def _histories(self) -> dict[str, History]:
        rows = self.files.rows
        by_person: dict[str, dict[str, list[Row]]] = defaultdict(lambda: defaultdict(list))
        names = ("memberships", "completions", "leaves", "exemptions", "extensions", "revocations", "orders")
        for name in names:
            for row in rows(name):
                by_person[row["employee_no"]][name].append(row)
        return {row["employee_no"]: self._history(row, by_person[row["employee_no"]]) for row in rows("people")}

    def _history(self, person: Row, found: dict[str, list[Row]]) -> History:
        number = self.people[person["employee_no"]]
        history = History(number, calendar_of(self.files.zone_of[person["employee_no"]]))
        item = self.items
        withdrawn = {
            (row["employee_no"], row["item"], row["completed_at"]) for row in self.files.rows("withdrawn_completions")
        }
        return history.add(
            employments=[Employment(number, self.start(person, "hired_on"), self.end(person, "left_on"))],
            memberships=[
                Membership(number, self.units[row["kind"], row["code"]], self.start(row, "from"), self.end(row, "to"))
                for row in found["memberships"]
            ],
            completions=[
                Completion(place, number, item[row["item"]], self.versions[row["item"], row["version"]],
                           self.start(row, "completed_at"))
                for place, row in enumerate(found["completions"])
                if row["result"] == "passed"
                and (row["employee_no"], row["item"], row["completed_at"]) not in withdrawn
            ],
            leaves=[Leave(number, self.start(row, "from"), self.end(row, "to")) for row in found["leaves"]],
            exemptions=[
                Exemption(number, item[row["item"]], self.start(row, "from"), self.end(row, "to"), row["reason"])
                for row in found["exemptions"]
            ],
            extensions=[Extension(number, item[row["item"]], self._day(row, "due_on")) for row in found["extensions"]],
            revocations=[
                Revocation(number, item[row["item"]], self.start(row, "revoked_at")) for row in found["revocations"]
            ],
            orders=[
                Order(place, number, item[row["item"]], self.start(row, "placed_at"), self._day(row, "due_on"),
                      row["suspends"] == "yes", row["source"])
                for place, row in enumerate(found["orders"])
            ],
        )  # fmt: skip
