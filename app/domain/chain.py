"""The arithmetic of the trail: canonical JSON, leaf, node and link hashes, Merkle roots, checkpoint notes.

Sources: 21 CFR 11.10(e) asks for the trail; the tree is that of RFC 6962 section 2.1; a checkpoint is a C2SP signed
note (https://c2sp.org/tlog-checkpoint, https://c2sp.org/signed-note). The stand-alone verifier repeats these
definitions on purpose, so that a mistake here cannot hide itself; a test compares the two.
"""

import json
from base64 import b64decode, b64encode
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time
from decimal import Decimal
from enum import Enum
from hashlib import sha256
from math import isfinite
from typing import Any

NOTHING = bytes(32)
"""Stands for the digest of an absent ``before`` or ``after`` and for the link before the first one."""

GENESIS = NOTHING.hex()

LEAF, NODE, LINK = b"\x00", b"\x01", b"\x02"

HEADER_FIELDS = (
    "tx", "n", "at", "action", "kind", "table_name", "record_id", "client_id", "user_id", "username",
    "printed_name", "on_behalf_of", "reason", "request_id", "session_id", "address", "source", "zone", "code_version",
)  # fmt: skip
"""The fields of an entry that its leaf hash covers, in the order in which they are hashed."""


def canonical(value: Any) -> str:
    """Return ``value`` as the one JSON text that is hashed: keys sorted, no spaces, UTF-8 kept as it is."""
    return json.dumps(plain(value), sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)


def plain(value: Any) -> Any:
    """Return ``value`` in JSON's own types: decimals as text, instants in UTC with microseconds, bytes as a digest.

    Raises ValueError for numbers without a value (NaN, infinity) and TypeError for types with no agreed form.
    """
    if value is None or (isinstance(value, bool | int | str) and not isinstance(value, Enum)):
        return value
    if isinstance(value, dict):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [plain(item) for item in value]
    if isinstance(value, set | frozenset):
        return sorted(plain(item) for item in value)
    if isinstance(value, Enum):
        return value.name
    if isinstance(value, datetime):
        return instant_text(value)
    if isinstance(value, date | time):
        return value.isoformat()
    if isinstance(value, Decimal):
        return format(value, "f")
    if isinstance(value, float):
        if not isfinite(value):
            raise ValueError("A number without a value cannot be put on record.")
        # SQLite hands 1e17 back as a whole number, so whole numbers are written as such everywhere
        return int(value) if value.is_integer() else value
    if isinstance(value, bytes | bytearray | memoryview):
        return {"sha256": sha256(value).hexdigest(), "size": len(value)}
    raise TypeError(f"No canonical form for {type(value).__name__}")


def instant_text(value: datetime) -> str:
    """Return an instant as ``YYYY-MM-DDTHH:MM:SS.ffffffZ``; a value without a zone comes without the Z."""
    if value.tzinfo is None:
        return value.isoformat(timespec="microseconds")
    if value.tzinfo is not UTC:
        value = value.astimezone(UTC)
    return value.isoformat(timespec="microseconds")[:-6] + "Z"


def leaf_hash(header: str, before: str | None, after: str | None) -> str:
    """Return the leaf of one entry in hex: H(0x00, header, H(before), H(after)).

    ``header`` is the canonical JSON array of ``HEADER_FIELDS``. Before and after enter by their digest, so that a
    payload can be redacted with evidence later while the chain still verifies (ICH E6(R3) 4.2.2(b)).
    """
    # written out, because a verification does this for every entry there is
    old = NOTHING if before is None else sha256(before.encode()).digest()
    new = NOTHING if after is None else sha256(after.encode()).digest()
    return sha256(b"".join((LEAF, header.encode(), old, new))).hexdigest()


def merkle_root(leaves: Sequence[str]) -> str:
    """Return the RFC 6962 root, in hex, of leaf hashes in hex. No leaves: the digest of nothing."""
    level = [bytes.fromhex(leaf) for leaf in leaves]
    if not level:
        return sha256(b"").hexdigest()
    while len(level) > 1:
        paired = [sha256(NODE + level[i] + level[i + 1]).digest() for i in range(0, len(level) - 1, 2)]
        if len(level) % 2:
            paired.append(level[-1])
        level = paired
    return level[0].hex()


def link_hash(prev: str, seq: int, tx: int, n: int, root: str, at: str, claim: str) -> str:
    """Return the hash, in hex, of the link that ties one transaction to all before it.

    ``at`` is the instant's text and ``claim`` comes from ``claim_text``. The server function ``audit_close`` on
    PostgreSQL hashes the same bytes.
    """
    told = f'[{seq},{tx},{n},"{root}","{at}",{claim}]'
    return sha256(LINK + bytes.fromhex(prev) + told.encode()).hexdigest()


def claim_text(claimed_at: str, actor: str, key_id: str | None, signature: str | None) -> str:
    """Return, as canonical JSON without its brackets, what the application claims about a transaction it closes."""
    return canonical([claimed_at, actor, key_id, signature])[1:-1]


def link_message(tx: int, n: int, root: str, claimed_at: str, actor: str, key_id: str) -> bytes:
    """Return what the application's key signs for one link; it does not need to know the link's place."""
    return canonical(["qualgate-link-1", tx, n, root, claimed_at, actor, key_id]).encode()


def key_id(public_key: bytes) -> str:
    """Return the short name of an Ed25519 public key (32 raw bytes)."""
    return sha256(public_key).hexdigest()[:16]


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """The head of the trail as told to the outside: ``seq`` links, the last of which hashes to ``head`` (hex)."""

    origin: str
    seq: int
    head: str
    at: str

    @property
    def text(self) -> str:
        """The lines that are signed."""
        head = b64encode(bytes.fromhex(self.head)).decode()
        return f"{self.origin}\n{self.seq}\n{head}\n{self.at}\n"


@dataclass(frozen=True, slots=True)
class SignedNote:
    """A checkpoint with one signature line: ``key_hash`` are the 4 bytes that name the key in the note format."""

    checkpoint: Checkpoint
    name: str
    key_hash: bytes
    signature: bytes

    @property
    def text(self) -> str:
        """The note as it is stored, mailed and printed."""
        blob = b64encode(self.key_hash + self.signature).decode()
        return f"{self.checkpoint.text}\n\N{EM DASH} {self.name} {blob}\n"


def note_key_hash(name: str, public_key: bytes) -> bytes:
    """Return the four bytes that name an Ed25519 key in a signed note."""
    return sha256(name.encode() + b"\n\x01" + public_key).digest()[:4]


def parse_note(text: str) -> SignedNote:
    """Read a signed checkpoint. Raises ValueError when the text is not one."""
    body, separator, tail = text.partition("\n\n")
    lines = body.split("\n")
    words = tail.strip("\n").split(" ")
    if not separator or len(lines) != 4 or len(words) != 3 or words[0] != "\N{EM DASH}":
        raise ValueError("This is not a signed checkpoint.")
    blob = b64decode(words[2], validate=True)
    head = b64decode(lines[2], validate=True)
    if len(blob) != 68 or len(head) != 32:
        raise ValueError("This is not a signed checkpoint.")
    checkpoint = Checkpoint(origin=lines[0], seq=int(lines[1]), head=head.hex(), at=lines[3])
    return SignedNote(checkpoint=checkpoint, name=words[1], key_hash=blob[:4], signature=blob[4:])
