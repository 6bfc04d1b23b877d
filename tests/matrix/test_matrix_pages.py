"""The matrix by form and as a picture: rows, decisions about people, the heat map with its explanations."""

from datetime import UTC, datetime, timedelta
from io import BytesIO
from typing import Any

import pytest
from openpyxl import load_workbook
from sqlalchemy import select

from app.models.base import FOREVER
from app.models.documents import Item, Release, Version
from app.models.matrix import Assignment, Completion, Exemption, Requirement, RequirementUnit
from app.models.organization import Unit
from app.models.signing import Signature
from app.safeguards.context import acting
from app.services import matrix
from tests.acts import person
from tests.cast import PASSWORD, context_of
from tests.conftest import House

YEAR_AGO = datetime.now(UTC) - timedelta(days=365)


def settle_item(house: House, code: str, function: str, client: str | None = None) -> tuple[Item, Version, Requirement]:
    """Record an item in force for a year, and that everybody in a function has needed it since."""
    session = house.session
    unit = session.scalars(select(Unit).where(Unit.code == function)).one()
    owner = session.scalars(select(Unit.id).where(Unit.code == client)).one() if client else None
    item = Item(code=code, title=f"Title of {code}", client_id=owner)
    session.add(item)
    session.flush()
    version = Version(item_id=item.id, sequence=1, label="1", client_id=owner)
    session.add(version)
    session.flush()
    session.add(Release(item_id=item.id, version_id=version.id, training_from=YEAR_AGO, effective_from=YEAR_AGO))
    session.flush()
    row = matrix.require(session, [unit.id], item_id=item.id, starts_at=YEAR_AGO)
    return item, version, row


@pytest.fixture
def gowning(house: House) -> tuple[Item, Version, Requirement]:
    """SOP-1, needed by operators for a year; nobody is trained."""
    with acting(context_of(clock=lambda: datetime.now(UTC))):
        settled = settle_item(house, "SOP-1", "OPERATOR")
        house.session.commit()
    return settled


def cells(client: Any, query: str = "") -> dict[str, dict[str, str]]:
    answer = client.get(f"/matrix/map/cells.json?{query}")
    assert answer.status_code == 200, answer.text
    drawn = answer.get_json()
    codes = [code for _, code, _ in drawn["items"]]
    return {
        name: dict(zip(codes, row, strict=True))
        for (_, name, *_), row in zip(drawn["people"], drawn["rows"], strict=True)
    }


@pytest.mark.req("MTX-10")
def test_the_heat_map_shows_who_is_out_of_date_now_and_nothing_before_the_item_was_needed(
    house: House, gowning: Any
) -> None:
    quinn = house.client("quinn")
    assert cells(quinn)["Tom Trainee"] == {"SOP-1": "o"}
    before = (YEAR_AGO - timedelta(days=2)).strftime("%Y-%m-%dT%H:%M")
    assert cells(quinn, f"as_of={before}") == {}
    assert cells(quinn, "show=problems").keys() == {"Tom Trainee", "Tess Trainee", "Nora Nologin", "Charlie Outside"}


@pytest.mark.req("MTX-4")
def test_a_cell_explains_why_by_when_and_what_would_clear_it(house: House, gowning: Any) -> None:
    tom = person(house.session, "tom")
    page = house.client("quinn").get(f"/matrix/map/explain/?person={tom.id}&item={gowning[0].id}").text
    assert "Required of Operator" in page
    assert "14 days to complete" in page
    assert "Training on version 1 clears it." in page
    seen_by_sue = house.client("sue").get(f"/matrix/map/explain/?person={tom.id}&item={gowning[0].id}").text
    assert "Order training" in seen_by_sue
    assert "Exempt</a>" not in seen_by_sue


@pytest.mark.req("CLI-1")
def test_the_heat_map_shows_nothing_of_another_client(house: House, gowning: Any) -> None:
    with acting(context_of(clock=lambda: datetime.now(UTC))):
        foreign, _, _ = settle_item(house, "BETA-1", "OPERATOR", "BETA")
        settle_item(house, "ACME-1", "OPERATOR", "ACME")
        house.session.commit()
    axel = house.client("axel")
    assert cells(axel)["Tom Trainee"].keys() == {"SOP-1", "ACME-1"}
    assert "BETA-1" not in axel.get("/matrix/map/table/").text
    tom = person(house.session, "tom")
    assert axel.get(f"/matrix/map/explain/?person={tom.id}&item={foreign.id}").status_code == 404


def test_a_date_that_is_none_and_arguments_that_mean_nothing_are_answered_in_words(house: House, gowning: Any) -> None:
    quinn = house.client("quinn")
    answer = quinn.get("/matrix/map/?as_of=yesterday")
    assert answer.status_code == 422
    assert "Enter it as 2026-03-31" in answer.text
    assert quinn.get("/matrix/map/?endpoint=x&_external=1&page=z&function=").status_code == 200
    assert quinn.get("/matrix/map/?function=1;drop").status_code == 422


def test_the_workbook_of_the_heat_map_says_what_is_seen(house: House, gowning: Any) -> None:
    answer = house.client("quinn").get("/matrix/map/export/xlsx")
    sheet = load_workbook(BytesIO(answer.data)).worksheets[0]
    rows = list(sheet.iter_rows(values_only=True))
    header = next(row for row in rows if "SOP-1" in row)
    tom = next(row for row in rows if "Tom Trainee" in row)
    assert tom[header.index("SOP-1")] == "Overdue"


@pytest.mark.req("MTX-5", "MTX-8")
def test_ordering_training_by_form_assigns_it_at_once(house: House, gowning: Any) -> None:
    max_person = person(house.session, "max")
    answer = house.client("sue").post(
        "/matrix/orders/add",
        data={"person_id": max_person.id, "item_id": gowning[0].id, "due_on": "2099-01-31", "source": "DEV-7"},
    )
    assert answer.status_code == 302, answer.text
    house.session.expire_all()
    with acting(context_of()):
        given = house.session.scalars(select(Assignment).where(Assignment.person_id == max_person.id)).one()
        assert (given.trigger, given.source, given.due_on.isoformat()) == ("order", "DEV-7", "2099-01-31")


@pytest.mark.req("MTX-9", "SIG-1")
def test_an_exemption_takes_a_signature_in_the_act_and_a_wrong_password_records_nothing(
    house: House, gowning: Any
) -> None:
    tom, item = person(house.session, "tom"), gowning[0]
    form = {
        "person_id": tom.id, "item_id": item.id, "starts_at": "2026-01-01", "reason": "Works at the desk only",
        "username": "quinn", "password": "wrong",
    }  # fmt: skip
    quinn = house.client("quinn")
    refused = quinn.post("/matrix/exemptions/add", data=form)
    assert refused.status_code == 422
    assert "Nothing was signed" in refused.text
    assert "Works at the desk only" in refused.text
    with acting(context_of()):
        assert house.session.scalars(select(Exemption)).all() == []
    assert quinn.post("/matrix/exemptions/add", data=form | {"password": PASSWORD}).status_code == 302
    house.session.expire_all()
    with acting(context_of()):
        exemption = house.session.scalars(select(Exemption)).one()
        signature = house.session.scalars(select(Signature)).one()
        assert (signature.record_type, signature.record_id) == ("exemptions", exemption.id)
        assert (signature.printed_name, signature.meaning) == ("Quinn Quality", "approval")
    assert cells(quinn)["Tom Trainee"] == {"SOP-1": "x"}


@pytest.mark.req("ORG-6")
def test_nobody_exempts_himself_or_herself(house: House, gowning: Any) -> None:
    quinn = person(house.session, "quinn")
    answer = house.client("quinn").post(
        "/matrix/exemptions/add",
        data={
            "person_id": quinn.id, "item_id": gowning[0].id, "starts_at": "2026-01-01", "reason": "I know it all",
            "username": "quinn", "password": PASSWORD,
        },
    )  # fmt: skip
    assert answer.status_code == 422
    assert "Ask a colleague" in answer.text


@pytest.mark.req("LRN-3", "21CFR211.25(a)")
def test_on_the_job_training_by_somebody_who_was_not_qualified_is_refused(house: House, gowning: Any) -> None:
    item, version, _ = gowning
    tom, tess = person(house.session, "tom"), person(house.session, "tess")
    form = {
        "person_id": tom.id, "item_id": item.id, "version_id": version.id, "completed_at": "2026-02-01T10:00",
        "method": "ojt", "result": "passed", "evaluator_id": tess.id,
    }  # fmt: skip
    answer = house.client("cora").post("/training/records/add", data=form)
    assert answer.status_code == 422
    assert "was not qualified on this item on that day" in answer.text
    with acting(context_of()):
        assert house.session.scalars(select(Completion)).all() == []


@pytest.mark.req("MTX-1", "MTX-2")
def test_changing_a_row_restates_it_keeps_its_units_and_needs_a_reason(house: House, gowning: Any) -> None:
    row = gowning[2]
    cora = house.client("cora")
    form = {"row_version": row.row_version, "starts_at": f"{YEAR_AGO:%Y-%m-%d}", "days_to_complete": "400",
            "grace_days": "0", "revision_grace_days": "0", "proof": "read"}  # fmt: skip
    assert cora.post(f"/matrix/rows/edit/{row.id}", data=form).status_code == 422
    answer = cora.post(f"/matrix/rows/edit/{row.id}", data=form | {"reason_for_change": "Operators asked for time"})
    assert answer.status_code == 302, answer.text
    house.session.expire_all()
    with acting(context_of()):
        held = house.session.scalars(select(Requirement).where(Requirement.voided_at == FOREVER)).one()
        units = house.session.scalars(
            select(RequirementUnit.unit_id).where(RequirementUnit.requirement_id == held.id)
        ).all()
        assert (held.replaces_id, held.days_to_complete, len(units)) == (row.id, 400, 1)
    assert cells(cora)["Tom Trainee"] == {"SOP-1": "a"}
