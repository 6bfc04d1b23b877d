"""What kind of thing one cell holds, judged without its neighbors: a mark, a date, a name, a course code …

Every distinct value of a sheet is judged once; :class:`Kinds` then lays the verdicts over the sheet, one byte a cell,
so that rows and columns can be counted at the speed of ``bytes.count``.
"""

import json
import re
import unicodedata
from collections import Counter
from datetime import date, time, timedelta
from itertools import chain
from typing import Any

from app.domain.importing.dates import SERIAL_HIGH, SERIAL_LOW, is_compact, is_year, read_date
from app.domain.importing.grid import CellError, Grid, as_text
from app.domain.importing.labels import is_code_text, is_version
from app.domain.importing.measures import read_measure
from app.domain.importing.vocabulary import Vocabulary, is_cjk, normal, words_of

EMPTY, MARK, CODE, STATUS, SMALL, NUMBER, DATE, SERIAL, DATE_TEXT, MEASURE = range(10)
NAME, LABEL, ITEM_CODE, IDENT, EMAIL, SENTENCE, LIST, JSON, ERROR, YEAR = range(10, 20)

_CELLISH = (MARK, CODE, STATUS, SMALL, DATE, SERIAL, DATE_TEXT, ERROR)
_LABELISH = (NAME, LABEL, ITEM_CODE, IDENT, EMAIL, SENTENCE)
CELLISH, LABELISH, OTHER = b"c", b"l", b"o"
_CLASSES = bytes(
    0 if kind == EMPTY else ord("c") if kind in _CELLISH else ord("l") if kind in _LABELISH else ord("o")
    for kind in range(256)
)

_ITEM_CODE = re.compile(
    r"^(?=.*\d)(?:[^\W\d_]{1,8}[-_ ./]{0,2}){1,3}\d[\w]*(?:[-_./][\w]+)*$"
    r"|^\d{1,4}(?:[.\-]\d{1,4}){1,4}$|^\d{1,4}[-_.][A-Z]{1,6}[-_.]?\d*$"
)
_IDENT = re.compile(r"^(?:[A-Za-z]{1,3}[-_]?)?0*\d{3,10}$")
_SHORT = re.compile(r"^[^\W\d_]{1,4}(?:\s?[/+&,]\s?[^\W\d_]{1,4}){0,3}[*+!]?$|^[^\W_]{1,3}$")
_NAME_WORD = re.compile(r"^(?:[^\W\d_]\.|[^\W\d_][\w'’`.\-]*)$")
_PARTICLES = frozenset(
    [
        "de",
        "da",
        "do",
        "dos",
        "das",
        "del",
        "la",
        "las",
        "los",
        "van",
        "von",
        "der",
        "den",
        "di",
        "du",
        "le",
        "el",
        "al",
        "bin",
        "ibn",
        "y",
        "e",
        "zu",
        "ter",
        "ten",
        "af",
    ]
)
_MONTH_OF_YEAR = re.compile(r"^(?:19|20)\d\d\.(?:0[1-9]|1[0-2])$")
_TITLES = ("นาย", "นาง", "น.ส.", "ด.ช.", "ว่าที่")
_NUMBER_LIST = re.compile(r"^\s*[\w\-]{1,10}(?:\s*[,;/|\n]\s*[\w\-]{1,10})+\s*[,;]?\s*$")
_LEVEL_CODE = re.compile(
    r"^(?:[LNS]|lvl|lv|level|nivel|nível|niveau|stufe|уровень|レベル|等级|等級|级别|수준|레벨|ระดับ|مستوى|المستوى)"
    r"[.\s]?(?P<first>[0-5])$|^(?:第)?(?P<second>[0-5])\s?(?:級|级|등급|단계|レベル)$",
    re.I,
)
_STARS = re.compile(r"^(?=.{2,6}$)(?P<stars>★*)☆*$|^(?P<plus>\+{2,4})$")
_INNER_DATE = re.compile(
    r"\d{1,2}[./\-]\d{1,2}[./\-]\d{2,4}|(?<![\d./\-])\d{1,2}[./]\d{4}(?!\d)"
    r"|\d{4}-\d{2}-\d{2}|\d{1,2}[ \-][^\W\d_]{3,9}\.?[ \-,]+\d{2,4}"
)
# the number of a protocol or certificate beside its day
_NUMBERED = re.compile(r"(?:№|#|\bn[ºo°r]\.?)\s*[\w\-/]*\d[\w\-/]*", re.I)
_ABBREVIATED = re.compile(
    r"^(?:[^\W\d_]\.\s?){1,3}[^\W\d_][\w'’\-]+$|^[^\W\d_][\w'’\-]+,?\s(?:[^\W\d_]\.\s?){1,3}$|^[^\W\d_][\w'’\-]{2,},?\s[^\W\d_]$"
)
_ROMAN = frozenset(["i", "ii", "iii", "iv", "v", "vi", "vii", "viii", "ix", "x"])


def kind_of(value: Any, vocabulary: Vocabulary) -> int:
    """The kind of one value."""
    if value is None:
        return EMPTY
    if isinstance(value, CellError):
        return ERROR
    if isinstance(value, bool):
        return STATUS
    if isinstance(value, date):
        return DATE
    if isinstance(value, time | timedelta):
        return NUMBER
    if isinstance(value, int | float):
        return _kind_of_number(value)
    return _kind_of_text(as_text(value), value, vocabulary)


def _kind_of_number(value: float) -> int:
    if value == int(value) and -9 <= value <= 10:
        return SMALL
    if is_year(int(value) if value == int(value) else value):
        return YEAR
    if SERIAL_LOW <= value <= SERIAL_HIGH:
        return SERIAL
    if is_compact(value):
        return DATE_TEXT
    return NUMBER


def _kind_of_text(text: str, raw: str, vocabulary: Vocabulary) -> int:
    if not text:
        return EMPTY
    if text.startswith("#") and text.rstrip("!?/").upper() in (
        "#N/A",
        "#REF",
        "#NAME",
        "#DIV/0",
        "#VALUE",
        "#NULL",
        "#NUM",
        "#N",
    ):
        return ERROR
    if text.startswith("fill:"):
        return CODE
    if len(text) > 3 and not text.strip("_ .…/"):
        return EMPTY  # a line to write on
    if vocabulary.mark(text):
        return MARK
    if vocabulary.detail(text) or normal(text) in vocabulary.levels:
        return STATUS
    return _kind_of_figures(text, vocabulary) or _kind_of_words(text, raw, vocabulary)


def _kind_of_figures(text: str, vocabulary: Vocabulary) -> int | None:
    """Whether a text is a number, a day, a level, a version, a year or a measure."""
    if _MONTH_OF_YEAR.match(text):
        return DATE_TEXT
    number = number_of(text)
    if number is not None:
        return NUMBER if text.endswith("%") and number not in (0, 1) else _kind_of_number(number)
    if read_date(text, vocabulary) or inner_date(text, vocabulary):
        return DATE_TEXT
    if level_code(text) is not None or is_version(text):
        return CODE
    if is_year(text):
        return YEAR
    if read_measure(text, vocabulary):
        return MEASURE
    return None


def inner_date(text: str, vocabulary: Vocabulary) -> tuple[str, str] | None:
    """A date and the few words around it, as in ``Completed 12/03/2024``: the text of the date, and the rest."""
    if not 8 < len(text) <= 60:
        return None
    match = _INNER_DATE.search(text)
    if not match or not read_date(match[0], vocabulary):
        return None
    rest = (text[: match.start()] + " " + text[match.end() :]).strip(" ()-–:,;/")
    words = _NUMBERED.sub(" ", rest).split()
    return (match[0], rest) if len(words) <= 3 and not any(c.isdigit() for c in "".join(words)) else None


def _kind_of_words(text: str, raw: str, vocabulary: Vocabulary) -> int:
    if "@" in text and re.fullmatch(r"\S+@\S+\.\w+", text):
        return EMAIL
    if text[0] in "[{" and _is_json(text):
        return JSON
    if _ITEM_CODE.match(text) and len(text) <= 24 and is_code_text(text):
        return IDENT if _IDENT.match(text) and not re.search(r"[A-Za-z]{2}", text) else ITEM_CODE
    if _SHORT.match(text) and not is_cjk(text) and (text.isupper() or len(text) <= 2 or "/" in text):
        return CODE
    if is_list(raw):
        return LIST
    if looks_like_name(text, vocabulary):
        return NAME
    if len(text) > 110 or len(text.split()) > 14:
        return SENTENCE
    return LABEL


def level_code(text: str) -> int | None:
    """The level that a code names by its form: ``L3``, ``Level 3``, ``3級``, ``★★☆``."""
    if len(text) > 12:
        return None
    match = _LEVEL_CODE.match(text)
    if match:
        return int(match["first"] or match["second"])
    match = _STARS.match(text)
    return len(match["stars"] or match["plus"] or "") if match else None


def number_of(value: Any) -> float | None:
    """The number that a value is, or that its text writes; ``75%`` is 0.75. ``None`` for anything else."""
    if isinstance(value, bool) or value is None:
        return None
    if isinstance(value, int | float):
        return float(value)
    if not isinstance(value, str):
        return None
    text = value.strip()
    if text.endswith("%"):
        number = _as_number(text[:-1].strip())
        return None if number is None else number / 100
    return _as_number(text)


def _as_number(text: str) -> float | None:
    if len(text) > 16 or not any(c.isdigit() for c in text):
        return None
    try:
        return float(text.replace(",", ".", 1)) if not re.match(r"^0\d", text) else None
    except ValueError:
        return None


def _is_json(text: str) -> bool:
    try:
        return isinstance(json.loads(text), list | dict)
    except ValueError:
        return False


def is_list(raw: str) -> bool:
    """Whether a text lists several short things: ``17, 26, 42``; ``director; analyst``; one a line."""
    if len(raw) > 2000 or not any(sign in raw for sign in ",;\n|"):
        return False
    if "\n" in raw and " " not in as_text(raw):
        return False
    if _NUMBER_LIST.match(raw) and any(c.isdigit() for c in raw):
        return True
    parts = split_list(raw)
    if len(parts) < 2 or any(len(part) > 60 or len(part.split()) > 6 for part in parts):
        return False
    sign = ";" in raw or "|" in raw or ("\n" in raw.strip() and all(any(c.isdigit() for c in part) for part in parts))
    return len(parts) >= 3 or (sign and len(parts) >= 2) or (len(parts) == 2 and raw.islower())


def split_list(raw: str) -> list[str]:
    """The parts of a list in a cell, trimmed; semicolons and line breaks bind weaker than commas."""
    for sign in ("\n", ";", "|", ","):
        if sign in raw.strip():
            pieces = [piece for part in raw.split(sign) for piece in (part.split(",") if sign == "\n" else [part])]
            return [piece.strip(" \t.•-") for piece in pieces if piece.strip(" \t.•-")]
    return [raw.strip()] if raw.strip() else []


def looks_like_name(text: str, vocabulary: Vocabulary) -> bool:
    """Whether a text could be a person's name by its form alone: ``Silva, Ana``, ``J. P. Martin``, ``山田 太郎``."""
    if len(text) > 45 or any(c.isdigit() for c in text):
        return False
    if is_cjk(text):
        return _cjk_name(text, vocabulary)
    if text.lower() == text.upper():
        return _caseless_name(text, vocabulary)
    comma = text.count(",") == 1
    words = re.sub(r"\(.*?\)", "", text).replace(",", " ").split()
    if not 1 < len(words) <= 5:
        return len(words) == 1 and text.istitle() and vocabulary.has_given_name(text)
    if not all(_NAME_WORD.match(word) for word in words):
        return False
    capital = sum(word[0].isupper() for word in words if word.casefold() not in _PARTICLES)
    if capital < len([word for word in words if word.casefold() not in _PARTICLES]):
        return False
    if comma or vocabulary.has_given_name(text):
        return not vocabulary.has_word("item", text) and not (comma and vocabulary.has_word("role", text))
    return not _has_trade_word(text, vocabulary) and normal(words[-1]) not in _ROMAN


def _caseless_name(text: str, vocabulary: Vocabulary) -> bool:
    """Names in scripts without capitals, such as Arabic and Thai: two to five words, none of them of the trade."""
    words = re.sub(r"\(.*?\)", "", text).split()
    if any(text.startswith(title) for title in _TITLES):
        return True
    if len(words) == 1:
        return normal(text) in vocabulary.given_names
    if not 1 < len(words) <= 5 or any(len(word) > 16 for word in words) or not words[0][0].isalpha():
        return False
    if any(unicodedata.category(c)[0] not in "LMZ" and c not in ".'-’" for c in text):
        return False
    if vocabulary.has_given_name(text):
        return not vocabulary.has_word("item", text)
    return not words[0].startswith("ال") and not _has_trade_word(text, vocabulary)


def is_abbreviated_name(text: str) -> bool:
    """Whether a text is a surname with initials: ``P. Rudge``, ``Иванов И. И.``, ``Smith J``."""
    return bool(_ABBREVIATED.match(text))


def _has_trade_word(text: str, vocabulary: Vocabulary) -> bool:
    return (
        vocabulary.has_word("item", text)
        or vocabulary.has_word("role", text)
        or bool(vocabulary.field_names(text))
        or vocabulary.has_word("calendar", text)
        or vocabulary.has_word("title", text)
        or vocabulary.is_word("unit", text)
        or any(word in vocabulary.months for word in words_of(text))
    )


def _cjk_name(text: str, vocabulary: Vocabulary) -> bool:
    parts = text.split()
    if not all(re.fullmatch(r"[\u3005\u4e00-\u9fff\uac00-\ud7a3]{1,4}|[\u30a0-\u30ff]{2,10}", part) for part in parts):
        return False
    return (
        2 <= len("".join(parts)) <= 8 and (len(parts) == 2 or len(text) <= 4) and not _has_trade_word(text, vocabulary)
    )


class Kinds:
    """The kinds of all cells of a sheet, one byte each."""

    __slots__ = ("classes", "counts", "flat", "height", "of_code", "width")

    def __init__(self, grid: Grid, vocabulary: Vocabulary) -> None:
        self.height, self.width = grid.height, grid.width
        self.counts = Counter(chain.from_iterable(grid.rows))
        kinds = bytearray(kind_of(value, vocabulary) for value in grid.values)
        self._settle_rare(grid, kinds)
        self.of_code = bytes(kinds)
        look_up = self.of_code.__getitem__
        self.flat = b"".join(bytes(map(look_up, row)) for row in grid.rows)
        self.classes = self.flat.translate(_CLASSES)

    def _settle_rare(self, grid: Grid, kinds: bytearray) -> None:
        """Words that repeat across the body act as codes, whatever they look like."""
        for code, kind in enumerate(kinds):
            if kind in (NAME, LABEL) and self.counts[code] >= 12 and len(as_text(grid.values[code])) <= 3:
                kinds[code] = CODE
        for code in self._strewn(grid, kinds):
            kinds[code] = CODE

    def _strewn(self, grid: Grid, kinds: bytearray) -> list[int]:
        """A few words strewn over many rows and columns: the status words of a language or company we do not know."""
        longest = {NAME: 30, LABEL: 30, ITEM_CODE: 3, IDENT: 3}
        words = [c for c, kind in enumerate(kinds) if kind in longest and self.counts[c] >= 5]
        words = [code for code in words if len(as_text(grid.values[code])) <= longest[kinds[code]]]
        if not words:
            return []
        rows: dict[int, set[int]] = {code: set() for code in words}
        columns: dict[int, set[int]] = {code: set() for code in words}
        for number, line in enumerate(grid.rows[:300]):
            for code in rows.keys() & set(line):
                rows[code].add(number)
                columns[code].update(c for c, value in enumerate(line) if value == code)
        strewn = [code for code in words if len(rows[code]) >= 4 and len(columns[code]) >= 3]
        return strewn if len(strewn) <= 8 else []

    def at(self, row: int, column: int) -> int:
        """The kind of a cell; :data:`EMPTY` outside the sheet."""
        if 0 <= row < self.height and 0 <= column < self.width:
            return self.flat[row * self.width + column]
        return EMPTY

    def row(self, row: int) -> bytes:
        """The kinds of one row."""
        return self.flat[row * self.width : (row + 1) * self.width]

    def row_classes(self, row: int) -> bytes:
        """The classes of one row: cell-like, label-like, other, empty."""
        return self.classes[row * self.width : (row + 1) * self.width]

    def column(self, column: int, top: int = 0, bottom: int | None = None) -> bytes:
        """The kinds of one column between two rows, the second excluded."""
        return self._stride(self.flat, column, top, bottom)

    def column_classes(self, column: int, top: int = 0, bottom: int | None = None) -> bytes:
        """The classes of one column between two rows, the second excluded."""
        return self._stride(self.classes, column, top, bottom)

    def _stride(self, flat: bytes, column: int, top: int, bottom: int | None) -> bytes:
        end = self.height if bottom is None else min(bottom, self.height)
        return flat[top * self.width + column : end * self.width : self.width] if self.width else b""
