"""What a password must be (NIST SP 800-63B-4 section 3.1.1, OWASP ASVS 5.0 section 6.2, 21 CFR 11.300).

Length counts and commonness counts; there is no rule about kinds of characters and no forced change unless a
company wants one.
"""

import unicodedata
from collections.abc import Collection
from datetime import datetime, timedelta
from itertools import pairwise

from app.domain.errors import RuleBroken

SHORTEST_ALLOWED = 8
"""No setting can make passwords shorter than this (ASVS 6.2.1)."""

LONGEST = 256
"""Far above the 64 characters that must be accepted (ASVS 6.2.9); keeps hashing cheap."""


def normalized(password: str) -> str:
    """Return ``password`` in Unicode form NFKC, so that it is the same from every keyboard. Nothing is cut off."""
    return unicodedata.normalize("NFKC", password)


def check_new_password(
    password: str, *, minimum: int, common: Collection[str], personal: Collection[str] = (), field: str = "password"
) -> None:
    """Refuse a password that is too short, too long, among the common ones, or made of its owner's names.

    ``minimum`` is the shortest length in characters, ``common`` holds lower-case passwords, ``personal`` the names,
    the user name and the e-mail address of the owner, and the name of the product. Raises RuleBroken.
    """
    text = normalized(password)
    shortest = max(minimum, SHORTEST_ALLOWED)
    if len(text) < shortest:
        raise RuleBroken(
            "The password has %(length)s characters; at least %(shortest)s are needed. A sentence of a few "
            "words is long and easy to remember.",
            length=len(text),
            shortest=shortest,
            field=field,
        )
    if len(text) > LONGEST:
        raise RuleBroken("The password is longer than %(longest)s characters.", longest=LONGEST, field=field)
    folded = text.casefold()
    if folded in common or _monotonous(folded):
        raise RuleBroken("This password is among the first that are guessed. Choose another one.", field=field)
    if folded in {word.casefold() for word in personal if word}:
        raise RuleBroken("The password is your own name, address or user name. Choose another one.", field=field)


def _monotonous(text: str) -> bool:
    """One character repeated, or counting up or down."""
    steps = {ord(after) - ord(before) for before, after in pairwise(text)}
    return steps in ({0}, {1}, {-1})


def expired(changed_at: datetime | None, now: datetime, days: int) -> bool:
    """Tell whether a password set at ``changed_at`` is older than ``days`` days at ``now``; 0 days means never."""
    return days > 0 and (changed_at is None or changed_at + timedelta(days=days) <= now)
