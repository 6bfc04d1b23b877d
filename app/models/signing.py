"""Signatures, the steps of a workflow, and the challenges that make a signing happen once (SIG-1 to SIG-3)."""

from datetime import datetime

from flask_babel import lazy_gettext as _l
from sqlalchemy import Boolean, ForeignKey, Index, Integer, String, Text
from sqlalchemy.orm import Mapped, mapped_column, relationship

from app.models.base import AppendOnly, BigId, Record, Scoped, Shared, UtcDateTime


class Signature(AppendOnly, Scoped, Record):
    """An electronic signature: who, when, what it means, bound to the digest of exactly what was shown.

    21 CFR 11.50 (manifestation) and 11.70 (linking). ``shown`` is the canonical JSON that was signed, so that a
    later change of the record is seen as "signed an earlier content". Names are kept as printed at signing.
    """

    __tablename__ = "signatures"
    __table_args__ = (
        Index("ix_signatures_record", "record_type", "record_id"),
        Index("ux_signatures_challenge", "challenge_id", unique=True),
    )

    record_type: Mapped[str] = mapped_column(String(60), nullable=False, info={"label": _l("Record type")})
    record_id: Mapped[int] = mapped_column(BigId, nullable=False, info={"label": _l("Record")})
    record_version: Mapped[int] = mapped_column(Integer, nullable=False, info={"label": _l("Row version signed")})
    record_title: Mapped[str] = mapped_column(String(300), nullable=False, info={"label": _l("Record signed")})
    digest: Mapped[str] = mapped_column(String(64), nullable=False, info={"label": _l("SHA-256 of what was shown")})
    shown: Mapped[str] = mapped_column(Text, nullable=False, info={"label": _l("What was shown"), "internal": True})
    meaning: Mapped[str] = mapped_column(String(40), nullable=False, info={"label": _l("Meaning")})
    statement: Mapped[str] = mapped_column(Text, nullable=False, info={"label": _l("Statement")})
    signer_id: Mapped[int] = mapped_column(ForeignKey("ab_user.id"), nullable=False, info={"label": _l("Signer")})
    username: Mapped[str] = mapped_column(String(128), nullable=False, info={"label": _l("User name")})
    printed_name: Mapped[str] = mapped_column(String(200), nullable=False, info={"label": _l("Printed name")})
    signed_at: Mapped[datetime] = mapped_column(UtcDateTime, nullable=False, info={"label": _l("Signed")})
    zone: Mapped[str] = mapped_column(String(60), nullable=False, info={"label": _l("Time zone")})
    components: Mapped[str] = mapped_column(
        String(60), nullable=False, default="username+password", info={"label": _l("Components used")}
    )
    first_in_series: Mapped[bool] = mapped_column(Boolean, nullable=False, default=True, info={"label": _l("First")})
    session_key: Mapped[str | None] = mapped_column(String(64), info={"label": _l("Session"), "internal": True})
    reason: Mapped[str | None] = mapped_column(Text, info={"label": _l("Reason")})
    manifest_id: Mapped[int | None] = mapped_column(BigId, info={"label": _l("Signed together with")})
    challenge_id: Mapped[int | None] = mapped_column(BigId, info={"label": _l("Challenge"), "internal": True})

    def __repr__(self) -> str:
        return f"{self.printed_name}: {self.meaning}"


class SigningChallenge(Shared, Record):
    """A single-use permission to sign one exact content, valid for a short time; sending it twice signs once."""

    __tablename__ = "signing_challenges"
    __audited__ = False  # opened whenever a sign page is shown; the signature itself is on the trail

    token: Mapped[str] = mapped_column(String(64), nullable=False, unique=True, info={"label": _l("Token")})
    user_id: Mapped[int] = mapped_column(ForeignKey("ab_user.id"), nullable=False, info={"label": _l("User")})
    record_type: Mapped[str] = mapped_column(String(60), nullable=False, info={"label": _l("Record type")})
    record_id: Mapped[int] = mapped_column(BigId, nullable=False, info={"label": _l("Record")})
    purpose: Mapped[str] = mapped_column(String(60), nullable=False, info={"label": _l("Step")})
    meaning: Mapped[str] = mapped_column(String(40), nullable=False, info={"label": _l("Meaning")})
    digest: Mapped[str] = mapped_column(String(64), nullable=False, info={"label": _l("Digest")})
    expires_at: Mapped[datetime] = mapped_column(UtcDateTime, nullable=False, info={"label": _l("Expires")})
    used_at: Mapped[datetime | None] = mapped_column(UtcDateTime, info={"label": _l("Used")})


class Transition(AppendOnly, Scoped, Record):
    """One step of a record's workflow: from where to where, by whom, why, with which signature."""

    __tablename__ = "transitions"
    __table_args__ = (Index("ix_transitions_record", "record_type", "record_id", "at"),)

    record_type: Mapped[str] = mapped_column(String(60), nullable=False, info={"label": _l("Record type")})
    record_id: Mapped[int] = mapped_column(BigId, nullable=False, info={"label": _l("Record")})
    name: Mapped[str] = mapped_column(String(60), nullable=False, info={"label": _l("Step")})
    from_state: Mapped[str] = mapped_column(String(40), nullable=False, info={"label": _l("From")})
    to_state: Mapped[str] = mapped_column(String(40), nullable=False, info={"label": _l("To")})
    at: Mapped[datetime] = mapped_column(UtcDateTime, nullable=False, info={"label": _l("When")})
    username: Mapped[str] = mapped_column(String(128), nullable=False, info={"label": _l("User name")})
    printed_name: Mapped[str] = mapped_column(String(200), nullable=False, info={"label": _l("Name")})
    reason: Mapped[str | None] = mapped_column(Text, info={"label": _l("Reason")})
    signature_id: Mapped[int | None] = mapped_column(ForeignKey("signatures.id"), info={"label": _l("Signature")})

    signature: Mapped[Signature | None] = relationship()

    def __repr__(self) -> str:
        return self.name


class Approver(Scoped, Record):
    """A person asked to review or approve a record; ``answered`` once signed (DOC-2, EVT-9)."""

    __tablename__ = "approvers"
    __table_args__ = (Index("ix_approvers_record", "record_type", "record_id", "step"),)

    record_type: Mapped[str] = mapped_column(String(60), nullable=False, info={"label": _l("Record type")})
    record_id: Mapped[int] = mapped_column(BigId, nullable=False, info={"label": _l("Record")})
    step: Mapped[str] = mapped_column(String(60), nullable=False, info={"label": _l("Step")})
    person_id: Mapped[int] = mapped_column(ForeignKey("people.id"), nullable=False, info={"label": _l("Person")})
    signature_id: Mapped[int | None] = mapped_column(ForeignKey("signatures.id"), info={"label": _l("Signature")})

    signature: Mapped[Signature | None] = relationship()
