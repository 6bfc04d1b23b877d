"""A file that takes long, as somebody sees it who waits: progress that moves, a way on, a way out, with and without
script."""

from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from app.views import background
from tests.browser.conftest import Site, Visit, accessible
from tests.importing.books import workbook
from tests.importing.test_long_files import Gate, eventually, followers
from tests.importing.test_matrix_pages import ROLES

pytestmark = [pytest.mark.browser, pytest.mark.req("IMP-3")]


@pytest.fixture
def slow(site: Site, monkeypatch: pytest.MonkeyPatch) -> Gate:
    gate = Gate(background._read)
    monkeypatch.setattr(background, "_read", gate)
    monkeypatch.setitem(site.app.config, "IMPORT_WAIT_SECONDS", 0.05)
    return gate


def upload(page: Page, folder: Path) -> None:
    file = folder / "matrix.xlsx"
    file.write_bytes(workbook({"Matrix": ROLES}))
    page.goto("/import/")
    page.get_by_role("radio", name="Training matrix, as it is").check()
    page.locator("input[type=file]").set_input_files(file)
    page.get_by_role("button", name="Read the file").click()


def test_the_page_tells_how_far_it_is_and_leads_on_by_itself(visitor: Visit, slow: Gate, tmp_path: Path) -> None:
    page = visitor("cora")
    upload(page, tmp_path)
    expect(page.locator("[data-progress] [role=status]")).to_have_text("Reading the file")
    expect(page.locator("[data-progress-detail]")).to_contain_text("30 %")
    before = page.locator("[data-progress-detail]").inner_text()
    expect(page.locator("[data-progress-detail]")).not_to_have_text(before, timeout=4_000)
    expect(page.get_by_role("progressbar", name="Reading the file")).to_have_js_property("value", 3_000)
    accessible(page)
    slow.open.set()
    expect(page.get_by_role("heading", name="Understood as")).to_be_visible(timeout=15_000)
    eventually(lambda: not followers())


def test_it_is_given_up_with_the_keyboard(visitor: Visit, slow: Gate, tmp_path: Path) -> None:
    page = visitor("cora")
    upload(page, tmp_path)
    expect(page.locator("[data-progress] [role=status]")).to_be_visible()
    page.get_by_role("button", name="Cancel").focus()
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", name="Earlier imports")).to_be_visible()
    expect(page.get_by_text("Cancelled").first).to_be_visible()
    assert slow.ended.wait(5)
    eventually(lambda: not followers())
