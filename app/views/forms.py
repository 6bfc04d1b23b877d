"""The form of a record: fields from its columns, the company's own fields, the row version it was opened with."""

from collections.abc import Iterable
from typing import Any

from flask_babel import gettext
from flask_babel import lazy_gettext as _l
from flask_wtf import FlaskForm
from sqlalchemy import UniqueConstraint, inspect, select
from wtforms import HiddenField, TextAreaField
from wtforms.validators import InputRequired

from app.extensions import db
from app.models.base import Record
from app.models.configuration import CustomField
from app.services import configuration
from app.views.arguments import whole_number
from app.views.columns import Column
from app.views.fields import custom_field, field_for, stripped, value_of

VERSION = "row_version"
REASON = "reason_for_change"


class RecordForm(FlaskForm):
    """What ``form_for`` derives the form of a record from."""

    record_columns: list[Column] = []
    custom_fields: list[CustomField] = []

    def values(self) -> dict[str, Any]:
        """Return what the form says, by column name."""
        return {one.name: value_of(self[one.name], one) for one in self.record_columns}

    def custom_values(self) -> dict[CustomField, Any]:
        """Return what the form says of the company's own fields."""
        return {one: self[configuration.form_name(one)].data for one in self.custom_fields}

    @property
    def reason(self) -> str | None:
        """Return the reason that was given for the change, if one was asked for."""
        return self[REASON].data if REASON in self else None

    @property
    def opened_version(self) -> int | None:
        """Return the row version with which the form was opened; None when it is missing or forged."""
        return whole_number(self[VERSION].data) if VERSION in self else None


def form_for(
    shown: list[Column],
    custom: list[CustomField],
    record: Record | None,
    data: dict[str, Any] | None = None,
    *,
    ask_reason: bool,
    other: dict[str, Any] | None = None,
    more: dict[str, Any] | None = None,
) -> RecordForm:
    """Return the form for a new record, or for ``record`` as it is now; what was typed wins.

    ``data`` is what a new record starts with; ``other`` holds fields that replace those of columns, by
    name, and ``more`` fields that belong to no column.
    """
    other = other or {}
    fields: dict[str, Any] = {one.name: other.get(one.name) or field_for(one) for one in shown}
    fields |= more or {}
    fields |= {configuration.form_name(one): custom_field(one) for one in custom}
    if record is not None:
        fields[VERSION] = HiddenField()
        if ask_reason:
            fields[REASON] = TextAreaField(
                _l("Reason for the change"),
                [InputRequired(gettext("Say why this changes. The trail keeps the reason."))],
                filters=[stripped],
                render_kw={"rows": 2},
            )
    made = type("ThisRecordForm", (RecordForm,), {**fields, "record_columns": shown, "custom_fields": custom})
    initial = dict(data or {}) if record is None else {}
    if record is not None:
        initial |= {one.name: getattr(record, one.name) for one in shown} | {VERSION: record.row_version}
        kept = configuration.values_of(db.session(), custom, [record.id]).get(record.id, {})
        initial |= {configuration.form_name(one): _for_field(one, kept.get(one.id)) for one in custom}
    return made(data=initial)


def _for_field(one: CustomField, text: str | None) -> Any:
    """Fields for choices and yes/no carry codes; the others the value itself."""
    return text if one.kind in {"choice", "yes_no"} else configuration.typed(one, text)


def check_unique(form: RecordForm, model: type[Record], values: dict[str, Any], record: Record | None) -> bool:
    """Say at the field when another record has values already that must be unique; in the end the database decides."""
    fine = True
    for names in unique_sets(model):
        if not set(names) <= set(values) or any(values.get(name) is None for name in names):
            continue
        query = select(model).where(*(getattr(model, name) == values[name] for name in names))
        other = db.session.scalar(query.limit(1))
        if other is not None and (record is None or other.id != record.id):
            shown = next((name for name in reversed(names) if name in form), None)
            if shown:
                form[shown].errors = [
                    *form[shown].errors,
                    gettext("There is one with this value already: %(other)s", other=str(other)),
                ]
                fine = False
    return fine


def unique_sets(model: type[Record]) -> Iterable[tuple[str, ...]]:
    """Return the sets of columns that must be unique together."""
    table: Any = inspect(model).local_table
    for one in table.columns:
        if one.unique:
            yield (one.name,)
    for constraint in table.constraints:
        if isinstance(constraint, UniqueConstraint):
            yield tuple(one.name for one in constraint.columns)
