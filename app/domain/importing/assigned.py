"""Responsibility lists: one row per task, a column each for who is responsible, accountable, consulted and informed,
with job functions in the cells."""

from collections import Counter
from collections.abc import Mapping

from app.domain.importing.lexis import CODE, EMPTY, LABEL, LIST, NAME, STATUS
from app.domain.importing.listed import ListTable
from app.domain.importing.lists import ListReader
from app.domain.importing.meanings import CodeMeaning
from app.domain.importing.reading import SheetReading
from app.domain.importing.sheet import Sheet
from app.domain.importing.vocabulary import normal
from app.domain.text import Phrase

_LETTERS = {"R": "required", "A": "required", "C": "consulted", "I": "informed", "S": "required"}
_GROUPS = {"consulted": "consulted", "informed": "informed", "responsible": "required"}
_NAMING = (LABEL, LIST, NAME, CODE, STATUS)


def read_assigned(sheet: Sheet, legends: Mapping[str, CodeMeaning]) -> SheetReading | None:
    """Read the sheet as a responsibility list; ``None`` when it is none."""
    found = next((one for row in range(min(sheet.height, 15)) if (one := _table_at(sheet, row))), None)
    if found is None:
        return None
    table, said = found
    reader = ListReader(sheet, table, legends)
    reader.under_headings(said)
    if not reader.gathered.records:
        return None
    reason = Phrase("The columns name what somebody is for a task, the cells name who it is.")
    return reader.reading("raci", 0.85, [reason])


def _table_at(sheet: Sheet, header: int) -> tuple[ListTable, dict[int, str]] | None:
    """The list with this header row, and what each of its columns says about those it names."""
    filled = sheet.filled(header)
    said = {column: detail for column in filled if (detail := _says(sheet, sheet.text(header, column)))}
    texts = [normal(sheet.text(header, column)) for column in said]
    bare = [text for text in texts if len(text) == 1]
    details = Counter(said.values())
    if len(said) < 2 or len(set(texts)) < len(texts) or filled[0] in said or (bare and len(bare) < len(texts)):
        return None
    if details["required"] < 1 or (details["required"] < 2 and len(details) < 3) or len(said) * 2 < len(filled) - 1:
        return None
    first = min(said)
    rows = [row for row in range(header + 1, sheet.height) if any(sheet.text(row, column) for column in said)]
    items = [c for c in filled if c < first and sum(bool(sheet.text(row, c)) for row in rows) >= 0.6 * len(rows)]
    if not rows or not items or not all(_names(sheet, column, rows) for column in said):
        return None
    item = next((c for c in items if "item" in sheet.vocabulary.field_names(sheet.text(header, c))), items[-1])
    fields = {c: "?" for c in filled} | {item: "item"} | dict.fromkeys(said, _who(sheet, said, rows))
    return ListTable(header, fields, [row for row in rows if sheet.spread(row, item)], share=1.0), said


def _says(sheet: Sheet, heading: str) -> str | None:
    """What a heading says about those below it: ``Accountable``, ``R``, ``Consulted (before)``."""
    if heading.strip().upper() in _LETTERS:
        return _LETTERS[heading.strip().upper()]
    if not 4 <= len(heading) < 50 or any(c.isdigit() for c in heading):
        return None
    return next((detail for group, detail in _GROUPS.items() if sheet.vocabulary.has_word(group, heading)), None)


def _names(sheet: Sheet, column: int, rows: list[int]) -> bool:
    """Whether a column holds names of job functions or people, rather than marks, days, levels or single letters."""
    texts = [text for row in rows if (text := sheet.text(row, column))]
    kinds = Counter(kind for row in rows if (kind := sheet.kinds.at(row, column)) != EMPTY)
    long = sum(len(text) > 1 and any(c.isalpha() for c in text) for text in texts)
    letters = sum(set(text.upper()) <= set("RACISX/ ,-") and len(text) <= 4 for text in texts)
    sentences = sum(len(text) > 90 for text in texts)
    return (
        bool(texts)
        and sum(kinds[kind] for kind in _NAMING) >= 0.7 * len(texts)
        and long >= 0.8 * len(texts)
        and letters * 2 < len(texts)
        and sentences * 4 < len(texts)
    )


def _who(sheet: Sheet, said: dict[int, str], rows: list[int]) -> str:
    """Whether the cells name people or job functions."""
    cells = [(row, column) for row in rows for column in said if sheet.text(row, column)]
    vocabulary = sheet.vocabulary
    people = sum(vocabulary.has_given_name(sheet.text(*at)) and " " in sheet.text(*at) for at in cells)
    roles = sum(vocabulary.has_word("role", sheet.text(*at)) for at in cells)
    return "person" if people > 0.5 * len(cells) and people > roles else "role"
