"""Reads a whole workbook: every sheet by itself, then what only the sheets together tell.

Legends on a sheet of their own serve the others; sheets named after months form snapshots; sheets of one person each,
or lists joined by a common key, are recognized by comparing them.
"""

import re
from collections.abc import Mapping, Sequence
from typing import Any

from app.domain.importing.assigned import read_assigned
from app.domain.importing.attendance import read_halves, read_sign_in
from app.domain.importing.blocks import find_blocks, read_blocks, read_person_sheet
from app.domain.importing.decoys import calendar_words, ladder
from app.domain.importing.drafts import Draft
from app.domain.importing.grid import Grid
from app.domain.importing.legend import Outside, entry_meanings, find_entries, is_legend_sheet
from app.domain.importing.lexis import EMPTY, NUMBER, SMALL
from app.domain.importing.listcells import list_columns
from app.domain.importing.listed import ITEM_FIELDS, PERSON_FIELDS, ROLE_FIELDS, ListTable
from app.domain.importing.lists import ListReader
from app.domain.importing.listtables import find_list
from app.domain.importing.matrix import read_matrix
from app.domain.importing.meanings import CodeMeaning
from app.domain.importing.owners import owner_of
from app.domain.importing.ragged import find_ragged, read_ragged
from app.domain.importing.raggedcolumns import find_columns, read_columns
from app.domain.importing.reading import SheetReading, WorkbookReading
from app.domain.importing.several import read_beside
from app.domain.importing.sheet import Sheet
from app.domain.importing.stock import read_stock
from app.domain.importing.tables import Table
from app.domain.importing.together import people_by_sheet, relational, snapshots
from app.domain.importing.vocabulary import Vocabulary
from app.domain.text import Phrase

# Columns that say something about training, beside a person and a course.
_TELLING = ("date", "status", "expiry", "score", "level", "required", "planned")
_MATRIX = ("role_item", "person_item", "person_level", "raci")


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
            reading = _refused(sheet, Phrase("The sheet is a legend: it explains the codes of the other sheets."), 0.9)
            drafts.append(Draft(sheet, reading))
        else:
            drafts.append(read_sheet(sheet, shared))
    people_by_sheet(drafts, shared)
    relational(drafts, shared)
    snapshots(drafts)
    for draft in drafts:
        if draft.sheet.choices.get("verdict") == "not_a_matrix":
            draft.reading = _refused(draft.sheet, Phrase("Left out by the user."), 1.0)
    return WorkbookReading([draft.reading for draft in drafts])


def _refused(sheet: Sheet, reason: Phrase, confidence: float) -> SheetReading:
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
                found[sheet.grid.name] = entry_meanings(entries, sheet.vocabulary, sheet.grid.name)
    return found


def read_sheet(sheet: Sheet, legends: Mapping[str, CodeMeaning]) -> Draft:
    """Let every kind of layout try the sheet; the one with the best evidence keeps it."""
    filled = len(sheet.kinds.flat) - sheet.kinds.flat.count(EMPTY)
    if not filled:
        return Draft(sheet, SheetReading(sheet.grid.name, "empty", 1.0, [Phrase("The sheet holds no values.")]))
    chosen = sheet.choices.get("verdict")
    table = find_list(sheet)
    several = read_beside(sheet, legends) if chosen is None and not sheet.choices else None
    whole = several or (read_assigned(sheet, legends) if chosen in (None, "raci") else None)
    if whole:
        return Draft(sheet, whole, table)
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
        if _list_wins(table, listed, weight, len(grid_table.columns)) or _one_row_each(sheet, table, listed):
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


def _one_row_each(sheet: Sheet, table: ListTable, listed: SheetReading) -> bool:
    """Whether people or job functions come again in several rows, each time with another item: a list, whatever the
    columns beside them hold. In a matrix every row is somebody else."""
    subject, item = table.first(*PERSON_FIELDS, "role"), table.first(*ITEM_FIELDS)
    if listed.verdict != "long" or table.header is None or subject is None or item is None or subject == item:
        return False
    pairs = [(sheet.text(row, subject), sheet.text(row, item)) for row in table.rows]
    named = [pair for pair in pairs if all(pair)]
    subjects, items = {who for who, _ in named}, {what for _, what in named}
    return (
        len(named) >= 0.9 * len(pairs)
        and len(set(named)) >= 0.95 * len(named)
        and len(subjects) * 1.3 <= len(named)
        and len(items) >= 2
    )


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
        reason = Phrase(
            "Row %(row)s holds column names, but there is nothing below them: an empty form.", row=header + 1
        )
        return SheetReading(sheet.grid.name, "empty", 0.7, [reason])
    if table and table.rows:
        return _refused(sheet, _plain_list(table), 0.7)
    sentence = Phrase("No table was found that relates people or job functions to courses or documents.")
    return _refused(sheet, sentence, 0.6)


def _plain_list(table: ListTable) -> Phrase:
    if table.has(*PERSON_FIELDS):
        return Phrase("A list of people, without saying who needs or has which training.")
    if table.has(*ITEM_FIELDS):
        return Phrase("A list of courses or documents, without saying who needs or has which training.")
    return Phrase("A list of something else, without saying who needs or has which training.")


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
    halves = read_halves(sheet, legends)
    if halves:
        return halves
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
            reason = Phrase("Cells of column %(columns)s hold several entries each.", columns=_letters(lists))
            return reader.reading("list_in_cell", 0.8, [reason])
    owner = owner_of(sheet, table) if item and not table.has(*PERSON_FIELDS) else None
    if owner and (table.has("date", "status", "trainer", "expiry", "level", "signature")):
        return read_person_sheet(sheet, table, owner, legends)
    if item and (table.has(*PERSON_FIELDS) or table.has("role", "user_group")) and _pairs(sheet, table):
        reader = ListReader(sheet, table, legends)
        reader.long()
        if reader.gathered.records:
            reason = Phrase("Every row names one job function and one course or document.")
            if reader.by_person:
                reason = Phrase("Every row names one person and one course or document.")
            return reader.reading("long", 0.6 + 0.3 * table.share, [reason])
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
    if table.has("email") and not table.has(*_TELLING, *(name for name in PERSON_FIELDS if name != "email")):
        return False  # addresses of providers beside what they offer
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
