"""Fields, lists and settings that a company keeps by form (UX-6)."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import date
from decimal import Decimal, InvalidOperation
from typing import Any, NamedTuple

from sqlalchemy import select
from sqlalchemy.orm import Session, selectinload

from app.domain.errors import RuleBroken
from app.domain.text import Phrase
from app.models.configuration import ChoiceList, CustomField, CustomValue, Setting

YES, NO = "1", "0"


def fields_of(session: Session, record_type: str, with_choices: bool = False) -> list[CustomField]:
    """Return the fields in use that the company added to a kind of record, in their order."""
    query = select(CustomField).where(CustomField.record_type == record_type, CustomField.active)
    if with_choices:
        query = query.options(selectinload(CustomField.choice_list).selectinload(ChoiceList.choices))
    return list(session.scalars(query.order_by(CustomField.position, CustomField.id)))


def values_of(session: Session, fields: Sequence[CustomField], record_ids: Iterable[int]) -> dict[int, dict[int, str]]:
    """Return record id → field id → value in its canonical form, in one statement."""
    found: dict[int, dict[int, str]] = {}
    ids = list(record_ids)
    if not fields or not ids:
        return found
    query = select(CustomValue.record_id, CustomValue.field_id, CustomValue.value).where(
        CustomValue.field_id.in_([field.id for field in fields]), CustomValue.record_id.in_(ids)
    )
    for record_id, field_id, value in session.execute(query):
        found.setdefault(record_id, {})[field_id] = value
    return found


def save_values(session: Session, record_id: int, values: Mapping[CustomField, Any]) -> bool:
    """Keep what a form says of a record's added fields; return whether anything really changed. Raises RuleBroken."""
    if not values:
        return False
    changed = False
    kept = {
        one.field_id: one
        for one in session.scalars(
            select(CustomValue).where(
                CustomValue.record_id == record_id, CustomValue.field_id.in_([field.id for field in values])
            )
        )
    }
    for field, value in values.items():
        text = canonical(field, value)
        if field.required and not text:
            raise RuleBroken("%(label)s is needed.", label=field.label, field=form_name(field))
        known = kept.get(field.id)
        if known is None and text:
            session.add(CustomValue(field_id=field.id, record_id=record_id, value=text))
            changed = True
        elif known is not None and known.value != text:
            known.value = text
            changed = True
    session.flush()
    return changed


def form_name(field: CustomField) -> str:
    """Return the name under which a form carries the field."""
    return f"custom_{field.id}"


def canonical(field: CustomField, value: Any) -> str:
    """Return a typed value as text that means the same everywhere: ISO days, plain numbers, codes."""
    if value is None or value == "":
        return ""
    text = value.isoformat() if isinstance(value, date) else str(value).strip()
    try:
        if field.kind == "number":
            return format(Decimal(text).normalize(), "f")
        if field.kind == "date":
            return date.fromisoformat(text).isoformat()
    except (InvalidOperation, ValueError):
        raise RuleBroken(
            "%(label)s: “%(value)s” cannot be read as %(kind)s.",
            label=field.label, value=text, kind=field.kind, field=form_name(field),
        ) from None  # fmt: skip
    if field.kind == "yes_no" and text not in {YES, NO}:
        raise RuleBroken("%(label)s is answered with yes or no.", label=field.label, field=form_name(field))
    if field.kind == "choice" and field.choice_list and text not in {one.code for one in field.choice_list.choices}:
        raise RuleBroken(
            "%(label)s: “%(value)s” is not in the list %(list)s.",
            label=field.label, value=text, list=field.choice_list.name, field=form_name(field),
        )  # fmt: skip
    return text


def typed(field: CustomField, text: str | None) -> Any:
    """Return a canonical text as the value that it means: a day, a number, yes or no, a choice's label."""
    if not text:
        return None
    if field.kind == "number":
        return Decimal(text)
    if field.kind == "date":
        return date.fromisoformat(text)
    if field.kind == "yes_no":
        return text == YES
    if field.kind == "choice" and field.choice_list:
        return next((one.label for one in field.choice_list.choices if one.code == text), text)
    return text


def setting(session: Session, key: str, default: str) -> str:
    """Return a setting of this installation, or ``default`` where the company set none."""
    value = session.scalar(select(Setting.value).where(Setting.key == key))
    return default if value is None else value


def set_setting(session: Session, key: str, value: str) -> None:
    """Keep a setting. The trail tells who changed it and why."""
    known = session.scalar(select(Setting).where(Setting.key == key))
    if known is None:
        session.add(Setting(key=key, value=value))
    elif known.value != value:
        known.value = value
    session.flush()


class Known(NamedTuple):
    """A setting that a company can change while the system runs: what it means, and what holds until it is set."""

    label: Phrase
    help: Phrase
    default: str
    longest: int


SETTINGS: dict[str, Known] = {
    "company_name": Known(
        Phrase("Company name"), Phrase("Printed on reports. Empty: the name from the configuration file."), "", 120
    ),
    "sign_in_notice": Known(
        Phrase("Notice on the sign-in page"),
        Phrase("Shown to everybody who opens the sign-in page, such as who may use this system."),
        "",
        500,
    ),
}
"""Every setting there is; ``docs/settings.md`` explains them too, and a test compares the two."""


def settings_now(session: Session) -> dict[str, str]:
    """Return every setting with the value that holds now."""
    kept: dict[str, str] = {key: value for key, value in session.execute(select(Setting.key, Setting.value))}
    return {key: kept.get(key, known.default) for key, known in SETTINGS.items()}


def change_settings(session: Session, wanted: Mapping[str, str]) -> list[str]:
    """Keep the wanted settings and return the keys that really changed. Raises RuleBroken naming the field."""
    before, changed = settings_now(session), []
    for key, value in wanted.items():
        known = SETTINGS.get(key)
        if known is None:
            raise RuleBroken("There is no setting %(key)s.", key=key)
        if len(value) > known.longest:
            raise RuleBroken("At most %(n)s characters.", n=known.longest, field=key)
        if before[key] != value:
            set_setting(session, key, value)
            changed.append(key)
    return changed


def check_field(values: Mapping[str, Any]) -> None:
    """Refuse a field for choices without a list, and a code that is no plain word. Raises RuleBroken."""
    if values.get("kind") == "choice" and not values.get("list_id"):
        raise RuleBroken("A choice needs the list to choose from.", field="list_id")
    code = str(values.get("code") or "")
    if not code.replace("_", "").isalnum() or not code.isascii():
        raise RuleBroken("A code has plain letters, digits and _ only.", field="code")
