"""Logins as an administrator keeps them (SEC-2, SEC-4, CLI-1, 21 CFR 11.100, 11.200, 11.300)."""

import re
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from flask.testing import FlaskClient
from flask_appbuilder.security.sqla.models import Role, User
from sqlalchemy import select

from app.models.access import UserAccount
from app.models.jobs import OutboxMail
from app.models.organization import Unit
from app.models.trail import AuditEntry
from app.safeguards.context import acting
from tests.cast import PASSWORD, context_of
from tests.conftest import House

pytestmark = pytest.mark.req("SEC-2")
NEW = "a lantern on the pier"


def number_of(house: House, username: str) -> int:
    with acting(context_of()):
        account = house.session.scalar(select(UserAccount).join(UserAccount.user).where(User.username == username))
        assert account is not None
        return int(account.id)


def role_id(house: House, name: str) -> int:
    with acting(context_of()):
        return int(house.session.scalars(select(Role.id).where(Role.name == name)).one())


def link_on(page: str) -> str:
    found = re.search(r"/account/set/[\w-]+", page)
    assert found, "the page shows no link"
    return found.group(0)


def new_login(house: House, ada: FlaskClient, **changes: Any) -> Any:
    form = {
        "username": "pat",
        "first_name": "Pat",
        "last_name": "Newcomer",
        "email": "pat@example.com",
        "roles": [role_id(house, "Trainee")],
        "all_clients": "y",
    }
    return ada.post("/users/add", data={name: value for name, value in (form | changes).items() if value is not None})


@pytest.mark.req("11.200(a)(2)")
def test_only_the_owner_ever_sets_a_password(house: House) -> None:
    ada = house.client("ada")
    answer = new_login(house, ada)
    assert answer.status_code == 302
    link = link_on(ada.get(answer.headers["Location"]).text)
    page = ada.get("/users/add").text + ada.get(f"/users/edit/{number_of(house, 'pat')}").text
    assert 'type="password"' not in page, "no form of an administrator has a field for a password"
    owner = house.client()
    assert owner.post(link, data={"password": NEW, "again": "another one entirely"}).status_code == 422
    assert owner.post(link, data={"password": NEW, "again": NEW}).status_code == 302
    assert house.client().get(link).status_code == 404, "the link works once"
    assert house.client("pat", NEW).get("/account/").status_code == 200


def test_a_link_replaces_the_password_and_the_links_before(house: House) -> None:
    ada, tom = house.client("ada"), house.client("tom")
    number = number_of(house, "tom")
    first = link_on(ada.post(f"/users/link/{number}", follow_redirects=True).text)
    second = link_on(ada.post(f"/users/link/{number}", follow_redirects=True).text)
    assert tom.get("/account/").status_code == 302, "the browsers that were signed in are out"
    assert house.client().post("/login/", data={"username": "tom", "password": PASSWORD}).status_code == 401
    assert house.client().get(first).status_code == 404
    assert house.client().get(second).status_code == 200
    with acting(context_of()):
        assert house.session.scalars(select(OutboxMail)).all(), "the owner is told by mail"


def pages_with(browser: FlaskClient, addresses: list[str], wanted: str) -> list[str]:
    answers = {address: browser.get(address) for address in addresses}
    assert {address: one.status_code for address, one in answers.items() if one.status_code != 200} == {}
    return [address for address, one in answers.items() if wanted in one.text]


@pytest.mark.req("11.200(a)(2)", "AUD-1")
def test_the_secret_of_a_link_is_in_the_mail_and_nowhere_else(house: House) -> None:
    ada = house.client("ada")
    link = link_on(ada.post(f"/users/link/{number_of(house, 'tom')}", follow_redirects=True).text)
    secret = link.rsplit("/", 1)[1]
    with acting(context_of()):
        mail = house.session.scalars(select(OutboxMail)).one()
        assert secret in mail.body, "its reader needs the link"
        told = house.session.scalars(select(AuditEntry).where(AuditEntry.table_name == "outbox")).one()
        columns = AuditEntry.__table__.columns.keys()
        entries = [str([getattr(one, name) for name in columns]) for one in house.session.scalars(select(AuditEntry))]
    assert '"body":"secret:' in str(told.after), "the trail knows the text by its digest"
    assert not [one for one in entries if secret in one]
    for username in ("ada", "quinn"):
        reader = house.client(username)
        outbox = ["/outbox/list/", f"/outbox/list/?q={secret[:8]}x", f"/outbox/show/{mail.id}", "/outbox/export/csv"]
        assert pages_with(reader, outbox, secret) == []
        assert "Set your password" in reader.get("/outbox/export/csv").text
        assert "administrator asks you" not in reader.get(f"/outbox/show/{mail.id}").text
    quinn = house.client("quinn")
    trail = ["/trail/", "/trail/?table=outbox", f"/trail/?q={mail.id}", "/trail/export/csv"]
    assert pages_with(quinn, trail, secret) == []
    assert "secret:" in quinn.get("/trail/export/csv").text


def test_issuing_a_link_leaves_lock_and_second_factor_as_they_are(house: House) -> None:
    number, until = number_of(house, "tom"), datetime(2099, 1, 1, tzinfo=UTC)
    with acting(context_of()):
        account = house.session.get_one(UserAccount, number)
        account.locked_until, account.signing_locked, account.failed_signings = until, True, 3
        account.totp_secret, account.totp_confirmed_at = "sealed", until
        house.session.commit()
    house.client("ada").post(f"/users/link/{number}")
    with acting(context_of()):
        house.session.expire_all()
        account = house.session.get_one(UserAccount, number)
        assert (account.locked_until, account.signing_locked, account.failed_signings) == (until, True, 3)
        assert (account.totp_secret, account.totp_confirmed_at) == ("sealed", until)


def test_a_link_is_too_old_after_a_day(house: House) -> None:
    ada = house.client("ada")
    link = link_on(ada.post(f"/users/link/{number_of(house, 'tom')}", follow_redirects=True).text)
    house.app.config["CLOCK"] = lambda: datetime.now(UTC) + timedelta(hours=25)
    try:
        assert house.client().get(link).status_code == 404
    finally:
        del house.app.config["CLOCK"]


@pytest.mark.req("11.10(d)")
def test_deactivating_cuts_off_at_once_and_is_never_for_oneself(house: House) -> None:
    ada, tom = house.client("ada"), house.client("tom")
    assert tom.get("/account/").status_code == 200
    ada.post("/users/do/deactivate", data={"rowid": number_of(house, "tom")})
    assert tom.get("/account/").status_code == 302
    assert house.client().post("/login/", data={"username": "tom", "password": PASSWORD}).status_code == 401
    own = ada.post("/users/do/deactivate", data={"rowid": number_of(house, "ada")}, follow_redirects=True)
    assert "cannot deactivate your own login" in own.text


@pytest.mark.req("11.100(a)")
def test_a_user_name_is_never_given_again_whatever_its_case(house: House) -> None:
    ada = house.client("ada")
    ada.post("/users/do/deactivate", data={"rowid": number_of(house, "tom")})
    answer = new_login(house, ada, username="TOM")
    assert answer.status_code == 422
    assert "never given to somebody else" in answer.text
    assert "Newcomer" in answer.text


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"roles": None}, "at least one role"),
        ({"email": "no address"}, "no e-mail address"),
        ({"email": "TOM@example.com"}, "has this e-mail address already"),
        ({"username": "a b<script>"}, "begins with a letter"),
    ],
)
def test_a_login_that_is_not_right_is_refused_with_the_reason(house: House, changes: dict[str, Any], said: str) -> None:
    answer = new_login(house, house.client("ada"), **changes)
    assert answer.status_code == 422
    assert said in answer.text


@pytest.mark.req("CLI-1", "CLI-3")
def test_a_narrower_scope_and_an_end_count_from_the_next_click(house: House) -> None:
    quinn, ada = house.client("quinn"), house.client("ada")
    with acting(context_of()):
        acme = house.session.scalars(select(Unit).where(Unit.code == "ACME")).one().id
        beta = house.session.scalars(select(Unit).where(Unit.code == "BETA")).one().id
    assert quinn.get(f"/organization/client/show/{beta}").status_code == 200
    number = number_of(house, "quinn")
    with acting(context_of()):
        version = house.session.get(UserAccount, number).row_version  # type: ignore[union-attr]
    form = {
        "first_name": "Quinn", "last_name": "Quality", "email": "quinn@example.com", "roles": [role_id(house, "QA")],
        "clients": [acme], "row_version": version, "reason": "Works for Acme only",
    }  # fmt: skip
    assert ada.post(f"/users/edit/{number}", data=form).status_code == 302
    assert quinn.get(f"/organization/client/show/{acme}").status_code == 200
    assert quinn.get(f"/organization/client/show/{beta}").status_code == 404
    stale = ada.post(f"/users/edit/{number}", data=form)
    assert stale.status_code == 409
    house.session.remove()  # type: ignore[attr-defined]
    with acting(context_of()):
        version = house.session.get(UserAccount, number).row_version  # type: ignore[union-attr]
    ended = form | {"row_version": version, "valid_until": "2020-01-31", "reason": "The audit is over"}
    assert ada.post(f"/users/edit/{number}", data=ended).status_code == 302
    assert quinn.get("/account/").status_code == 302


@pytest.mark.req("CLI-1")
def test_nobody_hands_out_more_clients_than_his_own(house: House) -> None:
    with acting(context_of()):
        account = house.session.scalars(select(UserAccount).join(UserAccount.user).where(User.username == "ada")).one()
        account.all_clients = False
        house.session.commit()
    answer = new_login(house, house.client("ada"))
    assert answer.status_code == 422
    assert "only give access to clients that you may see yourself" in answer.text


def test_an_administrator_unlocks_and_resets_a_lost_second_factor(house: House) -> None:
    for _ in range(house.app.config["LOGIN_ATTEMPTS"]):
        house.client().post("/login/", data={"username": "tom", "password": "wrong"})
    number = number_of(house, "tom")
    ada = house.client("ada")
    assert "Locked" in ada.get(f"/users/show/{number}").text
    ada.post("/users/do/unlock", data={"rowid": number})
    assert house.client("tom").get("/account/").status_code == 200
    with acting(context_of()):
        account = house.session.get(UserAccount, number)
        assert account is not None
        account.totp_secret, account.totp_confirmed_at = "sealed", datetime.now(UTC)
        house.session.commit()
    ada.post("/users/do/forget-factor", data={"rowid": number})
    house.session.remove()  # type: ignore[attr-defined]
    with acting(context_of()):
        assert house.session.get(UserAccount, number).totp_secret is None  # type: ignore[union-attr]


@pytest.mark.req("11.100(b)")
def test_an_identity_is_verified_by_somebody_else(house: House) -> None:
    ada = house.client("ada")
    new_login(house, ada)
    number = number_of(house, "pat")
    quinn = house.client("quinn")
    quinn.post("/users/do/identify", data={"rowid": number})
    assert "Quinn Quality" in quinn.get(f"/users/show/{number}").text
    assert ada.post("/users/do/identify", data={"rowid": number}).status_code == 403


@pytest.mark.req("11.300(c)")
def test_an_administrator_ends_a_single_browser(house: House) -> None:
    tom, ada = house.client("tom"), house.client("ada")
    number = number_of(house, "tom")
    page = ada.get(f"/users/browsers/{number}").text
    address = re.search(rf"/users/browsers/{number}/\d+/end", page)
    assert address
    other = address.group(0).replace(f"/browsers/{number}/", f"/browsers/{number_of(house, 'tess')}/")
    assert ada.post(other).status_code == 404, "the session is not one of that login"
    assert ada.post(address.group(0)).status_code == 302
    assert tom.get("/account/").status_code == 302


@pytest.mark.req("SEC-4")
def test_the_review_marks_leavers_and_conflicts_of_duty(house: House) -> None:
    with acting(context_of()):
        tess = house.session.scalars(select(User).where(User.username == "tess")).one()
        tess.roles += house.session.scalars(select(Role).where(Role.name.in_(["Admin", "QA"]))).all()
        house.session.commit()
    page = house.client("quinn").get("/access-review/")
    assert page.status_code == 200
    row = next(part for part in page.text.split("<tr>") if ">tess" in part)
    assert "runs the system and takes quality decisions" in row
    assert "Admin, QA, Trainee" in row
    assert house.client("quinn").get("/access-review/export/csv").text.count("takes quality decisions") == 1


def test_changes_of_users_and_roles_are_on_the_trail_with_the_reason(house: House) -> None:
    ada = house.client("ada")
    number = number_of(house, "tom")
    with acting(context_of()):
        version = house.session.get(UserAccount, number).row_version  # type: ignore[union-attr]
    form = {
        "first_name": "Tom", "last_name": "Trained", "email": "tom@example.com", "all_clients": "y",
        "roles": [role_id(house, "Instructor")], "row_version": version, "reason": "Teaches from now on",
    }  # fmt: skip
    assert ada.post(f"/users/edit/{number}", data=form).status_code == 302
    with acting(context_of()):
        tables = set(
            house.session.scalars(select(AuditEntry.table_name).where(AuditEntry.reason == "Teaches from now on"))
        )
    assert {"ab_user", "ab_user_role"} <= tables


@pytest.mark.req("CLI-3")
def test_whatever_an_auditor_opens_is_recorded(house: House) -> None:
    axel = house.client("axel")
    axel.get("/people/list/?q=tom")
    axel.get("/people/show/8")
    with acting(context_of()):
        query = select(AuditEntry).where(AuditEntry.kind == "view", AuditEntry.username == "axel")
        told = [(entry.table_name, entry.record_id) for entry in house.session.scalars(query.order_by(AuditEntry.id))]
    assert told == [(None, None), ("people", "8")]


def test_a_page_opens_while_a_long_write_holds_the_database(house: House) -> None:
    browser = house.client("tom")
    assert browser.get("/").status_code == 200
    house.app.config["CLOCK"] = lambda: datetime.now(UTC) + timedelta(minutes=5)
    writer = house.session.get_bind().raw_connection()
    try:
        writer.execute("BEGIN IMMEDIATE")
        assert browser.get("/").status_code == 200
    finally:
        writer.execute("ROLLBACK")
        writer.close()
        del house.app.config["CLOCK"]
