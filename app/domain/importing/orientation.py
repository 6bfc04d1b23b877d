"""Which way round a matrix stands, and whether people or job functions are its subjects: the evidence of the labels, of
the texts that name the axes, and of the cells."""

from app.domain.importing.axes import Axis, Decision, decide, judge_axis
from app.domain.importing.bodies import Body
from app.domain.importing.captions import axis_captions
from app.domain.importing.headers import HeaderZone
from app.domain.importing.lexis import DATE, DATE_TEXT, EMPTY, SERIAL, SMALL, STATUS
from app.domain.importing.lines import Line
from app.domain.importing.profile import counting
from app.domain.importing.reading import IN_COLUMNS, IN_ROWS
from app.domain.importing.sheet import Sheet
from app.domain.importing.tables import Table

# Below this, labels and captions say nothing about who stands on an axis, and the cells decide.
_FAINT = 0.4


def decide_axes(
    sheet: Sheet, table: Table, zone: HeaderZone, body: Body, rows: list[Line], columns: list[Line]
) -> Decision:
    """Decide by the evidence on both axes; the user's choices win."""
    names = axis_captions(sheet, table, zone)
    across = judge_axis([line.text for line in columns], names.over_columns, sheet.vocabulary)
    down = judge_axis([line.text for line in rows], names.over_keys, sheet.vocabulary, names.beside)
    decision = decide(down, across)
    sequence = _sequence(sheet, table, body)
    if sequence is not None and not _strong(down if sequence else across, across if sequence else down):
        decision = Decision(sequence, (down if sequence else across).kind, max(decision.margin, 0.6), 1.0, 1.0)
    chosen, kind = sheet.choices.get("orientation"), sheet.choices.get("subject_kind")
    if chosen in (IN_ROWS, IN_COLUMNS):
        decision = Decision(chosen == IN_ROWS, (down if chosen == IN_ROWS else across).kind, 2.0, 1.0, 2.0)
    subject = down if decision.subjects_in_rows else across
    if kind in ("person", "role"):
        return decision._replace(kind=str(kind))
    if max(subject.person, subject.role) < _FAINT:
        of_person = sequence is None and _about_people(sheet, table, body)
        return decision._replace(kind="person" if of_person else "role")
    return decision


def _strong(subject: Axis, other: Axis) -> bool:
    """Whether people or job functions plainly stand on the other axis, so that a sequence along this one is chance."""
    return other.subject > 0.8 and other.subject > subject.subject


def _sequence(sheet: Sheet, table: Table, body: Body) -> bool | None:
    """Whether the numbers count up from one along the rows (``True``) or the columns; ``None`` when they do neither,
    or both."""
    if len(body.rows) > 400 or not body.rows:
        return None
    lines = [sheet.kinds.row(row) for row in body.rows]
    filled = [line[c] for line in lines for c in table.columns if line[c] != EMPTY]
    if not filled or filled.count(SMALL) < 0.6 * len(filled):
        return None
    values, grid = sheet.grid.values, sheet.grid.rows
    by_row = counting([[values[grid[r][c]] for c in table.columns if grid[r][c]] for r in body.rows])
    by_column = counting([[values[grid[r][c]] for r in body.rows if grid[r][c]] for c in table.columns])
    return by_row if by_row != by_column else None


def _about_people(sheet: Sheet, table: Table, body: Body) -> bool:
    """Whether the cells are such as stand beside people: dates, states, levels; codes and marks stand beside job
    functions more often."""
    kinds = bytearray()
    for row in body.rows[:400]:
        line = sheet.kinds.row(row)
        kinds += bytes(line[c] for c in table.columns)
    filled = len(kinds) - kinds.count(EMPTY)
    told = sum(kinds.count(kind) for kind in (DATE, SERIAL, DATE_TEXT, STATUS))
    return kinds.count(SMALL) > 0.5 * filled or told > 0.15 * filled
