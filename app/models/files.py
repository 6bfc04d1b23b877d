"""Content-addressed files, and what is attached to or said about a record."""

from datetime import datetime

from flask_babel import lazy_gettext as _l
from sqlalchemy import ForeignKey, Index, String, Text, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column, relationship

from app.models.base import AppendOnly, BigId, Record, Scoped, Shared, UtcDateTime


class StoredFile(AppendOnly, Shared, Record):
    """A file by the SHA-256 of its bytes and their kind, kept unchanged in the file store.

    Shared because bytes have no client; whoever asks for them must name the record that holds them, and the scope of
    that record decides. The name is the holder's too: two people may bring the same bytes under different names.
    """

    __tablename__ = "stored_files"
    __table_args__ = (UniqueConstraint("sha256", "content_type"),)

    sha256: Mapped[str] = mapped_column(String(64), nullable=False, info={"label": _l("SHA-256")})
    size: Mapped[int] = mapped_column(BigId, nullable=False, info={"label": _l("Size (bytes)")})
    content_type: Mapped[str] = mapped_column(String(120), nullable=False, info={"label": _l("Content type")})
    stored_at: Mapped[datetime] = mapped_column(UtcDateTime, nullable=False, info={"label": _l("Stored")})

    def __repr__(self) -> str:
        return f"{self.sha256[:12]}…"


class Attachment(Scoped, Record):
    """A file attached to a record. Taken off by withdrawing it with a reason; the file stays."""

    __tablename__ = "attachments"
    __table_args__ = (Index("ix_attachments_record", "record_type", "record_id"),)

    record_type: Mapped[str] = mapped_column(String(60), nullable=False, info={"label": _l("Record type")})
    record_id: Mapped[int] = mapped_column(BigId, nullable=False, info={"label": _l("Record")})
    file_id: Mapped[int] = mapped_column(ForeignKey("stored_files.id"), nullable=False, info={"label": _l("File")})
    file_name: Mapped[str] = mapped_column(String(255), nullable=False, info={"label": _l("File name")})
    note: Mapped[str | None] = mapped_column(Text, info={"label": _l("Note")})
    attached_at: Mapped[datetime] = mapped_column(UtcDateTime, nullable=False, info={"label": _l("Attached")})
    attached_by: Mapped[str] = mapped_column(String(200), nullable=False, info={"label": _l("Attached by")})
    withdrawn_at: Mapped[datetime | None] = mapped_column(UtcDateTime, info={"label": _l("Withdrawn")})
    withdrawn_reason: Mapped[str | None] = mapped_column(Text, info={"label": _l("Reason for withdrawal")})

    file: Mapped[StoredFile] = relationship()

    def __repr__(self) -> str:
        return f"Attachment {self.id}"


class Comment(AppendOnly, Scoped, Record):
    """A remark on a record; never changed, only followed by another."""

    __tablename__ = "comments"
    __table_args__ = (Index("ix_comments_record", "record_type", "record_id"),)

    record_type: Mapped[str] = mapped_column(String(60), nullable=False, info={"label": _l("Record type")})
    record_id: Mapped[int] = mapped_column(BigId, nullable=False, info={"label": _l("Record")})
    text: Mapped[str] = mapped_column(Text, nullable=False, info={"label": _l("Comment")})
    written_at: Mapped[datetime] = mapped_column(UtcDateTime, nullable=False, info={"label": _l("Written")})
    username: Mapped[str] = mapped_column(String(128), nullable=False, info={"label": _l("User")})
    printed_name: Mapped[str] = mapped_column(String(200), nullable=False, info={"label": _l("Name")})

    def __repr__(self) -> str:
        return f"Comment {self.id}"
