"""Sequence and authority are enforced for every state, step and role (T-f1, 21 CFR 11.10(f), (g))."""

import pytest

from app.domain.errors import NotAllowed, RuleBroken
from app.domain.lifecycles import LIFECYCLES, MEANINGS, VERSION, signing_of
from app.domain.permissions import ROLES, known, permissions_of
from app.domain.text import Phrase
from app.domain.workflow import GateClosed, Lifecycle, Step, check_actor, check_content, check_gates, choose

pytestmark = pytest.mark.req("21CFR11.10(f)", "DOC-2")

ALLOWED = {
    ("draft", "submit"),
    ("draft", "cancel"),
    ("review", "review"),
    ("review", "return"),
    ("review", "approve"),
    ("review", "cancel"),
    ("approved", "take_effect"),
    ("approved", "release_untrained"),
    ("approved", "cancel"),
    ("effective", "supersede"),
    ("effective", "confirm"),
    ("effective", "retire"),
}
"""Stated again on purpose, so that a change of the table is seen by somebody."""


@pytest.mark.parametrize("state", VERSION.states)
@pytest.mark.parametrize("step", VERSION.steps, ids=lambda step: step.name)
def test_a_step_starts_only_where_the_table_says(state: str, step: Step) -> None:
    if (state, step.name) in ALLOWED:
        assert choose(VERSION, state, step.name) is step
    else:
        with pytest.raises(RuleBroken):
            choose(VERSION, state, step.name)


@pytest.mark.parametrize("role", ROLES)
@pytest.mark.parametrize("step", VERSION.steps, ids=lambda step: step.name)
def test_a_step_is_taken_only_by_those_who_may(role: str, step: Step) -> None:
    held = permissions_of([role])
    if step.permission in held:
        check_actor(step, lambda resource, action: (resource, action) in held, by_rule=False)
    else:
        with pytest.raises(NotAllowed):
            check_actor(step, lambda resource, action: (resource, action) in held, by_rule=False)


@pytest.mark.parametrize("step", VERSION.steps, ids=lambda step: step.name)
def test_the_clock_takes_automatic_steps_and_no_others(step: Step) -> None:
    if step.automatic:
        check_actor(step, lambda *_: False, by_rule=True)
        with pytest.raises(NotAllowed):
            check_actor(step, lambda *_: True, by_rule=False)
    else:
        with pytest.raises(NotAllowed):
            check_actor(step, lambda *_: True, by_rule=True)


def test_the_administrator_approves_and_releases_nothing() -> None:
    assert not {step.permission for step in VERSION.steps} & permissions_of(["Admin"])


@pytest.mark.parametrize("lifecycle", LIFECYCLES.values(), ids=lambda one: one.record_type)
def test_every_table_names_only_what_exists(lifecycle: Lifecycle) -> None:
    names = [step.name for step in lifecycle.steps]
    assert len(names) == len(set(names))
    for step in lifecycle.steps:
        assert {*step.sources, step.target} <= set(lifecycle.states)
        assert step.permission is None or known(*step.permission)
        assert (step.meaning is None) == (step.statement is None)
        assert step.meaning is None or step.meaning in MEANINGS
        assert step.permission is None or step.meaning is not None, "whatever a person decides is signed"
    reached = {lifecycle.initial} | {step.target for step in lifecycle.steps}
    assert reached == set(lifecycle.states)


def test_an_empty_required_field_stops_the_step_and_is_named() -> None:
    with pytest.raises(RuleBroken) as refused:
        check_content(VERSION.step("submit"), {"change_summary": "  "}, {"change_summary": "What changed"}, None)
    assert refused.value.field == "change_summary"
    assert "What changed" in str(refused.value)


def test_a_step_that_needs_a_reason_does_not_go_without() -> None:
    step = VERSION.step("return")
    with pytest.raises(RuleBroken):
        check_content(step, {}, {}, "   ")
    check_content(step, {}, {}, "The limits in 4.2 are wrong")


def test_a_closed_gate_lists_every_condition_at_once() -> None:
    with pytest.raises(GateClosed) as held:
        check_gates(
            VERSION.step("approve"), [Phrase("A is missing."), Phrase("B is missing."), Phrase("C is missing.")]
        )
    assert "A is missing. B is missing. C is missing." in str(held.value)
    assert len(held.value.conditions) == 3


def test_nothing_can_be_signed_that_has_no_meaning() -> None:
    meaning, statement = signing_of("versions", "approve")
    assert (meaning, bool(str(statement))) == ("approval", True)
    for kind, purpose in (("versions", "take_effect"), ("versions", "nonsense"), ("nothing", "approve")):
        with pytest.raises(RuleBroken):
            signing_of(kind, purpose)
