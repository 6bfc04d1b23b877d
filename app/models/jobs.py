"""Scheduled work as records, and mail waiting to be sent (JOB-1, JOB-3, JOB-4)."""

from datetime import datetime

from flask_babel import lazy_gettext as _l
from sqlalchemy import Index, Integer, String, Text, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from app.models.base import BigId, Record, Shared, UtcDateTime

RUN_STATES = {"asked": _l("Asked for"), "running": _l("Running"), "done": _l("Done"), "failed": _l("Failed")}


class JobRun(Shared, Record):
    """One run of a job for one slot of time. The unique slot lets two schedulers do each job once (JOB-4)."""

    __tablename__ = "job_runs"
    __table_args__ = (UniqueConstraint("job", "slot", name="uq_job_runs_slot"),)

    job: Mapped[str] = mapped_column(String(60), nullable=False, info={"label": _l("Job")})
    slot: Mapped[str] = mapped_column(String(40), nullable=False, info={"label": _l("Slot")})
    state: Mapped[str] = mapped_column(
        String(20), nullable=False, default="running", info={"label": _l("State"), "choices": RUN_STATES}
    )
    started_at: Mapped[datetime] = mapped_column(UtcDateTime, nullable=False, info={"label": _l("Started")})
    finished_at: Mapped[datetime | None] = mapped_column(UtcDateTime, info={"label": _l("Finished")})
    result: Mapped[str | None] = mapped_column(Text, info={"label": _l("Result")})

    def __repr__(self) -> str:
        return f"{self.job} {self.slot}"


MAIL_STATES = {"waiting": _l("Waiting"), "sent": _l("Sent"), "dead": _l("Given up")}


class OutboxMail(Shared, Record):
    """A mail written in the transaction of its cause; a job sends it, at least once, with a stable Message-ID."""

    __tablename__ = "outbox"
    __table_args__ = (Index("ix_outbox_waiting", "state", "next_try_at"),)

    to: Mapped[str] = mapped_column(String(320), nullable=False, info={"label": _l("To")})
    subject: Mapped[str] = mapped_column(String(300), nullable=False, info={"label": _l("Subject")})
    # A body may hold a one-time link: the trail keeps its digest only and no page shows it (21 CFR 11.200(a)(2)).
    body: Mapped[str] = mapped_column(Text, nullable=False, info={"label": _l("Text"), "secret": True})
    record_type: Mapped[str | None] = mapped_column(String(60), info={"label": _l("Record type")})
    record_id: Mapped[int | None] = mapped_column(BigId, info={"label": _l("Record")})
    state: Mapped[str] = mapped_column(
        String(20), nullable=False, default="waiting", info={"label": _l("State"), "choices": MAIL_STATES}
    )
    created_at: Mapped[datetime] = mapped_column(UtcDateTime, nullable=False, info={"label": _l("Written")})
    next_try_at: Mapped[datetime] = mapped_column(UtcDateTime, nullable=False, info={"label": _l("Next try")})
    tries: Mapped[int] = mapped_column(Integer, nullable=False, default=0, info={"label": _l("Tries")})
    sent_at: Mapped[datetime | None] = mapped_column(UtcDateTime, info={"label": _l("Sent")})
    last_error: Mapped[str | None] = mapped_column(Text, info={"label": _l("Last error")})

    def __repr__(self) -> str:
        return self.subject
