"""The page of the audit trail: filters, export, verification, and the signed review (AUD-4, Annex 11 clause 9)."""

from datetime import timedelta

import pytest
from sqlalchemy import select

from app.domain.errors import RuleBroken
from app.models.organization import Unit
from app.models.signing import Signature
from app.models.trail import AuditEntry, TrailReview
from app.safeguards.context import acting
from app.services import trail_review
from tests.acts import sign, somebody
from tests.cast import NOW, context_of
from tests.conftest import House


def rename(house: House, reason: str = "A better name") -> Unit:
    with acting(context_of("dora", reason=reason)):
        unit = house.session.scalars(select(Unit).where(Unit.code == "QC")).one()
        unit.name = "Quality laboratory"
        house.session.commit()
    return unit


def test_the_page_tells_who_changed_what_and_why(house: House) -> None:
    rename(house)
    page = house.client("quinn").get("/trail/?person=dora")
    text = page.get_data(as_text=True)
    assert page.status_code == 200
    assert " object at 0x" not in text
    for told in ("Dora Documents", "Quality laboratory", "Quality control", "A better name"):
        assert told in text


def test_filters_narrow_the_entries(house: House) -> None:
    unit = rename(house)
    quinn = house.client("quinn")
    assert "Dora Documents" in quinn.get(f"/trail/?record=units/{unit.id}").get_data(as_text=True)
    for nothing in ("?person=dora&kind=people", "?q=no+such+words", "?from=2031-01-01", "?person=dora&action=login"):
        assert "Nothing matches these filters" in quinn.get("/trail/" + nothing).get_data(as_text=True)
    assert quinn.get("/trail/?from=yesterday").status_code == 422


@pytest.mark.parametrize("form", ["xlsx", "csv", "pdf"])
def test_an_export_holds_the_entries_and_is_one_itself(house: House, form: str) -> None:
    rename(house)
    answer = house.client("quinn").get(f"/trail/export/{form}?person=dora")
    assert answer.status_code == 200
    if form == "csv":
        assert "Quality laboratory" in answer.get_data(as_text=True)
    with acting(context_of()):
        entry = house.session.scalars(select(AuditEntry).where(AuditEntry.kind == "export")).one()
        assert entry.username == "quinn"


def test_verifying_tells_its_result_on_the_page(house: House) -> None:
    quinn = house.client("quinn")
    assert quinn.get("/trail/verify").status_code == 405
    assert quinn.post("/trail/verify").status_code == 302
    assert "agree with" in quinn.get("/trail/").get_data(as_text=True)


@pytest.mark.parametrize("path", ["/trail/", "/trail/export/csv", "/trail/review"])
def test_the_trail_is_closed_to_those_who_may_not_read_it(house: House, path: str) -> None:
    assert house.client("tom").get(path).status_code == 403
    assert house.client().get(path).status_code == 302


def test_an_auditor_of_one_client_sees_that_clients_entries_alone(house: House) -> None:
    rename(house, "company matter")
    text = house.client("axel").get("/trail/").get_data(as_text=True)
    assert "company matter" not in text
    assert "BETA" not in text


def test_a_review_is_a_record_that_somebody_signs(house: House) -> None:
    rename(house)
    session = house.session
    with acting(somebody(session, "quinn", NOW + timedelta(hours=1))):
        review = trail_review.begin_review(
            session, NOW - timedelta(days=1), NOW + timedelta(minutes=1), "All in order."
        )
        session.commit()
        assert review.entries > 0
        assert "change" in review.kinds
        assert trail_review.reviewed_until(session) == trail_review.BEGINNING
        sign(session, review, "review", "quinn")
        session.commit()
        assert trail_review.reviewed_until(session) == review.ends_at
        assert session.scalars(select(Signature).where(Signature.meaning == "review")).one().username == "quinn"


def test_a_review_needs_a_conclusion_and_a_period_that_is_over(house: House) -> None:
    with acting(somebody(house.session, "quinn")):
        for start, end, words in ((-1, 0, " "), (0, -1, "fine"), (-1, 1, "fine")):
            with pytest.raises(RuleBroken):
                trail_review.begin_review(house.session, NOW + timedelta(days=start), NOW + timedelta(days=end), words)


def test_the_page_leads_from_the_form_to_the_signature(house: House) -> None:
    quinn = house.client("quinn")
    assert quinn.get("/trail/review").status_code == 200
    refused = quinn.post("/trail/review", data={"starts_on": "2026-03-01", "ends_on": "2026-02-01", "conclusion": "x"})
    assert refused.status_code == 422
    answer = quinn.post(
        "/trail/review", data={"starts_on": "2020-03-01", "ends_on": "2020-04-01", "conclusion": "Fine."}
    )
    assert answer.status_code == 302
    page = quinn.get(answer.headers["Location"])
    assert page.status_code == 200
    assert "Fine." in page.get_data(as_text=True)
    with acting(context_of()):
        assert house.session.scalars(select(TrailReview)).one().conclusion == "Fine."
