"""Where people work and what they work on: sites, departments, functions, equipment, clients (ORG-1)."""

from flask_babel import lazy_gettext as _l
from sqlalchemy import Boolean, CheckConstraint, ForeignKey, Index, String, Text, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column, relationship

from app.models.base import Record, Scoped

UNIT_KINDS = {
    "site": _l("Site"),
    "department": _l("Department"),
    "job_function": _l("Job function"),
    "special_function": _l("Special function"),
    "equipment": _l("Equipment"),
    "product_line": _l("Product line"),
    "client": _l("Client"),
    "study": _l("Study"),
    "shift": _l("Shift"),
}
"""What a unit can be. A person is a member of units over time; a matrix row names units."""


class Unit(Scoped, Record):
    """One site, department, job function, piece of equipment, client …: anything a person can be a member of.

    ``code`` is unique within its kind. A unit of kind ``client`` carries its own id in ``client_id``.
    """

    __tablename__ = "units"
    __table_args__ = (
        UniqueConstraint("kind", "code", name="uq_units_kind_code"),
        CheckConstraint("kind IN (" + ", ".join(f"'{kind}'" for kind in UNIT_KINDS) + ")", name="ck_units_kind"),
        Index("ix_units_kind_name", "kind", "name"),
    )

    kind: Mapped[str] = mapped_column(String(30), nullable=False, info={"label": _l("Kind"), "choices": UNIT_KINDS})
    code: Mapped[str] = mapped_column(String(60), nullable=False, info={"label": _l("Code")})
    name: Mapped[str] = mapped_column(String(200), nullable=False, info={"label": _l("Name")})
    site_id: Mapped[int | None] = mapped_column(
        ForeignKey("units.id"), index=True, info={"label": _l("Site"), "kind": "site"}
    )
    time_zone: Mapped[str | None] = mapped_column(
        String(60), info={"label": _l("Time zone"), "help": _l("IANA name such as America/New_York; sites only")}
    )
    shift_starts: Mapped[str | None] = mapped_column(
        String(5), info={"label": _l("Shift starts"), "help": _l("Local time as HH:MM; shifts only")}
    )
    description: Mapped[str | None] = mapped_column(Text, info={"label": _l("Description")})
    active: Mapped[bool] = mapped_column(Boolean, nullable=False, default=True, info={"label": _l("In use")})

    site: Mapped["Unit | None"] = relationship(foreign_keys=[site_id], remote_side="Unit.id")

    def __repr__(self) -> str:
        return f"{self.code} · {self.name}"
