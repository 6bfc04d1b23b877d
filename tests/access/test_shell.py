"""What the framework gets wrong out of the box and must not get wrong here (SEC-3, docs/access.md)."""

import io
import re
from pathlib import Path
from typing import Any

import pytest
from flask import Flask

from app import create_app
from tests.cast import PASSWORD
from tests.conftest import House, fresh_sqlite, settings_for

pytestmark = pytest.mark.req("SEC-3")

PAGES = ("/", "/people/list/", "/people/add", "/organization/site/list/", "/users/list/", "/permissions/", "/settings/",
         "/account/", "/search?q=tom")  # fmt: skip


@pytest.fixture
def guarded(prepared: tuple[Flask, Path]) -> Flask:
    """The application with protection against cross-site requests and TLS, as in production."""
    fresh_sqlite(prepared)
    settings = settings_for(prepared[1], prepared[0].config["SQLALCHEMY_DATABASE_URI"])
    return create_app(settings | {"WTF_CSRF_ENABLED": True, "HTTPS": True, "SESSION_COOKIE_SECURE": True})


def token_of(page: str) -> str:
    found = re.search(r'name="csrf_token"[^>]*value="([^"]+)"', page) or re.search(
        r'name="csrf-token" content="([^"]+)"', page
    )
    assert found
    return found.group(1)


def test_every_form_needs_its_token_even_the_one_to_sign_in(guarded: Flask) -> None:
    browser = guarded.test_client()
    form = {"username": "cora", "password": PASSWORD}
    https: dict[str, Any] = {"base_url": "https://localhost", "headers": {"Referer": "https://localhost/"}}
    assert browser.post("/login/", data=form, **https).status_code == 400
    token = token_of(browser.get("/login/", base_url="https://localhost").text)
    assert browser.post("/login/", data=form | {"csrf_token": token}, **https).status_code == 302
    new = {"code": "X", "name": "X"}
    assert browser.post("/organization/department/add", data=new, **https).status_code == 400
    page = browser.get("/organization/department/add", base_url="https://localhost").text
    answer = browser.post("/organization/department/add", data=new | {"csrf_token": token_of(page)}, **https)
    assert answer.status_code == 302


def test_no_route_is_exempt_from_the_token(house: House) -> None:
    protection = house.app.extensions["csrf"]
    assert not protection._exempt_views
    assert not protection._exempt_blueprints


def test_cookies_are_for_our_server_alone(guarded: Flask) -> None:
    answer = guarded.test_client().get("/login/", base_url="https://localhost")
    cookie = answer.headers["Set-Cookie"]
    for part in ("Secure", "HttpOnly", "SameSite=Lax", "Path=/"):
        assert part in cookie
    assert "max-age=" in answer.headers["Strict-Transport-Security"]


def test_the_cookie_holds_no_browsing_history(house: House) -> None:
    browser = house.client("cora")
    for page in PAGES[1:5]:
        browser.get(page)
    with browser.session_transaction() as session:
        assert "page_history" not in session


@pytest.mark.parametrize("page", PAGES)
def test_pages_run_only_our_own_scripts_and_styles(house: House, page: str) -> None:
    answer = house.client("ada").get(page)
    policy = answer.headers["Content-Security-Policy"]
    assert "unsafe" not in policy
    assert "default-src 'none'" in policy
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert answer.headers["Cache-Control"] == "no-store"
    assert answer.headers["Referrer-Policy"] == "same-origin"
    assert not re.search(r'\sstyle="', answer.text), "an inline style is not let through"
    assert not re.search(r'\son\w+="', answer.text), "an inline handler is not let through"
    assert not re.search(r'(src|href)="(https?:)?//', answer.text), "nothing comes from another server"
    for script in re.findall(r"<script[^>]*>", answer.text):
        assert "src=" in script or "nonce=" in script


def test_the_pages_of_the_framework_that_write_around_our_rules_are_gone(house: House) -> None:
    ada = house.client("ada")
    for path in (
        "/users/add/", "/userdbmodelview/list/", "/roles/list/", "/rolemodelview/list/", "/roles/delete/1",
        "/users/delete/1", "/resetpassword/form", "/resetmypassword/form", "/userinfoeditview/form", "/register/form",
        "/api/v1/security/login", "/api/v1/security/users/", "/api/v1/security/roles/", "/permissions/list/",
        "/viewmenus/list/", "/permissionviews/list/", "/groups/list/", "/userstatschartview/chart/", "/swagger/v1",
    ):  # fmt: skip
        assert ada.get(path).status_code in {404, 405}, path
        assert ada.post(path, data={}).status_code in {404, 405}, path


def test_a_refusal_is_a_403_and_not_a_way_elsewhere(house: House) -> None:
    answer = house.client("tom").get("/users/list/")
    assert answer.status_code == 403
    assert "Your role does not allow this" in answer.text


def test_programs_get_refusals_as_json(house: House) -> None:
    headers = {"Accept": "application/json"}
    assert house.client().get("/people/list/", headers=headers).status_code == 401
    answer = house.client("tom").get("/people/list/", headers=headers)
    assert answer.status_code == 403
    assert answer.get_json()["status"] == 403


def test_an_uploaded_page_is_never_run_by_a_browser(house: House) -> None:

    browser = house.client("cora")
    evil = b"<html><script>alert(document.cookie)</script></html>"
    browser.post("/people/files/1", data={"file": (io.BytesIO(evil), "evil.html", "text/html")},
                 content_type="multipart/form-data")  # fmt: skip
    address = re.search(r"/people/files/1/\d+", browser.get("/people/show/1").text)
    assert address
    answer = browser.get(address.group(0))
    assert answer.headers["Content-Disposition"].startswith("attachment")
    assert "sandbox" in answer.headers["Content-Security-Policy"]
    assert "html" not in answer.headers["Content-Type"]


def test_typed_markup_is_shown_as_text(house: House) -> None:
    browser = house.client("cora")
    name = "<img src=x onerror=alert(1)>"
    browser.post("/organization/department/add", data={"code": "XSS", "name": name, "active": "y"})
    for page in ("/organization/department/list/", "/search?q=XSS"):
        text = browser.get(page).text
        assert name not in text
        assert "&lt;img src=x" in text
