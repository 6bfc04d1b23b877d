"""Form fields that Flask-AppBuilder lacks or gets wrong: look-up, days, local instants, custom fields."""

from collections.abc import Iterator
from datetime import UTC, date, datetime
from typing import Any
from zoneinfo import ZoneInfo

from flask import url_for
from flask_babel import gettext
from markupsafe import Markup, escape
from sqlalchemy import Select, select
from wtforms import BooleanField, DateField, DecimalField, Field, IntegerField, SelectField, StringField, TextAreaField
from wtforms.validators import InputRequired, Length, Optional, ValidationError
from wtforms.widgets import DateTimeLocalInput

from app.domain.dates import Calendar, calendar_of
from app.extensions import db
from app.models.base import FOREVER, Record
from app.models.configuration import CustomField
from app.models.organization import Unit
from app.safeguards.context import current
from app.views import columns as kinds
from app.views.arguments import whole_number
from app.views.columns import Column

FEW = 60
"""Up to so many choices stand in the page; more are looked up as one types."""


def stripped(value: Any) -> Any:
    """Take blanks off both ends of typed text."""
    return value.strip() if isinstance(value, str) else value


class LookupField(Field):
    """A reference to another record within the scope: a select that is searched by typing (``/lookup/…``)."""

    def __init__(
        self, label: Any, validators: Any, target: type[Record], unit_kind: str | None = None, **more: Any
    ) -> None:
        super().__init__(label, validators, **more)
        self.type = "SelectField"
        self.target = target
        self.unit_kind = unit_kind

    def query(self) -> Select[Any]:
        """Return the records that may be chosen; the scope adds itself."""
        query = select(self.target)
        if self.target is Unit and self.unit_kind:
            query = query.where(Unit.kind == self.unit_kind)
        return query

    def process_formdata(self, valuelist: list[Any]) -> None:
        """Take the id that the form sent; nothing chosen is None."""
        text = (valuelist[0] if valuelist else "").strip()
        self.data = None
        if text:
            self.data = whole_number(text)
            if self.data is None:
                raise ValueError(gettext("Choose one from the list."))

    def pre_validate(self, form: Any) -> None:
        """Refuse an id that is not there to choose, such as one of another client."""
        if self.data is None:
            return
        key: Any = self.target.id
        if db.session.scalar(self.query().where(key == self.data)) is None:
            raise ValidationError(gettext("Choose one from the list."))

    def widget(self, field: Any, **attributes: Any) -> Markup:
        """Draw the select; with few choices all of them, else the chosen one."""
        name = self.target.__tablename__
        kind: dict[str, Any] = {"kind": self.unit_kind} if self.unit_kind else {}
        attributes |= {"id": self.id, "name": self.name, "data-lookup": url_for("LookupView.find", model=name, **kind)}
        if self.flags.required:
            attributes["required"] = True
        attributes["class"] = attributes.pop("class_", "form-select")
        drawn = " ".join(f'{key}="{escape(value)}"' if value is not True else key for key, value in attributes.items())
        return Markup("<select {}>{}</select>").format(Markup(drawn), Markup("").join(self._options()))  # noqa: S704

    def _options(self) -> Iterator[Markup]:
        yield Markup('<option value=""></option>')
        rows = list(db.session.scalars(self.query().limit(FEW + 1)))
        if len(rows) > FEW:
            rows = []
        if self.data is not None and self.data not in {row.id for row in rows}:
            key: Any = self.target.id
            chosen = db.session.scalar(select(self.target).where(key == self.data))
            rows += [chosen] if chosen is not None else []
        for row in sorted(rows, key=str):
            mark = Markup(" selected") if row.id == self.data else ""
            yield Markup('<option value="{}"{}>{}</option>').format(row.id, mark, str(row))


class InstantField(StringField):
    """An instant, typed and shown in the reader's time zone, kept in UTC."""

    widget = DateTimeLocalInput()

    def __init__(self, *args: Any, **more: Any) -> None:
        super().__init__(*args, **more)
        self.typed = ""

    def _value(self) -> str:
        if self.typed or not isinstance(self.data, datetime):
            return self.typed
        return self.data.astimezone(ZoneInfo(current().zone)).strftime("%Y-%m-%dT%H:%M")

    def process_formdata(self, valuelist: list[Any]) -> None:
        """Read ``YYYY-MM-DDTHH:MM`` as local time."""
        self.typed = (valuelist[0] if valuelist else "").strip()
        self.data = None
        if self.typed:
            try:
                local = datetime.fromisoformat(self.typed)
            except ValueError:
                raise ValueError(gettext("Enter a day and a time, such as 2026-03-31 14:30.")) from None
            self.data = local.replace(tzinfo=ZoneInfo(current().zone)).astimezone(UTC)


class DayBoundField(DateField):
    """The first or the last day of an interval, kept as the instant at which it begins or has passed."""

    def __init__(self, *args: Any, last: bool = False, zone: str | None = None, **more: Any) -> None:
        self.last = last
        self.zone = zone
        super().__init__(*args, **more)
        self.type = "DateField"

    def calendar(self) -> Calendar:
        """Return the calendar that decides what a day is here: of the named zone, else the reader's."""
        return calendar_of(self.zone or current().zone)

    def process_data(self, value: Any) -> None:
        """Turn the stored instant into a day."""
        if isinstance(value, datetime):
            calendar = self.calendar()
            self.data = calendar.last_day(value) if self.last else calendar.day(value)
        else:
            self.data = value

    def bound(self) -> datetime:
        """Return the instant to keep: the day's beginning, or its end; no last day is an open end."""
        if self.data is None:
            return FOREVER
        calendar = self.calendar()
        return calendar.through(self.data) if self.last else calendar.midnight(self.data)


def field_for(one: Column) -> Any:
    """Return the (unbound) form field for a column."""
    required = not one.nullable and one.default is None and one.kind not in {kinds.YES_NO, kinds.DAY_TO}
    rules: list[Any] = [InputRequired(gettext("This is needed."))] if required else [Optional()]
    common = {"description": one.help, "default": one.default}
    if one.kind == kinds.REFERENCE and one.target is not None:
        return LookupField(one.label, rules, one.target, one.unit_kind, **common)
    if one.kind == kinds.CHOICE:
        choices = [] if required or not one.nullable else [("", "–")]
        choices += list((one.choices or {}).items())
        return SelectField(one.label, rules, choices=choices, coerce=_none_if_empty, **common)
    if one.kind == kinds.YES_NO:
        return BooleanField(one.label, **common)
    if one.kind == kinds.NUMBER:
        return (DecimalField if _is_decimal(one) else IntegerField)(one.label, rules, **common)
    if one.kind == kinds.DATE:
        return DateField(one.label, rules, **common)
    if one.kind in {kinds.DAY_FROM, kinds.DAY_TO}:
        label = one.label if one.kind == kinds.DAY_FROM else gettext("Last day")
        return DayBoundField(label, rules, last=one.kind == kinds.DAY_TO, description=one.help)
    if one.kind == kinds.INSTANT:
        return InstantField(one.label, rules, **common)
    if one.kind == kinds.LONG_TEXT:
        return TextAreaField(one.label, rules, filters=[stripped], **common)
    if one.length:
        rules.append(Length(max=one.length, message=gettext("At most %(n)s characters.", n=one.length)))
    return StringField(one.label, rules, filters=[stripped], **common)


def _none_if_empty(value: Any) -> Any:
    return value or None


def _is_decimal(one: Column) -> bool:
    return getattr(one.attribute.type, "scale", None) is not None


def value_of(field: Field, one: Column) -> Any:
    """Return what a validated field says of a column: empty text of an optional column is None."""
    if isinstance(field, DayBoundField):
        return field.bound()
    if field.data in ("", None):
        return None if one.nullable else (field.data if field.data is not None else one.default)
    return field.data


def custom_field(one: CustomField) -> Any:
    """Return the (unbound) form field for a field that the company added."""
    rules: list[Any] = [InputRequired(gettext("This is needed."))] if one.required else [Optional()]
    common = {"description": one.help_text or ""}
    if one.kind == "long_text":
        return TextAreaField(one.label, rules, filters=[stripped], **common)
    if one.kind == "number":
        return DecimalField(one.label, rules, places=None, **common)
    if one.kind == "date":
        return DateField(one.label, rules, **common)
    if one.kind == "yes_no":
        choices = [("", "–"), *((value, label) for value, label in kinds.YES_NO_CHOICES)]
        return SelectField(one.label, rules, choices=choices, coerce=_none_if_empty, **common)
    if one.kind == "choice":
        offered = [(c.code, c.label) for c in (one.choice_list.choices if one.choice_list else []) if c.active]
        return SelectField(
            one.label, rules, choices=[("", "–"), *offered], coerce=_none_if_empty, validate_choice=False, **common
        )
    return StringField(one.label, rules, filters=[stripped], **common)


def as_day(value: Any) -> date | None:
    """Return an ISO day from a query argument, or None when it is none."""
    try:
        return date.fromisoformat(str(value))
    except ValueError:
        return None
