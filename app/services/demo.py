"""Loads the demo company through the same doors as a real one: importers, workflow, signatures, reconciler.

Two years pass while it loads. The lists are cut into slices by the day on which each line became known, and each slice
is imported with the clock of the context set to that day, so "as known at" any day of the two years answers as it
would have then. Effective dates come when they come; assignments are opened and closed as they would have been.
"""

import csv
import io
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from datetime import datetime, time
from pathlib import Path
from typing import NamedTuple, TypeVar
from zoneinfo import ZoneInfo

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.domain.errors import RuleBroken
from app.models.base import FOREVER
from app.models.documents import Category, DocumentType, Item, Release, Version
from app.models.people import Person
from app.safeguards.context import Context, acting, current
from app.services import effective, importing, reconciler
from app.services.demo_files import DemoFiles, Row
from app.services.demo_logins import PASSWORD, add_logins, as_login
from app.services.demo_story import Event, Story
from app.services.importing import commit
from app.services.importing.documents_write import set_states
from app.services.importing.plan import Plan, Touched
from app.services.importing.tables import read_csv
from app.services.logins import AccessPolicy

FOLDER = Path(__file__).parents[2] / "seed_data" / "demo"
FIRST_DAY = "D-761"
GATES_FROM = "D-30"
"""When the company turned on the rules of ``document_types.csv``."""

REASONS = {
    "units": "Set-up of the company",
    "people": "Changes of personnel",
    "memberships": "Changes of personnel",
    "documents": "Documents approved in the former system",
    "requirements": "Decision of the department heads on the training matrix",
    "completions": "Training records of the week",
    "leaves": "Report of Human Resources",
    "orders": "Training ordered after a deviation, a CAPA or an audit",
}

CHANGING = {"people": "left_on", "memberships": "to", "requirements": "to", "documents": "retired_on"}
"""Lists whose lines become known twice: when they begin, and when the day in this column has come."""

BEGINS = {
    "people": "hired_on",
    "memberships": "from",
    "documents": "approved_on",
    "requirements": "from",
    "completions": "completed_at",
    "leaves": "from",
    "orders": "placed_at",
}
DATES = {
    "people": ("hired_on", "left_on"),
    "documents": ("approved_on", "effective_on", "retired_on"),
    "completions": ("completed_at", "recorded_at"),
    "orders": ("placed_at", "due_on"),
}
"""Columns with relative dates; ``from`` and ``to`` where nothing else is said."""


@dataclass(frozen=True)
class Login:
    """One demo login, as it is told to a visitor."""

    username: str
    password: str
    name: str
    role: str
    clients: str


class Line(NamedTuple):
    """One line of a list and the instant at which it became known."""

    at: datetime
    kind: str
    row: Row


def load(
    session: Session, policy: AccessPolicy, folder: Path = FOLDER, told: Callable[[int], None] | None = None
) -> list[Login]:
    """Load the demo company into an installation without people, as seen from now; return its logins.

    ``told`` hears the percentage done. The caller commits. Raises RuleBroken when there are people already, and
    BadInput naming file and cell for a mistake in the files.
    """
    if session.scalar(select(Person.id).limit(1)) is not None:
        raise RuleBroken("There are people in this installation already. The demo is loaded into an empty one only.")
    now = current().now()
    zone = ZoneInfo(DemoFiles(folder, now.date()).zone)
    files = DemoFiles(folder, now.astimezone(zone).date())
    _Loading(session, files, policy, now).run(told or _untold)
    return [
        Login(row["login"], PASSWORD, f"{row['first_name']} {row['last_name']}", row["role"], row["clients"])
        for row in files.rows("users")
    ]


def _untold(percent: int) -> None:
    """Nobody listens."""


class _Loading:
    """Two years, slice by slice."""

    def __init__(self, session: Session, files: DemoFiles, policy: AccessPolicy, now: datetime) -> None:
        self.session = session
        self.files = files
        self.policy = policy
        self.now = now
        self.first = files.instant(FIRST_DAY, at=time(8))
        self.story = Story(session, files)
        self.operator = current()
        self.signed_here = {row["code"] for row in files.rows("revisions")}

    def run(self, told: Callable[[int], None]) -> None:
        """Let two years pass: units and categories, then slice by slice decisions, lists, effective dates, a check."""
        with acting(self._at(self.first)):
            for row in self.files.rows("categories"):
                self.session.add(Category(code=row["code"], name=row["name"], lead_days=int(row["lead_days"])))
            self._import("units", self.files.rows("units"))
        lines = sorted(self._lines(), key=_when, reverse=True)
        events = self.story.events()[::-1]
        ends = self._ends()
        for number, end in enumerate(ends, 1):
            for event in _taken(events, end):
                event.happen()
            with acting(self._at(end)):
                self._import_slice(_taken(lines, end), end)
                self._take_effect(end)
                reconciler.reconcile(self.session, trigger="nightly")
            told(100 * number // len(ends))

    # --- time --------------------------------------------------------------------------------------------------------

    def _at(self, at: datetime) -> Context:
        return replace(self.operator, clock=lambda: at)

    def _lines(self) -> Iterator[Line]:
        """Every line of the lists, with the instant at which it became known."""
        issued = {row["code"]: self.files.instant(row["approved_on"]) for row in self.files.rows("documents")[::-1]}
        for kind, begins in BEGINS.items():
            ends = CHANGING.get(kind, "")
            for row in self.files.rows(kind):
                start = self._instant(row, row.get("recorded_at") or row[begins])
                start = max(start, self.first, issued.get(row.get("item", ""), self.first))
                if row.get(ends):
                    yield Line(min(max(start, self._instant(row, row[ends])), self.now), kind, row)
                    row = row | {ends: ""}
                yield Line(start, kind, row)

    def _instant(self, row: Row, text: str) -> datetime:
        return self.files.instant(text, row.get("employee_no"))

    def _ends(self) -> list[datetime]:
        """Slices end every four weeks, in the last two months every week, in the last week every evening."""
        days = [*range(-735, -63, 28), *range(-63, -7, 7), *range(-7, 0)]
        return [self.first, *(self.files.instant(f"D{day}", at=time(23, 30)) for day in days), self.now]

    # --- one slice ---------------------------------------------------------------------------------------------------

    def _import_slice(self, lines: Iterable[Line], end: datetime) -> None:
        found: dict[str, list[Row]] = {}
        for line in lines:
            found.setdefault(line.kind, []).append(line.row)
        for kind in importing.KINDS:
            for rows in _files(kind, _last_of_each(kind, found.get(kind, []))):
                self._import(kind, rows)
            if kind == "people" and kind in found:
                self.story.users |= add_logins(self.session, self.files, self.policy)
                self.operator = as_login(self.session, self.story.users["coordinator"], end)
        if end >= self.files.instant(GATES_FROM):
            self._set_types()

    def _import(self, kind: str, rows: list[Row]) -> None:
        """Import rows as the file that somebody would have sent on that day."""
        text = io.StringIO()
        writer = csv.DictWriter(text, rows[0].keys())
        writer.writeheader()
        writer.writerows(self.files.absolute(row, DATES.get(kind, ("from", "to"))) for row in rows if kind != "units")
        writer.writerows(row for row in rows if kind == "units")
        table = read_csv(f"{kind}-{current().now():%Y-%m-%d}.csv", text.getvalue().encode())

        def check() -> Plan:
            return importing.check(self.session, kind, table, self.files.zone, self.files.folder)

        plan, _ = commit.check_and_write(self.session, check, REASONS[kind])
        plan.sheet.refuse()

    def _take_effect(self, at: datetime) -> None:
        """Documents of the former system follow their dates, many at once; those signed here follow their workflow."""
        if not effective.due(self.session):
            return
        query = (
            select(Version.item_id).join(Release, Release.version_id == Version.id)
            .join(Item, Item.id == Version.item_id).where(
                Version.state == "approved", Release.voided_at == FOREVER, Release.effective_from <= at,
                Item.code.not_in(self.signed_here),
            )
        )  # fmt: skip
        items = set(self.session.scalars(query))
        set_states(self.session, items, at)
        commit.reconcile(self.session, Touched(None, items))
        effective.apply_due(self.session)

    def _set_types(self) -> None:
        wanted = {row["code"]: row for row in self.files.rows("document_types")}
        for found in self.session.scalars(select(DocumentType).where(DocumentType.code.in_(wanted))):
            row = wanted[found.code]
            found.train_before_effective = row["train_before_effective"] == "yes"
            found.trained_percent = int(row["trained_percent"])
            found.author_credit = row["author_credit"] == "yes"


def _when(line: Line) -> datetime:
    return line.at


Dated = TypeVar("Dated", Line, Event)


def _taken(latest_first: list[Dated], end: datetime) -> Iterator[Dated]:
    """Take what lies up to ``end`` from the end of a list, the earliest first."""
    while latest_first and latest_first[-1].at <= end:
        yield latest_first.pop()


def _files(kind: str, rows: list[Row]) -> list[list[Row]]:
    """Authorizations for equipment come in a list of their own: somebody else hands them out."""
    if kind != "memberships":
        return [rows] if rows else []
    equipment = [row for row in rows if row["kind"] == "equipment"]
    others = [row for row in rows if row["kind"] != "equipment"]
    return [file for file in (others, equipment) if file]


def _last_of_each(kind: str, rows: list[Row]) -> list[Row]:
    """Return the rows without those that a later one of the same slice overtakes."""
    ends = CHANGING.get(kind)
    if ends is None:
        return rows
    latest = {tuple(value for column, value in row.items() if column != ends): row for row in rows}
    return list(latest.values())
