"""What a report is before it is put on paper: titled tables with the question they answer (RPT-4).

Every report says what was asked, as of when, when and by whom it was produced, and its own digest: the SHA-256 of its
content, the same in every format, so that a print and an Excel file of one report can be told to be the same. The
digest covers the lines that ``content_lines`` yields, each followed by a line feed, in UTF-8.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime
from decimal import Decimal
from hashlib import sha256
from typing import Any
from zoneinfo import ZoneInfo

from app.domain.dates import FOREVER
from app.domain.explanations import Explanation
from app.domain.text import Phrase

Translate = Callable[[str], str]
FIELD = "\x1f"
"""Stands between the cells of a line in the content that the digest covers."""


def as_is(template: str) -> str:
    """Return an English sentence untranslated."""
    return template


@dataclass(frozen=True, slots=True)
class Column:
    """A column: its title, and its share of the width of a page (0: as wide as its content)."""

    title: Any
    width: float = 0


@dataclass(frozen=True, slots=True)
class Section:
    """One table of a report."""

    title: Any
    columns: tuple[Column, ...]
    rows: Sequence[Sequence[Any]]
    note: Any = None


@dataclass(frozen=True, slots=True)
class Report:
    """A report: what was asked, the answer as one or more tables, and how it came about.

    ``answer`` is whether all is well and the sentence that says so, for questions that are answered by yes or no.
    ``filters`` are (name, value) of the question. ``as_of`` is the instant that was asked about and ``known_at`` the
    state of knowledge, None where the report knows no such thing. ``zone`` is the zone of the reader. ``trail_head``
    is the newest link of the audit trail as ``seq + 16 hex``: each print so becomes a witness of the trail.
    """

    title: Any
    sections: tuple[Section, ...]
    filters: tuple[tuple[Any, Any], ...] = ()
    as_of: datetime | None = None
    known_at: datetime | None = None
    produced_at: datetime = field(default_factory=lambda: datetime.fromtimestamp(0, UTC))
    produced_by: str = ""
    zone: str = "UTC"
    company: str = ""
    trail_head: str | None = None
    file_name: str = "report"
    answer: tuple[bool, Any] | None = None

    def rendered(self, translate: Translate = as_is) -> "Printed":
        """Return the report with every value as the text that is printed."""
        return Printed(self, translate)


class Printed:
    """A report in words: every cell is text, in one language and one time zone."""

    def __init__(self, report: Report, translate: Translate = as_is) -> None:
        self.report = report
        self.translate = translate
        self._zone = ZoneInfo(report.zone)
        self.title = self.text(report.title)
        self.sections = [
            Section(
                self.text(section.title),
                tuple(replace(column, title=self.text(column.title)) for column in section.columns),
                [tuple(map(self.text, row)) for row in section.rows],
                self.text(section.note) if section.note is not None else None,
            )
            for section in report.sections
        ]
        self.digest = self._digest()

    def text(self, value: Any) -> str:
        """Return a value as people read it: days as ISO days, instants with their offset, nothing as ""."""
        if isinstance(value, str):
            return value
        if value is None:
            return ""
        if isinstance(value, Phrase | Explanation):
            return value.render(self.translate)
        if isinstance(value, bool):
            return self.translate("yes") if value else self.translate("no")
        if isinstance(value, datetime):
            return "" if value >= FOREVER else value.astimezone(self._zone).isoformat(" ", "minutes")
        if isinstance(value, date):
            return value.isoformat()
        if isinstance(value, Decimal):
            return f"{value.normalize():f}"
        return str(value)

    @property
    def about(self) -> list[tuple[str, str]]:
        """Name and value of everything that a reader must know about how the report came about."""
        report, say = self.report, self.translate
        lines = [] if report.answer is None else [(say("Answer"), self.text(report.answer[1]))]
        lines += [(self.text(name), self.text(value)) for name, value in report.filters]
        if report.as_of is not None:
            lines.append((say("As of"), self.text(report.as_of)))
        if report.known_at is not None:
            lines.append((say("As known at"), self.text(report.known_at)))
        lines.append((say("Produced"), self.text(report.produced_at)))
        lines.append((say("Produced by"), report.produced_by))
        lines.append((say("Rows"), str(sum(len(section.rows) for section in self.sections))))
        if report.trail_head:
            lines.append((say("Audit trail at"), report.trail_head))
        return lines

    def content_lines(self) -> Iterator[str]:
        """Yield the lines that the digest covers: title, about, then each table with its header."""
        yield self.title
        for name, value in self.about:
            yield FIELD.join((name, value))
        for section in self.sections:
            yield section.title
            yield FIELD.join(column.title for column in section.columns)
            for row in section.rows:
                yield FIELD.join(row)

    def _digest(self) -> str:
        return sha256("\n".join((*self.content_lines(), "")).encode()).hexdigest()


@dataclass(frozen=True, slots=True)
class File:
    """A report as bytes: what a browser or the command line is handed."""

    name: str
    content_type: str
    data: bytes
    digest: str
