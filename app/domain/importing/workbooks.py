"""Reads a whole workbook: every sheet by itself, then what only the sheets together tell.

Legends on a sheet of their own serve the others; sheets named after months form snapshots; sheets of one person each,
or lists joined by a common key, are recognized by comparing them.
"""

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from app.domain.importing.attendance import read_sign_in
from app.domain.importing.blocks import find_blocks, person_like_name, read_blocks, read_person_sheet
from app.domain.importing.decoys import calendar_words, ladder
from app.domain.importing.grid import Grid
from app.domain.importing.legend import Outside, entry_meanings, find_entries, is_legend_sheet
from app.domain.importing.lexis import EMPTY, NUMBER, SMALL
from app.domain.importing.listcells import list_columns
from app.domain.importing.listed import ITEM_FIELDS, PERSON_FIELDS, ROLE_FIELDS, ListTable
from app.domain.importing.lists import ListReader
from app.domain.importing.listtables import find_list
from app.domain.importing.matrix import read_matrix
from app.domain.importing.meanings import CodeMeaning
from app.domain.importing.owners import Owner, owner_of
from app.domain.importing.ragged import find_ragged, read_ragged
from app.domain.importing.raggedcolumns import find_columns, read_columns
from app.domain.importing.reading import SheetReading, WorkbookReading
from app.domain.importing.several import read_beside
from app.domain.importing.sheet import Sheet
from app.domain.importing.stock import read_stock
from app.domain.importing.tables import Table
from app.domain.importing.vocabulary import Vocabulary, normal, words_of

# Columns whose values repeat in every list of a company; sharing them joins nothing.
_NO_KEYS = frozenset(
    {"department", "site", "shift", "status", "supervisor", "grade", "contract", "version", "comment"}
    | {"date", "expiry", "effective", "hours", "validity", "days", "level", "score", "total", "sequence"}
)
_MATRIX = ("role_item", "person_item", "person_level", "raci")


@dataclass(slots=True)
class Draft:
    """One sheet while the workbook is being read."""

    sheet: Sheet
    reading: SheetReading
    table: ListTable | None = None
    legend: dict[str, CodeMeaning] = field(default_factory=dict)


def recognize(
    grids: Sequence[Grid], vocabulary: Vocabulary, choices: Mapping[str, Mapping[str, Any]] | None = None
) -> WorkbookReading:
    """Recognize all sheets. ``choices`` are the user's corrections by name of the sheet; see ``mapping.py``."""
    choices = choices or {}
    sheets = [Sheet.of(grid, vocabulary, dict(choices.get(grid.name, {}))) for grid in grids]
    legends = _legend_sheets(sheets)
    shared = {code: meaning for found in legends.values() for code, meaning in found.items()}
    own = read_stock(grids, vocabulary)
    drafts = []
    for sheet in sheets:
        if sheet.grid.name in own:
            drafts.append(Draft(sheet, own[sheet.grid.name]))
        elif sheet.grid.name in legends:
            reading = _refused(sheet, "The sheet is a legend: it explains the codes of the other sheets.", 0.9)
            drafts.append(Draft(sheet, reading))
        else:
            drafts.append(read_sheet(sheet, shared))
    _people_by_sheet(drafts, shared)
    _relational(drafts, shared)
    _snapshots(drafts)
    for draft in drafts:
        if draft.sheet.choices.get("verdict") == "not_a_matrix":
            draft.reading = _refused(draft.sheet, "Left out by the user.", 1.0)
    return WorkbookReading([draft.reading for draft in drafts])


def _refused(sheet: Sheet, reason: str, confidence: float) -> SheetReading:
    return SheetReading(sheet.grid.name, "not_a_matrix", confidence, [reason])


def _legend_sheets(sheets: list[Sheet]) -> dict[str, dict[str, CodeMeaning]]:
    """Sheets that are legends, with what they say; only where there is another sheet to explain."""
    found: dict[str, dict[str, CodeMeaning]] = {}
    if len(sheets) < 2:
        return found
    for sheet in sheets:
        if sheet.height and sheet.height * sheet.width < 2000:
            entries = find_entries(sheet, Outside(sheet.height, sheet.height, sheet.width))
            if is_legend_sheet(sheet, entries):
                found[sheet.grid.name] = entry_meanings(entries, sheet.vocabulary, f" on sheet “{sheet.grid.name}”")
    return found


def read_sheet(sheet: Sheet, legends: Mapping[str, CodeMeaning]) -> Draft:
    """Let every kind of layout try the sheet; the one with the best evidence keeps it."""
    filled = len(sheet.kinds.flat) - sheet.kinds.flat.count(EMPTY)
    if not filled:
        return Draft(sheet, SheetReading(sheet.grid.name, "empty", 1.0, ["The sheet holds no values."]))
    chosen = sheet.choices.get("verdict")
    table = find_list(sheet)
    several = read_beside(sheet, legends) if chosen is None and not sheet.choices else None
    if several:
        return Draft(sheet, several, table)
    if chosen in (None, "ragged"):
        ragged = find_ragged(sheet)
        if ragged:
            return Draft(sheet, read_ragged(sheet, ragged), table)
        downwards = find_columns(sheet)
        if downwards is not None:
            return Draft(sheet, read_columns(sheet, downwards), table)
    found = read_matrix(sheet, legends) if chosen in (None, *_MATRIX, "snapshot") else None
    listed = _read_as_list(sheet, table, legends) if chosen not in (*_MATRIX, "snapshot") else None
    if found and table and (_list_above(table, found[1]) or _inside_list(sheet, table, found[1])):
        found = None
    if found and listed and table:
        matrix, grid_table = found
        weight = grid_table.score * (1.0 if matrix.verdict in _MATRIX else 0.5)
        if _list_wins(table, listed, weight, len(grid_table.columns)):
            return Draft(sheet, listed, table)
        return Draft(sheet, matrix, table)
    if listed:
        return Draft(sheet, listed, table)
    if found is None and chosen is None and table and table.header is not None and table.has(*PERSON_FIELDS, "role"):
        found = read_matrix(sheet, legends, table.header)
    if found:
        return Draft(sheet, _doubt(sheet, found[0]), table)
    return Draft(sheet, _nothing(sheet, table), table)


def _list_above(table: ListTable, grid_table: Table) -> bool:
    """Whether the "header" of a narrow matrix is but a row of data under the header of a list."""
    known = table.header is not None and table.header < grid_table.header and table.share >= 0.6
    return known and len(grid_table.columns) < 3


def _inside_list(sheet: Sheet, table: ListTable, grid_table: Table) -> bool:
    """Whether the "header" of a matrix is a row of a list, whose own header stands above and is understood."""
    if table.header is None or table.header >= grid_table.header or table.share < 0.8 or len(table.fields) < 4:
        return False
    between = range(table.header + 1, grid_table.header + 1)
    return all(sum(sheet.kinds.at(row, c) != EMPTY for c in table.fields) >= 0.6 * len(table.fields) for row in between)


def _list_wins(table: ListTable, listed: SheetReading, weight: float, columns: int) -> bool:
    if listed.verdict == "not_a_matrix":
        return False
    strength = table.share * min(1.0, 0.25 * len([f for f in table.fields.values() if f != "?"]))
    return strength > weight or columns < 3


def _doubt(sheet: Sheet, reading: SheetReading) -> SheetReading:
    sentence = ladder(sheet)
    if sentence and reading.verdict in _MATRIX and reading.confidence < 0.6:
        return _refused(sheet, sentence, 0.7)
    return reading


def _nothing(sheet: Sheet, table: ListTable | None) -> SheetReading:
    """Why nothing was recognized, as far as it can be told."""
    sentence = ladder(sheet)
    if sentence:
        return _refused(sheet, sentence, 0.75)
    header = find_header_only(sheet)
    if header is not None:
        reason = f"Row {header + 1} holds column names, but there is nothing below them: an empty form."
        return SheetReading(sheet.grid.name, "empty", 0.7, [reason])
    if table and table.rows:
        people, items = table.has(*PERSON_FIELDS), table.has(*ITEM_FIELDS)
        what = "people" if people else "courses or documents" if items else "something else"
        return _refused(sheet, f"A list of {what}, without saying who needs or has which training.", 0.7)
    return _refused(sheet, "No table was found that relates people or job functions to courses or documents.", 0.6)


def find_header_only(sheet: Sheet) -> int | None:
    """The header row of a form that nobody filled in: below it only numbers of lines and places to sign."""
    best, most = None, 1
    for row in range(min(sheet.height, 30)):
        filled = sheet.filled(row)
        named = sum(bool(sheet.vocabulary.field_names(sheet.text(row, c))) for c in filled)
        if named > most and named * 3 >= len(filled):
            best, most = row, named
    if best is None or not all(vacant(sheet, row) for row in range(best + 1, sheet.height)):
        return None
    return best


def vacant(sheet: Sheet, row: int) -> bool:
    """Whether a row holds nothing, the number of a line, or places for a date and a signature."""
    texts = [sheet.text(row, column) for column in sheet.filled(row)]
    if not texts or (len(texts) == 1 and texts[0].rstrip(".)").isdigit()):
        return True
    blanks = sum(bool(re.search(r"_{3,}|\.{5,}|…{2,}|[:：]$", text)) for text in texts)
    known = sum(sheet.vocabulary.starts_word("footer", text) for text in texts)
    return blanks + known >= len(texts) or (len(texts) == 1 and len(texts[0]) > 40)


def _read_as_list(sheet: Sheet, table: ListTable | None, legends: Mapping[str, CodeMeaning]) -> SheetReading | None:
    """Attendance, blocks, one person's record, lists in cells, long lists; in the order of how special they are."""
    blocks = find_blocks(sheet)
    if table is None:
        return read_blocks(sheet, blocks, legends) if blocks else None
    sign_in = read_sign_in(sheet, table, legends)
    if sign_in:
        return sign_in
    if blocks and not list_columns(sheet, table):
        return read_blocks(sheet, blocks, legends)
    subject = table.has(*PERSON_FIELDS) or table.has(*ROLE_FIELDS)
    item = table.has(*ITEM_FIELDS)
    lists = list_columns(sheet, table)
    if lists and (subject or item) and not _schedule(sheet, table):
        reader = ListReader(sheet, table, legends)
        reader.inside_cells()
        told = (subject and item) or len(lists) == 1 or any(reader.tells(column) for column in lists)
        if told and reader.gathered.records and len(reader.gathered.items):
            return reader.reading(
                "list_in_cell", 0.8, [f"Cells of column {_letters(lists)} hold several entries each."]
            )
    owner = owner_of(sheet, table) if item and not table.has(*PERSON_FIELDS) else None
    if owner and (table.has("date", "status", "trainer", "expiry", "level", "signature")):
        return read_person_sheet(sheet, table, owner, legends)
    if item and (table.has(*PERSON_FIELDS) or table.has("role", "user_group")) and _pairs(sheet, table):
        reader = ListReader(sheet, table, legends)
        reader.long()
        if reader.gathered.records:
            who = "person" if reader.by_person else "job function"
            return reader.reading(
                "long", 0.6 + 0.3 * table.share, [f"Every row names one {who} and one course or document."]
            )
    return None


def _letters(columns: list[int]) -> str:
    return ", ".join(chr(65 + column) if column < 26 else str(column + 1) for column in columns)


def _schedule(sheet: Sheet, table: ListTable) -> bool:
    header = [sheet.text(table.header, c) for c in table.fields] if table.header is not None else []
    return calendar_words(header, sheet.vocabulary) is not None


def _pairs(sheet: Sheet, table: ListTable) -> bool:
    """Whether subject and item stand in the same rows, and not each item once with an owner or a trainer."""
    subject = table.first(*PERSON_FIELDS) if table.has(*PERSON_FIELDS) else table.first("role", "user_group")
    item = table.first(*ITEM_FIELDS)
    if subject is None or item is None or _counts(sheet, table, subject):
        return False
    both = [r for r in table.rows if sheet.spread(r, item) and sheet.spread(r, subject)]
    return len(both) >= 0.5 * len(table.rows) or _item_above(sheet, table, subject, item)


def _item_above(sheet: Sheet, table: ListTable, subject: int, item: int) -> bool:
    """Whether the item stands once, above or beside the first of those who belong to it."""
    named = [row for row in table.rows if sheet.spread(row, subject)]
    first = sheet.spread(table.rows[0], item) and sheet.spread(table.rows[0], subject)
    return bool(first) and len(named) >= 0.9 * len(table.rows) and table.has("date", "status", "expiry")


def _counts(sheet: Sheet, table: ListTable, column: int) -> bool:
    """Whether a column under "Participants" holds how many they are."""
    kinds = [kind for row in table.rows[:60] if (kind := sheet.kinds.at(row, column)) != EMPTY]
    named = table.fields.get(column) in ("person", "user_group", "role")
    return named and sum(kind in (SMALL, NUMBER) for kind in kinds) >= 0.8 * max(1, len(kinds))


# -- what only the sheets together tell --------------------------------------------------------------------------------


def _people_by_sheet(drafts: list[Draft], legends: Mapping[str, CodeMeaning]) -> None:
    """Sheets named after people that each list courses are one record per person, wherever the name stands."""
    candidates = [
        draft
        for draft in drafts
        if draft.table
        and draft.table.has(*ITEM_FIELDS)
        and not draft.table.has("person", "last_name", "employee_no")
        and draft.reading.verdict in ("not_a_matrix", "sheet_per_person", "long", "role_item", "person_item")
        and draft.sheet.grid.name
    ]
    named = [draft for draft in candidates if person_like_name(draft.sheet.grid.name, draft.sheet)]
    single = len(drafts) == 1
    if len(named) < 2 and not (single and named):
        return
    for draft in candidates:
        if draft.reading.verdict == "sheet_per_person" or draft.table is None:
            continue
        if draft in named or len(named) >= 0.5 * len(candidates):
            owner = owner_of(draft.sheet, draft.table) or Owner(draft.sheet.grid.name, draft.sheet.grid.name.strip(), 0)
            draft.reading = read_person_sheet(draft.sheet, draft.table, owner, legends)


def _relational(drafts: list[Draft], legends: Mapping[str, CodeMeaning]) -> None:
    """Lists that share a key: curricula with courses, curricula with groups, people with groups."""
    lists = [d for d in drafts if d.table and d.table.rows and d.reading.verdict in ("not_a_matrix", "long")]
    direct = [d for d in lists if d.table and d.table.has(*PERSON_FIELDS) and d.table.has(*ITEM_FIELDS)]
    if len(lists) < 2 or direct:
        return
    keys = {id(draft): _key_sets(draft) for draft in lists}
    for draft in lists:
        others = [other for other in lists if other is not draft]
        joined = [other for other in others if _joins(keys[id(draft)], keys[id(other)])]
        if joined:
            names = ", ".join(other.sheet.grid.name for other in joined)
            draft.reading = _read_relation(draft, f"A list that shares a key with: {names}.", legends)


def _key_sets(draft: Draft) -> list[tuple[str, set[str]]]:
    table, sheet = draft.table, draft.sheet
    if table is None:
        return []
    sets = []
    for column, field_name in table.fields.items():
        if field_name in _NO_KEYS:
            continue
        header = normal(sheet.text(table.header, column)) if table.header is not None else ""
        values = set(sheet.distinct(column, table.rows))
        if len(values) >= 2:
            sets.append((header, values))
    return sets


def _joins(first: list[tuple[str, set[str]]], second: list[tuple[str, set[str]]]) -> bool:
    for header, values in first:
        for other, more in second:
            same = len(values & more)
            needed = 0.5 if header == other and header else 0.75
            if same >= 2 and same >= needed * min(len(values), len(more)):
                return True
    return False


def _read_relation(draft: Draft, reason: str, legends: Mapping[str, CodeMeaning]) -> SheetReading:
    sheet, table = draft.sheet, draft.table
    if table is None:
        return draft.reading
    _name_curriculum(sheet, table)
    reader = ListReader(sheet, table, legends)
    if table.has(*ITEM_FIELDS) and (table.has(*PERSON_FIELDS) or table.has(*ROLE_FIELDS)):
        reader.long()
    else:
        for row in table.rows:
            who = reader.subject_of(row, ("", ""))
            code, title = reader.item_of(row)
            if who[0]:
                reader.gathered.subject(*who, row)
            if code or title:
                reader._describe_item(row, reader.gathered.items[reader.gathered.item(code, title, row)])
    return reader.reading("relational", 0.75, [reason])


def _name_curriculum(sheet: Sheet, table: ListTable) -> None:
    """A column without a known name that comes first in a list of relations is the curriculum: it stands for the
    subject beside items, and for the item beside groups of users."""
    unnamed = [c for c, what in table.fields.items() if what in ("?", "planned", "category", "level", "sequence")]
    subject, item = table.has(*PERSON_FIELDS, "role", "user_group"), table.has(*ITEM_FIELDS)
    if subject == item or not unnamed or unnamed[0] > min(table.fields):
        return
    if not all(sheet.text(row, unnamed[0]) for row in table.rows):
        return
    if item:
        table.fields[unnamed[0]] = "user_group"
    elif not table.has(*PERSON_FIELDS):
        table.fields[unnamed[0]] = "item"


def _snapshots(drafts: list[Draft]) -> None:
    """Sheets of the same layout, named after months, sprints or years: one state each, not additional people."""
    matrices = [draft for draft in drafts if draft.reading.verdict in (*_MATRIX, "long")]
    timed = [draft for draft in matrices if time_name(draft.sheet.grid.name, draft.sheet.vocabulary)]
    if len(timed) < 2:
        return
    prints = {id(draft): {normal(item.label) for item in draft.reading.items} for draft in timed}
    common = Counter(label for found in prints.values() for label in found)
    for draft in timed:
        known = prints[id(draft)]
        if known and sum(common[label] > 1 for label in known) >= 0.5 * len(known):
            kind = draft.reading.verdict
            draft.reading.verdict = "snapshot"
            draft.reading.reasons.insert(
                0, f"One of {len(timed)} sheets of the same layout ({kind}) named after a time: a snapshot."
            )


def time_name(name: str, vocabulary: Vocabulary) -> bool:
    """Whether the name of a sheet is a month, a year, a week, a sprint."""
    words = words_of(re.sub(r"(?<=[^\W\d])(?=\d)|(?<=\d)(?=[^\W\d])", " ", name)) or [normal(name)]
    if normal(name) in vocabulary.months:
        return True
    known = [
        w
        for w in words
        if w in vocabulary.months or w in vocabulary.words["snapshot"] or w in ("q", "w", "wk", "kw", "s")
    ]
    numbers = [w for w in words if w.isdigit()]
    return (
        bool(known or any(len(n) == 4 and n[:2] in ("19", "20") for n in numbers))
        and len(known) + len(numbers) >= len(words) - 1
    )
