"""Writes what an import of documents found to do, and gives every version the state that its dates say."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from app.domain.dates import FOREVER
from app.models.documents import DocumentType, Item, Release, Retirement, Verdict, Version
from app.models.signing import Transition
from app.safeguards import bulk
from app.safeguards.context import current
from app.services import contents, files, workflow
from app.services.importing.lookups import chunks, select_by
from app.services.importing.plan import FactChanges, Touched, Writing
from app.services.importing.sheet import Sheet

DATED_STATES = frozenset({"draft", "approved", "effective", "superseded", "obsolete"})
"""States that an import may move a version out of; one in review stays with its reviewers."""


@dataclass(slots=True)
class DocumentChanges:
    """New and changed items and versions by code and label, and the facts about them."""

    sheet: Sheet
    new_items: dict[str, dict[str, Any]] = field(default_factory=dict)
    changed_items: dict[str, dict[str, Any]] = field(default_factory=dict)
    new_versions: list[tuple[str, str, dict[str, Any]]] = field(default_factory=list)
    changed_versions: dict[tuple[str, str], tuple[int, dict[str, Any]]] = field(default_factory=dict)
    releases: FactChanges = field(init=False)
    verdicts: FactChanges = field(init=False)
    retirements: FactChanges = field(init=False)

    def __post_init__(self) -> None:
        self.releases = FactChanges(self.sheet, Release, ("item_id", "version_id"), ("training_from", "effective_from"))
        self.verdicts = FactChanges(self.sheet, Verdict, ("version_id", "function_id"), ("verdict",))
        self.retirements = FactChanges(self.sheet, Retirement, ("item_id",), ("retired_at",))


def write(writing: Writing, changes: DocumentChanges) -> Touched:
    """Write types, items, versions, their facts, then the states; all items of the file that changed are concerned."""
    session = writing.session
    _add_types(session, changes)
    items = _write_items(session, changes)
    with workflow.restoring_history(session):
        versions = _write_versions(session, changes, items)
    for facts, keyed in (
        (changes.releases, lambda key: (items[key[0]], versions[key[:2]])),
        (changes.verdicts, lambda key: (versions[key[:2]], key[2])),
        (changes.retirements, lambda key: (items[key[0]],)),
    ):
        _key_by_id(facts, keyed)
        facts.write(writing)
    touched = set(items.values())
    set_states(session, touched, writing.at)
    return Touched(None, touched)


def _key_by_id(facts: FactChanges, keyed: Any) -> None:
    facts.adds = [one._replace(key=keyed(one.key)) for one in facts.adds]
    facts.restated = [(old, one._replace(key=keyed(one.key))) for old, one in facts.restated]


def _add_types(session: Session, changes: DocumentChanges) -> None:
    """Add the document types that are new and put their ids where their codes stood."""
    lines = [line for line in (*changes.new_items.values(), *changes.changed_items.values())]
    codes = sorted({line["type_id"] for line in lines if isinstance(line.get("type_id"), str)})
    new = bulk.insert_many(session, DocumentType, [{"code": code, "name": code} for code in codes])
    ids = dict(zip(codes, new, strict=True))
    for line in lines:
        if isinstance(line.get("type_id"), str):
            line["type_id"] = ids[line["type_id"]]


def _write_items(session: Session, changes: DocumentChanges) -> dict[str, int]:
    """Return code → id of every item that anything of the file changes."""
    codes = list(changes.new_items)
    new = bulk.insert_many(session, Item, [{"code": code, **changes.new_items[code]} for code in codes])
    bulk.update_many(session, Item, list(changes.changed_items.values()))
    _follow_client(session, changes)
    named = {code for code, _, _ in changes.new_versions} | {code for code, _ in changes.changed_versions}
    for facts in (changes.releases, changes.verdicts, changes.retirements):
        named |= {one.key[0] for one in facts.lines}
    named |= changes.changed_items.keys()
    ids = dict(zip(codes, new, strict=True))
    for part in chunks(named - ids.keys()):
        ids |= {code: one for code, one in session.execute(select(Item.code, Item.id).where(Item.code.in_(part)))}
    return ids | _of_withdrawn(session, changes)


def _follow_client(session: Session, changes: DocumentChanges) -> None:
    """Versions repeat the client of their item."""
    moved = {line["id"]: line["client_id"] for line in changes.changed_items.values() if "client_id" in line}
    versions = select_by(session, (Version.id, Version.item_id), Version.item_id, moved)
    bulk.update_many(session, Version, [{"id": one, "client_id": moved[item]} for one, item in versions])


def _of_withdrawn(session: Session, changes: DocumentChanges) -> dict[str, int]:
    """Items of which a fact is withdrawn without another in its place are concerned too."""
    found: dict[str, int] = {}
    for part in chunks(changes.releases.withdrawn):
        query = select(Item.code, Item.id).join(Release, Release.item_id == Item.id).where(Release.id.in_(part))
        found |= {key: one for key, one in session.execute(query)}
    for part in chunks(changes.retirements.withdrawn):
        query = select(Item.code, Item.id).join(Retirement, Retirement.item_id == Item.id)
        found |= {key: one for key, one in session.execute(query.where(Retirement.id.in_(part)))}
    for part in chunks(changes.verdicts.withdrawn):
        query = select(Item.code, Item.id).join(Version, Version.item_id == Item.id)
        query = query.join(Verdict, Verdict.version_id == Version.id).where(Verdict.id.in_(part))
        found |= {key: one for key, one in session.execute(query)}
    return found


def _write_versions(session: Session, changes: DocumentChanges, items: dict[str, int]) -> dict[tuple[str, str], int]:
    """Write new and changed versions; return (code, label) → id of every version of the items concerned."""
    ids = list(items.values())
    client_of = dict(select_by(session, (Item.id, Item.client_id), Item.id, ids))
    last: dict[int, int] = {}
    for part in chunks(ids):
        query = select(Version.item_id, func.max(Version.sequence)).where(Version.item_id.in_(part))
        last |= {key: one for key, one in session.execute(query.group_by(Version.item_id))}
    rows = []
    for code, label, said in changes.new_versions:
        item = items[code]
        last[item] = last.get(item, 0) + 1
        row = {"item_id": item, "label": label, "sequence": last[item], "client_id": client_of[item]}
        rows.append(row | _version_row(session, said))
    bulk.insert_many(session, Version, rows)
    for _, said in changes.changed_versions.values():
        bulk.update_many(session, Version, [{"id": said.pop("id")} | _version_row(session, said)])
    codes = {one: code for code, one in items.items()}
    columns = (Version.item_id, Version.label, Version.id)
    return {(codes[item], label): one for item, label, one in select_by(session, columns, Version.item_id, ids)}


def _version_row(session: Session, said: dict[str, Any]) -> dict[str, Any]:
    row = {name: value for name, value in said.items() if name != "file"}
    if content := said.get("file"):
        _, name, data = content
        stored = files.store(session, data, name)
        row["file_id"], row["file_name"] = stored.id, files.clean_name(name)
        row["text"] = contents.extract_text(data, stored.content_type)
    return row


def set_states(session: Session, item_ids: Iterable[int], at: datetime) -> None:
    """Give the versions of these items the states that their dates say at the instant ``at``, as a recorded step."""
    ids = list(item_ids)
    dates = {
        version: (item, training, effective)
        for version, item, training, effective in select_by(
            session,
            (Release.version_id, Release.item_id, Release.training_from, Release.effective_from),
            Release.item_id,
            ids,
            Release.voided_at == FOREVER,
        )
    }
    conditions = (Retirement.voided_at == FOREVER, Retirement.retired_at <= at)
    retired = {item for (item,) in select_by(session, (Retirement.item_id,), Retirement.item_id, ids, *conditions)}
    columns = (Version.id, Version.item_id, Version.sequence, Version.state, Version.client_id)
    versions = list(select_by(session, columns, Version.item_id, ids))
    in_force: dict[int, tuple[datetime, int, int]] = {}
    for one, item, sequence, _, _ in versions:
        if one in dates and dates[one][2] <= at:
            in_force[item] = max(in_force.get(item, (dates[one][2], sequence, one)), (dates[one][2], sequence, one))
    moves = []
    for one, item, _, state, client in versions:
        if one not in dates or state not in DATED_STATES:
            continue
        target = _state(one, item, dates[one][2], in_force, retired, at)
        if target != state:
            moves.append((one, state, target, client))
    _move(session, moves, at)


def _state(
    version: int,
    item: int,
    effective: datetime,
    in_force: dict[int, tuple[datetime, int, int]],
    retired: set[int],
    at: datetime,
) -> str:
    if effective > at:
        return "approved"
    if in_force[item][2] != version:
        return "superseded"
    return "obsolete" if item in retired else "effective"


def _move(session: Session, moves: list[tuple[int, str, str, int | None]], at: datetime) -> None:
    context = current()
    with workflow.restoring_history(session):
        bulk.update_many(session, Version, [{"id": one, "state": target} for one, _, target, _ in moves])
    steps = [
        {
            "record_type": Version.__tablename__,
            "record_id": one,
            "name": "import",
            "from_state": state,
            "to_state": target,
            "at": at,
            "username": context.username,
            "printed_name": context.printed_name,
            "reason": context.reason,
            "client_id": client,
        }
        for one, state, target, client in moves
    ]
    bulk.insert_many(session, Transition, steps)
