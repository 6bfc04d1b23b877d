"""Driven by random people through random steps, a version only gets where the rules lead (T-f1, T-f2, T-GATE)."""

from collections import defaultdict
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path
from threading import Barrier
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import select
from sqlalchemy.orm import Session

from app.domain.compliance import EXEMPT, ON_LEAVE
from app.domain.errors import RuleBroken
from app.domain.lifecycles import VERSION
from app.domain.permissions import permissions_of
from app.extensions import db
from app.models.documents import Release, Version
from app.models.matrix import Assignment, Completion
from app.models.signing import Signature, Transition
from app.safeguards.context import acting
from app.services import compliance, effective, files, learning, reconciler, versions, workflow
from tests.acts import sign, somebody, take
from tests.cast import CAST, NOW, context_of
from tests.conftest import House
from tests.records.test_documents import DAY, OPERATORS, approve, new_sop, write

pytestmark = pytest.mark.req("21CFR11.10(f)", "21CFR11.10(g)", "DOC-2")

ROLE = {member.username: member.role for member in CAST if member.role}
PEOPLE = st.sampled_from(["ada", "quinn", "dora", "cora", "max", "sue", "ivan", "tom", "axel"])
STEPS = st.sampled_from([step.name for step in VERSION.steps])
DAYS = st.integers(0, 3)
LIKELY = st.sampled_from(
    [("dora", "submit"), ("sue", "review"), ("quinn", "approve"), ("max", "approve"), ("quinn", "confirm"),
     ("sue", "return"), ("quinn", "retire"), ("quinn", "cancel"), ("dora", "approve"), ("dora", "review")]
)  # fmt: skip
"""Acts that lead far into the lifecycle, and the two that must not; pure chance hardly gets beyond the first step."""
ACTS = st.lists(st.tuples(LIKELY | st.tuples(PEOPLE, STEPS), DAYS), min_size=3, max_size=16)


@pytest.fixture(autouse=True)
def store(tmp_path: Path) -> None:
    files.configure(tmp_path / "files")


@pytest.fixture
def session(house: House) -> Iterator[Session]:
    with acting(context_of()):
        yield house.session


def fresh_draft(session: Session) -> Version:
    item = new_sop(session)
    with acting(somebody(session, "dora")):
        version = versions.new_version(session, item)
        versions.set_markdown(session, version, "Rinse three times.")
        versions.edit_draft(session, version, change_summary="First", planned_effective_at=NOW + 2 * DAY)
        session.commit()
    return version


@settings(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(ACTS)
def test_random_acts_only_ever_follow_the_table(session: Session, acts: list[tuple[tuple[str, str], int]]) -> None:
    """The model is restated here: author ≠ reviewer ≠ nothing, review before approval, date before effect."""
    version = fresh_draft(session)
    state, submitted_by, reviewed, elapsed = "draft", "", False, 0
    for (username, name), days in acts:
        elapsed += days
        step = VERSION.step(name)
        allowed = (
            state in step.sources
            and step.permission in permissions_of([ROLE[username] or ""])
            and not (name in {"review", "approve"} and username in {"dora", submitted_by})
            and not (name == "approve" and not reviewed)
            and name != "release_untrained"
        )
        with acting(somebody(session, username, NOW + elapsed * DAY)):
            try:
                take(session, version, name, username, reason="A reason")
                session.commit()
                happened = True
            except RuleBroken:
                session.rollback()
                happened = False
        assert happened == allowed, (state, username, name)
        if happened:
            state = step.target
            reviewed = name == "review" or (reviewed and name != "submit")
            submitted_by = username if name == "submit" else submitted_by
            if name == "approve" and elapsed >= 2:
                state = "effective"
        assert session.get_one(Version, version.id).state == state
    check_evidence(session, version)


def check_evidence(session: Session, version: Version) -> None:
    """Every step has its row, in sequence, and every step of a person its own signature; nothing was left behind."""
    steps = session.scalars(select(Transition).where(Transition.record_id == version.id).order_by(Transition.id)).all()
    state = "draft"
    for row in steps:
        assert row.from_state == state
        state = row.to_state
        assert (row.signature_id is None) == VERSION.step(row.name).automatic
    assert state == version.state
    used = [row.signature_id for row in steps if row.signature_id]
    assert len(used) == len(set(used))
    on_record = session.scalars(select(Signature.id).where(Signature.record_id == version.id)).all()
    assert set(on_record) == set(used), "a refused step leaves no signature"
    released = session.scalars(select(Release).where(Release.version_id == version.id)).all()
    assert bool(released) == any(row.name == "approve" for row in steps)


@pytest.mark.req("21CFR11.10(f)")
def test_two_who_approve_at_once_approve_once(both_houses: House) -> None:
    with acting(context_of()):
        session = both_houses.session
        version = write(session, new_sop(session), "Text")
        with acting(somebody(session, "sue")):
            take(session, version, "review", "sue")
            session.commit()
        number = version.id
        db.session.remove()
    start = Barrier(2)

    def approves(username: str) -> bool:
        with both_houses.app.app_context():
            mine = db.session()
            with acting(context_of()):
                context = somebody(mine, username)
            with acting(context):
                record = mine.get_one(Version, number)
                signature = sign(mine, record, "approve", username)
                mine.commit()
                start.wait()
                try:
                    workflow.perform(mine, record, "approve", signature=signature)
                    mine.commit()
                    return True
                except Exception:
                    mine.rollback()
                    return False
                finally:
                    db.session.remove()

    with ThreadPoolExecutor(2) as pool:
        outcomes = list(pool.map(approves, ["quinn", "max"]))
    assert sorted(outcomes) == [False, True]
    with acting(context_of()):
        session = both_houses.session
        assert len(session.scalars(select(Transition).where(Transition.name == "approve")).all()) == 1
        assert len(session.scalars(select(Release)).all()) == 1
        opened = session.scalars(select(Assignment.person_id)).all()
        assert len(opened) == len(set(opened)) == len(OPERATORS)


@pytest.mark.req("DOC-7", "MTX-8")
@settings(max_examples=8, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.tuples(st.sampled_from(["tom", "tess", "charlie", "sue"]), st.booleans()), max_size=5), DAYS)
def test_at_every_moment_who_must_train_has_exactly_one_assignment_or_is_done(
    session: Session, trained: list[tuple[str, bool]], days: int
) -> None:
    """T-GATE on small numbers: required == assigned or done, none twice, each with its cause."""
    item = new_sop(session, functions=("OPERATOR", "LEAD"))
    approve(session, write(session, item, "One"))
    first = session.scalars(select(Version).where(Version.item_id == item.id)).one()
    for username, commit in trained:
        with acting(somebody(session, username)):
            learning.complete_reading(session, first, sign(session, first, "read", username))
            (session.commit if commit else session.rollback)()
    check_gate(session, item.id, NOW)
    second = write(session, item, "Two", NOW + DAY, planned_effective_at=NOW + 2 * DAY)
    check_gate(session, item.id, NOW + DAY)
    approve(session, second, NOW + DAY)
    check_gate(session, item.id, NOW + DAY)
    moment = NOW + (days + 1) * DAY + timedelta(seconds=1)
    for _ in range(2):
        with acting(somebody(session, "tom", moment)):
            effective.apply_due(session)
            session.commit()
        check_gate(session, item.id, moment)


def check_gate(session: Session, item_id: int, at: Any) -> None:
    with acting(somebody(session, "quinn", at)):
        wanted = {
            one.person for one in compliance.decisions(session, at=at, items=[item_id])
            if one.to_train is not None and one.status not in (EXEMPT, ON_LEAVE)
        }  # fmt: skip
        rows = session.scalars(select(Assignment).where(Assignment.item_id == item_id)).all()
        still_open: dict[int, int] = defaultdict(int)
        for row in rows:
            assert row.trigger
            assert row.reasons != "[]"
            if row.state == "open":
                still_open[row.person_id] += 1
            if row.state == "completed":
                assert session.get_one(Completion, row.completion_id).person_id == row.person_id
        assert set(still_open) == wanted
        assert set(still_open.values()) <= {1}
        assert not reconciler.reconcile(session, items=[item_id]), "a second reconciliation finds nothing to do"
        session.rollback()


def test_an_unknown_gate_or_effect_stops_everything(session: Session) -> None:
    version = fresh_draft(session)
    registry: dict[Any, Callable[..., Any]] = workflow._gates
    kept = registry.pop(("versions", "has_content"))
    try:
        with acting(somebody(session, "dora")), pytest.raises(LookupError, match="has_content"):
            take(session, version, "submit", "dora")
        session.rollback()
        assert session.get_one(Version, version.id).state == "draft"
    finally:
        registry["versions", "has_content"] = kept
