"""What may happen next to a record: lifecycles as rows of data, and the pure rules that read them (21 CFR 11.10(f)).

A lifecycle is a list of steps. A step says from which states it starts, where it leads, which permission it needs,
what a signature on it means, which gates must be open, which fields must be filled and what follows from it. Gates and
effects are only named here; the services carry them out (``app.services.workflow``).
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from app.domain.errors import NotAllowed, RuleBroken
from app.domain.text import Phrase


@dataclass(frozen=True, slots=True)
class Step:
    """One way from a state to the next.

    ``permission`` is (resource, action), or None for a step that only the clock or another step takes.
    ``meaning`` is the code of the signature's meaning, or None where no signature is asked for; ``statement`` is the
    sentence the signer agrees to (21 CFR 11.50(a)(3)). ``gates`` and ``effects`` are names. ``required`` are the fields
    that must be filled. ``reason`` asks for a reason in words (Annex 11 clause 9).
    """

    name: str
    label: Phrase
    sources: tuple[str, ...]
    target: str
    permission: tuple[str, str] | None
    meaning: str | None = None
    statement: Phrase | None = None
    gates: tuple[str, ...] = ()
    effects: tuple[str, ...] = ()
    required: tuple[str, ...] = ()
    reason: bool = False

    @property
    def automatic(self) -> bool:
        """Tell whether the rule alone decides: no person takes this step."""
        return self.permission is None


@dataclass(frozen=True, slots=True)
class Lifecycle:
    """The states of one kind of record, the first of which is where it begins, and the steps between them."""

    record_type: str
    states: tuple[str, ...]
    steps: tuple[Step, ...]
    editable: frozenset[str]

    @property
    def initial(self) -> str:
        """The state in which a record begins."""
        return self.states[0]

    def step(self, name: str) -> Step:
        """Return the step called ``name``; raise RuleBroken when this kind of record has none."""
        for step in self.steps:
            if step.name == name:
                return step
        raise RuleBroken("There is no step “%(step)s” for this kind of record.", step=name)

    def steps_from(self, state: str) -> tuple[Step, ...]:
        """Return every step that starts in ``state``, in the order of the table."""
        return tuple(step for step in self.steps if state in step.sources)


def choose(lifecycle: Lifecycle, state: str, name: str) -> Step:
    """Return the step ``name`` if it may start in ``state``.

    Raises RuleBroken when the step does not start there: sequence is enforced, not advised (21 CFR 11.10(f)).
    """
    step = lifecycle.step(name)
    if state not in step.sources:
        raise RuleBroken(
            "“%(step)s” is not possible while the record is in state “%(state)s”. Reload the page to see what is.",
            step=step.label,
            state=state,
        )
    return step


def check_actor(step: Step, may: Callable[[str, str], bool], by_rule: bool) -> None:
    """Let the step pass only if the actor may take it (21 CFR 11.10(g)).

    ``by_rule`` tells that a rule takes the step and no person: only then is an automatic step possible, and no other.
    Raises NotAllowed.
    """
    if step.permission is None:
        if not by_rule:
            raise NotAllowed("“%(step)s” happens by itself when its time has come.", step=step.label)
        return
    if by_rule or not may(*step.permission):
        raise NotAllowed(
            "You may not do “%(step)s”. It needs the permission “%(action)s” on “%(resource)s”.",
            step=step.label,
            action=step.permission[1],
            resource=step.permission[0],
        )


def check_content(step: Step, values: Mapping[str, Any], labels: Mapping[str, Any], reason: str | None) -> None:
    """Let the step pass only if what it asks for is there. Raises RuleBroken naming the field."""
    for field in step.required:
        value = values.get(field)
        if value is None or (isinstance(value, str) and not value.strip()):
            raise _missing(step, field, labels)
    if step.reason and not (reason or "").strip():
        raise RuleBroken("Say why: “%(step)s” needs a reason.", field="reason", step=step.label)


def _missing(step: Step, field: str, labels: Mapping[str, Any]) -> RuleBroken:
    return RuleBroken(
        "Fill in “%(name)s” before “%(step)s”.", field=field, name=str(labels.get(field, field)), step=step.label
    )


def check_gates(step: Step, unmet: Iterable[Phrase]) -> None:
    """Let the step pass only if no gate holds it. Raises RuleBroken that lists every unmet condition."""
    conditions = list(unmet)
    if conditions:
        raise GateClosed(step, conditions)


class GateClosed(RuleBroken):
    """A gate holds the record in its state; ``conditions`` are all the sentences that say what is missing."""

    def __init__(self, step: Step, conditions: list[Phrase]) -> None:
        super().__init__("“%(step)s” has to wait. %(conditions)s", step=step.label, conditions=_sentences(conditions))
        self.conditions = conditions


def _sentences(conditions: list[Phrase]) -> Phrase:
    joined = conditions[0]
    for condition in conditions[1:]:
        joined = Phrase("%(first)s %(second)s", first=joined, second=condition)
    return joined
