"""Hours, days and validity periods as they stand around a matrix: ``1H``, ``40H/16H``, ``90 min``, ``2 YEARS``,
``ONCE``."""

import re
from dataclasses import dataclass
from functools import lru_cache

from app.domain.importing.vocabulary import Vocabulary, normal

_AMOUNT = re.compile(r"^(?:\D{0,12}\s)?(\d+(?:[.,]\d+)?)\s*([^\W\d_]+)\.?$")
_CLOCK = re.compile(r"^(\d{1,2})[:h](\d{2})(?::00)?(?:\s*h)?$")
_BEHIND = re.compile(r"^(\S.*?)\s*[(\[]\s*([^()\[\]]{2,24}?)\s*[)\]]$", re.S)
_DOUBLE = re.compile(r"^(\d+(?:[.,]\d+)?)\s*h?\w*\s*[/+]\s*(\d+(?:[.,]\d+)?)\s*([^\W\d_]+)$", re.I)
_HOURS_PER = {"hours": 1.0, "minutes": 1 / 60}
_MONTHS_PER = {"months": 1.0, "years": 12.0, "weeks": 12 / 52, "days": 12 / 365}
FOREVER = 0


@dataclass(frozen=True, slots=True)
class Measure:
    """A length of time. ``hours`` of training, or ``months`` of validity, where 0 means that it never lapses.

    ``refresher_hours`` is the second number of ``40H/16H``: first training and refresher.
    """

    hours: float | None = None
    months: int | None = None
    days: float | None = None
    refresher_hours: float | None = None


def read_measure(text: str, vocabulary: Vocabulary) -> Measure | None:
    """The hours or months that a text states, or ``None``."""
    if len(text) > 40:
        return None
    return _read(normal(text), vocabulary)


@lru_cache(maxsize=50_000)
def _read(key: str, vocabulary: Vocabulary) -> Measure | None:
    if key in vocabulary.once:
        return Measure(months=FOREVER)
    if key in vocabulary.periods:
        return Measure(months=vocabulary.periods[key])
    double = _DOUBLE.match(key)
    if double and vocabulary.units.get(double[3]) == "hours":
        return Measure(hours=_number(double[1]), refresher_hours=_number(double[2]))
    match = _AMOUNT.match(key)
    if match:
        lead = key[: match.start(1)].strip()
        if not lead or lead in vocabulary.every:
            return _amount(_number(match[1]), vocabulary.units.get(match[2]))
        return None
    match = _CLOCK.match(key)
    if match:
        return Measure(hours=int(match[1]) + int(match[2]) / 60)
    return _bare_period(key, vocabulary)


def _bare_period(key: str, vocabulary: Vocabulary) -> Measure | None:
    """``every year``, ``cada año``: a period without its number."""
    words = key.split()
    if len(words) == 2 and words[0] in vocabulary.every:
        return _amount(1.0, vocabulary.units.get(words[1]))
    return None


def _number(text: str) -> float:
    return float(text.replace(",", "."))


def _amount(number: float, unit: str | None) -> Measure | None:
    if unit in _HOURS_PER:
        return Measure(hours=round(number * _HOURS_PER[unit], 2))
    if unit == "days":
        return Measure(days=number, months=max(1, round(number * _MONTHS_PER[unit])))
    if unit in _MONTHS_PER:
        return Measure(months=max(1, round(number * _MONTHS_PER[unit])))
    return None


def unit_of(header: str, vocabulary: Vocabulary) -> str | None:
    """The unit that a heading names: ``Validity (years)`` counts in years, ``Dauer (min)`` in minutes."""
    words = re.split(r"[\s()/\[\].,_\-]+", normal(header))
    return next((unit for word in reversed(words) if (unit := vocabulary.units.get(word))), None)


def behind_title(text: str, vocabulary: Vocabulary) -> tuple[str, Measure] | None:
    """A title with hours or a validity in brackets behind it, taken apart: ``NR-35 (2 anos)``."""
    match = _BEHIND.match(text)
    measure = read_measure(match[2], vocabulary) if match else None
    return (match[1], measure) if match and measure and (measure.hours or measure.months) else None


def months_of(value: object, vocabulary: Vocabulary, unit: str = "months") -> int | None:
    """Months of validity in a cell of a row or column that is about validity; a bare number counts in ``unit``."""
    number = plain_number(value)
    if number is not None:
        return round(number * (12 if unit == "years" else 1)) if 0 <= number <= 240 else None
    measure = read_measure(str(value), vocabulary) if isinstance(value, str) else None
    return measure.months if measure else None


def hours_of(value: object, vocabulary: Vocabulary, unit: str = "hours") -> float | None:
    """Hours of training in a cell of a row or column that is about duration; a bare number counts in ``unit``."""
    number = plain_number(value)
    if number is not None:
        return round(number / 60, 2) if unit == "minutes" else number * 8.0 if unit == "days" else number
    measure = read_measure(str(value), vocabulary) if isinstance(value, str) else None
    if measure is None:
        return None
    return measure.hours if measure.hours is not None else (measure.days * 8.0 if measure.days else None)


def plain_number(value: object) -> float | None:
    """A number, or a text that is only a number; ``None`` for anything else."""
    if isinstance(value, bool):
        return None
    if isinstance(value, int | float):
        return float(value)
    if isinstance(value, str) and re.fullmatch(r"\s*\d+(?:[.,]\d+)?\s*", value):
        return _number(value.strip())
    return None
