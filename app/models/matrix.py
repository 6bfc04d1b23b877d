"""The training matrix and the facts that decide who is qualified (see docs/compliance.md)."""

from datetime import date, datetime
from decimal import Decimal

from flask_babel import lazy_gettext as _l
from sqlalchemy import Boolean, Date, ForeignKey, Index, Integer, Numeric, String, Text, text
from sqlalchemy.orm import Mapped, mapped_column, relationship

from app.models.base import Dated, Fact, Record, Scoped, Shared, UtcDateTime
from app.models.documents import VERDICTS, Item, Version
from app.models.organization import Unit
from app.models.people import Person

PROOFS = {
    "read": _l("Read and understood"),
    "quiz": _l("Quiz with pass mark"),
    "ojt": _l("On-the-job training"),
    "class": _l("Class"),
    "certificate": _l("Certificate"),
}

FRAMEWORKS = ("GMP", "GCP", "GLP", "GDP", "ISO 13485", "FSMA", "OSHA PSM")
"""Suggestions; a company adds its own."""

TRIGGERS = {
    "hire": _l("New hire"),
    "role_change": _l("Role change"),
    "matrix_change": _l("Matrix change"),
    "revision": _l("Document revision"),
    "recurrence": _l("Recurrence"),
    "equipment": _l("Equipment authorization"),
    "order": _l("Training order"),
    "manual": _l("Manual"),
    "import": _l("Import"),
    "revocation": _l("Revoked qualification"),
    "nightly": _l("Nightly check"),
}

ASSIGNMENT_STATES = {"open": _l("Open"), "completed": _l("Completed"), "withdrawn": _l("Withdrawn")}


class Requirement(Fact, Dated, Scoped, Record):
    """A row of the matrix: everyone who holds *all* of its units needs the item (MTX-1, MTX-2).

    ``recurrence_months`` counts from each person's own completion; ``recurrence_fixed`` (``MM-DD``) is a fixed
    calendar day instead. Days and grace are calendar days in the person's site zone.
    """

    __tablename__ = "requirements"
    __table_args__ = (Index("ix_requirements_item", "item_id", "starts_at", "ends_at", "recorded_at", "voided_at"),)

    item_id: Mapped[int] = mapped_column(ForeignKey("items.id"), nullable=False, info={"label": _l("Item")})
    recurrence_months: Mapped[int | None] = mapped_column(Integer, info={"label": _l("Repeat every (months)")})
    recurrence_fixed: Mapped[str | None] = mapped_column(
        String(5), info={"label": _l("Repeat on a fixed day"), "help": _l("Month and day as MM-DD, every year")}
    )
    days_to_complete: Mapped[int] = mapped_column(
        Integer, nullable=False, default=14, info={"label": _l("Days to complete")}
    )
    grace_days: Mapped[int] = mapped_column(
        Integer, nullable=False, default=0, info={"label": _l("Grace after expiry (days)")}
    )
    revision_grace_days: Mapped[int] = mapped_column(
        Integer, nullable=False, default=0, info={"label": _l("Grace after revision (days)")}
    )
    framework: Mapped[str | None] = mapped_column(String(40), info={"label": _l("Framework")})
    proof: Mapped[str] = mapped_column(
        String(20), nullable=False, default="read", info={"label": _l("Proof"), "choices": PROOFS}
    )
    units: Mapped[list["RequirementUnit"]] = relationship(
        back_populates="requirement", order_by="RequirementUnit.unit_id"
    )
    item: Mapped[Item] = relationship()

    def __repr__(self) -> str:
        return f"Requirement {self.id}"


class RequirementUnit(Shared, Record):
    """One of the units that a person must hold for a matrix row to apply. Fixed with its row."""

    __tablename__ = "requirement_units"
    __table_args__ = (
        Index("ux_requirement_units", "requirement_id", "unit_id", unique=True),
        Index("ix_requirement_units_unit", "unit_id", "requirement_id"),
    )

    requirement_id: Mapped[int] = mapped_column(
        ForeignKey("requirements.id"), nullable=False, info={"label": _l("Requirement")}
    )
    unit_id: Mapped[int] = mapped_column(ForeignKey("units.id"), nullable=False, info={"label": _l("Unit")})

    requirement: Mapped[Requirement] = relationship(back_populates="units")
    unit: Mapped[Unit] = relationship()

    def __repr__(self) -> str:
        return f"Unit {self.unit_id}"


COMPLETION_METHODS = {
    "read": _l("Read and understood"),
    "quiz": _l("Quiz"),
    "ojt": _l("On-the-job training"),
    "class": _l("Class"),
    "certificate": _l("Certificate"),
    "author": _l("Author or approver"),
    "import": _l("Imported"),
}

RESULTS = {"passed": _l("Passed"), "failed": _l("Failed")}


class Completion(Fact, Scoped, Record):
    """A person was trained on one version at ``completed_at``. Append-only: withdrawn with a reason, never edited.

    ``recorded_at`` is the true entry time; ``claimed_recorded_at`` is what a migrated source claims it was.
    ``client_id`` repeats the item's client.
    """

    __tablename__ = "completions"
    __table_args__ = (
        Index(
            "ix_completions_cover",
            "person_id",
            "item_id",
            "version_id",
            "completed_at",
            "result",
            "recorded_at",
            "voided_at",
        ),
        Index("ix_completions_item", "item_id", "person_id", "version_id", "completed_at", "result", "voided_at"),
    )

    person_id: Mapped[int] = mapped_column(ForeignKey("people.id"), nullable=False, info={"label": _l("Person")})
    item_id: Mapped[int] = mapped_column(ForeignKey("items.id"), nullable=False, info={"label": _l("Item")})
    version_id: Mapped[int] = mapped_column(ForeignKey("versions.id"), nullable=False, info={"label": _l("Version")})
    completed_at: Mapped[datetime] = mapped_column(UtcDateTime, nullable=False, info={"label": _l("Completed")})
    method: Mapped[str] = mapped_column(
        String(20), nullable=False, default="read", info={"label": _l("Method"), "choices": COMPLETION_METHODS}
    )
    result: Mapped[str] = mapped_column(
        String(20), nullable=False, default="passed", info={"label": _l("Result"), "choices": RESULTS}
    )
    score: Mapped[Decimal | None] = mapped_column(Numeric(7, 2), info={"label": _l("Score")})
    evaluator_id: Mapped[int | None] = mapped_column(ForeignKey("people.id"), info={"label": _l("Evaluator")})
    language: Mapped[str | None] = mapped_column(String(10), info={"label": _l("Language")})
    origin: Mapped[str | None] = mapped_column(String(200), info={"label": _l("Origin")})
    claimed_recorded_at: Mapped[datetime | None] = mapped_column(
        UtcDateTime, info={"label": _l("Recorded (as claimed by the source)")}
    )
    seconds_spent: Mapped[int | None] = mapped_column(Integer, info={"label": _l("Time spent (seconds)")})
    signature_id: Mapped[int | None] = mapped_column(ForeignKey("signatures.id"), info={"label": _l("Signature")})

    person: Mapped[Person] = relationship(foreign_keys=[person_id])
    evaluator: Mapped[Person | None] = relationship(foreign_keys=[evaluator_id])
    item: Mapped[Item] = relationship()
    version: Mapped[Version] = relationship()

    def __repr__(self) -> str:
        return f"Completion {self.id}"


class Exemption(Fact, Dated, Scoped, Record):
    """A person need not be trained on an item for a while, with a reason and an approval (MTX-9)."""

    __tablename__ = "exemptions"
    __table_args__ = (Index("ix_exemptions_person", "person_id", "item_id", "starts_at", "ends_at"),)

    person_id: Mapped[int] = mapped_column(ForeignKey("people.id"), nullable=False, info={"label": _l("Person")})
    item_id: Mapped[int] = mapped_column(ForeignKey("items.id"), nullable=False, info={"label": _l("Item")})
    reason: Mapped[str] = mapped_column(Text, nullable=False, info={"label": _l("Reason")})
    signature_id: Mapped[int | None] = mapped_column(ForeignKey("signatures.id"), info={"label": _l("Approval")})

    person: Mapped[Person] = relationship()
    item: Mapped[Item] = relationship()

    def __repr__(self) -> str:
        return f"Exemption {self.id}"


class Equivalence(Fact, Dated, Scoped, Record):
    """Training on ``counting_item`` counts for ``item`` over the interval (MTX-9)."""

    __tablename__ = "equivalences"
    __table_args__ = (Index("ix_equivalences_item", "item_id", "counting_item_id", "starts_at", "ends_at"),)

    item_id: Mapped[int] = mapped_column(ForeignKey("items.id"), nullable=False, info={"label": _l("Item")})
    counting_item_id: Mapped[int] = mapped_column(
        ForeignKey("items.id"), nullable=False, index=True, info={"label": _l("Also satisfied by")}
    )
    reason: Mapped[str | None] = mapped_column(Text, info={"label": _l("Reason")})

    item: Mapped[Item] = relationship(foreign_keys=[item_id])
    counting_item: Mapped[Item] = relationship(foreign_keys=[counting_item_id])

    def __repr__(self) -> str:
        return f"Equivalence {self.id}"


class Extension(Fact, Scoped, Record):
    """A new due day for one person and item, with a reason (MTX-9). ``due_on`` is the last day in time."""

    __tablename__ = "extensions"
    __table_args__ = (Index("ix_extensions_person", "person_id", "item_id"),)

    person_id: Mapped[int] = mapped_column(ForeignKey("people.id"), nullable=False, info={"label": _l("Person")})
    item_id: Mapped[int] = mapped_column(ForeignKey("items.id"), nullable=False, info={"label": _l("Item")})
    due_on: Mapped[date] = mapped_column(Date, nullable=False, info={"label": _l("New due day")})
    reason: Mapped[str] = mapped_column(Text, nullable=False, info={"label": _l("Reason")})

    person: Mapped[Person] = relationship()
    item: Mapped[Item] = relationship()

    def __repr__(self) -> str:
        return f"Extension {self.id}"


class Revocation(Fact, Scoped, Record):
    """A qualification was taken away for cause, signed (MTX-13)."""

    __tablename__ = "revocations"
    __table_args__ = (Index("ix_revocations_person", "person_id", "item_id", "revoked_at"),)

    person_id: Mapped[int] = mapped_column(ForeignKey("people.id"), nullable=False, info={"label": _l("Person")})
    item_id: Mapped[int] = mapped_column(ForeignKey("items.id"), nullable=False, info={"label": _l("Item")})
    revoked_at: Mapped[datetime] = mapped_column(UtcDateTime, nullable=False, info={"label": _l("Revoked")})
    reason: Mapped[str] = mapped_column(Text, nullable=False, info={"label": _l("Reason")})
    signature_id: Mapped[int | None] = mapped_column(ForeignKey("signatures.id"), info={"label": _l("Signature")})

    person: Mapped[Person] = relationship()
    item: Mapped[Item] = relationship()

    def __repr__(self) -> str:
        return f"Revocation {self.id}"


class TrainingOrder(Fact, Scoped, Record):
    """Somebody must be trained on an item by a day because of another record (MTX-5, EVT-3).

    With ``suspends`` earlier training stops counting when the order is placed. Withdrawing it voids the fact.
    """

    __tablename__ = "training_orders"
    __table_args__ = (Index("ix_training_orders_person", "person_id", "item_id", "placed_at"),)

    person_id: Mapped[int] = mapped_column(ForeignKey("people.id"), nullable=False, info={"label": _l("Person")})
    item_id: Mapped[int] = mapped_column(ForeignKey("items.id"), nullable=False, info={"label": _l("Item")})
    placed_at: Mapped[datetime] = mapped_column(UtcDateTime, nullable=False, info={"label": _l("Placed")})
    due_on: Mapped[date] = mapped_column(Date, nullable=False, info={"label": _l("Due day")})
    suspends: Mapped[bool] = mapped_column(
        Boolean, nullable=False, default=False, info={"label": _l("Suspends the qualification")}
    )
    source: Mapped[str] = mapped_column(String(200), nullable=False, default="", info={"label": _l("Source")})

    person: Mapped[Person] = relationship()
    item: Mapped[Item] = relationship()

    def __repr__(self) -> str:
        return f"Order {self.id}"


class Assignment(Scoped, Record):
    """An obligation handed to a person: which version, due when, opened by which trigger (MTX-5, MTX-8).

    Kept by the reconciler alone. ``due_at`` is the local midnight that ends the due day; ``due_on`` is that day.
    ``reasons`` is JSON for people to read. A closed assignment is never re-opened.
    """

    __tablename__ = "assignments"
    __table_args__ = (
        Index(
            "ux_assignments_open",
            "person_id",
            "item_id",
            unique=True,
            sqlite_where=text("state = 'open'"),
            postgresql_where=text("state = 'open'"),
        ),
        Index("ix_assignments_person", "person_id", "state", "due_at"),
        Index("ix_assignments_item", "item_id", "state", "due_at"),
    )

    person_id: Mapped[int] = mapped_column(ForeignKey("people.id"), nullable=False, info={"label": _l("Person")})
    item_id: Mapped[int] = mapped_column(ForeignKey("items.id"), nullable=False, info={"label": _l("Item")})
    version_id: Mapped[int | None] = mapped_column(ForeignKey("versions.id"), info={"label": _l("Version")})
    state: Mapped[str] = mapped_column(
        String(20), nullable=False, default="open", info={"label": _l("State"), "choices": ASSIGNMENT_STATES}
    )
    trigger: Mapped[str] = mapped_column(String(30), nullable=False, info={"label": _l("Trigger"), "choices": TRIGGERS})
    source: Mapped[str | None] = mapped_column(String(200), info={"label": _l("Source")})
    reasons: Mapped[str] = mapped_column(Text, nullable=False, default="[]", info={"label": _l("Reasons")})
    proof: Mapped[str] = mapped_column(
        String(20), nullable=False, default="read", info={"label": _l("Proof"), "choices": PROOFS | VERDICTS}
    )
    opened_at: Mapped[datetime] = mapped_column(UtcDateTime, nullable=False, info={"label": _l("Assigned")})
    due_on: Mapped[date | None] = mapped_column(Date, info={"label": _l("Due")})
    due_at: Mapped[datetime | None] = mapped_column(UtcDateTime, info={"label": _l("Due (instant)"), "internal": True})
    closed_at: Mapped[datetime | None] = mapped_column(UtcDateTime, info={"label": _l("Closed")})
    completion_id: Mapped[int | None] = mapped_column(ForeignKey("completions.id"), info={"label": _l("Completion")})
    withdrawal_reason: Mapped[str | None] = mapped_column(Text, info={"label": _l("Why withdrawn")})

    person: Mapped[Person] = relationship()
    item: Mapped[Item] = relationship()
    version: Mapped[Version | None] = relationship()
    completion: Mapped[Completion | None] = relationship()

    def __repr__(self) -> str:
        return f"Assignment {self.id}"
