"""Every attempt to alter the records or the trail behind the application's back is found (AUD-3, PART11 §2.4)."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from sqlalchemy import select
from sqlalchemy.orm import Session

from app.domain.chain import (
    HEADER_FIELDS,
    canonical,
    claim_text,
    instant_text,
    leaf_hash,
    link_hash,
    link_message,
    merkle_root,
)  # fmt: skip
from app.domain.errors import RuleBroken
from app.models.trail import AuditEntry, AuditLink
from app.safeguards import bulk
from app.safeguards.checkpoints import make_checkpoint
from app.safeguards.guards import install_guards
from app.safeguards.keys import Signer
from app.services.trail import Verdict, read_notes, read_public_keys, verify
from tests.safeguards.conftest import SIGNER, ToyBox
from tests.safeguards.toys import METADATA, NOW, Box, Case, Shelf, Stone, Tag, Truth

KEYS = {SIGNER.key_id: SIGNER.public}


@dataclass
class Story:
    """A box in which something has happened, and how to verify it."""

    box: ToyBox
    session: Session

    def verdict(self, notes: dict[str, str] | None = None, **options: bool) -> Verdict:
        self.session.rollback()
        with self.box.engine.connect() as connection:
            return verify(connection, KEYS, notes or {}, METADATA, **options)

    def kinds(self, notes: dict[str, str] | None = None) -> set[str]:
        """The kinds of findings, without the guards that an attack has to take away first."""
        return {finding.kind for finding in self.verdict(notes).findings} - {"guard_missing"}


@pytest.fixture
def story(box: ToyBox, session: Session) -> Story:
    """Five transactions over every kind of toy."""
    shelf = Shelf(name="s", boxes=[Box(label="a", client_id=1), Box(label="b", note=None)], tags=[Tag(name="t")])
    session.add(shelf)
    session.commit()
    shelf.boxes[0].label, shelf.boxes[0].size = "A", 3
    session.commit()
    bulk.insert_many(session, Truth, [{"what": f"{n}", "starts_at": NOW} for n in range(5)])
    session.commit()
    first = session.scalars(select(Truth).order_by(Truth.id)).first()
    assert first is not None
    first.voided_at, first.void_reason = NOW + timedelta(days=1), "wrong"
    session.add_all([Stone(carved="x"), Case(title="c")])
    session.delete(shelf.boxes[1])
    session.commit()
    shelf.tags = []
    session.commit()
    return Story(box, session)


def test_an_untouched_trail_is_sound(story: Story) -> None:
    verdict = story.verdict()
    assert verdict.sound, [str(finding.what) for finding in verdict.findings]
    assert (verdict.links, verdict.entries, verdict.rows) == (6, 18, 12)


def test_the_toys_survive_every_kind_of_change_and_still_replay(story: Story) -> None:
    session = story.session
    session.scalars(select(Box)).first().blob = b"\x00\xff"  # type: ignore[union-attr]
    session.scalars(select(Box)).first().extra = {"deep": [1, {"x": 1.25}]}  # type: ignore[union-attr]
    session.commit()
    assert story.verdict().sound


TIE = "INSERT INTO toy_shelf_tags (shelf_id, tag_id) SELECT s.id, t.id FROM toy_shelves s, toy_tags t"
ROW_ATTACKS = {
    "a raw update": ("UPDATE toy_boxes SET size = 99", "row_changed"),
    "nothing made empty text": ("UPDATE toy_boxes SET note = ''", "row_changed"),
    "a raw insert": ("INSERT INTO toy_stones (carved, row_version) VALUES ('y', 1)", "row_unrecorded"),
    "a raw delete": ("DELETE FROM toy_truths WHERE what = '3'", "row_missing"),
    "an instant moved": ("UPDATE toy_truths SET starts_at = recorded_at WHERE what = '1'", None),
    "a tie added": (TIE, "row_unrecorded"),
    "a row version": ("UPDATE toy_cases SET row_version = 9", "row_changed"),
    "a client moved": ("UPDATE toy_boxes SET client_id = 2", "row_changed"),
}  # fmt: skip


@pytest.mark.parametrize("attack", ROW_ATTACKS)
def test_a_row_changed_past_the_application_is_found_by_replay(story: Story, attack: str) -> None:
    statement, kind = ROW_ATTACKS[attack]
    if kind is None:
        statement, kind = "UPDATE toy_truths SET starts_at = voided_at WHERE what = '1'", "row_changed"
    story.box.raw(statement)
    assert story.kinds() == {kind}


def test_a_finding_names_table_row_and_entry(story: Story) -> None:
    story.box.raw("UPDATE toy_boxes SET size = 99 WHERE label = 'A'")
    finding = next(f for f in story.verdict().findings if f.kind == "row_changed")
    entry = story.session.scalars(
        select(AuditEntry).where(AuditEntry.table_name == "toy_boxes", AuditEntry.action == "U")
    )
    assert (finding.table, finding.row, finding.entry) == ("toy_boxes", "1", entry.one().id)
    assert str(finding.what) == "Row 1 of toy_boxes holds 99 in size; the trail says 3."


TRAIL_ATTACKS = {
    "another actor": ("UPDATE audit_entries SET username = 'eve' WHERE id = 5", {"entry_altered"}),
    "another printed name": ("UPDATE audit_entries SET printed_name = 'Eve' WHERE id = 5", {"entry_altered"}),
    "another reason": ("UPDATE audit_entries SET reason = NULL WHERE id = 5", {"entry_altered"}),
    "an entry removed": ("DELETE FROM audit_entries WHERE kind = 'void'", {"link_entries", "row_changed"}),
    "two entries exchanged": (
        "UPDATE audit_entries SET n = CASE n WHEN 1 THEN -2 WHEN 2 THEN -1 ELSE n END; "
        "UPDATE audit_entries SET n = -n WHERE n < 0",
        {"entry_altered"},
    ),
    "a link removed": ("DELETE FROM audit_links WHERE seq = 3", {"link_missing", "link_order", "entry_unlinked"}),
    "a link's actor": ("UPDATE audit_links SET actor = 'eve' WHERE seq = 2", {"link_altered", "signature_bad"}),
    "a link's signature": (
        "UPDATE audit_links SET signature = NULL WHERE seq = 2",
        {"link_altered", "signature_missing"},
    ),
    "a link's hash": ("UPDATE audit_links SET link = prev WHERE seq = 6", None),
    "a key removed": ("DELETE FROM audit_keys", {"key_altered"}),
    "a key put in its place": ("UPDATE audit_keys SET public_key = replace(public_key, 'a', 'b')", {"key_altered"}),
    "a checkpoint inserted": (
        "INSERT INTO audit_checkpoints (seq, head, at, note) "
        "SELECT 3, link, at, 'forged' FROM audit_links WHERE seq = 3",
        {"checkpoint_unrecorded", "checkpoint_bad"},
    ),
    "a transaction inserted": (
        "INSERT INTO audit_entries (tx, n, at, action, kind, username, printed_name, source, zone, code_version, leaf) "
        "SELECT 1, 1, at, 'E', 'login', 'eve', 'Eve', 'web', 'UTC', '1', leaf FROM audit_entries WHERE id = 1",
        {"entry_unlinked"},
    ),
}  # fmt: skip


@pytest.mark.parametrize("attack", TRAIL_ATTACKS)
def test_an_altered_trail_is_found_by_the_chain(story: Story, attack: str) -> None:
    statements, kinds = TRAIL_ATTACKS[attack]
    if kinds is None:
        statements, kinds = "UPDATE audit_links SET link = root WHERE seq = 6", {"link_altered"}
    story.box.raw(*statements.split("; "))
    assert story.kinds() >= kinds


def forge(
    story: Story, change: Callable[[AuditEntry], None], signer: Signer | None, cut: int | None = None
) -> list[str]:
    """Return statements that rewrite entries and recompute every leaf, root and link, as a DBA can.

    Without the application's key the old signatures are kept, or made with another key.
    """
    statements: list[str] = []
    prev = "0" * 64
    entries = list(story.session.scalars(select(AuditEntry).order_by(AuditEntry.id)))
    links = list(story.session.scalars(select(AuditLink).order_by(AuditLink.seq)))
    story.session.expunge_all()
    for link in links:
        leaves = []
        for entry in (entry for entry in entries if entry.tx == link.tx):
            change(entry)
            header = canonical([getattr(entry, name) for name in HEADER_FIELDS])
            leaves.append(leaf_hash(header, entry.before, entry.after))
            statements.append(
                f"UPDATE audit_entries SET leaf = '{leaves[-1]}', username = '{entry.username}', "
                f"after = {_sql(entry.after)} WHERE id = {entry.id}"
            )
        root, at, claimed = merkle_root(leaves), instant_text(link.at), instant_text(link.claimed_at)
        signature, key = link.signature, link.key_id
        if signer is not None:
            key = signer.key_id
            signature = signer.sign(link_message(link.tx, link.n, root, claimed, link.actor, key))
        told = link_hash(prev, link.seq, link.tx, link.n, root, at, claim_text(claimed, link.actor, key, signature))
        statements.append(
            f"UPDATE audit_links SET root = '{root}', prev = '{prev}', link = '{told}', signature = '{signature}', "
            f"key_id = '{key}' WHERE seq = {link.seq}"
        )
        prev = told
    return statements


def _sql(text: str | None) -> str:
    return "NULL" if text is None else "'" + text.replace("'", "''").replace(":", "\\:").replace("\\:", ":") + "'"


def checkpoint(story: Story) -> dict[str, str]:
    note = make_checkpoint(story.session, SIGNER, None)
    story.session.commit()
    return {"outside": note.text}


def test_a_consistent_edit_of_row_and_entry_is_found_by_the_chain(story: Story) -> None:
    story.box.raw(
        "UPDATE toy_stones SET carved = 'z'",
        'UPDATE audit_entries SET after = replace(after, \'"carved":"x"\', \'"carved":"z"\')',
    )
    assert story.kinds() == {"entry_altered"}


def rename_to_eve(entry: AuditEntry) -> None:
    if entry.table_name == "toy_stones":
        entry.username = "eve"


def test_a_recomputed_chain_is_found_by_the_signatures(story: Story) -> None:
    story.box.raw(*forge(story, rename_to_eve, None))
    assert story.kinds() == {"signature_bad"}


def test_a_chain_recomputed_and_signed_with_a_foreign_key_is_found(story: Story) -> None:
    story.box.raw(*forge(story, rename_to_eve, Signer.of(Ed25519PrivateKey.generate())))
    assert story.kinds() >= {"key_unknown"}


def test_a_chain_rewritten_with_the_stolen_key_is_found_by_a_checkpoint_kept_outside(story: Story) -> None:
    notes = checkpoint(story)
    story.box.raw("DELETE FROM audit_checkpoints", *forge(story, rename_to_eve, SIGNER))
    assert story.kinds() == {"checkpoint_missing"}
    assert story.kinds(notes) == {"checkpoint_missing", "checkpoint_disagrees"}


def test_a_tail_cut_off_is_found_by_a_checkpoint_kept_outside(story: Story) -> None:
    notes = checkpoint(story)
    story.box.raw(
        "DELETE FROM audit_checkpoints",
        TIE,
        "DELETE FROM audit_entries WHERE tx IN (SELECT tx FROM audit_links WHERE seq >= 6)",
        "DELETE FROM audit_links WHERE seq >= 6",
    )
    assert story.kinds() == set()
    assert story.kinds(notes) == {"checkpoint_disagrees"}


def test_a_checkpoint_whose_text_was_altered_is_found(story: Story) -> None:
    text = checkpoint(story)["outside"]
    assert story.kinds({"outside": text}) == set()
    for changed in (text.replace("\n6\n", "\n5\n"), text[:-3] + "AA\n", "", text.replace("2026", "2025")):
        assert story.kinds({"outside": changed}) == {"checkpoint_bad"}


def test_a_checkpoint_is_refused_over_links_that_the_application_did_not_sign(story: Story) -> None:
    story.box.raw(*forge(story, rename_to_eve, Signer.of(Ed25519PrivateKey.generate())))
    with pytest.raises(RuleBroken, match="no good signature"):
        checkpoint(story)


def test_signatures_before_a_checkpoint_need_no_second_look_but_can_have_one(story: Story) -> None:
    notes = checkpoint(story)
    story.box.raw("UPDATE audit_links SET signature = 'aa' WHERE seq = 2")
    assert "link_altered" in story.kinds(notes)
    found = {finding.kind for finding in story.verdict(notes, every_signature=True).findings}
    assert "signature_bad" in found


def test_a_correctly_linked_transaction_in_anothers_name_lacks_the_applications_signature(story: Story) -> None:
    last = story.session.scalars(select(AuditLink).order_by(AuditLink.seq.desc())).first()
    model = story.session.scalars(select(AuditEntry).where(AuditEntry.table_name == "toy_stones")).one()
    story.session.expunge_all()
    assert last is not None
    model.tx, model.n, model.username, model.record_id, model.after = 77, 1, "eve", "2", model.after
    model.after = model.after.replace('"id":1', '"id":2')  # type: ignore[union-attr]
    leaf = leaf_hash(canonical([getattr(model, name) for name in HEADER_FIELDS]), None, model.after)
    at = instant_text(last.at)
    told = link_hash(last.link, 7, 77, 1, leaf, at, claim_text(at, "eve", SIGNER.key_id, last.signature))
    story.box.raw(
        "INSERT INTO toy_stones (carved, row_version) VALUES ('x', 1)",
        f"INSERT INTO audit_entries (tx, n, at, action, kind, table_name, record_id, user_id, username, printed_name, "
        f"reason, request_id, source, zone, code_version, after, leaf) "
        f"SELECT 77, 1, at, action, kind, table_name, '2', user_id, 'eve', printed_name, reason, request_id, source, "
        f"zone, code_version, '{model.after}', '{leaf}' FROM audit_entries WHERE id = {model.id}",
        f"INSERT INTO audit_links (seq, tx, n, root, at, claimed_at, actor, prev, link, key_id, signature) "
        f"SELECT 7, 77, 1, '{leaf}', at, at, 'eve', link, '{told}', key_id, signature FROM audit_links WHERE seq = 6",
    )
    assert story.kinds() == {"signature_bad"}


def test_dropped_guards_are_found_until_they_are_put_back(story: Story) -> None:
    story.box.raw()
    assert {finding.kind for finding in story.verdict().findings} == {"guard_missing"}
    with story.box.engine.begin() as connection:
        install_guards(connection, METADATA)
    assert story.verdict().sound


def test_keys_and_checkpoints_are_read_from_folders_outside(story: Story, tmp_path: Path) -> None:
    (tmp_path / "old.pub").write_text(f"{SIGNER.key_id} {SIGNER.public.hex()}\n")
    make_checkpoint(story.session, SIGNER, tmp_path / "notes")
    story.session.commit()
    assert read_public_keys(tmp_path) == KEYS
    notes = read_notes(tmp_path / "notes")
    assert len(notes) == 1
    assert story.verdict(notes).sound
