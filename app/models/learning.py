"""Reading in progress: the page that was open, and for how long (LRN-1)."""

from datetime import datetime

from flask_babel import lazy_gettext as _l
from sqlalchemy import ForeignKey, Index, Integer
from sqlalchemy.orm import Mapped, mapped_column

from app.models.base import Record, Shared, UtcDateTime


class ReadingSession(Shared, Record):
    """A person has a version open to read. Seconds are counted while the page is visible, by the server's clock."""

    __tablename__ = "reading_sessions"
    __table_args__ = (Index("ix_reading_sessions_person", "person_id", "version_id"),)
    __audited__ = False  # counts up while a page is open; the completion keeps the total

    person_id: Mapped[int] = mapped_column(ForeignKey("people.id"), nullable=False, info={"label": _l("Person")})
    version_id: Mapped[int] = mapped_column(ForeignKey("versions.id"), nullable=False, info={"label": _l("Version")})
    opened_at: Mapped[datetime] = mapped_column(UtcDateTime, nullable=False, info={"label": _l("Opened")})
    last_seen_at: Mapped[datetime] = mapped_column(UtcDateTime, nullable=False, info={"label": _l("Last seen")})
    seconds: Mapped[int] = mapped_column(Integer, nullable=False, default=0, info={"label": _l("Seconds")})
