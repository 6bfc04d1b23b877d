"""What a login needs beyond Flask-AppBuilder's user: policy, lock, second factor, sessions, scope (SEC-1, SEC-2)."""

from datetime import date, datetime

from flask_appbuilder.security.sqla.models import User
from flask_babel import lazy_gettext as _l
from sqlalchemy import Boolean, Date, ForeignKey, Index, Integer, String, Text, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column, relationship

from app.models.base import Record, Shared, UtcDateTime
from app.models.organization import Unit


class UserAccount(Shared, Record):
    """One-to-one with a user: lockout, password state, second factor, language and zone, client scope."""

    __tablename__ = "user_accounts"

    user_id: Mapped[int] = mapped_column(
        ForeignKey("ab_user.id"), nullable=False, unique=True, info={"label": _l("User")}
    )
    session_stamp: Mapped[str] = mapped_column(
        String(32), nullable=False, default="", info={"label": _l("Session stamp"), "internal": True}
    )
    password_changed_at: Mapped[datetime | None] = mapped_column(UtcDateTime, info={"label": _l("Password changed")})
    must_change_password: Mapped[bool] = mapped_column(
        Boolean, nullable=False, default=False, info={"label": _l("Must set a new password")}
    )
    failed_logins: Mapped[int] = mapped_column(Integer, nullable=False, default=0, info={"label": _l("Failed logins")})
    failed_signings: Mapped[int] = mapped_column(
        Integer, nullable=False, default=0, info={"label": _l("Failed signings")}
    )
    locked_until: Mapped[datetime | None] = mapped_column(UtcDateTime, info={"label": _l("Locked until")})
    signing_locked: Mapped[bool] = mapped_column(
        Boolean, nullable=False, default=False, info={"label": _l("Signing locked")}
    )
    reset_token_digest: Mapped[str | None] = mapped_column(String(64), info={"label": _l("Reset"), "internal": True})
    reset_expires_at: Mapped[datetime | None] = mapped_column(UtcDateTime, info={"label": _l("Reset link expires")})
    totp_secret: Mapped[str | None] = mapped_column(
        String(200), info={"label": _l("Second factor secret"), "internal": True, "secret": True}
    )
    totp_confirmed_at: Mapped[datetime | None] = mapped_column(UtcDateTime, info={"label": _l("Second factor since")})
    totp_last_step: Mapped[int | None] = mapped_column(Integer, info={"label": _l("Last code"), "internal": True})
    all_clients: Mapped[bool] = mapped_column(
        Boolean, nullable=False, default=True, info={"label": _l("Sees all clients")}
    )
    valid_until: Mapped[datetime | None] = mapped_column(UtcDateTime, info={"label": _l("Account ends")})
    language: Mapped[str | None] = mapped_column(String(10), info={"label": _l("Language")})
    time_zone: Mapped[str | None] = mapped_column(String(60), info={"label": _l("Time zone")})
    identity_verified_at: Mapped[datetime | None] = mapped_column(UtcDateTime, info={"label": _l("Identity verified")})
    identity_verified_by: Mapped[str | None] = mapped_column(String(200), info={"label": _l("Identity verified by")})

    clients: Mapped[list["AccountClient"]] = relationship(back_populates="account")
    user: Mapped[User] = relationship()

    def __repr__(self) -> str:
        return self.user.username if self.user is not None else f"Account {self.user_id}"


class AccountClient(Shared, Record):
    """A client in an account's scope (CLI-1)."""

    __tablename__ = "account_clients"
    __table_args__ = (UniqueConstraint("account_id", "unit_id", name="uq_account_clients"),)

    account_id: Mapped[int] = mapped_column(
        ForeignKey("user_accounts.id"), nullable=False, info={"label": _l("Account")}
    )
    unit_id: Mapped[int] = mapped_column(
        ForeignKey("units.id"), nullable=False, info={"label": _l("Client"), "kind": "client"}
    )

    account: Mapped[UserAccount] = relationship(back_populates="clients")
    unit: Mapped[Unit] = relationship()


class PasswordHistory(Shared, Record):
    """A former password's hash, so that it is not used again."""

    __tablename__ = "password_history"
    __table_args__ = (Index("ix_password_history_user", "user_id", "set_at"),)

    user_id: Mapped[int] = mapped_column(ForeignKey("ab_user.id"), nullable=False, info={"label": _l("User")})
    password_hash: Mapped[str] = mapped_column(
        String(256), nullable=False, info={"label": _l("Hash"), "internal": True, "secret": True}
    )
    set_at: Mapped[datetime] = mapped_column(UtcDateTime, nullable=False, info={"label": _l("Set")})


class LoginSession(Shared, Record):
    """A signed-in browser. Revoked by logout, idleness, a new password or another person with the right to."""

    __tablename__ = "login_sessions"
    __table_args__ = (Index("ix_login_sessions_user", "user_id", "revoked_at"),)
    __audited__ = False  # last_seen_at changes with every request; logins and logouts are trail events

    token_digest: Mapped[str] = mapped_column(String(64), nullable=False, unique=True, info={"label": _l("Token")})
    user_id: Mapped[int] = mapped_column(ForeignKey("ab_user.id"), nullable=False, info={"label": _l("User")})
    started_at: Mapped[datetime] = mapped_column(UtcDateTime, nullable=False, info={"label": _l("Started")})
    last_seen_at: Mapped[datetime] = mapped_column(UtcDateTime, nullable=False, info={"label": _l("Last seen")})
    last_signed_at: Mapped[datetime | None] = mapped_column(UtcDateTime, info={"label": _l("Last signed")})
    revoked_at: Mapped[datetime | None] = mapped_column(UtcDateTime, info={"label": _l("Ended")})
    revoked_why: Mapped[str | None] = mapped_column(String(60), info={"label": _l("Why ended")})
    address: Mapped[str | None] = mapped_column(String(64), info={"label": _l("Address")})
    browser: Mapped[str | None] = mapped_column(String(300), info={"label": _l("Browser")})


class RoleNote(Shared, Record):
    """A role's meaning in words, shown in the permission matrix."""

    __tablename__ = "role_notes"

    role_id: Mapped[int] = mapped_column(ForeignKey("ab_role.id"), nullable=False, unique=True)
    description: Mapped[str] = mapped_column(Text, nullable=False, default="", info={"label": _l("Description")})


class LetterOfCertification(Shared, Record):
    """The letter that tells the agency that electronic signatures are legally binding (21 CFR 11.100(c))."""

    __tablename__ = "certification_letters"

    site_id: Mapped[int] = mapped_column(
        ForeignKey("units.id"), nullable=False, info={"label": _l("Site"), "kind": "site"}
    )
    sent_on: Mapped[date] = mapped_column(Date, nullable=False, info={"label": _l("Sent")})
    file_id: Mapped[int | None] = mapped_column(ForeignKey("stored_files.id"), info={"label": _l("Letter")})

    site: Mapped[Unit] = relationship()

    def __repr__(self) -> str:
        return f"Letter {self.sent_on}"
