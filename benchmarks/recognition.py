"""How fast a matrix is read and recognized, beside python-calamine alone (the limit).

Run: python -m benchmarks.recognition

Prints seconds, the ratio to the limit, and the peak memory of the reading process and of this one. Nothing is asserted.
"""

import random
import resource
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import python_calamine
import xlsxwriter

from app.domain.importing import recognize
from app.services.spreadsheets import read_workbook
from app.services.vocabularies import load_vocabulary


def make(path: Path, people: int, items: int) -> None:
    """Write a matrix of people by items with marks, a title block and a row of hours."""
    chance = random.Random(7)
    book = xlsxwriter.Workbook(str(path), {"constant_memory": True})
    sheet = book.add_worksheet("Matrix")
    sheet.write_row(0, 0, ["Training matrix", "Rev. 3"])
    sheet.write_row(2, 0, ["Employee name", "Employee no", *[f"SOP-{n:03d} Procedure {n}" for n in range(items)]])
    sheet.write_row(3, 0, ["Hours", None, *[chance.randint(1, 8) for _ in range(items)]])
    for row in range(people):
        marks = [chance.choice(("X", "X", "N/A", "", "Planned")) for _ in range(items)]
        sheet.write_row(row + 4, 0, [f"Person{row} Surname{row}", f"E{row:05d}", *marks])
    book.close()


def timed(work: Callable[[], Any]) -> float:
    """Median seconds of three runs."""
    runs = []
    for _ in range(3):
        start = time.perf_counter()
        work()
        runs.append(time.perf_counter() - start)
    return sorted(runs)[1]


def measure(people: int, items: int) -> None:
    """One size: the limit, ours in two parts, the ratio."""
    vocabulary = load_vocabulary()
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "matrix.xlsx"
        make(path, people, items)
        limit = timed(lambda: python_calamine.load_workbook(str(path)).get_sheet_by_index(0).to_python())
        reading = timed(lambda: read_workbook(path))
        grids = read_workbook(path)
        recognizing = timed(lambda: recognize(grids, vocabulary))
        sheet = recognize(grids, vocabulary).sheets[0]
    child = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss // 1024
    own = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
    print(
        f"{people} × {items}: calamine {limit:.2f} s; ours {reading:.2f} s reading in a process of its own "
        f"+ {recognizing:.2f} s recognizing = {(reading + recognizing) / limit:.1f} × ({sheet.verdict}, "
        f"{len(sheet.subjects)} subjects, {len(sheet.items)} items); memory {child} MB child, {own} MB parent"
    )


def main() -> None:
    """The size of the target, and with --large the largest one."""
    measure(2_000, 300)
    if "--large" in sys.argv:
        measure(10_000, 500)


if __name__ == "__main__":
    main()
