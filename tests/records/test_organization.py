"""The lists of the organization (ORG-1)."""

from typing import Any

import pytest
from flask.testing import FlaskClient
from sqlalchemy.orm import Session

from app.models.base import Record
from app.models.organization import UNIT_KINDS, Unit
from app.safeguards.context import acting
from app.views.organization import VIEWS
from tests.cast import context_of
from tests.conftest import House
from tests.records.suite import RecordSuite

pytestmark = pytest.mark.req("ORG-1")


class UnitSuite(RecordSuite):
    """Units of one kind."""

    view = VIEWS["department"]
    new = {"code": "PACK", "name": "Packaging", "active": "y"}
    change = {"code": "U1", "name": "Another name", "active": "y"}
    changed_text = "Another name"
    spoiled = {"code": "", "name": "A name worth keeping"}
    kept = "A name worth keeping"

    def make(self, session: Session, number: int, client: int | None = None) -> Record:
        unit = Unit(kind=self.view.kind, code=f"U{number}", name=f"Unit {number}", client_id=client)
        session.add(unit)
        session.flush()
        return unit


class TestDepartments(UnitSuite):
    """The whole suite on both databases, for one kind of record."""

    @pytest.fixture
    def home(self, both_houses: House) -> House:
        return both_houses


class TestSites(UnitSuite):
    view = VIEWS["site"]
    spoiled = {"time_zone": "Mars/Olympus", "name": "A name worth keeping"}


class TestShifts(UnitSuite):
    view = VIEWS["shift"]
    spoiled = {"shift_starts": "quarter past six", "name": "A name worth keeping"}


def test_every_kind_of_unit_has_its_list(house: House) -> None:
    browser = house.client("cora")
    for kind in UNIT_KINDS:
        page = browser.get(f"/organization/{kind}/list/")
        assert page.status_code == 200, kind
    assert set(VIEWS) == set(UNIT_KINDS)


def test_a_unit_is_found_on_the_list_of_its_own_kind_alone(house: House) -> None:
    browser = house.client("cora")
    with acting(context_of()):
        site: Any = house.session.query(Unit).filter_by(kind="site").one()
    assert browser.get(f"/organization/site/show/{site.id}").status_code == 200
    assert browser.get(f"/organization/department/show/{site.id}").status_code == 404


@pytest.mark.req("CLI-1")
def test_a_new_client_belongs_to_itself(house: House) -> None:
    browser = house.client("cora")
    assert (
        browser.post("/organization/client/add", data={"code": "GAMMA", "name": "Gamma", "active": "y"}).status_code
        == 302
    )
    with acting(context_of()):
        client = house.session.query(Unit).filter_by(code="GAMMA").one()
    assert client.client_id == client.id


def test_a_code_may_repeat_in_another_kind_but_not_in_the_same(house: House) -> None:
    browser = house.client("cora")
    assert browser.post("/organization/study/add", data={"code": "QC", "name": "Quick check"}).status_code == 302
    again = browser.post("/organization/department/add", data={"code": "QC", "name": "Quality once more"})
    assert again.status_code == 422
    assert "Quality once more" in again.text


@pytest.mark.req("CLI-1")
def test_lookups_never_offer_another_clients_unit(house: House) -> None:
    axel: FlaskClient = house.client("axel")
    found = axel.get("/lookup/units?kind=client&q=").get_json()
    assert [row["text"] for row in found] == ["ACME · Acme Biotech"]
