"""What the body of a matrix holds as a whole; the meaning of a single number or mark depends on it."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import time, timedelta
from typing import Any

from app.domain.importing.grid import as_text
from app.domain.importing.lexis import CODE, DATE, DATE_TEXT, MARK, NUMBER, SERIAL, SMALL, STATUS, number_of
from app.domain.importing.vocabulary import Vocabulary, is_cjk, normal


@dataclass(slots=True)
class Profile:
    """What the body holds as a whole; the meaning of a single number depends on it."""

    numbers: Counter[int] = field(default_factory=Counter)
    larger: int = 0
    fractions: Counter[float] = field(default_factory=Counter)
    halves: int = 0
    dates: int = 0
    serials: int = 0
    marks: Counter[str] = field(default_factory=Counter)
    codes: Counter[str] = field(default_factory=Counter)
    total: int = 0
    ordered: bool = False
    east_asian: bool = False
    level_words: set[str] = field(default_factory=set)
    states: set[str] = field(default_factory=set)

    @property
    def laddered(self) -> bool:
        """Whether words for levels stand in the body, so that words for states beside them are levels too."""
        climbing = "teaches" in self.states or {"in_progress", "not_started"} <= self.states
        return len(self.level_words) >= 2 or (len(self.level_words) == 1 and climbing)


def profile_of(counts: Iterable[tuple[Any, int, int]], vocabulary: Vocabulary) -> Profile:
    """Sum up a body from (value, kind, how often)."""
    profile = Profile()
    for value, kind, number in counts:
        profile.total += number
        if kind in (SMALL, NUMBER, SERIAL):
            _count_number(profile, value, kind, number)
        elif kind in (DATE, DATE_TEXT):
            profile.dates += number
        elif kind == MARK:
            profile.marks[as_text(value)] += number
        elif kind == CODE or (kind == STATUS and len(as_text(value)) <= 3):
            profile.codes[as_text(value)] += number
        if kind == STATUS:
            detail = vocabulary.detail(as_text(value))
            if detail:
                profile.states.add(detail)
            elif normal(as_text(value)) in vocabulary.levels:
                profile.level_words.add(normal(as_text(value)))
        if isinstance(value, str) and is_cjk(value):
            profile.east_asian = True
    return profile


def _count_number(profile: Profile, value: Any, kind: int, number: int) -> None:
    exact = exact_number(value)
    if kind == SERIAL:
        profile.serials += number
    elif exact == int(exact) and -99 <= exact <= 400:
        profile.numbers[int(exact)] += number
        profile.larger += number * (exact > 10)
    elif 0 < exact < 1:
        profile.fractions[round(exact, 2)] += number
    elif 1 < exact < 10 and exact * 2 == int(exact * 2):
        profile.halves += number
    else:
        profile.larger += number


def exact_number(value: Any) -> float:
    """A number, a text that is one (``2,5``; ``80 %`` is 0.8), or the hours of a clock time."""
    if isinstance(value, timedelta):
        return value.total_seconds() / 3600
    if isinstance(value, time):
        return value.hour + value.minute / 60
    return number_of(value) or 0.0


def counting(lines: list[list[Any]]) -> bool:
    """Whether the numbers of most lines are 1, 2, 3 … in some order: an order, no level. Numbers may be texts, with a
    point behind."""
    plain = [[n for n in map(whole_number, line) if n is not None] for line in lines]
    good = {len(line) for line in plain if _counts_up(line)}
    long = [line for line in plain if len(line) >= 3]
    if len(long) >= 2 and sum(map(_counts_up, long)) >= 0.6 * len(long):
        return True
    more = [line for line in plain if len(line) >= 2]
    return len(more) >= 3 and max(good, default=0) >= 3 and all(map(_counts_up, more))


def _counts_up(line: list[int]) -> bool:
    return sorted(line) == list(range(1, len(line) + 1))


def whole_number(value: Any) -> int | None:
    """A whole number, also one written as ``3`` or ``3.`` in a text; ``None`` for anything else."""
    if isinstance(value, int) and not isinstance(value, bool):
        return value
    if isinstance(value, str) and len(value) < 5 and (digits := value.strip().rstrip(".º°")).isdecimal():
        return int(digits)
    return None
