"""Tables in which every column has a name of its own: people, courses, dates side by side; the ground of all list
layouts."""

import re
from collections import Counter
from dataclasses import replace

from app.domain.importing.lexis import (
    CODE,
    DATE,
    DATE_TEXT,
    EMAIL,
    EMPTY,
    IDENT,
    ITEM_CODE,
    JSON,
    LABEL,
    LIST,
    NAME,
    NUMBER,
    SERIAL,
    STATUS,
)
from app.domain.importing.listed import ITEM_FIELDS, PERSON_FIELDS, ROLE_FIELDS, ListTable
from app.domain.importing.owners import row_entries
from app.domain.importing.sections import without_sections
from app.domain.importing.settling import settle
from app.domain.importing.sheet import Sheet
from app.domain.importing.tables import ATTRIBUTES
from app.domain.importing.vocabulary import Vocabulary, normal, words_of


def find_list(sheet: Sheet) -> ListTable | None:
    """The list on the sheet by its header row, or by its contents when it has no header. Looked for once; every caller
    gets a copy of its own."""
    if "list" not in sheet.found:
        sheet.found["list"] = _find_list(sheet)
    known: ListTable | None = sheet.found["list"]
    return replace(known, fields=dict(known.fields), rows=list(known.rows)) if known else None


def _find_list(sheet: Sheet) -> ListTable | None:
    best: ListTable | None = None
    best_score = 0.0
    for row in range(min(sheet.height, 40)):
        filled = sheet.filled(row)
        if len(filled) < 2 and not (len(filled) == 1 and sheet.width == 1):
            continue
        fields = named_columns(sheet, row, filled)
        understood = len([c for c, f in fields.items() if f != "?" or _holds_json(sheet, c, row)])
        below = any(sheet.filled(r) for r in range(row + 1, min(sheet.height, row + 4)))
        score = understood * (understood / len(filled)) * (1.0 - 0.01 * row)
        enough = understood * 2 >= len(filled) or (understood * 3 >= len(filled) and _tells_all(fields))
        if understood >= 2 and enough and below and score > best_score:
            best, best_score = ListTable(row, fields, share=understood / len(filled)), score
    if best is None:
        best = _headerless(sheet)
    if best is None:
        return None
    if best.header is not None:
        _join_groups(sheet, best)
    best.rows = without_sections(sheet, best, _data_rows(sheet, best))
    settle(sheet, best)
    return best if best.rows else None


def _tells_all(fields: dict[int, str]) -> bool:
    """Whether the columns that are understood are all that a list of training needs: who, what, and when or how."""
    named = set(fields.values())
    who = named & {"person", "employee_no", "role"}
    return bool(who and named & set(ITEM_FIELDS) and named & {"date", "expiry", "status", "level", "required"})


def _holds_json(sheet: Sheet, column: int, header: int) -> bool:
    """Whether a column holds JSON, which says more than any name over it."""
    if JSON not in sheet.kinds.of_code:
        return False
    kinds = sheet.kinds.column(column, header + 1)
    return 2 * kinds.count(JSON) > len(kinds) - kinds.count(EMPTY) > 0


def _join_groups(sheet: Sheet, table: ListTable) -> None:
    """Where a row above the header names groups of columns ("Employee" over "No." and "Name"), read both together."""
    header = table.header or 0
    above = sheet.filled(header - 1) if header else []
    below = sheet.filled(header)
    if not 2 <= len(above) < sheet.width or set(above) == set(below) or above[0] > below[0] + 1:
        return
    texts = [sheet.text(header - 1, c) for c in above]
    named = sum(bool(sheet.vocabulary.field_names(text)) for text in texts)
    if named < 2 or named * 3 < len(above) * 2 or any(text.endswith(":") or _ENTRY.match(text) for text in texts):
        return
    if any(not sheet.vocabulary.field_names(value) for _, value, _ in row_entries(sheet, header - 1)):
        return
    groups: dict[int, str] = {}
    for column in range(sheet.width):
        own = sheet.text(header - 1, column)
        groups[column] = own or (groups.get(column - 1, "") if sheet.text(header, column) else "")
    joined = {
        c: _joined(sheet, groups[c], sheet.text(header, c), table.fields.get(c, "?")) for c in groups if groups[c]
    }
    table.fields = {**table.fields, **{c: name for c, name in joined.items() if name}}
    table.fields = dict(sorted(table.fields.items()))
    table.group = header - 1


def _joined(sheet: Sheet, group: str, text: str, known: str) -> str:
    """What a column is by the name of its group and its own name."""
    if known not in ("?", "sequence", "item_code", "item_title", "person") and text:
        return known
    names = sheet.vocabulary.field_names(f"{group} {text}".strip())
    return next((name for name in _RANK if name in names), known)


def further_tables(sheet: Sheet, table: ListTable) -> list[ListTable]:
    """The table, cut where a row with names of columns begins another one; a lone heading above that row belongs to
    neither."""
    parts = [ListTable(table.header, table.fields, [], table.share)]
    for row in table.rows:
        filled = sheet.filled(row)
        named = [c for c in filled if sheet.vocabulary.field_names(sheet.text(row, c))]
        item = any(sheet.vocabulary.names_field(sheet.text(row, c), *ITEM_FIELDS) for c in named)
        if item and len(named) >= 2 and len(named) >= 0.6 * len(filled):
            while parts[-1].rows and parts[-1].rows[-1] >= row - 2 and len(sheet.filled(parts[-1].rows[-1])) == 1:
                parts[-1].rows.pop()
            parts.append(ListTable(row, named_columns(sheet, row, filled), [], table.share))
        else:
            parts[-1].rows.append(row)
    parts = [part for part in parts if part.rows]
    for part in parts[1:]:
        settle(sheet, part)
    return parts or [table]


def named_columns(sheet: Sheet, row: int, filled: list[int]) -> dict[int, str]:
    """What these columns are by the names that a row gives them."""
    vocabulary = sheet.vocabulary
    texts = Counter(normal(sheet.text(row, column)) for column in filled)
    fields: dict[int, str] = {}
    taken: set[str] = set()
    for column in filled:
        text = sheet.text(row, column)
        names = vocabulary.field_names(text)
        if not names and (said := _items_said(text, vocabulary)) and _texts_below(sheet, row, column):
            names = said
        if not names or texts[normal(text)] > 1 or len(text) > 60:
            fields[column] = "?"
            continue
        ranked = [name for name in _RANK if name in names]
        name = next((n for n in ranked if n not in taken), ranked[0] if ranked else "?")
        fields[column] = name
        taken.add(name)
    whole = next((column for column, name in fields.items() if name == "person"), None)
    if whole is not None and len(taken & {"first_name", "last_name"}) == 1:
        fields[whole] = "last_name" if "first_name" in taken else "first_name"
    return fields


def _texts_below(sheet: Sheet, row: int, column: int) -> bool:
    """Whether the column below a header holds texts, lists or codes rather than numbers, days and marks."""
    kinds = Counter(sheet.kinds.column(column, row + 1))
    kinds.pop(EMPTY, None)
    texts = sum(kinds[kind] for kind in (LABEL, LIST, ITEM_CODE, JSON, NAME, CODE))
    return texts > 0.5 * sum(kinds.values())


def _items_said(text: str, vocabulary: Vocabulary) -> frozenset[str]:
    """``Formations souhaitées``, ``Courses still pending``: items, and what is said about all of them."""
    words = words_of(text)
    rest = [word for word in words if not vocabulary.names_field(word, *ITEM_FIELDS)]
    if not 0 < len(rest) < len(words) <= 4 or any(c.isdigit() for c in text):
        return frozenset()
    return frozenset({"item"}) if vocabulary.detail(" ".join(rest), whole=False) else frozenset()


_RANK = (
    "person",
    "first_name",
    "last_name",
    "employee_no",
    "item",
    "item_title",
    "role",
    "user_group",
    "item_code",
    *[
        n
        for n in ATTRIBUTES
        if n
        not in (
            "person",
            "first_name",
            "last_name",
            "employee_no",
            "item",
            "item_title",
            "role",
            "user_group",
            "item_code",
        )
    ],
)


def _headerless(sheet: Sheet) -> ListTable | None:
    """A list without header: its columns are told by what they hold, from the first row on."""
    if not 2 <= sheet.width <= 12 or sheet.height < 3 or len(sheet.filled(0)) < 2:
        return None
    fields: dict[int, str] = {}
    for column in range(sheet.width):
        kinds = Counter(kind for kind in sheet.kinds.column(column) if kind != EMPTY)
        total = sum(kinds.values())
        if not total:
            continue
        first = sheet.kinds.at(0, column)
        top, number = kinds.most_common(1)[0]
        if number < 0.6 * total or first not in (top, *_ALIKE.get(top, ())):
            continue
        fields[column] = {
            NAME: "person",
            ITEM_CODE: "item_code",
            DATE: "date",
            DATE_TEXT: "date",
            SERIAL: "date",
            IDENT: "employee_no",
            NUMBER: "number",
            EMAIL: "email",
            STATUS: "status",
            LABEL: "item",
            LIST: "item",
        }.get(top, "?")
    _settle_numbers(sheet, fields)
    for column in [c for c, what in fields.items() if what == "item"]:
        texts = [text for row in range(sheet.height) if (text := sheet.text(row, column))]
        roles = sum(sheet.vocabulary.has_word("role", text) for text in texts)
        if roles > 0.6 * len(texts):
            fields[column] = "role"
    known = set(fields.values())
    if "person" in known and known & {"item_code", "item"} and len(fields) >= 0.6 * sheet.width:
        return ListTable(None, fields, share=0.6)
    return None


def _lettered_codes(sheet: Sheet, column: int) -> bool:
    return any(c.isalpha() for row in range(min(sheet.height, 100)) for c in sheet.text(row, column))


def _settle_numbers(sheet: Sheet, fields: dict[int, str]) -> None:
    """Without a header: a number that always goes with the same name is the person's; of two days the later is the
    expiry."""
    person = next((c for c, what in fields.items() if what == "person"), None)
    rows = range(sheet.height) if person is not None else range(0)
    titled = "item" in fields.values()
    bare = [c for c, what in fields.items() if what == "item_code" and titled and not _lettered_codes(sheet, c)]
    for column in [*(c for c, what in fields.items() if what in ("number", "employee_no")), *bare]:
        pairs = {(sheet.text(row, column), sheet.text(row, person or 0)) for row in rows}
        fields[column] = "employee_no" if pairs and len({number for number, _ in pairs}) == len(pairs) else "?"
    days = [c for c, what in fields.items() if what == "date"]
    for column in days[1:]:
        fields[column] = "expiry" if len(days) == 2 else "?"


_ALIKE = {DATE_TEXT: (DATE, SERIAL), DATE: (DATE_TEXT,), LIST: (ITEM_CODE, LABEL)}


def _data_rows(sheet: Sheet, table: ListTable) -> list[int]:
    """Rows below the header with something in a column that counts; repeated headers, notes and totals left out."""
    start = 0 if table.header is None else table.header + 1
    keyed = [c for c, f in table.fields.items() if f in (*PERSON_FIELDS, *ROLE_FIELDS, *ITEM_FIELDS)] or list(
        table.fields
    )
    header = _same_as_header(sheet, table)
    rows, gap = [], 0
    for row in range(start, sheet.height):
        filled = sheet.filled(row)
        if not filled:
            gap += 1
            continue
        if any(c in keyed for c in filled) and not _is_header_again(sheet, row, header):
            if _is_foot(sheet, table, row, filled, gap):
                continue
            rows.append(row)
            gap = 0
    return rows


def _is_foot(sheet: Sheet, table: ListTable, row: int, filled: list[int], gap: int) -> bool:
    """Totals, lines for signatures, "Approved by: …", notes: rows that are no entry of the list."""
    if len(filled) >= 3 and not gap and len(filled) * 2 > len(table.fields) + 1:
        return False
    texts = [sheet.text(row, c) for c in filled]
    if _BLANK_LINE.search(texts[0]) or all(text.endswith((":", "：")) for text in texts):
        return True
    if gap and len(texts) > 1 and all(_ENTRY.match(text) for text in texts):
        return True
    if len(filled) * 2 > len(table.fields) + 1:
        return False
    vocabulary = sheet.vocabulary
    single = len(filled) == 1 and len(table.fields) > 2
    if gap > 1 and single:
        return True
    items = [c for c, what in table.fields.items() if what in ITEM_FIELDS]
    sums = vocabulary.exact_field(texts[0].split()[0], "total")
    if sums and items and not any(c in items for c in filled):
        return True
    footer = vocabulary.starts_word("footer", texts[0]) or vocabulary.exact_field(texts[0], "total")
    return footer and (single or bool(gap) or vocabulary.exact_field(texts[0].rstrip(":"), "total"))


_BLANK_LINE = re.compile(r"_{4,}|\.{6,}|…{2,}")
_ENTRY = re.compile(r"^[^:：]{2,40}[:：]\s*\S")


def _same_as_header(sheet: Sheet, table: ListTable) -> dict[int, set[int]]:
    """For every column with a header, the numbers of the values that read like it."""
    if table.header is None:
        return {}
    alike: dict[str, set[int]] = {normal(sheet.text(table.header, c)): set() for c in table.fields}
    for code, value in enumerate(sheet.grid.values):
        if code and isinstance(value, str) and normal(value) in alike:
            alike[normal(value)].add(code)
    return {c: alike[normal(sheet.text(table.header, c))] for c in table.fields}


def _is_header_again(sheet: Sheet, row: int, header: dict[int, set[int]]) -> bool:
    line = sheet.grid.rows[row]
    return bool(header) and sum(line[column] in codes for column, codes in header.items()) >= 0.6 * len(header)
