"""What a sheet of people says: training with its day, marks without one, levels, and what single people need."""

from collections.abc import Iterator
from decimal import Decimal, InvalidOperation

from app.domain.importing import Fact, SheetReading
from app.services.matrix_import.saying import Ask, Contents, Held, Mark, place_of
from app.services.matrix_import.taking import Taking


class PersonalSheet:
    """Adds the facts of one sheet of people to the contents, as the user decided about what it leaves open.

    ``past`` is an earlier state of the same matrix: only its dates count.
    """

    def __init__(self, contents: Contents, sheet: SheetReading, taking: Taking, past: bool) -> None:
        self.contents, self.sheet, self.taking, self.past = contents, sheet, taking, past
        self.levels: dict[tuple[int, int], int] = {}
        self.level_columns: set[int] = set()

    def facts(self) -> Iterator[Fact]:
        """The facts of the sheet, once the columns of levels, and the levels beside dates, are known.

        A 1 in a column of levels is a level, although it means "trained" where it stands among dates.
        """
        if self.sheet.cells.get("level"):
            self.level_columns = {fact.column for fact in self.sheet.facts() if fact.meaning == "level"}
            if self.taking.trained_from_level is not None:
                for fact in map(self._as_level, self.sheet.facts()):
                    if fact.meaning == "level" and fact.level is not None:
                        self.levels[fact.subject, fact.item] = fact.level
        return map(self._as_level, self.sheet.facts())

    def _as_level(self, fact: Fact) -> Fact:
        if fact.meaning == "held" and fact.column in self.level_columns and fact.text.isdigit():
            return fact._replace(meaning="level", detail="level", level=int(fact.text))
        return fact

    def add(self, fact: Fact, person: str, item: str) -> None:
        """Add one cell."""
        place = place_of(self.sheet.name, fact.row, fact.column)
        if fact.meaning == "level":
            self._level(fact, person, item, place)
        elif fact.meaning == "held_with_date" and fact.day:
            self._dated(fact, person, item, place)
        elif fact.meaning in ("held", "held_with_date"):
            self._mark(person, item, place, score=_score(fact))
        elif fact.meaning == "required" and not self.past:
            self._asked(fact, person, item, place)

    def _dated(self, fact: Fact, person: str, item: str, place: str) -> None:
        """A day is a day of training, unless the level beside it is below the one that counts as trained."""
        assert fact.day is not None
        level = self.levels.get((fact.subject, fact.item))
        least = self.taking.trained_from_level
        if level is not None and least is not None and level < least:
            return
        self.contents.held.setdefault((person, item, fact.day), Held(person, item, fact.day, place, level))

    def _level(self, fact: Fact, person: str, item: str, place: str) -> None:
        if self.past:
            return
        least = self.taking.trained_from_level
        self.contents.leave_open(self.sheet.name, "levels", place, least, fact.level)
        if least is not None and fact.level is not None and fact.level >= least:
            self._mark(person, item, place, level=fact.level)

    def _mark(self, person: str, item: str, place: str, level: int | None = None, score: Decimal | None = None) -> None:
        if not self.past:
            mark = Mark(self.sheet.name, person, item, place, self.taking.undated_on, level, score)
            self.contents.marks.setdefault((person, item), mark)

    def _asked(self, fact: Fact, person: str, item: str, place: str) -> None:
        days = self.taking.order_days
        self.contents.leave_open(self.sheet.name, "personal", place, days)
        if days is not None:
            own = int(fact.text) if fact.detail == "days" and fact.text.isdigit() else days
            ask = Ask(person, item, place, fact.detail, own, fact.day if fact.detail == "planned" else None)
            self.contents.asked.setdefault((person, item), ask)


def _score(fact: Fact) -> Decimal | None:
    """The score that a cell states, where it is one."""
    if fact.detail != "score":
        return None
    try:
        score = Decimal(fact.text.rstrip("% ").replace(",", "."))
    except InvalidOperation:
        return None
    return score if score.is_finite() and 0 <= score < 100_000 else None
