"""Which assignment a person should have: opened, re-dated, completed or withdrawn, and never twice."""

from random import Random

from hypothesis import given, settings
from hypothesis import strategies as st

from app.domain.compliance import Decision
from app.domain.reconciling import NOTHING, OpenAssignment, Step, Wanted, decide_assignment
from tests.domain.company import ALICE, OPERATOR, SOP, Company, midnight
from tests.domain.histories import random_world, some_instant
from tests.domain.test_against_oracle import decisions


def operator() -> Company:
    company = Company()
    company.row(OPERATOR, months=12)
    company.member(OPERATOR, "2025-03-03")
    return company


def opened(step: Step, when: str) -> OpenAssignment:
    """Return the assignment that a step opens or re-dates, as it would be stored."""
    target = step.open or step.redate
    assert isinstance(target, Wanted)
    return OpenAssignment(7, ALICE, SOP, target.version, midnight(when), target.due_at, target.proof, target.reasons)


def decide(decision: Decision, existing: OpenAssignment | None = None) -> Step:
    return decide_assignment(decision, existing, "[]")


def test_a_new_obligation_opens_an_assignment_and_training_completes_it() -> None:
    company = operator()
    step = decide(company.on("2025-03-10"))
    assert step.open is not None
    assert (step.open.version, str(step.open.due_on), step.open.cause) == (1, "2025-03-17", None)
    existing = opened(step, "2025-03-10")
    assert decide(company.on("2025-03-10"), existing) == NOTHING
    company.trained("2025-03-12")
    done = decide(company.on("2025-03-12"), existing)
    assert done.complete is not None
    assert done.open is None


def test_an_approved_revision_opens_an_assignment_for_the_new_version() -> None:
    company = operator()
    company.trained("2025-03-12")
    assert decide(company.on("2025-05-01")) == NOTHING
    company.version(2, "2025-06-01", "2025-07-01")
    step = decide(company.on("2025-06-01"))
    assert step.open is not None
    assert (step.open.version, str(step.open.due_on), step.open.cause) == (2, "2025-06-30", "revision")
    existing = opened(step, "2025-06-01")
    assert decide(company.on("2025-07-01"), existing) == NOTHING, "the same assignment goes on when it is overdue"
    company.trained("2025-06-20", version=2)
    assert decide(company.on("2025-06-20"), existing).complete is not None


def test_recurrence_opens_an_assignment_within_the_lead_time() -> None:
    company = operator()
    company.trained("2025-03-12")
    assert decide(company.on("2026-02-10")) == NOTHING
    step = decide(company.on("2026-02-11"))
    assert step.open is not None
    assert (str(step.open.due_on), step.open.cause) == ("2026-03-12", "recurrence")


def test_a_revision_re_dates_the_assignment_that_is_already_open() -> None:
    company = operator()
    existing = opened(decide(company.on("2025-03-10")), "2025-03-10")
    company.version(2, "2025-03-11", "2025-03-15")
    step = decide(company.on("2025-03-16"), existing)
    assert step.redate is not None
    assert step.redate.version == 2
    assert step.open is None


def test_training_the_named_version_completes_even_when_the_next_one_already_waits() -> None:
    company = operator()
    existing = opened(decide(company.on("2025-03-10")), "2025-03-10")
    company.trained("2025-03-12")
    company.version(2, "2025-03-13", "2025-04-15")
    step = decide(company.on("2025-03-14"), existing)
    assert step.complete is not None
    assert step.open is not None
    assert step.open.version == 2


def test_moving_out_withdraws_with_the_reason() -> None:
    company = operator()
    existing = opened(decide(company.on("2025-03-10")), "2025-03-10")
    company.world.memberships.clear()
    step = decide(company.on("2025-03-11"), existing)
    assert str(step.withdraw) == "SOP-1 is no longer required of this person."


def test_an_exemption_withdraws_and_its_end_opens_again() -> None:
    company = operator()
    existing = opened(decide(company.on("2025-03-10")), "2025-03-10")
    company.exempt("2025-03-11", "2025-05-01")
    assert str(decide(company.on("2025-03-11"), existing).withdraw) == "Exempt from SOP-1."
    assert decide(company.on("2025-05-01")).open is not None


def test_a_withdrawn_revision_withdraws_its_assignment_and_old_training_does_not_complete_it() -> None:
    company = operator()
    company.trained("2025-03-12")
    company.version(2, "2025-06-01", "2025-07-01")
    existing = opened(decide(company.on("2025-06-01")), "2025-06-01")
    company.world.releases.pop()
    step = decide(company.on("2025-06-05"), existing)
    assert step.complete is None
    assert step.withdraw is not None


@settings(max_examples=300, deadline=None)
@given(st.integers(0, 2**32))
def test_deciding_again_changes_nothing_and_every_uncovered_obligation_has_one(seed: int) -> None:
    random = Random(seed)
    world = random_world(random)
    first, second = sorted(some_instant(random, world.people[0].zone) for _ in range(2))
    for person in world.people:
        later = decisions(world, person.id, second, second)
        for item, decision in decisions(world, person.id, first, first).items():
            existing = _after(decide(decision), None, decision)
            assert decide(decision, existing) == NOTHING
            assert (existing is not None) or not _must_have(decision)
            existing = _after(decide(later[item], existing), existing, later[item])
            assert decide(later[item], existing) == NOTHING
            assert (existing is not None) or not _must_have(later[item])
            assert existing is None or (later[item].required and later[item].status != "exempt")


def _must_have(decision: Decision) -> bool:
    if decision.status in ("exempt", "not_required"):
        return False
    return decision.cover is None or bool(decision.pending or decision.orders)


def _after(step: Step, existing: OpenAssignment | None, decision: Decision) -> OpenAssignment | None:
    """Apply a step the way the reconciler does."""
    if step.complete or step.withdraw:
        assert existing is not None
        existing = None
    target = step.open or step.redate
    if target is None:
        return existing
    at = existing.opened_at if existing else decision.at
    return OpenAssignment(
        7, decision.person, decision.item, target.version, at, target.due_at, target.proof, target.reasons
    )
