"""What an import would do, found out without writing, and the writing of it afterwards.

``compare`` holds what a file says against what is recorded. It pairs them in three steps, so that the same file twice
changes nothing and an edited file changes exactly what was edited:

1. a line equal to a recorded fact is *the same*;
2. a line with the key of a recorded fact that no line equals *restates* that fact;
3. any other line *adds* a fact. What a file does not mention stays as it is.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, NamedTuple

from sqlalchemy.orm import Session

from app.domain.dates import FOREVER, Calendar
from app.domain.text import Phrase
from app.models.base import Fact
from app.services import facts
from app.services.importing.sheet import Problem, Sheet

DETAILS_KEPT = 1000
"""Changes of one kind that a dry run lists one by one; beyond that they are only counted."""


class Writing(NamedTuple):
    """What the writing step knows: the instant all facts of the run are recorded at, why, and the evidence file.

    ``evidence_id`` is None only in a rehearsal, which is taken back.
    """

    session: Session
    at: datetime
    reason: str
    evidence_id: int | None


@dataclass(slots=True)
class Touched:
    """The people and items whose qualification an import may have changed; None stands for *no limit on that side*."""

    people: set[int] | None = field(default_factory=set)
    items: set[int] | None = field(default_factory=set)


@dataclass(frozen=True, slots=True)
class Detail:
    """One change in words: what is done (add, change, end, withdraw), to what, from which row, which fields."""

    action: str
    place: str
    what: str
    fields: dict[str, tuple[str, str]]

    def as_json(self) -> dict[str, Any]:
        """Return the change as JSON takes it."""
        return {
            "action": self.action,
            "place": self.place,
            "what": self.what,
            "fields": {name: list(pair) for name, pair in self.fields.items()},
        }


@dataclass(slots=True)
class Plan:
    """The result of checking one file. ``write`` does it; only called when there are no errors."""

    kind: str
    sheet: Sheet
    counts: dict[str, Counter[str]] = field(default_factory=dict)
    details: list[Detail] = field(default_factory=list)
    left_out: int = 0
    write: Callable[[Writing], Touched] = lambda writing: Touched()

    @property
    def errors(self) -> list[Problem]:
        """The mistakes that stop this import, in the order of the file."""
        return sorted(self.sheet.errors, key=lambda problem: problem.row)

    @property
    def warnings(self) -> list[Problem]:
        """What a person should look at before saying yes."""
        return sorted(self.sheet.warnings, key=lambda problem: problem.row)

    @property
    def changes(self) -> int:
        """How many facts and records would be written."""
        return sum(
            number for counts in self.counts.values() for action, number in counts.items() if action != "unchanged"
        )

    def note(
        self,
        noun: str,
        action: str,
        position: int,
        what: str | Callable[[int], str],
        fields: dict[str, tuple[Any, Any]] | None = None,
    ) -> None:
        """Count one change, and keep it in words as long as there are not too many.

        ``what`` names the record, or is asked for its name by the row's position when it is needed.
        """
        counts = self.counts.setdefault(noun, Counter())
        counts[action] += 1
        if action == "unchanged":
            return
        if counts[action] > DETAILS_KEPT:
            self.left_out += 1
            return
        shown = {name: (_shown(before), _shown(after)) for name, (before, after) in (fields or {}).items()}
        place = self.sheet.table.place(self.sheet.table.rows[position][0])
        what = what(position) if callable(what) else what
        self.details.append(Detail(action, place, f"{noun}: {what}", shown))

    def count(self, noun: str, action: str, number: int = 1) -> None:
        """Count changes that are not listed one by one."""
        if number:
            self.counts.setdefault(noun, Counter())[action] += number


def _shown(value: Any) -> str:
    if value is None or value == FOREVER:
        return ""
    return value.isoformat() if isinstance(value, datetime) else str(value)


class Wanted(NamedTuple):
    """What one line says: its key, the values beside it, and columns that follow from them."""

    position: int
    key: tuple[Any, ...]
    values: tuple[Any, ...]
    extra: dict[str, Any] = {}


class Recorded(NamedTuple):
    """A fact that holds now: its id, key and values as in ``Wanted``."""

    id: int
    key: tuple[Any, ...]
    values: tuple[Any, ...]


@dataclass(slots=True)
class FactChanges:
    """New, restated and withdrawn facts of one kind, ready to write."""

    sheet: Sheet
    model: type[Fact]
    key_fields: tuple[str, ...]
    value_fields: tuple[str, ...]
    adds: list[Wanted] = field(default_factory=list)
    restated: list[tuple[int, Wanted]] = field(default_factory=list)
    withdrawn: list[int] = field(default_factory=list)

    def rows(self, writing: Writing, wanted: Iterable[Wanted]) -> list[dict[str, Any]]:
        """Return complete rows for the bulk door."""
        names = (*self.key_fields, *self.value_fields, "evidence_id", "evidence_place")
        place, file = self.sheet.evidence, writing.evidence_id
        rows = []
        for one in wanted:
            row = dict(zip(names, (*one.key, *one.values, file, place(one.position)), strict=True))
            if one.extra:
                row.update(one.extra)
            rows.append(row)
        return rows

    def write(self, writing: Writing) -> list[tuple[Wanted, int]]:
        """Write them all; return each new row's line with its new id."""
        session, at, reason, _ = writing
        facts.withdraw_many(session, self.model, self.withdrawn, reason, at)
        restated = self.rows(writing, (one for _, one in self.restated))
        pairs = list(zip((old for old, _ in self.restated), restated, strict=True))
        ids = facts.restate_many(session, self.model, pairs, reason, at) if pairs else []
        ids += facts.record_many(session, self.model, self.rows(writing, self.adds), at)
        lines = [one for _, one in self.restated] + self.adds
        return list(zip(lines, ids, strict=True))

    @property
    def lines(self) -> list[Wanted]:
        """Every line that leads to a new row."""
        return [one for _, one in self.restated] + self.adds


Pairing = Callable[[Wanted, Recorded], bool]


def compare(
    plan: Plan,
    noun: str,
    changes: FactChanges,
    wanted: Sequence[Wanted],
    recorded: Iterable[Recorded],
    what: Callable[[int], str],
    pairing: Pairing = lambda new, old: True,
) -> FactChanges:
    """Fill ``changes`` with the difference between the lines and the recorded facts, and describe it in ``plan``.

    ``pairing`` further limits which recorded fact of the same key a line may restate.
    """
    by_key: dict[tuple[Any, ...], list[Recorded]] = {}
    for fact in recorded:
        by_key.setdefault(fact.key, []).append(fact)
    fresh = _without_equals(plan, noun, wanted, by_key)
    for one in fresh:
        same_key = by_key.get(one.key, [])
        old = next((fact for fact in same_key if pairing(one, fact)), None)
        if old is None:
            changes.adds.append(one)
            plan.note(noun, "add", one.position, what)
            continue
        same_key.remove(old)
        changes.restated.append((old.id, one))
        differing = {
            name: (before, after)
            for name, before, after in zip(changes.value_fields, old.values, one.values, strict=True)
            if before != after
        }
        ends = set(differing) == {"ends_at"} and old.values[changes.value_fields.index("ends_at")] == FOREVER
        plan.note(noun, "end" if ends else "change", one.position, what, differing)
    return changes


def _without_equals(
    plan: Plan, noun: str, wanted: Sequence[Wanted], by_key: dict[tuple[Any, ...], list[Recorded]]
) -> list[Wanted]:
    """Return the lines that no recorded fact equals; take the equal facts out of ``by_key``."""
    fresh: list[Wanted] = []
    seen: set[tuple[Any, ...]] = set()
    same = 0
    for one in wanted:
        whole = (one.key, one.values)
        if whole in seen:
            plan.sheet.doubt(one.position, None, Phrase("the same line is there twice; it counts once."))
            continue
        seen.add(whole)
        same_key = by_key.get(one.key)
        equal = next((fact for fact in same_key if fact.values == one.values), None) if same_key else None
        if equal is None:
            fresh.append(one)
        else:
            assert same_key is not None
            same_key.remove(equal)
            same += 1
    plan.count(noun, "unchanged", same)
    return fresh


def start_of(value: Any, calendar: Calendar, default: datetime = FOREVER) -> datetime:
    """Return the instant that a cell means: a day is the local midnight that starts it; None is ``default``.

    Intervals are half-open, so a day in a "to" column is the first day on which it no longer holds.
    """
    if value is None:
        return default
    return value if isinstance(value, datetime) else calendar.midnight(value)
