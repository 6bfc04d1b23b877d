"""The rows around the header: labels above and below it, groups, hours and validity, and the title block before
them."""

import re
from collections import Counter
from dataclasses import dataclass, field
from itertools import pairwise

from app.domain.importing.grid import as_text
from app.domain.importing.lexis import (
    CODE,
    EMPTY,
    ITEM_CODE,
    LABELISH,
    MARK,
    MEASURE,
    NAME,
    NUMBER,
    SENTENCE,
    SMALL,
    STATUS,
)
from app.domain.importing.measures import hours_of, months_of, read_measure
from app.domain.importing.sheet import Sheet
from app.domain.importing.subheadings import is_sub, labelled_above, rhythm
from app.domain.importing.tables import ATTRIBUTES, Table
from app.domain.importing.vocabulary import normal

META_FIELDS = (
    "hours",
    "validity",
    "version",
    "effective",
    "days",
    "category",
    "required",
    "total",
    "comment",
    "trainer",
    "sequence",
    "date",
    "expiry",
    "department",
    "target_level",
    "site",
    "status",
    "planned",
    "owner",
)
NUMERIC = frozenset({"hours", "validity", "days", "total", "required", "sequence", "target_level"})
# A row that names what stands under these words is a header, whatever else it names.
KEY_FIELDS = frozenset(
    {"person", "role", "item", "item_title", "item_code", "employee_no", "last_name", "login", "user_group"}
)
_ENTRY = re.compile(r"^\s*([^:：]{2,40})\s*[:：]\s*(\S.*)$")


@dataclass(slots=True)
class HeaderZone:
    """Rows that label the columns, from top to bottom; rows with hours and the like; where the data begin.

    ``groups`` names the merged heading over a column, ``sub`` the repeated sub-heading under an item ("Date", "Level").
    """

    labels: list[int]
    meta: dict[int, str] = field(default_factory=dict)
    first_data: int = 0
    group_rows: list[int] = field(default_factory=list)
    sub_row: int | None = None


def read_header_zone(sheet: Sheet, table: Table) -> HeaderZone:
    """Sort the rows around the main header row into labels, groups and metadata."""
    zone = HeaderZone([table.header])
    if table.header and rhythm(sheet, table.header, table.columns):
        above = labelled_above(sheet, table.header, table.columns)
        if above is not None:
            zone.sub_row, zone.labels = table.header, [above, table.header]
    top = zone.labels[0]
    for row in range(top - 1, max(-1, top - 6), -1):
        if not _sort_above(sheet, table, zone, row):
            break
    zone.first_data = _sort_below(sheet, table, zone)
    zone.labels.sort()
    return zone


def _sort_above(sheet: Sheet, table: Table, zone: HeaderZone, row: int) -> bool:
    """Decide what a row above the header is. False when it belongs to the title block, where the search ends."""
    over = [c for c in sheet.filled(row) if c in set(table.columns)]
    if not sheet.filled(row):
        return False
    meta = meta_field(sheet, table, row)
    if meta and len(over) >= max(2, len(table.columns) // 3):
        zone.meta[row] = meta
        return True
    if not over or _is_title(sheet, table, row, over):
        return False
    labelish = [c for c in over if sheet.is_label(row, c) or sheet.kinds.at(row, c) in (CODE, NUMBER)]
    if len(labelish) < 0.6 * len(over):
        kinds = Counter(sheet.kinds.at(row, c) for c in over)
        if kinds[SMALL] + kinds[NUMBER] >= 0.8 * len(over) >= 0.5 * len(table.columns):
            zone.meta[row] = number_row(sheet, row, over)
            return True
        return False
    zone.labels.append(row)
    if len(over) < 0.7 * len(table.columns):
        zone.group_rows.append(row)
    return True


def _is_title(sheet: Sheet, table: Table, row: int, over: list[int]) -> bool:
    """A title or an entry such as "Revision: 3" above the table, rather than a group of columns."""
    vocabulary = sheet.vocabulary
    texts = [sheet.text(row, c) for c in over]
    titles = sum(vocabulary.starts_word("title", text) or bool(_ENTRY.match(text)) for text in texts)
    if titles and (titles * 2 >= len(texts) or any(_ENTRY.match(text) for text in texts)):
        return True
    if _explains_codes(sheet, table, texts):
        return True
    span = sheet.merged(row, over[0])
    if len(over) == 1:
        wide = (
            span is not None
            and span.left <= table.columns[0]
            and span.right - span.left + 1 >= 0.9 * len(table.columns)
        )
        return not wide and (span is None or span.right == span.left or span.left < table.columns[0])
    merged = any(span.right > span.left for c in over if (span := sheet.merged(row, c)) is not None)
    if all(len(text) <= 3 for text in texts) and len(over) <= 3 < len(table.columns) and not merged:
        return True
    return any(sheet.kinds.at(row, c) == SENTENCE or "=" in sheet.text(row, c) for c in over) or (
        len(over) <= 2 < len(table.columns) // 4 and all(sheet.merged(row, c) is None for c in over)
    )


def _explains_codes(sheet: Sheet, table: Table, texts: list[str]) -> bool:
    """Whether texts begin with codes that stand in the matrix: ``○ needs training``, ``L0 no skill``."""
    begun = [text.split()[0] for text in texts if len(text.split()) > 1]
    if len(begun) < 2 or len(begun) * 2 < len(texts):
        return False
    rows = range(table.header + 1, min(sheet.height, table.header + 40))
    codes = {sheet.text(row, column) for row in rows for column in table.columns[:40]}
    return sum(first in codes for first in begun) * 2 > len(begun)


def meta_field(sheet: Sheet, table: Table, row: int) -> str | None:
    """What a row states about the columns (hours, validity, version …) by its label at the left, or by its values."""
    vocabulary = sheet.vocabulary
    left = [c for c in range(table.columns[0]) if sheet.text(row, c)] if table.columns else []
    if table.key is not None and sheet.text(row, table.key):  # the texts behind a key describe it
        left = [] if sheet.kinds.at(row, table.key) == NAME else [c for c in left if c <= (table.key or 0)]
    named = [vocabulary.field_names(sheet.text(row, column)) for column in reversed(left)]
    if any(names & KEY_FIELDS for names in named):
        return None
    line = sheet.kinds.row(row)
    picked = [line[c] for c in table.columns if line[c] != EMPTY] if line.count(MEASURE) else []
    measured = bool(picked) and picked.count(MEASURE) >= 0.5 * len(picked) and not _measured_body(sheet, table, row)
    for names in named:
        for name in META_FIELDS:
            if name in names and not (name in NUMERIC and _worded(sheet, table, row)):
                return _measure_field(sheet, row, table.columns) if measured and name in ("date", "expiry") else name
    return _measure_field(sheet, row, table.columns) if measured else None


def _measured_body(sheet: Sheet, table: Table, row: int) -> bool:
    """Whether lengths of time are what the matrix itself holds: "7 days", "30 days"."""
    rows = [r for r in range(table.header + 1, min(table.header + 40, sheet.height)) if r != row]
    kinds = b"".join(bytes(sheet.kinds.at(r, c) for c in table.columns) for r in rows)
    filled = len(kinds) - kinds.count(EMPTY)
    return len(rows) > 3 and kinds.count(MEASURE) >= 0.2 * filled


def _worded(sheet: Sheet, table: Table, row: int) -> bool:
    """Whether a row that should hold numbers holds words over the columns instead."""
    classes = sheet.kinds.row_classes(row)
    picked = [classes[c : c + 1] for c in table.columns if classes[c]]
    return len(picked) > 1 and picked.count(LABELISH) >= 0.6 * len(picked)


def _measure_field(sheet: Sheet, row: int, columns: list[int]) -> str:
    months = hours = 0
    for column in columns:
        measure = read_measure(sheet.text(row, column), sheet.vocabulary)
        if measure:
            months += measure.months is not None and measure.days is None
            hours += measure.hours is not None or measure.days is not None
    return "validity" if months >= hours else "hours"


def number_row(sheet: Sheet, row: int, columns: list[int]) -> str:
    """A row of plain numbers near the header: counting 1, 2, 3 … or hours."""
    numbers = [sheet.grid.value(row, c) for c in columns]
    plain = [n for n in numbers if isinstance(n, int | float) and not isinstance(n, bool)]
    rising = all(b - a == 1 for a, b in pairwise(plain))
    if columns and any(len(sheet.text(row, c)) > 1 for c in range(columns[0])):
        return "total"
    return "sequence" if len(plain) > 2 and rising else "hours"


def _sort_below(sheet: Sheet, table: Table, zone: HeaderZone) -> int:
    """Walk down from the header over sub-headings, metadata rows and blank rows; return the first row of data."""
    columns, row = table.columns, max(zone.labels) + 1
    first = row
    while row < min(sheet.height, max(zone.labels) + 12):
        filled = sheet.filled(row)
        over = [c for c in filled if c in set(columns)]
        if not filled:
            row += 1
            continue
        has_key = table.key is not None and bool(sheet.text(row, table.key))
        meta = meta_field(sheet, table, row) or _described_people(sheet, table, row, over)
        divided = not has_key and bool(over) and all(is_sub(sheet.vocabulary, sheet.text(row, c)) for c in over)
        divided = divided and rhythm(sheet, row, columns)
        if meta and not divided and (over or not has_key) and not _looks_like_data(sheet, table, row):
            zone.meta[row] = meta
        elif _second_label_row(sheet, table, row, over, has_key):
            zone.labels.append(row)
            if rhythm(sheet, row, columns) and zone.sub_row is None:
                zone.sub_row = row
        elif (
            not has_key
            and table.key is not None
            and over
            and _numbers_only(sheet, row, over)
            and len(over) >= 0.5 * len(columns)
        ):
            zone.meta[row] = number_row(sheet, row, over)
        elif not over and _names_keys(sheet, table, row, filled):
            zone.labels.append(row)
        elif is_sample(sheet, row, filled):
            zone.meta[row] = "sample"
        elif _unlike_below(sheet, table, row):
            zone.meta[row] = "other"
        else:
            break
        row += 1
        first = row
    while first < sheet.height and not sheet.filled(first):
        first += 1
    if first >= sheet.height:  # nothing is left to describe: those were the data
        first = max(zone.labels) + 1
        zone.meta = {row: what for row, what in zone.meta.items() if row < first}
    return first


def _described_people(sheet: Sheet, table: Table, row: int, over: list[int]) -> str | None:
    """Under names across the top: a row that tells each one's job title, first day, grade …"""
    key = table.key
    if key is None or not over:
        return None
    for name in ("hire_date", "grade", "contract", "shift", "supervisor"):
        if sheet.vocabulary.exact_field(sheet.text(row, key), name):
            return name
    if not sheet.vocabulary.exact_field(sheet.text(row, key), "role"):
        return None
    words = sum(sheet.is_label(row, c) for c in over) >= 0.7 * len(over)
    names = sum(sheet.kinds.at(table.header, c) == NAME for c in table.columns) >= 0.5 * len(table.columns)
    return "role" if words and names else None


def _names_keys(sheet: Sheet, table: Table, row: int, filled: list[int]) -> bool:
    """A row that names only the columns left of the matrix: "Department | Job function"."""
    if any(c >= table.columns[0] for c in filled):
        return False
    named = [c for c in filled if sheet.vocabulary.exact_field(sheet.text(row, c), *ATTRIBUTES)]
    below = [sheet.kinds.at(row + 1, c) for c in table.columns]
    return bool(named) and len(named) * 2 >= len(filled) and any(kind != EMPTY for kind in below)


def _looks_like_data(sheet: Sheet, table: Table, row: int) -> bool:
    """A row whose key is the name of a field by accident, such as a job function called "Trainer"."""
    kinds = Counter(sheet.kinds.at(row, c) for c in table.columns if sheet.kinds.at(row, c) != EMPTY)
    total = max(1, sum(kinds.values()))
    if kinds[MARK] and kinds[MARK] + kinds[CODE] >= 0.8 * total:
        return True
    if kinds[MARK] + kinds[CODE] + kinds[STATUS] < 0.8 * total:
        return False
    if not any(line[c] for line in sheet.grid.rows[row + 1 :] for c in table.columns):
        return True  # nothing below to describe
    mine, below = _shared_below(sheet, table, row)
    return mine >= 0.6 * total and below > 0


def _shared_below(sheet: Sheet, table: Table, row: int) -> tuple[int, float]:
    """How many cells of a row hold values that the rows below hold too, and which part of the cells below share their
    values with another column."""
    columns, lines = table.columns, sheet.grid.rows[row + 1 : row + 60]
    below = {c: {line[c] for line in lines if line[c]} for c in columns}
    known = set().union(*below.values())
    spread = Counter(code for codes in below.values() for code in codes)
    total = sum(len(codes) for codes in below.values())
    shared = sum(number for number in spread.values() if number > 1)
    mine = sum(1 for c in columns if sheet.grid.rows[row][c] in known and sheet.grid.rows[row][c])
    return mine, shared / total if total else 0.0


def _unlike_below(sheet: Sheet, table: Table, row: int) -> bool:
    """A row right under the header none of whose values stands anywhere below, where the cells below share theirs:
    owners, dates of issue, media."""
    line = sheet.kinds.row(row)
    kinds = Counter(line[c] for c in table.columns if line[c] != EMPTY)
    filled = sum(kinds.values())
    if filled < max(3, 0.6 * len(table.columns)) or kinds[MARK] > 0.3 * filled or kinds[EMPTY]:
        return False
    if len({sheet.grid.rows[row][c] for c in table.columns}) < 2:
        return False
    key_kind = sheet.kinds.at(row, table.key) if table.key is not None else EMPTY
    if key_kind == NAME or sheet.height - row < 4:
        return False
    mine, shared = _shared_below(sheet, table, row)
    return mine == 0 and shared >= 0.9


def _numbers_only(sheet: Sheet, row: int, over: list[int]) -> bool:
    return all(sheet.kinds.at(row, c) in (SMALL, NUMBER) for c in over)


def _second_label_row(sheet: Sheet, table: Table, row: int, over: list[int], has_key: bool) -> bool:
    """A row under the header that labels the columns once more: codes under titles, or sub-headings."""
    if len(over) < max(2, 0.5 * len(table.columns)) and not (not has_key and rhythm(sheet, row, table.columns)):
        return False
    if has_key and not sheet.merged(row, table.key or 0):
        text = sheet.text(row, table.key or 0)
        if not sheet.vocabulary.field_names(text):
            return False
    classes = sheet.kinds.row_classes(row)
    labelish = sum(
        classes[c : c + 1] == LABELISH or bool(sheet.vocabulary.field_names(sheet.text(row, c))) for c in over
    )
    codes = sum(sheet.kinds.at(row, c) == ITEM_CODE for c in over)
    if rhythm(sheet, row, table.columns) and labelish >= 0.5 * len(over):
        return True
    numbered = has_key and sheet.vocabulary.names_field(sheet.text(row, table.key or 0), "employee_no", "item_code")
    if numbered and len({sheet.text(row, c) for c in over}) == len(over) > 2:
        return True
    distinct = len({normal(sheet.text(row, c)) for c in over})
    return (labelish >= 0.7 * len(over) or codes >= 0.5 * len(over)) and (distinct >= 0.6 * len(over) or not has_key)


def is_sample(sheet: Sheet, row: int, filled: list[int]) -> bool:
    """A row that shows how to fill in the form: ``Y/N``, ``(internal/external)``, ``dd/mm/yyyy``."""
    hits = sum(sheet.vocabulary.is_word("sample", sheet.text(row, c)) for c in filled)
    return hits >= max(1, 0.4 * len(filled))


def provenance(sheet: Sheet, before: int) -> dict[str, str]:
    """Document number, revision, date and title found in the rows above the table."""
    found: dict[str, str] = {}
    for row in range(min(before, 15)):
        filled = sheet.filled(row)
        for position, column in enumerate(filled):
            text = sheet.text(row, column)
            entry = _ENTRY.match(text)
            if entry:
                _keep(sheet, found, entry[1], entry[2])
            elif position + 1 < len(filled):
                _keep(sheet, found, text, sheet.text(row, filled[position + 1]))
        if filled and "title" not in found and len(sheet.text(row, filled[0])) > 5:
            found["title"] = sheet.text(row, filled[0])
    return found


def _keep(sheet: Sheet, found: dict[str, str], name: str, value: str) -> None:
    names = sheet.vocabulary.field_names(name)
    for wanted, label in (
        ("item_code", "document_number"),
        ("version", "revision"),
        ("effective", "effective"),
        ("date", "date"),
    ):
        if wanted in names and label not in found and value:
            found[label] = value[:80]


def line_value(sheet: Sheet, what: str, value: object, unit_text: str) -> object:
    """The value of a metadata cell: hours and months as numbers, everything else as text."""
    unit = normal(unit_text)
    if what == "hours":
        minutes = any(word in unit for word in ("min",))
        return hours_of(value, sheet.vocabulary, "minutes" if minutes else "hours")
    if what == "validity":
        years = any(sheet.vocabulary.units.get(word) == "years" for word in re.split(r"[\s()/]+", unit))
        return months_of(value, sheet.vocabulary, "years" if years else "months")
    return as_text(value) or None
