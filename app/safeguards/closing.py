"""The end of a transaction: one signed link ties its entries to everything before them.

On PostgreSQL the server function ``audit_close`` takes the lock, reads the head and inserts the link in one round
trip; on SQLite the transaction holds the write lock already.
"""

from datetime import datetime

from sqlalchemy import Connection, select
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Session

from app.domain.chain import GENESIS, claim_text, instant_text, link_hash, link_message, merkle_root
from app.models.trail import AuditEntry, AuditKey, AuditLink
from app.safeguards.audit import STATE, TrailState
from app.safeguards.context import current
from app.safeguards.database import door
from app.safeguards.keys import Signer

SIGNER = "qualgate.signer"
KEYS = "qualgate.keys"


def close_transaction(session: Session, signer: Signer | None) -> None:
    """Link the transaction's entries, if it has any. Anything that fails here keeps it from committing."""
    state: TrailState | None = session.info.get(STATE)
    if state is None or state.linked or not state.n:
        return
    connection = session.connection()
    leaves = _leaves(connection, state.tx) if state.reread else state.leaves
    if not leaves:
        return
    with door(connection):
        _insert_link(connection, state.tx, leaves, signer)
    state.linked = True


def close_apart(connection: Connection, state: TrailState, signer: Signer | None) -> None:
    """Link the entries of a transaction that belongs to no session, such as an upgrade of the tables."""
    if state.leaves:
        with door(connection):
            _insert_link(connection, state.tx, state.leaves, signer)
        state.linked = True


def _leaves(connection: Connection, tx: int) -> list[str]:
    """Return the leaves that are really there; a savepoint may have taken some of them back."""
    return list(connection.scalars(select(AuditEntry.leaf).where(AuditEntry.tx == tx).order_by(AuditEntry.n)))


def _insert_link(connection: Connection, tx: int, leaves: list[str], signer: Signer | None) -> None:
    context = current()
    claimed, actor = context.now(), context.username
    root = merkle_root(leaves)
    key = signature = None
    if signer is not None:
        _keep_key(connection, signer, claimed)
        key = signer.key_id
        signature = signer.sign(link_message(tx, len(leaves), root, instant_text(claimed), actor, key))
    claim = claim_text(instant_text(claimed), actor, key, signature)
    if connection.dialect.name == "postgresql":
        values = (tx, len(leaves), root, claimed, actor, key, signature, claim)
        connection.exec_driver_sql("SELECT audit_close(%s, %s, %s, %s, %s, %s, %s, %s)", values)
        return
    head = connection.execute(
        select(AuditLink.seq, AuditLink.link, AuditLink.at).order_by(AuditLink.seq.desc()).limit(1)
    ).first()
    seq, prev, at = (1, GENESIS, claimed) if head is None else (head[0] + 1, head[1], max(head[2], claimed))
    link = link_hash(prev, seq, tx, len(leaves), root, instant_text(at), claim)
    row = {"seq": seq, "tx": tx, "n": len(leaves), "root": root, "at": at, "claimed_at": claimed,
           "actor": actor, "prev": prev, "link": link, "key_id": key, "signature": signature}  # fmt: skip
    connection.execute(AuditLink.__table__.insert(), row)


def _keep_key(connection: Connection, signer: Signer, now: datetime) -> None:
    """Store the public key the first time that it signs; a connection asks until it has seen it stored."""
    known = connection.info.setdefault(KEYS, set())
    if signer.key_id in known:
        return
    if connection.scalar(select(AuditKey.key_id).where(AuditKey.key_id == signer.key_id)) is not None:
        known.add(signer.key_id)
        return
    values = {"key_id": signer.key_id, "public_key": signer.public.hex(), "since": now}
    insert = postgresql.insert if connection.dialect.name == "postgresql" else sqlite.insert
    connection.execute(insert(AuditKey).values(values).on_conflict_do_nothing())
