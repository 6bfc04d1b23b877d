"""Reads a file and recognizes its sheets; turns the result into the JSON of the command line."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from app.domain.importing import Grid, WorkbookReading, recognize
from app.services.children import Tick
from app.services.matrix_import.mapping import clean_choices
from app.services.matrix_import.taking import for_recognition
from app.services.spreadsheets import pick_sheet, read_workbook
from app.services.vocabularies import load_vocabulary


@dataclass(slots=True)
class Recognized:
    """A file with what was understood of it. ``mapping`` holds the corrections by sheet that led to it."""

    file: str
    sha256: str
    grids: list[Grid]
    reading: WorkbookReading
    mapping: dict[str, dict[str, Any]] = field(default_factory=dict)


def read_and_recognize(
    path: Path,
    *,
    name: str | None = None,
    sheet: str | None = None,
    mapping: Mapping[str, Any] | None = None,
    tick: Tick | None = None,
) -> Recognized:
    """Read the file and recognize all of its sheets, or only ``sheet``.

    ``mapping`` is a user's corrections (see ``docs/importing.md``). Raises BadInput with one sentence for a file that
    cannot be read, an unknown sheet, or a mapping that makes no sense.
    """
    file = name or path.name
    with path.open("rb") as stream:
        sha256 = hashlib.file_digest(stream, "sha256").hexdigest()
    grids = read_workbook(path, name=file, tick=tick)
    if sheet is not None:
        grids = pick_sheet(grids, sheet, file)
    return recognize_grids(file, sha256, grids, mapping or {})


def recognize_again(found: Recognized, mapping: Mapping[str, Any]) -> Recognized:
    """Recognize the same grids with other corrections; the file is not read again."""
    return recognize_grids(found.file, found.sha256, found.grids, mapping)


def recognize_grids(file: str, sha256: str, grids: list[Grid], mapping: Mapping[str, Any]) -> Recognized:
    """Recognize what was read of a file, with a user's corrections. Raises BadInput for one that makes no sense."""
    choices = clean_choices(mapping, grids)
    reading = recognize(grids, load_vocabulary(), for_recognition(choices))
    return Recognized(file, sha256, grids, reading, choices)


NO_CHANGES: dict[str, dict[str, int]] = {
    "requirements": {"add": 0, "change": 0, "end": 0},
    "completions": {"add": 0},
    "people": {"add": 0},
    "items": {"add": 0},
    "memberships": {"add": 0},
    "orders": {"add": 0},
    "units": {"add": 0},
}


def to_json(
    found: Recognized,
    changes: Mapping[str, Mapping[str, int]] | None = None,
    unresolved: list[dict[str, Any]] | None = None,
) -> dict[str, Any]:
    """The contract of ``qualgate import matrix --json``."""
    return {
        "file": found.file,
        "sha256": found.sha256,
        "sheets": [sheet.to_dict() for sheet in found.reading.sheets],
        "unresolved": [
            {**row, "problem": str(row["problem"])} for row in (*found.reading.unresolved(), *(unresolved or []))
        ],
        "changes": {kind: dict(counts) for kind, counts in (changes or NO_CHANGES).items()},
    }
