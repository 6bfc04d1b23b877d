"""Two components, one exact content, once: signing through the service (SIG-1 to SIG-3, T-70, T-200b, T-300d)."""

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import select, text
from sqlalchemy.exc import DatabaseError

from app.domain.errors import NotAllowed, RuleBroken, Stale
from app.models.access import LoginSession, UserAccount
from app.models.documents import DocumentType, Version
from app.models.jobs import OutboxMail
from app.models.signing import Signature
from app.safeguards.context import acting
from app.services import documents, files, sessions, signing, versions
from tests.acts import POLICY, sign, somebody
from tests.cast import NOW, PASSWORD
from tests.conftest import House


@pytest.fixture
def draft(house: House, tmp_path: Any) -> Iterator[Version]:
    """A draft of Dora's, with text; whoever acts in the test starts as Dora."""
    files.configure(tmp_path / "files")
    session = house.session
    with acting(somebody(session, "dora")):
        sop = session.scalars(select(DocumentType).where(DocumentType.code == "SOP")).one()
        item = documents.new_document(session, sop, "Cleaning of vessels")
        version = versions.new_version(session, item)
        versions.set_markdown(session, version, "# Cleaning\n\nRinse three times.")
        versions.edit_draft(session, version, change_summary="First issue")
        session.commit()
        yield version


@pytest.mark.req("21CFR11.50", "21CFR11.70", "SIG-1")
def test_a_signature_holds_name_time_zone_meaning_and_the_digest_of_what_was_shown(
    house: House, draft: Version
) -> None:
    page = signing.open_challenge(house.session, draft, "submit")
    signature = signing.sign(house.session, signing.Act(page.token, "dora", PASSWORD), POLICY)
    assert (signature.printed_name, signature.username) == ("Dora Documents", "dora")
    assert (signature.signed_at, signature.zone, signature.meaning) == (NOW, "UTC", "authorship")
    assert signature.components == "username+password"
    assert signature.first_in_series
    assert signature.digest == page.digest
    assert page.shown["record"]["file"]["sha256"] == draft.file.sha256  # type: ignore[union-attr]
    (seen,) = signing.signatures_of(house.session, draft)
    assert seen.status == "valid"


@pytest.mark.req("SIG-1", "JOB-3")
def test_the_same_form_sent_twice_signs_once(house: House, draft: Version) -> None:
    page = signing.open_challenge(house.session, draft, "submit")
    act = signing.Act(page.token, "dora", PASSWORD)
    first = signing.sign(house.session, act, POLICY)
    again = signing.sign(house.session, act, POLICY)
    assert again.id == first.id
    assert len(house.session.scalars(select(Signature)).all()) == 1


@pytest.mark.req("21CFR11.200(a)(1)")
@pytest.mark.parametrize(
    ("username", "password"),
    [("dora", "wrong"), ("dora", ""), ("quinn", PASSWORD), ("", PASSWORD), (None, PASSWORD), ("dora", PASSWORD + " ")],
)
def test_a_wrong_or_missing_component_signs_nothing(
    house: House, draft: Version, username: str | None, password: str
) -> None:
    page = signing.open_challenge(house.session, draft, "submit")
    with pytest.raises(signing.WrongComponents):
        signing.sign(house.session, signing.Act(page.token, username, password), POLICY)
    assert not house.session.scalars(select(Signature)).all()


@pytest.mark.req("21CFR11.200(a)(1)")
def test_within_one_sitting_the_password_alone_is_enough_for_the_second_signature(house: House, draft: Version) -> None:
    session = house.session
    user_id = signing.current().user_id
    login = LoginSession(token_digest="x", user_id=user_id, started_at=NOW, last_seen_at=NOW, address=None)
    session.add(login)
    session.flush()
    first = signing.open_challenge(session, draft, "submit", login)
    assert first.needs_username
    signing.sign(session, signing.Act(first.token, "dora", PASSWORD, login), POLICY)
    second = signing.open_challenge(session, draft, "submit", login)
    assert not second.needs_username
    signature = signing.sign(session, signing.Act(second.token, None, PASSWORD, login), POLICY)
    assert (signature.components, signature.first_in_series) == ("password", False)
    sessions.end(login, "logout", NOW)
    session.flush()
    assert signing.open_challenge(session, draft, "submit", login).needs_username


@pytest.mark.req("21CFR11.70", "SIG-2")
def test_a_record_that_changed_while_it_was_read_is_not_signed(house: House, draft: Version) -> None:
    page = signing.open_challenge(house.session, draft, "submit")
    versions.edit_draft(house.session, draft, change_summary="Something else")
    with pytest.raises(Stale):
        signing.sign(house.session, signing.Act(page.token, "dora", PASSWORD), POLICY)


@pytest.mark.req("SIG-2")
def test_a_later_change_shows_the_signature_as_one_of_an_earlier_content(house: House, draft: Version) -> None:
    sign(house.session, draft, "submit", "dora")
    versions.edit_draft(house.session, draft, change_summary="Changed afterwards")
    (seen,) = signing.signatures_of(house.session, draft)
    assert (seen.status, str(seen.words)) == ("earlier_content", "Signed an earlier content")


@pytest.mark.req("21CFR11.70")
def test_a_signature_copied_to_another_record_behind_our_back_is_invalid(house: House, draft: Version) -> None:
    session = house.session
    sop = session.scalars(select(DocumentType).where(DocumentType.code == "SOP")).one()
    other = versions.new_version(session, documents.new_document(session, sop, "Another"))
    signature = sign(session, draft, "submit", "dora")
    number, target = signature.id, other.id
    session.commit()
    connection = session.connection().connection.driver_connection
    assert connection is not None
    for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'trigger'").fetchall():
        connection.execute(f'DROP TRIGGER "{name}"')
    connection.execute("UPDATE signatures SET record_id = ? WHERE id = ?", (target, number))
    session.expire_all()
    (seen,) = signing.signatures_of(session, session.get_one(Version, target))
    assert seen.status == "invalid"


@pytest.mark.req("SIG-1")
def test_a_sign_page_is_only_good_for_its_user_and_for_a_while(house: House, draft: Version) -> None:
    session = house.session
    page = signing.open_challenge(session, draft, "submit")
    with acting(somebody(session, "quinn")), pytest.raises(NotAllowed):
        signing.sign(session, signing.Act(page.token, "quinn", PASSWORD), POLICY)
    with pytest.raises(NotAllowed):
        signing.sign(session, signing.Act("forged", "dora", PASSWORD), POLICY)
    with acting(somebody(session, "dora", at=NOW + timedelta(minutes=11))), pytest.raises(RuleBroken, match="too long"):
        signing.sign(session, signing.Act(page.token, "dora", PASSWORD), POLICY)


@pytest.mark.req("21CFR11.300(d)", "SIG-3")
def test_failed_signings_lock_signing_end_the_sessions_and_tell_security(house: House, draft: Version) -> None:
    session = house.session
    user_id = signing.current().user_id
    login = LoginSession(token_digest="y", user_id=user_id, started_at=NOW, last_seen_at=NOW)
    session.add(login)
    page = signing.open_challenge(session, draft, "submit")
    session.commit()
    outcomes = []
    for _ in range(3):
        with pytest.raises(signing.WrongComponents):
            signing.sign(session, signing.Act(page.token, "dora", "guess"), POLICY)
        session.rollback()
        outcomes.append(signing.record_failure(session, POLICY))
        session.commit()
    assert outcomes == [False, False, True]
    mails = session.scalars(select(OutboxMail)).all()
    assert {mail.to for mail in mails} == {"ada@example.com", "quinn@example.com"}
    assert "Dora Documents" in mails[0].body
    assert login.revoked_at == NOW
    with pytest.raises(NotAllowed, match="locked"):
        signing.sign(session, signing.Act(page.token, "dora", PASSWORD), POLICY)


@pytest.mark.req("SIG-3")
def test_a_right_signature_forgives_earlier_slips(house: House, draft: Version) -> None:
    session = house.session
    signing.record_failure(session, POLICY)
    signing.record_failure(session, POLICY)
    sign(session, draft, "submit", "dora")
    account = session.scalars(select(UserAccount).where(UserAccount.user_id == signing.current().user_id)).one()
    assert (account.failed_signings, account.signing_locked) == (0, False)


@pytest.mark.req("21CFR11.100(b)", "21CFR11.200(a)(3)")
@pytest.mark.parametrize("change", [{"identity_verified_at": None}, {"must_change_password": True}])
def test_without_a_verified_identity_or_an_own_password_nobody_signs(
    house: House, draft: Version, change: dict[str, Any]
) -> None:
    account = house.session.scalars(select(UserAccount).where(UserAccount.user_id == signing.current().user_id)).one()
    for name, value in change.items():
        setattr(account, name, value)
    house.session.flush()
    with pytest.raises(NotAllowed):
        signing.open_challenge(house.session, draft, "submit")


@pytest.mark.req("21CFR11.10(e)")
def test_a_signature_cannot_be_changed_or_deleted_afterwards(house: House, draft: Version) -> None:
    session = house.session
    signature = sign(session, draft, "submit", "dora")
    session.commit()
    signature.meaning = "approval"
    with pytest.raises(RuleBroken):
        session.flush()
    session.rollback()
    session.delete(signature)
    with pytest.raises(RuleBroken):
        session.flush()
    session.rollback()
    with pytest.raises(DatabaseError, match="kept as they are"):
        session.execute(text("UPDATE signatures SET meaning = 'approval'"))
