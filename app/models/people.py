"""People, their employment, where they belong over time, and when they were away (ORG-2 to ORG-4)."""

from flask_babel import lazy_gettext as _l
from sqlalchemy import ForeignKey, Index, String
from sqlalchemy.orm import Mapped, mapped_column, relationship

from app.models.base import Dated, Fact, Record, Shared
from app.models.organization import Unit


class Person(Shared, Record):
    """Somebody who is trained or supervises; may have neither an e-mail address nor a login.

    Never deleted. ``site_id`` is the home site, whose time zone decides what a *day* is for this person; being a
    member of a site (for site-wide requirements) is a dated Membership like any other.
    """

    __tablename__ = "people"
    __table_args__ = (Index("ix_people_name", "name"),)

    employee_no: Mapped[str] = mapped_column(
        String(60), nullable=False, unique=True, info={"label": _l("Employee no.")}
    )
    name: Mapped[str] = mapped_column(String(200), nullable=False, info={"label": _l("Name")})
    email: Mapped[str | None] = mapped_column(String(320), info={"label": _l("E-mail")})
    supervisor_id: Mapped[int | None] = mapped_column(
        ForeignKey("people.id"), index=True, info={"label": _l("Supervisor")}
    )
    site_id: Mapped[int | None] = mapped_column(
        ForeignKey("units.id"), index=True, info={"label": _l("Site"), "kind": "site"}
    )
    languages: Mapped[str] = mapped_column(
        String(100),
        nullable=False,
        default="",
        info={
            "label": _l("Languages"),
            "help": _l("ISO codes, the preferred one first: es;en"),
        },
    )
    user_id: Mapped[int | None] = mapped_column(
        ForeignKey("ab_user.id"), unique=True, info={"label": _l("Login"), "internal": True}
    )

    supervisor: Mapped["Person | None"] = relationship(foreign_keys=[supervisor_id], remote_side="Person.id")
    site: Mapped[Unit | None] = relationship(foreign_keys=[site_id])

    def __repr__(self) -> str:
        return f"{self.name} ({self.employee_no})"


class Employment(Fact, Dated, Shared, Record):
    """A person is employed over ``[starts_at, ends_at)``: local midnights of the home site."""

    __tablename__ = "employments"
    __table_args__ = (Index("ix_employments_person", "person_id", "starts_at", "ends_at", "recorded_at", "voided_at"),)

    person_id: Mapped[int] = mapped_column(ForeignKey("people.id"), nullable=False, info={"label": _l("Person")})

    person: Mapped[Person] = relationship()

    def __repr__(self) -> str:
        return f"Employment {self.person_id}"


class Membership(Fact, Dated, Shared, Record):
    """A person belongs to a unit over ``[starts_at, ends_at)`` (ORG-3). Moving ends one row and adds another."""

    __tablename__ = "memberships"
    __table_args__ = (
        Index("ix_memberships_person", "person_id", "unit_id", "starts_at", "ends_at", "recorded_at", "voided_at"),
        Index("ix_memberships_unit", "unit_id", "person_id", "starts_at", "ends_at", "recorded_at", "voided_at"),
    )

    person_id: Mapped[int] = mapped_column(ForeignKey("people.id"), nullable=False, info={"label": _l("Person")})
    unit_id: Mapped[int] = mapped_column(ForeignKey("units.id"), nullable=False, info={"label": _l("Unit")})

    person: Mapped[Person] = relationship()
    unit: Mapped[Unit] = relationship()

    def __repr__(self) -> str:
        return f"Membership {self.person_id} in {self.unit_id}"


LEAVE_KINDS = {
    "parental": _l("Parental leave"),
    "medical": _l("Medical leave"),
    "vacation": _l("Vacation"),
    "military": _l("Military leave"),
    "unpaid": _l("Unpaid leave"),
    "other": _l("Other leave"),
}


class Leave(Fact, Dated, Shared, Record):
    """A person is away over ``[starts_at, ends_at)``; due dates pause meanwhile (ORG-4)."""

    __tablename__ = "leaves"
    __table_args__ = (Index("ix_leaves_person", "person_id", "starts_at", "ends_at"),)

    person_id: Mapped[int] = mapped_column(ForeignKey("people.id"), nullable=False, info={"label": _l("Person")})
    kind: Mapped[str] = mapped_column(
        String(30), nullable=False, default="other", info={"label": _l("Kind"), "choices": LEAVE_KINDS}
    )

    person: Mapped[Person] = relationship()

    def __repr__(self) -> str:
        return f"Leave {self.person_id}"
