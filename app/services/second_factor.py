"""The second factor: time-based codes by RFC 6238, tested at enrollment, each good for one login (SEC-2)."""

import base64
from datetime import datetime
from hashlib import sha256

import pyotp
from cryptography.fernet import Fernet, InvalidToken
from sqlalchemy.orm import Session

from app.domain.errors import RuleBroken
from app.models.access import UserAccount
from app.safeguards import audit

STEP_SECONDS = 30
DRIFT = 1
"""Codes of the step before and after count too, for clocks that differ a little."""


def _vault(key: str) -> Fernet:
    return Fernet(base64.urlsafe_b64encode(sha256(f"second factor {key}".encode()).digest()))


def new_secret() -> str:
    """Return a fresh secret in base 32, to be shown once."""
    return pyotp.random_base32()


def address(secret: str, username: str, issuer: str) -> str:
    """Return the ``otpauth://`` address that an authenticator app reads from a QR code."""
    return pyotp.TOTP(secret).provisioning_uri(name=username, issuer_name=issuer)


def enroll(session: Session, account: UserAccount, secret: str, code: str, now: datetime, key: str) -> None:
    """Switch the second factor on once the app has shown that it works (21 CFR 11.300(e)). Raises RuleBroken."""
    step = _matching_step(secret, code, now)
    if step is None:
        raise RuleBroken(
            "The code does not match. Check that the clock of your phone is right and enter the code shown now.",
            field="code",
        )
    account.totp_secret = _vault(key).encrypt(secret.encode()).decode()
    account.totp_confirmed_at = now
    account.totp_last_step = step
    session.flush()
    audit.note(session, "second factor enrolled", account)


def enrolled(account: UserAccount) -> bool:
    """Tell whether the account has a tested second factor."""
    return account.totp_confirmed_at is not None and account.totp_secret is not None


def accepts(session: Session, account: UserAccount, code: str, now: datetime, key: str) -> bool:
    """Tell whether ``code`` is right now and was not used before; a used code never works again."""
    if account.totp_secret is None:
        return False
    try:
        secret = _vault(key).decrypt(account.totp_secret.encode()).decode()
    except InvalidToken:
        raise RuleBroken(
            "The second factor cannot be read, because the key of this installation changed. "
            "Ask an administrator to reset it."
        ) from None
    step = _matching_step(secret, code, now)
    if step is None or (account.totp_last_step is not None and step <= account.totp_last_step):
        return False
    account.totp_last_step = step
    session.flush()
    return True


def remove(session: Session, account: UserAccount) -> None:
    """Take the second factor away, for a lost phone; the owner enrolls anew."""
    account.totp_secret = account.totp_confirmed_at = account.totp_last_step = None
    session.flush()
    audit.note(session, "second factor removed", account)


def _matching_step(secret: str, code: str, now: datetime) -> int | None:
    digits = "".join(code.split())
    current = int(now.timestamp()) // STEP_SECONDS
    totp = pyotp.TOTP(secret)
    for step in range(current - DRIFT, current + DRIFT + 1):
        if pyotp.utils.strings_equal(totp.generate_otp(step), digits):
            return step
    return None
