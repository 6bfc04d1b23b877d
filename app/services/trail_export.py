"""``qualgate audit export FILE``: the trail as JSON lines that ``verify_trail.py`` checks without the application.

The format is described in docs/trail.md. An export for one client holds that client's entries in full and of all the
others only their leaf hash, so that the chain still verifies and nothing else is told (CLI-2).
"""

import gzip
import json
from collections.abc import Iterator, Mapping
from hashlib import sha256
from pathlib import Path
from typing import IO, Any

from sqlalchemy import Connection

from app.domain.chain import HEADER_FIELDS, instant_text
from app.safeguards.context import Context
from app.safeguards.database import snapshot
from app.services.trail_chain import AFTER, AT, BEFORE, CLIENT, LEAF, LINKED, LINKS, SEQ, TX, Entry, N, moment, stream

FORMAT = 1
LINK_FIELDS = ("seq", "tx", "n", "root", "at", "claimed_at", "actor", "prev", "link", "key_id", "signature")


def export(
    connection: Connection, target: Path, context: Context, notes: Mapping[str, str], client_id: int | None = None
) -> dict[str, int]:
    """Write the trail to ``target`` (gzip when its name ends in .gz); return how many links and entries it holds.

    With ``client_id``, entries of other clients and of the company are reduced to their hash. The file is complete or
    not there at all. The connection must not have begun a transaction yet.
    """
    draft = target.with_name(target.name + ".part")
    opened = gzip.open if target.suffix == ".gz" else open
    with snapshot(connection), opened(draft, "wt", encoding="utf-8", newline="\n") as file:
        told = _write(file, _lines(connection, context, notes, client_id))
    draft.replace(target)
    return told


def _write(file: IO[str], lines: Iterator[tuple[str, Any]]) -> dict[str, int]:
    digest, count = sha256(), {"links": 0, "entries": 0}
    for kind, value in lines:
        text = json.dumps({kind: value}, ensure_ascii=False, separators=(",", ":")) + "\n"
        digest.update(text.encode())
        file.write(text)
        if f"{kind}s" in count or kind == "entry":
            count["entries" if kind == "entry" else f"{kind}s"] += 1
    end = {**count, "sha256": digest.hexdigest()}
    file.write(json.dumps({"end": end}, separators=(",", ":")) + "\n")
    return count


def _lines(
    connection: Connection, context: Context, notes: Mapping[str, str], client_id: int | None
) -> Iterator[tuple[str, Any]]:
    yield (
        "trail",
        {
            "format": FORMAT,
            "exported_at": instant_text(context.now()),
            "exported_by": context.printed_name,
            "client_id": client_id,
        },
    )
    for key, public, since in stream(connection, "SELECT key_id, public_key, since FROM audit_keys ORDER BY since"):
        yield "key", {"key_id": key, "public_key": public, "since": moment(since)}
    entries = stream(connection, LINKED)
    entry = next(entries, None)
    for link in stream(connection, LINKS):
        while entry is not None and entry[SEQ] == link[0]:
            yield "entry", _entry(entry, client_id)
            entry = next(entries, None)
        told = dict(zip(LINK_FIELDS, link, strict=True))
        yield "link", {**told, "at": moment(told["at"]), "claimed_at": moment(told["claimed_at"])}
    for place, note in notes.items():
        yield "checkpoint", {"place": place, "note": note}


def _entry(entry: Entry, client_id: int | None) -> dict[str, Any]:
    if client_id is not None and entry[CLIENT] != client_id:
        return {"tx": entry[TX], "n": entry[N], "leaf": entry[LEAF]}
    told = dict(zip(("id", *HEADER_FIELDS), entry, strict=False))
    told["at"] = moment(entry[AT])
    return {**told, "before": entry[BEFORE], "after": entry[AFTER], "leaf": entry[LEAF]}
