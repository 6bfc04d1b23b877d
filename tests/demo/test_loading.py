"""The demo company, loaded for real: what a visitor finds is what the files say, signed, and on the trail."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from itertools import count
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import select
from sqlalchemy.orm import Session

from app import create_app
from app.domain.compliance import NOT_REQUIRED, decide_all
from app.domain.errors import RuleBroken
from app.extensions import db
from app.models.documents import Item, Version
from app.models.matrix import Assignment, Completion, Exemption, Revocation
from app.models.people import Person
from app.safeguards.context import Context, acting, current
from app.services import demo, gathering, heatmap, invariants, logins, signing, whatif, workflow
from app.services import trail as trail_service
from app.services.demo_logins import PASSWORD, as_login
from app.services.installation import install
from tests.cast import context_of
from tests.conftest import settings_for
from tests.demo.company import Company

NOW = datetime(2027, 3, 17, 16, tzinfo=UTC)
TODAY = date(2027, 3, 17)


def operator() -> Context:
    """Whoever starts an installation: the operating-system account, with the right to bring the first data."""
    every = frozenset({("imports", "commit"), ("training", "migrate"), ("people", "add"), ("units", "add")})
    return context_of("os:demo", permissions=every, clock=lambda: NOW, source="cli")


@pytest.fixture(scope="module")
def loaded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Flask, Path]]:
    folder = tmp_path_factory.mktemp("demo")
    app = create_app(settings_for(folder, f"sqlite:///{folder / 'demo.db'}"))
    with app.app_context():
        with acting(operator()):
            install(db.session(), db.engine)
            demo.load(db.session(), logins.AccessPolicy.of(app.config))
            db.session.commit()
        db.session.remove()
    yield app, folder
    with app.app_context():
        db.engine.dispose()


@pytest.fixture
def session(loaded: tuple[Flask, Path]) -> Iterator[Session]:
    app, _ = loaded
    with app.app_context(), acting(operator()):
        yield db.session()
        db.session.rollback()
        db.session.remove()


def statuses(session: Session, at: datetime, known_at: datetime) -> Counter[tuple[Any, ...]]:
    facts = gathering.gather(session, at=at, known_at=known_at)
    numbers = dict(session.execute(select(Person.id, Person.employee_no)).all())
    codes = dict(session.execute(select(Item.id, Item.code)).all())
    return Counter(
        (numbers[one.person], codes[one.item], one.status, one.due_on)
        for history in facts.histories.values()
        for one in decide_all(facts.book, history)
    )


def by_code(session: Session, code: str, label: str) -> Version:
    return session.scalars(select(Version).join(Item).where(Item.code == code, Version.label == label)).one()


@pytest.mark.parametrize("days", [0, 3, 45, 200, 400, 650])
def test_everybodys_status_on_any_day_is_what_the_files_say(session: Session, days: int) -> None:
    company = Company(TODAY)
    people = {number: employee for employee, number in company.people.items()}
    items = {number: code for code, number in company.items.items()}
    at = NOW - timedelta(days=days)
    expected = Counter((people[one.person], items[one.item], one.status, one.due_on) for one in company.decisions(at))
    assert statuses(session, at, NOW) == expected


def test_what_was_known_on_a_day_of_the_past_is_kept_apart_from_what_was_true(session: Session) -> None:
    at = NOW - timedelta(days=200)
    true, known = statuses(session, at, NOW), statuses(session, at, at)
    assert sum(known.values()) > 2000
    assert true != known


def test_nothing_is_half_done_and_the_trail_is_sound(loaded: tuple[Flask, Path], session: Session) -> None:
    assert invariants.violations(session) == []
    session.rollback()
    _, folder = loaded
    keys = trail_service.read_public_keys(folder)
    assert keys
    with db.engine.connect() as connection:
        verdict = trail_service.verify(connection, keys, {})
    assert verdict.findings == ()
    assert verdict.entries > 15_000


def test_every_revision_since_ten_weeks_was_signed_by_author_reviewer_and_approver(session: Session) -> None:
    rows = Company(TODAY).files.rows("revisions")
    for row in (row for row in rows if row["approved_at"]):
        version = by_code(session, row["code"], row["version"])
        seen = signing.signatures_of(session, version)
        assert {one.status for one in seen} == {"valid"}
        assert {one.signature.username for one in seen} == {
            row["author"], *row["reviewers"].split(";"), row["approver"]
        }  # fmt: skip


def test_exemptions_and_revocations_are_signed_by_quality_assurance(session: Session) -> None:
    for model in (Exemption, Revocation):
        records = session.scalars(select(model)).all()
        assert len(records) >= 3
        for record in records:
            seen = signing.signatures_of(session, record)
            assert [(one.signature.username, one.status) for one in seen] == [("qa", "valid")]


def test_the_aseptic_gowning_procedure_waits_for_the_signature_of_quality_assurance(session: Session) -> None:
    version = by_code(session, "SOP-MFG-001", "4")
    assert version.state == "review"
    user = logins.find_user(session, "qa")
    assert user is not None
    with acting(as_login(session, user, current().now())):
        open_steps = {option.step.name: option.unmet for option in workflow.options(session, version)}
    assert open_steps["approve"] == []


def test_the_preview_of_its_approval_names_everybody_who_is_to_train_while_the_clock_runs_on(session: Session) -> None:
    version = by_code(session, "SOP-MFG-001", "4")
    ticks = count()
    with acting(replace(current(), clock=lambda: NOW + next(ticks) * timedelta(microseconds=1))):
        found = whatif.preview(session, version, effective_from=version.planned_effective_at)
    assert len(found.assignments) > 20
    assert found.hours
    assert {one.person for one in found.unqualified} <= {one.person for one in found.assignments}
    assert "Production Operator" in {one.unit for one in found.uncovered}


def test_the_trainee_has_two_things_to_do_and_both_are_due_today_or_earlier(session: Session) -> None:
    query = select(Item.code, Assignment.due_on).join(Assignment.item).join(Assignment.person)
    maya = query.where(Person.employee_no == "E1020", Assignment.state == "open")
    assert dict(session.execute(maya).all()) == {
        "SOP-MFG-002": TODAY - timedelta(days=6),
        "WI-MFG-004": TODAY,
    }


def test_every_login_opens_with_the_published_password_and_an_auditor_sees_one_client(session: Session) -> None:
    for row in Company(TODAY).files.rows("users"):
        user = logins.find_user(session, row["login"])
        assert user is not None
        assert logins.password_matches(user, PASSWORD), row["login"]
        scope = as_login(session, user, NOW).clients
        assert (scope is not None) == bool(row["clients"])
        assert scope is None or len(scope) == 1


def test_the_heat_map_counts_every_status_and_what_people_know_without_having_to(session: Session) -> None:
    expected = Counter(one.status for one in Company(TODAY).decisions(NOW))
    counts = heatmap.picture(session, at=NOW).counts
    assert counts.pop(NOT_REQUIRED) > 50
    assert counts == expected


def test_late_entries_keep_the_day_of_entry_and_the_day_of_training_apart(session: Session) -> None:
    late = session.scalars(select(Completion).where(Completion.claimed_recorded_at.is_not(None))).all()
    assert len(late) >= 5
    assert all(one.recorded_at >= one.claimed_recorded_at > one.completed_at for one in late)


def test_a_second_demo_is_refused(loaded: tuple[Flask, Path], session: Session) -> None:
    with pytest.raises(RuleBroken, match="people in this installation already"):
        demo.load(session, logins.AccessPolicy.of(loaded[0].config))
