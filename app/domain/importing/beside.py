"""Columns beside a matrix that are told by what they hold, where their headers say nothing."""

from collections.abc import Collection, Mapping

from app.domain.importing.lexis import EMPTY, IDENT, ITEM_CODE, LABEL, NAME, NUMBER, SENTENCE, SERIAL
from app.domain.importing.sheet import Sheet


def named_by_content(sheet: Sheet, key: int | None, end: int, known: Collection[int], top: int) -> dict[int, str]:
    """Columns before the matrix whose header says nothing: a code of its own in every row, or the words for a code.

    ``key`` names the rows, ``end`` is the first column of the matrix, ``top`` the first row of data.
    """
    if key is None:
        return {}
    found: dict[int, str] = {}
    coded = _coded(sheet, key, top) or (isinstance(known, Mapping) and known.get(key) == "item_code")
    for column in range(end):
        if column in known or column == key:
            continue
        if column < key and _coded(sheet, column, top):
            found[column] = "item_code"
        elif coded and not {"item_title", "person"} & {*found.values()} and (name := _worded(sheet, column, top)):
            found[column] = name
    return found


def _worded(sheet: Sheet, column: int, top: int) -> str | None:
    """Whether a column holds different words in every row: names of people, or titles."""
    kinds = sheet.kinds.column(column, top)
    filled = len(kinds) - kinds.count(EMPTY)
    words = kinds.count(LABEL) + kinds.count(NAME) + kinds.count(SENTENCE)
    if filled < 3 or words < 0.8 * filled:
        return None
    texts = sheet.distinct(column, list(range(top, min(sheet.height, top + 150))))
    if len(texts) < 0.9 * sum(texts.values()) or sum(map(len, texts)) < 8 * len(texts):
        return None
    return "person" if kinds.count(NAME) >= 0.6 * words else "item_title"


def _coded(sheet: Sheet, column: int, top: int) -> bool:
    """Whether a column holds a code of its own in nearly every row, whatever its header."""
    kinds = sheet.kinds.column(column, top)
    filled = len(kinds) - kinds.count(EMPTY)
    coded = kinds.count(ITEM_CODE) + kinds.count(IDENT) + kinds.count(NUMBER) + kinds.count(SERIAL)
    if filled < 3 or coded < 0.8 * filled:
        return False
    texts = sheet.distinct(column, list(range(top, min(sheet.height, top + 150))))
    return len(texts) >= 0.9 * sum(texts.values())
