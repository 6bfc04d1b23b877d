"""The worked examples of docs/compliance.md, and the corners that its sentences decide."""

import pytest

from app.domain.explanations import explain
from tests.domain.company import LEAD, OPERATOR, STERILE, Company

UNITS = {OPERATOR: "Operator", LEAD: "Lead", STERILE: "Sterile area"}


@pytest.fixture
def company() -> Company:
    """Alice, an operator since 3 March 2025; operators need SOP-1 within 14 days and every 12 months."""
    company = Company()
    company.row(OPERATOR, months=12)
    company.member(OPERATOR, "2025-03-03")
    return company


def test_a_new_hire_has_the_days_to_complete(company: Company) -> None:
    assert company.says("2025-03-10") == ("assigned", "2025-03-17")
    assert company.says("2025-03-17T23:59:59") == ("assigned", "2025-03-17")
    assert company.says("2025-03-18") == ("overdue", "2025-03-17")


def test_training_counts_through_its_anniversary(company: Company) -> None:
    company.trained("2025-03-12")
    assert company.says("2025-03-12") == ("qualified", None)
    assert str(company.on("2025-06-01").good_through) == "2026-03-12"
    assert company.says("2026-02-10T23:59:59") == ("qualified", None)
    assert company.says("2026-02-11") == ("due_soon", "2026-03-12")
    assert company.says("2026-03-12T23:59:59") == ("due_soon", "2026-03-12")
    assert company.says("2026-03-13") == ("expired", "2026-03-12")


def test_a_major_revision_must_be_trained_before_it_takes_effect(company: Company) -> None:
    company.trained("2025-03-12")
    company.version(2, "2025-06-01", "2025-07-01")
    assert company.says("2025-06-02") == ("due_soon", "2025-06-30")
    assert company.says("2025-07-01") == ("overdue", "2025-06-30")
    company.trained("2025-06-20", version=2)
    assert company.says("2025-07-01") == ("qualified", None)
    assert company.on("2025-06-30T23:59:59").cover is not None


def test_a_revision_counts_for_the_functions_that_it_names(company: Company) -> None:
    company.trained("2025-03-12")
    company.version(2, "2025-06-01", "2025-07-01", "minor", lead="read")
    assert company.says("2025-07-02") == ("qualified", None)
    company.row(LEAD)
    company.member(LEAD, "2025-04-01")
    assert company.says("2025-07-02")[0] == "overdue"


def test_training_on_a_version_to_come_counts_only_from_its_day(company: Company) -> None:
    company.version(2, "2025-06-01", "2025-07-01")
    company.world.memberships.clear()
    company.member(OPERATOR, "2025-06-15")
    company.trained("2025-06-20", version=2)
    assert company.says("2025-06-21") == ("assigned", "2025-06-29")
    assert company.says("2025-07-01")[0] == "qualified"
    company.trained("2025-06-20", version=1)
    assert company.on("2025-06-21").permits


def test_moving_out_and_back_starts_the_obligation_anew_but_keeps_the_training(company: Company) -> None:
    company.world.memberships.clear()
    company.member(OPERATOR, "2025-03-03", "2025-08-05")
    company.member(OPERATOR, "2025-10-01")
    company.trained("2025-03-12")
    decision = company.on("2025-10-02")
    assert decision.status == "qualified"
    assert decision.required_since is not None
    assert str(decision.terms.calendar.day(decision.required_since)) == "2025-10-01"
    assert company.says("2025-09-01") == ("not_required", None)


def test_late_entry_is_seen_by_the_clock_of_knowledge_only(company: Company) -> None:
    company.trained("2025-03-12", recorded="2025-04-20")
    assert company.says("2025-04-01")[0] == "qualified"
    assert company.says("2025-04-01", known="2025-04-01") == ("overdue", "2025-03-17")


def test_the_strictest_of_several_rows_counts(company: Company) -> None:
    company.row(STERILE, months=6, days_to_complete=30)
    company.member(STERILE, "2025-03-03")
    assert company.says("2025-03-10") == ("assigned", "2025-03-17")
    company.trained("2025-03-12")
    assert str(company.on("2025-03-13").good_through) == "2025-09-12"


def test_a_row_of_two_units_asks_only_those_who_hold_both() -> None:
    company = Company()
    company.row(OPERATOR, STERILE)
    company.member(OPERATOR, "2025-03-03")
    assert company.says("2025-03-10")[0] == "not_required"
    company.member(STERILE, "2025-03-05")
    assert company.says("2025-03-10") == ("assigned", "2025-03-19")


def test_month_ends_are_clamped(company: Company) -> None:
    company.world.requirements.clear()
    company.row(OPERATOR, months=1)
    company.trained("2026-01-31")
    assert company.says("2026-02-28T23:00:00") == ("due_soon", "2026-02-28")
    assert company.says("2026-03-01") == ("expired", "2026-02-28")


def test_grace_after_the_anniversary_is_whole_days(company: Company) -> None:
    company.world.requirements.clear()
    company.row(OPERATOR, months=12, grace_days=10)
    company.trained("2025-03-12T15:30:00")
    assert company.says("2026-03-22T23:59:59") == ("due_soon", "2026-03-22")
    assert company.says("2026-03-23") == ("expired", "2026-03-22")


def test_leave_stops_the_clock_of_first_training(company: Company) -> None:
    company.leave("2025-03-05", "2025-03-15")
    assert company.says("2025-03-06") == ("on_leave", None)
    assert company.says("2025-03-15") == ("assigned", "2025-03-27")


def test_an_extension_replaces_the_due_day(company: Company) -> None:
    company.extend("2025-05-31")
    assert company.says("2025-05-31T12:00:00") == ("assigned", "2025-05-31")
    assert company.says("2025-06-01") == ("overdue", "2025-05-31")


def test_a_revocation_ends_training_at_once(company: Company) -> None:
    company.trained("2025-03-12")
    company.revoke("2025-05-02T14:00:00")
    assert company.on("2025-05-02T13:59:00").permits
    assert company.says("2025-05-02T14:00:00") == ("overdue", "2025-05-02")
    company.trained("2025-05-10")
    assert company.says("2025-05-11")[0] == "qualified"


def test_a_suspending_order_stops_earlier_training_from_counting(company: Company) -> None:
    company.trained("2025-03-12")
    company.order("2025-05-02", "2025-05-16", suspends=True)
    assert company.says("2025-05-03") == ("overdue", "2025-05-01")
    company.trained("2025-05-05")
    assert company.says("2025-05-06")[0] == "qualified"


def test_an_open_order_is_a_reason_of_its_own_and_sets_the_day() -> None:
    company = Company()
    company.order("2025-05-02", "2025-05-16")
    assert company.says("2025-05-01")[0] == "not_required"
    assert company.says("2025-05-03") == ("assigned", "2025-05-16")
    assert company.says("2025-05-17") == ("overdue", "2025-05-16")
    company.trained("2025-05-05")
    assert company.says("2025-05-06")[0] == "not_required"


def test_an_open_order_makes_a_trained_person_due_soon(company: Company) -> None:
    company.trained("2025-03-12")
    company.order("2025-05-02", "2025-05-16")
    assert company.says("2025-05-03") == ("due_soon", "2025-05-16")


def test_an_exempt_person_is_exempt_only_while_it_lasts(company: Company) -> None:
    company.exempt("2025-04-01", "2025-05-01")
    assert company.says("2025-04-10") == ("exempt", None)
    assert company.says("2025-05-01")[0] == "overdue"


def test_an_item_without_a_version_in_force_is_assigned() -> None:
    company = Company()
    company.world.releases.clear()
    company.row(OPERATOR)
    company.member(OPERATOR, "2025-03-03")
    assert company.says("2025-06-01") == ("assigned", None)
    company.version(1, "2025-06-01", "2025-07-01")
    assert company.says("2025-06-10") == ("assigned", "2025-07-15")


def test_trained_but_not_required_still_permits_the_work() -> None:
    company = Company()
    company.trained("2025-03-12")
    assert company.says("2025-03-13")[0] == "not_required"
    assert company.on("2025-03-13").permits
    assert not company.on("2025-03-11").permits


def test_a_yearly_day_ends_training_wherever_it_fell(company: Company) -> None:
    company.world.requirements.clear()
    company.row(OPERATOR, yearly=(1, 31))
    company.trained("2025-03-12")
    assert company.says("2026-01-31") == ("due_soon", "2026-01-31")
    assert company.says("2026-02-01") == ("expired", "2026-01-31")


@pytest.mark.parametrize(
    ("when", "sentences"),
    [
        (
            "2025-03-10",
            "Required of Operator (matrix row 1). Required without a break since 2025-03-03. Not trained yet. "
            "Due by 2025-03-17: 14 days to complete, leave not counted. Training on version 1 by 2025-03-17 clears it.",
        ),
        (
            "2026-04-01",
            "Required of Operator (matrix row 1). Required without a break since 2025-03-03. "
            "Trained on version 1 on 2025-03-12. It was good through 2026-03-12: repeated every 12 months. "
            "Training on version 1 clears it.",
        ),
        ("2025-01-01", "Not employed at this time, so nothing is required."),
    ],
)
def test_every_decision_says_why_by_when_and_what_to_do(company: Company, when: str, sentences: str) -> None:
    if when > "2025-03-12":
        company.trained("2025-03-12")
    assert str(explain(company.on(when), UNITS)) == sentences


def test_a_pending_revision_is_explained_with_its_day(company: Company) -> None:
    company.trained("2025-03-12")
    company.version(2, "2025-06-01", "2025-07-01")
    text = str(explain(company.on("2025-06-02"), UNITS))
    assert "It is good through 2025-06-30, because version 2 must be trained." in text
    assert "Training on version 2 by 2025-06-30 clears it." in text
