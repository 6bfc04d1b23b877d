"""Signing in and out: what a stranger learns, what too many tries do, how sessions end (SEC-2)."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pyotp
import pytest
from flask import Flask
from flask.testing import FlaskClient
from flask_appbuilder.security.sqla.models import User
from sqlalchemy import select

from app import create_app
from app.models.access import LoginSession, UserAccount
from app.models.jobs import OutboxMail
from app.models.trail import AuditEntry
from app.safeguards.context import acting
from tests.cast import PASSWORD, context_of
from tests.conftest import House, fresh_sqlite, settings_for

pytestmark = pytest.mark.req("SEC-2", "11.10(d)", "11.300")

NEW = "a lantern on the pier"


class Clock:
    """A clock that a test moves."""

    def __init__(self) -> None:
        self.now = datetime(2026, 6, 1, 8, 0, tzinfo=UTC)

    def __call__(self) -> datetime:
        return self.now

    def pass_by(self, **span: int) -> None:
        self.now += timedelta(**span)


@pytest.fixture
def clock(house: House) -> Iterator[Clock]:
    clock = Clock()
    house.app.config["CLOCK"] = clock
    yield clock
    del house.app.config["CLOCK"]


def sign_in(browser: FlaskClient, username: str, password: str = PASSWORD) -> Any:
    return browser.post("/login/", data={"username": username, "password": password})


def inside(browser: FlaskClient) -> bool:
    return browser.get("/account/").status_code == 200


def account(house: House, username: str) -> UserAccount:
    house.session.remove()  # type: ignore[attr-defined]
    found = house.session.scalar(select(UserAccount).join(UserAccount.user).where(User.username == username))
    assert found is not None
    return found


def kinds(house: House) -> list[str]:
    with acting(context_of()):
        return list(house.session.scalars(select(AuditEntry.kind).order_by(AuditEntry.id)))


def test_the_right_password_opens_and_the_trail_tells(house: House) -> None:
    browser = house.client()
    assert not inside(browser)
    assert sign_in(browser, "tom").status_code == 302
    assert inside(browser)
    assert kinds(house)[-1] == "login"


@pytest.mark.req("11.300(a)")
def test_user_names_are_the_same_whatever_their_case(house: House) -> None:
    assert sign_in(house.client(), "TOM").status_code == 302


def test_a_stranger_learns_the_same_from_every_refusal(house: House, clock: Clock) -> None:
    unknown = sign_in(house.client(), "nobody-here", "wrong password")
    wrong = sign_in(house.client(), "tom", "wrong password")
    with acting(context_of()):
        account(house, "tess").user.active = False
        house.session.commit()
    inactive = sign_in(house.client(), "tess")
    assert {answer.status_code for answer in (unknown, wrong, inactive)} == {401}
    said = {answer.text.split("error-summary")[1].split("</ul>")[0] for answer in (unknown, wrong, inactive)}
    assert len(said) == 1


def test_too_many_wrong_passwords_lock_the_login_for_a_while(house: House, clock: Clock) -> None:
    for _ in range(house.app.config["LOGIN_ATTEMPTS"]):
        assert sign_in(house.client(), "tom", "wrong password").status_code == 401
    assert sign_in(house.client(), "tom").status_code == 401, "locked, though the password is right"
    assert "login locked" in kinds(house)
    clock.pass_by(minutes=house.app.config["LOCK_MINUTES"], seconds=1)
    assert sign_in(house.client(), "tom").status_code == 302


def test_a_right_password_forgets_earlier_failures(house: House, clock: Clock) -> None:
    for _ in range(3):
        for _ in range(house.app.config["LOGIN_ATTEMPTS"] - 1):
            sign_in(house.client(), "tom", "wrong password")
        assert sign_in(house.client(), "tom").status_code == 302


def test_the_trail_keeps_no_password_that_was_typed_as_a_name(house: House) -> None:
    sign_in(house.client(), "correct-horse-typed-as-name", "x")
    with acting(context_of()):
        texts = house.session.execute(select(AuditEntry.before, AuditEntry.after, AuditEntry.username)).all()
    assert not [row for row in texts if "correct-horse-typed-as-name" in str(row)]


def test_signing_out_ends_the_session_even_for_a_copied_cookie(house: House) -> None:
    browser = house.client("tom")
    cookie = browser.get_cookie("qualgate")
    assert cookie is not None
    thief = house.client()
    thief.set_cookie("qualgate", cookie.value)
    assert inside(thief)
    assert browser.get("/logout/").status_code == 200, "a link only asks"
    assert inside(browser)
    browser.post("/logout/")
    assert not inside(browser)
    assert not inside(thief)
    assert "logout" in kinds(house)


def test_nothing_happening_ends_the_session(house: House, clock: Clock) -> None:
    browser = house.client("tom")
    for _ in range(4):
        clock.pass_by(minutes=house.app.config["SESSION_IDLE_MINUTES"] - 2)
        assert inside(browser)
    clock.pass_by(minutes=house.app.config["SESSION_IDLE_MINUTES"] + 1)
    assert not inside(browser)
    with acting(context_of()):
        assert house.session.scalars(select(LoginSession.revoked_why)).all() == ["idle"]


def test_a_session_has_a_longest_time_however_busy(house: House, clock: Clock) -> None:
    browser = house.client("tom")
    for _ in range(house.app.config["SESSION_HOURS"] * 6):
        clock.pass_by(minutes=10)
        if not inside(browser):
            break
    assert clock.now == datetime(2026, 6, 1, 8, 0, tzinfo=UTC) + timedelta(hours=house.app.config["SESSION_HOURS"])


def test_a_new_password_signs_every_other_browser_out(house: House) -> None:
    here, elsewhere = house.client("tom"), house.client("tom")
    form = {"present": PASSWORD, "password": NEW, "again": NEW}
    assert here.post("/account/password", data=form).status_code == 302
    assert inside(here)
    assert not inside(elsewhere)
    assert sign_in(house.client(), "tom").status_code == 401
    assert sign_in(house.client(), "tom", NEW).status_code == 302


@pytest.mark.parametrize(
    ("password", "said"),
    [
        ("short", "at least"),
        ("password123", "first that are guessed"),
        ("aaaaaaaaaaaaaaaa", "first that are guessed"),
        ("tom@example.com", "own name, address or user name"),
        (PASSWORD, "used this password before"),
    ],
)
def test_weak_and_used_passwords_are_refused_with_the_reason(house: House, password: str, said: str) -> None:
    browser = house.client("tom")
    form = {"present": PASSWORD, "password": password, "again": password}
    answer = browser.post("/account/password", data=form)
    assert answer.status_code == 422
    assert said in answer.text


@pytest.mark.req("11.300(d)")
def test_guessing_the_present_password_locks_the_login_and_ends_its_sessions(house: House, clock: Clock) -> None:
    browser, elsewhere = house.client("tom"), house.client("tom")
    wrong = {"present": "a wrong guess", "password": NEW, "again": NEW}
    for left in reversed(range(house.app.config["LOGIN_ATTEMPTS"])):
        assert browser.post("/account/password", data=wrong).status_code == 422
        assert inside(elsewhere) is (left > 0)
    assert not inside(browser), "the session is over"
    browser.post("/account/password", data=wrong | {"present": PASSWORD})
    assert sign_in(house.client(), "tom", NEW).status_code == 401, "nothing was changed"
    clock.pass_by(minutes=house.app.config["LOCK_MINUTES"] + 1)
    assert sign_in(house.client(), "tom").status_code == 302, "the old password still counts"


def test_a_locked_login_changes_no_password_and_is_told_no_more_than_after_a_wrong_one(
    house: House, clock: Clock
) -> None:
    browser = house.client("tom")
    form = {"present": PASSWORD, "password": NEW, "again": NEW}
    said = browser.post("/account/password", data=form | {"present": "a wrong guess"})
    for _ in range(house.app.config["LOGIN_ATTEMPTS"]):
        sign_in(house.client(), "tom", "wrong password")
    answer = browser.post("/account/password", data=form)
    assert answer.status_code == said.status_code == 422
    assert "This is not your present password." in answer.text
    assert "This is not your present password." in said.text
    clock.pass_by(minutes=house.app.config["LOCK_MINUTES"] + 1)
    assert sign_in(house.client(), "tom").status_code == 302


def test_too_many_guesses_of_the_present_password_from_one_address_are_slowed_down(
    prepared: tuple[Flask, Path],
) -> None:
    fresh_sqlite(prepared)
    settings = settings_for(prepared[1], prepared[0].config["SQLALCHEMY_DATABASE_URI"])
    app = create_app(settings | {"RATELIMIT_ENABLED": True, "AUTH_RATE_LIMIT": "3 per minute"})
    browser = app.test_client()
    assert sign_in(browser, "tom").status_code == 302
    form = {"present": "a wrong guess", "password": NEW, "again": NEW}
    assert [browser.post("/account/password", data=form).status_code for _ in range(5)] == [422, 422, 422, 429, 429]


def test_former_passwords_do_not_come_back_for_a_while(house: House) -> None:
    browser = house.client("tom")
    present = PASSWORD
    for number in range(house.app.config["PASSWORD_HISTORY"]):
        wanted = f"{NEW} number {number}"
        form = {"present": present, "password": wanted, "again": wanted}
        assert browser.post("/account/password", data=form).status_code == 302
        back = {"present": wanted, "password": PASSWORD, "again": PASSWORD}
        assert browser.post("/account/password", data=back).status_code == 422
        present = wanted


def test_long_passwords_with_any_characters_are_taken_whole(house: House) -> None:
    long = "пароль 密码 🔑 " * 6
    browser = house.client("tom")
    form = {"present": PASSWORD, "password": long, "again": long}
    assert browser.post("/account/password", data=form).status_code == 302
    assert sign_in(house.client(), "tom", long[:-1] + "x").status_code == 401
    assert sign_in(house.client(), "tom", long).status_code == 302


def test_a_password_may_be_made_to_expire(house: House, clock: Clock) -> None:
    house.app.config["PASSWORD_EXPIRES_DAYS"] = 90
    try:
        browser = house.client("tom")
        assert inside(browser)
        clock.pass_by(days=30)
        browser = house.client("tom")
        clock.pass_by(minutes=1)
        with acting(context_of()):
            account(house, "tom").password_changed_at = clock.now - timedelta(days=91)
            house.session.commit()
        answer = browser.get("/account/")
        assert answer.status_code == 302
        assert answer.headers["Location"].endswith("/account/password")
    finally:
        house.app.config["PASSWORD_EXPIRES_DAYS"] = 0


def enroll(browser: FlaskClient, clock: Clock) -> pyotp.TOTP:
    browser.get("/account/second-factor")
    with browser.session_transaction() as session:
        totp = pyotp.TOTP(session["second factor to test"])
    wrong = browser.post("/account/second-factor", data={"code": "000000"})
    assert wrong.status_code == 422
    assert browser.post("/account/second-factor", data={"code": totp.at(clock.now)}).status_code == 302
    return totp


@pytest.mark.req("11.300(e)")
def test_a_second_factor_counts_once_it_has_been_tested(house: House, clock: Clock) -> None:
    totp = enroll(house.client("tom"), clock)
    browser = house.client()
    half = sign_in(browser, "tom")
    assert half.headers["Location"].startswith("/login/code")
    assert not inside(browser), "a password alone is half a sign-in"
    assert browser.post("/login/code", data={"code": totp.at(clock.now)}).status_code == 401, "used at enrollment"
    clock.pass_by(seconds=31)
    assert browser.post("/login/code", data={"code": totp.at(clock.now)}).status_code == 302
    assert inside(browser)
    replay = house.client()
    sign_in(replay, "tom")
    assert replay.post("/login/code", data={"code": totp.at(clock.now)}).status_code == 401, "a code works once"


def test_wrong_codes_lock_like_wrong_passwords_and_half_a_sign_in_runs_out(house: House, clock: Clock) -> None:
    totp = enroll(house.client("tom"), clock)
    clock.pass_by(minutes=2)
    browser = house.client()
    sign_in(browser, "tom")
    for _ in range(house.app.config["LOGIN_ATTEMPTS"]):
        browser.post("/login/code", data={"code": "000000"})
    assert browser.post("/login/code", data={"code": totp.at(clock.now)}).status_code == 401
    clock.pass_by(minutes=house.app.config["LOCK_MINUTES"] + 1)
    assert browser.post("/login/code", data={"code": totp.at(clock.now)}).headers["Location"] == "/login/"


def test_an_installation_may_demand_a_second_factor_of_everybody(house: House, clock: Clock) -> None:
    house.app.config["REQUIRE_SECOND_FACTOR"] = True
    try:
        browser = house.client("tom")
        answer = browser.get("/account/")
        assert answer.headers["Location"].endswith("/account/second-factor")
        enroll(browser, clock)
        assert inside(browser)
    finally:
        house.app.config["REQUIRE_SECOND_FACTOR"] = False


def test_the_secret_of_the_second_factor_is_in_no_table_and_no_trail(house: House, clock: Clock) -> None:
    totp = enroll(house.client("tom"), clock)
    stored = account(house, "tom").totp_secret
    assert stored is not None
    assert totp.secret not in stored
    with acting(context_of()):
        entries = house.session.scalars(select(AuditEntry.after)).all()
    assert not [text for text in entries if text and (totp.secret in text or stored in text)]


def test_one_sees_and_ends_ones_own_sessions_only(house: House) -> None:
    tom, also_tom, tess = house.client("tom"), house.client("tom"), house.client("tess")
    with acting(context_of()):
        rows = house.session.execute(select(LoginSession.id, User.username).join(User, User.id == LoginSession.user_id))
        numbers: dict[str, list[int]] = {}
        for number, name in rows:
            numbers.setdefault(name, []).append(number)
    assert tom.post(f"/account/sessions/{numbers['tess'][0]}/end").status_code == 404
    assert inside(tess)
    assert tom.post(f"/account/sessions/{numbers['tom'][1]}/end").status_code == 302
    assert inside(tom)
    assert not inside(also_tom)


@pytest.mark.parametrize(
    "wanted", ["https://evil.example/", "//evil.example", "/\\evil.example", "javascript:alert(1)", "http:evil.example"]
)
def test_signing_in_leads_to_our_own_pages_only(house: House, wanted: str) -> None:
    answer = house.client().post(f"/login/?next={wanted}", data={"username": "tom", "password": PASSWORD})
    assert answer.status_code == 302
    address = answer.headers["Location"]
    assert urlsplit(address).netloc == ""
    assert urlsplit(address).scheme == ""
    assert not address.startswith(("//", "/\\"))


def test_too_many_tries_from_one_address_are_slowed_down(prepared: tuple[Flask, Path]) -> None:
    fresh_sqlite(prepared)
    settings = settings_for(prepared[1], prepared[0].config["SQLALCHEMY_DATABASE_URI"])
    browser = create_app(settings | {"RATELIMIT_ENABLED": True, "AUTH_RATE_LIMIT": "30 per minute"}).test_client()
    answers = [sign_in(browser, f"guess{number}", "x").status_code for number in range(32)]
    assert set(answers[:30]) == {401}
    assert set(answers[30:]) == {429}
    assert browser.get("/login/").status_code == 200, "the page itself stays open"


@pytest.mark.req("11.300(d)")
def test_security_hears_of_a_locked_login_in_the_same_act(house: House, clock: Clock) -> None:
    for _ in range(house.app.config["LOGIN_ATTEMPTS"]):
        sign_in(house.client(), "tom", "wrong password")
    with acting(context_of()):
        mails = house.session.scalars(select(OutboxMail)).all()
    assert {mail.to for mail in mails} == {"ada@example.com", "quinn@example.com"}
    assert "The login tom was locked" in mails[0].body
