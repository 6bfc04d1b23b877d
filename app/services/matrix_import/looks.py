"""How a sheet writes things: its codes, its dates, its names. New cells follow what their neighbors do."""

import re
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any

from app.domain.importing import Fact, Grid, Item
from app.domain.importing.grid import as_text
from app.domain.importing.vocabulary import normal, words_of

_FORMATS = (
    "%Y-%m-%d",
    "%d.%m.%Y",
    "%d/%m/%Y",
    "%m/%d/%Y",
    "%d-%m-%Y",
    "%d.%m.%y",
    "%d/%m/%y",
    "%d %b %Y",
    "%d-%b-%Y",
    "%d-%b-%y",
    "%d %B %Y",
    "%B %d, %Y",
    "%Y/%m/%d",
    "%Y.%m.%d",
)
_PROOFS = {"ojt": "training", "read": "read"}


@dataclass(slots=True)
class Signs:
    """The codes of a sheet by meaning, the most used first, each with its raw value and a cell that shows it."""

    used: dict[str, Counter[str]] = field(default_factory=dict)
    samples: dict[str, tuple[Any, tuple[int, int]]] = field(default_factory=dict)
    filled: int = 0

    @classmethod
    def of(cls, facts: Iterable[Fact], grid: Grid) -> "Signs":
        """Count the codes of a sheet."""
        signs = cls()
        for fact in facts:
            signs.filled += 1
            signs.used.setdefault(fact.detail, Counter())[fact.text] += 1
            signs.samples.setdefault(fact.text, (grid.value(fact.row, fact.column), (fact.row, fact.column)))
        return signs

    def most(self, *details: str) -> str | None:
        """The text most used for any of these details."""
        total: Counter[str] = Counter()
        for detail in details:
            total.update(self.used.get(detail, {}))
        return total.most_common(1)[0][0] if total else None

    def required(self, proof: str) -> str:
        """The code for a requirement: the one for its proof, else the one most used for what is required."""
        own = _PROOFS.get(proof)
        plain = ("required", "before_start", "read", "training")
        return (own and self.most(own)) or self.most("required") or self.most(*plain) or "X"

    def no_longer(self, places: int) -> str | None:
        """What a cell says that requires nothing: nothing where blanks are usual, else the sheet's own code."""
        sign = self.most("not_required", "not_applicable")
        if sign is None:
            return None
        number = sum(self.used.get(detail, Counter())[sign] for detail in ("not_required", "not_applicable"))
        return sign if number > places - self.filled else None

    def counted(self) -> bool:
        """Whether the cells count days, so that a number says how many are allowed."""
        return bool(self.used.get("days"))


@dataclass(slots=True)
class DateLook:
    """How a sheet writes days: as dates, as day numbers, or as texts of one format."""

    format: str | None = None
    serial: bool = False
    epoch1904: bool = False
    dated: bool = False
    sample: tuple[int, int] | None = None

    @classmethod
    def of(cls, facts: Iterable[Fact], grid: Grid, order: str | None) -> "DateLook":
        """Judge by the days that are there."""
        look, formats, kinds = cls(epoch1904=grid.epoch1904), Counter[str](), Counter[str]()
        for fact in facts:
            if fact.meaning != "held_with_date" or (fact.day or fact.expires) is None:
                continue
            value, day = grid.value(fact.row, fact.column), fact.day or fact.expires
            look.dated = True
            if isinstance(value, date | datetime):
                kinds["date"] += 1
                look.sample = look.sample or (fact.row, fact.column)
            elif isinstance(value, int | float):
                kinds["serial"] += 1
            elif day is not None:
                kinds["text"] += 1
                formats.update(one for one in _FORMATS if day.strftime(one) == as_text(value))
        if kinds and kinds.most_common(1)[0][0] == "serial":
            look.serial = True
        elif kinds and kinds.most_common(1)[0][0] == "text":
            usual = formats.most_common(1)
            look.format = usual[0][0] if usual else "%Y-%m-%d"
            if order is None and "%m" in look.format and "." not in look.format:
                look.format = "%Y-%m-%d"  # which of day and month comes first is told by no cell
        return look

    def write(self, day: date) -> Any:
        """A day as this sheet writes it."""
        if self.serial:
            return (day - (date(1904, 1, 1) if self.epoch1904 else date(1899, 12, 30))).days
        return day.strftime(self.format) if self.format else day


def label_like(text: str, model: Item, code: str, title: str, *, unique: bool) -> str | None:
    """A heading for an item in the way in which ``text`` names the item ``model``; ``None`` when it names something
    else."""
    old_code, old_title = as_text(model.code), as_text(model.title)
    folded = normal(text)
    if not folded:
        return None
    if old_code and old_title and old_code in text and old_title in text and len(text) > len(old_code):
        if old_code not in old_title:
            return text.replace(old_title, title).replace(old_code, code, 1)
        return f"{code} {title}"
    if old_code and folded == normal(old_code):
        return code
    if old_title and folded == normal(old_title):
        return title if unique else f"{code} {title}"
    return None


def name_like(text: str, model: tuple[str, str], new: tuple[str, str], *, person: bool) -> str | None:
    """A key for somebody in the way in which ``text`` names ``model``; both are code and name. ``None`` when it names
    neither."""
    folded = normal(text)
    code, name = normal(model[0]), normal(model[1])
    if not folded:
        return None
    if person and "," not in new[1] and sorted(words_of(text)) == sorted(words_of(model[1])):
        first, _, last = new[1].rpartition(" ")
        if text.count(",") == 1 and first:
            return f"{last}, {first}"
        return new[1] if folded == name else f"{last} {first}".strip()
    if folded == name:
        return new[1]
    if folded == code:
        return new[0]
    if code and folded.startswith(code) and name in folded:
        middle = re.match(r"\W+", text[len(model[0]) :])
        return f"{new[0]}{middle[0] if middle else ' '}{new[1]}"
    return None


def months_like(value: Any, old: int | None, new: int) -> Any:
    """Months in the way in which ``value`` states ``old`` months: ``2 years`` and 24 become ``1 year`` … for 12."""
    if isinstance(value, int | float) and old and (value * new / old).is_integer():
        return int(value * new / old)
    text = as_text(value)
    number = re.search(r"\d+", text)
    if number and old:
        scaled = int(number[0]) * new / old
        if scaled.is_integer():
            return text[: number.start()] + str(int(scaled)) + text[number.end() :]
    return f"{new} months"
