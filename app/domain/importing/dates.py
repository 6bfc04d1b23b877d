"""Dates as people type them: with dots, slashes, month names, ranges, only a year, or as a spreadsheet's day number.

Whether ``03/04/2020`` is a day in April or in March cannot be told from one cell; :func:`day_first` decides it from all
texts of a column together. Texts that stay ambiguous are reported by the caller, never resolved silently.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

from app.domain.importing.vocabulary import Vocabulary, normal

# Day numbers that can be a training date: 1 January 1970 to 31 December 2079, in either epoch.
SERIAL_LOW, SERIAL_HIGH = 25569, 65745
_NUMERIC = re.compile(r"^(\d{1,4})\s?[./\-]\s?(\d{1,2})\s?[./\-]\s?(\d{1,4})\.?(?:[ T]\d{1,2}:\d{2}.*)?$")
_EAST_ASIAN = re.compile(r"^(\d{4})\s*[年년]\s*(\d{1,2})\s*[月월](?:\s*(\d{1,2})\s*[日일])?$")
_ERA = re.compile(
    r"^(令和|平成|昭和|R|H|S)\.?\s?(\d{1,2}|元)\s?[年./\-]\s?(\d{1,2})\s?[月./\-]\s?(\d{1,2})\s?日?$", re.I
)
# the year before the first year of each Japanese era
_ERAS = {"令和": 2018, "r": 2018, "平成": 1988, "h": 1988, "昭和": 1925, "s": 1925}
_WORDY = re.compile(r"[\s,./\-']+")
_RANGE_TAIL = re.compile(r"^(.*?)(\d{1,2})\s?([./\-])\s?(\d{1,2})\s?([./\-])\s?(\d{4}|\d{2})\.?$")
_RANGE_SIGN = re.compile(
    r"\s*(?:-|–|—|&|\+|/|,|\bto\b|\band\b|\bbis\b|\bund\b|\ba\b|\be\b|\by\b|\bau\b|\bet\b|\bal\b)\s*"
)
_YEAR = re.compile(r"^(19[5-9]\d|20[0-7]\d)\s?(?:г\.?|год|года)?$")
_COMPACT = re.compile(r"^(19[7-9]\d|20[0-4]\d)(0[1-9]|1[0-2])(0[1-9]|[12]\d|3[01])$")
_MONTH_YEAR = re.compile(r"^(\d{1,2})\s?[./\-]\s?(\d{4})$|^(\d{4})\s?[./\-]\s?(\d{1,2})$")


@dataclass(frozen=True, slots=True)
class ReadDate:
    """What a text says about a day. ``day`` is the last day of a range; ``exact`` is false for a month or a year only.

    ``ambiguous`` when day and month could be exchanged. ``unknown`` when a placeholder such as the year 1900 stands
    in it.
    """

    day: date
    exact: bool = True
    ambiguous: bool = False
    unknown: bool = False
    start: date | None = None


def from_serial(number: float, epoch1904: bool = False) -> date:
    """Day of a spreadsheet's day number (ECMA-376 part 1, 18.17.4.1); day 60 of the 1900 epoch never existed."""
    if epoch1904:
        return date(1904, 1, 1) + timedelta(days=int(number))
    return (
        date(1899, 12, 30) + timedelta(days=int(number))
        if number >= 60
        else date(1899, 12, 31) + timedelta(days=int(number))
    )


def read_date(text: str, vocabulary: Vocabulary, dmy: bool | None = None) -> ReadDate | None:
    """The day a text names, or ``None`` when it is no date. ``dmy`` says whether the day comes before the month."""
    text = text.strip().strip("*() ")
    if not 4 <= len(text) <= 40 or not any(c.isdigit() for c in text):
        return None
    return _whole(text, dmy) or _month_only(text) or _named_month(text, vocabulary) or _range(text, vocabulary, dmy)


def _make(year: int, month: int, day: int, **more: Any) -> ReadDate | None:
    if year < 100:
        year += 2000 if year < 70 else 1900
    if 2460 <= year <= 2642:  # the Buddhist calendar, as used in Thailand
        year -= 543
    if not 1900 <= year <= 2199:
        return None
    try:
        return ReadDate(date(year, month, day), unknown=year == 1900, **more)
    except ValueError:
        return None


def _whole(text: str, dmy: bool | None) -> ReadDate | None:
    match = _NUMERIC.match(text)
    if match:
        first, second, third = match.groups()
        if len(first) == 4:
            return _make(int(first), int(second), int(third)) if len(third) <= 2 else None
        if len(first) > 2 or len(third) in (1, 3):
            return None
        return _ordered(int(first), int(second), int(third), "." in text, dmy)
    match = _ERA.match(text)
    if match:
        era, year, month, day = match.groups()
        return _make(_ERAS[era.casefold()] + (1 if year == "元" else int(year)), int(month), int(day))
    match = _COMPACT.match(text)
    if match:
        return _make(int(match[1]), int(match[2]), int(match[3]))
    match = _EAST_ASIAN.match(text)
    if match:
        year, month, day = match.groups()
        return _make(int(year), int(month), int(day or 1), exact=day is not None)
    return None


def _ordered(first: int, second: int, year: int, dotted: bool, dmy: bool | None) -> ReadDate | None:
    if first > 12:
        return _make(year, second, first)
    if second > 12:
        return _make(year, first, second)
    if dotted or dmy:
        return _make(year, second, first)
    if dmy is False:
        return _make(year, first, second)
    return _make(year, second, first, ambiguous=first != second)


def _month_only(text: str) -> ReadDate | None:
    match = _MONTH_YEAR.match(text)
    if not match:
        return None
    month, year = (match[1], match[2]) if match[1] else (match[4], match[3])
    return _make(int(year), int(month), 1, exact=False)


def _named_month(text: str, vocabulary: Vocabulary) -> ReadDate | None:
    """``28 Apr 2026``, ``April 28th, 2026``, ``Aug,2024``, ``4 de março de 2025``, ``12-Mar-24``."""
    month, numbers = 0, []
    for word in filter(None, _WORDY.split(normal(text))):
        cut = re.sub(r"(?<=\d)(st|nd|rd|th|er|º|ª|o)$", "", word)
        if cut.isdigit():
            numbers.append(cut)
        elif word in vocabulary.months and not month:
            month = vocabulary.months[word]
        elif re.fullmatch(r"\d{1,2}[a-z]{3}\d{2,4}", word):
            return _named_month(re.sub(r"([a-z]+)", r" \1 ", word), vocabulary)
        elif word not in ("de", "del", "of", "the", "г", "года") and not _weekday(word, vocabulary):
            return None
    return _from_numbers(month, numbers) if month else None


def _from_numbers(month: int, numbers: list[str]) -> ReadDate | None:
    if len(numbers) == 1 and len(numbers[0]) == 4:
        return _make(int(numbers[0]), month, 1, exact=False)
    if len(numbers) == 1 and len(numbers[0]) == 2 and int(numbers[0]) >= 15:
        return _make(int(numbers[0]), month, 1, exact=False)
    if len(numbers) != 2:
        return None
    day, year = (numbers[1], numbers[0]) if len(numbers[0]) == 4 else (numbers[0], numbers[1])
    if len(day) > 2 or len(year) == 3:
        return None
    return _make(int(year), month, int(day))


def _weekday(word: str, vocabulary: Vocabulary) -> bool:
    return word in vocabulary.words.get("calendar", frozenset())


def _range(text: str, vocabulary: Vocabulary, dmy: bool | None) -> ReadDate | None:
    """``25-26.03.2025``, ``31.07 & 01.08.2025``, ``31.03.-01.04.2025``, ``6 -24 July 2026``: the last day counts."""
    match = _RANGE_TAIL.match(text)
    if match:
        head = _RANGE_SIGN.sub(" ", match[1]).strip(" .")
        end = _ordered(int(match[2]), int(match[4]), int(match[6]), match[3] == ".", dmy)
        if end and head and re.fullmatch(r"[\d\s./]+", head):
            return ReadDate(end.day, True, end.ambiguous, end.unknown, _start(head, end.day))
        return None
    match = re.match(
        r"^(\d{1,2})(?:\s+\w+\.?)?(?:\s+\d{4})?\s*(?:-|–|&|to|and|bis|und|a|e|y|au|et|al)\s*(\d{1,2}.*)$", text, re.I
    )
    if match:
        end = _named_month(match[2], vocabulary)
        if end:
            return ReadDate(end.day, True, False, end.unknown, _start(match[1], end.day))
    return None


def _start(head: str, end: date) -> date | None:
    numbers = [int(n) for n in re.findall(r"\d+", head)]
    try:
        if len(numbers) == 1 or (len(numbers) > 1 and numbers[1] > 12):
            return end.replace(day=numbers[0])
        return date(numbers[2] if len(numbers) > 2 and numbers[2] > 1900 else end.year, numbers[1], numbers[0])
    except (ValueError, IndexError):
        return None


def day_first(texts: Iterable[str]) -> bool | None:
    """Whether the day stands before the month in these texts: ``None`` when nothing tells, or when they disagree."""
    first = second = False
    for text in texts:
        match = _NUMERIC.match(text.strip())
        if match and len(match[1]) <= 2:
            first = first or int(match[1]) > 12
            second = second or int(match[2]) > 12
    return None if first == second else first


def is_compact(number: float) -> bool:
    """Whether a number writes a day as year, month and day: 20240115."""
    match = _COMPACT.match(str(int(number))) if 19700101 <= number <= 20491231 and number == int(number) else None
    return match is not None and _make(int(match[1]), int(match[2]), int(match[3])) is not None


def is_year(value: object) -> bool:
    """Whether a value is a year alone, such as 2019 or ``2019 г.``."""
    return not isinstance(value, bool | date | datetime) and bool(_YEAR.match(str(value).strip()))
