"""Which way round a matrix stands, and whether people or job functions are its subjects: the evidence of the labels, of
the texts that name the axes, and of the cells."""

from collections import Counter

from app.domain.importing.axes import Axis, Decision, decide, judge_axis
from app.domain.importing.bodies import Body
from app.domain.importing.captions import axis_captions
from app.domain.importing.headers import HeaderZone
from app.domain.importing.legend import Outside, entry_meanings, find_entries
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
    subject, other = (down, across) if decision.subjects_in_rows else (across, down)
    skilled = max(subject.person, subject.role) < _FAINT <= subject.unit and other.item < _FAINT
    if skilled and not sheet.choices and _graded(sheet, table, body):
        return Decision(not decision.subjects_in_rows, "person", 0.6, subject.unit, 0.5)
    chosen, kind = sheet.choices.get("orientation"), sheet.choices.get("subject_kind")
    if chosen in (IN_ROWS, IN_COLUMNS):
        decision = Decision(chosen == IN_ROWS, (down if chosen == IN_ROWS else across).kind, 2.0, 1.0, 2.0)
    subject = down if decision.subjects_in_rows else across
    if kind in ("person", "role"):
        return decision._replace(kind=str(kind))
    if max(subject.person, subject.role) < _FAINT:
        told = _told_by_legend(sheet, table, zone, body)
        of_person = sequence is None and (_about_people(sheet, table, body) if told is None else told)
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


def _graded(sheet: Sheet, table: Table, body: Body) -> bool:
    """Whether the cells are levels of skill: beside machines and workplaces these belong to people."""
    texts = Counter(sheet.text(row, c) for row in body.rows[:60] for c in table.columns[:40])
    texts.pop("", None)
    marks = [text for text in texts if text in sheet.vocabulary.scales["harvey"]]
    numbers = sum(number for text, number in texts.items() if text in ("0", "1", "2", "3", "4", "5"))
    return len(marks) >= 3 or numbers >= 0.8 * sum(texts.values()) > 0


def _told_by_legend(sheet: Sheet, table: Table, zone: HeaderZone, body: Body) -> bool | None:
    """Whether the legend speaks of people who are trained or not (``True``), or of what is required (``False``)."""
    if not body.rows:
        return None
    entries = find_entries(sheet, Outside(zone.labels[0], body.rows[-1], table.columns[-1]))
    details = {meaning.detail for meaning in entry_meanings(entries, sheet.vocabulary).values()}
    trained = details & {"held", "not_started", "in_progress", "teaches"}
    required = details & {"required", "optional", "on_request", "before_start"}
    return bool(trained) if bool(trained) != bool(required) else None


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
