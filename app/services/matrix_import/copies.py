"""Excel copies of an imported file: with the findings marked, or with the matrix as it is recorded now (IMP-2, IMP-4).

Both edit the stored original, so it keeps its looks; see ``app.services.spreadsheets_writing``. A copy with what is
recorded now is read again before it is handed out: what it says must be what is recorded.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any

from sqlalchemy.orm import Session

from app.domain.dates import Calendar, calendar_of
from app.domain.errors import BadInput, RuleBroken
from app.domain.importing import Grid, SheetReading, column_number, recognize
from app.domain.text import Phrase
from app.models.importing import ImportRun
from app.services.importing import runs as imports
from app.services.matrix_import import runs
from app.services.matrix_import.contents import contents_of
from app.services.matrix_import.differences import find_changes
from app.services.matrix_import.matching import Matches, match
from app.services.matrix_import.recognizing import Recognized
from app.services.matrix_import.recorded import Recorded, recorded_now
from app.services.matrix_import.taking import for_recognition
from app.services.matrix_import.writeback import Options, Say, Sheet
from app.services.matrix_import.writeback_lines import Grower
from app.services.matrix_import.writeback_lists import ListWriter, write_entries
from app.services.matrix_import.writeback_matrix import MatrixWriter
from app.services.spreadsheets import read_bytes
from app.services.spreadsheets_writing import CellEdit, SheetEdits, Written, write_into
from app.services.vocabularies import load_vocabulary

MATRICES = ("role_item", "raci", "person_item", "person_level")
LISTS = ("long", "sheet_per_person", "block_per_person")
NO_WAY_BACK = ("ragged", "sign_in", "snapshot", "relational", "list_in_cell")
"""Layouts that are handed back as they were: they hold no cell for what is recorded."""

GROWTH: tuple[tuple[str, ...], ...] = (("items", "subjects"), ("subjects",), ("items",), ())
"""What is added to a layout; less is tried where the copy would be understood otherwise than it is meant."""

MOST_PLACES = 1_000_000
"""Cells where people or job functions meet items, up to which a file is written back in its own layout."""
MOST_CELLS = 2_000_000
"""Cells of a file up to which a copy is read again before it is handed out."""


def committed(session: Session, most: int) -> list[ImportRun]:
    """The latest imports of a matrix that were written and that the one who acts may know of."""
    query = imports.visible_runs().where(ImportRun.kind == "matrix", ImportRun.state == "committed")
    return list(session.scalars(query.order_by(ImportRun.id.desc()).limit(most)))


def copy_of_run(
    session: Session, run: ImportRun, now: datetime, zone: str, *, marks: bool = True, say: Say = str
) -> Written:
    """The file of a signed import with what is recorded at ``now``; days are days of the IANA ``zone``.

    Raises RuleBroken while the import is not signed: then nothing of the file is recorded yet.
    """
    if run.state != "committed":
        raise RuleBroken("This import has not been signed, so there is nothing to take back yet.")
    found = runs.recognized(run)
    # what was to be created exists by now and is found by its name
    choices = {name: choice for name, choice in runs.decisions(run).items() if choice != "create"}
    return current_copy(
        session,
        found,
        match(session, contents_of(found.reading, found.grids, found.mapping), choices),
        imports.file_bytes(run),
        now,
        calendar_of(zone),
        since=run.finished_at,
        choices=choices,
        marks=marks,
        say=say,
    )


Words = Callable[[Phrase | str], str]


def findings_copy(
    found: Recognized, matches: Matches, data: bytes, more: Iterable[Mapping[str, Any]] = (), say: Words = str
) -> Written:
    """A copy of the file ``data`` in which every open question stands as a comment in its cell, as a workbook.

    ``more`` are further questions: what cannot be recorded, what is left out. ``say`` gives a phrase, or a suggestion,
    in the language of the copy.
    """
    edits: dict[str, SheetEdits] = {}
    for question in [*found.reading.unresolved(), *matches.unresolved(), *more]:
        if not question["cell"]:
            continue
        letters = question["cell"].rstrip("0123456789")
        place = (int(question["cell"][len(letters) :]) - 1, column_number(letters))
        sheet = edits.setdefault(question["sheet"], SheetEdits())
        told = [say(question["problem"])]
        if question["suggestions"]:
            names = ", ".join(map(say, question["suggestions"]))
            told.append(say(Phrase("Perhaps: %(names)s.", names=names)))
        before = sheet.cells.get(place)
        comment = f"{before.comment}\n" if before and before.comment else ""
        sheet.cells[place] = CellEdit(mark="question", comment=comment + " ".join(told))
    for reading in found.reading.sheets:
        _mark_cells(reading, edits.setdefault(reading.name, SheetEdits()))
    return write_into(data, found.file, found.grids, edits, as_workbook=True)


def _mark_cells(reading: SheetReading, edits: SheetEdits) -> None:
    for fact in reading.facts():
        if fact.meaning in ("unknown", "error"):
            edits.cells.setdefault((fact.row, fact.column), CellEdit(mark="error"))


def current_copy(
    session: Session,
    found: Recognized,
    matches: Matches,
    data: bytes,
    now: datetime,
    calendar: Calendar,
    *,
    since: datetime | None = None,
    choices: Mapping[str, str] | None = None,
    marks: bool = True,
    say: Say = str,
) -> Written:
    """The file ``data`` in its own layout with what is recorded at ``now``; days are days of ``calendar``.

    Who and what is new since ``since`` gets lines of its own where the layout has room. Changed cells are colored and
    say why in a comment, unless ``marks`` is off. Notes tell what the copy cannot say.
    """
    cells = sum(len(sheet.subjects) * len(sheet.items) for sheet in found.reading.sheets if sheet.verdict in MATRICES)
    if cells > MOST_PLACES:
        raise RuleBroken(
            "This matrix has %(cells)s cells; at most %(most)s are written back into the layout of a file. Take one of "
            "our layouts instead.",
            cells=cells,
            most=MOST_PLACES,
        )
    recorded = recorded_now(session, matches, now, calendar, since)
    options = Options(calendar.day(now), marks=marks, say=say)
    written = Written(b"", "xlsx")
    for grow in GROWTH:
        edits, notes = _plan(found, recorded, replace(options, grow=grow))
        written = write_into(data, found.file, found.grids, edits)
        written = replace(written, notes=(*notes, *written.notes))
        if grow != GROWTH[0]:
            note = Phrase("Some new people, job functions or items could not be added to this layout; use one of ours.")
            written = replace(written, notes=(note, *written.notes))
        differs = _differs(session, found, written, choices, now, calendar)
        if not differs or not any(one.rows or one.columns for one in edits.values()):
            break
    if differs:
        note = Phrase(
            "Reading this copy back would change what is recorded, because its layout cannot say all. Records "
            "concerned: %(number)s.",
            number=differs,
        )
        written = replace(written, notes=(*written.notes, note))
    return written


def _plan(found: Recognized, recorded: Recorded, options: Options) -> tuple[dict[str, SheetEdits], list[Phrase]]:
    edits: dict[str, SheetEdits] = {}
    notes: list[Phrase] = []
    for reading, grid in zip(found.reading.sheets, found.grids, strict=True):
        sheet = Sheet.of(reading, grid, recorded, options)
        plan_sheet(sheet)
        edits[grid.name] = sheet.edits
        notes += sheet.notes
    return edits, notes


def plan_sheet(sheet: Sheet) -> None:
    """Work out the changes of one sheet, by its verdict."""
    verdict = sheet.reading.verdict
    if verdict in MATRICES and not sheet.reading.listed:
        writer = MatrixWriter(sheet)
        writer.run()
        if sheet.options.grow:
            Grower(sheet, writer).run()
    elif verdict in LISTS:
        ListWriter(sheet).run()
    elif verdict == "list_in_cell" and not sheet.by_person:
        write_entries(sheet)
    elif verdict in NO_WAY_BACK or verdict == "raci":
        note = Phrase(
            "The sheet “%(sheet)s” stays as it was: its layout has no cells for what is recorded.",
            sheet=sheet.reading.name,
        )
        sheet.notes.append(note)


def _differs(
    session: Session,
    found: Recognized,
    written: Written,
    choices: Mapping[str, str] | None,
    now: datetime,
    calendar: Calendar,
) -> int:
    """How many records reading the copy back would change, and how many names it would have to ask for."""
    if sum(grid.height * grid.width for grid in found.grids) > MOST_CELLS:
        return 0
    try:
        grids: list[Grid] = read_bytes(found.file if written.suffix != "xlsx" else "copy.xlsx", written.data)
    except BadInput:
        return 1
    if len(grids) == len(found.grids) == 1:
        grids[0].name = found.grids[0].name
    mapping = {name: given for name, given in found.mapping.items() if name in {grid.name for grid in grids}}
    contents = contents_of(recognize(grids, load_vocabulary(), for_recognition(mapping)), grids, mapping)
    matches = match(session, contents, choices)
    changes = find_changes(session, contents, matches, now, calendar)
    return len(changes.rows) + len(matches.unresolved())
