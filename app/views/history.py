"""The history tab of a record: its entries on the trail, in the words of its labels."""

import json
from typing import Any

from flask_babel import lazy_gettext as _l
from sqlalchemy import and_, or_, select

from app.extensions import db
from app.models.base import Record
from app.models.configuration import CustomField, CustomValue
from app.models.trail import AuditEntry
from app.views.columns import column

NEWEST = 100

KINDS = {
    "create": _l("created"),
    "change": _l("changed"),
    "void": _l("withdrawn"),
    "delete": _l("deleted"),
    "signature": _l("signed"),
    "view": _l("viewed"),
    "export": _l("exported"),
    "refused": _l("refused"),
}


def entries_of(record: Record, limit: int = NEWEST, custom_type: str | None = None) -> list[dict[str, Any]]:
    """Return what happened to a record, the newest first, as the history part of a page wants it.

    With ``custom_type``, what happened to the values of the company's own fields stands among it.
    """
    own = and_(AuditEntry.table_name == record.__tablename__, AuditEntry.record_id == str(record.id))
    fields = _added_fields(record, custom_type) if custom_type else {}
    added = and_(AuditEntry.table_name == CustomValue.__tablename__, AuditEntry.record_id.in_(list(fields)))
    query = select(AuditEntry).where(or_(own, added) if fields else own).order_by(AuditEntry.id.desc()).limit(limit)
    return [_told(type(record), entry, fields) for entry in db.session.scalars(query)]


def _added_fields(record: Record, custom_type: str) -> dict[str, str]:
    """Return the label of the added field by the id of each of the record's values."""
    query = (
        select(CustomValue.id, CustomField.label)
        .join(CustomField, CustomField.id == CustomValue.field_id)
        .where(CustomField.record_type == custom_type, CustomValue.record_id == record.id)
    )
    return {str(number): label for number, label in db.session.execute(query)}


def last_change(record: Record) -> AuditEntry | None:
    """Return the entry of the last change of a record."""
    query = select(AuditEntry).where(
        AuditEntry.table_name == record.__tablename__,
        AuditEntry.record_id == str(record.id),
        AuditEntry.action.in_(("I", "U")),
    )
    return db.session.scalar(query.order_by(AuditEntry.id.desc()).limit(1))


def _told(model: type[Record], entry: AuditEntry, fields: dict[str, str]) -> dict[str, Any]:
    added = entry.table_name == CustomValue.__tablename__
    changes = _changes(model, entry) if entry.action in {"U", "D"} and not added else []
    if added:
        old, new = _read(entry.before).get("value"), _read(entry.after).get("value")
        changes = [{"label": fields[str(entry.record_id)], "old": old, "new": new}]
    return {
        "when": entry.at,
        "printed_name": entry.printed_name,
        "username": entry.username,
        "action_label": KINDS.get(entry.kind, entry.kind),
        "reason": entry.reason,
        "on_behalf_of": entry.on_behalf_of,
        "changes": changes,
    }


def _changes(model: type[Record], entry: AuditEntry) -> list[dict[str, Any]]:
    before, after = _read(entry.before), _read(entry.after)
    rows = []
    for name in {**before, **after}:
        if name == "row_version" or before.get(name) == after.get(name):
            continue
        label, old, new = _worded(model, name, before.get(name), after.get(name))
        rows.append({"label": label, "old": old, "new": new})
    return rows


def _worded(model: type[Record], name: str, *values: Any) -> tuple[Any, Any, Any]:
    try:
        one = column(model, name)
    except KeyError:
        return (name, *values)
    old, new = ((one.choices or {}).get(value, value) if isinstance(value, str) else value for value in values)
    return one.label, old, new


def _read(text: str | None) -> dict[str, Any]:
    if not text:
        return {}
    found = json.loads(text)
    return found if isinstance(found, dict) else {}
