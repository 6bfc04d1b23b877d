"""Every change becomes one entry, in the same transaction, and reads back as what the database holds (AUD-1)."""

import json
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import pytest
from sqlalchemy import func, select, text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session

from app.domain.chain import HEADER_FIELDS, canonical, claim_text, instant_text, leaf_hash, link_hash, merkle_root
from app.domain.errors import RuleBroken
from app.models.trail import AuditEntry, AuditLink
from app.safeguards import audit, bulk
from app.safeguards.context import acting
from tests.safeguards.conftest import ToyBox, actor
from tests.safeguards.toys import NOW, Box, Shelf, Stone, Tag


def entries(session: Session, table: str | None = None) -> list[AuditEntry]:
    query = select(AuditEntry).order_by(AuditEntry.id)
    return list(session.scalars(query.where(AuditEntry.table_name == table) if table else query))


def test_a_new_row_is_written_down_in_full(session: Session) -> None:
    full = Box(
        label="Größe", size=3, weight=Decimal("2.5"), open=True, made_on=date(2026, 1, 2), client_id=1,
        seen_at=datetime(2026, 1, 2, 3, 4, 5, 6, UTC), extra={"b": [1, 2.5], "a": None}, blob=b"x", secret="hush",
    )  # fmt: skip
    session.add(full)
    session.commit()
    (entry,) = entries(session, "toy_boxes")
    told = json.loads(entry.after)
    assert (entry.action, entry.kind, entry.record_id, entry.client_id) == ("I", "create", str(full.id), 1)
    assert (entry.username, entry.printed_name, entry.reason, entry.at) == ("tess", "Tess Tester", "trying", NOW)
    assert told["label"] == "Größe"
    assert told["weight"] == "2.500"
    assert told["seen_at"] == "2026-01-02T03:04:05.000006Z"
    assert told["extra"] == {"a": None, "b": [1, 2.5]}
    assert told["row_version"] == 1
    assert "hush" not in entry.after
    assert told["secret"].startswith("secret:")


def test_a_change_tells_old_and_new_values_of_what_changed_only(session: Session) -> None:
    made = Box(label="a", size=1)
    session.add(made)
    session.commit()
    made.label, made.size = "b", 1
    session.commit()
    entry = entries(session, "toy_boxes")[-1]
    assert json.loads(entry.before) == {"label": "a", "row_version": 1}
    assert json.loads(entry.after) == {"label": "b", "row_version": 2}


def test_a_value_set_without_having_been_read_still_tells_the_old_one(session: Session) -> None:
    session.add(Box(label="a", note="before"))
    session.commit()
    session.expunge_all()
    known = session.scalars(select(Box)).one()
    session.expire(known, ["note"])
    known.note = "after"
    session.commit()
    assert json.loads(entries(session, "toy_boxes")[-1].before)["note"] == "before"


def test_a_value_computed_by_the_database_is_written_down_as_computed(session: Session) -> None:
    made = Box(label="a", size=4)
    session.add(made)
    session.commit()
    made.size = Box.size + 1
    session.commit()
    assert json.loads(entries(session, "toy_boxes")[-1].after)["size"] == 5


def test_a_deleted_row_and_its_orphans_are_written_down_in_full(session: Session) -> None:
    shelf = Shelf(name="s", boxes=[Box(label="a"), Box(label="b")])
    session.add(shelf)
    session.commit()
    session.delete(shelf)
    session.commit()
    gone = [entry for entry in entries(session) if entry.action == "D"]
    assert sorted(entry.table_name for entry in gone) == ["toy_boxes", "toy_boxes", "toy_shelves"]
    assert {json.loads(entry.before).get("label") for entry in gone} == {"a", "b", None}


def test_rows_that_only_tie_records_together_are_written_down_too(session: Session) -> None:
    shelf, one, two = Shelf(name="s"), Tag(name="1"), Tag(name="2")
    shelf.tags = [one, two]
    session.add(shelf)
    session.commit()
    two.shelves.remove(shelf)
    session.commit()
    ties = entries(session, "toy_shelf_tags")
    assert [entry.action for entry in ties] == ["I", "I", "D"]
    assert json.loads(ties[-1].before) == {"shelf_id": shelf.id, "tag_id": two.id}


def test_what_a_savepoint_takes_back_leaves_no_entry(session: Session) -> None:
    session.add(Box(label="kept"))
    session.flush()
    savepoint = session.begin_nested()
    session.add(Box(label="undone"))
    session.flush()
    savepoint.rollback()
    with session.begin_nested():
        session.add(Box(label="kept too"))
    session.commit()
    assert [json.loads(entry.after)["label"] for entry in entries(session, "toy_boxes")] == ["kept", "kept too"]
    link = session.scalars(select(AuditLink).order_by(AuditLink.seq.desc())).first()
    assert link is not None
    assert link.n == 2


def test_nothing_is_written_where_nobody_is_named(session: Session) -> None:
    session.add(Shelf(name="s"))
    with acting(None), pytest.raises(RuleBroken, match="Nobody is named"):  # type: ignore[arg-type]
        session.commit()
    session.rollback()
    assert session.scalar(select(func.count()).select_from(Shelf)) == 0


def test_a_change_whose_entry_cannot_be_written_is_undone(box: ToyBox, session: Session) -> None:
    box.raw("ALTER TABLE audit_entries RENAME TO hidden_entries")
    session.add(Shelf(name="s"))
    with pytest.raises(DBAPIError):
        session.commit()
    session.rollback()
    assert session.scalar(text("SELECT count(*) FROM toy_shelves")) == 0


def test_a_change_whose_link_cannot_be_made_is_undone(box: ToyBox, session: Session) -> None:
    box.raw("ALTER TABLE audit_links RENAME TO hidden_links")
    session.add(Shelf(name="s"))
    with pytest.raises(DBAPIError):
        session.commit()
    session.rollback()
    assert session.scalar(text("SELECT count(*) FROM toy_shelves")) == 0


def test_each_transaction_is_one_link_over_its_leaves(session: Session) -> None:
    for number in range(3):
        session.add_all([Shelf(name=f"{number}a"), Shelf(name=f"{number}b")])
        session.flush()
        audit.note(session, "view", None, page=number)
        session.commit()
    prev = "0" * 64
    for seq, link in enumerate(session.scalars(select(AuditLink).order_by(AuditLink.seq)), start=1):
        told = [entry for entry in entries(session) if entry.tx == link.tx]
        assert [entry.n for entry in told] == ([1, 2] if seq == 1 else [1, 2, 3])
        for entry in told:
            header = canonical([getattr(entry, name) for name in HEADER_FIELDS])
            assert entry.leaf == leaf_hash(header, entry.before, entry.after)
        assert (link.seq, link.prev, link.root) == (seq, prev, merkle_root([entry.leaf for entry in told]))
        assert link.link == link_hash(
            prev,
            seq,
            link.tx,
            link.n,
            link.root,
            instant_text(link.at),
            claim_text(instant_text(link.claimed_at), link.actor, link.key_id, link.signature),
        )
        prev = link.link


def test_a_clock_set_back_does_not_set_the_chain_back(session: Session) -> None:
    session.add(Shelf(name="now"))
    session.commit()
    with acting(actor(clock=lambda: datetime(2020, 1, 1, tzinfo=UTC))):
        session.add(Shelf(name="then"))
        session.commit()
    _, first, second = session.scalars(select(AuditLink).order_by(AuditLink.seq))
    assert second.at == first.at
    assert second.claimed_at.year == 2020


def test_rows_in_bulk_are_written_down_as_single_ones_are(session: Session) -> None:
    values: list[dict[str, Any]] = [
        {"label": f'quote " and ü {n}', "size": n, "weight": Decimal(n), "client_id": 1 if n % 2 else None,
         "made_on": date(2026, 1, 1), "seen_at": NOW, "extra": {"n": n}, "note": None, "secret": "hush"}
        for n in range(1200)
    ]  # fmt: skip
    ids = bulk.insert_many(session, Box, values)
    session.add(Box(**values[0]))
    session.commit()
    told = entries(session, "toy_boxes")
    assert [int(entry.record_id) for entry in told[:-1]] == ids
    single, first = json.loads(told[-1].after), json.loads(told[0].after)
    assert {**single, "id": 0} == {**first, "id": 0}
    assert told[-1].after == canonical(single)
    assert told[0].after == canonical(first)
    for entry in told:
        header = canonical([getattr(entry, name) for name in HEADER_FIELDS])
        assert entry.leaf == leaf_hash(header, entry.before, entry.after)
    assert session.get(Box, ids[3]).size == 3


def test_changes_in_bulk_tell_old_and_new_values_and_skip_what_stays(session: Session) -> None:
    ids = bulk.insert_many(session, Box, [{"label": "a", "size": n} for n in range(5)])
    session.commit()
    held = session.get(Box, ids[4])
    assert held.label == "a"
    count = bulk.update_many(session, Box, [{"id": number, "size": 4, "label": "b"} for number in ids[3:]])
    assert count == 2
    assert bulk.update_many(session, Box, [{"id": number, "size": 4} for number in ids[3:]]) == 0
    session.commit()
    assert held.label == "b"
    told = [entry for entry in entries(session, "toy_boxes") if entry.action == "U"]
    assert json.loads(told[0].before) == {"label": "a", "row_version": 1, "size": 3}
    assert json.loads(told[1].after) == {"label": "b", "row_version": 2}


def test_a_new_stone_may_be_added_in_bulk(session: Session) -> None:
    assert bulk.insert_many(session, Stone, [{"carved": "x"}]) == [1]
    session.commit()
