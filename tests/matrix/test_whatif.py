"""The preview of an approval says exactly what approving then does (DOC-9)."""

from datetime import UTC, datetime, timedelta
from random import Random

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import select

from app.models.documents import Item, Release, Verdict, Version
from app.models.matrix import Assignment, Completion, Requirement, RequirementUnit
from app.models.organization import Unit
from app.models.people import Person
from app.safeguards.bulk import insert_many
from app.safeguards.context import acting
from app.services import compliance
from app.services.reconciler import reconcile
from app.services.whatif import preview
from tests.cast import NOW, context_of
from tests.conftest import House
from tests.domain.histories import random_world, some_instant
from tests.matrix.test_stored_facts import a_world
from tests.matrix.writing import Written

pytestmark = pytest.mark.req("DOC-9")


def operators_need(session, version_of: str = "SOP-77") -> tuple[Item, Version]:
    """SOP-77, version 1 in force, required of operators; everybody but Nora is trained on it."""
    item = Item(code=version_of, title="Line clearance", minutes=30)
    session.add(item)
    session.flush()
    first = Version(item_id=item.id, sequence=1, label="1")
    second = Version(item_id=item.id, sequence=2, label="2")
    session.add_all([first, second])
    session.flush()
    long_ago = NOW - timedelta(days=300)
    session.add(
        Release(
            item_id=item.id,
            version_id=first.id,
            training_from=long_ago,
            effective_from=long_ago,
            recorded_at=long_ago,
        )
    )
    row = Requirement(item_id=item.id, starts_at=long_ago, recorded_at=long_ago)
    session.add(row)
    session.flush()
    operator = session.scalars(select(Unit).where(Unit.code == "OPERATOR")).one()
    session.add(RequirementUnit(requirement_id=row.id, unit_id=operator.id))
    for person in session.scalars(select(Person).where(Person.employee_no.in_(["E008", "E009", "E011"]))):
        session.add(
            Completion(
                person_id=person.id,
                item_id=item.id,
                version_id=first.id,
                completed_at=long_ago + timedelta(days=2),
                recorded_at=long_ago + timedelta(days=2),
            )
        )
    session.flush()
    return item, second


def test_a_major_revision_names_who_must_train_who_loses_it_and_where_nobody_is_left(house: House) -> None:
    session = house.session
    with acting(context_of()):
        _, version = operators_need(session)
        start = NOW + timedelta(days=20)
        found = preview(session, version, effective_from=start)
    assert [one.person for one in found.assignments] == ["Charlie Outside", "Tess Trainee", "Tom Trainee"]
    assert found.hours == 1.5
    assert {str(one.due_on) for one in found.assignments} == {"2026-03-30"}
    assert [(one.person, one.since) for one in found.unqualified] == [
        (name, start) for name in ("Charlie Outside", "Tess Trainee", "Tom Trainee")
    ]
    assert [(one.unit, one.people) for one in found.uncovered] == [("Operator", 3)]


def test_a_verdict_of_none_spares_the_function(house: House) -> None:
    session = house.session
    with acting(context_of()):
        _, version = operators_need(session)
        operator = session.scalars(select(Unit).where(Unit.code == "OPERATOR")).one()
        found = preview(session, version, effective_from=NOW + timedelta(days=20), verdicts={operator.id: "none"})
    assert (found.assignments, found.unqualified, found.uncovered) == ((), (), ())


@settings(
    max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)
@given(seed=st.integers(0, 2**32))
def test_approving_does_what_the_preview_said(house: House, seed: int) -> None:
    session, random = house.session, Random(seed)
    world = random_world(random)
    at = some_instant(random, "UTC")
    start = at + timedelta(days=random.choice([0, 7, 40]))
    with a_world(session, at):
        written = Written(session, world)
        item = random.choice(list(written.items.values()))
        reconcile(session)
        version = Version(
            item_id=item, sequence=99, label="99", revision_class=random.choice(["major", "minor", "editorial"])
        )
        session.add(version)
        session.flush()
        verdicts = {unit: random.choice(["none", "read"]) for unit in list(written.units.values())[:2]}
        told = preview(session, version, effective_from=start, verdicts=verdicts)
        release = {"item_id": item, "version_id": version.id, "training_from": at, "effective_from": start}
        insert_many(session, Release, [release])
        insert_many(
            session,
            Verdict,
            [{"version_id": version.id, "function_id": unit, "verdict": one} for unit, one in verdicts.items()],
        )
        reconcile(session, items=[item], trigger="revision")
        assigned = session.scalars(
            select(Assignment).where(Assignment.state == "open", Assignment.version_id == version.id)
        )
        assert {(one.person_id, one.due_on) for one in assigned} == {
            (one.person_id, one.due_on) for one in told.assignments
        }
        for lost in told.unqualified:
            since = max(lost.since, start)
            (decision,) = compliance.decisions(session, at=since, people=[lost.person_id], items=[item])
            assert decision.cover is None


def test_a_preview_writes_nothing(house: House) -> None:
    session = house.session
    with acting(context_of()):
        _, version = operators_need(session)
        before = session.scalars(select(Release.id)).all()
        preview(session, version, effective_from=datetime(2026, 5, 1, tzinfo=UTC))
        assert session.scalars(select(Release.id)).all() == before
        assert not session.scalars(select(Assignment.id)).all()
