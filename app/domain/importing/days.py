"""The day that a cell of a matrix states."""

from datetime import date, datetime
from typing import Any

from app.domain.importing.codes import Resolver
from app.domain.importing.dates import from_serial, is_year, read_date
from app.domain.importing.grid import as_text
from app.domain.importing.lexis import SERIAL, inner_date


def day_of(value: Any, kind: int, resolver: Resolver) -> date | None:
    """The day a cell states."""
    if isinstance(value, datetime):
        return value.date()
    if isinstance(value, date):
        return value
    if kind == SERIAL:
        return from_serial(float(value), resolver.epoch1904)
    if is_year(value):
        return date(int(str(value).strip()[:4]), 1, 1)
    text = as_text(value)
    inner = inner_date(text, resolver.vocabulary)
    read = read_date(text, resolver.vocabulary, resolver.dmy) or (
        read_date(inner[0], resolver.vocabulary, resolver.dmy) if inner else None
    )
    return read.day if read else None
