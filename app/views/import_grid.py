"""The sheet on the page: what was understood laid over it, and the form that corrects it."""

import json
from collections.abc import Mapping
from typing import Any

from flask_babel import gettext
from flask_babel import lazy_gettext as _l

from app.domain.importing import Grid, SheetReading, column_letters
from app.models.importing import ImportRun
from app.services.readings import facts_above, text_counts
from app.views.look import say

ROWS, COLUMNS = 60, 60

VERDICTS: dict[str, Any] = {
    "role_item": _l("Job functions × items"),
    "person_item": _l("People × items"),
    "person_level": _l("People × skills with levels"),
    "long": _l("List, one row per training"),
    "sheet_per_person": _l("One sheet per person"),
    "block_per_person": _l("One block per person"),
    "ragged": _l("Names with entries in a row"),
    "list_in_cell": _l("Lists inside cells"),
    "relational": _l("Lists joined by a key"),
    "raci": _l("Responsibility chart (RACI)"),
    "sign_in": _l("Attendance list"),
    "snapshot": _l("One state of several"),
    "not_a_matrix": _l("No training matrix"),
    "empty": _l("Empty"),
}
DETAIL_LABELS: dict[str, Any] = {
    "required": _l("required"),
    "before_start": _l("required before start"),
    "read": _l("required: read"),
    "training": _l("required: training"),
    "recurring": _l("required, repeated"),
    "days": _l("required within that many days"),
    "order": _l("required, in this order"),
    "in_progress": _l("in progress"),
    "not_started": _l("missing: not trained"),
    "planned": _l("planned"),
    "expired": _l("expired"),
    "held": _l("trained"),
    "equivalent": _l("trained by something equivalent"),
    "teaches": _l("trained, may train others"),
    "score": _l("trained, with a score"),
    "date": _l("trained on that day"),
    "year": _l("trained in that year"),
    "expiry": _l("valid until that day"),
    "date_unknown": _l("trained, day unknown"),
    "level": _l("level of skill"),
    "optional": _l("optional"),
    "on_request": _l("on request"),
    "not_required": _l("not required"),
    "consulted": _l("consulted"),
    "informed": _l("informed"),
    "not_applicable": _l("not applicable"),
    "unknown": _l("not understood"),
    "error": _l("error in the file"),
}
DATE_ORDERS: dict[str, Any] = {"day first": _l("day first"), "month first": _l("month first")}
ANSWERS = {**DETAIL_LABELS, **DATE_ORDERS}
"""What questions about a sheet suggest as answers."""
KINDS = {
    "required": "required",
    "held": "held",
    "held_with_date": "held",
    "level": "held",
    "not_required": "none",
    "not_applicable": "none",
    "unknown": "unknown",
    "error": "error",
}


def verdict_label(verdict: str) -> str:
    """A verdict in words."""
    return str(say(VERDICTS.get(verdict, verdict)))


def guesses(reading: SheetReading, chosen: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The questions of the form with the present answers."""
    verdicts = [(name, str(label)) for name, label in VERDICTS.items()]
    if chosen.get("verdict") is None:
        verdicts = [("", gettext("as recognized: %(what)s", what=verdict_label(reading.verdict))), *verdicts]
    header = reading.header_rows[-1] + 1 if reading.header_rows else ""
    key = column_letters(reading.key_column) if reading.key_column is not None else ""
    return [
        _choice("verdict", gettext("This sheet is"), chosen.get("verdict"), verdicts),
        _choice(
            "orientation",
            gettext("People or job functions stand in"),
            reading.orientation,
            _or_itself(subjects_in_rows=gettext("rows"), subjects_in_columns=gettext("columns")),
        ),
        _choice(
            "subject_kind",
            gettext("They are"),
            reading.subject_kind,
            _or_itself(person=gettext("people"), role=gettext("job functions")),
        ),
        {
            "name": "header_row",
            "label": gettext("Row with the names of the columns"),
            "value": chosen.get("header_row") or header,
            "help": gettext("The row number as the spreadsheet shows it"),
        },
        {
            "name": "key_column",
            "label": gettext("Column that names the rows"),
            "value": key,
            "help": gettext("Its letter, such as B"),
        },
        _choice(
            "date_order",
            gettext("Dates are written"),
            reading.date_order,
            _or_itself(**DATE_ORDERS),
        ),
    ]


def _choice(name: str, label: str, value: str | None, options: list[tuple[str, str]]) -> dict[str, Any]:
    return {"name": name, "label": label, "value": value or "", "options": options}


def _or_itself(**options: str) -> list[tuple[str, str]]:
    return [("", gettext("decide by itself")), *options.items()]


def legend_rows(reading: SheetReading) -> list[dict[str, Any]]:
    """Every code with its number of cells and its meaning."""
    counts = text_counts(reading)
    options = [(name, str(label)) for name, label in DETAIL_LABELS.items()]
    return [
        {"code": code, "count": counts[code], "meaning": meaning.detail, "options": options}
        for code, meaning in sorted(reading.legend.items(), key=lambda pair: -counts[pair[0]])[:40]
    ]


def read_form(run: ImportRun, reading: SheetReading, form: Mapping[str, str]) -> dict[str, Any]:
    """All corrections of the import with those of the form for one sheet; what equals the guess is no correction."""
    mapping = dict(json.loads(run.mapping or "{}"))
    mine: dict[str, Any] = dict(mapping.get(reading.name, {}))
    shown = {guess["name"]: str(guess["value"] or "") for guess in guesses(reading, mine)}
    for name, before in shown.items():
        value = form.get(name, "").strip()
        if value and value != before:
            mine[name] = value
        elif not value:
            mine.pop(name, None)
    legend = dict(mine.get("legend", {}))
    for field, value in form.items():
        code = field.removeprefix("legend:")
        if field.startswith("legend:") and code in reading.legend and value != reading.legend[code].detail:
            legend[code] = value
    if legend:
        mine["legend"] = legend
    mapping[reading.name] = mine
    return mapping


def picture(grid: Grid, reading: SheetReading) -> dict[str, Any]:
    """The upper left part of the sheet with the role of every row, column and cell."""
    width, height = min(grid.width, COLUMNS), min(grid.height, ROWS)
    facts = {(fact.row, fact.column): fact for fact in facts_above(reading, height) if fact.column < width}
    lines = set(reading.item_lines)
    roles = []
    for column in range(width):
        meta = reading.metadata_columns.get(column)
        roles.append("key" if column == reading.key_column else "item" if column in lines else "meta" if meta else "")
    rows = [_row(grid, reading, facts, row, width) for row in range(height)]
    return {"columns": [column_letters(column) for column in range(width)], "roles": roles, "rows": rows}


def _row(
    grid: Grid, reading: SheetReading, facts: Mapping[tuple[int, int], Any], row: int, width: int
) -> dict[str, Any]:
    role = _role(reading, row)
    cells = []
    for column in range(width):
        fact = facts.get((row, column))
        kind, note = "", grid.comments.get((row, column), "")
        if fact is not None:
            kind, note = KINDS[fact.meaning], str(say(DETAIL_LABELS.get(fact.detail, fact.detail)))
        elif role == "header":
            kind = "header" if grid.text(row, column) else ""
        elif role == "data" and column == reading.key_column:
            kind = "key"
        cells.append({"text": grid.text(row, column)[:60], "kind": kind, "note": note})
    return {"number": row + 1, "role": role, "cells": cells}


def _role(reading: SheetReading, row: int) -> str:
    """What a row is: what stands above the table describes it, what stands below explains it."""
    if row in reading.header_rows:
        return "header"
    first, last = reading.first_data_row, reading.last_data_row
    if row in reading.metadata_rows or first is None or last is None or row < first:
        return "meta"
    return "data" if row <= last else "legend"
