"""The rules of an electronic signature as pure functions (21 CFR 11.50, 11.70, 11.100, 11.200, 11.300).

R1 which components a signing needs · R2 what wrong passwords lead to · R3 many records under one signing ·
R4 what a later change does to a signature · R5 who may not sign at all. Instants are in UTC; nobody reads the clock.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from hashlib import sha256
from typing import Any

from app.domain.chain import canonical
from app.domain.text import Phrase

USERNAME, PASSWORD = "username", "password"
ALL_COMPONENTS = (USERNAME, PASSWORD)
LATER_COMPONENTS = (PASSWORD,)

SERIES_MINUTES = 30
"""Longest pause after the last signing within which the password alone is enough."""

CHALLENGE_SECONDS = 600
"""How long a sign page stays valid after it was shown; the digest is compared again in any case."""


def digest(shown: Mapping[str, Any]) -> str:
    """Return the SHA-256, in hex, of the canonical JSON of what was shown to the signer (21 CFR 11.70)."""
    return digest_of_text(canonical(shown))


def digest_of_text(text: str) -> str:
    """Return the SHA-256, in hex, of a canonical text."""
    return sha256(text.encode()).hexdigest()


@dataclass(frozen=True, slots=True)
class Sitting:
    """What the server knows of one signed-in browser: R1 asks whether it is one continuous session.

    ``ended`` is a logout, a lock or a revocation. ``changed_since`` is the latest instant at which the person's
    password or roles changed, or another browser signed in as the same person. ``same_place`` tells whether network
    address and browser are those with which the session began.
    """

    started_at: datetime
    last_seen_at: datetime
    last_signed_at: datetime | None = None
    changed_since: datetime | None = None
    ended: bool = False
    same_place: bool = True


def components_needed(sitting: Sitting | None, now: datetime, idle: timedelta) -> tuple[str, ...]:
    """Return what must be typed to sign now; never nothing (R1, 21 CFR 11.200(a)(1)).

    The first signing of a continuous session takes user name and password, each later one at least the password. A
    session is no longer the same one after logout, idle time, a lock, another address or browser, a change of password
    or role, another login of the same person, or ``SERIES_MINUTES`` without signing.
    """
    if sitting is None or sitting.last_signed_at is None or not unbroken(sitting, now, idle):
        return ALL_COMPONENTS
    return LATER_COMPONENTS


def unbroken(sitting: Sitting, now: datetime, idle: timedelta) -> bool:
    """Tell whether the session since the last signing is one continuous period of controlled access."""
    last = sitting.last_signed_at or sitting.started_at
    if sitting.ended or not sitting.same_place or last < sitting.started_at or now < last:
        return False
    if now - sitting.last_seen_at >= idle or now - last >= timedelta(minutes=SERIES_MINUTES):
        return False
    return sitting.changed_since is None or sitting.changed_since <= last


def locks(failed: int, limit: int) -> bool:
    """Tell whether ``failed`` wrong signings in a row lock signing (R2, 21 CFR 11.300(d))."""
    return failed >= max(1, limit)


@dataclass(frozen=True, slots=True)
class Signer:
    """What decides whether a login may sign at all."""

    active: bool
    identity_verified: bool
    must_change_password: bool
    signing_locked: bool
    locked_until: datetime | None = None
    valid_until: datetime | None = None


def refusal(signer: Signer, now: datetime) -> Phrase | None:
    """Return why this login may not sign, or None when it may (R5, 21 CFR 11.100(b), 11.200(a)(3))."""
    if not signer.active or (signer.valid_until is not None and signer.valid_until <= now):
        return Phrase("Your account is not active. Ask an administrator.")
    if signer.signing_locked or (signer.locked_until is not None and signer.locked_until > now):
        return Phrase("Signing is locked after too many wrong passwords. Ask an administrator to unlock it.")
    if signer.must_change_password:
        return Phrase("Somebody else set your password. Choose your own before you sign.")
    if not signer.identity_verified:
        return Phrase(
            "Your identity is not verified yet. Quality assurance has to do that before your first signature."
        )
    return None


def manifest(parts: Iterable[tuple[str, int, int, str]]) -> dict[str, Any]:
    """Return what is shown and signed when many records are signed at once (R3).

    ``parts`` are (record type, id, row version, digest); their order does not matter.
    """
    rows = sorted({part for part in parts})
    return {
        "view": "manifest/1",
        "records": [
            {"record_type": kind, "record_id": number, "record_version": version, "digest": value}
            for kind, number, version, value in rows
        ],
    }


VALID, EARLIER, INVALID = "valid", "earlier_content", "invalid"

STATUS_WORDS = {
    VALID: Phrase("Valid"),
    EARLIER: Phrase("Signed an earlier content"),
    INVALID: Phrase("INVALID"),
}


def status(
    signed_digest: str, shown: str, shown_identity: tuple[str, int], row_identity: tuple[str, int], unchanged: bool
) -> str:
    """Return what a signature is worth today (R4, 21 CFR 11.70).

    ``shown`` is the canonical text kept with the signature and must have the digest that was signed, and the record
    named in it must be the record that the signature hangs on: a signature that was copied to another record, or whose
    text was altered, is INVALID. When only the record has changed since (``unchanged`` is false), it signed an earlier
    content.
    """
    if digest_of_text(shown) != signed_digest or shown_identity != row_identity:
        return INVALID
    return VALID if unchanged else EARLIER
