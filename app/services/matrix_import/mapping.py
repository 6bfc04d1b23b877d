"""Corrections of a recognition: checked, stored by the layout's fingerprint, found again for the same layout
(IMP-1)."""

import hashlib
import json
import re
import tomllib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.domain.errors import BadInput
from app.domain.importing import DETAILS, VERDICTS, Grid, WorkbookReading, column_letters, column_number
from app.domain.text import Phrase
from app.models.importing import ImportMapping
from app.safeguards.context import current
from app.services.matrix_import import taking

ORIENTATIONS = ("subjects_in_rows", "subjects_in_columns")
DATE_ORDERS = ("day first", "month first")
KINDS = ("person", "role")
_COARSE = {"held_with_date": "date"}


def read_mapping_file(path: Path) -> dict[str, Any]:
    """The corrections in a JSON or TOML file. Raises BadInput naming the file and what is wrong with it."""
    try:
        text = path.read_text("utf-8")
        data = tomllib.loads(text) if path.suffix.lower() == ".toml" else json.loads(text)
    except (OSError, UnicodeDecodeError, ValueError) as error:
        raise BadInput("The mapping %(file)s cannot be read: %(error)s.", file=path.name, error=str(error)) from error
    if not isinstance(data, dict):
        raise BadInput("The mapping %(file)s must be an object with the names of the sheets.", file=path.name)
    return data


def clean_choices(mapping: Mapping[str, Any], grids: Sequence[Grid]) -> dict[str, dict[str, Any]]:
    """Corrections by name of the sheet, each checked. Entries of unknown sheets are refused, as are rows and columns
    that a sheet does not have; empty values are dropped.

    ``mapping`` is either ``{sheet: {...}}`` or ``{"sheets": {sheet: {...}}}``; the key ``*`` stands for every sheet.
    Raises BadInput naming the sheet, the entry and what is possible.
    """
    entries = mapping.get("sheets", mapping)
    if not isinstance(entries, Mapping):
        raise BadInput("The mapping must name sheets, each with its corrections.")
    cleaned: dict[str, dict[str, Any]] = {}
    sheets = {grid.name: grid for grid in grids}
    for name, given in entries.items():
        if name not in sheets and name != "*":
            known = ", ".join(sheets)
            raise BadInput(
                "The mapping names the sheet “%(sheet)s”; the file has: %(sheets)s.", sheet=name, sheets=known
            )
        if not isinstance(given, Mapping):
            raise BadInput("The mapping of sheet “%(sheet)s” must be an object.", sheet=name)
        checked = {key: _checked(name, key, value) for key, value in given.items() if value not in (None, "", {})}
        for sheet in sheets if name == "*" else [name]:
            cleaned.setdefault(sheet, {}).update(checked)
    for name, given in cleaned.items():
        _refuse_outside(sheets[name], given)
    return {name: given for name, given in cleaned.items() if given}


def _refuse_outside(grid: Grid, given: Mapping[str, Any]) -> None:
    """Raise BadInput for a row or column that the sheet does not have."""
    row, column = given.get("header_row"), given.get("key_column")
    if row is not None and row > grid.height:
        raise _refused(grid.name, "header_row", row, f"1 to {grid.height}")
    if column is not None and not 0 <= column < grid.width:
        last = column_letters(max(grid.width - 1, 0))
        raise _refused(grid.name, "key_column", column_letters(max(column, 0)), f"A to {last}")


def _checked(sheet: str, key: str, value: Any) -> Any:
    """One correction. Rows count from 1 and columns are letters, as the spreadsheet shows them."""
    closed = {"verdict": VERDICTS, "orientation": ORIENTATIONS, "date_order": DATE_ORDERS, "subject_kind": KINDS}
    if key in closed:
        if value not in closed[key]:
            raise _refused(sheet, key, value, ", ".join(closed[key]))
        return value
    if key == "header_row":
        if not re.fullmatch("[0-9]{1,7}", str(value)) or int(value) < 1:
            raise _refused(sheet, key, value, Phrase("a row number from 1"))
        return int(value)
    if key == "key_column":
        try:
            return value if isinstance(value, int) else column_number(str(value)[:7])
        except ValueError as error:
            raise _refused(sheet, key, value, Phrase("a column such as B")) from error
    if key == "legend" and isinstance(value, Mapping):
        return {str(code): _detail(sheet, str(code), meaning) for code, meaning in value.items() if meaning}
    if key in taking.KEYS:
        try:
            return taking.checked(key, value)
        except ValueError as error:
            raise _refused(sheet, key, value, error.args[0]) from error
    entries = ("verdict", "orientation", "date_order", "subject_kind", "header_row", "key_column", "legend")
    raise _refused(sheet, key, value, ", ".join((*entries, *taking.KEYS)))


def _detail(sheet: str, code: str, meaning: Any) -> str:
    detail = _COARSE.get(str(meaning), str(meaning))
    if detail not in DETAILS:
        raise _refused(sheet, f"legend {code}", meaning, ", ".join(DETAILS))
    return detail


def _refused(sheet: str, key: str, value: Any, possible: str | Phrase) -> BadInput:
    return BadInput(
        "Mapping of sheet “%(sheet)s”, %(key)s: %(value)s is not possible. Possible: %(possible)s.",
        sheet=sheet,
        key=key,
        value=value,
        possible=possible,
    )


def fingerprint(grids: Sequence[Grid], reading: WorkbookReading) -> str:
    """What stays the same when a company edits its matrix: names of sheets, verdicts, and the texts that head the keys.

    New people, courses and dates do not change it; a moved header or another sheet does.
    """
    parts: list[Any] = []
    for grid, sheet in zip(grids, reading.sheets, strict=True):
        heads = [
            [column, grid.text(row, column)]
            for row in sheet.header_rows[:3]
            for column in sorted(sheet.metadata_columns)
        ]
        parts.append([grid.name, [row + 1 for row in sheet.header_rows[:3]], heads])
    return hashlib.sha256(json.dumps(parts, ensure_ascii=False).encode()).hexdigest()


def load_mapping(session: Session, layout: str) -> dict[str, Any] | None:
    """The confirmed corrections of a layout, or ``None``."""
    text = session.scalar(select(ImportMapping.mapping).where(ImportMapping.fingerprint == layout))
    return json.loads(text) if text else None


def remember(session: Session, layout: str, name: str, mapping: Mapping[str, Any]) -> None:
    """Store confirmed corrections for the next file of the same layout. The caller commits."""
    known = session.scalar(select(ImportMapping).where(ImportMapping.fingerprint == layout))
    text = json.dumps(mapping, ensure_ascii=False, sort_keys=True)
    if known is None:
        session.add(ImportMapping(fingerprint=layout, name=name[:200], mapping=text, confirmed_at=current().now()))
    elif known.mapping != text:
        known.mapping, known.confirmed_at = text, current().now()
