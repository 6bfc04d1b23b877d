"""People with two rows each, wanted and actual: "目標" over "現状", "Soll" over "Ist", "Plan" over "Done"."""

from app.domain.importing.bodies import Body
from app.domain.importing.sheet import Sheet
from app.domain.importing.subheadings import sub_field
from app.domain.importing.tables import Table

_WANTED = frozenset({"target_level", "planned", "required"})


def leave_out_wanted(sheet: Sheet, table: Table, body: Body) -> dict[int, int]:
    """Take the rows that hold what is wanted out of the body; for every row that stays, the first row of its pair."""
    for column in range(table.columns[0]):
        texts = sheet.distinct(column, body.rows)
        if column == table.key or not 2 <= len(texts) <= 3 or min(texts.values()) < 0.25 * len(body.rows):
            continue
        subs = {text: sub_field(sheet.vocabulary, text) for text in texts}
        wanted = {text for text, sub in subs.items() if sub in _WANTED}
        if wanted and len(wanted) < len(subs) and any(subs[text] for text in set(subs) - wanted):
            return _drop(sheet, body, column, wanted)
    return {}


def _drop(sheet: Sheet, body: Body, column: int, wanted: set[str]) -> dict[int, int]:
    first: dict[int, int] = {}
    start: dict[str, int] = {}
    for row in body.rows:
        first[row] = start.setdefault(body.keys[row], row)
    gone = {row for row in body.rows if set(sheet.distinct(column, [row])) <= wanted and sheet.text(row, column)}
    kept = {body.keys[row] for row in body.rows if row not in gone}
    if not all(body.keys[row] in kept for row in gone):
        return {}
    body.rows = [row for row in body.rows if row not in gone]
    for row in gone:
        body.keys.pop(row)
        body.foot[row] = "total"
    return {row: first[row] for row in body.rows}
