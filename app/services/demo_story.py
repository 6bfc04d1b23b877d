"""What people of the demo company decided and signed in Qualgate itself, replayed through the same services as a page.

Revisions run through their workflow with one signature for each step. The rarer decisions (exemptions, revocations,
extensions, equivalences, withdrawals) are recorded with their reason, and signed where a page asks for it.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import datetime, time, timedelta
from typing import Any, NamedTuple

from flask_appbuilder.security.sqla.models import User
from sqlalchemy import select
from sqlalchemy.orm import Session

from app.models.base import FOREVER
from app.models.documents import Item, Version
from app.models.matrix import Completion, Equivalence, Exemption, Extension
from app.models.organization import Unit
from app.models.people import Person
from app.models.signing import Signature
from app.safeguards.context import acting, because
from app.services import logins, matrix, signing, version_steps, versions
from app.services.demo_files import DemoFiles, Row, day_of
from app.services.demo_logins import PASSWORD, as_login
from app.services.workflow import perform

MORNING = time(9, 30)
"""When a decision that has only a day was taken."""


class Event(NamedTuple):
    """Something that a person did at an instant."""

    at: datetime
    happen: Callable[[], None]


@dataclass
class Story:
    """The events of the story; ``users`` are filled in when the logins exist."""

    session: Session
    files: DemoFiles
    users: dict[str, User] = field(default_factory=dict)

    def events(self) -> list[Event]:
        """Return everything that happens, in its order."""
        found = [*self._revisions(), *self._decisions()]
        return sorted(found, key=lambda event: event.at)

    # --- revisions ---------------------------------------------------------------------------------------------------

    def _revisions(self) -> Iterator[Event]:
        for row in self.files.rows("revisions"):
            drafted = self.files.instant(row["submitted_at"] or "D-1", at=MORNING)
            yield Event(drafted, _bound(self._draft, row, drafted))
            for number, login in enumerate(filter(None, row["reviewers"].split(";"))):
                at = self.files.instant(row["reviewed_at"]) + number * timedelta(minutes=7)
                yield Event(at, _bound(self._step, row, login, "review", at))
            if row["approved_at"]:
                at = self.files.instant(row["approved_at"])
                yield Event(at, _bound(self._step, row, row["approver"], "approve", at))

    def _draft(self, row: Row, at: datetime) -> None:
        """The author writes the version, states its training impact, and submits it when reviewers are named."""
        session = self.session
        author = self.users[row["author"]]
        with acting(as_login(session, author, at)), because(row["summary"]):
            item = session.scalars(select(Item).where(Item.code == row["code"])).one()
            version = versions.new_version(session, item, row["revision_class"], row["version"])
            content = self.files.folder / row["file"]
            versions.set_content(session, version, content.read_bytes(), content.name)
            planned = self.files.instant(row["effective_on"]) if row["effective_on"] else None
            versions.edit_draft(session, version, change_summary=row["summary"], planned_effective_at=planned)
            versions.set_verdicts(session, version, self._verdicts(row))
            reviewers = [self.users[login].id for login in row["reviewers"].split(";") if login]
            people = session.scalars(select(Person).where(Person.user_id.in_(reviewers))).all()
            version_steps.request_reviews(session, version, people)
        if reviewers:
            self._step(row, row["author"], "submit", at)

    def _verdicts(self, row: Row) -> dict[int, tuple[str, str]]:
        functions = dict(self.session.execute(select(Unit.code, Unit.id).where(Unit.kind == "job_function")).all())
        return {
            functions[one["job_function"]]: (one["verdict"], one["reason"])
            for one in self.files.rows("revision_verdicts")
            if (one["code"], one["version"]) == (row["code"], row["version"])
        }

    def _step(self, row: Row, login: str, name: str, at: datetime) -> None:
        """One person signs one step of the workflow with user name and password."""
        session, user = self.session, self.users[login]
        with acting(as_login(session, user, at)):
            version = session.scalars(
                select(Version).join(Item).where(Item.code == row["code"], Version.label == row["version"])
            ).one()
            perform(session, version, name, signature=self._sign(user, version, name))

    # --- decisions about one person or item --------------------------------------------------------------------------

    def _decisions(self) -> Iterator[Event]:
        for name, column, decide in (
            ("equivalences", "from", self._equivalence),
            ("exemptions", "from", self._exemption),
            ("extensions", "granted_on", self._extension),
            ("revocations", "revoked_at", self._revocation),
            ("withdrawn_completions", "withdrawn_at", self._withdrawal),
        ):
            for row in self.files.rows(name):
                at = self.files.instant(row[column], row.get("employee_no"), MORNING)
                yield Event(at, _bound(self._decide, decide, row, at))

    def _decide(self, decide: Callable[[Row], None], row: Row, at: datetime) -> None:
        """Quality assurance decides, and the assignments of those concerned follow in the same act."""
        with acting(as_login(self.session, self.users["qa"], at)), because(row["reason"]):
            decide(row)

    def _equivalence(self, row: Row) -> None:
        matrix.record_fact(
            self.session, Equivalence, item_id=self._item(row["item"]).id, starts_at=self.files.instant(row["from"]),
            counting_item_id=self._item(row["counting_item"]).id, ends_at=FOREVER, reason=row["reason"],
        )  # fmt: skip

    def _exemption(self, row: Row) -> None:
        start, end = (self.files.instant(row[name], row["employee_no"]) for name in ("from", "to"))
        exemption = matrix.record_fact(self.session, Exemption, **self._whom(row), starts_at=start, ends_at=end)
        self._sign(self.users["qa"], exemption, "approve", row["reason"])

    def _extension(self, row: Row) -> None:
        due_on = day_of(row["due_on"], self.files.today)
        matrix.record_fact(self.session, Extension, **self._whom(row), due_on=due_on)

    def _revocation(self, row: Row) -> None:
        revocation = matrix.revoke(self.session, **self._whom(row))
        self._sign(self.users["qa"], revocation, "revoke", row["reason"])

    def _withdrawal(self, row: Row) -> None:
        whom = self._whom(row)
        completed = self.files.instant(row["completed_at"], row["employee_no"])
        query = select(Completion).where(
            Completion.person_id == whom["person_id"],
            Completion.item_id == whom["item_id"],
            Completion.completed_at == completed,
        )
        matrix.withdraw(self.session, self.session.scalars(query).one(), row["reason"])

    def _whom(self, row: Row) -> dict[str, Any]:
        person = self.session.scalars(select(Person).where(Person.employee_no == row["employee_no"])).one()
        return {"person_id": person.id, "item_id": self._item(row["item"]).id, "reason": row["reason"]}

    def _sign(self, user: User, record: Any, purpose: str, reason: str | None = None) -> Signature:
        """Sign what is shown of ``record``, with user name and password."""
        policy = signing.Policy(check_password=logins.password_matches)
        challenge = signing.open_challenge(self.session, record, purpose)
        act = signing.Act(challenge.token, user.username, PASSWORD, reason=reason)
        return signing.sign(self.session, act, policy)

    def _item(self, code: str) -> Item:
        return self.session.scalars(select(Item).where(Item.code == code)).one()


def _bound(function: Callable[..., None], *args: Any) -> Callable[[], None]:
    return lambda: function(*args)
