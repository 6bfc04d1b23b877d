"""The audit trail of one record, on paper (RPT-1, AUD-4)."""

import json
from collections.abc import Iterable
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.domain.text import Phrase
from app.models.trail import AuditEntry
from app.reports.people import columns
from app.reports.tables import Column, Report, Section


def record_trail(session: Session, table: str, record_id: str, title: str) -> Report:
    """Return every entry about one row of a table, the oldest first; each changed field has a line of its own."""
    query = (
        select(AuditEntry)
        .where(AuditEntry.table_name == table, AuditEntry.record_id == record_id)
        .order_by(AuditEntry.id)
    )
    rows = [line for entry in session.scalars(query) for line in _lines(entry)]
    titles = columns(
        Phrase("Entry"),
        Phrase("When"),
        Phrase("Who"),
        Phrase("User name"),
        Phrase("What happened"),
        Phrase("Field"),
    )
    return Report(
        Phrase("Audit trail of %(record)s", record=title),
        (
            Section(
                Phrase("Entries"),
                (
                    *titles,
                    Column(Phrase("Before"), 0.18),
                    Column(Phrase("After"), 0.18),
                    Column(Phrase("Reason"), 0.14),
                ),
                rows,
            ),
        ),
        filters=((Phrase("Record"), f"{table} {record_id}"),),
        file_name=f"trail-{table}-{record_id}",
    )


def _lines(entry: AuditEntry) -> Iterable[tuple[Any, ...]]:
    before, after = _values(entry.before), _values(entry.after)
    head = (entry.id, entry.at, entry.printed_name, entry.username, entry.kind)
    names = [name for name in sorted(before.keys() | after.keys()) if before.get(name) != after.get(name)]
    if not names:
        return [(*head, "", "", "", entry.reason)]
    return [(*head, name, _text(before.get(name)), _text(after.get(name)), entry.reason) for name in names]


def _values(text: str | None) -> dict[str, Any]:
    value = json.loads(text) if text else {}
    return value if isinstance(value, dict) else {"": value}


def _text(value: Any) -> str:
    return "" if value is None else value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
