"""The audit trail's own tables: entries, one chain link per transaction, keys and checkpoints (21 CFR 11.10(e)).

They hold no foreign key to any business row: what happened stays told whatever becomes of the row. Only
``app.safeguards`` writes them, and the database refuses to change or delete what is written.
"""

from datetime import datetime

from flask_appbuilder import Model
from flask_babel import lazy_gettext as _l
from sqlalchemy import BigInteger, Index, Integer, String, Text, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column

from app.models.base import AppendOnly, BigId, Record, Shared, UtcDateTime

_EVENTS = text("action = 'E'")
_OF_CLIENTS = text("client_id IS NOT NULL")


class AuditEntry(Model):
    """One thing that happened to one row, or one event such as a login, a refusal, a view or an export.

    ``before`` and ``after`` are the canonical JSON texts exactly as hashed into ``leaf`` (see ``app.domain.chain``).
    ``client_id`` is the client whose record it was; people limited to a client see only that client's entries.
    """

    __tablename__ = "audit_entries"
    __audited__ = False
    __table_args__ = (
        UniqueConstraint("tx", "n"),
        # Few and narrow, because every write pays for them; SQLite and PostgreSQL keep equal keys in the order of ids,
        # so the newest entries of one person or record come without sorting.
        Index("ix_audit_entries_record", "table_name", "record_id"),
        Index("ix_audit_entries_user", "username"),
        Index("ix_audit_entries_event", "kind", sqlite_where=_EVENTS, postgresql_where=_EVENTS),
        Index("ix_audit_entries_client", "client_id", sqlite_where=_OF_CLIENTS, postgresql_where=_OF_CLIENTS),
    )

    id: Mapped[int] = mapped_column(BigId, primary_key=True, info={"label": _l("Entry")})
    tx: Mapped[int] = mapped_column(BigInteger, nullable=False, info={"label": _l("Transaction")})
    n: Mapped[int] = mapped_column(Integer, nullable=False, info={"label": _l("Place in the transaction")})
    at: Mapped[datetime] = mapped_column(UtcDateTime, nullable=False, info={"label": _l("When")})
    action: Mapped[str] = mapped_column(String(1), nullable=False, info={"label": _l("Action")})
    kind: Mapped[str] = mapped_column(String(40), nullable=False, info={"label": _l("What happened")})
    table_name: Mapped[str | None] = mapped_column(String(63), info={"label": _l("Kind of record")})
    record_id: Mapped[str | None] = mapped_column(String(100), info={"label": _l("Record")})
    client_id: Mapped[int | None] = mapped_column(BigInteger, info={"label": _l("Client"), "kind": "client"})
    user_id: Mapped[int | None] = mapped_column(Integer, info={"label": _l("User number")})
    username: Mapped[str] = mapped_column(String(128), nullable=False, info={"label": _l("User")})
    printed_name: Mapped[str] = mapped_column(String(200), nullable=False, info={"label": _l("Name")})
    on_behalf_of: Mapped[str | None] = mapped_column(String(200), info={"label": _l("On behalf of")})
    reason: Mapped[str | None] = mapped_column(Text, info={"label": _l("Reason")})
    request_id: Mapped[str | None] = mapped_column(String(64), info={"label": _l("Request")})
    session_id: Mapped[str | None] = mapped_column(String(64), info={"label": _l("Session")})
    address: Mapped[str | None] = mapped_column(String(64), info={"label": _l("Address")})
    source: Mapped[str] = mapped_column(String(100), nullable=False, info={"label": _l("Source")})
    zone: Mapped[str] = mapped_column(String(64), nullable=False, info={"label": _l("Time zone")})
    code_version: Mapped[str] = mapped_column(String(40), nullable=False, info={"label": _l("Program version")})
    before: Mapped[str | None] = mapped_column(Text, info={"label": _l("Before")})
    after: Mapped[str | None] = mapped_column(Text, info={"label": _l("After")})
    leaf: Mapped[str] = mapped_column(String(64), nullable=False, info={"label": _l("Hash")})


class AuditLink(Model):
    """The link of one transaction in the chain. ``UNIQUE(prev)`` makes a fork impossible.

    ``claimed_at`` is the application's clock at the end of the transaction; ``at`` never decreases, so a clock set
    back shows as a difference between the two.
    """

    __tablename__ = "audit_links"
    __audited__ = False

    seq: Mapped[int] = mapped_column(BigId, primary_key=True, autoincrement=False, info={"label": _l("Link")})
    tx: Mapped[int] = mapped_column(BigInteger, nullable=False, unique=True, info={"label": _l("Transaction")})
    n: Mapped[int] = mapped_column(Integer, nullable=False, info={"label": _l("Entries")})
    root: Mapped[str] = mapped_column(String(64), nullable=False, info={"label": _l("Root hash")})
    at: Mapped[datetime] = mapped_column(UtcDateTime, nullable=False, info={"label": _l("When")})
    claimed_at: Mapped[datetime] = mapped_column(UtcDateTime, nullable=False, info={"label": _l("Clock")})
    actor: Mapped[str] = mapped_column(String(128), nullable=False, info={"label": _l("User")})
    prev: Mapped[str] = mapped_column(String(64), nullable=False, unique=True, info={"label": _l("Link before")})
    link: Mapped[str] = mapped_column(String(64), nullable=False, unique=True, info={"label": _l("Link hash")})
    key_id: Mapped[str | None] = mapped_column(String(16), info={"label": _l("Key")})
    signature: Mapped[str | None] = mapped_column(String(128), info={"label": _l("Signature")})


class AuditKey(Model):
    """A public key of the application, kept so that old links stay verifiable after a change of key."""

    __tablename__ = "audit_keys"
    __audited__ = False

    key_id: Mapped[str] = mapped_column(String(16), primary_key=True, info={"label": _l("Key")})
    public_key: Mapped[str] = mapped_column(String(64), nullable=False, info={"label": _l("Public key")})
    since: Mapped[datetime] = mapped_column(UtcDateTime, nullable=False, info={"label": _l("Since")})


class AuditCheckpoint(Model):
    """The head of the chain as signed and told to the outside; a later cut-off or rewrite disagrees with it."""

    __tablename__ = "audit_checkpoints"
    __audited__ = False

    id: Mapped[int] = mapped_column(BigId, primary_key=True, info={"label": _l("Id")})
    seq: Mapped[int] = mapped_column(BigInteger, nullable=False, index=True, info={"label": _l("Link")})
    head: Mapped[str] = mapped_column(String(64), nullable=False, info={"label": _l("Link hash")})
    at: Mapped[datetime] = mapped_column(UtcDateTime, nullable=False, info={"label": _l("When")})
    note: Mapped[str] = mapped_column(Text, nullable=False, info={"label": _l("Signed note")})
    exported_to: Mapped[str | None] = mapped_column(Text, info={"label": _l("Exported to")})


class TrailReview(AppendOnly, Shared, Record):
    """A periodic review of the trail (Annex 11 clause 9): which entries, what was seen, what followed from it.

    It is done when it bears a signature with the meaning "review"; an unsigned one counts for nothing.
    """

    __tablename__ = "trail_reviews"

    starts_at: Mapped[datetime] = mapped_column(UtcDateTime, nullable=False, info={"label": _l("From")})
    ends_at: Mapped[datetime] = mapped_column(UtcDateTime, nullable=False, info={"label": _l("To")})
    first_entry: Mapped[int | None] = mapped_column(BigId, info={"label": _l("First entry")})
    last_entry: Mapped[int | None] = mapped_column(BigId, info={"label": _l("Last entry")})
    entries: Mapped[int] = mapped_column(Integer, nullable=False, info={"label": _l("Entries")})
    kinds: Mapped[str] = mapped_column(Text, nullable=False, info={"label": _l("What happened")})
    conclusion: Mapped[str] = mapped_column(Text, nullable=False, info={"label": _l("Conclusion")})
    seal: Mapped[str] = mapped_column(String(40), nullable=False, info={"label": _l("Head of the trail")})
    made_at: Mapped[datetime] = mapped_column(UtcDateTime, nullable=False, info={"label": _l("When")})

    def __repr__(self) -> str:
        return f"{self.starts_at:%Y-%m-%d} – {self.ends_at:%Y-%m-%d}"
