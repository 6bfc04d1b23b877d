"""People over time (ORG-2 to ORG-4)."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from app.models.base import FOREVER, Record
from app.models.organization import Unit
from app.models.people import Employment, Leave, Membership, Person
from app.safeguards.context import acting
from app.services import people
from app.views.belonging import EmploymentView, LeaveView, MembershipView
from app.views.people import PersonView
from tests.cast import NOW, context_of
from tests.conftest import House
from tests.records.suite import RecordSuite, counted

START = NOW - timedelta(days=30)


def person_named(session: Session, number: str) -> Person:
    return session.scalars(select(Person).where(Person.employee_no == number)).one()


def unit_coded(session: Session, code: str) -> Unit:
    return session.scalars(select(Unit).where(Unit.code == code)).one()


@pytest.mark.req("ORG-2")
class TestPeople(RecordSuite):
    view = PersonView
    new = {"employee_no": "N100", "name": "Nina New", "languages": "de;en", "hired_on": "2026-03-01"}
    change = {"employee_no": "P1", "name": "Paula Renamed"}
    changed_text = "Paula Renamed"
    spoiled = {"employee_no": "", "name": "Someone Typed"}
    kept = "Someone Typed"

    def make(self, session: Session, number: int, client: int | None = None) -> Record:
        site = unit_coded(session, "MAIN")
        person = Person(employee_no=f"P{number}", name=f"Person {number}", site_id=site.id, languages="en")
        session.add(person)
        session.flush()
        return person


class FactSuite(RecordSuite):
    """Dated facts of a person."""

    def person(self, session: Session, number: int) -> Person:
        person = Person(employee_no=f"F{number}", name=f"Person {number}", languages="en",
                        site_id=unit_coded(session, "MAIN").id)  # fmt: skip
        session.add(person)
        session.flush()
        return person

    def new_from(self, session: Session) -> dict[str, Any]:
        with acting(context_of()):
            return {**self.new, "person_id": person_named(session, "E012").id}


@pytest.mark.req("ORG-3")
class TestMemberships(FactSuite):
    view = MembershipView
    new = {"starts_at": "2026-03-01", "ends_at": ""}
    change = {"starts_at": "2026-02-01", "ends_at": "2026-02-28"}
    changed_text = "Person 1"
    spoiled = {"starts_at": "yesterday"}
    kept = "Nora Nologin"

    def make(self, session: Session, number: int, client: int | None = None) -> Record:
        person, unit = self.person(session, number), unit_coded(session, "QC")
        membership = Membership(person_id=person.id, unit_id=unit.id, starts_at=START)
        session.add(membership)
        session.flush()
        return membership

    def new_from(self, session: Session) -> dict[str, Any]:
        values = super().new_from(session)
        with acting(context_of()):
            return {**values, "unit_id": unit_coded(session, "QC").id}


@pytest.mark.req("ORG-2")
class TestEmployments(FactSuite):
    view = EmploymentView
    new = {"starts_at": "2020-01-01", "ends_at": "2020-12-31"}
    change = {"starts_at": "2026-02-01", "ends_at": ""}
    changed_text = "Person 1"
    spoiled = {"ends_at": "2019-12-31"}
    kept = "2019-12-31"

    def make(self, session: Session, number: int, client: int | None = None) -> Record:
        employment = Employment(person_id=self.person(session, number).id, starts_at=START)
        session.add(employment)
        session.flush()
        return employment


@pytest.mark.req("ORG-4")
class TestLeaves(FactSuite):
    view = LeaveView
    new = {"kind": "medical", "starts_at": "2026-03-01", "ends_at": "2026-03-20"}
    change = {"starts_at": "2026-02-01", "ends_at": "2026-04-30"}
    changed_text = "Person 1"
    spoiled = {"kind": "boredom"}
    kept = "2026-03-20"

    def make(self, session: Session, number: int, client: int | None = None) -> Record:
        leave = Leave(person_id=self.person(session, number).id, kind="medical", starts_at=START)
        session.add(leave)
        session.flush()
        return leave


@pytest.mark.req("ORG-3")
def test_a_day_is_a_day_of_the_home_site(house: House) -> None:
    browser = house.client("cora")  # reads in UTC; the site is in Berlin
    with acting(context_of()):
        tom, unit = person_named(house.session, "E008"), unit_coded(house.session, "STERILE")
    form = {"person_id": tom.id, "unit_id": unit.id, "starts_at": "2026-07-01", "ends_at": "2026-07-31"}
    assert browser.post("/people/memberships/add", data=form).status_code == 302
    with acting(context_of()):
        found = house.session.scalars(select(Membership).where(Membership.unit_id == unit.id)).one()
    assert found.starts_at == datetime(2026, 6, 30, 22, 0, tzinfo=UTC)
    assert found.ends_at == datetime(2026, 7, 31, 22, 0, tzinfo=UTC)


@pytest.mark.req("ORG-3")
def test_moving_ends_one_membership_and_begins_the_next_without_a_gap(house: House) -> None:
    with acting(context_of()):
        tom = person_named(house.session, "E008")
        old = house.session.scalars(select(Membership).where(Membership.person_id == tom.id)).one()
        number, person = old.id, tom.id
        lead, department = unit_coded(house.session, "LEAD").id, unit_coded(house.session, "QC").id
    browser = house.client("cora")
    form = {"unit_id": lead, "first_day": "2026-04-01", "reason": "Promoted"}
    wrong = browser.post(f"/people/memberships/move/{number}", data=form | {"unit_id": department})
    assert wrong.status_code == 422, "a job function is not followed by a department"
    assert browser.post(f"/people/memberships/move/{number}", data=form).status_code == 302
    house.session.remove()  # type: ignore[attr-defined]
    with acting(context_of()):
        rows = house.session.scalars(
            select(Membership).where(Membership.person_id == person).order_by(Membership.id)
        ).all()
    withdrawn, ended, began = rows
    assert withdrawn.voided_at < FOREVER
    assert withdrawn.void_reason == "Promoted"
    assert ended.replaces_id == withdrawn.id
    assert ended.ends_at == began.starts_at == datetime(2026, 3, 31, 22, 0, tzinfo=UTC)
    assert began.unit_id == lead
    assert began.ends_at == FOREVER


@pytest.mark.req("ORG-3")
def test_nobody_belongs_to_a_unit_twice_at_the_same_time(house: House) -> None:
    browser = house.client("cora")
    with acting(context_of()):
        tom, unit = person_named(house.session, "E008"), unit_coded(house.session, "OPERATOR")
    form = {"person_id": tom.id, "unit_id": unit.id, "starts_at": "2026-01-01", "ends_at": ""}
    answer = browser.post("/people/memberships/add", data=form)
    assert answer.status_code == 422
    assert "belongs to Operator at that time already" in answer.text


@pytest.mark.req("ORG-2")
def test_nobody_is_his_own_supervisor_through_the_chain(house: House) -> None:
    browser = house.client("cora")
    with acting(context_of()):
        sue, tom = person_named(house.session, "E006"), person_named(house.session, "E008")
    page = browser.get(f"/people/edit/{sue.id}")
    assert page.status_code == 200
    form = {"employee_no": "E006", "name": "Sue Supervisor", "supervisor_id": tom.id, "row_version": sue.row_version}
    answer = browser.post(f"/people/edit/{sue.id}", data=form | {"reason_for_change": "Try"})
    assert answer.status_code == 422
    assert "own supervisor" in answer.text


@pytest.mark.req("ORG-4")
def test_whoever_comes_back_from_leave_is_on_the_catch_up_list(house: House) -> None:
    now = datetime.now(UTC)
    with acting(context_of("cora", clock=lambda: now)):
        for number, days in (("E008", 5), ("E009", 90), ("E012", -10)):
            person = person_named(house.session, number)
            first = (now - timedelta(days=120)).date()
            people.go_on_leave(house.session, person, "medical", first, (now - timedelta(days=days)).date())
        house.session.commit()
    page = house.client("sue").get("/people/catch-up/").text
    assert "Tom Trainee" in page, "back for five days"
    assert "Nora Nologin" in page, "back in ten days"
    assert "Tess Trainee" not in page, "back for three months"


@pytest.mark.req("ORG-2")
def test_the_page_of_a_person_without_a_login_shows_the_training_record(house: House) -> None:
    with acting(context_of()):
        nora = person_named(house.session, "E012")
    page = house.client("sue").get(f"/people/show/{nora.id}?as_of=2026-03-01")
    assert page.status_code == 200
    assert "Nora Nologin" in page.text
    assert "Operator" in page.text


@pytest.mark.req("RPT-1")
def test_a_training_record_goes_on_paper_for_those_who_may(house: House) -> None:
    with acting(context_of()):
        tom = person_named(house.session, "E008")
    assert house.client("cora").get(f"/people/record/{tom.id}/pdf").data.startswith(b"%PDF")
    assert house.client("tess").get(f"/people/record/{tom.id}/pdf").status_code == 403


def test_the_list_of_people_narrows_to_the_members_of_a_unit_today(house: House) -> None:
    with acting(context_of()):
        operators = unit_coded(house.session, "OPERATOR").id
    browser = house.client("sue")
    with counted(house) as statements:
        page = browser.get(f"/people/list/?f.unit={operators}").text
    assert "Tom Trainee" in page
    assert "Cora Coordinator" not in page.split('id="page-title"')[-1]
    assert len(statements) <= 10
    assert browser.get("/people/list/?f.unit=99999999999999999999").status_code == 200
