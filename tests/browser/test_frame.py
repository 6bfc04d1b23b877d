"""The frame around every page: signing in, menu, light and dark, keyboard, phone."""

import pytest
from playwright.sync_api import expect

from tests.browser.conftest import Visit, accessible

pytestmark = pytest.mark.browser


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
@pytest.mark.parametrize("phone", [False, True], ids=["desktop", "phone"])
def test_the_first_pages_are_accessible_in_every_look(visitor: Visit, phone: bool, dark: bool) -> None:
    page = visitor(phone=phone, dark=dark)
    page.goto("/login/")
    accessible(page)
    page = visitor("ada", phone=phone, dark=dark)
    page.goto("/")
    accessible(page)


def test_a_wrong_password_is_said_beside_the_form_and_keeps_the_user_name(visitor: Visit) -> None:
    page = visitor()
    page.goto("/login/")
    page.get_by_label("User name").fill("tom")
    page.get_by_label("Password").fill("not his password")
    page.get_by_role("button", name="Sign in").click()
    expect(page.get_by_role("alert")).to_contain_text("wrong")
    expect(page.get_by_label("User name")).to_have_value("tom")
    accessible(page)


def test_the_look_follows_the_device_until_somebody_chooses(visitor: Visit) -> None:
    page = visitor("tom", dark=True)
    root = page.locator("html")
    expect(root).to_have_attribute("data-bs-theme", "dark")
    page.get_by_label("Light or dark").click()
    page.get_by_role("button", name="Light", exact=True).click()
    expect(root).to_have_attribute("data-bs-theme", "light")
    page.reload()
    expect(root).to_have_attribute("data-bs-theme", "light")


def test_the_keyboard_reaches_the_content_first_and_leaves_menus_by_escape(visitor: Visit) -> None:
    page = visitor("tom")
    page.goto("/")
    page.keyboard.press("Tab")
    expect(page.get_by_role("link", name="Skip to the content")).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.locator("#content")).to_be_focused()
    page.get_by_label("Account of Tom Trainee").focus()
    page.keyboard.press("Enter")
    page.keyboard.press("ArrowDown")
    expect(page.locator(".menu-panel a, .menu-panel button").filter(visible=True).first).to_be_focused()
    page.keyboard.press("Escape")
    expect(page.get_by_label("Account of Tom Trainee")).to_be_focused()


def test_the_menu_of_a_phone_opens_over_the_page_and_closes_again(visitor: Visit) -> None:
    page = visitor("ada", phone=True)
    page.goto("/")
    expect(page.locator("#sidebar")).not_to_be_visible()
    page.get_by_role("button", name="Menu", exact=True).click()
    expect(page.get_by_role("navigation", name="Main menu")).to_be_visible()
    accessible(page)
    page.keyboard.press("Escape")
    expect(page.locator("#sidebar")).not_to_be_visible()


def test_signing_out_ends_the_session(visitor: Visit) -> None:
    page = visitor("tom")
    page.get_by_label("Account of Tom Trainee").click()
    page.get_by_role("button", name="Sign out").click()
    expect(page.get_by_text("You are signed out.")).to_be_visible()
    page.goto("/")
    expect(page.get_by_label("Password")).to_be_visible()


def test_a_page_that_does_not_exist_says_what_to_do(visitor: Visit) -> None:
    page = visitor("tom")
    page.goto("/no-such-page")
    expect(page.get_by_role("heading", level=1)).to_be_visible()
    expect(page.get_by_role("link", name="To my page")).to_be_visible()
    accessible(page)
