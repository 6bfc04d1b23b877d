"""Which columns of a table are its body, and which describe its rows or explain its codes."""

import re
from collections import Counter
from collections.abc import Collection

from app.domain.importing.grid import as_text
from app.domain.importing.legend import understood
from app.domain.importing.lexis import (
    CODE,
    DATE,
    DATE_TEXT,
    EMPTY,
    ERROR,
    JSON,
    LIST,
    MARK,
    NUMBER,
    SERIAL,
    SMALL,
    STATUS,
)
from app.domain.importing.sheet import Sheet
from app.domain.importing.vocabulary import normal

# Words that only say that the table ends here.
SENTINELS = frozenset({"end", "ende", "fin", "fim", "eof", "end of list", "конец", "koniec", "xxx", "---"})


# Names of columns that are titles of courses as well.
_EITHER = frozenset({"validity", "days", "item", "item_title", "level", "required", "planned", "status"})


_RACI = re.compile(r"^[raci](?:\s*[/,&;+]?\s*[raci])*$")


def marked(sheet: Sheet, column: int, row: int, others: Collection[int]) -> bool:
    """A column of marks or shared codes belongs to the matrix, whatever its header: there are job functions
    "Manager"."""
    kinds = sheet.kinds.column(column, row + 1)
    filled = len(kinds) - kinds.count(EMPTY)
    short = kinds.count(MARK) + kinds.count(CODE)
    if sheet.vocabulary.has_word("role", sheet.spread(row, column)):
        short += kinds.count(SMALL) + kinds.count(STATUS)
    if not short or short < 0.6 * filled:
        return False
    if kinds.count(MARK) >= 0.6 * filled:
        return True
    rows = list(range(row + 1, min(sheet.height, row + 60)))
    mine = sheet.distinct(column, rows)
    known: set[str] = set()
    for other in list(others)[-8:]:
        known |= set(sheet.distinct(other, rows))
    if _in_letters(sheet, row, [column, *list(others)[-8:]]):
        return True  # a job function that does nothing but account for all, named like a column
    return sum(number for text, number in mine.items() if text in known) >= 0.5 * sum(mine.values())


def _in_letters(sheet: Sheet, row: int, columns: Collection[int]) -> bool:
    """Whether these columns hold nothing but the letters of a responsibility chart; no two of them need share any."""
    rows = range(row + 1, min(sheet.height, row + 60))
    texts = {text for column in columns for text in sheet.distinct(column, list(rows))}
    return (
        {"r", "a"} <= {part for text in texts for part in text}
        and bool({"c", "i"} & texts)
        and all(map(_RACI.match, texts))
    )


def is_body(profile: tuple[int, int, int]) -> bool:
    """Whether most cells of a column look like cells of a matrix."""
    cell, label, other = profile
    return cell > 0 and cell + 0.5 * other >= 0.55 * (cell + label + other)


def body_columns(
    sheet: Sheet,
    row: int,
    key: int | None,
    fields: dict[int, str],
    profiles: dict[int, tuple[int, int, int]],
    labels: dict[int, str],
) -> list[int]:
    """The columns of the matrix: to the right of the key, holding marks, codes, levels or dates, under a label."""
    start = 0 if key is None else key + 1
    body = [
        c
        for c in range(start, sheet.width)
        if c not in fields and c in labels and _is_body_at(sheet, c, row, profiles[c]) and not _sentinel(labels[c])
    ]
    if not body:
        return []
    body = _without_legend(sheet, row, body)
    if not _in_letters(sheet, row, body):
        body = _without_strangers(sheet, row, body)
        body = _without_grades(sheet, row, _without_outliers(sheet, row, body))
    inside = set(body)
    for column in range(body[0] + 1, min(body[-1] + 2, sheet.width)):
        if fields.get(column) not in _EITHER or column - 1 not in inside or not is_body(profiles[column]):
            continue
        if column + 1 in inside or _counts_on(sheet, row, column, body):
            inside.add(column)  # a course called "Refresher" or "Assessment" among courses
    for column in range(body[0], sheet.width):
        empty = not any(profiles[column])
        if column > body[-1] and column not in labels:
            break
        if column in inside or not empty or column in fields or not sheet.is_label(row, column):
            continue
        if column < body[-1] or all(c in inside or not any(profiles[c]) for c in range(body[-1], column)):
            inside.add(column)
    for column in range(body[0] - 1, start - 1, -1):
        if any(profiles[column]) or column in fields or not sheet.is_label(row, column):
            break
        inside.add(column)
    return sorted(inside)


def _counts_on(sheet: Sheet, row: int, column: int, body: list[int]) -> bool:
    """Whether a column right behind a matrix of numbers goes on counting."""
    kinds = sheet.kinds.column(column, row + 1)
    if kinds.count(SMALL) < 3 or kinds.count(SMALL) < 0.75 * (len(kinds) - kinds.count(EMPTY)):
        return False
    rows = list(range(row + 1, min(sheet.height, row + 60)))
    known = {int(text) for other in body for text in sheet.distinct(other, rows) if text.isdigit()}
    small = {int(text) for text in sheet.distinct(column, rows) if text.isdigit() and len(text) < 2}
    return {number - 1 for number in small} <= known | {0}


def _without_legend(sheet: Sheet, row: int, body: list[int]) -> list[int]:
    """Drop a legend that stands right of the matrix, behind a column without a header: a few columns, codes
    explained."""
    gaps = [
        c
        for c in range(body[0] + 1, body[-1] + 1)
        if not sheet.spread(row, c) and not any(sheet.column_profile(c, row))
    ]
    for gap in reversed(gaps):
        right = [c for c in body if c > gap]
        left = [c for c in body if c < gap]
        if left and right and len(right) <= 3 and _explains(sheet, row, gap + 1, _codes_in(sheet, row, left)):
            body = left
    return body


def _codes_in(sheet: Sheet, row: int, columns: list[int]) -> set[str]:
    """The short texts of a matrix."""
    rows = list(range(row + 1, min(sheet.height, row + 60)))
    return {text for column in columns[:12] for text in sheet.distinct(column, rows) if len(text) <= 5}


def _explains(sheet: Sheet, row: int, first: int, codes: set[str]) -> bool:
    """Whether two neighboring columns pair short codes, those of the matrix or others, with descriptions."""
    pairs = other = 0
    for line in range(max(0, row - 3), min(sheet.height, row + 25)):
        filled = [c for c in range(first, min(sheet.width, first + 4)) if sheet.text(line, c)]
        if not filled:
            continue
        texts = [sheet.text(line, c) for c in filled]
        short = len(texts) == 2 and len(texts[0].rstrip(" =:")) <= 5
        told = short and len(texts[1]) > 5 and normal(texts[0].rstrip(" =:")) in codes
        good = told or (short and understood(texts[1].lstrip("= "), sheet.vocabulary))
        good = good or (len(texts) == 1 and ("=" in texts[0] or sheet.vocabulary.is_word("legend", texts[0])))
        pairs, other = pairs + good, other + (not good)
    return pairs > 0 and pairs >= other


def _is_body_at(sheet: Sheet, column: int, row: int, profile: tuple[int, int, int]) -> bool:
    if is_body(profile):
        return True
    cell, label, other = profile
    if other and not label and _numeric(sheet, column, row):
        return True
    if not label or cell:
        return cell > 0 and cell >= 0.35 * (cell + label) and _few_words(sheet, column, row, label)
    return _few_words(sheet, column, row, label)


def _numeric(sheet: Sheet, column: int, row: int) -> bool:
    kinds = sheet.kinds.column(column, row + 1)
    return kinds.count(LIST) + kinds.count(JSON) < 0.2 * (len(kinds) - kinds.count(EMPTY))


def _few_words(sheet: Sheet, column: int, row: int, label: int) -> bool:
    """A column of few repeated short words may be part of a body although its words are in no vocabulary."""
    texts = sheet.distinct(column, list(range(row + 1, min(sheet.height, row + 200))))
    return label >= 4 and len(texts) <= max(2, label // 4) and all(len(text) <= 24 for text in texts)


def _without_grades(sheet: Sheet, row: int, body: list[int]) -> list[int]:
    """Drop columns of numbers at the left edge where the others hold none: grades, ages, numbers of a store."""
    while len(body) > 3:
        kinds = sheet.kinds.column(body[0], row + 1, row + 80)
        numbers, filled = kinds.count(SMALL) + kinds.count(NUMBER), len(kinds) - kinds.count(EMPTY)
        texts = set(sheet.distinct(body[0], list(range(row + 1, min(sheet.height, row + 80)))))
        if numbers < 4 or numbers < 0.8 * filled or texts <= {"0", "1"}:
            return body
        rest = b"".join(sheet.kinds.column(column, row + 1, row + 80) for column in body[1:])
        if rest.count(SMALL) + rest.count(NUMBER) > 0.15 * max(1, len(rest) - rest.count(EMPTY)):
            return body
        body = body[1:]
    return body


def _without_strangers(sheet: Sheet, row: int, body: list[int]) -> list[int]:
    """Drop columns at both edges that share no value with the others, where the others share all theirs: media, bodies,
    states beside a matrix of codes."""
    if len(body) < 4:
        return body
    rows = list(range(row + 1, min(sheet.height, row + 80)))
    texts = {column: _values(sheet, column, rows) for column in body}
    spread = Counter(text for group in texts.values() for text in group)
    shared = {text for text, number in spread.items() if number >= max(2, 0.2 * len(body))}
    of_core = {c: sum(n for text, n in texts[c].items() if text in shared) for c in body}
    plain = [c for c in body if texts[c] and of_core[c] >= 0.6 * sum(texts[c].values())]
    if len(plain) < 0.7 * len([c for c in body if texts[c]]):
        return body
    first, last = plain[0], plain[-1]
    numbered = sum(_chiefly(sheet, c, row, SMALL) for c in plain) >= 0.5 * len(plain)
    return [
        c
        for c in body
        if first <= c <= last
        or of_core[c]
        or sum(texts[c].values()) < 3
        or _chiefly(sheet, c, row, MARK)
        or _yes_or_no(sheet, c, row)
        or (numbered and _chiefly(sheet, c, row, SMALL))
    ]


def _values(sheet: Sheet, column: int, rows: list[int]) -> Counter[str]:
    """The texts of a column; dates and errors all count as the same."""
    grid, kinds = sheet.grid, sheet.kinds.of_code
    codes = Counter([grid.rows[row][column] for row in rows])
    codes.pop(0, None)
    texts: Counter[str] = Counter()
    for code, number in codes.items():
        day = kinds[code] in (DATE, DATE_TEXT, SERIAL, ERROR)
        texts["date" if day else normal(as_text(grid.values[code]))] += number
    return texts


def _chiefly(sheet: Sheet, column: int, row: int, kind: int) -> bool:
    """Whether at least half of what a column holds is of one kind."""
    kinds = sheet.kinds.column(column, row + 1)
    return kinds.count(kind) >= 0.5 * (len(kinds) - kinds.count(EMPTY))


def _yes_or_no(sheet: Sheet, column: int, row: int) -> bool:
    """Whether a column holds yes and no, which are statements of their own."""
    kinds = sheet.kinds.column(column, row + 1)
    if not kinds.count(STATUS) >= 0.8 * (len(kinds) - kinds.count(EMPTY)) > 0:
        return False
    texts = sheet.distinct(column, list(range(row + 1, min(sheet.height, row + 80))))
    return {sheet.vocabulary.detail(text) for text in texts} == {"held", "not_required"}


def _without_outliers(sheet: Sheet, row: int, body: list[int]) -> list[int]:
    """Drop columns at the left edge whose values never occur elsewhere: departments, grades, start dates."""
    if len(body) < 4 or (_speaking(sheet, body[0], row) and not dated(sheet, body[0], row)):
        return body
    rows = list(range(row + 1, min(sheet.height, row + 60)))
    texts = {column: set(sheet.distinct(column, rows)) - {normal(sheet.text(row, column))} for column in body}
    counts = Counter(text for group in texts.values() for text in group)
    datey = {column: dated(sheet, column, row) for column in body}
    some = [any(sheet.kinds.column(c, row + 1, row + 60).count(k) for k in (DATE, DATE_TEXT, SERIAL)) for c in body]
    share = sum(datey.values()) / len(body) if sum(some) < 0.5 * len(body) else 1.0  # days stand everywhere
    while len(body) > 3:
        first = body[0]
        alone = (
            all(counts[text] == 1 for text in texts[first])
            and len(texts[first]) > 1
            and not _speaking(sheet, first, row)
        )
        alone = alone and sum(map(len, texts[first])) > 1.5 * len(texts[first])
        common = sum(any(counts[t] > 1 for t in texts[c]) for c in body[1:]) >= 0.6 * (len(body) - 1)
        if not (
            (alone and common and not (datey[first] and share > 0.3))
            or (datey[first] and share < 0.1 and len(body) > 10)
        ):
            return body
        body = body[1:]
    return body


def _sentinel(label: str) -> bool:
    return normal(label) in SENTINELS


def _speaking(sheet: Sheet, column: int, row: int) -> bool:
    """Whether a column holds words and marks that say something about training, so that it is no mere description."""
    kinds = sheet.kinds.column(column, row + 1)
    return kinds.count(STATUS) + kinds.count(MARK) > 0.25 * (len(kinds) - kinds.count(EMPTY))


def dated(sheet: Sheet, column: int, row: int) -> bool:
    """Whether most cells of a column below a row are dates."""
    kinds = sheet.kinds.column(column, row + 1)
    dates = kinds.count(DATE) + kinds.count(DATE_TEXT) + kinds.count(SERIAL)
    return dates * 2 > len(kinds) - kinds.count(EMPTY)
