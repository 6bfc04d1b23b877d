"""Opens spreadsheets of any usual kind in a process of their own, with limits on memory and time.

Spreadsheets come from strangers: a file of one kilobyte can make a reader allocate without end and abort its process.
So the reading happens in ``spreadsheets_child.py``; here its answer becomes grids, and its failure one clear sentence.
"""

import json
import os
import sys
import tempfile
from array import array
from collections.abc import Callable
from datetime import date, datetime, timedelta
from datetime import time as clock_time
from functools import partial
from pathlib import Path
from typing import Any, BinaryIO

from app.domain.errors import BadInput
from app.domain.importing import CellError, Grid, Span
from app.domain.text import Phrase
from app.services.children import Tick, follow, start

CHILD = Path(__file__).with_name("spreadsheets_child.py")
# Address space of the reading process. A sheet of 10,000 by 500 cells needs about 600 MB of it.
MEMORY = 1_300_000_000
SECONDS = 180
MAX_FILE = 200_000_000

_SENTENCES: dict[str, Callable[..., BadInput]] = {
    "password": lambda **v: BadInput(
        "%(file)s is protected with a password. Save a copy without the password and upload that.", **v
    ),
    "bomb": lambda **v: BadInput(
        "%(file)s would unpack to far more data than a spreadsheet of its size holds. It was not opened.", **v
    ),
    "entities": lambda **v: BadInput(
        "%(file)s declares XML entities in %(part)s, which spreadsheets never do. It was not opened.", **v
    ),
    "gigantic": lambda **v: BadInput(
        "%(file)s, sheet “%(sheet)s”: the last used cell is %(cell)s, so the sheet is too large to read. "
        "Delete the unused rows and columns beyond the table and save again.",
        **v,
    ),
    "memory": lambda **v: BadInput(
        "%(file)s needs more memory than an import may use. Delete unused rows, columns and sheets, and save again.",
        **v,
    ),
    "time": lambda **v: BadInput(
        "%(file)s could not be read within %(seconds)s seconds. Split it into smaller files.", **v
    ),
    "cancelled": lambda **v: BadInput("Reading %(file)s was cancelled.", **v),
    "csv": lambda **v: BadInput("%(file)s, line %(line)s cannot be split into cells: %(error)s.", **v),
    "broken": lambda **v: BadInput(
        "%(file)s is damaged and cannot be opened. Open it in a spreadsheet program, save it as .xlsx, upload that.",
        **v,
    ),
    "empty": lambda **v: BadInput("%(file)s is empty: it has no bytes.", **v),
    "too_large": lambda **v: BadInput("%(file)s has %(megabytes)s MB; at most %(limit)s MB can be imported.", **v),
    "no_sheet": lambda **v: BadInput("%(file)s has no sheet named “%(sheet)s”. Its sheets are: %(sheets)s.", **v),
    "wrong_kind": lambda **v: BadInput(
        "%(file)s is no spreadsheet: its content is of the kind %(kind)s. Upload xlsx, xlsm, xls, ods, csv or tsv.",
        **v,
    ),
}


# What the reading process notes about a sheet that it could read.
_NOTES = {
    "merges": Phrase("Only %(number)s of %(all)s merged ranges were considered."),
    "colors": Phrase("Colors and comments could not be read (%(error)s)."),
    "macros": Phrase("The workbook holds macros; they were not run."),
}


def refuse(code: str, file: str, **values: Any) -> BadInput:
    """The sentence for a refusal of the reading process."""
    return _SENTENCES.get(code, _SENTENCES["broken"])(file=file, **values)


def read_workbook(
    path: Path,
    *,
    name: str | None = None,
    tick: Tick | None = None,
    memory: int = MEMORY,
    seconds: int = SECONDS,
    keep: Callable[[Path], None] | None = None,
) -> list[Grid]:
    """All sheets of a spreadsheet file.

    ``name`` is the name the user knows the file by. ``tick`` is called every second at least with the number of rows
    read so far and of how many (0 when that is not known); when it returns false the reading is cancelled. ``keep``
    is given the file of cells, which ``read_grids`` takes, before it goes. Raises BadInput with one sentence for every
    file that cannot be read: encrypted, damaged, of another kind, too large, dangerous.
    """
    file = name or path.name
    size = path.stat().st_size
    if not size:
        raise refuse("empty", file)
    if size > MAX_FILE:
        raise refuse("too_large", file, megabytes=size // 1_000_000, limit=MAX_FILE // 1_000_000)
    ask = partial(_ask, path, file, tick=tick, memory=memory, seconds=seconds, keep=keep)
    answer = ask("calamine")
    if isinstance(answer, tuple) and answer[0] in ("broken", "memory", "gigantic"):
        second = ask("openpyxl")
        if isinstance(second, list):
            return second
        answer = second if second[0] != "broken" else answer
    if isinstance(answer, tuple):
        raise refuse(answer[0], file, **answer[1])
    return answer


def read_bytes(name: str, data: bytes, **more: Any) -> list[Grid]:
    """Like :func:`read_workbook`, for an upload that is not a file yet."""
    with tempfile.TemporaryDirectory(prefix="qualgate-import-") as folder:
        path = Path(folder) / "upload"
        path.write_bytes(data)
        return read_workbook(path, name=name, **more)


def pick_sheet(grids: list[Grid], sheet: str, file: str) -> list[Grid]:
    """The one sheet with this name. Raises BadInput naming the sheets that there are."""
    found = [grid for grid in grids if grid.name == sheet] or [
        g for g in grids if g.name.strip().casefold() == sheet.strip().casefold()
    ]
    if not found:
        raise refuse("no_sheet", file, sheet=sheet, sheets=", ".join(grid.name for grid in grids))
    return found[:1]


def _ask(
    path: Path,
    name: str,
    engine: str,
    tick: Tick | None,
    memory: int,
    seconds: int,
    keep: Callable[[Path], None] | None,
) -> list[Grid] | tuple[str, dict[str, Any]]:
    """Run the reading process once: grids, or why not."""
    with tempfile.TemporaryDirectory(prefix="qualgate-read-") as folder:
        request, result = Path(folder) / "request", Path(folder) / "result"
        wanted = {"path": str(path.resolve()), "name": name, "engine": engine, "memory": memory, "seconds": seconds}
        request.write_text(json.dumps(wanted), "utf-8")
        command = [sys.executable, "-I", str(CHILD), str(request), str(result)]
        child = start(command, {"PATH": os.defpath, "LANG": "C.UTF-8"})
        outcome = follow(child, tick, seconds)
        if outcome:
            return outcome, {"seconds": seconds} if outcome == "time" else {}
        if not result.exists() or not result.stat().st_size:
            return "memory", {}
        with result.open("rb") as stream:
            grids = read_grids(stream, name)
        if keep and isinstance(grids, list):
            keep(result)
        return grids


def read_grids(stream: BinaryIO, name: str) -> list[Grid] | tuple[str, dict[str, Any]]:
    """The sheets in a file of cells, or why there are none; ``name`` names the only sheet of a text file."""
    answer = json.loads(stream.readline())
    if "refused" in answer:
        return answer["refused"], answer["values"]
    return [_grid(head, stream, name) for head in answer["sheets"]]


def _grid(head: dict[str, Any], stream: BinaryIO, name: str) -> Grid:
    rows = []
    for _ in range(head["height"]):
        row = array("I")
        row.fromfile(stream, head["width"])
        rows.append(row)
    return Grid(
        name=head["name"] or Path(name).stem,
        values=[_untagged(value) for value in head["values"]],
        rows=rows,
        width=head["width"],
        visible=head["visible"],
        merges=tuple(Span(*edges) for edges in head["merges"]),
        hidden_rows=frozenset(head["hidden_rows"]),
        hidden_columns=frozenset(head["hidden_columns"]),
        fills={(row, column): color for row, column, color in head["fills"]},
        comments={(row, column): text for row, column, text in head["comments"]},
        notes=tuple(Phrase(_NOTES[kind].template, **values) for kind, values in head["notes"]),
        epoch1904=head["epoch1904"],
    )


def _untagged(value: Any) -> Any:
    if not isinstance(value, list):
        return value
    kind, text = value
    if kind == "e":
        return CellError(text)
    if kind == "d":
        return date.fromisoformat(text)
    if kind == "h":
        return clock_time.fromisoformat(text)
    if kind == "s":
        return timedelta(seconds=text)
    return datetime.fromisoformat(text)
