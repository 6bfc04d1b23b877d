"""The application's own signing key: Ed25519, in a file outside the database, readable by its owner alone.

A row forged by somebody who can write to the database but not read this file is found, because its chain link
lacks a good signature (21 CFR 11.10(e); see docs/trail.md).
"""

import os
import stat
from dataclasses import dataclass
from pathlib import Path

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_pem_private_key,
)

from app.domain.chain import Checkpoint, SignedNote, key_id, note_key_hash
from app.domain.errors import RuleBroken


@dataclass(frozen=True, slots=True)
class Signer:
    """Signs chain links and checkpoints with the application's key."""

    private: Ed25519PrivateKey
    public: bytes
    key_id: str

    @classmethod
    def of(cls, private: Ed25519PrivateKey) -> "Signer":
        """Return the signer that holds ``private``."""
        public = private.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)
        return cls(private, public, key_id(public))

    def sign(self, message: bytes) -> str:
        """Return the signature of ``message`` in hex."""
        return self.private.sign(message).hex()

    def sign_checkpoint(self, checkpoint: Checkpoint) -> SignedNote:
        """Return ``checkpoint`` as a signed note in the name of its origin."""
        signature = self.private.sign(checkpoint.text.encode())
        return SignedNote(checkpoint, checkpoint.origin, note_key_hash(checkpoint.origin, self.public), signature)


def create_key(path: Path) -> Signer:
    """Create the key file with mode 0600 and return its signer. Raises FileExistsError rather than overwrite one."""
    private = Ed25519PrivateKey.generate()
    text = private.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    path.parent.mkdir(parents=True, exist_ok=True)
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(handle, "wb") as file:
        file.write(text)
    signer = Signer.of(private)
    path.with_suffix(".pub").write_text(f"{signer.key_id} {signer.public.hex()}\n", encoding="ascii")
    return signer


def load_key(path: Path) -> Signer:
    """Return the signer of the key file.

    Raises RuleBroken when the file is missing, is no Ed25519 key, or can be read by others than its owner.
    """
    if not path.is_file():
        raise RuleBroken(
            "The key of the audit trail, %(path)s, is missing. Run 'qualgate init', or put it back.", path=path
        )
    if path.stat().st_mode & (stat.S_IRWXG | stat.S_IRWXO):
        raise RuleBroken(
            "The key of the audit trail, %(path)s, can be read by others. Run: chmod 600 %(path)s", path=path
        )
    try:
        private = load_pem_private_key(path.read_bytes(), password=None)
    except (ValueError, TypeError) as error:
        raise RuleBroken("The file %(path)s does not hold a key of the audit trail.", path=path) from error
    if not isinstance(private, Ed25519PrivateKey):
        raise RuleBroken("The file %(path)s does not hold a key of the audit trail.", path=path)
    return Signer.of(private)


def signature_holds(public_key: bytes, message: bytes, signature_hex: str) -> bool:
    """Tell whether the signature, in hex, was made over ``message`` with the key whose public half is given."""
    try:
        Ed25519PublicKey.from_public_bytes(public_key).verify(bytes.fromhex(signature_hex), message)
    except (InvalidSignature, ValueError):
        return False
    return True


def note_holds(public_key: bytes, note: SignedNote) -> bool:
    """Tell whether a checkpoint was signed with the key whose public half is given."""
    if note.key_hash != note_key_hash(note.name, public_key):
        return False
    return signature_holds(public_key, note.checkpoint.text.encode(), note.signature.hex())
