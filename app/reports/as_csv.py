"""A report as comma-separated text, safe to open in a spreadsheet."""

import csv
import io
from collections.abc import Iterable, Sequence

from app.reports.tables import Printed

DANGEROUS = ("=", "+", "-", "@", "\t", "\r")
"""A cell that begins so would be taken for a formula (OWASP ASVS 1.2.10); it gets an apostrophe in front."""


def guarded(text: str) -> str:
    """Return the text so that no spreadsheet takes it for a formula; plain negative numbers stay numbers."""
    if not text.startswith(DANGEROUS) or _is_number(text):
        return text
    return "'" + text


def _is_number(text: str) -> bool:
    return text[0] in "+-" and text[1:].replace(".", "", 1).isdigit()


def csv_bytes(rows: Iterable[Sequence[str]]) -> bytes:
    """Return rows of text as CSV in UTF-8 with a byte order mark, which Excel needs to see that it is UTF-8."""
    out = io.StringIO(newline="")
    writer = csv.writer(out)
    for row in rows:
        writer.writerow([guarded(cell) for cell in row])
    return out.getvalue().encode("utf-8-sig")


def write(printed: Printed, *, about: bool = True) -> bytes:
    """Return the tables, one after the other, and after them how the report came about.

    The first row names the columns, so that a program can read the file; without ``about`` there is nothing else.
    """
    return csv_bytes(_rows(printed, about))


def _rows(printed: Printed, about: bool) -> Iterable[Sequence[str]]:
    for number, section in enumerate(printed.sections):
        if number:
            yield ()
            yield (section.title,)
        yield [column.title for column in section.columns]
        yield from section.rows
    if about:
        yield ()
        yield (printed.title,)
        yield from printed.about
        yield (printed.translate("SHA-256 of the content"), printed.digest)
