"""Compliance computed from the database equals the naive oracle; reconciling twice changes nothing (issue 2, no. 3)."""

import os
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from random import Random
from unittest import mock

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import select
from sqlalchemy.orm import Session

from app.models.matrix import Assignment
from app.safeguards.context import acting
from app.services import compliance, gathering
from app.services.reconciler import reconcile
from tests.cast import context_of
from tests.conftest import House
from tests.domain.histories import random_world, some_instant
from tests.domain.oracle import Oracle
from tests.matrix.writing import EARLY, Written

LATER = datetime(2030, 1, 1, tzinfo=UTC)
SETTINGS = settings(
    max_examples=int(os.environ.get("QUALGATE_EXAMPLES", "25")),
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
pytestmark = pytest.mark.postgresql


@contextmanager
def a_world(session: Session, at: datetime) -> Iterator[None]:
    """Act at an instant, and leave no trace of the random company behind."""
    try:
        with acting(context_of(clock=lambda: at)):
            yield
    finally:
        session.rollback()


@SETTINGS
@given(seed=st.integers(0, 2**32))
def test_what_is_computed_from_the_database_equals_the_naive_oracle(both_houses: House, seed: int) -> None:
    session, random = both_houses.session, Random(seed)
    world = random_world(random)
    with a_world(session, LATER):
        written = Written(session, world)
        for _ in range(2):
            at = some_instant(random, world.people[0].zone)
            k = random.choice([at, LATER])
            with ways_of_gathering(random):
                compare(session, written, at, k)


@contextmanager
def ways_of_gathering(random: Random) -> Iterator[None]:
    """Small companies take every way that large ones take."""
    with (
        mock.patch.object(gathering, "FEW", random.choice([0, 2000])),
        mock.patch.object(gathering, "A_GROUP", random.choice([0, 200])),
        mock.patch.object(gathering, "FEW_ITEMS", random.choice([0, 20])),
        mock.patch.object(gathering, "PARTS", random.choice([1, 8])),
    ):
        yield


def compare(session: Session, written: Written, at: datetime, k: datetime) -> None:
    world = written.world
    for facts in vars(world).values():
        for index, fact in enumerate(facts):
            if hasattr(fact, "recorded_at"):
                facts[index] = fact._replace(recorded_at=max(fact.recorded_at, EARLY))
    oracle = Oracle(world, at, k)
    expected = {}
    trained = {(one.person, one.item) for one in oracle.w.completions if one.completed_at <= at}
    for person, person_id in written.people.items():
        for item, item_id in written.items.items():
            answer = oracle.answer(person, item)
            if answer.status != "not_required" or (person, item) in trained:
                expected[person_id, item_id] = (answer.status, answer.due_on)
    rows = compliance.evaluate(session, at=at, known_at=k, people=written.people.values(), include_not_required=True)
    assert {(row.person_id, row.item_id): (row.status, row.due_on) for row in rows} == expected
    required = Counter(status for status, _ in expected.values() if status != "not_required")
    assert compliance.counts(session, at=at, known_at=k, people=written.people.values()) == required
    slices(session, written, oracle, k, expected)


def slices(session: Session, written: Written, oracle: Oracle, k: datetime, expected: dict) -> None:
    """Any part of the company gets the same answers as the whole."""
    at, item_of = oracle.t, {item_id: item for item, item_id in written.items.items()}
    item = written.items[1]
    rows = compliance.evaluate(session, at=at, known_at=k, items=[item], include_not_required=True)
    ours = set(written.people.values())  # a row without units concerns the cast as well
    assert {(row.person_id, row.item_id): (row.status, row.due_on) for row in rows if row.person_id in ours} == {
        pair: found for pair, found in expected.items() if pair[1] == item
    }
    person = written.people[1]
    gate = compliance.may_perform(session, person, written.items.values(), at, k)
    for row in gate.rows:
        status = expected.get((row.person_id, row.item_id), ("not_required", None))[0]
        assert row.status == status
    picture = compliance.heatmap(session, [person], written.items.values(), at, k)
    for letter, column in zip(picture.cells[person], picture.items, strict=True):
        status = expected.get((person, column), ("not_required", None))[0]
        if letter == compliance.TRAINED_ONLY:
            assert status == "not_required"
            assert oracle.answer(1, item_of[column]).good_until
        else:
            assert letter == compliance.CODES[status]


@SETTINGS
@given(seed=st.integers(0, 2**32))
def test_reconciling_twice_in_any_order_changes_nothing(both_houses: House, seed: int) -> None:
    session, random = both_houses.session, Random(seed)
    world = random_world(random)
    at = some_instant(random, world.people[0].zone)
    with a_world(session, at):
        written = Written(session, world)
        parts = [({person}, {item}) for person in written.people.values() for item in written.items.values()]
        random.shuffle(parts)
        for people, items in parts[: random.randrange(len(parts))]:
            reconcile(session, people, items, trigger="import")
        reconcile(session)
        assert not reconcile(session)
        for people, items in parts:
            assert not reconcile(session, people, items, trigger="matrix_change")
        open_pairs = [
            (one.person_id, one.item_id)
            for one in session.scalars(select(Assignment).where(Assignment.state == "open"))
            if one.person_id in written.people.values()
        ]
        assert len(open_pairs) == len(set(open_pairs))
        missing = {
            (row.person_id, row.item_id)
            for row in compliance.evaluate(session, at=at, people=written.people.values())
            if row.decision.to_train
        }
        assert set(open_pairs) == missing
