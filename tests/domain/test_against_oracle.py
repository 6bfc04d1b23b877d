"""The rule and its naive re-statement agree on random histories, at random instants of both clocks."""

from datetime import datetime
from random import Random

from hypothesis import given, settings
from hypothesis import strategies as st

from app.domain.compliance import Decision, decide_all
from app.domain.dates import calendar_of
from app.domain.explanations import explain
from app.domain.facts import known
from app.domain.history import History
from app.domain.terms import Rulebook
from tests.domain.histories import random_world, some_instant
from tests.domain.oracle import Oracle, World


def question(world: World, person: int, at: datetime, k: datetime) -> tuple[Rulebook, History]:
    """Return what the product's rule is given for one person."""
    book = Rulebook(
        at,
        items=world.items,
        releases=known(world.releases, k),
        verdicts=known(world.verdicts, k),
        retirements=known(world.retirements, k),
        requirements=known(world.requirements, k),
        equivalences=known(world.equivalences, k),
    )
    zone = next(one.zone for one in world.people if one.id == person)

    def own(facts):
        return [fact for fact in known(facts, k) if fact.person == person]

    history = History(person, calendar_of(zone)).add(
        employments=own(world.employments),
        memberships=own(world.memberships),
        completions=own(world.completions),
        exemptions=own(world.exemptions),
        extensions=own(world.extensions),
        leaves=own(world.leaves),
        revocations=own(world.revocations),
        orders=own(world.orders),
    )
    return book, history


def decisions(world: World, person: int, at: datetime, k: datetime) -> dict[int, Decision]:
    """Return the product's decision for every item, required or not."""
    every = [item.id for item in world.items]
    return {decision.item: decision for decision in decide_all(*question(world, person, at, k), items=every)}


@settings(max_examples=400, deadline=None)
@given(st.integers(0, 2**32))
def test_the_rule_agrees_with_a_naive_reading_of_the_page(seed: int) -> None:
    random = Random(seed)
    world = random_world(random)
    for _ in range(3):
        at = some_instant(random, world.people[0].zone)
        k = random.choice([at, some_instant(random, "UTC"), datetime(2030, 1, 1, tzinfo=at.tzinfo)])
        oracle = Oracle(world, at, k)
        for person in world.people:
            for item, decision in decisions(world, person.id, at, k).items():
                expected = oracle.answer(person.id, item)
                found = (decision.status, decision.due_at, decision.due_on, decision.good_until)
                assert found == (expected.status, expected.due_at, expected.due_on, expected.good_until), (
                    f"person {person.id}, item {item}, as of {at}, known at {k}"
                )
                assert str(explain(decision, {})) or decision.cover
                if decision.required:
                    assert decision.required_since == oracle.required_since(person.id, item)


@settings(max_examples=100, deadline=None)
@given(st.integers(0, 2**32))
def test_asking_for_everything_finds_exactly_the_required_items(seed: int) -> None:
    random = Random(seed)
    world = random_world(random)
    at = some_instant(random, world.people[0].zone)
    oracle = Oracle(world, at, at)
    for person in world.people:
        required = {decision.item for decision in decide_all(*question(world, person.id, at, at))}
        assert required == {item.id for item in world.items if oracle.required(person.id, item.id, at)}
