"""Why a person has an item, why by that date, and what would clear it: every decision in words (MTX-4)."""

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from app.domain import compliance as rule
from app.domain.compliance import Cover, Decision
from app.domain.dates import FOREVER
from app.domain.facts import Requirement
from app.domain.text import Phrase


class Explanation(NamedTuple):
    """``why`` the item is (not) required, ``when``: what decides the status and its date, ``clear``: what to do."""

    why: tuple[Phrase, ...]
    when: tuple[Phrase, ...]
    clear: tuple[Phrase, ...]

    def sentences(self) -> tuple[Phrase, ...]:
        """Return the chain in reading order."""
        return self.why + self.when + self.clear

    def render(self, translate: Callable[[str], str]) -> str:
        """Return the chain as one text in another language, as ``Phrase.render`` does for a sentence."""
        return " ".join(sentence.render(translate) for sentence in self.sentences())

    def __str__(self) -> str:
        return " ".join(str(sentence) for sentence in self.sentences())


def explain(decision: Decision, unit_names: Mapping[int, str]) -> Explanation:
    """Return the explanation chain of a decision. ``unit_names`` says what to call each unit."""
    return Explanation(tuple(_why(decision, unit_names)), tuple(_when(decision)), tuple(_clear(decision)))


def reasons(decision: Decision, unit_names: Mapping[int, str]) -> list[dict[str, Any]]:
    """Return every reason for an obligation as plain data: its kind, its id, and a sentence for people."""
    found: list[dict[str, Any]] = []
    if decision.required:
        found += [
            {"kind": "requirement", "id": row.id, "text": str(_row(row, unit_names))} for row in decision.terms.rows
        ]
        found += [
            {"kind": "order", "id": order.id, "text": str(_order(decision, index))}
            for index, order in enumerate(decision.orders)
        ]
    return found


def _row(row: Requirement, unit_names: Mapping[int, str]) -> Phrase:
    units = " + ".join(unit_names.get(unit, f"#{unit}") for unit in row.units)
    if not units:
        return Phrase("Required of everybody employed (matrix row %(row)s).", row=row.id)
    if row.framework:
        return Phrase(
            "Required of %(units)s for %(framework)s (matrix row %(row)s).",
            units=units,
            framework=row.framework,
            row=row.id,
        )
    return Phrase("Required of %(units)s (matrix row %(row)s).", units=units, row=row.id)


def _order(decision: Decision, index: int) -> Phrase:
    order = decision.orders[index]
    day = decision.terms.calendar.day(order.placed_at)
    if order.source:
        return Phrase(
            "Ordered on %(day)s because of %(source)s, due by %(due)s.", day=day, source=order.source, due=order.due_on
        )
    return Phrase("Ordered on %(day)s, due by %(due)s.", day=day, due=order.due_on)


def _why(decision: Decision, unit_names: Mapping[int, str]) -> list[Phrase]:
    code = decision.terms.item.code
    if decision.required:
        since = decision.required_since
        assert since is not None  # a required item has been required since some instant
        chain = [_row(row, unit_names) for row in decision.terms.rows]
        chain += [_order(decision, index) for index in range(len(decision.orders))]
        chain.append(Phrase("Required without a break since %(day)s.", day=decision.terms.calendar.day(since)))
        return chain
    if not decision.history.employed_at(decision.at):
        return [Phrase("Not employed at this time, so nothing is required.")]
    retired = decision.book.retired.get(decision.item)
    if retired is not None and retired <= decision.at:
        day = decision.terms.calendar.day(retired)
        return [Phrase("%(item)s was retired on %(day)s, so nobody is required to know it.", item=code, day=day)]
    return [Phrase("No matrix row and no open order asks for %(item)s at this time.", item=code)]


def _when(decision: Decision) -> list[Phrase]:
    status = decision.status
    if status == rule.EXEMPT and decision.exemption:
        return _exempt(decision)
    if status == rule.ON_LEAVE:
        return [Phrase("Not trained and on leave: the due date waits until the return.")]
    if decision.cover:
        return _covered(decision, decision.cover)
    if decision.lapsed and status in (rule.EXPIRED, rule.OVERDUE):
        return [_trained(decision, decision.lapsed), _ended(decision, decision.lapsed)]
    if status == rule.NOT_REQUIRED:
        return []
    return _never(decision)


def _exempt(decision: Decision) -> list[Phrase]:
    exemption = decision.exemption
    assert exemption is not None
    last = decision.terms.calendar.last_day(exemption.end)
    if last is None:
        return [Phrase("Exempt, without an end: %(reason)s", reason=exemption.reason)]
    return [Phrase("Exempt through %(day)s: %(reason)s", day=last, reason=exemption.reason)]


def _trained(decision: Decision, cover: Cover) -> Phrase:
    completion = cover.completion
    day = decision.terms.calendar.day(completion.completed_at)
    label = decision.book.label(completion.version)
    if completion.item != decision.item:
        other = decision.book.items.get(completion.item)
        return Phrase(
            "Trained on %(day)s on version %(version)s of %(item)s, which counts for this item.",
            day=day,
            version=label,
            item=other.code if other else f"#{completion.item}",
        )
    return Phrase("Trained on version %(version)s on %(day)s.", version=label, day=day)


def _covered(decision: Decision, cover: Cover) -> list[Phrase]:
    terms = decision.terms
    chain = [_trained(decision, cover)]
    chain.append(Phrase("This training has no end so far.") if cover.end >= FOREVER else _ends(decision, cover))
    for version in decision.pending:
        if version.effective_from >= FOREVER:
            chain.append(Phrase("Version %(version)s is approved and must be trained.", version=version.label))
        else:
            chain.append(
                Phrase(
                    "Version %(version)s must be trained before it takes effect on %(day)s.",
                    version=version.label,
                    day=terms.calendar.day(version.effective_from),
                )
            )
    return chain


def _ends(decision: Decision, cover: Cover) -> Phrase:
    """Say through which day training counts and what ends it."""
    terms = decision.terms
    last = terms.calendar.last_day(cover.end)
    cause = rule.cause_of_end(decision.history, terms, cover)
    if cause == rule.RECURRENCE:
        return _recurrence(decision, cover, Phrase("It is good through %(day)s", day=last))
    if cause == rule.REVISION:
        ender = terms.limits[cover.completion.version].ender
        assert ender is not None  # a revision ended it
        return Phrase(
            "It is good through %(day)s, because version %(version)s must be trained.", day=last, version=ender.label
        )
    if cause == rule.ORDER:
        return Phrase("It is good through %(day)s, when an order to train again suspends it.", day=last)
    return Phrase("It is good through %(day)s, when the qualification was revoked.", day=last)


def _ended(decision: Decision, cover: Cover) -> Phrase:
    """Say through which day training counted and what ended it."""
    terms = decision.terms
    last = terms.calendar.last_day(cover.end)
    cause = decision.cause
    if cause == rule.RECURRENCE:
        return _recurrence(decision, cover, Phrase("It was good through %(day)s", day=last))
    if cause == rule.REVISION:
        ender = terms.limits[cover.completion.version].ender
        assert ender is not None  # a revision ended it
        return Phrase(
            "It was good through %(day)s; version %(version)s, in force since %(effective)s, must be trained.",
            day=last,
            version=ender.label,
            effective=terms.calendar.day(ender.effective_from),
        )
    if cause == rule.ORDER:
        return Phrase("It counted through %(day)s, when an order to train again suspended it.", day=last)
    return Phrase("It counted through %(day)s, when the qualification was revoked.", day=last)


def _recurrence(decision: Decision, cover: Cover, start: Phrase) -> Phrase:
    terms = decision.terms
    day = terms.calendar.day(cover.completion.completed_at)
    by_months = terms.months is not None and not terms.yearly
    if by_months and terms.grace:
        return Phrase(
            "%(start)s: repeated every %(months)s months, and %(grace)s days of grace.",
            start=start,
            months=terms.months,
            grace=terms.grace,
        )
    if by_months:
        return Phrase("%(start)s: repeated every %(months)s months.", start=start, months=terms.months)
    return Phrase(
        "%(start)s: to be repeated by %(anniversary)s, and %(grace)s days of grace.",
        start=start,
        anniversary=terms.anniversary(day),
        grace=terms.grace,
    )


def _never(decision: Decision) -> list[Phrase]:
    """Say why the first training is due on its day."""
    terms = decision.terms
    chain: list[Phrase] = []
    if decision.completion:
        done = decision.completion
        chain.append(
            Phrase(
                "The training of %(day)s on version %(version)s does not count at this time.",
                day=terms.calendar.day(done.completed_at),
                version=decision.book.label(done.version),
            )
        )
    else:
        chain.append(Phrase("Not trained yet."))
    if terms.in_force is None:
        chain.append(Phrase("No version is in force yet."))
    if decision.due_on is None:
        chain.append(Phrase("No due date is set."))
    elif any(order.due_on == decision.due_on for order in decision.orders):
        chain.append(Phrase("Due by %(due)s, the day of the order.", due=decision.due_on))
    elif decision.extension:
        chain.append(Phrase("Due by %(due)s, the day to which the time was extended.", due=decision.due_on))
    else:
        chain.append(
            Phrase(
                "Due by %(due)s: %(days)s days to complete, leave not counted.", due=decision.due_on, days=terms.days
            )
        )
    return chain


def _clear(decision: Decision) -> list[Phrase]:
    """Say what would make the obligation go away."""
    status, terms = decision.status, decision.terms
    if status in (rule.EXEMPT, rule.NOT_REQUIRED) or (status == rule.QUALIFIED and decision.to_train is None):
        return []
    waiting = decision.to_train
    if waiting is None:
        return [Phrase("Nothing is to be done now: no version waits to be trained.")]
    if waiting.version is None:
        return [Phrase("%(item)s has no approved version to train yet.", item=terms.item.code)]
    label = waiting.version.label
    if status == rule.ON_LEAVE:
        return [Phrase("After the return, train on version %(version)s.", version=label)]
    due = terms.calendar.last_day(waiting.due_at) if waiting.due_at else None
    if due and status in (rule.DUE_SOON, rule.ASSIGNED):
        return [Phrase("Training on version %(version)s by %(due)s clears it.", version=label, due=due)]
    return [Phrase("Training on version %(version)s clears it.", version=label)]
