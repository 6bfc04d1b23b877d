"""The one door through which a record changes its state (21 CFR 11.10(f), (g)).

``perform`` checks sequence, permission, required fields, gates and signature, writes the step with its signature, then
the state, then what follows from it: all in the caller's transaction. Gates and effects are functions that the area's
service registers under the name that ``domain.lifecycles`` uses; a name without a function stops everything.
"""

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any, TypeVar

from sqlalchemy import inspect, select
from sqlalchemy.orm import Session

from app.domain import workflow as rules
from app.domain.errors import NotAllowed, RuleBroken
from app.domain.lifecycles import LIFECYCLES
from app.domain.text import Phrase
from app.domain.workflow import Lifecycle, Step
from app.models.signing import Signature, SigningChallenge, Transition
from app.safeguards import audit, governed
from app.safeguards.context import acting, current
from app.services import shown, signing


@dataclass(frozen=True, slots=True)
class Move:
    """One step being taken on one record: what gates and effects are told."""

    record: Any
    step: Step
    signature: Signature | None
    reason: str | None


Gate = Callable[[Session, Move], Iterable[Phrase]]
Effect = Callable[[Session, Move], None]
AnyGate = TypeVar("AnyGate", bound=Gate)
AnyEffect = TypeVar("AnyEffect", bound=Effect)

_gates: dict[tuple[str, str], Gate] = {}
_effects: dict[tuple[str, str], Effect] = {}


def gate(record_type: str, name: str) -> Callable[[AnyGate], AnyGate]:
    """Register the decorated function as a gate: it yields a sentence for each condition that is not met."""

    def register(function: AnyGate) -> AnyGate:
        _gates[record_type, name] = function
        return function

    return register


def effect(record_type: str, name: str) -> Callable[[AnyEffect], AnyEffect]:
    """Register the decorated function as what follows from a step, in the same transaction, after the state moved."""

    def register(function: AnyEffect) -> AnyEffect:
        _effects[record_type, name] = function
        return function

    return register


def lifecycle_of(record: Any) -> Lifecycle:
    """Return the lifecycle of a record. Raises RuleBroken for a kind that has none."""
    found = LIFECYCLES.get(record.__tablename__)
    if found is None:
        raise RuleBroken("Records of this kind have no workflow.")
    return found


def perform(
    session: Session, record: Any, name: str, *, signature: Signature | None = None, reason: str | None = None
) -> Transition:
    """Take the step ``name`` on ``record``, as the person of the current context.

    1. lock the record and read it again; 2. the same signature again returns the step it was used for;
    3. sequence, permission, fields, reason, signature, gates; 4. step row, state, effects.
    Raises RuleBroken, NotAllowed or GateClosed; nothing is written then.
    """
    return _perform(session, record, name, signature, reason, by_rule=False)


def perform_by_rule(session: Session, record: Any, name: str, *, reason: str, cause: str | None = None) -> Transition:
    """Take an automatic step, such as taking effect on the planned day, in the name of the system.

    ``cause`` is the printed name of the person whose decision it carries out; it stands in the trail as "on behalf of".
    """
    rule = replace(
        current(), user_id=None, username="system", printed_name="Qualgate", reason=reason, on_behalf_of=cause,
        permissions=frozenset(),
    )  # fmt: skip
    with acting(rule):
        return _perform(session, record, name, None, reason, by_rule=True)


def _perform(
    session: Session, record: Any, name: str, signature: Signature | None, reason: str | None, by_rule: bool
) -> Transition:
    lifecycle = lifecycle_of(record)
    session.flush()
    session.refresh(record, with_for_update=True)
    if signature is not None:
        done = session.scalar(select(Transition).where(Transition.signature_id == signature.id))
        if done is not None:
            return _same_step(done, record, name)
    step = rules.choose(lifecycle, record.state, name)
    rules.check_actor(step, current().may, by_rule)
    rules.check_content(step, _values(record, step), _labels(record), reason)
    _check_signature(session, record, step, signature)
    move = Move(record, step, signature, reason)
    rules.check_gates(step, unmet(session, move))
    return _carry_out(session, move)


def _carry_out(session: Session, move: Move) -> Transition:
    context, record, step = current(), move.record, move.step
    row = Transition(
        record_type=record.__tablename__,
        record_id=record.id,
        name=step.name,
        from_state=record.state,
        to_state=step.target,
        at=context.now(),
        username=context.username,
        printed_name=context.printed_name,
        reason=move.reason,
        signature_id=move.signature.id if move.signature is not None else None,
        client_id=getattr(record, "client_id", None),
    )
    session.add(row)
    with governed.transition(session):
        record.state = step.target
    audit.note(session, "transition", record, step=step.name, to=step.target, from_=row.from_state)
    for effect_name in step.effects:
        _registered(_effects, record, effect_name)(session, move)
    session.flush()
    return row


def _same_step(done: Transition, record: Any, name: str) -> Transition:
    """Return the step of a form that was sent twice; a signature never serves for a second step."""
    if (done.record_type, done.record_id, done.name) == (record.__tablename__, record.id, name):
        return done
    raise NotAllowed("This signature was used for another step. Sign this one on its own.")


def _check_signature(session: Session, record: Any, step: Step, signature: Signature | None) -> None:
    """Refuse a missing signature, and one of another person, record, step or content (21 CFR 11.70)."""
    if step.meaning is None:
        return
    if signature is None:
        raise RuleBroken("“%(step)s” needs your electronic signature.", step=step.label, field="password")
    purpose = session.scalar(select(SigningChallenge.purpose).where(SigningChallenge.id == signature.challenge_id))
    own = signature.signer_id == current().user_id
    same = (signature.record_type, signature.record_id, purpose) == (record.__tablename__, record.id, step.name)
    if not own or not same or signature.meaning != step.meaning:
        raise NotAllowed("The signature does not belong to this step of this record. Sign it again.")
    if signing.status_of(signature, shown.content(session, record)) != signing.rules.VALID:
        raise RuleBroken("The record changed after you signed. Read it again and sign again.", field="password")


def unmet(session: Session, move: Move) -> list[Phrase]:
    """Return every condition that the step's gates find unmet, as sentences."""
    found: list[Phrase] = []
    for name in move.step.gates:
        found += _registered(_gates, move.record, name)(session, move)
    return found


Registered = TypeVar("Registered")


def _registered(registry: dict[tuple[str, str], Registered], record: Any, name: str) -> Registered:
    try:
        return registry[record.__tablename__, name]
    except KeyError:
        raise LookupError(f"No function is registered for {name!r} of {record.__tablename__!r}") from None


@dataclass(frozen=True, slots=True)
class Option:
    """A step that starts in the record's state, for the page: may this person take it, and what still holds it up."""

    step: Step
    allowed: bool
    unmet: list[Phrase]


def options(session: Session, record: Any) -> list[Option]:
    """Return the steps that a person could take now, those without permission left out, with their open conditions."""
    context = current()
    steps = [step for step in lifecycle_of(record).steps_from(record.state) if step.permission is not None]
    return [
        Option(step, True, unmet(session, Move(record, step, None, None)))
        for step in steps
        if step.permission is not None and context.may(*step.permission)
    ]


def history(session: Session, record: Any) -> list[Transition]:
    """Return every step that ``record`` has taken, the oldest first."""
    query = select(Transition).where(
        Transition.record_type == record.__tablename__, Transition.record_id == record.id
    ).order_by(Transition.at, Transition.id)  # fmt: skip
    return list(session.scalars(query))


@contextmanager
def restoring_history(session: Session) -> Iterator[None]:
    """Let an import or the demo write records in the state that they had reached elsewhere.

    Needs the permission to bring records of an older system; what is written inside is on the trail like anything else.
    """
    if not current().may("training", "migrate"):
        raise NotAllowed("You may not bring records of an older system into this one.")
    with governed.transition(session):
        yield


def _values(record: Any, step: Step) -> dict[str, Any]:
    return {name: getattr(record, name) for name in step.required}


def _labels(record: Any) -> dict[str, Any]:
    return {prop.key: prop.columns[0].info.get("label", prop.key) for prop in inspect(type(record)).column_attrs}
