"""Gives every distinct value of a matrix's body its meaning: by correction, legend, vocabulary, number, or habit.

What no source explains is *unknown* and becomes a question. A circle alone is such a case: in one company ``o`` means
not trained, in another it means can do alone.
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from app.domain.importing.dates import from_serial, read_date
from app.domain.importing.grid import as_text
from app.domain.importing.labels import is_version
from app.domain.importing.lexis import (
    CODE,
    DATE,
    DATE_TEXT,
    ERROR,
    LABEL,
    MEASURE,
    NAME,
    NUMBER,
    SERIAL,
    SMALL,
    STATUS,
    YEAR,
    inner_date,
    level_code,
)
from app.domain.importing.meanings import CodeMeaning, code_meaning
from app.domain.importing.measures import read_measure
from app.domain.importing.profile import Profile, exact_number
from app.domain.importing.vocabulary import Vocabulary, is_cjk, normal
from app.domain.text import Phrase

_DAYS = frozenset({0, 1, 3, 5, 7, 10, 14, 15, 20, 21, 28, 30, 45, 60, 90, 120, 180, 365})
_DERIVED = {
    4: "held",
    3: "not_started",
    -5: "expired",
    1: "held",
    -2: "not_required",
    0: "not_required",
    2: "held",
    5: "held",
}
# The level somebody has and the level wanted, in one cell.
_SLASHED = re.compile(r"^[0-5]\s?[/|→]\s?[0-5]$")
# The level that a state stands for among words for levels.
_STATES = {"not_started": 0, "in_progress": 1, "held": 3, "teaches": 4}
# Steps in which percentages are levels: quarters, fifths, thirds.
_STEPS = (0.25, 0.2, 1 / 3)
_YES_WORDS = ("yes", "y", "true", "no", "n", "false")


@dataclass(slots=True)
class Resolver:
    """Meanings of the values of one body. ``person`` is whether people, not job functions, are the subjects."""

    vocabulary: Vocabulary
    person: bool
    legend: Mapping[str, CodeMeaning] = field(default_factory=dict)
    chosen: Mapping[str, str] = field(default_factory=dict)
    profile: Profile = field(default_factory=Profile)
    dmy: bool | None = None
    epoch1904: bool = False

    def meaning(self, value: Any, kind: int) -> CodeMeaning:
        """The meaning of one value."""
        text = as_text(value)
        if text in self.chosen:
            return code_meaning(self.chosen[text], 1.0, Phrase("chosen by the user"), _level_in(text))
        found = self._from_legend(text)
        if found:
            return found
        if kind == ERROR:
            return code_meaning("error", 1.0, Phrase("the spreadsheet shows an error value"))
        if isinstance(value, bool):
            return self._word("true" if value else "false")
        if kind in (DATE, DATE_TEXT, YEAR):
            return self._date(value, kind)
        if kind in (SMALL, NUMBER, SERIAL):
            return self._number(value, kind)
        return self._text(text, kind)

    def _from_legend(self, text: str) -> CodeMeaning | None:
        if text in self.legend:
            return self.legend[text]
        folded, bare = normal(text), text.casefold()
        for code, meaning in self.legend.items():
            if code.casefold() == bare:
                return meaning
        for code, meaning in self.legend.items():
            own = "(" in code + text and (code in self.profile.marks or code in self.profile.codes)
            if normal(code) == folded and (folded or code == text) and not own:
                return meaning
        return None

    def _date(self, value: Any, kind: int) -> CodeMeaning:
        if kind == YEAR:
            return code_meaning("year", 0.8, Phrase("a year: held since then, day unknown"))
        if getattr(value, "year", None) in (1900, 1899, 1904):
            return code_meaning("date_unknown", 0.8, Phrase("the first day of the calendar stands for an unknown date"))
        read = read_date(value, self.vocabulary, self.dmy) if isinstance(value, str) else None
        inner = inner_date(as_text(value), self.vocabulary) if isinstance(value, str) and read is None else None
        if inner:
            detail = self.vocabulary.detail(inner[1], whole=False)
            if detail in ("planned", "expired", "not_started", "in_progress"):
                return code_meaning(detail, 0.8, Phrase("a date with the words “%(words)s”", words=inner[1][:30]))
            if self.vocabulary.names_field(inner[1], "expiry"):
                return code_meaning("expiry", 0.85, Phrase("a day with the words “%(words)s”", words=inner[1][:30]))
            return code_meaning("date", 0.85, Phrase("a date inside a text"))
        if read and read.unknown:
            return code_meaning("date_unknown", 0.8, Phrase("the year 1900 stands for an unknown date"))
        if read and read.ambiguous and self.dmy is None:
            return code_meaning("date", 0.6, Phrase("a date whose day and month could be exchanged"))
        return code_meaning("date", 0.97, Phrase("a date"))

    def _number(self, value: Any, kind: int) -> CodeMeaning:
        number = exact_number(value)
        profile = self.profile
        if kind == SERIAL:
            if profile.dates or profile.serials >= 0.5 * max(1, sum(profile.numbers.values()) + profile.larger):
                return code_meaning(
                    "date",
                    0.9,
                    Phrase("the day number of %(day)s", day=from_serial(number, self.epoch1904).isoformat()),
                )
            return code_meaning("unknown", 0.4, Phrase("a large number"))
        if profile.dates + profile.serials >= 0.3 * profile.total and number in (0, 1):
            return code_meaning(
                "held" if number else "not_started", 0.85, Phrase("a one among dates: held, date not known")
            )
        return self._plain_number(int(number), number)

    def _plain_number(self, number: int, exact: float) -> CodeMeaning:
        profile = self.profile
        values = set(profile.numbers)
        if any(value < 0 for value in values) and number in _DERIVED:
            return code_meaning(_DERIVED[number], 0.6, Phrase("numbers below zero: a derived status, read by custom"))
        if profile.ordered:
            return code_meaning("order", 0.75, Phrase("numbers count up within each line: an order"))
        if (values == {1} or values == {0, 1}) and not (profile.fractions or profile.halves):
            return (
                self._mark_meaning()
                if number
                else code_meaning("not_required", 0.75, Phrase("zero where others have a one"))
            )
        if (
            max(values, default=0) >= 14
            and values <= _DAYS
            and not profile.larger - sum(v > 10 for v in profile.numbers.elements())
        ):
            return code_meaning("days", 0.8, Phrase("days allowed for first training: %(number)s", number=number))
        if profile.fractions and (found := self._fraction(exact)):
            return found
        if (
            (values or profile.halves)
            and min(values, default=0) >= 0
            and max(values, default=1) <= 10
            and not profile.larger
        ):
            least, most = min(values, default=number), max(values, default=number)
            return code_meaning(
                "level", 0.9, Phrase("numbers from %(least)s to %(most)s: a level", least=least, most=most), number
            )
        if 0 <= exact <= 100:
            return code_meaning("score", 0.5, Phrase("a number up to 100: a score"))
        return code_meaning("unknown", 0.3, Phrase("a number that fits no level, day count or date"))

    def _fraction(self, exact: float) -> CodeMeaning | None:
        """Parts of a whole: few steps such as 25 % are levels, many different ones say how far somebody has come."""
        if max(self.profile.numbers, default=0) > 1 or min(self.profile.numbers, default=0) < 0 or self.profile.larger:
            return (
                code_meaning("level", 0.5, Phrase("a level between two steps"), int(exact)) if 0 < exact < 1 else None
            )
        if len(self.profile.fractions) <= 5 and any(_steps(self.profile.fractions, step) for step in _STEPS):
            return code_meaning(
                "level", 0.75, Phrase("one of few steps between 0 and 100 %: a level"), round(exact * 4)
            )
        if exact in (0, 1):
            return code_meaning("held" if exact else "not_started", 0.6, Phrase("all or nothing among percentages"))
        return code_meaning("in_progress", 0.5, Phrase("a percentage: on the way"))

    def _mark_meaning(self) -> CodeMeaning:
        if self.person:
            return code_meaning("held", 0.8, Phrase("a mark beside a person: trained"))
        return code_meaning("required", 0.85, Phrase("a mark beside a job function: required"))

    def _text(self, text: str, kind: int) -> CodeMeaning:
        rung = self._rung(text)
        if rung is not None:
            return code_meaning("level", 0.85, Phrase("one of the steps of a scale of skill"), rung)
        among = self.vocabulary.scales["among_levels"]
        state = _STATES.get(self.vocabulary.detail(text) or "") if kind == STATUS and len(text) > 3 else None
        state = among.get(normal(text), state)
        if self.profile.laddered and state is not None:
            return code_meaning("level", 0.8, Phrase("a word among words for levels"), state)
        detail = self.vocabulary.detail(text)
        mark = self.vocabulary.mark(text)
        if mark and not (len(text) == 1 and text.isalpha() and detail and text.casefold() not in ("x", "o")):
            return self._mark(text, mark)
        if detail and not (kind == STATUS and len(text) <= 2):
            return self._word(text)
        if normal(text) in self.vocabulary.levels:
            return code_meaning("level", 0.9, Phrase("a word for a level"), self.vocabulary.levels[normal(text)])
        return self._code(text, kind)

    def _rung(self, text: str) -> int | None:
        """The place of a code in a scale that the sheet uses: L1 … L4, I L U O, I II III."""
        level = level_code(text)
        if level is None and text in "★+☆" and any(code[:2] in ("★★", "★☆", "++") for code in self.profile.codes):
            level = int(text != "☆")
        if level is not None:
            return level
        if _SLASHED.match(text):
            slashed = sum(number for code, number in self.profile.codes.items() if _SLASHED.match(code))
            return int(text[0]) if slashed >= 0.6 * sum(self.profile.codes.values()) else None
        for name in ("iluo", "roman"):
            scale = self.vocabulary.scales[name]
            used = {code.casefold() for code in (*self.profile.codes, *self.profile.marks)}
            if text.casefold() in scale and len(used & set(scale)) >= 3 and len(used - set(scale)) <= 2:
                return scale[text.casefold()]
        return None

    def _word(self, text: str) -> CodeMeaning:
        detail = self.vocabulary.detail(text) or "unknown"
        if (
            not self.person
            and detail == "held"
            and normal(text) in (*_YES_WORDS, "c", "si", "sim", "oui", "ja", "да", "是")
        ):
            return code_meaning("required", 0.85, Phrase("yes, for a job function: required"))
        if not self.person and detail == "held" and normal(text) in ("current", "valid"):
            return code_meaning("required", 0.6, Phrase("valid for a job function: required"))
        if not self.person and detail == "teaches":
            return code_meaning("required", 0.6, Phrase("a trainer's role"))
        return code_meaning(detail, 0.9, Phrase("the word “%(word)s”", word=text[:30]))

    def _mark(self, text: str, mark: str) -> CodeMeaning:
        vocabulary, marks = self.vocabulary, self.profile.marks
        if mark == "dash":
            return code_meaning("not_applicable", 0.8, Phrase("a dash: does not apply"))
        if mark == "no":
            return code_meaning(
                "not_started" if self.person else "not_required", 0.75, Phrase("a box that is not ticked")
            )
        scale = vocabulary.scales["cjk"]
        kinds = {m for m in marks if m in scale and m not in ("×", "✕", "▲", "★")}
        if text in scale and (len(kinds) >= 2 or (self.profile.east_asian and kinds and mark in ("circles", "cross"))):
            if len({scale[m] for m in kinds}) == 1 and text in ("○", "◯", "〇", "⭕"):
                return code_meaning(
                    "held" if self.person else "required", 0.7, Phrase("a circle in an East Asian sheet: can do")
                )
            return code_meaning(
                "level", 0.8, Phrase("circles and triangles: an East Asian scale of skill"), scale[text]
            )
        harvey = vocabulary.scales["harvey"]
        if text in harvey and len({m for m in marks if m in harvey}) >= 3:
            return code_meaning("level", 0.85, Phrase("circles filled by quarters: a level"), harvey[text])
        return self._lone_mark(text, mark)

    def _lone_mark(self, text: str, mark: str) -> CodeMeaning:
        if (
            self.profile.east_asian
            and text in "oOxX"
            and {mark.casefold() for mark in self.profile.marks} >= {"o", "x"}
        ):
            if text in "oO":
                return self._mark_meaning()._replace(why=Phrase("O beside X in an East Asian sheet: yes"))
            return code_meaning(
                "not_started" if self.person else "not_required", 0.75, Phrase("X beside O in an East Asian sheet: no")
            )
        others = sum(number for other, number in self.profile.marks.items() if other.casefold() != text.casefold())
        if mark == "circles" and text not in ("●",):
            if (
                self.profile.total
                and self.profile.marks[text] + self.profile.marks[text.swapcase()] >= 0.95 * self.profile.total
            ):
                return self._mark_meaning()._replace(
                    confidence=0.55, why=Phrase("the only mark of the sheet is a circle")
                )
            if text in "oO" and not self.person and "m" in {c.casefold() for c in self.profile.codes}:
                return code_meaning("optional", 0.6, Phrase("O beside M: optional beside mandatory"))
            return code_meaning(
                "unknown", 0.2, Phrase("a circle beside other marks, and no legend: it can mean trained or not trained")
            )
        if (
            mark == "cross"
            and "✓✔√☑✅".find(text) < 0
            and any(m in "✓✔√☑✅" for m in self.profile.marks)
            and text not in "xX"
        ):
            return code_meaning(
                "not_started" if self.person else "not_required", 0.7, Phrase("a cross beside ticks: no")
            )
        return self._mark_meaning()._replace(confidence=0.85 if not others else 0.8)

    def _code(self, text: str, kind: int) -> CodeMeaning:
        table = self.vocabulary.codes["person" if self.person else "role"]
        folded = normal(text)
        if folded in table:
            return code_meaning(table[folded], 0.6, Phrase("“%(code)s” without a legend, read by custom", code=text))
        if kind == STATUS and self.vocabulary.detail(text):
            return self._word(text)
        parts = [part for part in re.split(r"\s*[/+&,;]\s*", text) if part]
        if len(parts) > 1 and len(text) <= 12:
            known = [m for m in map(self._part, parts) if m]
            if len(known) == len(parts):
                return min(
                    known,
                    key=lambda m: (
                        ("required", "held", "level").index(m.meaning)
                        if m.meaning in ("required", "held", "level")
                        else 9
                    ),
                )
        if kind == MEASURE:
            measure = read_measure(text, self.vocabulary)
            if measure and measure.days is not None and not self.person:
                return code_meaning("days", 0.7, Phrase("days allowed for first training"))
            return code_meaning("recurring", 0.6, Phrase("how often it is to be repeated: required"))
        return self._free(text, kind)

    def _part(self, part: str) -> CodeMeaning | None:
        found = self._from_legend(part)
        if found:
            return found
        detail = self.vocabulary.codes["person" if self.person else "role"].get(normal(part)) or self.vocabulary.detail(
            part
        )
        return code_meaning(detail, 0.6, Phrase("“%(code)s” in a combined code", code=part)) if detail else None

    def _free(self, text: str, kind: int) -> CodeMeaning:
        if is_version(text):
            return code_meaning("held" if self.person else "required", 0.7, Phrase("a version of the document"))
        match = re.match(r"^(\d)\s*[-–=:.]\s*\D", text)
        if match:
            return code_meaning("level", 0.85, Phrase("a level with its number"), int(match[1]))
        if kind == CODE and self.person and self._initials():
            return code_meaning("held", 0.6, Phrase("initials beside a person: signed off"))
        if kind == NAME and self.person:
            return code_meaning("held", 0.5, Phrase("a name in the body: signed off by"))
        if (nth := re.match(r"^([^\W\d_]+)\s?(\d{1,3})$", text)) and self._unit(nth[1]):
            return code_meaning("days", 0.7, Phrase("by %(time)s", time=text))
        if len(text) > 3 or kind == LABEL or is_cjk(text):
            detail = self.vocabulary.detail(text, whole=False)
            if detail and len(text) <= 60:
                return code_meaning(
                    detail, 0.55, Phrase("a text with the words of “%(meaning)s”", meaning=detail.replace("_", " "))
                )
        return code_meaning("unknown", 0.2, Phrase("no legend and no vocabulary explains it"))

    def _unit(self, word: str) -> bool:
        return len(word) > 2 and self.vocabulary.units.get(normal(word)) in ("days", "weeks", "months")

    def _initials(self) -> bool:
        table = self.vocabulary.codes["person"]
        strange = [
            c for c in self.profile.codes if normal(c) not in table and 2 <= len(c) <= 4 and c.isalpha() and c.isupper()
        ]
        return len(strange) >= 3


def _level_in(text: str) -> int | None:
    match = re.search(r"\d+", text)
    return int(match[0]) if match else None


def _steps(fractions: Iterable[float], step: float) -> bool:
    """Whether all fractions are multiples of a step."""
    return all(abs(fraction / step - round(fraction / step)) < 0.05 for fraction in fractions)
