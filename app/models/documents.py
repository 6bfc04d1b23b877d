"""Items to be trained on, controlled documents, their versions and what each version demands (DOC-1 to DOC-11)."""

from datetime import date, datetime

from flask_babel import lazy_gettext as _l
from sqlalchemy import Boolean, CheckConstraint, Date, ForeignKey, Index, Integer, String, Text, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column, relationship

from app.models.base import Fact, Governed, Record, Scoped, Shared, UtcDateTime
from app.models.files import StoredFile
from app.models.organization import Unit
from app.models.people import Person

ITEM_KINDS = {
    "document": _l("Document"),
    "course": _l("Course"),
    "ojt": _l("On-the-job checklist"),
    "class": _l("Class"),
    "certificate": _l("External certificate"),
}

REVISION_CLASSES = {"major": _l("Major"), "minor": _l("Minor"), "editorial": _l("Editorial")}

VERDICTS = {
    "none": _l("No training"),
    "notice": _l("Notice only"),
    "read": _l("Read and understood"),
    "read_quiz": _l("Read and quiz"),
    "ojt": _l("On-the-job training"),
}
"""Training impact of a version for one job function (DOC-4). ``none`` and ``notice`` keep earlier training good."""

VERSION_STATES = {
    "draft": _l("Draft"),
    "review": _l("In review"),
    "approved": _l("Approved"),
    "effective": _l("Effective"),
    "superseded": _l("Superseded"),
    "obsolete": _l("Obsolete"),
}


class Category(Shared, Record):
    """A group of items with its own notice period before training expires (MTX-7)."""

    __tablename__ = "categories"

    code: Mapped[str] = mapped_column(String(40), nullable=False, unique=True, info={"label": _l("Code")})
    name: Mapped[str] = mapped_column(String(200), nullable=False, info={"label": _l("Name")})
    lead_days: Mapped[int] = mapped_column(
        Integer,
        nullable=False,
        default=30,
        info={"label": _l("Lead time (days)"), "help": _l("How long before expiry an item counts as due soon")},
    )

    def __repr__(self) -> str:
        return self.name


class DocumentType(Shared, Record):
    """SOP, work instruction, policy …: numbering, review period and gates of a kind of document (DOC-1)."""

    __tablename__ = "document_types"

    code: Mapped[str] = mapped_column(String(40), nullable=False, unique=True, info={"label": _l("Code")})
    name: Mapped[str] = mapped_column(String(200), nullable=False, info={"label": _l("Name")})
    numbering: Mapped[str] = mapped_column(
        String(60),
        nullable=False,
        default="{type}-{number:04d}",
        info={"label": _l("Numbering pattern"), "help": _l("{type} is the code, {number:04d} counts with four digits")},
    )
    next_number: Mapped[int] = mapped_column(
        Integer, nullable=False, default=1, info={"label": _l("Next number"), "internal": True}
    )
    category_id: Mapped[int | None] = mapped_column(ForeignKey("categories.id"), info={"label": _l("Category")})
    review_months: Mapped[int | None] = mapped_column(Integer, info={"label": _l("Periodic review (months)")})
    train_before_effective: Mapped[bool] = mapped_column(
        Boolean,
        nullable=False,
        default=False,
        info={"label": _l("Train before effective"), "help": _l("A version takes effect only when people are trained")},
    )
    trained_percent: Mapped[int] = mapped_column(
        Integer, nullable=False, default=100, info={"label": _l("Trained before effective (%)")}
    )
    author_credit: Mapped[bool] = mapped_column(
        Boolean, nullable=False, default=False, info={"label": _l("Author and approvers count as trained")}
    )
    needs_review: Mapped[bool] = mapped_column(
        Boolean, nullable=False, default=True, info={"label": _l("Review before approval")}
    )

    category: Mapped[Category | None] = relationship()

    def __repr__(self) -> str:
        return self.name


class Item(Scoped, Record):
    """Anything a person is trained on. Its code is what matrix rows, imports and reports call it by."""

    __tablename__ = "items"

    code: Mapped[str] = mapped_column(String(80), nullable=False, unique=True, info={"label": _l("Code")})
    title: Mapped[str] = mapped_column(String(300), nullable=False, info={"label": _l("Title")})
    kind: Mapped[str] = mapped_column(
        String(20), nullable=False, default="document", info={"label": _l("Kind"), "choices": ITEM_KINDS}
    )
    category_id: Mapped[int | None] = mapped_column(
        ForeignKey("categories.id"), index=True, info={"label": _l("Category")}
    )
    type_id: Mapped[int | None] = mapped_column(
        ForeignKey("document_types.id"), index=True, info={"label": _l("Document type")}
    )
    owner_id: Mapped[int | None] = mapped_column(ForeignKey("people.id"), index=True, info={"label": _l("Owner")})
    department_id: Mapped[int | None] = mapped_column(
        ForeignKey("units.id"), index=True, info={"label": _l("Department"), "kind": "department"}
    )
    product_line_id: Mapped[int | None] = mapped_column(
        ForeignKey("units.id"), index=True, info={"label": _l("Product line"), "kind": "product_line"}
    )
    minutes: Mapped[int | None] = mapped_column(
        Integer, info={"label": _l("Minutes to train"), "help": _l("Typical time to read or attend, in minutes")}
    )
    review_due_on: Mapped[date | None] = mapped_column(Date, info={"label": _l("Next periodic review")})

    category: Mapped[Category | None] = relationship()
    type: Mapped[DocumentType | None] = relationship()
    owner: Mapped[Person | None] = relationship()
    department: Mapped[Unit | None] = relationship(foreign_keys=[department_id])
    product_line: Mapped[Unit | None] = relationship(foreign_keys=[product_line_id])
    client: Mapped[Unit | None] = relationship(
        primaryjoin="Item.client_id == Unit.id", foreign_keys="Item.client_id", viewonly=True
    )
    versions: Mapped[list["Version"]] = relationship(back_populates="item", order_by="Version.sequence")

    def __repr__(self) -> str:
        return f"{self.code} · {self.title}"


class Version(Governed, Scoped, Record):
    """One issue of an item: its content, what changed, and where it stands in the workflow (DOC-2).

    When it may be trained and when it takes effect are facts of their own (``Release``).
    ``client_id`` repeats the item's, so that the scope of a version needs no join.
    """

    __tablename__ = "versions"
    __content__ = (
        "item_id", "sequence", "label", "revision_class", "change_summary", "file_id", "text", "author_id",
        "planned_effective_at",
    )  # fmt: skip
    __content_open_in__ = frozenset({"draft"})
    __table_args__ = (
        UniqueConstraint("item_id", "sequence", name="uq_versions_item_sequence"),
        UniqueConstraint("item_id", "label", name="uq_versions_item_label"),
        Index("ix_versions_state", "state"),  # every request asks whether an approved version is due
        CheckConstraint(
            "state IN (" + ", ".join(f"'{state}'" for state in VERSION_STATES) + ")", name="ck_versions_state"
        ),
    )

    item_id: Mapped[int] = mapped_column(ForeignKey("items.id"), nullable=False, info={"label": _l("Item")})
    sequence: Mapped[int] = mapped_column(Integer, nullable=False, info={"label": _l("Sequence"), "internal": True})
    label: Mapped[str] = mapped_column(String(40), nullable=False, info={"label": _l("Version")})
    state: Mapped[str] = mapped_column(
        String(20), nullable=False, default="draft", info={"label": _l("State"), "choices": VERSION_STATES}
    )
    revision_class: Mapped[str] = mapped_column(
        String(20), nullable=False, default="major", info={"label": _l("Revision class"), "choices": REVISION_CLASSES}
    )
    change_summary: Mapped[str | None] = mapped_column(
        Text, info={"label": _l("What changed"), "help": _l("Shown to every trainee before signing")}
    )
    file_id: Mapped[int | None] = mapped_column(ForeignKey("stored_files.id"), info={"label": _l("Content")})
    file_name: Mapped[str | None] = mapped_column(String(255), info={"label": _l("File name")})
    text: Mapped[str | None] = mapped_column(Text, info={"label": _l("Extracted text"), "internal": True})
    author_id: Mapped[int | None] = mapped_column(ForeignKey("people.id"), info={"label": _l("Author")})
    planned_effective_at: Mapped[datetime | None] = mapped_column(
        UtcDateTime, info={"label": _l("Planned effective date")}
    )

    item: Mapped[Item] = relationship(back_populates="versions")
    file: Mapped[StoredFile | None] = relationship()
    author: Mapped[Person | None] = relationship()

    def __repr__(self) -> str:
        return f"v{self.label}"


class Release(Fact, Shared, Record):
    """A version may be trained from ``training_from`` (approval) and is in force from ``effective_from``."""

    __tablename__ = "releases"
    __table_args__ = (
        Index("ix_releases_item", "item_id", "effective_from", "training_from", "version_id"),
        Index("ix_releases_version", "version_id"),
    )

    item_id: Mapped[int] = mapped_column(ForeignKey("items.id"), nullable=False, info={"label": _l("Item")})
    version_id: Mapped[int] = mapped_column(ForeignKey("versions.id"), nullable=False, info={"label": _l("Version")})
    training_from: Mapped[datetime] = mapped_column(UtcDateTime, nullable=False, info={"label": _l("Training from")})
    effective_from: Mapped[datetime] = mapped_column(
        UtcDateTime, nullable=False, index=True, info={"label": _l("Effective from")}
    )

    item: Mapped[Item] = relationship()
    version: Mapped[Version] = relationship()

    def __repr__(self) -> str:
        return f"Release of version {self.version_id}"


class Retirement(Fact, Shared, Record):
    """An item is out of use from ``retired_at``."""

    __tablename__ = "retirements"
    __table_args__ = (Index("ix_retirements_item", "item_id"),)

    item_id: Mapped[int] = mapped_column(ForeignKey("items.id"), nullable=False, info={"label": _l("Item")})
    retired_at: Mapped[datetime] = mapped_column(UtcDateTime, nullable=False, info={"label": _l("Retired")})
    reason: Mapped[str | None] = mapped_column(Text, info={"label": _l("Reason")})

    item: Mapped[Item] = relationship()

    def __repr__(self) -> str:
        return f"Retirement of item {self.item_id}"


class Verdict(Fact, Shared, Record):
    """What a version demands of one job function, and why (DOC-4). Without a row the revision class decides."""

    __tablename__ = "verdicts"
    __table_args__ = (Index("ix_verdicts_version", "version_id", "function_id", "verdict"),)

    version_id: Mapped[int] = mapped_column(ForeignKey("versions.id"), nullable=False, info={"label": _l("Version")})
    function_id: Mapped[int] = mapped_column(
        ForeignKey("units.id"), nullable=False, info={"label": _l("Job function"), "kind": "job_function"}
    )
    verdict: Mapped[str] = mapped_column(
        String(20), nullable=False, info={"label": _l("Training impact"), "choices": VERDICTS}
    )
    reason: Mapped[str | None] = mapped_column(Text, info={"label": _l("Reason")})

    version: Mapped[Version] = relationship()
    function: Mapped[Unit] = relationship()

    def __repr__(self) -> str:
        return f"{self.verdict} for function {self.function_id}"


class DocumentView(Shared, Record):
    """Somebody opened or printed a version; printed copies carry their number (DOC-3)."""

    __tablename__ = "document_views"
    __table_args__ = (Index("ix_document_views_version", "version_id", "viewed_at"),)

    version_id: Mapped[int] = mapped_column(ForeignKey("versions.id"), nullable=False, info={"label": _l("Version")})
    username: Mapped[str] = mapped_column(String(128), nullable=False, info={"label": _l("User")})
    printed_name: Mapped[str] = mapped_column(String(200), nullable=False, info={"label": _l("Name")})
    viewed_at: Mapped[datetime] = mapped_column(UtcDateTime, nullable=False, info={"label": _l("When")})
    purpose: Mapped[str] = mapped_column(String(20), nullable=False, default="view", info={"label": _l("Purpose")})

    version: Mapped[Version] = relationship()


COPY_STATES = {"issued": _l("Issued"), "recalled": _l("Recalled")}


class ControlledCopy(Shared, Record):
    """A numbered paper copy of a version, issued to a place or person and recalled when superseded (DOC-3)."""

    __tablename__ = "controlled_copies"
    __table_args__ = (UniqueConstraint("version_id", "number", name="uq_controlled_copies_number"),)

    version_id: Mapped[int] = mapped_column(ForeignKey("versions.id"), nullable=False, info={"label": _l("Version")})
    number: Mapped[int] = mapped_column(Integer, nullable=False, info={"label": _l("Copy no.")})
    issued_to: Mapped[str] = mapped_column(String(200), nullable=False, info={"label": _l("Issued to")})
    issued_at: Mapped[datetime] = mapped_column(UtcDateTime, nullable=False, info={"label": _l("Issued")})
    recalled_at: Mapped[datetime | None] = mapped_column(UtcDateTime, info={"label": _l("Recalled")})
    recall_note: Mapped[str | None] = mapped_column(Text, info={"label": _l("Recall note")})

    version: Mapped[Version] = relationship()

    def __repr__(self) -> str:
        return f"Copy {self.number}"
