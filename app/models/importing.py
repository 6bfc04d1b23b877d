"""Imports as records: the file, what was understood, what was written (IMP-1 to IMP-5)."""

from datetime import datetime

from flask_babel import lazy_gettext as _l
from sqlalchemy import Boolean, ForeignKey, Index, Integer, String, Text, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column, relationship

from app.models.base import Record, Shared, UtcDateTime
from app.models.files import StoredFile

IMPORT_STATES = {
    "uploaded": _l("Uploaded"),
    "reading": _l("Reading"),
    "ready": _l("Ready to check"),
    "committing": _l("Writing"),
    "committed": _l("Imported"),
    "cancelled": _l("Cancelled"),
    "failed": _l("Failed"),
}


class ImportRun(Shared, Record):
    """One file on its way into the system: who brought it, how it was read, what it changed."""

    __tablename__ = "import_runs"
    __table_args__ = (Index("ix_import_runs_kind", "kind", "started_at"),)

    kind: Mapped[str] = mapped_column(String(30), nullable=False, info={"label": _l("Kind")})
    file_id: Mapped[int] = mapped_column(ForeignKey("stored_files.id"), nullable=False, info={"label": _l("File")})
    file_name: Mapped[str] = mapped_column(String(255), nullable=False, info={"label": _l("File name")})
    state: Mapped[str] = mapped_column(
        String(20), nullable=False, default="uploaded", info={"label": _l("State"), "choices": IMPORT_STATES}
    )
    started_at: Mapped[datetime] = mapped_column(UtcDateTime, nullable=False, info={"label": _l("Started")})
    finished_at: Mapped[datetime | None] = mapped_column(UtcDateTime, info={"label": _l("Finished")})
    username: Mapped[str] = mapped_column(String(128), nullable=False, info={"label": _l("User")})
    printed_name: Mapped[str] = mapped_column(String(200), nullable=False, info={"label": _l("Name")})
    reason: Mapped[str | None] = mapped_column(Text, info={"label": _l("Reason")})
    mapping: Mapped[str | None] = mapped_column(Text, info={"label": _l("Mapping"), "internal": True})
    choices: Mapped[str | None] = mapped_column(Text, info={"label": _l("Matches chosen"), "internal": True})
    summary: Mapped[str | None] = mapped_column(Text, info={"label": _l("Summary"), "internal": True})
    progress: Mapped[int] = mapped_column(Integer, nullable=False, default=0, info={"label": _l("Progress (%)")})
    cancel_asked: Mapped[bool] = mapped_column(Boolean, nullable=False, default=False, info={"label": _l("Cancel")})
    message: Mapped[str | None] = mapped_column(Text, info={"label": _l("Message")})
    signature_id: Mapped[int | None] = mapped_column(ForeignKey("signatures.id"), info={"label": _l("Signature")})

    file: Mapped[StoredFile] = relationship()

    def __repr__(self) -> str:
        return f"Import {self.id}"


class ImportWork(Shared, Record):
    """Work on an import that goes on apart from any page: who does it, and how far it is.

    Whoever sets ``worker`` holds a lease that ends some seconds after ``beat_at``: the work of a process that died is
    taken up by another one. The row goes when the work is done; ``message`` is why it could not be done.
    """

    __tablename__ = "import_works"
    __table_args__ = (UniqueConstraint("run_id", "task"),)
    __audited__ = False  # changes every second while the work goes on; the import itself is on the trail

    run_id: Mapped[int] = mapped_column(ForeignKey("import_runs.id"), nullable=False, info={"label": _l("Import")})
    task: Mapped[str] = mapped_column(String(40), nullable=False, info={"label": _l("Task")})
    worker: Mapped[str | None] = mapped_column(String(80), info={"label": _l("Worker")})
    started_at: Mapped[datetime] = mapped_column(UtcDateTime, nullable=False, info={"label": _l("Started")})
    beat_at: Mapped[datetime] = mapped_column(UtcDateTime, nullable=False, info={"label": _l("Last sign of life")})
    phase: Mapped[str] = mapped_column(String(20), nullable=False, default="waiting", info={"label": _l("Phase")})
    done: Mapped[int] = mapped_column(Integer, nullable=False, default=0, info={"label": _l("Done")})
    total: Mapped[int] = mapped_column(Integer, nullable=False, default=0, info={"label": _l("Of")})
    tries: Mapped[int] = mapped_column(Integer, nullable=False, default=1, info={"label": _l("Tries")})
    message: Mapped[str | None] = mapped_column(Text, info={"label": _l("Message")})


class ImportMapping(Shared, Record):
    """A confirmed reading of a layout, found again by the layout's fingerprint (IMP-1)."""

    __tablename__ = "import_mappings"

    fingerprint: Mapped[str] = mapped_column(String(64), nullable=False, unique=True, info={"label": _l("Layout")})
    name: Mapped[str] = mapped_column(String(200), nullable=False, info={"label": _l("Name")})
    mapping: Mapped[str] = mapped_column(Text, nullable=False, info={"label": _l("Mapping"), "internal": True})
    confirmed_at: Mapped[datetime] = mapped_column(UtcDateTime, nullable=False, info={"label": _l("Confirmed")})

    def __repr__(self) -> str:
        return self.name
