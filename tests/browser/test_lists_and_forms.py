"""Lists and forms under somebody's hands: filters, cards on a phone, errors that lead to their field, nothing lost."""

import re

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.browser.conftest import DESKTOP, Site, Visit, accessible, sign_in
from tests.cast import PASSWORD

pytestmark = pytest.mark.browser


def test_a_filter_is_put_on_seen_as_a_chip_and_taken_off(visitor: Visit) -> None:
    page = visitor("ada")
    page.goto("/people/list/")
    expect(page.get_by_role("link", name="Tom Trainee")).to_be_visible()
    page.locator("summary").filter(has_text="Filter").click()
    supervisor = page.get_by_role("combobox", name="Supervisor")
    supervisor.click()
    supervisor.press_sequentially("Sue")
    page.get_by_role("option").filter(has_text="Sue Supervisor").click()
    accessible(page)
    page.get_by_role("button", name="Apply").click()
    expect(page.locator(".chip.on")).to_contain_text("Sue Supervisor")
    expect(page.get_by_role("link", name="Tom Trainee")).to_be_visible()
    expect(page.get_by_role("link", name="Max Manager")).to_have_count(0)
    page.get_by_role("link", name="Remove this filter: Supervisor").click()
    expect(page.get_by_role("link", name="Max Manager")).to_be_visible()


def test_a_heading_sorts_the_list_and_says_so(visitor: Visit) -> None:
    page = visitor("ada")
    page.goto("/people/list/")
    heading = page.get_by_role("columnheader", name="Employee no.")
    heading.get_by_role("link").click()
    expect(heading).to_have_attribute("aria-sort", "ascending")
    expect(page.locator("tbody tr").first).to_contain_text("E001")
    heading.get_by_role("link").click()
    expect(heading).to_have_attribute("aria-sort", "descending")
    expect(page.locator("tbody tr").first).to_contain_text("E012")


def test_a_table_becomes_cards_with_their_labels_on_a_phone(visitor: Visit) -> None:
    page = visitor("ada", phone=True)
    page.goto("/people/list/")
    cell = page.locator("td[data-label='Employee no.']").first
    label = cell.evaluate("it => getComputedStyle(it, '::before').content")
    assert "Employee no." in label
    accessible(page)


def test_an_export_is_what_the_filtered_list_shows(visitor: Visit) -> None:
    page = visitor("ada")
    page.goto("/people/list/?q=Tom")
    page.locator("summary").filter(has_text="Export").click()
    with page.expect_download() as download:
        page.get_by_role("link", name="CSV").click()
    text = download.value.path().read_text(encoding="utf-8-sig")
    assert "Tom Trainee" in text
    assert "Max Manager" not in text


def test_a_form_with_errors_keeps_what_was_typed_and_leads_to_the_field(visitor: Visit) -> None:
    page = visitor("ada")
    page.goto("/organization/department/add")
    page.get_by_label(re.compile("^Name")).fill("Filling line 3")
    page.get_by_role("button", name="Save").click()
    summary = page.locator("[data-error-summary]")
    expect(summary).to_be_visible()
    expect(page.get_by_label(re.compile("^Name"))).to_have_value("Filling line 3")
    code = page.get_by_label(re.compile("^Code"))
    expect(code).to_be_focused()
    expect(code).to_have_attribute("aria-invalid", "true")
    accessible(page)


def test_what_was_typed_survives_a_session_that_ended_meanwhile(visitor: Visit) -> None:
    page = visitor("ada")
    page.goto("/organization/department/add")
    page.get_by_label(re.compile("^Code")).fill("LINE-3")
    page.get_by_label(re.compile("^Name")).fill("Filling line 3")
    page.context.clear_cookies()
    page.get_by_role("button", name="Save").click()
    sign_in(page, "ada")
    page.goto("/organization/department/add")
    expect(page.get_by_label(re.compile("^Code"))).to_have_value("LINE-3")
    expect(page.get_by_label(re.compile("^Name"))).to_have_value("Filling line 3")


def test_the_parts_of_a_record_are_tabs_that_the_arrow_keys_move_between(visitor: Visit) -> None:
    page = visitor("ada")
    page.goto("/organization/department/list/")
    page.locator("tbody tr").first.get_by_role("link").click()
    expect(page.get_by_role("tablist")).to_be_visible()
    page.get_by_role("tab", name="History").click()
    expect(page.get_by_role("tabpanel")).to_contain_text("created")
    page.get_by_role("tab", name="History").press("ArrowLeft")
    expect(page.get_by_role("tab", name="Details")).to_have_attribute("aria-selected", "true")
    accessible(page)


def test_the_search_suggests_people_and_the_slash_key_leads_to_it(visitor: Visit) -> None:
    page = visitor("ada")
    page.goto("/people/list/")
    page.locator("html[data-ready=yes]").wait_for()
    page.keyboard.press("/")
    page.keyboard.type("tess")
    expect(page.locator("#find-list").get_by_role("option").first).to_contain_text("Tess Trainee")
    accessible(page)
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", level=1)).to_contain_text("Tess Trainee")


def without_scripts(chromium: Browser, site: Site) -> Page:
    """Open a window in which scripts do not run at all."""
    context = chromium.new_context(base_url=site.url, viewport=DESKTOP, java_script_enabled=False, locale="en-US")  # type: ignore[arg-type]
    return context.new_page()


def test_signing_in_filtering_and_saving_work_without_scripts(chromium: Browser, site: Site) -> None:
    page = without_scripts(chromium, site)
    page.goto("/login/")
    page.get_by_label("User name").fill("ada")
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Sign in").click()
    page.goto("/documents/list/")
    page.locator("summary").filter(has_text="Filter").click()
    page.get_by_label("Kind").select_option("course")
    page.get_by_role("button", name="Apply").click()
    expect(page.locator(".chip.on")).to_contain_text("Course")
    page.goto("/organization/department/add")
    page.get_by_label(re.compile("^Code")).fill("LINE-4")
    page.get_by_label(re.compile("^Name")).fill("Filling line 4")
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_role("heading", level=1)).to_contain_text("Filling line 4")
    page.get_by_label("Account of Ada Admin").click()
    page.get_by_role("button", name="Sign out").click()
    expect(page.get_by_label("Password")).to_be_visible()
    page.context.close()
