"""Whether the trail itself is whole: leaves, roots, links, signatures, checkpoints (AUD-3).

Reads with plain statements, so that what lies in the database is judged and not what a class makes of it.
"""

import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import count
from json.encoder import encode_basestring
from json.scanner import make_scanner
from typing import Any

from sqlalchemy import Connection

from app.domain.chain import (
    GENESIS,
    Checkpoint,
    canonical,
    claim_text,
    instant_text,
    leaf_hash,
    link_hash,
    link_message,
    merkle_root,
    parse_note,
)
from app.domain.text import Phrase
from app.safeguards.keys import note_holds, signature_holds

BATCH = 5_000
_CURSORS = count()


@dataclass(frozen=True, slots=True)
class Finding:
    """Something that is not as the application left it: which kind, where, and in words what."""

    kind: str
    table: str | None
    row: str | None
    entry: int | None
    what: Phrase

    def __str__(self) -> str:
        return f"{self.kind}: {self.what}" + (f" (entry {self.entry})" if self.entry else "")

    def as_dict(self) -> dict[str, Any]:
        """Return the finding for JSON."""
        return {"kind": self.kind, "table": self.table, "row": self.row, "entry": self.entry, "what": str(self.what)}


@dataclass(slots=True)
class ChainState:
    """What a pass over the chain has seen."""

    entries: int = 0
    links: int = 0
    head: str = GENESIS
    heads: dict[int, str] = field(default_factory=dict)
    findings: list[Finding] = field(default_factory=list)
    notices: list[Phrase] = field(default_factory=list)

    def find(
        self, kind: str, what: Phrase, table: str | None = None, row: str | None = None, entry: int | None = None
    ) -> None:
        """Keep a finding."""
        self.findings.append(Finding(kind, table, row, entry, what))


Entry = tuple[Any, ...]
"""id, the fields of ``chain.HEADER_FIELDS``, before, after, leaf."""

ID, TX, N, AT, ACTION, KIND, TABLE, RECORD, CLIENT = range(9)
WHO, BEFORE, AFTER, LEAF, SEQ = slice(9, 20), 20, 21, 22, 23

_ENTRY_COLUMNS = (
    "e.id, e.tx, e.n, e.at, e.action, e.kind, e.table_name, e.record_id, e.client_id, e.user_id, e.username, "
    "e.printed_name, e.on_behalf_of, e.reason, e.request_id, e.session_id, e.address, e.source, e.zone, "
    "e.code_version, e.before, e.after, e.leaf"
)
LINKS = (
    "SELECT l.seq, l.tx, l.n, l.root, l.at, l.claimed_at, l.actor, l.prev, l.link, l.key_id, l.signature "
    "FROM audit_links l ORDER BY l.seq"
)
LINKED = (
    f"SELECT {_ENTRY_COLUMNS}, l.seq FROM audit_links l "  # noqa: S608  constant names
    "JOIN audit_entries e ON e.tx = l.tx ORDER BY l.seq, e.n"
)
UNLINKED = (
    f"SELECT {_ENTRY_COLUMNS} FROM audit_entries e "  # noqa: S608  constant names
    "WHERE NOT EXISTS (SELECT 1 FROM audit_links l WHERE l.tx = e.tx) ORDER BY e.id"
)


def stream(connection: Connection, query: str) -> Iterator[tuple[Any, ...]]:
    """Yield the rows of a plain statement as the driver hands them out, without holding all of them."""
    raw: Any = connection.connection.driver_connection
    named = connection.dialect.name == "postgresql"
    cursor = raw.cursor(name=f"qualgate_{next(_CURSORS)}") if named else raw.cursor()
    try:
        if named:
            cursor.itersize = BATCH
        cursor.execute(query)
        yield from cursor
    finally:
        cursor.close()


def moment(value: Any) -> str:
    """Return the canonical text of an instant as the driver hands it out; a malformed one comes back as it is."""
    if isinstance(value, datetime):
        return instant_text(value if value.tzinfo else value.replace(tzinfo=UTC))
    text = str(value)
    return f"{text[:10]}T{text[11:]}Z" if len(text) == 26 and text[10] == " " else text


class HeaderWriter:
    """Writes the header text of entries; what an entry has in common with the one before is not encoded again."""

    def __init__(self) -> None:
        self._parts: dict[tuple[Any, ...], str] = {}
        self._at: Any = None
        self._what: tuple[Any, ...] = ()
        self._who: tuple[Any, ...] = ()
        self._at_text = self._what_text = self._who_text = ""

    def __call__(self, entry: Entry) -> str:
        """Return the canonical JSON array of the entry's header."""
        what, who = entry[ACTION : TABLE + 1], entry[WHO]
        if entry[AT] != self._at:
            self._at, self._at_text = entry[AT], moment(entry[AT])
        if what != self._what:
            self._what, self._what_text = what, self._part(what)
        if who != self._who:
            self._who, self._who_text = who, self._part(who)
        record = "null" if entry[RECORD] is None else encode_basestring(str(entry[RECORD]))
        client = "null" if entry[CLIENT] is None else entry[CLIENT]
        return f'[{entry[TX]},{entry[N]},"{self._at_text}",{self._what_text},{record},{client},{self._who_text}]'

    def _part(self, values: tuple[Any, ...]) -> str:
        text = self._parts.get(values)
        if text is None:
            if len(self._parts) > BATCH:
                self._parts.clear()
            text = self._parts[values] = canonical(list(values))[1:-1]
        return text


def walk(
    connection: Connection, state: ChainState, keys: Mapping[str, bytes], covered: int, visit: Callable[[Entry], None]
) -> None:
    """Check every link in order and call ``visit`` with each of its entries.

    ``keys`` are the trusted public keys by id. Signatures of links up to the number ``covered`` are not checked one by
    one: a trusted checkpoint, whose head the walk meets, vouches for them.
    """
    header, entries = HeaderWriter(), stream(connection, LINKED)
    entry = next(entries, None)
    for link in stream(connection, LINKS):
        leaves: list[str] = []
        while entry is not None and entry[SEQ] == link[0]:
            leaf = entry[LEAF]
            if leaf_hash(header(entry), entry[BEFORE], entry[AFTER]) != leaf:
                _entry_altered(state, entry)
            leaves.append(leaf)
            visit(entry)
            entry = next(entries, None)
        state.entries += len(leaves)
        _check_link(state, link, leaves, keys, covered)
    for entry in stream(connection, UNLINKED):
        state.entries += 1
        what = Phrase(
            "Entry %(entry)s belongs to no closed transaction: it was inserted, or its link was removed.",
            entry=entry[ID],
        )
        state.find("entry_unlinked", what, entry[TABLE], entry[RECORD], entry[ID])


def _root(leaves: list[str]) -> str | None:
    try:
        return merkle_root(leaves)
    except ValueError:
        return None


def _entry_altered(state: ChainState, entry: Entry) -> None:
    what = Phrase("Entry %(entry)s was altered after it was written.", entry=entry[ID])
    state.find("entry_altered", what, entry[TABLE], entry[RECORD], entry[ID])


def _check_link(
    state: ChainState, link: tuple[Any, ...], leaves: list[str], keys: Mapping[str, bytes], covered: int
) -> None:
    seq, tx, n, root, at, claimed_at, actor, prev, stored, key_id, signature = link
    state.links += 1
    if seq != state.links and not state.heads.get(-1):
        state.heads[-1] = "gap"
        state.find(
            "link_missing",
            Phrase("Link %(seq)s follows after %(count)s links: some were removed.", seq=seq, count=state.links - 1),
        )
    if prev != state.head:
        state.find("link_order", Phrase("Link %(seq)s does not follow the one before it.", seq=seq))
    if len(leaves) != n or _root(leaves) != root:
        what = Phrase(
            "The entries of link %(seq)s are not those that it was made over: it had %(n)s, now there are %(count)s.",
            seq=seq, n=n, count=len(leaves),
        )  # fmt: skip
        state.find("link_entries", what)
    at_text, claimed_text = moment(at), moment(claimed_at)
    try:
        good = link_hash(prev, seq, tx, n, root, at_text, claim_text(claimed_text, actor, key_id, signature)) == stored
    except (TypeError, ValueError):
        good = False
    if not good:
        state.find("link_altered", Phrase("Link %(seq)s was altered after it was made.", seq=seq))
    if claimed_text < at_text:
        state.notices.append(
            Phrase(
                "At link %(seq)s the clock stood at %(claimed)s, before %(at)s: it had been set back.",
                seq=seq,
                claimed=claimed_text,
                at=at_text,
            )
        )
    if keys and seq > covered:
        _check_signature(state, link, claimed_text, keys)
    state.head = stored
    state.heads[seq] = stored


def _check_signature(state: ChainState, link: tuple[Any, ...], claimed: str, keys: Mapping[str, bytes]) -> None:
    seq, tx, n, root, _, _, actor, _, _, key_id, signature = link
    if not signature or not key_id:
        state.find("signature_missing", Phrase("Link %(seq)s is not signed by the application.", seq=seq))
    elif key_id not in keys:
        state.find(
            "key_unknown",
            Phrase("Link %(seq)s is signed with the key %(key)s, which is not trusted.", seq=seq, key=key_id),
        )
    elif not signature_holds(keys[key_id], link_message(tx, n, root, claimed, actor, key_id), signature):
        state.find(
            "signature_bad",
            Phrase("The signature of link %(seq)s does not hold: the application did not make it.", seq=seq),
        )


def trusted_checkpoint(notes: Iterable[str], keys: Mapping[str, bytes], heads: Mapping[int, str]) -> int:
    """Return the number of the last link that a checkpoint signed with a trusted key agrees with, or 0."""
    best = 0
    for text in notes:
        checkpoint = _read(text, keys)
        if checkpoint is not None and heads.get(checkpoint.seq) == checkpoint.head:
            best = max(best, checkpoint.seq)
    return best


def _read(text: str, keys: Mapping[str, bytes]) -> Checkpoint | None:
    try:
        note = parse_note(text)
    except ValueError:
        return None
    return note.checkpoint if any(note_holds(key, note) for key in keys.values()) else None


def check_checkpoints(state: ChainState, notes: Mapping[str, str], keys: Mapping[str, bytes]) -> None:
    """Compare signed checkpoints (by the name of their place) with the chain that the walk has seen."""
    for place, text in notes.items():
        checkpoint = _read(text, keys) if keys else None
        if checkpoint is None:
            state.find(
                "checkpoint_bad",
                Phrase("The checkpoint %(place)s is damaged, or not signed with a trusted key.", place=place),
            )
        elif checkpoint.seq and state.heads.get(checkpoint.seq) != checkpoint.head:
            state.find("checkpoint_disagrees", Phrase(
                "The checkpoint %(place)s of %(at)s tells of link %(seq)s as %(head)s, which is not in the trail: "
                "the trail was cut off or rewritten since.",
                place=place, at=checkpoint.at, seq=checkpoint.seq, head=checkpoint.head[:16]))  # fmt: skip


def stored_heads(connection: Connection) -> dict[int, str]:
    """Return the stored hash of each link by its number."""
    return dict(stream(connection, "SELECT seq, link FROM audit_links"))


_scan: Callable[[str, int], tuple[Any, int]] = make_scanner(json.JSONDecoder())  # type: ignore[arg-type]
_encode = json.JSONEncoder(sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False).encode


def parsed(text: str | None) -> dict[str, Any]:
    """Return the values of a ``before`` or ``after`` text; none for a text that cannot be read."""
    if not text:
        return {}
    try:
        value, end = _scan(text, 0)  # as json.loads, which spends more on looking for spaces around the value
    except (ValueError, StopIteration):
        return {}
    return value if end == len(text) and isinstance(value, dict) else {}


def written(values: dict[str, Any]) -> str:
    """Return the canonical text of values that were parsed from one, and so are of JSON's own types."""
    return _encode(values)
