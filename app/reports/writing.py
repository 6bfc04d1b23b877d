"""Puts a report into the format that was asked for."""

import re
import unicodedata

from app.domain.errors import BadInput
from app.reports import as_csv, as_excel, as_pdf
from app.reports.tables import File, Report, Translate, as_is

CONTENT_TYPES = {
    "pdf": "application/pdf",
    "xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
    "csv": "text/csv; charset=utf-8",
}


def write(report: Report, form: str, *, translate: Translate = as_is, about: bool = True) -> File:
    """Return the report as a file in the format ``pdf``, ``xlsx`` or ``csv``.

    ``about`` False leaves the page about how it came about out of xlsx and csv: for lists that are edited and imported
    again. Raises BadInput for another format.
    """
    if form not in CONTENT_TYPES:
        raise BadInput("%(form)s is not a format of reports. Possible are: pdf, xlsx, csv.", form=form)
    printed = report.rendered(translate)
    if form == "pdf":
        data = as_pdf.write(printed)
    elif form == "xlsx":
        data = as_excel.write(printed, about=about)
    else:
        data = as_csv.write(printed, about=about)
    return File(f"{safe_name(report.file_name)}.{form}", CONTENT_TYPES[form], data, printed.digest)


def safe_name(name: str) -> str:
    """Return a file name of plain letters, digits, dots and hyphens."""
    plain = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode()
    return re.sub(r"[^A-Za-z0-9.]+", "-", plain).strip("-.")[:80] or "report"
