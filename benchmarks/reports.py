"""Ten thousand rows on paper beside a bare reportlab canvas, and in Excel beside XlsxWriter (PERFORMANCE G).

python -m benchmarks.reports [--rows 10000]
"""

import argparse
import io
import resource
import time
from collections.abc import Callable
from datetime import UTC, date, datetime
from typing import Any

import xlsxwriter
from reportlab.lib.pagesizes import A4, landscape
from reportlab.pdfgen.canvas import Canvas

from app.reports.tables import Column, Report, Section
from app.reports.writing import write

TITLES = ("No.", "Name", "Item", "Title", "Status", "Due", "Version", "Days")
STATUSES = ("qualified", "due_soon", "overdue", "assigned")


def rows_of(count: int, width: int) -> list[tuple[Any, ...]]:
    """Return rows as a compliance report has them, repeated to ``width`` columns."""
    found = []
    for n in range(count):
        row = (
            f"E{n:05}",
            f"Ana María Ruiz {n}",
            f"SOP-{n % 300:04}",
            "Gowning for the sterile area",
            STATUSES[n % 4],
            date(2026, 1 + n % 12, 1 + n % 28),
            str(1 + n % 4),
            n % 90,
        )
        found.append((row * 2)[:width])
    return found


def bare_canvas(rows: list[tuple[Any, ...]]) -> bytes:
    """The limit of a PDF: every cell drawn where it falls, no header, no wrapping, no page count."""
    out = io.BytesIO()
    canvas = Canvas(out, pagesize=landscape(A4))
    canvas.setFont("Helvetica", 8)
    y = 560
    for row in rows:
        for place, value in enumerate(row):
            canvas.drawString(40 + 90 * place, y, str(value))
        y -= 12
        if y < 40:
            canvas.showPage()
            canvas.setFont("Helvetica", 8)
            y = 560
    canvas.save()
    return out.getvalue()


def bare_workbook(rows: list[tuple[Any, ...]]) -> bytes:
    """The limit of a workbook: XlsxWriter in constant memory, strings and numbers."""
    out = io.BytesIO()
    book = xlsxwriter.Workbook(out, {"constant_memory": True})
    sheet = book.add_worksheet()
    for number, row in enumerate(rows):
        for place, value in enumerate(row):
            if isinstance(value, int):
                sheet.write_number(number, place, value)
            else:
                sheet.write_string(number, place, str(value))
    book.close()
    return out.getvalue()


def paper(rows: list[tuple[Any, ...]]) -> Report:
    """Return the rows as a report."""
    columns = tuple(Column(TITLES[place % len(TITLES)]) for place in range(len(rows[0])))
    at = datetime(2026, 3, 10, 9, tzinfo=UTC)
    return Report(
        "Training compliance", (Section("", columns, rows),), as_of=at, produced_at=at, produced_by="Benchmark"
    )


def best(work: Callable[[], object], rounds: int = 3) -> float:
    """Return the shortest of some runs, in seconds."""
    taken = []
    for _ in range(rounds):
        start = time.perf_counter()
        work()
        taken.append(time.perf_counter() - start)
    return min(taken)


def main() -> None:
    """Print both formats beside their limits."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=10_000)
    options = parser.parse_args()
    narrow, wide = rows_of(options.rows, 8), rows_of(options.rows, 15)
    for name, limit, work, target in (
        ("PDF, 8 columns", lambda: bare_canvas(narrow), lambda: write(paper(narrow), "pdf"), 2.0),
        ("Excel, 15 columns", lambda: bare_workbook(wide), lambda: write(paper(wide), "xlsx"), 1.3),
    ):
        floor, ours = best(limit), best(work)
        print(f"{name:18} limit {floor:5.2f} s  ours {ours:5.2f} s  {ours / floor:4.2f}× (target {target}×)")
    print(f"CSV, 15 columns    ours {best(lambda: write(paper(wide), 'csv')):5.2f} s")
    print(f"largest memory of this process: {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024} MB")


if __name__ == "__main__":
    main()
