"""``qualgate audit verify``: is the trail whole, and do the tables hold what it tells (AUD-3, 21 CFR 11.10(a))."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from flask_appbuilder import Model
from sqlalchemy import Connection, MetaData, inspect

from app.domain.chain import key_id
from app.domain.text import Phrase
from app.safeguards.database import snapshot
from app.safeguards.guards import missing_guards
from app.services.memory import collector_paused
from app.services.trail_chain import (
    ChainState,
    Finding,
    check_checkpoints,
    stored_heads,
    trusted_checkpoint,
    walk,
)
from app.services.trail_replay import Replay, compare


@dataclass(frozen=True, slots=True)
class Verdict:
    """What a verification found. ``sound`` means that nothing was changed behind the application's back."""

    entries: int
    links: int
    rows: int
    head: str
    findings: tuple[Finding, ...]
    notices: tuple[Phrase, ...]

    @property
    def sound(self) -> bool:
        """Whether there is no finding."""
        return not self.findings

    @property
    def seal(self) -> str:
        """The short form of the head that is printed on paper: number of links and 16 digits of the hash."""
        return f"{self.links}-{self.head[:16]}"

    def as_dict(self) -> dict[str, Any]:
        """Return the verdict for JSON."""
        return {
            "sound": self.sound,
            "entries": self.entries,
            "links": self.links,
            "rows": self.rows,
            "head": self.head,
            "findings": [finding.as_dict() for finding in self.findings],
            "notices": [str(notice) for notice in self.notices],
        }


def read_public_keys(folder: Path) -> dict[str, bytes]:
    """Return the trusted public keys, by their short name, of the ``*.pub`` files in ``folder``."""
    keys = {}
    for path in sorted(folder.glob("*.pub")):
        words = path.read_text(encoding="ascii").split()
        if len(words) == 2:
            key = bytes.fromhex(words[1])
            keys[key_id(key)] = key
    return keys


def read_notes(folder: Path) -> dict[str, str]:
    """Return the checkpoints kept in ``folder``, by file name."""
    return {path.name: path.read_text(encoding="utf-8") for path in sorted(folder.glob("*.txt"))}


@collector_paused()
def verify(
    connection: Connection, keys: Mapping[str, bytes], notes: Mapping[str, str], metadata: MetaData | None = None,
    *, every_signature: bool = False,
) -> Verdict:  # fmt: skip
    """Verify the whole trail and replay it against the live rows; return every finding.

    ``keys`` are the public keys that are trusted, from outside of the database; without any, signatures are not
    checked and a notice says so. ``notes`` are checkpoints kept outside, by name; those in the database are added. A
    checkpoint is only ever signed over links whose signatures were checked, so those before the latest one are not
    checked one by one unless ``every_signature``. The connection must not have begun a transaction yet.
    """
    metadata = Model.metadata if metadata is None else metadata
    state = ChainState()
    with snapshot(connection):
        told = {**_stored_notes(connection), **notes} if keys else dict(notes)
        covered = 0 if every_signature else trusted_checkpoint(told.values(), keys, stored_heads(connection))
        replay = Replay(state)
        walk(connection, state, keys, covered, replay.visit)
        check_checkpoints(state, told, keys)
        rows = compare(connection, replay, metadata)
        _check_guards(connection, state, metadata)
        _check_schema(connection, state, replay.revision)
        _check_side_tables(connection, state, replay)
    if not keys:
        state.notices.append(Phrase("No public key was given, so that signatures were not checked."))
    return Verdict(state.entries, state.links, rows, state.head, tuple(state.findings), tuple(state.notices))


def _stored_notes(connection: Connection) -> dict[str, str]:
    rows: Iterable[Any] = connection.exec_driver_sql("SELECT id, note FROM audit_checkpoints ORDER BY id")
    return {f"#{number}": note for number, note in rows}


def _check_schema(connection: Connection, state: ChainState, told: str | None) -> None:
    """Compare the revision of the tables with the last upgrade on the trail."""
    if not inspect(connection).has_table("alembic_version"):
        return
    found = connection.exec_driver_sql("SELECT version_num FROM alembic_version").scalar()
    if found != told:
        what = Phrase("The tables are at revision %(found)s, the trail tells of %(told)s.", found=found, told=told)
        state.find("schema_unrecorded", what)


def _check_side_tables(connection: Connection, state: ChainState, replay: Replay) -> None:
    """Compare the tables of checkpoints and keys with what the trail itself tells of them."""
    held = {tuple(row) for row in connection.exec_driver_sql("SELECT seq, head FROM audit_checkpoints")}
    for seq, head in replay.checkpoints - held:
        what = Phrase("The checkpoint of link %(seq)s (%(head)s) was removed.", seq=seq, head=str(head)[:16])
        state.find("checkpoint_missing", what, "audit_checkpoints")
    for seq, head in held - replay.checkpoints:
        what = Phrase("The checkpoint of link %(seq)s (%(head)s) was inserted.", seq=seq, head=str(head)[:16])
        state.find("checkpoint_unrecorded", what, "audit_checkpoints")
    stored = {row[0]: row[1] for row in connection.exec_driver_sql("SELECT key_id, public_key FROM audit_keys")}
    used = {row[0] for row in connection.exec_driver_sql("SELECT DISTINCT key_id FROM audit_links") if row[0]}
    for name in sorted(used | stored.keys()):
        if name not in stored or name not in used or not _is_key(name, stored[name]):
            what = Phrase("The public key %(key)s was removed, inserted or altered in the table of keys.", key=name)
            state.find("key_altered", what, "audit_keys", name)


def _is_key(name: str, public_key: str) -> bool:
    try:
        return key_id(bytes.fromhex(public_key)) == name
    except (ValueError, TypeError):
        return False


def _check_guards(connection: Connection, state: ChainState, metadata: MetaData) -> None:
    for table in missing_guards(connection, metadata):
        what = Phrase(
            "The guards of the table %(table)s are gone. Run 'qualgate upgrade' to put them back.", table=table
        )
        state.find("guard_missing", what, table)
