"""Gathers the facts that the rule of qualification needs, by set-based statements, for any part of the company.

The answer to "is this person qualified?" does not depend on who asks, so facts are gathered whatever the client scope;
callers show only what is in scope. One state of knowledge is fetched: what had been recorded, and not withdrawn, by
``known_at``. Nothing is decided here.

``gather`` fetches everything; ``survey`` leaves out the training of those whose qualification is beyond doubt, which
makes questions about the whole company many times cheaper.
"""

from collections.abc import Collection, Iterable, Iterator
from datetime import datetime
from itertools import groupby
from typing import NamedTuple

from sqlalchemy import String, and_, cast, func, or_, select
from sqlalchemy.orm import Session

from app.domain.compliance import Decision, decide, decide_all
from app.domain.history import History
from app.domain.terms import Rulebook, Terms
from app.models.matrix import Completion, Equivalence, RequirementUnit
from app.safeguards.context import current, within_all_clients
from app.services import histories as people_facts
from app.services import rulebooks
from app.services.questions import IN_LIST, Question, known_then, narrowed
from app.services.rulebooks import NO_HYPOTHESIS, Hypothesis

__all__ = ["Facts", "Hypothesis", "Survey", "gather", "survey"]

FEW = 2_000
"""Up to so many people the facts about them come first, and only the matrix rows of their units are fetched."""

A_GROUP = 200
"""Up to so many people all their training is fetched: less work than finding out what is not needed."""

PARTS = 8
"""Groups of versions in the statement of a survey, each with one instant."""

FEW_ITEMS = 20
MANY_PAIRS = 60_000
"""With few items, or with so many pairs to look at, their training is fetched as a whole."""


class Facts(NamedTuple):
    """The facts of one state of knowledge about a part of the company, ready for ``domain.compliance``."""

    book: Rulebook
    histories: dict[int, History]


def gather(
    session: Session,
    *,
    at: datetime,
    known_at: datetime | None = None,
    people: Iterable[int] | None = None,
    items: Iterable[int] | None = None,
    extra: Hypothesis = NO_HYPOTHESIS,
) -> Facts:
    """Fetch the facts about ``people`` and ``items`` (None: all), as they were known at ``known_at`` (None: now).

    ``extra`` adds facts that do not exist yet, for previews.
    """
    question = _question(at, known_at, people, items)
    with within_all_clients():
        return _gather(session, question, extra, training=True)


def _question(
    at: datetime, known_at: datetime | None, people: Iterable[int] | None, items: Iterable[int] | None
) -> Question:
    return Question(
        at,
        known_at or current().now(),
        None if people is None else frozenset(people),
        None if items is None else frozenset(items),
    )


def _gather(
    session: Session, question: Question, extra: Hypothesis, *, training: bool, also: Collection[int] = ()
) -> Facts:
    """Fetch facts; ``also`` are items to know of although no matrix row, training or order may name them any more."""
    rare = rulebooks.existing(session, question)
    equivalences = rulebooks.equivalences(session, question) if Equivalence in rare else []
    wanted: Collection[int] | None = None
    if question.items is not None:
        wanted = question.items | {one.counting_item for one in equivalences}
    everyone = RequirementUnit in rare
    if question.people is not None and len(question.people) <= FEW:
        histories = people_facts.fetch(session, question, wanted, None, rare)
        held = {unit for history in histories.values() for unit, _, _ in history.memberships}
        rows = rulebooks.requirements(session, question, held, for_everyone=everyone)
        if training:
            people_facts.add_training(session, question, wanted, histories)
        if wanted is None:
            wanted = {row.item for row in rows} | {one.counting_item for one in equivalences} | set(also)
            wanted |= {item for history in histories.values() for item in (*history.completions, *history.orders)}
    else:
        rows = rulebooks.requirements(session, question)
        histories = people_facts.fetch(session, question, wanted, {unit for row in rows for unit in row.units}, rare)
        if training:
            people_facts.add_training(session, question, wanted, histories)
    return Facts(rulebooks.rulebook(session, question, rows, equivalences, wanted, extra, rare), histories)


# --- surveys ---------------------------------------------------------------------------------------------------------


class Survey(NamedTuple):
    """A part of the company at a glance: where each person surely is qualified, and the facts to decide the rest."""

    facts: Facts
    settled: dict[int, list[Terms]]
    unsettled: dict[int, list[Terms]]
    others: dict[int, set[int]]

    def trained_only(self, person: int) -> Iterator[Decision]:
        """Decide the items that the person was trained on without being required to be, when the survey has them."""
        decisions = decide_all(self.facts.book, self.facts.histories[person], items=self.others.get(person, ()))
        return (decision for decision in decisions if not decision.required)

    def decisions(self, person: int) -> Iterator[Decision]:
        """Decide the person's obligations that are not settled."""
        book, history = self.facts.book, self.facts.histories[person]
        for terms in self.unsettled[person]:
            yield decide(book, history, terms)
        for decision in decide_all(book, history, items=_only_ordered(book, history)):
            if decision.required:
                yield decision


def survey(
    session: Session,
    *,
    at: datetime,
    known_at: datetime | None = None,
    people: Iterable[int] | None = None,
    items: Iterable[int] | None = None,
    closer: Collection[tuple[int, int]] = frozenset(),
    with_trained: bool = False,
) -> Survey:
    """Fetch the facts about a part of the company, leaving out the training of pairs that are surely qualified.

    The rule itself says from which completion on that is certain (``Terms.safe_since``); one statement finds who has
    such a completion. ``closer`` are pairs of person and item to be decided in full whatever they are;
    ``with_trained`` adds what people were trained on without being required to be.
    """
    question = _question(at, known_at, people, items)
    group = question.people is not None and len(question.people) <= A_GROUP
    with within_all_clients():
        also = {item for _, item in closer}
        facts = _gather(session, question, NO_HYPOTHESIS, training=group, also=also)
        profiles = {
            person: facts.book.profile(history.units_at(at), history.calendar)
            for person, history in facts.histories.items()
            if history.employed_at(at)
        }
        safe = _Safe(profiles.values())
        settled, unsettled = _split(facts, profiles, safe, {} if group else safe.trained(session, question), closer)
        others = _others(session, question, facts, profiles) if with_trained else {}
        result = Survey(facts, settled, unsettled, others)
        if not group:
            _add_missing_training(session, question, result, closer)
        return result


class _Safe:
    """From which completion of which version on a person surely is qualified, for each set of terms."""

    def __init__(self, profiles: Iterable[dict[int, Terms]]) -> None:
        self.versions: dict[int, frozenset[int]] = {}
        self.since: dict[int, datetime] = {}
        for profile in {id(one): one for one in profiles}.values():
            for terms in profile.values():
                if id(terms) not in self.versions:
                    self._take(terms)

    def _take(self, terms: Terms) -> None:
        """Of several sets of terms the latest instant counts for a version: whoever it leaves out is looked at."""
        safe = terms.safe_since()
        self.versions[id(terms)] = frozenset(safe)
        for version, since in safe.items():
            if since > self.since.get(version, since) or version not in self.since:
                self.since[version] = since

    def trained(self, session: Session, question: Question) -> dict[int, set[int]]:
        """Return on which safe versions each person was trained late enough, and by the instant asked about."""
        if not self.since or len(self.since) > IN_LIST:
            return {}
        versions = func.aggregate_strings(cast(Completion.version_id, String), ",")
        late_enough = [
            and_(Completion.version_id.in_(part), Completion.completed_at >= since) for since, part in self._parts()
        ]
        query = (
            select(Completion.person_id, versions)
            .where(
                Completion.result == "passed",
                or_(*late_enough),
                Completion.completed_at <= question.at,
                *known_then(Completion),
                *narrowed(Completion.person_id, question.people),
                *narrowed(Completion.item_id, question.items),
            )
            .group_by(Completion.person_id)
        )
        return {person: set(map(int, text.split(","))) for person, text in session.execute(query, question.values)}

    def _parts(self) -> Iterator[tuple[datetime, list[int]]]:
        """Yield a few groups of versions with one instant each; a later instant than needed only settles less."""
        ordered = sorted(self.since, key=lambda version: (self.since[version], version))
        groups = [(since, list(found)) for since, found in groupby(ordered, key=self.since.__getitem__)]
        if len(groups) <= PARTS:
            yield from groups
            return
        size = -(-len(ordered) // PARTS)
        for start in range(0, len(ordered), size):
            part = ordered[start : start + size]
            yield self.since[part[-1]], part


def _split(
    facts: Facts,
    profiles: dict[int, dict[int, Terms]],
    safe: _Safe,
    found: dict[int, set[int]],
    closer: Collection[tuple[int, int]],
) -> tuple[dict[int, list[Terms]], dict[int, list[Terms]]]:
    """Return, for each person, the terms on which he or she surely is qualified, and those to be decided."""
    settled: dict[int, list[Terms]] = {}
    unsettled: dict[int, list[Terms]] = {person: [] for person in facts.histories}
    nothing: set[int] = set()
    for person, profile in profiles.items():
        history = facts.histories[person]
        trained = found.get(person, nothing)
        special = bool(history.exemptions or history.stops or history.orders or closer)
        sure: list[Terms] = []
        for item, terms in profile.items():
            if safe.versions[id(terms)].isdisjoint(trained) or (
                special and (_has_something(history, terms) or (person, item) in closer)
            ):
                unsettled[person].append(terms)
            else:
                sure.append(terms)
        settled[person] = sure
    return settled, unsettled


def _has_something(history: History, terms: Terms) -> bool:
    """Tell whether an exemption, revocation or order makes the pair worth a closer look."""
    items = (terms.item.id, *terms.counting)
    return any(item in history.exemptions or item in history.stops or item in history.orders for item in items)


def _others(
    session: Session, question: Question, facts: Facts, profiles: dict[int, dict[int, Terms]]
) -> dict[int, set[int]]:
    """Return the items on which people were trained by the instant asked about without the matrix requiring it."""
    query = (
        select(Completion.person_id, func.aggregate_strings(cast(Completion.item_id, String), ","))
        .where(
            Completion.result == "passed",
            Completion.completed_at <= question.at,
            *known_then(Completion),
            *narrowed(Completion.person_id, question.people),
            *narrowed(Completion.item_id, question.items),
        )
        .group_by(Completion.person_id)
    )
    return {
        person: (set(map(int, text.split(","))) & facts.book.items.keys()) - profiles.get(person, {}).keys()
        for person, text in session.execute(query, question.values)
        if person in facts.histories
    }


def _only_ordered(book: Rulebook, history: History) -> list[int]:
    """Return the items that only an order asks for."""
    if not history.orders:
        return []
    profile = book.profile(history.units_at(book.at), history.calendar) if history.employed_at(book.at) else {}
    return [item for item in history.orders if item not in profile and item in book.items]


def _add_missing_training(
    session: Session, question: Question, found: Survey, closer: Collection[tuple[int, int]]
) -> None:
    facts = found.facts
    pairs = {(person, item) for person, item in closer if person in facts.histories}
    pairs |= {(person, item) for person, items in found.others.items() for item in items}
    pairs |= {
        (person, item)
        for person, history in facts.histories.items()
        for terms in (
            *found.unsettled[person],
            *(facts.book.terms(item, (), history.calendar) for item in _only_ordered(facts.book, history)),
        )
        for item in (terms.item.id, *terms.counting)
    }
    few_items = question.items is not None and len(question.items) <= FEW_ITEMS
    if few_items or len(pairs) > MANY_PAIRS:
        people_facts.add_training(session, question, facts.book.items.keys(), facts.histories)
    else:
        people_facts.add_training_of_pairs(session, question, pairs, facts.histories)
