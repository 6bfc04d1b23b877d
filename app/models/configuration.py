"""What a company sets through forms: settings, choice lists, custom fields (UX-6)."""

from flask_babel import lazy_gettext as _l
from sqlalchemy import Boolean, ForeignKey, Index, Integer, String, Text, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column, relationship

from app.models.base import BigId, Record, Shared

FIELD_KINDS = {
    "text": _l("Text"),
    "long_text": _l("Long text"),
    "number": _l("Number"),
    "date": _l("Date"),
    "yes_no": _l("Yes or no"),
    "choice": _l("Choice from a list"),
}


class Setting(Shared, Record):
    """One setting of this installation, by key. What keys there are and what they mean: ``docs/settings.md``."""

    __tablename__ = "settings"

    key: Mapped[str] = mapped_column(String(80), nullable=False, unique=True, info={"label": _l("Setting")})
    value: Mapped[str] = mapped_column(Text, nullable=False, info={"label": _l("Value")})

    def __repr__(self) -> str:
        return self.key


class ChoiceList(Shared, Record):
    """A named list of choices that a company keeps by form."""

    __tablename__ = "choice_lists"

    code: Mapped[str] = mapped_column(String(60), nullable=False, unique=True, info={"label": _l("Code")})
    name: Mapped[str] = mapped_column(String(200), nullable=False, info={"label": _l("Name")})

    choices: Mapped[list["Choice"]] = relationship(back_populates="choice_list", order_by="Choice.position")

    def __repr__(self) -> str:
        return self.name


class Choice(Shared, Record):
    """One entry of a choice list. Taken out of use, never deleted: old records still show it."""

    __tablename__ = "choices"
    __table_args__ = (UniqueConstraint("list_id", "code", name="uq_choices_code"),)

    list_id: Mapped[int] = mapped_column(ForeignKey("choice_lists.id"), nullable=False, info={"label": _l("List")})
    code: Mapped[str] = mapped_column(String(60), nullable=False, info={"label": _l("Code")})
    label: Mapped[str] = mapped_column(String(200), nullable=False, info={"label": _l("Label")})
    position: Mapped[int] = mapped_column(Integer, nullable=False, default=0, info={"label": _l("Order")})
    active: Mapped[bool] = mapped_column(Boolean, nullable=False, default=True, info={"label": _l("In use")})

    choice_list: Mapped[ChoiceList] = relationship(back_populates="choices")

    def __repr__(self) -> str:
        return self.label


class CustomField(Shared, Record):
    """A field that a company added to a kind of record, without code."""

    __tablename__ = "custom_fields"
    __table_args__ = (UniqueConstraint("record_type", "code", name="uq_custom_fields_code"),)

    record_type: Mapped[str] = mapped_column(String(60), nullable=False, info={"label": _l("Record type")})
    code: Mapped[str] = mapped_column(String(60), nullable=False, info={"label": _l("Code")})
    label: Mapped[str] = mapped_column(String(200), nullable=False, info={"label": _l("Label")})
    kind: Mapped[str] = mapped_column(
        String(20), nullable=False, default="text", info={"label": _l("Kind"), "choices": FIELD_KINDS}
    )
    list_id: Mapped[int | None] = mapped_column(ForeignKey("choice_lists.id"), info={"label": _l("Choice list")})
    required: Mapped[bool] = mapped_column(Boolean, nullable=False, default=False, info={"label": _l("Required")})
    help_text: Mapped[str | None] = mapped_column(String(300), info={"label": _l("Help")})
    position: Mapped[int] = mapped_column(Integer, nullable=False, default=0, info={"label": _l("Order")})
    active: Mapped[bool] = mapped_column(Boolean, nullable=False, default=True, info={"label": _l("In use")})

    choice_list: Mapped[ChoiceList | None] = relationship()

    def __repr__(self) -> str:
        return self.label


class CustomValue(Shared, Record):
    """The value of a custom field on one record, as text in a canonical form (ISO dates, plain numbers)."""

    __tablename__ = "custom_values"
    __table_args__ = (
        UniqueConstraint("field_id", "record_id", name="uq_custom_values_record"),
        Index("ix_custom_values_record", "record_id", "field_id"),
    )

    field_id: Mapped[int] = mapped_column(ForeignKey("custom_fields.id"), nullable=False, info={"label": _l("Field")})
    record_id: Mapped[int] = mapped_column(BigId, nullable=False, info={"label": _l("Record")})
    value: Mapped[str] = mapped_column(Text, nullable=False, default="", info={"label": _l("Value")})

    field: Mapped[CustomField] = relationship()
