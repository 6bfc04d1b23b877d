"""Assignments follow the facts: each trigger in its own transaction, for exactly those concerned (MTX-5, MTX-6)."""

import json
from datetime import timedelta
from threading import Barrier, Thread

import pytest
from sqlalchemy import func, select

from app.domain.errors import RuleBroken
from app.models.documents import Release
from app.models.matrix import Assignment, Completion, Equivalence
from app.models.people import Membership, Person
from app.models.trail import AuditEntry
from app.safeguards.context import acting
from app.services import facts
from app.services.reconciler import reconcile
from tests.cast import NOW, context_of
from tests.conftest import House
from tests.matrix.test_whatif import operators_need

pytestmark = pytest.mark.req("MTX-5", "MTX-8")


def later(days: int):
    return acting(context_of(clock=lambda: NOW + timedelta(days=days)))


def assignments(session, state: str = "open") -> list[Assignment]:
    return list(session.scalars(select(Assignment).where(Assignment.state == state).order_by(Assignment.id)))


def test_a_new_row_assigns_only_what_is_missing_and_says_why(both_houses: House) -> None:
    session = both_houses.session
    with acting(context_of()):
        item, _ = operators_need(session)
        changes = reconcile(session, items=[item.id], trigger="matrix_change", source="Matrix 2026")
        (only,) = assignments(session)
        assert changes.opened == [only.id]
        assert only.person.name == "Nora Nologin"
        assert (only.trigger, only.source, only.version.label) == ("matrix_change", "Matrix 2026", "1")
        assert "Required of Operator" in json.loads(only.reasons)[0]["text"]


def test_every_change_of_an_assignment_stands_on_the_trail(both_houses: House) -> None:
    session = both_houses.session
    with acting(context_of()):
        item, _ = operators_need(session)
        reconcile(session, items=[item.id], trigger="matrix_change")
        (only,) = assignments(session)
        entries = (
            select(func.count())
            .select_from(AuditEntry)
            .where(AuditEntry.table_name == "assignments", AuditEntry.record_id == str(only.id))
        )
        assert session.scalar(entries) == 1


def test_a_revision_assigns_everybody_concerned_and_training_completes_it(both_houses: House) -> None:
    session = both_houses.session
    with acting(context_of()):
        item, second = operators_need(session)
        reconcile(session, items=[item.id])
        day = NOW + timedelta(days=20)
        facts.record(session, Release, item_id=item.id, version_id=second.id, training_from=NOW, effective_from=day)
        reconcile(session, items=[item.id], trigger="revision", source="SOP-77 v2")
        opened = [one for one in assignments(session) if one.version_id == second.id]
        assert {one.person.name for one in opened} == {"Tom Trainee", "Tess Trainee", "Charlie Outside"}
        assert {one.trigger for one in opened} == {"revision"}
    with later(3) as context:
        tom = session.scalars(select(Person).where(Person.employee_no == "E008")).one()
        done = facts.record(
            session,
            Completion,
            person_id=tom.id,
            item_id=item.id,
            version_id=second.id,
            completed_at=context.now(),
        )
        changes = reconcile(session, people=[tom.id], items=[item.id])
        (closed,) = assignments(session, "completed")
        assert changes.completed == [closed.id]
        assert (closed.person_id, closed.completion_id) == (tom.id, done.id)


def test_moving_out_withdraws_and_moving_back_opens_a_new_one(both_houses: House) -> None:
    session = both_houses.session
    with acting(context_of()):
        item, _ = operators_need(session)
        reconcile(session)
        (first,) = [one for one in assignments(session) if one.item_id == item.id]
        nora = first.person_id
        held = session.scalars(select(Membership).where(Membership.person_id == nora)).one()
        facts.restate(session, held, "Moved to another line", ends_at=NOW)
        reconcile(session, people=[nora], trigger="role_change")
        assert (first.state, first.withdrawal_reason) == (
            "withdrawn",
            "SOP-77 is no longer required of this person.",
        )
    with later(30) as context:
        facts.record(session, Membership, person_id=nora, unit_id=held.unit_id, starts_at=context.now())
        reconcile(session, people=[nora], trigger="role_change")
        (second,) = [one for one in assignments(session) if one.item_id == item.id]
        assert second.id != first.id
        assert second.trigger == "role_change"


def test_a_membership_entered_by_mistake_withdraws_what_it_assigned(both_houses: House) -> None:
    session = both_houses.session
    with acting(context_of()):
        item, _ = operators_need(session)
        reconcile(session)
        (first,) = [one for one in assignments(session) if one.item_id == item.id]
        held = session.scalars(select(Membership).where(Membership.person_id == first.person_id)).one()
        facts.withdraw(session, held, "Entered for the wrong person")
        changes = reconcile(session, people=[first.person_id], trigger="role_change")
        assert changes.withdrawn == [first.id]


def test_training_on_an_equivalent_item_completes_the_assignment(both_houses: House) -> None:
    session = both_houses.session
    with acting(context_of()):
        item, _ = operators_need(session)
        other, _ = operators_need(session, "SOP-78")
        long_ago = NOW - timedelta(days=100)
        session.add(Equivalence(item_id=item.id, counting_item_id=other.id, starts_at=long_ago, recorded_at=long_ago))
        reconcile(session)
        waiting = [one for one in assignments(session) if one.item_id == item.id]
        nora = waiting[0].person_id
        done = facts.record(
            session,
            Completion,
            person_id=nora,
            item_id=other.id,
            version_id=other.versions[0].id,
            completed_at=NOW,
        )
        reconcile(session, people=[nora], items=[other.id], trigger="manual")
        closed = {one.item_id: one.completion_id for one in assignments(session, "completed")}
        assert closed == {item.id: done.id, other.id: done.id}


def test_two_reconciliations_at_once_open_each_assignment_once(both_houses: House) -> None:
    session = both_houses.session
    with acting(context_of()):
        item, _ = operators_need(session)
        session.commit()
    item_id, app, start, failures = item.id, both_houses.app, Barrier(2), []
    session.remove()

    def run() -> None:
        try:
            with app.app_context(), acting(context_of()):
                own = app.extensions["sqlalchemy"].session
                start.wait(timeout=20)
                reconcile(own, items=[item_id], trigger="matrix_change")
                own.commit()
                own.remove()
        except Exception as error:
            failures.append(error)

    threads = [Thread(target=run) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
    with acting(context_of()):
        assert [one.person.name for one in assignments(session)] == ["Nora Nologin"]


def test_an_unknown_trigger_is_refused(house: House) -> None:
    with acting(context_of()), pytest.raises(RuleBroken, match="no known trigger"):
        reconcile(house.session, trigger="whim")
