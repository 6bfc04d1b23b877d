"""What is attached to a record and said about it. Files stay; remarks are never changed, only followed by others."""

from collections.abc import Sequence

from sqlalchemy import select
from sqlalchemy.orm import Session, joinedload

from app.domain.errors import BadInput, NotFound, RuleBroken
from app.models.base import Record
from app.models.files import Attachment, Comment, StoredFile
from app.safeguards.context import current
from app.services import files

LONGEST_REMARK = 10_000


def attach(session: Session, record: Record, file: StoredFile, name: str, note: str | None) -> Attachment:
    """Attach a stored file to a record under a name of its own, within the record's client."""
    context = current()
    attachment = Attachment(
        record_type=record.__tablename__,
        record_id=record.id,
        client_id=getattr(record, "client_id", None),
        file_id=file.id,
        file_name=files.clean_name(name),
        note=(note or "").strip() or None,
        attached_at=context.now(),
        attached_by=context.printed_name,
    )
    session.add(attachment)
    session.flush()
    return attachment


def attachments_of(session: Session, record: Record) -> Sequence[Attachment]:
    """Return the files attached to a record and not withdrawn, the latest first."""
    query = select(Attachment).where(
        Attachment.record_type == record.__tablename__,
        Attachment.record_id == record.id,
        Attachment.withdrawn_at.is_(None),
    )
    return session.scalars(query.options(joinedload(Attachment.file)).order_by(Attachment.id.desc())).all()


def attachment_of(session: Session, record: Record, number: int) -> Attachment:
    """Return one attachment of this record. Raises NotFound for any other, so that no id of elsewhere leads here."""
    attachment = session.scalar(select(Attachment).where(Attachment.id == number))
    if (
        attachment is None
        or (attachment.record_type, attachment.record_id) != (record.__tablename__, record.id)
        or attachment.withdrawn_at is not None
    ):
        raise NotFound("There is no such file on this record.")
    return attachment


def take_off(session: Session, attachment: Attachment, reason: str) -> None:
    """Withdraw an attachment with a reason. The file and the trail keep what it was."""
    if not reason.strip():
        raise RuleBroken("Say why the file is taken off.", field="reason")
    attachment.withdrawn_at = current().now()
    attachment.withdrawn_reason = reason.strip()
    session.flush()


def remark(session: Session, record: Record, text: str) -> Comment:
    """Add a remark to a record. Raises BadInput when there is nothing to say, or too much."""
    text = text.strip()
    if not text:
        raise BadInput("Write the comment first.", field="text")
    if len(text) > LONGEST_REMARK:
        raise BadInput("A comment has at most %(limit)s characters.", limit=LONGEST_REMARK, field="text")
    context = current()
    comment = Comment(
        record_type=record.__tablename__,
        record_id=record.id,
        client_id=getattr(record, "client_id", None),
        text=text,
        written_at=context.now(),
        username=context.username,
        printed_name=context.printed_name,
    )
    session.add(comment)
    session.flush()
    return comment


def remarks_of(session: Session, record: Record) -> Sequence[Comment]:
    """Return the remarks on a record, the oldest first."""
    query = select(Comment).where(Comment.record_type == record.__tablename__, Comment.record_id == record.id)
    return session.scalars(query.order_by(Comment.id)).all()
