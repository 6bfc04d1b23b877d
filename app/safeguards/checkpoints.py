"""Signed checkpoints: the head of the trail, told to the outside, so that a later cut-off or rewrite shows (AUD-3)."""

import os
from pathlib import Path

from sqlalchemy import Connection, select
from sqlalchemy.orm import Session

from app.domain.chain import Checkpoint, SignedNote, instant_text, link_message
from app.domain.errors import RuleBroken
from app.models.trail import AuditCheckpoint, AuditKey, AuditLink
from app.safeguards import audit
from app.safeguards.context import current
from app.safeguards.database import door
from app.safeguards.keys import Signer, signature_holds

ORIGIN = "qualgate"


def make_checkpoint(session: Session, signer: Signer, folder: Path | None) -> SignedNote:
    """Sign the current head, keep it in the database and, if ``folder`` is given, in a file there; return the note.

    Every link since the last checkpoint must bear a good signature first: a checkpoint vouches for what is before it.
    Raises RuleBroken when one does not; run ``qualgate audit verify`` then. That a checkpoint was made is an entry, so
    that a removed one is missed. The caller commits.
    """
    connection = session.connection()
    seq, head, _ = head_of(connection)
    _check_links(connection, signer, seq)
    checkpoint = Checkpoint(ORIGIN, seq, head, instant_text(current().now()))
    note = signer.sign_checkpoint(checkpoint)
    path = None
    if folder is not None:
        path = folder / f"checkpoint-{seq:012d}-{head[:8]}.txt"
        _write(path, note.text)
    row = {
        "seq": seq,
        "head": head,
        "at": current().now(),
        "note": note.text,
        "exported_to": str(path) if path else None,
    }
    with door(connection):
        connection.execute(AuditCheckpoint.__table__.insert(), row)
    audit.note(session, "checkpoint", seq=seq, head=head)
    return note


def has_news(session: Session) -> bool:
    """Tell whether anything but the last checkpoint itself was put on the trail since."""
    last = session.scalar(select(AuditCheckpoint.seq).order_by(AuditCheckpoint.id.desc()).limit(1)) or 0
    newest = session.scalar(select(AuditLink.seq).order_by(AuditLink.seq.desc()).limit(1)) or 0
    return newest > last + 1


def head_of(connection: Connection) -> tuple[int, str, str]:
    """Return number, hash and instant of the last link. Raises RuleBroken when there is none yet."""
    query = select(AuditLink.seq, AuditLink.link, AuditLink.at).order_by(AuditLink.seq.desc()).limit(1)
    row = connection.execute(query).first()
    if row is None:
        raise RuleBroken("There is nothing on the audit trail yet.")
    return row.seq, row.link, instant_text(row.at)


def seal(session: Session) -> str:
    """Return what is printed on every report: the number of the last link and 16 digits of its hash.

    Each printed copy bears witness to the trail as it stood.
    """
    seq, head, _ = head_of(session.connection())
    return f"{seq}-{head[:16]}"


def _check_links(connection: Connection, signer: Signer, upto: int) -> None:
    """Check the signatures of the links since the last checkpoint."""
    last = connection.scalar(select(AuditCheckpoint.seq).order_by(AuditCheckpoint.id.desc()).limit(1)) or 0
    keys = {row.key_id: bytes.fromhex(row.public_key) for row in connection.execute(select(AuditKey.__table__))}
    keys[signer.key_id] = signer.public
    query = select(AuditLink.__table__).where(AuditLink.seq > last, AuditLink.seq <= upto)
    for link in connection.execute(query):
        told = link_message(link.tx, link.n, link.root, instant_text(link.claimed_at), link.actor, link.key_id or "")
        key = keys.get(link.key_id)
        if key is None or not link.signature or not signature_holds(key, told, link.signature):
            raise RuleBroken(
                "Link %(seq)s of the audit trail bears no good signature, so no checkpoint is made. "
                "Run 'qualgate audit verify'.",
                seq=link.seq,
            )


def _write(path: Path, text: str) -> None:
    """Write a note whole or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_suffix(".part")
    with draft.open("w", encoding="utf-8") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    draft.replace(path)
